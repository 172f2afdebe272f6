"""A lost chunk is asked for, made again byte for byte and carried over, and the import ends as if it was never lost."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support import attachments, images
from tests.support.archives import docker_files, tar_of
from tests.support.fault_fs import FaultFs
from tests.support.parts import RealRegistry, shell
from tests.support.servers import Front
from tests.support.steps import Steps
from tests.support.sweeps import steps
from tests.support.tables import each_case

CHUNK_BYTES = 1 << 20


def noise(name: str, size_bytes: int) -> bytes:
    return gzip.compress(images.layer_tar(name, size_bytes), 0, mtime=0)


def kinds() -> dict[str, images.Image]:
    """Images whose bundle has a cut blob, shared layers, an index, and chunks with several blobs each."""
    base = noise("base", 400_000)
    cut = images.image([base, noise("cut", 2_500_000)])
    amd, arm = images.image([base, noise("amd", 300_000)]), images.image([noise("arm", 700_000)], architecture="arm64")
    multi = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64", "v8"))])
    return {"a/cut:1": cut, "a/multi:1": multi, "a/small:1": images.simple("small", 200_000, docker=True)}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Iterator[RealRegistry]:
    """A registry with these images. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("source")).start()
    for name, image in kinds().items():
        repository, tag = name.split(":")
        attachments.push_all(registry, repository, image, tag=tag)
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def made_keys(tmp_path_factory) -> tuple[Path, Path]:
    import bundler

    folder = tmp_path_factory.mktemp("keys")
    pair = bundler.keygen(bundler.KeygenRequest("builder", folder))
    return pair.private_path, pair.public_path


