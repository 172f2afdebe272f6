"""One image as people write it in a list: a reference or location, and the text that other tools put around it.

It accepts ``- nginx:1.27`` · ``"nginx:1.27",`` · ``image: nginx:1.27`` · ``docker pull nginx:1.27`` · ``SOURCE=NAME``,
as in ``oc image mirror``.
"""

from __future__ import annotations

import re

from bundler.core.characters import trimmed
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import without_password
from bundler.errors import Misuse
from bundler.transport_table import TRANSPORTS, prefix_of

_BULLET = lazy_pattern(r"[-*\u2022]\s+")
_KEY = lazy_pattern(r"image:\s+|(?P<quote>['\"])image(?P=quote)\s*:\s*")
_PULL = lazy_pattern(r"(?:\$\s+)?(?:sudo\s+)?(?:docker|podman|nerdctl|crictl)\s+(?:image\s+)?pull\s+(?=[^\s-]\S*$)")
_QUOTED = lazy_pattern(
    "(['\"`])(?P<plain>[^'\"`]*)\\1|[\u201c\u2018](?P<typeset>[^\u201c\u2018\u201d\u2019]*)[\u201d\u2019]"
)
_BETWEEN_WORDS = lazy_pattern(r"[\s,;]+", re.ASCII)
"""Only ASCII spaces separate words: for any other space a message names the invisible character."""


@frozen
class ListLine:
    """An image of a list.

    Attributes:
        image: The reference or location of the image.
        source: The reference or location that its bytes come from, if the line names it.
    """

    image: str
    source: str | None = None


def parse_line(text: str) -> ListLine:
    """Reads one image.

    Raises:
        Misuse: There is more than one word, or a mapping lacks a side.
    """
    text = trimmed(text)
    for pattern in (_BULLET, _KEY):
        match = pattern.match(text)
        text = text[match.end() :] if match else text
    text = trimmed(text.removesuffix(","))
    quoted = _QUOTED.fullmatch(text)
    text = trimmed(quoted["plain"] or quoted["typeset"] or "") if quoted else _PULL.sub("", text, count=1)
    prefix = prefix_of(text)
    if prefix and TRANSPORTS[prefix].has_path:
        if not quoted:
            _refuse_words(text)
        return ListLine(text)  # a path may contain any character
    if "=" in text:
        return _mapping(text)
    _refuse_words(text)
    return ListLine(text)


def _mapping(text: str) -> ListLine:
    source, _, name = map(trimmed, text.partition("="))
    _refuse_words(f"{source}={name}")
    if not source or not name or "=" in name:
        raise Misuse(
            "not a mapping", subject=repr(without_password(text)), hint="write SOURCE=NAME, one mapping a line"
        )
    if "@" not in name and ":" not in name.rpartition("/")[2]:
        raise Misuse("the name after = has no tag", subject=repr(without_password(text)), hint="write SOURCE=NAME:TAG")
    return ListLine(name, source)


def _refuse_words(text: str) -> None:
    words = _BETWEEN_WORDS.split(text.strip(",;"))
    if len(words) > 1:
        raise Misuse(
            "more than one word",
            subject=repr(without_password(text)),
            hint="write one reference a line; to carry it under another name write SOURCE=NAME:TAG",
        )
