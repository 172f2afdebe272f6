"""The lines that ``inventory`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.texts import joined, text
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact, fact_below, limited, size

if TYPE_CHECKING:
    from bundler.inventories.request import InventoryResult


def lines(result: InventoryResult, *, is_verbose: bool) -> list[str]:
    """The file, what it says, and what could not be read."""
    found = result.inventory
    key = said("signed by key {key}", key=result.key_id) if result.key_id else said("UNSIGNED: nobody can check it")
    if result.is_old:
        key = said("complete already: nothing has changed since {created}", created=found.created)
    shown = [
        fact(said("inventory"), escaped(result.path)),
        fact_below(key),
        fact(said("id"), result.id),
        fact(said("place"), escaped(found.place)),
        fact(said("holds"), translated(_contents(result))),
    ]
    if found.not_listed:
        missing = [f"  {escaped(each.reason)}" for each in found.not_listed]
        shown += ["", said("NOT READ: {count:,} repositories and tags", count=len(missing))]
        shown += limited(missing, is_verbose=is_verbose)
    return shown


def _contents(result: InventoryResult) -> str:
    found = result.inventory
    if found.kind == "daemon":
        return joined(
            [count(len(found.images), "image"), text("no blobs: a daemon does not keep them, so it is no base")], ", "
        )
    tags = sum(len(each.tags) for each in found.repositories)
    return joined(
        [
            count(len(found.repositories), "repository"),
            count(tags, "tag"),
            count(len(found.manifests), "manifest"),
            count(len(found.blobs), "blob"),
            text("{size} in blobs", size=size(sum(blob.size_bytes for blob in found.blobs))),
        ],
        ", ",
    )
