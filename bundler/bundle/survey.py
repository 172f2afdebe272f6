"""Finds bundles: in the folders that the user gave, or in the folders of the media that the user gave.

It reads SHA256SUMS, and trusts nothing. It skips folders that cannot be searched, and keeps the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NoReturn

from bundler.bundle.file_system import UNREADABLE, read_bounded
from bundler.bundle.listing import Entry, Listing, entry_at, list_folder, names_in
from bundler.core import roles
from bundler.core.bundle_name import PARTIAL
from bundler.core.frozen import frozen
from bundler.core.limits import MEDIUM_FOLDERS, SUMS_BYTES
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, Incomplete, Misuse, Several, SumsMissing
from bundler.system.bundle_paths import BundlePath
from bundler.system.files import is_there
from bundler.texts import text


@frozen
class FoundBundle:
    """The folders of one bundle, the bytes of its SHA256SUMS, and the reasons for skipped folders of its media."""

    listings: tuple[Listing, ...]
    sums_content: bytes
    skipped: tuple[BundlerError, ...]


class DifferentBundles(Misuse):
    """The folders of different bundles were named."""

    def __init__(self, bundles: Sequence[FoundBundle]) -> None:
        one, other = (bundle.listings[0].folder for bundle in bundles[:2])
        super().__init__(
            text(
                "{one} and {other} are parts of different bundles, or one {file} was changed",
                one=one,
                other=other,
                file=roles.SUMS.file,
            ),
            hint="give the folders of only one bundle",
        )
        self.bundles = tuple(bundles)


@frozen
class _Folder:
    """A folder that may belong to a bundle. ``is_named`` is True if the user gave it, and not only its medium."""

    listing: Listing
    is_named: bool


@frozen
class _Found:
    """The folders at one path, and the reasons for skipped ones."""

    folders: tuple[_Folder, ...]
    skipped: tuple[BundlerError, ...] = ()


def survey(paths: Iterable[BundlePath]) -> tuple[FoundBundle, ...]:
    """Finds all bundles in some folders or media, in any order; at least one.

    A path may be a bundle's folder, a folder with some of its chunks, or a medium with bundles' folders in it.

    Raises:
        Misuse: There is no bundle.
        DifferentBundles: The folders of different ones were named.
        Incomplete: There is only an unfinished export.
        Damaged, LocalStorage: A named folder, or its SHA256SUMS, cannot be read.
    """
    paths = tuple(paths)
    found = [_look(path) for path in paths]
    folders = tuple({folder.listing.folder: folder for each in found for folder in each.folders}.values())
    for folder in folders:
        if _is_partial(folder.listing.folder):
            raise _unfinished(folder.listing.folder)  # also if only the rename is missing
    skipped = [error for each in found for error in each.skipped]
    groups = _by_bundle(folders, skipped.append)
    if not groups:
        _explain_absence(paths, skipped)
    rest = [folder.listing for folder in folders if not folder.listing.has_sums]

    def found_in(chosen: dict[bytes, list[_Folder]]) -> tuple[FoundBundle, ...]:
        return tuple(
            FoundBundle((*(folder.listing for folder in group), *rest), content, tuple(skipped))
            for content, group in chosen.items()
        )

    named = {content: group for content, group in groups.items() if any(folder.is_named for folder in group)}
    if len(named) > 1:
        raise DifferentBundles(found_in(named))
    return found_in(named or groups)


def unfinished_in(paths: Iterable[BundlePath]) -> tuple[BundlePath, ...]:
    """The folders of exports on some media that run or were stopped, at most `MEDIUM_FOLDERS` of each."""
    found = (
        islice((path / name for name in names_in(path) if name.endswith(PARTIAL)), MEDIUM_FOLDERS) for path in paths
    )
    return tuple(chain.from_iterable(found))


def _by_bundle(folders: Sequence[_Folder], skip: Callable[[BundlerError], object]) -> dict[bytes, list[_Folder]]:
    """Groups the folders that have a SHA256SUMS by its bytes.

    All lists in folders that nobody named may together have no more bytes than one list may have, because they are held
    in memory.

    Raises:
        Misuse: They have more.
        Damaged, Incomplete, LocalStorage: The list of a named folder, or of the only folder, cannot be read.
    """
    groups: dict[bytes, list[_Folder]] = {}
    for folder in folders:
        entry = folder.listing.find(roles.SUMS.file)
        if entry is None:
            continue
        is_needed = folder.is_named or len(folders) == 1
        try:
            content = read_bounded(entry.path, SUMS_BYTES)
        except UNREADABLE as error:
            if is_needed:
                raise
            skip(error)
        else:
            groups.setdefault(content, []).append(folder)
        if not is_needed and sum(map(len, groups)) > SUMS_BYTES:
            raise Misuse("too many bundles on one medium", subject=str(entry.path), hint="give the bundle's own folder")
    return groups


def _look(path: BundlePath) -> _Found:
    """Finds the folders at a path that may belong to a bundle: the path itself, or folders in it."""
    names = _names_in(path)
    if _may_be_of_a_bundle(names):
        return _Found((_Folder(list_folder(path, names), is_named=True),))
    skipped: list[BundlerError] = []
    inner = [_Folder(listing, is_named=False) for listing in _inner(path, names, skipped.append)]
    finished = [each for each in inner if not each.listing.folder.name.endswith(PARTIAL)]
    chosen = finished or inner or [_Folder(Listing.of(path, ()), is_named=True)]
    return _Found(tuple(chosen), tuple(skipped))


def _names_in(path: BundlePath) -> list[str]:
    if isinstance(path, S3Path):
        names = names_in(path)
        if not names:
            from bundler.bundle.s3.reading import is_started

            if is_started(path):
                raise _unfinished(path)
            raise Misuse(
                "nothing is there", subject=str(path), hint="give the place of a bundle: s3://BUCKET/PREFIX/NAME"
            )
        return names
    if not is_there(path):
        raise Misuse("there is no such folder", subject=str(path), hint="mount the medium, or give another folder")
    if not path.is_dir():
        is_inside = is_there(path.parent / roles.SUMS.file)
        folder = text("give the folder of the bundle: {folder}", folder=path.parent)
        raise Misuse("not a folder", subject=str(path), hint=folder if is_inside else "give the folder of the bundle")
    return names_in(path)


def _is_partial(folder: BundlePath) -> bool:
    return (folder if isinstance(folder, S3Path) else folder.resolve()).name.endswith(PARTIAL)


def _inner(path: BundlePath, names: Iterable[str], skip: Callable[[BundlerError], object]) -> Iterator[Listing]:
    """The folders in a folder that have a SHA256SUMS. Links are not followed, because they can lead anywhere."""
    entry_of = _entries_of(path)
    looked_into = 0
    for name in names:
        try:
            entry = entry_of(name)
            if entry is None or not entry.is_folder:
                continue
            looked_into += 1
            if looked_into > MEDIUM_FOLDERS:
                count = MEDIUM_FOLDERS
                skip(
                    Damaged(
                        text("only the first {count:,} folders were searched", count=count),
                        subject=str(path),
                        hint="give the bundle's own folder",
                    )
                )
                return
            inner = names_in(entry.path)
            if _has_sums(inner):
                yield list_folder(entry.path, inner)
        except UNREADABLE as error:
            skip(error)


def _entries_of(path: BundlePath) -> Callable[[str], Entry | None]:
    """Returns what finds an entry by its name. S3 lists all entries at once."""
    if isinstance(path, S3Path):
        return list_folder(path).entries.get
    return lambda name: entry_at(path / name)


def _may_be_of_a_bundle(names: Sequence[str]) -> bool:
    return _has_sums(names) or any(map(roles.is_chunk, names))


def _has_sums(names: Iterable[str]) -> bool:
    return any(roles.is_called(name, roles.SUMS.file) for name in names)


def _unfinished(folder: BundlePath) -> Incomplete:
    return Incomplete(
        "this export was not finished", subject=str(folder), hint="run the same export again to finish it"
    )


def _explain_absence(paths: Sequence[BundlePath], skipped: Sequence[BundlerError]) -> NoReturn:
    for path in paths:
        names = names_in(path)
        unfinished = [path] if path.name.endswith(PARTIAL) else [path / n for n in names if n.endswith(PARTIAL)]
        if unfinished:
            raise _unfinished(unfinished[0])
        if any(map(roles.is_chunk, names)):
            if isinstance(path, S3Path):
                raise _unfinished(path)  # SHA256SUMS is written last there
            hint = text("copy {file} and its .sig files here", file=roles.SUMS.file)
            raise SumsMissing(
                text("{file} is missing", file=roles.SUMS.file), subject=str(path), hint=hint, code="incomplete"
            )
    absent = Misuse(
        text("no bundle here: there is no {file}", file=roles.SUMS.file), subject=", ".join(map(str, paths))
    )
    raise Several("no bundle here", [absent, *skipped]) if skipped else absent
