"""The receipt of a prune has all that undo needs, byte for byte, and nothing that is not what it says."""

from __future__ import annotations

import base64
import json
from typing import Any

from bundler.core.digest import Digest
from bundler.core.oci import OCI_MANIFEST, Descriptor
from bundler.core.retention.receipt import (
    FAILED,
    REMOVED,
    PrunedManifest,
    PrunedTag,
    PruneReceipt,
    parse_prune_receipt,
)
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

CONTENT = b'{"schemaVersion": 2}'
DESCRIPTOR = Descriptor(OCI_MANIFEST, Digest.of(CONTENT), len(CONTENT))
RECEIPT = PruneReceipt(
    "bundler 0.2", "registry.internal:5000", "team", ("keep-last 1",), "me", "here", "2026-11-30T09:00:00Z", "", 3, 4000,
    ("platform",),
    (
        PrunedManifest("team/app", DESCRIPTOR, ("1.0", "1"), REMOVED, CONTENT, bundle="old"),
        PrunedManifest("team/app", Descriptor(OCI_MANIFEST, digest("x"), 7), (), FAILED, b"", "denied", "denied"),
    ),
    (PrunedTag("team/app", "2.0", digest("y"), FAILED, "immutable", "tag-immutable"),),
)  # fmt: skip


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(b"".join(RECEIPT.to_json())), **fields}).encode()


def with_manifest(**fields: Any) -> bytes:
    manifest = json.loads(b"".join(RECEIPT.to_json()))["manifests"][0]
    return changed(manifests=[{**manifest, **fields}])


def test_a_receipt_is_read_as_it_was_written() -> None:
    content = b"".join(RECEIPT.to_json())
    assert parse_prune_receipt(content, what="r") == RECEIPT
    assert RECEIPT.is_unfinished
    assert RECEIPT.outcomes == {REMOVED, FAILED}


def test_unknown_fields_are_ignored_and_other_versions_are_refused() -> None:
    assert parse_prune_receipt(changed(more=1), what="r") == RECEIPT
    with raises(Refused, subject="r"):
        parse_prune_receipt(changed(document="bundler.prune-receipt/2"), what="r")


@each_case(
    "content",
    [
        b"[]",
        b"{}",
        changed(document="bundler.receipt/1"),
        changed(registry="a b"),
        changed(finished=None),
        changed(exitCode=-1),
        changed(tags=[{}]),
        with_manifest(repository="../x"),
        with_manifest(tags=["a/b"]),
        with_manifest(outcome="lost"),
        with_manifest(content="*"),
        with_manifest(content=base64.b64encode(b"other").decode()),
        with_manifest(digest="sha256:1"),
    ],
)
def test_anything_else_is_damaged(content: bytes) -> None:
    with raises(Damaged, subject="r"):
        parse_prune_receipt(content, what="r")
