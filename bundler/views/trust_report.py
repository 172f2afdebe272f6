"""The lines that ``trust`` prints: keys with their fingerprints, in groups that can be read out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.core.fingerprint import groups_of
from bundler.views.errors import error_lines
from bundler.views.languages import said
from bundler.views.words import columns, count, escaped, padded

if TYPE_CHECKING:
    from bundler.commands.trust_store import TrustResult
    from bundler.keys.trust import FoundKey

_GROUPS_IN_LINE = 8


def fingerprint_lines(fingerprint: str, *, label: str) -> list[str]:
    """A fingerprint in two lines, after a label of any width."""
    groups = groups_of(fingerprint)
    first, second = " ".join(groups[:_GROUPS_IN_LINE]), " ".join(groups[_GROUPS_IN_LINE:])
    return [f"{label}{first}", f"{' ' * columns(label)}{second}"]


def question_lines(fingerprint: str) -> list[str]:
    """The lines above the question to the user if this is the right key."""
    return [
        *fingerprint_lines(fingerprint, label=_label(said("fingerprint"))),
        "",
        said(
            "Call the builder on a number that you know, and ask them to read out their fingerprint (bundler keygen "
            "printed it)."
        ),
    ]


def add_lines(result: TrustResult) -> list[str]:
    """The lines that ``trust add`` prints."""
    verdict = said("now trusted") if result.is_changed else said("already trusted")
    return [verdict, "", *_member_lines(result.members[0])]


def list_lines(result: TrustResult) -> list[str]:
    """The lines that ``trust list`` prints."""
    folder = escaped(result.folder)
    if not result.members:
        none = said("no key is trusted: {folder} has none", folder=folder)
        return [none, "", said("next: bundler trust add NAME.pub")]
    lines = [said("{keys} in {folder}", keys=count(len(result.members), "key"), folder=folder)]
    for member in result.members:
        lines += ["", *_member_lines(member)]
    return [*lines, "", *error_lines(result.error)] if result.error else lines


def remove_lines(result: TrustResult) -> list[str]:
    """The lines that ``trust remove`` prints."""
    return [said("no longer trusted"), *(line for member in result.members for line in ("", *_member_lines(member)))]


def _member_lines(member: FoundKey) -> list[str]:
    name = f"  {escaped(member.path.stem)}"
    if member.key is None:
        return [f"{name}  {said('CANNOT BE USED')}", f"    {_label(said('file'))}{escaped(member.path)}"]
    return [
        name,
        f"    {_label(said('key id'))}{member.key.id}",
        *fingerprint_lines(member.key.fingerprint, label=f"    {_label(said('fingerprint'))}"),
        f"    {_label(said('file'))}{escaped(member.path)}",
    ]


def _label(word: str) -> str:
    return padded(word, 13)
