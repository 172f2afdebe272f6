"""An export by several processes has the same bytes as one by one process, and nothing is signed that was not read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import images
from tests.support.parts import RealRegistry
from tests.support.steps import Steps

COUNT = 3
NAMES = ("library/oci:1", "team/multi:1", "team/big:1", "team/cut:1", "team/small:1")
CREATED = {"SOURCE_DATE_EPOCH": "1790000000"}


@pytest.fixture(scope="module")
def source(origin: RealRegistry) -> RealRegistry:
    """A registry with images that fill several chunks; the layer of one is larger than a chunk."""
    for name, size_bytes in (("big", 900_000), ("cut", 2_600_000), ("small", 500_000)):
        images.simple(f"shard-{name}", size_bytes).push(origin, f"team/{name}", "1")
    return origin


@pytest.fixture
def resolved(source: RealRegistry, made_keys: Path, here: Any, tmp_path: Path, monkeypatch: Any) -> Path:
    """The file of --resolve-only, and a list that gives the same."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    (tmp_path / "list.yaml").write_text(
        "name: test\nimages:\n" + "".join(f"- {source.host}/{each}\n" for each in NAMES)
    )
    flags = ("--key", made_keys / "tester.key", "--chunk-size", "1MiB")
    ran = here("export", tmp_path / "list.yaml", "-o", tmp_path / "resolved.json", "--resolve-only", *flags)
    assert ran.code == 0, ran.err
    return tmp_path / "resolved.json"


def shard(here: Any, resolved: Path, number: int, *flags: object) -> Any:
    return here("export", resolved, "-o", resolved.parent / "work", "--shard", f"{number}/{COUNT}", *flags)


def seal(here: Any, resolved: Path, made_keys: Path, *flags: object) -> Any:
    folders = ("-o", resolved.parent / "work", "--seal", resolved.parent / "work")
    return here("export", resolved, *folders, "--key", made_keys / "tester.key", *flags)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bytes_of_all_files_are_those_of_a_single_export(
    here: Any, bundler: Any, resolved: Path, made_keys: Path, tmp_path: Path
) -> None:
    one = bundler(
        "export", tmp_path / "list.yaml", "-o", tmp_path / "one", "--key", made_keys / "tester.key", "--chunk-size", "1MiB",
        environment=CREATED,
    )  # fmt: skip
    assert one.code == 0, one.err
    made: list[str] = []
    for number in range(1, COUNT + 1):
        ran = shard(here, resolved, number, "--json")
        assert ran.code == 0, ran.err
        made += [chunk["file"] for chunk in ran.json["chunks"]]
        folder = tmp_path / f"work/test.shard-{number}-of-{COUNT}"
        assert sorted(path.name for path in folder.iterdir()) == [
            "SHA256SUMS",
            *(c["file"] for c in ran.json["chunks"]),
        ]
    assert made == sorted(path.name for path in (tmp_path / "one/test").glob("chunk-*"))
    assert len(made) > COUNT
    assert "complete already" in shard(here, resolved, 1).out
    ran = seal(here, resolved, made_keys)
    assert ran.code == 0, ran.err
    assert contents(tmp_path / "work/test") == contents(tmp_path / "one/test")
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["test"]
    assert "already complete" in seal(here, resolved, made_keys).out


def test_a_blob_is_fetched_by_one_shard_only(
    here: Any, resolved: Path, source: RealRegistry, fronts: Any, made_keys: Path, tmp_path: Path
) -> None:
    front = fronts(source)
    resolved.unlink()
    listed = (tmp_path / "list.yaml").read_text().replace(source.host, front.host)
    (tmp_path / "list.yaml").write_text(listed)
    flags = ("--key", made_keys / "tester.key", "--chunk-size", "1MiB", "--resolve-only")
    assert here("export", tmp_path / "list.yaml", "-o", resolved, *flags).code == 0
    for number in range(1, COUNT + 1):
        assert shard(here, resolved, number).code == 0
    layers = [path for method, path in front.requests if method == "GET" and "/blobs/" in path and "team/" in path]
    large = [digest for name in ("big", "cut", "small") for digest in images.simple(f"shard-{name}", {"big": 900_000, "cut": 2_600_000, "small": 500_000}[name]).blobs]  # fmt: skip
    assert all(sum(digest in path for path in layers) <= 1 for digest in large)


