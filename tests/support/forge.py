"""Makes good bundles and breaks them: one function for each way, most of which happened to a medium once.

A forged bundle can be signed again with the key that is trusted, so that the checks after the signature are tried too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler import cli
from bundler.bundle import signing
from bundler.core.limits import SUMS_BYTES
from tests.support import images

CHUNK_BYTES = 1 << 20
BIG, SHARED = "example.org/team/big:1", "example.org/team/one:1"


@dataclass(frozen=True)
class Forged:
    """A bundle's folder, and the key that signed it."""

    folder: Path
    private: Path
    public: Path
    blobs: dict[str, bytes] = field(repr=False)
    """The blobs of its images, by digest."""

    def copy(self, to: Path) -> Forged:
        """The same bundle in another folder."""
        shutil.copytree(self.folder, to)
        return Forged(to, self.private, self.public, self.blobs)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @property
    def key_id(self) -> str:
        return signing.load_public(self.public.read_bytes(), origin="test").id

    @property
    def signature(self) -> Path:
        return self / f"SHA256SUMS.{self.key_id}.sig"

    @property
    def chunks(self) -> list[Path]:
        return sorted(self.folder.glob("chunk-*"))

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self / "bundle.json").read_text())  # type: ignore[no-any-return]

    @property
    def sums(self) -> list[tuple[str, str]]:
        """Name and SHA-256 of each line."""
        lines = (self / "SHA256SUMS").read_text().splitlines()
        return [(line[66:], line[:64]) for line in lines]

    def sign(self) -> None:
        """Signs SHA256SUMS as it is."""
        key = signing.load_private(self.private.read_bytes(), origin="test", passphrase=bytes)
        self.signature.write_bytes(key.sign((self / "SHA256SUMS").read_bytes()))

    def sign_list(self, content: bytes) -> None:
        """Puts another SHA256SUMS under a good signature."""
        (self / "SHA256SUMS").write_bytes(content)
        self.sign()

    def seal(self) -> None:
        """Brings SHA256SUMS up to what lies there now, and signs it."""
        lines = [f"{hashlib.sha256((self / name).read_bytes()).hexdigest()}  {name}\n" for name, _ in self.sums]
        self.sign_list("".join(lines).encode())

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Changes bundle.json, and signs it."""
        document = self.manifest
        change(document)
        self.write_manifest(json.dumps(document).encode())

    def write_manifest(self, content: bytes) -> None:
        """Puts another bundle.json under a good signature."""
        (self / "bundle.json").write_bytes(content)
        self.seal()

    def write(self, name: str, offset: int, content: bytes) -> None:
        """Overwrites some bytes."""
        with open(self / name, "r+b") as file:
            file.seek(offset)
            file.write(content)

    def flip(self, name: str, offset: int) -> None:
        """Changes one bit."""
        self.write(name, offset, bytes([(self / name).read_bytes()[offset] ^ 1]))

    def members(self, name: str) -> list[tuple[int, int, str, list[str]]]:
        """The blobs of a chunk: offset, length, digest, and the images that need it; files of the layout left out."""
        document = self.manifest
        number = int(name[6:10])
        found = []
        for index, blob in enumerate(document["blobs"]):
            users = [each["reference"] for each in document["images"] if index in each["manifests"] + each["blobs"]]
            found += [(piece[1], piece[2], blob["digest"], users) for piece in blob["pieces"] if piece[0] == number]
        return sorted(found)


def make(folder: Path, name: str = "good", *, encrypt: str | None = None) -> Forged:
    """A small bundle of nine chunks with all that can be in one: an index, shared blobs, a blob that is cut."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = folder / "layout"
    base = images.gzip.compress(images.layer_tar("base", 500_000), mtime=0)
    made = {BIG: images.image([images.gzip.compress(images.layer_tar("big", 2_300_000), mtime=0)])}
    for word in ("one", "two", "three", "four"):
        own = images.gzip.compress(images.layer_tar(word, 700_000), mtime=0)
        made[f"example.org/team/{word}:1"] = images.image([base, own])
    made["example.org/team/multi:1"] = images.every_kind()["team/multi:1"]
    for reference, image in made.items():
        image.write_layout(layout, reference)
    private, public = folder / "forge.key", folder / "forge.pub"
    if not private.exists():
        assert cli.run(["keygen", "forge", "-d", str(folder), "-q"]) == 0
    export = ["export", *(f"oci:{layout}:{reference}" for reference in made), "-o", str(folder), "--name", name]
    secret = []
    if encrypt is not None:
        (folder / "passphrase").write_text(encrypt)
        secret = ["--encrypt", "--passphrase-file", str(folder / "passphrase")]
    assert cli.run([*export, "--key", str(private), "--chunk-size", "1MiB", "-q", *secret]) == 0
    blobs = {digest: content for image in made.values() for digest, content in image.all_blobs().items()}
    return Forged(folder / name, private, public, blobs)


