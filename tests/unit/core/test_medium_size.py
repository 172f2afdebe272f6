"""Without --chunk-size the chunks fit on the medium, next to the other files; a medium that is too small is named as the cause."""

from __future__ import annotations

import pytest

from bundler.core.limits import MINIMUM_CHUNK_BYTES
from bundler.core.medium_size import DEFAULT_CHUNK_BYTES, OTHER_BYTES, chunk_size_for, limits_chunks
from bundler.errors import Misuse
from tests.support.errors import raises

LEAST = MINIMUM_CHUNK_BYTES + 2 * OTHER_BYTES


@pytest.mark.parametrize("size_bytes", [LEAST, 5_000_000, 40_000_000, 730_000_000])
def test_a_chunk_leaves_room_for_the_other_files_of_a_small_medium(size_bytes: int) -> None:
    chunk = chunk_size_for(size_bytes)
    assert MINIMUM_CHUNK_BYTES <= chunk <= size_bytes - 2 * OTHER_BYTES
    assert limits_chunks(size_bytes, chunk)
    assert not limits_chunks(size_bytes, chunk - 1)


@pytest.mark.parametrize("size_bytes", [None, 25_000_000_000])
def test_a_large_medium_does_not_limit_the_chunks(size_bytes: int | None) -> None:
    assert chunk_size_for(size_bytes) == DEFAULT_CHUNK_BYTES
    assert not limits_chunks(size_bytes, DEFAULT_CHUNK_BYTES)


@pytest.mark.parametrize("size_bytes", [0, 1, LEAST - 1])
def test_a_medium_that_is_too_small_for_any_chunk_is_the_fault_and_not_the_chunk_size(size_bytes: int) -> None:
    with raises(Misuse, subject="--medium-size", expected=f"at least {LEAST:,} bytes", actual=f"{size_bytes:,} bytes"):
        chunk_size_for(size_bytes)
