"""Everyday questions to receipts: which are there, which was the last one, and which transfer brought an image."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.test_operator import digest_at
from tests.support import images
from tests.support.parts import RealRegistry
from tests.support.terminal import on_terminal


@pytest.fixture
def state(tmp_path, monkeypatch) -> Path:
    """The folder of receipts of a user without any."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "bundler" / "receipts"


@pytest.fixture
def month(here, keys, tmp_path, new_registry) -> Callable[[int], Path]:
    """Makes the bundle of a month: its image app has a new tag each time, and latest moves."""
    source = new_registry()

    def make(number: int) -> Path:
        for tag in (f"1.{number}", "latest"):
            images.simple(f"month {number}").push(source, "team/app", tag)
        listed = tmp_path / f"list-{number}.yaml"
        names = [f"{source.host}/team/app:{tag}" for tag in (f"1.{number}", "latest")]
        listed.write_text(f"name: month-{number}\nimages:\n" + "".join(f"- {name}\n" for name in names))
        ran = here("export", listed, "-o", tmp_path, "--key", keys[0], "-q")
        assert ran.code == 0, ran.err
        return tmp_path / f"month-{number}"

    return make


@pytest.fixture
def bring(here, keys, month, state) -> Callable[..., Path]:
    """Imports the bundle of a month, and returns its receipt in the state folder."""

    def run(number: int, *flags: object, code: int = 0) -> Path:
        before = set(state.glob("*.json"))
        ran = here("import", month(number), "--trust", keys[1], "--on-conflict", "replace", *flags, "-q")
        assert ran.code == code, ran.err
        (new,) = set(state.glob("*.json")) - before
        return new

    return run


def at(receipt: Path, time: str) -> None:
    """Sets the end of a run."""
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "finished": time}))


def test_receipts_are_listed_newest_first_with_what_they_say(here, bring, keys, new_registry, state):
    registry = new_registry()
    first = bring(1, "--to", registry.host)
    signed = bring(2, "--to", f"{registry.host}/two", "--receipt-key", keys[0])
    at(first, "2020-01-02T03:04:05Z")
    (state / "notes.json").write_text("{}")
    (state / "20990101T000000Z-reserved.json.unfinished").touch()
    found = here("receipt", "list", "--trust", keys[1], "--json").json
    assert (found["document"], found["stateFolder"], found["more"], found["unused"]) == (
        "bundler.receipt-list/1",
        True,
        0,
        [],
    )
    assert [(each["path"], each["targets"], each["images"], each["done"]) for each in found["receipts"]] == [
        (str(signed), [f"{registry.host}/two"], 2, 2),
        (str(first), [registry.host], 2, 2),
    ]
    newest, oldest = found["receipts"]
    assert (newest["verifiedBy"] != [], oldest["verifiedBy"], oldest["time"]) == (True, [], "2020-01-02T03:04:05Z")
    assert (oldest["bundle"]["name"], oldest["kind"], oldest["state"], oldest["outcomeExitCode"]) == (
        "month-1",
        "import",
        "done",
        0,
    )
    shown = here("receipt", "list", "--trust", keys[1]).out.splitlines()
    assert [line.split()[1] for line in shown[1:]] == ["month-2", "month-1"]
    assert f"signed by {newest['verifiedBy'][0]}" in shown[1]
    assert "unsigned" in shown[2]
    assert "signed by no trusted key" in here("receipt", "list").out
    assert here("receipt", "list", "-q").out.splitlines() == [str(signed), str(first)]


