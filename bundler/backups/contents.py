"""The images that a backup carries: every tag of a registry by the digest that it has now, and digests without tags.

A digest without a tag is carried if something names it: an index, an attachment, the tag of an attachment, a receipt,
or the API of Harbor. distribution does not list its manifests, so nobody knows of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.given_repositories import is_below
from bundler.core.image_list import Entry
from bundler.core.inventory import NotListed
from bundler.core.location import REGISTRY, RegistryPlace
from bundler.core.receipt import Receipt
from bundler.core.reference import Reference, one_spelling
from bundler.core.whole_registry import AttachingTag, digest_name, roots_of
from bundler.errors import BundlerError, Damaged, Misuse, Refused
from bundler.inventories.kept import kept_documents
from bundler.inventories.registries import registry_contents, repositories_there
from bundler.keys.signed_files import Demand
from bundler.keys.statements import read_statement
from bundler.run import Run, retrying
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_each
from bundler.transports.parsing import parse_image

GONE_SINCE = "gone-since"
"""The code of digests that a receipt names, and that are not in their repository any more."""
_Named = tuple[str, Digest]
"""A manifest by its repository and its digest."""


@frozen
class RegistryContents:
    """The content of a registry, for a backup.

    Attributes:
        entries: The images, each by its digest.
        attaching: The tags of attachments, which travel with their subjects.
        repositories: The names of the repositories that were read.
        tags: The number of tags.
        not_listed: Repositories and tags that could not be read, and digests that are gone.
        not_read: The lists of digests without a tag that could not be read, each with the reason.
    """

    entries: tuple[Entry, ...]
    attaching: tuple[AttachingTag, ...]
    repositories: tuple[str, ...]
    tags: int
    not_listed: tuple[NotListed, ...]
    not_read: tuple[tuple[str, str], ...] = ()


def read_contents(
    place: RegistryPlace,
    repositories: tuple[str, ...],
    named: Mapping[str, frozenset[Digest]],
    stores: Stores,
    run: Run,
    *,
    untagged: Callable[[str], frozenset[Digest]] | None = None,
) -> RegistryContents:
    """Reads the content of a registry.

    Args:
        place: The registry, with the prefix of the repositories that count.
        repositories: The repositories, if the user gave them; else the registry is asked for all.
        named: Digests that receipts name, by repository.
        stores: The stores of the run.
        run: Receives progress, and can be stopped.
        untagged: Returns the digests without a tag of a repository, if the registry lists them.

    Raises:
        Refused: The registry does not list its repositories.
        Unavailable: It does not answer.
        Interrupted: The user stopped it.
    """
    registry = stores.registry(place.registry)
    contents = registry_contents(registry, place.prefix, repositories, kept_documents(), run)
    table = contents.table
    roots = {each.name: roots_of(each, table.manifests) for each in table.repositories}
    attaching = [each for found in roots.values() for each in found.attaching]
    orphans = [each for found in roots.values() for each in found.orphans]
    held = {
        (each.name, table.manifests[number].descriptor.digest)
        for each in table.repositories
        for number in each.manifests
    }
    found_untagged = _Untagged()
    if untagged is not None:
        names = repositories or repositories_there(registry, place.prefix, run) or tuple(roots)
        found_untagged = _untagged(names, untagged, run)
    by_receipts = {(name, digest) for name, digests in named.items() for digest in digests} - held
    subjects = {(each.repository, each.subject) for each in orphans}
    there = _those_there(place.registry, (found_untagged.listed - held) | by_receipts | subjects, stores, run)
    images = {
        Reference(place.registry, name, tag): digest
        for name, found in roots.items()
        for tag, digest in found.images.items()
    }
    images.update((digest_name(place.registry, name, digest), digest) for name, digest in there)
    for each in orphans:
        if (each.repository, each.subject) in there:
            attaching.append(each)
        else:
            images[Reference(place.registry, each.repository, each.tag)] = each.digest
    return RegistryContents(
        entries=tuple(_entry(name, images[name]) for name in sorted(images, key=str)),
        attaching=tuple(attaching),
        repositories=tuple(roots),
        tags=sum(len(each.tags) for each in table.repositories),
        not_listed=(*contents.not_listed, *_gone(place.registry, by_receipts - there)),
        not_read=found_untagged.not_read,
    )


@frozen
class _Untagged:
    """The digests without a tag, and what this account may not read."""

    listed: frozenset[_Named] = frozenset()
    not_read: tuple[tuple[str, str], ...] = ()


def _untagged(names: Sequence[str], untagged: Callable[[str], frozenset[Digest]], run: Run) -> _Untagged:
    """The digests without a tag of each repository; none of a repository whose digests the registry does not list."""
    answers = ask_each(names, untagged, run)
    for error in answers.failed.values():
        if not isinstance(error, (Refused, Damaged)):
            raise error
    return _Untagged(
        frozenset((name, digest) for name, digests in answers.given.items() for digest in digests),
        tuple(sorted((f"{name}: digests without a tag", str(error)) for name, error in answers.failed.items())),
    )


def _gone(registry: str, lacking: Iterable[_Named]) -> Iterator[NotListed]:
    """The digests that receipts name, and that their repository does not have."""
    for name, digest in sorted(lacking, key=lambda each: (each[0], str(each[1]))):
        image = f"{registry}/{name}@{digest}"
        reason = text("{image}: the registry has it no more; a receipt names it", image=image)
        yield NotListed(f"{name}@{digest}", GONE_SINCE, reason)


def _entry(name: Reference, digest: Digest) -> Entry:
    """An image by the digest that it has now, so that a tag that moves later changes nothing."""
    return Entry(name, parse_image(f"docker://{name.pinned(digest)}"))


def _those_there(registry: str, wanted: Collection[_Named], stores: Stores, run: Run) -> set[_Named]:
    """The digests that their repository has."""

    def ask(each: _Named) -> bool:
        name, digest = each
        look = partial(stores.repository(registry, name).look_up, str(digest))
        return retrying(look, run, subject=f"{registry}/{name}@{digest}", peer=registry) is not None

    answers = ask_each(sorted(wanted, key=str), ask, run)
    for error in answers.failed.values():
        raise error
    return {each for each, is_there in answers.given.items() if is_there}


def named_by_receipts(
    receipts: Iterable[Path], place: RegistryPlace, trust: tuple[Path, ...], demand: Demand, run: Run
) -> dict[str, frozenset[Digest]]:
    """The digests that receipts name in repositories of a registry.

    Args:
        receipts: The files.
        place: The registry, with the prefix of the repositories that count.
        trust: Public keys or folders of them, of which one must have signed each receipt.
        demand: The signature that each must have.
        run: Receives progress, and can be stopped.

    Raises:
        Misuse: There is no such file, or it is no receipt.
        Untrusted, Damaged, Refused: It is not signed by a trusted key, or cannot be read.
    """
    found: dict[str, set[Digest]] = {}
    for path in receipts:
        document = read_statement(path, trust, demand=demand, run=run).document
        if not isinstance(document, Receipt):
            raise Misuse("not a receipt", subject=str(path), hint="give the receipt that an import wrote")
        for target in document.targets:
            if target.kind != REGISTRY:
                continue
            for image in target.images:
                name = _name_of(image.name)
                if name is None or one_spelling(name.registry) != one_spelling(place.registry):
                    continue
                if image.is_done and is_below(name.repository, place.prefix):
                    found.setdefault(name.repository, set()).add(Digest.parse(image.digest))
    return {name: frozenset(digests) for name, digests in found.items()}


def _name_of(text: str) -> Reference | None:
    try:
        return Reference.parse(text)
    except BundlerError:
        return None
