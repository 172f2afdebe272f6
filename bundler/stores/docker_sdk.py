"""Docker's credentials and Docker's daemon, found as Docker finds them. Only this module imports the docker SDK.

`bundler.stores.login` chooses the files with credentials. The daemon is that of ``DOCKER_HOST`` with its TLS
variables, or of the current context. Importing the SDK takes a tenth of a second, so it is imported only when it is
needed.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.advice import LOG_IN
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import JSON_ANSWER_BYTES, PIECE_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.core.platform import Platform
from bundler.core.protocols import Pieces
from bundler.errors import (
    Absent,
    BundlerError,
    Damaged,
    LocalStorage,
    Misuse,
    Refused,
    Unavailable,
    Unreachable,
    causes,
)
from bundler.stores import credential_helper
from bundler.stores.credentials import Credentials
from bundler.system import places
from bundler.system.given_files import check_regular, read_regular
from bundler.texts import text

_TIMEOUT_SECONDS = 3600
"""The longest pause between two bytes: a daemon writes a large image to its disk before it sends the first byte, and
unpacks an image before it answers."""

_OLDEST_API = "1.24"
"""The API version of Docker 1.12. It is used to ask the daemon for its own version."""

_LOADED = lazy_pattern(r"Loaded image ID: (sha256:[0-9a-f]{64})")


@lru_cache(maxsize=8)
def _auth_config(path: str, _modified_ns: int) -> Any:
    from docker import auth

    # The SDK reads a file that is not JSON as an older format, and finds no user in it.
    content = read_regular(path, JSON_ANSWER_BYTES)
    document = strict_json.loads(content, what=path) if content.strip() else {}
    if not isinstance(document, dict):
        raise TypeError("not an object")
    return auth.load_config(path, config_dict=document) if document else auth.AuthConfig({})


@lru_cache(maxsize=64)
def _of_host(path: str, modified_ns: int, registry: str) -> Any:
    """Returns the entry for a whole registry. Asking a helper starts a process, so the result is cached."""
    config = _auth_config(path, modified_ns)
    helper = config.get_credential_store(registry)
    program = shutil.which(f"docker-credential-{helper}") if helper else None
    if helper and program is None:
        raise Refused(
            texts.text(
                "the Docker credentials cannot be read: docker-credential-{helper} is not installed", helper=helper
            ),
            subject=path,
            hint=text("install it, or {log_in}", log_in=text(LOG_IN, host=registry)),
        )
    # An entry for a part of a registry, of this one or of another, is not valid for all of this one.
    whole = {key: value for key, value in config.auths.items() if not _is_partial(key)}
    chosen = type(config)({**config, "auths": whole})
    if program is not None:
        chosen._stores[helper] = _bounded_store(helper, program)
    return chosen.resolve_authconfig(registry)


def _bounded_store(helper: str, program: str) -> Any:
    """Returns the SDK's credential store with limits on its program: the SDK itself would wait forever."""
    from docker.credentials import Store, errors

    class BoundedStore(Store):  # type: ignore[misc, unused-ignore]  # typed as Any without stubs
        def _execute(self, subcmd: str, data_input: bytes) -> bytes:
            assert subcmd == "get"
            code, output = credential_helper.ask(program, data_input)
            if code:
                failed = subprocess.CalledProcessError(code, [program, subcmd], output)
                raise errors.process_store_error(failed, self.program)
            return output

    return BoundedStore(helper)


def _is_partial(key: str) -> bool:
    path = key.removeprefix("https://").removeprefix("http://").partition("/")[2].strip("/")
    return path not in ("", "v1", "v2")


