"""The blobs that take longest are sent first, and neighbours on a medium are sent together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from bundler.bundle.reader import Bundle
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSink
from bundler.importing.sent import turn_of
from bundler.transfer import SMALL_BLOB_BYTES, Destination
from tests.unit.values import described

LARGE_BYTES = 40 * SMALL_BLOB_BYTES


@dataclass
class Places:
    """A bundle that has each blob at an offset."""

    offsets: dict[Descriptor, int]

    def place(self, descriptor: Descriptor) -> tuple[int, int, int]:
        return 0, 1, self.offsets[descriptor]


def for_sinks(count: int) -> tuple[Destination, ...]:
    return (Destination(tuple(cast(BlobSink, object()) for _ in range(count))),)


def blob(name: str, size_bytes: int) -> Descriptor:
    return Descriptor("application/octet-stream", described(name.encode()).digest, size_bytes)


def test_what_takes_longest_is_sent_first_and_mounts_take_time_too() -> None:
    wanted = {
        "mounted": (blob("mounted", LARGE_BYTES), for_sinks(20)),
        "largest": (blob("largest", 2 * LARGE_BYTES), for_sinks(1)),
        "large": (blob("large", LARGE_BYTES), for_sinks(1)),
        "far": (blob("far", 10), for_sinks(1)),
        "near": (blob("near", 20), for_sinks(20)),
    }
    offsets = {wanted["far"][0]: 2000, wanted["near"][0]: 1000}
    bundle = cast(Bundle, Places(offsets))
    order = sorted(wanted, key=lambda name: turn_of(bundle, *wanted[name]))
    assert order == ["mounted", "largest", "large", "near", "far"]
