"""Scopes of containers-policy.json(5): which part of a policy applies to an image.

The rules are those of containers/image, ``docker/policyconfiguration/naming.go``: the most specific scope decides, and
scopes of fewer parts apply only if there is none. One rule is ours: hosts are compared in one spelling, so that no
image escapes its rule by capitals or by the port of HTTPS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from bundler.core.reference import Reference, one_spelling
from bundler.errors import Misuse
from bundler.texts import text

DOCKER = "docker"
"""The transport of every image of a bundle: it has the name of an image in a registry, wherever its bytes came from."""

_BY_PATH = frozenset({"dir", "oci", "oci-archive", "sif"})
_WITHOUT_SCOPES = frozenset({"docker-archive", "tarball"})
_BY_NAME = frozenset({DOCKER, "docker-daemon", "atomic"})
TRANSPORTS = (*sorted(_BY_NAME | _BY_PATH | _WITHOUT_SCOPES), "containers-storage")
"""The transports of the manual page."""

Rule = TypeVar("Rule")


def scope_of(scopes: Mapping[str, Rule], reference: Reference) -> str | None:
    """The scope that applies to an image; None if none does, not even the transport's own default ``""``.

    Args:
        scopes: The rules by their scopes, which are `folded`.
        reference: The name of the image.
    """
    return next((scope for scope in candidates(reference) if scope in scopes), None)


def candidates(reference: Reference) -> Iterator[str]:
    """The scopes that can apply to an image, the most specific one first.

    >>> list(candidates(Reference.parse("registry.example.com:5000/team/app:1")))
    ['registry.example.com:5000/team/app:1', 'registry.example.com:5000/team/app', 'registry.example.com:5000/team',
    'registry.example.com:5000', '*.example.com', '*.com', '']
    """
    name = folded(reference.name)
    if reference.digest:
        yield f"{name}@{reference.digest}"
    if reference.tag:
        yield f"{name}:{reference.tag}"
    yield name
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
    host = "" if name.startswith("[") else name.partition(":")[0]
    while "." in host:
        host = host.partition(".")[2]
        yield f"*.{host}"
    yield ""


def folded(scope: str) -> str:
    """A scope, or the name of a repository, with the one spelling of its host."""
    host, slash, path = scope.partition("/")
    return one_spelling(host) + slash + path


def fault_in(transport: str, scope: str) -> str | None:
    """The reason why a scope is not valid in a transport; None if it is valid. Every transport has the scope ``""``."""
    if not scope:
        return None
    if transport in _WITHOUT_SCOPES:
        return text('this transport has only the scope ""')
    if transport in _BY_PATH:
        if scope == "/":
            return text('write "" for all paths')
        is_plain = scope.startswith("/") and not {"", ".", ".."} & set(scope[1:].split("/"))
        return None if is_plain else text("not an absolute path without dots")
    if transport in _BY_NAME and "*" in scope and ("*" in scope[1:] or not scope.startswith("*.")):
        return text("a * is valid only at the start, as in *.example.com")
    if transport == DOCKER and not _can_apply(scope):
        return text("no image has such a name; write it in full, as docker.io/library/nginx, without a / at the end")
    return None


def _can_apply(scope: str) -> bool:
    """True if an image can have this name, or be in this namespace or on this host. Else a ``reject`` does nothing."""
    whole = f"host{scope[1:]}" if scope.startswith("*.") else scope
    return any(folded(scope) in _candidates(name) for name in (whole, f"{whole}/name"))


def _candidates(name: str) -> tuple[str, ...]:
    try:
        return tuple(candidates(Reference.parse(name)))
    except Misuse:
        return ()
