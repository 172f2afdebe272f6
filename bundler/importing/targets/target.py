"""A target: the place of imported images. One protocol for registries, layouts, archives and daemons.

`StreamedTarget` has what the targets share that take blobs in any order, `WholeImageTarget` that of the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import ClassVar, Protocol

from bundler.core.location import Target as Location
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSource
from bundler.core.registry_kind import DISTRIBUTION, RegistryKind
from bundler.importing.leg import Leg
from bundler.importing.opened import Opened
from bundler.importing.results import ImageResult
from bundler.importing.sharing import Sharing
from bundler.transfer import Copied, Destination


class TagLog(Protocol):
    """Records the former digests of tags, so that ``undo`` can restore them, even after a power cut."""

    def moving(self, target: str, each: ImageResult) -> None:
        """Writes the digest of a tag durably, right before the tag moves, if it changed since the survey.

        Thread-safe.

        Raises:
            LocalStorage: It cannot be written.
        """


class Target(ABC):
    """The place of imported images.

    Each method returns the next value of the target's leg. Failures are noted in the leg. The failure of one image is
    noted at the image, so that the others go on. A failure of the import is noted as ``ended``, so that the receipt
    lists what was done until then.

    Blobs are sent in one of two ways. A target that takes them in any order names them in `wanted`, and gets each blob
    when it is read for any of the targets. A target that takes whole images does that in `load`, and shares the blobs
    with the others.
    """

    takes_one_platform: ClassVar[bool] = False
    """True if it chooses one platform of each image itself."""
    takes_whole_images: ClassVar[bool]
    """True if it gets each image as a whole, in `load`."""
    is_read_back: ClassVar[bool]
    """True if the blobs of images can be read back from it."""
    holds_attachments: ClassVar[bool]
    """True if it can hold signatures and other attachments of images."""

    def __init__(self, location: Location, opened: Opened) -> None:
        """Sends no request, and writes nothing yet.

        Args:
            location: The location of the target.
            opened: The open bundle.
        """
        self.location = location
        self._bundle = opened.bundle
        self._request = opened.request
        self._run = opened.run
        self._stores = opened.stores
        self._earlier = opened.earlier

    @property
    def name(self) -> str:
        """The name of the target, as the command line spells it; also the peer of a `CircuitBreaker`."""
        return str(self.location)

    def registry_kind(self) -> RegistryKind:
        """The kind of registry that images are named for.

        Raises:
            Refused, Unavailable: The registry does not report its kind.
        """
        return self._request.kind or DISTRIBUTION

    @property
    @abstractmethod
    def tags_while_sending(self) -> bool:
        """True if images get their tags while others are still being sent; else `publish` moves all tags."""

    @abstractmethod
    def survey(self, leg: Leg) -> Leg:
        """Finds the images that are there already, and the tags that are taken. Sends nothing."""

    @abstractmethod
    def plan(self, leg: Leg) -> Leg:
        """Computes what would be sent, for a dry run. Sends nothing."""

    @abstractmethod
    def prove(self, leg: Leg) -> Leg:
        """Looks for the blobs that the bundle leaves out and no other bundle has. Sends nothing.

        Returns:
            The leg, with the names that have such blobs, and with the blobs that are ``lacking``.
        """

    @abstractmethod
    def needs(self, leg: Leg, each: ImageResult, /) -> tuple[int, ...]:
        """The numbers of the blobs of an open image that bundles must have, unless the target has them."""

    @abstractmethod
    def has_blobs(self, leg: Leg, numbers: Collection[int], /) -> frozenset[int]:
        """The blobs that all open images which need them have at the target. Sends nothing.

        Args:
            leg: The leg of the target.
            numbers: The blobs to ask for.
        """

    @abstractmethod
    def expect_pause(self, descriptor: Descriptor, /) -> None:
        """Prepares for a blob whose bytes will pause for minutes, because a medium is changed in the middle."""

    def prepare(self, leg: Leg) -> Leg:
        """Prepares the target for the first blob."""
        return leg

    @abstractmethod
    def load(self, leg: Leg, sharing: Sharing, /) -> Leg:
        """Sends image after image, and shares each blob with other targets."""

    @abstractmethod
    def wanted(self, leg: Leg, /) -> Mapping[int, Destination]:
        """The destination of each blob that may come in any order, by the number of the blob in the bundle."""

    @abstractmethod
    def source_at_target(self, leg: Leg, number: int, /) -> BlobSource | None:
        """The place at the target that has a blob which no bundle has; None if every name that needs it has it."""

    @abstractmethod
    def settle(self, leg: Leg, copied: Copied, /) -> Leg:
        """Stores the result of copying the `wanted` blobs."""

    @abstractmethod
    def complete(self, leg: Leg) -> Leg:
        """Completes images whose blobs were sent. No tag moves."""

    @abstractmethod
    def require(self, leg: Leg) -> Leg:
        """Fails the open images that are not complete at the target, but for their tags. Sends nothing."""

    @abstractmethod
    def publish(self, leg: Leg, tags: TagLog, /) -> Leg:
        """Moves the tags of complete images."""

    def finish(self, leg: Leg) -> Leg:
        """Completes the target after the last image, even if some images are missing."""
        return leg

    @abstractmethod
    def close(self) -> None:
        """Unlocks the target. May be called at any time, and more than once."""
