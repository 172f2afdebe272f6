"""Reads the answers of Clair v4. Pure functions of bytes.

Source: quay/clair, httptransport/api/v1/openapi.yaml, schemas index_report and vulnerability_report. The state of its
updaters, ``/matcher/api/v1/internal/update_operation``, is an object of lists, each entry with ref, updater and date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from bundler.core.digest import Digest
from bundler.core.scan import CLEAN, Finding, Scanner, Severity, Unit, Verdict, failed, not_scanned
from bundler.errors import Damaged
from bundler.hooks.report_fields import child, children, loaded, moment, verdict_with, word
from bundler.texts import text

NAME = "clair"
_FINISHED = "IndexFinished"
"""The last state of a good index (quay/claircore, indexer/controller)."""
_FAILED = "IndexError"


def scanner_of(updates: bytes | None) -> Scanner:
    """Clair with the state of its updaters, if it shows them. It does not say its own version.

    Raises:
        Damaged: They are no such answer.
    """
    if updates is None:
        return Scanner(NAME, Unit.IMAGE)
    document = loaded(updates, what="clair")
    entries = [(name, each) for name in sorted(document) for each in children(document, name)]
    dates = [moment(word(each, "date")) for _, each in entries]
    if not any(dates):
        return Scanner(NAME, Unit.IMAGE)
    listed = "".join(f"{name} {word(each, 'ref')} {word(each, 'date')}\n" for name, each in entries)
    return Scanner(NAME, Unit.IMAGE, "", f"sha256:{hashlib.sha256(listed.encode()).hexdigest()[:32]}", max(dates))


def index_ended(content: bytes, image: Digest) -> bool:
    """True if the index of an image is finished; False if Clair is still at work.

    Raises:
        Damaged: It failed, or is about another image.
    """
    document = loaded(content, what="clair")
    _check_image(document, image)
    state = word(document, "state")
    if state == _FAILED or word(document, "err"):
        raise Damaged(word(document, "err")[:300] or "the index failed")
    return state == _FINISHED and document.get("success") is True


def verdict_of(content: bytes, image: Digest) -> Verdict:
    """The verdict in a vulnerability report.

    Args:
        content: The report.
        image: The digest of the manifest that was to be scanned.
    """
    try:
        document = loaded(content, what="clair")
        _check_image(document, image)
    except Damaged as error:
        return failed(f"a report of Clair that cannot be read: {error.message}")
    otherwise = CLEAN if child(document, "packages") else not_scanned("Clair recognised no packages in the image")
    return verdict_with(list(_findings(document)), otherwise)


def _check_image(document: dict[str, Any], image: Digest) -> None:
    found = word(document, "manifest_hash")
    if found != str(image):
        raise Damaged(text("it is about another image: {image}", image=repr(found[:80])))


def _findings(document: dict[str, Any]) -> Iterator[Finding]:
    packages, vulnerabilities = child(document, "packages"), child(document, "vulnerabilities")
    links = child(document, "package_vulnerabilities")
    for number, ids in links.items():
        package = child(packages, number)
        for each in ids if isinstance(ids, list) else ():
            vulnerability = child(vulnerabilities, each) if isinstance(each, str) else {}
            yield Finding.reported(
                word(vulnerability, "name") or str(each),
                Severity.of(word(vulnerability, "normalized_severity")),
                package=word(package, "name"),
                version=word(package, "version"),
                fixed=word(vulnerability, "fixed_in_version"),
                where=_place(document, number),
                title=word(vulnerability, "description").partition("\n")[0],
            )


def _place(document: dict[str, Any], package: str) -> str:
    """The file in which a package was found."""
    found = children(child(document, "environments"), package)
    return next((word(each, "package_db") for each in found), "")
