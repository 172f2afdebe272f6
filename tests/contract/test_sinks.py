"""The promises of `ImageSink` and `BlobSink`, over every implementation."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from bundler.bundle.archive_writer import SevenZipWriter
from bundler.bundle.partial import PartialFolder
from bundler.bundle.writer import BundleWriter
from bundler.core.archive_kind import SEVEN_ZIP, TAR, ArchiveKind
from bundler.core.digest import Digest
from bundler.core.journal import ExportStart
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import Variant
from bundler.core.oci import Descriptor, parse_image_config, parse_manifest
from bundler.core.plan import Plan, ResolvedImage
from bundler.core.protocols import Obtained
from bundler.core.reference import Reference
from bundler.errors import Damaged, LocalStorage, Unavailable
from bundler.stores.hosts import NetworkOptions
from bundler.stores.oci_archive import ArchiveFiles, ArchiveSink
from bundler.stores.oci_layout import FolderFiles, LayoutFolderSink, LayoutSource
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from bundler.transports.parsing import parse_image
from tests.support import images
from tests.support.errors import raises
from tests.support.servers import Front
from tests.unit.values import plan_with

IMAGE = images.simple("sink", 2_500_000)
OTHER = images.simple("other")
ROOT = Descriptor(IMAGE.media_type, Digest.of(IMAGE.content), len(IMAGE.content))
BLOBS = {Digest.parse(digest): content for digest, content in IMAGE.blobs.items()}
LAYER = max(BLOBS, key=lambda digest: len(BLOBS[digest]))
CONFIG = min(BLOBS, key=lambda digest: len(BLOBS[digest]))


def descriptor(digest: Digest) -> Descriptor:
    return Descriptor("application/octet-stream", digest, len(BLOBS[digest]))


def pieces(content: bytes, size_bytes: int = 1 << 20):
    for begin in range(0, len(content), size_bytes):
        yield content[begin : begin + size_bytes]


def breaking(content: bytes, error: Exception):
    yield content[: len(content) // 2]
    raise error


@pytest.fixture(params=["registry", "folder", "archive"])
def sink(request, tmp_path):
    """A sink, the name to tag with, and a function that opens a source on what it took."""
    if request.param == "registry":
        registry = request.getfixturevalue("new_registry")()
        repository = Repository(Registry(registry.host, NetworkOptions()), "a/sink")
        return repository, "1", lambda: repository
    if request.param == "folder":
        folder = LayoutFolderSink(tmp_path / "layout")
        folder.prepare()
        return folder, "example.org/a/sink:1", lambda: LayoutSource(FolderFiles(tmp_path / "layout"))
    archive = ArchiveSink(tmp_path / "layout.tar")
    archive.prepare()

    def finish() -> LayoutSource:
        archive.finish()
        return LayoutSource(ArchiveFiles(tmp_path / "layout.tar"))

    return archive, "example.org/a/sink:1", finish


def fill(store) -> None:
    for digest, content in BLOBS.items():
        store.put_blob(descriptor(digest), pieces(content))


def test_what_is_put_and_tagged_is_read_again_byte_for_byte(sink):
    store, name, reopen = sink
    fill(store)
    store.put_manifest(ROOT, IMAGE.content)
    store.tag(ROOT, IMAGE.content, name)
    source = reopen()
    assert source.resolve(name).bare == ROOT
    assert source.read_manifest(ROOT) == IMAGE.content
    for digest, content in BLOBS.items():
        assert b"".join(bytes(p) for p in source.open_blob(descriptor(digest), offset_bytes=0)) == content


def test_a_blob_is_there_after_it_was_put_and_not_before(sink):
    store, _, _ = sink
    assert not store.has_blob(descriptor(LAYER))
    store.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    assert store.has_blob(descriptor(LAYER))


@pytest.mark.parametrize(
    "error", [Damaged("the last piece is withheld"), Unavailable("the source is gone"), KeyError()]
)
def test_a_blob_whose_pieces_break_off_is_not_there_and_the_error_comes_through(sink, error):
    store, name, reopen = sink
    with pytest.raises(type(error)) as caught:
        store.put_blob(descriptor(LAYER), breaking(BLOBS[LAYER], error))
    assert caught.value is error
    assert not store.has_blob(descriptor(LAYER))
    fill(store)  # and the sink goes on
    store.put_manifest(ROOT, IMAGE.content)
    store.tag(ROOT, IMAGE.content, name)
    assert b"".join(bytes(p) for p in reopen().open_blob(descriptor(LAYER), offset_bytes=0)) == BLOBS[LAYER]


def test_a_manifest_may_be_put_twice(sink):
    store, _, _ = sink
    fill(store)
    for _ in range(2):
        store.put_manifest(ROOT, IMAGE.content)


def test_a_name_that_refers_to_nothing_is_found_too(sink):
    store, name, _ = sink
    assert store.find(name) is None


def test_a_name_moves_from_one_image_to_another(sink):
    store, name, _ = sink
    fill(store)
    for digest, content in OTHER.blobs.items():
        store.put_blob(Descriptor("x/y", Digest.parse(digest), len(content)), pieces(content))
    other = Descriptor(OTHER.media_type, Digest.of(OTHER.content), len(OTHER.content))
    for root, content in ((ROOT, IMAGE.content), (other, OTHER.content)):
        store.put_manifest(root, content)
        store.tag(root, content, name)
        found = store.find(name)
        assert found is not None
        assert found.digest == root.digest


def test_a_registry_refuses_bytes_of_another_digest_by_itself(new_registry):
    """The second line of defence: the digest of the signed manifest is in the URL of the upload."""
    repository = Repository(Registry(new_registry().host, NetworkOptions()), "a/sink")
    wrong = b"x" * len(BLOBS[LAYER])
    with pytest.raises(Exception, match="DIGEST_INVALID"):
        repository.put_blob(descriptor(LAYER), pieces(wrong))
    assert not repository.has_blob(descriptor(LAYER))


def test_a_blob_is_mounted_within_a_registry_only(new_registry):
    registry = Registry(new_registry().host, NetworkOptions())
    first, second = Repository(registry, "a/first"), Repository(registry, "b/second")
    first.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    elsewhere = Repository(Registry(new_registry().host, NetworkOptions()), "a/first")
    assert second.obtain_blob(descriptor(LAYER), elsewhere) is None
    assert not second.has_blob(descriptor(LAYER))
    assert second.obtain_blob(descriptor(LAYER), first) is Obtained.MOUNTED
    assert second.obtain_blob(descriptor(LAYER), None) is Obtained.PRESENT
    assert second.has_blob(descriptor(LAYER))


@pytest.fixture
def watched(new_registry):
    """A registry, and a front before it that knows what was asked."""
    registry = new_registry()
    front = Front(registry).start()
    yield Registry(front.host, NetworkOptions()), front
    front.stop()


def asked(front) -> list[str]:
    return [method for method, path in front.requests if "/blobs/" in path]


@pytest.fixture
def answering(watched):
    """The same, and it is known that the registry mounts a blob from the repository that has it already."""
    registry, front = watched
    registry.self_mounts.note(is_answered_by_201=True)
    return registry, front


def empty(registry: Registry, path: str) -> Repository:
    """A repository that is probably empty."""
    repository = Repository(registry, path)
    repository.expect_nothing()
    return repository


def test_a_blob_for_a_new_repository_is_started_by_the_request_that_asks_for_it(answering):
    registry, front = answering
    registry.self_mounts.is_to_be_asked()
    repository = empty(registry, "a/new")
    assert repository.obtain_blob(descriptor(LAYER), None) is None
    repository.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    assert asked(front) == ["POST", "PUT", "HEAD"]
    assert repository.obtain_blob(descriptor(LAYER), None) is Obtained.PRESENT, "it is there now"
    assert asked(front)[3:] == ["POST", "HEAD"]
    repository.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    assert asked(front)[5:] == ["POST", "PUT", "HEAD"], "an upload that was started is used once"


def test_a_blob_for_a_new_repository_is_mounted_from_a_holder_by_the_one_request(answering):
    registry, front = answering
    holder = Repository(registry, "a/holder")
    holder.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    front.requests.clear()
    assert empty(registry, "a/new").obtain_blob(descriptor(LAYER), holder) is Obtained.MOUNTED
    assert asked(front) == ["POST", "HEAD"]


def test_a_registry_that_mounts_a_blob_from_where_it_is_is_asked_by_mounts_from_then_on(watched):
    registry, front = watched
    first, second, old = empty(registry, "a/new"), empty(registry, "a/other"), Repository(registry, "a/old")
    assert first.obtain_blob(descriptor(LAYER), None) is None, "nobody knows yet what the registry says"
    first.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    assert asked(front) == ["HEAD", "POST", "PUT", "POST", "HEAD"]
    assert second.obtain_blob(descriptor(LAYER), None) is None
    second.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    assert asked(front)[5:] == ["POST", "PUT", "HEAD"], "it is found out once"
    assert old.obtain_blob(descriptor(LAYER), None) is None
    assert asked(front)[8:] == ["HEAD"]


def begins_again(front, request) -> bool:
    """Answers as registries that cannot mount: they begin an upload, even if the blob is there."""
    request.path = request.path.partition("?mount=")[0]
    return False


def refuses(status: int):
    return lambda front, r: "mount=" in r.path and (front.send(r, status, {}, b"") or True)


@pytest.mark.parametrize("fault", [begins_again, refuses(405), refuses(500)], ids=["begins", "405", "500"])
def test_a_registry_that_does_not_mount_what_is_there_is_asked_in_the_usual_way(watched, fault):
    registry, front = watched
    front.faults = [fault]
    repository = empty(registry, "a/new")
    repository.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    assert repository.obtain_blob(descriptor(LAYER), None) is Obtained.PRESENT
    if fault is begins_again:
        assert asked(front) == ["POST", "PUT", "POST", "DELETE", "HEAD", "HEAD"], "the upload is cancelled"


def test_a_registry_that_takes_offence_at_mounting_later_is_asked_in_the_usual_way(watched):
    registry, front = watched
    repository = empty(registry, "a/new")
    repository.put_blob(descriptor(LAYER), pieces(BLOBS[LAYER]))
    front.faults = [refuses(405)]
    assert repository.obtain_blob(descriptor(CONFIG), None) is None
    repository.put_blob(descriptor(CONFIG), pieces(BLOBS[CONFIG]))
    front.requests.clear()
    assert repository.obtain_blob(descriptor(CONFIG), None) is Obtained.PRESENT
    assert asked(front) == ["HEAD"]


def test_a_registry_that_says_it_mounted_what_it_has_not_is_not_believed(answering):
    registry, front = answering
    front.faults = [lambda front, r: "mount=" in r.path and (front.send(r, 201, {}, b"") or True)]
    assert empty(registry, "a/new").obtain_blob(descriptor(LAYER), None) is None


def plan(kind: ArchiveKind = TAR) -> Plan:
    manifest = parse_manifest(IMAGE.content, IMAGE.media_type, what="test")
    assert manifest.config
    config = parse_image_config(BLOBS[manifest.config.digest], what="test")
    variants = (Variant(manifest.descriptor.digest, config, 0),)
    image = ResolvedImage(Reference.parse("a/b:1"), str(parse_image("a/b:1")), (manifest,), variants)
    options = {"name": "test", "created": "2026-01-01T00:00:00Z", "tool": "test", "signed": False}
    return plan_with([image], **options, chunk_size_bytes=1 << 20, archive=kind)


def started(kind, folder: Path, planned: Plan, passed=lambda _: None):
    place = PartialFolder(folder, planned.manifest.name)
    folder.mkdir(parents=True, exist_ok=True)
    partial = place.start(planned.manifest.chunks, ExportStart({}, {}, "", "", ""), place.read_journal())
    return kind.resuming(partial, planned.manifest, passed)


def write(folder: Path, *, spoil: bool) -> dict[str, bytes]:
    planned = plan()
    contents = {**planned.contents, **BLOBS, ROOT.digest: IMAGE.content}
    writer = started(BundleWriter, folder, planned)
    try:
        if spoil:  # bytes that reach their place, are hashed with the chunk, and turn out to be wrong
            for digest, content in contents.items():
                wrong = bytes(len(content))
                with suppress(Damaged):
                    writer.put_blob(Descriptor("x/y", digest, len(content)), withheld(wrong))
        for digest, content in reversed(contents.items()):
            writer.put_blob(Descriptor("x/y", digest, len(content)), pieces(content))
        writer.seal(None)
    finally:
        writer.close()
    return {path.name: path.read_bytes() for path in (folder / "test").iterdir()}


def withheld(content: bytes):
    yield content[:-1]
    raise Damaged("wrong digest")


def test_a_bundle_is_the_same_when_blobs_had_to_be_written_twice(tmp_path):
    assert write(tmp_path / "spoilt", spoil=True) == write(tmp_path / "smooth", spoil=False)


def write_archives(folder: Path, *, spoil: bool) -> dict[str, bytes]:
    planned = plan(SEVEN_ZIP)
    contents = {**planned.contents, **BLOBS, ROOT.digest: IMAGE.content}
    writer = started(SevenZipWriter, folder, planned)
    try:
        for group in writer.groups:
            for number, broken in enumerate(group.stored if spoil else []):
                for stored in group.stored[:number]:
                    group.put_blob(of(stored), pieces(contents[stored.digest]))
                with pytest.raises(Damaged):  # bytes that reach their place, and turn out to be wrong
                    group.put_blob(of(broken), withheld(bytes(broken.size_bytes)))
            for stored in group.stored:
                group.put_blob(of(stored), pieces(contents[stored.digest], 70_000))
        writer.seal(None)
    finally:
        writer.close()
    return {path.name: path.read_bytes() for path in (folder / "test").iterdir()}


def of(stored) -> Descriptor:
    return Descriptor("x/y", stored.digest, stored.size_bytes)


def test_a_bundle_of_7z_is_the_same_when_its_groups_had_to_start_again(tmp_path):
    assert write_archives(tmp_path / "spoilt", spoil=True) == write_archives(tmp_path / "smooth", spoil=False)


def test_a_group_of_a_bundle_takes_its_blobs_in_order_and_from_the_first_one_after_a_failure(tmp_path):
    writer = started(SevenZipWriter, tmp_path, plan(SEVEN_ZIP))
    try:
        first, second, *_ = writer.groups[0].stored
        contents = plan(SEVEN_ZIP).contents
        with pytest.raises(RuntimeError):
            writer.groups[0].put_blob(of(second), pieces(contents[second.digest]))
        writer.groups[0].put_blob(of(first), pieces(contents[first.digest]))
        with pytest.raises(Damaged):
            writer.groups[0].put_blob(of(second), withheld(contents[second.digest]))
        with pytest.raises(RuntimeError):
            writer.groups[0].put_blob(of(second), pieces(contents[second.digest]))
        with pytest.raises(RuntimeError):
            writer.seal(None)
    finally:
        writer.close()


@pytest.mark.parametrize("change", [-1, 1])
def test_a_7z_takes_neither_more_nor_fewer_bytes_than_planned(tmp_path, change):
    writer = started(SevenZipWriter, tmp_path, plan(SEVEN_ZIP))
    try:
        first = writer.groups[0].stored[0]
        with pytest.raises((Damaged, RuntimeError)):
            writer.groups[0].put_blob(of(first), pieces(bytes(first.size_bytes + change), 1))
    finally:
        writer.close()


def test_a_bundle_is_not_sealed_before_every_blob_was_put(tmp_path):
    planned = plan()
    writer = started(BundleWriter, tmp_path, planned)
    try:
        with pytest.raises(RuntimeError):
            writer.seal(None)
    finally:
        writer.close()
    assert not (tmp_path / "test").exists()


def test_two_writers_of_one_bundle_are_shown_each_other(tmp_path):
    first, second = PartialFolder(tmp_path, "test"), PartialFolder(tmp_path, "test")
    first.hold()
    with raises(Unavailable, values={"pid": os.getpid()}):
        second.hold()
    second.release()
    first.release()
    second.hold()
    second.release()


@pytest.mark.parametrize("kept_bytes", [0, 1, 1_200_000, 2_100_000, 2_499_999])
def test_a_bundle_that_was_left_in_the_middle_is_gone_on_with(tmp_path, kept_bytes):
    planned = plan()
    contents = {**planned.contents, **BLOBS, ROOT.digest: IMAGE.content}
    writer = started(BundleWriter, tmp_path, planned)
    with suppress(Damaged):
        writer.put_blob(descriptor(LAYER), torn(BLOBS[LAYER][:kept_bytes]))
    writer.close()
    again = started(BundleWriter, tmp_path, planned)
    half = again.partial_blob(descriptor(LAYER))
    assert (half.offset_bytes if half else 0) == (kept_bytes if kept_bytes >= PIECE_BYTES else 0)
    assert again.partial_blob(descriptor(LAYER)) is None, "returned once: if it cannot be continued, it starts again"
    rest = pieces(BLOBS[LAYER][kept_bytes:])
    if half:
        again.resume_blob(descriptor(LAYER), rest, offset_bytes=half.offset_bytes)
        assert half.hasher.hexdigest() == Digest.of(BLOBS[LAYER][:kept_bytes]).encoded
    for digest, content in contents.items():
        if not half or digest != LAYER:
            again.put_blob(Descriptor("x/y", digest, len(content)), pieces(content))
    again.seal(None)
    again.close()
    found = {path.name: path.read_bytes() for path in (tmp_path / "test").iterdir()}
    assert found == write(tmp_path / "smooth", spoil=False)


def torn(content: bytes):
    yield from pieces(content, 300_000)
    raise Damaged("torn")


def test_what_is_whole_is_known_and_chunks_that_are_done_are_not_read_again(tmp_path, monkeypatch):
    planned = plan()
    contents = {**planned.contents, **BLOBS, ROOT.digest: IMAGE.content}
    writer = started(BundleWriter, tmp_path, planned)
    for digest, content in contents.items():
        writer.put_blob(Descriptor("x/y", digest, len(content)), pieces(content))
    monkeypatch.setattr("os.rename", refuse)
    with pytest.raises(LocalStorage):
        writer.seal(None)
    writer.close()
    monkeypatch.undo()
    looked: list[int] = []
    again = started(BundleWriter, tmp_path, planned, looked.append)
    assert all(again.has_blob(Descriptor("x/y", digest, len(content))) for digest, content in contents.items())
    monkeypatch.setattr("os.preadv", refuse)
    again.seal(None)
    again.close()
    assert sum(looked) == sum(map(len, contents.values()))
    assert not (tmp_path / "test.partial").exists()


def refuse(*_):
    raise OSError(5, "Input/output error")
