"""Serves bundles: opens them, listens, and answers until it is closed."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bundler.errors import Misuse
from bundler.keys.open_bundle import open_each
from bundler.run import Run
from bundler.serving.catalogue import Catalogue, OpenBundle, ServedImage
from bundler.serving.connections import Connections, Log, ServedAnswer
from bundler.serving.names import reached_at
from bundler.serving.passwords import Guard, read_users
from bundler.serving.registry import Page, Registry
from bundler.serving.request import DEFAULT_ADDRESS, Address, ServeRequest, parse_address
from bundler.serving.tls import MadeAuthority, given_context, made_context
from bundler.texts import text
from bundler.workers import Cancellation

PageOf = Callable[[Catalogue, str], Page]
"""Makes the page for people from a catalogue and the URL of the server."""

_BACKLOG = 512
"""Connections that the system keeps until they are accepted."""


class Served:
    """Bundles that are being served. Leaving it as a context manager ends the server.

    Attributes:
        catalogue: The repositories that are served.
        address: The address that the server listens at.
        request: Its request; None for bundles that were open already.
        authority: The authority of a certificate that was made for it; None without one.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        address: Address,
        closing: ExitStack,
        *,
        request: ServeRequest | None = None,
        authority: MadeAuthority | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.address = address
        self.request = request
        self.authority = authority
        self._closing = closing
        self._ended = threading.Event()

    @property
    def host(self) -> str:
        """The address that it listens at, with its port, ``127.0.0.1:5000``."""
        return str(self.address)

    @property
    def registry(self) -> str:
        """The registry's part in the names of images: `host`, or this machine's name if that is ``0.0.0.0``."""
        return str(reached_at(self.address))

    @property
    def images(self) -> tuple[ServedImage, ...]:
        """All images. A client pulls ``REGISTRY/NAME``: `registry`, and the name of the image."""
        return tuple(self.catalogue.images)

    @property
    def url(self) -> str:
        """The address of the page, and of the registry."""
        return _url(self.address, has_tls=self.request is not None and self.request.has_tls)

    @property
    def is_in_clear(self) -> bool:
        """True if other machines may reach it, and it speaks plain HTTP."""
        return self.request is not None and not self.request.has_tls and not self.request.is_local

    def wait(self) -> None:
        """Waits until it is closed."""
        self._ended.wait()

    def close(self) -> None:
        """Ends the server and all its connections. Closes the bundles that it opened."""
        self._closing.close()
        self._ended.set()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    request: ServeRequest, run: Run | None = None, *, page: PageOf | None = None, log: Log | None = None
) -> Served:
    """Serves bundles as a read-only registry, in the background.

    Args:
        request: The bundles, the trusted keys and the address.
        run: Receives progress while bundles are opened, and can be stopped; None for a silent run.
        page: Makes the page for people; None for no page.
        log: Receives each request that was answered, from any thread.

    Returns:
        The running server. Close it, or use it as a context manager.

    Raises:
        Misuse: There is no bundle, the passphrase is missing or wrong, or the address, the certificate or the file of
            passwords cannot be used.
        Untrusted: No trusted key has signed one of them.
        Damaged, Incomplete: The small files of one are not as they were signed.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    request.check()
    users = read_users(request.htpasswd) if request.htpasswd is not None else {}
    with ExitStack() as opened:
        bundles = open_each(
            request.paths,
            request.trust,
            is_without_signature=request.is_without_signature,
            required_signatures=request.required_signatures,
            unlocking=request.unlocking,
            run=run,
        )
        for each in bundles:
            opened.callback(each.close)
        listener = _listener(parse_address(request.address))
        opened.callback(listener.close)
        address = _bound(parse_address(request.address), listener)
        tls, authority = _tls(request, address)
        catalogue = Catalogue(bundles)
        url = _url(address, has_tls=request.has_tls)
        registry = _registry(catalogue, opened, run, page(catalogue, url) if page else None)
        answering = Guard(users, registry.answer).answer if users else registry.answer
        opened.callback(Connections(listener, answering, tls=tls, log=log or _no_log).close)
        return Served(catalogue, address, opened.pop_all(), request=request, authority=authority)


def serve_open(bundles: Sequence[OpenBundle], *, address: str = DEFAULT_ADDRESS, run: Run | None = None) -> Served:
    """Serves bundles that are open already, and leaves them open.

    Args:
        bundles: The bundles.
        address: The address to listen at, ``HOST:PORT``; port 0 is any free port.
        run: Ends reads when it is stopped; None for a run that nobody stops.

    Raises:
        Misuse: The address cannot be used.
    """
    with ExitStack() as opened:
        listener = _listener(parse_address(address))
        opened.callback(listener.close)
        catalogue = Catalogue(bundles)
        registry = _registry(catalogue, opened, run or Run())
        opened.callback(Connections(listener, registry.answer).close)
        return Served(catalogue, _bound(parse_address(address), listener), opened.pop_all())


def _registry(catalogue: Catalogue, opened: ExitStack, run: Run, page: Page | None = None) -> Registry:
    """The registry. All its reads end when the server or the run ends."""
    ending = Cancellation()
    opened.callback(ending.set)

    def passed(_: int) -> None:
        ending.check()
        run.cancellation.check()

    return Registry(catalogue, page=page, passed=passed)


def _url(address: Address, *, has_tls: bool) -> str:
    return f"{'https' if has_tls else 'http'}://{address}/"


def _tls(request: ServeRequest, address: Address) -> tuple[ssl.SSLContext | None, MadeAuthority | None]:
    if request.is_self_signed:
        return made_context(address)
    if request.certificate is not None and request.key is not None:
        return given_context(request.certificate, request.key), None
    return None, None


def _no_log(_: ServedAnswer) -> None:
    """Logs nothing."""


def _bound(address: Address, listener: socket.socket) -> Address:
    return Address(address.host, listener.getsockname()[1])


def _listener(address: Address) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise Misuse(
            "the host is not known", subject=str(address), hint="such as 127.0.0.1:5000 or [::1]:5000"
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(address, error) from error
    return listener


def _cannot_listen(address: Address, error: OSError) -> Misuse:
    if error.errno == errno.EADDRINUSE:
        return Misuse(
            "another program listens at this address",
            subject=str(address),
            hint=text("end it, or choose another port; --addr {host}:0 takes a free one", host=address.host),
        )
    if error.errno == errno.EACCES:
        return Misuse("only root may listen at this port", subject=str(address), hint="choose a port above 1023")
    return Misuse(
        text("cannot listen here: {reason}", reason=os.strerror(error.errno or 0)),
        subject=str(address),
        hint="such as 127.0.0.1:5000 or [::1]:5000",
    )
