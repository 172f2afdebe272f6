"""Trust that fails closed: signatures, folders of keys and keys that are not what they should be. Named by row of the
table of attacks: S is signature and trust, K is keys.

Most of it runs in one process, because there are many cases; what depends on who runs it, in processes of its own.
"""

from __future__ import annotations

import base64
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler import cli
from bundler.bundle import medium, signing
from bundler.core import roles
from bundler.keys import private_key, trust as trusting
from bundler.system import durable_files
from tests.conftest import Ran
from tests.support import images
from tests.support.parts import shell
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.no_cover  # the code that it runs has tests of its own in tests/unit

NAME = "example.org/a/b:1"
PEOPLE = ("builder", "approver", "third")
NOBODY = 65534
ORDER = 2**252 + 27742317777372353535851937790883648493
AUDITOR = Path(__file__).parents[2] / "scripts/ci/verify.sh"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes owners, and becomes another user")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of three people, and a bundle that the first of them signed; made once. Tests copy them."""
    folder = tmp_path_factory.mktemp("made")
    images.simple("one").write_layout(folder / "layout", NAME)
    for person in PEOPLE:
        assert cli.run(["keygen", person, "-d", str(folder), "-q"]) == 0
    export = ["export", f"oci:{folder}/layout:{NAME}", "--name", "b", "-o", str(folder), "-q"]
    assert cli.run([*export, "--key", str(folder / "builder.key")]) == 0
    return folder


@dataclass
class Place:
    """A bundle, and the keys of three people."""

    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "b"

    def key(self, person: str) -> Path:
        return self.folder / f"{person}.key"

    def pub(self, person: str) -> Path:
        return self.folder / f"{person}.pub"

    def id(self, person: str) -> str:
        return self.public(person).id

    def public(self, person: str) -> signing.PublicKey:
        return signing.load_public(self.pub(person).read_bytes(), origin=person)

    def signature(self, person: str) -> Path:
        return self.bundle / f"SHA256SUMS.{self.id(person)}.sig"

    def signed(self, person: str, message: bytes | None = None) -> bytes:
        key = signing.load_private(self.key(person).read_bytes(), origin=person, passphrase=bytes)
        return key.sign(self.sums if message is None else message)

    @property
    def sums(self) -> bytes:
        return (self.bundle / "SHA256SUMS").read_bytes()

    def trusting(self, *people: str) -> list[str]:
        return [word for person in people for word in ("--trust", str(self.pub(person)))]


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Place:
    folder = tmp_path / "place"
    shutil.copytree(made, folder)
    return Place(folder)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs the command in this process."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        shown = capfd.readouterr()
        assert "Traceback" not in shown.err, shown.err
        return Ran(code, shown.out, shown.err)

    return run


def trust_folder() -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "bundler/trust"


def advised(said: str) -> str:
    """The command that an error tells to run."""
    return re.search(r"-> (?:if this is intended: )?(.*?)(?:;|$)", said, re.MULTILINE)[1]


# Signatures


def test_S01_without_a_signature_nothing_is_done(run, place):
    place.signature("builder").unlink()
    for command in (["verify"], ["import", "--to", f"oci:{place.folder}/out"], ["sign", "--key", place.key("third")]):
        done = run(*command, place.bundle, *place.trusting("builder"))
        assert (done.code, "the bundle is not signed" in done.err) == (5, True)
    done = run("verify", place.bundle, *place.trusting("builder", "third"), "--require-signatures", 2)
    assert (done.code, "the bundle is not signed; 2 signatures are required" in done.err) == (5, True)
    assert not (place.folder / "out").exists()
    assert [path.name for path in place.bundle.glob("*.sig")] == []


def a_gibibyte(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 30)


NO_SIGNATURES = {
    "empty": lambda path, good: path.write_bytes(b""),
    "63 bytes": lambda path, good: path.write_bytes(good[:-1]),
    "65 bytes": lambda path, good: path.write_bytes(good + b"\n"),
    "1 GiB": lambda path, good: a_gibibyte(path),
    "base64": lambda path, good: path.write_bytes(base64.b64encode(good)),
    "a FIFO": lambda path, good: os.mkfifo(path),
    "a folder": lambda path, good: path.mkdir(),
    "a link to a good one": lambda path, good: (
        path.with_name("away").write_bytes(good), path.symlink_to(path.with_name("away"))
    ),
    "S11 a bit of R": lambda path, good: path.write_bytes(bytes([good[0] ^ 1]) + good[1:]),
    "S11 a bit of S": lambda path, good: path.write_bytes(good[:63] + bytes([good[63] ^ 1])),
    "S11 S + L": lambda path, good: path.write_bytes(
        good[:32] + (int.from_bytes(good[32:], "little") + ORDER).to_bytes(32, "little")
    ),
    "S11 R not reduced": lambda path, good: path.write_bytes((2**255 - 19 + 1).to_bytes(32, "little") + good[32:]),
    "S13 says alg none": lambda path, good: path.write_bytes(b'{"alg":"none","sig":""}'),
    "S13 says it is an HMAC": lambda path, good: path.write_bytes(b"HS256:" + bytes(58)),
}  # fmt: skip


@pytest.mark.parametrize("spoil", NO_SIGNATURES.values(), ids=NO_SIGNATURES)
def test_S03_S11_S13_what_is_no_signature_is_none_and_next_to_a_good_one_it_is_reported(run, place, spoil):
    good = place.signature("builder").read_bytes()
    place.signature("builder").unlink()
    spoil(place.signature("builder"), good)
    (place.bundle / "away").unlink(missing_ok=True)
    done = run("verify", place.bundle, *place.trusting("builder"))
    assert (done.code, place.id("builder") in done.err) == (5, True)
    place.signature("third").write_bytes(place.signed("third"))
    both = place.trusting("builder", "third")
    done = run("verify", place.bundle, *both, "--json")
    document = json.loads(done.out)
    assert (done.code, document["signers"], document["badSigners"]) == (
        0 if place.signature("builder").is_file() else done.code, [place.id("third")], [place.id("builder")],
    )  # fmt: skip
    assert run("verify", place.bundle, *both, "--require-signatures", 2).code == 5


def test_S03_ten_thousand_signature_files_of_strangers_hide_nothing_and_are_not_shown_one_by_one(run, place):
    for number in range(10_000):
        (place.bundle / f"SHA256SUMS.{number:016x}.sig").write_bytes(bytes(64))
    assert run("verify", place.bundle, *place.trusting("builder")).code == 0
    looked = run("inspect", place.bundle, *place.trusting("builder"))
    assert looked.out.count("unknown signer") == 6
    assert "and 9,994 more" in looked.out
    refused = run("verify", place.bundle, *place.trusting("third"))
    assert (refused.code, len(refused.err) < 1000) == (5, True)


