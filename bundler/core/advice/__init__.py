"""The usual failures in plain words: each entry has a code, the next step, and a longer explanation.

An error with a ``code`` was made from an entry here; ``bundler explain CODE`` prints the whole entry. The texts are in
English; `bundler.views.languages` has them in other languages. `problem` fills in the fields in braces. There is one
module for each group of people who can end a failure: `registry`, `network`, `trust`, `bundles`, `machine`; `table`
joins them.
"""

from __future__ import annotations

from bundler.core.advice.entry import LOG_IN, Advice
from bundler.errors import BundlerError
from bundler.texts import text

__all__ = ["LOG_IN", "Advice", "problem"]


def problem(
    code: str,
    *,
    subject: str | None,
    said: str | None = None,
    expected: str | None = None,
    actual: str | None = None,
    retryable: bool = False,
    retry_after_seconds: float | None = None,
    **parameters: str,
) -> BundlerError:
    """The error for a known failure.

    Args:
        code: The code of the entry.
        subject: The object that the failure is about.
        said: The words of the other side.
        expected: The required value.
        actual: The value that was found.
        retryable: True if another attempt may succeed.
        retry_after_seconds: The pause that the other side asked for.
        parameters: The values of the fields in braces.
    """
    from bundler.core.advice.table import ADVICE  # a run without failures does not load all the texts

    advice = ADVICE[code]
    return advice.family(
        text(advice.happened, **parameters),
        subject=subject,
        said=said,
        expected=expected,
        actual=actual,
        hint=text(advice.next_step, **parameters),
        code=code,
        retryable=retryable,
        retry_after_seconds=retry_after_seconds,
    )
