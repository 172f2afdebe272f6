"""An export is a chain of values: each stage is freed when the next one is made, and requests are checked once."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import Run
from bundler.core.archive_kind import SEVEN_ZIP, TAR
from bundler.core.image_list import Entry
from bundler.core.manifest import BundleManifest
from bundler.core.reference import Reference
from bundler.errors import (
    Absent,
    AskedToWait,
    BundlerError,
    Damaged,
    LocalStorage,
    LoginNeeded,
    Misuse,
    NameRefused,
    Refused,
    Several,
    Unavailable,
    UnknownProject,
    UnknownRepository,
)
from bundler.exporting import export as journey
from bundler.exporting.failures import not_resolved
from bundler.exporting.listed import Listed
from bundler.exporting.missing_images import is_missing
from bundler.exporting.planned import Planned
from bundler.exporting.request import ExportRequest
from bundler.exporting.resolved import Resolved
from bundler.transports.parsing import parse_image
from tests.support.images import simple
from tests.support.tables import each_case


@pytest.fixture
def layout(tmp_path: Path) -> str:
    simple("a").write_layout(tmp_path / "layout", "example.com/a:1")
    return f"oci:{tmp_path}/layout"


def request(layout: str, output: Path, **more: object) -> ExportRequest:
    fields = {"created": "2026-01-01T00:00:00Z", "name": "test", "is_unsigned": True, **more}
    return ExportRequest(lists=(layout,), output=output, **fields)


def stages_in_memory() -> set[str]:
    kinds = (Listed, Resolved, Planned)
    return {type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds)}


def test_no_earlier_stage_is_in_memory_while_the_bundle_is_copied_and_sealed(layout, tmp_path, monkeypatch):
    seen = []
    for name in ("copy", "seal"):
        step = getattr(journey, name)
        monkeypatch.setattr(journey, name, lambda stage, step=step: (seen.append(stages_in_memory()), step(stage))[1])
    gc.collect()  # errors of earlier tests hold stages in their tracebacks
    assert not stages_in_memory()
    result = journey.export(request(layout, tmp_path))
    assert result.bundle_id
    assert seen == [{"Planned"}, set()]


def test_a_request_that_encrypts_is_for_7z_and_never_for_tars(layout, tmp_path):
    assert request(layout, tmp_path).archive_kind is TAR
    assert request(layout, tmp_path, is_encrypted=True).archive_kind is SEVEN_ZIP
    contradiction = request(layout, tmp_path, is_encrypted=True, archive=TAR, bundle_passphrase=lambda: "a passphrase")
    with pytest.raises(Misuse):
        journey.export(contradiction, Run())
    assert not (tmp_path / "test").exists()
    assert not (tmp_path / "test.partial").exists()


@pytest.mark.parametrize("given", [{}, {"bundle_passphrase": lambda: ""}, {"bundle_passphrase": lambda: "\udcff" * 20}])
def test_nothing_is_written_for_a_passphrase_that_cannot_encrypt(layout, tmp_path, given):
    with pytest.raises(Misuse, match="the passphrase is"):
        journey.export(request(layout, tmp_path, is_encrypted=True, **given))
    assert not (tmp_path / "test").exists()
    assert not (tmp_path / "test.partial").exists()


def test_a_value_that_is_none_of_the_possible_ones_exports_nothing(layout, tmp_path):
    for wrong in (request(layout, tmp_path, layer_compression="xz"), replace(request(layout, tmp_path), lists=())):
        with pytest.raises(Misuse):
            journey.export(wrong)
    assert not (tmp_path / "test").exists()


def test_a_dry_run_and_a_restart_contradict_each_other(layout, tmp_path):
    with pytest.raises(Misuse):
        journey.export(request(layout, tmp_path, is_dry_run=True, is_restarted=True))


@pytest.mark.parametrize("error", [Absent, LoginNeeded, UnknownProject, UnknownRepository])
def test_an_export_may_go_without_images_that_are_not_there_or_not_given_away(error: type[BundlerError]):
    assert is_missing(error("no"))


@pytest.mark.parametrize("error", [Refused, NameRefused, Damaged, Unavailable, LocalStorage])
def test_an_export_goes_without_no_image_for_another_reason(error: type[BundlerError]):
    assert not is_missing(error("no"))


def entry(name: str) -> Entry:
    return Entry(Reference.parse(name), parse_image(name))


def test_the_error_of_each_image_names_it_and_what_was_raised_stays_as_it_was():
    raised = [Absent("no"), Absent("no", subject="a layer"), Absent("no", subject="example.com/c:1 here")]
    names = [f"example.com/{letter}:1" for letter in "abc"]
    error = not_resolved(dict(zip(map(entry, names), raised, strict=True)), 2, is_kept=True)
    assert isinstance(error, Several)
    assert [each.subject for each in error.errors] == [names[0], f"{names[1]} (a layer)", "example.com/c:1 here"]
    assert [each.subject for each in raised] == [None, "a layer", "example.com/c:1 here"]
    assert "--skip-missing" in (error.hint or "")


@each_case("raised", [Absent("no"), AskedToWait("later", subject="example.com")])
@each_case("is_kept", [True, False])
def test_an_error_of_one_image_counts_no_images(raised: BundlerError, is_kept: bool):
    error = not_resolved({entry("example.com/a:1"): raised}, 0, is_kept=is_kept)
    assert "1" not in error.message


def test_a_pause_that_a_registry_asks_for_is_reported_once():
    pauses = [AskedToWait("later", subject="example.com", hint="wait") for _ in range(2)]
    error = not_resolved(
        dict(zip(map(entry, ("example.com/a:1", "example.com/b:1")), pauses, strict=True)), 1, is_kept=True
    )
    assert isinstance(error, Several)
    assert len(error.errors) == 1
    assert error.errors[0] in pauses
    assert error.hint == "wait"


def test_the_result_of_a_dry_run_has_the_plan_and_no_bundle(layout, tmp_path):
    result = journey.export(request(layout, tmp_path, is_dry_run=True))
    assert isinstance(result.manifest, BundleManifest)
    assert (result.bundle_id, result.is_old, result.moved, result.failed_list) == (None, False, (), None)
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]


def test_a_finished_bundle_is_taken_as_it_is_and_not_made_again(layout, tmp_path):
    first = journey.export(request(layout, tmp_path))
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "test").iterdir()}
    again = journey.export(request(layout, tmp_path))
    assert (again.is_old, again.bundle_id, again.manifest) == (True, first.bundle_id, first.manifest)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "test").iterdir()} == before
