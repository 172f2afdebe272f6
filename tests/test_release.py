"""scripts/release names each thing that hinders a release, and makes files that can be checked without it."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bundler import __version__

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import changelog  # noqa: E402
from distribution import release  # noqa: E402

TODAY = datetime.now(timezone.utc).date().isoformat()
GOOD = f"""# Changelog

As https://keepachangelog.com/en/1.1.0/ has it.

## [Unreleased]

## [1.2.3] - {TODAY}

### Added

- **Export**: more.
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A clean clone that is ready for 1.2.3."""
    (tmp_path / "bundler").mkdir()
    (tmp_path / "bundler/__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(GOOD)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(changelog, "CHANGELOG", tmp_path / "CHANGELOG.md")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(place: Path, *words: str) -> None:
    person = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *person, *words], cwd=place, check=True, capture_output=True)


def commit(place: Path) -> None:
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "Change", "--allow-empty")


def faults(tag: str | None = None) -> list[str]:
    return list(release._faults(release._version(), tag))


def test_a_clean_clone_with_a_dated_section_is_ready(place):
    assert faults() == []
    git(place, "tag", "v1.2.3")
    assert faults("v1.2.3") == []


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("[1.2.3]", "[1.2.4]", "no heading ## [1.2.3]"),
        (TODAY, "2020-01-01", f"dates 1.2.3 2020-01-01, and today is {TODAY}"),
        ("[Unreleased]\n", "[Unreleased]\n\n### Fixed\n\n- **Import**: less.\n", "below [Unreleased] would not be in the notes"),
        ("### Added", "### Media", "none of Added"),
    ],
    ids=["no section", "an old date", "lines for later", "another form"],
)  # fmt: skip
def test_a_changelog_that_is_not_ready_is_named(place, old, new, reported):
    (place / "CHANGELOG.md").write_text(GOOD.replace(old, new))
    commit(place)
    found = faults()
    assert reported in "\n".join(found)


def test_changed_files_another_tag_and_a_tag_that_exists_are_named(place):
    (place / "new").touch()
    assert faults() == ["1 files are not as they were committed, the first: ?? new"]
    commit(place)
    assert faults("v1.2.4") == ["the tag is v1.2.4, and bundler/__init__.py says 1.2.3"]
    git(place, "tag", "v1.2.3")
    assert faults() == ["the tag v1.2.3 exists: raise the version in bundler/__init__.py"]


def test_the_files_are_listed_and_signed_as_bundles_are(keys, tmp_path, monkeypatch):
    """scripts/dist is replaced by the files that it makes: tests/real/test_packages.py and test_distribution.py build them."""
    real = release._run

    def run(*command: str, **environment: str) -> None:
        if command[:3] == (sys.executable, "-m", "distribution"):
            for name in ("package/a.whl", "package/SHA256SUMS", "deb/a.deb", "wheels/b.whl", "wheels/install.sh"):
                path = Path(command[4], name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(name)
        elif command[2:3] != ("twine",):
            real(*command, **environment)

    monkeypatch.setattr(release, "_run", run)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    release._build(tmp_path / "out", __version__, kinds=())
    files = tmp_path / "out/files"
    assert {path.name for path in files.iterdir()} == {
        "a.whl",
        "a.deb",
        f"bundler-{__version__}-wheels.tar",
        "SHA256SUMS",
    }
    listed = subprocess.run(
        ["tar", "tf", files / f"bundler-{__version__}-wheels.tar"], capture_output=True, text=True
    ).stdout
    assert f"bundler-{__version__}-wheels/install.sh\n" in listed
    assert (tmp_path / "out/notes.md").read_text().strip()
    release._sign(files, keys[0])
    checks = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        keys[1],
        "-in",
        "SHA256SUMS",
        "-sigfile",
        "SHA256SUMS.sig",
    ]
    for command in (checks, ["sha256sum", "--strict", "-c", "SHA256SUMS"]):
        assert subprocess.run(command, cwd=files, capture_output=True).returncode == 0
