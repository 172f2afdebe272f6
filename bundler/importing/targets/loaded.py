"""Targets whose images are loaded into a Docker daemon, one after the other.

An image is loaded without a name, its id is compared with the bundle, and only then its tag moves: ``docker load``
alone takes tags from other images without a warning.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, TypeVar

from bundler.core.digest import Digest
from bundler.core.events import COPIED, FAILED, Began, Finished, Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.platform import Platform, any_accepts
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Interrupted, Refused, Unreachable
from bundler.importing.conflicts import Conflict, all_aside, settled
from bundler.importing.daemon_variant import HeldLayers, Variant, choose
from bundler.importing.leg import Leg, Loaded, Progress
from bundler.importing.results import ImageResult, Outcome
from bundler.importing.sharing import Sharing, copy_whole, loaded_again
from bundler.importing.targets.target import TagLog
from bundler.importing.targets.whole_images import WholeImageTarget
from bundler.run import retrying
from bundler.stores.docker_daemon import LoadSink
from bundler.stores.docker_sdk import Daemon, DaemonFacts
from bundler.texts import Text, text
from bundler.transfer import Destination
from bundler.workers import Consumer

Answer = TypeVar("Answer")


@frozen
class Member:
    """An image that is being loaded into a daemon: its result so far, and the platform that the daemon gets."""

    each: ImageResult
    variant: Variant


class LoadedTarget(WholeImageTarget):
    """A target whose images are loaded into a daemon."""

    takes_one_platform: ClassVar[bool] = True
    planned: ClassVar[Outcome]
    """The outcome of an image in a dry run."""
    keeps_images: ClassVar[bool]
    """True if the daemon keeps the images, so that it has their layers for the next ones."""

    @property
    def daemon(self) -> Daemon:
        """The daemon that the environment names."""
        return self._stores.daemon

    @cached_property
    def _facts(self) -> DaemonFacts:
        """The facts about the daemon, requested once."""
        return self.daemon.facts

    # These differ between a daemon and a registry that is reached through it.

    @property
    @abstractmethod
    def title(self) -> Text:
        """The title of the phase in which images are loaded."""

    @abstractmethod
    def conflict(self, expected_id: Callable[[ImageResult], str], /) -> Conflict:
        """The message for a taken tag."""

    @abstractmethod
    def find_name(self, member: Member) -> Digest | None:
        """Requests the digest or id under the name of an image there.

        Raises:
            Refused: The target cannot have an image of this name.
        """

    @abstractmethod
    def is_there(self, member: Member, found: Digest) -> bool:
        """True if the digest or id under an image's name is that of the image."""

    @abstractmethod
    def move_tag(self, member: Member, loaded: Loaded, conflict: Conflict, /) -> ImageResult:
        """Gives a loaded image its name: in the daemon, or in the registry that is reached through it."""

    def announce(self) -> None:
        """Reports the limits of the target that may surprise the user."""

    # Survey and plan

    def survey(self, leg: Leg) -> Leg:
        """Requests the digest or id of each name there, and chooses the platform of each image."""
        progress = Progress(leg)
        variants: Mapping[Reference, Variant] = {}
        with progress.until_ended():
            platforms = self._request.platforms or (self._facts.platform,)
            self.announce()
            variants = self._look_at_all(progress, progress.open_images, platforms)
            moved = all_aside(progress.open_images)
            progress.note_all(moved)
            variants = {**variants, **self._look_at_all(progress, moved, platforms)}
            conflict = self.conflict(_expected_id(variants))
            decided = settled(progress.open_images, is_dry_run=self._request.is_dry_run, conflict=conflict)
            progress.note_all(decided.images)
            if decided.error is not None:
                raise decided.error
        return progress.leg(variants=variants)

    def _look_at_all(
        self, progress: Progress, images: Sequence[ImageResult], platforms: tuple[Platform, ...]
    ) -> dict[Reference, Variant]:
        """Notes what is under the name of each image; returns the platforms of the images that a daemon can have."""
        variants: dict[Reference, Variant] = {}
        for each in images:
            try:
                variant = self._variant_of(each, platforms)
                if variant is None:
                    progress.note(replace(each, outcome=Outcome.SKIPPED))
                    continue
                variants[each.image.reference] = variant
                progress.note(self._looked_at(Member(each, variant)))
            except (Unreachable, Interrupted):
                raise
            except BundlerError as error:
                progress.fail(each, error)
        return variants

    def _variant_of(self, each: ImageResult, platforms: tuple[Platform, ...]) -> Variant | None:
        """Chooses the platform of an image for the daemon; None if a daemon cannot have the image."""
        variant = choose(self._bundle, each.image, platforms, is_demanded=bool(self._request.platforms))
        if variant is None:
            self._run.listener(
                Noticed(text("{each}: not a container image, so a daemon cannot hold it; skipped", each=each.name))
            )
        elif not self._request.platforms and not any_accepts(platforms, variant.platform):
            self._run.listener(
                Noticed(
                    text(
                        "{image}: its platform is {platform}, the daemon's is {own}",
                        image=each.name,
                        platform=variant.platform,
                        own=platforms[0],
                    )
                )
            )
        return variant

    def _looked_at(self, member: Member) -> ImageResult:
        found = self.find_name(member)
        if found is None:
            return member.each
        if self.is_there(member, found):
            return replace(member.each, outcome=Outcome.PRESENT, read_back=found)
        return replace(member.each, replaced=found)

    def plan(self, leg: Leg) -> Leg:
        """Computes the number of bytes that would be sent."""
        progress = Progress(leg)
        with progress.until_ended():
            layers = self._layers_of_present(leg)
            for member in _open_members(leg):
                if self._held(member.variant) is None:
                    below = self._below(member.variant, layers)
                    unsent = (member.variant.config, *member.variant.layers[below:])
                    progress.note_sent(sum({layer.digest: layer.size_bytes for layer in unsent}.values()))
                layers.add(member.variant)
                progress.note(replace(member.each, outcome=self.planned))
        return progress.leg()

    def prove(self, leg: Leg) -> Leg:
        """A daemon keeps no blobs: bundles must have all that it loads, but for images that it has already."""
        absent, blobs = self._bundle.absent, self._bundle.manifest.blobs
        digests = {blobs[number].descriptor.digest: number for number in absent}
        lacking: set[int] = set()
        for member in _open_members(leg) if absent else ():
            wanted = (member.variant.config, *member.variant.layers)
            needed = {digests[each.digest] for each in wanted if each.digest in digests}
            if needed and self._held(member.variant) is None:
                lacking |= needed
        return replace(leg, result=replace(leg.result, lacking=frozenset(lacking)))

    def needs(self, leg: Leg, each: ImageResult) -> tuple[int, ...]:
        """The config and the layers of its platform."""
        variant, blobs = leg.variants[each.image.reference], self._bundle.manifest.blobs
        digests = {variant.config.digest, *(layer.digest for layer in variant.layers)}
        return tuple(number for number in each.image.blobs if blobs[number].descriptor.digest in digests)

    def _layers_of_present(self, leg: Leg) -> HeldLayers:
        """The layers of the images that the daemon had at the survey."""
        layers = HeldLayers()
        for each in leg.result.images if self.keeps_images else ():
            if each.outcome is Outcome.PRESENT:
                layers.add(leg.variants[each.image.reference])
        return layers

    def _below(self, variant: Variant, layers: HeldLayers) -> int:
        """The number of layers that the daemon has, counted from the lowest. The containerd store needs all of them."""
        return 0 if self._facts.has_containerd_store else layers.below(variant)

    # Load

    def load(self, leg: Leg, sharing: Sharing) -> Leg:
        """Loads image after image. Each gets its name at once, unless the run is all or nothing."""
        progress, loaded = Progress(leg), dict(leg.loaded)
        conflict = self.conflict(_expected_id(leg.variants))
        with progress.until_ended():
            members = _open_members(leg)
            total = sum(layer.size_bytes for member in members for layer in member.variant.layers)
            self._run.listener(PhaseBegan(self.title, total, in_bytes=True))
            layers = self._layers_of_present(leg)
            for member in members:
                if self._run.is_fail_fast and progress.has_failures:
                    break
                with progress.failing(member.each):
                    has = self._brought(member, self._below(member.variant, layers), sharing)
                    if self.keeps_images:
                        layers.add(member.variant)
                    if self._request.is_all_or_nothing:
                        loaded[member.each.image.reference] = has
                    else:
                        progress.note(self.move_tag(member, has, conflict))
            self._run.listener(PhaseEnded("loading"))
        progress.note_sent(sharing.copied.bytes_by_peer[self.name])
        return progress.leg(loaded=loaded)

    def publish(self, leg: Leg, _tags: TagLog, /) -> Leg:
        """Moves the tags of loaded images, if the run is all or nothing."""
        progress = Progress(leg)
        conflict = self.conflict(_expected_id(leg.variants))
        with progress.until_ended():
            for member in _open_members(leg):
                has = leg.loaded.get(member.each.image.reference)
                if has is not None:
                    with progress.failing(member.each):
                        progress.note(self.move_tag(member, has, conflict))
        return progress.leg()

    def _brought(self, member: Member, below: int, sharing: Sharing) -> Loaded:
        """Makes sure that the daemon has an image; it has ``below`` layers of it, counted from the lowest."""
        held = self._held(member.variant)
        if held is not None:
            self._run.listener(Moved(sum(layer.size_bytes for layer in member.variant.layers)))
            return Loaded(held, was_here=True)
        return Loaded(self._loaded_whole(member, below, sharing), was_here=False)

    def _loaded_whole(self, member: Member, below: int, sharing: Sharing) -> Digest:
        return loaded_again(self._bundle, lambda: self._loaded_once(member, below, sharing))

    def _loaded_once(self, member: Member, below: int, sharing: Sharing) -> Digest:
        """Loads an image without the layers that the daemon has; if that fails, with all of them."""
        try:
            if below:
                with suppress(Refused):  # the daemon may have removed layers since the survey
                    return self._loaded(member, below, sharing)
            return self._loaded(member, 0, sharing)
        except Refused as error:
            if error.hint is None and any(layer.media_type.endswith("zstd") for layer in member.variant.layers):
                zstd = error.but(hint="its layers are zstd, which Docker before version 23 cannot read")
                raise zstd from error.__cause__
            raise

    def _held(self, variant: Variant) -> Digest | None:
        """The id under which the daemon has the image; None if it does not have it."""
        for digest in sorted(variant.ids):
            found = self.daemon.find(str(digest))
            if found is not None and found.id in variant.ids:
                return found.id
        return None

    def _loaded(self, member: Member, below: int, sharing: Sharing) -> Digest:
        """Streams the image into the daemon, and makes sure that the daemon has the image of the bundle."""
        subject, variant = str(member.each.name), member.variant
        loading = Consumer(lambda pieces: self.daemon.load(pieces, subject=subject), name="docker-load")
        try:
            sink = LoadSink(loading.write, subject=subject)
            sink.begin(variant.manifest, variant.content, variant.config, variant.layers)
            self._send(member, below, sink, sharing)
            sink.end()
        except BaseException as error:
            loading.abort(error)
            raise
        with self.telling(text("{each}: the daemon unpacks it", each=member.each.name)):
            ids = loading.finish()
        image = self._held(variant)
        if image is None:
            raise Damaged(
                "the daemon stored another image",
                subject=subject,
                expected=text("image id {digest}", digest=variant.config.digest),
                actual=", ".join(map(str, ids)) or "none",
            )
        return image

    def _send(self, member: Member, below: int, sink: LoadSink, sharing: Sharing) -> None:
        """Sends config and layers to the daemon, and the same bytes to the other targets that want them."""
        blobs, variant = self._bundle.manifest.blobs, member.variant
        numbers = {blobs[number].descriptor.digest: number for number in member.each.image.blobs}
        mine = Destination((sink,), self.name)
        self._run.listener(Moved(sum(layer.size_bytes for layer in variant.layers[:below])))
        digests = dict.fromkeys(descriptor.digest for descriptor in (variant.config, *variant.layers[below:]))
        copy_whole(self._bundle, (numbers[digest] for digest in digests), mine, sharing, self._run)

    def close(self) -> None:
        """Does nothing: a daemon has no lock."""

    @contextmanager
    def telling(self, label: str) -> Generator[None, None, None]:
        """Shows a task of the daemon, which reports no progress in bytes."""
        self._run.listener(Began(label, 0))
        outcome = FAILED
        try:
            yield
            outcome = COPIED
        finally:
            self._run.listener(Finished(label, outcome))

    def ask(self, each: ImageResult, question: Callable[[], Answer]) -> Answer:
        """Sends a request about an image to the daemon."""
        return retrying(question, self._run, subject=str(each.name), peer=self.name)


def tagged(name: Reference) -> str:
    """The name of an image as daemons accept it: with a tag, without a digest."""
    return f"{name.name}:{name.tag or 'latest'}"


def _open_members(leg: Leg) -> tuple[Member, ...]:
    return tuple(Member(each, leg.variants[each.image.reference]) for each in leg.result.open_images)


def _expected_id(variants: Mapping[Reference, Variant]) -> Callable[[ImageResult], str]:
    """Returns a function that names the expected image id of an image."""
    return lambda each: text("image id {digest}", digest=variants[each.image.reference].config.digest)