def read_credentials(path: Path, registry: str, repository: str = "") -> Credentials | None:
    """Returns the credentials of a file of Docker or skopeo for a registry, by its exact host and port.

    Args:
        path: ``config.json`` or ``auth.json``.
        registry: The registry.
        repository: The repository. An entry for it, or for a namespace around it, comes first.

    Raises:
        Refused: The file or a credential helper does not work.
    """
    from docker.errors import DockerException

    try:
        modified_ns = path.stat().st_mtime_ns
        entry = None
        parts = repository.split("/") if repository else []
        for length in range(len(parts), 0, -1):
            entry = _auth_config(str(path), modified_ns).auths.get("/".join([registry, *parts[:length]]))
            if entry:
                break
        entry = entry or _of_host(str(path), modified_ns, registry)
    except (DockerException, Damaged, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            texts.text("the Docker credentials cannot be read: {name}", name=type(error).__name__),
            subject=str(path),
            hint=text("check the file and its credential helper, or {log_in}", log_in=text(LOG_IN, host=registry)),
        ) from error
    if not entry:
        return None
    found = {name.lower(): value for name, value in entry.items() if isinstance(value, str)}
    token = found.get("identitytoken", "")
    if not token and not found.get("username"):
        return None
    return Credentials(found.get("username", ""), found.get("password", ""), token, origin=str(path))


@frozen
class DaemonFacts:
    """The daemon's facts about itself."""

    platform: Platform
    has_containerd_store: bool
    """True if it keeps images as a registry does, with compressed layers and manifests."""


@frozen
class ImageFacts:
    """The daemon's facts about an image.

    Attributes:
        id: The digest of its config; with the containerd image store, of its manifest or index.
        names: Its tags.
        repo_digests: Its digests in registries, as far as the daemon knows them: ``repository@digest``.
        size_bytes: The size of its layers, unpacked.
    """

    id: Digest
    names: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size_bytes: int


_REASONS: tuple[tuple[type[BaseException], texts.Text], ...] = (
    (FileNotFoundError, texts.text("there is no socket")),
    (ConnectionRefusedError, texts.text("connection refused")),
    (socket.gaierror, texts.text("the host is unknown")),
    (TimeoutError, texts.text("it took too long")),
    (ssl.SSLCertVerificationError, texts.text("its certificate is not trusted")),
)
"""The reasons why a daemon does not answer. The first of these errors in the chain of causes decides."""

_OF_ABSENCE = ("not found", "unknown")
"""The words for absence at the registry. If the registry says MANIFEST_UNKNOWN or NAME_UNKNOWN, the daemon answers 404.
It passes an answer without such a code on as 500, with only the registry's words (moby: api/server/httpstatus, up to
Docker 20 api/server/httputils; distribution: registry/client/errors.go, `UnexpectedHTTPResponseError`)."""

_OF_NO_ROOM = ("no space left",)
"""ENOSPC, in the words of Go's syscall package. The daemon's event streams have no error codes."""

_OF_FAILURE = ("timeout", "connection re", "i/o", "temporary", "eof", "too many requests")
"""Network failures between daemon and registry, in the words of Go's net and io packages."""

_OF_TLS = "HTTPS server"
"""A part of the answer of Go's net/http to a request without TLS: "Client sent an HTTP request to an HTTPS server."."""


