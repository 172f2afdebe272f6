"""The content of a registry: repositories, tags, manifests. Blobs are known from the manifests and not asked for.

Each manifest is looked up in each repository, because a registry may have it in one and not in another. Manifests that
an earlier run has read are kept in the user's cache folder (`bundler.stores.kept`): an inventory that was interrupted
goes on, and a later one needs one HEAD for each tag.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.given_repositories import is_below
from bundler.core.inventory import HeldBlob, NotListed
from bundler.core.inventory_table import FoundManifest, FoundRepository, Table, table
from bundler.core.limits import INDEX_DEPTH, MANIFEST_BYTES, NAMES
from bundler.core.oci import Descriptor
from bundler.core.several import together
from bundler.errors import BundlerError, Damaged, NotFound, Refused, UnknownRepository
from bundler.exporting.missing_images import is_unusable
from bundler.exporting.names import all_names
from bundler.inventories.request import Contents
from bundler.run import Run, retrying
from bundler.stores.kept import KeptDocuments
from bundler.stores.name_lists import NamePage, catalog_page, tags_page
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from bundler.texts import some, text
from bundler.transfer import ask_all


@frozen
class _Tag:
    """A tag, or the digest of a manifest that is read whether a tag names it or not."""

    repository: str
    tag: str

    @property
    def is_digest(self) -> bool:
        return ":" in self.tag

    def __str__(self) -> str:
        return f"{self.repository}{'@' if self.is_digest else ':'}{self.tag}"


class _Found:
    """The manifests and tags that were found so far. Thread-safe; local to `registry_contents`."""

    def __init__(self) -> None:
        self._manifests: dict[Digest, FoundManifest] = {}
        self._tags: dict[str, dict[str, Digest]] = {}
        self._held: dict[str, set[Digest]] = {}
        self._blobs: dict[HeldBlob, HeldBlob] = {}
        self._lock = threading.Lock()

    def has(self, repository: str, digest: Digest) -> bool:
        """True if a manifest was found in this repository before."""
        with self._lock:
            return digest in self._held.get(repository, ())

    def has_tag(self, tag: _Tag) -> bool:
        """True if a tag was found before."""
        with self._lock:
            return tag.tag in self._tags.get(tag.repository, ())

    def add(self, tag: _Tag, manifests: Sequence[FoundManifest]) -> None:
        """Notes a tag with its manifests, the root first. Equal blobs become one object: there are many of them."""
        with self._lock:
            held = self._held.setdefault(tag.repository, set())
            for each in manifests:
                shared = tuple(self._blobs.setdefault(blob, blob) for blob in each.blobs)
                self._manifests.setdefault(each.descriptor.digest, replace(each, blobs=shared))
                held.add(each.descriptor.digest)
            tags = self._tags.setdefault(tag.repository, {})
            if not tag.is_digest:
                tags[tag.tag] = manifests[0].descriptor.digest

    def table(self) -> Table:
        """All of it as the lists of an inventory."""
        held = (FoundRepository(name, self._tags[name], frozenset(found)) for name, found in self._held.items())
        return table(held, self._manifests)


@frozen
class _Tags:
    """The tags of repositories, sorted, and the errors of repositories whose tags cannot be listed."""

    tags: tuple[_Tag, ...]
    failed: tuple[tuple[str, BundlerError], ...]


def is_final(error: BundlerError) -> bool:
    """True if a registry refuses something for good, or has something that is unusable."""
    return isinstance(error, (Refused, Damaged))


def registry_contents(
    registry: Registry,
    prefix: str,
    names: Sequence[str],
    kept: KeptDocuments | None,
    run: Run,
    *,
    digests: Iterable[tuple[str, Digest]] = (),
    is_named: Callable[[BundlerError], bool] = is_unusable,
) -> Contents:
    """Reads the content of a registry.

    Args:
        registry: The registry.
        prefix: The first parts of the repositories that count; may be empty.
        names: The repositories, if the user gave them; else the registry is asked for all.
        kept: The manifests that earlier runs have read.
        run: Receives progress, and can be stopped.
        digests: Manifests of repositories that are read too, if the registry still has them: no tag may name them.
        is_named: True for the errors of repositories and tags that are named, and do not end the run. Those that
            are not final are named only if the registry still answers for another tag.

    Raises:
        Refused: The registry does not list its repositories.
        Unavailable: It does not answer. The next run uses the manifests that were read.
        Interrupted: The user stopped it.
    """
    repositories = names or _below(registry, prefix, run)
    listed = _tags(registry, repositories, run)
    also = _also(digests, repositories)
    found, api = _Found(), _ReferrersApi()
    before = {
        tag.repository: kept is not None and kept.knows(f"{registry.name}/{tag.repository}")
        for tag in (*listed.tags, *also)
    }

    def read(tag: _Tag) -> None:
        reader = _Reader(Repository(registry, tag.repository), api, kept, before[tag.repository])
        is_found = partial(found.has, tag.repository)
        follow = partial(_follow, tag, reader, is_found)
        try:
            found.add(tag, retrying(follow, run, subject=f"{registry.name}/{tag}", peer=registry.name))
        except NotFound:
            if not tag.is_digest:
                raise
        run.listener(Moved(1))

    run.listener(PhaseBegan("reading manifests", len(listed.tags), in_bytes=False))
    try:
        failed = ask_all(listed.tags, read, run)
        failed += ask_all([each for each in also if not found.has(each.repository, Digest.parse(each.tag))], read, run)
    finally:
        if kept is not None:
            kept.prune()
    run.listener(PhaseEnded("reading manifests"))
    errors = [*listed.failed, *((str(tag), error) for tag, error in failed)]
    if not all(is_final(error) for _, error in errors) and not _still_answers(registry, listed.tags, found):
        is_named = is_final
    not_listed = _not_listed(errors, is_named)
    return Contents(found.table(), not_listed=not_listed, doubtful=api.doubtful)


def _still_answers(registry: Registry, tags: Sequence[_Tag], found: _Found) -> bool:
    """True if the registry still gives a tag that it gave before: then only the others are at fault."""
    tag = next((each for each in tags if found.has_tag(each)), None)
    if tag is None:
        return False
    try:
        return Repository(registry, tag.repository).look_up(tag.tag) is not None
    except BundlerError:
        return False


def tags_there(registry: Registry, repositories: Sequence[str], run: Run) -> tuple[dict[str, list[str]], list[str]]:
    """The tags of repositories, and the repositories whose tags cannot be listed.

    Raises:
        Unavailable: The registry does not answer.
        Interrupted: The user stopped it.
    """
    listed = _tags(registry, repositories, run)
    found: dict[str, list[str]] = {}
    for tag in listed.tags:
        found.setdefault(tag.repository, []).append(tag.tag)
    return found, sorted(name for name, _ in listed.failed)


def repositories_there(registry: Registry, prefix: str, run: Run) -> list[str] | None:
    """The repositories of a registry below a prefix; None if it does not list them.

    Raises:
        Unavailable: It does not answer.
        Interrupted: The user stopped it.
    """
    try:
        return [name for name in _repositories(registry, run) if is_below(name, prefix)]
    except Refused:
        return None


def _also(digests: Iterable[tuple[str, Digest]], repositories: Iterable[str]) -> list[_Tag]:
    """The manifests to read by their digests, in the repositories that are read."""
    read = frozenset(repositories)
    return sorted(
        {_Tag(repository, str(digest)) for repository, digest in digests if repository in read},
        key=lambda each: (each.repository, each.tag),
    )


def _repositories(registry: Registry, run: Run) -> list[str]:
    title = "listing repositories"
    run.listener(PhaseBegan(title, 0, in_bytes=False))
    names = list(all_names(lambda path: catalog_page(registry, path), registry.name, registry.name, run))
    run.listener(PhaseEnded(title))
    return names


def _below(registry: Registry, prefix: str, run: Run) -> list[str]:
    """The repositories of a registry below a prefix. If there are others only, their prefixes are named."""
    names = _repositories(registry, run)
    found = [name for name in names if is_below(name, prefix)]
    if names and not found:
        firsts = sorted({name.partition("/")[0] for name in names})
        run.listener(
            Noticed(
                text(
                    "{registry} has no repository {prefix} and none below it; it has {prefixes}",
                    registry=registry.name,
                    prefix=prefix,
                    prefixes=some(firsts),
                )
            )
        )
    return found


def _tags(registry: Registry, repositories: Sequence[str], run: Run) -> _Tags:
    found: dict[str, list[str]] = {}
    strange: dict[str, BundlerError] = {}
    listed, lock = 0, threading.Lock()

    def ask(repository: str) -> None:
        nonlocal listed
        if listed > NAMES:
            raise _too_many_tags(registry)
        subject = f"{registry.name}/{repository}"

        def page_of(path: str) -> NamePage:
            page = tags_page(registry, repository, path)
            if page.strange:
                strange[repository] = _strange_tag(subject, page.strange[0])
            return page

        pages = all_names(page_of, subject, registry.name, run)
        try:
            found[repository] = list(pages)
        except UnknownRepository:  # distribution still lists a repository whose manifests were all deleted
            found[repository] = []
            run.listener(Noticed(text("{repository}: there is no tag", repository=subject)))
        with lock:
            listed += len(found[repository])
        run.listener(Moved(1))

    title = "listing tags"
    run.listener(PhaseBegan(title, len(repositories), in_bytes=False))
    failed = ask_all(repositories, ask, run)
    run.listener(PhaseEnded(title))
    if listed > NAMES:
        raise _too_many_tags(registry)
    tags = tuple(_Tag(repository, tag) for repository in sorted(found) for tag in sorted(found[repository]))
    return _Tags(tags, (*failed, *sorted(strange.items())))


def _strange_tag(subject: str, name: str) -> Refused:
    """The error of a repository with a tag that cannot be asked for: an image may be needed by it alone."""
    return Refused(
        text("the registry lists {name}, which is no tag by the distribution specification", name=repr(name[:128])),
        subject=subject,
        hint="remove it there; the other tags of the repository were read",
    )


def _too_many_tags(registry: Registry) -> Refused:
    return Refused(
        "the registry lists more tags than an inventory can hold",
        subject=registry.name,
        expected=text("at most {count:,}", count=NAMES),
        hint=text("make several inventories: bundler inventory {host}/PREFIX, or --repository", host=registry.name),
    )


class _ReferrersApi:
    """Asks a registry for the attachments of manifests, until it has shown that it has no such API. Thread-safe."""

    def __init__(self) -> None:
        self._is_absent = threading.Event()
        self._doubtful: set[str] = set()

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The repositories in which a list could not be read, sorted."""
        return tuple(sorted(self._doubtful))

    def of(self, subject: Digest, repository: Repository) -> tuple[Digest, ...]:
        """Returns the manifests that are attached to another one by their ``subject``; those with a tag are tags.

        A list that is no list counts as none: the inventory then names less than the registry has.

        Raises:
            Unavailable: The registry does not answer.
        """
        if self._is_absent.is_set():
            return ()
        try:
            found = repository.referrers(subject)
        except (Refused, Damaged):
            self._doubtful.add(repository.path)
            return ()
        if found is None:
            self._is_absent.set()
        return tuple(each.descriptor.digest for each in found or ())


