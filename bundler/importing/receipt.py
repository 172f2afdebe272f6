"""The receipt of an import as a value, and the list of failed images. `receipt_file` writes both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler import __version__
from bundler.bundle.reader import Bundle
from bundler.core.receipt import Receipt, ReceiptImage, ReceiptReading, ReceiptTarget, ReceiptVerdict
from bundler.core.receipt_attachments import UNFINISHED, ReceiptAttachment
from bundler.core.receipt_bundles import OtherBundle
from bundler.core.receipt_scans import receipt_scan_of
from bundler.core.receipt_series import ReceiptSeries
from bundler.importing.attached import AttachmentResult
from bundler.importing.request import ImportRequest, ReceiptRequest
from bundler.importing.results import ImageResult, ImportResult, Outcome, TargetResult
from bundler.keys.trust import trust_folder

if TYPE_CHECKING:
    from bundler.core.policy import PolicyVerdict


def receipt_of(
    result: ImportResult, request: ImportRequest, wanted: ReceiptRequest, *, started: str, finished: str
) -> Receipt:
    """Returns the receipt of an import, complete or not, from its result so far."""
    bundle = result.bundle
    return Receipt(
        tool=f"bundler {__version__}",
        bundle_id=bundle.id,
        bundle_name=bundle.manifest.name,
        signers=bundle.sealed.signers,
        signer_fingerprints=bundle.sealed.signer_fingerprints,
        trusted_fingerprints=bundle.sealed.trusted_fingerprints,
        required_signatures=0 if request.is_without_signature else request.required_signatures,
        trust=() if request.is_without_signature else tuple(map(str, request.trust or filter(None, [trust_folder()]))),
        weakened=_weakened(request, result),
        operator=wanted.operator,
        host=wanted.host,
        started=started,
        finished=finished,
        exit_code=result.exit_code,
        error=str(result.error) if result.error else None,
        targets=tuple(_target(target, bundle) for target in result.targets),
        blobs=tuple(str(blob.descriptor.digest) for blob in bundle.manifest.blobs),
        blob_sizes=tuple(blob.descriptor.size_bytes for blob in bundle.manifest.blobs),
        verdicts=tuple(map(_verdict, result.verdicts)),
        others=tuple(OtherBundle(each.id, each.name, each.sealed.signers) for each in bundle.others),
        series=_series(result, request),
        scans=tuple(map(receipt_scan_of, result.scans)),
        preheats=result.preheats,
        shards=(request.shard,) if request.shard is not None else (),
        chosen=_chosen(request),
    )


def _chosen(request: ImportRequest) -> tuple[str, ...]:
    """The options that choose some of the images."""
    return (
        *(f"--only {pattern}" for pattern in request.selection.only),
        *(f"--except {pattern}" for pattern in request.selection.except_),
        *(["--retry-failed"] if request.retry is not None else []),
    )


def _series(result: ImportResult, request: ImportRequest) -> ReceiptSeries | None:
    series = result.bundle.manifest.series
    if series is None:
        return None
    allowed = request.allow_rollback or None
    return ReceiptSeries(series.channel, series.sequence, series.previous, allowed, result.overridden)


def _verdict(verdict: PolicyVerdict) -> ReceiptVerdict:
    return ReceiptVerdict(
        reference=str(verdict.reference),
        digest=str(verdict.digest),
        policy=verdict.policy,
        rule=verdict.rule,
        result=verdict.result,
        signers=verdict.signers,
        reason=str(verdict.found),
    )


def _weakened(request: ImportRequest, result: ImportResult) -> tuple[str, ...]:
    """The options that make a run less safe."""
    return (
        *(["--insecure-no-signature"] if request.is_without_signature else []),
        *(f"--plain-http {host}" for host in sorted(request.network.plain_http)),
        *(["--allow-rollback"] if result.overridden else []),
        *(["--via-daemon"] if request.is_via_daemon else []),
        *([] if request.has_attachments else ["--attachments none"]),
    )


def _target(target: TargetResult, bundle: Bundle) -> ReceiptTarget:
    return ReceiptTarget(
        target=target.target,
        kind=target.kind,
        bytes_sent=target.bytes_sent,
        images=tuple(_image(each, bundle) for each in target.images),
        re_read=ReceiptReading(back.blobs, back.size_bytes, back.damaged) if (back := target.re_read) else None,
    )


def _image(each: ImageResult, bundle: Bundle) -> ReceiptImage:
    return ReceiptImage(
        reference=str(each.image.reference),
        name=str(each.name),
        digest=str(each.image.root.digest),
        outcome=each.outcome.value if each.outcome else UNFINISHED,
        size_bytes=bundle.manifest.size_of(each.image),
        read_back=str(each.read_back) if each.read_back else None,
        replaced=str(each.replaced) if each.replaced else None,
        taken_name=str(each.taken_name) if each.taken_name else None,
        made_from=str(each.image.made_from) if each.image.made_from else None,
        reason=str(each.error) if each.error else None,
        code=each.error.code if each.error else None,
        blobs=each.blobs,
        attached=tuple(map(_attached, each.attached)),
    )


def _attached(each: AttachmentResult) -> ReceiptAttachment:
    return ReceiptAttachment(
        subject=str(each.attachment.subject),
        digest=str(each.digest),
        kind=each.attachment.kind,
        outcome=each.outcome.value if each.outcome else UNFINISHED,
        artifact_type=each.attachment.artifact_type,
        tag=each.attachment.tag,
        replaced=str(each.replaced) if each.replaced else None,
        is_in_fallback=each.is_in_fallback,
    )


def failed_list(result: ImportResult) -> str:
    """Returns an image list of all images that are not at their targets, with the reasons; empty if there are none."""
    reasons: dict[str, list[str]] = {}
    for target in result.targets:
        for each in target.images:
            if each.outcome is Outcome.HELD and result.shard is not None:
                continue  # it waits for --publish
            if each.outcome is None or not each.outcome.is_done:
                outcome = each.outcome or UNFINISHED
                why = str(each.error) if each.outcome is Outcome.FAILED else getattr(outcome, "value", outcome)
                reasons.setdefault(str(each.image.reference), []).append(f"{target.target}: {why}")
    if not reasons:
        return ""
    lines = ["# images that are not where they should be; feed this to: bundler import --retry-failed FILE"]
    for reference, whys in reasons.items():
        lines += [*(f"# {_one_line(why)}" for why in whys), reference]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
