"""Table M: faults of bundles on media. Each is reported with its chunk, its place, the images that it hurts, and the next step."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.core.limits import FINDINGS, UNREADABLE_READS
from bundler.system import files
from tests.support import sweeps
from tests.support.forge import BIG, Forged, spread
from tests.support.watching import READS, reads_of, strace

SECTOR = 4096


def findings(done) -> list[tuple[str, int | None, int | None]]:
    return [(each["file"], each["offset"], each["length"]) for each in done.json["findings"]]


def owners(done) -> dict[str, set[str]]:
    """The images that are hurt, by file."""
    hurt: dict[str, set[str]] = {}
    for each in done.json["findings"]:
        hurt.setdefault(each["file"], set()).update(each["images"])
    return hurt


def users(bundle: Forged, chunk: str) -> set[str]:
    return {image for *_, images in bundle.members(chunk) for image in images}


def blob_of(bundle: Forged, chunk: str) -> tuple[int, int, str, list[str]]:
    """The largest member of a chunk."""
    return max(bundle.members(chunk), key=lambda member: member[1])


@pytest.fixture
def failing(monkeypatch):
    """A medium on which some places of some files cannot be read; and how often that was tried in vain."""
    bad: dict[str, list[tuple[int, int]]] = {}
    tried: list[int] = []
    real = files.os.preadv

    def preadv(descriptor, buffers, offset, *flags):
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        end = offset + sum(map(len, buffers))
        for begin, length in bad.get(name, []):
            if offset < begin + length and begin < end:
                tried.append(offset)
                raise OSError(5, "Input/output error")
        return real(descriptor, buffers, offset, *flags)

    monkeypatch.setattr(files.os, "preadv", preadv)
    return bad, tried


def test_M01_damage_is_located_in_its_blob_and_names_both_digests_and_the_images(forged, verified):
    offset, length, digest, images = blob_of(forged, "chunk-0006.tar")
    forged.flip("chunk-0006.tar", offset + 1000)
    done = verified(forged.folder)
    assert findings(done) == [("chunk-0006.tar", offset, length)]
    (finding,) = done.json["findings"]
    assert (finding["digest"], finding["images"], finding["expected"]) == (digest, images, digest)
    assert finding["actual"].startswith("sha256:")
    assert finding["actual"] != digest


def test_M01_a_part_of_a_blob_that_is_cut_is_located_too(forged, verified):
    offset, length, digest, _ = blob_of(forged, "chunk-0003.tar")
    forged.flip("chunk-0003.tar", offset + 10)
    done = verified(forged.folder)
    assert findings(done) == [("chunk-0003.tar", offset, length)]
    (finding,) = done.json["findings"]
    assert "part-0" in finding["message"]
    assert (finding["digest"], finding["images"]) == (digest, [BIG])


def test_M04_a_chunk_over_another_is_recognised_and_only_the_lost_one_is_wanted(forged, verified, imported):
    lost = users(forged, "chunk-0003.tar")
    shutil.copy(forged / "chunk-0004.tar", forged / "chunk-0003.tar")
    done = verified(forged.folder)
    assert done.code == 4
    assert [each["message"] for each in done.json["findings"]] == ["this is chunk-0004.tar under another name"]
    assert (owners(done), done.json["copyAgain"]) == ({"chunk-0003.tar": lost}, ["chunk-0003.tar"])
    assert imported(forged.folder).code == 4


def test_M04_a_chunk_of_the_same_size_over_another_is_recognised(forged, verified):
    sizes = {path.name: path.stat().st_size for path in forged.chunks}
    one, two = next(pair for pair in itertools.combinations(sizes, 2) if sizes[pair[0]] == sizes[pair[1]])
    shutil.copy(forged / one, forged / two)
    done = verified(forged.folder)
    assert [each["message"] for each in done.json["findings"]] == [f"this is {one} under another name"]


@pytest.mark.parametrize(
    "keep", [lambda size: size - 1, lambda size: size // 2, lambda size: 0], ids=["1", "half", "0"]
)
def test_M05_a_chunk_that_was_cut_short_says_so(forged, verified, imported, keep):
    size = (forged / "chunk-0005.tar").stat().st_size
    os.truncate(forged / "chunk-0005.tar", keep(size))
    done = verified(forged.folder)
    (finding,) = done.json["findings"]
    assert (finding["expected"], finding["actual"]) == (f"{size} bytes", f"{keep(size)} bytes")
    assert finding["hint"].startswith("copy chunk-0005.tar again")
    assert owners(done) == {"chunk-0005.tar": users(forged, "chunk-0005.tar")}
    assert imported(forged.folder).code == 4


def test_M05_every_file_that_is_cut_or_has_grown_is_found(good, verified, tmp_path):
    for path in sorted(good.folder.iterdir()):
        for change in (-1, -path.stat().st_size // 2, 1, 5000):
            copy = good.copy(tmp_path / "copy")
            content = path.read_bytes()
            (copy / path.name).write_bytes(content[:change] if change < 0 else content + b"x" * change)
            expected = 5 if path.name.startswith("SHA256SUMS") else 4
            assert verified(copy.folder).code == expected, f"{path.name} {change:+}"
            shutil.rmtree(copy.folder)


@pytest.mark.parametrize("command", ["verify", "import"])
def test_M06_a_chunk_that_has_grown_is_refused_before_it_is_read(forged, tmp_path, command):
    os.truncate(forged / "chunk-0005.tar", 1 << 40)
    to = ["--to", f"oci:{tmp_path}/target"] if command == "import" else []
    done = strace([command, forged.folder, "--trust", forged.public, *to], tmp_path / "log", "-e", f"trace={READS}")
    assert done.returncode == 4, done.stderr
    assert "too long" in done.stdout
    assert reads_of(tmp_path / "log", "chunk-0005.tar") == []
    assert reads_of(tmp_path / "log", "chunk-0006.tar"), "the others are read"


def test_M07_zeros_over_two_blobs_of_one_chunk_hurt_both_and_no_third(forged, verified):
    chunk = next(path.name for path in forged.chunks if sum(m[1] > 1000 for m in forged.members(path.name)) >= 2)
    one, two = [member for member in forged.members(chunk) if member[1] > 1000][:2]
    for offset, *_ in (one, two):
        forged.write(chunk, offset + 512, bytes(400))
    done = verified(forged.folder)
    assert findings(done) == [(chunk, one[0], one[1]), (chunk, two[0], two[1])]
    assert done.json["copyAgain"] == [chunk]


def test_M08_what_is_missing_is_listed_with_its_size_and_sum(forged, verified, command):
    for name in ("chunk-0002.tar", "chunk-0007.tar"):
        (forged / name).unlink()
    assert (verified(forged.folder).code, verified(forged.folder).json["copyAgain"]) == (
        9,
        ["chunk-0002.tar", "chunk-0007.tar"],
    )
    lines = command("verify", forged.folder, "--trust", forged.public, "-q").out.splitlines()
    tail = lines[lines.index("copy again: 2 files") + 1 :]
    sums = dict(forged.sums)
    assert [(line.split()[0], line.split()[-1]) for line in tail] == [
        ("chunk-0002.tar", sums["chunk-0002.tar"]),
        ("chunk-0007.tar", sums["chunk-0007.tar"]),
    ]


def test_M09_with_three_of_seven_media_the_rest_is_named_and_the_next_run_needs_only_the_others(
    good, verified, command, tmp_path
):
    media = spread(good, tmp_path / "media", 7)
    absent = {path.name for medium in media[3:] for path in medium.glob("chunk-*")}
    done = verified(*media[:3])
    assert (done.code, set(done.json["copyAgain"])) == (9, absent)
    into = ["--trust", good.public, "--to", f"oci:{tmp_path}/target", "-q", "--json"]
    first = command("import", *media[:3], *into)
    whole = {each["reference"] for each in first.json["targets"][0]["images"] if each["outcome"] == "pushed"}
    assert first.code == 9
    # If the manifests lie on another medium than the layers, nothing is whole yet; images that are whole stay.
    second = command("import", *media, *into)
    outcomes = {each["reference"]: each["outcome"] for each in second.json["targets"][0]["images"]}
    assert second.code == 0
    assert {reference for reference, outcome in outcomes.items() if outcome == "present"} == whole


def test_M11_media_in_any_order_and_one_twice_come_to_the_same_end(good, verified, tmp_path):
    media = spread(good, tmp_path / "media", 5)
    for order in sweeps.some(itertools.permutations(media)):
        done = verified(*order, order[1])
        assert (done.code, done.json["findings"]) == (0, []), order


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["damaged first", "damaged last"])
@pytest.mark.parametrize("fault", ["cut", "flip", "pipe", "missing"])
def test_M11_of_two_copies_the_bad_one_is_named_and_the_good_one_is_enough(
    good, verified, imported, tmp_path, order, fault
):
    copies = [good.copy(tmp_path / "bad"), good.copy(tmp_path / "whole")]
    bad = copies[0] / "chunk-0005.tar"
    if fault == "cut":
        os.truncate(bad, 5000)
    elif fault == "flip":
        copies[0].flip("chunk-0005.tar", 5000)
    else:
        bad.unlink()
        if fault == "pipe":
            os.mkfifo(bad)
    folders = [copies[number].folder for number in order]
    done = verified(*folders)
    if fault == "missing":
        assert (done.code, done.json["findings"]) == (0, [])
    else:
        assert (done.code, done.json["copyAgain"]) == (4, [])
        (finding,) = done.json["findings"]
        assert (finding["file"], str(tmp_path / "whole") in finding["hint"]) == ("chunk-0005.tar", True)
        if fault == "flip" and order == (0, 1):
            assert "is good" in finding["hint"]
        else:
            assert finding["subject"] == str(bad)
    # Wrong from outside or inside: the good copy is used.
    assert imported(*folders).code == 0


def test_M11_a_chunk_of_which_every_copy_is_bad_is_wanted_once(good, verified, tmp_path):
    one, two = good.copy(tmp_path / "one"), good.copy(tmp_path / "two")
    one.flip("chunk-0005.tar", 5000)
    os.truncate(two / "chunk-0005.tar", 1)
    done = verified(one.folder, two.folder)
    assert (done.code, done.json["copyAgain"], len(done.json["findings"])) == (4, ["chunk-0005.tar"], 2)


@pytest.mark.parametrize("name", ["bundle.json", "README.txt"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["damaged first", "damaged last"])
def test_M11_a_bad_copy_of_a_small_file_is_named_and_the_good_one_is_read(good, verified, tmp_path, name, order):
    copies = [good.copy(tmp_path / "bad"), good.copy(tmp_path / "whole")]
    copies[0].flip(name, 30)
    done = verified(*[copies[number].folder for number in order])
    assert (done.code, done.json["copyAgain"]) == (4, [])
    assert [each["subject"] for each in done.json["findings"]] == [str(tmp_path / "bad" / name)]


LITTER = [
    *("System Volume Information", ".DS_Store", "._chunk-0001.tar", "Thumbs.db", "desktop.ini", "Desktop.ini"),
    *("lost+found", ".Trash-1000", ".Trashes", "$RECYCLE.BIN", ".Spotlight-V100", ".fseventsd", "WPSettings.dat"),
]


def test_M12_litter_of_systems_is_let_be_and_anything_else_is_named(forged, verified, imported):
    for name in LITTER:
        (forged / name).write_bytes(b"litter") if "." in name else (forged / name).mkdir()
    assert (verified(forged.folder).code, imported(forged.folder).code) == (0, 0)
    strangers = ["chunk-0001.tar.exe", "evil.exe", "thumbs.db.exe", "\x1b[31mred", "chunk-0001.TAR"]
    for name in strangers:
        (forged / name).write_bytes(b"MZ")
    done = verified(forged.folder)
    assert (done.code, done.json["copyAgain"]) == (4, [])
    assert sorted(each["file"] for each in done.json["findings"]) == sorted(strangers)


def test_M12_many_strangers_are_counted_and_not_all_reported(forged, verified):
    for number in range(FINDINGS + 5):
        os.close(os.open(forged / f"stranger-{number}", os.O_CREAT | os.O_WRONLY))
    done = verified(forged.folder)
    assert (done.code, len(done.json["findings"])) == (4, FINDINGS + 1)
    assert "5 more files" in done.out


def test_M12_an_unlisted_file_is_refused_before_it_is_opened(forged, tmp_path):
    (forged / "evil.exe").write_bytes(b"MZ")
    done = strace(
        ["verify", forged.folder, "--trust", forged.public], tmp_path / "log", "-e", "trace=open,openat,openat2"
    )
    assert done.returncode == 4
    assert "evil.exe" in done.stdout
    assert "evil.exe" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("left", [None, b"", b"<html>Threat removed: EICAR</html>"], ids=["removed", "empty", "stub"])
def test_M15_what_a_virus_scanner_may_have_done_is_said(forged, verified, left):
    (forged / "chunk-0006.tar").unlink()
    if left is not None:
        (forged / "chunk-0006.tar").write_bytes(left)
    done = verified(forged.folder)
    assert done.code == (9 if left is None else 4)
    (finding,) = done.json["findings"]
    assert "virus scanner" in finding["hint"]
    assert "chunk-0006.tar" in finding["hint"]


def test_M15_a_chunk_of_which_much_is_left_was_not_replaced(forged, verified):
    os.truncate(forged / "chunk-0006.tar", 200_000)
    (finding,) = verified(forged.folder).json["findings"]
    assert "virus" not in finding["hint"]


def test_M21_a_sector_that_cannot_be_read_is_located_and_the_rest_of_its_chunk_is_still_checked(
    forged, verified, failing
):
    chunk = "chunk-0008.tar"
    lost, one, two, *_ = forged.members(chunk)
    sector = lost[1] // 2 // SECTOR * SECTOR
    failing[0][chunk] = [(sector, 512)]
    for offset, *_ in (one, two):
        forged.flip(chunk, offset + 100)
    done = verified(forged.folder)
    assert done.code == 4
    assert findings(done) == [(chunk, sector, SECTOR), (chunk, one[0], one[1]), (chunk, two[0], two[1])]
    last = done.json["findings"][0]
    assert (last["digest"], last["images"]) == (lost[2], lost[3])
    assert "Input/output error" in last["message"]
    assert done.json["copyAgain"] == [chunk]


def test_M21_a_sector_in_a_blob_that_is_cut_hurts_that_blob_once(forged, verified, failing):
    failing[0]["chunk-0003.tar"] = [(SECTOR * 20, SECTOR * 3)]
    done = verified(forged.folder)
    assert findings(done) == [("chunk-0003.tar", SECTOR * 20, SECTOR * 3)]
    assert owners(done) == {"chunk-0003.tar": {BIG}}


def test_M21_places_far_apart_are_each_reported(forged, verified, failing):
    failing[0]["chunk-0005.tar"] = [(SECTOR * 30, 1), (SECTOR * 90, 1), (SECTOR * 91, 1)]
    assert findings(verified(forged.folder)) == [
        ("chunk-0005.tar", SECTOR * 30, SECTOR),
        ("chunk-0005.tar", SECTOR * 90, SECTOR * 3),  # the step has doubled
    ]


def test_M21_a_dead_medium_is_given_up_after_some_reads_and_the_others_are_still_checked(forged, verified, failing):
    bad, tried = failing
    size = (forged / "chunk-0005.tar").stat().st_size
    bad["chunk-0005.tar"] = [(0, size)]
    forged.flip("chunk-0006.tar", 5000)
    done = verified(forged.folder)
    assert [each[0] for each in findings(done)] == ["chunk-0005.tar", "chunk-0006.tar"]
    assert findings(done)[0][1:] == (0, size)
    assert owners(done)["chunk-0005.tar"] == users(forged, "chunk-0005.tar")
    assert len(tried) <= UNREADABLE_READS


def test_M21_a_sector_hurts_only_the_images_that_need_it(forged, imported, failing):
    offset, length, _, images = blob_of(forged, "chunk-0006.tar")
    failing[0]["chunk-0006.tar"] = [(offset + length // 2, 1)]
    done = imported(forged.folder)
    assert done.code == 4
    outcomes = {each["reference"]: each["outcome"] for each in done.json["targets"][0]["images"]}
    assert {reference for reference, outcome in outcomes.items() if outcome == "failed"} == set(images)
    assert "Input/output error" in done.out


def test_M21_errors_of_the_system_are_reported_by_the_real_command(forged, tmp_path):
    chunk = forged / "chunk-0006.tar"
    inject = ["-P", str(chunk), "-e", "trace=preadv,preadv2", "-e", "inject=preadv,preadv2:error=EIO:when=1"]
    done = strace(["verify", forged.folder, "--trust", forged.public, "--jobs", 1], tmp_path / "log", *inject)
    assert "Traceback" not in done.stderr
    # Only the first read fails, as with a medium that recovers: in smaller steps all of it is there.
    assert (done.returncode, "good" in done.stdout) == (0, True)
    inject[-1] = "inject=preadv,preadv2:error=EIO"
    done = strace(["verify", forged.folder, "--trust", forged.public], tmp_path / "log", *inject)
    assert done.returncode == 4
    assert "Input/output error" in done.stdout
    assert "copy again: 1 file" in done.stdout
    assert len(reads_of(tmp_path / "log", "chunk-0006.tar")) <= UNREADABLE_READS


def test_M26_a_medium_of_another_bundle_is_not_mixed_in(good, verified, imported, tmp_path):
    other = good.copy(tmp_path / "other")
    other.edit(lambda document: document.update(created="2027-01-01T00:00:00Z"))
    for run in (verified, imported):
        done = run(good.folder, other.folder)
        assert (done.code, "different bundles" in done.out) == (2, True)


NAMES = [
    *(
        "with blanks",
        "two\nlines",
        "-x",
        "--json",
        "a'b\"c",
        "$(touch pwned)",
        "\udcff\udcfe",
        "日本 😀",
        "a:b",
        "\x1b[31m",
    ),
    *("%s{}", "turned\u202earound"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_M32_a_folder_may_have_any_name(good, command, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(good.folder, name)
    into = ["--trust", good.public, "--to", "oci:target"]
    for arguments in (
        ["inspect", "--"],
        ["inspect", "--json", "--"],
        ["verify", "--trust", good.public, "--"],
        ["verify", "--trust", good.public, "--json", "--"],
        ["import", *into, "--"],
    ):
        done = command(*arguments, name)
        assert done.code == 0, done.err
        assert not {"\x1b", "\u202e"} & set(done.out + done.err)
    assert sorted(os.listdir()) == sorted(["target", name])


ENCODINGS = ["utf-8:strict", "ascii:strict", "latin-1:strict", "gbk:strict"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_M32_a_terminal_that_cannot_show_a_name_gets_it_escaped(good, tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    name = "日本 😀 \udcff"
    shutil.copytree(good.folder, name)
    os.truncate(Path(name) / "chunk-0006.tar", 5)
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "bundler", "verify", name, "--trust", good.public, *more],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        shown = done.stdout.decode(encoding.partition(":")[0])
        assert done.returncode == 4, done.stderr
    (finding,) = json.loads(shown)["findings"]
    assert finding["subject"] == f"{name}/chunk-0006.tar"


def test_M32_an_export_into_such_a_folder_says_how_to_go_on(good, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(NAMES):
        os.mkdir(f"{name} out")
        done = command(
            *("export", f"oci:{good.folder.parent}/layout:{BIG}", "--name", "x", "-o", f"{name} out"),
            *("--key", good.private, *(["--json"] if number % 2 else [])),
        )
        assert done.code == 0, done.err
        assert not {"\x1b", "\u202e"} & set(done.out + done.err)
        if not number % 2 and name.isprintable():
            next_step = next(line for line in done.out.splitlines() if line.startswith("next: "))
            words = shlex.split(next_step)
            assert words[words.index("verify") + 1] == f"{name} out/x"


def test_all_faults_at_once_are_all_reported(forged, verified):
    forged.flip("chunk-0001.tar", 600)
    forged.flip("chunk-0002.tar", 5000)
    (forged / "chunk-0003.tar").unlink()
    os.truncate(forged / "chunk-0004.tar", 77)
    (forged / "README.txt").write_text("hello")
    (forged / "evil.exe").write_bytes(b"MZ")
    done = verified(forged.folder)
    files = ["README.txt", "chunk-0001.tar", "chunk-0002.tar", "chunk-0003.tar", "chunk-0004.tar", "evil.exe"]
    assert ([each[0] for each in findings(done)], done.code) == (files, 4)
    assert done.json["copyAgain"] == files[:-1]
