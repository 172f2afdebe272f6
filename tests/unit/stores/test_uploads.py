"""Blobs in pieces: in order, each acknowledged, none completed before its digest is right."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3

from bundler.core.digest import Digest
from bundler.core.limits import UPLOAD_PIECE_BYTES, UPLOAD_PIECE_LEAST_BYTES, UPLOAD_PIECE_MOST_BYTES
from bundler.errors import Damaged, Refused, Unavailable
from bundler.stores.http import Answer
from bundler.stores.uploads import BodyLimit, PieceUpload, Upload
from tests.support.errors import raises

KIB = 1 << 10
CONTENT = bytes(range(256)) * 4 * 1200  # 1200 KiB
DIGEST = Digest.of(CONTENT)
PROVEN = 1024 * KIB


def answer(status: int, **headers: str) -> Answer:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    response = urllib3.HTTPResponse(io.BytesIO(b""), headers=fields, status=status, preload_content=False)
    return Answer(response, "https://r.example/v2/a/blobs/uploads/1", "PATCH")


@dataclass
class Registry:
    """Takes pieces as distribution-spec says, up to a size; ``odd`` answers come instead, one each time."""

    most_bytes: int = 1 << 30
    least_bytes: int = 0
    odd: list[Any] = field(default_factory=list)
    taken: bytearray = field(default_factory=bytearray)
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.asked.append((method, url, len(body)))
        assert headers.get("Content-Length", "0") == str(len(body))
        if self.odd and (said := self.odd.pop(0)) is not None:
            return said(self, headers, body) if callable(said) else said
        if method == "PUT":
            return answer(201)
        if method == "GET":
            return self.progress(204)
        if len(body) > self.most_bytes:
            return answer(413)
        first, last = map(int, headers["Content-Range"].split("-"))
        if first != len(self.taken):
            return answer(416)
        assert last - first + 1 == len(body)
        self.taken += body
        return self.progress(202)

    def progress(self, status: int) -> Answer:
        return answer(status, Location=f"?n={len(self.asked)}", Range=f"0-{max(0, len(self.taken) - 1)}")

    def next(self, said: Answer, upload: Upload) -> Upload:
        return Upload(f"/1{said.headers.get('Location', '')}", upload.least_bytes)

    def sizes(self, method: str = "PATCH") -> list[int]:
        return [size for each, _, size in self.asked if each == method]


def limit(piece_bytes: int = PROVEN) -> BodyLimit:
    made = BodyLimit()
    made.refused(2 * piece_bytes)
    return made


def pieces(content: bytes = CONTENT, size_bytes: int = 100 * KIB):
    for begin in range(0, len(content), size_bytes):
        yield memoryview(bytearray(content[begin : begin + size_bytes]))


def send(registry: Registry, body_limit: BodyLimit | None = None, given: Any = None) -> Answer:
    upload = PieceUpload(Upload("/1", registry.least_bytes), registry, body_limit or limit(), called="x")
    return upload.send(given or pieces(), DIGEST, len(CONTENT))


def test_C4_pieces_go_in_order_each_to_where_the_last_answer_says_and_the_digest_last():
    registry = Registry()
    assert send(registry).status == 201
    assert registry.taken == CONTENT
    assert registry.sizes() == [1024 * KIB, 176 * KIB]
    assert [url for _, url, _ in registry.asked] == ["/1", "/1?n=1", f"/1?n=2&digest=sha256%3A{DIGEST.encoded}"]


def test_C4_a_piece_that_is_too_large_is_halved_until_it_passes_and_that_is_remembered():
    registry, known = Registry(most_bytes=200 * KIB), limit()
    send(registry, known)
    assert registry.taken == CONTENT
    assert registry.sizes()[:4] == [1024 * KIB, 512 * KIB, 256 * KIB, 128 * KIB]
    again = Registry(most_bytes=200 * KIB)
    send(again, known)
    assert set(again.sizes()) == {128 * KIB, 48 * KIB}
    assert known.piece_bytes(100 * KIB) is None, "what passes is sent whole"


def test_C4_a_registry_that_refuses_the_least_is_reported_and_not_asked_for_ever():
    registry = Registry(most_bytes=0)
    with pytest.raises(Refused) as caught:
        send(registry)
    assert caught.value.code == "body-too-large"
    assert registry.sizes() == [1024 * KIB, 512 * KIB, 256 * KIB, 128 * KIB, 64 * KIB]


def test_C4_a_piece_has_what_the_registry_wants_at_least():
    registry = Registry(least_bytes=1100 * KIB)
    send(registry)
    assert registry.sizes() == [1100 * KIB, 100 * KIB]


def test_C4_a_piece_is_not_made_smaller_than_the_registry_wants():
    with pytest.raises(Refused) as caught:
        send(Registry(least_bytes=1100 * KIB, most_bytes=1000 * KIB))
    assert caught.value.code == "body-too-large"


def test_C4_a_registry_that_wants_enormous_pieces_is_refused():
    with raises(Refused, actual="33554433 bytes"):
        send(Registry(least_bytes=UPLOAD_PIECE_MOST_BYTES + 1))


def keeps(count: int):
    """Takes the beginning of a piece only, and says so."""

    def said(registry: Registry, headers: Mapping[str, str], body: bytes) -> Answer:
        registry.taken += body[:count]
        return registry.progress(202)

    return said


def test_C4_a_registry_that_took_a_part_of_a_piece_is_sent_the_rest():
    registry = Registry(odd=[keeps(300 * KIB)])
    send(registry)
    assert registry.taken == CONTENT


def loses_the_answer(registry: Registry, headers: Mapping[str, str], body: bytes) -> Answer:
    """Took the piece, and says 416 as it does when it is sent once more."""
    registry.taken += body
    return answer(416)


def test_C4_after_416_the_registry_is_asked_how_far_it_has_come():
    registry = Registry(odd=[loses_the_answer])
    send(registry)
    assert registry.taken == CONTENT
    assert [method for method, _, _ in registry.asked] == ["PATCH", "GET", "PATCH", "PUT"]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([answer(416)], id="416, and nothing has come"),
        pytest.param([answer(416), answer(404)], id="416, and no such upload"),
        pytest.param([answer(416), answer(204, Range="0-99999999")], id="416, and more than was sent"),
        pytest.param([answer(404)], id="no such upload"),
        pytest.param([answer(401)], id="no longer allowed"),
        pytest.param([None, answer(202, Range="0-5")], id="less than before"),
        pytest.param([keeps(1)], id="a byte at a time"),
    ],
)
def test_C4_an_upload_that_the_registry_lost_is_sent_again_from_its_begin(odd):
    registry = Registry(odd=odd)
    with raises(Unavailable, retryable=True) as caught:
        send(registry)
    assert caught.value.retryable
    assert registry.sizes("PUT") == []


@pytest.mark.parametrize(
    "said", [{}, {"Range": "0-0"}, {"Range": "bytes=0-1048575"}, {"Range": "0-1048576"}, {"Range": "x"}]
)
def test_C4_registries_that_say_it_in_their_own_way_are_understood(said):
    def takes(registry: Registry, headers: Mapping[str, str], body: bytes) -> Answer:
        registry.taken += body
        return answer(202, **said)

    registry = Registry(odd=[takes])
    send(registry)
    assert registry.taken == CONTENT


@pytest.mark.parametrize("whole_pieces", [0, 5, 11], ids=["at once", "in the middle", "at the end"])
def test_C4_no_digest_is_sent_of_a_blob_that_is_damaged(whole_pieces):
    """The last piece of a blob is held back until its digest is right, and nothing is completed without it."""

    def damaged():
        for number, piece in enumerate(pieces()):
            if number == whole_pieces:
                raise Damaged("the bytes do not match the digest")
            yield piece

    registry = Registry()
    with pytest.raises(Damaged):
        send(registry, given=damaged())
    assert registry.sizes("PUT") == []


def test_C4_a_blob_that_ends_early_is_not_completed():
    registry = Registry()
    with raises(Unavailable, subject="x"):
        send(registry, given=pieces(CONTENT[:-1]))
    assert registry.sizes("PUT") == []


# Knowledge of a limit


def test_bodies_are_whole_until_one_was_refused():
    known = BodyLimit()
    assert known.piece_bytes(1 << 40) is None
    assert known.refused(1 << 40)
    assert known.piece_bytes(1 << 40) == UPLOAD_PIECE_BYTES


def test_one_broken_connection_is_no_limit_and_two_for_one_blob_may_be():
    known = BodyLimit()
    known.broke(DIGEST, 1 << 30)
    assert known.piece_bytes(1 << 30) is None
    known.broke(Digest.of(b"other"), 1 << 30)
    assert known.piece_bytes(1 << 30) is None
    known.broke(DIGEST, 1 << 30)
    assert known.piece_bytes(1 << 30) == 1 << 20
    assert not known.is_proven


def test_a_connection_that_breaks_below_what_has_passed_is_no_limit():
    known = BodyLimit()
    known.passed(1 << 30)
    for _ in range(3):
        known.broke(DIGEST, 1 << 30)
    assert known.piece_bytes(1 << 30) is None


def test_a_registry_that_takes_no_pieces_gets_whole_blobs_again_where_no_limit_is_proven():
    known = BodyLimit()
    known.broke(DIGEST, 1 << 30)
    known.broke(DIGEST, 1 << 30)
    with raises(Unavailable, said="404") as caught:
        send(Registry(odd=[answer(404)]), known)
    assert caught.value.retryable
    assert known.piece_bytes(1 << 30) is None
    assert not known.refused(1 << 30), "and no pieces are tried any more"


def test_the_least_body_cannot_be_halved():
    assert not BodyLimit().refused(UPLOAD_PIECE_LEAST_BYTES)
