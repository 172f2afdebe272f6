"""Lists are read as people and other tools write them, so far as one reading is possible; the rest is named."""

from __future__ import annotations

import pytest

from bundler.core.image_list import Entry, HeldImages, parse_image_list
from bundler.core.list_line import ListLine, parse_line
from bundler.errors import BundlerError, Misuse
from bundler.transports.parsing import parse_image
from tests.support.tables import each_case
from tests.unit.values import digest

D = digest("pin")


def read(text: str, source: str = "images.txt") -> list[str]:
    """Name and source of each image."""
    entries = parse_image_list(text, source=source, parse_image=parse_image).entries
    return [f"{e.reference} from {e.source}" if isinstance(e, Entry) else str(e.source) for e in entries]


def complaint(text: str, source: str = "images.txt") -> BundlerError:
    with pytest.raises(Misuse) as caught:
        parse_image_list(text, source=source, parse_image=parse_image)
    return caught.value


A = "docker.io/library/a:1 from docker://docker.io/library/a:1"
B = "quay.io/b:2 from docker://quay.io/b:2"


@each_case(
    "text",
    [
        pytest.param("- a:1\n- quay.io/b:2\n", id="dashes"),
        pytest.param("* a:1\n\u2022 quay.io/b:2\n", id="bullets"),
        pytest.param("'a:1'\n\"quay.io/b:2\"\n", id="quotes"),
        pytest.param("`a:1`\n\u201cquay.io/b:2\u201d\n", id="quotes of Markdown and of word processors"),
        pytest.param("a:1,\nquay.io/b:2\n", id="commas"),
        pytest.param('"a:1",\n  "quay.io/b:2"\n', id="the inside of a JSON list"),
        pytest.param('["a:1", "quay.io/b:2"]', id="a JSON list"),
        pytest.param("[\n  'a:1',\n  'quay.io/b:2',\n]\n", id="a list with a comma at its end"),
        pytest.param("image: a:1\n    image: 'quay.io/b:2'  # two\n", id="image: lines, as grep finds them"),
        pytest.param('- image: "a:1"\n- image: quay.io/b:2\n', id="- image: lines"),
        pytest.param('"image": "a:1",\n"image": "quay.io/b:2",\n', id="image: lines of JSON"),
        pytest.param("- image: a:1\n- quay.io/b:2\n", id="a YAML list of both kinds"),
        pytest.param("- {image: 'a:1'}\n- quay.io/b:2\n", id="a YAML list with a flow mapping"),
        pytest.param("docker pull a:1\n$ sudo podman pull quay.io/b:2\n", id="commands"),
        pytest.param("crictl pull a:1\nnerdctl image pull quay.io/b:2\n", id="commands of containerd"),
        pytest.param("a:1\r\n\r\nquay.io/b:2\r\n", id="lines of Windows"),
        pytest.param("a:1\rquay.io/b:2", id="lines of an old Mac"),
        pytest.param("\ta:1\n \u00a0quay.io/b:2\u200b\n\u200b\n", id="tabs and invisible characters at the ends"),
        pytest.param("\ufeffa:1\n\ufeffquay.io/b:2\n", id="two files with marks, joined"),
    ],
)
@each_case("source", ["images.txt", "-"])
def test_a_list_is_read_as_other_tools_write_it(text: str, source: str) -> None:
    assert read(text, source) == [A, B]


@pytest.mark.parametrize("source", ["list.yaml", "list.json"])
def test_a_bare_list_is_an_image_list_in_yaml_too(source: str) -> None:
    assert read('["a:1", {"image": "quay.io/b:2"}]', source) == [A, B]
    assert read("- a:1\n- image: quay.io/b:2\n", "list.yaml") == [A, B]


def test_options_of_a_bare_list_are_read() -> None:
    (entry, _) = parse_image_list(
        f"- image: a:1\n  digest: {D}\n- b\n", source="images.txt", parse_image=parse_image
    ).entries
    assert isinstance(entry, Entry)
    assert (entry.pin, entry.where) == (D, "images.txt:1")
    assert complaint("- a\n- image: b\n  digset: x\n").subject == "images.txt:3"


def test_a_host_in_brackets_is_no_json() -> None:
    assert read("[::1]:5000/a:1\n[::1]/b:2\n") == [
        "[::1]:5000/a:1 from docker://[::1]:5000/a:1",
        "[::1]/b:2 from docker://[::1]/b:2",
    ]


