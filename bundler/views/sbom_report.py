"""SBOMs for people and for programs: the packages of one as a table, or the list of several to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.views.documents import error_document
from bundler.views.languages import said, translated, worded
from bundler.views.words import UNVERIFIED, count, escaped, fact, size, table

if TYPE_CHECKING:
    from bundler.commands.sbom import FoundSbom, SbomResult


def sbom_lines(result: SbomResult, *, is_quiet: bool) -> list[str]:
    """The lines that ``inspect --sbom`` prints.

    Args:
        result: The SBOMs.
        is_quiet: True for the packages alone.
    """
    note = [] if result.inspected.is_verified or is_quiet else [translated(UNVERIFIED), ""]
    if len(result.sboms) > 1:
        return note + _list_lines(result)
    return note + _one(result, result.sboms[0], is_quiet=is_quiet)


def _one(result: SbomResult, found: FoundSbom, *, is_quiet: bool) -> list[str]:
    packages = found.sbom.packages if found.sbom else ()
    rows = [[escaped(each.name), escaped(each.version), escaped(each.licence)] for each in packages]
    if is_quiet:
        return table(rows, indent="")
    lines = [fact(said("image"), str(result.image.reference)), fact(said("platform"), _platform(found))]
    if found.sbom is None:
        return [*lines, fact(said("SBOM"), str(found.digest)), *_problem(found)]
    head = f"{found.sbom.format}, {count_of(found)}"
    lines += [fact(said("SBOM"), escaped(f"{head}  {found.digest}"))]
    lines += [fact(said("describes"), escaped(found.sbom.name))] if found.sbom.name else []
    titles = [said("PACKAGE"), said("VERSION"), said("LICENCE")]
    return [*lines, "", *table([titles, *rows])]


def count_of(found: FoundSbom) -> str:
    """The number of packages in an SBOM."""
    return translated(count(len(found.sbom.packages) if found.sbom else 0, "package"))


def _problem(found: FoundSbom) -> list[str]:
    return [fact(said("problem"), escaped(worded(found.problem)))] if found.problem else []


def _list_lines(result: SbomResult) -> list[str]:
    rows = [[said("DOCUMENT"), said("PLATFORM"), said("FORMAT"), said("SIZE"), said("PACKAGES")]]
    for found in result.sboms:
        form = escaped(found.sbom.format) if found.sbom else said("not readable")
        number = str(len(found.sbom.packages)) if found.sbom else ""
        rows.append([str(found.digest)[:19], _platform(found), form, size(found.size_bytes), number])
    hint = said("choose one: --document DIGEST, or --platform OS/ARCH")
    return [fact(said("image"), str(result.image.reference)), "", *table(rows, right=[3, 4]), "", hint]


def _platform(found: FoundSbom) -> str:
    return escaped(found.platform) if found.platform else said("all")


def sbom_document(result: SbomResult) -> dict[str, Any]:
    """The document that ``inspect --sbom --json`` prints: the SBOM itself, or the list of several."""
    if len(result.sboms) == 1 and isinstance(result.sboms[0].document, dict):
        return result.sboms[0].document
    return {
        "document": "bundler.inspect-sboms/1",
        "exitCode": result.exit_code,
        "image": str(result.image.reference),
        "sboms": [_listed(found) for found in result.sboms],
    }


def _listed(found: FoundSbom) -> dict[str, Any]:
    return {
        "digest": str(found.digest),
        "size": found.size_bytes,
        "subject": str(found.subject),
        "platform": str(found.platform) if found.platform else None,
        "wrapping": found.wrapping.value,
        "format": found.sbom.format if found.sbom else None,
        "packages": len(found.sbom.packages) if found.sbom else None,
        "problem": error_document(found.problem) if found.problem else None,
    }
