"""The doctor before real registries, proxies, certificates, file systems and daemons: it finds what hinders, changes nothing."""

from __future__ import annotations

import base64
import datetime
import email.utils
import json
import os
from pathlib import Path

import pytest

from tests.support.images import simple
from tests.support.parts import RealRegistry, free_port, require, shell
from tests.support.proxies import RealNginx
from tests.support.servers import Front, TokenServer, certificates

SECRET = "s3cret"
USER = "robot$ci"
REGISTRY_CHECKS = ["proxy", "name", "tcp", "tls", "registry", "clock", "credentials", "pull", "push", "upload", "body"]


@pytest.fixture
def doctor(bundler):
    """Runs the doctor with --json; the exit code and the findings by their names."""

    def run(*arguments: object, code: int = 0, **options):
        ran = bundler("doctor", "--json", *arguments, **options)
        assert SECRET not in ran.out + ran.err
        assert ran.code == code, ran.out + ran.err
        assert ran.json["exitCode"] == code
        return {check["name"]: check for check in ran.json["checks"]}

    return run


def states(checks) -> dict[str, str]:
    return {name: checks[name]["state"] for name in REGISTRY_CHECKS if name in checks}


def failed(checks) -> dict[str, str | None]:
    """The codes of what failed."""
    return {name: check["error"]["code"] for name, check in checks.items() if check["state"] == "fail"}


