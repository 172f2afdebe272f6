"""Bundles in S3, next to boto3's own upload and download of the same files: SeaweedFS on this machine.

boto3 moves bytes, hashes nothing but a CRC32, and reads nothing back. An export also fetches and hashes each blob, and
reads each chunk back, unless ``--no-read-back``; an import also pushes. So each command is compared with two others:
the plain upload or download, and the same work by curl and boto3, without the hashes. An export of a layout reads local
files, as the plain upload does, and an import into a layout writes to the disk, as the plain download does; with a
registry, each also waits for that.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import Bundler, Curl
from benchmarks.corpus import Corpus
from benchmarks.feature import Feature, Setting, images_of, left_out
from benchmarks.measuring import GIB, BenchError, Measured, Runner, files_in, warm
from benchmarks.registry import OwnRegistry
from benchmarks.rounds import Samples
from benchmarks.targets import ratio_target
from bundler.core.s3_path import S3Path

METHOD = """\
boto3: the plain upload or download of the same files. curl, boto3: the same work without hashes: curl fetches the
blobs, and boto3 uploads the files and reads them back; or boto3 downloads the files, and curl pushes the blobs.
export unread: --no-read-back, and curl, boto3 without that. export of layout: the images are in an image layout on the
disk, not in a registry. The server is SeaweedFS on the same disk"""
_BUCKET = "bench"
_LOGIN = ("bench-access-key", "bench-secret-key-of-this-run")
_READY_SECONDS = 120
_PLAIN = """\
import os, sys, boto3
s3, (verb, folder, prefix) = boto3.client("s3"), sys.argv[1:]
if verb == "get":
    os.makedirs(folder)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix=prefix + "/"):
        for each in page["Contents"]:
            s3.download_file("bench", each["Key"], os.path.join(folder, os.path.basename(each["Key"])))
else:
    for name in sorted(os.listdir(folder)):
        s3.upload_file(os.path.join(folder, name), "bench", prefix + "/" + name)
"""


def run_s3(setting: Setting) -> Feature:
    """Exports the corpus to S3, verifies and imports it from there."""
    try:
        import boto3  # noqa: F401
    except ImportError:
        return left_out("s3", "boto3 is not installed")
    work, samples = setting.work, Samples()
    (work / "plain.py").write_text(_PLAIN)
    with _seaweedfs(work) as (weed, environment), setting.runner.counting(weed):
        runner = setting.runner.with_environment(**environment)
        bundler = Bundler(runner, setting.corpus, setting.keys, work / "list.txt")
        bundler.export(work / "local")
        bundler.import_(work / "local", f"oci:{work / 'origin'}")
        turn = _Turn(work, runner, bundler, setting.corpus, environment["AWS_ENDPOINT_URL_S3"])
        setting.in_turns([lambda: _turn(turn, samples)])
    size_bytes = sum(path.stat().st_size for path in files_in(work / "local/bench"))
    others = [(phase, name) for phase, name in samples.by_subject if name != "bundler"]
    return Feature(
        "s3" if setting.corpus.size_bytes < GIB else "s3 of a large corpus",
        images_of(setting.corpus),
        samples,
        METHOD,
        size_bytes,
        ratios=tuple(((phase, "bundler"), (phase, name)) for phase, name in others),
        targets=tuple(
            ratio_target(f"S3, {phase} / boto3", samples, (phase, "bundler"), (phase, "boto3"), 1 / 0.8)
            for phase in ("export of layout", "export", "import to layout", "import")
        ),
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """The rounds: where they work."""

    work: Path
    runner: Runner
    bundler: Bundler
    corpus: Corpus
    endpoint: str

    def plain(self, verb: str, folder: Path, prefix: str) -> Measured:
        """Has boto3 move the files of a folder."""
        return self.runner.timed([sys.executable, str(self.work / "plain.py"), verb, str(folder), prefix])

    def got(self, prefix: str) -> Measured:
        """Has boto3 download the files, and removes them."""
        measured = self.plain("get", self.work / "got", prefix)
        shutil.rmtree(self.work / "got")
        return measured

    def empty(self) -> None:
        """Replaces the bucket by an empty one: that frees the disk at once."""
        _client(self.endpoint).delete_bucket(Bucket=_BUCKET)
        _make_bucket(self.endpoint)


def _turn(turn: _Turn, samples: Samples) -> None:
    work, runner, bundler, curl = turn.work, turn.runner, turn.bundler, Curl(turn.runner, turn.corpus)
    place = S3Path(_BUCKET, "e")
    fetched = curl.export(work / "fetched")
    for path in (*files_in(work / "local"), *files_in(work / "origin")):
        warm(path)  # all that is sent from this disk is in the page cache
    put = turn.plain("put", work / "local/bench", "put")
    put_got = turn.got("put")
    for phase, source, flags, same in (
        ("export of layout", f"oci:{work / 'origin'}", (), None),
        ("export unread", bundler.image_list, ("--no-read-back",), fetched + put),
        ("export", bundler.image_list, (), fetched + put + put_got),
    ):
        turn.empty()
        exported = bundler.run("export", source, "-o", place, *bundler.signing, "--name", "bench", *flags)
        samples.add(phase, "bundler", exported)
        samples.add(phase, "boto3", put)
        if same is not None:
            samples.add(phase, "curl, boto3", same)
    got = turn.got("e/bench")
    samples.add("verify", "bundler", bundler.verify(place))
    samples.add("verify", "boto3", got)
    samples.add("import to layout", "bundler", bundler.import_(place, f"oci:{work / 'layout'}"))
    samples.add("import to layout", "boto3", got)
    shutil.rmtree(work / "layout")
    with OwnRegistry(work / "registry") as registry, runner.counting(registry.process):
        samples.add("import", "bundler", bundler.import_(place, registry.host))
        bundler.check(registry.host)
    samples.add("import", "boto3", got)
    with OwnRegistry(work / "registry") as registry, runner.counting(registry.process):
        samples.add("import", "curl, boto3", got + curl.import_(work / "fetched", registry.host))
    shutil.rmtree(work / "fetched")
    turn.empty()


@contextlib.contextmanager
def _seaweedfs(folder: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Starts SeaweedFS; yields its process id, and the variables of its clients."""
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
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    environment = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), _LOGIN, strict=True))
    try:
        _wait_for(lambda: _make_bucket(endpoint), weed)
        yield weed.pid, {**environment, "AWS_ENDPOINT_URL_S3": endpoint, "AWS_REGION": "us-east-1"}
    finally:
        weed.kill()
        weed.wait()
        shutil.rmtree(data, ignore_errors=True)


def _make_bucket(endpoint: str) -> None:
    client = _client(endpoint)
    client.create_bucket(Bucket=_BUCKET)
    client.put_object(Bucket=_BUCKET, Key="ready", Body=b"1")


def _client(endpoint: str) -> Any:
    import boto3

    access_key, secret_key = _LOGIN
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


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
