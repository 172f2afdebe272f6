"""scripts/dist: the tool is built from the index, crosses in a bundle, and is installed where there is no network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bundler.core import roles
from tests.support.images import simple
from tests.support.parts import require
from tests.support.schemas import sbom_error
from tests.support.sweeps import IS_FULL

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = platform.machine()
INSTALL = ROOT / "scripts/distribution/install.sh"
NO_NETWORK = ("unshare", "-n")


def run(*command: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with next to nothing in its environment."""
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        text=True,
        capture_output=True,
        timeout=600,
    )


def build(folder: Path, *arguments: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "distribution", "-o", folder, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """The distribution for the Python of these tests; for all of them with FULL=1."""
    require("dpkg-deb", *NO_NETWORK[:1])
    folder = tmp_path_factory.mktemp("dist") / "dist"
    return build(folder, *([] if IS_FULL else ["--python", PYTHON, "--machine", MACHINE, "--only", "wheels"]))


def base_pythons() -> list[str]:
    """The Pythons to install with: that of these tests; with FULL=1 also those of pyenv."""
    own = os.path.realpath(sys.executable)
    if not IS_FULL:
        return [own]
    found = Path.home().glob(".pyenv/versions/3.1[0-3].*/bin/python3")
    return [own, *map(str, sorted(found))]


def test_all_files_are_listed_and_a_bundle_and_every_medium_can_have_their_names(dist):
    assert run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=dist).returncode == 0
    for folder in filter(Path.is_dir, dist.iterdir()):
        assert run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=folder).returncode == 0
        names = [path.name for path in folder.iterdir() if path.name != "SHA256SUMS"]
        assert [name for name in names if not roles.is_listable(f"tool/{name}")] == []
        assert [name for name in names if len(name) > 64] == [], "Joliet would cut them"
    own = zipfile.ZipFile(next(dist.glob("wheels/image_bundler-*.whl"))).namelist()
    assert {"bundler/py.typed", "bundler/locale/zh/LC_MESSAGES/bundler.mo", "bundler/bundle/FORMAT.md"} <= set(own)
    assert [name for name in own if not name.startswith(("bundler/", "image_bundler-"))] == []


def test_the_sbom_lists_every_wheel_with_its_hash_and_licence(dist):
    text = (dist / "wheels/sbom.cdx.json").read_text()
    assert sbom_error(text) is None
    document = json.loads(text)
    own = document["metadata"]["component"]
    components = [own, *document["components"]]
    listed = {each["name"]: each["hashes"] for component in components for each in component["components"]}
    wheels = {path.name: path.read_bytes() for path in dist.glob("wheels/*.whl")}
    assert listed == {
        name: [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}] for name, content in wheels.items()
    }
    assert [each["name"] for each in components if not each["licenses"]] == []
    assert {each["purl"] for each in components} == {
        f"pkg:pypi/{each['name']}@{each['version']}" for each in components
    }
    needed = next(each["dependsOn"] for each in document["dependencies"] if each["ref"] == own["bom-ref"])
    names = {each.partition("@")[0].removeprefix("pkg:pypi/") for each in needed}
    assert {"click", "cryptography", "urllib3"} <= names
    assert "sigstore" not in names, "it is an extra"
    by_name = {each["ref"].partition("@")[0]: each["dependsOn"] for each in document["dependencies"]}
    assert by_name["pkg:pypi/urllib3"] == [], "its extra zstd wants backports-zstd, which is here for another reason"


