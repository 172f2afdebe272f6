"""One entry: a failure in plain words. Its module says who can end the failure."""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.errors import BundlerError

LOG_IN = "log in with --username NAME --password-stdin, or: docker login {host} (or podman login, skopeo login)"
"""It names several tools, because not every machine has Docker, and --password-stdin, because nobody types in a job."""


@frozen
class Advice:
    """One failure.

    Attributes:
        code: Its name, for ``explain``.
        family: The class of the error, which decides the exit code.
        happened: The failure in a few words.
        next_step: The next step for the user, a sentence or a command.
        explanation: The usual causes, how to confirm them, and what else may help.
    """

    code: str
    family: type[BundlerError]
    happened: str
    next_step: str
    explanation: str
