"""One file that runs with any of the Pythons: made by shiv, unpacked into the user's cache when it first runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from distribution.wheels import DistError

PREAMBLE = Path(__file__).with_name("preamble.py")


def build_pyz(unpacked: Path, target: Path, *, epoch: str) -> None:
    """Makes the file of the libraries in a folder."""
    arguments = ["--site-packages", unpacked, "--entry-point", "bundler.__main__:main", "--preamble", PREAMBLE]
    arguments += ["--python", "/usr/bin/env python3", "--reproducible", "--compressed", "--output-file", target]
    done = subprocess.run(
        [sys.executable, "-m", "shiv", *map(str, arguments)],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise DistError(f"shiv: {done.stderr.strip()[-2000:]}")
    target.chmod(0o644)  # a medium keeps no modes: it is run as python3 FILE
