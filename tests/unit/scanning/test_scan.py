"""A scan looks at each object once, and its record says no more than was seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.scan import (
    CLEAN,
    Finding,
    Scanner,
    Severity,
    State,
    Subject,
    Unit,
    Verdict,
    Waiver,
    failed,
    found,
    not_scanned,
)
from bundler.errors import BundlerError, Damaged, Incomplete, Interrupted, LocalStorage, Misuse, Unavailable, Untrusted
from bundler.keys.scan_records import read_scan_record
from bundler.keys.signed_files import check_writable
from bundler.run import Run
from bundler.scanning.engines import engines_of
from bundler.scanning.request import ScanRequest, ScanResult
from bundler.system.places import cache_folder, state_folder
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.support.toy_scanner import HOLE, VIRUS, Toy, toy
from tests.unit.scanning.conftest import BASE, CHART, CLEAN_IMAGE, EVIL, EVIL_IMAGE, Scanning

EVIL_DIGEST = Digest.of(EVIL)


def verdicts(result: ScanResult, number: int = 0) -> dict[Digest, Verdict]:
    return dict(result.record.scans[number].verdicts)


def blobs_of(bundle: Path) -> set[Digest]:
    return {Digest.parse(blob["digest"]) for blob in json.loads((bundle / "bundle.json").read_bytes())["blobs"]}


def test_each_blob_is_scanned_once_and_the_record_says_so(made: Path, scanned: Scanning) -> None:
    engine = toy()
    result = scanned("mixed", engine)
    assert sorted(engine.seen) == sorted(blobs_of(made / "mixed"))
    found_ = verdicts(result)
    assert found_.pop(EVIL_DIGEST) == found([VIRUS])
    assert set(found_.values()) == {CLEAN}
    assert (result.exit_code, engine.is_open) == (5, False)
    assert list(result.refused["toy"]) == [EVIL_DIGEST]
    assert result.names(EVIL_DIGEST) == (EVIL_IMAGE,)
    signed = read_scan_record(result.path, [made / "officer.pub"])
    assert (signed.record, signed.id) == (result.record, result.id)
    with raises(Untrusted, code="scan-unsigned"):
        read_scan_record(result.path, [made / "builder.pub"])


def test_a_scanner_of_images_gets_each_image_with_its_config_and_layers(scanned: Scanning) -> None:
    engine = toy("trivial", Unit.IMAGE)
    result = scanned("mixed", engine)
    by_name = {subject.name: subject for subject in engine.subjects.values()}
    assert by_name.keys() == {CLEAN_IMAGE, EVIL_IMAGE}
    evil = by_name[EVIL_IMAGE]
    assert [each.digest for each in evil.needs[1:]] == [Digest.of(BASE), EVIL_DIGEST]
    assert evil.platform == "linux/amd64"
    assert verdicts(result)[evil.descriptor.digest] == found([HOLE])


def test_an_artifact_that_is_no_image_is_not_scanned_and_a_waiver_may_accept_that(scanned: Scanning) -> None:
    engine = toy("trivial", Unit.IMAGE)
    result = scanned("chart", engine)
    assert [subject.name for subject in engine.subjects.values()] == [CLEAN_IMAGE]
    states = [each.state for each in verdicts(result).values()]
    assert sorted(states) == [State.CLEAN, State.NOT_SCANNED]
    assert result.exit_code == 5
    waiver = Waiver("not-scanned", "a chart has no packages", "2026-12-31", "alice", CHART)
    assert scanned("chart", engine, waivers=(waiver,), output="waived.json").exit_code == 0


def test_several_scanners_are_one_record_in_the_order_of_their_names(scanned: Scanning) -> None:
    result = scanned("clean", toy("zeta"), toy("alpha", Unit.IMAGE))
    assert [scan.scanner.name for scan in result.record.scans] == ["alpha", "zeta"]
    with raises(Misuse):
        scanned("clean", toy(), toy(), output="two.json")


def test_the_next_scan_looks_only_at_what_is_new(made: Path, scanned: Scanning) -> None:
    scanned("clean")
    engine = toy()
    result = scanned("mixed", engine)
    new = blobs_of(made / "mixed") - blobs_of(made / "clean")
    assert set(engine.seen) == new
    assert verdicts(result).keys() == blobs_of(made / "mixed")
    assert result.kept == len(blobs_of(made / "mixed") & blobs_of(made / "clean"))
    again = toy()
    assert verdicts(scanned("mixed", again, output="again.json")) == verdicts(result)
    assert again.seen == [], "the one with the finding is kept too"


CHANGES: dict[str, Callable[[Scanner], Scanner]] = {
    "another database": lambda each: replace(each, database="db-2"),
    "another version": lambda each: replace(each, version="2.0"),
    "another name": lambda each: replace(each, name="other"),
    "a database without a version": lambda each: replace(each, database=""),
}


@each_case("change", CHANGES.values(), ids=CHANGES)
def test_another_scanner_or_database_looks_at_everything_again(
    made: Path, scanned: Scanning, change: Callable[[Scanner], Scanner]
) -> None:
    scanned("clean", output=f"{change(toy().scanner)}.1".replace("/", ""))
    engine = Toy(change(toy().scanner))
    scanned("clean", engine, output=f"{change(toy().scanner)}.2".replace("/", ""))
    assert set(engine.seen) == blobs_of(made / "clean")


def test_all_is_scanned_again_on_request_and_where_nothing_is_kept(made: Path, scanned: Scanning) -> None:
    scanned("clean", is_kept=False)
    for more in ({}, {"is_kept": False}):
        engine = toy()
        scanned("clean", engine, output=f"{more}.json", **more)
        assert set(engine.seen) == blobs_of(made / "clean")


def _kept_files() -> list[Path]:
    cache = cache_folder()
    assert cache is not None
    return list((cache / "scans").iterdir())


def test_verdicts_that_another_user_may_have_written_are_not_believed(made: Path, scanned: Scanning) -> None:
    """The cache of a user who can be written to, or whose lines were changed, is as if it were not there."""
    scanned("mixed")
    (file,) = _kept_files()
    state = state_folder()
    assert state is not None
    content = file.read_bytes()

    def scanned_again(name: str) -> set[Digest]:
        engine = toy()
        result = scanned("mixed", engine, output=name)
        assert verdicts(result)[EVIL_DIGEST] == found([VIRUS])
        file.write_bytes(content)
        file.chmod(0o600)
        return set(engine.seen)

    file.write_bytes(content.replace(b'"found"', b'"clean"'))
    assert scanned_again("1") == {EVIL_DIGEST}
    file.chmod(0o666)
    assert scanned_again("2") == blobs_of(made / "mixed")
    (state / "scans.key").chmod(0o644)
    assert scanned_again("3") == blobs_of(made / "mixed")


def _forget() -> None:
    with suppress(FileNotFoundError):
        for kept in _kept_files():
            kept.unlink()


@each_case("error", [Interrupted(), Unavailable("the service is gone"), LocalStorage("no space left")], ids=repr)
def test_a_scan_that_stopped_writes_no_record_and_continues_where_it_was(
    made: Path, scanned: Scanning, error: BundlerError
) -> None:
    _forget()
    run, left = Run(), [2]

    def stop(subject: Subject) -> None:
        left[0] -= 1
        if left[0] < 0 and isinstance(error, Interrupted):
            run.cancellation.set()
            subject.check()
        if left[0] < 0:
            raise error

    first = toy(does=stop, at_a_time=1)
    with pytest.raises(type(error)):
        scanned("clean", first, output="stopped.json", run=run)
    assert not first.is_open
    assert not (made / "stopped.json").exists()
    assert len(first.seen) == 3, "the others are left"
    second = toy()
    result = scanned("clean", second, output="stopped.json")
    assert set(second.seen) == blobs_of(made / "clean") - set(first.seen[:2])
    assert result.exit_code == 0
    result.path.unlink()


def test_a_failure_at_one_object_is_a_verdict_and_the_scan_continues(made: Path, scanned: Scanning) -> None:
    layer = Digest.of(BASE)
    engine = toy(does=lambda subject: failed("crash") if subject.descriptor.digest == layer else None)
    result = scanned("clean", engine)
    assert len(engine.seen) == len(blobs_of(made / "clean"))
    assert verdicts(result)[layer] == failed("crash")
    assert result.exit_code == Unavailable.exit_code
    again = toy()
    assert scanned("clean", again, output="again.json").exit_code == 0
    assert again.seen == [layer], "errors are not kept"


def test_a_scanner_that_does_not_read_an_object_has_not_scanned_it(scanned: Scanning) -> None:
    result = scanned("clean", toy(is_lazy=True))
    assert {each.state for each in verdicts(result).values()} == {State.ERROR}


def _break(made: Path, content: bytes) -> None:
    """Changes a byte of a layer in its chunk."""
    for chunk in (made / "clean").glob("chunk-*"):
        raw = chunk.read_bytes()
        if content in raw:
            at = raw.index(content) + len(content) // 2
            chunk.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def _swallowed(subject: Subject) -> Verdict:
    try:
        for _ in subject.blobs.open(subject.descriptor):
            pass
    except BundlerError:
        pass
    return CLEAN


@each_case("does", [lambda _: None, _swallowed])
def test_a_damaged_object_ends_the_scan_without_a_record_whatever_the_scanner_says(
    made: Path, scanned: Scanning, does: Callable[[Subject], Verdict | None]
) -> None:
    if not (made / "broken").exists():
        _break(made, BASE)
        (made / "broken").touch()
    with raises(Damaged, subject=str(Digest.of(BASE))):
        scanned("clean", toy(does=does))
    assert not (made / "clean.scan.json").exists()


def test_a_bundle_with_a_missing_chunk_is_not_scanned(made: Path, scanned: Scanning) -> None:
    (made / "clean" / "chunk-0001.tar").unlink()
    engine = toy()
    with raises(Incomplete):
        scanned("clean", engine)
    assert engine.seen == []


def test_only_a_signed_bundle_is_scanned(made: Path, scanned: Scanning) -> None:
    with raises(Untrusted):
        scanned("clean", trust=made / "officer.pub")


OTHER = Waiver("Other", "never found", "2026-12-31", "alice")
ACCEPTED = Waiver(VIRUS.id, "a sample of the laboratory", "2026-11-29", "alice", EVIL_IMAGE)
EXPIRED = replace(ACCEPTED, expires="2026-11-28", object="")


def test_waivers_that_were_used_are_in_the_record_and_the_others_are_named(scanned: Scanning) -> None:
    result = scanned("mixed", waivers=(ACCEPTED, OTHER, EXPIRED))
    assert (result.exit_code, result.record.waivers) == (0, (ACCEPTED,))
    assert (result.unused, result.expired) == ((OTHER,), (EXPIRED,))
    assert scanned("mixed", waivers=(EXPIRED,), output="expired.json").exit_code == 5


def test_findings_below_the_severity_pass_and_their_waivers_are_recorded_for_stricter_importers(
    scanned: Scanning,
) -> None:
    engine, hole = toy("trivial", Unit.IMAGE), Waiver(HOLE.id, "not reachable", "2026-12-31", "alice")
    result = scanned("mixed", engine, max_severity=Severity.HIGH, waivers=(hole,))
    assert (result.exit_code, result.record.waivers) == (0, (hole,))
    assert scanned("mixed", engine, max_severity=Severity.MEDIUM, output="strict.json").exit_code == 5


def test_the_same_scan_again_says_that_it_is_complete(made: Path, scanned: Scanning) -> None:
    first = scanned("mixed")
    content = first.path.read_bytes()
    again = scanned("mixed", now=lambda: "2026-11-30T08:00:00Z")
    assert (again.is_old, again.id, again.exit_code) == (True, first.id, 5)
    assert first.path.read_bytes() == content
    with raises(Misuse, subject=str(first.path)):
        scanned("mixed", Toy(replace(toy().scanner, database="db-2")))
    with raises(Misuse, subject=str(first.path)):
        scanned("mixed", key_path=made / "builder.key")
    assert first.path.read_bytes() == content


def test_a_file_that_is_no_record_is_never_replaced(made: Path, scanned: Scanning) -> None:
    (made / "clean.scan.json").write_text("mine")
    engine = toy()
    with raises(Misuse, subject=str(made / "clean.scan.json")):
        scanned("clean", engine)
    assert engine.seen == []
    with raises(LocalStorage):
        scanned("clean", engine, output="no/such/folder.json")
    assert engine.seen == []


def test_a_record_is_never_written_into_the_folder_of_the_bundle(made: Path, scanned: Scanning) -> None:
    engine = toy()
    with raises(Misuse, subject=str(made / "clean" / "scan.json")):
        scanned("clean", engine, output="clean/scan.json")
    assert engine.seen == []


def test_a_folder_that_is_not_there_has_a_next_step(made: Path, tmp_path: Path) -> None:
    with raises(Misuse, code="scanner-database") as caught:
        engines_of(ScanRequest((made,), ("clamav",), tmp_path / "scan.json", databases=("nope",)))
    assert "--database DIR" in str(caught.value.hint)
    with raises(LocalStorage, subject=str(tmp_path / "nodir/scan.json")) as unwritable:
        check_writable(tmp_path / "nodir/scan.json")
    assert "make the folder first" in str(unwritable.value.hint)


def test_a_record_without_a_key_is_unsigned(made: Path, scanned: Scanning) -> None:
    result = scanned("clean", key_path=None)
    assert result.key_id is None
    assert [each.name for each in made.glob("*.sig")] == []


def test_each_kind_of_verdict_is_recorded(scanned: Scanning) -> None:
    low = Finding("CVE-2", Severity.LOW)
    answers = iter([found([low]), not_scanned("too large"), failed("crash"), CLEAN])
    engine = toy("trivial", Unit.IMAGE, does=lambda _: next(answers), at_a_time=1)
    result = scanned("mixed", engine)
    assert [each.state for each in verdicts(result).values()] == [State.FOUND, State.NOT_SCANNED]
    assert result.exit_code == 5


def test_results_for_other_programs_replace_only_their_like(made: Path, scanned: Scanning) -> None:
    other, link, bundle = made / "notes.txt", made / "link.json", made / "clean" / "SHA256SUMS"
    other.write_text("mine")
    link.symlink_to(other)
    before = bundle.read_bytes()
    for field in ("sarif", "cyclonedx"):
        for taken in (other, link, bundle, made / "clean" / "new.json", made / "clean.scan.json"):
            with raises(Misuse, subject=str(taken)):
                scanned("clean", **{field: taken})
        with raises(LocalStorage):
            scanned("clean", **{field: made / "no" / "folder.json"})
    with raises(Misuse, subject=str(made / "both.json")):
        scanned("clean", sarif=made / "both.json", cyclonedx=made / "both.json")
    assert (other.read_text(), bundle.read_bytes()) == ("mine", before)
    assert not (made / "clean.scan.json").exists()
    for _ in range(2):
        scanned("clean", sarif=made / "new.sarif", cyclonedx=made / "new.json")
