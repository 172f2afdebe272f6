"""Harbor with the rules of a project, as far as ``prune --harbor-rules`` asks it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.registries import Harbor, refused
from tests.support.servers import Front


@dataclass
class RuledHarbor(Harbor):
    """Harbor with the rules of one project. Paths are goharbor/harbor's."""

    project: str = "team"
    policy: dict[str, Any] | None = None
    fixed: list[dict[str, Any]] = field(default_factory=list)

    def api(self, front: Front, request: BaseHTTPRequestHandler, path: str, content: bytes) -> None:
        # api/v2.0/swagger.yaml: getProject, GetRetention, CreateRetention, UpdateRetention, ListImmuRules,
        # CreateImmuRule. src/server/v2.0/handler/retention.go: 400 for a second policy, 404 for another number.
        name, method = path.removeprefix("/api/v2.0/"), request.command
        found = re.fullmatch(r"projects/([^/]+)(/immutabletagrules)?", name)
        if not (found or name.startswith("retentions")):
            return super().api(front, request, path, content)
        if self.user(request.headers.get("Authorization", "")) != self.admin[0]:
            raise refused(403, "FORBIDDEN", "forbidden")  # src/server/v2.0/handler/base.go
        if found and found[1] != self.project:
            raise refused(404, "NOT_FOUND", f"project {found[1]} not found")  # src/pkg/project/dao/dao.go
        if method in ("POST", "PUT"):
            self._set(method, name, json.loads(content))
            front.send(request, 201 if method == "POST" else 200, {}, b"")
        elif found and found[2]:
            self.send(front, request, 200, self.fixed)
        elif found:
            metadata = {"public": "false", **({"retention_id": "5"} if self.policy else {})}
            self.send(front, request, 200, {"project_id": 1, "name": self.project, "metadata": metadata})
        else:
            self.send(front, request, 200, self.policy)
        return None

    def _set(self, method: str, name: str, wanted: dict[str, Any]) -> None:
        if name.endswith("immutabletagrules"):
            self.fixed.append({"id": len(self.fixed) + 1, "priority": 0, "disabled": False, **wanted})
            return
        if method == "POST" and self.policy:
            raise refused(400, "BAD_REQUEST", "project 1 already has retention policy 5")
        if method == "PUT" and name != "retentions/5":
            raise refused(404, "NOT_FOUND", "the retention policy id does not match")
        rules = [{**rule, "id": number, "priority": 0} for number, rule in enumerate(wanted["rules"])]
        self.policy = {**wanted, "id": 5, "rules": rules}