def test_S04_a_bundle_that_was_changed_and_signed_by_an_unknown_user_is_refused_with_both_key_ids(run, place):
    readme = place.bundle / "README.txt"
    readme.write_text("changed")
    shell(
        f"""
        sha256sum README.txt bundle.json restore.py chunk-*.tar > SHA256SUMS
        openssl genpkey -algorithm ed25519 -out ../stranger.key
        id=$(openssl pkey -in ../stranger.key -pubout -outform DER | sha256sum | cut -c1-16)
        rm SHA256SUMS.{place.id("builder")}.sig
        openssl pkeyutl -sign -rawin -inkey ../stranger.key -in SHA256SUMS -out SHA256SUMS.$id.sig
        """,
        cwd=place.bundle,
    )
    (signature,) = place.bundle.glob("*.sig")
    stranger = roles.signer_of(signature.name)
    done = run("verify", place.bundle, *place.trusting("builder"))
    assert (done.code, stranger in done.err, place.id("builder") in done.err) == (5, True, True)
    assert f"unknown signer {stranger}" in run("inspect", place.bundle, *place.trusting("builder")).out
    assert f"unknown signer {stranger}" in run("inspect", place.bundle).out


def test_S07_one_key_twice_counts_once(run, place):
    again = place.folder / "again.pub"
    again.write_bytes(b"another text around it\n" + place.pub("builder").read_bytes())
    folder = place.folder / "trusted"
    folder.mkdir()
    for name in ("one.pub", "two.pub"):
        shutil.copy(place.pub("builder"), folder / name)
    shutil.copy(place.signature("builder"), place.bundle / f"SHA256SUMS.{'0' * 16}.sig")
    for trust in (
        ["--trust", again, *place.trusting("builder", "builder")],
        ["--trust", folder],
        ["--trust", folder, "--trust", folder, *place.trusting("builder", "third")],
    ):
        done = run("verify", place.bundle, *trust, "--require-signatures", 2)
        assert (done.code, "1 of 2 required signatures" in done.err) == (5, True), done.err
    assert f"not signed by {place.id('third')}" in done.err
    shutil.copy(place.signature("builder"), place.signature("third"))
    assert run("verify", place.bundle, *trust, "--require-signatures", 2).code == 5, "not by a copy of a signature"


def test_S09_one_good_and_one_bad_signature_are_one(run, place):
    place.signature("third").write_bytes(place.signed("third", b"another message"))
    both = place.trusting("builder", "third")
    done = run("verify", place.bundle, *both)
    assert (done.code, f"WARNING: the signature by {place.id('third')} does not match" in done.out) == (0, True)
    out = ["--to", f"oci:{place.folder}/out"]
    refused = run("import", place.bundle, *both, *out, "--require-signatures", 2)
    assert refused.code == 5
    assert f"1 of 2 required signatures by trusted keys: {place.id('builder')}" in refused.err
    assert not (place.folder / "out").exists()
    receipt = place.folder / "receipt.json"
    done = run("import", place.bundle, *both, *out, "--receipt", receipt, "--json")
    document = json.loads(done.out)
    assert (done.code, document["signers"], document["badSigners"]) == (0, [place.id("builder")], [place.id("third")])
    reported = json.loads(receipt.read_text())
    assert (reported["signers"], reported["requiredSignatures"]) == ([place.id("builder")], 1)


def test_S09_two_good_signatures_are_two_and_the_receipt_says_so(run, place):
    place.signature("third").write_bytes(place.signed("third"))
    receipt = place.folder / "receipt.json"
    run_ = ["import", place.bundle, *place.trusting("builder", "third"), "--to", f"oci:{place.folder}/out"]
    assert run(*run_, "--require-signatures", 2, "--receipt", receipt).code == 0
    reported = json.loads(receipt.read_text())
    assert (set(reported["signers"]), reported["requiredSignatures"]) == ({place.id("builder"), place.id("third")}, 2)
    assert "(2 signatures required)" in run("receipt", "show", receipt).out


def test_S09_a_good_copy_on_another_medium_makes_up_for_a_damaged_one(run, place):
    shutil.copytree(place.bundle, place.folder / "second")
    place.signature("builder").write_bytes(bytes(64))
    for media in ([place.bundle, place.folder / "second"], [place.folder / "second", place.bundle]):
        assert run("verify", *media, *place.trusting("builder")).code == 0


@pytest.mark.parametrize("number", [0, 65, -1, "two"])
def test_no_threshold_turns_the_check_off(run, place, number):
    done = run("verify", place.bundle, *place.trusting("builder"), "--require-signatures", number)
    assert done.code == 2


@pytest.mark.parametrize("command", [["verify"], ["import", "--to", "oci:out"]], ids=" ".join)
def test_a_threshold_and_no_signature_contradict_each_other(run, place, command):
    done = run(*command, place.bundle, "--insecure-no-signature", "--require-signatures", 1)
    assert (done.code, "together" in done.err) == (2, True)


def test_S30_what_nobody_signed_is_shown_as_unverified_from_the_first_line_to_the_last(run, place):
    place.signature("builder").unlink()
    looked = run("inspect", place.bundle, *place.trusting("builder"))
    lines = looked.out.splitlines()
    assert (looked.code, lines[0].startswith("UNVERIFIED"), lines[-1].startswith("UNVERIFIED")) == (5, True, True)
    assert NAME in looked.out


# A corpus of bundles that must be refused, here and by an officer with nothing but openssl and sha256sum


FAIL = {
    "S01 no signature": lambda place: place.signature("builder").unlink(),
    "S03 an empty signature": lambda place: place.signature("builder").write_bytes(b""),
    "S03 a longer signature": lambda place: place.signature("builder").write_bytes(place.signed("builder") + b"x"),
    "S04 signed by a stranger only": lambda place: place.signature("builder").rename(
        place.bundle / f"SHA256SUMS.{place.id('third')}.sig"
    ).write_bytes(place.signed("third")),
    "S09 signed before it was changed": lambda place: (place.bundle / "SHA256SUMS").write_bytes(
        place.sums.replace(b"README", b"readme")
    ),
    "S11 a bit of the signature": lambda place: place.signature("builder").write_bytes(
        bytes([place.signed("builder")[0] ^ 1]) + place.signed("builder")[1:]
    ),
    "M02 a line less": lambda place: (place.bundle / "SHA256SUMS").write_bytes(place.sums.split(b"\n", 1)[1]),
}  # fmt: skip


@pytest.mark.parametrize("spoil", FAIL.values(), ids=FAIL)
def test_S29_each_bundle_of_the_corpus_is_refused_by_us_and_by_the_officer(run, place, spoil):
    trusted = {**os.environ, "TRUSTED_KEYS": str(place.pub("builder"))}

    def audited() -> int:
        return subprocess.run([AUDITOR, place.bundle], env=trusted, capture_output=True, timeout=60).returncode

    assert (run("verify", place.bundle, *place.trusting("builder")).code, audited()) == (0, 0)
    spoil(place)
    assert run("verify", place.bundle, *place.trusting("builder")).code == 5
    assert run("import", place.bundle, *place.trusting("builder"), "--to", f"oci:{place.folder}/out").code == 5
    assert run("sign", place.bundle, *place.trusting("builder"), "--key", place.key("approver")).code == 5
    assert (audited(), (place.folder / "out").exists(), place.signature("approver").exists()) == (5, False, False)


# Folders of keys


@pytest.fixture(params=["the default folder", "a folder that is given"])
def keys(request, place) -> tuple[Path, list[object]]:
    """A folder with the builder's key, in both ways that there are, and the flags for it."""
    is_default = request.param == "the default folder"
    folder = trust_folder() if is_default else place.folder / "my keys"
    folder.mkdir(parents=True)
    shutil.copy(place.pub("builder"), folder)
    return folder, [] if is_default else ["--trust", folder]


