"""Promise 9: an auditor checks a bundle with openssl and sha256sum alone, and restores it with tar.

The commands are taken out of the bundle's own README.txt, so that what it says is what is tried.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from bundler.bundle import signing
from tests.support import months
from tests.support.images import Image, every_kind, image, layer_tar, sha256, simple, zstd
from tests.support.parts import require, shell, skopeo_raw

BIG = image([gzip.compress(layer_tar("big", 2_500_000), mtime=0), gzip.compress(layer_tar("small"), mtime=0)])
TEXT = simple("text")


@pytest.fixture
def bundle(bundler, new_registry, keys, image_list, tmp_path) -> tuple[Path, str]:
    """A bundle with a blob that is cut into three parts, and the registry that its images are named after."""
    registry = new_registry()
    BIG.push(registry, "team/big", "1")
    TEXT.push(registry, "library/text", "2")
    listed = image_list(registry, "team/big:1", "library/text:2")
    done = bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--chunk-size", "1MiB")
    assert done.code == 0, done.err
    return tmp_path / "test", registry.host


def commands(readme: str, begin: str, end: str, *, indent: int) -> str:
    """The lines of a section of README.txt that are indented as commands are there."""
    section = readme.partition(begin)[2].partition(end)[0]
    return "\n".join(line for line in section.splitlines() if line.startswith(" " * indent))


def key_id(path: Path) -> str:
    return signing.load_public(path.read_bytes(), origin="test").id


def check_commands(bundle: Path, public_key: Path) -> str:
    readme = (bundle / "README.txt").read_text()
    return commands(readme, "CHECK IT", "Each chunk", indent=7).replace("KEY.pub", str(public_key))


def restore(bundle: Path) -> Path:
    readme = (bundle / "README.txt").read_text()
    script = commands(readme, "RESTORE IT (with tar alone", "Now the folder is an OCI image layout", indent=2)
    shell(script, cwd=bundle)
    return bundle.parent / "restored"


@pytest.mark.parametrize("form", ["tar", "7z"])
def test_a_bundle_with_bases_is_checked_and_unpacked_together_with_them_as_its_readme_says(
    bundler, keys, target, tmp_path, form
):
    """Four months of images; the base layer is cut in the first bundle, and two of the bundles have one name."""
    large = months.layer("large", 1_500_000)
    export = ["export", "-o", tmp_path, "--key", keys[0], "--chunk-size", "1MiB", "--format", form]
    before: list[object] = []
    for number, (name, month) in enumerate(months.MONTHS.items(), start=1):
        layout = months.write_layout(month, tmp_path / "layouts" / name)
        image([large]).write_layout(layout, months.reference("big"))
        own = "same" if number in (2, 4) else name
        done = bundler(*export, f"oci:{layout}", "--name", own, *before)
        assert done.code == 0, done.err
        before = ["--since", tmp_path / own, "--trust", keys[1]]
        if number == 2:
            identity = sha256((tmp_path / own / "SHA256SUMS").read_bytes()).removeprefix("sha256:")[:12]
            (tmp_path / own).rename(tmp_path / f"same-{identity}")
            before[1] = tmp_path / f"same-{identity}"
    newest = tmp_path / "same"
    readme = (newest / "README.txt").read_text()
    checked = shell(check_commands(newest, keys[1]), cwd=newest)
    assert "Signature Verified Successfully" in checked.stdout
    assert "NOT WHOLE" in readme
    assert "不完整" in readme
    for bundle in (*tmp_path.glob("month-*"), *tmp_path.glob("same-*")):
        identity = sha256((bundle / "SHA256SUMS").read_bytes()).removeprefix("sha256:")
        assert f"  {bundle.name}\n    bundle {identity}\n" in readme
    tool = "tar alone" if form == "tar" else "7-Zip alone"
    shell(commands(readme, f"RESTORE IT (with {tool}", "Now the folder is an OCI image layout", indent=2), cwd=newest)
    restored = tmp_path / "restored"
    for digest in (blob["digest"] for blob in json.loads((newest / "bundle.json").read_text())["blobs"]):
        path = restored / "blobs/sha256" / digest.removeprefix("sha256:")
        assert sha256(path.read_bytes()) == digest
    names = {
        each["annotations"]["org.opencontainers.image.ref.name"]: each["digest"] for each in layout_index(restored)
    }
    assert names.keys() == {months.reference(name) for name in (*months.MONTHS["month-4"], "big")}
    for line in readme.splitlines():
        if line.startswith("    bundler import . ../"):
            words = line.replace("REGISTRY", target.host).replace("KEY.pub", str(keys[1])).split()[1:]
            paths = [newest if word == "." else newest / word if word.startswith("..") else word for word in words]
            assert bundler(*paths).code == 0
            break
    else:
        pytest.fail("README.txt does not say how to import it together with its bases")
    shell(python_commands(readme).replace("KEY.pub", str(keys[1])).replace("REGISTRY", f"{target.host}/p"), cwd=newest)
    for name, digest in names.items():
        place = f"{target.host}/p/{name.partition('/')[2]}"
        assert sha256(skopeo_raw(place)) == digest, place


def test_a_blob_that_two_bases_have_cut_in_different_parts_is_joined_rightly(bundler, keys, tmp_path):
    large = months.layer("large", 2_600_000)
    layout = tmp_path / "layout"
    image([large]).write_layout(layout, months.reference("big"))
    export = ["export", f"oci:{layout}", "-o", tmp_path, "--key", keys[0], "--trust", keys[1]]
    for name, size in (("one", "1MiB"), ("other", "2MiB")):
        assert bundler(*export[:-2], "--name", name, "--chunk-size", size).code == 0
    assert bundler(*export, "--name", "new", "--since", tmp_path / "one", "--since", tmp_path / "other").code == 0
    restored = restore(tmp_path / "new")
    assert (restored / "blobs/sha256" / sha256(large).removeprefix("sha256:")).read_bytes() == large


def layout_index(folder: Path) -> list[dict[str, object]]:
    return json.loads((folder / "index.json").read_text())["manifests"]


def test_openssl_and_sha256sum_check_the_bundle_as_its_readme_says(bundle, keys):
    folder, _ = bundle
    script = check_commands(folder, keys[1])
    done = shell(script, cwd=folder)
    assert "Signature Verified Successfully" in done.stdout
    assert done.stdout.count(": OK") == len(list(folder.glob("chunk-*.tar"))) + 3


def test_openssl_refuses_an_edited_list_and_sha256sum_an_edited_file(bundle, keys):
    folder, _ = bundle
    script = check_commands(folder, keys[1])
    with open(folder / "chunk-0002.tar", "r+b") as chunk:
        chunk.seek(700)
        chunk.write(b"\xff\xfe")
    with pytest.raises(AssertionError, match=r"chunk-0002\.tar: FAILED"):
        shell(script, cwd=folder)
    sums = folder / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(AssertionError, match="Signature Verification Failure"):
        shell(script, cwd=folder)


def test_tar_restores_a_layout_that_skopeo_copies(bundle, target):
    folder, origin = bundle
    assert len(list(folder.glob("chunk-*.tar"))) > 3
    restored = restore(folder)
    require("skopeo")
    for name, expected in (("team/big:1", BIG), ("library/text:2", TEXT)):
        shell(
            f"skopeo copy -q --all --dest-tls-verify=false 'oci:.:{origin}/{name}' docker://{target.host}/{name}",
            cwd=restored,
        )
        assert skopeo_raw(f"{target.host}/{name}") == expected.content


def test_a_chunk_that_nobody_signed_is_not_unpacked(bundle, tmp_path):
    folder, _ = bundle
    (tmp_path / "index.json").write_text("{}")
    shell(f"tar -cf {folder}/chunk-9999.tar index.json", cwd=tmp_path)
    assert layout_index(restore(folder))


def section(readme: str, begin: str, end: str, indent: int) -> str:
    assert begin in readme
    return commands(readme, begin, end, indent=indent)


def python_commands(readme: str) -> str:
    """The commands of README.txt that run restore.py, in its English part."""
    lines = readme.partition("-" * 78)[0].splitlines()
    return "\n".join(line for line in lines if line.startswith("  python3 restore.py"))


@pytest.fixture
def insecure(target, tmp_path) -> dict[str, str]:
    """Says to skopeo that the target speaks plain HTTP, so that its commands can stay as they are printed."""
    path = tmp_path / ".config/containers/registries.conf"
    path.parent.mkdir(parents=True)
    path.write_text(f'[[registry]]\nlocation = "{target.host}"\ninsecure = true\n')
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}


BUNDLES: dict[str, tuple[dict[str, Image], list[str]]] = {
    "OCI": ({"library/text:2": TEXT, "team/multi:1": every_kind()["team/multi:1"]}, []),
    "Docker": ({name: every_kind()[name] for name in ("library/docker:1", "team/list:1")}, []),
    "mixed": (every_kind(), []),
    "artifacts": ({"charts/artifact:1": every_kind()["charts/artifact:1"]}, []),
    "cut blobs": ({"team/big:1": BIG, "library/docker:1": every_kind()["library/docker:1"]}, ["--chunk-size", "1MiB"]),
    "7z": ({"team/big:1": BIG, "team/list:1": every_kind()["team/list:1"]}, ["--format", "7z"]),
    "encrypted": ({"team/big:1": BIG, "team/list:1": every_kind()["team/list:1"]}, ["--encrypt"]),
}


@pytest.mark.parametrize("kind", BUNDLES)
def test_what_readme_txt_says_works_as_it_is_printed(
    bundler, new_registry, keys, image_list, tmp_path, target, insecure, kind
):
    require("skopeo", "shasum", "7z")
    images, options = BUNDLES[kind]
    registry = new_registry()
    for name, each in images.items():
        each.push(registry, *name.rsplit(":", 1))
    (tmp_path / "passphrase").write_text("secret")
    secret = ["--passphrase-file", tmp_path / "passphrase"] if kind == "encrypted" else []
    done = bundler("export", image_list(registry, *images), "-o", tmp_path, "--key", keys[0], *options, *secret)
    assert done.code == 0, done.err
    folder = tmp_path / "test"
    readme = (folder / "README.txt").read_text()
    assert len(readme.splitlines()) < 140
    checks = section(readme, "CHECK IT", "RESTORE IT", 7).replace("KEY.pub", str(keys[1]))
    assert key_id(keys[1]) in shell(checks, cwd=folder).stdout.split()
    assert key_id(keys[1]) in readme
    shell("shasum -a 256 -c SHA256SUMS", cwd=folder)
    assert "shasum -a 256 -c SHA256SUMS" in readme
    unpack = section(readme, "RESTORE IT (with ", "Now the folder is an OCI image layout", 2)
    shell(unpack.replace("7z x -y", "7z x -y -psecret"), cwd=folder)
    push = section(readme, "Into a registry", "RESTORE IT (with bundler", 4).replace("REGISTRY", target.host)
    nested = [name for name in images if "nested" in name]
    for name in nested:
        assert f"{registry.host}/{name}" in readme, "only bundler copies it"
        push = push.replace(f"    {registry.host}/{name}\n", "")  # a name, indented as commands are
    shell(push, cwd=tmp_path / "restored", environment=insecure)
    for name in images.keys() - set(nested):
        assert skopeo_raw(f"{target.host}/{name}") == images[name].content, name
    assert ("docker load" in readme) == (kind != "artifacts")
    assert not list((tmp_path / "restored").glob("blobs/sha256/*json"))
    done = shell(
        python_commands(readme).replace("KEY.pub", str(keys[1])).replace("REGISTRY", f"{target.host}/p"), cwd=folder
    )
    assert done.stderr.count("everything is right") == (1 if kind == "encrypted" else 2)
    for name in images if kind != "encrypted" else ():
        assert skopeo_raw(f"{target.host}/p/{name}") == images[name].content, name


def test_images_with_a_digest_in_their_names_are_copied_by_what_readme_txt_says(
    bundler, new_registry, keys, image_list, tmp_path, target, insecure
):
    registry = new_registry()
    one, two = simple("one"), simple("two")
    for name, each in (("a/one", one), ("a/two", two)):
        each.push(registry, name, "1")
    listed = image_list(registry, f"a/one@{one.digest}", f"a/two:1@{two.digest}")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    readme = (restore(tmp_path / "test").parent / "test/README.txt").read_text()
    push = section(readme, "Into a registry", "RESTORE IT (with bundler", 4).replace("REGISTRY", target.host)
    shell(push, cwd=tmp_path / "restored", environment=insecure)
    assert skopeo_raw(f"{target.host}/a/one:digest-{one.digest[7:19]}") == one.content, "no garbage collection takes it"
    assert skopeo_raw(f"{target.host}/a/two:1") == two.content


def test_one_of_several_media_is_checked_as_readme_txt_says(bundle, keys, tmp_path):
    folder, _ = bundle
    for chunk in sorted(folder.glob("chunk-*.tar"))[1:]:
        chunk.unlink()
    line = next(line for line in (folder / "README.txt").read_text().splitlines() if "--ignore-missing" in line)
    done = shell(line.partition(": ")[2], cwd=folder)
    assert done.stdout.count(": OK") == 4


def test_a_signature_by_another_key_is_seen_by_its_id(bundle, keys, tmp_path):
    folder, _ = bundle
    readme = (folder / "README.txt").read_text()
    line = next(line.strip() for line in readme.splitlines() if "cut -c1-16" in line)
    shell(
        "openssl genpkey -algorithm ed25519 -out other.key && openssl pkey -in other.key -pubout -out other.pub",
        cwd=tmp_path,
    )
    printed = [
        shell(line.replace("KEY.pub", str(key)), cwd=folder).stdout.strip() for key in (keys[1], tmp_path / "other.pub")
    ]
    assert [each in readme for each in printed] == [True, False]


def test_the_text_is_the_same_in_both_languages(bundle):
    folder, _ = bundle
    english, _, chinese = (folder / "README.txt").read_text().partition("-" * 78)
    for word in ("--ignore-missing", "shasum -a 256 -c", "certutil -hashfile", "cut -c1-16", "docker load", "skopeo"):
        assert word in english, word
        assert word in chinese, word


def test_docker_loads_the_restored_folder(bundle, daemon):
    folder, origin = bundle
    restored = restore(folder)
    shell("tar -c . | docker load", cwd=restored, environment={"DOCKER_HOST": daemon.address})
    for name, expected in (("team/big:1", BIG), ("library/text:2", TEXT)):
        image_id = daemon.docker("image", "inspect", "-f", "{{.Id}}", f"{origin}/{name}").stdout.strip()
        assert image_id == json.loads(expected.content)["config"]["digest"]


def test_an_old_docker_loads_everything_before_a_zstd_image_stops_it(
    bundler, new_registry, keys, image_list, tmp_path, daemon
):
    registry = new_registry()
    tar = layer_tar("z")
    image([zstd(tar)], layer_type="application/vnd.oci.image.layer.v1.tar+zstd", uncompressed=[tar]).push(
        registry, "a/z", "1"
    )
    TEXT.push(registry, "b/text", "2")
    assert bundler("export", image_list(registry, "a/z:1", "b/text:2"), "-o", tmp_path, "--key", keys[0]).code == 0
    restored = restore(tmp_path / "test")
    shell("tar -c . | docker load || true", cwd=restored, environment={"DOCKER_HOST": daemon.address})
    assert daemon.docker("image", "inspect", f"{registry.host}/b/text:2").returncode == 0


def test_each_chunk_is_a_whole_archive_for_tar_and_7zip(bundle):
    folder, _ = bundle
    require("7z")
    seen: list[str] = []
    for chunk in sorted(folder.glob("chunk-*.tar")):
        seen += shell(f"tar -tf {chunk.name}", cwd=folder).stdout.split()
        assert "Everything is Ok" in shell(f"7z t {chunk.name}", cwd=folder).stdout
    assert seen[:3] == ["oci-layout", "index.json", "manifest.json"]
    assert len(seen) == len(set(seen))
    assert sum(".part-" in name for name in seen) >= 3


def test_the_bundle_holds_plain_files_with_safe_names_only(bundle):
    folder, _ = bundle
    for entry in os.scandir(folder):
        assert entry.is_file(follow_symlinks=False)
        assert re.fullmatch(r"[a-zA-Z0-9._-]{1,40}", entry.name)
    assert not shutil.which("bundler", path=str(folder)), "nothing in a bundle can be run"
