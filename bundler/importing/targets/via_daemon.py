"""A registry as a target that only a Docker daemon can reach: load, tag, push."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import ClassVar

from bundler.core.digest import Digest
from bundler.core.events import Noticed
from bundler.errors import BundlerError, Refused
from bundler.importing.conflicts import Conflict
from bundler.importing.leg import Loaded
from bundler.importing.results import ImageResult, Outcome
from bundler.importing.targets.loaded import LoadedTarget, Member, tagged
from bundler.texts import Text, text


class ThroughDaemon(LoadedTarget):
    """A registry to which a daemon pushes the images. The daemon keeps none of them."""

    planned: ClassVar[Outcome] = Outcome.WOULD_PUSH
    keeps_images: ClassVar[bool] = False

    @property
    def title(self) -> Text:
        """The title of the phase in which images are loaded."""
        return text("loading into the Docker daemon, to push to {target}", target=self.location)

    def announce(self) -> None:
        """Reports that digests may change."""
        self._run.listener(
            Noticed(
                text(
                    "{target}: the daemon makes its own manifests, so digests may change",
                    target=self.location,
                )
            )
        )

    def conflict(self, _expected_id: Callable[[ImageResult], str], /) -> Conflict:
        """The message for a taken tag. The daemon may have changed the manifest, so the tag may be the same image's."""
        return Conflict(
            "the tag exists at the target, and bundler cannot compare its image through the daemon",
            hint="keep the existing image with --on-conflict skip, or push again with --on-conflict replace",
        )

    def find_name(self, member: Member) -> Digest | None:
        """Requests the tag from the registry through the daemon."""
        if member.each.name.tag is None:
            raise Refused(
                "a daemon cannot push an image without a tag",
                subject=str(member.each.name),
                hint="leave out --no-digest-tags, or give the image a tag with --rules",
            )
        return self.ask(member.each, partial(self.daemon.distribution_digest, tagged(member.each.name)))

    def is_there(self, member: Member, found: Digest) -> bool:
        """True if the digest is that of the image or of its platform."""
        return found in {member.variant.manifest.digest, member.each.image.root.digest}

    def move_tag(self, member: Member, loaded: Loaded, _conflict: Conflict, /) -> ImageResult:
        """Lets the daemon push the image, and removes names and images that were only there for the push."""
        each = member.each
        name = tagged(each.name)
        before = self.ask(each, partial(self.daemon.find, name))
        self.ask(each, partial(self.daemon.tag, loaded.id, name))
        try:
            with self.telling(text("{each}: the daemon pushes it", each=each.name)):
                there = self.ask(each, partial(self.daemon.push, name))
        finally:
            with suppress(BundlerError):  # a failed clean-up is no failure of the push
                if before is not None:
                    self.daemon.tag(before.id, name)
                elif not loaded.was_here or self._has_other_names(loaded.id):  # else it would go with its last name
                    self.daemon.remove(name)
        is_same = there == member.variant.manifest.digest
        return replace(each, outcome=Outcome.PUSHED, read_back=there, there=None if is_same else there)

    def _has_other_names(self, image: Digest) -> bool:
        found = self.daemon.find(str(image))
        return found is not None and len(found.names) > 1
