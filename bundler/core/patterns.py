"""Regular expressions that are compiled when they are first used.

A command loads a hundred patterns and uses some twenty. Python compiles them in Python: 7 ms for each start.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_NAMES = tuple(name for name in dir(re.Pattern) if not name.startswith("_"))


def lazy_pattern(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """A pattern with all methods and fields of one by `re.compile`; a mistake in it raises `re.error` at its first use.

    It is for a pattern's own methods: functions like `re.sub` want one of `re.compile`.
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(expression, flags))


class _LazyPattern:
    def __init__(self, expression: str | bytes, flags: int) -> None:
        self._expression, self._flags = expression, flags

    def __getattr__(self, name: str) -> Any:
        """Compiles the pattern. All its attributes become those of this object, so this is called only once."""
        if name not in _NAMES:
            raise AttributeError(name)
        compiled = re.compile(self._expression, self._flags)
        self.__dict__.update({each: getattr(compiled, each) for each in _NAMES})
        return getattr(compiled, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold the expression."""
        return _LazyPattern, (self._expression, self._flags)
