"""A set of media, and a robot that changes them: folders that take the place of the one that a run looks into."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bundler import cli
from bundler.core.media_changer import MediumReason, WantedMedium
from tests.support.images import image, layer_tar

NAMES = [f"example.org/team/{name}:1" for name in ("base", "small", "cut", "last")]
"""The images of the set. The first medium has all manifests and the first image; then come the layers of the others."""


def media_set(folder: Path, *more: object) -> Path:
    """Makes a layout of four images, and five media with the bundle of them. A blob is cut between the third and fourth."""
    base = layer("base", 300_000, seed=1)
    sizes = {NAMES[0]: 400_000, NAMES[1]: 700_000, NAMES[2]: 1_700_000, NAMES[3]: 900_000}
    for number, (name, size_bytes) in enumerate(sizes.items()):
        image([base, layer(name, size_bytes, seed=10 + number)]).write_layout(folder / "layout", name)
    export(folder, "--medium-size", "2200000", *more)
    assert len(media_in(folder)) == 5
    return folder


def media_in(folder: Path) -> list[Path]:
    """The media of the set, in order."""
    return sorted(folder.glob("set.medium-*"))


def layer(name: str, size_bytes: int, seed: int) -> bytes:
    """A layer of about this size."""
    return gzip.compress(layer_tar(name, size_bytes, seed=seed), compresslevel=0, mtime=0)


def export(folder: Path, *more: object, layout: Path | None = None) -> None:
    """Makes a bundle of the images in a layout, in small chunks and without a signature."""
    arguments = (
        "export",
        f"oci:{layout or folder / 'layout'}",
        "-o",
        folder,
        "--name",
        "set",
        "--chunk-size",
        "1MiB",
        "-q",
    )
    unsigned = () if "--key" in more else ("--unsigned",)
    assert cli.run([str(each) for each in (*arguments, *unsigned, *more)]) == 0


Step = Callable[[], object]


class Robot:
    """Inserts the medium that is asked for, unless a test says otherwise. It never waits.

    The drive is a link that leads to the folder of a medium: device, inode and time of its folder change as
    when another medium is mounted.
    """

    def __init__(self, drive: Path, media: Sequence[Path], *, inserted: int = 1) -> None:
        """Starts with a medium in the drive, by its number; 0 for none."""
        self.drive = drive
        self.media = list(media)
        self.asked: list[tuple[MediumReason, int | None, tuple[str, ...]]] = []
        self.reported: list[str] = []
        self.before: dict[int, list[Step]] = {}
        """The acts of the robot in place of the change that it is asked for, by the number of the request, from 0."""
        self._steps: list[Step] = []
        if inserted:
            self.insert(self.media[inserted - 1])

    @property
    def order(self) -> list[int | None]:
        """The numbers of the media in the order in which they were asked for."""
        return [number for _, number, _ in self.asked]

    @property
    def reasons(self) -> list[str]:
        """The reasons, in the same order."""
        return [reason.value for reason, _, _ in self.asked]

    def ask(self, wanted: WantedMedium) -> None:
        """Notes the request, and what is open."""
        self.asked.append((wanted.reason, wanted.number, wanted.chunks))
        assert not [each for each in open_files() if any(each.is_relative_to(medium) for medium in self.media)]
        default = [lambda: self.insert(self._with(wanted))]
        self._steps = list(self.before.pop(len(self.asked) - 1, default))

    def tell(self, remark: str) -> None:
        """Notes a remark."""
        self.reported.append(str(remark))

    def wait(self, seconds: float) -> bool:
        """Does the next step; gives up after the last one."""
        del seconds
        if not self._steps:
            return True
        self._steps.pop(0)()
        return False

    def insert(self, medium: Path) -> None:
        """Puts a medium into the drive."""
        self.remove()
        self.drive.symlink_to(medium)

    def remove(self) -> None:
        """Leaves the drive empty: its folder is not there."""
        self.drive.unlink(missing_ok=True)

    def _with(self, wanted: WantedMedium) -> Path:
        files = wanted.chunks[:1] or ("SHA256SUMS",)
        return next(medium for medium in self.media if (medium / files[0]).exists())


def open_files() -> list[Path]:
    """The files that this process has open."""
    found = []
    for each in os.listdir("/proc/self/fd"):
        try:
            found.append(Path(os.readlink(f"/proc/self/fd/{each}")))
        except OSError:  # the descriptor of the listing itself
            continue
    return found
