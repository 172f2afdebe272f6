"""``bundler scan``: sends each object of a bundle through scanners, once, and writes the signed record of it.

An object that has a kept verdict by the same scanner with the same database is not scanned again. A failure at one
object is a verdict, and the scan continues. If the bundle is damaged or incomplete, or a scanner fails as a whole, no
record is written. The same command then continues where it was, because verdicts are kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bundler import __version__
from bundler.bundle.reader import Bundle
from bundler.bundle.signing import PrivateKey
from bundler.core.frozen import frozen
from bundler.core.moments import seconds_of
from bundler.core.scan import Contents, Engine, Scan, ScanRecord
from bundler.core.several import together
from bundler.errors import BundlerError, Misuse
from bundler.keys.open_bundle import open_series
from bundler.keys.private_key import read_private_key
from bundler.keys.scan_records import ENDING, read_scan_record
from bundler.keys.signed_files import Demand, check_signed_already, check_writable, refuse_taken, write_signed
from bundler.run import Run
from bundler.scanning.engines import engines_of
from bundler.scanning.judged import judge_scans
from bundler.scanning.kept import prune
from bundler.scanning.objects import scan_objects
from bundler.scanning.request import ScanRequest, ScanResult
from bundler.scanning.results import check_results, write_results
from bundler.scanning.served import with_registry
from bundler.scanning.subjects import subjects_of
from bundler.system.bundle_paths import locals_of
from bundler.texts import counted, text


def scan(request: ScanRequest, run: Run | None = None) -> ScanResult:
    """Scans what a bundle holds, and writes the record of it.

    Args:
        request: The bundle, the scanners, the file of the record, and the key.
        run: Receives progress and can be stopped; None for a silent run.

    Returns:
        The record. Its objects may not have passed: see ``exit_code``.

    Raises:
        Misuse: A scanner is not installed or not known, the key is not valid, or the file has other content.
        Untrusted: No trusted key has signed the bundle.
        Damaged, Incomplete: The bundle is damaged or not all here. No record was written.
        Refused, Unavailable: A scanner failed as a whole. No record was written.
        LocalStorage: A file cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    key = read_private_key(request.key_path, request.key_passphrases, run.listener) if request.key_path else None
    there = _there_already(request)
    check_results(request)
    engines = engines_of(request)
    created = request.now()
    judged = _judged(_scanned(request, engines, run), request, created)
    written = _written(replace(judged, key_id=key.id if key else None), there, key)
    write_results(written, request)
    return written


@frozen
class _Scanned:
    """A bundle that all scanners have seen.

    Attributes:
        contents: The objects of the bundle.
        scans: The verdicts, one scan for each scanner, by its name.
        kept: The number of verdicts that were taken from earlier scans.
    """

    contents: Contents
    scans: tuple[Scan, ...]
    kept: int


def _scanned(request: ScanRequest, engines: Sequence[Engine], run: Run) -> _Scanned:
    """Sends the objects of the bundle through the scanners, one scanner after the other."""
    with open_series(
        request.paths,
        request.trust,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
        unlocking=request.unlocking,
        run=run,
    ) as bundle:
        _check_whole(bundle)
        _check_outside(request.output, bundle)
        subjects = subjects_of(bundle)
        with with_registry(engines, bundle, run) as ready:
            done = [scan_objects(engine, subjects, run, is_kept=request.is_kept) for engine in ready]
    prune()
    scans = tuple(sorted((each.scan for each in done), key=lambda scan: scan.scanner.name))
    if len({scan.scanner.name for scan in scans}) != len(scans):
        raise Misuse("two scanners have the same name", subject=", ".join(scan.scanner.name for scan in scans))
    return _Scanned(subjects.contents, scans, sum(each.kept for each in done))


def _judged(scanned: _Scanned, request: ScanRequest, created: str) -> ScanResult:
    """The record of a scan, and the objects that have not passed. Nothing is written yet."""
    judged = judge_scans(scanned.scans, scanned.contents, request, seconds_of(created))
    record = ScanRecord(
        tool=f"bundler {__version__}",
        bundle_id=scanned.contents.bundle_id,
        bundle_name=scanned.contents.bundle_name,
        created=created,
        operator=request.operator,
        host=request.host,
        scans=scanned.scans,
        waivers=judged.used,
    )
    return ScanResult(
        path=request.output,
        id="",
        record=record,
        key_id=None,
        refused=judged.refused,
        names=scanned.contents.names,
        kept=scanned.kept,
        expired=judged.expired,
        unused=judged.unused,
    )


def _check_whole(bundle: Bundle) -> None:
    """Makes sure that all chunks are here: a record of a part of a bundle lets nothing in.

    Raises:
        Damaged, Incomplete: One is missing, or has another size.
    """
    problems = bundle.problems_of(range(len(bundle.manifest.blobs)))
    if problems:
        message = counted(len(problems), "{count} chunk cannot be scanned", "{count} chunks cannot be scanned")
        raise together(message, list(problems))


def _check_outside(output: Path, bundle: Bundle) -> None:
    """Makes sure that the record becomes no file of the bundle's folder: nobody has signed it as one.

    Raises:
        Misuse: It would become one.
    """
    for each in locals_of(tuple(listing.folder for listing in bundle.sealed.own_listings)):
        folder = os.path.realpath(each)
        if os.path.realpath(output.parent) == folder:
            raise Misuse(
                "the record cannot be in the bundle's folder, whose files are signed",
                subject=str(output),
                hint=text("write it next to the folder: -o {file}", file=f"{folder}{ENDING}"),
            )


def _there_already(request: ScanRequest) -> ScanRecord | None:
    """The record that an earlier run has written; None if there is no file.

    Raises:
        Misuse: The file is something else.
        LocalStorage: The file cannot be written.
    """
    if not os.path.lexists(request.output):
        check_writable(request.output)
        return None
    try:
        return read_scan_record(request.output, demand=Demand.IGNORED).record
    except BundlerError:
        refuse_taken(request.output)
        raise


def _written(result: ScanResult, there: ScanRecord | None, key: PrivateKey | None) -> ScanResult:
    """Writes the record, unless an earlier run has written the same.

    Raises:
        Misuse: The file has other content, or another signature is wanted.
        LocalStorage: It cannot be written.
    """
    made, output = result.record, result.path
    if there is None:
        content = b"".join(made.to_json())
        write_signed(output, content, key)
        return replace(result, id=hashlib.sha256(content).hexdigest())
    same = replace(made, tool=there.tool, created=there.created, operator=there.operator, host=there.host)
    if same != there:
        raise Misuse(
            "the file exists, and the scan has another result",
            subject=str(output),
            expected=there.created,
            actual=made.created,
            hint=text("write the new record to another file: -o NEW.json; it needs no second scan"),
        )
    content = b"".join(there.to_json())
    check_signed_already(output, content, key)
    return replace(result, id=hashlib.sha256(content).hexdigest(), record=there, is_old=True)
