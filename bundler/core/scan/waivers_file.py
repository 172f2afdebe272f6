"""Reads a file of waivers, YAML. It is a module of its own, so that an import loads no YAML.

::

    waivers:
      - id: CVE-2023-4911
        reason: the image runs no setuid program
        expires: 2026-12-31
        who: a.rossi@example.org
        object: quay.io/team/*        # optional
        scanner: trivy                # optional
"""

from __future__ import annotations

from functools import partial

from bundler import texts
from bundler.core.limits import SCAN_WAIVERS
from bundler.core.scan.record import line
from bundler.core.scan.waivers import Waiver
from bundler.core.several import together
from bundler.core.strict_yaml import MappingNode, Node, SequenceNode, YamlDocument
from bundler.errors import Misuse

_NEEDED = ("id", "reason", "expires", "who")
_KEYS = (*_NEEDED, "object", "scanner")


def parse_waivers(text: str, *, source: str) -> tuple[Waiver, ...]:
    """Reads a file of waivers.

    Args:
        text: The whole file.
        source: Its name, for messages.

    Raises:
        Misuse: The file is not valid. `Several` if there is more than one error.
    """
    reader = _Reader(source)
    waivers = reader.read(text.removeprefix("\ufeff"))
    if reader.errors:
        raise together(
            texts.text("{source}: {count} errors in the waivers", source=source, count=len(reader.errors)),
            reader.errors,
        )
    return waivers


class _Reader:
    def __init__(self, source: str) -> None:
        self._yaml = YamlDocument(source, what=texts.text("waivers"))
        self.errors = self._yaml.errors

    def read(self, text: str) -> tuple[Waiver, ...]:
        root = self._yaml.compose(text, texts.text("the file must be a mapping with waivers:"))
        if root is None:
            return ()
        listed = self._yaml.mapping(root, ("waivers",)).get("waivers")
        if not isinstance(listed, SequenceNode):
            self._yaml.error(listed or root, texts.text("waivers: must be a list, each with {keys}", keys=_keys()))
            return ()
        if len(listed.value) > SCAN_WAIVERS:
            self._yaml.error(listed, texts.text("more than {count:,} waivers", count=SCAN_WAIVERS))
            return ()
        found: dict[Waiver, None] = {}
        for node in listed.value:
            waiver = self._yaml.collected(node, partial(self._waiver, node))
            if waiver is None:
                continue
            if waiver in found:
                self._yaml.error(node, "this waiver is there twice")
            found[waiver] = None
        return tuple(found)

    def _waiver(self, node: Node) -> Waiver | None:
        if not isinstance(node, MappingNode):
            self._yaml.error(node, texts.text("a waiver must be a mapping with {keys}", keys=_keys()))
            return None
        fields = self._yaml.mapping(node, _KEYS)
        values = {key: self._yaml.collected(value, partial(self._line, value)) for key, value in fields.items()}
        missing = [key for key in (*_NEEDED, *fields) if not values.get(key)]  # an empty object: would be all of them
        if missing:
            if not any(value is None for value in values.values()):
                self._yaml.error(node, texts.text("{key}: is missing", key=missing[0]))
            return None
        waiver = Waiver(**{key: value for key, value in values.items() if value is not None})
        try:
            waiver.check()
        except ValueError as error:
            raise Misuse(texts.text("not a waiver: {error}", error=error)) from error
        return waiver

    def _line(self, node: Node) -> str:
        try:
            return line(self._yaml.text(node))
        except ValueError as error:
            raise Misuse(texts.text("{error}", error=error)) from error


def _keys() -> str:
    return ", ".join(f"{key}:" for key in _NEEDED)
