"""Dragonfly's preheat: one job of its manager for each image.

Source: https://d7y.io/docs/advanced-guides/preheat/ (Open API); dragonflyoss/dragonfly, manager/router/router.go
(``/oapi/v1/jobs``), manager/types/job.go, internal/job (states: PENDING, RECEIVED, STARTED, RETRY, SUCCESS,
FAILURE).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from bundler.core.preheat import PreheatService
from bundler.core.reference import Reference
from bundler.errors import Misuse, Refused
from bundler.hooks.jobs import Job, Order, PreheatHook, PreheatLogins, State, failed_job
from bundler.hooks.service import JsonService, unexpected
from bundler.run import Run
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import NetworkOptions, address_of, schemes_of

_JOBS = "oapi/v1/jobs"
_LARGEST_ID = 1 << 53


class Dragonfly:
    """The manager of one Dragonfly."""

    def __init__(self, url: str, network: NetworkOptions, run: Run, token: str, pull_login: Credentials | None) -> None:
        """Sends nothing yet.

        Args:
            url: The URL of the manager.
            network: Certificates, and the registries without TLS.
            run: The run.
            token: A personal access token.
            pull_login: The login with which its peers pull from the registry; None for none.
        """
        self._network = network
        self._pull_login = pull_login
        self._service = JsonService(url, network, run, {"Authorization": f"Bearer {token}"})

    def orders(self, images: Sequence[Reference]) -> Iterable[Order]:
        """One order for each image.

        Raises:
            Refused: There is no image.
        """
        if not images:
            raise Refused("no image was imported into a registry", subject="Dragonfly")
        return [Order(str(image), partial(self._start, image)) for image in images]

    def _start(self, image: Reference) -> list[Job]:
        arguments = {"type": "image", "url": self._manifest_url(image), "scope": "all_seed_peers"}
        if self._pull_login is not None:
            arguments |= {"username": self._pull_login.username, "password": self._pull_login.password}
        body = {"type": "preheat", "args": arguments}
        answer = self._service.ask("POST", _JOBS, body, subject=str(image), expected=(200, 201))
        job = self._service.read(answer, subject=str(image))
        number = job.get("id") if isinstance(job, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < _LARGEST_ID:
            raise unexpected(str(image))
        return [Job(str(image), partial(self._state, number, str(image)))]

    def _manifest_url(self, image: Reference) -> str:
        scheme = schemes_of(image.registry, self._network)[0]
        return f"{scheme}://{address_of(image.registry)}/v2/{image.repository}/manifests/{image.tag or image.target}"

    def _state(self, number: int, subject: str) -> State:
        answer = self._service.ask("GET", f"{_JOBS}/{number}", subject=subject, expected=(200,))
        job = self._service.read(answer, subject=subject)
        state = job.get("state") if isinstance(job, dict) else None
        if not isinstance(state, str):
            raise unexpected(subject)
        if state == "FAILURE":
            raise failed_job(subject, state)
        return State.DONE if state == "SUCCESS" else State.RUNNING


def _check(service: PreheatService, logins: PreheatLogins) -> None:
    if not logins.token:
        raise Misuse(
            "Dragonfly needs a personal access token",
            subject=str(service),
            hint="make one in its console, and give --preheat-token-file FILE",
        )


def _opened(service: PreheatService, logins: PreheatLogins, network: NetworkOptions, run: Run) -> Dragonfly:
    return Dragonfly(service.url, network, run, logins.token, logins.pull_login)


PREHEAT = PreheatHook(_opened, _check)
