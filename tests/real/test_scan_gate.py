"""A bundle through a scanner and to a registry: an officer signs the record, and the importer demands it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran, write_list
from tests.support.documents import faults
from tests.support.parts import RealRegistry, require
from tests.support.scanners import clamav_database
from tests.support.tables import each_case

SCANNER = """\
import os, sys
content = sys.stdin.buffer.read()
with open({log!r}, "a") as log:
    log.write(os.environ["BUNDLER_DIGEST"] + "\\n")
if {marker!r}.encode() in content:
    print("Toy.Marker\\tcritical\\ta planted marker")
    sys.exit(1)
"""


@pytest.fixture
def officer(here: Callable[..., Ran], tmp_path: Path) -> Path:
    assert here("keygen", "officer", "-d", tmp_path, "-q").code == 0
    return tmp_path / "officer.key"


@pytest.fixture
def scanner(tmp_path: Path) -> Callable[[str], str]:
    """A scanner of the user's: a program that looks for a word, and writes down what it has seen."""

    def command(word: str) -> str:
        program = tmp_path / "scanner.py"
        program.write_text(SCANNER.format(log=str(tmp_path / "seen"), marker=word))
        return f"toy={shlex.join([sys.executable, str(program)])}"

    return command


def test_a_record_by_the_officer_opens_the_gate_and_nothing_else_does(
    here: Callable[..., Ran],
    exported: Callable[..., Path],
    keys: tuple[Path, Path],
    officer: Path,
    scanner: Callable[[str], str],
    target: RealRegistry,
    tmp_path: Path,
) -> None:
    bundle, public = exported("library/oci:1", "team/zstd:1"), keys[1]
    record = bundle.with_name("test.scan.json")
    into = ("--trust", public, "--to", target.host, "-q")
    demand = ("--require-scan", "toy", "--scan-trust", officer.with_suffix(".pub"), "--scan-age", "7d")
    no_date = ("--require-scan", "toy", "--scan-trust", officer.with_suffix(".pub"))

    refused = here("import", bundle, *into, *no_date)
    assert (refused.code, target.blobs) == (5, set())
    assert "scan-missing" in refused.err

    scan = ("scan", bundle, "--trust", public, "-o", record, "--key", officer, "-q", "--json")
    scanned = here(*scan, "--with", scanner("no such word"), "--sarif", tmp_path / "scan.sarif")
    assert scanned.code == 0, scanned.err
    blobs = [blob["digest"] for blob in json.loads((bundle / "bundle.json").read_bytes())["blobs"]]
    assert sorted((tmp_path / "seen").read_text().split()) == sorted(blobs), "each blob once"
    assert scanned.json["scanners"][0]["objects"] == {"clean": len(blobs)}
    assert faults(json.loads(record.read_bytes())) == []
    assert json.loads((tmp_path / "scan.sarif").read_bytes())["version"] == "2.1.0"
    key_id = scanned.json["keyId"]
    subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", officer.with_suffix(".pub"), "-in", record,
         "-sigfile", record.with_name(f"{record.name}.{key_id}.sig")], check=True, capture_output=True,
    )  # fmt: skip

    assert here("import", bundle, *into, "--require-scan", "toy").code == 5, "the key of the officer is not named"
    assert here("import", bundle, *into, *demand).code == 5, "the database has no date"
    assert target.blobs == set()
    verified = here("verify", bundle, "--trust", public, *no_date, "-q", "--json")
    assert [each["result"] for each in verified.json["scans"]] == ["passed"]
    imported = here("import", bundle, *into, *no_date, "--json", "--receipt", tmp_path / "receipt.json")
    assert imported.code == 0, imported.err
    assert imported.json["scans"][0]["record"] == scanned.json["id"]
    assert target.tags == {"library/oci": ["1"], "team/zstd": ["1"]}
    shown = here("receipt", "show", tmp_path / "receipt.json")
    assert key_id in shown.out


def test_a_bundle_in_which_something_was_found_is_refused_by_name(
    here: Callable[..., Ran],
    exported: Callable[..., Path],
    keys: tuple[Path, Path],
    officer: Path,
    scanner: Callable[[str], str],
    target: RealRegistry,
    tmp_path: Path,
) -> None:
    bundle, public = exported("library/oci:1", "team/zstd:1"), keys[1]
    record, waivers = tmp_path / "record.json", tmp_path / "waivers.yaml"
    scan = ("scan", bundle, "--trust", public, "--key", officer, "-q", "--with", scanner("data/zstd"))
    scanned = here(*scan, "-o", record)
    assert scanned.code == 5
    assert "Toy.Marker (critical)" in scanned.out
    demand = ("--require-scan", "toy", "--scan-trust", officer.with_suffix(".pub"))
    into = ("import", bundle, "--trust", public, "--to", target.host, "-q", *demand, "--scan-record")
    refused = here(*into, record)
    assert (refused.code, target.blobs) == (5, set())
    assert "Toy.Marker" in refused.err
    verified = here("verify", bundle, "--trust", public, *demand, "--scan-record", record, "-q")
    assert verified.code == 5
    assert "REFUSED" in verified.out

    waivers.write_text("waivers:\n  - {id: Toy.Marker, reason: a test, expires: 2999-12-31, who: alice}\n")
    assert here(*scan, "-o", tmp_path / "waived.json", "--waivers", waivers).code == 0
    assert here(*into, tmp_path / "waived.json").code == 0
    assert target.tags == {"library/oci": ["1"], "team/zstd": ["1"]}


