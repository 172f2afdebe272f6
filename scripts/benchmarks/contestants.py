"""The contestants: methods to carry images."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.corpus import Blob, Corpus, Image, check_blobs, check_tag
from benchmarks.measuring import BenchError, Measured, Runner
from bundler.core.s3_path import S3Path

BUNDLER = str(Path(sys.executable).with_name("bundler"))
CHUNK_BYTES = 2_000_000_000
STREAMS = 2
"""The connections of the curl floor: bundler's default number of workers for large blobs."""


class Contestant(Protocol):
    """A method to carry images: it exports to a folder, and imports from there."""

    name: str

    def export(self, folder: Path) -> Measured:
        """Copies the images from the registry to disk."""

    def before_import(self, folder: Path) -> None:
        """Removes the files that would not be carried. Not timed."""

    def import_(self, folder: Path, host: str) -> Measured:
        """Copies the images from disk to an empty registry."""

    def check(self, host: str) -> None:
        """Raises unless the import did its work."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A key pair."""

    private: Path
    public: Path


class Bundler:
    """Runs the real commands, as a user types them."""

    name = "bundler"

    def __init__(self, runner: Runner, corpus: Corpus, keys: Keys, image_list: Path) -> None:
        self._runner = runner
        self._corpus = corpus
        self._keys = keys
        self.image_list = image_list
        image_list.write_text("".join(f"{corpus.host}/{image.name}\n" for image in corpus.images))

    def list_of(self, corpus: Corpus, host: str, name: str = "other-list") -> Path:
        """Writes an image list of another corpus, or of one that is reached under another host."""
        image_list = self.image_list.with_name(f"{name}.txt")
        image_list.write_text("".join(f"{host}/{image.name}\n" for image in corpus.images))
        return image_list

    def export(self, folder: Path, image_list: Path | None = None) -> Measured:
        return self.run("export", image_list or self.image_list, "-o", folder, *self.signing, "--name", "bench")

    def before_import(self, folder: Path) -> None:
        """Removes nothing: there is only the bundle."""

    def import_(self, folder: Path | S3Path, host: str) -> Measured:
        return self.run("import", folder / "bench", *self.trust, "--to", host)

    def check(self, host: str) -> None:
        for image in self._corpus.images:
            check_tag(image, host)

    def verify(self, folder: Path | S3Path) -> Measured:
        """Checks every byte."""
        return self.run("verify", folder / "bench", *self.trust)

    def copy(self, folder: Path, to: Path) -> Measured:
        """Copies the bundle to a medium, and reads it back from there."""
        return self.run("copy", folder / "bench", "-o", to)

    def spread(self, folder: Path, to: Path) -> Measured:
        """Does the same for media of a size that holds all of it."""
        return self.run("spread", folder / "bench", "-o", to, "--medium-size", "bd25")

    def inspect(self, folder: Path) -> Measured:
        """Reads the description of the bundle."""
        return self.run("inspect", folder / "bench", *self.trust)

    def help(self) -> Measured:
        """Starts the program and prints help."""
        return self._runner.timed([BUNDLER, "--help"])

    @property
    def trust(self) -> tuple[str, str]:
        """The flag for the key to trust."""
        return "--trust", str(self._keys.public)

    @property
    def signing(self) -> tuple[str, str]:
        """The flag for the key to sign with."""
        return "--key", str(self._keys.private)

    def run(self, *arguments: object) -> Measured:
        """Runs any command."""
        return self._runner.timed([BUNDLER, *map(str, arguments), "--quiet"])


class Skopeo:
    """The method without such a tool: a layout, a tar, chunks, checksums and a signature, with stock tools."""

    name = "skopeo"

    def __init__(self, runner: Runner, corpus: Corpus, keys: Keys) -> None:
        self._runner = runner
        self._corpus = corpus
        self._keys = keys

    def export(self, folder: Path) -> Measured:
        layout, carried = folder / "layout", folder / "carried"
        carried.mkdir(parents=True)
        source = f"docker://{self._corpus.host}/"
        return self._runner.timed_script(
            [
                *(
                    self._copy(image, source + image.name, f"oci:{layout}:{image.name}")
                    for image in self._corpus.images
                ),
                f"tar -C {quoted(layout)} -c . | split -d -a 4 -b {CHUNK_BYTES} - {quoted(carried / 'images.tar.')}",
                f"cd {quoted(carried)}",
                "sha256sum images.tar.* > SHA256SUMS",
                f"openssl pkeyutl -sign -rawin -inkey {quoted(self._keys.private)} -in SHA256SUMS -out SHA256SUMS.sig",
            ]
        )

    def before_import(self, folder: Path) -> None:
        shutil.rmtree(folder / "layout")

    def import_(self, folder: Path, host: str) -> Measured:
        layout = folder / "unpacked"
        return self._runner.timed_script(
            [
                f"cd {quoted(folder / 'carried')}",
                "sha256sum --quiet -c SHA256SUMS",
                f"mkdir {quoted(layout)}",
                f"cat images.tar.* | tar -C {quoted(layout)} -x",
                *(
                    self._copy(image, f"oci:{layout}:{image.name}", f"docker://{host}/{image.name}")
                    for image in self._corpus.images
                ),
            ]
        )

    def check(self, host: str) -> None:
        for image in self._corpus.images:
            check_tag(image, host, is_same=image.root.is_oci)

    def _copy(self, image: Image, source: str, target: str) -> str:
        flags = "--quiet --all --src-tls-verify=false --dest-tls-verify=false"
        # skopeo 1.9 does not find Docker's manifests again in a layout, so they must be converted.
        if image.root.is_oci:
            flags += " --preserve-digests"
        return f"skopeo --insecure-policy copy {flags} {quoted(source)} {quoted(target)}"


