"""The images that an entry of a list means by patterns: the registry is asked for its repositories and their tags.

An export that is resumed does not ask again: its journal has the names that it started with.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from functools import partial

from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, ManyImages
from bundler.core.limits import MANY_IMAGES
from bundler.core.reference import Reference
from bundler.core.several import together
from bundler.errors import NoCatalog, Refused, UnknownRepository
from bundler.exporting.dates import created_of
from bundler.exporting.names import all_names
from bundler.run import Run, retrying
from bundler.stores.name_lists import catalog_page, tags_page
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_each
from bundler.transports.parsing import parse_image


@frozen
class _Tag:
    repository: str
    tag: str


def entry_for(many: ManyImages, repository: str, tag: str) -> Entry:
    """The entry of one image that a pattern means."""
    reference = Reference(many.registry, repository, tag)
    source = parse_image(f"docker://{reference}")
    return Entry(reference, source, None, many.platforms, many.where, attachments=many.attachments)


def known_entries(many: ManyImages, names: Iterable[Reference]) -> list[Entry]:
    """The entries for the names of an earlier run that a pattern may mean, in their order in lists.

    Dates and the newest tags are not asked again: the names are those that were chosen then.
    """
    fitting = {
        (each.repository, each.tag)
        for each in names
        if each.registry == many.registry
        and each.tag is not None
        and _means(many, each.repository)
        and many.tags.allowed([each.tag])
    }
    return [entry_for(many, *pair) for pair in sorted(fitting)]


def found_entries(many: ManyImages, stores: Stores, run: Run) -> list[Entry]:
    """Asks the registry of an entry for its images.

    Raises:
        Refused: The registry does not list its repositories or tags, or no tag fits.
        Unavailable: It does not answer.
    """
    repositories = _repositories(many, stores, run)
    tags = _tags(many, repositories, stores, run)
    allowed = {repository: many.tags.allowed(names) for repository, names in tags.items()}
    chosen = _dated(many, allowed, stores, run) if many.tags.needs_dates else _newest(many, allowed)
    found = [entry_for(many, repository, tag) for repository in sorted(chosen) for tag in chosen[repository]]
    seen = sum(map(len, tags.values()))
    if not found:
        raise Refused(
            text("no image fits; tags: {tags:,}, repositories: {repositories:,}", tags=seen, repositories=len(tags)),
            subject=f"{many.where}: {many}",
            hint="look at the names there: skopeo list-tags docker://HOST/REPOSITORY",
        )
    if len(found) > MANY_IMAGES:
        raise Refused(
            "too many images fit",
            subject=f"{many.where}: {many}",
            expected=text("at most {count:,}", count=MANY_IMAGES),
            actual=text("{count:,}", count=len(found)),
            hint="choose fewer with tags:",
        )
    run.listener(
        Noticed(
            text(
                "{where}: {many}: {count:,} of {tags:,} tags fit; repositories with such tags: {repositories:,}",
                where=many.where,
                count=len(found),
                repositories=len({entry.reference.repository for entry in found}),
                many=many,
                tags=seen,
            )
        )
    )
    return found


def _means(many: ManyImages, repository: str) -> bool:
    return repository == many.repository or (many.is_pattern and fnmatch.fnmatchcase(repository, many.repository))


def _repositories(many: ManyImages, stores: Stores, run: Run) -> list[str]:
    if not many.is_pattern:
        return [many.repository]
    registry = stores.registry(many.registry)
    run.listener(PhaseBegan("listing repositories", 0, in_bytes=False))
    try:
        names = list(all_names(lambda path: catalog_page(registry, path), registry.name, registry.name, run))
    except NoCatalog as error:
        raise error.but(
            subject=f"{many.where}: {many.registry}",
            hint="write an entry for each repository in the list, without * in its name; their tags can have patterns",
        ) from error.__cause__
    run.listener(PhaseEnded("listing repositories"))
    found = sorted(name for name in names if _means(many, name))
    if not found:
        raise Refused(
            text("no repository fits; the registry lists {count:,}", count=len(names)),
            subject=f"{many.where}: {many}",
            hint="a registry lists those that the login may see",
        )
    return found


def _tags(many: ManyImages, repositories: Sequence[str], stores: Stores, run: Run) -> dict[str, list[str]]:
    registry = stores.registry(many.registry)

    def ask(repository: str) -> list[str]:
        subject = f"{registry.name}/{repository}"
        try:
            found = list(all_names(partial(tags_page, registry, repository), subject, registry.name, run))
        except UnknownRepository:
            if not many.is_pattern:
                raise
            found = []  # distribution still lists a repository whose manifests were all deleted
        run.listener(Moved(1))
        return found

    run.listener(PhaseBegan("listing tags", len(repositories), in_bytes=False))
    answers = ask_each(repositories, ask, run)
    run.listener(PhaseEnded("listing tags"))
    if answers.failed:
        errors = list(answers.failed.values())
        raise together(text("the tags of {count} repositories cannot be listed", count=len(errors)), errors)
    return dict(answers.given)


def _newest(many: ManyImages, allowed: dict[str, list[str]]) -> dict[str, list[str]]:
    if many.tags.newest is None:
        return allowed
    return {repository: many.tags.newest_versions(names) for repository, names in allowed.items()}


def _dated(many: ManyImages, allowed: dict[str, list[str]], stores: Stores, run: Run) -> dict[str, list[str]]:
    """The tags that fit by the dates of their images, which must be read. An image without a date does not fit."""

    def ask(tag: _Tag) -> int | None:
        store = stores.read_repository(many.registry, tag.repository)
        name = f"{many.registry}/{tag.repository}:{tag.tag}"
        when = retrying(partial(created_of, store, tag.tag, name, run), run, subject=name, peer=many.registry)
        run.listener(Moved(1))
        return when

    asked = [_Tag(repository, tag) for repository in sorted(allowed) for tag in allowed[repository]]
    run.listener(PhaseBegan("reading dates", len(asked), in_bytes=False))
    answers = ask_each(asked, ask, run)
    run.listener(PhaseEnded("reading dates"))
    if answers.failed:
        errors = list(answers.failed.values())
        raise together(text("the dates of {count} images cannot be read", count=len(errors)), errors)
    undated = sum(when is None for when in answers.given.values())
    if undated:
        run.listener(
            Noticed(text("{where}: {count:,} images have no date and do not fit", where=many.where, count=undated))
        )
    dates: dict[str, list[tuple[str, int]]] = {}
    for each, when in answers.given.items():
        if when is not None:
            dates.setdefault(each.repository, []).append((each.tag, when))
    return {repository: many.tags.by_date(found) for repository, found in dates.items()}
