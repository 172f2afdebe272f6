"""``hosts.toml`` of containerd, one for each registry.

Source: containerd/containerd, docs/hosts.md; core/remotes/docker/config/hosts.go (remotes/docker/config in 1.x).
containerd 1.6 reads no file without a ``[host]``, so the mirror is named there and as the server.
"""

from __future__ import annotations

import re

from bundler.core.mirrors.files import CA_FILE, Mirror, MirrorFile, MirrorFiles, text_file
from bundler.core.mirrors.placed import Origin, Placement
from bundler.core.quoted import quoted
from bundler.texts import text

KIND = "containerd"
OTHER_PATH = text("its repository has another path there, and a hosts.toml of containerd knows only a prefix")


def containerd_files(placement: Placement, mirror: Mirror) -> MirrorFiles:
    """Writes a hosts.toml for each registry whose repositories are below one prefix."""
    files: list[MirrorFile] = []
    not_mirrored = [*placement.not_mirrored]
    for origin in placement.origins:
        not_mirrored += origin.moved_out(OTHER_PATH)
        if origin.prefix is not None:
            folder = f"{KIND}/certs.d/{folder_of(origin.registry)}"
            files += [_hosts(origin, mirror, folder), *mirror.authority_files(f"{folder}/{CA_FILE}")]
    return MirrorFiles(KIND, tuple(files), tuple(not_mirrored))


def folder_of(registry: str) -> str:
    """The folder of a registry: containerd also reads ``HOST_PORT_``, which every file system can store."""
    return re.sub(r":([0-9]+)$", r"_\1_", registry)


def _hosts(origin: Origin, mirror: Mirror, folder: str) -> MirrorFile:
    address = f"{mirror.url}/v2/{origin.prefix}" if origin.prefix else mirror.url
    settings = ['capabilities = ["pull", "resolve"]']
    if origin.prefix:
        settings.append("override_path = true")
    if mirror.authorities:
        settings.append(f"ca = {quoted(CA_FILE)}")
    return text_file(
        f"{folder}/hosts.toml",
        (
            f"containerd: images of {origin.registry} come from {mirror.at(origin.prefix or '')}.",
            "Made by bundler mirrors.",
            "",
            "Copy the folder certs.d to /etc/containerd/ on each node. /etc/containerd/config.toml must have",
            '  config_path = "/etc/containerd/certs.d"',
            'in [plugins."io.containerd.grpc.v1.cri".registry] (containerd 1.x) or',
            '[plugins."io.containerd.cri.v1.images".registry] (containerd 2.x). If you had to add it, run:',
            "  systemctl restart containerd",
            "Changes in certs.d need no restart.",
            "ctr reads it with: ctr images pull --hosts-dir /etc/containerd/certs.d NAME",
            "",
            f"The server is the mirror too, so that containerd never asks {origin.registry} itself.",
        ),
        (
            f"server = {quoted(address)}",
            *settings,
            "",
            f"[host.{quoted(address)}]",
            *(f"  {each}" for each in settings),
        ),
    )
