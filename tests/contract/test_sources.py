"""The promises of `ImageSource` and `BlobSource`, over every implementation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from bundler import cli
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find, load
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import gives_wholes
from bundler.errors import Damaged, Refused
from bundler.stores.archives import OCI, Archive, Staging
from bundler.stores.hosts import NetworkOptions
from bundler.stores.image_file import ImageFile
from bundler.stores.oci_archive import ArchiveFiles
from bundler.stores.oci_layout import FolderFiles, LayoutSource
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from bundler.stores.staging import StagingCache
from bundler.system.scratch import Scratch
from bundler.workers import Cancellation
from tests.support import images
from tests.support.archives import write_as
from tests.support.attachments import cosign, dashed, fallback_index, referrer
from tests.support.parts import RealRegistry, shell

BIG = images.simple("contract", 2_300_000)
EMPTY = images.image([images.gzip.compress(b"\0" * 1024, mtime=0), b""], uncompressed=[b"\0" * 1024, b""])
SBOM, SIGNATURE = referrer(BIG), cosign(BIG)
NAME = "example.org/a/contract:1"
PASSPHRASE = "only for this test"


def descriptor(media_type: str, content: bytes) -> Descriptor:
    return Descriptor(media_type, Digest.of(content), len(content))


ROOT = descriptor(BIG.media_type, BIG.content)
LAYER_BYTES = max(BIG.blobs.values(), key=len)
LAYER = descriptor(f"{images.OCI_LAYER}+gzip", LAYER_BYTES)
NOTHING = descriptor(images.OCI_LAYER, b"")
ABSENT = descriptor(images.OCI_LAYER, b"nobody has these bytes")


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("layout")
    BIG.write_layout(folder, NAME)
    EMPTY.write_layout(folder, "example.org/a/empty:1")
    SBOM.write_layout(folder, "sbom")
    SIGNATURE.write_layout(folder, f"example.org/a/contract:{dashed(BIG, '.sig')}")
    return folder


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Iterator[RealRegistry]:
    """A registry with both images and the attachments. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("filled")).start()
    BIG.push(registry, "a/contract", "1")
    SBOM.push(registry, "a/contract")
    fallback_index(SBOM).push(registry, "a/contract", dashed(BIG))
    SIGNATURE.push(registry, "a/contract", dashed(BIG, ".sig"))
    EMPTY.push(registry, "a/contract", "empty")
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def exported(layout) -> Callable[[str], Path]:
    """Makes the folder of a bundle of a kind, once. Tests only read from it."""

    @cache
    def make(kind: str) -> Path:
        folder = layout.with_name(f"{layout.name} as {kind}")
        folder.mkdir()
        sources = [f"oci:{layout}:{NAME}", f"oci:{layout}:example.org/a/empty:1"]
        export = ["export", *sources, "--name", "b", "-o", str(folder), "--unsigned", "--chunk-size", "1MiB", "-q"]
        secret = folder / "passphrase"
        secret.write_text(f"{PASSPHRASE}\n")
        encrypted = ["--encrypt", "--passphrase-file", str(secret)]
        options = {"bundle of 7z": ["--format", "7z"], "encrypted bundle": encrypted}
        assert cli.run([*export, *options.get(kind, [])]) == 0
        return folder / "b"

    return make


STAGED = {"archive.gz": "gzip", "archive.zst": "zstd", "archive.xz": "xz", "archive.7z": "7z"}
"""The ways into an archive whose bytes must be put down before they can be read at an offset."""

KINDS = ("registry", "folder", "archive", *STAGED)


def staged_source(form: str, layout: Path, folder: Path) -> LayoutSource:
    """A source on a compressed archive of the layout."""
    path = layout.with_name(f"layout.{form}")
    if not path.exists():
        files = {
            str(each.relative_to(layout)): each.read_bytes() for each in sorted(layout.rglob("*")) if each.is_file()
        }
        write_as(form, path, files)
    file = ImageFile(path, called="oci-archive:image")
    staging = Staging(Scratch(folder), StagingCache(), "gzip", lambda _warning: None)
    return Archive.indexed(file, OCI).ready([NAME, "example.org/a/empty:1"], staging).source


def open_source(kind: str, layout: Path, request: pytest.FixtureRequest, folder: Path):
    """A source with both images, and the name that the big one has there."""
    if kind == "folder":
        return LayoutSource(FolderFiles(layout, keeps_folders=True)), NAME
    if kind == "archive":
        shell(f"tar -cf {folder}/layout.tar -C {layout} .", cwd=folder)
        return LayoutSource(ArchiveFiles(folder / "layout.tar")), NAME
    if kind in STAGED:
        return staged_source(STAGED[kind], layout, folder), NAME
    registry = request.getfixturevalue("filled")
    return Repository(Registry(registry.host, NetworkOptions()), "a/contract"), "1"


@pytest.fixture(params=KINDS)
def source(request, layout, tmp_path):
    return open_source(request.param, layout, request, tmp_path)


HOLDERS = (*KINDS, "bundle", "bundle of 7z", "encrypted bundle")