WRITABLE = {
    "the folder, by its group": (".", 0o775),
    "the folder, by others": (".", 0o757),
    "the folder, by all, with a sticky bit": (".", 0o1777),
    "a key, by its group": ("builder.pub", 0o664),
    "a key, by others": ("builder.pub", 0o646),
}


@pytest.mark.parametrize(("member", "mode"), WRITABLE.values(), ids=WRITABLE)
def test_S14_a_folder_of_keys_that_others_may_write_is_no_trust_and_the_command_that_is_shown_mends_it(
    run, place, keys, member, mode
):
    folder, flags = keys
    path = folder / member
    path.chmod(mode)
    for command in (["verify"], ["import", "--to", f"oci:{place.folder}/out"], ["sign", "--key", place.key("third")]):
        done = run(*command, place.bundle, *flags)
        assert (done.code, str(path) in done.err, f"mode {mode:04o}" in done.err) == (5, True, True), done.err
    looked = run("inspect", place.bundle, *flags)
    assert (looked.code, looked.out.startswith("UNVERIFIED"), NAME in looked.out) == (5, True, True)
    assert ("bundler trust add" in done.err) == bool(flags), "on FAT no mode can be set"
    assert advised(done.err).startswith("chmod go-w ")
    shell(advised(done.err), cwd=place.folder)
    assert run("verify", place.bundle, *flags).code == 0


@needs_root
@pytest.mark.parametrize("member", [".", "builder.pub"])
def test_S14_a_folder_of_keys_that_belongs_to_another_user_is_no_trust(run, place, keys, member, monkeypatch):
    folder, flags = keys
    os.chown(folder / member, NOBODY, NOBODY)
    done = run("verify", place.bundle, *flags)
    assert (done.code, f"uid {NOBODY}" in done.err, "sudo chown root" in done.err) == (5, True, True)
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    assert run("verify", place.bundle, *flags).code == 0, "who calls sudo could be root anyway"
    monkeypatch.setenv("SUDO_UID", "1000")
    assert run("verify", place.bundle, *flags).code == 5


def several(place: Place) -> bytes:
    return place.pub("builder").read_bytes() + place.pub("third").read_bytes()


MEMBERS = {
    "junk": lambda path, place: path.write_text("not a key"),
    "empty": lambda path, place: path.touch(),
    "a private key": lambda path, place: shutil.copy(place.key("third"), path),
    "two keys": lambda path, place: path.write_bytes(several(place)),
    "1 GiB": lambda path, place: a_gibibyte(path),
    "a FIFO": lambda path, place: os.mkfifo(path),
    "a folder": lambda path, place: path.mkdir(),
    "a link to nothing": lambda path, place: path.symlink_to("nowhere"),
    "a link to a device": lambda path, place: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path, place: path.symlink_to(path),
    "a key under which anybody can forge": lambda path, place: path.write_text(
        "-----BEGIN PUBLIC KEY-----\n"
        + base64.b64encode(bytes.fromhex("302a300506032b6570032100") + (1).to_bytes(32, "little")).decode()
        + "\n-----END PUBLIC KEY-----\n"
    ),
    "an X25519 key": lambda path, place: shell(
        f"openssl genpkey -algorithm x25519 | openssl pkey -pubout -out '{path}'", cwd=place.folder
    ),
    "an RSA key": lambda path, place: shell(
        f"openssl genrsa 1024 2>/dev/null | openssl pkey -pubout -out '{path}'", cwd=place.folder
    ),
    "a certificate": lambda path, place: shell(
        f"openssl req -x509 -key third.key -subj /CN=x -days 2 -out '{path}'", cwd=place.folder
    ),
}


@pytest.mark.parametrize("put", MEMBERS.values(), ids=MEMBERS)
def test_S14_one_key_that_cannot_be_used_makes_the_folder_unusable(run, place, keys, put):
    folder, flags = keys
    bad = folder / "unusable.pub"
    put(bad, place)
    done = run("verify", place.bundle, *flags)
    assert (done.code, str(bad) in done.err) == (5, True), done.err
    if not flags:
        listed = run("trust", "list")
        assert (listed.code, "unusable  CANNOT BE USED" in listed.out, place.id("builder") in listed.out) == (
            5,
            True,
            True,
        )
    if not bad.is_dir():
        shell(advised(done.err), cwd=place.folder)
        assert run("verify", place.bundle, *flags).code == 0


def test_S14_an_empty_folder_is_no_trust(run, place):
    empty = place.folder / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("no key")
    done = run("verify", place.bundle, "--trust", empty)
    assert (done.code, str(empty) in done.err) == (5, True)
    trust_folder().mkdir(parents=True)
    assert run("verify", place.bundle).code == 5
    assert run("verify", place.bundle, "--trust", empty, *place.trusting("builder")).code == 5, "each must be usable"


def test_S14_a_file_where_the_trust_folder_should_be_is_no_trust(run, place):
    trust_folder().parent.mkdir(parents=True)
    shutil.copy(place.pub("builder"), trust_folder())
    done = run("verify", place.bundle)
    assert (done.code, str(trust_folder()) in done.err, "not a folder" in done.err) == (5, True, True)


@pytest.mark.parametrize("variable", ["no home", "HOME", "XDG_CONFIG_HOME"])
def test_a2_a_key_that_the_working_folder_has_is_never_trusted_by_default(run, place, monkeypatch, variable):
    """The working folder is the stick, and has a key below each name that a home folder might be taken for."""
    for planted in ("~/.config/bundler/trust", ".config/bundler/trust", "bundler/trust"):
        (place.folder / planted).mkdir(parents=True)
        shutil.copy(place.pub("builder"), place.folder / planted)
    monkeypatch.chdir(place.folder)
    monkeypatch.delenv("XDG_CONFIG_HOME")
    if variable == "no home":
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    else:
        monkeypatch.setenv(variable, ".")
    for command in (["verify"], ["import", "--to", f"oci:{place.folder}/out", "--receipt", place.folder / "receipt"]):
        done = run(*command, place.bundle)
        assert (done.code, "there is no trusted key" in done.err) == (5, True), done.err
    assert run("inspect", place.bundle).code == 0


def test_S14_a_single_key_that_is_given_is_the_callers_own_decision(run, place):
    place.pub("builder").chmod(0o666)
    assert run("verify", place.bundle, *place.trusting("builder")).code == 0


@pytest.mark.parametrize(
    "put", [p for n, p in MEMBERS.items() if n != "a folder"], ids=[n for n in MEMBERS if n != "a folder"]
)
def test_S14_a_single_key_that_cannot_be_used_is_a_wrong_request(run, place, put):
    bad = place.folder / "single"
    put(bad, place)
    done = run("verify", place.bundle, "--trust", bad, *place.trusting("builder"))
    assert (done.code, str(bad) in done.err) == (2, True), done.err


@pytest.fixture
def theirs(made) -> Iterator[Place]:
    """The bundle and the keys where everybody can read them, and a folder ``home`` that is nobody's."""
    folder = Path(tempfile.mkdtemp(prefix="bundler-trust-", dir="/tmp"))
    try:
        shutil.copytree(made, folder, dirs_exist_ok=True)
        folder.chmod(0o755)
        (folder / "home").mkdir()
        os.chown(folder / "home", NOBODY, NOBODY)
        yield Place(folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def nobody(home: Path) -> Iterator[None]:
    """A user without any rights, in this process: the interpreter may lie where they could not even start it."""
    groups = os.getgroups()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)


