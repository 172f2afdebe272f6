"""Logging in, certificates and proxies: found where Docker finds them, sent where they belong, shown nowhere."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from tests.support.images import simple
from tests.support.parts import require, shell
from tests.support.servers import Front, TokenServer, certificates

SECRET = "s3cret"
IMAGE = simple("private")


def docker_config(**content: object) -> None:
    folder = Path(os.environ["HOME"]) / ".docker"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content))


def login(host: str, password: str = SECRET) -> dict[str, object]:
    return {"auths": {host: {"auth": base64.b64encode(f"robot$ci:{password}".encode()).decode()}}}


@pytest.fixture
def bundle(exported) -> Path:
    return exported("library/oci:1", "team/other/shares:1")


@pytest.fixture
def guarded(new_registry, tmp_path):
    """A registry with Basic authentication."""
    require("htpasswd")
    shell(f"htpasswd -Bbn 'robot$ci' {SECRET} > {tmp_path}/htpasswd", cwd=tmp_path)
    return new_registry(extra=f"auth: {{htpasswd: {{realm: basic, path: {tmp_path}/htpasswd}}}}\n")


def test_basic_credentials_come_from_dockers_config(bundler, bundle, guarded, keys, tmp_path):
    run = ["import", bundle, "--trust", keys[1], "--to", guarded.host]
    denied = bundler(*run)
    assert denied.code == 6
    assert f"docker login {guarded.host}" in denied.out + denied.err
    docker_config(**login(guarded.host, "wrong"))
    assert bundler(*run).code == 6
    docker_config(**login(guarded.host))
    done = bundler(*run)
    assert done.code == 0, done.out + done.err
    assert set(guarded.tags) == {"library/oci", "team/other/shares"}
    listed = tmp_path / "list"
    listed.write_text(f"{guarded.host}/library/oci:1\n")
    again = bundler("export", listed, "-o", tmp_path / "again", "--key", keys[0])
    assert again.code == 0, again.err
    for ran in (denied, done, again):
        assert SECRET not in ran.out + ran.err


def test_an_export_logs_in_with_a_name_and_a_password_from_stdin(bundler, bundle, guarded, keys, origin, tmp_path):
    """A job has neither Docker nor anybody who types."""
    robot = ["--username", "robot$ci", "--password-stdin"]
    run = ["import", bundle, "--trust", keys[1], "--to", guarded.host]
    assert bundler(*run, *robot, stdin=f"{SECRET}\n").code == 0
    wanted = [f"docker://{guarded.host}/library/oci:1", "-o", tmp_path / "out", "--key", keys[0], "--name", "robots"]
    assert bundler("export", *wanted, stdin="").code == 6
    done = bundler("export", *wanted, *robot, stdin=f"{SECRET}\n")
    assert done.code == 0, done.err
    assert SECRET not in done.out + done.err
    several = bundler(
        "export", *wanted, f"docker://{origin.host}/library/oci:1", *robot, "--name", "both", stdin=f"{SECRET}\n"
    )
    assert (several.code, "--username is for one registry" in several.err) == (2, True)
    assert bundler("export", "-", *wanted[1:], *robot, stdin="x").code == 2


def test_the_next_step_of_an_export_names_a_public_key_that_is_there(bundler, origin, keys, tmp_path):
    """A job signs with a copy of the key that lies alone in a folder for secrets."""
    wanted = [f"docker://{origin.host}/library/oci:1", "--name", "copy", "--key"]
    done = bundler("export", *wanted, keys[0], "-o", tmp_path / "one")
    assert f"--trust {keys[1]}" in done.out
    alone = tmp_path / "secrets/signing.key"
    alone.parent.mkdir()
    alone.write_bytes(keys[0].read_bytes())
    alone.chmod(0o600)
    done = bundler("export", *wanted, alone, "-o", tmp_path / "two")
    assert done.out.splitlines()[-1] == f"next: bundler verify {tmp_path}/two/copy --trust NAME.pub"
    alone.with_suffix(".pub").write_text("another one")
    done = bundler("export", *wanted, alone, "-o", tmp_path / "three")
    assert done.out.splitlines()[-1].endswith("--trust NAME.pub")


@pytest.mark.parametrize("key", ["credHelpers", "credsStore"])
def test_credentials_come_from_a_helper(bundler, bundle, guarded, keys, tmp_path, monkeypatch, key):
    helper = tmp_path / "bin/docker-credential-tests"
    helper.parent.mkdir()
    helper.write_text(f'#!/bin/sh\ncat > /dev/null\necho \'{{"Username": "robot$ci", "Secret": "{SECRET}"}}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:{os.environ['PATH']}")
    docker_config(**{key: {guarded.host: "tests"} if key == "credHelpers" else "tests"})
    done = bundler("import", bundle, "--trust", keys[1], "--to", guarded.host)
    assert done.code == 0, done.out + done.err


def test_a_broken_config_or_helper_is_said_to_be(bundler, bundle, guarded, keys):
    docker_config(credHelpers={guarded.host: "does-not-exist"})
    done = bundler("import", bundle, "--trust", keys[1], "--to", guarded.host)
    assert done.code == 6
    assert "Docker credentials cannot be read" in done.out + done.err


def test_bearer_tokens_are_fetched_for_what_is_needed_and_renewed(bundler, bundle, new_registry, keys, tmp_path):
    tokens = TokenServer(tmp_path)
    try:
        registry = new_registry(extra=tokens.registry_config)
        run = ["import", bundle, "--trust", keys[1], "--to", registry.host]
        assert bundler(*run).code == 6, "anonymous may only pull"
        docker_config(**login(registry.host))
        done = bundler(*run)
        assert done.code == 0, done.out + done.err
        scopes = {scope for issued in tokens.issued for scope in issued}
        # The blob that both share is uploaded to the first and mounted, with leave to pull there, into the second.
        names = ("library/oci:pull,push", "library/oci:pull", "team/other/shares:pull,push")
        assert scopes == {f"repository:{name}" for name in names}
        assert len(tokens.issued) <= 12, "tokens are kept"
        assert SECRET not in done.out + done.err
    finally:
        tokens.server.stop()


def test_a_token_server_elsewhere_in_a_private_network_gets_no_credentials(bundler, bundle, target, keys):
    docker_config(**login("127.0.0.1"))

    def challenge(front, request):
        headers = {"WWW-Authenticate": 'Bearer realm="http://10.1.2.3/token",service="x"'}
        front.send(request, 401, headers, b"")
        return True

    front = Front(target, [challenge]).start()
    try:
        done = bundler("import", bundle, "--trust", keys[1], "--to", front.host)
    finally:
        front.stop()
    assert done.code == 6
    assert "token server in a private network" in done.out + done.err


def test_a_redirect_to_another_origin_gets_no_credentials(bundler, guarded, keys, tmp_path, new_registry):
    """Blobs of registries in clouds come from somewhere else, which rejects, or collects, our credentials."""
    docker_config(**login(guarded.host))
    elsewhere = new_registry()
    IMAGE.push(elsewhere, "a/private", "1")
    seen: list[str | None] = []

    def watch(front, request):
        seen.append(request.headers.get("Authorization"))
        return False

    storage = Front(elsewhere, [watch]).start()

    def redirect(front, request):
        if "/blobs/" in request.path:
            front.send(request, 307, {"Location": f"http://localhost:{storage.server.port}{request.path}"}, b"")
            return True
        front.send(request, *ask_elsewhere(request)) if request.headers.get("Authorization") else front.send(
            request, 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        )
        return True

    def ask_elsewhere(request):
        return Front(elsewhere).ask(request)

    front = Front(elsewhere, [redirect]).start()
    docker_config(**login(front.host))
    try:
        done = bundler("export", f"docker://{front.host}/a/private:1", "--name", "x", "-o", tmp_path, "--key", keys[0])
    finally:
        front.stop()
        storage.stop()
    assert done.code == 0, done.err
    assert len(seen) == 2
    assert seen == [None, None]


@pytest.fixture
def secure(new_registry, tmp_path):
    """A registry with TLS by a private authority, and the certificates."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    files = certificates(folder)
    tls = f"  tls: {{certificate: {files['server.crt']}, key: {files['server.key']}}}\n"
    return new_registry(http_extra=tls, scheme="https"), files


