"""Copying and spreading a finished bundle: one pass over its bytes, read back from each medium, resumed after any end."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
from pathlib import Path

import pytest

import bundler
from bundler import cli
from bundler.core.events import Moved
from bundler.errors import Damaged, LocalStorage, Misuse, Untrusted
from tests.support import sweeps
from tests.support.errors import raises
from tests.support.fault_fs import FaultFs
from tests.support.images import simple
from tests.support.parts import require
from tests.support.steps import Steps
from tests.unit.runs import Recorder, run_with

CHUNKS = [f"chunk-000{number}.tar" for number in range(1, 7)]


@pytest.fixture(scope="module")
def made(tmp_path_factory, made_keys) -> Path:
    """A bundle of six chunks. Tests only read from it."""
    folder = tmp_path_factory.mktemp("copies")
    simple("large", 3_000_000).write_layout(folder / "layout", "example.com/a/large:1")
    for name in ("one", "two"):
        simple(name, 600_000).write_layout(folder / "layout", f"example.com/a/{name}:1")
    command = ["export", f"oci:{folder}/layout", "--name", "test", "--key", made_keys / "tester.key", "-o", folder]
    assert cli.run([*map(str, command), "--chunk-size", "1MiB", "--quiet"]) == 0
    return folder / "test"


@pytest.fixture
def outputs(tmp_path) -> list[Path]:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    return folders


@pytest.fixture
def stick(tmp_path):
    """A file system that misbehaves on demand; the kernel's page cache is in front of it, as with a real stick."""
    with FaultFs(tmp_path / "stick", direct_io=False).mount() as fs:
        yield fs


def copy(*paths: Path, to: list[Path] | Path, **more: object) -> bundler.CopyResult:
    return bundler.copy(bundler.CopyRequest(paths=paths, outputs=to, **more), run_with())  # type: ignore[arg-type]


def spread(*paths: Path, to: list[Path] | Path, **more: object) -> bundler.CopyResult:
    return bundler.spread(bundler.SpreadRequest(paths=paths, outputs=to, **more), run_with())  # type: ignore[arg-type]


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def chunks_in(folder: Path) -> list[int]:
    return sorted(int(path.name[6:10]) for path in folder.glob("chunk-*"))


def with_files(bundle: Path, to: Path, **files: bytes) -> Path:
    """A copy of a bundle that lists more files. Nobody has signed it."""
    folder = Path(shutil.copytree(bundle, to, ignore=shutil.ignore_patterns("*.sig")))
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        with (folder / "SHA256SUMS").open("a") as sums:
            sums.write(f"{hashlib.sha256(content).hexdigest()}  {path.relative_to(folder).as_posix()}\n")
    return folder


def test_equal_copies_are_made_in_one_pass_and_read_back(made, outputs, monkeypatch):
    from bundler.copying import delivered

    read: list[str] = []
    real = delivered.pieces_of
    monkeypatch.setattr(delivered, "pieces_of", lambda file, *rest: (read.append(file.name), real(file, *rest))[1])
    recorder = Recorder()
    request = bundler.CopyRequest(paths=(made,), outputs=tuple(outputs))
    done = bundler.copy(request, run_with(recorder))
    assert [content_of(output / "test") for output in outputs] == [content_of(made)] * 2
    assert (done.exit_code, done.is_read_back, done.missing) == (0, True, ())
    assert sorted(read) == sorted(name for name in content_of(made) if not name.startswith("SHA256SUMS"))
    total = sum(path.stat().st_size for path in made.iterdir() if not path.name.startswith("SHA256SUMS"))
    assert recorder.moved == 3 * total, "read once, and read back from two media"
    assert [sorted(path.name for path in output.iterdir()) for output in outputs] == [["test"], ["test"]]
    again = copy(made, to=outputs)
    assert again.is_old
    assert sum(folder.written_bytes for folder in again.folders) == 0
    assert read.count("chunk-0001.tar") == 1


