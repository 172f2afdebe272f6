"""The cache of manifests of a run."""

from __future__ import annotations

from bundler.bundle.medium import is_removable
from bundler.stores.kept import KeptDocuments
from bundler.system import places


def kept_documents() -> KeptDocuments | None:
    """The manifests that earlier runs have read. Never on a medium, where others could read them."""
    folder = places.cache_folder()
    return None if folder is None or is_removable(folder) else KeptDocuments(folder)