@needs_root
@pytest.mark.parametrize("locked", ["bundler/trust", "bundler"], ids=["the folder", "a folder above it"])
def test_S14_a_trust_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(run, theirs, locked):
    home = theirs.folder / "home"
    folder = home / ".config/bundler/trust"
    folder.mkdir(parents=True)
    shutil.copy(theirs.pub("builder"), folder)
    shell(f"chown -R {NOBODY} home", cwd=theirs.folder)
    commands = (["verify"], ["import", "--to", f"oci:{home}/out"])
    for command in commands:
        assert run(*command, theirs.bundle).code == 5  # as root, who has no such folder: all modules are loaded by now
    with nobody(home):
        assert run("verify", theirs.bundle).code == 0
        (folder.parents[1] / locked).chmod(0)
        for command in commands:
            done = run(*command, theirs.bundle)
            assert (done.code, str(folder) in done.err, "Permission denied" in done.err) == (5, True, True), done.err
        assert ("mode 0000" in done.err) == (locked == "bundler/trust")
        given = run("verify", theirs.bundle, "--trust", folder)
        assert (given.code, str(folder) in given.err) == (5, True)
        if locked == "bundler/trust":
            shell(advised(done.err), cwd=home)
            assert run("verify", theirs.bundle).code == 0


@needs_root
def test_S14_roots_folder_of_keys_is_trusted_by_everybody(run, theirs):
    keys = theirs.folder / "keys"
    keys.mkdir()
    shutil.copy(theirs.pub("builder"), keys)
    verify = ["verify", theirs.bundle, "--trust", keys]
    assert run(*verify).code == 0
    with nobody(theirs.folder / "home"):
        assert run(*verify).code == 0


@needs_root
def test_K10_a_bundle_that_another_user_may_write_is_signed_nowhere(run, theirs):
    shell(f"cp -p approver.key home/ && chown {NOBODY} home/approver.key", cwd=theirs.folder)
    key = theirs.folder / "home/approver.key"
    assert run("verify", theirs.bundle, *theirs.trusting("builder")).code == 0
    with nobody(theirs.folder / "home"):
        done = run("sign", theirs.bundle, *theirs.trusting("builder"), "--key", key)
    assert (done.code, "no permission to write" in done.err, theirs.signature("approver").exists()) == (8, True, False)


# Receipts


@pytest.fixture
def receipt(run, place) -> Path:
    """A receipt that the approver signed, whose key is trusted here."""
    path = place.folder / "receipt.json"
    done = run(
        "import", place.bundle, *place.trusting("builder"), "--to", f"oci:{place.folder}/out",
        "--receipt", path, "--receipt-key", place.key("approver"),
    )  # fmt: skip
    assert done.code == 0, done.err
    trust_folder().mkdir(parents=True)
    shutil.copy(place.pub("approver"), trust_folder())
    return path


def next_to(receipt: Path, place: Place) -> Path:
    return receipt.with_name(f"{receipt.name}.{place.id('approver')}.sig")


def removed(signature: Path) -> None:
    signature.unlink()


def by_another_name(signature: Path) -> None:
    signature.rename(signature.with_name(f"receipt.json.{'0' * 16}.sig"))


def emptied(signature: Path) -> None:
    signature.write_bytes(b"")


def a_folder(signature: Path) -> None:
    signature.unlink()
    signature.mkdir()


def a_pipe(signature: Path) -> None:
    signature.unlink()
    os.mkfifo(signature)


def a_link(signature: Path) -> None:
    moved = signature.rename(signature.with_name("moved"))
    signature.symlink_to(moved)


def huge(signature: Path) -> None:
    signature.write_bytes(bytes(10**6))


@pytest.mark.parametrize("spoil", [removed, by_another_name, emptied, a_folder, a_pipe, a_link, huge])
def test_a6_a_receipt_whose_signature_was_removed_is_obeyed_by_nobody(run, place, receipt, spoil):
    undo, merge = ["undo", receipt], ["receipt", "merge", receipt, "-o", place.folder / "whole.json"]
    assert run(*undo).code == 0
    assert run("receipt", "merge", receipt, "-o", place.folder / "good.json").code == 0
    spoil(next_to(receipt, place))
    for command in (undo, merge, [*undo, "--trust", place.pub("approver")], ["receipt", "verify", receipt]):
        done = run(*command)
        assert (done.code, "receipt.json" in done.err) == (5, True), done.err
    assert not (place.folder / "whole.json").exists()
    for command in (undo, merge):
        done = run(*command, "--insecure-no-signature")
        assert (done.code, "NOT CHECKED" in done.out) == (0, True), done.err
    weakened = json.loads((place.folder / "whole.json").read_text())["weakened"]
    assert weakened == ["receipt merge --insecure-no-signature"]


def test_a6_a_receipt_without_a_signature_is_shown_as_unsigned(run, place, receipt):
    assert "signature good" in run("receipt", "show", receipt).out
    next_to(receipt, place).unlink()
    done = run("receipt", "show", receipt)
    assert (done.code, "UNSIGNED" in done.out) == (0, True)
    assert run("receipt", "show", receipt, "--json").json["signature"] == "none"
    (trust_folder() / "approver.pub").unlink()
    assert run("receipt", "show", receipt, "--json").json["signature"] == "not checked"
    assert run("undo", receipt).code == 0, "nobody is trusted here"


@pytest.mark.parametrize("command", [["undo"], ["receipt", "verify"], ["receipt", "show"]])
def test_a6_a_receipt_is_not_read_before_its_signature_is_good(run, place, receipt, command):
    receipt.write_text("{")
    login = [] if command[0] == "receipt" else ["--username", "x", "--password-stdin"]
    done = run(*command, receipt, *login)
    assert (done.code, "does not match the receipt" in done.err) == (5, True), done.err
    if command != ["receipt", "show"]:
        next_to(receipt, place).unlink()
        done = run(*command, receipt, *login)
        assert (done.code, "no trusted key has signed" in done.err) == (5, True), done.err


def test_a6_receipts_bear_whole_fingerprints(run, place, receipt):
    reported = json.loads(receipt.read_text())
    builder = place.public("builder").fingerprint
    assert (reported["signers"], reported["signerFingerprints"]) == ([builder[:16]], [builder])
    assert reported["trustedFingerprints"] == [builder]
    shown = run("receipt", "show", receipt).out
    assert shown.count(builder) == 2, "who signed the bundle, and who was trusted"
    assert place.public("approver").fingerprint in shown, "who signed the receipt"
    everybody = [word for person in PEOPLE for word in ("--trust", place.pub(person))]
    path = place.folder / "all.json"
    assert run("import", place.bundle, *everybody, "--to", f"oci:{place.folder}/all", "--receipt", path).code == 0
    reported = json.loads(path.read_text())
    assert reported["trustedFingerprints"] == [place.public(person).fingerprint for person in PEOPLE]
    path = place.folder / "none.json"
    unsigned = ["--insecure-no-signature", "--to", f"oci:{place.folder}/none", "--receipt", path]
    assert run("import", place.bundle, *unsigned).code == 0
    reported = json.loads(path.read_text())
    assert (reported["signerFingerprints"], reported["trustedFingerprints"]) == ([], [])


