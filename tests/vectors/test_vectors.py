"""Every version reads the golden bundles of every version before, and a reader written from FORMAT.md reads them too.

The bundles were made by `tests.vectors.make` of version 0.2.0, and are never made again: a test that fails here says that
a change breaks bundles which people have.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler import cli
from tests.support.forge import make as make_forged
from tests.vectors import make, reader
from tests.vectors.make import KINDS, REPRODUCIBLE

HERE = Path(__file__).parent
KEY = HERE / "keys/golden.pub"
FROZEN = {
    "tar": "95d35526db99a874ff8985202ecd31c74424774560e11e414e061aaa7c6831d7",
    "7z": "a18a85f587cbc9367e950272bd99c21ea9fd4f6fedc3d239598d11a8791319fc",
    "encrypted": "9d99888d5724e8bc8588f8e081ef2d8b1e740ab286571a2f6ca07c15c26f0eb1",
    "parts": "fd670ede854c2ce497a1cd0fc60040dfdf3941687b51ed7cfff88be04c35a16b",
    "artifacts": "1425252a351ea755664ae23ce5a4450e86ff0990c96da3b8ed7f8d7d037b0434",
    "extensions": "598080a7e3055d1b6b94ecc6f398caebe154b4b2be5b2bfe012a14c45ae71648",
    "base": "82012175962c87cf8e4cdf64d47c4eac9a10b59315df532a7b1f9e16e4084697",
}
"""The ids of the bundles of version 0.2.0. A line here is never changed; later versions add theirs."""
WHOLE = tuple(kind for kind in KINDS if kind != "base")


def expected(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / f"{kind}.json").read_text())
    return found


def passphrase(kind: str) -> list[str]:
    return ["--passphrase-file", str(HERE / "keys/passphrase")] if kind == "encrypted" else []


def read(kind: str, folder: Path | None = None) -> reader.Read:
    secret = (HERE / "keys/passphrase").read_text() if kind == "encrypted" else None
    return reader.read_bundle(folder or HERE / kind, KEY.read_bytes(), secret)


def contains(found: Any, wanted: Any) -> bool:
    """True if a document has all that another one has: later versions add fields."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(k in found and contains(found[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(contains, found, wanted))
    return bool(found == wanted)


def test_no_golden_bundle_was_ever_made_again() -> None:
    """The reader below checks each file against SHA256SUMS, and its signature; the id is the digest of that file."""
    assert {kind: hashlib.sha256((HERE / kind / "SHA256SUMS").read_bytes()).hexdigest() for kind in KINDS} == FROZEN


@pytest.mark.parametrize("kind", KINDS)
def test_this_version_says_of_it_what_it_said_when_it_was_made(kind: str) -> None:
    said = make.expected(HERE, kind)
    for command, wanted in expected(kind).items():
        assert wanted["exitCode"] == 0
        assert contains(said[command], wanted), command


