"""Every command of our pages, and of the help, runs as it is printed, from the first line of a page to its last.

The guides and tutorials are in test_guides.py, the recipes in test_recipes.py and test_media_recipes.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from bundler import cli
from tests.support import s3, worlds
from tests.support.parts import RealRegistry, free_port
from tests.support.reading import ROOT, Reader, blocks, commands_of, joined, shape, shown
from tests.support.scanners import RealClamd, trivy_database
from tests.support.servers import certificates

ELSEWHERE = ("docs/guides/", "docs/tutorials/", "docs/recipes/")
"""The folders whose pages other tests type."""

DATA = ("json", "yaml", "toml", "pycon", "nginx", "groovy")
"""The languages of blocks that other tests read."""

TRACKED = sorted(
    subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, text=True, capture_output=True, check=True).stdout.split()
)
TYPED = [page for page in TRACKED if not page.startswith(ELSEWHERE) and blocks(ROOT / page)]


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """The registries of the internet: one with the images of two months. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("outside")).start()
    worlds.fill(registry)
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealClamd]:
    """A clamd that runs already."""
    part = RealClamd(tmp_path_factory.mktemp("clamd")).start()
    yield part
    part.stop()


@pytest.fixture
def reader(
    request, here, tmp_path, monkeypatch, outside, target, fronts, new_registry
) -> Iterator[Callable[[str], Reader]]:
    """Makes the reader of a page, with its world."""
    port = free_port()
    worlds.place_programs(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{Path(sys.executable).parent}", prepend=os.pathsep)
    worlds.place_environment(tmp_path / "venv")
    monkeypatch.setenv("BUNDLER_VENV", str(tmp_path / "venv"))
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "storage.conf").write_text(worlds.PODMAN.replace("PLACE", str(tmp_path)))
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    monkeypatch.setenv("BUNDLER_ADDR", f"127.0.0.1:{port}")
    monkeypatch.setenv("SHARDS", "2")  # of scripts/cluster
    monkeypatch.chdir(tmp_path)
    for folder in (*worlds.FOLDERS, "/etc/systemd/system"):
        (tmp_path / folder[1:]).mkdir(parents=True, exist_ok=True)

    started: list[Reader] = []

    def start(page: str) -> Reader:
        about = worlds.PAGES.get(page, worlds.Page())
        reader = Reader(tmp_path, here, worlds.at_this_place(tmp_path, outside, target, port, os.environ["HOME"]))
        started.append(reader)
        text = (ROOT / page).read_text()
        if "s3://" in text:
            weed = request.getfixturevalue("weed")
            for name, value in s3.environment(weed.host).items():
                monkeypatch.setenv(name, value)
            reader.instead["s3://backups/"] = f"s3://{s3.BUCKET}/{page}/"
        for host, made in about.fronts.items():
            front = fronts(new_registry(), made())
            reader.instead |= {host: front.host, f"https://{host}": f"http://{front.host}"}
        if "clamav" in text:
            reader.instead["--with clamav"] = f"--with clamav={request.getfixturevalue('clamd').socket}"
            monkeypatch.setenv("TRIVY_CACHE_DIR", str(trivy_database(tmp_path / "trivy-of-the-user")))
        if about.epoch:
            monkeypatch.setenv("SOURCE_DATE_EPOCH", about.epoch)
        if about.is_ci:
            worlds.fill_by_ci(target)
        if re.search("docker-daemon:|docker (pull|load|run)", text):
            monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("daemon").address)
        reader.needs = dict(about.needs) | {
            each: made for each, made in worlds.NEEDS.items() if each not in about.needs
        }
        reader.codes = {**worlds.CODES, **about.codes}
        reader.first, reader.answers, reader.folders = about.first, about.answers, about.folders
        reader.left_out = tuple(about.left_out)
        reader.instead |= {word: reader.at_this_place(here) for word, here in about.instead.items()}
        worlds.write_files(reader, outside, about.images)
        reader.has(*about.before)
        return reader

    yield start
    for each in started:
        each.kill_server()


@pytest.mark.parametrize("page", TYPED)
def test_every_command_of_a_page_runs(page: str, reader: Callable[[str], Reader]) -> None:
    typed = reader(page)
    typed.follow(ROOT / page)
    for block, below in shown(ROOT / page):
        printed = [typed.printed[command] for command in commands_of(block)]
        assert any(re.search(shape(typed.at_this_place(below)), each.out + each.err) for each in printed), (
            f"{page} shows\n{below}\nand not\n{''.join(each.out + each.err for each in printed)}"
        )


