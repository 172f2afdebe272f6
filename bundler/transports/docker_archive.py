"""``docker-archive:FILE[:REF]``: files of ``docker save``. Only sources: they have neither manifests nor digests."""

from __future__ import annotations

from typing import ClassVar

from bundler.core.frozen import frozen
from bundler.core.reference import without_password
from bundler.errors import Misuse
from bundler.transports.image_files import FileImage
from bundler.transports.paths import path_and_name
from bundler.transports.transport import TargetLocation, Transport


@frozen
class DockerArchiveImage(FileImage):
    """An image in a file of ``docker save``."""

    prefix: ClassVar[str] = "docker-archive:"


def _image(prefix: str, rest: str) -> DockerArchiveImage:
    return DockerArchiveImage(*path_and_name(prefix, rest))


def _target(prefix: str, rest: str) -> TargetLocation:
    raise Misuse(
        "bundler does not write docker-archive files",
        subject=repr(without_password(prefix + rest)),
        hint="write oci-archive:FILE, or load into a daemon: docker-daemon:",
    )


TRANSPORT = Transport(_image, _target, None)
