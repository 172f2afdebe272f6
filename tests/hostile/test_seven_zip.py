"""Promise 4 for bundles of 7z archives, encrypted ones too: every flip is found, and nothing is inflated unseen."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from bundler import cli
from bundler.bundle.seven_zip_container import ArchiveWriter, WrongPassphrase, _Cipher, check_passphrase
from bundler.commands.verify import VerifyRequest, verify
from bundler.core import seven_zip_format
from bundler.errors import BundlerError, Damaged, Misuse
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest
from bundler.keys.open_bundle import Unlocking
from bundler.transports.oci_layout import LayoutTarget
from tests.hostile.test_flips import Flipped, code_of, run
from tests.support import images, sweeps
from tests.support.errors import raises

PASSPHRASE = "correct horse battery staple"
NAMES = ["example.org/a/big:1", "example.org/a/one:1", "example.org/a/multi:1"]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plain and an encrypted bundle of 7z archives, and the key that is trusted; made once."""
    folder = tmp_path_factory.mktemp("seven-zip")
    layout = folder / "layout"
    big = images.image(
        [images.gzip.compress(images.layer_tar("big", 1_200_000), mtime=0), b""], uncompressed=[b"", b""]
    )
    big.write_layout(layout, NAMES[0])
    images.simple("one").write_layout(layout, NAMES[1])
    images.every_kind()["team/multi:1"].write_layout(layout, NAMES[2])
    (folder / "passphrase").write_text(f"{PASSPHRASE}\nnothing of this line\n")
    assert cli.run(["keygen", "flips", "-d", str(folder), "-q"]) == 0
    sources = [f"oci:{layout}:{name}" for name in NAMES]
    common = ["-o", str(folder), "--key", str(folder / "flips.key"), "--chunk-size", "1MiB", "-q"]
    assert cli.run(["export", *sources, "--name", "plain", "--format", "7z", *common]) == 0
    secret = ["--encrypt", "--passphrase-file", str(folder / "passphrase")]
    assert cli.run(["export", *sources, "--name", "secret", *secret, *common]) == 0
    return {"plain": folder / "plain", "secret": folder / "secret", "key": folder / "flips.pub"}


def unlocking(folder: Path, passphrase: str = PASSPHRASE) -> Unlocking:
    return Unlocking(lambda: passphrase, folder)


def places(bundle: Path, samples: int) -> list[tuple[str, int]]:
    """The start and the header of each archive, and samples of everything."""
    chance = random.Random(7)
    chosen: list[tuple[str, int]] = []
    for path in sorted(bundle.iterdir()):
        size = path.stat().st_size
        chosen += [(path.name, position) for position in chance.sample(range(size), min(size, samples))]
        if path.suffix == ".7z":
            chosen += [(path.name, position) for position in (*range(32), *range(size - 40, size))]
    return chosen


@pytest.mark.no_cover  # thousands of rounds through what other tests run as well
@pytest.mark.parametrize("name", ["plain", "secret"])
def test_every_flip_is_found_by_verify_without_the_passphrase(sealed, tmp_path, name):
    flip = Flipped(sealed[name], tmp_path)
    chance = random.Random(1)

    def look():
        return verify(VerifyRequest((flip.path,), (sealed["key"],)), run())

    assert code_of(look) == 0
    for file, position in sweeps.some(places(flip.path, 150), every=2 * sweeps.EVERY):
        mask = 1 << chance.randrange(8)
        flip(file, position, mask)
        try:
            result = look()
            code = result.exit_code
            assert {finding.file for finding in result.findings} == {file}, f"{file} at {position}"
        except BundlerError as error:
            code = error.exit_code
        assert code == (5 if file.startswith("SHA256SUMS") else 4), f"{file} at {position}: exit {code}"
        flip(file, position, mask)


