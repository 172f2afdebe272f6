"""The repositories of a registry that a user gives, and the prefix that they must be below."""

from __future__ import annotations

from collections.abc import Iterable

from bundler.core.reference import is_repository
from bundler.errors import Misuse
from bundler.texts import text


def is_below(repository: str, prefix: str) -> bool:
    """True if a prefix has a repository: the prefix is its name, or the first parts of it, or empty.

    >>> is_below("team/app", "team"), is_below("teams/app", "team")
    (True, False)
    """
    return not prefix or f"{repository}/".startswith(f"{prefix}/")


def check_repositories(given: Iterable[str], prefix: str) -> None:
    """Makes sure that names from flags are repositories below a prefix.

    Raises:
        Misuse: One of them is not.
    """
    for name in given:
        if not is_repository(name):
            raise Misuse("not a repository", subject=f"--repository {name[:100]!r}", hint="write team/app")
        check_below(name, prefix)


def check_below(name: str, prefix: str) -> None:
    """Makes sure that a repository is below a prefix.

    Raises:
        Misuse: It is not.
    """
    if not is_below(name, prefix):
        raise Misuse(
            "the repository is not below the prefix",
            subject=name,
            expected=text("{prefix}/…", prefix=prefix),
            actual=name,
            hint=text("write the whole name: --repository {prefix}/{name}", prefix=prefix, name=name),
        )
