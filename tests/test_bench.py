"""`scripts/bench` leaves out what other processes disturbed, says what it could not do, and judges nothing by it."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks import attachments, delta, machine, measuring  # noqa: E402
from benchmarks.__main__ import make_keys, parse_arguments  # noqa: E402
from benchmarks.comparison import Comparison  # noqa: E402
from benchmarks.contestants import Bundler  # noqa: E402
from benchmarks.corpus import Blob, Corpus, Image, Root  # noqa: E402
from benchmarks.feature import Feature, Setting, left_out  # noqa: E402
from benchmarks.features import FEATURES, run_features  # noqa: E402
from benchmarks.machine import Memory, servers_at  # noqa: E402
from benchmarks.measuring import Measured, Runner  # noqa: E402
from benchmarks.peers import PEERS, Crane, missing_peers, peers_here  # noqa: E402
from benchmarks.registry import OwnRegistry  # noqa: E402
from benchmarks.report import Report, write_into  # noqa: E402
from benchmarks.rounds import Samples  # noqa: E402
from benchmarks.speed_table import LANGUAGES  # noqa: E402
from benchmarks.targets import Target, targets_of  # noqa: E402

from tests.support.reading import blocks  # noqa: E402

QUIET = Measured(1.0, 1.0, 20 << 20, 1000, 0.0, 0.1)
BUSY = replace(QUIET, wall_seconds=50.0, other_cores=0.5)
CORPUS = Corpus(
    "127.0.0.1:5000",
    (
        Image("a/b", "1", Root("sha256:aa", "application/vnd.oci.image.index.v1+json")),
        Image("c", "2", Root("sha256:bb", "application/vnd.oci.image.manifest.v1+json")),
    ),
    (Blob("sha256:cc", 1 << 30, "a/b"),),
)
PHASES = (
    *((phase, name) for phase in ("export", "import") for name in ("bundler", "curl")),
    *(("verify", name) for name in ("bundler", "openssl", "sha256sum")),
    *((phase, "bundler") for phase in ("--help", "inspect", "import again")),
)


def samples_of(changed: dict[tuple[str, str], list[Measured]], phases=PHASES) -> Samples:
    """One quiet round of everything, but for some."""
    return Samples({phase: [QUIET] for phase in phases} | changed, bundle_bytes=1000)


def judged(samples: Samples) -> dict[str, Target]:
    return {target.name: target for target in targets_of(samples, CORPUS, ())}


def test_rounds_with_busy_neighbours_do_not_count():
    samples = samples_of({("import", "bundler"): [BUSY, QUIET, BUSY]})
    assert samples.median("import", "bundler") == QUIET
    assert samples.ratio(("import", "bundler"), ("import", "curl")) == 1.0


def test_without_a_quiet_round_nothing_is_judged():
    targets = judged(samples_of({("import", "curl"): [BUSY], ("verify", "bundler"): [BUSY]}))
    assert {name for name, target in targets.items() if not target.is_judged} == {
        "import / curl",
        "verify / sha256sum",
        "verify / two passes of openssl",
    }
    assert not targets["import / curl"].is_met, "it is far below the limit, but says nothing"
    assert targets["import / curl"].verdict == "not judged"


def test_exports_are_compared_when_all_is_on_the_device():
    synced = replace(QUIET, sync_seconds=1.0)
    targets = judged(samples_of({("export", "curl"): [synced]}))
    assert targets["export / curl, both with sync"].measured == 0.5
    assert targets["import / curl"].verdict == "MISSED", "as fast as the floor is not enough"


def test_peers_are_judged_where_they_are():
    assert not any("imgpkg" in name or "crane" in name for name in judged(samples_of({})))
    peers = {("export", "imgpkg"): [QUIET], ("import", "imgpkg"): [QUIET], ("import", "crane"): [QUIET]}
    assert {"export / imgpkg, both with sync", "import / imgpkg", "import / crane"} < set(judged(samples_of(peers)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what all processes, and the servers, have taken by then."""

    def set_to(busy: list[float], served: list[float]) -> None:
        monkeypatch.setattr(measuring, "busy_seconds", lambda: busy.pop(0))
        monkeypatch.setattr(measuring, "cpu_seconds", lambda process: served.pop(0))

    return set_to


def test_the_work_of_a_registry_is_no_foreign_work(tmp_path, clock):
    runner = Runner(tmp_path / "log")
    clock([0.0, 1000.0], [])
    assert not runner.timed(["true"]).is_quiet
    clock([0.0, 1000.0], [7.0, 1007.0])
    with runner.counting(1):
        assert runner.timed(["true"]).is_quiet


def test_a_registry_is_found_by_its_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert servers_at([f"127.0.0.1:{address[1]}"]) == {os.getpid()}
        with socket.create_connection(address) as client:
            assert servers_at([f"127.0.0.1:{client.getsockname()[1]}"]) == set(), "a client is no server"


