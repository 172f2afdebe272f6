"""Access: TLS, passwords, and settings that are refused before the server starts."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ssl
from pathlib import Path

import pytest

import bundler
from bundler import cli
from bundler.serving import names as own_names, passwords, tls
from bundler.serving.names import names_of, reached_at
from bundler.serving.passwords import parse_htpasswd
from bundler.serving.request import Address, parse_address
from bundler.system import libcrypt
from bundler.views import serve_report
from tests.support import images
from tests.support.attached_bundles import TRUSTED, write_bundle
from tests.support.errors import raises
from tests.support.parts import shell
from tests.support.servers import certificates
from tests.support.serving import get, serving
from tests.support.tables import each_case

PASSWORD = "s3cret"
HASH = "$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW"
"""That of ``pw``."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("served"), {"quay.io/team/app:1": (images.simple("app"), ())})


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def status_over_tls(served, authority: Path, *, host: str = "127.0.0.1", **options) -> int:
    context = ssl.create_default_context(cafile=str(authority))
    for name, value in options.items():
        setattr(context, name, value)
    connection = http.client.HTTPSConnection(host, served.address.port, context=context, timeout=60)
    try:
        connection.request("GET", "/v2/team/app/manifests/1")
        answer = connection.getresponse()
        assert len(answer.read()) == int(answer.headers["Content-Length"])
        return answer.status
    finally:
        connection.close()


