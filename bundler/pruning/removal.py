"""Removes one manifest or one tag from a repository, right after the registry was asked what its tags name now."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from bundler.core import oci
from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.registry_kind import HARBOR, RegistryKind
from bundler.core.retention.receipt import PrunedTag
from bundler.errors import BundlerError
from bundler.run import Run, retrying
from bundler.stores.harbor import Projects
from bundler.stores.repository import Repository

Answer = TypeVar("Answer")


class Moved(Exception):
    """A tag names another manifest than the plan says."""

    def __init__(self, tag: str, now: Digest) -> None:
        super().__init__(tag)
        self.tag = tag
        self.now = now


@frozen
class Marker:
    """A manifest without content, which takes the place of a tag's image before the tag is removed.

    Registries before distribution 3 remove manifests only, and with each all of its tags. So the tag first gets a
    manifest that no other tag has, and then that one is removed (regclient: ``TagDelete``).
    """

    content: bytes

    @classmethod
    def of(cls, name: str, digest: Digest, started: str) -> Marker:
        """The marker of a tag in one prune: the same each time, so that a later run recognises it.

        Args:
            name: The full name of the tag.
            digest: The digest that it names.
            started: The time at which the prune was started.
        """
        document = {
            "schemaVersion": 2,
            "mediaType": oci.OCI_INDEX,
            "manifests": [],
            "annotations": {"dev.bundler.removed": f"{name}@{digest} {started}"},
        }
        return cls(json.dumps(document, separators=(",", ":")).encode())

    @property
    def descriptor(self) -> Descriptor:
        """Its descriptor."""
        return Descriptor(oci.OCI_INDEX, Digest.of(self.content), len(self.content))


def marker_of(started: str, registry: str, tag: PrunedTag) -> Marker:
    """The marker of a tag in the prune that was started at a time."""
    return Marker.of(f"{registry}/{tag.repository}:{tag.tag}", tag.digest, started)


@frozen
class Remover:
    """Removes manifests and tags of one repository.

    Attributes:
        repository: The repository.
        kind: The kind of its registry.
        run: Repeats requests, and can be stopped.
    """

    repository: Repository
    kind: RegistryKind
    run: Run

    def manifest(self, digest: Digest, tags: Sequence[str]) -> None:
        """Removes a manifest with its tags; an absent one is no error: Harbor removes children with their index.

        Raises:
            Moved: A tag names something else now; nothing was removed.
            BundlerError: The registry refuses, or does not answer.
        """
        for tag in tags:
            self._check(tag, digest)
        self._ask(str(digest), partial(self.repository.delete_manifest, digest))

    def tag(self, tag: str, digest: Digest, marker: Marker, others: Sequence[str]) -> None:
        """Removes a tag; its manifest stays.

        Args:
            tag: The tag.
            digest: The digest that it names.
            marker: Takes the place of the image, where the registry removes manifests only.
            others: The tags that name the same manifest and stay.

        Raises:
            Moved: The tag names something else now; nothing was removed.
            BundlerError: The registry refuses, or does not answer. The tag is as it was, or names the marker.
        """
        if not self._check(tag, digest):
            return
        found = self._ask(str(digest), partial(self.repository.resolve, str(digest)))
        content = self.repository.read_manifest(found)
        if self.kind is HARBOR:
            projects = Projects(self.repository.registry)
            self._ask(tag, partial(projects.remove_tag, self.repository.path, digest, tag))
        elif not self._ask(tag, partial(self.repository.remove_tag, tag)):
            self._by_marker(tag, found, content, marker)
        if self._ask(str(digest), partial(self.repository.find, str(digest))) is None:
            for name in (str(digest), *others):
                self._ask(name, partial(self.repository.put_under, found, content, name))
            raise problem("image-removed-too", subject=self._called(tag), host=self.repository.registry.name)

    def clear(self, tag: str, marker: Marker) -> None:
        """Removes a marker that an interrupted prune has left at a tag.

        Raises:
            BundlerError: The registry refuses, or does not answer.
        """
        found = self._now(tag)
        if found == marker.descriptor.digest:
            self._ask(tag, partial(self.repository.delete_manifest, found))

    def _by_marker(self, tag: str, found: Descriptor, content: bytes, marker: Marker) -> None:
        self._ask(tag, partial(self.repository.tag, marker.descriptor, marker.content, tag))
        try:
            self._ask(tag, partial(self.repository.delete_manifest, marker.descriptor.digest))
        except BundlerError:
            self._ask(tag, partial(self.repository.tag, found, content, tag))
            raise

    def _check(self, tag: str, digest: Digest) -> bool:
        """True if a tag names a digest; false if it does not exist."""
        now = self._now(tag)
        if now is not None and now != digest:
            raise Moved(tag, now)
        return now is not None

    def _now(self, tag: str) -> Digest | None:
        found = self._ask(tag, partial(self.repository.find, tag))
        return found.digest if found else None

    def _called(self, name: str) -> str:
        return f"{self.repository.name}{'@' if ':' in name else ':'}{name}"

    def _ask(self, name: str, question: Callable[[], Answer]) -> Answer:
        return retrying(question, self.run, subject=self._called(name), peer=self.repository.registry.name)
