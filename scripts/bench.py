"""Measures bundler against the way people do it today (skopeo and a pipeline) and against the floor (curl, no hash).

All three carry the same images, registry to disk and disk to an empty registry, in turns, so that whatever else the
machine does hurts all alike; medians and ratios are what counts, seconds are this machine's. What is compared is in
DESIGN.md section 8. Every timed part is one process tree that this script starts and waits for; what it did is looked
at afterwards, so nothing is fast because it did not do its work.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import datetime
import http.client
import ipaddress
import json
import os
import platform
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Protocol

import bundler

SCRIPTS = Path(__file__).resolve().parent
BUNDLER = str(Path(sys.executable).with_name("bundler"))
CHUNK_BYTES = 2_000_000_000
GIB = 1 << 30
MIB = 1 << 20
STREAMS = 2
"""Connections of the curl floor; bundler's default number of workers for large blobs."""
START_UPS = 5
"""How often --help and inspect are started in each round: they are short, so one figure says little."""
_PHASES = ("export", "import", "import again", "verify", "--help", "inspect")
_BY_THE_BYTE = ("export", "import", "verify")
_START_UPS = ("--help", "inspect")
TARGET_CORPUS_BYTES = 2 * GIB
"""Targets were set on 2.8 GiB; on much less, start-up weighs more than the bytes, and the report says so."""
ROOM = 5
"""Free space needed, as a multiple of the images: skopeo's layout, its chunks, what it unpacks, and a registry."""
MANIFEST_TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)

METHOD = """\
wall       monotonic clock around one process tree, started after os.sync() so that no earlier write-back disturbs it;
           only bundler's export waits until all that it wrote is on the device. best: the fastest round; if it is
           far from the median, the machine was busy with other things
CPU        user + system of that tree, from wait4; the registry's own CPU is not in it
peak RSS   largest single process of the tree, from wait4; never below this script's own peak ({own_mib:.0f} MiB)
written    bytes that the tree dirtied for a storage device, from wait4 (ru_oublock); kernel's count, whole pages
inputs     {inputs} before each timed import and verify, of all alike;
           the source registry's storage was read once at the start, so nobody pays for a first read
bundler    export LIST --key; verify --trust; import --trust --to; inspect --trust; all with --quiet
skopeo     export: skopeo copy --all of each image to one OCI layout; tar | split -b 2000000000; sha256sum; openssl
           sign (Ed25519). import: sha256sum -c; cat | tar -x; skopeo copy --all of each image. Images in OCI form with
           --preserve-digests; it has to convert the manifests of those in Docker's ({docker_images} of {images} here)
curl       export: GET of each unique blob, 2 at a time, no hash. import: POST for each, then PUT of each, 2 at a time,
           no hash, no manifests, no tags, largest first; the fewest processes that can do it: one curl for each step
openssl    openssl dgst -sha256 of the bundle's chunks, shared out to two processes by size
checked    after each import, untimed: every tag (of skopeo's, if not converted, and curl's blobs) is as at the source
figures    medians of {rounds} rounds in turns, every second round backwards; each column by itself;
           ratios are ratios of medians of wall time"""


class BenchError(Exception):
    """Something that is measured did not work, or cannot be started."""


# ------------------------------------------------------------------------------------------------ measuring


@dataclass(frozen=True, slots=True)
class Measured:
    """What one timed process tree took; several in a row add up."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    written_bytes: int

    def __add__(self, other: Measured) -> Measured:
        return Measured(
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_rss_bytes, other.peak_rss_bytes),
            self.written_bytes + other.written_bytes,
        )

    @classmethod
    def median_of(cls, rounds: Sequence[Measured]) -> Measured:
        """Each figure's own median."""
        return cls(
            median(each.wall_seconds for each in rounds),
            median(each.cpu_seconds for each in rounds),
            int(median(each.peak_rss_bytes for each in rounds)),
            int(median(each.written_bytes for each in rounds)),
        )


