"""The kinds of registries that have rules of their own, and how each is recognised by what it says.

What they answer is translated in `bundler.core.advice`; here is what has to be known before anything is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bundler.texts import text


@dataclass(frozen=True, slots=True)
class RegistryKind:
    """One kind.

    Attributes:
        name: As ``--target`` has it.
        title: As people write it.
        first_part: What the first part of a repository's path is there; it must exist before anything is pushed.
        least_parts: How many parts a repository's path has at least.
        parts_below_prefix: How many parts may follow the prefix of ``--to``, where that is limited.
        usual_parts: More parts than these are refused by some releases or settings.
    """

    name: str
    title: str
    first_part: str = ""
    least_parts: int = 1
    parts_below_prefix: int | None = None
    usual_parts: int | None = None

    def fault(self, path: str, prefix: str) -> str | None:
        """Why a repository cannot have this path here; None if it can.

        Args:
            path: The whole path, prefix included.
            prefix: What ``--to`` gave.
        """
        parts = path.split("/")
        if len(parts) < self.least_parts:
            names = {"title": self.title, "part": self.first_part}
            if self.first_part[0] in "aeiou":
                return text("{title} needs an {part} before the name", **names)
            return text("{title} needs a {part} before the name", **names)
        below = len(parts) - len(prefix.split("/"))
        if self.parts_below_prefix is not None and "/" in prefix and below > self.parts_below_prefix:
            return text(
                "{title} allows at most {count} path parts below {prefix}; this name has {below}",
                title=self.title,
                count=self.parts_below_prefix,
                prefix=prefix,
                below=below,
            )
        return None

    def is_unusual(self, path: str) -> bool:
        """Whether some releases of this kind refuse such a path."""
        return self.usual_parts is not None and path.count("/") + 1 > self.usual_parts


DISTRIBUTION = RegistryKind("distribution", "distribution")
HARBOR = RegistryKind("harbor", "Harbor", first_part="project", least_parts=2)
NEXUS = RegistryKind("nexus", "Nexus")
ARTIFACTORY = RegistryKind("artifactory", "Artifactory")
GITLAB = RegistryKind("gitlab", "GitLab", first_part="group", least_parts=2, parts_below_prefix=2)
QUAY = RegistryKind("quay", "Quay", first_part="organisation", least_parts=2, usual_parts=2)

REGISTRY_KINDS = {kind.name: kind for kind in (DISTRIBUTION, HARBOR, NEXUS, ARTIFACTORY, GITLAB, QUAY)}


def recognised(headers: Mapping[str, str], challenge: Mapping[str, str]) -> RegistryKind:
    """The kind of a registry, by its answer to ``GET /v2/``; `DISTRIBUTION` for all that say nothing else.

    Args:
        headers: Of the answer, names in any case.
        challenge: The parameters of ``WWW-Authenticate``, names in lower case.
    """
    told = {name.lower(): value for name, value in headers.items()}
    realm, service = challenge.get("realm", ""), challenge.get("service", "")
    if service == "harbor-registry":
        return HARBOR
    if "gitlab-container-registry-version" in told or realm.endswith("/jwt/auth"):
        return GITLAB
    if told.get("server", "").startswith("Nexus/") or "Sonatype Nexus" in realm:
        return NEXUS
    if any(name in told for name in ("x-artifactory-id", "x-jfrog-version")) or "Artifactory" in realm:
        return ARTIFACTORY
    if realm.endswith("/v2/auth"):
        return QUAY
    return DISTRIBUTION
