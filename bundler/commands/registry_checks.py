"""The checks of one registry: address, certificate, clock, credentials, rights, the largest body that passes.

Each check is one question to `bundler.stores`; its answer becomes ``ok``, ``warn`` or ``fail`` here. If a failure makes
later checks pointless they are skipped, so that the first cause is easy to see. Nothing is changed anywhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from urllib.parse import urlsplit

from bundler.commands.checks import GIB, MIB, Check, State, ok, size_words, skipped, warned
from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.core.limits import UPLOAD_PIECE_LEAST_BYTES
from bundler.core.location import RegistryPlace
from bundler.core.reference import is_loopback
from bundler.core.registry_kind import RegistryKind, recognised
from bundler.errors import BundlerError, NameRefused, Refused, UnknownProject, UnknownRepository
from bundler.pace import Paces
from bundler.stores import hosts, login, probe
from bundler.stores.addresses import shown
from bundler.stores.hosts import NetworkOptions
from bundler.stores.http import TOLERATED_SKEW_SECONDS, clock_skew_seconds, error_of
from bundler.stores.registry import Registry
from bundler.stores.registry_auth import Challenge
from bundler.stores.repository import Repository
from bundler.texts import as_text, counted, some, text

SKEW_TO_WARN_OF_SECONDS = 30
"""Half of the difference that registries accept."""

DAYS_TO_WARN_OF = 30
"""The time before the end of a certificate when a warning starts: long enough for an office to issue a new one."""

_LADDER = (MIB, 10 * MIB, 100 * MIB, GIB, 5 * GIB, 20 * GIB)
_EXACT_BELOW_BYTES = 10 * MIB
_DAY_SECONDS = 86400
_REPOSITORY = "bundler-doctor"


@frozen
class Known:
    """The facts that the checks have found of a registry so far.

    Attributes:
        kind: Its kind.
        skew_seconds: The difference of the clocks; None if it sends no time.
        is_asking_who: True if it asks for a login.
        is_login_accepted: True if it accepts the credentials, or needs none.
        may_not_exist: True if the repository of the checks may not exist there.
    """

    kind: RegistryKind | None = None
    skew_seconds: float | None = None
    is_asking_who: bool = False
    is_login_accepted: bool = False
    may_not_exist: bool = False


@frozen
class Found:
    """A check, and all that is known after it."""

    check: Check
    known: Known


Question = Callable[[Known], Found]
Steps = Sequence[tuple[str, Question, str]]
"""For each check its name, its question, and the name of the check that it needs, if any."""


def alone(ask: Callable[[], Check]) -> Question:
    """A question that uses nothing of what is known, and adds nothing to it."""
    return lambda known: Found(ask(), known)


def knowing(ask: Callable[[Known], Check]) -> Question:
    """A question that uses what is known, and adds nothing to it."""
    return lambda known: Found(ask(known), known)


def registry_checks(visit: RegistryVisit) -> Iterator[Check]:
    """Makes the checks of a registry.

    Rights are not checked with credentials that were just refused: some registries lock accounts after some attempts.
    """
    steps: Steps = (
        *connection_steps(visit),
        ("push", visit.push, "credentials"),
        ("upload", knowing(visit.upload), "push"),
        ("body", knowing(visit.body), "registry"),
    )
    return checks_of(steps)


def connection_steps(visit: RegistryVisit) -> Steps:
    """The steps for every registry, from the proxy to a pull."""
    return (
        ("proxy", alone(visit.proxy), ""),
        ("name", alone(visit.name), ""),
        ("tcp", alone(visit.tcp), "name"),
        ("tls", alone(visit.tls), "tcp"),
        ("registry", visit.answers, "tls"),
        ("clock", knowing(visit.clock), "registry"),
        ("credentials", visit.credentials, "registry"),
        ("pull", knowing(visit.pull), "credentials"),
    )


def checks_of(steps: Steps) -> Iterator[Check]:
    """Makes the checks of some steps. One that needs a check that failed is skipped, with the cause."""
    causes: dict[str, str] = {}
    known = Known()
    for name, ask, needed in steps:
        if needed in causes:
            causes[name] = causes[needed]
            yield skipped(name, text("not asked: {causes} failed", causes=as_text(causes[name])))
            continue
        found = _found(name, ask, known)
        known = found.known
        if found.check.state is State.FAIL:
            causes[name] = name
        yield found.check


def _found(name: str, ask: Question, known: Known) -> Found:
    try:
        return ask(known)
    except BundlerError as error:
        return Found(Check(name, State.FAIL, "", error), known)


class RegistryVisit:
    """The questions to one registry. Some use what others have found; `checks_of` hands it on."""

    def __init__(
        self, target: RegistryPlace, network: NetworkOptions, *, repository: str | None, now_seconds: float
    ) -> None:
        """Prepares the questions. Asks nothing yet.

        Args:
            target: The registry, with the prefix of images there.
            network: The options to reach it.
            repository: The repository whose rights are checked; None for one that probably does not exist.
            now_seconds: The time in seconds since 1970.
        """
        self._options = network
        self._target = target
        self._now_seconds = now_seconds
        self._is_repository_given = repository is not None
        self._registry = Registry(target.registry, network, Paces(patience=0))
        prefix = f"{target.prefix}/" if target.prefix else ""
        self._repository = Repository(self._registry, repository or prefix + _REPOSITORY)
        self._schemes = hosts.schemes_of(target.registry, network)
        self._netloc = hosts.address_of(target.registry)
        self._host = urlsplit(f"//{self._netloc}").hostname or ""
        self._proxy = hosts.proxy_for(self._schemes[0], self._netloc)

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
        """Checks the proxy that the environment names."""
        if self._proxy is None:
            return ok("proxy", "none is used")
        advice = Refused(
            "a proxy is used for the registry",
            subject=self._netloc,
            hint=text("if the registry is inside the network, add it to NO_PROXY: NO_PROXY={host}", host=self._host),
        )
        return warned(
            "proxy", text("{proxy} is used for {netloc}", proxy=shown(self._proxy), netloc=self._netloc), advice
        )

    def _direct(self, name: str) -> Check | None:
        return skipped(name, "the connection goes to the proxy, not to the registry") if self._proxy else None

    def name(self) -> Check:
        """Checks that the name resolves."""
        if skipped := self._direct("name"):
            return skipped
        found = probe.addresses_of(self._host)
        if found == (self._host,):
            return ok("name", text("{host} is an address", host=self._host))
        return ok("name", text("{host} is {addresses}", host=self._host, addresses=some(found, most=3)))

    def tcp(self) -> Check:
        """Checks that the port accepts connections."""
        if skipped := self._direct("tcp"):
            return skipped
        seconds = probe.connect_seconds(self._host, self._port)
        return ok("tcp", text("port {port} answers in {max} ms", port=self._port, max=max(1, round(seconds * 1000))))

    def tls(self) -> Check:
        """Checks that the certificate is trusted, and for how long."""
        if skipped := self._direct("tls"):
            return skipped
        if self._registry.address[0] == "http":
            if is_loopback(self._target.registry):
                return ok("tls", "none: plain HTTP, on this machine")
            advice = Refused(
                "plain HTTP", subject=self._netloc, hint="leave out --plain-http once the registry speaks TLS"
            )
            return warned("tls", "none: anyone on the network can read and change all data, credentials too", advice)
        context = hosts.tls_context(self._netloc, self._options)
        try:
            protocol, certificate = probe.verified_certificate(self._host, self._port, context)
        except BundlerError as error:
            seen = probe.unverified_certificate(self._host, self._port)
            return Check("tls", State.FAIL, self._claims(seen) if seen else "", error)
        until = min(certificate.until_seconds, certificate.authority_until_seconds or certificate.until_seconds)
        found = text(
            "by {issuer}, {protocol}, {validity}",
            issuer=certificate.issuer,
            protocol=protocol,
            validity=self._validity(certificate.until_seconds),
        )
        if until < certificate.until_seconds:
            found = text("{found}; its authority is {validity}", found=found, validity=self._validity(until))
        if until - self._now_seconds < DAYS_TO_WARN_OF * _DAY_SECONDS:
            hint = "ask the registry's administrator for a new certificate before this one expires"
            return warned("tls", found, Refused("the certificate expires soon", subject=self._netloc, hint=hint))
        return ok("tls", found)

    def _validity(self, until_seconds: int) -> str:
        day = datetime.datetime.fromtimestamp(until_seconds, datetime.timezone.utc).strftime("%Y-%m-%d")
        days = int((until_seconds - self._now_seconds) // _DAY_SECONDS)
        if days < 0:
            return counted(
                -days, "valid until {day} ({count} day ago)", "valid until {day} ({count} days ago)", day=day
            )
        return counted(days, "valid until {day} ({count} day)", "valid until {day} ({count} days)", day=day)

    def _claims(self, seen: probe.Certificate) -> str:
        """The claims of an untrusted certificate, in words."""
        names, validity = some(seen.names, most=3), self._validity(seen.until_seconds)
        if not names:
            return text("its certificate: by {issuer}, for no name, {validity}", issuer=seen.issuer, validity=validity)
        return text(
            "its certificate: by {issuer}, for {names}, {validity}", issuer=seen.issuer, names=names, validity=validity
        )

    def answers(self, known: Known) -> Found:
        """Checks that a registry answers."""
        answer, challenge = self._registry.ping()
        is_page = "text/html" in answer.headers.get("Content-Type", "")
        # A proxy that asks for a password answers with a page, but with a challenge like that of a registry.
        if answer.status not in (200, 401) or (is_page and challenge is None):
            raise error_of(answer, subject=text("{registry}, asked for /v2/", registry=self._target.registry))
        kind = recognised(dict(answer.headers.items()), challenge.parameters if challenge else {})
        skew_seconds, is_asking_who = clock_skew_seconds(answer), answer.status == 401
        answer.drain()
        check = self._how_it_answers(kind, challenge, is_asking_who=is_asking_who)
        return Found(check, replace(known, kind=kind, skew_seconds=skew_seconds, is_asking_who=is_asking_who))

    def _how_it_answers(self, kind: RegistryKind, challenge: Challenge | None, *, is_asking_who: bool) -> Check:
        # A registry that does not name itself counts as distribution, and may be any other.
        is_plain = kind.name == "distribution"
        answers = text("/v2/ answers") if is_plain else text("/v2/ answers by {kind}", kind=kind.title)
        if not is_asking_who:
            return ok("registry", text("{answers} without a login", answers=answers))
        if challenge is None:
            return ok("registry", text("{answers}, and asks for a login of an unknown kind", answers=answers))
        if challenge.scheme == "basic":
            return ok("registry", text("{answers}, and asks for user and password", answers=answers))
        return ok(
            "registry",
            text(
                "{answers}, and asks for a token of {realm}",
                answers=answers,
                realm=shown(challenge.parameters["realm"]),
            ),
        )

    def clock(self, known: Known) -> Check:
        """Checks the difference of the clocks."""
        skew = known.skew_seconds
        if skew is None:
            return skipped("clock", "the registry sends no time")
        seconds = round(abs(skew))
        found = (
            counted(seconds, "this machine's is {count} second slow", "this machine's is {count} seconds slow")
            if skew > 0
            else counted(seconds, "this machine's is {count} second fast", "this machine's is {count} seconds fast")
        )
        if abs(skew) <= SKEW_TO_WARN_OF_SECONDS:
            return ok("clock", found if seconds > 1 else "agrees with the registry's")
        error = problem("clock-skew", subject=self._netloc)
        return Check("clock", State.FAIL if abs(skew) > TOLERATED_SKEW_SECONDS else State.WARN, found, error)

    def credentials(self, known: Known) -> Found:
        """Checks that the registry accepts the credentials, and names their source."""
        login = self._registry.login.find(self._repository.path)
        who = (
            text("{username}, from {origin}", username=login.username or text("an identity token"), origin=login.origin)
            if login
            else ""
        )
        accepted = replace(known, is_login_accepted=True)
        if not known.is_asking_who:
            found = text("{who}; not required so far", who=who) if who else text("none found, and none required")
            return Found(ok("credentials", found), accepted)
        answer = self._registry.request("GET", "", scopes=(f"repository:{self._repository.path}:pull",))
        if answer.status != 200:
            error = error_of(answer, subject=text("{registry}, asked for /v2/", registry=self._target.registry))
            return Found(Check("credentials", State.FAIL, who or self._nowhere(), error), known)
        answer.drain()
        return Found(ok("credentials", who or text("anonymous; {nowhere}", nowhere=self._nowhere())), accepted)

    def _nowhere(self) -> str:
        files = ", ".join(map(str, login.files()))
        return (
            text("no credentials for {registry} in {files}", registry=self._target.registry, files=files)
            if files
            else text("no file with credentials")
        )

    def _fault(self, kind: RegistryKind | None) -> str:
        """The reason why the default repository of the checks cannot exist here."""
        if self._is_repository_given or kind is None:
            return ""
        fault = kind.fault(self._repository.path, self._target.prefix)
        return text("{fault}: choose one with --repository PATH", fault=fault) if fault else ""

    def pull(self, known: Known, /) -> Check:
        """Checks the right to read the repository."""
        if fault := self._fault(known.kind):
            return skipped("pull", fault)
        is_there = self._repository.exists()
        path = self._repository.path
        may = text("{path} can be pulled", path=path)
        return ok("pull", may if is_there else text("{path} can be pulled; it does not exist yet", path=path))

    def push(self, known: Known) -> Found:
        """Checks the right to write to the repository."""
        unsure = replace(known, may_not_exist=True)
        if fault := self._fault(known.kind):
            return Found(skipped("push", fault), unsure)
        try:
            self._repository.check_push()
        except BundlerError as error:
            if self._is_repository_given or not isinstance(error, (UnknownProject, UnknownRepository, NameRefused)):
                raise
            hint = "choose a repository to push to with --repository PATH"
            refused = Refused(error.message, subject=error.subject, said=error.said, hint=hint)
            return Found(warned("push", text("{error}", error=error), refused), unsure)
        return Found(ok("push", text("{path} can be pushed to", path=self._repository.path)), known)

    def upload(self, known: Known) -> Check:
        """Checks that the registry directs uploads to an allowed address. Cancels the upload that it opens for this."""
        if known.may_not_exist:
            return skipped("upload", "not asked: the repository does not exist; choose one with --repository PATH")
        self._repository.check_upload()
        return ok("upload", "uploads go to an address of the registry")

    def body(self, known: Known) -> Check:
        """Finds the largest body that passes. Sends only the announced size, no body."""
        if skipped := self._direct("body"):
            return skipped
        scheme = self._registry.address[0]
        context = hosts.tls_context(self._netloc, self._options) if scheme == "https" else None
        # A proxy that refuses a size mostly does so before it checks credentials.
        headers = self._registry.authorization(self._scopes) if known.is_login_accepted else {}
        url = probe.upload_url(self._registry.api_url, self._repository.path)

        def passes(size_bytes: int) -> bool | None:
            status = probe.answer_to_body(url, headers, size_bytes, context)
            return None if status in (None, 417) else status != 413

        return self._judged(largest_body(passes))

    def _judged(self, largest: LargestBody) -> Check:
        if largest.refused_bytes is None:
            return ok(
                "body", text("{passes_bytes} pass, and likely more", passes_bytes=size_words(largest.passes_bytes))
            )
        if not largest.is_certain and not largest.passes_bytes:
            return skipped("body", "not known: no answer to a request with Expect: 100-continue")
        error = problem("body-too-large", subject=self._netloc, host=self._netloc)
        found = text("the largest that passes is {passes_bytes}", passes_bytes=size_words(largest.passes_bytes))
        if not largest.is_certain:
            found = text(
                "{passes_bytes} pass; no answer to {refused_bytes}",
                passes_bytes=size_words(largest.passes_bytes),
                refused_bytes=size_words(largest.refused_bytes),
            )
        # Larger layers are pushed in pieces of at least this size.
        is_fatal = largest.is_certain and largest.passes_bytes < UPLOAD_PIECE_LEAST_BYTES
        return Check("body", State.FAIL if is_fatal else State.WARN, found, error)


@frozen
class LargestBody:
    """The limits of a body's size.

    Attributes:
        passes_bytes: The largest size that is known to pass.
        refused_bytes: The smallest size that is known not to pass; None if all sizes that were tried pass.
        is_certain: True if each size got an answer; else ``refused_bytes`` is the size that got none.
    """

    passes_bytes: int
    refused_bytes: int | None
    is_certain: bool = True


def largest_body(passes: Callable[[int], bool | None]) -> LargestBody:
    """Finds the largest body: tries the largest size first, because mostly all pass, then upwards, then in between.

    Args:
        passes: Returns True if a body of this many bytes passes; None if there is no answer, which ends the search.

    Returns:
        The limit, exact to the byte below 10 MiB, to the MiB above.
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
    step = 1 if high <= _EXACT_BELOW_BYTES else MIB
    while high - low > step:
        middle = low + (high - low) // step // 2 * step
        answer = passes(middle)
        if answer is None:
            return LargestBody(low, middle, is_certain=False)
        low, high = (middle, high) if answer else (low, middle)
    return LargestBody(low, high)
