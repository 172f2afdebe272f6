"""``diff``: the same news between any two kinds of sides, and the bytes that a transfer really carries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.real.test_inventory import refusing
from tests.support import attachments, months
from tests.support.months import MONTHS
from tests.support.parts import RealRegistry
from tests.support.tables import each_case

OLD, NEW = MONTHS["month-1"], MONTHS["month-2"]


def blobs(month: months.Month) -> dict[str, bytes]:
    return {digest: content for layers in month.values() for digest, content in months.image(layers).blobs.items()}


CARRIED = {digest: len(content) for digest, content in blobs(NEW).items() if digest not in blobs(OLD)}
"""The parts of month 2 that a receiver of month 1 lacks."""


@pytest.fixture
def sides(here, keys, new_registry, tmp_path) -> Callable[[str, str], Path | str]:
    """A side of some kind with the images of a month."""
    registries: dict[str, RealRegistry] = {}

    def layout(month: str) -> Path:
        folder = tmp_path / "layouts" / month
        return folder if folder.exists() else months.write_layout(MONTHS[month], folder)

    def listed(month: str) -> Path:
        path = tmp_path / f"{month}.yaml"
        lines = [
            f"- image: {months.reference(name)}\n  from: oci:{layout(month)}:{months.reference(name)}\n"
            for name in MONTHS[month]
        ]
        path.write_text(f"name: {month}\nimages:\n{''.join(lines)}")
        return path

    def bundle(month: str) -> Path:
        path = tmp_path / "bundles" / month
        if not path.exists():
            assert here("export", listed(month), "-o", path.parent, "--key", keys[0]).code == 0
        return path

    def small_files(month: str) -> Path:
        folder = tmp_path / "small" / month
        shutil.copytree(bundle(month), folder, ignore=shutil.ignore_patterns("chunk-*", "README*"))
        return folder

    def registry(month: str) -> str:
        if month not in registries:
            registries[month] = new_registry()
            done = here("import", bundle(month), "--to", f"{registries[month].host}/deep/in", "--trust", keys[1])
            assert done.code == 0
        return f"{registries[month].host}/deep/in"

    def receipt(month: str) -> Path:
        path = tmp_path / f"{month}.receipt.json"
        target = f"{new_registry().host}/other"
        imported = ["import", bundle(month), "--to", target, "--trust", keys[1], "--receipt", path]
        assert here(*imported, "--receipt-key", keys[0]).code == 0
        return path

    def inventory(month: str) -> Path:
        path = tmp_path / f"{month}.inventory.json"
        assert here("inventory", registry(month), "-o", path, "--key", keys[0]).code == 0
        return path

    makers: dict[str, Callable[[str], Path | str]] = {
        "list": listed,
        "layout": lambda month: f"oci:{layout(month)}",
        "bundle": bundle,
        "small files": small_files,
        "registry": registry,
        "receipt": receipt,
        "inventory": inventory,
    }
    return lambda kind, month: makers[kind](month)


def names(ran: Ran, part: str) -> set[str]:
    return {each["name"].rpartition("/")[2] for each in ran.json[part]}


PAIRS = [
    ("list", "list"),
    ("bundle", "list"),
    ("small files", "bundle"),
    ("receipt", "list"),
    ("inventory", "list"),
    ("registry", "bundle"),
    ("bundle", "registry"),
    ("receipt", "registry"),
    ("list", "receipt"),
    ("registry", "inventory"),
    ("layout", "receipt"),
    ("inventory", "layout"),
]


def test_every_pair_of_sides_shows_the_same_news(here, sides, keys):
    made: dict[tuple[str, str], Path | str] = {}

    def side(kind: str, month: str) -> Path | str:
        if (kind, month) not in made:
            made[kind, month] = sides(kind, month)
        return made[kind, month]

    for old, new in PAIRS:
        ran = here("diff", side(old, "month-1"), side(new, "month-2"), "--trust", keys[1], "--json", "-q")
        assert ran.code == 1, (old, new, ran.err)
        found = {part: names(ran, part) for part in ("new", "moved", "gone", "unchanged")}
        assert found == {"new": {"c:1"}, "moved": {"a:1"}, "gone": set(), "unchanged": {"b:1"}}, (old, new)
        assert ran.json["moved"][0]["from"] == months.image(OLD["a"]).digest
        assert ran.json["moved"][0]["to"] == months.image(NEW["a"]).digest
        assert {each["digest"]: each["size"] for each in ran.json["carried"]} == CARRIED, (old, new)
        assert (ran.json["carriedBytes"], ran.json["unknownSizes"]) == (sum(CARRIED.values()), 0)
        back = here("diff", side(new, "month-2"), side(old, "month-1"), "--trust", keys[1], "--json", "-q")
        assert (back.code, names(back, "gone"), names(back, "new")) == (1, {"c:1"}, set()), (old, new)
        same = here("diff", side(old, "month-1"), side(new, "month-1"), "--trust", keys[1], "--json", "-q")
        assert (same.code, same.json["carried"]) == (0, []), (old, new, same.out)


def test_the_bytes_are_those_that_an_export_since_carries(here, sides, keys, tmp_path):
    receipt, listed = sides("receipt", "month-1"), sides("list", "month-2")
    ran = here("diff", receipt, listed, "--trust", keys[1], "--json")
    exported = here(
        "export", listed, "-o", tmp_path / "out", "--key", keys[0], "--since", receipt, "--trust", keys[1], "--json"
    )
    assert exported.code == 0
    found = json.loads((tmp_path / "out/month-2/bundle.json").read_text())
    carried = {blob["digest"] for blob in found["blobs"] if "in" not in blob and blob["kind"] != "manifest"}
    assert {each["digest"] for each in ran.json["carried"]} == carried
    assert ran.json["presentBytes"] == exported.json["since"]["leftOutBytes"]


def test_people_see_what_changed_and_the_largest_blobs_first(here, sides, keys):
    ran = here("diff", sides("bundle", "month-1"), sides("list", "month-2"), "--trust", keys[1])
    assert ran.code == 1
    assert all(word in ran.out for word in ("new (1)", "moved (1)", "example.org/team/a:1", "unchanged: 1 image"))
    assert "signed by" in ran.out
    quiet = here("diff", sides("bundle", "month-1"), sides("list", "month-2"), "--trust", keys[1], "-q")
    assert (quiet.code, quiet.out) == (1, "")


def test_a_side_that_nobody_signed_is_refused_if_a_key_is_trusted_and_said_if_none_is(here, sides, keys):
    inventory, listed = sides("inventory", "month-1"), sides("list", "month-1")
    for signature in inventory.parent.glob(f"{inventory.name}.*.sig"):
        signature.unlink()
    assert here("diff", inventory, listed, "--trust", keys[1]).code == 5
    accepted = here("diff", inventory, listed, "--trust", keys[1], "--insecure-no-signature")
    assert (accepted.code, "NOT CHECKED" in accepted.out) == (0, True)
    untrusting = here("diff", inventory, listed, "--json")
    assert (untrusting.code, untrusting.json["a"]["signers"]) == (0, [])


def test_names_at_a_registry_follow_the_rules_of_the_import(here, sides, keys, target, tmp_path):
    bundle, rules = sides("bundle", "month-1"), tmp_path / "rules.yaml"
    rules.write_text("rules:\n- from: example.org/team/*\n  to: renamed/*\n")
    imported = ["import", bundle, "--to", target.host, "--trust", keys[1], "--rules", rules]
    assert here(*imported).code == 0
    assert here("diff", bundle, target.host, "--trust", keys[1], "--rules", rules).code == 0
    assert here("diff", bundle, target.host, "--trust", keys[1]).code == 1
    receipt = next(iter((Path.home() / ".local/state/bundler/receipts").glob("*.json")))
    assert here("diff", receipt, target.host).code == 0  # it has recorded both names


def test_a_registry_without_a_catalog_is_asked_for_the_names_of_the_other_side(here, sides, keys, origin, fronts):
    registry = sides("registry", "month-1")
    host = registry.partition("/")[0]
    front = fronts(
        RealRegistry(Path("/none"), port=int(host.partition(":")[2])), refusing("_catalog", 404, "NOT_FOUND")
    )
    place = f"{front.host}/deep/in"
    ran = here("diff", place, sides("bundle", "month-2"), "--trust", keys[1], "--json")
    assert (ran.code, names(ran, "new"), names(ran, "moved")) == (1, {"c:1"}, {"a:1"})
    other = here("diff", place, place, "--json")
    assert (other.code, other.json["error"]["code"]) == (6, "no-catalog")


def test_tags_of_signatures_are_no_images_unless_both_sides_are_registries(here, sides, keys):
    registry = sides("registry", "month-1")
    host = registry.partition("/")[0]
    subject = months.image(OLD["a"])
    signed = RealRegistry(Path("/none"), port=int(host.partition(":")[2]))
    attachments.cosign(subject).push(signed, "deep/in/team/a", attachments.dashed(subject, ".sig"))
    assert here("diff", sides("bundle", "month-1"), registry, "--trust", keys[1]).code == 0
    both = here("diff", sides("inventory", "month-2"), registry, "--trust", keys[1], "--json")
    assert any(each["name"].endswith(".sig") for each in both.json["new"])


def test_an_image_of_a_list_that_its_source_lacks_ends_the_comparison(here, sides, keys, origin, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(f"{origin.host}/no/such:1\n")
    ran = here("diff", sides("bundle", "month-1"), listed, "--trust", keys[1], "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (6, "refused")


@each_case("given", ["missing.yaml", "./missing", "/none/at/all", "no such thing", "docker-archive:none.tar"])
def test_what_does_not_exist_is_an_error_and_never_a_difference(here, tmp_path, given):
    listed = tmp_path / "list.txt"
    listed.write_text("registry.invalid/a:1\n")
    for sides in ((given, listed), (listed, given)):
        assert here("diff", *sides).code not in (0, 1)


def test_a_folder_that_was_to_be_next_to_others_is_no_registry(here, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    ran = here("diff", "out/platform-2026.10", "out/platform-2026.11", "--json")
    assert (ran.code, ran.json["error"]["subject"]) == (2, "out/platform-2026.10")


def test_only_one_list_comes_from_standard_input(here):
    assert here("diff", "-", "-").code == 2


def test_platforms_of_a_list_are_compared_as_they_are_exported(here, origin, keys, tmp_path):
    listed = tmp_path / "multi.txt"
    listed.write_text(f"{origin.host}/team/multi:1\n")
    exported = ["export", listed, "-o", tmp_path, "--key", keys[0], "--platform", "linux/arm64"]
    assert here(*exported).code == 0
    found: dict[str, Any] = {}
    for platform in ("linux/arm64", "linux/amd64"):
        found[platform] = here("diff", tmp_path / "multi", listed, "--platform", platform, "--json", "--trust", keys[1])
    assert [ran.code for ran in found.values()] == [0, 1]
    assert len(found["linux/amd64"].json["moved"]) == 1
