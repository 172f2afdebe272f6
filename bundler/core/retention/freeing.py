"""Ways in which kinds of registries free the space of removed images, and commands that destroy images there.

A registry keeps the blobs of removed manifests until its garbage collection. Sources: distribution, docs "Garbage
collection"; Harbor, api/v2.0/swagger.yaml, ``/system/gc/schedule``; Nexus, help "Cleanup Policies"; GitLab, "Container
registry garbage collection"; Quay, "Garbage collection"; Artifactory, "Garbage Collection".
"""

from __future__ import annotations

from collections.abc import Mapping

from bundler.core.frozen import frozen
from bundler.core.registry_kind import ARTIFACTORY, DISTRIBUTION, GITLAB, HARBOR, NEXUS, QUAY, RegistryKind
from bundler.texts import text


@frozen
class Freeing:
    """The way in which a kind of registry frees space.

    Attributes:
        steps: The steps of its administrator, in this order.
        never: A warning of what must not be run there; empty if nothing is known.
    """

    steps: tuple[str, ...]
    never: str = ""


_BY_KIND: Mapping[str, Freeing] = {
    DISTRIBUTION.name: Freeing(
        (
            text("stop the registry, or make it read-only (storage: maintenance: readonly: enabled: true)"),
            text("run `docker-registry garbage-collect CONFIG.yml` (in the registry's image: `registry`)"),
            text("start it again: it keeps a list of blobs in memory"),
        ),
        text(
            "never add -m or --delete-untagged: release 2.8 then removes the platforms of indexes that have a tag, and "
            "signatures that only a list names"
        ),
    ),
    HARBOR.name: Freeing(
        (
            text("run Administration > Clean Up > Garbage Collection, untagged artifacts included"),
            text("it frees nothing that was pushed in the last two hours"),
        ),
        text("never run `registry garbage-collect` in Harbor's own container: its database would not know of it"),
    ),
    NEXUS.name: Freeing(
        (
            text("run the task 'Docker - Delete unused manifests and images'"),
            text("then run the task 'Admin - Compact blob store'"),
        ),
        text("never remove files from the blob store by hand"),
    ),
    GITLAB.name: Freeing(
        (
            text("with the metadata database: nothing, it frees space by itself, after a day"),
            text("without it: run `gitlab-ctl registry-garbage-collect`"),
        ),
        text("never add -m while images are pushed: it removes what has no tag yet"),
    ),
    QUAY.name: Freeing(
        (text("nothing: it frees space by itself when the time machine of the organisation has expired"),),
    ),
    ARTIFACTORY.name: Freeing(
        (text("nothing: it frees space each day; Administration > Storage > Run Garbage Collection does it now"),),
        text("never remove files from the file store by hand"),
    ),
}  # fmt: skip


def freeing_of(kind: RegistryKind) -> Freeing:
    """The way in which a kind of registry frees space."""
    return _BY_KIND[kind.name]
