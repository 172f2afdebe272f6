"""`bundler check` finds what a real registry has lost, changed or damaged, and its need-list brings it back."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.real.test_fulfil import CHUNK_BYTES, kinds
from tests.support import attachments, images
from tests.support.attachments import dashed
from tests.support.parts import RealRegistry
from tests.support.servers import TokenServer
from tests.support.steps import Steps
from tests.support.tables import each_case

CACHE = ", cache: {blobdescriptor: inmemory}"
"""A registry with a cache, as Debian's and Docker's own configuration have it, answers HEAD for what it has lost."""
IMAGES = kinds()
CUT, MULTI, SMALL = IMAGES["a/cut:1"], IMAGES["a/multi:1"], IMAGES["a/small:1"]


@dataclass
class Imported:
    """A bundle of several chunks, the storage of the registry that it was imported into, and the receipt."""

    folder: Path
    storage: Path
    key: Path
    public: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "test"

    @property
    def receipt(self) -> Path:
        return self.folder / "receipt.json"

    def small_files(self, to: Path) -> Path:
        """A copy of the bundle without its chunks."""
        return shutil.copytree(self.bundle, to, ignore=shutil.ignore_patterns("chunk-*"))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, made_keys: Path) -> Iterator[Imported]:
    folder = tmp_path_factory.mktemp("imported")
    key, public = made_keys / "tester.key", made_keys / "tester.pub"
    source, target = (RealRegistry(tmp_path_factory.mktemp(name)).start() for name in ("source", "target"))
    for name, image in IMAGES.items():
        repository, tag = name.split(":")
        attachments.push_all(source, repository, image, tag=tag)
    listed = folder / "list.yaml"
    listed.write_text("name: test\nimages:\n" + "".join(f"- {source.host}/{name}\n" for name in IMAGES))
    export = Steps(["export", listed, "-o", folder, "--key", key, "--chunk-size", CHUNK_BYTES]).run()
    assert export.code == 0, export.err
    into = ("--to", target.host, "--trust", public, "--receipt", folder / "receipt.json", "--receipt-key", key)
    done = Steps(["import", folder / "test", *into]).run()
    assert done.code == 0, done.err
    source.stop()
    target.stop()
    yield Imported(folder, target.storage, key, public)
    shutil.rmtree(target.folder, ignore_errors=True)


@pytest.fixture
def registry(imported: Imported, tmp_path: Path) -> Iterator[Callable[..., RealRegistry]]:
    """Starts a registry with a copy of the storage, after a change of it."""
    started: list[RealRegistry] = []

    def start(change: Callable[[RealRegistry], object] = lambda _: None, **options: str) -> RealRegistry:
        registry = RealRegistry(tmp_path / f"registry-{len(started)}", **options)
        shutil.copytree(imported.storage, registry.storage)
        change(registry)
        started.append(registry.start())
        return registry

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def check(here: Callable[..., Ran], imported: Imported) -> Callable[..., Ran]:
    """Checks the receipt, or the bundle, against a registry."""

    def run(registry: RealRegistry, *flags: object, subject: Path | None = None) -> Ran:
        wanted = subject or imported.receipt
        return here("check", wanted, "--to", registry.host, "--trust", imported.public, *flags, "--json")

    return run


def data(registry: RealRegistry, digest: str) -> Path:
    """The file of a blob in the storage."""
    hex_ = digest.removeprefix("sha256:")
    return registry.storage / f"docker/registry/v2/blobs/sha256/{hex_[:2]}/{hex_}/data"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def delete(registry: RealRegistry, name: str, digest: str) -> None:
    url = f"http://{registry.host}/v2/{name.partition(':')[0]}/manifests/{digest}"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=100).close()


def faults(ran: Ran) -> dict[str, set[tuple[str, str]]]:
    """The states and objects of the faults of each image, by its repository."""
    return {
        each["name"].split("/", 1)[1].partition(":")[0]: {
            (fault["state"], fault["what"].split("/", 1)[-1]) for fault in each["faults"]
        }
        for each in ran.json["images"]
    }


def layers(image: images.Image) -> dict[str, bytes]:
    """The configs and layers of an image and of its children."""
    found = dict(image.blobs)
    for child in image.children:
        found |= layers(child)
    return found


LARGE = max(CUT.blobs, key=lambda digest: len(CUT.blobs[digest]))


def test_after_an_import_all_is_whole(check, registry, imported, tmp_path):
    where = registry()
    small = imported.small_files(tmp_path / "small")
    total = sum(
        map(len, {digest: each for image in IMAGES.values() for digest, each in layers(image).items()}.values())
    )
    for subject in (imported.receipt, small):
        for flags in ((), ("--deep",)):
            ran = check(where, *flags, subject=subject)
            assert (ran.code, ran.json["states"], ran.json["images"]) == (0, {"whole": 3}, []), ran.err
            assert ran.json["need"] is None
            assert (ran.json["readBytes"] >= total) == bool(flags)
    assert check(where, subject=small).json["asked"] == check(where).json["asked"]


def test_a_root_that_its_tag_has_shown_is_not_asked_for_again_and_nothing_is_changed(
    here, registry, imported, fronts, tmp_path
):
    front = fronts(registry())
    small = imported.small_files(tmp_path / "small")
    assert here("check", small, "--to", front.host, "--trust", imported.public).code == 0
    counted = [front.count("HEAD", f"/manifests/{digest}") for digest in (CUT.digest, MULTI.children[0].digest)]
    assert counted == [0, 1]
    assert [front.count(method, "") for method in ("PUT", "POST", "PATCH", "DELETE")] == [0, 0, 0, 0]


def test_a_moved_tag_is_named_and_needs_a_decision_no_bytes(check, registry, tmp_path):
    where = registry()
    other = images.simple("other")
    other.push(where, "a/small", "1")
    ran = check(where, "--need", tmp_path / "need.txt")
    assert (ran.code, ran.json["states"]) == (6, {"moved": 1, "whole": 2})
    (image,) = ran.json["images"]
    assert [(each["expected"], each["actual"]) for each in image["faults"]] == [(SMALL.digest, other.digest)]
    assert not (tmp_path / "need.txt").exists()


def test_missing_manifests_come_back_by_the_need_list(check, here, registry, imported, tmp_path):
    where = registry()
    child = MULTI.children[1].digest
    delete(where, "a/multi", child)
    delete(where, "a/small", SMALL.digest)
    by_receipt, by_bundle = tmp_path / "receipt.need", tmp_path / "bundle.need"
    ran = check(where, "--need", by_receipt)
    assert (ran.code, ran.json["states"]) == (9, {"missing": 2, "whole": 1})
    found = faults(ran)
    assert found["a/multi"] == {("missing", child)}
    assert {("missing", "a/small:1"), ("missing", SMALL.digest)} <= found["a/small"]
    assert by_receipt.read_text().startswith("BUNDLER-NEED:1:")
    small = imported.small_files(tmp_path / "small")
    again = check(where, "--need", by_bundle, "--need-key", imported.key, subject=small)
    assert (again.code, faults(again)["a/multi"]) == (9, found["a/multi"])
    assert json.loads(by_bundle.read_text())["bundle"]["name"] == "test"
    for number, need in enumerate((by_receipt, by_bundle)):
        carried = bring(here, imported, need, tmp_path / f"carried-{number}")
        assert len(list(carried.glob("chunk-*"))) < len(list(imported.bundle.glob("chunk-*")))
        mend(here, imported, carried, where)
        assert check(where, "--deep").code == 0
        delete(where, "a/multi", child)


def bring(here: Callable[..., Ran], imported: Imported, need: Path, to: Path) -> Path:
    """The builder's side: the chunks that a need-list asks for."""
    made = here("fulfil", need, "-o", to, "--from", imported.bundle, "--trust", imported.public)
    assert made.code == 0, made.err
    return to / "test"


