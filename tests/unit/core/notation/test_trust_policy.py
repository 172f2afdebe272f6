"""The trust policy: what it accepts, which statement applies, and that a mistake in it never weakens it."""

from __future__ import annotations

import json

import pytest

from bundler.core.notation import distinguished_name, trust_policy
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.notation import policy_of, statement_of
from tests.support.tables import each_case

ACME = "x509.subject: C=US, ST=WA, O=acme"


def parsed(**changes):
    return trust_policy.parse(policy_of(statement_of(**changes)), origin="trustpolicy.json").statements[0]


@each_case(
    "level, override, actions",
    [
        ("strict", {}, ("enforce", "enforce", "enforce", "enforce")),
        ("permissive", {}, ("enforce", "log", "log", "log")),
        ("audit", {}, ("log", "log", "log", "log")),
        ("strict", {"revocation": "skip", "expiry": "log"}, ("enforce", "enforce", "log", "skip")),
        ("audit", {"authenticity": "enforce"}, ("enforce", "log", "log", "log")),
    ],
)
def test_levels_and_overrides_are_those_of_the_specification(level, override, actions):
    found = parsed(signatureVerification={"level": level, "override": override}).actions
    assert tuple(found[check] for check in ("authenticity", "authenticTimestamp", "expiry", "revocation")) == actions


def test_the_most_special_statement_applies():
    policy = trust_policy.parse(
        policy_of(
            statement_of(),
            statement_of(name="app", registryScopes=["registry.example:5000/team/app", "docker.io/library/nginx"]),
            statement_of(
                name="off",
                registryScopes=["registry.example/unsigned"],
                signatureVerification={"level": "skip"},
                trustStores=None,
                trustedIdentities=None,
            ),
        ),
        origin="trustpolicy.json",
    )
    names = {
        repository: policy.applies_to(repository).name
        for repository in (
            "registry.example:5000/team/app",
            "registry.example:5000/team/app/more",
            "docker.io/library/nginx",
            "registry.example/unsigned",
        )
    }
    assert list(names.values()) == ["app", "all", "app", "off"]
    assert policy.applies_to("registry.example/unsigned").is_skipped
    assert [str(store) for store in policy.stores] == ["ca:acme"]


def test_the_case_of_a_host_changes_no_statement():
    content = policy_of(
        statement_of(name="app", registryScopes=["Registry.example:5000/team/app"]),
        statement_of(name="all", registryScopes=["*"]),
    )
    policy = trust_policy.parse(content, origin="trustpolicy.json")
    named = policy.applies_to("registry.example:5000/team/app")
    assert named.name == "app"
    assert policy.applies_to("REGISTRY.EXAMPLE:5000/team/app") is named
    with raises(Misuse, code="notation-policy"):
        trust_policy.parse(policy_of(statement_of(registryScopes=["A.example/b", "a.example/b"])), origin="x")


def test_without_a_statement_for_all_some_repositories_have_none():
    policy = trust_policy.parse(policy_of(statement_of(registryScopes=["a.example/b"])), origin="trustpolicy.json")
    assert policy.applies_to("a.example/c") is None


