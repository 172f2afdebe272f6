"""An inventory says what a registry has, tag by tag, as the registry and skopeo say it; and it says what it could not read."""

from __future__ import annotations

import hashlib
import json
import subprocess
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bundler
from bundler.core.inventory import Inventory, parse_inventory
from bundler.core.oci import Descriptor
from bundler.inventories import registries
from bundler.stores.oci_layout import LayoutSource
from tests.conftest import Ran
from tests.support import attachments, images, sweeps
from tests.support.parts import skopeo_raw
from tests.support.referrers import Referrers
from tests.support.servers import Front
from tests.support.steps import Steps
from tests.support.tables import each_case

Command = Callable[..., Ran]


def read(path: Path) -> Inventory:
    return parse_inventory(path.read_bytes(), what=str(path))


def contents(inventory: Inventory) -> dict[str, Any]:
    """The digest of each tag, and the digests of all blobs of each repository."""
    return {
        each.name: (
            {tag: str(inventory.manifests[number].descriptor.digest) for tag, number in each.tags},
            {
                str(inventory.blobs[blob].digest)
                for number in each.manifests
                for blob in inventory.manifests[number].blobs
            },
        )
        for each in inventory.repositories
    }


def all_blobs(image: images.Image) -> set[str]:
    """The configs and layers of an image and of its children."""
    return set(image.blobs).union(*map(all_blobs, image.children))


def answered(front: Front, request: BaseHTTPRequestHandler, status: int, document: object, **headers: str) -> bool:
    front.send(request, status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode())
    return True


def refusing(part: str, status: int, code: str = "DENIED") -> Callable[[Front, BaseHTTPRequestHandler], bool]:
    def fault(front: Front, request: BaseHTTPRequestHandler) -> bool:
        return part in request.path and answered(
            front, request, status, {"errors": [{"code": code, "message": "not for you"}]}
        )

    return fault


def paged(front: Front, request: BaseHTTPRequestHandler) -> bool:
    """Sends the lists in pages of two, as Quay and Harbor send smaller pages than they are asked for."""
    url = urlsplit(request.path)
    field = {"_catalog": "repositories", "list": "tags"}.get(url.path.rpartition("/")[2])
    if field is None:
        return False
    request.path = url.path
    status, _, content = front.ask(request)
    names = sorted(json.loads(content)[field] or []) if status == 200 else []
    last = parse_qs(url.query).get("last", [""])[0]
    rest = [name for name in names if name > last]
    more = {"Link": f'<{url.path}?last={rest[1]}&n=2>; rel="next"'} if len(rest) > 2 else {}
    return answered(front, request, status, {field: rest[:2]}, **more)


def endless(front: Front, request: BaseHTTPRequestHandler) -> bool:
    return "_catalog" in request.path and answered(
        front, request, 200, {"repositories": ["a"]}, Link='</v2/_catalog?last=a&n=1>; rel="next"'
    )


def test_it_names_what_the_registry_has(here, origin, keys, tmp_path):
    path = tmp_path / "inventory.json"
    ran = here("inventory", origin.host, "-o", path, "--key", keys[0], "--json")
    assert ran.code == 0, ran.err
    found, expected = read(path), images.every_kind()
    assert (found.place, found.kind) == (origin.host, "registry")
    assert {name: sorted(tags) for name, (tags, _) in contents(found).items()} == origin.tags
    for name, image in expected.items():
        repository, _, tag = name.partition(":")
        tags, blobs = contents(found)[repository]
        raw = skopeo_raw(f"{origin.host}/{name}")
        assert tags[tag] == images.sha256(raw) == image.digest
        assert blobs == all_blobs(image)
    assert {blob.size_bytes for blob in found.blobs} >= {
        len(content) for image in expected.values() for content in image.blobs.values()
    }
    assert ran.json["manifests"] == len(found.manifests)
    _verify_with_openssl(path, Path(keys[1]), ran.json["keyId"])
    assert ran.json["id"] == hashlib.sha256(path.read_bytes()).hexdigest()


def _verify_with_openssl(path: Path, public: Path, key_id: str) -> None:
    signature = path.with_name(f"{path.name}.{key_id}.sig")
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(public)]
    subprocess.run([*command, "-in", str(path), "-sigfile", str(signature)], check=True, capture_output=True)


