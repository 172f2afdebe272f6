"""The image of bundler: the Python of Debian, unpacked by mmdebstrap without running it, and the libraries.

No registry is asked. The file is an OCI layout and what ``docker save`` writes in one: skopeo, docker and bundler read
it. The same packages give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

from distribution.deb import ARCHITECTURES, COMMAND
from distribution.wheels import DistError

PACKAGES = "python3-minimal,libpython3-stdlib,ca-certificates"
_LEFT_OUT = re.compile(
    r"(?!(bin|lib|lib64|sbin|tmp|usr|etc)(/|$))"
    r"|etc/(?!(ssl|ld\.so\.conf\.d|python3[^/]*)(/|$))"
    r"|usr/lib/(apt|dpkg)(/|$)|usr/share/(doc|man|info|locale|lintian|bug|perl5|debconf)(/|$)"
    r"|usr/s?bin/(dpkg|update-|deb)|.*/(__pycache__|pydoc_data)(/|$)"
)
"""The parts of packages that no container needs. Files of ``etc`` would name this machine, and the host of an index."""
_USERS = b"root:x:0:0:root:/root:/bin/false\nbundler:x:65532:65532:bundler:/tmp:/bin/false\n"
_GROUPS = b"root:x:0:\nbundler:x:65532:\n"
_FOLDERS = ("var", "var/tmp", "work")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_OTHER_PYTHON = re.compile(r"\.cpython-(\d+)-")

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Member = tuple[tarfile.TarInfo, bytes]


def build_image(libraries: Path, target: Path, *, version: str, machine: str, epoch: int) -> None:
    """Makes the image for a machine, of the Debian that this machine runs."""
    base = list(_base_members(_debootstrapped(machine)))
    python = next(match[1] for info, _ in base if (match := re.fullmatch(r"usr/bin/python3\.(\d+)", info.name)))
    write_image(
        target,
        [base, list(_library_members(libraries, f"3{python}"))],
        version=version,
        architecture=ARCHITECTURES[machine],
        epoch=epoch,
    )


def write_image(target: Path, layers: Iterable[list[Member]], *, version: str, architecture: str, epoch: int) -> None:
    """Writes an image of some layers to a file."""
    contents = [_tar(members, epoch) for members in layers]
    blobs = [gzip.compress(content, mtime=0) for content in contents]
    created = _iso(epoch)
    labels = {
        f"org.opencontainers.image.{name}": value
        for name, value in {
            "created": created,
            "description": "Carries container images across air gaps",
            "licenses": "Apache-2.0",
            "title": "bundler",
            "version": version,
        }.items()
    }
    config = _json(
        {
            "architecture": architecture,
            "config": {
                "Entrypoint": ["/usr/bin/bundler"],
                "Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp", f"SSL_CERT_FILE=/{_CERTIFICATES}"],
                "Labels": labels,
                "User": "65532:65532",
                "WorkingDir": "/work",
            },
            "created": created,
            "history": [{"created": created, "created_by": "scripts/dist"} for _ in blobs],
            "os": "linux",
            "rootfs": {"diff_ids": [_digest(content) for content in contents], "type": "layers"},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, blob) for blob in blobs],
            "annotations": labels,
        }
    )
    name = f"bundler:{version}"
    entry = _descriptor(_MANIFEST, manifest)
    entry["annotations"] = {
        "io.containerd.image.name": f"docker.io/library/{name}",
        "org.opencontainers.image.ref.name": version,
    }
    saved = [{"Config": _path(config), "RepoTags": [name], "Layers": [_path(blob) for blob in blobs]}]
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": [entry]}),
        "manifest.json": _json(saved),
        **{_path(content): content for content in (manifest, config, *blobs)},
    }
    target.write_bytes(_tar([(_file(path, len(content)), content) for path, content in files.items()], epoch))


def _debootstrapped(machine: str) -> bytes:
    """The unpacked packages, as a tar."""
    release = Path("/etc/os-release").read_text()
    suite = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    if suite is None:
        raise DistError("the image needs the packages of Debian or Ubuntu; leave it out with --only")
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--architectures={ARCHITECTURES[machine]}"]
    command += [f"--include={PACKAGES}", "--format=tar", suite[1], "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise DistError(f"mmdebstrap: {done.stderr.decode(errors='replace').strip()[-2000:]}")
    return done.stdout


def _base_members(content: bytes) -> Iterator[Member]:
    certificates = b""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in archive:
            info.name = info.name.removeprefix("./").rstrip("/")
            if info.name in ("", ".") or _LEFT_OUT.match(info.name):
                continue
            file = archive.extractfile(info) if info.isreg() else None
            data = file.read() if file else b""
            if info.name.startswith("usr/share/ca-certificates/mozilla/"):
                certificates += data.rstrip(b"\n") + b"\n" if data else b""
                continue
            yield info, data
    for name in _FOLDERS:
        yield _folder(name, mode=0o1777 if name == "var/tmp" else 0o755), b""
    yield _file(_CERTIFICATES, len(certificates)), certificates
    for name, text in (("etc/passwd", _USERS), ("etc/group", _GROUPS)):
        yield _file(name, len(text)), text


def _library_members(libraries: Path, python: str) -> Iterator[Member]:
    """The files and all their folders: a daemon makes folders that are not listed for root alone."""
    yield _folder("usr/lib/bundler"), b""
    for path in sorted(libraries.rglob("*")):
        other = _OTHER_PYTHON.search(path.name)
        if path.is_dir():
            yield _folder(f"usr/lib/bundler/{path.relative_to(libraries).as_posix()}"), b""
        if path.is_file() and (other is None or other[1] == python):
            content = path.read_bytes()
            yield _file(f"usr/lib/bundler/{path.relative_to(libraries).as_posix()}", len(content)), content
    command = COMMAND.encode()
    yield _file("usr/bin/bundler", len(command), mode=0o755), command


def _file(name: str, size_bytes: int, *, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, mode
    return info


def _folder(name: str, *, mode: int = 0o755) -> tarfile.TarInfo:
    info = _file(name, 0, mode=mode)
    info.type = tarfile.DIRTYPE
    return info


def _tar(members: list[Member], epoch: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            info.mtime, info.uid, info.gid, info.uname, info.gname = epoch, 0, 0, "", ""
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def _iso(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _path(content: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
