"""Checks a bundle of container images, and restores it to a registry or a folder. Needs only Python 3.6 or later.

    python3 restore.py --trust KEY.pub                            check every file, write nothing
    python3 restore.py --trust KEY.pub --to HOST[:PORT][/PREFIX]  push all images; digests stay the same
    python3 restore.py --trust KEY.pub --to oci:FOLDER            write an OCI image layout

Run it in the folder of the bundle, or name folders: restore.py [options] FOLDER... The first is that of the bundle to
restore, the others its further media, and earlier bundles that it needs. KEY.pub must have come another way than they.

It checks the signature of SHA256SUMS, then the SHA-256 of bundle.json, which SHA256SUMS lists, then the digest of each
blob, which bundle.json lists. It sends the last bytes of a blob only if its digest is right, and moves a tag only after
everything that the image needs is there. If it stops, run the same command again: it sends what is missing.
The login comes from the file of "docker login", or from --user NAME with a prompt or the password on standard input.
Exit codes: 0 done, 2 wrong call, 4 damaged, 5 not trusted, 6 refused, 7 try again, 8 local storage, 9 incomplete.
"""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", sys.flags.isolated):
    del sys.path[0]  # the folder of this file: a json.py on a medium is no part of Python, and no list has it

import argparse
import base64
import contextlib
import getpass
import hashlib
import http.client
import json
import os
import re
import ssl
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple
from urllib.parse import urlencode, urljoin, urlsplit

MIB = 1 << 20
SUMS_LIMIT, JSON_LIMIT, MANIFEST_LIMIT, ATTEMPTS, TIMEOUT_SECONDS = 64 * MIB, 256 * MIB, 4 * MIB, 4, 600
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
HOST = re.compile(r"([\w-]{1,63}(\.[\w-]{1,63})*|\[[0-9A-Fa-f:]+\])(:[0-9]{1,4}|:[1-5][0-9]{4}|:6[0-4][0-9]{3})?", re.A)
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*")
REFERENCE = re.compile(rf"([^/@\s]+)/({REPOSITORY.pattern})(?::(\w[\w.-]{{0,127}}))?(?:@({DIGEST.pattern}))?", re.A)
MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")
SUM = re.compile(r"([0-9a-f]{64})  (README\.txt|[a-z0-9][a-z0-9._+-]{0,63}(/[a-z0-9][a-z0-9._+-]{0,127})?)")
SMALL = re.compile(r"README\.txt|bundle\.json|restore\.py|record-.*")
UNLISTED = re.compile(r"sha256sums(\..*\.sig)?|\..*|system vol.*|\$recycle.*|thumbs\.db|desktop\.ini|(lost\+)?found.*")
SPKI = bytes.fromhex("302a300506032b6570032100")  # the DER of an Ed25519 public key begins with this
INDEX, NAME = "application/vnd.oci.image.index.v1+json", "org.opencontainers.image.ref.name"
DOCKER, LOGIN = "application/vnd.docker.distribution.manifest", '; log in with "docker login", or give --user NAME'
ACCEPT = f"application/vnd.oci.image.manifest.v1+json, {INDEX}, {DOCKER}.v2+json, {DOCKER}.list.v2+json, */*"
COMPACT = json.JSONEncoder(separators=(",", ":")).encode  # the form that bundler writes, too
Document = Dict[str, Any]
Point = Tuple[int, int, int, int]


class Failed(Exception):
    """The end of the run, or of the work on one image, with its exit code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def say(text: str) -> None:
    """Prints lines. A terminal obeys control characters, so those in texts of others become "?"."""
    sys.stderr.write("".join(each if each.isprintable() or each == "\n" else "?" for each in text) + "\n")
    sys.stderr.flush()


# Ed25519 of RFC 8032: an old openssl lacks it, and it would read the file again. x = X/Z, y = Y/Z, x * y = T/Z.
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def added(p: Point, q: Point) -> Point:
    """The sum of two points."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P


def times(number: int, point: Point) -> Point:
    """A multiple of a point."""
    result: Point = (0, 1, 1, 0)
    while number:
        result = added(result, point) if number & 1 else result
        point, number = added(point, point), number >> 1
    return result