def test_bad_receipts_are_named_and_move_no_cursor(here, bring, keys, tmp_path, state):
    receipt = bring(1, "--to", f"oci:{tmp_path}/layout", "--receipt-key", keys[0])
    content = json.loads(receipt.read_text())
    forged = state / "forged.json"
    forged.write_text(json.dumps({**content, "operator": "mallory"}))
    signature = next(state.glob("*.sig"))
    signature.with_name(signature.name.replace(receipt.name, forged.name)).write_bytes(signature.read_bytes())
    (state / "timeless.json").write_text(json.dumps({**content, "finished": "soon"}))
    (state / "odd.json").write_text(
        json.dumps({**content, "bundle": {**content["bundle"], "name": "a \x1b[31m \u202e b"}})
    )
    ran = here("receipt", "list", "--trust", keys[1])
    assert ran.code == 0
    assert "NOT USED: 2 files" in ran.out
    assert r"a \x1b[31m \x202e b" in ran.out
    assert not {"\x1b", "\u202e"} & set(ran.out)
    unused = here("receipt", "list", "--trust", keys[1], "--json").json["unused"]
    assert sorted(Path(each).name for each in unused) == ["forged.json", "timeless.json"]
    assert here("receipt", "list", forged, "--trust", keys[1]).code == 5


def test_a_folder_of_receipts_is_listed_once_for_the_names_of_their_signatures(
    here, bring, keys, tmp_path, state, monkeypatch
):
    for number in range(4):
        bring(1, "--to", f"oci:{tmp_path}/layout-[{number}]", "--receipt-key", keys[0])
    listed, real = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda *path: listed.append(path) or real(*path))
    found = here("receipt", "list").out
    assert found.count("signed by no trusted key") == 4, found
    assert listed.count((state,)) == 1


def test_without_receipts_the_list_is_empty(here, state, tmp_path):
    ran = here("receipt", "list")
    assert (ran.code, "there are no receipts in the state folder" in ran.out) == (0, True)
    assert here("receipt", "list", tmp_path / "absent.json").code == 2


def test_a_run_that_was_killed_is_unfinished(here, bring, tmp_path, state):
    receipt = bring(1, "--to", f"oci:{tmp_path}/layout")
    content = json.loads(receipt.read_text())
    for target in content["targets"]:
        for image in target["images"]:
            image["outcome"] = "unfinished"
    os.rename(receipt, receipt.with_name(f"{receipt.name}.unfinished"))
    receipt.with_name(f"{receipt.name}.unfinished").write_text(json.dumps(content))
    (only,) = here("receipt", "list", "--json").json["receipts"]
    assert (only["state"], only["done"], only["path"]) == ("unfinished", 0, f"{receipt}.unfinished")


def latest(registry: RealRegistry, path: str = "team/app") -> str:
    return digest_at(registry.host, f"{path}:latest")


def test_the_last_import_is_undone_after_a_yes_only(here, bring, keys, new_registry):
    registry, elsewhere = new_registry(), new_registry()
    bring(1, "--to", registry.host)
    before = latest(registry)
    bring(2, "--to", registry.host)
    after = latest(registry)
    bring(3, "--to", elsewhere.host)
    last = ("undo", "--last", "--insecure-no-signature")
    assert here(*last).code == 2
    dry = here(*last, "--dry-run", "--json").json
    assert [(each["name"], each["outcome"]) for each in dry["tags"]] == [
        (f"{elsewhere.host}/team/app:1.3", "would remove"),
        (f"{elsewhere.host}/team/app:latest", "would remove"),
    ]
    to = ("--to", registry.host)
    code, shown = on_terminal(*last, *to, answers=[("type yes", "no")])
    assert (code, latest(registry)) == (2, after)
    assert "month-2" in shown
    assert "would put back" in shown
    code, shown = on_terminal(*last, *to, answers=[("type yes", "yes")])
    assert latest(registry) == before != after
    assert here(*last, *to, "--yes", "--json").json["tags"][-1]["outcome"] == "as before"


def test_the_last_run_that_changed_something_is_undone(here, bring, new_registry):
    registry = new_registry()
    bring(1, "--to", registry.host)
    again = bring(1, "--to", registry.host)
    nowhere = bring(2, "--to", "127.0.0.1:1", code=7)
    last = ("undo", "--last", "--dry-run", "--insecure-no-signature", "--json")
    ran = here(*last)
    assert {(each["name"].partition("/")[0], each["outcome"]) for each in ran.json["tags"]} == {
        (registry.host, "would remove")
    }
    assert [f"a later run changed nothing, and is passed over: {path}" in ran.err for path in (again, nowhere)] == [
        True,
        True,
    ]
    assert "changed something" in here(*last, "--to", "127.0.0.1:1").err


