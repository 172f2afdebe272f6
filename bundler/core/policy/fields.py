"""Reads a policy's JSON strictly: every field has one type, unknown fields are errors, each error names its field."""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from bundler.core import strict_json
from bundler.core.frozen import frozen
from bundler.core.limits import POLICY_BYTES, POLICY_CONTAINERS, POLICY_REQUIREMENTS
from bundler.errors import Damaged, Misuse
from bundler.texts import text

Value = TypeVar("Value")


@frozen
class Field:
    """A value of the document, with its path for errors: ``policy.json: transports.docker["a.example"][0].keyPath``."""

    value: Any
    path: str
    source: str

    def invalid(self, message: str, *, expected: str | None = None, hint: str | None = None) -> Misuse:
        """The error for this field."""
        shown = None if expected is None else repr(self.value)[:80]
        subject = f"{self.source}: {self.path}" if self.path else self.source
        return Misuse(message, subject=subject, expected=expected, actual=shown, hint=hint, code="bad-policy")

    def object(self, known: Collection[str], *, required: Collection[str] = ()) -> Mapping[str, Field]:
        """The fields of an object.

        Raises:
            Misuse: It is no object, has an unknown field, or lacks a required one.
        """
        fields = self.mapping()
        for name, field in fields.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = text("did you mean {name}?", name=close[0]) if close else None
                raise field.invalid("unknown field", hint=hint)
        for name in required:
            if name not in fields:
                raise self.invalid(text("the field {name} is missing", name=name))
        return fields

    def mapping(self) -> Mapping[str, Field]:
        """The fields of an object whose names are free.

        Raises:
            Misuse: It is no object.
        """
        if not isinstance(self.value, dict):
            raise self.invalid("the wrong type", expected=text("an object"))
        return {name: Field(value, _joined(self.path, name), self.source) for name, value in self.value.items()}

    def items(self) -> list[Field]:
        """The entries of a list that is not empty.

        Raises:
            Misuse: It is no list, is empty, or is too long.
        """
        if not isinstance(self.value, list):
            raise self.invalid("the wrong type", expected=text("a list"))
        if not self.value:
            raise self.invalid("the list is empty")
        if len(self.value) > POLICY_REQUIREMENTS:
            raise self.invalid(text("the list has more than {count} entries", count=POLICY_REQUIREMENTS))
        return [Field(value, f"{self.path}[{n}]", self.source) for n, value in enumerate(self.value)]

    def text(self) -> str:
        """A text that is not empty.

        Raises:
            Misuse: It is none.
        """
        if not isinstance(self.value, str) or not self.value:
            raise self.invalid("the wrong type", expected=text("a text that is not empty"))
        return self.value

    def data(self) -> bytes:
        """The bytes of a text in base64.

        Raises:
            Misuse: It is no base64, or empty.
        """
        try:
            found = base64.b64decode(self.text(), validate=True)
        except ValueError as error:
            raise self.invalid("not base64") from error
        if not found:
            raise self.invalid("the wrong type", expected=text("a text that is not empty"))
        return found

    def read(self, parse: Callable[[str], Value | None], *, expected: str) -> Value:
        """The value of a text.

        Args:
            parse: Returns the value; None if the text is not valid.
            expected: The form of the text.

        Raises:
            Misuse: It is not valid.
        """
        found = parse(self.text())
        if found is None:
            raise self.invalid("not a valid value", expected=expected)
        return found


def parse_document(content: bytes, *, source: str) -> Field:
    """Reads a file of JSON.

    Raises:
        Misuse: It is too large or not strict JSON: duplicate names, comments, or too much nesting.
    """
    whole = Field(None, "", source)
    if len(content) > POLICY_BYTES:
        raise whole.invalid(text("the policy has more than {count:,} bytes", count=POLICY_BYTES))
    try:
        return Field(strict_json.loads(content, what=source, containers=POLICY_CONTAINERS), "", source)
    except Damaged as error:
        raise whole.invalid(error.message, hint="a policy is strict JSON, without comments") from error


def _joined(path: str, name: str) -> str:
    if name.isidentifier():
        return f"{path}.{name}" if path else name
    return f'{path}["{name[:200]}"]'
