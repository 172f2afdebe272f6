"""The command line: flags become a request, errors become exit codes. Nothing else happens here.

One file a command; `program` is what they belong to, `options` the flags that they share. Everything but click is
imported inside the commands, so that ``bundler --help`` answers at once.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import NoReturn, TextIO

import click

from bundler.cli import (  # noqa: F401  # each adds its command to the program
    completion,
    doctor,
    explain,
    export,
    import_,
    inspect_,
    keygen,
    man,
    receipt,
    sign,
    trust,
    undo,
    verify,
)
from bundler.cli.program import OutputClosed, program
from bundler.cli.usage import misuse_of
from bundler.errors import EXIT_BUG, EXIT_CLOSED_PIPE, BundlerError, Interrupted, LocalStorage
from bundler.secrecy import masked
from bundler.system import signals
from bundler.texts import text
from bundler.views.languages import translate_libraries


def main() -> NoReturn:
    """Runs the program and exits as DESIGN's table of exit codes says."""
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
        except OSError:  # a full log; the interpreter would make an exit code of its own of it
            _silence(stream)
    if code == Interrupted.exit_code:
        os._exit(code)  # threads that hang are left behind; the interpreter's end would meet them
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code. No error leaves here; a bug shows its traceback."""
    try:
        translate_libraries()
        return _run(arguments)
    except KeyboardInterrupt:  # once more, while the first one was being told
        return Interrupted.exit_code


def _run(arguments: list[str]) -> int:
    try:
        code = program.main(args=_spelled_out(arguments), prog_name="bundler", standalone_mode=False)
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
        # Files are handled where they are used; what comes up here is a name that no file can have, or a limit.
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


def _spelled_out(arguments: list[str]) -> list[str]:
    """``help COMMAND`` and ``version`` as flags; ``--help`` where nothing is said."""
    if arguments[:1] == ["help"]:
        return [*(each for each in arguments[1:] if each not in ("-h", "--help")), "--help"]
    if arguments[:1] == ["version"]:
        return ["--version", *arguments[1:]]
    return arguments or ["--help"]


def _fail(error: BundlerError, arguments: list[str]) -> int:
    from bundler.stores import credential_helper
    from bundler.views import errors

    if isinstance(error, Interrupted):
        signals.ignore()  # it ends as fast as it can
        credential_helper.end_all()
    if "--json" in arguments:
        from bundler.views import documents

        command = next((argument for argument in arguments if argument in program.commands), "bundler")
        try:
            errors.show([documents.dump(documents.failure_document(command, error))])
        except (OSError, LocalStorage):  # what is told of it is the first error
            _silence(sys.stdout)
    try:
        errors.show(errors.error_lines(error), on_stderr=True)
    except (OSError, LocalStorage):
        _silence(sys.stderr)
    return error.exit_code


def _escape(error: UnicodeError) -> tuple[str, int]:
    r"""What stands for characters that a terminal's encoding lacks: ``\uXXXX``, which is the same in JSON."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end


def _silence(stream: TextIO | None) -> None:
    """Lets what is still buffered go nowhere, so that the interpreter does not fail on it at its end."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _shown(name: object) -> str | None:
    return str(name)[:200] if name else None
