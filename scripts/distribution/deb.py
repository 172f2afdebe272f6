"""The package for Debian and Ubuntu: the libraries in a folder of its own, for the Python of the system.

Its name is ``image-bundler``, because Debian's ``bundler`` is Ruby's, and an upgrade would put that in its place.
"""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

from distribution.wheels import DistError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CONTROL = """\
Package: image-bundler
Version: {version}
Architecture: {architecture}
Maintainer: the authors of bundler <root@localhost>
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


def build_deb(root: Path, target: Path, *, version: str, machine: str, epoch: str, manual: bytes) -> None:
    """Makes the package.

    Args:
        root: A folder with the libraries in ``usr/lib/bundler``; the other files are added to it.
        target: The file to make.
        version: The version of bundler.
        machine: The machine that the libraries are for.
        epoch: The time of all files, in seconds.
        manual: The manual page.
    """
    files = {
        "usr/bin/bundler": COMMAND.encode(),
        "usr/share/man/man1/bundler.1.gz": gzip.compress(manual, mtime=0),
        "usr/share/doc/image-bundler/copyright": Path(__file__).resolve().parents[2].joinpath("LICENSE").read_bytes(),
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if "/bin/" in name else 0o644)
    kib = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) >> 10
    control = root / "DEBIAN"
    control.mkdir()
    text = _CONTROL.format(version=version, architecture=ARCHITECTURES[machine], kib=kib)
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