@each_case(
    "changes",
    [
        {"name": ""},
        {"name": None},
        {"name": "a\nb"},
        {"registryScopes": None},
        {"registryScopes": []},
        {"registryScopes": ["*", "a.example/b"]},
        {"registryScopes": ["a.example/*"]},
        {"registryScopes": ["nginx"]},
        {"registryScopes": ["a.example/Upper"]},
        {"registryScopes": ["a.example/b:tag"]},
        {"registryScopes": [1]},
        {"registryScopes": ["a.example/b", "a.example/b"]},
        {"signatureVerification": None},
        {"signatureVerification": "strict"},
        {"signatureVerification": {}},
        {"signatureVerification": {"level": "Strict"}},
        {"signatureVerification": {"level": "strict", "overide": {}}},
        {"signatureVerification": {"level": "strict", "override": {"integrity": "log"}}},
        {"signatureVerification": {"level": "strict", "override": {"authenticity": "skip"}}},
        {"signatureVerification": {"level": "strict", "override": {"expiry": "off"}}},
        {"signatureVerification": {"level": "strict", "override": ["expiry"]}},
        {"signatureVerification": {"level": "strict", "verifyTimestamp": "never"}},
        {"signatureVerification": {"level": "skip"}},
        {"signatureVerification": {"level": "skip"}, "trustStores": None, "trustedIdentities": None},
        {"trustStores": None},
        {"trustStores": []},
        {"trustStores": ["acme"]},
        {"trustStores": ["CA:acme"]},
        {"trustStores": ["ca:"]},
        {"trustStores": ["ca:.."]},
        {"trustStores": ["ca:a/b"]},
        {"trustStores": [{}]},
        {"trustedIdentities": None},
        {"trustedIdentities": ["*", ACME]},
        {"trustedIdentities": ["acme"]},
        {"trustedIdentities": ["x509.subject: C=US, ST=WA"]},
        {"trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme, O=other"]},
        {"trustedIdentities": ["x509.subject:C=US+ST=WA,O=acme"]},
        {"trustedIdentities": [ACME, f"{ACME}, OU=builders"]},
        {"trustedIdentities": ["plugin.identity: anything"]},
        {"unknownField": 1},
    ],
)
def test_a_mistake_is_an_error_of_the_whole_policy(changes):
    with raises(Misuse, subject="trustpolicy.json", code="notation-policy"):
        parsed(**changes)


@each_case(
    "content",
    [
        b"", b"[]", b"{}", b'{"version":"1.0"}', b'{"version":"1.0","trustPolicies":[]}',
        b'{"version":"1.0","trustPolicies":[[]]}', b'{"version":1.0,"trustPolicies":[]}',
        json.dumps({"version": "2.0", "trustPolicies": [statement_of()]}).encode(),
        json.dumps({"version": "1.0", "trustPolicies": [statement_of()], "more": 1}).encode(),
        policy_of(statement_of(), statement_of(registryScopes=["a.example/b"])),
        policy_of(statement_of(), statement_of(name="other")),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_an_error(content):
    with raises(Misuse, subject="trustpolicy.json", code="notation-policy"):
        trust_policy.parse(content, origin="trustpolicy.json")


@each_case(
    "name, values",
    [
        ("C=US, ST=WA, O=acme", {"C": "US", "ST": "WA", "O": "acme"}),
        (r"C=US,ST=WA,O=acme\, inc.", {"C": "US", "ST": "WA", "O": "acme, inc."}),
        (r"C=US, ST=WA, O=a\\b\;c\=d", {"C": "US", "ST": "WA", "O": r"a\b;c=d"}),
        (r"C=US, ST=WA, O=\ a\ ", {"C": "US", "ST": "WA", "O": " a "}),
        (r"C=US, ST=WA, O=a\\ ", {"C": "US", "ST": "WA", "O": "a\\"}),
        (r"C=CN, ST=\E5\8C\97, O=a", {"C": "CN", "ST": "北", "O": "a"}),
        ("C=US, ST=WA, O=a, 2.5.4.97=x", {"C": "US", "ST": "WA", "O": "a", "2.5.4.97": "x"}),
    ],
)
def test_distinguished_names_are_read(name, values):
    assert distinguished_name.parse(name) == values


@each_case(
    "name",
    [
        "", "C", "C=US, ST=WA, O=", "c=US, ST=WA, O=a", "C=US; ST=WA; O=a", 'C=US, ST=WA, O="a"', "C=US, ST=WA, O=#0401",
        "C=US, ST=WA, O=a\\", "C=US, ST=WA, O=\\zz", "C=US, ST=WA, O=\\ff", "C=US,, ST=WA, O=a", "C=US, ST=WA, O=a,",
        "C=US, ST=WA, =a, O=b",
    ],
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(ValueError):
        distinguished_name.parse(name)
