"""Messages that remember their templates and values, so that views can show them in another language.

A message is an English text. `Text` is that text, with its template and the values in it: errors, events and reports
carry it like any other string, and `bundler.views.languages` looks the template up. A message without values needs none
of this, because it is its own template; inside another message it is wrapped, to be distinct from a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType


class Text(str):
    """An English message with its template and values. It is equal to, and serves as, the plain string.

    Attributes:
        template: With the names of the values in braces, as `str.format` has them.
        values: By name: numbers, names, and other messages, which are translated too.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object] | None = None) -> Text:
        """The message. A template without values is the message itself, braces included."""
        made = super().__new__(cls, template.format_map(values) if values else template)
        made.template = template
        made.values = MappingProxyType(dict(values or {}))
        return made

    def changed(self, change: Callable[[str], str]) -> Text:
        """The same message with each name in it changed."""
        return Text(self.template, {name: _changed(value, change) for name, value in self.values.items()})

    def __reduce__(self) -> tuple[type[Text], tuple[str, dict[str, object]]]:
        """For copies."""
        return Text, (self.template, dict(self.values))


def _changed(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, Text):
        return value.changed(change)
    return change(value) if isinstance(value, str) else value


class Joined(Text):
    """Messages one after the other, with a separator between."""

    __slots__ = ("parts", "separator")
    parts: tuple[str, ...]
    separator: str

    @classmethod
    def of(cls, parts: Iterable[str], separator: str) -> Joined:
        """Joins them."""
        parts = tuple(map(as_text, parts))
        made = cls(separator.join(parts))
        made.parts, made.separator = parts, separator
        return made

    def changed(self, change: Callable[[str], str]) -> Text:
        """Each of them with its names changed."""
        return Joined.of((as_text(part).changed(change) for part in self.parts), self.separator)


def text(template: str, /, **values: object) -> Text:
    """A message.

    >>> text("{count:,} of {total:,} images", count=2, total=1200)
    '2 of 1,200 images'
    """
    return Text(template, values)


def counted(count: int, one: str, many: str, /, **values: object) -> Text:
    """A message about a number, ``count``, in one of two forms.

    >>> counted(1, "{count} image", "{count} images")
    '1 image'
    """
    return Text(one if count == 1 else many, {"count": count, **values})


def joined(parts: Iterable[str], separator: str = "; ") -> Text:
    """Several messages as one."""
    return Joined.of(parts, separator)


def some(names: Iterable[str], *, most: int = 6) -> Text:
    """The first of many names, and how many more there are."""
    names = tuple(names)
    shown = ", ".join(names[:most])
    if len(names) <= most:
        return text("{names}", names=shown)
    return text("{names} and {count:,} more", names=shown, count=len(names) - most)


def first_of(messages: Sequence[str], most: int) -> Text:
    """The first of many messages as one, and how many more there are."""
    more = len(messages) - most
    shown = [*messages[:most], *([text("and {count:,} more", count=more)] if more > 0 else [])]
    return joined(shown)


def as_text(message: str) -> Text:
    """A message as one that remembers its template; a plain string is its own."""
    return message if isinstance(message, Text) else Text(message)
