"""One image of one bundle, for commands that look into an image."""

from __future__ import annotations

from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.commands.inspect_ import InspectRequest, InspectResult, inspect
from bundler.core.manifest import Image
from bundler.core.selection import Selection
from bundler.errors import Misuse
from bundler.run import Run
from bundler.texts import some, text


def open_one(request: InspectRequest, run: Run | None) -> tuple[InspectResult, Bundle]:
    """Opens the bundle of a request. Use the bundle as a context manager: leaving it frees scratch space.

    Raises:
        Misuse: The paths have several bundles, or the bundle is encrypted and there is no passphrase.
        Damaged, Incomplete: There is no bundle, or it cannot be read.
    """
    inspected = inspect(request, run)
    if not isinstance(inspected, InspectResult):
        raise Misuse("several bundles; an image is shown of one", subject=", ".join(map(str, request.paths))[:200])
    bundle = inspected.bundle
    if isinstance(bundle, LockedBundle):
        raise Misuse(
            "the bundle is encrypted",
            subject=bundle.manifest.name,
            hint="give --passphrase-file FILE to see its content",
        )
    return inspected, bundle


def one_image(bundle: Bundle, pattern: str, *, flag: str) -> Image:
    """The image of a bundle that a pattern of a flag names.

    Raises:
        Misuse: The pattern matches no image, or several.
    """
    chosen = Selection(only=(pattern,)).chosen((image.reference for image in bundle.images), flag=flag)
    if len(chosen) > 1:
        raise Misuse(
            "several images match this pattern",
            subject=f"{flag} {pattern[:200]}",
            expected=text("one image"),
            actual=some(sorted(map(str, chosen)), most=3),
            hint=text("give one of them: {flag} {image}", flag=flag, image=min(map(str, chosen))),
        )
    return next(image for image in bundle.images if image.reference in chosen)
