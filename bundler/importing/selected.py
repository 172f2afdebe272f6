"""Selected: the chosen images of the bundle, whole for daemons and reduced to platforms for other targets."""

from __future__ import annotations

from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.manifest import Image
from bundler.importing.chosen import Narrowed, chosen_images, narrowed
from bundler.importing.opened import Opened
from bundler.importing.targets.target import Target
from bundler.texts import text


@frozen
class Selected:
    """The images that the user chose, or those of one shard.

    Attributes:
        opened: The open bundle.
        of_all_shards: The images of all shards: no two of them may get one name.
        whole: The images with all their platforms.
        reduced: The images, reduced to the platforms of the request.
    """

    opened: Opened
    of_all_shards: tuple[Image, ...]
    whole: Narrowed
    reduced: Narrowed

    def of(self, target: Target) -> Narrowed:
        """The images for a target. A target that takes one platform of each image chooses the platform itself."""
        return self.whole if target.takes_one_platform else self.reduced


def select(opened: Opened, targets: tuple[Target, ...]) -> Selected:
    """Chooses images by the patterns, lists and platforms of the request, and then those of its shard.

    Raises:
        Misuse: No image is left.
    """
    request, bundle, run = opened.request, opened.bundle, opened.run
    chosen = chosen_images(bundle.manifest, request.selection, request.retry, run, shard=request.shard)
    for pattern in request.rules.idle(image.reference for image in bundle.manifest.images):
        run.listener(Noticed(text("the rule for {pattern} matches no image of the bundle", pattern=pattern)))
    whole = reduced = Narrowed(chosen.images, {})
    if request.platforms and not all(target.takes_one_platform for target in targets):
        reduced = narrowed(bundle, chosen.images, request.platforms, run)
    return Selected(opened, chosen.of_all_shards, whole, reduced)
