"""The retention and the immutable tags of a project of Harbor: reads them and sets them. It never runs a retention.

Source: goharbor/harbor, api/v2.0/swagger.yaml: ``/projects/{project_name_or_id}``, ``/retentions``,
``/retentions/{id}``, ``/projects/{project_name_or_id}/immutabletagrules``; src/server/v2.0/handler/retention.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bundler.core.frozen import frozen
from bundler.core.retention.harbor_rules import HarborRule
from bundler.errors import Damaged
from bundler.stores.harbor_settings import HarborApi
from bundler.stores.http import error_of
from bundler.texts import text


@frozen
class ProjectRules:
    """The rules that a project has.

    Attributes:
        project: Its number.
        number: The number of its policy; None if it has none.
        policy: The policy, as Harbor gave it; None if it has none.
        immutable: Its rules of immutability.
    """

    project: int
    number: int | None
    policy: Mapping[str, Any] | None
    immutable: tuple[HarborRule, ...]


class HarborRules(HarborApi):
    """The rules of the projects of one Harbor."""

    def read(self, project: str) -> ProjectRules:
        """Reads the rules of a project.

        Raises:
            Refused: There is no such project, or this account may not read it.
            Damaged: The answer is not what Harbor answers.
            Unavailable: Harbor does not answer.
        """
        place = f"projects/{quote(project, safe='')}"
        answer = self.get(place)
        found = answer.get("project_id") if isinstance(answer, dict) else None
        if type(found) is not int or found < 1 or answer.get("name") != project:
            raise Damaged("the answer is not about this project", subject=f"{self._registry.name}/{project}")
        metadata = answer.get("metadata")
        written = metadata.get("retention_id") if isinstance(metadata, dict) else None
        number = int(written) if isinstance(written, str) and written.isdecimal() and len(written) < 19 else None
        policy = None if number is None else self.get(f"retentions/{number}")
        if number is not None and not _is_of(policy, found):
            raise Damaged("the answer is not about this project", subject=f"{self._registry.name}: retentions/{number}")
        immutable = tuple(
            each for each in self.entries(f"{place}/immutabletagrules", self.get) if isinstance(each, dict)
        )
        return ProjectRules(found, number, policy, immutable)

    def set_retention(self, before: ProjectRules, rules: tuple[HarborRule, ...]) -> None:
        """Gives a project these rules. Its schedule stays; a new policy runs only by hand.

        Raises:
            Refused, Unavailable: Harbor refuses it, or does not answer.
        """
        old = before.policy or {}
        policy = {
            "algorithm": "or",
            "rules": list(rules),
            "trigger": old.get("trigger") or {"kind": "Schedule", "settings": {"cron": ""}, "references": {}},
            "scope": {"level": "project", "ref": before.project},
        }
        if before.number is None:
            self._send("POST", "retentions", policy)
        else:
            self._send("PUT", f"retentions/{before.number}", {"id": before.number, **policy})

    def add_immutable(self, project: str, rule: HarborRule) -> None:
        """Adds a rule of immutability to a project.

        Raises:
            Refused, Unavailable: Harbor refuses it, or does not answer.
        """
        self._send("POST", f"projects/{quote(project, safe='')}/immutabletagrules", rule)

    def _send(self, method: str, path: str, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        answer = self._registry.call(method, f"api/v2.0/{path}", credentials=self._admin, body=body)
        if answer.status not in (200, 201):
            raise error_of(answer, subject=text("{registry}: {path}", registry=self._registry.name, path=path))
        answer.drain()


def _is_of(policy: object, project: int) -> bool:
    scope = policy.get("scope") if isinstance(policy, dict) else None
    return isinstance(scope, dict) and scope.get("level") == "project" and scope.get("ref") == project
