"""The parts of a transport: the spelling of its locations, and their operations.

A location overrides the defaults, which are those of a place that has one image, needs no preparation and asks no host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast, overload

from bundler import transport_table
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.location import LAYOUT, Container, Location, RegistryPlace, Target
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSink, ImageSource
from bundler.core.reference import Reference

if TYPE_CHECKING:
    from bundler.stores.agent_images import AgentImages
    from bundler.stores.archives import Ready, Staging
    from bundler.stores.held_images import HeldImage
    from bundler.stores.image_file import Tap
    from bundler.stores.opened import Stores
    from bundler.system.lock import Holder


class Preparation(Protocol):
    """A file, or one image of a daemon, that must be read before images can be copied. Hashable; printed for people."""

    def __hash__(self) -> int:
        """Images with equal preparations are made ready together."""

    def bytes_to_read(self, stores: Stores) -> int:
        """The number of bytes that are read to make images ready.

        Raises:
            BundlerError: The file or the daemon cannot be asked.
        """

    def make_ready(self, names: Sequence[str | None], stores: Stores, staging: Staging) -> Ready:
        """Makes images of these names ready.

        Raises:
            BundlerError: There is no such image, it is damaged, or there is no room in scratch.
        """


class IndexedFile(Protocol):
    """A file whose index must be read before the names of its images are known. Hashable; printed for people."""

    def __hash__(self) -> int:
        """Equal files are indexed once."""

    def bytes_to_index(self, stores: Stores) -> int:
        """The number of bytes that must be read; 0 if the index is found by seeking.

        Raises:
            BundlerError: The file cannot be read.
        """

    def read_index(self, stores: Stores, tap: Tap) -> None:
        """Reads the index; the stores keep it.

        Raises:
            BundlerError: The file cannot be read, or is no image archive.
        """


class SourceLocation:
    """A `Location` that can be opened."""

    __slots__ = ()

    @property
    def reference(self) -> Reference | None:
        """None: it is in no registry."""
        return None

    @property
    def own_name(self) -> Reference | None:
        """None: a list must give it a name."""
        return None

    @property
    def peer(self) -> str:
        """Empty: no host is asked."""
        return ""

    @property
    def container(self) -> SourceContainer | None:
        """None: it is one image."""
        return None

    @property
    def indexed_file(self) -> IndexedFile | None:
        """None: nothing must be read before its images have names."""
        return None

    @property
    def preparation(self) -> Preparation | None:
        """None: it can be copied as it is."""
        return None

    @property
    def bundle_words(self) -> tuple[str, ...]:
        """Words for the name of a bundle that has nothing else in it."""
        return name_words(str(self.own_name or ""))

    @property
    def has_originals(self) -> bool:
        """True if it may know registries that still have the image as it was, with another digest."""
        return False

    def originals(self, stores: Stores) -> Sequence[str]:
        """The names that the image has, with its own digest, in registries.

        Raises:
            BundlerError: Nobody answers.
        """
        del stores
        return ()

    @property
    def asked_for(self) -> str | None:
        """The tag, digest or name that the source is asked for; None for its only image."""
        return None

    def open(self, stores: Stores) -> ImageSource:
        """The source. The `preparation` is done, and it gives what was made ready.

        Raises:
            BundlerError: It cannot be read.
        """
        return stores.ready(self).source

    def read_config(self, stores: Stores, descriptor: Descriptor, read: Callable[[], bytes]) -> bytes:
        """A config of the image: what ``read`` gives, unless it is kept."""
        del stores, descriptor
        return read()


class SourceContainer(SourceLocation):
    """A `Container` whose images can be found."""

    __slots__ = ()

    @property
    def name(self) -> str | None:
        """The one image that is meant."""
        raise NotImplementedError

    def of(self, name: str | None) -> SourceContainer:
        """Another image of the same place."""
        raise NotImplementedError

    def images(self, stores: Stores) -> Sequence[HeldImage[object]]:
        """All images there.

        Raises:
            BundlerError: It cannot be read.
        """
        raise NotImplementedError


class LayoutSink(ImageSink, Protocol):
    """One place for all images, which go there under their full names."""

    def check(self, names: Iterable[str]) -> None:
        """Checks that images of these names can be written. Changes nothing.

        Raises:
            BundlerError: They cannot be written.
        """

    def prepare(self) -> Holder | None:
        """Makes the place, and locks it against other writers until `release`.

        Returns:
            The process that started to write there and did not finish, if there was one.
        """

    def source(self) -> ImageSource:
        """The written images, read from the device."""

    def lists(self, digest: Digest) -> bool:
        """True if the place lists a manifest, with or without a name, and has it."""

    def add_entry(self, entry: Mapping[str, Any]) -> None:
        """Lists a manifest without a name: an attachment, which tools find by its ``subject``.

        Args:
            entry: Its descriptor, with ``artifactType`` and annotations.
        """

    def finish(self) -> None:
        """Completes the place after the last image."""

    def discard(self) -> None:
        """Closes the place if no image arrived. Partial state that the next import can use may stay."""

    def release(self) -> None:
        """Unlocks the place for other writers."""


class TargetLocation:
    """A `Target`. The defaults are those of a layout: images keep their full names, and nothing removes them."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """A layout."""
        return LAYOUT

    @property
    def pushed_to(self) -> RegistryPlace | None:
        """None: it is no registry."""
        return None

    @property
    def named_as_in(self) -> RegistryPlace | None:
        """None: images keep their full names."""
        return None

    @property
    def identity(self) -> str:
        """Its spelling."""
        return str(self)

    @property
    def removes_untagged(self) -> bool:
        """False: what was imported stays."""
        return False

    def layout_sink(self) -> LayoutSink:
        """The sink of a target whose `kind` is a layout. Nothing is written yet."""
        raise NotImplementedError

    def agent_images(self) -> AgentImages:
        """The folder of a target whose `kind` is a folder of image files. Nothing is written yet."""
        raise NotImplementedError


@frozen
class Transport:
    """A transport. One file of this package offers it as ``TRANSPORT``.

    Attributes:
        parse_image: Reads the location of an image from the prefix (empty for a bare name) and the rest. Raises Misuse.
        parse_target: Reads a destination in the same way. Raises Misuse with the right form, also if the
            transport has no destinations.
        target_form: The form of destinations, for messages; None if there are none.
        is_source: False if images only go there.
    """

    parse_image: Callable[[str, str], SourceLocation]
    parse_target: Callable[[str, str], TargetLocation]
    target_form: str | None
    is_source: bool = True


def transport_of(prefix: str) -> Transport:
    """The transport of a prefix of the table. The empty prefix is that of bare names."""
    row = transport_table.TRANSPORTS[prefix or transport_table.DEFAULT]
    transport: Transport = import_module(row.module).TRANSPORT
    return transport


def target_forms() -> str:
    """The forms of all destinations, for messages."""
    transports = [transport_of(prefix) for prefix in transport_table.prefixes()]
    return ", ".join(each.target_form for each in transports if each.target_form)


@overload
def source_of(location: Container) -> SourceContainer: ...
@overload
def source_of(location: Location) -> SourceLocation: ...
def source_of(location: Location) -> SourceLocation:
    """Returns a location as one that can be opened.

    Core and its lists see a `Location`, because core opens nothing. A transport has read each location.
    """
    return cast("SourceLocation", location)


def target_of(target: Target) -> TargetLocation:
    """Returns a target as one that can be opened; like `source_of`."""
    return cast("TargetLocation", target)


def name_words(name: str) -> tuple[str, ...]:
    """Words for the name of a bundle: the last part of a repository, and the tag or the beginning of a digest."""
    rest, _, digest = name.partition("@")
    repository, _, tag = rest.rpartition("/")[2].partition(":")
    return repository, tag or digest.rpartition(":")[2][:12]
