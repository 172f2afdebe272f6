"""``agent-images:DIR``: files that k3s and RKE2 load from their folder ``agent/images``. Only a target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bundler.core.frozen import frozen
from bundler.core.location import AGENT_IMAGES
from bundler.core.reference import without_password
from bundler.errors import Misuse
from bundler.transports.paths import PathTarget, path_alone
from bundler.transports.transport import SourceLocation, Transport

if TYPE_CHECKING:
    from bundler.stores.agent_images import AgentImages

_PREFIX = "agent-images:"


@frozen
class AgentImagesTarget(PathTarget):
    """A folder to write image files into. Images keep their full names."""

    prefix: ClassVar[str] = _PREFIX

    @property
    def kind(self) -> str:
        """A folder of image files."""
        return AGENT_IMAGES

    @property
    def removes_untagged(self) -> bool:
        """True: k3s takes images with a tag only."""
        return True

    def agent_images(self) -> AgentImages:
        """The folder. It keeps the files that it has already."""
        from bundler.stores.agent_images import AgentImages

        return AgentImages(Path(self.path))


def _image(prefix: str, rest: str) -> SourceLocation:
    raise Misuse(
        "agent-images is a target of imports only",
        subject=repr(without_password(prefix + rest)),
        hint="each file in it is an OCI archive: write oci-archive:FILE",
    )


def _target(prefix: str, rest: str) -> AgentImagesTarget:
    return AgentImagesTarget(path_alone(prefix, rest))


TRANSPORT = Transport(_image, _target, "agent-images:DIR", is_source=False)
