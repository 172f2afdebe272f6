"""Bundles of 7z archives, judged by 7-Zip, skopeo, sha256sum and openssl; encrypted ones from registry to registry."""

from __future__ import annotations

import functools
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.bundle.restore_script import restore_script
from bundler.keys.passphrase import generate_passphrase
from tests.conftest import write_list
from tests.real.test_stock_tools import commands
from tests.support.images import every_kind, image, layer_tar, simple
from tests.support.parts import RealRegistry, require, shell, skopeo_raw
from tests.support.steps import Steps

KINDS = every_kind()
LABELS = {"org.example.secret": "a-label-that-nobody-shall-read"}
BIG = image([gzip.compress(layer_tar("big", 2_500_000), mtime=0)], labels=LABELS)
CANARY = "canary-passphrase-of-this-test"


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Iterator[RealRegistry]:
    """A registry that holds an image of every kind, and a large one. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("registry")).start()
    for name, each in {**KINDS, "team/big:1": BIG}.items():
        each.push(registry, *name.split(":"))
    yield registry
    registry.stop()


@pytest.fixture
def listed(registry, image_list) -> Path:
    return image_list(registry, *KINDS, "team/big:1")


@pytest.fixture(scope="module")
def exports(registry, made_keys, tmp_path_factory) -> Callable[..., Path]:
    """Exports all images of the registry, each choice of options once."""

    @functools.cache
    def export(*options: str) -> Path:
        folder = tmp_path_factory.mktemp("exported")
        listed = write_list(folder / "list.yaml", registry, [*KINDS, "team/big:1"])
        (folder / "passphrase").write_text(CANARY + "\n")
        secret = ["--passphrase-file", folder / "passphrase"] if "--encrypt" in options else []
        signed = ["--key", made_keys / "tester.key", "--chunk-size", "1MiB"]
        made = Steps(["export", listed, "-o", folder, *signed, *options, *secret]).run()
        assert made.code == 0, made.err
        return folder / "test"

    return export


@pytest.fixture
def exported(exports, tmp_path) -> Callable[..., Path]:
    """Gives a bundle of all images of the registry, in a folder of the test's own."""
    return lambda *options: shutil.copytree(exports(*options), tmp_path / "test")


