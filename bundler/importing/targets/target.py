"""A target: a place that images are imported into. One protocol for registries, layouts, archives and daemons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

from bundler.core.location import Target as Location
from bundler.core.registry_kind import DISTRIBUTION, RegistryKind
from bundler.importing.leg import Leg
from bundler.importing.opened import Opened
from bundler.importing.results import ImageResult
from bundler.transfer import Copied, Destination

if TYPE_CHECKING:
    from bundler.importing.sharing import Sharing


class TagLog(Protocol):
    """Remembers what tags were, so that ``undo`` can put them back also after a power cut."""

    def moving(self, target: str, each: ImageResult) -> None:
        """Writes durably what a tag is, right before it moves, if that is something else than it was at first.

        Thread-safe.

        Raises:
            LocalStorage: It cannot be written.
        """


class Target(ABC):
    """A place that images are imported into.

    Each method makes the next value of the target's leg. What fails is noted in the leg: for an image that fails, so
    that the others go on; for the import as ``ended``, so that the receipt knows what was done until then.

    Blobs are sent in one of two ways. A target that takes them in any order says so with `wanted`, and gets each blob
    in the moment it is read for any of the targets. A target that takes whole images does that in `load`, and shares
    the blobs that pass with the others.
    """

    takes_one_platform: ClassVar[bool] = False
    """It chooses one platform of each image itself."""
    is_read_back: ClassVar[bool] = True
    """What images need can be read back from it."""

    def __init__(self, location: Location, opened: Opened) -> None:
        """Asks nothing, and writes nothing yet.

        Args:
            location: Where it is.
            opened: The bundle that is imported.
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
            Refused, Unavailable: The registry does not say it.
        """
        return self._request.kind or DISTRIBUTION

    @abstractmethod
    def survey(self, leg: Leg) -> Leg:
        """Finds out what is there already, and which tags are taken. Sends nothing."""

    @abstractmethod
    def plan(self, leg: Leg) -> Leg:
        """Finds out what would be sent, for a dry run. Sends nothing."""

    def prepare(self, leg: Leg) -> Leg:
        """Makes the target ready for the first blob."""
        return leg

    def load(self, leg: Leg, sharing: Sharing) -> Leg:
        """Sends image after image, and shares each blob that passes."""
        del sharing
        return leg

    def wanted(self, leg: Leg) -> Mapping[int, Destination]:
        """The destination of each blob, by its number in the bundle, that may come in any order."""
        del leg
        return {}

    def settle(self, leg: Leg, copied: Copied) -> Leg:
        """Takes in what became of the blobs that were `wanted`."""
        del copied
        return leg

    def complete(self, leg: Leg) -> Leg:
        """Makes images whole whose blobs are there. No tag moves."""
        return leg

    @abstractmethod
    def publish(self, leg: Leg, tags: TagLog) -> Leg:
        """Moves the tags of the images that are there with all they need."""

    def finish(self, leg: Leg) -> Leg:
        """Completes the target after the last image, whatever has arrived."""
        return leg

    @abstractmethod
    def close(self) -> None:
        """Lets others write there again. May be called at any time, and more than once."""
