"""Images that an export goes without: which failures allow that, and the list of them for a later run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from bundler.core.image_list import Entry
from bundler.core.limits import IMAGE_LIST_BYTES
from bundler.core.manifest import MissingImage
from bundler.errors import BundlerError, Damaged, Denied, NotFound, Refused, RegistryFailed, UnknownProject
from bundler.system.durable_files import write_at_once
from bundler.system.files import read_bounded


def is_missing(error: BundlerError) -> bool:
    """True if a source does not have an image, or refuses it for good. Networks and damage are other matters."""
    # Registries refuse images that they do not have: Docker Hub says 401, others deny what a user may not see.
    return isinstance(error, (NotFound, UnknownProject, Denied))


def is_unusable(error: BundlerError) -> bool:
    """True if a source does not give an image as its digests say: it will not do so later either.

    A registry that finds damage in its own storage says so with 500 in place of the bytes.
    """
    return isinstance(error, (Refused, Damaged, RegistryFailed))


def missing_image(entry: Entry, error: BundlerError) -> MissingImage:
    """The record in a bundle of an image that it lacks."""
    code = error.code or ("not-found" if is_missing(error) else error.kind)
    return MissingImage(entry.reference, str(entry.source), code, str(error.message))


def write_list(folder: Path, name: str, entries: Iterable[tuple[Entry, MissingImage]]) -> Path:
    """Writes an image list of what is missing, for a later export; the same list is not written twice.

    Args:
        folder: The folder of the bundle.
        name: The name of the bundle.
        entries: The missing images.

    Raises:
        LocalStorage: It cannot be written.
    """
    content = _list_of(name, entries).encode()
    for number in ("", *(f"-{n}" for n in range(2, 10_000))):
        path = folder / f"{name}.failed{number}.yaml"
        if not os.path.lexists(path):
            break
        if _is_same(path, content):
            return path
    write_at_once(path, content)
    return path


def _is_same(path: Path, content: bytes) -> bool:
    try:
        return read_bounded(path, IMAGE_LIST_BYTES) == content
    except BundlerError:
        return False


def _list_of(name: str, entries: Iterable[tuple[Entry, MissingImage]]) -> str:
    lines = [
        f"# images that {name} lacks, with the reasons. For a later export: bundler export FILE --name NAME",
        "images:",
    ]
    for entry, missing in entries:
        fields = {"image": str(entry.reference), "from": str(entry.source)}
        if entry.pin:
            fields["digest"] = str(entry.pin)
        lines.append(f"# {''.join(c if c.isprintable() else ' ' for c in missing.reason)}")
        written = [f"  {key}: {json.dumps(value)}" for key, value in fields.items()]
        if entry.platforms:
            written.append(f"  platforms: {json.dumps([str(platform) for platform in entry.platforms])}")
        if entry.attachments:
            written.append(f"  attachments: {json.dumps(str(entry.attachments))}")
        lines += [f"-{written[0][1:]}", *written[1:]]
    return "\n".join(lines) + "\n"