def test_no_bundle_is_sealed_from_missing_or_changed_chunks(here: Any, resolved: Path, made_keys: Path) -> None:
    work = resolved.parent / "work"
    assert shard(here, resolved, 1).code == shard(here, resolved, 3).code == 0
    ran = seal(here, resolved, made_keys)
    assert (ran.code, "chunks are missing" in ran.err) == (9, True)
    assert shard(here, resolved, 2).code == 0
    victim = next((work / f"test.shard-2-of-{COUNT}").glob("chunk-*"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(bytes(content))
    ran = seal(here, resolved, made_keys)
    assert (ran.code, victim.name in ran.err) == (4, True)
    assert not (work / "test").exists()
    assert shard(here, resolved, 2).code == 0
    ran = seal(here, resolved, made_keys)
    assert ran.code == 0, ran.err


def test_the_chunks_of_another_bundle_are_left_alone(
    here: Any, resolved: Path, made_keys: Path, tmp_path: Path
) -> None:
    work = resolved.parent / "work"
    assert here("export", resolved, "-o", tmp_path / "mine", "--key", made_keys / "tester.key").code == 0
    mine = tmp_path / "mine/test"
    for chunk in mine.glob("chunk-*"):
        chunk.write_bytes(bytes(chunk.stat().st_size))  # as the chunks of another bundle: equal names and sizes
    before = contents(mine)
    work.mkdir()
    (work / f"test.shard-1-of-{COUNT}").symlink_to(mine)
    ran = seal(here, resolved, made_keys)
    assert (ran.code, "chunks are missing" in ran.err) == (9, True)
    assert contents(mine) == before
    ran = seal(here, resolved, made_keys, "--seal", mine)
    assert (ran.code, "differ from the plan" in ran.err) == (4, True)
    assert contents(mine) == before
    (work / f"test.shard-1-of-{COUNT}").unlink()
    for number in range(1, COUNT + 1):
        assert shard(here, resolved, number).code == 0
    ran = seal(here, resolved, made_keys, "--seal", mine)
    assert ran.code == 0, ran.err
    assert contents(mine) == before


def test_a_shard_that_is_killed_goes_on_and_the_file_alone_makes_a_bundle_too(
    here: Any, resolved: Path, made_keys: Path, tmp_path: Path
) -> None:
    command = ["export", resolved, "-o", tmp_path / "work", "--shard", f"1/{COUNT}"]
    assert Steps(command).kill_at(12).was_killed
    assert (tmp_path / f"work/test.shard-1-of-{COUNT}.partial").is_dir()
    assert (seal(here, resolved, made_keys).code, (tmp_path / "work/test").exists()) == (9, False)
    for number in range(1, COUNT + 1):
        assert shard(here, resolved, number).code == 0
    assert seal(here, resolved, made_keys).code == 0
    alone = here("export", resolved, "-o", tmp_path / "alone", "--key", made_keys / "tester.key")
    assert alone.code == 0, alone.err
    assert contents(tmp_path / "work/test") == contents(tmp_path / "alone/test")


def test_the_key_that_seals_must_have_signed_the_resolved_file(here: Any, resolved: Path, made_keys: Path) -> None:
    for number in range(1, COUNT + 1):
        assert shard(here, resolved, number).code == 0
    document = json.loads(resolved.read_bytes())
    document["images"][0]["digest"] = "sha256:" + "0" * 64
    changed = resolved.with_name("changed.json")
    changed.write_text(json.dumps(document, separators=(",", ":")))
    for signature in resolved.parent.glob("resolved.json.*.sig"):
        shutil.copy(signature, signature.with_name(signature.name.replace("resolved", "changed")))
    ran = seal(here, changed, made_keys)
    assert (ran.code, "has not signed this file" in ran.err) == (5, True)


def test_a_host_that_would_make_another_plan_makes_nothing(here: Any, resolved: Path, made_keys: Path) -> None:
    document = json.loads(resolved.read_bytes())
    document["options"]["--chunk-size"] = str(2 << 20)
    resolved.write_text(json.dumps(document, separators=(",", ":")))
    ran = shard(here, resolved, 1)
    assert (ran.code, "the plan differs" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "flags",
    [("--format", "7z"), ("--encrypt",), ("--medium-size", "64MB"), ("--parity", "10%"), ("-o", "/tmp")],
    ids=lambda flags: flags[0],
)
def test_a_bundle_that_several_hosts_cannot_make_is_refused_with_the_reason(
    here: Any, resolved: Path, made_keys: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    ran = here(
        "export", tmp_path / "list.yaml", "-o", tmp_path / "other.json", "--resolve-only", "--key",
        made_keys / "tester.key", *flags,
    )  # fmt: skip
    assert ran.code == 2, ran.out
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    "flags",
    [("--shard", "1/2"), ("--seal", "."), ("--resolve-only", "--dry-run"), ("--resolve-only", "--shard", "1/2")],
)
def test_flags_for_several_hosts_are_refused_without_their_file(
    here: Any, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "list.txt").write_text("example.org/app:1\n")
    assert here("export", tmp_path / "list.txt", "-o", tmp_path / "x", "--unsigned", *flags).code == 2
