"""The kinds of registries with rules of their own, and how they are recognised by their answers.

This module has the facts that must be known before a push; `bundler.core.registry_answers` explains error answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from bundler.core.frozen import frozen
from bundler.texts import text


@frozen
class RegistryKind:
    """One kind of registry.

    Attributes:
        name: The name as the value of ``--target``.
        title: The name for people.
        first_part: The meaning of the first part of a repository's path; it must exist before a push. Empty if it has
            none.
        least_parts: The smallest number of parts in a repository's path.
        parts_below_prefix: The largest number of parts after the prefix of ``--to``; None if it is not limited.
        usual_parts: The largest number of parts that all releases and settings accept; None if it is not limited.
    """

    name: str
    title: str
    first_part: str = ""
    least_parts: int = 1
    parts_below_prefix: int | None = None
    usual_parts: int | None = None

    def fault(self, path: str, prefix: str) -> str | None:
        """The reason why a repository cannot have this path here; None if it can.

        Args:
            path: The whole path, prefix included.
            prefix: The prefix in ``--to``.
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
        """True if some releases or settings of this kind refuse such a path."""
        return self.usual_parts is not None and path.count("/") + 1 > self.usual_parts


DISTRIBUTION = RegistryKind("distribution", "distribution")
HARBOR = RegistryKind("harbor", "Harbor", first_part="project", least_parts=2)
NEXUS = RegistryKind("nexus", "Nexus")
ARTIFACTORY = RegistryKind("artifactory", "Artifactory")
GITLAB = RegistryKind("gitlab", "GitLab", first_part="group", least_parts=2, parts_below_prefix=2)
QUAY = RegistryKind("quay", "Quay", first_part="organisation", least_parts=2, usual_parts=2)

REGISTRY_KINDS = {kind.name: kind for kind in (DISTRIBUTION, HARBOR, NEXUS, ARTIFACTORY, GITLAB, QUAY)}


def recognised(headers: Mapping[str, str], challenge: Mapping[str, str]) -> RegistryKind:
    """The kind of a registry, by its answer to ``GET /v2/``; `DISTRIBUTION` if the answer has no sign of another kind.

    Args:
        headers: The headers of the answer, with names in any case.
        challenge: The parameters of ``WWW-Authenticate``, with names in lower case.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    realm, service = challenge.get("realm", ""), challenge.get("service", "")
    if service == "harbor-registry":
        return HARBOR
    if "gitlab-container-registry-version" in lowered or realm.endswith("/jwt/auth"):
        return GITLAB
    if lowered.get("server", "").startswith("Nexus/") or "Sonatype Nexus" in realm:
        return NEXUS
    if any(name in lowered for name in ("x-artifactory-id", "x-jfrog-version")) or "Artifactory" in realm:
        return ARTIFACTORY
    if realm.endswith("/v2/auth"):
        return QUAY
    return DISTRIBUTION
