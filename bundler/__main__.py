"""Starts ``bundler`` and ``python -m bundler``. Signals are handled before anything large is imported."""

from __future__ import annotations

import gc
import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:  # the less is imported here, the sooner signals are heard
    from typing import NoReturn

_ADDRESS_SPACE = 256 << 20
"""Bytes that a command gets at least. With less, libraries crash in native code now and then."""
_LIMITED = (
    b"error: the address space of a process is limited here to less than 256 MiB\n"
    b"  -> raise the limit, for example: ulimit -v 524288\n"
)
_OBJECTS_OF_A_START = 200_000
"""The new objects after which Python looks for cycles among them; by default 700. So it does not search modules while
they are loaded: their objects stay. `bundler.cli.program.with_run` sets the number for the work."""
_STOPPED = b"error: stopped\n  -> run the same command again\n"
_NO_MEMORY = (
    b"error: this machine has too little memory left to start\n  -> raise the limit (ulimit -v), or free some memory\n"
)


def main() -> NoReturn:
    """Runs the command and exits."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _ADDRESS_SPACE:
        _end(8, _LIMITED)
    gc.set_threshold(_OBJECTS_OF_A_START)
    try:
        from bundler import errors
        from bundler.system import signals

        signals.listen()
        from bundler import cli

        cli.main()
    except KeyboardInterrupt:
        _end(130, _STOPPED)
    except (MemoryError, ImportError) as error:
        if not errors.LocalStorage.exhausted(error):
            raise
        _end(8, _NO_MEMORY)


def _end(code: int, words: bytes) -> NoReturn:
    """Ends at once: hardly anything is imported that could be ended in order."""
    try:
        os.write(2, words)
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
