"""The rules of a prune, from flags or from a file."""

from __future__ import annotations

from bundler.core.limits import IMAGE_LIST_BYTES
from bundler.core.name_patterns import repository_pattern, tag_pattern
from bundler.core.retention.rules import Retention, RetentionRule
from bundler.core.retention.rules_file import ORDERS, parse_retention
from bundler.core.tag_choice import TagChoice
from bundler.core.text_file import decoded
from bundler.errors import Misuse
from bundler.system.given_files import read_given
from bundler.system.request_fields import text_of


def read_retention(file: str) -> Retention:
    """Reads a file of rules, as docs/prune.md shows them.

    Raises:
        Misuse: The file cannot be read, or is invalid.
    """
    file = text_of(file, "file")
    return parse_retention(
        decoded(read_given(file, IMAGE_LIST_BYTES, subject=f"--rules {file}"), source=file), source=file
    )


def retention_of(
    keep_bundles: int | None = None,
    keep_last: int | None = None,
    *,
    by: str = "semver",
    tags: tuple[str, ...] = (),
    repositories: tuple[str, ...] = (),
) -> Retention:
    """The rules that flags give.

    Args:
        keep_bundles: How many bundles of each kind stay whole.
        keep_last: How many images of each repository stay.
        by: ``semver``, ``created``, or for Harbor's own rules ``pushed``.
        tags: Patterns for the tags that ``keep_last`` is for; empty for all.
        repositories: Patterns for the repositories that may change; empty for all.

    Raises:
        Misuse: The order is unknown, a number is negative, or nothing can fit a pattern.
    """
    if by not in ORDERS:
        raise Misuse.of_field("by", expected="semver, created or pushed", actual=by)
    for field, number, least in (("keep_bundles", keep_bundles, 1), ("keep_last", keep_last, 0)):
        if number is not None and number < least:
            raise Misuse.of_field(field, expected=f"{least} or more", actual=str(number))
    tags, repositories = tuple(map(tag_pattern, tags)), tuple(map(repository_pattern, repositories))
    rules = () if keep_last is None else (RetentionRule((), TagChoice(match=tags or ("*",)), keep_last, ORDERS[by]),)
    return Retention(keep_bundles, rules, repositories)
