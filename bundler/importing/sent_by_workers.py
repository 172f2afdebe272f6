"""Sent by workers: a Dask cluster has sent blobs and manifests, and this host the rest. No tag has moved.

In place of `sent`, with ``--dask``. The images are divided into more shards than there are workers, so that a fast
worker takes more of them than a slow one. A shard whose worker dies goes to another worker.

A limit of ``--rate`` is divided by the number of workers, and no more shards than that are sent at a time, also if
workers join. Where a part would be too small, fewer workers send.

No secret goes over the network: workers find logins, certificates and keys where this user's tools have them there.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bundler import texts
from bundler.core.events import Noticed, PhaseBegan, PhaseEnded
from bundler.core.location import REGISTRY
from bundler.core.manifest import Image
from bundler.core.patterns import lazy_pattern
from bundler.core.rate import NO_RATE
from bundler.core.reference import Reference, is_loopback
from bundler.core.shards import divided_images
from bundler.errors import Misuse
from bundler.hooks.dask_cluster import Cluster, Done, Task, connected
from bundler.importing.leg import Leg, as_end, ended
from bundler.importing.opened import Opened
from bundler.importing.part import PartRequest, SentToTarget, send_part
from bundler.importing.request import ImportRequest
from bundler.importing.sent import Sent, delivered, prepared
from bundler.importing.surveyed import Surveyed
from bundler.importing.whole import with_whole_graphs
from bundler.run import Run

SHARDS_PER_WORKER = 4
"""A worker that is four times as slow as the others takes one shard while they take four each."""

_ADDRESS = lazy_pattern(r"(?:tcp|tls)://(\[[0-9a-f:.]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}")
_FORMS = "tls://HOST:PORT, tcp://HOST:PORT"


def refuse_undivided(request: ImportRequest) -> None:
    """Makes sure that workers can do a part of an import.

    Raises:
        Misuse: They cannot.
    """
    if _ADDRESS.fullmatch(request.dask) is None:
        raise Misuse(
            "not the address of a scheduler",
            subject=repr(request.dask),
            expected=_FORMS,
        )
    if request.is_via_daemon or not all(target.kind == REGISTRY for target in request.targets):
        raise Misuse(
            "workers send to registries only", subject="--dask", hint="give --to HOST[/PREFIX], or leave out --dask"
        )
    if request.shard is not None or request.is_publishing:
        raise Misuse("--dask makes shards of its own, and moves all tags; leave out --shard and --publish")
    if request.is_verifying_target:
        raise Misuse("--verify-target reads everything back to this host; leave out --dask")
    if request.network.credentials:
        raise Misuse(
            "no login is sent to workers",
            subject="--username",
            hint="log in on each of their hosts with docker login, or set DOCKER_CONFIG there",
        )


def send_by_workers(surveyed: Surveyed) -> Sent:
    """Lets the workers send; then sends here what they could not."""
    opened, legs = surveyed.opened, surveyed.legs
    try:
        if opened.bundle.decrypted is not None:
            raise Misuse("no passphrase is sent to workers, so they cannot read an encrypted bundle", subject="--dask")
        legs = prepared(opened, legs)
        legs, by_workers = _sent_by_workers(opened, legs)
        rest = tuple(leg.only(_others(leg, done)) for leg, done in zip(legs, by_workers, strict=True))
        rest = delivered(opened, with_whole_graphs(opened.bundle, rest))
        legs = tuple(leg.joined(part) for leg, part in zip(legs, rest, strict=True))
    except (Exception, KeyboardInterrupt) as error:
        return Sent(opened, legs, as_end(error))
    return Sent(opened, legs, ended(legs))


def _others(leg: Leg, done: frozenset[Reference]) -> frozenset[Reference]:
    return frozenset(each.image.reference for each in leg.result.open_images) - done


def _sent_by_workers(opened: Opened, legs: tuple[Leg, ...]) -> tuple[tuple[Leg, ...], list[frozenset[Reference]]]:
    """The legs with the bytes that workers sent, and for each leg the images that are there but for their tags."""
    images = {each.image.reference: each.image for leg in reversed(legs) for each in leg.result.open_images}
    if not images:
        return legs, [frozenset() for _ in legs]
    with connected(opened.request.dask) as cluster:
        results = _performed(cluster, opened, legs, tuple(images.values()))
    by_target: dict[str, list[SentToTarget]] = {leg.target.name: [] for leg in legs}
    for each in results:
        by_target[each.target].append(each)
    with_bytes = tuple(_with_bytes(leg, by_target[leg.target.name]) for leg in legs)
    return with_bytes, [_references(by_target[leg.target.name]) for leg in legs]


def _performed(cluster: Cluster, opened: Opened, legs: tuple[Leg, ...], images: Sequence[Image]) -> list[SentToTarget]:
    run = opened.run
    workers = run.rate.most_parts(min(cluster.threads(), len(images)))
    _warn_of_open_network(opened.request.dask, run)
    tasks = _tasks(opened, images, workers)
    where = ", ".join(leg.target.name for leg in legs if leg.result.open_images)
    title = texts.counted(
        workers, "sending to {where}, {count} worker", "sending to {where}, {count} workers", where=where
    )
    run.listener(PhaseBegan(title, sum(task.size_bytes for task in tasks), in_bytes=True, images=len(images)))
    ends = cluster.perform(tasks, run, None if run.rate == NO_RATE else workers)
    run.listener(PhaseEnded("sending"))
    for end in ends:
        if end.result is None:
            run.listener(Noticed(_not_sent(end)))
    return [each for end in ends for each in end.result or ()]


def _warn_of_open_network(address: str, run: Run) -> None:
    place = urllib.parse.urlsplit(address)
    if place.scheme == "tcp" and not is_loopback(place.netloc):
        run.listener(
            Noticed(
                texts.text(
                    "{address} is not protected: who can connect to it can run programs on its workers; use tls://",
                    address=address,
                )
            )
        )


def _not_sent(end: Done[tuple[SentToTarget, ...]]) -> str:
    return texts.text(
        "the workers could not send a shard of {count} images, this host sends them: {reason}",
        count=end.task.images,
        reason=end.reason,
    )


def _tasks(opened: Opened, images: Sequence[Image], workers: int) -> list[Task[tuple[SentToTarget, ...]]]:
    from bundler import __version__

    manifest, request = opened.bundle.manifest, _without_secrets(opened.request)
    shards = divided_images(manifest, images, min(workers * SHARDS_PER_WORKER, len(images)))
    rate = opened.run.rate.divided(workers)
    parts = [[images[place] for place in places] for places in shards if places]
    return [
        Task(
            number,
            send_part,
            PartRequest(request, opened.bundle.id, frozenset(image.reference for image in part)),
            size_bytes=sum(manifest.blobs[n].descriptor.size_bytes for n in {n for image in part for n in image.blobs}),
            images=len(part),
            version=__version__,
            jobs=opened.run.jobs,
            rate=rate,
        )
        for number, part in enumerate(parts, 1)
    ]


def _without_secrets(request: ImportRequest) -> ImportRequest:
    """The request for workers: what only this host does is not in it, and nothing that is secret."""
    defaults, network = ImportRequest(request.paths, request.targets), request.network
    authority = network.ca_certificate
    return replace(
        request,
        paths=tuple(each.absolute() if isinstance(each, Path) else each for each in request.paths),
        trust=tuple(each.absolute() for each in request.trust),
        network=replace(network, ca_certificate=authority.absolute() if authority else None),
        dask="",
        admin=None,
        unlocking=defaults.unlocking,
        policies=(),
        scans=None,
        receipt=None,
        need=None,
        preheat=None,
    )


def _with_bytes(leg: Leg, parts: Iterable[SentToTarget]) -> Leg:
    more = sum(each.bytes_sent for each in parts)
    return replace(leg, result=replace(leg.result, bytes_sent=leg.result.bytes_sent + more))


def _references(parts: Iterable[SentToTarget]) -> frozenset[Reference]:
    return frozenset(reference for each in parts for reference in each.references)
