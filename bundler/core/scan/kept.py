"""Verdicts that are kept for the next scan: one line for each, with a code that only this user can make.

All lines of a file are by one scanner with one database. The code (HMAC-SHA-256) is over the scanner, too: a line that
was moved to the file of another database counts for nothing. Neither does a line that was cut or changed. Only verdicts
of objects that were scanned whole are kept; the others are tried again.
"""

from __future__ import annotations

import hashlib
import hmac

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.json_fields import drained, mapping
from bundler.core.scan.record import finding_json, read_finding, read_verdict, scanner_json
from bundler.core.scan.verdict import Scanner, State, Verdict
from bundler.errors import BundlerError

_KEPT = frozenset({State.CLEAN, State.FOUND})


def can_be_kept(scanner: Scanner) -> bool:
    """True if verdicts of a scanner hold until it or its database changes: both must have a version."""
    return bool(scanner.version and scanner.database)


def is_kept(verdict: Verdict) -> bool:
    """True if a verdict is kept."""
    return verdict.state in _KEPT


def name_of(scanner: Scanner) -> str:
    """The name of the file with the verdicts of a scanner."""
    return hashlib.sha256(_identity(scanner)).hexdigest()[:32]


def kept_line(secret: bytes, scanner: Scanner, digest: Digest, verdict: Verdict) -> bytes:
    """The line of a verdict.

    Args:
        secret: The secret of this user.
        scanner: The scanner.
        digest: The digest of the object.
        verdict: The verdict; see `is_kept`.
    """
    content = strict_json.canonical(
        {
            "digest": str(digest),
            "verdict": verdict.state.value,
            **({"findings": [finding_json(each) for each in verdict.findings]} if verdict.findings else {}),
        }
    )
    return b"%s %s" % (code_of(secret, scanner, content), content)


def parse_kept(content: bytes, secret: bytes, scanner: Scanner) -> dict[Digest, Verdict]:
    """The verdicts in a file. Lines with a wrong code are left out; of several on one object the last counts.

    Args:
        content: The bytes of the file; the caller bounds their number.
        secret: The secret of this user.
        scanner: The scanner that the file is for.
    """
    found: dict[Digest, Verdict] = {}
    for line in content.splitlines(keepends=True):
        code, _, entry = line.partition(b" ")
        if hmac.compare_digest(code, code_of(secret, scanner, entry)):
            try:
                digest, verdict = _read(entry)
            except (KeyError, TypeError, ValueError, BundlerError):
                continue  # of another version
            found[digest] = verdict
    return found


def _read(entry: bytes) -> tuple[Digest, Verdict]:
    document = mapping(strict_json.loads(entry, what="kept"))
    findings = tuple(read_finding(mapping(each)) for each in drained(document.get("findings", [])))
    verdict = read_verdict({"verdict": document["verdict"], "findings": list(range(len(findings)))}, findings)
    if not is_kept(verdict):
        raise ValueError("not a verdict that is kept")
    return Digest.parse(document["digest"]), verdict


def _identity(scanner: Scanner) -> bytes:
    return strict_json.canonical(scanner_json(scanner))


def code_of(secret: bytes, scanner: Scanner, content: bytes) -> bytes:
    """The code of the content of a line, newline included."""
    return hmac.digest(secret, _identity(scanner) + content, "sha256").hex().encode()
