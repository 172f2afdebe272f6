"""Writers come in the order of their places, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bundler.bundle import write_order as write_order_module
from bundler.bundle.write_order import WriteOrder

MIB = 1 << 20
BEGINS = [0, 10 * MIB, 20 * MIB, 100 * MIB, 110 * MIB]


class Waiting:
    """A thread that waits for something."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=wait, daemon=True)
        self._thread.start()

    def is_let_in(self) -> bool:
        self._thread.join(20)
        return not self._thread.is_alive()

    def is_waiting(self) -> bool:
        self._thread.join(0.05)
        return self._thread.is_alive()


@pytest.fixture
def turns() -> WriteOrder:
    return WriteOrder(BEGINS)


def test_the_first_one_waits_for_nobody(turns: WriteOrder) -> None:
    turns.await_turn(0)
    turns.await_near(0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_each_waits_for_all_before_it_in_any_order_of_their_ends(turns: WriteOrder, order: tuple[int, int]) -> None:
    waiting = Waiting(lambda: turns.await_turn(2))
    turns.end(order[0])
    assert waiting.is_waiting()
    turns.end(order[1])
    assert waiting.is_let_in()
    turns.end(order[1])
    turns.await_turn(2)


def test_one_that_is_over_already_is_let_in_with_those_after_it(turns: WriteOrder) -> None:
    turns.end(2)
    early, late = Waiting(lambda: turns.await_turn(2)), Waiting(lambda: turns.await_turn(3))
    assert early.is_waiting()
    assert late.is_waiting()
    turns.end(0)
    turns.end(1)
    assert early.is_let_in()
    assert late.is_let_in()


def test_one_that_begins_again_is_waited_for(turns: WriteOrder) -> None:
    turns.end(1)
    turns.begin_again(1)
    waiting = Waiting(lambda: turns.await_turn(2))
    turns.end(0)
    assert waiting.is_waiting()
    turns.end(1)
    assert waiting.is_let_in()


def test_one_whose_turn_is_past_holds_nobody_up_when_it_begins_again(turns: WriteOrder) -> None:
    turns.end(0)
    turns.end(1)
    turns.begin_again(0)
    turns.await_turn(2)


def test_little_to_come_is_measured_from_what_is_written(turns: WriteOrder) -> None:
    near = write_order_module._NEAR_BYTES
    turns.await_near(2)
    waiting = Waiting(lambda: turns.await_near(3))
    turns.end(0)
    turns.end(1)
    turns.came_to(2, BEGINS[3] - near - 1)
    turns.came_to(0, BEGINS[3])  # whose turn it is not tells nothing
    assert waiting.is_waiting()
    turns.came_to(2, BEGINS[3] - near)
    assert waiting.is_let_in()


def test_what_nobody_writes_up_to_is_near_when_it_is_its_turn(turns: WriteOrder) -> None:
    waiting = Waiting(lambda: turns.await_near(3))
    for number in range(3):
        assert waiting.is_waiting()
        turns.end(number)
    assert waiting.is_let_in()