def test_the_commands_of_dask_start_a_cluster_that_imports(reader, tmp_path, monkeypatch, target) -> None:
    typed = reader("docs/scale.md")
    port = free_port()
    typed.instead["jump1.internal:8786"] = f"127.0.0.1:{port}"
    (tmp_path / "made").mkdir()
    made = certificates(tmp_path / "made")
    for name, file in {"ca.pem": "ca.crt", "host.pem": "server.crt", "host.key": "server.key"}.items():
        shutil.copy(made[file], tmp_path / name)
    for name, file in {"CA_FILE": "ca.pem", "CLIENT__CERT": "host.pem", "CLIENT__KEY": "host.key"}.items():
        monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}", str(tmp_path / file))
    lines = [command for block in blocks(ROOT / "docs/scale.md") for command in commands_of(block)]
    (importing,) = [each for each in lines if "--dask" in each]
    scheduler, worker = next(each for each in lines if each.startswith("dask scheduler")).splitlines()
    typed.has("ls /srv/builder.pub /srv/platform")
    with started(typed, scheduler, "Scheduler at"), started(typed, worker, "Registered to"):
        done = typed.type(f"{typed.at_this_place(importing)} < /dev/null")
    assert "this host sends" not in done.err, "the worker has sent all"
    assert set(target.tags) == {"library/nginx", "prometheus/prometheus", "team/app"}


@contextmanager
def started(typed: Reader, line: str, sign: str) -> Iterator[None]:
    """A command of Dask that goes on until this ends; it has started when it prints a sign of it."""
    command = re.sub(
        "^(dask [a-z]+)", r"\1 --no-dashboard", typed.at_this_place(line)
    )  # a dashboard listens at all addresses
    process = subprocess.Popen(
        ["bash", "-euc", f"exec {command}"],
        cwd=typed.place,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    try:
        printed = list(iter_until(sign, process.stderr))
        assert sign in printed[-1], "".join(printed)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def iter_until(sign: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines up to the first one that has a sign."""
    for line in lines:
        yield line
        if sign in line:
            return


def test_no_command_is_in_a_block_that_is_not_typed() -> None:
    commands = "|".join([*cli.program.all_commands(click.Context(cli.program)), "--"])
    for page in set(TRACKED) - {"docs/performance.md"}:  # its blocks are measurements, by the name of a command
        text = (ROOT / page).read_text()
        languages = set(re.findall(r"^ *```([^`\n]+)$", text, re.MULTILINE))
        assert languages <= {"sh", *DATA}, f"{page}: a block of commands is one of sh"
        for block in [each for language in ("", *DATA) for each in blocks(ROOT / page, language)]:
            assert not re.search(rf"^\s*(?:[$#] )?(?:sudo )?bundler (?:{commands})", block, re.MULTILINE), (
                f"{page}: {block}"
            )


def test_lines_that_are_left_out_are_there_and_their_reasons_name_tests_that_are_there() -> None:
    assert set(worlds.PAGES) <= set(TYPED)
    for page, about in worlds.PAGES.items():
        lines = [line for block in blocks(ROOT / page) for line in joined(block).splitlines()]
        for beginning, reason in about.left_out.items():
            assert any(line.startswith(beginning) for line in lines), f"{page}: {beginning}"
            assert all((ROOT / test).exists() for test in re.findall(r"tests/[\w/]+\.py", reason)), reason
        for beginning in [*about.first, *about.codes, *about.answers, *about.folders]:
            named = [command for block in blocks(ROOT / page) for command in commands_of(block)] + [
                command for commands in about.first.values() for command in commands]  # fmt: skip
            assert any(f"{command}\n".startswith(beginning) for command in named), f"{page}: {beginning}"


def test_a_page_with_a_wrong_command_is_found(reader: Callable[[str], Reader], tmp_path: Path) -> None:
    typed = reader("docs/inventories.md")
    for wrong in (
        "bundler inventory --no-such-flag",
        "false",
        "bundler inventory registry.internal:5000 | grep -q nothing",
    ):
        (tmp_path / "page.md").write_text(f"# A page\n\n1. Type:\n\n   ```sh\n   {wrong}\n   ```\n")
        with pytest.raises(AssertionError, match=re.escape(wrong.split()[0])):
            typed.follow(tmp_path / "page.md")
