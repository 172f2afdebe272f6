"""Asks for a preheat after the tags of an import have moved: orders are given, then asked after within a time.

The images are at the registry already: failures are reported, and nothing else follows from them. Each service is one
file of this package and one line here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import field
from importlib import import_module

from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.limits import PREHEAT_FAILURES, PREHEAT_SECONDS
from bundler.core.preheat import FailedPreheat, Preheated, PreheatService
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Interrupted, Unavailable
from bundler.hooks.jobs import Job, Order, PreheatHook, PreheatLogins, State
from bundler.hooks.service import check_service
from bundler.run import Run
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import NetworkOptions
from bundler.system.request_fields import Request
from bundler.texts import text

SERVICES = {"harbor": "bundler.hooks.harbor", "dragonfly": "bundler.hooks.dragonfly"}
"""The files of the kinds of services. Each offers its `bundler.hooks.jobs.PreheatHook` as ``PREHEAT``."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 15.0


@frozen
class PreheatRequest(Request):
    """The request for a preheat.

    Attributes:
        services: The services to ask, in order.
        token: The personal access token for Dragonfly; empty for none.
        pull_login: The login with which Dragonfly pulls from the registry; it is sent to Dragonfly. None for none.
        wait_seconds: The time after which running jobs are left alone, for each service; 0 to ask for nothing after
            the orders.
    """

    services: tuple[PreheatService, ...]
    token: str = field(default="", repr=False)
    pull_login: Credentials | None = None
    wait_seconds: int = PREHEAT_SECONDS

    @property
    def logins(self) -> PreheatLogins:
        """The secrets for the services."""
        return PreheatLogins(self.token, self.pull_login)

    def check(self, network: NetworkOptions) -> None:
        """Checks, before an import moves anything, that the services can be asked.

        Raises:
            Misuse: One cannot.
        """
        for service in self.services:
            check_service(service.url, network)
            _hook(service).check(service, self.logins)


def preheat(
    images: Sequence[Reference],
    request: PreheatRequest,
    network: NetworkOptions,
    run: Run,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Preheated, ...]:
    """Asks each service to distribute images, and waits for it within the time of the request.

    Args:
        images: The names of images in registries.
        request: The services.
        network: Certificates, logins, and the hosts without TLS.
        run: Receives progress and warnings.
        clock: Seconds that never go back.

    Raises:
        Interrupted: The user stopped it.
    """
    return tuple(_asked(each, images, request, network, run, clock) for each in request.services)


def _asked(
    service: PreheatService,
    images: Sequence[Reference],
    request: PreheatRequest,
    network: NetworkOptions,
    run: Run,
    clock: Callable[[], float],
) -> Preheated:
    tally = _Tally(str(service))
    until = clock() + request.wait_seconds
    try:
        orders = list(_hook(service).preheater(service, request.logins, network, run).orders(images))
    except Interrupted:
        raise
    except BundlerError as error:
        tally.fail(str(service), error)
        orders = []
    run.listener(PhaseBegan(text("asking {service} for a preheat", service=service), len(orders), in_bytes=False))
    jobs = _started(orders, tally, run)
    if request.wait_seconds:
        jobs = _waited_for(jobs, tally, run, until, clock)
    run.listener(PhaseEnded("preheating"))
    found = tally.result(running=len(jobs))
    if found.failures:
        reason = found.failed[0]
        run.listener(
            Noticed(
                text(
                    "the preheat by {service} failed {count:,} times; the images are at the registry. The first: "
                    "{subject}: {reason}",
                    service=service,
                    count=found.failures,
                    subject=reason.subject,
                    reason=reason.reason,
                )
            )
        )
    return found


def _hook(service: PreheatService) -> PreheatHook:
    hook: PreheatHook = import_module(SERVICES[service.kind]).PREHEAT
    return hook


def _started(orders: Sequence[Order], tally: _Tally, run: Run) -> list[Job]:
    """Gives all orders. If the service does not answer one of them, the rest are not tried."""
    jobs: list[Job] = []
    gone: Unavailable | None = None
    for order in orders:
        if gone is not None:
            tally.fail(order.subject, gone)
            continue
        try:
            jobs += order.start()
        except Interrupted:
            raise
        except BundlerError as error:
            tally.fail(order.subject, error)
            gone = error if isinstance(error, Unavailable) else None
        run.listener(Moved(1))
    return jobs


def _waited_for(jobs: list[Job], tally: _Tally, run: Run, until: float, clock: Callable[[], float]) -> list[Job]:
    """Asks for the state of each job until all have ended or the time is over; returns those that still run."""
    pause = _FIRST_PAUSE_SECONDS
    while jobs and (left := until - clock()) > 0:
        run.cancellation.wait(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        jobs = [job for job in jobs if clock() > until or _runs(job, tally)]
    return jobs


def _runs(job: Job, tally: _Tally) -> bool:
    """True if a job still runs, or if the service does not say."""
    try:
        if job.ask() is State.RUNNING:
            return True
        tally.done += 1
    except Interrupted:
        raise
    except Unavailable:
        return True
    except BundlerError as error:
        tally.fail(job.subject, error)
    return False


class _Tally:
    """Counts what came of the orders to one service."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.done = 0
        self._failed: list[FailedPreheat] = []
        self._failures = 0

    def fail(self, subject: str, error: BundlerError) -> None:
        self._failures += 1
        if len(self._failed) < PREHEAT_FAILURES:
            self._failed.append(FailedPreheat(subject, str(error)))

    def result(self, *, running: int) -> Preheated:
        return Preheated(self._service, self.done, running, tuple(self._failed), self._failures)
