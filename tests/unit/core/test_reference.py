"""References are completed as Docker completes them, and nothing ambiguous or secret gets through."""

from __future__ import annotations

import pytest

from bundler.core import reference
from bundler.core.reference import Reference
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

D = digest("image")


@each_case(
    ("text", "whole"),
    [
        pytest.param("nginx", "docker.io/library/nginx:latest", id="a bare name"),
        pytest.param("nginx:1.27", "docker.io/library/nginx:1.27", id="a tag"),
        pytest.param("grafana/grafana", "docker.io/grafana/grafana:latest", id="an organisation"),
        pytest.param("docker.io/nginx", "docker.io/library/nginx:latest", id="docker.io without library"),
        pytest.param("index.docker.io/nginx", "docker.io/library/nginx:latest", id="the old name of Docker Hub"),
        pytest.param("Registry-1.docker.io:443/nginx", "docker.io/library/nginx:latest", id="the API of Docker Hub"),
        pytest.param("registry-1.docker.io/a/b:1", "docker.io/a/b:1", id="the address of Docker Hub"),
        pytest.param("quay.io/a/b/c:v1", "quay.io/a/b/c:v1", id="a deep path"),
        pytest.param("quay.io/app", "quay.io/app:latest", id="one component elsewhere gets no library"),
        pytest.param("localhost/app", "localhost/app:latest", id="localhost"),
        pytest.param("host:5000/app", "host:5000/app:latest", id="a port is not a tag"),
        pytest.param("host:5000/app:1", "host:5000/app:1", id="a port and a tag"),
        pytest.param("[::1]:5000/app:1", "[::1]:5000/app:1", id="IPv6 with a port"),
        pytest.param("[2001:db8::1]/app", "[2001:db8::1]/app:latest", id="IPv6 without a port"),
        pytest.param("Registry/app", "Registry/app:latest", id="upper case is a host, as in Docker"),
        pytest.param(f"a/b@{D}", f"docker.io/a/b@{D}", id="a digest instead of a tag"),
        pytest.param(f"quay.io/a/b:1@{D}", f"quay.io/a/b:1@{D}", id="a tag and a digest"),
        pytest.param("quay.io/a__b.c-d--e/f", "quay.io/a__b.c-d--e/f:latest", id="all separators"),
        pytest.param(f"quay.io/a:{'t' * 128}", f"quay.io/a:{'t' * 128}", id="the longest tag"),
    ],
)
def test_a_reference_is_completed_as_docker_completes_it(text: str, whole: str) -> None:
    assert str(Reference.parse(text)) == whole


def test_the_parts_of_a_reference_are_distinguished() -> None:
    parsed = Reference.parse(f"registry.example.com:5000/team/app:1.4@{D}")
    assert parsed == Reference("registry.example.com:5000", "team/app", "1.4", D)
    assert parsed.name == "registry.example.com:5000/team/app"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        pytest.param(f"a/b:1@{D}", str(D), id="the digest first"),
        pytest.param("a/b:1", "1", id="else the tag"),
        pytest.param("a/b", "latest", id="else latest"),
    ],
)
def test_a_registry_is_asked_for_the_digest_where_there_is_one(text: str, target: str) -> None:
    assert Reference.parse(text).target == target


def test_pinning_keeps_name_and_tag() -> None:
    assert str(Reference.parse("quay.io/a:1").pinned(D)) == f"quay.io/a:1@{D}"


