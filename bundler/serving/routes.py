"""The endpoints: the path of a request becomes a value. OCI distribution-spec 1.1, section "Endpoints". Pure."""

from __future__ import annotations

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import is_tag
from bundler.errors import Damaged

NAME_CHARACTERS = 512
"""The longest name in a path: that of a repository with its registry, and some more."""

_NAME = lazy_pattern(r"[A-Za-z0-9._:\[\]-]+(?:/[a-z0-9._-]+)*")
_BELOW = lazy_pattern(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<last>[^/]+)")


@frozen
class Version:
    """``/v2/``: the server is a registry."""


@frozen
class Catalog:
    """``/v2/_catalog``: the names of the repositories."""


@frozen
class Page:
    """``/``: the page for people."""


@frozen
class Manifest:
    """A manifest by its tag or digest."""

    name: str
    reference: str | Digest


@frozen
class Blob:
    """A blob."""

    name: str
    digest: Digest


@frozen
class Tags:
    """The tags of a repository."""

    name: str


@frozen
class Referrers:
    """The manifests whose ``subject`` is this one."""

    name: str
    digest: Digest


@frozen
class Invalid:
    """No endpoint; an error code of the specification says why, and so does a sentence."""

    code: str
    message: str


Route = Version | Catalog | Page | Manifest | Blob | Tags | Referrers | Invalid

NOTHING = Invalid("UNSUPPORTED", "there is no such endpoint")


def route_of(path: str) -> Route:
    """The endpoint of a decoded path."""
    if path in ("/v2/", "/v2"):
        return Version()
    if path in ("/", "/index.html"):
        return Page()
    if path == "/v2/_catalog":
        return Catalog()
    match = _BELOW.fullmatch(path)
    if match is None:
        return NOTHING
    name, kind, last = match["name"], match["kind"], match["last"]
    if len(name) > NAME_CHARACTERS or not _NAME.fullmatch(name):
        return Invalid("NAME_INVALID", "not the name of a repository")
    if kind == "tags":
        return Tags(name) if last == "list" else NOTHING
    try:
        digest = Digest.parse(last)
    except Damaged:
        if kind == "manifests" and is_tag(last):
            return Manifest(name, last)
        return Invalid("DIGEST_INVALID", "neither a tag nor a digest" if kind == "manifests" else "not a digest")
    if kind == "manifests":
        return Manifest(name, digest)
    return Blob(name, digest) if kind == "blobs" else Referrers(name, digest)