class Runner:
    """Runs process trees and measures them; their output goes to one log file."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self._environment["XDG_STATE_HOME"] = str(log.parent / "state")  # where imports leave their receipts

    def timed(self, argv: Sequence[str], *, output: Path | None = None) -> Measured:
        """Runs one command to its end.

        Args:
            argv: The command.
            output: Where its standard output goes; None for the log.

        Raises:
            BenchError: It failed.
        """
        os.sync()
        with self._log.open("wb") as log, (output or Path(os.devnull)).open("wb") as kept:
            began = time.perf_counter()
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=kept if output else log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
            _, status, usage = wait_for(child)
            wall_seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise BenchError(f"exit {child.returncode} of {shlex.join(argv)[:2000]}\n{tail_of(self._log)}")
        return Measured(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, usage.ru_oublock * 512)

    def timed_script(self, lines: Sequence[str]) -> Measured:
        """Runs lines of bash as one process tree; the first failure ends it."""
        return self.timed(["bash", "-c", "\n".join(("set -euo pipefail", *lines))])


def wait_for(child: subprocess.Popen[bytes]) -> tuple[int, int, Any]:
    """Waits for a child; when interrupted, ends it and its children: they are a process group of their own."""
    try:
        return os.wait4(child.pid, 0)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait()
        raise


def tail_of(path: Path) -> str:
    """The last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:])


# ------------------------------------------------------------------------------------------------ registries


class OwnRegistry:
    """A docker-registry with a storage of its own, on a free port of the loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OwnRegistry:
        (self._folder / "storage").mkdir(parents=True)
        config = self._folder / "config.yml"
        config.write_text(json.dumps(self._configuration()))  # JSON is YAML
        log = self._folder / "log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers(log)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        shutil.rmtree(self._folder)

    def _configuration(self) -> dict[str, Any]:
        return {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "cache": {"blobdescriptor": "inmemory"},
                "filesystem": {"rootdirectory": str(self._folder / "storage")},
            },
            "http": {"addr": self.host},
        }

    def _wait_until_it_answers(self, log: Path) -> None:
        assert self._process
        for _ in range(200):
            if self._process.poll() is not None:
                break
            with contextlib.suppress(BenchError):
                if ask(self.host, "GET", "/v2/")[0] == http.client.OK:
                    return
            time.sleep(0.05)
        raise BenchError(f"docker-registry does not start\n{tail_of(log)}")

    def _end(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()


def ask(host: str, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One question to a registry on this machine; no proxy, no redirects.

    Raises:
        BenchError: It does not answer.
    """
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, headers={"Accept": MANIFEST_TYPES})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except OSError as error:
        raise BenchError(f"{host} does not answer: {error}") from error
    finally:
        connection.close()


# ------------------------------------------------------------------------------------------------ the images


@dataclass(frozen=True, slots=True)
class Root:
    """The manifest or index of an image."""

    digest: str
    media_type: str

    @property
    def is_oci(self) -> bool:
        """Whether its form is OCI's, not Docker's."""
        return self.media_type.startswith("application/vnd.oci.")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the corpus: its name, and what the tag stands for."""

    repository: str
    tag: str
    root: Root

    @property
    def name(self) -> str:
        """As in the list."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Blob:
    """A layer or config, and a repository that has it."""

    digest: str
    size_bytes: int
    repository: str

    @property
    def path(self) -> str:
        """Its URL's path."""
        return f"/v2/{self.repository}/blobs/{self.digest}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is carried: a registry, its images, and their unique blobs, largest first."""

    host: str
    images: tuple[Image, ...]
    blobs: tuple[Blob, ...]

    @property
    def size_bytes(self) -> int:
        """Of all unique blobs."""
        return sum(blob.size_bytes for blob in self.blobs)


def read_corpus(host: str, names: Sequence[str]) -> Corpus:
    """Asks a registry what the images consist of."""
    blobs: dict[str, Blob] = {}
    images = []
    for name in names:
        repository, separator, tag = name.rpartition(":")
        if not separator:
            raise BenchError(f"not repository:tag: {name}")
        images.append(Image(repository, tag, collect_blobs(host, repository, tag, blobs)))
    return Corpus(host, tuple(images), tuple(sorted(blobs.values(), key=lambda blob: -blob.size_bytes)))


