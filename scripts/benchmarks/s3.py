"""Bundles in S3, next to boto3's own upload and download of the same files: SeaweedFS on this machine.

boto3 moves bytes, hashes nothing but a CRC32, and reads nothing back. An export also fetches and hashes each blob, and
reads each chunk back, unless ``--no-read-back``; an import also pushes. So each command is compared with two others:
the plain upload or download, and the same work by curl and boto3, without the hashes. An import into a layout writes to
the disk, as the plain download does; an import into a registry also waits for the registry.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contestants import BUNDLER, Bundler, Curl, Keys
from benchmarks.corpus import Corpus
from benchmarks.measuring import GIB, BenchError, Measured, Runner, files_in
from benchmarks.registry import OwnRegistry
from bundler.core.s3_path import S3Path

ROUNDS = 3
_BUCKET = "bench"
_LOGIN = ("bench-access-key", "bench-secret-key-of-this-run")
_READY_SECONDS = 120
_PLAIN = """\
import os, sys, boto3
s3, (verb, folder, prefix) = boto3.client("s3"), sys.argv[1:]
os.makedirs(folder, exist_ok=True)
names = [each["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix=prefix + "/")
         for each in page.get("Contents", ())]
if verb == "get":
    for key in names:
        s3.download_file("bench", key, os.path.join(folder, os.path.basename(key)))
elif verb == "put":
    for name in sorted(os.listdir(folder)):
        s3.upload_file(os.path.join(folder, name), "bench", prefix + "/" + name)
else:
    for key in names:
        s3.delete_object(Bucket="bench", Key=key)
"""


@dataclass(frozen=True, slots=True)
class S3Run:
    """The medians of one command, and of what boto3 does with the same files.

    Attributes:
        title: The command.
        ours: Wall and CPU seconds of the command.
        plain: Those of boto3's plain upload or download.
        same: Those of curl and boto3 for the same work, without hashes.
        size_bytes: The size of the bundle.
    """

    title: str
    ours: tuple[float, float]
    plain: tuple[float, float]
    same: tuple[float, float]
    size_bytes: int

    @property
    def ratio(self) -> float:
        """The speed of the command, as a part of boto3's."""
        return self.plain[0] / self.ours[0]

    @property
    def same_ratio(self) -> float:
        """The speed of the command, as a part of the speed of curl and boto3 for the same work."""
        return self.same[0] / self.ours[0]

    def __str__(self) -> str:
        gib = self.size_bytes / GIB
        costs = (f"{wall:5.2f} s, {cpu / gib:5.2f} CPU s/GiB" for wall, cpu in (self.ours, self.plain, self.same))
        ours, plain, same = costs
        return (
            f"{self.title:<24}{ours}; boto3 alone {plain}: {self.ratio:.2f} of its speed; "
            f"the same work by curl and boto3 {same}: {self.same_ratio:.2f}"
        )


def run_s3(corpus: Corpus, keys: Keys, work: Path) -> Iterator[S3Run]:
    """Exports the corpus to S3, verifies and imports it from there."""
    folder = work / "s3"
    folder.mkdir()
    (folder / "plain.py").write_text(_PLAIN)
    with _seaweedfs(folder):
        runner = Runner(folder / "log")
        bundler = Bundler(runner, corpus, keys, folder / "list.txt")
        bundler.export(folder / "local")
        curl = Curl(runner, corpus)
        taken: dict[str, list[Measured]] = {}

        def take(title: str, measured: Measured) -> None:
            taken.setdefault(title, []).append(measured)

        def plain(verb: str, place: Path, prefix: str) -> Measured:
            return runner.timed([sys.executable, str(folder / "plain.py"), verb, str(place), prefix])

        for number in range(ROUNDS):
            place = S3Path(_BUCKET, f"e{number}")
            fetched = curl.export(folder / "fetched")
            put = plain("put", folder / "local/bench", f"put{number}")
            take("put", put)
            take("fetch, put", fetched + put)
            take("fetch, put, get", fetched + put + plain("get", folder / "got", f"put{number}"))
            plain("remove", folder, f"put{number}")
            take("export", bundler.export(place))
            take("verify", bundler.verify(place))
            shutil.rmtree(folder / "got")
            got = plain("get", folder / "got", f"e{number}/bench")
            take("get", got)
            shutil.rmtree(folder / "got")
            take("import to a layout", bundler.import_(place, f"oci:{folder / 'layout'}"))
            shutil.rmtree(folder / "layout")
            with OwnRegistry(folder / f"registry{number}") as registry:
                take("import", bundler.import_(place, registry.host))
            with OwnRegistry(folder / f"curl{number}") as registry:
                take("get, push", got + curl.import_(folder / "fetched", registry.host))
            shutil.rmtree(folder / "fetched")
            plain("remove", folder, f"e{number}")
            take("export --no-read-back", _export_unread(runner, bundler, S3Path(_BUCKET, f"n{number}"), keys))
            plain("remove", folder, f"n{number}")
        size_bytes = sum(path.stat().st_size for path in files_in(folder / "local/bench"))
        for title, floor, same in (
            ("export", "put", "fetch, put, get"),
            ("export --no-read-back", "put", "fetch, put"),
            ("verify", "get", "get"),
            ("import to a layout", "get", "get"),
            ("import", "get", "get, push"),
        ):
            yield S3Run(title, _medians(taken[title]), _medians(taken[floor]), _medians(taken[same]), size_bytes)


def _export_unread(runner: Runner, bundler: Bundler, place: S3Path, keys: Keys) -> Measured:
    arguments = ["export", str(bundler.image_list), "-o", str(place), "--key", str(keys.private), "--name", "bench"]
    return runner.timed([BUNDLER, *arguments, "--no-read-back", "--quiet"])


def _medians(runs: list[Measured]) -> tuple[float, float]:
    return median(run.wall_seconds for run in runs), median(run.cpu_seconds for run in runs)


@contextlib.contextmanager
def _seaweedfs(folder: Path) -> Iterator[None]:
    """Starts SeaweedFS, and names it in the environment."""
    data, config = folder / "data", folder / "s3.json"
    data.mkdir()
    login = dict(zip(("accessKey", "secretKey"), _LOGIN, strict=True))
    identity = {"name": "bench", "credentials": [login], "actions": ["Admin", "Read", "Write"]}
    config.write_text(json.dumps({"identities": [identity]}))
    names = ["s3.port", "s3.port.grpc"]
    names += [f"{server}.port{kind}" for server in ("master", "volume", "filer") for kind in ("", ".grpc")]
    ports = {name: _free_port() for name in names}
    options = {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": data,
        "master.telemetry": "false",
        "volume.max": 100,
        "s3.config": config,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.volumeSizeLimitMB": 1000,
        **ports,
        **{f"{server}.localSocket": folder / f"{server}.sock" for server in ("filer", "s3")},
    }
    command = [str(Path(sys.executable).with_name("weed")), "-logtostderr", "server", "-s3"]
    with (folder / "weed.log").open("wb") as log:
        weed = subprocess.Popen([*command, *(f"-{name}={value}" for name, value in options.items())], stderr=log)
    os.environ.update(
        AWS_ACCESS_KEY_ID=_LOGIN[0],
        AWS_SECRET_ACCESS_KEY=_LOGIN[1],
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{ports['s3.port']}",
        AWS_REGION="us-east-1",
    )
    try:
        _wait_for(_make_bucket, weed)
        yield
    finally:
        weed.kill()
        weed.wait()
        shutil.rmtree(data, ignore_errors=True)


def _make_bucket() -> None:
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket=_BUCKET)
    client.put_object(Bucket=_BUCKET, Key="ready", Body=b"1")


def _wait_for(ask: Callable[[], None], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(Exception):  # nothing that it says before it is ready counts
            return ask()
        time.sleep(0.3)
    raise BenchError("SeaweedFS did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
