"""Image lists, which name the images to carry: YAML or JSON with a name and options, or text with one image a line.

Every scalar of the YAML is read as the text that was written: ``tag: 1.10`` is not 1.1, ``on`` is not true.
Unknown and duplicate keys, aliases and tags are errors, each with its line. One run reports all errors of a list.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bundler import texts
from bundler.core.attachment_choice import AttachmentChoice
from bundler.core.bundle_name import check_bundle_name
from bundler.core.characters import trimmed
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import LIST_ERRORS
from bundler.core.list_line import parse_line
from bundler.core.location import Container, Location
from bundler.core.name_patterns import tag_pattern
from bundler.core.patterns import lazy_pattern
from bundler.core.platform import Platform
from bundler.core.reference import DEFAULT_REGISTRY, Reference, is_registry, names_registry, with_one_hub
from bundler.core.several import located, together
from bundler.core.strict_yaml import MappingNode, Node, ScalarNode, SequenceNode, YamlDocument
from bundler.core.tag_choice import BY_CREATED, BY_VERSION, TagChoice, read_since
from bundler.core.version_range import VersionRange
from bundler.errors import BundlerError, Damaged, Misuse

Value = TypeVar("Value")
ParseImage = Callable[[str], Location]
"""Reads the location of one image: `bundler.transports.parsing.parse_image`."""

_COMMENT = lazy_pattern(r"(^|\s)#.*", re.DOTALL)
_TOP_KEYS = ("name", "platforms", "attachments", "images")
_IMAGE_KEYS = ("image", "digest", "platforms", "attachments", "from")
_MANY_KEYS = ("repository", "tags", "platforms", "attachments")
_TAG_KEYS = ("match", "except", "semver", "newest", "by", "since")
_PATTERN = lazy_pattern(r"[*?\[]")
_REPOSITORY_PATTERN = lazy_pattern(r"[a-z0-9*?\[\]!._/-]{1,255}")
_NEWEST_AT_MOST = 10_000
_YAML = lazy_pattern(
    rf"---|%YAML|\{{|\[(?![0-9A-Fa-f:.]*\](?::\d+)?/)|['\"]?(?:{'|'.join(_TOP_KEYS)})['\"]?\s*:(?:\s|$)"
)
"""The first line of a YAML or JSON list. A host like ``[::1]:5000/app`` does not match."""

_BEFORE_BRACE = lazy_pattern(r"\A((?:[ \t]*\r?\n)*)[ \t]+(?=[\[{])")

_YAML_ITEM = lazy_pattern(r"\s*-\s+(?:\{|['\"]?[\w-]+['\"]?\s*:(?:\s|$))")
"""An item that is a mapping."""


@frozen
class Entry:
    """One image to carry.

    Attributes:
        reference: The name that the image gets in the bundle.
        source: The location that its bytes come from.
        pin: The digest that its tag must have at the source.
        platforms: The platforms to carry; empty for all.
        where: File and line of the entry, for messages.
        pinned_at: File and line of the pin, if it comes from another entry for the same image.
        attachments: The attachments to carry; None for those of the request.
    """

    reference: Reference
    source: Location
    pin: Digest | None = None
    platforms: tuple[Platform, ...] = ()
    where: str = ""
    pinned_at: str = ""
    attachments: AttachmentChoice | None = None


@frozen
class HeldImages:
    """One image, or all images, of an archive or a layout, under the names that they have there.

    Attributes:
        source: The archive or layout, with the name of the image if only one is chosen.
        pin: The digest that each image must have.
        platforms: The platforms to carry; empty for all.
        where: File and line of the entry, for messages.
        attachments: The attachments to carry; None for those of the request.
    """

    source: Container
    pin: Digest | None = None
    platforms: tuple[Platform, ...] = ()
    where: str = ""
    attachments: AttachmentChoice | None = None


@frozen
class ManyImages:
    """The images of repositories by their names and tags. The registry is asked for them when the export starts.

    Attributes:
        registry: The registry.
        repository: A repository, or a pattern of them; ``*`` means any characters.
        tags: The choice of the tags.
        platforms: The platforms to carry; empty for all.
        where: File and line of the entry, for messages.
        attachments: The attachments to carry; None for those of the request.
    """

    registry: str
    repository: str
    tags: TagChoice
    platforms: tuple[Platform, ...] = ()
    where: str = ""
    attachments: AttachmentChoice | None = None

    @property
    def is_pattern(self) -> bool:
        """True if the registry must be asked which repositories it has."""
        return bool(_PATTERN.search(self.repository))

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository} ({self.tags})"


@frozen
class NoImage:
    """A part of a list that is no image, or whose images are not known, so that nothing is carried for it.

    Attributes:
        where: File and line.
        what: Its name in the list: ``charts: shop 1.0``.
        why: The reason, or what to do for it: a message.
    """

    where: str
    what: str
    why: str


ListEntry = Entry | HeldImages | ManyImages
"""An entry of a list."""


@frozen
class ImageList:
    """The images of one or more lists.

    Attributes:
        name: The name of the bundle, if a list gives it.
        entries: The images.
        no_images: The parts that are no images.
    """

    name: str | None
    entries: tuple[ListEntry, ...]
    no_images: tuple[NoImage, ...] = ()


def parse_image_list(
    text: str, *, source: str, parse_image: ParseImage, platforms: tuple[Platform, ...] = ()
) -> ImageList:
    """Reads an image list of either form.

    Args:
        text: The whole list; a byte order mark and CRLF are allowed.
        source: The file's name, for messages.
        parse_image: Reads the location of one image.
        platforms: The platforms for images without a choice in the list or in their entry. An empty list there means
            all platforms.

    Raises:
        Misuse: The list is not valid. `Several` if there is more than one error.
    """
    text = unindented(text.removeprefix("\ufeff"))
    refuse_key(text, source)
    reader = (_YamlList if looks_like_yaml(text, source) else _TextList)(source, parse_image, platforms)
    result = reader.read(text)
    if reader.errors:
        raise together(
            texts.text("{source}: {count} errors in the image list", source=source, count=len(reader.errors)),
            reader.errors,
        )
    if not result.entries:
        raise Misuse(
            "the image list names no image", subject=source, hint="write one reference a line, or images: in YAML"
        )
    return result


def refuse_key(text: str, source: str) -> None:
    """Checks that a text is no key: the errors of a list would print each line of a private key.

    Raises:
        Misuse: It is one.
    """
    if "-----BEGIN" in text:
        raise Misuse("this is a key or a certificate, not an image list", subject=source)


def entry_of(
    location: Location, *, where: str, platforms: tuple[Platform, ...] = (), pin: Digest | None = None
) -> Entry | HeldImages:
    """An entry for a single image, or for the images of a file or layout.

    Raises:
        Misuse: The image has no full name at its location.
    """
    if location.container is not None:
        return HeldImages(location.container, pin, platforms, where)
    if location.own_name is None:
        raise nameless(location)
    return Entry(location.own_name, location, pin, platforms, where)


def _name_of(location: Location) -> Reference:
    """The name that a list gives to an image.

    Raises:
        Misuse: The list has a location in its place.
    """
    if location.reference is None:
        raise Misuse("a name is expected, not a location", subject=str(location), hint="write registry/repository:tag")
    return location.reference


def nameless(location: Location) -> Misuse:
    """The error for an image that has no full name at its location."""
    return Misuse(
        "this image has no full name",
        subject=str(location),
        hint=texts.text("name it in a list: {{image: NAME, from: {location}}}", location=location),
    )


def looks_like_yaml(text: str, source: str) -> bool:
    """True for a text that is a list in YAML or JSON, by the file's name or its first line."""
    if source.lower().endswith((".yaml", ".yml", ".json")):
        return True
    first = next((line for _, line in content_lines(text)), "")
    if bool(_YAML.match(first)):
        return True
    return first.startswith("-") and any(_YAML_ITEM.match(line) for _, line in content_lines(text))


