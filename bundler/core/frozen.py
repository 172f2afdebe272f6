"""Values: `frozen` gives a class what ``@dataclass(frozen=True, slots=True)`` does, in a twentieth of the time.

An import loads 130 such classes, and makes values of some 70 of them. So a class gets its slots, and the methods
that are the same for all classes, at once. Its ``__init__`` is compiled with the fourth value: 50 of the 70 have fewer.
All that `dataclass` knows of its fields is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[Any], Any]:
        """Tells a type checker that a decorator makes dataclasses; does nothing else."""
        return lambda decorator: decorator


Class = TypeVar("Class", bound=type)

_NOT_KEPT = ("__dict__", "__weakref__")
"""The attributes of a class without slots that one with slots has not."""
_FEW = 3
"""The values that are filled without an ``__init__`` of their own: to compile one takes as long as 100 values."""
_FROM_LIBRARY = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(made: Class) -> Class:
    """A frozen dataclass with slots; `dataclasses.fields` and `replace` take its values.

    Two values are equal if they are of the same class and all fields that compare are equal. A class may have
    ``__post_init__`` and methods of its own in place of those given here. It has no ``InitVar``.
    """
    return _made(made, _METHODS | _FROZEN)


@dataclass_transform(frozen_default=True, order_default=True, field_specifiers=(field,))
def ordered(made: Class) -> Class:
    """Like `frozen`; the order of two values of the class is that of their fields."""
    return _made(made, _METHODS | _FROZEN | _COMPARISONS)


@dataclass_transform(field_specifiers=(field,))
def slotted(made: Class) -> Class:
    """A dataclass with slots whose values change, made as quickly as a frozen one."""
    return _made(made, _METHODS | _CHANGING)


def _made(made: Class, methods: dict[str, Any]) -> Class:
    body = {name: value for name, value in made.__dict__.items() if name not in _NOT_KEPT}
    own = [name for name, kind in body.get("__annotations__", {}).items() if not kind.startswith("ClassVar")]
    inherited = {name for base in made.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    later = _Later(made, body)
    kept = {name: value for name, value in body.items() if name not in own}
    kept |= {name: method for name, method in methods.items() if kept.get(name) is None}
    kept |= {name: _Asked(name, later.make) for name in _FROM_LIBRARY}
    kept |= {
        "_compared": _Asked("_compared", later.make_compared),
        "__given_fields__": {name: body.get(name, MISSING) for name in own},
    }
    kept.setdefault("__init__", later.first_init)
    kept["__slots__"] = tuple(name for name in own if name not in inherited)
    later.value = type(made)(made.__name__, made.__bases__, kept)
    later.value.__qualname__ = made.__qualname__
    return later.value  # type: ignore[no-any-return]


class _Later:
    """The parts of a class that are made when one of them is asked for. Two threads may make the same part."""

    def __init__(self, made: type, body: dict[str, Any]) -> None:
        self._made, self._body = made, body
        self.value: Any = None
        """The class."""
        self._found: list[_Given] = []

        few = iter(range(_FEW))

        def first_init(value: Any, *args: Any, **kwargs: Any) -> None:
            """Fills the first values; then makes the real ``__init__``, and puts it into its own place."""
            given = self._given()
            if next(few, None) is None or not _is_filled(value, given, args, kwargs):
                self.value.__init__ = _init(self.value, given)
                self.value.__init__(value, *args, **kwargs)

        self.first_init = first_init

    def make(self) -> None:
        """Gives the class what `dataclass` makes."""
        words = self._body.get("__doc__") or "-"  # else the library makes them from the signature, in milliseconds
        plain: Any = type(self._made)(self._made.__name__, self._made.__bases__, {**self._body, "__doc__": words})
        dataclass(init=False, repr=False, eq=False)(plain)
        for name in _FROM_LIBRARY:
            setattr(self.value, name, getattr(plain, name))

    def make_compared(self) -> None:
        """Gives the class the function that returns all fields of a value that compare."""
        self.value._compared = _getter([one.name for one in self._given() if one.is_compared])

    def _given(self) -> list[_Given]:
        """All fields, in the order of `dataclasses.fields`."""
        if not self._found:
            found: dict[str, object] = {}
            for base in reversed(self.value.__mro__):
                found |= base.__dict__.get("__given_fields__", {})
            self._found = [_Given(name, default) for name, default in found.items()]
        return self._found


class _Given:
    """A field, as its class gives it."""

    def __init__(self, name: str, default: Any) -> None:
        is_field = isinstance(default, Field)
        self.name = name
        self.default = default.default if is_field else default
        self.factory = default.default_factory if is_field else MISSING
        self.is_parameter = default.init if is_field else True
        self.is_compared = default.compare if is_field else True


class _Asked:
    """An attribute of a class that is made when it is asked for."""

    def __init__(self, name: str, make: Callable[[], None]) -> None:
        self._name, self._make = name, make

    def __get__(self, value: object, owner: type) -> Any:
        self._make()
        return getattr(owner, self._name)


def _is_filled(value: Any, of: Sequence[_Given], args: Sequence[Any], named: dict[str, Any]) -> bool:
    """Does what ``__init__`` does. Returns False, and does nothing, if the arguments do not fit."""
    parameters = [one.name for one in of if one.is_parameter]
    values = dict(zip(parameters, args, strict=False)) | named
    if len(values) != len(args) + len(named) or not values.keys() <= set(parameters):
        return False
    for one in of:
        if one.name not in values:
            if one.factory is not MISSING:
                values[one.name] = one.factory()
            elif one.default is not MISSING:
                values[one.name] = one.default
            elif one.is_parameter:
                return False
    for name, each in values.items():
        object.__setattr__(value, name, each)
    if hasattr(value, "__post_init__"):
        value.__post_init__()
    return True


def _getter(names: Sequence[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else type


def _init(value: Any, of: Iterable[_Given]) -> Any:
    """``__init__``, with the parameters in the order of the fields."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    parameters, lines = ["self"], []
    line = "self.{} = {}" if value.__setattr__ is object.__setattr__ else "_set(self, {!r}, {})"
    for one in of:
        name, given = one.name, one.name
        if one.factory is not MISSING:
            known[f"_default_{name}"] = one.factory
            given = f"_default_{name}() if {name} is _missing else {name}" if one.is_parameter else f"_default_{name}()"
            default = "=_missing"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            given = name if one.is_parameter else f"_default_{name}"
            default = f"=_default_{name}"
        else:
            default = ""
        if one.is_parameter:
            parameters.append(name + default)
        if one.is_parameter or default:
            lines.append(line.format(name, given))
    if hasattr(value, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"]), known)  # noqa: S102  names of fields
    made = known["__init__"]
    made.__qualname__ = f"{value.__qualname__}.__init__"
    return made


def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    return self._compared(self) == self._compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _lt(self: Any, other: Any) -> Any:
    return self._compared(self) < self._compared(other) if type(other) is type(self) else NotImplemented


def _le(self: Any, other: Any) -> Any:
    return self._compared(self) <= self._compared(other) if type(other) is type(self) else NotImplemented


def _gt(self: Any, other: Any) -> Any:
    return self._compared(self) > self._compared(other) if type(other) is type(self) else NotImplemented


def _ge(self: Any, other: Any) -> Any:
    return self._compared(self) >= self._compared(other) if type(other) is type(self) else NotImplemented


def _set(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _setstate(self: Any, state: Sequence[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_METHODS = {"__repr__": _repr, "__eq__": _eq, "__getstate__": _getstate, "__setstate__": _setstate}
"""The methods that are the same for all classes."""
_FROZEN = {"__hash__": _hash, "__setattr__": _set, "__delattr__": _delete}
"""Those of frozen ones."""
_CHANGING = {"__hash__": None}
"""Those of the others."""
_COMPARISONS = {"__lt__": _lt, "__le__": _le, "__gt__": _gt, "__ge__": _ge}
"""Those of classes with an order."""