def collect_blobs(host: str, repository: str, reference: str, blobs: dict[str, Blob]) -> Root:
    """Adds the blobs of a manifest, or of all manifests of an index; returns which it is."""
    status, headers, content = ask(host, "GET", f"/v2/{repository}/manifests/{reference}")
    if status != http.client.OK:
        raise BenchError(f"{host}/{repository}:{reference}: the registry answers {status}")
    document = json.loads(content)
    for child in document.get("manifests", []):
        collect_blobs(host, repository, child["digest"], blobs)
    for part in [document["config"], *document["layers"]] if "layers" in document else []:
        blobs.setdefault(part["digest"], Blob(part["digest"], part["size"], repository))
    return Root(headers["Docker-Content-Digest"], headers["Content-Type"])


def check_tag(image: Image, host: str, *, is_same: bool = True) -> None:
    """Raises unless a tag is at a registry, and stands for what it stands for at the source if it should."""
    status, headers, _ = ask(host, "HEAD", f"/v2/{image.repository}/manifests/{image.tag}")
    if status != http.client.OK or (is_same and headers["Docker-Content-Digest"] != image.root.digest):
        raise BenchError(f"{image.name} is not at the target as it should be")


def check_blobs(corpus: Corpus, host: str) -> None:
    """Raises unless a registry has all blobs."""
    for blob in corpus.blobs:
        status, headers, _ = ask(host, "HEAD", blob.path)
        if status != http.client.OK or headers["Content-Length"] != str(blob.size_bytes):
            raise BenchError(f"{blob.digest} is not at the target")


# ------------------------------------------------------------------------------------------------ the contestants


class Contestant(Protocol):
    """A way to carry images; it keeps what it exported in a folder, and imports from there."""

    name: str

    def export(self, folder: Path) -> Measured:
        """Registry to disk."""

    def before_import(self, folder: Path) -> None:
        """Untimed: removes what would not have been carried."""

    def import_(self, folder: Path, host: str) -> Measured:
        """Disk to an empty registry."""

    def check(self, host: str) -> None:
        """Raises unless the import did its work."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A key pair."""

    private: Path
    public: Path


class Bundler:
    """The real commands, as a user types them."""

    name = "bundler"

    def __init__(self, runner: Runner, corpus: Corpus, keys: Keys, image_list: Path) -> None:
        self._runner = runner
        self._corpus = corpus
        self._keys = keys
        self._list = image_list
        image_list.write_text("".join(f"{corpus.host}/{image.name}\n" for image in corpus.images))

    def export(self, folder: Path) -> Measured:
        key = str(self._keys.private)
        return self._run("export", str(self._list), "-o", str(folder), "--key", key, "--name", "bench")

    def before_import(self, folder: Path) -> None:
        """Nothing: the bundle is all there is."""

    def import_(self, folder: Path, host: str) -> Measured:
        return self._run("import", str(folder / "bench"), *self._trust, "--to", host)

    def check(self, host: str) -> None:
        for image in self._corpus.images:
            check_tag(image, host)

    def verify(self, folder: Path) -> Measured:
        """Checks every byte."""
        return self._run("verify", str(folder / "bench"), *self._trust)

    def inspect(self, folder: Path) -> Measured:
        """Reads what the bundle says of itself."""
        return self._run("inspect", str(folder / "bench"), *self._trust)

    def help(self) -> Measured:
        """Does nothing but start."""
        return self._runner.timed([BUNDLER, "--help"])

    @property
    def _trust(self) -> tuple[str, str]:
        return "--trust", str(self._keys.public)

    def _run(self, *arguments: str) -> Measured:
        return self._runner.timed([BUNDLER, *arguments, "--quiet"])


class Skopeo:
    """What people do without such a tool: a layout, a tar, chunks, checksums and a signature, with stock tools."""

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
        if image.root.is_oci:  # skopeo 1.9 does not find the others again in a layout, so they have to be converted
            flags += " --preserve-digests"
        return f"skopeo --insecure-policy copy {flags} {quoted(source)} {quoted(target)}"


