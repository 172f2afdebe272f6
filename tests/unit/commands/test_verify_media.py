"""``verify`` reads each medium of a set once, in any drive, and asks for what is missing or damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler.commands.verify import VerifyRequest, VerifyResult, verify
from bundler.core.events import Began, Event, nobody
from bundler.core.media_changer import NoMedia
from bundler.errors import Damaged, Incomplete
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest
from bundler.keys.open_bundle import Unlocking
from bundler.run import Run
from bundler.transports.parsing import parse_target
from tests.support.changer import NAMES, Robot, media_in, media_set

PASSPHRASE = "long enough for a test"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the media. Tests only read from it."""
    return media_set(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the media of an encrypted bundle. Tests only read from it."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "passphrase").write_text(PASSPHRASE)
    return media_set(folder, "--encrypt", "--passphrase-file", folder / "passphrase")


def verified(robot: Any, listener: Callable[[Event], None] = nobody, **more: Any) -> VerifyResult:
    return verify(VerifyRequest((robot.drive,), is_without_signature=True, **more), Run(listener, changer=robot))


def wanted(result: VerifyResult) -> dict[str, type[Exception]]:
    return {finding.file: type(finding.error) for finding in result.findings if finding.is_wanted}


def test_a_good_set_is_read_once_and_all_of_it(made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made), inserted=0)
    read: list[str] = []
    result = verified(robot, lambda event: read.append(event.subject) if isinstance(event, Began) else None)
    assert result.exit_code == 0, result.findings
    assert robot.order == [None, 2, 3, 4, 5]
    assert sorted(read) == [f"chunk-000{number}.tar" for number in range(1, 6)]
    assert all(state.problem is None for state in result.bundle.chunks)


def test_the_first_part_of_a_cut_blob_is_asked_for_before_the_second(made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made), inserted=4)
    result = verified(robot)
    assert result.exit_code == 0, result.findings
    assert robot.order.index(3) < robot.order.index(4), "its digest is compared too"
    assert "damaged" not in robot.reasons


def spoiled(made: Path, to: Path, number: int, *, size_bytes: int = -1) -> list[Path]:
    """The media, with one byte of a chunk changed, or with a shorter chunk."""
    media = [Path(shutil.copytree(each, to / each.name)) for each in media_in(made)]
    chunk = next(media[number - 1].glob("chunk-*"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content if size_bytes < 0 else content[:size_bytes])
    return media


@pytest.mark.parametrize("number", [1, 3, 4])
def test_damage_is_named_at_the_end_unless_a_good_copy_comes(made, tmp_path, number):
    """Of a blob that is cut, too: the second medium with it is read although the first one is damaged."""
    media = spoiled(made, tmp_path, number)
    robot = Robot(tmp_path / "drive", media)
    robot.before[4] = []
    result = verified(robot)
    assert result.exit_code == Damaged.exit_code
    assert wanted(result) == {f"chunk-000{number}.tar": Damaged}
    robot = Robot(tmp_path / "drive", media)
    robot.before[4] = [lambda: robot.insert(media_in(made)[number - 1])]
    result = verified(robot)
    assert robot.reasons == ["next"] * 4 + ["damaged"]
    assert robot.order[-1] == number
    assert result.exit_code == 0, result.findings


def test_what_never_comes_is_missing_with_the_images_that_need_it(made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made))
    robot.before = {0: []}
    result = verified(robot)
    assert result.exit_code == Incomplete.exit_code
    assert wanted(result) == {"chunk-0002.tar": Incomplete}
    assert [finding.images for finding in result.findings] == [(NAMES[1],)]
    assert [state.problem is None for state in result.bundle.chunks] == [True, False, True, True, True]
    robot = Robot(tmp_path / "drive", media_in(made))
    nobody_comes = NoMedia()
    nobody_comes.drive = robot.drive  # type: ignore[attr-defined]  # the test looks for it there
    assert set(wanted(verified(nobody_comes))) == {f"chunk-000{number}.tar" for number in range(2, 6)}


def test_a_medium_that_is_pulled_out_while_it_is_checked_is_asked_for_again(made, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(made), inserted=0)
    pulled: list[str] = []

    def listener(event: Event) -> None:
        if isinstance(event, Began) and event.subject == "chunk-0003.tar" and not pulled:
            pulled.append(event.subject)
            robot.remove()

    result = verified(robot, listener)
    assert robot.asked[3][:2] == ("removed", 3)
    assert result.exit_code == 0, result.findings


def test_small_files_of_each_medium_are_checked(made, tmp_path):
    media = [Path(shutil.copytree(each, tmp_path / each.name)) for each in media_in(made)]
    (media[1] / "README.txt").write_text("other")
    (media[2] / "README.txt").unlink()
    (media[3] / "secret.key").touch()
    result = verified(Robot(tmp_path / "drive", media))
    assert sorted((each.file, type(each.error)) for each in result.findings) == [
        ("README.txt", Damaged),
        ("secret.key", Damaged),
    ]


def test_encrypted_media_are_checked_locked_and_opened_and_imported(locked, tmp_path):
    robot = Robot(tmp_path / "drive", media_in(locked))
    assert verified(robot).exit_code == 0
    assert robot.order == [2, 3, 4, 5]
    asked: list[str] = []
    unlocking = Unlocking(lambda: asked.append("once") or PASSPHRASE, tmp_path)  # type: ignore[func-returns-value]
    robot = Robot(tmp_path / "drive", media_in(locked))
    result = verified(robot, unlocking=unlocking)
    assert result.exit_code == 0, result.findings
    robot = Robot(tmp_path / "drive", media_in(locked))
    targets = (parse_target(f"oci:{tmp_path / 'out'}"),)
    request = ImportRequest((robot.drive,), targets, is_without_signature=True, unlocking=unlocking)
    assert import_bundle(request, Run(changer=robot)).exit_code == 0
    assert robot.order == [2, 5, 3, 4]
    assert len(asked) == 2, "once for each command"
