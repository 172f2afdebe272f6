"""``bundler inspect --layers``: shows the layers of an image, and the bytes in them that it carries for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

from bundler.bundle.reader import Bundle
from bundler.commands.inspect_ import InspectRequest, InspectResult
from bundler.commands.one_image import one_image, open_one
from bundler.core.digest import Digest
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.layers import Cover, HiddenFile, HistoryStep, ImageLayers, Layer, history_of, largest_of
from bundler.core.limits import IMAGE_CONFIG_BYTES
from bundler.core.manifest import BundleManifest, Image, Variant
from bundler.core.oci import Descriptor, Manifest, is_layer_type, parse_manifest
from bundler.core.platform import Platform
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, Incomplete, NotFound, worst
from bundler.run import Run
from bundler.stores.layer_tar import ReadLayer, read_layer
from bundler.system.request_fields import Request
from bundler.texts import text
from bundler.verified_blob import VerifiedBlob


@frozen
class LayersRequest(Request):
    """An image whose layers to look into.

    Attributes:
        inspect: The bundle, and the trusted keys.
        image: A pattern, as for ``--only``. It must match one image.
        platform: The platform of a multi-platform image; None for all.
    """

    inspect: InspectRequest
    image: str
    platform: Platform | None = None


@frozen
class LayersResult:
    """The layers of an image.

    Attributes:
        inspected: The bundle, and its trust.
        image: The image.
        variants: Its layers, for each platform that fits the request.
    """

    inspected: InspectResult
    image: Image
    variants: tuple[ImageLayers, ...]

    @property
    def exit_code(self) -> int:
        """That of ``inspect``, or that of the worst problem of a layer that was not read."""
        return self.inspected.exit_code or worst(problem for each in self.variants for problem in each.problems)


def inspect_layers(request: LayersRequest, run: Run | None = None) -> LayersResult:
    """Reads the layers of an image from the chunks, and verifies them as it reads.

    Args:
        request: The bundle, the image and the platform.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The paths have several bundles, the bundle is encrypted, or the pattern matches not exactly one image.
        NotFound: The image has no such platform, or is an artifact without layers of files.
        Damaged, Incomplete: There is no bundle, or a manifest cannot be read from it.
    """
    run = run or Run()
    inspected, bundle = open_one(request.inspect, run)
    with bundle:
        image = one_image(bundle, request.image, flag="--layers")
        wanted = request.platform
        variants = [each for each in image.variants if wanted is None or wanted.accepts(each.config.platform)]
        if not variants:
            raise _no_variant(image, wanted)
        manifests = [_manifest(bundle, variant) for variant in variants]
        title = text("reading layers")
        total = sum(layer.size_bytes for manifest in manifests for layer in manifest.layers)
        run.listener(PhaseBegan(title, total, in_bytes=True))
        found = tuple(image_layers(bundle, image, variant, run) for variant in variants)
        run.listener(PhaseEnded(title))
        return LayersResult(inspected, image, found)


def image_layers(bundle: Bundle, image: Image, variant: Variant, run: Run | None = None) -> ImageLayers:
    """Reads the layers of one runnable image from the chunks of an open bundle, and verifies them as it reads.

    A layer that cannot be read has its problem as a value, and the others are read. Nothing is unpacked to disk, and
    the memory in use does not grow with the layers.

    Args:
        bundle: The bundle.
        image: One of its images.
        variant: One of the image's variants.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Damaged, Incomplete: The manifest or the config cannot be read.
        Interrupted: The user stopped the run.
    """
    run = run or Run()
    manifest = _manifest(bundle, variant)
    sharers = _sharers(bundle.manifest, image, (layer.digest for layer in manifest.layers))
    layers = [Layer(each, sharers[each.digest]) for each in manifest.layers]
    cover, largest = Cover(), list[HiddenFile]()
    for number in reversed(range(len(layers))):
        layer = layers[number]
        try:
            read = _read(bundle, layer.descriptor, number, cover, run)
        except (Damaged, Incomplete) as error:
            layers[number] = replace(layer, problem=error)
            cover.is_whole = False
            continue
        layers[number] = replace(layer, compression=read.compression, contents=read.contents)
        largest += read.survey.largest
        cover.add(number, read.survey.paths, is_whole=read.survey.is_whole and read.contents.is_whole)
    return ImageLayers(
        image.reference,
        variant.config.platform,
        variant.digest,
        _steps(bundle, manifest),
        tuple(layers),
        largest_of(largest),
        is_exact=cover.is_whole,
    )


def _manifest(bundle: Bundle, variant: Variant) -> Manifest:
    blob = bundle.find_blob(variant.digest)
    if blob is None:
        raise Damaged("a manifest is missing in the list of blobs", subject=str(variant.digest))
    descriptor = blob.descriptor
    return parse_manifest(bundle.read_document(descriptor), descriptor.media_type, what=str(variant.digest))


def _steps(bundle: Bundle, manifest: Manifest) -> tuple[HistoryStep, ...]:
    config = manifest.config
    if config is None or config.size_bytes > IMAGE_CONFIG_BYTES or bundle.find_blob(config.digest) is None:
        return ()
    try:
        return history_of(bundle.read_document(config), len(manifest.layers), what=str(config.digest))
    except Incomplete:  # the bundle leaves the config out
        return ()


def _sharers(manifest: BundleManifest, image: Image, layers: Iterable[Digest]) -> dict[Digest, tuple[str, ...]]:
    """For each layer the references of the other images that need it."""
    found: dict[Digest, list[str]] = {digest: [] for digest in layers}
    numbers = {number for number in image.blobs if manifest.blobs[number].descriptor.digest in found}
    for other in manifest.images:
        if other is not image:
            for number in numbers.intersection(other.blobs):
                found[manifest.blobs[number].descriptor.digest].append(str(other.reference))
    return {digest: tuple(references) for digest, references in found.items()}


def _read(bundle: Bundle, layer: Descriptor, number: int, cover: Cover, run: Run) -> ReadLayer:
    """Reads a layer, and once more from another copy if its bytes were wrong.

    Raises:
        Damaged, Incomplete: It cannot be read, its bytes are wrong, or it is no layer of files.
    """
    what = str(layer.digest)
    if not is_layer_type(layer.media_type):
        raise Damaged("not a layer of files", subject=what, expected=text("a layer"), actual=layer.media_type)
    if bundle.find_blob(layer.digest) is None:
        raise Damaged("a layer is missing in the list of blobs", subject=what)
    try:
        return _read_once(bundle, layer, number, cover, run)
    except Damaged:
        if not bundle.find_whole(layer, lambda _: run.cancellation.check()):
            raise
    return _read_once(bundle, layer, number, cover, run)


def _read_once(bundle: Bundle, layer: Descriptor, number: int, cover: Cover, run: Run) -> ReadLayer:
    what = str(layer.digest)
    blob = VerifiedBlob(layer, bundle, run, label=what)
    with closing(blob.pieces()) as pieces:
        try:
            read = read_layer(_lent(pieces), layer.size_bytes, number, cover, what=what)
        except Damaged:
            _drain(pieces)  # wrong bytes are the better reason
            raise
        _drain(pieces)
    assert blob.is_complete, "a layer counts only if its bytes are right"
    return read


def _lent(pieces: Pieces) -> Pieces:
    """The pieces, for a reader that may stop before the last one: closing this one does not close the others."""
    for piece in pieces:  # noqa: UP028  # `yield from` would close them
        yield piece


def _drain(pieces: Pieces) -> None:
    for _ in pieces:
        pass


def _no_variant(image: Image, wanted: Platform | None) -> NotFound:
    there = ", ".join(sorted(str(each.config.platform) for each in image.variants))
    if not image.variants:
        return NotFound(
            "an artifact has no layers of files",
            subject=str(image.reference),
            hint="run bundler inspect to see its type",
        )
    return NotFound(
        "the image has no such platform",
        subject=str(image.reference),
        expected=str(wanted),
        actual=there,
        hint=text("give --platform with one of {platforms}, or leave it out for all", platforms=there),
    )
