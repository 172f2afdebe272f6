"""The tables of exit codes."""

from __future__ import annotations

from bundler import errors
from bundler.core.exit_codes import EXIT_CODES
from reference.markdown import prose, table


def exit_codes() -> str:
    """For people."""
    rows = ((str(each.number), prose(each.meaning), each.actor) for each in EXIT_CODES.values())
    return table(("exit", "meaning", "who must act"), rows)


def exit_codes_of_documents() -> str:
    """For programs that read documents: with the kind of an error."""
    families = (each for each in errors.BundlerError.__subclasses__() if each not in (errors.Bug, errors.Several))
    kinds = {each.exit_code: each.kind for each in families}
    rows = (
        (str(each.number), f"`{kinds[each.number]}`" if each.number in kinds else "", prose(each.meaning))
        for each in EXIT_CODES.values()
    )
    return table(("`exitCode`", "`kind` of an error", "meaning"), rows)
