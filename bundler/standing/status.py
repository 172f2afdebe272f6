"""``bundler status``: what a registry has, by repository, and what the receipts of imports say about it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bundler.core.arrivals import Arrivals, ArrivedBlob, arrivals
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.given_repositories import check_repositories
from bundler.core.limits import UNNEEDED_BLOBS
from bundler.core.location import RegistryPlace
from bundler.core.oci import Descriptor
from bundler.core.receipt import Receipt
from bundler.core.standing import Standing, standing_of_receipts, standing_of_registry, unneeded_blobs
from bundler.errors import BundlerError, Damaged, Misuse
from bundler.inventories.kept import kept_documents
from bundler.inventories.registries import registry_contents
from bundler.run import Run, paces_of, retrying
from bundler.standing.receipts import Receipts, parse_finished
from bundler.standing.request import StatusRequest, StatusResult
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_all
from bundler.transports.parsing import parse_target


def status(request: StatusRequest, run: Run | None = None) -> StatusResult:
    """Reads what a registry has and what receipts say. It changes nothing, and with receipts alone asks nobody.

    Args:
        request: The registry and the receipts.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There are two registries, another kind of place, or no such receipt.
        Untrusted, Damaged: A given file is no receipt, or has a signature that does not match.
        Refused: The registry does not list its repositories.
        Unavailable: The registry does not answer.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    subjects = _subjects(request.subjects)
    place = subjects.place
    if place is None and request.repositories:
        raise Misuse("--repository is for a registry", hint="give the registry: bundler status HOST RECEIPT")
    check_repositories(request.repositories, place.prefix if place else "")
    receipts = Receipts(subjects.receipts, request.trust, run.listener, parse_finished)
    known = _known(receipts, place)
    if place is None:
        return StatusResult(standing_of_receipts(known, now=request.now()), receipts.numbers)
    if known.registries and not known.receipts:
        run.listener(Noticed(text("no receipt is about {place}", place=place)))
    stores = Stores(request.network, paces_of(run), listener=run.listener, is_reading=True)
    return StatusResult(_of_registry(place, known, request, stores, run), receipts.numbers)


@frozen
class _Subjects:
    place: RegistryPlace | None
    receipts: tuple[Path, ...]


def _subjects(given: Sequence[str]) -> _Subjects:
    """The registry and the receipts: what exists as a file or folder is a receipt.

    Raises:
        Misuse: There is more than one registry, another kind of place, or nothing.
    """
    receipts = tuple(Path(each) for each in given if os.path.exists(each))
    others = [each for each in given if not os.path.exists(each)]
    if not given:
        raise Misuse("there is nothing to show", hint="give a registry HOST[/PREFIX], or receipts of imports")
    if len(others) > 1:
        raise Misuse(
            "a status is of one registry, and there is no file of one of these names",
            subject=", ".join(others)[:200],
            hint="run bundler status once for each registry",
        )
    if not others:
        return _Subjects(None, receipts)
    if others[0].startswith(("/", "./", "../", "~")) or others[0].endswith(("/", ".json")):
        raise Misuse(
            "there is no such file or folder",
            subject=others[0][:200],
            hint="give receipts of imports, or HOST[/PREFIX]",
        )
    place = parse_target(others[0]).pushed_to
    if place is None:
        raise Misuse(
            "a status is of a registry",
            subject=others[0],
            hint=text("see what it holds with bundler inventory {place} -o FILE", place=others[0]),
        )
    return _Subjects(place, receipts)


def _known(receipts: Receipts[Receipt], place: RegistryPlace | None) -> Arrivals:
    try:
        return arrivals(receipts, str(place or ""))
    except ValueError as error:
        raise Damaged(text("not a receipt of bundler: {error}", error=error)) from error


def _of_registry(place: RegistryPlace, known: Arrivals, request: StatusRequest, stores: Stores, run: Run) -> Standing:
    registry = stores.registry(place.registry)
    contents = registry_contents(registry, place.prefix, request.repositories, kept_documents(), run)
    found = standing_of_registry(str(place), contents.table, known, now=request.now(), not_listed=contents.not_listed)
    unneeded = unneeded_blobs(contents.table, known)[:UNNEEDED_BLOBS]
    if found.unneeded is None or not unneeded:
        return found
    there = _there(unneeded, stores, run)
    return replace(
        found,
        unneeded=replace(
            found.unneeded,
            asked=len(unneeded),
            there=len(there),
            there_bytes=sum(blob.size_bytes or 0 for blob in there),
        ),
    )


def _there(blobs: Sequence[ArrivedBlob], stores: Stores, run: Run) -> list[ArrivedBlob]:
    """The blobs that the registry still has, by one HEAD each. One that it cannot be asked for does not count."""
    found: list[ArrivedBlob] = []
    lock = threading.Lock()

    def ask(blob: ArrivedBlob) -> None:
        registry, _, path = blob.repository.partition("/")
        repository = stores.repository(registry, path)
        descriptor = Descriptor("", Digest.parse(blob.digest), blob.size_bytes or 0)
        is_there = retrying(
            lambda: repository.has_blob(descriptor), run, subject=f"{blob.repository}@{blob.digest}", peer=registry
        )
        if is_there:
            with lock:
                found.append(blob)
        run.listener(Moved(1))

    title = "looking for blobs that no tag needs"
    run.listener(PhaseBegan(title, len(blobs), in_bytes=False))
    failed: Sequence[tuple[ArrivedBlob, BundlerError]] = ask_all(blobs, ask, run)
    run.listener(PhaseEnded(title))
    if failed:
        run.listener(
            Noticed(text("{count:,} blobs could not be asked for: {reason}", count=len(failed), reason=failed[0][1]))
        )
    return found
