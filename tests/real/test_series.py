"""``import`` proves the base: bundles that leave blobs out, into registries that have the blobs, and that do not."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bundler import cli
from tests.conftest import Ran
from tests.support import months
from tests.support.attachments import referrer
from tests.support.faults import answer
from tests.support.forge import Forged
from tests.support.images import sha256
from tests.support.months import MONTHS
from tests.support.parts import RealDaemon, RealRegistry
from tests.support.tables import each_case

NEWEST = "month-4"


@dataclass
class Series:
    """The bundles of four months in one folder, each based on the one before; and one whole bundle of the last month."""

    folder: Path
    key: Path
    public: Path

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def export(self, name: str, *options: object, since: tuple[object, ...] = (), month: str | None = None) -> None:
        given = [part for path in since for part in ("--since", str(path))]
        trusted = ["--trust", str(self.public)] if since else []
        layout = self.folder.parent / "layouts" / (month or name)
        run = ["export", f"oci:{layout}", "-o", str(self.folder), "--name", name, "--key", str(self.key), "-q"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert cli.run([*run, *given, *trusted, *map(str, options)]) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Series:
    root = tmp_path_factory.mktemp("series")
    folder = root / "bundles"
    folder.mkdir()
    assert cli.run(["keygen", "maker", "-d", str(root), "-q"]) == 0
    series = Series(folder, root / "maker.key", root / "maker.pub")
    before: tuple[Path, ...] = ()
    for name, month in MONTHS.items():
        months.write_layout(month, root / "layouts" / name)
        series.export(name, since=before)
        before = (folder / name,)
    series.export("whole", month=NEWEST)
    return series


@pytest.fixture
def bring(here, made) -> Callable[..., Ran]:
    """Imports bundles by their names, or by paths."""

    def run(*bundles: object, to: object, options: tuple[object, ...] = ()) -> Ran:
        paths = [made / each if isinstance(each, str) else each for each in bundles]
        given = to if isinstance(to, tuple) else (to,)
        targets = [part for target in given for part in ("--to", getattr(target, "host", target))]
        return here("import", *paths, *targets, "--trust", made.public, *options)

    return run


def content(registry: RealRegistry) -> dict[str, str]:
    """The digest of each tag of a registry."""
    return {
        f"{repository}:{tag}": sha256(registry.get(f"{repository}/manifests/{tag}") or b"")
        for repository, tags in registry.tags.items()
        for tag in tags
    }


def wanted(month: str = NEWEST) -> dict[str, str]:
    return {f"{name}:1": digest for name, digest in months.digests(MONTHS[month]).items()}


def check_whole(registry: RealRegistry, month: str = NEWEST) -> None:
    """The registry has exactly the images of a month, and every byte of them."""
    assert content(registry) == wanted(month)
    for name, layers in MONTHS[month].items():
        for digest, blob in months.image(layers).blobs.items():
            assert registry.get(f"team/{name}/blobs/{digest}") == blob


def _config(name: str, month: str) -> bytes:
    """The config of an image of a month."""
    image = months.image(MONTHS[month][name])
    return image.blobs[json.loads(image.content)["config"]["digest"]]


def missing(done: Ran) -> set[str]:
    """The parts that an import asked for."""
    return {each["subject"] for each in done.json["error"]["errors"]}


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 1, 3)])
def test_a_full_bundle_and_three_that_follow_are_as_one_full_bundle(made, bring, new_registry, order):
    one, other = new_registry(), new_registry()
    assert bring("whole", to=other).code == 0
    done = bring(*(f"month-{number}" for number in order), to=one, options=("--json",))
    assert done.code == 0, done.err
    assert done.json["name"] == NEWEST
    receipt = json.loads(Path(done.json["receipt"]).read_text())
    for others in (done.json["otherBundles"], receipt["otherBundles"]):
        assert {each["name"] for each in others} == {"month-1", "month-2", "month-3"}
        assert all(each["signers"] == done.json["signers"] for each in others)
    check_whole(one)
    assert content(one) == content(other)
    assert one.blobs == other.blobs


def test_a_medium_with_the_whole_series_is_given_as_one_path(made, bring, target, tmp_path):
    for name in MONTHS:
        shutil.copytree(made / name, tmp_path / "medium" / name)
    assert bring(tmp_path / "medium", to=target).code == 0
    check_whole(target)


def test_month_after_month_each_bundle_needs_only_what_is_there(made, bring, target):
    for name in MONTHS:
        done = bring(name, to=target, options=("--on-conflict", "replace", "--json"))
        assert done.code == 0, done.out
        assert content(target).items() >= wanted(name).items()
    assert bring(NEWEST, to=target, options=("--verify-target",)).code == 0


def test_what_is_nowhere_is_named_and_nothing_moves(made, bring, target):
    done = bring(NEWEST, to=target, options=("--json",))
    assert done.code == 9
    assert missing(done) == {f"month-{number}/chunk-0001.tar" for number in (1, 2, 3)}
    assert {each["code"] for each in done.json["error"]["errors"]} == {"base-missing"}
    assert (content(target), target.blobs) == ({}, set())


SUBSETS = [subset for size in range(4) for subset in itertools.combinations((1, 2, 3), size)]


def test_any_bundles_of_the_series_are_enough_or_the_run_names_the_others(made, bring, tmp_path):
    """An import asks for exactly the parts that make the next run succeed."""
    for number, subset in enumerate(SUBSETS):
        layout = tmp_path / f"out-{number}"
        given = [f"month-{each}" for each in subset]
        done = bring(NEWEST, *given, to=f"oci:{layout}", options=("--json",))
        assert done.code == (0 if len(subset) == 3 else 9), (subset, done.err)
        assert not done.code or not (layout / "index.json").exists()
        named = {name.partition("/")[0] for name in missing(done)} if done.code else set()
        assert not named & set(given)
        assert bring(NEWEST, *given, *sorted(named), to=f"oci:{layout}").code == 0
        found = json.loads((layout / "index.json").read_text())["manifests"]
        assert {each["digest"] for each in found} == set(wanted().values())


def test_a_missing_chunk_of_a_base_is_asked_for_by_name(made, bring, target, tmp_path):
    shutil.copytree(made / "month-1", tmp_path / "month-1")
    (tmp_path / "month-1/chunk-0001.tar").unlink()
    done = bring(NEWEST, "month-2", "month-3", tmp_path / "month-1", to=target, options=("--json",))
    assert (done.code, missing(done)) == (9, {"month-1/chunk-0001.tar"})
    assert content(target) == {}


def test_a_damaged_chunk_of_a_base_fails_its_images_and_never_reaches_the_target(made, bring, target, tmp_path):
    shutil.copytree(made / "month-1", tmp_path / "month-1")
    chunk = tmp_path / "month-1/chunk-0001.tar"
    blob = months.layer("base")
    whole = chunk.read_bytes()
    assert blob in whole
    chunk.write_bytes(whole.replace(blob, blob[:-1] + bytes([blob[-1] ^ 1])))
    done = bring(NEWEST, "month-2", "month-3", tmp_path / "month-1", to=target, options=("--json",))
    assert done.code == 4, done.out
    assert content(target) == {"team/d:1": wanted()["team/d:1"]}
    assert sha256(blob).removeprefix("sha256:") not in target.blobs


@pytest.mark.parametrize("options", [(), ("--platform", "linux/amd64")], ids=["sent", "read to choose a platform"])
def test_blobs_that_a_damaged_base_could_not_give_are_asked_for_and_come(
    made, bring, here, new_registry, tmp_path, options
):
    target, need = new_registry(), tmp_path / "need.json"
    blob = _config("a", "month-3") if options else months.layer("base")
    damaged = []
    for name in ("month-1", "month-2", "month-3"):
        damaged.append(shutil.copytree(made / name, tmp_path / name))
        chunk = tmp_path / name / "chunk-0001.tar"
        chunk.write_bytes(chunk.read_bytes().replace(blob, blob[:-1] + b"!"))
    damaged.append(made / NEWEST)
    assert bring(*damaged, to=target, options=("--need", need, *options)).code == 4
    assert [each["digest"] for each in json.loads(need.read_text())["blobs"]] == [sha256(blob)]
    trust = ("--trust", made.public, "--key", made.key)
    assert here("fulfil", need, "-o", tmp_path / "made", "--from", made / NEWEST, *trust).code == 0
    (supplement,) = (tmp_path / "made").iterdir()
    # The damaged bundle is given first.
    assert bring(*damaged, supplement, to=target, options=("--on-conflict", "replace", *options)).code == 0
    check_whole(target)


def test_a_base_that_no_trusted_key_signed_gives_nothing(made, bring, here, target, tmp_path):
    shutil.copytree(made / "month-1", tmp_path / "month-1")
    next((tmp_path / "month-1").glob("*.sig")).unlink()
    assert bring(NEWEST, "month-2", "month-3", tmp_path / "month-1", to=target).code == 5
    assert content(target) == {}


def test_bundles_that_do_not_follow_each_other_are_refused(made, bring, here, target, tmp_path):
    months.write_layout({"z": ["z"]}, tmp_path / "layout")
    run = ["export", f"oci:{tmp_path}/layout", "-o", tmp_path, "--name", "stranger", "--key", made.key]
    assert here(*run).code == 0
    for others in (("month-1",), ("month-1", "month-2"), ("month-1", "month-2", "month-3", "month-4")):
        assert bring(*others, tmp_path / "stranger", to=target).code == 2
    assert bring("whole", "month-1", to=target).code == 2
    assert content(target) == {}


def test_a_bundle_that_cannot_be_opened_on_a_medium_was_perhaps_not_meant(made, bring, target, tmp_path):
    for name in ("month-1", "month-2"):
        shutil.copytree(made / name, tmp_path / "medium" / name)
    next((tmp_path / "medium/month-1").glob("*.sig")).unlink()
    done = bring(tmp_path / "medium", to=target)
    assert (done.code, str(tmp_path / "medium/month-2") in done.err) == (2, True)
    assert bring(tmp_path / "medium/month-1", tmp_path / "medium/month-2", to=target).code == 5


@pytest.mark.parametrize("known_by", ["statement", "own receipts", "complete images", "inventory"])
def test_what_another_repository_has_is_mounted(made, bring, here, new_registry, tmp_path, monkeypatch, known_by):
    """Image ``d`` of the third month is new, and its second layer is in the repository of ``c``."""
    target, receipt, inventory = new_registry(), tmp_path / "receipt.json", tmp_path / "inventory.json"
    assert bring("month-1", "month-2", to=target, options=("--receipt", receipt, "--receipt-key", made.key)).code == 0
    assert here("inventory", target.host, "-o", inventory, "--key", made.key).code == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "no receipts of mine"))
    if known_by == "own receipts":
        (tmp_path / "no receipts of mine/bundler/receipts").mkdir(parents=True)
        shutil.copy(receipt, tmp_path / "no receipts of mine/bundler/receipts/1.json")
    since = {"statement": receipt, "inventory": inventory}.get(known_by, made / "month-2")
    name = f"third-by-{known_by.replace(' ', '-')}"
    made.export(name, since=(since,), month="month-3")
    shared = months.layer("c1")
    only = () if known_by == "complete images" else ("--only", "*/d:*")
    done = bring(name, to=target, options=("--on-conflict", "replace", "--json", *only))
    assert done.code == 0, done.out
    assert 0 < done.json["targets"][0]["bytesSent"] < len(months.layer("other")) + (0 if only else 2 * 20_500) + 2_000
    assert target.get(f"team/d/blobs/{sha256(shared)}") == shared


def test_nobody_guesses_where_a_blob_is(made, bring, target, tmp_path, monkeypatch):
    """The registry has the blob, but neither a statement nor a receipt nor an image says in which repository."""
    assert bring("month-1", "month-2", to=target, options=("--receipt", tmp_path / "receipt.json")).code == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "empty"))
    done = bring("month-3", to=target, options=("--on-conflict", "replace", "--json", "--only", "*/d:*"))
    assert (done.code, missing(done)) == (9, {"month-2/chunk-0001.tar"})


def test_an_inventory_that_lies_is_found_out_before_anything_moves(made, bring, here, new_registry, tmp_path):
    full, target = new_registry(), new_registry()
    assert bring("month-1", to=full).code == 0
    inventory = tmp_path / "inventory.json"
    assert here("inventory", full.host, "-o", inventory, "--key", made.key).code == 0
    made.export("by-a-lying-inventory", since=(inventory,), month="month-2")
    done = bring("by-a-lying-inventory", to=target, options=("--json",))
    assert done.code == 9
    assert missing(done) <= {digest for layers in MONTHS["month-1"].values() for digest in months.image(layers).blobs}
    assert (content(target), target.blobs) == ({}, set())


def test_a_registry_that_mounts_nothing_gets_the_bytes_from_its_other_repository(made, bring, target, fronts):
    assert bring("month-1", "month-2", to=target).code == 0

    def no_mount(front, request) -> bool:
        if request.command == "POST" and "mount=" in request.path:
            request.path = request.path.partition("?")[0]
        return False

    front = fronts(target)
    front.faults = [no_mount]
    done = bring("month-3", to=front.host, options=("--on-conflict", "replace", "--json"))
    assert done.code == 0, done.out
    assert target.get(f"team/d/blobs/{sha256(months.layer('c1'))}") == months.layer("c1")
    assert {each["outcome"] for each in done.json["targets"][0]["images"]} == {"pushed", "present"}


def test_what_a_garbage_collection_took_since_the_receipt_is_noticed(made, bring, here, target, tmp_path):
    receipt = tmp_path / "receipt.json"
    signed = ("--receipt", receipt, "--receipt-key", made.key)
    assert bring("month-1", to=target, options=signed).code == 0
    made.export("after-receipt", since=(receipt,), month="month-2")
    shutil.rmtree(target.storage / "docker/registry/v2/repositories/team/b/_manifests/tags")
    shutil.rmtree(target.storage / "docker/registry/v2/repositories/team/b/_manifests/revisions")
    before = target.blobs
    target.collect_garbage()
    assert sha256(months.layer("b1")).removeprefix("sha256:") in before - target.blobs
    done = bring("after-receipt", to=target, options=("--on-conflict", "replace", "--json"))
    assert done.code == 9, done.out
    assert sha256(months.layer("b1")) in missing(done)
    assert content(target).keys() == {"team/a:1"}
    again = bring("after-receipt", "month-1", to=target, options=("--on-conflict", "replace", "--json"))
    assert again.code == 0, again.out
    assert content(target) == wanted("month-2")


def test_a_receipt_that_lies_is_found_out_before_anything_moves(made, bring, here, new_registry, tmp_path):
    full, empty = new_registry(), new_registry()
    receipt = tmp_path / "receipt.json"
    assert bring("month-1", to=full, options=("--receipt", receipt, "--receipt-key", made.key)).code == 0
    made.export("by-a-lie", since=(receipt,), month="month-2")
    done = bring("by-a-lie", to=empty, options=("--json",))
    assert done.code == 9
    assert {each["code"] for each in done.json["error"]["errors"]} == {"base-missing"}
    assert (content(empty), empty.blobs) == ({}, set())


def test_of_two_targets_one_that_lacks_the_base_stops_both(made, bring, new_registry):
    full, empty = new_registry(), new_registry()
    assert bring("month-1", to=full).code == 0
    before = full.blobs
    assert bring("month-2", to=(full, empty), options=("--on-conflict", "replace")).code == 9
    assert (full.blobs, empty.blobs) == (before, set())
    assert bring("month-2", "month-1", to=(full, empty), options=("--on-conflict", "replace")).code == 0
    check_whole(empty, "month-2")


def test_a_dry_run_proves_the_base_too(made, bring, target):
    assert bring(NEWEST, to=target, options=("--dry-run",)).code == 9
    assert bring(NEWEST, "month-1", "month-2", "month-3", to=target, options=("--dry-run",)).code == 0
    assert target.blobs == set()


def test_only_the_images_that_are_chosen_need_their_base(made, bring, target):
    done = bring(NEWEST, "month-1", "month-3", to=target, options=("--only", "*/a:*"))
    assert done.code == 0, done.err
    assert content(target) == {"team/a:1": wanted()["team/a:1"]}


@pytest.mark.parametrize("kind", ["oci:{}/out", "oci-archive:{}/out.tar"])
def test_layouts_and_archives_get_whole_images_or_nothing(made, bring, tmp_path, kind):
    to = kind.format(tmp_path)
    refused = bring("month-2", to=to, options=("--json",))
    assert (refused.code, missing(refused)) == (9, {"month-1/chunk-0001.tar"})
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("index.json") or path.suffix == ".tar"]
    assert bring("month-2", "month-1", to=to).code == 0
    checked = bring("month-2", "month-1", to=to, options=("--json", "--verify-target"))
    assert checked.code == 0 or kind.startswith("oci-archive")


def test_a_layout_that_has_the_base_needs_no_other_bundle(made, bring, tmp_path):
    assert bring("month-1", to=f"oci:{tmp_path}/out").code == 0
    done = bring("month-2", to=f"oci:{tmp_path}/out", options=("--on-conflict", "replace", "--verify-target"))
    assert done.code == 0, done.err


def test_a_daemon_gets_whole_images_or_nothing(made, bring, daemon, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    before = images_in(daemon)
    refused = bring("month-2", to="docker-daemon:", options=("--json",))
    assert refused.code == 9, refused.out
    assert "month-1/chunk-0001.tar" in missing(refused)
    only_layers = bring("month-2", to="docker-daemon:", options=("--json", "--only", "*/a:*"))
    assert (only_layers.code, missing(only_layers)) == (9, {"month-1/chunk-0001.tar"}), "its config is in the bundle"
    assert images_in(daemon) == before
    done = bring("month-2", "month-1", to="docker-daemon:", options=("--json",))
    assert done.code == 0, done.out
    names = images_in(daemon) - before
    assert names == {months.reference(name) for name in MONTHS["month-2"]}
    daemon.docker("rmi", "-f", *names)


def images_in(daemon: RealDaemon) -> set[str]:
    """The names in a daemon; other tests may have left some."""
    return set(daemon.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())


def test_a_config_that_is_missing_stops_the_images_that_are_complete_too(made, bring, daemon, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    before = images_in(daemon)
    months.write_layout({"b": MONTHS["month-1"]["b"], "z": ["z"]}, made.folder.parent / "layouts/with-news")
    made.export("with-news", since=(made / "month-1",))
    refused = bring("with-news", to="docker-daemon:", options=("--json",))
    assert (refused.code, missing(refused)) == (9, {"month-1/chunk-0001.tar"})
    assert images_in(daemon) == before


@pytest.mark.parametrize("options", [("--format", "7z"), ("--encrypt",)], ids=["7z", "encrypted"])
def test_series_of_7z_archives_and_encrypted_ones_are_imported_alike(made, bring, target, tmp_path, options):
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple")
    opening = ("--passphrase-file", secret) if "--encrypt" in options else ()
    base = ("--since-passphrase-file", secret) if "--encrypt" in options else ()
    name = "".join(options).replace("-", "")
    made.export(f"{name}-1", *options, *opening, month="month-1")
    made.export(f"{name}-2", *options, *opening, *base, since=(made / f"{name}-1",), month="month-2")
    assert bring(f"{name}-2", to=target, options=opening).code == 9
    done = bring(f"{name}-2", f"{name}-1", to=target, options=opening)
    assert done.code == 0, done.err
    check_whole(target, "month-2")


def test_a_platform_is_chosen_by_a_config_that_a_base_has(made, bring, target):
    options = ("--platform", "linux/amd64", "--json")
    refused = bring(NEWEST, to=target, options=options)
    assert refused.code == 9
    assert content(target) == {}
    assert bring(NEWEST, "month-1", "month-2", "month-3", to=target, options=options).code == 0


def forged(made: Series, tmp_path: Path, name: str) -> Forged:
    shutil.copytree(made / name, tmp_path / name)
    return Forged(tmp_path / name, made.key, made.public, {})


def claims_another_size(document: dict[str, Any]) -> None:
    """A blob of the base with another size than the newer bundle has for it."""
    blob = next(each for each in document["blobs"] if each["digest"] == sha256(months.layer("base")))
    blob["size"] -= 1
    blob["pieces"][0][2] -= 1


def claims_another_place(document: dict[str, Any]) -> None:
    """Two blobs of the base at each other's place."""
    one, other = (each for each in document["blobs"] if each["kind"] == "layer" and each["size"] > 1000)
    one["pieces"], other["pieces"] = (
        [[*other["pieces"][0][:2], one["size"]]],
        [[*one["pieces"][0][:2], other["size"]]],
    )