@pytest.mark.parametrize("works", [True, False])
def test_memory_is_filled_until_little_is_free_or_that_is_said_to_fail(tmp_path, monkeypatch, works):
    facts = {"MemTotal": 2 << 30, "MemFree": 1 << 30}

    def read(descriptor: int, offset: int, size: int, advice: int) -> None:
        assert os.fstat(descriptor).st_size >= offset + size, "nothing is read after the end"
        facts["MemFree"] -= size * works

    monkeypatch.setattr(machine, "memory_bytes", facts.__getitem__)
    monkeypatch.setattr(os, "posix_fadvise", read)
    memory = Memory(tmp_path)
    memory.fill()
    assert (facts["MemFree"] == 128 << 20) is works, "a sixteenth stays"
    assert ("could not be filled before 1 of 1" in str(memory)) is not works
    assert (tmp_path / "zeros").stat().st_blocks == 0


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Path:
    """Substitutes of the peers, which write down how they were started: the real ones are in no package index."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for peer in PEERS:
        (folder / peer.name).write_text(f'#!/bin/sh\necho {peer.name} "$@" >> {tmp_path}/started\n')
        (folder / peer.name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path / "started"


def test_peers_on_the_path_are_contestants(programs, tmp_path):
    assert missing_peers() == []
    imgpkg, _, regctl = peers_here(Runner(tmp_path / "log"), CORPUS)
    a, b = tmp_path / "a", tmp_path / "b"
    imgpkg.export(a)
    imgpkg.import_(a, "host:1")
    regctl.export(b)
    regctl.import_(b, "host:1")
    assert (a / "lock.yml").read_text().count("- image: 127.0.0.1:5000/") == 2
    assert programs.read_text().splitlines() == [
        f"imgpkg copy --registry-insecure --lock {a}/lock.yml --to-tar {a}/all.tar",
        f"imgpkg copy --registry-insecure --tar {a}/all.tar --to-repo host:1/imgpkg/all",
        f"regctl --host reg=127.0.0.1:5000,tls=disabled image copy 127.0.0.1:5000/a/b:1 ocidir://{b}/layout:i0",
        f"regctl --host reg=127.0.0.1:5000,tls=disabled image copy 127.0.0.1:5000/c:2 ocidir://{b}/layout:i1",
        f"regctl --host reg=host:1,tls=disabled image copy ocidir://{b}/layout:i0 host:1/a/b:1",
        f"regctl --host reg=host:1,tls=disabled image copy ocidir://{b}/layout:i1 host:1/c:2",
    ]


def test_crane_pushes_a_layout_of_each_image(programs, tmp_path):
    crane, folder = Crane(Runner(tmp_path / "log"), CORPUS), tmp_path / "c"
    crane.export(folder)
    (folder / "layout/blobs/sha256").mkdir(parents=True)
    (folder / "layout/oci-layout").write_text("{}")
    for image in CORPUS.images:
        (folder / "layout/blobs" / image.root.digest.replace(":", "/")).write_text("manifest")
    crane.before_import(folder)
    crane.import_(folder, "host:1")
    assert programs.read_text().splitlines() == [
        f"crane pull --insecure --format=oci 127.0.0.1:5000/a/b:1 127.0.0.1:5000/c:2 {folder}/layout",
        f"crane push --insecure {folder}/0 host:1/a/b:1",
        f"crane push --insecure {folder}/1 host:1/c:2",
    ]
    (manifest,) = json.loads((folder / "1/index.json").read_text())["manifests"]
    assert manifest == {"mediaType": CORPUS.images[1].root.media_type, "digest": "sha256:bb", "size": 8}
    assert (folder / "1/blobs/sha256/bb").read_text() == "manifest"


EVERY = [flag.name for flag in FEATURES]


@pytest.mark.parametrize(
    ("arguments", "compares", "slow", "features"),
    [
        ("", True, False, []),
        ("--slow", True, True, []),
        ("--serve --delta", False, False, ["serve", "delta"]),
        ("--slow --scan", True, True, ["scan"]),
        ("--features", False, False, EVERY),
        ("--all", True, True, EVERY),
    ],
)
def test_flags_name_what_is_measured(arguments, compares, slow, features):
    options = parse_arguments(arguments.split())
    assert (options.compares, options.slow, options.features) == (compares, slow, features)


def test_help_opens_with_examples_that_are_understood(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    head, *examples = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert head == "Examples:"
    assert len(examples) > 2
    for example in examples:
        parse_arguments(example.partition("#")[0].split()[1:])


def test_the_commands_of_the_page_are_understood():
    (block,) = blocks("performance.md")
    lines = block.replace("HOST:PORT", "127.0.0.1:5000").splitlines()
    commands = [line.partition("#")[0].split() for line in lines if line.startswith("scripts/bench")]
    assert len(commands) > 3
    for _, *words in commands:
        parse_arguments(words)


ABOUT = {
    "date": "2026-01-02T03:04:05+00:00",
    "machine": "a processor, 2 cores",
    "load at start": "0.10 0.20 0.30",
    "commit": "abc",
    "docker-registry": "docker-registry github.com/docker/distribution 2.8.2+ds1",
}
EXTRA = Feature(
    "delta",
    "2 images",
    Samples({("export", "--since"): [QUIET], ("export", "plain"): [BUSY]}),
    "carried: chunks",
    notes={("export", "--since"): "1.5 MiB carried"},
    ratios=((("export", "--since"), ("export", "plain")),),
    targets=(Target("delta, plan", 3.0, 2.0, "s"),),
)


def report_of(changed: dict[tuple[str, str], list[Measured]] | None = None) -> Report:
    phases = [*PHASES, ("export", "skopeo"), ("import", "skopeo")]
    return Report(ABOUT, Comparison(CORPUS, samples_of(changed or {}, phases), "method", ("crane",)), (EXTRA,))


def test_a_feature_is_in_the_report_with_its_notes_ratios_and_targets():
    text = "\n".join(report_of().lines())
    assert "crane: they did not take part" in text
    assert "delta: 2 images" in text
    assert "1.5 MiB carried" in text
    assert "export --since / plain" in text
    assert "no quiet round, so all rounds count and no target is judged: export plain" in text
    assert "MISSED" in next(line for line in text.splitlines() if "delta, plan" in line)
    assert not report_of().targets[-1].is_met, "--check judges it"
    assert report_of().document()["features"][0]["notes"][0]["note"] == "1.5 MiB carried"


def test_a_busy_machine_gets_a_report_that_says_so():
    busy = {subject: [BUSY] for subject in (*PHASES, ("export", "skopeo"), ("import", "skopeo"))}
    report = report_of(busy)
    assert any(line.startswith("BUSY MACHINE") for line in report.lines())
    assert "these figures are rough" in "\n".join(report.parts()["speed en"])
    assert not any(line.startswith("BUSY MACHINE") for line in report_of().lines())


def test_a_page_gets_the_parts_that_were_measured_and_keeps_the_others(tmp_path):
    page = tmp_path / "page.md"
    marks = {name: [f"<!-- measured {name}: {edge} -->" for edge in ("begin", "end")] for name in ("delta", "s3")}
    page.write_text("".join(f"# {name}\n{begin}\nold {name}\n{end}\n" for name, (begin, end) in marks.items()))
    report = replace(report_of(), comparison=None, features=(EXTRA, left_out("s3", "boto3 is not installed")))
    write_into(page, report)
    text = page.read_text()
    assert "old delta" not in text
    assert "commit           abc" in text
    assert "old s3" in text, "what was left out takes nothing away"
    write_into(page, report)
    assert page.read_text() == text
    page.write_text("no marks\n")
    with pytest.raises(measuring.BenchError, match="no marks for delta"):
        write_into(page, report)


@pytest.mark.parametrize(("page", "names"), [
    ("docs/performance.md", ["comparison", *EVERY]), ("README.md", ["speed en"]), ("README.zh-CN.md", ["speed zh"]),
])  # fmt: skip
def test_the_pages_have_a_place_for_each_part(page, names):
    text = (ROOT / page).read_text()
    for name in names:
        begin, end = (f"<!-- measured {name}: {edge} -->" for edge in ("begin", "end"))
        assert text.count(begin) == text.count(end) == 1, name
        assert text.index(begin) < text.index(end)


def test_both_readmes_get_the_same_figures():
    tables = {language: report_of().parts()[f"speed {language}"] for language in LANGUAGES}
    figures = {name: [row.split("|")[2:] for row in rows[rows.index("") + 2 :]] for name, rows in tables.items()}
    assert figures["en"] == figures["zh"]
    assert figures["en"][1][:3] == [" 1.0 s, 1.0 s/GiB "] * 3
    assert "docker-registry 2.8.2" in tables["zh"][0]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """Three tiny images in a registry, and one round."""
    work = tmp_path_factory.mktemp("bench")
    runner = Runner(work / "log")
    with OwnRegistry(work / "source") as source:
        corpus = attachments.push_signed(source.host, 3)
        keys = make_keys(work)
        yield Setting(corpus, keys, runner, Bundler(runner, corpus, keys, work / "list.txt"), work, 1)


@pytest.mark.parametrize(("name", "phases", "other", "words"), [
    ("delta", ["plan", "export", "plan of many"], ("--since", "plain"), ["1 images are new", "MiB carried"]),
    ("attachments", ["export", "import"], ("with", "without"), ["2 tiny images", "requests"]),
    ("parity", ["make", "repair"], ("bundler", "par2"), ["1 group"]),
])  # fmt: skip
def test_a_tiny_run_of(name, phases, other, words, setting, monkeypatch):
    monkeypatch.setattr(delta, "MANY_IMAGES", 5)
    monkeypatch.setattr(attachments, "IMAGES", 2)
    (feature,) = run_features([name], setting)
    assert {(phase, who) for phase in phases for who in other} == set(feature.samples.by_subject)
    text = "\n".join(feature.lines())
    assert all(word in text for word in words)
    assert not (setting.work / name).exists()
    if name == "attachments":
        requests = {subject: int(note.split()[0]) for subject, note in feature.notes.items()}
        assert requests["import", "with"] > requests["import", "without"]
    if name == "delta":
        carried = {who: float(note.split()[0]) for (_, who), note in feature.notes.items()}
        assert carried["--since"] < carried["plain"]
