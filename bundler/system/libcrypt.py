"""bcrypt by the system's libcrypt, which checks the passwords of its users: no library of Python's own is needed."""

from __future__ import annotations

import ctypes
import hmac
from functools import lru_cache
from typing import Any

from bundler.errors import Misuse

_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")
_STATE_BYTES = 256 << 10
"""More than ``struct crypt_data`` has: 32 KiB in libxcrypt, 128 KiB in old versions of glibc."""

_KNOWN = (b"pw", b"$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW")
"""A password with its hash."""


def check_bcrypt() -> None:
    """Checks that the system's libcrypt has bcrypt.

    Raises:
        Misuse: It does not.
    """
    if not _matches(_KNOWN[0], _KNOWN[1]):
        raise Misuse(
            "this system has no libcrypt with bcrypt",
            hint="install libcrypt1 or libxcrypt; or put a proxy that asks for passwords in front of the server",
        )


def matches(password: bytes, hashed: bytes) -> bool:
    """True if a bcrypt hash is that of a password. The time does not depend on how much of it is right."""
    return b"\0" not in password and _matches(password, hashed)


def _matches(password: bytes, hashed: bytes) -> bool:
    function = _crypt()
    if function is None:
        return False
    found = function(password, hashed, ctypes.create_string_buffer(_STATE_BYTES))
    return found is not None and hmac.compare_digest(found, hashed)


@lru_cache(maxsize=1)
def _crypt() -> Any:
    for name in _LIBRARIES:
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
        return function
    return None