class Curl:
    """The floor: the bytes and nothing else."""

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
        """Nothing: the blobs are all there is."""

    def import_(self, folder: Path, host: str) -> Measured:
        """Uploads are begun, all of them, then used: one in a repository is as good as another."""
        locations = folder / "locations"
        begun = self._curl(folder / "post.config", [self._post(blob, host) for blob in self._corpus.blobs], locations)
        free: dict[str, list[str]] = {}
        for location in locations.read_text().split():
            free.setdefault(location.partition("/v2/")[2].partition("/blobs/uploads/")[0], []).append(location)
        puts = [self._put(folder, blob, free[blob.repository].pop()) for blob in self._corpus.blobs]
        return begun + self._curl(folder / "put.config", puts)

    def check(self, host: str) -> None:
        check_blobs(self._corpus, host)

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
            ("header", "Expect:"),  # a round trip less
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
    """As bash reads it."""
    return shlex.quote(str(path))


def escaped(value: str) -> str:
    """As curl's config files read it; its own escapes are left alone."""
    return value.replace('"', '\\"')


def hash_pair(runner: Runner, chunks: Sequence[Path]) -> Measured:
    """Two openssl side by side over some files: the least that a check of them costs on two cores."""
    shares: list[list[Path]] = [[], []]
    for chunk in sorted(chunks, key=lambda path: -path.stat().st_size):
        min(shares, key=lambda share: sum(path.stat().st_size for path in share)).append(chunk)
    commands = ["openssl dgst -sha256 " + " ".join(map(quoted, share)) for share in shares if share]
    starts = [f"{command} & p{number}=$!" for number, command in enumerate(commands)]
    return runner.timed_script([*starts, *(f"wait $p{number}" for number in range(len(commands)))])


# ------------------------------------------------------------------------------------------------ the rounds


@dataclass(slots=True)
class Samples:
    """All that was measured, by what was done and who did it, in the order of the table."""

    by_subject: dict[tuple[str, str], list[Measured]] = field(default_factory=dict)
    bundle_bytes: int = 0

    def add(self, phase: str, name: str, measured: Measured) -> None:
        """Notes one measurement."""
        self.by_subject.setdefault((phase, name), []).append(measured)
        if phase not in _START_UPS:
            print(f"  {phase} {name}: {measured.wall_seconds:.2f} s", file=sys.stderr)

    def median(self, phase: str, name: str) -> Measured:
        """Of all rounds."""
        return Measured.median_of(self.by_subject[phase, name])

    def ratio(self, phase: str, name: str, other: str) -> float:
        """Of wall times."""
        return self.median(phase, name).wall_seconds / self.median(phase, other).wall_seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: the contestants and where they work."""

    work: Path
    runner: Runner
    contestants: tuple[Contestant, ...]
    bundler: Bundler
    is_cold: bool

    def run(self, rounds: int) -> Samples:
        """All rounds, in turns; every second one backwards, so that nobody always comes after the same neighbour."""
        samples = Samples()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.2f}", file=sys.stderr)
            for contestant in self.contestants[:: -1 if number % 2 else 1]:
                self._carry(contestant, samples)
        return samples

    def _carry(self, contestant: Contestant, samples: Samples) -> None:
        folder = self.work / contestant.name
        samples.add("export", contestant.name, contestant.export(folder))
        if contestant is self.bundler:
            self._look_at_bundle(folder, samples)
        contestant.before_import(folder)
        with OwnRegistry(self.work / "target") as registry:
            self._prepare(folder)
            samples.add("import", contestant.name, contestant.import_(folder, registry.host))
            contestant.check(registry.host)
            if contestant is self.bundler:
                samples.add("import again", contestant.name, contestant.import_(folder, registry.host))
        shutil.rmtree(folder)

    def _look_at_bundle(self, folder: Path, samples: Samples) -> None:
        chunks = sorted((folder / "bench").glob("chunk-*.tar"))
        samples.bundle_bytes = sum(chunk.stat().st_size for chunk in chunks)
        self._prepare(folder)
        samples.add("verify", self.bundler.name, self.bundler.verify(folder))
        self._prepare(folder)
        samples.add("verify", "openssl", hash_pair(self.runner, chunks))
        for _ in range(START_UPS):
            samples.add("--help", self.bundler.name, self.bundler.help())
            samples.add("inspect", self.bundler.name, self.bundler.inspect(folder))

    def _prepare(self, folder: Path) -> None:
        """Brings all files of a folder into the page cache, or out of it.

        Who wrote them decides otherwise: bundler drops what it wrote from the cache, the others leave it there.
        """
        for path in files_in(folder):
            cool(path) if self.is_cold else warm(path)


def files_in(folder: Path) -> Iterator[Path]:
    """All files below a folder."""
    return (path for path in folder.rglob("*") if path.is_file())


def warm(path: Path) -> None:
    """Reads a file, so that its bytes lie in the page cache."""
    buffer = bytearray(MIB)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def cool(path: Path) -> None:
    """Drops a file's bytes from the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# ------------------------------------------------------------------------------------------------ what came out


