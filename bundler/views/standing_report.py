"""The lines and the document of ``status``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bundler.core.moments import shown as moment
from bundler.texts import Text, counted, joined, some, text
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact, fact_below, limited, size, table

if TYPE_CHECKING:
    from bundler.core.arrivals import ArrivedBundle
    from bundler.core.standing import RepositoryStanding, Standing, Unneeded
    from bundler.standing.request import ReceiptsRead, StatusResult

_DAY = 86_400
_NAMES = 6
ALL_RECEIPTS = text("all registries of the receipts")
NO_CHANNEL = text("without a channel")
CLOCK_WRONG = text("the clock of this machine shows a time before the newest receipt: no age can be believed")


def lines(result: StatusResult, *, is_verbose: bool) -> list[str]:
    """The totals, the newest bundles, and a line for each repository."""
    found = result.standing
    shown = [
        fact(said("registry"), escaped(found.place) or translated(ALL_RECEIPTS)),
        fact(said("holds"), translated(totals(found))),
        fact(said("receipts"), escaped(translated(receipt_words(result)))),
    ]
    for number, channel in enumerate(found.channels):
        line = escaped(translated(arrival_words(found, channel)))
        shown.append(fact_below(line) if number else fact(said("arrived"), line))
    if found.unneeded is not None and found.unneeded.listed:
        shown.append(fact(said("not needed"), translated(unneeded_words(found.unneeded))))
    if found.is_clock_wrong:
        shown.append(said("WARNING: {warning}", warning=CLOCK_WRONG))
    shown += _repositories(found, is_verbose=is_verbose)
    for title, tags in _strange(found):
        shown += ["", title, *limited([f"  {escaped(each)}" for each in tags], is_verbose=is_verbose)]
    if found.not_listed:
        missing = [f"  {escaped(each.reason)}" for each in found.not_listed]
        shown += ["", said("NOT READ: {count:,} repositories and tags", count=len(missing))]
        shown += limited(missing, is_verbose=is_verbose)
    return shown


def totals(found: Standing) -> Text:
    """The numbers of repositories, tags and bytes."""
    parts: list[str] = [count(len(found.repositories), "repository"), count(found.tags, "tag")]
    if found.place:
        parts.append(count(found.manifests, "manifest"))
    return joined([*parts, count(found.blobs, "blob"), text("{size} in all", size=size(found.size_bytes))], ", ")


def receipt_words(result: StatusResult) -> Text:
    """The receipts that were read, and what they are worth."""
    read, found = result.receipts, result.standing
    parts: list[str] = [count(read.signed + read.unsigned, "receipt")]
    if read.signed:
        parts.append(text("{count:,} signed by a trusted key", count=read.signed))
    if read.unsigned:
        parts.append(text("{count:,} without a trusted signature", count=read.unsigned))
    if read.unused:
        parts.append(counted(read.unused, "{count:,} file not used", "{count:,} files not used"))
    if found.elsewhere:
        parts.append(text("about other registries: {registries}", registries=some(found.elsewhere, most=3)))
    if found.without_blobs:
        parts.append(text("{count:,} of the first versions, which list no blobs", count=found.without_blobs))
    return joined(parts, ", ")


def arrival_words(found: Standing, bundle: ArrivedBundle) -> Text:
    """The newest bundle of a channel, and its age."""
    channel = text("{channel}, number {sequence}", channel=bundle.channel, sequence=bundle.sequence)
    return joined(
        [
            text("{name} ({channel})", name=bundle.name, channel=channel if bundle.channel else NO_CHANNEL),
            age_words(found, bundle.first),
            text("first imported {time}", time=moment(bundle.first)),
            *([] if bundle.is_whole else [text("never imported completely")]),
        ],
        ", ",
    )


def age_words(found: Standing, time: int | None) -> Text:
    """The age of something in words; a question mark if it is not known."""
    seconds = found.age_seconds(time)
    if seconds is None:
        return text("age unknown")
    if seconds < 3600:
        return text("less than an hour old")
    if seconds < 2 * _DAY:
        return counted(seconds // 3600, "{count} hour old", "{count} hours old")
    return text("{count:,} days old", count=seconds // _DAY)


def unneeded_words(unneeded: Unneeded) -> Text:
    """The blobs that no tag needs, with what the figure is made of."""
    listed = text(
        "{blobs} ({size}) that receipts list and no tag needs",
        blobs=count(unneeded.listed, "blob"),
        size=size(unneeded.listed_bytes),
    )
    there = text("still there: {count:,} ({size})", count=unneeded.there, size=size(unneeded.there_bytes))
    if unneeded.asked < unneeded.listed:
        part = text("asked for the {count:,} largest", count=unneeded.asked)
        return joined([listed, part, there], ", ")
    return joined([listed, there], ", ")


def _repositories(found: Standing, *, is_verbose: bool) -> list[str]:
    if not found.repositories:
        return []
    head = (
        said("repository"),
        said("tags"),
        said("only here"),
        said("shared"),
        said("newest import"),
        said("bundle"),
    )
    rows = [head, *(_row(found, each) for each in found.repositories)]
    made = table(rows, right=(1, 2, 3))
    return ["", made[0], *limited(made[1:], is_verbose=is_verbose)]


def _row(found: Standing, each: RepositoryStanding) -> tuple[str, ...]:
    newest = translated(age_words(found, each.newest)) if each.newest is not None else said("no receipt")
    name = each.name.partition("/")[2] if found.place else each.name
    return (
        escaped(name),
        f"{each.tags:,}",
        size(each.own_bytes),
        size(each.shared_bytes),
        newest,
        escaped(each.bundle),
    )


def _strange(found: Standing) -> Iterator[tuple[str, list[str]]]:
    """The tags about which registry and receipts differ, by the kind of the difference."""
    if not found.place or not found.receipts:
        return
    unknown = [f"{each.name}:{tag}" for each in found.repositories for tag in each.unknown]
    moved = [f"{each.name}:{tag}" for each in found.repositories for tag in each.moved]
    gone = [f"{each.name}:{tag}" for each in found.repositories for tag in each.gone]
    if gone:
        yield said("tags of receipts that are not there ({count:,})", count=len(gone)), gone
    if moved:
        yield said("tags with another digest than their receipt ({count:,})", count=len(moved)), moved
    if unknown:
        yield said("tags that no receipt names ({count:,})", count=len(unknown)), unknown


def document(result: StatusResult) -> dict[str, Any]:
    """The body of the document that ``status --json`` prints."""
    found = result.standing
    return {
        "place": found.place or None,
        "time": moment(found.now),
        "clockWrong": found.is_clock_wrong,
        "receipts": _receipts(result.receipts, found),
        "tags": found.tags,
        "manifests": found.manifests if found.place else None,
        "blobs": found.blobs,
        "bytes": found.size_bytes,
        "unknownTags": found.unknown_tags,
        "movedTags": found.moved_tags,
        "goneTags": found.gone_tags,
        "unneeded": _unneeded(found.unneeded),
        "channels": [_channel(found, each) for each in found.channels],
        "bundles": found.bundles,
        "repositories": list(_repository_documents(found, found.repositories)),
        "notListed": [{"name": each.name, "code": each.code, "reason": each.reason} for each in found.not_listed],
    }


def _receipts(read: ReceiptsRead, found: Standing) -> dict[str, Any]:
    return {
        "signed": read.signed,
        "unsigned": read.unsigned,
        "unused": read.unused,
        "default": read.is_default,
        "about": found.receipts,
        "elsewhere": list(found.elsewhere),
        "newest": moment(found.newest) if found.newest is not None else None,
        "withoutBlobs": found.without_blobs,
    }


def _unneeded(unneeded: Unneeded | None) -> dict[str, int] | None:
    if unneeded is None:
        return None
    return {
        "blobs": unneeded.listed,
        "bytes": unneeded.listed_bytes,
        "asked": unneeded.asked,
        "there": unneeded.there,
        "thereBytes": unneeded.there_bytes,
    }


def _channel(found: Standing, bundle: ArrivedBundle) -> dict[str, Any]:
    return {
        "channel": bundle.channel or None,
        "sequence": bundle.sequence or None,
        "bundleId": bundle.id,
        "name": bundle.name,
        "firstImported": moment(bundle.first),
        "lastImported": moment(bundle.last),
        "imports": bundle.imports,
        "complete": bundle.is_whole,
        "ageSeconds": found.age_seconds(bundle.first),
    }


def _repository_documents(found: Standing, repositories: Iterable[RepositoryStanding]) -> Iterator[dict[str, Any]]:
    for each in repositories:
        yield {
            "name": each.name,
            "tags": each.tags,
            "attachmentTags": each.attachment_tags,
            "ownBytes": each.own_bytes,
            "sharedBytes": each.shared_bytes,
            "newestImport": moment(each.newest) if each.newest is not None else None,
            "bundle": each.bundle or None,
            "ageSeconds": found.age_seconds(each.newest),
            "unknown": list(each.unknown),
            "moved": list(each.moved),
            "gone": list(each.gone),
        }
