"""The lines and documents of an export by several hosts: the resolved file, and the chunks of a shard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bundler.views.languages import said
from bundler.views.media_report import in_runs
from bundler.views.report import NOT_SIGNED
from bundler.views.words import count, escaped, fact, fact_below, shell_word, size

if TYPE_CHECKING:
    from bundler.commands.inspect_ import InspectResult
    from bundler.core.shards import ShardWork
    from bundler.exporting.sharded import ExportedShard, ResolvedPlan


def resolution_lines(result: ResolvedPlan) -> list[str]:
    """The lines that ``export --resolve-only`` prints."""
    manifest = result.manifest
    content = said(
        "{images}, {chunks}, {size}",
        images=count(len(manifest.images), "image"),
        chunks=count(len(manifest.chunks), "chunk"),
        size=size(manifest.size_bytes),
    )
    file = shell_word(result.path)
    return [
        fact(said("resolved"), escaped(result.path)),
        fact(said("signed by"), result.key_id or said("no key. {unsigned}", unsigned=NOT_SIGNED)),
        fact(said("content"), content),
        "",
        said("next: {command}", command=f"bundler export {file} -o DIR --shard 1/N"),
    ]


def shard_lines(result: ExportedShard) -> list[str]:
    """The lines that ``export --shard`` prints."""
    size_bytes = sum(chunk.size_bytes for chunk in result.chunks)
    words = said(
        "{shard}: {chunks}, {size}",
        shard=result.shard,
        chunks=count(len(result.chunks), "chunk"),
        size=size(size_bytes),
    )
    note = said("(complete already)") if result.is_old else said("(not made: --dry-run)") if result.is_dry_run else ""
    lines = [fact(said("folder"), f"{escaped(result.path)}  {note}".rstrip()), fact(said("shard"), words)]
    lines += [fact_below(in_runs([chunk.file for chunk in result.chunks]))] if result.chunks else []
    command = f"bundler export FILE -o DIR --key KEY --seal {shell_word(result.path.parent)}"
    return [*lines, "", said("next, after all shards: {command}", command=command)]


def works_lines(result: InspectResult, works: Sequence[ShardWork]) -> list[str]:
    """The lines that ``inspect --shards`` prints: the images, bytes and chunks of each shard."""
    manifest = result.bundle.manifest
    lines = [fact(said("bundle"), f"{manifest.name}  {result.bundle.id}")]
    for work in works:
        files = [manifest.chunks[number - 1].file for number in work.chunks]
        words = said(
            "{shard}: {images}, {size}, {chunks}",
            shard=work.shard,
            images=count(len(work.images), "image"),
            size=size(work.size_bytes),
            chunks=count(len(files), "chunk"),
        )
        lines += ["", words, *([f"  {in_runs(files)}"] if files else [])]
    return lines


def works_document(result: InspectResult, works: Sequence[ShardWork]) -> dict[str, Any]:
    """The document that ``inspect --shards --json`` prints."""
    manifest = result.bundle.manifest
    return {
        "document": "bundler.inspect-shards/1",
        "exitCode": result.exit_code,
        "bundleId": result.bundle.id,
        "name": manifest.name,
        "verified": result.is_verified,
        "shards": [
            {
                "shard": str(work.shard),
                "images": [str(image.reference) for image in work.images],
                "bytes": work.size_bytes,
                "chunks": [manifest.chunks[number - 1].file for number in work.chunks],
            }
            for work in works
        ],
    }


def resolution_document(result: ResolvedPlan) -> dict[str, Any]:
    """The document that ``export --resolve-only --json`` prints."""
    manifest = result.manifest
    return {
        "document": "bundler.export-resolve/1",
        "exitCode": 0,
        "path": str(result.path),
        "name": manifest.name,
        "keyId": result.key_id,
        "images": len(manifest.images),
        "chunks": len(manifest.chunks),
        "bytes": manifest.size_bytes,
    }


def shard_document(result: ExportedShard) -> dict[str, Any]:
    """The document that ``export --shard --json`` prints."""
    return {
        "document": "bundler.export-shard/1",
        "exitCode": 0,
        "dryRun": result.is_dry_run,
        "completeAlready": result.is_old,
        "path": str(result.path),
        "name": result.manifest.name,
        "shard": str(result.shard),
        "chunks": [{"file": chunk.file, "size": chunk.size_bytes} for chunk in result.chunks],
    }
