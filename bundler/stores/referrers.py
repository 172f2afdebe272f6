"""Attachments of the manifests in a repository: the referrers API, the fallback tag, and cosign's tags.

OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema". Registries say wrong things about the API:
some answer an empty list without support (sigstore-js#1187), Harbor before 2.8 answers 401 (harbor#18305), Artifactory
406 (go-containerregistry#2026), GitHub redirects to pages for people (artifacthub/hub#4785), GitLab takes the fallback
tag for the digest of the subject (oras-go#1396). So no single answer proves that there is no attachment.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

from bundler.core import oci, strict_json
from bundler.core.attachments import (
    FALLBACK_TAG,
    REFERRERS,
    TAG,
    TAG_SUFFIXES,
    FallbackIndex,
    FoundAttachment,
    Referrer,
    fallback_tag,
    parse_fallback_index,
    parse_referrers,
    subject_of_tag,
    tag_of,
    too_many,
)
from bundler.core.digest import Digest
from bundler.core.limits import ATTACHMENT_TAGS, REFERRER_PAGES, REFERRERS_BYTES, TAG_LIST_BYTES, TAG_PAGE, TAG_PAGES
from bundler.core.oci import Descriptor
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, NotFound, Refused
from bundler.stores.addresses import Kind, checked
from bundler.stores.answer_headers import media_type_of
from bundler.stores.http import Answer, error_of, facts_of
from bundler.stores.repository_place import RepositoryPlace
from bundler.texts import text

_NO_API = frozenset({400, 401, 403, 404, 405, 406, 410, 501})
"""The statuses of registries without the API. The manifests of the repository could be read, so 401 is not about it."""
_NO_HEAD = frozenset({405, 501})
_LINK = lazy_pattern(r"<([^>]*)>([^<]*)")
_NEXT = lazy_pattern(r";\s*rel\s*=\s*\"?next\"?", re.IGNORECASE)


class TaggedManifests(Protocol):
    """Gives manifests by their tags."""

    def resolve(self, name: str | None) -> Descriptor:
        """The descriptor of a tag."""

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """The manifest, verified."""


class _Unlisted(Exception):
    """The registry does not list the tags of a repository, or has too many."""


class _Elsewhere(Exception):
    """The registry redirects to another server, which has no such API."""


class ReferrersApi:
    """The lists of referrers of one repository. Thread-safe."""

    __slots__ = ("_has_none", "_place")

    def __init__(self, place: RepositoryPlace) -> None:
        self._place = place
        self._has_none = False
        """True after the registry has shown that it has no such API."""

    def referrers(self, subject: Digest, *, is_there: bool = False) -> tuple[Referrer, ...] | None:
        """Returns the referrers of a manifest by the API, of all pages; None if there is no API. Nothing is verified.

        An empty list may be wrong: see the module.

        Args:
            subject: The manifest.
            is_there: True if the repository is known to have it. GitHub answers about each manifest, without having the
                API, that there is no such manifest (artifact-keeper#3559).

        Raises:
            Damaged: The answer is not a list of referrers.
            Refused: There are too many referrers or pages.
            Unavailable: The registry does not answer.
        """
        if self._has_none:
            return None
        what = text("{name}, asked for its referrers", name=self._place.called(subject))
        found: list[Referrer] = []
        path = f"{self._place.path}/referrers/{subject}"
        for _ in range(REFERRER_PAGES):
            try:
                answer = self._get(path)
            except _Elsewhere:
                self._has_none = True
                return None
            if answer.status in _NO_API or media_type_of(answer) != oci.OCI_INDEX:
                self._note_absence(answer, what, is_first=not found, is_there=is_there)
                return None
            following = next_page(answer)
            found += parse_referrers(answer.read(REFERRERS_BYTES), subject=subject, what=what, before=len(found))
            if following is None:
                return tuple({each.descriptor.digest: each for each in found}.values())
            path = following
        raise too_many(what)

    def fallback_index(self, subject: Digest, manifests: TaggedManifests) -> FallbackIndex | None:
        """Returns the index at the fallback tag of a manifest; None if there is none, or what is there is not one.

        Raises:
            Damaged, Refused: It is an index, but not a valid one, or too large.
            Unavailable: The registry does not answer.
        """
        tag = fallback_tag(subject)
        try:
            descriptor = manifests.resolve(tag)
            content = manifests.read_manifest(descriptor)
        except NotFound:
            return None
        return parse_fallback_index(content, descriptor, subject=subject, what=self._place.called(tag))

    def _get(self, path: str) -> Answer:
        headers = {"Accept": oci.OCI_INDEX}
        answer = self._place.registry.request(
            "GET", path, scopes=self._place.pull, headers=headers, redirects=_within_origin
        )
        if answer.status != 200 and answer.status not in _NO_API:
            raise error_of(answer, subject=self._place.name)
        return answer

    def _note_absence(self, answer: Answer, what: str, *, is_first: bool, is_there: bool) -> None:
        """Notes that there is no API. The answer about a repository or a subject that does not exist shows nothing.

        Raises:
            Damaged: A later page is not a list.
        """
        if not is_first:
            answer.drop()
            raise Damaged("a page of the list of referrers is missing", subject=what, actual=str(answer.status))
        if answer.status == 200:
            answer.drop()
            self._has_none = True
        else:
            is_of_nothing = facts_of(answer).is_of_nothing and not is_there
            self._has_none = answer.status != 400 and not is_of_nothing


class AttachmentTags:
    """The tags of a source repository that attach manifests: cosign's, and fallback tags. Thread-safe.

    The tags are listed once: that is one request for the repository instead of four for each manifest. Where a registry
    does not list them, or has very many, each possible tag is asked for by HEAD, which Docker Hub does not count.
    """

    __slots__ = ("_is_listed", "_is_tried", "_lock", "_place", "_tags")

    def __init__(self, place: RepositoryPlace) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._is_listed = False
        self._is_tried = False
        """True after a tag that is not listed was asked for."""
        self._tags: frozenset[str] | None = None
        """The listed tags of this form; None if they cannot be listed."""

    @property
    def are_listed(self) -> bool:
        """True if the registry lists its tags, so that `has` asks nobody."""
        with self._lock:
            if not self._is_listed:
                self._tags = self._list()
                self._is_listed = True
            return self._tags is not None

    def has(self, tag: str) -> bool:
        """True if there is a tag.

        Raises:
            Refused, Unavailable: The registry does not say.
        """
        if self.are_listed:
            return tag in (self._tags or ()) or self._is_hidden(tag)
        for method in ("HEAD", "GET"):
            answer = self._ask(method, tag)
            if answer.status in (200, 404):
                answer.drain()
                return answer.status == 200
            if method == "GET" or answer.status not in _NO_HEAD:
                break
            answer.drain()
        raise error_of(answer, subject=self._place.called(tag))

    def _is_hidden(self, tag: str) -> bool:
        """True if there is a tag that is not listed: caches of other registries may list only what they have already.

        It asks for one signature in each repository. If that exists, the list is not used any more.
        """
        with self._lock:
            if self._is_tried or not tag.endswith(".sig"):
                return False
            self._is_tried = True
        answer = self._ask("HEAD", tag)
        answer.drain()
        if answer.status == 200:
            self._tags = None
        return answer.status == 200

    def _ask(self, method: str, tag: str) -> Answer:
        path = f"{self._place.path}/manifests/{tag}"
        return self._place.registry.request(method, path, scopes=self._place.pull, headers={"Accept": oci.ACCEPT})

    def _list(self) -> frozenset[str] | None:
        found: set[str] = set()
        try:
            for page in self._pages():
                found.update(tag for tag in page if subject_of_tag(tag))
                if len(found) > ATTACHMENT_TAGS:
                    return None
        except (_Unlisted, Refused, Damaged):
            return None
        return frozenset(found)

    def _pages(self) -> Iterator[list[str]]:
        """Yields the tags.

        Raises:
            _Unlisted, Refused, Damaged: The registry does not list them, or has too many.
            Unavailable: The registry does not answer.
        """
        path = f"{self._place.path}/tags/list?n={TAG_PAGE}"
        for _ in range(TAG_PAGES):
            answer = self._place.registry.request("GET", path, scopes=self._place.pull)
            if answer.status != 200:  # also 500: some registries fail to list very many tags
                answer.drain()
                raise _Unlisted
            following = next_page(answer)
            document = strict_json.loads(answer.read(TAG_LIST_BYTES), what=self._place.name)
            tags = document.get("tags", False) if isinstance(document, dict) else False
            if not isinstance(tags, (list, type(None))):
                raise _Unlisted
            yield [tag for tag in tags or () if isinstance(tag, str)]
            if following is None:
                return
            path = following
        raise _Unlisted


def attachments_of(
    subject: Digest, api: ReferrersApi, tags: AttachmentTags, manifests: TaggedManifests
) -> tuple[FoundAttachment, ...]:
    """Returns what a repository lists as attached to a manifest, each once for each place that attaches it.

    Args:
        subject: The manifest.
        api: The lists of the repository.
        tags: Its tags.
        manifests: Reads fallback indexes.

    Raises:
        Damaged: A list is not valid.
        Refused: There are too many attachments.
        Unavailable: The registry does not answer.
    """
    tagged = [
        FoundAttachment(None, TAG, kind, tag=tag_of(subject, suffix))
        for suffix, kind in TAG_SUFFIXES.items()
        # The name of another digest is longer than a tag may be.
        if subject.algorithm == "sha256" and tags.has(tag_of(subject, suffix))
    ]
    listed = api.referrers(subject, is_there=True) or ()
    found = [FoundAttachment(each.descriptor, REFERRERS, each.kind, each.artifact_type) for each in listed]
    # An API with entries knows those of the fallback tag too; without a list of tags it would cost a request.
    is_asked = (tags.are_listed or not listed) and tags.has(fallback_tag(subject))
    index = api.fallback_index(subject, manifests) if is_asked else None
    known = {each.descriptor.digest for each in listed}
    found += [
        FoundAttachment(each.descriptor, FALLBACK_TAG, each.kind, each.artifact_type)
        for each in (index.referrers if index else ())
        if each.descriptor.digest not in known
    ]
    return (*found, *tagged)


def _within_origin(location: str, by: str) -> str:
    try:
        return checked(location, Kind.PAGE, by=by)
    except Refused as error:
        raise _Elsewhere from error


def next_page(answer: Answer) -> str | None:
    """Returns the path of a list's next page, below ``/v2/``, by the header ``Link`` (RFC 8288); None on the last page.

    Raises:
        Refused: The page is not at the same origin, or not below ``/v2/``. The answer is dropped then.
    """
    with answer.dropped_on_error():
        return _page_named(answer.headers.get("Link", ""), by=answer.url)


def _page_named(link: str, *, by: str) -> str | None:
    for address, parameters in _LINK.findall(link):
        if not _NEXT.search(parameters):
            continue
        parts = urlsplit(checked(address, Kind.PAGE, by=by))
        _, below, path = parts.path.partition("/v2/")
        if not below:
            raise Refused("the registry names a page that is not in its API", subject=parts.path)
        return f"{path}?{parts.query}" if parts.query else path
    return None
