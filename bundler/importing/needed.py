"""The parts of a bundle that an import lacked, for its need-list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, partial

from bundler.bundle.needed import Lacking, lacking_by, lacking_chunks
from bundler.bundle.reader import Bundle
from bundler.bundle.signing import PrivateKey
from bundler.core.events import Noticed
from bundler.core.need_list import DAMAGED
from bundler.errors import Damaged, Incomplete
from bundler.importing.leg import as_end
from bundler.importing.need_file import NeedRequest, write_need
from bundler.importing.results import ImageResult, ImportResult
from bundler.run import Run
from bundler.texts import text


def with_need(
    result: ImportResult,
    request: NeedRequest | None,
    key: PrivateKey | None,
    run: Run,
    lacking: Lacking | None = None,
) -> ImportResult:
    """Returns the result of an import with its need-list, which is written if something of the bundle is lacking.

    A need-list that cannot be written is the error of the result: tags may have moved, and the receipt must list them.

    Args:
        result: The result.
        request: The request for the need-list; None for none.
        key: The key that signs it.
        run: The run.
        lacking: The parts that are lacking, if they are known because media were changed: no chunk is here at the end.
    """
    if request is None:
        return result
    try:
        lacking = _lacking(result, run) if lacking is None else lacking
        if lacking.blobs and result.bundle.is_encrypted:
            run.listener(
                Noticed("the need-list names no blobs: the bundle is encrypted, and anybody can read the list")
            )
            lacking = replace(lacking, blobs=())
        need = write_need(request, result.bundle, lacking, key)
    except (Exception, KeyboardInterrupt) as error:
        return replace(result, error=result.error or as_end(error))
    if need is not None and need.path is not None and result.error is not None:
        run.listener(Noticed(text("need-list: {path}", path=need.path)))
    return replace(result, need=need)


def _lacking(result: ImportResult, run: Run) -> Lacking:
    bundle = result.bundle
    found = lacking_by(result.findings, bundle)
    absent = lacking_chunks(bundle)
    chunks = dict(found.chunks)
    lacking = {number for target in result.targets for number in target.lacking}
    is_good = cache(partial(_is_good_elsewhere, bundle, run=run))  # images share blobs
    is_open = not result.targets
    for needs, has_damage in _needs_of_failed(result, bundle, is_open=is_open):
        for number in _chunks_of(bundle, needs):
            if number in absent:
                chunks.setdefault(number, absent[number])
            elif has_damage and number not in chunks and _is_damaged(bundle, number, run):
                chunks[number] = DAMAGED
        if has_damage:
            lacking.update(number for number in needs if not is_good(number))
    return Lacking(dict(sorted(chunks.items())), found.files, tuple(sorted(lacking)))


def _needs_of_failed(result: ImportResult, bundle: Bundle, *, is_open: bool) -> Iterator[tuple[tuple[int, ...], bool]]:
    """The blobs of each image that was not imported, with its attachments, and True if wrong bytes of it were read.

    Args:
        result: The result of the import.
        bundle: Its bundle.
        is_open: True if the import ended before it chose images: then all of them count.
    """
    if is_open:
        for image in bundle.manifest.images:
            attached = (number for each in image.attachments for number in each.needs)
            yield (*image.needs, *attached), False
    for target in result.targets:
        for each in target.images:
            if each.outcome is None or not each.outcome.is_done:
                yield (*each.blobs, *each.manifests), _read_wrong_bytes(each)


def _read_wrong_bytes(result: ImageResult) -> bool:
    return isinstance(result.error, Damaged)


def _chunks_of(bundle: Bundle, needs: Iterable[int]) -> list[int]:
    blobs = (bundle.manifest.blobs[number] for number in needs)
    return sorted({piece.chunk for blob in blobs for piece in blob.stored.pieces})


def _is_good_elsewhere(bundle: Bundle, number: int, run: Run) -> bool:
    """False if the bundle leaves a blob out and another bundle gives wrong bytes of it. The blob is read."""
    descriptor = bundle.manifest.blobs[number].descriptor
    if bundle.holder(descriptor) is bundle:
        return True
    hasher = descriptor.digest.hasher()
    try:
        for piece in bundle.open_blob(descriptor, offset_bytes=0):
            run.cancellation.check()
            hasher.update(piece)
    except (Damaged, Incomplete):
        return False
    return hasher.hexdigest() == descriptor.digest.encoded


def _is_damaged(bundle: Bundle, number: int, run: Run) -> bool:
    """True if no file that is known to be the chunk has its SHA-256. Each file is read once."""
    state = bundle.chunks[number - 1]
    wanted = bundle.sealed.sums[state.chunk.file]

    def passed(amount_bytes: int) -> None:
        del amount_bytes
        run.cancellation.check()

    found = (bundle.sealed.contents.sha256(path, state.chunk.size_bytes, passed) for path in state.paths)
    return all(digest != wanted for digest in found)
