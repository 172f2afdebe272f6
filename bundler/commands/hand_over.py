"""The facts of a hand-over, read from a bundle: its media, its id, and the keys that signed it. No chunk is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.hand_over import HandedMedium, HandOver
from bundler.core.limits import PARTY_CHARACTERS
from bundler.core.manifest import Chunk
from bundler.errors import Misuse
from bundler.keys.open_bundle import open_trusted
from bundler.run import Run
from bundler.system.clock import creation_time
from bundler.system.request_fields import Request
from bundler.texts import text


@frozen
class HandOverRequest(Request):
    """A hand-over.

    Attributes:
        paths: Folders of the bundle, or one of its media, or several.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept the bundle without a trusted signature. The paper shows this.
        sender: The one who gives it; may be empty.
        recipient: The one who gets it; may be empty.
        date: The day of the hand-over; empty for today.
    """

    paths: tuple[Path, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    sender: str = ""
    recipient: str = ""
    date: str = ""


def hand_over(request: HandOverRequest, run: Run | None = None) -> HandOver:
    """Reads the facts of a hand-over. It has nothing of the content of the bundle.

    Args:
        request: The bundle, and who gives it to whom.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There is no bundle, there are several, or a text of the request is too long.
        Untrusted: No trusted key has signed it.
        Damaged, Incomplete: Its small files are not as they were signed.
    """
    for field in ("sender", "recipient", "date"):
        _check(field, getattr(request, field))
    bundle = open_trusted(request.paths, request.trust, run or Run(), is_without_signature=request.is_without_signature)
    if isinstance(bundle, Bundle):
        bundle.close()
    return HandOver(
        bundle.manifest.name,
        bundle.id,
        bundle.manifest.created,
        tuple(_media(bundle)),
        bundle.sealed.signer_fingerprints,
        bundle.manifest.signed,
        bundle.is_encrypted,
        request.sender,
        request.recipient,
        request.date or creation_time()[:10],
    )


def _check(field: str, value: str) -> None:
    if len(value) > PARTY_CHARACTERS or not value.isprintable():
        raise Misuse.of_field(
            field,
            expected=text("at most {count} printable characters", count=PARTY_CHARACTERS),
            actual=text("{count} characters", count=len(value)),
        )


def _media(bundle: Bundle | LockedBundle) -> Iterable[HandedMedium]:
    """The media: as planned; else each folder that was given, if there are several; else one with all."""
    chunks = bundle.manifest.chunks
    if bundle.manifest.media:
        for number, medium in enumerate(bundle.manifest.media, start=1):
            own = [chunks[each - 1] for each in medium.chunks]
            yield _medium(number, own, _common_files(bundle) + len(medium.files))
        return
    listings = bundle.sealed.own_listings
    if len(listings) < 2:
        listed = sum(roles.role_of(name) is not roles.CHUNK for name in bundle.sealed.sums)
        yield _medium(1, chunks, listed + _unlisted_files(bundle))
        return
    for number, listing in enumerate(listings, start=1):
        own = [chunk for chunk in chunks if listing.find(chunk.file)]
        names = [name for name in bundle.sealed.sums if roles.role_of(name) is not roles.CHUNK and listing.find(name)]
        yield _medium(number, own, len(names) + _unlisted_files(bundle))


def _medium(number: int, chunks: Sequence[Chunk], other_files: int) -> HandedMedium:
    return HandedMedium(number, len(chunks), len(chunks) + other_files, sum(chunk.size_bytes for chunk in chunks))


def _common_files(bundle: Bundle | LockedBundle) -> int:
    """The number of files that each planned medium has."""
    return sum(roles.role_of(name).is_on_every_medium for name in bundle.sealed.sums) + _unlisted_files(bundle)


def _unlisted_files(bundle: Bundle | LockedBundle) -> int:
    """The number of files that SHA256SUMS does not list: itself, and its signatures."""
    found = {roles.signer_of(name) for listing in bundle.sealed.listings for name in listing.entries}
    return 1 + len(found - {None})
