"""An inventory: what a registry, a layout or a daemon held at one time, as a JSON document that can be signed.

It lists names and digests. A registry refuses a manifest whose blobs it does not have, so a manifest that it serves
shows that it has these blobs too; nobody has read them. Specification: docs/json.md. Unknown fields are ignored; an
unknown ``document`` is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import drained, list_of, size, text
from bundler.core.limits import BASE_NAME_CHARACTERS, INVENTORY_CONTAINERS, MANIFEST_BYTES
from bundler.core.location import DAEMON, LAYOUT, REGISTRY
from bundler.core.manifest.blobs import read_descriptor
from bundler.core.manifest.document import lines_of
from bundler.core.oci import Descriptor
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import Reference, is_repository, is_tag
from bundler.errors import BundlerError, Damaged, Refused

DOCUMENT = "bundler.inventory-file/1"
_DOCUMENTS = "bundler.inventory-file/"
_KINDS = (REGISTRY, LAYOUT, DAEMON)
_REPOSITORY_IN_LAYOUT = lazy_pattern(r"[^/\s]+/\S+")


@frozen
class HeldManifest:
    """A manifest or index that the place has.

    Attributes:
        descriptor: Its descriptor.
        children: Numbers in `Inventory.manifests` of the manifests that it lists, as far as the place has them.
        blobs: Numbers in `Inventory.blobs` of its config and layers.
        subject: The number in `Inventory.manifests` of the manifest that it is attached to by its field ``subject``;
            None if it has none, or the place lacks it.
    """

    descriptor: Descriptor
    children: tuple[int, ...] = ()
    blobs: tuple[int, ...] = ()
    subject: int | None = None


@frozen
class HeldBlob:
    """A config or layer that the place has: its digest and its size in bytes."""

    digest: Digest
    size_bytes: int


@frozen
class HeldRepository:
    """A repository of the place.

    Attributes:
        name: In a registry its path, without the host. In a layout registry and repository of the full names there, or
            empty for manifests without a full name.
        tags: Each tag with the number of its manifest in `Inventory.manifests`, sorted by tag.
        manifests: The numbers of all manifests that it has, children of indexes included, in order.
    """

    name: str
    tags: tuple[tuple[str, int], ...] = ()
    manifests: tuple[int, ...] = ()


@frozen
class LoadedImage:
    """An image of a Docker daemon. A daemon has unpacked the layers, and does not keep the blobs that it pulled.

    Attributes:
        id: The digest of its config.
        size_bytes: The size of its unpacked layers.
        names: Its names with tags, complete, sorted.
        digests: Its names with the digests of the manifests that it was pulled or pushed by, sorted.
    """

    id: Digest
    size_bytes: int
    names: tuple[Reference, ...] = ()
    digests: tuple[Reference, ...] = ()


@frozen
class NotListed:
    """A repository or tag that the place names, but whose content is not in the inventory.

    Attributes:
        name: The repository, or the repository and the tag.
        code: The code of the reason, see `bundler.core.advice`; empty if it has none.
        reason: The reason in words.
    """

    name: str
    code: str
    reason: str


@frozen
class Inventory:
    """The content of a place at one time.

    Attributes:
        tool: Name and version of the program that wrote it.
        place: The place as users write it: ``HOST[/PREFIX]``, ``oci:DIR`` or ``docker-daemon:``.
        kind: ``registry``, ``layout`` or ``daemon``.
        created: The time at which it was started, UTC, ISO 8601. Later changes may be missing.
        operator: The user who made it.
        host: The machine that made it.
        repositories: The repositories, sorted by name.
        manifests: All manifests, each once, sorted by digest.
        blobs: All configs and layers, each once, sorted by digest.
        images: The images of a daemon, sorted by id; empty for other places.
        not_listed: Repositories and tags that could not be read, sorted by name.
    """

    tool: str
    place: str
    kind: str
    created: str
    operator: str
    host: str
    repositories: tuple[HeldRepository, ...] = ()
    manifests: tuple[HeldManifest, ...] = ()
    blobs: tuple[HeldBlob, ...] = ()
    images: tuple[LoadedImage, ...] = ()
    not_listed: tuple[NotListed, ...] = ()

    @property
    def registry(self) -> str:
        """The host of the registry; empty for other places."""
        return self.place.partition("/")[0] if self.kind == REGISTRY else ""

    def blobs_of(self, manifest: int) -> tuple[int, ...]:
        """The numbers of the configs and layers of a manifest and of all manifests below it, sorted."""
        found, seen, left = set[int](), {manifest}, [manifest]
        while left:
            held = self.manifests[left.pop()]
            found.update(held.blobs)
            left += [child for child in held.children if child not in seen]
            seen.update(held.children)
        return tuple(sorted(found))

    def to_json(self) -> Iterator[bytes]:
        """The bytes of the document, piece by piece, with a line for each repository, manifest and blob."""
        head = {
            "document": DOCUMENT,
            "tool": self.tool,
            "place": self.place,
            "kind": self.kind,
            "created": self.created,
            "operator": self.operator,
            "host": self.host,
        }
        lists: dict[str, Iterable[Mapping[str, Any]]] = {
            "repositories": map(_repository_json, self.repositories),
            **({"images": map(_image_json, self.images)} if self.kind == DAEMON else {}),
            "notListed": map(_not_listed_json, self.not_listed),
            "manifests": map(_manifest_json, self.manifests),
            "blobs": ({"digest": str(each.digest), "size": each.size_bytes} for each in self.blobs),
        }
        return lines_of(head, lists)


def parse_inventory(content: bytes, *, what: str) -> Inventory:
    """Reads an inventory. The caller has checked its signature.

    Args:
        content: The bytes; the caller bounds their number.
        what: The name of the document, for messages.

    Raises:
        Damaged: The content is not an inventory.
        Refused: The inventory has an unknown version.
    """
    document = strict_json.loads(content, what=what, containers=INVENTORY_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("document"), str):
        raise Damaged("this is not an inventory", subject=what)
    if document["document"] != DOCUMENT:
        if document["document"].startswith(_DOCUMENTS):
            raise Refused(
                "an inventory of an unknown version", subject=what, expected=DOCUMENT, actual=document["document"][:60]
            )
        raise Damaged("this is not an inventory", subject=what, expected=DOCUMENT, actual=document["document"][:60])
    try:
        inventory = _inventory(document)
        _check(inventory)
    except (KeyError, TypeError, ValueError, BundlerError) as error:
        raise Damaged(texts.text("not an inventory of bundler: {error}", error=error), subject=what) from error
    return inventory


def _repository_json(repository: HeldRepository) -> dict[str, Any]:
    return {"name": repository.name, "tags": dict(repository.tags), "manifests": repository.manifests}


def _manifest_json(manifest: HeldManifest) -> dict[str, Any]:
    return {
        **manifest.descriptor.to_json(),
        **({"manifests": manifest.children} if manifest.children else {}),
        "blobs": manifest.blobs,
        **({} if manifest.subject is None else {"subject": manifest.subject}),
    }


def _image_json(image: LoadedImage) -> dict[str, Any]:
    return {
        "id": str(image.id),
        "size": image.size_bytes,
        "names": list(map(str, image.names)),
        "digests": list(map(str, image.digests)),
    }


def _not_listed_json(each: NotListed) -> dict[str, Any]:
    return {"name": each.name, "code": each.code, "reason": each.reason}


def _inventory(document: dict[str, Any]) -> Inventory:
    kind, place = text(document["kind"]), text(document["place"])
    if kind not in _KINDS:
        raise ValueError(texts.text("unknown kind of place {kind}", kind=repr(kind[:40])))
    if not 0 < len(place) <= BASE_NAME_CHARACTERS:
        raise ValueError(texts.text("the name of a place has {count} characters", count=len(place)))
    return Inventory(
        tool=text(document["tool"]),
        place=place,
        kind=kind,
        created=text(document["created"]),
        operator=text(document["operator"]),
        host=text(document["host"]),
        repositories=tuple(map(_repository, list_of(document["repositories"]))),
        manifests=tuple(map(_manifest, drained(document["manifests"]))),
        blobs=tuple(map(_blob, drained(document["blobs"]))),
        images=tuple(map(_image, list_of(document.get("images", [])))),
        not_listed=tuple(map(_not_listed, list_of(document["notListed"]))),
    )


def _repository(entry: dict[str, Any]) -> HeldRepository:
    tags = entry["tags"]
    if not isinstance(tags, dict):
        raise TypeError("tags are an object")
    if not all(map(is_tag, tags)):
        raise ValueError("something that is not a tag")
    return HeldRepository(
        text(entry["name"]),
        tuple((tag, size(number)) for tag, number in tags.items()),
        tuple(map(size, list_of(entry["manifests"]))),
    )


def _manifest(entry: dict[str, Any]) -> HeldManifest:
    return HeldManifest(
        read_descriptor(entry),
        tuple(map(size, list_of(entry.get("manifests", [])))),
        tuple(map(size, list_of(entry["blobs"]))),
        size(entry["subject"]) if "subject" in entry else None,
    )


def _blob(entry: dict[str, Any]) -> HeldBlob:
    return HeldBlob(Digest.parse(entry["digest"]), size(entry["size"]))


def _image(entry: dict[str, Any]) -> LoadedImage:
    return LoadedImage(
        Digest.parse(entry["id"]),
        size(entry["size"]),
        tuple(Reference.parse(text(name)) for name in list_of(entry["names"])),
        tuple(Reference.parse(text(name)) for name in list_of(entry["digests"])),
    )


def _not_listed(entry: dict[str, Any]) -> NotListed:
    return NotListed(text(entry["name"]), text(entry["code"]), text(entry["reason"]))


def _check(inventory: Inventory) -> None:
    """Checks names and numbers. The order is part of the format: it makes lists of each thing once, without sets."""
    _check_order("repositories", [each.name for each in inventory.repositories])
    _check_order("manifests", [each.descriptor.digest for each in inventory.manifests])
    _check_order("blobs", [each.digest for each in inventory.blobs])
    _check_order("images", [each.id for each in inventory.images])
    if inventory.images and inventory.kind != DAEMON:
        raise ValueError("a place that is no daemon has images of a daemon")
    for manifest in inventory.manifests:
        if manifest.descriptor.size_bytes > MANIFEST_BYTES:
            raise ValueError("a manifest that is too large")
        _check_numbers(manifest.children, len(inventory.manifests))
        _check_numbers(manifest.blobs, len(inventory.blobs))
        _check_numbers(() if manifest.subject is None else (manifest.subject,), len(inventory.manifests))
    for repository in inventory.repositories:
        _check_repository(repository, inventory)


def _check_repository(repository: HeldRepository, inventory: Inventory) -> None:
    if not _is_name(repository.name, inventory.kind):
        raise ValueError(texts.text("not a repository: {repository:.60}", repository=repr(repository.name)))
    _check_order("tags", [tag for tag, _ in repository.tags])
    _check_order("manifests", repository.manifests)
    _check_numbers(repository.manifests, len(inventory.manifests))
    held = set(repository.manifests)
    if not all(number in held for _, number in repository.tags):
        raise ValueError(texts.text("a tag of {name} is not one of its manifests", name=repository.name))


def _is_name(name: str, kind: str) -> bool:
    if kind == REGISTRY:
        return is_repository(name)
    return not name or (_REPOSITORY_IN_LAYOUT.fullmatch(name) is not None and Reference.parse(name).name == name)


def _check_order(field: str, values: list[Any] | tuple[Any, ...]) -> None:
    """Checks that each value is larger than the one before: so each is there once."""
    if any(not before < after for before, after in pairwise(values)):
        raise ValueError(texts.text("the field {field} is not in order, or has something twice", field=field))


def _check_numbers(numbers: tuple[int, ...], count: int) -> None:
    """Checks that all numbers are listed, and that none is there twice: readers walk along them."""
    if any(number >= count for number in numbers):
        raise ValueError("a number of something that is not listed")
    if len(set(numbers)) != len(numbers):
        raise ValueError("a manifest lists something twice")
