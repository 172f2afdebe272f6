"""`bundler status` with a real registry: what imports brought, what others pushed and moved, and how old the last news is."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.support import browser, images
from tests.support.parts import RealRegistry, require


def edit(receipt: Path, **changes: object) -> None:
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), **changes}))


def remove(registry: RealRegistry, path: str) -> None:
    request = urllib.request.Request(f"http://{registry.host}/v2/{path}", method="DELETE")
    urllib.request.urlopen(request, timeout=100).close()


@pytest.fixture
def registry(here, new_registry, keys, tmp_path) -> RealRegistry:
    """A registry that got a bundle of a channel. Then others pushed a tag, moved one, and deleted one."""
    source, registry = new_registry(), new_registry()
    kept, moved, gone = (images.simple(word, 3000) for word in ("kept", "moved", "gone"))
    for name, image in (("a", kept), ("b", moved), ("c", gone)):
        image.push(source, f"team/{name}", "1")
    listed = tmp_path / "list.yaml"
    listed.write_text("name: month-1\nimages:\n" + "".join(f"- {source.host}/team/{each}:1\n" for each in "abc"))
    made = here("export", listed, "-o", tmp_path, "--key", keys[0], "--channel", "stable", "--sequence", 1)
    assert made.code == 0, made.err
    into = ("--to", registry.host, "--trust", keys[1], "--receipt-key", keys[0])
    done = here("import", tmp_path / "month-1", *into, "--receipt", tmp_path / "receipts" / "1.json")
    assert done.code == 0, done.err
    images.simple("strange").push(registry, "team/a", "9")
    images.simple("other").push(registry, "team/b", "1")
    remove(registry, f"team/c/manifests/{gone.digest}")
    return registry


def test_it_says_what_imports_brought_and_what_others_changed(here, registry, keys, tmp_path):
    receipts, prom = tmp_path / "receipts", tmp_path / "status.prom"
    ran = here("status", registry.host, receipts, "--trust", keys[1], "--metrics", prom, "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    by_name = {each["name"].partition("/")[2]: each for each in found["repositories"]}
    assert {name: (each["tags"], each["unknown"], each["moved"], each["gone"]) for name, each in by_name.items()} == {
        "team/a": (2, ["9"], [], []),
        "team/b": (1, [], ["1"], []),
        "team/c": (0, [], [], ["1"]),
    }
    assert (found["receipts"]["signed"], found["receipts"]["unsigned"], found["clockWrong"]) == (1, 0, False)
    (stable,) = found["channels"]
    assert (stable["channel"], stable["sequence"], stable["name"], stable["complete"]) == ("stable", 1, "month-1", True)
    assert 0 <= stable["ageSeconds"] < 3600
    gone_blobs = [each for word in ("moved", "gone") for each in images.simple(word, 3000).blobs.values()]
    expected = {"blobs": 4, "bytes": sum(map(len, gone_blobs)), "asked": 4, "there": 4}
    assert found["unneeded"] == {**expected, "thereBytes": expected["bytes"]}
    lines = prom.read_text().splitlines()
    labels = f'{{task="status",command="status",target="{registry.host}"}}'
    assert f"bundler_registry_tags{labels} 3" in lines
    assert [f"bundler_registry_{kind}_tags{labels} 1" in lines for kind in ("unknown", "moved", "gone")] == [True] * 3
    assert f"bundler_registry_unneeded_bytes{labels} {expected['bytes']}" in lines
    assert any('channel="stable"' in line and "newest_import_timestamp" in line for line in lines)


def test_after_a_garbage_collection_nothing_is_left_that_no_tag_needs(here, registry, keys, tmp_path):
    registry.stop()
    registry.collect_garbage()
    registry.start()
    found = here("status", registry.host, tmp_path / "receipts", "--trust", keys[1], "--json").json["unneeded"]
    assert (found["blobs"], found["asked"], found["there"], found["thereBytes"]) == (4, 4, 0, 0)


def test_receipts_alone_need_no_registry_and_a_forged_one_is_not_used(here, registry, keys, tmp_path):
    registry.stop()
    receipts = tmp_path / "receipts"
    (receipts / "2.json").write_bytes((receipts / "1.json").read_bytes())
    edit(receipts / "2.json", finished="2027-11-23T09:00:00Z")
    for signature in receipts.glob("1.json.*.sig"):
        signature.with_name(signature.name.replace("1.json", "2.json")).write_bytes(signature.read_bytes())
    (receipts / "3.json").write_text("{}")
    ran = here("status", receipts, "--trust", keys[1], "--json")
    assert ran.code == 0, ran.err
    assert ran.json["receipts"] == ran.json["receipts"] | {"signed": 1, "unsigned": 0, "unused": 2}
    assert [(each["name"], each["tags"]) for each in ran.json["repositories"]] == [
        (f"{registry.host}/team/{name}", 1) for name in "abc"
    ]
    assert (ran.json["place"], ran.json["unneeded"], ran.json["clockWrong"]) == (None, None, False)
    assert here("status", receipts / "2.json", "--trust", keys[1], "--json").code == 5
    assert "stable, number 1" in here("status", receipts / "1.json", "--trust", keys[1]).out


def test_without_receipts_those_of_own_imports_are_used(here, registry, keys, tmp_path):
    again = here("import", tmp_path / "month-1", "--to", registry.host, "--trust", keys[1], "--on-conflict", "skip")
    assert again.code == 0, again.err
    found = here("status", registry.host, "--json").json
    assert (found["receipts"]["default"], found["receipts"]["unsigned"]) == (True, 1)
    assert (found["unknownTags"], found["movedTags"], found["goneTags"]) == (2, 0, 0)  # the moved one was skipped


def test_a_clock_before_the_newest_receipt_is_a_warning(here, registry, tmp_path):
    receipt = tmp_path / "receipts" / "1.json"
    bundle = {**json.loads(receipt.read_text())["bundle"], "name": "odd \x1b[31m \u202e name"}
    edit(receipt, finished="2099-01-01T00:00:00Z", bundle=bundle)
    ran = here("status", receipt)
    assert ran.code == 0, ran.err
    assert "the clock of this machine shows a time before" in ran.out
    assert "age unknown" in ran.out
    assert r"odd \x1b[31m \x202e name" in ran.out
    assert not {"\x1b", "\u202e"} & set(ran.out)


def test_wrong_subjects_are_errors_that_ask_nobody(here, tmp_path):
    for subjects in (
        ("a.example.com", "b.example.com"),
        ("oci:x",),
        ("docker-daemon:",),
        ("receipts/",),
        ("./x",),
        ("x.json",),
    ):
        assert here("status", *subjects).code == 2
    (tmp_path / "x.json").write_text("{}")
    assert here("status", tmp_path / "x.json").code == 4
    assert here("status", tmp_path, "--repository", "a").code == 2


def test_its_report_is_read_in_a_browser_in_both_languages(here, registry, keys, tmp_path):
    require("chromium")
    with browser.started() as chromium:
        for language, words in (("en", "differs from its receipts"), ("zh", "与回执不一致")):
            page = tmp_path / f"status-{language}.html"
            options = ("--trust", keys[1], "--report", page, "--report-lang", language)
            ran = here("status", registry.host, tmp_path / "receipts", *options, "--json")
            assert (ran.code, ran.json["report"]["kind"]) == (0, "status"), ran.err
            shown = chromium.open(page.as_uri())
            text = shown.value("document.body.innerText")
            assert shown.refused == shown.requests == []
            assert words in text
            assert all(name in text for name in ("team/a", "team/b", "team/c", "stable", "month-1"))
