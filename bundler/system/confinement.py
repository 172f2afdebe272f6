"""The part of `bundler.system.confined` that runs in the new process: it confines itself, then becomes the program.

It imports the standard library only. The kernel enforces all bounds: memory, processor time, the size of each file;
and, with Landlock (Linux 5.13), that nothing is written outside of some folders and, from Linux 6.7 on, that no TCP
connection is opened but to some ports.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
import sys
from contextlib import suppress
from typing import Any

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT = 38, 1
_WRITES = (1 << 1) | sum(1 << bit for bit in range(4, 13))
"""To write a file; to remove and to make entries of every kind."""
_WRITES_OF_A_FILE = 1 << 1
_REFER, _TRUNCATE = 1 << 13, 1 << 14
"""Known from the second and third version of Landlock on; network rules from the fourth on."""
_BIND_AND_CONNECT, _CONNECT = 0b11, 0b10
_BELOW_A_FOLDER, _AT_A_PORT = 1, 2
"""The kinds of rules."""
CANNOT_START = 126


def main() -> None:
    """Confines this process as the JSON of its last argument says, and runs the program."""
    wanted: dict[str, Any] = json.loads(sys.argv[-1])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0)
    if os.getppid() != wanted["parent"]:
        os._exit(CANNOT_START)  # it has ended before it could take us along
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_DATA, wanted["memory"]),
        (resource.RLIMIT_CPU, wanted["seconds"]),
        (resource.RLIMIT_FSIZE, wanted["file"]),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError):  # a lower limit is there already
            if value is not None:
                resource.setrlimit(limit, (value, value))
    os.nice(wanted["niceness"])
    _restrict(libc, wanted["writable"], wanted["ports"])
    try:
        os.execv(wanted["command"][0], wanted["command"])  # noqa: S606  # no shell: its path is absolute
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        os._exit(CANNOT_START)


def _restrict(libc: Any, writable: list[str] | None, ports: list[int] | None) -> None:
    """Forbids to write anywhere else and to connect to any other port, as far as this kernel can."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    writes = _WRITES | (_REFER if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    handled = [0 if writable is None else writes]
    if version > 3:
        handled.append(0 if ports is None else _BIND_AND_CONNECT)
    if not any(handled):
        return
    attributes = struct.pack(f"<{len(handled)}Q", *handled)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return
    for place in writable or ():
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
        allowed = writes if os.path.isdir(place) else writes & (_WRITES_OF_A_FILE | _TRUNCATE)
        libc.syscall(_ADD_RULE, ruleset, _BELOW_A_FOLDER, struct.pack("<Qi", allowed, descriptor), 0)
        os.close(descriptor)
    for port in (ports or ()) if version > 3 else ():
        libc.syscall(_ADD_RULE, ruleset, _AT_A_PORT, struct.pack("<QQ", _CONNECT, port), 0)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
