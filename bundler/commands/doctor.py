"""``bundler doctor``: checks everything that an import or export needs, and names the next step for each problem.

Each check is one question to `bundler.stores`; its answer becomes ``ok``, ``warn`` or ``fail`` here. If a failure makes
later checks pointless they are skipped, so that the first cause is easy to see. Nothing is changed anywhere, except
that uploads of bundles in S3 are cleared on demand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from bundler.commands.checks import Check, State, asked, ok, size_words, skipped, warned
from bundler.commands.registry_checks import RegistryVisit, registry_checks
from bundler.core import roles
from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.core.location import LAYOUT, Target
from bundler.core.medium_size import DEFAULT_CHUNK_BYTES
from bundler.core.reference import is_repository
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, LocalStorage, Misuse, worst
from bundler.stores import probe
from bundler.stores.docker_sdk import Daemon
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.bundle_paths import BundlePath
from bundler.system.places import scratch_folder
from bundler.system.request_fields import complete, optional
from bundler.texts import text
from bundler.transports.parsing import target_of


@frozen
class DoctorRequest:
    """A request to ``bundler doctor``.

    Attributes:
        now_seconds: The time in seconds since 1970.
        paths: Media, bundle folders and places in S3; empty for the scratch folder.
        target: The destination of images; None to check this machine only.
        repository: The repository whose rights are checked; None for one that probably does not exist.
        network: The options to reach registries.
        clear_uploads_days: The age in days from which unfinished uploads of bundles in S3 are aborted; None for none.
    """

    now_seconds: float = field(default_factory=time.time)
    paths: tuple[BundlePath, ...] = ()
    target: Target | None = None
    repository: str | None = None
    network: NetworkOptions = DEFAULT_NETWORK
    clear_uploads_days: int | None = None

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, target=optional(target_of))


@frozen
class DoctorResult:
    """All checks, in the order of the questions."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """The exit code of the worst failure; 0 if there is none."""
        return worst(each.error for each in self.checks if each.state is State.FAIL and each.error)

    def count(self, state: State) -> int:
        """The number of checks with a state."""
        return sum(each.state is state for each in self.checks)


def doctor(request: DoctorRequest) -> DoctorResult:
    """Checks everything that an import or export needs. Problems are in the result.

    Raises:
        Misuse: The request itself is wrong.
    """
    _check_request(request)
    checks: list[Check] = []
    registry = request.target.pushed_to if request.target else None
    if registry is not None:
        visit = RegistryVisit(registry, request.network, repository=request.repository, now_seconds=request.now_seconds)
        checks += registry_checks(visit)
    for path in request.paths or (scratch_folder(),):
        checks += _path_checks(path, request)
    is_about_s3 = bool(request.paths) and all(isinstance(path, S3Path) for path in request.paths)
    if registry is None and (request.target is not None or not is_about_s3):  # a registry and S3 need no daemon
        checks.append(daemon_check(is_wanted=request.target is not None))
    return DoctorResult(tuple(checks))


def _check_request(request: DoctorRequest) -> None:
    target, repository = request.target, request.repository
    if request.clear_uploads_days is not None:
        if request.clear_uploads_days < 1:
            raise Misuse.of_field("clear_uploads_days", expected=">= 1", actual=str(request.clear_uploads_days))
        if not any(isinstance(path, S3Path) for path in request.paths):
            raise Misuse("--clear-uploads needs a place in S3", hint="give it as a PATH: s3://BUCKET/PREFIX")
    if target is not None and target.kind == LAYOUT:
        raise Misuse("there is no registry to ask", subject=f"--to {target}", hint="give its folder as a PATH")
    if repository is not None and (target is None or target.pushed_to is None):
        raise Misuse("--repository needs a registry", hint="give the registry with --to HOST")
    if repository is not None and not is_repository(repository):
        raise Misuse("not a repository", subject=f"--repository {repository[:80]}", hint="write it like team/app")


def _path_checks(path: BundlePath, request: DoctorRequest) -> Iterator[Check]:
    if isinstance(path, Path):
        return _folder_checks(path, is_scratch=not request.paths)
    from bundler.commands.s3_checks import s3_checks  # botocore is slow to load

    return s3_checks(path, now_seconds=request.now_seconds, clear_after_days=request.clear_uploads_days)


def _folder_checks(path: Path, *, is_scratch: bool) -> Iterator[Check]:
    called = text("{folder} (scratch)", folder=path) if is_scratch else str(path)
    if not path.exists():
        hint = (
            ("check that the medium is mounted, or set TMPDIR")
            if is_scratch
            else "check that the medium is mounted: findmnt"
        )
        yield Check("space", State.FAIL, "", Misuse("there is no such folder", subject=called, hint=hint))
        return
    try:
        room = probe.room_in(path)
    except BundlerError as error:
        yield Check("space", State.FAIL, "", error)
        return
    is_bundle = (path / roles.SUMS.file).exists()
    yield asked("space", lambda: judged_space(called, room, is_bundle=is_bundle, is_scratch=is_scratch))
    yield judged_files(called, room)


def judged_space(called: str, room: probe.Room, *, is_bundle: bool, is_scratch: bool) -> Check:
    """The check of the free space in a folder.

    Args:
        called: The folder, as the user calls it.
        room: The facts about it.
        is_bundle: True if it is a bundle, so that nothing must be written to it.
        is_scratch: True if it is the scratch folder, which must be writable.
    """
    found = text(
        "{called}: {free_bytes} free of {total_bytes}",
        called=called,
        free_bytes=size_words(room.free_bytes),
        total_bytes=size_words(room.total_bytes),
    )
    is_read_only = room.mount is not None and room.mount.is_read_only
    if is_read_only or not room.is_writable:
        why = (
            text("the file system is read-only") if is_read_only else text("this user has no permission to write here")
        )
        if not is_scratch:
            return ok("space", text("{found}; {why}: good for import, not for export", found=found, why=why))
        error = LocalStorage(why, subject=called, hint="choose another folder with --scratch DIR, or with TMPDIR")
        return Check("space", State.FAIL, "", error)
    if is_bundle:
        return ok("space", text("{found}; there is a bundle", found=found))
    if room.free_bytes == 0:
        return Check("space", State.FAIL, "", problem("no-space", subject=called))
    if room.free_bytes < DEFAULT_CHUNK_BYTES:
        hint = "free some space, or choose another folder; bundler export --dry-run says how much is needed"
        error = LocalStorage("little room", subject=called, hint=hint)
        return warned("space", text("{found}: less than one chunk of the default size", found=found), error)
    return ok("space", found)


def judged_files(called: str, room: probe.Room) -> Check:
    """The check of the largest file that a folder can have."""
    mount = room.mount
    where = (
        text("{called}: {type} on {point}", called=called, type=mount.type, point=mount.point)
        if mount
        else text("{called}: an unknown file system", called=called)
    )
    if room.file_limit_bytes is not None:
        error = LocalStorage("files are limited", subject=called, hint="raise the limit: ulimit -f unlimited")
        state = State.FAIL if room.file_limit_bytes < DEFAULT_CHUNK_BYTES else State.WARN
        return Check(
            "files",
            state,
            text(
                "{called}: no file larger than {file_limit_bytes} (ulimit -f)",
                called=called,
                file_limit_bytes=size_words(room.file_limit_bytes),
            ),
            error,
        )
    if mount and mount.largest_file_bytes is not None:
        error = LocalStorage(
            "the file system does not support larger files",
            subject=called,
            hint="the default --chunk-size and --chunk-size fat32 fit; larger image files do not",
        )
        return warned(
            "files",
            text(
                "{where}, no file of {largest_file_bytes} or more",
                where=where,
                largest_file_bytes=size_words(mount.largest_file_bytes + 1),
            ),
            error,
        )
    return ok("files", text("{where}, files of any size", where=where) if mount else where)


def daemon_check(*, is_wanted: bool) -> Check:
    """The check of the Docker daemon; one that does not answer is a failure only if it is wanted."""
    try:
        facts = Daemon(timeout_seconds=int(probe.WAIT_SECONDS)).facts
    except BundlerError as error:
        if is_wanted:
            return Check("docker", State.FAIL, "", error)
        return skipped("docker", text("{reason}; needed only for docker-daemon:", reason=error.message))
    store = text("containerd image store") if facts.has_containerd_store else text("classic image store")
    return ok("docker", text("the daemon answers: {platform}, {store}", platform=facts.platform, store=store))
