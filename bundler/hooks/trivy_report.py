"""Reads the output of Trivy: its report on one image (JSON, SchemaVersion 2), and its version. Pure functions of bytes.

Source: aquasecurity/trivy, pkg/types/report.go, pkg/version/version.go. A report without findings is a pass only if
Trivy recognised packages in the image: of an image without a known system it finds nothing, whatever is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundler.core.scan import CLEAN, Finding, Scanner, Severity, Unit, Verdict, failed, not_scanned
from bundler.errors import Damaged
from bundler.hooks.report_fields import child, children, loaded, moment, verdict_with, word

_SCHEMA = 2


def scanner_of(content: bytes) -> Scanner:
    """Program and database in the output of ``trivy version --format json``. The database is empty if there is none.

    The database of Java is a part of it: with another one, Trivy knows other packages in the same image.

    Raises:
        Damaged: It is no such output.
    """
    document = loaded(content, what="trivy")
    database = child(document, "VulnerabilityDB")
    version, java = _version(database), _version(child(document, "JavaDB"))
    version = f"{version}, java {java}" if version and java else version
    return Scanner("trivy", Unit.IMAGE, word(document, "Version"), version, moment(word(database, "UpdatedAt")))


def _version(database: dict[str, Any]) -> str:
    schema, updated = database.get("Version"), word(database, "UpdatedAt")
    return f"{schema}/{updated}" if isinstance(schema, int) and moment(updated) else ""


def verdict_of(content: bytes, config: str) -> Verdict:
    """The verdict in a report.

    Args:
        content: The report.
        config: The digest of the config of the image that was to be scanned.
    """
    try:
        document = loaded(content, what="trivy")
    except Damaged as error:
        return failed(f"a report of Trivy that cannot be read: {error.message}")
    if document.get("SchemaVersion") != _SCHEMA:
        return failed(f"a report of Trivy in another format than SchemaVersion {_SCHEMA}")
    image = word(child(document, "Metadata"), "ImageID")
    if image != config:
        return failed(f"Trivy reports on another image: {image[:80]!r}")
    return verdict_with(list(_findings(document)), _without_findings(document))


def _system(document: dict[str, Any]) -> str:
    """The operating system of the image: ``debian 12.5``."""
    system = child(child(document, "Metadata"), "OS")
    return f"{word(system, 'Family')} {word(system, 'Name')}".strip()


def _place(document: dict[str, Any], result: dict[str, Any]) -> str:
    """The place of findings. That of system packages would begin with the address at which Trivy found the image."""
    return _system(document) if word(result, "Class") == "os-pkgs" else word(result, "Target")


def _without_findings(document: dict[str, Any]) -> Verdict:
    if not any(True for result in children(document, "Results") for _ in children(result, "Packages")):
        return not_scanned("Trivy recognised no packages in the image")
    if child(child(document, "Metadata"), "OS").get("EOSL") is True:
        system = _system(document)
        return not_scanned(f"Trivy has no advisories of {system} any more: its support has ended")
    return CLEAN


def _findings(document: dict[str, Any]) -> Iterator[Finding]:
    for result in children(document, "Results"):
        target = _place(document, result)
        for each in children(result, "Vulnerabilities"):
            yield Finding.reported(
                word(each, "VulnerabilityID"),
                Severity.of(word(each, "Severity")),
                package=word(each, "PkgName"),
                version=word(each, "InstalledVersion"),
                fixed=word(each, "FixedVersion"),
                where=word(each, "PkgPath") or target,
                title=word(each, "Title"),
            )
        for each in children(result, "Secrets"):
            severity = Severity.of(word(each, "Severity"))
            yield Finding.reported(word(each, "RuleID"), severity, where=target, title=word(each, "Title"))