@dataclass(frozen=True, slots=True)
class Target:
    """A figure with the limit that DESIGN.md section 8 gives it."""

    name: str
    measured: float
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it is within the limit."""
        return self.measured <= self.limit


def targets_of(samples: Samples, corpus: Corpus) -> list[Target]:
    """All targets that can be measured with these parts."""
    gib = corpus.size_bytes / GIB
    peak = max(each.peak_rss_bytes for (_, name), rounds in samples.by_subject.items() if name == "bundler"
               for each in rounds)  # fmt: skip
    export, import_ = samples.median("export", "bundler"), samples.median("import", "bundler")
    targets = [
        Target("export / skopeo pipeline", samples.ratio("export", "bundler", "skopeo"), 0.25),
        Target("import / skopeo pipeline", samples.ratio("import", "bundler", "skopeo"), 0.35),
        Target("import / curl floor", samples.ratio("import", "bundler", "curl"), 1.15),
        Target("export client CPU", export.cpu_seconds / gib, 2.2, "s/GiB"),
        Target("import client CPU", import_.cpu_seconds / gib, 1.2, "s/GiB"),
        Target("verify / openssl pair", samples.ratio("verify", "bundler", "openssl"), 1.15),
        Target("peak RSS of bundler", peak / MIB, 200, "MiB"),
        Target("bundler --help", samples.median("--help", "bundler").wall_seconds, 0.15, "s"),
    ]
    if len(corpus.images) <= 19:
        targets.append(Target("import again", samples.median("import again", "bundler").wall_seconds, 1.0, "s"))
    if export.written_bytes:  # zero on a tmpfs: nothing is meant for a device
        # A page on the border of two blobs may be dirtied by both; hence a hundredth.
        targets.append(Target("export written / bundle size", export.written_bytes / samples.bundle_bytes, 1.01))
    return targets


RATIOS = (
    ("export", "bundler", "skopeo"),
    ("export", "bundler", "curl"),
    ("import", "bundler", "skopeo"),
    ("import", "bundler", "curl"),
    ("verify", "bundler", "openssl"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is printed."""

    about: dict[str, str]
    method: str
    corpus: Corpus
    samples: Samples

    @property
    def targets(self) -> list[Target]:
        """What was aimed at, and what came out."""
        return targets_of(self.samples, self.corpus)

    def document(self) -> dict[str, Any]:
        """As one JSON document, every round included."""
        return {
            "document": "bundler.bench/1",
            "about": self.about,
            "method": self.method.splitlines(),
            "corpus": {
                "images": len(self.corpus.images),
                "blobs": len(self.corpus.blobs),
                "blobBytes": self.corpus.size_bytes,
                "bundleBytes": self.samples.bundle_bytes,
            },
            "measured": [
                {
                    "what": phase,
                    "who": name,
                    "median": asdict(Measured.median_of(rounds)),
                    "rounds": list(map(asdict, rounds)),
                }
                for (phase, name), rounds in self.samples.by_subject.items()
            ],
            "ratios": [
                {"what": phase, "who": name, "to": other, "ratio": self.samples.ratio(phase, name, other)}
                for phase, name, other in RATIOS
            ],
            "targets": [{**asdict(target), "met": target.is_met} for target in self.targets],
        }

    def lines(self) -> Iterator[str]:
        """As text."""
        yield from (f"{key:<16} {value}" for key, value in self.about.items())
        corpus = self.corpus
        size = f"{corpus.size_bytes / MIB:.0f} MiB"
        yield f"{'corpus':<16} {len(corpus.images)} images, {len(corpus.blobs)} unique blobs, {size}"
        yield from (
            "",
            f"{'':<22}{'wall s':>10}{'best s':>10}{'CPU s':>10}{'CPU s/GiB':>12}{'peak MiB':>10}{'written MiB':>13}",
        )
        for phase, name in sorted(self.samples.by_subject, key=lambda subject: _PHASES.index(subject[0])):
            yield self._row(phase, name)
        yield from ("", "ratios of wall time")
        for phase, name, other in RATIOS:
            yield f"  {phase} {name} / {other}".ljust(34) + f"{self.samples.ratio(phase, name, other):.2f}"
        yield from ("", "targets (DESIGN.md section 8)")
        for target in self.targets:
            figures = f"{target.measured:>8.2f} <= {target.limit:.2f} {target.unit}"
            yield f"  {target.name:<32}{figures:<28}{'met' if target.is_met else 'MISSED'}"
        if corpus.size_bytes < TARGET_CORPUS_BYTES:
            yield "  (set on 2.8 GiB of images: on this little, start-up weighs more than the bytes)"
        yield from ("", "how it was measured", *(f"  {line}" for line in self.method.splitlines()))

    def _row(self, phase: str, name: str) -> str:
        measured = self.samples.median(phase, name)
        best_seconds = min(each.wall_seconds for each in self.samples.by_subject[phase, name])
        per_gib = f"{measured.cpu_seconds / (self.corpus.size_bytes / GIB):.2f}" if phase in _BY_THE_BYTE else ""
        return (
            f"{phase:<13} {name:<8}{measured.wall_seconds:>10.3f}{best_seconds:>10.3f}"
            f"{measured.cpu_seconds:>10.3f}{per_gib:>12}"
            f"{measured.peak_rss_bytes / MIB:>10.0f}{measured.written_bytes / MIB:>13.1f}"
        )


