"""Each kind of mirror file says what the names at the mirror allow, and is read back by the parser of its format."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
import yaml

from bundler.core.digest import Digest
from bundler.core.mirrors import containerd, docker, kustomize, placed
from bundler.core.mirrors.containerd import folder_of
from bundler.core.mirrors.files import Mirror, MirrorFiles
from bundler.core.mirrors.placed import PlacedImage, placement
from bundler.core.mirrors.table import MIRROR_KINDS, mirror_files
from bundler.core.quoted import quoted
from bundler.core.reference import Reference
from tests.support.tables import each_case

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DIGEST, OTHER = Digest.of(b"an image"), Digest.of(b"another image")
AUTHORITY = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
MIRROR = Mirror("registry.internal:5000")


def image(reference: str, name: str, digest: Digest = DIGEST) -> PlacedImage:
    return PlacedImage(Reference.parse(reference), Reference.parse(f"registry.internal:5000/{name}"), digest)


KEPT = (
    image("docker.io/library/nginx:1.27", "mirror/library/nginx:1.27"),
    image("docker.io/grafana/grafana:11", "mirror/grafana/grafana:11"),
    image("quay.io:8443/team/app:1", "mirror/team/app:1"),
)
FLAT = (
    image("docker.io/library/nginx:1.27", "library-nginx:1.27"),
    image("quay.io/team/app.web:1", "team-app.web:1"),
    image("quay.io/team/app.web:2", "team-app.web:2"),
)


def made(kind: str, images: tuple[PlacedImage, ...], mirror: Mirror = MIRROR) -> tuple[dict[str, bytes], MirrorFiles]:
    first, *_ = mirror_files(images, mirror, (kind,))
    return {file.path: file.content for file in first.files}, first


def reasons(files: MirrorFiles) -> dict[str, str]:
    return {str(each.image.reference): each.reason for each in files.not_mirrored}


def toml(content: bytes) -> dict[str, Any]:
    return tomllib.loads(content.decode())


def test_containerd_gets_one_folder_for_each_registry_and_never_asks_it():
    files, found = made("containerd", KEPT)
    assert list(files) == ["containerd/certs.d/docker.io/hosts.toml", "containerd/certs.d/quay.io_8443_/hosts.toml"]
    address = "https://registry.internal:5000/v2/mirror"
    settings = {"capabilities": ["pull", "resolve"], "override_path": True}
    for content in files.values():
        assert toml(content) == {"server": address, **settings, "host": {address: settings}}
    assert not found.not_mirrored


def test_containerd_gets_no_override_of_the_path_where_paths_are_the_same():
    files, _ = made("containerd", (image("docker.io/library/nginx:1.27", "library/nginx:1.27"),))
    read = toml(files["containerd/certs.d/docker.io/hosts.toml"])
    assert (read["server"], "override_path" in read) == ("https://registry.internal:5000", False)


def test_the_authority_goes_with_the_files_of_each_kind():
    mirror = Mirror(MIRROR.registry, authorities=AUTHORITY)
    files, _ = made("containerd", KEPT[:1], mirror)
    assert files["containerd/certs.d/docker.io/ca.crt"] == AUTHORITY
    read = toml(files["containerd/certs.d/docker.io/hosts.toml"])
    assert read["ca"] == read["host"][read["server"]]["ca"] == "ca.crt"
    files, _ = made("podman", KEPT, mirror)
    assert files["podman/certs.d/registry.internal:5000/ca.crt"] == AUTHORITY
    files, _ = made("docker", (image("docker.io/library/nginx:1.27", "library/nginx:1.27"),), mirror)
    assert files["docker/certs.d/registry.internal:5000/ca.crt"] == AUTHORITY
    files, _ = made("rke2", KEPT, mirror)
    assert files["rke2/registry-ca.crt"] == AUTHORITY
    read = yaml.safe_load(files["rke2/registries.yaml"])
    assert read["configs"] == {MIRROR.registry: {"tls": {"ca_file": "/etc/rancher/rke2/registry-ca.crt"}}}
    files, _ = made("openshift", KEPT, mirror)
    read = yaml.safe_load(files["openshift/registry-ca.yaml"])
    assert read["data"] == {"registry.internal..5000": AUTHORITY.decode()}


def test_docker_has_mirrors_for_docker_hub_without_a_path_only():
    hub, others = image("docker.io/library/nginx:1.27", "library/nginx:1.27"), KEPT[2]
    files, found = made("docker", (hub, others), Mirror(MIRROR.registry, is_plain=True))
    assert json.loads(files["docker/daemon.json"]) == {
        "registry-mirrors": ["http://registry.internal:5000"],
        "insecure-registries": ["registry.internal:5000"],
    }
    assert b"systemctl reload docker" in files["docker/README.txt"]
    assert reasons(found) == {"quay.io:8443/team/app:1": docker.ONLY_HUB}
    files, found = made("docker", KEPT[:1])
    assert (files, reasons(found)) == ({}, {"docker.io/library/nginx:1.27": docker.OTHER_PATH})


def test_podman_and_cri_o_find_flattened_names_by_a_place_for_each_repository():
    files, found = made("podman", FLAT, Mirror(MIRROR.registry, is_plain=True))
    assert toml(files["podman/registries.conf.d/50-bundler.conf"])["registry"] == [
        {"prefix": source, "location": f"registry.internal:5000/{target}", "insecure": True}
        for source, target in (
            ("docker.io/library/nginx", "library-nginx"),
            ("quay.io/team/app.web", "team-app.web"),
        )
    ]
    assert not found.not_mirrored


@each_case("kind", ("k3s", "rke2"))
def test_k3s_and_rke2_rewrite_paths_and_no_two_patterns_match_one_repository(kind):
    files, _ = made(kind, KEPT)
    read = yaml.safe_load(files[f"{kind}/registries.yaml"])
    endpoint = ["https://registry.internal:5000"]
    assert read == {
        "mirrors": {
            "docker.io": {"endpoint": endpoint, "rewrite": {"^(.*)$": "mirror/$1"}},
            "quay.io:8443": {"endpoint": endpoint, "rewrite": {"^(.*)$": "mirror/$1"}},
        }
    }
    renamed = (*KEPT[:2], image("docker.io/library/redis:7", "platform/redis:7"))
    files, _ = made(kind, renamed)
    rewrites = yaml.safe_load(files[f"{kind}/registries.yaml"])["mirrors"]["docker.io"]["rewrite"]
    for each in renamed:
        matching = [target for pattern, target in rewrites.items() if re.search(pattern, each.reference.repository)]
        assert matching == [each.name.repository]
    files, _ = made(kind, FLAT)
    patterns = yaml.safe_load(files[f"{kind}/registries.yaml"])["mirrors"]["quay.io"]["rewrite"]
    assert [re.search(next(iter(patterns)), name) is None for name in ("team/app.web", "team/appxweb")] == [False, True]


SOURCE = re.compile(
    r"^\*(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))+$|^((?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
    r"(?:(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))+)?(?::[0-9]+)?)(?:(?:/[a-z0-9]+(?:(?:(?:[._]|__|[-]*)[a-z0-9]+)+)?)+)?$"
)
"""``source`` of the CRDs: openshift/api, config/v1/0000_10_config-operator_01_imagetagmirrorset.crd.yaml; ``mirrors`` is alike."""
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@each_case("images", (KEPT, FLAT), ids=("kept", "flat"))
def test_openshift_gets_both_sets_as_their_crds_want_them(images):
    files, _ = made("openshift", images)
    for path, kind, field in (
        ("idms", "ImageDigestMirrorSet", "imageDigestMirrors"),
        ("itms", "ImageTagMirrorSet", "imageTagMirrors"),
    ):
        read = yaml.safe_load(files[f"openshift/{path}.yaml"])
        assert (read["apiVersion"], read["kind"], set(read)) == (
            "config.openshift.io/v1", kind, {"apiVersion", "kind", "metadata", "spec"},
        )  # fmt: skip
        assert SUBDOMAIN.fullmatch(read["metadata"]["name"])
        assert list(read["spec"]) == [field]
        for entry in read["spec"][field]:
            assert set(entry) == {"source", "mirrors", "mirrorSourcePolicy"}
            assert entry["mirrorSourcePolicy"] == "NeverContactSource"
            assert SOURCE.fullmatch(entry["source"])
            assert all(map(SOURCE.fullmatch, entry["mirrors"]))
            assert len(set(entry["mirrors"])) == len(entry["mirrors"]) == 1
        assert {entry["source"]: entry["mirrors"][0] for entry in read["spec"][field]} == (
            {"docker.io": "registry.internal:5000/mirror", "quay.io:8443": "registry.internal:5000/mirror"}
            if images is KEPT
            else {
                "docker.io/library/nginx": "registry.internal:5000/library-nginx",
                "quay.io/team/app.web": "registry.internal:5000/team-app.web",
            }
        )


def test_flattened_names_go_to_kustomize_where_containerd_knows_only_a_prefix():
    hosts, renamed = mirror_files(FLAT, MIRROR, ("containerd",))
    assert hosts.files == ()
    assert set(reasons(hosts)) == {str(each.reference) for each in FLAT}
    assert set(reasons(hosts).values()) == {containerd.OTHER_PATH}
    entries = yaml.safe_load(renamed.files[0].content)["images"]
    assert {"name": "quay.io/team/app.web", "newName": "registry.internal:5000/team-app.web"} in entries
    assert {each["name"] for each in entries if each["newName"].endswith("/library-nginx")} == {
        "nginx", "library/nginx", "docker.io/nginx", "docker.io/library/nginx",
    }  # fmt: skip


def test_one_renamed_repository_does_not_keep_its_registry_from_a_mirror():
    renamed = image("docker.io/library/redis:7", "platform/redis:7")
    hosts, component = mirror_files((*KEPT[:2], renamed), MIRROR, ("containerd",))
    assert [file.path for file in hosts.files] == ["containerd/certs.d/docker.io/hosts.toml"]
    assert reasons(hosts) == {"docker.io/library/redis:7": containerd.OTHER_PATH}
    names = {each["name"] for each in yaml.safe_load(component.files[0].content)["images"]}
    assert names == {"redis", "library/redis", "docker.io/redis", "docker.io/library/redis"}


def test_no_mirror_serves_another_tag_or_digest_and_kustomize_does():
    other_tag = image("quay.io/team/app:1", "team/app:1-20261130")
    other_digest = image(f"quay.io/team/tool@{DIGEST}", f"team/tool:digest-x@{OTHER}", OTHER)
    by_digest = image(f"quay.io/team/same@{DIGEST}", f"team/same:digest-x@{DIGEST}")
    for kind in ("containerd", "podman", "k3s", "openshift"):
        _, found = made(kind, (other_tag, other_digest, by_digest))
        assert reasons(found) == {
            str(other_tag.reference): placed.OTHER_TAG,
            str(other_digest.reference): placed.OTHER_DIGEST,
        }
    files, _ = made("kustomize", (other_tag, other_digest, by_digest))
    place = "registry.internal:5000/team"
    assert yaml.safe_load(files["kustomize/kustomization.yaml"])["images"] == [
        {"name": "quay.io/team/app", "newName": f"{place}/app", "newTag": "1-20261130"},
        {"name": "quay.io/team/same", "newName": f"{place}/same"},
        {"name": "quay.io/team/tool", "newName": f"{place}/tool", "digest": str(OTHER)},
    ]


def test_several_new_tags_of_one_name_are_beyond_kustomize_and_named():
    images = (image("quay.io/team/app:1", "team/app:1-x"), image("quay.io/team/app:2", "team/app:2-x"))
    files, found = made("kustomize", images)
    assert files == {}
    assert set(reasons(found).values()) == {kustomize.SEVERAL_TAGS}


def test_a_repository_at_two_places_is_served_from_the_one_with_more_images():
    images = (
        image("quay.io/team/app:1", "team/app:1"),
        image("quay.io/team/app:2", "team/app:2"),
        image("quay.io/team/app:3", "old/team/app:3"),
    )
    found = placement(images)
    assert [(each.registry, each.prefix, len(each.images)) for each in found.origins] == [("quay.io", "", 2)]
    assert [(str(each.image.reference), each.reason) for each in found.not_mirrored] == [
        ("quay.io/team/app:3", placed.SEVERAL_PLACES)
    ]


HOSTILE = 'a"b\\c\nd\te\x7f\x1b[2J\x85\u2028\u202e\U000e0001 é #{}: ${x}'


def test_hostile_texts_are_only_texts_in_toml_and_yaml():
    assert tomllib.loads(f"key = {quoted(HOSTILE)}") == {"key": HOSTILE}
    assert yaml.safe_load(f"key: {quoted(HOSTILE)}") == {"key": HOSTILE}
    assert quoted(HOSTILE).isprintable()


@each_case(
    "registry, folder",
    [
        ("docker.io", "docker.io"),
        ("localhost:5000", "localhost_5000_"),
        ("[::1]:5000", "[::1]_5000_"),
        ("[::1]", "[::1]"),
    ],
)
def test_folders_of_containerd_have_no_colon_before_a_port(registry, folder):
    assert folder_of(registry) == folder


@each_case("kind", MIRROR_KINDS)
def test_each_kind_of_file_says_where_it_goes_and_what_to_restart(kind):
    files, _ = made(kind, (image("docker.io/library/nginx:1.27", "library/nginx:1.27"),))
    for path, content in files.items():
        said = files["docker/README.txt"] if path == "docker/daemon.json" else content
        assert b"Made by bundler mirrors." in said
        assert any(word in said for word in (b"Copy ", b"Run: "))
        assert any(word in said for word in (b"restart", b"reload"))


def test_no_image_gives_no_file_of_any_kind():
    assert all(not each.files for each in mirror_files((), MIRROR, MIRROR_KINDS))


def test_a_kind_that_is_named_twice_is_made_once():
    assert [each.kind for each in mirror_files(KEPT, MIRROR, ("k3s", "k3s"))] == ["k3s"]


@pytest.mark.parametrize("mirror", [Mirror("127.0.0.1:5000", is_plain=True), MIRROR])
def test_a_mirror_on_the_own_machine_needs_no_exception(mirror):
    assert not mirror.must_be_named_insecure
