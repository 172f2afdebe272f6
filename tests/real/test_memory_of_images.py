"""Promise 7 for daemons and files: memory stays flat with a layer of twice that and more, whatever it comes out of or goes into."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bundler.core import tar
from tests.real.test_confinement import LARGE_BYTES, RSS_LIMIT_KIB, peak_rss_kib
from tests.support.parts import shell


def write_sparse_archive(path: Path) -> None:
    """A file of ``docker save`` with one layer, in which one large file of zeros takes no space."""
    header = tar.header("zeros", LARGE_BYTES)
    diff_id = hashlib.sha256(header)
    for _ in range(LARGE_BYTES >> 20):
        diff_id.update(bytes(1 << 20))
    diff_id.update(tar.END)
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{diff_id.hexdigest()}"]}
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "config": {"Cmd": ["/zeros"]}, "rootfs": rootfs}
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": ["big/layer:1"], "Layers": ["one/layer.tar"]}]).encode()
    layer_bytes = len(header) + LARGE_BYTES + len(tar.END)
    with open(path, "wb") as file:
        for member, content in ((name, config), ("manifest.json", manifest)):
            file.write(tar.header(member, len(content)) + content + bytes(tar.padding_bytes(len(content))))
        file.write(tar.header("one/layer.tar", layer_bytes) + header)
        file.seek(LARGE_BYTES, 1)
        file.write(tar.END + bytes(tar.padding_bytes(layer_bytes)) + tar.END)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sparse") / "big.tar"
    write_sparse_archive(path)
    return path


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "7z"])
def test_memory_stays_flat_with_a_large_file(archive, disk_path, ending):
    pack = {
        "tar": f"ln -s {archive} big.tar",
        "tar.gz": f"gzip -1 -c {archive} > big.tar.gz",
        "7z": f"7z a -bso0 -bsp0 -mx=1 big.7z {archive}",
    }
    shell(pack[ending], cwd=disk_path)
    file = disk_path / f"big.{ending}"
    peaks = {"export": peak_rss_kib("export", f"docker-archive:{file}", "--name", "t", "-o", disk_path, "--unsigned")}
    if ending == "tar":
        peaks["verify"] = peak_rss_kib("verify", file)
    assert max(peaks.values()) < RSS_LIMIT_KIB, peaks


def test_memory_stays_flat_with_a_large_image_into_a_daemon_and_out_of_it(
    archive, other_daemon, keys, disk_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_HOST", other_daemon.address)
    bundle = disk_path / "big"
    made = ["export", f"docker-archive:{archive}", "--name", "big", "-o", disk_path, "--key", keys[0]]
    assert peak_rss_kib(*made) < RSS_LIMIT_KIB
    peaks = {
        "load": peak_rss_kib("import", bundle, "--trust", keys[1], "--to", "docker-daemon:"),
        "save": peak_rss_kib("export", "docker-daemon:big/layer:1", "--name", "again", "-o", disk_path, "--unsigned"),
    }
    other_daemon.docker("rmi", "-f", "big/layer:1")
    assert max(peaks.values()) < RSS_LIMIT_KIB, peaks
    assert (disk_path / "again/chunk-0001.tar").stat().st_size == (bundle / "chunk-0001.tar").stat().st_size
