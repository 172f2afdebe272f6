"""The table of transports: a new source or sink of images is one line here, and one file in `bundler.transports`.

It imports nothing, so that every part of the program may ask it how a location begins: messages must mask logins and no
locations. The files are imported when a location of theirs is read: an import to a registry loads no code for daemons.
"""

from __future__ import annotations


class Row:
    """A transport.

    Attributes:
        module: The file that knows all of it: its `bundler.transports.transport.Transport` is called ``TRANSPORT``.
        has_path: True if a path follows, which may have spaces and ``=`` in it.
    """

    def __init__(self, module: str, *, has_path: bool = False) -> None:
        self.module = module
        self.has_path = has_path


TRANSPORTS = {
    "docker://": Row("bundler.transports.registry"),
    "docker-daemon:": Row("bundler.transports.docker_daemon"),
    "docker-archive:": Row("bundler.transports.docker_archive", has_path=True),
    "oci:": Row("bundler.transports.oci_layout", has_path=True),
    "oci-archive:": Row("bundler.transports.oci_archive", has_path=True),
    "agent-images:": Row("bundler.transports.agent_images", has_path=True),
    "oci://": Row("bundler.transports.registry"),  # as Helm spells a registry
}
"""The prefixes of locations, as skopeo spells them; skopeo has no folder of image files."""

DEFAULT = "docker://"
"""The transport of a bare name."""


def prefix_of(text: str) -> str:
    """The prefix that a location begins with; empty if it names no transport."""
    return max((prefix for prefix in TRANSPORTS if text.startswith(prefix)), key=len, default="")


def prefixes() -> tuple[str, ...]:
    """The prefix of each transport, for messages."""
    first: dict[str, str] = {}
    for prefix, row in TRANSPORTS.items():
        first.setdefault(row.module, prefix)
    return tuple(first.values())