class Curl:
    """The floor: copies the bytes, and does nothing else."""

    name = "curl"

    def __init__(self, runner: Runner, corpus: Corpus) -> None:
        self._runner = runner
        self._corpus = corpus

    def export(self, folder: Path) -> Measured:
        folder.mkdir(parents=True)
        transfers = [
            [("url", f"http://{self._corpus.host}{blob.path}"), ("output", self._file(folder, blob))]
            for blob in self._corpus.blobs
        ]
        measured = self._curl(folder / "get.config", transfers)
        for blob in self._corpus.blobs:
            if os.path.getsize(self._file(folder, blob)) != blob.size_bytes:
                raise BenchError(f"{blob.digest} was not fetched whole")
        return measured

    def before_import(self, folder: Path) -> None:
        """Removes nothing: there are only the blobs."""

    def import_(self, folder: Path, host: str) -> Measured:
        """Opens all uploads, then uses them: any upload of a repository can take any of its blobs."""
        locations = folder / "locations"
        opened = self._curl(folder / "post.config", [self._post(blob, host) for blob in self._corpus.blobs], locations)
        free: dict[str, list[str]] = {}
        for location in locations.read_text().split():
            free.setdefault(location.partition("/v2/")[2].partition("/blobs/uploads/")[0], []).append(location)
        puts = [self._put(folder, blob, free[blob.repository].pop()) for blob in self._corpus.blobs]
        return opened + self._curl(folder / "put.config", puts)

    def check(self, host: str) -> None:
        check_blobs(self._corpus, host)

    def fetch(self, host: str, config: Path) -> Measured:
        """Gets all blobs from any registry that has them, and keeps nothing."""
        transfers = [[("url", f"http://{host}{blob.path}"), ("output", os.devnull)] for blob in self._corpus.blobs]
        return self._curl(config, transfers)

    def _post(self, blob: Blob, host: str) -> list[tuple[str, str]]:
        return [
            ("url", f"http://{host}/v2/{blob.repository}/blobs/uploads/"),
            ("request", "POST"),
            ("header", "Content-Length: 0"),
            ("output", os.devnull),
            ("write-out", "%header{location}\\n"),
        ]

    def _put(self, folder: Path, blob: Blob, location: str) -> list[tuple[str, str]]:
        return [
            ("url", f"{location}&digest={blob.digest}"),
            ("upload-file", self._file(folder, blob)),
            ("header", "Content-Type: application/octet-stream"),
            ("header", "Expect:"),  # saves a round trip
            ("output", os.devnull),
        ]

    def _file(self, folder: Path, blob: Blob) -> str:
        return str(folder / blob.digest.replace(":", "-"))

    def _curl(self, config: Path, transfers: list[list[tuple[str, str]]], output: Path | None = None) -> Measured:
        common = 'fail\nsilent\nshow-error\nno-progress-meter\nnoproxy = "*"\n'
        config.write_text(
            "next\n".join(
                common + "".join(f'{key} = "{escaped(value)}"\n' for key, value in each) for each in transfers
            )
        )
        argv = ["curl", "--parallel", "--parallel-max", str(STREAMS), "--config", str(config)]
        return self._runner.timed(argv, output=output)


def quoted(path: Path | str) -> str:
    """A path, quoted for bash."""
    return shlex.quote(str(path))


def escaped(value: str) -> str:
    """A value, escaped for curl's config files; its own escapes stay."""
    return value.replace('"', '\\"')


def check_sums(runner: Runner, bundle: Path) -> Measured:
    """Checks the files of a bundle as an auditor does."""
    return runner.timed_script([f"cd {quoted(bundle)}", "sha256sum --quiet -c SHA256SUMS"])


def hash_pair(runner: Runner, chunks: Sequence[Path]) -> Measured:
    """Hashes some files with two openssl processes: the least that a check of them costs on two cores."""
    shares: list[list[Path]] = [[], []]
    for chunk in sorted(chunks, key=lambda path: -path.stat().st_size):
        min(shares, key=lambda share: sum(path.stat().st_size for path in share)).append(chunk)
    commands = ["openssl dgst -sha256 " + " ".join(map(quoted, share)) for share in shares if share]
    starts = [f"{command} & p{number}=$!" for number, command in enumerate(commands)]
    return runner.timed_script([*starts, *(f"wait $p{number}" for number in range(len(commands)))])
