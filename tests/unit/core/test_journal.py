"""A journal says what was started and what is done; a line that was cut or changed never counts as done."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from bundler.core.digest import Digest
from bundler.core.journal import (
    Chain,
    DoneChunk,
    ExportStart,
    PinnedAttachment,
    PinnedAttachments,
    again_line,
    done_line,
    parse_journal,
    start_line,
)
from bundler.errors import Damaged
from tests.support.tables import each_case

START = ExportStart(
    options={"--chunk-size": "1048576", "--key": "none"},
    images={"a/b:1 from docker://a/b:1": Digest.of(b"one"), "c/d:2 from oci:Größe": Digest.of(b"two")},
    created="2026-11-24T03:00:00Z",
    tool="bundler 0.2.0",
    plan="f" * 64,
    attachments={
        "a/b:1 from docker://a/b:1": PinnedAttachments(
            (
                PinnedAttachment(Digest.of(b"one"), Digest.of(b"signature"), "tag", f"sha256-{'1' * 64}.sig"),
                PinnedAttachment(Digest.of(b"signature"), Digest.of(b"sbom"), "referrers"),
            ),
            (("not-chosen", "attestation", 3),),
        )
    },
)
FIRST, SECOND = DoneChunk(1_048_576, "1" * 64), DoneChunk(77, "2" * 64)
KEY = b"k" * 32


def written(*lines, key: bytes = KEY) -> bytes:
    """A journal of these lines, each a function of the chain and what it says."""
    chain, content = Chain(key), b""
    for make, *said in lines:
        line = make(chain, *said)
        chain, content = chain.after(line), content + line
    return content


FIRST_LINE = (start_line, START)
BOTH = (FIRST_LINE, (done_line, 1, FIRST), (done_line, 2, SECOND))
HEAD = written(FIRST_LINE)
WHOLE = written(*BOTH)


def test_what_was_written_is_read():
    journal = parse_journal(WHOLE, KEY)
    assert journal.start == START
    assert journal.done == {1: FIRST, 2: SECOND}
    assert journal.whole_bytes == len(WHOLE)


def test_what_is_added_to_a_journal_that_was_read_is_read():
    chain = parse_journal(WHOLE, KEY).chain
    assert parse_journal(WHOLE + again_line(chain, 2), KEY).done == {1: FIRST}


def test_A1_a_journal_that_was_written_without_the_secret_is_none():
    for planted in (written(*BOTH, key=b"x" * 32), written(*BOTH, key=b""), WHOLE.replace(b"a/b:1", b"a/b:2")):
        with pytest.raises(Damaged):
            parse_journal(planted, KEY)


def test_A1_lines_that_are_taken_out_moved_repeated_or_of_another_journal_make_no_chunk_done():
    other = written((start_line, replace(START, plan="e" * 64)), (done_line, 1, SECOND))
    lines = [line + b"\n" for line in WHOLE.split(b"\n")[:-1]]
    for changed in (
        [lines[0], lines[2]],
        [lines[0], lines[2], lines[1]],
        [*lines, lines[1]],
        [lines[0], other.split(b"\n")[1] + b"\n"],
    ):
        journal = parse_journal(b"".join(changed), KEY)
        assert journal.done == {}
        assert journal.whole_bytes == len(HEAD)


def test_what_was_taken_back_is_not_done():
    assert parse_journal(written(*BOTH, (again_line, 1)), KEY).done == {2: SECOND}
    again = written(*BOTH, (again_line, 1), (done_line, 1, SECOND))
    assert parse_journal(again, KEY).done == {1: SECOND, 2: SECOND}
    assert parse_journal(written(*BOTH, (again_line, 9)), KEY).done == {1: FIRST, 2: SECOND}


@each_case("cut", range(len(HEAD) + 1, len(WHOLE)))
def test_after_a_line_that_was_cut_no_chunk_counts_as_done(cut):
    journal = parse_journal(WHOLE[:cut], KEY)
    if WHOLE[:cut].endswith(b"\n"):
        assert set(journal.done) == {1}
    else:
        assert journal.done == {}
        assert journal.whole_bytes == len(HEAD)


@pytest.mark.parametrize("cut", [0, 1, 17, len(HEAD) - 2, len(HEAD) - 1])
def test_without_its_first_line_there_is_no_journal(cut):
    with pytest.raises(Damaged):
        parse_journal(WHOLE[:cut], KEY)


def test_no_flip_of_a_bit_makes_anything_look_done_that_is_not():
    content = written(*BOTH, (again_line, 1))
    choose = random.Random(3)
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << choose.randrange(8)
        try:
            journal = parse_journal(bytes(flipped), KEY)
        except Damaged:
            assert place < len(HEAD)
            continue
        assert journal.start == START
        assert journal.done == {}


@pytest.mark.parametrize(
    "line",
    [(done_line, 0, DoneChunk(-1, "1" * 64)), (done_line, 3, DoneChunk(5, "Z" * 64)), FIRST_LINE, b"\n", b"x\n"],
)
def test_a_line_that_says_nothing_that_we_would_takes_all_chunks_back(line):
    more = WHOLE + line + HEAD if isinstance(line, bytes) else written(*BOTH, line, (done_line, 4, FIRST))
    journal = parse_journal(more, KEY)
    assert journal.done == {}
    assert journal.whole_bytes == len(HEAD)


def test_what_differs_is_reported():
    options = {"--chunk-size": "5", "--key": "none", "--encrypt": "yes"}
    assert START.differences(START.options, START.images) == []
    assert START.differences(options, START.images) == [
        "--chunk-size: 1048576 before, 5 now",
        "--encrypt: nothing before, yes now",
    ]
    assert START.differences(START.options, {"c/d:2 from oci:Größe": 0, "e/f:3 from docker://e/f:3": 0}) == [
        "no longer in the list: a/b:1 from docker://a/b:1",
        "new in the list: e/f:3 from docker://e/f:3",
    ]
    assert START.differences(START.options, dict(reversed(START.images.items()))) == [
        "the order of the images has changed"
    ]


def line_of(chain: Chain, document: object) -> bytes:
    """A line with a good code, whatever it says."""
    content = json.dumps(document).encode()
    return chain.code_of(content) + b" " + content + b"\n"


@pytest.mark.parametrize(
    "change",
    [
        {"format": "bundler-journal/2"},
        {"options": []},
        {"images": None},
        {"missing": "x"},
        {"plan": 1},
        {"attachments": []},
        {"attachments": {"x": {"carried": [["sha256:1", "y", "tag", ""]], "left": []}}},
        {"attachments": {"x": {"carried": [], "left": [["not-chosen", "sbom", -1]]}}},
    ],
)
def test_a_first_line_that_no_version_of_ours_writes_is_none(change):
    document = json.loads(HEAD.partition(b" ")[2])
    assert parse_journal(written((line_of, document)), KEY).start == START
    with pytest.raises(Damaged):
        parse_journal(written((line_of, {**document, **change})), KEY)


def test_a_line_that_is_no_object_takes_all_chunks_back():
    journal = parse_journal(written(*BOTH, (line_of, [1])), KEY)
    assert journal.done == {}