@pytest.fixture
def secret(tmp_path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(CANARY + "\n")
    return path


def export(bundler, listed, keys, folder, *options):
    done = bundler("export", listed, "-o", folder, "--key", keys[0], "--chunk-size", "1MiB", *options)
    assert done.code == 0, done.err
    return folder / "test"


def unpack(bundle: Path) -> Path:
    """Does what README.txt says."""
    readme = (bundle / "README.txt").read_text()
    shell(
        commands(readme, "RESTORE IT (with 7-Zip alone", "Now the folder is an OCI image layout", indent=2), cwd=bundle
    )
    return bundle.parent / "restored"


def assert_skopeo_reads(folder: Path, origin, target) -> None:
    require("skopeo")
    for name in ("library/oci:1", "team/multi:1", "team/many:127", "team/big:1"):
        shell(
            f"skopeo copy -q --all --dest-tls-verify=false 'oci:.:{origin.host}/{name}' docker://{target.host}/{name}",
            cwd=folder,
        )
        assert skopeo_raw(f"{target.host}/{name}") == {**KINDS, "team/big:1": BIG}[name].content, name


def test_7zip_lists_and_tests_each_chunk_with_the_members_that_the_tars_have(exports):
    require("7z")
    archives, tars = exports("--format", "7z"), exports("--format", "tar")
    names: list[str] = []
    for chunk in sorted(archives.glob("chunk-*.7z")):
        tested = shell(f"7z t {chunk.name}", cwd=archives).stdout
        assert "Everything is Ok" in tested
        shown = shell(f"7z l -slt {chunk.name}", cwd=archives).stdout
        assert re.search(r"^Method = Copy$", shown, re.MULTILINE)
        names += re.findall(r"^Path = (?!chunk)(.*)$", shown, re.MULTILINE)
        assert chunk.stat().st_size <= 1 << 20
    expected = [name for tar in sorted(tars.glob("*.tar")) for name in shell(f"tar -tf {tar}", cwd=tars).stdout.split()]
    assert sum(".part-" in name for name in names) >= 3
    assert {re.sub(r"\.part-\d+$", "", name) for name in names} == {re.sub(r"\.part-\d+$", "", n) for n in expected}
    assert len(names) == len(set(names))


def test_7zip_restores_a_layout_that_skopeo_copies(exported, registry, target):
    assert_skopeo_reads(unpack(exported("--format", "7z")), registry, target)


def test_pieces_say_where_each_blob_lies(exports):
    bundle = exports("--format", "7z")
    document = json.loads((bundle / "bundle.json").read_text())
    assert document["archive"] == "7z"
    for blob in document["blobs"]:
        read = "".join(
            f"tail -c +{offset + 1} chunk-{chunk:04d}.7z | head -c {length};"
            for chunk, offset, length in blob["pieces"]
        )
        done = shell(f"set +o pipefail; ({read}) | sha256sum", cwd=bundle)
        assert done.stdout.split()[0] == blob["digest"].partition(":")[2]


def test_the_same_input_gives_the_same_7z_bundle(bundler, registry, listed, keys, tmp_path):
    made = []
    for jobs in (1, 4):
        folder = tmp_path / str(jobs)
        options = ["--format", "7z", "--jobs", jobs, "--chunk-size", "1MiB"]
        done = bundler(
            "export", listed, "-o", folder, "--key", keys[0], *options, environment={"SOURCE_DATE_EPOCH": "1700000000"}
        )
        assert done.code == 0, done.err
        made.append({path.name: path.read_bytes() for path in (folder / "test").iterdir()})
    assert made[0] == made[1]


@pytest.mark.parametrize("options", [["--format", "7z"], ["--encrypt"]], ids=["plain", "encrypted"])
def test_every_kind_of_image_goes_from_registry_to_registry(bundler, exported, keys, tmp_path, target, secret, options):
    encryption = ["--passphrase-file", secret] if "--encrypt" in options else []
    bundle = exported(*options)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    room = ["--scratch", scratch]
    assert bundler("verify", bundle, "--trust", keys[1], *encryption, *room).code == 0
    plan = bundler("import", bundle, "--trust", keys[1], "--to", target.host, *encryption, *room, "--dry-run")
    assert plan.code == 0, plan.err
    assert ("scratch    at most one chunk per worker" in plan.out) == bool(encryption)
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host, *encryption, *room)
    assert done.code == 0, done.out + done.err
    for name, each in {**KINDS, "team/big:1": BIG}.items():
        assert skopeo_raw(f"{target.host}/{name}") == each.content, name
        for digest, content in each.blobs.items():
            assert target.get(f"{name.partition(':')[0]}/blobs/{digest}") == content
    assert list(scratch.iterdir()) == []


def test_an_encrypted_bundle_is_checked_without_the_passphrase_and_restored_with_7zip(
    bundler, registry, exported, keys, target
):
    require("7z")
    bundle = exported("--encrypt")
    done = shell(check_commands_of(bundle, keys[1]), cwd=bundle)
    assert "Signature Verified Successfully" in done.stdout
    assert done.stdout.count(": OK") == len(list(bundle.glob("*.7z"))) + 3
    verified = bundler("verify", bundle, "--trust", keys[1])
    assert verified.code == 0
    assert "NOT OPENED" in verified.out
    readme = bundle / "README.txt"
    script = commands(readme.read_text(), "RESTORE IT (with 7-Zip alone", "Now the folder", indent=2)
    shell(script.replace("7z x -y", f'7z x -y "-p{CANARY}"'), cwd=bundle)
    assert_skopeo_reads(bundle.parent / "restored", registry, target)
    wrong = shell("! 7z t -pwrong chunk-0001.7z && ! 7z l -pwrong chunk-0001.7z", cwd=bundle)
    assert "Wrong password" in wrong.stdout + wrong.stderr


def check_commands_of(bundle: Path, key: Path) -> str:
    readme = (bundle / "README.txt").read_text()
    return commands(readme, "CHECK IT", "Each *.7z", indent=7).replace("KEY.pub", str(key))


