"""Files that others put into an export's folder are neither believed nor touched: journals, chunks, locks, links, pipes."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest

from bundler.bundle.journal_file import JournalFile
from bundler.bundle.journal_key import JournalKey
from bundler.bundle.partial import PartialFolder
from bundler.core.digest import Digest
from bundler.core.journal import Chain, ExportStart, done_line, start_line
from bundler.core.manifest import Chunk
from bundler.errors import Damaged, LocalStorage, Misuse
from bundler.stores.oci_archive import ArchiveSink
from bundler.system.places import state_folder
from tests.support.errors import raises
from tests.support.images import simple
from tests.support.steps import Steps

LARGE = simple("large", 2_600_000)
OTHER = simple("other", 700_000)
MINE = b"bytes of another user"


@pytest.fixture
def layout(tmp_path):
    LARGE.write_layout(tmp_path / "layout", "example.com/a/large:1")
    OTHER.write_layout(tmp_path / "layout", "example.com/b/other:1")
    return f"oci:{tmp_path}/layout"


@pytest.fixture
def make(layout, keys, tmp_path):
    def arguments(*more: object, source: str = layout) -> list[object]:
        return [
            "export",
            source,
            "--name",
            "test",
            "-o",
            tmp_path / "out",
            "--key",
            keys[0],
            "--chunk-size",
            "1MiB",
            *more,
        ]

    return arguments


def journal_of(folder: Path) -> JournalFile:
    return JournalFile(folder / "test.partial.journal", JournalKey(state_folder() / "exports", folder / "test.partial"))


def left_off(arguments: list[object], folder: Path) -> Path:
    """An export that was killed when its first chunks were done; its journal."""
    for number in itertools.count(26, 6):
        assert Steps(arguments).kill_at(number).was_killed
        try:
            journal = journal_of(folder).read()
        except Damaged:
            journal = None
        if journal and journal.done:
            return folder / "test.partial.journal"
        shutil.rmtree(folder)
    raise AssertionError


def replayed(journal: Path, **changes: object) -> bytes:
    """A journal as an attacker writes it who can read the true one, and does not know its secret."""
    true = journal_of(journal.parent).read()
    assert true is not None
    chain = Chain(b"x" * 32)
    content = start_line(
        chain, ExportStart(**{name: getattr(true.start, name) for name in ExportStart.__slots__} | changes)
    )
    for number, chunk in true.done.items():
        chain = chain.after(content.splitlines(keepends=True)[-1])
        content += done_line(chain, number, chunk)
    return content


def test_A1_an_old_digest_in_a_planted_journal_is_not_signed(bundler, make, new_registry, tmp_path):
    registry = new_registry()
    LARGE.push(registry, "app", "1")
    source = f"docker://{registry.host}/app:1"
    planted = replayed(left_off(make(source=source), tmp_path / "out"))
    new = simple("new", 5000)
    new.push(registry, "app", "1")
    (tmp_path / "out/test.partial.journal").write_bytes(planted)
    done = bundler(*make("--json", source=source))
    assert done.code == 0, done.err
    assert [image["digest"] for image in done.json["images"]] == [new.digest]
    assert "not of this user on this machine" in done.err


def test_A1_the_journal_of_an_earlier_export_of_this_name_is_not_believed_again(bundler, make, new_registry, tmp_path):
    registry = new_registry()
    LARGE.push(registry, "app", "1")
    source = f"docker://{registry.host}/app:1"
    kept = left_off(make(source=source), tmp_path / "out").read_bytes()
    shutil.copytree(tmp_path / "out/test.partial", tmp_path / "kept")
    assert bundler(*make(source=source)).code == 0
    shutil.rmtree(tmp_path / "out/test")
    new = simple("new", 5000)
    new.push(registry, "app", "1")
    shutil.copytree(tmp_path / "kept", tmp_path / "out/test.partial")
    (tmp_path / "out/test.partial.journal").write_bytes(kept)
    done = bundler(*make("--json", source=source))
    assert done.code == 0, done.err
    assert [image["digest"] for image in done.json["images"]] == [new.digest]


def test_A1_a_tag_that_moved_is_in_the_summary_and_in_json(bundler, make, new_registry, tmp_path):
    registry = new_registry()
    LARGE.push(registry, "app", "1")
    source = f"docker://{registry.host}/app:1"
    left_off(make(source=source), tmp_path / "out")
    new = simple("new", 5000)
    new.push(registry, "app", "1")
    done = bundler(*make("--json", source=source))
    assert done.code == 0, done.err
    name = f"{registry.host}/app:1"
    assert done.json["moved"] == [{"reference": name, "carried": LARGE.digest, "now": new.digest}]


@pytest.mark.parametrize("more", [(), ("--format", "7z"), ("--encrypt",)], ids=["tar", "7z", "encrypted"])
@pytest.mark.parametrize("is_believed", [True, False], ids=["true journal", "planted journal"])
def test_A1_foreign_bytes_in_a_chunk_that_counts_as_done_are_found(bundler, make, keys, tmp_path, more, is_believed):
    secret = []
    if "--encrypt" in more:
        (tmp_path / "secret").write_text("correct horse battery\n")
        secret = ["--passphrase-file", tmp_path / "secret"]
    journal = left_off(make(*more, *secret), tmp_path / "out")
    number, done = min(journal_of(tmp_path / "out").read().done.items())
    chunk = next((tmp_path / "out/test.partial").glob(f"chunk-{number:04d}.*"))
    content = bytearray(chunk.read_bytes())
    assert len(content) == done.size_bytes
    content[len(content) // 2 : len(content) // 2 + len(MINE)] = MINE
    chunk.write_bytes(content)
    if not is_believed:
        journal.write_bytes(replayed(journal))
    again = bundler(*make(*more, *secret))
    assert again.code == 0, again.err
    assert MINE not in (tmp_path / "out/test" / chunk.name).read_bytes()
    verified = bundler("verify", tmp_path / "out/test", "--trust", keys[1], *secret)
    assert verified.code == 0, verified.out + verified.err


def test_A1_chunks_of_an_earlier_run_are_read_and_that_is_shown(bundler, make, tmp_path):
    left_off(make(), tmp_path / "out")
    done = bundler(*make())
    assert done.code == 0
    assert "checking the partial state" in done.err


PLACES = {
    "the folder": "test.partial",
    "a chunk": "test.partial/chunk-0001.tar",
    "the readme": "test.partial/README.txt",
    "the lock": "test.partial.lock",
    "the journal": "test.partial.journal",
}
START = ExportStart({}, {}, "", "", "")
CHUNKS = [Chunk("chunk-0001.tar", 512)]


def as_other_user(path: Path) -> None:
    os.chown(path, 4711, 4711)


def writable(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o020)


def hard_link(path: Path) -> None:
    os.link(path, elsewhere_of(path))


def link(path: Path) -> None:
    path.rename(elsewhere_of(path))
    path.symlink_to(elsewhere_of(path))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def elsewhere_of(path: Path) -> Path:
    """A place outside of the output folder, on the same file system."""
    out = next(parent for parent in path.parents if parent.name == "out")
    return out.with_name("elsewhere")


def started_in(out: Path) -> None:
    """Leaves what an export leaves that was killed."""
    partial = PartialFolder(out, "test", secrets=state_folder() / "exports")
    partial.hold()
    started = partial.start(CHUNKS, START, None)
    for name in ("chunk-0001.tar", "README.txt"):
        started.folder.write(name, [MINE])
    lock = (out / "test.partial.lock").read_bytes()
    started.close()
    partial.release()
    (out / "test.partial.lock").write_bytes(lock)


def states(folder: Path) -> dict[str, object]:
    """All that can be seen of the files in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (facts.st_ino, facts.st_mode, facts.st_uid, facts.st_nlink, content)
    return found


