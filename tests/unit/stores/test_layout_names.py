"""The full name of an image is found in what each tool writes, and none is made up from a tag or a path."""

from __future__ import annotations

from typing import Any

import pytest

from bundler.core.oci import OCI_MANIFEST, Descriptor
from bundler.stores.held_images import HeldImage
from bundler.stores.layout_names import held_images
from tests.support.tables import each_case
from tests.unit.values import digest

REF, CONTAINERD = "org.opencontainers.image.ref.name", "io.containerd.image.name"
IMAGE, SIGNATURE = digest("image"), digest("signature")
COSIGN_TAG = f"sha256-{IMAGE.encoded}.sig"


def entry(word: str, **annotations: str) -> dict[str, Any]:
    return {**Descriptor(OCI_MANIFEST, digest(word), 400).to_json(), "annotations": annotations}


def held(*entries: dict[str, Any]) -> list[HeldImage[Descriptor]]:
    return held_images(entries, what="index.json")


@each_case(
    ("annotations", "name"),
    [
        pytest.param({CONTAINERD: "docker.io/library/nginx:1.27", REF: "1.27"}, "docker.io/library/nginx:1.27", id="ctr images export, nerdctl save, docker save of 25 and later, buildx"),
        pytest.param({CONTAINERD: f"quay.io/a/b@{IMAGE}", REF: f"@{IMAGE}"}, f"quay.io/a/b@{IMAGE}", id="ctr images export of a digest"),
        pytest.param({CONTAINERD: "quay.io/library/nginx:1.27", REF: "library/nginx:1.27", "kind": "dev.hauler/image"}, "quay.io/library/nginx:1.27", id="Hauler"),
        pytest.param({CONTAINERD: "index.docker.io/library/nginx:1.27", REF: "library/nginx:1.27", "kind": "dev.cosignproject.cosign/imageIndex"}, "docker.io/library/nginx:1.27", id="Hauler before 1.4"),
        pytest.param({CONTAINERD: "127.0.0.1:5000/app:1", REF: "1"}, "127.0.0.1:5000/app:1", id="regctl image export"),
        pytest.param({REF: "quay.io/team/app:1"}, "quay.io/team/app:1", id="skopeo copy, podman save, crane pull"),
        pytest.param({REF: "localhost/app:1"}, "localhost/app:1", id="podman save of what podman built"),
        pytest.param({REF: f"quay.io/team/app:1@{IMAGE}", CONTAINERD: f"quay.io/team/app:1@{IMAGE}"}, f"quay.io/team/app:1@{IMAGE}", id="bundler"),
        pytest.param({CONTAINERD: "quay.io/a:1", REF: "quay.io/b:2"}, "quay.io/a:1", id="two names that contradict each other"),
        pytest.param({CONTAINERD: "app:1", REF: "quay.io/team/app:1"}, "quay.io/team/app:1", id="a short name for containerd"),
        pytest.param({REF: "1.27"}, None, id="oras copy, skopeo copy: a tag"),
        pytest.param({REF: "library/nginx:1.27"}, None, id="a path"),
        pytest.param({REF: "nginx:1.27"}, None, id="a short name"),
        pytest.param({CONTAINERD: "app:1", REF: "1"}, None, id="a short name for containerd alone"),
        pytest.param({REF: "user:secret@quay.io/a:1"}, None, id="credentials"),
        pytest.param({CONTAINERD: "quay.io/NOT/a:name"}, None, id="no reference"),
        pytest.param({}, None, id="nothing"),
    ],
)  # fmt: skip
def test_only_a_full_name_names_an_image(annotations: dict[str, str], name: str | None) -> None:
    (image,) = held(entry("image", **annotations))
    assert image.names == ((name,) if name else ())
    assert image.place == f"@{IMAGE}"
    short = annotations.get(REF)
    assert short is None or short in image.names + image.aliases


def test_an_image_that_is_listed_under_two_names_has_both() -> None:
    (image,) = held(entry("image", **{REF: "quay.io/a:1"}), entry("image", **{REF: "1", CONTAINERD: "quay.io/b:1"}))
    assert image.names == ("quay.io/a:1", "quay.io/b:1")
    assert image.aliases == ("1", f"@{IMAGE}")


@each_case("vendor", ["dev.hauler", "dev.cosignproject.cosign"])
@each_case("has_subject", [True, False])
@each_case(
    ("kind", "name"),
    [
        ("sigs", f"quay.io/a/b:sha256-{IMAGE.encoded}.sig"),
        ("atts", f"quay.io/a/b:sha256-{IMAGE.encoded}.att"),
        ("sboms", f"quay.io/a/b:sha256-{IMAGE.encoded}.sbom"),
        (f"referrers/{SIGNATURE.encoded}", f"quay.io/a/b@{SIGNATURE}"),
    ],
)
def test_what_hauler_attached_to_an_image_does_not_take_its_name(
    vendor: str, kind: str, name: str, has_subject: bool
) -> None:
    names = {REF: "a/b:1", CONTAINERD: "quay.io/a/b:1"}
    more = {"hauler.dev/subject-digest": str(IMAGE)} if has_subject else {}
    signature = entry("signature", **names, kind=f"{vendor}/{kind}", **more)
    attached, image = held(signature, entry("image", **names, kind=f"{vendor}/image"))
    assert (attached.names, attached.aliases) == ((name,), (f"@{SIGNATURE}",))
    assert image.names == ("quay.io/a/b:1",)


@pytest.mark.parametrize("own", [f"a/b:{COSIGN_TAG}", f"a/b@{SIGNATURE}"])
def test_what_a_newer_hauler_attached_has_a_path_of_its_own(own: str) -> None:
    (attached,) = held(entry("signature", **{REF: own, CONTAINERD: "quay.io/a/b:1"}))
    assert attached.names == (f"quay.io/{own}",)


@pytest.mark.parametrize("own", ["a/b:2", f"a/c:{COSIGN_TAG}", f"a/b@{IMAGE}", COSIGN_TAG])
def test_no_other_path_takes_the_place_of_the_full_name(own: str) -> None:
    (image,) = held(entry("signature", **{REF: own, CONTAINERD: "quay.io/a/b:1"}))
    assert image.names == ("quay.io/a/b:1",)


def test_an_attachment_of_an_image_that_is_not_there_has_no_name() -> None:
    (attached,) = held(entry("signature", **{CONTAINERD: "quay.io/a/b:1", "kind": "dev.hauler/sigs"}))
    assert (attached.names, attached.aliases) == ((), (f"@{SIGNATURE}",))
