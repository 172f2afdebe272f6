"""Makes docs/images/terminal.svg: the output of a real transfer, as a terminal shows it.

    .venv/bin/python scripts/terminal_picture.py

The image is that of scripts/demo, the registry is a real docker-registry. Nothing in the picture was edited.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.parts import RealRegistry  # noqa: E402  # the project's own folder is on the path by now

PICTURE = ROOT / "docs/images/terminal.svg"
COLUMNS = 100
IMAGE = "registry.example.com/demo/python-tools:1.0"
COMMANDS = (
    "bundler keygen builder",
    "bundler export images.yaml -o /media/stick --key builder.key",
    "bundler verify /media/stick/demo --trust builder.pub",
    "bundler import /media/stick/demo --trust builder.pub --to registry.internal:5000",
)
"""The commands as the picture shows them. They run with a folder and a registry of this machine."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""The fonts that rich loads from the network: a picture must not ask for anything."""


def main() -> None:
    """Runs the commands and writes the picture."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        registry = RealRegistry(place / "registry").start()
        try:
            for command in COMMANDS:
                console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
                console.print(Text.from_ansi(_output(command, place, registry)))
        finally:
            registry.stop()
    svg = _FONTS.sub("", console.export_svg(title="bundler", unique_id="bundler"))
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    assert "http" not in svg.replace("http://www.w3.org/", "")
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


def _output(command: str, place: Path, registry: RealRegistry) -> str:
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
    environment = {**os.environ, "HOME": str(place), "XDG_STATE_HOME": str(place / "state"), "LC_ALL": "C.UTF-8"}
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