def content_of(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def held(registry: RealRegistry) -> tuple[object, ...]:
    """All that a registry holds: its catalogue, tags, blobs, and the uploads that are open.

    distribution leaves an empty folder with a hash state of an upload that was cancelled, and purges it in time.
    """
    uploads = list(registry.storage.rglob("_uploads/*/startedat"))
    return registry.get("_catalog"), registry.tags, registry.blobs, uploads


def log_in(host: str, password: str) -> Path:
    folder = Path(os.environ["HOME"]) / ".docker"
    folder.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return folder / "config.json"


def test_a_good_registry_is_ok_throughout_and_nothing_is_left(doctor, target):
    simple("there").push(target, "team/there", "1")
    before = held(target)
    new = doctor("--to", f"{target.host}/team")
    there = doctor("--to", target.host, "--repository", "team/there")
    assert set(states(new).values()) == set(states(there).values()) == {"ok"}
    assert "team/bundler-doctor can be pulled; it does not exist yet" in new["pull"]["found"]
    assert there["pull"]["found"] == "team/there can be pulled"
    assert new["body"]["found"] == "20 GiB pass, and likely more"
    assert held(target) == before


def test_each_finding_is_a_line_with_what_to_do_below_and_quiet_shows_only_those(bundler, target):
    done = bundler("doctor", "--to", target.host)
    assert done.code == 0
    lines = done.out.splitlines()
    found = [line.split()[1] for line in lines if line[:4].strip()[:2] in ("ok", "wa", "fa", "sk")]
    assert found == [*REGISTRY_CHECKS, "space", "files"]
    assert lines[-1] == "13 checks: 0 failed, 0 warnings"
    assert bundler("doctor", "--to", target.host, "--quiet").out == ""
    done = bundler("doctor", "--to", f"127.0.0.1:{free_port()}", "--quiet")
    first, advice, *_ = done.out.splitlines()
    assert first.startswith("fail  tcp")
    assert advice.startswith("                   ->")


def test_docker_is_asked_for_only_where_it_may_be_the_target_and_its_absence_is_no_warning(bundler, doctor, target):
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    assert "docker" not in doctor("--to", target.host, environment=nowhere)
    assert doctor(environment=nowhere)["docker"]["state"] == "skipped"
    assert "0 warnings" in bundler("doctor", environment=nowhere).out
    assert doctor("--to", "docker-daemon:", environment=nowhere, code=7)["docker"]["state"] == "fail"


def test_nobody_listens_and_an_unknown_name_skip_what_follows(doctor, bundler):
    port = free_port()
    refused = doctor("--to", f"127.0.0.1:{port}", code=7)
    assert failed(refused) == {"tcp": "connection-refused"}
    assert list(states(refused).values()) == ["ok"] * 2 + ["fail"] + ["skipped"] * 8
    unknown = doctor("--to", "registry.invalid", code=7)
    assert failed(unknown) == {"name": "name-not-resolved"}
    assert list(states(unknown).values()) == ["ok", "fail"] + ["skipped"] * 9
    words = bundler("doctor", "--to", "registry.invalid").out
    assert "getent hosts registry.invalid" in words
    assert "bundler explain name-not-resolved" in words
    assert "not asked: name failed" in words


@pytest.fixture
def guarded(new_registry, tmp_path):
    """A registry with Basic authentication."""
    require("htpasswd")
    shell(f"htpasswd -Bbn '{USER}' {SECRET} > {tmp_path}/htpasswd", cwd=tmp_path)
    return new_registry(extra=f"auth: {{htpasswd: {{realm: basic, path: {tmp_path}/htpasswd}}}}\n")


def test_credentials_are_reported_by_name_and_file_and_wrong_ones_fail(doctor, guarded):
    before = content_of(guarded.storage)
    nobody = doctor("--to", guarded.host, code=6)
    assert failed(nobody) == {"credentials": "unauthorized"}
    assert [nobody[name]["state"] for name in ("pull", "push", "body")] == ["skipped", "skipped", "ok"]
    assert "no file with credentials" in nobody["credentials"]["found"]
    file = log_in(guarded.host, "wrong")
    wrong = doctor("--to", guarded.host, code=6)
    assert failed(wrong) == failed(nobody)
    assert f"{USER}, from {file}" in wrong["credentials"]["found"]
    assert f"docker login {guarded.host}" in wrong["credentials"]["error"]["hint"]
    assert wrong["body"]["state"] == "ok"
    assert content_of(guarded.storage) == before
    given = doctor("--to", guarded.host, "--username", USER, "--password-stdin", stdin=f"{SECRET}\n")
    assert given["credentials"]["found"] == f"{USER}, from --username"
    log_in(guarded.host, SECRET)
    right = doctor("--to", guarded.host)
    assert set(states(right).values()) == {"ok"}
    assert right["credentials"]["found"] == f"{USER}, from {file}"
    assert "asks for user and password" in right["registry"]["found"]
    log_in("elsewhere.internal", SECRET)
    other = doctor("--to", guarded.host, code=6)
    assert f"no credentials for {guarded.host} in {file}" in other["credentials"]["found"]
    assert not list(guarded.storage.rglob("startedat"))


def test_a_wrong_password_is_not_tried_again_and_again(doctor, guarded):
    """Each try counts where accounts are locked after some."""
    logins = []

    def record(front, request):
        logins.extend(request.headers.get_all("Authorization") or [])
        return False

    front = Front(guarded, [record]).start()
    try:
        log_in(front.host, "wrong")
        doctor("--to", front.host, code=6)
    finally:
        front.stop()
    assert 1 <= len(logins) <= 2


def test_a_user_who_may_only_pull_is_reported(doctor, new_registry, tmp_path):
    tokens = TokenServer(tmp_path)
    try:
        registry = new_registry(extra=tokens.registry_config)
        anonymous = doctor("--to", registry.host, code=6)
        assert list(failed(anonymous)) == ["push"]
        assert anonymous["push"]["error"]["code"] in ("unauthorized", "denied")
        assert anonymous["credentials"]["found"].startswith("anonymous")
        assert f"asks for a token of http://{tokens.server.host}/token" in anonymous["registry"]["found"]
        log_in(registry.host, SECRET)
        assert set(states(doctor("--to", registry.host)).values()) == {"ok"}
        log_in(registry.host, "wrong")
        wrong = doctor("--to", registry.host, code=6)
        assert failed(wrong) == {"credentials": "unauthorized"}
        assert [wrong[name]["state"] for name in ("pull", "push")] == ["skipped"] * 2
        assert wrong["body"]["state"] == "ok", "how much passes is known without a token, too"
        assert not list(registry.storage.rglob("startedat"))
    finally:
        tokens.server.stop()


def test_a_registry_that_is_read_only_is_reported_before_anything_is_sent(doctor, new_registry):
    registry = new_registry(storage_extra=", maintenance: {readonly: {enabled: true}}")
    found = doctor("--to", registry.host, code=6)
    assert failed(found) == {"push": "registry-read-only"}
    assert found["pull"]["state"] == "ok"


@pytest.fixture
def secure(new_registry, tmp_path):
    """Starts registries with TLS by a private authority; server and authority are valid for some days."""

    def start(days: int | None = None, authority_days: int = 400):
        folder = tmp_path / f"certificates{days}.{authority_days}"
        folder.mkdir()
        files = certificates(folder)
        if days is not None:
            shell(
                f"""
                openssl req -x509 -key ca.key -days {authority_days} -subj /CN=authority -out ca.crt
                openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} \
                  -out server.crt -extfile <(printf 'subjectAltName=IP:127.0.0.1')
                """,
                cwd=folder,
            )
        tls = f"  tls: {{certificate: {files['server.crt']}, key: {files['server.key']}}}\n"
        return new_registry(http_extra=tls, scheme="https"), files["ca.crt"]

    return start


def day(days: int) -> str:
    return str((datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).date())


def test_a_certificate_is_reported_with_issuer_protocol_and_end(doctor, secure):
    registry, authority = secure(300)
    good = doctor("--to", registry.host, "--cacert", authority)
    assert set(states(good).values()) == {"ok"}
    assert good["tls"]["found"] == f"by CN=authority, TLS 1.3, valid until {day(300)} (299 days)"
    assert good["body"]["found"] == "20 GiB pass, and likely more"


@pytest.mark.parametrize(
    ("days", "authority_days", "words"),
    [(8, 400, "(7 days)"), (300, 8, "(299 days); its authority is valid until")],
    ids=["certificate", "authority"],
)
def test_what_ends_soon_is_a_warning(doctor, secure, days, authority_days, words):
    registry, authority = secure(days, authority_days)
    soon = doctor("--to", registry.host, "--cacert", authority)
    assert soon["tls"]["state"] == "warn"
    assert words in soon["tls"]["found"]
    assert "new certificate" in soon["tls"]["error"]["hint"]


def test_what_is_wrong_with_a_certificate_is_reported_with_what_it_says(doctor, secure):
    registry, authority = secure(300)
    unknown = doctor("--to", registry.host, code=6)
    assert failed(unknown) == {"tls": "unknown-authority"}
    assert unknown["tls"]["found"].startswith("its certificate: by CN=authority, for 127.0.0.1, valid until")
    assert list(states(unknown).values()) == ["ok"] * 3 + ["fail"] + ["skipped"] * 7
    name = doctor("--to", f"localhost:{registry.port}", "--cacert", authority, code=6)
    assert failed(name) == {"tls": "certificate-name"}
    old, authority = secure(-1)
    expired = doctor("--to", old.host, "--cacert", authority, code=6)
    assert failed(expired) == {"tls": "certificate-expired"}
    assert f"valid until {day(-1)} (" in expired["tls"]["found"]
    assert "ago)" in expired["tls"]["found"]


def test_a_port_without_tls_is_reported(doctor, target, secure):
    _, authority = secure()
    found = doctor("--to", target.host, "--cacert", authority, code=6)
    assert failed(found) == {"tls": "no-tls"}


@pytest.mark.parametrize(("seconds", "state"), [(-45, "warn"), (45, "warn"), (3600, "fail"), (-3600, "fail")])
def test_clocks_that_differ_are_reported_with_the_direction(doctor, target, seconds, state):
    def lie(front, request):
        if request.path != "/v2/":
            return False
        status, headers, content = front.ask(request)
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        request.date_time_string = lambda timestamp=None: email.utils.format_datetime(when, usegmt=True)
        front.send(request, status, {name: text for name, text in headers.items() if name != "Date"}, content)
        return True

    front = Front(target, [lie]).start()
    try:
        found = doctor("--to", front.host, code=6 if state == "fail" else 0)
    finally:
        front.stop()
    assert found["clock"]["state"] == state
    assert found["clock"]["error"]["code"] == "clock-skew"
    assert ("slow" if seconds > 0 else "fast") in found["clock"]["found"]


def test_what_is_no_registry_is_reported(doctor, target):
    def page(front, request):
        front.send(request, 200, {"Content-Type": "text/html"}, b"<html>welcome</html>")
        return True

    front = Front(target, [page]).start()
    try:
        found = doctor("--to", front.host, code=6)
    finally:
        front.stop()
    assert failed(found) == {"registry": "no-registry"}


def test_where_the_default_repository_cannot_be_rights_are_asked_for_another(doctor, target):
    def gitlab(front, request):
        if request.path != "/v2/":
            return False
        front.send(request, 200, {"Gitlab-Container-Registry-Version": "4.0"}, b"{}")
        return True

    front = Front(target, [gitlab]).start()
    try:
        found = doctor("--to", front.host)
        named = doctor("--to", front.host, "--repository", "group/app")
    finally:
        front.stop()
    assert "by GitLab" in found["registry"]["found"]
    assert [found[name]["state"] for name in ("pull", "push")] == ["skipped"] * 2
    assert "--repository PATH" in found["push"]["found"]
    assert [named[name]["state"] for name in ("pull", "push")] == ["ok"] * 2


def test_plain_http_beyond_this_machine_is_a_warning(doctor, target):
    somewhere = f"0.0.0.0:{target.port}"  # reaches this machine, but is no address of its loopback
    found = doctor("--to", somewhere, "--plain-http", somewhere)
    assert found["tls"]["state"] == "warn"
    assert "anyone on the network can read" in found["tls"]["found"]


HOST = "proxy_set_header Host $http_host;"


@pytest.fixture
def nginx(tmp_path):
    """Starts a real nginx before a registry, with lines in its server, and in its location before the registry."""
    started = []

    def start(registry, server: str, location: str = HOST, listen: str = "") -> str:
        lines = f"{server} location / {{ {location} proxy_pass http://{registry.host}; }}"
        started.append(RealNginx(tmp_path / f"nginx{len(started)}", lines, listen).start())
        return started[-1].host

    yield start
    for each in started:
        each.stop()


@pytest.mark.parametrize(
    ("limit", "state", "found"),
    [
        ("1m", "warn", "the largest that passes is 1 MiB"),
        ("1000000", "warn", "the largest that passes is 1,000,000 bytes"),
        ("50k", "fail", "the largest that passes is 51,200 bytes"),
        ("150m", "warn", "the largest that passes is 150 MiB"),
        ("0", "ok", "20 GiB pass, and likely more"),
    ],
)
def test_the_largest_body_that_nginx_lets_through_is_measured_without_sending_it(
    doctor, target, nginx, tmp_path, limit, state, found
):
    before = held(target)
    checks = doctor("--to", nginx(target, f"client_max_body_size {limit};"), code=6 if state == "fail" else 0)
    assert (checks["body"]["state"], checks["body"]["found"]) == (state, found)
    assert {name for name, each in states(checks).items() if each != "ok"} <= {"body"}
    if state != "ok":
        assert checks["body"]["error"]["code"] == "body-too-large"
    assert held(target) == before
    assert not [path for path in (tmp_path / "nginx0").rglob("*/*") if path.is_file()], "no body was buffered"


@pytest.mark.parametrize("lines", ["{}", "limit_except GET HEAD {{ {} }}"], ids=["for all", "for pushes"])
def test_C3_a_proxy_that_asks_for_the_password_itself_is_no_failure(doctor, target, nginx, tmp_path, lines):
    """It answers 401 with a page, and with a challenge: import logs in there."""
    require("htpasswd")
    shell(f"htpasswd -Bbn '{USER}' {SECRET} > {tmp_path}/htpasswd", cwd=tmp_path)
    basic = f"auth_basic registry; auth_basic_user_file {tmp_path}/htpasswd;"
    host = nginx(target, "client_max_body_size 0;", lines.format(basic) + HOST)
    log_in(host, SECRET)
    assert set(states(doctor("--to", host)).values()) == {"ok"}
    log_in(host, "wrong")
    refused = doctor("--to", host, code=6)
    assert list(failed(refused)) == (["credentials"] if lines == "{}" else ["push"])


def test_C3_a_proxy_that_does_not_say_that_it_speaks_tls_is_a_failure(doctor, target, nginx, tmp_path):
    files = certificates(tmp_path)
    tls = f"client_max_body_size 0; ssl_certificate {files['server.crt']}; ssl_certificate_key {files['server.key']};"
    before = held(target)
    found = doctor("--to", nginx(target, tls, listen="ssl"), "--cacert", files["ca.crt"], code=6)
    assert failed(found) == {"upload": "upload-without-tls"}
    assert "X-Forwarded-Proto $scheme" in found["upload"]["error"]["hint"]
    said = nginx(target, tls, f"{HOST} proxy_set_header X-Forwarded-Proto $scheme;", "ssl")
    assert states(doctor("--to", said, "--cacert", files["ca.crt"]))["upload"] == "ok"
    assert held(target)[:3] == before[:3]


def test_C3_a_proxy_that_leaves_the_host_out_is_a_failure_unless_that_host_is_allowed(doctor, target, nginx):
    host = nginx(target, "client_max_body_size 0; proxy_redirect off;", "")
    found = doctor("--to", host, code=6)
    assert failed(found) == {"upload": "upload-elsewhere"}
    assert "X-Forwarded-Proto" in found["upload"]["error"]["hint"]
    assert states(doctor("--to", host, "--allow-upload-host", target.host))["upload"] == "ok"


def test_C3_a_proxy_that_says_https_where_it_speaks_http_is_a_failure(doctor, target, nginx):
    """The host of the upload is the right one: to allow it would not help."""
    found = doctor("--to", nginx(target, "", f"{HOST} proxy_set_header X-Forwarded-Proto https;"), code=6)
    assert failed(found) == {"upload": "upload-with-tls"}
    hint = found["upload"]["error"]["hint"]
    assert "X-Forwarded-Proto $scheme" in hint
    assert "--allow-upload-host" not in hint


def test_C3_a_proxy_that_changes_paths_is_a_failure(doctor, new_registry, tmp_path):
    target = new_registry(http_extra="  prefix: /inner/\n")
    lines = f"location /v2/ {{ proxy_pass http://{target.host}/inner/v2/; {HOST} }} location / {{ return 404; }}"
    nginx = RealNginx(tmp_path / "nginx", f"client_max_body_size 0; {lines}").start()
    try:
        found = doctor("--to", nginx.host, code=6)
    finally:
        nginx.stop()
    assert failed(found) == {"upload": "upload-astray"}


def test_a_proxy_of_the_environment_is_reported_and_nothing_next_to_it_is_asked(doctor, target):
    def record(front, request):
        front.send(request, 503, {}, b"")
        return True

    proxy = Front(target, [record]).start()
    address = f"http://person:{SECRET}@{proxy.host}"
    try:
        arguments = ("--to", "registry.invalid", "--plain-http", "registry.invalid")
        found = doctor(*arguments, code=7, environment={"HTTP_PROXY": address})
    finally:
        proxy.stop()
    assert found["proxy"]["state"] == "warn"
    assert f"http://{proxy.host}" in found["proxy"]["found"]
    assert "NO_PROXY" in found["proxy"]["error"]["hint"]
    assert [found[name]["state"] for name in ("name", "tcp", "tls", "registry")] == ["skipped"] * 3 + ["fail"]
    assert proxy.requests == [("GET", "http://registry.invalid/v2/")]


def test_room_is_reported_for_each_medium(bundler, tmp_path, target):
    require("mount", "umount")
    if os.geteuid():
        pytest.skip("only root may mount")
    medium = tmp_path / "my stick"
    medium.mkdir()
    shell(f"mount -t tmpfs -o size=64k none '{medium}'", cwd=tmp_path)
    try:
        small = bundler("doctor", medium, "--json")
        (medium / "full").write_bytes(bytes(64 << 10))
        before = content_of(medium)
        full = bundler("doctor", medium, "--json")
        assert content_of(medium) == before
        (medium / "SHA256SUMS").touch()
        bundle = bundler("doctor", medium, "--json")
        shell(f"mount -o remount,ro '{medium}'", cwd=tmp_path)
        fixed = bundler("doctor", medium, "--json")
        scratch = bundler("doctor", "--json", environment={"TMPDIR": str(medium)})
    finally:
        shell(f"umount '{medium}'", cwd=tmp_path)
    spaces = [(ran.code, *ran.json["checks"][0].values()) for ran in (small, full, bundle, fixed, scratch)]
    assert [(code, name, state) for code, name, state, *_ in spaces] == [
        (0, "space", "warn"), (8, "space", "fail"), (0, "space", "ok"), (0, "space", "ok"), (8, "space", "fail"),
    ]  # fmt: skip
    assert f"{medium}: 65,536 bytes free of 65,536 bytes" in spaces[0][3]
    assert spaces[1][4]["code"] == "no-space"
    assert "good for import, not for export" in spaces[3][3]
    assert small.json["checks"][1]["found"] == f"{medium}: tmpfs on {medium}, files of any size"
    missing = bundler("doctor", tmp_path / "nowhere", "--json")
    assert (missing.code, missing.json["checks"][0]["error"]["message"]) == (2, "there is no such folder")


def test_the_daemon_is_asked_and_missing_only_matters_where_it_is_wanted(doctor, daemon):
    there = doctor("--to", "docker-daemon:", environment={"DOCKER_HOST": daemon.address})
    assert there["docker"]["state"] == "ok"
    assert there["docker"]["found"].startswith("the daemon answers: linux/")
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    assert doctor(environment=nowhere)["docker"]["state"] == "skipped"
    assert doctor("--to", "docker-daemon:", environment=nowhere, code=7)["docker"]["state"] == "fail"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--to", "oci:/x"], "no registry to ask"),
        (["--repository", "a/b"], "--repository needs a registry"),
        (["--to", "h", "--repository", "UPPER"], "not a repository"),
        (["--username", "x"], "both --username"),
        (["--to", "h", "--cacert", "nowhere.pem"], "there is no such file"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_wrong_request_is_exit_2(bundler, arguments, expected):
    done = bundler("doctor", *arguments)
    assert (done.code, done.out) == (2, "")
    assert expected in done.err
