"""Image files made to deceive their reader or to wear it out. Named by the promise that they try to break."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import py7zr
import pytest

from bundler import cli
from bundler.core import tar
from bundler.errors import worst
from bundler.stores import archive_check
from bundler.stores.image_file import ImageFile
from tests.support import images, sweeps
from tests.support.tables import each_case

pytestmark = pytest.mark.no_cover  # the code that it runs has tests of its own in tests/unit

NAME = "example.org/a/b:1"
LAYER = images.layer_tar("victim")
SECOND = images.layer_tar("second")
IMAGE = images.simple("victim")


# --- making archives ---------------------------------------------------------------------------------------------


def header(
    name: bytes | str, size_bytes: int = 0, kind: bytes = b"0", link: bytes | str = b"", **fields: bytes
) -> bytes:
    """A header block of whatever is asked for, its checksum right unless it is given."""
    name, link = (text.encode() if isinstance(text, str) else text for text in (name, link))
    block = bytearray(512)
    places = {
        "name": (0, name), "mode": (100, b"0000644\0"), "uid": (108, b"0000000\0"), "gid": (116, b"0000000\0"),
        "size": (124, b"%011o\0" % size_bytes), "time": (136, b"00000000000\0"), "kind": (156, kind), "link": (157, link),
        "magic": (257, b"ustar\x0000"), "prefix": (345, b""),
    }  # fmt: skip
    for field, (begin, content) in places.items():
        content = fields.get(field, content)
        block[begin : begin + len(content)] = content
    block[148:156] = b" " * 8
    block[148:156] = fields.get("checksum", b"%06o\0 " % sum(block))
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def member(
    name: bytes | str, content: bytes = b"", kind: bytes = b"0", link: bytes | str = b"", **fields: bytes
) -> bytes:
    return header(name, len(content), kind, link, **fields) + padded(content)


def pax(kind: bytes = b"x", **records: str) -> bytes:
    return member("x", b"".join(map(record, records, records.values())), kind)


def record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body)
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def gnu(kind: bytes, text: bytes) -> bytes:
    return member("././@LongLink", text + b"\0", kind, magic=b"ustar  \0")


def config_of(*layers: bytes, **more: object) -> bytes:
    diff_ids = [images.sha256(layer) for layer in layers]
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            **more,
        }
    ).encode()


def saved(*layers: bytes, tags: object = (NAME,), config: bytes | None = None, **more: object) -> dict[str, bytes]:
    """The members of an archive as `docker save` makes them."""
    config = config_of(*layers) if config is None else config
    names = [f"layer{number}.tar" for number, _ in enumerate(layers)]
    entry = {"Config": f"{hashlib.sha256(config).hexdigest()}.json", "RepoTags": tags, "Layers": names, **more}
    return {
        str(entry["Config"]): config,
        **dict(zip(names, layers, strict=True)),
        "manifest.json": json.dumps([entry]).encode(),
    }


def laid_out(*roots: images.Image, **more: bytes) -> dict[str, bytes]:
    """The members of an archive of an OCI image layout."""
    blobs = {digest: content for root in roots for digest, content in root.all_blobs().items()}
    entries = [root.descriptor(annotations={"org.opencontainers.image.ref.name": NAME}) for root in roots]
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": entries}).encode(),
        **{place(digest): content for digest, content in blobs.items()},
        **more,
    }


def place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def members(files: dict[str, bytes]) -> bytes:
    return b"".join(member(name, content) for name, content in files.items())


def tarred(files: dict[str, bytes], *more: bytes) -> bytes:
    return members(files) + b"".join(more) + tar.END


SAVED, LAID_OUT = saved(LAYER), laid_out(IMAGE)
EVIL = saved(SECOND)


# --- looking at them ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """The result of a check of a file."""

    code: int
    text: str
    facts: archive_check.FileFacts


Judge = Callable[[bytes], Verdict]


@pytest.fixture
def judged(tmp_path) -> Judge:
    """Checks a file in this process, within ten seconds and leaving nothing anywhere."""

    def judge(content: bytes) -> Verdict:
        inside = tmp_path / "outer/inner"
        inside.mkdir(parents=True, exist_ok=True)
        path = inside / "image.file"
        path.write_bytes(content)
        begin = time.process_time()
        facts = archive_check.check(ImageFile(path, called="image.file"))
        assert time.process_time() - begin < 10
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "outer", inside, path]
        return Verdict(worst(facts.findings), " | ".join(map(str, facts.findings)), facts)

    return judge


@pytest.fixture
def exported(tmp_path, capsys) -> Callable[..., int]:
    """Tries to make a bundle of a file in this process, and makes sure that none is there if it fails."""

    def export(content: bytes, transport: str = "docker-archive") -> int:
        path, out = tmp_path / "image.file", tmp_path / "out"
        path.write_bytes(content)
        code = cli.run(["export", f"{transport}:{path}", "--unsigned", "--name", "t", "-o", str(out), "-q"])
        assert "Traceback" not in capsys.readouterr().err
        assert code == 0 or not (out / "t").exists()
        return code

    return export


@dataclass(frozen=True)
class Bounded:
    code: int
    out: str
    err: str


def bounded(*arguments: object, seconds: float = 20, mebibytes: int = 300) -> Bounded:
    """Runs the command; it and its children may not take more time of a processor, nor more memory each."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bundler", *map(str, arguments)],
        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    outputs = ["", ""]

    def drain(number: int, pipe: io.TextIOBase) -> None:
        outputs[number] = pipe.read()

    drains = [
        threading.Thread(target=drain, args=(number, pipe)) for number, pipe in enumerate((child.stdout, child.stderr))
    ]
    for thread in drains:
        thread.start()
    most, deadline = 0, time.monotonic() + 20 * seconds  # others may need the machine as well
    try:
        while child.poll() is None:
            assert _busy_seconds(child.pid) < seconds, f"still at it after {seconds} s"
            assert time.monotonic() < deadline, f"waits for something after {20 * seconds} s"
            most = max(most, _resident_mebibytes(child.pid))
            assert most < mebibytes, f"took {most} MiB"
            time.sleep(0.02)
    finally:
        for pid in _children(child.pid):
            _kill(pid)
        child.kill()
        child.wait()
        for thread in drains:
            thread.join()
        child.stdout.close()
        child.stderr.close()
    assert "Traceback" not in outputs[1], outputs[1]
    return Bounded(child.returncode, *outputs)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 9)


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _busy_seconds(pid: int) -> float:
    """Of the process and its children, those that ended included."""
    total = 0.0
    for each in (pid, *_children(pid)):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def _resident_mebibytes(pid: int) -> int:
    """Of the process alone; the one that decodes 7z has a limit of its own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def table(cases: dict[str, object]) -> list[object]:
    """Cases by name."""
    return [pytest.param(case, id=name) for name, case in cases.items()]


# --- the good ones are good --------------------------------------------------------------------------------------


@each_case("files", [SAVED, LAID_OUT, saved(LAYER, SECOND, LAYER)], ids=["docker", "oci", "three layers"])
@each_case(
    "packed",
    [bytes, gzip.compress, lzma.compress, bz2.compress, images.zstd, lambda content: gzip.compress(content) * 1 + bytes(512)],
    ids=["plain", "gzip", "xz", "bzip2", "zstd", "gzip with padding"],
)  # fmt: skip
def test_what_is_whole_is_called_whole(judged, files, packed):
    assert judged(packed(tarred(files))).code == 0


# --- P11, P12: members -------------------------------------------------------------------------------------------

LINK, SOFT = b"1", b"2"
MEMBERS: dict[str, object] = {
    "a name that climbs": member("../../evil", b"x"),
    "a name that climbs in its middle": member("a/../../evil", b"x"),
    "an absolute name": member("/etc/evil", b"x"),
    "an absolute name of two slashes": member("//etc/evil", b"x"),
    "a folder that climbs": member("../evil/", kind=b"5"),
    "no name": member("", b"x"),
    "the name of the archive itself": member(".", b"x"),
    "the name of what is above": member("..", b"x"),
    "a soft link out": member("a/l", kind=SOFT, link="../../etc/passwd"),
    "an absolute soft link": member("l", kind=SOFT, link="/etc/passwd"),
    "a hard link out": member("l", kind=LINK, link="../../etc/passwd"),
    "an absolute hard link": member("l", kind=LINK, link="/etc/passwd"),
    "a link to itself": member("l", kind=SOFT, link="l"),
    "links in a circle": member("l", kind=SOFT, link="m") + member("m", kind=SOFT, link="l"),
    "a chain of links": member("l", kind=SOFT, link="m") + member("m", kind=SOFT, link="layer0.tar"),
    "a link to a folder": member("d/", kind=b"5") + member("l", kind=SOFT, link="d"),
    "a link to the archive itself": member("l", kind=SOFT, link="."),
    "a link to nothing": member("l", kind=SOFT, link="nothing"),
    "a link without a target": member("l", kind=SOFT),
    "a file below a link": member("l", kind=SOFT, link="..") + member("l/evil", b"x"),
    "a long link out": gnu(b"K", b"../" * 200 + b"etc/passwd") + member("l", kind=SOFT, link="layer0.tar"),
    "an extended link out": pax(linkpath="/etc/passwd") + member("l", kind=SOFT, link="layer0.tar"),
    "a character device": member("zero", kind=b"3"),
    "a block device": member("sda", kind=b"4"),
    "a pipe": member("pipe", kind=b"6"),
    "a sparse file": member("s", b"x", kind=b"S", magic=b"ustar  \0"),
    "a part of another archive": member("m", b"x", kind=b"M", magic=b"ustar  \0"),
    "a name list of an old GNU tar": member("n", b"x", kind=b"N", magic=b"ustar  \0"),
    "a kind that does not exist": member("u", b"x", kind=b"!"),
    "a second manifest": member("manifest.json", EVIL["manifest.json"]),
    "a second manifest under another spelling": member("./x/../manifest.json", EVIL["manifest.json"]),
    "a second manifest with a slash in front": member("/manifest.json", EVIL["manifest.json"]),
    "a second manifest with two slashes in front": member("//manifest.json", EVIL["manifest.json"]),
    "a folder in the manifest's place": member("manifest.json/", kind=b"5"),
    "a link over a file": member("manifest.json", kind=SOFT, link="layer0.tar"),
    "a file over a link": member("l", kind=SOFT, link="layer0.tar") + member("l", b"x"),
    "a second layer of one name": member("layer0.tar", SECOND),
    "a second manifest by the first of two extended names": (
        pax(path="junk") + pax(comment="x") + member("manifest.json", EVIL["manifest.json"])
    ),
    "a second manifest by a long name that the extended one hides": (
        gnu(b"L", b"manifest.json") + pax(path="junk") + member("other", EVIL["manifest.json"])
    ),
    "a second manifest by an empty extended name": pax(path="") + member("manifest.json", EVIL["manifest.json"]),
    "a second manifest by the name of a sparse file": (
        pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "manifest.json",
               "GNU.sparse.realsize": str(len(EVIL["manifest.json"]))})
        + member("junk", padded(b"1\n0\n%d\n" % len(EVIL["manifest.json"])) + EVIL["manifest.json"])
    ),
    "a second manifest by a name for all": pax(b"g", path="manifest.json") + member("junk", EVIL["manifest.json"]),
    "a size for all": pax(b"g", size="0") + member("junk", b"x" * 512),
    "a name with a zero in it": pax(path="manifest.json\0x") + member("junk", b"x"),
    "a long name with a zero in it": gnu(b"L", b"manifest.json\0x") + member("junk", b"x"),
    "a name that is no UTF-8": member(b"\xff\xfe", b"x"),
    "a long name that is no UTF-8": gnu(b"L", b"manifest\xff.json") + member("junk", b"x"),
    "a GNU name of 1 MB": gnu(b"L", b"n" * (1 << 20)) + member("n", b"x"),
    "a GNU link of 1 MB": gnu(b"K", b"n" * (1 << 20)) + member("n", kind=SOFT, link="layer0.tar"),
    "a GNU name of 5000 letters": gnu(b"L", b"n" * 5000) + member("n", b"x"),
    "an extended name of 1 MB": pax(path="n" * (1 << 20)) + member("n", b"x"),
    "an extended header of 8 GiB": header("x", (8 << 30) - 1, b"x"),
    "an extended header that is no list": member("x", b"12 path\n", b"x") + member("n", b"x"),
    "an extended record longer than its header": member("x", b"99 path=a\n", b"x") + member("n", b"x"),
    "an extended record of no length": member("x", b"0 path=a\n", b"x") + member("n", b"x"),
    "an extended header at the end": pax(path="n"),
    "an extended size that is larger": pax(size=str(1 << 40)) + member("n", b"x"),
    "an extended size that is smaller": pax(size="1") + member("n", b"x" * 1024),
    "an extended size below zero": pax(size="-512") + member("n", b"x"),
    "an extended size of two to the 62nd": pax(size=str(1 << 62)) + member("n", b"x"),
    "a base-256 size of 2^72": member("n", b"x", size=b"\x80\0\x01" + bytes(9)),
    "a base-256 size of 2^60": member("n", b"x", size=b"\x80" + (1 << 60).to_bytes(11, "big")),
    "a base-256 size below zero": member("n", b"x", size=b"\xff" * 12),
    "a size below zero": member("n", b"x", size=b"-0000000001\0"),
    "a size that is no number": member("n", b"x", size=b"0x000000001\0"),
    "a size that is larger than the archive": header("n", 1 << 32),
    "a wrong checksum": member("n", b"x", checksum=b"000001\0 "),
    "a checksum that is no number": member("n", b"x", checksum=b"\xff" * 8),
    "half a header": header("n")[:256],
    "noise": random.Random(1).randbytes(2048),
    "a link with data": header("l", 512, LINK, "layer0.tar") + member("manifest.json", EVIL["manifest.json"]),
}  # fmt: skip


@each_case("place_of_it", ["first", "last", "alone"])
@each_case("harmful", table(MEMBERS))
def test_a_harmful_member_is_found_at_any_place(judged, harmful, place_of_it):
    good = members(SAVED)
    content = {"first": harmful + good, "last": good + harmful, "alone": harmful}[place_of_it]
    verdict = judged(content + tar.END)
    assert (verdict.code, verdict.facts.images) == (4, []), verdict.text


@each_case("harmful", table(MEMBERS))
def test_a_harmful_member_hides_in_no_compression(judged, harmful):
    assert judged(gzip.compress(tarred(SAVED, harmful), 1)).code == 4


@pytest.mark.parametrize("name", [
    "a link out", "a soft link out", "an absolute name", "a second manifest", "a second manifest with a slash in front",
    "a second manifest by an empty extended name", "a second manifest by the name of a sparse file", "noise",
])  # fmt: skip
def test_a_harmful_member_is_sealed_into_nothing(exported, name):
    harmful = MEMBERS.get(name, MEMBERS["a hard link out"])
    assert exported(tarred(SAVED, harmful)) == 4


HARMLESS: dict[str, object] = {
    "a folder": member("d/", kind=b"5"),
    "the archive's own folder": member("./", kind=b"5"),
    "a folder twice": member("d/", kind=b"5") * 2,
    "a soft link to a file": member("l", kind=SOFT, link="layer0.tar"),
    "a soft link within a folder": member("d/l", kind=SOFT, link="../layer0.tar"),
    "a hard link to a file": member("l", kind=LINK, link="layer0.tar"),
    "an empty file": member("empty"),
    "a file of an old tar": member("old", b"x", kind=b"\0"),
    "an extended header with a time": pax(mtime="1.5") + member("n", b"x"),
    "an extended name": pax(path="n" * 300) + member("n", b"x"),
    "a long name of GNU": gnu(b"L", b"n" * 300) + member("n", b"x"),
    "a long name and a long link of GNU": (
        gnu(b"K", b"layer0.tar") + gnu(b"L", b"n" * 300) + member("n", kind=SOFT, link="l")
    ),
    "a remark for all": pax(b"g", comment="x") + member("n", b"x"),
    "an extended size that is right": pax(size="1") + member("n", b"x"),
    "a base-256 size that is right": member("n", b"x", size=b"\x80" + (1).to_bytes(11, "big")),
}  # fmt: skip


@each_case("harmless", table(HARMLESS))
def test_what_harms_nobody_is_let_be(judged, harmless):
    verdict = judged(tarred(SAVED, harmless))
    assert (verdict.code, len(verdict.facts.images)) == (0, 1), verdict.text


# --- smuggling: what another reader would load -------------------------------------------------------------------


def listing(**fields: object) -> bytes:
    """A manifest.json of one entry, changed."""
    return json.dumps([{**json.loads(SAVED["manifest.json"])[0], **fields}]).encode()


def both(config: bytes, *layers: bytes, tags: object = (NAME,)) -> dict[str, bytes]:
    """An archive of both forms: an image as Docker 25 writes it, with a manifest.json that may lie."""
    files = laid_out(IMAGE)
    files.update({place(images.sha256(blob)): blob for blob in (config, *layers)})
    paths = [place(images.sha256(layer)) for layer in layers]
    entry = {"Config": place(images.sha256(config)), "RepoTags": tags, "Layers": paths}
    return {**files, "manifest.json": json.dumps([entry]).encode()}


OWN_CONFIG, OWN_LAYER = IMAGE.blobs.values()
OWN_MANIFEST = json.loads(IMAGE.content)
OTHER = images.simple("other")
INDEX = json.loads(LAID_OUT["index.json"])
CONFIG = json.loads(config_of(LAYER))
EVIL_LISTING = json.loads(EVIL["manifest.json"])[0]
EVIL_CONFIG = EVIL[EVIL_LISTING["Config"]]


def linked(kind: bytes, digest: str, content: bytes) -> bytes:
    """A layout in which one blob is a link to other bytes."""
    files = {name: blob for name, blob in LAID_OUT.items() if name != place(digest)}
    target = "other" if kind == LINK else "../../other"
    return tarred(files, member("other", content), member(place(digest), kind=kind, link=target))


SMUGGLED: dict[str, object] = {
    "a config field in another case": tarred({**SAVED, **EVIL, "manifest.json": listing(config=EVIL_LISTING["Config"])}),
    "a layers field in another case": tarred({**SAVED, "second": SECOND, "manifest.json": listing(layers=["second"])}),
    "a names field in another case": tarred({**SAVED, "manifest.json": listing(repotags=["example.org/evil:1"])}),
    "a names field in capitals": tarred({**SAVED, "manifest.json": listing(REPOTAGS=["example.org/evil:1"])}),
    "a layers field with a long s": tarred(
        {**SAVED, "manifest.json": SAVED["manifest.json"].replace(b'"Layers"', '"Layer\u017f": [], "Layers"'.encode())}
    ),
    "a duplicate field": tarred(
        {**SAVED, "manifest.json": SAVED["manifest.json"].replace(b'"Config"', b'"Config": "x", "Config"')}
    ),
    "the index's list in another case": tarred(
        {**LAID_OUT, "index.json": json.dumps({**INDEX, "Manifests": []}).encode()}
    ),
    "the manifest's layers in another case": tarred(laid_out(images.Image(
        images.OCI_MANIFEST, json.dumps({**OWN_MANIFEST, "Layers": []}).encode(), IMAGE.blobs))),
    "the manifest's config in another case": tarred(laid_out(images.Image(
        images.OCI_MANIFEST, json.dumps({**OWN_MANIFEST, "CONFIG": {}}).encode(), IMAGE.blobs))),
    "a descriptor's digest in another case": tarred({**LAID_OUT, "index.json": json.dumps(
        {**INDEX, "manifests": [{**INDEX["manifests"][0], "Digest": images.sha256(SECOND)}]}).encode()}),
    "the config's rootfs in another case": tarred(saved(LAYER, config=config_of(LAYER, Rootfs={"diff_ids": []}))),
    "the config's list of layers in another case": tarred(saved(LAYER, config=config_of(
        LAYER, rootfs={**CONFIG["rootfs"], "Diff_IDs": []}))),
    "what runs in another case": tarred(saved(LAYER, config=config_of(LAYER, Config={"Cmd": ["/evil"]}))),
    "both forms with different images": tarred({**saved(SECOND), **LAID_OUT}),
    "both forms, one name for different images of both": tarred({
        **laid_out(IMAGE, OTHER), "index.json": json.dumps({**INDEX, "manifests": [INDEX["manifests"][0], OTHER.descriptor()]}).encode(),
        "manifest.json": both(*OTHER.blobs.values())["manifest.json"]}),
    "both forms with different configs": tarred(both(EVIL_CONFIG, SECOND)),
    "both forms with different images without names": tarred(both(EVIL_CONFIG, SECOND, tags=None)),
    "both forms with different layers": tarred(both(OWN_CONFIG, SECOND)),
    "both forms, one with more layers": tarred(both(OWN_CONFIG, OWN_LAYER, SECOND)),
    "both forms, one without layers": tarred(both(OWN_CONFIG)),
    "both forms, one of them nothing": tarred({**LAID_OUT, "manifest.json": b"[]"}),
    "both forms, the other nothing": tarred({**SAVED, "index.json": b'{"schemaVersion": 2, "manifests": []}'}),
    "both forms, one of them no list": tarred({**LAID_OUT, "manifest.json": b"{}"}),
    "both forms, the other no index": tarred({**SAVED, "index.json": b"[]"}),
    "one name of two images": tarred({**SAVED, **EVIL, "second.tar": SECOND, "layer0.tar": LAYER, "manifest.json": json.dumps(
        [json.loads(SAVED["manifest.json"])[0], {**EVIL_LISTING, "Layers": ["second.tar"]}]).encode()}),
    "one name of one image twice": tarred({**SAVED, "manifest.json": listing(RepoTags=[NAME, NAME])}),
    "a layer that is a hard link to another": linked(LINK, images.sha256(OWN_LAYER), gzip.compress(SECOND)),
    "a layer that is a soft link to another": linked(SOFT, images.sha256(OWN_LAYER), gzip.compress(SECOND)),
    "a config that is a hard link to another": linked(LINK, images.sha256(OWN_CONFIG), EVIL_CONFIG),
    "a config that is a soft link to another": linked(SOFT, images.sha256(OWN_CONFIG), EVIL_CONFIG),
    "a manifest that is a hard link to another": linked(LINK, IMAGE.digest, images.simple("other").content),
    "a manifest that is a soft link to another": linked(SOFT, IMAGE.digest, images.simple("other").content),
    "an index that is a link to nothing": tarred(
        {name: content for name, content in LAID_OUT.items() if name != "index.json"},
        member("index.json", kind=SOFT, link="other"),
    ),
    "a blob under the name of others": tarred(LAID_OUT, member(place(images.sha256(SECOND)), LAYER)),
    "a document under the name of others": tarred(LAID_OUT, member(place(images.sha256(b"{}")), b"[]")),
    "a blob of SHA-512 under the name of others": tarred(LAID_OUT, member("blobs/sha512/" + "0" * 128, LAYER)),
}  # fmt: skip


@each_case("content", table(SMUGGLED))
def test_what_readers_would_understand_differently_is_not_called_whole(judged, content):
    verdict = judged(content)
    assert verdict.code == 4, verdict.text


@pytest.mark.parametrize("name", [
    "a config field in another case", "both forms with different images",
    "both forms, one name for different images of both", "one name of two images", "a layer that is a soft link to another",
    "the config's rootfs in another case", "the manifest's layers in another case",
])  # fmt: skip
def test_what_readers_would_understand_differently_is_sealed_into_nothing(exported, name):
    assert exported(SMUGGLED[name], "oci-archive" if "manifest's" in name or "link" in name else "docker-archive") == 4


def test_both_forms_that_agree_are_whole(judged):
    verdict = judged(tarred(both(OWN_CONFIG, OWN_LAYER)))
    assert (verdict.code, len(verdict.facts.images)) == (0, 1), verdict.text


# --- P13: the end of the archive ---------------------------------------------------------------------------------

BOTH_KINDS = {"docker": tarred(SAVED), "oci": tarred(LAID_OUT)}
ENDS: dict[str, object] = {
    "no end mark": members(SAVED),
    "end mark": members(SAVED) + bytes(512),
    "half an end mark and a file after it": members(SAVED) + bytes(512) + member("x", b"x") + tar.END,
    "an end mark but for one byte": members(SAVED) + bytes(1023),
    "noise after the end": tarred(SAVED) + random.Random(2).randbytes(512),
    "one byte after the end": tarred(SAVED) + b"x",
    "one byte after zeros after the end": tarred(SAVED) + bytes(8000) + b"x",
    "a second archive after the end": tarred(SAVED) + tarred(EVIL),
    "a second archive after much padding": tarred(SAVED) + bytes(10240) + tarred(EVIL),
    "an end in the middle": members({"x": b"x"}) + tar.END + tarred(SAVED),
    "an end at the beginning": tar.END + tarred(SAVED),
    "only an end": tar.END,
    "only zeros": bytes(10240),
    "one zero": b"\0",
    "two megabytes of zeros after the end": tarred(SAVED) + bytes(2 << 20),
}


@each_case("content", table(ENDS))
@each_case("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_end_that_is_none_is_found(judged, packed, content):
    assert judged(packed(content)).code == 4


@pytest.mark.parametrize("padding", [0, 1, 511, 512, 9216, 10240, 1 << 20])
def test_zeros_after_the_end_are_padding(judged, padding):
    for content in BOTH_KINDS.values():
        verdict = judged(content + bytes(padding))
        assert (verdict.code, len(verdict.facts.images)) == (0, 1), verdict.text


def cuts() -> list[object]:
    return [
        pytest.param(content[: end - less], id=f"{kind} {end}-{less}")
        for kind, content in BOTH_KINDS.items()
        for end in range(512, len(content) + 1, 512)
        for less in (0, 100)
        if end - less < len(content)
    ]


@each_case("content", cuts())
def test_every_cut_is_found(judged, content):
    verdict = judged(content)
    assert verdict.code == 4, verdict.text


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_padding_may_be_cut_but_not_the_end_mark(judged, kind):
    whole = BOTH_KINDS[kind]
    for end in range(len(whole) - 1024, len(whole) + 10240, 512):
        assert judged((whole + bytes(10240))[:end]).code == (0 if end >= len(whole) else 4)


def substance(facts: archive_check.FileFacts) -> list[object]:
    """The content of a file without names, which no digest covers."""
    return [(image.id, image.digest, image.config, image.layers) for image in facts.images]


@each_case("kind", BOTH_KINDS)
@each_case("seed", range(100))
def test_a_flipped_bit_is_found_or_changes_nothing(judged, kind, seed):
    content = bytearray(BOTH_KINDS[kind])
    position = random.Random(f"{kind}{seed}").randrange(len(content))
    content[position] ^= 1 << seed % 8
    verdict = judged(bytes(content))
    assert verdict.code in (0, 4)
    if verdict.code == 0 and substance(verdict.facts) != substance(judged(BOTH_KINDS[kind]).facts):
        assert "differs from its digest" in " ".join(verdict.facts.warnings)


# --- P14: archives of docker save --------------------------------------------------------------------------------

DEEP = b"[" * 5000 + b"]" * 5000


def entry(**fields: object) -> bytes:
    return tarred({**SAVED, "manifest.json": listing(**fields)})


def without(field: str) -> bytes:
    (reported,) = json.loads(SAVED["manifest.json"])
    del reported[field]
    return tarred({**SAVED, "manifest.json": json.dumps([reported]).encode()})


def manifest(content: bytes) -> bytes:
    return tarred({**SAVED, "manifest.json": content})


def rootfs(*diff_ids: object, layers: tuple[bytes, ...] = (LAYER,)) -> bytes:
    return tarred(saved(*layers, config=config_of(rootfs={"type": "layers", "diff_ids": list(diff_ids)})))


RIGHT, WRONG = images.sha256(LAYER), images.sha256(SECOND)
DOCKER: dict[str, object] = {
    "a manifest that is an object": manifest(b"{}"),
    "a manifest of one entry without a list": manifest(SAVED["manifest.json"][1:-1]),
    "a manifest without images": manifest(b"[]"),
    "a manifest that is a number": manifest(b"1"),
    "a manifest that is a text": manifest(b'"x"'),
    "a manifest that is null": manifest(b"null"),
    "an empty manifest": manifest(b""),
    "a manifest of blanks": manifest(b"  \n"),
    "a manifest that is deep": manifest(DEEP),
    "a manifest that is cut": manifest(SAVED["manifest.json"][:-5]),
    "two manifests in one": manifest(SAVED["manifest.json"] * 2),
    "a manifest with a byte order mark": manifest(b"\xef\xbb\xbf" + SAVED["manifest.json"]),
    "a manifest of UTF-16": manifest(SAVED["manifest.json"].decode().encode("utf-16")),
    "a manifest that is no UTF-8": manifest(b'[{"Config": "\xff"}]'),
    "a manifest of half a letter": manifest(b'[{"Config": "\\ud800", "Layers": []}]'),
    "a manifest of NaN": manifest(b"[NaN]"),
    "a manifest of a long number": manifest(b"[" + b"9" * 5000 + b"]"),
    "a manifest of a list": manifest(b"[[]]"),
    "a manifest of null": manifest(b"[null]"),
    "a manifest with null at its end": manifest(SAVED["manifest.json"][:-1] + b",null]"),
    "a manifest with a field twice": manifest(b'[{"Config":"a","Config":"b","Layers":[]}]'),
    "no config": without("Config"),
    "no layers": without("Layers"),
    "a config that is a number": entry(Config=1),
    "a config that is null": entry(Config=None),
    "a config that is a list": entry(Config=["x"]),
    "a config without a name": entry(Config=""),
    "a config that is absent": entry(Config="0" * 64 + ".json"),
    "a config outside": entry(Config="../../etc/passwd"),
    "a config at an absolute place": entry(Config="/etc/passwd"),
    "a config that is the manifest": entry(Config="manifest.json"),
    "a config that is a layer": entry(Config="layer0.tar"),
    "a config with a zero in its name": entry(Config="x\0y"),
    "a config that is no JSON": tarred(saved(LAYER, config=b"{nothing")),
    "a config that is a list of things": tarred(saved(LAYER, config=b"[]")),
    "a config that is empty": tarred(saved(LAYER, config=b"{}")),
    "a config that is deep": tarred(saved(LAYER, config=b'{"a":' + DEEP + b"}")),
    "a config of a field twice": tarred(saved(LAYER, config=config_of(LAYER)[:-1] + b',"rootfs":{}}')),
    "a config whose rootfs is a list": tarred(saved(LAYER, config=config_of(rootfs=[]))),
    "a config whose rootfs is null": tarred(saved(LAYER, config=config_of(rootfs=None))),
    "a config whose layers are a text": tarred(saved(LAYER, config=config_of(rootfs={"diff_ids": RIGHT}))),
    "a config whose layers are an object": tarred(saved(LAYER, config=config_of(rootfs={"diff_ids": {RIGHT: 1}}))),
    "a config without layers": tarred(saved(LAYER, config=config_of())),
    "layers that are no list": entry(Layers="layer0.tar"),
    "layers that are an object": entry(Layers={"layer0.tar": 1}),
    "layers that are numbers": entry(Layers=[1]),
    "layers that are null": entry(Layers=[None]),
    "layers that are lists": entry(Layers=[["layer0.tar"]]),
    "no layer": entry(Layers=[]),
    "a layer outside": entry(Layers=["../../etc/passwd"]),
    "a layer at an absolute place": entry(Layers=["/etc/passwd"]),
    "a layer without a name": entry(Layers=[""]),
    "a layer that is above": entry(Layers=[".."]),
    "a layer that is absent": entry(Layers=["layer9.tar"]),
    "one layer more": entry(Layers=["layer0.tar", "layer0.tar"]),
    "one diff_id more": rootfs(RIGHT, RIGHT),
    "one layer less": tarred({**saved(LAYER, SECOND), "manifest.json": json.dumps([{**json.loads(
        saved(LAYER, SECOND)["manifest.json"])[0], "Layers": ["layer0.tar"]}]).encode()}),
    "layers that are swapped": rootfs(RIGHT, WRONG, layers=(SECOND, LAYER)),
    "a wrong diff_id": rootfs(WRONG),
    "a diff_id of a number": rootfs(1),
    "a diff_id of null": rootfs(None),
    "a diff_id without an algorithm": rootfs(RIGHT.partition(":")[2]),
    "a diff_id of an unknown algorithm": rootfs("md5:" + "0" * 32),
    "a diff_id in capitals": rootfs(RIGHT.upper()),
    "a diff_id that is too short": rootfs(RIGHT[:-1]),
    "a diff_id that is a path": rootfs("sha256:../../etc/passwd"),
    "a diff_id of SHA-512": rootfs("sha512:" + hashlib.sha512(LAYER).hexdigest()),
    "a layer that is a document": tarred(saved(b'{"a": 1}')) .replace(b'"a"', b'"b"'),
    "a layer that is cut": tarred(saved(LAYER, config=config_of(LAYER)) | {"layer0.tar": LAYER[:-512]}),
    "a layer that is longer": tarred(saved(LAYER) | {"layer0.tar": LAYER + bytes(512)}),
    "a layer that is another": tarred(saved(LAYER) | {"layer0.tar": SECOND}),
    "a layer that is empty": tarred(saved(LAYER) | {"layer0.tar": b""}),
    "a compressed layer that is cut": tarred(saved(LAYER) | {"layer0.tar": gzip.compress(LAYER)[:-9]}),
    "a compressed layer that is cut by one": tarred(saved(LAYER) | {"layer0.tar": gzip.compress(LAYER)[:-1]}),
    "a compressed layer that is damaged": tarred(saved(LAYER) | {"layer0.tar": gzip.compress(LAYER)[:-5] + b"12345"}),
    "a compressed layer that is another": tarred(saved(LAYER) | {"layer0.tar": gzip.compress(SECOND)}),
    "a compressed layer with noise at its end": tarred(saved(LAYER) | {"layer0.tar": gzip.compress(LAYER) + b"noise"}),
    "names that are no list": entry(RepoTags=NAME),
    "names that are numbers": entry(RepoTags=[1]),
    "names that are an object": entry(RepoTags={NAME: 1}),
}  # fmt: skip


@each_case("content", table(DOCKER))
def test_an_archive_of_docker_save_that_lies_is_found_out(judged, content):
    verdict = judged(content)
    assert (verdict.code, verdict.facts.images) == (4, []), verdict.text


@pytest.mark.parametrize("name", [
    "a wrong diff_id", "a diff_id of SHA-512", "a layer that is a document", "a compressed layer that is cut",
    "a compressed layer that is cut by one", "a compressed layer with noise at its end", "layers that are swapped",
    "one layer more", "one diff_id more", "a layer outside", "a layer that is absent", "a config that is the manifest",
    "a manifest without images", "a manifest that is deep", "a config outside",
])  # fmt: skip
def test_an_archive_of_docker_save_that_lies_is_sealed_into_nothing(exported, name):
    assert exported(DOCKER[name]) == 4


@pytest.mark.parametrize("tags", [None, [], [NAME]], ids=["null", "none", "one"])
def test_an_image_needs_no_name(judged, tags):
    assert judged(tarred(saved(LAYER, tags=tags))).code == 0


def test_an_image_is_known_by_its_own_id_and_not_by_what_its_config_is_called(judged):
    config = config_of(LAYER)
    files = {name: content for name, content in SAVED.items() if content != config}
    verdict = judged(tarred({**files, "0" * 64 + ".json": config, "manifest.json": listing(Config="0" * 64 + ".json")}))
    assert (verdict.code, str(verdict.facts.images[0].id)) == (0, images.sha256(config))
    assert "differs from its digest" in verdict.facts.warnings[0]


# --- layouts -----------------------------------------------------------------------------------------------------


def indexed(**fields: object) -> bytes:
    """The good layout with another index.json."""
    return tarred({**LAID_OUT, "index.json": json.dumps({**INDEX, **fields}).encode()})


def described(**fields: object) -> bytes:
    """The good layout, whose index says something else of its only image."""
    return indexed(manifests=[{**INDEX["manifests"][0], **fields}])


def remade(change: Callable[[dict[str, object]], object], media_type: str = images.OCI_MANIFEST) -> bytes:
    """A layout whose manifest is changed and whose digests above it are right."""
    document = json.loads(IMAGE.content)
    change(document)
    return tarred(laid_out(images.Image(media_type, json.dumps(document).encode(), IMAGE.blobs)))


def changed(path: tuple[str | int, ...], value: object) -> bytes:
    """The same with one value changed; a number is added to one."""

    def change(document: object) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = document[path[-1]] + value if type(value) is int else value

    return remade(change)


def absent(digest: str) -> bytes:
    return tarred({name: content for name, content in LAID_OUT.items() if name != place(digest)})


def layered(layer: bytes, media_type: str, *diff_ids: str) -> bytes:
    """A layout of one layer under a media type."""
    made = images.image([layer], layer_type=media_type, uncompressed=[LAYER])
    if not diff_ids:
        return tarred(laid_out(made))
    config = config_of(rootfs={"type": "layers", "diff_ids": list(diff_ids)})
    document = {**json.loads(made.content), "config": images.descriptor(images.OCI_CONFIG, config)}
    blobs = {images.sha256(blob): blob for blob in (config, layer)}
    return tarred(laid_out(images.Image(images.OCI_MANIFEST, json.dumps(document).encode(), blobs)))


def child_of(**fields: object) -> bytes:
    """An index of one image, of which it says something else."""
    document = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [{**IMAGE.descriptor(), **fields}]}
    return tarred(laid_out(images.Image(images.OCI_INDEX, json.dumps(document).encode(), {}, [IMAGE])))


def nested(depth: int) -> images.Image:
    level = IMAGE
    for _ in range(depth):
        level = images.index([(level, {})])
    return level


ITSELF = "sha256:" + "5" * 64
OF_ITSELF = {"mediaType": images.OCI_INDEX, "digest": ITSELF, "size": 300}


def naming_itself(times: int) -> bytes:
    """An index under a digest that is not its own, so that it can name itself."""
    content = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [OF_ITSELF] * times}).encode()
    entries = [{**OF_ITSELF, "size": len(content), "annotations": {"org.opencontainers.image.ref.name": NAME}}]
    index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    return tarred({"oci-layout": LAID_OUT["oci-layout"], "index.json": index, place(ITSELF): content})


ROOT_BYTES = len(IMAGE.content)
GZIPPED, ZIPPED = gzip.compress(LAYER, mtime=0), images.zstd(LAYER)
LAYOUTS: dict[str, object] = {
    "an index that is a list": tarred({**LAID_OUT, "index.json": b"[]"}),
    "an index that is a number": tarred({**LAID_OUT, "index.json": b"2"}),
    "an index that is empty": tarred({**LAID_OUT, "index.json": b""}),
    "an index that is deep": tarred({**LAID_OUT, "index.json": b'{"manifests":' + DEEP + b"}"}),
    "an index that is cut": tarred({**LAID_OUT, "index.json": LAID_OUT["index.json"][:-9]}),
    "an index of a field twice": tarred({**LAID_OUT, "index.json": b'{"manifests": [],' + LAID_OUT["index.json"][1:]}),
    "an index without a list": tarred({**LAID_OUT, "index.json": b'{"schemaVersion": 2}'}),
    "an index of an object": indexed(manifests={}),
    "an index of null": indexed(manifests=None),
    "an index of texts": indexed(manifests=["x"]),
    "an index of lists": indexed(manifests=[[]]),
    "an index of nothing": indexed(manifests=[]),
    "an index of an empty descriptor": indexed(manifests=[{}]),
    "a root that is longer than stated": described(size=ROOT_BYTES - 1),
    "a root that is shorter than stated": described(size=ROOT_BYTES + 1),
    "a root of no size": described(size=None),
    "a root of a size below zero": described(size=-1),
    "a root of an endless size": described(size=1 << 62),
    "a root whose size is a text": described(size=str(ROOT_BYTES)),
    "a root whose size is true": described(size=True),
    "a root of a broken size": described(size=ROOT_BYTES + 0.5),
    "a root without a digest": described(digest=None),
    "a root under a path": described(digest="sha256:../../../etc/passwd"),
    "a root under another digest": described(digest=WRONG),
    "a root under a digest in capitals": described(digest=IMAGE.digest.upper()),
    "a root under an unknown digest": described(digest="md5:" + "0" * 32),
    "a root of a type with escapes": described(mediaType="\x1b]0;x\x07"),
    "a root of a long type": described(mediaType="x" * 300),
    "a manifest as an index": described(mediaType=images.OCI_INDEX),
    "a manifest as one of Docker": described(mediaType=images.DOCKER_MANIFEST),
    "a manifest as a layer": described(mediaType=images.OCI_LAYER),
    "a manifest as a config": described(mediaType=images.OCI_CONFIG),
    "a manifest as anything": described(mediaType="application/octet-stream"),
    "a config as a manifest": described(**images.descriptor(images.OCI_MANIFEST, OWN_CONFIG)),
    "a layer as a manifest": described(**images.descriptor(images.OCI_MANIFEST, OWN_LAYER)),
    "no manifest": absent(IMAGE.digest),
    "no config": absent(images.sha256(OWN_CONFIG)),
    "no layer": absent(images.sha256(OWN_LAYER)),
    "a manifest of another schema": remade(lambda document: document.update(schemaVersion=1)),
    "a manifest of schema true": remade(lambda document: document.update(schemaVersion=True)),
    "a manifest of no schema": remade(lambda document: document.pop("schemaVersion")),
    "a manifest that denies its type": remade(lambda document: document.update(mediaType=images.OCI_INDEX)),
    "a manifest that is an index, too": remade(lambda document: document.update(manifests=[])),
    "a manifest without a config": remade(lambda document: document.pop("config")),
    "a manifest without layers": remade(lambda document: document.pop("layers")),
    "a manifest whose layers are an object": remade(lambda document: document.update(layers={})),
    "a manifest of a layer less": remade(lambda document: document.update(layers=[])),
    "a manifest of a layer more": remade(lambda document: document["layers"].append(document["layers"][0])),
    "a manifest that names itself a layer": remade(lambda document: document["layers"][0].update(
        images.descriptor(f"{images.OCI_LAYER}+gzip", IMAGE.content))),
    "a config that is longer than stated": changed(("config", "size"), -1),
    "a config that is shorter than stated": changed(("config", "size"), 1),
    "a config under a wrong digest": changed(("config", "digest"), WRONG),
    "a config under a path": changed(("config", "digest"), "sha256:../../x"),
    "a layer that is longer than stated": changed(("layers", 0, "size"), -1),
    "a layer that is shorter than stated": changed(("layers", 0, "size"), 1),
    "a layer under a wrong digest": changed(("layers", 0, "digest"), WRONG),
    "a layer under a path": changed(("layers", 0, "digest"), "sha256:../../x"),
    "a layer without a type": changed(("layers", 0, "mediaType"), ""),
    "a child that is longer than stated": child_of(size=ROOT_BYTES - 1),
    "a child that is shorter than stated": child_of(size=ROOT_BYTES + 1),
    "a child of another type": child_of(mediaType=images.DOCKER_MANIFEST),
    "a child as a layer": child_of(mediaType=images.OCI_LAYER),
    "a child under a path": child_of(digest="sha256:../x"),
    "only children that are absent": child_of(digest=WRONG),
    "indexes nine deep and more": tarred(laid_out(nested(10))),
    "an index that names itself": naming_itself(1),
    "an index that names itself often": naming_itself(100),
    "a gzip layer as zstd": layered(GZIPPED, f"{images.OCI_LAYER}+zstd"),
    "a gzip layer as a plain one": layered(GZIPPED, images.OCI_LAYER),
    "a zstd layer as gzip": layered(ZIPPED, f"{images.OCI_LAYER}+gzip"),
    "a zstd layer as a plain one": layered(ZIPPED, images.OCI_LAYER),
    "a plain layer as gzip": layered(LAYER, f"{images.OCI_LAYER}+gzip"),
    "a plain layer as zstd": layered(LAYER, f"{images.OCI_LAYER}+zstd"),
    "a gzip layer as one of Docker that is plain": layered(GZIPPED, "application/vnd.docker.image.rootfs.diff.tar"),
    "a wrong diff_id": layered(GZIPPED, f"{images.OCI_LAYER}+gzip", WRONG),
    "the compressed digest as diff_id": layered(GZIPPED, f"{images.OCI_LAYER}+gzip", images.sha256(GZIPPED)),
    "one diff_id more": layered(GZIPPED, f"{images.OCI_LAYER}+gzip", RIGHT, RIGHT),
    "a diff_id of SHA-512": layered(
        GZIPPED, f"{images.OCI_LAYER}+gzip", "sha512:" + hashlib.sha512(LAYER).hexdigest()
    ),
    "a layer that is cut before it was named": layered(GZIPPED[:-5], f"{images.OCI_LAYER}+gzip"),
    "a layer that is cut by one before it was named": layered(GZIPPED[:-1], f"{images.OCI_LAYER}+gzip"),
    "a zstd layer that is cut by one before it was named": layered(ZIPPED[:-1], f"{images.OCI_LAYER}+zstd"),
    "a zstd layer that is cut before it was named": layered(ZIPPED[:-5], f"{images.OCI_LAYER}+zstd"),
    "a layer with noise at its end": layered(GZIPPED + b"noise", f"{images.OCI_LAYER}+gzip"),
    "a layer with another at its end": layered(GZIPPED + gzip.compress(SECOND), f"{images.OCI_LAYER}+gzip"),
    "a layer that is a document": layered(b'{"a": 1}', images.OCI_LAYER),
    "a layout below a folder": tarred({f"image/{name}": content for name, content in LAID_OUT.items()}),
}  # fmt: skip


@each_case("content", table(LAYOUTS))
def test_a_layout_that_lies_is_found_out(judged, content):
    verdict = judged(content)
    assert verdict.code in (4, 6), verdict.text


@pytest.mark.parametrize("name", [
    "a wrong diff_id", "one diff_id more", "a diff_id of SHA-512", "the compressed digest as diff_id",
    "a layer that is cut before it was named", "a layer that is cut by one before it was named",
    "a zstd layer that is cut before it was named", "a zstd layer that is cut by one before it was named",
    "a layer with another at its end", "a layer under a wrong digest", "a layer that is longer than stated", "a manifest as a layer",
    "indexes nine deep and more", "an index that names itself", "a root under another digest",
])  # fmt: skip
def test_a_layout_that_lies_is_sealed_into_nothing(exported, name):
    assert exported(LAYOUTS[name], "oci-archive") in (4, 6)


def test_indexes_within_indexes_are_followed_as_deep_as_anybody_nests_them(judged):
    assert judged(tarred(laid_out(nested(8)))).code == 0


@pytest.mark.parametrize("media_type", [None, ""])
def test_a_root_without_a_type_has_that_of_its_manifest(judged, media_type):
    assert judged(described(mediaType=media_type)).code == 0


@pytest.mark.parametrize("media_type", [images.DOCKER_LAYER, f"{images.OCI_LAYER}+gzip"])
def test_a_layer_of_the_type_that_it_has_is_fine(judged, media_type):
    assert judged(layered(GZIPPED, media_type)).code == 0


# --- P15: what it is packed in -----------------------------------------------------------------------------------

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, "zstd": images.zstd,
}  # fmt: skip
NOISE = random.Random(3).randbytes(64)
FAULTS: dict[str, object] = {
    "cut in the middle": lambda packed: packed[: len(packed) // 2],
    "cut by one byte": lambda packed: packed[:-1],
    "cut by nine bytes": lambda packed: packed[:-9],
    "cut after its magic": lambda packed: packed[:6],
    "cut after its first bytes": lambda packed: packed[:20],
    "with noise at its end": lambda packed: packed + NOISE,
    "with its own magic at its end": lambda packed: packed + packed[:6],
    "with a byte at its end": lambda packed: packed + b"x",
    "with a cut one at its end": lambda packed: packed + packed[:-20],
    "with a whole one at its end": lambda packed: packed + packed,
    "with an archive at its end": lambda packed: packed + tarred(EVIL),
    "with a changed byte": lambda packed: packed[:1500] + bytes([packed[1500] ^ 1]) + packed[1501:],
    "with a byte left out": lambda packed: packed[:1500] + packed[1501:],
    "with two parts swapped": lambda packed: packed[:600] + packed[1200:1800] + packed[600:1200] + packed[1800:],
    "with zeros in its middle": lambda packed: packed[:1000] + bytes(512) + packed[1512:],
}


@each_case("fault", table(FAULTS))
@each_case("packer", PACKERS)
def test_a_compressed_file_that_is_not_whole_is_found(judged, packer, fault):
    verdict = judged(fault(PACKERS[packer](tarred(SAVED))))
    assert verdict.code == 4, verdict.text


@pytest.mark.parametrize("less", [1, 5])
@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_file_that_is_cut_is_sealed_into_nothing(exported, packer, less):
    assert exported(PACKERS[packer](tarred(SAVED))[:-less]) == 4
    assert exported(PACKERS[packer](tarred(LAID_OUT))[:-less], "oci-archive") == 4


def greedy_xz() -> bytes:
    """An xz file that asks for a dictionary of 1 GiB."""
    content = bytearray(lzma.compress(tarred(SAVED)))
    assert content[14:16] == b"\x21\x01"
    content[16] = 36
    content[20:24] = zlib.crc32(content[12:20]).to_bytes(4, "little")
    return bytes(content)


def greedy_zstd() -> bytes:
    """A zstd frame that asks for a window of 2 GiB."""
    content = tarred(SAVED)
    return b"\x28\xb5\x2f\xfd\x00\xa8" + (len(content) << 3 | 1).to_bytes(3, "little") + content


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in SAVED.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_an_xz_file_that_wants_much_memory_is_reported_too(judged):
    verdict = judged(greedy_xz())
    assert (verdict.code, "not an image archive" in verdict.text) == (4, False)
    assert "memory" in verdict.text.lower()


def test_a_zstd_file_that_wants_much_memory_is_reported_too(judged):
    verdict = judged(greedy_zstd())
    assert (verdict.code, "not an image archive" in verdict.text) == (4, False)
    assert "zstd" in verdict.text


@each_case("content", table({
    "a zip file": zipped(), "an empty file": b"", "noise": random.Random(4).randbytes(100_000), "one byte": b"x",
    "a text": b"hello\n" * 1000, "a document": SAVED["manifest.json"], "zeros": bytes(100_000), "a layer": LAYER,
    "a tar within a gzip within a gzip": gzip.compress(gzip.compress(tarred(SAVED))),
    "a tar within a tar": tarred({"image.tar": tarred(SAVED)}), "a gzip of nothing": gzip.compress(b""),
    "a xz of nothing": lzma.compress(b""), "a bzip2 of nothing": bz2.compress(b""), "a zstd of nothing": images.zstd(b""),
    "a gzip of noise": gzip.compress(random.Random(5).randbytes(10_000)), "the magic of a 7z": b"7z\xbc\xaf\x27\x1c",
    "a 7z of noise": b"7z\xbc\xaf\x27\x1c\0\4" + random.Random(6).randbytes(10_000),
    "a 7z of zeros": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(10_000),
}))  # fmt: skip
def test_what_is_no_image_file_is_said_to_be_none(judged, content):
    verdict = judged(content)
    assert (verdict.code, verdict.facts.images) == (4, [])


# --- 7z ----------------------------------------------------------------------------------------------------------


def seven_zip(path: Path, files: list[tuple[str, bytes]], links: Collection[str] = (), **options: object) -> bytes:
    """A 7z archive of members with any names: py7zr checks what it is asked to write, not what it writes."""
    methods = [{"id": py7zr.FILTER_LZMA2, "preset": 0}]
    if "password" in options:
        methods.append({"id": py7zr.FILTER_CRYPTO_AES256_SHA256})
    with py7zr.SevenZipFile(path, "w", **{"filters": methods, **options}) as archive:
        for number, (name, content) in enumerate(files):
            archive.writestr(content, f"placeholder{number}")
            written = archive.header.files_info.files[-1]
            written["filename"] = name
            if name in links:
                written["attributes"] = 0x8000 | 0o120777 << 16
    return path.read_bytes()


@pytest.fixture
def crafted(tmp_path_factory) -> Callable[..., bytes]:
    folder = tmp_path_factory.mktemp("crafted")
    return lambda files, **options: seven_zip(folder / "x.7z", files, **options)


SEVEN_ZIPS: dict[str, object] = {
    "a name that climbs": "../x",
    "a name that climbs in its middle": "a/../../x",
    "an absolute name": "/etc/evil",
    "an absolute name of two slashes": "//etc/evil",
    "the name of what is above": "..",
    "the name of the archive itself": ".",
    "no name": "",
    "a name of 100,000 letters": "n" * 100_000,
    "a name that climbs for 100,000 letters": "../" * 33_333 + "x",
    "a name that climbs and goes on for 100,000 letters": "../" + "n" * 100_000,
    "a name of 300 letters": "n" * 300,
    "the manifest's name again": "manifest.json",
    "the manifest's name in another spelling": "./manifest.json",
    "the manifest's name after a folder": "x/../manifest.json",
    "the manifest's name after a slash": "/manifest.json",
    "a name of another alphabet": "\u4e2d",
}


@pytest.mark.parametrize("name", table(SEVEN_ZIPS))
def test_a_harmful_name_in_a_7z_is_found(judged, crafted, name):
    verdict = judged(crafted([*SAVED.items(), (name, EVIL["manifest.json"])]))
    assert (verdict.code, verdict.facts.images) == (4, []), verdict.text


@pytest.mark.parametrize("name", ["C:\\evil", "..\\x", "C:/evil", "\\\\host\\share\\x"])
def test_names_of_windows_in_a_7z_lead_nowhere(judged, crafted, name):
    assert judged(crafted([*SAVED.items(), (name, b"x")])).code in (0, 4)


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "..", "nothing", "l", "../layer0.tar"])
def test_a_link_in_a_7z_that_leads_elsewhere_is_found(judged, crafted, target):
    verdict = judged(crafted([*SAVED.items(), ("l", target.encode())], links=["l"]))
    assert (verdict.code, verdict.facts.images) == (4, []), verdict.text


def test_a_link_in_a_7z_to_a_member_is_fine(judged, crafted):
    assert judged(crafted([*SAVED.items(), ("l", b"layer0.tar")], links=["l"])).code == 0


@pytest.mark.parametrize("has_hidden_names", [False, True])
def test_a_7z_that_is_encrypted_is_said_to_be(judged, crafted, has_hidden_names):
    verdict = judged(crafted(list(SAVED.items()), password="secret", header_encryption=has_hidden_names))
    assert (verdict.code, "encrypted" in verdict.text) == (4, True)


@pytest.mark.parametrize("files", table({
    "nothing": [], "an empty tar": [("x.tar", b"")], "a text": [("x.txt", b"hello")],
    "noise": [("x.tar", random.Random(7).randbytes(5000))], "two tars": [("a.tar", tarred(SAVED)), ("b.tar", tarred(EVIL))],
    "a compressed tar": [("a.tar.gz", gzip.compress(tarred(SAVED)))], "a cut tar": [("a.tar", members(SAVED))],
    "a harmful tar": [("a.tar", tarred(SAVED, MEMBERS["a second manifest"]))],
    "a lying archive": list(saved(LAYER, config=config_of(SECOND)).items()),
}))  # fmt: skip
def test_a_7z_of_no_image_is_refused(judged, crafted, files):
    verdict = judged(crafted(files))
    assert (verdict.code, verdict.facts.images) == (4, []), verdict.text


@pytest.mark.parametrize("where", [0.02, 0.4, 0.6, 1.0])
def test_a_7z_that_is_cut_or_changed_is_found(judged, crafted, where):
    content = crafted([("image.tar", tarred(SAVED))])
    position = min(int(len(content) * where), len(content) - 2)  # not in the name, which may be any
    assert judged(content[:position]).code == 4
    assert judged(content[:position] + bytes([content[position] ^ 16]) + content[position + 1 :]).code == 4


def test_a_bit_of_the_config_that_is_flipped_in_a_7z_without_compression_is_found(judged, exported, crafted):
    content = crafted([("image.tar", tarred(SAVED))], filters=[{"id": py7zr.FILTER_COPY}])
    assert judged(content).code == 0
    assert content.count(b"amd64") == 1
    flipped = content.replace(b"amd64", b"amd65")
    assert judged(flipped).code == 4
    assert exported(flipped) == 4


BOUNDED_PROGRAM = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "bundler", "verify", sys.argv[1]], capture_output=True, timeout=300)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, b"Traceback" in done.stderr)
"""


