"""An entry of a list for several images becomes each of them under its own name, or is an error."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.core.image_list import Entry, HeldImages
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import Misuse, Refused, Several
from bundler.exporting.lists import expanded, name_after, read_lists
from bundler.run import Run
from bundler.stores.hosts import NetworkOptions
from bundler.stores.opened import Stores
from bundler.transports.docker_archive import DockerArchiveImage
from bundler.transports.oci_archive import OciArchiveImage
from bundler.transports.oci_layout import LayoutImage
from bundler.transports.registry import RegistryImage
from bundler.transports.transport import source_of
from tests.support import images
from tests.support.archives import docker_files, layout_files, tar_of, write_as
from tests.support.errors import raises
from tests.support.tables import each_case

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
LAYER = images.layer_tar("layer")


def stores() -> Stores:
    return Stores(NetworkOptions())


def each_of(location: str, *platforms: Platform) -> tuple[Entry, ...]:
    read = read_lists((location,), name="x", platforms=platforms)
    return expanded(read.entries, stores(), Run())


def names(entries: tuple[Entry, ...]) -> list[str]:
    return [str(entry.reference) for entry in entries]


def two_images(*tags: list[str] | None) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    entries = []
    for number, each in enumerate(tags):
        own = docker_files([LAYER, b"\0" * 1024 * number], tags=each)
        entries += json.loads(own.pop("manifest.json"))
        files |= own
    return {**files, "manifest.json": json.dumps(entries).encode()}


@pytest.mark.parametrize("form", ["none", "gzip", "7z"])
def test_a_file_of_docker_save_refers_to_each_of_its_tags(form: str, tmp_path: Path) -> None:
    path = write_as(form, tmp_path / "image", two_images(["app:1", "quay.io/team/app:1"], ["other:2"]))
    entries = each_of(f"docker-archive:{path}", AMD64)
    assert sorted(names(entries)) == ["docker.io/library/app:1", "docker.io/library/other:2", "quay.io/team/app:1"]
    assert {entry.platforms for entry in entries} == {(AMD64,)}
    for entry in entries:
        assert entry.source == DockerArchiveImage(str(path), str(entry.reference))


@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_a_layout_refers_to_each_of_its_full_names(transport: str, tmp_path: Path) -> None:
    image = images.simple("x")
    if transport == "oci":
        image.write_layout(tmp_path / "image", "quay.io/team/app:1")
    else:
        write_as("zstd", tmp_path / "image", layout_files(image, "quay.io/team/app:1"))
    (entry,) = each_of(f"{transport}:{tmp_path / 'image'}")
    kind = LayoutImage if transport == "oci" else OciArchiveImage
    assert (str(entry.reference), entry.source) == (
        "quay.io/team/app:1",
        kind(str(tmp_path / "image"), "quay.io/team/app:1"),
    )


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (two_images(["app:1"], None), "@1"),
        (two_images(None), "@0"),
        (layout_files(images.simple("x"), None), f"@{images.simple('x').digest}"),
        (layout_files(images.simple("x"), "v1"), f"@{images.simple('x').digest}"),
    ],
    ids=["one of two", "the only one", "a layout", "a layout with a short name"],
)
def test_an_image_without_a_full_name_is_reported_with_an_entry_that_works(
    files: Mapping[str, bytes], place: str, tmp_path: Path
) -> None:
    path = write_as("none", tmp_path / "image", files)
    transport = "oci-archive" if "index.json" in files else "docker-archive"
    with pytest.raises(Misuse) as caught:
        each_of(f"{transport}:{path}")
    entry = (caught.value.hint or "").partition(": ")[2].replace("NAME", "quay.io/a:1")
    assert f":{path}:" in entry
    (tmp_path / "list.yaml").write_text(f"images:\n- {entry}\n")
    (found,) = read_lists((str(tmp_path / "list.yaml"),), name="x", platforms=()).entries
    assert isinstance(found, Entry)
    source = found.source.container
    assert source is not None
    assert source.name == place
    if transport == "oci-archive":
        assert place in [alias for held in source_of(source).images(stores()) for alias in held.aliases]


def test_an_image_that_is_listed_by_itself_and_within_its_file_is_taken_once(tmp_path: Path) -> None:
    path = write_as("none", tmp_path / "image", two_images(["quay.io/a:1"], ["quay.io/b:1"]))
    both = (f"docker-archive:{path}:quay.io/a:1", f"docker-archive:{path}")
    entries = expanded(read_lists(both, name="x", platforms=()).entries, stores(), Run())
    assert names(entries) == ["quay.io/a:1", "quay.io/b:1"]


def test_two_images_of_one_name_in_a_file_are_not_silently_one(tmp_path: Path) -> None:
    one, two = images.simple("one"), images.simple("two")
    entries = [
        image.descriptor(annotations={"org.opencontainers.image.ref.name": "quay.io/a:1"}) for image in (one, two)
    ]
    files = {**layout_files(one, None), **layout_files(two, None)}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    path = write_as("none", tmp_path / "image", files)
    with pytest.raises(Misuse):
        each_of(f"oci-archive:{path}")


# Names that a file gives in two ways

REF, CONTAINERD = "org.opencontainers.image.ref.name", "io.containerd.image.name"


def ctr_files(*names: str, has_manifest: bool = True) -> dict[str, bytes]:
    """A layout as ``ctr images export`` writes it: full names for containerd, tags for OCI, Docker's short names."""
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    entries, docker = [], []
    for name in names:
        image = images.simple(name)
        manifest = json.loads(image.content)
        paths = [f"blobs/{d['digest'].replace(':', '/')}" for d in (manifest["config"], *manifest["layers"])]
        entries.append(image.descriptor(annotations={CONTAINERD: name, REF: name.rpartition(":")[2]}))
        tag = name.removeprefix("docker.io/library/")
        docker.append({"Config": paths[0], "RepoTags": [tag], "Layers": paths[1:]})
        files |= {path: files_ for path, files_ in layout_files(image, None).items() if path.startswith("blobs/")}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    return files | ({"manifest.json": json.dumps(docker).encode()} if has_manifest else {})


