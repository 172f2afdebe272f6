"""Media are changed in one drive during an import: each is asked for once, and nothing that one does stops the others.

A robot changes them. The target is a layout, and the bundle has four images on five media, one with a blob that is cut
between two media. See tests/real/test_changed_media.py for a person at a terminal, and a registry.
"""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.bundle import documents
from bundler.core.events import Began, Event, nobody
from bundler.core.media_changer import NoMedia
from bundler.core.receipt import parse_receipt
from bundler.errors import Damaged, Incomplete, Interrupted, Misuse
from bundler.importing.import_ import import_bundle
from bundler.importing.need_file import NeedRequest
from bundler.importing.request import ImportRequest, ReceiptRequest
from bundler.importing.results import ImportResult, Outcome
from bundler.keys.open_bundle import open_bundle
from bundler.run import Run
from bundler.transports.parsing import parse_target
from tests.support.changer import NAMES, Robot, export, layer, media_in, media_set
from tests.support.images import image


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the media. Tests only read from it."""
    return media_set(tmp_path_factory.mktemp("media"))


@pytest.fixture
def media(made: Path, tmp_path: Path) -> list[Path]:
    """Copies of the media, to be damaged."""
    return [Path(shutil.copytree(each, tmp_path / each.name)) for each in media_in(made)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., ImportResult]:
    """Imports into a layout, with a robot or another changer."""

    def imported(robot: Any, *, listener: Callable[[Event], None] = nobody, **more: Any) -> ImportResult:
        paths = (getattr(robot, "drive", tmp_path / "drive"),)
        wanted = ImportRequest(paths, (parse_target(f"oci:{tmp_path / 'out'}"),), is_without_signature=True)
        return import_bundle(replace(wanted, **more), Run(listener, changer=robot))

    return imported


def outcomes(result: ImportResult) -> dict[str, Outcome | None]:
    return {str(each.image.reference): each.outcome for each in result.targets[0].images}


def tags(out: Path) -> set[str]:
    if not (out / "index.json").exists():
        return set()
    found = json.loads((out / "index.json").read_text())["manifests"]
    return {each["annotations"]["org.opencontainers.image.ref.name"] for each in found}


def contents(layout: Path) -> set[str]:
    return {each.name for each in (layout / "blobs/sha256").iterdir()}


def files_of(medium: Path) -> list[str]:
    return sorted(each.name for each in medium.glob("chunk-*"))


def test_each_medium_is_asked_for_once_and_its_images_are_tagged_before_it_is_taken_out(run, made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made), inserted=0)
    seen: list[set[str]] = []
    ask = robot.ask
    robot.ask = lambda wanted: (seen.append(tags(tmp_path / "out")), ask(wanted))[1]
    result = run(robot)
    assert result.exit_code == 0, result
    assert set(outcomes(result).values()) == {Outcome.PUSHED}
    assert contents(tmp_path / "out") == contents(made / "layout"), "the same bytes"
    assert robot.reasons == ["first", "next", "next", "next", "next"]
    assert sorted(filter(None, robot.order)) == [2, 3, 4, 5]
    assert robot.reported == [f"medium {number} of 5 can be taken out" for number in [1, *robot.order[1:-1]]]
    assert all(earlier <= later for earlier, later in itertools.pairwise(seen))
    assert NAMES[0] in seen[2], "an image is tagged as soon as its last blob is there"


def test_any_order_is_taken_and_documents_may_be_in_scratch(run, made, tmp_path, monkeypatch):
    """A user who is asked for one medium may insert another one; the first medium, with all manifests, comes last."""
    monkeypatch.setattr(documents, "REMEMBERED_BYTES", 1000)
    robot = Robot(tmp_path / "drive", media_in(made), inserted=5)
    robot.before = {0: [lambda: robot.insert(robot.media[3])], 1: [lambda: robot.insert(robot.media[0])]}
    result = run(robot)
    assert result.exit_code == 0, result
    assert contents(tmp_path / "out") == contents(made / "layout")


def test_a_wrong_medium_an_empty_drive_and_the_same_one_twice_are_named_and_harm_nothing(run, made, tmp_path):
    other = tmp_path / "other"
    image([layer("other", 1000, seed=2)]).write_layout(tmp_path / "layout", NAMES[0])
    export(other, layout=tmp_path / "layout")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/1.jpg").touch()
    robot = Robot(tmp_path / "drive", media_in(made))
    first, second = robot.media[:2]
    robot.before = {
        0: [
            robot.remove,
            lambda: robot.insert(first),
            lambda: robot.insert(other / "set"),
            lambda: robot.insert(tmp_path / "photos"),
            robot.remove,
            lambda: robot.insert(second),
        ]
    }
    result = run(robot)
    assert result.exit_code == 0, result
    reported = robot.reported[1:4]
    assert "medium 1 of 5 is here, and nothing on it is needed now" in reported[0]
    assert "has another bundle" in reported[1]
    assert result.bundle.id[:12] in reported[1]
    assert "no bundle here" in reported[2]
    assert len(robot.order) == 4, "nobody was asked twice"


def flip(chunk: Path) -> None:
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


def cut(chunk: Path) -> None:
    chunk.write_bytes(chunk.read_bytes()[:-5000])


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "given up"])
@pytest.mark.parametrize("spoil", [flip, cut])
def test_what_is_damaged_is_asked_for_at_the_end(run, media, made, tmp_path, spoil, is_replaced):
    """The others come first. Without a good copy the end names the chunk, and the need-list has it."""
    bad = files_of(media[4])[0]
    spoil(media[4] / bad)
    robot = Robot(tmp_path / "drive", media)
    robot.before = {
        0: [lambda: robot.insert(media[4])],
        4: [lambda: robot.insert(media_in(made)[4])] if is_replaced else [],
    }
    result = run(robot, need=NeedRequest(tmp_path / "need.json"))
    assert robot.reasons == ["next"] * 4 + ["damaged"]
    assert robot.order[-1] == 5
    if is_replaced:
        assert result.exit_code == 0, result
        assert contents(tmp_path / "out") == contents(made / "layout")
        assert not (tmp_path / "need.json").exists()
    else:
        assert result.exit_code == Damaged.exit_code
        failed = [each for each in result.targets[0].images if each.error]
        assert failed
        assert all(bad in str(each.error) for each in failed)
        need = json.loads((tmp_path / "need.json").read_text())
        assert [(each["file"], each["state"]) for each in need["chunks"]] == [(bad, "damaged")]


def test_a_medium_that_never_comes_holds_back_only_its_images(run, made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made))
    robot.before = {0: [], 1: []}
    result = run(robot, need=NeedRequest(tmp_path / "need.json"))
    assert result.exit_code == Incomplete.exit_code
    lost = {NAMES[number] for number in _images_on(robot.order[:2])}
    assert {name for name, outcome in outcomes(result).items() if outcome is Outcome.FAILED} == lost
    need = json.loads((tmp_path / "need.json").read_text())
    files = {file for number in robot.order[:2] for file in files_of(robot.media[number - 1])}
    assert {(each["file"], each["state"]) for each in need["chunks"]} == {(file, "missing") for file in files}


def _images_on(media: list[int | None]) -> list[int]:
    """The images that need these media; all need the first one."""
    return [{2: 1, 3: 2, 4: 2, 5: 3}[number] for number in media if number]


@pytest.mark.parametrize("at", ["before a chunk", "in the middle of a blob that is cut"])
def test_a_medium_that_is_pulled_out_while_it_is_read_is_asked_for_again(run, made, tmp_path, at):
    robot = Robot(tmp_path / "drive", media_in(made), inserted=0)
    pulled: list[int] = []
    pulling = threading.Lock()
    wanted = 1 if at == "before a chunk" else 3

    def listener(event: Event) -> None:
        """Pulls a medium out when its first blob begins, in one of several threads."""
        with pulling, suppress(FileNotFoundError):  # the robot may change the medium just now
            if isinstance(event, Began) and not pulled and robot.drive.samefile(robot.media[wanted - 1]):
                pulled.append(wanted)
                robot.remove()

    result = run(robot, listener=listener)
    assert result.exit_code == 0, result
    assert contents(tmp_path / "out") == contents(made / "layout")
    assert pulled
    assert "removed" in robot.reasons
    assert robot.asked[robot.reasons.index("removed")][1] == wanted


def test_bytes_of_another_chunk_under_its_name_and_with_its_size_never_pass(run, media, made, tmp_path):
    """A medium that was swapped for another one is read as one that nobody knows."""
    chunk = media[1] / files_of(media[1])[0]
    chunk.write_bytes(chunk.read_bytes()[::-1])
    robot = Robot(tmp_path / "drive", media)
    robot.before[4] = [lambda: robot.insert(media_in(made)[1])]
    result = run(robot)
    assert robot.reasons[4] == "damaged"
    assert robot.order[4] == 2
    assert any(chunk.name in each for each in robot.reported)
    assert result.exit_code == 0, result
    assert contents(tmp_path / "out") == contents(made / "layout")


def test_chunks_under_one_strange_name_on_two_media_are_known_by_their_bytes(run, media, made, tmp_path):
    for number in (1, 4):
        (media[number] / files_of(media[number])[0]).rename(media[number] / "lost.bin")
    robot = Robot(tmp_path / "drive", media)
    robot.before[0] = [lambda: robot.insert(media[4]), lambda: robot.insert(media[1])]
    robot.before[1] = [lambda: robot.insert(media[1])]
    result = run(robot)
    assert result.exit_code == 0, result
    assert contents(tmp_path / "out") == contents(made / "layout")


def test_each_medium_is_checked_around_its_blobs_before_it_may_be_taken_out(run, media, tmp_path):
    (media[1] / "README.txt").write_text("other")
    (media[2] / "stray.key").touch()
    result = run(Robot(tmp_path / "drive", media))
    assert result.exit_code == Damaged.exit_code
    assert {finding.file for finding in result.findings} == {"README.txt", "stray.key"}
    assert set(outcomes(result).values()) == {Outcome.PUSHED}


def test_nothing_is_known_of_the_files_of_the_next_medium(media, tmp_path):
    """A copy that was read in place of a damaged chunk is forgotten, and is looked for again on each medium."""
    first, second = media[0], Path(shutil.copytree(media[0], tmp_path / "second"))
    for medium in (first, second):
        (chunk,) = medium.glob("chunk-*")
        shutil.copy(chunk, medium / "copy.bin")
        content = chunk.read_bytes()
        chunk.write_bytes(content[:512] + bytes(len(content) - 1536) + content[-1024:])
    bundle = open_bundle([first], is_without_signature=True)
    document = bundle.manifest.blobs[bundle.images[0].manifests[0]].descriptor
    wanted = bundle.read_document(document)
    other = open_bundle([second], is_without_signature=True)
    shutil.rmtree(first)
    bundle.turn_to(other.sealed, other.chunks)
    assert bundle.read_document(document) == wanted


class _Killed(BaseException):
    """As if the process had been killed: nothing catches it."""


@pytest.mark.parametrize("end", [Interrupted, _Killed])
def test_the_same_command_asks_tomorrow_only_for_what_is_not_there(run, made, tmp_path, end):
    """One receipt covers all media; after a kill the next import completes the unfinished one."""
    receipts = tmp_path / "receipts"

    def stop() -> None:
        raise end

    first = Robot(tmp_path / "drive", media_in(made))
    first.before[2] = [stop]
    with pytest.raises(end):
        run(first, receipt=ReceiptRequest(receipts / "first.json"))
    left = list(receipts.glob("*.json*"))
    found = parse_receipt(next(iter(left)).read_bytes(), what="receipt")
    assert [image.reference for target in found.targets for image in target.images] == NAMES
    assert found.is_unfinished == (end is _Killed)
    second = Robot(tmp_path / "drive", media_in(made), inserted=1)
    result = run(second, receipt=ReceiptRequest(receipts / "second.json"))
    assert result.exit_code == 0, result
    assert set(outcomes(result).values()) == {Outcome.PUSHED, Outcome.PRESENT}
    assert not set(first.order[:2]) & set(second.order), "what is at the target is not asked for"
    if end is _Killed:
        receipt = parse_receipt((receipts / "second.json").read_bytes(), what="receipt")
        assert receipt.merged
        assert not list(receipts.glob("first*unfinished*"))


def test_all_or_nothing_tags_at_the_end(run, made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made))
    robot.before[3] = []
    held = run(robot, is_all_or_nothing=True)
    assert held.exit_code == Incomplete.exit_code
    assert not tags(tmp_path / "out")
    assert set(outcomes(held).values()) == {Outcome.HELD, Outcome.FAILED}
    done = run(Robot(tmp_path / "drive", media_in(made)), is_all_or_nothing=True)
    assert done.exit_code == 0, done
    assert tags(tmp_path / "out") == set(NAMES)


def test_without_a_person_each_run_sends_what_is_here_until_all_is_there(run, made, tmp_path):
    """So a script that changes media needs no terminal. The last run needs the medium with the manifests."""
    (tmp_path / "drive").mkdir()
    with pytest.raises(Incomplete, match="no medium"):
        run(NoMedia())
    (tmp_path / "drive").rmdir()
    codes = []
    for number in (2, 5, 3, 4, 1):
        Robot(tmp_path / "drive", media_in(made), inserted=number)
        codes.append(run(NoMedia()).exit_code)
    assert codes[:2] == [Incomplete.exit_code] * 2
    result = import_with_both(run, made, tmp_path)
    assert result.exit_code == 0, result
    assert contents(tmp_path / "out") == contents(made / "layout")


def import_with_both(run: Callable[..., ImportResult], made: Path, folder: Path) -> ImportResult:
    """An import with two drives: a blob that is cut needs two media at once if nobody changes them."""
    (folder / "drive").unlink()
    media = media_in(made)
    return run(NoMedia(), paths=(folder / "drive", media[0], media[2], media[3]))


def test_media_without_a_plan_are_known_by_their_chunks_and_a_path_may_appear_later(run, made, tmp_path):
    """As people spread a bundle by hand: one folder has the small files, the media only chunks."""
    small, media = tmp_path / "small", [tmp_path / f"medium{number}" for number in range(3)]
    export(tmp_path, layout=made / "layout")
    (tmp_path / "set").rename(small)
    for number, chunk in enumerate(sorted(small.glob("chunk-*"))):
        media[number % 3].mkdir(exist_ok=True)
        chunk.rename(media[number % 3] / chunk.name)
    robot = Robot(tmp_path / "drive", media, inserted=0)
    desktop = tmp_path / "desktop"
    robot.before[1] = [robot.remove, lambda: media[1].rename(desktop)]
    result = run(robot, paths=(small, robot.drive, desktop))
    assert result.exit_code == 0, result
    assert contents(tmp_path / "out") == contents(made / "layout")
    assert set(robot.order) == {None}
    assert robot.asked[0][2] == ("chunk-0001.tar",)


def test_a_path_that_is_no_folder_and_a_dry_run_are_refused(run, made, tmp_path):
    (tmp_path / "drive").write_text("")
    with pytest.raises(Misuse, match="not a folder"):
        run(NoMedia())
    with pytest.raises(Misuse, match="dry run"):
        run(NoMedia(), paths=(media_in(made)[0],), is_dry_run=True)