@pytest.fixture(params=HOLDERS)
def blobs(request, layout, tmp_path):
    """A source of blobs; in the bundle the big one is cut into parts. Opened for each test: what is staged is read once."""
    if "bundle" not in request.param:
        yield open_source(request.param, layout, request, tmp_path)[0]
        return
    bundle = load(find([request.getfixturevalue("exported")(request.param)]).taken_as_it_is())
    if isinstance(bundle, LockedBundle):
        bundle = bundle.unlock(PASSPHRASE, scratch=Scratch(tmp_path), jobs=1, cancellation=Cancellation())
    yield bundle
    bundle.close()


def test_a_name_resolves_to_its_descriptor(source):
    store, name = source
    assert store.resolve(name).bare == ROOT


def test_a_digest_resolves_to_itself(source):
    store, _ = source
    assert store.resolve(str(ROOT.digest)).digest == ROOT.digest


def test_a_name_that_is_not_there_is_refused(source):
    store, _ = source
    with pytest.raises(Refused) as caught:
        store.resolve("no-such-name")
    assert "no-such-name" in str(caught.value)


def test_a_manifest_is_read_byte_for_byte(source):
    store, name = source
    store.resolve(name)
    for _ in range(2):
        assert store.read_manifest(ROOT) == BIG.content


def test_a_manifest_that_is_not_there_is_refused(source):
    store, _ = source
    with pytest.raises(Refused):
        store.read_manifest(Descriptor(ROOT.media_type, ABSENT.digest, ABSENT.size_bytes))


OFFSETS = (0, 1, 511, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2_200_000, len(LAYER_BYTES) - 1)
STAGED_ALIKE = ("archive.zst", "archive.xz", "archive.7z")
"""Once staged, these are read as an archive.gz is."""


@pytest.mark.parametrize(
    ("blobs", "offset"),
    [(kind, offset) for kind in HOLDERS for offset in (OFFSETS[4:5] if kind in STAGED_ALIKE else OFFSETS)],
    indirect=["blobs"],
)
def test_a_blob_is_read_from_any_offset(blobs, offset):
    read = b"".join(bytes(piece) for piece in blobs.open_blob(LAYER, offset_bytes=offset))
    assert hashlib.sha256(read).digest() == hashlib.sha256(LAYER_BYTES[offset:]).digest()


def test_pieces_are_bounded(blobs):
    assert max(len(piece) for piece in blobs.open_blob(LAYER, offset_bytes=0)) <= 1 << 20


def test_an_empty_blob_has_no_bytes(blobs):
    assert b"".join(bytes(piece) for piece in blobs.open_blob(NOTHING, offset_bytes=0)) == b""


def test_a_blob_can_be_left_in_the_middle_and_opened_again(blobs):
    for _ in range(3):
        pieces = blobs.open_blob(LAYER, offset_bytes=0)
        next(pieces)
        pieces.close()
    assert sum(len(piece) for piece in blobs.open_blob(LAYER, offset_bytes=0)) == LAYER.size_bytes


def test_a_source_that_gives_small_blobs_at_once_gives_them_whole(source, layout, request, tmp_path):
    store, _ = source
    if not gives_wholes(store):
        assert store.is_remote
        return
    assert store.read_whole(LAYER) == LAYER_BYTES
    with pytest.raises(Refused):
        store.read_whole(ABSENT)
    for size_bytes in (LAYER.size_bytes - 1, LAYER.size_bytes + 1):
        again, _ = open_source(request.node.callspec.params["source"], layout, request, tmp_path)  # staged: read once
        with pytest.raises(Damaged):
            again.read_whole(Descriptor(LAYER.media_type, LAYER.digest, size_bytes))


def test_a_blob_that_is_not_there_is_refused(source):
    store, _ = source
    with pytest.raises(Refused):
        list(store.open_blob(ABSENT, offset_bytes=0))


def test_a_blob_of_another_size_than_its_descriptor_says_is_damaged(source):
    store, _ = source
    with pytest.raises(Damaged):
        list(store.open_blob(Descriptor(LAYER.media_type, LAYER.digest, LAYER.size_bytes + 1), offset_bytes=0))


def test_what_is_attached_to_a_manifest_is_listed_and_can_be_read(source):
    store, _ = source
    found = {each.kind: each for each in store.attachments_of(ROOT.digest)}
    assert found.keys() == {"sbom", "signature"}
    assert (found["sbom"].tag, found["signature"].tag) == ("", dashed(BIG, ".sig"))
    for kind, image in (("sbom", SBOM), ("signature", SIGNATURE)):
        attachment = found[kind]
        root = attachment.descriptor or store.resolve(attachment.tag)
        assert store.read_manifest(root) == image.content
        for content in image.blobs.values():
            blob = descriptor("a/b", content)
            assert b"".join(bytes(piece) for piece in store.open_blob(blob, offset_bytes=0)) == content


def test_a_manifest_without_attachments_has_none(source):
    store, _ = source
    assert store.attachments_of(Digest.of(EMPTY.content)) == ()
    assert store.attachments_of(ABSENT.digest) == ()
