"""The meaning of each exit code, for `bundler explain`, the manual page and the reference."""

from __future__ import annotations

from bundler.core.frozen import frozen


@frozen
class ExitCode:
    """One exit code.

    Attributes:
        number: The code.
        meaning: Its meaning in a few words.
        actor: The person who must act, in words of the reference; empty if there is nothing to do.
        explanation: A longer text; empty if an entry of `bundler.core.advice` explains the code.
    """

    number: int
    meaning: str
    actor: str = ""
    explanation: str = ""


_ALL = (
    ExitCode(0, "everything is done", explanation="Everything is done. Nothing was left out."),
    ExitCode(
        1,
        "an answer, no error: bundler diff found differences, or bundler search found nothing",
        explanation="bundler diff found names that are new, moved or gone, or bundler search found no image. diff(1) "
        "and grep(1) use the same code, so that a job can decide what to do. Errors of both have the same codes as "
        "those of all commands.",
    ),
    ExitCode(2, "usage: flags, image list, references, keys", "the caller of the command"),
    ExitCode(
        3,
        "partial: some images failed, the others are done; the output lists the failed ones",
        "the caller of the command, for the failed images",
        "Some images failed; the others are in place. The output names each failed image with its reason, and "
        "import writes a list of them: `bundler import --retry-failed LIST` repeats only those.",
    ),
    ExitCode(4, "integrity: bytes differ from what was promised", "the courier, or the owner of the medium"),
    ExitCode(5, "trust: unsigned, unknown signer, bad signature, policy not met", "the security officer"),
    ExitCode(
        6, "refused: not found, denied, policy, quota, tag conflict", "an administrator of the registry or the network"
    ),
    ExitCode(7, "try again: network, server errors, timeouts, after retries", "nobody: run the same command again"),
    ExitCode(8, "local storage: no space, read-only, I/O error", "the owner of this machine"),
    ExitCode(9, "incomplete: parts are missing, nothing is wrong with the rest", "the courier: bring what is missing"),
    ExitCode(
        70,
        "a bug: traceback",
        "the authors of bundler",
        "This is an error in bundler, not yours. Please report it with the printed lines and the output of `bundler "
        "--version --json`. Unfinished results are marked as unfinished.",
    ),
    ExitCode(
        130,
        "interrupted",
        "nobody: run the same command again",
        "A user pressed Ctrl-C, or the system asked the process to end. Unfinished results are marked as "
        "unfinished. Run the same command again: it does not send again what has arrived.",
    ),
    ExitCode(
        141,
        "the output was closed early",
        explanation="The program that read the output stopped reading, as head does. All programs in a shell end like "
        "this.",
    ),
)

EXIT_CODES = {each.number: each for each in _ALL}
