"""Images whose tags are at a target, and whose manifests or blobs it lost: one request for each shows that."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from bundler.bundle.reader import Bundle
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.protocols import ImageSink
from bundler.core.reference import Reference
from bundler.importing.leg import Progress
from bundler.importing.results import Outcome
from bundler.run import Run, retrying
from bundler.texts import counted, text
from bundler.transfer import ask_all


class AskedTarget(Protocol):
    """A target that can be asked for parts of images."""

    @property
    def name(self) -> str:
        """Its name, which is also the peer of its requests."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that has an image of this name."""


def open_lacking(progress: Progress, bundle: Bundle, target: AskedTarget, run: Run) -> None:
    """Reopens the images that are there, if the target does not have all of their manifests and blobs.

    Raises:
        Interrupted: The user stopped the run.
    """
    present = [each for each in progress.images if each.outcome is Outcome.PRESENT]
    wanted: dict[tuple[int, ImageSink], bool] = {}
    for each in present:
        sink = target.sink_for(each.name)
        for number in each.manifests:
            wanted[number, sink] = True
        for number in each.blobs:
            wanted.setdefault((number, sink), False)
    lost: set[tuple[int, ImageSink]] = set()

    def ask(part: tuple[int, ImageSink]) -> None:
        number, sink = part
        descriptor = bundle.manifest.blobs[number].descriptor
        look = partial(sink.find, str(descriptor.digest)) if wanted[part] else partial(sink.has_blob, descriptor)
        if not retrying(look, run, subject=f"{target.name}: {descriptor.digest}", peer=target.name):
            lost.add(part)
        run.listener(Moved(1))

    title = text("asking {target} for all parts", target=target.name)
    run.listener(PhaseBegan(title, len(wanted), in_bytes=False))
    failed = dict(ask_all(list(wanted), ask, run))
    run.listener(PhaseEnded(title))
    for each in present:
        sink = target.sink_for(each.name)
        parts = [(number, sink) for number in (*each.manifests, *each.blobs)]
        error = next((failed[part] for part in parts if part in failed), None)
        count = sum(part in lost for part in parts)
        if error is not None:
            progress.fail(each, error)
        elif count:
            progress.note(each.reopened())
            words = counted(
                count,
                "{name}: {count} part of it is missing at the target; sent again",
                "{name}: {count} parts of it are missing at the target; sent again",
                name=each.name,
            )
            run.listener(Noticed(words))
