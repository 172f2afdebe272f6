"""The settings of a Harbor, through its API v2.0: projects, quotas, retention, immutability, robots, labels.

It only reads. Source: goharbor/harbor, api/v2.0/swagger.yaml. Lists come in pages of at most 100 entries. An account
sees as much as its role allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import HARBOR_ENTRIES, HARBOR_PAGE_BYTES, HARBOR_SETTINGS_BYTES
from bundler.core.registry_record import (
    HarborSettings,
    Read,
    Settings,
    immutable_rule_settings,
    label_settings,
    project_settings,
    quota_settings,
    retention_settings,
    robot_settings,
)
from bundler.errors import Damaged, Refused
from bundler.stores.credentials import Credentials
from bundler.stores.harbor import repository_path
from bundler.stores.http import error_of
from bundler.stores.registry import Registry
from bundler.texts import text

_PAGE = 100
Retry = Callable[[Callable[[], Any]], Any]
"""Asks until there is an answer, or gives up."""


@frozen
class Answer:
    """An answer of Harbor: its document, and the size of it in bytes."""

    document: Any
    size_bytes: int


class HarborApi:
    """Reads from the API of one Harbor."""

    def __init__(self, registry: Registry, admin: Credentials | None, retry: Retry) -> None:
        """Asks nothing yet; ``admin`` is a login that may see more than that of the registry."""
        self._registry = registry
        self._admin = admin
        self._retry = retry

    def settings(self, prefix: str) -> HarborSettings:
        """Reads the settings of all projects, or of that of a prefix.

        Settings that this account may not see are noted and left out.

        Raises:
            Unavailable: Harbor does not answer.
        """
        return _SettingsReading(self).settings(prefix.partition("/")[0])

    def untagged(self, repository: str) -> frozenset[Digest]:
        """The artifacts of a repository that have no tag and are no children of others.

        Raises:
            Refused, Damaged, Unavailable: Harbor does not list them.
        """
        path = f"{repository_path(repository)}/artifacts?{urlencode({'q': 'tags=nil'})}"
        found = set()
        for answer in self.entries(path, self.get):
            if isinstance(answer, dict) and not answer.get("tags"):
                found.add(Digest.parse(answer.get("digest")))
        return frozenset(found)

    def entries(self, path: str, get: Callable[[str], Any]) -> Iterator[Any]:
        """The entries of all pages of a list.

        Args:
            path: The list.
            get: Requests a page.

        Raises:
            Refused: There are too many, or Harbor refuses.
            Damaged: It is not a list.
        """
        seen = 0
        for page in range(1, HARBOR_ENTRIES // _PAGE + 2):
            joint = "&" if "?" in path else "?"
            answer = get(f"{path}{joint}{urlencode({'page': page, 'page_size': _PAGE})}")
            answer = [] if answer is None else answer  # a list without entries is null in some releases
            if not isinstance(answer, list):
                raise Damaged("the answer is not a list", subject=self.name_of(path))
            yield from answer[:_PAGE]
            seen += len(answer)
            if len(answer) < _PAGE:
                return
            if seen > HARBOR_ENTRIES:
                break
        raise Refused("the list does not end", subject=self.name_of(path), actual=str(seen))

    def get(self, path: str) -> Any:
        """The document that Harbor answers with.

        Raises:
            Refused, Damaged, Unavailable: There is none.
        """
        return self.answer(path).document

    def answer(self, path: str) -> Answer:
        """The answer of Harbor to a request.

        Raises:
            Refused, Damaged, Unavailable: There is none.
        """

        def ask() -> Answer:
            answer = self._registry.call("GET", f"api/v2.0/{path}", credentials=self._admin)
            if answer.status != 200:
                raise error_of(answer, subject=text("{registry}: {path}", registry=self._registry.name, path=path))
            content = answer.read(HARBOR_PAGE_BYTES)
            return Answer(strict_json.loads(content, what=self._registry.name), len(content))

        found: Answer = self._retry(ask)
        return found

    def name_of(self, path: str) -> str:
        """The name of a request, for errors."""
        return f"{self._registry.name}: {path}"


class _SettingsReading:
    """One reading of settings, in one thread: it notes what it could not read, and counts the bytes."""

    def __init__(self, api: HarborApi) -> None:
        self._api = api
        self._not_read: list[tuple[str, str]] = []
        self._read_bytes = 0

    def settings(self, wanted: str) -> HarborSettings:
        """The settings of one project; of all if its name is empty."""
        about = self._tried("systeminfo", lambda: self._get("systeminfo"), {})
        version = about.get("harbor_version") if isinstance(about, dict) else ""
        found = self._tried("projects", lambda: list(self._api.entries("projects", self._get)), [])
        projects: list[Settings] = []
        for answer in found:
            settings = project_settings(answer)
            if settings["name"] and (not wanted or settings["name"] == wanted):
                projects.append({**settings, **self._of_project(answer, settings["name"])})
        return HarborSettings(
            version if isinstance(version, str) else "",
            tuple(sorted(projects, key=lambda each: str(each["name"]))),
            () if wanted else tuple(self._each("robots", "robots", robot_settings)),
            () if wanted else tuple(self._each("labels", "labels?scope=g", label_settings)),
            tuple(self._not_read),
        )

    def _of_project(self, answer: Any, name: str) -> Settings:
        number = answer.get("project_id") if isinstance(answer.get("project_id"), int) else 0
        metadata = answer.get("metadata")
        retention = metadata.get("retention_id") if isinstance(metadata, dict) else None
        place = quote(name, safe="")
        robots = f"robots?{urlencode({'q': f'Level=project,ProjectID={number}'})}"
        quotas = f"quotas?{urlencode({'reference': 'project', 'reference_id': number})}"
        labels = f"labels?{urlencode({'scope': 'p', 'project_id': number})}"

        def read(what: str, path: str, take: Read) -> list[Settings]:
            return self._each(f"{name}: {what}", path, take)

        found = read("quotas", quotas, quota_settings)
        policy: Settings | None = None
        if isinstance(retention, str) and re.fullmatch(r"[0-9]{1,18}", retention):
            path = f"retentions/{int(retention)}"
            policy = self._tried(f"{name}: retention", lambda: retention_settings(self._get(path)), None)
        return {
            "quota": found[0] if found else None,
            "retention": policy,
            "immutableRules": read("immutability", f"projects/{place}/immutabletagrules", immutable_rule_settings),
            "robots": read("robots", robots, robot_settings),
            "labels": read("labels", labels, label_settings),
        }

    def _each(self, what: str, path: str, read: Read) -> list[Settings]:
        found: list[Settings] = self._tried(
            what, lambda: [read(answer) for answer in self._api.entries(path, self._get)], []
        )
        return found

    def _tried(self, what: str, read: Callable[[], Any], instead: Any) -> Any:
        try:
            return read()
        except (Refused, Damaged) as error:
            self._not_read.append((what, str(error)))
            return instead

    def _get(self, path: str) -> Any:
        """An answer of which settings are kept.

        Raises:
            Refused: All of them together are larger than the settings of a Harbor can be.
        """
        if self._read_bytes >= HARBOR_SETTINGS_BYTES:
            raise Refused(
                "the settings are too large",
                subject=self._api.name_of(path),
                expected=text("at most {size:,} bytes", size=HARBOR_SETTINGS_BYTES),
            )
        answer = self._api.answer(path)
        self._read_bytes += answer.size_bytes
        return answer.document
