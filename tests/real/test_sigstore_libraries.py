"""sigstore's own libraries for JavaScript are a second maker of keyless signatures, and a second judge of those with keys."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundler.core.policy.identity import DEFAULT_IDENTITY
from bundler.core.policy.key_signed import KeySigned
from bundler.keys.image_policy import read_policy
from tests.support.parts import require
from tests.support.signatures import Evidence, Signer, dsse_bundle, message_bundle, signer

SCRIPT = Path(__file__).parents[1] / "support" / "npm" / "sigstore.cjs"
MODULES = Path(sys.prefix) / "npm" / "node_modules"
WORKFLOW = "https://github.com/acme/ci/w.yml"


def node(*arguments: object, given: str = "") -> Any:
    require("node")
    if not (MODULES / "@sigstore").is_dir():
        message = "missing real part: the packages of tests/support/npm (scripts/test installs them)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    command = ["node", str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_keyless_bundles_of_another_maker_are_accepted(tmp_path):
    evidence = Evidence()
    (tmp_path / "manifest").write_bytes(evidence.manifest)
    (tmp_path / "other").write_bytes(b"{}")
    made = node("make", tmp_path / "manifest", tmp_path / "other")
    (tmp_path / "fulcio.pem").write_text(made["fulcio"])
    (tmp_path / "rekor.pub").write_text(made["rekor"])

    def judged(bundle: Any, **fulcio: str) -> bool:
        trust = {"caPath": "fulcio.pem", "oidcIssuer": "https://issuer.example", "buildSignerURI": WORKFLOW, **fulcio}
        requirement = {"type": "sigstoreSigned", "fulcio": trust, "rekorPublicKeyPath": "rekor.pub"}
        (tmp_path / "policy.json").write_text(json.dumps({"default": [requirement]}))
        return read_policy(str(tmp_path / "policy.json")).judge(Evidence().bundle(bundle).image).is_accepted

    good, other = made["bundles"]
    assert judged(good)
    assert not judged(other)
    assert not judged(good, buildSignerURI="https://github.com/acme/ci/other.yml")
    assert not judged(good, oidcIssuer="https://other.example")
    swapped = {**good, "messageSignature": other["messageSignature"]}
    assert not judged(swapped)
    entries = other["verificationMaterial"]["tlogEntries"]
    assert not judged({**good, "verificationMaterial": {**good["verificationMaterial"], "tlogEntries": entries}})


def changes(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """A good bundle, and the same with one thing wrong in each."""
    envelope = bundle["dsseEnvelope"]
    other = base64.b64encode(base64.b64decode(envelope["payload"]).replace(b"sign/v1", b"sign/v2")).decode()
    [signature] = envelope["signatures"]
    return [
        bundle,
        {**bundle, "dsseEnvelope": {**envelope, "payload": other}},
        {**bundle, "dsseEnvelope": {**envelope, "payloadType": "application/json"}},
        {**bundle, "dsseEnvelope": {**envelope, "signatures": []}},
        {**bundle, "dsseEnvelope": {**envelope, "signatures": [signature, signature]}},
        {**bundle, "dsseEnvelope": {**envelope, "signatures": [{"sig": ""}]}},
    ]


def test_both_judges_agree_on_bundles_with_keys():
    """The differences to the other library, which accepts less or more, are named here."""
    cases, ours = [], []

    def add(bundle: dict[str, Any], by: Signer, content: bytes | None) -> None:
        encoded = None if content is None else base64.b64encode(content).decode()
        cases.append({"bundle": bundle, "key": by.pem.decode(), "content": encoded})
        ours.append(KeySigned((by.public,), DEFAULT_IDENTITY).judge(Evidence().bundle(bundle).image).is_accepted)

    evidence = Evidence()
    by = signer("P-256", 30)
    for bundle in changes(dsse_bundle(by, evidence.digest)):
        add(bundle, by, None)
    add(message_bundle(by, evidence.manifest), by, evidence.manifest)
    add(message_bundle(by, b"another manifest"), by, evidence.manifest)
    add(dsse_bundle(signer("P-256", 31), evidence.digest), by, None)
    add(dsse_bundle(signer("P-384", 32), evidence.digest), by, None)  # a key of another curve
    theirs = [reason is None for reason in node("judge", given=json.dumps(cases))]
    assert theirs == ours
    assert ours == [True, *[False] * 5, True, *[False] * 3]
