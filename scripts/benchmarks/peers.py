"""Other programs that carry images: contestants where they are on PATH. None of them checks or signs what it carries.

The commands follow the documentation of imgpkg 0.43, crane 0.21 and regctl 0.9.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.contestants import Contestant, quoted
from benchmarks.corpus import Corpus, Image, check_digest, check_tag
from benchmarks.measuring import Measured, Runner


class Imgpkg:
    """imgpkg: one tar of all images, and one repository without tags."""

    name = "imgpkg"
    _REPOSITORY = "imgpkg/all"

    def __init__(self, runner: Runner, corpus: Corpus) -> None:
        self._runner = runner
        self._corpus = corpus

    def export(self, folder: Path) -> Measured:
        folder.mkdir(parents=True)
        images = (
            f"- image: {self._corpus.host}/{each.repository}@{each.root.digest}\n" for each in self._corpus.images
        )
        lock = folder / "lock.yml"
        lock.write_text(f"apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n{''.join(images)}")
        return self._copy("--lock", str(lock), "--to-tar", str(folder / "all.tar"))

    def before_import(self, folder: Path) -> None:
        """Removes nothing: there is only the tar."""

    def import_(self, folder: Path, host: str) -> Measured:
        return self._copy("--tar", str(folder / "all.tar"), "--to-repo", f"{host}/{self._REPOSITORY}")

    def check(self, host: str) -> None:
        for image in self._corpus.images:
            check_digest(image, host, self._REPOSITORY)

    def _copy(self, *arguments: str) -> Measured:
        return self._runner.timed(["imgpkg", "copy", "--registry-insecure", *arguments])


class Crane:
    """crane: one layout of all images. It pushes layouts of one image, so each has one, with the blobs of the first."""

    name = "crane"

    def __init__(self, runner: Runner, corpus: Corpus) -> None:
        self._runner = runner
        self._corpus = corpus

    def export(self, folder: Path) -> Measured:
        folder.mkdir(parents=True)
        images = [f"{self._corpus.host}/{image.name}" for image in self._corpus.images]
        return self._runner.timed(["crane", "pull", "--insecure", "--format=oci", *images, str(folder / "layout")])

    def before_import(self, folder: Path) -> None:
        """Makes the layouts of one image."""
        for number, image in enumerate(self._corpus.images):
            layout = folder / str(number)
            layout.mkdir()
            os.symlink("../layout/blobs", layout / "blobs")
            shutil.copy(folder / "layout/oci-layout", layout)
            manifest = folder / "layout/blobs" / image.root.digest.replace(":", "/")
            size_bytes = manifest.stat().st_size
            root = {"mediaType": image.root.media_type, "digest": image.root.digest, "size": size_bytes}
            (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))

    def import_(self, folder: Path, host: str) -> Measured:
        return self._runner.timed_script(
            [
                f"crane push --insecure {quoted(folder / str(number))} {quoted(f'{host}/{image.name}')}"
                for number, image in enumerate(self._corpus.images)
            ]
        )

    def check(self, host: str) -> None:
        for image in self._corpus.images:
            check_tag(image, host)


class Regctl:
    """regctl: one layout of all images, each copied there and from there."""

    name = "regctl"

    def __init__(self, runner: Runner, corpus: Corpus) -> None:
        self._runner = runner
        self._corpus = corpus

    def export(self, folder: Path) -> Measured:
        folder.mkdir(parents=True)
        copies = ((f"{self._corpus.host}/{image.name}", place) for image, place in self._places(folder))
        return self._copy(self._corpus.host, copies)

    def before_import(self, folder: Path) -> None:
        """Removes nothing: there is only the layout."""

    def import_(self, folder: Path, host: str) -> Measured:
        return self._copy(host, ((place, f"{host}/{image.name}") for image, place in self._places(folder)))

    def check(self, host: str) -> None:
        for image in self._corpus.images:
            check_tag(image, host)

    def _places(self, folder: Path) -> Iterator[tuple[Image, str]]:
        return ((image, f"ocidir://{folder / 'layout'}:i{n}") for n, image in enumerate(self._corpus.images))

    def _copy(self, host: str, copies: Iterable[tuple[str, str]]) -> Measured:
        return self._runner.timed_script(
            [
                f"regctl --host reg={host},tls=disabled image copy {quoted(source)} {quoted(target)}"
                for source, target in copies
            ]
        )


PEERS = (Imgpkg, Crane, Regctl)


def peers_here(runner: Runner, corpus: Corpus) -> list[Contestant]:
    """The peers that are on PATH."""
    return [peer(runner, corpus) for peer in PEERS if shutil.which(peer.name)]


def missing_peers() -> list[str]:
    """The names of the others."""
    return [peer.name for peer in PEERS if not shutil.which(peer.name)]