def about(work: Path) -> dict[str, str]:
    """Machine and versions: figures mean little without."""
    cores = len(os.sched_getaffinity(0))
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{cpu_model()}, {cores} cores, {memory_bytes / GIB:.0f} GiB memory, Linux {platform.release()}",
        "disk": f"{first_line('stat', '-f', '-c', '%T', str(work))} at {work.parent}",
        "load at start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "bundler": first_line(BUNDLER, "--version"),
        "python": platform.python_version(),
        "skopeo": first_line("skopeo", "--version"),
        "docker-registry": first_line("docker-registry", "--version"),
        "curl": " ".join(first_line("curl", "--version").split()[:2]),
        "openssl": first_line("openssl", "version"),
    }


def cpu_model() -> str:
    """As the kernel names it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def first_line(*argv: str) -> str:
    """What a program says of itself."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("\n")[0]


def own_peak_bytes() -> int:
    """The most memory that this process ever had: a child's peak begins there, since it is forked from it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


# ------------------------------------------------------------------------------------------------ putting it together


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=Path, metavar="LIST", help="file of repository:tag lines; with --registry")
    parser.add_argument("--registry", type=loopback, metavar="HOST:PORT", help="a registry of this machine that has "
                        "them. Without both, a small corpus is made of what is installed here")  # fmt: skip
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="default: 3")
    parser.add_argument("--cold", action="store_true", help="drop the inputs of each import and verify from the page "
                        "cache beforehand, instead of reading them into it")  # fmt: skip
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the temporary folder is made")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, every round included")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target of DESIGN.md section 8 is missed")
    options = parser.parse_args(arguments)
    if bool(options.images) != bool(options.registry):
        parser.error("--images and --registry go together")
    return options


def loopback(host: str) -> str:
    """A registry on this machine: bundler would ask for TLS elsewhere, and a network would be measured instead."""
    name = host.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if name == "localhost" or ipaddress.ip_address(name).is_loopback:
            return host
    raise argparse.ArgumentTypeError(f"not HOST:PORT of this machine: {host}")


def positive(text: str) -> int:
    """A number of rounds."""
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"not a number of rounds: {text}")


@contextlib.contextmanager
def work_folder(parent: Path | None, *, is_kept: bool) -> Iterator[Path]:
    """A new folder, removed in the end."""
    if parent:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bundler-bench-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        if is_kept:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def own_corpus(runner: Runner, host: str, work: Path) -> Corpus:
    """Makes and pushes the small corpus, in a process of its own: a child's peak RSS begins with its parent's."""
    print("making a small corpus of what is installed here", file=sys.stderr)
    layers, names = work / "layers", work / "images.txt"
    runner.timed([sys.executable, str(SCRIPTS / "small_corpus.py"), host, str(layers)], output=names)
    shutil.rmtree(layers)
    return read_corpus(host, names.read_text().split())


def make_keys(folder: Path) -> Keys:
    """A key pair by ``bundler keygen``; openssl signs with it too."""
    subprocess.run([BUNDLER, "keygen", "bench", "-d", str(folder), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return Keys(folder / "bench.key", folder / "bench.pub")


def check_room(folder: Path, corpus: Corpus) -> None:
    """Raises unless the file system has room for the largest that lies there at a time."""
    needed, free = corpus.size_bytes * ROOM, shutil.disk_usage(folder).free
    if free < needed:
        raise BenchError(f"{folder} has {free / GIB:.1f} GiB free; {needed / GIB:.1f} are needed (--workdir DIR)")


def read_once(runner: Runner, corpus: Corpus, work: Path) -> None:
    """Reads the source registry's storage into the page cache, so that the first contestant does not pay for it."""
    Curl(runner, corpus).export(work / "warm")
    shutil.rmtree(work / "warm")


