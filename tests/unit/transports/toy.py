"""A whole transport in one file: ``toy:POOL[:NAME]``, images in the memory of this process, as a source and as a sink."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from bundler.core.attachments import FoundAttachment
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSource, Pieces
from bundler.errors import Absent
from bundler.stores.held_images import HeldImage
from bundler.stores.opened import Stores
from bundler.transports.paths import PathImage, PathTarget, path_alone, path_and_name
from bundler.transports.transport import LayoutSink, Transport


@dataclass(eq=False)
class Pool:
    """An `ImageSource`, and a `LayoutSink`."""

    names: dict[str, Descriptor] = field(default_factory=dict)
    bytes_of: dict[Digest, bytes] = field(default_factory=dict)
    is_finished: bool = False

    is_remote: ClassVar[bool] = False

    def resolve(self, name: str | None) -> Descriptor:
        try:
            return self.names[name or ""]
        except KeyError:
            raise Absent("there is no such image", subject=name) from None

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        return self.bytes_of[descriptor.digest]

    def attachments_of(self, subject: Digest) -> tuple[FoundAttachment, ...]:
        return ()

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        yield self.bytes_of[descriptor.digest][offset_bytes:]

    def check(self, names: Iterable[str]) -> None:
        """Any name will do."""

    def prepare(self) -> None:
        """Nothing is to be made."""

    def find(self, name: str) -> Descriptor | None:
        return self.names.get(name)

    def has_blob(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self.bytes_of

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        self.bytes_of[descriptor.digest] = b"".join(map(bytes, pieces))

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        self.bytes_of[descriptor.digest] = content

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        self.names[name] = descriptor

    def source(self) -> ImageSource:
        return self

    def finish(self) -> None:
        self.is_finished = True

    def discard(self) -> None:
        """Nothing is kept elsewhere."""

    def release(self) -> None:
        """Nobody else writes here."""


POOLS: dict[str, Pool] = {}


@frozen
class ToyImage(PathImage):
    prefix: ClassVar[str] = "toy:"

    def images(self, stores: Stores) -> Sequence[HeldImage[object]]:
        return [HeldImage((name,), (), root) for name, root in POOLS[self.path].names.items()]

    def open(self, stores: Stores) -> ImageSource:
        return POOLS[self.path]


@frozen
class ToyTarget(PathTarget):
    prefix: ClassVar[str] = "toy:"

    def layout_sink(self) -> LayoutSink:
        return POOLS.setdefault(self.path, Pool())


TRANSPORT = Transport(
    lambda prefix, rest: ToyImage(*path_and_name(prefix, rest)),
    lambda prefix, rest: ToyTarget(path_alone(prefix, rest)),
    "toy:POOL",
)
