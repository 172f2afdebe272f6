"""Compose files (Compose Specification): the images of all services, of all profiles.

``extends`` and ``include`` are followed to files next to the list. Variables get their values from ``--set``, then from
the file ``.env``; the environment is not asked, see `bundler.lists.found.Surroundings`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping as Values
from typing import NamedTuple

from bundler.core.limits import LIST_FILES, LIST_FILES_CHARACTERS
from bundler.core.several import located
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar, documents
from bundler.errors import Misuse
from bundler.lists.compose_variables import dotenv, expanded
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_EXTENDS = 20
"""Services that extend each other in a chain."""

_BUILT = text("built by Compose: push it to a registry, or name it in a list with from: docker-daemon:NAME")
_PROVIDER = text("a provider runs it, not an image")
_MODEL = text("a model, which a runner of models fetches")
_REMOTE = text("in another place: give this file too")


def knows(root: Node) -> bool:
    """True for a mapping with services, or one that only includes other files."""
    if not isinstance(root, Mapping) or root.get("apiVersion") is not None:
        return False
    return isinstance(root.get("services"), Mapping) or (root.get("include") is not None and root.get("images") is None)


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of all services."""
    files = _Files(document.source, surroundings)
    content = surroundings.read(".env")
    variables = dotenv(content, surroundings.variables) if content is not None else surroundings.variables
    yield from _Project(files, variables, "").read([_File(document, "")])


class _File(NamedTuple):
    """A file of a project, and its path from the folder of the list."""

    document: Document
    path: str


class _Files:
    """The other files, each read once, and not too many."""

    def __init__(self, source: str, surroundings: Surroundings) -> None:
        self._source = source
        self._read = surroundings.read
        self._known: dict[str, str | None] = {}
        self._documents: dict[str, Document] = {}
        self._services: dict[str, dict[str, Node]] = {}
        self._characters = self._characters_of_variables = 0
        self._included: set[object] = set()

    def is_new(self, include: object) -> bool:
        """True the first time that these files are included."""
        is_new = include not in self._included
        self._included.add(include)
        return is_new

    def text(self, path: str) -> str | None:
        """The text of a file; None if there is none.

        Raises:
            Misuse: There are too many files.
        """
        path = posixpath.normpath(path)
        if path not in self._known:
            content = self._read(path) if len(self._known) < LIST_FILES else ""
            self._characters += len(content or "")
            if len(self._known) >= LIST_FILES or self._characters > LIST_FILES_CHARACTERS:
                raise Misuse("the list includes too many files, or too large ones", subject=path[:200])
            self._known[path] = content
        return self._known[path]

    def document(self, path: str, *, named: Document, at: Node) -> _File:
        """A file that another one names.

        Raises:
            Misuse: There is no such file, or it is no Compose file.
        """
        content = self.text(path)
        if content is None:
            raise Misuse("there is no such file", subject=f"{named.where(at)}: {path[:200]}")
        path = posixpath.normpath(path)
        if path not in self._documents:
            source = _next_to(self._source, path)
            first = next(documents(content.removeprefix("\ufeff"), source=source), None)
            if first is None:
                raise Misuse("there is nothing in this file", subject=f"{named.where(at)}: {path[:200]}")
            self._documents[path] = first
        return _File(self._documents[path], path)

    def variables(self, path: str, known: Values[str, str]) -> Values[str, str]:
        """Some variables, and those of a file, if there is one.

        Raises:
            Misuse: Such files are read too often.
        """
        content = self.text(path)
        if content is None:
            return known
        self._characters_of_variables += len(content)
        if self._characters_of_variables > LIST_FILES_CHARACTERS:
            raise Misuse("the list includes too many files, or too large ones", subject=path[:200])
        return dotenv(content, known)

    def service(self, file: _File, name: str) -> Node | None:
        """A service of a file; None if there is none."""
        if file.path not in self._services:
            services = file.document.mapping(file.document.mapping(file.document.root).get("services"))
            self._services[file.path] = services.all()
        return self._services[file.path].get(name)


