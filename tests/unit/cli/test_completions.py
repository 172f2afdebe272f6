"""The values that a shell offers for a flag or argument."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bundler.cli.program import program
from bundler.core.medium_size import MEDIUM_PRESETS
from bundler.core.plan import CHUNK_PRESETS
from tests.support.tables import each_case

VECTORS = Path(__file__).parents[2] / "vectors"


def offered(words: list[str], incomplete: str) -> list[tuple[str, str]]:
    found = ShellComplete(program, {}, "bundler", "_BUNDLER_COMPLETE").get_completions(words, incomplete)
    return [(item.value, item.type) for item in found]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("builder.key", "builder.pub", "notes.txt", "in/SHA256SUMS", "other/file"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


CASES = {
    "a size": (["export", "x", "--chunk-size"], "dv", ["dvd", "dvd-dl"]),
    "a private key": (["export", "x", "--key"], "b", ["builder.key"]),
    "a public key": (["verify", "x", "--trust"], "", ["builder.pub"]),
    "a public key by its path": (["verify", "x", "--trust"], "./b", ["./builder.pub"]),
    "a bundle": (["import"], "i", ["in"]),
    "an image of the bundle": (["import", str(VECTORS / "tar"), "--only"], "registry.example", None),
}


@each_case("words, incomplete, wanted", CASES.values(), ids=CASES)
def test_values_are_offered(words: list[str], incomplete: str, wanted: list[str] | None) -> None:
    found = [value for value, kind in offered(words, incomplete) if kind == "plain"]
    if wanted is None:
        assert found
        assert all(value.startswith(incomplete) and ":" in value for value in found)
    else:
        assert found == wanted


def test_where_none_fits_the_shell_completes_any_file(place: Path) -> None:
    assert offered(["export", "x", "--key"], "no") == [("no", "file")]
    assert offered(["export", "x", "--key"], "missing/k") == [("missing/k", "file")]
    assert offered(["import"], "o") == [("o", "file")]


@pytest.mark.parametrize(("flag", "presets"), [("--chunk-size", CHUNK_PRESETS), ("--medium-size", MEDIUM_PRESETS)])
def test_all_names_of_sizes_are_offered(flag: str, presets: dict[str, int]) -> None:
    assert {value for value, _ in offered(["export", "x", flag], "")} == presets.keys()


def test_no_bundle_offers_no_image(place: Path) -> None:
    assert offered(["import", "nowhere", "--only"], "") == []
    assert offered(["import", str(place), "--only"], "") == []
