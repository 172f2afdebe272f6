"""Pushes manifests and tags to a target, and sends again the blobs and manifests that the target has lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.events import Noticed, nobody
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSink
from bundler.errors import BundlerError, Interrupted, PartsMissing
from bundler.importing.leg import Progress
from bundler.importing.sharing import copy_of
from bundler.run import Run, retrying
from bundler.texts import text
from bundler.transfer import Destination, copy_blobs


class Manifests:
    """Pushes the manifests of images to one target. Local to a stage; each sink is used by one thread only."""

    def __init__(self, bundle: Bundle, progress: Progress, run: Run, *, peer: str) -> None:
        """Sends nothing yet.

        Args:
            bundle: The bundle with the manifests.
            progress: Counts the bytes that are sent again.
            run: The run of the stage.
            peer: The target, see `CircuitBreaker`.
        """
        self._bundle = bundle
        self._progress = progress
        self._run = run
        self._peer = peer
        self._pushed: dict[tuple[ImageSink, int], BundlerError | None] = {}
        """The errors of the manifests that were pushed, by sink and number in the bundle; None for a success."""

    def push(self, sink: ImageSink, numbers: Iterable[int], *, subject: str) -> None:
        """Pushes manifests by their numbers in the bundle, each once. One that failed raises the same error again.

        Raises:
            BundlerError: A manifest cannot be pushed.
        """
        for number in numbers:
            if (sink, number) not in self._pushed:
                self._pushed[sink, number] = self._error_of(sink, number, subject)
            error = self._pushed[sink, number]
            if error is not None:
                raise error

    def tag(self, sink: ImageSink, root: Descriptor, tag: str, *, subject: str) -> None:
        """Moves a tag to an image.

        Raises:
            BundlerError: It cannot be moved.
        """
        self._put(sink, root, lambda descriptor, content: sink.tag(descriptor, content, tag), subject=subject)

    def send_again(self, sink: ImageSink, numbers: Iterable[int], *, subject: str) -> None:
        """Sends the blobs and manifests of an image again that are missing, after everything was sent once.

        Args:
            sink: The sink that lacks some.
            numbers: The manifests of the image and its attachments, by their numbers in the bundle.
            subject: The image, for messages.

        Raises:
            BundlerError: One of them cannot be sent.
        """
        self._notice_lost(subject)
        for number in numbers:
            descriptor = self._bundle.manifest.blobs[number].descriptor
            self._bring_parts(sink, descriptor, self._bundle.read_document(descriptor), subject=subject)
            self._put(sink, descriptor, sink.put_manifest, subject=subject)

    def _error_of(self, sink: ImageSink, number: int, subject: str) -> BundlerError | None:
        """Pushes a manifest; returns the error if it fails."""
        try:
            self._put(sink, self._bundle.manifest.blobs[number].descriptor, sink.put_manifest, subject=subject)
        except Interrupted:
            raise
        except BundlerError as error:
            return error
        return None

    def _put(
        self, sink: ImageSink, descriptor: Descriptor, put: Callable[[Descriptor, bytes], None], *, subject: str
    ) -> None:
        """Pushes a manifest, and sends the blobs and manifests again that it needs and the registry has lost.

        A garbage collection removes blobs without a manifest, and manifests without a tag. While another client pushes
        the same image, parts of it may be missing for a moment.
        """
        content = self._bundle.read_document(descriptor)

        def attempt() -> None:
            try:
                put(descriptor, content)
            except PartsMissing as error:
                self._notice_lost(subject)
                self._bring_parts(sink, descriptor, content, subject=subject)
                raise error.but(retryable=True) from error.__cause__

        retrying(attempt, self._run, subject=subject, peer=self._peer)

    def _bring_parts(self, sink: ImageSink, parent: Descriptor, content: bytes, *, subject: str) -> None:
        """Sends the blobs and manifests that a manifest needs and a sink does not have."""
        manifest = oci.parse_manifest(content, parent.media_type, what=subject)
        numbers = {blob.descriptor.digest: number for number, blob in enumerate(self._bundle.manifest.blobs)}
        for child in manifest.children:
            find = partial(sink.find, str(child.digest))
            if retrying(find, self._run, subject=subject, peer=self._peer) is None:
                listed = self._bundle.manifest.blobs[numbers[child.digest]].descriptor
                self._put(sink, listed, sink.put_manifest, subject=subject)
        destination = Destination((sink,), self._peer)
        digests = dict.fromkeys(blob.digest for blob in manifest.blobs)
        copies = [copy_of(self._bundle, numbers[digest], (destination,)) for digest in digests]
        copied = copy_blobs(copies, replace(self._run, listener=nobody))
        self._progress.note_sent(copied.bytes_by_peer[self._peer])
        for _, error in copied.failed:
            raise error

    def _notice_lost(self, subject: str) -> None:
        self._run.listener(Noticed(text("{subject}: the registry lost parts of it; sent again", subject=subject)))
