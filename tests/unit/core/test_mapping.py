"""Every image gets the name at the target that the design promises, and no two get the same."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bundler.core.location import Target
from bundler.core.mapping import Naming, target_names
from bundler.core.policies import FLATTEN, KEEP, MAPPINGS, SCOPED
from bundler.core.reference import Reference
from bundler.core.registry_kind import (
    ARTIFACTORY,
    DISTRIBUTION,
    GITLAB,
    HARBOR,
    NEXUS,
    QUAY,
    REGISTRY_KINDS,
    RegistryKind,
)
from bundler.core.rules_file import parse_rules
from bundler.errors import Misuse, Several
from bundler.transports.docker_daemon import DaemonTarget
from bundler.transports.oci_archive import ArchiveTarget
from bundler.transports.oci_layout import LayoutTarget
from bundler.transports.registry import RegistryTarget
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

HOST = RegistryTarget("registry.example.com:5000")
PREFIXED = RegistryTarget("registry.example.com:5000", "mirror/prod")
D = digest("image")
TAG = f"digest-{D.encoded[:12]}"


def names_of(
    references: Iterable[Reference], target: Target, naming: Naming, kind: RegistryKind = DISTRIBUTION
) -> dict[Reference, Reference]:
    return target_names({each: each.digest or D for each in references}, target, naming, kind)


def name_at(
    text: str, target: Target, mapping: str = KEEP, rules: str | None = None, kind: RegistryKind = DISTRIBUTION
) -> str:
    reference = Reference.parse(text)
    return str(names_of([reference], target, ruled(rules, mapping), kind)[reference])


def ruled(rules: str | None, mapping: str = KEEP) -> Naming:
    """The naming by the lines of a file of rules, for a bundle of that day."""
    written = parse_rules(f"rules: [{rules or ''}]", source="rules.yaml")
    return Naming(mapping, written, "platform-2026.11", "20261123")


@each_case(
    ("text", "target", "mapping", "name"),
    [
        pytest.param("nginx:1.27", HOST, KEEP, "registry.example.com:5000/library/nginx:1.27", id="keep"),
        pytest.param(
            "nginx:1",
            PREFIXED,
            KEEP,
            "registry.example.com:5000/mirror/prod/library/nginx:1",
            id="keep, below a prefix",
        ),
        pytest.param("quay.io/a/b:2", HOST, KEEP, "registry.example.com:5000/a/b:2", id="keep drops any origin"),
        pytest.param("nginx:1.27", HOST, SCOPED, "registry.example.com:5000/docker.io/library/nginx:1.27", id="scoped"),
        pytest.param(
            "quay.io/a:2", PREFIXED, SCOPED, "registry.example.com:5000/mirror/prod/quay.io/a:2", id="scoped, prefix"
        ),
        pytest.param("host:80/a:2", HOST, SCOPED, "registry.example.com:5000/host-80/a:2", id="scoped, a port"),
        pytest.param("Host/a:2", HOST, SCOPED, "registry.example.com:5000/host/a:2", id="scoped, upper case"),
        pytest.param(
            "[2001:db8::1]:80/a:2", HOST, SCOPED, "registry.example.com:5000/2001-db8--1-80/a:2", id="scoped, IPv6"
        ),
        pytest.param("nginx:1.27", HOST, FLATTEN, "registry.example.com:5000/library-nginx:1.27", id="flatten"),
        pytest.param(
            "quay.io/a/b/c__d:2",
            PREFIXED,
            FLATTEN,
            "registry.example.com:5000/mirror/prod/a-b-c__d:2",
            id="flatten, prefix",
        ),
        pytest.param(
            "nginx:1.27", LayoutTarget("out"), FLATTEN, "docker.io/library/nginx:1.27", id="flatten, a layout"
        ),
        pytest.param(f"a/b@{D}", HOST, KEEP, f"registry.example.com:5000/a/b:{TAG}@{D}", id="a digest"),
        pytest.param(f"a/b@{D}", HOST, FLATTEN, f"registry.example.com:5000/a-b:{TAG}@{D}", id="a digest, flatten"),
        pytest.param(f"a/b@{D}", DaemonTarget(), KEEP, f"docker.io/a/b:{TAG}@{D}", id="a digest, a daemon"),
        pytest.param(f"a/b@{D}", LayoutTarget("out"), KEEP, f"docker.io/a/b@{D}", id="a digest, a layout"),
        pytest.param(f"a/b@{D}", ArchiveTarget("out.tar"), KEEP, f"docker.io/a/b@{D}", id="a digest, an archive"),
        pytest.param(f"a/b:1@{D}", HOST, KEEP, f"registry.example.com:5000/a/b:1@{D}", id="a tag and a digest"),
        pytest.param("nginx:1.27", LayoutTarget("out"), KEEP, "docker.io/library/nginx:1.27", id="a layout"),
        pytest.param("quay.io/a:1", ArchiveTarget("out.tar"), SCOPED, "quay.io/a:1", id="an archive"),
    ],
)
def test_an_image_gets_the_name_that_was_promised(text: str, target: Target, mapping: str, name: str) -> None:
    assert name_at(text, target, mapping) == name


def test_two_images_that_would_land_on_one_name_are_refused_with_a_way_out() -> None:
    references = [Reference.parse("docker.io/team/app:1"), Reference.parse("quay.io/team/app:1")]
    with raises(Misuse, values={"other": "docker.io/team/app:1"}) as caught:
        names_of(references, HOST, Naming(KEEP))
    assert caught.value.subject == "quay.io/team/app:1"
    assert "registry.example.com:5000/team/app:1" in caught.value.message
    assert "--map scoped" in (caught.value.hint or "")
    assert len(set(names_of(references, HOST, Naming(SCOPED)).values())) == 2
    assert len(set(names_of(references, LayoutTarget("out"), Naming(KEEP)).values())) == 2


def test_one_tag_cannot_refer_to_two_digests() -> None:
    references = [Reference.parse(f"a/b:1@{D}"), Reference.parse(f"a/b:1@{digest('other')}")]
    with raises(Misuse, values={"key": "registry.example.com:5000/a/b:1"}):
        names_of(references, HOST, Naming(KEEP))


def test_registries_whose_names_differ_in_a_colon_only_do_not_meet_unnoticed() -> None:
    references = [Reference.parse("host:8080/a:1"), Reference.parse("Host-8080/a:1")]
    with raises(Misuse, values={"other": "host:8080/a:1"}):
        names_of(references, HOST, Naming(SCOPED))


def test_two_tags_and_two_digests_of_one_repository_are_no_conflict() -> None:
    texts = ["a/b:1", "a/b:2", f"a/b@{D}", f"a/b@{digest('other')}"]
    references = [Reference.parse(text) for text in texts]
    assert len(set(names_of(references, HOST, Naming(KEEP)).values())) == 4


def test_all_conflicts_are_reported_at_once() -> None:
    texts = ["docker.io/t/a:1", "quay.io/t/a:1", "docker.io/t/b:1", "quay.io/t/b:1"]
    with raises(Several, values={"count": 2}) as caught:
        names_of([Reference.parse(text) for text in texts], HOST, Naming(KEEP))
    assert [error.subject for error in caught.value.errors] == ["quay.io/t/a:1", "quay.io/t/b:1"]
    assert caught.value.exit_code == 2


def test_the_longest_name_that_a_registry_takes_is_taken() -> None:
    host = RegistryTarget("h.io")
    assert len(name_at(f"quay.io/{'a' * 240}/{'b' * 5}:1", host, KEEP)) == len("h.io/") + 246 + len(":1")
    origin = Reference("quay.io", "a" * 250, "1")
    assert len(names_of([origin], host, Naming(KEEP))[origin].name) == 255
    with pytest.raises(Misuse):
        names_of([Reference("quay.io", "a" * 251, "1")], host, Naming(KEEP))


def test_a_name_that_gets_too_long_is_refused() -> None:
    with pytest.raises(Misuse) as caught:
        name_at(f"quay.io/{'a' * 240}:1", PREFIXED, KEEP)
    assert caught.value.expected == "lower case, at most 255 characters"
    assert "--rules" in (caught.value.hint or "")


@pytest.mark.parametrize("target", [HOST, DaemonTarget()], ids=["registry", "daemon"])
def test_without_digest_tags_an_image_keeps_its_digest_alone(target: Target) -> None:
    (name,) = names_of([Reference.parse(f"a/b@{D}")], target, Naming(has_digest_tags=False)).values()
    assert (name.tag, name.digest) == (None, D)


@pytest.mark.parametrize(
    ("rule", "tag"),
    [
        pytest.param("{from: a/b, tag: '{tag}-{date}'}", TAG, id="of the tag that it has not"),
        pytest.param("{from: a/b, tag: '{date}'}", "20261123", id="of something else"),
        pytest.param("{from: a/b, to: c/d}", TAG, id="none"),
    ],
)
def test_a_rule_for_tags_goes_before_the_digest_tag_where_it_gives_one(rule: str, tag: str) -> None:
    (name,) = names_of([Reference.parse(f"a/b@{D}")], HOST, ruled(rule)).values()
    assert (name.tag, name.digest) == (tag, D)


def test_the_mappings_that_can_be_chosen_are_these() -> None:
    assert MAPPINGS == ("keep", "scoped", "flatten")


@pytest.mark.parametrize("mapping", [SCOPED, FLATTEN])
def test_where_the_origin_does_not_help_a_collision_asks_for_a_name(mapping: str) -> None:
    texts = {SCOPED: ("host:8080/a:1", "Host-8080/a:1"), FLATTEN: ("a/b-c:1", "a-b/c:1")}[mapping]
    with pytest.raises(Misuse) as caught:
        names_of(map(Reference.parse, texts), HOST, Naming(mapping))
    assert "--rules" in (caught.value.hint or "")
    assert "--map" not in (caught.value.hint or "")


# Rules


@each_case(
    ("rules", "text", "name"),
    [
        pytest.param("{from: library/*, to: base/*}", "nginx:1", "base/nginx:1", id="a prefix"),
        pytest.param("{from: quay.io/*, to: base/*}", "nginx:1", "library/nginx:1", id="others are mapped"),
        pytest.param("{from: nginx, to: web/server}", "nginx:1", "web/server:1", id="one image"),
        pytest.param("{from: '*', tag: '{tag}-{date}'}", "nginx:1", "library/nginx:1-20261123", id="the date"),
        pytest.param(
            "{from: '*', tag: '{bundle}-{tag}'}", "nginx:1", "library/nginx:platform-2026.11-1", id="the bundle's name"
        ),
        pytest.param(
            "{from: '*', tag: '{digest12}'}", "nginx:1", f"library/nginx:{D.encoded[:12]}", id="the digest's beginning"
        ),
        pytest.param(
            "{from: library/*, to: base/*}, {from: '*:latest', tag: '{date}'}",
            "nginx",
            "base/nginx:20261123",
            id="name and tag by two rules",
        ),
        pytest.param(
            "{from: '*', tag: 'v{tag}'}", f"nginx@{D}", f"library/nginx:{TAG}@{D}", id="of a tag that it has not"
        ),
        pytest.param(
            "{from: '*', tag: '{date}'}", f"nginx@{D}", f"library/nginx:20261123@{D}", id="a tag where there was none"
        ),
    ],
)
@each_case("target", [HOST, PREFIXED], ids=["no prefix", "below a prefix"])
def test_a_rule_goes_before_the_mapping_and_after_the_prefix(
    target: RegistryTarget, rules: str, text: str, name: str
) -> None:
    assert name_at(text, target, rules=rules) == f"{target}/{name}"


def test_layouts_and_archives_keep_full_names_whatever_rules_say() -> None:
    for target in (LayoutTarget("out"), ArchiveTarget("out.tar")):
        assert name_at("nginx:1", target, rules="{from: '*', to: 'x/*', tag: y}") == "docker.io/library/nginx:1"


@pytest.mark.parametrize(
    ("rules", "texts"),
    [
        pytest.param("{from: quay.io/*, to: library/*}", ("nginx:1", "quay.io/nginx:1"), id="a rule and the mapping"),
        pytest.param("{from: library/*, to: base}", ("nginx:1", "redis:1"), id="many into one"),
        pytest.param("{from: '*', tag: '{date}'}", ("nginx:1", "nginx:2"), id="one tag for all"),
        pytest.param("{from: '*:latest', tag: '1'}", ("nginx:1", "nginx"), id="the tag of another"),
        pytest.param("{from: '*', tag: x}", (f"a/b@{D}", f"a/b@{digest('other')}"), id="one tag for two digests"),
    ],
)
def test_rules_that_give_two_images_one_name_are_refused(rules: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(Misuse) as caught:
        names_of(map(Reference.parse, texts), HOST, ruled(rules))
    assert caught.value.subject == str(Reference.parse(texts[1]))


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        pytest.param(
            "{from: '*', tag: 'x-{tag}'}", f"a:{'b' * 127}", "a tag of 1 to 128", id="a tag that gets too long"
        ),
        pytest.param(
            f"{{from: '*', to: {'c' * 240}/*}}", "quay.io/a/b:1", "at most 255", id="a path that gets too long"
        ),
        pytest.param("{from: '*', to: 'all/*'}", "host:5000/a:1", "lower case", id="a port within the path"),
        pytest.param(
            "{from: 'quay.io/a*', to: 'all/*'}", "quay.io/a-b:1", "lower case", id="a part that begins with a dash"
        ),
        pytest.param("{from: 'quay.io/a*', to: 'all/*'}", "quay.io/a:1", "lower case", id="a part of nothing"),
    ],
)
def test_a_name_that_rules_make_invalid_is_refused_before_a_byte_moves(rules: str, text: str, expected: str) -> None:
    with pytest.raises(Misuse) as caught:
        name_at(text, HOST, rules=rules)
    assert expected in (caught.value.expected or "")
    assert caught.value.actual


def test_a_tag_from_a_bundle_name_that_no_tag_can_have_is_refused() -> None:
    naming = Naming(KEEP, parse_rules("rules: [{from: '*', tag: '{bundle}'}]", source="r"), "-odd", "20261123")
    with raises(Misuse, actual="-odd") as caught:
        names_of([Reference.parse("a:1")], HOST, naming)
    assert caught.value.actual == "-odd"


def test_the_same_bundle_gets_the_same_names_on_any_day() -> None:
    naming = ruled("{from: '*', tag: '{tag}-{date}-{bundle}-{digest12}'}")
    reference = Reference.parse("nginx:1")
    first = names_of([reference], HOST, naming)
    assert first == names_of([reference], HOST, naming)
    assert first[reference].tag == f"1-20261123-platform-2026.11-{D.encoded[:12]}"


# Names that kinds of registries take


@each_case(
    ("kind", "prefix", "text", "mapping", "fault"),
    [
        pytest.param(HARBOR, "", "quay.io/app:1", KEEP, "Harbor needs a project before the name", id="Harbor"),
        pytest.param(GITLAB, "", "quay.io/app:1", KEEP, "GitLab needs a group before the name", id="GitLab"),
        pytest.param(QUAY, "", "quay.io/app:1", KEEP, "Quay needs an organisation before the name", id="Quay"),
        pytest.param(
            GITLAB,
            "group/project",
            "quay.io/a/b/c:1",
            KEEP,
            "GitLab allows at most 2 path parts below group/project; this name has 3",
            id="GitLab, three parts below a project",
        ),
        pytest.param(
            GITLAB,
            "group/project",
            "nginx:1",
            SCOPED,
            "GitLab allows at most 2 path parts below group/project; this name has 3",
            id="GitLab, scoped",
        ),
        pytest.param(HARBOR, "", "quay.io/a/b/c/d/e:1", KEEP, None, id="Harbor takes any depth"),
        pytest.param(HARBOR, "mirror", "quay.io/app:1", KEEP, None, id="Harbor, a project in front"),
        pytest.param(GITLAB, "group/project", "nginx:1", KEEP, None, id="GitLab, two parts below a project"),
        pytest.param(GITLAB, "group/project", "quay.io/a/b/c:1", FLATTEN, None, id="GitLab, flat"),
        pytest.param(GITLAB, "group", "quay.io/a/b/c:1", KEEP, None, id="GitLab, where the project ends is not known"),
        pytest.param(QUAY, "", "quay.io/a/b/c:1", KEEP, None, id="Quay, deeper than some take"),
        pytest.param(ARTIFACTORY, "docker-local", "quay.io/a/b:1", KEEP, None, id="Artifactory, a key in front"),
        pytest.param(NEXUS, "", "quay.io/app:1", KEEP, None, id="Nexus takes one part"),
        pytest.param(DISTRIBUTION, "", "quay.io/app:1", KEEP, None, id="distribution takes one part"),
        pytest.param(DISTRIBUTION, "a/b", "quay.io/a/b/c/d/e:1", SCOPED, None, id="distribution takes any depth"),
    ],
)
def test_a_name_that_a_kind_of_registry_refuses_is_reported_before_it_is_asked(
    kind: RegistryKind, prefix: str, text: str, mapping: str, fault: str | None
) -> None:
    target = RegistryTarget("registry.example.com", prefix)
    if fault is None:
        assert name_at(text, target, mapping, kind=kind).startswith(f"{target}/")
        return
    with pytest.raises(Misuse) as caught:
        name_at(text, target, mapping, kind=kind)
    assert caught.value.message == fault
    assert caught.value.subject == str(Reference.parse(text))


@pytest.mark.parametrize(
    ("kind", "prefix", "hint"),
    [
        pytest.param(HARBOR, "", "give one with --to registry.example.com/PROJECT", id="Harbor"),
        pytest.param(QUAY, "", "give one with --to registry.example.com/ORGANISATION", id="Quay"),
        pytest.param(
            GITLAB, "a/b", "join the parts with --map flatten, or rename them with --rules", id="GitLab, too deep"
        ),
    ],
)
def test_a_name_that_is_refused_comes_with_a_way_out(kind: RegistryKind, prefix: str, hint: str) -> None:
    text = "quay.io/a/b/c:1" if prefix else "quay.io/a:1"
    with pytest.raises(Misuse) as caught:
        name_at(text, RegistryTarget("registry.example.com", prefix), kind=kind)
    assert caught.value.hint == hint


def test_the_prefix_of_a_gitlab_project_counts_all_its_groups() -> None:
    target = RegistryTarget("registry.example.com", "group/sub/project")
    assert name_at("nginx:1", target, kind=GITLAB) == f"{target}/library/nginx:1"
    with raises(Misuse, values={"prefix": "group/sub/project", "below": 3}):
        name_at("quay.io/a/b/c:1", target, kind=GITLAB)


@pytest.mark.parametrize("kind", REGISTRY_KINDS.values(), ids=REGISTRY_KINDS)
def test_layouts_have_the_rules_of_no_registry(kind: RegistryKind) -> None:
    assert name_at("quay.io/a:1", LayoutTarget("out"), kind=kind) == "quay.io/a:1"


def test_faults_and_collisions_are_reported_together() -> None:
    texts = ["docker.io/t/a:1", "quay.io/t/a:1", "quay.io/b:1"]
    with raises(Several, values={"count": 2}) as caught:
        names_of(map(Reference.parse, texts), HOST, Naming(KEEP), HARBOR)
    assert [error.subject for error in caught.value.errors] == ["quay.io/t/a:1", "quay.io/b:1"]


def test_a_name_that_docker_hub_reads_as_another_one_is_refused() -> None:
    with raises(Misuse, subject="quay.io/app:1", actual="docker.io/app", hint="give a prefix: --to HOST/PREFIX"):
        name_at("quay.io/app:1", RegistryTarget("docker.io"))
    assert name_at("quay.io/app:1", RegistryTarget("docker.io", "team")) == "docker.io/team/app:1"
