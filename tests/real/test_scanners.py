"""Real scanners: ClamAV finds a marker in each kind of layer, Trivy finds planted advisories, and limits are no pass."""

from __future__ import annotations

import functools
import gzip
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from bundler.core.scan import State, Verdict
from bundler.errors import Misuse, Unavailable
from bundler.hooks import images
from bundler.hooks.clamav import Clamscan, Daemon, find_clamav
from bundler.hooks.clamd import Clamd
from bundler.hooks.engines import find_engine
from bundler.hooks.trivy import Trivy, find_trivy
from tests.support.images import artifact, simple, zstd
from tests.support.parts import require
from tests.support.scanners import (
    FIXED,
    KEY,
    LODASH,
    MARKER,
    SIGNATURE,
    TRIVY_DATABASE,
    VULNERABLE,
    RealClamd,
    clamav_database,
    debian,
    image_of,
    packed,
    trivy,
    trivy_database,
)
from tests.support.scanning import blob, image_subject

CLEAN = packed({"etc/motd": b"hello"})
MARKED = packed({"etc/motd": b"hello", "usr/bin/marked": b"\x7fELF" + bytes(3000) + MARKER})
TOO_DEEP = functools.reduce(lambda content, _: gzip.compress(content), range(120), MARKER)
"""More levels than ClamAV can be set to follow."""
INSIDE = packed({"a.tgz": gzip.compress(packed({"b.gz": gzip.compress(MARKER)}))})


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealClamd]:
    """A clamd that runs already."""
    part = RealClamd(tmp_path_factory.mktemp("clamd")).start()
    yield part
    part.stop()


def shown(verdict: Verdict) -> tuple[State, list[str]]:
    return verdict.state, [each.id for each in verdict.findings]


def check_markers(engine: Daemon | Clamscan) -> None:
    """The marker is found in each compression, in archives, in configs; not where it is not."""
    found = (State.FOUND, [f"{SIGNATURE}.UNOFFICIAL"])
    for content in (
        MARKED,
        gzip.compress(MARKED),
        zstd(MARKED),
        gzip.compress(INSIDE),
        b'{"Env": ["' + MARKER + b'"]}',
    ):
        assert shown(engine.scan(blob(content))) == found
    for content in (CLEAN, gzip.compress(CLEAN), zstd(CLEAN), b"{}", b""):
        assert shown(engine.scan(blob(content))) == (State.CLEAN, [])
    assert shown(engine.scan(blob(TOO_DEEP))) == (State.NOT_SCANNED, [])


def test_a_running_clamd_finds_a_marker_and_its_limits_are_no_pass(clamd):
    engine = find_engine(f"clamav={clamd.socket}")
    with engine:
        assert engine.identity().version.startswith("1.")
        check_markers(engine)
        for content in (
            packed({"large": os.urandom(clamd.file_bytes + 1)}),
            os.urandom(clamd.stream_bytes + 1),
            os.urandom(4 * clamd.stream_bytes),
        ):
            verdict = engine.scan(blob(content))
            assert (verdict.state, "clamd.conf" in verdict.reason) == (State.NOT_SCANNED, True), verdict


def test_a_clamd_that_hides_its_limits_is_refused(tmp_path):
    part = RealClamd(tmp_path / "clamd").start(alerts="no")
    try:
        with pytest.raises(Misuse) as caught, Daemon(nullcontext(Clamd(part.socket)), None, probe=True):
            pass
    finally:
        part.stop()
    assert caught.value.code == "scanner-limits"


def test_a_clamd_of_our_own_finds_a_marker_and_ends(tmp_path, monkeypatch):
    require("clamd")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    database = clamav_database(tmp_path / "database")
    with find_clamav(database=database) as engine:
        said = engine.identity()
        assert (said.database.startswith("sha256:"), said.database_date.startswith("20")) == (True, True)
        check_markers(engine)
        large = gzip.compress(packed({"large": bytes(60 << 20) + MARKER}))
        assert engine.scan(blob(large)).state is State.FOUND
        (process,) = [path for path in Path("/proc").glob("[0-9]*") if is_ours(path, tmp_path)]
    assert not process.exists()
    assert os.listdir(tmp_path) == ["database"]


def is_ours(process: Path, folder: Path) -> bool:
    try:
        return f"--config-file={folder}".encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_clamscan_finds_a_marker(tmp_path, monkeypatch):
    require("clamscan")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    engine = Clamscan(Path(shutil.which("clamscan") or ""), clamav_database(tmp_path / "database"))
    with engine:
        pass
    assert shown(engine.scan(blob(zstd(MARKED)))) == (State.FOUND, [f"{SIGNATURE}.UNOFFICIAL"])
    assert engine.scan(blob(gzip.compress(CLEAN))).state is State.CLEAN
    assert engine.scan(blob(TOO_DEEP)).state is State.NOT_SCANNED
    assert engine.identity().version.startswith("1.")
    assert os.listdir(tmp_path) == ["database"]