def spread(bundle: Forged, to: Path, count: int) -> list[Path]:
    """The bundle on some media: the chunks in turns, the small files on each."""
    media = [to / f"disc{number}" for number in range(1, count + 1)]
    for number, medium in enumerate(media):
        medium.mkdir(parents=True)
        for path in bundle.folder.iterdir():
            if path not in bundle.chunks:
                shutil.copy(path, medium)
        for chunk in bundle.chunks[number::count]:
            shutil.copy(chunk, medium)
    return media


@dataclass(frozen=True)
class Fail:
    """One way to break a bundle, and who must refuse it how.

    Attributes:
        how: Breaks it.
        code: The exit code of `verify`.
        imported: The exit code of `import`; None for the same.
        seen_by: Which stock tool sees it: "openssl", "sha256sum", "find", or none.
        says: A text that `verify` prints.
    """

    how: Callable[[Forged], object]
    code: int
    says: str
    seen_by: str | None = "sha256sum"
    imported: int | None = None


def cut(name: str, keep: Callable[[int], int]) -> Callable[[Forged], object]:
    return lambda bundle: os.truncate(bundle / name, keep((bundle / name).stat().st_size))


def replaced(name: str, change: Callable[[bytes], bytes]) -> Callable[[Forged], object]:
    return lambda bundle: (bundle / name).write_bytes(change((bundle / name).read_bytes()))


def signature_of(change: Callable[[bytes], bytes]) -> Callable[[Forged], object]:
    return lambda bundle: bundle.signature.write_bytes(change(bundle.signature.read_bytes()))


def in_place_of(name: str, put: Callable[[Path], object]) -> Callable[[Forged], object]:
    def how(bundle: Forged) -> None:
        (bundle / name).unlink()
        put(bundle / name)

    return how


def signed_list(change: Callable[[str], str]) -> Callable[[Forged], object]:
    return lambda bundle: bundle.sign_list(
        change((bundle / "SHA256SUMS").read_text()).encode("utf-8", "surrogateescape")
    )


def signed(change: Callable[[dict[str, Any]], object]) -> Callable[[Forged], object]:
    return lambda bundle: bundle.edit(change)


def signed_text(change: Callable[[bytes], bytes]) -> Callable[[Forged], object]:
    return lambda bundle: bundle.write_manifest(change((bundle / "bundle.json").read_bytes()))


def a_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def last_chunk(bundle: Forged) -> str:
    return bundle.chunks[-1].name


def copied_over(source: str, target: str) -> Callable[[Forged], object]:
    return lambda bundle: shutil.copy(bundle / source, bundle / target)


def listed_too(name: str) -> Callable[[Forged], object]:
    """A name more in SHA256SUMS, properly signed."""
    return signed_list(lambda text: text + f"{hashlib.sha256(b'').hexdigest()}  {name}\n")


def _swap(document: dict[str, Any]) -> None:
    """Two blobs that say to lie at each other's place."""
    one, two = document["blobs"][-1], document["blobs"][-2]
    one["pieces"], two["pieces"] = two["pieces"], one["pieces"]