# Keys that came with the bundle


def as_it_is(path: Path) -> Path:
    return path


def by_a_link(path: Path) -> Path:
    link = path.parents[1] / "link"
    link.symlink_to(path)
    return link


def by_a_link_to_the_bundle(path: Path) -> Path:
    link = path.parents[1] / "elsewhere"
    link.symlink_to(path.parent)
    return link / path.name


def by_dots(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


@pytest.fixture(params=["a file", "a folder", "a folder with a link to it"])
def came_along(request, place) -> Path:
    """The builder's key in the bundle's folder, as it may be given."""
    shutil.copy(place.pub("builder"), place.bundle)
    if request.param == "a file":
        return place.bundle / "builder.pub"
    if request.param == "a folder":
        (place.bundle / "keys").mkdir()
        shutil.copy(place.pub("builder"), place.bundle / "keys")
        return place.bundle / "keys"
    keys = place.bundle / "linked"
    keys.mkdir()
    (keys / "a.pub").symlink_to(place.pub("builder"))
    return keys


@pytest.mark.parametrize("way", [as_it_is, by_a_link, by_a_link_to_the_bundle, by_dots])
def test_a3_a_key_in_the_bundle_is_no_trust_anchor(run, place, came_along, way):
    given = way(came_along)
    for command in (["verify"], ["import", "--to", f"oci:{place.folder}/out"], ["inspect"]):
        done = run(*command, place.bundle, "--trust", given)
        assert (done.code, "in the bundle" in done.out + done.err) == (5, True), done.err + done.out
    done = run("sign", place.bundle, "--trust", given, "--key", place.key("approver"))
    assert (done.code, "in the bundle" in done.err) == (5, True)
    assert not (place.folder / "out").exists()
    done = run("verify", place.bundle, "--trust", given, *place.trusting("builder"))
    assert done.code == 5, "not even with a good one"


def test_a3_a_trust_folder_that_has_a_link_into_the_bundle_trusts_nobody(run, place):
    shutil.copy(place.pub("builder"), place.bundle)
    for folder, flags in ((trust_folder(), []), (place.folder / "mine", ["--trust", place.folder / "mine"])):
        folder.mkdir(parents=True)
        (folder / "builder.pub").symlink_to(place.bundle / "builder.pub")
        done = run("verify", place.bundle, *flags)
        assert (done.code, "in the bundle" in done.err) == (5, True), done.err


@needs_root
def test_a3_a_key_in_the_bundle_is_found_through_another_mount(place):
    shutil.copy(place.pub("builder"), place.bundle)
    (place.folder / "mount").mkdir()
    script = 'mount --bind b mount && exec "$0" -m bundler verify b --trust mount/builder.pub'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable], cwd=place.folder, text=True, capture_output=True
    )
    assert (done.returncode, "in the bundle" in done.stderr) == (5, True), done.stderr


@pytest.fixture
def on_a_stick(place, tmp_path, monkeypatch) -> Path:
    """The folder of the bundle and the keys is on a stick; the device is made up."""
    stick = tmp_path / "sys/devices/usb1/1-1/block/sdb"
    stick.mkdir(parents=True)
    number = os.stat(place.folder).st_dev
    link = tmp_path / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(stick)

    def on_one_medium(first: Path, second: Path) -> bool:
        return medium.on_one_medium(first, second, system=Path("/proc"), sysfs=tmp_path / "sys")

    monkeypatch.setattr(trusting, "on_one_medium", on_one_medium)
    return link


@pytest.mark.parametrize("is_folder", [False, True], ids=["a file", "a folder"])
def test_a3_a_key_on_the_bundles_medium_is_no_trust_anchor(run, place, on_a_stick, is_folder):
    given = place.pub("builder")
    if is_folder:
        given = place.folder / "keys"
        given.mkdir()
        shutil.copy(place.pub("builder"), given)
    for command in (["verify"], ["import", "--to", f"oci:{place.folder}/out"]):
        done = run(*command, place.bundle, "--trust", given)
        assert (done.code, "on the same medium" in done.err) == (5, True), done.err
    on_a_stick.unlink()
    assert run("verify", place.bundle, "--trust", given).code == 0


def test_a3_the_trust_folder_on_the_bundles_medium_is_no_trust_anchor(run, place, on_a_stick):
    trust_folder().mkdir(parents=True)
    shutil.copy(place.pub("builder"), trust_folder())
    done = run("verify", place.bundle)
    assert (done.code, "on the same medium" in done.err) == (5, True), done.err


# The way to a folder of keys


WAYS = {
    "a parent, by its group": 0o775,
    "a parent, by others": 0o757,
    "a parent, by all": 0o777,
}


@pytest.mark.parametrize("depth", [0, 1], ids=["the parent", "the parent's parent"])
@pytest.mark.parametrize("mode", WAYS.values(), ids=WAYS)
def test_a3_a_folder_of_keys_below_one_that_others_may_write_is_no_trust(run, place, keys, mode, depth):
    folder, flags = keys
    parent = folder.parents[depth]
    assert run("verify", place.bundle, *flags).code == 0
    parent.chmod(mode)
    done = run("verify", place.bundle, *flags)
    assert (done.code, f"can change {parent}" in done.err, f"mode {mode:04o}" in done.err) == (5, True, True), done.err
    shell(advised(done.err), cwd=place.folder)
    assert run("verify", place.bundle, *flags).code == 0
    parent.chmod(mode | 0o1000)
    assert run("verify", place.bundle, *flags).code == 0, "a sticky bit keeps others from replacing what is in it"
    assert run("trust", "list").code == 0


@needs_root
@pytest.mark.parametrize("changed", ["a parent", "a link to the folder", "a link on the way", "a key's own way"])
def test_a3_a_folder_of_keys_that_another_user_leads_to_is_no_trust(run, place, keys, changed):
    folder, flags = keys
    assert run("verify", place.bundle, *flags).code == 0
    if changed == "a parent":
        strange = folder.parent
    elif changed == "a key's own way":
        strange = place.folder / "strange"
        strange.mkdir()
        shutil.move(folder / "builder.pub", strange)
        (folder / "builder.pub").symlink_to(strange / "builder.pub")
    else:
        moved = folder if changed == "a link to the folder" else folder.parent
        real = place.folder.parent / "real"
        shutil.move(moved, real)
        moved.symlink_to(real)
        strange = moved
    assert run("verify", place.bundle, *flags).code == 0
    os.chown(strange, NOBODY, NOBODY, follow_symlinks=False)
    done = run("verify", place.bundle, *flags)
    assert (done.code, f"{strange}, a part of its path, belongs to nobody" in done.err) == (5, True), done.err
    shell(advised(done.err).replace("sudo ", ""), cwd=place.folder)
    assert run("verify", place.bundle, *flags).code == 0


