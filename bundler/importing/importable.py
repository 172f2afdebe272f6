"""Refuses bundles that this version cannot import as a whole. FORMAT.md, section 11."""

from __future__ import annotations

from bundler.bundle.reader import Bundle
from bundler.errors import Incomplete
from bundler.texts import some, text


def check_importable(bundle: Bundle) -> None:
    """Refuses an incomplete bundle.

    Raises:
        Incomplete: The bundle leaves blobs out: this version cannot prove that the target has them.
    """
    manifest = bundle.manifest
    if manifest.left_out:
        bases = some([base.name for base in manifest.bases])
        raise Incomplete(
            text(
                "the bundle leaves out {count:,} blobs; this version of bundler cannot prove that the target has them",
                count=len(manifest.left_out),
            ),
            subject=manifest.name,
            expected=text("the blobs of {bases}", bases=bases),
            hint="ask the builder for a complete bundle, or import it with a newer bundler",
            code="incomplete",
        )
