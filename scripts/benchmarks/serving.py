"""Pulls all blobs of the corpus from ``bundler serve`` and from a docker-registry with the same blobs, in turns.

The client is curl, which keeps nothing. The first pull from bundler hashes each blob; the kernel sends the others.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contestants import Bundler, Curl
from benchmarks.corpus import Corpus
from benchmarks.machine import cpu_seconds
from benchmarks.measuring import GIB, MIB, BenchError, files_in, warm
from benchmarks.registry import OwnRegistry

CONNECTIONS = 200
_SETTLE_SECONDS = 5
"""``serve`` keeps no verdict on files that were changed some seconds before."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of all blobs: its time, and the processor time of the server."""

    wall_seconds: float
    server_cpu_seconds: float

    @classmethod
    def median_of(cls, pulls: list[Pull]) -> Pull:
        """The median of each figure."""
        return cls(median(each.wall_seconds for each in pulls), median(each.server_cpu_seconds for each in pulls))


@dataclass(frozen=True, slots=True)
class ServeRun:
    """The pulls from both servers.

    Attributes:
        size_bytes: The bytes of one pull.
        first: The median of the first pulls from bundler, each from a new server, which hashes.
        ours: The median of the second ones.
        peer: The median of those from docker-registry.
        peak_rss_bytes: The peak of bundler's memory in these.
        crowd_rss_bytes: The peak with 200 connections that all receive a blob.
    """

    size_bytes: int
    first: Pull
    ours: Pull
    peer: Pull
    peak_rss_bytes: int
    crowd_rss_bytes: int

    def __str__(self) -> str:
        throughput = self.peer.wall_seconds / self.ours.wall_seconds
        gib = self.size_bytes / GIB
        return (
            f"serve, {self.size_bytes / MIB:.0f} MiB by curl     {throughput:.2f} x the throughput of docker-registry "
            f"({self.peer.wall_seconds / self.first.wall_seconds:.2f} x the first time); server CPU s/GiB: "
            f"{self.ours.server_cpu_seconds / gib:.2f}, first {self.first.server_cpu_seconds / gib:.2f}, "
            f"docker-registry {self.peer.server_cpu_seconds / gib:.2f}; peak RSS "
            f"{self.peak_rss_bytes / MIB:.0f} MiB, with {CONNECTIONS} connections {self.crowd_rss_bytes / MIB:.0f} MiB"
        )


def run_serve(bundler: Bundler, curl: Curl, corpus: Corpus, work: Path, rounds: int) -> ServeRun:
    """Exports the corpus, fills a registry from it, and pulls from both."""
    folder = work / "served"
    bundler.export(folder)
    with OwnRegistry(work / "peer") as registry:
        bundler.import_(folder, registry.host)
        for path in files_in(folder):
            warm(path)
        curl.fetch(registry.host, work / "warm.config")  # both have their files in the page cache
        time.sleep(_SETTLE_SECONDS)
        first, ours, peer, peaks, crowds = [], [], [], [], []
        for _ in range(max(2, rounds)):
            with _serving(bundler.serve_command(folder)) as (process, host):
                peer.append(_pull(curl, registry.host, registry.process, work))
                first.append(_pull(curl, host, process, work))
                ours.append(_pull(curl, host, process, work))
                peaks.append(_peak_rss_bytes(process))
                _crowd(corpus, host)
                crowds.append(_peak_rss_bytes(process))
    size_bytes = sum(blob.size_bytes for blob in corpus.blobs)
    return ServeRun(size_bytes, *map(Pull.median_of, (first, ours, peer)), max(peaks), max(crowds))


def _pull(curl: Curl, host: str, process: int, work: Path) -> Pull:
    before = cpu_seconds(process)
    wall = curl.fetch(host, work / "fetch.config").wall_seconds
    return Pull(wall, cpu_seconds(process) - before)


def _crowd(corpus: Corpus, host: str) -> None:
    """Asks for the largest blob on many connections at a time, and reads a part of each answer."""
    largest = max(corpus.blobs, key=lambda blob: blob.size_bytes)
    name, _, port = host.rpartition(":")
    with contextlib.ExitStack() as opened:
        clients = [
            opened.enter_context(socket.create_connection((name, int(port)), timeout=60)) for _ in range(CONNECTIONS)
        ]
        for client in clients:
            client.sendall(f"GET {largest.path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        for client in clients:
            if not client.recv(1 << 16).startswith(b"HTTP/1.1 200"):
                raise BenchError("a connection of many was refused")


@contextlib.contextmanager
def _serving(command: list[str]) -> Iterator[tuple[int, str]]:
    """Starts ``bundler serve``; yields its process id and its address."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            document = "".join(iter(running.stdout.readline, "}\n"))
            yield running.pid, json.loads(f"{document}}}")["host"]
        finally:
            running.send_signal(signal.SIGTERM)


def _peak_rss_bytes(process: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) << 10 if found else 0
