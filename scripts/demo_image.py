"""Makes a small real image without internet: a few of the Python packages that are installed with bundler.

Usage: demo_image.py FOLDER NAME [later]   writes an OCI image layout into FOLDER with one image, called NAME; the later
                                           image shares two layers with the first one
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

LAYERS = (("docker",), ("urllib3", "requests"), ("click",))
LATER_LAYERS = (*LAYERS[:2], ("click", "tqdm"))
_TYPE = "application/vnd.oci.image"


def layer(packages: tuple[str, ...]) -> bytes:
    """A layer with the files of some installed packages, always the same for the same versions."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for package in packages:
            for file in sorted(distribution(package).files or [], key=str):
                path = Path(str(file.locate()))
                if path.is_file() and file.suffix == ".py":
                    info = tarfile.TarInfo(f"usr/lib/python3/dist-packages/{file}")
                    info.size = path.stat().st_size
                    archive.addfile(info, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()


def write_image(folder: Path, name: str, layers: tuple[tuple[str, ...], ...] = LAYERS) -> None:
    """Writes the layout."""
    tars = [layer(packages) for packages in layers]
    blobs = [gzip.compress(tar, mtime=0) for tar in tars]
    config = {
        "created": "2026-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PYTHONPATH=/usr/lib/python3/dist-packages"], "Cmd": ["python3"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": _put(folder, f"{_TYPE}.config.v1+json", json.dumps(config).encode()),
        "layers": [_put(folder, f"{_TYPE}.layer.v1.tar+gzip", blob) for blob in blobs],
    }
    root = _put(folder, f"{_TYPE}.manifest.v1+json", json.dumps(manifest).encode())
    root["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))


def _put(folder: Path, media_type: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    path = folder / "blobs/sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


if __name__ == "__main__":
    write_image(Path(sys.argv[1]), sys.argv[2], LATER_LAYERS if sys.argv[3:] == ["later"] else LAYERS)
