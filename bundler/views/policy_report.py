"""The table of verdicts: what a policy decided on each image, who signed it, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.texts import joined, text
from bundler.views.languages import said, translated
from bundler.views.words import escaped, fact, limited, table

if TYPE_CHECKING:
    from bundler.core.policy import PolicyVerdict


def policy_lines(verdicts: Sequence[PolicyVerdict], *, is_verbose: bool) -> list[str]:
    """The lines about the verdicts of all policies, refused images first; empty without a policy."""
    lines: list[str] = []
    for own in _by_policy(verdicts):
        lines += [_count_line(own), *_rows(own, is_verbose=is_verbose)]
    return lines


def summary_lines(verdicts: Sequence[PolicyVerdict], *, is_verbose: bool) -> list[str]:
    """One line for each policy, with the numbers of accepted and refused images; the table with ``--verbose``.

    For reports that list refused images anyway.
    """
    return policy_lines(verdicts, is_verbose=True) if is_verbose else [_count_line(own) for own in _by_policy(verdicts)]


def _by_policy(verdicts: Sequence[PolicyVerdict]) -> Iterator[list[PolicyVerdict]]:
    for source in dict.fromkeys(verdict.source for verdict in verdicts):
        yield sorted((each for each in verdicts if each.source == source), key=lambda each: each.is_accepted)


def _count_line(verdicts: Sequence[PolicyVerdict]) -> str:
    return fact(said("policy"), f"{escaped(verdicts[0].source)}: {_counts(verdicts)}")


def _counts(verdicts: Sequence[PolicyVerdict]) -> str:
    refused = sum(not each.is_accepted for each in verdicts)
    counts = [text("{count:,} accepted", count=len(verdicts) - refused)]
    return translated(joined([*counts, *([text("{count:,} REFUSED", count=refused)] if refused else [])], ", "))


def _rows(verdicts: Sequence[PolicyVerdict], *, is_verbose: bool) -> list[str]:
    head = (said("image"), said("rule"), said("signed by"), said("verdict"), said("why"))
    rows = [
        (
            escaped(each.reference),
            escaped(each.rule),
            escaped(", ".join(each.signers)) or "-",
            said("accepted") if each.is_accepted else said("REFUSED"),
            escaped(reason_words(each)),
        )
        for each in verdicts
    ]
    first, *others = table([head, *rows])
    return [first, *limited(others, is_verbose=is_verbose)]


def reason_words(verdict: PolicyVerdict) -> str:
    """The reason of a verdict."""
    found = translated(verdict.found) if verdict.found else ""
    if verdict.is_accepted or not verdict.wanted:
        return found
    return said("found {found}; wanted {wanted}", found=found, wanted=translated(verdict.wanted))
