"""Images: their names, roots, blobs and metadata. FORMAT.md, sections 5.2 and 5.3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.limits import ATTACHMENTS, VERDICTS
from bundler.core.manifest.attachments import Attachment, attachment_json, read_attachment
from bundler.core.manifest.blobs import Blob, read_descriptor
from bundler.core.oci import NO_LABELS, Descriptor, ImageConfig, one_platform
from bundler.core.platform import Platform
from bundler.core.reference import Reference


@frozen
class Variant:
    """One runnable image within an image: the digest of its manifest, and the metadata of ``docker inspect``."""

    digest: Digest
    config: ImageConfig
    size_bytes: int
    """The size of the layers as the bundle carries them."""


@frozen
class Verdict:
    """The writer's decision on an image by a policy. It is only a remark: readers decide by their own policy.

    Attributes:
        policy: The SHA-256 of the policy's file, in hex.
        rule: The rule that decided.
        result: ``accepted``, ``refused``, or another word.
        signer: The signer whose signature decided, if any.
        reason: The reason in words.
    """

    policy: str
    rule: str
    result: str
    signer: str = ""
    reason: str = ""


@frozen
class Image:
    """An image of the bundle.

    Attributes:
        reference: The name of the image.
        source: The location that it came from.
        root: The descriptor of the manifest or index that the name refers to.
        manifests: Numbers of its manifests in `BundleManifest.blobs`, children before parents, the root last.
        blobs: Numbers of its configs and layers in the same list.
        variants: The runnable images in it.
        made_from: The digest of the source's index, if platforms were chosen and the root is therefore another index.
        repacked: The compression that the exporter used for layers, if the source had no manifest; the exporter then
            made the manifest and its digest. None for an image that is carried byte for byte.
        attachments: The attachments of its manifests; a subject before its attachments.
        verdicts: The writer's decisions on it.
    """

    reference: Reference
    source: str
    root: Descriptor
    manifests: tuple[int, ...]
    blobs: tuple[int, ...]
    variants: tuple[Variant, ...]
    made_from: Digest | None = None
    repacked: str | None = None
    attachments: tuple[Attachment, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def source_digest(self) -> Digest:
        """The digest that its name had at its source."""
        return self.made_from or self.root.digest

    @property
    def needs(self) -> tuple[int, ...]:
        """The numbers of all manifests and blobs of the image, without its attachments."""
        return self.blobs + self.manifests

    @property
    def needs_with_attachments(self) -> tuple[int, ...]:
        """The same with those of its attachments, each once."""
        if not self.attachments:
            return self.needs
        attached = (number for each in self.attachments for number in each.needs)
        return tuple(dict.fromkeys((*self.needs, *attached)))


@frozen
class MissingImage:
    """An image that was asked for and is not in the bundle, because its source does not have it or refuses it.

    Attributes:
        reference: The name that it would have.
        source: The location where it was searched.
        code: The code of the reason, see `bundler.core.advice`.
        reason: The reason in words.
    """

    reference: Reference
    source: str
    code: str
    reason: str

    @property
    def is_refused(self) -> bool:
        """True if a policy refused it."""
        return is_refusal(self.code)


def is_refusal(code: str) -> bool:
    """True if the code of the reason for a missing image is that of a policy's refusal."""
    return code == "policy"


def image_json(image: Image) -> dict[str, Any]:
    """An entry of ``images``."""
    return {
        "reference": str(image.reference),
        "source": image.source,
        "root": image.root.to_json(),
        "manifests": image.manifests,
        "blobs": image.blobs,
        "variants": [_variant_json(variant) for variant in image.variants],
        **({"madeFrom": str(image.made_from)} if image.made_from else {}),
        **({"repacked": image.repacked} if image.repacked else {}),
        **({"attachments": list(map(attachment_json, image.attachments))} if image.attachments else {}),
        **({"verdicts": list(map(_verdict_json, image.verdicts))} if image.verdicts else {}),
    }


def missing_json(image: MissingImage) -> dict[str, Any]:
    """An entry of ``missing``."""
    return {
        "reference": str(image.reference),
        "source": image.source,
        "code": image.code,
        "reason": image.reason,
    }


