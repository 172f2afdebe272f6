"""The contract of a command that scans: docs/scan.md."""

from __future__ import annotations

import gzip
import random
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.scan import Finding, Severity, State, Verdict
from bundler.errors import Damaged, Interrupted, Misuse
from bundler.hooks.command import Command, CommandLine
from tests.support.images import layer_tar
from tests.support.parts import has_ended
from tests.support.scanners import packed
from tests.support.scanning import NAME, blob
from tests.support.tables import each_case

TAR = layer_tar("one", 300_000)
LARGE = random.Random(1).randbytes(4 << 20)
"""More than a pipe takes."""
READ = "cat > /dev/null; "


@pytest.fixture
def scanner(tmp_path) -> Callable[..., Command]:
    """A scanner of our own: a shell script."""

    def write(script: str, **more) -> Command:
        path = tmp_path / "my scanner"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Command(CommandLine("own", path, ("--one", "two words")), **more)

    return write


def test_it_gets_the_tar_of_a_layer_and_the_names_and_no_other_environment(scanner, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    subject = blob(gzip.compress(TAR))
    script = f'cat > {tmp_path}/got; env > {tmp_path}/env; echo "$1 $2" > {tmp_path}/arguments'
    assert scanner(script).scan(subject).state is State.CLEAN
    assert (tmp_path / "got").read_bytes() == TAR
    got = dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())
    assert {name: value for name, value in got.items() if name.startswith("BUNDLER_")} == {
        "BUNDLER_DIGEST": str(subject.descriptor.digest),
        "BUNDLER_NAME": NAME,
        "BUNDLER_MEDIA_TYPE": subject.descriptor.media_type,
        "BUNDLER_SIZE": str(subject.descriptor.size_bytes),
    }
    assert set(got) - {name for name in got if name.startswith("BUNDLER_")} <= {
        "PATH", "LC_ALL", "HOME", "TMPDIR", "PWD", "SHLVL", "_", "OLDPWD",
    }  # fmt: skip
    assert (tmp_path / "arguments").read_text() == "--one two words\n"


@each_case(
    "script, state, reason",
    [
        (READ + "exit 0", State.CLEAN, ""),
        (READ + "echo looks good; exit 0", State.CLEAN, ""),
        (READ + "exit 1", State.FOUND, ""),
        ("exit 1", State.FOUND, ""),
        (READ + "echo broken >&2; exit 2", State.ERROR, "broken"),
        (READ + "exit 77", State.ERROR, "77"),
        (READ + "printf 'first%1000s the cause\\n' x >&2; exit 2", State.ERROR, "the cause"),
        (READ + "kill -9 $$", State.ERROR, "-9"),
        ("exit 0", State.ERROR, "before it had read"),
        (READ + "yes", State.ERROR, "more than"),
        ("exec sleep 60", State.ERROR, "too long"),
    ],
)
def test_its_end_is_the_verdict(scanner, script, state, reason):
    verdict = scanner(script, seconds=0.4 if "sleep" in script else 60).scan(blob(bytes(2 << 20)))
    assert (verdict.state, reason in verdict.reason) == (state, True), verdict


def test_its_lines_are_the_findings(scanner):
    lines = r"Own.Marker\nCVE-1\tHigh\tA hole\nodd\tvery\n\n\033[31mred"
    verdict = scanner(READ + f"printf '{lines}\\n'; exit 1").scan(blob(TAR))
    assert set(verdict.findings) == {
        Finding("Own.Marker", Severity.CRITICAL),
        Finding("CVE-1", Severity.HIGH, title="A hole"),
        Finding("odd", Severity.UNKNOWN),
        Finding("[31mred", Severity.CRITICAL),
    }
    many = scanner(READ + "seq 1000; exit 1").scan(blob(TAR))
    assert len(many.findings) == 100
    assert scanner(READ + "exit 1").scan(blob(TAR)).findings == (Finding("own", Severity.CRITICAL),)


def test_the_example_of_the_page_finds_keys(scanner):
    page = (Path(__file__).parents[3] / "docs/scan.md").read_text()
    script = page.partition("#!/bin/sh\n")[2].partition("```")[0]
    key = packed({"app/key.pem": b"-----BEGIN RSA PRIVATE KEY-----"})
    expected = (Finding("private-key", Severity.HIGH, title="the layer has a private key"),)
    assert scanner(script).scan(blob(gzip.compress(key + LARGE))).findings == expected
    assert scanner(script).scan(blob(LARGE)).state is State.CLEAN


def test_all_that_it_started_ends_with_it(scanner, tmp_path):
    fifo = tmp_path / "alive"
    verdict = scanner(f"sleep 600 & echo $! > {fifo}; wait", seconds=0.4).scan(blob(TAR))
    assert verdict.state is State.ERROR
    assert has_ended(int(fifo.read_text()))


def test_ctrl_c_ends_it(scanner):
    def interrupt() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        scanner("sleep 60").scan(blob(TAR, check=interrupt))


@each_case("script", [READ + "exit 0", READ + "exit 1", "exit 1"])
def test_damage_of_the_bundle_is_no_verdict(scanner, script):
    with pytest.raises(Damaged):
        scanner(script).scan(blob(LARGE, is_damaged=True))


def test_a_damaged_layer_is_not_scanned(scanner):
    verdict: Verdict = scanner(READ).scan(blob(gzip.compress(TAR)[:-9]))
    assert verdict.state is State.NOT_SCANNED


def test_its_version_is_the_digest_of_the_program(scanner):
    first, second = scanner("exit 0").identity(), scanner("exit 1").identity()
    assert first.name == second.name == "own"
    assert first.version.startswith("sha256:")
    assert first.version != second.version
    assert not first.database


def test_a_command_line_is_read_as_in_a_shell_and_no_shell_runs(tmp_path):
    program = tmp_path / "Scan It"
    program.write_text("")
    program.chmod(0o755)
    line = CommandLine.parse(f"eset='{program}' --a 'b c' ';' '$(touch x)'")
    assert line == CommandLine("eset", program, ("--a", "b c", ";", "$(touch x)"))
    assert CommandLine.parse("cat -u").name == "cat"
    assert CommandLine.parse("env A=b").arguments == ("A=b",)
    with pytest.raises(Misuse):  # its name has a space
        CommandLine.parse(f"'{program}'")


@each_case(
    "words",
    ["", "  ", "'open", "no-such-program", "/no/such/program", "/etc/passwd", "clamav=/bin/cat", "trivy=cat", "./cat"],
)
def test_other_commands_are_refused(words):
    with pytest.raises(Misuse):
        CommandLine.parse(words)
