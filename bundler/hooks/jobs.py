"""The jobs of a service that distributes images: orders start them, and each can be asked for its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from enum import Enum
from typing import Protocol

from bundler.core.frozen import frozen
from bundler.core.preheat import PreheatService
from bundler.core.reference import Reference
from bundler.errors import Refused
from bundler.run import Run
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import NetworkOptions


class State(Enum):
    """The state of a job."""

    RUNNING = "running"
    DONE = "done"


@frozen
class Job:
    """A job that a service has accepted.

    Attributes:
        subject: The image or policy, for messages.
        ask: Asks for its state; raises Refused if it has failed, and any error of a request.
    """

    subject: str
    ask: Callable[[], State]


@frozen
class Order:
    """A request, or a few of them, that starts jobs.

    Attributes:
        subject: The image or project, for messages.
        start: Sends the requests; raises any error of them.
    """

    subject: str
    start: Callable[[], Sequence[Job]]


class Preheater(Protocol):
    """A service that distributes images."""

    def orders(self, images: Sequence[Reference]) -> Iterable[Order]:
        """The orders for some images. Sends nothing yet.

        Raises:
            Refused: The service distributes none of them.
        """


@frozen
class PreheatLogins:
    """The secrets for services that distribute images.

    Attributes:
        token: A personal access token; empty for none.
        pull_login: The login with which a service pulls from the registry; None for none.
    """

    token: str = field(default="", repr=False)
    pull_login: Credentials | None = None


@frozen
class PreheatHook:
    """A kind of service.

    Attributes:
        preheater: Opens a service of this kind. Sends nothing.
        check: Makes sure that it can be asked. Sends nothing. Raises Misuse if a secret is missing.
    """

    preheater: Callable[[PreheatService, PreheatLogins, NetworkOptions, Run], Preheater]
    check: Callable[[PreheatService, PreheatLogins], None] = lambda _service, _logins: None


def failed_job(subject: str, said: str | None = None) -> Refused:
    """The error for a job that the service reports as failed."""
    return Refused("the service reports that the preheat failed", subject=subject, said=said)
