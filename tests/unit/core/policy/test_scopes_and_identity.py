"""The rules of containers-policy.json(5) for scopes and signed names, as tables."""

from __future__ import annotations

from bundler.core.policy.identity import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    SignedName,
    is_identity_prefix,
)
from bundler.core.policy.scopes import DOCKER, candidates, fault_in, folded, scope_of
from bundler.core.reference import Reference
from tests.support.tables import each_case

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
OTHER = f"sha256:{HEX[::-1]}"


@each_case(
    "reference, expected",
    [
        (
            "registry.example.com:5000/team/app:1",
            ["registry.example.com:5000/team/app:1", "registry.example.com:5000/team/app", "registry.example.com:5000/team",
             "registry.example.com:5000", "*.example.com", "*.com", ""],
        ),
        (
            "busybox",
            ["docker.io/library/busybox:latest", "docker.io/library/busybox", "docker.io/library", "docker.io", "*.io", ""],
        ),
        (f"a.example/b@{DIGEST}", [f"a.example/b@{DIGEST}", "a.example/b", "a.example", "*.example", ""]),
        (
            f"localhost:5000/b:1@{DIGEST}",
            [f"localhost:5000/b@{DIGEST}", "localhost:5000/b:1", "localhost:5000/b", "localhost:5000", ""],
        ),
        ("[::1]:5000/b:1", ["[::1]:5000/b:1", "[::1]:5000/b", "[::1]:5000", ""]),
    ],
)  # fmt: skip
def test_the_most_specific_scope_comes_first(reference, expected):
    assert list(candidates(Reference.parse(reference))) == expected


@each_case(
    "scopes, expected",
    [
        (["docker.io", "docker.io/library", ""], "docker.io/library"),
        (["docker.io/library/busybox:latest", "docker.io/library/busybox"], "docker.io/library/busybox:latest"),
        (["docker.io/lib", "docker.io/library/busy", "library", "busybox"], None),
        (["*.io"], "*.io"),
        (["*.docker.io", "io"], None),
        ([""], ""),
        ([], None),
    ],
)
def test_a_scope_is_whole_parts_of_the_full_name(scopes, expected):
    assert scope_of(dict.fromkeys(scopes), Reference.parse("busybox:latest")) == expected


@each_case("scope", ["A.example:5000", "a.Example:5000/b", "a.EXAMPLE:5000/b:Tag", "*.EXAMPLE"])
def test_the_case_of_a_host_changes_no_rule(scope):
    scopes = {folded(scope): "rule"}
    for name in ("a.example:5000/b:Tag", "A.EXAMPLE:5000/b:Tag"):
        assert scope_of(scopes, Reference.parse(name)) in scopes
    assert scope_of({"a.example:5000/b:tag": "rule"}, Reference.parse("a.example:5000/b:Tag")) is None


@each_case(
    "scope, names",
    [
        ("a.example", ["a.example:443/b:1", "A.Example:0443/b:1"]),
        ("a.example:443/b", ["a.example/b:1"]),
        ("*.example", ["a.EXAMPLE:443/b:1"]),
        ("[0:0::1]:5000", ["[::1]:05000/b:1"]),
        (
            "docker.io/library",
            ["b:1", "Docker.io:443/b:1", "registry-1.docker.io:443/library/b:1", "INDEX.docker.io/b:1"],
        ),
    ],
)
def test_no_image_escapes_its_scope_by_the_spelling_of_its_host(scope, names):
    for name in names:
        assert scope_of({folded(scope): "rule", "": "other"}, Reference.parse(name)) == folded(scope), name


def test_a_host_without_a_dot_may_have_the_port_of_https():
    assert fault_in(DOCKER, "reg:443/team") is None
    assert scope_of({folded("reg:443/team"): "rule"}, Reference.parse("reg:0443/team/app:1")) == folded("reg:443/team")


IMAGE = "registry.example.com/team/app"
EXACT, DEFAULT, REPOSITORY = MatchExact(), MatchRepoDigestOrExact(), MatchRepository()
REMAP = RemapIdentity("mirror.internal:5000/vendor", "vendor.example.com")


