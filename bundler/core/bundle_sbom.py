"""The SBOM of a bundle: a CycloneDX 1.6 document that lists the images that it carries.

https://cyclonedx.org/docs/1.6/json/. The bundle is the component that the document is about, and each image is a
component of type ``container`` with a package URL of type ``oci``. The document does not say what is in the images:
their own SBOMs, which the bundle may carry as attachments, do. The same bundle, time and version give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest, Image, lines_of
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import Reference

_ALGORITHMS = {"sha256": "SHA-256", "sha512": "SHA-512"}
_NOT_PLAIN = lazy_pattern(r"[^A-Za-z0-9._~/-]")


@frozen
class SbomFacts:
    """The facts about an SBOM that are not in the bundle manifest.

    Attributes:
        bundle_id: The id of the bundle, 64 hex digits.
        created: The time of the document, RFC 3339.
        version: The version of bundler.
        is_trusted: True if a trusted key has signed the bundle.
    """

    bundle_id: str
    created: str
    version: str
    is_trusted: bool


def cyclonedx_pieces(manifest: BundleManifest, facts: SbomFacts) -> Iterator[bytes]:
    """The bytes of the document, at most one image at a time: writing it needs little memory."""
    about = f"bundle:{facts.bundle_id}"
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": _serial_number(facts),
        "version": 1,
        "metadata": {
            "timestamp": facts.created,
            "tools": {"components": [{"type": "application", "name": "bundler", "version": facts.version}]},
            "component": _bundle(manifest, facts, about),
        },
    }
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "components": (_image(manifest, image) for image in manifest.images),
        "dependencies": _dependencies(manifest, about),
        "compositions": [{"aggregate": "incomplete" if manifest.missing else "complete", "dependencies": [about]}],
    }
    return lines_of(head, lists)


def _serial_number(facts: SbomFacts) -> str:
    """A UUID of RFC 9562, version 8, made from all that the document depends on."""
    made = hashlib.sha256("\n".join((facts.bundle_id, facts.created, facts.version, str(facts.is_trusted))).encode())
    digits = made.hexdigest()
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def _bundle(manifest: BundleManifest, facts: SbomFacts, reference: str) -> dict[str, Any]:
    series = manifest.series
    properties = {
        "format": [manifest.format],
        "created": [manifest.created],
        "tool": [manifest.tool],
        "signed": [_word(manifest.signed)],
        "signature-verified": [_word(facts.is_trusted)],
        "images": [str(len(manifest.images))],
        "chunks": [str(len(manifest.chunks))],
        "size": [str(manifest.size_bytes)],
        "channel": [series.channel] if series else [],
        "sequence": [str(series.sequence)] if series else [],
        "base": [f"{base.kind}:{base.id}" for base in manifest.bases],
        "missing": [str(each.reference) for each in manifest.missing],
    }
    return {
        "type": "file",
        "bom-ref": reference,
        "name": manifest.name,
        "version": facts.bundle_id,
        "description": "Container images in a signed bundle; its version is the SHA-256 of SHA256SUMS",
        "hashes": [_hash(Digest("sha256", facts.bundle_id))],
        "properties": _properties(properties),
    }


def _image(manifest: BundleManifest, image: Image) -> dict[str, Any]:
    kinds = Counter(each.kind for each in image.attachments)
    properties = {
        "reference": [str(image.reference)],
        "source": [image.source],
        "media-type": [image.root.media_type],
        "platform": [str(each.config.platform) for each in image.variants],
        "manifests": [str(len(image.manifests))],
        "blobs": [str(len(image.blobs))],
        "size": [str(manifest.size_of(image))],
        **{f"attachments:{kind}": [str(kinds[kind])] for kind in sorted(kinds)},
    }
    url = _package_url(image)
    return {
        "type": "container",
        "bom-ref": url,
        "name": image.reference.name,
        "version": image.reference.tag or str(image.root.digest),
        "hashes": [_hash(image.root.digest)],
        "purl": url,
        "properties": _properties(properties),
    }


def _package_url(image: Image) -> str:
    """The package URL of an image, type ``oci``: https://github.com/package-url/purl-spec.

    >>> _quoted("sha256:ab")
    'sha256%3Aab'
    """
    reference: Reference = image.reference
    tag = f"&tag={_quoted(reference.tag)}" if reference.tag else ""
    name = _quoted(reference.repository.rpartition("/")[2])
    return f"pkg:oci/{name}@{_quoted(str(image.root.digest))}?repository_url={_quoted(reference.name)}{tag}"


def _quoted(text: str) -> str:
    return _NOT_PLAIN.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def _dependencies(manifest: BundleManifest, about: str) -> Iterator[dict[str, Any]]:
    yield {"ref": about, "dependsOn": list(dict.fromkeys(map(_package_url, manifest.images)))}


def _hash(digest: Digest) -> dict[str, str]:
    return {"alg": _ALGORITHMS[digest.algorithm], "content": digest.encoded}


def _properties(values: dict[str, list[str]]) -> list[dict[str, str]]:
    return [{"name": f"bundler:{name}", "value": value} for name, found in values.items() for value in found]


def _word(is_true: bool) -> str:
    return "true" if is_true else "false"
