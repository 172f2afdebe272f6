"""A component of Kustomize that gives images their names at the mirror. It works where no mirror can be set up.

Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images/ and
https://kubectl.docs.kubernetes.io/guides/config_management/components/. Kustomize compares the name as it is in a
manifest, so each spelling of a name on Docker Hub has an entry. An entry is for all tags of a name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from bundler.core.mirrors.files import MirrorFiles, text_file
from bundler.core.mirrors.placed import NotMirrored, PlacedImage
from bundler.core.quoted import quoted
from bundler.core.reference import DEFAULT_REGISTRY
from bundler.texts import text

KIND = "kustomize"
SEVERAL_TAGS = text("Kustomize has one new name for all tags of a repository, and these have several")

_COMMENT = (
    "Kustomize: images get their names at the mirror. Made by bundler mirrors.",
    "",
    "Copy this folder next to your kustomization.yaml, and add to that file:",
    "  components:",
    "    - kustomize",
    "Then apply it as before: kubectl apply -k FOLDER. Nothing must be restarted.",
)


def kustomize_files(images: Iterable[PlacedImage]) -> MirrorFiles:
    """Writes a component with the new names of images."""
    groups: defaultdict[str, list[PlacedImage]] = defaultdict(list)
    for image in images:
        groups[image.reference.name].append(image)
    not_mirrored: list[NotMirrored] = []
    entries: list[str] = []
    for _, members in sorted(groups.items()):
        changes = _changes(members)
        if changes is None:
            not_mirrored += [NotMirrored(image, SEVERAL_TAGS) for image in members]
            continue
        for name in spellings(members[0]):
            entries += [f"  - name: {quoted(name)}", *(f"    {line}" for line in changes)]
    if not entries:
        return MirrorFiles(KIND, (), tuple(not_mirrored))
    head = ("apiVersion: kustomize.config.k8s.io/v1alpha1", "kind: Component", "images:")
    file = text_file(f"{KIND}/kustomization.yaml", _COMMENT, (*head, *entries))
    return MirrorFiles(KIND, (file,), tuple(not_mirrored))


def spellings(image: PlacedImage) -> Iterator[str]:
    """The ways in which manifests write the name of an image."""
    reference = image.reference
    if reference.registry == DEFAULT_REGISTRY:
        short = reference.repository.removeprefix("library/")
        if short != reference.repository and "/" not in short:
            yield short
            yield f"{reference.registry}/{short}"
        yield reference.repository
    yield reference.name


def _changes(members: Sequence[PlacedImage]) -> tuple[str, ...] | None:
    """The new name of a repository, and its new tag or digest if that changes; None if images need several."""
    names = {image.name.name for image in members}
    is_changed = any(image.fault for image in members)
    if len(names) > 1 or (is_changed and len(members) > 1):
        return None
    lines = [f"newName: {quoted(names.pop())}"]
    if is_changed and members[0].reference.digest is not None:
        lines.append(f"digest: {quoted(str(members[0].digest))}")
    elif is_changed and members[0].name.tag is not None:
        lines.append(f"newTag: {quoted(members[0].name.tag)}")
    return tuple(lines)
