"""SHA256SUMS is what GNU sha256sum checks, and nothing that could be read in two ways."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from bundler.bundle import sums
from bundler.core import roles
from bundler.errors import Damaged
from tests.support.tables import each_case

A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
LINE = f"{A}  chunk-0001.tar\n".encode()


def test_what_is_written_is_read_again_in_its_order() -> None:
    written = {"README.txt": A, "chunk-0002.tar": B, "bundle.json": A, "chunk-0001.tar": A}
    read = sums.parse_sums(sums.format_sums(written))
    assert read == written
    assert list(read) == list(written)


def test_files_in_a_folder_and_recovery_volumes_are_listed() -> None:
    written = {"tool/bundler-0.2.0-py3-none-any.whl": A, "parity-01.vol000+52.par2": B, "restore.py": A, "scan/x": B}
    assert sums.parse_sums(sums.format_sums(written)) == written
    assert sums.folders_of(written) == ("scan", "tool")


def test_gnu_sha256sum_checks_it_and_finds_a_changed_file(tmp_path: Path) -> None:
    contents = {"README.txt": b"read me", "bundle.json": b"{}", "chunk-0001.tar": bytes(2000), "tool/x": b"x"}
    (tmp_path / "tool").mkdir()
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    (tmp_path / roles.SUMS.file).write_bytes(sums.format_sums(listed))
    command = ["sha256sum", "--strict", "-c", roles.SUMS.file]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "bundle.json").write_bytes(b"{ }")
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"LC_ALL": "C"})
    assert checked.returncode == 1
    assert "bundle.json: FAILED" in checked.stdout


def test_what_gnu_sha256sum_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_bytes(b"a")
    made = subprocess.run(["sha256sum", "bundle.json"], cwd=tmp_path, capture_output=True, check=True)
    assert sums.parse_sums(made.stdout) == {"bundle.json": A}


@each_case(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(LINE[:-1], id="no newline at the end"),
        pytest.param(LINE + LINE[:30], id="a cut line"),
        pytest.param(b"\n", id="an empty line alone"),
        pytest.param(LINE + b"\n", id="an empty line at the end"),
        pytest.param(b"# bundle\n" + LINE, id="a comment"),
        pytest.param(LINE + LINE, id="a name twice"),
        pytest.param(LINE.replace(b"  ", b" "), id="one blank"),
        pytest.param(LINE.replace(b"  ", b" *"), id="binary mode"),
        pytest.param(LINE.replace(b"  ", b"\t"), id="a tab"),
        pytest.param(LINE.upper(), id="upper case"),
        pytest.param(LINE[1:], id="a digit too few"),
        pytest.param(b"0" + LINE, id="a digit too many"),
        pytest.param(b"\\" + LINE, id="an escaped name"),
        pytest.param(f"{A}  ../etc/passwd\n".encode(), id="a path upwards"),
        pytest.param(f"{A}  /etc/passwd\n".encode(), id="an absolute path"),
        pytest.param(f"{A}  tool/\n".encode(), id="a folder"),
        pytest.param(f"{A}  a/b/c\n".encode(), id="a folder in a folder"),
        pytest.param(f"{A}  tool//x\n".encode(), id="two slashes"),
        pytest.param(f"{A}  tool/../x\n".encode(), id="a path out of a folder"),
        pytest.param(f"{A}  tool/..\n".encode(), id="a path to the folder above"),
        pytest.param(f"{A}  ./x\n".encode(), id="the folder itself"),
        pytest.param(f"{A}  tool/.hidden\n".encode(), id="a hidden file in a folder"),
        pytest.param(f"{A}  tool/Setup.exe\n".encode(), id="capitals in a folder"),
        pytest.param(f"{A}  tool\\x\n".encode(), id="a path of Windows"),
        pytest.param(f"{A}  README.txt/x\n".encode(), id="README.txt as a folder"),
        pytest.param(f"{A}  {'a' * 33}/x\n".encode(), id="a folder that is too long"),
        pytest.param(f"{A}  tool/{'a' * 129}\n".encode(), id="a name in a folder that is too long"),
        pytest.param(f"{A}  tool\n{A}  tool/x\n".encode(), id="a file that is a folder"),
        pytest.param(f"{A}  .hidden\n".encode(), id="a hidden file"),
        pytest.param(f"{A}  -c\n".encode(), id="a name that is a flag"),
        pytest.param(f"{A}  SHA256SUMS\n".encode(), id="itself"),
        pytest.param(f"{A}  {'a' * 65}\n".encode(), id="a name that is too long"),
        pytest.param(f"{A}  a\x00b\n".encode(), id="a zero byte"),
        pytest.param(f"{A}  a\x1b[2J\n".encode(), id="an escape sequence"),
        pytest.param(f"{A}  ä\n".encode(), id="not ASCII"),
    ],
)
def test_anything_but_the_grammar_is_damage(content: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        sums.parse_sums(content)
    assert (caught.value.exit_code, caught.value.subject) == (4, "SHA256SUMS")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LINE.replace(b"\n", b"\r\n"), id="Windows line ends"),
        pytest.param(b"\xef\xbb\xbf" + LINE, id="a byte order mark"),
        pytest.param(LINE.decode().encode("utf-16"), id="UTF-16"),
    ],
)
def test_a_conversion_on_the_way_is_recognised(content: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        sums.parse_sums(content + b"\n")
    assert "binary mode" in (caught.value.hint or "")


def test_damage_without_conversion_gives_no_advice_about_conversion() -> None:
    with pytest.raises(Damaged) as caught:
        sums.parse_sums(b"x\n")
    assert caught.value.hint is None


def test_the_id_of_a_bundle_is_the_sha256_of_the_list() -> None:
    assert sums.bundle_id(LINE) == hashlib.sha256(LINE).hexdigest()
