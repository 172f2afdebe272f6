"""The lists of a registry: its repositories (``_catalog``, distribution) and the tags of a repository, page by page.

``_catalog`` is not part of distribution-spec: Docker Hub, GHCR and others refuse it. Registries limit the size of a
page in different ways: distribution answers 400 above its maximum, Quay and Harbor send fewer names. So the size is
only a request, and the header ``Link`` decides whether there is another page. One call here is one page: callers retry.
"""

from __future__ import annotations

from bundler.core import strict_json
from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.core.limits import NAME_LIST_BYTES, NAME_PAGE
from bundler.core.reference import is_repository, is_tag
from bundler.errors import BundlerError, Damaged
from bundler.stores.answer_headers import media_type_of
from bundler.stores.http import Answer, error_of, facts_of, no_registry
from bundler.stores.referrers import next_page
from bundler.stores.registry import Registry
from bundler.stores.repository_place import RepositoryPlace

_NO_CATALOG = frozenset({401, 403, 404, 405, 501})
"""The statuses of registries without a catalog, and of those that show it to nobody, or to administrators only."""
_CATALOG_SCOPES = ("registry:catalog:*",)


@frozen
class NamePage:
    """A page of a list.

    Attributes:
        names: The names on it that can be names.
        following: The path of the next page; None on the last one.
        strange: The other names on it.
    """

    names: tuple[str, ...]
    following: str | None
    strange: tuple[str, ...] = ()


def catalog_page(registry: Registry, path: str = "") -> NamePage:
    """Returns a page of the repositories of a registry.

    Args:
        registry: The registry.
        path: The path of the page, as the page before gave it; empty for the first one.

    Raises:
        Refused: The registry does not list its repositories.
        Damaged: The answer is not such a list.
        Unavailable: The registry does not answer.
    """
    answer = _page(registry, path or f"_catalog?n={NAME_PAGE}", _CATALOG_SCOPES)
    if answer.status in _NO_CATALOG and not path:
        facts = facts_of(answer)
        if not facts.is_page:
            raise problem("no-catalog", subject=registry.name, said=facts.said, host=registry.name)
        raise error_of(answer, subject=registry.name, facts=facts)
    if answer.status != 200:
        raise error_of(answer, subject=registry.name)
    found = _names(answer, "repositories", registry.name)
    return NamePage(tuple(name for name in found.names if is_repository(name)), found.following)


def tags_page(registry: Registry, repository: str, path: str = "") -> NamePage:
    """Returns a page of the tags of a repository; it may have none.

    Raises:
        Refused: The registry does not list them, or does not know the repository.
        Damaged: The answer is not such a list.
        Unavailable: The registry does not answer.
    """
    place = RepositoryPlace(registry, repository)
    answer = _page(registry, path or f"{repository}/tags/list?n={NAME_PAGE}", place.pull)
    if answer.status != 200:
        raise error_of(answer, subject=place.name)
    found = _names(answer, "tags", place.name)
    tags = tuple(name for name in found.names if is_tag(name))
    return NamePage(tags, found.following, tuple(name for name in found.names if not is_tag(name)))


def _page(registry: Registry, path: str, scopes: tuple[str, ...]) -> Answer:
    answer = registry.request("GET", path, scopes=scopes)
    if answer.status == 400 and path.endswith(f"?n={NAME_PAGE}"):  # a lower maximum, which only the server knows
        answer.drain()
        answer = registry.request("GET", path.partition("?")[0], scopes=scopes)
    return answer


def _names(answer: Answer, field: str, subject: str) -> NamePage:
    if media_type_of(answer) == "text/html":
        answer.drop()
        raise no_registry(answer, subject=subject)
    following = next_page(answer)
    document = strict_json.loads(answer.read(NAME_LIST_BYTES), what=subject)
    names = document.get(field, []) if isinstance(document, dict) else False
    if names is None:  # distribution writes null for a repository without tags
        names = []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _no_list(subject)
    return NamePage(tuple(names), following)


def _no_list(subject: str) -> BundlerError:
    return Damaged("the answer is not a list of names", subject=subject)
