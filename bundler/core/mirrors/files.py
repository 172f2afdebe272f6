"""The values that all kinds of mirror files are made of: the mirror, a file, and all files of one kind."""

from __future__ import annotations

from collections.abc import Sequence

from bundler.core.frozen import frozen
from bundler.core.mirrors.placed import NotMirrored
from bundler.core.reference import is_loopback

CA_FILE = "ca.crt"


@frozen
class Mirror:
    """The registry that serves the images.

    Attributes:
        registry: Its host, with the port.
        is_plain: True if it speaks HTTP without TLS.
        authorities: The certificate authorities that have signed its certificate, PEM; empty for those of the nodes.
    """

    registry: str
    is_plain: bool = False
    authorities: bytes = b""

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'http' if self.is_plain else 'https'}://{self.registry}"

    @property
    def must_be_named_insecure(self) -> bool:
        """True if programs use HTTP only if a setting says so: on their own machine they use it by themselves."""
        return self.is_plain and not is_loopback(self.registry)

    def at(self, path: str) -> str:
        """A path at the mirror, without a scheme."""
        return f"{self.registry}/{path}" if path else self.registry

    def authority_files(self, path: str) -> tuple[MirrorFile, ...]:
        """The file with the certificate authorities, if there are any."""
        return (MirrorFile(path, self.authorities),) if self.authorities else ()


@frozen
class MirrorFile:
    """A file, by its path below the output folder, with ``/`` between the parts."""

    path: str
    content: bytes


@frozen
class MirrorFiles:
    """All files of one kind, and the images that they cannot serve under their original names."""

    kind: str
    files: tuple[MirrorFile, ...]
    not_mirrored: tuple[NotMirrored, ...] = ()


def text_file(path: str, comment: Sequence[str], lines: Sequence[str]) -> MirrorFile:
    """A file that opens with a comment. TOML and YAML both write it with ``#``."""
    commented = [f"# {line}".rstrip() for line in comment]
    return MirrorFile(path, "\n".join([*commented, "", *lines, ""]).encode())
