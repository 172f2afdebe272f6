"""Platforms (``os/architecture[/variant]``) as OCI image-spec ``image-index.md`` describes them, and their choice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bundler.core.platform_names import meant
from bundler.errors import Misuse

_PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_TEXT_CHARACTERS = 200
_IMPLIED_VARIANTS = {("arm64", "v8"), ("amd64", "v1"), ("arm", "v7")}
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """Where an image runs."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Reads ``linux/amd64`` or ``linux/arm/v7``; ``linux/aarch64`` is taken for ``linux/arm64``.

        Raises:
            Misuse: It has another form.
        """
        parts = text.split("/")
        is_one = len(parts) in (2, 3) and all(_PART.fullmatch(part) for part in parts)
        architecture = _ALIASES.get(parts[1], parts[1]) if is_one else ""
        likely = meant("/".join([parts[0], architecture, *parts[2:]]) if is_one else text[:_TEXT_CHARACTERS])
        if likely is not None:
            raise Misuse("not a platform", subject=repr(text[:_TEXT_CHARACTERS]), hint=f"did you mean {likely}?")
        if not is_one:
            raise Misuse(
                "not a platform",
                subject=repr(text[:_TEXT_CHARACTERS]),
                hint="write os/architecture, for example linux/amd64",
            )
        return cls(parts[0], architecture, parts[2] if len(parts) == 3 else "")

    def accepts(self, offered: Platform) -> bool:
        """Whether an image for ``offered`` is what was asked for. No variant means the usual one of the architecture.

        >>> Platform.parse("linux/arm64").accepts(Platform("linux", "arm64", "v8"))
        True
        """
        return (self.os, self.architecture) == (offered.os, offered.architecture) and (
            self._usual_variant == offered._usual_variant
        )

    @property
    def _usual_variant(self) -> str:
        if not self.variant:
            return next((v for architecture, v in _IMPLIED_VARIANTS if architecture == self.architecture), "")
        return self.variant

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def any_accepts(wanted: Iterable[Platform], offered: Platform) -> bool:
    """Whether one of the platforms that were asked for is the one that is offered."""
    return any(platform.accepts(offered) for platform in wanted)
