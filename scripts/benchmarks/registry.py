"""A docker-registry of our own, and requests to any registry on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.measuring import BenchError, tail_of

MANIFEST_TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class OwnRegistry:
    """A docker-registry with its own storage, on a free port of the loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OwnRegistry:
        (self._folder / "storage").mkdir(parents=True)
        config = self._folder / "config.yml"
        config.write_text(json.dumps(self._configuration()))  # JSON is YAML
        log = self._folder / "log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers(log)
        except BaseException:
            self._end()
            raise
        return self

    @property
    def process(self) -> int:
        """Its process id."""
        assert self._process
        return self._process.pid

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        shutil.rmtree(self._folder)

    def _configuration(self) -> dict[str, Any]:
        return {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "cache": {"blobdescriptor": "inmemory"},
                "filesystem": {"rootdirectory": str(self._folder / "storage")},
            },
            "http": {"addr": self.host},
        }

    def _wait_until_it_answers(self, log: Path) -> None:
        assert self._process
        for _ in range(200):
            if self._process.poll() is not None:
                break
            with contextlib.suppress(BenchError):
                if ask(self.host, "GET", "/v2/")[0] == http.client.OK:
                    return
            time.sleep(0.05)
        raise BenchError(f"docker-registry does not start\n{tail_of(log)}")

    def _end(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()


def ask(host: str, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Sends one request to a registry on this machine, without proxy and redirects.

    Raises:
        BenchError: The registry does not answer.
    """
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, headers={"Accept": MANIFEST_TYPES})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except OSError as error:
        raise BenchError(f"{host} does not answer: {error}") from error
    finally:
        connection.close()
