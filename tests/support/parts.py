"""Real parts: started on loopback, stopped by their own process id. A missing one fails in CI."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MANIFESTS = ",".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)


def require(*commands: str) -> None:
    """Fails in CI, and skips with the reason elsewhere, when a real part is missing."""
    missing = [command for command in commands if not shutil.which(command)]
    if missing:
        message = f"missing real part: {', '.join(missing)} (scripts/test installs it when run as root)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def free_port() -> int:
    """A port for a server. It is none of those that the kernel gives to clients, which would take it before the server."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def has_ended(process: int) -> bool:
    """True if a process ends soon, which need not be a child of this one."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(60_000))
    finally:
        os.close(descriptor)


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("the server did not start")


@dataclass
class RealPart:
    """A program that runs with all its state in a folder, from `start` to `stop`."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return self._process

    def _await_answer(self, ask: Callable[[], subprocess.CompletedProcess[str]], *, seconds: float) -> None:
        """Waits until a command of its client succeeds."""
        deadline = time.monotonic() + seconds
        while ask().returncode:
            if time.monotonic() > deadline or (self._process and self._process.poll() is not None):
                raise RuntimeError(f"it did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


@dataclass
class RealServer(RealPart):
    """A program that listens at a port of its own."""

    port: int = field(default_factory=free_port, kw_only=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _listen(self, command: list[str]) -> None:
        wait_until_listening(self.port, self._spawn(command))


class Endpoint:
    """Requests to a registry at a host, for images that no stock tool pushes as they are."""

    @property
    def host(self) -> str:
        raise NotImplementedError

    def put(self, path: str, content: bytes, media_type: str) -> None:
        """A PUT below /v2/."""
        request = urllib.request.Request(
            f"http://{self.host}/v2/{path}", data=content, method="PUT", headers={"Content-Type": media_type}
        )
        urllib.request.urlopen(request, timeout=100).close()

    def put_blob(self, repository: str, digest: str, content: bytes) -> None:
        begin = urllib.request.Request(f"http://{self.host}/v2/{repository}/blobs/uploads/", data=b"", method="POST")
        with urllib.request.urlopen(begin, timeout=100) as answer:
            location = answer.headers["Location"]
        url = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        request = urllib.request.Request(
            url, data=content, method="PUT", headers={"Content-Type": "application/octet-stream"}
        )
        urllib.request.urlopen(request, timeout=100).close()

    def get(self, path: str) -> bytes | None:
        """A GET below /v2/; None for 404."""
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": MANIFESTS})
        try:
            with urllib.request.urlopen(request, timeout=100) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise


@dataclass
class RealRegistry(RealServer, Endpoint):
    """docker-registry on a port of its own, with its storage in a folder."""

    extra: str = ""
    http_extra: str = ""
    storage_extra: str = ""
    scheme: str = "http"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    def start(self) -> RealRegistry:
        require("docker-registry")
        self.storage.mkdir(parents=True, exist_ok=True)
        try:
            return self._serve()
        except RuntimeError:  # another process took the port between asking for a free one and using it
            self.port = free_port()
            return self._serve()

    def _serve(self) -> RealRegistry:
        config = self.folder / "config.yml"
        config.write_text(
            "version: 0.1\n"
            "log: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.storage}}}, delete: {{enabled: true}}{self.storage_extra}}}\n"
            f"http:\n  addr: 127.0.0.1:{self.port}\n{self.http_extra}"
            f"{self.extra}"
        )
        self._listen(["docker-registry", "serve", str(config)])
        return self

    def kill(self) -> None:
        """Ends it as a power cut does; `start` starts it again, at the same port."""
        assert self._process
        self._process.kill()
        self._process.wait(60)
        self._process = None

    def collect_garbage(self) -> None:
        """Removes what has no tag, and what nothing needs any more, as an administrator does at night."""
        command = ["docker-registry", "garbage-collect", "--delete-untagged", str(self.folder / "config.yml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def tags(self) -> dict[str, list[str]]:
        """The tags of each repository, as the storage has them."""
        root = self.storage / "docker/registry/v2/repositories"
        found: dict[str, list[str]] = {}
        for tags in sorted(root.glob("**/_manifests/tags")):
            found[str(tags.parent.parent.relative_to(root))] = sorted(tag.name for tag in tags.iterdir())
        return found

    @property
    def blobs(self) -> set[str]:
        """The hex of every blob in the storage."""
        return {data.parent.name for data in (self.storage / "docker/registry/v2/blobs").glob("*/*/*/data")}


@dataclass
class RealDaemon(RealPart):
    """dockerd with all its state in a folder."""

    extra: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> RealDaemon:
        require("dockerd", "docker")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text("{}")
        command = ["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"]
        command += ["--config-file", str(self._configuration)]
        command += ["--pidfile", f"{self.folder}/pid", "-H", self.address, "--iptables=false", "--ip6tables=false"]
        command += ["--bridge=none", "--storage-driver=vfs", *self.extra]
        self._spawn(command)
        self._await_answer(lambda: self.docker("version", check=False), seconds=60)
        return self

    @property
    def _configuration(self) -> Path:
        return self.folder / "daemon.json"

    @contextlib.contextmanager
    def mirrored(self, url: str) -> Generator[None, None, None]:
        """The daemon asks this mirror for the images of Docker Hub, as with ``--registry-mirror``."""
        self._use_mirrors([url], shown=f"[{url}/]")
        try:
            yield
        finally:
            self._use_mirrors([], shown="[]")

    def _use_mirrors(self, urls: list[str], *, shown: str) -> None:
        """Makes the daemon read its configuration again, and waits until it shows these mirrors."""
        assert self._process
        self._configuration.write_text(json.dumps({"registry-mirrors": urls}))
        self._process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while self.docker("info", "--format", "{{.RegistryConfig.Mirrors}}").stdout.strip() != shown:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def docker(self, *arguments: str, check: bool = True, stdin: object = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DOCKER_HOST": self.address}
        return subprocess.run(
            ["docker", *arguments],
            check=check,
            env=environment,
            text=True,
            capture_output=True,
            stdin=stdin,
            timeout=300,
        )  # type: ignore[call-overload]


@dataclass
class RealContainerd(RealPart):
    """containerd with all its state in a folder, ``ctr`` to speak to it, and its CRI if it gets a folder of hosts.toml."""

    config_path: Path | None = field(default=None, kw_only=True)

    def start(self) -> RealContainerd:
        require("containerd", "ctr")
        self.folder.mkdir(parents=True, exist_ok=True)
        cri = "io.containerd.grpc.v1.cri"
        disabled = ["io.containerd.internal.v1.opt", *([] if self.config_path else [cri])]
        (self.folder / "config.toml").write_text(
            f'version = 2\nroot = "{self.folder}/root"\nstate = "{self.folder}/state"\ndisabled_plugins = {disabled}\n'
            f'[grpc]\n  address = "{self.folder}/containerd.sock"\n[ttrpc]\n  address = "{self.folder}/ttrpc.sock"\n'
            f'[plugins."{cri}".containerd]\n  snapshotter = "native"\n'
            f'[plugins."{cri}".registry]\n  config_path = "{self.config_path or ""}"\n'
        )
        self._spawn(["containerd", "--config", f"{self.folder}/config.toml"])
        self._await_answer(lambda: self.ctr("version", check=False), seconds=30)
        return self

    def ctr(self, *arguments: str, check: bool = True, stdin: object = None) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "-a", f"{self.folder}/containerd.sock", "--connect-timeout", "1s", *arguments]
        return subprocess.run(command, check=check, text=True, capture_output=True, stdin=stdin, timeout=60)  # type: ignore[call-overload]

    def cri_pull(self, name: str) -> str:
        """Pulls an image as a kubelet does. Returns the error; empty if there is none.

        The request is made by hand: PullImageRequest of cri-api, whose field 1 is an ImageSpec, whose field 1 is the
        name, in a frame of gRPC (a byte for compression, four for the length).
        """
        require("curl")
        spec = b"\x0a" + bytes([len(name)]) + name.encode()
        request = b"\x0a" + bytes([len(spec)]) + spec
        command = ["curl", "-s", "-D", "-", "-o", os.devnull, "--http2-prior-knowledge", "--data-binary", "@-"]
        command += ["-H", "Content-Type: application/grpc", "-H", "TE: trailers"]
        command += ["--unix-socket", f"{self.folder}/containerd.sock"]
        command += ["http://localhost/runtime.v1.ImageService/PullImage"]
        frame = b"\0" + len(request).to_bytes(4, "big") + request
        done = subprocess.run(command, input=frame, capture_output=True, timeout=60, check=True)
        status = re.search(r"grpc-status: (\d+)(?:\r\ngrpc-message: ([^\r]*))?", done.stdout.decode())
        assert status, done.stdout
        return "" if status[1] == "0" else status[2] or status[1]


def skopeo_raw(reference: str) -> bytes:
    """The manifest as skopeo, an independent judge, reads it."""
    require("skopeo")
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def shell(script: str, *, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a shell script that must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{script}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