SIZES = {"FILTER_DEFLATE": 128, "FILTER_ZSTD": 800, "FILTER_LZMA2": 64}
"""Mebibytes of zeros."""


@pytest.mark.parametrize("method", SIZES)
def test_a_7z_that_grows_stays_within_bounds(tmp_path, method):
    (tmp_path / "zeros").touch()
    os.truncate(tmp_path / "zeros", SIZES[method] << 20)
    options = {"preset": 0} if method == "FILTER_LZMA2" else {}
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w", filters=[{"id": getattr(py7zr, method), **options}]) as archive:
        archive.write(tmp_path / "zeros", "image.tar")
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED_PROGRAM, tmp_path / "x.7z"], capture_output=True, text=True, timeout=320
    )
    code, mebibytes, has_traceback = done.stdout.split()
    assert (code, has_traceback) == ("4", "False")
    assert int(mebibytes) < 750


# --- P16: work ---------------------------------------------------------------------------------------------------


@pytest.fixture
def looked_at(tmp_path) -> Callable[..., Bounded]:
    """Checks a file of some pieces in a process that may take neither long nor much memory."""

    def look(pieces: Iterable[bytes]) -> Bounded:
        path = tmp_path / "image.file"
        with open(path, "wb") as file:
            file.writelines(pieces)
        done = bounded("verify", path, seconds=15)
        assert list(tmp_path.iterdir()) == [path]
        return done

    return look


