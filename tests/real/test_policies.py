"""Signed, unsigned and wrongly signed images through export, verify and import, each with its policy, in real registries."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.limits import VERDICTS
from bundler.errors import Interrupted, Misuse
from bundler.keys.image_policy import read_policy
from tests.conftest import Ran
from tests.support import images
from tests.support.attachments import BUNDLE, SIMPLE_SIGNING, dashed, fallback_index, referrer
from tests.support.images import OCI_CONFIG, OCI_MANIFEST, Image, descriptor, sha256
from tests.support.parts import RealRegistry, require
from tests.support.signatures import SIGNATURE, Evidence, Signer, base64_of, dsse_bundle, signer, simple_payload
from tests.support.tables import each_case

US, THEM = signer(), signer("P-256", 1)
WHERE = "team/app"
KINDS = ("simple", "bundle", "wrong", "unsigned", "moved")
GOOD = {"simple", "bundle"}


def simple_signature(by: Signer, subject: Image, name: str) -> Image:
    payload = simple_payload(subject.digest, name)
    config = b'{"architecture":"","os":""}'
    layer = descriptor(SIMPLE_SIGNING, payload, annotations={SIGNATURE: base64_of(by.sign(payload))})
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [layer],
    }
    return Image(OCI_MANIFEST, json.dumps(manifest).encode(), {sha256(config): config, sha256(payload): payload})


def push_signed(registry: RealRegistry) -> dict[str, Image]:
    """Pushes an image of each kind, with what cosign leaves next to it."""
    pushed = {kind: images.simple(f"policy {kind}") for kind in KINDS}
    for kind, image in pushed.items():
        image.push(registry, WHERE, kind)
        own, other = f"{registry.host}/{WHERE}:{kind}", f"{registry.host}/{WHERE}:simple"
        if kind == "bundle":
            signature = referrer(image, BUNDLE, json.dumps(dsse_bundle(US, Digest.parse(image.digest))).encode())
            fallback_index(signature).push(registry, WHERE, dashed(image))
        elif kind != "unsigned":
            by = THEM if kind == "wrong" else US
            simple_signature(by, image, other if kind == "moved" else own).push(registry, WHERE, dashed(image, ".sig"))
    return pushed


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory):
    registry = RealRegistry(tmp_path_factory.mktemp("signed")).start()
    registry.images = push_signed(registry)
    yield registry
    registry.stop()


@pytest.fixture
def place(source: RealRegistry) -> Callable[[str], str]:
    return lambda kind: f"docker://{source.host}/{WHERE}:{kind}"


@pytest.fixture
def policy(tmp_path: Path, source: RealRegistry) -> Path:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "us.pub").write_bytes(US.pem)
    requirement = {"type": "sigstoreSigned", "keyPath": "us.pub"}
    document = {"default": [{"type": "reject"}], "transports": {"docker": {source.host: [requirement]}}}
    (folder / "policy.json").write_text(json.dumps(document))
    return folder / "policy.json"


Export = Callable[..., Ran]


@pytest.fixture
def export(here: Callable[..., Ran], tmp_path: Path, source: RealRegistry) -> Export:
    def run(*arguments: object, kinds: tuple[str, ...] = KINDS) -> Ran:
        names = [f"docker://{source.host}/{WHERE}:{kind}" for kind in kinds]
        return here("export", *names, "-o", tmp_path, "--name", "b", "--unsigned", "--json", *arguments)

    return run


def tags(document, results: str = "accepted") -> set[str]:
    return {each["reference"].rpartition(":")[2] for each in document["verdicts"] if each["result"] == results}


def test_an_export_puts_nothing_on_the_medium_that_its_policy_refuses(export, policy, tmp_path):
    ran = export("--policy", policy)
    assert ran.code == 5
    errors = ran.json["error"]["errors"]
    assert {error["subject"].rpartition(":")[2] for error in errors} == set(KINDS) - GOOD
    assert {error["code"] for error in errors} == {"policy"}
    assert all(error["actual"] for error in errors)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("b")]


def test_an_export_may_go_without_refused_images_and_the_bundle_says_so(export, policy, here, tmp_path):
    ran = export("--policy", policy, "--skip-refused")
    assert ran.code == 3, ran.err
    assert tags(ran.json) == GOOD
    assert tags(ran.json, "refused") == set(KINDS) - GOOD
    bundle = json.loads((tmp_path / "b/bundle.json").read_bytes())
    assert {image["reference"].rpartition(":")[2] for image in bundle["images"]} == GOOD
    assert {each["reference"].rpartition(":")[2]: each["code"] for each in bundle["missing"]} == dict.fromkeys(
        ("wrong", "unsigned", "moved"), "policy"
    )
    reasons = {each["reference"].rpartition(":")[2]: each["reason"] for each in bundle["missing"]}
    assert "no signature" in reasons["unsigned"]
    for image in bundle["images"]:
        (verdict,) = image["verdicts"]
        assert verdict["result"] == "accepted"
        assert verdict["policy"] == Digest.of(policy.read_bytes()).encoded
        assert verdict["signer"] == f"{US.public.fingerprint[:16]} (us.pub)"
    assert "refused by a policy" in (tmp_path / "b/README.txt").read_text()
    assert (tmp_path / "b.failed.yaml").read_text().count("image") >= 3
    shown = here("inspect", tmp_path / "b").out
    assert "accepted 2 and refused 0" in shown
    again = export("--policy", policy, "--skip-refused")
    assert (again.code, again.json["completeAlready"]) == (3, True)
    assert here("verify", tmp_path / "b", "--insecure-no-signature", "--policy", policy).code == 0


def test_a_bundle_has_no_more_verdicts_than_a_reader_takes(export, policy, tmp_path):
    ran = export(*["--policy", policy] * (VERDICTS + 1), kinds=("simple",))
    assert ran.code == 2
    assert not (tmp_path / "b").exists()
    assert export(*["--policy", policy] * VERDICTS, kinds=("simple",)).code == 0


def test_an_interrupted_export_goes_on_with_its_verdicts(export, policy, tmp_path, monkeypatch):
    from bundler.exporting import export as stages

    def stopped(copied):
        copied.writer.close()
        copied.folder.close()
        raise Interrupted

    with monkeypatch.context() as interrupted:
        interrupted.setattr(stages, "seal", stopped)
        assert export("--policy", policy, "--skip-refused").code == 130
    assert (tmp_path / "b.partial").exists()
    assert export("--policy", policy).code == 2
    without = export("--skip-refused")
    assert without.code == 2
    assert "--policy" in without.json["error"]["message"]
    ran = export("--policy", policy, "--skip-refused")
    assert ran.code == 3, ran.err
    assert tags(ran.json) == GOOD
    assert {each["code"] for each in ran.json["missing"]} == {"policy"}


def test_a_finished_bundle_of_another_policy_is_another_bundle(export, policy, here):
    assert export("--policy", policy, kinds=("simple",)).code == 0
    without = export(kinds=("simple",))
    assert without.code == 2
    assert "--policy" in without.json["error"]["message"]


def test_a_dry_run_judges_and_writes_nothing(export, policy, tmp_path):
    assert export("--policy", policy, "--dry-run").code == 5
    ran = export("--policy", policy, "--dry-run", "--skip-refused")
    assert ran.code == 3
    assert tags(ran.json) == GOOD
    assert not (tmp_path / "b").exists()


def test_if_every_image_is_refused_nothing_is_made(export, policy, tmp_path):
    assert export("--policy", policy, "--skip-refused", kinds=("wrong", "unsigned")).code == 5
    assert not (tmp_path / "b").exists()


def test_a_signature_that_cannot_be_read_is_no_refusal(export, policy, source, new_registry, here, tmp_path):
    """An image whose signature a failure hides must not be left out as refused: it may be signed."""
    registry = new_registry()
    image, other = images.simple("hidden"), images.simple("seen")
    requirement = {"type": "sigstoreSigned", "keyPath": "us.pub"}
    policy.write_text(json.dumps({"default": [requirement]}))
    for tag, each in (("hidden", image), ("seen", other)):
        each.push(registry, WHERE, tag)
        signature = simple_signature(US, each, f"{registry.host}/{WHERE}:{tag}")
        signature.push(registry, WHERE, dashed(each, ".sig"))
        if tag == "hidden":
            payload = json.loads(signature.content)["layers"][0]["digest"].removeprefix("sha256:")
            shutil.rmtree(registry.storage / "docker/registry/v2/blobs/sha256" / payload[:2] / payload)
    names = [f"docker://{registry.host}/{WHERE}:{tag}" for tag in ("hidden", "seen")]
    ran = here(
        "export", *names, "-o", tmp_path, "--name", "b", "--unsigned", "--json", "--policy", policy, "--skip-refused"
    )
    assert ran.code == 6, ran.out
    (error,) = ran.json["error"]["errors"]
    assert error["code"] != "policy"
    assert not (tmp_path / "b").exists()


def test_signatures_that_are_not_carried_are_not_judged(export, policy):
    """The export must not accept a signature that a receiver cannot judge."""
    assert export("--policy", policy, "--attachments", "none", kinds=("simple",)).code == 5


def test_an_import_sends_nothing_that_its_policy_refuses(export, policy, here, target, tmp_path, source):
    assert export().code == 0
    assert here("verify", tmp_path / "b", "--insecure-no-signature", "--policy", policy).code == 5
    arguments = ["import", tmp_path / "b", "--insecure-no-signature", "--to", target.host, "--json"]
    ran = here(*arguments, "--policy", policy, "--all-or-nothing")
    assert ran.code == 5
    assert target.tags == {}
    ran = here(*arguments, "--policy", policy)
    assert ran.code == 5
    assert {tag for tag in target.tags[WHERE] if not tag.startswith("sha256-")} == GOOD
    for kind, image in source.images.items():
        assert (target.get(f"{WHERE}/manifests/{image.digest}") is not None) == (kind in GOOD), kind
    assert tags(ran.json) == GOOD


def test_encrypted_and_later_bundles_are_judged_too(export, policy, here, tmp_path, place):
    """A bundle that leaves out what the receiver has carries all signatures."""
    (tmp_path / "passphrase").write_text("a passphrase of the test\n")
    secret = ("--passphrase-file", tmp_path / "passphrase")
    assert export("--encrypt", *secret, kinds=("simple", "unsigned")).code == 0
    verifying = ("--insecure-no-signature", "--policy", policy, "--json")
    ran = here("verify", tmp_path / "b", *verifying, *secret)
    assert (ran.code, tags(ran.json)) == (5, {"simple"})
    assert here("verify", tmp_path / "b", *verifying).code == 2, "its content is not known"
    since = ("--since", tmp_path / "b", "--since-passphrase-file", tmp_path / "passphrase", "--insecure-no-signature")
    names = [place("simple"), place("bundle")]
    later = here(
        "export", *names, "-o", tmp_path, "--name", "later", "--unsigned", "--policy", policy, *since, "--json"
    )
    assert later.code == 0, later.out
    bundle = json.loads((tmp_path / "later/bundle.json").read_bytes())
    assert bundle["bases"]
    ran = here("verify", tmp_path / "later", *verifying)
    assert (ran.code, tags(ran.json)) == (0, GOOD)


@each_case(
    "requirement, accepted",
    [
        ({"type": "insecureAcceptAnything"}, set(KINDS)),
        ({"type": "reject"}, set()),
        ({"type": "sigstoreSigned", "keyPath": "us.pub", "signedIdentity": {"type": "matchRepository"}}, {"simple", "moved"}),
        ({"type": "sigstoreSigned", "keyPath": "us.pub", "signedIdentity": {"type": "matchExact"}}, {"simple"}),
        ({"type": "sigstoreSigned", "keyPath": "them.pub"}, {"wrong"}),
        ({"type": "sigstoreSigned", "keyPaths": ["us.pub", "them.pub"]}, {"simple", "bundle", "wrong"}),
    ],
)  # fmt: skip
def test_each_policy_gives_its_verdicts(export, policy, here, tmp_path, source, requirement, accepted):
    if not (tmp_path / "b").exists():
        assert export().code == 0
    (policy.parent / "them.pub").write_bytes(THEM.pem)
    document = {"default": [{"type": "reject"}], "transports": {"docker": {source.host: [requirement]}}}
    policy.write_text(json.dumps(document))
    ran = here("verify", tmp_path / "b", "--insecure-no-signature", "--policy", policy, "--json")
    assert tags(ran.json) == accepted
    assert ran.code == (0 if accepted == set(KINDS) else 5)


ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
JUDGED_BY_SKOPEO = {
    "default accepts": {"default": ACCEPT},
    "default refuses": {"default": REJECT},
    "all must accept": {"default": [*ACCEPT, *REJECT]},
    "no transport": {"default": ACCEPT, "transports": {}},
    "default of the transport": {"default": REJECT, "transports": {"docker": {"": ACCEPT}}},
    "another transport": {"default": REJECT, "transports": {"docker-daemon": {"": ACCEPT}, "dir": {"/a": ACCEPT}}},
    "registry": {"default": REJECT, "transports": {"docker": {"HOST": ACCEPT}}},
    "registry without its port": {"default": REJECT, "transports": {"docker": {"127.0.0.1": ACCEPT}}},
    "namespace": {"default": REJECT, "transports": {"docker": {"HOST/team": ACCEPT}}},
    "part of a namespace": {"default": REJECT, "transports": {"docker": {"HOST/tea": ACCEPT}}},
    "repository": {"default": REJECT, "transports": {"docker": {"HOST/team/app": ACCEPT, "HOST/team": REJECT}}},
    "tag": {"default": ACCEPT, "transports": {"docker": {"HOST/team/app:simple": REJECT, "HOST/team/app": ACCEPT}}},
    "another tag": {"default": ACCEPT, "transports": {"docker": {"HOST/team/app:other": REJECT, "HOST": ACCEPT}}},
    "wildcard": {"default": REJECT, "transports": {"docker": {"*.0.0.1": ACCEPT}}},
    "shorter wildcard": {"default": REJECT, "transports": {"docker": {"*.0.1": ACCEPT, "": REJECT}}},
    "wildcard after the registry": {"default": REJECT, "transports": {"docker": {"*.0.0.1": ACCEPT, "HOST": REJECT}}},
    "no requirement": {"default": []},
    "no default": {"transports": {}},
    "unknown field": {"default": ACCEPT, "extra": 1},
    "unknown field of a requirement": {"default": [{"type": "reject", "extra": 1}]},
    "unknown requirement": {"default": [{"type": "accept"}]},
    "no type": {"default": [{}]},
    "two kinds of keys": {"default": [{"type": "sigstoreSigned", "keyPath": "a", "keyData": "Zm9v"}]},
    "no key": {"default": [{"type": "sigstoreSigned"}]},
    "path that is not absolute": {"default": ACCEPT, "transports": {"dir": {"a": ACCEPT}}},
    "scope of an archive": {"default": ACCEPT, "transports": {"docker-archive": {"/a": ACCEPT}}},
}
"""Policies without signatures: Debian's skopeo judges no sigstore signature."""


@each_case("name", JUDGED_BY_SKOPEO)
def test_skopeo_gives_the_same_verdict(name, source, policy, tmp_path):
    require("skopeo")
    policy.write_text(json.dumps(JUDGED_BY_SKOPEO[name]).replace("HOST", source.host))
    image = f"{source.host}/{WHERE}:simple"
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    copied = subprocess.run(
        [
            "skopeo",
            "--policy",
            policy,
            "copy",
            "-q",
            "--src-tls-verify=false",
            f"docker://{image}",
            f"dir:{tmp_path}/out",
        ],
        capture_output=True,
        text=True,
    )
    verdict = "accepted" if copied.returncode == 0 else "refused" if "rejected" in copied.stderr else "invalid"
    try:
        ours = read_policy(str(policy)).judge(Evidence(image).image).result
    except Misuse:
        ours = "invalid"
    assert ours == verdict, copied.stderr
