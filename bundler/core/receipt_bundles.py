"""The other bundles of an import, in its receipt: they have blobs that the imported bundle leaves out."""

from __future__ import annotations

from typing import Any

from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, text


@frozen
class OtherBundle:
    """A bundle that gave blobs to another one.

    Attributes:
        id: The id of the bundle.
        name: Its name.
        signers: The key ids of its trusted signatures; empty with --insecure-no-signature.
    """

    id: str
    name: str
    signers: tuple[str, ...]


def other_bundle_document(bundle: OtherBundle) -> dict[str, Any]:
    """An entry of ``otherBundles``."""
    return {"id": bundle.id, "name": bundle.name, "signers": list(bundle.signers)}


def read_other_bundle(document: dict[str, Any]) -> OtherBundle:
    """The bundle that an entry describes.

    Raises:
        ValueError, TypeError, KeyError: The entry is not valid.
    """
    return OtherBundle(text(document["id"]), text(document["name"]), tuple(map(text, list_of(document["signers"]))))
