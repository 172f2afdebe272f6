"""The documents of commands that read bundles: what is in them, whether it is whole, and repairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.views.documents.bundle import (
    content,
    encryption,
    extensions,
    finding_document,
    found_on_media,
    image_config,
    missing_images,
    need_of,
    other_files,
    policy_verdict,
    series_of,
)
from bundler.views.documents.document import Document, error_document, head
from bundler.views.parity_report import parity_document, planned_parity_document
from bundler.views.scan_report import gate_document

if TYPE_CHECKING:
    from bundler.bundle.copies import ChunkState
    from bundler.commands.add_parity import ParityResult
    from bundler.commands.bundle_list import BundleList
    from bundler.commands.inspect_ import InspectResult
    from bundler.commands.inspect_file import FileResult
    from bundler.commands.repair import RepairResult
    from bundler.commands.sign import SignResult
    from bundler.commands.verify import VerifyResult
    from bundler.scanning.request import ScanResult
    from bundler.stores.archive_check import ImageFacts


def inspect_document(result: InspectResult) -> Document:
    """The document that ``inspect --json`` prints."""
    return {
        **head("inspect", result.exit_code),
        "bundleId": result.bundle.id,
        "verified": bool(result.bundle.sealed.signers),
        "signers": list(result.bundle.sealed.signers),
        "badSigners": list(result.bundle.sealed.bad_signers),
        "claimedSigners": list(result.claimed_signers),
        "unknownSigners": list(result.unknown_signers),
        "error": error_document(result.trust_problem) if result.trust_problem else None,
        "created": result.bundle.manifest.created,
        "tool": result.bundle.manifest.tool,
        **encryption(result.bundle),
        **content(result.bundle.manifest),
        **found_on_media(result.bundle, result.litter),
        "otherFiles": other_files(result.bundle),
        "chunksHere": [{"file": state.chunk.file, "here": state.problem is None} for state in result.bundle.chunks],
    }


def verify_document(result: VerifyResult) -> Document:
    """The document that ``verify --json`` prints."""
    return {
        **head("verify", result.exit_code),
        "bundleId": result.bundle.id,
        "name": result.bundle.manifest.name,
        "signers": list(result.bundle.sealed.signers),
        "badSigners": list(result.bundle.sealed.bad_signers),
        **encryption(result.bundle),
        "missing": missing_images(result.bundle.manifest),
        **extensions(result.bundle.manifest),
        "otherFiles": other_files(result.bundle),
        "findings": [finding_document(finding) for finding in result.findings],
        "verdicts": [policy_verdict(verdict) for verdict in result.verdicts],
        "scans": gate_document(result.scans),
        "copyAgain": list(result.wanted),
        "shard": str(result.shard) if result.shard else None,
        "read": [result.bundle.manifest.chunks[number - 1].file for number in result.read],
        "chunks": [_chunk_state(state, result.wanted) for state in result.bundle.chunks],
        "need": need_of(result.need),
        "parity": parity_document(result.parity),
        **found_on_media(result.bundle, result.litter),
    }


def _chunk_state(state: ChunkState, wanted: Sequence[str]) -> Document:
    is_here = not state.is_absent
    return {"file": state.chunk.file, "here": is_here, "good": is_here and state.chunk.file not in wanted}


def list_document(command: str, result: BundleList) -> Document:
    """The document that ``inspect --json`` and ``verify --json`` print for a medium with several bundles."""
    return {
        **head(f"{command}-list", result.exit_code),
        "bundles": [
            {
                "paths": [str(path) for path in bundle.folders],
                "bundleId": bundle.id,
                "name": bundle.name,
                "created": bundle.created,
                "claimedSigners": list(bundle.claimed_signers),
                "signers": list(bundle.signers),
                "chunks": bundle.chunks,
                "chunksHere": bundle.chunks_here,
                "size": bundle.size_bytes,
                "complete": bundle.is_complete,
                "images": bundle.images,
                "series": series_of(bundle.series),
                "bases": list(bundle.bases),
                "error": error_document(bundle.problem) if bundle.problem else None,
            }
            for bundle in result.bundles
        ],
        "more": result.more,
        "unfinished": [str(path) for path in result.unfinished],
        "skipped": [error_document(error) for error in result.skipped],
    }


def file_document(command: str, result: FileResult) -> Document:
    """The document that ``inspect FILE --json`` and ``verify FILE --json`` print."""
    facts = result.facts
    return {
        **head(f"{command}-file", result.exit_code),
        "path": str(facts.file.path),
        "size": facts.file.size_bytes,
        "compression": facts.file.compression,
        "format": "oci-archive" if facts.is_layout else "docker-archive",
        "checked": result.is_checked,
        "sha256": facts.sha256,
        "images": [_archived(image) for image in facts.images],
        "notes": list(facts.warnings),
        "findings": [error_document(error) for error in result.findings],
    }


def _archived(image: ImageFacts) -> Document:
    return {
        "names": list(image.names),
        "imageId": str(image.id),
        "digest": str(image.digest) if image.digest else None,
        **image_config(image.config),
        "layers": [
            {"digest": layer.name, "size": layer.size_bytes, "mediaType": layer.media_type or None}
            for layer in image.layers
        ],
    }


def sign_document(result: SignResult) -> Document:
    """The document that ``sign --json`` prints."""
    return {
        **verify_document(result.verified),
        **head("sign", result.exit_code),
        "keyId": result.key_id,
        "signed": bool(result.files),
        "files": [str(file) for file in result.files],
        "written": [str(file) for file in result.written],
    }


def parity_result_document(result: ParityResult) -> Document:
    """The document that ``parity --json`` prints."""
    return {
        **head("parity", result.exit_code),
        "dryRun": result.bundle_id is None and result.exit_code == 0,
        "path": str(result.path),
        "name": result.name,
        "bundleId": result.bundle_id,
        "oldBundleId": result.old_id,
        "keyId": result.key_id,
        "completeAlready": result.is_old,
        "removedSigners": list(result.removed_signers),
        "parity": [planned_parity_document(group) for group in result.groups],
        "verified": verify_document(result.verified) if result.verified else None,
    }


def repair_document(result: RepairResult) -> Document:
    """The document that ``repair --json`` prints."""
    return {
        **head("repair", result.exit_code),
        "dryRun": result.is_dry_run,
        "bundleId": result.bundle_id,
        "name": result.name,
        "path": str(result.output) if result.output else None,
        "parity": parity_document(result.parity),
        "repaired": [{"file": file, "path": str(path)} for file, path in result.repaired.items()],
        "renamed": [{"file": file, "from": str(path)} for file, path in result.renamed.items()],
        "failedGroups": [group.number for group in result.failed],
        "lost": [error_document(error) for error in result.lost],
        "verified": verify_document(result.verified) if result.verified else None,
    }


def scan_document(result: ScanResult) -> Document:
    """The document that ``scan --json`` prints."""
    from bundler.views.scan_report import scan_document

    return {**head("scan", result.exit_code), **scan_document(result)}