@each_case("change, code", [(claims_another_size, 9)], ids=lambda value: getattr(value, "__name__", value))
def test_a_base_that_lies_about_a_blob_gives_no_wrong_byte(made, bring, target, tmp_path, change, code):
    base = forged(made, tmp_path, "month-1")
    base.edit(change)
    made.export("on-a-lie", since=(made / "month-1",), month="month-2")
    done = bring("on-a-lie", base.folder, to=target, options=("--json",))
    assert done.code in (code, 2), done.out
    assert content(target) == {}


def test_large_attachments_are_left_out_and_found_like_layers(made, bring, target, tmp_path):
    data = b"{}" + b" " * (1 << 20)
    first, second = months.image(["base", "x"]), months.image(["base", "x", "y"])
    for name, image in (("sbom-1", first), ("sbom-2", second)):
        layout = made.folder.parent / "layouts" / name
        image.write_layout(layout, months.reference("x"))
        referrer(image, content=data).write_layout(layout, "")
        since = (made / "sbom-1",) if name == "sbom-2" else ()
        made.export(name, since=since)
    blobs = json.loads((made / "sbom-2/bundle.json").read_text())["blobs"]
    assert sha256(data) in {blob["digest"] for blob in blobs if "in" in blob}
    refused = bring("sbom-2", to=target, options=("--json",))
    assert (refused.code, missing(refused)) == (9, {"sbom-1/chunk-0001.tar"})
    assert bring("sbom-2", "sbom-1", to=target).code == 0
    assert target.get(f"team/x/blobs/{sha256(data)}") == data
    assert (
        target.get(f"team/x/manifests/{referrer(second, content=data).digest}")
        == referrer(second, content=data).content
    )
    again = bring("sbom-2", to=target, options=("--verify-target",))
    assert again.code == 0, again.err


def test_a_repository_that_the_user_may_not_read_is_passed_over(made, bring, target, fronts, tmp_path):
    receipt = tmp_path / "receipt.json"
    assert bring("month-1", "month-2", to=target).code == 0
    signed = ("--receipt", receipt, "--receipt-key", made.key)
    assert bring("month-2", to=target, options=signed).code == 0
    made.export("hidden", since=(receipt,), month="month-3")
    denied = answer(403, {"Content-Type": "application/json"}, b'{"errors": [{"code": "DENIED"}]}')
    front = fronts(target)

    def hides_c(front, request) -> bool:
        return "/team/c/blobs/" in request.path and denied(front, request)

    front.faults = [hides_c]
    done = bring("hidden", to=front.host, options=("--on-conflict", "replace", "--json", "--only", "*/d:*"))
    assert (done.code, missing(done)) == (9, {sha256(months.layer("c1"))})
