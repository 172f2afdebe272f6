"""The results for attachments: one for each attachment of an image at a target."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import Attachment, BundleManifest, Image


class Attached(str, Enum):
    """The outcome of an attachment at a target."""

    PUSHED = "pushed"
    PRESENT = "present"
    KEPT = "kept"
    """Its tag has another manifest, which has all its layers and more: signatures that were added at the target."""
    SKIPPED = "skipped"
    """Its tag has another manifest, or the tag of its image another image, which stays as the user asked."""
    LEFT_OUT = "left out"
    """The user wants none, or the target cannot hold any."""
    WOULD_PUSH = "would push"


@frozen
class AttachmentResult:
    """The result for one attachment of an image at one target, so far.

    Attributes:
        attachment: The attachment.
        digest: The digest of its manifest.
        outcome: The outcome; None while it is not done.
        replaced: The digest that its tag has or had there, if it is another one.
        is_extending: True if it has all layers of that other manifest, so that moving the tag loses nothing.
        is_in_fallback: True if this import added it to the index at the fallback tag of its subject.
    """

    attachment: Attachment
    digest: Digest
    outcome: Attached | None = None
    replaced: Digest | None = None
    is_extending: bool = False
    is_in_fallback: bool = False

    @property
    def key(self) -> tuple[Digest, Digest, str]:
        """Its subject, digest and tag; no other attachment of the image has the same."""
        return self.attachment.subject, self.digest, self.attachment.tag

    @property
    def is_open(self) -> bool:
        """True if it is not done yet."""
        return self.outcome is None

    @property
    def is_taken(self) -> bool:
        """True if its tag has another manifest, with layers that it does not have."""
        return self.is_open and self.replaced is not None and not self.is_extending

    @property
    def is_there(self) -> bool:
        """True if the target has it, or will have it."""
        return self.outcome not in (Attached.KEPT, Attached.SKIPPED, Attached.LEFT_OUT)

    def reopened(self) -> AttachmentResult:
        """Returns it as open, if it was found at the target."""
        return replace(self, outcome=None) if self.outcome is Attached.PRESENT else self

    def skipped(self) -> AttachmentResult:
        """Returns it as skipped, if it is open."""
        return replace(self, outcome=Attached.SKIPPED) if self.is_open else self

    def closed(self) -> AttachmentResult:
        """Returns it as planned, if it is open."""
        return replace(self, outcome=Attached.WOULD_PUSH) if self.is_open else self


def attached_to(image: Image, manifest: BundleManifest, *, is_wanted: bool) -> tuple[AttachmentResult, ...]:
    """The attachments of an image for a target, in the order of the bundle.

    Args:
        image: The image.
        manifest: The bundle manifest that lists it.
        is_wanted: False if none is imported.
    """
    outcome = None if is_wanted else Attached.LEFT_OUT
    return tuple(
        AttachmentResult(each, manifest.blobs[each.manifests[-1]].descriptor.digest, outcome)
        for each in image.attachments
    )
