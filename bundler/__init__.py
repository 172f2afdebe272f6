"""Carries container images across air gaps in signed, checksummed, chunked bundles.

This is the public Python API. The command line is built on it and on nothing else. docs/api.md shows it at work.

A verb takes one request, and optionally a `Run` with a listener for progress. It returns one frozen result, and raises
a `BundlerError` of the family that says who must act. Requests and results hold values only, no open files.

Each name is imported from its module when it is first used, so ``import bundler`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bundler.backups.backup import backup as backup
    from bundler.backups.differences import Difference as Difference, NameState as NameState
    from bundler.backups.request import (
        BackupRequest as BackupRequest,
        BackupResult as BackupResult,
        RestoreComparison as RestoreComparison,
        RestoreRequest as RestoreRequest,
        RestoreResult as RestoreResult,
    )
    from bundler.backups.restore import restore as restore
    from bundler.bundle.findings import Finding as Finding
    from bundler.bundle.locked import LockedBundle as LockedBundle
    from bundler.bundle.reader import Bundle as Bundle
    from bundler.commands.add_parity import (
        ParityRequest as ParityRequest,
        ParityResult as ParityResult,
        add_parity as add_parity,
    )
    from bundler.commands.bundle_list import (
        BundleList as BundleList,
        ListedBundle as ListedBundle,
        bundles_on as bundles_on,
    )
    from bundler.commands.doctor import DoctorRequest as DoctorRequest, DoctorResult as DoctorResult, doctor as doctor
    from bundler.commands.explain import ExplainResult as ExplainResult, explain as explain
    from bundler.commands.hand_over import HandOverRequest as HandOverRequest, hand_over as hand_over
    from bundler.commands.init import (
        InitRequest as InitRequest,
        InitResult as InitResult,
        check_image as check_image,
        init as init,
    )
    from bundler.commands.inspect_ import (
        InspectRequest as InspectRequest,
        InspectResult as InspectResult,
        inspect as inspect,
    )
    from bundler.commands.inspect_file import (
        FileResult as FileResult,
        inspect_file as inspect_file,
        verify_file as verify_file,
    )
    from bundler.commands.keygen import KeygenRequest as KeygenRequest, KeyPair as KeyPair, keygen as keygen
    from bundler.commands.layers import (
        LayersRequest as LayersRequest,
        LayersResult as LayersResult,
        image_layers as image_layers,
        inspect_layers as inspect_layers,
    )
    from bundler.commands.mirrors import (
        MirrorsRequest as MirrorsRequest,
        MirrorsResult as MirrorsResult,
        WrittenMirrorFile as WrittenMirrorFile,
        WrittenMirrors as WrittenMirrors,
        mirrors as mirrors,
    )
    from bundler.commands.papers import (
        LabelRequest as LabelRequest,
        NeedPaperRequest as NeedPaperRequest,
        NeedPaperResult as NeedPaperResult,
        PaperResult as PaperResult,
        SlipRequest as SlipRequest,
    )
    from bundler.commands.receipts import (
        ReceiptFile as ReceiptFile,
        merge_receipts as merge_receipts,
        read_receipt as read_receipt,
    )
    from bundler.commands.repair import (
        RepairRequest as RepairRequest,
        RepairResult as RepairResult,
        repair as repair,
    )
    from bundler.commands.sbom import (
        FoundSbom as FoundSbom,
        SbomRequest as SbomRequest,
        SbomResult as SbomResult,
        inspect_sbom as inspect_sbom,
    )
    from bundler.commands.settings import (
        Settings as Settings,
        SettingsResult as SettingsResult,
        read_settings as read_settings,
        show_settings as show_settings,
    )
    from bundler.commands.sign import SignRequest as SignRequest, SignResult as SignResult, sign as sign
    from bundler.commands.trust_store import (
        TrustResult as TrustResult,
        add_key as add_key,
        list_keys as list_keys,
        remove_key as remove_key,
    )
    from bundler.commands.undo import (
        ListResult as ListResult,
        TagResult as TagResult,
        UndoRequest as UndoRequest,
        UndoResult as UndoResult,
        undo as undo,
    )
    from bundler.commands.verify import (
        VerifyRequest as VerifyRequest,
        VerifyResult as VerifyResult,
        verify as verify,
        verify_or_list as verify_or_list,
    )
    from bundler.commands.version import Versions as Versions, versions as versions
    from bundler.copying.copy import copy as copy
    from bundler.copying.request import (
        CopiedFolder as CopiedFolder,
        CopyRequest as CopyRequest,
        CopyResult as CopyResult,
        SpreadRequest as SpreadRequest,
    )
    from bundler.copying.spread import spread as spread
    from bundler.core.archive_kind import ARCHIVE_KINDS as ARCHIVE_KINDS, ArchiveKind as ArchiveKind
    from bundler.core.attachment_choice import (
        ALL_ATTACHMENTS as ALL_ATTACHMENTS,
        AttachmentChoice as AttachmentChoice,
    )
    from bundler.core.comparison import Carried as Carried, Change as Change, Comparison as Comparison
    from bundler.core.digest import Digest as Digest
    from bundler.core.drift import ImageDrift as ImageDrift, PartFault as PartFault, WantedImage as WantedImage
    from bundler.core.events import (
        Answered as Answered,
        Began as Began,
        Event as Event,
        Finished as Finished,
        ImagesDone as ImagesDone,
        Listener as Listener,
        Moved as Moved,
        Noticed as Noticed,
        PhaseBegan as PhaseBegan,
        PhaseEnded as PhaseEnded,
        Retrying as Retrying,
    )
    from bundler.core.hand_over import (
        HandedMedium as HandedMedium,
        HandOver as HandOver,
        LabelCode as LabelCode,
        parse_payload as parse_payload,
    )
    from bundler.core.image_list import NoImage as NoImage
    from bundler.core.layers import (
        Amount as Amount,
        HiddenFile as HiddenFile,
        HistoryStep as HistoryStep,
        ImageLayers as ImageLayers,
        Layer as Layer,
        LayerContents as LayerContents,
    )
    from bundler.core.manifest import (
        Blob as Blob,
        BundleManifest as BundleManifest,
        Chunk as Chunk,
        Image as Image,
        MissingImage as MissingImage,
        Variant as Variant,
    )
    from bundler.core.media_changer import (
        MediaChanger as MediaChanger,
        MediumReason as MediumReason,
        NoMedia as NoMedia,
        WantedMedium as WantedMedium,
    )
    from bundler.core.medium_size import chunk_size_for as chunk_size_for, parse_medium_size as parse_medium_size
    from bundler.core.mirrors.placed import NotMirrored as NotMirrored, PlacedImage as PlacedImage
    from bundler.core.mirrors.table import MIRROR_KINDS as MIRROR_KINDS
    from bundler.core.naming_rules import NO_RULES as NO_RULES, NamingRules as NamingRules
    from bundler.core.need_list import NeedList as NeedList, parse_need_list as parse_need_list
    from bundler.core.oci import Descriptor as Descriptor
    from bundler.core.parity import (
        ParityChoice as ParityChoice,
        ParityGroup as ParityGroup,
        parse_parity as parse_parity,
    )
    from bundler.core.plan import parse_chunk_size as parse_chunk_size
    from bundler.core.platform import Platform as Platform
    from bundler.core.policies import (
        CONFLICT_POLICIES as CONFLICT_POLICIES,
        LAYER_COMPRESSIONS as LAYER_COMPRESSIONS,
        MAPPINGS as MAPPINGS,
        SEVERITIES as SEVERITIES,
    )
    from bundler.core.policy import ImagePolicy as ImagePolicy, PolicyVerdict as PolicyVerdict
    from bundler.core.preheat import (
        FailedPreheat as FailedPreheat,
        Preheated as Preheated,
        PreheatService as PreheatService,
    )
    from bundler.core.rate import Rate as Rate
    from bundler.core.receipt import Receipt as Receipt, ReceiptImage as ReceiptImage, ReceiptTarget as ReceiptTarget
    from bundler.core.receipt_attachments import ReceiptAttachment as ReceiptAttachment
    from bundler.core.receipt_summary import ReceiptState as ReceiptState, ReceiptSummary as ReceiptSummary
    from bundler.core.reference import (
        Reference as Reference,
        is_registry as is_registry,
        is_repository as is_repository,
    )
    from bundler.core.registry_kind import REGISTRY_KINDS as REGISTRY_KINDS, RegistryKind as RegistryKind
    from bundler.core.retention.receipt import PruneReceipt as PruneReceipt
    from bundler.core.retention.rules import Retention as Retention, RetentionRule as RetentionRule
    from bundler.core.s3_path import S3Path as S3Path
    from bundler.core.scan.gate import GateResult as GateResult
    from bundler.core.scan.record import ScanRecord as ScanRecord
    from bundler.core.scan.verdict import Severity as Severity
    from bundler.core.scan.waivers import Waiver as Waiver
    from bundler.core.search import FoundImage as FoundImage
    from bundler.core.selection import Selection as Selection
    from bundler.core.shard import Shard as Shard
    from bundler.core.shards import ShardWork as ShardWork, works_of as works_of
    from bundler.core.standing import RepositoryStanding as RepositoryStanding, Standing as Standing
    from bundler.errors import (
        Absent as Absent,
        BundlerError as BundlerError,
        Busy as Busy,
        Damaged as Damaged,
        Incomplete as Incomplete,
        Interrupted as Interrupted,
        LocalStorage as LocalStorage,
        Misuse as Misuse,
        Refused as Refused,
        Several as Several,
        Unavailable as Unavailable,
        Unreachable as Unreachable,
        Untrusted as Untrusted,
    )
    from bundler.exporting.doctor import ExportDoctorRequest as ExportDoctorRequest, doctor_export as doctor_export
    from bundler.exporting.export import export as export
    from bundler.exporting.images import (
        ImagesRequest as ImagesRequest,
        ImagesResult as ImagesResult,
        ListedImage as ListedImage,
        ListSummary as ListSummary,
        images as images,
    )
    from bundler.exporting.left_out import NotCarried as NotCarried
    from bundler.exporting.request import ExportRequest as ExportRequest
    from bundler.exporting.resolved_file import (
        ResolvedExport as ResolvedExport,
        ResolvedFile as ResolvedFile,
        is_resolved_export as is_resolved_export,
    )
    from bundler.exporting.result import ExportResult as ExportResult, MovedTag as MovedTag
    from bundler.exporting.sharded import (
        ExportedShard as ExportedShard,
        ResolvedPlan as ResolvedPlan,
        export_shard as export_shard,
        read_resolved as read_resolved,
        resolve_export as resolve_export,
        with_resolved as with_resolved,
    )
    from bundler.fulfilling.fulfil import fulfil as fulfil
    from bundler.fulfilling.request import (
        FulfilledChunk as FulfilledChunk,
        FulfilRequest as FulfilRequest,
        FulfilResult as FulfilResult,
    )
    from bundler.hooks.preheat import PreheatRequest as PreheatRequest
    from bundler.importing.attached import Attached as Attached, AttachmentResult as AttachmentResult
    from bundler.importing.import_ import import_bundle as import_bundle
    from bundler.importing.named_files import read_failed_list as read_failed_list, read_rules as read_rules
    from bundler.importing.need_file import NeedRequest as NeedRequest, NeedResult as NeedResult
    from bundler.importing.receipt_key import ReceiptKey as ReceiptKey
    from bundler.importing.request import (
        ImportRequest as ImportRequest,
        ReceiptRequest as ReceiptRequest,
    )
    from bundler.importing.results import (
        ImageResult as ImageResult,
        ImportResult as ImportResult,
        Outcome as Outcome,
        TargetResult as TargetResult,
    )
    from bundler.inventories.diff import (
        ComparedSide as ComparedSide,
        DiffRequest as DiffRequest,
        DiffResult as DiffResult,
        diff as diff,
    )
    from bundler.inventories.inventory import inventory as inventory
    from bundler.inventories.request import InventoryRequest as InventoryRequest, InventoryResult as InventoryResult
    from bundler.keys.image_policy import read_policy as read_policy
    from bundler.keys.notation_store import read_notation_policy as read_notation_policy
    from bundler.keys.open_bundle import (
        SeveralBundles as SeveralBundles,
        Unlocking as Unlocking,
        open_bundle as open_bundle,
    )
    from bundler.keys.passphrase import generate_passphrase as generate_passphrase, read_passphrase as read_passphrase
    from bundler.keys.scan_records import ScanGate as ScanGate, read_scan_record as read_scan_record
    from bundler.keys.signed_files import Demand as Demand
    from bundler.lists.listing import Place as Place
    from bundler.pruning.harbor_rules import (
        HarborRulesResult as HarborRulesResult,
        PlannedHarborRules as PlannedHarborRules,
        plan_harbor_rules as plan_harbor_rules,
        set_harbor_rules as set_harbor_rules,
    )
    from bundler.pruning.planned import plan_prune as plan_prune
    from bundler.pruning.prune import prune as prune
    from bundler.pruning.request import (
        PlannedPrune as PlannedPrune,
        PruneRequest as PruneRequest,
        PruneResult as PruneResult,
    )
    from bundler.pruning.rules import read_retention as read_retention, retention_of as retention_of
    from bundler.pruning.undo import (
        PruneReceiptFile as PruneReceiptFile,
        RestoredTag as RestoredTag,
        UndoPruneRequest as UndoPruneRequest,
        UndoPruneResult as UndoPruneResult,
        is_prune_receipt as is_prune_receipt,
        read_prune_receipt as read_prune_receipt,
        undo_prune as undo_prune,
    )
    from bundler.reporting.papers import (
        label as label,
        need_paper as need_paper,
        slip as slip,
    )
    from bundler.reporting.report import (
        check_report as check_report,
        report as report,
        write_report as write_report,
    )
    from bundler.reporting.request import ReportRequest as ReportRequest
    from bundler.reporting.sbom import check_sbom as check_sbom, write_sbom as write_sbom
    from bundler.run import RetryPolicy as RetryPolicy, Run as Run, default_jobs as default_jobs
    from bundler.scanning.request import ScanRequest as ScanRequest, ScanResult as ScanResult
    from bundler.scanning.scan import scan as scan
    from bundler.scanning.waivers import read_waivers as read_waivers
    from bundler.serving.catalogue import ServedImage as ServedImage
    from bundler.serving.connections import ServedAnswer as ServedAnswer
    from bundler.serving.request import ServeRequest as ServeRequest
    from bundler.serving.serve import Served as Served, serve as serve, serve_open as serve_open
    from bundler.standing.check import check as check
    from bundler.standing.check_request import CheckRequest as CheckRequest, CheckResult as CheckResult
    from bundler.standing.listed import (
        ListedReceipt as ListedReceipt,
        ReceiptList as ReceiptList,
        ReceiptListRequest as ReceiptListRequest,
        last_receipt as last_receipt,
        list_receipts as list_receipts,
    )
    from bundler.standing.request import (
        ReceiptsRead as ReceiptsRead,
        StatusRequest as StatusRequest,
        StatusResult as StatusResult,
    )
    from bundler.standing.search import (
        SearchHit as SearchHit,
        SearchRequest as SearchRequest,
        SearchResult as SearchResult,
        search as search,
    )
    from bundler.standing.status import status as status
    from bundler.stores.credentials import Credentials as Credentials
    from bundler.stores.hosts import NetworkOptions as NetworkOptions
    from bundler.transports.parsing import names_transport as names_transport, parse_target as parse_target
    from bundler.views.html.reports import Reportable as Reportable, ReportResult as ReportResult
    from bundler.workers import Cancellation as Cancellation

__version__ = "0.2.0"

_EXPORTS: dict[str, tuple[str, ...]] = {
    "bundler.errors": (
        "BundlerError",
        "Misuse",
        "Damaged",
        "Untrusted",
        "Refused",
        "Absent",
        "Unavailable",
        "Unreachable",
        "Busy",
        "LocalStorage",
        "Incomplete",
        "Interrupted",
        "Several",
    ),
    "bundler.run": ("Run", "RetryPolicy", "default_jobs"),
    "bundler.workers": ("Cancellation",),
    "bundler.core.image_list": ("NoImage",),
    "bundler.core.events": (
        "Event",
        "Listener",
        "PhaseBegan",
        "PhaseEnded",
        "Moved",
        "ImagesDone",
        "Began",
        "Finished",
        "Retrying",
        "Answered",
        "Noticed",
    ),
    "bundler.core.attachment_choice": ("AttachmentChoice", "ALL_ATTACHMENTS"),
    "bundler.core.digest": ("Digest",),
    "bundler.core.reference": ("Reference", "is_registry", "is_repository"),
    "bundler.core.need_list": ("NeedList", "parse_need_list"),
    "bundler.core.oci": ("Descriptor",),
    "bundler.core.platform": ("Platform",),
    "bundler.core.selection": ("Selection",),
    "bundler.core.rate": ("Rate",),
    "bundler.core.shard": ("Shard",),
    "bundler.core.shards": ("ShardWork", "works_of"),
    "bundler.core.hand_over": ("HandOver", "HandedMedium", "LabelCode", "parse_payload"),
    "bundler.core.layers": ("ImageLayers", "Layer", "LayerContents", "HiddenFile", "Amount", "HistoryStep"),
    "bundler.core.manifest": ("BundleManifest", "Image", "Blob", "Chunk", "MissingImage", "Variant"),
    "bundler.core.media_changer": ("MediaChanger", "WantedMedium", "MediumReason", "NoMedia"),
    "bundler.core.mirrors.placed": ("NotMirrored", "PlacedImage"),
    "bundler.core.mirrors.table": ("MIRROR_KINDS",),
    "bundler.core.naming_rules": ("NamingRules", "NO_RULES"),
    "bundler.core.parity": ("ParityChoice", "ParityGroup", "parse_parity"),
    "bundler.core.plan": ("parse_chunk_size",),
    "bundler.core.medium_size": ("parse_medium_size", "chunk_size_for"),
    "bundler.core.archive_kind": ("ArchiveKind", "ARCHIVE_KINDS"),
    "bundler.core.registry_kind": ("RegistryKind", "REGISTRY_KINDS"),
    "bundler.core.policy": ("ImagePolicy", "PolicyVerdict"),
    "bundler.core.preheat": ("PreheatService", "Preheated", "FailedPreheat"),
    "bundler.hooks.preheat": ("PreheatRequest",),
    "bundler.core.receipt": ("Receipt", "ReceiptImage", "ReceiptTarget"),
    "bundler.core.receipt_attachments": ("ReceiptAttachment",),
    "bundler.core.receipt_summary": ("ReceiptSummary", "ReceiptState"),
    "bundler.core.scan.gate": ("GateResult",),
    "bundler.core.scan.record": ("ScanRecord",),
    "bundler.core.scan.verdict": ("Severity",),
    "bundler.core.scan.waivers": ("Waiver",),
    "bundler.transports.parsing": ("names_transport", "parse_target"),
    "bundler.stores.hosts": ("NetworkOptions",),
    "bundler.stores.credentials": ("Credentials",),
    "bundler.bundle.reader": ("Bundle",),
    "bundler.bundle.locked": ("LockedBundle",),
    "bundler.bundle.findings": ("Finding",),
    "bundler.keys.image_policy": ("read_policy",),
    "bundler.keys.notation_store": ("read_notation_policy",),
    "bundler.core.s3_path": ("S3Path",),
    "bundler.keys.open_bundle": ("SeveralBundles", "Unlocking", "open_bundle"),
    "bundler.keys.scan_records": ("ScanGate", "read_scan_record"),
    "bundler.keys.signed_files": ("Demand",),
    "bundler.keys.passphrase": ("read_passphrase", "generate_passphrase"),
    "bundler.commands.keygen": ("KeygenRequest", "KeyPair", "keygen"),
    "bundler.commands.inspect_": ("InspectRequest", "InspectResult", "inspect"),
    "bundler.commands.verify": ("VerifyRequest", "VerifyResult", "verify", "verify_or_list"),
    "bundler.commands.add_parity": ("ParityRequest", "ParityResult", "add_parity"),
    "bundler.commands.bundle_list": ("BundleList", "ListedBundle", "bundles_on"),
    "bundler.commands.inspect_file": ("FileResult", "inspect_file", "verify_file"),
    "bundler.commands.repair": ("RepairRequest", "RepairResult", "repair"),
    "bundler.commands.sbom": ("FoundSbom", "SbomRequest", "SbomResult", "inspect_sbom"),
    "bundler.commands.hand_over": ("HandOverRequest", "hand_over"),
    "bundler.commands.papers": ("LabelRequest", "SlipRequest", "PaperResult", "NeedPaperRequest", "NeedPaperResult"),
    "bundler.reporting.papers": ("label", "slip", "need_paper"),
    "bundler.commands.layers": ("LayersRequest", "LayersResult", "inspect_layers", "image_layers"),
    "bundler.commands.init": ("InitRequest", "InitResult", "check_image", "init"),
    "bundler.commands.settings": ("Settings", "SettingsResult", "read_settings", "show_settings"),
    "bundler.commands.sign": ("SignRequest", "SignResult", "sign"),
    "bundler.commands.undo": ("UndoRequest", "UndoResult", "TagResult", "ListResult", "undo"),
    "bundler.commands.mirrors": ("MirrorsRequest", "MirrorsResult", "WrittenMirrors", "WrittenMirrorFile", "mirrors"),
    "bundler.commands.receipts": ("ReceiptFile", "read_receipt", "merge_receipts"),
    "bundler.commands.doctor": ("DoctorRequest", "DoctorResult", "doctor"),
    "bundler.commands.explain": ("ExplainResult", "explain"),
    "bundler.commands.trust_store": ("TrustResult", "add_key", "list_keys", "remove_key"),
    "bundler.exporting.export": ("export",),
    "bundler.exporting.sharded": (
        "ExportedShard",
        "ResolvedPlan",
        "export_shard",
        "read_resolved",
        "resolve_export",
        "with_resolved",
    ),
    "bundler.exporting.resolved_file": ("ResolvedExport", "ResolvedFile", "is_resolved_export"),
    "bundler.exporting.images": ("images", "ImagesRequest", "ImagesResult", "ListedImage", "ListSummary"),
    "bundler.exporting.left_out": ("NotCarried",),
    "bundler.lists.listing": ("Place",),
    "bundler.exporting.request": ("ExportRequest",),
    "bundler.exporting.result": ("ExportResult", "MovedTag"),
    "bundler.copying.copy": ("copy",),
    "bundler.copying.spread": ("spread",),
    "bundler.copying.request": ("CopyRequest", "SpreadRequest", "CopyResult", "CopiedFolder"),
    "bundler.importing.request": ("ImportRequest", "ReceiptRequest"),
    "bundler.importing.attached": ("Attached", "AttachmentResult"),
    "bundler.importing.need_file": ("NeedRequest", "NeedResult"),
    "bundler.importing.receipt_key": ("ReceiptKey",),
    "bundler.fulfilling.fulfil": ("fulfil",),
    "bundler.fulfilling.request": ("FulfilRequest", "FulfilResult", "FulfilledChunk"),
    "bundler.importing.results": ("ImportResult", "TargetResult", "ImageResult", "Outcome"),
    "bundler.importing.import_": ("import_bundle",),
    "bundler.core.retention.rules": ("Retention", "RetentionRule"),
    "bundler.core.retention.receipt": ("PruneReceipt",),
    "bundler.pruning.rules": ("read_retention", "retention_of"),
    "bundler.pruning.harbor_rules": (
        "plan_harbor_rules",
        "set_harbor_rules",
        "PlannedHarborRules",
        "HarborRulesResult",
    ),
    "bundler.pruning.planned": ("plan_prune",),
    "bundler.pruning.prune": ("prune",),
    "bundler.pruning.request": ("PruneRequest", "PlannedPrune", "PruneResult"),
    "bundler.pruning.undo": (
        "undo_prune",
        "UndoPruneRequest",
        "UndoPruneResult",
        "RestoredTag",
        "PruneReceiptFile",
        "is_prune_receipt",
        "read_prune_receipt",
    ),
    "bundler.reporting.report": ("report", "write_report", "check_report"),
    "bundler.reporting.request": ("ReportRequest",),
    "bundler.reporting.sbom": ("write_sbom", "check_sbom"),
    "bundler.views.html.reports": ("Reportable", "ReportResult"),
    "bundler.core.comparison": ("Comparison", "Change", "Carried"),
    "bundler.inventories.diff": ("diff", "DiffRequest", "DiffResult", "ComparedSide"),
    "bundler.scanning.scan": ("scan",),
    "bundler.scanning.request": ("ScanRequest", "ScanResult"),
    "bundler.scanning.waivers": ("read_waivers",),
    "bundler.inventories.inventory": ("inventory",),
    "bundler.backups.backup": ("backup",),
    "bundler.backups.restore": ("restore",),
    "bundler.backups.differences": ("Difference", "NameState"),
    "bundler.backups.request": (
        "BackupRequest",
        "BackupResult",
        "RestoreRequest",
        "RestoreResult",
        "RestoreComparison",
    ),
    "bundler.inventories.request": ("InventoryRequest", "InventoryResult"),
    "bundler.core.search": ("FoundImage",),
    "bundler.exporting.doctor": ("ExportDoctorRequest", "doctor_export"),
    "bundler.core.standing": ("Standing", "RepositoryStanding"),
    "bundler.core.drift": ("ImageDrift", "WantedImage", "PartFault"),
    "bundler.standing.check": ("check",),
    "bundler.standing.check_request": ("CheckRequest", "CheckResult"),
    "bundler.standing.listed": (
        "ListedReceipt",
        "ReceiptList",
        "ReceiptListRequest",
        "last_receipt",
        "list_receipts",
    ),
    "bundler.standing.search": ("SearchHit", "SearchRequest", "SearchResult", "search"),
    "bundler.standing.status": ("status",),
    "bundler.standing.request": ("StatusRequest", "StatusResult", "ReceiptsRead"),
    "bundler.core.policies": ("MAPPINGS", "CONFLICT_POLICIES", "LAYER_COMPRESSIONS", "SEVERITIES"),
    "bundler.serving.serve": ("serve", "serve_open", "Served"),
    "bundler.serving.request": ("ServeRequest",),
    "bundler.serving.connections": ("ServedAnswer",),
    "bundler.serving.catalogue": ("ServedImage",),
    "bundler.importing.named_files": ("read_rules", "read_failed_list"),
    "bundler.commands.version": ("Versions", "versions"),
}
"""The public names of each module."""

_MODULES = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    """Imports a public name.

    Raises:
        AttributeError: There is no such name.
    """
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'bundler' has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
