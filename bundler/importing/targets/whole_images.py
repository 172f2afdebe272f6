"""Targets that get each image as a whole: daemons, and files of single images. They ask for no blob by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from bundler.core.oci import Descriptor
from bundler.errors import Misuse
from bundler.importing.leg import Leg
from bundler.importing.targets.target import Target
from bundler.transfer import Copied, Destination


class WholeImageTarget(Target):
    """A target that sends its images in `load`. It keeps no blobs that others could ask for, and no attachments."""

    takes_whole_images: ClassVar[bool] = True
    is_read_back: ClassVar[bool] = False
    holds_attachments: ClassVar[bool] = False

    @property
    def tags_while_sending(self) -> bool:
        """True, unless the run is all or nothing: each image is complete by itself."""
        return not self._request.is_all_or_nothing

    def has_blobs(self, _leg: Leg, _numbers: Collection[int], /) -> frozenset[int]:
        """None: an image is there as a whole, or not at all."""
        return frozenset()

    def expect_pause(self, _descriptor: Descriptor, /) -> None:
        """Does nothing: an image is sent when all its blobs are here."""

    def wanted(self, _leg: Leg, /) -> Mapping[int, Destination]:
        """None: its blobs come in the order of its images."""
        return {}

    def source_at_target(self, _leg: Leg, _number: int, /) -> None:
        """None: no blob can be read from it."""

    def settle(self, leg: Leg, _copied: Copied, /) -> Leg:
        """Changes nothing: it wanted no blobs."""
        return leg

    def complete(self, leg: Leg) -> Leg:
        """Changes nothing: `load` has completed its images."""
        return leg

    def require(self, leg: Leg) -> Leg:
        """Fails all open images: they are not kept without tags."""
        return leg.failing_all(Misuse("only a registry keeps images without tags", subject=self.name))
