"""Layers that a registry does not hold itself: fetched from where their manifest says, if the user named that host.

OCI image-spec, "Non-Distributable Layers" and the ``urls`` of descriptors. Whoever made the image chose the addresses,
so nothing is asked of a host that was not named exactly, not by a redirect either; no credentials are ever sent
(CVE-2020-15157); and what comes is verified as any blob is.
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
    """Asks the hosts that were named. Thread-safe."""

    def __init__(self, options: NetworkOptions, paces: Paces) -> None:
        self._options = options
        self._paces = paces
        self._lock = threading.Lock()
        self._clients: dict[Origin, HttpClient] = {}

    def ask(self, descriptor: Descriptor, headers: Mapping[str, str], *, called: str) -> Answer:
        """The answer of the first address that may be asked: 200, 206 or 416.

        Args:
            descriptor: With the addresses.
            headers: Of the request, all of them.
            called: What people call the layer.

        Raises:
            Refused: None of them may be asked, or the one that may does not have it.
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