# SOURCE=NAME


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a:1=reg.example/x:2", "reg.example/x:2 from docker://docker.io/library/a:1"),
        ("a:1 = reg.example/x:2", "reg.example/x:2 from docker://docker.io/library/a:1"),
        (f"quay.io/a@{D}=reg.example/x:2", f"reg.example/x:2 from docker://quay.io/a@{D}"),
        ("docker-daemon:app:dev=reg.example/x:2", "reg.example/x:2 from docker-daemon:docker.io/library/app:dev"),
    ],
)
def test_a_mapping_is_an_image_from_elsewhere(line: str, found: str) -> None:
    assert read(f"{line}\n") == [found]
    assert read(f"images:\n- '{line}'\n", "list.yaml") == [found]


@pytest.mark.parametrize("path", ["oci-archive:/a=b/x.tar", "docker-archive:x=y:1.tar", "oci:/a=b:quay.io/x:1"])
def test_a_path_may_have_an_equals_sign(path: str) -> None:
    assert read(f"{path}\n") == [path]


@each_case(
    ("line", "message"),
    [
        ("a=", "not a mapping"),
        ("=b:1", "not a mapping"),
        ("a=b=c:1", "not a mapping"),
        ("a=b", "the name after = has no tag"),
        ("a:1=reg.example:5000/b", "the name after = has no tag"),
        ("a:1=oci:dir:x", "a name is expected"),
        ("a:1 b:1", "more than one word"),
        ("a:1\tb:1", "more than one word"),
        ("a:1,b:1", "more than one word"),
        ("docker pull --platform linux/amd64 a:1", "more than one word"),
        ("skopeo copy docker://a:1 oci:b", "more than one word"),
        ("oci-archive:/my file.tar", "more than one word"),
        ("https://quay.io/a:1", "https://"),
        ("rancher/k3s:v1.30.1+k3s1", "is not a tag"),
        ("oci://ghcr.io/team/chart", "the chart has no version"),
        ("oci://charts/chart:1", "no registry after oci://"),
        ("ngi\u200bnx:1", "U+200B ZERO WIDTH SPACE"),
        ("ngi\u00a0nx:1", "U+00A0 NO-BREAK SPACE"),
        ("nginx\uff1a1", "U+FF1A FULLWIDTH COLON"),
        ("n\u0456ginx:1", "U+0456 CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I"),
        ("nginx\x07:1", "U+0007"),
    ],
)
def test_what_is_not_clear_is_named_with_its_line(line: str, message: str) -> None:
    error = complaint(f"fine:1\n{line}\n")
    assert message in error.message
    assert (error.subject or "").startswith("images.txt:2")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("https://quay.io/a:1", "write quay.io/a:1"),
        ("https://hub.docker.com/r/a/b:1", "write registry/repository:tag, without a scheme"),
        ("rancher/k3s:v1.30.1+k3s1", "write rancher/k3s:v1.30.1-k3s1"),
        ("nginx\uff1a1", "write :"),
        ("a\u2013b:1", "write -"),
        ("ngi\u200bnx:1", "delete it, or type the name again"),
        ("a:1=b", "write SOURCE=NAME:TAG"),
    ],
)
def test_the_advice_says_what_to_write(line: str, hint: str) -> None:
    assert (complaint(f"{line}\n").hint or "").endswith(hint)


@pytest.mark.parametrize("line", ["u:hunter2@h.example/x y", "u:hunter2@h.example/x=b", "u:hunter2@h.example/a=b=c"])
def test_a_password_in_a_line_is_not_repeated(line: str) -> None:
    error = complaint(f"{line}\n")
    assert "hunter2" not in f"{error} {error.hint}"


def test_a_quoted_path_may_have_spaces() -> None:
    assert read("'oci-archive:/my file.tar'\n") == ["oci-archive:/my file.tar"]
    assert parse_line("`a`") == ListLine("a")
    assert isinstance(parse_image_list("oci:x\n", source="-", parse_image=parse_image).entries[0], HeldImages)


# Charts, as Helm spells them


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("oci://ghcr.io/team/chart:1.2.3", "ghcr.io/team/chart:1.2.3"),
        ("oci://ghcr.io/team/chart:1.2.3+build.4", "ghcr.io/team/chart:1.2.3_build.4"),
        ("oci://127.0.0.1:5000/chart:1", "127.0.0.1:5000/chart:1"),
        (f"oci://ghcr.io/team/chart@{D}", f"ghcr.io/team/chart@{D}"),
    ],
)
def test_a_chart_is_read_as_helm_spells_it(line: str, name: str) -> None:
    assert read(f"{line}\n") == [f"{name} from docker://{name}"]
