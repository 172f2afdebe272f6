"""Image lists say what was written, and all errors in them are reported at once, with their lines."""

from __future__ import annotations

import pytest

from bundler.core.image_list import Entry, HeldImages, ImageList, entry_of, nameless, parse_image_list
from bundler.core.location import Container, Location
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import Misuse, Several
from bundler.transports.docker_archive import DockerArchiveImage
from bundler.transports.docker_daemon import DaemonImage
from bundler.transports.oci_archive import OciArchiveImage
from bundler.transports.oci_layout import LayoutImage
from bundler.transports.parsing import parse_image
from bundler.transports.registry import RegistryImage
from tests.support.errors import values_in
from tests.support.tables import each_case
from tests.unit.values import digest

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
D = digest("pin")


def yaml_list(text: str) -> ImageList:
    return parse_image_list(text, source="list.yaml", parse_image=parse_image)


def text_list(text: str) -> ImageList:
    return parse_image_list(text, source="images.txt", parse_image=parse_image)


def names(read: ImageList) -> list[str]:
    return [str(entry.reference) for entry in read.entries]


def complaint(text: str, source: str = "list.yaml") -> Misuse:
    with pytest.raises(Misuse) as caught:
        parse_image_list(text, source=source, parse_image=parse_image)
    assert caught.value.exit_code == 2
    return caught.value


def test_the_example_of_the_design_is_read() -> None:
    read = yaml_list(
        f"""\
name: platform-2026.11
platforms: [linux/amd64, linux/arm64]
images:
  - docker.io/library/nginx:1.27
  - image: quay.io/prometheus/prometheus:v3.0.1
    digest: {D}
    platforms: [linux/amd64]
  - image: registry.example.com/team/app:1.4
    from: oci:build/app:dev
"""
    )
    nginx = Reference.parse("docker.io/library/nginx:1.27")
    prometheus = Reference.parse("quay.io/prometheus/prometheus:v3.0.1")
    app = Reference.parse("registry.example.com/team/app:1.4")
    assert read.name == "platform-2026.11"
    assert read.entries == (
        Entry(nginx, RegistryImage(nginx), None, (AMD64, ARM64), "list.yaml:4"),
        Entry(prometheus, RegistryImage(prometheus), D, (AMD64,), "list.yaml:5"),
        Entry(app, LayoutImage("build/app", "dev"), None, (AMD64, ARM64), "list.yaml:8"),
    )


def test_attachments_are_chosen_for_all_images_and_for_each() -> None:
    read = yaml_list(
        """\
attachments: none
images:
  - a:1
  - image: b:1
    attachments: [signatures, application/spdx+json]
  - image: docker-archive:c.tar
    attachments: all
  - docker-archive:d.tar
"""
    )
    assert [str(entry.attachments) for entry in read.entries] == [
        "none",
        "application/spdx+json,signatures",
        "all",
        "none",
    ]
    assert {entry.attachments for entry in yaml_list("images: [a:1]").entries} == {None}


@each_case(
    "text, where",
    [
        ("attachments: signature\nimages: [a:1]\n", "list.yaml:1: 'signature'"),
        ("images:\n- image: a:1\n  attachments: [all,\n   none]\n", "list.yaml:3: 'all, none'"),
        ("images:\n- image: a:1\n  attachments: []\n", "list.yaml:3: ''"),
        ("images:\n- image: a:1\n  attachments: {a: b}\n", "list.yaml:3"),
        ("images:\n- image: a:1\n  attachments: [[all]]\n", "list.yaml:3"),
    ],
)
def test_a_wrong_choice_of_attachments_has_its_line(text: str, where: str) -> None:
    assert complaint(text).subject == where