def _on_top(document: dict[str, Any]) -> None:
    """Two blobs at one place."""
    first, second = document["blobs"][0], document["blobs"][1]
    second["pieces"] = [[*list(first["pieces"][0][:2]), second["size"]]]


def _root(document: dict[str, Any]) -> dict[str, Any]:
    return document["images"][0]["root"]  # type: ignore[no-any-return]


def _of_other_bundle(name: str) -> Callable[[Forged], object]:
    """A file of another bundle, which the same key signed."""

    def how(bundle: Forged) -> None:
        other = bundle.folder.parent / "other"
        shutil.copytree(bundle.folder, other)
        stranger = Forged(other, bundle.private, bundle.public, bundle.blobs)
        stranger.edit(lambda document: document.update(created="2027-01-01T00:00:00Z"))
        shutil.copy(stranger / name, bundle / name)

    return how


DEEP = b'{"format": "bundler/1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
ROOT = os.geteuid() == 0

MANIFESTS: dict[str, Callable[[bytes], bytes]] = {
    "a name twice": lambda text: text.replace(b'"name":', b'"name": "x", "name":', 1),
    "NaN": lambda text: text.replace(b'"chunkSize": 1048576', b'"chunkSize": NaN'),
    "Infinity": lambda text: text.replace(b'"chunkSize": 1048576', b'"chunkSize": -Infinity'),
    "100,000 deep": lambda text: DEEP,
    "an integer of 5,000 digits": lambda text: text.replace(b"1048576", b"9" * 5000, 1),
    "a lone surrogate": lambda text: text.replace(b'"name":', b'"x": "\\ud800", "name":', 1),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "bytes after its end": lambda text: text + b"{}",
    "not UTF-8": lambda text: text.replace(b'"name"', b'"\xff"', 1),
    "a float for an integer": lambda text: text.replace(b"1048576", b"1048576.0", 1),
    "a negative size": lambda text: text.replace(b"1048576", b"-1", 1),
    "a size above 2^53": lambda text: text.replace(b"1048576", b"9007199254740993", 1),
    "a text for an integer": lambda text: text.replace(b"1048576", b'"1048576"', 1),
    "nothing": lambda text: b"",
    "null": lambda text: b"null",
    "a list": lambda text: b"[]",
}
"""Of bundle.json: what no reader may take in two ways."""

DOCUMENTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a header in a media type": lambda d: _root(d).update(mediaType="a/b\r\nX-Evil: 1"),
    "a media type that is no ASCII": lambda d: _root(d).update(mediaType="text/\u4e2d"),
    "escape codes in a media type": lambda d: _root(d).update(mediaType="\x1b]0;pwned\x07"),
    "another root size": lambda d: _root(d).update(size=5),
    "a name with another digest": lambda d: d["images"][0].update(reference=f"example.org/a/b:1@sha256:{'0' * 64}"),
    "a manifest of 3 GiB": lambda d: d["blobs"][0].update(size=3 << 30),
    "a file of the layout left out": lambda d: d["files"].pop(),
    "a text for true": lambda d: d.update(signed="no"),
    "no image": lambda d: d.update(images=[]),
    "a chunk of another name": lambda d: d["chunks"][0].update(file="chunk-0009.tar"),
    "a chunk upwards": lambda d: d["chunks"][0].update(file="../../etc/passwd"),
    "an absolute chunk": lambda d: d["chunks"][0].update(file="/etc/passwd"),
    "a chunk listed twice": lambda d: d["chunks"].append(d["chunks"][0]),
    "a chunk too many": lambda d: d["chunks"].append({"file": f"chunk-{len(d['chunks']) + 1:04d}.tar", "size": 1024}),
    "a chunk that is larger": lambda d: d["chunks"][0].update(size=d["chunks"][0]["size"] + 512),
    "overlapping places": _on_top,
    "an offset outside the chunk": lambda d: d["blobs"][0]["pieces"][0].__setitem__(1, 1 << 40),
    "a chunk number out of range": lambda d: d["blobs"][0]["pieces"][0].__setitem__(0, 99),
    "a chunk number of zero": lambda d: d["blobs"][0]["pieces"][0].__setitem__(0, 0),
    "a piece too few": lambda d: d["blobs"][0].update(pieces=[]),
    "a piece of three numbers and a half": lambda d: d["blobs"][0]["pieces"][0].append(5),
    "a blob of another size": lambda d: d["blobs"][0].update(size=5),
    "a blob listed twice": lambda d: d["blobs"].append(d["blobs"][0]),
    "a blob of an unknown kind": lambda d: d["blobs"][0].update(kind="script"),
    "an image listed twice": lambda d: d["images"].append(d["images"][0]),
    "a blob number out of range": lambda d: d["images"][0].update(blobs=[10**6]),
    "a file of the layout upwards": lambda d: d["files"][0].update(path="../index.json"),
    "a file of the layout in blobs": lambda d: d["files"][0].update(path="blobs/sha256/x"),
    "an unknown archive": lambda d: d.update(archive="zip"),
    "a name that is a path": lambda d: d.update(name="../x"),
    **{
        f"the digest {name}": lambda d, digest=digest: d["blobs"][0].update(digest=digest)  # type: ignore[misc]
        for name, digest in {
            "upwards": "sha256:../../x",
            "in capitals": "sha256:" + "A" * 64,
            "cut": "sha256:abc",
            "of md5": "md5:" + "0" * 32,
            "unknown": "blake3:" + "0" * 64,
            "of 10 KB": "sha256:" + "0" * 10_000,
            "with a newline": "sha256:" + "0" * 64 + "\n",
            "of a number": 5,
        }.items()
    },
}
"""Of bundle.json: what contradicts itself."""

NAMES = {
    "upwards": "../x",
    "absolute": "/abs",
    "of Windows": "C:\\x",
    "of a share": "\\\\srv\\s",
    "with a zero byte": "a\0b",
    "with a newline": "a\nb",
    "empty": "",
    "a dot": ".",
    "two dots": "..",
    "of 5,000 characters": "a" * 5000,
    "a flag": "-c",
    "hidden": ".hidden",
    "in capitals": "CHUNK-0001.TAR",
    "with a blank": "a b",
    "of SHA256SUMS itself": "SHA256SUMS",
    "upwards out of a folder": "tool/../../x",
    "in a folder in a folder": "tool/a/b",
    "of a folder": "tool/",
    "in a folder of Windows": "tool\\x",
    "not ASCII": "ä",
    "an escape code": "a\x1b[2J",
    "turned around": "a\u202eb",
}
"""File names that SHA256SUMS must not list."""

