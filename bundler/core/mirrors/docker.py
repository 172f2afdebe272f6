"""``daemon.json`` of Docker. JSON has no comments, so a README.txt is written with it.

Source: https://docs.docker.com/docker-hub/image-library/mirror/ (docker.io only); moby/moby, registry/config.go
(ValidateMirror: no path, no query, no fragment).
"""

from __future__ import annotations

import json

from bundler.core.mirrors.files import CA_FILE, Mirror, MirrorFile, MirrorFiles
from bundler.core.mirrors.placed import NotMirrored, Origin, Placement
from bundler.core.reference import DEFAULT_REGISTRY
from bundler.texts import text

KIND = "docker"
ONLY_HUB = text("Docker has mirrors for docker.io only")
OTHER_PATH = text("its repository has another path there, and a mirror of Docker has no path")

_README = """\
Docker: images of docker.io come from {url}. Made by bundler mirrors.

1. Copy daemon.json to /etc/docker/daemon.json. If that file exists, add these keys to it; do not replace it.
{certificates}2. Run: systemctl reload docker

Docker has mirrors for docker.io only. If the mirror does not have an image, Docker asks docker.io itself; this
cannot be turned off. Images of other registries need their names at the mirror, see bundler mirrors --for kustomize.
"""
_CERTIFICATES = """\
   Copy the folder certs.d to /etc/docker/.
"""


def docker_files(placement: Placement, mirror: Mirror) -> MirrorFiles:
    """Writes a daemon.json, if images of docker.io have the same paths at the mirror."""
    not_mirrored = [*placement.not_mirrored]
    files: tuple[MirrorFile, ...] = ()
    for origin in placement.origins:
        if origin.registry != DEFAULT_REGISTRY:
            not_mirrored += [*(NotMirrored(image, ONLY_HUB) for image in origin.images), *origin.moved_out(ONLY_HUB)]
        elif origin.prefix:
            not_mirrored += [
                *(NotMirrored(image, OTHER_PATH) for image in origin.images),
                *origin.moved_out(OTHER_PATH),
            ]
        else:
            not_mirrored += origin.moved_out(OTHER_PATH)
            files = _files(origin, mirror)
    return MirrorFiles(KIND, files, tuple(not_mirrored))


def _files(origin: Origin, mirror: Mirror) -> tuple[MirrorFile, ...]:
    if origin.prefix is None:
        return ()
    settings = {"registry-mirrors": [mirror.url]}
    if mirror.must_be_named_insecure:
        settings["insecure-registries"] = [mirror.registry]
    readme = _README.format(url=mirror.url, certificates=_CERTIFICATES if mirror.authorities else "")
    return (
        MirrorFile(f"{KIND}/daemon.json", f"{json.dumps(settings, indent=2)}\n".encode()),
        MirrorFile(f"{KIND}/README.txt", readme.encode()),
        *mirror.authority_files(f"{KIND}/certs.d/{mirror.registry}/{CA_FILE}"),
    )
