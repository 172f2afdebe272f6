"""A value behaves as one of a dataclass with slots does."""

from __future__ import annotations

import importlib
import operator
import pickle
import pkgutil
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import ClassVar, Generic, TypeVar

import pytest

import bundler
from bundler.core.frozen import _FEW, _Given, frozen, ordered, slotted

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


@pytest.mark.parametrize("later", range(_FEW))
def test_values_look_alike_and_are_equal_where_those_of_the_library_are(later):
    """The first values of a class are filled by hand, and the later ones by its own ``__init__``."""
    made = makes(frozen)
    for _ in range(later):
        each(made)
    ours, theirs = each(made), each(THEIRS)
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
        for made in OURS, makes(frozen), THEIRS:
            with pytest.raises(TypeError) as caught:
                made[2](*arguments, **named)
            said.append(str(caught.value))
        assert said[0] == said[1] == said[2]
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


def orders(decorator):
    @decorator
    class One:
        a: int
        b: int = field(default=0, compare=False)

    @decorator
    class Two:
        a: int
        b: str = ""

    return One, Two


def test_the_order_of_values_is_that_of_their_fields():
    ours, theirs = orders(ordered), orders(dataclass(frozen=True, slots=True, order=True))
    for mine, other in zip(ours, theirs, strict=True):
        pairs = [((1, 0), (2, 0)), ((2, 0), (1, 1)), ((1, 1), (1, 2)), ((1, 1), (1, 1))]
        for compare in operator.lt, operator.le, operator.gt, operator.ge:
            for left, right in pairs:
                assert compare(mine(*left), mine(*right)) == compare(other(*left), other(*right))
            with pytest.raises(TypeError):
                compare(mine(1), other(1))
    assert sorted([ours[1](2), ours[1](1, "b"), ours[1](1, "a")]) == [ours[1](1, "a"), ours[1](1, "b"), ours[1](2)]
    with pytest.raises(FrozenInstanceError):
        ours[0](1).a = 2


def changing(decorator):
    @decorator
    class Counted:
        a: int
        b: list[int] = field(default_factory=list)
        c: int = field(init=False)

        def __post_init__(self):
            self.c = self.a + 1

    return Counted


def test_a_slotted_value_changes():
    for made in changing(slotted), changing(dataclass(slots=True)):
        for _ in range(_FEW + 1):
            value = made(1)
            value.a += 1
            value.b.append(value.c)
            assert value == value != made(1)
            assert replace(value).c == 3
            assert repr(value) == repr(changing(dataclass(slots=True))(2, [2])).replace("c=3", "c=2")
            with pytest.raises(AttributeError):
                value.new = 1
            with pytest.raises(TypeError):
                hash(value)


def test_the_fields_of_all_our_classes_are_those_of_the_library():
    """`bundler.core.frozen` reads defaults itself, because the library takes longer."""
    modules = {name for _, name, _ in pkgutil.walk_packages(bundler.__path__, "bundler.")} - {"bundler.__main__"}
    ours = {
        value
        for name in modules
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type) and "__given_fields__" in value.__dict__
    }
    assert len(ours) > 300
    for made in ours:
        found = [
            _Given(name, default)
            for name, default in {
                name: default
                for base in reversed(made.__mro__)
                for name, default in base.__dict__.get("__given_fields__", {}).items()
            }.items()
        ]
        assert [(f.name, f.default, f.factory, f.is_parameter, f.is_compared) for f in found] == [
            (f.name, f.default, f.default_factory, f.init, f.compare) for f in fields(made)
        ], made
        assert not any(f.kw_only for f in fields(made)), made