def test_a_plain_text_list_is_one_reference_a_line() -> None:
    read = text_list("\ufeff# images of rancher\r\n\r\nnginx:1.27  # web\r\n  quay.io/a/b:2\r\nnginx:1.27\r\n")
    assert read.name is None
    assert names(read) == ["docker.io/library/nginx:1.27", "quay.io/a/b:2"]
    assert [entry.where for entry in read.entries] == ["images.txt:3", "images.txt:4"]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        pytest.param("images: [a:1]\n", "-", id="images first"),
        pytest.param("# comment\n\nname: x\nimages: [a:1]\n", "list.txt", id="a comment first"),
        pytest.param("---\nimages: [a:1]\n", "list", id="a document marker"),
        pytest.param('{"images": ["a:1"]}', "list", id="JSON"),
        pytest.param("images: [a:1]\n", "LIST.YML", id="by its name"),
        pytest.param("a:1\n", "list.txt", id="plain text"),
        pytest.param("images:1\na:1\n", "list.txt", id="an image called images"),
    ],
)
def test_yaml_and_plain_text_are_distinguished(text: str, source: str) -> None:
    assert "docker.io/library/a:1" in names(parse_image_list(text, source=source, parse_image=parse_image))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("app:1.10", "docker.io/library/app:1.10"),
        ("on", "docker.io/library/on:latest"),
        ("2026", "docker.io/library/2026:latest"),
        ("0x10", "docker.io/library/0x10:latest"),
        ("2026-01-01", "docker.io/library/2026-01-01:latest"),
        ("12:30", "docker.io/library/12:30"),
        ("null", "docker.io/library/null:latest"),
    ],
)
def test_scalars_are_the_text_that_was_written(written: str, read: str) -> None:
    assert names(yaml_list(f"images:\n- {written}\n- image: {written}\n")) == [read, read]


def test_a_bundle_may_be_called_like_a_number() -> None:
    assert yaml_list("name: 1.10\nimages: [a]\n").name == "1.10"


@each_case(
    ("text", "where", "message"),
    [
        pytest.param("images:\n- a\nimages:\n- b\n", "list.yaml:3", "duplicate key 'images'", id="key twice"),
        pytest.param("images:\n- image: a\n  image: b\n", "list.yaml:3", "duplicate key 'image'", id="inner twice"),
        pytest.param("images: [a]\nplatform: x\n", "list.yaml:2", "unknown key 'platform'", id="unknown key"),
        pytest.param("images:\n- image: a\n  digset: x\n", "list.yaml:3", "unknown key 'digset'", id="misspelt key"),
        pytest.param("images: [a]\n? [x]\n: y\n", "list.yaml:2", "unknown key ''", id="a list as a key"),
        pytest.param("images:\n- &x a\n- *x\n", "list.yaml:3", "aliases", id="an alias"),
        pytest.param("images: [a]\n<<: {name: x}\n", "list.yaml:2", "unknown key '<<'", id="a merge"),
        pytest.param("images:\n- !!python/name:os.system a\n", "list.yaml:2", "YAML tag", id="a tag"),
        pytest.param("images:\n- !secret a\n", "list.yaml:2", "YAML tag '!secret'", id="a tag of one's own"),
        pytest.param("images: [a]\n---\nimages: [b]\n", "list.yaml:2", "a second YAML document", id="two documents"),
        pytest.param("images: [[[[[[[[[[a]]]]]]]]]]\n", "list.yaml:1", "nested too deeply", id="ten levels"),
        pytest.param("images:\n\t- a\n", "list.yaml:2", "not valid YAML", id="a tab"),
        pytest.param("images: [a\n", "list.yaml:2", "not valid YAML", id="an open bracket"),
        pytest.param("nginx\n", "list.yaml:1", "mapping", id="a text at the top"),
        pytest.param("images:\n- a\n\t- b\n", "list.yaml:3", "not valid YAML", id="a tab before an item"),
        pytest.param("images:\n- 'a\x07'\n", "list.yaml:2", "U+0007", id="a control character"),
        pytest.param(
            f"images:\n- image: a@{D}\n  digest: {digest('x')}\n", "list.yaml:2", "different digests", id="two digests"
        ),
        pytest.param("name: x\n", "list.yaml:1", "images: is missing", id="no images"),
        pytest.param("images: nginx\n", "list.yaml:1", "images: must be a list", id="images as a text"),
        pytest.param("images:\n- [a]\n", "list.yaml:2", "mapping", id="a list as image"),
        pytest.param("images:\n- digest: x\n", "list.yaml:2", "image: is missing", id="no image"),
        pytest.param("images:\n- image: [a]\n", "list.yaml:2", "a text is expected", id="an image that is a list"),
        pytest.param("images:\n- a\n- A:1\n", "list.yaml:3", "is not a repository", id="a bad reference"),
        pytest.param("images:\n- image: a\n  digest: abc\n", "list.yaml:3", "not a digest", id="a bad digest"),
        pytest.param(
            "images:\n- image: a\n  platforms: x/y\n", "list.yaml:3", "platforms: must be a list", id="one platform"
        ),
        pytest.param("images: [a]\nplatforms: [amd64]\n", "list.yaml:2", "not a platform", id="a bad platform"),
        pytest.param("images: [a]\nname: A/B\n", "list.yaml:2", "not a bundle name", id="a bad name"),
        pytest.param("images: [a]\nname:\n", "list.yaml:2", "not a bundle name", id="an empty name"),
        pytest.param(f"images:\n- 'docker-daemon:{D}'\n", "list.yaml:2", "no full name", id="an id"),
        pytest.param("images:\n- {image: 'oci:dir', from: a}\n", "list.yaml:2", "a name is expected", id="a place"),
        pytest.param("images:\n- dir:/x\n", "list.yaml:2", "the transport dir: is not supported", id="a transport"),
    ],
)
def test_an_error_in_a_list_is_reported_with_its_line(text: str, where: str, message: str) -> None:
    error = complaint(text)
    assert (error.subject or "").startswith(where)
    assert message in error.message


