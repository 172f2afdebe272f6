"""The details of each image of a small bundle: source, platforms, commands, users, labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from bundler.core.outer_manifest import OuterManifest
from bundler.texts import text
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import Section, code, facts, lines, section
from bundler.views.html.sections.images import anchor_of
from bundler.views.words import size

if TYPE_CHECKING:
    from bundler.core.manifest import Attachment, BundleManifest, Image, Variant

DETAILED = 60
"""A bundle with more images than this has no details: tables stay short enough to be read."""
_MOST_PLATFORMS = 30
_MOST_LABELS = 24
_MOST_ATTACHMENTS = 40


def is_detailed(manifest: BundleManifest) -> bool:
    """True if the details of each image are shown."""
    return len(manifest.images) <= DETAILED


def details_section(manifest: BundleManifest | OuterManifest) -> Section | None:
    """The details; None if there are too many images, or their names are encrypted."""
    if isinstance(manifest, OuterManifest) or not is_detailed(manifest):
        return None
    images = (_details(manifest, image, number) for number, image in enumerate(manifest.images, start=1))
    return section(text("Details of images"), "details", images)


def _details(manifest: BundleManifest, image: Image, number: int) -> Iterator[Element]:
    yield element(
        "h3", element("a", element("bdi", str(image.reference)), href=f"#{anchor_of(number)}"), id=f"details-{number}"
    )
    yield facts(
        [
            (text("digest"), code(image.root.digest)),
            (text("media type"), image.root.media_type),
            (text("source"), image.source),
            (text("made from"), code(image.made_from) if image.made_from else None),
            *((text("platform"), _platform(each)) for each in image.variants[:_MOST_PLATFORMS]),
            ("", _more(len(image.variants) - _MOST_PLATFORMS)),
            (text("attached"), tuple(lines(_attachments(manifest, image)))),
        ]
    )


def _platform(variant: Variant) -> Node:
    config = variant.config
    command = " ".join((*config.entrypoint, *config.cmd))
    described: list[Node] = [
        element("strong", str(config.platform)),
        code(variant.digest),
        text("{size}, created {time}", size=size(variant.size_bytes), time=config.created or "-"),
        text("runs {command} as {user}", command=command or "-", user=config.user or "root"),
    ]
    labels = (f"{name}={value}" for name, value in islice(config.labels.items(), _MOST_LABELS))
    return (
        lines(described),
        (element("div", code(label), class_="hint") for label in labels),
        _more(len(config.labels) - _MOST_LABELS),
    )


def _attachments(manifest: BundleManifest, image: Image) -> Iterator[Node]:
    for each in image.attachments[:_MOST_ATTACHMENTS]:
        yield _attachment(manifest, each)
    if len(image.attachments) > _MOST_ATTACHMENTS:
        yield _more(len(image.attachments) - _MOST_ATTACHMENTS)


def _attachment(manifest: BundleManifest, each: Attachment) -> Node:
    digest = manifest.blobs[each.manifests[-1]].descriptor.digest
    kind = f"{each.kind} {each.artifact_type}".strip()
    return (kind, " ", code(digest), " ", text("attached to {digest}", digest=each.subject.short))


def _more(count: int) -> Node:
    return element("div", text("and {count:,} more", count=count), class_="soft") if count > 0 else None