def test_no_file_that_is_written_names_the_host_of_an_index(dist):
    settings = subprocess.run([sys.executable, "-m", "pip", "config", "list"], text=True, capture_output=True).stdout
    settings += " ".join(value for name, value in os.environ.items() if name.startswith("PIP_"))
    hosts = {host for host in re.findall(r"://([^/\s'\"]+)/", settings) if host}
    packed = (".whl", ".pyz", ".deb", ".tar", ".gz")
    written = [path for path in dist.rglob("*") if path.is_file() and path.suffix not in packed]
    written_texts = [path.read_text() for path in written]
    with zipfile.ZipFile(next(dist.glob("wheels/image_bundler-*.whl"))) as wheel:
        written_texts += [wheel.read(name).decode("utf-8", "replace") for name in wheel.namelist()]
    for host in (*hosts, "file:///"):
        assert not any(host in text for text in written_texts if "tests" not in text), host


@pytest.mark.parametrize("python", base_pythons())
def test_from_a_bundle_it_is_installed_and_imports_that_bundle_without_any_network(
    dist, bundler, keys, tmp_path, python
):
    simple("one", 3000).write_layout(tmp_path / "layout", "example.com/a/one:1")
    made = bundler("export", f"oci:{tmp_path / 'layout'}", "-o", tmp_path / "medium", "--name", "test", "--key", keys[0],
                   "--with-tool", dist / "wheels")  # fmt: skip
    assert made.code == 0, made.err
    bundle = tmp_path / "medium/test"
    (way,) = set(re.findall(r"^ +(sh tool/install\.sh)$", (bundle / "README.txt").read_text(), re.MULTILINE))
    home = {"HOME": str(tmp_path / "home"), "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PYTHONPATH": "/nowhere"}
    install = [*NO_NETWORK, "sh", "-c", f"{way} --prefix '{tmp_path}/op t' --python {python}"]
    done = run(*install, cwd=bundle, **home)
    assert done.returncode == 0, done.stdout + done.stderr
    command = tmp_path / "op t/bin/bundler"
    assert f"the command: {command}" in done.stdout
    assert f"to uninstall: rm -r {tmp_path}/op t\n" in done.stdout
    assert not (tmp_path / "home").exists()
    checked = run(*NO_NETWORK, command, "verify", bundle, "--trust", keys[1], **home)
    assert checked.returncode == 0, checked.stderr
    receipt = tmp_path / "receipt.json"
    arguments = ("import", bundle, "--trust", keys[1], "--to", f"oci:{tmp_path}/new", "--receipt", receipt)
    imported = run(*NO_NETWORK, command, *arguments, **home)
    assert imported.returncode == 0, imported.stderr
    again = run(*install, cwd=bundle, **home)
    assert (again.returncode, "is installed already" in again.stdout) == (0, True)


FAKE_PIP = """
import os, sys
if os.path.exists("{folder}/fails"):
    sys.exit("pip fails")
assert os.environ["PIP_CONFIG_FILE"] == "/dev/null" and "PIP_INDEX_URL" not in os.environ
path = os.path.join(sys.prefix, "bin/bundler")
with open(path, "w") as file:
    file.write("#!/bin/sh\\necho bundler 1.2.3\\n")
os.chmod(path, 0o755)
"""


@pytest.fixture
def small(tmp_path) -> Path:
    """A folder like dist/wheels whose pip only makes the command, so that an installation takes no time."""
    folder = tmp_path / "small"
    folder.mkdir()
    tag = f"cp{PYTHON.replace('.', '')}"
    for name in ("image_bundler-1.2.3-py3-none-any.whl", f"cffi-1-{tag}-{tag}-manylinux_2_17_{MACHINE}.whl"):
        (folder / name).write_bytes(name.encode())
    with zipfile.ZipFile(folder / "pip-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pip/__main__.py", FAKE_PIP.format(folder=folder))
    shutil.copy(INSTALL, folder)
    list_files(folder)
    return folder


