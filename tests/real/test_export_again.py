"""The same export again, and exports that go without images which are not there."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.images import simple
from tests.support.steps import Steps

ONE, TWO, NEW = simple("one", 1_300_000), simple("two", 5000), simple("new", 4000)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    from tests.support.parts import RealRegistry

    registry = RealRegistry(tmp_path_factory.mktemp("origin")).start()
    ONE.push(registry, "a/one", "1")
    TWO.push(registry, "b/two", "1")
    yield registry
    registry.stop()


@pytest.fixture
def export(bundler, image_list, keys, tmp_path):
    def run(registry, names, *more, **how):
        listed = image_list(registry, *names)
        flags = ["-o", tmp_path / "out", "--key", keys[0], "--chunk-size", "1MiB", "--json"]
        return bundler("export", listed, *flags, *more, **how)

    return run


BOTH = ("a/one:1", "b/two:1")


@pytest.mark.parametrize("kind", ["tar", "7z", "encrypted"])
def test_D1_the_same_export_again_is_complete_already(export, origin, tmp_path, kind):
    (tmp_path / "secret").write_text("correct horse battery\n")
    more = {"tar": [], "7z": ["--format", "7z"], "encrypted": ["--encrypt", "--passphrase-file", tmp_path / "secret"]}
    first = export(origin, BOTH, *more[kind])
    assert first.code == 0, first.err
    assert first.json["completeAlready"] is False
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    again = export(origin, BOTH, *more[kind])
    assert again.code == 0, again.err
    assert again.json["completeAlready"] is True
    assert again.json["bundleId"] == first.json["bundleId"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_D1_complete_already_is_said(bundler, image_list, origin, keys, tmp_path):
    command = ["export", image_list(origin, *BOTH), "-o", tmp_path / "out", "--key", keys[0]]
    assert bundler(*command).code == 0
    assert "already complete" in bundler(*command).out
    assert bundler(*command, "--dry-run").code == 0


@pytest.mark.parametrize(
    ("names", "more", "reported"),
    [
        (("a/one:1",), [], "no longer in the list: {host}/b/two:1"),
        ((*BOTH, "b/two:2"), [], "not in it: {host}/b/two:2"),
        (BOTH, ["--chunk-size", "2MiB"], "--chunk-size: 1048576 there, 2097152 now"),
        (BOTH, ["--format", "7z"], "--format: tar there, 7z now"),
        (BOTH, ["--platform", "linux/amd64"], None),
        (tuple(reversed(BOTH)), [], "another order"),
    ],
    ids=["gone", "new", "chunk size", "format", "a platform that is all there is", "order"],
)
def test_D1_other_content_is_exit_2_with_what_differs(export, origin, names, more, reported):
    TWO.push(origin, "b/two", "2")
    assert export(origin, BOTH).code == 0
    done = export(origin, names, *more)
    if reported is None:
        assert done.code == 0, done.err
    else:
        assert done.code == 2
        assert reported.format(host=origin.host) in done.err


def test_D1_a_tag_that_moved_and_another_key_are_reported(export, bundler, new_registry, tmp_path):
    registry = new_registry()
    TWO.push(registry, "b/two", "1")
    assert export(registry, ["b/two:1"]).code == 0
    bundler("keygen", "second", "-d", tmp_path / "keys")
    other = export(registry, ["b/two:1"], "--key", tmp_path / "keys/second.key")
    assert other.code == 2
    assert "--key: signed by " in other.err
    NEW.push(registry, "b/two", "1")
    moved = export(registry, ["b/two:1"])
    assert moved.code == 2
    assert f"moved: {registry.host}/b/two:1: {TWO.digest} there, {NEW.digest} now" in moved.err


@pytest.mark.parametrize("file", ["chunk-0001.tar", "README.txt", "bundle.json"])
def test_D1_of_a_finished_bundle_that_lost_a_file_the_builder_is_advised_to_make_it_again(
    export, origin, tmp_path, file
):
    assert export(origin, BOTH).code == 0
    (tmp_path / "out/test" / file).unlink()
    done = export(origin, BOTH)
    assert (done.code, "remove it, and run the same command again" in done.err) == (9, True), done.err


@pytest.mark.parametrize(
    ("file", "code"),
    [("chunk-0001.tar", 9), ("README.txt", 4), ("bundle.json", 4)],
    ids=["chunk", "readme", "manifest"],
)
def test_D1_a_bundle_that_is_not_whole_is_not_complete_already(export, origin, tmp_path, file, code):
    assert export(origin, BOTH).code == 0
    path = tmp_path / "out/test" / file
    if code == 9:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    assert export(origin, BOTH).code == code


def test_D1_what_is_not_a_bundle_is_not_taken_for_one(export, origin, tmp_path):
    (tmp_path / "out/test").mkdir(parents=True)
    (tmp_path / "out/test/thesis").write_text("mine")
    done = export(origin, BOTH)
    assert done.code == 2
    assert "already exists" in done.err


DEAD = ("a/one:1", "a/one:gone", "b/two:1", "c/none:1")


def test_D1_all_dead_tags_are_named_at_once_and_how_to_go_without(export, origin):
    done = export(origin, DEAD)
    assert done.code == 6
    assert all(f"{origin.host}/{name}" in done.err for name in (DEAD[1], DEAD[3]))
    assert "--skip-missing" in done.err


def test_D1_with_skip_missing_the_bundle_and_every_report_say_what_it_lacks(bundler, export, origin, keys, tmp_path):
    done = export(origin, DEAD, "--skip-missing")
    assert done.code == 3, done.err
    dead = [f"{origin.host}/{DEAD[1]}", f"{origin.host}/{DEAD[3]}"]
    assert [image["reference"] for image in done.json["missing"]] == dead
    assert len(done.json["images"]) == 2
    folder, trust = tmp_path / "out/test", ["--trust", keys[1]]
    assert [image["reference"] for image in json.loads((folder / "bundle.json").read_text())["missing"]] == dead
    assert "MISSING: 2 images" in (folder / "README.txt").read_text()
    reading = (["inspect", folder], ["verify", folder], ["import", folder, "--to", f"oci:{tmp_path}/there"])
    for command in reading:
        said = bundler(*command, *trust)
        assert said.code == 0, said.err
        assert "LACKS      2 images" in said.out, command
        assert dead[0] in said.out
        shutil.rmtree(tmp_path / "there", ignore_errors=True)
        said = bundler(*command, *trust, "--json")
        assert [image["reference"] for image in said.json["missing"]] == dead, command
    again = export(origin, DEAD, "--skip-missing")
    assert again.code == 3
    assert again.json["completeAlready"] is True
    assert again.json["failedList"] == done.json["failedList"]


def test_D1_the_list_of_what_was_missing_is_a_list_for_a_later_export(bundler, export, new_registry, keys, tmp_path):
    registry = new_registry()
    TWO.push(registry, "b/two", "1")
    done = export(registry, ["b/two:1", "b/two:late"], "--skip-missing", "--platform", "linux/amd64")
    assert done.code == 3, done.err
    NEW.push(registry, "b/two", "late")
    flags = ["--name", "rest", "-o", tmp_path / "out", "--key", keys[0], "--json"]
    later = bundler("export", done.json["failedList"], *flags)
    assert later.code == 0, later.err
    assert [image["digest"] for image in later.json["images"]] == [NEW.digest]


def test_D1_a_source_that_does_not_answer_is_not_missing(export, origin, image_list, bundler, keys, tmp_path):
    listed = tmp_path / "list.yaml"
    listed.write_text(f"name: test\nimages:\n- {origin.host}/a/one:1\n- 127.0.0.1:1/a/b:1\n")
    done = bundler("export", listed, "-o", tmp_path / "out", "--key", keys[0], "--skip-missing")
    assert done.code == 7, done.err
    assert not (tmp_path / "out/test").exists()


def test_D1_a_pin_that_does_not_fit_is_not_missing_and_nothing_alone_is_no_bundle(bundler, origin, keys, tmp_path):
    listed = tmp_path / "list.yaml"
    one = f"- {origin.host}/a/one:1\n"
    pinned = f"- image: {origin.host}/b/two:1\n  digest: {ONE.digest}\n"
    for images in (one + pinned, f"- {origin.host}/c/none:1\n"):
        listed.write_text(f"name: test\nimages:\n{images}")
        done = bundler("export", listed, "-o", tmp_path / "out", "--key", keys[0], "--skip-missing")
        assert done.code == 6, done.err


def test_D1_what_was_gone_without_stays_so_when_the_export_goes_on(export, image_list, new_registry, keys, tmp_path):
    registry = new_registry()
    ONE.push(registry, "a/one", "1")
    listed = image_list(registry, "a/one:1", "b/two:1")
    command = ["export", listed, "-o", tmp_path / "out", "--key", keys[0], "--chunk-size", "1MiB"]
    for number in range(26, 80, 6):
        assert Steps([*command, "--skip-missing"]).kill_at(number).was_killed
        if (tmp_path / "out/test.partial/chunk-0001.tar").exists():
            break
        shutil.rmtree(tmp_path / "out")
    TWO.push(registry, "b/two", "1")
    refused = export(registry, BOTH)
    assert refused.code == 2
    assert "--skip-missing" in refused.err
    done = export(registry, BOTH, "--skip-missing")
    assert done.code == 3, done.err
    assert [image["reference"] for image in done.json["missing"]] == [f"{registry.host}/b/two:1"]
