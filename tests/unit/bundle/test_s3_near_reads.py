"""Small reads near each other share a request, and none is given the same bytes twice."""

from __future__ import annotations

import random
import threading
import weakref

import pytest

from bundler.bundle.s3.near_reads import SMALL_READ_BYTES, WINDOW_BYTES, NearReads, Windows
from bundler.core.s3_path import S3Path
from bundler.errors import Unavailable

CONTENT = random.Random(1).randbytes(WINDOW_BYTES + 5000)
STEP = WINDOW_BYTES - SMALL_READ_BYTES
PATH, OTHER = S3Path.parse("s3://abc/x"), S3Path.parse("s3://abc/y")


@pytest.fixture
def windows() -> Windows:
    """The windows of a client."""
    return Windows()


class Fetches:
    """Counts what is fetched."""

    def __init__(self) -> None:
        self.begins: list[int] = []

    def __call__(self, begin: int) -> bytes:
        self.begins.append(begin)
        return CONTENT[begin : begin + WINDOW_BYTES]


def test_neighbours_are_fetched_once_and_other_places_by_themselves(windows: Windows):
    near, fetch = NearReads(), Fetches()
    for begin, end in ((100, 200), (50, 100), (200, 4000), (STEP - 1, STEP - 1 + SMALL_READ_BYTES)):
        assert near.read(windows, PATH, begin, end, fetch) == CONTENT[begin:end]
    assert fetch.begins == [0]
    assert near.read(windows, PATH, STEP, STEP + 9, fetch) == CONTENT[STEP : STEP + 9]
    assert near.read(windows, OTHER, 100, 200, fetch) == CONTENT[100:200]
    assert fetch.begins == [0, STEP, 0]


def test_the_same_bytes_are_fetched_again_because_they_were_wrong(windows: Windows):
    near, fetch = NearReads(), Fetches()
    for _ in range(3):
        assert near.read(windows, PATH, 100, 200, fetch) == CONTENT[100:200]
    assert fetch.begins == [0, 0, 0]


def test_an_object_that_ends_early_gives_nothing_and_an_error_is_asked_for_again(windows: Windows):
    near, fetch = NearReads(), Fetches()
    assert near.read(windows, PATH, len(CONTENT) - 10, len(CONTENT) + 1, fetch) is None

    def broken(begin: int) -> bytes:
        raise Unavailable("the connection broke")

    with pytest.raises(Unavailable):
        near.read(windows, OTHER, 0, 10, broken)
    assert near.read(windows, OTHER, 20, 30, fetch) == CONTENT[20:30], "the window is still empty"
    assert near.read(windows, OTHER, 0, 10, fetch) == CONTENT[:10]


def test_threads_wait_for_the_window_that_one_of_them_fetches(windows: Windows):
    near, fetch, entered, go = NearReads(), Fetches(), threading.Event(), threading.Event()

    def slowly(begin: int) -> bytes:
        entered.set()
        assert go.wait(30)
        return fetch(begin)

    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(near.read(windows, PATH, 0, 10, slowly)))]
    threads[0].start()
    assert entered.wait(30)
    threads += [
        threading.Thread(target=lambda n=n: found.append(near.read(windows, PATH, n, n + 10, slowly)))
        for n in (10, 20, 30)
    ]
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(30)
    assert (len(found), fetch.begins) == (4, [0])


def test_only_a_few_windows_are_kept(windows: Windows):
    near, fetch = NearReads(), Fetches()
    for number in range(20):
        near.read(windows, S3Path.parse(f"s3://abc/{number}"), 0, 10, fetch)
    near.read(windows, S3Path.parse("s3://abc/19"), 10, 20, fetch)
    near.read(windows, S3Path.parse("s3://abc/0"), 10, 20, fetch)
    assert len(fetch.begins) == 21


def test_all_bundles_together_keep_only_a_few_windows(windows: Windows):
    class Content(bytearray):
        """Bytes that can be watched."""

    kept: list[weakref.ref[Content]] = []

    def fetch(begin: int) -> Content:
        content = Content(WINDOW_BYTES)
        kept.append(weakref.ref(content))
        return content

    bases = [NearReads() for _ in range(100)]
    for base in bases:
        for step in range(8):
            assert base.read(windows, PATH, step * STEP, step * STEP + 10, fetch) is not None
    assert len(kept) == 800
    kept_bytes = sum(each() is not None for each in kept) * WINDOW_BYTES
    assert kept_bytes <= 10 << 20


def test_a_bundle_does_not_see_the_bytes_that_another_one_fetched(windows: Windows):
    fetch, changed = Fetches(), bytes(WINDOW_BYTES)
    assert NearReads().read(windows, PATH, 0, 10, fetch) == CONTENT[:10]
    assert NearReads().read(windows, PATH, 10, 20, lambda _: changed) == changed[:10], "the object was replaced since"


def test_clients_share_no_windows():
    near, fetch = NearReads(), Fetches()
    for client in (Windows(), Windows()):
        for begin in (0, 10):
            assert near.read(client, PATH, begin, begin + 10, fetch) == CONTENT[begin : begin + 10]
    assert fetch.begins == [0, 0]