def test_a_certificate_made_now_is_trusted_through_its_authority(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with serving(bundle, is_self_signed=True) as served:
        authority = served.authority
        assert authority is not None
        assert served.url.startswith("https://127.0.0.1:")
        for host in ("127.0.0.1", "localhost"):
            assert status_over_tls(served, authority.path, host=host) == 200
        der = ssl.PEM_cert_to_DER_cert(authority.path.read_text())
        assert hashlib.sha256(der).hexdigest() == authority.fingerprint.replace(":", "").lower()
        with pytest.raises((http.client.HTTPException, OSError)):
            get(served, "/v2/")  # plain HTTP
        assert not [
            path for path in (tmp_path / "state").rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()
        ]
        (tmp_path / "leaf.crt").write_text(ssl.get_server_certificate((served.address.host, served.address.port)))
    shell(f"openssl verify -x509_strict -purpose sslserver -CAfile {authority.path} leaf.crt", cwd=tmp_path)


def test_a_certificate_that_is_given_is_used(bundle, tmp_path):
    made = certificates(tmp_path)
    with serving(bundle, certificate=made["server.crt"], key=made["server.key"]) as served:
        assert status_over_tls(served, made["ca.crt"]) == 200
    context = tls.given_context(made["server.crt"], made["server.key"])
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@each_case("names", [{"certificate": "server.crt"}, {"key": "server.key"}, {"certificate": "server.crt", "key": "client.key"},
                     {"certificate": "none", "key": "server.key"}, {"certificate": "server.key", "key": "server.crt"},
                     {"certificate": "server.crt", "key": "server.key", "is_self_signed": True}])  # fmt: skip
def test_certificates_that_do_not_fit_are_misuse(bundle, names, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    certificates(folder)
    options = {name: folder / value if isinstance(value, str) else value for name, value in names.items()}
    with raises(bundler.Misuse):
        bundler.serve(bundler.ServeRequest(bundle, trust=TRUSTED, address="127.0.0.1:0", **options))


def test_names_of_all_addresses_are_in_the_certificate(monkeypatch):
    names = names_of(Address("0.0.0.0", 5000))
    assert {"localhost", "127.0.0.1", "::1"} <= set(names)
    assert "0.0.0.0" not in names
    assert "registry.internal" in names_of(Address("registry.internal", 5000))


def test_a_server_at_all_addresses_is_named_by_its_machine(bundle, monkeypatch):
    monkeypatch.setattr(own_names, "host", lambda: "builder7")
    with serving(bundle, address="0.0.0.0:0") as served:
        port = served.address.port
        document = serve_report.document(served)
        assert f"docker pull builder7:{port}/quay.io/team/app:1" in "\n".join(
            serve_report.lines(served, is_verbose=False)
        )
    assert (document["host"], document["registry"]) == (f"0.0.0.0:{port}", f"builder7:{port}")
    assert document["images"][0]["name"] == f"builder7:{port}/quay.io/team/app:1"
    assert str(reached_at(Address("::", 5000))) == "builder7:5000"
    assert str(reached_at(Address("127.0.0.1", 5000))) == "127.0.0.1:5000"


def test_a_name_that_no_other_machine_can_use_gives_way_to_an_address(monkeypatch):
    monkeypatch.setattr(own_names, "_own_addresses", lambda: ["192.0.2.7"])
    for name in ("localhost", "with_underscore", ""):
        monkeypatch.setattr(own_names, "host", lambda name=name: name)
        assert str(reached_at(Address("0.0.0.0", 5000))) == "192.0.2.7:5000"


def test_certificates_that_are_not_there_are_named_and_two_ways_exclude_each_other(
    tmp_path, monkeypatch, bundle, capsys
):
    monkeypatch.chdir(tmp_path)
    given = [
        "serve",
        str(bundle),
        "--insecure-no-signature",
        "--addr",
        "127.0.0.1:0",
        "--tls-cert",
        "a",
        "--tls-key",
        "b",
    ]
    assert cli.run([*given, "--tls-self-signed"]) == 2
    assert "two certificates" in capsys.readouterr().err
    assert cli.run(given) == 2
    assert "a: there is no such file" in capsys.readouterr().err


def test_a_file_of_passwords_that_is_not_there_can_be_made(tmp_path):
    with raises(bundler.Misuse, subject=str(tmp_path / "users")) as caught:
        passwords.read_users(tmp_path / "users")
    assert "htpasswd -B -c" in str(caught.value.hint)


def test_only_users_with_their_password_come_in(bundle, tmp_path):
    users = tmp_path / "users"
    shell(f"htpasswd -Bbn reader {PASSWORD} > {users}; htpasswd -Bbn -C 4 other pw >> {users}", cwd=tmp_path)
    with serving(bundle, htpasswd=users) as served:
        for path in ("/v2/", "/v2/team/app/manifests/1", "/v2/_catalog", "/"):
            got = get(served, path)
            assert (got.status, got.code) == (401, "UNAUTHORIZED")
            assert got.headers["www-authenticate"].startswith("Basic realm=")
        for _ in range(2):
            assert get(served, "/v2/team/app/manifests/1", authorization=basic("reader", PASSWORD)).status == 200
            assert get(served, "/v2/", authorization=basic("other", "pw")).status == 200
            for wrong in (
                basic("reader", "pw"),
                basic("other", PASSWORD),
                basic("nobody", PASSWORD),
                basic("nobody", "pw"),
                basic("reader", ""),
                basic("reader", f"{PASSWORD}\0"),
                f"Bearer {PASSWORD}",
                "Basic !!!",
                "Basic " + base64.b64encode(b"\xff:x").decode(),
                "Basic " + base64.b64encode(b"reader").decode(),
            ):
                assert get(served, "/v2/", authorization=wrong).status == 401, wrong


def test_a_user_who_is_not_there_costs_as_much_as_one_who_is(bundle, tmp_path, monkeypatch):
    users = tmp_path / "users"
    users.write_text(f"reader:{HASH}\n")
    hashed = []
    real = libcrypt.matches
    monkeypatch.setattr(passwords.libcrypt, "matches", lambda *pair: hashed.append(pair) or real(*pair))
    with serving(bundle, htpasswd=users) as served:
        for _ in range(2):
            assert get(served, "/v2/", authorization=basic("nobody", "pw")).status == 401
        assert len(hashed) == 2
        for _ in range(3):
            assert get(served, "/v2/", authorization=basic("reader", "pw")).status == 200
        assert len(hashed) == 3, "a login that was right is not hashed again"


@each_case("content", [
    "", "# only a remark\n", "reader\n", f":{HASH}\n", "reader:plain\n", "reader:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n",
    "reader:$apr1$x$y\n", "reader:$6$x$y\n", f"reader:{HASH.replace('$04$', '$31$')}\n", f"reader:{HASH[:-1]}\n",
])  # fmt: skip
def test_other_hashes_are_refused_with_how_to_make_one(content):
    with raises(bundler.Misuse) as caught:
        parse_htpasswd(content, what="users")
    assert "htpasswd -B FILE USER" in str(caught.value.hint)


def test_a_system_without_bcrypt_says_so(bundle, tmp_path, monkeypatch):
    users = tmp_path / "users"
    users.write_text(f"reader:{HASH}\n")
    monkeypatch.setattr(libcrypt, "_crypt", lambda: None)
    with raises(bundler.Misuse):
        bundler.serve(bundler.ServeRequest(bundle, trust=TRUSTED, address="127.0.0.1:0", htpasswd=users))


def test_passwords_do_not_cross_the_network_in_clear_text(bundle, tmp_path):
    users = tmp_path / "users"
    users.write_text(f"reader:{HASH}\n")
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "registry.internal:0"):
        with raises(bundler.Misuse, subject=address):
            bundler.serve(bundler.ServeRequest(bundle, trust=TRUSTED, address=address, htpasswd=users))
    with serving(bundle, address="0.0.0.0:0", htpasswd=users, is_insecure_plain_http=True) as served:
        assert served.is_in_clear


def test_a_port_alone_is_no_address():
    """The system reads the number 5000 as the address 0.0.19.136."""
    for written in ("5000", "5000:5000", ":5000", "127.0.0.1:80000"):
        with raises(bundler.Misuse, subject=written):
            parse_address(written)
    assert parse_address("localhost") == parse_address("localhost:5000")
