"""The lines and the document that ``restore`` prints: those of ``import``, and in a dry run what differs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from bundler.backups.differences import NameState
from bundler.texts import joined, text
from bundler.views import documents, record_report
from bundler.views.import_report import import_lines
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, limited, table

if TYPE_CHECKING:
    from bundler.backups.differences import Difference
    from bundler.backups.request import RestoreComparison, RestoreResult

STATES = {
    NameState.UNKNOWN: text("unknown"),
    NameState.MOVED: text("moved"),
    NameState.INCOMPLETE: text("incomplete"),
    NameState.MISSING: text("missing"),
    NameState.SAME: text("same"),
}
"""The states of names, as people read them. Those that need an action come first."""
_EXTRA = text("extra")


def lines(result: RestoreResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``restore`` prints."""
    compared = [] if result.comparison is None else _comparison_lines(result.comparison, is_verbose=is_verbose)
    recorded = [] if result.record is None else record_report.lines(result.record, is_verbose=is_verbose)
    return [*compared, *import_lines(result.imported, is_verbose=is_verbose), *recorded]


def _comparison_lines(found: RestoreComparison, *, is_verbose: bool) -> list[str]:
    order = list(STATES)
    shown = [each for each in found.names if is_verbose or each.state is not NameState.SAME]
    rows = [_row(each) for each in sorted(shown, key=lambda each: (order.index(each.state), str(each.name)))]
    rows += [(translated(_EXTRA), escaped(name), "") for name in found.extra]
    counts = Counter(each.state for each in found.names)
    amounts = [
        text("{count:,} {outcome}", count=counts[state], outcome=words)
        for state, words in STATES.items()
        if counts[state]
    ]
    if found.extra:
        amounts.append(text("{count:,} {outcome}", count=len(found.extra), outcome=_EXTRA))
    shown_lines = [said("differences between the bundle and the registry")]
    shown_lines += limited(table(rows), is_verbose=is_verbose)
    shown_lines.append("  " + translated(joined(amounts, ", ")))
    if found.other_repositories:
        amount = count(len(found.other_repositories), "repository")
        shown_lines += ["", said("not in the bundle: {repositories}", repositories=amount)]
        shown_lines += limited([f"  {escaped(name)}" for name in found.other_repositories], is_verbose=is_verbose)
    if found.other_repositories is None:
        shown_lines += ["", said("the registry does not list its repositories: it may have more than the bundle")]
    if found.not_listed:
        shown_lines += ["", said("NOT COMPARED, because the registry does not list their tags:")]
        shown_lines += limited([f"  {escaped(name)}" for name in found.not_listed], is_verbose=is_verbose)
    return [*shown_lines, ""]


def _row(each: Difference) -> tuple[str, str, str]:
    note = ""
    if each.state is NameState.MOVED and each.there is not None:
        note = said("bundle {ours}, registry {theirs}", ours=each.digest.short, theirs=each.there.short)
    return translated(STATES[each.state]), escaped(each.name), note


def document(result: RestoreResult) -> dict[str, Any]:
    """The document that ``restore --json`` prints: that of ``import``, and what differs."""
    found = result.comparison
    return {
        **documents.import_document(result.imported),
        "document": "bundler.restore/1",
        "exitCode": result.exit_code,
        "record": None if result.record is None else json.loads(result.record.to_json()),
        "comparison": None
        if found is None
        else {
            "names": [
                {
                    "name": str(each.name),
                    "state": each.state.value,
                    "digest": str(each.digest),
                    "there": str(each.there) if each.there else None,
                }
                for each in found.names
            ],
            "extra": list(found.extra),
            "otherRepositories": None if found.other_repositories is None else list(found.other_repositories),
            "notListed": list(found.not_listed),
        },
    }