def mend(here: Callable[..., Ran], imported: Imported, carried: Path, registry: RealRegistry) -> None:
    """Imports what was carried. Images whose chunks were not carried are named, and need nothing."""
    done = here("import", carried, "--to", registry.host, "--trust", imported.public, "--verify-target")
    assert done.code in (0, 9), done.out + done.err


@each_case(
    "damage, options, code, deep, state",
    [
        (flip, "", 0, 4, "damaged"),
        (truncate, "", 4, 4, "damaged"),
        (truncate, CACHE, 4, 4, "damaged"),
        (Path.unlink, "", 9, 9, "missing"),
    ],
)
def test_a_layer_that_the_storage_lost_or_damaged_is_found(check, registry, damage, options, code, deep, state):
    where = registry(lambda registry: damage(data(registry, LARGE)), storage_extra=options)
    shallow, whole = check(where), check(where, "--deep")
    assert (shallow.code, whole.code) == (code, deep)
    assert faults(whole) == {"a/cut": {(state, LARGE)}}
    assert faults(shallow) == (faults(whole) if code else {})


def test_a_layer_that_a_caching_registry_still_lists_is_found_by_reading(check, here, registry, imported, tmp_path):
    where = registry(storage_extra=CACHE)
    assert check(where).code == 0  # now it has it in its cache
    data(where, LARGE).unlink()
    assert check(where).code == 0
    need = tmp_path / "need.txt"
    ran = check(where, "--deep", "--need", need)
    assert (ran.code, faults(ran)) == (7, {"a/cut": {("unread", LARGE)}})  # it breaks off after the headers
    carried = bring(here, imported, need, tmp_path / "carried")
    where.stop()
    where.start()  # it has forgotten the blob now
    assert check(where).code == 9
    mend(here, imported, carried, where)
    assert check(where, "--deep").code == 0


