"""Bad input: each refusal has its exit code, says what and where, and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.images import every_kind, simple
from tests.support.parts import shell

KINDS = every_kind()


@pytest.fixture
def bundle(exported) -> Path:
    return exported("library/oci:1", "team/other/shares:1", "library/docker:1")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["keygen", "Not A Name"], "is not a bundle name"),
        (["export", "nothing.txt", "-o", "out", "--key", "k"], "there is no such key"),
        (["export", "nothing.txt", "-o", "out"], "--key is missing"),
        (["export", "nothing.txt", "-o", "out", "--unsigned"], "the image list cannot be read"),
        (["export", "docker://a/b", "docker://a/c", "-o", "out", "--unsigned"], "the bundle has no name"),
        (["export", "x", "-o", "out", "--unsigned", "--chunk-size", "2 potatoes"], "not a chunk size"),
        (["export", "x", "-o", "out", "--unsigned", "--chunk-size", "1000"], "chunk size is too small"),
        (["export", "x", "-o", "out", "--unsigned", "--platform", "amd64"], "not a platform"),
        (["export", "x", "-o", "out", "--unsigned", "--nonsense"], "bundler export has no flag --nonsense"),
        (["export", "dir:/x", "-o", "out", "--unsigned", "--name", "x"], "the transport dir: is not supported"),
        (["inspect", "nowhere"], "there is no such folder\n  -> mount the medium, or give another folder"),
        (["verify", ".", "--trust", "no.pub"], "no bundle here"),
        (["import", ".", "--to", "UPPER/x y"], "not a destination"),
        (["import", ".", "--to", "dir:/x"], "is not supported"),
        (["import", ".", "--to", "h/x", "--plain-http", "http://x"], "not a registry"),
        (["import", "."], "bundler import needs --to"),
        (["frobnicate"], "bundler has no command frobnicate"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_a_wrong_request_is_exit_2_and_says_what_was_expected(bundler, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    done = bundler(*arguments)
    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert not list(tmp_path.iterdir())


def test_a_wrong_request_with_json_is_a_document_too(bundler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = bundler("export", "nothing.txt", "-o", "out", "--unsigned", "--json")
    assert (done.code, done.json["exitCode"], done.json["document"]) == (2, 2, "bundler.export/1")
    assert done.json["error"]["subject"] == "nothing.txt"


def test_all_images_that_cannot_be_resolved_are_named_at_once(bundler, origin, keys, tmp_path):
    listed = tmp_path / "list.yaml"
    wrong = KINDS["library/oci:1"].digest
    listed.write_text(
        "name: test\nimages:\n"
        f"- {origin.host}/library/oci:9\n- {origin.host}/no/where:1\n- {origin.host}/library/oci:1\n"
        f"- {{image: '{origin.host}/library/docker:1', digest: '{wrong}'}}\n"
    )
    done = bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--json")
    assert done.code == 6
    assert len(done.json["error"]["errors"]) == 3
    for expected in ("library/oci:9", "no/where:1", "does not point to the pinned digest", wrong, f"{listed}:6"):
        assert expected in done.err
    assert not list(tmp_path.glob("test*"))


def test_a_pin_that_holds_is_no_obstacle(bundler, origin, keys, tmp_path):
    listed = tmp_path / "list.yaml"
    pin = KINDS["library/oci:1"].digest
    listed.write_text(f"name: test\nimages:\n- image: {origin.host}/library/oci:1\n  digest: {pin}\n")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0


def test_a_registry_that_is_down_is_exit_7(bundler, keys, tmp_path):
    done = bundler("export", "docker://127.0.0.1:9/a/b:1", "--name", "x", "-o", tmp_path, "--key", keys[0])
    assert done.code == 7
    assert "no connection" in done.err


def test_a_registry_elsewhere_is_never_spoken_to_without_tls(bundler, keys, tmp_path):
    done = bundler(
        "export", "docker://bundler.invalid/a/b:1", "--name", "x", "-o", tmp_path, "--key", keys[0], "--quiet"
    )
    assert done.code == 7
    assert "cannot be resolved" in done.err


def test_too_little_space_is_reported_before_the_first_byte(bundler, new_registry, keys, image_list, tmp_path):
    if os.geteuid():
        pytest.skip("mounting needs root")
    registry = new_registry()
    simple("large", 5_000_000).push(registry, "a/large", "1")
    small = tmp_path / "small"
    small.mkdir()
    shell(f"mount -t tmpfs -o size=2m none {small}", cwd=tmp_path)
    try:
        done = bundler("export", image_list(registry, "a/large:1"), "-o", small, "--key", keys[0])
        assert done.code == 8
        assert "not enough free space" in done.err
        assert not list(small.glob("*/chunk*"))
        assert (
            bundler("export", image_list(registry, "a/large:1"), "-o", small, "--key", keys[0], "--dry-run").code == 8
        )
    finally:
        shell(f"umount {small}", cwd=tmp_path)


def test_a_finished_bundle_is_not_overwritten(bundler, bundle, origin, keys, image_list, tmp_path):
    before = (bundle / "SHA256SUMS").read_bytes()
    done = bundler("export", image_list(origin, "team/plain:1"), "-o", tmp_path, "--key", keys[0])
    assert done.code == 2
    assert "already exists with other content" in done.err
    assert (bundle / "SHA256SUMS").read_bytes() == before


def test_a_dry_run_of_export_tells_the_plan_and_writes_nothing(bundler, origin, keys, image_list, tmp_path):
    listed = image_list(origin, *KINDS)
    done = bundler("export", listed, "-o", tmp_path / "out", "--key", keys[0], "--dry-run", "--json")
    assert done.code == 0
    assert done.json["dryRun"] is True
    assert done.json["size"] > 100_000
    assert not (tmp_path / "out").exists()


def test_an_unsigned_bundle_says_so_everywhere_and_is_refused(bundler, origin, target, keys, image_list, tmp_path):
    listed = image_list(origin, "library/oci:1")
    assert "UNSIGNED" in bundler("export", listed, "-o", tmp_path, "--unsigned").out
    bundle = tmp_path / "test"
    assert json.loads((bundle / "bundle.json").read_text())["signed"] is False
    assert "NOT SIGNED" in (bundle / "README.txt").read_text()
    looked = bundler("inspect", bundle)
    assert (looked.code, "UNVERIFIED" in looked.out, "UNSIGNED" in looked.out) == (5, True, True)
    assert bundler("verify", bundle, "--trust", keys[1]).code == 5
    assert bundler("import", bundle, "--trust", keys[1], "--to", target.host).code == 5
    assert target.blobs == set()
    done = bundler("import", bundle, "--insecure-no-signature", "--to", target.host)
    assert (done.code, "UNSIGNED" in done.out) == (0, True)


def test_without_trust_nothing_is_verified_or_imported_but_shown_as_unverified(bundler, bundle, target):
    assert bundler("verify", bundle).code == 5
    assert bundler("import", bundle, "--to", target.host).code == 5
    looked = bundler("inspect", bundle)
    assert (looked.code, "UNVERIFIED" in looked.out) == (0, True)
    assert looked.out.count("library/oci:1") == 1


def test_an_unknown_signer_is_exit_5_and_both_key_ids_are_shown(bundler, bundle, target, tmp_path):
    stranger = bundler("keygen", "stranger", "-d", tmp_path, "--json").json
    done = bundler("import", bundle, "--trust", stranger["publicKey"], "--to", target.host)
    assert done.code == 5
    assert stranger["keyId"] in done.err
    assert next(bundle.glob("*.sig")).name.split(".")[1] in done.err
    assert bundler("inspect", bundle, "--trust", stranger["publicKey"]).code == 5
    assert target.blobs == set()


def test_keys_in_the_trust_folder_are_trusted_by_default(bundler, bundle, keys):
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "bundler/trust"
    folder.mkdir(parents=True)
    shutil.copy(keys[1], folder)
    assert bundler("verify", bundle).code == 0
    (folder / "junk.pub").write_text("not a key")
    assert bundler("verify", bundle).code == 5, "an unusable trust folder fails closed"


def test_an_export_that_was_not_finished_is_incomplete(bundler, bundle, keys):
    partial = bundle.rename(bundle.with_name("test.partial"))
    for path in (partial, partial.parent):
        (partial / "SHA256SUMS").unlink(missing_ok=True)
        done = bundler("verify", path, "--trust", keys[1])
        assert (done.code, "not finished" in done.err) == (9, True)


def test_a_private_key_with_a_passphrase_signs_and_a_wrong_one_does_not(bundler, origin, image_list, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\nsecond line\n")
    assert bundler("keygen", "locked", "-d", tmp_path, "--passphrase-file", secret).code == 0
    assert oct((tmp_path / "locked.key").stat().st_mode & 0o777) == "0o600"
    export = ["export", image_list(origin, "library/oci:1"), "-o", tmp_path, "--key", tmp_path / "locked.key"]
    assert bundler(*export).code == 2
    assert bundler(*export, "--passphrase-file", "-", stdin="wrong\n").code == 2
    assert bundler(*export, "--passphrase-file", "-", stdin="correct horse\n").code == 0
    assert bundler("verify", tmp_path / "test", "--trust", tmp_path / "locked.pub").code == 0


def test_a_key_is_never_overwritten(bundler, keys):
    before = keys[0].read_bytes()
    assert bundler("keygen", "tester", "-d", keys[0].parent).code == 2
    assert keys[0].read_bytes() == before


def test_a_tag_that_is_taken_is_reported_before_the_first_byte(bundler, bundle, target, keys):
    other = simple("other")
    other.push(target, "library/oci", "1")
    before = target.blobs
    run = ["import", bundle, "--trust", keys[1], "--to", target.host]
    done = bundler(*run)
    assert done.code == 6
    assert other.digest in done.err
    assert target.blobs == before
    skipped = bundler(*run, "--on-conflict", "skip", "--json")
    assert [each["outcome"] for each in skipped.json["targets"][0]["images"]] == ["skipped", "pushed", "pushed"]
    assert target.get("library/oci/manifests/1") == other.content
    replaced = bundler(*run, "--on-conflict", "replace", "--json")
    assert [each["replaced"] for each in replaced.json["targets"][0]["images"]] == [other.digest, None, None]
    assert target.get("library/oci/manifests/1") == KINDS["library/oci:1"].content


def test_a_dry_run_of_import_tells_the_plan_and_sends_nothing(bundler, bundle, target, keys):
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host, "--dry-run", "--json")
    assert (done.code, done.json["dryRun"]) == (0, True)
    assert done.json["targets"][0]["bytesSent"] > 50_000
    assert {each["outcome"] for each in done.json["targets"][0]["images"]} == {"would push"}
    assert (target.blobs, target.tags) == (set(), {})


def test_names_that_would_collide_are_refused_before_a_byte_moves(
    bundler, origin, new_registry, target, keys, tmp_path
):
    second = new_registry()
    KINDS["team/plain:1"].push(second, "library/oci", "1")
    listed = tmp_path / "list.txt"
    listed.write_text(f"{origin.host}/library/oci:1\n{second.host}/library/oci:1\n")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    run = ["import", tmp_path / "list", "--trust", keys[1], "--to", target.host]
    done = bundler(*run)
    assert (done.code, target.blobs) == (2, set())
    assert "--map scoped" in done.err
    assert bundler(*run, "--map", "scoped").code == 0


def test_missing_chunks_are_exit_9_and_images_that_are_whole_arrive(
    bundler, origin, target, keys, image_list, tmp_path, new_registry
):
    registry = new_registry()
    images = {f"a/image{number}": simple(f"image{number}", 700_000) for number in range(4)}
    for name, image in images.items():
        image.push(registry, name, "1")
    listed = image_list(registry, *(f"{name}:1" for name in images))
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--chunk-size", "1MiB").code == 0
    bundle, away = tmp_path / "test", tmp_path / "away"
    away.mkdir()
    (bundle / "chunk-0003.tar").rename(away / "chunk-0003.tar")
    checked = bundler("verify", bundle, "--trust", keys[1], "--json")
    assert checked.code == 9
    assert [(f["file"], f["images"]) for f in checked.json["findings"]] == [
        ("chunk-0003.tar", [f"{registry.host}/a/image2:1"])
    ]
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host)
    assert done.code == 9
    assert "copy chunk-0003.tar" in done.out
    assert set(target.tags) == {"a/image0", "a/image1", "a/image3"}
    assert bundler("verify", away, bundle, "--trust", keys[1]).code == 0
    again = bundler("import", away, bundle, "--trust", keys[1], "--to", target.host, "--json")
    assert again.code == 0
    assert [each["outcome"] for each in again.json["targets"][0]["images"]] == [
        "present",
        "present",
        "pushed",
        "present",
    ]
    assert len(target.tags) == 4


def test_parts_of_two_bundles_are_not_mixed(bundler, bundle, origin, keys, image_list, tmp_path):
    listed = image_list(origin, "team/plain:1", name="other")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    assert bundler("verify", bundle, tmp_path / "other", "--trust", keys[1]).code == 2


def test_a_closed_pipe_is_no_bug(bundler, bundle, keys):
    script = f"python -m bundler inspect {bundle} --trust {keys[1]} | head -n 1"
    environment = {**os.environ, "PATH": f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert "Traceback" not in done.stderr


def test_a_chunk_that_was_cut_is_reported_once_with_the_images_that_it_keeps_back(bundler, bundle, target, keys):
    with open(bundle / "chunk-0001.tar", "r+b") as chunk:
        chunk.truncate((bundle / "chunk-0001.tar").stat().st_size - 5)
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host)
    assert (done.code, done.out.count("the chunk is truncated")) == (4, 1)
    assert "NOT complete: 3 failed" in done.out
    assert target.blobs == set()


def test_B6_one_image_needs_no_name_for_its_bundle_and_its_user_sees_it(bundler, origin, keys, tmp_path):
    done = bundler("export", f"docker://{origin.host}/team/plain:1", "-o", tmp_path / "out", "--key", keys[0])
    assert done.code == 0, done.err
    assert "name of the bundle is plain-1" in done.err
    assert bundler("verify", tmp_path / "out/plain-1", "--trust", keys[1]).code == 0


@pytest.mark.parametrize("name", ["x.partial", "chunk-0001.tar", "sha256sums", "nul"])
def test_B6_a_name_that_could_not_be_opened_is_refused_at_export(bundler, origin, keys, image_list, tmp_path, name):
    for arguments in (
        ["export", f"docker://{origin.host}/team/plain:1", "--name", name],
        ["export", image_list(origin, "team/plain:1", name=name)],
    ):
        done = bundler(*arguments, "-o", tmp_path / "out", "--key", keys[0])
        assert done.code == 2, done.err
        assert repr(name) in done.err
    assert not (tmp_path / "out").exists()