FAILS: dict[str, Fail] = {
    "M01 a bit of a chunk": Fail(lambda b: b.flip("chunk-0003.tar", 5000), 4, "are damaged"),
    "M02 a bit of SHA256SUMS": Fail(lambda b: b.flip("SHA256SUMS", 70), 5, "does not match", "openssl"),
    "M02 a bit of the signature": Fail(lambda b: b.flip(b.signature.name, 9), 5, "does not match", "openssl"),
    "M02 a bit of bundle.json": Fail(lambda b: b.flip("bundle.json", 40), 4, "changed or damaged"),
    "M02 a bit of README.txt": Fail(lambda b: b.flip("README.txt", 40), 4, "README.txt"),
    "M04 a chunk over another": Fail(copied_over("chunk-0002.tar", "chunk-0003.tar"), 4, "this is chunk-0002.tar"),
    "M05 a byte less": Fail(lambda b: cut(last_chunk(b), lambda size: size - 1)(b), 4, "truncated"),
    "M05 half": Fail(lambda b: cut(last_chunk(b), lambda size: size // 2)(b), 4, "truncated"),
    "M05 nothing left": Fail(lambda b: cut(last_chunk(b), lambda size: 0)(b), 4, "virus scanner"),
    "M06 a byte more": Fail(cut("chunk-0002.tar", lambda size: size + 1), 4, "too long"),
    "M06 a TiB more": Fail(cut("chunk-0002.tar", lambda size: 1 << 40), 4, "too long", None),
    "M06 a TiB of README": Fail(cut("README.txt", lambda size: 1 << 40), 4, "too large", None),
    "M06 a TiB of bundle.json": Fail(cut("bundle.json", lambda size: 1 << 40), 4, "too large", None),
    "M07 zeros": Fail(lambda b: b.write("chunk-0003.tar", 40960, bytes(4096)), 4, "at offset"),
    "M07 a sector of 0xFF": Fail(lambda b: b.write("chunk-0003.tar", 40960, b"\xff" * 512), 4, "at offset"),
    "P06 a TiB of SHA256SUMS": Fail(cut("SHA256SUMS", lambda size: 1 << 40), 4, "too large", None),
    "P06 SHA256SUMS of more lines than are read": Fail(
        replaced("SHA256SUMS", lambda c: c * ((SUMS_BYTES // len(c)) + 1)), 4, "too large", "openssl"
    ),
    "M08 a chunk missing": Fail(lambda b: (b / "chunk-0003.tar").unlink(), 9, "chunk-0003.tar"),
    "M08 bundle.json missing": Fail(lambda b: (b / "bundle.json").unlink(), 9, "bundle.json"),
    "M08 README.txt missing": Fail(lambda b: (b / "README.txt").unlink(), 9, "README.txt"),
    "M08 SHA256SUMS missing": Fail(lambda b: (b / "SHA256SUMS").unlink(), 9, "SHA256SUMS", "openssl"),
    "M12 a stranger": Fail(lambda b: (b / "evil.exe").write_bytes(b"MZ"), 4, "evil.exe", None),
    "M12 autorun": Fail(lambda b: (b / "autorun.inf").write_text("[autorun]"), 4, "autorun.inf", None),
    "M12 a chunk too many": Fail(copied_over("chunk-0001.tar", "chunk-0099.tar"), 4, "chunk-0099.tar", None),
    "M14 CRLF": Fail(replaced("SHA256SUMS", lambda c: c.replace(b"\n", b"\r\n")), 5, "converted", "openssl"),
    "M14 a BOM": Fail(replaced("SHA256SUMS", lambda c: b"\xef\xbb\xbf" + c), 5, "converted", "openssl"),
    "M14 UTF-16": Fail(replaced("SHA256SUMS", lambda c: c.decode().encode("utf-16")), 5, "converted", "openssl"),
    "M14 UTF-16LE": Fail(replaced("SHA256SUMS", lambda c: c.decode().encode("utf-16-le")), 5, "converted", "openssl"),
    "M14 no last newline": Fail(replaced("SHA256SUMS", lambda c: c[:-1]), 5, "the end of this text", "openssl"),
    "M14 CRLF in bundle.json": Fail(replaced("bundle.json", lambda c: c.replace(b"\n", b"\r\n")), 4, "converted"),
    "M14 CRLF in README.txt": Fail(replaced("README.txt", lambda c: c.replace(b"\n", b"\r\n")), 4, "converted"),
    "M14 the signature as text": Fail(signature_of(lambda c: c + b"\r\n"), 5, "binary mode", "openssl"),
    "M15 a stub": Fail(
        replaced("chunk-0003.tar", lambda c: b"This file was removed by your administrator"), 4, "virus scanner"
    ),
    "S01 no signature": Fail(lambda b: b.signature.unlink(), 5, "not signed", "openssl"),
    "S03 an empty signature": Fail(signature_of(lambda c: b""), 5, "does not match", "openssl"),
    "S03 a byte too few": Fail(signature_of(lambda c: c[:63]), 5, "does not match", "openssl"),
    "S03 a byte too many": Fail(signature_of(lambda c: c + b"\0"), 5, "too large", "openssl"),
    "S03 a TiB": Fail(lambda b: os.truncate(b.signature, 1 << 40), 5, "too large", None),
    "S03 base64": Fail(signature_of(base64.b64encode), 5, "too large", "openssl"),
    "S13 it says which algorithm": Fail(signature_of(lambda c: b"alg:none\n"), 5, "does not match", "openssl"),
    "S19 bundle.json of another": Fail(_of_other_bundle("bundle.json"), 4, "changed or damaged"),
    "S19 SHA256SUMS of another": Fail(_of_other_bundle("SHA256SUMS"), 5, "does not match", "openssl"),
    "P02 a link to a chunk": Fail(
        in_place_of("chunk-0003.tar", lambda path: path.symlink_to(path.with_name("chunk-0002.tar"))),
        4,
        "a link",
        "find",
    ),
    "P02 a link to /etc/shadow": Fail(
        in_place_of("chunk-0003.tar", lambda path: path.symlink_to("/etc/shadow")), 4, "a link", "find"
    ),
    "P02 SHA256SUMS is a link": Fail(
        in_place_of("SHA256SUMS", lambda path: path.symlink_to("/etc/shadow")), 4, "a link", "find"
    ),
    "P02 bundle.json is a link": Fail(
        in_place_of("bundle.json", lambda path: path.symlink_to("/etc/shadow")), 4, "a link", "find"
    ),
    "P02 a link to nowhere": Fail(
        in_place_of("chunk-0003.tar", lambda path: path.symlink_to("nowhere")), 4, "a link", "find"
    ),
    **{
        f"P04 {kind} as {name}": Fail(in_place_of(name, put), 4, says, seen_by)
        for kind, put, says, seen_by in [
            ("a pipe", os.mkfifo, "not a regular file", "find"),
            ("a socket", a_socket, "", "find"),
            ("a folder", os.mkdir, "not a regular file", None),
            *([("a device", lambda path: os.mknod(path, 0o20644, os.makedev(1, 5)), "not a regular", "find")] * ROOT),
        ]
        for name in ("chunk-0003.tar", "bundle.json", "SHA256SUMS", "README.txt")
    },
    **{f"P01 a name {word}": Fail(listed_too(name), 4, "SHA256SUMS", "sha256sum") for word, name in NAMES.items()},
    "P01 a name twice": Fail(signed_list(lambda t: t + t.splitlines()[0] + "\n"), 4, "duplicate", None),
    "P01 a comment": Fail(signed_list(lambda t: "# hello\n" + t), 4, "line 1", None),
    "P01 bundle.json not listed": Fail(signed_list(lambda t: _without(t, "bundle.json")), 4, "does not list", None),
    "P01 a chunk not listed": Fail(signed_list(lambda t: _without(t, "chunk-0002")), 4, "does not list", None),
    "P01 README.txt not listed": Fail(signed_list(lambda t: _without(t, "README")), 4, "does not list", None),
    "P01 a chunk listed that the bundle has not": Fail(
        lambda b: ((b / "chunk-0099.tar").touch(), listed_too("chunk-0099.tar")(b)), 4, "not a part of this", None
    ),
    "P01 content.7z listed in a bundle that is not encrypted": Fail(
        lambda b: ((b / "content.7z").touch(), listed_too("content.7z")(b)), 4, "not a part of this", None
    ),
    "P01 an unknown file listed, and not there": Fail(listed_too("install.sh"), 9, "install.sh", imported=0),
    **{f"P07 {word}": Fail(signed_text(change), 4, "bundle.json", None) for word, change in MANIFESTS.items()},
    "P08 format 2": Fail(signed(lambda d: d.update(format="bundler/2")), 6, "newer bundler", None),
    **{f"P16 {word}": Fail(signed(change), 4, "contradicts", None) for word, change in DOCUMENTS.items()},
    "P16 blobs that say to be each other": Fail(signed(_swap), 4, "", None),
}
"""By row of the table of attacks. Chunks are counted from 1; the third is in the middle of the blob that is cut."""


def _without(text: str, name: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if name not in line)
