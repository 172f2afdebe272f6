"""Imports by several processes, each with its part: the registry and the merged receipt are those of one import."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bundler import Shard, cli
from bundler.core.manifest import BundleManifest, from_json
from bundler.core.shards import images_of_shard
from tests.support import images
from tests.support.images import Image
from tests.support.parts import RealRegistry
from tests.support.servers import Front

COUNT = 3
MIB = 1 << 20


def layer(name: str, size_bytes: int) -> bytes:
    return gzip.compress(images.layer_tar(name, size_bytes), 1, mtime=0)


_BASES = [layer(f"base{number}", MIB + 1000 * number) for number in range(COUNT)]
IMAGES: dict[str, Image] = {
    **{
        f"team/app{number}:1": images.image([_BASES[number // 2], layer(f"app{number}", 300_000)])
        for number in range(6)
    },
    "team/single:1": images.simple("single"),
    "team/multi:1": images.every_kind()["team/multi:1"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, made_keys: Path) -> Path:
    """A bundle of several chunks."""
    folder = tmp_path_factory.mktemp("made")
    lines = ["name: test", "images:"]
    for number, (name, image) in enumerate(IMAGES.items()):
        image.write_layout(folder / f"layout{number}", name)
        lines += [f"- image: example.org/{name}", f"  from: oci:{folder}/layout{number}:{name}"]
    (folder / "list.yaml").write_text("\n".join(lines))
    flags = ["--chunk-size", "1100KB", "--channel", "monthly", "--sequence", "1", "-q"]
    command = ["export", f"{folder}/list.yaml", "-o", str(folder), "--key", f"{made_keys}/tester.key", *flags]
    with pytest.MonkeyPatch.context() as patch:  # the state of the channel would be kept in the user's home
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        exported = cli.run(command)
    assert exported == 0
    return folder / "test"


@pytest.fixture
def manifest(made: Path) -> BundleManifest:
    return from_json((made / "bundle.json").read_bytes(), what="bundle.json")


def names_of(manifest: BundleManifest, number: int) -> set[str]:
    shard = images_of_shard(manifest, manifest.images, Shard(number, COUNT))
    return {f"{image.reference.repository}:{image.reference.tag}" for image in shard}


@pytest.fixture
def start(made: Path, made_keys: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts an import in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(to: str, *flags: object) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "bundler",
            "import",
            made,
            "--trust",
            made_keys / "tester.pub",
            "--to",
            to,
            *flags,
        ]
        started.append(
            subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def landed(receipt: Path, prefix: str) -> dict[str, Any]:
    """The outcome of each image in a receipt, by its name below the prefix."""
    found = {}
    for target in json.loads(receipt.read_bytes())["targets"]:
        for image in target["images"]:
            name = image.pop("name").partition(f"/{prefix}/")[2]
            found[name] = {key: value for key, value in image.items() if key != "blobs"} | {
                "blobs": sorted(image["blobs"])
            }
    return found


def test_a_shard_that_is_killed_runs_again_alone_and_the_merged_receipt_is_that_of_one_import(
    start: Any, here: Any, fronts: Any, target: RealRegistry, manifest: BundleManifest, tmp_path: Path
) -> None:
    victims = {name.partition(":")[0] for name in names_of(manifest, 2)}
    killed: list[subprocess.Popen[str]] = []
    runs_again = threading.Event()

    def kill_second(front: Front, request: Any) -> bool:
        is_second = (
            request.command == "PUT" and "/manifests/" in request.path and any(v in request.path for v in victims)
        )
        if not is_second or runs_again.is_set() or not killed:
            return False
        killed[0].kill()
        return True

    front = fronts(target, kill_second)
    receipts = [tmp_path / f"shard-{number}.json" for number in range(1, COUNT + 1)]

    def shard(number: int) -> subprocess.Popen[str]:
        to, receipt = f"{front.host}/parts", receipts[number - 1]
        return start(to, "--shard", f"{number}/{COUNT}", "--receipt", receipt)  # type: ignore[no-any-return]

    second = shard(2)
    killed.append(second)
    others = [shard(1), shard(3)]
    assert second.wait(60) == -signal.SIGKILL
    for process in others:
        assert process.wait(60) == 0, process.communicate()
    assert not receipts[1].exists()
    lacking = here("receipt", "merge", receipts[0], receipts[2], "-o", tmp_path / "lacking.json")
    assert "exit code 9: no receipt of the shards 2/3" in lacking.out
    runs_again.set()
    some = start(f"{front.host}/parts", "--only", f"*{next(iter(IMAGES))}", "--receipt", tmp_path / "some.json")
    assert some.wait(60) == 0, some.communicate()
    lacking = here("receipt", "merge", receipts[0], tmp_path / "some.json", "-o", tmp_path / "some-lacking.json")
    assert "exit code 9: no receipt of the shards 2/3, 3/3" in lacking.out
    again = shard(2)
    assert again.wait(60) == 0, again.communicate()
    assert here("receipt", "merge", *receipts, "-o", tmp_path / "merged.json").code == 0
    whole = start(f"{front.host}/whole", "--receipt", tmp_path / "whole.json")
    assert whole.wait(60) == 0, whole.communicate()
    merged, one = landed(tmp_path / "merged.json", "parts"), landed(tmp_path / "whole.json", "whole")
    assert merged == one
    assert {name.partition("@")[0] for name in merged} == set(IMAGES)
    assert json.loads((tmp_path / "merged.json").read_bytes())["exitCode"] == 0
    assert "shards" not in json.loads((tmp_path / "merged.json").read_bytes())
    for name, image in IMAGES.items():
        repository, _, tag = name.partition(":")
        assert target.get(f"parts/{repository}/manifests/{tag}") == image.content


def test_no_tag_moves_before_all_shards_are_complete_and_then_all_do(
    here: Any, made: Path, made_keys: Path, target: RealRegistry, tmp_path: Path
) -> None:
    receipts = [tmp_path / f"{name}.json" for name in ("1", "2", "3", "publish")]

    def run(*flags: object, bundle: Path = made, to: str = "parts") -> Any:
        return here("import", bundle, "--trust", made_keys / "tester.pub", "--to", f"{target.host}/{to}", *flags)

    def shard(number: int) -> Any:
        return run("--shard", f"{number}/{COUNT}", "--all-or-nothing", "--receipt", receipts[number - 1])

    def tags() -> list[bool]:
        asked = (name.rpartition(":") for name in IMAGES)
        return [target.get(f"parts/{repository}/manifests/{tag}") is not None for repository, _, tag in asked]

    small = shutil.copytree(
        made,
        tmp_path / "test",
        ignore=lambda _, names: [n for n in names if n > "chunk-0001.tar" and n.startswith("chunk")],
    )
    for number in (1, 3):
        ran = shard(number)
        assert (ran.code, "sent, without tags" in ran.out, "--publish" in ran.out) == (0, True, True), ran.out
    ran = run("--publish", bundle=small)
    assert ran.code == 9
    assert "the shards have not sent" in ran.out
    assert not any(tags())
    assert shard(2).code == 0
    assert not any(tags())
    ran = run("--publish", "--dry-run", "--json", bundle=small)
    assert {each["outcome"] for each in ran.json["targets"][0]["images"]} == {"would push"}
    ran = run("--publish", "--receipt", receipts[3], bundle=small)
    assert ran.code == 0, ran.out
    assert all(tags())
    assert here("receipt", "merge", *receipts, "-o", tmp_path / "merged.json").code == 0
    assert run("--all-or-nothing", "--receipt", tmp_path / "whole.json", to="whole").code == 0
    assert landed(tmp_path / "merged.json", "parts") == landed(tmp_path / "whole.json", "whole")


@pytest.mark.parametrize(
    "flags",
    [
        ("--to", "oci:{}/x", "--shard", "1/2", "--all-or-nothing"),
        ("--to", "docker-daemon:", "--publish"),
        ("--to", "127.0.0.1:1", "--publish", "--shard", "1/2"),
        ("--to", "127.0.0.1:1", "--publish", "--verify-target"),
    ],
)
def test_what_shards_cannot_prepare_together_is_refused(
    here: Any, made: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    ran = here("import", made, "--trust", tmp_path, *(flag.format(tmp_path) for flag in flags))
    assert ran.code == 2
    assert "--publish" in ran.err or "--shard" in ran.err


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_a_shard_needs_only_the_chunks_of_its_images(
    number: int, here: Any, made: Path, made_keys: Path, manifest: BundleManifest, tmp_path: Path
) -> None:
    shard = images_of_shard(manifest, manifest.images, Shard(number, COUNT))
    pieces = [piece for image in shard for n in image.needs for piece in manifest.blobs[n].stored.pieces]
    needed = {manifest.chunks[piece.chunk - 1].file for piece in pieces} | {manifest.chunks[0].file}
    left_away = {chunk.file for chunk in manifest.chunks} - needed
    assert left_away
    part = shutil.copytree(made, tmp_path / "test", ignore=lambda *_: left_away)
    ran = here(
        "import", part, "--trust", made_keys / "tester.pub", "--to", f"oci:{tmp_path}/out", "--shard", f"{number}/{COUNT}",
        "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.out
    document = json.loads(ran.out)
    assert document["shard"] == f"{number}/{COUNT}"
    assert {image["reference"].partition("/")[2] for image in document["targets"][0]["images"]} == names_of(
        manifest, number
    )


def test_inspect_shows_the_parts_that_the_hosts_import(
    here: Any, made: Path, made_keys: Path, manifest: BundleManifest
) -> None:
    flags = ("--trust", made_keys / "tester.pub", "--shards", COUNT)
    parts = here("inspect", made, *flags, "--json").json["shards"]
    for number, part in enumerate(parts, start=1):
        assert {each.partition("/")[2] for each in part["images"]} == names_of(manifest, number)
        assert {"chunk-0001.tar"} < set(part["chunks"]) < {chunk.file for chunk in manifest.chunks}
    lines = here("inspect", made, *flags).out
    assert all(f"{number}/{COUNT}: " in lines for number in range(1, COUNT + 1))


def test_shards_check_each_chunk_once_and_the_small_files_every_time(here: Any, made: Path, made_keys: Path) -> None:
    read: list[str] = []
    for number in range(1, COUNT + 1):
        flags = ("--trust", made_keys / "tester.pub", "--shard", f"{number}/{COUNT}", "--json")
        ran = here("verify", made, *flags)
        assert ran.code == 0, ran.out
        read += ran.json["read"]
    assert read == sorted(path.name for path in made.glob("chunk-*"))


def test_one_shard_finds_the_damage_in_its_chunks_and_none_misses_the_chunks_of_others(
    here: Any, made: Path, made_keys: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(made, tmp_path / "test")
    chunks = sorted(copy.glob("chunk-*"))
    chunks[-1].write_bytes(bytes([chunks[-1].read_bytes()[0] ^ 1]) + chunks[-1].read_bytes()[1:])

    def verify(number: int) -> Any:
        return here("verify", copy, "--trust", made_keys / "tester.pub", "--shard", f"{number}/{COUNT}")

    assert [verify(number).code for number in range(1, COUNT + 1)] == [0, 0, 4]
    chunks[-1].unlink()
    assert [verify(number).code for number in range(1, COUNT + 1)] == [0, 0, 9]
    assert "the other shards check the rest" in verify(1).out
    (copy / "README.txt").write_bytes(b"other")
    assert [verify(number).code for number in range(1, COUNT + 1)] == [4, 4, 4]


def test_a_shard_without_an_image_is_done(here: Any, made: Path, made_keys: Path, tmp_path: Path) -> None:
    receipts = [tmp_path / "99.json", tmp_path / "98.json"]
    for number, receipt in zip((99, 98), receipts, strict=True):
        ran = here(
            "import", made, "--trust", made_keys / "tester.pub", "--to", f"oci:{tmp_path}/out", "--shard", f"{number}/99",
            "--receipt", receipt,
        )  # fmt: skip
        assert ran.code == 0, ran.err
        assert f"{number}/99: 0 images" in ran.out
    assert here("receipt", "merge", *receipts, "-o", tmp_path / "merged.json").code == 0
    assert len(json.loads((tmp_path / "merged.json").read_bytes())["shards"]) == 2


def test_images_of_different_shards_may_not_get_one_name(
    here: Any, made: Path, made_keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n- from: '*'\n  to: one\n")
    for number in (1, 2):
        ran = here(
            "import", made, "--trust", made_keys / "tester.pub", "--to", "127.0.0.1:1", "--target", "distribution",
            "--rules", tmp_path / "rules.yaml", "--shard", f"{number}/99",
        )  # fmt: skip
        assert ran.code == 2
        assert "gets the same name" in ran.err


class Counting:
    """Counts the requests that a registry answers at a time."""

    def __init__(self) -> None:
        self.at_work = self.most = self.requests = self.received_bytes = 0
        self._lock = threading.Lock()

    def __call__(self, front: Any, request: Any) -> bool:
        with self._lock:
            self.at_work += 1
            self.requests += 1
            self.most = max(self.most, self.at_work)
            self.received_bytes += int(request.headers.get("Content-Length") or 0)
        try:
            front.forward(request)
        finally:
            with self._lock:
                self.at_work -= 1
        return True


def test_a_shard_takes_its_part_of_the_rate(
    here: Any, waits: list[float], fronts: Any, made: Path, made_keys: Path, target: RealRegistry
) -> None:
    """Pauses are noted, not waited for: the last request would have waited for the time of all before it."""
    counting = Counting()
    front = fronts(target, counting)
    flags = ("--trust", made_keys / "tester.pub", "--to", front.host, "--target", "distribution")
    ran = here("import", made, *flags, "--shard", "1/100", "--rate", "requests=1,bytes=100MB")
    assert ran.code == 0, ran.err
    assert counting.requests >= 4
    seconds = (counting.requests - 1) * 100
    assert seconds - 100 < max(waits) <= seconds


def test_no_more_connections_are_open_than_the_rate_allows(
    here: Any, fronts: Any, made: Path, made_keys: Path, target: RealRegistry
) -> None:
    for allowed, flags in ((1, ("--rate", "connections=1")), (2, ("--shard", "1/2", "--rate", "connections=4"))):
        counting = Counting()
        front = fronts(target, counting)
        to = f"{front.host}/{allowed}"
        ran = here("import", made, "--trust", made_keys / "tester.pub", "--to", to, *flags)
        assert ran.code == 0, ran.err
        assert 1 <= counting.most <= allowed
        assert counting.received_bytes > 1_000_000