class Journey:
    """A bundle on both sides, and the commands that bring a lost part back."""

    def __init__(self, here: Callable[..., Ran], folder: Path, keys: tuple[Path, Path]) -> None:
        self.here, self.folder, (self.key, self.pub) = here, folder, keys
        self.bundle = folder / "out" / "test"

    def export(self, *lines: str, flags: tuple[object, ...] = ()) -> Path:
        listed = self.folder / "list.yaml"
        listed.write_text("name: test\nimages:\n" + "".join(f"- {line}\n" for line in lines))
        done = self.here(
            "export", listed, "-o", self.bundle.parent, "--key", self.key, "--chunk-size", CHUNK_BYTES, *flags
        )
        assert done.code == 0, done.out + done.err
        return self.bundle

    @property
    def chunks(self) -> list[Path]:
        return sorted(self.bundle.glob("chunk-*"))

    def carried(self, *, without: tuple[str, ...] = (), damaged: tuple[str, ...] = ()) -> Path:
        """The bundle on the other side, without some files and with wrong bytes in others."""
        folder = self.folder / "carried"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.bundle, folder)
        for name in without:
            (folder / name).unlink()
        for name in damaged:
            content = bytearray((folder / name).read_bytes())
            content[len(content) // 2] ^= 1
            (folder / name).write_bytes(content)
        return folder

    def small_files(self) -> Path:
        """The files of a bundle that the builder keeps."""
        folder = self.folder / "kept"
        if not folder.exists():
            shutil.copytree(self.bundle, folder, ignore=shutil.ignore_patterns("chunk-*"))
        return folder

    def need(self, carried: Path, *flags: object) -> Path:
        path = self.folder / "need.json"
        path.unlink(missing_ok=True)
        done = self.here("verify", carried, "--trust", self.pub, "--need", path, *flags)
        assert done.code in (4, 9), done.out + done.err
        assert path.exists()
        return path

    def fulfil(self, need: object, *sources: object, flags: tuple[object, ...] = ()) -> Ran:
        shutil.rmtree(self.folder / "again", ignore_errors=True)
        return self.fulfil_more(need, *sources, flags=flags)

    def fulfil_more(self, need: object, *sources: object, flags: tuple[object, ...] = ()) -> Ran:
        given = [flag for each in sources for flag in ("--from", each)]
        return self.here("fulfil", need, "-o", self.folder / "again", "--trust", self.pub, *given, *flags)

    @property
    def again(self) -> Path:
        return self.folder / "again" / "test"

    def compare(self, *names: str) -> None:
        """The folder has exactly these chunks, with the bytes of the export, and all small files."""
        assert sorted(path.name for path in self.again.glob("chunk-*")) == sorted(names)
        for path in self.again.iterdir():
            assert path.read_bytes() == (self.bundle / path.name).read_bytes(), path.name
        assert {"SHA256SUMS", "bundle.json", "README.txt"} <= {path.name for path in self.again.iterdir()}
        assert [path.name for path in self.again.parent.iterdir()] == ["test"]


@pytest.fixture
def journey(here, tmp_path, made_keys) -> Journey:
    return Journey(here, tmp_path, made_keys)


@pytest.fixture
def whole(journey, source) -> Journey:
    """A bundle of all images, in tars."""
    journey.export(*(f"{source.host}/{name}" for name in kinds()))
    assert len(journey.chunks) > 4
    return journey


FORMATS = {
    "tar": (),
    "7z": ("--format", "7z"),
    "platforms": ("--platform", "linux/amd64", "--platform", "linux/s390x"),
}


@pytest.mark.parametrize("flags", FORMATS.values(), ids=FORMATS)
def test_each_chunk_is_made_again_from_the_registry_alone(journey, source, flags):
    journey.export(*(f"{source.host}/{name}" for name in kinds()), flags=flags)
    kept = journey.small_files()
    for path in journey.chunks:
        need = journey.need(journey.carried(without=(path.name,)))
        done = journey.fulfil(need, kept)
        assert done.code == 0, f"{path.name}: {done.out}{done.err}"
        journey.compare(path.name)


def test_each_damaged_chunk_is_copied_from_a_kept_copy(whole):
    for path in whole.chunks:
        need = whole.need(whole.carried(damaged=(path.name,)))
        (chunk,) = json.loads(need.read_text())["chunks"]
        assert (chunk["file"], chunk["state"]) == (path.name, "damaged")
        done = whole.fulfil(need, whole.bundle, flags=("--json",))
        assert done.code == 0, done.err
        assert [each["from"] for each in done.json["chunks"]] == ["copy"]
        whole.compare(path.name)


def test_the_import_goes_on_with_the_folder_that_fulfil_made(whole, target):
    lost = (whole.chunks[0].name, whole.chunks[-1].name)
    carried = whole.carried(without=lost)
    need = whole.folder / "need.json"
    done = whole.here("import", carried, "--trust", whole.pub, "--to", target.host, "--need", need)
    assert done.code in (3, 9), done.out
    assert whole.fulfil(need, whole.small_files()).code == 0
    whole.compare(*lost)
    done = whole.here("import", carried, whole.again, "--trust", whole.pub, "--to", target.host)
    assert done.code == 0, done.out + done.err
    for name, image in kinds().items():
        repository, tag = name.split(":")
        assert target.get(f"{repository}/manifests/{tag}") == image.content


def test_the_short_line_is_enough_for_who_has_the_small_files(whole):
    need = json.loads(whole.need(whole.carried(without=("chunk-0002.tar", "chunk-0003.tar"))).read_text())
    assert need["line"].endswith(":C2-3")
    assert whole.fulfil(need["line"].lower(), whole.small_files()).code == 0
    whole.compare("chunk-0002.tar", "chunk-0003.tar")


def test_nothing_is_written_if_nothing_is_missing(whole):
    need = whole.folder / "need.json"
    done = whole.here("verify", whole.bundle, "--trust", whole.pub, "--need", need, "--json")
    assert (done.code, done.json["need"], need.exists()) == (0, None, False)


def test_a_need_list_is_never_overwritten(whole):
    need = whole.folder / "need.json"
    need.write_text("mine")
    carried = whole.carried(without=("chunk-0002.tar",))
    assert whole.here("verify", carried, "--trust", whole.pub, "--need", need).code == 2
    assert need.read_text() == "mine"


def test_a_need_list_is_signed_and_its_signature_is_checked(whole):
    carried = whole.carried(without=("chunk-0002.tar",))
    need = whole.need(carried, "--need-key", whole.key)
    done = whole.fulfil(need, whole.bundle, flags=("--json",))
    (signature,) = whole.folder.glob("need.json.*.sig")
    assert done.json["needSigners"] == [signature.name.split(".")[-2]]
    need.write_text(need.read_text().replace("chunk-0002.tar", "chunk-0003.tar").replace('"number":2', '"number":3'))
    assert whole.fulfil(need, whole.bundle).code == 5
    assert not whole.again.exists()


def test_an_import_asks_for_the_chunk_in_which_it_read_wrong_bytes(whole, target):
    need = whole.folder / "need.json"
    carried = whole.carried(damaged=("chunk-0003.tar",), without=("chunk-0005.tar",))
    key = ("--receipt-key", whole.key)
    done = whole.here("import", carried, "--trust", whole.pub, "--to", target.host, "--need", need, *key, "--json")
    assert done.code == 4
    assert [(each["file"], each["state"]) for each in json.loads(need.read_text())["chunks"]] == [
        ("chunk-0003.tar", "damaged"),
        ("chunk-0005.tar", "missing"),
    ]
    assert done.json["need"]["keyId"]
    assert whole.fulfil(need, whole.small_files()).code == 0
    whole.compare("chunk-0003.tar", "chunk-0005.tar")


def test_small_files_that_are_damaged_are_asked_for_and_come_along(whole):
    need = whole.need(whole.carried(damaged=("README.txt",)))
    assert [each["file"] for each in json.loads(need.read_text())["files"]] == ["README.txt"]
    assert whole.fulfil(need, whole.small_files()).code == 0
    whole.compare()


def test_a_finished_folder_without_a_file_that_is_asked_for_is_not_complete(whole):
    need = whole.need(whole.carried(damaged=("README.txt",)))
    assert whole.fulfil(need, whole.small_files()).code == 0
    assert whole.fulfil_more(need, whole.small_files()).code == 0
    (whole.again / "README.txt").write_bytes(b"something else")
    assert whole.fulfil_more(need, whole.small_files()).code == 2
    (whole.again / "README.txt").unlink()
    assert whole.fulfil_more(need, whole.small_files(), flags=("--dry-run",)).code == 2


def test_a_damaged_copy_is_passed_over_and_the_next_place_is_taken(whole):
    name = "chunk-0002.tar"
    need = whole.need(whole.carried(without=(name,)))
    bad = whole.folder / "bad"
    shutil.copytree(whole.bundle, bad)
    content = bytearray((bad / name).read_bytes())
    content[700] ^= 1
    (bad / name).write_bytes(content)
    done = whole.fulfil(need, bad, flags=("--json",))
    assert (done.code, done.json["chunks"][0]["from"]) == (0, "sources")
    whole.compare(name)
    done = whole.fulfil(need, bad, whole.bundle, flags=("--json",))
    assert done.json["chunks"][0]["places"] == [str(whole.bundle / name)]
    whole.compare(name)


def test_a_dry_run_says_what_it_would_make_and_writes_nothing(whole, source):
    need = whole.need(whole.carried(without=("chunk-0001.tar", "chunk-0002.tar")))
    kept = whole.small_files()
    shutil.copy(whole.bundle / "chunk-0002.tar", kept)
    done = whole.fulfil(need, kept, flags=("--dry-run", "--json"))
    assert (done.code, done.json["dryRun"], whole.again.parent.exists()) == (0, True, False)
    first, second = done.json["chunks"]
    assert (first["from"], second["from"]) == ("sources", "copy")
    assert f"docker://{source.host}/a/cut:1" in first["places"]
    assert first["fetches"] > 0 == second["fetches"]


def test_the_same_command_again_changes_nothing(whole):
    need = whole.need(whole.carried(without=("chunk-0002.tar",)))
    assert whole.fulfil(need, whole.bundle).code == 0
    done = whole.fulfil_more(need, whole.bundle, flags=("--json",))
    assert (done.code, done.json["completeAlready"]) == (0, True)
    other = whole.need(whole.carried(without=("chunk-0003.tar",)))
    assert whole.fulfil_more(other, whole.bundle).code == 2
    whole.compare("chunk-0002.tar")


def test_a_tag_that_moved_and_a_registry_that_moved_change_nothing(here, tmp_path, made_keys, new_registry):
    journey, moving = Journey(here, tmp_path, made_keys), new_registry()
    for name, image in kinds().items():
        image.push(moving, *name.split(":"))
    journey.export(*(f"{moving.host}/{name}" for name in kinds()), flags=("--platform", "linux/amd64"))
    names = [path.name for path in journey.chunks]
    need = journey.need(journey.carried(without=tuple(names)))
    for name in kinds():
        images.simple(f"other-{name}").push(moving, *name.split(":"))
    assert journey.fulfil(need, journey.small_files()).code == 0
    journey.compare(*names)
    moving.stop()
    elsewhere = new_registry()
    for name, image in kinds().items():
        image.push(elsewhere, "mirror/" + name.split(":")[0], "1")
    listed = tmp_path / "mirror.yaml"
    entries = [f"- {{image: '{moving.host}/{n}', from: '{elsewhere.host}/mirror/{n}'}}\n" for n in kinds()]
    listed.write_text("images:\n" + "".join(entries))
    assert journey.fulfil(need, journey.small_files(), listed).code == 0
    journey.compare(*names)


@pytest.fixture
def gone(here, tmp_path, made_keys, new_registry) -> tuple[Journey, RealRegistry]:
    """A bundle whose source has lost all blobs."""
    journey, registry = Journey(here, tmp_path, made_keys), new_registry()
    for name, image in kinds().items():
        image.push(registry, *name.split(":"))
    journey.export(*(f"{registry.host}/{name}" for name in kinds()))
    shutil.rmtree(registry.storage)
    return journey, registry


def test_a_source_that_is_gone_is_reported_with_chunk_and_image_and_nothing_has_the_name(gone):
    journey, registry = gone
    need = journey.need(journey.carried(without=("chunk-0002.tar",)))
    done = journey.fulfil(need, journey.small_files())
    assert done.code == 6, done.err
    assert "chunk-0002.tar" in done.err
    assert f"{registry.host}/a/" in done.err
    assert not journey.again.exists()


def test_a_host_in_a_need_list_is_never_asked(gone, source):
    """It has everything that is lacking, and nobody but the need-list names it."""
    journey, registry = gone
    written = journey.need(journey.carried(without=("chunk-0002.tar",)))
    need = written.read_text().replace(f"docker://{registry.host}", f"docker://{source.host}")
    written.write_text(need)
    assert source.host in need
    assert journey.fulfil(written, journey.small_files()).code == 6
    assert journey.fulfil(written, journey.small_files(), f"docker://{source.host}/a/cut:1").code == 0
    journey.compare("chunk-0002.tar")


def test_a_registry_with_wrong_bytes_is_passed_over(whole, new_registry):
    rotten = new_registry()
    for name, image in kinds().items():
        image.push(rotten, *name.split(":"))
    for data in (rotten.storage / "docker/registry/v2/blobs").glob("*/*/*/data"):
        content = bytearray(data.read_bytes())
        content[-1] ^= 1
        data.write_bytes(content)
    need = whole.need(whole.carried(without=("chunk-0002.tar",)))
    place = f"docker://{rotten.host}/a/cut:1"
    assert whole.fulfil(need, whole.small_files(), place).code == 0
    whole.compare("chunk-0002.tar")


@pytest.mark.parametrize("flags", [(), ("--format", "7z")], ids=["tar", "7z"])
def test_a_chunk_that_comes_out_with_other_bytes_is_refused_and_removed(journey, source, flags):
    """As where another version of the program made the bundle: the signed sum of a chunk is another one."""
    journey.export(f"{source.host}/a/small:1", f"{source.host}/a/multi:1", flags=flags)
    kept, name = journey.small_files(), journey.chunks[1].name
    sums = kept / "SHA256SUMS"
    (signature,) = kept.glob("*.sig")
    lines = [f"{'ab' * 32}  {name}" if line.endswith(name) else line for line in sums.read_text().splitlines()]
    sums.write_text("\n".join(lines) + "\n")
    shell(f"openssl pkeyutl -sign -rawin -inkey {journey.key} -in {sums} -out {signature}", cwd=kept)
    line = f"BUNDLER-NEED:1:{hashlib.sha256(sums.read_bytes()).hexdigest()}:C2"
    done = journey.fulfil(line, kept, flags=("--json",))
    assert (done.code, done.json["error"]["code"]) == (4, "need-other-bytes")
    assert done.json["error"]["subject"] == name
    assert not journey.again.exists()
    assert not list(journey.again.parent.glob("*/chunk-*"))


def test_encrypted_chunks_come_from_a_copy_only(journey, source):
    passphrase = journey.folder / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    flags = ("--encrypt", "--passphrase-file", passphrase)
    journey.export(*(f"{source.host}/{name}" for name in kinds()), flags=flags)
    name = journey.chunks[1].name
    need = journey.need(journey.carried(without=(name,)), "--passphrase-file", passphrase)
    written = json.loads(need.read_text())
    assert (written["images"], written["chunks"][0]["holds"], written["bundle"]["encrypted"]) == ([], [], True)
    assert source.host not in need.read_text()
    assert journey.fulfil(need, journey.small_files()).code == 9
    assert not journey.again.exists()
    assert journey.fulfil(need, journey.bundle).code == 0
    journey.compare(name)


HOSTILE = {
    "another bundle": (lambda need: need["bundle"].update(id="ab" * 32), 2),
    "a chunk that is not there": (lambda need: need["chunks"][0].update(number=900, file="chunk-0900.tar"), 4),
    "another chunk's sum": (lambda need: need["chunks"][0].update(sha256="cd" * 32), 4),
    "another size": (lambda need: need["chunks"][0].update(size=1), 4),
    "a file that is not there": (lambda need: need.update(files=[LISTED]), 4),
    "a path": (lambda need: need.update(files=[{**LISTED, "file": "../../x"}]), 4),
    "a blob that is in the chunks": (lambda need: need.update(blobs=[BLOB]), 4),
}
LISTED = {"file": "parity-01.par2", "sha256": "ab" * 32, "state": "missing"}
BLOB = {"number": 0, "digest": f"sha256:{'ab' * 32}", "size": 1, "mediaType": "a/b", "images": [], "bases": []}


def test_a_hostile_need_list_makes_nothing(whole):
    written = whole.need(whole.carried(without=("chunk-0002.tar",)))
    for name, (change, code) in HOSTILE.items():
        need = json.loads(written.read_text())
        need["bundle"]["chunks"] = 1000
        change(need)
        path = whole.folder / "hostile.json"
        path.write_text(json.dumps(need))
        done = whole.fulfil(path, whole.bundle)
        assert done.code == code, f"{name}: {done.err}"
        assert not whole.again.parent.exists(), name


def test_layers_of_docker_save_are_compressed_again_into_the_same_chunks(journey):
    archive = journey.folder / "app.tar"
    layers = [images.layer_tar("one", 900_000), images.layer_tar("two", 2_600_000)]
    archive.write_bytes(tar_of(docker_files(layers, tags=["example.com/app:1"])))
    journey.export(f"'docker-archive:{archive}'")
    names = [path.name for path in journey.chunks]
    assert len(names) > 3
    for name in names:
        need = journey.need(journey.carried(without=(name,)))
        done = journey.fulfil(need, journey.small_files())
        assert done.code == 0, done.err
        journey.compare(name)


@pytest.mark.parametrize("flags", [(), ("--format", "7z")], ids=["tar", "7z"])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(journey, source, flags):
    journey.export(f"{source.host}/a/small:1", f"{source.host}/a/multi:1", flags=flags)
    lost = tuple(path.name for path in journey.chunks)
    need, kept = journey.need(journey.carried(without=lost)), journey.small_files()
    shutil.copy(journey.bundle / lost[-1], kept)
    command = ("fulfil", need, "-o", journey.folder / "again", "--trust", journey.pub, "--from", kept)
    for number in steps(every=4):
        shutil.rmtree(journey.folder / "again", ignore_errors=True)
        ended = Steps(command).kill_at(number)
        if not ended.was_killed:
            break
        assert Steps(command).run().code == 0, ended.last
        journey.compare(*lost)
    assert number > 20


def test_what_is_done_is_not_fetched_again(journey, source, fronts):
    lacking: set[str] = set()

    def lacks(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if not any(digest in request.path for digest in lacking):
            return False
        front.send(request, 404, {}, b"{}")
        return True

    front = fronts(source, lacks)
    journey.export(*(f"{front.host}/{name}" for name in kinds()))
    need = journey.need(journey.carried(without=("chunk-0002.tar", "chunk-0005.tar")))
    chunk = json.loads(need.read_text())["chunks"][1]
    lacking.add(chunk["holds"][-1]["digest"])
    assert journey.fulfil(need, journey.small_files()).code == 6
    assert not journey.again.exists()
    lacking.clear()
    front.requests.clear()
    assert journey.fulfil_more(need, journey.small_files()).code == 0
    journey.compare("chunk-0002.tar", "chunk-0005.tar")
    fetched = {path.rpartition("/")[2] for method, path in front.requests if "/blobs/" in path}
    first = {piece["digest"] for piece in json.loads(need.read_text())["chunks"][0]["holds"] if piece["part"][1] == 1}
    assert chunk["holds"][-1]["digest"] in fetched
    assert not fetched & first


def test_a_full_disk_is_reported_before_anything_is_fetched(whole):
    if os.geteuid():
        pytest.skip("mounting needs root")
    need = whole.need(whole.carried(without=("chunk-0002.tar",)))
    small = whole.folder / "again"
    small.mkdir()
    shell(f"mount -t tmpfs -o size=100k none {small}", cwd=whole.folder)
    try:
        assert whole.fulfil_more(need, whole.bundle).code == 8
    finally:
        shell(f"umount {small}", cwd=whole.folder)
    assert whole.fulfil_more(need, whole.bundle).code == 0
    whole.compare("chunk-0002.tar")


@pytest.mark.parametrize("place", ["kept", "sources"])
def test_a_disk_that_is_full_in_the_middle_is_reported_and_the_same_command_goes_on(whole, place):
    need = whole.need(whole.carried(without=("chunk-0002.tar", "chunk-0003.tar")))
    given = whole.bundle if place == "kept" else whole.small_files()
    with FaultFs(whole.folder / "full").mount() as fs:
        command = ("fulfil", need, "-o", fs.path, "--trust", whole.pub, "--from", given)
        fs.fail("write", 1, errno.ENOSPC, pattern="*/chunk-0003*", is_for_good=True)
        assert whole.here(*command).code == 8
        assert not (fs.path / "test").exists()
        fs.heal()
        assert whole.here(*command).code == 0
        shutil.copytree(fs.path, whole.again.parent)
    whole.compare("chunk-0002.tar", "chunk-0003.tar")


def test_a_folder_that_is_not_of_fulfil_is_left_alone(whole):
    need = whole.need(whole.carried(without=("chunk-0002.tar",)))
    kept = whole.small_files()
    shutil.copytree(kept, whole.again)
    assert whole.fulfil_more(need, whole.bundle).code == 2
    assert {path.name for path in whole.again.iterdir()} == {path.name for path in kept.iterdir()}


GOLDEN = Path(__file__).parents[1] / "vectors"
ALWAYS = ("SHA256SUMS", "bundle.json", "content.7z")
BY_HAND = {"tool", "later.bin"}


@each_case("kind", ["tar", "7z", "parts", "artifacts", "encrypted", "extensions", "base"])
def test_all_that_a_golden_bundle_has_comes_again_from_a_copy(here, tmp_path_factory, kind):
    folder, trust = tmp_path_factory.mktemp("golden"), GOLDEN / "keys" / "golden.pub"
    arrived = folder / "arrived"
    arrived.mkdir()
    for path in (GOLDEN / kind).iterdir():
        if path.name.startswith(ALWAYS):
            shutil.copy(path, arrived)
    assert here("verify", arrived, "--trust", trust, "--need", folder / "need.json").code == 9
    done = here("fulfil", folder / "need.json", "-o", folder, "--from", GOLDEN / kind, "--trust", trust, "--json")
    assert done.code == 0, done.err
    made = Path(done.json["path"])
    names = {path.name for path in (GOLDEN / kind).iterdir()} - BY_HAND
    assert {path.name for path in made.iterdir()} == names
    assert all((made / name).read_bytes() == (GOLDEN / kind / name).read_bytes() for name in names)
    assert all(f"{name}" in done.err for name in BY_HAND if (GOLDEN / kind / name).exists())
