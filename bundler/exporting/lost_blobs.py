"""Images whose layers a registry lost: it still gives their manifests. A request for each blob shows that.

Only backups ask, because they go without such images; other exports fail when they fetch the layer.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable
from functools import partial

from bundler.core.digest import Digest
from bundler.core.location import Location
from bundler.core.oci import Descriptor, Manifest
from bundler.core.reference import Reference
from bundler.errors import Refused
from bundler.run import Run, retrying
from bundler.stores.opened import Stores
from bundler.texts import text


class LostBlobs:
    """Asks registries for blobs, for each once in each repository. Thread-safe; local to one stage."""

    def __init__(self, stores: Stores, run: Run, elsewhere: Container[Digest]) -> None:
        """Asks nothing yet; ``elsewhere`` are blobs that need not be there, because an earlier bundle has them."""
        self._stores = stores
        self._elsewhere = elsewhere
        self._run = run
        self._known: dict[tuple[str, Digest], bool] = {}
        self._lock = threading.Lock()

    def check(self, source: Location, manifests: Iterable[Manifest], *, what: str) -> None:
        """Returns if the registry has all blobs of an image.

        Args:
            source: The place of the image; nothing is asked if it is no registry.
            manifests: Its manifests.
            what: The name of the image, for messages.

        Raises:
            Refused: It lacks one.
            Unavailable: It does not answer.
        """
        digest = self.first(source, manifests, what=what)
        if digest is not None:
            raise Refused(
                text("the registry has the manifest, and lost the blob {digest}", digest=digest), subject=what
            )

    def first(self, source: Location, manifests: Iterable[Manifest], *, what: str) -> Digest | None:
        """The first blob of some manifests that the registry lacks; None if it has all of them.

        Raises:
            Refused, Unavailable: It does not say.
        """
        place = source.reference
        if place is None:
            return None
        blobs = (blob for manifest in manifests for blob in manifest.blobs if not blob.urls)
        blobs = (blob for blob in blobs if blob.digest not in self._elsewhere)
        return next((blob.digest for blob in blobs if not self._has(place, blob, what)), None)

    def _has(self, place: Reference, blob: Descriptor, what: str) -> bool:
        key = (place.name, blob.digest)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            repository = self._stores.repository(place.registry, place.repository)
            known = retrying(partial(repository.has_blob, blob), self._run, subject=what, peer=place.registry)
            with self._lock:
                self._known[key] = known
        return known
