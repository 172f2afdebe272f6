"""``oci-archive:FILE[:REF]``: an OCI image layout in a tar. A source may also be compressed, or a 7z archive."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from bundler.core.frozen import frozen
from bundler.transports.image_files import FileImage
from bundler.transports.paths import PathTarget, path_alone, path_and_name
from bundler.transports.transport import LayoutSink, Transport

_PREFIX = "oci-archive:"


@frozen
class OciArchiveImage(FileImage):
    """An image in a tar of an OCI image layout."""

    prefix: ClassVar[str] = _PREFIX


@frozen
class ArchiveTarget(PathTarget):
    """A tar file to import into, an OCI image layout inside."""

    prefix: ClassVar[str] = _PREFIX

    def layout_sink(self) -> LayoutSink:
        """A new tar."""
        from bundler.stores.oci_archive import ArchiveSink

        return ArchiveSink(Path(self.path))


def _image(prefix: str, rest: str) -> OciArchiveImage:
    return OciArchiveImage(*path_and_name(prefix, rest))


def _target(prefix: str, rest: str) -> ArchiveTarget:
    return ArchiveTarget(path_alone(prefix, rest))


TRANSPORT = Transport(_image, _target, "oci-archive:FILE")
