"""The lines and the document of ``check``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from bundler.core.drift import DAMAGED, MISSING, MOVED, UNREAD, WHOLE
from bundler.texts import joined, text
from bundler.views.errors import advice_lines
from bundler.views.languages import said, translated, worded
from bundler.views.need_report import need_lines
from bundler.views.words import STATEMENTS, count, escaped, fact, fact_below, more_lines, size

if TYPE_CHECKING:
    from bundler.core.drift import ImageDrift, PartFault
    from bundler.standing.check_request import CheckResult

_SHOWN_IMAGES = 20
_SHOWN_FAULTS = 5
_STATES = {
    WHOLE: text("whole"),
    MOVED: text("moved"),
    MISSING: text("missing"),
    DAMAGED: text("damaged"),
    UNREAD: text("not given by the registry"),
}


def lines(result: CheckResult, *, is_verbose: bool) -> list[str]:
    """The numbers of images by state, then each image that is not whole, with its faults and the next step."""
    name = f"{result.name}  {result.bundle_id}".strip()
    signed = (
        said("signed by {signers}", signers=", ".join(result.signers))
        if result.signers
        else said("signature NOT CHECKED")
    )
    shown = [
        fact(translated(STATEMENTS[result.kind]), escaped(name)),
        fact_below(signed),
        fact(said("registry"), escaped(result.place)),
        fact(said("checked"), translated(_checked(result))),
    ]
    for number, (state, images) in enumerate(result.counts.items()):
        line = translated(text("{images} {state}", images=count(images, "image"), state=_STATES[state]))
        shown.append(fact_below(line) if number else fact(said("found"), line))
    drifted = result.drifted
    most = len(drifted) if is_verbose else _SHOWN_IMAGES
    advised: set[str] = set()
    for each in drifted[:most]:
        faults = each.faults if is_verbose else each.faults[:_SHOWN_FAULTS]
        shown += _image_lines(each, faults, advised)
        advised.update(map(_key, faults))
    shown += more_lines(len(drifted) - most, flag="--verbose")
    return [*shown, *need_lines(result.need)]


def _checked(result: CheckResult) -> str:
    parts: list[str] = [
        count(len(result.images), "image"),
        text("{count:,} manifests and blobs", count=result.asked),
        text("{size} read and hashed", size=size(result.read_bytes))
        if result.is_deep
        else text("by name and length (--deep reads every byte)"),
    ]
    if result.left_out:
        parts.append(text("{images} not expected there", images=count(result.left_out, "image")))
    return joined(parts, ", ")


def _image_lines(each: ImageDrift, faults: Sequence[PartFault], advised: Collection[str]) -> list[str]:
    """An image with some of its faults. The next step of a kind of fault is said once."""
    shown = ["", f"{translated(_STATES[each.state])}: {escaped(each.wanted.name)}"]
    first = {_key(fault): fault for fault in reversed(faults)}
    for fault in faults:
        shown.append(f"  {escaped(worded(fault.error))}")
        if fault is first[_key(fault)] and _key(fault) not in advised:
            shown += advice_lines(fault.error, "  ")
    shown += more_lines(len(each.faults) - len(faults), indent="  ", flag="--verbose")
    return [*shown, *(f"  {escaped(translated(words))}" for words in each.unknown)]


def _key(fault: PartFault) -> str:
    return fault.error.code or fault.state


def document(result: CheckResult) -> dict[str, Any]:
    """The body of the document that ``check --json`` prints."""
    return {
        "kind": result.kind,
        "name": result.name,
        "bundleId": result.bundle_id or None,
        "signers": list(result.signers),
        "place": result.place,
        "deep": result.is_deep,
        "states": result.counts,
        "leftOut": result.left_out,
        "asked": result.asked,
        "readBytes": result.read_bytes,
        "images": [
            {
                "reference": each.wanted.reference,
                "name": str(each.wanted.name),
                "digest": str(each.wanted.root),
                "state": each.state,
                "faults": [_fault(fault) for fault in each.faults],
                "unknown": [str(words) for words in each.unknown],
            }
            for each in result.drifted
        ],
    }


def _fault(fault: PartFault) -> dict[str, Any]:
    return {
        "state": fault.state,
        "what": fault.what,
        "message": str(fault.error),
        "code": fault.error.code,
        "expected": fault.error.expected,
        "actual": fault.error.actual,
    }
