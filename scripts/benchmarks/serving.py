"""Pulls all blobs of the corpus from ``bundler serve`` and from a docker-registry with the same blobs, in turns.

The client is curl, which keeps nothing. The first pull from bundler hashes each blob; the kernel sends the others.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.contestants import BUNDLER, Bundler, Curl
from benchmarks.corpus import Corpus
from benchmarks.feature import Feature, Setting, images_of
from benchmarks.machine import cpu_seconds
from benchmarks.measuring import MIB, BenchError, files_in, peak_bytes, warm
from benchmarks.registry import OwnRegistry
from benchmarks.rounds import Samples
from benchmarks.targets import Target, ratio_target

CONNECTIONS = 200
METHOD = f"""\
All blobs by curl, two at a time, which keeps nothing. CPU, peak and written are those of the server.
first pull: from a new server, which hashes each blob; crowd: {CONNECTIONS} connections that receive the largest blob"""
_SETTLE_SECONDS = 5
"""``serve`` keeps no verdict on files that were changed some seconds before."""
_OURS, _FIRST, _PEER = ("pull", "bundler"), ("first pull", "bundler"), ("pull", "registry")


def run_serve(setting: Setting) -> Feature:
    """Exports the corpus, fills a registry from it, and pulls from both."""
    corpus, bundler, work, samples = setting.corpus, setting.bundler, setting.work, Samples()
    curl, crowds = Curl(setting.runner, corpus), list[int]()

    def pull(phase: str, name: str, host: str, server: int) -> None:
        before = cpu_seconds(server)
        measured = curl.fetch(host, work / "fetch.config")
        cpu = cpu_seconds(server) - before
        measured = replace(measured, cpu_seconds=cpu, peak_rss_bytes=peak_bytes(server), written_bytes=0)
        samples.add(phase, name, measured)

    bundler.export(work)
    with OwnRegistry(work / "peer") as registry, setting.runner.counting(registry.process):
        bundler.import_(work, registry.host)
        for path in files_in(work):
            warm(path)
        curl.fetch(registry.host, work / "warm.config")  # both have their files in the page cache
        time.sleep(_SETTLE_SECONDS)

        def ours() -> None:
            with _serving(bundler, work / "bench") as (server, host), setting.runner.counting(server):
                pull(*_FIRST, host, server)
                pull(*_OURS, host, server)
                _crowd(corpus, host)
                crowds.append(peak_bytes(server))

        setting.in_turns([ours, lambda: pull(*_PEER, registry.host, registry.process)])
    return Feature(
        "serve",
        images_of(corpus),
        samples,
        METHOD,
        corpus.size_bytes,
        notes={_OURS: f"{max(crowds) / MIB:.0f} MiB with a crowd"},
        ratios=((_OURS, _PEER), (_FIRST, _PEER)),
        targets=_targets(samples, max(crowds)),
    )


def _targets(samples: Samples, crowd_bytes: int) -> tuple[Target, ...]:
    peer_seconds = samples.median(*_PEER).cpu_seconds
    timed = [
        ratio_target(f"serve, {ours[0]} / docker-registry", samples, ours, _PEER, 1 / 0.8) for ours in (_OURS, _FIRST)
    ]
    used = [
        Target(f"{each.name}, CPU", samples.median(*ours).cpu_seconds / peer_seconds, 1.0, "", each.is_judged)
        for each, ours in zip(timed, (_OURS, _FIRST), strict=True)
    ]
    return (*timed, *used, Target("serve, peak RSS with a crowd", crowd_bytes / MIB, 200, "MiB"))


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
def _serving(bundler: Bundler, bundle: Path) -> Iterator[tuple[int, str]]:
    """Starts ``bundler serve``; yields its process id and its address."""
    command = [BUNDLER, "serve", str(bundle), *bundler.trust, "--addr", "127.0.0.1:0", "--json", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            document = "".join(iter(running.stdout.readline, "}\n"))
            yield running.pid, json.loads(f"{document}}}")["host"]
        finally:
            running.send_signal(signal.SIGTERM)