def test_a_new_tag_of_a_failed_image_is_named_and_left(here, bring, new_registry):
    registry = new_registry()
    receipt = bring(1, "--to", registry.host)
    document = json.loads(receipt.read_bytes())
    for image in document["targets"][0]["images"]:  # the registry took the manifest, and its answer was lost
        image.update(outcome="failed", readBack=None, reason="no answer")
    document["targets"][0]["images"][-1]["digest"] = f"sha256:{'0' * 64}"  # this one never came
    receipt.write_text(json.dumps(document))
    there = latest(registry, "team/app")
    ran = here("undo", receipt, "--insecure-no-signature", "--json")
    assert (ran.code, [each["outcome"] for each in ran.json["tags"]]) == (3, ["doubtful"])
    assert there == latest(registry, "team/app")
    assert "its new tag is there" in here("undo", receipt, "--insecure-no-signature").out


def test_a_receipt_that_nobody_signed_is_warned_of_unless_this_user_wrote_it(here, bring, new_registry, tmp_path):
    receipt = bring(1, "--to", new_registry().host)
    copied = tmp_path / "receipt.json"
    copied.write_bytes(receipt.read_bytes())
    own, other = (here("undo", path, "--insecure-no-signature", "--dry-run") for path in (receipt, copied))
    assert (own.code, other.code) == (0, 0)
    assert "anyone may have written" not in own.err
    assert f"no trusted key has signed {copied}" in other.err


def test_only_the_tags_of_the_registry_that_was_given_are_undone(here, bring, new_registry):
    one, other = new_registry(), new_registry()
    bring(1, "--to", one.host, "--to", other.host)
    bring(2, "--to", one.host, "--to", other.host)
    kept = latest(other)
    ran = here("undo", "--last", "--to", one.host, "--yes", "--insecure-no-signature", "--json")
    assert {each["name"].partition("/")[0] for each in ran.json["tags"]} == {one.host}
    assert latest(other) == kept != latest(one)


def test_the_last_receipt_may_be_that_of_a_prune(here, bring, new_registry):
    registry = new_registry()
    bring(1, "--to", registry.host)
    bring(2, "--to", registry.host)
    assert here("prune", registry.host, "--keep-last", 1, "--yes", "-q").code == 0
    ran = here("undo", "--last", "--dry-run", "--insecure-no-signature", "--json")
    assert (ran.json["document"], ran.json["dryRun"]) == ("bundler.undo-prune/1", True)
    assert [each["kind"] for each in here("receipt", "list", "--json").json["receipts"]] == [
        "prune",
        "import",
        "import",
    ]


def test_a_last_receipt_that_is_doubtful_is_not_acted_on(here, bring, keys, tmp_path, state):
    last = ("undo", "--last", "--yes")
    assert here(*last).code == 2
    receipt = bring(1, "--to", f"oci:{tmp_path}/layout")
    assert here(*last, "--trust", keys[1]).code == 5
    receipt.chmod(0o666)
    assert here(*last, "--insecure-no-signature").code == 8
    receipt.chmod(0o644)
    broken = state / "20990101T000000Z-x.json"
    for damaged in ('{"document": "bundler.receipt/1"}', '{"docu\0ent": "bundler.receipt/1"}'):
        broken.write_text(damaged)
        ran = here(*last, "--insecure-no-signature")
        assert (ran.code, str(broken) in ran.err) == (4, True)
    broken.unlink()
    assert here(*last, "--to", "registry.internal", "--insecure-no-signature").code == 2
    assert here(*last, "--to", f"oci:{tmp_path}/layout", "--insecure-no-signature").code == 2
    assert here(*last, receipt).code == 2
    assert here("undo", receipt, "--yes").code == 2
    assert here("undo", receipt, "--to", "registry.internal").code == 2
    assert here("undo").code == 2


