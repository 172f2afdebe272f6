"""The same digests and options give byte-identical chunks; with SOURCE_DATE_EPOCH, a byte-identical bundle."""

from __future__ import annotations

import pytest

from tests.support.images import every_kind


@pytest.fixture
def export(bundler, origin, keys, image_list, tmp_path):
    def run(folder: str, *arguments: str, environment: dict[str, str] | None = None) -> dict[str, bytes]:
        listed = image_list(origin, *every_kind())
        done = bundler("export", listed, "-o", tmp_path / folder, "--key", keys[0], *arguments, environment=environment)
        assert done.code == 0, done.err
        return {path.name: path.read_bytes() for path in (tmp_path / folder / "test").iterdir()}

    return run


def test_two_exports_are_the_same_chunk_by_chunk(export):
    first, second = export("one", "--chunk-size", "1MiB"), export("two", "--chunk-size", "1MiB", "--jobs", "7")
    chunks = [name for name in first if name.startswith("chunk-")]
    assert chunks
    assert {name: second[name] for name in chunks} == {name: first[name] for name in chunks}


def test_with_a_fixed_date_the_whole_bundle_is_the_same_in_any_surroundings(export):
    date = {"SOURCE_DATE_EPOCH": "1700000000"}
    first = export("one", environment={**date, "PYTHONHASHSEED": "1", "LC_ALL": "C"})
    second = export("two", environment={**date, "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"})
    assert first == second
    assert b"2023-11-14T22:13:20Z" in first["bundle.json"]


def test_the_platforms_that_are_chosen_make_the_same_index_each_time(export):
    chosen = ["--platform", "linux/amd64", "--platform", "linux/arm64"]
    first, second = export("one", *chosen), export("two", *chosen)
    assert first["chunk-0001.tar"] == second["chunk-0001.tar"]


def test_the_chunk_size_bounds_every_chunk(export):
    files = export("one", "--chunk-size", "1MiB")
    assert max(len(content) for name, content in files.items() if name.startswith("chunk-")) <= 1 << 20