def test_the_same_command_again_says_so_and_reads_no_manifest_again(here, origin, fronts, keys, tmp_path):
    front, path = fronts(origin), tmp_path / "inventory.json"
    assert here("inventory", front.host, "-o", path, "--key", keys[0]).code == 0
    before = path.read_bytes()
    assert front.count("HEAD", "/manifests/") == 0
    front.requests.clear()
    again = here("inventory", front.host, "-o", path, "--key", keys[0], "--json")
    assert (again.code, again.json["completeAlready"], path.read_bytes()) == (0, True, before)
    assert front.count("GET", "/manifests/") == 0
    assert here("inventory", front.host, "-o", path, "--json").json["completeAlready"]


def test_a_file_is_never_overwritten(here, origin, fronts, new_registry, keys, tmp_path):
    registry = new_registry()
    images.simple("a").push(registry, "team/a", "1")
    front, path, other = fronts(registry), tmp_path / "inventory.json", tmp_path / "notes.txt"
    other.write_text("mine")
    assert here("inventory", front.host, "-o", other).code == 2
    assert (front.requests, other.read_text()) == ([], "mine")
    assert here("inventory", front.host, "-o", path).code == 0
    before = path.read_bytes()
    unsigned = here("inventory", front.host, "-o", path, "--key", keys[0], "--json")
    assert (unsigned.code, unsigned.json["error"]["subject"]) == (2, str(path))
    images.simple("b").push(registry, "team/a", "1")
    assert here("inventory", front.host, "-o", path).code == 2
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_found_before_anything_is_asked(here, origin, fronts, tmp_path):
    front = fronts(origin)
    assert here("inventory", front.host, "-o", tmp_path / "none/inventory.json").code == 8
    assert front.requests == []


def test_a_kill_at_any_step_leaves_no_half_inventory(origin, keys, tmp_path):
    path = tmp_path / "inventory.json"
    command = Steps(["inventory", f"{origin.host}/team/other", "-o", path, "--key", keys[0]])
    for number in sweeps.steps():
        ended = command.kill_at(number)
        if path.exists():
            read(path)
            assert list(tmp_path.glob("inventory.json.*.sig"))
        if not ended.was_killed:
            break
    assert ended.code == 0
    again = command.run()
    assert again.code == 0
    assert "complete already" in again.out


