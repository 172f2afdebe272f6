"""Receipts of several imports together: merged, completed by a later import, or asked for the places of blobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.receipt_attachments import UNFINISHED, better_attached, finished_attached
from bundler.core.reference import Reference, one_spelling
from bundler.core.shard import Shard
from bundler.errors import Damaged, Incomplete, Misuse
from bundler.texts import some, text


def merged(receipts: Iterable[Receipt], ids: Iterable[str]) -> Receipt:
    """One receipt for several imports of one bundle, with the best result of each image at each target.

    Args:
        receipts: At least one receipt, in any order.
        ids: The ids of the receipts, in the same order.

    Raises:
        Misuse: The receipts belong to different bundles.
        Damaged: Two of them list different blobs of it: the images of one would get the blobs of the other.
    """
    pairs = sorted(zip(receipts, ids, strict=True), key=lambda pair: (pair[0].started, pair[1]))
    ordered = [receipt for receipt, _ in pairs]
    _check_one_bundle(ordered)
    last = ordered[-1]
    targets = tuple(_merged_target(ordered, name) for name in _each_once(t.target for r in ordered for t in r.targets))
    lacking = missing_shards(ordered)
    are_chosen = all(receipt.chosen for receipt in ordered)
    missing_code = Incomplete.exit_code if lacking else 0
    missing_words = (
        str(text("no receipt of the shards {shards}", shards=some(map(str, lacking), most=20))) if lacking else None
    )
    is_done = bool(targets) and all(image.is_done for target in targets for image in target.images)
    return replace(
        last,
        signers=_each_once(signer for receipt in ordered for signer in receipt.signers),
        signer_fingerprints=_each_once(key for receipt in ordered for key in receipt.signer_fingerprints),
        trusted_fingerprints=_each_once(key for receipt in ordered for key in receipt.trusted_fingerprints),
        blobs=max((receipt.blobs for receipt in ordered), key=len),
        blob_sizes=max((receipt.blob_sizes for receipt in ordered), key=len),
        trust=_each_once(path for receipt in ordered for path in receipt.trust),
        required_signatures=min(receipt.required_signatures for receipt in ordered),
        weakened=_each_once(option for receipt in ordered for option in receipt.weakened),
        operator=", ".join(_each_once(receipt.operator for receipt in ordered)),
        host=", ".join(_each_once(receipt.host for receipt in ordered)),
        started=ordered[0].started,
        finished=max(receipt.finished for receipt in ordered),
        exit_code=next((r.exit_code for r in reversed(ordered) if r.exit_code), 3) if not is_done else missing_code,
        error=last.error if not is_done else missing_words,
        targets=targets,
        merged=tuple(identity for _, identity in pairs),
        verdicts=tuple(dict.fromkeys(verdict for receipt in ordered for verdict in receipt.verdicts)),
        scans=tuple(dict.fromkeys(scan for receipt in ordered for scan in receipt.scans)),
        others=tuple(dict.fromkeys(other for receipt in ordered for other in receipt.others)),
        preheats=tuple(each for receipt in ordered for each in receipt.preheats),
        shards=tuple(dict.fromkeys(shard for receipt in ordered for shard in receipt.shards)) if lacking else (),
        chosen=_each_once(option for receipt in ordered for option in receipt.chosen) if are_chosen else (),
    )


def _check_one_bundle(receipts: Sequence[Receipt]) -> None:
    """Makes sure that receipts are of one bundle, and agree about its blobs.

    Raises:
        Misuse, Damaged: They are not, or do not.
    """
    first = receipts[0]
    for receipt in receipts:
        if receipt.bundle_id != first.bundle_id:
            raise Misuse(
                "the receipts belong to different bundles",
                subject=receipt.bundle_name,
                expected=first.bundle_id or "none",
                actual=receipt.bundle_id or "none",
            )
    lists = {receipt.blobs for receipt in receipts if receipt.blobs}
    if max(len(lists), len({receipt.blob_sizes for receipt in receipts if receipt.blob_sizes})) > 1:
        raise Damaged(
            "the receipts list different blobs of one bundle",
            subject=first.bundle_name,
            hint="one of them is forged: see who has signed each with bundler receipt verify",
        )


def missing_shards(receipts: Sequence[Receipt]) -> tuple[Shard, ...]:
    """The shards that have no receipt; none if a receipt is of all images, or all shards of some count have one.

    A receipt of some images that the user chose proves nothing about the others. So it only counts with receipts of the
    same choice, and only if there is none without a choice.

    If no count is complete, these are the missing shards of the one that lacks the fewest.
    """
    by_choice: dict[tuple[str, ...], list[Receipt]] = {}
    for receipt in receipts:
        by_choice.setdefault(receipt.chosen, []).append(receipt)
    judged = [by_choice[()]] if () in by_choice else by_choice.values()
    return next(filter(None, map(_missing_shards, judged)), ())


def _missing_shards(receipts: Sequence[Receipt]) -> tuple[Shard, ...]:
    """The missing shards of receipts of one choice of images."""
    if not all(receipt.shards for receipt in receipts):
        return ()
    known = {shard for receipt in receipts for shard in receipt.shards}
    missing = (
        tuple(shard for number in range(1, count + 1) if (shard := Shard(number, count)) not in known)
        for count in sorted({shard.count for shard in known})
    )
    return min(missing, key=len)


def places_of_blobs(receipts: Iterable[Receipt], registry: str) -> dict[str, Reference]:
    """The places of blobs in a registry, by the receipts of earlier imports.

    Args:
        receipts: The receipts, the newest first. The first one that has a blob decides its place.
        registry: Host and port of the registry.

    Returns:
        For each blob's digest the name of an image that needs it and was in the registry when its import ended.
    """
    found: dict[str, Reference] = {}
    for receipt in receipts:
        for target in receipt.targets:
            for image in target.images if target.kind == "registry" else ():
                name = Reference.parse(image.name)
                if image.outcome in ("pushed", "present") and one_spelling(name.registry) == one_spelling(registry):
                    for number in image.blobs:
                        if number < len(receipt.blobs):
                            found.setdefault(receipt.blobs[number], name)
    return found


def finishing(receipt: Receipt, unfinished: Receipt, identity: str) -> Receipt | None:
    """The receipt of an import, with the results of an earlier import that was killed and that it has completed.

    Args:
        receipt: The receipt of the import that has ended.
        unfinished: The receipt of the import that was killed.
        identity: The SHA-256 of the unfinished receipt's bytes.

    Returns:
        The completed receipt; None if the unfinished one belongs to another bundle, or if some of its images are not
        done.
    """
    if not unfinished.is_unfinished or unfinished.bundle_id != receipt.bundle_id:
        return None
    earlier = {(target.target, image.name): image for target in unfinished.targets for image in target.images}
    done = {(target.target, image.name) for target in receipt.targets for image in target.images if image.is_done}
    if not done.issuperset(earlier):
        return None
    targets = tuple(
        replace(
            target, images=tuple(_finished(image, earlier.get((target.target, image.name))) for image in target.images)
        )
        for target in receipt.targets
    )
    return replace(receipt, targets=targets, merged=(*receipt.merged, identity))


def _finished(image: ReceiptImage, earlier: ReceiptImage | None) -> ReceiptImage:
    """The result for an image, with the earlier digest of its tag if the killed import has moved it."""
    # Only the import that moved a tag knows its earlier digest. So a tag that is in place now, and had another digest
    # when the killed import started, counts as pushed, with that digest.
    if earlier is None or earlier.outcome != UNFINISHED:
        return image
    image = replace(image, attached=finished_attached(image.attached, earlier.attached))
    if earlier.replaced is None:
        return image
    has_moved = image.outcome == "present" and image.digest == earlier.digest != earlier.replaced
    return replace(image, outcome="pushed", replaced=earlier.replaced) if has_moved else image


def _merged_target(receipts: list[Receipt], name: str) -> ReceiptTarget:
    found = [target for receipt in receipts for target in receipt.targets if target.target == name]
    images: dict[tuple[str, str], ReceiptImage] = {}
    for target in found:
        for image in target.images:
            key = (image.reference, image.name)
            images[key] = _better(images.get(key, image), image)
    there = {image.reference for image in images.values() if image.is_done}
    kept = tuple(image for image in images.values() if image.is_done or image.reference not in there)
    return ReceiptTarget(name, found[-1].kind, sum(target.bytes_sent for target in found), kept, found[-1].re_read)


def _better(earlier: ReceiptImage, later: ReceiptImage) -> ReceiptImage:
    """The later result, unless it failed. If the later run found the image in place, the earlier push is kept."""
    if earlier.is_done and not later.is_done:
        return earlier
    has_brought = earlier.outcome in ("pushed", "loaded") and earlier.digest == later.digest
    better = earlier if has_brought and later.outcome in ("present", "skipped") else later
    return replace(better, attached=better_attached(earlier.attached, later.attached))


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
