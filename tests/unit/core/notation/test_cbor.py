"""The decoder of CBOR reads what `cbor2` writes, refuses all else, and is bounded."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given, strategies

from bundler.core.limits import CBOR_DEPTH, CBOR_ITEMS
from bundler.core.notation import cbor
from tests.support.tables import each_case

KEYS = strategies.integers(-(2**64), 2**64 - 1) | strategies.text(max_size=30)
ITEMS = strategies.recursive(
    strategies.integers(-(2**64), 2**64 - 1)
    | strategies.binary(max_size=300)
    | strategies.text(max_size=30)
    | strategies.booleans()
    | strategies.none(),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(ITEMS)
def test_it_reads_what_another_encoder_writes(item):
    assert cbor.loads(cbor2.dumps(item)) == item


def test_tags_are_kept():
    assert cbor.loads(cbor2.dumps(cbor2.CBORTag(18, [cbor2.CBORTag(1, 7)]))) == cbor.Tagged(18, [cbor.Tagged(1, 7)])


@given(strategies.binary(max_size=70_000))
def test_strings_are_written_as_another_encoder_does(content):
    assert cbor.encoded_bytes(content) == cbor2.dumps(content)
    assert cbor.encoded_text(content.hex()) == cbor2.dumps(content.hex())


@given(strategies.binary(max_size=60))
def test_any_bytes_are_an_item_or_a_value_error(content):
    try:
        found = cbor.loads(content)
    except ValueError:
        return
    if "Tagged" not in repr(found):  # the other decoder makes its own objects of some tags
        assert cbor2.loads(content) == found


@each_case(
    "hexadecimal",
    [
        "", "18", "1900", "41", "6180", "81", "a100", "a1", "c1", "9f00ff", "bf00ff", "5f4100ff", "7f6161ff",
        "f90000", "fa00000000", "fb0000000000000000", "f7", "f8ff", "f0", "1c", "1f", "ff", "0000", "a200010002",
        "a140f6", "a1f500", "a18000", "9affffffff", "9bffffffffffffffff", "5bffffffffffffffff", "a1c10000",
    ],
)  # fmt: skip
def test_what_envelopes_never_have_is_refused(hexadecimal):
    with pytest.raises(ValueError):
        cbor.loads(bytes.fromhex(hexadecimal))


def test_nesting_and_items_are_bounded():
    assert cbor.loads(b"\x81" * CBOR_DEPTH + b"\x00")
    with pytest.raises(ValueError):
        cbor.loads(b"\x81" * (CBOR_DEPTH + 1) + b"\x00")
    with pytest.raises(ValueError):
        cbor.loads(b"\x81" * 1_000_000 + b"\x00")
    assert len(cbor.loads(cbor2.dumps([0] * (CBOR_ITEMS - 1)))) == CBOR_ITEMS - 1
    with pytest.raises(ValueError):
        cbor.loads(cbor2.dumps([0] * CBOR_ITEMS))
