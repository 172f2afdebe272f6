"""Registries are reached as Docker and skopeo reach them, and nothing weakens TLS by accident."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from bundler.errors import Misuse
from bundler.stores import hosts
from bundler.stores.hosts import NetworkOptions, proxy_for, schemes_of, tls_context
from tests.support.tables import each_case

REGISTRY = "registry.example.com:5000"


@pytest.fixture
def certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder with certificates for `REGISTRY`, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".config/containers/certs.d" / REGISTRY
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A certificate and its key, as OpenSSL makes them."""
    folder = tmp_path_factory.mktemp("ca")
    command = "openssl req -x509 -newkey ed25519 -nodes -keyout key -out crt -days 30 -subj /CN=test-authority"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return (folder / "crt").read_bytes(), (folder / "key").read_bytes()


def authorities(context: ssl.SSLContext) -> list[object]:
    return [certificate["subject"] for certificate in context.get_ca_certs()]


TEST_AUTHORITY = ((("commonName", "test-authority"),),)


@pytest.mark.parametrize(
    ("registry", "address"),
    [("docker.io", "registry-1.docker.io"), ("quay.io", "quay.io"), ("host:5000", "host:5000")],
    ids=["Docker Hub is elsewhere", "a host", "a host and a port"],
)
def test_a_registry_is_at_the_address_of_its_name(registry: str, address: str) -> None:
    assert hosts.address_of(registry) == address


@each_case(
    ("registry", "options", "schemes"),
    [
        pytest.param("quay.io", NetworkOptions(), ("https",), id="TLS"),
        pytest.param("10.0.0.5:5000", NetworkOptions(), ("https",), id="TLS in a private network"),
        pytest.param("localhost:5000", NetworkOptions(), ("http", "https"), id="either on this machine"),
        pytest.param("[::1]:5000", NetworkOptions(), ("http", "https"), id="either on this machine, IPv6"),
        pytest.param(
            "localhost:5000", NetworkOptions(ca_certificate=Path("ca.crt")), ("https",), id="TLS where an authority is"
        ),
        pytest.param("a:80", NetworkOptions(frozenset({"a:80"})), ("http",), id="plain HTTP where that was said"),
        pytest.param("A.corp:80", NetworkOptions(frozenset({"a.Corp:80"})), ("http",), id="also in other letters"),
        pytest.param("a:81", NetworkOptions(frozenset({"a:80"})), ("https",), id="but not at another port"),
        pytest.param("a", NetworkOptions(frozenset({"a:80"})), ("https",), id="nor without the port"),
    ],
)
def test_plain_http_is_spoken_only_where_that_was_said_or_to_this_machine(
    registry: str, options: NetworkOptions, schemes: tuple[str, ...]
) -> None:
    assert schemes_of(registry, options) == schemes


def test_a_local_registry_with_certificates_is_spoken_to_with_tls(certificates: Path) -> None:
    certificates.rename(certificates.with_name("localhost:5000"))
    assert schemes_of("localhost:5000", NetworkOptions()) == ("https",)


def test_certificates_are_those_of_exactly_this_host_and_port(certificates: Path) -> None:
    assert hosts.certificates_of(REGISTRY) == [certificates]
    assert hosts.certificates_of("registry.example.com") == []
    assert hosts.certificates_of("registry.example.com:5001") == []


def test_the_authority_of_a_registry_is_trusted_for_it_alone(
    certificates: Path, authority: tuple[bytes, bytes]
) -> None:
    (certificates / "ca.crt").write_bytes(authority[0])
    assert TEST_AUTHORITY in authorities(tls_context(REGISTRY, NetworkOptions()))
    assert TEST_AUTHORITY not in authorities(tls_context("quay.io", NetworkOptions()))


def test_an_authority_that_was_given_is_trusted(tmp_path: Path, authority: tuple[bytes, bytes]) -> None:
    (tmp_path / "ca.pem").write_bytes(authority[0])
    context = tls_context("quay.io", NetworkOptions(ca_certificate=tmp_path / "ca.pem"))
    assert TEST_AUTHORITY in authorities(context)


def test_tls_is_always_verified(certificates: Path, authority: tuple[bytes, bytes]) -> None:
    (certificates / "ca.crt").write_bytes(authority[0])
    for options in (NetworkOptions(), NetworkOptions(plain_http=frozenset({REGISTRY}))):
        context = tls_context(REGISTRY, options)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_client_certificate_is_used_with_the_key_next_to_it(
    certificates: Path, authority: tuple[bytes, bytes]
) -> None:
    (certificates / "client.cert").write_bytes(authority[0])
    with pytest.raises(Misuse, match="client certificate") as caught:
        tls_context(REGISTRY, NetworkOptions())
    assert "client.key" in (caught.value.hint or "")
    (certificates / "client.key").write_bytes(authority[1])
    assert tls_context(REGISTRY, NetworkOptions()).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"], ids=["missing", "empty", "no PEM"])