def test_a3_a_link_that_others_can_replace_leads_to_no_trust(run, place, keys):
    """The folder itself is as it should be; the one with the link to it is not."""
    folder, _ = keys
    open_to_all = place.folder / "open"
    open_to_all.mkdir()
    (open_to_all / "keys").symlink_to(folder)
    verify = ["verify", place.bundle, "--trust", open_to_all / "keys"]
    assert run(*verify).code == 0
    open_to_all.chmod(0o777)
    done = run(*verify)
    assert (done.code, f"can change {open_to_all}" in done.err) == (5, True), done.err


def test_a3_links_that_lead_nowhere_or_in_circles_are_no_trust(run, place):
    (place.folder / "one").symlink_to(place.folder / "two")
    (place.folder / "two").symlink_to(place.folder / "one")
    done = run("verify", place.bundle, "--trust", place.folder / "one")
    assert done.code == 2, done.err


def test_a3_above_the_users_home_folder_nothing_is_judged_as_with_sshd(run, place, keys, monkeypatch):
    folder, flags = keys
    above = folder.parents[1]
    above.chmod(0o777)
    assert run("verify", place.bundle, *flags).code == 5
    entry = pwd.struct_passwd(("x", "x", 1, 1, "", str(folder.parent), ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry)
    assert run("verify", place.bundle, *flags).code == 0
    folder.parent.chmod(0o777)
    assert run("verify", place.bundle, *flags).code == 5, "the home folder itself is"


# bundler trust


def test_a_key_is_added_by_its_whole_fingerprint_only(run, place):
    key = place.public("builder")
    add = ["trust", "add", place.pub("builder")]
    asked = run(*add)
    assert (asked.code, "not compared" in asked.err, "--fingerprint" in asked.err) == (2, True, True)
    assert key.fingerprint in asked.err.replace(" ", "")
    assert run(*add, "--fingerprint", key.id).code == 2
    assert run(*add, "--fingerprint", key.fingerprint[:63] + "x").code == 2
    wrong = run(*add, "--fingerprint", place.public("third").fingerprint)
    assert (wrong.code, "it was not added" in wrong.err) == (5, True)
    assert not trust_folder().exists()
    assert run("verify", place.bundle).code == 5

    done = run(*add, "--fingerprint", key.fingerprint.upper(), "--json")
    (added,) = json.loads(done.out)["keys"]
    assert (done.code, added["keyId"], added["fingerprint"]) == (0, key.id, key.fingerprint)
    assert [oct(path.stat().st_mode & 0o7777) for path in (trust_folder(), Path(added["file"]))] == ["0o700", "0o644"]
    assert Path(added["file"]).read_bytes() == place.pub("builder").read_bytes()
    assert run("verify", place.bundle).code == 0
    again = run(*add, "--fingerprint", key.fingerprint, "--name", "other", "--json")
    assert (again.code, json.loads(again.out)["changed"], len(list(trust_folder().iterdir()))) == (0, False, 1)


@pytest.mark.parametrize("name", ["../builder", "a/b", ".hidden", "UPPER", "", "con", "x" * 65, "a\nb"])
def test_names_of_keys_are_computed_and_never_paths(run, place, name):
    done = run(
        "trust", "add", place.pub("builder"), "--fingerprint", place.public("builder").fingerprint, "--name", name
    )
    assert (done.code, trust_folder().exists()) == (2, False)


def test_no_key_is_overwritten_by_another(run, place):
    for person, expected in (("builder", 0), ("third", 2)):
        fingerprint = place.public(person).fingerprint
        done = run("trust", "add", place.pub(person), "--fingerprint", fingerprint, "--name", "one")
        assert done.code == expected
    assert (trust_folder() / "one.pub").read_bytes() == place.pub("builder").read_bytes()
    assert [path.name for path in trust_folder().iterdir()] == ["one.pub"]


def test_keys_are_listed_and_removed_by_name_or_key_id(run, place):
    for person in PEOPLE:
        shutil.copy(place.pub(person), Path(os.environ["HOME"]))
        assert run("trust", "add", place.pub(person), "--fingerprint", place.public(person).fingerprint).code == 0
    listed = run("trust", "list", "--json")
    reported = {key["name"]: key["keyId"] for key in json.loads(listed.out)["keys"]}
    assert (listed.code, reported) == (0, {person: place.id(person) for person in PEOPLE})
    assert run("trust", "remove", "nobody").code == 2
    assert run("trust", "remove", "../trust/third").code == 2
    assert run("trust", "remove", "builder").code == 0
    assert run("verify", place.bundle).code == 5
    assert run("trust", "remove", place.id("approver")).code == 0
    assert [path.name for path in trust_folder().iterdir()] == ["third.pub"]
    assert run("trust", "remove", "builder").code == 2


def test_a_key_is_not_added_to_a_folder_that_others_may_write(run, place):
    trust_folder().mkdir(parents=True)
    trust_folder().chmod(0o777)
    done = run("trust", "add", place.pub("builder"), "--fingerprint", place.public("builder").fingerprint)
    assert (done.code, list(trust_folder().iterdir())) == (5, [])


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 5), ("", 5)], ids=["yes", "no", "just return"])
def test_on_a_terminal_it_is_asked_whether_the_fingerprint_is_the_same(place, answer, code):
    done, shown = on_terminal("trust", "add", place.pub("builder"), answers=[("exactly the same?", answer)])
    assert (done, (trust_folder() / "builder.pub").exists()) == (code, code == 0)
    assert place.public("builder").fingerprint in re.sub(r"\s", "", shown)


# bundler sign


def test_K10_a_second_person_signs_what_they_verified_and_nothing_else_changes(run, place):
    before = {path.name: path.read_bytes() for path in place.bundle.iterdir()}
    sign = ["sign", place.bundle, *place.trusting("builder"), "--key", place.key("approver")]
    done = run(*sign, "--json")
    document = json.loads(done.out)
    assert (done.code, document["signed"], document["written"]) == (0, True, [str(place.signature("approver"))])
    assert place.signature("approver").read_bytes() == place.signed("approver")
    after = {path.name: path.read_bytes() for path in place.bundle.iterdir()}
    assert {name: after.pop(name) for name in set(after) - set(before)} == {
        place.signature("approver").name: place.signed("approver")
    }
    assert after == before
    again = run(*sign)
    assert (again.code, "already signed by" in again.out, NAME in again.out) == (0, True, True)
    both = ["verify", place.bundle, *place.trusting("builder", "approver"), "--require-signatures", 2]
    assert run(*both).code == 0


def test_K10_each_medium_that_says_what_is_signed_gets_the_signature(run, place):
    second = place.folder / "second"
    shutil.copytree(place.bundle, second)
    (place.bundle / "chunk-0001.tar").unlink()
    third = place.folder / "third-medium"
    third.mkdir()
    (second / "chunk-0001.tar").rename(third / "chunk-0001.tar")
    sign = ["sign", place.bundle, second, third, *place.trusting("builder"), "--key", place.key("approver")]
    assert run(*sign).code == 0
    name = place.signature("approver").name
    assert [(folder / name).exists() for folder in (place.bundle, second, third)] == [True, True, False]
    (second / name).unlink()
    document = json.loads(run(*sign, "--json").out)
    assert (document["signed"], document["written"]) == (True, [str(second / name)])


def damaged(place: Place) -> None:
    with open(place.bundle / "chunk-0001.tar", "r+b") as chunk:
        chunk.seek(600)
        chunk.write(b"\xff")


