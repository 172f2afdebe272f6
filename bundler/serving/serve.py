"""Serves bundles: opens them, listens, and answers until it is closed."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from bundler.errors import LocalStorage, Misuse
from bundler.keys.open_bundle import open_each
from bundler.run import Run
from bundler.serving.catalogue import Catalogue, OpenBundle, ServedImage
from bundler.serving.connections import Connections, Log
from bundler.serving.registry import Page, Registry
from bundler.serving.request import DEFAULT_ADDRESS, Address, ServeRequest, parse_address
from bundler.texts import text

_BACKLOG = 512
"""Connections that the system keeps until they are accepted."""


class Served:
    """Bundles that are being served. Leaving it as a context manager ends the server.

    Attributes:
        catalogue: The repositories that are served.
        address: The address that the server listens at.
    """

    def __init__(self, catalogue: Catalogue, address: Address, closing: ExitStack) -> None:
        self.catalogue = catalogue
        self.address = address
        self._closing = closing
        self._ended = threading.Event()

    @property
    def host(self) -> str:
        """The registry's part in the names of images, ``127.0.0.1:5000``."""
        return str(self.address)

    @property
    def images(self) -> tuple[ServedImage, ...]:
        """All images. A client pulls ``HOST/NAME``: `host`, and the name of the image."""
        return tuple(self.catalogue.images)

    @property
    def url(self) -> str:
        """The address of the page, and of the registry."""
        return f"http://{self.host}/"

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


def serve(request: ServeRequest, run: Run | None = None, *, page: Page | None = None, log: Log | None = None) -> Served:
    """Serves bundles as a read-only registry, in the background.

    Args:
        request: The bundles, the trusted keys and the address.
        run: Receives progress while bundles are opened, and can be stopped; None for a silent run.
        page: Answers requests for the page for people; None for no page.
        log: Receives each request that was answered, from any thread.

    Returns:
        The running server. Close it, or use it as a context manager.

    Raises:
        Misuse: There is no bundle, the passphrase is missing or wrong, or the address cannot be used.
        Untrusted: No trusted key has signed one of them.
        Damaged, Incomplete: The small files of one are not as they were signed.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    address = parse_address(request.address)
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
        return _listening(bundles, address, opened, run=run, page=page, log=log)


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
        return _listening(bundles, parse_address(address), opened, run=run or Run())


def _listening(
    bundles: Sequence[OpenBundle],
    address: Address,
    opened: ExitStack,
    *,
    run: Run,
    page: Page | None = None,
    log: Log | None = None,
) -> Served:
    catalogue = Catalogue(bundles)
    registry = Registry(catalogue, page=page, passed=lambda _: run.cancellation.check())
    listener = _listener(address)
    try:
        connections = Connections(listener, registry.answer, log=log or (lambda _: None))
    except LocalStorage:
        listener.close()
        raise
    opened.callback(connections.close)
    return Served(catalogue, Address(address.host, listener.getsockname()[1]), opened.pop_all())


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
    return Misuse(text("cannot listen here: {reason}", reason=os.strerror(error.errno or 0)), subject=str(address))
