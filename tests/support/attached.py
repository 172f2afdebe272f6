"""Makes bundles whose images carry attachments, without a registry: `attached` returns a sealed and signed bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from bundler.core import plan
from bundler.core.digest import Digest
from bundler.core.manifest import Variant
from bundler.core.oci import ImageConfig, parse_manifest
from bundler.core.plan import ResolvedAttachment, ResolvedImage
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from tests.unit.values import plan_with
from tests.vectors import make
from tests.vectors.make import Content, Made

EMPTY = Content("application/vnd.oci.empty.v1+json", b"{}")


@dataclass(frozen=True)
class Referrer:
    """A manifest to attach, with the digest of its subject."""

    subject: Digest
    made: Made
    kind: str = "other"
    artifact_type: str = ""
    tag: str = ""


def referrer(subject: Made, *layers: Content, kind: str = "other", artifact_type: str = "") -> Referrer:
    """A manifest that refers to an image by its field ``subject``."""
    made = make.artifact(EMPTY, *layers, artifactType=artifact_type, subject=subject.manifest.json())
    return Referrer(subject.manifest.digest, made, kind, artifact_type)


@dataclass(frozen=True)
class Bundled:
    """A bundle, and the key that signed it."""

    folder: Path
    public: Path


def attached(to: Path, images: Mapping[str, tuple[Made, Sequence[Referrer]]], *, name: str = "attached") -> Bundled:
    """Makes a bundle of images with their attachments."""
    keys = to / "keys"
    make.make_keys(keys)
    contents = [
        content
        for made, referrers in images.values()
        for each in (made, *(referrer.made for referrer in referrers))
        for content in each.contents()
    ]
    with mock.patch.object(plan, "MINIMUM_CHUNK_BYTES", 1024):
        planned = plan_with(
            [_resolved(reference, made, referrers) for reference, (made, referrers) in images.items()],
            name=name,
            created=make.CREATED,
            tool="bundler test",
            signed=True,
            chunk_size_bytes=1 << 20,
        )
    make.write(to, name, planned, contents, keys)
    return Bundled(to / name, keys / "golden.pub")


def _resolved(reference: str, made: Made, referrers: Sequence[Referrer]) -> ResolvedImage:
    manifests = tuple(_manifest(each) for each in _below(made))
    return ResolvedImage(
        Reference.parse(reference),
        f"docker://{reference}",
        manifests,
        tuple(_variant(each) for each in _below(made) if _manifest(each).is_runnable),
        attachments=tuple(
            ResolvedAttachment(
                each.subject,
                each.kind,
                "tag" if each.tag else "referrers",
                (_manifest(each.made),),
                artifact_type=each.artifact_type,
                tag=each.tag,
            )
            for each in referrers
        ),
    )


def _manifest(made: Made) -> plan.Manifest:
    return parse_manifest(made.manifest.data, made.manifest.media_type, what="test")


def _below(made: Made) -> list[Made]:
    return [each for child in made.children for each in _below(child)] + [made]


def _variant(made: Made) -> Variant:
    import json

    assert made.config is not None
    config = json.loads(made.config.data)
    platform = Platform(config.get("os", "linux"), config.get("architecture", "amd64"))
    return Variant(made.manifest.digest, ImageConfig(platform), sum(len(layer.data) for layer in made.layers))
