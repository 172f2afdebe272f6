"""A path counts only if it is absolute: what lies in the working folder is neither trusted nor used to log in."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest

from bundler import cli
from bundler.errors import Misuse
from bundler.importing.receipt_file import receipts_folder
from bundler.keys.trust import trust_folder
from bundler.stores import docker_sdk, hosts, login
from bundler.system import places
from tests.support.errors import raises
from tests.support.tables import each_case

HERE = Path("/srv")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without an entry in passwd, as in a container with an unknown uid."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which a stranger has put the files of home folders, under every name that they may have."""
    for base in ("~", "relative", "."):
        home = tmp_path / base
        for name in (".docker", "."):
            folder = home / name
            folder.mkdir(parents=True, exist_ok=True)
            login = {"auths": {"r.example": {"username": "planted", "password": "x"}}}
            (folder / "config.json").write_text(json.dumps({**login, "currentContext": "planted"}))
            _plant_context(folder)
        (home / "containers").mkdir()
        (home / "containers/auth.json").write_text(json.dumps(login))
        (home / ".config/containers/certs.d/r.example").mkdir(parents=True)
        (home / ".config/bundler/trust").mkdir(parents=True)
        (home / "bundler/trust").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _plant_context(folder: Path) -> None:
    import hashlib

    meta = folder / "contexts/meta" / hashlib.sha256(b"planted").hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"docker": {"Host": "tcp://planted.example:2375", "SkipTLSVerify": True}}
    (meta / "meta.json").write_text(json.dumps({"Name": "planted", "Metadata": {}, "Endpoints": endpoint}))


def address_of_daemon() -> str:
    return str(docker_sdk._client("1.41", 5).api.base_url)


LOCAL_DAEMON = "http+docker://localhost"


# HOME


@pytest.mark.parametrize("value", [None, "", "relative", "~", ".", "./~"])
def test_a2_home_that_is_no_absolute_path_counts_as_not_set(value: str | None) -> None:
    environment = {} if value is None else {"HOME": value}
    assert places.home_folder(environment) == Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert places.home_folder({"HOME": "/srv/me"}) == Path("/srv/me")


@pytest.mark.parametrize("value", [None, "", "relative", "~"])
@pytest.mark.usefixtures("homeless")
def test_a2_without_home_and_passwd_there_is_no_place_and_no_literal_tilde(value: str | None) -> None:
    environment = {} if value is None else {"HOME": value}
    assert places.home_folder(environment) is None
    assert places.config_folder(environment) is None
    assert places.state_folder(environment) is None
    assert places.docker_folder(environment) is None
    assert places.scratch_folder(environment) == Path("/var/tmp")
    assert places.state_folder({**environment, "XDG_STATE_HOME": "/srv/state"}) == Path("/srv/state/bundler")


