"""A policy is read strictly, as containers-policy.json(5) demands; each error names its field."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bundler.core.limits import POLICY_BYTES, POLICY_REQUIREMENTS
from bundler.core.policy.document import AcceptAnything, Named, Reject, SigstoreSigned, parse_policy
from bundler.core.policy.identity import DEFAULT_IDENTITY, MatchExact, MatchRepository, RemapIdentity
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.tables import each_case

REJECT = [{"type": "reject"}]
ANYTHING = [{"type": "insecureAcceptAnything"}]

THE_MANUAL_PAGE = """
{
    "default": [{"type": "reject"}],
    "transports": {
        "docker": {
            "docker.io/openshift": [{"type": "insecureAcceptAnything"}],
            "docker.io/library/busybox": [{"type": "insecureAcceptAnything"}],
            "*.temporary-project.example.com": [{"type": "insecureAcceptAnything"}],
            "hostname:5000/myns/sigstore-signed-with-full-references": [
                {"type": "sigstoreSigned", "keyPath": "/path/to/sigstore-pubkey.pub"}
            ],
            "hostname:5000/myns/sigstore-signed-fulcio-rekor": [
                {
                    "type": "sigstoreSigned",
                    "fulcio": {
                        "caPath": "/path/to/fulcio_v1.crt.pem",
                        "oidcIssuer": "https://github.com/login/oauth",
                        "subjectEmail": "test-user@example.com"
                    },
                    "rekorPublicKeyPath": "/path/to/rekor.pub"
                }
            ],
            "hostname:5000/myns/sigstore-signed-allows-malicious-tag-substitution": [
                {
                    "type": "sigstoreSigned",
                    "keyPath": "/path/to/sigstore-pubkey.pub",
                    "signedIdentity": {"type": "matchRepository"}
                }
            ]
        },
        "dir": {"": [{"type": "insecureAcceptAnything"}]}
    }
}
"""
"""The example of the page, without its comments and the requirements that bundler does not judge."""


def parsed(document: object):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_policy(content, source="policy.json")


def of(requirement: object, scope: str = "registry.example.com"):
    return {"default": REJECT, "transports": {"docker": {scope: [requirement]}}}


def signed(**fields: object):
    return {"type": "sigstoreSigned", **fields}


def test_the_example_of_the_manual_page_is_read():
    policy = parsed(THE_MANUAL_PAGE.encode())
    assert policy.default == (Reject(),)
    assert len(policy.docker) == 6
    assert policy.docker["*.temporary-project.example.com"] == (AcceptAnything(),)
    (by_key,) = policy.docker["hostname:5000/myns/sigstore-signed-with-full-references"]
    assert isinstance(by_key, SigstoreSigned)
    assert [key.path for key in by_key.keys] == ["/path/to/sigstore-pubkey.pub"]
    assert by_key.identity is DEFAULT_IDENTITY
    (keyless,) = policy.docker["hostname:5000/myns/sigstore-signed-fulcio-rekor"]
    assert isinstance(keyless, SigstoreSigned)
    assert keyless.fulcio
    assert (keyless.fulcio.subject_email, keyless.keys) == ("test-user@example.com", ())
    assert [key.path for key in keyless.rekor_keys] == ["/path/to/rekor.pub"]
    (by_cosign,) = policy.docker["hostname:5000/myns/sigstore-signed-allows-malicious-tag-substitution"]
    assert isinstance(by_cosign, SigstoreSigned)
    assert by_cosign.identity == MatchRepository()


KEYS = 'transports.docker["registry.example.com"][0]'


@each_case(
    "fields, keys",
    [
        ({"keyPath": "a.pub"}, (Named(f"{KEYS}.keyPath", path="a.pub"),)),
        (
            {"keyPaths": ["a.pub", "b.pub"]},
            (Named(f"{KEYS}.keyPaths[0]", path="a.pub"), Named(f"{KEYS}.keyPaths[1]", path="b.pub")),
        ),
        ({"keyData": "Zm9v"}, (Named(f"{KEYS}.keyData", data=b"foo"),)),
        (
            {"keyDatas": ["Zm9v", "YmFy"]},
            (Named(f"{KEYS}.keyDatas[0]", data=b"foo"), Named(f"{KEYS}.keyDatas[1]", data=b"bar")),
        ),
    ],
)
def test_keys_are_files_or_data(fields, keys):
    (requirement,) = parsed(of(signed(**fields))).docker["registry.example.com"]
    assert requirement.keys == keys


@each_case(
    "identity, expected",
    [
        ({"type": "matchExact"}, MatchExact()),
        ({"type": "remapIdentity", "prefix": "mirror:5000/v", "signedPrefix": "vendor.example"}, RemapIdentity("mirror:5000/v", "vendor.example")),
    ],
)  # fmt: skip
def test_an_identity_is_read(identity, expected):
    (requirement,) = parsed(of(signed(keyPath="k", signedIdentity=identity))).docker["registry.example.com"]
    assert requirement.identity == expected


def test_the_host_of_a_scope_is_read_in_lower_case():
    def read(*scopes: str):
        document = {
            "default": [{"type": "reject"}],
            "transports": {"docker": {each: [{"type": "reject"}] for each in scopes}},
        }
        return parsed(document).docker

    assert list(read("A.Example:5000/b:Tag", "*.Example")) == ["a.example:5000/b:Tag", "*.example"]
    with raises(Misuse, code="bad-policy"):
        read("a.example", "A.example")


BAD_KEYS = [
    (signed(), ""),
    (signed(keyPath="a", keyData="Zm9v"), ""),
    (signed(keyPath=""), ".keyPath"),
    (signed(keyPath=1), ".keyPath"),
    (signed(keyPaths=[]), ".keyPaths"),
    (signed(keyPaths="a"), ".keyPaths"),
    (signed(keyPaths=["a", ""]), ".keyPaths[1]"),
    (signed(keyPaths=["a"] * (POLICY_REQUIREMENTS + 1)), ".keyPaths"),
    (signed(keyData="not base64"), ".keyData"),
    (signed(keyPath="a", rekorPublicKeyPath="r", rekorPublicKeyData="Zm9v"), ""),
    (signed(keypath="a"), ".keypath"),
    (signed(keyPath="a", pki={"caRootsPath": "c", "subjectEmail": "e"}), ""),
    (signed(fulcio={"caPath": "c", "oidcIssuer": "i", "subjectEmail": "s"}, pki={"caRootsPath": "c", "subjectEmail": "e"}, rekorPublicKeyPath="r"), ""),
    (signed(pki={"caRootsPath": "c", "subjectEmail": "e"}, rekorPublicKeyPath="r"), ""),
    (signed(pki={}), ".pki"),
    (signed(pki="c"), ".pki"),
    (signed(pki={"subjectEmail": "e"}), ".pki"),
    (signed(pki={"caRootsPath": "c", "caRootsData": "Zm9v", "subjectEmail": "e"}), ".pki"),
    (signed(pki={"caRootsPath": "c"}), ".pki"),
    (signed(pki={"caRootsPath": "c", "subjectEmail": ""}), ".pki.subjectEmail"),
    (signed(pki={"caRootsPath": "c", "subjectEmail": "e", "subjectHostname": 1}), ".pki.subjectHostname"),
    (signed(pki={"caRootsPath": "", "subjectEmail": "e"}), ".pki.caRootsPath"),
    (signed(pki={"caRootsData": "%", "subjectEmail": "e"}), ".pki.caRootsData"),
    (signed(pki={"caRootsPath": "c", "caIntermediatesPath": "i", "caIntermediatesData": "Zm9v", "subjectEmail": "e"}), ".pki"),
    (signed(pki={"caRootsPath": "c", "caIntermediatesData": "", "subjectEmail": "e"}), ".pki.caIntermediatesData"),
    (signed(pki={"caRootsPath": "c", "subjectEmail": "e", "oidcIssuer": "i"}), ".pki.oidcIssuer"),
    (signed(fulcio={}, rekorPublicKeyPath="r"), ".fulcio"),
    (signed(fulcio={"caPath": "c", "oidcIssuer": "i", "subjectEmail": "s"}), ""),
    (signed(fulcio={"caPath": "c", "caData": "Zm9v", "oidcIssuer": "i", "subjectEmail": "s"}, rekorPublicKeyPath="r"), ".fulcio"),
    (signed(fulcio={"caPath": "c", "oidcIssuer": "i"}, rekorPublicKeyPath="r"), ".fulcio"),
    (signed(fulcio={"caPath": "c", "oidcIssuer": "", "subjectEmail": "s"}, rekorPublicKeyPath="r"), ".fulcio.oidcIssuer"),
    (signed(keyPath="a", signedIdentity={}), ".signedIdentity"),
    (signed(keyPath="a", signedIdentity="matchExact"), ".signedIdentity"),
    (signed(keyPath="a", signedIdentity={"type": "matchAny"}), ".signedIdentity.type"),
    (signed(keyPath="a", signedIdentity={"type": "matchExact", "extra": 1}), ".signedIdentity.extra"),
    (signed(keyPath="a", signedIdentity={"type": "exactReference"}), ".signedIdentity"),
    (signed(keyPath="a", signedIdentity={"type": "exactReference", "dockerReference": "a.example/b"}), ".signedIdentity"),
    (signed(keyPath="a", signedIdentity={"type": "exactReference", "dockerReference": "a b"}), ".signedIdentity.dockerReference"),
    (signed(keyPath="a", signedIdentity={"type": "exactRepository", "dockerRepository": "UPPER"}), ".signedIdentity.dockerRepository"),
    (signed(keyPath="a", signedIdentity={"type": "remapIdentity", "prefix": "a.example"}), ".signedIdentity"),
    (signed(keyPath="a", signedIdentity={"type": "remapIdentity", "prefix": "a.example/b:1", "signedPrefix": "c"}), ".signedIdentity.prefix"),
    ({"type": "signedBy", "keyType": "GPGKeys", "keyPath": "k"}, ".type"),
    ({"type": "signedBaseLayer"}, ".type"),
    ({"type": "unknown"}, ".type"),
    ({"type": None}, ".type"),
    ({"type": "reject", "extra": 1}, ".extra"),
    ({"type": "insecureAcceptAnything", "extra": 1}, ".extra"),
    ({}, ""),
    ("reject", ""),
]  # fmt: skip


@each_case("requirement, field", BAD_KEYS)
def test_a_bad_requirement_is_an_error_that_names_its_field(requirement, field):
    with raises(Misuse, code="bad-policy", subject=f"policy.json: {KEYS}{field}"):
        parsed(of(requirement))


@each_case(
    "document, field",
    [
        ([], ""),
        ({}, ""),
        ({"transports": {}}, ""),
        ({"default": []}, "default"),
        ({"default": None}, "default"),
        ({"default": REJECT, "extra": 1}, "extra"),
        ({"default": REJECT, "transports": []}, "transports"),
        ({"default": REJECT, "transports": {"dokcer": {}}}, "transports.dokcer"),
        ({"default": REJECT, "transports": {"docker": []}}, "transports.docker"),
        ({"default": REJECT, "transports": {"docker": {"a.example": []}}}, 'transports.docker["a.example"]'),
        ({"default": REJECT, "transports": {"docker": {"": []}}}, 'transports.docker[""]'),
        ({"default": REJECT, "transports": {"docker": {"example*.*.com": REJECT}}}, 'transports.docker["example*.*.com"]'),
        ({"default": REJECT, "transports": {"docker": {"*": REJECT}}}, 'transports.docker["*"]'),
        ({"default": REJECT, "transports": {"dir": {"/": REJECT}}}, 'transports.dir["/"]'),
        ({"default": REJECT, "transports": {"dir": {"relative": REJECT}}}, "transports.dir.relative"),
        ({"default": REJECT, "transports": {"oci": {"/a/../b": REJECT}}}, 'transports.oci["/a/../b"]'),
        ({"default": REJECT, "transports": {"docker-archive": {"/a": REJECT}}}, 'transports["docker-archive"]["/a"]'),
        ({"default": REJECT, "transports": {"atomic": {"a": [{"type": "signedBy"}]}}}, "transports.atomic.a[0].type"),
    ],
)  # fmt: skip
def test_a_bad_policy_is_an_error_that_names_its_field(document, field):
    with raises(Misuse, code="bad-policy", subject=f"policy.json: {field}" if field else "policy.json"):
        parsed(document)


@each_case(
    "content",
    [
        b"",
        b"null",
        b"{",
        b'{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}',
        b'{"default": [{"type": "reject", "type": "insecureAcceptAnything"}]}',
        b'{"default": [{"type": "reject"}] /* a comment */}',
        b"[" * 200 + b"]" * 200,
        b'{"default": [' + b"[]," * 200_000 + b"[]]}",
        b" " * (POLICY_BYTES + 1),
        b"\xff",
    ],
    ids=["empty", "null", "cut", "twice", "twice inside", "comment", "deep", "wide", "large", "not UTF-8"],
)
def test_what_is_no_strict_json_is_an_error(content):
    with raises(Misuse, code="bad-policy", subject="policy.json"):
        parsed(content)


@each_case(
    "transport, scope",
    [("dir", "/srv/images"), ("oci", "/srv/layout"), ("docker-daemon", "docker.io/library/a:1"), ("docker-archive", ""),
     ("docker", "*.example.com"), ("atomic", "host:5000/ns"), ("containers-storage", "[overlay@/x]"), ("tarball", "")],
)  # fmt: skip
def test_every_transport_of_the_manual_page_is_read(transport, scope):
    policy = parsed({"default": REJECT, "transports": {transport: {scope: ANYTHING}}})
    assert policy.docker == ({scope: (AcceptAnything(),)} if transport == "docker" else {})


@each_case(
    "scope",
    ["nginx", "library/nginx", "docker.io/library/", "docker.io/Library/nginx", "index.docker.io/library/nginx",
     f"docker.io/library/nginx:1@sha256:{'0' * 64}", "docker.io/nginx:a/b", "https://docker.io", "com"],
)  # fmt: skip
def test_a_scope_that_no_image_can_have_is_an_error_because_it_would_reject_nothing(scope):
    with raises(Misuse, code="bad-policy"):
        parsed({"default": ANYTHING, "transports": {"docker": {scope: REJECT}}})


@each_case(
    "scope",
    ["docker.io", "docker.io/nginx", "docker.io/library/nginx:1", f"docker.io/library/nginx@sha256:{'0' * 64}",
     "localhost", "localhost:5000", "LOCALHOST:5000/a/b", "[::1]:5000", "[::1]:5000/a", "*.com", "*.Example.com"],
)  # fmt: skip
def test_a_scope_that_an_image_can_have_is_taken(scope):
    assert len(parsed({"default": ANYTHING, "transports": {"docker": {scope: REJECT}}}).docker) == 1


def test_an_error_of_syntax_names_the_line():
    with raises(Misuse) as caught:
        parsed(b'{\n "default": [\n  {"type" "reject"}]}')
    assert re.search(r"line 3 column \d+", str(caught.value))


def test_the_examples_of_the_page_are_policies():
    page = (Path(__file__).parents[4] / "docs" / "policy.md").read_text()
    examples = [block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if '"default"' in block]
    assert len(examples) >= 2
    for example in examples:
        assert parsed(example.encode()).default
