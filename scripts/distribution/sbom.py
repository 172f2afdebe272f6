"""The SBOM of the wheelhouse, CycloneDX 1.6: bundler, and each library that its wheels bring, with licence and hashes.

Libraries that a wheel contains in turn, such as OpenSSL in that of cryptography, are not listed: their makers do that.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import datetime, timezone
from email.message import Message
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from distribution.wheels import metadata_of

NAME = "sbom.cdx.json"
_LONGEST_LICENSE = 100
"""Longer texts in the field ``License`` are whole licences, not names."""


def write_sbom(folder: Path, *, own: str, epoch: str) -> None:
    """Writes the SBOM of a folder of wheels.

    Args:
        folder: The wheelhouse.
        own: The project that the others are for.
        epoch: The time of the document, in seconds since 1970.
    """
    wheels: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.glob("*.whl")):
        project, version, *_ = parse_wheel_filename(path.name)
        wheels.setdefault((project, str(version)), []).append(path)
    components = {project: _component(project, version, paths) for (project, version), paths in wheels.items()}
    references = {project: component["bom-ref"] for project, component in components.items()}
    needs = {project: _needs(paths) for (project, _), paths in wheels.items()}
    about = components.pop(own)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, _text_of([about, *components.values()]))}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "scripts/dist of bundler"}]},
            "component": {**about, "type": "application"},
        },
        "components": list(components.values()),
        "dependencies": [
            {"ref": references[project], "dependsOn": sorted(references[each] for each in found if each in references)}
            for project, found in needs.items()
        ],
    }
    (folder / NAME).write_text(json.dumps(document, indent=1) + "\n")


def _text_of(components: object) -> str:
    return json.dumps(components, sort_keys=True)


def _component(project: str, version: str, wheels: list[Path]) -> dict[str, Any]:
    headers = metadata_of(wheels[0])
    url = f"pkg:pypi/{project}@{version}"
    return {
        "type": "library",
        "bom-ref": url,
        "name": project,
        "version": version,
        **({"description": headers["Summary"]} if headers["Summary"] else {}),
        "licenses": _licenses(headers),
        "purl": url,
        "components": [_wheel(url, path) for path in wheels],
    }


def _wheel(url: str, path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "file",
        "bom-ref": f"{url}?file_name={path.name}",
        "name": path.name,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def _licenses(headers: Message) -> list[dict[str, Any]]:
    """The licence: an SPDX expression if there is one, else the name in ``License``, else those of the classifiers."""
    given = headers["License-Expression"] or headers["License"] or ""
    try:
        if given:
            return [{"expression": canonicalize_license_expression(given)}]
    except InvalidLicenseExpression:
        if len(given) <= _LONGEST_LICENSE and "\n" not in given:
            return [{"license": {"name": given}}]
    return [{"license": {"name": name}} for name in _classified(headers.get_all("Classifier") or [])]


def _classified(classifiers: Iterable[str]) -> list[str]:
    start = "License :: "
    return sorted(each.rpartition(" :: ")[2] for each in classifiers if each.startswith(start))


def _needs(wheels: Iterable[Path]) -> set[str]:
    """The projects that some wheels of a project require, for any of their platforms, without extras."""
    found: set[str] = set()
    for wheel in wheels:
        parsed = map(Requirement, metadata_of(wheel).get_all("Requires-Dist") or [])
        found.update(canonicalize_name(each.name) for each in parsed if "extra" not in str(each.marker or ""))
    return found
