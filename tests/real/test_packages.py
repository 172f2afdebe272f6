"""The sdist and the wheel are what an index takes and what pipx and uv install; the libraries come from a folder, not from an index."""

from __future__ import annotations

import email
import email.message
import io
import os
import runpy
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from bundler import __version__
from tests.support.images import simple
from tests.support.parts import require
from tests.support.sweeps import IS_FULL
from tests.support.wheels import pack_libraries, required

ROOT = Path(__file__).parents[2]
VENV = Path(sys.executable).parent
EPOCH = "1700000000"
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def distribution() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")
        yield


@pytest.fixture(scope="module")
def package(distribution, tmp_path_factory) -> Path:
    from distribution.source import build_sdist, build_wheel

    folder = tmp_path_factory.mktemp("package")
    build_wheel(build_sdist(folder, epoch=EPOCH), folder, epoch=EPOCH)
    return folder


@pytest.fixture(scope="module")
def wheel(package) -> Path:
    return package / f"image_bundler-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def sdist(package) -> Path:
    return package / f"image_bundler-{__version__}.tar.gz"


def about(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"image_bundler-{__version__}.dist-info/METADATA"))


def test_the_judge_of_the_index_has_no_complaint(wheel, sdist):
    done = subprocess.run([VENV / "twine", "check", "--strict", wheel, sdist], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_metadata_say_what_is_true(wheel):
    found = about(wheel)
    assert (found["Name"], found["License-Expression"]) == ("image-bundler", "Apache-2.0")
    assert found.get_all("License-File") == ["LICENSE"]
    assert found["License"] is None
    assert not [each for each in found.get_all("Classifier") or () if each.startswith("License ::")]
    page = str(found.get_payload())
    assert "# bundler\n" in page
    assert "](docs/" not in page, "a link that leads nowhere on the page of an index"


def test_the_sdist_has_the_pages_and_tests_and_nothing_of_the_machine(sdist):
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    start = f"image_bundler-{__version__}/"
    names = {each.name.removeprefix(start) for each in members if each.isfile()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {name for name in tracked if (ROOT / name).is_file()} <= names
    generated = {name for name in names if name.startswith("image_bundler.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    git = ["git", "ls-files", "-o", "--exclude-standard"]
    added = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert names - generated - set(tracked) <= set(added)
    assert {(each.mtime, each.uid, each.gid, each.uname, each.gname) for each in members} == {
        (int(EPOCH), 0, 0, "", "")
    }
    assert {each.mode for each in members} <= {0o755, 0o644}


def test_the_wheel_has_the_files_that_are_no_modules(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    page = f"image_bundler-{__version__}.data/data/share/man/man1/bundler.1"
    assert {
        "bundler/py.typed",
        "bundler/bundle/restore.py",
        "bundler/bundle/FORMAT.md",
        "bundler/bundler.1",
        page,
    } <= names
    assert {"bundler/locale/zh/LC_MESSAGES/bundler.mo", "bundler/views/html/style.css"} <= names


if IS_FULL:

    def test_a_wheel_of_the_checkout_has_the_same_bytes_as_that_of_the_sdist(distribution, wheel, tmp_path):
        from distribution import source

        source._copy_source(tmp_path / "tree")
        (made,) = source._built("build_wheel", tmp_path / "tree", tmp_path / "made", EPOCH)
        with zipfile.ZipFile(made) as one, zipfile.ZipFile(wheel) as other:
            assert one.namelist() == other.namelist()
            assert [name for name in one.namelist() if one.read(name) != other.read(name)] == []


def test_an_sdist_has_the_same_bytes_whatever_the_machine_called_its_files(distribution, tmp_path):
    from distribution.source import _normal

    made = []
    for number, (mode, user) in enumerate(((0o600, "a"), (0o664, "b"))):
        path = tmp_path / f"{number}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name in ("x/b", "x/a") if number else ("x/a", "x/b"):
                info = tarfile.TarInfo(name)
                info.size, info.mode, info.uname, info.uid, info.mtime = 1, mode, user, number, 1000.5 + number
                archive.addfile(info, io.BytesIO(name[-1:].encode()))
        made.append(_normal(path, int(EPOCH)))
    assert made[0] == made[1]


def test_links_of_the_page_are_absolute_where_the_source_has_an_address_and_text_where_not():
    long_description = runpy.run_path(str(ROOT / "setup.py"))["long_description"]
    text = (
        '[中文](README.zh-CN.md)\n\n<picture>\n  <source srcset="docs/a.svg">\n  <img src="docs/b.svg">\n</picture>\n\nSee [x](docs/x.md#y), [z](https://z) '
        "and [w](#w).\n\n![shown](docs/c.svg)\n\nEnd\n"
    )
    assert long_description(text, "", "1.0") == "See x, [z](https://z) and [w](#w).\n\nEnd\n"
    host = "https://example.com/a"
    assert long_description(text, host, "1.0") == (
        f'[中文]({host}/blob/v1.0/README.zh-CN.md)\n\n<picture>\n  <source srcset="{host}/raw/v1.0/docs/a.svg">\n  <img src="{host}/raw/v1.0/docs/b.svg">\n'
        f"</picture>\n\nSee [x]({host}/blob/v1.0/docs/x.md#y), [z](https://z) and [w](#w).\n\n![shown]({host}/raw/v1.0/docs/c.svg)\n\nEnd\n"
    )
    assert "<img" in README, "there is a picture to leave out"


INSTALLERS = {
    "uv": (VENV / "uv", "tool", "install", "--quiet", "--no-python-downloads", "--python", sys.executable),
    "pipx": (VENV / "pipx", "install", "--quiet", "--python", sys.executable),
}
if IS_FULL:
    INSTALLERS["pipx by pip"] = (VENV / "pipx", "install", "--backend", "pip", "--quiet", "--python", sys.executable)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("libraries")
    pack_libraries(folder, *required(metadata.distribution("image-bundler")))
    return folder


@pytest.mark.parametrize("how", INSTALLERS)
def test_it_is_installed_as_people_do_and_carries_an_image(how, wheel, libraries, keys, tmp_path):
    require("unshare")
    bare = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    alone: tuple[str, ...] = ("unshare", "-n")
    offline = {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(libraries)}
    if how == "pipx by pip":  # it wants a new pip first, which an index has
        alone, offline = (), {**os.environ, "PIP_FIND_LINKS": str(libraries)}
    done = subprocess.run([*alone, *INSTALLERS[how], wheel], env={**offline, **bare}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

    def bundler(*words: object) -> str:
        command = ["unshare", "-n", tmp_path / "home/.local/bin/bundler", *words]
        ran = subprocess.run(command, env=bare, capture_output=True, text=True, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert bundler("--version") == f"bundler {__version__}\n"
    assert "Usage: bundler" in bundler("--help")
    assert "bundler" in bundler("completion", "bash")
    page = bundler("man")
    assert "\n.SH EXIT STATUS" in page
    if how != "uv":
        assert (tmp_path / "home/.local/share/man/man1/bundler.1").read_text() == page
    simple("one", 3000).write_layout(tmp_path / "layout", "example.com/a/one:1")
    bundler("export", "oci:layout", "-o", "medium", "--name", "test", "--key", keys[0])
    bundler("import", "medium/test", "--trust", keys[1], "--to", "oci:new")
    assert (tmp_path / "new/index.json").is_file()
