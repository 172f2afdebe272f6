"""An export that was ended anywhere goes on with the same command, and ends in the same bytes as if nothing had been."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.bundle.journal_file import JournalFile
from bundler.bundle.journal_key import JournalKey
from bundler.errors import Damaged
from bundler.system.places import state_folder
from tests.conftest import Ran
from tests.support import sweeps
from tests.support.fault_fs import FaultFs
from tests.support.images import simple
from tests.support.servers import Front
from tests.support.steps import Steps
from tests.support.sweeps import RANDOM_KILLS

AT_RANDOM = {"tar": 7 * RANDOM_KILLS // 10, "7z": 3 * RANDOM_KILLS // 10}
"""The number of exports that are killed at random times, of each format."""

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
LARGE = simple("large", 2_600_000)
OTHER = simple("other", 700_000)
DIRECT = "1536KiB"
"""A size of chunks that have more than 1 MiB of a blob, so that some of it is written directly."""
LAYER = max(LARGE.blobs, key=lambda digest: len(LARGE.blobs[digest]))


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    from tests.support.parts import RealRegistry

    registry = RealRegistry(tmp_path_factory.mktemp("origin")).start()
    LARGE.push(registry, "a/large", "1")
    OTHER.push(registry, "b/other", "1")
    yield registry
    registry.stop()


@pytest.fixture
def front(origin):
    front = Front(origin).start()
    yield front
    front.stop()


@pytest.fixture
def bundler(here, monkeypatch):
    """Runs the command in this process, where what goes on with an export is measured; those that are killed are not."""

    def run(*arguments: object, environment: Mapping[str, str] | None = None) -> Ran:
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        return here(*arguments)

    return run


@pytest.fixture
def make(image_list, keys, tmp_path):
    """The arguments of an export; its blobs are cut, so that they join chunks."""

    def arguments(registry, *more: object, into: str = "out", size: str = "1MiB") -> list[object]:
        listed = image_list(registry, "a/large:1", "b/other:1")
        return ["export", listed, "-o", tmp_path / into, "--key", keys[0], "--chunk-size", size, *more]

    return arguments


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def finished(folder: Path) -> dict[str, bytes]:
    """The files of a finished export; nothing else may be there."""
    assert [path.name for path in folder.iterdir()] == ["test"]
    return content_of(folder / "test")


@pytest.mark.parametrize("archive", ["tar", "7z"])
def test_C01_C04_C05_killed_or_cut_off_at_any_moment_it_goes_on_and_ends_in_the_same_bytes(
    make, origin, keys, tmp_path, archive
):
    assert Steps(make(origin, "--format", archive, into="smooth", size=DIRECT), EPOCH).run().code == 0
    wanted = finished(tmp_path / "smooth")
    fs = FaultFs(tmp_path / "fs", records=True)
    export = Steps(
        make(origin, "--format", archive, into="fs/mount/out", size=DIRECT),
        {**EPOCH, "XDG_STATE_HOME": str(fs.path / "state")},
    )
    out, count = fs.path / "out", 0
    for where in sweeps.crashes(fs, export):
        count += 1
        if (out / "test").exists():
            assert content_of(out / "test") == wanted, where
        elif out.exists():
            checked = Steps(["verify", out, "--trust", keys[1]]).run()
            assert checked.code == (9 if (out / "test.partial").exists() else 2), f"{where}: {checked.err}"
        again = export.run()
        assert again.code == 0, f"{where}: {again.err}"
        assert finished(out) == wanted, where
    assert count > 5, "an export has more moments than that"


def test_a_file_system_that_refuses_direct_writes_gets_the_same_bytes(make, origin, tmp_path):
    assert Steps(make(origin, into="smooth", size=DIRECT), EPOCH).run().code == 0
    with FaultFs(tmp_path / "fs").mount() as fs:
        fs.fail("open", 1, errno.EINVAL, pattern="*/chunk-*", is_for_good=True)
        ended = Steps(make(origin, into="fs/mount/out", size=DIRECT), EPOCH).run()
        assert ended.code == 0, ended.err
        assert fs.met(), "direct writes were tried"
        fs.heal()
        assert finished(fs.path / "out") == finished(tmp_path / "smooth")


@pytest.mark.parametrize("archive", ["tar", "7z"])
def test_C03_killed_at_random_times_again_and_again_it_ends_in_the_same_bytes(make, origin, tmp_path, archive):
    smooth = Steps(make(origin, "--format", archive, into="smooth"), EPOCH).run()
    assert smooth.code == 0
    wanted = finished(tmp_path / "smooth")
    choose = random.Random(5)
    kills, seconds = 0, smooth.seconds
    while kills < AT_RANDOM[archive]:
        ended = Steps(make(origin, "--format", archive), EPOCH).kill_after_seconds(choose.uniform(0, 1.2 * seconds))
        kills += ended.was_killed
        seconds = seconds if ended.was_killed else ended.seconds  # the machine may have more time for us now
        assert ended.was_killed or ended.code == 0, ended.err
        if (tmp_path / "out/test").exists():
            assert content_of(tmp_path / "out/test") == wanted
            if not ended.was_killed:
                shutil.rmtree(tmp_path / "out")
            else:
                assert Steps(make(origin, "--format", archive), EPOCH).run().code in (0, 2)
                shutil.rmtree(tmp_path / "out")
    assert Steps(make(origin, "--format", archive), EPOCH).run().code == 0
    assert finished(tmp_path / "out") == wanted


class Torn:
    """A registry that gives the first bytes of a layer, and then nothing until the client is gone."""

    def __init__(self, given_bytes: int) -> None:
        self.given_bytes = given_bytes
        self.ranges: list[str | None] = []
        self.is_torn = threading.Event()
        self.is_whole = False

    def __call__(self, front: Front, request) -> bool:
        if LAYER not in request.path or request.command != "GET":
            return False
        self.ranges.append(request.headers.get("Range"))
        if self.is_whole:
            return False
        content = LARGE.blobs[LAYER]
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: self.given_bytes])
        self.is_torn.set()
        request.connection.recv(1)
        request.close_connection = True
        return True


def written_bytes(digest: str, partial: Path, whole: Path) -> int:
    """The number of bytes of a blob, from its first one, in the files of an export that is not finished.

    The finished bundle says where they belong, and what they are.
    """
    count = 0
    (blob,) = (blob for blob in json.loads((whole / "bundle.json").read_text())["blobs"] if blob["digest"] == digest)
    for chunk, offset, length in blob["pieces"]:
        name = f"chunk-{chunk:04d}.tar"
        wanted = (whole / name).read_bytes()[offset : offset + length]
        there = (partial / name).read_bytes()[offset : offset + length] if (partial / name).exists() else b""
        if there != wanted:
            pairs = enumerate(zip(wanted, there, strict=False))
            return count + next((place for place, (one, other) in pairs if one != other), len(there))
        count += length
    return count


def kill_with_half_a_blob(arguments: list[object], torn: Torn, folder: Path) -> None:
    """Kills an export when half of the large layer is in its files, and all that is small."""
    environment = {**os.environ, **EPOCH}
    process = subprocess.Popen([sys.executable, "-m", "bundler", *map(str, arguments)], env=environment)
    assert torn.is_torn.wait(60)
    wanted = {LAYER: 3 << 19, **{digest: len(content) for digest, content in OTHER.blobs.items()}}
    while any(
        written_bytes(digest, folder / "out/test.partial", folder / "smooth/test") < size_bytes
        for digest, size_bytes in wanted.items()
    ):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_half_a_blob_is_gone_on_with_by_range_and_finished_ones_are_not_fetched_again(bundler, make, front, tmp_path):
    assert bundler(*make(front, into="smooth"), environment=EPOCH).code == 0
    front.faults.append(torn := Torn(2_300_000))
    kill_with_half_a_blob(make(front), torn, tmp_path)
    front.requests.clear()
    torn.is_whole = True
    done = bundler(*make(front), environment=EPOCH)
    assert done.code == 0, done.err
    first, second = torn.ranges[-2:]
    assert first is None
    assert second is not None
    assert int(second.removeprefix("bytes=").removesuffix("-")) >= 1 << 20
    assert front.count("GET", "/b/other/blobs/") <= 1, "its config is read for what it says; its layer is there"
    assert front.count("GET", "/a/large/blobs/") <= 2
    assert "resuming the export that started" in done.err
    assert finished(tmp_path / "out") == finished(tmp_path / "smooth")


@pytest.mark.parametrize("spoilt", [10_000, 2_000_000])
def test_half_a_blob_that_has_rotted_is_fetched_again(bundler, make, front, tmp_path, spoilt):
    assert bundler(*make(front, into="smooth"), environment=EPOCH).code == 0
    front.faults.append(torn := Torn(2_300_000))
    kill_with_half_a_blob(make(front), torn, tmp_path)
    chunk = tmp_path / f"out/test.partial/chunk-000{2 if spoilt < 1_000_000 else 3}.tar"
    with open(chunk, "r+b") as file:
        file.seek(5000)
        file.write(bytes(4096))
    torn.is_whole = True
    assert bundler(*make(front), environment=EPOCH).code == 0
    assert finished(tmp_path / "out") == finished(tmp_path / "smooth")


def done_in(journal: Path) -> list[int]:
    """The numbers of the chunks that a journal of this user says are done."""
    key = JournalKey(state_folder() / "exports", journal.with_name("test.partial"))
    try:
        read = JournalFile(journal, key).read()
    except Damaged:  # it was ended while it wrote its first line
        return []
    return sorted(read.done) if read else []


LEFT_OFF: dict[tuple[object, ...], int] = {}
"""By the options of an export, the step at which its first chunks were done in an earlier test."""


def left_off(make, registry, tmp_path, *more: object) -> Path:
    """An export that was killed when its first chunks were done; its journal."""
    for number in itertools.count(LEFT_OFF.get(more, 10)):
        ended = Steps(make(registry, *more), EPOCH).kill_at(number)
        assert ended.was_killed
        journal = tmp_path / "out/test.partial.journal"
        if done_in(journal):
            LEFT_OFF[more] = number
            return journal
        shutil.rmtree(tmp_path / "out")
    raise AssertionError


def test_C12_a_tag_that_moved_since_then_is_reported_and_what_was_started_is_finished(
    bundler, make, new_registry, tmp_path
):
    registry = new_registry()
    LARGE.push(registry, "a/large", "1")
    OTHER.push(registry, "b/other", "1")
    assert bundler(*make(registry, into="smooth"), environment=EPOCH).code == 0
    left_off(make, registry, tmp_path)
    moved = simple("moved", 5000)
    moved.push(registry, "b/other", "1")
    done = bundler(*make(registry), environment=EPOCH)
    assert done.code == 0, done.err
    assert f"the tag moved to {moved.digest}" in done.err
    assert f"b/other:1  has {OTHER.digest}, and points to {moved.digest} now" in done.out
    assert finished(tmp_path / "out") == finished(tmp_path / "smooth")


def test_C12_what_was_started_and_is_gone_at_the_source_is_reported(bundler, make, new_registry, tmp_path):
    registry = new_registry()
    LARGE.push(registry, "a/large", "1")
    OTHER.push(registry, "b/other", "1")
    left_off(make, registry, tmp_path)
    simple("moved", 5000).push(registry, "b/other", "1")
    gone = f"http://{registry.host}/v2/b/other/manifests/{OTHER.digest}"
    urllib.request.urlopen(urllib.request.Request(gone, method="DELETE")).close()
    done = bundler(*make(registry), environment=EPOCH)
    assert done.code == 6
    assert "--restart" in done.err
    assert bundler(*make(registry, "--restart"), environment=EPOCH).code == 0


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        (["--chunk-size", "2MiB"], "--chunk-size: 1048576 before, 2097152 now"),
        (["--only", "*/a/*"], "no longer in the list: "),
        (["--platform", "linux/amd64"], "for linux/amd64"),
        (["--format", "7z"], "--format: tar before, 7z now"),
    ],
    ids=["chunk size", "list", "platform", "format"],
)
def test_C12_another_list_or_other_options_are_reported_and_nothing_is_lost(
    bundler, make, origin, tmp_path, more, reported
):
    left_off(make, origin, tmp_path)
    before = {path.name: path.stat().st_size for path in (tmp_path / "out/test.partial").iterdir()}
    other = bundler(*make(origin, *more), environment=EPOCH)
    assert other.code == 2
    assert reported in other.err
    assert "--restart" in other.err
    assert before == {path.name: path.stat().st_size for path in (tmp_path / "out/test.partial").iterdir()}
    assert bundler(*make(origin, *more, "--restart"), environment=EPOCH).code == 0


def test_C12_another_key_is_reported(bundler, make, origin, tmp_path):
    left_off(make, origin, tmp_path)
    bundler("keygen", "second", "-d", tmp_path / "keys")
    other = bundler(*make(origin, "--key", tmp_path / "keys/second.key"), environment=EPOCH)
    assert other.code == 2
    assert "--key: " in other.err


@pytest.mark.parametrize("kind", ["flipped", "cut", "emptied", "removed"])
def test_C14_a_journal_that_is_damaged_or_gone_costs_time_and_nothing_else(bundler, make, origin, tmp_path, kind):
    assert Steps(make(origin, into="smooth"), EPOCH).run().code == 0
    wanted = finished(tmp_path / "smooth")
    journal = left_off(make, origin, tmp_path)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "out/test.partial").iterdir()}
    content = journal.read_bytes()
    choose = random.Random(7)
    places = choose.sample(range(len(content)), 12) if kind == "flipped" else [len(content) // 2]
    for place in places:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        (tmp_path / "out/test.partial").mkdir(parents=True)
        for name, old in kept.items():
            (tmp_path / "out/test.partial" / name).write_bytes(old)
        if kind == "flipped":
            flipped = bytearray(content)
            flipped[place] ^= 1 << choose.randrange(8)
            journal.write_bytes(flipped)
        elif kind != "removed":
            journal.write_bytes(content[:place] if kind == "cut" else b"")
        again = bundler(*make(origin), environment=EPOCH)
        assert again.code == 0, again.err
        assert finished(tmp_path / "out") == wanted


def test_a_chunk_that_was_damaged_or_removed_since_it_was_done_is_made_again(bundler, make, origin, keys, tmp_path):
    journal = left_off(make, origin, tmp_path)
    done = min(done_in(journal))
    (tmp_path / f"out/test.partial/chunk-{done:04d}.tar").unlink()
    assert bundler(*make(origin), environment=EPOCH).code == 0
    assert bundler("verify", tmp_path / "out/test", "--trust", keys[1]).code == 0


def test_two_exports_at_once_the_second_is_shown_who_makes_the_bundle(bundler, make, front, tmp_path):
    front.faults.append(torn := Torn(100_000))
    process = subprocess.Popen([sys.executable, "-m", "bundler", *map(str, make(front))])
    assert torn.is_torn.wait(60)
    second = bundler(*make(front))
    assert second.code == 7
    assert f"process {process.pid} on " in second.err
    process.kill()
    process.wait()
    torn.is_whole = True
    assert bundler(*make(front)).code == 0


def test_an_encrypted_export_goes_on_with_its_passphrase_only(bundler, make, origin, keys, tmp_path):
    (tmp_path / "secret").write_text("correct horse battery\n")
    (tmp_path / "wrong").write_text("incorrect horse battery\n")
    encrypted = ["--encrypt", "--passphrase-file"]
    left_off(make, origin, tmp_path, *encrypted, tmp_path / "secret")
    refused = bundler(*make(origin, *encrypted, tmp_path / "wrong"), environment=EPOCH)
    assert refused.code == 2
    assert "another passphrase" in refused.err
    assert bundler(*make(origin, *encrypted, tmp_path / "secret"), environment=EPOCH).code == 0
    check = ["verify", tmp_path / "out/test", "--trust", keys[1], "--passphrase-file", tmp_path / "secret"]
    assert bundler(*check).code == 0


def test_a_passphrase_that_nobody_has_seen_is_made_again(bundler, make, origin, keys, tmp_path):
    left_off(make, origin, tmp_path, "--encrypt", "--generate-passphrase")
    done = bundler(*make(origin, "--encrypt", "--generate-passphrase"), "--json", environment=EPOCH)
    assert done.code == 0, done.err
    (tmp_path / "secret").write_text(done.json["passphrase"])
    check = ["verify", tmp_path / "out/test", "--trust", keys[1], "--passphrase-file", tmp_path / "secret"]
    assert bundler(*check).code == 0


def test_what_is_not_of_an_export_is_left_alone(bundler, make, origin, tmp_path):
    left_off(make, origin, tmp_path)
    (tmp_path / "out/test.partial/thesis.doc").write_text("mine")
    for more in ([], ["--restart"]):
        done = bundler(*make(origin, *more), environment=EPOCH)
        assert done.code == 2
        assert "thesis.doc" in done.err
    assert (tmp_path / "out/test.partial/thesis.doc").read_text() == "mine"


def test_a_finished_bundle_is_not_thrown_away(bundler, make, origin, tmp_path):
    assert bundler(*make(origin), environment=EPOCH).code == 0
    before = finished(tmp_path / "out")
    done = bundler(*make(origin, "--restart"), environment=EPOCH)
    assert done.code == 2
    assert "already exists" in done.err
    assert finished(tmp_path / "out") == before


def test_a_dry_run_reports_unfinished_work_and_changes_nothing(bundler, make, origin, tmp_path):
    left_off(make, origin, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert bundler(*make(origin, "--dry-run"), environment=EPOCH).code == 0
    assert bundler(*make(origin, "--dry-run", "--chunk-size", "2MiB"), environment=EPOCH).code == 2
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
