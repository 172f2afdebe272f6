"""Files of images for ``docker-archive:`` and ``oci-archive:``: indexed once, and read again for staging."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.errors import Refused
from bundler.texts import text
from bundler.transports.paths import PathImage

if TYPE_CHECKING:
    from bundler.stores.archives import Archive, Ready, Staging
    from bundler.stores.held_images import HeldImage
    from bundler.stores.image_file import ImageFile, Tap
    from bundler.stores.opened import Stores


@frozen
class FileOfImages:
    """A file with images in it: an `IndexedFile`, and the `Preparation` of all its images.

    Attributes:
        form: The claimed form, as `bundler.stores.archives` names it.
        path: Its path.
    """

    form: str
    path: str

    def __str__(self) -> str:
        return f"{self.form}:{self.path}"

    def archive(self, stores: Stores, tap: Tap | None = None) -> Archive:
        """The file, indexed.

        Raises:
            Refused, Damaged, LocalStorage: It cannot be read, or is no image archive.
        """
        from bundler.stores.archives import Archive
        from bundler.stores.image_file import nothing

        return stores.once(self, lambda: Archive.indexed(self._file(), self.form, tap or nothing))

    def bytes_to_index(self, stores: Stores) -> int:
        """All of a compressed file."""
        del stores
        file = self._file()
        return 0 if file.is_plain else file.size_bytes

    def read_index(self, stores: Stores, tap: Tap) -> None:
        """Reads its documents and the names of its members."""
        self.archive(stores, tap)

    def bytes_to_read(self, stores: Stores) -> int:
        """All of the file."""
        del stores
        return self._file().size_bytes

    def make_ready(self, names: Sequence[str | None], stores: Stores, staging: Staging) -> Ready:
        """Stages the blobs that cannot be read directly from the file."""
        return self.archive(stores).ready(names, staging)

    def _file(self) -> ImageFile:
        from bundler.stores.image_file import ImageFile

        path = Path(self.path)
        if path.is_dir():
            raise Refused("a folder, not a file", subject=str(self), hint=text("write oci:{path}", path=path))
        return ImageFile(path, called=str(self))


@frozen
class FileImage(PathImage):
    """An image in a file."""

    @property
    def preparation(self) -> FileOfImages:
        """The file: all its images are made ready together."""
        return FileOfImages(self.prefix.removesuffix(":"), self.path)

    @property
    def indexed_file(self) -> FileOfImages:
        """The file."""
        return self.preparation

    def images(self, stores: Stores) -> Sequence[HeldImage[object]]:
        """The images that its index or its ``manifest.json`` names."""
        return self.preparation.archive(stores).images
