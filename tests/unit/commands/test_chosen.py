"""Only what is meant is imported, what fits nothing is told, and one platform of an image is the same bytes as before."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bundler.commands.chosen import chosen_images, narrowed, read_failed_list
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.events import Event, Noticed
from bundler.core.manifest import BundleManifest, Image
from bundler.core.oci import Descriptor, Manifest
from bundler.core.plan import ResolvedImage
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.selection import EVERYTHING, Selection
from bundler.errors import Misuse, Refused
from bundler.run import Run
from bundler.workers import Cancellation
from tests.unit.values import layer, planned, resolved, variant

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
NAMES = ("a:1", "b:1", "quay.io/c:1")
IMAGES = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images


def chosen(selection: Selection = EVERYTHING, *retry: str, is_retry: bool = False) -> tuple[list[str], list[str]]:
    """The images that are meant, and what was noticed."""
    told: list[Event] = []
    wanted = frozenset(map(Reference.parse, retry)) if retry or is_retry else None
    images = chosen_images(IMAGES, selection, wanted, Run(told.append, Cancellation()))
    notices = [event.text for event in told if isinstance(event, Noticed)]
    assert len(notices) == len(told)
    return [str(image.reference).removeprefix("docker.io/library/") for image in images], notices


def test_without_a_choice_all_are_meant_in_their_order() -> None:
    assert chosen() == (list(NAMES), [])


def test_patterns_and_a_list_of_failed_ones_are_both_obeyed() -> None:
    assert chosen(Selection(only=("docker.io/*",)), "b:1", "quay.io/c:1") == (["b:1"], [])


def test_an_exception_that_fits_nothing_is_told() -> None:
    assert chosen(Selection(except_=("quay.io/*", "ngnix"))) == (["a:1", "b:1"], ["--except ngnix fits no image"])


def test_names_of_another_bundle_in_a_list_of_failed_ones_are_told() -> None:
    images, notices = chosen(EVERYTHING, "a:1", "x:1", "a:2")
    assert images == ["a:1"]
    assert notices == ["not in this bundle: docker.io/library/a:2, docker.io/library/x:1"]


@pytest.mark.parametrize(
    ("selection", "retry"),
    [
        pytest.param(EVERYTHING, ("x:1",), id="only of another bundle"),
        pytest.param(EVERYTHING, (), id="an empty list"),
        pytest.param(Selection(only=("a",)), ("b:1",), id="none that is wanted, too"),
    ],
)
def test_a_list_that_leaves_nothing_is_a_mistake_and_not_a_success(
    selection: Selection, retry: tuple[str, ...]
) -> None:
    with pytest.raises(Misuse, match="no image of this bundle is to be tried again") as caught:
        chosen(selection, *retry, is_retry=True)
    assert caught.value.subject == "--retry-failed"


def test_a_pattern_that_fits_nothing_is_a_mistake() -> None:
    with pytest.raises(Misuse, match="no image fits this pattern"):
        chosen(Selection(only=("x*",)))


def test_the_list_that_an_import_leaves_is_read_with_its_comments() -> None:
    text = "# images that are not where they should be\n# h.example: a quota\na:1\nquay.io/c:1\n"
    assert read_failed_list(text, source="x.failed.txt") == {Reference.parse("a:1"), Reference.parse("quay.io/c:1")}
    assert read_failed_list("images: [a:1]\n", source="list.yaml") == {Reference.parse("a:1")}
    with pytest.raises(Misuse):
        read_failed_list("not an image\n", source="x.failed.txt")


# One platform


@dataclass
class Stored:
    """As much of a bundle as is asked: what it holds, and its manifests."""

    manifest: BundleManifest
    documents: dict[Digest, bytes]
    read: list[Digest] = field(default_factory=list)

    def read_document(self, descriptor: Descriptor) -> bytes:
        self.read.append(descriptor.digest)
        return self.documents[descriptor.digest]


def document(*layers: Descriptor, config: Descriptor) -> bytes:
    def described(each: Descriptor) -> dict[str, Any]:
        return {"mediaType": each.media_type, "digest": str(each.digest), "size": each.size_bytes}

    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": oci.OCI_MANIFEST,
            "config": described(config),
            "layers": [described(each) for each in layers],
        }
    ).encode()


def stored(*platforms: str) -> tuple[Any, Image]:
    """A bundle with one image for some platforms, whose layers are one that all share and one of each."""
    shared, manifests, documents = layer("shared", 10), [], {}
    for platform in platforms:
        layers = (shared, layer(platform, 10))
        config = Descriptor(oci.OCI_CONFIG, Digest.of(platform.encode()), 100)
        content = document(*layers, config=config)
        root = Descriptor(oci.OCI_MANIFEST, Digest.of(content), len(content))
        documents[root.digest] = content
        manifests.append(Manifest(root, config=config, layers=layers))
    variants = tuple(map(variant, manifests, platforms))
    children = tuple(each.descriptor for each in manifests)
    index = Manifest(Descriptor(oci.OCI_INDEX, Digest.of(b"index"), 400), children=children)
    made = ResolvedImage(Reference.parse("a:1"), "docker://a:1", (*manifests, index), variants)
    plan = planned(made)
    return Stored(plan.manifest, documents), plan.manifest.images[0]


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
def test_one_platform_of_an_image_is_its_own_manifest_with_what_that_needs(platform: Platform) -> None:
    bundle, image = stored("linux/amd64", "linux/arm64/v8")
    part = narrowed(bundle, image, platform=platform)
    (root,) = [bundle.manifest.blobs[number].descriptor for number in part.manifests]
    assert part.root == root
    assert bundle.read == [root.digest]
    assert [each.config.platform for each in part.variants] == [platform]
    assert part.made_from == image.root.digest
    blobs = {bundle.manifest.blobs[number].descriptor.digest for number in part.blobs}
    name = str(platform)
    assert blobs == {layer("shared", 10).digest, layer(name, 10).digest, Digest.of(name.encode())}
    assert (part.reference, part.source) == (image.reference, image.source)


def test_a_platform_that_is_not_there_is_refused_with_those_that_are() -> None:
    bundle, image = stored("linux/amd64", "linux/arm64/v8")
    with pytest.raises(Refused, match="not there for this platform") as caught:
        narrowed(bundle, image, platform=Platform("linux", "s390x"))
    assert (caught.value.expected, caught.value.actual) == ("linux/s390x", "linux/amd64, linux/arm64/v8")
    assert caught.value.subject == "docker.io/library/a:1"


def test_an_image_for_that_one_platform_stays_as_it_is() -> None:
    (image,) = planned(resolved("a:1", layer("a", 10))).manifest.images
    assert narrowed(stored("linux/amd64")[0], image, platform=AMD64) is image
    with pytest.raises(Refused, match="not there for this platform"):
        narrowed(stored("linux/amd64")[0], image, platform=ARM64)


def test_what_is_for_no_platform_stays_as_it_is() -> None:
    bundle, image = stored("linux/amd64")
    chart = replace(image, variants=())
    assert narrowed(bundle, chart, platform=ARM64) is chart


def test_a_failed_list_in_a_file_is_what_an_image_list_is(tmp_path: Path) -> None:
    path = tmp_path / "x.failed.txt"
    path.write_text("a:1\n")
    assert read_failed_list(path.read_text(), source=str(path)) == {Reference.parse("a:1")}
