"""The person at this machine, and the machine, as receipts name them."""

from __future__ import annotations

import getpass
import os
import socket


def operator() -> str:
    """The user who runs this process, and the user who called sudo for it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        name = f"uid {os.getuid()}"
    caller = os.environ.get("SUDO_USER")
    return f"{name} (sudo by {caller})" if caller and caller != name else name


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()