def test_without_a_database_there_is_no_scan(tmp_path):
    require("clamd", "clamscan")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/own.ndb").write_text("no signature\n")
    for folder, error in ((tmp_path / "empty", Misuse), (tmp_path / "bad", Unavailable)):
        with pytest.raises(error), find_clamav(database=folder):
            pass
    assert Clamscan(Path("/usr/bin/clamscan"), tmp_path / "bad").scan(blob(CLEAN)).state is State.ERROR


@pytest.fixture
def real_trivy(tmp_path, monkeypatch) -> Trivy:
    monkeypatch.setenv("PATH", f"{trivy().parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TRIVY_SEVERITY", "LOW")  # settings of the user change nothing
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    return find_trivy(database=trivy_database(tmp_path / "cache"))


def test_trivy_finds_advisories_and_secrets(real_trivy):
    image = debian(VULNERABLE, more={**LODASH, **KEY})
    verdict = real_trivy.scan(image_subject(image))
    assert [(each.id, each.severity.value, each.package, each.where) for each in verdict.findings] == [
        ("CVE-2099-0001", "critical", "openssl", "debian 12.5"),
        ("CVE-2099-0002", "high", "lodash", "app/node_modules/lodash/package.json"),
        ("private-key", "high", "", "/app/key.pem"),
    ]
    assert real_trivy.scan(image_subject(debian(FIXED))).state is State.CLEAN


def test_a_bundle_is_scanned_by_both(here, clamd, real_trivy, keys, tmp_path):
    image = debian(VULNERABLE, more={"usr/bin/marked": MARKER})
    image.write_layout(tmp_path / "layout", "example.org/team/app:1")
    exported = here(
        "export", f"oci:{tmp_path}/layout:example.org/team/app:1", "--name", "app", "-o", tmp_path, "--key", keys[0]
    )
    assert exported.code == 0, exported.err
    scanners = ["--with", f"clamav={clamd.socket}", "--with", "trivy", "--database", f"trivy={tmp_path}/cache"]
    done = here("scan", tmp_path / "app", "--trust", keys[1], *scanners, "-o", tmp_path / "scan.json", "--key", keys[0])
    assert done.code == 5, done.err
    for name in (f"{SIGNATURE}.UNOFFICIAL", "CVE-2099-0001"):
        assert name in (tmp_path / "scan.json").read_text()


def test_trivy_reads_from_the_chunks_and_damage_is_damage(here, real_trivy, keys, tmp_path, monkeypatch):
    """Of the layers nothing is written to scratch before Trivy has it."""
    image = debian(FIXED, more={"usr/share/data": os.urandom(6 << 20)})
    image.write_layout(tmp_path / "layout", "registry.example.org:8443/team/app:1")
    image_list = f"oci:{tmp_path}/layout:registry.example.org:8443/team/app:1"
    exported = here("export", image_list, "--name", "app", "-o", tmp_path, "--key", keys[0])
    assert exported.code == 0, exported.err
    monkeypatch.setattr(images, "_write_layout", pytest.fail)
    scan = [
        "scan",
        tmp_path / "app",
        "--trust",
        keys[1],
        "--with",
        "trivy",
        "--database",
        tmp_path / "cache",
        "--again",
    ]
    done = here(*scan, "-o", tmp_path / "scan.json")
    assert done.code == 0, done.err
    (chunk,) = (tmp_path / "app").glob("chunk-*.tar")
    with chunk.open("r+b") as file:
        file.seek(4 << 20)
        file.write(b"damaged")
    done = here(*scan, "-o", tmp_path / "other.json")
    assert done.code == 4, done.err
    assert not (tmp_path / "other.json").exists()


def test_trivy_says_of_what_it_knows_nothing(real_trivy):
    for image, reason in (
        (simple("scratch"), "no packages"),
        (image_of({"etc/os-release": b"ID=debian\nVERSION_ID=12\n"}), "no packages"),
        (artifact("chart"), "no packages"),
        (debian(FIXED, release="8"), "its support has ended"),
    ):
        verdict = real_trivy.scan(image_subject(image))
        assert (verdict.state, reason in verdict.reason) == (State.NOT_SCANNED, True), verdict


def test_trivy_has_a_database_with_a_date(real_trivy, tmp_path):
    said = real_trivy.identity()
    assert (said.version[:2], said.database_date) == (
        "0.",
        json.loads((TRIVY_DATABASE / "metadata.json").read_text())["UpdatedAt"],
    )
    (tmp_path / "cache/db/metadata.json").unlink()
    with pytest.raises(Misuse) as caught:
        real_trivy.identity()
    assert caught.value.code == "scanner-database"
    (tmp_path / "cache/db/trivy.db").write_bytes(bytes(70_000))
    assert real_trivy.scan(image_subject(debian(VULNERABLE))).state is State.ERROR
