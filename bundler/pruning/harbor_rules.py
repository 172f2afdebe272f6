"""``bundler prune --harbor-rules``: gives a project of Harbor the rules, so that Harbor prunes by itself.

Nothing is removed here, and Harbor's retention is not run. A policy that is there is shown first, and its bytes are in
the receipt before it is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundler import __version__
from bundler.core.frozen import frozen
from bundler.core.registry_kind import HARBOR
from bundler.core.retention.harbor_rules import (
    MOST_RULES,
    HarborRule,
    immutable_rule,
    is_same,
    retention_rules,
    tags_kept,
)
from bundler.core.retention.imported import ImportedBundle
from bundler.core.retention.rules import Retention
from bundler.errors import Misuse, Refused
from bundler.keys.signed_files import write_signed
from bundler.pruning import receipt_file
from bundler.pruning.planned import plan_prune
from bundler.pruning.receipts import read_imports
from bundler.pruning.request import PruneRequest
from bundler.run import Run, paces_of, retrying
from bundler.stores.harbor_rules import HarborRules, ProjectRules
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transports.parsing import parse_target

DOCUMENT = "bundler.harbor-rules-receipt/1"


@frozen
class PlannedHarborRules:
    """The rules that a project of Harbor is to get. Nothing was changed.

    Attributes:
        request: The request.
        registry: The host.
        project: The project.
        before: The rules that it has.
        rules: The rules of retention that it is to have.
        immutable: The rules of immutability that it lacks.
        bundles: The bundles whose tags are kept.
    """

    request: PruneRequest
    registry: str
    project: str
    before: ProjectRules
    rules: tuple[HarborRule, ...]
    immutable: tuple[HarborRule, ...]
    bundles: tuple[ImportedBundle, ...] = ()

    @property
    def is_retention_set(self) -> bool:
        """True if the project has these rules of retention."""
        policy = self.before.policy
        return policy is not None and policy.get("algorithm") == "or" and is_same(self.rules, policy.get("rules"))

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to set."""
        return self.is_retention_set and not self.immutable

    @property
    def schedule(self) -> str:
        """The times at which Harbor runs the retention, as cron with seconds; empty if only people run it."""
        found: Any = self.before.policy
        for key in ("trigger", "settings", "cron"):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, str) else ""


@frozen
class HarborRulesResult:
    """The result of setting rules.

    Attributes:
        planned: The plan.
        receipt: The receipt, with the rules before; None if all was set already.
    """

    planned: PlannedHarborRules
    receipt: Path | None = None


def plan_harbor_rules(request: PruneRequest, run: Run | None = None) -> PlannedHarborRules:
    """Translates rules for Harbor, and reads those that the project has. Nothing is changed.

    Args:
        request: The project and the rules.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The place is no project of a Harbor, or Harbor cannot have the rules.
        Untrusted, Damaged, LocalStorage: As `plan_prune`, about receipts.
        Refused: There is no such project, or the account may not read its rules.
        Unavailable: Harbor does not answer.
    """
    run = run or Run()
    place = parse_target(request.place).pushed_to
    if place is None or not place.prefix or "/" in place.prefix:
        raise Misuse("this is not a project of Harbor", subject=request.place, hint="write HOST/PROJECT")
    registry, project = place.registry, place.prefix
    receipt_file.check_place(request.output)
    retention_rules(request.retention, project, ())  # a refusal needs no network
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    kind = retrying(stores.registry(registry).kind, run, subject=registry, peer=registry)
    if kind is not HARBOR:
        raise Misuse(
            "this registry is not Harbor", subject=registry, actual=kind.title, hint="prune without --harbor-rules"
        )
    before = _api(request, registry, stores, run).read(project)
    bundles = _newest_bundles(request, registry, project, run)
    kept = tags_kept(bundles, project)
    wanted = [immutable_rule(each) for each in kept] if request.is_immutable else []
    lacking = tuple(rule for rule in wanted if not any(is_same([rule], [each]) for each in before.immutable))
    if len(before.immutable) + len(lacking) > MOST_RULES:
        raise Misuse(
            "Harbor allows fewer rules in a project",
            subject=text("immutable tags of {project}", project=project),
            expected=text("at most {count}", count=MOST_RULES),
            actual=str(len(before.immutable) + len(lacking)),
            hint="remove rules in Harbor, or leave --immutable out",
        )
    rules = retention_rules(request.retention, project, kept)
    return PlannedHarborRules(request, registry, project, before, rules, lacking, bundles)


def set_harbor_rules(planned: PlannedHarborRules, run: Run | None = None) -> HarborRulesResult:
    """Sets what a plan says, if the project still has the rules that it had then. Writes a receipt before.

    Args:
        planned: The plan that a person has seen.
        run: Can be stopped; None for a silent run.

    Raises:
        Refused: The rules have changed since the plan, or Harbor refuses the new ones.
        LocalStorage: The receipt cannot be written. Nothing was changed.
        Unavailable: Harbor does not answer.
    """
    run = run or Run()
    if planned.is_empty:
        return HarborRulesResult(planned)
    request, project = planned.request, planned.project
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    api = _api(request, planned.registry, stores, run)
    with receipt_file.only_prune_of(planned.registry):
        if api.read(project) != planned.before:
            raise Refused(
                "the rules have changed since the plan was made",
                subject=f"{planned.registry}/{project}",
                hint="run the command again, and look at the new plan",
            )
        path = _write_receipt(planned, run)
        if not planned.is_retention_set:
            api.set_retention(planned.before, planned.rules)
        for rule in planned.immutable:
            api.add_immutable(project, rule)
        after = replace(planned, before=api.read(project))
        if not after.is_retention_set:
            raise Refused("Harbor has other rules than were sent", subject=f"{planned.registry}/{project}")
    return HarborRulesResult(planned, path)


def _newest_bundles(request: PruneRequest, registry: str, project: str, run: Run) -> tuple[ImportedBundle, ...]:
    """The newest bundle of each kind. Its tags stay, as they do in every prune."""
    imports = read_imports(registry, request.receipts, request.trust, request.demand, now=request.now())
    names = {name for bundle in imports.bundles for name in bundle.repositories if name.startswith(f"{project}/")}
    if not names:
        return ()
    return plan_prune(replace(request, retention=Retention(repositories=tuple(sorted(names)))), run).plan.bundles.kept


def _api(request: PruneRequest, registry: str, stores: Stores, run: Run) -> HarborRules:
    def retry(ask: Callable[[], Any]) -> Any:
        return retrying(ask, run, subject=registry, peer=registry)

    return HarborRules(stores.registry(registry), request.admin, retry)


def _write_receipt(planned: PlannedHarborRules, run: Run) -> Path:
    request, started = planned.request, planned.request.now()
    document = {
        "document": DOCUMENT,
        "tool": f"bundler {__version__}",
        "registry": planned.registry,
        "project": planned.project,
        "rules": list(request.retention.words()),
        "operator": request.operator,
        "host": request.host,
        "started": started,
        "before": planned.before.policy,
        "retention": list(planned.rules),
        "immutable": list(planned.immutable),
    }
    path = request.output or receipt_file.new_path(started, planned.registry)
    write_signed(path, json.dumps(document, indent=1).encode() + b"\n", request.key.load(run.listener))
    return path
