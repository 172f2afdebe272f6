"""The output of ``serve``: the address and how to pull, then a line for each request with ``--verbose``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.texts import joined, text
from bundler.views.documents import error_document
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact, fact_below, limited

if TYPE_CHECKING:
    from bundler.serving.catalogue import IncompleteImage, MovedTag, OpenBundle
    from bundler.serving.connections import ServedAnswer
    from bundler.serving.serve import Served


def lines(served: Served, *, is_verbose: bool) -> list[str]:
    """The address, the bundles, what is not served, and the commands to pull an image and to end."""
    shown = [fact(said("serving"), said("{url} (read-only)", url=served.url))]
    for number, bundle in enumerate(served.catalogue.bundles):
        line = translated(_bundle(bundle))
        shown.append(fact_below(line) if number else fact(said("bundles"), line))
    images, incomplete = served.images, served.catalogue.incomplete
    repositories = count(len(served.catalogue.names), "repository")
    shown.append(fact(said("images"), translated(joined([count(len(images), "image"), repositories], ", "))))
    lacking = {each.image.name for each in incomplete}
    complete = next((each for each in images if each.name not in lacking), None)
    if complete is not None:
        command = " ".join(("docker", "pull", f"{served.registry}/{complete.name}"))
        shown.append(fact(said("pull"), escaped(command)))
    if served.authority is not None:
        shown.append(fact(said("authority"), escaped(served.authority.path)))
        shown.append(fact_below(said("SHA-256 {fingerprint}", fingerprint=served.authority.fingerprint)))
        shown.append(fact_below(said("copy it to /etc/docker/certs.d/HOST:PORT/ca.crt of each client")))
    shown.append(fact(said("end"), "Ctrl-C"))
    if served.is_in_clear:
        shown += [
            "",
            said(
                "PLAIN HTTP: others on the network can read and change what is sent on the way; give --tls-self-signed"
            ),
        ]
    return [*shown, *_incomplete(incomplete, is_verbose), *_moved(served.catalogue.moved, is_verbose)]


def _bundle(bundle: OpenBundle) -> str:
    if not bundle.signers:
        return text("{name}, id {id}, UNSIGNED: nobody can check it", name=escaped(bundle.name), id=bundle.id[:12])
    signers = ", ".join(bundle.signers)
    return text("{name}, id {id}, signed by key {key}", name=escaped(bundle.name), id=bundle.id[:12], key=signers)


def _incomplete(images: tuple[IncompleteImage, ...], is_verbose: bool) -> list[str]:
    if not images:
        return []
    named = [f"  {escaped(each.image.image.reference)}: {escaped(translated(each.problem.message))}" for each in images]
    return [
        "",
        said("NOT COMPLETE: {amount}", amount=count(len(images), "image")),
        *limited(named, is_verbose=is_verbose),
    ]


def _moved(moved: tuple[MovedTag, ...], is_verbose: bool) -> list[str]:
    if not moved:
        return []
    named = [
        "  "
        + said(
            "{reference}: from {served}, not from {other}",
            reference=escaped(each.reference),
            served=escaped(each.served.name),
            other=escaped(each.other.name),
        )
        for each in moved
    ]
    title = said("IN SEVERAL BUNDLES, with different digests: the newest is served; the others by their digests")
    return ["", title, *limited(named, is_verbose=is_verbose)]


def request_line(answered: ServedAnswer) -> str:
    """A line of the log: like that of web servers, without the time."""
    request = f"{answered.method or '-'} {escaped(answered.path) or '-'}"
    line = f"{answered.client} {request} {answered.status.value} {answered.length_bytes}"
    return f"{line} {escaped(answered.error)}" if answered.error is not None else line


def document(served: Served) -> dict[str, Any]:
    """The document that ``serve --json`` prints when it has started."""
    registry = served.registry
    return {
        "document": "bundler.serve/1",
        "exitCode": 0,
        "url": served.url,
        "host": served.host,
        "registry": registry,
        "authority": {"path": str(served.authority.path), "fingerprint": served.authority.fingerprint}
        if served.authority is not None
        else None,
        "bundles": [
            {"name": each.name, "id": each.id, "signers": list(each.signers)} for each in served.catalogue.bundles
        ],
        "images": [
            {
                "reference": str(each.image.reference),
                "digest": str(each.image.root.digest),
                "name": f"{registry}/{each.name}",
                "bundle": each.bundle.name,
            }
            for each in served.images
        ],
        "incomplete": [
            {"reference": str(each.image.image.reference), "problem": error_document(each.problem)}
            for each in served.catalogue.incomplete
        ],
    }