NGINX, APP = "docker.io/library/nginx:1.27", "quay.io/team/app:1.27"


def write_place(transport: str, files: Mapping[str, bytes], folder: Path) -> str:
    """The location of these files."""
    if transport != "oci":
        return f"{transport}:{write_as('none', folder / 'image', files)}"
    for name, content in files.items():
        (folder / "image" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "image" / name).write_bytes(content)
    return f"oci:{folder / 'image'}"


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive"])
def test_two_images_of_one_version_have_their_full_names(transport: str, tmp_path: Path) -> None:
    place = write_place(transport, ctr_files(NGINX, APP), tmp_path)
    entries = each_of(place)
    assert names(entries) == [NGINX, APP]
    assert [str(entry.source) for entry in entries] == [f"{place}:{NGINX}", f"{place}:{APP}"]


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive"])
@pytest.mark.parametrize("asked", [NGINX, "nginx:1.27", "1.27", f"@{images.simple(NGINX).digest}"])
def test_an_image_is_carried_under_its_full_name_whatever_it_was_chosen_by(
    transport: str, asked: str, tmp_path: Path
) -> None:
    place = write_place(transport, ctr_files(NGINX), tmp_path)
    assert names(each_of(f"{place}:{asked}")) == [NGINX]


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive"])
def test_a_tag_that_two_images_have_is_refused_with_their_full_names(transport: str, tmp_path: Path) -> None:
    place = write_place(transport, ctr_files(NGINX, APP), tmp_path)
    with raises(Refused, values={"count": 2}) as caught:
        each_of(f"{place}:1.27")
    assert NGINX in (caught.value.hint or "")
    assert APP in (caught.value.hint or "")


