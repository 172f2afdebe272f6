"""Services that distribute images, as far as an import asks them: no real part of them runs on these machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.support.registries import Fake, _password, refused
from tests.support.servers import Front

States = Callable[[], Iterator[str]]
"""The states of a job, one for each time that it is asked for; the last one stays."""


def states(*each: str) -> States:
    return lambda: iter(each)


@dataclass
class Jobs:
    """Jobs by their numbers, each with the states that are left."""

    states: States
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    left: dict[int, Iterator[str]] = field(default_factory=dict)
    last: dict[int, str] = field(default_factory=dict)

    def start(self) -> int:
        number = next(self.numbers)
        self.left[number] = self.states()
        return number

    def state(self, number: int) -> str:
        self.last[number] = next(self.left[number], self.last.get(number, ""))
        return self.last[number]


@dataclass
class HarborPreheats(Fake):
    """Harbor's preheat policies before a registry that knows no projects: policies by project, and which were run.

    goharbor/harbor: api/v2.0/swagger.yaml (PreheatPolicy, Execution), src/server/v2.0/handler/preheat.go.
    """

    policies: dict[str, list[dict[str, Any]]]
    login: tuple[str, str] | None = None
    jobs: Jobs = field(default_factory=lambda: Jobs(states("Running", "Success")))
    ran: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, front: Front, request: BaseHTTPRequestHandler) -> bool:
        return request.path.startswith("/api/v2.0/") and super().__call__(front, request)

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        if self.login and _password(request.headers.get("Authorization", "")) != self.login:
            raise refused(401, "UNAUTHORIZED", "unauthorized")  # src/server/v2.0/handler/base.go (RequireProjectAccess)
        match request.command, urlsplit(request.path).path.removeprefix("/api/v2.0/projects/").split("/"):
            case "GET", [project, "preheat", "policies"]:
                # ListPolicies: a nil slice of Go for none. PreheatPolicy has filters and trigger as JSON in a string.
                found = [{"id": 1, "trigger": '{"type":"manual"}', **each} for each in self.policies.get(project, [])]
                self.send(front, request, 200, found or None, {"X-Total-Count": str(len(found))})
            case "POST", [project, "preheat", "policies", name]:
                # ManualPreheat: 201, and a path without /api/v2.0 ("TODO: build execution URL").
                assert json.loads(content) == {}
                self.ran.append((project, name))
                location = f"/projects/{project}/preheat/policies/{name}/executions/{self.jobs.start()}"
                front.send(request, 201, {"Location": location}, b"")
            case "GET", [_, "preheat", "policies", _, "executions", number]:
                # GetExecution; src/jobservice/job/status.go: Pending, Scheduled, Running, Stopped, Error, Success.
                document = {"id": int(number), "vendor_type": "P2P_PREHEAT", "status": self.jobs.state(int(number))}
                self.send(front, request, 200, {**document, "status_message": "no space left on the seed peer"})
            case _:
                raise refused(404, "NOT_FOUND", f"path {request.path} not found")


@dataclass
class DragonflyManager(Fake):
    """The manager of Dragonfly: the bodies of the jobs that were asked for.

    dragonflyoss/dragonfly: manager/router/router.go (``/oapi/v1/jobs``), manager/types/job.go (CreatePreheatJobRequest,
    PreheatArgs), manager/middlewares/personal_access_token.go (401), https://d7y.io/docs/advanced-guides/preheat/.
    """

    token: str
    jobs: Jobs = field(default_factory=lambda: Jobs(states("PENDING", "STARTED", "SUCCESS")))
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, front: Front, request: BaseHTTPRequestHandler, content: bytes) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(front, request, 401, {"message": "Unauthorized"})
        match request.command, urlsplit(request.path).path.removeprefix("/oapi/v1/").split("/"):
            case "POST", ["jobs"]:
                asked = json.loads(content)
                if asked["type"] != "preheat" or asked["args"]["type"] not in ("image", "file"):
                    return self.send(front, request, 422, {"errors": "invalid type"})
                self.asked.append(asked)
                number = self.jobs.start()
                self.send(front, request, 200, {"id": number, "task_id": f"group_{number}", "state": "PENDING"})
            case "GET", ["jobs", number]:
                self.send(front, request, 200, {"id": int(number), "state": self.jobs.state(int(number)), "result": {}})
            case _:
                self.send(front, request, 404, {"message": "Not Found"})
        return None
