"""The command line: flags become a request, errors become exit codes. Nothing else happens here.

Each command has one file, which is loaded when the command runs; `program` is the program of all commands. Flags that
several commands share are in the modules whose names end with `options`, most of them in groups (`collected`).
Everything but click is imported inside the commands, so that ``bundler --help`` answers at once.
"""

from __future__ import annotations

import atexit
import codecs
import io
import os
import sys
from contextlib import suppress
from typing import NoReturn, TextIO

import click

from bundler.cli.metrics import RunMetrics
from bundler.cli.program import OutputClosed, program
from bundler.cli.usage import misuse_of
from bundler.errors import EXIT_BUG, EXIT_CLOSED_PIPE, BundlerError, Interrupted, LocalStorage
from bundler.secrecy import masked
from bundler.system import signals
from bundler.texts import text
from bundler.views.languages import translate_libraries


def main() -> NoReturn:
    """Runs the program and exits with a code of DESIGN's table of exit codes."""
    codecs.register_error("escaped", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="escaped")
    try:
        code = run(sys.argv[1:])
        signals.ignore()
    except KeyboardInterrupt:
        signals.ignore()
        code = Interrupted.exit_code
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # a full log; the interpreter would exit with a code of its own
            _silence(stream)
    if code == Interrupted.exit_code:
        os._exit(code)  # a normal exit would wait for threads that hang
    atexit._run_exitfuncs()
    os._exit(code)  # a normal exit would take down modules one by one: 10 ms, and 200 ms after botocore was loaded


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code. Raises no error; a bug shows its traceback."""
    metrics = RunMetrics()
    code = _guarded(arguments, metrics)
    with suppress(KeyboardInterrupt):  # the run is over; the file is the old or the new one
        metrics.end(code)
    return code


def _guarded(arguments: list[str], metrics: RunMetrics) -> int:
    try:
        translate_libraries()
        return _run(arguments, metrics)
    except KeyboardInterrupt:  # a second Ctrl-C, while the first one was being reported
        return Interrupted.exit_code
    except Exception as error:
        exhausted = LocalStorage.exhausted(error)
        if exhausted is None:
            raise
        _say_without_help(exhausted)
        return exhausted.exit_code


def _run(arguments: list[str], metrics: RunMetrics) -> int:
    try:
        code = program.main(args=_spelled_out(arguments), prog_name="bundler", standalone_mode=False, obj=metrics)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        return _fail(misuse_of(error), arguments)
    except BundlerError as error:
        return _fail(error, arguments)
    except (KeyboardInterrupt, click.Abort):
        return _fail(Interrupted(), arguments)
    except (OutputClosed, BrokenPipeError):
        _silence(sys.stdout)
        _silence(sys.stderr)
        return EXIT_CLOSED_PIPE
    except OSError as error:
        # Each use of a file handles its errors. The rest are names that no file can have, and limits of the system.
        refused = LocalStorage(
            text("the system refuses: {reason}", reason=error.strerror), subject=_shown(error.filename)
        )
        return _fail(LocalStorage.exhausted(error) or refused, arguments)
    except Exception as error:
        exhausted = LocalStorage.exhausted(error)
        if exhausted is not None:
            return _fail(exhausted, arguments)
        import traceback

        click.echo(masked(traceback.format_exc()), err=True, nl=False)
        from bundler.views.languages import said

        click.echo(said("error: this is a bug in bundler; please report it with the lines above"), err=True)
        return EXIT_BUG


def _say_without_help(error: LocalStorage) -> None:
    """Prints an error when nothing is left to load the part that formats errors."""
    with suppress(OSError):
        os.write(2, f"error: {error.message}\n  -> {error.hint}\n".encode())


def _spelled_out(arguments: list[str]) -> list[str]:
    """Replaces ``help COMMAND`` and ``version`` by flags, and no arguments by ``--help``."""
    if arguments[:1] == ["help"]:
        return [*(each for each in arguments[1:] if each not in ("-h", "--help")), "--help"]
    if arguments[:1] == ["version"]:
        return ["--version", *arguments[1:]]
    return arguments or ["--help"]


def _fail(error: BundlerError, arguments: list[str]) -> int:
    from bundler.stores import credential_helper
    from bundler.views import errors

    if isinstance(error, Interrupted):
        signals.ignore()  # the program already ends as fast as it can
        credential_helper.end_all()
    if "--json" in arguments:
        from bundler.views import documents

        command = next((argument for argument in arguments if argument in program.order), "bundler")
        try:
            errors.show([documents.dump(documents.failure_document(command, error))])
        except (OSError, LocalStorage):  # the first error is reported, not this one
            _silence(sys.stdout)
    try:
        errors.show(errors.error_lines(error), on_stderr=True)
    except (OSError, LocalStorage):
        _silence(sys.stderr)
    return error.exit_code


def _escape(error: UnicodeError) -> tuple[str, int]:
    r"""Replaces characters that a terminal's encoding lacks by ``\uXXXX``, which means the same in JSON."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end


def _silence(stream: TextIO | None) -> None:
    """Discards buffered output, so that the interpreter does not fail on it at its end."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _shown(name: object) -> str | None:
    return str(name)[:200] if name else None
