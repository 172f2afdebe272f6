"""README's way to install the command works with Debian's own Python, which takes no packages from pip (PEP 668)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from tests.support.parts import require

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DEBIAN_PYTHON = "/usr/bin/python3"
NEEDED = ("click", "docutils", "setuptools", "_distutils_hack")
"""The libraries that building the package and ``bundler --version`` import. All others would come from an index, which no test asks."""


def words_of_the_readme() -> str:
    (block,) = re.findall(r"```sh\n(python3 -m venv .*?)```", README, re.DOTALL)
    return block


def test_e_what_the_readme_says_installs_the_command_with_the_python_of_debian(tmp_path):
    require(DEBIAN_PYTHON)
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if name.startswith(("bundler/", "scripts/reference/", "pyproject", "setup.py", "README", "LICENSE")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for name in NEEDED:
        (libraries / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    (tmp_path / "path").mkdir()
    (tmp_path / "path/python3").symlink_to(DEBIAN_PYTHON)
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{tmp_path}/path:{os.environ['PATH']}",
        "PYTHONPATH": str(libraries),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say that there is none
    }
    script = f"set -eu\n{words_of_the_readme()}\n~/.local/bin/bundler --version\n~/.local/bin/bundler man\n"
    done = subprocess.run(
        ["sh", "-c", script], cwd=source, env=environment, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^bundler \d", done.stdout, re.MULTILINE), done.stdout
    page = tmp_path / "home/.local/lib/bundler/share/man/man1/bundler.1"
    assert done.stdout.endswith(page.read_text())
    assert ".SH EXIT STATUS" in page.read_text()


def test_e_no_document_tells_to_install_into_the_python_of_the_system():
    for document in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("scripts/**/*.md")):
        reported = re.findall(r"^(?:.*[`\s])?(?:sudo )?pip3? install .*$", document.read_text(), re.MULTILINE)
        assert reported == [], document
