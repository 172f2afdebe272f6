"""``oci:DIR[:REF]``: OCI image layouts in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bundler.core.frozen import frozen
from bundler.core.protocols import ImageSource
from bundler.errors import Refused
from bundler.texts import text
from bundler.transports.paths import PathImage, PathTarget, path_alone, path_and_name
from bundler.transports.transport import LayoutSink, Transport

if TYPE_CHECKING:
    from bundler.stores.held_images import HeldImage
    from bundler.stores.oci_layout import LayoutSource
    from bundler.stores.opened import Stores

_PREFIX = "oci:"


@frozen
class LayoutImage(PathImage):
    """An image in an OCI image layout."""

    prefix: ClassVar[str] = _PREFIX

    def images(self, stores: Stores) -> Sequence[HeldImage[object]]:
        """The images of its index."""
        return self._layout(stores).images

    def open(self, stores: Stores) -> ImageSource:
        """The layout.

        Raises:
            Refused: There is none.
        """
        return self._layout(stores)

    def _layout(self, stores: Stores) -> LayoutSource:
        from bundler.stores.oci_layout import FolderFiles, LayoutSource

        def opened() -> LayoutSource:
            path = Path(self.path)
            if not path.is_dir():
                hint = text("it is a file: write docker-archive:{path} or oci-archive:{path}", path=path)
                raise Refused("there is no such folder", subject=str(self), hint=hint if path.is_file() else None)
            return LayoutSource(FolderFiles(path, keeps_folders=True))

        return stores.once((LayoutImage, self.path), opened)


@frozen
class LayoutTarget(PathTarget):
    """A folder to import into, as an OCI image layout."""

    prefix: ClassVar[str] = _PREFIX

    def layout_sink(self) -> LayoutSink:
        """A layout with full names. It keeps the images that it has already."""
        from bundler.stores.oci_layout import LayoutFolderSink

        return LayoutFolderSink(Path(self.path))


def _image(prefix: str, rest: str) -> LayoutImage:
    return LayoutImage(*path_and_name(prefix, rest))


def _target(prefix: str, rest: str) -> LayoutTarget:
    return LayoutTarget(path_alone(prefix, rest))


TRANSPORT = Transport(_image, _target, "oci:DIR")
