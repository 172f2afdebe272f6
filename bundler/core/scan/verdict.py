"""The verdict of a scanner on one object, its findings, and the identity of the scanner.

There are four verdicts. Only ``clean`` is a pass. An object that a scanner did not look into is *not scanned*, with the
reason: it is too large, there is no database, the operating system of the image is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from bundler import texts
from bundler.core.frozen import frozen, ordered
from bundler.core.limits import SCAN_TEXT_CHARACTERS
from bundler.core.patterns import lazy_pattern

NAME = lazy_pattern(r"[a-z0-9][a-z0-9._-]{0,63}")
"""The form of the names of scanners."""


class Unit(str, Enum):
    """The kind of objects that a scanner looks at."""

    BLOB = "blob"
    """Each blob by itself. Scanners for malware."""
    IMAGE = "image"
    """Each image of one platform, with its layers. Scanners for vulnerabilities."""


UNITS = {"clamav": Unit.BLOB, "trivy": Unit.IMAGE, "grype": Unit.IMAGE, "clair": Unit.IMAGE}
"""The scanners that bundler knows, and what they look at. A command of the user cannot have one of these names."""


class Severity(str, Enum):
    """The severity of a finding."""

    UNKNOWN = "unknown"
    NEGLIGIBLE = "negligible"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @classmethod
    def of(cls, word: str) -> Severity:
        """The severity that a scanner names, in any case; `UNKNOWN` for a word that is none.

        >>> Severity.of("HIGH").value
        'high'
        """
        try:
            return cls(word.lower())
        except ValueError:
            return cls.UNKNOWN

    @property
    def rank(self) -> int:
        """Its place in the order of severities; higher is worse."""
        return _ORDER.index(self)

    def reaches(self, least: Severity) -> bool:
        """True if it is at least as severe. A severity that is not known may be any, so it reaches all."""
        return self is Severity.UNKNOWN or self.rank >= least.rank


_ORDER = tuple(Severity)


@ordered
class Finding:
    """A malware signature that matched, a vulnerability, or a secret.

    Attributes:
        id: Its name: that of the signature, or of the vulnerability.
        severity: Its severity. Malware is always critical.
        package: The package that has the vulnerability.
        version: The installed version of the package.
        fixed: The version that repairs it; empty if there is none.
        where: The place in the object: a path, or a part of the image.
        title: One line for people.
    """

    id: str
    severity: Severity
    package: str = ""
    version: str = ""
    fixed: str = ""
    where: str = ""
    title: str = ""

    @classmethod
    def reported(
        cls,
        id: str,  # noqa: A002  # the name of the field
        severity: Severity,
        *,
        package: str = "",
        version: str = "",
        fixed: str = "",
        where: str = "",
        title: str = "",
    ) -> Finding:
        """A finding in the words of a scanner, each cut to the length that a record may hold."""
        return cls(cut(id) or "unnamed", severity, cut(package), cut(version), cut(fixed), cut(where), cut(title))


class State(str, Enum):
    """The kind of a verdict."""

    CLEAN = "clean"
    FOUND = "found"
    NOT_SCANNED = "not-scanned"
    ERROR = "error"


@frozen
class Verdict:
    """The verdict of a scanner on one object. Make it with `CLEAN`, `found`, `not_scanned` and `failed`.

    Attributes:
        state: Its kind.
        reason: The reason for which the object was not scanned, or the error, in words.
        findings: The findings, sorted, each once; only if something was found.
    """

    state: State
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Checks that it does not contradict itself.

        Raises:
            ValueError: It does.
        """
        has_reason = self.state in (State.NOT_SCANNED, State.ERROR)
        if bool(self.findings) != (self.state is State.FOUND) or bool(self.reason) != has_reason:
            raise ValueError(texts.text("a verdict {state} that contradicts itself", state=self.state.value))


CLEAN = Verdict(State.CLEAN)
"""The scanner looked at the whole object and found nothing."""


def found(findings: Iterable[Finding]) -> Verdict:
    """The verdict with some findings; `CLEAN` without any."""
    listed = tuple(sorted(set(findings)))
    return Verdict(State.FOUND, findings=listed) if listed else CLEAN


def not_scanned(reason: str) -> Verdict:
    """The verdict for an object that the scanner did not look at, or not to its end."""
    return Verdict(State.NOT_SCANNED, cut(reason) or "no reason given")


def failed(reason: str) -> Verdict:
    """The verdict for an object at which the scanner failed."""
    return Verdict(State.ERROR, cut(reason) or "no reason given")


def cut(words: str) -> str:
    """Words of a scanner as one line of a record: bounded, without control characters and lone surrogates."""
    line = "".join(each if each.isprintable() else " " for each in words[:SCAN_TEXT_CHARACTERS])
    return line.strip()


@frozen
class Scanner:
    """The identity of a scanner at one time. Two equal ones give the same verdict on the same object.

    Attributes:
        name: ``clamav``, ``trivy``, ``grype``, ``clair``, or the name of a command.
        unit: The kind of objects that it looks at.
        version: The version of the program.
        database: The version of its database, or the digest of it; empty if it is not known. Without it no verdict is
            kept for later runs.
        database_date: The date of its database, RFC 3339; empty if it is not known.
    """

    name: str
    unit: Unit
    version: str = ""
    database: str = ""
    database_date: str = ""

    def __post_init__(self) -> None:
        """Checks the name.

        Raises:
            ValueError: It is none for a scanner, or that of a scanner for other objects.
        """
        if not NAME.fullmatch(self.name):
            raise ValueError(texts.text("not the name of a scanner: {name}", name=repr(self.name[:60])))
        if UNITS.get(self.name, self.unit) is not self.unit:
            raise ValueError(
                texts.text("{name} does not scan objects of the kind {unit}", name=self.name, unit=self.unit.value)
            )

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}".rstrip()
