"""Harbor's P2P preheat: runs the enabled policies of the projects that got images, and follows their executions.

A policy decides which images are distributed, and by which provider; people make it in Harbor. Source: goharbor/harbor,
api/v2.0/swagger.yaml, paths ``/projects/{project_name}/preheat/policies``, ``…/{preheat_policy_name}`` (ManualPreheat)
and ``…/executions/{execution_id}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from urllib.parse import quote

from bundler.core.patterns import lazy_pattern
from bundler.core.reference import Reference, one_spelling
from bundler.errors import Refused
from bundler.hooks.jobs import Job, Order, PreheatHook, State, failed_job
from bundler.hooks.service import JsonService, unexpected
from bundler.run import Run
from bundler.stores.addresses import Origin, printable
from bundler.stores.hosts import NetworkOptions
from bundler.stores.login import Login
from bundler.stores.registry_auth import basic
from bundler.texts import text

_PAGE = 100
"""The most policies of a project that are run: Harbor's largest page."""
_EXECUTION = lazy_pattern(r"/executions/([0-9]{1,18})$")
_FAILED = frozenset({"Error", "Stopped"})


class HarborPreheat:
    """The preheat policies of one Harbor."""

    def __init__(self, url: str, network: NetworkOptions, run: Run) -> None:
        """Sends nothing yet. The login is that of the registry of the same host."""
        self._names = frozenset(map(one_spelling, Origin.of(url).names))
        host = Origin.of(url).name
        login = Login(host, network.credentials.get(host)).find()
        headers = {"Authorization": basic(login)} if login and not login.identity_token else {}
        self._service = JsonService(url, network, run, headers)

    def orders(self, images: Sequence[Reference]) -> Iterable[Order]:
        """One order for each project of this Harbor.

        Raises:
            Refused: No image is in this Harbor.
        """
        own = (image for image in images if one_spelling(image.registry) in self._names)
        projects = sorted({image.repository.partition("/")[0] for image in own})
        if not projects:
            raise Refused("no image was imported into this Harbor", subject=min(self._names))
        return [Order(self._called(project), partial(self._run_policies, project)) for project in projects]

    def _called(self, project: str) -> str:
        return text("project {project}", project=project)

    def _run_policies(self, project: str) -> list[Job]:
        """Runs all enabled policies of a project."""
        subject, path = self._called(project), f"api/v2.0/projects/{quote(project, safe='')}/preheat/policies"
        answer = self._service.ask("GET", f"{path}?page_size={_PAGE}", subject=subject, expected=(200,))
        policies = self._service.read(answer, subject=subject) or []  # Go writes null for an empty list
        if not isinstance(policies, list) or not all(isinstance(each, dict) for each in policies):
            raise unexpected(subject)
        names = [each.get("name") for each in policies if each.get("enabled") is True]
        if not names:
            raise Refused(
                "the project has no enabled policy for a preheat",
                subject=subject,
                hint="make one in Harbor: Projects, P2P Preheat, New Policy",
            )
        if not all(isinstance(name, str) and name for name in names):
            raise unexpected(subject)
        return [self._run_policy(path, project, name) for name in names[:_PAGE]]

    def _run_policy(self, path: str, project: str, name: str) -> Job:
        subject = text("policy {policy} of project {project}", policy=printable(name), project=project)
        policy = f"{path}/{quote(name, safe='')}"
        answer = self._service.ask("POST", policy, {}, subject=subject, expected=(200, 201))
        found = _EXECUTION.search(answer.headers.get("Location", ""))  # only its number: the address is not followed
        answer.drain()
        if found is None:
            raise unexpected(subject)
        return Job(subject, partial(self._state, f"{policy}/executions/{found[1]}", subject))

    def _state(self, path: str, subject: str) -> State:
        answer = self._service.ask("GET", path, subject=subject, expected=(200,))
        execution = self._service.read(answer, subject=subject)
        status = execution.get("status") if isinstance(execution, dict) else None
        if not isinstance(status, str):
            raise unexpected(subject)
        if status in _FAILED:
            said = execution.get("status_message")
            raise failed_job(subject, printable(said) if isinstance(said, str) and said else status)
        return State.DONE if status == "Success" else State.RUNNING


PREHEAT = PreheatHook(lambda service, _logins, network, run: HarborPreheat(service.url, network, run))
