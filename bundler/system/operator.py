"""The names of this machine and its user, for receipts."""

from __future__ import annotations

import getpass
import os
import socket


def operator() -> str:
    """Returns the user who runs this process, and the user who called sudo for it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        name = f"uid {os.getuid()}"
    caller = os.environ.get("SUDO_USER")
    return f"{name} (sudo by {caller})" if caller and caller != name else name


def host() -> str:
    """Returns the name of this machine."""
    return socket.gethostname()