@pytest.mark.parametrize("clock", ["2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_nobody_guesses_the_last_run_if_a_clock_was_wrong(here, bring, new_registry, clock):
    registry = new_registry()
    bring(1, "--to", registry.host)
    wrong = bring(2, "--to", registry.host)
    at(wrong, clock)
    before = latest(registry)
    ran = here("undo", "--last", "--yes", "--insecure-no-signature")
    assert (ran.code, str(wrong) in ran.err, latest(registry) == before) == (2, True, True), ran.err
    assert here("undo", wrong, "--insecure-no-signature").code == 3  # the registry cannot remove the new tag
    assert latest(registry) != before


def test_an_image_is_found_in_receipts_and_bundles_newest_first(here, bring, keys, new_registry, state, tmp_path):
    registry = new_registry()
    first = bring(1, "--to", f"{registry.host}/one", "--receipt-key", keys[0])
    second = bring(2, "--to", f"{registry.host}/two")
    at(second, "2099-01-02T03:04:05Z")
    (state / "notes.json").write_text("{}")
    found = here("search", "app:latest", "--trust", keys[1], "--json").json
    assert (found["document"], found["exitCode"], found["receipts"], found["stateFolder"]) == (
        "bundler.search/1",
        0,
        2,
        True,
    )
    newest, oldest = found["found"]
    assert (newest["paths"], newest["bundle"]["name"], newest["verifiedBy"]) == ([str(second)], "month-2", [])
    assert (oldest["paths"], oldest["verifiedBy"]) == ([str(first)], oldest["bundleSigners"])
    (image,) = oldest["images"]
    assert (image["name"], image["outcome"]) == (f"{registry.host}/one/team/app:latest", "pushed")
    assert image["digest"] == digest_at(registry.host, "one/team/app:latest")

    layer = json.loads(first.read_text())["blobs"][-1]
    by_digest = here("search", layer[:20], first, tmp_path, "--trust", keys[1], "--json").json
    assert (by_digest["receipts"], by_digest["bundles"]) == (1, 2)
    assert {(each["kind"], each["bundle"]["name"]) for each in by_digest["found"]} >= {
        ("receipt", "month-1"),
        ("bundle", "month-1"),
    }
    bundle = here("search", "*:1.2", tmp_path, "--json").json["found"]
    assert [(each["kind"], each["paths"], each["verifiedBy"]) for each in bundle] == [
        ("bundle", [str(tmp_path / "month-2")], [])
    ]
    shown = here("search", "app:1.1", state, tmp_path / "month-1", "--trust", keys[1])
    assert (shown.code, "signed by" in shown.out, f"-> bundler inspect {tmp_path}/month-1" in shown.out) == (
        0,
        True,
        True,
    )
    assert here("search", "app:1.1", tmp_path / "month-1", "-q").out.split() == [str(tmp_path / "month-1")]


def test_a_search_that_finds_nothing_says_so_and_changed_receipts_count_for_nothing(
    here, bring, keys, new_registry, state, tmp_path
):
    registry = new_registry()
    receipt = bring(1, "--to", registry.host, "--receipt-key", keys[0])
    none = here("search", "no-such-image")
    assert (none.code, "nothing found: no-such-image" in none.out, "PATH..." in none.out) == (1, True, True)
    receipt.write_text(receipt.read_text().replace("team/app", "team/evil"))
    changed = here("search", "team/evil", "--trust", keys[1])
    assert (changed.code, "NOT USED: 1 files" in changed.out) == (1, True)
    assert here("search", "team/evil", receipt, "--trust", keys[1]).code == 5
    receipt.write_text(receipt.read_text()[:60])
    cut = here("search", "no-such-image")
    assert (cut.code, "NOT USED: 1 files" in cut.out) == (1, True)
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "empty" / "pipe.json")
    assert here("receipt", "list", tmp_path / "empty").code == 0
    assert here("search", "x", tmp_path / "empty").code == 2
    (tmp_path / "empty" / "link.json").symlink_to("x" * 300)
    for command in (("receipt", "list"), ("search", "x"), ("status",)):
        listed = here(*command, tmp_path / "empty")
        assert (listed.code != 8, "link.json: cannot be read" in listed.out + listed.err) == (True, True)
    (tmp_path / "month-1" / "bundle.json").write_text("{}")
    broken = here("search", "team", tmp_path / "month-1")
    assert (broken.code, "NOT USED" in broken.out) == (1, True)
