"""Variables of Compose files: ``$NAME``, ``${NAME:-default}`` and the other forms, and the file ``.env``.

It follows "Interpolation" of the Compose Specification. One thing differs: a variable without a value and without a
default is an error, because an image with an empty part of its name is not the one that was meant.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from bundler.core.limits import VARIABLE_CHARACTERS
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.texts import text

_PLAIN = lazy_pattern(r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*))")
_OPERATOR = lazy_pattern(r":?[-?+]")
_ASSIGNMENT = lazy_pattern(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*[=:]\s*(?P<value>.*)")
_COMMENT = lazy_pattern(r"\s+#.*")
_DEPTH = 20
_ENV_LINES = 10_000


def expanded(given: str, variables: Mapping[str, str]) -> str:
    """A text with its variables replaced.

    Raises:
        Misuse: A variable has no value, or the text has another form.
    """
    if "$" not in given:
        return given
    return _Reader(given, variables).until("", 0)


def dotenv(content: str, known: Mapping[str, str]) -> dict[str, str]:
    """The variables of a ``.env`` file.

    Args:
        content: The file.
        known: Variables that its values may use, and that win over those of the file.

    Raises:
        Misuse: A value uses a variable without a value.
    """
    found: dict[str, str] = {}
    all_of_them = ChainMap(dict(known), found)
    for line in content.splitlines()[:_ENV_LINES]:
        match = _ASSIGNMENT.fullmatch(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        value, quote = match["value"].strip(), match["value"].strip()[:1]
        end = value.find(quote, 1) if quote in ("'", '"') else 0
        value = value[1:end] if end > 0 else _COMMENT.sub("", value)
        found[match["name"]] = value if quote == "'" else expanded(value, all_of_them)
    return {**found, **known}


class _Reader:
    """Reads a text from left to right. A default may have variables too, so it recurses, to a small depth."""

    def __init__(self, given: str, variables: Mapping[str, str]) -> None:
        self._given = given
        self._variables = variables
        self._at = 0

    def until(self, end: str, depth: int) -> str:
        """Reads up to a character, or to the end of the text.

        Raises:
            Misuse: A variable has no value, or the text has another form.
        """
        if depth > _DEPTH:
            raise self._invalid()
        read: list[str] = []
        length = 0
        while self._at < len(self._given):
            character = self._given[self._at]
            if end and character == end:
                break
            part = self._variable(depth) if character == "$" else self._plain(end)
            read.append(part)
            length += len(part)
            if length > VARIABLE_CHARACTERS:
                raise Misuse("too long with the values of its variables")
        return "".join(read)

    def _plain(self, end: str) -> str:
        begin = self._at
        while self._at < len(self._given) and self._given[self._at] not in f"${end}":
            self._at += 1
        return self._given[begin : self._at]

    def _variable(self, depth: int) -> str:
        match = _PLAIN.match(self._given, self._at)
        if match is None:
            raise self._invalid()
        self._at = match.end()
        if match["dollar"]:
            return "$"
        if match["name"]:
            return self._value(match["name"])
        name, value = match["braced"], self._variables.get(match["braced"])
        operator = _OPERATOR.match(self._given, self._at)
        alternative = ""
        if operator is not None:
            self._at = operator.end()
            alternative = self._alternative(name, value, operator[0], depth)
        if self._given[self._at : self._at + 1] != "}":
            raise self._invalid()
        self._at += 1
        return self._value(name) if operator is None else alternative

    def _alternative(self, name: str, value: str | None, operator: str, depth: int) -> str:
        """The value of ``${NAME:-default}``, ``${NAME-default}``, ``${NAME:?error}``, ``${NAME:+instead}`` …"""
        is_set = value is not None and (bool(value) or not operator.startswith(":"))
        begin = self._at
        needs_other = is_set if operator.endswith("+") else not is_set
        if needs_other and not operator.endswith("?"):
            return self.until("}", depth + 1)
        self._skip()
        if operator.endswith("?") and not is_set:
            raise self._unset(name, self._given[begin : self._at])
        return (value or "") if not operator.endswith("+") else ""

    def _skip(self) -> None:
        """Skips to the brace that closes this one."""
        level = 0
        while self._at < len(self._given):
            character = self._given[self._at]
            if character == "}" and level == 0:
                return
            level += {"{": 1, "}": -1}.get(character, 0)
            self._at += 1

    def _value(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None:
            raise self._unset(name, "")
        return value

    def _unset(self, name: str, words: str) -> Misuse:
        return Misuse(
            text("the variable {name} has no value", name=name),
            said=words[:200] or None,
            hint=text("give it: --set {name}=VALUE, or write it into the file .env next to the list", name=name),
        )

    def _invalid(self) -> Misuse:
        return Misuse(
            "not a variable: write $NAME, ${NAME} or ${NAME:-default}, and $$ for a $",
            subject=repr(self._given[:80]),
        )
