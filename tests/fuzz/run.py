"""One target under atheris: ``python -m tests.fuzz.run TARGET [options of libFuzzer] FOLDER...``. See scripts/fuzz."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["bundler"]):
    from tests.fuzz.targets import TARGETS, attempt


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"which target? {' '.join(TARGETS)}")
    name = sys.argv[1]
    again = f"{sys.executable} -m tests.fuzz.run {name}"  # libFuzzer starts itself in this way for a merge
    atheris.Setup([again, *sys.argv[2:]], lambda data: attempt(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
