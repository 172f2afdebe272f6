"""Errors in files that people write: each with its line, and all of a file as one. Loads no YAML."""

from __future__ import annotations

from bundler.errors import BundlerError, Misuse, Several


def located(error: Misuse, where: str) -> Misuse:
    """The same error, said to stand in a line of a file."""
    if error.subject and error.subject.startswith(where.rpartition(":")[0] + ":"):
        return error
    subject = f"{where}: {error.subject}" if error.subject else where
    return Misuse(error.message, subject=subject, expected=error.expected, actual=error.actual, hint=error.hint)


def together(message: str, errors: list[BundlerError]) -> BundlerError:
    """One error as it is; several under a message."""
    return errors[0] if len(errors) == 1 else Several(message, errors)
