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
from benchmarks import small_images
from benchmarks.comparison import Comparison
from benchmarks.contestants import BUNDLER, Bundler, Contestant, Curl, Keys, Skopeo
from benchmarks.corpus import Corpus, read_corpus
from benchmarks.feature import Setting
from benchmarks.features import FEATURES, run_features
from benchmarks.machine import Memory, servers_at
from benchmarks.measuring import GIB, MIB, QUIET_CORES, BenchError, Runner, peak_bytes
from benchmarks.peers import missing_peers, peers_here
from benchmarks.registry import OwnRegistry
from benchmarks.report import Report, about, write_into
from benchmarks.rounds import Bench
from benchmarks.slow import run_slow

EXAMPLES = """\
Examples:
  scripts/bench                            # bundler, skopeo, curl and who else is here, with a small corpus
  scripts/bench --delta --parity           # only these features
  scripts/bench --features --check         # all features; exit 1 if a target is missed
  scripts/bench --images LIST --registry 127.0.0.1:5000 --rounds 5 --slow --write docs/performance.md README*.md

"""
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
           they are on PATH; none of them checks or signs what it carries
openssl    openssl dgst -sha256 of the bundle's chunks, shared out to two processes by size. sha256sum: -c SHA256SUMS
checked    after each import, untimed: every tag (of skopeo's, if not converted, and curl's blobs) is as at the source
figures    medians of the rounds in turns ({rounds}), every second round backwards; each column by itself;
           ratios are ratios of medians of wall time"""


class Parser(argparse.ArgumentParser):
    """Help that begins with examples."""

    def format_help(self) -> str:
        return EXAMPLES + super().format_help()


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The values of the command line."""
    parser = Parser(prog="scripts/bench", usage="%(prog)s [OPTIONS]", description=benchmarks.__doc__)
    parts = parser.add_argument_group("parts", "Without one of these, export, import and verify of all contestants.")
    parts.add_argument("--slow", action="store_true", help="these, and a medium of 20 MB/s and a registry 50 ms away")
    for flag in FEATURES:
        parts.add_argument(
            f"--{flag.name}", dest="features", action="append_const", const=flag.name, default=[], help=flag.help
        )
    parts.add_argument("--features", dest="every", action="store_true", help="all but --slow and the contestants")
    parts.add_argument("--all", action="store_true", help="everything")
    parts.add_argument("--small", type=positive, metavar="N", help="only imports of N images of three tiny blobs, next "
                       "to skopeo, and to crane or its requests")  # fmt: skip
    images = parser.add_argument_group("images", "Without these, a small corpus is made of what is installed here.")
    images.add_argument("--images", type=Path, metavar="LIST", help="file of repository:tag lines; with --registry")
    images.add_argument("--registry", type=loopback, metavar="HOST:PORT", help="a registry of this machine that has "
                        "them; nothing is pushed to it")  # fmt: skip
    how = parser.add_argument_group("how")
    how.add_argument("--rounds", type=positive, default=3, metavar="N", help="default: 3")
    how.add_argument("--cold", action="store_true", help="drop the inputs of each import and verify from the page "
                     "cache beforehand, instead of reading them into it")  # fmt: skip
    how.add_argument("--as-is", action="store_true", help="do not fill free memory with clean cache before each "
                     "timed step")  # fmt: skip
    how.add_argument("--workdir", type=Path, metavar="DIR", help="where the temporary folder is made")
    how.add_argument("--keep", action="store_true", help="keep the temporary folder")
    result = parser.add_argument_group("result")
    result.add_argument("--json", action="store_true", help="one JSON document on stdout, every round included")
    result.add_argument("--write", type=Path, nargs="+", default=[], metavar="PAGE", help="put the measured parts into "
                        "pages, between their marks")  # fmt: skip
    result.add_argument("--check", action="store_true", help="exit 1 if a target is missed, or has no quiet round")
    options = parser.parse_args(arguments)
    if bool(options.images) != bool(options.registry):
        parser.error("--images and --registry go together")
    if options.every or options.all:
        options.features = [flag.name for flag in FEATURES]
    options.slow = options.slow or options.all
    options.compares = options.slow or not options.features
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


def compare(options: argparse.Namespace, setting: Setting, memory: Memory) -> Comparison:
    """Measures all contestants."""
    corpus, runner, work = setting.corpus, setting.runner, setting.work
    ours, peers = setting.bundler, peers_here(runner, corpus)
    contestants: tuple[Contestant, ...] = (ours, *peers, Skopeo(runner, corpus, setting.keys), Curl(runner, corpus))
    samples = Bench(work, runner, contestants, ours, options.cold).run(options.rounds)
    slow = tuple(run_slow(ours, corpus, runner, work)) if options.slow else ()
    method = METHOD.format(
        own_mib=peak_bytes() / MIB,
        inputs="dropped from the page cache" if options.cold else "read into the page cache",
        memory=memory,
        quiet=QUIET_CORES,
        rounds=options.rounds,
        images=len(corpus.images),
        docker_images=sum(not image.root.is_oci for image in corpus.images),
    )
    return Comparison(corpus, samples, method, tuple(missing_peers()), slow)


def measure(options: argparse.Namespace, runner: Runner, memory: Memory, corpus: Corpus, work: Path) -> Report:
    """Measures everything, once the images are known."""
    check_room(work, corpus)
    described = about(work)
    compileall.compile_dir(Path(bundler.__file__).parent, quiet=2)
    keys = make_keys(work)
    ours = Bundler(runner, corpus, keys, work / "list.txt")
    setting = Setting(corpus, keys, runner, ours, work, options.rounds)
    read_once(runner, corpus, work)
    comparison = compare(options, setting, memory) if options.compares else None
    return Report(described, comparison, tuple(run_features(options.features, setting)))


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
        if options.small:
            small_images.measure(options.small, options.rounds, options.workdir)
            return 0
        report = run(options)
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report.document(), indent=2) if options.json else "\n".join(report.lines()))
    for page in options.write:
        write_into(page, report)
    missed = [target.name for target in report.targets if not target.is_met]
    if options.check and missed:
        print(f"missed, or not judged: {', '.join(missed)}", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
