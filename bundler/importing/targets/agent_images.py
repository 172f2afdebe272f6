"""The folder ``agent/images`` of k3s and RKE2 as a target: one file for each image, written as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from bundler.core.digest import Digest
from bundler.core.events import Noticed, PhaseBegan, PhaseEnded
from bundler.importing.conflicts import Conflict, all_aside, settled, settled_again
from bundler.importing.leg import Leg, Loaded, Progress
from bundler.importing.results import ImageResult, Outcome
from bundler.importing.sharing import Sharing, copy_whole, loaded_again
from bundler.importing.targets.target import TagLog
from bundler.importing.targets.whole_images import WholeImageTarget
from bundler.stores.agent_images import AgentImages, index_of
from bundler.stores.oci_layout import INDEX, MARKER, marker_json
from bundler.stores.tar_sink import TarSink
from bundler.system.durable_files import check_space
from bundler.texts import text
from bundler.transfer import Destination
from bundler.transports.transport import target_of

_TAKEN = Conflict("the file of this name has another image")


class IntoAgentImages(WholeImageTarget):
    """A folder of image files."""

    @cached_property
    def _images(self) -> AgentImages:
        return target_of(self.location).agent_images()

    def survey(self, leg: Leg) -> Leg:
        """Reads which image each file has. Artifacts that are no container images are skipped."""
        progress = Progress(leg)
        with progress.until_ended():
            self._images.check()
            for each in progress.open_images:
                if not each.image.variants:
                    self._run.listener(Noticed(text("{image}: not a container image; skipped", image=each.name)))
                    progress.note(replace(each, outcome=Outcome.SKIPPED))
            self._look_at(progress, progress.open_images)
            moved = all_aside(progress.open_images)
            progress.note_all(moved)
            self._look_at(progress, moved)
            decided = settled(progress.open_images, is_dry_run=self._request.is_dry_run, conflict=_TAKEN)
            progress.note_all(decided.images)
            if decided.error is not None:
                raise decided.error
        return progress.leg()

    def _look_at(self, progress: Progress, images: Sequence[ImageResult]) -> None:
        for each in images:
            with progress.failing(each):
                found = self._images.find(each.name)
                if found == each.image.root.digest:
                    progress.note(replace(each, outcome=Outcome.PRESENT, read_back=found))
                elif found is not None:
                    progress.note(replace(each, replaced=found))

    def plan(self, leg: Leg) -> Leg:
        """Computes the bytes before compression. Files share no layers."""
        progress = Progress(leg)
        progress.note_sent(self._size_bytes(leg))
        return progress.leg().closed(Outcome.WOULD_PUSH)

    def prove(self, leg: Leg) -> Leg:
        """Files share nothing, so bundles must have all blobs."""
        absent = self._bundle.absent
        lacking = frozenset(number for each in leg.result.open_images for number in self.needs(leg, each))
        return replace(leg, result=replace(leg.result, lacking=lacking & absent))

    def needs(self, _leg: Leg, each: ImageResult, /) -> tuple[int, ...]:
        """All configs and layers of the image."""
        return each.image.blobs

    def prepare(self, leg: Leg) -> Leg:
        """Makes the folder, if there is an image to write, and checks its room."""
        progress = Progress(leg)
        if not progress.open_images:
            return leg
        with progress.until_ended():
            left = self._images.prepare()
            if left is not None:
                self._run.listener(
                    Noticed(text("{left} started to write here and did not finish", left=left.description))
                )
            check_space(self._images.folder, self._size_bytes(leg), hint=text("choose another folder with --to"))
        return progress.leg(is_prepared=True)

    def load(self, leg: Leg, sharing: Sharing) -> Leg:
        """Writes file after file. Each gets its name at once, unless the run is all or nothing."""
        progress, written = Progress(leg), dict(leg.loaded)
        with progress.until_ended():
            title = text("writing to {target}", target=self.name)
            self._run.listener(PhaseBegan(title, self._size_bytes(leg), in_bytes=True))
            for each in progress.open_images:
                if self._run.is_fail_fast and progress.has_failures:
                    break
                with progress.failing(each):
                    loaded_again(self._bundle, lambda each=each: self._write(each, sharing))  # type: ignore[misc]
                    if self._request.is_all_or_nothing:
                        written[each.image.reference] = Loaded(each.image.root.digest, was_here=False)
                    else:
                        progress.note(self._placed(each))
            self._run.listener(PhaseEnded("writing"))
        progress.note_sent(sharing.copied.bytes_by_peer[self.name])
        return progress.leg(loaded=written)

    def publish(self, leg: Leg, _tags: TagLog, /) -> Leg:
        """Gives files their names, if the run is all or nothing."""
        progress = Progress(leg)
        with progress.until_ended():
            for each in progress.open_images:
                if each.image.reference in leg.loaded:
                    with progress.failing(each):
                        progress.note(self._placed(each))
        return progress.leg()

    def close(self) -> None:
        """Removes unfinished files, and unlocks the folder."""
        self._images.release()

    def _write(self, each: ImageResult, sharing: Sharing) -> None:
        """Writes the file of an image under its temporary name."""
        blobs, subject = self._bundle.manifest.blobs, str(each.name)
        with self._images.writing(each.name) as write:
            sink = TarSink(write, subject=subject)
            sink.put_file(INDEX, index_of(each.name, each.image.root))
            sink.put_file(MARKER, marker_json())
            for number in each.image.manifests:
                descriptor = blobs[number].descriptor
                sink.put_document(descriptor, self._bundle.read_document(descriptor))
            copy_whole(self._bundle, each.image.blobs, Destination((sink,), self.name), sharing, self._run)
            sink.end()

    def _placed(self, each: ImageResult) -> ImageResult:
        """Gives a written file its name, after one more look at the file that has it."""
        each = settled_again(each, self._find, ours=(each.image.root.digest,))
        if not each.is_open:
            return each
        self._images.place(each.name)
        return replace(each, outcome=Outcome.PUSHED, read_back=each.image.root.digest)

    def _find(self, each: ImageResult) -> Digest | None:
        return self._images.find(each.name)

    def _size_bytes(self, leg: Leg) -> int:
        blobs = self._bundle.manifest.blobs
        numbers = (n for each in leg.result.open_images for n in (*each.image.manifests, *each.image.blobs))
        return sum(blobs[number].descriptor.size_bytes for number in numbers)
