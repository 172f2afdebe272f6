"""Promise 5 for bundles that leave blobs out: killed before any step, the same command ends as if nothing had happened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.support import months, sweeps
from tests.support.images import sha256
from tests.support.months import MONTHS
from tests.support.steps import Steps

EPOCH = {"SOURCE_DATE_EPOCH": "1767225600"}


@pytest.fixture
def bundles(here, keys, tmp_path) -> dict[str, Path]:
    """The bundle of the first month, and the one of the second that leaves out what the first has."""
    for name in ("month-1", "month-2"):
        months.write_layout(MONTHS[name], tmp_path / "layouts" / name)
    assert here(*export(tmp_path, keys, "month-1", "made")).code == 0
    assert here(*export(tmp_path, keys, "month-2", "made", since=tmp_path / "made/month-1")).code == 0
    return {name: tmp_path / "made" / name for name in ("month-1", "month-2")}


def export(tmp_path: Path, keys: tuple[Path, Path], name: str, into: str, since: Path | None = None) -> list[Any]:
    given = ["--since", since, "--trust", keys[1]] if since else []
    out = ["-o", tmp_path / into, "--name", name, "--key", keys[0], "--chunk-size", "1MiB", *given]
    return ["export", f"oci:{tmp_path}/layouts/{name}", *out]


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_export_that_is_killed_at_any_step_ends_in_the_same_bytes(bundles, keys, tmp_path):
    run = export(tmp_path, keys, "month-2", "out", since=bundles["month-1"])
    smooth = Steps(export(tmp_path, keys, "month-2", "smooth", since=bundles["month-1"]), EPOCH).run()
    assert smooth.code == 0, smooth.err
    wanted = content_of(tmp_path / "smooth/month-2")
    for number in sweeps.steps(every=2):
        steps = Steps(run, {**EPOCH, "XDG_STATE_HOME": str(tmp_path / "state")})
        ended = steps.kill_at(number)
        if not ended.was_killed:
            break
        again = steps.run()
        assert again.code == 0, f"killed at step {number}, {ended.last}: {again.err}"
        assert content_of(tmp_path / "out/month-2") == wanted, f"killed at step {number}, {ended.last}"
        shutil.rmtree(tmp_path / "out")
    assert number > 10, "an export has more steps than that"


def test_an_unfinished_export_is_not_resumed_with_other_statements(bundles, here, keys, tmp_path, monkeypatch):
    run = export(tmp_path, keys, "month-2", "out", since=bundles["month-1"])
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    monkeypatch.setenv("XDG_STATE_HOME", state["XDG_STATE_HOME"])
    most = Steps(run, state).count()
    shutil.rmtree(tmp_path / "out")
    killed = Steps(run, state).kill_at(most // 2)
    assert killed.was_killed
    assert list((tmp_path / "out").glob("*.journal"))
    refused: Ran = here(*export(tmp_path, keys, "month-2", "out"))
    assert (refused.code, "--since" in refused.err) == (2, True)
    assert here(*run).code == 0


def test_an_import_that_is_killed_at_any_step_is_finished_by_the_same_command(bundles, keys, new_registry, tmp_path):
    """One image is there, and the layers of the others come from both bundles."""
    wanted = months.digests(MONTHS["month-2"])
    paths = [bundles["month-2"], bundles["month-1"], "--trust", keys[1]]
    registry = new_registry()
    months.image(MONTHS["month-1"]["b"]).push(registry, "team/b", "1")
    shutil.copytree(registry.storage, tmp_path / "template")
    run = ["import", *paths, "--to", registry.host, "--on-conflict", "replace"]
    for number in sweeps.steps(every=2):
        shutil.rmtree(registry.storage)
        shutil.copytree(tmp_path / "template", registry.storage)
        steps = Steps(run, {"XDG_STATE_HOME": str(tmp_path / "state")})
        ended = steps.kill_at(number)
        for repository in registry.tags:
            for tag in registry.tags[repository]:
                found = registry.get(f"{repository}/manifests/{tag}")
                assert found is None or sha256(found) == wanted[repository], f"killed at step {number}, {ended.last}"
        if not ended.was_killed:
            break
        again = steps.run()
        assert again.code == 0, f"killed at step {number}, {ended.last}: {again.err}"
        assert {name: sha256(registry.get(f"{name}/manifests/1") or b"") for name in wanted} == wanted
    assert number > 10, "an import has more steps than that"


@pytest.mark.parametrize("options", [["--read-back"], ["--format", "7z", "--read-back"]], ids=["tar", "7z"])
def test_a_bundle_with_bases_is_read_back_signed_again_and_spread_over_media(
    bundles, here, keys, target, tmp_path, options
):
    run = [*export(tmp_path, keys, "month-2", "more", since=bundles["month-1"]), *options, "--json"]
    made = here(*run)
    assert (made.code, made.json["readBack"]) == (0, True)
    bundle = tmp_path / "more/month-2"
    assert here("keygen", "officer", "-d", tmp_path).code == 0
    assert here("sign", bundle, "--key", tmp_path / "officer.key", "--trust", keys[1]).code == 0
    assert len(list(bundle.glob("*.sig"))) == 2
    media = [tmp_path / "disc1/month-2", tmp_path / "disc2/month-2", tmp_path / "disc3/month-1"]
    shutil.copytree(bundle, media[0])
    shutil.copytree(bundle, media[1])
    for chunk in media[0].glob("chunk-*"):
        (chunk if chunk.name.startswith("chunk-0001") else media[1] / chunk.name).unlink()
    shutil.copytree(bundles["month-1"], media[2])
    trust = ["--trust", keys[1], "--to", target.host]
    both = ["--trust", tmp_path / "officer.pub", "--require-signatures", "2"]
    refused = here("import", *media, *trust, *both)
    assert refused.code == 5, "the base has one signature"
    assert here("sign", media[2], "--key", tmp_path / "officer.key", "--trust", keys[1]).code == 0
    done = here("import", *reversed(media), *trust, *both)
    assert done.code == 0, done.err
    assert {name: sha256(target.get(f"{name}/manifests/1") or b"") for name in target.tags} == months.digests(
        MONTHS["month-2"]
    )
