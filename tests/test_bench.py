"""`scripts/bench` leaves out what other processes disturbed, says what it could not do, and judges nothing by it."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks import machine, measuring  # noqa: E402
from benchmarks.corpus import Blob, Corpus, Image, Root  # noqa: E402
from benchmarks.machine import Memory, servers_at  # noqa: E402
from benchmarks.measuring import Measured, Runner  # noqa: E402
from benchmarks.peers import PEERS, Crane, missing_peers, peers_here  # noqa: E402
from benchmarks.report import Target, targets_of  # noqa: E402
from benchmarks.rounds import Samples  # noqa: E402

QUIET = Measured(1.0, 1.0, 20 << 20, 1000, 0.0, 0.1)
BUSY = replace(QUIET, wall_seconds=50.0, other_cores=0.5)
CORPUS = Corpus(
    "127.0.0.1:5000",
    (
        Image("a/b", "1", Root("sha256:aa", "application/vnd.oci.image.index.v1+json")),
        Image("c", "2", Root("sha256:bb", "application/vnd.oci.image.manifest.v1+json")),
    ),
    (Blob("sha256:cc", 1 << 30, "a/b"),),
)
PHASES = (
    *((phase, name) for phase in ("export", "import") for name in ("bundler", "curl")),
    *(("verify", name) for name in ("bundler", "openssl", "sha256sum")),
    *((phase, "bundler") for phase in ("--help", "inspect", "import again")),
)


def samples_of(changed: dict[tuple[str, str], list[Measured]], phases=PHASES) -> Samples:
    """One quiet round of everything, but for some."""
    return Samples({phase: [QUIET] for phase in phases} | changed, bundle_bytes=1000)


def judged(samples: Samples) -> dict[str, Target]:
    return {target.name: target for target in targets_of(samples, CORPUS, ())}


def test_rounds_with_busy_neighbours_do_not_count():
    samples = samples_of({("import", "bundler"): [BUSY, QUIET, BUSY]})
    assert samples.median("import", "bundler") == QUIET
    assert samples.ratio("import", "bundler", "curl") == 1.0


def test_without_a_quiet_round_nothing_is_judged():
    targets = judged(samples_of({("import", "curl"): [BUSY], ("verify", "bundler"): [BUSY]}))
    assert {name for name, target in targets.items() if not target.is_judged} == {
        "import / curl",
        "verify / sha256sum",
        "verify / two passes of openssl",
    }
    assert not targets["import / curl"].is_met, "it is far below the limit, but says nothing"
    assert targets["import / curl"].verdict == "not judged"


def test_exports_are_compared_when_all_is_on_the_device():
    synced = replace(QUIET, sync_seconds=1.0)
    targets = judged(samples_of({("export", "curl"): [synced]}))
    assert targets["export / curl, both with sync"].measured == 0.5
    assert targets["import / curl"].verdict == "MISSED", "as fast as the floor is not enough"


def test_peers_are_judged_where_they_are():
    assert not any("imgpkg" in name or "crane" in name for name in judged(samples_of({})))
    peers = {("export", "imgpkg"): [QUIET], ("import", "imgpkg"): [QUIET], ("import", "crane"): [QUIET]}
    assert {"export / imgpkg, both with sync", "import / imgpkg", "import / crane"} < set(judged(samples_of(peers)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what all processes, and the servers, have taken by then."""

    def set_to(busy: list[float], served: list[float]) -> None:
        monkeypatch.setattr(measuring, "busy_seconds", lambda: busy.pop(0))
        monkeypatch.setattr(measuring, "cpu_seconds", lambda process: served.pop(0))

    return set_to


def test_the_work_of_a_registry_is_no_foreign_work(tmp_path, clock):
    runner = Runner(tmp_path / "log")
    clock([0.0, 1000.0], [])
    assert not runner.timed(["true"]).is_quiet
    clock([0.0, 1000.0], [7.0, 1007.0])
    with runner.counting(1):
        assert runner.timed(["true"]).is_quiet