def point_of(encoded: bytes) -> Optional[Point]:
    """The point that 32 bytes encode; None if they encode none, or not in the only form that is allowed."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def verifies(key: bytes, signature: bytes, content: bytes) -> bool:
    """True for a good signature. A key of small order (8 times it is 0) signs nothing: anybody can sign for it."""
    base, a, r = point_of(bytes.fromhex("58" + "66" * 31)), point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or not base or not a or not r or s >= ORDER or not times(8, a)[0]:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + content).digest(), "little") % ORDER
    p, q = times(s, base), added(r, times(k, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def read_key(path: str) -> bytes:
    """The 32 bytes of the one Ed25519 public key in a PEM file."""
    text = "".join(read_small(path, 16384, code=2).decode("ascii", "replace").split())
    middle = re.fullmatch(r"-----BEGINPUBLICKEY-----([A-Za-z0-9+/]{59}=)-----ENDPUBLICKEY-----", text)
    der = base64.b64decode(middle.group(1)) if middle else b""
    if der[:12] != SPKI or point_of(der[12:]) is None:
        raise Failed(2, f"{path}: not one Ed25519 public key in PEM")
    return der[12:]


def is_regular(path: str) -> bool:
    """True for a file that is no link, device or pipe."""
    return os.path.isfile(path) and not os.path.islink(path)


def read_small(path: str, limit: int = JSON_LIMIT, code: int = 4) -> bytes:
    """The content of a regular file."""
    if not is_regular(path):
        raise Failed(code, f"{path}: {'not a regular file' if os.path.lexists(path) else 'no such file'}")
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Failed(code, f"{path}: larger than {limit} bytes")
    return content


def digest_of(pieces: Iterable[bytes], algorithm: str = "sha256") -> str:
    """The digest of some bytes."""
    hasher = hashlib.new(algorithm)
    for piece in pieces:
        hasher.update(piece)
    return f"{algorithm}:{hasher.hexdigest()}"


def has_digest(path: str, digest: str, limit: int) -> bool:
    """True if there is a regular file with a digest, and no larger than a limit."""
    if not is_regular(path) or os.path.getsize(path) > limit:
        return False
    with open(path, "rb") as file:
        return digest_of(iter(lambda: file.read(MIB), b""), digest.split(":")[0]) == digest


def json_of(content: bytes, what: str) -> Document:
    """A JSON object. No object in it has a name twice: readers differ in which one they take."""

    def once(pairs: List[Tuple[str, Any]]) -> Document:
        demand(len(dict(pairs)) == len(pairs), "a name twice in one object")
        return dict(pairs)

    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=once)
        demand(isinstance(document, dict), "not an object")
        json.dumps(document, ensure_ascii=False).encode() if b"\\u" in content else None  # refuses half characters
    except (ValueError, RecursionError) as error:
        raise Failed(4, f"{what}: not valid JSON ({error})")
    return dict(document)


def list_in(document: Document, what: str, *names: str) -> List[Document]:
    """The objects that a manifest has under some names, alone or in lists."""
    entries = [each for v in map(document.get, names) if v for each in (v if isinstance(v, list) else [v])]
    if not all(isinstance(each, dict) for each in entries):
        raise Failed(4, f"{what}: not objects: {', '.join(names)}")
    return entries


def count(value: Any) -> int:
    """A number of bytes or things."""
    demand(type(value) is int and 0 <= value <= 2**53, f"the number {value!r:.40}")
    return int(value)


def demand(is_right: Any, what: str) -> None:
    """Refuses something in bundle.json that is not as the format says."""
    if not is_right:
        raise ValueError(what)


class Blob:
    """Bytes that are named by their digest, and the pieces of chunks where they are."""

    def __init__(self, bundle: "Bundle", entry: Document) -> None:
        self.bundle, self.digest, self.size = bundle, entry["digest"], count(entry["size"])
        demand(DIGEST.fullmatch(self.digest), f"the digest {self.digest:.80}")
        self.media_type, self.kind = entry.get("mediaType", "a/b"), entry.get("kind", "file")
        demand(MEDIA_TYPE.fullmatch(self.media_type), f"the media type of {self.digest}")
        demand(self.kind in ("manifest", "config", "layer", "file"), f"the kind of {self.digest}")
        demand(self.kind != "manifest" or self.size <= MANIFEST_LIMIT, f"the size of {self.digest}")
        self.pieces = [(count(chunk), count(start), count(length)) for chunk, start, length in entry.get("pieces", [])]
        self.bases = [(bundle.bases[count(each["base"])], each) for each in entry.get("in", [])]
        self.repositories = [name for _, each in self.bases for name in each.get("repositories", [])]
        demand(all(map(REPOSITORY.fullmatch, self.repositories)), f"a repository of {self.digest}")
        size = self.size if self.bases else sum(length for _, _, length in self.pieces)
        demand(size == self.size and bool(self.pieces) != bool(self.bases), f"the pieces of {self.digest}")
        for chunk, start, length in self.pieces:
            is_inside = 0 < chunk <= len(bundle.chunks) and start + length <= bundle.chunks[chunk - 1][1]
            demand(is_inside, f"a piece of {self.digest} outside of its chunk")

    def read(self) -> Iterator[bytes]:
        """Its bytes. The last of them come only if the digest of all is right."""
        hasher, held = hashlib.new(self.digest.split(":")[0]), b""
        for number, start, length in self.pieces:
            try:
                with open(self.bundle.chunk(number), "rb") as file:
                    file.seek(start)
                    while length:
                        piece = file.read(min(length, MIB))
                        if not piece:
                            raise Failed(4, f"{file.name}: truncated")
                        length -= len(piece)
                        hasher.update(piece)
                        yield held
                        held = piece
            except OSError as error:
                raise Failed(8, str(error))
        if hasher.hexdigest() != self.digest.split(":")[1]:
            names = sorted({self.bundle.chunks[piece[0] - 1][0] for piece in self.pieces})
            raise Failed(4, f"{', '.join(names)} of {self.bundle.name}: damaged where {self.digest} is")
        yield held


class Image:
    """An image or an attachment: its manifests, children before parents, its configs and layers."""

    def __init__(self, entry: Document, blobs: List[Blob]) -> None:
        self.manifests, self.blobs = ([blobs[count(n)] for n in entry[name]] for name in ("manifests", "blobs"))
        self.root, self.reference = self.manifests[-1], entry.get("reference", "")
        self.subject, self.tag = entry.get("subject", ""), entry.get("tag", "")
        demand(all(each.kind == "manifest" and each.pieces for each in self.manifests), "the kind of a manifest")
        self.attachments = [Image(each, blobs) for each in entry.get("attachments", [])]
        self.parts = [self] + self.attachments
        if self.subject:
            tag = re.escape(self.subject.replace(":", "-")[:128]) + r"\.[a-z]{1,32}"
            demand(not self.tag or re.fullmatch(tag, self.tag), f"the tag {self.tag:.150} of an attachment")
            return
        match, root = REFERENCE.fullmatch(self.reference), entry["root"]
        if not match:
            raise ValueError(f"the reference {self.reference!r:.100}")
        self.registry, self.repository, tag, digest = match.groups()
        self.tag = tag or "digest-" + self.root.digest.split(":")[1][:12]
        is_right = (root["digest"], count(root["size"])) == (self.root.digest, self.root.size)
        demand(is_right and MEDIA_TYPE.fullmatch(root["mediaType"]), f"the root of {self.reference}")
        demand(digest in (None, self.root.digest, entry.get("madeFrom")), f"the digest of {self.reference}")
        known = {blob.digest for blob in self.manifests}
        for each in self.attachments:
            demand(each.subject in known, f"the subject of an attachment of {self.reference}")
            known.update(blob.digest for blob in each.manifests)

    def check(self) -> None:
        """Refuses manifests that need what bundle.json does not list, and attachments to something else."""
        for part in self.parts:
            own = {blob.digest for blob in self.manifests + part.manifests + part.blobs}
            for manifest in part.manifests:
                document = json_of(b"".join(manifest.read()), manifest.digest)
                listed = list_in(document, manifest.digest, "config", "layers", "manifests")
                if not all(each.get("digest") in own for each in listed):
                    raise Failed(4, f"{manifest.digest}: bundle.json does not list all that it needs")
            subjects = [each.get("digest") for each in list_in(document, part.root.digest, "subject")]
            if part.subject and not part.tag and subjects != [part.subject]:
                raise Failed(4, f"{part.root.digest}: an attachment of another image")

    def entry(self) -> Document:
        """The entry of an attachment in an index."""
        document, what = json_of(b"".join(self.root.read()), self.root.digest), self.root.digest
        entry = {"mediaType": self.root.media_type, "digest": self.root.digest, "size": self.root.size}
        kinds = [document.get("artifactType")] + [each.get("mediaType") for each in list_in(document, what, "config")]
        entry.update([("artifactType", kind) for kind in kinds if MEDIA_TYPE.fullmatch(str(kind))][:1])
        pairs = [pair for each in list_in(document, what, "annotations") for pair in each.items()]
        texts = {key: text for key, text in pairs if isinstance(text, str)}
        return dict(entry, annotations=texts) if texts else entry


class Bundle:
    """A bundle whose signature and manifest are right. It is in one folder, or in those of several media."""

    def __init__(self, folders: List[str], keys: List[bytes], needs_signature: bool) -> None:
        self.folders, self.signer = folders, ""
        content = read_small(os.path.join(folders[0], "SHA256SUMS"), SUMS_LIMIT)
        self.id = hashlib.sha256(content).hexdigest()
        for key in keys:
            key_id = hashlib.sha256(SPKI + key).hexdigest()[:16]
            paths = list(filter(is_regular, self.find(f"SHA256SUMS.{key_id}.sig")))
            if any(verifies(key, read_small(path, 64, code=5), content) for path in paths):
                self.signer = key_id
        if needs_signature and not self.signer:
            raise Failed(5, f"{folders[0]}: no good signature by a trusted key; give --trust KEY.pub of its signer")
        lines = content.decode("ascii", "replace").split("\n")
        sums = [SUM.fullmatch(line) for line in lines[:-1]]
        self.sums = {match.group(2): "sha256:" + match.group(1) for match in sums if match}
        if len(self.sums) != len(lines) - 1 or lines[-1]:
            raise Failed(4, "SHA256SUMS: not a list of different names as a bundle has them")
        paths, wanted = self.find("bundle.json"), self.sums.get("bundle.json")
        right = [each for each in map(read_small, paths) if digest_of([each]) == wanted]
        if not right:
            raise Failed(4 if paths else 9, f"bundle.json in {', '.join(folders)}: missing, or changed")
        try:
            self._read(json_of(right.pop(), "bundle.json"))
        except (KeyError, TypeError, IndexError, AttributeError, ValueError, RecursionError) as error:
            raise Failed(4, f"bundle.json: not as the format says ({type(error).__name__}: {error!s:.200})")

    def _read(self, manifest: Document) -> None:
        """Takes over what is needed of bundle.json. Nothing else is looked at."""
        if manifest["format"] not in ("bundler/1", "bundler/1+base"):
            raise Failed(6, f"bundle.json: unknown format {manifest['format']!r:.40}; use a newer bundler")
        self.name, kind = manifest["name"], manifest.get("archive", "tar")
        demand(re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", self.name), "the name of the bundle")
        self.chunks = [(chunk["file"], count(chunk["size"])) for chunk in manifest["chunks"]]
        names = [f"chunk-{number:04d}.{kind}" for number in range(1, len(self.chunks) + 1)]
        demand(names and kind in ("tar", "7z") and names == [name for name, _ in self.chunks], "the names of chunks")
        self.is_encrypted, series = manifest.get("encrypted") is True, manifest.get("series")
        self.series = f", number {count(series['sequence'])} of {series['channel']}" if series else ""
        listed = {name for name in self.sums if re.fullmatch(r"chunk-\d+\..*|content\.7z", name)}
        demand(listed == {*names, *["content.7z"] * self.is_encrypted}, "SHA256SUMS lists other chunks")
        demand("README.txt" in self.sums and isinstance(manifest["signed"], bool), "README.txt or signed")
        count(manifest["chunkSize"])
        self.bases = [f"{base['kind']} {base['name']}" for base in manifest.get("bases", [])]
        self.blobs, self.images = [], []  # type: List[Blob], List[Image]
        if self.is_encrypted:
            return  # so are the names of its images
        demand(bool(self.bases) == (manifest["format"] == "bundler/1+base"), "the format is not that of its bases")
        files = {each["path"]: Blob(self, each) for each in manifest["files"]}
        demand(sorted(files) == ["index.json", "manifest.json", "oci-layout"], "the files of the layout")
        self.blobs = [Blob(self, entry) for entry in manifest["blobs"]]
        self.images = [Image(entry, self.blobs) for entry in manifest["images"]]
        names = [blob.digest for blob in self.blobs] + [image.reference for image in self.images]
        demand(self.images and len(names) == len(set(names)), "a blob or image twice, or no image")
        pieces = sorted(piece for blob in [*self.blobs, *files.values()] for piece in blob.pieces)
        for (chunk, start, length), (other, after, _) in zip(pieces, pieces[1:]):
            demand(chunk != other or start + length <= after, f"two blobs at one place in chunk {chunk}")

    def find(self, name: str) -> List[str]:
        """The files of a name, on all media."""
        return [path for path in (os.path.join(folder, name) for folder in self.folders) if os.path.lexists(path)]

    def chunk(self, number: int) -> str:
        """The file of a chunk. A 7z chunk that is not encrypted has its data at the same places as a tar."""
        name, size = self.chunks[number - 1]
        paths, where = self.find(name), f"{name} of {self.name} in {', '.join(self.folders)}"
        if not paths:
            raise Failed(9, f"{where}: missing")
        whole = [each for each in paths if is_regular(each) and os.path.getsize(each) == size]
        if not whole:
            raise Failed(4, f"{where}: not a file of {size} bytes")
        return whole[0]

    def faults(self, is_all: bool) -> Iterator[Failed]:
        """The files that are not as SHA256SUMS says; of those that it lists, large ones only if all are wanted."""
        sizes, limit = dict(self.chunks), sum(size for _, size in self.chunks) + 1024 * MIB
        for name in sorted(name for name in self.sums if is_all or SMALL.fullmatch(name)):
            if not self.find(name):
                yield Failed(9, f"{name} of {self.name}: missing in {', '.join(self.folders)}")
            for path in self.find(name):
                is_right = has_digest(path, self.sums[name], sizes.get(name, limit))
                if not is_right or os.path.getsize(path) < sizes.get(name, 0):
                    yield Failed(4, f"{path}: changed, damaged, or not a regular file")
        for folder in map(os.path.dirname, self.find("SHA256SUMS")):
            for name in sorted(set(os.listdir(folder)) - {each.split("/")[0] for each in self.sums}):
                if not UNLISTED.fullmatch(name.lower()):
                    yield Failed(4, f"{os.path.join(folder, name)}: SHA256SUMS does not list it".replace("\n", "?"))


def open_bundles(folders: List[str], keys: List[bytes], needs_signature: bool) -> List[Bundle]:
    """The bundles in some folders, in their order. Folders with the same SHA256SUMS are media of one bundle."""
    groups: Dict[str, List[str]] = {}
    for folder in folders:
        if not os.path.isdir(folder):
            raise Failed(2, f"{folder}: no such folder")
        path = os.path.join(folder, "SHA256SUMS")
        sums = digest_of([read_small(path, SUMS_LIMIT)]) if os.path.lexists(path) else ""
        groups.setdefault(sums, []).append(folder)
    more = groups.pop("", [])  # media with nothing but chunks
    if not groups:
        raise Failed(9, f"no SHA256SUMS in {', '.join(folders)}: not the folder of a bundle")
    return [Bundle(each + more, keys, needs_signature) for each in groups.values()]


class Registry:
    """A registry, over one connection: OCI distribution specification. Names are those of repositories."""

    def __init__(self, host: str, prefix: str, options: argparse.Namespace) -> None:
        self.called, self._host, self._prefix, self._may_replace = options.to, host, prefix, options.replace
        is_local = re.match(r"(localhost|127\.0\.0\.1|\[::1\])(:|$)", host) and not options.cacert
        self._scheme = "http" if is_local or options.plain_http else "https"
        try:
            self._tls = ssl.create_default_context(cafile=options.cacert)
        except OSError as error:
            raise Failed(2, f"--cacert {options.cacert}: not a readable file of certificates in PEM ({error})")
        self._tls.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # it refuses many private authorities
        self._line = self._connection(self._scheme, host)
        self._logins, self._login = {}, self._stored_login()  # type: Dict[Tuple[str, ...], str], str
        if options.user:
            password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
            self._login = base64.b64encode(f"{options.user}:{password}".encode()).decode()

    def _stored_login(self) -> str:
        """The login in the file that "docker login" writes, in base64. Credential helpers are not asked."""
        folder = os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
        try:
            with open(os.path.join(folder, "config.json"), "rb") as file:
                auths = json.loads(file.read(MIB).decode("utf-8"))["auths"]
            login = (auths.get(self._host) or auths.get(f"https://{self._host}"))["auth"]
            return login if re.fullmatch(r"[A-Za-z0-9+/]+=*", login) else ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ""

    def place_of(self, image: Image) -> Tuple[str, str]:
        return self._prefix + image.repository, image.tag

    def digest_at(self, name: str, part: Image) -> str:
        """The digest that has the tag of an image or attachment; empty if none has it."""
        found = self._find(name, part.tag) if part.tag else b""
        return digest_of([found], part.root.digest.split(":")[0]) if found else ""

    def has(self, name: str, blob: Blob) -> bool:
        """True if a repository has a blob, of its size. The answer may send clients to another server for it."""
        status, headers, _ = self._ask("HEAD", f"{name}/blobs/{blob.digest}", (name,), (200, 302, 307, 404))
        return status != 404 and (status != 200 or headers.get("Content-Length") in (None, str(blob.size)))

    def bring(self, name: str, image: Image, here: Dict[str, Blob], origins: Dict[str, Optional[str]]) -> None:
        """Pushes an image with its attachments; its tag last."""
        for part in image.parts:
            for blob in part.blobs:
                if not self.has(name, blob):
                    self._send(name, here.get(blob.digest, blob), origins.get(blob.digest))
                    if not self.has(name, blob):
                        raise Failed(6, f"{self._host} keeps {blob.digest} damaged: remove it there")
                origins.setdefault(blob.digest, name)
        for part in image.parts:
            for each in part.manifests:
                if digest_of([self._find(name, each.digest)], each.digest.split(":")[0]) != each.digest:
                    self._put(name, each.digest, b"".join(each.read()), each.media_type)
        for part in [each for each in image.attachments if not each.tag]:
            self._attach(name, part)
        for part in reversed([each for each in image.parts if each.tag]):
            found = self.digest_at(name, part)  # once more: another client may have set it
            if found not in ("", part.root.digest) and not self._may_replace:
                raise Failed(6, f"{name}:{part.tag} was moved to {found} just now; nothing is replaced")
            if found != part.root.digest:
                self._put(name, part.tag, b"".join(part.root.read()), part.root.media_type)

    def _send(self, name: str, blob: Blob, origin: Optional[str]) -> None:
        """Mounts a blob from another repository, if it is in one, or uploads it."""
        if origin:
            query = urlencode({"mount": blob.digest, "from": origin})
            if self._ask("POST", f"{name}/blobs/uploads/?{query}", (name, origin), (201, 202), b"")[0] == 201:
                return
        if not blob.pieces:
            raise Failed(9, f"{blob.digest} of {origin} cannot be mounted; name the folder of the bundle that has it")

        def begin() -> str:
            answer = self._ask("POST", f"{name}/blobs/uploads/", (name,), (202,), b"")
            place = urlsplit(urljoin(f"{self._scheme}://{self._host}/", answer[1].get("Location", "")))
            if place.hostname != urlsplit(f"//{self._host}").hostname:  # it would get the bytes and the login
                raise Failed(6, f"{self._host}: it wants uploads at another host, {place.hostname}")
            say(f"sending {blob.digest}, {blob.size // MIB} MiB") if blob.size > 100 * MIB else None
            return f"{place.path}?{place.query}{'&' * bool(place.query)}{urlencode({'digest': blob.digest})}"

        self._ask("PUT", begin, (name,), (201,), blob)

    def _find(self, name: str, tag: str) -> bytes:
        status, _, content = self._ask("GET", f"{name}/manifests/{tag}", (name,), (200, 404), kind=ACCEPT)
        return bytes(content) if status == 200 else b""

    def _put(self, name: str, tag: str, content: bytes, media_type: str) -> None:
        self._ask("PUT", f"{name}/manifests/{tag}", (name,), (201,), content, media_type)
        if self._find(name, tag) != content:
            raise Failed(6, f"{self._host} keeps {name}:{tag} damaged, or another client has set it just now")

    def _attach(self, name: str, part: Image) -> None:
        """Makes the registry list an attachment. Where it does not do so by itself, clients read an index at a tag."""
        path, tag = f"{name}/referrers/{part.subject}", "{0:.32}-{2:.64}".format(*part.subject.partition(":"))
        status, _, content = self._ask("GET", path, (name,), (200, 400, 404, 405, 406), kind=INDEX)
        listed = list_in(json_of(content, path), path, "manifests") if status == 200 else []
        found, index = self._find(name, tag), {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        if found and digest_of([found]) != part.subject:  # some registries take the tag for the digest
            index = json_of(found, tag)
        if "manifests" not in index:
            raise Failed(6, f"{name}:{tag} is no list of attachments; nothing there is replaced")
        entries = list_in(index, tag, "manifests")
        if part.root.digest not in [each.get("digest") for each in listed + entries]:
            index["manifests"] = entries + [part.entry()]
            self._put(name, tag, COMPACT(index).encode() + b"\n", INDEX)

    def _ask(self, method: str, path: Any, names: Any, statuses: Any, body: Any = None, kind: str = "") -> Any:
        """One request, repeated after faults of the line and the server. Returns status, headers and content."""
        # A path is below /v2/, or a function makes it. names[0] is written to. Kind is the type of body, or of answer.
        fault, is_denied = "", False
        for attempt in range(ATTEMPTS):
            if fault:
                say(f"{self._host}: {fault}; trying again")
                time.sleep(2**attempt)
            try:
                place = path() if callable(path) else f"/v2/{path}"
                headers = {"Accept" if body is None else "Content-Type": kind or "application/octet-stream"}
                headers.update({"Authorization": self._logins[names]} if names in self._logins else {})
                headers.update({"Content-Length": str(body.size)} if isinstance(body, Blob) else {})
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # an answer may be there already: 413
                    self._line.request(method, place, body.read() if isinstance(body, Blob) else body, headers)
                answer = self._line.getresponse()
                content = answer.read(MANIFEST_LIMIT)
                if answer.status in statuses:
                    return answer.status, answer.headers, content
                is_new = answer.status == 401 and not is_denied and self._log_in(answer, names)
                is_denied = answer.status == 401
                fault = "" if is_new else f"{method} {place} was answered with {answer.status} {content[:300]!r}"
                if fault and answer.status < 500 and answer.status != 429:
                    raise Failed(6, f"{self._host}: {fault}{LOGIN * (answer.status == 401)}")
            except (OSError, ValueError, http.client.HTTPException) as error:
                if isinstance(error, (ssl.SSLError, ValueError)) and "EOF" not in str(error):
                    raise Failed(6, f"{self._host}: {error} (--cacert FILE names the authority of its certificate)")
                fault = str(error) or type(error).__name__
            except Failed:
                self._line.close()  # the registry never gets the end of a damaged blob
                raise
            self._line.close()
        raise Failed(7, f"{self._host}: {fault}; run the same command again")

    def _connection(self, scheme: str, host: str) -> Any:
        secure = http.client.HTTPSConnection(host, timeout=TIMEOUT_SECONDS, context=self._tls)
        return secure if scheme == "https" else http.client.HTTPConnection(host, timeout=TIMEOUT_SECONDS)

    def _log_in(self, denial: Any, names: Tuple[str, ...]) -> bool:
        """Gets what the registry asks for: a token, or user and password. False if it asks for something else."""
        login, challenge = f"Basic {self._login}", str(denial.headers.get("WWW-Authenticate"))
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = urlsplit(fields.get("realm", ""))
        if challenge.lower().startswith("basic") and self._login:
            self._logins[names] = login
        elif challenge.lower().startswith("bearer"):
            is_here = (realm.scheme, realm.hostname) == (self._scheme, urlsplit(f"//{self._host}").hostname)
            if realm.scheme != "https" and not is_here:
                raise Failed(6, f"{self._host}: it wants a login without TLS, at {realm.netloc}")
            scopes = [("scope", f"repository:{name}:{'pull' if n else 'pull,push'}") for n, name in enumerate(names)]
            query = urlencode([("service", fields.get("service", "")), *scopes])
            line = self._connection(realm.scheme, realm.netloc)
            line.request("GET", f"{realm.path or '/'}?{query}", headers={"Authorization": login} if self._login else {})
            answer = line.getresponse()
            document = json_of(answer.read(MIB), "the token") if answer.status == 200 else {}
            line.close()
            token = document.get("token") or document.get("access_token")
            if not isinstance(token, str) or not token.isprintable():
                raise Failed(6, f"{self._host}: the login at {realm.netloc} failed with {answer.status}")
            self._logins[names] = f"Bearer {token}"
        return names in self._logins


class Layout:
    """A folder as an OCI image layout, with the methods of a registry. A name is registry/repository."""

    def __init__(self, folder: str) -> None:
        self.called, self._folder = f"oci:{folder}", os.path.realpath(folder)
        self._index, self._entries = os.path.join(self._folder, "index.json"), {}  # type: str, Document
        content = read_small(self._index, JSON_LIMIT, code=6) if os.path.lexists(self._index) else b"{}"
        for each in list_in(json_of(content, self._index), self._index, "manifests"):
            names = [note[NAME] for note in list_in(each, self._index, "annotations") if note.get(NAME)]
            self._entries[str((names or [each.get("digest")])[0])] = each

    def place_of(self, image: Image) -> Tuple[str, str]:
        return f"{image.registry}/{image.repository}", image.reference

    def digest_at(self, name: str, part: Image) -> str:
        return str(self._entries.get(part.reference or f"{name}:{part.tag}", {}).get("digest", ""))

    def has(self, _: str, blob: Blob) -> bool:
        return has_digest(self._path(blob), blob.digest, blob.size)

    def bring(self, name: str, image: Image, here: Dict[str, Blob], _: Any) -> None:
        for part in image.parts:
            for blob in part.blobs + part.manifests:
                if not self.has(name, blob):
                    self._write(self._path(blob), here[blob.digest].read())
            reference = part.reference or (part.tag and f"{name}:{part.tag}")
            left = ("annotations", "artifactType" * bool(reference))  # its own annotations could give it another name
            entry = {key: value for key, value in part.entry().items() if key not in left}
            if reference:
                entry["annotations"] = {NAME: reference, "io.containerd.image.name": reference}
            self._entries[reference or part.root.digest] = entry

    def finish(self) -> None:
        self._write(os.path.join(self._folder, "oci-layout"), [b'{"imageLayoutVersion":"1.0.0"}\n'])
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(self._entries.values())}
        self._write(self._index, [COMPACT(index).encode() + b"\n"])

    def _write(self, path: str, pieces: Iterable[bytes]) -> None:
        """Writes a file under another name, and renames it: it is whole, or not there."""
        new = os.path.join(self._folder, ".new")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(new):
            os.unlink(new)  # of a run that was stopped
        with open(new, "xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)

    def _path(self, blob: Blob) -> str:
        path = os.path.join(self._folder, "blobs", *blob.digest.split(":"))
        if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path):
            raise Failed(4, f"{os.path.dirname(path)}: a link; nothing is written where it leads")
        return path


def restore(bundles: List[Bundle], target: Any, may_replace: bool) -> Iterator[Failed]:
    """Restores the first bundle, with blobs of the others. Looks at tags and bases first. Yields errors of images."""
    here = {blob.digest: blob for bundle in bundles for blob in bundle.blobs if blob.pieces}
    work, origins, problems = {}, {}, {}  # type: Dict[Tuple[str, str], Image], Dict[str, Optional[str]], Dict[str, int]
    for image in bundles[0].images:
        other = work.setdefault(target.place_of(image), image)
        if other.root.digest != image.root.digest:
            raise Failed(2, f"{other.reference} and {image.reference} would get one name; import them with bundler")
    for (name, _), image in work.items():
        for part in image.parts:
            found = target.digest_at(name, part)
            if found not in ("", part.root.digest) and not may_replace:
                problems[f"{name}:{part.tag} is {found} at {target.called}; --replace moves it"] = 6
            for blob in (each for each in part.blobs if each.digest not in here and each.digest not in origins):
                places = (each for each in [name] + blob.repositories + [n for n, _ in work] if target.has(each, blob))
                origins[blob.digest] = next(places, None)
                for base, each in blob.bases if origins[blob.digest] is None else ():
                    problems[f"{target.called} lacks {blob.digest}; name {base}, chunks {each.get('chunks')}, too"] = 9
    if problems:
        raise Failed(min(problems.values()), "\n".join(["nothing was changed:"] + sorted(problems)))
    for (name, _), image in work.items():
        try:
            image.check()
            target.bring(name, image, here, origins)
            say(f"{name}:{image.tag} is {image.root.digest}")
        except Failed as failed:
            if failed.code not in (4, 9):
                raise
            yield Failed(failed.code, f"{image.reference}: not restored: {failed}")
    if isinstance(target, Layout):
        target.finish()


def run(options: argparse.Namespace) -> int:
    """Does what the options ask for. Returns the exit code."""
    for name, given in vars(options).items():
        if given in ("", "oci:") or (isinstance(given, list) and "" in given):
            raise Failed(2, f"{name}: the name is empty, as of a variable that is not set; write it, or leave it out")
    folders = options.folders or [os.path.dirname(os.path.abspath(__file__))]
    bundles = open_bundles(folders, [read_key(path) for path in options.trust], not options.insecure_no_signature)
    host, _, prefix = (options.to or "").partition("/")
    target, codes = None, set()  # type: Any, Any
    if re.match(r"oci:|[./]", options.to or ""):
        target = Layout(options.to[4:] if options.to.startswith("oci:") else options.to)
    elif HOST.fullmatch(host) and (not prefix or REPOSITORY.fullmatch(prefix)):
        target = Registry(host, f"{prefix}/" * bool(prefix), options)
    elif options.to is not None:
        raise Failed(2, f"{options.to}: not HOST[:PORT][/PREFIX] in small letters, and not oci:FOLDER")
    for bundle in bundles:
        signer, count_of = bundle.signer or "NO TRUSTED KEY", len(bundle.images) or "encrypted"
        say(f"{bundle.name}: {count_of} images, id {bundle.id}, signed by {signer}{bundle.series}")
        if bundle.bases:
            say(f"{bundle.name} is not whole, it leaves out blobs of {', '.join(bundle.bases)}")
        if target and bundle.is_encrypted:
            raise Failed(6, "nothing was done; use bundler import . --to TARGET --trust KEY.pub --passphrase-file FILE")
    sources = [bundle.faults(is_all=not target) for bundle in bundles]
    sources += [restore(bundles, target, options.replace)] * bool(target)
    for failed in (each for source in sources for each in source):
        say(str(failed))
        codes.add(failed.code)
    say("not everything is right" if codes else "everything is right")
    return min(codes, default=0)


def main(arguments: List[str]) -> int:
    """Reads the options. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="folders of bundles (default: that of this file)")
    parser.add_argument("--trust", action="append", default=[], metavar="KEY.pub", help="a public key that you trust")
    parser.add_argument("--to", metavar="HOST[/PREFIX]|oci:FOLDER", help="the target (default: check only)")
    parser.add_argument("--replace", action="store_true", help="move tags that have other images")
    parser.add_argument("--user", metavar="NAME", help="log in as NAME")
    parser.add_argument("--cacert", metavar="FILE", help="the authority of the registry's certificate, in PEM")
    parser.add_argument("--plain-http", action="store_true", help="without TLS (always so for this machine)")
    parser.add_argument("--insecure-no-signature", action="store_true", help="accept a bundle without a signature")
    try:
        return run(parser.parse_args(arguments))
    except (Failed, OSError, KeyboardInterrupt) as error:
        say(str(error) or "interrupted; run the same command again to go on")
        return int(getattr(error, "code", 8 if isinstance(error, OSError) else 130))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
