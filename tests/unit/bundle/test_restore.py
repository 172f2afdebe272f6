"""restore.py: what it may be made of, its signatures, and bundles of every kind that it restores to a folder."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundler import cli
from bundler.bundle import restore
from bundler.bundle.restore_script import restore_script, restore_words
from tests.support.tables import each_case
from tests.vectors.make import KINDS
from tests.vectors.test_vectors import _resign as resign

VECTORS = Path(__file__).parents[2] / "vectors"
KEY = VECTORS / "keys/golden.pub"
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SECRET.public_key().public_bytes_raw()


def test_it_is_short_and_runs_with_python_3_6_and_its_library_alone():
    text = restore_script().decode("ascii")
    assert len(text.splitlines()) <= 700
    tree = ast.parse(text, feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names - {"dataclasses", "subprocess"}


def test_no_module_is_taken_from_the_medium(tmp_path):
    """``sha256sum -c`` passes a file that no list has, so people run restore.py next to it."""
    bundle = tmp_path / "bundle"
    shutil.copytree(VECTORS / "tar", bundle)
    (bundle / "restore.py").write_bytes(restore_script())
    for name in ("argparse", "json", "re", "hashlib"):
        (bundle / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (bundle / "typing").mkdir()
    (bundle / "typing/__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    for flags in ((), ("-I",), ("-S",)):
        command = [sys.executable, *flags, "restore.py", "--trust", KEY]
        done = subprocess.run(command, cwd=bundle, text=True, capture_output=True)
        assert (done.returncode, "json.py: SHA256SUMS does not list it" in done.stderr) == (4, True), done.stderr
    assert not (tmp_path / "ran").exists()


def test_it_accepts_good_signatures_alone():
    for size in (0, 1, 100, 5000):
        content = bytes(size)
        signature = SECRET.sign(content)
        assert restore.verifies(PUBLIC, signature, content)
        assert not restore.verifies(PUBLIC, signature, content + b"x")
    for position in range(0, 512, 37):
        flipped = bytearray(signature)
        flipped[position // 8] ^= 1 << position % 8
        assert not restore.verifies(PUBLIC, bytes(flipped), content), position
    larger = int.from_bytes(signature[32:], "little") + restore.ORDER
    assert not restore.verifies(PUBLIC, signature[:32] + larger.to_bytes(32, "little"), content), "s is not reduced"
    assert not restore.verifies(PUBLIC, signature[:63], content)
    assert not restore.verifies(PUBLIC, signature + b"\0", content)


@pytest.mark.parametrize(
    "key",
    [
        *(0, 1, restore.P - 1, restore.P, restore.P + 1),  # y of points of small order, and of other forms of them
        2707385501144840649318225287225658788936804267575313519463743609750303021,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
        2,  # of no point
    ],
)
def test_nobody_signs_for_keys_of_small_order_or_of_no_point(key):
    for sign in (0, 1 << 255):
        encoded = (key | sign).to_bytes(32, "little")
        for r in (encoded, (1).to_bytes(32, "little")):
            assert not restore.verifies(encoded, r + bytes(32), b"")
    assert restore.point_of((1).to_bytes(32, "little")) is not None
    assert restore.point_of((1 | 1 << 255).to_bytes(32, "little")) is None, "x is 0, so it has no sign"


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: pem + pem,
        lambda pem: pem.replace("PUBLIC", "PRIVATE"),
        lambda pem: pem.replace("MCowBQYDK2Vw", "MCowBQYDK2Vu"),
        lambda pem: pem[:60],
        lambda pem: "x" * 20_000,
        lambda pem: "\xff",
    ],
    ids=["two", "private", "X25519", "cut", "large", "binary"],
)
def test_keys_that_are_none_are_a_wrong_call(tmp_path, change, capsys):
    (tmp_path / "key.pub").write_text(change(KEY.read_text()), encoding="latin-1")
    assert restore.main(["--trust", str(tmp_path / "key.pub"), str(VECTORS / "tar")]) == 2
    assert "key.pub: " in capsys.readouterr().err


@each_case(
    "options, named",
    [
        (["--trust", ""], "trust: "),
        (["--trust", str(KEY), "--trust="], "trust: "),
        (["--to", ""], "to: "),
        (["--to", "oci:"], "to: "),
        (["--to", "localhost:1", "--user", ""], "user: "),
        (["--to", "localhost:1", "--cacert", ""], "cacert: "),
        ([""], "folders: "),
    ],
)
def test_an_empty_name_is_a_wrong_call_that_names_its_option(options, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert restore.main(["--insecure-no-signature", str(VECTORS / "tar"), *options]) == 2
    assert capsys.readouterr().err.startswith(f"{named}the name is empty")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no.pem", "README.txt"])
def test_a_file_that_has_no_key_or_certificate_is_a_wrong_call_that_names_it(name, capsys):
    file = str(VECTORS / "tar" / name)
    assert restore.main(["--trust", file, str(VECTORS / "tar")]) == 2
    assert capsys.readouterr().err.startswith(f"{file}: ")
    assert restore.main(["--trust", str(KEY), "--to", "h.example", "--cacert", file, str(VECTORS / "tar")]) == 2
    assert f"--cacert {file}: " in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_golden_bundles_become_the_layouts_that_import_makes_of_them(kind, tmp_path, capsys):
    bundle = str(VECTORS / kind)
    assert restore.main([bundle]) == 5, "nothing is trusted by itself"
    assert restore.main(["--trust", str(KEY), bundle]) == 0
    code = restore.main(["--trust", str(KEY), "--to", f"oci:{tmp_path}/ours", bundle])
    said = capsys.readouterr().err
    if kind in ("encrypted", "base"):
        assert code == {"encrypted": 6, "base": 9}[kind]
        assert {"encrypted": "--passphrase-file", "base": "bundle platform-2026.10, chunks [1, 2]"}[kind] in said
        assert not (tmp_path / "ours").exists()
        return
    assert code == 0
    assert cli.run(["import", bundle, "--trust", str(KEY), "--to", f"oci:{tmp_path}/theirs", "-q"]) == 0
    ours, theirs = (files_of(tmp_path / name) for name in ("ours", "theirs"))
    assert ours.keys() == theirs.keys()
    for name, content in ours.items():
        if name == "index.json":
            assert entries_of(content) == entries_of(theirs[name])
        elif name != "oci-layout":
            assert content == theirs[name], name
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "ours/blobs").rglob("*")}
    assert restore.main(["--trust", str(KEY), "--to", str(tmp_path / "ours"), bundle]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "ours/blobs").rglob("*")}
    assert files_of(tmp_path / "ours") == ours


def test_an_attachment_that_names_another_subject_is_not_pushed(tmp_path, capsys):
    bundle = tmp_path / "bundle"
    shutil.copytree(VECTORS / "extensions", bundle)
    document = json.loads((bundle / "bundle.json").read_text())
    attachments = document["images"][0]["attachments"]
    of_image = attachments[0]["subject"]
    moved = next(each for each in attachments if "tag" not in each and each["subject"] != of_image)
    moved["subject"] = of_image
    resign(bundle, "bundle.json", json.dumps(document).encode())
    code = restore.main(["--trust", str(KEY), "--to", f"oci:{tmp_path}/target", str(bundle)])
    assert (code, "an attachment of another image" in capsys.readouterr().err) == (4, True)


def test_texts_of_others_write_no_line_and_nest_as_deeply_as_they_may(tmp_path, capsys):
    bundle = tmp_path / "bundle"
    shutil.copytree(VECTORS / "tar", bundle)
    (bundle / "x\neverything is right\ny").touch()
    assert restore.main(["--trust", str(KEY), str(bundle)]) == 4
    assert "everything is right" not in capsys.readouterr().err.splitlines()
    document = json.loads((bundle / "bundle.json").read_text())
    (first, *_), reference = document["images"], document["images"][0]["reference"]
    first["reference"] = f"{reference}\neverything is right\n"
    resign(bundle, "bundle.json", json.dumps(document).encode())
    assert restore.main(["--trust", str(KEY), str(bundle)]) == 4
    assert "everything is right" not in capsys.readouterr().err.splitlines()
    first["reference"], part = reference, {**first, "subject": first["root"]}
    for _ in range(400):
        part = {**part, "attachments": [part]}
    first["attachments"] = [part]
    resign(bundle, "bundle.json", json.dumps(document).encode())
    assert restore.main(["--trust", str(KEY), str(bundle)]) == 4
    assert "bundle.json: not as the format says" in capsys.readouterr().err


def test_readme_txt_has_the_command_that_fits_the_bundle():
    for words in restore_words(is_signed=True, folders=" . ../old").values():
        assert "  python3 restore.py --trust KEY.pub --to REGISTRY . ../old\n" in words
    for words in restore_words(is_signed=False).values():
        assert "  python3 restore.py --insecure-no-signature --to REGISTRY\n" in words
    for words in restore_words(is_signed=True, is_encrypted=True).values():
        assert "  python3 restore.py --trust KEY.pub\n" in words
        assert "--to" not in words


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entries_of(index: bytes) -> list[str]:
    return sorted(json.dumps(entry, sort_keys=True) for entry in json.loads(index)["manifests"])