@pytest.mark.parametrize("home", ["", "home", "~"])
def test_a2_an_entry_of_passwd_that_is_no_absolute_path_is_no_home(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = pwd.struct_passwd(("x", "x", 1, 1, "", home, ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry)
    assert places.home_folder({}) is None


# XDG and TMPDIR


@pytest.mark.parametrize("value", ["", "relative", "~/.config", "./x", "../x"])
def test_a2_a_relative_xdg_variable_is_ignored(value: str) -> None:
    home = {"HOME": "/srv/me"}
    assert places.config_folder({**home, "XDG_CONFIG_HOME": value}) == Path("/srv/me/.config/bundler")
    assert places.state_folder({**home, "XDG_STATE_HOME": value}) == Path("/srv/me/.local/state/bundler")
    assert places.runtime_folder({**home, "XDG_RUNTIME_DIR": value}) is None
    assert places.scratch_folder({**home, "TMPDIR": value}) == Path("/var/tmp")


def test_a2_absolute_paths_are_obeyed() -> None:
    environment = {"HOME": "/srv/me", "DOCKER_CONFIG": "/srv/docker", "TMPDIR": "/srv/tmp"}
    xdg = {"XDG_CONFIG_HOME": "/srv/c", "XDG_STATE_HOME": "/srv/s", "XDG_RUNTIME_DIR": "/srv/r"}
    assert places.config_folder(xdg) == HERE / "c/bundler"
    assert places.state_folder(xdg) == HERE / "s/bundler"
    assert places.runtime_folder(xdg) == HERE / "r"
    assert places.docker_folder(environment) == HERE / "docker"
    assert places.docker_folder({"HOME": "/srv/me"}) == HERE / "me/.docker"
    assert places.scratch_folder(environment) == HERE / "tmp"


# Variables of Docker, skopeo and OpenSSL


@each_case("value", ["relative", "~/.docker", "./x", '{"auths": {"r": {"auth": "c2VjcmV0"}}}'])
@each_case("variable", ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE"])
def test_a2_a_login_file_that_is_named_by_a_relative_path_is_refused_and_not_repeated(
    variable: str, value: str
) -> None:
    with raises(Misuse, values={"variable": variable}) as caught:
        login.files({"HOME": "/srv/me", variable: value})
    assert value not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a2_authorities_that_are_named_by_a_relative_path_are_refused(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "ca.pem")
    with raises(Misuse, values={"variable": variable}):
        hosts.tls_context("r.example", hosts.DEFAULT_NETWORK)


def test_a2_certificates_for_the_daemon_are_never_taken_from_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, homeless: None
) -> None:
    monkeypatch.setenv("DOCKER_CERT_PATH", "certs")
    with raises(Misuse, values={"variable": "DOCKER_CERT_PATH"}):
        docker_sdk._client("1.41", 5)
    monkeypatch.delenv("DOCKER_CERT_PATH")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(Misuse, match="DOCKER_TLS_VERIFY"):
        docker_sdk._client("1.41", 5)
    monkeypatch.delenv("DOCKER_TLS_VERIFY")
    monkeypatch.setenv("DOCKER_HOST", "ssh://person@host")
    with pytest.raises(Misuse, match="ssh"):
        docker_sdk._client("1.41", 5)


# Files in the working folder


@pytest.mark.usefixtures("planted", "homeless")
def test_a2_nothing_in_the_working_folder_is_taken_for_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trust_folder() is None
    assert login.files() == []
    assert hosts.certificates_of("r.example") == []
    assert address_of_daemon() == LOCAL_DAEMON
    monkeypatch.setenv("DOCKER_CONTEXT", "planted")
    with raises(Misuse, subject="planted"):
        address_of_daemon()
    with pytest.raises(Misuse, match="receipt") as caught:
        receipts_folder()
    assert "--receipt FILE" in (caught.value.hint or "")


@pytest.mark.usefixtures("planted")
def test_a2_nothing_in_the_working_folder_is_taken_for_what_relative_variables_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "relative")
    home = Path(os.environ["HOME"])
    assert trust_folder() == home / ".config/bundler/trust"
    assert receipts_folder() == home / ".local/state/bundler/receipts"
    assert login.files() == []


@pytest.mark.usefixtures("planted")
def test_a2_a_docker_context_comes_from_dockers_folder_though_it_has_no_config_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "planted")
    with raises(Misuse, subject="planted"):
        address_of_daemon()
    _plant_context(Path(os.environ["HOME"]) / ".docker")
    assert address_of_daemon() == "http://planted.example:2375"


@pytest.mark.usefixtures("planted", "homeless")
def test_a2_commands_say_what_a_user_without_a_home_folder_must_give(
    planted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["trust", "list"], ["trust", "remove", "x"]):
        assert cli.run(command) == 2
        assert "there is no folder for trusted keys" in capsys.readouterr().err
    assert cli.run(["import", str(planted), "--to", "r.example", "--insecure-no-signature"]) == 2
    assert "--receipt FILE" in capsys.readouterr().err


def test_the_cache_of_another_program_is_where_that_program_has_it(homeless):
    assert places.cache_of("grype", {"HOME": "/home/u"}) == Path("/home/u/.cache/grype")
    assert places.cache_of("grype", {"HOME": "/home/u", "XDG_CACHE_HOME": "/srv/cache"}) == Path("/srv/cache/grype")
    assert places.cache_of("grype", {"HOME": "/home/u", "XDG_CACHE_HOME": "planted"}) == Path("/home/u/.cache/grype")
    assert places.cache_of("grype", {}) is None
