"""The lists of attachments at a target: what they have, and how attachments get into them and out of them.

A registry with the referrers API lists each manifest with a ``subject`` by itself. In other registries clients keep an
index at the fallback tag of the subject. Registries say wrong things about the API (some send ``OCI-Subject`` without
it, some answer an empty list), so only a list that has an attachment proves that the registry lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Protocol, TypeVar

from bundler.core import oci
from bundler.core.advice import problem
from bundler.core.attachments import FallbackIndex, fallback_tag
from bundler.core.digest import Digest
from bundler.core.events import Noticed
from bundler.core.fallback_index import Entry, digests_in, with_entries, without_entries
from bundler.core.frozen import frozen
from bundler.core.limits import FALLBACK_WRITES
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError, ContentRefused, PartsMissing
from bundler.run import Run, retrying
from bundler.stores.repository import Repository
from bundler.texts import counted

Answer = TypeVar("Answer")


class Links(Protocol):
    """The lists of attachments of one sink."""

    @property
    def settles_after_seconds(self) -> float:
        """The time after which another client can hardly replace a list any more that it read before it was written."""

    def listed(self, subject: Digest, wanted: Collection[Digest], /) -> frozenset[Digest]:
        """Returns those of some attachments of a manifest that are listed, and are there.

        Raises:
            BundlerError: The store does not say.
        """

    def add(self, subject: Digest, entries: Mapping[Digest, Entry], /) -> frozenset[Digest]:
        """Makes sure that attachments of a manifest are listed. Their manifests are there.

        Args:
            subject: The manifest.
            entries: The attachments, by their digests.

        Returns:
            The attachments that this call wrote into a list. Others were listed already.

        Raises:
            BundlerError: The store does not list them.
        """


@frozen
class RegistryLinks:
    """The lists of a repository.

    Attributes:
        repository: The repository.
        run: The run of the stage.
        peer: The target, see `CircuitBreaker`.
    """

    repository: Repository
    run: Run
    peer: str

    @property
    def settles_after_seconds(self) -> float:
        """Other clients write an index right after they read it; no registry refuses the write of an outdated one."""
        return 0.5

    def listed(self, subject: Digest, wanted: Collection[Digest]) -> frozenset[Digest]:
        """Asks the referrers API, then the fallback tag; asks for the manifests that only an index lists."""
        by_api = self._by_api(subject) & frozenset(wanted)
        if len(by_api) == len(set(wanted)):
            return by_api
        index = self._index(subject)
        in_index = frozenset(_digests(index)) & (frozenset(wanted) - by_api)
        return by_api | {each for each in in_index if self._has(subject, each)}

    def add(self, subject: Digest, entries: Mapping[Digest, Entry]) -> frozenset[Digest]:
        """Asks what is listed. Adds the others to the fallback index, right after it was read, and reads it again.

        No registry can refuse the write of an outdated index. So another client may have replaced ours: then both
        are joined.
        """
        added: set[Digest] = set()
        lacking = entries.keys() - self._by_api(subject)
        for _ in range(FALLBACK_WRITES):
            if not lacking:
                return frozenset(added)
            index = self._index(subject)
            unlisted = lacking - set(_digests(index))
            if not unlisted:
                return frozenset(added)
            if index is None and self._is_taken(subject):
                continue  # another client has just made the index
            self._write(subject, index, [entries[each] for each in entries if each in unlisted])
            added |= unlisted
        index = self._index(subject)
        if lacking <= set(_digests(index)):
            return frozenset(added)
        if index is None and not added:
            raise self._taken(subject, oci.OCI_INDEX)  # an index, but no list of attachments
        raise problem("attachment-unlisted", subject=self._called(subject))

    def remove(self, subject: Digest, digests: Collection[Digest]) -> bool:
        """Removes attachments from the fallback index of a manifest; the tag of an empty index is removed.

        Returns:
            True if none of them is in it.

        Raises:
            BundlerError: The registry does not answer, or refuses.
        """
        for _ in range(FALLBACK_WRITES):
            index = self._index(subject)
            gone = frozenset(_digests(index)) & frozenset(digests)
            if index is None or not gone:
                return True
            content = without_entries(index.content, gone, what=self._called(subject))
            is_empty = not digests_in(content, what=self._called(subject))
            remove = partial(self.repository.remove_tag, fallback_tag(subject))
            if not is_empty or not self._ask(subject, remove):
                self._put(subject, content)
        return False

    def _by_api(self, subject: Digest) -> frozenset[Digest]:
        referrers = self._ask(subject, lambda: self.repository.referrers(subject))
        return frozenset(each.descriptor.digest for each in referrers or ())

    def _index(self, subject: Digest) -> FallbackIndex | None:
        return self._ask(subject, lambda: self.repository.fallback_index(subject))

    def _has(self, subject: Digest, digest: Digest) -> bool:
        return self._ask(subject, partial(self.repository.find, str(digest))) is not None

    def _is_taken(self, subject: Digest) -> bool:
        """True if the fallback tag refers to an index, which may be a new list of attachments.

        Raises:
            Refused: It refers to something else.
        """
        tag = fallback_tag(subject)
        found = self._ask(subject, lambda: self.repository.find(tag))
        if found is not None and found.digest == subject:  # GitLab takes the tag for the digest
            raise problem("attachment-unlisted", subject=self._called(subject))
        if found is not None and found.media_type != oci.OCI_INDEX:
            raise self._taken(subject, found.media_type)
        return found is not None

    def _taken(self, subject: Digest, media_type: str) -> BundlerError:
        name = f"{self.repository.name}:{fallback_tag(subject)}"
        return problem("attachment-list-taken", subject=name, actual=media_type)

    def _write(self, subject: Digest, index: FallbackIndex | None, entries: Collection[Entry]) -> None:
        before = index.content if index else None
        try:
            self._put(subject, with_entries(before, entries, what=self._called(subject)))
        except PartsMissing:
            # docker-registry refuses an index with manifests that a garbage collection has removed.
            lost = [each for each in _digests(index) if not self._has(subject, each)]
            if before is None or not lost:
                raise
            kept = without_entries(before, lost, what=self._called(subject))
            self._put(subject, with_entries(kept, entries, what=self._called(subject)))
            words = counted(
                len(lost),
                "{name}: the list of attachments had {count} manifest that the registry has lost; it was removed",
                "{name}: the list of attachments had {count} manifests that the registry has lost; they were removed",
                name=self._called(subject),
            )
            self.run.listener(Noticed(words))

    def _put(self, subject: Digest, content: bytes) -> None:
        descriptor = Descriptor(oci.OCI_INDEX, Digest.of(content), len(content))
        tag = fallback_tag(subject)
        try:
            self._ask(subject, lambda: self.repository.put_under(descriptor, content, tag))
        except ContentRefused as error:  # the image was pushed before, so the registry takes pushes
            raise problem("attachment-unlisted", subject=self._called(subject), said=error.said) from error

    def _called(self, subject: Digest) -> str:
        return f"{self.repository.name}@{subject}"

    def _ask(self, subject: Digest, question: Callable[[], Answer]) -> Answer:
        return retrying(question, self.run, subject=self._called(subject), peer=self.peer)


class ListingSink(Protocol):
    """A sink that has one list for all of its manifests: a layout."""

    def lists(self, digest: Digest) -> bool:
        """True if the manifest is in the list, and is there."""

    def add_entry(self, entry: Entry) -> None:
        """Adds a manifest to the list, if it is not in it. Other manifests stay."""


@frozen
class LayoutLinks:
    """The list of a layout: the entries of its index.json, from which tools read the ``subject`` of each manifest."""

    sink: ListingSink

    @property
    def settles_after_seconds(self) -> float:
        """Zero: the layout is locked."""
        return 0.0

    def listed(self, _subject: Digest, wanted: Collection[Digest], /) -> frozenset[Digest]:
        """Looks into index.json."""
        return frozenset(each for each in wanted if self.sink.lists(each))

    def add(self, _subject: Digest, entries: Mapping[Digest, Entry], /) -> frozenset[Digest]:
        """Adds entries to index.json."""
        added = [digest for digest in entries if not self.sink.lists(digest)]
        for digest in added:
            # Without its annotations: in an index.json they could give it the name of an image.
            self.sink.add_entry({key: value for key, value in entries[digest].items() if key != "annotations"})
        return frozenset(added)


def _digests(index: FallbackIndex | None) -> tuple[Digest, ...]:
    return tuple(each.descriptor.digest for each in index.referrers) if index else ()