def unindented(text: str) -> str:
    """A text without spaces and tabs in front of its first brace or bracket: JSON allows both, and YAML no tab."""
    return _BEFORE_BRACE.sub(r"\1", text, count=1)


def content_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines that are neither empty nor a comment, with their numbers. A list of millions takes no memory."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.removesuffix("\n")


def _written(text: str, parse_image: ParseImage, *, where: str, platforms: tuple[Platform, ...]) -> Entry | HeldImages:
    """An entry for one image, in one of the forms that `parse_line` reads.

    Raises:
        Misuse: The text has none of these forms.
    """
    line = parse_line(text)
    image = parse_image(line.image)
    if line.source is None:
        return entry_of(image, where=where, platforms=platforms)
    return Entry(_name_of(image), parse_image(line.source), None, platforms, where)


def _newest(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:10]) <= _NEWEST_AT_MOST:
        raise Misuse("newest: must be a number from 1 on", subject=repr(text[:40]))
    return int(text)


def _order(text: str) -> str:
    order = {"semver": BY_VERSION}.get(text, text)
    if order not in (BY_VERSION, BY_CREATED):
        raise Misuse("by: must be version or created", subject=repr(text[:40]))
    return order


class _TextList:
    """Reads the text form: one reference a line; ``#`` begins a comment."""

    def __init__(self, source: str, parse_image: ParseImage, platforms: tuple[Platform, ...]) -> None:
        self.source = source
        self._parse_image = parse_image
        self._platforms = platforms
        self.errors: list[BundlerError] = []

    def read(self, text: str) -> ImageList:
        entries: dict[Entry | HeldImages, Entry | HeldImages] = {}
        for number, line in content_lines(text):
            written = trimmed(_COMMENT.sub("", line))
            if not written:
                continue
            where = f"{self.source}:{number}"
            try:
                entry = _written(written, self._parse_image, where=where, platforms=self._platforms)
            except Misuse as error:
                self.errors.append(located(error, where))
                if len(self.errors) >= LIST_ERRORS:
                    break
                continue
            entries.setdefault(replace(entry, where=""), entry)
        return ImageList(None, tuple(entries.values()))


