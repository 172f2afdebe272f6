"""The lines that ``repair`` and ``parity`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.texts import some
from bundler.views.errors import advice_lines
from bundler.views.languages import said, translated, worded
from bundler.views.parity_report import group_words, plan_lines
from bundler.views.report import finding_lines
from bundler.views.words import count, escaped, fact, fact_below, limited, shell_word

if TYPE_CHECKING:
    from bundler.commands.add_parity import ParityResult
    from bundler.commands.repair import RepairResult

_SHOWN = 6


def repair_lines(result: RepairResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``repair`` prints."""
    lines = [fact(said("bundle"), f"{result.name}  {result.bundle_id}")]
    if result.parity is None:
        lines.append(fact(said("parity"), said("the bundle has none")))
    done = said("can be repaired") if result.is_dry_run else said("repaired")
    rows = [fact_below(f"{done}: {escaped(path)}") for path in result.repaired.values()]
    moved = said("would be renamed") if result.is_dry_run else said("renamed")
    rows += [fact_below(f"{moved}: {escaped(path)} -> {name}") for name, path in result.renamed.items()]
    lines += limited(rows, is_verbose=is_verbose)
    if result.failed:
        lines.append(fact(said("lost"), said("too much of these groups is lost:")))
        lines += [fact_below(group_words(group)) for group in result.failed]
    if result.lost:
        lines.append(fact(said("lost"), said("no parity here has enough for these chunks:")))
        named = [[fact_below(escaped(worded(each))), *advice_lines(each, " " * 16)] for each in result.lost]
        lines += limited([line for each in named for line in each], is_verbose=is_verbose)
    elif result.parity is not None and result.parity.unprotected:
        names = some(result.parity.unprotected, most=_SHOWN)
        lines.append(fact(said("lost"), said("{files}: no parity for it is here", files=translated(names))))
    if result.verified is None:
        return [*lines, "", said("nothing was written: --dry-run")]
    lines += _verified_lines(result, is_verbose=is_verbose)
    if result.output is not None and result.repaired:
        folders = dict.fromkeys([*result.verified.bundle.sealed.folders, result.output])
        trust = "--trust PUB" if result.verified.bundle.sealed.signers else "--insecure-no-signature"
        command = f"bundler import {' '.join(map(shell_word, folders))} --to DEST {trust}"
        lines += ["", said("next, with the folder of the repaired chunks: {command}", command=command)]
    return lines


def added_lines(result: ParityResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``parity`` prints."""
    lines = [fact(said("bundle"), f"{escaped(result.path)}  {result.name}")]
    if result.verified is not None and result.exit_code:
        lines += finding_lines(result.verified.findings, is_verbose=is_verbose)
        return [*lines, "", said("nothing was written: the bundle has problems")]
    lines += plan_lines(result.groups, is_verbose=is_verbose)
    if result.bundle_id is None:
        return [*lines, "", said("nothing was written: --dry-run")]
    lines.append(fact(said("id"), result.bundle_id))
    next_line = said("next: {command}", command=f"bundler verify {shell_word(result.path)} --trust PUB")
    if result.is_old:
        return [*lines, "", said("complete already: nothing was written"), next_line]
    if result.old_id != result.bundle_id:
        lines.append(fact_below(said("before: {id}", id=result.old_id)))
    lines.append(fact(said("signed by"), result.key_id))
    if result.removed_signers:
        signers = ", ".join(result.removed_signers)
        lines.append(
            fact_below(said("removed, because they are about the bundle without parity: {keys}", keys=signers))
        )
        lines.append(fact_below(f"-> {said('ask these signers again: bundler sign')}"))
    return [*lines, "", next_line]


def _verified_lines(result: RepairResult, *, is_verbose: bool) -> list[str]:
    if result.left or result.verified is None:
        found = translated(count(len(result.left), "finding"))
        lines = finding_lines(result.left, is_verbose=is_verbose)
        again = dict.fromkeys(finding.file for finding in result.left if finding.is_wanted)
        more = [f"  -> {said('copy again: {files}', files=some(again))}"] if again else []
        return [fact(said("content"), found), *lines, *more]
    chunks = count(len(result.verified.bundle.chunks), "chunk")
    nothing = not result.repaired and not result.renamed
    words = (
        said("whole: {chunks}; nothing was lost", chunks=chunks) if nothing else said("whole: {chunks}", chunks=chunks)
    )
    return [fact(said("content"), words)]
