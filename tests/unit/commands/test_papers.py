"""`label` and `slip` write what a trusted key signed about a bundle and its media, and nothing of its content."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import bundler
from bundler import cli
from bundler.errors import Misuse
from tests.support import forge
from tests.support.forge import Forged

SECRET = "a passphrase"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Forged:
    return forge.make(tmp_path_factory.mktemp("papers"), "monthly-7")


@pytest.fixture(scope="module")
def locked(made: Forged, tmp_path_factory: pytest.TempPathFactory) -> Forged:
    return forge.make(tmp_path_factory.mktemp("locked"), "locked-7", encrypt=SECRET)


@pytest.fixture
def run(capsys):
    def run(*arguments: object) -> tuple[int, dict, str]:
        code = cli.run([*map(str, arguments), "--json"])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, json.loads(captured.out), captured.err

    return run


def words_of_content(bundle: Forged) -> set[str]:
    """The names and digests of all that a bundle carries, whole and as people shorten them."""
    document = bundle.manifest
    references = [image["reference"] for image in document["images"]]
    found = {*references, *(part for reference in references for part in reference.replace(":", "/").split("/")[:-1])}
    digests = [blob["digest"].partition(":")[2] for blob in document["blobs"]]
    digests += [digest for name, digest in bundle.sums if name.startswith("chunk")]
    return found | {digest[:12] for digest in digests} | {f"{digest[:4]} {digest[4:8]}" for digest in digests}


def test_nothing_of_the_content_is_on_paper(run, made, locked, tmp_path):
    for bundle in (made, locked):
        secrets = words_of_content(made)
        assert len(secrets) > 30
        for command in ("label", "slip"):
            for ending in ("pdf", "svg", "html", "txt"):
                file = tmp_path / f"{bundle.folder.name}-{command}.{ending}"
                code, document, _ = run(command, bundle.folder, "-o", file, "--trust", bundle.public)
                assert code == 0
                written = file.read_text() + json.dumps({**document, "paths": []})
                assert not [word for word in secrets if re.search(rf"\b{re.escape(word)}\b", written)]
                assert bundle.folder.name in written


def test_one_folder_is_one_medium_with_all_its_files(run, made, tmp_path):
    code, document, _ = run("label", made.folder, "-o", tmp_path / "l.txt", "--trust", made.public)
    (medium,) = document["media"]
    files = [path for path in made.folder.iterdir() if path.is_file()]
    sizes = [path.stat().st_size for path in made.chunks]
    assert code == 0
    assert medium == {"number": 1, "chunks": len(sizes), "files": len(files), "bytes": sum(sizes)}
    assert document["codes"] == [f"BUNDLER1 monthly-7 1/1 {document['bundleId']}"]
    assert bundler.parse_payload(document["codes"][0]).bundle_id == document["bundleId"]


def test_folders_of_a_bundle_are_its_media_in_the_order_of_the_command(run, made, tmp_path):
    media = forge.spread(made, tmp_path, 3)
    _, document, _ = run("slip", *media, "-o", tmp_path / "s.txt", "--trust", made.public)
    assert [each["chunks"] for each in document["media"]] == [len(list(folder.glob("chunk*"))) for folder in media]
    assert [each["files"] for each in document["media"]] == [len(list(folder.iterdir())) for folder in media]
    assert document["codes"] == [f"BUNDLER1 monthly-7 slip/3 {document['bundleId']}"]


def test_one_medium_of_a_planned_set_is_enough_for_all_labels(run, made, tmp_path):
    layout = made.folder.parent / "layout"
    images = [f"oci:{layout}:{image['reference']}" for image in made.manifest["images"]]
    export = ["export", *images, "-o", tmp_path, "--name", "planned", "--key", made.private]
    code, exported, _ = run(*export, "--chunk-size", "1MiB", "--medium-size", "3MB")
    assert code == 0
    folders = [Path(folder) for folder in exported["folders"]]
    assert len(folders) > 1
    _, document, _ = run("label", folders[1], "-o", tmp_path / "l.pdf", "--trust", made.public)
    assert [each["chunks"] for each in document["media"]] == [len(list(folder.glob("chunk*"))) for folder in folders]
    assert [each["files"] for each in document["media"]] == [len(list(folder.iterdir())) for folder in folders]
    assert document["codes"][1].split()[2] == f"2/{len(folders)}"


def test_paper_states_only_what_a_trusted_key_signed(run, made, tmp_path):
    other = tmp_path / "other.pub"
    other.write_bytes(bundler.keygen(bundler.KeygenRequest(name="other", folder=tmp_path)).public_path.read_bytes())
    out = tmp_path / "s.txt"
    assert run("slip", made.folder, "-o", out, "--trust", other)[0] == 5
    assert not out.exists()
    assert run("slip", made.folder, "-o", out, "--trust", made.public)[1]["signers"][0][:16] == made.key_id
    _, document, _ = run("slip", made.folder, "-o", tmp_path / "n.txt", "--insecure-no-signature")
    assert (document["signers"], document["signed"]) == ([], True)
    assert "not checked" in (tmp_path / "n.txt").read_text()


def test_the_same_command_again_writes_nothing_and_another_file_is_never_replaced(run, made, tmp_path):
    args = ("label", made.folder, "--trust", made.public, "--date", "1 December")
    for ending in ("pdf", "svg", "html"):
        out = tmp_path / f"l.{ending}"
        assert run(*args, "-o", out)[1]["completeAlready"] is False
        assert run(*args, "-o", out)[1]["completeAlready"] is True
        assert run(*args, "-o", out, "--sender", "me")[1]["completeAlready"] is False
    mine = tmp_path / "mine.pdf"
    mine.write_text("mine")
    assert run(*args, "-o", mine)[0] == 2
    assert mine.read_text() == "mine"
    (tmp_path / "link.pdf").symlink_to("nowhere")
    assert run(*args, "-o", tmp_path / "link.pdf")[0] == 2
    assert run(*args, "-o", made.folder / "l.pdf")[0] == 2
    assert run(*args, "-o", tmp_path / "none" / "l.pdf")[0] == 2


def test_wrong_requests_are_errors_of_usage(run, made, tmp_path):
    args = ("label", made.folder, "--trust", made.public, "-o", tmp_path / "l.pdf")
    for wrong in (
        ("--sheet", "L1"),
        ("--used", 8),
        ("--medium", 2),
        ("--lang", "xx"),
        ("--lang", "zh"),
        ("--sender", "北京"),
        ("--sender", "x" * 101),
        ("--sender", "a\x07b"),
    ):
        code, document, _ = run(*args, *wrong)
        assert (code, document["error"]["exitCode"]) == (2, 2), wrong
    assert not (tmp_path / "l.pdf").exists()


def test_a_need_list_becomes_a_code_that_fulfil_takes(run, made, tmp_path, capsys):
    folder = shutil.copytree(made.folder, tmp_path / "bundle")
    for number in (2, 4):
        (folder / f"chunk-{number:04d}.tar").unlink()
    need = tmp_path / "need.json"
    assert cli.run(["verify", str(folder), "--trust", str(made.public), "--need", str(need)]) == 9
    assert f"bundler slip {need} -o need.pdf" in capsys.readouterr().out
    code, document, _ = run("slip", need, "-o", tmp_path / "need.pdf")
    assert (code, document["document"], document["chunks"]) == (0, "bundler.slip-need/1", [2, 4])
    assert document["code"].encode() in (tmp_path / "need.pdf").read_bytes()
    assert run("slip", need, "-o", tmp_path / "need.pdf")[1]["completeAlready"] is True
    fulfil = ("fulfil", document["code"], "-o", tmp_path / "out", "--from", made.folder, "--trust", made.public)
    assert [chunk["file"] for chunk in run(*fulfil)[1]["chunks"]] == ["chunk-0002.tar", "chunk-0004.tar"]
    (tmp_path / "line.txt").write_text(document["code"])
    assert run("slip", tmp_path / "line.txt", "-o", tmp_path / "line.svg")[1]["name"] is None


def test_what_is_no_need_list_or_too_long_is_refused(run, made, tmp_path):
    (tmp_path / "long.txt").write_text(f"BUNDLER-NEED:1:{'A' * 64}:C" + "+".join(map(str, range(1, 3000, 2))))
    assert run("slip", tmp_path / "long.txt", "-o", tmp_path / "n.pdf")[0] == 6
    assert run("slip", made.folder / "bundle.json", "-o", tmp_path / "n.pdf")[0] == 4
    need = tmp_path / "need.txt"
    need.write_text(f"BUNDLER-NEED:1:{'A' * 64}:C1")
    assert run("slip", need, made.folder, "-o", tmp_path / "n.pdf")[0] == 2
    assert run("slip", need, "-o", tmp_path / "n.pdf", "--sender", "me")[0] == 2


def test_the_lines_say_how_to_print(made, tmp_path, capsys):
    out = tmp_path / "l.pdf"
    assert cli.run(["label", str(made.folder), "-o", str(out), "--trust", str(made.public), "--sheet", "l7160"]) == 0
    said = capsys.readouterr().out
    assert "1 label on L7160" in said
    assert "100 %" in said
    assert cli.run(["label", str(made.folder), "-o", str(out), "--trust", str(made.public), "-q"]) == 0
    assert capsys.readouterr().out.strip() == str(out)


def test_a_medium_or_a_form_that_is_not_there_has_a_next_step(made, tmp_path, capsys):
    given = ("label", str(made.folder), "--trust", str(made.public), "-o")
    for arguments, hint in (
        ((str(tmp_path / "l.txt"), "--medium", "3"), "give one of 1, or leave --medium out for all"),
        ((str(tmp_path / "x.doc"),), "give a name such as x.pdf"),
        ((str(tmp_path / "nowhere/l.txt"),), "make the folder first"),
    ):
        assert cli.run([*given, *arguments]) in (2, 8)
        assert hint in capsys.readouterr().err


def test_the_functions_are_public(made, tmp_path):
    facts = bundler.HandOverRequest(paths=(made.folder,), trust=(made.public,), sender="a", date="today")
    result = bundler.label(bundler.LabelRequest(hand_over=facts, output=tmp_path / "l.html", language="zh"))
    assert (result.labels, result.sheet, result.language) == (1, "A4", "zh")
    assert result.hand_over == bundler.hand_over(facts)
    shutil.rmtree(tmp_path)
    with pytest.raises(Misuse):
        bundler.slip(bundler.SlipRequest(hand_over=facts, output=tmp_path / "s.html"))