@pytest.mark.no_cover  # thousands of rounds through what other tests run as well
@pytest.mark.parametrize("name", ["plain", "secret"])
def test_no_flip_lets_anything_wrong_through_an_import(sealed, tmp_path, name):
    flip = Flipped(sealed[name], tmp_path)

    def bring(target: Path):
        request = ImportRequest(
            (flip.path,), (LayoutTarget(str(target)),), (sealed["key"],), unlocking=unlocking(tmp_path)
        )
        return import_bundle(request, run())

    assert code_of(lambda: bring(tmp_path / "good")) == 0
    right = {path.name: path.read_bytes() for path in (tmp_path / "good/blobs/sha256").iterdir()}
    chance = random.Random(2)
    for file, position in sweeps.some(chance.sample(places(flip.path, 60), 120 if name == "plain" else 25), every=3):
        mask = 1 << chance.randrange(8)
        flip(file, position, mask)
        target = tmp_path / "target"
        code = code_of(lambda target=target: bring(target))
        assert code == (5 if file.startswith("SHA256SUMS") else 4), f"{file} at {position}: exit {code}"
        for path in target.glob("blobs/sha256/*"):
            assert path.read_bytes() == right[path.name], f"{file} at {position} let {path.name} through"
        shutil.rmtree(target, ignore_errors=True)
        flip(file, position, mask)


@pytest.mark.parametrize(("position", "expected"), [(3, "the start of the 7z archive"), (-3, "the 7z header")])
def test_damage_of_the_7z_framing_is_named(sealed, tmp_path, position, expected):
    flip = Flipped(sealed["plain"], tmp_path)
    size = (flip.path / "chunk-0002.7z").stat().st_size
    flip("chunk-0002.7z", position % size, 1)
    (finding,) = verify(VerifyRequest((flip.path,), (sealed["key"],)), run()).findings
    assert expected in finding.error.message
    assert finding.file == "chunk-0002.7z"


def test_damage_of_an_encrypted_chunk_names_the_images_that_it_hurts(sealed, tmp_path):
    flip = Flipped(sealed["secret"], tmp_path)
    flip("chunk-0002.7z", 5000, 1)
    (finding,) = verify(VerifyRequest((flip.path,), (sealed["key"],), unlocking=unlocking(tmp_path)), run()).findings
    assert finding.file == "chunk-0002.7z"
    assert finding.images == (NAMES[0],)


@pytest.mark.parametrize("change", [-1, -5000, 1])
@pytest.mark.parametrize("file", ["content.7z", "chunk-0002.7z"])
def test_a_cut_or_grown_archive_is_damage_and_no_wrong_passphrase(sealed, tmp_path, file, change):
    copy = tmp_path / "copy"
    shutil.copytree(sealed["secret"], copy)
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content[:change] if change < 0 else content + b"x")
    for how in (None, unlocking(tmp_path)):
        code = code_of(lambda how=how: verify(VerifyRequest((copy,), (sealed["key"],), unlocking=how), run()))
        assert code == 4


@pytest.mark.parametrize("passphrase", ["wrong", PASSPHRASE + " ", PASSPHRASE.upper(), "π"])
def test_a_wrong_passphrase_is_said_to_be_one(sealed, tmp_path, passphrase):
    with raises(Misuse, subject="content.7z"):
        verify(VerifyRequest((sealed["secret"],), (sealed["key"],), unlocking=unlocking(tmp_path, passphrase)), run())


