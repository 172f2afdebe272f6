"""Registries with nginx before them, as people set it up: what can be mended is, the rest is reported with the line that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support.images import simple
from tests.support.parts import RealRegistry
from tests.support.proxies import RealNginx
from tests.support.servers import certificates

BIG = simple("big", 5_000_000)
LAYER, LAYER_BYTES = max(BIG.blobs.items(), key=lambda blob: len(blob[1]))
HOST = "proxy_set_header Host $http_host;"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A bundle of an image with a layer of some MiB."""
    from bundler import cli

    folder = tmp_path_factory.mktemp("layout")
    BIG.write_layout(folder, "registry.example/a/big:1")
    assert cli.run(["export", f"oci:{folder}", "--name", "test", "-o", str(folder), "--unsigned", "-q"]) == 0
    return folder / "test"


@pytest.fixture
def nginx(tmp_path) -> Iterator[Callable[..., RealNginx]]:
    started: list[RealNginx] = []

    def start(server: str, listen: str = "") -> RealNginx:
        started.append(RealNginx(tmp_path / f"nginx{len(started)}", server, listen).start())
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def bring(here, bundle) -> Callable[..., Ran]:
    def run(host: str, *more: object) -> Ran:
        return here("import", bundle, "--insecure-no-signature", "--to", host, *more)

    return run


def arrived(registry: RealRegistry) -> None:
    assert registry.tags == {"a/big": ["1"]}
    assert registry.get("a/big/manifests/1") == BIG.content
    for digest, content in BIG.blobs.items():
        assert registry.get(f"a/big/blobs/{digest}") == content


def nothing_arrived(registry: RealRegistry) -> None:
    assert registry.tags == {}
    assert registry.blobs == set()


@pytest.mark.parametrize("limit", [1 << 20, 300_000, 64 << 10], ids=["nginx's default", "less", "the least"])
@pytest.mark.parametrize("closing", ["on", "off"], ids=["announced", "reset"])
def test_C4_a_limit_of_bodies_is_met_with_pieces(bring, target, nginx, limit, closing):
    front = nginx(
        f"client_max_body_size {limit}; lingering_close {closing}; "
        f"location / {{ proxy_pass http://{target.host}; {HOST} }}"
    )
    done = bring(front.host)
    assert done.code == 0, done.out + done.err
    arrived(target)
    assert "sent in pieces" in done.err or closing == "off"
    patched = [status for method, _, status in front.log if method == "PATCH"]
    assert patched.count("202") >= len(LAYER_BYTES) // limit
    again = bring(front.host)
    assert (again.code, "already there" in again.out or "present" in again.out) == (0, True), again.out


def test_C4_a_limit_that_leaves_no_room_is_reported(bring, target, nginx):
    front = nginx(f"client_max_body_size 20k; location / {{ proxy_pass http://{target.host}; {HOST} }}")
    done = bring(front.host)
    assert done.code == 6
    assert "client_max_body_size" in done.out
    assert target.tags == {}


@pytest.mark.parametrize("is_relative", [False, True], ids=["absolute", "relative"])
def test_C2_a_location_that_leaves_the_base_path_is_looked_for_below_it(bring, new_registry, nginx, is_relative):
    target = new_registry(http_extra="  relativeurls: true\n" if is_relative else "")
    front = nginx(f"client_max_body_size 0; location /reg/ {{ proxy_pass http://{target.host}/; {HOST} }}")
    done = bring(front.host, "--base-path", "/reg")
    assert done.code == 0, done.out + done.err
    arrived(target)


def test_C2_a_registry_with_a_prefix_and_relative_urls_takes_uploads(bring, new_registry, nginx):
    target = new_registry(http_extra="  prefix: /inner/\n  relativeurls: true\n")
    front = nginx(f"client_max_body_size 0; location /inner/ {{ proxy_pass http://{target.host}; {HOST} }}")
    done = bring(front.host, "--base-path", "/inner")
    assert done.code == 0, done.out + done.err
    assert target.tags == {"a/big": ["1"]}


