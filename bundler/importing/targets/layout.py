"""An OCI image layout as a target, in a folder or in a file: one sink for all images, named by their full names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from bundler.core.events import Noticed
from bundler.core.protocols import ImageSource
from bundler.core.reference import Reference
from bundler.importing.leg import Ground
from bundler.importing.links import LayoutLinks
from bundler.importing.targets.streamed import StreamedTarget
from bundler.texts import text
from bundler.transports.transport import LayoutSink, target_of


class IntoLayout(StreamedTarget):
    """An OCI image layout, in a folder or in a file."""

    is_overwriting = True

    @cached_property
    def _sink(self) -> LayoutSink:
        return target_of(self.location).layout_sink()

    def check(self, names: Iterable[Reference]) -> Ground:
        """Makes sure that the folder or file can be used."""
        self._sink.check(map(str, names))
        return Ground()

    def make_ready(self, _ground: Ground, _names: Sequence[Reference], _known: Iterable[Reference], /) -> None:
        """Creates the folder or file, and locks it until `close`."""
        left = self._sink.prepare()
        if left is not None:
            self._run.listener(
                Noticed(
                    text(
                        "{left} started to write here and did not finish; its partial state is used",
                        left=left.description,
                    )
                )
            )

    def sink_for(self, _name: Reference, /) -> LayoutSink:
        """The layout."""
        return self._sink

    def source_for(self, _name: Reference, /) -> ImageSource:
        """The layout, as it is read from the device."""
        return self._sink.source()

    def links_for(self, _name: Reference, /) -> LayoutLinks:
        """The index.json of the layout."""
        return LayoutLinks(self._sink)

    def attachment_tag(self, name: Reference, tag: str) -> str:
        """The full name: repository of the image and tag."""
        return f"{name.name}:{tag}"

    def tag_of(self, name: Reference) -> str | None:
        """The full name."""
        return str(name)

    def complete_store(self, *, is_worth_keeping: bool) -> None:
        """Flushes all names to the device, or renames the finished file; removes a file without any image."""
        if is_worth_keeping:
            self._sink.finish()
        else:
            self._sink.discard()

    def close(self) -> None:
        """Unlocks the folder or file."""
        self._sink.release()
