"""Credentials are found in the order of skopeo and Docker, for the registry they were written for, and never shown."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from bundler.errors import Misuse, Refused
from bundler.stores.credentials import Credentials
from bundler.stores.login import Login, files
from tests.support.errors import raises

HOST = "registry.example.com:5000"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nobody has logged in yet."""
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def written(path: Path, **content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def auths(**users: str) -> dict[str, object]:
    """Entries, each with the user that it is for; the password is always the same."""
    return {
        key.replace("HOST", HOST): {"auth": base64.b64encode(f"{user}:s3cret".encode()).decode()}
        for key, user in users.items()
    }


def helper(folder: Path, name: str, user: str | None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A credential helper in PATH that knows one user for every registry, or none; its log has who was asked for."""
    folder.mkdir(exist_ok=True)
    log = folder / f"{name}.log"
    log.touch()
    answer = json.dumps({"Username": user, "Secret": "s3cret"}) if user else "credentials not found in native keychain"
    script = folder / f"docker-credential-{name}"
    script.write_text(f"#!/bin/sh\ncat >> {log}\necho >> {log}\necho '{answer}'\nexit {0 if user else 1}\n")
    script.chmod(0o755)
    if str(folder) not in os.environ["PATH"].split(":"):
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def user(repository: str = "", host: str = HOST) -> str | None:
    found = Login(host).find(repository)
    return found.username if found else None


# The files


def test_files_are_tried_in_the_order_of_skopeo_and_docker(tmp_path: Path) -> None:
    environment = {
        "REGISTRY_AUTH_FILE": str(written(tmp_path / "named.json")),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
    }
    runtime = written(tmp_path / "run" / "containers" / "auth.json")
    docker = written(tmp_path / "docker" / "config.json")
    assert files(environment) == [tmp_path / "named.json", runtime, docker]
    runtime.unlink()
    assert files(environment) == [tmp_path / "named.json", docker]


def test_dockers_file_is_that_of_docker_config_or_else_of_the_home_folder(home: Path, tmp_path: Path) -> None:
    own = written(home / ".docker" / "config.json")
    assert files({"HOME": str(home)}) == [own]
    assert files({"HOME": str(home), "DOCKER_CONFIG": ""}) == [own]
    assert files({"DOCKER_CONFIG": str(tmp_path / "none")}) == []


def test_without_any_file_everybody_is_anonymous() -> None:
    assert files({}) == []
    assert user() is None


def test_a_file_that_was_named_and_is_not_there_is_reported_and_not_passed_over(home: Path, tmp_path: Path) -> None:
    written(home / ".docker" / "config.json", auths=auths(HOST="person"))
    with pytest.raises(Misuse) as caught:
        files({"REGISTRY_AUTH_FILE": str(tmp_path / "missing.json")})
    assert caught.value.subject == f"REGISTRY_AUTH_FILE={tmp_path / 'missing.json'}"


def test_the_first_file_that_knows_the_registry_decides(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = written(home / ".docker" / "config.json", auths=auths(HOST="docker"))
    assert user() == "docker"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    written(tmp_path / "containers" / "auth.json", auths=auths(HOST="podman"))
    assert user() == "podman"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(written(tmp_path / "named.json", auths={"other.example": {}})))
    assert user() == "podman", "the named file says nothing of this registry"
    written(tmp_path / "named.json", auths=auths(HOST="named"))
    os.utime(tmp_path / "named.json", ns=(1, 1))
    found = Login(HOST).find()
    assert found is not None
    assert (found.username, found.origin) == ("named", str(tmp_path / "named.json"))
    assert docker.exists()


# The entry of a file


@pytest.mark.parametrize(
    ("entries", "repository", "found"),
    [
        pytest.param({"HOST": "all"}, "", "all", id="the registry"),
        pytest.param({"HOST": "all"}, "team/app", "all", id="a repository of the registry"),
        pytest.param({"https://HOST": "all"}, "team/app", "all", id="written as an address"),
        pytest.param({"https://HOST/v2/": "all"}, "team/app", "all", id="written as the address of its API"),
        pytest.param({"HOST": "all", "HOST/team": "team"}, "team/app", "team", id="a namespace before the registry"),
        pytest.param({"HOST/team": "team", "HOST/team/app": "app"}, "team/app", "app", id="the longest first"),
        pytest.param({"HOST/team": "team", "HOST/team/app": "app"}, "team/app/x", "app", id="around a deeper one"),
        pytest.param({"HOST/team": "team", "HOST": "all"}, "team-two/app", "all", id="a namespace is a whole part"),
        pytest.param({"HOST/team": "team"}, "other/app", None, id="a namespace is not for others"),
        pytest.param({"HOST/team": "team"}, "", None, id="nor for the whole registry"),
        pytest.param({"registry.example.com": "other"}, "team/app", None, id="without the port it is another registry"),
        pytest.param({"HOST1": "other"}, "team/app", None, id="nor with a longer one"),
        pytest.param({"other.example/HOST": "other"}, "", None, id="a registry's name within a path"),
    ],
)
@pytest.mark.parametrize("is_reversed", [False, True], ids=["as listed", "the other way round"])
def test_an_entry_is_for_what_it_names(
    home: Path, entries: dict[str, str], repository: str, found: str | None, is_reversed: bool
) -> None:
    ordered = dict(reversed(entries.items())) if is_reversed else entries
    written(home / ".docker" / "config.json", auths=auths(**ordered))
    assert user(repository) == found


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/"])
def test_docker_hub_goes_by_all_of_its_names(home: Path, key: str) -> None:
    written(home / ".docker" / "config.json", auths=auths(**{key: "hub"}))
    assert user("library/nginx", host="docker.io") == "hub"


def test_an_empty_entry_is_none(home: Path) -> None:
    written(home / ".docker" / "config.json", auths={HOST: {}, f"{HOST}/team": {}})
    assert user("team/app") is None


def test_an_identity_token_needs_no_password(home: Path) -> None:
    written(home / ".docker" / "config.json", auths={HOST: {"identitytoken": "refresh-me"}})
    found = Login(HOST).find("team/app")
    assert found is not None
    assert (found.identity_token, found.password) == ("refresh-me", "")


# Helpers


def test_a_helper_for_a_registry_comes_before_the_store_and_both_before_what_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = helper(tmp_path / "bin", "own", "of the registry", monkeypatch)
    store = helper(tmp_path / "bin", "store", "of the store", monkeypatch)
    config = home / ".docker" / "config.json"
    written(config, auths=auths(HOST="written"), credsStore="store", credHelpers={HOST: "own"})
    assert user() == "of the registry"
    assert own.read_text().split() == [HOST]
    assert store.read_text() == ""
    assert user(host="other.example") == "of the store"
    assert store.read_text().split() == ["other.example"]


def test_a_helper_that_does_not_know_the_registry_leaves_it_to_what_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = helper(tmp_path / "bin", "empty", None, monkeypatch)
    written(home / ".docker" / "config.json", auths=auths(HOST="written"), credsStore="empty")
    assert user() == "written"
    assert log.read_text().split() == [HOST]


def test_a_helper_is_asked_once_for_all_repositories(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = helper(tmp_path / "bin", "store", "person", monkeypatch)
    written(home / ".docker" / "config.json", credsStore="store")
    login = Login(HOST)
    for repository in ("team/app", "team/app", "team/other", ""):
        found = login.find(repository)
        assert found is not None
        assert found.username == "person"
    assert log.read_text().split() == [HOST]


def test_the_name_for_tokens_makes_a_helpers_secret_a_token(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path / "bin", "store", "<token>", monkeypatch)
    written(home / ".docker" / "config.json", credsStore="store")
    found = Login(HOST).find()
    assert found is not None
    assert (found.identity_token, found.password) == ("s3cret", "")


def test_a_helper_that_is_not_there_is_reported_with_its_file(home: Path) -> None:
    config = written(home / ".docker" / "config.json", credHelpers={HOST: "does-not-exist"}, auths=auths(HOST="x"))
    with raises(Refused, values={"helper": "does-not-exist"}) as caught:
        Login(HOST).find()
    assert caught.value.subject == str(config)
    assert HOST in (caught.value.hint or "")
    assert "docker-credential-does-not-exist" in caught.value.message
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"auths": {HOST: {"auth": "not base64!"}}}, id="no base64"),
        pytest.param({"auths": {HOST: {"auth": "c2VjcmV0"}}}, id="no colon within"),
        pytest.param({"auths": {HOST: "s3cret"}}, id="a text in place of an entry"),
        pytest.param({"auths": {HOST: {"auth": 7}}}, id="a number"),
        pytest.param({"auths": [HOST]}, id="a list"),
        pytest.param({"credHelpers": [HOST]}, id="helpers in a list"),
    ],
)
def test_a_file_that_is_wrong_is_reported_and_not_shown(home: Path, content: dict[str, object]) -> None:
    config = written(home / ".docker" / "config.json", **content)
    with pytest.raises(Refused) as caught:
        Login(HOST).find("team/app")
    assert caught.value.subject == str(config)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


# Given on the command line


def test_what_is_given_comes_before_everything_and_no_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "missing.json"))
    given = Credentials("robot$ci", "s3cret")
    assert Login(HOST, given).find("team/app") is given
    with pytest.raises(Misuse):
        Login(HOST).find("team/app")


@pytest.mark.parametrize("form", ["{}", "{!r}", "{!s}", "%s"])
def test_credentials_are_shown_nowhere(form: str) -> None:
    login = Credentials("robot", "s3cret", "t0ken", origin="a file")
    for value in (login, [login], {"login": login}):
        shown = form % value if form == "%s" and not isinstance(value, dict) else form.format(value)
        assert "s3cret" not in shown
        assert "t0ken" not in shown
