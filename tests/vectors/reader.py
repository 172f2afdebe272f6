"""A reader of bundles that was written from FORMAT.md alone, as proof that the page is enough.

It imports nothing of bundler. It needs ``cryptography`` for Ed25519 and, for encrypted bundles, the program ``7z``. The
numbers in comments are sections of FORMAT.md. Run it as ``python reader.py FOLDER KEY.pub [PASSPHRASE]``.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

NAME = r"README\.txt|[a-z0-9][a-z0-9._+-]{0,63}|[a-z0-9][a-z0-9._-]{0,31}/[a-z0-9][a-z0-9._+-]{0,127}"
LINE = re.compile(rf"([0-9a-f]{{64}})  ({NAME})")
BLOCK = 512
Document = dict[str, Any]


class Wrong(Exception):
    """Something is not as FORMAT.md says."""


@dataclass
class Read:
    """All that was read of a bundle."""

    bundle_id: str
    key_id: str
    sums: dict[str, str]
    outer: Document
    manifest: Document
    blobs: dict[str, bytes]
    """By digest; without those that the bundle leaves out."""

    @property
    def images(self) -> dict[str, str]:
        """The digest of the root by reference."""
        return {image["reference"]: image["root"]["digest"] for image in self.manifest["images"]}

    @property
    def left_out(self) -> set[str]:
        """The digests of the blobs that only a base has."""
        return {blob["digest"] for blob in self.manifest["blobs"] if "in" in blob}


def read_bundle(folder: Path, public_key: bytes, passphrase: str | None = None) -> Read:
    """Reads and checks a bundle: signature, sums, manifest, each byte of each chunk, each blob. 11."""
    content = (folder / "SHA256SUMS").read_bytes()
    key_id = check_signature(folder, content, public_key)
    sums = parse_sums(content)
    check_files(folder, sums)
    outer = load(folder / "bundle.json")
    if not outer.get("encrypted"):
        read = {number: (folder / chunk["file"]).read_bytes() for number, chunk in numbered(outer)}
        return Read(hashlib.sha256(content).hexdigest(), key_id, sums, outer, outer, check_content(outer, read, False))
    require(outer["encrypted"] is True and outer["archive"] == "7z", "5.10: encrypted")
    require(passphrase is not None, "no passphrase")
    with tempfile.TemporaryDirectory() as scratch:
        unpack(folder / "content.7z", Path(scratch), str(passphrase))
        manifest = load(Path(scratch) / "bundle.json")
    for field in ("format", "name", "created", "tool", "signed", "chunkSize", "chunks", "media"):
        require(outer.get(field) == manifest.get(field), f"5.10: {field}")
    read = {number: decrypted(folder, number, manifest, str(passphrase)) for number, _ in numbered(manifest)}
    return Read(hashlib.sha256(content).hexdigest(), key_id, sums, outer, manifest, check_content(manifest, read, True))


def require(condition: object, what: str) -> None:
    if not condition:
        raise Wrong(what)


def check_signature(folder: Path, content: bytes, public_key: bytes) -> str:
    """3.2 and 3.3."""
    key = load_pem_public_key(public_key)
    require(isinstance(key, Ed25519PublicKey), "3.2: not an Ed25519 key")
    key_id = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]
    signature = (folder / f"SHA256SUMS.{key_id}.sig").read_bytes()
    require(len(signature) == 64, "3.3: 64 bytes")
    try:
        key.verify(signature, content)  # type: ignore[union-attr, call-arg, arg-type]
    except InvalidSignature:
        raise Wrong("3.3: the signature") from None
    return key_id


def parse_sums(content: bytes) -> dict[str, str]:
    """3.1."""
    require(content.endswith(b"\n"), "3.1: the last line")
    sums: dict[str, str] = {}
    for line in content[:-1].decode("ascii").split("\n"):
        match = LINE.fullmatch(line)
        require(match is not None and match[2] not in sums, f"3.1: {line}")
        assert match is not None
        sums[match[2]] = match[1]
    require(not {name.partition("/")[0] for name in sums if "/" in name} & set(sums), "3.1: a file that is a folder")
    return sums


def check_files(folder: Path, sums: dict[str, str]) -> None:
    """2: every listed file is there with its digest, and nothing else is."""
    require({"README.txt", "bundle.json"} <= set(sums), "3.1: README.txt and bundle.json")
    for name, digest in sums.items():
        path = folder / name
        require(path.is_file() and not path.is_symlink() and not path.parent.is_symlink(), f"2: {name}")
        require(hashlib.sha256(path.read_bytes()).hexdigest() == digest, f"3.1: the digest of {name}")
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    strange = {name for name in there - set(sums) if not re.fullmatch(r"SHA256SUMS(\.[0-9a-f]{16}\.sig)?", name)}
    require(not strange, f"2: {strange}")


def load(path: Path) -> Document:
    """5: I-JSON of a known format."""

    def without_doubles(pairs: list[tuple[str, Any]]) -> Document:
        require(len({name for name, _ in pairs}) == len(pairs), "5: a name twice")
        return dict(pairs)

    document: Document = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=without_doubles)
    require(document["format"] in ("bundler/1", "bundler/1+base"), f"5.1: format {document['format']}")
    return document


def numbered(manifest: Document) -> Iterator[tuple[int, Document]]:
    """The chunks by number, with their names checked. 5.6."""
    for number, chunk in enumerate(manifest["chunks"], start=1):
        require(chunk["file"] == f"chunk-{number:04d}.{manifest.get('archive', 'tar')}", f"5.6: {chunk['file']}")
        yield number, chunk


def check_content(manifest: Document, chunks: dict[int, bytes], is_encrypted: bool) -> dict[str, bytes]:
    """Every byte of every chunk, every blob, and what images, attachments, bases and media say. 4 and 5."""
    is_tar = manifest.get("archive", "tar") == "tar"
    bases, media = manifest.get("bases", []), manifest.get("media", [])
    require((manifest["format"] == "bundler/1+base") == bool(bases), "5.13: format")
    blobs: dict[str, bytes] = {}
    members: dict[int, list[tuple[int, int, str]]] = {number: [] for number in chunks}
    for entry in [*manifest["files"], *manifest["blobs"]]:
        algorithm, _, encoded = entry["digest"].partition(":")
        if "in" in entry:
            require(entry["in"] and not entry.get("pieces") and entry["kind"] != "manifest", "5.4: in")
            for place in entry["in"]:
                require((bases[place["base"]]["kind"] == "bundle") == ("chunks" in place), "5.13: chunks")
            continue
        path = entry.get("path") or f"blobs/{algorithm}/{encoded}"
        data = b""
        for number, (chunk, offset, length) in enumerate(entry["pieces"], start=1):
            members[chunk].append((offset, length, path if len(entry["pieces"]) == 1 else f"{path}.part-{number:04d}"))
            data += chunks[chunk][offset : offset + length]
        require(len(data) == entry["size"], f"5.7: {path}")
        require(hashlib.new(algorithm, data).hexdigest() == encoded, f"the digest of {path}")
        blobs[entry["digest"]] = data
    for number, chunk in numbered(manifest):
        if not is_encrypted:
            require(len(chunks[number]) == chunk["size"], f"5.6: the size of chunk {number}")
            (check_tar if is_tar else check_7z)(chunks[number], sorted(members[number]))
    for image in manifest["images"]:
        check_image(manifest, image)
    if media:
        require(sorted(n for medium in media for n in medium["chunks"]) == sorted(chunks), "5.14: chunks")
    return blobs


def check_image(manifest: Document, image: Document) -> None:
    """5.2 and 5.11."""
    blobs = manifest["blobs"]
    for part in (image, *image.get("attachments", [])):
        require(part["manifests"] and all(blobs[n]["kind"] == "manifest" for n in part["manifests"]), "5.2: manifests")
        require(all(blobs[n]["kind"] != "manifest" for n in part["blobs"]), "5.2: blobs")
    root = blobs[image["manifests"][-1]]
    require(all(root[field] == image["root"][field] for field in ("mediaType", "digest", "size")), "5.2: root")
    subjects = {blobs[number]["digest"] for number in image["manifests"]}
    tagged: dict[str, int] = {}
    for each in image.get("attachments", []):
        require(each["subject"] in subjects, "5.11: subject")
        suffix = each.get("tag", ".x").removeprefix(each["subject"].replace(":", "-"))
        require(re.fullmatch(r"\.[a-z]{1,32}", suffix), "5.11: tag")
        root_number = each["manifests"][-1]
        require("tag" not in each or tagged.setdefault(each["tag"], root_number) == root_number, "5.11: one tag twice")
        subjects |= {blobs[number]["digest"] for number in each["manifests"]}


def check_tar(chunk: bytes, members: list[tuple[int, int, str]]) -> None:
    """4.1 to 4.4: each byte around the data."""
    position = 0
    for offset, length, name in members:
        header = framing(name, length)
        require(offset == position + len(header) and chunk[position:offset] == header, f"4.1: the header of {name}")
        position = offset + length + -length % BLOCK
        require(not any(chunk[offset + length : position]), f"4.1: the padding of {name}")
    require(chunk[position:] == bytes(1024), "4.4: the end")


def framing(name: str, length: int) -> bytes:
    """4.1 and 4.2: the bytes before the data of a member."""
    records = pax("path", name) if len(name) > 100 else b""
    records += pax("size", str(length)) if length >= 8 << 30 else b""
    header = block(name[:100], length if length < 8 << 30 else 0, b"0")
    return block("././@PaxHeader", len(records), b"x") + records.ljust(BLOCK, b"\0") + header if records else header


def pax(name: str, value: str) -> bytes:
    rest = f" {name}={value}\n"
    length = len(rest) + len(str(len(rest)))
    return f"{length if len(str(length)) + len(rest) == length else length + 1}{rest}".encode()


def block(name: str, size: int, kind: bytes) -> bytes:
    start = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + f"{size:011o}\0{0:011o}\0".encode()
    end = (kind + bytes(100) + b"ustar\x0000").ljust(BLOCK - 156, b"\0")
    return start + f"{sum(start + b' ' * 8 + end):06o}\0 ".encode() + end


def check_7z(chunk: bytes, members: list[tuple[int, int, str]]) -> None:
    """4.6: the start, the places of the data, and the header by its CRC."""
    require(chunk[:8] == bytes.fromhex("377abcaf271c0004"), "4.6: the start")
    crc, offset, length, header_crc = struct.unpack("<IQQI", chunk[8:32])
    require(zlib.crc32(chunk[12:32]) == crc, "4.6: the CRC of the start")
    position = 32
    for begin, size, name in members:
        require(begin == position, f"4.6: the place of {name}")
        position += size
    header = chunk[32 + offset :]
    require(32 + offset == position and len(header) == length and zlib.crc32(header) == header_crc, "4.6: the header")
    require(1 <= length <= 512 + sum(32 + 2 * len(name) for _, _, name in members), "4.6: the length of the header")


def unpack(archive: Path, to: Path, passphrase: str) -> None:
    subprocess.run(["7z", "x", "-y", f"-p{passphrase}", f"-o{to}", archive], check=True, capture_output=True)


def decrypted(folder: Path, number: int, manifest: Document, passphrase: str) -> bytes:
    """4.6: the data of the members of an encrypted chunk, put where pieces say."""
    pieces = []
    for entry in [*manifest["files"], *manifest["blobs"]]:
        algorithm, _, encoded = entry["digest"].partition(":")
        path = entry.get("path") or f"blobs/{algorithm}/{encoded}"
        for part, (chunk, offset, length) in enumerate(entry.get("pieces", []), start=1):
            name = path if len(entry["pieces"]) == 1 else f"{path}.part-{part:04d}"
            pieces += [(offset, length, name)] if chunk == number else []
    with tempfile.TemporaryDirectory() as scratch:
        unpack(folder / manifest["chunks"][number - 1]["file"], Path(scratch), passphrase)
        there = {str(path.relative_to(scratch)) for path in Path(scratch).rglob("*") if path.is_file()}
        require(there == {name for _, _, name in pieces}, f"4.6: the members of chunk {number}")
        data = b"".join((Path(scratch) / name).read_bytes() for _, _, name in sorted(pieces))
    return bytes(32) + data


if __name__ == "__main__":
    found = read_bundle(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), *sys.argv[3:4])
    sys.stdout.write("".join(f"{digest} {reference}\n" for reference, digest in found.images.items()))
