"""SBOMs that a registry holds, in the forms of ORAS and cosign, are carried and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ran
from tests.support import images
from tests.support.attachments import SPDX as SPDX_TYPE, dashed, fallback_index, referrer
from tests.support.images import OCI_CONFIG, OCI_MANIFEST, Image, descriptor, sha256
from tests.support.parts import RealRegistry
from tests.unit.core.sbom.test_sbom import CYCLONEDX, SPDX, enveloped, statement


def attestation(content: bytes) -> Image:
    """The manifest that cosign tags with ``sha256-<hex>.att``."""
    config = b'{"architecture":"","os":""}'
    layer = descriptor("application/vnd.dsse.envelope.v1+json", content)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [layer],
    }
    return Image(OCI_MANIFEST, json.dumps(document).encode(), {sha256(each): each for each in (config, content)})


def test_the_sboms_of_a_registry_are_carried_and_shown(here: Callable[..., Ran], tmp_path: Path) -> None:
    registry = RealRegistry(tmp_path / "registry").start()
    try:
        oras, cosign = images.simple("sbom by oras"), images.simple("sbom by cosign")
        for tag, image in (("oras", oras), ("cosign", cosign)):
            image.push(registry, "team/app", tag)
        attached = referrer(oras, SPDX_TYPE, json.dumps(SPDX).encode())
        fallback_index(attached).push(registry, "team/app", dashed(oras))
        signed = enveloped(statement(CYCLONEDX, "https://cyclonedx.org/bom"))
        attestation(json.dumps(signed).encode()).push(registry, "team/app", dashed(cosign, ".att"))
        names = [f"docker://{registry.host}/team/app:{tag}" for tag in ("oras", "cosign")]
        assert here("export", *names, "-o", tmp_path, "--name", "b", "--unsigned").code == 0
    finally:
        registry.stop()
    for tag, wanted in (("oras", SPDX), ("cosign", CYCLONEDX)):
        ran = here("inspect", tmp_path / "b", "--sbom", f"*:{tag}", "--json")
        assert (ran.code, json.loads(ran.out)) == (5, wanted)  # the bundle is not signed