def read_image(entry: Mapping[str, Any], blobs: Sequence[Blob]) -> Image:
    """The image that an entry of ``images`` describes.

    Args:
        entry: The entry.
        blobs: The blobs of the bundle. The image shares their descriptors and digests, as 20,000 images have many.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, BundlerError: The entry is not valid.
    """
    manifests = tuple(map(size, entry["manifests"]))
    known = {blobs[each].descriptor.digest: blobs[each].descriptor for each in manifests if each < len(blobs)}
    root = read_descriptor(entry["root"])
    listed = known.get(root.digest)
    return Image(
        reference=Reference.parse(text(entry["reference"])),
        source=text(entry["source"]),
        root=listed if listed is not None and listed == root else root,
        manifests=manifests,
        blobs=tuple(map(size, entry["blobs"])),
        variants=tuple(_variant(each, known) for each in entry["variants"]),
        made_from=Digest.parse(entry["madeFrom"]) if "madeFrom" in entry else None,
        repacked=text(entry["repacked"]) if "repacked" in entry else None,
        attachments=tuple(map(read_attachment, _bounded(entry, "attachments", ATTACHMENTS))),
        verdicts=tuple(map(_verdict, _bounded(entry, "verdicts", VERDICTS))),
    )


def read_missing(entry: Mapping[str, Any]) -> MissingImage:
    """The image that an entry of ``missing`` describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: The entry is not valid.
    """
    return MissingImage(
        Reference.parse(text(entry["reference"])), text(entry["source"]), text(entry["code"]), text(entry["reason"])
    )


def _bounded(entry: Mapping[str, Any], field: str, most: int) -> list[Any]:
    """The entries of an optional list of an image, if there are not more than allowed."""
    found = list_of(entry.get(field, []))
    if len(found) > most:
        raise ValueError(texts.text("an image has more than {count:,} {field}", count=most, field=field))
    return found


def _variant_json(variant: Variant) -> dict[str, Any]:
    config = variant.config
    optional = {
        "created": config.created,
        "env": config.env,
        "entrypoint": config.entrypoint,
        "cmd": config.cmd,
        "workingDir": config.working_dir,
        "user": config.user,
        "labels": dict(config.labels),
    }
    return {
        "digest": str(variant.digest),
        "os": config.platform.os,
        "architecture": config.platform.architecture,
        **({"variant": config.platform.variant} if config.platform.variant else {}),
        **({"osVersion": config.platform.os_version} if config.platform.os_version else {}),
        **({"osFeatures": config.platform.os_features} if config.platform.os_features else {}),
        "size": variant.size_bytes,
        **{name: value for name, value in optional.items() if value},
    }


def _variant(entry: Mapping[str, Any], known: Mapping[Digest, Descriptor]) -> Variant:
    digest = Digest.parse(entry["digest"])
    return Variant(
        digest=known[digest].digest if digest in known else digest,
        config=ImageConfig(
            platform=one_platform(
                Platform(
                    text(entry["os"]),
                    text(entry["architecture"]),
                    text(entry.get("variant", "")),
                    text(entry.get("osVersion", "")),
                    tuple(map(text, entry.get("osFeatures", ()))),
                )
            ),
            created=text(entry.get("created", "")),
            env=tuple(map(text, entry.get("env", ()))),
            entrypoint=tuple(map(text, entry.get("entrypoint", ()))),
            cmd=tuple(map(text, entry.get("cmd", ()))),
            working_dir=text(entry.get("workingDir", "")),
            user=text(entry.get("user", "")),
            labels={name: text(value) for name, value in entry.get("labels", {}).items()} or NO_LABELS,
        ),
        size_bytes=size(entry["size"]),
    )


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "policy": verdict.policy,
        "rule": verdict.rule,
        "result": verdict.result,
        **({"signer": verdict.signer} if verdict.signer else {}),
        **({"reason": verdict.reason} if verdict.reason else {}),
    }


def _verdict(entry: Mapping[str, Any]) -> Verdict:
    return Verdict(
        policy=Digest.parse(f"sha256:{text(entry['policy'])}").encoded,
        rule=text(entry["rule"]),
        result=text(entry["result"]),
        signer=text(entry.get("signer", "")),
        reason=text(entry.get("reason", "")),
    )
