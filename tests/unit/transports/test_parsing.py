"""Locations are spelt as skopeo spells them; what is not one is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.core.location import Location, Target
from bundler.core.reference import Reference
from bundler.errors import Misuse
from bundler.transport_table import prefix_of
from bundler.transports.docker_archive import DockerArchiveImage
from bundler.transports.docker_daemon import DaemonImage, DaemonTarget
from bundler.transports.oci_archive import ArchiveTarget, OciArchiveImage
from bundler.transports.oci_layout import LayoutImage, LayoutTarget
from bundler.transports.parsing import parse_image, parse_target
from bundler.transports.registry import RegistryImage, RegistryTarget
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

ID = digest("config")
NGINX = RegistryImage(Reference("docker.io", "library/nginx", "1.27"))


@each_case(
    ("text", "location"),
    [
        pytest.param("nginx:1.27", NGINX, id="a bare reference is one in a registry"),
        pytest.param("docker://nginx:1.27", NGINX, id="docker"),
        pytest.param("oci:/srv/layout", LayoutImage("/srv/layout"), id="a layout with one image"),
        pytest.param("oci:layout:v1", LayoutImage("layout", "v1"), id="a name in a layout"),
        pytest.param("oci:l:host:5000/a:1", LayoutImage("l", "host:5000/a:1"), id="a full name in a layout"),
        pytest.param("oci:layout:", LayoutImage("layout"), id="an empty name is none"),
        pytest.param("oci-archive:a.tar", OciArchiveImage("a.tar"), id="an archive with one image"),
        pytest.param(
            "oci-archive:a.tar:quay.io/a:1", OciArchiveImage("a.tar", "quay.io/a:1"), id="a name in an archive"
        ),
        pytest.param("docker-archive:a.tar", DockerArchiveImage("a.tar"), id="what docker save wrote"),
        pytest.param("docker-archive:a.tar:app:1", DockerArchiveImage("a.tar", "app:1"), id="a name in such a file"),
        pytest.param("docker-archive:a.tar:@0", DockerArchiveImage("a.tar", "@0"), id="a place in such a file"),
        pytest.param(
            "docker-daemon:app", DaemonImage("docker.io/library/app:latest"), id="a name of a daemon in short"
        ),
        pytest.param("docker-daemon:host:5000/a:1", DaemonImage("host:5000/a:1"), id="a name of a daemon in full"),
        pytest.param(f"docker-daemon:{ID}", DaemonImage(str(ID)), id="an id of a daemon"),
    ],
)
def test_an_image_is_found_where_its_transport_says(text: str, location: Location) -> None:
    assert parse_image(text) == location


@each_case(
    ("text", "target"),
    [
        pytest.param("registry.example.com", RegistryTarget("registry.example.com"), id="a host"),
        pytest.param("host:5000/a/b", RegistryTarget("host:5000", "a/b"), id="a host and a prefix"),
        pytest.param("docker://host/a/", RegistryTarget("host", "a"), id="a slash at the end"),
        pytest.param("index.docker.io/team", RegistryTarget("docker.io", "team"), id="the old name of Docker Hub"),
        pytest.param("registry-1.docker.io/team", RegistryTarget("docker.io", "team"), id="the API of Docker Hub"),
        pytest.param("oci:/srv/layout", LayoutTarget("/srv/layout"), id="a layout"),
        pytest.param("oci-archive:out.tar", ArchiveTarget("out.tar"), id="an archive"),
        pytest.param("docker-daemon:", DaemonTarget(), id="the daemon"),
        pytest.param("docker-daemon:host:5000", DaemonTarget(RegistryTarget("host:5000")), id="the daemon, with names"),
        pytest.param(
            "docker-daemon:index.docker.io/a/b/",
            DaemonTarget(RegistryTarget("docker.io", "a/b")),
            id="the daemon, with names and a prefix",
        ),
    ],
)
def test_a_target_is_what_its_transport_says(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    ["oci:", "oci-archive:", "docker-archive:", "oci::name", "docker-archive::a:1"],
    ids=["layout", "archive", "docker archive", "a name alone", "a name alone of a docker archive"],
)
def test_a_location_without_a_path_is_refused(text: str) -> None:
    with pytest.raises(Misuse):
        parse_image(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("dir:/srv/image", id="dir"),
        pytest.param("containers-storage:app", id="containers-storage"),
        pytest.param("ocidir:/srv/image", id="ocidir"),
    ],
)
def test_a_transport_that_we_do_not_know_is_named(text: str) -> None:
    for parse in (parse_image, parse_target):
        with raises(Misuse, actual=text.partition(":")[0]):
            parse(text)


@pytest.mark.parametrize("text", ["http://quay.io/a:1", "ftp://a", "OCI://a"], ids=["http", "ftp", "upper case"])
def test_a_url_is_no_location(text: str) -> None:
    for parse in (parse_image, parse_target):
        with pytest.raises(Misuse):
            parse(text)


def test_a_registry_may_be_spelt_as_helm_spells_it() -> None:
    assert parse_target("oci://registry.example.com/charts") == RegistryTarget("registry.example.com", "charts")
    for text in ("oci://", "oci:///a", "oci://h/UPPER"):
        with pytest.raises(Misuse):
            parse_target(text)


@each_case(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("oci:", id="no path"),
        pytest.param("oci:dir:name", id="a name: names come from the bundle"),
        pytest.param("host/UPPER", id="a prefix in upper case"),
        pytest.param("host/a:1", id="a tag"),
        pytest.param("host:99999", id="an impossible port"),
        pytest.param("host/../a", id="a path upwards"),
        pytest.param("docker-daemon:host/UPPER", id="a prefix in upper case for the names of a daemon"),
        pytest.param("docker-daemon:app:latest", id="a name for a daemon: names come from the bundle"),
    ],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(Misuse):
        parse_target(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("user:hunter2@registry.example.com/team", id="before a host"),
        pytest.param("docker://user:hunter2@registry.example.com/team", id="after docker://"),
        pytest.param("https://user:hunter2@registry.example.com/team", id="in a URL"),
        pytest.param("docker-daemon:user:hunter2@registry.example.com/team", id="after docker-daemon:"),
    ],
)
def test_a_password_in_a_location_is_never_repeated(text: str) -> None:
    for parse in (parse_image, parse_target):
        with pytest.raises(Misuse) as caught:
            parse(text)
        error = caught.value
        assert "hunter2" not in f"{error} {error.subject} {error.expected} {error.actual} {error.hint}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker://a", True),
        ("oci:a", True),
        ("oci-archive:a", True),
        ("docker-archive:a", True),
        ("docker-daemon:", True),
        ("list.yaml", False),
        ("docker:dind", False),
    ],
)
def test_a_transport_tells_a_location_from_a_list(text: str, expected: bool) -> None:
    assert bool(prefix_of(text)) is expected


@pytest.mark.parametrize(
    "text",
    ["docker-daemon:", "docker-daemon:sha256:abc", "docker-daemon:UPPER"],
    ids=["nothing", "a short id", "no name"],
)
def test_what_no_daemon_can_hold_is_refused(text: str) -> None:
    with pytest.raises(Misuse):
        parse_image(text)


def test_a_docker_archive_is_no_target_and_the_advice_does_not_name_it() -> None:
    with pytest.raises(Misuse) as caught:
        parse_target("docker-archive:out.tar")
    assert "docker-archive" not in f"{caught.value.expected} {caught.value.hint}"


@each_case(
    "location",
    [
        NGINX,
        LayoutImage("layout"),
        LayoutImage("layout", "host:5000/a:1"),
        OciArchiveImage("a.tar"),
        OciArchiveImage("a.tar", "a/b:1"),
        DockerArchiveImage("a.tar", "@0"),
        DaemonImage("docker.io/library/app:1"),
        DaemonImage(str(ID)),
    ],
    ids=str,
)
def test_a_location_that_is_shown_can_be_given_again(location: Location) -> None:
    assert parse_image(str(location)) == location


@pytest.mark.parametrize(
    "target",
    [
        RegistryTarget("host:5000", "a/b"),
        LayoutTarget("layout"),
        ArchiveTarget("a.tar"),
        DaemonTarget(),
        DaemonTarget(RegistryTarget("host:5000", "a/b")),
    ],
    ids=str,
)
def test_a_target_that_is_shown_can_be_given_again(target: Target) -> None:
    assert parse_target(str(target)) == target


@each_case(
    ("spelling", "other"),
    [
        ("registry.example.com/prefix", "docker://Registry.Example.COM/prefix"),
        ("registry.example.com", "registry.example.com:443"),
        ("docker-daemon:registry.example.com", "docker-daemon:REGISTRY.example.com"),
        ("oci:/srv/images", "oci:/srv/../srv/images/"),
    ],
)
def test_every_spelling_of_a_target_has_one_identity(spelling: str, other: str) -> None:
    assert parse_target(spelling).identity == parse_target(other).identity


def test_a_relative_path_is_another_target_in_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = parse_target("oci:images").identity
    monkeypatch.chdir(tmp_path)
    assert parse_target("oci:images").identity != here
