"""Images that Notation signed, and others, from a real registry through export, verify and import into another one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from tests.conftest import Ran
from tests.support import images
from tests.support.attachments import NOTATION, dashed, fallback_index, referrer
from tests.support.images import OCI_MANIFEST, Image
from tests.support.notation import (
    COSE,
    HOUR,
    JWS,
    Envelope,
    ca,
    chain_of,
    ec_key,
    leaf,
    payload_for,
    policy_of,
    statement_of,
    write_store,
)
from tests.support.parts import RealRegistry

WHERE = "team/app"
KINDS = ("jws", "cose", "stranger", "unsigned")
GOOD = {"jws", "cose"}
TODAY = int(time.time())
VALID = {"begins": TODAY - HOUR, "ends": TODAY + HOUR}
CHAIN = chain_of(leaf(**VALID), ca(**VALID))
STRANGER = chain_of(leaf("stranger", **VALID), ca("other", **VALID))


def signed(image: Image, chain: list[bytes], key: str, media_type: str) -> Image:
    subject = Descriptor(OCI_MANIFEST, Digest.parse(image.digest), len(image.content))
    envelope = Envelope(chain, ec_key(key), payload=payload_for(subject), signed=TODAY - 60)
    return referrer(image, NOTATION, envelope.of(media_type), layer_type=media_type)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory):
    registry = RealRegistry(tmp_path_factory.mktemp("notation")).start()
    registry.images = {kind: images.simple(f"notation {kind}") for kind in KINDS}
    makers = {"jws": (CHAIN, "signer", JWS), "cose": (CHAIN, "signer", COSE), "stranger": (STRANGER, "stranger", JWS)}
    for kind, image in registry.images.items():
        image.push(registry, WHERE, kind)
        if kind in makers:
            signature = signed(image, *makers[kind])
            fallback_index(signature).push(registry, WHERE, dashed(image))
    yield registry
    registry.stop()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    write_store(tmp_path / "notation", {"ca:acme": [CHAIN[-1]]})
    (tmp_path / "notation" / "trustpolicy.json").write_bytes(policy_of(statement_of()))
    return tmp_path / "notation" / "trustpolicy.json"


def accepted(ran: Ran) -> set[str]:
    return {each["reference"].rpartition(":")[2] for each in ran.json["verdicts"] if each["result"] == "accepted"}


def test_nothing_that_notation_would_refuse_gets_onto_the_medium_or_into_the_registry(
    source: RealRegistry, policy: Path, here: Callable[..., Ran], tmp_path: Path
) -> None:
    names = [f"docker://{source.host}/{WHERE}:{kind}" for kind in KINDS]
    command = ("export", *names, "-o", tmp_path, "--name", "b", "--unsigned", "--json")
    ran = here(*command, "--notation-policy", policy)
    assert ran.code == 5
    assert {error["subject"].rpartition(":")[2] for error in ran.json["error"]["errors"]} == set(KINDS) - GOOD
    assert not (tmp_path / "b").exists()
    ran = here(*command, "--notation-policy", policy, "--skip-refused")
    assert (ran.code, accepted(ran)) == (3, GOOD)
    taken = ("--insecure-no-signature", "--notation-policy", policy, "--json")
    ran = here("verify", tmp_path / "b", *taken)
    assert (ran.code, accepted(ran)) == (0, GOOD)
    target = RealRegistry(tmp_path / "target").start()
    try:
        ran = here("import", tmp_path / "b", "--to", target.host, *taken)
        assert (ran.code, accepted(ran)) == (0, GOOD)
        for kind in GOOD:  # the signatures arrived, byte for byte, where Notation looks for them
            path = f"{WHERE}/manifests/{dashed(source.images[kind])}"
            listed = [json.loads(registry.get(path) or b"{}")["manifests"] for registry in (source, target)]
            assert listed[0][0]["digest"] == listed[1][0]["digest"]
    finally:
        target.stop()