def says_unsigned(place: Place) -> None:
    manifest = place.bundle / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"signed": true', '"signed": false'))
    shell("sha256sum README.txt bundle.json restore.py chunk-*.tar > SHA256SUMS", cwd=place.bundle)
    place.signature("builder").write_bytes(place.signed("builder"))


NOT_SIGNED = {
    "damaged": (damaged, 4),
    "README.txt changed": (lambda place: (place.bundle / "README.txt").write_text("x"), 4),
    "a file that nothing lists": (lambda place: (place.bundle / "notes.txt").touch(), 4),
    "a chunk is missing": (lambda place: (place.bundle / "chunk-0001.tar").unlink(), 9),
    "says that it is not signed": (says_unsigned, 5),
    "a bad signature of a trusted key": (lambda place: place.signature("third").write_bytes(bytes(64)), 5),
    "a bad signature of the key that signs": (lambda place: place.signature("approver").write_bytes(bytes(64)), 5),
    "something else under the signature's name": (lambda place: place.signature("approver").mkdir(), 5),
}


@pytest.mark.parametrize(("spoil", "code"), NOT_SIGNED.values(), ids=NOT_SIGNED)
def test_K10_nothing_is_signed_unless_nothing_at_all_is_wrong(run, place, spoil, code):
    spoil(place)
    before = {path.name: path.stat().st_mtime_ns for path in place.bundle.iterdir()}
    done = run("sign", place.bundle, *place.trusting("builder", "third"), "--key", place.key("approver"))
    assert done.code == code, done.out + done.err
    assert {path.name: path.stat().st_mtime_ns for path in place.bundle.iterdir()} == before


@pytest.mark.parametrize("trust", [["third"], ["builder", "third", "--require-signatures", "2"]], ids=" ".join)
def test_K10_nothing_is_signed_that_those_who_are_trusted_have_not_signed(run, place, trust):
    people = [each for each in trust if each in PEOPLE]
    done = run("sign", place.bundle, *place.trusting(*people), *trust[len(people) :], "--key", place.key("approver"))
    assert (done.code, place.signature("approver").exists()) == (5, False)
    assert run("sign", place.bundle, "--key", place.key("approver")).code == 5, "with no key at all neither"


def test_K10_an_encrypted_bundle_is_opened_before_it_is_signed(run, place):
    (place.folder / "secret").write_text("a passphrase for tests\n")
    secret = ["--passphrase-file", place.folder / "secret"]
    export = ["export", f"oci:{place.folder}/layout:{NAME}", "--name", "e", "-o", place.folder, "--encrypt", *secret]
    assert run(*export, "--key", place.key("builder")).code == 0
    sign = ["sign", place.folder / "e", *place.trusting("builder"), "--key", place.key("approver")]
    blind = run(*sign)
    assert (blind.code, "no terminal to ask" in blind.err) == (2, True)
    seeing = run(*sign, *secret)
    assert (seeing.code, NAME in seeing.out) == (0, True)


@needs_root
def test_K10_a_read_only_medium_is_reported_before_the_long_check(run, place):
    medium = place.folder / "medium"
    medium.mkdir()
    shell(f"mount -t tmpfs none {medium} && cp -r b {medium}/ && mount -o remount,ro {medium}", cwd=place.folder)
    try:
        sign = ["sign", medium / "b", *place.trusting("builder"), "--key", place.key("approver")]
        done = run(*sign)
        assert (done.code, "read-only" in done.err, "verifying" in done.err) == (8, True, False)
        name = place.signature("approver").name
        shell(f"mount -o remount,rw {medium}", cwd=place.folder)
        (medium / "b" / name).write_bytes(place.signed("approver"))
        shell(f"mount -o remount,ro {medium}", cwd=place.folder)
        assert run(*sign).code == 0, "there is nothing to write"
    finally:
        shell(f"umount {medium}", cwd=place.folder)


def test_K10_what_a_killed_run_left_is_replaced_and_is_no_damage(run, place):
    left = place.bundle / durable_files.unplaced_name(place.signature("approver").name)
    left.write_bytes(b"half a signa")
    assert run("verify", place.bundle, *place.trusting("builder")).code == 0
    sign = ["sign", place.bundle, *place.trusting("builder"), "--key", place.key("approver")]
    assert (run(*sign).code, left.exists()) == (0, False)
    assert place.signature("approver").read_bytes() == place.signed("approver")


def test_K10_a_link_where_the_signature_would_be_put_down_is_not_followed(run, place):
    victim = place.folder / "victim"
    victim.write_text("precious")
    (place.bundle / durable_files.unplaced_name(place.signature("approver").name)).symlink_to(victim)
    done = run("sign", place.bundle, *place.trusting("builder"), "--key", place.key("approver"))
    assert (done.code, "away, or choose another folder" in done.err) == (2, True)
    assert (victim.read_text(), place.signature("approver").exists()) == ("precious", False)


@pytest.mark.parametrize("failing", ["rename", "fsync"])
def test_K10_a_medium_that_fails_is_left_as_it_was(run, place, monkeypatch, failing):
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable_files.os, failing, fail)
    done = run("sign", place.bundle, *place.trusting("builder"), "--key", place.key("approver"))
    monkeypatch.undo()
    assert (done.code, "Input/output error" in done.err) == (8, True)
    assert [path.name for path in place.bundle.iterdir() if "sig" in path.name] == [place.signature("builder").name]


# Private keys


@pytest.fixture
def signing_commands(place) -> dict[str, list[object]]:
    """Every command that reads a private key, but for the key."""
    return {
        "export": [
            "export", f"oci:{place.folder}/layout:{NAME}", "--name", "x", "-o", place.folder, "--key",
        ],
        "sign": ["sign", place.bundle, *place.trusting("builder"), "--key"],
        "import": [
            "import", place.bundle, *place.trusting("builder"), "--to", f"oci:{place.folder}/out",
            "--receipt", place.folder / "r.json", "--receipt-key",
        ],
    }  # fmt: skip


@pytest.mark.parametrize("command", ["export", "sign", "import"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o611])
def test_K01_a_private_key_that_others_may_use_is_refused_and_the_command_that_is_shown_mends_it(
    run, place, signing_commands, command, mode
):
    key = place.key("approver")
    key.chmod(mode)
    done = run(*signing_commands[command], key)
    assert (done.code, f"found mode {mode:04o}" in done.err) == (2, True)
    assert not (place.folder / "out").exists()
    assert not place.signature("approver").exists()
    shell(advised(done.err), cwd=place.folder)
    assert run(*signing_commands[command], key).code == 0


def test_K01_receipts_are_merged_with_a_private_key_only(run, place, signing_commands):
    assert run(*signing_commands["import"], place.key("third")).code == 0
    merge = ["receipt", "merge", place.folder / "r.json", "-o", place.folder / "m.json", "--receipt-key"]
    place.key("third").chmod(0o644)
    assert run(*merge, place.key("third")).code == 2
    place.key("third").chmod(0o400)
    assert run(*merge, place.key("third")).code == 0


def test_K01_a_link_leads_to_a_key_and_its_modes(run, place, signing_commands):
    link = place.folder / "link.key"
    link.symlink_to(place.key("approver"))
    place.key("approver").chmod(0o644)
    assert run(*signing_commands["sign"], link).code == 2
    place.key("approver").chmod(0o600)
    assert run(*signing_commands["sign"], link).code == 0


