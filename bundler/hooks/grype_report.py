"""Reads the output of Grype: the report on an image, its version, the state of its database. Pure functions of bytes.

Source: anchore/grype, grype/presenter/models (document.go, match.go, vulnerability.go, alert.go, source.go),
cmd/grype/cli/commands/db_status.go, grype/vulnerability (ProviderStatus). Its report does not list packages, so without
findings it is a pass only if Grype recognised the distribution.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundler.core.scan import CLEAN, Finding, Scanner, Severity, Unit, Verdict, failed, not_scanned
from bundler.errors import Damaged
from bundler.hooks.report_fields import child, children, loaded, moment, verdict_with, word

_NO_ADVISORIES = frozenset({"distro-eol", "distro-disabled"})
"""Alerts on a distribution that Grype has no advisories of (alert.go)."""


def version_of(content: bytes) -> str:
    """The version in the output of ``grype version --output json``.

    Raises:
        Damaged: It is no such output.
    """
    return word(loaded(content, what="grype"), "version")


def scanner_of(version: str, content: bytes) -> Scanner:
    """Program and database in the output of ``grype db status --output json``. A database that is not valid is none.

    Args:
        version: The version of the program.
        content: The output.

    Raises:
        Damaged: It is no such output.
    """
    status = loaded(content, what="grype")
    built = moment(word(status, "built"))
    is_valid = status.get("valid") is not False and not status.get("error")
    schema = status.get("schemaVersion")
    if not is_valid or not built or not isinstance(schema, (str, int)):
        return Scanner("grype", Unit.IMAGE, version)
    return Scanner("grype", Unit.IMAGE, version, f"{schema}/{built}", built)


def verdict_of(content: bytes, config: str) -> Verdict:
    """The verdict in a report.

    Args:
        content: The report.
        config: The digest of the config of the image that was to be scanned.
    """
    try:
        document = loaded(content, what="grype")
    except Damaged as error:
        return failed(f"a report of Grype that cannot be read: {error.message}")
    if not isinstance(document.get("matches"), list):
        return failed("a report of Grype without matches")
    image = word(child(child(document, "source"), "target"), "imageID")
    if image != config:
        return failed(f"Grype reports on another image: {image[:80]!r}")
    return verdict_with(list(_findings(document)), _without_findings(document))


def _without_findings(document: dict[str, Any]) -> Verdict:
    if not word(child(document, "distro"), "name"):
        return not_scanned("Grype recognised no distribution in the image")
    alerts = (alert for each in children(document, "alertsByPackage") for alert in children(each, "alerts"))
    for alert in alerts:
        if word(alert, "type") in _NO_ADVISORIES:
            return not_scanned(f"Grype has no advisories: {word(alert, 'message')}")
    return CLEAN


def _findings(document: dict[str, Any]) -> Iterator[Finding]:
    for each in children(document, "matches"):
        vulnerability, package = child(each, "vulnerability"), child(each, "artifact")
        versions = child(vulnerability, "fix").get("versions")
        fixed = [version for version in versions if isinstance(version, str)] if isinstance(versions, list) else []
        yield Finding.reported(
            word(vulnerability, "id"),
            Severity.of(word(vulnerability, "severity")),
            package=word(package, "name"),
            version=word(package, "version"),
            fixed=", ".join(fixed),
            where=next((word(place, "path") for place in children(package, "locations")), ""),
            title=word(vulnerability, "description").partition("\n")[0],
        )
