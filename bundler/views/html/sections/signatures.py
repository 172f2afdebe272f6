"""The signatures of a bundle: the verdict on them, and the keys with their fingerprints, which people compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.core.fingerprint import grouped
from bundler.texts import text
from bundler.views.html.elements import Node, element
from bundler.views.html.parts import BAD, GOOD, WARN, Note, code, lines, mark
from bundler.views.languages import translated, worded

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.commands.inspect_ import InspectResult

SIGNED = text("signature good")
UNSIGNED = text("UNSIGNED")
NOT_CHECKED = text("signature NOT CHECKED")
NOT_TRUSTED = text("NOT TRUSTED")


def verdict(bundle: Bundle | LockedBundle, *, is_refused: bool = False) -> Node:
    """The signature of a bundle in a few words."""
    if bundle.sealed.signers:
        return mark(SIGNED, GOOD)
    if not bundle.manifest.signed:
        return mark(UNSIGNED, BAD)
    return mark(NOT_TRUSTED, BAD) if is_refused else mark(NOT_CHECKED, WARN)


def signers(bundle: Bundle | LockedBundle) -> Node:
    """The keys whose signatures are good, each with its fingerprint; None if there are none."""
    sealed = bundle.sealed
    return key_lines(sealed.signers, sealed.signer_fingerprints)


def key_lines(ids: tuple[str, ...], fingerprints: tuple[str, ...]) -> Node:
    """Keys with their fingerprints, as people read them out; the ids alone if a document does not have these."""
    if len(ids) != len(fingerprints):
        return tuple(lines(map(code, ids))) or None
    found = (
        (code(key), element("div", code(grouped(each)), class_="hint"))
        for key, each in zip(ids, fingerprints, strict=True)
    )
    return tuple(lines(found)) or None


def signature_notes(bundle: Bundle | LockedBundle) -> Iterator[Note]:
    """Remarks about the signatures of a bundle that was verified, or taken as it is."""
    sealed = bundle.sealed
    for key in sealed.bad_signers:
        yield Note(BAD, text("The signature by {key} does not match", key=key))
    for error in sealed.others:
        yield Note(BAD, text("A file with the name of a signature is none"), worded(error))
    if not sealed.signers:
        yield _unsigned(bundle)


def inspected_notes(result: InspectResult) -> Iterator[Note]:
    """Remarks about the signatures of a bundle that was looked at."""
    sealed = result.bundle.sealed
    if not sealed.signers and result.claimed_signers and result.trust_problem:
        yield Note(BAD, NOT_TRUSTED, translated(result.trust_problem.message))
    elif not sealed.signers and result.claimed_signers:
        yield Note(
            WARN,
            text("The signature was not checked: no key is trusted here"),
            text("Make the report with --trust NAME.pub. Until then nothing here is proved."),
        )
    yield from (each for each in signature_notes(result.bundle) if sealed.signers or not result.claimed_signers)
    for key in result.unknown_signers if sealed.signers else ():
        yield Note(WARN, text("A further signature, by the unknown key {key}, was not checked", key=key))


def _unsigned(bundle: Bundle | LockedBundle) -> Note:
    if bundle.manifest.signed:
        return Note(
            BAD,
            text("The signature was NOT CHECKED, as requested"),
            text("Nothing here is proved: anyone can have written or changed it."),
        )
    return Note(BAD, text("UNSIGNED: this bundle has no signature"), text("Anyone can have written or changed it."))
