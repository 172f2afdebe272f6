"""Suggests the right platform for a misspelt one.

The words are those of Go (``go tool dist list``, ``internal/syslist``), which OCI image-spec prescribes. Other words
are allowed if they are not similar to one of these.
"""

from __future__ import annotations

import re

from bundler.core.patterns import lazy_pattern

_SYSTEMS = (
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd",
    "openbsd", "plan9", "solaris", "unknown", "wasi", "wasip1", "wasip2", "windows", "zos",
)  # fmt: skip
_ARCHITECTURES = (
    "386", "amd64", "amd64p32", "arm", "arm64", "arm64be", "armbe", "loong64", "mips", "mips64", "mips64le",
    "mips64p32", "mips64p32le", "mipsle", "ppc", "ppc64", "ppc64le", "riscv", "riscv32", "riscv64", "s390", "s390x",
    "sparc", "sparc64", "unknown", "wasm", "wasm32",
)  # fmt: skip
_ARM = lazy_pattern(r"arm(?:32)?(v[5-7])l?")
_OTHER_WORDS = {
    "x64": "amd64",
    "x86": "386",
    "macos": "darwin",
    "win": "windows",
    "armv8": "arm64",
    "loongarch64": "loong64",
}
_CLOSE = 0.6
"""The least similarity of two words: that of ``lunix`` and ``linux``."""


def meant(text: str) -> str | None:
    """The platform that a misspelt text probably means, as ``os/architecture[/variant]``; None for any other text.

    >>> meant("linux/amd46")
    'linux/amd64'
    >>> meant("linux/amd64") is None
    True
    """
    words = [_OTHER_WORDS.get(word, word) for word in text.lower().replace("\\", "/").split("/")]
    if len(words) == 1 and _near(words[0], _ARCHITECTURES) in _ARCHITECTURES:
        words.insert(0, "linux")
    if len(words) == 2 and (arm := _ARM.fullmatch(words[1])):
        words[1:] = ["arm", arm[1]]
    if len(words) not in (2, 3) or not all(words):
        return None
    system, architecture, *variants = words
    variants = [re.sub(r"^(\d)", r"v\1", variant) for variant in variants]
    likely = "/".join([_near(system, _SYSTEMS), _near(architecture, _ARCHITECTURES), *variants])
    return likely if likely != text else None


def _near(word: str, known: tuple[str, ...]) -> str:
    """The known word that is most similar to a word, or the word itself if none is similar."""
    if word in known:
        return word
    import difflib

    return next(iter(difflib.get_close_matches(word, known, 1, _CLOSE)), word)
