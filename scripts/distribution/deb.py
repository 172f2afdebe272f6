"""The package for Debian and Ubuntu: the libraries in a folder of its own, for the Python of the system.

Its name is ``image-bundler``, because Debian's ``bundler`` is Ruby's, and an upgrade would put that in its place.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from distribution.wheels import DistError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MAINTAINER = "the authors of bundler <bundler@localhost>"
_CONTROL = """\
Package: image-bundler
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kib}
Depends: python3 (>= 3.10), python3 (<< 3.15), libc6 (>= 2.28)
Conflicts: bundler, ruby-bundler
Section: admin
Priority: optional
Description: carries container images across air gaps
 bundler collects container images into signed, checksummed folders, verifies
 them, and pushes them to registries without internet. This package has all of
 its libraries, and changes nothing of the Python of the system.
"""
_COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: bundler
Comment:
 The libraries next to bundler in /usr/lib/bundler are those of others, as
 their makers built them. Their licences are in the folders *.dist-info there.

Files: *
Copyright: 2026 the authors of bundler
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0
"""
_OVERRIDES = """\
# The libraries are the bytes of their makers' wheels, so that their sums in the SBOM hold.
image-bundler: unstripped-binary-or-object
image-bundler: embedded-library
# The project has no public address.
image-bundler: bogus-mail-host
image-bundler: bogus-mail-host-in-debian-changelog
"""
COMMAND = """\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/usr/lib/bundler")
from bundler.__main__ import main

sys.exit(main())
"""
_SCRIPTS = {
    "postinst": "if command -v py3compile > /dev/null; then py3compile -p image-bundler /usr/lib/bundler || :; fi",
    "prerm": "if command -v py3clean > /dev/null; then py3clean -p image-bundler /usr/lib/bundler || :; fi\n"
    "find /usr/lib/bundler -name __pycache__ -prune -exec rm -rf {} + 2> /dev/null || :",
}
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/bundler",
    "zsh": "usr/share/zsh/vendor-completions/_bundler",
    "fish": "usr/share/fish/vendor_completions.d/bundler.fish",
}
SHELLS = tuple(_COMPLETIONS)


@dataclass(frozen=True)
class Papers:
    """The texts that a package has next to its program."""

    manual: bytes
    completions: Mapping[str, str]
    """The script of each of `SHELLS`."""
    notes: str
    """The section of the version in CHANGELOG.md."""


def build_deb(root: Path, target: Path, papers: Papers, *, version: str, machine: str, epoch: str) -> None:
    """Makes the package.

    Args:
        root: A folder with the libraries in ``usr/lib/bundler``; the other files are added to it.
        target: The file to make.
        papers: The texts.
        version: The version of bundler.
        machine: The machine that the libraries are for.
        epoch: The time of all files, in seconds.
    """
    files = {
        "usr/bin/bundler": COMMAND.encode(),
        "usr/share/man/man1/bundler.1.gz": gzip.compress(papers.manual, mtime=0),
        **{_COMPLETIONS[shell]: text.encode() for shell, text in papers.completions.items()},
        "usr/share/doc/image-bundler/changelog.gz": gzip.compress(
            changes(papers.notes, version, epoch).encode(), mtime=0
        ),
        "usr/share/doc/image-bundler/copyright": _COPYRIGHT.encode(),
        "usr/share/lintian/overrides/image-bundler": _OVERRIDES.encode(),
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if "/bin/" in name else 0o644)
    kib = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) >> 10
    control = root / "DEBIAN"
    control.mkdir()
    text = _CONTROL.format(version=version, architecture=ARCHITECTURES[machine], maintainer=_MAINTAINER, kib=kib)
    (control / "control").write_text(text)
    for name, script in _SCRIPTS.items():
        (control / name).write_text(f"#!/bin/sh\nset -e\n{script}\n")
        (control / name).chmod(0o755)
    done = subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(root), str(target)],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise DistError(f"dpkg-deb: {done.stderr.strip()}")


def changes(notes: str, version: str, epoch: str) -> str:
    """The notes of a version as Debian's changelogs have them (deb-changelog(5))."""
    lines = [line.removeprefix("- ") for line in notes.splitlines() if line.startswith("- ")] or ["New version."]
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.replace("**", "")) for line in lines]
    items = [textwrap.fill(line, 78, initial_indent="  * ", subsequent_indent="    ") for line in plain]
    head = f"image-bundler ({version}) unstable; urgency=medium"
    return "\n".join([head, "", *items, "", f" -- {_MAINTAINER}  {formatdate(int(epoch))}", ""])
