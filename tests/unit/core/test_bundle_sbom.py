"""The SBOM of a bundle: valid CycloneDX 1.6, the same bytes for the same bundle, one component for each image."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from packageurl import PackageURL

from bundler.core.bundle_sbom import SbomFacts, cyclonedx_pieces
from bundler.core.manifest import Attachment, BundleManifest, MissingImage, Series
from bundler.core.reference import Reference
from tests.support.schemas import sbom_error
from tests.unit.values import digest, layer, planned, resolved

FACTS = SbomFacts("ab" * 32, "2026-11-30T06:00:00Z", "0.2.0", is_trusted=True)


def small() -> BundleManifest:
    shared = layer("shared", 5000)
    made = planned(
        resolved("docker.io/library/nginx:1.27", shared, layer("own", 300)),
        resolved("registry.example.com:5000/team/app:1.4_x", shared, platform="linux/arm64"),
        resolved(f"quay.io/b@{digest('b')}", shared),
    ).manifest
    first = made.images[0]
    attached = tuple(
        Attachment(first.root.digest, kind, "tag", (0,), (1,)) for kind in ("signature", "signature", "sbom")
    )
    return replace(
        made, images=(replace(first, attachments=attached), *made.images[1:]), series=Series("stable", 7, None)
    )


def document(manifest: BundleManifest, facts: SbomFacts = FACTS) -> dict[str, Any]:
    text = b"".join(cyclonedx_pieces(manifest, facts)).decode()
    assert sbom_error(text) is None
    return json.loads(text)  # type: ignore[no-any-return]


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {each["name"].removeprefix("bundler:"): each["value"] for each in component["properties"]}


def test_it_is_valid_and_lists_each_image_with_its_digest() -> None:
    manifest = small()
    found = document(manifest)
    about = found["metadata"]["component"]
    assert (about["name"], about["version"]) == (manifest.name, FACTS.bundle_id)
    assert about["hashes"] == [{"alg": "SHA-256", "content": FACTS.bundle_id}]
    assert properties(about) | {"channel": "stable", "sequence": "7", "images": "3"} == properties(about)
    assert found["metadata"]["timestamp"] == FACTS.created
    assert len(found["components"]) == 3
    for image, component in zip(manifest.images, found["components"], strict=True):
        url = PackageURL.from_string(component["purl"])
        assert (url.type, url.name) == ("oci", image.reference.repository.rpartition("/")[2])
        assert url.version == str(image.root.digest)
        assert url.qualifiers == {"repository_url": image.reference.name, **({"tag": image.reference.tag} if image.reference.tag else {})}  # fmt: skip
        assert component["hashes"] == [{"alg": "SHA-256", "content": image.root.digest.encoded}]
        assert properties(component)["size"] == str(manifest.size_of(image))
        assert properties(component)["platform"] == str(image.variants[0].config.platform)
    assert properties(found["components"][0]) | {"attachments:signature": "2", "attachments:sbom": "1"} == properties(found["components"][0])  # fmt: skip
    assert found["dependencies"] == [
        {"ref": about["bom-ref"], "dependsOn": [each["bom-ref"] for each in found["components"]]}
    ]
    assert found["compositions"][0]["aggregate"] == "complete"


def test_the_same_bundle_has_the_same_bytes_and_another_fact_another_serial_number() -> None:
    manifest = small()
    assert list(cyclonedx_pieces(manifest, FACTS)) == list(cyclonedx_pieces(manifest, FACTS))
    numbers = {
        document(manifest, facts)["serialNumber"]
        for facts in (
            FACTS,
            replace(FACTS, bundle_id="cd" * 32),
            replace(FACTS, created="2026-11-30T06:00:01Z"),
            replace(FACTS, is_trusted=False),
        )
    }
    assert len(numbers) == 4
    for number in numbers:
        assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", number)


def test_a_bundle_that_lacks_images_says_so() -> None:
    lacking = MissingImage(Reference.parse("quay.io/gone:1"), "docker://quay.io/gone:1", "not-found", "not found")
    found = document(replace(small(), missing=(lacking,)))
    assert found["compositions"][0]["aggregate"] == "incomplete"
    assert properties(found["metadata"]["component"])["missing"] == "quay.io/gone:1"


def test_no_piece_is_larger_than_an_image_but_the_list_of_dependencies() -> None:
    pieces = list(cyclonedx_pieces(small(), FACTS))
    assert len(pieces) > 10
    assert sum(len(piece) > 1500 for piece in pieces) <= 1