def test_the_signature_is_checked_before_the_passphrase_is_asked_for(sealed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(sealed["secret"], copy)
    with open(copy / "SHA256SUMS", "ab") as sums:
        sums.write(b"0" * 64 + b"  evil\n")

    def ask() -> str:
        raise AssertionError("asked for the passphrase of a bundle that nobody vouches for")

    with pytest.raises(BundlerError) as caught:
        verify(VerifyRequest((copy,), (sealed["key"],), unlocking=Unlocking(ask, tmp_path)), run())
    assert caught.value.exit_code == 5


def resealed(bundle: Path) -> Path:
    """Sums that fit whatever the files are now: what an attacker makes for those who want no signature."""
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    names = [line.split("  ")[1] for line in lines]
    sums = [f"{hashlib.sha256((bundle / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (bundle / "SHA256SUMS").write_text("".join(sums))
    return bundle


def packed(path: Path, members: list[tuple[str, bytes]], passphrase: str = PASSPHRASE) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    archive = ArchiveWriter(descriptor, passphrase, what=str(path))
    for name, content in members:
        archive.add(name, len(content), iter([content]))
    archive.finish()


@pytest.mark.parametrize("header", [b"\x01\x00" + b"?" * 100, b"\x01\x04\x00\x00" + b"?" * 100])
def test_a_passphrase_that_decrypts_the_header_to_an_empty_one_is_wrong(tmp_path, header):
    """One of 65,536 wrong passphrases does so; its chunks and those of the right one would be in one bundle."""
    cipher = _Cipher(seven_zip_format.aes_key(PASSPHRASE))
    packed_header = cipher.update(header) + cipher.last()
    end = seven_zip_format.encoded_header(
        offset_bytes=0, length_bytes=len(header), encryption=cipher.encryption(len(packed_header))
    )
    start = seven_zip_format.start(end, seven_zip_format.START_BYTES + len(packed_header))
    (tmp_path / "archive.7z").write_bytes(start + packed_header + end)
    with pytest.raises(WrongPassphrase):
        check_passphrase(tmp_path / "archive.7z", PASSPHRASE)
    packed(tmp_path / "good.7z", [("name", b"content")])
    check_passphrase(tmp_path / "good.7z", PASSPHRASE)


def content_of(path: Path, folder: Path) -> dict[str, bytes]:
    from py7zr import SevenZipFile

    with SevenZipFile(path, password=PASSPHRASE) as archive:
        archive.extractall(folder)
        return {name: (folder / name).read_bytes() for name in archive.getnames()}


def finding_of(bundle: Path, scratch: Path) -> Damaged:
    result = verify(VerifyRequest((bundle,), is_without_signature=True, unlocking=unlocking(scratch)), run())
    assert result.exit_code == 4
    errors = [finding.error for finding in result.findings]
    assert all(isinstance(error, Damaged) for error in errors)
    return errors[0]


def test_only_the_absence_of_a_passphrase_makes_a_plain_archive(tmp_path):
    for passphrase in ("", "x", PASSPHRASE):
        packed(tmp_path / "archive.7z", [("name", b"plain text")], passphrase)
        assert b"plain text" not in (tmp_path / "archive.7z").read_bytes()


@pytest.mark.parametrize("fault", ["renamed", "longer", "more", "fewer", "other passphrase", "swapped"])
def test_an_archive_with_other_members_than_promised_is_refused(sealed, tmp_path, fault):
    bundle = tmp_path / "copy"
    shutil.copytree(sealed["secret"], bundle)
    members = list(content_of(bundle / "chunk-0001.7z", tmp_path / "out").items())
    original = (bundle / "chunk-0001.7z").stat().st_size
    passphrase = PASSPHRASE
    name, content = members[-1]
    match fault:
        case "renamed":
            members[-1] = (name[:-1] + ("0" if name[-1] != "0" else "1"), content)
        case "longer":
            members[-2:] = [(members[-2][0], members[-2][1] + b"x"), (name, content[:-1])]
        case "more":
            members[-1:] = [(name, content[:-1]), ("x", content[-1:])]
        case "fewer":
            members[-2:] = [(members[-2][0], members[-2][1] + content)]
        case "other passphrase":
            passphrase = "another one"
        case "swapped":
            members[-2:] = [members[-1], members[-2]]
    packed(bundle / "chunk-0001.7z", members, passphrase)
    with open(bundle / "chunk-0001.7z", "rb") as file:
        is_same_size = len(file.read()) == original
    if is_same_size:
        error = finding_of(resealed(bundle), tmp_path)
        assert error.subject == "chunk-0001.7z"
    else:
        assert finding_of(resealed(bundle), tmp_path).message in ("the chunk is truncated", "the chunk is too long")


def test_an_archive_that_is_packed_by_another_method_is_refused_before_anything_is_inflated(
    sealed, tmp_path, monkeypatch
):
    import py7zr

    bundle = tmp_path / "copy"
    shutil.copytree(sealed["secret"], bundle)
    inner = content_of(bundle / "content.7z", tmp_path / "out")["bundle.json"]
    bomb = tmp_path / "bundle.json"
    bomb.write_bytes(inner + b" " * 5_000_000)
    methods = [{"id": py7zr.FILTER_ZSTD, "level": 3}, {"id": py7zr.FILTER_CRYPTO_AES256_SHA256}]
    with py7zr.SevenZipFile(
        bundle / "content.7z", "w", filters=methods, password=PASSPHRASE, header_encryption=True
    ) as a:
        a.write(bomb, "bundle.json")
    assert (bundle / "content.7z").stat().st_size < len(inner) + 1000
    monkeypatch.setattr(py7zr.SevenZipFile, "extract", lambda *_, **__: pytest.fail("was unpacked"))
    with raises(Damaged, subject="content.7z"):
        verify(VerifyRequest((resealed(bundle),), is_without_signature=True, unlocking=unlocking(tmp_path)), run())


def test_a_header_that_is_compressed_is_not_even_decoded(sealed, tmp_path, monkeypatch):
    import py7zr

    bundle = tmp_path / "copy"
    shutil.copytree(sealed["secret"], bundle)
    inner = content_of(bundle / "content.7z", tmp_path / "out")["bundle.json"]
    methods = [{"id": py7zr.FILTER_COPY}, {"id": py7zr.FILTER_CRYPTO_AES256_SHA256}]
    with py7zr.SevenZipFile(bundle / "content.7z", "w", filters=methods, password=PASSPHRASE) as archive:
        archive.writestr(inner, "bundle.json")  # names in the clear, inside LZMA2
    monkeypatch.setattr(py7zr, "SevenZipFile", lambda *_, **__: pytest.fail("was opened"))
    with raises(Damaged, subject="content.7z"):
        verify(VerifyRequest((resealed(bundle),), is_without_signature=True, unlocking=unlocking(tmp_path)), run())


def test_two_manifests_that_contradict_each_other_are_refused(sealed, tmp_path):
    bundle = tmp_path / "copy"
    shutil.copytree(sealed["secret"], bundle)
    document = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**document, "name": "another"}))
    with raises(Damaged, values={"content": "content.7z"}):
        verify(VerifyRequest((resealed(bundle),), is_without_signature=True, unlocking=unlocking(tmp_path)), run())


