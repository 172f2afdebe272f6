"""The command ``scripts/release``: checks what must be true of a release, runs the tests, and makes its files."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import changelog

from distribution.sums import source_epoch, write_sums
from distribution.wheels import ROOT, DistError

_FLAT = ("package", "pyz", "deb", "image")
"""The kinds whose files are few: each is a file of the release. The wheelhouse is a tar."""


def main() -> int:
    """Does the steps in turn; the first that fails ends it."""
    arguments = _parsed()
    version = _version()
    faults = list(_faults(version, arguments.tag))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    if faults and not arguments.dry_run:
        return 1
    output = Path(arguments.output).absolute()
    try:
        if not (arguments.no_tests or arguments.dry_run):
            _run("scripts/check", FULL="1")
        _build(output, version, kinds=("package",) if arguments.dry_run else ())
        if arguments.key:
            _sign(output / "files", Path(arguments.key).absolute())
    except (DistError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in _next_steps(version, output, arguments.tag, is_good=not faults):
        print(line)
    return 1 if faults else 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/release",
        description="Checks the version, CHANGELOG.md and the work tree, runs all tests with FULL=1, builds everything "
        "by scripts/dist, checks the package with twine, and puts the files, their SHA256SUMS and the notes of the "
        "release into a folder. It sets no tag and publishes nothing.",
    )
    parser.add_argument(
        "-o", "--output", default=str(ROOT / "build/release"), metavar="DIR", help="default: build/release"
    )
    parser.add_argument("--tag", help="the tag that exists already: v and the version; by default none may exist")
    parser.add_argument("--key", metavar="KEY", help="a key of bundler keygen, which signs SHA256SUMS")
    parser.add_argument("--no-tests", action="store_true", help="the tests have run elsewhere")
    parser.add_argument(
        "--dry-run", action="store_true", help="name all faults, run no tests, and build the package alone"
    )
    return parser.parse_args()


def _version() -> str:
    text = (ROOT / "bundler/__init__.py").read_text()
    return re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[0]


def _faults(version: str, tag: str | None) -> Iterator[str]:
    """Names all that hinders a release."""
    text = changelog.CHANGELOG.read_text()
    yield from (f"CHANGELOG.md: {fault}" for fault in changelog.faults(text))
    if any(section.version == changelog.UNRELEASED and any(section.changes()) for section in changelog.releases(text)):
        yield f"CHANGELOG.md: lines below [Unreleased] would not be in the notes: move them below [{version}]"
    try:
        day = changelog.release(text, version).day
    except changelog.NoSuchRelease as error:
        yield str(error)
    else:
        today = datetime.now(timezone.utc).date().isoformat()
        if tag is None and day != today:
            yield f"CHANGELOG.md dates {version} {day}, and today is {today}"
    changed = _git("status", "--porcelain").splitlines()
    if changed:
        yield f"{len(changed)} files are not as they were committed, the first: {changed[0]}"
    if tag not in (None, f"v{version}"):
        yield f"the tag is {tag}, and bundler/__init__.py says {version}"
    if tag is None and _git("tag", "--list", f"v{version}"):
        yield f"the tag v{version} exists: raise the version in bundler/__init__.py"


def _build(output: Path, version: str, *, kinds: tuple[str, ...]) -> None:
    shutil.rmtree(output, ignore_errors=True)
    dist, files = output / "dist", output / "files"
    files.mkdir(parents=True)
    _run(sys.executable, "-m", "distribution", "-o", str(dist), *(word for kind in kinds for word in ("--only", kind)))
    packages = [str(path) for path in sorted((dist / "package").iterdir()) if path.name != "SHA256SUMS"]
    _run(sys.executable, "-m", "twine", "check", "--strict", *packages)
    for kind in _FLAT:
        for path in (dist / kind).glob("*"):
            if path.name != "SHA256SUMS":
                shutil.copyfile(path, files / path.name)
    if (dist / "wheels").is_dir():
        _pack(dist / "wheels", files / f"bundler-{version}-wheels.tar")
    write_sums(files)
    (output / "notes.md").write_text(changelog.release(changelog.CHANGELOG.read_text(), version).notes)


def _pack(folder: Path, target: Path) -> None:
    """A tar of the wheelhouse: the same files give the same bytes."""
    same = (
        "--format=ustar",
        "--sort=name",
        "--owner=root:0",
        "--group=root:0",
        "--mode=u=rwX,go=rX",
        f"--mtime=@{source_epoch()}",
    )
    _run(
        "tar",
        *same,
        f"--transform=s,^{folder.name},{target.stem},",
        "-cf",
        str(target),
        "-C",
        str(folder.parent),
        folder.name,
    )


def _sign(files: Path, key: Path) -> None:
    """Signs as bundles are signed; openssl asks for the passphrase, and checks the signature on the other side."""
    sums = str(files / "SHA256SUMS")
    _run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key), "-in", sums, "-out", f"{sums}.sig")


def _next_steps(version: str, output: Path, tag: str | None, *, is_good: bool) -> Iterator[str]:
    yield f"{output / 'files'}: {len(list((output / 'files').iterdir()))} files"
    yield f"{output / 'notes.md'}: the notes"
    if '\nSource = "' not in (ROOT / "pyproject.toml").read_text():
        yield "note: pyproject.toml has no Source in [project.urls]: the page of the index has no links to other pages"
    if is_good and tag is None:
        yield f'next: git tag -s v{version} -m "bundler {version}" && git push origin v{version}'


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _run(*command: str, **environment: str) -> None:
    print(" ".join(Path(word).name if word == sys.executable else word for word in command), file=sys.stderr)
    if subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdout=sys.stderr).returncode:
        raise DistError(f"{' '.join(command[:3])} failed")


if __name__ == "__main__":
    sys.exit(main())
