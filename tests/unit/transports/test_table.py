"""A new transport is one file and one line: `toy` is the file, and the line is in `toy_line`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import bundler
from bundler import cli
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.errors import Misuse
from bundler.transport_table import TRANSPORTS, Row, prefix_of, prefixes
from bundler.transports.parsing import parse_image, parse_target
from bundler.transports.transport import Transport, transport_of
from tests.support import images
from tests.unit.transports import toy

NAMES = ("quay.io/team/app:1", "quay.io/team/other:2")


@pytest.fixture
def toy_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSPORTS, "toy:", Row("tests.unit.transports.toy", has_path=True))
    monkeypatch.setattr(toy, "POOLS", {"here": pool(), "my-pool=1": pool()})


def pool() -> toy.Pool:
    made = toy.Pool()
    for name in NAMES:
        image = images.simple(name)
        root = Descriptor(image.media_type, Digest.of(image.content), len(image.content))
        made.names[name] = root
        made.bytes_of |= {Digest.parse(digest): content for digest, content in image.blobs.items()}
        made.bytes_of[root.digest] = image.content
    return made


def export(*given: str | Path) -> int:
    return cli.run(["export", *map(str, given), "--name", "b", "--unsigned", "-q"])


def import_(tmp_path: Path, to: str, *more: str) -> int:
    unsigned = ["--insecure-no-signature", "--receipt", str(tmp_path / "receipt.json"), "-q"]
    return cli.run(["import", str(tmp_path / "b"), "--to", to, *unsigned, *more])


@pytest.mark.usefixtures("toy_line")
def test_a_new_transport_of_one_file_and_one_line_is_exported_from_and_imported_to(tmp_path: Path) -> None:
    assert export("toy:here", "-o", tmp_path) == 0
    assert import_(tmp_path, "toy:there", "--verify-target") == 0
    there = toy.POOLS["there"]
    assert (there.names, there.bytes_of, there.is_finished) == (pool().names, pool().bytes_of, True)
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert [(target["target"], target["kind"]) for target in receipt["targets"]] == [("toy:there", "layout")]


@pytest.mark.usefixtures("toy_line")
def test_one_image_of_a_new_transport_is_named_on_the_command_line_and_in_lists(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"toy:my-pool=1:{NAMES[0]}\n")
    assert export(listed, f"toy:here:{NAMES[1]}", "-o", tmp_path) == 0
    assert import_(tmp_path, f"oci:{tmp_path}/layout") == 0
    index = json.loads((tmp_path / "layout/index.json").read_text())
    assert {each["digest"] for each in index["manifests"]} == {images.simple(name).digest for name in NAMES}


@pytest.mark.usefixtures("toy_line")
def test_messages_name_a_new_transport() -> None:
    with pytest.raises(Misuse) as caught:
        parse_image("ftp://a")
    assert "toy:" in str(caught.value.hint)
    with pytest.raises(Misuse) as caught:
        parse_target("host/a b")
    assert "toy:POOL" in str(caught.value.hint)


def test_every_transport_reads_both_or_says_what_to_write_instead() -> None:
    for prefix in prefixes():
        transport = transport_of(prefix)
        if transport.is_source:
            location = parse_image(f"{prefix}example.org/a/b:1")
            assert parse_image(str(location)) == location
        else:
            with pytest.raises(Misuse) as caught:
                parse_image(f"{prefix}x")
            assert caught.value.hint
        if transport.target_form is None:
            with pytest.raises(Misuse) as caught:
                parse_target(f"{prefix}x")
            assert caught.value.hint
        else:
            assert transport.target_form.startswith((prefix, "HOST"))
            assert parse_target(str(parse_target(f"{prefix}example.org"))) == parse_target(f"{prefix}example.org")


def test_every_file_that_offers_a_transport_is_in_the_table() -> None:
    folder = Path(bundler.__file__).parent / "transports"
    offering = {
        f"bundler.transports.{path.stem}" for path in folder.glob("*.py") if "\nTRANSPORT = " in path.read_text()
    }
    assert offering == {row.module for row in TRANSPORTS.values()}
    assert all(isinstance(transport_of(prefix), Transport) for prefix in TRANSPORTS)


def test_the_longest_prefix_counts() -> None:
    assert (prefix_of("oci://host/chart:1"), prefix_of("oci:/host"), prefix_of("nginx:1")) == ("oci://", "oci:", "")


@pytest.mark.parametrize(
    ("location", "own"),
    [
        ("docker://a/b:1", {"registry"}),
        ("oci:folder", {"oci_layout", "paths"}),
        ("oci-archive:file", {"oci_archive", "image_files", "paths"}),
        ("docker-daemon:a/b:1", {"docker_daemon", "registry"}),
    ],
)
def test_a_location_loads_its_own_transport_alone_and_no_store(location: str, own: set[str]) -> None:
    code = f"import sys; from bundler.transports.parsing import parse_image; parse_image({location!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    transports = {name.rpartition(".")[2] for name in loaded if name.startswith("bundler.transports.")}
    assert transports - {"parsing", "transport"} == own
    assert not [name for name in loaded if name.startswith("bundler.stores")]
    assert not {"yaml", "urllib3", "docker"} & set(loaded)


UNWANTED = {
    f"bundler.stores.{name}" for name in ("archives", "docker_archive", "docker_daemon", "docker_sdk", "oci_layout")
}


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("bundler.importing.import_, bundler.importing.targets.registry", UNWANTED | {"yaml", "py7zr", "docker"}),
        ("bundler.exporting.export, bundler.transports.registry", UNWANTED | {"py7zr", "docker"}),
    ],
    ids=["import", "export"],
)
def test_a_journey_to_or_from_a_registry_loads_no_code_of_other_transports(modules: str, unwanted: set[str]) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "bundler.stores.registry" in loaded
    assert not unwanted & set(loaded)
