"""All that parity promises comes back, byte for byte: with our command, and with the par2 of Debian alone."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.system import par2_program
from tests.conftest import Ran
from tests.support import images
from tests.support.parts import shell
from tests.support.steps import Steps
from tests.support.sweeps import some, steps

PARITY = "2chunks"


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Path:
    """Images whose bundle has a cut blob, and chunks with several blobs each."""
    folder = tmp_path_factory.mktemp("layout")
    for name, size in {"cut": 2_300_000, "a": 600_000, "b": 500_000, "c": 700_000}.items():
        layer = gzip.compress(images.layer_tar(name, size), 0, mtime=0)
        images.image([layer]).write_layout(folder, f"example.org/{name}:1")
    return folder


@pytest.fixture(scope="module")
def made(layout, made_keys, tmp_path_factory) -> dict[str, Path]:
    """Bundles with parity of each kind, by kind. Tests only read from them."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "passphrase").write_text("a long enough passphrase\n")
    kinds = {
        "tar": (),
        "7z": ("--format", "7z"),
        "encrypted": ("--encrypt", "--passphrase-file", folder / "passphrase"),
    }
    for kind, flags in kinds.items():
        done = Steps(export(layout, folder / kind, made_keys, *flags)).run()
        assert done.code == 0, done.err
    return {kind: folder / kind / "test" for kind in kinds}


def export(layout: Path, output: Path, keys: Path, *flags: object) -> list[object]:
    given = ("--name", "test", "--chunk-size", 1 << 20, "--parity", PARITY, "--key", keys / "tester.key", *flags)
    return ["export", f"oci:{layout}", "-o", output, *given]


