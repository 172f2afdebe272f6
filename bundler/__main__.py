"""Starts ``bundler`` and ``python -m bundler``. Signals are handled before anything large is imported."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # the less is imported here, the sooner signals are heard
    from typing import NoReturn

_STOPPED = b"error: stopped\n  -> run the same command again\n"
_NO_MEMORY = (
    b"error: this machine has too little memory left to start\n  -> raise the limit (ulimit -v), or free some memory\n"
)


def main() -> NoReturn:
    """Runs the command and exits."""
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