@pytest.mark.parametrize(
    ("written", "hint"),
    [("imgaes", "did you mean 'images'?"), ("platform", "did you mean 'platforms'?"), ("x", "known keys: name")],
)
def test_an_unknown_key_comes_with_a_suggestion(written: str, hint: str) -> None:
    assert (complaint(f"images: [a]\n{written}: b\n").hint or "").startswith(hint)


@pytest.mark.parametrize("value", ["[a]", "{a: b}"], ids=["a list", "a mapping"])
def test_a_digest_that_is_no_text_gets_advice_that_makes_sense(value: str) -> None:
    error = complaint(f"images:\n- image: a\n  digest: {value}\n")
    assert error.subject == "list.yaml:3"
    assert "None" not in f"{error.message} {error.hint}"


@pytest.mark.parametrize("text", ["", "# nothing\n", "images: []\n"], ids=["empty", "comments", "an empty list"])
def test_a_list_without_images_is_refused(text: str) -> None:
    assert "image" in complaint(text, "list.txt").message


@pytest.mark.parametrize("text", ["", "# nothing\n", "--- \n"], ids=["empty", "comments", "an empty document"])
def test_an_empty_yaml_file_is_refused(text: str) -> None:
    assert "mapping" in complaint(text).message


def test_a_list_of_no_kind_names_the_page_of_kinds_and_helm() -> None:
    hint = complaint("name: x\n").hint or ""
    assert "docs/lists.md" in hint
    assert "helm template NAME CHART" in hint


def test_all_errors_of_a_list_are_reported_at_once() -> None:
    with pytest.raises(Several) as caught:
        yaml_list("name: A\nplatforms: [x]\nimages:\n- B\n- image: ok\n  diggest: y\n- fine\n")
    assert caught.value.exit_code == 2
    assert values_in(caught.value.message)["count"] == 4
    assert [error.subject.partition(": ")[0] for error in caught.value.errors if error.subject] == [
        "list.yaml:1",
        "list.yaml:2",
        "list.yaml:4",
        "list.yaml:6",
    ]


def test_all_errors_of_a_plain_text_list_are_reported_at_once() -> None:
    with pytest.raises(Several) as caught:
        text_list("fine:1\nNOT/A/NAME\ntwo words\nhttp://x/y\n")
    assert [(error.subject or "").split(": ")[0] for error in caught.value.errors] == [
        "images.txt:2",
        "images.txt:3",
        "images.txt:4",
    ]


