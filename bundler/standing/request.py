"""The request of ``bundler status``, and its result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.standing import Standing
from bundler.errors import EXIT_PARTIAL
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.clock import now_seconds
from bundler.system.request_fields import Request


@frozen
class StatusRequest(Request):
    """The request of ``bundler status``.

    Attributes:
        subjects: At most one registry, ``HOST[/PREFIX]``, and any number of receipts or folders of receipts. A registry
            without receipts: those of this user's imports.
        trust: Public keys or folders of them; empty for the trust folder.
        repositories: The repositories of a registry that does not list them: paths, without the host.
        network: The network options.
        now: Returns the time, in seconds since 1970.
    """

    subjects: tuple[str, ...]
    trust: tuple[Path, ...] = ()
    repositories: tuple[str, ...] = ()
    network: NetworkOptions = DEFAULT_NETWORK
    now: Callable[[], int] = now_seconds


@frozen
class ReceiptsRead:
    """The receipts that were read.

    Attributes:
        signed: The number of those that a trusted key has signed.
        unsigned: The number of the others.
        unused: The number of files in folders that are no receipts, or have a signature that does not match.
        is_default: True if they are those of this user's imports.
    """

    signed: int = 0
    unsigned: int = 0
    unused: int = 0
    is_default: bool = False


@frozen
class StatusResult:
    """The standing of a registry, or of all registries that receipts are about.

    Attributes:
        standing: The standing.
        receipts: The receipts that it is joined with.
    """

    standing: Standing
    receipts: ReceiptsRead

    @property
    def exit_code(self) -> int:
        """Partial if repositories or tags could not be read; else 0."""
        return EXIT_PARTIAL if self.standing.not_listed else 0
