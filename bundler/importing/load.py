"""The way of images into a Docker daemon, and by way of it into a registry that only the daemon may reach.

An image is loaded without a name, its id is compared with what the bundle promises, and only then its tag moves:
``docker load`` alone takes tags from other images in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.events import Began, Finished, Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.platform import Platform, any_accepts
from bundler.errors import BundlerError, Damaged, Interrupted, Refused, Unreachable
from bundler.importing.daemon_variant import HeldLayers, Variant, choose
from bundler.importing.push import Push, copy_of
from bundler.importing.results import (
    MOVED_MEANWHILE,
    Conflict,
    ImageResult,
    Outcome,
    TargetResult,
    settle_again,
    settle_conflicts,
    step_aside,
)
from bundler.run import Run, retrying
from bundler.stores.docker_daemon import LoadSink
from bundler.stores.docker_sdk import Daemon
from bundler.texts import text
from bundler.transfer import COPIED, FAILED, Copied, Destination, copy_blobs
from bundler.workers import Consumer

Answer = TypeVar("Answer")


class _Others:
    """The other targets of a run, which may take blobs that pass on their way into a daemon."""

    def __init__(self, pushes: Sequence[Push]) -> None:
        self._pushes = pushes
        self._wanted = [push.wanted() for push in pushes]

    def destinations(self, number: int) -> tuple[Destination, ...]:
        """Who wants a blob."""
        return tuple(wanted[number] for wanted in self._wanted if number in wanted)

    def settle(self, copied: Copied) -> None:
        """Tells them what they got."""
        for push in self._pushes:
            push.settle(copied)


class Load:
    """The images of a bundle on their way to one target. To be called in the order of its methods."""

    def __init__(
        self,
        bundle: Bundle,
        daemon: Daemon,
        result: TargetResult,
        run: Run,
        *,
        platforms: tuple[Platform, ...],
        is_dry_run: bool,
        is_deferring: bool = False,
    ) -> None:
        """Images on their way.

        Args:
            bundle: Where they are.
            daemon: Where they go.
            result: What becomes of them.
            run: The run that this is part of.
            platforms: Which platforms the daemon may have; empty for its own.
            is_dry_run: Only the plan is wanted.
            is_deferring: No tag moves before `publish`; else each one when its image is loaded.
        """
        self._bundle = bundle
        self._daemon = daemon
        self.result = result
        self._run = run
        self._platforms = platforms
        self._is_dry_run = is_dry_run
        self._is_deferring = is_deferring
        self._waiting: list[tuple[ImageResult, Variant, Digest, bool]] = []
        self._peer = str(result.target)
        self._is_pushing = result.target.pushed_to is not None
        self._variants: dict[int, Variant] = {}
        """By the id of the result object."""
        self._held_layers = HeldLayers()
        self._has_containerd_store = False

    def look(self) -> None:
        """Finds out what is there already, and what conflicts. Loads nothing.

        Raises:
            Refused: There are conflicts, and they were not allowed.
            Unavailable: The daemon does not answer.
        """
        facts = self._daemon.facts
        platforms = self._platforms or (facts.platform,)
        self._has_containerd_store = facts.has_containerd_store
        if self._is_pushing:
            self._run.listener(
                Noticed(
                    text(
                        "{target}: the daemon makes manifests of its own, so digests may change there",
                        target=self.result.target,
                    )
                )
            )
        self._look_at_all(self.result.open_images, platforms)
        self._look_at_all(step_aside(self.result.open_images), platforms)
        settle_conflicts(self.result.open_images, is_dry_run=self._is_dry_run, conflict=self._conflict())

    def plan_only(self) -> None:
        """Finds out how many bytes would be sent."""
        for each in self.result.open_images:
            variant = self._variants[id(each)]
            if self._held(variant) is None:
                held = 0 if self._has_containerd_store else self._held_layers.below(variant)
                unsent = {layer.digest: layer.size_bytes for layer in (variant.config, *variant.layers[held:])}
                self.result.bytes_sent += sum(unsent.values())
            self._held_layers.add(variant)
            each.outcome = Outcome.WOULD_PUSH if self._is_pushing else Outcome.WOULD_LOAD

    def perform(self, pushes: Sequence[Push], served: set[int]) -> None:
        """Loads image after image; each blob that passes is given to those who push it, too.

        Args:
            pushes: Other targets of the same run.
            served: The blobs that they need not be given again; added to.
        """
        others = _Others(pushes)
        images = self.result.open_images
        variants = [self._variants[id(each)] for each in images]
        total = sum(layer.size_bytes for variant in variants for layer in variant.layers)
        title = text("loading into the Docker daemon")
        if self._is_pushing:
            title = text("loading into the Docker daemon, to push to {target}", target=self.result.target)
        self._run.listener(PhaseBegan(title, total, in_bytes=True))
        for each, variant in zip(images, variants, strict=True):
            if self._run.is_fail_fast and self.result.has_failures:
                break
            with self._failing(each):
                self._bring(each, variant, others, served)
        self._run.listener(PhaseEnded("loading"))

    def publish(self) -> None:
        """Moves the tags of what was loaded, if that was deferred."""
        for each, variant, image, was_here in self._waiting:
            if each.is_open:
                with self._failing(each):
                    self._publish(each, variant, image, was_here=was_here)

    def _conflict(self) -> Conflict:
        if self._is_pushing:
            return Conflict(
                "the tag exists at the target, and through the daemon nobody can tell whether for the same image",
                hint="keep what is there with --on-conflict skip, or push again with --on-conflict replace",
            )
        return Conflict(
            "the tag stands for another image in the Docker daemon",
            expected=lambda each: text("image id {digest}", digest=self._variants[id(each)].config.digest),
        )

    def _moved(self) -> Conflict:
        expected = self._conflict().expected
        return replace(MOVED_MEANWHILE, expected=expected)

    def _id_of(self, each: ImageResult) -> Digest | None:
        """What an image's name stands for in the daemon."""
        found = self._ask(each, partial(self._daemon.find, _tagged(each)))
        return found.id if found else None

    def _look_at_all(self, images: Sequence[ImageResult], platforms: tuple[Platform, ...]) -> None:
        for each in images:
            try:
                self._look_at(each, platforms)
            except (Unreachable, Interrupted):
                raise
            except BundlerError as error:
                each.fail(error)

    @contextmanager
    def _failing(self, each: ImageResult) -> Generator[None, None, None]:
        """Notes what goes wrong with one image, so that the next one gets its turn."""
        try:
            yield
        except Interrupted:
            raise
        except BundlerError as error:
            each.fail(error)

    def _look_at(self, each: ImageResult, platforms: tuple[Platform, ...]) -> None:
        variant = choose(self._bundle, each.image, platforms, is_demanded=bool(self._platforms))
        if variant is None:
            self._run.listener(
                Noticed(text("{each}: not a container image, so a daemon cannot hold it; left out", each=each.name))
            )
            each.outcome = Outcome.SKIPPED
            return
        if not self._platforms and not any_accepts(platforms, variant.platform):
            self._run.listener(
                Noticed(
                    text(
                        "{image}: is for {platform}, the daemon for {own}",
                        image=each.name,
                        platform=variant.platform,
                        own=platforms[0],
                    )
                )
            )
        self._variants[id(each)] = variant
        if self._is_pushing:
            if each.name.tag is None:
                raise Refused(
                    "a daemon pushes no image without a tag",
                    subject=str(each.name),
                    hint="leave out --no-digest-tags, or give the image a tag with --rules",
                )
            there = self._ask(each, partial(self._daemon.distribution_digest, _tagged(each)))
            is_present = there in {variant.manifest.digest, each.image.root.digest}
        else:
            name = _tagged(each) if each.name.tag else str(variant.config.digest)
            found = self._ask(each, partial(self._daemon.find, name))
            there = found.id if found else None
            is_present = there in variant.ids or there == each.image.root.digest
        if is_present:
            each.outcome, each.read_back = Outcome.PRESENT, there
            if not self._is_pushing:
                self._held_layers.add(variant)
        elif there is not None:
            each.replaced = there

    def _bring(self, each: ImageResult, variant: Variant, others: _Others, served: set[int]) -> None:
        image = self._held(variant)
        was_here = image is not None
        if image is not None:
            self._run.listener(Moved(sum(layer.size_bytes for layer in variant.layers)))
        else:
            image = self._loaded_whole(each, variant, others, served)
        if not self._is_pushing:
            self._held_layers.add(variant)
        if self._is_deferring:
            self._waiting.append((each, variant, image, was_here))
        else:
            self._publish(each, variant, image, was_here=was_here)

    def _publish(self, each: ImageResult, variant: Variant, image: Digest, *, was_here: bool) -> None:
        """Lets the image's name stand for it, in the daemon or in the registry behind it."""
        if self._is_pushing:
            self._push(each, variant, image, was_here=was_here)
            return
        if each.name.tag:
            if not settle_again(
                each, lambda: self._id_of(each), ours={*variant.ids, each.image.root.digest}, conflict=self._moved()
            ):
                return
            self._ask(each, partial(self._daemon.tag, image, _tagged(each)))
        each.read_back = image
        each.outcome = Outcome.LOADED

    def _loaded_whole(self, each: ImageResult, variant: Variant, others: _Others, served: set[int]) -> Digest:
        """Loads an image; again, if one copy of a chunk was bad and another one is not: a stream cannot go back."""
        recovered = self._bundle.recovered_chunks
        try:
            return self._loaded_once(each, variant, others, served)
        except (Damaged, Refused):
            if self._bundle.recovered_chunks == recovered:
                raise
        return self._loaded_once(each, variant, others, served)

    def _loaded_once(self, each: ImageResult, variant: Variant, others: _Others, served: set[int]) -> Digest:
        """Loads an image without the layers that the daemon has; if that fails, with all of them."""
        held = 0 if self._has_containerd_store else self._held_layers.below(variant)
        try:
            if held:
                with suppress(Refused):  # what it had may have been removed meanwhile
                    return self._loaded(each, variant, held, others, served)
            return self._loaded(each, variant, 0, others, served)
        except Refused as error:
            if error.hint is None and any(layer.media_type.endswith("zstd") for layer in variant.layers):
                error.hint = "its layers are zstd, which Docker before version 23 cannot read"
            raise

    def _held(self, variant: Variant) -> Digest | None:
        """The id under which the daemon has the image already; None if it has not."""
        for digest in sorted(variant.ids):
            found = self._daemon.find(str(digest))
            if found is not None and found.id in variant.ids:
                return found.id
        return None

    def _loaded(self, each: ImageResult, variant: Variant, held: int, others: _Others, served: set[int]) -> Digest:
        """Streams the image into the daemon, and makes sure that it is the one that the bundle holds.

        Args:
            each: The image.
            variant: Its platform.
            held: How many of its layers the daemon has, which need not be sent.
            others: Who else may want what is sent.
            served: What they have.
        """
        subject = str(each.name)
        loading = Consumer(lambda pieces: self._daemon.load(pieces, subject=subject), name="docker-load")
        try:
            sink = LoadSink(loading.write, subject=subject)
            sink.begin(variant.manifest, variant.content, variant.config, variant.layers)
            self._send(each, variant, held, sink, others, served)
            sink.end()
        except BaseException as error:
            loading.abort(error)
            raise
        with self._telling(text("{each}: the daemon unpacks it", each=each.name)):
            loaded = loading.finish()
        image = self._held(variant)
        if image is None:
            raise Damaged(
                "the daemon made another image of it",
                subject=subject,
                expected=text("image id {digest}", digest=variant.config.digest),
                actual=", ".join(map(str, loaded)) or "none",
            )
        return image

    def _send(
        self, each: ImageResult, variant: Variant, held: int, sink: LoadSink, others: _Others, served: set[int]
    ) -> None:
        """Gives the daemon config and layers, and the same bytes to those who want them, too."""
        blobs = self._bundle.manifest.blobs
        numbers = {blobs[number].descriptor.digest: number for number in each.image.blobs}
        mine = Destination((sink,), self._peer)
        copies = []
        self._run.listener(Moved(sum(layer.size_bytes for layer in variant.layers[:held])))
        for digest in dict.fromkeys(descriptor.digest for descriptor in (variant.config, *variant.layers[held:])):
            number = numbers[digest]
            wanting = () if number in served else others.destinations(number)
            copies.append(copy_of(self._bundle, number, (mine, *wanting)))
            served.add(number)
        copied = copy_blobs(copies, self._run, ordered_workers=1)
        others.settle(copied)
        self.result.bytes_sent += copied.bytes_by_peer[self._peer]
        for copy, error in copied.failed:
            if mine in copy.destinations:
                raise error

    def _push(self, each: ImageResult, variant: Variant, image: Digest, *, was_here: bool) -> None:
        """Lets the daemon push the image, and takes away what was only there for that."""
        name = _tagged(each)
        before = self._ask(each, partial(self._daemon.find, name))
        self._ask(each, partial(self._daemon.tag, image, name))
        try:
            with self._telling(text("{each}: the daemon pushes it", each=each.name)):
                there = self._ask(each, partial(self._daemon.push, name))
        finally:
            with suppress(BundlerError):  # what is left behind is no failure of the push
                if before is not None:
                    self._daemon.tag(before.id, name)
                elif not was_here or self._has_other_names(image):  # else it would go with its last name
                    self._daemon.remove(name)
        each.outcome, each.read_back = Outcome.PUSHED, there
        if there != variant.manifest.digest:
            each.there = there

    @contextmanager
    def _telling(self, label: str) -> Generator[None, None, None]:
        """Shows what the daemon is busy with, which gives no bytes to count."""
        self._run.listener(Began(label, 0))
        outcome = FAILED
        try:
            yield
            outcome = COPIED
        finally:
            self._run.listener(Finished(label, outcome))

    def _has_other_names(self, image: Digest) -> bool:
        found = self._daemon.find(str(image))
        return found is not None and len(found.names) > 1

    def _ask(self, each: ImageResult, question: Callable[[], Answer]) -> Answer:
        return retrying(question, self._run, subject=str(each.name), peer=self._peer)


def _tagged(each: ImageResult) -> str:
    """The name of an image as daemons take it: with a tag, without a digest."""
    return f"{each.name.name}:{each.name.tag or 'latest'}"
