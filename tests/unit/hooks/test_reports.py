"""Reports of Trivy, Grype and Clair become verdicts; one without findings is a pass only if packages were recognised."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bundler.core.digest import Digest
from bundler.core.scan import Finding, Severity, State
from bundler.errors import Damaged
from bundler.hooks import clair_report, grype_report, report_fields, trivy_report
from tests.support.tables import each_case

CONFIG = str(Digest.of(b"config"))
MANIFEST = Digest.of(b"manifest")


def trivy(**changes: Any) -> bytes:
    """A report as pkg/types/report.go of aquasecurity/trivy writes it; shortened."""
    document = {
        "SchemaVersion": 2,
        "ArtifactName": "127.0.0.1:5000/app@sha256:00",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.5"}, "ImageID": CONFIG},
        "Results": [
            {
                "Target": "app (debian 12.5)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Packages": [{"ID": "openssl@3.0.0-1", "Name": "openssl", "Version": "3.0.0-1"}],
                "Vulnerabilities": [
                    {
                        "VulnerabilityID": "CVE-2099-0001",
                        "PkgName": "openssl",
                        "InstalledVersion": "3.0.0-1",
                        "FixedVersion": "3.0.0-2",
                        "Severity": "CRITICAL",
                        "Title": "a hole",
                    }
                ],
            },
            {
                "Target": "/key.pem",
                "Class": "secret",
                "Secrets": [{"RuleID": "private-key", "Severity": "HIGH", "Title": "Key"}],
            },
        ],
        **changes,
    }
    return json.dumps(document).encode()


NO_FINDINGS = [{"Target": "app", "Class": "os-pkgs", "Packages": [{"Name": "openssl"}]}]
DEBIAN = {"OS": {"Family": "debian", "Name": "12.5"}, "ImageID": CONFIG}


def test_findings_of_trivy_are_vulnerabilities_and_secrets():
    assert set(trivy_report.verdict_of(trivy(), CONFIG).findings) == {
        Finding("CVE-2099-0001", Severity.CRITICAL, "openssl", "3.0.0-1", "3.0.0-2", "debian 12.5", "a hole"),
        Finding("private-key", Severity.HIGH, where="/key.pem", title="Key"),
    }


@each_case(
    "content, state",
    [
        (trivy(Results=NO_FINDINGS), State.CLEAN),
        (trivy(Results=NO_FINDINGS, Metadata={"ImageID": CONFIG}), State.CLEAN),
        (trivy(Results=[]), State.NOT_SCANNED),
        (trivy(Results=None), State.NOT_SCANNED),
        (trivy(Results=[{"Target": "app", "Class": "os-pkgs", "Packages": []}]), State.NOT_SCANNED),
        (trivy(Results=NO_FINDINGS, Metadata={**DEBIAN, "OS": {"Family": "debian", "EOSL": True}}), State.NOT_SCANNED),
        (trivy(Metadata={**DEBIAN, "ImageID": str(Digest.of(b"other"))}), State.ERROR),
        (trivy(Metadata=None), State.ERROR),
        (trivy(SchemaVersion=1), State.ERROR),
        (trivy(SchemaVersion=None), State.ERROR),
        (b"", State.ERROR),
        (b"[]", State.ERROR),
        (b"[" * 100_000, State.ERROR),
        (trivy()[:-1], State.ERROR),
    ],
)
def test_a_report_of_trivy_is_read_strictly(content, state):
    assert trivy_report.verdict_of(content, CONFIG).state is state


def test_an_old_system_with_findings_has_them():
    metadata = {**DEBIAN, "OS": {"Family": "debian", "Name": "8", "EOSL": True}}
    assert trivy_report.verdict_of(trivy(Metadata=metadata), CONFIG).state is State.FOUND


@each_case("results", [[{"Vulnerabilities": [{}]}], [{"Vulnerabilities": [{"VulnerabilityID": 1, "Severity": []}]}]])
def test_a_finding_without_fields_is_a_finding(results):
    (finding,) = trivy_report.verdict_of(trivy(Results=results), CONFIG).findings
    assert finding.severity is Severity.UNKNOWN


def test_a_flood_of_findings_is_an_error(monkeypatch):
    monkeypatch.setattr(report_fields, "SCAN_FINDINGS", 1)
    assert trivy_report.verdict_of(trivy(), CONFIG).state is State.ERROR


@each_case(
    "document, expected",
    [
        (
            {"Version": "0.76.0", "VulnerabilityDB": {"Version": 2, "UpdatedAt": "2026-11-29T00:00:00.123456789Z"}},
            ("0.76.0", "2/2026-11-29T00:00:00.123456789Z", "2026-11-29T00:00:00Z"),
        ),
        (  # another database of Java is another identity: no verdict is kept for it
            {
                "Version": "0.76.0",
                "VulnerabilityDB": {"Version": 2, "UpdatedAt": "2026-11-29T00:00:00Z"},
                "JavaDB": {"Version": 1, "UpdatedAt": "2026-11-28T00:00:00Z"},
            },
            ("0.76.0", "2/2026-11-29T00:00:00Z, java 1/2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
        ),
        ({"Version": "0.76.0"}, ("0.76.0", "", "")),
        ({"Version": "0.76.0", "VulnerabilityDB": {"Version": 2, "UpdatedAt": "yesterday"}}, ("0.76.0", "", "")),
        ({"VulnerabilityDB": None}, ("", "", "")),
    ],
)
def test_trivy_says_its_version_and_database(document, expected):
    said = trivy_report.scanner_of(json.dumps(document).encode())
    assert (said.version, said.database, said.database_date) == expected


def grype(**changes: Any) -> bytes:
    """A report as grype/presenter/models/document.go of anchore/grype writes it; shortened."""
    document = {
        "matches": [
            {
                "vulnerability": {  # vulnerability.go, vulnerability_metadata.go
                    "id": "CVE-2099-0001",
                    "dataSource": "https://example.com",
                    "namespace": "debian:distro:debian:12",
                    "severity": "High",
                    "description": "a hole\nand more",
                    "fix": {"versions": ["3.0.0-2", "3.0.1"], "state": "fixed"},
                },
                "relatedVulnerabilities": [],
                "matchDetails": [],
                "artifact": {
                    "name": "openssl",
                    "version": "3.0.0-1",
                    "type": "deb",
                    "locations": [{"path": "/var/lib/dpkg/status", "layerID": "sha256:00"}],
                },
            }
        ],
        "source": {"type": "image", "target": {"userInput": "x", "imageID": CONFIG}},  # source.go
        "distro": {"name": "debian", "version": "12", "idLike": []},  # distribution.go
        "descriptor": {"name": "grype", "version": "0.104.0"},
        **changes,
    }
    return json.dumps(document).encode()


def alert(kind: str) -> list[dict[str, Any]]:
    """alert.go."""
    return [{"package": {"name": "x"}, "alerts": [{"type": kind, "message": "debian 8 is too old"}]}]


@each_case(
    "content, state",
    [
        (grype(), State.FOUND),
        (grype(matches=[]), State.CLEAN),
        (grype(matches=[], distro={"name": "", "version": "", "idLike": None}), State.NOT_SCANNED),
        (grype(matches=[], distro=None), State.NOT_SCANNED),
        (grype(matches=[], alertsByPackage=alert("distro-eol")), State.NOT_SCANNED),
        (grype(matches=[], alertsByPackage=alert("distro-disabled")), State.NOT_SCANNED),
        (grype(alertsByPackage=alert("distro-eol")), State.FOUND),
        (grype(matches=None), State.ERROR),
        (grype(source={"type": "image", "target": {"imageID": "sha256:00"}}), State.ERROR),
        (grype(source={"type": "directory", "target": "/"}), State.ERROR),
        (b"{}", State.ERROR),
        (b"null", State.ERROR),
    ],
)
def test_a_report_of_grype_is_read_strictly(content, state):
    assert grype_report.verdict_of(content, CONFIG).state is state


def test_a_finding_of_grype_has_its_package():
    (finding,) = grype_report.verdict_of(grype(), CONFIG).findings
    place = "/var/lib/dpkg/status"
    assert finding == Finding("CVE-2099-0001", Severity.HIGH, "openssl", "3.0.0-1", "3.0.0-2, 3.0.1", place, "a hole")


@each_case(
    "status, database",
    [  # grype/vulnerability, ProviderStatus: schemaVersion, from, built, path, valid, error
        ({"schemaVersion": "v6.0.2", "built": "2026-11-28T04:00:00Z", "valid": True}, "v6.0.2/2026-11-28T04:00:00Z"),
        ({"schemaVersion": "v6.0.2", "built": "2026-11-28T04:00:00Z", "valid": False, "error": "no"}, ""),
        # grype/db/v5: built, schemaVersion, location, checksum, error
        ({"schemaVersion": 5, "built": "2026-11-28T04:00:00Z", "error": None}, "5/2026-11-28T04:00:00Z"),
        ({"schemaVersion": 5, "built": "2026-11-28T04:00:00Z", "error": {}}, "5/2026-11-28T04:00:00Z"),
        ({"schemaVersion": "v6.0.2"}, ""),
        ({"schemaVersion": "", "built": "0001-01-01T00:00:00Z", "error": "no database"}, ""),
    ],
)
def test_the_state_of_the_database_of_grype(status, database):
    said = grype_report.scanner_of("0.104.0", json.dumps(status).encode())
    assert (said.database, bool(said.database_date)) == (database, bool(database))


def clair(**changes: Any) -> bytes:
    """A report by the schema vulnerability_report in httptransport/api/v1/openapi.yaml of quay/clair; shortened."""
    document = {
        "manifest_hash": str(MANIFEST),
        "packages": {"10": {"id": "10", "name": "openssl", "version": "3.0.0-1", "kind": "binary"}},
        "distributions": {"1": {"id": "1", "did": "debian", "version_id": "12"}},
        "environments": {"10": [{"package_db": "var/lib/dpkg/status", "distribution_id": "1"}]},
        "vulnerabilities": {
            "356835": {
                "id": "356835",
                "updater": "debian",
                "name": "CVE-2099-0001",
                "description": "a hole",
                "severity": "unimportant",
                "normalized_severity": "Negligible",
                "fixed_in_version": "3.0.0-2",
            }
        },
        "package_vulnerabilities": {"10": ["356835"]},
        **changes,
    }
    return json.dumps(document).encode()


@each_case(
    "content, state",
    [
        (clair(), State.FOUND),
        (clair(package_vulnerabilities={}), State.CLEAN),
        (clair(package_vulnerabilities={"10": []}), State.CLEAN),
        (clair(package_vulnerabilities={}, packages={}), State.NOT_SCANNED),
        (clair(package_vulnerabilities={"10": ["unknown"]}), State.FOUND),
        (clair(manifest_hash=str(Digest.of(b"other"))), State.ERROR),
        (b"{}", State.ERROR),
        (b"<html>", State.ERROR),
    ],
)
def test_a_report_of_clair_is_read_strictly(content, state):
    assert clair_report.verdict_of(content, MANIFEST).state is state


def test_a_finding_of_clair_has_its_package():
    (finding,) = clair_report.verdict_of(clair(), MANIFEST).findings
    place = "var/lib/dpkg/status"
    assert finding == Finding("CVE-2099-0001", Severity.NEGLIGIBLE, "openssl", "3.0.0-1", "3.0.0-2", place, "a hole")


@each_case(
    "changes, expected",
    [  # schema index_report; states of quay/claircore, indexer/controller
        ({"state": "IndexFinished", "success": True}, True),
        ({"state": "IndexFinished", "success": False}, False),
        ({"state": "FetchLayers", "success": False}, False),
        ({"state": "IndexError", "success": False, "err": "failed to fetch layers"}, None),
        ({"state": "IndexFinished", "success": True, "manifest_hash": "sha256:00"}, None),
    ],
)
def test_an_index_of_clair_ends(changes, expected):
    content = json.dumps({"manifest_hash": str(MANIFEST), **changes}).encode()
    if expected is None:
        with pytest.raises(Damaged):
            clair_report.index_ended(content, MANIFEST)
    else:
        assert clair_report.index_ended(content, MANIFEST) is expected
