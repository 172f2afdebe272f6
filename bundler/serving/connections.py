"""Accepts connections, and answers their requests: a thread for each of a bounded number.

A connection that sends nothing, or takes nothing, ends after a time. If there are too many connections, the one that
waits longest for its next request makes room. So slow clients do not keep others out.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from bundler.core.frozen import frozen
from bundler.core.limits import SERVED_CONNECTIONS, SERVED_IDLE_SECONDS
from bundler.errors import BundlerError, LocalStorage
from bundler.serving.answers import Answer, of_error
from bundler.serving.client import BrokenOff, Client, Gone
from bundler.serving.heads import BadRequest, RequestHead
from bundler.workers import BackgroundThread

_PAUSE_SECONDS = 0.1
_END_SECONDS = 1.0

Answering = Callable[[RequestHead], Answer]


@frozen
class ServedAnswer:
    """A request that was answered, for the log.

    Attributes:
        client: The address of the client.
        method: The method; empty for a request that is not valid.
        path: The path, with characters that can be printed.
        status: The status of the answer.
        length_bytes: The bytes that were sent after its head.
        error: The reason if the answer was broken off.
    """

    client: str
    method: str
    path: str
    status: HTTPStatus
    length_bytes: int
    error: BundlerError | None = None


Log = Callable[[ServedAnswer], object]


class Connections:
    """The connections of a server. All its threads end with `close`."""

    def __init__(
        self,
        listener: socket.socket,
        answering: Answering,
        *,
        tls: ssl.SSLContext | None = None,
        log: Log = lambda _: None,
        limit: int = SERVED_CONNECTIONS,
        idle_seconds: float = SERVED_IDLE_SECONDS,
    ) -> None:
        """Starts to accept connections.

        Args:
            listener: The listening socket. It is closed with this.
            answering: Returns the answer to a request, in any thread.
            tls: The context for TLS; None for plain HTTP.
            log: Receives each answered request, in any thread.
            limit: The largest number of connections.
            idle_seconds: The time for which a connection without a request is kept.

        Raises:
            LocalStorage: The machine cannot start another thread.
        """
        self._listener = listener
        self._answering = answering
        self._tls = tls
        self._log = log
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._clients: set[Client] = set()
        self._changed = threading.Condition()
        self._is_ending = threading.Event()
        self._thread = BackgroundThread(self._accept, name="accept")

    def close(self) -> None:
        """Ends all connections, also in the middle of an answer, and waits a moment for their threads."""
        self._is_ending.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which `close` alone does not
        self._listener.close()
        with self._changed:
            for client in self._clients:
                client.hang_up()
            self._changed.wait_for(lambda: not self._clients, timeout=_END_SECONDS)
        self._thread.ends_within(_END_SECONDS)

    def _accept(self) -> None:
        while not self._is_ending.is_set():
            try:
                connection, address = self._listener.accept()
            except OSError:  # the client is gone already; or there are no more descriptors; or the server ends
                self._is_ending.wait(_PAUSE_SECONDS)
                continue
            self._make_room()
            self._start(Client(connection, tls=self._tls), str(address[0]))

    def _make_room(self) -> None:
        """Waits until there is room for a connection. The one that waits longest for a request is ended."""
        with self._changed:
            while len(self._clients) >= self._limit and not self._is_ending.is_set():
                waiting = [(since, client) for client in self._clients if (since := client.waiting_since) is not None]
                if waiting:
                    min(waiting, key=lambda each: each[0])[1].hang_up()
                self._changed.wait(_PAUSE_SECONDS)

    def _start(self, client: Client, address: str) -> None:
        with self._changed:
            self._clients.add(client)
        try:
            BackgroundThread(partial(self._serve, client, address), name=f"client-{address}")
        except LocalStorage:
            self._end(client)

    def _serve(self, client: Client, address: str) -> None:
        try:
            client.begin()
            while not self._is_ending.is_set() and self._answer_next(client, address):
                pass
        except Gone:
            pass
        finally:
            self._end(client)

    def _answer_next(self, client: Client, address: str) -> bool:
        """Answers one request. Returns False if the connection ends with it."""
        method = path = ""
        is_last = True
        try:
            head = client.next_head(idle_seconds=self._idle_seconds)
            if head is None:
                return False
            method, path, is_last = head.method, head.path, head.is_last
            answer = self._answering(head)
        except BadRequest as error:
            answer = of_error(error.status, "UNSUPPORTED", str(error))
        try:
            sent = client.send(replace(answer, is_last=is_last), is_head=method == "HEAD")
        except BrokenOff as error:
            self._log(ServedAnswer(address, method, path, answer.status, 0, error.error))
            return False
        self._log(ServedAnswer(address, method, path, sent.status, sent.length_bytes))
        if is_last:
            client.linger()
        return not is_last

    def _end(self, client: Client) -> None:
        client.close()
        with self._changed:
            self._clients.discard(client)
            self._changed.notify_all()
