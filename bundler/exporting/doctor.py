"""``bundler doctor LIST... -o DIR``: checks all that an export needs, and names the next step for each problem.

Each source registry is asked without a pull. If they answer and there is an output, the export is planned as its dry
run does: that reads manifests, and the export that follows does not read them again. Nothing is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from bundler.bundle.medium import existing
from bundler.commands.checks import Check, State, asked, ok, size_words, skipped
from bundler.commands.doctor import DoctorResult, daemon_check, judged_files
from bundler.commands.source_checks import source_checks
from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, ListEntry, ManyImages
from bundler.core.reference import Reference
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.exporting.export import export
from bundler.exporting.lists import read_lists
from bundler.exporting.request import ExportRequest
from bundler.keys.private_key import Passphrases, no_passphrases, read_private_key, refuse_on_medium
from bundler.keys.trust import members_of, trust_folder
from bundler.run import Run
from bundler.stores import probe
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.par2_program import find_par2
from bundler.system.request_fields import Request
from bundler.texts import as_text, counted, text

_DAEMON = "docker-daemon:"

_NAME = "bundler-doctor"
"""The name of the planned bundle: that of the list may be taken by a bundle that is made already."""


@frozen
class ExportDoctorRequest(Request):
    """A request to check what an export needs.

    Attributes:
        lists: Image lists, or single locations with their transport.
        outputs: The folders or the place in S3 of the bundle; empty to check no room and plan nothing.
        key_path: The private key that will sign; None if it is not known yet.
        key_passphrases: Gives passphrases to try on the key; called only if it is encrypted.
        network: The options to reach registries.
        variables: Values of variables of the lists, each as ``NAME=VALUE``.
        now_seconds: The time in seconds since 1970.
    """

    lists: tuple[str, ...]
    outputs: tuple[BundlePath, ...] = ()
    key_path: Path | None = None
    key_passphrases: Passphrases = no_passphrases
    network: NetworkOptions = DEFAULT_NETWORK
    variables: tuple[str, ...] = ()
    now_seconds: float = field(default_factory=time.time)


def doctor_export(request: ExportDoctorRequest, run: Run | None = None) -> DoctorResult:
    """Checks all that an export needs. Problems are in the result.

    Args:
        request: The lists, the outputs and the key.
        run: Receives the progress of the plan, and can be stopped; None for a silent run.

    Raises:
        Misuse: A list is wrong, or there is none.
    """
    if not request.lists:
        raise Misuse("no image list to check", hint="give the lists of the export: bundler doctor LIST -o DIR")
    entries = read_lists(request.lists, name=None, platforms=(), variables=request.variables).entries
    checks: list[Check] = []
    for registry, images in _by_registry(entries).items():
        checks += source_checks(registry, images, request.network, now_seconds=request.now_seconds)
    if any(isinstance(each, Entry) and str(each.source).startswith(_DAEMON) for each in entries):
        checks.append(daemon_check(is_wanted=True))
    checks += _own_checks(request)
    for output in request.outputs:
        checks += _output_checks(output, request)
    if request.outputs:
        checks.append(_plan(request, checks, run))
    return DoctorResult(tuple(checks))


def _by_registry(entries: Iterable[ListEntry]) -> dict[str, list[Reference]]:
    """The images that come from registries, by their registry."""
    found: dict[str, list[Reference]] = {}
    for entry in entries:
        if isinstance(entry, ManyImages):
            found.setdefault(entry.registry, [])
        elif isinstance(entry, Entry) and entry.source.reference is not None:
            found.setdefault(entry.source.reference.registry, []).append(entry.source.reference)
    return found


def _own_checks(request: ExportDoctorRequest) -> Iterator[Check]:
    """The checks of this machine: the key, the trust folder, and programs."""
    if request.key_path is None:
        yield skipped("key", "not given: --key FILE")
    else:
        path = request.key_path
        yield asked("key", lambda: _key(path, request))
    yield asked("trust", _trust)
    try:
        yield ok("par2", text("{program}; needed only for --parity", program=find_par2()))
    except Misuse as error:
        yield skipped("par2", text("{reason}; needed only for --parity", reason=error.message))


def _key(path: Path, request: ExportDoctorRequest) -> Check:
    key = read_private_key(path, request.key_passphrases, lambda _: None)
    refuse_on_medium(path, locals_of(request.outputs))
    return ok("key", text("{path} opens: key id {id}", path=path, id=key.id))


def _trust() -> Check:
    folder = trust_folder()
    if folder is None:
        return skipped("trust", "this user has no home folder; give --trust with --since")
    members = members_of(folder)
    for each in members:
        if each.problem is not None:
            raise each.problem
    if not os.access(existing(folder), os.W_OK | os.X_OK):
        raise LocalStorage("no permission to add trusted keys", subject=str(folder), hint="check its owner and mode")
    keys = counted(len(members), "{folder}: {count} trusted key", "{folder}: {count} trusted keys", folder=folder)
    return ok("trust", keys)


def _output_checks(output: BundlePath, request: ExportDoctorRequest) -> Iterator[Check]:
    if isinstance(output, S3Path):
        from bundler.commands.s3_checks import s3_checks  # botocore is slow to load

        yield from s3_checks(output, now_seconds=request.now_seconds, clear_after_days=None)
        return
    folder = existing(output)
    try:
        room = probe.room_in(folder)
    except BundlerError as error:
        yield Check("space", State.FAIL, "", error)
        return
    yield asked("space", lambda: _space(output, room))
    yield judged_files(str(output), room)


def _space(output: Path, room: probe.Room) -> Check:
    """The check of a folder that is to be written. The plan compares its room with the bundle."""
    is_read_only = room.mount is not None and room.mount.is_read_only
    if is_read_only or not room.is_writable:
        why = (
            text("the file system is read-only") if is_read_only else text("this user has no permission to write here")
        )
        raise LocalStorage(why, subject=str(output), hint="choose another folder: -o DIR")
    if room.free_bytes == 0:
        raise problem("no-space", subject=str(output))
    free = size_words(room.free_bytes)
    return ok("space", text("{folder}: {free} free", folder=output, free=free))


def _plan(request: ExportDoctorRequest, checks: Iterable[Check], run: Run | None) -> Check:
    failed = next((check.name for check in checks if check.state is State.FAIL), None)
    if failed is not None:
        return skipped("plan", text("not asked: {causes} failed", causes=as_text(failed)))
    first, *further = request.outputs
    plan = ExportRequest(
        request.lists,
        first,
        further_outputs=locals_of(further),
        name=_NAME,
        is_unsigned=True,
        is_dry_run=True,
        network=request.network,
        variables=request.variables,
    )
    try:
        manifest = export(plan, run).manifest
    except BundlerError as error:
        return Check("plan", State.FAIL, "", error)
    return ok(
        "plan",
        counted(
            len(manifest.images),
            "{count:,} image needs {size}; chunks: {chunks:,}",
            "{count:,} images need {size}; chunks: {chunks:,}",
            size=size_words(manifest.size_bytes),
            chunks=len(manifest.chunks),
        ),
    )
