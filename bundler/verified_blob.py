"""Reads blobs, and hashes them on the way. The last piece comes only if the digest is right.

A read that breaks off continues where it stopped, if its source can do that. `bundler.run` has the number of attempts.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from bundler.core.digest import Hasher
from bundler.core.events import FAILED, READ, Began, Finished, Moved, nobody
from bundler.core.limits import PIECE_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSource, PartialBlob, Pieces, gives_wholes
from bundler.errors import BundlerError, Damaged, Unavailable
from bundler.run import Run, pause, retrying


class VerifiedBlob:
    """The bytes of one blob, hashed while they are read. The last piece comes only if the digest is right."""

    def __init__(
        self,
        descriptor: Descriptor,
        source: BlobSource,
        run: Run,
        *,
        label: str,
        peer: str = "",
        partial: PartialBlob | None = None,
    ) -> None:
        """Reads nothing yet.

        Args:
            descriptor: The blob.
            source: The source of its bytes.
            run: The run that this is part of.
            label: The name of the blob, for people.
            peer: The host that is asked, see `CircuitBreaker`.
            partial: The bytes that the sink has already; the pieces continue after them.
        """
        self._descriptor = descriptor
        self._source = source
        self._run = run
        self._label = label
        self._peer = peer
        self._hasher = partial.hasher if partial else descriptor.digest.hasher()
        self.handed_on_bytes = partial.offset_bytes if partial else 0
        self.is_complete = False

    def pieces(self) -> Pieces:
        """The verified pieces. To be iterated once.

        Raises:
            Damaged: The bytes are not those of the digest, or too many or too few.
            BundlerError: The error of the source, after it could not resume where it stopped.
        """
        hasher = self._hasher
        failures = 0
        if self._descriptor.size_bytes == 0:
            self._check_digest(hasher)
        while not self.is_complete and self._descriptor.size_bytes:
            before = self.handed_on_bytes
            try:
                with closing(self._source.open_blob(self._descriptor, offset_bytes=before)) as arriving:
                    yield from self._verified(arriving, hasher)
                if not self.is_complete:
                    raise self._ended_early()
            except Unavailable as error:
                # The attempts start again after real progress, but not after a byte.
                progress = (self.handed_on_bytes - before) // PIECE_BYTES
                failures = 1 if progress else failures + 1
                if progress:
                    self._run.circuit_breaker.succeeded(self._peer, progress)
                if not error.retryable:
                    raise
                if failures >= self._run.retry.attempts:
                    # A source that failed for good is not asked again from the beginning.
                    raise error.but(retryable=False) from error.__cause__
                pause(failures, error, self._run, self._label, peer=self._peer)

    def checked(self, content: bytes) -> bytes:
        """Returns bytes that were read at once, if they are the whole blob. To be called in place of `pieces`.

        Raises:
            Damaged: They are not.
        """
        self._hasher.update(content)
        self._check_digest(self._hasher)
        if len(content) != self._descriptor.size_bytes:
            expected, actual = f"{self._descriptor.size_bytes} bytes", f"{len(content)} bytes"
            raise self._damaged("the blob has another size than its descriptor says", expected, actual)
        return content

    def _verified(self, arriving: Pieces, hasher: Hasher) -> Pieces:
        size = self._descriptor.size_bytes
        for piece in arriving:
            self._run.cancellation.check()
            if self.handed_on_bytes + len(piece) > size:
                raise self._damaged("more bytes than its declared size", f"{size} bytes", "more")
            hasher.update(piece)
            if self.handed_on_bytes + len(piece) == size:
                self._check_digest(hasher)
            self.handed_on_bytes += len(piece)
            self._run.listener(Moved(len(piece)))
            yield piece
            if self.is_complete:
                return

    def _check_digest(self, hasher: Hasher) -> None:
        if hasher.hexdigest() != self._descriptor.digest.encoded:
            found = f"{self._descriptor.digest.algorithm}:{hasher.hexdigest()}"
            raise self._damaged("the bytes do not match the digest", str(self._descriptor.digest), found)
        self.is_complete = True

    def _ended_early(self) -> BundlerError:
        expected, actual = f"{self._descriptor.size_bytes} bytes", f"{self.handed_on_bytes} bytes"
        if not self._source.is_remote:
            return self._damaged("the bytes ended early", expected, actual)
        return Unavailable(
            "the blob ended early", subject=self._label, expected=expected, actual=actual, retryable=True
        )

    def _damaged(self, message: str, expected: str, actual: str) -> Damaged:
        is_remote = self._source.is_remote
        hint = (
            "the source sent other bytes than it promised"
            if is_remote
            else "run bundler verify to see which files to copy again"
        )
        return Damaged(
            message,
            subject=self._label,
            expected=expected,
            actual=actual,
            hint=hint,
            code=None if is_remote else "damaged",
            retryable=is_remote,
        )


def read_blob(descriptor: Descriptor, source: BlobSource, run: Run, *, label: str, peer: str) -> None:
    """Reads a blob to its end and discards the bytes, to check that its store has all of it.

    Bytes that were wrong are read once more, because they may have been changed on their way.

    Raises:
        Damaged: The bytes are not those of the digest, or too many or too few.
        BundlerError: As `VerifiedBlob.pieces`.
    """
    twice = replace(run, retry=replace(run.retry, attempts=min(2, run.retry.attempts)))

    def read() -> None:
        stream = VerifiedBlob(descriptor, source, run, label=label)
        try:
            with closing(stream.pieces()) as pieces:
                for _ in pieces:
                    pass
        except BaseException:
            run.listener(Moved(-stream.handed_on_bytes))
            raise

    run.listener(Began(label, descriptor.size_bytes))
    outcome = FAILED
    try:
        retrying(read, twice, subject=label, peer=peer)
        outcome = READ
    finally:
        run.listener(Finished(label, outcome, size_bytes=descriptor.size_bytes))


def read_small_blob(descriptor: Descriptor, source: BlobSource, run: Run, *, peer: str = "") -> bytes:
    """The bytes of a blob that fits into memory, verified.

    Raises:
        BundlerError: As `VerifiedBlob.pieces`.
    """
    label = str(descriptor.digest)
    if gives_wholes(source):
        return VerifiedBlob(descriptor, source, run, label=label, peer=peer).checked(source.read_whole(descriptor))
    stream = VerifiedBlob(descriptor, source, replace(run, listener=nobody), label=label, peer=peer)
    return b"".join(bytes(piece) for piece in stream.pieces())
