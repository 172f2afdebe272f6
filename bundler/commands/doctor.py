"""``bundler doctor``: looks at everything that an import or export needs, and says what to do about what is wrong.

Each check is one question to `bundler.stores`; its answer becomes ``ok``, ``warn`` or ``fail`` here. Where one makes
those after it pointless they are skipped, so that the first cause stands out. Nothing is changed anywhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from bundler.bundle import sums
from bundler.core.advice import problem
from bundler.core.location import DaemonTarget, RegistryTarget
from bundler.core.plan import DEFAULT_CHUNK_BYTES
from bundler.core.reference import is_loopback
from bundler.core.registry_kind import RegistryKind, recognised
from bundler.errors import BundlerError, LocalStorage, Misuse, Refused, worst
from bundler.scratch import default_folder
from bundler.stores import credentials, hosts, probe
from bundler.stores.docker_sdk import Daemon
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.http import TOLERATED_SKEW_SECONDS, clock_skew_seconds, error_of, shown
from bundler.stores.registry import Registry

SKEW_TO_WARN_OF_SECONDS = 30
"""Half of what registries forgive."""

DAYS_TO_WARN_OF = 30
"""How long before its end a certificate is spoken of: time enough to get a new one through an office."""

LEAST_USUAL_BODY_BYTES = 100 << 20
"""Layers of this size are in nearly every list; a smaller limit fails nearly every import."""

_MIB = 1 << 20
_GIB = 1 << 30
_LADDER = (_MIB, 10 * _MIB, 100 * _MIB, _GIB, 5 * _GIB, 20 * _GIB)
_EXACT_BELOW_BYTES = 10 * _MIB
_DAY_SECONDS = 86400
_REPOSITORY = "bundler-doctor"


class State(str, Enum):
    """What came of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at: one word, the same in every run.
        state: What came of it.
        found: What was found, for people; may be empty where ``error`` says it.
        error: What is wrong, and what to do.
    """

    name: str
    state: State
    found: str
    error: BundlerError | None = None


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """What ``bundler doctor`` was asked for.

    Attributes:
        now_seconds: The time, since 1970.
        paths: Media and bundle folders; none for the scratch folder.
        target: Where images are to go; None to look at this machine only.
        repository: Which repository rights are asked for, instead of one that likely does not exist.
        network: How to reach registries.
    """

    now_seconds: float
    paths: tuple[Path, ...] = ()
    target: RegistryTarget | DaemonTarget | None = None
    repository: str | None = None
    network: NetworkOptions = DEFAULT_NETWORK


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """All findings, in the order of the questions."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """That of the worst failure; 0 without one."""
        return worst(each.error for each in self.checks if each.state is State.FAIL and each.error)

    def count(self, state: State) -> int:
        """How many checks came out so."""
        return sum(each.state is state for each in self.checks)


def doctor(request: DoctorRequest) -> DoctorResult:
    """Looks at everything; what is wrong is told in the result, not raised."""
    checks: list[Check] = []
    if isinstance(request.target, RegistryTarget):
        checks += _checks_of(_Visit(request, request.target))
    for path in request.paths or (default_folder(),):
        checks += _folder_checks(path, is_scratch=not request.paths)
    checks.append(_daemon(is_wanted=isinstance(request.target, DaemonTarget)))
    return DoctorResult(tuple(checks))


def _ok(name: str, found: str) -> Check:
    return Check(name, State.OK, found)


def _warn(name: str, found: str, error: BundlerError | None = None) -> Check:
    return Check(name, State.WARN, found, error)


def _skipped(name: str, reason: str) -> Check:
    return Check(name, State.SKIPPED, reason)


def _asked(name: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except BundlerError as error:
        return Check(name, State.FAIL, "", error)


def _checks_of(visit: _Visit) -> Iterator[Check]:
    """The checks of a registry, each with the one that it needs; what cannot be asked is skipped, with the cause.

    Rights are not asked for with credentials that were refused a moment ago: each try counts where accounts are locked.
    """
    steps: tuple[tuple[str, Callable[[], Check], str], ...] = (
        ("proxy", visit.proxy, ""),
        ("name", visit.name, ""),
        ("tcp", visit.tcp, "name"),
        ("tls", visit.tls, "tcp"),
        ("registry", visit.answers, "tls"),
        ("clock", visit.clock, "registry"),
        ("credentials", visit.credentials, "registry"),
        ("pull", visit.pull, "credentials"),
        ("push", visit.push, "credentials"),
        ("body", visit.body, "registry"),
    )
    causes: dict[str, str] = {}
    for name, ask, needed in steps:
        if needed in causes:
            causes[name] = causes[needed]
            yield _skipped(name, f"not asked: {causes[name]} failed")
            continue
        check = _asked(name, ask)
        if check.state is State.FAIL:
            causes[name] = name
        yield check


class _Visit:
    """The questions to one registry, in their order: each may rely on those before it."""

    def __init__(self, request: DoctorRequest, target: RegistryTarget) -> None:
        self._request = request
        self._options = request.network
        self._target = target
        self._registry = Registry(target.registry, request.network)
        prefix = f"{target.prefix}/" if target.prefix else ""
        self._repository = self._registry.repository(request.repository or prefix + _REPOSITORY)
        self._schemes = hosts.schemes_of(target.registry, request.network)
        self._netloc = hosts.address_of(target.registry)
        self._host = urlsplit(f"//{self._netloc}").hostname or ""
        self._proxy = hosts.proxy_for(self._schemes[0], self._netloc)
        self._skew_seconds: float | None = None
        self._kind: RegistryKind | None = None
        self._is_asking_who = False
        self._is_known = False

    @property
    def _scopes(self) -> tuple[str, ...]:
        return (f"repository:{self._repository.path}:pull,push",)

    @cached_property
    def _port(self) -> int:
        given = urlsplit(f"//{self._netloc}").port
        if given:
            return given
        scheme = self._schemes[0] if len(self._schemes) == 1 else self._registry.address[0]
        return {"http": 80, "https": 443}[scheme]

    def proxy(self) -> Check:
        """The proxy that the environment names."""
        if self._proxy is None:
            return _ok("proxy", "none is used")
        advice = Refused(
            "a proxy is asked for the registry",
            subject=self._netloc,
            hint=f"a registry inside the network belongs into NO_PROXY: NO_PROXY={self._host}",
        )
        return _warn("proxy", f"{shown(self._proxy)} is asked for {self._netloc}", advice)

    def _direct(self, name: str) -> Check | None:
        return _skipped(name, "the proxy is connected to, not the registry") if self._proxy else None

    def name(self) -> Check:
        """Whether the name resolves."""
        if skipped := self._direct("name"):
            return skipped
        found = probe.addresses_of(self._host)
        if found == (self._host,):
            return _ok("name", f"{self._host} is an address")
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return _ok("name", f"{self._host} is {', '.join(found[:3])}{more}")

    def tcp(self) -> Check:
        """Whether the port can be connected to."""
        if skipped := self._direct("tcp"):
            return skipped
        seconds = probe.connect_seconds(self._host, self._port)
        return _ok("tcp", f"port {self._port} answers in {max(1, round(seconds * 1000))} ms")

    def tls(self) -> Check:
        """Whether the certificate is trusted, and for how long."""
        if skipped := self._direct("tls"):
            return skipped
        if self._registry.address[0] == "http":
            if is_loopback(self._target.registry):
                return _ok("tls", "none: plain HTTP, on this machine")
            advice = Refused(
                "plain HTTP", subject=self._netloc, hint="leave out --plain-http once the registry speaks TLS"
            )
            return _warn("tls", "none: everybody on the way can read and change what is sent, credentials too", advice)
        context = hosts.tls_context(self._netloc, self._options)
        try:
            protocol, certificate = probe.verified_certificate(self._host, self._port, context)
        except BundlerError as error:
            seen = probe.unverified_certificate(self._host, self._port)
            names = f", for {', '.join(seen.names[:3]) or 'no name'}" if seen else ""
            found = f"it says: by {seen.issuer}{names}, {self._validity(seen.until_seconds)}" if seen else ""
            return Check("tls", State.FAIL, found, error)
        until = min(certificate.until_seconds, certificate.authority_until_seconds or certificate.until_seconds)
        found = f"by {certificate.issuer}, {protocol}, {self._validity(certificate.until_seconds)}"
        if until < certificate.until_seconds:
            found += f"; its authority is {self._validity(until)}"
        if until - self._request.now_seconds < DAYS_TO_WARN_OF * _DAY_SECONDS:
            hint = "ask whoever runs the registry for a new certificate, before this one ends"
            return _warn("tls", found, Refused("the certificate ends soon", subject=self._netloc, hint=hint))
        return _ok("tls", found)

    def _validity(self, until_seconds: int) -> str:
        day = datetime.datetime.fromtimestamp(until_seconds, datetime.timezone.utc).strftime("%Y-%m-%d")
        days = int((until_seconds - self._request.now_seconds) // _DAY_SECONDS)
        if days < 0:
            return f"valid until {day} ({_counted(-days, 'day')} ago)"
        return f"valid until {day} ({_counted(days, 'day')})"

    def answers(self) -> Check:
        """Whether what answers is a registry."""
        answer, challenge = self._registry.ping()
        self._skew_seconds = clock_skew_seconds(answer)
        self._is_asking_who = answer.status == 401
        if answer.status not in (200, 401) or "text/html" in answer.headers.get("Content-Type", ""):
            raise error_of(answer, subject=f"{self._target.registry}, asked for /v2/")
        self._kind = recognised(dict(answer.headers.items()), challenge.parameters if challenge else {})
        answer.drain()
        # What says nothing else is taken for distribution, whatever it is.
        title = "" if self._kind.name == "distribution" else f" by {self._kind.title}"
        if not self._is_asking_who:
            return _ok("registry", f"/v2/ answers{title}; nobody has to log in for that")
        if challenge is None:
            return _ok("registry", f"/v2/ answers{title}, and asks for a login of an unknown kind")
        if challenge.scheme == "basic":
            return _ok("registry", f"/v2/ answers{title}, and asks for user and password")
        return _ok("registry", f"/v2/ answers{title}, and asks for a token of {shown(challenge.parameters['realm'])}")

    def clock(self) -> Check:
        """How far the clocks are apart."""
        skew = self._skew_seconds
        if skew is None:
            return _skipped("clock", "the registry tells no time")
        seconds = round(abs(skew))
        found = f"this machine's is {_counted(seconds, 'second')} {'behind' if skew > 0 else 'ahead'}"
        if abs(skew) <= SKEW_TO_WARN_OF_SECONDS:
            return _ok("clock", found if seconds > 1 else "agrees with the registry's")
        error = problem("clock-skew", subject=self._netloc)
        return Check("clock", State.FAIL if abs(skew) > TOLERATED_SKEW_SECONDS else State.WARN, found, error)

    def credentials(self) -> Check:
        """Which credentials are used, and whether the registry knows them."""
        login = self._registry.login.find(self._repository.path)
        who = f"{login.username or 'an identity token'}, from {login.origin}" if login else ""
        if not self._is_asking_who:
            self._is_known = True
            return _ok("credentials", f"{who}; not asked for yet" if who else "none were found, and none are asked for")
        answer = self._registry.request("GET", "", scopes=(f"repository:{self._repository.path}:pull",))
        if answer.status != 200:
            error = error_of(answer, subject=f"{self._target.registry}, asked for /v2/")
            return Check("credentials", State.FAIL, who or self._nowhere(), error)
        answer.drain()
        self._is_known = True
        return _ok("credentials", who or f"anonymous; {self._nowhere()}")

    def _nowhere(self) -> str:
        files = ", ".join(map(str, credentials.files()))
        return f"no credentials for {self._target.registry} in {files}" if files else "no file with credentials"

    def _fault(self) -> str:
        """Why the repository that is asked about by default cannot exist here."""
        if self._request.repository or self._kind is None:
            return ""
        fault = self._kind.fault(self._repository.path, self._target.prefix)
        return f"{fault}: ask about one with --repository PATH" if fault else ""

    def pull(self) -> Check:
        """Whether the repository may be read."""
        if fault := self._fault():
            return _skipped("pull", fault)
        is_there = self._repository.exists()
        return _ok("pull", f"{self._repository.path} may be read" + ("" if is_there else "; it does not exist yet"))

    def push(self) -> Check:
        """Whether the repository may be written to."""
        if fault := self._fault():
            return _skipped("push", fault)
        try:
            self._repository.check_push()
        except BundlerError as error:
            if self._request.repository or error.code not in ("project-missing", "name-unknown", "name-refused"):
                raise
            hint = "ask about a repository that is to be pushed to, with --repository PATH"
            return _warn("push", str(error), Refused(error.message, subject=error.subject, said=error.said, hint=hint))
        return _ok("push", f"{self._repository.path} may be pushed to")

    def body(self) -> Check:
        """The largest body that passes, which no more than its size was told of."""
        if skipped := self._direct("body"):
            return skipped
        scheme = self._registry.address[0]
        context = hosts.tls_context(self._netloc, self._options) if scheme == "https" else None
        # What refuses a size mostly does so before it asks who it is.
        headers = self._registry.authorization(self._scopes) if self._is_known else {}
        url = probe.upload_url(self._registry.api_url, self._repository.path)

        def passes(size_bytes: int) -> bool | None:
            status = probe.answer_to_body(url, headers, size_bytes, context)
            return None if status in (None, 417) else status != 413

        return self._judged(largest_body(passes))

    def _judged(self, largest: LargestBody) -> Check:
        if largest.refused_bytes is None:
            return _ok("body", f"{_size(largest.passes_bytes)} pass, and likely more")
        if not largest.is_certain and not largest.passes_bytes:
            return _skipped("body", "not known: nothing answers a body that is announced (Expect: 100-continue)")
        error = problem("body-too-large", subject=self._netloc, host=self._netloc)
        found = f"the largest that passes is {_size(largest.passes_bytes)}"
        if not largest.is_certain:
            found = f"{_size(largest.passes_bytes)} pass, to {_size(largest.refused_bytes)} nothing answers"
        is_fatal = largest.is_certain and largest.passes_bytes < LEAST_USUAL_BODY_BYTES
        return Check("body", State.FAIL if is_fatal else State.WARN, found, error)


@dataclass(frozen=True, slots=True)
class LargestBody:
    """How large a body may be.

    Attributes:
        passes_bytes: The largest known to pass.
        refused_bytes: The smallest known not to; None if all that were tried pass.
        is_certain: Whether each size was answered; else ``refused_bytes`` is the one that was not.
    """

    passes_bytes: int
    refused_bytes: int | None
    is_certain: bool = True


def largest_body(passes: Callable[[int], bool | None]) -> LargestBody:
    """Looks for the largest body: the top of the ladder first, as mostly all pass, then upwards, then in between.

    Args:
        passes: Whether a body of this many bytes passes; None if there is no answer, which ends the search.

    Returns:
        The limit to the byte below 10 MiB, to the MiB above.
    """
    top = _LADDER[-1]
    if passes(top):
        return LargestBody(top, None)
    low, high = 0, top
    for size in _LADDER[:-1]:
        answer = passes(size)
        if answer is None:
            return LargestBody(low, size, is_certain=False)
        if not answer:
            high = size
            break
        low = size
    step = 1 if high <= _EXACT_BELOW_BYTES else _MIB
    while high - low > step:
        middle = low + (high - low) // step // 2 * step
        answer = passes(middle)
        if answer is None:
            return LargestBody(low, middle, is_certain=False)
        low, high = (middle, high) if answer else (low, middle)
    return LargestBody(low, high)


def _folder_checks(path: Path, *, is_scratch: bool) -> Iterator[Check]:
    called = f"{path} (scratch)" if is_scratch else str(path)
    if not path.exists():
        hint = "is the medium mounted? set TMPDIR" if is_scratch else "is the medium mounted? see: findmnt"
        yield Check("space", State.FAIL, "", Misuse("there is no such folder", subject=called, hint=hint))
        return
    room: list[probe.Room] = []

    def look() -> Check:
        room.append(probe.room_in(path))
        return judged_space(called, room[0], is_bundle=(path / sums.FILE).exists(), is_scratch=is_scratch)

    yield _asked("space", look)
    if room:
        yield judged_files(called, room[0])


def judged_space(called: str, room: probe.Room, *, is_bundle: bool, is_scratch: bool) -> Check:
    """Whether a folder has room.

    Args:
        called: The folder.
        room: What was found there.
        is_bundle: Whether it holds one, so that nothing has to be written to it.
        is_scratch: Whether something has to be written to it.
    """
    found = f"{called}: {_size(room.free_bytes)} free of {_size(room.total_bytes)}"
    is_read_only = room.mount is not None and room.mount.is_read_only
    if is_read_only or not room.is_writable:
        why = "the file system is read-only" if is_read_only else "this user may not write here"
        if not is_scratch:
            return _ok("space", f"{found}; {why}: good for import, not for export")
        error = LocalStorage(why, subject=called, hint="choose another folder with --scratch DIR, or with TMPDIR")
        return Check("space", State.FAIL, "", error)
    if is_bundle:
        return _ok("space", f"{found}; there is a bundle")
    if room.free_bytes == 0:
        return Check("space", State.FAIL, "", problem("no-space", subject=called))
    if room.free_bytes < DEFAULT_CHUNK_BYTES:
        hint = "free some, or choose another folder; bundler export --dry-run says how much is needed"
        error = LocalStorage("little room", subject=called, hint=hint)
        return _warn("space", f"{found}: less than one chunk of the default size", error)
    return _ok("space", found)


def judged_files(called: str, room: probe.Room) -> Check:
    """How large a file may be in a folder."""
    mount = room.mount
    where = f"{called}: {mount.type} on {mount.point}" if mount else f"{called}: an unknown file system"
    if room.file_limit_bytes is not None:
        error = LocalStorage("files are limited", subject=called, hint="raise the limit: ulimit -f unlimited")
        state = State.FAIL if room.file_limit_bytes < DEFAULT_CHUNK_BYTES else State.WARN
        return Check("files", state, f"{called}: no file above {_size(room.file_limit_bytes)} (ulimit -f)", error)
    if mount and mount.largest_file_bytes is not None:
        error = LocalStorage(
            "the file system takes no larger files",
            subject=called,
            hint="the default --chunk-size fits, and so does --chunk-size fat32; image files of others may not",
        )
        return _warn("files", f"{where}, no file of {_size(mount.largest_file_bytes + 1)} or more", error)
    return _ok("files", f"{where}, files of any size" if mount else where)


def _daemon(*, is_wanted: bool) -> Check:
    try:
        facts = Daemon(timeout_seconds=int(probe.WAIT_SECONDS)).facts
    except BundlerError as error:
        if is_wanted:
            return Check("docker", State.FAIL, "", error)
        return _warn("docker", f"{error.message}; needed only for docker-daemon:", error)
    store = "containerd image store" if facts.has_containerd_store else "classic image store"
    return _ok("docker", f"the daemon answers: {facts.platform}, {store}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _size(size_bytes: int) -> str:
    """A size as people read it, exact where that matters."""
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB")):
        if size_bytes >= unit:
            return f"{size_bytes // unit} {name}" if size_bytes % unit == 0 else f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes:,} bytes"
