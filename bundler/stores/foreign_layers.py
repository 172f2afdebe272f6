"""Layers that a registry does not hold: fetched from the addresses in their manifest, if the user named that host.

OCI image-spec, "Non-Distributable Layers" and the ``urls`` of descriptors. The author of the image chose the addresses.
So no request goes to a host that the user did not name exactly, not even by a redirect. No credentials are ever sent
(CVE-2020-15157). The bytes are verified as any blob.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from bundler.core.oci import Descriptor
from bundler.errors import Refused
from bundler.pace import Paces
from bundler.stores import hosts
from bundler.stores.addresses import Kind, Origin, checked, is_safe, printable, shown
from bundler.stores.hosts import NetworkOptions
from bundler.stores.http import Answer, HttpClient, error_of
from bundler.texts import text


class ForeignLayers:
    """Fetches layers from the named hosts. Thread-safe."""

    def __init__(self, options: NetworkOptions, paces: Paces) -> None:
        self._options = options
        self._paces = paces
        self._lock = threading.Lock()
        self._clients: dict[Origin, HttpClient] = {}

    def ask(self, descriptor: Descriptor, headers: Mapping[str, str], *, called: str) -> Answer:
        """Returns the answer of the first allowed address: 200, 206 or 416.

        Args:
            descriptor: The descriptor with the addresses.
            headers: All headers of the request.
            called: The name of the layer in errors.

        Raises:
            Refused: No address is allowed, or the allowed one does not have the layer.
            Unavailable: It does not answer.
        """
        url = next((url for url in descriptor.urls if self._is_allowed(url)), None)
        if url is None:
            raise self._not_allowed(descriptor, called)
        answer = self._client(Origin.of(url), url).request("GET", url, headers=headers, redirects=self._follow)
        if answer.status not in (200, 206, 416):
            raise error_of(answer, subject=f"{called}, at {shown(url)}")
        return answer

    def _is_allowed(self, url: str) -> bool:
        try:
            self._follow(url, url)
        except Refused:
            return False
        return True

    def _follow(self, location: str, by: str) -> str:
        return checked(location, Kind.FOREIGN_LAYER, by=by, allowed=self._options.foreign_layers)

    def _client(self, origin: Origin, url: str) -> HttpClient:
        with self._lock:
            if origin not in self._clients:
                self._clients[origin] = hosts.client_for(url, self._options, self._paces)
            return self._clients[origin]

    def _not_allowed(self, descriptor: Descriptor, called: str) -> Refused:
        return Refused(
            "the registry does not hold this layer, and no other host is allowed",
            subject=called,
            expected=text("an allowed host"),
            actual=printable(", ".join(_shown(url) for url in descriptor.urls)),
            hint=_flags(descriptor.urls),
        )


def _flags(urls: Iterable[str]) -> str:
    names = dict.fromkeys(Origin.of(url).name for url in urls if is_safe(url))
    if not names:
        return "its addresses are not https; leave the image out with --except, or push it again with its layers"
    return text("if its licence allows that: --foreign-layers {printable}", printable=printable(next(iter(names))))


def _shown(url: str) -> str:
    try:
        return f"{Origin.of(url).scheme}://{Origin.of(url).name}"
    except Refused:
        return text("an invalid address")