class _Project:
    """The files that together are one project: a list, or what one entry of ``include`` names."""

    def __init__(self, files: _Files, variables: Values[str, str], folder: str, depth: int = 0) -> None:
        self._files = files
        self._variables = variables
        self._folder = folder
        self._depth = depth

    def read(self, files: list[_File]) -> Iterator[Item]:
        services: dict[str, list[tuple[_File, Mapping]]] = {}
        for file in files:
            root = file.document.mapping(file.document.root)
            for include in self._includes(file, root):
                yield from self._included(file, include)
            for name, service in file.document.mapping(root.get("services")).pairs:
                services.setdefault(name.text, []).append((file, file.document.mapping(service)))
            for name, _ in file.document.mapping(root.get("models")).pairs:
                yield left(file.document, name, f"models: {name.text}", _MODEL)
        for called, parts in services.items():
            yield from self._service(called, parts)

    def _service(self, name: str, parts: list[tuple[_File, Mapping]]) -> Iterator[Item]:
        """Yields the image of a service. Of several files, a later one wins over an earlier one."""
        file, service = parts[-1]
        profiles = [each.text for each in file.document.scalars(service.get("profiles"))]
        path = f"service {name}" + (f" (profile {', '.join(profiles)})" if profiles else "")
        images = (self._image(each, part, 0) for each, part in reversed(parts))
        image = next((found for found in images if found is not None), None)
        is_built = any(part.get("build") is not None for _, part in parts)
        if image is not None:
            document, scalar = image
            note = text("Compose can build it too: its registry must have it") if is_built else ""
            yield from self._found(document, scalar, path, note)
        elif service.get("provider") is not None:
            yield left(file.document, service, path, _PROVIDER)
        elif is_built or any(self._extended_is_built(*part) for part in parts):
            yield left(file.document, service, path, _BUILT)
        else:
            yield Misuse("a service without image: and build:", subject=f"{file.document.where(service)}: {name[:80]}")
        for each, part in parts:
            volumes = part.get("volumes")
            for volume in getattr(volumes, "nodes", []):
                source = volume.get("source") if isinstance(volume, Mapping) else None
                if isinstance(source, Scalar) and each.document.text(volume.get("type")) == "image":
                    yield from self._found(each.document, source, f"{path}: volumes", "")

    def _found(self, document: Document, scalar: Scalar, path: str, note: str) -> Iterator[Item]:
        where = document.where(scalar)
        try:
            yield Found(expanded(scalar.text, self._variables), where, path, note=note)
        except Misuse as error:
            yield located(error, where)

    def _image(self, file: _File, service: Mapping, depth: int) -> tuple[Document, Scalar] | None:
        """The image of a service, or of the service that it extends.

        Raises:
            Misuse: The other service cannot be found.
        """
        image = file.document.scalar(service.get("image"))
        if image is not None:
            return file.document, image
        extended = self._extended(file, service, depth)
        return self._image(*extended, depth + 1) if extended is not None else None

    def _extended_is_built(self, file: _File, service: Mapping, depth: int = 0) -> bool:
        extended = self._extended(file, service, depth)
        if extended is None:
            return False
        return extended[1].get("build") is not None or self._extended_is_built(*extended, depth + 1)

    def _extended(self, file: _File, service: Mapping, depth: int) -> tuple[_File, Mapping] | None:
        node = service.get("extends")
        if node is None:
            return None
        document = file.document
        if depth >= _EXTENDS:
            raise Misuse("the services extend each other in a circle", subject=document.where(node))
        if isinstance(node, Mapping):
            name, path = document.text(node.get("service")), document.scalar(node.get("file"))
        else:
            name, path = document.text(node), None
        if path is not None:
            target = posixpath.join(posixpath.dirname(file.path), self._expanded(document, path))
            file = self._files.document(target, named=document, at=path)
        found = self._files.service(file, name)
        if found is None:
            raise Misuse(
                text("there is no service {name} to extend", name=repr(name[:80])), subject=document.where(node)
            )
        return file, file.document.mapping(found)

    def _includes(self, file: _File, root: Mapping) -> list[Node]:
        node = root.get("include")
        return [node] if isinstance(node, Scalar) else file.document.sequence(node)

    def _included(self, file: _File, include: Node) -> Iterator[Item]:
        """Yields the images of an entry of ``include``: one file, or several that are one project."""
        document = file.document
        path = include.get("path") if isinstance(include, Mapping) else include
        paths = [path] if isinstance(path, Scalar) else document.scalars(path)
        if self._depth >= _EXTENDS:
            yield Misuse("the files include each other too deeply", subject=document.where(include))
            return
        here = posixpath.dirname(file.path)
        names = [self._expanded(document, each) for each in paths]
        if any("://" in name or name.startswith("git@") for name in names):
            yield left(document, include, f"include: {', '.join(names)[:200]}", _REMOTE)
            return
        targets = [posixpath.join(here, name) for name in names]
        folder = posixpath.dirname(targets[0]) if targets else here
        given = include if isinstance(include, Mapping) else Mapping(0, [])
        if (other := document.scalar(given.get("project_directory"))) is not None:
            folder = posixpath.join(here, self._expanded(document, other))
        env = given.get("env_file")
        env_files = [env] if isinstance(env, Scalar) else document.scalars(env)
        variables = self._variables
        named = [posixpath.join(here, self._expanded(document, each)) for each in env_files]
        for name in named or [posixpath.join(folder, ".env")]:
            variables = self._files.variables(name, variables)
        if not self._files.is_new((tuple(targets), tuple(named))):
            return
        files = [self._files.document(target, named=document, at=include) for target in targets]
        yield from _Project(self._files, variables, folder, self._depth + 1).read(files)

    def _expanded(self, document: Document, node: Scalar) -> str:
        try:
            return expanded(node.text, self._variables)
        except Misuse as error:
            raise located(error, document.where(node)) from error


def _next_to(source: str, path: str) -> str:
    """The name of a file next to another one, for messages."""
    return posixpath.join(posixpath.dirname(source), path)
