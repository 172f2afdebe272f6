"""Texts in double quotes, for files in TOML and YAML that we write."""

from __future__ import annotations


def quoted(text: str) -> str:
    r"""A text as a string in double quotes, which means the same in TOML and in YAML.

    Source: TOML 1.0 "Basic strings", YAML 1.2.2 section 5.7. Both know these escapes; JSON has no ``\U``.
    """
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
