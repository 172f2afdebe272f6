"""Frozen values: `frozen` gives a class what ``@dataclass(frozen=True, slots=True)`` does, in a tenth of the time.

An import loads 130 such classes, and makes values of some 50 of them. So a class gets its slots, and the methods
that are the same for all classes, at once. Its ``__init__`` and all that `dataclass` knows of its fields are made when
they are asked for: mostly with the first value.
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

_NOT_KEPT = ("__dict__", "__weakref__")
"""The attributes of a class without slots that one with slots has not."""
_FROM_LIBRARY = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(made: Class) -> Class:
    """A frozen dataclass with slots; `dataclasses.fields` and `replace` take its values.

    Two values are equal if they are of the same class and all fields that compare are equal. A class may have
    ``__post_init__`` and methods of its own in place of those given here. It has no ``InitVar``.
    """
    body = {name: value for name, value in made.__dict__.items() if name not in _NOT_KEPT}
    own = [name for name, kind in body.get("__annotations__", {}).items() if not kind.startswith("ClassVar")]
    inherited = {name for base in made.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    later = _Later(made, body)
    slotted = {name: value for name, value in body.items() if name not in own}
    slotted |= {name: method for name, method in _METHODS.items() if slotted.get(name) is None}
    slotted |= {name: _Asked(name, later) for name in (*_FROM_LIBRARY, "_compared")}
    slotted.setdefault("__init__", later.first_init)
    slotted["__slots__"] = tuple(name for name in own if name not in inherited)
    later.value = type(made)(made.__name__, made.__bases__, slotted)
    later.value.__qualname__ = made.__qualname__
    return later.value  # type: ignore[no-any-return]


class _Later:
    """The parts of a class that are made when one of them is asked for."""

    def __init__(self, made: type, body: dict[str, Any]) -> None:
        self._made, self._body = made, body
        self.value: Any = None
        """The class."""

        def first_init(value: Any, *args: Any, **kwargs: Any) -> None:
            """Makes the real ``__init__``, and puts it into its own place."""
            self.make()
            self.value.__init__(value, *args, **kwargs)

        self.first_init = first_init

    def make(self) -> None:
        """Gives the class all of them. Two threads that do it at the same time give it the same."""
        words = self._body.get("__doc__") or "-"  # else the library makes them from the signature, in milliseconds
        plain: Any = type(self._made)(self._made.__name__, self._made.__bases__, {**self._body, "__doc__": words})
        of = fields(dataclass(init=False, repr=False, eq=False)(plain))
        for name in _FROM_LIBRARY:
            setattr(self.value, name, getattr(plain, name))
        self.value._compared = _getter([one.name for one in of if one.compare])
        if self.value.__dict__["__init__"] is self.first_init:
            self.value.__init__ = _init(self.value, of)


class _Asked:
    """An attribute of a class that is made when it is asked for."""

    def __init__(self, name: str, later: _Later) -> None:
        self._name, self._later = name, later

    def __get__(self, value: object, owner: object) -> Any:
        self._later.make()
        return getattr(self._later.value, self._name)


def _getter(names: Sequence[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else type


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


_METHODS = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
"""The methods that are the same for all classes."""
