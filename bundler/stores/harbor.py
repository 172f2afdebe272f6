"""Harbor's projects, through its API v2.0: checks that they exist, reads their free quota, and creates them.

Harbor refuses pushes into missing projects. Push robots may neither create projects nor read much about them.
Removes tags too. Source: goharbor/harbor, api/v2.0/swagger.yaml, paths ``/projects``,
``/projects/{project_name_or_id}/summary``, and ``…/artifacts/{reference}/tags/{tag_name}`` of a repository.
"""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote, urlencode

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.limits import JSON_ANSWER_BYTES
from bundler.errors import Damaged
from bundler.stores.credentials import Credentials
from bundler.stores.http import Answer, error_of
from bundler.stores.registry import Registry
from bundler.texts import text


def repository_path(repository: str) -> str:
    """The path of a repository in the API.

    Harbor decodes the part after the project twice: swagger.yaml, parameter repository_name.
    """
    project, _, name = repository.partition("/")
    return f"projects/{quote(project, safe='')}/repositories/{quote(quote(name, safe=''), safe='')}"


class Projects:
    """The projects of one Harbor. Thread-safe."""

    def __init__(self, registry: Registry, admin: Credentials | None = None) -> None:
        """Serves one registry; ``admin`` is a login that may create projects, if the user gave one."""
        self._registry = registry
        self._admin = admin

    @property
    def may_create(self) -> bool:
        """True if the user gave a login that may create projects."""
        return self._admin is not None

    def exists(self, project: str) -> bool | None:
        """True if a project exists; None if we are not allowed to know.

        Raises:
            Unavailable: Harbor does not answer.
        """
        answer = self._call("HEAD", f"projects?{urlencode({'project_name': project})}")
        answer.drain()
        return {200: True, 404: False}.get(answer.status)

    def create(self, project: str) -> None:
        """Creates a private project. Does nothing if it exists.

        Raises:
            Refused, Unavailable: Harbor refuses it, or does not answer.
        """
        body = json.dumps({"project_name": project, "metadata": {"public": "false"}}).encode()
        answer = self._call("POST", "projects", body)
        if answer.status not in (201, 409):
            raise error_of(
                answer,
                subject=text(
                    "project {project} at {registry}, by {username}",
                    project=project,
                    registry=self._registry.name,
                    username=answer.username,
                ),
            )
        answer.drain()

    def free_bytes(self, project: str) -> int | None:
        """Returns the bytes that a project may still take; None without a quota, or if we are not allowed to know."""
        answer = self._call("GET", f"projects/{quote(project, safe='')}/summary")
        if answer.status != 200:
            answer.drain()
            return None
        try:
            summary = strict_json.loads(answer.read(JSON_ANSWER_BYTES), what=self._registry.name)
            hard, used = summary["quota"]["hard"]["storage"], summary["quota"]["used"]["storage"]
        except (Damaged, KeyError, TypeError):
            return None
        if not isinstance(hard, int) or not isinstance(used, int) or hard < 0:
            return None
        return max(0, hard - used)

    def remove_tag(self, repository: str, digest: Digest, tag: str) -> None:
        """Removes a tag without its artifact; Harbor's ``/v2/`` API removes by digest only. An absent tag is no error.

        Raises:
            Refused, Unavailable: Harbor refuses it, for example because the tag is immutable, or does not answer.
        """
        path = f"{repository_path(repository)}/artifacts/{digest}/tags/{quote(tag, safe='')}"
        answer = self._call("DELETE", path)
        if answer.status not in (200, 404):
            raise error_of(answer, subject=f"{self._registry.name}/{repository}:{tag}")
        answer.drain()

    def command(self, project: str) -> str:
        """Returns the command with which an administrator creates a project; curl asks for the password."""
        scheme, host = self._registry.address
        body = json.dumps({"project_name": project, "metadata": {"public": "false"}})
        return f"curl -u admin -H 'Content-Type: application/json' -d {shlex.quote(body)} {scheme}://{host}/api/v2.0/projects"

    def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        return self._registry.call(method, f"api/v2.0/{path}", credentials=self._admin, body=body)
