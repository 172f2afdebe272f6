"""The lines about the record of a registry: what a backup wrote down, and what people must set up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.core.registry_record import FILE
from bundler.texts import joined, text
from bundler.views.languages import said, translated
from bundler.views.words import escaped, fact, fact_below, limited

if TYPE_CHECKING:
    from bundler.core.registry_record import HarborSettings, RegistryRecord, Settings

_NOT_KNOWN = text("users, passwords, secrets of robots, webhooks, replication, scan results, the configuration")


def written_lines(record: RegistryRecord, *, is_verbose: bool) -> list[str]:
    """The lines of a backup."""
    shown = []
    if record.harbor is not None:
        words = said("projects: {count:,}, in {file}", count=len(record.harbor.projects), file=FILE)
        shown.append(fact(said("settings"), words))
        shown += _not_read_lines(record.harbor, is_verbose=is_verbose)
    shown.append(fact(said("not in it"), translated(_NOT_KNOWN)))
    return shown


def lines(record: RegistryRecord, *, is_verbose: bool) -> list[str]:
    """The lines of a restore: nothing of the record is applied."""
    if record.harbor is None:
        return []
    harbor = record.harbor
    shown = ["", said("set up again by hand, as {registry} had it:", registry=escaped(record.registry))]
    rows = [words for project in harbor.projects for words in _project_lines(project)]
    rows += [f"  {translated(_robot_words(each))}" for each in harbor.robots]
    shown += limited(rows, is_verbose=is_verbose)
    shown += _not_read_lines(harbor, is_verbose=is_verbose)
    shown.append(fact_below(said("{file} in the bundle has all of it", file=FILE)))
    shown.append(fact_below(said("not known: {things}", things=translated(_NOT_KNOWN))))
    return shown


def _not_read_lines(harbor: HarborSettings, *, is_verbose: bool) -> list[str]:
    if not harbor.not_read:
        return []
    rows = [f"  {escaped(what)}: {escaped(reason)}" for what, reason in harbor.not_read]
    return [said("NOT READ: {count:,} settings", count=len(rows)), *limited(rows, is_verbose=is_verbose)]


def _project_lines(project: Settings) -> list[str]:
    """A project: one line, and one for each robot."""
    metadata = project.get("metadata")
    is_public = isinstance(metadata, dict) and metadata.get("public") == "true"
    quota = project.get("quota")
    limit = quota.get("storage") if isinstance(quota, dict) else None
    facts = [text("public") if is_public else text("private")]
    if isinstance(limit, int) and limit >= 0:
        facts.append(text("quota of {size:,} bytes", size=limit))
    if project.get("retention"):
        facts.append(text("retention rules: {count:,}", count=_count(project["retention"].get("rules"))))
    if project.get("immutableRules"):
        facts.append(text("immutability rules: {count:,}", count=_count(project["immutableRules"])))
    if project.get("labels"):
        facts.append(text("labels: {count:,}", count=_count(project["labels"])))
    words = translated(
        text("project {name}: {facts}", name=escaped(project.get("name", "")), facts=joined(facts, ", "))
    )
    robots = project.get("robots")
    return [f"  {words}", *(f"    {translated(_robot_words(each))}" for each in robots or ())]


def _robot_words(robot: Settings) -> str:
    access = [
        f"{each.get('resource', '')} {each.get('action', '')}"
        for permission in robot.get("permissions") or ()
        for each in permission.get("access") or ()
    ]
    return text("robot {name}: {rights}", name=escaped(robot.get("name", "")), rights=escaped(", ".join(access[:8])))


def _count(value: object) -> int:
    return len(value) if isinstance(value, list) else 0
