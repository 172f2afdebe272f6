"""An image is as bad as its worst part, and a need-list that names blobs asks for the chunks of whole images."""

from __future__ import annotations

from dataclasses import replace

from bundler.core.digest import Digest
from bundler.core.drift import (
    DAMAGED,
    MISSING,
    MOVED,
    UNREAD,
    WHOLE,
    ImageDrift,
    PartFault,
    WantedImage,
    at_place,
    counts,
)
from bundler.core.manifest import Base, InBase
from bundler.core.need_by_blobs import with_chunks
from bundler.core.need_line import Wanted
from bundler.core.reference import Reference
from bundler.errors import Incomplete
from tests.support.tables import each_case
from tests.unit.values import MIB, digest, layer, plan_with, planned, resolved

IMAGE = WantedImage("a:1", Reference.parse("r.example:5000/team/a:1"), digest("a"), (), is_known=True)


def drift(*states: str) -> ImageDrift:
    return ImageDrift(IMAGE, tuple(PartFault(state, "x", Incomplete("x")) for state in states))


@each_case(
    "states, state, needs_bytes",
    [
        ((), WHOLE, False),
        ((MOVED,), MOVED, False),
        ((MOVED, MISSING), MISSING, True),
        ((MISSING, UNREAD), UNREAD, True),
        ((MISSING, DAMAGED, UNREAD), DAMAGED, True),
    ],
)
def test_the_worst_fault_decides(states, state, needs_bytes):
    assert (drift(*states).state, drift(*states).needs_bytes) == (state, needs_bytes)


def test_images_are_counted_by_state_the_worst_first():
    found = counts([drift(), drift(MISSING), drift(), drift(DAMAGED)])
    assert list(found.items()) == [(DAMAGED, 1), (MISSING, 1), (WHOLE, 2)]


@each_case(
    "before, after, name",
    [
        ("r.example:5000", "copy.example", "copy.example/team/a:1"),
        ("r.example:5000/team", "copy.example:1/x/y", "copy.example:1/x/y/a:1"),
    ],
)
def test_a_receipt_of_another_registry_keeps_the_paths_below_the_place(before, after, name):
    assert str(at_place(IMAGE, before, after).name) == name
    bare = replace(IMAGE, name=replace(IMAGE.name, tag=None, digest=IMAGE.root))
    assert str(at_place(bare, before, after).name) == f"{name.rpartition(':')[0]}@{IMAGE.root}"


def numbers(manifest, *digests: Digest) -> tuple[int, ...]:
    by_digest = {blob.descriptor.digest: number for number, blob in enumerate(manifest.blobs)}
    return tuple(sorted(by_digest[each] for each in digests))


def test_blobs_that_a_bundle_carries_are_asked_for_by_their_chunks():
    big, other, small = layer("big", 3 * MIB), layer("other", 3 * MIB), layer("small", 10)
    one, two = resolved("a:1", big, small), resolved("b:1", other)
    manifest = planned(one, two, chunk_size_bytes=MIB).manifest
    blob = manifest.blobs[numbers(manifest, big.digest)[0]]
    asked = with_chunks(Wanted("ab" * 32, (1,), numbers(manifest, big.digest)), manifest)
    assert asked == Wanted("ab" * 32, tuple(sorted({1, *(piece.chunk for piece in blob.stored.pieces)})))
    whole = with_chunks(Wanted("ab" * 32, (), numbers(manifest, one.root.digest)), manifest)
    needed = [manifest.blobs[number] for number in manifest.images[0].needs]
    assert whole.chunks == tuple(sorted({piece.chunk for each in needed for piece in each.stored.pieces}))
    assert set(whole.chunks) < set(range(1, len(manifest.chunks) + 1))


def test_blobs_that_a_bundle_leaves_out_stay_blobs():
    old, new = layer("old", 100), layer("new", 100)
    base = Base("cd" * 32, "receipt", "r", "2026-11-01T00:00:00Z")
    left_out = {old.digest: (InBase(0, repositories=("a",)),)}
    facts = {"name": "n", "created": "c", "tool": "t", "signed": True, "chunk_size_bytes": MIB}
    manifest = plan_with([resolved("a:1", old, new)], bases=(base,), left_out=left_out, **facts).manifest
    asked = with_chunks(Wanted("ab" * 32, (), numbers(manifest, old.digest, new.digest)), manifest)
    assert (asked.chunks, asked.blobs) == ((1,), numbers(manifest, old.digest))
