"""Storage that fails: at any operation, with any error. The failure is named with its cause, nothing looks finished, and the
same command run again ends well. Rows of the table of attacks and faults: M17, M21, M24, C04, C05, C06, T20.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import archives, sweeps
from tests.support.fault_fs import FaultFs
from tests.support.images import Image, layer_tar, simple
from tests.support.steps import Ended, Steps

IMAGES = {"example.com/team/one:1": simple("one"), "example.com/team/two:2": simple("two")}
CAUSES = {
    errno.ENOSPC: "no space left",
    errno.EIO: "Input/output error",
    errno.EDQUOT: "no space left",
    errno.EFBIG: "files of this size",
    errno.EPERM: "Operation not permitted",  # all that fusefat says
    errno.EROFS: "read-only",
}
MANY = 200
"""More operations of a kind than any of these commands has."""


@dataclass(frozen=True)
class Origin:
    """The files with which the commands begin."""

    folder: Path

    @property
    def layout(self) -> str:
        return f"oci:{self.folder}/layout"

    @property
    def key(self) -> Path:
        return self.folder / "tester.key"

    @property
    def trust(self) -> Path:
        return self.folder / "tester.pub"

    @property
    def passphrase(self) -> Path:
        return self.folder / "passphrase"

    def bundle(self, name: str) -> Path:
        return self.folder / "bundles" / name

    def export(self, output: Path, *more: object, name: str = "test") -> Steps:
        arguments = ["export", self.layout, "--name", name, "-o", output, "--key", self.key, *more]
        return Steps([*arguments, "--quiet"], {"SOURCE_DATE_EPOCH": "1700000000"})

    def import_(self, target: str, *more: object, bundle: Path | None = None, state: Path | None = None) -> Steps:
        arguments = ["import", bundle or self.bundle("plain"), "--trust", self.trust, "--to", target, *more]
        return Steps([*arguments, "--quiet"], {"XDG_STATE_HOME": str(state)} if state else {})

    def has_bundle(self, folder: Path) -> bool:
        """True if an export left a bundle in a folder that verifies."""
        return self.verify(folder / "test").code == 0

    def verify(self, bundle: Path, *more: object) -> Ended:
        return Steps(["verify", bundle, "--trust", self.trust, *more]).run()


def well(ended: Ended) -> Ended:
    assert ended.code == 0, f"{ended.out}\n{ended.err}"
    return ended


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    made = Origin(tmp_path_factory.mktemp("origin"))
    for name, image in IMAGES.items():
        image.write_layout(made.folder / "layout", name)
    made.passphrase.write_text("correct horse battery staple\n")
    well(Steps(["keygen", "tester", "-d", made.folder]).run())
    well(made.export(made.folder / "bundles", name="plain").run())
    encrypt = ("--encrypt", "--passphrase-file", made.passphrase)
    well(made.export(made.folder / "bundles", *encrypt, name="secret").run())
    return made


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[FaultFs]:
    with FaultFs(tmp_path / "stick").mount() as mounted:
        yield mounted


def failing(
    fs: FaultFs,
    operation: str,
    command: Callable[[Path], Steps],
    is_good: Callable[[Path], bool],
    *,
    every: int = 1,
) -> Iterator[tuple[Path, Ended, Steps]]:
    """Runs a command with its first operation of a kind failing, then with its second one, until a run meets no fault.

    A fault that was met ends in exit code 8, or in a result that is good. A sync that failed never ends in 0: the file
    system has lost the bytes then, and a result that looks good now may be gone tomorrow.

    Args:
        fs: The file system; each run has a folder of its own there.
        operation: The kind of operation that fails.
        command: Makes the command for a folder.
        is_good: Checks what a run left that ended with 0, by its folder.
        every: Only each so many-th operation fails.

    Yields:
        The runs that ended with 8: their folder, the end, and the command again.
    """
    numbers = itertools.count(1) if operation in SYNCS else sweeps.steps(every=every)  # a sync is worth every run
    for number, cause in zip(numbers, itertools.cycle(CAUSES), strict=False):
        assert number <= MANY, "a fault is met in every run"
        folder = fs.path / f"{operation}-{number}"
        folder.mkdir()
        steps = command(folder)
        fs.heal()
        fs.fail(operation, number, cause)
        ended = steps.run()
        is_met = fs.count(operation) >= number
        fs.heal()
        if not is_met:
            well(ended)
            break
        reported = f"{operation} {number}: {errno.errorcode[cause]}: exit {ended.code}\n{ended.out}\n{ended.err}"
        assert "bug" not in ended.err, reported
        if ended.code == 0:
            assert operation not in SYNCS, reported
            assert is_good(folder), reported
        else:
            assert ended.code == 8, reported
            assert str(folder) in ended.err + ended.out, reported
            assert CAUSES[cause] in ended.err + ended.out or os.strerror(cause) in ended.err + ended.out, reported
            assert "the system refuses" not in ended.err, reported
            yield folder, ended, steps


SYNCS = ("fsync", "fdatasync", "fsyncdir")
WRITING = ("create", "write", "fsync", "fsyncdir", "flush", "mkdir", "rename")


@pytest.mark.parametrize(
    "operation",
    [
        *("create", "write", "fsync", "fdatasync", "fsyncdir", "flush", "mkdir", "rename", "truncate", "unlink"),
        *("statfs", "open", "read"),
    ],
)
def test_M17_C06_export_whatever_fails(origin, fs, operation):
    for folder, _, steps in failing(fs, operation, origin.export, origin.has_bundle):
        if (folder / "test").exists():  # the last of all that was to be synced is the name
            assert origin.verify(folder / "test").code == 0
            continue
        assert origin.verify(folder).code == (9 if (folder / "test.partial").exists() else 2)
        well(steps.run())
        assert origin.verify(folder / "test").code == 0
        assert [path.name for path in folder.iterdir()] == ["test"]


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "flush", "read"])
def test_M17_C06_export_of_7z_whatever_fails(origin, fs, operation):
    def command(folder: Path) -> Steps:
        return origin.export(folder, "--format", "7z")

    for folder, _, steps in failing(fs, operation, command, origin.has_bundle):
        assert not (folder / "test").exists()
        well(steps.run())
        assert origin.verify(folder / "test").code == 0


def blobs_of(layout: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (layout / "blobs").glob("*/[!.]*")}


def check_layout(layout: Path) -> set[str]:
    """No file of it has a name that it does not deserve; all that a name refers to is there. Returns the names."""
    found = blobs_of(layout)
    for name, content in found.items():
        assert hashlib.sha256(content).hexdigest() == name
    if not (layout / "index.json").exists():
        return set()
    names = set()
    for entry in json.loads((layout / "index.json").read_text())["manifests"]:
        names.add(entry["annotations"]["org.opencontainers.image.ref.name"])
        manifest = json.loads(found[entry["digest"][7:]])
        assert all(each["digest"][7:] in found for each in (manifest["config"], *manifest["layers"]))
    return names


def is_complete(layout: Path) -> bool:
    wanted = {digest[7:] for image in IMAGES.values() for digest in image.all_blobs()}
    return check_layout(layout) == set(IMAGES) and wanted == blobs_of(layout).keys()


@pytest.mark.parametrize("operation", WRITING)
def test_M17_C06_import_into_a_layout_whatever_fails(origin, fs, tmp_path, operation):
    def command(folder: Path) -> Steps:
        return origin.import_(f"oci:{folder}/layout", state=tmp_path / "state")

    for folder, _, steps in failing(fs, operation, command, lambda folder: is_complete(folder / "layout")):
        check_layout(folder / "layout")
        well(steps.run())
        assert is_complete(folder / "layout")
        assert not list(folder.rglob(".*"))


@pytest.mark.parametrize("operation", [*WRITING[:-2], "rename", "truncate"])
def test_M17_C06_import_into_an_archive_whatever_fails(origin, fs, tmp_path, operation):
    def command(folder: Path) -> Steps:
        return origin.import_(f"oci-archive:{folder}/images.tar", state=tmp_path / "state")

    def is_good(folder: Path) -> bool:
        return Steps(["verify", folder / "images.tar"]).run().code == 0

    for folder, _, steps in failing(fs, operation, command, is_good):
        if operation != "fsyncdir":
            assert not (folder / "images.tar").exists()
            well(steps.run())
        assert [path.name for path in folder.iterdir()] == ["images.tar"]
        assert is_good(folder)


@pytest.mark.parametrize("operation", [*WRITING, "link", "unlink"])
def test_T20_receipt_that_cannot_be_written(origin, fs, tmp_path, operation):
    """Found out before anything moves; and if it is only found out at the end, what was done is written down before."""
    number = 0

    def command(folder: Path) -> Steps:
        nonlocal number
        number += 1
        return origin.import_(f"oci:{tmp_path}/{number}", state=folder)

    def is_good(folder: Path) -> bool:
        receipts = [json.loads(path.read_text()) for path in (folder / "bundler/receipts").glob("*.json")]
        return is_complete(tmp_path / str(number)) and len(receipts) == 1 and bool(receipts[0]["targets"])

    for folder, _, steps in failing(fs, operation, command, is_good):
        target, receipts = tmp_path / str(number), folder / "bundler/receipts"
        if check_layout(target):
            assert is_complete(target)
            (unfinished,) = receipts.glob("*.unfinished")
            assert len(json.loads(unfinished.read_text())["targets"][0]["images"]) == 2
        well(steps.run())
        assert is_complete(target)
        for receipt in receipts.glob("*.json"):
            assert json.loads(receipt.read_text())["targets"]
        if operation != "unlink":
            assert not [path for path in receipts.iterdir() if path.name.startswith(".")]


def test_T20_tags_do_not_move_without_a_receipt(origin, fs, target, tmp_path):
    fs.fail("write", 1, errno.ENOSPC, is_for_good=True)
    ended = origin.import_(target.host, "--receipt", fs.path / "receipt.json").run()
    assert (ended.code, target.tags, target.blobs) == (8, {}, set())
    assert f"{fs.path}/receipt.json" in ended.err
    fs.heal()
    well(origin.import_(target.host, "--receipt", fs.path / "receipt.json").run())
    assert target.tags == {"team/one": ["1"], "team/two": ["2"]}


@pytest.mark.parametrize("operation", [*WRITING[:-1], "link"])
def test_M17_keygen_whatever_fails(fs, operation):
    def command(folder: Path) -> Steps:
        return Steps(["keygen", "me", "-d", folder / "keys"])

    def is_good(folder: Path) -> bool:
        names = sorted(path.name for path in folder.glob("keys/*"))
        return names == ["me.key", "me.pub"] and all(
            path.read_text().endswith("KEY-----\n") for path in folder.glob("keys/*")
        )

    for folder, _, steps in failing(fs, operation, command, is_good):
        assert not list(folder.glob("keys/*")), "a key that was never announced is in nobody's way"
        well(steps.run())
        assert is_good(folder)


@pytest.mark.parametrize("operation", ["create", "write", "unlink", "read"])
def test_M17_scratch_of_an_encrypted_bundle_whatever_fails(origin, fs, tmp_path, operation):
    def command(folder: Path) -> Steps:
        secret = ("--passphrase-file", origin.passphrase, "--scratch", folder)
        target = f"oci:{tmp_path}/{folder.name}"
        return origin.import_(target, *secret, bundle=origin.bundle("secret"), state=tmp_path / "state")

    def is_good(folder: Path) -> bool:
        return is_complete(tmp_path / folder.name)

    every = 9 if operation in ("write", "read") else 2
    for folder, _, steps in failing(fs, operation, command, is_good, every=every):
        check_layout(tmp_path / folder.name)
        well(steps.run())
        assert is_good(folder)


@pytest.mark.parametrize("operation", ["create", "write", "unlink", "read"])
def test_M17_scratch_of_a_docker_archive_whatever_fails(origin, fs, tmp_path, operation):
    layers = [layer_tar("a"), layer_tar("b", 200_000)]
    (tmp_path / "saved.tar").write_bytes(archives.tar_of(archives.docker_files(layers, tags=["app:1"])))

    def command(folder: Path) -> Steps:
        arguments = ["export", f"docker-archive:{tmp_path}/saved.tar", "--name", "test", "--key", origin.key, "--quiet"]
        return Steps([*arguments, "-o", tmp_path / folder.name, "--scratch", folder])

    for folder, _, steps in failing(fs, operation, command, lambda folder: origin.has_bundle(tmp_path / folder.name)):
        assert not (tmp_path / folder.name / "test").exists()
        well(steps.run())
        assert origin.verify(tmp_path / folder.name / "test").code == 0


def test_an_error_of_cleaning_up_hides_no_other(origin, fs, tmp_path):
    """The disk is full, and then it fails altogether: the first failure is reported."""
    for target in (f"oci:{fs.path}/layout", f"oci-archive:{fs.path}/images.tar"):
        fs.heal()
        fs.fail("write", 4, errno.ENOSPC, is_for_good=True)
        for later in ("flush", "unlink", "truncate"):
            fs.fail(later, 3, errno.EIO, is_for_good=True)
        ended = origin.import_(target, state=tmp_path / "state").run()
        assert ended.code == 8
        assert "no space left" in ended.out + ended.err
        assert "bug" not in ended.err


# Power cuts: what was not synced is lost, names and data apart (C04, C05). Of exports: test_export_resume; of imports:
# test_import_crashes.


def recorded(tmp_path: Path, command: Callable[[Path], Steps]) -> Iterator[tuple[str, Path]]:
    """The folders that a power cut during a run of a command may leave."""
    fs = FaultFs(tmp_path / "recorded", records=True)
    for where in sweeps.crashes(fs, command(fs.path)):
        yield where, fs.path


def test_C04_C05_receipts_and_keys_after_a_power_cut_are_whole_or_not_there(origin, tmp_path):
    for where, folder in recorded(
        tmp_path, lambda folder: origin.import_(f"oci:{tmp_path}/layout", "--receipt", folder / "r.json")
    ):
        for path in folder.iterdir():
            assert (
                path.name.startswith(".")
                or path.suffix in (".part", ".lock")
                or json.loads(path.read_text())["targets"]
            ), where
    for where, folder in recorded(tmp_path / "keys", lambda folder: Steps(["keygen", "me", "-d", folder])):
        for path in folder.iterdir():
            assert path.name.startswith(".") or path.read_text().endswith("KEY-----\n"), where


def made_keys(folder: Path) -> bool:
    return all((folder / f"me.{kind}").read_text().endswith("KEY-----\n") for kind in ("key", "pub"))


@pytest.mark.parametrize("what", ["bundle", "7z bundle", "layout", "archive", "receipt", "keys"])
def test_C04_C05_what_is_done_stays_done_when_the_power_is_cut_right_afterwards(origin, tmp_path, what):
    """The run has ended with 0: only what was synced is left, names and bytes, and that is all of it."""
    command, is_good = {
        "bundle": (origin.export, origin.has_bundle),
        "7z bundle": (lambda folder: origin.export(folder, "--format", "7z"), origin.has_bundle),
        "layout": (lambda folder: origin.import_(f"oci:{folder}", state=tmp_path / "state"), is_complete),
        "archive": (
            lambda folder: origin.import_(f"oci-archive:{folder}/images.tar", state=tmp_path / "state"),
            lambda folder: Steps(["verify", folder / "images.tar"]).run().code == 0,
        ),
        "receipt": (
            lambda folder: origin.import_(f"oci:{tmp_path}/layout", "--receipt", folder / "r.json"),
            lambda folder: json.loads((folder / "r.json").read_text())["exitCode"] == 0,
        ),
        "keys": (lambda folder: Steps(["keygen", "me", "-d", folder]), made_keys),
    }[what]
    fs = FaultFs(tmp_path / "recorded", records=True)
    with fs.mount():
        well(command(fs.path).run())
    journal = fs.journal()
    left = journal.materialise(len(journal), tmp_path / "left", names="synced", data="synced")
    assert is_good(left)


# Media that fail or lie while they are read.


@pytest.fixture
def medium(origin: Origin, tmp_path: Path) -> Iterator[FaultFs]:
    """A medium with both bundles."""
    shutil.copytree(origin.folder / "bundles", tmp_path / "medium")
    with FaultFs(tmp_path / "drive", backing=tmp_path / "medium").mount() as mounted:
        yield mounted


def layer_of(image: Image) -> bytes:
    return max(image.blobs.values(), key=len)


def test_M21_a_sector_that_cannot_be_read(origin, medium, tmp_path):
    bundle = medium.path / "plain"
    offset = (bundle / "chunk-0001.tar").read_bytes().index(layer_of(IMAGES["example.com/team/two:2"]))
    medium.unreadable("/plain/chunk-0001.tar", offset + 512, offset + 1024)
    ended = origin.import_(f"oci:{tmp_path}/layout", "--json", bundle=bundle, state=tmp_path / "state").run()
    images = {each["reference"]: each["outcome"] for each in ended.json["targets"][0]["images"]}
    assert (ended.code, images) == (4, {"example.com/team/one:1": "pushed", "example.com/team/two:2": "failed"})
    assert "chunk-0001.tar at offset" in ended.out
    assert "Input/output error" in ended.out
    assert check_layout(tmp_path / "layout") == {"example.com/team/one:1"}


def test_M21_verify_names_the_chunk_and_checks_the_others(tmp_path):
    origin = Origin(tmp_path)
    for name in ("a", "b", "c"):
        simple(name, 700_000).write_layout(tmp_path / "layout", f"example.com/{name}:1")
    well(Steps(["keygen", "tester", "-d", tmp_path]).run())
    well(origin.export(tmp_path / "bundles", "--chunk-size", "1MiB").run())
    last = origin.bundle("test") / "chunk-0003.tar"
    content = bytearray(last.read_bytes())
    content[600_000] ^= 1
    last.write_bytes(content)
    with FaultFs(tmp_path / "drive", backing=tmp_path / "bundles").mount() as fs:
        fs.unreadable("*/chunk-0002.tar", 600_000, 600_512)
        ended = origin.verify(fs.path / "test")
        assert ended.code == 4
        assert "chunk-0002.tar at offset" in ended.out + ended.err
        assert "chunk-0003.tar at offset" in ended.out + ended.err
        assert "chunk-0001.tar at offset" not in ended.out + ended.err
        for name in ("SHA256SUMS", "bundle.json", "README.txt"):
            fs.heal()
            fs.unreadable(f"*/{name}", 0, 1)
            ended = origin.verify(fs.path / "test")
            assert (ended.code, name in ended.out + ended.err) == (4, True), ended.err


@pytest.mark.parametrize("kind", ["plain", "secret"])
def test_M24_bytes_that_change_after_they_were_looked_at(origin, medium, tmp_path, kind):
    """One bit comes out wrong from some reading on, or to who opens the file again. Either that is found, or it makes no
    difference: nothing wrong is ever at the target.
    """
    secret = ("--passphrase-file", origin.passphrase) if kind == "secret" else ()
    well(origin.import_(f"oci:{tmp_path}/right", *secret, bundle=medium.path / kind, state=tmp_path / "state").run())
    found = tried = 0
    for name, offset, late in sweeps.some(list(lies_about(medium.path / kind, is_slow=kind == "secret"))):
        medium.heal()
        medium.lie(f"/{kind}/{name}", offset, **late)
        layout = tmp_path / "layout"
        ended = origin.import_(f"oci:{layout}", *secret, bundle=medium.path / kind, state=tmp_path / "state").run()
        assert ended.code in (0, 4, 5), f"{name} {offset} {late}\n{ended.out}\n{ended.err}"
        tried += 1
        found += ended.code != 0
        names_there = check_layout(layout)
        assert blobs_of(layout).items() <= blobs_of(tmp_path / "right").items()
        assert ended.code or names_there == set(IMAGES)
        shutil.rmtree(layout, ignore_errors=True)
    assert found >= tried // 12, "lies that nothing finds were not tried"


def lies_about(bundle: Path, *, is_slow: bool) -> Iterator[tuple[str, int, dict[str, int]]]:
    """Files, places in them, and from when on a bit comes out wrong there; fewer where each run takes a while."""
    for path in sorted(bundle.iterdir()):
        size = path.stat().st_size
        places = [size // 9, size // 2, size - 1100 if size > 4000 else size - 20]
        if is_slow and path.name in ("SHA256SUMS", "README.txt"):
            continue
        for place, offset in enumerate(places[:1] if is_slow else places):
            for late in ({"after_reads": 0}, {"after_reads": 1}, {"after_reads": 2}, {"after_opens": 1 + place}):
                yield path.name, offset, late


def test_M24_nothing_wrong_under_a_tag_of_a_registry(origin, medium, target, tmp_path):
    layer = layer_of(IMAGES["example.com/team/two:2"])
    offset = (medium.path / "plain/chunk-0001.tar").read_bytes().index(layer)
    medium.heal()
    medium.lie("/plain/chunk-0001.tar", offset + 1000, after_reads=0)
    ended = origin.import_(target.host, bundle=medium.path / "plain", state=tmp_path / "state").run()
    assert ended.code == 4
    assert target.tags == {"team/one": ["1"]}
    assert hashlib.sha256(layer).hexdigest() not in target.blobs
