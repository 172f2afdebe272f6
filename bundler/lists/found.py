"""The values that the readers of lists yield."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bundler.core.image_list import ManyImages, NoImage
from bundler.core.reference import Reference
from bundler.core.several import located
from bundler.core.yaml_documents import Document, Node
from bundler.errors import Misuse

__all__ = ["NO_SURROUNDINGS", "Found", "Item", "NoImage", "ReadDocument", "Surroundings"]


class Found(NamedTuple):
    """An image in a list.

    Attributes:
        image: The reference as the list has it.
        where: File and line.
        path: The place in the document: ``Deployment web: spec.template.spec.containers[0].image``.
        name: The name that the image gets in the bundle, if the list gives it another one.
        source: The location of its bytes, if that is not the registry of its name.
        pin: The digest that it must have.
        platforms: The platforms that the list asks for; empty for all.
        note: A remark for people, a message; empty if there is none.
    """

    image: str
    where: str
    path: str
    name: str = ""
    source: str = ""
    pin: str = ""
    platforms: tuple[str, ...] = ()
    note: str = ""


Item = Found | ManyImages | NoImage | Misuse


class Surroundings(NamedTuple):
    """The files and values that a list may refer to.

    Attributes:
        read: Returns the text of a file by its path from the folder of the list; None if there is no such file.
        variables: The values of its variables. The environment is not among them: a list of a stranger could send a
            secret from there to a registry, as a part of a name.
    """

    read: Callable[[str], str | None]
    variables: Mapping[str, str]


NO_SURROUNDINGS = Surroundings(lambda _: None, {})

ReadDocument = Callable[[Document, Surroundings], Iterator[Item]]
"""Reads one document of a kind."""


def reference_at(document: Document, node: Node, written: str) -> Reference:
    """The reference that a document has at a node.

    Raises:
        Misuse: It is none; the error has the line.
    """
    try:
        return Reference.parse(written)
    except Misuse as error:
        raise located(error, document.where(node)) from error


def left(document: Document, node: Node, what: str, why: str) -> NoImage:
    """A part of a document that is no image.

    Args:
        document: The document.
        node: The part.
        what: Its name for people, not translated: ``charts: shop 1.0``.
        why: A message.
    """
    return NoImage(document.where(node), what, why)
