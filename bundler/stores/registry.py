"""A registry over the OCI distribution API (distribution-spec 1.1), as a source and as a sink.

`Registry` is a host, `Repository` a place in it where digests name bytes. Nothing is retried here and nothing is
believed: sizes and digests are compared with what was asked for.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlencode, urlsplit

from bundler import texts
from bundler.core import oci
from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.limits import MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSink, Obtained, Pieces
from bundler.core.reference import is_loopback
from bundler.core.registry_answers import RegistryAnswer
from bundler.core.registry_kind import RegistryKind, recognised
from bundler.errors import Broken, BundlerError, Busy, Damaged, Denied, NotFound, Refused, Unavailable, Unreachable
from bundler.pace import Paces
from bundler.stores import hosts
from bundler.stores.addresses import Kind, Origin, checked, shown
from bundler.stores.credentials import Credentials, Login
from bundler.stores.foreign_layers import ForeignLayers
from bundler.stores.hosts import NetworkOptions
from bundler.stores.http import Answer, HttpClient, error_of, heard, is_page, no_registry
from bundler.stores.ranges import pieces_from, size_told
from bundler.stores.registry_auth import Authenticator, Challenge, basic
from bundler.stores.self_mounts import SelfMounts
from bundler.stores.uploads import BodyLimit, PieceUpload, Upload, is_astray, mended
from bundler.stores.warnings import Warnings

_GENERIC_TYPES = frozenset(
    {"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain", "text/html"}
)
"""What servers say that know nothing of manifests; the bytes tell their type themselves."""
_NO_MANIFEST = b"{"
_LOST_UPLOAD = frozenset({401, 404, 416})
_NO_HEAD = frozenset({405, 501})
_WRONG_LENGTHS = 2
"""How often a blob may be found with a wrong length and be sent again: before it is sent, or after, but not both."""
_OF_UNKNOWN_ALGORITHMS = frozenset({"DIGEST_INVALID", "UNSUPPORTED"})
"""What registries answer to digests that they cannot make: distribution the first."""


class Registry:
    """One registry. Thread-safe; connects when first asked."""

    def __init__(
        self,
        name: str,
        options: NetworkOptions,
        paces: Paces | None = None,
        notice: Callable[[str], object] = lambda _text: None,
    ) -> None:
        """Of a name, with its port; ``notice`` is called with what it warns of."""
        self.name = name
        self._options = options
        self._paces = paces or Paces()
        self._lock = threading.Lock()
        self._endpoint: tuple[str, HttpClient, Authenticator] | None = None
        self._kind: RegistryKind | None = None
        self.login = Login(name, options.credentials.get(name))
        self.foreign = ForeignLayers(options, self._paces)
        self.body_limit = BodyLimit()
        self.unknown_algorithms: set[str] = set()
        """Of digests that it takes no manifests by."""
        self._warnings = Warnings(name, notice)
        self._upload_clients: dict[Origin, HttpClient] = {}
        self.self_mounts = SelfMounts()

    def repository(self, path: str) -> Repository:
        """A repository of this registry; whether it exists is not asked."""
        return Repository(self, path)

    def kind(self) -> RegistryKind:
        """What kind of registry it says that it is, by its answer to ``GET /v2/``.

        Raises:
            Refused, Unavailable: It does not answer, or not as a registry.
        """
        if self._kind is None:
            answer, challenge = self.ping()
            headers = dict(answer.headers.items())
            if answer.status not in (200, 401, 403):
                raise error_of(answer, subject=texts.text("{name}, asked for /v2/", name=self.name))
            if answer.status == 200 and _media_type(answer) == "text/html":
                answer.drop()
                raise no_registry(answer, subject=texts.text("{name}, asked for /v2/", name=self.name))
            answer.drain()
            self._kind = recognised(headers, challenge.parameters if challenge else {})
        return self._kind

    def ping(self) -> tuple[Answer, Challenge | None]:
        """The answer to ``GET /v2/`` without credentials, unread, and what it asks for. It is learned from.

        Raises:
            Refused, Unavailable: As `HttpClient.request`, or the registry names a token server that it may not name.
        """
        base, http, authenticator = self._connect()
        answer = http.request("GET", f"{base}/v2/", headers={})
        challenge = Challenge.parse(answer.headers.get("WWW-Authenticate", "")) if answer.status == 401 else None
        if challenge is not None:
            authenticator.learn(answer, ())
        return answer, challenge

    def call(
        self, method: str, path: str, *, credentials: Credentials | None = None, body: bytes | None = None
    ) -> Answer:
        """Sends a request to an API of the same host beside ``/v2/``, with Basic credentials.

        Args:
            method: The HTTP method.
            path: From the host on, without the first slash.
            credentials: Whose; None for those of the registry.
            body: JSON.

        Raises:
            Refused, Unavailable: As `HttpClient.request`.
        """
        base, http, _ = self._connect()
        who = credentials or self.login.find()
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        if who is not None and not who.identity_token:
            headers["Authorization"] = basic(who)
        origin = base.removesuffix(self._options.base_path)
        answer = http.request(method, f"{origin}/{path}", headers=headers, body=body)
        answer.username = who.username if who else ""
        return answer

    def request(
        self,
        method: str,
        path: str,
        *,
        scopes: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Sends a repeatable request; logs in once if the registry asks for it.

        Args:
            method: The HTTP method.
            path: Below ``/v2/``.
            scopes: What a token is to allow, ``repository:NAME:ACTIONS``.
            headers: Besides ``Authorization``.
            body: The body.

        Raises:
            Refused, Unavailable: As `HttpClient.request`, or the login failed.
        """
        return self._ask(method, f"{self.api_url}{path}", scopes, headers or {}, body)

    def ask_upload(
        self, method: str, url: str, *, scopes: tuple[str, ...], headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Sends a repeatable request to the address of an upload; with credentials where that is the registry's own.

        Raises:
            Refused, Unavailable: As `request`.
        """
        if self._is_own(url):
            return self._ask(method, url, scopes, headers, body or None)
        return self._upload_client(url).request(method, url, headers=headers, body=body or None)

    def upload(
        self, url: str, *, scopes: tuple[str, ...], headers: dict[str, str], body: Iterable[bytes | memoryview]
    ) -> Answer:
        """Sends a body that can be sent only once, to the address of an upload.

        Raises:
            Refused, Unavailable: As `HttpClient.request`.
        """
        if not self._is_own(url):
            return self._upload_client(url).request("PUT", url, headers=headers, body=body)
        _, http, authenticator = self._connect()
        answer = http.request("PUT", url, headers={**headers, **authenticator.header(scopes)}, body=body)
        self._warnings.hear(answer)
        return answer

    def upload_at(self, answer: Answer, repository: str) -> str | None:
        """Where an answer says that an upload goes on; None if it does not say.

        Raises:
            Refused: It names an address that nothing may be sent to.
        """
        location = answer.headers.get("Location")
        if not location:
            return None
        url = checked(location, Kind.UPLOAD, by=answer.url, allowed=self._options.upload_hosts)
        return mended(url, self.api_url, repository)

    def _ask(
        self, method: str, url: str, scopes: tuple[str, ...], headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        _, http, authenticator = self._connect()
        for attempt in (1, 2):
            sent = {**headers, **authenticator.header(scopes)}
            answer = http.request(method, url, headers=sent, body=body)
            self._warnings.hear(answer)
            if answer.status in (401, 403):
                answer.username = authenticator.username(scopes)
            # The same password is not tried twice: where accounts are locked, each try counts.
            is_tried = sent.get("Authorization", "").startswith("Basic ")
            if answer.status != 401 or attempt == 2 or is_tried or not authenticator.learn(answer, scopes):
                break
            answer.drain()
        return answer

    def _is_own(self, url: str) -> bool:
        return Origin.of(url) == Origin.of(self.api_url)

    def _upload_client(self, url: str) -> HttpClient:
        with self._lock:
            return self._upload_clients.setdefault(Origin.of(url), self._client(url))

    @property
    def api_url(self) -> str:
        """Where its API begins."""
        return self._connect()[0] + "/v2/"

    @property
    def address(self) -> tuple[str, str]:
        """Scheme, and host with an optional port, as they are connected to."""
        parts = urlsplit(self._connect()[0])
        return parts.scheme, parts.netloc

    def authorization(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """The header for a request that is not made here; `ping` comes first."""
        return self._connect()[2].header(scopes)

    def _connect(self) -> tuple[str, HttpClient, Authenticator]:
        with self._lock:
            if self._endpoint is None:
                self._endpoint = self._find_endpoint()
            return self._endpoint

    def _find_endpoint(self) -> tuple[str, HttpClient, Authenticator]:
        schemes = hosts.schemes_of(self.name, self._options)
        address = hosts.address_of(self.name)
        for scheme in schemes:
            base = f"{scheme}://{address}"
            http = self._client(base)
            if scheme == schemes[-1] or _speaks_http(http, base):
                break
        return base + self._options.base_path, http, Authenticator(base, self.login.find, self._client)

    def _client(self, url: str) -> HttpClient:
        return hosts.client_for(url, self._options, self._paces)


class Repository:
    """A repository: an `ImageSource` and an `ImageSink`. Thread-safe. A registry may have very many."""

    __slots__ = ("_begun", "_fresh", "_is_likely_empty", "_lengths_wrong", "path", "registry")
    is_remote = True

    def __init__(self, registry: Registry, path: str) -> None:
        self.registry = registry
        self.path = path
        self._fresh: dict[Digest, bytes] = {}
        self._begun: dict[Digest, Upload] = {}
        """Uploads that the registry began when it was asked to mount."""
        self._lengths_wrong: Counter[Digest] = Counter()
        """How often each blob was found here with another length than it has."""
        self._is_likely_empty = False

    def expect_nothing(self) -> None:
        """Notes that there is probably nothing here yet: `obtain_blob` then takes one request less."""
        self._is_likely_empty = True

    @property
    def _pull(self) -> tuple[str, ...]:
        return (f"repository:{self.path}:pull",)

    @property
    def _push(self) -> tuple[str, ...]:
        return (f"repository:{self.path}:pull,push",)

    @property
    def _delete(self) -> tuple[str, ...]:
        """What distribution wants of a token for each DELETE, also for that of an upload."""
        return (f"repository:{self.path}:pull,push,delete",)

    @property
    def name(self) -> str:
        """Registry and repository, as people write it."""
        return f"{self.registry.name}/{self.path}"

    def resolve(self, name: str | None) -> Descriptor:
        """What a tag or digest stands for. The manifest comes with the answer and is kept until it is read."""
        wanted = name or "latest"
        descriptor, content = self._get_manifest(wanted)
        self._fresh[descriptor.digest] = content
        return descriptor

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest, verified by its digest. Registries take indexes that give their children wrong sizes."""
        content = self._fresh.pop(descriptor.digest, None)
        if content is None:
            _, content = self._get_manifest(str(descriptor.digest), accept=descriptor.media_type)
        return content

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob; with an offset by a Range request, or by reading away what comes before it."""
        called = self._called(descriptor.digest)

        def ask(headers: Mapping[str, str]) -> Answer:
            path = f"{self.path}/blobs/{descriptor.digest}"
            answer = self.registry.request("GET", path, scopes=self._pull, headers=headers)
            if answer.status == 404 and descriptor.urls:
                answer.drain()
                return self.registry.foreign.ask(descriptor, headers, called=called)
            if answer.status not in (200, 206, 416):
                raise error_of(answer, subject=called)
            return answer

        yield from pieces_from(ask, descriptor, offset_bytes, called=called)

    def look_up(self, name: str) -> Descriptor | None:
        """What a tag or digest stands for, by HEAD; None where the registry does not say. The size is not looked at.

        Raises:
            Unavailable: The registry does not answer.
        """
        headers = {"Accept": oci.ACCEPT}
        answer = self.registry.request("HEAD", f"{self.path}/manifests/{name}", scopes=self._pull, headers=headers)
        answer.drain()
        digest = answer.headers.get("Docker-Content-Digest")
        if answer.status != 200 or not digest or (":" in name and digest != name):
            return None
        media_type = _media_type(answer)
        return Descriptor("" if media_type in _GENERIC_TYPES else media_type, Digest.parse(digest), 0)

    def exists(self) -> bool:
        """Whether the registry knows the repository at all.

        Raises:
            Refused, Unavailable: It does not say.
        """
        answer = self.registry.request("GET", f"{self.path}/tags/list?n=1", scopes=self._pull)
        if answer.status not in (200, 404):
            raise error_of(answer, subject=self.name)
        if answer.status == 200 and _media_type(answer) == "text/html":
            answer.drop()
            raise no_registry(answer, subject=self.name)
        answer.drain()
        return answer.status == 200

    def check_push(self) -> None:
        """Makes sure that images may be pushed here, and leaves nothing there.

        Something is pushed that is no manifest, under a digest that is not its own. Who may push is told so; who may
        not, and a registry that is read-only, say that first. (The end of an upload that never began would tell the
        rights as well, but distribution looks whether the upload exists before it says that it is read-only.)

        Raises:
            Refused, Unavailable: They may not, or it does not say.
        """
        headers = {"Content-Type": oci.OCI_MANIFEST, "Content-Length": str(len(_NO_MANIFEST))}
        path = f"{self.path}/manifests/{Digest.of(b'')}"
        answer = self.registry.request("PUT", path, scopes=self._push, headers=headers, body=_NO_MANIFEST)
        told = heard(answer)
        if told.refuses_every_push(self.path):
            raise error_of(answer, subject=self.name, told=told)

    def check_upload(self) -> None:
        """Makes sure that uploads lead to an address that bytes may go to: begins one, asks how it is, cancels it.

        Raises:
            Refused: The registry, or a proxy in front of it, names another address.
            Unavailable: It does not answer.
        """
        upload = self._begin_upload({}, self._push)
        if upload is None:
            return
        try:
            answer = self.registry.ask_upload("GET", upload.url, scopes=self._push, headers={})
            if astray := self._astray(heard(answer), upload):
                raise astray
        finally:
            self._cancel_upload(upload)

    def find(self, name: str) -> Descriptor | None:
        """What a tag or digest stands for here, by one HEAD; by a GET where that does not tell it."""
        answer = self._head(f"{self.path}/manifests/{name}", called=self._called(name), headers={"Accept": oci.ACCEPT})
        if answer is None:
            return None
        digest, size = answer.headers.get("Docker-Content-Digest"), _length(answer)
        if answer.status == 200 and digest and size:
            return Descriptor(_media_type(answer), Digest.parse(digest), size)
        return self._find_by_get(name)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the registry holds the blob, with its size; one that is damaged may be sent again.

        Raises:
            Refused: It has it with another size, and being sent it again has not changed that.
            Unavailable: It does not say.
        """
        answer = self._head(f"{self.path}/blobs/{descriptor.digest}", called=self._called(descriptor.digest))
        if answer is None:
            return False
        return (answer.status == 200 and _length(answer) == descriptor.size_bytes) or self._gives_blob(descriptor)

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Uploads a blob: one POST, one PUT, and one HEAD, because a registry keeps what it has under this digest.

        Where no body of its size passes, that is found out by the first try, and the next one sends it in pieces.
        """
        upload = self._begun.pop(descriptor.digest, None) or self._begin_upload({}, self._push)
        if upload is None:
            raise Refused("the registry takes uploads in an unknown way", subject=self.name)
        is_whole = self.registry.body_limit.piece_bytes(descriptor.size_bytes) is None
        send = self._send_whole if is_whole else self._send_pieces
        try:
            answer = send(upload, descriptor, pieces)
        except Broken:
            limit = self.registry.body_limit
            limit.broke(descriptor.digest, limit.piece_bytes(descriptor.size_bytes) or descriptor.size_bytes)
            raise
        except Damaged:
            self._cancel_upload(upload)
            raise
        if answer.status not in (201, 204):
            raise self._upload_error(answer, descriptor, upload)
        answer.drain()
        if self._is_likely_empty and self.registry.self_mounts.is_to_be_asked():
            self._find_out_about_mounts(descriptor)
        if not self.has_blob(descriptor):
            raise problem("not-kept", subject=self._called(descriptor.digest), retryable=True)

    def obtain_blob(self, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
        """Asks for the blob, and mounts it from another repository of the same registry.

        A repository that is probably empty is not asked first: one POST mounts the blob, from the holder or from the
        repository itself, or begins the upload that `put_blob` uses.

        Raises:
            Refused: The registry has the blob with another size, or nobody may push here.
            Unavailable: It does not say.
        """
        is_asked_by_mount = self._is_likely_empty and self.registry.self_mounts.tell
        if not is_asked_by_mount and self.has_blob(descriptor):
            return Obtained.PRESENT
        if isinstance(holder, Repository) and holder is not self and holder.registry is self.registry:
            return Obtained.MOUNTED if self._mount(descriptor, holder) else None
        return Obtained.PRESENT if is_asked_by_mount and self._mount(descriptor, self) else None

    def _mount(self, descriptor: Descriptor, holder: Repository) -> bool:
        """Mounts a blob; a registry that refuses may still take the bytes. Keeps an upload that it begins instead."""
        query = {"mount": str(descriptor.digest), "from": holder.path}
        try:
            upload = self._begin_upload(query, self._push if holder is self else self._push + holder._pull)
        except Denied:
            if holder is self:
                raise  # who may not begin an upload so, may not begin it otherwise
            return False
        except Refused:
            if holder is self:
                self.registry.self_mounts.note(is_answered_by_201=False)
            return False
        if upload is not None:
            self._begun[descriptor.digest] = upload
            return False
        return self.has_blob(descriptor)  # its length is looked at, as after every push

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Pushes a manifest by its digest, and looks whether the registry has kept a damaged one."""
        self._put_manifest(descriptor, content, str(descriptor.digest))
        found = self.find(str(descriptor.digest))
        if found is None:
            raise problem("not-kept", subject=self._called(descriptor.digest), retryable=True)
        self._check_length(found, descriptor)

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Pushes a manifest under a tag, and reads the tag back."""
        self._put_manifest(descriptor, content, name)
        found = self.find(name)
        if found is None or found.digest != descriptor.digest:
            raise Refused(
                "the tag does not point to the pushed image",
                subject=self._called(name),
                expected=str(descriptor.digest),
                actual=str(found.digest) if found else "nothing",
                hint="is something else pushing to this tag?",
                retryable=found is None,  # a file that distribution is writing for somebody else stands for nothing
            )
        self._check_length(found, descriptor)

    def remove_tag(self, name: str) -> bool:
        """Removes a tag, and nothing that it stands for; whether the registry can do that.

        Asked for by its digest, the manifest would go with all its tags; so it never is.

        Raises:
            Refused, Unavailable: It may not be removed, or the registry does not answer.
        """
        answer = self.registry.request("DELETE", f"{self.path}/manifests/{name}", scopes=self._delete)
        if answer.status in (400, 404, 405):  # distribution before 3.0 removes by digest only
            answer.drain()
            return False
        if answer.status not in (200, 202, 204):
            raise error_of(answer, subject=self._called(name))
        answer.drain()
        return True

    def _put_manifest(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        if descriptor.digest.algorithm in self.registry.unknown_algorithms:
            raise self._unknown_algorithm(name)
        headers = {"Content-Type": descriptor.media_type, "Content-Length": str(len(content))}
        answer = self.registry.request(
            "PUT", f"{self.path}/manifests/{name}", scopes=self._push, headers=headers, body=content
        )
        if answer.status not in (200, 201, 202):
            raise self._manifest_error(answer, descriptor, name)
        answer.drain()

    def _manifest_error(self, answer: Answer, descriptor: Descriptor, name: str) -> BundlerError:
        told, algorithm = heard(answer), descriptor.digest.algorithm
        if told.code in _OF_UNKNOWN_ALGORITHMS and algorithm != "sha256":
            self.registry.unknown_algorithms.add(algorithm)
            return self._unknown_algorithm(name, told.said)
        error = error_of(answer, subject=self._called(name), told=told)
        # The digest is right: distribution reads files back that somebody else pushes in this moment, half written.
        return error.but(retryable=True) if told.doubts_digest else error

    def _unknown_algorithm(self, name: str, said: str | None = None) -> BundlerError:
        return problem("digest-unsupported", subject=self._called(name), said=said)

    def _check_length(self, found: Descriptor, promised: Descriptor) -> None:
        """Compares what the registry says of a manifest's length; if that differs, with what it gives."""
        if found.size_bytes == promised.size_bytes:
            return
        try:
            self._get_manifest(str(promised.digest))
        except Damaged as error:
            raise self._damaged(promised, f"{found.size_bytes} bytes") from error

    def _head(self, path: str, *, called: str, headers: Mapping[str, str] | None = None) -> Answer | None:
        """The answer to a HEAD; None if nothing is there. It says nothing where its status is not 200."""
        answer = self.registry.request("HEAD", path, scopes=self._push, headers=headers)
        is_elsewhere = not answer.url.endswith(path)  # where an address may be signed for GET only
        if answer.status != 200 and answer.status not in (404, *_NO_HEAD) and not is_elsewhere:
            raise error_of(answer, subject=called)
        answer.drain()
        return None if answer.status == 404 and not is_elsewhere else answer

    def _find_by_get(self, name: str) -> Descriptor | None:
        try:
            return self._get_manifest(name)[0]
        except NotFound:
            return None

    def _gives_blob(self, descriptor: Descriptor) -> bool:
        """Whether the registry gives the blob, with its size: a GET of one byte, where HEAD does not tell.

        Storage in clouds signs addresses for GET only, proxies answer HEAD without a length, and a registry may tell
        the length of a link to the blob.
        """
        path = f"{self.path}/blobs/{descriptor.digest}"
        answer = self.registry.request("GET", path, scopes=self._push, headers={"Range": "bytes=0-0"})
        if answer.status == 404:
            answer.drain()
            return False
        if answer.status not in (200, 206, 416):
            raise error_of(answer, subject=self._called(descriptor.digest))
        size = size_told(answer) or ("0" if answer.status == 416 else None)
        answer.drop()
        if size is None or size == str(descriptor.size_bytes):
            return True
        self._lengths_wrong[descriptor.digest] += 1
        if self._lengths_wrong[descriptor.digest] > _WRONG_LENGTHS:
            raise self._damaged(descriptor, f"{size[:20]} bytes")
        return False

    def _damaged(self, descriptor: Descriptor, actual: str) -> BundlerError:
        subject, expected = self._called(descriptor.digest), f"{descriptor.size_bytes} bytes"
        return problem("damaged-at-target", subject=subject, expected=expected, actual=actual)

    def _get_manifest(self, name: str, *, accept: str | None = None) -> tuple[Descriptor, bytes]:
        subject = self._called(name)
        headers = {"Accept": f"{accept}, {oci.ACCEPT}" if accept else oci.ACCEPT}
        answer = self.registry.request("GET", f"{self.path}/manifests/{name}", scopes=self._pull, headers=headers)
        if answer.status != 200:
            raise error_of(answer, subject=subject)
        content = answer.read(MANIFEST_BYTES)
        if is_page(content):
            raise no_registry(answer, subject=subject)
        media_type = _media_type(answer)
        if media_type in _GENERIC_TYPES:
            media_type = oci.media_type_of(content, what=subject)
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
        return Descriptor(media_type, digest, len(content)), content

    def _find_out_about_mounts(self, descriptor: Descriptor) -> None:
        """Finds out, with a blob that is here, how the registry answers to `SelfMounts`.

        It need not say 201: ECR does so only for what a manifest refers to, and others have no mounts at all. Taken at
        their word, they would be sent again what an earlier run had sent.
        """
        try:
            upload = self._begin_upload({"mount": str(descriptor.digest), "from": self.path}, self._push)
        except (Refused, Unavailable):
            return
        self.registry.self_mounts.note(is_answered_by_201=upload is None)
        if upload is not None:
            self._cancel_upload(upload)

    def _begin_upload(self, query: dict[str, str], scopes: tuple[str, ...]) -> Upload | None:
        """The upload; None if a mount made it unnecessary."""
        path = f"{self.path}/blobs/uploads/" + (f"?{urlencode(query)}" if query else "")
        answer = self.registry.request("POST", path, scopes=scopes, headers={"Content-Length": "0"})
        if answer.status == 201 and query:
            answer.drain()
            return None
        if answer.status != 202 or not answer.headers.get("Location"):
            raise error_of(answer, subject=self.name)
        answer.drain()
        return self._goes_on(answer, Upload(""))

    def _goes_on(self, answer: Answer, upload: Upload) -> Upload:
        """An upload as the answer to one of its requests says that it goes on."""
        url = self.registry.upload_at(answer, self.path) or upload.url
        return Upload(url, upload.least_bytes or _number(answer.headers.get("OCI-Chunk-Min-Length")) or 0)

    def _send_whole(self, upload: Upload, descriptor: Descriptor, pieces: Pieces) -> Answer:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(descriptor.size_bytes)}
        url = upload.closing_url(descriptor.digest)
        answer = self.registry.upload(url, scopes=self._push, headers=headers, body=pieces)
        if answer.status == 413 and self.registry.body_limit.refused(descriptor.size_bytes):
            said = error_of(answer, subject=self.name).said
            raise problem("sent-in-pieces", subject=self._called(descriptor.digest), said=said, retryable=True)
        if answer.status in (201, 204):
            self.registry.body_limit.passed(descriptor.size_bytes)
        return answer

    def _send_pieces(self, upload: Upload, descriptor: Descriptor, pieces: Pieces) -> Answer:
        called = self._called(descriptor.digest)
        sending = PieceUpload(upload, _Channel(self), self.registry.body_limit, called=called)
        return sending.send(pieces, descriptor.digest, descriptor.size_bytes)

    def _cancel_upload(self, upload: Upload) -> None:
        """Frees what an upload holds at the registry. Failing that, the registry purges it in time."""
        try:
            self.registry.ask_upload("DELETE", upload.url, scopes=self._delete, headers={}).drain()
        except BundlerError:
            return

    def _upload_error(self, answer: Answer, descriptor: Descriptor, upload: Upload) -> BundlerError:
        called = self._called(descriptor.digest)
        told = heard(answer)
        if astray := self._astray(told, upload):
            return astray
        if answer.status in _LOST_UPLOAD:
            return Unavailable("the registry lost the upload", subject=called, retryable=True)
        error = error_of(answer, subject=called, told=told)
        # The digest was right when the bytes left us; they changed on the way.
        return error.but(retryable=True) if told.doubts_digest else error

    def _astray(self, told: RegistryAnswer, upload: Upload) -> BundlerError | None:
        """The error for an upload that goes on where no registry is; None if it does not."""
        if told.status not in (404, 405) or told.code or not is_astray(upload.url, self.registry.api_url):
            return None
        server, named = self.registry.api_url, shown(upload.url)
        return problem("upload-astray", subject=f"{server} names {named}", said=told.said)

    def _called(self, name: object) -> str:
        return f"{self.name}{'@' if ':' in str(name) else ':'}{name}"


class _Channel:
    """An `UploadChannel` of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        repository = self._repository
        return repository.registry.ask_upload(method, url, scopes=repository._push, headers=headers, body=body)

    def next(self, answer: Answer, upload: Upload) -> Upload:
        return self._repository._goes_on(answer, upload)


def _length(answer: Answer) -> int | None:
    return _number(answer.headers.get("Content-Length"))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None


def _media_type(answer: Answer) -> str:
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type if oci.is_media_type(media_type) else ""


def _speaks_http(http: HttpClient, base: str) -> bool:
    """Whether a server on this machine speaks plain HTTP. Go's and nginx's TLS ports answer such a request with 400."""
    assert is_loopback(urlsplit(base).netloc)
    try:
        answer = http.request("GET", f"{base}/v2/", headers={})
        answer.drain()
    except (Unreachable, Busy):
        return True  # nor would it be reached with TLS; and who is busy has answered
    except Unavailable:
        return False
    return answer.status != 400
