"""The lines that ``receipt`` and ``undo`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.core.policy.verdict import ACCEPTED
from bundler.core.receipt_scans import PASSED
from bundler.texts import Text, counted, joined, text
from bundler.views.attachment_report import attached_words
from bundler.views.errors import advice_lines
from bundler.views.import_report import OUTCOMES, reading_words
from bundler.views.languages import said, translated, worded
from bundler.views.preheat_report import preheat_lines
from bundler.views.words import count, escaped, fact, fact_below, shell_word, size, table

if TYPE_CHECKING:
    from bundler.commands.receipts import ReceiptFile
    from bundler.commands.undo import ListResult, TagResult, UndoResult
    from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
    from bundler.core.receipt_scans import ReceiptScan
    from bundler.core.receipt_series import ReceiptSeries

KINDS = {
    "registry": text("registry"),
    "daemon": text("Docker daemon"),
    "layout": text("layout"),
    "agent-images": text("files for k3s and RKE2"),
}
UNDONE = {
    "put back": text("put back"),
    "removed": text("removed"),
    "moved on": text("moved on"),
    "as before": text("as before"),
    "left": text("left"),
    "doubtful": text("doubtful"),
    "failed": text("failed"),
    "would put back": text("would put back"),
    "would remove": text("would remove"),
}
"""The outcomes of tags, as people read them."""


def show_lines(file: ReceiptFile) -> list[str]:
    """The lines that ``receipt show`` prints."""
    receipt = file.receipt
    bundle = f"{receipt.bundle_name}  {receipt.bundle_id}" if receipt.bundle_id else said("none was opened")
    facts = [
        (said("receipt"), str(file.path)),
        ("", signature_words(file)),
        (said("id"), file.id),
        (said("bundle"), bundle),
        ("", _signer_words(receipt)),
        *((said("with"), f"{each.name}  {each.id}  {', '.join(each.signers)}") for each in receipt.others),
        (said("trusted"), ", ".join(receipt.trust) or said("no key: --insecure-no-signature")),
        *(("", fingerprint) for fingerprint in receipt.trusted_fingerprints),
        (said("weakened"), ", ".join(receipt.weakened) or said("nothing")),
        (said("operator"), said("{operator} on {host}", operator=receipt.operator, host=receipt.host)),
        (said("time"), said("{started} to {finished}", started=receipt.started, finished=receipt.finished)),
        (said("result"), _result_words(receipt)),
    ]
    if receipt.series:
        facts.append((said("channel"), _series_words(receipt.series)))
    if receipt.verdicts:
        facts.append((said("policy"), _verdict_words(receipt)))
    facts += [(said("scan"), _scan_words(scan)) for scan in receipt.scans]
    if receipt.chosen:
        facts.append((said("only some"), ", ".join(receipt.chosen)))
    if receipt.shards:
        facts.append((said("shard"), ", ".join(map(str, receipt.shards))))
    if receipt.merged:
        facts.append((said("merged from"), translated(count(len(receipt.merged), "receipt"))))
    lines = [fact(name, escaped(value)) for name, value in facts]
    lines += preheat_lines(receipt.preheats)
    for target in receipt.targets:
        done = sum(image.is_done for image in target.images)
        rows = [(_outcome(image), escaped(image.name), _image_words(image)) for image in target.images]
        kind = KINDS.get(target.kind, target.kind)
        head = said("to {target} ({kind})", target=escaped(target.target), kind=kind)
        there = text("{count:,} of {images} there", count=done, images=count(len(target.images), "image"))
        totals: list[str] = [there, text("{size} sent", size=size(target.bytes_sent)), *_reading_words(target)]
        attached = attached_words([each for image in target.images for each in image.attached])
        lines += ["", head, *table(rows), *(["", *attached] if attached else [])]
        lines += ["", f"  {translated(joined(totals, ', '))}"]
    return lines


def verify_lines(file: ReceiptFile) -> list[str]:
    """The lines that ``receipt verify`` prints."""
    return show_lines(file)


def undo_lines(result: UndoResult) -> list[str]:
    """The lines that ``undo`` prints."""
    rows = [
        (translated(UNDONE[tag.outcome.value]) if tag.outcome else "", str(tag.name), _tag_words(tag))
        for tag in result.tags
    ]
    rows += [
        (
            translated(UNDONE[each.outcome.value]),
            f"{each.entries.repository.name}@{each.entries.subject.short}",
            _list_words(each),
        )
        for each in result.lists
    ]
    lines = [
        fact(said("receipt"), escaped(result.file.path)),
        fact_below(signature_words(result.file)),
        fact(said("bundle"), escaped(result.file.receipt.bundle_name)),
        *(table(rows) or [said("nothing to restore: no tag of a registry was moved")]),
    ]
    changes: tuple[TagResult | ListResult, ...] = (*result.tags, *result.lists)
    for each in changes:
        if each.error:
            lines += ["", f"  {escaped(worded(each.error))}", *advice_lines(each.error, "    ")]
    return lines


def _list_words(each: ListResult) -> str:
    words = counted(
        len(each.entries.digests),
        "{count} attachment in the fallback index of this manifest",
        "{count} attachments in the fallback index of this manifest",
    )
    if each.outcome.value == "would remove":
        return said("{attachments}, if the tags of its image can be restored", attachments=words)
    return translated(words)


def _outcome(image: ReceiptImage) -> str:
    known = OUTCOMES.get(image.outcome)
    return translated(known) if known else escaped(image.outcome)


def _series_words(series: ReceiptSeries) -> str:
    channel, number = series.channel, series.sequence
    if not series.overridden:
        return said("{channel}, number {sequence}", channel=channel, sequence=number)
    return said(
        "{channel}, number {sequence}; allowed: {reason}", channel=channel, sequence=number, reason=series.allowed
    )


def _result_words(receipt: Receipt) -> str:
    if receipt.is_unfinished:
        return said(
            "UNFINISHED: the import is running, or was interrupted. Run the same import again to finish it; bundler "
            "undo accepts this receipt too"
        )
    if receipt.error:
        return said("exit code {code}: {error}", code=receipt.exit_code, error=receipt.error)
    return said("exit code {code}", code=receipt.exit_code)


def _reading_words(target: ReceiptTarget) -> list[str]:
    back = target.re_read
    if back is None:
        return [text("not read back")] if target.kind != "daemon" else []
    return [reading_words(count(back.blobs, "blob"), back.size_bytes, back.damaged)]


def signature_words(file: ReceiptFile) -> str:
    """The signature of a receipt in a few words."""
    if file.signers:
        signers = ", ".join(key.fingerprint for key in file.signers)
        return said("signature good, by {signers}", signers=signers)
    if file.is_unsigned:
        return said("UNSIGNED: no trusted key has signed it")
    return said(
        "its signature was NOT CHECKED (check it: bundler receipt verify {path} --trust NAME.pub)",
        path=shell_word(file.path),
    )


def _signer_words(receipt: Receipt) -> str:
    if not receipt.signers:
        return said("its signature was NOT CHECKED")
    signers, required = ", ".join(receipt.signer_fingerprints or receipt.signers), receipt.required_signatures
    if required > 1:
        demanded = count(required, "signature")
        return said("signed by {signers} ({signatures} required)", signers=signers, signatures=demanded)
    return said("signed by {signers}", signers=signers)


def _image_words(image: ReceiptImage) -> str:
    notes = [image.digest[:19]]
    if image.read_back and image.read_back != image.digest:
        notes.append(said("(target has {digest})", digest=image.read_back[:19]))
    if image.replaced:
        notes.append(said("(was {digest})", digest=image.replaced[:19]))
    if image.taken_name:
        notes.append(said("(in addition to {name})", name=escaped(image.taken_name)))
    if image.reason:
        notes.append(escaped(image.reason))
    return "  ".join(notes)


def _verdict_words(receipt: Receipt) -> str:
    accepted = sum(verdict.result == ACCEPTED for verdict in receipt.verdicts)
    files = ", ".join(dict.fromkeys(f"sha256:{verdict.policy[:12]}" for verdict in receipt.verdicts))
    return said(
        "{files}: {accepted:,} accepted, {refused:,} refused",
        files=files,
        accepted=accepted,
        refused=len(receipt.verdicts) - accepted,
    )


def _scan_words(scan: ReceiptScan) -> str:
    name = f"{scan.scanner} {scan.version}".rstrip()
    if scan.result != PASSED:
        return said("{scanner}: REFUSED, {reason}", scanner=name, reason=scan.reason)
    return said(
        "{scanner}: passed, {objects}, scanned {created}, signed by {signers}",
        scanner=name,
        objects=translated(counted(scan.objects, "{count:,} object", "{count:,} objects")),
        created=scan.created,
        signers=", ".join(scan.signers),
    )


def _tag_words(tag: TagResult) -> str:
    before, now = tag.before.short if tag.before else "", tag.now.short if tag.now else text("nothing")
    words: dict[str, Text] = {
        "put back": text("{pushed} -> {before}", pushed=tag.pushed.short, before=before),
        "would put back": text("{pushed} -> {before}", pushed=tag.pushed.short, before=before),
        "would remove": text(
            "it did not exist before; if the registry cannot remove tags (distribution before 3.0), it stays"
        ),
        "moved on": text("now points to {digest}; not changed", digest=now),
        "doubtful": text(
            "the import of this image failed, and its new tag is there; it is left: remove it by hand if it must go"
        ),
        "left": text("it did not exist before, and this registry cannot remove tags"),
    }
    return translated(words.get(tag.outcome.value if tag.outcome else "", text("")))
