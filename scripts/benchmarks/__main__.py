"""The command: ``scripts/bench``."""

from __future__ import annotations

import argparse
import compileall
import contextlib
import ipaddress
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import benchmarks
import bundler
from benchmarks.contestants import BUNDLER, Bundler, Contestant, Curl, Keys, Skopeo
from benchmarks.corpus import Corpus, read_corpus
from benchmarks.machine import Memory, servers_at
from benchmarks.measuring import GIB, MIB, QUIET_CORES, BenchError, Runner, own_peak_bytes
from benchmarks.peers import missing_peers, peers_here
from benchmarks.registry import OwnRegistry
from benchmarks.report import Report, about, write_into
from benchmarks.rounds import Bench
from benchmarks.s3 import run_s3
from benchmarks.scans import run_scan
from benchmarks.serving import run_serve
from benchmarks.slow import run_slow

SCRIPTS = Path(__file__).resolve().parent
ROOM = 5
"""The free space to require, in sizes of the images: skopeo's layout, its chunks, their unpacked form, a registry."""
METHOD = """\
wall       monotonic clock around one process tree, started after os.sync() so that no earlier write-back disturbs it.
           best: the fastest round that counts
+sync      wall, and the time of `sync -f` after it: bundler's export alone waits until its bytes are on the device
others     processors that other processes and the kernel used then, from /proc/stat, without the registries.
           Rounds with more than {quiet} are left out; rounds: those that count, of all. With none, all count, and no
           target is judged by them
memory     {memory}
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
peers      imgpkg: copy --lock --to-tar; copy --tar --to-repo, one repository without tags. crane: pull --format=oci,
           all into one layout; push, a layout of each image. regctl: image copy of each, to and from one layout. Where
           they are on PATH (not here: {missing}); none of them checks or signs what it carries
openssl    openssl dgst -sha256 of the bundle's chunks, shared out to two processes by size. sha256sum: -c SHA256SUMS
checked    after each import, untimed: every tag (of skopeo's, if not converted, and curl's blobs) is as at the source
figures    medians of {rounds} rounds in turns, every second round backwards; each column by itself;
           ratios are ratios of medians of wall time"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The values of the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(benchmarks.__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=Path, metavar="LIST", help="file of repository:tag lines; with --registry")
    parser.add_argument("--registry", type=loopback, metavar="HOST:PORT", help="a registry of this machine that has "
                        "them. Without both, a small corpus is made of what is installed here")  # fmt: skip
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="default: 3")
    parser.add_argument("--cold", action="store_true", help="drop the inputs of each import and verify from the page "
                        "cache beforehand, instead of reading them into it")  # fmt: skip
    parser.add_argument("--as-is", action="store_true", help="do not fill free memory with clean cache before each "
                        "timed step")  # fmt: skip
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the temporary folder is made")
    parser.add_argument("--slow", action="store_true", help="also with a medium of 20 MB/s and a registry 50 ms away")
    parser.add_argument("--scan", action="store_true", help="also a scan by a clamd that is started here")
    parser.add_argument("--serve", action="store_true", help="also pulls from bundler serve and from docker-registry")
    parser.add_argument("--s3", action="store_true", help="also with bundles in S3, next to boto3 alone")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, every round included")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the result into a page, between its two marks")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed, or has no quiet round")
    options = parser.parse_args(arguments)
    if bool(options.images) != bool(options.registry):
        parser.error("--images and --registry go together")
    return options


def loopback(host: str) -> str:
    """Accepts only a registry on this machine: others need TLS, and the network would be measured."""
    name = host.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if name == "localhost" or ipaddress.ip_address(name).is_loopback:
            return host
    raise argparse.ArgumentTypeError(f"not HOST:PORT of this machine: {host}")


def positive(text: str) -> int:
    """Accepts a number of rounds."""
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"not a number of rounds: {text}")


@contextlib.contextmanager
def work_folder(parent: Path | None, *, is_kept: bool) -> Iterator[Path]:
    """Makes a new folder, and removes it in the end."""
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
    """Makes and pushes the small corpus in a child: the peak RSS of this process would count for later children."""
    print("making a small corpus of what is installed here", file=sys.stderr)
    layers, names = work / "layers", work / "images.txt"
    runner.timed([sys.executable, str(SCRIPTS / "small_corpus.py"), host, str(layers)], output=names)
    shutil.rmtree(layers)
    return read_corpus(host, names.read_text().split())


def make_keys(folder: Path) -> Keys:
    """Makes a key pair with ``bundler keygen``; openssl signs with it too."""
    subprocess.run([BUNDLER, "keygen", "bench", "-d", str(folder), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return Keys(folder / "bench.key", folder / "bench.pub")


def check_room(folder: Path, corpus: Corpus) -> None:
    """Raises unless the file system has room for all that is there at the same time."""
    needed, free = corpus.size_bytes * ROOM, shutil.disk_usage(folder).free
    if free < needed:
        raise BenchError(f"{folder} has {free / GIB:.1f} GiB free; {needed / GIB:.1f} are needed (--workdir DIR)")


def read_once(runner: Runner, corpus: Corpus, work: Path) -> None:
    """Reads the source registry's storage into the page cache, so that the first contestant does not pay for it."""
    Curl(runner, corpus).export(work / "warm")
    shutil.rmtree(work / "warm")


