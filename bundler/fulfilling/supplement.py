"""Supplements: a signed bundle with the blobs that the bases of a bundle lacked at the receiver.

It is an ordinary bundle that names the bundle that it completes (FORMAT.md, section 5.13). It has the images that need
these blobs, and carries nothing of them but their manifests and these blobs. An import takes it together with the other
bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from bundler.core.attachment_choice import ALL_ATTACHMENTS, NO_ATTACHMENTS, AttachmentChoice
from bundler.core.digest import Digest
from bundler.core.image_list import Entry
from bundler.core.manifest import BundleManifest, Image
from bundler.core.platform import Platform
from bundler.errors import Misuse, Refused
from bundler.exporting.export import export
from bundler.exporting.request import ExportRequest
from bundler.exporting.result import ExportResult
from bundler.fulfilling.asked import Asked
from bundler.fulfilling.places import Places, given_places
from bundler.run import paces_of
from bundler.stores.opened import Stores
from bundler.texts import some, text
from bundler.transports.parsing import parse_image
from bundler.transports.transport import SourceLocation

_NAME_CHARACTERS = 50


def make_supplement(asked: Asked, manifest: BundleManifest) -> ExportResult:
    """Exports the blobs that a need-list asks for, or plans it in a dry run. The same request resumes.

    Raises:
        Misuse: There is no key to sign with.
        Refused: A blob is not in what the sources have now.
        BundlerError: As `bundler.exporting.export.export`.
    """
    request = asked.request
    check_key(asked)
    wanted = {manifest.blobs[number].descriptor.digest for number in asked.wanted.blobs}
    images = [image for image in manifest.images if _needs_any(manifest, image, wanted)]
    stores = Stores(request.network, paces_of(asked.run), listener=asked.run.listener)
    places = given_places(asked, images, stores)
    repacked = [image.repacked for image in images if image.repacked]
    result = export(
        ExportRequest(
            lists=(),
            images=tuple(_entry(image, places) for image in images),
            output=request.output,
            name=supplement_name(manifest.name, asked.wanted.line),
            chunk_size_bytes=manifest.chunk_size_bytes,
            archive=manifest.archive,
            key_path=request.key_path,
            key_passphrases=request.key_passphrases,
            since=(asked.bundle.sealed.own_listings[0].folder,),
            trust=request.trust,
            is_since_without_signature=request.is_without_signature,
            completes=asked.bundle.id,
            attachments=_attachments(manifest, images, wanted),
            carried=frozenset(wanted),
            is_dry_run=request.is_dry_run,
            network=request.network,
            layer_compression=repacked[0] if repacked else "gzip",
            scratch=request.scratch,
        ),
        asked.run,
    )
    _check(result, wanted)
    return result


def _attachments(manifest: BundleManifest, images: Iterable[Image], wanted: set[Digest]) -> AttachmentChoice:
    """All attachments, if one of them needs a blob that is wanted; else none, because the bundle has them."""
    blobs = manifest.blobs
    attached = (number for image in images for each in image.attachments for number in each.needs)
    is_needed = any(blobs[number].descriptor.digest in wanted for number in attached)
    return ALL_ATTACHMENTS if is_needed else NO_ATTACHMENTS


def check_key(asked: Asked) -> None:
    """Returns if there is a key to sign a supplement with, or none is needed.

    Raises:
        Misuse: There is none.
    """
    if asked.wanted.blobs and asked.request.key_path is None:
        raise Misuse(
            "--key is missing: the need-list asks for blobs, which travel in a bundle of their own",
            hint="give the builder's private key: --key NAME.key",
        )


def supplement_name(name: str, line: str) -> str:
    """The name of the supplement that a need-list asks for. The same need-list gives the same name."""
    return f"{name[:_NAME_CHARACTERS].rstrip('._-')}-need-{hashlib.sha256(line.encode()).hexdigest()[:8]}"


def _entry(image: Image, places: Places) -> Entry:
    """The image as it was when the bundle was made, whatever its tag names now."""
    digest = image.made_from or image.root.digest
    reference = image.reference.pinned(digest) if image.reference.digest is not None else image.reference
    return Entry(reference, _pinned(places.of(image)[0], digest), pin=digest, platforms=platforms_of(image))


def _pinned(place: SourceLocation, digest: Digest) -> SourceLocation:
    """The same place by digest, if it is in a registry."""
    if place.reference is None:
        return place
    return parse_image(f"docker://{place.reference.pinned(digest)}")


def platforms_of(image: Image) -> tuple[Platform, ...]:
    """The platforms that were chosen for an image, as far as they were there; empty if it is whole."""
    if image.made_from is None:
        return ()
    found = tuple(dict.fromkeys(variant.config.platform for variant in image.variants))
    # An index with one image was made for several platforms, of which the source had one.
    return found * 2 if len(found) == 1 and image.root.is_index else found


def _needs_any(manifest: BundleManifest, image: Image, wanted: set[Digest]) -> bool:
    return any(manifest.blobs[number].descriptor.digest in wanted for number in image.needs_with_attachments)


def _check(result: ExportResult, wanted: set[Digest]) -> None:
    """Checks that the supplement has what it is for: an attachment may have been replaced at its source.

    Raises:
        Refused: It lacks a blob.
    """
    lacks = wanted - {stored.digest for stored in result.manifest.stored()}
    if lacks:
        raise Refused(
            text("the sources no longer have {count} of the blobs", count=len(lacks)),
            subject=str(result.path),
            expected=some(sorted(map(str, lacks)), most=5),
        )
