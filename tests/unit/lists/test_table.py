"""A list is known by its content; our own lists stay what they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bundler.cli
from bundler.core.platform import Platform
from bundler.lists.table import KINDS, read_list
from bundler.transports.parsing import parse_image
from tests.support.tables import each_case
from tests.unit.lists.reading import complaint, names, read

DIGEST = f"sha256:{'a' * 64}"


@each_case(
    "text, source",
    [
        ("name: x\nimages: [a:1]\n", "-"),
        ("images:\n- a:1\n", "x.yaml"),
        ('{"images": ["a:1"]}', "x.json"),
        ("- image: a:1\n", "-"),
        ("a:1\n", "x.txt"),
        ("image: a:1\n", "x.txt"),
        ("- a:1\n", "x.yml"),
        *(
            (f'{before}{{"images": ["a:1"]}}', source)
            for before in (" ", "\t", "\n\t ")
            for source in ("x.txt", "x.json")
        ),
        ('\t["a:1"]', "x.txt"),
        ("\ta:1\n", "x.txt"),
    ],
)
def test_our_own_lists(text: str, source: str) -> None:
    found = read(text, source=source)
    assert (found.kinds, names(found)) == (("image list",), ["a:1"])


@each_case(
    "text, words",
    [
        ("imges: [a:1]\nimages: [a:1]\n", "did you mean 'images'?"),
        ("replicas: 3\nservice: {port: 80}\n", "list of an unknown kind"),
        ("images: &x [a:1]\nname: *x\n", "aliases"),
        ("", "an image list must be"),
        ("# nothing\n", "an image list must be"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n", "a key or a certificate"),
    ],
)
def test_what_is_no_list_is_said(text: str, words: str) -> None:
    error = complaint(text)
    assert words in f"{error} {error.hint}"
    assert "hunter2" not in f"{error} {error.hint}"


def test_platforms_of_the_command_are_for_images_without_a_choice() -> None:
    pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a:1}]}\n"
    amd64 = Platform("linux", "amd64")
    found = read_list(pod, source="p.yaml", parse_image=parse_image, platforms=(amd64,))
    assert found.images.entries[0].platforms == (amd64,)


def test_only_so_many_errors_and_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.lists.listing.LIST_NO_IMAGES", 2)
    monkeypatch.setattr("bundler.lists.listing.LIST_PLACES", 2)
    document = "---\napiVersion: e.com/v1\nkind: T\nspec: {image: r.io/a:1, osImage: x}\n"
    found = read(document * 5)
    assert [part.what for part in found.images.no_images][2:] == ["and 3 more parts"]
    places = found.places_of(found.images.entries[0])
    assert (len(places.first), places.count) == (2, 5)
    monkeypatch.setattr("bundler.lists.listing.LIST_ERRORS", 2)
    bad = "---\napiVersion: v1\nkind: Pod\nspec: {containers: [{image: A}]}\n"
    assert len(complaint(bad * 5).errors) == 2  # type: ignore[attr-defined]
    monkeypatch.setattr("bundler.core.image_list.LIST_ERRORS", 2)
    assert len(complaint("a b\n" * 5, source="x.txt").errors) == 2  # type: ignore[attr-defined]
    assert len(complaint("images: [A, B, C, D]\n").errors) == 2  # type: ignore[attr-defined]


def test_each_kind_has_a_file() -> None:
    assert len({kind.read.__module__ for kind in KINDS}) == len(KINDS)


def test_the_command_prints_a_list_that_export_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: a:1}, {image: a:1}]}\n"
    (tmp_path / "p.yaml").write_text(pod + "---\nx: y\n")
    (tmp_path / "l.txt").write_text(f"b:1@{DIGEST}\nquay.io/c:1=d:2\noci:folder\n")
    lists = [str(tmp_path / name) for name in ("p.yaml", "l.txt")]
    assert bundler.cli.run(["images", *lists]) == 0
    shown = capsys.readouterr()
    for part in ("p.yaml:4 Pod p: spec.containers[0].image; and 1 more place\n", "# ", "p.yaml: Kubernetes, 1 image"):
        assert part in shown.out
    assert "p.yaml:6: not carried: document" in shown.err
    plain = [
        "docker.io/library/a:1",
        f"docker.io/library/b:1@{DIGEST}",
        "quay.io/c:1=docker.io/library/d:2",
        "oci:folder",
    ]
    for arguments in (["-q"], ["-v"], []):
        assert bundler.cli.run(["images", *lists, *arguments]) == 0
        out = capsys.readouterr().out
        (tmp_path / "again.txt").write_text(out)
        assert bundler.cli.run(["images", str(tmp_path / "again.txt"), "-q"]) == 0
        assert capsys.readouterr().out.splitlines() == plain, arguments
    assert bundler.cli.run(["images", *lists, "--json", "--set", "A=1", "-q"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["kinds"] for each in document["lists"]] == [["Kubernetes"], ["image list"]]
    assert [(each["count"], len(each["places"])) for each in document["images"]] == [(2, 2), (1, 1), (1, 1), (1, 1)]
    assert document["notCarried"][0]["what"] == "document"
    assert bundler.cli.run(["images", *lists, "--set", "A"]) == 2
    assert bundler.cli.run(["images", str(tmp_path)]) == 2
    assert "a folder, not an image list" in capsys.readouterr().err
