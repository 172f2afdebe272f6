"""`inspect --sbom` shows the SBOM that a bundle carries, and nothing in it commands the terminal."""

from __future__ import annotations

import json

import pytest

from bundler import cli
from bundler.bundle import signing
from tests.support.attached import attached, referrer
from tests.unit.core.sbom.test_sbom import CYCLONEDX, SPDX, enveloped, statement
from tests.vectors import make
from tests.vectors.make import Content, Made

APP, MULTI, BARE = "registry.example.com/team/app:1.0", "docker.io/library/multi:2.0", "docker.io/library/bare:1"
EVIL = "evil\x1b[2J\x9b\u202e\n"


def content(document, media_type="application/spdx+json"):
    return Content(media_type, json.dumps(document).encode())


def with_buildkit(*images: Made) -> Made:
    """An index as BuildKit makes it: each image has a sibling with its attestations."""
    entries, children = [], []
    for image in images:
        architecture = json.loads(image.config.data)["architecture"]
        layers = (
            content(statement({}, "https://slsa.dev/provenance/v1"), "application/vnd.in-toto+json"),
            content(statement({**SPDX, "name": architecture}), "application/vnd.in-toto+json"),
        )
        predicates = ("https://slsa.dev/provenance/v1", "https://spdx.dev/Document")
        listed = [
            layer.json(annotations={"in-toto.io/predicate-type": predicate})
            for layer, predicate in zip(layers, predicates, strict=True)
        ]
        config = Content("application/vnd.oci.image.config.v1+json", b'{"architecture":"unknown","os":"unknown"}')
        document = {"schemaVersion": 2, "mediaType": make.oci.OCI_MANIFEST, "config": config.json(), "layers": listed}
        made = Made(make.document(make.oci.OCI_MANIFEST, document), config, layers)
        reference = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": str(image.manifest.digest),
        }
        entries.append(image.manifest.json(platform={"os": "linux", "architecture": architecture}))
        unknown = {"os": "unknown", "architecture": "unknown"}
        entries.append(made.manifest.json(platform=unknown, annotations=reference))
        children += [image, made]
    document = {"schemaVersion": 2, "mediaType": make.oci.OCI_INDEX, "manifests": entries}
    return Made(make.document(make.oci.OCI_INDEX, document), children=tuple(children))


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    base = make.layer("base", 500)
    app, bare = make.image(base, make.layer("app")), make.image(make.layer("bare"))
    multi = with_buildkit(make.image(base), make.image(base, architecture="arm64"))
    evil = {"spdxVersion": f"SPDX-2.3{EVIL}", "name": EVIL, "packages": [{"name": EVIL, "versionInfo": EVIL}]}
    return attached(
        tmp_path_factory.mktemp("sbom"),
        {
            APP: (app, [referrer(app, content(SPDX), kind="sbom", artifact_type="application/spdx+json")]),
            MULTI: (multi, []),
            BARE: (bare, [referrer(bare, content({"signed": 1}, "application/json"), artifact_type="a/signature")]),
            "example.org/evil:1": (app, [referrer(app, content(evil), kind="sbom")]),
            "example.org/two:1": (
                bare,
                [
                    referrer(bare, content(CYCLONEDX, "application/vnd.cyclonedx+json"), kind="sbom"),
                    referrer(bare, content(enveloped(statement(SPDX)), "application/vnd.dsse.envelope.v1+json")),
                ],
            ),
            "example.org/odd:1": (
                bare,
                [referrer(bare, Content("text/spdx", b"SPDXVersion: SPDX-2.3"), kind="sbom")],
            ),
            "example.org/three:1": (bare, [referrer(bare, content({"spdxVersion": "SPDX-3.0"}), kind="sbom")]),
        },
    )


