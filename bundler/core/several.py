"""Errors in files that people write: adds the line to an error, and joins all errors of a file. It loads no YAML."""

from __future__ import annotations

from bundler.errors import BundlerError, Misuse, Several


def located(error: Misuse, where: str) -> Misuse:
    """The same error, with the line of a file where it is."""
    if error.subject and error.subject.startswith(where.rpartition(":")[0] + ":"):
        return error
    subject = f"{where}: {error.subject}" if error.subject else where
    return Misuse(error.message, subject=subject, expected=error.expected, actual=error.actual, hint=error.hint)


def together(message: str, errors: list[BundlerError]) -> BundlerError:
    """The error itself if there is one; else `Several` with a message."""
    return errors[0] if len(errors) == 1 else Several(message, errors)