def test_an_authority_that_cannot_be_read_is_reported(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misuse) as caught:
        tls_context("quay.io", NetworkOptions(ca_certificate=path))
    assert (caught.value.exit_code, caught.value.subject) == (2, str(path))


@each_case(
    ("environment", "scheme", "proxy"),
    [
        pytest.param({}, "https", None, id="none"),
        pytest.param({"HTTPS_PROXY": "http://p:3128"}, "https", "http://p:3128", id="for TLS"),
        pytest.param({"HTTPS_PROXY": "http://p:3128"}, "http", None, id="for TLS only"),
        pytest.param({"http_proxy": "http://p:3128"}, "http", "http://p:3128", id="for plain HTTP"),
        pytest.param({"HTTPS_PROXY": "http://u", "https_proxy": "http://l"}, "https", "http://l", id="lower case wins"),
        pytest.param({"ALL_PROXY": "http://all"}, "https", "http://all", id="for all"),
        pytest.param({"ALL_PROXY": "http://a", "HTTPS_PROXY": "http://b"}, "https", "http://b", id="the closer one"),
        pytest.param({"HTTPS_PROXY": "p:3128"}, "https", "http://p:3128", id="without a scheme"),
        pytest.param({"HTTPS_PROXY": "https://p:3128"}, "https", "https://p:3128", id="a proxy with TLS"),
        pytest.param({"HTTPS_PROXY": ""}, "https", None, id="an empty value"),
        pytest.param({"FTP_PROXY": "http://p"}, "https", None, id="for something else"),
    ],
)
def test_the_proxy_is_the_one_of_the_environment(environment: dict[str, str], scheme: str, proxy: str | None) -> None:
    assert proxy_for(scheme, "registry.example.com", environment) == proxy


@each_case(
    ("registry", "no_proxy", "is_direct"),
    [
        pytest.param("registry.example.com", "", False, id="nothing excepted"),
        pytest.param("registry.example.com", "*", True, id="all excepted"),
        pytest.param("registry.example.com", "registry.example.com", True, id="the host"),
        pytest.param("registry.example.com:5000", "registry.example.com", True, id="the host at any port"),
        pytest.param("registry.example.com:5000", "registry.example.com:5000", True, id="the host and its port"),
        pytest.param("registry.example.com:5001", "registry.example.com:5000", False, id="the host at another port"),
        pytest.param("registry.example.com", "a, registry.example.com ,b", True, id="one of several, with blanks"),
        pytest.param("REGISTRY.example.com", "registry.EXAMPLE.com", True, id="in any case"),
        pytest.param("registry.example.com", "example.com", True, id="a domain above"),
        pytest.param("registry.example.com", ".example.com", True, id="a domain above, with a dot"),
        pytest.param("badexample.com", "example.com", False, id="a name that only ends alike"),
        pytest.param("registry.example.org", "example.com", False, id="another domain"),
        pytest.param("10.1.2.3:5000", "10.1.2.3", True, id="an address"),
        pytest.param("10.1.2.3:5000", "10.0.0.0/8", True, id="a block of addresses"),
        pytest.param("10.1.2.3", "10.9.9.9/8", True, id="a block with host bits"),
        pytest.param("10.1.2.3", "192.168.0.0/16, 10.1.2.3/32", True, id="one of several blocks"),
        pytest.param("11.1.2.3", "10.0.0.0/8", False, id="an address outside the block"),
        pytest.param("registry.example.com", "10.0.0.0/8", False, id="a name is in no block"),
        pytest.param("10.1.2.3", "10.0.0.0/33,garbage/x,/", False, id="blocks that are none"),
        pytest.param("[2001:db8::1]:5000", "2001:db8::/32", True, id="a block of IPv6"),
        pytest.param("[2001:db9::1]:5000", "2001:db8::/32", False, id="outside a block of IPv6"),
        pytest.param("[2001:db8::1]:5000", "10.0.0.0/8", False, id="an IPv6 address is in no block of IPv4"),
        pytest.param("[2001:db8::1]:5000", "2001:db8::1", True, id="an IPv6 address"),
        pytest.param("[2001:db8::1]:5000", "2001:DB8:0::1", True, id="an IPv6 address in another spelling"),
    ],
)
@each_case("variable", ["NO_PROXY", "no_proxy"])
def test_exceptions_from_the_proxy_are_honoured(registry: str, no_proxy: str, is_direct: bool, variable: str) -> None:
    environment = {"HTTPS_PROXY": "http://p:3128", variable: no_proxy}
    assert proxy_for("https", registry, environment) == (None if is_direct else "http://p:3128")


@pytest.mark.parametrize("registry", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_this_machine_is_never_reached_through_a_proxy(registry: str) -> None:
    assert proxy_for("http", registry, {"HTTP_PROXY": "http://p", "ALL_PROXY": "http://p"}) is None


def test_the_environment_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p:3128")
    assert proxy_for("https", "registry.example.com") == "http://p:3128"
