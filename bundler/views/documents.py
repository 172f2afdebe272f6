"""The JSON documents that ``--json`` prints. docs/json.md describes them; fields are added, never changed.

All commands load this module. The parts of one command are loaded in the function of its document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from bundler.core import roles
from bundler.core.limits import FINDINGS
from bundler.core.manifest import BundleManifest
from bundler.core.media import may_be_lost
from bundler.core.outer_manifest import OuterManifest
from bundler.core.patterns import lazy_pattern
from bundler.core.preheat import preheated_document
from bundler.errors import BundlerError, Several
from bundler.views.parity_report import parity_document, planned_parity_document
from bundler.views.scan_report import gate_document
from bundler.views.words import with_placeholders

if TYPE_CHECKING:
    from bundler.bundle.copies import ChunkState
    from bundler.bundle.findings import Finding
    from bundler.bundle.litter import Litter
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.commands.add_parity import ParityResult
    from bundler.commands.bundle_list import BundleList
    from bundler.commands.doctor import DoctorResult
    from bundler.commands.explain import ExplainResult
    from bundler.commands.init import InitResult
    from bundler.commands.inspect_ import InspectResult
    from bundler.commands.inspect_file import FileResult
    from bundler.commands.keygen import KeyPair
    from bundler.commands.mirrors import MirrorsResult
    from bundler.commands.receipts import ReceiptFile
    from bundler.commands.repair import RepairResult
    from bundler.commands.settings import SettingsResult
    from bundler.commands.sign import SignResult
    from bundler.commands.trust_store import TrustResult
    from bundler.commands.undo import UndoResult
    from bundler.commands.verify import VerifyResult
    from bundler.commands.version import Versions
    from bundler.copying.request import CopyResult
    from bundler.core.image_list import NoImage
    from bundler.core.manifest import Attachment, Blob, Image, InBase, Series, Verdict
    from bundler.core.oci import ImageConfig
    from bundler.core.policy import PolicyVerdict
    from bundler.exporting.images import ImagesResult
    from bundler.exporting.result import ExportResult
    from bundler.fulfilling.request import FulfilResult
    from bundler.importing.attached import AttachmentResult
    from bundler.importing.need_file import NeedResult
    from bundler.importing.results import ImageResult, ImportResult, ReadBack, RegistryPlan, TargetResult
    from bundler.inventories.diff import ComparedSide, DiffResult
    from bundler.inventories.request import InventoryResult
    from bundler.pruning.harbor_rules import HarborRulesResult, PlannedHarborRules
    from bundler.pruning.request import PlannedPrune, PruneResult
    from bundler.pruning.undo import UndoPruneResult
    from bundler.scanning.request import ScanResult
    from bundler.standing.check_request import CheckResult
    from bundler.standing.listed import ReceiptList
    from bundler.standing.request import StatusResult
    from bundler.standing.search import SearchResult
    from bundler.stores.archive_check import ImageFacts


Document = dict[str, Any]


def dump(document: Document) -> str:
    """The text of a document. Escapes characters that would command a terminal or turn the direction of writing."""
    written = StringIO()  # piece by piece: json.dumps would hold millions of them before it joins them
    written.writelines(json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document))
    text = written.getvalue()
    if _PLAIN(text):
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


_PLAIN = lazy_pattern(r"[\n -~]*").fullmatch


def keygen_document(pair: KeyPair) -> Document:
    """The document that ``keygen --json`` prints."""
    return {
        **_head("keygen", 0),
        "keyId": pair.key_id,
        "fingerprint": pair.fingerprint,
        "privateKey": str(pair.private_path),
        "publicKey": str(pair.public_path),
        "encrypted": pair.is_encrypted,
    }


def export_document(result: ExportResult, passphrase: str | None) -> Document:
    """The document that ``export --json`` prints."""
    from bundler.views.since_report import since_document

    return {
        **_head("export", result.exit_code),
        "dryRun": result.bundle_id is None,
        "path": str(result.path),
        "folders": [str(path) for path in result.folders],
        "bundleId": result.bundle_id,
        "keyId": result.key_id,
        "scratch": {"folder": str(result.scratch), "bytes": result.scratch_bytes},
        **({"passphrase": passphrase} if passphrase else {}),
        "encrypted": result.is_encrypted,
        "readBack": result.is_read_back,
        "completeAlready": result.is_old,
        "tool": {"files": len(result.tool.files), "bytes": result.tool.size_bytes},
        "failedList": str(result.failed_list) if result.failed_list else None,
        "moved": [
            {"reference": str(moved.reference), "carried": str(moved.carried), "now": str(moved.now)}
            for moved in result.moved
        ],
        "notCarried": [
            {"reference": str(each.reference), "reason": each.reason, "kind": each.kind or None, "count": each.count}
            for each in result.not_carried
        ],
        "noImages": _no_images(result.no_images),
        "since": since_document(result),
        "parity": [planned_parity_document(group) for group in result.parity],
        "mayBeLost": list(may_be_lost(result.manifest.media, result.parity)) if result.parity else [],
        "verdicts": [_policy_verdict(verdict) for verdict in result.verdicts],
        **_content(result.manifest),
    }


def inventory_document(result: InventoryResult) -> Document:
    """The document that ``inventory --json`` prints."""
    found = result.inventory
    return {
        **_head("inventory", result.exit_code),
        "path": str(result.path),
        "id": result.id,
        "keyId": result.key_id,
        "completeAlready": result.is_old,
        "place": found.place,
        "kind": found.kind,
        "created": found.created,
        "repositories": len(found.repositories),
        "tags": sum(len(each.tags) for each in found.repositories),
        "manifests": len(found.manifests),
        "blobs": len(found.blobs),
        "bytes": sum(blob.size_bytes for blob in found.blobs),
        "images": len(found.images),
        "notListed": [{"name": each.name, "code": each.code, "reason": each.reason} for each in found.not_listed],
    }


def check_document(result: CheckResult) -> Document:
    """The document that ``check --json`` prints."""
    from bundler.views.check_report import document as check_body

    return {**_head("check", result.exit_code), **check_body(result), "need": _need(result.need)}


def status_document(result: StatusResult) -> Document:
    """The document that ``status --json`` prints."""
    from bundler.views.standing_report import document as standing_body

    return {**_head("status", result.exit_code), **standing_body(result)}


def scan_document(result: ScanResult) -> Document:
    """The document that ``scan --json`` prints."""
    from bundler.views.scan_report import scan_document

    return {**_head("scan", result.exit_code), **scan_document(result)}


def images_document(result: ImagesResult) -> Document:
    """The document that ``images --json`` prints."""
    return {
        **_head("images", 0),
        "lists": [{"source": each.source, "kinds": list(each.kinds), "images": each.images} for each in result.lists],
        "images": [
            {
                "name": each.name,
                "source": each.source or None,
                "pin": each.pin or None,
                "platforms": list(each.platforms),
                "places": [
                    {"where": place.where, "path": place.path or None, "note": place.note or None}
                    for place in each.places
                ],
                "count": each.count,
            }
            for each in result.images
        ],
        "patterns": [{"where": where, "pattern": pattern} for where, pattern in result.patterns],
        "notCarried": _no_images(result.no_images),
    }


def _no_images(parts: Sequence[NoImage]) -> list[Document]:
    return [{"where": each.where, "what": each.what, "why": each.why} for each in parts]


def diff_document(result: DiffResult) -> Document:
    """The document that ``diff --json`` prints."""
    found = result.comparison
    return {
        **_head("diff", result.exit_code),
        "a": _side_document(result.old),
        "b": _side_document(result.new),
        "new": [{"name": each.name, "digest": str(each.new), "bytes": each.carried_bytes} for each in found.new],
        "moved": [
            {"name": each.name, "from": str(each.old), "to": str(each.new), "bytes": each.carried_bytes}
            for each in found.moved
        ],
        "gone": [{"name": each.name, "digest": str(each.old)} for each in found.gone],
        "unchanged": [
            {"name": each.name, "digest": str(each.new), "bytes": each.carried_bytes} for each in found.unchanged
        ],
        "carriedBytes": found.carried_bytes,
        "presentBytes": found.present_bytes,
        "unknownSizes": found.unknown_sizes,
        "carried": [
            {"digest": str(each.digest), "size": each.size_bytes, "images": list(each.images)} for each in found.carried
        ],
    }


def _side_document(side: ComparedSide) -> Document:
    return {
        "given": side.given,
        "kind": side.kind,
        "id": side.id or None,
        "signers": list(side.signers),
        "images": side.images,
        "notListed": side.not_listed,
    }


def inspect_document(result: InspectResult) -> Document:
    """The document that ``inspect --json`` prints."""
    return {
        **_head("inspect", result.exit_code),
        "bundleId": result.bundle.id,
        "verified": bool(result.bundle.sealed.signers),
        "signers": list(result.bundle.sealed.signers),
        "badSigners": list(result.bundle.sealed.bad_signers),
        "claimedSigners": list(result.claimed_signers),
        "unknownSigners": list(result.unknown_signers),
        "error": error_document(result.trust_problem) if result.trust_problem else None,
        "created": result.bundle.manifest.created,
        "tool": result.bundle.manifest.tool,
        **_encryption(result.bundle),
        **_content(result.bundle.manifest),
        **_media(result.bundle, result.litter),
        "otherFiles": _other_files(result.bundle),
        "chunksHere": [{"file": state.chunk.file, "here": state.problem is None} for state in result.bundle.chunks],
    }


def verify_document(result: VerifyResult) -> Document:
    """The document that ``verify --json`` prints."""
    return {
        **_head("verify", result.exit_code),
        "bundleId": result.bundle.id,
        "name": result.bundle.manifest.name,
        "signers": list(result.bundle.sealed.signers),
        "badSigners": list(result.bundle.sealed.bad_signers),
        **_encryption(result.bundle),
        "missing": _missing(result.bundle.manifest),
        **_extensions(result.bundle.manifest),
        "otherFiles": _other_files(result.bundle),
        "findings": [_finding(finding) for finding in result.findings],
        "verdicts": [_policy_verdict(verdict) for verdict in result.verdicts],
        "scans": gate_document(result.scans),
        "copyAgain": list(result.wanted),
        "shard": str(result.shard) if result.shard else None,
        "read": [result.bundle.manifest.chunks[number - 1].file for number in result.read],
        "chunks": [_chunk_state(state, result.wanted) for state in result.bundle.chunks],
        "need": _need(result.need),
        "parity": parity_document(result.parity),
        **_media(result.bundle, result.litter),
    }


def _need(result: NeedResult | None) -> Document | None:
    """The need-list that was written; None if none was asked for, or nothing is missing."""
    if result is None or result.path is None or result.need is None:
        return None
    return {"path": str(result.path), "keyId": result.key_id, "line": result.need.wanted.line}


def fulfil_document(result: FulfilResult) -> Document:
    """The document that ``fulfil --json`` prints."""
    return {
        **_head("fulfil", result.exit_code),
        "dryRun": result.is_dry_run,
        "path": str(result.path) if result.path else None,
        "bundleId": result.bundle_id,
        "name": result.name,
        "needSigners": list(result.need_signers),
        "completeAlready": result.is_old,
        "chunks": [
            {
                "number": each.number,
                "file": each.chunk.file,
                "size": each.chunk.size_bytes,
                "sha256": each.sha256,
                "from": each.way,
                "places": list(each.places),
                "fetches": each.fetched_bytes,
            }
            for each in result.chunks
        ],
        "files": list(result.files),
        "supplement": export_document(result.supplement, None) if result.supplement else None,
    }


def copy_document(command: str, result: CopyResult) -> Document:
    """The document that ``copy --json`` and ``spread --json`` print."""
    return {
        **_head(command, result.exit_code),
        "dryRun": result.is_dry_run,
        "bundleId": result.bundle_id,
        "name": result.manifest.name,
        "signers": list(result.signers),
        "completeAlready": result.is_old,
        "readBack": result.is_read_back,
        "folders": [
            {
                "path": str(folder.path),
                "files": list(folder.files),
                "size": folder.size_bytes,
                "written": folder.written_bytes,
                "completeAlready": folder.is_old,
            }
            for folder in result.folders
        ],
        "missing": list(result.missing),
        "wholeMedia": result.is_part,
    }


def list_document(command: str, result: BundleList) -> Document:
    """The document that ``inspect --json`` and ``verify --json`` print for a medium with several bundles."""
    return {
        **_head(f"{command}-list", result.exit_code),
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
                "series": _series(bundle.series),
                "bases": list(bundle.bases),
                "error": error_document(bundle.problem) if bundle.problem else None,
            }
            for bundle in result.bundles
        ],
        "more": result.more,
        "unfinished": [str(path) for path in result.unfinished],
        "skipped": [error_document(error) for error in result.skipped],
    }


def _chunk_state(state: ChunkState, wanted: Sequence[str]) -> Document:
    is_here = not state.is_absent
    return {"file": state.chunk.file, "here": is_here, "good": is_here and state.chunk.file not in wanted}


def _media(bundle: Bundle | LockedBundle, litter: Litter | None) -> Document:
    """The chunks under other names, the files that are not of the bundle, and the folders that could not be read."""
    shown = litter.shown if litter else ()
    return {
        "otherNames": [{"file": file, "path": str(path)} for file, path in bundle.other_names],
        "badCopies": [{"file": each.file, "path": str(each.bad), "used": str(each.used)} for each in bundle.given_up],
        "noSignatures": [error_document(error) for error in bundle.sealed.others[:FINDINGS]],
        "litter": {
            "files": litter.files if litter else 0,
            "size": litter.size_bytes if litter else 0,
            "complete": litter is None or litter.is_whole,
            "names": [{"name": name, "size": size_bytes} for name, size_bytes in shown],
        },
        "skipped": [error_document(error) for error in bundle.sealed.skipped],
    }


def parity_result_document(result: ParityResult) -> Document:
    """The document that ``parity --json`` prints."""
    return {
        **_head("parity", result.exit_code),
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
        **_head("repair", result.exit_code),
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


def sign_document(result: SignResult) -> Document:
    """The document that ``sign --json`` prints."""
    return {
        **verify_document(result.verified),
        **_head("sign", result.exit_code),
        "keyId": result.key_id,
        "signed": bool(result.files),
        "files": [str(file) for file in result.files],
        "written": [str(file) for file in result.written],
    }


def trust_document(command: str, result: TrustResult) -> Document:
    """The document that ``trust add|list|remove --json`` prints."""
    return {
        **_head(f"trust-{command}", result.error.exit_code if result.error else 0),
        "folder": str(result.folder),
        "changed": result.is_changed,
        "keys": [
            {
                "name": member.path.stem,
                "keyId": member.key.id if member.key else None,
                "fingerprint": member.key.fingerprint if member.key else None,
                "file": str(member.path),
                "error": error_document(member.problem) if member.problem else None,
            }
            for member in result.members
        ],
    }


def import_document(result: ImportResult) -> Document:
    """The document that ``import --json`` prints."""
    bundle = result.bundle
    return {
        **_head("import", result.exit_code),
        "dryRun": result.is_dry_run,
        "shard": str(result.shard) if result.shard else None,
        "bundleId": bundle.id,
        "name": bundle.manifest.name,
        "signers": list(bundle.sealed.signers),
        "badSigners": list(bundle.sealed.bad_signers),
        "otherBundles": [
            {"bundleId": each.id, "name": each.name, "signers": list(each.sealed.signers)} for each in bundle.others
        ],
        "missing": _missing(bundle.manifest),
        "scratch": _scratch(bundle),
        "receipt": str(result.receipt) if result.receipt else None,
        "failedList": str(result.failed_list) if result.failed_list else None,
        "error": error_document(result.error) if result.error else None,
        "series": _imported_series(result),
        "findings": [_finding(finding) for finding in result.findings],
        "repairable": sorted(result.repairable),
        "need": _need(result.need),
        "verdicts": [_policy_verdict(verdict) for verdict in result.verdicts],
        "scans": gate_document(result.scans),
        **_media(bundle, result.litter),
        "preheats": list(map(preheated_document, result.preheats)),
        "targets": [_target(target) for target in result.targets],
    }


def _imported_series(result: ImportResult) -> Document | None:
    series = _series(result.bundle.manifest.series)
    if series is None:
        return None
    return {**series, "overridden": list(result.overridden), "remarks": list(map(str, result.series_remarks))}


def receipt_document(command: str, file: ReceiptFile) -> Document:
    """The document that ``receipt show|verify|merge --json`` prints."""
    receipt = file.receipt
    return {
        **_head(command, 0),
        "path": str(file.path),
        "id": file.id,
        "verifiedBy": [key.id for key in file.signers],
        "signature": "good" if file.signers else "none" if file.is_unsigned else "not checked",
        "bundle": {"id": receipt.bundle_id, "name": receipt.bundle_name},
        "outcomeExitCode": receipt.exit_code,
        "finished": not receipt.is_unfinished,
        "images": sum(len(target.images) for target in receipt.targets),
        "done": sum(image.is_done for target in receipt.targets for image in target.images),
    }


def receipt_list_document(result: ReceiptList) -> Document:
    """The document that ``receipt list --json`` prints."""
    from bundler.views.receipt_list_report import document as receipt_list_body

    return {**_head("receipt-list", result.exit_code), **receipt_list_body(result)}


def search_document(result: SearchResult) -> Document:
    """The document that ``search --json`` prints."""
    from bundler.views import search_report

    return {**_head("search", result.exit_code), **search_report.document(result)}


def undo_document(result: UndoResult) -> Document:
    """The document that ``undo --json`` prints."""
    return {
        **_head("undo", result.exit_code),
        "dryRun": result.is_dry_run,
        "receipt": str(result.file.path),
        "tags": [
            {
                "name": str(tag.name),
                "pushed": str(tag.pushed),
                "before": str(tag.before) if tag.before else None,
                "now": str(tag.now) if tag.now else None,
                "outcome": tag.outcome.value if tag.outcome else None,
                "error": error_document(tag.error) if tag.error else None,
            }
            for tag in result.tags
        ],
        "lists": [
            {
                "repository": str(each.entries.repository.name),
                "subject": str(each.entries.subject),
                "removed": list(map(str, each.entries.digests)),
                "outcome": each.outcome.value,
                "error": error_document(each.error) if each.error else None,
            }
            for each in result.lists
        ],
    }


def prune_document(planned: PlannedPrune, result: PruneResult | None = None) -> Document:
    """The document that ``prune --json`` prints; without a result that of a dry run."""
    exit_code = planned.exit_code if result is None else result.exit_code
    from bundler.views.prune_document import prune_body

    return {**_head("prune", exit_code), "dryRun": result is None, **prune_body(planned, result)}


def harbor_rules_document(planned: PlannedHarborRules, result: HarborRulesResult | None = None) -> Document:
    """The document that ``prune --harbor-rules --json`` prints; without a result that of a dry run."""
    from bundler.views import harbor_rules

    return {**_head("harbor-rules", 0), **harbor_rules.document_body(planned, result)}


def undo_prune_document(result: UndoPruneResult) -> Document:
    """The document that ``undo --json`` prints for the receipt of a prune."""
    return {
        **_head("undo-prune", result.exit_code),
        "dryRun": result.is_dry_run,
        "receipt": str(result.file.path),
        "manifests": result.manifests,
        "tags": [
            {
                "name": f"{result.file.receipt.registry}/{tag.name}",
                "digest": str(tag.digest),
                "outcome": tag.outcome,
                "now": str(tag.now) if tag.now else None,
                "bundle": tag.bundle or None,
                "error": error_document(tag.error) if tag.error else None,
            }
            for tag in result.tags
        ],
        "errors": [error_document(error) for error in result.errors],
    }


def mirrors_document(result: MirrorsResult) -> Document:
    """The document that ``mirrors --json`` prints."""
    from bundler.views.mirrors_report import document as mirrors_body

    return {**_head("mirrors", result.exit_code), **mirrors_body(result)}


def doctor_document(result: DoctorResult) -> Document:
    """The document that ``doctor --json`` prints."""
    return {
        **_head("doctor", result.exit_code),
        "checks": [
            {
                "name": check.name,
                "state": check.state.value,
                "found": check.found,
                "error": error_document(check.error) if check.error else None,
                "about": check.about or None,
            }
            for check in result.checks
        ],
    }


def explain_document(result: ExplainResult) -> Document:
    """The document that ``explain --json`` prints: in English, like all documents, so that people can search for it."""
    status = result.exit_code
    return {
        **_head("explain", 0),
        "asked": result.asked,
        "status": (
            {
                "exitCode": status.number,
                "meaning": status.meaning,
                "actor": status.actor or None,
                "explanation": status.explanation or None,
            }
            if status
            else None
        ),
        "entries": [
            {
                "code": entry.code,
                "kind": entry.family.kind,
                "exitCode": entry.family.exit_code,
                "happened": with_placeholders(entry.happened),
                "nextStep": with_placeholders(entry.next_step),
                "explanation": with_placeholders(entry.explanation),
            }
            for entry in result.entries
        ],
        "related": list(result.related),
    }


def init_document(result: InitResult) -> Document:
    """The document that ``init --json`` prints."""
    return {
        **_head("init", 0),
        "list": str(result.list_path),
        "settings": str(result.settings_path),
        "images": result.images,
        "isExample": result.is_example,
    }


def config_document(result: SettingsResult) -> Document:
    """The document that ``config --json`` prints."""
    return {
        **_head("config", 0),
        "settings": [
            {
                "flag": each.flag,
                "command": each.command or None,
                "value": list(each.value) if isinstance(each.value, tuple) else each.value,
                "origin": each.origin.value,
                "place": each.place,
            }
            for each in result.shown
        ],
        "files": [str(path) for path in result.files],
        "ignored": [{"path": str(each.path), "reason": each.reason} for each in result.ignored],
        "userFile": str(result.user_file) if result.user_file else None,
        "unknownVariables": list(result.unknown),
    }


def version_document(versions: Versions) -> Document:
    """The document that ``--version --json`` prints."""
    return {
        **_head("version", 0),
        "version": versions.bundler,
        "python": versions.python,
        "platform": versions.platform,
        "libraries": dict(versions.libraries),
    }


def text_document(command: str, field: str, text: str) -> Document:
    """The document of a command whose result is one text: ``completion`` and ``man``."""
    return {**_head(command, 0), field: text}


def file_document(command: str, result: FileResult) -> Document:
    """The document that ``inspect FILE --json`` and ``verify FILE --json`` print."""
    facts = result.facts
    return {
        **_head(f"{command}-file", result.exit_code),
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
        **_config(image.config),
        "layers": [
            {"digest": layer.name, "size": layer.size_bytes, "mediaType": layer.media_type or None}
            for layer in image.layers
        ],
    }


def failure_document(command: str, error: BundlerError) -> Document:
    """The document that any command prints with ``--json`` when it fails."""
    return {**_head(command, error.exit_code), "error": error_document(error)}


def error_document(error: BundlerError) -> Document:
    """One error with all its fields."""
    document: Document = {
        "kind": error.kind,
        "exitCode": error.exit_code,
        "message": error.message,
        "subject": error.subject,
        "code": error.code,
        "said": error.said,
        "expected": error.expected,
        "actual": error.actual,
        "hint": error.hint,
    }
    if isinstance(error, Several):
        document["errors"] = [error_document(each) for each in error.errors]
    return document


def _finding(finding: Finding) -> Document:
    return {
        **error_document(finding.error),
        "file": finding.file,
        "offset": finding.offset_bytes,
        "length": finding.length_bytes,
        "digest": str(finding.digest) if finding.digest else None,
        "images": list(finding.images),
    }


def _head(command: str, exit_code: int) -> Document:
    return {"document": f"bundler.{command}/1", "exitCode": exit_code}


def _content(manifest: BundleManifest | OuterManifest) -> Document:
    images = None if isinstance(manifest, OuterManifest) else [_image(manifest, image) for image in manifest.images]
    blobs = None if isinstance(manifest, OuterManifest) else len(manifest.blobs)
    return {
        "name": manifest.name,
        "signed": manifest.signed,
        "archive": manifest.archive.name,
        "chunkSize": manifest.chunk_size_bytes,
        "size": manifest.size_bytes,
        "blobs": blobs,
        "images": images,
        "missing": _missing(manifest),
        **_extensions(manifest),
        "chunks": [{"file": chunk.file, "size": chunk.size_bytes} for chunk in manifest.chunks],
    }


def _extensions(manifest: BundleManifest | OuterManifest) -> Document:
    """Series, bases and planned media; null if they are encrypted."""
    return {
        "whole": not manifest.bases if isinstance(manifest, BundleManifest) else manifest.is_whole,
        "series": _series(manifest.series) if isinstance(manifest, BundleManifest) else None,
        "completes": (manifest.completes or None) if isinstance(manifest, BundleManifest) else None,
        "bases": _bases(manifest) if isinstance(manifest, BundleManifest) else None,
        "media": [
            {"size": medium.size_bytes, "chunks": list(medium.chunks), "files": list(medium.files)}
            for medium in manifest.media
        ],
    }


def _series(series: Series | None) -> Document | None:
    if series is None:
        return None
    return {"channel": series.channel, "sequence": series.sequence, "previous": series.previous}


def _bases(manifest: BundleManifest) -> list[Document]:
    """The bases of the bundle, each with the blobs that the bundle leaves out because the base has them."""
    in_base: dict[int, list[tuple[Blob, InBase]]] = {}
    for blob in manifest.left_out:
        for place in blob.bases:
            in_base.setdefault(place.base, []).append((blob, place))
    return [
        {
            "id": base.id,
            "kind": base.kind,
            "name": base.name,
            "created": base.created or None,
            "blobs": [
                {
                    "digest": str(blob.descriptor.digest),
                    "size": blob.descriptor.size_bytes,
                    "files": [base.chunk_file(chunk) for chunk in place.chunks],
                    "repositories": list(place.repositories),
                }
                for blob, place in in_base[number]
            ],
        }
        for number, base in enumerate(manifest.bases)
    ]


def _attachment(manifest: BundleManifest, each: Attachment) -> Document:
    return {
        "subject": str(each.subject),
        "digest": str(manifest.blobs[each.manifests[-1]].descriptor.digest),
        "kind": each.kind,
        "artifactType": each.artifact_type or None,
        "found": each.found,
        "tag": each.tag or None,
        "size": sum(manifest.blobs[number].descriptor.size_bytes for number in each.needs),
    }


def _verdict(each: Verdict) -> Document:
    return {
        "policy": each.policy,
        "rule": each.rule,
        "result": each.result,
        "signer": each.signer or None,
        "reason": each.reason or None,
    }


def _policy_verdict(each: PolicyVerdict) -> Document:
    return {
        "reference": str(each.reference),
        "digest": str(each.digest),
        "policy": each.policy,
        "file": each.source,
        "rule": each.rule,
        "result": each.result,
        "signers": list(each.signers),
        "wanted": each.wanted or None,
        "found": each.found,
        "error": error_document(each.error) if each.error else None,
    }


def _other_files(bundle: Bundle | LockedBundle) -> list[Document]:
    """The listed files that not every bundle has, with their roles."""
    usual = (roles.README, roles.MANIFEST, roles.CONTENT, roles.CHUNK)
    found = ((name, roles.role_of(name)) for name in bundle.sealed.sums)
    return [{"file": name, "role": role.name} for name, role in found if role not in usual]


def _missing(manifest: BundleManifest | OuterManifest) -> list[Document] | None:
    """The images that the bundle lacks; None if their names are encrypted."""
    if isinstance(manifest, OuterManifest):
        return None
    return [
        {"reference": str(image.reference), "source": image.source, "code": image.code, "reason": image.reason}
        for image in manifest.missing
    ]


def _encryption(bundle: Bundle | LockedBundle) -> Document:
    """Two facts: the bundle is encrypted; its content was read."""
    is_open = isinstance(bundle.manifest, BundleManifest)
    return {"encrypted": bundle.is_encrypted, "opened": is_open}


def _scratch(bundle: Bundle) -> Document | None:
    """The scratch that the import needs at most; None unless chunks are encrypted."""
    if bundle.decrypted is None:
        return None
    return {"folder": str(bundle.decrypted.scratch.folder), "bytes": bundle.scratch_bytes}


def _image(manifest: BundleManifest, image: Image) -> Document:
    return {
        "reference": str(image.reference),
        "source": image.source,
        "digest": str(image.root.digest),
        "mediaType": image.root.media_type,
        "madeFrom": str(image.made_from) if image.made_from else None,
        "repacked": image.repacked,
        "size": manifest.size_of(image),
        "attachments": [_attachment(manifest, each) for each in image.attachments],
        "verdicts": [_verdict(each) for each in image.verdicts],
        "platforms": [
            {
                "digest": str(variant.digest),
                "size": variant.size_bytes,
                **_config(variant.config),
            }
            for variant in image.variants
        ],
    }


def _config(config: ImageConfig) -> Document:
    return {
        "platform": str(config.platform),
        "created": config.created,
        "env": list(config.env),
        "entrypoint": list(config.entrypoint),
        "cmd": list(config.cmd),
        "workingDir": config.working_dir,
        "user": config.user,
        "labels": dict(config.labels),
    }


def _target(target: TargetResult) -> Document:
    return {
        "target": target.target,
        "bytesSent": target.bytes_sent,
        "reRead": _re_read(target.re_read) if target.re_read else None,
        "plan": _plan(target.plan) if target.plan else None,
        "images": [_image_result(each) for each in target.images],
    }


def _re_read(back: ReadBack) -> Document:
    return {"blobs": back.blobs, "bytes": back.size_bytes, "damaged": back.damaged}


def _plan(plan: RegistryPlan) -> Document:
    return {
        "kind": plan.kind.name,
        "newRepositories": list(plan.new_repositories),
        "missingProjects": list(plan.missing_projects),
        "willCreateProjects": plan.will_create_projects,
        "adminCommands": list(plan.admin_commands),
        "pushRefused": list(plan.refused),
        "quotas": [
            {"project": quota.project, "free": quota.free_bytes, "wanted": quota.wanted_bytes} for quota in plan.quotas
        ],
    }


def _image_result(each: ImageResult) -> Document:
    return {
        "reference": str(each.image.reference),
        "target": str(each.name),
        "digest": str(each.image.root.digest),
        "outcome": each.outcome.value if each.outcome else None,
        "replaced": str(each.replaced) if each.replaced else None,
        "takenName": str(each.taken_name) if each.taken_name else None,
        "madeFrom": str(each.image.made_from) if each.image.made_from else None,
        "readBack": str(each.read_back) if each.read_back else None,
        "digestThere": str(each.there) if each.there else None,
        "attached": list(map(_attached_result, each.attached)),
        "error": error_document(each.error) if each.error else None,
    }


def _attached_result(each: AttachmentResult) -> Document:
    return {
        "subject": str(each.attachment.subject),
        "digest": str(each.digest),
        "kind": each.attachment.kind,
        "artifactType": each.attachment.artifact_type or None,
        "tag": each.attachment.tag or None,
        "outcome": each.outcome.value if each.outcome else None,
        "replaced": str(each.replaced) if each.replaced else None,
    }