@pytest.mark.parametrize("kind", WHOLE)
def test_this_version_imports_it_and_every_digest_is_kept(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    options = ["--trust", str(KEY), "--to", f"oci:{target}", "-q", *passphrase(kind)]
    assert cli.run(["import", str(HERE / kind), *options]) == 0
    entries = json.loads((target / "index.json").read_text())["manifests"]
    wanted = [image["digest"] for image in expected(kind)["inspect"]["images"]]
    listed = [entry["digest"] for entry in entries]
    assert [digest for digest in listed if digest in wanted] == wanted
    attached = {each["digest"] for image in expected(kind)["inspect"]["images"] for each in image["attachments"]}
    assert set(listed) == {*wanted, *attached}
    carried = read(kind).blobs
    for path in target.glob("blobs/*/*"):
        assert path.read_bytes() == carried[f"{path.parent.name}:{path.name}"]


def test_this_version_imports_nothing_of_one_that_is_not_whole(tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "target"
    code = cli.run(["import", str(HERE / "base"), "--trust", str(KEY), "--to", f"oci:{target}", "--json", "-q"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["kind"]) == (9, "incomplete")
    assert {each["code"] for each in error["errors"]} == {"base-missing"}
    assert not target.exists()


def test_people_see_series_bases_attachments_media_and_other_files(capsys: Any) -> None:
    assert cli.run(["inspect", str(HERE / "extensions"), "--trust", str(KEY)]) == 0
    shown = capsys.readouterr().out
    for words in (
        "stable",
        "2" * 64,
        "2 signatures, 1 SBOM",
        "2 media",
        "restore.py",
        "parity-01.par2, parity-01.vol000+01.par2",
        "later.bin",
    ):
        assert words in shown
    for command in ("inspect", "verify"):
        assert cli.run([command, str(HERE / "base"), "--trust", str(KEY)]) == 0
        shown = capsys.readouterr().out
        assert "2 blobs" in shown
        assert "bundle platform-2026.10" in shown
        assert "inventory registry.example.com/team" in shown


@pytest.mark.parametrize("kind", REPRODUCIBLE)
def test_it_comes_out_with_the_same_bytes_when_it_is_made_again(kind: str, tmp_path: Path) -> None:
    make.make(tmp_path, [kind])
    for path in (HERE / kind).rglob("*"):
        # README.txt and restore.py belong to the version of the writer, and their digests are in SHA256SUMS.
        if path.is_file() and not path.name.startswith(("README", "restore.py", "SHA256SUMS")):
            assert (tmp_path / path.relative_to(HERE)).read_bytes() == path.read_bytes(), path.name


def test_all_of_them_are_small() -> None:
    files = [path for kind in KINDS for path in (HERE / f"{kind}.json", *(HERE / kind).rglob("*")) if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 260 << 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_enough_to_read_it(kind: str) -> None:
    found = read(kind)
    wanted = expected(kind)["inspect"]
    assert found.bundle_id == wanted["bundleId"]
    assert found.images == {image["reference"]: image["digest"] for image in wanted["images"]}
    held = {base["digest"] for each in wanted["bases"] for base in each["blobs"]}
    assert found.left_out == held
    blobs = {blob["digest"] for blob in found.manifest["blobs"]}
    assert len(blobs) == wanted["blobs"]
    assert blobs - held <= set(found.blobs)


@pytest.mark.parametrize("encrypt", [None, "a passphrase"], ids=["tar", "encrypted"])
def test_the_page_is_enough_to_read_a_bundle_that_was_made_just_now(encrypt: str | None, tmp_path: Path) -> None:
    made = make_forged(tmp_path, encrypt=encrypt)
    found = reader.read_bundle(made.folder, made.public.read_bytes(), encrypt)
    assert found.key_id == made.key_id
    manifests = {blob["digest"] for blob in found.manifest["blobs"] if blob["kind"] == "manifest"}
    assert manifests
    for digest, content in made.blobs.items():
        assert found.blobs[digest] == content


def _resign(bundle: Path, name: str, content: bytes) -> None:
    (bundle / name).write_bytes(content)
    sums = (bundle / "SHA256SUMS").read_text().splitlines()
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}" if each[66:] == name else each for each in sums]
    (bundle / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    make.add_files(bundle, {}, HERE / "keys")


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        document = json.loads((bundle / "bundle.json").read_text())
        change(document)
        _resign(bundle, "bundle.json", json.dumps(document).encode())

    return edit


def _flipped(offset: int) -> Callable[[Path], None]:
    def flip(bundle: Path) -> None:
        content = bytearray((bundle / "chunk-0001.tar").read_bytes())
        content[offset] ^= 1
        _resign(bundle, "chunk-0001.tar", bytes(content))

    return flip


WRONG: dict[str, Callable[[Path], object]] = {
    "a bit of the sums": lambda b: (b / "SHA256SUMS").write_bytes(
        (b / "SHA256SUMS").read_bytes().replace(b"0", b"1", 1)
    ),
    "a bit of a chunk": lambda b: (b / "chunk-0001.tar").write_bytes((b / "chunk-0001.tar").read_bytes()[:-1] + b"x"),
    "a stranger": lambda b: (b / "x").write_bytes(b""),
    "a missing file": lambda b: (b / "restore.py").unlink(),
    "the header of a member, signed": _flipped(100),
    "the data of a member, signed": _flipped(512),
    "the padding of a member, signed": _flipped(600),
    "the end of a chunk, signed": _flipped(-1),
    "another format, signed": _edited(lambda d: d.update(format="bundler/2")),
    "bases that are not said, signed": _edited(lambda d: d.update(format="bundler/1+base")),
    "an attachment of a stranger, signed": _edited(
        lambda d: d["images"][0]["attachments"][0].update(subject=f"sha256:{'0' * 64}")
    ),
    "the tag of an image, signed": _edited(lambda d: d["images"][0]["attachments"][1].update(tag="latest")),
    "two attachments with one tag, signed": _edited(
        lambda d: d["images"][0]["attachments"][0].update(tag=d["images"][0]["attachments"][1]["tag"])
    ),
    "media with a chunk twice, signed": _edited(lambda d: d["media"][0]["chunks"].append(2)),
    "a root that is another, signed": _edited(lambda d: d["images"][0]["root"].update(size=1)),
}


@pytest.mark.parametrize("how", WRONG)
def test_both_readers_refuse_what_the_page_does_not_allow(how: str, tmp_path: Path) -> None:
    bundle = tmp_path / "extensions"
    shutil.copytree(HERE / "extensions", bundle)
    assert read("extensions", bundle).bundle_id
    WRONG[how](bundle)
    with pytest.raises(reader.Wrong):
        read("extensions", bundle)
    assert cli.run(["verify", str(bundle), "--trust", str(KEY), "-q"]) in (4, 5, 6, 9)