@pytest.mark.parametrize("short", ["1.27", "nginx:1.27", "library/nginx:1.27"])
@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
@pytest.mark.parametrize("is_chosen", [True, False])
def test_no_registry_is_made_up_for_a_tag_or_a_path(
    short: str, transport: str, is_chosen: bool, tmp_path: Path
) -> None:
    place = write_place(transport, layout_files(images.simple("x"), short), tmp_path)
    with pytest.raises(Misuse) as caught:
        each_of(f"{place}:{short}" if is_chosen else place)
    assert f"{{image: NAME, from: {place}:@{images.simple('x').digest}}}" in (caught.value.hint or "")


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
def test_the_tags_of_docker_name_an_image_that_the_index_leaves_without_a_name(transport: str, tmp_path: Path) -> None:
    files = ctr_files(NGINX, APP)
    index = json.loads(files["index.json"])
    for entry in index["manifests"]:
        del entry["annotations"][CONTAINERD]
    files["index.json"] = json.dumps(index).encode()
    assert names(each_of(write_place(transport, files, tmp_path))) == [NGINX, APP]


def test_all_images_without_a_name_are_reported_at_once_with_the_line_of_the_list(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        write_as("none", tmp_path / name, layout_files(images.simple(name), "v1"))
    (tmp_path / "list.txt").write_text(f"oci-archive:{tmp_path}/a.tar\noci-archive:{tmp_path}/b.tar:v1\n")
    read = read_lists((str(tmp_path / "list.txt"),), name="x", platforms=())
    with pytest.raises(Several) as caught:
        expanded(read.entries, stores(), Run())
    assert [(error.subject or "").split(": ")[0] for error in caught.value.errors] == [
        f"{tmp_path}/list.txt:1",
        f"{tmp_path}/list.txt:2",
    ]


def test_one_name_cannot_come_from_a_registry_and_from_a_file(tmp_path: Path) -> None:
    place = write_place("oci", layout_files(images.simple("x"), "quay.io/a:1"), tmp_path)
    read = read_lists((place, "docker://quay.io/a:1"), name="x", platforms=())
    with raises(Misuse, subject="docker://quay.io/a:1: quay.io/a:1"):
        expanded(read.entries, stores(), Run())


# Lists and single locations as arguments


def test_a_location_is_taken_for_itself_and_a_path_for_a_list(tmp_path: Path) -> None:
    (tmp_path / "Platform-1.0.txt").write_text("quay.io/a:1\n")
    read = read_lists(
        (str(tmp_path / "Platform-1.0.txt"), "docker://quay.io/b:1", "oci:layout"), name=None, platforms=()
    )
    assert read.name == "platform-1.0"
    a, b = Reference.parse("quay.io/a:1"), Reference.parse("quay.io/b:1")
    assert read.entries == (
        Entry(a, RegistryImage(a), None, (), f"{tmp_path}/Platform-1.0.txt:1"),
        Entry(b, RegistryImage(b), None, (), "docker://quay.io/b:1"),
        HeldImages(LayoutImage("layout"), None, (), "oci:layout"),
    )


def test_platforms_of_the_command_are_for_images_whose_list_says_none(tmp_path: Path) -> None:
    text = "images:\n- quay.io/a:1\n- {image: quay.io/b:1, platforms: [linux/arm64]}\n- oci:layout\n"
    (tmp_path / "list.yaml").write_text(text)
    read = read_lists((str(tmp_path / "list.yaml"), "docker://quay.io/c:1"), name="x", platforms=(AMD64,))
    assert [entry.platforms for entry in read.entries] == [(AMD64,), (ARM64,), (AMD64,), (AMD64,)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("images:\n- {image: quay.io/a:1, platforms: []}\n", (), id="all, of an entry"),
        pytest.param("platforms: [linux/arm64]\nimages:\n- {image: quay.io/a:1, platforms: []}\n", (), id="of both"),
        pytest.param("platforms: []\nimages: [quay.io/a:1]\n", (), id="all, of a list"),
        pytest.param("platforms: []\nimages: ['oci:layout']\n", (), id="all, of a list, for a folder"),
        pytest.param("images: [quay.io/a:1]\n", (AMD64,), id="nothing said"),
    ],
)
def test_an_empty_list_of_platforms_means_all_and_wins_over_the_flag(
    tmp_path: Path, text: str, wanted: tuple[Platform, ...]
) -> None:
    (tmp_path / "list.yaml").write_text(text)
    (entry,) = read_lists((str(tmp_path / "list.yaml"),), name="x", platforms=(AMD64,)).entries
    assert entry.platforms == wanted


