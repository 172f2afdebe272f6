"""A policy decides on each image from the bytes of the bundle, before anything is sent; verify and import agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundler import cli
from bundler.bundle.evidence import evidence_of
from bundler.commands.verify import VerifyRequest, verify
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.events import PhaseBegan
from bundler.core.oci import Descriptor
from bundler.core.receipt import parse_receipt
from bundler.errors import Damaged, Misuse, Untrusted
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest, ReceiptRequest
from bundler.importing.results import ImportResult, Outcome
from bundler.keys.image_policy import read_policy
from bundler.keys.open_bundle import open_bundle
from bundler.run import Run
from bundler.transports.parsing import parse_target
from tests.support.errors import raises
from tests.support.signatures import Evidence, dsse_bundle, manifest_of, policy_file, signed_bundle, signer

US, THEM = signer(), signer("P-256", 1)
GOOD, BUNDLED, WRONG, UNSIGNED, FOREIGN = (
    f"registry.example.com/team/{name}:1" for name in ("good", "bundled", "wrong", "unsigned", "foreign")
)
ELSEWHERE = "elsewhere.example/app:1"
SENT = {GOOD: Outcome.PUSHED, BUNDLED: Outcome.PUSHED}
REFUSED = (WRONG, UNSIGNED, FOREIGN, ELSEWHERE)


def all_images() -> list[Evidence]:
    """An image for each verdict. All have the same root, which is the hard case."""
    bundled = Evidence(BUNDLED)
    return [
        Evidence(GOOD).signed_simply(US),
        bundled.bundle(dsse_bundle(US, bundled.digest)),
        Evidence(WRONG).signed_simply(THEM),
        Evidence(UNSIGNED),
        Evidence(FOREIGN).signed_simply(US, GOOD),
        Evidence(ELSEWHERE).signed_simply(US),
    ]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_bundle(tmp_path_factory.mktemp("bundles"), *all_images())


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return policy_file(tmp_path / "policy", US)


def imported(bundle: Path, policy: Path, to: Path, **more: object) -> ImportResult:
    request = ImportRequest(
        (bundle,), (parse_target(f"oci:{to}"),), is_without_signature=True, policies=(read_policy(str(policy)),), **more
    )  # type: ignore[arg-type]  # options
    return import_bundle(request)


def outcomes(result: ImportResult) -> dict[str, Outcome | None]:
    return {str(each.image.reference): each.outcome for each in result.targets[0].images}


def references_in(layout: Path) -> set[str]:
    if not (layout / "index.json").exists():
        return set()
    index = json.loads((layout / "index.json").read_text())
    names = (entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "") for entry in index["manifests"])
    return {name for name in names if name and not name.endswith(".sig")}


def test_refused_images_fail_and_the_others_go_on(bundle: Path, policy: Path, tmp_path: Path) -> None:
    result = imported(bundle, policy, tmp_path / "layout")
    assert outcomes(result) == {**SENT, **dict.fromkeys(REFUSED, Outcome.FAILED)}
    assert result.exit_code == 5
    for each in result.targets[0].images:
        if each.outcome is Outcome.FAILED:
            assert isinstance(each.error, Untrusted)
            assert (each.error.code, each.error.subject) == ("policy", str(each.image.reference))
            assert each.error.actual
    assert references_in(tmp_path / "layout") == {GOOD, BUNDLED}


def test_no_signature_of_a_refused_image_is_sent(bundle: Path, policy: Path, tmp_path: Path) -> None:
    imported(bundle, policy, tmp_path / "layout")
    there = {path.name for path in (tmp_path / "layout" / "blobs" / "sha256").iterdir()}
    with open_bundle([bundle], (), is_without_signature=True) as opened:
        blobs = opened.manifest.blobs
        of = {
            str(image.reference): {blobs[each.manifests[-1]].descriptor.digest.encoded for each in image.attachments}
            for image in opened.images
        }
    assert of[GOOD] <= there
    assert of[BUNDLED] <= there
    for name in (WRONG, FOREIGN):
        assert of[name] - of[GOOD]
        assert not (of[name] - of[GOOD]) & there


def test_a_manifest_that_is_not_below_the_signed_root_is_not_imported_with_it(policy: Path, tmp_path: Path) -> None:
    hiding = Evidence(BUNDLED).signed_simply(US)
    unsigned = manifest_of(hiding.put(b'{"os":"linux","architecture":"amd64"}', oci.OCI_CONFIG))
    hiding.strays.append(hiding.put_json(unsigned, oci.OCI_MANIFEST))
    bundle = signed_bundle(tmp_path, Evidence(GOOD).signed_simply(US), hiding)
    result = imported(bundle, policy, tmp_path / "layout")
    assert outcomes(result) == {GOOD: Outcome.PUSHED, BUNDLED: Outcome.FAILED}
    error = next(each.error for each in result.targets[0].images if each.error)
    assert isinstance(error, Damaged)
    assert error.actual == str(hiding.strays[0].digest)
    assert not (tmp_path / "layout" / "blobs" / "sha256" / hiding.strays[0].digest.encoded).exists()


def test_a_dry_run_judges_too(bundle: Path, policy: Path, tmp_path: Path) -> None:
    result = imported(bundle, policy, tmp_path / "layout", is_dry_run=True)
    expected = {**dict.fromkeys(SENT, Outcome.WOULD_PUSH), **dict.fromkeys(REFUSED, Outcome.FAILED)}
    assert outcomes(result) == expected
    assert result.exit_code == 5


def test_all_or_nothing_moves_no_tag_if_one_image_is_refused(bundle: Path, policy: Path, tmp_path: Path) -> None:
    result = imported(bundle, policy, tmp_path / "layout", is_all_or_nothing=True)
    assert outcomes(result) == {**dict.fromkeys(SENT, Outcome.HELD), **dict.fromkeys(REFUSED, Outcome.FAILED)}
    assert references_in(tmp_path / "layout") == set()


def test_verify_gives_the_same_verdicts(bundle: Path, policy: Path, tmp_path: Path) -> None:
    judged = verify(VerifyRequest((bundle,), is_without_signature=True, policies=(read_policy(str(policy)),)))
    assert judged.findings == ()
    assert judged.exit_code == 5
    assert judged.verdicts == imported(bundle, policy, tmp_path / "layout").verdicts
    accepted = [str(verdict.reference) for verdict in judged.verdicts if verdict.is_accepted]
    assert accepted == list(SENT)


def test_verdicts_are_in_the_receipt(bundle: Path, policy: Path, tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    result = imported(bundle, policy, tmp_path / "layout", receipt=ReceiptRequest(path))
    receipt = parse_receipt(path.read_bytes(), what="receipt")
    assert [verdict.reference for verdict in receipt.verdicts] == [str(each.reference) for each in result.verdicts]
    by_name = {verdict.reference: verdict for verdict in receipt.verdicts}
    assert by_name[GOOD].result == "accepted"
    assert by_name[GOOD].signers == (f"{US.public.fingerprint[:16]} (signer.pub)",)
    assert by_name[UNSIGNED].result == "refused"
    assert by_name[UNSIGNED].reason
    assert {verdict.policy for verdict in receipt.verdicts} == {Digest.of(policy.read_bytes()).encoded}


def test_every_policy_must_accept_an_image(bundle: Path, policy: Path, tmp_path: Path) -> None:
    other = policy_file(tmp_path / "other", THEM)
    both = tuple(read_policy(str(file)) for file in (policy, other))
    judged = verify(VerifyRequest((bundle,), is_without_signature=True, policies=both))
    assert len(judged.verdicts) == 2 * len(all_images())
    assert judged.exit_code == 5
    request = ImportRequest(
        (bundle,), (parse_target(f"oci:{tmp_path / 'layout'}"),), is_without_signature=True, policies=both
    )
    assert {each.outcome for each in import_bundle(request).targets[0].images} == {Outcome.FAILED}


def test_only_chosen_images_are_judged(bundle: Path, policy: Path, tmp_path: Path) -> None:
    from bundler.core.selection import Selection

    result = imported(bundle, policy, tmp_path / "layout", selection=Selection(only=("*/good:1",)))
    assert [str(verdict.reference) for verdict in result.verdicts] == [GOOD]
    assert result.exit_code == 0


def test_a_policy_or_key_in_the_bundle_decides_nothing(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path, Evidence(GOOD).signed_simply(US))
    inside = policy_file(bundle / "policy", US)
    outside = policy_file(tmp_path / "outside", US, keyPath=str(bundle / "policy" / "signer.pub"))
    for file in (inside, outside):
        request = VerifyRequest((bundle,), is_without_signature=True, policies=(read_policy(str(file)),))
        events: list[object] = []
        with raises(Untrusted, code="key-came-along"):
            verify(request, Run(listener=events.append))
        assert not any(isinstance(event, PhaseBegan) for event in events), "before terabytes are read"
        with raises(Untrusted, code="key-came-along"):
            raise imported(bundle, file, tmp_path / "layout").error or AssertionError
    assert not (tmp_path / "layout").exists()


def test_a_document_is_read_only_with_the_size_that_the_bundle_lists(bundle: Path) -> None:
    """A manifest may state a small size for a large blob of the bundle, to fill the memory."""
    with open_bundle([bundle], (), is_without_signature=True) as opened:
        image = opened.images[0]
        evidence = evidence_of(opened, image)
        listed = opened.manifest.blobs[image.attachments[0].blobs[-1]].descriptor
        assert evidence.read(listed, limit_bytes=1 << 20)
        for other in (Descriptor(listed.media_type, listed.digest, 1), Descriptor("x/y", Digest.of(b"other"), 5)):
            with raises(Damaged, subject=str(other.digest)):
                evidence.read(other, limit_bytes=1 << 20)


def test_a_damaged_signature_is_damage_and_no_matter_of_trust(tmp_path: Path, policy: Path) -> None:
    evidence = Evidence(GOOD).signed_simply(US)
    bundle = signed_bundle(tmp_path, evidence)
    chunk = bundle / "chunk-0001.tar"
    content = chunk.read_bytes()
    place = content.index(b'"critical"')
    chunk.write_bytes(content[:place] + b"'" + content[place + 1 :])
    result = imported(bundle, policy, tmp_path / "layout")
    assert result.exit_code == 4
    assert references_in(tmp_path / "layout") == set()
    (verdict,) = result.verdicts
    assert verdict.error is not None


def test_a_missing_key_is_an_error_before_the_bundle_is_opened(policy: Path) -> None:
    (policy.parent / "signer.pub").unlink()
    with raises(Misuse, subject=f'{policy}: transports.docker["registry.example.com"][0].keyPath: signer.pub'):
        read_policy(str(policy))


@pytest.mark.parametrize("fields", [{"type": "signedBy"}])
def test_what_is_not_judged_is_an_error(tmp_path: Path, fields: dict[str, object]) -> None:
    with raises(Misuse, code="bad-policy"):
        read_policy(str(policy_file(tmp_path, US, **fields)))


def test_the_command_prints_a_table_and_exits_with_5(
    bundle: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verifying = ["verify", str(bundle), "--insecure-no-signature", "--policy", str(policy)]
    assert cli.run(verifying) == 5
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip().startswith(("registry.example.com", "elsewhere"))}
    assert set(rows) == {GOOD, BUNDLED, *REFUSED}
    assert "REFUSED" in rows[UNSIGNED]
    assert "docker registry.example.com: sigstoreSigned" in rows[UNSIGNED]
    assert "default: reject" in rows[ELSEWHERE]
    assert f"{US.public.fingerprint[:16]} (signer.pub)" in rows[GOOD]
    assert cli.run([*verifying, "--json"]) == 5
    document = json.loads(capsys.readouterr().out)
    assert [each["result"] for each in document["verdicts"]] == ["accepted"] * 2 + ["refused"] * 4
    assert document["verdicts"][3]["reference"] == UNSIGNED
    assert document["verdicts"][0]["signers"] == [f"{US.public.fingerprint[:16]} (signer.pub)"]


def test_the_import_command_names_each_refused_image(
    bundle: Path, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "import",
        str(bundle),
        "--insecure-no-signature",
        "--policy",
        str(policy),
        "--to",
        f"oci:{tmp_path / 'l'}",
    ]
    assert cli.run([*command, "--json"]) == 5
    document = json.loads(capsys.readouterr().out)
    assert len(document["verdicts"]) == 6
    failed = [each for each in document["targets"][0]["images"] if each["outcome"] == "failed"]
    assert {each["reference"] for each in failed} == set(REFUSED)
    assert {each["error"]["code"] for each in failed} == {"policy"}
    assert cli.run(["receipt", "show", document["receipt"]]) == 0
    assert "2 accepted, 4 refused" in capsys.readouterr().out


def test_a_policy_for_a_bundle_whose_content_is_not_known_is_an_error(tmp_path: Path, policy: Path) -> None:
    from tests.vectors.make import HERE

    with raises(Misuse, subject="--policy"):
        verify(VerifyRequest((HERE / "encrypted",), is_without_signature=True, policies=(read_policy(str(policy)),)))
