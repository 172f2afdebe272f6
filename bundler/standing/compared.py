"""Compares wanted images with a registry: tags, manifests, attachments, configs and layers. It only reads.

Each manifest and blob is looked for once in each repository. One image that cannot be asked for does not stop the
others.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from bundler.core import oci
from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.drift import MISSING, MOVED, UNREAD, ImageDrift, Part, PartFault, WantedAttachment, WantedImage
from bundler.core.events import Moved
from bundler.core.fallback_index import has_all_layers
from bundler.core.frozen import frozen
from bundler.core.limits import INDEX_DEPTH
from bundler.core.oci import Descriptor, Manifest
from bundler.errors import BundlerError, Damaged, Interrupted, NotFound, Unreachable
from bundler.importing.links import RegistryLinks
from bundler.run import Run
from bundler.standing.blobs import Blobs
from bundler.standing.faults import Faults, Key
from bundler.standing.wanted import Wanted
from bundler.stores.opened import Stores
from bundler.stores.repository import Repository
from bundler.texts import text
from bundler.transfer import ask_all


@frozen
class Compared:
    """The images with their faults.

    Attributes:
        images: The images, with all parts that are known now.
        asked: The number of manifests and blobs that were looked for, each once in each repository.
        read_bytes: The bytes of configs and layers that were read.
    """

    images: tuple[ImageDrift, ...]
    asked: int
    read_bytes: int


def compare(wanted: Wanted, stores: Stores, run: Run, *, is_deep: bool) -> Compared:
    """Compares images with their registry.

    Args:
        wanted: The images.
        stores: The stores of the run.
        run: Receives progress, and can be stopped.
        is_deep: Read and hash every manifest and blob.

    Raises:
        Unreachable: The registry does not answer at all.
        Interrupted: The user stopped it.
    """
    return _Comparison(wanted, stores, run, is_deep=is_deep).result()


@frozen
class _Tree:
    """The parts below a root whose manifests were read, and what could not be known."""

    parts: tuple[Part, ...]
    unknown: tuple[str, ...]


class _Comparison:
    """One comparison. Local to `compare`; its methods are called from many threads."""

    def __init__(self, wanted: Wanted, stores: Stores, run: Run, *, is_deep: bool) -> None:
        self._wanted = wanted
        self._stores = stores
        self._run = run
        self._is_deep = is_deep
        self._faults = Faults(wanted.place.partition("/")[0], run)
        self._lock = threading.Lock()
        self._trees: dict[Key, _Tree] = {}
        self._lengths: dict[Key, int] = {}
        """The lengths of roots, by the answers for their tags."""

    def result(self) -> Compared:
        self._ask_for_tags()
        self._ask_for_manifests()
        images = tuple(map(self._with_trees, self._wanted.images))
        self._ask_for_attachments()
        places: defaultdict[Digest, dict[str, None]] = defaultdict(dict)
        sizes: dict[Digest, int | None] = {}
        for image in images:
            for part in image.parts:
                if not part.is_manifest:
                    places[part.digest][image.name.repository] = None
                    sizes[part.digest] = sizes.get(part.digest) or part.size_bytes
        blobs = Blobs(self._faults, self._stores, {digest: tuple(paths) for digest, paths in places.items()})
        parts = [Part(digest, size_bytes) for digest, size_bytes in sizes.items()]
        if self._is_deep:
            blobs.read(parts, called=self._wanted.place)
        else:
            blobs.look(parts)
        manifests = {
            (image.name.repository, part.digest) for image in images for part in image.parts if part.is_manifest
        }
        drifts = tuple(self._drift(number, image) for number, image in enumerate(images))
        return Compared(drifts, len(manifests) + sum(map(len, places.values())), blobs.read_bytes)

    def _repository(self, path: str) -> Repository:
        return self._stores.repository(self._faults.host, path)

    def _drift(self, number: int, image: WantedImage) -> ImageDrift:
        path = image.name.repository
        of_parts = (self._faults.of_part((path, part.digest)) for part in image.parts)
        faults = (*self._faults.of_image(number), *(fault for fault in of_parts if fault is not None))
        trees = (self._trees[path, root] for root in _roots(image))
        return ImageDrift(image, faults, tuple(words for tree in trees for words in tree.unknown))

    # Tags

    def _ask_for_tags(self) -> None:
        images = self._wanted.images
        tagged = [number for number, image in enumerate(images) if image.name.tag is not None]
        with self._faults.phase(text("asking {target}", target=self._wanted.place), "asking", len(tagged)):
            if tagged:
                self._look_at_tag(tagged[0])  # alone: if the registry does not answer, one error is enough
            for number, error in ask_all(tagged[1:], self._look_at_tag, self._run):
                self._faults.note_own(number, PartFault(UNREAD, str(images[number].name), error))

    def _look_at_tag(self, number: int) -> None:
        image = self._wanted.images[number]
        name, tag = str(image.name), image.name.tag or ""
        try:
            found = self._faults.ask(partial(self._repository(image.name.repository).find, tag), name)
        except (Unreachable, Interrupted):
            raise
        except BundlerError as error:
            self._faults.note_own(number, PartFault(UNREAD, name, error))
        else:
            if found is None:
                self._faults.note_own(number, _lost(name))
            elif found.digest != image.root:
                self._faults.note_own(number, _moved(name, image.root, found.digest))
            else:
                with self._lock:
                    self._lengths[image.name.repository, found.digest] = found.size_bytes
        self._run.listener(Moved(1))

    # Manifests

    def _ask_for_manifests(self) -> None:
        known: dict[Key, Part] = {}
        roots: dict[Key, None] = {}
        for image in self._wanted.images:
            path = image.name.repository
            known.update({(path, part.digest): part for part in image.parts if part.is_manifest})
            roots.update(dict.fromkeys((path, root) for root in _roots(image)))
        asks: list[Callable[[], None]] = [partial(self._look_at_manifest, *each) for each in known.items()]
        asks += [partial(self._read_tree, root) for root in roots]

        def ask(each: Callable[[], None]) -> None:
            each()
            self._run.listener(Moved(1))

        with self._faults.phase("looking for manifests", "looking", len(asks)):
            ask_all(asks, ask, self._run)

    def _look_at_manifest(self, key: Key, part: Part) -> None:
        if self._is_deep:
            self._faults.tried(key, partial(self._manifest, key))
            return
        if self._lengths.get(key) == part.size_bytes:
            return  # its tag has just led to it
        called = self._faults.called(key)

        def look() -> None:
            found = self._faults.ask(partial(self._repository(key[0]).find, str(key[1])), called)
            if found is None:
                raise NotFound("the registry does not have it any more", subject=called)
            if found.size_bytes != part.size_bytes:
                self._manifest(key)  # some registries state another length; its digest decides

        self._faults.tried(key, look)

    def _manifest(self, key: Key) -> tuple[Descriptor, bytes]:
        """Reads a manifest, verified by its digest."""
        repository = self._repository(key[0])

        def read() -> tuple[Descriptor, bytes]:
            descriptor = repository.resolve(str(key[1]))
            return descriptor, repository.read_manifest(descriptor)

        return self._faults.ask(read, self._faults.called(key))

    def _read_tree(self, root: Key) -> None:
        """Reads the manifests from a root on."""
        path, parts, unknown = root[0], dict[Part, None](), list[str]()
        left, seen = [(root[1], 0)], {root[1]}
        while left:
            digest, depth = left.pop()
            found = self._faults.tried((path, digest), partial(self._parsed, (path, digest)))
            if found is None:
                parts[Part(digest, None, True)] = None
                unknown.append(text("{digest} cannot be read: what it lists is not known", digest=digest))
                continue
            parts[Part(digest, found.descriptor.size_bytes, True)] = None
            parts.update(dict.fromkeys(Part(blob.digest, blob.size_bytes) for blob in found.blobs if not blob.urls))
            below = [child.digest for child in found.children if child.digest not in seen and depth < INDEX_DEPTH]
            seen.update(below)
            left += [(child, depth + 1) for child in below]
        with self._lock:
            self._trees[root] = _Tree(tuple(parts), tuple(unknown))

    def _parsed(self, key: Key) -> Manifest:
        descriptor, content = self._manifest(key)
        return oci.parse_manifest(content, descriptor.media_type, what=self._faults.called(key), digest=key[1])

    def _with_trees(self, image: WantedImage) -> WantedImage:
        """An image of a receipt with the manifests that were read. If the receipt lists its blobs, these are all."""
        if image.is_known:
            return image
        read = [part for root in _roots(image) for part in self._trees[image.name.repository, root].parts]
        sizes = {part.digest: part.size_bytes for part in read}
        manifests = [part for part in read if part.is_manifest]
        listed = [replace(part, size_bytes=sizes.get(part.digest, part.size_bytes)) for part in image.parts]
        blobs = listed or [part for part in read if not part.is_manifest]
        return replace(image, parts=tuple(dict.fromkeys((*manifests, *blobs))))

    # Attachments

    def _ask_for_attachments(self) -> None:
        images = self._wanted.images
        numbers = [number for number, image in enumerate(images) if image.attached]
        with self._faults.phase("looking for attachments", "looking", len(numbers)):
            for number, error in ask_all(numbers, self._look_at_attached, self._run):
                self._faults.note_own(number, PartFault(UNREAD, str(images[number].name), error))

    def _look_at_attached(self, number: int) -> None:
        image = self._wanted.images[number]
        repository = self._repository(image.name.repository)
        by_subject: defaultdict[Digest, list[WantedAttachment]] = defaultdict(list)
        for each in image.attached:
            if each.tag:
                self._look_at_attachment_tag(number, repository, each)
            else:
                by_subject[each.subject].append(each)
        links = RegistryLinks(repository, self._run, self._faults.host)
        for subject, items in by_subject.items():
            listed = links.listed(subject, [each.digest for each in items])
            for each in items:
                if each.digest not in listed:
                    self._faults.note_own(number, _lost(f"{repository.name}@{subject} {each.kind} {each.digest}"))
        self._run.listener(Moved(1))

    def _look_at_attachment_tag(self, number: int, repository: Repository, each: WantedAttachment) -> None:
        name = f"{repository.name}:{each.tag}"
        found = self._faults.ask(partial(repository.find, each.tag), name)
        if found is None:
            self._faults.note_own(number, _lost(name))
        elif found.digest != each.digest and not each.is_kept and not self._has_more(repository.path, each, found):
            self._faults.note_own(number, _moved(name, each.digest, found.digest))

    def _has_more(self, path: str, each: WantedAttachment, found: Descriptor) -> bool:
        """True if the tag of an attachment has a manifest with all of its signatures: others have added some."""
        try:
            theirs, ours = self._manifest((path, found.digest))[1], self._manifest((path, each.digest))[1]
            return has_all_layers(theirs, ours, what=each.tag)
        except (NotFound, Damaged):
            return False


def _roots(image: WantedImage) -> Sequence[Digest]:
    """The manifests from which the parts of an image of a receipt are read; none if they are known."""
    if image.is_known:
        return ()
    return (image.root, *(each.digest for each in image.attached if not each.is_kept))


def _lost(name: str) -> PartFault:
    return PartFault(MISSING, name, problem("lost-at-registry", subject=name))


def _moved(name: str, wanted: Digest, found: Digest) -> PartFault:
    error = problem("moved-at-registry", subject=name, expected=str(wanted), actual=str(found))
    return PartFault(MOVED, name, error)
