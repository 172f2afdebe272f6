"""``bundler check``: is everything that an import put into a registry still there, whole, under the same digests?

It asks for tags, then manifests, then what is attached to them, then configs and layers; nothing is changed. A receipt
does not list manifests, so the registry is asked for them: they are verified by their digests, from the root on.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from bundler.bundle.needed import Lacking
from bundler.bundle.reader import Bundle
from bundler.bundle.signing import PrivateKey
from bundler.core.drift import ImageDrift
from bundler.core.events import Noticed
from bundler.core.need_line import Wanted as WantedParts
from bundler.core.need_list import MISSING
from bundler.core.receipt import Receipt, parse_receipt
from bundler.errors import Misuse
from bundler.importing.need_file import NeedResult, check_need, write_need
from bundler.keys.open_bundle import open_bundle
from bundler.keys.signed_files import RECEIPT_FILE, Demand, read_signed, write_signed
from bundler.run import Run, paces_of
from bundler.standing.check_request import CheckRequest, CheckResult
from bundler.standing.compared import Compared, compare
from bundler.standing.wanted import Wanted, wanted_by_bundle, wanted_by_receipt
from bundler.stores.opened import Stores
from bundler.texts import text


def check(request: CheckRequest, run: Run | None = None) -> CheckResult:
    """Compares the images of a receipt or a bundle with a registry.

    Args:
        request: The receipt or bundle, the registry, and the need-list to write.
        run: Receives progress and can be stopped; None for a silent run.

    Returns:
        The faults of each image. See ``exit_code``.

    Raises:
        Misuse: There is no receipt or bundle, no registry, or the file of the need-list exists.
        Untrusted, Damaged, Incomplete: The receipt or bundle cannot be used.
        Refused, Unavailable: The registry does not answer at all.
        LocalStorage: The need-list cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    if request.target is not None and request.target.pushed_to is None:
        raise Misuse("a check is of a registry", subject=str(request.target), hint="give --to HOST[/PREFIX]")
    key = check_need(request.need, run.listener)
    receipt = _receipt(request)
    if receipt is not None:
        return _by_receipt(receipt, request, run, key)
    with closing(_bundle(request, run)) as bundle:
        return _by_bundle(bundle, request, run, key)


def _receipt(request: CheckRequest) -> Path | None:
    """The path of the receipt; None for a bundle.

    Raises:
        Misuse: Nothing is there, or there is a receipt and something else.
    """
    paths = [path for path in request.paths if isinstance(path, Path)]
    if request.paths and not any(path.exists() for path in paths) and len(paths) == len(request.paths):
        raise Misuse(
            "there is no receipt or bundle of this name",
            subject=str(paths[0]),
            hint="give the receipt of an import, or the folder of a bundle",
        )
    files = [path for path in paths if path.is_file()]
    if not files:
        return None
    if len(request.paths) > 1:
        raise Misuse(
            "a check is by one receipt, or by one bundle",
            subject=str(files[0]),
            hint="run bundler check once for each of them",
        )
    return files[0]


def _bundle(request: CheckRequest, run: Run) -> Bundle:
    return open_bundle(
        request.paths,
        request.trust,
        is_without_signature=request.is_without_signature,
        unlocking=request.unlocking,
        run=run,
    )


def _by_bundle(bundle: Bundle, request: CheckRequest, run: Run, key: PrivateKey | None) -> CheckResult:
    compared, wanted = _compared(wanted_by_bundle(bundle, request, run), request, run)
    numbers = {blob.descriptor.digest: number for number, blob in enumerate(bundle.manifest.blobs)}
    hurt = {numbers[part.digest] for each in compared.images if each.needs_bytes for part in each.wanted.parts}
    blobs = [(number, bundle.manifest.blobs[number]) for number in sorted(hurt)]
    chunks = sorted({piece.chunk for _, blob in blobs if not blob.is_left_out for piece in blob.stored.pieces})
    left_out = () if bundle.is_encrypted else tuple(number for number, blob in blobs if blob.is_left_out)
    need = write_need(request.need, bundle, Lacking(dict.fromkeys(chunks, MISSING), blobs=left_out), key)
    return CheckResult(
        kind="bundle",
        name=bundle.manifest.name,
        bundle_id=bundle.id,
        signers=bundle.sealed.signers,
        place=wanted.place,
        is_deep=request.is_deep,
        images=compared.images,
        left_out=wanted.left_out,
        asked=compared.asked,
        read_bytes=compared.read_bytes,
        need=need,
    )


def _by_receipt(path: Path, request: CheckRequest, run: Run, key: PrivateKey | None) -> CheckResult:
    demand = Demand.of(is_without_signature=request.is_without_signature)
    file = read_signed(path, RECEIPT_FILE, request.trust, demand=demand)
    receipt = parse_receipt(file.content, what=str(path))
    compared, wanted = _compared(wanted_by_receipt(receipt, request, run), request, run)
    return CheckResult(
        kind="receipt",
        name=receipt.bundle_name,
        bundle_id=receipt.bundle_id,
        signers=tuple(key.id for key in file.signers),
        place=wanted.place,
        is_deep=request.is_deep,
        images=compared.images,
        left_out=wanted.left_out,
        asked=compared.asked,
        read_bytes=compared.read_bytes,
        need=_need_of_receipt(receipt, compared.images, request, run, key),
    )


def _compared(wanted: Wanted, request: CheckRequest, run: Run) -> tuple[Compared, Wanted]:
    stores = Stores(request.network, paces_of(run), listener=run.listener, is_reading=True)
    return compare(wanted, stores, run, is_deep=request.is_deep), wanted


def _need_of_receipt(
    receipt: Receipt, images: tuple[ImageDrift, ...], request: CheckRequest, run: Run, key: PrivateKey | None
) -> NeedResult | None:
    """Writes the short form of a need-list: a receipt has the numbers of blobs in its bundle, and no chunks."""
    if request.need is None:
        return None
    hurt = [each for each in images if each.needs_bytes]
    if not hurt:
        return NeedResult()
    numbers = {digest: number for number, digest in enumerate(receipt.blobs)}
    found = {numbers.get(str(digest)) for each in hurt for digest in _digests(each)}
    known = tuple(sorted(number for number in found if number is not None))
    if not known or not receipt.bundle_id:
        raise Misuse(
            "this receipt lists no blobs, so no need-list can be made of it",
            subject=str(request.need.path),
            hint="check the bundle: its small files are enough: bundler check BUNDLE --to HOST --need FILE",
        )
    if None in found:
        run.listener(
            Noticed(text("the need-list leaves out what the bundle does not have: indexes that an import made"))
        )
    wanted = WantedParts(receipt.bundle_id, blobs=known)
    write_signed(request.need.path, f"{wanted.line}\n".encode(), key)
    return NeedResult(request.need.path, wanted, key.id if key else None)


def _digests(each: ImageDrift) -> list[object]:
    return [each.wanted.root, *(part.digest for part in each.wanted.parts)]
