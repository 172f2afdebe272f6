"""The manual page, in roff with the man macros (groff_man(7)), made of the help of all commands.

`bundler.cli.man` reads that help from click. This module adds the sections about files and environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bundler.core.exit_codes import EXIT_CODES
from bundler.core.frozen import frozen


@frozen
class OptionText:
    """One option, or one argument.

    Attributes:
        spelling: The names and the metavar, as in help: ``-o, --output DIR``.
        text: Its help.
    """

    spelling: str
    text: str


@frozen
class CommandText:
    """One command, or the program itself.

    Attributes:
        path: The words that call it: ``bundler receipt show``.
        usage: The words after the path: ``[OPTIONS] RECEIPT``.
        text: Its help, in paragraphs.
        examples: One on each line; two blanks separate a comment.
        options: Its arguments, then its options.
        commands: Its subcommands.
    """

    path: str
    usage: str
    text: str
    examples: str
    options: tuple[OptionText, ...]
    commands: tuple[CommandText, ...] = ()

    @property
    def summary(self) -> str:
        """The first sentence of the text, without its full stop."""
        return re.split(r"\.\s", self.text + " ", maxsplit=1)[0]


FILES = (
    ("~/.config/bundler/trust", "Public keys that are trusted without --trust; below $XDG_CONFIG_HOME if it is set."),
    (
        "~/.local/state/bundler/receipts",
        "Receipts of imports, unless --receipt names another file; below $XDG_STATE_HOME if it is set.",
    ),
    ("~/.docker/config.json", "Credentials of registries; in $DOCKER_CONFIG if it is set."),
    ("$XDG_RUNTIME_DIR/containers/auth.json", "The same, as podman and skopeo write it."),
    (
        "/etc/docker/certs.d, /etc/containers/certs.d, ~/.config/containers/certs.d",
        "Certificate authorities and client certificates, in a folder HOST:PORT for each registry.",
    ),
)

ENVIRONMENT = (
    ("DOCKER_HOST, DOCKER_CONTEXT, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH", "The Docker daemon, as for docker itself."),
    ("REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, DOCKER_CONFIG", "Where credentials are looked for, see FILES."),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "Additional certificate authorities for registries, PEM."),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "Proxies, and what is asked without one. In small letters, too."),
    (
        "HOME, XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME",
        "Where the folders in FILES are. Relative paths are ignored.",
    ),
    ("TMPDIR", "Where bytes are put down for a while, unless --scratch says so. Default: /var/tmp."),
    ("SOURCE_DATE_EPOCH", "The time that bundles are made at, in seconds, for the same bytes from the same input."),
    ("LANGUAGE, LC_ALL, LC_MESSAGES, LANG", "The language of all messages: English, or Chinese (zh)."),
    ("TRIVY_CACHE_DIR, GRYPE_DB_CACHE_DIR", "Where the databases of these scanners are, unless --database says so."),
    ("NO_COLOR", "No colours, if it is set."),
    ("SUDO_USER", "Is recorded in receipts, in addition to the user who runs the command."),
    ("SUDO_UID", "Run by root: whose folders of keys may be trusted, besides root's."),
    ("COLUMNS", "How wide explanations may be, at most 100."),
)

_SEE_ALSO = ("docker(1)", "skopeo(1)", "podman(1)", "openssl-pkeyutl(1)", "sha256sum(1)", "tar(1)", "7z(1)")


def man_page(program: CommandText, version: str) -> str:
    """The manual page of the whole program.

    Args:
        program: The program with all its commands.
        version: The version of bundler.
    """
    lines = [
        '.\\" Made by bundler man. Show it with: bundler man | man -l -',
        f'.TH BUNDLER 1 "" "bundler {_text(version)}" "User Commands"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"bundler \\- {_text(program.summary[:1].lower() + program.summary[1:])}",
        ".SH SYNOPSIS",
    ]
    for command in _leaves(program):
        lines += [f".B {_text(command.path)}", _text(command.usage), ".br"]
    lines += [".B bundler \\-\\-version", _text("[--json]")]
    lines += [".SH DESCRIPTION", *_paragraphs(program.text), *_paragraphs(_DESCRIPTION), *_examples(program.examples)]
    lines += [".SS Options of bundler itself", *_definitions((each.spelling, each.text) for each in program.options)]
    lines += [".SH COMMANDS"]
    for command in program.commands:
        lines += _command(command)
    lines += [".SH EXIT STATUS", *_definitions((str(code.number), code.meaning) for code in EXIT_CODES.values())]
    lines += [".SH FILES", *_definitions(FILES), ".SH ENVIRONMENT", *_definitions(ENVIRONMENT)]
    lines += [".SH SEE ALSO", *_see_also()]
    return "\n".join(lines) + "\n"


_DESCRIPTION = """On the internet side, export collects the images of a list into a bundle: a folder of chunk files,
checksummed and signed. On the disconnected side, import verifies it and pushes every image, digests unchanged.

Results go to stdout, progress and errors to stderr. An error names a code, and explain tells more of it."""


def _leaves(command: CommandText) -> Iterable[CommandText]:
    for each in command.commands:
        if each.commands:
            yield from _leaves(each)
        else:
            yield each


def _command(command: CommandText) -> list[str]:
    lines = [f".SS {_quoted(command.path)}"]
    lines += [".P", f".B {_text(command.path)}", _text(command.usage)]
    lines += _paragraphs(command.text)
    lines += _examples(command.examples)
    if command.commands:
        lines += _definitions((each.path, each.summary + ".") for each in command.commands)
    lines += _definitions((each.spelling, each.text) for each in command.options)
    for each in command.commands:
        lines += _command(each)
    return lines


def _paragraphs(text: str) -> list[str]:
    lines = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines += [".P", _text(" ".join(paragraph.split()))]
    return lines


def _examples(examples: str) -> list[str]:
    lines = [".P", "Examples:", ".RS 4"]
    for example in examples.strip().splitlines():
        command, *comment = re.split(r"\s{2,}", example.strip(), maxsplit=1)
        lines += [f".B {_text(command)}", ".br"]
        lines += [".RS 4", *map(_text, comment), ".RE"] if comment else []
    return [*lines, ".RE"]


def _definitions(rows: Iterable[tuple[str, str]]) -> list[str]:
    lines: list[str] = []
    for name, text in rows:
        lines += [".TP", _spelling(name), _text(" ".join(text.split())) or "\\&"]
    return lines


def _spelling(name: str) -> str:
    """A name in roff: flags are bold, metavars are not."""
    parts = re.split(r"((?:(?<=\s)|^)--?[A-Za-z][A-Za-z-]*)", name)
    if len(parts) == 1:
        return f".B {_text(name)}"
    return "".join(f"\\fB{_inline(part)}\\fR" if index % 2 else _inline(part) for index, part in enumerate(parts))


def _see_also() -> Sequence[str]:
    return [", ".join(re.sub(r"(.+)(\(\d\))", lambda m: f"\\fB{_inline(m[1])}\\fR{m[2]}", name) for name in _SEE_ALSO)]


def _text(text: str) -> str:
    """A line of text in which roff sees no request and no escape."""
    return ("\\&" if text.startswith((".", "'")) else "") + _inline(text)


def _inline(text: str) -> str:
    r"""Escapes the characters that roff would print as others: it prints typographic hyphens, quotes and accents."""
    return "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text.translate(_ESCAPES))


_ESCAPES = str.maketrans(
    {"\\": "\\e", "-": "\\-", "'": "\\(aq", '"': "\\(dq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
)


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'
