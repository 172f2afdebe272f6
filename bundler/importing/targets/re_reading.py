"""Images of a target whose blobs were read back: complete ones that lack something, and sent ones before their tags."""

from __future__ import annotations

from collections.abc import Callable

from bundler.core.events import Listener, Noticed
from bundler.core.protocols import ImageSink
from bundler.core.reference import Reference
from bundler.importing.leg import Progress
from bundler.importing.read_back import Reader
from bundler.importing.results import Outcome
from bundler.importing.targets.manifests import Manifests
from bundler.texts import counted


def open_incomplete(progress: Progress, reader: Reader, listener: Listener) -> None:
    """Reopens complete images if a blob is missing or damaged that can be sent again."""
    present = [each for each in progress.images if each.outcome is Outcome.PRESENT]
    for each, faults in reader.faults(present):
        final = [fault.error for fault in faults if not fault.is_mendable]
        if final:
            progress.fail(each, final[0])
            continue
        progress.note(each.reopened())
        words = counted(
            len(faults),
            "{name}: a blob is missing or damaged at the target; sent again",
            "{name}: {count} blobs are missing or damaged at the target; sent again",
            name=each.name,
        )
        listener(Noticed(words))


def mend_open(
    progress: Progress, reader: Reader, manifests: Manifests, sink_for: Callable[[Reference], ImageSink]
) -> None:
    """Reads back the open images, and sends again what is missing. Those that stay incomplete fail, and get no tag."""
    lacking = []
    for each, faults in reader.faults(progress.open_images):
        final = [fault.error for fault in faults if not fault.is_mendable]
        if final:
            progress.fail(each, final[0])
        else:
            lacking.append(each)
            with progress.failing(each):
                manifests.send_again(sink_for(each.name), each.manifests, subject=str(each.name))
    for each, faults in reader.faults([each for each in map(progress.now, lacking) if each.is_open]):
        progress.fail(each, faults[0].error)