def quick(name: str, size_bytes: int = 0, _seen: dict[tuple[int, int], tuple[bytes, int]] = {}) -> bytes:  # noqa: B006
    """A header, in less time than `header`."""
    key = (size_bytes, len(name))
    if key not in _seen:
        block = header("\1" * len(name), size_bytes, checksum=b" " * 8)
        _seen[key] = (block[len(name) :], sum(block) - len(name))
    rest, total = _seen[key]
    block = name.encode() + rest
    return block[:148] + b"%06o\0 " % (total + sum(name.encode())) + block[156:]


def gzipped(pieces: Iterable[bytes]) -> Iterable[bytes]:
    packer = zlib.compressobj(1, wbits=31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def long_names(count: int) -> Iterable[bytes]:
    begin, end = "n" * 3900, member("n")
    size = header("././@LongLink", 3909, b"L", magic=b"ustar  \0")
    for number in range(count):
        yield size + padded(f"{begin}{number:08}\0".encode()) + end


def repeated(piece: bytes, times: int) -> Iterable[bytes]:
    """The same bytes again and again, each time as a gzip member."""
    packed = gzip.compress(piece, 1)
    return (packed for _ in range(times))


def document(name: str, begin: bytes, repeat: bytes, end: bytes, size_bytes: int = 16 << 20) -> Iterable[bytes]:
    """A good archive in which one document is large."""
    content = begin + repeat * ((size_bytes - len(begin) - len(end)) // len(repeat)) + end
    base = SAVED if name == "manifest.json" else LAID_OUT
    return [tarred({**base, name: content})]


def multiplied() -> bytes:
    level = images.index([(IMAGE, images.platform("amd64"))])
    for _ in range(6):
        level = images.index([(level, {})] * 12)
        del level.children[1:]
    return tarred(laid_out(level))


def one_config(times: int) -> bytes:
    config = config_of(LAYER, comment="y" * (2 << 20))
    (reported,) = json.loads(saved(LAYER, config=config)["manifest.json"])
    entries = [{**reported, "RepoTags": [f"example.org/a/b:{number}"]} for number in range(times)]
    return tarred({**saved(LAYER, config=config), "manifest.json": json.dumps(entries).encode()})


def named(count: int) -> bytes:
    return tarred(saved(LAYER, tags=[f"example.org/a/b:{number}" for number in range(count)]))


FRAMES = {"gzip": gzip.compress(b"", mtime=0), "bzip2": bz2.compress(b""), "zstd": images.zstd(b"")}
GOOD = tarred(SAVED)
WORK: dict[str, tuple[Callable[[], Iterable[bytes]], tuple[int, ...]]] = {
    "names of 4,000 letters": (lambda: gzipped(long_names(20_000)), (4,)),
    "more members than any archive has": (
        lambda: gzipped(quick(f"f{number:07}") for number in range(110_000)), (4,)
    ),
    "folders without end": (
        lambda: repeated(header("d/", kind=b"5") * 1000, 110), (4,)
    ),
    "extended headers that repeat": (lambda: repeated(pax(comment="x" * 1_000_000), 1000), (4,)),
    "extended headers for all that repeat": (lambda: repeated(pax(b"g", comment="x" * 1_000_000), 300), (4,)),
    "long names that repeat": (lambda: repeated(gnu(b"L", b"n" * 1_000_000), 1000), (4,)),
    "an extended header of 60,000 records": (
        lambda: [tarred(SAVED, member("x", b"".join(record(f"k{n}", "v") for n in range(60_000)), b"x"), member("n"))],
        (0, 4),
    ),
    "an extended header of one record 60,000 times": (
        lambda: [tarred(SAVED, member("x", record("path", "n") * 60_000, b"x"), member("n"))], (0, 4)
    ),
    "empty frames of gzip": (lambda: [gzip.compress(GOOD), FRAMES["gzip"] * 1_000_000], (4,)),
    "empty frames of bzip2": (lambda: [bz2.compress(GOOD), FRAMES["bzip2"] * 1_000_000], (4,)),
    "empty frames of zstd": (lambda: [images.zstd(GOOD), FRAMES["zstd"] * 1_000_000], (4,)),
    "empty frames before all": (lambda: [FRAMES["zstd"] * 1_000_000, images.zstd(GOOD)], (4,)),
    "zeros after the end": (lambda: [gzip.compress(GOOD), *repeated(bytes(64 << 20), 512)], (4,)),
    "zeros instead of an archive": (lambda: repeated(bytes(64 << 20), 512), (4,)),
    "a layer that grows": (
        lambda: [tarred({**SAVED, "layer0.tar": gzip.compress(bytes(64 << 20)) * 4})], (4,)
    ),
    "a manifest of objects": (lambda: document("manifest.json", b"[", b"{},", b"{}]"), (4,)),
    "a manifest of texts": (lambda: document("manifest.json", b"[", b'"",', b'""]'), (4,)),
    "a manifest of brackets": (lambda: document("manifest.json", b"", b"[", b""), (4,)),
    "a manifest of quotes": (lambda: document("manifest.json", b"[", b'"', b"]", 4 << 20), (4,)),
    "a manifest of blanks": (lambda: document("manifest.json", b"[", b" ", b"]"), (4,)),
    "an index of objects": (lambda: document("index.json", b'{"manifests":[', b"{},", b"{}]}"), (4, 6)),
    "an index of brackets": (lambda: document("index.json", b'{"manifests":', b"[", b"}"), (4, 6)),
    "a document of 20 MiB": (lambda: document("manifest.json", b"[", b" ", b"]", 20 << 20), (4,)),
    "70 documents of 1 MiB in front": (
        lambda: [*(member(f"{n}.json", b"{" + b" " * (1 << 20)) for n in range(70)), GOOD], (0, 4)
    ),
    "70 documents of 1 MiB at its end": (
        lambda: [members(SAVED), *(member(f"{n}.json", b"{" + b" " * (1 << 20)) for n in range(70)), tar.END], (0, 4)
    ),
    "indexes that multiply": (lambda: [multiplied()], (0,)),
    "an index that names itself 10,000 times": (lambda: [naming_itself(10_000)], (4,)),
    "a large config named 1,000 times": (lambda: [one_config(1000)], (0,)),
    "a layer named 10,000 times": (
        lambda: [tarred({**saved(LAYER, config=config_of(*[LAYER] * 10_000)), "manifest.json": json.dumps([{
            **json.loads(saved(LAYER, config=config_of(*[LAYER] * 10_000))["manifest.json"])[0],
            "Layers": ["layer0.tar"] * 10_000}]).encode()})], (0,)
    ),
    "blobs of false names": (
        lambda: [*(quick(place(f"sha256:{n:064x}"), 1) + padded(b"x") for n in range(20_000)), tarred(LAID_OUT)], (4,)
    ),
    "100,000 names of an image": (lambda: [named(100_000)], (0,)),
}  # fmt: skip


@pytest.mark.parametrize("work", table(dict(sweeps.some(WORK.items(), every=5))))
def test_nothing_takes_long_or_much_memory(looked_at, work):
    make, codes = work
    done = looked_at(make())
    assert done.code in codes, done.out + done.err


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--json"], ["verify", "--json"]], ids=" ".join)
def test_looking_at_many_findings_takes_neither_long_nor_much(tmp_path, command):
    path = tmp_path / "image.tar"
    blobs = (quick(place(f"sha256:{n:064x}"), 1) + padded(b"x") for n in range(20_000))
    path.write_bytes(b"".join(blobs) + tarred(LAID_OUT))
    assert bounded(*command, path).code == (4 if command[0] == "verify" else 0)


def test_an_image_of_4000_names_is_found_by_one_of_them(tmp_path):
    path = tmp_path / "image.tar"
    path.write_bytes(named(4000))
    chosen = [f"docker-archive:{path}:example.org/a/b:{number}" for number in range(3)]
    done = bounded("export", *chosen, "--unsigned", "--name", "t", "-o", tmp_path / "out")
    assert done.code == 0, done.err


# --- the file itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_a_pipe_is_not_waited_for(tmp_path, command):
    os.mkfifo(tmp_path / "pipe")
    assert bounded(command, tmp_path / "pipe", seconds=10).code == 4


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_not_read(device):
    assert bounded("verify", device, seconds=10).code in (4, 8)


def test_a_socket_is_not_read(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert bounded("verify", tmp_path / "s", seconds=10).code in (4, 8)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_nothing_but_a_file_is_sealed(tmp_path, kind):
    path = tmp_path / kind
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            listener.bind(str(path))
        else:
            path = Path("/dev/zero")
        done = bounded("export", f"docker-archive:{path}", "--unsigned", "--name", "t", "-o", tmp_path / "out")
    assert done.code in (2, 4, 6, 8)
    assert not (tmp_path / "out/t").exists()


def test_a_link_to_itself_is_not_followed_for_ever(tmp_path):
    (tmp_path / "l").symlink_to("l")
    assert bounded("verify", tmp_path / "l", seconds=10).code in (2, 6, 8)


@pytest.fixture
def whole(tmp_path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(GOOD)
    return path


@pytest.mark.parametrize("checksum", ["", " ", "x", "0" * 63, "0" * 65, "sha256:", "md5:" + "0" * 32, "\u0660" * 64])
def test_a_checksum_that_is_none_is_not_passed_over(whole, capsys, checksum):
    assert cli.run(["verify", str(whole), "--sha256", checksum]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_checksum_of_another_file_is_reported(whole, capsys):
    assert cli.run(["verify", str(whole), "--sha256", "0" * 64]) == 4
    assert "checksum" in "".join(capsys.readouterr())
    assert cli.run(["verify", str(whole), "--sha256", hashlib.sha256(GOOD).hexdigest()]) == 0


# --- what is shown -----------------------------------------------------------------------------------------------

EVIL_TEXTS = {
    "an escape": "a\x1b[2Jb", "a title": "\x1b]0;x\x07", "a C1": "a\x9b2Jb", "a turn": "a\u202eb", "an isolate": "a\u2066b",
    "a line": "a\nintact: every digest in it is right", "a return": "a\rb", "a bell": "\x07", "a backspace": "a\x08\x08b",
    "a line of Unicode": "a\u2028b", "a deletion": "a\x7fb", "a long one": "x" * 2000,
}  # fmt: skip
FORBIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@each_case("text", table(EVIL_TEXTS))
@each_case("command", [["verify"], ["inspect"], ["verify", "--json"], ["inspect", "--json"]], ids=" ".join)
def test_texts_of_a_file_are_escaped_on_the_screen(tmp_path, capsys, command, text):
    path = tmp_path / "image.tar"
    config = config_of(
        LAYER,
        os=text,
        created=text,
        config={"Labels": {text: text}, "Env": [f"{text}={text}"], "Cmd": [text], "User": text, "WorkingDir": text},
    )
    path.write_bytes(tarred(saved(LAYER, tags=[text], config=config)))
    code = cli.run([*command, str(path)])
    shown = "".join(capsys.readouterr())
    assert (code, FORBIDDEN.search(shown)) == (0, None)
    assert shown.count("\nwhole:") <= 1


@pytest.mark.parametrize("text", table(EVIL_TEXTS))
def test_names_of_members_and_fields_are_escaped_on_the_screen(tmp_path, capsys, text):
    path = tmp_path / "image.tar"
    for content in (
        tarred(SAVED, pax(path=f"../{text[:9000]}"), member("n")),
        tarred(SAVED, member("n", kind=b"!")).replace(b"layer0", text.encode()[:6].ljust(6, b"x")),
        entry(Config=text),
        entry(Layers=[text]),
        entry(Layers=[f"../{text}"]),
        described(digest=text),
        described(mediaType=text),
        rootfs(text),
    ):
        path.write_bytes(content)
        code = cli.run(["verify", str(path)])
        shown = "".join(capsys.readouterr())
        assert (code, FORBIDDEN.search(shown)) == (4, None)
        assert "\nintact:" not in shown


@pytest.mark.parametrize("text", ["a b", "../../x", ":", "a\x1b[2J", "x" * 5000, "@sha256:0", "-o", ""])
def test_names_that_are_no_references_are_fine_to_look_at_and_are_not_carried(judged, exported, text):
    content = tarred(saved(LAYER, tags=[text]))
    assert judged(content).code == 0
    assert exported(content) == 2
