"""A frozen value behaves as a frozen dataclass with slots does."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import ClassVar, Generic, TypeVar

import pytest

from bundler.core.frozen import frozen

T = TypeVar("T")


def makes(decorator):
    """The same classes, made by a decorator."""

    @decorator
    class Empty:
        """Nothing."""

    @decorator
    class One:
        a: int

    @decorator
    class Many:
        kind: ClassVar[str] = "many"
        a: int
        b: str = "b"
        c: list[int] = field(default_factory=list, compare=False)
        d: int = field(init=False, default=4)
        secret: str = field(default="s", repr=False)

    @decorator
    class Checked:
        a: int

        def __post_init__(self):
            if self.a < 0:
                raise ValueError("negative")

    @decorator
    class Base:
        a: int = 1

        def twice(self):
            return 2 * self.a

    @decorator
    class Derived(Base):
        b: int = 2

    @decorator
    class Held(Generic[T]):
        held: T

    @decorator
    class Own:
        a: int

        def __eq__(self, other):
            return isinstance(other, Own) and self.a % 10 == other.a % 10

        def __hash__(self):
            return self.a % 10

        def __repr__(self):
            return "own"

    return Empty, One, Many, Checked, Base, Derived, Held, Own


OURS, THEIRS = makes(frozen), makes(dataclass(frozen=True, slots=True))


def each(made):
    empty, one, many, checked, base, derived, held, own = made
    return [
        empty(), one(1), one(a=2), one(1.0), one(None), many(1), many(1, "x"), many(1, c=[1]), many(2, b="b", c=[3], secret="t"),
        checked(1), base(), base(2), derived(), derived(2, 3), derived(b=4), held([1]), held((1,)), own(1), own(11), own(2),
    ]  # fmt: skip


def slots_of(value):
    """All slots of a value. Python 3.10 gives a derived class the slots of its base again."""
    return {slot for made in type(value).__mro__ for slot in made.__dict__.get("__slots__", ())}


def test_values_look_alike_and_are_equal_where_those_of_the_library_are():
    ours, theirs = each(OURS), each(THEIRS)
    assert [repr(value) for value in ours] == [repr(value) for value in theirs]
    for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert [mine == value for value in ours] == [other == value for value in theirs], i
        assert mine != other
        assert [one.name for one in fields(mine)] == [one.name for one in fields(other)]
        assert slots_of(mine) == slots_of(other)
        assert type(mine).__match_args__ == type(other).__match_args__
        assert not hasattr(mine, "__dict__")


def test_equal_values_have_equal_hashes_and_lists_have_none():
    _, one, many, _, _, derived, held, own = OURS
    assert len({one(1), one(1), one(1.0), one(2)}) == 2
    assert hash(many(1, c=[1])) == hash(many(1, c=[2]))
    assert len({derived(), derived(1, 2), own(1), own(11)}) == 2
    with pytest.raises(TypeError):
        hash(held([1]))


def test_a_value_cannot_be_changed():
    for made in OURS, THEIRS:
        value = made[2](1)
        with pytest.raises(FrozenInstanceError):
            value.a = 2
        with pytest.raises(FrozenInstanceError):
            del value.a
        with pytest.raises((FrozenInstanceError, TypeError)):
            value.new = 2
        assert replace(value, a=2).a == 2
        assert value.a == 1
        assert value.c is not made[2](1).c
        assert value.kind == "many"


def test_wrong_arguments_are_refused_in_the_same_words():
    for arguments, named in [((), {}), ((1, 2, 3, 4, 5), {}), ((1,), {"x": 1}), ((1,), {"d": 1}), ((1,), {"a": 1})]:
        said = []
        for made in OURS, THEIRS:
            with pytest.raises(TypeError) as caught:
                made[2](*arguments, **named)
            said.append(str(caught.value))
        assert said[0] == said[1]
    for made in OURS, THEIRS:
        with pytest.raises(ValueError, match="negative"):
            made[3](-1)
        with pytest.raises(ValueError, match="negative"):
            replace(made[3](1), a=-1)


@frozen
class Sent:
    """A value that goes to another process."""

    a: int
    b: tuple[int, ...] = ()


def test_a_value_goes_to_another_process_and_comes_back():
    assert pickle.loads(pickle.dumps(Sent(1, (2,)))) == Sent(1, (2,))


def test_a_value_is_matched_by_position():
    match Sent(1, (2,)):
        case Sent(1, (two,)):
            assert two == 2
        case _:
            pytest.fail("not matched")
