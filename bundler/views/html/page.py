"""The frame of a page: its head, its looks, and the policy by which a browser runs and loads nothing.

A page is one file. The policy allows the one style sheet in it, by its digest, and nothing else: no script, no image,
no frame, no form, no address. A page of a server may have one script of ours, which is allowed by its digest too. A
server that shows a page sends `policy` as a header.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

from bundler import __version__
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.views.html.elements import Node, markup, visible
from bundler.views.languages import language, spoken

GENERATOR = '<meta name="generator" content="bundler '
"""The beginning of the element by which bundler knows its own pages."""
_STYLE = Path(__file__).parent / "style.css"
_FILTER = Path(__file__).parent / "filter.js"
_PLAIN = lazy_pattern(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,119}")
_HEAD = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
$generator">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>$title</title>
<style>$style</style>
</head>
<body>
""")
_FOOT = Template('@page { @bottom-left { content: "$running"; } }\n')
_HTML_LANGUAGES = {"zh": "zh-Hans"}


@frozen
class Page:
    """A page.

    Attributes:
        title: Its title, which browsers also use as the name of a printed file.
        body: Its content.
        running: A short text at the foot of each printed sheet, such as the id of a bundle. Only plain characters are
            shown; a text with others is left out.
        has_filter: True if its table can be filtered by typing, in a browser that runs the script for it.
    """

    title: str
    body: Node
    running: str = ""
    has_filter: bool = False


def page_pieces(make: Callable[[], Page], language: str) -> Iterator[bytes]:
    """The bytes of a page in a language, piece by piece.

    Args:
        make: Makes the page. It is called when the first piece is asked for, and messages are translated to the
            language of the page then.
        language: One of `bundler.views.languages.languages`.
    """
    return (piece.encode() for piece in spoken(language, _pieces(make)))


def policy(running: str = "", *, has_filter: bool = False) -> str:
    """The content security policy of a page with this running text."""
    allowed = {"default-src": "'none'", "style-src": _source(_style(running))}
    if has_filter:
        allowed["script-src"] = _source(_filter())
    allowed |= {"base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(map(" ".join, allowed.items()))


def _source(content: str) -> str:
    """The source of a policy that allows a style sheet or script with this content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _pieces(make: Callable[[], Page]) -> Iterator[str]:
    page, spelt = make(), language()
    yield _HEAD.substitute(
        language=_HTML_LANGUAGES.get(spelt, spelt),
        policy=html.escape(policy(page.running, has_filter=page.has_filter)),
        generator=f"{GENERATOR}{__version__}",
        title=visible(page.title),
        style=_style(page.running),
    )
    yield from markup(page.body)
    if page.has_filter:
        yield f"\n<script>{_filter()}</script>"
    yield "\n</body>\n</html>\n"


@functools.lru_cache(maxsize=1)
def _filter() -> str:
    """The script. It is ours alone, and has no text of a page."""
    return _FILTER.read_text(encoding="utf-8")


@functools.lru_cache(maxsize=4)
def _style(running: str) -> str:
    """The style sheet. It is ours alone: only the running text varies, and that has no special character."""
    style = _STYLE.read_text(encoding="utf-8")
    if not _PLAIN.fullmatch(running):
        return style
    return style + _FOOT.substitute(running=running)
