"""Manifests and tags of a repository: distribution-spec 1.1, pull, push and content management."""

from __future__ import annotations

from bundler.core import oci
from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.limits import MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.core.registry_kind import QUAY
from bundler.errors import BundlerError, Damaged, NotFound, Refused
from bundler.stores.answer_headers import length_of, media_type_of
from bundler.stores.http import Answer, error_of, facts_of, is_page, no_registry
from bundler.stores.pull_limit import PullLimit, pull_limit_of
from bundler.stores.repository_place import RepositoryPlace

_GENERIC_TYPES = frozenset(
    {"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain", "text/html"}
)
"""Media types of servers that know no manifests. The bytes of the document show its type."""


class Manifests:
    """The manifests of one repository. Thread-safe."""

    __slots__ = ("_fresh", "_place")

    def __init__(self, place: RepositoryPlace) -> None:
        self._place = place
        self._fresh: dict[Digest, bytes] = {}
        """Manifests in the answers to their tags, until they are read."""

    def resolve(self, name: str | None) -> Descriptor:
        """Returns the descriptor of a tag or digest. Keeps the manifest of the answer until it is read."""
        wanted = name or "latest"
        descriptor, content = self._get(wanted)
        self._fresh[descriptor.digest] = content
        return descriptor

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Returns a manifest, verified by its digest. Its size may differ: registries accept such indexes."""
        content = self._fresh.pop(descriptor.digest, None)
        if content is None:
            _, content = self._get(str(descriptor.digest), accept=descriptor.media_type)
        return content

    def look_up(self, name: str) -> Descriptor | None:
        """Returns the descriptor of a tag or digest, by HEAD, without its size; None if the registry does not name it.

        Raises:
            Unavailable: The registry does not answer.
        """
        headers = {"Accept": oci.ACCEPT}
        answer = self._place.registry.request(
            "HEAD", f"{self._place.path}/manifests/{name}", scopes=self._place.pull, headers=headers
        )
        answer.drain()
        digest = answer.headers.get("Docker-Content-Digest")
        if answer.status != 200 or not digest or (":" in name and digest != name):
            return None
        media_type = media_type_of(answer)
        return Descriptor("" if media_type in _GENERIC_TYPES else media_type, Digest.parse(digest), 0)

    def find(self, name: str) -> Descriptor | None:
        """Returns the descriptor of a tag or digest here: by one HEAD, or by a GET if the HEAD is not enough."""
        answer = self._place.head(
            f"{self._place.path}/manifests/{name}", called=self._place.called(name), headers={"Accept": oci.ACCEPT}
        )
        if answer is None:
            return None
        digest, size = answer.headers.get("Docker-Content-Digest"), length_of(answer)
        if answer.status == 200 and digest and size:
            return Descriptor(media_type_of(answer), Digest.parse(digest), size)
        return self._find_by_get(name)

    def pull_limit(self, name: str) -> PullLimit | None:
        """Returns the limit for pulls that the registry states; None if it states none. Counts as no pull itself."""
        answer = self._place.head(
            f"{self._place.path}/manifests/{name}", called=self._place.called(name), headers={"Accept": oci.ACCEPT}
        )
        return pull_limit_of(answer.headers) if answer is not None else None

    def put(self, descriptor: Descriptor, content: bytes) -> None:
        """Pushes a manifest by its digest, and checks that the registry has not kept a damaged one."""
        self.put_under(descriptor, content, str(descriptor.digest))
        found = self.find(str(descriptor.digest))
        if found is None:
            raise problem("not-kept", subject=self._place.called(descriptor.digest), retryable=True)
        self._check_length(found, descriptor)

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Pushes a manifest under a tag, and reads the tag back."""
        self.put_under(descriptor, content, name)
        found = self.find(name)
        if found is None:  # also while distribution writes the file of another push
            raise problem("not-kept", subject=self._place.called(name), retryable=True)
        if found.digest != descriptor.digest:
            raise Refused(
                "the tag does not point to the pushed image",
                subject=self._place.called(name),
                expected=str(descriptor.digest),
                actual=str(found.digest),
                hint="check for other pushes to this tag",
            )
        self._check_length(found, descriptor)

    def remove_tag(self, name: str) -> bool:
        """Removes a tag without its manifest. Returns False if the registry cannot do that.

        A DELETE by digest would remove the manifest with all its tags, so it is never sent.

        Raises:
            Refused, Unavailable: The tag may not be removed, or the registry does not answer.
        """
        answer = self._place.registry.request(
            "DELETE", f"{self._place.path}/manifests/{name}", scopes=self._place.delete
        )
        if answer.status in (400, 404, 405):  # distribution before 3.0 removes by digest only
            answer.drain()
            return False
        if answer.status not in (200, 202, 204):
            raise error_of(answer, subject=self._place.called(name))
        answer.drain()
        return True

    def delete(self, digest: Digest) -> bool:
        """Removes a manifest. distribution removes all tags that name it too. Returns False if it is not there.

        Raises:
            Refused, Unavailable: It may not be removed, or the registry does not answer.
        """
        called = self._place.called(digest)
        # Quay refuses tokens for an action that it does not know: endpoints/v2/v2auth.py.
        scopes = self._place.push if self._place.registry.kind() is QUAY else self._place.delete
        answer = self._place.registry.request("DELETE", f"{self._place.path}/manifests/{digest}", scopes=scopes)
        if answer.status == 404:
            answer.drain()
            return False
        if answer.status in (405, 501):
            said = facts_of(answer).said
            raise problem("deletion-disabled", subject=called, said=said, host=self._place.registry.name)
        if answer.status not in (200, 202, 204):
            raise error_of(answer, subject=called)
        answer.drain()
        return True

    def check_deletion(self) -> None:
        """Checks that manifests may be removed here: tries it with a digest that no manifest has.

        Raises:
            Refused, Unavailable: They may not, or the registry does not say.
        """
        self.delete(Digest.of(b""))

    def put_under(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Pushes a manifest under a tag or digest, and asks for nothing afterwards."""
        if descriptor.digest.algorithm in self._place.registry.unknown_algorithms:
            raise self._unknown_algorithm(name)
        headers = {"Content-Type": descriptor.media_type, "Content-Length": str(len(content))}
        answer = self._place.registry.request(
            "PUT", f"{self._place.path}/manifests/{name}", scopes=self._place.push, headers=headers, body=content
        )
        if answer.status not in (200, 201, 202):
            raise self._manifest_error(answer, descriptor, name)
        answer.drain()

    def _manifest_error(self, answer: Answer, descriptor: Descriptor, name: str) -> BundlerError:
        facts, algorithm = facts_of(answer), descriptor.digest.algorithm
        if facts.may_lack_algorithm and algorithm != "sha256":
            self._place.registry.unknown_algorithms.add(algorithm)
            return self._unknown_algorithm(name, facts.said)
        error = error_of(answer, subject=self._place.called(name), facts=facts)
        # The digest is right: distribution reads back a file that another push has half written.
        return error.but(retryable=True) if facts.doubts_digest else error

    def _unknown_algorithm(self, name: str, said: str | None = None) -> BundlerError:
        return problem("digest-unsupported", subject=self._place.called(name), said=said)

    def _check_length(self, found: Descriptor, promised: Descriptor) -> None:
        """Compares the registry's length of a manifest with the right one. If it differs, verifies the manifest."""
        if found.size_bytes == promised.size_bytes:
            return
        try:
            self._get(str(promised.digest))
        except Damaged as error:
            raise self._place.damaged(promised, f"{found.size_bytes} bytes") from error

    def _find_by_get(self, name: str) -> Descriptor | None:
        try:
            return self._get(name)[0]
        except NotFound:
            return None

    def _get(self, name: str, *, accept: str | None = None) -> tuple[Descriptor, bytes]:
        subject = self._place.called(name)
        headers = {"Accept": f"{accept}, {oci.ACCEPT}" if accept else oci.ACCEPT}
        answer = self._place.registry.request(
            "GET", f"{self._place.path}/manifests/{name}", scopes=self._place.pull, headers=headers
        )
        if answer.status != 200:
            raise error_of(answer, subject=subject)
        content = answer.read(MANIFEST_BYTES)
        if is_page(content):
            raise no_registry(answer, subject=subject)
        claimed = name if ":" in name else answer.headers.get("Docker-Content-Digest")
        digest = Digest.parse(claimed) if claimed else Digest.of(content)
        found = Digest.of(content, algorithm=digest.algorithm)
        if found != digest:
            raise Damaged(
                "the manifest does not match its digest",
                subject=subject,
                expected=str(digest),
                actual=str(found),
                retryable=True,
            )
        media_type = media_type_of(answer)
        if media_type in _GENERIC_TYPES:
            media_type = oci.media_type_of(content, what=subject)
        return Descriptor(media_type, digest, len(content)), content