def test_a_registry_is_found_by_its_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert servers_at([f"127.0.0.1:{address[1]}"]) == {os.getpid()}
        with socket.create_connection(address) as client:
            assert servers_at([f"127.0.0.1:{client.getsockname()[1]}"]) == set(), "a client is no server"


@pytest.mark.parametrize("works", [True, False])
def test_memory_is_filled_until_little_is_free_or_that_is_said_to_fail(tmp_path, monkeypatch, works):
    facts = {"MemTotal": 2 << 30, "MemFree": 1 << 30}

    def read(descriptor: int, offset: int, size: int, advice: int) -> None:
        assert os.fstat(descriptor).st_size >= offset + size, "nothing is read after the end"
        facts["MemFree"] -= size * works

    monkeypatch.setattr(machine, "memory_bytes", facts.__getitem__)
    monkeypatch.setattr(os, "posix_fadvise", read)
    memory = Memory(tmp_path)
    memory.fill()
    assert (facts["MemFree"] == 128 << 20) is works, "a sixteenth stays"
    assert ("could not be filled before 1 of 1" in str(memory)) is not works
    assert (tmp_path / "zeros").stat().st_blocks == 0


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Path:
    """Stand-ins for the peers, which write down how they were started: the real ones are in no package index."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for peer in PEERS:
        (folder / peer.name).write_text(f'#!/bin/sh\necho {peer.name} "$@" >> {tmp_path}/started\n')
        (folder / peer.name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path / "started"


def test_peers_on_the_path_are_contestants(programs, tmp_path):
    assert missing_peers() == []
    imgpkg, _, regctl = peers_here(Runner(tmp_path / "log"), CORPUS)
    a, b = tmp_path / "a", tmp_path / "b"
    imgpkg.export(a)
    imgpkg.import_(a, "host:1")
    regctl.export(b)
    regctl.import_(b, "host:1")
    assert (a / "lock.yml").read_text().count("- image: 127.0.0.1:5000/") == 2
    assert programs.read_text().splitlines() == [
        f"imgpkg copy --registry-insecure --lock {a}/lock.yml --to-tar {a}/all.tar",
        f"imgpkg copy --registry-insecure --tar {a}/all.tar --to-repo host:1/imgpkg/all",
        f"regctl --host reg=127.0.0.1:5000,tls=disabled image copy 127.0.0.1:5000/a/b:1 ocidir://{b}/layout:i0",
        f"regctl --host reg=127.0.0.1:5000,tls=disabled image copy 127.0.0.1:5000/c:2 ocidir://{b}/layout:i1",
        f"regctl --host reg=host:1,tls=disabled image copy ocidir://{b}/layout:i0 host:1/a/b:1",
        f"regctl --host reg=host:1,tls=disabled image copy ocidir://{b}/layout:i1 host:1/c:2",
    ]


def test_crane_pushes_a_layout_of_each_image(programs, tmp_path):
    crane, folder = Crane(Runner(tmp_path / "log"), CORPUS), tmp_path / "c"
    crane.export(folder)
    (folder / "layout/blobs/sha256").mkdir(parents=True)
    (folder / "layout/oci-layout").write_text("{}")
    for image in CORPUS.images:
        (folder / "layout/blobs" / image.root.digest.replace(":", "/")).write_text("manifest")
    crane.before_import(folder)
    crane.import_(folder, "host:1")
    assert programs.read_text().splitlines() == [
        f"crane pull --insecure --format=oci 127.0.0.1:5000/a/b:1 127.0.0.1:5000/c:2 {folder}/layout",
        f"crane push --insecure {folder}/0 host:1/a/b:1",
        f"crane push --insecure {folder}/1 host:1/c:2",
    ]
    (manifest,) = json.loads((folder / "1/index.json").read_text())["manifests"]
    assert manifest == {"mediaType": CORPUS.images[1].root.media_type, "digest": "sha256:bb", "size": 8}
    assert (folder / "1/blobs/sha256/bb").read_text() == "manifest"