@pytest.mark.parametrize(
    ("image", "origin"),
    [
        pytest.param("registry.example.com/team/app:1.4", "docker://build.example.com/app:dev", id="a bare name"),
        pytest.param("docker://registry.example.com/team/app:1.4", "docker://build.example.com/app:dev", id="docker"),
        pytest.param("docker://registry.example.com/team/app:1.4", "oci:build", id="docker, from a layout"),
        pytest.param("docker://registry.example.com/team/app:1.4", "oci:l:x.example/y:2", id="docker, from a name"),
    ],
)
def test_image_is_the_name_in_the_bundle_wherever_the_bytes_come_from(image: str, origin: str) -> None:
    (entry,) = yaml_list(f"images:\n- image: {image}\n  from: {origin}\n").entries
    assert str(entry.reference) == "registry.example.com/team/app:1.4"
    assert str(entry.source) == origin


def test_an_image_of_an_archive_goes_by_the_name_that_it_has_there() -> None:
    held = HeldImages(OciArchiveImage("app.tar", "quay.io/team/app:1"), D, (), "list.yaml:2")
    assert yaml_list(f"images:\n- {{image: 'oci-archive:app.tar:quay.io/team/app:1', digest: '{D}'}}\n").entries == (
        held,
    )


def test_platforms_of_an_image_replace_those_of_the_list() -> None:
    read = yaml_list("platforms: [linux/amd64]\nimages:\n- a\n- {image: b, platforms: [linux/arm64, linux/aarch64]}\n")
    assert [entry.platforms for entry in read.entries] == [(AMD64,), (ARM64,)]


# Files and layouts as a whole


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("oci-archive:a.tar", OciArchiveImage("a.tar")),
        ("docker-archive:a.tar.gz", DockerArchiveImage("a.tar.gz")),
        ("oci:layout", LayoutImage("layout")),
    ],
)
def test_a_file_without_an_image_name_refers_to_all_images_in_it(text: str, source: Container) -> None:
    assert entry_of(parse_image(text), where="here", platforms=(AMD64,)) == HeldImages(source, None, (AMD64,), "here")
    assert text_list(f"{text}\n").entries == (HeldImages(source, None, (), "images.txt:1"),)
    read = yaml_list(f"platforms: [linux/arm64]\nimages: ['{text}']\n")
    assert read.entries == (HeldImages(source, None, (ARM64,), "list.yaml:2"),)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker://quay.io/a/b:1", "quay.io/a/b:1"),
        ("docker-daemon:app", "docker.io/library/app:latest"),
    ],
)
def test_an_image_is_carried_under_the_name_that_it_brings_along(text: str, name: str) -> None:
    assert entry_of(parse_image(text), where="here") == Entry(
        Reference.parse(name), parse_image(text), None, (), "here"
    )


@pytest.mark.parametrize(
    "location",
    [
        LayoutImage("layout", "v1"),
        LayoutImage("layout", f"@{D}"),
        OciArchiveImage("a.tar", "latest"),
        DockerArchiveImage("a.tar", "@0"),
        DockerArchiveImage("a.tar", str(D)),
        DaemonImage(str(D)),
    ],
    ids=str,
)
def test_an_image_without_a_full_name_is_refused_with_an_entry_that_names_it(location: Location) -> None:
    advice = (nameless(location).hint or "").partition(": ")[2].replace("NAME", "quay.io/a/b:1")
    assert yaml_list(f"images:\n- {advice}\n").entries[0] == Entry(
        Reference.parse("quay.io/a/b:1"), location, None, (), "list.yaml:2"
    )


def test_a_name_that_an_entry_gives_counts_more_than_the_one_in_the_file() -> None:
    (entry,) = yaml_list("images:\n- {image: quay.io/a:2, from: 'docker-archive:a.tar:a:1'}\n").entries
    assert entry == Entry(Reference.parse("quay.io/a:2"), DockerArchiveImage("a.tar", "a:1"), None, (), "list.yaml:2")


def test_a_key_in_place_of_a_list_is_refused_and_not_repeated() -> None:
    error = complaint("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n", source="builder.key")
    assert error.subject == "builder.key"
    assert "hunter2" not in f"{error} {error.hint}"


def test_a_list_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.core.strict_yaml.YAML_NODES", 5)
    assert len(names(yaml_list("images: [a, b]\n"))) == 2
    error = complaint("images:\n- a\n- b\n- c\n")
    assert (error.subject, str(error.message)) == ("list.yaml:4", "the file is too long")
