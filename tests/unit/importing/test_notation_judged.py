"""`--notation-policy` judges the images of a bundle on verify and import, offline, before anything is sent."""

from __future__ import annotations

import json
import time

import pytest

from bundler import cli
from tests.support.attached import Referrer, attached, referrer
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
from tests.vectors import make
from tests.vectors.make import Content, Made

NOW = int(time.time())
CHAIN = chain_of(leaf(begins=NOW - HOUR, ends=NOW + HOUR), ca(begins=NOW - HOUR, ends=NOW + HOUR))
STRANGER = chain_of(leaf("stranger", begins=NOW - HOUR, ends=NOW + HOUR), ca("other", begins=0, ends=2**33))
OLD = [*chain_of(leaf("old", begins=NOW - 2 * HOUR, ends=NOW - HOUR), ca())[:1], CHAIN[-1]]
NAMES = ("jws", "cose", "stranger", "expired", "other", "unsigned")
ACCEPTED = {"jws", "cose"}


def reference(name: str) -> str:
    return f"registry.example.com/team/{name}:1.0"


def signature(image: Made, chain: list[bytes], key: str, media_type: str = JWS, of: Made | None = None) -> Referrer:
    signed = Envelope(chain, ec_key(key), payload=payload_for((of or image).manifest.descriptor), signed=NOW - 60)
    envelope = Content(media_type, signed.of(media_type))
    return referrer(image, envelope, kind="signature", artifact_type="application/vnd.cncf.notary.signature")


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    made = {name: make.image(make.layer(name)) for name in NAMES}
    signatures = {
        "jws": [signature(made["jws"], CHAIN, "signer")],
        "cose": [signature(made["cose"], STRANGER, "stranger"), signature(made["cose"], CHAIN, "signer", COSE)],
        "stranger": [signature(made["stranger"], STRANGER, "stranger")],
        "expired": [signature(made["expired"], OLD, "old")],
        "other": [signature(made["other"], CHAIN, "signer", of=made["jws"])],
    }
    images = {reference(name): (made[name], signatures.get(name, [])) for name in NAMES}
    return attached(tmp_path_factory.mktemp("notation"), images)


@pytest.fixture
def policy(tmp_path):
    folder = tmp_path / "notation"
    write_store(folder, {"ca:acme": [CHAIN[-1]]})
    old = "x509.subject: C=US, ST=WA, O=acme, CN=old"
    identity = "x509.subject: C=US, ST=WA, O=acme, CN=signer"
    (folder / "trustpolicy.json").write_bytes(policy_of(statement_of(trustedIdentities=[identity, old])))
    return folder / "trustpolicy.json"


def run(capsys, *arguments):
    code = cli.run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out


def verdicts_in(document):
    return {entry["reference"]: entry for entry in document}


def test_verify_says_which_images_are_signed_and_why_others_are_not(bundled, policy, capsys):
    command = ("verify", bundled.folder, "--trust", bundled.public, "--notation-policy", policy)
    code, out = run(capsys, *command, "--json")
    found = {each["reference"]: each for each in json.loads(out)["verdicts"]}
    assert code == 5
    assert {name for name in NAMES if found[reference(name)]["result"] == "accepted"} == ACCEPTED
    assert all(each["rule"] == "notation all: strict" for each in found.values())
    assert found[reference("jws")]["signers"][0].startswith("CN=signer,O=acme,ST=WA,C=US (")
    reasons = [found[reference(name)]["found"] for name in NAMES if name not in ACCEPTED]
    assert all(reasons)
    assert len(set(reasons)) == len(reasons)
    code, out = run(capsys, *command)
    assert code == 5
    assert reference("stranger") in out


def test_import_sends_only_what_the_policy_accepts(bundled, policy, tmp_path, capsys):
    layout, receipt = tmp_path / "layout", tmp_path / "receipt.json"
    command = ("import", bundled.folder, "--trust", bundled.public, "--to", f"oci:{layout}", "--receipt", receipt)
    code, _ = run(capsys, *command, "--notation-policy", policy)
    assert code == 5
    index = json.loads((layout / "index.json").read_text())
    names = {entry.get("annotations", {}).get("org.opencontainers.image.ref.name") for entry in index["manifests"]}
    assert names - {None} == {reference(name) for name in ACCEPTED}
    written = json.loads(receipt.read_text())
    assert {each["result"] for each in written["verdicts"]} == {"accepted", "refused"}


def test_every_policy_must_accept_an_image(bundled, policy, tmp_path, capsys):
    other = tmp_path / "policy.json"
    other.write_text('{"default": [{"type": "reject"}]}')
    command = ("verify", bundled.folder, "--trust", bundled.public, "--json")
    code, out = run(capsys, *command, "--notation-policy", policy, "--policy", other)
    refused = {each["reference"] for each in json.loads(out)["verdicts"] if each["result"] == "refused"}
    assert (code, refused) == (5, {reference(name) for name in NAMES})
    other.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    statement = statement_of(
        registryScopes=[reference(name).partition(":")[0] for name in NAMES],
        signatureVerification={"level": "skip"},
        trustStores=None,
        trustedIdentities=None,
    )
    policy.write_bytes(policy_of(statement))
    assert run(capsys, *command, "--notation-policy", policy, "--policy", other)[0] == 0


def test_a_policy_that_is_wrong_or_came_along_decides_nothing(bundled, policy, tmp_path, capsys):
    command = ("verify", bundled.folder, "--trust", bundled.public, "--json")
    policy.write_text("{}")
    code, out = run(capsys, *command, "--notation-policy", policy)
    assert (code, json.loads(out)["error"]["code"]) == (2, "notation-policy")
    carried = bundled.folder / "truststore"
    try:
        write_store(bundled.folder, {"ca:acme": [CHAIN[-1]]})
        (carried / "trustpolicy.json").write_bytes(policy_of(statement_of()))
        (carried / "truststore").symlink_to(carried)
        code, out = run(capsys, *command, "--notation-policy", carried / "trustpolicy.json")
    finally:
        __import__("shutil").rmtree(carried)
    assert (code, json.loads(out)["error"]["code"]) == (5, "key-came-along")


def test_an_image_file_has_no_signatures_to_judge(policy, tmp_path, capsys):
    (tmp_path / "image.tar").write_bytes(b"")
    assert run(capsys, "verify", tmp_path / "image.tar", "--notation-policy", policy)[0] == 2
