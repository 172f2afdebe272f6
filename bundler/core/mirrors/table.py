"""The kinds of files that `bundler mirrors` writes: a new kind is one module, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bundler.core.mirrors import containerd, docker, kustomize, openshift, podman, rancher
from bundler.core.mirrors.files import Mirror, MirrorFiles
from bundler.core.mirrors.placed import PlacedImage, Placement, placement

_MAKERS: dict[str, Callable[[Placement, Mirror], MirrorFiles]] = {
    containerd.KIND: containerd.containerd_files,
    docker.KIND: docker.docker_files,
    podman.KIND: podman.podman_files,
    rancher.K3S: rancher.k3s_files,
    rancher.RKE2: rancher.rke2_files,
    openshift.KIND: openshift.openshift_files,
    kustomize.KIND: lambda placed, _: kustomize.kustomize_files(placed.images),
}

MIRROR_KINDS = tuple(_MAKERS)


def mirror_files(images: Iterable[PlacedImage], mirror: Mirror, kinds: Sequence[str]) -> tuple[MirrorFiles, ...]:
    """Makes the files of some kinds.

    If files of a kind cannot serve all images, the others get new names by Kustomize, which is added if it is not
    among the kinds.

    Args:
        images: The images at the mirror.
        mirror: The mirror.
        kinds: Some of `MIRROR_KINDS`.
    """
    placed = placement(images)
    made = tuple(_MAKERS[kind](placed, mirror) for kind in dict.fromkeys(kinds))
    not_mirrored = dict.fromkeys(each.image for files in made for each in files.not_mirrored)
    if not_mirrored and kustomize.KIND not in kinds:
        made = (*made, kustomize.kustomize_files(not_mirrored))
    return made