class Daemon:
    """The Docker daemon that the environment names. Thread-safe. It connects at the first request."""

    def __init__(self, *, timeout_seconds: int = _TIMEOUT_SECONDS) -> None:
        """Does not connect yet; ``timeout_seconds`` is the longest time without data from the daemon."""
        self._lock = threading.Lock()
        self._timeout_seconds = timeout_seconds
        self._client: Any = None

    @property
    def facts(self) -> DaemonFacts:
        """The daemon's facts about itself.

        Raises:
            Unreachable: It does not answer.
        """
        with self._asking(None):
            info = self._api().info()
        driver = [tuple(pair) for pair in info.get("DriverStatus") or () if isinstance(pair, list)]
        return DaemonFacts(
            Platform(str(info.get("OSType", "linux")), _architecture(str(info.get("Architecture", "")))),
            ("driver-type", "io.containerd.snapshotter.v1") in driver,
        )

    def find(self, name: str) -> ImageFacts | None:
        """Returns an image by its name or id; None if there is none.

        Raises:
            Unreachable, Unavailable, Refused: The daemon does not answer, or answers with an error.
        """
        from docker.errors import ImageNotFound, NotFound

        with self._asking(f"docker-daemon:{name}"):
            try:
                found = self._api().inspect_image(name)
            except (ImageNotFound, NotFound):
                return None
        return _facts(found)

    def images(self) -> tuple[ImageFacts, ...]:
        """Returns all images that have a name, or are not part of another one.

        Raises:
            Unreachable, Unavailable, Refused: The daemon does not answer, or answers with an error.
        """
        with self._asking(None):
            return tuple(map(_facts, self._api().images()))

    def save(self, name: str) -> Pieces:
        """Yields an image in the format of ``docker save``: a tar.

        Raises:
            Refused: There is no such image.
            Unavailable, Unreachable: The daemon failed, perhaps within the stream.
        """
        with self._asking(f"docker-daemon:{name}"):
            yield from self._api().get_image(name, chunk_size=PIECE_BYTES)

    def load(self, archive: Iterable[bytes], *, subject: str) -> tuple[Digest, ...]:
        """Loads an image in the format of ``docker save``.

        Args:
            archive: A tar with images without names, so that no tag moves.
            subject: The object of error messages.

        Returns:
            The ids of the images.

        Raises:
            Refused: The daemon refuses the image.
            LocalStorage: It has no space for the image.
            Unavailable, Unreachable: It failed.
            BundlerError: An exception of ``archive``; nothing is loaded then.
        """
        ids = []
        with self._asking(subject):
            for event in self._api().load_image(archive, quiet=False):
                _raise_if_error(event, subject)
                ids += [Digest.parse(found) for found in _LOADED.findall(str(event.get("stream") or ""))]
        return tuple(ids)

    def tag(self, image: Digest, name: str) -> None:
        """Gives an image a name."""
        repository, _, tag = name.rpartition(":")
        with self._asking(f"docker-daemon:{name}"):
            self._api().tag(str(image), repository, tag, force=True)

    def remove(self, name: str) -> None:
        """Removes a name. Removing the last name of an image removes the image."""
        with self._asking(f"docker-daemon:{name}"):
            self._api().remove_image(name)

    def distribution_digest(self, name: str) -> Digest | None:
        """Returns the digest that a name has in its registry, through the daemon; None if it does not exist there.

        Raises:
            Refused, Unavailable, Unreachable: The daemon or the registry does not answer, or answers with an error.
        """
        from docker.errors import APIError

        with self._asking(name):
            try:
                found = self._api().inspect_distribution(name)
            except APIError as error:
                if error.status_code == 404 or _says(error.explanation, _OF_ABSENCE):
                    return None
                raise
        return Digest.parse((found.get("Descriptor") or {}).get("digest"))

    def push(self, name: str) -> Digest:
        """Pushes a name to its registry, and returns the digest that it has there afterwards.

        Raises:
            Refused: The registry refuses it.
            Unavailable, Unreachable: The daemon or the registry failed.
        """
        digest: Digest | None = None
        repository, _, tag = name.rpartition(":")
        with self._asking(name):
            for event in self._api().push(repository, tag=tag, stream=True, decode=True):
                _raise_if_error(event, name)
                aux = event.get("aux")
                if isinstance(aux, dict) and "Digest" in aux:
                    digest = Digest.parse(aux["Digest"])
        if digest is None:
            raise Unavailable("the daemon did not report what it pushed", subject=name, retryable=True)
        return digest

    def _api(self) -> Any:
        with self._lock:
            if self._client is None:
                oldest = _client(_OLDEST_API, self._timeout_seconds)
                self._client = _client(oldest.version(api_version=False)["ApiVersion"], self._timeout_seconds)
            return self._client.api

    @contextmanager
    def _asking(self, subject: str | None) -> Generator[None, None, None]:
        """Translates exceptions of the SDK into our errors. Our own errors pass through."""
        from docker.errors import APIError, DockerException
        from requests import exceptions as requests_exceptions
        from urllib3.exceptions import HTTPError

        try:
            yield
        except APIError as error:
            raise _of_api(error.status_code, str(error.explanation or error), subject) from error
        except (DockerException, requests_exceptions.ConnectionError) as error:
            raise _unreachable(error, subject) from error
        except (requests_exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            raise Unavailable(
                texts.text("the Docker daemon failed: {name}: {error}", name=type(error).__name__, error=error),
                subject=subject,
                retryable=True,
            ) from error


def _facts(found: Any) -> ImageFacts:
    """The facts in the daemon's document about an image."""
    return ImageFacts(
        Digest.parse(found.get("Id")),
        tuple(found.get("RepoTags") or ()),
        tuple(found.get("RepoDigests") or ()),
        int(found.get("Size") or 0),
    )


def _client(version: str, timeout_seconds: int) -> Any:
    from docker.errors import DockerException
    from docker.utils.config import load_general_config

    sdk = _sdk()
    try:
        environment = _environment()
        if not environment.get("DOCKER_HOST"):
            _check_context(environment)
        client = sdk.from_env(version=version, timeout=timeout_seconds, environment=environment)
        "".join((load_general_config().get("HttpHeaders") or {}).values())  # other types would fail in each request
    except (BundlerError, DockerException, OSError):
        raise
    except Exception as error:  # the SDK does not check the types of values in Docker's files
        raise Misuse(
            "Docker's configuration has an unknown form",
            subject=str(places.docker_folder() or os.devnull),
            hint="correct config.json and contexts there; see: docker context ls",
        ) from error
    # Else requests would use REQUESTS_CA_BUNDLE instead of the authority of DOCKER_CERT_PATH.
    client.api.trust_env = False
    client.api.mount("https://", _tls_adapter())
    return client


@lru_cache(maxsize=1)
def _sdk() -> Any:
    """Returns the SDK, after making it use the configuration and contexts that `places` chooses.

    Unchanged, it takes ``~`` as the name of a folder if there is no home folder, and looks for contexts in the working
    folder if there is no ``config.json``. A medium could then choose the daemon and the login of a push.
    """
    import docker
    from docker.context import config as contexts
    from docker.utils import config

    for module in (config, contexts):
        setattr(module, "find_config_file", _docker_config)  # noqa: B010  # the types leave it out
    return docker


def _docker_config(config_path: str | None = None) -> str:
    """Returns Docker's configuration file; without a home folder, an empty one without contexts next to it.

    Raises:
        Misuse: It is not a readable file.
    """
    folder = places.docker_folder()
    path = config_path or (str(folder / "config.json") if folder else os.devnull)
    if os.path.exists(path):
        check_regular(path, JSON_ANSWER_BYTES)
    return path


def _environment() -> dict[str, str]:
    """Returns the variables that name the daemon, as the SDK reads them.

    Raises:
        Misuse: There is no folder with the certificates for TLS, or ``DOCKER_CERT_PATH`` is relative.
    """
    environment = dict(os.environ)
    certificates = places.named_by("DOCKER_CERT_PATH")
    if environment.get("DOCKER_TLS_VERIFY") and not certificates:
        certificates = places.docker_folder()
        if certificates is None:
            raise Misuse(
                "DOCKER_TLS_VERIFY needs certificates, and this user has no home folder",
                hint="give their folder with DOCKER_CERT_PATH",
            )
        environment["DOCKER_CERT_PATH"] = str(certificates)
    _check_host(environment.get("DOCKER_HOST", ""))
    if environment.get("DOCKER_HOST", "").startswith("ssh:") and places.home_folder() is None:
        raise Misuse("DOCKER_HOST with ssh needs a home folder", hint="set HOME to an absolute path")
    return environment


def _check_host(host: str) -> None:
    """Checks that the SDK can read the ``DOCKER_HOST``, if it is set.

    Raises:
        Misuse: It cannot. The error does not repeat the value, because it may have a password.
    """
    from docker.errors import DockerException
    from docker.utils import parse_host

    try:
        address = str(parse_host(host))
    except (DockerException, ValueError):
        address = ""
    if not address.startswith(("http://", "https://", "http+unix://", "ssh://")):
        raise Misuse(
            "DOCKER_HOST is not the address of a daemon",
            expected=texts.text("unix:///PATH or tcp://HOST:PORT, without a password"),
            actual=texts.text("something else"),
            hint="correct DOCKER_HOST, or unset it; for client certificates set DOCKER_CERT_PATH",
        )


def _check_context(environment: Mapping[str, str]) -> None:
    """Checks that the chosen Docker context exists: the SDK would silently use the default daemon.

    Raises:
        Misuse: The context does not exist, or its file cannot be read.
    """
    from docker.context import config as contexts

    name = environment.get("DOCKER_CONTEXT") or contexts.get_current_context_name()
    if name in ("", "default"):
        return
    file = contexts.get_meta_file(name)
    if not os.path.lexists(file):
        raise Misuse(
            "there is no Docker context of this name",
            subject=name,
            hint="see: docker context ls; it is chosen by DOCKER_CONTEXT, or by docker context use NAME",
        )
    check_regular(file, JSON_ANSWER_BYTES)


def _tls_adapter() -> Any:
    """Returns an adapter that verifies certificates as Docker does: Python 3.13 requires more of authorities."""
    import ssl

    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            context.check_hostname = False  # urllib3 compares names itself, unless nothing is to be verified
            super().init_poolmanager(*args, ssl_context=context, **kwargs)

    return Adapter()


def error_in_stream(tail: bytes) -> BundlerError | None:
    """Returns the error that a daemon wrote into an image's stream instead of its rest; None if there is none."""
    begin = tail.rfind(b'{"errorDetail"')
    if begin < 0:
        return None
    try:
        report = strict_json.loads(tail[begin:].rstrip(b"\0").strip(), what=texts.text("the Docker daemon"))
        return Unavailable(
            texts.text("the Docker daemon says: {message}", message=report["errorDetail"]["message"]), retryable=False
        )
    except (Damaged, KeyError, TypeError):
        return None


def _raise_if_error(event: Any, subject: str) -> None:
    if not isinstance(event, dict):
        raise Damaged("the Docker daemon's answer has an unknown form", subject=subject)
    detail = event.get("errorDetail")
    message = detail.get("message") if isinstance(detail, dict) else event.get("error")
    if message or event.get("error"):
        raise _of_message(str(message or event["error"]), subject)


def _says(message: str | None, words: Iterable[str]) -> bool:
    return any(word in (message or "").lower() for word in words)


def _of_message(message: str, subject: str | None) -> BundlerError:
    if _says(message, _OF_NO_ROOM):
        return LocalStorage(
            texts.text("the Docker daemon says: {message}", message=message),
            subject=subject,
            hint="free some space for the daemon",
        )
    if _says(message, _OF_FAILURE):
        return Unavailable(
            texts.text("the Docker daemon says: {message}", message=message), subject=subject, retryable=True
        )
    return Refused(texts.text("the Docker daemon says: {message}", message=message), subject=subject)


def _of_api(status: int | None, message: str, subject: str | None) -> BundlerError:
    if status == 404:
        return Absent("the Docker daemon has no such image", subject=subject, hint="see: docker images")
    if status is None or status >= 500:
        return _of_message(message, subject)
    hint = "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH" if _OF_TLS in message else None
    return Refused(
        texts.text("the Docker daemon refuses ({status}): {message}", status=status, message=message),
        subject=subject,
        hint=hint,
    )


def _unreachable(error: Exception, subject: str | None) -> Unreachable:
    from urllib3.util.ssl_match_hostname import CertificateError

    where = os.environ.get("DOCKER_HOST") or texts.text("the current Docker context")
    chain = tuple(causes(error))
    if any(isinstance(each, PermissionError) for each in chain):
        return Unreachable(
            "no access to the Docker daemon: permission denied",
            subject=subject,
            hint="run as root, or as a member of the group docker",
        )
    reasons: tuple[tuple[type[BaseException], str], ...] = (
        *_REASONS,
        (CertificateError, texts.text("its certificate is for another name")),
    )
    known = (words for each in chain for kind, words in reasons if isinstance(each, kind))
    reason = next(known, str(error)[:300])
    return Unreachable(
        texts.text("the Docker daemon does not answer: {reason}", reason=reason),
        subject=subject,
        hint=texts.text("check that it runs at {where}; see: docker version", where=where),
    )


def _architecture(machine: str) -> str:
    """Returns the OCI name of a kernel's machine name."""
    return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}.get(machine, machine)
