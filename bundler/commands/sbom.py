"""``bundler inspect --sbom``: shows the SBOM that a bundle carries for an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundler.bundle.reader import Bundle
from bundler.commands.inspect_ import InspectRequest, InspectResult
from bundler.commands.one_image import one_image, open_one
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import SBOM_BYTES, SBOMS
from bundler.core.manifest import Blob, Image
from bundler.core.oci import Descriptor, parse_manifest
from bundler.core.platform import Platform
from bundler.core.sbom import Place, Sbom, Wrapping, parse_sbom, places_in, unwrapped
from bundler.errors import BundlerError, Damaged, Incomplete, NotFound, worst
from bundler.run import Run
from bundler.system.request_fields import Request
from bundler.texts import text


@frozen
class SbomRequest(Request):
    """An SBOM to show.

    Attributes:
        inspect: The bundle, and the trusted keys.
        image: A pattern, as for ``--only``. It must match one image.
        platform: The platform of a multi-platform image; None for any.
        digest: The beginning of the digest of one SBOM, with or without ``sha256:``; empty for any.
    """

    inspect: InspectRequest
    image: str
    platform: Platform | None = None
    digest: str = ""


@frozen
class FoundSbom:
    """An SBOM that an image carries.

    Attributes:
        digest: The digest of the blob that holds it.
        size_bytes: The size of that blob.
        subject: The digest of the manifest that it describes.
        platform: The platform of that manifest; None for an index, or if it is unknown.
        wrapping: The form of the blob.
        document: The document; None if it cannot be read.
        sbom: Its packages; None if it cannot be read, or has a format that bundler does not know.
        problem: The reason for that.
    """

    digest: Digest
    size_bytes: int
    subject: Digest
    platform: Platform | None
    wrapping: Wrapping
    document: Any
    sbom: Sbom | None
    problem: BundlerError | None = None


@frozen
class SbomResult:
    """The SBOMs of an image that fit the request.

    Attributes:
        inspected: The bundle, and its trust.
        image: The image.
        sboms: The SBOMs. If there are several, a user has to choose one.
    """

    inspected: InspectResult
    image: Image
    sboms: tuple[FoundSbom, ...]

    @property
    def exit_code(self) -> int:
        """That of ``inspect``, or that of the problem of an SBOM that cannot be shown."""
        problems = [each.problem for each in self.sboms if each.problem]
        return self.inspected.exit_code or worst(problems)


def inspect_sbom(request: SbomRequest, run: Run | None = None) -> SbomResult:
    """Finds the SBOMs of an image.

    Args:
        request: The bundle, the image, and the choice among its SBOMs.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The paths have several bundles, the bundle is encrypted, or the pattern matches not exactly one image.
        NotFound: The bundle carries no such SBOM.
        Damaged, Incomplete: There is no bundle, or an SBOM cannot be read from it.
    """
    inspected, bundle = open_one(request.inspect, run)
    with bundle:
        image = one_image(bundle, request.image, flag="--sbom")
        found = [each for each in _found(bundle, image) if _fits(each, request)]
        if not found:
            raise NotFound(
                "the bundle carries no such SBOM",
                subject=str(image.reference),
                hint="run bundler inspect to see what is attached to the image",
                code="no-sbom",
            )
        return SbomResult(inspected, image, tuple(found))


def _fits(found: FoundSbom, request: SbomRequest) -> bool:
    if request.platform is not None and found.platform is not None and not request.platform.accepts(found.platform):
        return False
    digest = str(found.digest)
    return digest.startswith(request.digest) or digest.partition(":")[2].startswith(request.digest)


def _found(bundle: Bundle, image: Image) -> Iterator[FoundSbom]:
    """The SBOMs of an image, each blob once: attached ones, then those of BuildKit."""
    seen: set[Digest] = set()
    platforms = {variant.digest: variant.config.platform for variant in image.variants}
    for subject, place in _places(bundle, image):
        if place.descriptor.digest in seen:
            continue
        seen.add(place.descriptor.digest)
        found = _read(bundle, subject, place, platforms.get(subject))
        if found is not None:
            yield found


def _places(bundle: Bundle, image: Image) -> Iterator[tuple[Digest, Place]]:
    count = 0
    for subject, blob, kind in _manifests(bundle, image):
        descriptor = blob.descriptor
        content = bundle.read_document(descriptor)
        for place in places_in(content, descriptor.media_type, kind=kind, what=str(descriptor.digest)):
            count += 1
            if count > SBOMS:
                raise Damaged(text("an image with more than {count} SBOMs", count=SBOMS), subject=str(image.reference))
            yield subject, place


def _manifests(bundle: Bundle, image: Image) -> Iterator[tuple[Digest, Blob, str]]:
    """The manifests that may have an SBOM, each with the digest of its subject and its kind."""
    blobs = bundle.manifest.blobs
    for attachment in image.attachments:
        yield attachment.subject, blobs[attachment.manifests[-1]], attachment.kind
    by_digest = {blobs[number].descriptor.digest: blobs[number] for number in image.manifests}
    for number in image.manifests:
        descriptor = blobs[number].descriptor
        if not descriptor.is_index:
            continue
        index = parse_manifest(bundle.read_document(descriptor), descriptor.media_type, what=str(descriptor.digest))
        for child in index.children:
            if child.attests is not None and child.digest in by_digest:
                yield child.attests, by_digest[child.digest], "attestation"


def _read(bundle: Bundle, subject: Digest, place: Place, platform: Platform | None) -> FoundSbom | None:
    """Reads one SBOM; None if the blob turns out to be another attestation."""
    descriptor = place.descriptor
    what = str(descriptor.digest)
    document, sbom = None, None
    problem: BundlerError | None = None
    try:
        document = unwrapped(_content(bundle, descriptor), place.wrapping, what=what)
        if document is None:
            return None
        sbom = parse_sbom(document, what=what)
    except Damaged as error:
        if not place.is_certain:
            return None
        problem = error
    except Incomplete as error:
        problem = error
    size_bytes = descriptor.size_bytes
    return FoundSbom(descriptor.digest, size_bytes, subject, platform, place.wrapping, document, sbom, problem)


def _content(bundle: Bundle, descriptor: Descriptor) -> bytes:
    what = str(descriptor.digest)
    blob = bundle.find_blob(descriptor.digest)
    if blob is None or not blob.stored.pieces:
        raise Incomplete("the bundle does not hold this SBOM", subject=what)
    if blob.descriptor.size_bytes > SBOM_BYTES:
        raise Damaged(
            "the SBOM is too large to be shown",
            subject=what,
            expected=text("at most {limit_bytes:,} bytes", limit_bytes=SBOM_BYTES),
            actual=text("{size_bytes:,} bytes", size_bytes=blob.descriptor.size_bytes),
        )
    return bundle.read_stored(blob.stored)