def test_nothing_in_an_encrypted_bundle_tells_what_it_holds(bundler, registry, exports, keys, secret):
    bundle = exports("--encrypt")
    everything = {**KINDS, "team/big:1": BIG}
    words = {
        registry.host,
        "team/big",
        "library/oci",
        "application/vnd",
        "org.example.secret",
        *LABELS.values(),
        CANARY,
    }
    words |= {f"{registry.host}/{name}" for name in everything}
    words |= {digest.partition(":")[2] for each in everything.values() for digest in each.all_blobs()}
    samples = {
        content[:16] for each in everything.values() for content in each.all_blobs().values() if len(content) > 40
    }
    needles = samples | {form for word in words for form in (word.encode(), word.encode("utf-16le"))}
    needles |= {bytes.fromhex(word) for word in words if re.fullmatch(r"[0-9a-f]{64}", word)}
    for path in bundle.iterdir():
        content = path.read_bytes()
        if path.name == "restore.py":
            assert content == restore_script(), "it is the same in every bundle"
            continue
        for needle in needles:
            assert needle not in content, f"{path.name} holds {needle!r}"
    assert str(len(everything)) + " images" not in (bundle / "README.txt").read_text()
    inspected = bundler("inspect", bundle, "--trust", keys[1], "--json").json
    assert (inspected["encrypted"], inspected["opened"], inspected["images"], inspected["blobs"]) == (
        True,
        False,
        None,
        None,
    )
    opened = bundler("inspect", bundle, "--trust", keys[1], "--json", "--passphrase-file", secret).json
    assert (opened["opened"], len(opened["images"])) == (True, len(everything))


@pytest.mark.parametrize("command", ["verify", "inspect", "import"])
def test_a_wrong_passphrase_is_a_usage_error_and_nothing_is_sent(
    bundler, origin, image_list, keys, tmp_path, target, secret, command
):
    listed = image_list(origin, "library/oci:1")
    bundle = export(bundler, listed, keys, tmp_path, "--encrypt", "--passphrase-file", secret)
    more = ["--to", target.host] if command == "import" else []
    done = bundler(command, bundle, "--trust", keys[1], *more, "--passphrase-file", "-", stdin="wrong\n")
    assert done.code == 2, done.out + done.err
    assert "passphrase" in done.err
    assert target.tags == {}
    right = bundler(command, bundle, "--trust", keys[1], *more, "--passphrase-file", "-", stdin=f"{CANARY}\n")
    assert right.code == 0, right.err


def test_without_a_terminal_nobody_is_asked(bundler, origin, image_list, keys, tmp_path, target, secret):
    listed = image_list(origin, "library/oci:1")
    done = bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--encrypt")
    assert done.code == 2
    assert "--generate-passphrase" in done.err
    bundle = export(bundler, listed, keys, tmp_path, "--encrypt", "--passphrase-file", secret)
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host)
    assert done.code == 2
    assert "--passphrase-file" in done.err


@pytest.mark.parametrize("options", [[], ["--json"], ["--quiet"]], ids=["lines", "json", "quiet"])
def test_a_generated_passphrase_is_said_once_and_opens_the_bundle(bundler, origin, image_list, keys, tmp_path, options):
    listed = image_list(origin, "library/oci:1")
    done = bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--encrypt", "--generate-passphrase", *options)
    assert done.code == 0, done.err
    said = re.findall(r"\b(?:[0-9a-hjkmnp-tv-z]{5}-){5}[0-9a-hjkmnp-tv-z]{5}\b", done.out)
    assert len(said) == 1
    assert said[0] not in done.err
    assert (
        bundler("verify", tmp_path / "test", "--trust", keys[1], "--passphrase-file", "-", stdin=said[0] + "\n").code
        == 0
    )


def test_generated_passphrases_have_150_bits_and_differ():
    made = {generate_passphrase() for _ in range(100)}
    assert len(made) == 100
    assert {len(each.replace("-", "")) for each in made} == {30}
    assert len({character for each in made for character in each} - {"-"}) == 32


