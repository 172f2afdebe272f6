"""The receipt of an import, a JSON document: people keep it as proof, and ``undo`` and ``receipt`` read it.

docs/json.md describes the fields. Unknown fields are ignored; an unknown ``document`` is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.limits import RECEIPT_CONTAINERS
from bundler.core.own_documents import refuse_no_object
from bundler.core.patterns import lazy_pattern
from bundler.core.preheat import Preheated, preheated_document, read_preheated
from bundler.core.receipt_attachments import (
    UNFINISHED,
    ReceiptAttachment,
    attachment_document,
    read_attachment,
)
from bundler.core.receipt_bundles import OtherBundle, other_bundle_document, read_other_bundle
from bundler.core.receipt_scans import ReceiptScan, read_receipt_scan, scan_document
from bundler.core.receipt_series import ReceiptSeries, read_receipt_series, series_document
from bundler.core.reference import Reference
from bundler.core.shard import Shard
from bundler.errors import BundlerError, Damaged, Refused

DOCUMENT = "bundler.receipt/1"
OUTCOMES = frozenset({"pushed", "loaded", "present", "skipped", "failed", "held back", "not tried", UNFINISHED})
_FINGERPRINT = lazy_pattern(r"[0-9a-f]{64}")
DONE = frozenset({"pushed", "loaded", "present", "skipped"})
"""The outcomes of images that are in place at the target, or that the user asked to skip."""


@frozen
class ReceiptImage:
    """One image at one target.

    Attributes:
        reference: The name of the image in the bundle.
        name: The name of the image at the target.
        digest: The digest that the name should have there.
        read_back: The digest that the name had there afterwards; None if the import did not ask for it.
        outcome: The result, see `bundler.importing.results.Outcome`; ``unfinished`` if the run was stopped.
        size_bytes: The size of all its manifests and blobs.
        replaced: The digest that its tag had before.
        taken_name: The first name, if another image had it and this image was therefore pushed under a suffixed tag.
        made_from: The digest of the source's index, if platforms were chosen and ``digest`` is therefore another one.
        reason: The reason of a failure in words.
        code: The code of the reason, see `bundler.core.advice`.
        blobs: Numbers of its configs and layers, with those of its attachments, in `Receipt.blobs`; empty in older
            receipts.
        attached: The result for each attachment.
    """

    reference: str
    name: str
    digest: str
    outcome: str
    size_bytes: int
    read_back: str | None = None
    replaced: str | None = None
    taken_name: str | None = None
    made_from: str | None = None
    reason: str | None = None
    code: str | None = None
    blobs: tuple[int, ...] = ()
    attached: tuple[ReceiptAttachment, ...] = ()

    @property
    def is_done(self) -> bool:
        """True if the image is in place, or was skipped on request."""
        return self.outcome in DONE


@frozen
class ReceiptVerdict:
    """The verdict of a policy on one image, before anything was sent.

    Attributes:
        reference: The name of the image in the bundle.
        digest: The digest of its root in the bundle.
        policy: The SHA-256 of the policy's file, in hex.
        rule: The rule that decided.
        result: ``accepted`` or ``refused``.
        signers: The keys or identities that signed.
        reason: The reason in words.
    """

    reference: str
    digest: str
    policy: str
    rule: str
    result: str
    signers: tuple[str, ...] = ()
    reason: str = ""


@frozen
class ReceiptReading:
    """The result of reading blobs back from a target and hashing them.

    Attributes:
        blobs: The number of blobs and manifests that were read.
        size_bytes: Their size together.
        damaged: The number of those that were damaged.
    """

    blobs: int
    size_bytes: int
    damaged: int


@frozen
class ReceiptTarget:
    """All images at one target.

    Attributes:
        target: The target as text.
        kind: ``registry``, ``daemon`` or ``layout``.
        bytes_sent: The number of bytes that were sent there.
        images: The result for each image.
        re_read: The result of reading blobs back; None if nothing was read back.
    """

    target: str
    kind: str
    bytes_sent: int
    images: tuple[ReceiptImage, ...]
    re_read: ReceiptReading | None = None


@frozen
class Receipt:
    """The receipt of an import.

    Attributes:
        tool: Name and version of the program that wrote it.
        bundle_id: The SHA-256 of the bundle's SHA256SUMS; empty if the bundle was never opened.
        bundle_name: The name of the bundle.
        signers: The key ids of the trusted signatures; empty with --insecure-no-signature.
        signer_fingerprints: The whole fingerprints of the same keys, 64 hex digits each; empty in older receipts.
        trusted_fingerprints: The fingerprints of all trusted keys.
        blobs: The digests of all blobs of the bundle, in its order; empty in older receipts.
        blob_sizes: Their sizes in bytes, in the same order; empty in older receipts.
        series: The place of the bundle in its channel; None if it has none, and in older receipts.
        required_signatures: The number of signatures that the import required; 0 with --insecure-no-signature.
        trust: The files and folders with the trusted public keys.
        weakened: The options of the run that weaken a check.
        operator: The user who ran the import.
        host: The machine that ran it.
        started: The time of the start, UTC, ISO 8601.
        finished: The time of the end, UTC, ISO 8601.
        exit_code: The exit code of the import.
        error: The error that stopped the import early, in words; None if nothing did.
        targets: The results at each target.
        merged: The ids of the receipts that this one was made of.
        verdicts: The verdicts of the policies of the import; empty without a policy, and in older receipts.
        others: The other bundles that were given, which have blobs that this one leaves out.
        scans: The answers of the scan gate; empty if no scan was demanded, and in older receipts.
        preheats: The results of asking services that distribute images; empty if none was asked, and in older receipts.
        shards: The parts of the images that the import was for; empty for all images.
        chosen: The options that chose some of the images; empty for all images, and in older receipts.
    """

    tool: str
    bundle_id: str
    bundle_name: str
    signers: tuple[str, ...]
    trust: tuple[str, ...]
    weakened: tuple[str, ...]
    operator: str
    host: str
    started: str
    finished: str
    exit_code: int
    error: str | None
    targets: tuple[ReceiptTarget, ...]
    merged: tuple[str, ...] = ()
    required_signatures: int = 1
    signer_fingerprints: tuple[str, ...] = ()
    trusted_fingerprints: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    verdicts: tuple[ReceiptVerdict, ...] = ()
    others: tuple[OtherBundle, ...] = ()
    blob_sizes: tuple[int, ...] = ()
    series: ReceiptSeries | None = None
    scans: tuple[ReceiptScan, ...] = ()
    preheats: tuple[Preheated, ...] = ()
    shards: tuple[Shard, ...] = ()
    chosen: tuple[str, ...] = ()

    @property
    def is_unfinished(self) -> bool:
        """True if it was written before the import moved anything, and never again: the import runs, or was killed."""
        return self.error is None and any(i.outcome == UNFINISHED for target in self.targets for i in target.images)

    def to_json(self) -> bytes:
        """The bytes of the document, at least one line for each image, with a newline at the end."""
        content = BytesIO()  # piece by piece: json.dumps would hold a million of them before it joins them
        content.writelines(map(str.encode, json.JSONEncoder(indent=1).iterencode(_document(self))))
        content.write(b"\n")
        return content.getvalue()


def parse_receipt(content: bytes, *, what: str) -> Receipt:
    """Reads a receipt.

    Raises:
        Damaged: The content is not a receipt.
        Refused: The receipt has an unknown version.
    """
    return _read(_document_in(content, what), what)


def parse_receipt_part(
    content: bytes,
    chooser: Callable[[dict[str, Any]], Callable[[dict[str, Any]], bool]],
    *,
    what: str,
    with_blobs: bool = True,
) -> Receipt:
    """Reads a receipt with only some of its images, which takes a third of the time.

    Args:
        content: Its bytes.
        chooser: Takes the document, and returns a function that says of an entry of ``images`` if it is wanted.
        what: The name of the receipt, for messages.
        with_blobs: False to leave out the digests and sizes of the bundle's blobs.

    Raises:
        Damaged: The content is not a receipt, as far as it was read.
        Refused: The receipt has an unknown version.
    """
    document = _document_in(content, what)
    try:
        is_wanted = chooser(document)
        for target in list_of(document["targets"]):
            target["images"] = list(filter(is_wanted, list_of(target["images"])))
        if not with_blobs:
            document["blobs"] = document["blobSizes"] = []
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Damaged(texts.text("not a receipt of bundler: {error}", error=error), subject=what) from error
    return _read(document, what)


def _document_in(content: bytes, what: str) -> dict[str, Any]:
    refuse_no_object(content, "this is not a receipt", what=what, document=DOCUMENT)
    document = strict_json.loads(content, what=what, containers=RECEIPT_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("document"), str):
        raise Damaged("this is not a receipt", subject=what)
    if document["document"] != DOCUMENT:
        if document["document"].startswith("bundler.receipt/"):
            raise Refused(
                "a receipt of an unknown version", subject=what, expected=DOCUMENT, actual=document["document"]
            )
        is_prune = document["document"].startswith("bundler.prune-receipt/")
        raise Damaged(
            "this is not a receipt",
            subject=what,
            expected=DOCUMENT,
            actual=document["document"][:60],
            hint=texts.text("to see what the prune removed: bundler undo {path} --dry-run", path=what)
            if is_prune
            else None,
        )
    return document


def _read(document: dict[str, Any], what: str) -> Receipt:
    try:
        return _receipt(document)
    except (KeyError, TypeError, ValueError, BundlerError) as error:
        raise Damaged(texts.text("not a receipt of bundler: {error}", error=error), subject=what) from error


def _document(receipt: Receipt) -> dict[str, Any]:
    return {
        "document": DOCUMENT,
        "tool": receipt.tool,
        "bundle": {"id": receipt.bundle_id, "name": receipt.bundle_name},
        "signers": list(receipt.signers),
        "signerFingerprints": list(receipt.signer_fingerprints),
        "trustedFingerprints": list(receipt.trusted_fingerprints),
        "requiredSignatures": receipt.required_signatures,
        "trust": list(receipt.trust),
        "weakened": list(receipt.weakened),
        "operator": receipt.operator,
        "host": receipt.host,
        "started": receipt.started,
        "finished": receipt.finished,
        "exitCode": receipt.exit_code,
        "error": receipt.error,
        "targets": [
            {
                "target": target.target,
                "kind": target.kind,
                "bytesSent": target.bytes_sent,
                "reRead": _reading_document(target.re_read),
                "images": [_image_document(image) for image in target.images],
            }
            for target in receipt.targets
        ],
        "merged": list(receipt.merged),
        "blobs": list(receipt.blobs),
        "blobSizes": list(receipt.blob_sizes),
        "series": series_document(receipt.series),
        "verdicts": [_verdict_document(verdict) for verdict in receipt.verdicts],
        **({"otherBundles": list(map(other_bundle_document, receipt.others))} if receipt.others else {}),
        **({"scans": list(map(scan_document, receipt.scans))} if receipt.scans else {}),
        **({"preheats": list(map(preheated_document, receipt.preheats))} if receipt.preheats else {}),
        **({"shards": list(map(str, receipt.shards))} if receipt.shards else {}),
        **({"chosen": list(receipt.chosen)} if receipt.chosen else {}),
    }


def _verdict_document(verdict: ReceiptVerdict) -> dict[str, Any]:
    return {
        "reference": verdict.reference,
        "digest": verdict.digest,
        "policy": verdict.policy,
        "rule": verdict.rule,
        "result": verdict.result,
        "signers": list(verdict.signers),
        "reason": verdict.reason,
    }


def _reading_document(reading: ReceiptReading | None) -> dict[str, int] | None:
    if reading is None:
        return None
    return {"blobs": reading.blobs, "bytes": reading.size_bytes, "damaged": reading.damaged}


def _image_document(image: ReceiptImage) -> dict[str, Any]:
    return {
        "reference": image.reference,
        "name": image.name,
        "digest": image.digest,
        "readBack": image.read_back,
        "outcome": image.outcome,
        "bytes": image.size_bytes,
        "replaced": image.replaced,
        "takenName": image.taken_name,
        "madeFrom": image.made_from,
        "reason": image.reason,
        "code": image.code,
        "blobs": list(image.blobs),
        **({"attached": list(map(attachment_document, image.attached))} if image.attached else {}),
    }


def _receipt(document: dict[str, Any]) -> Receipt:
    receipt = Receipt(
        tool=text(document["tool"]),
        bundle_id=text(document["bundle"]["id"]),
        bundle_name=text(document["bundle"]["name"]),
        signers=_texts(document["signers"]),
        signer_fingerprints=_fingerprints(document, "signerFingerprints"),
        trusted_fingerprints=_fingerprints(document, "trustedFingerprints"),
        blobs=tuple(str(Digest.parse(each)) for each in _texts(document.get("blobs", []))),
        blob_sizes=tuple(map(size, list_of(document.get("blobSizes", [])))),
        series=read_receipt_series(document.get("series")),
        trust=_texts(document["trust"]),
        weakened=_texts(document["weakened"]),
        operator=text(document["operator"]),
        host=text(document["host"]),
        started=text(document["started"]),
        finished=text(document["finished"]),
        exit_code=size(document["exitCode"]),
        error=_text_or_none(document["error"]),
        targets=tuple(_target(target) for target in list_of(document["targets"])),
        merged=_texts(document.get("merged", [])),
        required_signatures=size(document.get("requiredSignatures", 1)),  # the first receipts did not have it
        verdicts=tuple(_verdict(verdict) for verdict in list_of(document.get("verdicts", []))),
        others=tuple(map(read_other_bundle, list_of(document.get("otherBundles", [])))),
        scans=tuple(map(read_receipt_scan, list_of(document.get("scans", [])))),
        preheats=tuple(map(read_preheated, list_of(document.get("preheats", [])))),
        shards=tuple(Shard.parse(each, {}) for each in _texts(document.get("shards", []))),
        chosen=_texts(document.get("chosen", [])),
    )
    if receipt.blob_sizes and len(receipt.blob_sizes) != len(receipt.blobs):
        raise ValueError("not every blob has a size")
    return receipt


def _verdict(document: dict[str, Any]) -> ReceiptVerdict:
    return ReceiptVerdict(
        reference=text(document["reference"]),
        digest=str(Digest.parse(document["digest"])),
        policy=text(document["policy"]),
        rule=text(document["rule"]),
        result=text(document["result"]),
        signers=_texts(document["signers"]),
        reason=text(document["reason"]),
    )


def _fingerprints(document: dict[str, Any], field: str) -> tuple[str, ...]:
    found = _texts(document.get(field, []))  # the first receipts had key ids only
    if not all(map(_FINGERPRINT.fullmatch, found)):
        raise ValueError(texts.text("{field} holds something that is not a fingerprint", field=field))
    return found


def _target(document: dict[str, Any]) -> ReceiptTarget:
    target = ReceiptTarget(
        target=text(document["target"]),
        kind=text(document["kind"]),
        bytes_sent=size(document["bytesSent"]),
        images=tuple(_image(image) for image in list_of(document["images"])),
        re_read=_reading(document.get("reRead")),
    )
    if target.kind == "registry":
        for image in target.images:
            if not image.name.startswith(f"{target.target}/"):
                raise ValueError(
                    texts.text(
                        "{image} is not at {target}", image=repr(image.name[:80]), target=repr(target.target[:80])
                    )
                )
    return target


def _image(document: dict[str, Any]) -> ReceiptImage:
    if str(Reference.parse(text(document["name"]))) != document["name"]:
        raise ValueError("an incomplete name")
    if document["outcome"] not in OUTCOMES:
        raise ValueError("an unknown outcome")
    return ReceiptImage(
        reference=text(document["reference"]),
        name=text(document["name"]),
        digest=str(Digest.parse(document["digest"])),
        outcome=text(document["outcome"]),
        size_bytes=size(document["bytes"]),
        read_back=_digest_or_none(document["readBack"]),
        replaced=_digest_or_none(document["replaced"]),
        taken_name=_text_or_none(document["takenName"]),
        made_from=_text_or_none(document.get("madeFrom")),
        reason=_text_or_none(document["reason"]),
        code=_text_or_none(document["code"]),
        blobs=tuple(size(number) for number in list_of(document.get("blobs", []))),
        attached=tuple(read_attachment(each) for each in list_of(document.get("attached", []))),
    )


def _reading(document: dict[str, Any] | None) -> ReceiptReading | None:
    if document is None:  # older receipts do not have it
        return None
    return ReceiptReading(size(document["blobs"]), size(document["bytes"]), size(document["damaged"]))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text(each) for each in list_of(value))


def _text_or_none(value: object) -> str | None:
    return None if value is None else text(value)


def _digest_or_none(value: object) -> str | None:
    return None if value is None else str(Digest.parse(text(value)))
