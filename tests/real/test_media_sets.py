"""Bundles on several media: made, checked alone, read in any order, and finished after a run that ended anywhere."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support import sweeps
from tests.support.fault_fs import FaultFs
from tests.support.images import simple
from tests.support.steps import Steps

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
COMMON = {"README.txt", "SHA256SUMS", "bundle.json", "restore.py"}
MB = 1_000_000


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> str:
    """Images of six chunks; the first one is small, and three have a blob that is cut."""
    folder = tmp_path_factory.mktemp("media") / "layout"
    simple("large", 3_000_000).write_layout(folder, "example.com/a/large:1")
    for name in ("one", "two"):
        simple(name, 600_000).write_layout(folder, f"example.com/a/{name}:1")
    return f"oci:{folder}"


@pytest.fixture
def command(layout, keys, tmp_path) -> Callable[..., list[object]]:
    """The arguments of an export of six chunks."""

    def arguments(*more: object) -> list[object]:
        return ["export", layout, "--name", "test", "--key", keys[0], "--chunk-size", "1MiB", *more]

    return arguments


@pytest.fixture
def free(monkeypatch) -> Callable[..., None]:
    """Says how much room the file system of each folder has, of which what lies there is taken."""

    def say(rooms: dict[Path, int]) -> None:
        real = os.statvfs

        def statvfs(path: object) -> os.statvfs_result:
            found = real(path)  # type: ignore[arg-type]
            for folder, room in rooms.items():
                if Path(str(path)) == folder or folder in Path(str(path)).parents:
                    taken = sum(each.stat().st_blocks * 512 for each in folder.rglob("*") if each.is_file())
                    left = max(0, room - taken)
                    return os.statvfs_result((1, 1, left, left, left, *found[5:]))
            return found

        monkeypatch.setattr(os, "statvfs", statvfs)
        monkeypatch.setattr("bundler.exporting.media._device_of", str)

    return say


def chunks_in(folder: Path) -> list[int]:
    return sorted(int(path.name[6:10]) for path in folder.glob("chunk-*"))


def content_of(*folders: Path) -> dict[str, dict[str, bytes]]:
    return {folder.name: {path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders}


def made(here: Callable[..., Ran], command: list[object], code: int = 0) -> Ran:
    done = here(*command)
    assert done.code == code, done.err + done.out
    return done


def test_media_of_a_size_are_folders_that_can_be_checked_alone(here, command, keys, tmp_path):
    done = made(here, command("-o", tmp_path, "--medium-size", "3100KB", "--json")).json
    folders = [tmp_path / f"test.medium-0{number}" for number in (1, 2, 3)]
    assert done["folders"] == list(map(str, folders))
    assert [medium["chunks"] for medium in done["media"]] == [[1, 2], [3, 4], [5, 6]]
    assert [chunks_in(folder) for folder in folders] == [[1, 2], [3, 4], [5, 6]]
    for number, folder in enumerate(folders, start=1):
        names = {path.name for path in folder.iterdir() if not path.name.startswith("chunk-")}
        assert {name for name in names if not name.endswith(".sig")} == COMMON
        assert sum(path.stat().st_size for path in folder.iterdir()) < 3_100_000
        checked = subprocess.run(
            ["sha256sum", "--strict", "--ignore-missing", "-c", "SHA256SUMS"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stderr
        assert here("verify", folder, "--trust", keys[1]).code == 9, "the others are elsewhere"
        said = here("inspect", folder, "--trust", keys[1]).out
        assert f"medium {number}" in said
        assert [line.split()[-1] for line in said.splitlines() if line.startswith("  medium ")].count("here") == 3
        assert said.count("not here") == 2
        readme = (folder / "README.txt").read_text()
        assert "MEDIA: 3, each with all small files" in readme
        assert "  medium 2: chunk-0003.tar, chunk-0004.tar\n" in readme
        assert "  介质 3: chunk-0005.tar, chunk-0006.tar\n" in readme
    again = made(here, command("-o", tmp_path, "--medium-size", "3100KB", "--json")).json
    assert (again["completeAlready"], again["bundleId"]) == (True, done["bundleId"])
    other = made(here, command("-o", tmp_path, "--medium-size", "5MB"), code=2)
    assert "media: planned for 3 there, 2 now" in other.err


def test_five_media_in_all_orders(here, command, keys, tmp_path):
    made(here, command("-o", tmp_path, "--medium-size", "2200KB"))
    media = sorted(tmp_path.glob("test.medium-*"))
    assert [chunks_in(folder) for folder in media] == [[1, 2], [3], [4], [5], [6]]
    from bundler.bundle.opening import find, load

    for order in itertools.permutations(media):
        bundle = load(find(order).taken_as_it_is())
        assert all(state.problem is None for state in bundle.chunks), order
        bundle.close()
    for order in (media, media[::-1]):
        assert here("verify", *order, "--trust", keys[1]).code == 0
        done = here("import", *order, "--trust", keys[1], "--to", f"oci:{tmp_path}/there-{order[0].name}")
        assert done.code == 0, done.err
    first = here("import", *media[:3], "--trust", keys[1], "--to", f"oci:{tmp_path}/part")
    assert first.code == 9
    assert here("import", *media, "--trust", keys[1], "--to", f"oci:{tmp_path}/part").code == 0


def test_chunks_go_to_several_folders_by_their_free_space(here, command, keys, free, tmp_path):
    outputs = [tmp_path / name for name in ("a", "b", "c")]
    for output in outputs:
        output.mkdir()
    flags = [argument for output in outputs for argument in ("-o", output)]
    free({outputs[0]: 2_300_000, outputs[1]: 1_200_000, outputs[2]: 9_000_000})
    plan = made(here, command(*flags, "--dry-run", "--json")).json
    done = made(here, command(*flags, "--json", "--read-back")).json
    assert [medium["chunks"] for medium in done["media"]] == [[1, 2], [], [3, 4, 5, 6]]
    assert plan["media"] == done["media"]
    assert [chunks_in(output / "test") for output in outputs] == [[1, 2], [], [3, 4, 5, 6]]
    again = made(here, command(*flags, "--json")).json
    assert (again["completeAlready"], again["folders"]) == (True, [str(output / "test") for output in outputs])
    assert here("verify", *(output / "test" for output in outputs), "--trust", keys[1]).code == 0
    other = made(here, command(*flags[:4]), code=2)
    assert "media: planned for 3 there" in other.err


def test_encrypted_chunks_go_to_several_folders_too(here, command, free, keys, tmp_path):
    outputs = [tmp_path / "a", tmp_path / "b"]
    for output in outputs:
        output.mkdir()
    free({outputs[0]: 3_400_000, outputs[1]: 9_000_000})
    (tmp_path / "pass").write_text("long enough to be good\n")
    secret = ["--passphrase-file", tmp_path / "pass"]
    made(here, command("-o", outputs[0], "-o", outputs[1], "--encrypt", *secret))
    assert [chunks_in(output / "test") for output in outputs] == [[1, 2, 3], [4, 5, 6]]
    assert all((output / "test/content.7z").exists() for output in outputs)
    done = here("verify", *(output / "test" for output in outputs), "--trust", keys[1])
    assert done.code == 0, done.err


def test_the_tool_is_on_the_first_medium(here, command, keys, tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/x.pyz").write_bytes(bytes(1_000_000))
    flags = ["-o", tmp_path, "--medium-size", "3100KB", "--with-tool", tmp_path / "wheels", "--json"]
    done = made(here, command(*flags, "--read-back")).json
    assert [medium["chunks"] for medium in done["media"]] == [[1], [2], [3, 4], [5, 6]]
    assert [path.parent.parent.name for path in tmp_path.glob("test.*/tool/*")] == ["test.medium-01"]
    assert "medium 1: tool/, chunk-0001.tar\n" in (tmp_path / "test.medium-04/README.txt").read_text()
    assert made(here, command(*flags)).json["completeAlready"] is True
    assert here("verify", *sorted(tmp_path.glob("test.medium-*")), "--trust", keys[1]).code == 0


def test_an_export_goes_on_with_its_plan_when_the_room_has_changed(here, command, free, tmp_path):
    outputs = [tmp_path / "a", tmp_path / "b"]
    for output in outputs:
        output.mkdir()
    flags = ["-o", outputs[0], "-o", outputs[1], "--json"]
    free({outputs[0]: 3_400_000, outputs[1]: 9_000_000})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bundler.exporting.export.seal", _stop)
        assert here(*command(*flags)).code == 130
    free({outputs[0]: 9_000_000, outputs[1]: 9_000_000})
    done = made(here, command(*flags)).json
    assert [medium["chunks"] for medium in done["media"]] == [[1, 2, 3], [4, 5, 6]]


def _stop(copied: object) -> None:
    from bundler.errors import Interrupted

    copied.writer.close()  # type: ignore[attr-defined]
    copied.folder.close()  # type: ignore[attr-defined]
    raise Interrupted


def test_requests_that_fit_no_media_are_refused_before_a_byte_is_written(here, command, free, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    cases = [
        (["-o", a, "-o", b], 2, "there is no such folder"),
        (["-o", a, "-o", f"{a}/../a"], 2, "given twice"),
        (["-o", a, "-o", tmp_path, "--medium-size", "dvd"], 2, "one -o DIR"),
        (["-o", a, "--medium-size", "1000KB"], 2, "a chunk does not fit on a medium of this size"),
        (["-o", a, "--medium-size", "1100KB"], 2, "does not fit on the medium"),
        (["-o", a, "--medium-size", "huge"], 2, "not the size of a medium"),
    ]
    for flags, code, words in cases:
        done = made(here, command(*flags), code)
        assert words in done.err, flags
    b.mkdir()
    free({a: 2_500_000, b: 2_500_000})
    assert "not enough room" in made(here, command("-o", a, "-o", b), 8).err
    free({a: 1_500_000, b: 1_500_000})
    assert "no medium has room for this file" in made(here, command("-o", a, "-o", b), 8).err
    assert not [*a.iterdir(), *b.iterdir()]


def test_a_medium_with_another_bundle_of_the_name_is_left_alone(here, command, layout, keys, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    made(here, ["export", layout, "--name", "test", "--key", keys[0], "-o", b])
    before = content_of(b / "test")
    assert "already exists" in made(here, command("-o", a, "-o", b), 2).err
    assert content_of(b / "test") == before


def test_killed_or_cut_off_at_any_moment_the_same_command_finishes_all_media(command, keys, tmp_path):
    smooth = tmp_path / "smooth"
    assert Steps(command("-o", smooth, "--medium-size", "3100KB"), EPOCH).run().code == 0
    wanted = content_of(*sorted(smooth.iterdir()))
    fs = FaultFs(tmp_path / "fs", records=True)
    out = fs.path / "out"
    environment = {**EPOCH, "XDG_STATE_HOME": str(fs.path / "state")}
    export = Steps(command("-o", out, "--medium-size", "3100KB"), environment)
    count = 0
    for where in itertools.islice(sweeps.crashes(fs, export), None, None, 1 if sweeps.IS_FULL else 2):
        count += 1
        for folder in out.glob("test.medium-0?"):
            assert content_of(folder)[folder.name] == wanted[folder.name], where
        again = export.run()
        assert again.code == 0, f"{where}: {again.err}"
        assert content_of(*sorted(out.iterdir())) == wanted, where
    assert count > 3


def test_an_export_that_was_killed_between_two_renames_finishes(command, tmp_path):
    """The first medium has its name last: until then, the others get their partial names again."""
    smooth = tmp_path / "smooth"
    assert Steps(command("-o", smooth, "--medium-size", "3100KB"), EPOCH).run().code == 0
    wanted = content_of(*sorted(smooth.iterdir()))
    out = tmp_path / "out"
    export = Steps(command("-o", out, "--medium-size", "3100KB"), EPOCH)
    number = 1
    while len(list(out.glob("test.medium-0?"))) != 1:
        shutil.rmtree(out, ignore_errors=True)
        ended = Steps(command("-o", out, "--medium-size", "3100KB"), EPOCH).run() if number == 1 else None
        number = ended.steps - 6 if ended else number + 1
        shutil.rmtree(out, ignore_errors=True)
        assert export.kill_at(number).was_killed
    assert (out / "test.medium-03").exists()
    assert export.run().code == 0
    assert content_of(*sorted(out.iterdir())) == wanted
