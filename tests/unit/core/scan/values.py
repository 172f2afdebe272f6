"""Plain values of scans: a bundle of three blobs and two images, and records of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bundler.core.digest import Digest
from bundler.core.scan import (
    CLEAN,
    Contents,
    Finding,
    Scan,
    Scanner,
    ScanRecord,
    Severity,
    SignedRecord,
    Unit,
    Verdict,
    Waiver,
)
from tests.unit.values import digest

BLOBS = tuple(map(digest, ("config", "layer", "manifest")))
IMAGES = tuple(map(digest, ("amd64", "arm64")))
NAMES = {BLOBS[1]: ("quay.io/team/app:1",), IMAGES[0]: ("quay.io/team/app:1", "quay.io/team/app:latest")}
BUNDLE_ID = "ab" * 32
CONTENTS = Contents(BUNDLE_ID, "platform", BLOBS, IMAGES, lambda each: NAMES.get(each, ()))
CLAMAV = Scanner("clamav", Unit.BLOB, "ClamAV 1.4.3", "27450", "2026-11-28T09:00:00Z")
TRIVY = Scanner("trivy", Unit.IMAGE, "0.76.0", "2", "2026-11-28T12:00:00Z")
CREATED = "2026-11-29T08:00:00Z"
LOW = Finding("CVE-2026-1", Severity.LOW, "zlib", "1.2", where="debian 12")
HIGH = Finding("CVE-2026-2", Severity.HIGH, "openssl", "3.0.0", "3.0.2", "debian 12", "a hole")
VIRUS = Finding("Eicar.UNOFFICIAL", Severity.CRITICAL, where="etc/x")


def waiver(id: str = HIGH.id, **more: str) -> Waiver:  # noqa: A002
    return replace(Waiver(id, "not reachable", "2026-12-31", "alice"), **more)


def scan(scanner: Scanner = CLAMAV, but: Mapping[Digest, Verdict | None] | None = None) -> Scan:
    """A scan in which every object of `CONTENTS` is clean, but for some; None leaves an object out."""
    verdicts: dict[Digest, Verdict | None] = {**dict.fromkeys(CONTENTS.objects(scanner.unit), CLEAN), **(but or {})}
    return Scan(scanner, {key: verdict for key, verdict in verdicts.items() if verdict is not None})


def record(*scans: Scan, **more: Any) -> ScanRecord:
    """A record of the bundle."""
    made = ScanRecord("bundler 1.0", BUNDLE_ID, "platform", CREATED, "alice", "gate-1", scans or (scan(),))
    return replace(made, **more)


def signed(*scans: Scan, **more: Any) -> SignedRecord:
    """The same, as if its signature had been checked."""
    return SignedRecord(record(*scans, **more), "cd" * 32, "scan.json", ("0123456789abcdef",))
