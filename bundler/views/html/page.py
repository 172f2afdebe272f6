"""The frame of a page: its head, its looks, and the policy by which a browser runs and loads nothing.

A page is one file. The policy allows the one style sheet in it, by its digest, and nothing else: no script, no image,
no frame, no form, no address. A server that shows a page sends `policy` as a header too.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

from bundler import __version__
from bundler.core.frozen import frozen
from bundler.views.html.elements import Node, markup, visible
from bundler.views.languages import language, spoken

GENERATOR = '<meta name="generator" content="bundler '
"""The beginning of the element by which bundler knows its own pages."""
_STYLE = Path(__file__).parent / "style.css"
_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,119}")
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
    """

    title: str
    body: Node
    running: str = ""


def page_pieces(make: Callable[[], Page], language: str) -> Iterator[bytes]:
    """The bytes of a page in a language, piece by piece.

    Args:
        make: Makes the page. It is called when the first piece is asked for, and messages are translated to the
            language of the page then.
        language: One of `bundler.views.languages.languages`.
    """
    return (piece.encode() for piece in spoken(language, _pieces(make)))


def policy(running: str = "") -> str:
    """The content security policy of a page with this running text."""
    digest = hashlib.sha256(_style(running).encode()).digest()
    style = base64.b64encode(digest).decode()
    return f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"


def _pieces(make: Callable[[], Page]) -> Iterator[str]:
    page, spelt = make(), language()
    yield _HEAD.substitute(
        language=_HTML_LANGUAGES.get(spelt, spelt),
        policy=html.escape(policy(page.running)),
        generator=f"{GENERATOR}{__version__}",
        title=visible(page.title),
        style=_style(page.running),
    )
    yield from markup(page.body)
    yield "\n</body>\n</html>\n"


@functools.lru_cache(maxsize=4)
def _style(running: str) -> str:
    """The style sheet. It is ours alone: only the running text varies, and that has no special character."""
    style = _STYLE.read_text(encoding="utf-8")
    if not _PLAIN.fullmatch(running):
        return style
    return style + _FOOT.substitute(running=running)