@each_case(
    ("text", "message"),
    [
        pytest.param("", "repository", id="nothing"),
        pytest.param("quay.io/", "repository", id="a registry alone"),
        pytest.param(":1", "repository", id="a tag alone"),
        pytest.param("https://quay.io/a:1", "https://", id="a URL"),
        pytest.param("a/b:", "tag", id="an empty tag"),
        pytest.param("a/b:-x", "tag", id="a tag that begins with a dash"),
        pytest.param(f"a/b:{'t' * 129}", "tag", id="a tag that is too long"),
        pytest.param("a/b:ü", "U[+]00FC", id="a tag that is not ASCII"),
        pytest.param("a/b@", "digest", id="an empty digest"),
        pytest.param("a/b@sha256:abc", "digest", id="a short digest"),
        pytest.param(f"a/b@{D}@{D}", "digest", id="two digests"),
        pytest.param("a/B", "repository", id="upper case in a repository"),
        pytest.param("quay.io//a", "repository", id="an empty component"),
        pytest.param("quay.io/../a", "repository", id="a path upwards"),
        pytest.param("quay.io/a___b", "repository", id="three underscores"),
        pytest.param("quay.io/a/", "repository", id="a slash at the end"),
        pytest.param("quay.io/аpp", "U[+]0430", id="a Cyrillic letter"),
        pytest.param("quay.io/a b", "repository", id="a blank"),
        pytest.param("quay.io/a\n", "repository", id="a newline"),
        pytest.param("-host.example/a", "registry", id="a host that begins with a dash"),
        pytest.param("host:0/a", "registry", id="port zero"),
        pytest.param("host:65536/a", "registry", id="a port beyond the last one"),
        pytest.param("host:http/a", "registry", id="a port that is no number"),
        pytest.param("[::1/a", "registry", id="an open bracket"),
        pytest.param(f"quay.io/{'a' * 248}", "too long", id="256 characters"),
    ],
)
def test_what_is_not_a_reference_is_refused_with_the_part_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(Misuse, match=message) as caught:
        Reference.parse(text)
    assert caught.value.exit_code == 2


def test_the_longest_name_is_taken() -> None:
    assert len(Reference.parse(f"quay.io/{'a' * 247}").name) == 255


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("user:hunter2@quay.io/team/app:1", id="before a host and a path"),
        pytest.param("user:hunter2@quay.io", id="before a host alone"),
        pytest.param("https://user:hunter2@quay.io/team/app", id="in a URL"),
    ],
)
def test_a_password_in_a_reference_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(Misuse) as caught:
        Reference.parse(text)
    error = caught.value
    assert "hunter2" not in f"{error} {error.subject} {error.expected} {error.actual} {error.hint}"


@each_case(
    ("registry", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("LocalHost:5000", True),
        ("[::1]:5000", True),
        ("10.0.0.1:5000", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("registry.example.com", False),
        ("[2001:db8::1]:5000", False),
    ],
)
def test_only_this_machine_is_loopback(registry: str, expected: bool) -> None:
    assert reference.is_loopback(registry) is expected


@pytest.mark.parametrize(
    ("registry", "host"),
    [("quay.io", "quay.io"), ("quay.io:443", "quay.io"), ("[::1]:5000", "::1"), ("[2001:db8::1]", "2001:db8::1")],
)
def test_the_host_of_a_registry_has_no_port_and_no_brackets(registry: str, host: str) -> None:
    assert reference.host_of(registry) == host


@pytest.mark.parametrize(
    ("registry", "spelling"),
    [
        ("Quay.IO:443", "quay.io"),
        ("quay.io:0443", "quay.io"),
        ("quay.io:05000", "quay.io:5000"),
        ("quay.io:4430", "quay.io:4430"),
        ("[0:0::0001]:5000", "[::1]:5000"),
        ("[2001:DB8:0::0]:443", "[2001:db8::]"),
        ("[::1]", "[::1]"),
    ],
)
def test_all_spellings_of_a_registry_become_one(registry: str, spelling: str) -> None:
    assert reference.one_spelling(registry) == spelling
    assert reference.one_spelling(spelling) == spelling


@pytest.mark.parametrize(
    ("text", "expected"),
    [("quay.io", True), ("host:5000", True), ("host:70000", False), ("host/path", False), ("", False), ("a..b", False)],
)
def test_a_registry_is_a_host_with_an_optional_port(text: str, expected: bool) -> None:
    assert reference.is_registry(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a/b", True), ("a", True), ("a//b", False), ("/a", False), ("A", False), ("", False), ("a" * 256, False)],
)
def test_a_repository_is_a_lower_case_path(text: str, expected: bool) -> None:
    assert reference.is_repository(text) is expected


def test_a_text_that_is_no_reference_is_not_repeated_as_a_whole() -> None:
    with raises(Misuse, subject=repr("a" * 80)):
        Reference.parse("a" * 1025)
