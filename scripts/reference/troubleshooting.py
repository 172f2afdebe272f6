"""docs/troubleshooting.md: all that ``bundler explain`` says, by exit code, with an index by symptom and answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bundler.core.advice import Advice
from bundler.core.advice.table import ADVICE, OF_EXIT_CODES
from bundler.core.exit_codes import EXIT_CODES, ExitCode
from bundler.core.registry_answers import known_answers
from bundler.views.words import with_placeholders
from reference.markdown import NOTE, prose, table

SYMPTOMS = {
    "Login and rights": """
        unauthorized robot-name denied no-catalog
        """,
    "Names, projects and tags": """
        name-unknown not-found project-missing name-refused tag-taken tag-immutable moved-at-registry
        """,
    "Registry is full, read-only or strict": """
        quota-exceeded target-disk-full registry-read-only blocked-by-policy manifest-refused digest-unsupported
        deletion-disabled image-removed-too refused
        """,
    "No connection": """
        connection-refused no-answer connect-timeout name-not-resolved proxy-failed too-slow registry-failed
        too-many-requests asked-to-wait
        """,
    "TLS and certificates": """
        unknown-authority certificate-name certificate-expired clock-skew no-tls
        """,
    "Proxies and uploads": """
        body-too-large sent-in-pieces method-refused proxy-page no-registry sent-elsewhere upload-elsewhere
        upload-without-tls upload-with-tls upload-astray
        """,
    "Blobs that the registry lost or changed": """
        not-kept parts-missing lost-at-registry damaged-at-registry damaged-at-target
        """,
    "Signatures and trust": """
        unsigned unknown-signer bad-signature too-few-signatures trust-folder key-came-along fingerprint-differs
        receipt-unsigned inventory-unsigned need-unsigned
        """,
    "Keys and secrets": """
        key-not-private key-on-medium secret-as-text setting-not-allowed
        """,
    "Policies for images": """
        policy bad-policy notation-policy notation-signature signature-expired revocation-unknown
        """,
    "Scans": """
        scan-missing scan-old scan-future scan-not-clean scan-unsigned scanner-missing scanner-database scanner-limits
        scanner-silent
        """,
    "Signatures, SBOMs and other attachments": """
        attachment-missing attachment-refused attachment-unlisted attachment-list-taken no-sbom sbom-unreadable
        """,
    "Damaged or missing parts of a bundle": """
        damaged incomplete base-missing layer-bomb
        """,
    "Need-lists": """
        need-without-bundle need-contradicts need-copy-only need-other-bytes
        """,
    "Channels": """
        older-bundle forked-channel channel-jump channel-memory
        """,
    "This machine, and the command": """
        no-space usage package-missing no-face
        """,
}
"""Each code below the symptom that people see. A test finds codes that are nowhere, or twice."""
_WORST_FIRST = (2, 3, 4, 5, 6, 7, 8, 9, 70, 130, 141, 1, 0)


def troubleshooting() -> str:
    """The whole page."""
    return "\n".join([NOTE, _HEAD, "## By exit code\n", _exit_codes(), "## By symptom\n", _symptoms(),
                      "## By the answer of a registry\n", _answers(), *map(_section, _WORST_FIRST)])  # fmt: skip


_HEAD = """# Troubleshooting

An error names the object, the next step, and the command that explains it: `bundler explain CODE`. This page has all
that it prints, offline, in English or Chinese. `bundler explain 7` explains an exit code, and
`bundler explain NAME_UNKNOWN` the answer of a registry. Words in capitals, like HOST, are names that the error has.
Before an import, `bundler doctor --to HOST` looks for most of these.
"""


def _exit_codes() -> str:
    rows = ((f"[{each.number}](#{_anchor(each)})", prose(each.meaning), each.actor) for each in EXIT_CODES.values())
    return table(("exit", "meaning", "who must act"), rows)


def _symptoms() -> str:
    rows = ((symptom, ", ".join(f"[{code}](#{code})" for code in codes.split())) for symptom, codes in SYMPTOMS.items())
    return table(("symptom", "codes"), rows)


def _answers() -> str:
    return table(
        ("answer", "code"), ((f"`{answer}`", f"[{code}](#{code})") for answer, code in known_answers().items())
    )


def _heading(exit_code: ExitCode) -> str:
    return f"Exit {exit_code.number}: {exit_code.meaning.partition(':')[0]}"


def _anchor(exit_code: ExitCode) -> str:
    return re.sub(r"[^\w -]", "", _heading(exit_code).lower()).replace(" ", "-")


def _section(number: int) -> str:
    exit_code = EXIT_CODES[number]
    entries = [each for each in ADVICE.values() if each.family.exit_code == number]
    entries.sort(key=lambda each: each.code != OF_EXIT_CODES.get(number))
    return "\n".join([f"## {_heading(exit_code)}\n", *_lines(exit_code), *map(_entry, entries)])


def _lines(exit_code: ExitCode) -> Iterable[str]:
    if ": " in exit_code.meaning:
        yield f"{exit_code.meaning.partition(': ')[2].capitalize()}.\n"
    if exit_code.actor:
        yield f"Who must act? {exit_code.actor[0].upper()}{exit_code.actor[1:]}.\n"
    if exit_code.explanation:
        yield f"{_text(exit_code.explanation)}\n"


def _entry(entry: Advice) -> str:
    lines = (f"### {entry.code}", f"**{_text(entry.happened)}**", f"Next step: {_text(entry.next_step)}")
    return "\n\n".join((*lines, _text(entry.explanation))) + "\n"


def _text(text: str) -> str:
    return prose(with_placeholders(text))
