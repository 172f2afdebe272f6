"""The files that people carry: chunks with their sums and states, and the small files of the bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bundler.core import roles
from bundler.texts import text
from bundler.views.extension_report import FILE_WORDS
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import BAD, GOOD, WARN, Column, Section, code, mark, row, section, table
from bundler.views.words import size

if TYPE_CHECKING:
    from bundler.bundle.copies import ChunkState
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.core.manifest import BundleManifest
    from bundler.core.outer_manifest import OuterManifest


def files_section(bundle: Bundle | LockedBundle, states: Mapping[str, Node]) -> Section:
    """The files of a bundle with the SHA-256 of each, as SHA256SUMS has them.

    Args:
        bundle: The bundle.
        states: The state of each chunk, by its name.
    """
    columns = (
        Column(text("chunk and SHA-256"), "whole"),
        Column(text("size"), "number"),
        Column(text("medium")),
        Column(text("state")),
    )
    media = _media_of(bundle.manifest)
    sums = bundle.sealed.sums
    rows = (
        row(
            columns,
            (
                (chunk.file, element("div", code(sums.get(chunk.file, "")), class_="hint")),
                size(chunk.size_bytes),
                media.get(chunk.file),
                states.get(chunk.file),
            ),
        )
        for chunk in bundle.manifest.chunks
    )
    return section(
        text("Files of the bundle"),
        "files",
        table(columns, rows),
        table(_OTHERS, _other_rows(bundle, media), caption=text("other files")),
    )


def planned_files(manifest: BundleManifest) -> Section:
    """The chunks that an export plans. Their sums are not known yet."""
    columns = (Column(text("chunk")), Column(text("size"), "number"), Column(text("medium")))
    media = _media_of(manifest)
    rows = (row(columns, (chunk.file, size(chunk.size_bytes), media.get(chunk.file))) for chunk in manifest.chunks)
    return section(text("Files of the bundle"), "files", table(columns, rows))


def here_or_not(states: tuple[ChunkState, ...]) -> dict[str, Node]:
    """The states of chunks that nobody has checked: they are here, or not."""
    return {
        state.chunk.file: text("here, not checked") if state.problem is None else mark(text("not here"), WARN)
        for state in states
    }


def checked(states: tuple[ChunkState, ...], wanted: tuple[str, ...]) -> dict[str, Node]:
    """The states of chunks after a check."""
    found: dict[str, Node] = {}
    for state in states:
        file = state.chunk.file
        if state.is_absent:
            found[file] = mark(text("elsewhere") if state.is_elsewhere else text("missing"), WARN)
        else:
            found[file] = mark(text("damaged"), BAD) if file in wanted else element("span", text("good"), class_=GOOD)
    return found


_OTHERS = (Column(text("file and SHA-256"), "whole"), Column(text("purpose")), Column(text("medium")))
_PURPOSES = {
    roles.README: text("instructions for people"),
    roles.MANIFEST: text("bundle manifest"),
    roles.CONTENT: text("encrypted bundle manifest"),
    **FILE_WORDS,
}


def _other_rows(bundle: Bundle | LockedBundle, media: Mapping[str, Node]) -> Iterator[Element]:
    for name, sha256 in bundle.sealed.sums.items():
        role = roles.role_of(name)
        if role is not roles.CHUNK:
            cells = ((name, element("div", code(sha256), class_="hint")), _PURPOSES.get(role), media.get(name))
            yield row(_OTHERS, cells)


def _media_of(manifest: BundleManifest | OuterManifest) -> dict[str, Node]:
    """The number of the medium that each file was planned for, by its name; empty if no media were planned."""
    total = len(manifest.media)
    found: dict[str, Node] = {}
    for number, medium in enumerate(manifest.media, start=1):
        words = text("{number} of {count}", number=number, count=total)
        for name in (*(manifest.chunks[chunk - 1].file for chunk in medium.chunks), *medium.files):
            found[name] = words
    return found