def test_a_copy_that_was_cut_off_goes_on_in_the_middle_of_a_file(made, outputs):
    partial = outputs[0] / "test.copy.partial"
    partial.mkdir()
    whole, half, rotten, long = ((made / CHUNKS[number]).read_bytes() for number in (1, 2, 3, 4))
    (partial / CHUNKS[1]).write_bytes(whole)
    (partial / CHUNKS[2]).write_bytes(half[: len(half) // 2])
    (partial / CHUNKS[3]).write_bytes(rotten[:-5] + bytes([rotten[-5] ^ 1]) + rotten[-4:])
    (partial / CHUNKS[4]).write_bytes(long + b"more")
    (partial / "chunk-9999.tar").write_bytes(b"of another bundle of this name")
    (partial / ".DS_Store").write_bytes(b"litter")
    done = copy(made, to=outputs[0])
    (partial.with_name("test") / ".DS_Store").unlink()
    assert content_of(outputs[0] / "test") == content_of(made)
    saved = len(whole) + len(long)
    total = sum(path.stat().st_size for path in made.iterdir())
    assert done.folders[0].written_bytes <= total - saved


def test_what_is_no_file_of_the_bundle_is_left_alone(made, outputs, tmp_path):
    a, b = outputs
    (a / "test").mkdir()
    (a / "test/SHA256SUMS").write_text("another bundle\n")
    with raises(Misuse, subject=f"{a}/test"):
        copy(made, to=a)
    shutil.rmtree(a / "test")
    (a / "test").write_text("a file")
    with raises(Misuse, subject=f"{a}/test"):
        copy(made, to=a)
    assert (a / "test").read_text() == "a file"
    (b / "test.copy.partial").mkdir()
    (b / "test.copy.partial/notes.txt").write_text("mine")
    with raises(Misuse, subject=f"{b}/test.copy.partial/notes.txt"):
        copy(made, to=b)
    (b / "test.copy.partial/notes.txt").unlink()
    (tmp_path / "precious").write_bytes(b"precious")
    (b / "test.copy.partial/chunk-0001.tar").symlink_to(tmp_path / "precious")
    with raises(Misuse):
        copy(made, to=b)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    with raises(Misuse, subject=str(made)):
        copy(made, to=made.parent)
    with raises(Misuse, subject=f"-o {tmp_path}/none"):
        copy(made, to=tmp_path / "none")
    with raises(Misuse, subject="-o"):
        copy(made, to=[b, tmp_path / "a/../b"])


def test_a_medium_that_takes_no_file_of_this_size_is_refused_before_a_byte(made, outputs, monkeypatch):
    for module in ("bundler.copying.placed", "bundler.bundle.medium"):
        monkeypatch.setattr(f"{module}.largest_file_bytes", lambda path: 1_000_000 if path == outputs[0] else None)
    with raises(Misuse, subject=f"{outputs[0]}/test/{CHUNKS[1]}", expected="at most 1,000,000 bytes"):
        copy(made, to=outputs)
    assert [list(output.iterdir()) for output in outputs] == [[], []]
    done = spread(made, to=outputs)
    large = [name for name in CHUNKS if (made / name).stat().st_size > 1_000_000]
    assert large
    assert set(large) <= set(done.folders[1].files), "spread gives them to the other medium"


def test_a_signature_is_checked_if_a_key_is_given(made, outputs, keys, tmp_path):
    assert copy(made, to=outputs[0], trust=keys[1]).signers
    assert cli.run(["keygen", "other", "-d", str(tmp_path), "--quiet"]) == 0
    with raises(Untrusted):
        copy(made, to=outputs[1], trust=tmp_path / "other.pub")
    assert list(outputs[1].iterdir()) == []


def test_a_damaged_file_is_named_and_the_others_are_copied(made, outputs, tmp_path):
    bad = Path(shutil.copytree(made, tmp_path / "bad"))
    content = bytearray((bad / CHUNKS[2]).read_bytes())
    content[70_000] ^= 1
    (bad / CHUNKS[2]).write_bytes(content)
    with raises(Damaged, subject=f"{bad}/{CHUNKS[2]}"):
        copy(bad, to=outputs[0])
    assert not (outputs[0] / "test").exists()
    assert chunks_in(outputs[0] / "test.copy.partial") == [1, 2, 3, 4, 5, 6]
    done = copy(made, to=outputs[0])
    assert content_of(outputs[0] / "test") == content_of(made)
    assert done.folders[0].written_bytes < 1_200_000, "only what differs"
    copy(bad, made, to=outputs[1])
    assert content_of(outputs[1] / "test") == content_of(made), "another copy of it is good"


def test_a_medium_that_is_pulled_harms_no_other_one(made, outputs, stick):
    stick.fail("write", 9, errno.EIO, is_for_good=True)
    with raises(LocalStorage) as caught:
        copy(made, to=[stick.path, outputs[1]])
    assert str(stick.path) in str(caught.value)
    assert content_of(outputs[1] / "test") == content_of(made)
    assert not (stick.path / "test").exists()
    stick.heal()
    done = copy(made, to=[stick.path, outputs[1]])
    assert [folder.is_old for folder in done.folders] == [False, True]
    assert content_of(stick.path / "test") == content_of(made)


@pytest.mark.parametrize("kind", ["lies", "unreadable", "full", "no room", "read-only"])
def test_a_bad_medium_gets_no_finished_copy(made, stick, kind):
    words = {
        "lies": "returns other bytes",
        "unreadable": "cannot be read back",
        "full": "no space left",
        "no room": "not enough free space",
        "read-only": "read-only",
    }[kind]
    if kind == "lies":
        stick.lie("*chunk-0002*", 70_000, after_reads=0)
    elif kind == "unreadable":
        stick.unreadable("*chunk-0003*", 5000, 9000)
    elif kind == "full":
        stick.fail("write", 5, errno.ENOSPC, is_for_good=True)
    elif kind == "no room":
        stick.claim_free(2_000_000)
    else:
        stick.fail("mkdir", 1, errno.EROFS, is_for_good=True)
    with raises(LocalStorage) as caught:
        copy(made, to=stick.path)
    assert words in str(caught.value)
    assert not (stick.path / "test").exists()
    assert kind not in ("no room", "read-only") or list(stick.path.iterdir()) == []
    stick.heal()
    stick.claim_free(100_000_000)
    copy(made, to=stick.path)
    assert content_of(stick.path / "test") == content_of(made)


def test_a_copy_of_a_part_adds_to_what_the_medium_has(made, outputs, here):
    media = spread(made, to=outputs[0], medium_size_bytes=3_100_000)
    first, second, third = (folder.path for folder in media.folders)
    done = copy(second, to=outputs[1])
    assert (done.exit_code, done.missing) == (0, (*CHUNKS[:2], *CHUNKS[4:])), "a whole medium"
    copy(first, third, to=outputs[1])
    assert content_of(outputs[1] / "test") == content_of(made)
    assert copy(second, to=outputs[1]).is_old
    shutil.rmtree(outputs[1] / "test")
    (first / CHUNKS[0]).unlink()
    torn = first.rename(outputs[0] / "torn")
    said = here("copy", torn, "-o", outputs[1])
    assert (said.code, "chunk-0001.tar" in said.out) == (9, True)
    assert chunks_in(outputs[1] / "test") == [2]


def test_a_bundle_is_spread_by_size(made, outputs, keys, here):
    said = here("spread", made, "-o", outputs[0], "--medium-size", "3100KB", "--trust", keys[1], "--json")
    folders = [Path(folder["path"]) for folder in json.loads(said.out)["folders"]]
    assert [folder.name for folder in folders] == ["test.medium-01", "test.medium-02", "test.medium-03"]
    assert [chunks_in(folder) for folder in folders] == [[1, 2], [3, 4], [5, 6]]
    for folder in folders:
        assert content_of(folder).items() <= content_of(made).items()
        assert {"README.txt", "SHA256SUMS", "bundle.json"} <= content_of(folder).keys()
        assert len(list(folder.glob("*.sig"))) == 1
    for order in itertools.permutations(folders):
        assert here("verify", *order, "--trust", keys[1]).code == 0
    assert spread(made, to=outputs[0], medium_size_bytes=3_100_000).is_old
    before = {folder: content_of(folder) for folder in folders}
    for size_bytes, folder in ((4_600_000, folders[1]), (20_000_000, folders[1])):
        with raises(Misuse, subject=str(folder)):
            spread(made, to=outputs[0], medium_size_bytes=size_bytes)
    assert {folder: content_of(folder) for folder in folders} == before
    fresh = outputs[1] / "new" / "media"
    spread(made, to=fresh, medium_size_bytes=3_100_000, is_dry_run=True)
    assert not fresh.parent.exists()
    spread(made, to=fresh, medium_size_bytes=3_100_000)
    assert [chunks_in(fresh / folder.name) for folder in folders] == [[1, 2], [3, 4], [5, 6]]
    shutil.rmtree(fresh.parent)
    with raises(Misuse, subject="chunk-0002.tar"):
        spread(made, to=outputs[1], medium_size_bytes=2_000_000)
    with raises(Misuse):
        spread(made, to=outputs, medium_size_bytes=3_100_000)
    (folders[0] / CHUNKS[1]).unlink()
    with pytest.raises(bundler.Several) as caught:
        spread(*folders, to=outputs[1])
    assert caught.value.exit_code == 9
    assert list(outputs[1].iterdir()) == []


def test_a_bundle_is_spread_by_free_space_and_stays_where_it_is(made, outputs, monkeypatch):
    rooms = {outputs[0]: 2_700_000, outputs[1]: 9_000_000}
    real = os.statvfs

    def statvfs(path: object) -> os.statvfs_result:
        for folder, room in rooms.items():
            if folder in (Path(str(path)), *Path(str(path)).parents):
                taken = sum(each.stat().st_blocks * 512 for each in folder.rglob("*") if each.is_file())
                return os.statvfs_result((512, 512, *[max(0, room - taken) // 512] * 3, *real(folder)[5:]))
        return real(path)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr("bundler.copying.placed._device_of", str)
    plan = spread(made, to=outputs, is_dry_run=True)
    assert [list(folder.files) for folder in plan.folders] == [CHUNKS[:3], CHUNKS[3:]]
    assert [list(output.iterdir()) for output in outputs] == [[], []]
    spread(made, to=outputs)
    assert [chunks_in(output / "test") for output in outputs] == [[1, 2, 3], [4, 5, 6]]
    rooms[outputs[0]] = 20_000_000
    assert spread(made, to=outputs).is_old, "the room has changed, the places stay"
    (outputs[1] / "test" / CHUNKS[4]).unlink()
    assert [folder.is_old for folder in spread(made, to=outputs).folders] == [False, True]
    assert chunks_in(outputs[0] / "test") == [1, 2, 3, 5], "the first medium has room for it now"


def test_parity_lies_apart_and_the_tool_on_the_first_medium(made, outputs, tmp_path):
    more = {"tool__x.pyz": bytes(400_000), "parity-01.par2": bytes(500_000), "parity-01.vol0+1.par2": bytes(500_000)}
    folder = with_files(made, tmp_path / "more", **more)
    done = spread(folder, to=outputs[0], medium_size_bytes=3_100_000)
    assert [list(each.files) for each in done.folders] == [
        ["tool/x.pyz", *CHUNKS[:2]],
        CHUNKS[2:4],
        CHUNKS[4:],
        ["parity-01.par2", "parity-01.vol0+1.par2"],
    ]
    copy(*(each.path for each in done.folders), to=outputs[1])
    assert content_of(outputs[1] / "test") == content_of(folder)


def test_a_lost_medium_comes_back_by_the_parity_on_others(made, outputs, keys, here, tmp_path):
    require("par2")
    layout = f"oci:{made.parent}/layout"
    command = ["export", layout, "--name", "test", "--key", keys[0], "-o", tmp_path, "--chunk-size", "1MiB"]
    assert here(*command, "--parity", "2chunks").code == 0
    said = here("spread", tmp_path / "test", "-o", outputs[0], "--medium-size", "3200KB")
    assert "parity: " in said.out
    media = sorted(outputs[0].iterdir())
    lost = [content_of(medium) for medium in media if chunks_in(medium)][1]
    shutil.rmtree(media[1])
    done = here("repair", *(medium for medium in media if medium.exists()), "-o", outputs[1], "--trust", keys[1])
    assert done.code == 0, done.err
    assert content_of(outputs[1] / "test") == lost


def test_the_plan_of_the_builder_is_kept_if_it_fits(made, outputs, tmp_path):
    document = json.loads((made / "bundle.json").read_text())
    document["media"] = [{"chunks": [1, 4, 5]}, {"chunks": [2, 3, 6]}]
    content = json.dumps(document).encode()
    folder = Path(shutil.copytree(made, tmp_path / "planned", ignore=shutil.ignore_patterns("*.sig")))
    (folder / "bundle.json").write_bytes(content)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256(content).hexdigest()
    lines = [f"{digest}  bundle.json" if line.endswith("bundle.json") else line for line in lines]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    done = spread(folder, to=outputs)
    assert [chunks_in(each.path) for each in done.folders] == [[1, 4, 5], [2, 3, 6]]
    assert copy(done.folders[1].path, to=made.parent / "..", is_dry_run=True).is_part


@pytest.mark.parametrize("verb", ["copy", "spread"])
def test_killed_or_cut_off_at_any_moment_the_same_command_finishes(made, tmp_path, verb):
    fs = FaultFs(tmp_path / "fs", records=True)
    out = fs.path / "out"
    fs.backing.mkdir(parents=True)
    for name in ("a", "b"):
        (fs.backing / "out" / name).mkdir(parents=True)
    flags = ["-o", out / "a", "-o", out / "b"] if verb == "copy" else ["-o", out, "--medium-size", "3100KB"]
    command = Steps([verb, made, *flags, "--quiet"])
    wanted = content_of(made)
    count = 0
    for where in itertools.islice(sweeps.crashes(fs, command), None, None, 1 if sweeps.IS_FULL else 3):
        count += 1
        for folder in (*out.glob("*/test"), *out.glob("test.medium-0?")):
            assert content_of(folder).items() <= wanted.items(), where
        (out / "a").mkdir(parents=True, exist_ok=True)
        (out / "b").mkdir(exist_ok=True)
        again = command.run()
        assert again.code == 0, f"{where}: {again.err}"
        found: dict[str, bytes] = {}
        for line in again.out.splitlines():
            found |= content_of(Path(line))
            assert verb == "spread" or content_of(Path(line)) == wanted, where
        assert found == wanted, where
        assert not list(out.rglob("*.partial*")), where
    assert count > 1


def test_an_encrypted_bundle_is_copied_without_its_passphrase(made, outputs, keys, here, tmp_path):
    (tmp_path / "pass").write_text("long enough to be good\n")
    layout = f"oci:{made.parent}/layout"
    command = ["export", layout, "--name", "secret", "--key", keys[0], "-o", tmp_path, "--chunk-size", "2MiB"]
    assert here(*command, "--encrypt", "--passphrase-file", tmp_path / "pass").code == 0
    copy(tmp_path / "secret", to=outputs[0])
    assert content_of(outputs[0] / "secret") == content_of(tmp_path / "secret")


def test_ctrl_c_leaves_a_copy_that_goes_on(made, outputs):
    run = run_with(lambda event: run.cancellation.set() if isinstance(event, Moved) else None)
    with pytest.raises(bundler.Interrupted):
        bundler.copy(bundler.CopyRequest(paths=(made,), outputs=(outputs[0],)), run)
    assert [path.name for path in outputs[0].iterdir()] == ["test.copy.partial"]
    copy(made, to=outputs[0])
    assert content_of(outputs[0] / "test") == content_of(made)
