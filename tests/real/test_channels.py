"""Channels: bundles have numbers that never go back in silence, on the builder's side and at each target."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bundler.core.limits import EARLIER_RECEIPT_BYTES
from bundler.errors import LocalStorage
from bundler.importing import import_, series as importing_series
from bundler.importing.targets.layout import IntoLayout
from bundler.importing.targets.loaded import LoadedTarget
from tests.support import months, sweeps
from tests.support.months import MONTHS
from tests.support.steps import Steps
from tests.support.tables import each_case


@pytest.fixture
def export(here, keys, tmp_path):
    """Exports the images of a month into a channel."""

    def run(month: str, *options: object, name: str | None = None, channel: str | None = "monthly", out: str = "out"):
        layout = tmp_path / "layouts" / month
        if not layout.exists():
            months.write_layout(MONTHS[month], layout)
        named = ["--channel", channel] if channel else []
        return here(
            "export", f"oci:{layout}", "-o", tmp_path / out, "--name", name or month, "--key", keys[0], *named, *options
        )  # fmt: skip

    return run


@pytest.fixture
def made(export):
    """Three bundles of a channel."""
    assert export("month-1", "--sequence", 1).code == 0
    assert export("month-2").code == 0
    assert export("month-3").code == 0


@pytest.fixture
def imported(here, keys, tmp_path):
    """Imports a bundle, by default into a layout."""

    def run(month: str, *options: object, to: str = "", out: str = "out"):
        target = to or f"oci:{tmp_path}/target"
        common = ["--trust", keys[1], "--on-conflict", "replace", "--json"]
        return here("import", tmp_path / out / month, "--to", target, *common, *options)

    return run


def state() -> Path:
    return Path.home() / ".local/state/bundler"


def memory() -> Path:
    found = list((state() / "accepted").glob("*.json"))
    assert len(found) == 1
    return found[0]


def remembered(field: str = "accepted") -> int | None:
    found = json.loads(memory().read_text())[field]
    return found and int(found["sequence"])


def receipts() -> list[dict[str, Any]]:
    """The receipts in the order in which they were written."""
    files = sorted((state() / "receipts").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in files]


def series(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "bundle.json").read_text()).get("series")


def tags(tmp_path: Path) -> dict[str, str]:
    entries = json.loads((tmp_path / "target/index.json").read_text())["manifests"]
    return {each["annotations"]["org.opencontainers.image.ref.name"]: each["digest"] for each in entries}


def test_bundles_of_a_channel_are_numbered_and_name_the_one_before(made, here, keys, tmp_path):
    ids = [here("inspect", tmp_path / "out" / month, "--json").json["bundleId"] for month in list(MONTHS)[:3]]
    found = [series(tmp_path / "out" / month) for month in list(MONTHS)[:3]]
    assert [each["sequence"] for each in found] == [1, 2, 3]
    assert [each.get("previous") for each in found] == [None, *ids[:2]]
    assert here("verify", tmp_path / "out/month-3", "--trust", keys[1]).code == 0


def test_a_channel_whose_number_is_not_known_asks_for_it_and_never_begins_again(made, export, tmp_path):
    shutil.rmtree(state() / "channels")
    assert export("month-4").code == 2
    assert export("month-4", "--dry-run").code == 2
    assert not (tmp_path / "out/month-4").exists()
    assert export("month-4", "--sequence", 4).code == 0
    assert series(tmp_path / "out/month-4") == {"channel": "monthly", "sequence": 4}


def test_the_number_follows_a_bundle_or_a_receipt_of_since(made, export, imported, keys, tmp_path):
    receipt = tmp_path / "receipt.json"
    assert imported("month-3", "--receipt", receipt, "--receipt-key", keys[0]).code == 0
    shutil.rmtree(state() / "channels")
    for number, path in enumerate((tmp_path / "out/month-3", receipt)):
        ran = export("month-4", "--since", path, "--trust", keys[1], name=f"made-{number}", out=f"other-{number}")
        assert ran.code == 0
        assert series(tmp_path / f"other-{number}/made-{number}")["sequence"] == 4
        shutil.rmtree(state() / "channels")


@each_case("content", [b"", b"{}", b'{"document":"bundler.channel/1","channel":"weekly","bundles":[]}'])
def test_a_damaged_state_of_the_builder_is_never_an_empty_one(made, export, content):
    (state() / "channels/monthly.json").write_bytes(content)
    assert export("month-4").code == 2
    assert export("month-4", "--sequence", 4).code == 2  # nobody overwrites what may still be read
    assert (state() / "channels/monthly.json").read_bytes() == content


def test_a_number_is_never_given_to_two_bundles(made, export):
    assert export("month-4", "--sequence", 3).code == 2
    assert export("month-4", "--sequence", 2).code == 2


def test_the_same_export_again_keeps_its_number(made, export, tmp_path):
    before = (tmp_path / "out/month-2/SHA256SUMS").read_bytes()
    again = export("month-2", "--json")
    assert (again.code, again.json["completeAlready"], again.json["series"]["sequence"]) == (0, True, 2)
    assert (tmp_path / "out/month-2/SHA256SUMS").read_bytes() == before
    assert export("month-2", channel=None).code == 2
    assert export("month-2", channel="weekly").code == 2


def test_an_export_that_is_interrupted_keeps_its_number(made, export, monkeypatch, tmp_path):
    from bundler.exporting import sealed

    real = sealed.note_sealed

    def broken(*_: object) -> None:
        raise LocalStorage("the power went")

    monkeypatch.setattr(sealed, "note_sealed", broken)
    assert export("month-4").code == 8
    assert (tmp_path / "out/month-4").exists()  # it is sealed, but its id was not noted
    monkeypatch.setattr(sealed, "note_sealed", real)
    assert export("month-4").code == 0
    found = json.loads((state() / "channels/monthly.json").read_text())["bundles"]
    assert [(each["sequence"], bool(each["id"])) for each in found] == [(1, True), (2, True), (3, True), (4, True)]


def test_an_export_that_fails_in_between_resumes_with_its_number(made, export, monkeypatch, tmp_path):
    from bundler.exporting import copied

    def failing(*_: object, **__: object) -> None:
        raise LocalStorage("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(copied, "_copy_into", failing)
        assert export("month-4").code == 8
    assert export("month-1", name="between").code == 0
    assert export("month-4").code == 0
    assert [series(tmp_path / "out" / name)["sequence"] for name in ("between", "month-4")] == [5, 4]


def test_channels_need_a_signature_and_a_valid_name(here, export, tmp_path):
    months.write_layout(MONTHS["month-1"], tmp_path / "l")
    common = ["export", f"oci:{tmp_path}/l", "-o", tmp_path / "o", "--name", "x"]
    assert here(*common, "--unsigned", "--channel", "monthly", "--sequence", 1).code == 2
    assert export("month-1", "--sequence", 1, channel="../x").code == 2
    assert export("month-1", "--sequence", 1, channel=None).code == 2


def test_s16_an_older_bundle_is_refused_and_nothing_moves(made, imported, tmp_path):
    assert imported("month-2").code == 0
    before, noted = tags(tmp_path), memory().read_bytes()
    for options in ((), ("--dry-run",), ("--only", "*/b:1")):
        ran = imported("month-1", *options)
        assert (ran.code, ran.json["error"]["code"]) == (5, "older-bundle")
    assert (tags(tmp_path), memory().read_bytes()) == (before, noted)
    assert [each["exitCode"] for each in receipts()] == [0, 5, 5]


def test_s17_the_same_bundle_again_is_done_already(made, imported):
    assert imported("month-2").code == 0
    assert imported("month-2").code == 0
    assert remembered() == 2


def test_an_older_bundle_may_be_allowed_and_the_receipt_says_why(made, imported, tmp_path):
    assert imported("month-2").code == 0
    assert imported("month-1", "--allow-rollback", " ").code == 2
    assert imported("month-1", "--allow-rollback", "login is broken").code == 0
    assert tags(tmp_path)[months.reference("a")] == months.image(MONTHS["month-1"]["a"]).digest
    last = receipts()[-1]
    assert (last["series"]["allowed"], last["series"]["overridden"]) == ("login is broken", ["older-bundle"])
    assert last["weakened"] == ["--allow-rollback"]
    assert remembered() == 1
    assert imported("month-2").code == 0


def test_a_reason_that_was_not_needed_weakens_nothing(made, imported):
    assert imported("month-1", "--allow-rollback", "just in case").code == 0
    assert receipts()[-1]["weakened"] == []


def test_another_bundle_of_the_same_number_is_refused(made, export, imported, tmp_path):
    assert imported("month-2").code == 0
    shutil.rmtree(state() / "channels")
    assert export("month-4", "--sequence", 2, out="fork").code == 0
    ran = imported("month-4", out="fork")
    assert (ran.code, ran.json["error"]["code"]) == (5, "forked-channel")


def test_s20_a_gap_is_said_for_a_whole_bundle_and_a_delta_without_its_base_is_incomplete(
    made, export, imported, keys, capsys, tmp_path
):
    assert imported("month-1").code == 0
    ran = imported("month-3")
    assert (ran.code, remembered()) == (0, 3)
    assert len(ran.json["series"]["remarks"]) == 1
    assert ran.json["series"]["remarks"][0] in ran.err
    since = export("month-4", "--since", tmp_path / "out/month-3", "--trust", keys[1])
    assert since.code == 0
    fresh = imported("month-4", to=f"oci:{tmp_path}/fresh")
    assert fresh.code == 9
    assert (
        not (tmp_path / "fresh/index.json").exists()
        or not json.loads((tmp_path / "fresh/index.json").read_text())["manifests"]
    )


def test_s21_a_number_that_nothing_can_exceed_is_refused(made, export, imported):
    assert imported("month-1").code == 0
    assert export("month-4", "--sequence", 1 << 53).code == 0
    ran = imported("month-4")
    assert (ran.code, ran.json["error"]["code"]) == (5, "channel-jump")
    assert export("month-4", "--sequence", (1 << 53) + 1, name="more").code == 2
    assert imported("month-2").code == 0


def test_two_targets_have_memories_of_their_own(made, imported, here, keys, target, tmp_path):
    assert imported("month-2", to=target.host).code == 0
    assert imported("month-1").code == 0  # the layout has not seen month 2
    assert imported("month-1", to=target.host).code == 5
    both = here(
        "import", tmp_path / "out/month-1", "--to", f"oci:{tmp_path}/target", "--to", target.host, "--trust", keys[1]
    )
    assert both.code == 5
    assert len(list((state() / "accepted").glob("*.json"))) == 2


def test_another_spelling_of_a_target_is_the_same_target(made, imported, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert imported("month-3").code == 0
    for spelling in ("oci:target", "oci:./target", "oci:link/target", f"oci:{tmp_path}/out/../target"):
        refused = imported("month-2", to=spelling)
        assert (refused.code, refused.json["error"]["code"]) == (5, "older-bundle"), spelling


def test_s28_a_target_that_tags_while_it_is_sent_to_notes_the_bundle_before(made, imported, monkeypatch):
    assert imported("month-1").code == 0

    def killed(*_: object) -> None:
        raise LocalStorage("the power went")

    monkeypatch.setattr(import_, "send", killed)
    assert imported("month-2").code == 8
    assert remembered("started") == 1  # tags of a layout move later
    monkeypatch.setattr(IntoLayout, "tags_while_sending", LoadedTarget.tags_while_sending)
    assert imported("month-2", "--all-or-nothing").code == 8
    assert remembered("started") == 1
    assert imported("month-2").code == 8
    assert (remembered(), remembered("started")) == (1, 2)


def test_two_importers_do_not_overtake_each_other(made, imported, tmp_path):
    from bundler.system.lock import Lock

    assert imported("month-1").code == 0
    lock = Lock(memory().with_suffix(".lock"))
    lock.take("the other import")
    try:
        assert imported("month-2").code == 7
        assert imported("month-2", "--dry-run").code == 0
    finally:
        lock.release()
    assert imported("month-2").code == 0


def test_another_importer_knows_nothing_and_says_so(made, imported, monkeypatch, tmp_path):
    assert imported("month-2").code == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    ran = imported("month-3")
    assert (ran.code, "no earlier bundle of channel monthly is known here" in ran.err) == (0, True)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[12] ^= 1
    path.write_bytes(content)


def _of_another_channel(path: Path) -> None:
    path.write_text(path.read_text().replace("monthly", "weekly"))


def _writable(path: Path) -> None:
    path.chmod(0o666)


@each_case("damage", [_cut, _flipped, _of_another_channel, _writable], ids=lambda damage: damage.__name__)
def test_s27_a_damaged_memory_is_made_again_from_receipts_or_refused(made, imported, tmp_path, damage):
    shutil.rmtree(state() / "accepted", ignore_errors=True)
    shutil.rmtree(state() / "receipts", ignore_errors=True)
    shutil.rmtree(tmp_path / "target", ignore_errors=True)
    assert imported("month-2").code == 0
    damage(memory())
    older = imported("month-1")
    assert (older.code, older.json["error"]["code"]) == (5, "older-bundle")
    assert "made again from receipts" in older.err
    shutil.rmtree(state() / "receipts")
    for month in ("month-1", "month-3"):
        ran = imported(month)
        assert (ran.code, ran.json["error"]["code"]) == (5, "channel-memory")
    assert imported("month-3", "--allow-rollback", "the disk was replaced").code == 0
    assert remembered() == 3


def test_s27_a_lost_memory_is_made_again_from_receipts(made, imported):
    assert imported("month-2").code == 0
    shutil.rmtree(state() / "accepted")
    assert imported("month-1").code == 5
    assert imported("month-3").code == 0
    assert remembered() == 3


def test_s27_a_large_receipt_gives_the_memory_back_too(made, imported):
    assert imported("month-1").code == 0
    assert imported("month-3").code == 0
    newest = max((state() / "receipts").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes() + b" " * EARLIER_RECEIPT_BYTES)  # one of 20,000 images is as large
    memory().unlink()
    assert imported("month-2").code == 5


def test_s28_a_bundle_counts_only_when_all_its_tags_are_in_place(made, imported, monkeypatch, tmp_path):
    assert imported("month-1").code == 0

    def killed(*_: object) -> None:
        raise LocalStorage("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(importing_series.ImportSeries, "accept", killed)
        assert imported("month-3").code == 8
    assert (remembered(), remembered("started")) == (1, 3)
    assert imported("month-2").code == 5  # tags of month 3 have moved
    assert imported("month-3").code == 0
    assert remembered() == 3

    with monkeypatch.context() as patched:
        patched.setattr(importing_series.ImportSeries, "begin", killed)
        assert imported("month-3").code == 8
    assert remembered() == 3


def test_s28_whenever_an_import_is_killed_no_older_bundle_can_replace_a_tag_of_it(made, imported, keys, tmp_path):
    assert imported("month-2").code == 0
    shutil.copytree(state(), tmp_path / "state")
    shutil.copytree(tmp_path / "target", tmp_path / "before")
    news = months.image(MONTHS["month-3"]["a"]).digest
    target = f"oci:{tmp_path}/target"
    command = ["import", tmp_path / "out/month-3", "--to", target, "--trust", keys[1], "--on-conflict", "replace"]
    for number in sweeps.steps(every=2):
        for kept, used in (("state", state()), ("before", tmp_path / "target")):
            shutil.rmtree(used)
            shutil.copytree(tmp_path / kept, used)
        ended = Steps(command).kill_at(number)
        moved = tags(tmp_path)[months.reference("a")] == news
        assert not moved or remembered("started") == 3, number
        assert remembered() == (3 if ended.code == 0 else 2) or moved, number
        if moved:
            assert imported("month-2").code == 5, number
        if not ended.was_killed:
            break
    assert (ended.code, remembered()) == (0, 3)


def test_a_failed_image_leaves_the_bundle_unfinished(made, imported, tmp_path):
    assert imported("month-1").code == 0
    (chunk,) = (tmp_path / "out/month-2").glob("chunk-*")
    content = bytearray(chunk.read_bytes())
    content[-5000] ^= 1
    chunk.write_bytes(content)
    ran = imported("month-2")
    assert ran.code == 4
    assert (remembered(), remembered("started")) == (1, 2)


def test_an_unsigned_number_is_neither_checked_nor_remembered(made, here, imported, tmp_path):
    assert imported("month-2").code == 0
    noted = memory().read_bytes()
    ran = here(
        "import", tmp_path / "out/month-1", "--to", f"oci:{tmp_path}/target", "--insecure-no-signature", "--on-conflict",
        "replace",
    )  # fmt: skip
    assert (ran.code, "is not checked" in ran.err) == (0, True)
    assert memory().read_bytes() == noted


def test_without_a_home_folder_it_is_said_that_nothing_is_remembered(made, imported, monkeypatch, tmp_path):
    from bundler.system import places

    monkeypatch.setattr(places, "state_folder", lambda *_: None)
    ran = imported("month-2", "--receipt", tmp_path / "receipt.json")
    assert (ran.code, "nothing is remembered" in ran.err) == (0, True)


def test_a_memory_that_cannot_be_written_ends_the_import_before_tags_move(made, imported, monkeypatch, tmp_path):
    assert imported("month-1").code == 0
    before = tags(tmp_path)

    def full(path: Path, *_: object, **__: object) -> None:
        raise LocalStorage("no space left", subject=str(path))

    with monkeypatch.context() as patched:
        patched.setattr(importing_series, "place_durably", full)
        assert imported("month-2").code == 8
    assert tags(tmp_path) == before
