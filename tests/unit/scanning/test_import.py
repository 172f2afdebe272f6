"""A bundle is imported only with a signed record in which each of its objects has passed the scanners."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.commands.verify import VerifyRequest, verify
from bundler.core.digest import Digest
from bundler.core.moments import seconds_of
from bundler.core.receipt import parse_receipt
from bundler.core.receipt_scans import PASSED, REFUSED
from bundler.core.scan import CLEAN, Scan, ScanRecord, Severity, State, Unit, Waiver, found, not_scanned
from bundler.errors import Damaged, Misuse, Several, Untrusted
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest, ReceiptRequest
from bundler.importing.results import ImportResult
from bundler.keys.private_key import no_passphrases, read_private_key
from bundler.keys.scan_records import ScanGate
from bundler.keys.signed_files import write_signed
from bundler.scanning.request import ScanResult
from bundler.transports.parsing import parse_target
from tests.support import images
from tests.support.attached_bundles import TRUSTED, To, write_bundle
from tests.support.errors import raises
from tests.support.toy_scanner import HOLE, VIRUS, toy
from tests.unit.scanning.conftest import BASE, CLEAN_IMAGE, EVIL, EVIL_IMAGE, Scanning, export

NOW = seconds_of("2026-11-30T08:00:00Z")
DAY = 86_400
Importing = Callable[..., ImportResult]


def gate(made: Path, *names: str, **more: Any) -> ScanGate:
    return ScanGate(**{"scanners": names or ("toy",), "trust": made / "officer.pub", "now": lambda: NOW, **more})


@pytest.fixture
def imported(made: Path) -> Importing:
    """Imports bundles into a layout."""

    def run(*names: str, scans: ScanGate | None = None, target: str = "target", **more: Any) -> ImportResult:
        request = ImportRequest(
            **{
                "paths": tuple(made / name for name in names),
                "targets": parse_target(f"oci:{made / target}"),
                "trust": made / "builder.pub",
                "scans": scans or gate(made),
                **more,
            }
        )
        return import_bundle(request)

    return run


def nothing_there(made: Path, target: str = "target") -> bool:
    return not list((made / target).glob("blobs/*/*"))


def test_a_bundle_that_passed_is_imported_with_the_record_next_to_it(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    record = scanned("clean")
    result = imported("clean", receipt=ReceiptRequest(path=made / "receipt.json"))
    assert (result.exit_code, nothing_there(made)) == (0, False)
    (scan,) = parse_receipt((made / "receipt.json").read_bytes(), what="receipt").scans
    assert (scan.scanner, scan.result, scan.record) == ("toy", PASSED, record.id)
    assert (scan.signers, scan.created) == ((record.key_id,), "2026-11-29T08:00:00Z")
    assert (scan.version, scan.database, scan.objects) == ("1.0", "db-1", len(record.record.scans[0].verdicts))


def test_a_bundle_with_a_finding_is_refused_before_a_byte_moves_and_the_receipt_says_so(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    scanned("mixed")
    with raises(Untrusted, code="scan-not-clean") as caught:
        imported("mixed", receipt=ReceiptRequest(path=made / "receipt.json"))
    words = str(caught.value)
    assert all(each in words for each in (str(Digest.of(EVIL)), EVIL_IMAGE, VIRUS.id))
    assert nothing_there(made)
    receipt = parse_receipt((made / "receipt.json").read_bytes(), what="receipt")
    assert (receipt.exit_code, [each.result for each in receipt.scans]) == (5, [REFUSED])
    with raises(Untrusted, code="scan-not-clean"):
        imported("mixed", is_dry_run=True)


def disguised(image: images.Image) -> images.Image:
    """An image whose config has another type. Docker runs it: distribution/registry.go of moby/moby, ImageTypes."""
    content = image.content.replace(images.OCI_CONFIG.encode(), b"application/octet-stream")
    return images.Image(image.media_type, content, image.blobs)


def test_an_image_that_an_index_has_and_the_bundle_does_not_list_is_seen_by_scanners_of_images(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    hidden = disguised(images.image([BASE, EVIL], architecture="arm64"))
    index = images.index([(images.image([BASE]), images.platform("amd64")), (hidden, images.platform("arm64"))])
    export(made, "hidden", {"example.org/team/hidden:1": index})
    record = scanned("hidden", toy("trivial", Unit.IMAGE)).record
    assert record.scans[0].verdicts[Digest.parse(hidden.digest)].state is State.NOT_SCANNED
    with raises(Untrusted, code="scan-not-clean") as caught:
        imported("hidden", scans=gate(made, "trivial"))
    assert hidden.digest in str(caught.value)
    assert nothing_there(made)


def test_an_image_that_is_attached_to_another_one_is_scanned_as_one(made: Path, scanned: Scanning) -> None:
    listed, evil = images.image([BASE]), images.image([BASE, EVIL])
    attached = write_bundle(
        made, {EVIL_IMAGE: (listed, [To(listed, images.artifact("sbom")), To(listed, evil, ".att")])}
    )
    result = scanned(attached.name, toy("trivial", Unit.IMAGE), trust=TRUSTED)
    assert result.record.scans[0].verdicts == {
        Digest.parse(listed.digest): CLEAN,
        Digest.parse(evil.digest): found([HOLE]),
    }


def signed_as(made: Path, key: str, record: ScanRecord, name: str = "forged.json") -> Path:
    path = made / name
    write_signed(path, b"".join(record.to_json()), read_private_key(made / f"{key}.key", no_passphrases, print))
    return path


def _unsigned(made: Path, record: ScanResult) -> Path:
    path = made / "unsigned.json"
    path.write_bytes(record.path.read_bytes())
    return path


def _changed(made: Path, record: ScanResult) -> Path:
    """The record says that what was found is clean, and its signature is that of the first one."""
    path, content = made / "changed.json", record.path.read_bytes()
    path.write_bytes(content.replace(b'"officer"', b'"someone"').replace(b'"host": "', b'"host": "x'))
    (made / f"changed.json.{record.key_id}.sig").write_bytes(
        (made / f"{record.path.name}.{record.key_id}.sig").read_bytes()
    )
    return path


def _but(change: Callable[[ScanRecord], ScanRecord]) -> Callable[[Path, ScanResult], Path]:
    """The record with a change, signed by the officer again."""
    return lambda made, result: signed_as(made, "officer", change(result.record))


def _with(record: ScanRecord, verdict: Any) -> ScanRecord:
    """The record with another verdict on one layer; None leaves it out."""
    (scan,) = record.scans
    verdicts = {**scan.verdicts, Digest.of(BASE): verdict}
    kept = {digest: each for digest, each in verdicts.items() if each is not None}
    return replace(record, scans=(Scan(scan.scanner, kept),))


def _database(record: ScanRecord, date: str) -> ScanRecord:
    (scan,) = record.scans
    return replace(record, scans=(replace(scan, scanner=replace(scan.scanner, database_date=date)),))


MADE_UP = {"a": "b"}
REFUSALS: dict[str, tuple[Callable[[Path, ScanResult], Path], dict[str, Any], str]] = {
    "unsigned": (_unsigned, {}, "scan-unsigned"),
    "signed by the builder": (lambda made, result: signed_as(made, "builder", result.record), {}, "scan-unsigned"),
    "changed after it was signed": (_changed, {}, "bad-signature"),
    "of another bundle": (_but(lambda each: replace(each, bundle_id="ab" * 32)), {}, "scan-missing"),
    "by another scanner": (lambda _, result: result.path, {"scanners": ("toy", "clamav")}, "scan-missing"),
    "with an object left out": (_but(lambda each: _with(each, None)), {}, "scan-not-clean"),
    "with an object that was not scanned": (_but(lambda each: _with(each, not_scanned("large"))), {}, "scan-not-clean"),
    "with a finding": (_but(lambda each: _with(each, found([HOLE]))), {"max_severity": "medium"}, "scan-not-clean"),
    "of last week": (lambda _, result: result.path, {"now": lambda: NOW + 7 * DAY, "most_seconds": 7 * DAY}, "scan-old"),
    "with an old database": (
        _but(lambda each: _database(each, "2026-11-01T00:00:00Z")), {"most_seconds": 7 * DAY}, "scan-old"
    ),
    "with a database of no date": (_but(lambda each: _database(each, "")), {"most_seconds": 7 * DAY}, "scan-old"),
    "from the future": (lambda _, result: result.path, {"now": lambda: NOW - 9 * DAY}, "scan-future"),
}  # fmt: skip


def test_a_record_that_does_not_fit_lets_nothing_in(made: Path, scanned: Scanning, imported: Importing) -> None:
    good = scanned("clean")
    for name, (forge, more, code) in REFUSALS.items():
        for old in made.glob("forged.json*"):
            old.unlink()
        demand = gate(made, **{"records": forge(made, good), **more})
        with pytest.raises(Untrusted) as caught:
            imported("clean", scans=demand)
        assert caught.value.code == code, name
        assert nothing_there(made), name
    assert imported("clean", scans=gate(made, records=good.path, most_seconds=7 * DAY)).exit_code == 0


def test_a_finding_below_the_severity_or_waived_lets_the_bundle_in(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    engine = toy("trivial", Unit.IMAGE)
    scanned("mixed", engine, output="scan.json")
    demand = {"scanners": ("trivial",), "records": made / "scan.json"}
    with raises(Untrusted, code="scan-not-clean"):
        imported("mixed", scans=gate(made, **demand, max_severity=Severity.MEDIUM))
    assert imported("mixed", scans=gate(made, **demand, max_severity="high")).exit_code == 0
    waiver = Waiver(HOLE.id, "not reachable", "2026-11-30", "alice")
    scanned("mixed", engine, output="waived.json", waivers=(waiver,))
    demand["records"] = made / "waived.json"
    result = imported("mixed", scans=gate(made, **demand), target="waived")
    assert [scan.waivers for scan in result.scans] == [(waiver,)]
    with raises(Untrusted, code="scan-not-clean"):
        imported("mixed", scans=gate(made, **demand, now=lambda: NOW + DAY), target="expired")


def test_each_scanner_may_have_a_record_of_its_own_and_all_must_pass(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    scanned("mixed", toy("trivial", Unit.IMAGE), output="images.json")
    scanned("mixed", output="blobs.json")
    records = (made / "images.json", made / "blobs.json")
    with pytest.raises(Several) as caught:
        imported("mixed", scans=gate(made, "toy", "trivial", records=records))
    assert [error.code for error in caught.value.errors] == ["scan-not-clean"] * 2
    assert caught.value.exit_code == 5


def test_the_builders_own_key_signs_records_only_if_no_other_key_is_named(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    scanned("clean", key_path=made / "builder.key")
    with raises(Untrusted, code="scan-unsigned"):
        imported("clean")
    assert imported("clean", scans=gate(made, trust=())).exit_code == 0


def test_an_unsigned_bundle_needs_a_signed_record_all_the_same(
    made: Path, scanned: Scanning, imported: Importing
) -> None:
    scanned("clean", key_path=None)
    with raises(Untrusted, code="scan-unsigned"):
        imported("clean", is_without_signature=True)


def test_a_record_that_is_none_is_named(made: Path, imported: Importing) -> None:
    with raises(Misuse, subject=str(made / "no.json")):
        imported("clean", scans=gate(made, records=made / "no.json"))
    key = read_private_key(made / "officer.key", no_passphrases, print)
    write_signed(made / "odd.json", json.dumps(MADE_UP).encode(), key)
    with raises(Damaged, subject=str(made / "odd.json")):
        imported("clean", scans=gate(made, records=made / "odd.json"))


@pytest.fixture
def delta(made: Path) -> str:
    """A bundle that leaves out what ``clean`` has: it carries one new image."""
    new = images.image([BASE, images.gzip.compress(images.layer_tar("new", 3_000), mtime=0)])
    clean = images.image([BASE, images.gzip.compress(images.layer_tar("clean", 4_000), mtime=0)])
    since = ("--since", made / "clean", "--trust", made / "builder.pub")
    return export(made, "delta", {CLEAN_IMAGE: clean, "example.org/team/new:1": new}, *since).name


def test_the_record_of_a_delta_covers_what_it_carries_and_with_its_base_also_what_it_leaves_out(
    made: Path, scanned: Scanning, imported: Importing, delta: str
) -> None:
    alone = scanned(delta, output="alone.json")
    assert Digest.of(BASE) not in alone.record.scans[0].verdicts
    imported("clean", scans=gate(made, records=scanned("clean").path))
    assert imported(delta, scans=gate(made, records=alone.path)).exit_code == 0, "the base is at the target"
    with raises(Untrusted, code="scan-not-clean"):
        imported(delta, "clean", scans=gate(made, records=alone.path), target="fresh")
    assert nothing_there(made, "fresh")
    both = scanned(delta, paths=(made / delta, made / "clean"), output="both.json")
    assert both.record.scans[0].verdicts[Digest.of(BASE)] == CLEAN
    assert imported(delta, "clean", scans=gate(made, records=both.path), target="fresh").exit_code == 0


def test_an_image_whose_layers_are_in_a_base_that_is_not_here_is_not_scanned(
    made: Path, scanned: Scanning, delta: str
) -> None:
    engine = toy("trivial", Unit.IMAGE)
    alone = scanned(delta, engine, output="alone.json")
    assert {each.state.value for each in alone.record.scans[0].verdicts.values()} == {"not-scanned"}
    both = scanned(delta, engine, paths=(made / delta, made / "clean"), output="both.json")
    assert (set(both.record.scans[0].verdicts.values()), both.exit_code) == ({CLEAN}, 0)
    later = scanned(delta, engine, output="later.json")
    assert (later.exit_code, later.kept) == (0, 2), "the verdicts on the same images are kept"


def test_verify_puts_the_same_demand(made: Path, scanned: Scanning) -> None:
    def verified(**more: Any) -> int:
        return verify(VerifyRequest(paths=made / "clean", trust=made / "builder.pub", **more)).exit_code  # type: ignore[arg-type]

    assert verified(scans=gate(made)) == 5
    scanned("clean")
    assert verified(scans=gate(made)) == 0
    assert verified(scans=gate(made, "clamav")) == 5
    with raises(Misuse, subject=str(made / "no.json")):
        verified(scans=gate(made, records=made / "no.json"))
