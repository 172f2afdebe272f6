"""Copies chunks and other files of a bundle from the given copies of it. A copy that is damaged is passed over."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bundler.bundle.held_media import Held
from bundler.bundle.locked import check_sum
from bundler.core import roles
from bundler.core.events import Moved, Noticed
from bundler.core.limits import OTHER_FILES_BYTES, PIECE_BYTES, SIGNATURE_BYTES
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage
from bundler.fulfilling.asked import Asked
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import local, locals_of
from bundler.system.durable_files import closing_file, write_from
from bundler.system.files import (
    forget_cached,
    let_go,
    open_for_reading,
    read_bounded,
    read_into,
    sha256_of,
    size_of,
)
from bundler.texts import text

_COPIED_BY_PEOPLE = (roles.TOOL, roles.UNKNOWN)
"""The roles of files that do not come along: a message asks the user to copy them."""


def places_of(asked: Asked, number: int) -> tuple[Path, ...]:
    """The files that may hold a chunk, in the order of the copies."""
    paths = (path for bundle in asked.copies for path in bundle.chunks[number - 1].paths)
    return tuple(dict.fromkeys(locals_of(paths)))


def is_done(asked: Asked, folder: Held, number: int) -> bool:
    """True if a chunk is in the folder, with its SHA-256. Every byte is read, from the device and not from memory."""
    chunk = asked.bundle.manifest.chunks[number - 1]
    return _is_there(asked, folder, chunk.file, size_bytes=chunk.size_bytes)


def has_files(asked: Asked, folder: Held) -> bool:
    """True if the files that the need-list names are in the folder, but for those that people must copy."""
    wanted = (name for name in asked.wanted.files if roles.role_of(name) not in _COPIED_BY_PEOPLE)
    return all(_is_there(asked, folder, name) for name in wanted)


def _is_there(asked: Asked, folder: Held, name: str, *, size_bytes: int | None = None) -> bool:
    descriptor = folder.open(name)
    if descriptor is None:
        return False
    try:
        if size_bytes is not None and size_of(descriptor, what=name) != size_bytes:
            return False
        forget_cached(descriptor)
        digest = sha256_of(descriptor, what=name, passed=lambda _: asked.run.cancellation.check())
        return digest == asked.bundle.sealed.sums[name]
    except (Damaged, OSError):  # the medium cannot read what it took
        return False
    finally:
        let_go(descriptor)


def copy_chunk(asked: Asked, folder: Held, number: int) -> Path | None:
    """Copies a chunk from the first copy that has its bytes; returns that file, or None if none of them has them.

    Raises:
        LocalStorage: The chunk cannot be written.
    """
    chunk = asked.bundle.manifest.chunks[number - 1]
    for path in places_of(asked, number):
        try:
            _copy(asked, path, folder, chunk.file, limit_bytes=chunk.size_bytes)
            return path
        except (Damaged, Incomplete) as error:
            folder.remove(chunk.file)
            asked.run.listener(Noticed(text("{path} is not used: {reason}", path=path, reason=error.message)))
    return None


def other_files(asked: Asked) -> dict[str, Callable[[], Iterator[bytes]]]:
    """The files that come along: the small files that are on every medium, and those that the need-list names.

    Each is read when its function is called. A small file that no copy has whole is left out, unless it is needed to
    check the others.

    Raises:
        Damaged, Incomplete: A file that the need-list names is in no copy.
    """
    sealed = asked.bundle.sealed
    found: dict[str, Callable[[], Iterator[bytes]]] = {}
    for name in sorted(sealed.sums):
        role = roles.role_of(name)
        is_wanted = name in asked.wanted.files
        if role is roles.CHUNK or not (role.is_on_every_medium or is_wanted):
            continue
        if role in _COPIED_BY_PEOPLE:
            reason = text("copy it from the bundle")
            asked.run.listener(Noticed(text("{file} does not come along: {reason}", file=name, reason=reason)))
            continue
        path = _good_copy(asked, name, is_needed=is_wanted or role in (roles.MANIFEST, roles.CONTENT))
        if path is not None:
            found[name] = _reader(path, sealed.sums[name])
    for key_id, content in _signatures(asked):
        found[roles.signature_file(key_id)] = partial(iter, [content])
    found[roles.SUMS.file] = partial(iter, [sealed.sums_content])
    return found


def _signatures(asked: Asked) -> Iterator[tuple[str, bytes]]:
    sealed = asked.bundle.sealed
    for listing in sealed.listings:
        for key_id, entry in listing.signatures():
            if key_id in sealed.signers:
                yield key_id, read_bounded(local(entry.path), SIGNATURE_BYTES)


def _good_copy(asked: Asked, name: str, *, is_needed: bool) -> Path | None:
    limit_bytes = roles.role_of(name).limit_bytes or asked.bundle.manifest.size_bytes + OTHER_FILES_BYTES
    problems: list[BundlerError] = []
    for bundle in asked.copies:
        for path in locals_of(bundle.sealed.found_copies(name)):
            try:
                descriptor = open_for_reading(path)
                try:
                    digest = sha256_of(
                        descriptor,
                        what=name,
                        limit_bytes=limit_bytes,
                        passed=lambda _: asked.run.cancellation.check(),
                    )
                    check_sum(bundle.sealed, name, digest)
                    return path
                finally:
                    let_go(descriptor)
            except (Damaged, Incomplete, LocalStorage) as error:
                problems.append(error)
    if is_needed:
        if problems:
            raise problems[0]
        raise Incomplete("no copy of the bundle has this file", subject=name, hint="give a whole copy: --from FOLDER")
    reason = problems[0].message if problems else text("it is in no copy")
    asked.run.listener(Noticed(text("{file} does not come along: {reason}", file=name, reason=reason)))
    return None


def _reader(path: Path, sha256: str) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        hasher = hashlib.sha256()
        descriptor = open_for_reading(path)
        try:
            buffer = new_buffer(PIECE_BYTES)
            size_bytes = size_of(descriptor, what=str(path))
            for offset in range(0, size_bytes, PIECE_BYTES):
                view = buffer[: size_bytes - offset]
                read_into(descriptor, [view], offset, what=str(path))
                hasher.update(view)
                yield bytes(view)
        finally:
            let_go(descriptor)
        if hasher.hexdigest() != sha256:
            raise Damaged("the file changed while it was copied", subject=str(path))

    return read


def _copy(asked: Asked, path: Path, folder: Held, name: str, *, limit_bytes: int) -> None:
    """Copies a file while its SHA-256 is taken, and waits until it is on the device."""
    source = open_for_reading(path)
    try:
        size_bytes = size_of(source, what=str(path))
        if size_bytes > limit_bytes:
            raise Damaged("the chunk is too long", subject=str(path))
        folder.remove(name)
        target = folder.create(name)
        hasher, buffer = hashlib.sha256(), new_buffer(PIECE_BYTES)
        with closing_file(target, what=folder.where(name)):
            for offset in range(0, size_bytes, PIECE_BYTES):
                asked.run.cancellation.check()
                view = buffer[: size_bytes - offset]
                read_into(source, [view], offset, what=str(path))
                hasher.update(view)
                write_from(target, [view], offset, what=folder.where(name))
                asked.run.listener(Moved(len(view)))
            _sync(target, folder.where(name))
        check_sum(asked.bundle.sealed, name, hasher.hexdigest())
    finally:
        let_go(source)


def _sync(descriptor: int, what: str) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error
