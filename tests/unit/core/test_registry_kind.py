"""A registry is taken for what it says that it is, and for one without rules of its own if it says nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bundler.core.registry_kind import (
    ARTIFACTORY,
    DISTRIBUTION,
    GITLAB,
    HARBOR,
    NEXUS,
    QUAY,
    REGISTRY_KINDS,
    RegistryKind,
    recognised,
)
from tests.support.tables import each_case

TOKEN = {"realm": "https://auth.example.com/token", "service": "registry.example.com"}


@each_case(
    ("headers", "challenge", "kind"),
    [
        pytest.param({}, {}, DISTRIBUTION, id="nothing said"),
        pytest.param({"Docker-Distribution-Api-Version": "registry/2.0"}, {}, DISTRIBUTION, id="distribution"),
        pytest.param({"Server": "nginx/1.27"}, TOKEN, DISTRIBUTION, id="distribution with nginx"),
        pytest.param({}, {"realm": "Registry Realm"}, DISTRIBUTION, id="distribution with Basic"),
        pytest.param(
            {}, {"realm": "https://h.example/service/token", "service": "harbor-registry"}, HARBOR, id="Harbor"
        ),
        pytest.param(
            {"Gitlab-Container-Registry-Version": "v4.15.2-gitlab"}, {}, GITLAB, id="GitLab by its registry's version"
        ),
        pytest.param(
            {},
            {"realm": "https://gitlab.example/jwt/auth", "service": "container_registry"},
            GITLAB,
            id="GitLab by its token server",
        ),
        pytest.param({"Server": "Nexus/3.76.0-03 (OSS)"}, {}, NEXUS, id="Nexus by its server's name"),
        pytest.param({}, {"realm": "Sonatype Nexus Repository Manager"}, NEXUS, id="Nexus with a proxy and Basic"),
        pytest.param({"X-Artifactory-Id": "1234:abc"}, {}, ARTIFACTORY, id="Artifactory by its id"),
        pytest.param({"X-JFrog-Version": "Artifactory/7.90.1"}, {}, ARTIFACTORY, id="Artifactory by its version"),
        pytest.param({}, {"realm": "Artifactory Realm"}, ARTIFACTORY, id="Artifactory with Basic"),
        pytest.param({}, {"realm": "https://quay.example/v2/auth", "service": "quay.example"}, QUAY, id="Quay"),
    ],
)
@each_case("spelling", [str, str.lower, str.upper], ids=["as sent", "lower case", "upper case"])
def test_a_registry_is_what_it_says_that_it_is(
    headers: Mapping[str, str], challenge: Mapping[str, str], kind: RegistryKind, spelling: type[str]
) -> None:
    assert recognised({spelling(name): value for name, value in headers.items()}, challenge) is kind


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        pytest.param({"Server": "nexus-proxy"}, {}, id="nexus in another name"),
        pytest.param({"X-Served-By": "Nexus/3"}, {}, id="another header"),
        pytest.param({}, {"realm": "https://auth.example/token?account=/jwt/auth/x"}, id="a path within a query"),
        pytest.param({}, {"service": "harbor"}, id="another service"),
        pytest.param({}, {"realm": "https://auth.docker.io/token", "service": "registry.docker.io"}, id="Docker Hub"),
    ],
)
def test_what_only_looks_like_a_kind_is_none(headers: Mapping[str, str], challenge: Mapping[str, str]) -> None:
    assert recognised(headers, challenge) is DISTRIBUTION


@pytest.mark.parametrize("kind", REGISTRY_KINDS.values(), ids=REGISTRY_KINDS)
def test_every_kind_goes_by_the_name_that_target_has_and_says_what_it_wants(kind: RegistryKind) -> None:
    assert REGISTRY_KINDS[kind.name] is kind
    assert kind.name == kind.name.lower()
    assert bool(kind.first_part) is (kind.least_parts > 1), "who wants a part in front calls it by its name"


@each_case(
    ("kind", "path", "prefix", "fault"),
    [
        pytest.param(HARBOR, "nginx", "", "Harbor needs a project before the name", id="no project"),
        pytest.param(QUAY, "nginx", "", "Quay needs an organisation before the name", id="no organisation"),
        pytest.param(HARBOR, "a/nginx", "", None, id="a project from the image's own name"),
        pytest.param(HARBOR, "a/nginx", "a", None, id="a project from the prefix"),
        pytest.param(HARBOR, "a/b/c/d/e", "a", None, id="any depth"),
        pytest.param(GITLAB, "g/p/a/b", "g/p", None, id="two parts below a project"),
        pytest.param(
            GITLAB,
            "g/p/a/b/c",
            "g/p",
            "GitLab allows at most 2 path parts below g/p; this name has 3",
            id="three parts below",
        ),
        pytest.param(GITLAB, "g/a/b/c/d", "g", None, id="below a group nobody knows where the project ends"),
        pytest.param(DISTRIBUTION, "nginx", "", None, id="one part is enough"),
    ],
)
def test_a_path_is_refused_for_the_rules_of_its_kind(
    kind: RegistryKind, path: str, prefix: str, fault: str | None
) -> None:
    assert kind.fault(path, prefix) == fault


@pytest.mark.parametrize(
    ("kind", "path", "is_unusual"),
    [(QUAY, "a/b", False), (QUAY, "a/b/c", True), (HARBOR, "a/b/c/d", False), (DISTRIBUTION, "a/b/c/d", False)],
    ids=["Quay, two parts", "Quay, three parts", "Harbor", "distribution"],
)
def test_a_path_that_some_releases_refuse_is_reported(kind: RegistryKind, path: str, is_unusual: bool) -> None:
    assert kind.is_unusual(path) is is_unusual