def test_a_key_has_a_passphrase_of_its_own(bundler, origin, image_list, tmp_path, secret):
    of_key = tmp_path / "of-key"
    of_key.write_text("another one\n")
    assert bundler("keygen", "k", "-d", tmp_path, "--passphrase-file", of_key).code == 0
    listed, key = image_list(origin, "library/oci:1"), tmp_path / "k.key"
    plain = bundler("export", listed, "-o", tmp_path / "plain", "--key", key, "--passphrase-file", of_key)
    assert plain.code == 0, plain.err
    both = ["--encrypt", "--passphrase-file", secret, "--key-passphrase-file", of_key]
    done = bundler("export", listed, "-o", tmp_path / "secret", "--key", key, *both)
    assert done.code == 0, done.err
    bundle = tmp_path / "secret/test"
    assert bundler("verify", bundle, "--trust", tmp_path / "k.pub", "--passphrase-file", secret).code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--encrypt", "--format", "tar"], "--format 7z"),
        (["--generate-passphrase"], "needs --encrypt"),
        (["--encrypt", "--generate-passphrase", "--passphrase-file", "x"], "together"),
        (["--encrypt", "--passphrase-file", "-", "--key-passphrase-file", "-"], "standard input"),
        (["--encrypt", "--passphrase-file", "/nowhere"], "cannot be read"),
        (["--encrypt", "--passphrase-file", "/dev/null"], "is empty"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(bundler, origin, image_list, keys, tmp_path, options, said):
    done = bundler("export", image_list(origin, "library/oci:1"), "-o", tmp_path, "--key", keys[0], *options)
    assert done.code == 2
    assert said in done.err
    assert not list(tmp_path.glob("test*"))


def test_a_short_passphrase_is_warned_of(bundler, origin, image_list, keys, tmp_path):
    listed = image_list(origin, "library/oci:1")
    done = bundler(
        "export", listed, "-o", tmp_path, "--key", keys[0], "--encrypt", "--passphrase-file", "-", stdin="hunter2\n"
    )
    assert done.code == 0
    assert "fewer than 12 characters" in done.err
    assert "hunter2" not in done.out + done.err


def test_the_passphrase_is_in_no_output_file_or_traceback(bundler, origin, image_list, keys, tmp_path, target, secret):
    listed = image_list(origin, "library/oci:1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    said = []
    encryption = ["--encrypt", "--passphrase-file", secret]
    said.append(bundler("export", listed, "-o", tmp_path, "--key", keys[0], *encryption, "--dry-run", "--json"))
    said.append(bundler("export", listed, "-o", tmp_path, "--key", keys[0], *encryption))
    said.append(bundler("export", listed, "-o", tmp_path, "--key", keys[0], *encryption))  # is there already
    opened = ["--trust", keys[1], "--passphrase-file", secret]
    said.append(bundler("inspect", tmp_path / "test", *opened, "--json"))
    said.append(bundler("verify", tmp_path / "test", *opened, "--scratch", scratch))
    said.append(bundler("import", tmp_path / "test", *opened, "--to", target.host, "--json"))
    said.append(bundler("import", tmp_path / "test", *opened, "--to", "127.0.0.1:1"))
    assert [each.code for each in said] == [0, 0, 0, 0, 0, 0, 7]
    assert not any(CANARY in each.out + each.err for each in said)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != secret]
    assert files
    assert not any(CANARY.encode() in path.read_bytes() for path in files)


def test_a_scratch_folder_without_room_is_reported_before_anything_is_sent(
    bundler, origin, image_list, keys, tmp_path, target, secret
):
    require("mount", "umount")
    if os.geteuid():
        pytest.skip("mounting needs root")
    bundle = export(
        bundler, image_list(origin, "library/oci:1"), keys, tmp_path, "--encrypt", "--passphrase-file", secret
    )
    small = tmp_path / "small"
    small.mkdir()
    shell(f"mount -t tmpfs -o size=16k none {small}", cwd=tmp_path)
    try:
        done = bundler(
            "import", bundle, "--trust", keys[1], "--to", target.host, "--passphrase-file", secret, "--scratch", small
        )
    finally:
        shell(f"umount {small}", cwd=tmp_path)
    assert done.code == 8, done.out + done.err
    assert "--scratch" in done.out + done.err
    assert target.tags == {}


@pytest.mark.parametrize("options", [["--format", "7z"], ["--encrypt"]], ids=["plain", "encrypted"])
def test_a_file_system_that_takes_no_file_of_this_size_ends_the_export_and_the_next_one_goes_on(
    bundler, registry, listed, keys, tmp_path, secret, options
):
    more = [*options, *(["--passphrase-file", str(secret)] if "--encrypt" in options else [])]
    command = ["export", str(listed), "-o", str(tmp_path), "--key", str(keys[0]), "--chunk-size", "1MiB", *more]
    limited = f"ulimit -f 900; exec {sys.executable} -m bundler {' '.join(command)}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=120)
    assert done.returncode == 8, done.stderr
    assert "files of this size" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "test").exists()
    assert list((tmp_path / "test.partial").iterdir())
    assert bundler(*command).code == 0
    assert bundler("verify", tmp_path / "test", "--trust", keys[1]).code == 0


def test_the_result_tells_the_sizes_that_the_archives_came_to_have(bundler, new_registry, image_list, keys, tmp_path):
    registry = new_registry()
    simple("x").push(registry, "x", "1")
    done = bundler("export", image_list(registry, "x:1"), "-o", tmp_path, "--key", keys[0], "--format", "7z", "--json")
    assert done.json["archive"] == "7z"
    assert [chunk["file"] for chunk in done.json["chunks"]] == ["chunk-0001.7z"]
    assert done.json["chunks"][0]["size"] == (tmp_path / "test/chunk-0001.7z").stat().st_size