def test_a_private_authority_is_found_in_all_usual_places(bundler, bundle, secure, keys, tmp_path, monkeypatch):
    registry, files = secure
    run = ["import", bundle, "--trust", keys[1], "--to", registry.host]
    unknown = bundler(*run)
    assert unknown.code == 6
    assert "explain unknown-authority" in unknown.out + unknown.err
    assert bundler(*run, "--cacert", files["ca.crt"]).code == 0
    assert bundler(*run, environment={"SSL_CERT_FILE": str(files["ca.crt"])}).code == 0
    certs = Path(os.environ["HOME"]) / ".config/containers/certs.d" / registry.host
    certs.mkdir(parents=True)
    (certs / "ca.crt").write_bytes(files["ca.crt"].read_bytes())
    done = bundler(*run)
    assert done.code == 0
    assert "present" in done.out


def test_a_certificate_for_another_name_is_refused(bundler, bundle, secure, keys):
    registry, files = secure
    run = ["import", bundle, "--trust", keys[1], "--to", f"localhost:{registry.port}", "--cacert", files["ca.crt"]]
    done = bundler(*run)
    assert done.code == 6
    assert "Hostname mismatch" in done.out + done.err


def test_client_certificates_come_from_certs_d(bundler, bundle, new_registry, keys, tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    files = certificates(folder)
    tls = (
        f"  tls:\n    certificate: {files['server.crt']}\n    key: {files['server.key']}\n"
        f"    clientcas: [{files['ca.crt']}]\n"
    )
    registry = new_registry(http_extra=tls, scheme="https")
    run = ["import", bundle, "--trust", keys[1], "--to", registry.host]
    assert bundler(*run, "--cacert", files["ca.crt"]).code in (6, 7)
    certs = Path(os.environ["HOME"]) / ".config/containers/certs.d" / registry.host
    certs.mkdir(parents=True)
    for name, source in (("ca.crt", "ca.crt"), ("client.cert", "client.crt"), ("client.key", "client.key")):
        (certs / name).write_bytes(files[source].read_bytes())
    done = bundler(*run)
    assert done.code == 0, done.out + done.err


def test_a_proxy_is_used_where_the_environment_says_so_and_never_for_this_machine(
    bundler, bundle, target, keys, tmp_path
):
    seen: list[str] = []

    def record(front, request):
        seen.append(request.path)
        front.send(request, 503, {}, b"")
        return True

    proxy = Front(target, [record]).start()
    environment = {"HTTP_PROXY": f"http://{proxy.host}", "http_proxy": f"http://{proxy.host}"}
    try:
        local = bundler("import", bundle, "--trust", keys[1], "--to", target.host, environment=environment)
        assert (local.code, seen) == (0, [])
        run = ["import", bundle, "--trust", keys[1], "--to", "registry.invalid", "--plain-http", "registry.invalid"]
        assert bundler(*run, environment=environment).code == 7
        assert seen
        assert all(path.startswith("http://registry.invalid/v2/") for path in seen)
        seen.clear()
        assert bundler(*run, environment={**environment, "NO_PROXY": "registry.invalid"}).code == 7
        assert seen == []
    finally:
        proxy.stop()
