"""Changed: the media of the bundle were changed one after the other, and each image was published as soon as it could.

In place of `sent` and `published`, if someone changes media. For each medium that is there: blobs are sent for all
images that need them; images whose last blob arrived get their manifests and tags. Sent blobs are at the target, so no
medium is needed twice; only manifests are remembered here. Promises hold as ever: each blob is hashed as it is sent,
and no tag moves before everything it needs is at the target.

The state of the registry is the only memory. After Ctrl-C or a power cut, the same command asks the targets for the
blobs that are not here, and then for the media that are still needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from bundler.bundle.changed_media import ChangedMedia
from bundler.bundle.check_around_blobs import check_around_blobs
from bundler.bundle.findings import Finding, check_files
from bundler.bundle.needed import Lacking, lacking_by
from bundler.bundle.reader import Bundle
from bundler.core.frozen import frozen
from bundler.core.manifest import CONFIG, MANIFEST
from bundler.core.need_list import DAMAGED, MISSING
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Incomplete, worst
from bundler.importing.leg import Leg, as_end, ended, in_turn, is_over
from bundler.importing.opened import Opened
from bundler.importing.published import Published, publish
from bundler.importing.results import ImageResult
from bundler.importing.sent import Sent, copy_wanted, loaded, prepared
from bundler.importing.surveyed import Surveyed
from bundler.importing.targets.target import TagLog, Target
from bundler.importing.whole import with_whole_graphs
from bundler.texts import some, text
from bundler.transfer import Copied


def remember_documents(opened: Opened, targets: Sequence[Target]) -> None:
    """Reads the documents that are here. Asks for the others only if images are chosen, judged or compared by them.

    Raises:
        Interrupted: The user stopped it.
    """
    media, request = _media(opened), opened.request
    numbers = dict.fromkeys(_documents(opened, targets))
    is_choosing = bool(request.platforms) or any(target.takes_one_platform for target in targets)
    attached = (each for image in opened.bundle.manifest.images for each in image.attachments)
    is_comparing = request.has_attachments and any(each.tag for each in attached)
    while True:
        media.read_documents(numbers, opened.run.listener)
        lacking = media.chunks_of(number for number in numbers if not media.is_read(number)) - media.given_up
        if not (request.policies or is_choosing or is_comparing):
            return
        if not lacking or not media.bring_next([(chunk,) for chunk in lacking]):
            return


@frozen
class Changed:
    """The end of an import whose media were changed.

    Attributes:
        published: The legs at the end.
        findings: The faults of the media, without those of the images' blobs.
        lacking: The parts of the bundle that must come again.
    """

    published: Published
    findings: tuple[Finding, ...]
    lacking: Lacking


def publish_in_turns(surveyed: Surveyed, tags: TagLog) -> Changed:
    """Sends, pushes and tags what each medium completes, and changes media until nothing is missing.

    Args:
        surveyed: The legs after the survey.
        tags: Records the former digests of tags.
    """
    work, bundle = _WorkOnMedia(surveyed, tags), surveyed.opened.bundle
    end: BundlerError | None = None
    try:
        work.work()
    except (Exception, KeyboardInterrupt) as error:
        end = as_end(error)
    lacking = work.lacking
    bundle.turn_to(bundle.sealed, _media(surveyed.opened).state_at_end())
    published = publish(Sent(surveyed.opened, work.legs, end or ended(work.legs)), tags)
    return Changed(published, work.findings, lacking)


class _WorkOnMedia:
    """The work on all media. For one thread, once."""

    def __init__(self, surveyed: Surveyed, tags: TagLog) -> None:
        self.legs = surveyed.legs
        self._opened = surveyed.opened
        self._bundle = surveyed.opened.bundle
        self._media = _media(surveyed.opened)
        self._tags = tags
        self._there: list[set[int]] = [set() for _ in self.legs]
        """For each leg the blobs that all its images which need them have."""
        self._complete: set[tuple[int, Reference]] = set()
        self._findings: dict[str, tuple[Finding, ...]] = {}

    # Results

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The faults of the media, without those of the images' blobs; of a file only what was found last."""
        return tuple(finding for found in self._findings.values() for finding in found)

    @property
    def lacking(self) -> Lacking:
        """The parts of the bundle that must come again."""
        chunks: dict[int, str] = {}
        for number, leg in enumerate(self.legs):
            for each in leg.result.images:
                if each.outcome is None or not each.outcome.is_done:
                    for chunk in self._chunks_not_read(number, each):
                        chunks[chunk] = DAMAGED if chunk in self._media.damaged else MISSING
        found = lacking_by(self.findings, self._bundle)
        return Lacking(dict(sorted({**found.chunks, **chunks}.items())), found.files)

    # Work

    def work(self) -> None:
        """Works on the media until every image is done or cannot be done."""
        opened = self._opened
        self.legs = prepared(opened, self.legs)
        self._ask_what_is_there()
        while True:
            self._work_on_what_is_here()
            if is_over(self.legs, opened.run):
                return
            if self._send_cut_blob():
                continue
            lacking = [chunks for number, _, each in self._open() if (chunks := self._still_lacking(number, each))]
            self._check_media()
            if not self._media.bring_next(lacking):
                break
        self._fail_the_rest()

    def _ask_what_is_there(self) -> None:
        """Asks the targets for the blobs that are not here: an earlier run may have sent them."""
        for number, leg in enumerate(self.legs):
            needed = {blob for each in leg.result.open_images for blob in leg.target.needs(leg, each)}
            away = {blob for blob in needed if not self._is_here(blob)}
            if away:
                self._there[number] |= leg.target.has_blobs(leg, away)

    def _work_on_what_is_here(self) -> None:
        documents = (blob for _, _, each in self._open() for blob in each.manifests)
        self._media.read_documents(documents, self._opened.run.listener)
        self._fail_scattered()
        before = self.legs
        parts = tuple(leg.only(self._ready(n)) if self._is_loaded(n) else leg for n, leg in enumerate(before))
        parts, _ = loaded(parts)  # blobs that it shared are found at their targets below
        self._join(parts)
        self._reopen_unread(before)
        if is_over(self.legs, self._opened.run):
            return
        self._send(lambda number, blob: blob not in self._there[number] and self._is_here(blob))
        self._finish_ready()

    def _send(self, is_sent: Callable[[int, int], bool], source: _InTurn | None = None) -> None:
        """Sends blobs to all targets whose images need them; a chunk that cannot be read fails no image yet."""
        wanted = [
            (leg, {blob: to for blob, to in leg.target.wanted(leg).items() if is_sent(number, blob)})
            for number, leg in enumerate(self.legs)
        ]
        copied = copy_wanted(self._opened, wanted, source=source)
        if copied is None:
            return
        unread = {
            copy.descriptor.digest: error
            for copy, error in copied.failed
            if isinstance(error, (Damaged, Incomplete)) and (copy.source is self._bundle or copy.source is source)
        }
        others = tuple((copy, error) for copy, error in copied.failed if copy.descriptor.digest not in unread)
        settled = Copied(others, copied.bytes_by_peer)
        self._join(tuple(leg.target.settle(leg, settled) for leg in self.legs))
        blobs = self._bundle.manifest.blobs
        failed = {copy.descriptor.digest for copy, _ in copied.failed}
        for number, (_, sent) in enumerate(wanted):
            self._there[number].update(blob for blob in sent if blobs[blob].descriptor.digest not in failed)
        for blob in {blob for _, sent in wanted for blob in sent}:
            error = unread.get(blobs[blob].descriptor.digest)
            if error is not None:
                self._note_unread([blob], error)

    def _send_cut_blob(self) -> bool:
        """Sends one blob that is cut and whose parts are on several media, and changes media in the middle of it.

        Returns:
            True if there was one whose first part is here.
        """
        manifest = self._bundle.manifest
        for number, leg in enumerate(self.legs):
            for blob in leg.target.wanted(leg):
                chunks = [piece.chunk for piece in manifest.blobs[blob].stored.pieces]
                is_started = len(chunks) > 1 and chunks[0] in self._media.here and not self._is_here(blob)
                if not is_started or blob in self._there[number] or not self._media.given_up.isdisjoint(chunks):
                    continue
                for each in self.legs:
                    each.target.expect_pause(manifest.blobs[blob].descriptor)
                self._check_media()
                self._send(partial(self._is_wanted, blob), _InTurn(self._media))
                return True
        return False

    def _is_wanted(self, only: int, number: int, blob: int) -> bool:
        return blob == only and blob not in self._there[number]

    def _finish_ready(self) -> None:
        """Pushes the manifests of the images whose blobs are all at their target, and moves their tags."""
        opened = self._opened
        ready = [self._ready(number) if not self._is_loaded(number) else set() for number in range(len(self.legs))]
        if not any(ready):
            return
        parts = tuple(leg.only(some_) for leg, some_ in zip(self.legs, ready, strict=True))
        parts = with_whole_graphs(opened.bundle, parts)
        parts = in_turn(parts, lambda leg: leg.target.complete(leg), opened.run)
        if not opened.request.is_all_or_nothing:
            parts = in_turn(parts, lambda leg: leg.target.publish(leg, self._tags), opened.run)
        self._join(parts)
        for number, references in enumerate(ready):
            self._complete.update((number, reference) for reference in references)

    def _join(self, parts: Iterable[Leg]) -> None:
        self.legs = tuple(leg.joined(part) for leg, part in zip(self.legs, parts, strict=True))

    # Images

    def _open(self) -> Iterable[tuple[int, Leg, ImageResult]]:
        """The images that need something of the media, each with the number of its leg."""
        for number, leg in enumerate(self.legs):
            for each in leg.result.open_images:
                if (number, each.image.reference) not in self._complete and not self._is_held(leg, each):
                    yield number, leg, each

    def _is_held(self, leg: Leg, each: ImageResult) -> bool:
        """True if a daemon has the image, and its tag waits for the others."""
        return each.image.reference in leg.loaded

    def _is_loaded(self, number: int) -> bool:
        """True for a target that gets each image as a whole."""
        return self.legs[number].target.takes_whole_images

    def _ready(self, number: int) -> set[Reference]:
        """The images of a leg that need nothing that is not here."""
        return {each.image.reference for n, _, each in self._open() if n == number and not self._absent(n, each)}

    def _absent(self, number: int, each: ImageResult) -> frozenset[int]:
        """The chunks of an image that are not here, of what its target does not have."""
        return self._chunks_not_read(number, each) - self._media.here

    def _still_lacking(self, number: int, each: ImageResult) -> frozenset[int]:
        """The chunks to ask for. A daemon needs an image at once, so a medium is not asked for again for it."""
        absent = self._absent(number, each)
        return absent - (self._media.seen - self._media.damaged.keys()) if self._is_loaded(number) else absent

    def _chunks_not_read(self, number: int, each: ImageResult) -> frozenset[int]:
        """The chunks of an image with documents that were not read, or blobs that are not at its target."""
        leg = self.legs[number]
        is_chosen = not leg.target.takes_one_platform or each.image.reference in leg.variants
        needs = leg.target.needs(leg, each) if is_chosen else each.blobs
        blobs = (blob for blob in needs if blob not in self._there[number])
        documents = (blob for blob in each.manifests if not self._media.is_read(blob))
        return self._media.chunks_of((*blobs, *documents))

    def _is_here(self, blob: int) -> bool:
        return self._media.chunks_of([blob]) <= self._media.here

    # Failures

    def _note_unread(self, blobs: Iterable[int], error: BundlerError) -> None:
        self._media.note_unreadable(self._media.chunks_of(blobs), error)

    def _reopen_unread(self, before: Sequence[Leg]) -> None:
        """Opens the images again that failed because a chunk could not be read: another copy of it may come."""
        legs = []
        for leg, was in zip(self.legs, before, strict=True):
            opened = {each.image.reference for each in was.result.open_images}
            images = []
            for each in leg.result.images:
                if each.image.reference in opened and isinstance(each.error, (Damaged, Incomplete)):
                    known = dict(self._media.damaged)
                    self._note_unread(leg.target.needs(leg, each), each.error)
                    if self._media.damaged != known or not self._is_all_here(leg, each):
                        each = replace(each, outcome=None, error=None)
                images.append(each)
            legs.append(replace(leg, result=replace(leg.result, images=tuple(images))))
        self.legs = tuple(legs)

    def _is_all_here(self, leg: Leg, each: ImageResult) -> bool:
        return self._media.chunks_of(leg.target.needs(leg, each)) <= self._media.here

    def _fail_scattered(self) -> None:
        """Fails the images for daemons whose media were all here, but never at the same time."""
        for number, _, each in list(self._open()):
            absent = self._absent(number, each) if self._is_loaded(number) else frozenset()
            if absent and absent <= self._media.seen - self._media.damaged.keys():
                chunks = self._bundle.manifest.chunks
                files = some(chunks[chunk - 1].file for chunk in sorted(self._chunks_not_read(number, each)))
                error = Incomplete(
                    "the target gets an image as a whole, and its chunks are on several media",
                    subject=str(each.image.reference),
                    hint=text("copy {files} into one folder, or use a drive for each medium", files=files),
                    code="incomplete",
                )
                self._join(
                    one.failing({each.image.reference: error}) if n == number else one
                    for n, one in enumerate(self.legs)
                )

    def _fail_the_rest(self) -> None:
        """Fails the images that lack a chunk, each with the worst reason."""
        failures: list[dict[Reference, BundlerError]] = [{} for _ in self.legs]
        for number, _, each in self._open():
            chunks = sorted(self._chunks_not_read(number, each))
            problems = list(map(self._media.problem_of, chunks))
            code = worst(problems)
            reasons = (problem for problem in problems if problem.exit_code == code)
            failures[number][each.image.reference] = next(reasons, _UNREAD)  # never left open: it has no tag to move
        self._join(leg.failing(errors) for leg, errors in zip(self.legs, failures, strict=True))

    def _check_media(self) -> None:
        """Checks the files on the media that are here, besides the blobs, before they may be taken out."""
        self._media.look()
        if self._media.is_empty:
            return  # they were taken out already
        found: dict[str, list[Finding]] = {}
        around = check_around_blobs(self._bundle, lambda _: self._opened.run.cancellation.check())
        for finding in (*around, *check_files(self._bundle)):
            found.setdefault(finding.file, []).append(finding)
        here = {self._bundle.manifest.chunks[number - 1].file for number in self._media.here}
        self._findings = {file: each for file, each in self._findings.items() if file not in here}
        self._findings.update({file: tuple(each) for file, each in found.items()})


_UNREAD = Incomplete("not all of its parts were read", hint="run the same command again")


class _InTurn:
    """Reads a blob that is cut, chunk after chunk, and waits for the medium with the next one."""

    is_remote = False

    def __init__(self, media: ChangedMedia[Bundle]) -> None:
        self._media = media

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of the blob from an offset on.

        Raises:
            Damaged: A chunk cannot be read.
            Incomplete: Nobody brings a chunk.
        """
        yield from self._media.bundle.read_in_turn(descriptor, self._media.bring, offset_bytes=offset_bytes)


def _media(opened: Opened) -> ChangedMedia[Bundle]:
    assert opened.media is not None
    return opened.media


def _documents(opened: Opened, targets: Sequence[Target]) -> Iterable[int]:
    """The numbers of the documents that are read before blobs are sent."""
    blobs, request = opened.bundle.manifest.blobs, opened.request
    is_choosing = bool(request.platforms) or any(target.takes_one_platform for target in targets)
    for image in opened.bundle.manifest.images:
        yield from (number for number in image.needs if blobs[number].kind == MANIFEST)
        if is_choosing:
            yield from (number for number in image.needs if blobs[number].kind == CONFIG)
        for each in image.attachments:
            yield from each.needs if request.policies else each.manifests