def list_files(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture
def install(small, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    python = os.path.realpath(sys.executable)

    def install(*more: object, python: str = python, prefix: Sequence[object] = ("--prefix", tmp_path / "opt"),
                **environment: str):  # fmt: skip
        return run("sh", small / "install.sh", "--python", python, *prefix, *more, **environment)

    return install


def other_glibc(folder: Path) -> None:
    (wheel,) = folder.glob("cffi-*")
    wheel.rename(str(wheel).replace("2_17", "9_99"))
    list_files(folder)


def of_another_python(folder: Path) -> None:
    (wheel,) = folder.glob("cffi-*")
    wheel.rename(re.sub("cp3[0-9]+", "cp399", str(wheel)))
    list_files(folder)


REFUSED: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "a changed wheel": (lambda folder: next(folder.glob("cffi-*")).write_bytes(b"evil"), 4, r"cffi-.*: FAILED"),
    "a wheel that is not listed": (lambda folder: (folder / "click-9-py3-none-any.whl").touch(), 4, "does not list"),
    "a wheel whose name is a pattern for a listed one": (lambda folder: (folder / "image.bundler-1.2.3-py3-none-any.whl").touch(), 4, "does not list"),
    "a wheel whose name has two lines": (lambda folder: (folder / "x-1-py3-none-any\npip-1-py3-none-any.whl").touch(), 4, "does not list"),
    "a missing wheel": (lambda folder: next(folder.glob("cffi-*")).unlink(), 4, r"cffi-.*: FAILED"),
    "no wheels": (lambda folder: [path.unlink() for path in folder.glob("*.whl")], 2, "there are no wheels"),
    "no list": (lambda folder: (folder / "SHA256SUMS").unlink(), 2, "SHA256SUMS is missing"),
    "an empty list": (lambda folder: (folder / "SHA256SUMS").write_text(""), 2, "lists no file of this folder"),
    "another Python": (of_another_python, 9, r"for CPython 3\.99 on \S+ *\nfound:\n .*: no wheels for it here"),
    "a newer glibc": (other_glibc, 9, r"needs glibc 9\.99 or newer, and has glibc 2\."),
    "pip fails": (lambda folder: ((folder / "fails").touch(), list_files(folder)), 8, "pip could not install"),
    "a foreign folder": (lambda folder: shutil.copytree(folder, folder.parent / "opt/x"), 2, "has files that are not"),
    "a foreign command": (lambda folder: ((folder.parent / "opt/bin").mkdir(parents=True), (folder.parent / "opt/bin/bundler").touch(),
                                          (folder.parent / "opt/bundler-0-x").mkdir()), 2, "is no link to an installation"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_nothing_is_installed_where_something_is_wrong_and_the_reason_is_said(small, install, tmp_path, how):
    change, code, reported = REFUSED[how]
    change(small)
    before = sorted(tmp_path.rglob("*"))
    done = install()
    assert done.returncode == code, done.stderr
    assert re.search(reported, done.stderr), done.stderr
    assert "\n  -> " in done.stderr
    left = set(tmp_path.rglob("*")) - set(before)
    assert left <= {tmp_path / "opt"}


def test_pip_gets_the_listed_wheels_alone_and_a_list_in_the_folder_of_a_bundle_counts_for_nothing(small, tmp_path):
    """pip follows the links of HTML files in its folder. A list that a stranger put there would hide a changed wheel."""
    (small / "pip-1-py3-none-any.whl").unlink()
    with zipfile.ZipFile(small / "pip-1-py3-none-any.whl", "w") as wheel:
        seen = "import os, sys\nprint(sorted(os.listdir(sys.argv[sys.argv.index('--find-links') + 1])))\n"
        wheel.writestr("pip/__main__.py", seen + FAKE_PIP.format(folder=small))
    bundle = small.parent / "bundle"
    bundle.mkdir()
    list_files(small)
    lines = (small / "SHA256SUMS").read_text().replace("  ", "  tool/")
    wheels = sorted(path.name for path in small.glob("*.whl"))
    (bundle / "SHA256SUMS").write_text(lines)
    tool = small.rename(bundle / "tool")
    (tool / "links.html").write_text('<a href="/tmp/click-99-py3-none-any.whl">click</a>')
    done = run("sh", tool / "install.sh", "--python", sys.executable, "--prefix", tmp_path / "opt")
    assert (done.returncode, str(wheels) in done.stdout) == (0, True), done.stdout + done.stderr
    assert not list((tmp_path / "opt").glob("*/wheels"))
    with zipfile.ZipFile(tool / "pip-1-py3-none-any.whl", "a") as wheel:
        wheel.writestr("evil", "")
    list_files(tool)
    done = run("sh", tool / "install.sh", "--python", sys.executable, "--prefix", tmp_path / "opt2")
    assert (done.returncode, "pip-1-py3-none-any.whl: FAILED" in done.stderr) == (4, True), done.stdout + done.stderr


def test_a_version_takes_the_place_of_another_and_the_old_one_is_left_until_then(small, install, tmp_path):
    assert install().returncode == 0
    command = tmp_path / "opt/bin/bundler"
    first = command.resolve()
    (small / "note.txt").write_text("newer")
    (small / "fails").touch()
    list_files(small)
    assert install().returncode == 8
    assert (command.resolve(), run(command).stdout) == (first, "bundler 1.2.3\n")
    (small / "fails").unlink()
    list_files(small)
    done = install()
    assert done.returncode == 0
    assert command.resolve() != first
    assert f"an older installation is left: rm -r {first.parents[1]}\n" in done.stdout


def test_an_installation_that_was_interrupted_is_made_again(small, install, tmp_path):
    assert install().returncode == 0
    made = (tmp_path / "opt/bin/bundler").resolve().parents[1]
    (made / "complete").unlink()
    (made / "bin/bundler").unlink()
    assert install().returncode == 0
    assert run(tmp_path / "opt/bin/bundler").stdout == "bundler 1.2.3\n"


def test_without_a_folder_it_goes_into_the_home_of_its_user_and_with_a_relative_one_into_the_working_folder(
    small, install, tmp_path
):
    if os.geteuid() == 0:
        assert (
            "prefix=/opt/bundler bin=/usr/local/bin" in INSTALL.read_text()
        )  # not tried: it would be the machine's own
    done = install(prefix=("--prefix", "near"), cwd=tmp_path)
    assert (done.returncode, (tmp_path / "near/bin/bundler").resolve().is_file()) == (0, True)
    for wrong in (("--prefix",), ("--what",)):
        assert install(prefix=wrong).returncode == 2
    assert "sh install.sh [--prefix DIR]" in run("sh", INSTALL, "--help").stdout


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> Path:
    """A folder of libraries that suffices for ``bundler --version``."""
    import click

    folder = tmp_path_factory.mktemp("root") / "root/usr/lib/bundler"
    ignored = shutil.ignore_patterns("__pycache__", "locale")
    shutil.copytree(ROOT / "bundler", folder / "bundler", ignore=ignored)
    shutil.copytree(Path(click.__file__).parent, folder / "click", ignore=ignored)
    return folder


@pytest.fixture
def distribution(monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")


def test_the_package_of_debian_has_the_command_and_its_manual_and_leaves_other_files_alone(
    distribution, libraries, tmp_path
):
    package = small_package(tmp_path, libraries, "0.2.0")
    use_package(package, tmp_path / "there")
    log = run("gzip", "-dc", tmp_path / "there/usr/share/doc/image-bundler/changelog.gz").stdout
    assert log.startswith("image-bundler (0.2.0) unstable; urgency=medium\n\n  * Export: more (docs).\n")
    assert log.endswith(">  Tue, 14 Nov 2023 22:13:20 -0000\n")
    shells = {
        "bash-completion/completions/bundler",
        "zsh/vendor-completions/_bundler",
        "fish/vendor_completions.d/bundler.fish",
    }
    assert {(tmp_path / "there/usr/share" / name).read_text() for name in shells} == {"# bash", "# zsh", "# fish"}


def small_package(place: Path, libraries: Path, version: str) -> Path:
    from distribution.deb import SHELLS, Papers, build_deb

    root = place / f"root-{version}"
    shutil.copytree(libraries, root / "usr/lib/bundler")
    papers = Papers(
        b".TH X 1\n", {shell: f"# {shell}" for shell in SHELLS}, "### Added\n\n- **Export**: more ([docs](x)).\n"
    )
    build_deb(root, place / f"{version}.deb", papers, version=version, machine=MACHINE, epoch="1700000000")
    return place / f"{version}.deb"


LIFE = """
set -eu
mkdir {place}/layer && mount -t tmpfs tmpfs {place}/layer
for folder in usr var etc; do
  mkdir {place}/layer/$folder {place}/layer/$folder.work
  mount -t overlay -o lowerdir=/$folder,upperdir={place}/layer/$folder,workdir={place}/layer/$folder.work none /$folder
done
{fast}
dpkg --no-triggers -i {old}
bundler --version
test -d /usr/lib/bundler/bundler/__pycache__
for folder in .config .local/state .cache; do mkdir -p "$HOME/$folder/bundler"; touch "$HOME/$folder/bundler/mine"; done
dpkg --no-triggers -i {new}
dpkg-query -f '${{Version}} ${{Conffiles}}\n' -W image-bundler
bundler --version
dpkg --no-triggers -P image-bundler
for path in lib/bundler bin/bundler share/doc/image-bundler share/man/man1/bundler.1.gz; do
  [ ! -e /usr/$path ] || exit 1
done
"""
"""Real dpkg on this machine's own system, of which nobody else sees the changes."""


def test_an_upgrade_and_a_removal_leave_the_data_of_people_and_nothing_of_the_package(
    distribution, libraries, tmp_path
):
    require("unshare", "dpkg")
    old, new = (small_package(tmp_path, libraries, version) for version in ("0.2.0", "0.2.1"))
    (tmp_path / "home").mkdir()
    fast = "" if IS_FULL else "rm -f /usr/bin/py3compile /usr/bin/py3clean"  # as where they are missing, and faster
    script = LIFE.format(place=tmp_path, old=old, new=new, fast=fast)
    done = run(
        "unshare", "-n", "-m", "sh", "-c", script, PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME=str(tmp_path / "home")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0.2.1 \n" in done.stdout, "there are no conffiles"
    left = {path.relative_to(tmp_path / "home").as_posix() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert left == {f"{folder}/bundler/mine" for folder in (".config", ".local/state", ".cache")}


def use_package(package: Path, place: Path) -> None:
    """Unpacks a package, and runs its command where it would be, seen only here."""
    assert run("dpkg-deb", "-x", package, place).returncode == 0
    assert {path.name for path in (place / "usr").iterdir()} == {"bin", "lib", "share"}
    assert {path.name for path in (place / "usr/lib").iterdir()} == {"bundler"}
    script = f"mount -t overlay -o lowerdir={place}/usr:/usr none /usr && exec bundler --version"
    done = run("unshare", "-n", "-m", "sh", "-c", script)
    assert re.match(r"bundler \d", done.stdout), done.stderr
    control = run("dpkg-deb", "-f", package).stdout
    assert "Package: image-bundler\n" in control, "bundler is Ruby's"
    assert ".TH " in run("gzip", "-dc", place / "usr/share/man/man1/bundler.1.gz").stdout


def test_one_file_is_the_command_for_every_python_and_says_which_it_needs(distribution, libraries, tmp_path):
    from distribution.pyz import build_pyz

    build_pyz(libraries, tmp_path / "x.pyz", epoch="1700000000")
    home = {"HOME": str(tmp_path / "home")}
    done = run(*NO_NETWORK, os.path.realpath(sys.executable), tmp_path / "x.pyz", "--version", **home)
    assert re.match(r"bundler \d", done.stdout), done.stderr
    preamble = (ROOT / "scripts/distribution/preamble.py").read_text()
    old = run(sys.executable, "-c", f"import sys; sys.version_info = (3, 9, 0)\n{preamble}")
    assert (old.returncode, "needs Python 3.10 to 3.14" in old.stderr) == (1, True)


def tar_of(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def test_an_image_has_the_libraries_of_its_python_and_nothing_of_the_machine_that_made_it(
    distribution, here, keys, monkeypatch, target, tmp_path
):
    from distribution import image

    base = {
        "./usr/bin/python3.11": b"python",
        "./usr/share/ca-certificates/mozilla/a.crt": b"A\n",
        "./usr/share/ca-certificates/mozilla/b.crt": b"B",
        **dict.fromkeys(
            ("./etc/resolv.conf", "./etc/hostname", "./etc/apt/sources.list", "./var/lib/x", "./x"), b"host"
        ),
        "./usr/share/doc/python3/copyright": b"",
    }
    monkeypatch.setattr(image, "_debootstrapped", lambda machine: tar_of(base))
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "inner").mkdir(mode=0o700)
    (libraries / "inner/d.py").touch(mode=0o600)
    for name in ("a.py", "b.abi3.so", "c.cpython-311-x86_64-linux-gnu.so", "c.cpython-312-x86_64-linux-gnu.so"):
        (libraries / name).write_text(name)
    file = tmp_path / "image.tar"
    image.build_image(libraries, file, version="1.2.3", machine="x86_64", epoch=1_700_000_000)
    first = file.read_bytes()
    image.build_image(libraries, file, version="1.2.3", machine="x86_64", epoch=1_700_000_000)
    assert file.read_bytes() == first
    pushed = f"docker://{target.host}/tools/bundler:1.2.3"
    copied = run("skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{file}", pushed)
    assert copied.returncode == 0, copied.stderr
    shown = json.loads(run("skopeo", "inspect", "--config", "--tls-verify=false", pushed).stdout)
    assert shown["config"]["Entrypoint"] == ["/usr/bin/bundler"]
    assert shown["config"]["User"] == "65532:65532"
    labels = {
        name.removeprefix("org.opencontainers.image."): value for name, value in shown["config"]["Labels"].items()
    }
    assert (labels["version"], labels["licenses"], labels["created"]) == ("1.2.3", "Apache-2.0", "2023-11-14T22:13:20Z")
    with tarfile.open(file) as archive:
        (saved,) = json.loads(archive.extractfile("manifest.json").read())
        names, contents, hidden = set(), b"", set()
        for layer in saved["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer), mode="r:gz") as inner:
                names |= set(inner.getnames())
                hidden |= {
                    each.name
                    for each in inner
                    if each.mode & 0o005 != (0o005 if each.isdir() else each.mode & 0o001 | 0o004)
                }
                contents += b"".join(inner.extractfile(each).read() for each in inner if each.isreg())
    assert names == {
        "usr/bin/python3.11", "usr/bin/bundler", "var", "var/tmp", "work", "etc/passwd", "etc/group",
        "etc/ssl/certs/ca-certificates.crt", "usr/lib/bundler/a.py", "usr/lib/bundler/b.abi3.so",
        "usr/lib/bundler/c.cpython-311-x86_64-linux-gnu.so", "usr/lib/bundler", "usr/lib/bundler/inner", "usr/lib/bundler/inner/d.py",
    }  # fmt: skip
    assert hidden == set(), "every user of a container may read all of it"
    assert b"A\nB\n" in contents
    assert here("verify", file).code == 0
    made = here("export", f"oci-archive:{file}", "-o", tmp_path, "--name", "itself", "--key", keys[0])
    assert made.code == 0, made.err
    done = here("import", tmp_path / "itself", "--trust", keys[1], "--to", f"{target.host}/carried")
    assert done.code == 0, done.err
    carried = f"docker://{target.host}/carried/library/bundler:1.2.3"
    digests = {run("skopeo", "inspect", "--raw", "--tls-verify=false", each).stdout for each in (pushed, carried)}
    assert len(digests) == 1, "it carries itself, byte for byte"


if IS_FULL:

    def test_the_real_image_runs_in_a_daemon_without_network(dist, daemon):
        (file,) = dist.glob(f"image/*-{MACHINE}.tar")
        (loaded,) = re.findall(r"^Loaded image: (\S+)$", daemon.docker("load", "-i", str(file)).stdout, re.MULTILINE)
        for user in ((), ("--user", "1000")):
            done = daemon.docker("run", "--rm", "--network", "none", *user, "--read-only", loaded, "--version")
            assert re.match(r"bundler \d", done.stdout)

    def test_the_dockerfile_builds_an_image_from_the_wheels_without_network(dist, disk_path):
        """buildah builds it; a namespace without any interface keeps the network away."""
        require("buildah", "mmdebstrap", "unshare")
        release = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
        base = disk_path / "base.tar"
        packages = "--include=python3,python3-venv"
        made = run("mmdebstrap", "--quiet", "--variant=minbase", packages, release[1], base, TMPDIR=str(disk_path))
        assert made.returncode == 0, made.stderr
        buildah = f"buildah --storage-driver vfs --root {disk_path}/root --runroot {disk_path}/run"
        script = (
            f"container=$({buildah} from scratch) && {buildah} add -q $container {base} / && {buildah} commit -q $container base:1"
            f" && cd {dist}/wheels && {buildah} bud --isolation chroot -f dockerfile --build-arg BASE=localhost/base:1 -t made:1 ."
            f" && {buildah} run --isolation chroot --user 65532 $({buildah} from made:1) -- /opt/bundler/bin/bundler --version"
        )
        done = run("unshare", "-n", "sh", "-c", script)
        assert re.match(r"bundler \d", done.stdout.splitlines()[-1]), done.stdout + done.stderr
        run("sh", "-c", f"{buildah} rm --all; {buildah} rmi --all --force")

    def test_the_real_packages_run_in_every_python_and_all_pairs_have_their_wheels(dist, tmp_path):
        (package,) = dist.glob("deb/*_amd64.deb" if MACHINE == "x86_64" else "deb/*_arm64.deb")
        use_package(package, tmp_path / "there")
        require("lintian")
        judged = run("lintian", "--fail-on", "error", package, HOME=str(tmp_path))
        assert judged.returncode == 0, judged.stdout
        (one_file,) = dist.glob(f"pyz/*-{MACHINE}.pyz")
        for python in base_pythons():
            done = run(*NO_NETWORK, python, one_file, "--version", HOME=str(tmp_path / "home"))
            assert re.match(r"bundler \d", done.stdout), done.stderr
        names = [path.name for path in dist.glob("wheels/cffi-*")]
        assert len(names) == 5 * 2


def test_names_of_wheels_are_cut_to_the_oldest_glibc_and_others_are_refused(distribution):
    from distribution.wheels import DistError, short_name

    for name, short in {
        "a-1-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl": "a-1-cp310-cp310-manylinux_2_17_x86_64.whl",
        "PyX-1-cp36-abi3-manylinux1_x86_64.manylinux_2_28_x86_64.whl": "pyx-1-cp36-abi3-manylinux_2_5_x86_64.whl",
        "a-1-cp310-cp310-manylinux_2_28_aarch64.whl": "a-1-cp310-cp310-manylinux_2_28_aarch64.whl",
        "a-1-py2.py3-none-any.whl": "a-1-py2.py3-none-any.whl",
    }.items():
        assert short_name(name) == short
    for name in ("a-1-cp310-cp310-win_amd64.whl", f"{'a' * 60}-1-py3-none-any.whl"):
        with pytest.raises(DistError):
            short_name(name)