def test_a_missing_chunk_of_an_encrypted_bundle_is_missing_and_the_other_images_come_through(sealed, tmp_path):
    bundle = tmp_path / "copy"
    shutil.copytree(sealed["secret"], bundle)
    (bundle / "chunk-0002.7z").unlink()
    target = (LayoutTarget(str(tmp_path / "target")),)
    request = ImportRequest((bundle,), target, (sealed["key"],), unlocking=unlocking(tmp_path))
    result = import_bundle(request, run())
    assert result.exit_code == 9
    assert [each.error is None for each in result.targets[0].images] == [False, True, True]


def test_an_import_decrypts_no_chunk_twice(sealed, tmp_path, monkeypatch):
    from bundler.bundle import seven_zip_container

    opened: list[str] = []
    real = seven_zip_container.unpack

    def counting(descriptor, **options):
        opened.append(options["what"])
        real(descriptor, **options)

    monkeypatch.setattr(seven_zip_container, "unpack", counting)
    target = (LayoutTarget(str(tmp_path / "target")),)
    request = ImportRequest((sealed["secret"],), target, (sealed["key"],), unlocking=unlocking(tmp_path))
    result = import_bundle(request, run())
    assert result.exit_code == 0
    assert sorted(opened) == sorted(set(opened)) == ["chunk-0001.7z", "chunk-0002.7z", "chunk-0003.7z", "content.7z"]


def test_no_two_archives_and_no_data_and_header_share_an_iv(tmp_path):
    for name in ("one.7z", "two.7z"):
        packed(tmp_path / name, [("a", bytes(4096))])
    one, two = ((tmp_path / name).read_bytes() for name in ("one.7z", "two.7z"))
    assert len(one) == len(two)
    ends = [
        seven_zip_format.header_place(content[:32])[0] for content in (one, two)
    ]  # the next bytes are not encrypted
    blocks = [content[at : at + 16] for content, end in zip((one, two), ends, strict=True) for at in range(32, end, 16)]
    assert len(set(blocks)) == len(blocks) > 2 * 4096 // 16
    assert content_of(tmp_path / "one.7z", tmp_path) == {"a": bytes(4096)}
