"""Promise 3 with attachments: killed at any step, no tag of an image is there before its attachments are there and listed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.real.test_attachments import APP, ATTACHED, ENTRY, NAME, OF_SBOM, SBOM, SIGNED, listed
from tests.real.test_import_crashes import Counting
from tests.support import sweeps
from tests.support.attached_bundles import TRUSTED, write_bundle
from tests.support.attachments import dashed
from tests.support.parts import RealRegistry
from tests.support.steps import Steps


def check_whole(registry: RealRegistry, reported: str) -> None:
    """The image is there with all its attachments, and each of them is listed."""
    for image in (APP, SBOM, SIGNED, OF_SBOM):
        assert registry.get(f"team/app/manifests/{image.digest}") == image.content, reported
        for digest, content in image.blobs.items():
            assert registry.get(f"team/app/blobs/{digest}") == content, reported
    assert listed(registry, APP) == [ENTRY], reported
    assert [entry["digest"] for entry in listed(registry, SBOM)] == [OF_SBOM.digest], reported
    assert registry.get(f"team/app/manifests/{dashed(APP, '.sig')}") == SIGNED.content, reported


def test_an_import_that_is_killed_at_any_step_leaves_no_tag_without_its_attachments(target, tmp_path):
    bundle = write_bundle(tmp_path, {NAME: (APP, ATTACHED)})
    front = Counting(target)
    front.start()
    try:
        for number in sweeps.steps(every=1 if sweeps.IS_FULL else 2):
            shutil.rmtree(target.storage / "docker", ignore_errors=True)
            state = tmp_path / f"state-{number}"
            steps = Steps(
                ["import", bundle, "--trust", TRUSTED, "--to", front.host, "--json"], {"XDG_STATE_HOME": str(state)}
            )
            ended = steps.kill_at(number)
            front.wait_until_idle()
            if not ended.was_killed:
                break
            reported = f"killed at step {ended.steps}, {ended.last}"
            if "1" in target.tags.get("team/app", []):
                check_whole(target, reported)
            again = steps.run()
            assert again.code == 0, f"{reported}: {again.err}"
            check_whole(target, reported)
            *_, receipt = sorted(state.glob("bundler/receipts/*.json"))
            image = json.loads(Path(receipt).read_text())["targets"][0]["images"][0]
            assert {each["outcome"] for each in image["attached"]} <= {"pushed", "present"}, reported
    finally:
        front.stop()
    assert ended.code == 0, ended.err
    assert number > 30, "an import has more steps than that"