def measure(options: argparse.Namespace, runner: Runner, memory: Memory, corpus: Corpus, work: Path) -> Report:
    """Measures everything, once the images are known."""
    check_room(work, corpus)
    described = about(work)
    compileall.compile_dir(Path(bundler.__file__).parent, quiet=2)
    keys = make_keys(work)
    ours = Bundler(runner, corpus, keys, work / "list.txt")
    peers = peers_here(runner, corpus)
    contestants: tuple[Contestant, ...] = (ours, *peers, Skopeo(runner, corpus, keys), Curl(runner, corpus))
    read_once(runner, corpus, work)
    samples = Bench(work, runner, contestants, ours, options.cold).run(options.rounds)
    slow = tuple(run_slow(ours, corpus, runner, work)) if options.slow else ()
    scanned = run_scan(ours, corpus, work) if options.scan else None
    served = run_serve(ours, Curl(runner, corpus), corpus, work, options.rounds) if options.serve else None
    in_s3 = tuple(run_s3(corpus, keys, work)) if options.s3 else ()
    inputs = "dropped from the page cache" if options.cold else "read into the page cache"
    method = METHOD.format(
        own_mib=own_peak_bytes() / MIB,
        inputs=inputs,
        memory=memory,
        quiet=QUIET_CORES,
        rounds=options.rounds,
        images=len(corpus.images),
        missing=", ".join(missing_peers()) or "none",
        docker_images=sum(not image.root.is_oci for image in corpus.images),
    )
    return Report(described, method, corpus, samples, slow, scanned, served, in_s3)


def run(options: argparse.Namespace) -> Report:
    """Does one whole run, with the images that were named or with those made here."""
    with work_folder(options.workdir, is_kept=options.keep) as work, contextlib.ExitStack() as servers:
        memory = Memory(work)
        runner = Runner(work / "log", None if options.as_is else memory)
        if options.images:
            names = [line.strip() for line in options.images.read_text().splitlines()]
            corpus = read_corpus(options.registry, [name for name in names if name and not name.startswith("#")])
        else:
            source = servers.enter_context(OwnRegistry(work / "source"))
            corpus = own_corpus(runner, source.host, work)
        for server in servers_at([corpus.host]):
            servers.enter_context(runner.counting(server))
        return measure(options, runner, memory, corpus, work)


def main() -> int:
    """Runs and prints; with ``--check`` the exit code is 1 if a target is missed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that child processes are ended
    options = parse_arguments()
    try:
        report = run(options)
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report.document(), indent=2) if options.json else "\n".join(report.lines()))
    if options.write:
        write_into(options.write, report)
    missed = [target.name for target in report.targets if not target.is_met]
    if options.check and missed:
        print(f"missed, or not judged: {', '.join(missed)}", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
