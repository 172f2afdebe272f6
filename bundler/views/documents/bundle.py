"""The parts of documents about a bundle: its content, its files on media, findings and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.core import roles
from bundler.core.limits import FINDINGS
from bundler.core.manifest import BundleManifest
from bundler.core.outer_manifest import OuterManifest
from bundler.views.documents.document import Document, error_document

if TYPE_CHECKING:
    from bundler.bundle.findings import Finding
    from bundler.bundle.litter import Litter
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.core.manifest import Attachment, Blob, Image, InBase, Series, Verdict
    from bundler.core.oci import ImageConfig
    from bundler.core.policy import PolicyVerdict
    from bundler.importing.need_file import NeedResult


def content(manifest: BundleManifest | OuterManifest) -> Document:
    """The content of a bundle, or the part of it that an encrypted one shows."""
    images = None if isinstance(manifest, OuterManifest) else [_image(manifest, image) for image in manifest.images]
    blobs = None if isinstance(manifest, OuterManifest) else len(manifest.blobs)
    return {
        "name": manifest.name,
        "signed": manifest.signed,
        "archive": manifest.archive.name,
        "chunkSize": manifest.chunk_size_bytes,
        "size": manifest.size_bytes,
        "blobs": blobs,
        "images": images,
        "missing": missing_images(manifest),
        **extensions(manifest),
        "chunks": [{"file": chunk.file, "size": chunk.size_bytes} for chunk in manifest.chunks],
    }


def extensions(manifest: BundleManifest | OuterManifest) -> Document:
    """Series, bases and planned media; null if they are encrypted."""
    return {
        "whole": not manifest.bases if isinstance(manifest, BundleManifest) else manifest.is_whole,
        "series": series_of(manifest.series) if isinstance(manifest, BundleManifest) else None,
        "completes": (manifest.completes or None) if isinstance(manifest, BundleManifest) else None,
        "bases": _bases(manifest) if isinstance(manifest, BundleManifest) else None,
        "media": [
            {"size": medium.size_bytes, "chunks": list(medium.chunks), "files": list(medium.files)}
            for medium in manifest.media
        ],
    }


def series_of(series: Series | None) -> Document | None:
    """The place of a bundle in its series; None if it has none."""
    if series is None:
        return None
    return {"channel": series.channel, "sequence": series.sequence, "previous": series.previous}


def _bases(manifest: BundleManifest) -> list[Document]:
    """The bases of the bundle, each with the blobs that the bundle leaves out because the base has them."""
    in_base: dict[int, list[tuple[Blob, InBase]]] = {}
    for blob in manifest.left_out:
        for place in blob.bases:
            in_base.setdefault(place.base, []).append((blob, place))
    return [
        {
            "id": base.id,
            "kind": base.kind,
            "name": base.name,
            "created": base.created or None,
            "blobs": [
                {
                    "digest": str(blob.descriptor.digest),
                    "size": blob.descriptor.size_bytes,
                    "files": [base.chunk_file(chunk) for chunk in place.chunks],
                    "repositories": list(place.repositories),
                }
                for blob, place in in_base[number]
            ],
        }
        for number, base in enumerate(manifest.bases)
    ]


def _image(manifest: BundleManifest, image: Image) -> Document:
    return {
        "reference": str(image.reference),
        "source": image.source,
        "digest": str(image.root.digest),
        "mediaType": image.root.media_type,
        "madeFrom": str(image.made_from) if image.made_from else None,
        "repacked": image.repacked,
        "size": manifest.size_of(image),
        "attachments": [_attachment(manifest, each) for each in image.attachments],
        "verdicts": [_verdict(each) for each in image.verdicts],
        "platforms": [
            {
                "digest": str(variant.digest),
                "size": variant.size_bytes,
                **image_config(variant.config),
            }
            for variant in image.variants
        ],
    }


def image_config(config: ImageConfig) -> Document:
    """The metadata of an image of one platform."""
    return {
        "platform": str(config.platform),
        "created": config.created,
        "env": list(config.env),
        "entrypoint": list(config.entrypoint),
        "cmd": list(config.cmd),
        "workingDir": config.working_dir,
        "user": config.user,
        "labels": dict(config.labels),
    }


def _attachment(manifest: BundleManifest, each: Attachment) -> Document:
    return {
        "subject": str(each.subject),
        "digest": str(manifest.blobs[each.manifests[-1]].descriptor.digest),
        "kind": each.kind,
        "artifactType": each.artifact_type or None,
        "found": each.found,
        "tag": each.tag or None,
        "size": sum(manifest.blobs[number].descriptor.size_bytes for number in each.needs),
    }


def _verdict(each: Verdict) -> Document:
    return {
        "policy": each.policy,
        "rule": each.rule,
        "result": each.result,
        "signer": each.signer or None,
        "reason": each.reason or None,
    }


def missing_images(manifest: BundleManifest | OuterManifest) -> list[Document] | None:
    """The images that the bundle lacks; None if their names are encrypted."""
    if isinstance(manifest, OuterManifest):
        return None
    return [
        {"reference": str(image.reference), "source": image.source, "code": image.code, "reason": image.reason}
        for image in manifest.missing
    ]


def other_files(bundle: Bundle | LockedBundle) -> list[Document]:
    """The listed files that not every bundle has, with their roles."""
    usual = (roles.README, roles.MANIFEST, roles.CONTENT, roles.CHUNK)
    found = ((name, roles.role_of(name)) for name in bundle.sealed.sums)
    return [{"file": name, "role": role.name} for name, role in found if role not in usual]


def encryption(bundle: Bundle | LockedBundle) -> Document:
    """Two facts: the bundle is encrypted; its content was read."""
    is_open = isinstance(bundle.manifest, BundleManifest)
    return {"encrypted": bundle.is_encrypted, "opened": is_open}


def found_on_media(bundle: Bundle | LockedBundle, litter: Litter | None) -> Document:
    """The chunks under other names, the files that are not of the bundle, and the folders that could not be read."""
    shown = litter.shown if litter else ()
    return {
        "otherNames": [{"file": file, "path": str(path)} for file, path in bundle.other_names],
        "badCopies": [{"file": each.file, "path": str(each.bad), "used": str(each.used)} for each in bundle.given_up],
        "noSignatures": [error_document(error) for error in bundle.sealed.others[:FINDINGS]],
        "litter": {
            "files": litter.files if litter else 0,
            "size": litter.size_bytes if litter else 0,
            "complete": litter is None or litter.is_whole,
            "names": [{"name": name, "size": size_bytes} for name, size_bytes in shown],
        },
        "skipped": [error_document(error) for error in bundle.sealed.skipped],
    }


def finding_document(finding: Finding) -> Document:
    """An error with its place in the bundle, and the images that it hurts."""
    return {
        **error_document(finding.error),
        "file": finding.file,
        "offset": finding.offset_bytes,
        "length": finding.length_bytes,
        "digest": str(finding.digest) if finding.digest else None,
        "images": list(finding.images),
    }


def policy_verdict(each: PolicyVerdict) -> Document:
    """The verdict of a policy on one image."""
    return {
        "reference": str(each.reference),
        "digest": str(each.digest),
        "policy": each.policy,
        "file": each.source,
        "rule": each.rule,
        "result": each.result,
        "signers": list(each.signers),
        "wanted": each.wanted or None,
        "found": each.found,
        "error": error_document(each.error) if each.error else None,
    }


def need_of(result: NeedResult | None) -> Document | None:
    """The need-list that was written; None if none was asked for, or nothing is missing."""
    if result is None or result.path is None or result.need is None:
        return None
    return {"path": str(result.path), "keyId": result.key_id, "line": result.need.wanted.line}
