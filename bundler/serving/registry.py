"""Answers requests from a catalogue of bundles. It opens no connection, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from bundler.core import strict_json
from bundler.core.attachments import facts_of
from bundler.core.digest import Digest
from bundler.core.limits import SERVED_NAMES
from bundler.core.oci import OCI_INDEX, Descriptor
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged
from bundler.serving import routes
from bundler.serving.answers import Answer, of_content, of_error, of_failure, of_json
from bundler.serving.catalogue import AmbiguousName, Catalogue, Repository, ServedImage, UnknownName
from bundler.serving.heads import RequestHead, Unsatisfiable, matches, wanted_range
from bundler.serving.verified import Verdicts, VerifiedBlob

Page = Callable[[RequestHead], Answer]
"""Answers a request for the page at ``/``."""

_SUBJECTS_REMEMBERED = 256
_NO_ENDPOINT = {"NAME_INVALID": HTTPStatus.BAD_REQUEST, "DIGEST_INVALID": HTTPStatus.BAD_REQUEST}


class _Nothing(Exception):
    """There is nothing to answer with but an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Registry:
    """A read-only registry. Thread-safe."""

    def __init__(self, catalogue: Catalogue, *, page: Page | None = None, passed: Passed = lambda _: None) -> None:
        """Serves the bundles of a catalogue.

        Args:
            catalogue: The names.
            page: The page for people; None for none.
            passed: Receives the number of bytes of each read; its errors end the read.
        """
        self.catalogue = catalogue
        self._page = page
        self._passed = passed
        self._verdicts = Verdicts()
        self._referrers_of = lru_cache(maxsize=_SUBJECTS_REMEMBERED)(self._referrers)

    def answer(self, head: RequestHead) -> Answer:
        """The answer to a request. An answer to HEAD is the same as to GET; its bytes are not to be sent."""
        if head.method not in ("GET", "HEAD"):
            message = "this registry is read-only: it serves bundles, and takes no images"
            return of_error(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", message, ("Allow", "GET, HEAD"))
        try:
            return self._routed(head)
        except _Nothing as nothing:
            return nothing.answer

    def _routed(self, head: RequestHead) -> Answer:
        route = routes.route_of(head.path)
        match route:
            case routes.Version():
                return of_json({})
            case routes.Page() if self._page is not None:
                return self._page(head)
            case routes.Catalog():
                return _listed(self.catalogue.names, head, lambda names: {"repositories": names})
            case routes.Tags(name):
                repository = self._repository(name, head)
                return _listed(sorted(repository.tags), head, lambda tags: {"name": name, "tags": tags})
            case routes.Manifest(name, reference):
                return self._manifest(self._repository(name, head), reference, head)
            case routes.Blob(name, digest):
                return self._blob(self._repository(name, head), digest, head)
            case routes.Referrers(name, digest):
                return self._list_referrers(name, digest, head)
            case routes.Invalid(code, message):
                return of_error(_NO_ENDPOINT.get(code, HTTPStatus.NOT_FOUND), code, message)
            case _:
                return of_error(HTTPStatus.NOT_FOUND, routes.NOTHING.code, routes.NOTHING.message)

    def _repository(self, name: str, head: RequestHead) -> Repository:
        try:
            return self.catalogue.find(name, origin=head.query.get("ns") or None)
        except UnknownName:
            message = f"no bundle here has a repository of this name: {name}"
            raise _Nothing(of_error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", message)) from None
        except AmbiguousName as error:
            message = f"several repositories have this name; use the full name of one: {', '.join(error.names)}"
            nothing = of_error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", message, detail=error.names)
            raise _Nothing(nothing) from None

    def _manifest(self, repository: Repository, reference: str | Digest, head: RequestHead) -> Answer:
        descriptor = self.catalogue.find_manifest(repository, reference)
        if descriptor is None:
            message = f"{repository.name} has no manifest {reference} in the bundles here"
            return of_error(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", message)
        headers = _digest_headers(descriptor)
        if matches(head.headers.get("if-none-match"), f'"{descriptor.digest}"'):
            return Answer(HTTPStatus.NOT_MODIFIED, headers)
        try:
            content = self._content(descriptor)
        except BundlerError as error:
            return of_failure(error, "MANIFEST_UNKNOWN")
        return of_content(HTTPStatus.OK, content, descriptor.media_type, *headers)

    def _blob(self, repository: Repository, digest: Digest, head: RequestHead) -> Answer:
        found = self.catalogue.find_blob(repository, digest)
        if found is None:
            message = f"{repository.name} has no blob {digest} in the bundles here"
            return of_error(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", message)
        descriptor = found.descriptor
        headers = (("Accept-Ranges", "bytes"), *_digest_headers(descriptor))
        etag, size_bytes = f'"{digest}"', descriptor.size_bytes
        if matches(head.headers.get("if-none-match"), etag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers)
        try:
            source = self.catalogue.holder(descriptor)
        except BundlerError as error:
            return of_failure(error)
        blob = VerifiedBlob(source, descriptor, self._verdicts, self._passed)
        is_wanted = head.method == "GET" and head.headers.get("if-range", etag) == etag
        try:
            part = wanted_range(head.headers.get("range") if is_wanted else None, size_bytes)
        except Unsatisfiable:
            message = f"the blob has {size_bytes} bytes"
            content_range = ("Content-Range", f"bytes */{size_bytes}")
            return of_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "RANGE_INVALID", message, content_range)
        headers = (("Content-Type", "application/octet-stream"), *headers)
        if part is None:
            return Answer(HTTPStatus.OK, headers, length_bytes=size_bytes, blob=blob)
        begin, end = part
        headers = (*headers, ("Content-Range", f"bytes {begin}-{end - 1}/{size_bytes}"))
        return Answer(HTTPStatus.PARTIAL_CONTENT, headers, length_bytes=end - begin, blob=blob, begin=begin)

    def _list_referrers(self, name: str, subject: Digest, head: RequestHead) -> Answer:
        """The list of referrers: empty for an unknown subject or name, as the specification demands."""
        try:
            found = self._referrers_of(self.catalogue.find(name, origin=head.query.get("ns") or None).name, subject)
        except (UnknownName, AmbiguousName):
            found = ()
        except BundlerError as error:
            return of_failure(error, "MANIFEST_UNKNOWN")
        wanted = head.query.get("artifactType")
        filtered = (("OCI-Filters-Applied", "artifactType"),) if wanted else ()
        entries = {each["digest"]: each for each in found if not wanted or each["artifactType"] == wanted}

        def index(digests: Sequence[str]) -> dict[str, Any]:
            return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entries[each] for each in digests]}

        return _listed(sorted(entries), head, index, *filtered, media_type=OCI_INDEX)

    def _referrers(self, name: str, subject: Digest) -> tuple[dict[str, Any], ...]:
        repository = self.catalogue.find(name)
        found = (
            self._referrer(image, attachment.manifests[-1], subject)
            for image, attachment in repository.attachments(subject)
        )
        return tuple({each["digest"]: each for each in found if each is not None}.values())

    def _referrer(self, image: ServedImage, number: int, subject: Digest) -> dict[str, Any] | None:
        """The entry of an attachment; None if it has no ``subject``, as signatures by cosign's tags."""
        descriptor = image.bundle.manifest.blobs[number].descriptor
        content, what = self._content(descriptor), str(descriptor.digest)
        facts = facts_of(content, "", what=what)
        if facts.subject != subject:
            return None
        annotations = strict_json.loads(content, what=what).get("annotations")
        return {
            **descriptor.to_json(),
            "artifactType": facts.artifact_type,
            **({"annotations": annotations} if isinstance(annotations, dict) and annotations else {}),
        }

    def _content(self, descriptor: Descriptor) -> bytes:
        """A manifest, verified.

        Raises:
            BundlerError: It is not here, or it is damaged.
        """
        blob = VerifiedBlob(self.catalogue.holder(descriptor), descriptor, self._verdicts, self._passed)
        try:
            return blob.read()
        except Damaged:
            return blob.read()  # from another copy, if there is one


def _digest_headers(descriptor: Descriptor) -> tuple[tuple[str, str], ...]:
    return (("Docker-Content-Digest", str(descriptor.digest)), ("ETag", f'"{descriptor.digest}"'))


def _listed(
    names: Sequence[str],
    head: RequestHead,
    document: Callable[[Sequence[str]], Mapping[str, Any]],
    *headers: tuple[str, str],
    **options: str,
) -> Answer:
    """The answer with a page of sorted names: ``?n=`` of them, after ``?last=``, with a link to the next page."""
    wanted = head.query.get("n", "")
    most = (
        min(int(wanted), SERVED_NAMES) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else SERVED_NAMES
    )
    if "n" in head.query and not wanted.isdigit():
        raise _Nothing(of_error(HTTPStatus.BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "n is not a number"))
    last = head.query.get("last")
    rest = [name for name in names if last is None or name > last]
    page = rest[:most]
    if page and len(page) < len(rest):
        kept = {name: value for name, value in head.query.items() if name in ("ns", "artifactType")}
        query = urlencode({**kept, "n": most, "last": page[-1]})
        headers = (*headers, ("Link", f'<{quote(head.path)}?{query}>; rel="next"'))
    return of_json(document(page), *headers, **options)
