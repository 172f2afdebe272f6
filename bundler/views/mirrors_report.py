"""The lines and the document of ``mirrors``: the files, and the images that a kind cannot serve under their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bundler.core.mirrors import kustomize
from bundler.texts import text
from bundler.views.languages import said, translated
from bundler.views.words import STATEMENTS, count, escaped, fact, limited, table

if TYPE_CHECKING:
    from bundler.commands.mirrors import MirrorsResult, WrittenMirrorFile, WrittenMirrors
    from bundler.core.mirrors.placed import NotMirrored

Document = dict[str, Any]


def lines(result: MirrorsResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``mirrors`` prints."""
    signers = ", ".join(result.signers) or said("signature NOT CHECKED")
    shown = [
        fact(said("mirror"), f"{result.registry}  ({translated(count(result.images, 'image'))})"),
        fact(translated(STATEMENTS[result.kind]), result.statement),
        fact(said("signed by"), signers),
    ]
    for each in result.written:
        shown += ["", *_kind_lines(each, is_verbose=is_verbose)]
    if result.unreached:
        words = said(
            "{images}: no file here can name them at the mirror; change their names in the manifests",
            images=count(len(result.unreached), "image"),
        )
        shown += ["", words]
    return shown


def _kind_lines(written: WrittenMirrors, *, is_verbose: bool) -> list[str]:
    rows = [(_state(each), escaped(each.path)) for each in written.files]
    shown = [written.kind, *limited(table(rows), is_verbose=is_verbose)]
    if not rows:
        shown.append("  " + _no_file_words(written.kind))
    by_reason: defaultdict[str, list[NotMirrored]] = defaultdict(list)
    for each in written.not_mirrored:
        by_reason[each.reason].append(each)
    for reason, members in by_reason.items():
        why = text("NOT for {images}: {reason}", images=count(len(members), "image"), reason=reason)
        shown += ["  " + translated(why), *limited(_not_mirrored_lines(members), is_verbose=is_verbose)]
    return shown


def _no_file_words(kind: str) -> str:
    if kind == kustomize.KIND:
        return said("no file: it can serve none of the images")
    return said(
        "No file was written for {kind}: it can serve none of these images under their original names.", kind=kind
    )


def _not_mirrored_lines(members: Iterable[NotMirrored]) -> list[str]:
    rows = [(str(each.image.reference), str(each.image.name)) for each in members]
    return table(rows, indent="    ")


def _state(file: WrittenMirrorFile) -> str:
    return said("there already") if file.is_old else said("written")


def document(result: MirrorsResult) -> Document:
    """The fields of ``mirrors --json`` below the head that all documents have."""
    return {
        "statement": {"id": result.statement, "kind": result.kind, "signers": list(result.signers)},
        "registry": result.registry,
        "images": result.images,
        "kinds": [
            {
                "kind": each.kind,
                "files": [{"path": str(file.path), "new": not file.is_old} for file in each.files],
                "notMirrored": list(map(_not_mirrored, each.not_mirrored)),
            }
            for each in result.written
        ],
        "unreached": list(map(_not_mirrored, result.unreached)),
    }


def _not_mirrored(each: NotMirrored) -> Document:
    return {"reference": str(each.image.reference), "name": str(each.image.name), "reason": str(each.reason)}
