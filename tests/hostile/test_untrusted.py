"""Tables S and P: nothing is parsed before it is vouched for, nothing opened that is no file, nothing shown unescaped."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from bundler.bundle import sums
from bundler.core import strict_json
from bundler.system import files
from tests.support import images
from tests.support.forge import FAILS, Forged
from tests.support.watching import READS, reads_of, strace

CANARIES = {
    "an escape code": "a\x1b[31mb",
    "a bell": "a\x07b",
    "a C1 code": "a\x9b31mb",
    "turned around": "a\u202eb",
    "isolated": "a\u2066b",
    "zero width": "a\u200bb",
    "a newline": "a\nFORGED: all is well",
    "a carriage return": "a\rFORGED: all is well",
    "a line separator": "a\u2028FORGED: all is well",
    "a backspace": "a\b\b\bb",
}
HARMFUL = set("\x1b\x07\x9b\u202e\u2066\u200b\r\u2028\b")


@pytest.fixture
def unparsed(monkeypatch):
    """Fails a test in which anything but SHA256SUMS is parsed; and SHA256SUMS too, unless that is said to be fine."""

    def forbid(module, name: str) -> None:
        def parse(*arguments, **more):
            raise AssertionError(f"{name} was called")

        monkeypatch.setattr(module, name, parse)

    forbid(strict_json, "loads")
    return lambda: forbid(sums, "parse_sums")


@pytest.mark.parametrize("name", [name for name, fail in FAILS.items() if fail.code == 5])
def test_M02_what_no_trusted_key_signed_is_not_parsed(forged, verified, imported, unparsed, name):
    unparsed()
    FAILS[name].how(forged)
    assert (verified(forged.folder).code, imported(forged.folder).code) == (5, 5)


@pytest.mark.parametrize(
    "name", ["M02 a bit of bundle.json", "M14 CRLF in bundle.json", "S19 bundle.json of another", "M06 a TiB of bundle.json"]
)  # fmt: skip
def test_M02_a_bundle_json_of_another_sum_is_not_parsed(forged, verified, monkeypatch, name):
    FAILS[name].how(forged)
    monkeypatch.setattr("bundler.core.strict_json.loads", lambda *_, **__: pytest.fail("it was parsed"))
    assert verified(forged.folder).code == 4


def test_S03_of_10_000_signature_files_only_those_of_trusted_keys_are_opened(forged, verified, monkeypatch):
    for number in range(10_000):
        (forged / f"SHA256SUMS.{number:016x}.sig").write_bytes(bytes(64))
    opened = []
    real = files.os.open
    monkeypatch.setattr(files.os, "open", lambda path, *more, **kw: opened.append(str(path)) or real(path, *more, **kw))
    assert verified(forged.folder).code == 0
    assert [path for path in opened if path.endswith(".sig")] == [str(forged.signature)]
    forged.signature.unlink()
    done = verified(forged.folder)
    assert (done.code, len(done.out) < 4000) == (5, True), "they are counted, not listed"


@pytest.mark.parametrize("name", [name for name, fail in FAILS.items() if name.startswith("S") and fail.code == 5])
def test_S30_inspect_shows_what_is_not_trusted_as_unverified_or_not_at_all(forged, command, name):
    FAILS[name].how(forged)
    shown = command("inspect", forged.folder, "--trust", forged.public)
    document = command("inspect", forged.folder, "--trust", forged.public, "--json").json
    if "images" in document:
        lines = shown.out.splitlines()
        assert (shown.code, document["verified"], document["exitCode"]) == (5, False, 5)
        assert [line.startswith("UNVERIFIED") for line in (lines[0], lines[-1])] == [True, True]
    else:
        assert (shown.code, shown.out) == (document["exitCode"], "")
        assert shown.code in (4, 5)


SPECIAL = {
    "a link": lambda path, secret: path.symlink_to(secret),
    "a pipe": lambda path, secret: os.mkfifo(path),
    "a device": lambda path, secret: os.mknod(path, 0o20644, os.makedev(1, 5)),
}


@pytest.mark.parametrize("name", ["chunk-0005.tar", "bundle.json", "SHA256SUMS"])
@pytest.mark.parametrize("kind", SPECIAL)
def test_P02_P04_what_is_no_file_is_refused_before_a_byte_of_it_is_read(forged, tmp_path, kind, name):
    if kind == "a device" and os.geteuid() != 0:
        pytest.skip("devices need root")
    secret = tmp_path / "secret"
    secret.write_bytes((forged / name).read_bytes())  # even what would be right is not read through a link
    (forged / name).unlink()
    SPECIAL[kind](forged / name, secret)
    done = strace(
        ["verify", forged.folder, "--trust", forged.public], tmp_path / "log", "-e", f"trace=open,openat,{READS}"
    )
    assert done.returncode == 4, done.stderr
    assert reads_of(tmp_path / "log", name) == []
    assert str(secret) not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a\nb", "..", "C:\\secret"])
def test_P01_a_signed_name_that_is_a_path_is_not_even_looked_for(forged, tmp_path, name):
    forged.sign_list((forged / "SHA256SUMS").read_bytes() + f"{'0' * 64}  {name}\n".encode())
    done = strace(["verify", forged.folder, "--trust", forged.public], tmp_path / "log", "-e", "trace=%file")
    assert (done.returncode, "SHA256SUMS: line" in done.stderr) == (4, True)
    looked_for = re.findall(r'.*(?:secret|hostname)".*', (tmp_path / "log").read_text())
    assert looked_for == []


@pytest.mark.parametrize("name", ["SHA256SUMS", "bundle.json", "README.txt"])
def test_P06_a_file_that_is_larger_than_it_may_be_is_refused_before_it_is_read(forged, tmp_path, name):
    os.truncate(forged / name, 1 << 40)
    done = strace(["verify", forged.folder, "--trust", forged.public], tmp_path / "log", "-e", f"trace={READS}")
    assert (done.returncode, "too large" in done.stdout + done.stderr) == (4, True)
    assert reads_of(tmp_path / "log", f"bundle/{name}") == []


def test_P08_an_unknown_field_is_no_obstacle_and_an_unknown_format_says_what_to_do(forged, verified, imported):
    forged.edit(lambda document: document.update(futureField={"a": [1]}))
    forged.edit(lambda document: document["images"][0].update(futureField="x"))
    assert (verified(forged.folder).code, imported(forged.folder).code) == (0, 0)
    forged.edit(lambda document: document.update(format="bundler/99"))
    done = verified(forged.folder)
    assert (done.code, done.json["error"]["hint"]) == (6, "import it with a newer bundler")


@pytest.mark.parametrize("canary", CANARIES)
def test_P17_what_a_signed_manifest_says_moves_no_cursor_and_forges_no_line(forged, command, tmp_path, canary):
    text = CANARIES[canary]

    def change(document) -> None:
        document.update(tool=text, created=text)
        for image in document["images"]:
            image["source"] = text
            for variant in image["variants"]:
                variant.update(os=text, architecture=text, labels={text: text}, env=[text], cmd=[text], created=text)

    forged.edit(change)
    into = ["--trust", forged.public, "--to", f"oci:{tmp_path}/target"]
    for arguments in (
        ["inspect", forged.folder, "--trust", forged.public],
        ["verify", forged.folder, "--trust", forged.public],
        ["import", forged.folder, *into, "--dry-run"],
        ["import", forged.folder, *into, "--receipt", tmp_path / "receipt.json"],
        ["receipt", "show", tmp_path / "receipt.json"],
    ):
        done = command(*arguments)
        shown = done.out + done.err
        assert not HARMFUL & set(shown), arguments[0]
        assert not [line for line in shown.splitlines() if line.startswith("FORGED")]
    done = command("inspect", forged.folder, "--trust", forged.public, "--json")
    assert not HARMFUL & set(done.out)
    assert (done.json["tool"], done.json["images"][0]["source"]) == (text, text), "escaped, not lost"


@pytest.mark.parametrize("canary", CANARIES)
def test_P17_what_an_image_says_of_itself_is_escaped_wherever_it_is_reported(command, good, tmp_path, canary):
    text = CANARIES[canary]
    image = images.simple("x", labels={text: text})
    layout = tmp_path / "layout"
    image.write_layout(layout, "example.org/a/b:1")
    index = json.loads((layout / "index.json").read_text())
    index["manifests"][0]["annotations"]["other"] = text
    index["manifests"].append({**index["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": text}})
    (layout / "index.json").write_text(json.dumps(index))
    signing = ["-o", tmp_path, "--key", good.private]
    for arguments in (
        ["export", f"oci:{layout}:example.org/a/b:1", "--name", "x", *signing],
        ["export", f"oci:{layout}", "--name", "y", *signing],
        ["export", f"oci:{layout}:nothing", "--name", "z", *signing],
        ["export", f"docker://example.org/{text}", "--name", "z", *signing],
        ["inspect", tmp_path / "x"],
        ["inspect", tmp_path / "x", "--json"],
        ["verify", tmp_path / f"{text}.tar"],
        ["export", tmp_path / text, *signing],
        ["explain", text],
        ["verify", tmp_path / "x", "--trust", tmp_path / text],
    ):
        done = command(*arguments)
        assert not HARMFUL & set(done.out + done.err), arguments
        assert not [line for line in (done.out + done.err).splitlines() if line.startswith("FORGED")], arguments


def test_a_link_to_a_folder_on_a_medium_is_not_followed(good, verified, tmp_path):
    """Nothing on a medium leads to another place; a folder that the user names may be a link."""
    medium = tmp_path / "medium"
    medium.mkdir()
    (medium / "bundle").symlink_to(good.folder)
    assert verified(medium).code == 2
    assert verified(medium / "bundle").code == 0


def test_a_bundle_next_to_other_things_on_a_medium_is_found(good: Forged, verified, tmp_path: Path):
    medium = tmp_path / "medium"
    shutil.copytree(good.folder, medium / "bundle")
    (medium / "music").mkdir()
    (medium / "autorun.inf").write_text("")
    assert verified(medium).code == 0
