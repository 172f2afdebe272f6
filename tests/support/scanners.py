"""Real scanners, with databases of our own: one marker for ClamAV, two advisories for Trivy."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.images import Image, image
from tests.support.parts import RealPart, require

MARKER = b"bundler-planted-marker"
SIGNATURE = "Own.Marker"
TRIVY_DATABASE = Path(__file__).parents[1] / "vectors/scan"
VULNERABLE, FIXED = "3.0.0-1", "3.0.0-2"


def clamav_database(folder: Path) -> Path:
    """A database with the marker and nothing else."""
    folder.mkdir(exist_ok=True)
    (folder / "own.ndb").write_text(f"{SIGNATURE}:0:*:{MARKER.hex()}\n")
    return folder


class RealClamd(RealPart):
    """A clamd with low limits, which it reports."""

    stream_bytes = 8 << 20
    file_bytes = 2 << 20

    @property
    def socket(self) -> Path:
        return self.folder / "clamd.ctl"

    def start(self, *, alerts: str = "yes") -> RealClamd:
        require("clamd")
        self.folder.mkdir(exist_ok=True)
        settings = self.folder / "clamd.conf"
        settings.write_text(
            f"Foreground yes\nLocalSocket {self.socket}\nTemporaryDirectory {self.folder}\nAlertExceedsMax {alerts}\n"
            f"DatabaseDirectory {clamav_database(self.folder / 'database')}\n"
            f"StreamMaxLength {self.stream_bytes}\nMaxFileSize {self.file_bytes}\n"
        )
        self._spawn(["clamd", "-c", str(settings)])
        self._await_answer(
            lambda: subprocess.run(["test", "-S", self.socket], capture_output=True, text=True), seconds=100
        )
        return self


def trivy() -> Path:
    """The real Trivy, from the package of the extra ``dev``."""
    program = Path(sys.executable).parent / "trivy"
    if not program.is_file():
        message = "missing real part: trivy (scripts/test installs it into .venv)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return program


def trivy_database(folder: Path) -> Path:
    """A cache folder of Trivy with our database."""
    shutil.copytree(TRIVY_DATABASE, folder / "db")
    return folder


def packed(files: dict[str, bytes]) -> bytes:
    """A tar with some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def image_of(files: dict[str, bytes]) -> Image:
    """An image with one layer."""
    return image([gzip.compress(packed(files), mtime=0)])


def debian(openssl: str, *, release: str = "12", more: dict[str, bytes] | None = None) -> Image:
    """An image of Debian with one package."""
    status = f"Package: openssl\nStatus: install ok installed\nMaintainer: x\nArchitecture: amd64\nVersion: {openssl}\nDescription: x\n"
    return image_of(
        {
            "etc/os-release": f'ID=debian\nVERSION_ID="{release}"\nNAME="Debian GNU/Linux"\n'.encode(),
            "etc/debian_version": f"{release}.5\n".encode(),
            "var/lib/dpkg/status": status.encode(),
            **(more or {}),
        }
    )


LODASH = {"app/node_modules/lodash/package.json": b'{"name":"lodash","version":"4.17.20"}'}
KEY = {
    "app/key.pem": b"-----BEGIN RSA PRIVATE KEY-----\n"
    + b"MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MHgXHyJY0Qx2D9tR\n" * 12
    + b"-----END RSA PRIVATE KEY-----\n"
}
