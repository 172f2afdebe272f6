"""Finds of each repository the manifests that go with its removed tags: those that nothing else needs.

The needs of a manifest are its children, the manifests that are attached to it by their ``subject``, and what its
attachment tags name: its fallback index, and cosign's signatures. Manifests belong to one repository: a registry
removes one there, and keeps it elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bundler.core.attachments import subject_of_tag
from bundler.core.frozen import frozen
from bundler.core.inventory import HeldManifest, HeldRepository


@frozen
class Needs:
    """The manifests of a repository, and what each needs.

    Attributes:
        tags: The number of the manifest of each tag, attachment tags included.
        edges: The needs of each manifest, in an order in which they may be removed after it.
        attached: The number of the subject of each attachment tag; None if the repository lacks the subject.
    """

    tags: Mapping[str, int]
    edges: Mapping[int, tuple[int, ...]]
    attached: Mapping[str, int | None]

    @classmethod
    def of(cls, repository: HeldRepository, manifests: tuple[HeldManifest, ...]) -> Needs:
        """The needs in a repository.

        Args:
            repository: The repository.
            manifests: All manifests, by number.
        """
        held = frozenset(repository.manifests)
        numbers = {manifests[number].descriptor.digest: number for number in held}
        edges: dict[int, list[int]] = {number: [] for number in held}
        for number in repository.manifests:
            subject = manifests[number].subject
            if subject is not None and subject in held:
                edges[subject].append(number)
        attached: dict[str, int | None] = {}
        for tag, number in repository.tags:
            named = subject_of_tag(tag)
            if named is not None:
                of = attached[tag] = numbers.get(named[0])
                if of is not None:
                    edges[of].append(number)
        for number in held:
            edges[number] += [child for child in manifests[number].children if child in held]
        return cls(
            dict(repository.tags), {number: tuple(dict.fromkeys(found)) for number, found in edges.items()}, attached
        )

    def reached(self, roots: Iterable[int]) -> set[int]:
        """Some manifests, with all that they need."""
        found: set[int] = set()
        left = [number for number in roots if number in self.edges]
        while left:
            number = left.pop()
            if number not in found:
                found.add(number)
                left += [each for each in self.edges[number] if each not in found]
        return found

    def unneeded(
        self, removed: Collection[str], protected: Collection[int] = (), leftovers: Collection[int] = ()
    ) -> list[int]:
        """The manifests that go with some tags, in an order in which none goes before one that needs it.

        Args:
            removed: The tags that go; none of them is an attachment tag.
            protected: Manifests that stay, though no tag may name them.
            leftovers: Manifests that go too, though no tag may name them, if nothing else needs them.
        """
        doomed = self.reached([*(self.tags[tag] for tag in removed), *leftovers])
        while True:
            # A tag of an attachment goes with its subject, also with one that an interrupted prune has removed. The
            # other tags keep what they name, and all that it needs.
            gone = {tag for tag, subject in self.attached.items() if self._goes(tag, subject, doomed, leftovers)}
            staying = [number for tag, number in self.tags.items() if tag not in removed and tag not in gone]
            left = doomed - self.reached([*staying, *protected])
            if left == doomed:
                return self._in_order(doomed)
            doomed = left

    def _goes(self, tag: str, subject: int | None, doomed: Collection[int], leftovers: Collection[int]) -> bool:
        return subject in doomed if subject is not None else self.tags[tag] in leftovers

    def _in_order(self, numbers: set[int]) -> list[int]:
        """Those that need others first. Attachments may need each other in a circle; then any order is right."""
        found: list[int] = []
        seen: set[int] = set()
        for root in sorted(numbers):
            left = [(root, iter(self.edges[root]))] if root not in seen else []
            seen.add(root)
            while left:
                number, rest = left[-1]
                following = next((each for each in rest if each in numbers and each not in seen), None)
                if following is None:
                    found.append(number)
                    left.pop()
                else:
                    seen.add(following)
                    left.append((following, iter(self.edges[following])))
        return found[::-1]
