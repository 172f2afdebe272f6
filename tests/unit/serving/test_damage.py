"""A damaged blob never completes, wherever the damage is and whenever it comes."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import queue
import random
from pathlib import Path

import pytest

from bundler.core.limits import SERVED_PIECE_BYTES
from bundler.serving import verified
from tests.support import images
from tests.support.attached_bundles import write_bundle
from tests.support.serving import get, serving
from tests.support.tables import each_case

LAYER = gzip.compress(random.Random(1).randbytes(5 * SERVED_PIECE_BYTES + 1000), 1, mtime=0)
IMAGE = images.image([LAYER], uncompressed=[gzip.decompress(LAYER)])
DIGEST = images.sha256(LAYER)
PATH = f"/v2/team/app/blobs/{DIGEST}"


def written(folder: Path) -> Path:
    """A bundle with a layer that is larger than a chunk."""
    folder.mkdir(exist_ok=True)
    return write_bundle(folder, {"quay.io/team/app:1": (IMAGE, ())})


def place(folder: Path, offset: int) -> tuple[Path, int]:
    """The chunk and the offset in it of a byte of the layer."""
    manifest = json.loads((folder / "bundle.json").read_text())
    (blob,) = [each for each in manifest["blobs"] if each["digest"] == DIGEST]
    for chunk, begin, length in blob["pieces"]:
        if offset < length:
            return folder / f"chunk-{chunk:04d}.tar", begin + offset
        offset -= length
    raise AssertionError(offset)


def flip(folder: Path, offset: int, *, is_hidden: bool = False) -> None:
    """Flips a bit of the layer. A hidden change leaves the time of the file as it was."""
    path, at = place(folder, offset)
    state = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    if is_hidden:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.fixture
def settled(monkeypatch):
    """Verdicts on files that were just made: a test cannot give a file the time of a change (ctime) of a medium."""
    monkeypatch.setattr(verified, "_SETTLED_SECONDS", 0)


@each_case("offset", [0, SERVED_PIECE_BYTES, len(LAYER) - 1])
def test_a_damaged_blob_breaks_off(tmp_path_factory, offset):
    folder = written(tmp_path_factory.mktemp("damaged"))
    flip(folder, offset)
    with serving(folder) as served:
        for _ in range(2):
            with pytest.raises(http.client.IncompleteRead) as caught:
                get(served, PATH)
            assert len(caught.value.partial) < len(LAYER)
        got = get(served, PATH, range="bytes=5-9")
        assert (got.status, got.code) == (500, "UNKNOWN")
        assert "do not match the digest" in got.message
        assert get(served, "/v2/team/app/manifests/1").status == 200


def test_a_small_damaged_blob_is_an_error_before_its_first_byte(tmp_path):
    image = images.simple("small")
    folder = write_bundle(tmp_path, {"quay.io/team/app:1": (image, ())})
    for digest in image.all_blobs():
        content = (folder / "chunk-0001.tar").read_bytes()
        blob = image.all_blobs()[digest]
        (folder / "chunk-0001.tar").write_bytes(content.replace(blob, blob[:-1] + bytes([blob[-1] ^ 1])))
    with serving(folder) as served:
        for digest in image.all_blobs():
            kind = "manifests" if digest == image.digest else "blobs"
            got = get(served, f"/v2/team/app/{kind}/{digest}")
            assert (got.status, got.code) == (500, "UNKNOWN")


def test_a_blob_that_is_whole_comes_by_the_kernel_the_second_time(tmp_path, settled, monkeypatch):
    sent: queue.SimpleQueue[int] = queue.SimpleQueue()
    real = os.sendfile

    def counting(*arguments):
        count = real(*arguments)
        sent.put(count)
        return count

    def taken(size_bytes):
        """The next answer's bytes: the client has the last of them before the server has counted them."""
        count = 0
        while count < size_bytes:
            count += sent.get(timeout=60)
        return count

    monkeypatch.setattr(os, "sendfile", counting)
    with serving(written(tmp_path)) as served:
        assert get(served, PATH).content == LAYER
        assert sent.empty()
        assert get(served, PATH).content == LAYER
        assert taken(len(LAYER)) == len(LAYER)
        assert get(served, PATH, range="bytes=7-").content == LAYER[7:]
        assert taken(len(LAYER) - 7) == len(LAYER) - 7


def test_a_range_is_verified_by_one_read_of_the_whole_blob(tmp_path, settled):
    with serving(written(tmp_path)) as served:
        got = get(served, PATH, range=f"bytes=100-{SERVED_PIECE_BYTES + 100}")
        assert (got.status, got.content) == (206, LAYER[100 : SERVED_PIECE_BYTES + 101])


def test_a_change_after_the_verdict_is_found(tmp_path, settled):
    folder = written(tmp_path)
    with serving(folder) as served:
        assert get(served, PATH).content == LAYER
        flip(folder, SERVED_PIECE_BYTES, is_hidden=True)
        with pytest.raises(http.client.IncompleteRead):
            get(served, PATH)
        flip(folder, SERVED_PIECE_BYTES)
        assert get(served, PATH).content == LAYER


def test_a_change_in_the_middle_of_an_answer_breaks_it_off(tmp_path, settled, monkeypatch):
    folder = written(tmp_path)
    real = os.sendfile

    def changing(*arguments):
        sent = real(*arguments)
        flip(folder, 0)
        return sent

    with serving(folder) as served:
        assert get(served, PATH).content == LAYER
        monkeypatch.setattr(os, "sendfile", changing)
        with pytest.raises(http.client.IncompleteRead):
            get(served, PATH)


def test_a_file_that_was_just_written_is_hashed_each_time(tmp_path, monkeypatch):
    """Another write within the same tick of the clock would leave the same time."""
    sent = []
    monkeypatch.setattr(os, "sendfile", lambda *arguments: sent.append(arguments))
    with serving(written(tmp_path)) as served:
        for _ in range(2):
            assert get(served, PATH).content == LAYER
    assert sent == []


def test_a_blob_that_is_cut_over_chunks_is_one_blob(tmp_path, settled):
    folder = written(tmp_path)
    assert len(list(folder.glob("chunk-*"))) > 1
    with serving(folder) as served:
        for _ in range(2):
            assert get(served, PATH).content == LAYER
            assert get(served, PATH, range="bytes=1000-").content == LAYER[1000:]


def test_a_medium_that_is_missing_is_named(tmp_path):
    folder = written(tmp_path)
    path, _ = place(folder, len(LAYER) - 1)
    path.unlink()
    with serving(folder) as served:
        for method in ("GET", "HEAD"):
            assert get(served, PATH, method=method).status == 404
        got = get(served, PATH)
        assert got.code == "BLOB_UNKNOWN"
        assert path.name in got.message
        ((incomplete),) = served.catalogue.incomplete
        assert str(incomplete.image.image.reference) == "quay.io/team/app:1"


def test_another_copy_is_read_after_damage(tmp_path):
    good, bad = written(tmp_path / "good"), written(tmp_path / "bad")
    flip(bad, 0)
    with serving(bad, good) as served:
        with pytest.raises(http.client.IncompleteRead):
            get(served, PATH)
        assert get(served, PATH).content == LAYER
