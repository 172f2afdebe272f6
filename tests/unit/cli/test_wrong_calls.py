"""A wrong call is answered with the object, and with what to do next: nobody is near who could be asked."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler import cli
from bundler.system import lock
from tests.support.tables import each_case

VECTORS = Path(__file__).parents[2] / "vectors"


def bundle_in(folder: Path) -> Path:
    """A good bundle, its key and another one."""
    shutil.copytree(VECTORS / "tar", folder / "month")
    shutil.copy(VECTORS / "keys/golden.pub", folder)
    assert cli.run(["keygen", "other", "-d", str(folder)]) == 0
    return folder / "month"


def no_signature(bundle: Path) -> None:
    next(bundle.glob("*.sig")).unlink()


def changed_sums(bundle: Path) -> None:
    (bundle / "SHA256SUMS").write_bytes((bundle / "SHA256SUMS").read_bytes() + b"x\n")


def no_manifest(bundle: Path) -> None:
    (bundle / "bundle.json").unlink()


def nothing(_: Path) -> None:
    pass


IMPORT = "import month --trust golden.pub --to 127.0.0.1:1"


@each_case(
    "spoil, command, named, following",
    [
        (nothing, "verify month", "month: there is no trusted key", "--trust NAME.pub"),
        (nothing, "verify month --trust other.pub", "month: signed by ", "compare the key id"),
        (
            no_signature,
            "verify month --trust golden.pub",
            "month: the bundle is not signed",
            "copy its SHA256SUMS.*.sig",
        ),
        (changed_sums, "verify month --trust golden.pub", "month/SHA256SUMS.", "copy the bundle from its builder"),
        (nothing, "verify month --trust golden.pub --require-signatures 2", "month: ", "--trust NAME.pub"),
        (no_manifest, "verify month --trust golden.pub", "month/bundle.json: ", "copy bundle.json here again"),
        (nothing, "verify monht --trust golden.pub", "monht: ", "mount the medium"),
        (nothing, "import month/chunk-0001.tar --trust golden.pub --to h.example", "chunk-0001.tar: ", "bundle: month"),
        (nothing, "import month --trust golden.pub --to h.example/Team/App", "h.example/Team/App", "letters: team/app"),
        (nothing, f"{IMPORT} --cacert golden.pub", "golden.pub: ", "certificates in PEM"),
        (nothing, f"{IMPORT} --cacert no.pem", "--cacert no.pem: ", "check the path"),
        (nothing, f"{IMPORT} --retry-failed no.txt", "--retry-failed no.txt: ", "check the path"),
        (nothing, "undo no.json", "no.json: ", "bundler receipt list"),
        (nothing, "receipt show no.json", "no.json: ", "bundler receipt list"),
        (nothing, "fulfil no.json -o x", "no.json: ", "check the path"),
        (nothing, "prune h.example --keep-last 1 --dry-run --receipts no", "--receipts no: ", "check the path"),
        (nothing, "prune h.example --keep-last 1 --dry-run --receipts month", "--receipts month: ", "import --receipt"),
    ],
)
def test_a_wrong_call_names_its_object_and_the_next_step(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    command: str,
    named: str,
    following: str,
) -> None:
    monkeypatch.chdir(tempfile.mkdtemp(dir=tmp_path))
    spoil(bundle_in(Path.cwd()))
    capsys.readouterr()
    assert cli.run(command.split()) != 0
    shown = capsys.readouterr().err
    first, *advice = shown[shown.index("error: ") :].splitlines()
    assert named in first, shown
    assert any(line.startswith("  -> ") and following in line for line in advice), shown


@pytest.mark.parametrize("target", ["oci-archive:full.tar", "oci:full"])
def test_a_full_disk_is_said_of_the_place_that_was_asked_for_and_not_of_its_lock(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle_in(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(lock.os, "pwrite", full)
    assert cli.run(["import", "month", "--trust", "golden.pub", "--to", target]) == 8
    shown = capsys.readouterr().err
    assert "no space left" in shown
    assert "lock" not in shown
