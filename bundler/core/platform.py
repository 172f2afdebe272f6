"""Platforms as OCI image-spec ``image-index.md`` describes them, and the choice between them.

Users write ``os/architecture[/variant][:version][+feature]``: ``linux/arm/v7``, ``windows/amd64:10.0.20348``. Version
and features are the ``os.version`` and ``os.features`` of the specification, which only Windows has.
"""

from __future__ import annotations

from collections.abc import Iterable

from bundler import texts
from bundler.core.frozen import ordered
from bundler.core.patterns import lazy_pattern
from bundler.core.platform_names import meant
from bundler.errors import Misuse

_PART = "[a-z0-9][a-z0-9._-]{0,31}"
_VERSION = r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?(?:\+[A-Za-z0-9][A-Za-z0-9._-]{0,63})*"
_PLATFORM = lazy_pattern(
    rf"(?P<os>{_PART})(?:\((?=[^)])(?P<inner>{_VERSION})\))?/(?P<architecture>{_PART})(?:/(?P<variant>{_PART}))?"
    rf"(?::(?=.)(?P<outer>{_VERSION}))?"
)
_TEXT_CHARACTERS = 200
_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}
_USUAL_VARIANTS = {"arm64": "v8", "amd64": "v1", "arm": "v7"}
"""The variants of images that name none, as in containerd: ``linux/arm`` is never ``linux/arm/v6``."""


@ordered
class Platform:
    """A platform that an image can run on."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Reads ``linux/amd64``, ``linux/arm/v7`` or ``windows/amd64:10.0.20348``.

        It reads ``linux/aarch64`` as ``linux/arm64``. It also reads containerd's ``windows(10.0.20348)/amd64``.

        Raises:
            Misuse: The text has another form.
        """
        if "," in text:
            raise Misuse(
                "more than one platform",
                subject=repr(text[:_TEXT_CHARACTERS]),
                hint="write one OS/ARCH, without commas; repeat the option for each platform",
            )
        match = _PLATFORM.fullmatch(text)
        is_one = match is not None and not (match["inner"] and match["outer"])
        os, name, given = (match["os"], match["architecture"], match["variant"] or "") if match else ("", "", "")
        architecture, variant = _ALIASES.get(name, (name, ""))
        machine = "/".join(part for part in (os, architecture, given) if part)
        likely = meant(machine if is_one else text[:_TEXT_CHARACTERS])
        if likely is not None:
            raise Misuse(
                "not a platform",
                subject=repr(text[:_TEXT_CHARACTERS]),
                hint=texts.text("did you mean {likely}?", likely=likely),
            )
        if match is None or not is_one:
            raise Misuse(
                "not a platform",
                subject=repr(text[:_TEXT_CHARACTERS]),
                hint="write os/architecture, for example linux/amd64",
            )
        version, *features = (match["inner"] or match["outer"] or "").split("+")
        return cls(os, architecture, given or variant, version, tuple(features))

    def accepts(self, offered: Platform) -> bool:
        """True if an image for ``offered`` satisfies a request for this platform.

        No variant means the usual one of the architecture. No version means any version; a version without its last
        parts accepts all that begin with it. The image must have all features of this platform.

        >>> Platform.parse("linux/arm64").accepts(Platform("linux", "arm64", "v8"))
        True
        >>> Platform.parse("windows/amd64:10.0.20348").accepts(Platform("windows", "amd64", "", "10.0.20348.2762"))
        True
        """
        return (
            self.accepts_but_for_version(offered)
            and f"{offered.os_version}.".startswith(f"{self.os_version}." if self.os_version else "")
            and set(self.os_features) <= set(offered.os_features)
        )

    def accepts_but_for_version(self, offered: Platform) -> bool:
        """True if it would accept an image for ``offered`` with the right version and features."""
        return self._machine == offered._machine

    @property
    def _machine(self) -> tuple[str, str, str]:
        architecture, variant = _ALIASES.get(self.architecture, (self.architecture, ""))
        return self.os, architecture, self.variant or variant or _USUAL_VARIANTS.get(architecture, "")

    @property
    def is_known(self) -> bool:
        """True unless it is ``unknown/unknown``, which marks manifests for no platform, such as attestations."""
        return (self.os, self.architecture) != ("unknown", "unknown")

    def __str__(self) -> str:
        machine = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        version = "+".join((self.os_version, *self.os_features))
        return f"{machine}:{version}" if version else machine


def any_accepts(wanted: Iterable[Platform], offered: Platform) -> bool:
    """True if one of the wanted platforms accepts the offered one."""
    return any(platform.accepts(offered) for platform in wanted)
