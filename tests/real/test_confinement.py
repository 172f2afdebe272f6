"""Promises 6, 7 and 8: import writes nothing to the bundle, contacts nothing but the target; memory stays flat."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import sweeps
from tests.support.parts import RealRegistry, require, skopeo_raw
from tests.support.sweeps import IS_FULL

LAYER_BYTES = 9 << 28
"""2.25 GiB: more than 32 bits with a sign, and than one chunk. Of 20 GiB: scripts/scale."""
RSS_LIMIT_KIB = 100 << 10
"""The highest peak was 57 MiB, of an import of an encrypted bundle."""
LARGE_BYTES = 3 << 28 if IS_FULL else 3 << 26
"""Twice what may be in memory, for what takes its time."""


@pytest.fixture
def bundle(exported) -> Path:
    return exported("library/oci:1", "team/multi:1", options=("--chunk-size", "1MiB"))


def test_import_works_from_a_read_only_medium_with_no_network_but_the_target(bundle, keys, tmp_path):
    """In a network namespace of its own there is nothing but loopback; the registry runs in there too."""
    require("unshare", "ip", "docker-registry")
    if os.geteuid():
        pytest.skip("namespaces need root")
    storage = tmp_path / "storage"
    config = tmp_path / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {storage}}}}}\n"
        "http: {addr: '127.0.0.1:5000'}\n"
    )
    script = f"""
      ip link set lo up
      mkdir medium
      mount --bind {bundle} medium && mount -o remount,ro,bind medium
      ! touch medium/x 2> /dev/null
      docker-registry serve {config} > registry.log 2>&1 &
      server=$!
      trap 'kill $server; wait $server || true; umount medium' EXIT
      for _ in $(seq 100); do (: < /dev/tcp/127.0.0.1/5000) 2> /dev/null && break; sleep 0.05; done
      export HOME={tmp_path}/home
      strace -f -qq -e trace=connect,sendto -o trace.txt \
        {sys.executable} -m bundler import medium --trust {keys[1]} --to 127.0.0.1:5000 --verify-target
      {sys.executable} -m bundler verify medium --trust {keys[1]}
    """
    require("strace")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_atime_ns) for path in bundle.iterdir()}
    inside = ["unshare", "--net", "--mount", "--fork", "bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(inside, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 pushed" in done.stdout
    addresses = [line for line in (tmp_path / "trace.txt").read_text().splitlines() if "sin_port" in line]
    assert addresses
    assert all('sin_port=htons(5000), sin_addr=inet_addr("127.0.0.1")' in line for line in addresses), addresses
    assert {path: (path.stat().st_mtime_ns, path.stat().st_atime_ns)[0] for path in bundle.iterdir()} == {
        path: times[0] for path, times in before.items()
    }
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [path.parent for path in written] == [tmp_path / "home/.local/state/bundler/receipts"], (
        "nothing but a receipt"
    )


def peak_rss_kib(*arguments: object) -> int:
    """Runs the command in a process that tells its peak memory, or that of a process it started; it must succeed.

    VmHWM is of this program alone; the kernel's ru_maxrss also counts what the test's own process had before.
    """
    code = (
        "import re, resource, sys\n"
        "from bundler.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "own = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stderr.split()[-1])


def write_sparse_layout(folder: Path, layer_bytes: int) -> None:
    """An image whose one layer is zeros, which take no space."""
    hasher = hashlib.sha256()
    for _ in range(layer_bytes >> 20):
        hasher.update(bytes(1 << 20))
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    layer = blobs / hasher.hexdigest()
    with open(layer, "wb") as file:
        file.truncate(layer_bytes)

    def put(content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    config = put(json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}}).encode())
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", **config},
        "layers": [{"mediaType": f"{kind}.layer.v1.tar", "digest": f"sha256:{layer.name}", "size": layer_bytes}],
    }
    root = {"mediaType": f"{kind}.manifest.v1+json", **put(json.dumps(manifest).encode())}
    root["annotations"] = {"org.opencontainers.image.ref.name": "example.org/big/layer:1"}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))


@pytest.fixture
def target(disk_path) -> Iterator[RealRegistry]:
    """An empty registry whose storage is on a disk."""
    registry = RealRegistry(disk_path).start()
    yield registry
    registry.stop()


@pytest.mark.parametrize("form", ["7z", "encrypted"])
def test_memory_stays_flat_with_a_large_layer_in_7z(keys, target, disk_path, form):
    write_sparse_layout(disk_path / "layout", LARGE_BYTES)
    (disk_path / "passphrase").write_text("only for this test\n")
    secret = ["--passphrase-file", disk_path / "passphrase"] if form == "encrypted" else []
    options = ["--encrypt", *secret] if form == "encrypted" else ["--format", "7z"]
    source = f"oci:{disk_path}/layout:example.org/big/layer:1"
    bundle, scratch = disk_path / "out/big", disk_path / "scratch"
    scratch.mkdir()
    export = ["export", source, "--name", "big", "-o", disk_path / "out", "--key", keys[0], "--chunk-size", "128MiB"]
    peaks = {"export": peak_rss_kib(*export, *options)}
    if form == "encrypted":  # an archive that is not is read as a tar is
        taken = ["import", bundle, "--trust", keys[1], "--to", target.host, *secret, "--scratch", scratch]
        peaks["import"] = peak_rss_kib(*taken)
        assert skopeo_raw(f"{target.host}/big/layer:1")
    assert max(peaks.values()) < RSS_LIMIT_KIB, peaks


def test_memory_stays_flat_with_a_layer_of_two_gib(keys, disk_path):
    layer_bytes, *_ = sweeps.some([LAYER_BYTES, *[LARGE_BYTES] * 5], every=6)
    write_sparse_layout(disk_path / "layout", layer_bytes)
    source, bundle = f"oci:{disk_path}/layout:example.org/big/layer:1", disk_path / "big"
    peaks = [
        peak_rss_kib("export", source, "--name", "big", "-o", disk_path, "--key", keys[0], "--chunk-size", "1GiB"),
        peak_rss_kib("verify", bundle, "--trust", keys[1]),
    ]
    assert max(peaks) < RSS_LIMIT_KIB, peaks
    assert sum(path.stat().st_size for path in bundle.glob("chunk-*")) > layer_bytes


def test_memory_stays_flat_with_a_large_layer_into_a_registry_and_out_of_it(keys, target, disk_path):
    write_sparse_layout(disk_path / "layout", LAYER_BYTES if IS_FULL else LARGE_BYTES)
    out = ["-o", disk_path / "out", "--key", keys[0], "--chunk-size", "128MiB"]
    steps = {
        "export": ["export", f"oci:{disk_path}/layout:example.org/big/layer:1", "--name", "big", *out],
        "import": ["import", disk_path / "out/big", "--trust", keys[1], "--to", target.host],
        "again": ["export", f"docker://{target.host}/big/layer:1", "--name", "again", *out],
    }
    peaks = {name: peak_rss_kib(*arguments) for name, arguments in steps.items()}
    assert max(peaks.values()) < RSS_LIMIT_KIB, peaks
    assert skopeo_raw(f"{target.host}/big/layer:1")
