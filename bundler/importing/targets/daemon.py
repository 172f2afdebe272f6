"""A Docker daemon as a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from bundler.core.digest import Digest
from bundler.importing.conflicts import MOVED_SINCE, Conflict, settled_again
from bundler.importing.leg import Loaded
from bundler.importing.results import ImageResult, Outcome
from bundler.importing.targets.loaded import LoadedTarget, Member, tagged
from bundler.texts import Text, text


class IntoDaemon(LoadedTarget):
    """The Docker daemon that the environment names."""

    planned: ClassVar[Outcome] = Outcome.WOULD_LOAD
    keeps_images: ClassVar[bool] = True

    @property
    def title(self) -> Text:
        """The title of the phase in which images are loaded."""
        return text("loading into the Docker daemon")

    def conflict(self, expected_id: Callable[[ImageResult], str]) -> Conflict:
        """The message for a name that refers to another image."""
        return Conflict("the tag points to another image in the Docker daemon", expected=expected_id)

    def find_name(self, member: Member) -> Digest | None:
        """Requests the id under the image's name; for an image without a tag, under its own id."""
        name = tagged(member.each.name) if member.each.name.tag else str(member.variant.config.digest)
        return self._find(member.each, name)

    def is_there(self, member: Member, found: Digest) -> bool:
        """True if the id is one of the image's ids."""
        return found in member.variant.ids or found == member.each.image.root.digest

    def move_tag(self, member: Member, loaded: Loaded, conflict: Conflict) -> ImageResult:
        """Tags the image, after one more request for its name."""
        each = member.each
        if each.name.tag:
            each = settled_again(
                each,
                lambda named: self._find(named, tagged(named.name)),
                ours={*member.variant.ids, each.image.root.digest},
                conflict=replace(MOVED_SINCE, expected=conflict.expected),
            )
            if not each.is_open:
                return each
            self.ask(each, partial(self.daemon.tag, loaded.id, tagged(each.name)))
        return replace(each, read_back=loaded.id, outcome=Outcome.LOADED)

    def _find(self, each: ImageResult, name: str) -> Digest | None:
        found = self.ask(each, partial(self.daemon.find, name))
        return found.id if found else None
