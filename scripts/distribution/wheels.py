"""The wheelhouse: bundler's wheel, pip's own, and those of all libraries, for several Pythons and machines.

pip evaluates the conditions of requirements for the Python that it runs in. So it is asked for one level of
requirements at a time, and the conditions are evaluated here, for the Python and machine that the wheels are for.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
OWN = "image-bundler"
"""The project's name in an index."""
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
GLIBCS = ((2, 28), (2, 17))
"""The newest glibc that a wheel may need: that of RHEL 8. Older ones are accepted with it."""
_NAME_CHARACTERS = 64
"""Joliet keeps names of this length, so that Windows finds them on a disc."""
_OLD_TAGS = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


class DistError(Exception):
    """The distribution cannot be built; the message says why."""


@dataclass(frozen=True)
class Target:
    """A Python and a machine that wheels are for."""

    python: str
    machine: str

    @property
    def environment(self) -> dict[str, str]:
        """The values that conditions of requirements ask for."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }


def build_wheelhouse(folder: Path, own: Path, targets: Iterable[Target]) -> None:
    """Fills a folder with bundler's own wheel and those of its libraries, for some targets.

    The versions of the libraries are those for the first target, the oldest Python; they are the same for all.
    """
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        found: dict[str, str] = {}
        """The versions that were chosen, by project."""
        for target in targets:
            got = scratch / f"{target.python}-{target.machine}"
            _download(got, target, _requirements(own, target), found)
            for wheel in got.glob("*.whl"):
                project, version, *_ = parse_wheel_filename(wheel.name)
                found.setdefault(project, str(version))
                shutil.copyfile(wheel, folder / short_name(wheel.name))
        shutil.copyfile(own, folder / own.name)


def short_name(name: str) -> str:
    """The name of a wheel with only the platform of the oldest glibc that it has; the others follow from that one."""
    start, _, platforms = name.removesuffix(".whl").rpartition("-")
    platform = min(platforms.split("."), key=_glibc)
    if platform != "any":
        major, minor = _glibc(platform)
        machine = next(machine for machine in MACHINES if platform.endswith(machine))
        platform = f"manylinux_{major}_{minor}_{machine}"
    short = f"{start}-{platform}.whl".lower()
    if len(short) > _NAME_CHARACTERS:
        raise DistError(f"{short}: longer than {_NAME_CHARACTERS} characters")
    return short


def _glibc(platform: str) -> tuple[int, int]:
    if platform == "any":
        return 0, 0
    if platform.startswith("manylinux_"):
        _, major, minor, *_ = platform.split("_")
        return int(major), int(minor)
    tag = platform.split("_")[0]
    if tag not in _OLD_TAGS:
        raise DistError(f"{platform}: an unknown platform")
    return _OLD_TAGS[tag]


def _download(folder: Path, target: Target, own: list[Requirement], versions: dict[str, str]) -> None:
    """Downloads all wheels for a target.

    Args:
        folder: The folder to fill.
        target: The Python and machine.
        own: The requirements of bundler itself.
        versions: The versions that are chosen already, by project.
    """
    wanted = _installed(target)
    _add(wanted, [*own, Requirement("pip")])
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        constraints = folder.with_suffix(".txt")
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in sorted(versions.items())))
        platforms = [f"manylinux_{major}_{minor}_{target.machine}" for major, minor in GLIBCS]
        platforms += [f"{tag}_{target.machine}" for tag in reversed(_OLD_TAGS)]
        _pip(
            "download", "--no-deps", "--only-binary", ":all:", "--implementation", "cp",
            "--python-version", target.python,
            *(word for platform in platforms for word in ("--platform", platform)),
            "--constraint", constraints, "-d", folder,
            *sorted(f"{each.name}{each.specifier}" for requirements in wanted.values() for each in requirements),
        )  # fmt: skip
        needed: dict[str, set[Requirement]] = {"pip": {Requirement("pip")}}
        _add(needed, own)
        for wheel in folder.glob("*.whl"):
            _add(needed, _requirements(wheel, target))
        if all(requirements <= wanted.get(name, set()) for name, requirements in needed.items()):
            _remove_others(folder, needed)
            return
        wanted = needed


def _installed(target: Target) -> dict[str, set[Requirement]]:
    """The requirements of what is installed here, as far as it is: a guess that saves most of the rounds of pip."""
    found: dict[str, set[Requirement]] = {}
    left = [OWN]
    while left:
        with contextlib.suppress(metadata.PackageNotFoundError):
            for each in _met(metadata.requires(left.pop()) or [], target):
                if canonicalize_name(each.name) not in found:
                    left.append(each.name)
                _add(found, [each])
    return found


def _remove_others(folder: Path, needed: Container[str]) -> None:
    """Removes the wheels that a guess named, and that this target does not need."""
    for wheel in folder.glob("*.whl"):
        if parse_wheel_filename(wheel.name)[0] not in needed:
            wheel.unlink()


def _add(wanted: dict[str, set[Requirement]], requirements: Iterable[Requirement]) -> None:
    for each in requirements:
        bare = Requirement(f"{each.name}{each.specifier}")
        wanted.setdefault(canonicalize_name(each.name), set()).add(bare)


def _requirements(wheel: Path, target: Target) -> list[Requirement]:
    """The requirements of a wheel whose conditions are met by a target."""
    return _met(metadata_of(wheel).get_all("Requires-Dist") or [], target)


def metadata_of(wheel: Path) -> Message:
    """The file METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1)
        return HeaderParser().parsestr(archive.read(name).decode())


def _met(requirements: Iterable[str], target: Target) -> list[Requirement]:
    parsed = map(Requirement, requirements)
    return [each for each in parsed if each.marker is None or each.marker.evaluate(target.environment)]


def wheels_for(folder: Path, machine: str) -> Iterator[Path]:
    """The wheels of a wheelhouse that one machine needs, without pip.

    A wheel of the stable ABI for an older Python serves the newer ones too.
    """
    stable: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.glob("*.whl")):
        project, _, _, tags = parse_wheel_filename(path.name)
        tag = next(iter(tags))
        if project == "pip" or (tag.platform != "any" and not tag.platform.endswith(machine)):
            continue
        if tag.abi == "abi3":
            number = int(tag.interpreter.removeprefix("cp3"))
            stable[project] = min((number, path), stable.get(project, (number, path)))
        else:
            yield path
    for _, path in stable.values():
        yield path


def _pip(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)],
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise DistError(f"pip {arguments[0]}: {done.stderr.strip()[-2000:]}")
