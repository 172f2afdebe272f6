"""A member of a layer: a file, a folder, or a mark that deletes something of the layers below.

OCI image-spec, ``layer.md``, "Whiteouts": an empty file ``.wh.NAME`` deletes NAME of the layers below, and
``.wh..wh..opq`` deletes all that they have in its folder.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

_MARK = ".wh."
_OPAQUE = ".wh..wh..opq"
_OTHER_MARKS = ".wh..wh."
"""Files of AUFS's own, which Docker skips."""


class Kind(IntEnum):
    """The kind of a member, as far as it matters for the layers below."""

    FOLDER = 0
    FILE = 1
    """A file, a link or a device."""
    DELETED = 2
    OPAQUE = 3
    """A folder whose content in the layers below is deleted."""


class Member(NamedTuple):
    """A member of a layer.

    Attributes:
        parts: The parts of its path from the root folder of the image, without those that mean nothing or lead up.
        kind: Its kind. The path of a mark is that of the file or folder that it deletes.
        size_bytes: The size of its data.
    """

    parts: tuple[str, ...]
    kind: Kind
    size_bytes: int

    @property
    def path(self) -> str:
        """Its path in the image."""
        return "/" + "/".join(self.parts)


def member_of(name: str, size_bytes: int, *, is_folder: bool) -> Member | None:
    """The member of a name in the tar; None for one that means nothing in the image.

    The path is resolved as an unpacker resolves it that stays in the root folder: ``../etc`` is ``/etc``.
    """
    parts = _parts(name)
    last = parts[-1] if parts else ""
    if not last.startswith(_MARK):
        return Member(tuple(parts), Kind.FOLDER if is_folder else Kind.FILE, size_bytes)
    if last == _OPAQUE:
        return Member(tuple(parts[:-1]), Kind.OPAQUE, 0)
    deleted = last[len(_MARK) :]
    if last.startswith(_OTHER_MARKS) or deleted in ("", ".", ".."):
        return None
    return Member((*parts[:-1], deleted), Kind.DELETED, 0)


def _parts(name: str) -> list[str]:
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part and part != ".":
            parts.append(part)
    return parts