@each_case(
    "identity, image, signed, expected",
    [
        (EXACT, f"{IMAGE}:1", f"{IMAGE}:1", True),
        (EXACT, f"{IMAGE}:1", f"{IMAGE}:2", False),
        (EXACT, f"{IMAGE}:1", IMAGE, False),
        (EXACT, f"{IMAGE}@{DIGEST}", f"{IMAGE}:1", False),
        (EXACT, f"{IMAGE}@{DIGEST}", f"{IMAGE}@{DIGEST}", True),
        (EXACT, f"{IMAGE}@{DIGEST}", f"{IMAGE}@{OTHER}", False),
        (EXACT, f"{IMAGE}:1@{DIGEST}", f"{IMAGE}:1", True),
        (EXACT, f"{IMAGE}:1@{DIGEST}", f"{IMAGE}:1@{OTHER}", False),
        (EXACT, f"{IMAGE}:latest", IMAGE, False),
        (DEFAULT, f"{IMAGE}:1", f"{IMAGE}:1", True),
        (DEFAULT, f"{IMAGE}:1", f"{IMAGE}:2", False),
        (DEFAULT, f"{IMAGE}:1", IMAGE, False),
        (DEFAULT, f"{IMAGE}:1", f"{IMAGE}@{DIGEST}", False),
        (DEFAULT, f"{IMAGE}@{DIGEST}", f"{IMAGE}:any", True),
        (DEFAULT, f"{IMAGE}@{DIGEST}", f"{IMAGE}@{OTHER}", True),
        (DEFAULT, f"{IMAGE}@{DIGEST}", IMAGE, False),
        (DEFAULT, f"{IMAGE}@{DIGEST}", f"{IMAGE}2:any", False),
        (REPOSITORY, f"{IMAGE}:1", IMAGE, True),
        (REPOSITORY, f"{IMAGE}:1", f"{IMAGE}:2", True),
        (REPOSITORY, f"{IMAGE}:1", f"{IMAGE}/sub", False),
        (REPOSITORY, f"{IMAGE}:1", "registry.example.com/team", False),
        (REPOSITORY, "busybox", "docker.io/library/busybox", True),
        (REPOSITORY, "busybox", "index.docker.io/library/busybox", True),
        (REPOSITORY, f"{IMAGE}:1", "REGISTRY.example.com/team/app", False),
        (ExactReference(SignedName.parse("docker.io/library/a:1")), f"{IMAGE}:1", "a:1", True),
        (ExactReference(SignedName.parse("docker.io/library/a:1")), f"{IMAGE}:1", "a", False),
        (ExactReference(SignedName.parse("docker.io/library/a:1")), f"{IMAGE}:1", f"{IMAGE}:1", False),
        (ExactRepository("docker.io/library/a"), f"{IMAGE}:1", "a:9", True),
        (ExactRepository("docker.io/library/a"), f"{IMAGE}:1", "a", True),
        (ExactRepository("docker.io/library/a"), f"{IMAGE}:1", "b", False),
        (REMAP, "mirror.internal:5000/vendor/x/y:1", "vendor.example.com/x/y:1", True),
        (REMAP, "mirror.internal:5000/vendor/x/y:1", "mirror.internal:5000/vendor/x/y:1", False),
        (REMAP, "mirror.internal:5000/vendor2/y:1", "vendor.example.com2/y:1", False),
        (REMAP, "mirror.internal:5000/vendor2/y:1", "mirror.internal:5000/vendor2/y:1", True),
        (REMAP, f"mirror.internal:5000/vendor/x@{DIGEST}", "vendor.example.com/x:5", True),
        (REMAP, "mirror.internal:5000/vendor/x/y:1", "vendor.example.com/x/y", False),
        (RemapIdentity("mirror.internal/v", "short"), "mirror.internal/v/x:1", "docker.io/short/x:1", False),
    ],
)  # fmt: skip
def test_a_signed_name_matches_by_the_rules_of_the_manual_page(identity, image, signed, expected):
    reference, stated = Reference.parse(image), SignedName.parse(signed)
    assert (stated is not None and identity.matches(reference, stated)) is expected
    assert identity.wanted(reference)


@each_case("stated", ["", "upper/CASE", "a b", "x" * 5000, "https://a.example/b", "a:b:c", "user:secret@host/x"])
def test_what_is_no_reference_is_no_name(stated):
    assert SignedName.parse(stated) is None


@each_case(
    "prefix, expected",
    [("host:5000", True), ("host.example/ns", True), ("docker.io/library/busybox", True), ("host.example/ns:1", False),
     (f"host.example/ns@{DIGEST}", False), ("", False), ("host.example/", False), ("/ns", False), ("host.example/NS", False)],
)  # fmt: skip
def test_a_prefix_has_no_tag_and_no_digest(prefix, expected):
    assert is_identity_prefix(prefix) is expected