MISUSES: dict[str, tuple[tuple[object, ...], str]] = {
    "no scanner": (("--with", ""), "no-scanner"),
    "a scanner that is not there": (("--with", "no-such-program"), "no-such-program"),
    "a database of no scanner": (("--with", "toy=cat", "--database", "clamav=/tmp"), "--database clamav=/tmp"),
    "a database that is not there": (("--with", "toy=cat", "--database", "/nonexistent"), "/nonexistent"),
    "two databases": (("--with", "toy=cat", "--database", "/tmp", "--database", "/tmp"), "--database /tmp"),
    "no file of waivers": (("--with", "toy=cat", "--waivers", "/nonexistent.yaml"), "/nonexistent.yaml"),
    "the name of another": (("--with", "toy=cat", "--with", "toy=cat"), "toy"),
}


def test_misuse_is_named(here: Callable[..., Ran], exported: Callable[..., Path], keys: tuple[Path, Path]) -> None:
    bundle = exported("library/oci:1")
    scan = ("scan", bundle, "--trust", keys[1], "-o", bundle.with_name("x.json"), "-q")
    for name, (more, said) in MISUSES.items():
        ran = here(*scan, *more)
        assert ran.code == 2, (name, ran.err)
        assert said in ran.err or name == "no scanner", (name, ran.err)
        assert not bundle.with_name("x.json").exists(), name


@each_case("flags", [
    ("--scan-age", "7d"), ("--max-severity", "high"), ("--scan-record", "x"), ("--scan-trust", "x"),
    ("--require-scan", ","), ("--require-scan", "clamav", "--scan-age", "7"), ("--require-scan", "clamav", "--scan-age", "0d"),
])  # fmt: skip
def test_flags_of_the_gate_need_the_name_of_a_scanner(here: Callable[..., Ran], flags: tuple[str, ...]) -> None:
    for command in (("verify", "x"), ("import", "x", "--to", "oci:there")):
        assert here(*command, *flags).code == 2


def test_the_scan_of_a_delta_by_clamav_looks_only_at_what_is_new(
    here: Callable[..., Ran],
    origin: RealRegistry,
    exported: Callable[..., Path],
    keys: tuple[Path, Path],
    officer: Path,
    target: RealRegistry,
    tmp_path: Path,
) -> None:
    require("clamd")
    database = clamav_database(tmp_path / "clamav")
    base, public = exported("library/oci:1"), keys[1]
    listed = write_list(tmp_path / "delta.yaml", origin, ["library/oci:1", "team/zstd:1"], name="delta")
    since = ("--since", base, "--trust", public, "--key", keys[0])
    assert here("export", listed, "-o", tmp_path, *since, "-q").code == 0
    delta = tmp_path / "delta"

    def scanned(bundle: Path) -> dict[str, Any]:
        output = tmp_path / f"{bundle.name}.{len(list(tmp_path.glob('*.json')))}.json"
        more = ("--with", "clamav", "--database", database, "--key", officer, "-o", output, "-q", "--json")
        ran = here("scan", bundle, "--trust", public, *more)
        assert ran.code == 0, ran.err
        return ran.json

    first, second, again = scanned(base), scanned(delta), scanned(delta)
    carried = [blob for blob in json.loads((delta / "bundle.json").read_bytes())["blobs"] if "pieces" in blob]
    both = {blob["digest"] for blob in carried} & {
        blob["digest"] for blob in json.loads((base / "bundle.json").read_bytes())["blobs"]
    }
    assert (first["kept"], second["kept"], again["kept"]) == (0, len(both), len(carried))
    assert second["scanners"][0]["objects"] == {"clean": len(carried)}
    with (database / "own.ndb").open("a") as signatures:
        signatures.write("Toy.Other:0:*:00112233445566778899\n")
    assert scanned(delta)["kept"] == 0, "another database"

    demand = ("--require-scan", "clamav", "--scan-age", "1d", "--scan-trust", officer.with_suffix(".pub"))
    into = ("--trust", public, "--to", target.host, "-q", *demand)
    assert here("import", base, *into, "--scan-record", first["path"]).code == 0
    done = here("import", delta, *into, "--scan-record", second["path"])
    assert done.code == 0, done.err
    assert target.tags == {"library/oci": ["1"], "team/zstd": ["1"]}