class Side:
    """The other side: a copy of the bundle that something happens to."""

    def __init__(self, here: Callable[..., Ran], folder: Path, good: Path, pub: Path) -> None:
        self.here, self.good, self.pub = here, good, pub
        self.bundle = folder / "carried"
        shutil.copytree(good, self.bundle)

    @property
    def chunks(self) -> list[str]:
        return sorted(path.name for path in self.good.glob("chunk-*"))

    def repair(self, *flags: object, paths: tuple[Path, ...] = ()) -> Ran:
        return self.here("repair", *(paths or (self.bundle,)), "--trust", self.pub, *flags)

    def verify(self, *flags: object) -> Ran:
        return self.here("verify", self.bundle, "--trust", self.pub, *flags)

    def damage(self, name: str, at: float = 0.5) -> None:
        path = self.bundle / name
        content = bytearray(path.read_bytes())
        content[int(len(content) * at)] ^= 1
        path.write_bytes(content)

    def assert_whole(self) -> None:
        """The folder has exactly the files and bytes that were exported."""
        assert sorted(os.listdir(self.bundle)) == sorted(os.listdir(self.good))
        for path in self.good.iterdir():
            assert (self.bundle / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.fixture
def side(here, tmp_path, made, made_keys) -> Callable[[str], Side]:
    return lambda kind: Side(here, tmp_path, made[kind], made_keys / "tester.pub")


def test_each_chunk_and_each_pair_comes_back(side):
    side = side("tar")
    assert len(side.chunks) > 5
    cases = [(name,) for name in side.chunks] + list(itertools.combinations(side.chunks, 2))
    for number, lost in enumerate(some(cases)):
        for which, name in enumerate(lost):
            (side.bundle / name).unlink() if (number + which) % 2 else side.damage(name)
        done = side.repair()
        assert done.code == 0, (lost, done.out)
        side.assert_whole()


@pytest.mark.parametrize("kind", ["7z", "encrypted"])
def test_other_archives_come_back(side, kind):
    side = side(kind)
    (side.bundle / side.chunks[1]).unlink()
    side.damage(side.chunks[2])
    assert side.repair().code == 0
    side.assert_whole()


def test_the_par2_of_debian_alone_repairs_as_readme_says(side):
    side = side("tar")
    text = (side.bundle / "README.txt").read_text()
    section = re.search(r"^REPAIR IT.*?(?=^RESTORE IT)", text, re.DOTALL | re.MULTILINE)
    assert section
    commands = [line.strip() for line in section[0].splitlines() if line.startswith("    ")]
    (side.bundle / side.chunks[0]).unlink()
    side.damage(side.chunks[1])
    shell("\n".join(commands), cwd=side.bundle, environment={"PATH": "/usr/bin:/bin"})
    side.assert_whole()
    assert "REPAIR" not in (Path(__file__).parents[1] / "vectors/extensions/README.txt").read_text()


def test_truncated_shifted_and_renamed_chunks_come_back(side):
    side = side("tar")
    one, two, three, *_, last = side.chunks
    with open(side.bundle / two, "r+b") as file:
        file.truncate(500_000)
    content = (side.bundle / three).read_bytes()
    (side.bundle / three).write_bytes(content[:1000] + content[1100:])  # all blocks after it have moved
    (side.bundle / one).rename(side.bundle / "swap")
    (side.bundle / last).rename(side.bundle / one)
    (side.bundle / "swap").rename(side.bundle / last)
    done = side.repair("--json")
    assert done.code == 0, done.out
    assert [each["file"] for each in done.json["repaired"]] == [two, three]
    assert {each["file"] for each in done.json["renamed"]} == {one, last}
    side.assert_whole()


def test_a_file_that_lost_its_name_and_a_block_gives_its_other_blocks(side):
    side = side("tar")
    names = side.chunks[1:4]  # one more than parity can replace
    side.damage(names[0])
    (side.bundle / names[0]).rename(side.bundle / "FILE0001.CHK")
    for name in names[1:]:
        (side.bundle / name).unlink()
    assert side.verify("--json").json["parity"]["repairable"] == "no"
    done = side.repair()
    assert done.code == 0, done.out
    assert sorted(os.listdir(side.bundle)) == sorted([*os.listdir(side.good), "FILE0001.CHK"])
    (side.bundle / "FILE0001.CHK").unlink()
    side.assert_whole()


def test_verify_says_if_it_can_be_repaired(side, tmp_path):
    side = side("tar")
    assert side.verify("--json").json["parity"]["repairable"] == "whole"
    side.damage(side.chunks[2])
    (side.bundle / side.chunks[3]).unlink()
    need = tmp_path / "need.json"
    done = side.verify("--need", need)
    assert done.code == 4
    assert "repairable yes" in done.out
    assert f"bundler repair {side.bundle} --trust PUB" in done.out
    assert "parity can repair" in done.out
    assert not need.exists()
    group, size = side.verify("--json").json["parity"]["groups"][0], (side.good / side.chunks[3]).stat().st_size
    assert {each["file"]: each["blocks"] for each in group["lost"]} == {
        side.chunks[2]: 1,
        side.chunks[3]: -(-size // 65536),
    }
    lost = side.chunks[0:4]
    for name in lost:
        (side.bundle / name).write_bytes(b"")
    done = side.verify("--need", need)
    assert "repairable no" in done.out
    assert {each["file"] for each in json.loads(need.read_text())["chunks"]} == set(side.chunks[0:4])
    for name in lost:
        (side.bundle / name).unlink()
    assert "not without the other media" in side.verify().out


def test_import_names_the_repair_only_where_it_may_help(side, tmp_path):
    side = side("tar")
    side.damage(side.chunks[3])
    (side.bundle / side.chunks[1]).unlink()

    def imported(*flags: object) -> Ran:
        return side.here("import", side.bundle, "--trust", side.pub, "--to", f"oci:{tmp_path}/to", "--dry-run", *flags)

    done = imported("--json")
    assert done.json["repairable"] == [side.chunks[1]]  # a dry run reads no blobs
    assert f"bundler repair {side.bundle}" in imported().out
    for path in side.bundle.glob("*.vol*"):
        path.unlink()
    done = imported()
    assert side.chunks[1] in done.out
    assert "bundler repair" not in done.out
    shutil.copytree(side.good, side.bundle, dirs_exist_ok=True)
    assert imported("--json").json["repairable"] == []


def test_too_much_is_lost_and_nothing_is_changed(side):
    side = side("tar")
    for name in side.chunks[1:4]:
        side.damage(name)
        with open(side.bundle / name, "r+b") as file:
            file.truncate(100)
    before = {path.name: path.read_bytes() for path in side.bundle.iterdir()}
    done = side.repair("--json")
    assert done.code == 4
    assert done.json["failedGroups"] == [1]
    assert {path.name: path.read_bytes() for path in side.bundle.iterdir()} == before


def test_nothing_is_written_where_nothing_is_lost_or_only_asked_for(side):
    side = side("tar")
    state = {path.name: path.stat().st_mtime_ns for path in side.bundle.iterdir()}
    done = side.repair()
    assert done.code == 0
    assert "nothing was lost" in done.out
    assert {path.name: path.stat().st_mtime_ns for path in side.bundle.iterdir()} == state
    (side.bundle / side.chunks[1]).unlink()
    done = side.repair("--dry-run", "--json")
    assert done.code == 0
    assert [each["file"] for each in done.json["repaired"]] == [side.chunks[1]]
    assert done.json["verified"] is None
    assert not (side.bundle / side.chunks[1]).exists()


def test_a_dry_run_names_what_stays_lost_and_exits_as_the_repair_does(side, here, exported, made_keys):
    side = side("tar")
    for name in side.chunks[1:4]:
        side.damage(name)
        with open(side.bundle / name, "r+b") as file:
            file.truncate(100)
    dry = side.repair("--dry-run", "--json")
    assert (dry.code, [each["subject"].rpartition("/")[2] for each in dry.json["lost"]]) == (4, side.chunks[1:4])
    assert side.repair().code == dry.code
    plain = exported("library/oci:1")  # without parity
    for happened, code, words in ((Path.unlink, 9, "the chunk is missing"), (_flip, 4, "the chunk is damaged")):
        chunk = shutil.copytree(plain, plain.with_name(words)) / "chunk-0001.tar"
        happened(chunk)
        command = ("repair", chunk.parent, "--trust", made_keys / "tester.pub")
        dry = here(*command, "--dry-run")
        assert (dry.code, here(*command).code) == (code, code)
        assert f"chunk-0001.tar: {words}" in dry.out


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_read_only_media_are_repaired_into_another_folder(side, tmp_path):
    side = side("tar")
    discs = [tmp_path / "disc1", tmp_path / "disc2"]
    for disc, part in zip(discs, (side.chunks[:3], side.chunks[3:]), strict=True):
        shutil.copytree(side.bundle, disc)
        for name in {*side.chunks} - {*part}:
            (disc / name).unlink()
    (discs[0] / side.chunks[1]).unlink()
    (discs[1] / "parity-01.par2").unlink()
    path = discs[1] / side.chunks[4]
    path.write_bytes(path.read_bytes()[:-1])
    mounts = "\n".join(f"mount --bind {disc} {disc} && mount -o remount,ro,bind {disc}" for disc in discs)
    shell(mounts, cwd=tmp_path)
    try:
        done = side.repair(paths=tuple(discs))
        assert done.code == 8
        assert "-o DIR" in done.err
        for _ in range(2):  # the second time it is done already
            done = side.repair("-o", tmp_path / "repaired", paths=tuple(discs))
            assert done.code == 0, done.out + done.err
        folder = tmp_path / "repaired" / "test"
        assert {path.name for path in folder.glob("chunk-*")} == {side.chunks[1], side.chunks[4]}
        for path in folder.iterdir():
            assert path.read_bytes() == (side.good / path.name).read_bytes(), path.name
        done = side.here("import", *discs, folder, "--trust", side.pub, "--to", f"oci:{tmp_path}/restored")
        assert len(json.loads((tmp_path / "restored/index.json").read_text())["manifests"]) == 4, done.out
    finally:
        shell("\n".join(f"umount {disc}" for disc in discs), cwd=tmp_path)


def test_a_killed_repair_is_finished_by_the_same_command(side):
    side = side("tar")
    command = Steps(["repair", side.bundle, "--trust", side.pub])
    for number in steps(every=3):
        side.damage(side.chunks[1])
        (side.bundle / side.chunks[2]).unlink(missing_ok=True)
        (side.bundle / side.chunks[4]).rename(side.bundle / "other")
        ended = command.kill_at(number)
        assert all((side.bundle / name).exists() for name in side.chunks[5:])
        if not ended.was_killed:
            break
        assert command.run().code == 0, ended.last
        side.assert_whole()
    side.assert_whole()
    assert number > 10


def test_a_killed_export_is_finished_by_the_same_command(layout, made, made_keys, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    command = Steps(export(layout, tmp_path / "out", made_keys))
    whole = Steps(export(layout, tmp_path / "whole", made_keys)).run()
    assert whole.code == 0, whole.err
    killed = 0
    for before in (4, 8, 11, 14):
        ended = command.kill_at(whole.steps - before)
        killed += ended.was_killed
        partial = tmp_path / "out" / "test.partial"
        if partial.exists():
            (partial / "parity-01.vol00+99.par2").write_bytes(b"of a par2 that was killed too")
        done = command.run()
        assert done.code == 0, ended.last + done.err
        assert sorted(os.listdir(tmp_path / "out")) == ["test"]
        for path in (tmp_path / "whole" / "test").iterdir():  # the same program makes the same parity
            assert (tmp_path / "out" / "test" / path.name).read_bytes() == path.read_bytes(), path.name
        shutil.rmtree(tmp_path / "out")
    assert killed > 2


def test_an_interrupted_export_is_not_continued_with_another_amount(layout, made_keys, tmp_path):
    command = export(layout, tmp_path / "out", made_keys)
    assert Steps(command).kill_at(60).was_killed
    done = Steps([each if each != PARITY else "10%" for each in command]).run()
    assert done.code == 2
    assert "--parity" in done.err
    assert Steps(command).run().code == 0


def test_an_export_again_compares_the_parity(here, layout, made_keys, tmp_path):
    command = export(layout, tmp_path / "out", made_keys)
    assert here(*command).code == 0
    done = here(*command)
    assert done.code == 0
    assert "already complete" in done.out
    done = here(*(each if each != PARITY else "10%" for each in command))
    assert done.code == 2
    assert "--parity" in done.err


def test_damaged_parity_is_used_only_where_it_is_needed(side):
    side = side("tar")
    for name in side.chunks[1:3]:
        (side.bundle / name).unlink()
    volumes = sorted(path.name for path in side.bundle.glob("*.vol*"))
    side.damage(volumes[1], at=0.95)
    done = side.verify("--json")
    assert done.json["parity"]["repairable"] == "perhaps"
    done = side.repair("--json")
    assert [each["file"] for each in done.json["repaired"]] == side.chunks[1:3], done.out
    assert done.code == 4  # the parity file is still damaged
    assert done.json["verified"]["copyAgain"] == [volumes[1]]
    shutil.copy(side.good / volumes[1], side.bundle)
    side.assert_whole()


def test_no_parity_file_is_used_that_is_not_listed(side, monkeypatch):
    side = side("tar")
    volume = max(side.bundle.glob("*.vol*"))
    volume.rename(side.bundle / "parity-01.vol99+9.par2")
    (side.bundle / side.chunks[1]).unlink()
    used: list[str] = []
    run = par2_program.run_confined
    monkeypatch.setattr(
        par2_program, "run_confined", lambda command, *a, **b: (used.extend(command), run(command, *a, **b))[1]
    )
    side.repair()
    assert any("parity-01.vol" in each for each in used)
    assert not any("vol99" in each for each in used)


FAKE = """#!/bin/sh
echo "$@" > {log}
for file in "$@"; do last=$file; done
case $1 in repair)
  folder=$(echo "$@" | sed 's/.*-B\\([^ ]*\\) .*/\\1/')
  for link in "$folder"/chunk-*; do
    target=$(readlink "$link")
    if [ -e "$target" ]; then echo damaged > "$target"; rm -f "$target"; else echo wrong > "$target"; fi
  done
  echo here > {outside}
esac
exit 0
"""


def test_a_program_that_lies_gives_no_chunk_and_can_write_nothing_else(side, tmp_path, monkeypatch):
    """A program in place of par2, as if a damaged parity file had taken it over."""
    side = side("tar")
    (side.bundle / side.chunks[1]).unlink()
    fake = tmp_path / "par2"
    fake.write_text(FAKE.format(log=tmp_path / "log", outside=tmp_path / "outside"))
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(par2_program, "find_par2", lambda: fake)
    done = side.repair("--json")
    assert done.code == 9
    assert done.json["failedGroups"] == [1]
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "log").exists()
    assert not (side.bundle / side.chunks[1]).exists()
    shutil.copy(side.good / side.chunks[1], side.bundle)
    side.assert_whole()


def test_without_the_program_it_says_how_to_install_it(side, monkeypatch):
    side = side("tar")
    (side.bundle / side.chunks[1]).unlink()
    monkeypatch.setattr(par2_program.sysconfig, "get_path", lambda name: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere:relative")
    done = side.repair()
    assert done.code == 2
    assert "image-bundler[parity]" in done.err
    assert side.verify().code == 9  # needs no program


def test_a_bundle_with_bases_comes_back(here, layout, made, made_keys, tmp_path):
    more = tmp_path / "more"
    shutil.copytree(layout, more)
    images.simple("news", 900_000).write_layout(more, "example.org/news:1")
    trust = ("--trust", made_keys / "tester.pub")
    done = here(*export(more, tmp_path / "out", made_keys, "--since", made["tar"], *trust))
    assert done.code == 0, done.err
    bundle = tmp_path / "out" / "test"
    whole = {path.name: path.read_bytes() for path in bundle.iterdir()}
    (bundle / max(name for name in whole if name.startswith("chunk-"))).unlink()
    assert here("repair", bundle, *trust).code == 0
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == whole


def test_the_plan_says_what_may_be_lost(here, layout, made_keys, tmp_path):
    flags = ("--name", "x", "--chunk-size", 1 << 20, "--key", made_keys / "tester.key", "--dry-run")
    done = here("export", f"oci:{layout}", "-o", tmp_path, *flags, "--parity", "1chunk")
    assert "any one chunk may be lost as a whole" in done.out
    done = here("export", f"oci:{layout}", "-o", tmp_path, *flags, "--parity", "5%")
    assert "no whole chunk may be lost" in done.out
    for wrong in ("0%", "51%", "all", "10", "0chunks"):
        assert here("export", f"oci:{layout}", "-o", tmp_path, *flags, "--parity", wrong).code == 2
    assert not os.listdir(tmp_path)


def spread_export(layout: Path, keys: Path, output: Path, *flags: object) -> list[object]:
    """Parity for the loss of a medium, and folders for small ones."""
    given = [each if each != PARITY else "1medium" for each in export(layout, output, keys, *flags)]
    return given if "-o" in flags else [*given, "--medium-size", 3_300_000]


@pytest.fixture(scope="module")
def media(layout, made_keys, tmp_path_factory) -> list[Path]:
    """The folders of the media of such an export. Tests only read from them."""
    output = tmp_path_factory.mktemp("media")
    done = Steps(spread_export(layout, made_keys, output)).run()
    assert done.code == 0, done.err
    assert "any one medium may be lost as a whole" in done.out
    assert len(done.out.split("medium 1 ")) == 2
    return sorted(output.iterdir())


def test_any_medium_of_a_spread_export_comes_back(here, media, made_keys, tmp_path):
    trust = ("--trust", made_keys / "tester.pub")
    assert len(media) > 3
    assert here("verify", *media, *trust).code == 0
    for number, lost in enumerate(media):
        assert sum(path.stat().st_size for path in lost.iterdir()) < 3_300_000
        shell("sha256sum --quiet --strict --ignore-missing -c SHA256SUMS", cwd=lost)
        rest = [medium for medium in media if medium != lost]
        repaired = tmp_path / f"repaired{number}"
        done = here("repair", *rest, "-o", repaired, *trust)
        chunks = sorted(lost.glob("chunk-*"))
        assert done.code == (0 if chunks else 9), done.out  # 9: parity that is lost does not come back
        for path in chunks:
            assert (repaired / "test" / path.name).read_bytes() == path.read_bytes()
        if not chunks:
            continue
        alone = tmp_path / f"alone{number}"
        alone.mkdir()
        for medium in rest:
            shutil.copytree(medium, alone, dirs_exist_ok=True)
        shell("par2 repair -q -q parity-01.par2", cwd=alone, environment={"PATH": "/usr/bin:/bin"})
        for path in chunks:
            assert (alone / path.name).read_bytes() == path.read_bytes()


def test_a_killed_spread_export_is_finished_by_the_same_command(layout, made_keys, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    command = Steps(spread_export(layout, made_keys, tmp_path / "out"))
    whole = Steps(spread_export(layout, made_keys, tmp_path / "whole")).run()
    assert whole.code == 0, whole.err
    killed, states = 0, set()
    for before in (8, 56, 64, 72, 80):
        killed += command.kill_at(whole.steps - before).was_killed
        partial = tmp_path / "out" / "test.medium-01.partial"
        states.update(path.name for path in partial.glob("._*"))
        done = command.run()
        assert done.code == 0, done.err
        assert shell("diff -r whole out && find out -links +1 -type f", cwd=tmp_path).stdout == ""
        shutil.rmtree(tmp_path / "out")
    assert killed > 3
    assert "._parity.chunks" in states, "a run was killed while chunks had two names"


def test_folders_on_one_file_system_keep_their_plan(here, layout, made_keys, tmp_path):
    """Free space decides the places, and it has changed by the time of the second run."""
    shell("mkdir fs other && mount -t tmpfs -o size=16m none fs && mkdir fs/2 fs/3 fs/4 fs/5", cwd=tmp_path)
    try:
        outputs = [tmp_path / "fs" / str(number) for number in (2, 3, 4, 5)]
        flags = [flag for output in outputs[1:] for flag in ("-o", output)]
        command = spread_export(layout, made_keys, outputs[0], *flags)
        done = here(*command, "--dry-run", "--json")
        assert done.json["mayBeLost"] == [1, 2, 3, 4], done.json
        ended = Steps(command).kill_at(90)
        assert ended.was_killed
        shell("head -c 3000000 /dev/zero > fs/other", cwd=tmp_path)
        done = here(*command)
        assert done.code == 0, done.err
        planned = json.loads((outputs[0] / "test" / "bundle.json").read_text())["media"]
        for output, medium in zip(outputs, planned, strict=True):
            names = {f"chunk-{number:04d}.tar" for number in medium["chunks"]} | {*medium.get("files", ())}
            assert {path.name for path in (output / "test").glob("*-0*")} == names
        assert "already complete" in here(*command).out
        lost, *rest = (output / "test" for output in outputs)
        done = here("repair", *rest, "-o", tmp_path / "repaired", "--trust", made_keys / "tester.pub")
        assert done.code == 0, done.out
        for path in lost.glob("chunk-*"):
            assert (tmp_path / "repaired" / "test" / path.name).read_bytes() == path.read_bytes()
        command = spread_export(layout, made_keys, tmp_path / "other", "-o", outputs[0], "--name", "else")
        for more in ((), ("--dry-run",)):
            done = here(*command, *more)
            assert done.code == 2
            assert "bundler spread" in done.err
        assert not os.listdir(tmp_path / "other")
    finally:
        shell("umount fs", cwd=tmp_path)


def test_what_parity_on_media_needs_is_asked_for_before_anything_is_written(
    here, layout, made_keys, tmp_path, monkeypatch
):
    command = [each if each != PARITY else "1medium" for each in export(layout, tmp_path / "out", made_keys)]
    done = here(*command)
    assert done.code == 2
    assert "--medium-size" in done.err

    def no_links(*args: object, **flags: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as FAT says

    monkeypatch.setattr(os, "link", no_links)
    done = here(*command, "--medium-size", 3_300_000)
    assert done.code == 2
    assert "bundler spread" in done.err
    assert not os.listdir(tmp_path / "out")


class Later:
    """A bundle without parity, which gets it later."""

    def __init__(self, here: Callable[..., Ran], folder: Path, plain: Path, keys: Path) -> None:
        self.here, self.keys = here, keys
        self.bundle = folder / "later" / "test"
        shutil.copytree(plain, self.bundle)

    @property
    def command(self) -> list[object]:
        trust = ("--trust", self.keys / "tester.pub")
        return ["parity", self.bundle, "--key", self.keys / "tester.key", "--amount", PARITY, *trust]

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.bundle.iterdir()}


@pytest.fixture(scope="module")
def plain(layout, made, made_keys, tmp_path_factory) -> Path:
    """The bundle in tars as it would be without parity: same time, same key."""
    folder = tmp_path_factory.mktemp("plain")
    created = json.loads((made["tar"] / "bundle.json").read_text())["created"]
    seconds = subprocess.run(["date", "-d", created, "+%s"], capture_output=True, text=True, check=True).stdout.strip()
    command = export(layout, folder, made_keys)
    index = command.index("--parity")
    done = Steps([*command[:index], *command[index + 2 :]], environment={"SOURCE_DATE_EPOCH": seconds}).run()
    assert done.code == 0, done.err
    return folder / "test"


@pytest.fixture
def later(here, tmp_path, plain, made_keys) -> Later:
    return Later(here, tmp_path, plain, made_keys)


def test_parity_that_is_added_later_is_the_same(later, made):
    before = later.content()
    done = later.here(*later.command, "--json")
    assert done.code == 0, done.err
    after = later.content()
    assert after == {path.name: path.read_bytes() for path in made["tar"].iterdir()}
    assert {name: after[name] for name in before if name.startswith(("chunk-", "bundle"))}.items() <= before.items()
    assert done.json["bundleId"] != done.json["oldBundleId"]
    done = later.here(*later.command)
    assert done.code == 0
    assert "complete already" in done.out
    assert f"next: bundler verify {later.bundle} --trust PUB" in done.out
    assert later.content() == after
    done = later.here(*(each if each != PARITY else "1chunk" for each in later.command))
    assert done.code == 2
    assert "has parity already" in done.err


def test_killed_at_any_moment_the_same_command_adds_the_parity(later, made, plain):
    whole = {path.name: path.read_bytes() for path in made["tar"].iterdir()}
    for number in steps(every=2):
        shutil.rmtree(later.bundle)
        shutil.copytree(plain, later.bundle)
        ended = Steps(later.command).kill_at(number)
        if not ended.was_killed:
            break
        assert Steps(later.command).run().code == 0, ended.last
        assert later.content() == whole, ended.last
    assert number > 15


def test_other_signatures_go_and_another_key_may_sign(later, tmp_path):
    assert later.here("keygen", "second", "-d", tmp_path).code == 0
    assert (
        later.here("sign", later.bundle, "--key", tmp_path / "second.key", "--trust", later.keys / "tester.pub").code
        == 0
    )
    command = [each if each != later.keys / "tester.key" else tmp_path / "second.key" for each in later.command]
    done = later.here(*command, "--json")
    assert done.code == 0, done.err
    assert len(done.json["removedSigners"]) == 1
    assert later.here("verify", later.bundle, "--trust", tmp_path / "second.pub").code == 0
    assert later.here("verify", later.bundle, "--trust", later.keys / "tester.pub").code == 5


def test_only_a_whole_and_trusted_bundle_gets_parity(later, tmp_path):
    assert later.here("keygen", "second", "-d", tmp_path).code == 0
    before = later.content()
    assert later.here(*later.command[:-1], tmp_path / "second.pub").code == 5
    assert later.here(*later.command, "--dry-run").code == 0
    assert later.content() == before
    chunk = later.bundle / "chunk-0002.tar"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    before = later.content()
    done = later.here(*later.command)
    assert done.code == 4
    assert "nothing was written" in done.out
    assert later.content() == before
    planted = later.bundle / "._parity"
    planted.mkdir()
    sums = before["SHA256SUMS"] + b"%064d  parity-01.par2\n" % 0
    for name, content in {"SHA256SUMS": sums, "README.txt": b"x", "parity-01.par2": b"of a stranger"}.items():
        (planted / name).write_bytes(content)
    signature = next(name for name in before if name.endswith(".sig"))
    (planted / signature).write_bytes(before[signature])
    assert later.here(*later.command).code == 4
    assert later.content() == before


def test_parity_of_a_folder_that_is_not_there_is_refused(later, tmp_path):
    command = ["--key", later.keys / "tester.key", "--trust", later.keys / "tester.pub"]
    for path, words in ((tmp_path / "none", "there is no such folder"), (later.keys / "tester.pub", "not a folder")):
        done = later.here("parity", path, *command)
        assert (done.code, words in done.err, "give the folder of the bundle" in done.err) == (2, True, True)


def test_an_encrypted_bundle_gets_parity_without_its_passphrase(here, layout, made_keys, tmp_path):
    (tmp_path / "passphrase").write_text("a long enough passphrase\n")
    command = export(layout, tmp_path / "out", made_keys, "--encrypt", "--passphrase-file", tmp_path / "passphrase")
    index = command.index("--parity")
    assert here(*command[:index], *command[index + 2 :]).code == 0
    bundle = tmp_path / "out" / "test"
    trust = ("--trust", made_keys / "tester.pub")
    done = here("parity", bundle, "--key", made_keys / "tester.key", *trust)
    assert done.code == 0, done.err
    lost = (bundle / "chunk-0002.7z").read_bytes()
    (bundle / "chunk-0002.7z").unlink()
    assert here("repair", bundle, *trust).code == 0
    assert (bundle / "chunk-0002.7z").read_bytes() == lost
    assert here("verify", bundle, *trust, "--passphrase-file", tmp_path / "passphrase").code == 0


def test_any_medium_of_a_set_may_be_lost(here, layout, made_keys, tmp_path):
    size = "4000000"
    command = [each if each != PARITY else f"1medium:{size}" for each in export(layout, tmp_path / "out", made_keys)]
    done = here(*command)
    assert done.code == 0, done.err
    assert "any one medium" in done.out
    trust = ("--trust", made_keys / "tester.pub")
    made = tmp_path / "out" / "test"
    chunks = {path.name: path.read_bytes() for path in made.glob("chunk-*")}
    (tmp_path / "media").mkdir()
    done = here("spread", made, "-o", tmp_path / "media", "--medium-size", size, *trust)
    assert done.code == 0, done.err
    media = sorted((tmp_path / "media").iterdir())
    assert len(media) > 3
    for lost in media:
        rest = [medium for medium in media if medium != lost]
        shutil.rmtree(tmp_path / "repaired", ignore_errors=True)
        done = here("repair", *rest, "-o", tmp_path / "repaired", *trust)
        assert done.code in (0, 9), done.out  # 9: parity files of the lost medium do not come back
        for name, content in chunks.items():
            places = [*rest, tmp_path / "repaired" / "test"]
            assert any((place / name).is_file() and (place / name).read_bytes() == content for place in places), name