_FORM = texts.text("an image list must be a mapping with name: and images:, or a list of references")

_OTHER_KINDS = texts.text(
    "if it is a list of another tool, docs/lists.md has the kinds; of a chart, give the output: helm template NAME "
    "CHART | bundler images -"
)


class _YamlList:
    """Reads the YAML form."""

    def __init__(self, source: str, parse_image: ParseImage, platforms: tuple[Platform, ...]) -> None:
        self._parse_image = parse_image
        self._defaults = platforms
        self._yaml = YamlDocument(source, what=texts.text("image lists"))
        self.errors = self._yaml.errors

    def read(self, text: str) -> ImageList:
        root = self._yaml.root(text, _FORM)
        if isinstance(root, SequenceNode):
            return ImageList(None, tuple(self._entries(root, self._defaults)))
        if root is None:
            return ImageList(None, ())
        top = self._yaml.mapping(root, _TOP_KEYS)
        name = self._name(top.get("name"))
        platforms = self._platforms(top["platforms"]) if "platforms" in top else self._defaults
        attachments = self._attachments(top.get("attachments"))
        if "images" not in top:
            self._yaml.error(root, "images: is missing", _OTHER_KINDS)
        entries = self._entries(top.get("images"), platforms)
        return ImageList(
            name,
            tuple(entry if entry.attachments else replace(entry, attachments=attachments) for entry in entries),
        )

    def _entries(self, node: Node | None, defaults: tuple[Platform, ...]) -> Iterator[ListEntry]:
        if node is None:
            return
        if not isinstance(node, SequenceNode):
            self._yaml.error(node, "images: must be a list of references")
            return
        for item in node.value:
            if len(self.errors) >= LIST_ERRORS:
                return
            entry = self._yaml.collected(item, partial(self._entry, item, defaults))
            if entry is not None:
                yield entry

    def _entry(self, node: Node, defaults: tuple[Platform, ...]) -> ListEntry | None:
        where = self._yaml.where(node)
        if isinstance(node, MappingNode) and any(key.value == "repository" for key, _ in node.value):
            return self._many(node, defaults)
        if isinstance(node, ScalarNode):
            return _written(self._yaml.text(node), self._parse_image, where=where, platforms=defaults)
        if not isinstance(node, MappingNode):
            self._yaml.error(node, "an image must be a reference, or a mapping with image:")
            return None
        before = len(self.errors)
        fields = self._yaml.mapping(node, _IMAGE_KEYS)
        if "image" not in fields and len(self.errors) == before:
            self._yaml.error(node, "image: is missing")
        if len(self.errors) > before:
            return None
        named = self._yaml.text(fields["image"])
        pin = self._pin(fields.get("digest"))
        platforms = self._platforms(fields["platforms"]) if "platforms" in fields else defaults
        attachments = self._attachments(fields.get("attachments"))
        if len(self.errors) > before:
            return None
        if "from" in fields:
            source = self._parse_image(self._yaml.text(fields["from"]))
            entry: Entry | HeldImages = Entry(_name_of(self._parse_image(named)), source, pin, platforms, where)
        else:
            entry = entry_of(self._parse_image(named), where=where, platforms=platforms, pin=pin)
        if isinstance(entry, Entry) and pin and entry.reference.digest not in (None, pin):
            self._yaml.error(node, "image: and digest: name different digests", "remove one of them")
            return None
        return replace(entry, attachments=attachments)

    def _many(self, node: MappingNode, defaults: tuple[Platform, ...]) -> ManyImages | None:
        before = len(self.errors)
        fields = self._yaml.mapping(node, _MANY_KEYS)
        if len(self.errors) > before:
            return None
        registry, _, repository = self._yaml.text(fields["repository"]).removeprefix("docker://").partition("/")
        is_known = is_registry(registry) and names_registry(registry) and _REPOSITORY_PATTERN.fullmatch(repository)
        if not is_known or "//" in repository or repository.endswith("/"):
            self._yaml.error(
                fields["repository"],
                "not a registry with a repository or a pattern",
                "write repository: HOST/team/app, or HOST/team/*, without a tag",
            )
        tags = self._tags(fields.get("tags"))
        platforms = self._platforms(fields["platforms"]) if "platforms" in fields else defaults
        attachments = self._attachments(fields.get("attachments"))
        if len(self.errors) > before:
            return None
        registry = with_one_hub(registry)
        if registry == DEFAULT_REGISTRY and "/" not in repository:
            repository = f"library/{repository}"
        return ManyImages(registry, repository, tags, platforms, self._yaml.where(node), attachments)

    def _tags(self, node: Node | None) -> TagChoice:
        if node is None:
            return TagChoice()
        if not isinstance(node, MappingNode):
            return TagChoice(match=self._patterns(node))
        fields = self._yaml.mapping(node, _TAG_KEYS)

        def read(key: str, parse: Callable[[str], Value]) -> Value | None:
            field = fields.get(key)
            return None if field is None else self._yaml.collected(field, lambda: parse(self._yaml.text(field)))

        return TagChoice(
            match=self._patterns(fields.get("match")),
            without=self._patterns(fields.get("except")),
            versions=read("semver", VersionRange.parse),
            newest=read("newest", _newest),
            by=read("by", _order) or BY_VERSION,
            since=read("since", read_since) or "",
        )

    def _patterns(self, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        parts = node.value if isinstance(node, SequenceNode) else [node]
        found = (self._yaml.collected(part, partial(self._pattern, part)) for part in parts)
        return tuple(pattern for pattern in found if pattern is not None)

    def _pattern(self, node: Node) -> str:
        return tag_pattern(self._yaml.text(node))

    def _name(self, node: Node | None) -> str | None:
        if node is None:
            return None
        return self._yaml.collected(node, lambda: check_bundle_name(self._yaml.text(node)))

    def _pin(self, node: Node | None) -> Digest | None:
        if node is None:
            return None
        try:
            return Digest.parse(self._yaml.text(node))
        except Damaged as error:
            self._yaml.error(
                node,
                texts.text("{reason}: {actual}", reason=error.message, actual=error.actual),
                texts.text("write {expected}", expected=error.expected),
            )
            return None

    def _attachments(self, node: Node | None) -> AttachmentChoice | None:
        if node is None:
            return None
        parts = node.value if isinstance(node, SequenceNode) else [node]
        return self._yaml.collected(node, lambda: AttachmentChoice.parse(map(self._yaml.text, parts)))

    def _platforms(self, node: Node) -> tuple[Platform, ...]:
        if not isinstance(node, SequenceNode):
            self._yaml.error(node, "platforms: must be a list", "write [linux/amd64, linux/arm64]")
            return ()
        found = (self._yaml.collected(item, partial(self._platform, item)) for item in node.value)
        return tuple(dict.fromkeys(platform for platform in found if platform is not None))

    def _platform(self, node: Node) -> Platform:
        return Platform.parse(self._yaml.text(node))
