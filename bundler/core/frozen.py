"""Frozen values: what ``@dataclass(frozen=True, slots=True)`` gives, in a quarter of its time.

The library compiles six methods for each class, and a command loads two hundred such classes. Here only ``__init__`` is
compiled, and only when the first value of a class is made: a command makes values of a few of its classes. The other
methods are the same functions for all classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(made: Class) -> Class:
    """A frozen dataclass with slots; `dataclasses.fields` and `replace` take its values.

    Two values are equal if they are of the same class and all fields that compare are equal. A class may have
    ``__post_init__`` and methods of its own in place of those given here. It has no ``InitVar``.
    """
    value: Any = dataclass(init=False, repr=False, eq=False, slots=True)(made)
    of = fields(value)
    value._compared = _getter([one.name for one in of if one.compare])
    methods = {"__init__": _first_init(value, of), "__repr__": _repr, "__eq__": _eq, "__hash__": _hash}
    for name, method in {**methods, "__setattr__": _set, "__delattr__": _delete, **_STATE}.items():
        if value.__dict__.get(name) is None:  # a class with __eq__ of its own has None for __hash__
            setattr(value, name, method)
    return value  # type: ignore[no-any-return]


def _getter(names: Sequence[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else type


def _first_init(value: Any, of: Sequence[Field[Any]]) -> Any:
    """An ``__init__`` that makes the real one, and puts it into its own place."""

    def first(self: Any, *args: Any, **kwargs: Any) -> None:
        made = _init(value, of)
        value.__init__ = made
        made(self, *args, **kwargs)

    return first


def _init(value: Any, of: Sequence[Field[Any]]) -> Any:
    """``__init__``, with the parameters in the order of the fields."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    parameters, lines = ["self"], []
    for one in of:
        name, given = one.name, one.name
        if one.default_factory is not MISSING:
            known[f"_default_{name}"] = one.default_factory
            given = f"_default_{name}() if {name} is _missing else {name}" if one.init else f"_default_{name}()"
            default = "=_missing"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            given = name if one.init else f"_default_{name}"
            default = f"=_default_{name}"
        else:
            default = ""
        if one.init:
            parameters.append(name + default)
        if one.init or default:
            lines.append(f"_set(self, {name!r}, {given})")
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


def _set(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _setstate(self: Any, state: Sequence[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_STATE = {"__getstate__": _getstate, "__setstate__": _setstate}
