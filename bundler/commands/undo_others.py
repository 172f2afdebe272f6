"""Other tags of the images that an import brought: an image with one keeps its attachments when the import is undone.

Another import, or a user, may have tagged the same image since then. Without its signatures no cluster would run it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial

from bundler.commands.undo_attachments import Group
from bundler.core.attachments import subject_of_tag
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.limits import UNDO_TAGS
from bundler.core.reference import Reference
from bundler.errors import Refused
from bundler.run import Run, retrying
from bundler.stores.name_lists import tags_page
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_all


def tagged_elsewhere(
    groups: Collection[Group], restored: Iterable[Reference], stores: Stores, run: Run
) -> frozenset[Group]:
    """The images that have a tag which the import did not move, or may have one. They are reported to the run.

    Args:
        groups: The images, by repository and digest.
        restored: The tags that the import moved.
        stores: The registries.
        run: The run.

    Raises:
        Interrupted: The user stopped it.
    """
    search = _Search(frozenset(restored), stores, run)
    digests: dict[str, set[str]] = {}
    for repository, digest in groups:
        digests.setdefault(repository, set()).add(digest)
    found: set[Group] = set()

    def look(repository: str) -> None:
        for tag, digest in search.tags_of(Reference.parse(repository)):
            if digest in digests[repository] and (repository, digest) not in found:
                found.add((repository, digest))
                run.listener(
                    Noticed(text("{name}:{tag} is the same image, so its attachments stay", name=repository, tag=tag))
                )

    for repository, error in ask_all(list(digests), look, run):
        found.update((repository, digest) for digest in digests[repository])
        run.listener(
            Noticed(
                text(
                    "{name}: all attachments stay, because the tags there are not known: {error}",
                    name=repository,
                    error=error.message,
                )
            )
        )
    return frozenset(found)


@frozen
class _Search:
    """Reads the tags of repositories, without those that the import moved."""

    restored: frozenset[Reference]
    stores: Stores
    run: Run

    def tags_of(self, repository: Reference) -> Iterator[tuple[str, str]]:
        """Yields the other tags of images in a repository, each with its digest.

        Raises:
            BundlerError: The registry does not list them, lists too many, or does not answer.
        """
        store = self.stores.repository(repository.registry, repository.repository)
        for tag in self._listed(repository):
            find = partial(store.find, tag)
            subject = f"{repository.name}:{tag}"
            found = retrying(find, self.run, subject=subject, peer=repository.registry)
            if found is not None:
                yield tag, str(found.digest)

    def _listed(self, repository: Reference) -> list[str]:
        known = {each.tag for each in self.restored if each.name == repository.name}
        registry = self.stores.registry(repository.registry)
        tags: dict[str, None] = {}
        path: str | None = ""
        while path is not None:
            ask = partial(tags_page, registry, repository.repository, path)
            page = retrying(ask, self.run, subject=repository.name, peer=repository.registry)
            new = {tag: None for tag in page.names if tag not in tags}
            tags |= new
            path = page.following if new else None
            if len(tags) > UNDO_TAGS:
                raise Refused(
                    "too many tags",
                    subject=repository.name,
                    expected=text("at most {count:,}", count=UNDO_TAGS),
                    actual="more",
                )
        return [tag for tag in tags if tag not in known and subject_of_tag(tag) is None]
