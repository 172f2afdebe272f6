"""Makes docs/images/terminal.svg and terminal.zh.svg: the output of a real transfer, as a terminal shows it.

    .venv/bin/python scripts/terminal_picture.py

The image is that of scripts/demo, the registry is a real docker-registry. Nothing in the picture was edited.
"""

from __future__ import annotations

import html
import itertools
import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.parts import RealRegistry  # noqa: E402  # the project's own folder is on the path by now

PICTURES = {"docs/images/terminal.svg": "C.UTF-8", "docs/images/terminal.zh.svg": "zh_CN.UTF-8"}
"""The pictures, each with its locale."""
COLUMNS = 100
IMAGE = "registry.example.com/demo/python-tools:1.0"
COMMANDS = (
    "bundler keygen builder",
    "bundler export images.yaml -o /media/stick --key builder.key",
    "bundler verify /media/stick/demo --trust builder.pub",
    "bundler import /media/stick/demo --trust builder.pub --to registry.internal:5000",
)
"""The commands as the picture shows them. They run with a folder and a registry of this machine."""
_COLUMN_WIDTH = 12.2
"""The width that rich gives to a character, in the units of the picture."""
_TEXT = re.compile(r'(<text class="[^"]*" )x="([^"]*)"( y="[^"]*" )textLength="[^"]*"([^>]*)>([^<]*)</text>')
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""The fonts that rich loads from the network: a picture must not ask for anything."""


def main() -> None:
    """Writes all pictures."""
    for picture, locale in PICTURES.items():
        _draw(ROOT / picture, locale)


def _draw(picture: Path, locale: str) -> None:
    """Runs the commands and writes a picture."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        registry = RealRegistry(place / "registry").start()
        try:
            for command in COMMANDS:
                console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
                console.print(Text.from_ansi(_output(command, place, registry, locale)))
        finally:
            registry.stop()
    svg = _FONTS.sub("", console.export_svg(title="bundler", unique_id="bundler"))
    svg = _TEXT.sub(_in_columns, svg)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    assert "http" not in svg.replace("http://www.w3.org/", "")
    picture.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


def _in_columns(found: re.Match[str]) -> str:
    """A text of the picture, each run of Chinese characters at its own columns: rich takes them for narrow ones."""
    head, x, middle, tail, content = found.groups()
    content = html.unescape(content)
    if content.isascii():
        return found[0]
    column, pieces = 0, []
    for _, run in itertools.groupby(content, key=lambda each: cell_len(each) > 1):
        piece = "".join(run)
        left, width = float(x) + column * _COLUMN_WIDTH, cell_len(piece) * _COLUMN_WIDTH
        shown = html.escape(piece, quote=False).replace(" ", "&#160;")
        pieces.append(f'{head}x="{left:g}"{middle}textLength="{width:g}"{tail}>{shown}</text>')
        column += cell_len(piece)
    return "".join(pieces)


def _output(command: str, place: Path, registry: RealRegistry, locale: str) -> str:
    """Runs a command, and returns its output with the names that the picture shows."""
    instead = {"/media/stick": str(place / "stick"), "registry.internal:5000": registry.host}
    if not (place / "images.yaml").exists():
        subprocess.run(
            [sys.executable, ROOT / "scripts/demo_image.py", place / "source", IMAGE],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (place / "images.yaml").write_text(f"name: demo\nimages: [{{image: {IMAGE}, from: 'oci:source:{IMAGE}'}}]\n")
    words = command
    for shown, real in instead.items():
        words = words.replace(shown, real)
    environment = {**os.environ, "HOME": str(place), "XDG_STATE_HOME": str(place / "state"), "LC_ALL": locale}
    done = subprocess.run(
        [sys.executable, "-m", *words.split()],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    output = done.stdout
    for shown, real in instead.items():
        output = output.replace(real, shown)
    return output.replace(str(place), "~")


if __name__ == "__main__":
    main()
