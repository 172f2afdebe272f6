"""``import --dask``: real workers of a real scheduler send to a real registry; one dies, one is slow, some cannot."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bundler as api
from bundler.core.events import ImagesDone, Moved, Noticed, PhaseBegan
from bundler.errors import Incomplete
from bundler.hooks import dask_cluster
from bundler.importing import part
from tests.support.images import simple
from tests.support.parts import RealRegistry
from tests.support.servers import Front, certificates, client_of

NAMES = [f"team/image-{number}" for number in range(16)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Any]:
    """Two workers in processes of their own. A test that changes one changes it back."""
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    os.environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield SimpleNamespace(address=cluster.scheduler_address, client=client)


@pytest.fixture(scope="module")
def bundle(made_keys, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    for name in NAMES:
        simple(name, 3000).write_layout(folder / "layout", f"example.com/{name}:1")
    request = api.ExportRequest((f"oci:{folder}/layout",), folder, name="test", key_path=made_keys / "tester.key")
    return Path(str(api.export(request).path))


def imported(
    bundle: Path,
    keys: Path,
    cluster: Any,
    host: str,
    folder: Path,
    cancellation: Any = None,
    rate: api.Rate | None = None,
    **more: Any,
) -> tuple[Any, list[Any]]:
    events: list[Any] = []
    request = api.ImportRequest(
        (bundle,),
        (f"docker://{host}",),
        trust=(keys / "tester.pub",),
        receipt=api.ReceiptRequest(path=folder / "receipt.json"),
        dask=cluster.address,
        **more,
    )
    return api.import_bundle(
        request, api.Run(events.append, cancellation or api.Cancellation(), rate=rate or api.Rate())
    ), events


def digests(registry: RealRegistry) -> set[str]:
    """The images whose tag is there, with the digest that it must have."""
    return {name for name in NAMES if registry.get(f"{name}/manifests/1") == simple(name, 3000).content}


def test_a_worker_that_is_killed_loses_nothing_and_there_is_one_receipt(bundle, made_keys, cluster, target, tmp_path):
    killed: list[int] = []

    def kill_the_first(front: Front, request: Any) -> bool:
        if request.command == "PUT" and not killed:
            killed.extend(filter(None, [client_of(request)]))
            os.kill(killed[0], signal.SIGKILL)
        return False

    workers = set(cluster.client.run(os.getpid).values())
    front = Front(target, [kill_the_first]).start()
    try:
        result, events = imported(bundle, made_keys, cluster, front.host, tmp_path)
    finally:
        front.stop()
    assert killed
    assert killed[0] in workers
    assert (result.exit_code, digests(target)) == (0, set(NAMES))
    (receipt,) = tmp_path.glob("receipt.json*")
    document = json.loads(receipt.read_text())
    (at_target,) = document["targets"]
    assert {image["outcome"] for image in at_target["images"]} == {"pushed"}
    (began,) = [event for event in events if isinstance(event, PhaseBegan) and event.in_bytes]
    assert result.targets[0].bytes_sent >= began.total * 14 // 16, "only the killed worker does not tell its bytes"
    assert (began.images, sum(event.amount for event in events if isinstance(event, ImagesDone))) == (16, 16)
    items = sum(event.total for event in events if isinstance(event, PhaseBegan) and not event.in_bytes)
    assert sum(event.amount for event in events if isinstance(event, Moved)) == began.total + items
    assert [event.text for event in events if isinstance(event, Noticed)] == []


def hold(name: str) -> None:
    """On a worker: a medium that gives its first byte when a file is there."""
    import time

    def slow(*arguments: Any) -> Any:
        while not os.path.exists(name):
            time.sleep(0.01)
        return real(*arguments)

    real, part.opened = part.opened, slow


class AtWork:
    """Notes how many requests, of how many processes, a registry answers at a time, and when they came."""

    def __init__(self) -> None:
        self.most_requests = self.most_processes = 0
        self.times: list[float] = []
        self._at_work: list[int | None] = []
        self._processes: dict[int, int | None] = {}
        """The process of each connection."""
        self._lock = threading.Lock()

    def __call__(self, front: Front, request: Any) -> bool:
        process = self._process(request)
        with self._lock:
            self.times.append(time.monotonic())
            self._at_work.append(process)
            self.most_requests = max(self.most_requests, len(self._at_work))
            self.most_processes = max(self.most_processes, len(set(self._at_work)))
        try:
            front.forward(request)
        finally:
            with self._lock:
                self._at_work.remove(process)
        return True

    def _process(self, request: Any) -> int | None:
        port = request.client_address[1]
        if port not in self._processes:
            self._processes[port] = client_of(request)
        return self._processes[port]


def note_rates(folder: str) -> None:
    """On a worker: writes the rate of each part."""

    def noted(request: Any, run: Any) -> Any:
        with open(os.path.join(folder, f"rates-{os.getpid()}"), "a") as file:
            print(repr(run.rate), file=file)
        return real(request, run)

    real, part.opened = part.opened, noted


@pytest.mark.parametrize(
    ("rate", "workers", "reported"),
    [
        (api.Rate(requests=80, connections=2), 2, api.Rate(requests=40.0, connections=1)),
        (api.Rate(size_bytes=1_500_000, connections=3), 1, api.Rate(size_bytes=1_500_000, connections=3)),
    ],
)
def test_all_workers_together_keep_to_the_rate(
    bundle, made_keys, cluster, target, tmp_path, rate: api.Rate, workers: int, reported: api.Rate
):
    """Two workers are there. Where only one can keep to the limit, it is as if the other one had joined late."""
    at_work = AtWork()
    cluster.client.wait_for_workers(2)
    cluster.client.run(note_rates, str(tmp_path))
    front = Front(target, [at_work]).start()
    try:
        result, events = imported(bundle, made_keys, cluster, front.host, tmp_path, rate=rate)
    finally:
        front.stop()
        cluster.client.run(mend)
    assert (result.exit_code, digests(target)) == (0, set(NAMES))
    rates = "".join(file.read_text() for file in tmp_path.glob("rates-*")).splitlines()
    assert rates == [repr(reported)] * workers * 4, "four shards for each worker"
    (began,) = [event for event in events if isinstance(event, PhaseBegan) and event.in_bytes]
    assert str(began.title).endswith(", 1 worker" if workers == 1 else ", 2 workers")
    assert at_work.most_processes <= workers
    if rate.connections is not None:
        assert at_work.most_requests <= rate.connections
    if rate.requests is not None:
        assert at_work.times[-1] - at_work.times[0] >= (len(at_work.times) - 1 - workers) / rate.requests


def refuse() -> None:
    """On a worker: no medium."""

    def refused(*arguments: Any) -> Any:
        raise Incomplete("the bundle is not here")

    part.opened = refused


def mend() -> None:
    from bundler.importing.opened import opened

    part.opened = opened


def test_a_slow_medium_holds_up_one_shard_and_the_other_worker_takes_the_rest(
    bundle, made_keys, cluster, target, tmp_path
):
    """The slow one waits until all images but those of one shard are there."""
    tagged: set[str] = set()
    released = tmp_path / "released"
    there: list[set[str]] = []

    def release(front: Front, request: Any) -> bool:
        if request.command == "PUT" and "/manifests/" in request.path:
            tagged.add(request.path.partition("/manifests/")[0])
            if len(tagged) == len(NAMES) - len(NAMES) // 8 and not released.exists():
                there.append(digests(target))
                released.touch()
        return False

    cluster.client.wait_for_workers(2)
    slow = next(iter(cluster.client.nthreads()))
    cluster.client.run(hold, str(released), workers=[slow])
    front = Front(target, [release]).start()
    try:
        result, _ = imported(bundle, made_keys, cluster, front.host, tmp_path)
    finally:
        front.stop()
        cluster.client.run(mend)
    assert (result.exit_code, digests(target)) == (0, set(NAMES))
    assert there == [set()], "workers move no tag"


def test_after_a_stop_no_worker_goes_on_and_no_tag_moves(bundle, made_keys, cluster, target, tmp_path):
    cancellation = api.Cancellation()

    def stop(front: Front, request: Any) -> bool:
        if request.command == "PUT":
            cancellation.set()
        return False

    front = Front(target, [stop]).start()
    try:
        with pytest.raises(api.Interrupted):
            imported(bundle, made_keys, cluster, front.host, tmp_path, cancellation=cancellation)
        deadline = time.monotonic() + 60
        while any(cluster.client.processing().values()) and time.monotonic() < deadline:
            time.sleep(0.02)
        sent = front.count("PUT", "/manifests/")
    finally:
        front.stop()
    assert not any(cluster.client.processing().values())
    assert sent < len(NAMES)
    assert digests(target) == set()
    assert json.loads((tmp_path / "receipt.json").read_text())["exitCode"] == 130


def test_the_certificates_of_dasks_configuration_protect_the_scheduler(bundle, made_keys, target, tmp_path):
    import dask
    from distributed import LocalCluster
    from distributed.security import Security

    files = certificates(tmp_path)
    (without := tmp_path / "without").mkdir()
    own = {"tls_ca_file": str(files["ca.crt"]), "require_encryption": True}
    for role, name in (("scheduler", "server"), ("worker", "server"), ("client", "client")):
        own |= {f"tls_{role}_cert": str(files[f"{name}.crt"]), f"tls_{role}_key": str(files[f"{name}.key"])}
    settings = {
        "distributed.comm.tls.ca-file": own["tls_ca_file"],
        "distributed.comm.tls.client.cert": own["tls_client_cert"],
        "distributed.comm.tls.client.key": own["tls_client_key"],
    }
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", protocol="tls://",
        host="tls://127.0.0.1", security=Security(**own),
    ) as cluster:  # fmt: skip
        address = SimpleNamespace(address=cluster.scheduler_address)
        assert address.address.startswith("tls://127.0.0.1:")
        with pytest.raises(api.Unavailable):
            imported(bundle, made_keys, address, target.host, without)
        with dask.config.set(settings):
            result, _ = imported(bundle, made_keys, address, target.host, tmp_path)
    assert (result.exit_code, digests(target)) == (0, set(NAMES))


def test_this_host_sends_what_no_worker_can(bundle, made_keys, cluster, target, tmp_path):
    cluster.client.run(refuse)
    try:
        result, events = imported(bundle, made_keys, cluster, target.host, tmp_path)
    finally:
        cluster.client.run(mend)
    assert (result.exit_code, digests(target)) == (0, set(NAMES))
    notices = [str(event.text) for event in events if isinstance(event, Noticed)]
    assert (
        notices == ["the workers could not send a shard of 2 images, this host sends them: the bundle is not here"] * 8
    )


def test_workers_get_no_secret_and_find_logins_on_their_hosts(bundle, made_keys, cluster, target, tmp_path):
    network = api.NetworkOptions(credentials={target.host: api.Credentials("robot", "s3cret")})
    with pytest.raises(api.Misuse) as refused:
        imported(bundle, made_keys, cluster, target.host, tmp_path, network=network)
    assert refused.value.subject == "--username"
    assert not list(tmp_path.glob("receipt*"))


def test_nothing_is_asked_of_workers_that_only_this_host_can_do(bundle, made_keys, cluster, target, tmp_path):
    for wrong in ({"is_verifying_target": True}, {"is_via_daemon": True}):
        with pytest.raises(api.Misuse):
            imported(bundle, made_keys, cluster, target.host, tmp_path, **wrong)
    for address in ("127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1:8786/x", "tcp://user@host:1"):
        with pytest.raises(api.Misuse):
            imported(bundle, made_keys, SimpleNamespace(address=address), target.host, tmp_path)


def test_a_scheduler_that_does_not_answer_is_named_before_a_tag_moves(bundle, made_keys, target, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 0.2)
    with pytest.raises(api.Unavailable) as refused:
        imported(bundle, made_keys, SimpleNamespace(address="tcp://127.0.0.1:9"), target.host, tmp_path)
    assert refused.value.subject == "tcp://127.0.0.1:9"
    assert digests(target) == set()
