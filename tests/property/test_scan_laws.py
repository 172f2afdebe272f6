"""Laws of the scan gate: nothing passes that a scanner has not seen whole, and a record says what it said."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bundler.core.moments import seconds_of
from bundler.core.scan import (
    CLEAN,
    Contents,
    Finding,
    Scan,
    ScanDemand,
    Scanner,
    ScanRecord,
    Severity,
    SignedRecord,
    State,
    Unit,
    Verdict,
    Waiver,
    failed,
    found,
    judge,
    not_scanned,
    parse_record,
)
from tests.property.strategies import digests, law

NOW = seconds_of("2026-11-30T08:00:00Z")
IDS = ("CVE-1", "CVE-2", "CVE-3")
CLAMAV = Scanner("clamav", Unit.BLOB, "1", "2", "2026-11-29T00:00:00Z")

findings = st.builds(Finding, st.sampled_from(IDS), st.sampled_from(list(Severity)), st.sampled_from(("", "zlib")))
verdicts = st.one_of(
    st.just(CLEAN),
    st.lists(findings, min_size=1, max_size=4).map(found),
    st.sampled_from([not_scanned("too large"), failed("crash")]),
)
waivers = st.builds(
    lambda name, expires, scanner: Waiver(
        name, "a reason", expires, "alice", "*" if name == "not-scanned" else "", scanner
    ),
    st.sampled_from((*IDS, "not-scanned")),
    st.sampled_from(("2026-11-01", "2026-12-31")),
    st.sampled_from(("", "clamav", "trivy")),
)


def accepted(verdict: Verdict | None, kept: list[Waiver], least: Severity) -> bool:
    """The gate's verdict, computed another way: it accepts if nothing is left when all that is allowed is taken away."""
    if verdict is None or verdict.state is State.ERROR:
        return False
    ids = {each.id for each in kept if each.scanner in ("", "clamav") and each.expires > "2026-11-29"}
    if verdict.state is State.NOT_SCANNED:
        return "not-scanned" in ids
    low = [each for each in Severity if Severity.UNKNOWN.rank < each.rank < least.rank]
    return not [each for each in verdict.findings if each.id not in ids and each.severity not in low]


@law
@given(
    st.dictionaries(digests, st.one_of(st.none(), verdicts), min_size=1, max_size=5),
    st.dictionaries(digests, verdicts, max_size=3),
    st.lists(waivers, max_size=3),
    st.sampled_from([each for each in Severity if each is not Severity.UNKNOWN]),
)
def test_a_bundle_passes_exactly_if_each_of_its_objects_does(objects, others, kept, least):  # type: ignore[no-untyped-def]
    contents = Contents("ab" * 32, "platform", tuple(objects), (), lambda _: ("quay.io/team/app:1",))
    given_ = {**others, **{digest: verdict for digest, verdict in objects.items() if verdict is not None}}
    for digest, verdict in objects.items():
        if verdict is None:
            given_.pop(digest, None)
    record = ScanRecord(
        "test", "ab" * 32, "platform", "2026-11-29T08:00:00Z", "a", "b", (Scan(CLAMAV, given_),), tuple(kept)
    )
    read = parse_record(b"".join(record.to_json()), what="scan.json")
    assert read == record
    (result,) = judge(ScanDemand(("clamav",), least), contents, [SignedRecord(read, "", "scan.json", ())], NOW)
    assert (result.error is None) == all(accepted(verdict, kept, least) for verdict in objects.values())