SPOILT = [
    (place, spoil)
    for place in PLACES
    for spoil in (as_other_user, writable, hard_link, link, pipe)
    if not (place == "the folder" and spoil in (hard_link, pipe))
]


@pytest.mark.parametrize(("place", "spoil"), SPOILT, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("is_restarted", [False, True], ids=["go on", "restart"])
def test_A1_what_is_not_ours_in_the_output_folder_is_refused_and_left_alone(tmp_path, place, spoil, is_restarted):
    if os.geteuid():
        pytest.skip("only root may give a file to another user")
    out = tmp_path / "out"
    started_in(out)
    spoil(out / PLACES[place])
    before, elsewhere = states(out), elsewhere_of(out / "x")
    kept = elsewhere.read_bytes() if elsewhere.is_file() else None
    partial = PartialFolder(out, "test", secrets=state_folder() / "exports")

    def as_the_command_does() -> None:
        journal = partial.read_journal()
        partial.hold()
        if is_restarted:
            partial.discard()
        partial.start(CHUNKS, START, journal)

    with pytest.raises(Misuse) as caught:
        as_the_command_does()
    assert caught.value.subject == str(out / PLACES[place])
    found = states(out)
    lock = str(out / "test.partial.lock")
    if place != "the lock":  # our own, which was taken
        del found[lock], before[lock]
    assert found == before
    assert kept is None or elsewhere.read_bytes() == kept
    partial.release()


@pytest.mark.parametrize("place", PLACES)
def test_A1_the_command_says_whose_it_is(bundler, make, tmp_path, place):
    if os.geteuid():
        pytest.skip("only root may give a file to another user")
    started_in(tmp_path / "out")
    if place != "the journal":
        (tmp_path / "out/test.partial.journal").unlink()  # it is of another export
    as_other_user(tmp_path / "out" / PLACES[place])
    done = bundler(*make())
    assert done.code == 2, done.err
    assert f"{PLACES[place]}: this file is not ours" in done.err


def test_A1_where_owners_are_made_up_they_do_not_count(tmp_path, monkeypatch):
    """As on FAT: its files belong to the user who mounted it, and all users may be allowed to write."""
    started_in(tmp_path / "out")
    for place in PLACES.values():
        writable(tmp_path / "out" / place)
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"1 0 8:1 / {os.path.realpath(tmp_path)} rw - vfat /dev/sdb1 rw\n")
    monkeypatch.setattr("bundler.system.ownership._MOUNTINFO", mountinfo)
    partial = PartialFolder(tmp_path / "out", "test", secrets=state_folder() / "exports")
    journal = partial.read_journal()
    assert journal is not None
    partial.hold()
    partial.start(CHUNKS, START, journal).close()
    partial.release()


