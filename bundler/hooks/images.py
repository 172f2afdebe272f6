"""An image at a place where a scanner can read it: a registry on this machine, or an OCI layout in scratch.

The registry is `bundler serve`: nothing is written to this machine then. The layout is for the time without one.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.mapping import scoped_path
from bundler.core.reference import Reference
from bundler.core.scan import Subject
from bundler.errors import LocalStorage
from bundler.hooks.programs import private_folder


@frozen
class ReadyImage:
    """An image that a scanner can read.

    Attributes:
        folder: A folder that the scanner may fill; it is removed afterwards.
        reference: The image at a registry: ``127.0.0.1:5000/docker.io/library/nginx@sha256:…``; empty for a layout.
        ports: The port of the registry.
        layout: The folder of the layout; None for a registry.
    """

    folder: Path
    reference: str = ""
    ports: tuple[int, ...] = ()
    layout: Path | None = None


@contextmanager
def ready_image(subject: Subject, registry: str | None) -> Generator[ReadyImage, None, None]:
    """Makes an image ready, for as long as the block lasts.

    Args:
        subject: The image.
        registry: The host and port of the registry that serves the bundle; None to write a layout.

    Raises:
        LocalStorage: There is no room.
        BundlerError: As `SubjectBlobs.open`.
    """
    with private_folder() as folder:
        if registry is not None:
            port = int(registry.rpartition(":")[2])
            yield ReadyImage(folder, served_reference(subject, registry), (port,))
            return
        layout = folder / "layout"
        try:
            _write_layout(subject, layout)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(layout)) from error
        yield ReadyImage(folder, layout=layout)


def served_reference(subject: Subject, registry: str) -> str:
    """The image as the registry of ``bundler serve`` names it, by its digest."""
    return f"{registry}/{scoped_path(Reference.parse(subject.name))}@{subject.descriptor.digest}"


def check_bytes(subject: Subject) -> None:
    """Reads an image that a scanner failed at, because the registry breaks off where the bundle is damaged.

    Raises:
        BundlerError: As `SubjectBlobs.open`.
    """
    for descriptor in subject.needs:
        for _ in subject.blobs.open(descriptor):
            subject.check()


def _write_layout(subject: Subject, layout: Path) -> None:
    for descriptor in (subject.descriptor, *subject.needs):
        path = layout / descriptor.digest.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for piece in subject.blobs.open(descriptor):
                subject.check()
                file.write(piece)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [subject.descriptor.bare.to_json()]}
    (layout / "index.json").write_text(json.dumps(index))
