"""A file of a third party is described and checked before anybody loads it, against the checksum that came another way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bundler.commands.inspect_file import inspect_file, verify_file
from bundler.core.events import Event, Moved, PhaseBegan, PhaseEnded
from bundler.errors import Damaged, Interrupted, Misuse, Refused
from bundler.run import Run
from bundler.workers import Cancellation
from tests.support import images
from tests.support.archives import docker_files, write_as

FILES = docker_files([images.layer_tar("layer", 50_000)], tags=["app:1"])


@pytest.fixture(params=["none", "gzip", "7z"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_as(request.param, tmp_path / "image", FILES)


def run_with(events: list[Event] | None = None) -> Run:
    return Run([].append if events is None else events.append, Cancellation())


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_good_file_has_exit_code_0(path: Path) -> None:
    inspected, verified = inspect_file(path, run_with()), verify_file(path, run_with(), sha256=None)
    assert (inspected.exit_code, inspected.is_checked, inspected.facts.sha256) == (0, False, None)
    assert (verified.exit_code, verified.is_checked, verified.facts.sha256) == (0, True, sum_of(path))
    assert inspected.facts.images == verified.facts.images


def test_the_checksum_may_be_written_as_people_write_it(path: Path) -> None:
    for text in (sum_of(path), sum_of(path).upper(), f"sha256:{sum_of(path)}", f" {sum_of(path)}\n"):
        result = verify_file(path, run_with(), sha256=text)
        assert (result.exit_code, result.expected_sha256) == (0, sum_of(path))


def test_another_file_than_the_one_with_the_checksum_is_damage(path: Path) -> None:
    result = verify_file(path, run_with(), sha256="0" * 64)
    (finding,) = result.findings
    assert (result.exit_code, type(finding)) == (4, Damaged)
    assert (finding.expected, finding.actual) == ("0" * 64, sum_of(path))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(""),
        "x",
        "0" * 63,
        "0" * 65,
        "sha512:" + "0" * 128,
        "g" * 64,
    ],
    ids=repr,
)
def test_a_checksum_that_is_none_is_never_passed_over(text: str, path: Path) -> None:
    """Also not the empty one of ``--sha256 "$SUM"`` where nobody has set the variable."""
    with pytest.raises(Misuse):
        verify_file(path, run_with(), sha256=text)


def test_a_file_that_cannot_be_read_to_its_end_is_not_said_to_be_right(tmp_path: Path) -> None:
    path = write_as("gzip", tmp_path / "image", FILES)
    path.write_bytes(path.read_bytes()[:-1000])
    for text in (None, sum_of(path), "0" * 64):
        assert verify_file(path, run_with(), sha256=text).exit_code == 4


@pytest.mark.parametrize("name", ["chunk-0001.tar", "chunk-0001.7z", "chunk-12345.tar", "SHA256SUMS", "bundle.json"])
def test_a_part_of_a_bundle_is_refused_with_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    for call in (
        lambda: inspect_file(tmp_path / name, run_with()),
        lambda: verify_file(tmp_path / name, run_with(), sha256=None),
    ):
        with pytest.raises(Misuse) as caught:
            call()
        assert str(tmp_path) in (caught.value.hint or "")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        verify_file(tmp_path / "x", run_with(), sha256=None)


def test_progress_is_the_bytes_of_the_file(path: Path) -> None:
    events: list[Event] = []
    verify_file(path, run_with(events), sha256=None)
    size = path.stat().st_size
    assert events[0] == PhaseBegan("verifying", size, in_bytes=True)
    assert events[-1] == PhaseEnded("verifying")
    assert sum(event.amount for event in events if isinstance(event, Moved)) == size


def test_a_run_that_is_stopped_ends(path: Path) -> None:
    run = run_with()
    run.cancellation.set()
    with pytest.raises(Interrupted):
        verify_file(path, run, sha256=None)
