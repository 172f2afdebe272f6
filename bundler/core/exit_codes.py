"""What each exit code means: the table of README, for `bundler explain` and the manual page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExitCode:
    """One exit code.

    Attributes:
        number: The code.
        meaning: What it stands for, in a few words.
        explanation: More of it; empty where an entry of `bundler.core.advice` explains it.
    """

    number: int
    meaning: str
    explanation: str = ""


_ALL = (
    ExitCode(0, "done, all of it", "Everything that was asked for is done. Nothing was left out."),
    ExitCode(2, "usage: flags, image list, references, keys"),
    ExitCode(
        3,
        "partial: some images failed, the rest is done; the failed ones are listed",
        "Some images failed, and the others are in place. The output names those that failed, each with its reason, "
        "and import writes them into a list: `bundler import --retry-failed LIST` does only those again.",
    ),
    ExitCode(4, "integrity: bytes are not what was promised"),
    ExitCode(5, "trust: unsigned, unknown signer, bad signature"),
    ExitCode(6, "refused for good: not found, denied, policy, quota, tag conflict"),
    ExitCode(7, "try again: network, server errors, timeouts, after retries"),
    ExitCode(8, "local storage: no space, read-only, I/O error"),
    ExitCode(9, "incomplete: parts are missing, nothing is wrong with the rest"),
    ExitCode(
        70,
        "a bug: traceback",
        "This is a mistake in bundler, not in what you did. Please report it with the lines that were printed and the "
        "output of `bundler --version --json`. Nothing that is unfinished looks finished.",
    ),
    ExitCode(
        130,
        "interrupted",
        "Somebody pressed Ctrl-C, or the process was asked to end. Nothing that is unfinished looks finished. Run the "
        "same command again: what has arrived is not sent twice.",
    ),
    ExitCode(
        141,
        "the output was closed before its end",
        "Whoever read the output stopped reading, as head does. It ends like this in any shell.",
    ),
)

EXIT_CODES = {each.number: each for each in _ALL}
