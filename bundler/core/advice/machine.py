"""Failures that the user of this machine ends: its disk, files of settings, the command itself."""

from __future__ import annotations

from bundler.core.advice.entry import Advice
from bundler.errors import LocalStorage, Misuse

NO_SPACE = Advice(
    "no-space",
    LocalStorage,
    "no space left",
    "free some space and run the same command again",
    "A disk of this machine is full, or a quota is used up. Unfinished results are marked as unfinished. Export "
    "shows the needed space in advance (--dry-run); import needs space only for encrypted bundles (--scratch).",
)

SETTINGS = (
    Advice(
        "secret-as-text",
        Misuse,
        "a secret was given instead of a file name",
        "write the secret to a file that only you can read, and give the name of that file",
        "Every user of a machine can read the arguments of its processes, and pipelines print them. So bundler "
        "reads secrets only from files, standard input or a prompt, and does not print text that looks like a "
        "secret. In a shell: umask 077; cat > FILE. In GitLab use a variable of type file, in Jenkins a secret "
        "file. A secret that was an argument may be in a log: replace it.",
    ),
    Advice(
        "setting-not-allowed",
        Misuse,
        "a flag that may not have a default in this place",
        "remove it from the file or the environment, and write it in the command that needs it",
        "Defaults of flags spare typing, and must not decide about trust in silence. A flag that weakens trust, such "
        "as --insecure-no-signature or --plain-http, a flag that asks for a secret, and one that is meant for one run "
        "are written in the command. bundler.toml in the working folder may have come on a medium: it describes lists "
        "and bundles (name, platform, chunk-size, key, output and the like), and neither trusted keys nor targets. "
        "These may be in config.toml in your configuration folder, or in variables. The command bundler config shows "
        "all defaults, and where each comes from.",
    ),
)

NO_FONT = Advice(
    "no-face",
    Misuse,
    "the fonts of PDF readers lack a character",
    "write an .html or .svg file, and print it with a browser",
    "A PDF of bundler has no font in it: it uses the fonts that each reader has, and these have the letters of "
    "Western Europe only. A browser has fonts for Chinese and for other scripts: write FILE.html, and print it on "
    "A4 in its actual size. Or give names in Latin letters, and `--lang en`.",
)

USAGE = Advice(
    "usage",
    Misuse,
    "the command is not valid",
    "see: bundler COMMAND --help",
    "A flag, a given file, a reference or a key is not valid. Nothing was done.",
)