def test_a_list_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"quay.io/a:1\nUPPER\n")))
    with pytest.raises(Misuse) as caught:
        read_lists(("-",), name="x", platforms=())
    assert "standard input:2" in str(caught.value)


def test_a_name_without_its_transport_is_taken_for_a_file_and_shown_how_to_write_it() -> None:
    with raises(Misuse, subject="quay.io/a:1") as caught:
        read_lists(("quay.io/a:1",), name="x", platforms=())
    assert "docker://quay.io/a:1" in (caught.value.hint or "")


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write_as("gzip", tmp_path / "image.tar.gz", two_images(["app:1"]))
    with pytest.raises(Misuse, match="archive") as caught:
        read_lists((str(path),), name="x", platforms=())
    assert f"docker-archive:{path}" in (caught.value.hint or "")
    (tmp_path / "gbk.txt").write_bytes(b"quay.io/a:1\n# \xd6\xd0\xce\xc4\n")
    with raises(Misuse, values={"name": "UTF-8"}) as caught:
        read_lists((str(tmp_path / "gbk.txt"),), name="x", platforms=())
    assert caught.value.subject == f"{tmp_path}/gbk.txt:2"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_list_that_powershell_wrote_is_read(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_bytes("quay.io/a:1\r\nquay.io/b:1\r\n".encode(encoding))
    (tmp_path / "list.yaml").write_bytes("images:\r\n- quay.io/c:1\r\n".encode(encoding))
    read = read_lists((f"{tmp_path}/images.txt", f"{tmp_path}/list.yaml"), name="x", platforms=())
    assert names(tuple(e for e in read.entries if isinstance(e, Entry))) == [
        "quay.io/a:1",
        "quay.io/b:1",
        "quay.io/c:1",
    ]


def test_a_url_of_a_list_gets_no_advice_to_pull_it() -> None:
    with raises(Misuse, subject="https://example.com/images.txt") as caught:
        read_lists(("https://example.com/images.txt",), name="x", platforms=())
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("docker://quay.io/a:1",), None),
        (("{}/one.txt",), "one"),
        (("{}/one.txt", "docker://quay.io/b:1"), "one"),
        (("{}/one.txt", "{}/two.txt"), None),
        (("{}/no name.txt",), None),
    ],
    ids=["no list", "a list", "a list and more", "two lists", "no name for a bundle"],
)
def test_a_bundle_is_called_like_its_only_list(
    arguments: tuple[str, ...], expected: str | None, tmp_path: Path
) -> None:
    for name in ("one.txt", "two.txt", "no name.txt"):
        (tmp_path / name).write_text("quay.io/a:1\n")
    given = tuple(argument.format(tmp_path) for argument in arguments)
    assert read_lists(given, name=None, platforms=()).name == expected


@each_case(
    ("arguments", "expected"),
    [
        (("docker://quay.io/prometheus/prometheus:v3.0.1",), "prometheus-v3.0.1"),
        (("docker://nginx",), "nginx-latest"),
        (("docker://a/app@sha256:" + "ab" * 32,), "app-abababababab"),
        (("docker://localhost:5000/app:1@sha256:" + "ab" * 32,), "app-1"),
        (("docker-daemon:team/app:dev",), "app-dev"),
        (("docker-archive:some/Vendor 2.tar.xz",), "vendor-2"),
        (("oci-archive:vendor.tar:quay.io/x/app:1",), "vendor-app-1"),
        (("oci:some/layout/",), "layout"),
        (("docker://a/b:1", "docker://a/c:1"), None),
        (("list.txt",), None),
    ],
)
def test_B6_one_source_gives_its_bundle_a_name(arguments: tuple[str, ...], expected: str | None) -> None:
    assert name_after(arguments) == expected