@needs_root
def test_K01_of_a_key_of_another_user_the_mode_is_their_own_affair_as_in_ssh(run, place, signing_commands):
    os.chown(place.key("approver"), NOBODY, NOBODY)
    place.key("approver").chmod(0o644)
    assert run(*signing_commands["sign"], place.key("approver")).code == 0


@pytest.mark.parametrize("command", ["export", "sign", "import"])
@pytest.mark.parametrize("kind", ["a FIFO", "a folder", "1 GiB", "a link to a device", "public", "junk", "RSA", "two"])
def test_K01_K03_what_is_no_private_key_is_a_wrong_request(run, place, signing_commands, command, kind):
    key = place.folder / "odd.key"
    if kind == "public":
        shutil.copy(place.pub("third"), key)
    elif kind == "RSA":
        shell(f"openssl genrsa -out {key} 1024 2>/dev/null", cwd=place.folder)
    elif kind == "two":
        key.write_bytes(place.key("third").read_bytes() + place.key("builder").read_bytes())
    else:
        MEMBERS[kind](key, place)
    if key.is_file():
        key.chmod(0o600)
    done = run(*signing_commands[command], key)
    assert (done.code, str(key) in done.err) == (2, True), done.err


def test_K03_a_key_with_a_passphrase_that_can_be_guessed_works_and_is_reported_with_a_command_that_mends_it(run, place):
    weak, word = place.folder / "weak.key", place.folder / "word"
    word.write_text("hunter2\n")
    shell(f"openssl pkcs8 -topk8 -v2 aes-256-cbc -in approver.key -passout file:word -out {weak}", cwd=place.folder)
    weak.chmod(0o600)
    sign = ["sign", place.bundle, *place.trusting("builder"), "--key-passphrase-file", word, "--key"]
    done = run(*sign, weak)
    assert (done.code, "without scrypt" in done.err) == (0, True)
    command = re.search(r"openssl pkcs8 .*", done.err)[0]
    shell(f"{command} -passin pass:hunter2 -passout pass:hunter2", cwd=place.folder)
    better = run(*sign, place.folder / "weak-scrypt.key")
    assert (better.code, "scrypt" in better.err) == (0, False)


@pytest.fixture
def locked(run, place) -> Path:
    """A key with the passphrase ``right``."""
    (place.folder / "right").write_text("right\n")
    assert run("keygen", "locked", "-d", place.folder, "--passphrase-file", place.folder / "right").code == 0
    return place.folder / "locked.key"


@pytest.mark.parametrize("content", ["wrong\n", "\n", "", "right \n"], ids=repr)
def test_K02_a_wrong_or_empty_passphrase_in_a_file_is_tried_once(run, place, locked, content):
    word = place.folder / "word"
    word.write_text(content)
    sign = ["sign", place.bundle, *place.trusting("builder"), "--key", locked]
    assert run(*sign, "--key-passphrase-file", word).code == 2
    missing = run(*sign)
    assert (missing.code, "no terminal to ask" in missing.err) == (2, True)


@pytest.mark.parametrize(
    ("typed", "code"), [(["right"], 0), (["wrong", "worse", "right"], 0), (["wrong", "worse", "worst"], 2)], ids=str
)
def test_K02_on_a_terminal_a_passphrase_may_be_mistyped_twice(place, locked, typed, code):
    answers = [("passphrase of the key:", each) for each in typed]
    done, shown = on_terminal("sign", place.bundle, *place.trusting("builder"), "--key", locked, answers=answers)
    assert (done, shown.count("passphrase of the key:")) == (code, len(typed))
    assert not any(each in shown for each in ("right", "worse"))
    assert ("the passphrase is wrong" in shown) == bool(code)


# Private keys on media


def test_a_private_key_inside_the_bundle_signs_nothing(run, place):
    inside = place.bundle / "approver.key"
    shutil.copy(place.key("approver"), inside)
    link = place.folder / "link.key"
    link.symlink_to(inside)
    for key in (inside, link):
        done = run("sign", place.bundle, *place.trusting("builder"), "--key", key)
        assert (done.code, "keep it away from the medium" in done.err) == (2, True)
    growing = place.folder / "x.partial"
    growing.mkdir()
    shutil.copy(place.key("approver"), growing)
    export = ["export", f"oci:{place.folder}/layout:{NAME}", "--name", "x", "-o", place.folder]
    assert run(*export, "--key", growing / "approver.key").code == 2
    assert [path.name for path in growing.iterdir()] == ["approver.key"]


def test_a_private_key_on_the_same_medium_signs_nothing(run, place, signing_commands, tmp_path, monkeypatch):
    """The devices are made up: a stick, and what the system runs from."""
    stick = tmp_path / "sys/devices/usb1/1-1/block/sdb"
    stick.mkdir(parents=True)
    number = os.stat(place.folder).st_dev
    link = tmp_path / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(stick)

    def on_one_medium(first: Path, second: Path) -> bool:
        return medium.on_one_medium(first, second, system=Path("/proc"), sysfs=tmp_path / "sys")

    monkeypatch.setattr(private_key, "on_one_medium", on_one_medium)
    for command in ("export", "sign"):
        done = run(*signing_commands[command], place.key("approver"))
        assert (done.code, "on the bundle's medium" in done.err) == (2, True)
    assert not place.signature("approver").exists()
    assert not (place.folder / "x").exists()
    link.unlink()
    assert run(*signing_commands["sign"], place.key("approver")).code == 0


@pytest.mark.parametrize("name", ["builder.key", "BUILDER.KEY"])
def test_a_file_that_may_be_a_private_key_on_a_medium_is_reported_and_not_opened(run, place, name):
    os.mkfifo(place.bundle / name)  # a reader would wait for ever
    for command in (["verify"], ["import", "--to", f"oci:{place.folder}/out"]):
        done = run(*command, place.bundle, *place.trusting("builder"))
        assert (done.code, "by its name it may be a private key" in done.out) == (4, True)


@pytest.mark.parametrize("command", ["export", "sign", "import"])
def test_K02_a_public_key_to_sign_with_is_named_with_the_one_to_give_and_not_its_mode(
    run, place, signing_commands, command
):
    public = place.pub("approver")
    public.chmod(0o644)
    done = run(*signing_commands[command], public)
    assert done.code == 2
    assert "this is a public key" in done.err
    assert f"-> give {public.with_suffix('.key')}" in done.err
    assert "chmod" not in done.err


def test_K02_a_key_without_its_ending_is_reported_with_the_file_that_is_there(run, place, signing_commands):
    done = run(*signing_commands["sign"], place.key("approver").with_suffix(""))
    assert (done.code, f"-> give {place.key('approver')}" in done.err) == (2, True)
    done = run("verify", place.bundle, "--trust", place.pub("builder").with_suffix(""))
    assert (done.code, f"-> give {place.pub('builder')}" in done.err) == (2, True)


def test_K02_a_private_key_to_trust_is_named_with_the_one_to_give(run, place):
    for command in (["verify", place.bundle, "--trust"], ["trust", "add"]):
        done = run(*command, place.key("builder"))
        assert (done.code, "this is a private key" in done.err) == (2, True)
        assert f"-> give {place.pub('builder')}" in done.err
