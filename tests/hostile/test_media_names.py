"""Media as people bring them: names that were changed, copies that are damaged, strangers' files, several bundles."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from bundler.bundle import listing
from bundler.core.limits import FINDINGS, LITTER_SHOWN
from tests.support.forge import BIG, Forged, spread
from tests.support.terminal import on_terminal
from tests.support.watching import strace


def renamed(folder: Path, one: str, other: str) -> None:
    (folder / one).rename(folder / "between")
    (folder / other).rename(folder / one)
    (folder / "between").rename(folder / other)


def chunks_of_one_size(bundle: Forged) -> tuple[str, str]:
    sizes = {path.name: path.stat().st_size for path in bundle.chunks}
    return next((one, two) for one in sizes for two in sizes if one < two and sizes[one] == sizes[two])


def chunks_of_two_sizes(bundle: Forged) -> tuple[str, str]:
    sizes = {path.name: path.stat().st_size for path in bundle.chunks}
    return next((one, two) for one in sizes for two in sizes if one < two and sizes[one] != sizes[two])


# Signatures of strangers


STRANGER = "SHA256SUMS.0123456789abcdef.sig"
NO_SIGNATURES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a huge file": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
    "an empty file": lambda path: path.touch(),
    "63 bytes": lambda path: path.write_bytes(bytes(63)),
}


@pytest.mark.parametrize("kind", NO_SIGNATURES)
def test_a_strangers_signature_that_is_none_is_a_finding_and_blocks_no_good_one(forged, verified, imported, kind):
    NO_SIGNATURES[kind](forged / STRANGER)
    done = verified(forged.folder)
    assert (done.code, done.json["signers"], done.json["copyAgain"]) == (4, [forged.key_id], [])
    assert [(each["file"], each["message"]) for each in done.json["findings"]] == [(STRANGER, "not a signature")]
    assert [each["subject"] for each in done.json["noSignatures"]] == [str(forged / STRANGER)]
    into = imported(forged.folder)
    assert into.code == 4
    assert {each["outcome"] for each in into.json["targets"][0]["images"]} == {"pushed"}


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a link"])
def test_a_strangers_signature_that_is_none_is_shown_by_inspect(forged, command, kind):
    NO_SIGNATURES[kind](forged / STRANGER)
    looked = command("inspect", forged.folder, "--trust", forged.public)
    assert (looked.code, f"{STRANGER}: not a signature" in looked.out) == (0, True)


def test_no_signature_of_a_stranger_is_opened_and_no_pipe_of_anybody(forged, tmp_path):
    os.mkfifo(forged / STRANGER)
    (forged / "SHA256SUMS.1123456789abcdef.sig").write_bytes(bytes(64))
    os.mkfifo(forged / f"._{STRANGER}")
    (forged / "README.txt").unlink()
    os.mkfifo(forged / "README.txt")
    done = strace(
        ["verify", forged.folder, "--trust", forged.public], tmp_path / "log", "-e", "trace=open,openat,openat2"
    )
    assert done.returncode == 4
    log = (tmp_path / "log").read_text()
    assert forged.signature.name in log
    assert not {name for name in (STRANGER, "SHA256SUMS.1123456789abcdef.sig", "README.txt") if f"/{name}" in log}


def test_a_good_signature_of_a_stranger_is_no_finding(forged, verified):
    (forged / STRANGER).write_bytes(bytes(64))
    assert (verified(forged.folder).code, verified(forged.folder).json["noSignatures"]) == (0, [])


def test_many_files_that_are_no_signatures_are_counted_and_not_all_named(forged, verified):
    for number in range(FINDINGS + 5):
        (forged / f"SHA256SUMS.{number:016x}.sig").touch()
    done = verified(forged.folder)
    assert (done.code, len(done.json["findings"])) == (4, FINDINGS + 1)
    assert "5 more files" in done.out


def test_a_folder_without_end_is_refused(forged, verified, monkeypatch):
    monkeypatch.setattr("bundler.bundle.listing.FOLDER_ENTRIES", 20)
    for number in range(20):
        (forged / f"._{number}").touch()
    assert (verified(forged.folder).code, "more than 20 files in one folder" in verified(forged.folder).out) == (
        4,
        True,
    )


# Litter


LITTER = {
    ".DS_Store": 6148,
    "._chunk-0001.tar": 4096,
    "Thumbs.db": 10,
    "DESKTOP.INI": 1,
    ".fuse_hidden0001": 5,
    "System Volume Information/IndexerVolumeGuid": 76,
    "$RECYCLE.BIN/S-1-5/desktop.ini": 129,
    ".Trash-1000/files/movie.mkv": 3 << 30,
    ".Spotlight-V100/Store-V2/x": 9,
    ".fseventsd/0001": 70,
    "FOUND.000/FILE0000.CHK": 512,
    "lost+found/": 0,
}


def litter(folder: Path) -> None:
    for name, size_bytes in LITTER.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch()
            os.truncate(path, size_bytes)


def test_litter_of_any_size_is_counted_and_named_and_is_no_finding(forged, verified, imported, command):
    litter(forged.folder)
    expected = {
        "files": len(LITTER),
        "size": sum(LITTER.values()),
        "complete": True,
        "names": [
            {"name": name, "size": sum(size for path, size in LITTER.items() if path.split("/")[0] == name)}
            for name in sorted({path.split("/")[0] for path in LITTER})
        ],
    }
    for done in (verified(forged.folder), imported(forged.folder)):
        assert (done.code, done.json["findings"], done.json["litter"]) == (0, [], expected)
    for verb in ("verify", "inspect"):
        reported = command(verb, forged.folder, "--trust", forged.public)
        assert (
            reported.code,
            f"{len(LITTER)} files of operating systems, not of the bundle, 3.00 GiB" in reported.out,
        ) == (
            0,
            True,
        )
        assert ".DS_Store (6.00 KiB)" in reported.out


def test_litter_without_end_and_litter_that_cannot_be_read_are_bounded_and_said(forged, verified, monkeypatch):
    monkeypatch.setattr("bundler.bundle.litter.LITTER_ENTRIES", 50)
    (forged / ".Trashes").mkdir()
    deep = forged / ".Trashes"
    for number in range(60):
        (deep / f"{number}").touch()
    for number in range(LITTER_SHOWN + 5):
        (forged / f"._{number:03}").touch()
    done = verified(forged.folder)
    assert (done.code, done.json["litter"]["complete"], len(done.json["litter"]["names"])) == (0, False, LITTER_SHOWN)


def test_no_link_in_litter_is_followed(forged, verified):
    (forged / ".Trash-1000").mkdir()
    (forged / ".Trash-1000/loop").symlink_to("..")
    (forged / "._root").symlink_to("/")
    assert verified(forged.folder).json["litter"]["files"] == 2


def test_other_folders_and_files_are_strangers_as_ever(forged, verified):
    for name in ("found.0000", "desktop.ini.exe", "Spotlight", "trash"):
        (forged / name).mkdir()
    assert [each["file"] for each in verified(forged.folder).json["findings"]] == sorted(
        ["found.0000", "desktop.ini.exe", "Spotlight", "trash"]
    )


# The root of a medium


@pytest.fixture
def stick(good, tmp_path) -> Path:
    shutil.copytree(good.folder, tmp_path / "stick/platform")
    return tmp_path / "stick"


@pytest.fixture
def closed(monkeypatch):
    """Folders into which nobody can look, and why."""
    errors: dict[str, int] = {}
    real = os.scandir

    def scandir(path):
        number = errors.get(Path(path).name)
        if number is not None:
            raise OSError(number, os.strerror(number))
        return real(path)

    monkeypatch.setattr(listing.os, "scandir", scandir)
    return errors


@pytest.mark.parametrize("number", [13, 5], ids=["denied", "input/output error"])
def test_a_folder_on_the_stick_that_cannot_be_read_is_skipped_and_named(
    stick, verified, imported, command, good, closed, number
):
    (stick / "lost+found").mkdir()
    (stick / "photos").mkdir()
    closed |= {"lost+found": number, "photos": number}
    for done in (verified(stick), imported(stick)):
        assert (done.code, done.json["findings"]) == (0, [])
        assert [each["subject"] for each in done.json["skipped"]] == [str(stick / "lost+found"), str(stick / "photos")]
    looked = command("inspect", stick, "--trust", good.public)
    assert (looked.code, f"skipped    {stick}/lost+found" in looked.out) == (0, True)


def test_a_stick_of_which_nothing_can_be_read_says_so(tmp_path, command, good, closed):
    (tmp_path / "stick/lost+found").mkdir(parents=True)
    closed["lost+found"] = 13
    done = command("verify", tmp_path / "stick", "--trust", good.public)
    assert (done.code, "no bundle here" in done.err, "lost+found" in done.err) == (2, True, True)


def test_a_folder_that_the_system_does_not_open_is_skipped_by_the_real_command(stick, good, tmp_path):
    (stick / "lost+found").mkdir(mode=0o700)
    inject = ["-P", str(stick / "lost+found"), "-e", "trace=openat", "-e", "inject=openat:error=EACCES"]
    done = strace(["verify", stick, "--trust", good.public], tmp_path / "log", *inject)
    assert (done.returncode, "content    good" in done.stdout) == (0, True), done.stderr
    assert f"skipped    {stick}/lost+found: no permission" in done.stdout


def test_litter_in_the_bundles_own_folder_that_cannot_be_read_is_said_and_harms_nothing(
    forged, verified, command, closed
):
    (forged / "lost+found").mkdir()
    closed["lost+found"] = 13
    done = verified(forged.folder)
    assert (done.code, done.json["findings"], done.json["litter"]["complete"]) == (0, [], False)
    assert "at least 1 file of operating systems" in command("verify", forged.folder, "--trust", forged.public).out


@pytest.fixture
def two(stick, good) -> Path:
    """A stick with two bundles, one of which lacks a chunk."""
    other = Forged(stick / "other", good.private, good.public, good.blobs)
    shutil.copytree(good.folder, other.folder)
    other.edit(lambda document: document.update(name="second", created="2027-01-01T00:00:00Z"))
    other.chunks[3].unlink()
    return stick


def test_inspect_and_verify_of_a_medium_with_two_bundles_list_them(two, good, command):
    (two / "third.partial").mkdir()
    for verb, code in (("inspect", 0), ("verify", 2)):
        done = command(verb, two, "--trust", good.public, "--json")
        assert (done.code, done.json["document"]) == (code, f"bundler.{verb}-list/1")
        reported = [(each["name"], each["paths"], each["signers"]) for each in done.json["bundles"]]
        assert reported == [
            ("second", [str(two / "other")], [good.key_id]),
            ("good", [str(two / "platform")], [good.key_id]),
        ]
        first, second = done.json["bundles"]
        assert (first["chunks"] - first["chunksHere"], second["chunks"] - second["chunksHere"]) == (1, 0)
        assert ((first["complete"], second["complete"]), second["series"], second["bases"]) == ((False, True), None, [])
        assert second["images"] == len(json.loads((two / "platform" / "bundle.json").read_text())["images"])
        assert done.json["unfinished"] == [str(two / "third.partial")]
        text = command(verb, two, "--trust", good.public).out
        assert ("not complete" in text, f"unfinished {two}/third.partial" in text) == (True, True)
        assert f"bundler {verb} {two}/platform" in text
        assert f"bundler {verb} {two}/other" in text


def test_import_of_a_medium_with_two_bundles_asks_which(two, good, command, tmp_path):
    into = ["--trust", good.public, "--to", f"oci:{tmp_path}/out"]
    done = command("import", two, *into)
    assert (done.code, f"{two}/platform" in done.err, f"{two}/other" in done.err) == (2, True, True)
    assert not (tmp_path / "out").exists()
    code, shown = on_terminal("import", two, *into, answers=[("choose one", "2")])
    assert (code, f"2  {two}/platform" in shown, len(list((tmp_path / "out").iterdir())) > 0) == (0, True, True), shown
    assert command("import", two / "platform", *into).code == 0


def test_a_bundle_that_is_named_is_meant_whatever_else_is_on_the_other_medium(two, good, verified, tmp_path):
    media = spread(good, tmp_path / "media", 2)
    shutil.copytree(media[1], tmp_path / "disc/part")
    shutil.copytree(two / "other", tmp_path / "disc/other")
    assert verified(media[0], tmp_path / "disc").code == 0


def test_lists_of_checksums_without_end_on_a_medium_are_bounded_in_memory(two, good, command, monkeypatch):
    monkeypatch.setattr("bundler.bundle.survey.SUMS_BYTES", (good / "SHA256SUMS").stat().st_size + 10)
    done = command("verify", two, "--trust", good.public)
    assert (done.code, "too many bundles on one medium" in done.err) == (2, True)
    assert command("verify", two / "platform", "--trust", good.public).code == 0


def test_a_folder_whose_list_is_a_pipe_is_skipped_next_to_a_bundle(stick, verified):
    (stick / "pipe").mkdir()
    os.mkfifo(stick / "pipe/SHA256SUMS")
    done = verified(stick)
    assert (done.code, [each["subject"] for each in done.json["skipped"]]) == (0, [str(stick / "pipe/SHA256SUMS")])


# Names that were lost


def capitals(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.upper())


def eight_and_three(folder: Path) -> None:
    """As a FAT without long names has them."""
    for number, path in enumerate(sorted(folder.glob("chunk-*")), start=1):
        path.rename(folder / (f"CHUNK-~{number}.TAR" if number < 5 else f"CH{number:04X}~1.TAR"))
    (folder / "bundle.json").rename(folder / "BUNDLE~1.JSO")
    (folder / "README.txt").rename(folder / "README.TXT")
    next(folder.glob("*.sig")).rename(folder / "SHA256~1.SIG")
    (folder / "SHA256SUMS").rename(folder / "SHA256~1")


def iso_9660(folder: Path) -> None:
    """As ``genisoimage -l`` without Joliet and Rock Ridge has them."""
    for path in list(folder.iterdir()):
        stem, _, ending = path.name.upper().rpartition(".") if "." in path.name else (path.name, "", "")
        path.rename(folder / (f"{stem.replace('.', '_')}.{ending}" if ending else stem))


@pytest.mark.parametrize("change", [capitals, eight_and_three, iso_9660])
def test_a_bundle_whose_names_a_medium_has_changed_is_verified_and_imported(
    forged, verified, imported, command, change
):
    change(forged.folder)
    done = verified(forged.folder)
    assert (done.code, done.json["findings"], done.json["signers"]) == (0, [], [done.json["signers"][0]])
    assert {each["file"] for each in done.json["otherNames"]} == {f"chunk-{n:04}.tar" for n in range(1, 9)}
    assert imported(forged.folder).code == 0
    assert command("inspect", forged.folder, "--trust", forged.public).code == 0


@pytest.mark.parametrize("pair", [chunks_of_one_size, chunks_of_two_sizes], ids=["of one size", "of two sizes"])
def test_chunks_with_each_others_names_are_found_by_content(forged, verified, imported, pair):
    one, two = pair(forged)
    renamed(forged.folder, one, two)
    done = verified(forged.folder)
    assert (done.code, done.json["findings"]) == (0, []), done.out
    assert {each["file"]: Path(each["path"]).name for each in done.json["otherNames"]} == {one: two, two: one}
    assert imported(forged.folder).code == 0


def test_chunks_of_7z_with_each_others_names_are_found_by_content(good, command, tmp_path):
    layout = f"oci:{good.folder.parent}/layout:{BIG}"
    export = ["export", layout, "--name", "seven", "-o", tmp_path, "--format", "7z", "--chunk-size", "1MiB", "-q"]
    assert command(*export, "--key", good.private).code == 0
    renamed(tmp_path / "seven", "chunk-0001.7z", "chunk-0002.7z")
    done = command("verify", tmp_path / "seven", "--trust", good.public, "--json")
    assert (done.code, done.json["findings"]) == (0, [])
    into = ["--trust", good.public, "--to", f"oci:{tmp_path}/out"]
    assert command("import", tmp_path / "seven", *into).code == 0


@pytest.mark.parametrize("place", ["next to it", "in another folder", "in another folder, given first"])
def test_a_good_copy_under_another_name_makes_up_for_a_damaged_chunk_and_is_used(
    forged, verified, imported, command, good, tmp_path, place
):
    other = tmp_path / "other" if place != "next to it" else forged.folder
    other.mkdir(exist_ok=True)
    name = "chunk-0006 (1).tar" if place == "next to it" else "chunk-0006.tar"
    shutil.copy(forged / "chunk-0006.tar", other / name)
    forged.flip("chunk-0006.tar", 5000)
    folders = {"next to it": [forged.folder], "in another folder": [forged.folder, other]}.get(
        place, [other, forged.folder]
    )
    done = verified(*folders)
    assert (done.code, done.json["copyAgain"]) == (4, [])
    assert [each["file"] for each in done.json["findings"]] == ["chunk-0006.tar"]
    into = imported(*folders)
    assert (into.code, into.json["findings"]) == (0, [])
    if place != "in another folder, given first":
        (copy,) = into.json["badCopies"]
        assert (copy["path"], copy["used"]) == (str(forged / "chunk-0006.tar"), str(other / name))
        shown = command("import", *folders, "--trust", good.public, "--to", f"oci:{tmp_path}/again").out
        assert f"{forged / 'chunk-0006.tar'}: read {other / name}" in shown


@pytest.mark.parametrize("where", [0, 1000, -700], ids=["framing", "data", "end"])
@pytest.mark.parametrize("chunk", ["chunk-0001.tar", "chunk-0003.tar", "chunk-0007.tar"])
def test_wherever_one_copy_is_damaged_the_other_one_is_imported(good, imported, tmp_path, chunk, where):
    bad, whole = good.copy(tmp_path / "bad"), good.copy(tmp_path / "whole")
    bad.flip(chunk, where % (bad / chunk).stat().st_size)
    done = imported(bad.folder, whole.folder)
    assert (done.code, done.json["findings"], [each["file"] for each in done.json["badCopies"]]) == (0, [], [chunk])


def test_two_targets_are_both_served_from_the_good_copy(good, command, tmp_path):
    bad, whole = good.copy(tmp_path / "bad"), good.copy(tmp_path / "whole")
    bad.flip("chunk-0006.tar", 5000)
    to = ["--to", f"oci:{tmp_path}/one", "--to", f"oci:{tmp_path}/two"]
    assert command("import", bad.folder, whole.folder, "--trust", good.public, *to).code == 0


def test_damaged_copies_of_encrypted_chunks_and_changed_names_are_passed_over(good, command, tmp_path):
    secret = ["--passphrase-file", tmp_path / "passphrase"]
    (tmp_path / "passphrase").write_text("secret")
    layout = f"oci:{good.folder.parent}/layout:{BIG}"
    export = ["export", layout, "--name", "locked", "-o", tmp_path, "--encrypt", *secret, "--chunk-size", "1MiB", "-q"]
    assert command(*export, "--key", good.private).code == 0
    whole = Forged(tmp_path / "locked", good.private, good.public, good.blobs)
    renamed(whole.folder, "chunk-0001.7z", "chunk-0002.7z")
    done = command("verify", whole.folder, "--trust", good.public, "--json")
    assert (done.code, done.json["findings"], done.json["opened"]) == (0, [], False)
    bad = whole.copy(tmp_path / "bad")
    for name in ("chunk-0003.7z", "content.7z"):
        bad.flip(name, 200)
    options = ["--trust", good.public, *secret, "--json"]
    done = command("verify", bad.folder, whole.folder, *options)
    assert (done.code, done.json["copyAgain"]) == (4, [])
    assert [each["file"] for each in done.json["findings"]] == ["chunk-0003.7z", "content.7z"]
    into = command("import", bad.folder, whole.folder, *options, "--to", f"oci:{tmp_path}/out")
    assert (into.code, "chunk-0003.7z" in {each["file"] for each in into.json["badCopies"]}) == (0, True)


def test_a_second_good_copy_under_another_name_is_reported_as_what_it_is(forged, verified, imported):
    shutil.copy(forged / "chunk-0002.tar", forged / "Copy of chunk-0002.tar")
    for done in (verified(forged.folder), imported(forged.folder)):
        (finding,) = done.json["findings"]
        assert (done.code, finding["file"]) == (4, "Copy of chunk-0002.tar")
        assert finding["message"] == "a copy of chunk-0002.tar, under a name that SHA256SUMS does not list"


def test_a_stranger_of_the_size_of_a_chunk_is_a_stranger(forged, verified, imported):
    (forged / "evil.exe").write_bytes(bytes((forged / "chunk-0002.tar").stat().st_size))
    for done in (verified(forged.folder), imported(forged.folder)):
        assert (done.code, [each["file"] for each in done.json["findings"]]) == (4, ["evil.exe"])


def test_a_file_is_read_once_however_many_chunks_have_its_size(forged, tmp_path):
    one, two = chunks_of_one_size(forged)
    (forged / one).rename(forged / "what.tar")
    (forged / two).unlink()
    done = strace(["inspect", forged.folder], tmp_path / "log", "-e", "trace=openat")
    assert "what.tar" not in (tmp_path / "log").read_text(), "inspect reads no chunk"
    assert f"{one}  1.00 MiB  the chunk is missing; what.tar has its size: run bundler verify" in done.stdout
    done = strace(
        ["import", forged.folder, "--trust", forged.public, "--to", f"oci:{tmp_path}/out", "--dry-run"],
        tmp_path / "log",
        "-e",
        "trace=openat",
    )
    assert done.returncode == 9
    assert (tmp_path / "log").read_text().count("/what.tar") <= 4


# Some of the media


def test_verify_of_some_media_says_first_what_is_here_and_good(good, command, tmp_path):
    media = [tmp_path / "disc1", tmp_path / "disc2"]
    for medium, chunks in zip(media, (good.chunks[:3], good.chunks[3:]), strict=True):
        medium.mkdir()
        for path in (*(p for p in good.folder.iterdir() if p not in good.chunks), *chunks):
            shutil.copy(path, medium)
    done = command("verify", media[0], "--trust", good.public)
    total = len(good.chunks)
    lines = done.out.splitlines()
    assert done.code == 9
    assert lines[1] == (
        f"chunks     3 of {total} chunks are here, all good; {total - 3} are elsewhere: "
        f"chunk-0004.tar … chunk-{total:04}.tar"
    )
    assert "virus" not in done.out
    assert (f"elsewhere: {total - 3} files" in lines, "copy again" in done.out) == (True, False)
    document = command("verify", media[0], "--trust", good.public, "--json").json
    assert [(each["here"], each["good"]) for each in document["chunks"]] == [(True, True)] * 3 + [(False, False)] * (
        total - 3
    )
    assert not any("virus" in each["hint"] for each in document["findings"])
    assert command("verify", *media, "--trust", good.public).code == 0


def test_verify_of_some_media_with_a_damaged_chunk_counts_it(good, command, tmp_path):
    media = spread(good, tmp_path / "media", 2)
    Forged(media[0], good.private, good.public, good.blobs).flip("chunk-0003.tar", 5000)
    done = command("verify", media[0], "--trust", good.public)
    assert (done.code, "4 of 8 chunks are here, 3 good and 1 damaged; 4 are elsewhere" in done.out) == (4, True), (
        done.out
    )


def test_verify_of_a_medium_without_chunks_calls_nothing_good(good, command, tmp_path):
    medium = tmp_path / "papers"
    medium.mkdir()
    for path in (path for path in good.folder.iterdir() if path not in good.chunks):
        shutil.copy(path, medium)
    done = command("verify", medium, "--trust", good.public)
    total = len(good.chunks)
    assert done.code == 9
    assert f"chunks     none of the {total} chunks are here: chunk-0001.tar … chunk-{total:04}.tar" in done.out
    assert "good" not in done.out.split("chunks", 1)[1]


def test_chunks_in_a_folder_of_the_bundle_are_named_and_used_if_the_folder_is_given(forged, command):
    inner = forged.folder / "chunks"
    inner.mkdir()
    for path in forged.chunks[:4]:
        path.rename(inner / path.name)
    done = command("verify", forged.folder, "--trust", forged.public)
    assert (done.code, f"{inner}: a folder that SHA256SUMS does not list" in done.out) == (4, True)
    assert "give this folder too" in done.out
    assert command("verify", forged.folder, inner, "--trust", forged.public).code == 0
    (inner.parent / "others").mkdir()
    assert command("verify", forged.folder, inner, "--trust", forged.public).code == 4


def test_a_bundle_that_was_copied_without_its_signature_is_reported(forged, command):
    for path in forged.folder.glob("*.sig"):
        path.unlink()
    done = command("verify", forged.folder, "--trust", forged.public)
    assert (done.code, "SHA256SUMS.*.sig" in done.err) == (5, True)


def test_a_chunk_or_an_archive_of_a_bundle_given_as_a_file_leads_to_its_folder(forged, command, tmp_path):
    done = command("verify", forged.chunks[0], "--trust", forged.public)
    assert (done.code, "give the bundle's folder" in done.err) == (2, True)
    with tarfile.open(tmp_path / "sent.tar", "w") as archive:
        archive.add(forged.folder, "bundle")
    done = command("inspect", tmp_path / "sent.tar")
    assert (done.code, "unpack it" in done.err) == (4, True)


def test_import_of_some_media_names_all_that_is_on_the_others_in_one_place(good, command, tmp_path):
    medium = tmp_path / "disc1"
    medium.mkdir()
    for path in (path for path in good.folder.iterdir() if path not in good.chunks[1:]):
        shutil.copy(path, medium)
    done = command("import", medium, "--trust", good.public, "--to", f"oci:{tmp_path}/out")
    assert done.code == 9
    assert done.out.count("holds back") == done.out.count("not here: chunk-") == 1
    assert "with the other media, in any order" in done.out


def test_import_of_some_media_blames_no_virus_scanner(good, imported, tmp_path):
    done = imported(spread(good, tmp_path / "media", 2)[0])
    assert (done.code, "virus" in done.out) == (9, False)