def test_attachments_are_looked_for_with_their_lists_and_tags(check, registry):
    def forget(registry: RealRegistry) -> None:
        tags = registry.storage / "docker/registry/v2/repositories/a/small/_manifests/tags"
        shutil.rmtree(tags / dashed(SMALL))  # the list of what is attached
        shutil.rmtree(tags / dashed(SMALL, ".sig"))

    where = registry(forget)
    ran = check(where)
    assert (ran.code, ran.json["states"]) == (9, {"missing": 1, "whole": 2})
    found = {what for _, what in faults(ran)["a/small"]}
    assert f"a/small:{dashed(SMALL, '.sig')}" in found
    assert any(what.startswith(f"a/small@{SMALL.digest} ") for what in found)
    assert check(where, "--attachments", "none").code == 0
    assert check(where, "--except", "*/small").code == 0


def test_an_account_that_may_only_pull_is_enough(check, registry, tmp_path):
    (tmp_path / "tokens").mkdir()
    tokens = TokenServer(tmp_path / "tokens")
    try:
        where = registry(extra=tokens.registry_config)
        ran = check(where, "--deep")
        assert (ran.code, ran.json["states"]) == (0, {"whole": 3}), ran.err
        assert {scope.rpartition(":")[2] for issued in tokens.issued for scope in issued} == {"pull"}
    finally:
        tokens.server.stop()


def test_the_output_names_the_image_the_part_and_the_next_step_once(here, registry, imported):
    where = registry(lambda registry: [data(registry, LARGE).unlink(), data(registry, SMALL.digest).unlink()])
    ran = here("check", imported.receipt, "--to", where.host, "--trust", imported.public)
    assert ran.code == 9
    assert f"missing: {where.host}/a/cut:1" in ran.out
    assert ran.out.count("bundler explain lost-at-registry") == 1
    assert "what it lists is not known" in ran.out


def test_a_registry_that_does_not_answer_is_one_error(check, registry, imported, tmp_path):
    where = registry()
    where.stop()
    assert check(where).code == 7
    assert check(where, "--need", imported.receipt).code == 2
    assert check(where, subject=tmp_path / "nothing").code != 0


def test_receipts_and_bundles_must_be_trusted(here, registry, imported, tmp_path):
    where = registry()
    forged = tmp_path / "forged.json"
    forged.write_text(imported.receipt.read_text())
    assert here("check", forged, "--to", where.host, "--trust", imported.public).code == 5
    assert here("check", forged, "--to", where.host, "--insecure-no-signature").code == 0
    assert here("check", imported.bundle, "--to", where.host).code == 5
    assert here("check", imported.bundle, "--trust", imported.public).code == 2
    assert here("check", imported.receipt, "--to", "oci:x", "--trust", imported.public).code == 2
    several = here("check", imported.receipt, forged, "--to", where.host, "--trust", imported.public)
    assert (several.code, "one receipt" in several.err) == (2, True), several.err
    nothing = here("check", tmp_path / "nothing.json")
    assert (nothing.code, "no receipt or bundle" in nothing.err) == (2, True), nothing.err


def test_a_receipt_of_the_first_versions_has_its_blobs_from_the_manifests(here, registry, imported, tmp_path):
    old = {**json.loads(imported.receipt.read_text()), "blobs": [], "blobSizes": []}
    for image in old["targets"][0]["images"]:
        image["blobs"] = []
    receipt = tmp_path / "old.json"
    receipt.write_text(json.dumps(old))
    where = registry(lambda registry: data(registry, LARGE).unlink())
    arguments = ("check", receipt, "--to", where.host, "--insecure-no-signature", "--json")
    ran = here(*arguments)
    assert (ran.code, faults(ran)) == (9, {"a/cut": {("missing", LARGE)}})
    assert here(*arguments, "--need", tmp_path / "need.txt").json["error"]["kind"] == "usage"
