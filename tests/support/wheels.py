"""Wheels of what is installed here, so that pipx and uv find all libraries without an index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_OF_THE_INSTALLATION = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")


def pack_libraries(folder: Path, *names: str) -> None:
    """Packs projects and all that they require, each into a wheel with the files that it was installed from."""
    done: set[str] = set()
    left = [canonicalize_name(name) for name in names]
    while left:
        name = left.pop()
        if name not in done:
            done.add(name)
            left += required(metadata.distribution(name))
            _pack(metadata.distribution(name), folder)


def required(distribution: metadata.Distribution) -> list[str]:
    """The projects that a project needs here, without its extras."""
    parsed = map(Requirement, distribution.requires or [])
    return [
        canonicalize_name(each.name) for each in parsed if each.marker is None or each.marker.evaluate({"extra": ""})
    ]


def _pack(distribution: metadata.Distribution, folder: Path) -> None:
    name = distribution.metadata["Name"].replace("-", "_").replace(".", "_")
    about = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ").split("-") for line in about if line.startswith("Tag: ")]
    tag = "-".join(".".join(dict.fromkeys(column)) for column in zip(*tags, strict=True))
    target = folder / f"{name}-{distribution.version}-{tag}.whl"
    record = []
    with zipfile.ZipFile(target, "w") as archive:  # stored: nobody carries these
        for file in distribution.files or ():
            if file.parts[0] == ".." or file.suffix == ".pyc" or file.name in _OF_THE_INSTALLATION:
                continue
            content = Path(str(distribution.locate_file(file))).read_bytes()
            archive.writestr(file.as_posix(), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{file.as_posix()},sha256={digest},{len(content)}\n")
        (information,) = {file.parts[0] for file in distribution.files or () if file.parts[0].endswith(".dist-info")}
        archive.writestr(f"{information}/RECORD", "".join([*record, f"{information}/RECORD,,\n"]))