def test_C2_a_prefix_of_the_inside_is_reported_with_what_the_proxy_has_to_do(bring, new_registry, nginx):
    target = new_registry(http_extra="  prefix: /inner/\n")
    front = nginx(
        f"client_max_body_size 0; location /v2/ {{ proxy_pass http://{target.host}/inner/v2/; {HOST} }}\n"
        "location / { return 404; }"
    )
    done = bring(front.host)
    assert done.code == 6
    assert "explain upload-astray" in done.out
    assert "--base-path" in done.out
    assert target.tags == {}


@pytest.fixture
def tls(tmp_path) -> tuple[str, Path]:
    """Lines for nginx, and the authority."""
    files = certificates(tmp_path)
    return f"ssl_certificate {files['server.crt']}; ssl_certificate_key {files['server.key']};", files["ca.crt"]


def test_C2_a_proxy_that_does_not_say_that_it_speaks_tls_is_reported_as_such(bring, target, nginx, tls):
    lines, authority = tls
    front = nginx(f"{lines} client_max_body_size 0; location / {{ proxy_pass http://{target.host}; {HOST} }}", "ssl")
    done = bring(front.host, "--cacert", authority)
    assert done.code == 6
    assert "X-Forwarded-Proto $scheme" in done.out
    nothing_arrived(target)


def test_C2_a_proxy_that_says_that_it_speaks_tls_is_imported_through(bring, target, nginx, tls):
    lines, authority = tls
    header = "proxy_set_header X-Forwarded-Proto $scheme;"
    front = nginx(
        f"{lines} client_max_body_size 0; location / {{ proxy_pass http://{target.host}; {HOST} {header} }}", "ssl"
    )
    assert bring(front.host, "--cacert", authority).code == 0
    arrived(target)


def test_A5_an_upload_at_another_host_needs_the_user_to_name_it(bring, target, nginx):
    """A proxy that leaves Host out: the registry names itself by its inner address."""
    front = nginx(f"client_max_body_size 0; location / {{ proxy_pass http://{target.host}; proxy_redirect off; }}")
    done = bring(front.host)
    assert done.code == 6
    assert f"--allow-upload-host {target.host}" in done.out
    assert "Host" in done.out
    nothing_arrived(target)
    assert bring(front.host, "--allow-upload-host", target.host).code == 0
    arrived(target)
    assert [method for method, path, _ in front.log if method == "PUT" and "/blobs/" in path] == []


def test_C2_a_405_page_is_no_registry_that_is_read_only(bring, target, nginx):
    front = nginx(
        f"if ($request_method = POST) {{ return 405; }} location / {{ proxy_pass http://{target.host}; {HOST} }}"
    )
    done = bring(front.host)
    assert done.code == 6
    assert "explain method-refused" in done.out
    assert "read-only" not in done.out


def test_C2_a_registry_whose_head_is_405_is_asked_by_get(bring, target, nginx):
    front = nginx(
        "client_max_body_size 0; if ($request_method = HEAD) { return 405; } "
        f"location / {{ proxy_pass http://{target.host}; {HOST} }}"
    )
    for _ in range(2):
        done = bring(front.host)
        assert done.code == 0, done.out + done.err
        arrived(target)
    sent = [path for method, path, _ in front.log if method == "PUT" and LAYER.replace(":", "%3A") in path]
    assert len(sent) == 1, "what is there is not sent again"


def test_C2_redirects_within_the_origin_are_followed_by_what_can_be_sent_again(bring, target, nginx):
    front = nginx(
        "client_max_body_size 0;\n"
        "location ~ /blobs/uploads/$ { return 307 /moved$request_uri; }\n"
        "location ~ ^/v2/.*/manifests/ { return 308 /moved$request_uri; }\n"
        f"location ^~ /moved/ {{ proxy_pass http://{target.host}/; {HOST} }}\n"
        f"location / {{ proxy_pass http://{target.host}; {HOST} }}"
    )
    done = bring(front.host)
    assert done.code == 0, done.out + done.err
    arrived(target)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_C2_a_redirect_to_another_port_is_reported_and_not_followed(bring, target, nginx, status):
    front = nginx(f"location / {{ return {status} http://{target.host}$request_uri; }}")
    done = bring(front.host)
    assert done.code == 6
    assert target.host in done.out
    nothing_arrived(target)
