"""Media are changed in one drive by a person at a terminal, into a real registry and a real daemon.

A robot changes them in tests/unit/importing/test_changed.py and tests/unit/commands/test_verify_media.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.errors import Incomplete
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest
from bundler.run import Run
from bundler.transports.parsing import parse_target
from tests.support.changer import NAMES, Robot, media_in, media_set
from tests.support.parts import RealDaemon, RealRegistry, require
from tests.support.servers import Front
from tests.support.terminal import on_terminal


@pytest.fixture(scope="module")
def made(made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the media, signed. Tests only read from it."""
    return media_set(tmp_path_factory.mktemp("media"), "--key", made_keys / "tester.key")


class Mounted(Robot):
    """Mounts each medium on the drive, and unmounts it when another one is asked for."""

    mounts = 0

    def insert(self, medium: Path) -> None:
        self.remove()
        self.drive.mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", medium, self.drive], check=True)
        self.mounts += 1

    def remove(self) -> None:
        """Fails if anything on the medium is open."""
        if self.mounts:
            subprocess.run(["umount", self.drive], check=True)
            self.mounts -= 1


@pytest.fixture
def mounted(made: Path, tmp_path: Path) -> Iterator[Mounted]:
    robot = Mounted(tmp_path / "drive", media_in(made), inserted=0)
    yield robot
    robot.remove()


def test_media_are_unmounted_and_mounted_and_a_blob_pauses_between_two_of_them(
    mounted: Mounted, made_keys: Path, target: RealRegistry, fronts: Callable[..., Front]
) -> None:
    """Each tag moves as soon as its image is complete. The blob that is cut goes in pieces: no body waits for a medium."""
    front = fronts(target)
    tags: list[int] = []
    ask = mounted.ask
    mounted.ask = lambda wanted: (tags.append(len(target.tags)), ask(wanted))[1]  # type: ignore[method-assign,assignment]
    trust = (made_keys / "tester.pub",)
    result = import_bundle(ImportRequest((mounted.drive,), (parse_target(front.host),), trust), Run(changer=mounted))
    assert result.exit_code == 0, result
    assert mounted.order == [None, 2, 5, 3, 4]
    assert tags == [0, 1, 2, 3, 3]
    assert target.tags == {f"team/{name}": ["1"] for name in ("base", "small", "cut", "last")}
    assert front.count("PATCH", "/team/cut/blobs/uploads/") >= 1
    assert front.count("PATCH", "/") == front.count("PATCH", "/team/cut/")


def test_a_daemon_gets_what_one_medium_has_and_the_rest_is_explained(
    made: Path, tmp_path: Path, daemon: RealDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes an image only as a whole. With a drive for each medium all come."""
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    robot = Robot(tmp_path / "drive", media_in(made))
    into = (parse_target("docker-daemon:"),)
    request = ImportRequest((robot.drive,), into, is_without_signature=True)
    result = import_bundle(request, Run(changer=robot))
    assert result.exit_code == Incomplete.exit_code
    failed = {str(each.image.reference): each.error for each in result.targets[0].images if each.error}
    assert set(failed) == set(NAMES[1:])
    assert all(error.hint and "chunk-0001.tar" in error.hint for error in failed.values())
    assert len(robot.order) <= 4, "no medium is asked for twice"
    first, *others = media_in(made)
    robot = Robot(tmp_path / "drive", others)
    request = ImportRequest((first, robot.drive, others[1]), into, is_without_signature=True)
    result = import_bundle(request, Run(changer=robot))
    assert result.exit_code == 0, result
    assert all(daemon.docker("image", "inspect", name).returncode == 0 for name in NAMES)


def test_a_person_changes_media_at_a_terminal(
    made: Path, made_keys: Path, tmp_path: Path, target: RealRegistry
) -> None:
    """A medium is asked for by its number and chunks; a wrong medium is named."""
    robot = Robot(tmp_path / "drive", media_in(made), inserted=0)
    code, shown = on_terminal(
        *("import", robot.drive, "--wait", "--to", target.host, "--trust", made_keys / "tester.pub"),
        answers=[
            ("insert a medium of the bundle", lambda: robot.insert(robot.media[0])),
            ("insert medium 2 of 5 (set: chunk-0002.tar)", lambda: robot.insert(robot.media[4])),
            ("medium 5 of 5 can be taken out", lambda: robot.insert(robot.media[1])),
            ("insert medium 3 of 5", lambda: robot.insert(robot.media[2])),
            ("insert medium 4 of 5", "s"),
        ],
    )
    assert code == Incomplete.exit_code, shown
    assert target.tags == {f"team/{name}": ["1"] for name in ("base", "small", "last")}
    assert "not here: chunk-0004.tar" in shown
    code, shown = on_terminal(
        *("import", robot.media[0], robot.drive, robot.media[3], "--wait"),
        *("--to", target.host, "--trust", made_keys / "tester.pub"),
        answers=[],
    )
    assert code == 0, shown
    assert len(target.tags) == 4


class Tmux:
    """A terminal of tmux's own server, as a person has it."""

    def __init__(self, folder: Path, command: str) -> None:
        self._tmux = ("tmux", "-L", f"bundler-test-{folder.name}-{id(self)}", "-f", "/dev/null")
        self._run("new-session", "-d", "-x", "120", "-y", "40", command)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def wait_for(self, words: str) -> str:
        """The screen, as soon as it has some words."""
        until = time.monotonic() + 60
        while words not in (screen := self._run("capture-pane", "-p", "-J")):
            assert time.monotonic() < until, screen
            time.sleep(0.1)
        return screen

    def type(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


def test_verify_waits_in_tmux_and_goes_on_after_ctrl_c(made: Path, made_keys: Path, tmp_path: Path) -> None:
    require("tmux")
    robot = Robot(tmp_path / "drive", media_in(made))
    words = (sys.executable, "-m", "bundler", "verify", robot.drive, "--wait", "--trust", made_keys / "tester.pub")
    command = " ".join(map(str, words))
    terminal = Tmux(
        tmp_path, f"sh -c 'trap : INT; {command}; test $? = 130 && clear; {command}; echo then with $?; sleep 60'"
    )
    try:
        terminal.wait_for("insert medium 2 of 5")
        terminal.type("C-c")
        robot.insert(robot.media[4])
        terminal.wait_for("insert medium 1 of 5")
        robot.insert(robot.media[0])
        for number in (2, 3, 4):
            terminal.wait_for(f"insert medium {number} of 5")
            terminal.type("s", "Enter")
        screen = terminal.wait_for("then with 9")
    finally:
        terminal.end()
    assert "2 of 5 chunks are here, all good" in screen
