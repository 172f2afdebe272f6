"""A drop-in of registries.conf, which podman, Buildah, skopeo and CRI-O read.

Source: containers/image, docs/containers-registries.conf.5.md ("Remapping and mirroring registries") and
docs/containers-registries.conf.d.5.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.mirrors.files import CA_FILE, Mirror, MirrorFiles, text_file
from bundler.core.mirrors.placed import Placement
from bundler.core.quoted import quoted

KIND = "podman"


def podman_files(placement: Placement, mirror: Mirror) -> MirrorFiles:
    """Writes one drop-in for all registries. The longest prefix decides, so single repositories may be elsewhere."""
    lines = list(_lines(placement, mirror))
    if not lines:
        return MirrorFiles(KIND, (), placement.not_mirrored)
    certificates = (
        (f"Copy the folder certs.d to /etc/containers/: it has the authority of {mirror.registry}.",)
        if mirror.authorities
        else ()
    )
    comment = (
        f"podman, Buildah, skopeo, CRI-O: images come from {mirror.registry}. Made by bundler mirrors.",
        "",
        "Copy this file to /etc/containers/registries.conf.d/ on each machine.",
        *certificates,
        "podman, Buildah and skopeo need no restart. CRI-O: systemctl reload crio",
        "",
        "location replaces prefix, so that the original registries are never asked.",
    )
    return MirrorFiles(
        KIND,
        (
            text_file(f"{KIND}/registries.conf.d/50-bundler.conf", comment, lines),
            *mirror.authority_files(f"{KIND}/certs.d/{mirror.registry}/{CA_FILE}"),
        ),
        placement.not_mirrored,
    )


def _lines(placement: Placement, mirror: Mirror) -> Iterator[str]:
    for source, target in redirects(placement, mirror):
        yield "[[registry]]"
        yield f"prefix = {quoted(source)}"
        yield f"location = {quoted(target)}"
        if mirror.is_plain:
            yield "insecure = true"
        yield ""


def redirects(placement: Placement, mirror: Mirror) -> Iterator[tuple[str, str]]:
    """Pairs of a registry or repository and its place at the mirror. The longest match decides."""
    for origin in placement.origins:
        if origin.prefix is not None:
            yield origin.registry, mirror.at(origin.prefix)
        for each in origin.moved:
            yield f"{origin.registry}/{each.source}", mirror.at(each.target)
