"""The bundles of a channel that a builder has made, and the number of the next one.

The number is never guessed. Without a state and without an earlier bundle or receipt, the builder must give it: a
channel that began at 1 again would be refused by every target, or would hide that the state was lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.limits import CHANNEL_BUNDLES, SIZE_BYTES
from bundler.core.manifest.series import Series
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, Misuse

DOCUMENT = "bundler.channel/1"
_ID = lazy_pattern(r"[0-9a-f]{64}|")


@frozen
class MadeBundle:
    """A bundle of a channel.

    Attributes:
        sequence: Its number.
        id: Its id; empty while it is being made.
        previous: The id of the bundle before; None if it was not known.
        path: The folder in which it was made. The same export keeps its number.
    """

    sequence: int
    id: str
    previous: str | None = None
    path: str = ""


@frozen
class Channel:
    """The bundles of a channel that are known, those with higher numbers last.

    Attributes:
        name: The name of the channel.
        bundles: The newest bundles, each number once.
    """

    name: str
    bundles: tuple[MadeBundle, ...] = ()

    def with_bundle(self, made: MadeBundle) -> Channel:
        """The channel with another bundle, or with a new value of one that has its number."""
        others = [each for each in self.bundles if each.sequence != made.sequence]
        return replace(self, bundles=tuple(sorted([*others, made], key=lambda each: each.sequence))[-CHANNEL_BUNDLES:])

    def of_id(self, bundle_id: str) -> MadeBundle | None:
        """The bundle of an id."""
        return next((each for each in self.bundles if each.id == bundle_id), None)

    def unfinished_at(self, path: str) -> MadeBundle | None:
        """The bundle that an export into a folder has started and not finished."""
        return next((each for each in self.bundles if each.path == path and not each.id), None)

    def to_json(self) -> bytes:
        """The bytes of the file that keeps it."""
        return strict_json.canonical(
            {
                "document": DOCUMENT,
                "channel": self.name,
                "bundles": [
                    {"sequence": each.sequence, "id": each.id, "previous": each.previous, "path": each.path}
                    for each in self.bundles
                ],
            }
        )


def parse_channel(content: bytes, *, name: str, what: str) -> Channel:
    """Reads the state of a channel.

    Raises:
        Damaged: It is cut, changed, or about another channel.
    """
    document = strict_json.loads(content, what=what)
    try:
        if document["document"] != DOCUMENT or text(document["channel"]) != name:
            raise ValueError("the state of something else")
        bundles = tuple(map(_bundle, list_of(document["bundles"])))
        numbers = [each.sequence for each in bundles]
        if not bundles or numbers != sorted(set(numbers)) or not numbers[0]:
            raise ValueError("numbers that are not in order")
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(texts.text("not the state of a channel: {error}", error=error), subject=what) from error
    return Channel(name, bundles)


def next_series(
    name: str, state: Channel | None, earlier: Iterable[tuple[Series, str]], *, sequence: int | None, path: str
) -> Series:
    """The place of the next bundle in its channel.

    Args:
        name: The name of the channel.
        state: The bundles that this builder has made; None if nothing is known.
        earlier: The channels and ids of bundles that the user has given with ``--since``.
        sequence: The number that the user has given; None to take the next one.
        path: The folder of the bundle.

    Raises:
        Misuse: The number is not known, or is not higher than one that is.
    """
    known = {each.sequence: each.id for each in (state.bundles if state else ())}
    started = state.unfinished_at(path) if state else None
    if started is not None and sequence in (None, started.sequence):
        return Series(name, started.sequence, started.previous)
    for series, bundle_id in earlier:
        if series.channel == name:
            known[series.sequence] = known.get(series.sequence) or bundle_id
    last = max(known, default=None)
    if sequence is None:
        if last is None:
            raise Misuse(
                "the number of the next bundle of this channel is not known here",
                subject=f"--channel {name}",
                hint="for a new channel: --sequence 1; else give the last bundle or its receipt with --since, or the "
                "next number with --sequence N",
            )
        sequence = last + 1
    elif last is not None and sequence <= last:
        raise Misuse(
            "a bundle of this channel has this number, or a higher one",
            subject=f"--sequence {sequence}",
            expected=f">= {last + 1}",
            actual=str(sequence),
            hint="leave --sequence out for the next number",
        )
    if not 1 <= sequence <= SIZE_BYTES:
        raise Misuse.of_field("sequence", expected=f"1 to {SIZE_BYTES}", actual=str(sequence))
    return Series(name, sequence, (known.get(sequence - 1) or None) if sequence > 1 else None)


def _bundle(entry: dict[str, Any]) -> MadeBundle:
    found = MadeBundle(
        size(entry["sequence"]),
        text(entry["id"]),
        None if entry["previous"] is None else text(entry["previous"]),
        text(entry["path"]),
    )
    if not _ID.fullmatch(found.id) or not _ID.fullmatch(found.previous or ""):
        raise ValueError("not an id")
    return found
