"""``registries.yaml`` of k3s and RKE2.

Source: https://docs.k3s.io/installation/private-registry, https://docs.rke2.io/install/private_registry. Rewrites are
regular expressions of Go, in a map without an order: so at most one of them may match a repository.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.mirrors.files import Mirror, MirrorFiles, text_file
from bundler.core.mirrors.placed import Origin, Placement
from bundler.core.quoted import quoted

K3S, RKE2 = "k3s", "rke2"
_AUTHORITIES = "registry-ca.crt"
_UNITS = {K3S: "k3s (on agents: k3s-agent)", RKE2: "rke2-server (on agents: rke2-agent)"}


def k3s_files(placement: Placement, mirror: Mirror) -> MirrorFiles:
    """Writes registries.yaml of k3s."""
    return _files(K3S, placement, mirror)


def rke2_files(placement: Placement, mirror: Mirror) -> MirrorFiles:
    """Writes registries.yaml of RKE2."""
    return _files(RKE2, placement, mirror)


def _files(kind: str, placement: Placement, mirror: Mirror) -> MirrorFiles:
    if not placement.origins:
        return MirrorFiles(kind, (), placement.not_mirrored)
    folder = f"/etc/rancher/{kind}"
    files = f"this file and {_AUTHORITIES}" if mirror.authorities else "this file"
    comment = (
        f"{kind}: images come from {mirror.registry}. Made by bundler mirrors.",
        "",
        f"Copy {files} to {folder}/ on each node, servers and agents, and run:",
        f"  systemctl restart {_UNITS[kind]}",
        "",
        "If the mirror does not have an image, containerd asks the original registry. Start the nodes with",
        "--disable-default-registry-endpoint, so that it does not.",
    )
    return MirrorFiles(
        kind,
        (
            text_file(f"{kind}/registries.yaml", comment, list(_lines(folder, placement, mirror))),
            *mirror.authority_files(f"{kind}/{_AUTHORITIES}"),
        ),
        placement.not_mirrored,
    )


def _lines(folder: str, placement: Placement, mirror: Mirror) -> Iterator[str]:
    yield "mirrors:"
    for origin in placement.origins:
        yield f"  {quoted(origin.registry)}:"
        yield "    endpoint:"
        yield f"      - {quoted(mirror.url)}"
        rewrites = list(_rewrites(origin))
        if rewrites:
            yield "    rewrite:"
        for pattern, replacement in rewrites:
            yield f"      {quoted(pattern)}: {quoted(replacement)}"
    if mirror.authorities:
        yield "configs:"
        yield f"  {quoted(mirror.registry)}:"
        yield "    tls:"
        yield f"      ca_file: {quoted(f'{folder}/{_AUTHORITIES}')}"


def _rewrites(origin: Origin) -> Iterator[tuple[str, str]]:
    """The patterns of repositories and their paths at the mirror: one for all, or one for each."""
    if origin.moved:
        for source, target in sorted(origin.paths.items()):
            yield f"^{source.replace('.', chr(92) + '.')}$", target
    elif origin.prefix:
        yield "^(.*)$", f"{origin.prefix}/$1"