@pytest.fixture
def shown(bundled, capsys):
    def run(*arguments, trust=True):
        trusted = ["--trust", str(bundled.public)] if trust else []
        code = cli.run(["inspect", str(bundled.folder), *trusted, *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def test_the_packages_are_a_table(shown):
    code, out, _ = shown("--sbom", APP)
    assert code == 0
    rows = [line.split() for line in out.splitlines()[-3:]]
    assert rows == [["bash", "5.2", "GPL-3.0-or-later"], ["odd"], ["zlib", "1.3", "Zlib"]]
    assert "UNVERIFIED" not in out


def test_json_is_the_document_itself(shown):
    code, out, _ = shown("--sbom", "*/team/app*", "--json")
    assert (code, json.loads(out)) == (0, SPDX)


def test_quiet_shows_the_packages_alone(shown):
    code, out, _ = shown("--sbom", APP, "--quiet")
    assert (code, out.split()[0]) == (0, "bash")


def test_buildkit_has_one_for_each_platform(shown):
    code, out, _ = shown("--sbom", "multi", "--json")
    listed = json.loads(out)
    assert (code, listed["image"]) == (0, MULTI)
    assert [(each["platform"], each["format"], each["packages"]) for each in listed["sboms"]] == [
        ("linux/amd64", "SPDX 2.3", 3),
        ("linux/arm64", "SPDX 2.3", 3),
    ]
    code, out, _ = shown("--sbom", "multi", "--json", "--platform", "linux/arm64")
    assert (code, json.loads(out)["name"]) == (0, "arm64")


def test_several_are_listed_and_one_is_chosen_by_its_digest(shown):
    code, out, _ = shown("--sbom", "example.org/two:1")
    assert code == 0
    assert "CycloneDX 1.5" in out
    assert "SPDX 2.3" in out
    _, out, _ = shown("--sbom", "example.org/two:1", "--json")
    digests = {each["format"]: each["digest"] for each in json.loads(out)["sboms"]}
    for form, wanted in (("CycloneDX 1.5", CYCLONEDX), ("SPDX 2.3", SPDX)):
        for digest in (digests[form], digests[form].partition(":")[2][:12]):
            code, out, _ = shown("--sbom", "example.org/two:1", "--json", "--document", digest)
            assert (code, json.loads(out)) == (0, wanted)


def test_nothing_in_an_sbom_commands_the_terminal(shown):
    for arguments in ((), ("--json",), ("--quiet",)):
        code, out, err = shown("--sbom", "*evil*", *arguments)
        assert code == 0
        assert all(character.isprintable() or character == "\n" for character in out + err)
    assert "\\x1b[2J" in shown("--sbom", "*evil*")[1]


def test_a_document_that_cannot_be_read_is_damage_and_still_given_as_json(shown):
    code, out, _ = shown("--sbom", "example.org/odd:1", "--json")
    assert (code, json.loads(out)["sboms"][0]["problem"]["kind"]) == (4, "integrity")
    code, out, _ = shown("--sbom", "example.org/three:1")
    assert code == 4
    code, out, _ = shown("--sbom", "example.org/three:1", "--json")
    assert json.loads(out) == {"spdxVersion": "SPDX-3.0"}


def test_an_image_without_an_sbom_is_exit_6(shown):
    code, out, _ = shown("--sbom", BARE, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (6, "no-sbom")
    code, out, _ = shown("--sbom", "multi", "--platform", "linux/s390x", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (6, "no-sbom")


def test_the_request_names_one_image_and_flags_that_fit(shown, bundled, tmp_path):
    assert shown("--sbom", "nothing")[0] == 2
    assert shown("--sbom", "*")[0] == 2
    assert shown("--platform", "linux/amd64")[0] == 2
    assert shown("--document", "sha256:0")[0] == 2
    (tmp_path / "image.tar").write_bytes(b"")
    assert cli.run(["inspect", str(tmp_path / "image.tar"), "--sbom", "app"]) == 2


def test_an_sbom_that_no_trusted_key_covers_is_marked(shown, tmp_path, bundled):
    code, out, _ = shown("--sbom", APP, trust=False)
    assert (code, "UNVERIFIED" in out) == (0, True)
    other = tmp_path / "other.pub"
    other.write_bytes(signing.generate(None)[1])
    code, out, _ = shown("--trust", str(other), "--sbom", APP, trust=False)
    assert (code, "UNVERIFIED" in out) == (5, True)


def test_an_image_that_the_bundle_lacks_is_an_error_of_the_flag_that_named_it(shown):
    code, out, _ = shown("--sbom", "team/none", "--json")
    assert (code, json.loads(out)["error"]["subject"]) == (2, "--sbom team/none")
