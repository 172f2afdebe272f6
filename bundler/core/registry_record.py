"""The record of a registry in the bundle of its backup: what was read, what was not, and the settings of Harbor.

It is for people, and for those who set up a registry again: no command applies it. Answers of Harbor are taken field by
field, each with its type and a limit, so that no secret and no surprise of a server gets into a signed file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bundler.core import strict_json
from bundler.core.frozen import frozen
from bundler.core.inventory import NotListed
from bundler.core.json_fields import list_of, mapping, size, text
from bundler.errors import BundlerError, Damaged

FILE = "record-registry.json"
"""Its name in the bundle."""
RECORD = "bundler.registry/1"
_TEXT_CHARACTERS = 4096
_ENTRIES = 10_000
_DEPTH = 6

Settings = dict[str, Any]
"""Settings of a project or of all of Harbor, as JSON."""


@frozen
class HarborSettings:
    """The settings of a Harbor, as far as its API gave them.

    Attributes:
        version: Its version; empty if it is not known.
        projects: The settings of each project.
        robots: The robots of the whole system.
        labels: The labels of the whole system.
        not_read: The names of all that could not be read, each with the reason.
    """

    version: str = ""
    projects: tuple[Settings, ...] = ()
    robots: tuple[Settings, ...] = ()
    labels: tuple[Settings, ...] = ()
    not_read: tuple[tuple[str, str], ...] = ()


@frozen
class RegistryRecord:
    """The record of a registry.

    Attributes:
        registry: The registry, with the prefix of the repositories.
        kind: The name of its kind.
        repositories: The number of repositories that were read.
        tags: The number of their tags.
        not_listed: The names in the registry that the bundle lacks, as far as they were known before it was made.
        harbor: The settings of Harbor; None for other kinds.
    """

    registry: str
    kind: str
    repositories: int
    tags: int
    not_listed: tuple[NotListed, ...] = ()
    harbor: HarborSettings | None = None

    def to_json(self) -> bytes:
        """The bytes of the file."""
        harbor = self.harbor
        document = {
            "record": RECORD,
            "registry": self.registry,
            "kind": self.kind,
            "repositories": self.repositories,
            "tags": self.tags,
            "notListed": [{"name": each.name, "code": each.code, "reason": each.reason} for each in self.not_listed],
            "harbor": None
            if harbor is None
            else {
                "version": harbor.version,
                "projects": list(harbor.projects),
                "robots": list(harbor.robots),
                "labels": list(harbor.labels),
                "notRead": [{"what": what, "reason": reason} for what, reason in harbor.not_read],
            },
        }
        return json.dumps(document, indent=1).encode() + b"\n"


def parse_record(content: bytes, *, what: str) -> RegistryRecord:
    """Reads a record. The caller has checked it by SHA256SUMS, and bounds its size.

    Raises:
        Damaged: It is no record of a registry.
    """
    document = strict_json.loads(content, what=what)
    if not isinstance(document, dict) or document.get("record") != RECORD:
        raise Damaged("not the record of a registry", subject=what, expected=RECORD)
    try:
        harbor = document["harbor"]
        return RegistryRecord(
            text(document["registry"]),
            text(document["kind"]),
            size(document["repositories"]),
            size(document["tags"]),
            tuple(
                NotListed(text(each["name"]), text(each["code"]), text(each["reason"]))
                for each in list_of(document["notListed"])
            ),
            None if harbor is None else _harbor(mapping(harbor)),
        )
    except (KeyError, TypeError, ValueError, BundlerError) as error:
        raise Damaged("not the record of a registry", subject=what) from error


def _harbor(document: Mapping[str, Any]) -> HarborSettings:
    return HarborSettings(
        text(document["version"]),
        tuple(map(_checked_project, list_of(document["projects"]))),
        tuple(map(_checked_robot, list_of(document["robots"]))),
        tuple(map(mapping, list_of(document["labels"]))),
        tuple((text(each["what"]), text(each["reason"])) for each in list_of(document["notRead"])),
    )


def _checked_project(value: object) -> Settings:
    """A project of a record, if the fields that views show have their types."""
    project = mapping(value)
    text(project["name"])
    mapping(project["metadata"])
    for field in ("quota", "retention"):
        if project[field] is not None:
            mapping(project[field])
    for field in ("immutableRules", "labels"):
        list_of(project[field])
    for robot in list_of(project["robots"]):
        _checked_robot(robot)
    return project


def _checked_robot(value: object) -> Settings:
    robot = mapping(value)
    text(robot["name"])
    for permission in list_of(robot["permissions"]):
        for access in list_of(mapping(permission)["access"]):
            mapping(access)
    return robot


# Answers of Harbor: api/v2.0/swagger.yaml of goharbor/harbor, the definitions that are named below.


def project_settings(answer: object) -> Settings:
    """A ``Project``: its name, metadata, CVE allowlist, and whether it is a proxy cache."""
    allowlist = _object(_get(answer, "cve_allowlist"))
    items = (_text(_get(each, "cve_id")) for each in _list(allowlist.get("items")))
    metadata = {key: value for key, value in _object(_get(answer, "metadata")).items() if isinstance(value, str)}
    return {
        "name": _text(_get(answer, "name")),
        "metadata": {_text(key): _text(metadata[key]) for key in sorted(metadata)[:100] if key != "retention_id"},
        "cveAllowlist": [item for item in items if item],
        "isProxyCache": bool(_number(_get(answer, "registry_id"))),
    }


def quota_settings(answer: object) -> Settings:
    """A ``Quota``: its hard limits; -1 is no limit."""
    hard = _object(_get(answer, "hard"))
    return {_text(key): value for key, value in sorted(hard.items())[:100] if isinstance(value, int)}


def robot_settings(answer: object) -> Settings:
    """A ``Robot``: its name and permissions. Its secret is never read."""
    permissions = [
        {
            "kind": _text(_get(each, "kind")),
            "namespace": _text(_get(each, "namespace")),
            "access": [
                {key: _text(_get(access, key)) for key in ("resource", "action", "effect") if _get(access, key)}
                for access in _list(_get(each, "access"))
            ],
        }
        for each in _list(_get(answer, "permissions"))
    ]
    return {
        "name": _text(_get(answer, "name")),
        "description": _text(_get(answer, "description")),
        "level": _text(_get(answer, "level")),
        "disable": _get(answer, "disable") is True,
        "duration": _number(_get(answer, "duration")),
        "permissions": permissions,
    }


def label_settings(answer: object) -> Settings:
    """A ``Label``."""
    return {key: _text(_get(answer, key)) for key in ("name", "description", "color", "scope")}


def retention_settings(answer: object) -> Settings:
    """A ``RetentionPolicy``, without its ids."""
    return _kept(answer, ("algorithm", "rules", "trigger"))


def immutable_rule_settings(answer: object) -> Settings:
    """An ``ImmutableRule``, without its ids."""
    return _kept(answer, ("disabled", "action", "template", "params", "tag_selectors", "scope_selectors"))


def _kept(answer: object, fields: Iterable[str]) -> Settings:
    return {key: _plain(_get(answer, key), _DEPTH) for key in fields if _get(answer, key) is not None}


def _plain(value: object, depth: int) -> Any:
    """JSON within bounds. Rules have no secrets: they are selectors, numbers and a schedule."""
    if isinstance(value, (bool, int)) or value is None:
        return value
    if isinstance(value, str):
        return _text(value)
    if depth == 0:
        return None
    if isinstance(value, list):
        return [_plain(each, depth - 1) for each in value[:_ENTRIES]]
    if isinstance(value, dict):
        kept = list(value.items())[:_ENTRIES]
        return {_text(key): _plain(each, depth - 1) for key, each in kept if key not in ("id", "priority")}
    return None


def _get(answer: object, key: str) -> Any:
    return answer.get(key) if isinstance(answer, dict) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:_ENTRIES] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value[:_TEXT_CHARACTERS] if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


Read = Callable[[object], Settings]
"""Takes the settings out of an answer."""