def test_an_interrupted_run_goes_on_where_it_was(here, origin, fronts, monkeypatch, tmp_path):
    front, path = fronts(origin), tmp_path / "inventory.json"
    monkeypatch.setattr(bundler, "default_jobs", lambda: 1)  # two at a time may both read what two images share
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other cache"))
    assert here("inventory", front.host, "-o", tmp_path / "whole.json").code == 0
    manifests = front.count("GET", "/manifests/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    front.requests.clear()

    def broken(front: Front, request: BaseHTTPRequestHandler) -> bool:
        is_too_many = "/manifests/" in request.path and front.count("GET", "/manifests/") > 6
        return is_too_many and answered(front, request, 500, {"errors": [{"code": "UNKNOWN", "message": "down"}]})

    front.faults.append(broken)
    assert here("inventory", front.host, "-o", path).code == 7
    assert not path.exists()
    kept = sum(1 for _ in (tmp_path / "cache").glob("bundler/documents/*/sha256-*"))
    front.faults.clear()
    front.requests.clear()
    assert here("inventory", front.host, "-o", path).code == 0
    assert kept >= 5
    assert front.count("GET", "/manifests/") <= manifests - kept
    assert contents(read(path)) == contents(read(tmp_path / "whole.json"))


def test_all_pages_of_both_lists_are_read(here, origin, fronts, tmp_path):
    front = fronts(origin, paged)
    assert here("inventory", front.host, "-o", tmp_path / "paged.json").code == 0
    assert {name: sorted(tags) for name, (tags, _) in contents(read(tmp_path / "paged.json")).items()} == origin.tags
    assert front.count("GET", "_catalog") == -(-len(origin.tags) // 2)


def test_a_list_that_never_ends_is_refused(here, origin, fronts, tmp_path):
    front = fronts(origin, endless)
    assert here("inventory", front.host, "-o", tmp_path / "inventory.json").code == 6
    assert front.count("GET", "_catalog") == 2


def test_a_registry_that_lists_tags_without_end_is_refused_as_a_whole(here, origin, fronts, monkeypatch, tmp_path):
    front = fronts(origin)
    monkeypatch.setattr(registries, "NAMES", 3)  # no repository has so many
    ran = here("inventory", front.host, "-o", tmp_path / "inventory.json", "--json")
    assert (ran.code, ran.json["error"]["subject"]) == (6, front.host)
    assert front.count("HEAD", "/manifests/") == 0


@each_case("status", [401, 403, 404, 405])
def test_a_registry_without_a_catalog_says_what_to_do(here, origin, fronts, tmp_path, status):
    front = fronts(origin, refusing("_catalog", status, "UNSUPPORTED"))
    path = tmp_path / f"{status}.json"
    ran = here("inventory", front.host, "-o", path, "--json")
    assert (ran.code, ran.json["error"]["code"]) == (6, "no-catalog")
    given = here(
        "inventory", front.host, "-o", path, "--repository", "team/multi", "--repository", "team/none", "--json"
    )
    assert (given.code, set(contents(read(path)))) == (0, {"team/multi"})


def test_an_image_list_names_the_repositories(here, origin, fronts, tmp_path):
    front = fronts(origin, refusing("_catalog", 404, "NOT_FOUND"))
    listed = tmp_path / "list.txt"
    listed.write_text("docker.io/library/oci:1\nquay.io/team/plain:7\n")
    path = tmp_path / "inventory.json"
    assert here("inventory", front.host, "-o", path, "--list", listed).code == 0
    assert set(contents(read(path))) == {"library/oci", "team/plain"}


def test_only_repositories_below_the_prefix_count(here, origin, tmp_path):
    path = tmp_path / "inventory.json"
    assert here("inventory", f"{origin.host}/team/other", "-o", path).code == 0
    assert set(contents(read(path))) == {"team/other/shares"}
    outside = here("inventory", f"{origin.host}/team", "-o", tmp_path / "no.json", "--repository", "teams/x", "--json")
    assert (outside.code, outside.json["error"]["actual"]) == (2, "teams/x")


def test_what_may_not_be_read_is_named(here, origin, fronts, tmp_path):
    front = fronts(
        origin, refusing("/team/zstd/tags/", 403), refusing("/team/list/manifests/", 404, "MANIFEST_UNKNOWN")
    )
    path = tmp_path / "inventory.json"
    ran = here("inventory", front.host, "-o", path, "--json")
    assert ran.code == 3
    assert [(each["name"], each["code"]) for each in ran.json["notListed"]] == [
        ("team/list:1", "not-found"),
        ("team/zstd", "denied"),
    ]
    assert not {"team/zstd", "team/list"} & set(contents(read(path)))
    assert [each.name for each in read(path).not_listed] == ["team/list:1", "team/zstd"]


def test_one_manifest_that_the_registry_fails_at_is_named_and_the_others_are_read(here, origin, fronts, tmp_path):
    front, path = fronts(origin, refusing("/team/list/manifests/", 500, "UNKNOWN")), tmp_path / "inventory.json"
    ran = here("inventory", front.host, "-o", path, "--json")
    assert ran.code == 3
    assert [(each["name"], each["code"]) for each in ran.json["notListed"]] == [("team/list:1", "registry-failed")]
    assert set(contents(read(path))) == set(origin.tags) - {"team/list"}
    shown = here("status", front.host, "--json")
    assert (shown.code, [each["name"] for each in shown.json["notListed"]]) == (3, ["team/list:1"])


def test_a_prefix_that_is_none_is_noticed_with_those_that_are(here, origin, tmp_path):
    ran = here("status", f"{origin.host}/wrong", "--rate", "requests=1000")
    assert ran.code == 0
    assert f"{origin.host} has no repository wrong and none below it; it has charts, library, team" in ran.err


def test_a_repository_with_a_tag_that_is_none_counts_as_not_read_whole(here, origin, fronts, tmp_path):
    """An image may be needed by that tag alone: bundler prune removes nothing there."""

    def strange(front: Front, request: BaseHTTPRequestHandler) -> bool:
        return "/team/zstd/tags/" in request.path and answered(front, request, 200, {"tags": ["1", "prod+x"]})

    path = tmp_path / "inventory.json"
    ran = here("inventory", fronts(origin, strange).host, "-o", path, "--json")
    assert ran.code == 3
    assert [each["name"] for each in ran.json["notListed"]] == ["team/zstd"]
    assert "prod+x" in str(ran.json["notListed"])
    assert contents(read(path))["team/zstd"]


def test_a_child_that_the_registry_has_lost_is_left_out(here, new_registry, tmp_path):
    registry = new_registry()
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64"))]).push(registry, "team/app", "1")
    url = f"http://{registry.host}/v2/team/app/manifests/{arm.digest}"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()
    path = tmp_path / "inventory.json"
    assert here("inventory", registry.host, "-o", path).code == 0
    _, blobs = contents(read(path))["team/app"]
    assert blobs == set(amd.blobs)
    # The cache of this run still has the lost manifest. The registry decides, not the cache.
    (tmp_path / "again.json").unlink(missing_ok=True)
    urllib.request.urlopen(
        urllib.request.Request(f"http://{registry.host}/v2/team/app/manifests/{amd.digest}", method="DELETE"),
        timeout=30,
    ).close()
    assert here("inventory", registry.host, "-o", tmp_path / "again.json").code == 0
    assert contents(read(tmp_path / "again.json"))["team/app"][1] == set()


def test_attachments_of_the_referrers_api_are_in_it_and_a_registry_without_it_is_asked_once(
    here, new_registry, fronts, origin, tmp_path
):
    registry, image = new_registry(), images.simple("signed")
    front = fronts(registry, Referrers())
    sbom = attachments.referrer(image)
    for each in (image, sbom, attachments.referrer(sbom, "application/another")):
        each.push(front, "team/app", "1" if each is image else None)
    path = tmp_path / "inventory.json"
    assert here("inventory", front.host, "-o", path).code == 0
    assert len(read(path).repositories[0].manifests) == 3
    assert contents(read(path))["team/app"][1] >= set(sbom.blobs)
    without = fronts(origin)
    assert here("inventory", without.host, "-o", tmp_path / "without.json").code == 0
    assert without.count("GET", "/referrers/") <= 9  # of all threads, before the first answer


def test_a_layout_that_lists_one_manifest_many_times_is_read_once(here, monkeypatch, tmp_path):
    reads: list[str] = []
    whole = LayoutSource.read_manifest

    def counted(layout: LayoutSource, descriptor: Descriptor) -> bytes:
        reads.append(str(descriptor.digest))
        return whole(layout, descriptor)

    monkeypatch.setattr(LayoutSource, "read_manifest", counted)
    image = images.simple("one")
    inner = images.index([(image, images.platform("amd64"))] * 4)
    outer = images.index([(inner, images.platform("amd64"))] * 4)
    for tag in range(3):
        outer.write_layout(tmp_path / "layout", f"docker.io/library/one:{tag}")
    assert here("inventory", f"oci:{tmp_path}/layout", "-o", tmp_path / "inventory.json").code == 0
    assert sorted(reads) == sorted((image.digest, inner.digest, outer.digest))
    assert len(read(tmp_path / "inventory.json").manifests) == 3


def test_a_layout_says_which_blobs_it_has(here, tmp_path):
    layout, image, other = tmp_path / "layout", images.simple("one"), images.simple("two")
    image.write_layout(layout, "docker.io/library/one:1")
    other.write_layout(layout, "just-a-tag")
    lost = next(iter(other.blobs))
    (layout / "blobs/sha256" / lost.removeprefix("sha256:")).unlink()
    path = tmp_path / "inventory.json"
    assert here("inventory", f"oci:{layout}", "-o", path).code == 0
    assert contents(read(path)) == {
        "": ({}, set(other.blobs) - {lost}),
        "docker.io/library/one": ({"1": image.digest}, set(image.blobs)),
    }


@each_case(
    "place", ["docker-archive:x.tar", "oci-archive:x.tar", "docker-daemon:registry.example.com", "http://x", "a b"]
)
def test_other_places_have_no_inventory(here, tmp_path, place):
    assert here("inventory", place, "-o", tmp_path / "inventory.json").code == 2


def test_repositories_are_for_registries(here, tmp_path):
    images.simple("one").write_layout(tmp_path / "layout", "docker.io/library/one:1")
    ran = here("inventory", f"oci:{tmp_path}/layout", "-o", tmp_path / "i.json", "--repository", "a")
    assert ran.code == 2