@frozen
class _Reader:
    """Reads manifests of one repository.

    Attributes:
        repository: The repository.
        api: The referrers API of its registry.
        kept: The manifests that earlier runs have read.
        is_known: True if they may have read some of this repository: then a HEAD shows which manifest is wanted.
    """

    repository: Repository
    api: _ReferrersApi
    kept: KeptDocuments | None
    is_known: bool

    def read(self, name: str) -> tuple[Descriptor, bytes]:
        """Returns a manifest by its tag or digest, verified, after the registry has shown that it has it.

        Raises:
            Refused, Damaged, Unavailable: The registry does not have it, or gives other bytes, or does not answer.
        """
        place = self.repository.name
        if self.kept is not None and self.is_known:
            found = self.repository.look_up(name)
            content = self.kept.read(place, found.digest, MANIFEST_BYTES) if found else None
            if found is not None and content is not None:
                media_type = found.media_type or oci.media_type_of(content, what=place)
                return Descriptor(media_type, found.digest, len(content)), content
        descriptor = self.repository.resolve(name)
        content = self.repository.read_manifest(descriptor)
        if self.kept is not None:
            self.kept.keep(place, descriptor.digest, content)
        return descriptor, content


def _follow(tag: _Tag, reader: _Reader, is_found: Callable[[Digest], bool]) -> list[FoundManifest]:
    """Reads the manifest of a tag, and all manifests below it or attached to it that were not found before.

    A child that the repository does not have is left out: registries accept such indexes.
    """
    found: list[FoundManifest] = []
    seen: set[Digest] = set()  # a registry may list manifests as attached to each other
    left: list[tuple[str, int]] = [(tag.tag, 0)]
    while left:
        name, depth = left.pop()
        what = f"{reader.repository.name}{'@' if depth else ':'}{name}"
        try:
            descriptor, content = reader.read(name)
        except NotFound:
            if not found:
                raise
            continue
        each = FoundManifest.of(oci.parse_manifest(content, descriptor.media_type, what=what))
        found.append(replace(each, descriptor=descriptor.bare))
        seen.add(descriptor.digest)
        if each.children and depth == INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=what)
        attached = reader.api.of(descriptor.digest, reader.repository) if depth < INDEX_DEPTH else ()
        below = [one for one in dict.fromkeys((*each.children, *attached)) if one not in seen and not is_found(one)]
        seen.update(below)
        left += [(str(digest), depth + 1) for digest in below]
    return found


def _not_listed(
    failed: Iterable[tuple[str, BundlerError]], is_named: Callable[[BundlerError], bool]
) -> tuple[NotListed, ...]:
    """The names that the registry refuses, and those whose manifests are unusable.

    Raises:
        BundlerError: There are other errors, which may not come again: a list without these names would be wrong.
    """
    ordered = sorted(failed, key=lambda pair: pair[0])
    others = [error for _, error in ordered if not is_named(error)]
    if others:
        raise together(text("{count} requests failed; nothing was written", count=len(others)), others)
    return tuple(NotListed(name, error.code or "", str(error)) for name, error in ordered)
