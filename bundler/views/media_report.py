"""Lines about media: the bundles on them, the places of chunks, and the other files there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from bundler.core import roles
from bundler.core.media import media_with
from bundler.texts import Text, counted, joined, some, text
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact, fact_below, more_lines, shell_word, size, table

if TYPE_CHECKING:
    from bundler.bundle.litter import Litter
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.commands.bundle_list import BundleList, ListedBundle
    from bundler.commands.verify import VerifyResult
    from bundler.core.manifest import BundleManifest, Medium
    from bundler.core.outer_manifest import OuterManifest
    from bundler.errors import BundlerError

_SHOWN = 6


def list_lines(result: BundleList, command: str) -> list[str]:
    """The lines of a command that found several bundles: the claims of each, and the command for it."""
    number = len(result.bundles) + result.more
    lines = [said("{count:,} bundles are here. None of them was verified; choose one:", count=number)]
    for bundle in result.bundles:
        lines += ["", *_listed_lines(bundle, command)]
    if result.more:
        lines += ["", *more_lines(result.more)]
    lines += ["", *_unfinished_lines(result.unfinished)] if result.unfinished else []
    return [*lines, *(["", *_skipped_lines(result.skipped)] if result.skipped else [])]


def _unfinished_lines(folders: Sequence[object]) -> list[str]:
    shown = [fact(said("unfinished"), escaped(folder)) for folder in folders[:_SHOWN]]
    hint = said("an export that runs, or was stopped: run the same export again to finish it")
    return [*shown, *more_lines(len(folders) - len(shown)), fact_below(f"-> {hint}")]


def _listed_lines(bundle: ListedBundle, command: str) -> list[str]:
    if bundle.problem is not None:
        what = said("cannot be read: {error}", error=escaped(bundle.problem))
        lines = [fact(said("bundle"), what), fact(said("id"), bundle.id)]
    else:
        made = said("{name}, made {time}", name=bundle.name, time=escaped(bundle.created))
        lines = [
            fact(said("bundle"), made),
            fact(said("id"), bundle.id),
            fact(said("signature"), _signature_of(bundle)),
            fact(said("images"), f"{bundle.images:,}" if bundle.images is not None else said("unknown: encrypted")),
            fact(said("chunks"), _chunks_of(bundle)),
        ]
        if bundle.series:
            channel, sequence = bundle.series.channel, bundle.series.sequence
            lines.append(fact(said("series"), said("{channel}, number {sequence}", channel=channel, sequence=sequence)))
        if bundle.bases:
            lines.append(fact(said("needs"), some(map(escaped, bundle.bases))))
    folders = " ".join(map(shell_word, bundle.folders))
    return [f"  {line}" for line in (*lines, f"-> bundler {command} {folders}")]


def _chunks_of(bundle: ListedBundle) -> str:
    template = (
        text("all {total:,} are here, {size} in all")
        if bundle.is_complete
        else text("{here:,} of {total:,} chunks are here, {size} in all: not complete")
    )
    amount = size(bundle.size_bytes)
    return said(template.template, here=bundle.chunks_here, total=bundle.chunks, size=amount)


def _signature_of(bundle: ListedBundle) -> str:
    if bundle.signers:
        return said("good, by {keys}", keys=", ".join(bundle.signers))
    if bundle.claimed_signers:
        return said("not checked; by its file name by {keys}", keys=some(bundle.claimed_signers))
    return said("none")


def presence_lines(result: VerifyResult) -> list[str]:
    """The lines about chunks that are not here; empty if all are here."""
    states = result.bundle.chunks
    absent = [state.chunk.file for state in states if state.is_absent]
    if not absent:
        return []
    here = [state.chunk.file for state in states if not state.is_absent]
    bad = {finding.file for finding in result.findings if finding.is_wanted}.intersection(here)
    elsewhere = [state.chunk.file for state in states if state.is_elsewhere]
    numbers = {"here": len(here), "total": len(states), "good": len(here) - len(bad), "bad": len(bad)}
    others = counted(
        len(elsewhere),
        "{count:,} is elsewhere: {names}",
        "{count:,} are elsewhere: {names}",
        names=on_media(elsewhere, result.bundle.manifest.media),
    )
    if not here and len(states) == 1:
        words = said("the only chunk is not here: {names}", names=in_runs(absent))
    elif not here:
        words = said("none of the {total:,} chunks are here: {names}", total=len(states), names=in_runs(absent))
    elif not elsewhere and not bad:
        words = said(
            "{here:,} of {total:,} chunks are here, all good; missing: {names}", **numbers, names=in_runs(absent)
        )
    elif not elsewhere:
        words = said(
            "{here:,} of {total:,} chunks are here, {good:,} good and {bad:,} damaged; missing: {names}",
            **numbers,
            names=in_runs(absent),
        )
    elif bad:
        words = said(
            "{here:,} of {total:,} chunks are here, {good:,} good and {bad:,} damaged; {away}", **numbers, away=others
        )
    else:
        words = said(
            "{here:,} of {total:,} chunks are here, all good; {away}", here=len(here), total=len(states), away=others
        )
    away = frozenset(elsewhere)
    users = {image: None for finding in result.findings if finding.file in away for image in finding.images}
    lines = [fact(said("chunks"), words)]
    lines += [fact_below(said("images that need them: {names}", names=some(users)))] if users else []
    if not elsewhere:
        return lines
    return [*lines, fact_below(f"-> {said('give the other media too, in any order: bundler verify PATH PATH...')}")]


def plan_lines(
    manifest: BundleManifest | OuterManifest,
    folders: Sequence[object] = (),
    here: Collection[str] | None = None,
    others: Mapping[str, int] | None = None,
) -> list[str]:
    """The media that a bundle is planned for: the files of each, and how full it is; empty if there are none.

    Args:
        manifest: The bundle manifest.
        folders: The folder of each medium, if they are known.
        here: The names of the chunks that are here; None if that does not matter.
        others: The sizes of other files, by name, as far as they are known; None for none.
    """
    media = manifest.media
    if not media:
        return []
    rows = []
    for number, medium in enumerate(media, start=1):
        chunks = [manifest.chunks[chunk - 1] for chunk in medium.chunks]
        files = [chunk.file for chunk in chunks]
        total = sum(chunk.size_bytes for chunk in chunks) + sum((others or {}).get(name, 0) for name in medium.files)
        rows.append(
            (
                said("medium {number}", number=number),
                *([escaped(folders[number - 1])] if folders else []),
                translated(in_runs([*files, *medium.files])) if files or medium.files else said("no chunk"),
                size(total),
                _fill_words(total, medium.size_bytes),
                _here_words(files, here),
            )
        )
    words = said("planned for {media}; each can be checked alone", media=count(len(media), "medium"))
    return [fact(said("media"), words), *table(rows, right=[3 if folders else 2])]


def _fill_words(total_bytes: int, size_bytes: int | None) -> str:
    if not size_bytes:
        return ""
    return said("{percent} % of {size}", percent=100 * total_bytes // size_bytes, size=size(size_bytes))


def _here_words(files: Sequence[str], here: Collection[str] | None) -> str:
    if here is None or not files:
        return ""
    found = sum(file in here for file in files)
    if found == len(files):
        return said("here")
    return said("{found} of {total} here", found=found, total=len(files)) if found else said("not here")


def on_media(files: Sequence[str], media: Sequence[Medium]) -> Text:
    """Names of chunks, with the media that they were planned for, if the bundle has a plan."""
    numbers = media_with(media, (number for file in files if (number := roles.chunk_number(file)) is not None))
    if not numbers:
        return in_runs(files)
    words = [text("medium {number} of {count}", number=number, count=len(media)) for number in numbers]
    shown = joined(words[:_SHOWN], ", ")
    if len(words) > _SHOWN:
        shown = text("{names} and {count:,} more", names=shown, count=len(words) - _SHOWN)
    return text("{files}, on {media}", files=in_runs(files), media=shown)


def in_runs(files: Sequence[str]) -> Text:
    """Names of chunks; of each run of consecutive numbers only the first and the last.

    >>> in_runs(["chunk-0001.tar", "chunk-0004.tar", "chunk-0005.tar", "chunk-0006.tar"])
    'chunk-0001.tar, chunk-0004.tar … chunk-0006.tar'
    """
    runs: list[list[str]] = []
    for file in files:
        if runs and _number(runs[-1][-1]) + 1 == _number(file):
            runs[-1].append(file)
        else:
            runs.append([file])
    words = []
    for run in runs:
        words += [f"{run[0]} … {run[-1]}"] if len(run) > 2 else run
    return some(words)


def _number(file: str) -> int:
    return roles.chunk_number(file) or 0


def media_lines(bundle: Bundle | LockedBundle, litter: Litter | None) -> list[str]:
    """The chunks under other names, the files that are not of the bundle, and the folders that could not be read."""
    return [*_name_lines(bundle), *_copy_lines(bundle), *_litter_lines(litter), *_skipped_lines(bundle.sealed.skipped)]


def _litter_lines(litter: Litter | None) -> list[str]:
    if litter is None or not litter.files:
        return []
    shown = some(f"{escaped(name)} ({size(size_bytes)})" for name, size_bytes in litter.shown)
    files, total = count(litter.files, "file"), size(litter.size_bytes)
    template = (
        "{files} of operating systems, not of the bundle, {size}: {names}"
        if litter.is_whole
        else "at least {files} of operating systems, not of the bundle, {size}: {names}"
    )
    return [fact(said("litter"), said(template, files=files, size=total, names=shown))]


def _skipped_lines(skipped: Sequence[BundlerError]) -> list[str]:
    lines = [
        fact(said("skipped"), f"{escaped(error.subject)}: {escaped(translated(error.message))}")
        for error in skipped[:_SHOWN]
    ]
    return [*lines, *_more(skipped)]


def _name_lines(bundle: Bundle | LockedBundle) -> list[str]:
    found = bundle.other_names
    if not found:
        return []
    chunks = count(len({file for file, _ in found}), "chunk")
    rows = [(escaped(path), said("is {file}", file=file)) for file, path in found[:_SHOWN]]
    return [fact(said("names"), said("{chunks} under other names", chunks=chunks)), *table(rows), *_more(found)]


def _copy_lines(bundle: Bundle | LockedBundle) -> list[str]:
    if not bundle.given_up:
        return []
    lines = [
        "  " + said("{bad}: read {good}", bad=escaped(each.bad), good=escaped(each.used))
        for each in bundle.given_up[:_SHOWN]
    ]
    return [fact(said("copies"), said("damaged; good copies are used:")), *lines, *_more(bundle.given_up)]


def _more(items: Sequence[object]) -> list[str]:
    return more_lines(len(items) - _SHOWN, indent="  ")