def measure(options: argparse.Namespace, runner: Runner, corpus: Corpus, work: Path) -> Report:
    """Everything after the images are known."""
    check_room(work, corpus)
    described = about(work)
    compileall.compile_dir(Path(bundler.__file__).parent, quiet=2)
    keys = make_keys(work)
    ours = Bundler(runner, corpus, keys, work / "list.txt")
    contestants = (ours, Skopeo(runner, corpus, keys), Curl(runner, corpus))
    read_once(runner, corpus, work)
    samples = Bench(work, runner, contestants, ours, options.cold).run(options.rounds)
    inputs = "dropped from the page cache" if options.cold else "read into the page cache"
    method = METHOD.format(
        own_mib=own_peak_bytes() / MIB,
        inputs=inputs,
        rounds=options.rounds,
        images=len(corpus.images),
        docker_images=sum(not image.root.is_oci for image in corpus.images),
    )
    return Report(described, method, corpus, samples)


def run(options: argparse.Namespace) -> Report:
    """One whole run, on the images that were named or on those made here."""
    with work_folder(options.workdir, is_kept=options.keep) as work, contextlib.ExitStack() as servers:
        runner = Runner(work / "log")
        if options.images:
            names = [line.strip() for line in options.images.read_text().splitlines()]
            corpus = read_corpus(options.registry, [name for name in names if name and not name.startswith("#")])
        else:
            source = servers.enter_context(OwnRegistry(work / "source"))
            corpus = own_corpus(runner, source.host, work)
        return measure(options, runner, corpus, work)


def main() -> int:
    """Runs, prints, and says with ``--check`` whether all targets are met."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    options = parse_arguments()
    try:
        report = run(options)
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report.document(), indent=2) if options.json else "\n".join(report.lines()))
    missed = [target.name for target in report.targets if not target.is_met]
    if options.check and missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
