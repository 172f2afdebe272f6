"""Reads SBOMs: SPDX 2 in JSON (spdx.github.io/spdx-spec), and CycloneDX in JSON (cyclonedx.org/docs).

They are read leniently: fields that are missing or of another type are empty, because a table of the rest still helps.
Names and licences are texts from outside; views escape them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from bundler.core import strict_json
from bundler.core.frozen import frozen
from bundler.core.limits import SBOM_DEPTH
from bundler.core.sbom.places import Wrapping, is_predicate
from bundler.errors import Damaged
from bundler.texts import text

_NO_LICENCE = frozenset({"", "NOASSERTION", "NONE"})


@frozen
class Package:
    """One package of an SBOM. The licence is an SPDX expression, or a name; empty if the SBOM has none."""

    name: str
    version: str
    licence: str


@frozen
class Sbom:
    """An SBOM.

    Attributes:
        format: Its format with the version, as ``SPDX 2.3``.
        name: The name that it gives to its subject; may be empty.
        packages: Its packages, sorted by name and version, each once.
    """

    format: str
    name: str
    packages: tuple[Package, ...]


def unwrapped(content: bytes, wrapping: Wrapping, *, what: str) -> Any:
    """The document in a blob.

    Args:
        content: The blob, whose digest was checked. Its signature, if it has one, was not.
        wrapping: The form of the blob.
        what: Its name, for messages.

    Returns:
        The document; None if the blob is a statement about something else than an SBOM.

    Raises:
        Damaged: The blob is not of this form.
    """
    document = strict_json.loads(content, what=what)
    if wrapping is Wrapping.PLAIN:
        return document
    if wrapping is Wrapping.BUNDLE:
        document = document.get("dsseEnvelope") if isinstance(document, dict) else None
        if document is None:
            return None  # a signature of the manifest itself
    if wrapping is not Wrapping.STATEMENT:
        document = _payload(document, what)
    if not isinstance(document, dict):
        raise Damaged("the statement is not a JSON object", subject=what)
    if not is_predicate(str(document.get("predicateType"))):
        return None
    predicate = document.get("predicate")
    if isinstance(predicate, dict) and set(predicate) <= {"Data", "Timestamp"}:  # cosign 1 wraps it once more
        inner = predicate.get("Data")
        return strict_json.loads(inner.encode(), what=what) if isinstance(inner, str) else inner
    return predicate


def _payload(envelope: Any, what: str) -> Any:
    payload = envelope.get("payload") if isinstance(envelope, dict) else None
    try:
        content = base64.b64decode(payload, validate=True) if isinstance(payload, str) else None
    except ValueError:
        content = None
    if content is None:
        raise Damaged("the DSSE envelope has no payload", subject=what)
    return strict_json.loads(content, what=what)


def parse_sbom(document: Any, *, what: str) -> Sbom:
    """The packages of a document.

    Raises:
        Damaged: It is neither SPDX 2 nor CycloneDX in JSON.
    """
    if isinstance(document, dict):
        version = _text(document.get("spdxVersion"))
        if version.startswith("SPDX-2"):
            listed = map(_spdx, _objects(document.get("packages")))
            return _sbom(version.replace("SPDX-", "SPDX "), _text(document.get("name")), listed)
        if document.get("bomFormat") == "CycloneDX":
            subject = _object(_object(document.get("metadata")).get("component"))
            packages = (_cyclonedx(each) for each in _components(document, 0))
            name = f"CycloneDX {_text(document.get('specVersion'))}".strip()
            return _sbom(name, _full_name(subject), packages)
    raise Damaged(
        "an SBOM in a format that bundler does not read",
        subject=what,
        expected=text("SPDX 2 or CycloneDX, as JSON"),
        hint="give --json to see the document, or carry an SBOM in one of these formats",
        code="sbom-unreadable",
    )


def _sbom(kind: str, name: str, packages: Iterator[Package]) -> Sbom:
    ordered = sorted(dict.fromkeys(packages), key=lambda each: (each.name, each.version, each.licence))
    return Sbom(kind, name, tuple(ordered))


def _spdx(entry: dict[str, Any]) -> Package:
    licences = (_text(entry.get(field)) for field in ("licenseConcluded", "licenseDeclared"))
    licence = next((each for each in licences if each not in _NO_LICENCE), "")
    return Package(_text(entry.get("name")), _text(entry.get("versionInfo")), licence)


def _components(parent: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """All components, also those in others."""
    if depth > SBOM_DEPTH:
        return
    for each in _objects(parent.get("components")):
        yield each
        yield from _components(each, depth + 1)


def _cyclonedx(entry: dict[str, Any]) -> Package:
    found = []
    for each in _objects(entry.get("licenses")):
        licence = _object(each.get("license"))
        found.append(_text(each.get("expression")) or _text(licence.get("id")) or _text(licence.get("name")))
    return Package(_full_name(entry), _text(entry.get("version")), ", ".join(each for each in found if each))


def _full_name(component: dict[str, Any]) -> str:
    group, name = _text(component.get("group")), _text(component.get("name"))
    return f"{group}/{name}" if group else name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
