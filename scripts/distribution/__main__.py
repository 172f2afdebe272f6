"""The command: ``scripts/dist``."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import changelog
from packaging.utils import parse_wheel_filename

from distribution.deb import ARCHITECTURES, SHELLS, Papers, build_deb
from distribution.image import build_image
from distribution.pyz import build_pyz
from distribution.sbom import write_sbom
from distribution.source import build_sdist, build_wheel
from distribution.sums import source_epoch, write_sums
from distribution.unpacked import unpack
from distribution.wheels import MACHINES, OWN, PYTHONS, ROOT, DistError, Target, build_wheelhouse

KINDS = ("package", "wheels", "pyz", "deb", "image")
NEEDED = {"deb": "dpkg-deb", "image": "mmdebstrap"}
"""The programs that some kinds need. A kind that nobody asked for is left out where its program is missing."""
INSTALL = Path(__file__).with_name("install.sh")
DOCKERFILE = Path(__file__).with_name("dockerfile")


@dataclass(frozen=True)
class Request:
    """The kinds of files to build, and the Pythons and machines that they are for."""

    pythons: Sequence[str]
    machines: Sequence[str]
    kinds: Sequence[str]
    epoch: str


def main() -> int:
    """Builds the distribution, and gives the folder its name when all of it is there."""
    arguments = _parsed()
    output = Path(arguments.output).absolute()
    request = Request(
        [each for each in PYTHONS if each in (arguments.python or PYTHONS)],
        [each for each in MACHINES if each in (arguments.machine or MACHINES)],
        [each for each in KINDS if each in (arguments.only or _possible_kinds())],
        source_epoch(),
    )
    try:
        _refuse_foreign(output)
        output.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
        try:
            _build(request, made)
            made.chmod(0o755)
            _replace(made, output)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except DistError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for line in _summary(output):
        print(line)
    return 0


def _possible_kinds() -> list[str]:
    """The kinds that can be built here."""
    missing = [kind for kind, program in NEEDED.items() if shutil.which(program) is None]
    for kind in missing:
        print(f"no {kind}: {NEEDED[kind]} is missing", file=sys.stderr)
    return [kind for kind in KINDS if kind not in missing]


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/dist",
        description="Builds the package for an index, and what a receiver without internet installs bundler from: a "
        "wheelhouse with install.sh, a file for python3, packages for Debian, and images. All but the first are for "
        "CPython on Linux with glibc.",
        epilog="export --with-tool dist/wheels puts it into a bundle. docs/tool.md has more.",
    )
    parser.add_argument("-o", "--output", default=str(ROOT / "dist"), metavar="DIR", help="default: dist")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only this Python; may be repeated")
    parser.add_argument("--machine", action="append", choices=MACHINES, help="only this machine; may be repeated")
    parser.add_argument("--only", action="append", choices=KINDS, help="only this; may be repeated")
    return parser.parse_args()


def _build(request: Request, made: Path) -> None:
    print("package", file=sys.stderr)
    package = made / "package"
    package.mkdir()
    own = build_wheel(build_sdist(package, epoch=request.epoch), package, epoch=request.epoch)
    if set(request.kinds) - {"package"}:
        _build_wheels(request, own, made / "wheels")
        _build_from_wheels(request, str(parse_wheel_filename(own.name)[1]), made)
    for kind in {"package", "wheels"} - set(request.kinds):
        shutil.rmtree(made / kind, ignore_errors=True)
    for folder in made.iterdir():
        write_sums(folder)
    write_sums(made)


def _build_wheels(request: Request, own: Path, wheels: Path) -> None:
    wheels.mkdir()
    targets = [Target(python, machine) for python in request.pythons for machine in request.machines]
    print(f"wheels for Python {', '.join(request.pythons)} on {', '.join(request.machines)}", file=sys.stderr)
    build_wheelhouse(wheels, own, targets)
    for file in (INSTALL, DOCKERFILE):
        shutil.copyfile(file, wheels / file.name)
    write_sbom(wheels, own=OWN, epoch=request.epoch)


def _build_from_wheels(request: Request, version: str, made: Path) -> None:
    """Builds the kinds that have the libraries in them."""
    builders: dict[str, Callable[[Path, str], None]] = {
        "pyz": lambda libraries, machine: build_pyz(
            libraries, made / "pyz" / f"bundler-{version}-{machine}.pyz", epoch=request.epoch
        ),
        "deb": lambda libraries, machine: build_deb(
            libraries.parents[2],
            made / "deb" / f"image-bundler_{version}_{ARCHITECTURES[machine]}.deb",
            _papers(libraries, version),
            version=version,
            machine=machine,
            epoch=request.epoch,
        ),
        "image": lambda libraries, machine: build_image(
            libraries,
            made / "image" / f"bundler-{version}-image-{machine}.tar",
            version=version,
            machine=machine,
            epoch=int(request.epoch),
        ),
    }
    kinds = [kind for kind in builders if kind in request.kinds]
    for kind in kinds:
        (made / kind).mkdir()
    for machine in request.machines if kinds else ():
        with tempfile.TemporaryDirectory() as scratch:
            libraries = Path(scratch, "root/usr/lib/bundler")
            unpack(made / "wheels", machine, libraries)
            for kind in kinds:
                print(f"{kind} for {machine}", file=sys.stderr)
                builders[kind](libraries, machine)


def _papers(libraries: Path, version: str) -> Papers:
    completions = {
        shell: subprocess.run(
            [sys.executable, "-m", "bundler", "completion", shell], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
        for shell in SHELLS
    }
    notes = changelog.release(changelog.CHANGELOG.read_text(), version).notes
    return Papers((libraries / "bundler/bundler.1").read_bytes(), completions, notes)


def _refuse_foreign(output: Path) -> None:
    """Refuses to replace a folder that was not made here."""
    if output.exists() and any(output.iterdir()) and not (output / "SHA256SUMS").is_file():
        raise DistError(f"{output} has other files; choose another -o DIR")


def _replace(made: Path, output: Path) -> None:
    if output.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
        output.rename(old / "old")
        made.rename(output)
        shutil.rmtree(old)
    else:
        made.rename(output)


def _summary(output: Path) -> list[str]:
    lines = []
    for folder in sorted(path for path in output.iterdir() if path.is_dir()):
        files = [path for path in folder.iterdir() if path.name != "SHA256SUMS"]
        size = sum(path.stat().st_size for path in files)
        number = "1 file" if len(files) == 1 else f"{len(files)} files"
        lines.append(f"{folder}: {number}, {size / 1_000_000:.1f} MB")
    folder = next((output / kind for kind in KINDS[1:] if (output / kind).is_dir()), None)
    if folder is None:
        return lines
    return [*lines, f"next: bundler export LIST -o DIR --key KEY --with-tool {shlex.quote(str(folder))}"]


if __name__ == "__main__":
    sys.exit(main())
