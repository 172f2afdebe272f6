"""``--channel``: the number of a bundle in its channel, from ``--since`` or from the builder's own state.

The number is reserved in the state before anything is written, so that a run that is killed does not give it to another
bundle. The id follows when the bundle is sealed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.file_system import is_there, read_bounded
from bundler.core import roles
from bundler.core.bundle_name import check_bundle_name
from bundler.core.channel import Channel, MadeBundle, next_series, parse_channel
from bundler.core.events import Noticed
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, CHANNEL_STATE_BYTES, SUMS_BYTES
from bundler.core.manifest import Series
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.exporting.session import Session
from bundler.system import places
from bundler.system.durable_files import place_durably
from bundler.system.files import is_own, read_with_facts
from bundler.system.lock import Lock
from bundler.system.ownership import make_folder
from bundler.texts import text


def series_of(session: Session, earlier: tuple[tuple[Series, str], ...]) -> Series | None:
    """The place of the bundle of an export in its channel; None without ``--channel``.

    A finished bundle keeps its number, and so does one that an earlier run has started in the same folder.

    Args:
        session: The session of the export.
        earlier: The channels and ids of the bundles in ``--since``.

    Raises:
        Misuse: The channel has no valid name, or the number is not known, or not higher than one that is.
    """
    request = session.request
    if request.channel is None:
        if request.sequence is not None:
            raise Misuse("--sequence needs --channel")
        return None
    check_bundle_name(request.channel)
    if session.signer is None:
        raise Misuse("--channel and --unsigned cannot be used together: nobody would sign the number")
    state = _state(request.channel)
    finished = _finished(session, state)
    if finished is not None:
        return finished
    series = next_series(request.channel, state, earlier, sequence=request.sequence, path=_path_of(session))
    if series.sequence > 1 and series.previous is None:
        session.run.listener(
            Noticed(
                text(
                    "channel {channel}: the id of the bundle before number {number} is not known, so this one does not "
                    "name it",
                    channel=series.channel,
                    number=series.sequence,
                )
            )
        )
    return series


def reserve(session: Session, series: Series | None) -> None:
    """Notes in the state that the number is taken, before anything is written.

    Raises:
        Misuse: Another export has taken it since then.
        Unavailable: Another export is writing the state.
        LocalStorage: The state cannot be written.
    """
    if series is None:
        return
    with _locked(series.channel, session) as folder:
        if folder is None:
            return
        state = _state(series.channel) or Channel(series.channel)
        path = _path_of(session)
        other = next((each for each in state.bundles if each.sequence == series.sequence and each.path != path), None)
        if other is not None:
            raise Misuse(
                "another export has taken this number of the channel",
                subject=f"--channel {series.channel}",
                actual=text("number {number}, {path}", number=other.sequence, path=other.path),
                hint="run the same command again with --restart",
            )
        made = MadeBundle(series.sequence, "", series.previous, path)
        _write(folder, state.with_bundle(made))


def note_sealed(session: Session, series: Series | None, bundle_id: str) -> None:
    """Notes the id of a sealed bundle.

    Raises:
        Unavailable: Another export is writing the state.
        LocalStorage: The state cannot be written. The bundle is complete.
    """
    if series is None:
        return
    with _locked(series.channel, session) as folder:
        if folder is None:
            return
        state = _state(series.channel) or Channel(series.channel)
        if state.of_id(bundle_id) is None:
            made = MadeBundle(series.sequence, bundle_id, series.previous, _path_of(session))
            _write(folder, state.with_bundle(made))


def _finished(session: Session, state: Channel | None) -> Series | None:
    """The series of the bundle that an earlier run has finished under this name; the caller compares all of it."""
    folder, channel = session.folder.final_path, session.request.channel
    if channel is None or not session.folder.is_finished or not is_there(folder / roles.SUMS.file):
        return None
    bundle_id = sums.bundle_id(read_bounded(folder / roles.SUMS.file, SUMS_BYTES))
    known = state.of_id(bundle_id) if state else None
    if known is not None:
        return Series(channel, known.sequence, known.previous)
    try:
        manifest = read_manifest(read_bounded(folder / roles.MANIFEST.file, BUNDLE_MANIFEST_BYTES), what=str(folder))
    except BundlerError:
        return None  # it is damaged, or no bundle; the comparison says so
    if isinstance(manifest, OuterManifest) or manifest.series is None or manifest.series.channel != channel:
        return None
    return manifest.series


def _state(channel: str) -> Channel | None:
    """The state of a channel; None if there is none.

    Raises:
        Misuse: It is damaged, or not ours. It does not count as empty.
    """
    folder = _folder()
    path = folder / f"{channel}.json" if folder else None
    if path is None or not os.path.lexists(path):
        return None
    try:
        content, facts = read_with_facts(path, CHANNEL_STATE_BYTES)
        if is_own(facts):
            return parse_channel(content, name=channel, what=str(path))
        reason: str = text("the file is of another user, or others may write it")
    except BundlerError as error:
        reason = error.message
    raise Misuse(
        text("the state of the channel cannot be used: {reason}", reason=reason),
        subject=str(path),
        hint="find the number of the last bundle (bundler inspect, or a receipt); move this file away, and give "
        "--sequence N, or the last bundle with --since",
    )


def _folder() -> Path | None:
    state = places.state_folder()
    return state / "channels" if state else None


@contextmanager
def _locked(channel: str, session: Session) -> Iterator[Path | None]:
    """Locks the state of a channel, and gives its folder; None if there is no home folder, which is said."""
    folder = _folder()
    if folder is None:
        message = text(
            "channel {channel}: there is no home folder, so its number is not kept; set HOME, or give --sequence N",
            channel=channel,
        )
        session.run.listener(Noticed(message))
        yield None
        return
    try:
        make_folder(folder, mode=0o700)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    lock = Lock(folder / f"{channel}.lock")
    lock.take(text("channel {channel}", channel=channel))
    try:
        yield folder
    finally:
        lock.release()


def _write(folder: Path, state: Channel) -> None:
    place_durably(folder / f"{state.name}.json", state.to_json(), mode=0o600)


def _path_of(session: Session) -> str:
    path = session.folder.final_path
    return str(path.absolute() if isinstance(path, Path) else path)
