"""Scratch for encrypted chunks is bounded, shared, and given back."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bundler.bundle.copies import GivenUp
from bundler.bundle.decrypted import DecryptedChunks
from bundler.core.digest import Digest
from bundler.errors import Damaged, LocalStorage
from bundler.system.scratch import Scratch

SIZE = 1000


class Chunks:
    def __init__(self, folder, *, at_a_time=2):
        self.asked = []
        self.errors = {}
        self.bad = set()
        self.scratch = Scratch(folder)
        self.decrypted = DecryptedChunks(self.decrypt, self.scratch, at_a_time=at_a_time)

    def decrypt(self, number, into):
        self.asked.append(number)
        if number in self.errors:
            raise self.errors[number]
        into.write(bytes([number]) * SIZE)
        return GivenUp(f"chunk-{number}", Path("bad"), Path("good")) if number in self.bad else None

    def read(self, number):
        with self.decrypted.opened(number) as file:
            content = bytearray(SIZE)
            file.read_into([content], 0, what="scratch")
            return bytes(content)


def test_a_chunk_is_decrypted_once_for_all_who_read_it_one_after_the_other(tmp_path):
    chunks = Chunks(tmp_path)
    for _ in range(3):
        assert chunks.read(1) == b"\1" * SIZE
    assert chunks.asked == [1]


def test_bad_copies_are_known_after_their_chunks_were_decrypted(tmp_path):
    chunks = Chunks(tmp_path)
    chunks.bad = {2}
    chunks.read(1)
    assert chunks.decrypted.given_up == []
    chunks.read(2)
    assert [each.file for each in chunks.decrypted.given_up] == ["chunk-2"]


def test_the_one_that_was_not_read_for_the_longest_time_makes_room(tmp_path):
    chunks = Chunks(tmp_path)
    for number in (1, 2, 1, 3, 1, 2):
        chunks.read(number)
    assert chunks.asked == [1, 2, 3, 2]
    assert chunks.scratch.peak_bytes == 2 * SIZE


def test_many_threads_share_one_decryption_and_never_hold_more_than_allowed(tmp_path):
    chunks = Chunks(tmp_path)
    wrong = []

    def work(seed):
        for step in range(200):
            number = 1 + (seed * 7 + step * 3) % 5
            if chunks.read(number) != bytes([number]) * SIZE:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert chunks.scratch.peak_bytes <= 2 * SIZE


def test_a_damaged_chunk_is_tried_once_and_a_full_disk_again(tmp_path):
    chunks = Chunks(tmp_path)
    chunks.errors = {1: Damaged("x"), 2: LocalStorage("full")}
    for number in (1, 1, 2, 2):
        with pytest.raises((Damaged, LocalStorage)):
            chunks.read(number)
    assert chunks.asked == [1, 2, 2]
    del chunks.errors[2]
    assert chunks.read(2) == b"\2" * SIZE


def test_small_content_is_remembered_when_its_chunk_is_gone(tmp_path):
    chunks = Chunks(tmp_path, at_a_time=1)
    digest = Digest.of(b"x")
    for _ in range(3):
        assert chunks.decrypted.remember(digest, lambda: chunks.read(1)[:10]) == b"\1" * 10
        chunks.read(2)
    assert chunks.asked == [1, 2]


def test_room_is_given_back_and_no_name_is_left(tmp_path):
    chunks = Chunks(tmp_path)
    chunks.read(1)
    chunks.decrypted.remember(Digest.of(b"x"), lambda: b"abc")
    assert list(tmp_path.iterdir()) == []
    before = len(os.listdir("/proc/self/fd"))
    chunks.decrypted.close()
    assert len(os.listdir("/proc/self/fd")) == before - 2


def test_a_scratch_folder_that_takes_nothing_is_reported_with_the_flag_to_change_it(tmp_path):
    chunks = Chunks(tmp_path / "absent")
    with pytest.raises(LocalStorage) as caught:
        chunks.read(1)
    assert "--scratch" in (caught.value.hint or "")
    assert chunks.asked == []
