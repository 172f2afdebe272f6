"""Basic authentication by a file of ``htpasswd -B``: RFC 7617, passwords hashed by bcrypt, and nothing else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from bundler.core.limits import HTPASSWD_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.serving.answers import Answer, of_error
from bundler.serving.heads import RequestHead
from bundler.system import libcrypt
from bundler.system.given_files import read_given
from bundler.texts import text

_HASH = lazy_pattern(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
"""bcrypt. A cost above 16 would take some seconds for each attempt."""

_ATTEMPTS_AT_A_TIME = 2
_REMEMBERED = 1000
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="bundler", charset="UTF-8"')


def parse_htpasswd(content: str, *, what: str) -> dict[str, str]:
    """Reads a file of ``htpasswd -B``: the hash of each user.

    Raises:
        Misuse: A line is not valid, has another kind of hash, or there are no users.
    """
    users: dict[str, str] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, hashed = line.strip().partition(":")
        if not colon or not user or not _HASH.fullmatch(hashed):
            raise Misuse(
                "not a user with a bcrypt hash; other hashes are not supported",
                subject=text("{file}, line {number}", file=what, number=number),
                hint="make the line with: htpasswd -B FILE USER",
            )
        users[user] = hashed
    if not users:
        raise Misuse("no user in the file", subject=what, hint="add one: htpasswd -B FILE USER")
    return users


def read_users(path: Path) -> dict[str, str]:
    """Reads the file of passwords.

    Raises:
        Misuse: It cannot be used, or this system has no bcrypt.
    """
    libcrypt.check_bcrypt()
    try:
        content = read_given(path, HTPASSWD_BYTES).decode("utf-8", "surrogateescape")
    except Misuse as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise error.but(hint="make the file with: htpasswd -B -c FILE USER") from error.__cause__
    return parse_htpasswd(content, what=str(path))


class Guard:
    """Lets requests with the password of a user through. Thread-safe.

    A few attempts are checked at a time, because each costs some milliseconds of CPU. A login that was right is
    remembered by a keyed hash, as clients send it with each request.
    """

    def __init__(self, users: Mapping[str, str], answering: Callable[[RequestHead], Answer]) -> None:
        """Guards a server.

        Args:
            users: The hash of each user.
            answering: Answers the requests that may pass.
        """
        self._users = dict(users)
        self._answering = answering
        self._attempts = threading.Semaphore(_ATTEMPTS_AT_A_TIME)
        self._key = secrets.token_bytes(32)
        self._known: set[bytes] = set()

    def answer(self, head: RequestHead) -> Answer:
        """The answer to a request, or 401."""
        if self._may_pass(head.headers.get("authorization", "")):
            return self._answering(head)
        return of_error(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "log in with the password of a user", _CHALLENGE)

    def _may_pass(self, authorization: str) -> bool:
        login = _login(authorization)
        if login is None:
            return False
        user, password = login
        known = hmac.digest(self._key, user.encode() + b"\0" + password, hashlib.sha256)
        if known in self._known:
            return True
        hashed = self._users.get(user)
        with self._attempts:
            # A user who is not there takes as long as one who is.
            is_right = libcrypt.matches(password, (hashed or next(iter(self._users.values()))).encode())
        if not is_right or hashed is None:
            return False
        if len(self._known) < _REMEMBERED:
            self._known.add(known)
        return True


def _login(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