@pytest.mark.parametrize("stem", ["x.partial", "con", "chunk-0001.tar", "recycler"])
def test_B6_a_list_gives_no_name_that_no_bundle_may_have(stem: str, tmp_path: Path) -> None:
    path = tmp_path / f"{stem}.txt"
    path.write_text("quay.io/a:1\n")
    assert read_lists((str(path),), name=None, platforms=()).name is None


@pytest.mark.parametrize("index", [{"manifests": []}, {"manifests": None}, {}], ids=["empty", "null", "no list"])
@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_a10_a_layout_without_images_is_an_error_and_never_a_success(tmp_path, transport, index) -> None:
    files = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, **index}).encode(),
    }
    path = tmp_path / "layout"
    if transport == "oci":
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
    else:
        path.write_bytes(tar_of(files))
    for name in ("", ":app"):
        with pytest.raises(Misuse):
            each_of(f"{transport}:{path}{name}")


@pytest.mark.parametrize("given", ["dir:/srv/image", "containers-storage:app:1", "docker-image://app:1"])
def test_a_transport_that_is_not_ours_is_reported_as_one_and_not_as_a_list_that_is_absent(given: str) -> None:
    with pytest.raises(Misuse) as caught:
        read_lists((given,), name="x", platforms=())
    assert "oci-archive:" in f"{caught.value.expected}{caught.value.hint}"


def test_a_file_called_a_folder_and_a_folder_called_a_file_are_reported_with_the_right_word(tmp_path: Path) -> None:
    path = write_as("none", tmp_path / "image.tar", docker_files([LAYER], tags=["app:1"]))
    with pytest.raises(Refused) as caught:
        each_of(f"oci:{path}")
    assert f"docker-archive:{path}" in (caught.value.hint or "")
    images.simple("one").write_layout(tmp_path / "layout", "quay.io/a/b:1")
    with pytest.raises(Refused) as caught:
        each_of(f"oci-archive:{tmp_path}/layout")
    assert f"oci:{tmp_path}/layout" in (caught.value.hint or "")


def test_a_list_of_another_person_reads_no_file_outside_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "list"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secrets").write_text("[default]\nsecret_key = TopSecret\n")
    (folder / "link").symlink_to(tmp_path / "secrets")
    (folder / "sub/own").write_text("secret_key = public\n")
    (folder / "here").symlink_to(folder / "sub/own")
    (folder / "a.yaml").write_text("services: {a: {image: 'example.com/x:$secret_key'}}\n")
    for name in (str(tmp_path / "secrets"), "../secrets", "sub/../../secrets", "link"):
        (folder / "list.yaml").write_text(f"include: [{{path: a.yaml, env_file: {name}}}]\n")
        with pytest.raises(Misuse, match="not in the folder of the list"):
            read_lists((str(folder / "list.yaml"),), name="x", platforms=())
    for name in (str(folder / "sub/own"), "../list/sub/own", "here"):
        (folder / "list.yaml").write_text(f"include: [{{path: a.yaml, env_file: {name}}}]\n")
        (entry,) = read_lists((str(folder / "list.yaml"),), name="x", platforms=()).entries
        assert str(entry.reference) == "example.com/x:public"


@each_case(("argument", "advice"), [("images.yaml", "bundler init"), ("nginx", "docker://docker.io/library/nginx")])
def test_the_advice_for_a_list_that_is_missing_fits_its_name(tmp_path, monkeypatch, argument, advice):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misuse, match="there is no such file") as caught:
        read_lists((argument,), name="x", platforms=())
    assert advice in (caught.value.hint or "")
