"""The lines and the document that ``backup`` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bundler.texts import joined
from bundler.views import documents, record_report, report
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact, limited

if TYPE_CHECKING:
    from bundler.backups.request import BackupResult


def lines(result: BackupResult, passphrase: str | None, *, is_verbose: bool) -> list[str]:
    """The registry, what of it could not be read, and the bundle."""
    record = result.record
    amounts = joined([count(record.repositories, "repository"), count(record.tags, "tag")], ", ")
    shown = [
        fact(said("registry"), escaped(result.registry)),
        fact(said("holds"), translated(amounts)),
    ]
    if result.not_listed:
        missing = [f"  {escaped(each.reason)}" for each in result.not_listed]
        shown += ["", said("NOT IN THE BACKUP: {count:,} repositories, tags and digests", count=len(missing))]
        shown += [*limited(missing, is_verbose=is_verbose), ""]
    shown += record_report.written_lines(record, is_verbose=is_verbose)
    return [*shown, *report.export_lines(result.export, passphrase, is_verbose=is_verbose)]


def document(result: BackupResult, passphrase: str | None) -> dict[str, Any]:
    """The document that ``backup --json`` prints: that of ``export``, and what is about the registry."""
    return {
        **documents.export_document(result.export, passphrase),
        "document": "bundler.backup/1",
        "exitCode": result.exit_code,
        "registry": result.registry,
        "kind": result.kind.name,
        "repositories": result.record.repositories,
        "tags": result.record.tags,
        "record": json.loads(result.record.to_json()),
        "notListed": [{"name": each.name, "code": each.code, "reason": each.reason} for each in result.not_listed],
    }
