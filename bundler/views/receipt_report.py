"""What ``receipt`` and ``undo`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.views.errors import advice_lines
from bundler.views.languages import worded
from bundler.views.words import count, escaped, size, table

if TYPE_CHECKING:
    from bundler.commands.receipts import ReceiptFile
    from bundler.commands.undo import TagResult, UndoResult
    from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget


def show_lines(file: ReceiptFile) -> list[str]:
    """What ``receipt show`` prints."""
    receipt = file.receipt
    facts = [
        ("receipt", f"{file.path}"),
        ("", _signature_words(file)),
        ("id", file.id),
        ("bundle", f"{receipt.bundle_name}  {receipt.bundle_id}" if receipt.bundle_id else "none was opened"),
        ("", _signer_words(receipt)),
        ("trusted", ", ".join(receipt.trust) or "nobody: --insecure-no-signature"),
        *(("", fingerprint) for fingerprint in receipt.trusted_fingerprints),
        ("weakened", ", ".join(receipt.weakened) or "nothing"),
        ("operator", f"{receipt.operator} on {receipt.host}"),
        ("time", f"{receipt.started} to {receipt.finished}"),
        ("result", _result_words(receipt)),
    ]
    if receipt.merged:
        facts.append(("merged of", count(len(receipt.merged), "receipt")))
    lines = [f"{name:<10} {escaped(value)}" for name, value in facts]
    for target in receipt.targets:
        done = sum(image.is_done for image in target.images)
        rows = [(escaped(image.outcome), escaped(image.name), _image_words(image)) for image in target.images]
        lines += ["", f"to {escaped(target.target)} ({escaped(target.kind)})", *table(rows)]
        there = f"{done} of {count(len(target.images), 'image')} there"
        lines += ["", f"  {there}, {size(target.bytes_sent)} sent{_reading_words(target)}"]
    return lines


def verify_lines(file: ReceiptFile) -> list[str]:
    """What ``receipt verify`` prints."""
    return show_lines(file)


def undo_lines(result: UndoResult) -> list[str]:
    """What ``undo`` prints."""
    rows = [(tag.outcome.value if tag.outcome else "", str(tag.name), _tag_words(tag)) for tag in result.tags]
    lines = [
        f"receipt    {escaped(result.file.path)}",
        f"           {_signature_words(result.file)}",
        f"bundle     {escaped(result.file.receipt.bundle_name)}",
        *(table(rows) or ["nothing to put back: no tag of a registry was moved"]),
    ]
    for tag in result.tags:
        if tag.error:
            lines += ["", f"  {escaped(worded(tag.error))}", *advice_lines(tag.error, "    ")]
    return lines


def _result_words(receipt: Receipt) -> str:
    if receipt.is_unfinished:
        return (
            "UNFINISHED: the import is running, or was cut off. The same import again finishes it and takes this up; "
            "bundler undo takes it too"
        )
    return f"exit code {receipt.exit_code}" + (f": {receipt.error}" if receipt.error else "")


def _reading_words(target: ReceiptTarget) -> str:
    back = target.re_read
    if back is None:
        return ", not read back" if target.kind != "daemon" else ""
    damage = f", {back.damaged} DAMAGED" if back.damaged else ", all of them whole"
    return f", {count(back.blobs, 'blob')} ({size(back.size_bytes)}) read back{damage}"


def _signature_words(file: ReceiptFile) -> str:
    if file.signers:
        signers = ", ".join(key.fingerprint for key in file.signers)
        return f"signature good, by {signers}"
    if file.is_unsigned:
        return "UNSIGNED: no key that is trusted here has signed it"
    return "believed as it is: its signature was NOT CHECKED (bundler receipt verify does, or --trust NAME.pub)"


def _signer_words(receipt: Receipt) -> str:
    if not receipt.signers:
        return "its signature was NOT CHECKED"
    required = receipt.required_signatures
    demanded = f" ({count(required, 'signature')} demanded)" if required > 1 else ""
    signers = ", ".join(receipt.signer_fingerprints or receipt.signers)
    return f"signed by {signers}{demanded}"


def _image_words(image: ReceiptImage) -> str:
    digest = image.digest[:19]
    if image.read_back and image.read_back != image.digest:
        digest += f"  (there it is {image.read_back[:19]})"
    if image.replaced:
        digest += f"  (was {image.replaced[:19]})"
    if image.beside:
        digest += f"  (beside {escaped(image.beside)})"
    return digest + (f"  {escaped(image.reason)}" if image.reason else "")


def _tag_words(tag: TagResult) -> str:
    words = {
        "put back": f"{tag.pushed.short} -> {tag.before.short if tag.before else ''}",
        "would put back": f"{tag.pushed.short} -> {tag.before.short if tag.before else ''}",
        "would remove": "it did not exist before; distribution before 3.0 removes no tags, and leaves it",
        "moved on": f"stands for {tag.now.short if tag.now else 'nothing'} by now; left alone",
        "left": "it did not exist before, and this registry removes no tags",
    }
    return words.get(tag.outcome.value if tag.outcome else "", "")