def test_A1_without_a_state_folder_that_is_reported_and_nothing_is_believed(bundler, make, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    for number in itertools.count(20):
        assert Steps(make()).kill_at(number).was_killed
        if (tmp_path / "out/test.partial.journal").exists():
            break
        shutil.rmtree(tmp_path / "out")
    done = bundler(*make())
    assert done.code == 0, done.err
    assert done.err.count("the next run resolves all tags again") == 1
    assert "not of this user on this machine" in done.err


def test_A1_the_secret_is_the_builders_alone_and_goes_with_the_export(bundler, make, tmp_path):
    left_off(make(), tmp_path / "out")
    secrets = list((state_folder() / "exports").iterdir())
    assert [path.stat().st_mode & 0o777 for path in secrets] == [0o600]
    assert not any(
        secrets[0].read_bytes() in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    secrets[0].chmod(0o640)
    with pytest.raises(Damaged):
        journal_of(tmp_path / "out").read()
    assert bundler(*make()).code == 0
    assert list((state_folder() / "exports").iterdir()) == []


def test_A1_a_folder_that_takes_the_place_of_ours_is_not_written_to_and_not_signed(tmp_path):
    partial = PartialFolder(tmp_path, "test")
    partial.hold()
    started = partial.start([Chunk("chunk-0001.tar", 5)], ExportStart({}, {}, "", "", ""), None)
    descriptor = started.folder.create("chunk-0001.tar")
    os.write(descriptor, b"right")
    os.close(descriptor)
    partial.path.rename(tmp_path / "ours")
    partial.path.mkdir()
    (partial.path / "chunk-0001.tar").write_bytes(b"wrong")
    with raises(LocalStorage, subject=str(partial.path)):
        started.seal({"README.txt": [b"text"]}, {"chunk-0001.tar": Digest.of(b"right").encoded}, None)
    started.close()
    partial.release()
    assert not partial.final_path.exists()
    assert [path.name for path in partial.path.iterdir()] == ["chunk-0001.tar"]


def test_A1_a_strangers_receipt_lock_and_unfinished_receipt_are_left_alone(bundler, make, keys, tmp_path):
    if os.geteuid():
        pytest.skip("only root may give a file to another user")
    assert bundler(*make()).code == 0
    receipt = tmp_path / "receipt.json"
    load = ["import", tmp_path / "out/test", "--trust", keys[1], "--to", f"oci:{tmp_path}/there", "--receipt", receipt]
    for name in ("receipt.json.lock", "receipt.json.unfinished", "._receipt.json.new", "._receipt.json.unfinished.new"):
        planted = tmp_path / name
        planted.write_bytes(MINE)
        as_other_user(planted)
        done = bundler(*load)
        assert done.code == 2, (name, done.err)
        assert "not ours" in done.err
        assert planted.read_bytes() == MINE
        planted.unlink()
    assert bundler(*load).code == 0


@pytest.mark.parametrize("spoil", [as_other_user, hard_link, link])
def test_A1_what_lies_in_the_way_of_an_archive_at_the_target_is_left_alone(tmp_path, spoil):
    if os.geteuid():
        pytest.skip("only root may give a file to another user")
    (tmp_path / "out").mkdir()
    planted = tmp_path / "out/there.tar.partial"
    planted.write_bytes(MINE)
    spoil(planted)
    sink = ArchiveSink(tmp_path / "out/there.tar")
    with pytest.raises(Misuse, match="not ours"):
        sink.prepare()
    sink.release()
    assert planted.read_bytes() == MINE
