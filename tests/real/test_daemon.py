"""Docker daemons on both ends: the image that comes out inside is the one that went in outside."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bundler.core.inventory import parse_inventory
from bundler.core.reference import Reference
from tests.real.test_attachments import APP, ATTACHED, ENTRY, NAME, listed
from tests.support import images
from tests.support.attached_bundles import TRUSTED, write_bundle
from tests.support.parts import RealDaemon, free_port, shell
from tests.support.servers import Front, certificates
from tests.support.steps import Steps

BUILDS = {
    "app:dev": 'FROM scratch\nADD base.tar /usr/\nCOPY noise /noise\nENV COLOUR=blue\nLABEL team=a\nCMD ["/noise"]\n',
    "team/second:1.0": "FROM app:dev\nCOPY Dockerfile /deeper/file\n",
}


@pytest.fixture(scope="session")
def built(daemon: RealDaemon, tmp_path_factory) -> RealDaemon:
    """A daemon with two images, the second on top of the first."""
    folder = tmp_path_factory.mktemp("build")
    (folder / "noise").write_bytes(images.layer_tar("noise", 1_500_000))
    with tarfile.open(folder / "base.tar", "w") as archive:
        for number in range(50):
            info = tarfile.TarInfo(f"share/file-{number}")
            info.size, info.mode = 3000, 0o640
            archive.addfile(info, io.BytesIO(b"text " * 600))
        link = tarfile.TarInfo("share/link")
        link.type, link.linkname = tarfile.SYMTYPE, "file-1"
        archive.addfile(link)
    for tag, recipe in BUILDS.items():
        (folder / "Dockerfile").write_text(recipe)
        daemon.docker("build", "-q", "-t", tag, str(folder))
    return daemon


@pytest.fixture
def refusing():
    """Starts proxies before registries, which take no manifest of some repositories."""
    started = []

    def start(registry, part: str) -> Front:
        def refuse(front: Front, request) -> bool:
            if request.command != "PUT" or "/manifests/" not in request.path or part not in request.path:
                return False
            request.rfile.read(int(request.headers.get("Content-Length") or 0))
            front.send(request, 403, {}, b"no")
            return True

        started.append(Front(registry, faults=[refuse]).start())
        return started[-1]

    yield start
    for front in started:
        front.stop()


@pytest.fixture
def empty_daemon(other_daemon: RealDaemon):
    """The daemon on the other side, without images."""
    yield other_daemon
    for _ in range(2):
        ids = other_daemon.docker("images", "-aq").stdout.split()
        if ids:
            other_daemon.docker("rmi", "-f", *dict.fromkeys(ids), check=False)


def image_id(daemon: RealDaemon, name: str) -> str:
    return daemon.docker("image", "inspect", "-f", "{{.Id}}", name).stdout.strip()


def names_in(daemon: RealDaemon) -> set[str]:
    return set(daemon.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())


def files_of(daemon: RealDaemon, name: str) -> list[tuple[str, ...]]:
    """Every file of a container made of an image, with mode, link and content."""
    container = daemon.docker("create", name, "/nothing").stdout.strip()
    command = ["docker", "-H", daemon.address, "export", container]
    exported = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    daemon.docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return sorted(
            (
                member.name, oct(member.mode), member.linkname,
                hashlib.sha256(archive.extractfile(member).read()).hexdigest() if member.isreg() else "",
            )
            for member in archive
        )  # fmt: skip


def of(daemon: RealDaemon, **more: str) -> dict[str, str]:
    return {"DOCKER_HOST": daemon.address, **more}


@pytest.fixture(scope="module")
def made(built, made_keys, tmp_path_factory) -> Path:
    """A bundle of the two images, made once."""
    folder = tmp_path_factory.mktemp("made")
    sources = [f"docker-daemon:{tag}" for tag in BUILDS]
    command = ["export", *sources, "--name", "test", "-o", folder, "--key", made_keys / "tester.key"]
    done = Steps(command, of(built)).run()
    assert done.code == 0, done.err
    return folder / "test"


@pytest.fixture
def bundle(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "test")


def test_an_image_comes_out_of_the_other_daemon_as_it_was(bundler, bundle, built, empty_daemon, keys):
    done = bundler("import", bundle, "--trust", keys[1], "--to", "docker-daemon:", environment=of(empty_daemon))
    assert done.code == 0, done.err
    for tag in BUILDS:
        assert image_id(empty_daemon, tag) == image_id(built, tag)
        assert files_of(empty_daemon, tag) == files_of(built, tag)
    again = bundler(
        "import", bundle, "--trust", keys[1], "--to", "docker-daemon:", "--json", environment=of(empty_daemon)
    )
    assert again.code == 0
    assert [each["outcome"] for each in again.json["targets"][0]["images"]] == ["present"] * 2
    assert again.json["targets"][0]["bytesSent"] == 0


def test_an_image_pulled_from_the_registry_inside_has_the_id_it_had_outside(
    bundler, bundle, built, empty_daemon, target, keys
):
    assert bundler("import", bundle, "--trust", keys[1], "--to", target.host).code == 0
    for tag in BUILDS:
        name = f"{target.host}/{tag if '/' in tag else f'library/{tag}'}"
        empty_daemon.docker("pull", "-q", name)
        assert image_id(empty_daemon, name) == image_id(built, tag)


def test_skopeo_finds_nothing_wrong_with_what_was_made_of_a_daemons_image(bundler, bundle, target, keys, tmp_path):
    assert bundler("import", bundle, "--trust", keys[1], "--to", target.host).code == 0
    shell(f"skopeo copy -q --src-tls-verify=false docker://{target.host}/library/app:dev oci:there:app", cwd=tmp_path)
    shell("umoci unpack --rootless --image there:app unpacked && ls unpacked/rootfs/usr/share/file-1", cwd=tmp_path)


def test_the_same_image_has_the_same_digests_whatever_way_it_came(bundler, bundle, built, keys, tmp_path):
    digests = digests_in(bundler, bundle)
    shell(f"docker -H {built.address} save {' '.join(BUILDS)} -o saved.tar", cwd=tmp_path)
    done = bundler("export", f"docker-archive:{tmp_path}/saved.tar", "--name", "saved", "-o", tmp_path, "--unsigned")
    assert done.code == 0, done.err
    assert digests_in(bundler, tmp_path / "saved") == digests


def digests_in(bundler, bundle: Path) -> dict[str, str]:
    content = bundler("inspect", bundle, "--json").json
    return {image["reference"]: image["digest"] for image in content["images"]}


@pytest.mark.parametrize(("kind", "ending"), [("gzip", ".tar+gzip"), ("zstd", ".tar+zstd"), ("none", ".tar")])
def test_layers_are_compressed_as_asked_and_the_bundle_says_so(bundler, built, tmp_path, kind, ending):
    done = bundler(
        "export", "docker-daemon:app:dev", "--name", "test", "-o", tmp_path, "--unsigned", "--layer-compression", kind,
        environment=of(built),
    )  # fmt: skip
    assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "test/bundle.json").read_text())
    layers = [blob["mediaType"] for blob in manifest["blobs"] if blob["kind"] == "layer"]
    assert layers == [f"application/vnd.oci.image.layer.v1{ending}"] * 2
    (config,) = (blob["digest"] for blob in manifest["blobs"] if blob["kind"] == "config")
    assert config == image_id(built, "app:dev")
    shown = bundler("inspect", tmp_path / "test")
    assert "new digest, the daemon does not keep the registry's" in shown.out
    assert bundler("inspect", tmp_path / "test", "--json").json["images"][0]["repacked"] == kind


def test_the_original_is_pointed_out_where_the_registry_still_has_it(bundler, empty_daemon, origin, tmp_path):
    name = f"{origin.host}/{next(iter(images.every_kind()))}"
    empty_daemon.docker("pull", "-q", name)
    (digest,) = json.loads(empty_daemon.docker("image", "inspect", "-f", "{{json .RepoDigests}}", name).stdout)
    done = bundler(
        "export", f"docker-daemon:{name}", "--name", "t", "-o", tmp_path, "--unsigned", environment=of(empty_daemon)
    )
    assert done.code == 0, done.err
    assert f"docker://{digest} keeps its digest" in done.err


def test_a_dry_run_names_the_scratch_and_uses_none(bundler, built, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o555)
    done = bundler(
        "export", "docker-daemon:app:dev", "--name", "t", "-o", tmp_path, "--unsigned", "--dry-run",
        "--scratch", scratch, environment=of(built),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert f"in {scratch} are needed" in done.out
    assert not (tmp_path / "t").exists()
    real = bundler(
        "export", "docker-daemon:app:dev", "--name", "t", "-o", tmp_path, "--unsigned", "--json",
        "--scratch", tmp_path, environment=of(built),
    ).json  # fmt: skip
    assert 1_500_000 < real["scratch"]["bytes"] < real["size"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "keys") == ["scratch", "t"]


def test_a_tag_of_another_image_is_not_taken_unless_that_is_wanted(
    bundler, bundle, built, empty_daemon, keys, tmp_path
):
    (tmp_path / "one.tar").write_bytes(images.layer_tar("someone else's"))
    theirs = empty_daemon.docker("import", f"{tmp_path}/one.tar", "app:dev").stdout.strip()
    run = ["import", bundle, "--trust", keys[1], "--to", "docker-daemon:"]
    refused = bundler(*run, environment=of(empty_daemon))
    assert refused.code == 6
    assert f"expected image id {image_id(built, 'app:dev')}, found {theirs}" in refused.err
    assert image_id(empty_daemon, "app:dev") == theirs
    assert names_in(empty_daemon) == {"app:dev"}, "something was loaded"
    skipped = bundler(*run, "--on-conflict", "skip", environment=of(empty_daemon))
    assert (skipped.code, image_id(empty_daemon, "app:dev")) == (0, theirs)
    assert image_id(empty_daemon, "team/second:1.0") == image_id(built, "team/second:1.0")
    replaced = bundler(*run, "--on-conflict", "replace", "--json", environment=of(empty_daemon))
    assert replaced.code == 0
    assert image_id(empty_daemon, "app:dev") == image_id(built, "app:dev")
    assert replaced.json["targets"][0]["images"][0]["replaced"] == theirs


def test_an_image_is_tagged_next_to_the_one_that_has_its_tag(bundler, bundle, built, empty_daemon, keys, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL other=1\n")
    empty_daemon.docker("build", "-q", "-t", "app:dev", str(tmp_path))
    before = image_id(empty_daemon, "app:dev")
    run = ["import", bundle, "--trust", keys[1], "--to", "docker-daemon:", "--on-conflict", "suffix"]
    done = bundler(*run, "--json", environment=of(empty_daemon))
    assert done.code == 0, done.err
    result = next(image for image in done.json["targets"][0]["images"] if image["takenName"])
    assert image_id(empty_daemon, "app:dev") == before
    assert image_id(empty_daemon, result["target"]) == image_id(built, "app:dev")
    again = bundler(*run, "--json", environment=of(empty_daemon)).json["targets"][0]["images"]
    assert {image["outcome"] for image in again} == {"present"}


def test_all_or_nothing_moves_no_tag_in_a_daemon_while_a_registry_lacks_an_image(
    bundler, bundle, built, empty_daemon, target, refusing, keys
):
    front = refusing(target, "second")
    run = ["import", bundle, "--trust", keys[1], "--to", "docker-daemon:", "--to", front.host, "--all-or-nothing"]
    done = bundler(*run, "--json", environment=of(empty_daemon))
    outcomes = {image["outcome"] for found in done.json["targets"] for image in found["images"]}
    assert outcomes == {"failed", "held back"}
    assert names_in(empty_daemon) <= {"<none>:<none>"}
    assert not any(target.tags.values())
    front.faults.clear()
    assert bundler(*run, environment=of(empty_daemon)).code == 0
    assert image_id(empty_daemon, "app:dev") == image_id(built, "app:dev")


def test_images_get_the_names_that_they_have_in_a_registry(bundler, bundle, built, empty_daemon, keys):
    done = bundler(
        "import", bundle, "--trust", keys[1], "--to", "docker-daemon:reg.example.com:5000/base",
        environment=of(empty_daemon),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert image_id(empty_daemon, "reg.example.com:5000/base/library/app:dev") == image_id(built, "app:dev")


def test_a_daemon_is_not_read_back_and_that_is_said(bundler, bundle, built, empty_daemon, target, keys):
    run = ["import", bundle, "--trust", keys[1], "--to", "docker-daemon:", "--to", target.host, "--verify-target"]
    done = bundler(*run, "--json", environment=of(empty_daemon))
    assert done.code == 0, done.err
    assert "compares the image ids" in done.err
    assert [bool(each["reRead"]) for each in done.json["targets"]] == [False, True]
    assert image_id(empty_daemon, "app:dev") == image_id(built, "app:dev")


def test_a_daemon_and_a_registry_are_served_by_reading_the_bundle_once(bundle, empty_daemon, target, keys, monkeypatch):
    """Counted by the kernel: all bytes that the process reads, from sockets too. A dry run has loaded the program."""
    code = (
        "import re, sys\n"
        "from bundler.cli import run\n"
        "assert run([*sys.argv[1:], '--dry-run']) == 0\n"
        "read = lambda: int(re.search(r'rchar: (\\d+)', open('/proc/self/io').read())[1])\n"
        "before = read()\n"
        "code = run(sys.argv[1:])\n"
        "print(read() - before, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    monkeypatch.setenv("DOCKER_HOST", empty_daemon.address)
    arguments = ["import", bundle, "--trust", keys[1], "--to", "docker-daemon:", "--to", target.host]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    chunks = sum(path.stat().st_size for path in bundle.glob("chunk-*"))
    assert chunks < int(done.stderr.split()[-1]) < 1.6 * chunks
    assert len(target.tags) == 2
    assert names_in(empty_daemon) == set(BUILDS)


def test_a_registry_is_reached_through_the_daemon_and_the_daemon_left_as_it_was(
    bundler, bundle, built, empty_daemon, target, keys
):
    run = ["import", bundle, "--trust", keys[1], "--via-daemon", "--to", f"{target.host}/via"]
    done = bundler(*run, "--json", environment=of(empty_daemon))
    assert done.code == 0, done.err
    assert "digests may change" in done.err
    assert empty_daemon.docker("images", "-aq").stdout == ""
    assert target.tags == {"via/library/app": ["dev"], "via/team/second": ["1.0"]}
    for each in done.json["targets"][0]["images"]:
        raw = target.get(
            f"{each['target'].removeprefix(target.host + '/').rpartition(':')[0]}/manifests/{each['digestThere']}"
        )
        assert raw is not None, "the digest that was reported is not there"
        assert json.loads(raw)["config"]["digest"] in {image_id(built, tag) for tag in BUILDS}
    assert bundler(*run, environment=of(empty_daemon)).code == 6, "digests changed, so the tags are taken"
    assert bundler(*run, "--on-conflict", "skip", environment=of(empty_daemon)).code == 0


def test_a_damaged_bundle_leaves_nothing_in_the_daemon(bundler, bundle, empty_daemon, keys):
    (chunk,) = bundle.glob("chunk-*")
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    done = bundler("import", bundle, "--trust", keys[1], "--to", "docker-daemon:", environment=of(empty_daemon))
    assert done.code == 4, done.err
    assert "chunk-0001.tar" in done.out
    assert empty_daemon.docker("images", "-aq").stdout == ""


def test_a_daemon_and_a_registry_are_served_from_the_good_copy_of_a_chunk(
    bundler, bundle, built, empty_daemon, target, keys, tmp_path
):
    shutil.copytree(bundle, tmp_path / "bad")
    document = json.loads((bundle / "bundle.json").read_text())
    layer = max((blob for blob in document["blobs"] if blob["kind"] == "layer"), key=lambda blob: blob["size"])
    with open(tmp_path / "bad" / "chunk-0001.tar", "r+b") as chunk:
        chunk.seek(layer["pieces"][0][1] + layer["size"] // 2)
        chunk.write(b"\xff" * 16)
    to = ["--to", "docker-daemon:", "--to", f"{target.host}/copies"]
    options = ["--trust", keys[1], *to, "--json"]
    done = bundler("import", tmp_path / "bad", bundle, *options, environment=of(empty_daemon))
    assert (done.code, [each["file"] for each in done.json["badCopies"]]) == (0, ["chunk-0001.tar"]), done.err
    for tag in BUILDS:
        assert image_id(empty_daemon, tag) == image_id(built, tag)


def test_the_daemon_gets_its_own_platform_or_the_one_that_is_asked_for(
    bundler, origin, image_list, empty_daemon, keys, tmp_path
):
    each = [images.simple(name, architecture=name) for name in ("amd64", "arm64")]
    both = images.index([(image, images.platform(name)) for image, name in zip(each, ("amd64", "arm64"), strict=True)])
    layout = tmp_path / "layout"
    both.write_layout(layout, "example.org/multi/app:1")
    run = ["export", f"oci:{layout}", "--name", "multi", "-o", tmp_path, "--key", keys[0]]
    assert bundler(*run).code == 0
    run = ["import", tmp_path / "multi", "--trust", keys[1], "--to", "docker-daemon:"]
    architecture = ("image", "inspect", "-f", "{{.Architecture}}", "example.org/multi/app:1")
    own = empty_daemon.docker("version", "-f", "{{.Server.Arch}}").stdout.strip()
    assert bundler(*run, environment=of(empty_daemon)).code == 0
    assert empty_daemon.docker(*architecture).stdout.strip() == own
    other = "arm64" if own == "amd64" else "amd64"
    asked = bundler(*run, "--platform", f"linux/{other}", "--on-conflict", "replace", environment=of(empty_daemon))
    assert asked.code == 0, asked.err
    assert empty_daemon.docker(*architecture).stdout.strip() == other
    missing = bundler(*run, "--platform", "linux/s390x", environment=of(empty_daemon))
    assert missing.code == 6
    assert "--platform" in missing.out


def test_the_daemon_of_the_current_context_is_asked(bundler, built, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    shell(f"docker context create there --docker host={built.address} && docker context use there", cwd=tmp_path)
    done = bundler("export", "docker-daemon:app:dev", "--name", "t", "-o", tmp_path, "--unsigned", "-q")
    assert done.code == 0, done.err
    elsewhere = {"DOCKER_HOST": f"unix://{tmp_path}/nobody"}
    refused = bundler(
        "export", "docker-daemon:app:dev", "--name", "u", "-o", tmp_path, "--unsigned", environment=elsewhere
    )
    assert refused.code == 7
    assert elsewhere["DOCKER_HOST"] in refused.err


def test_a_daemon_is_spoken_to_as_docker_s_tls_variables_say(bundler, tmp_path, tmp_path_factory):
    for name in ("tls", "client"):
        (tmp_path / name).mkdir()
    made, folder = certificates(tmp_path / "tls"), tmp_path / "client"
    for name, there in (("ca.crt", "ca.pem"), ("client.crt", "cert.pem"), ("client.key", "key.pem")):
        shutil.copy(made[name], folder / there)
    port = free_port()
    extra = ["-H", f"tcp://127.0.0.1:{port}", "--tlsverify", f"--tlscacert={made['ca.crt']}"]
    extra += [f"--tlscert={made['server.crt']}", f"--tlskey={made['server.key']}"]
    daemon = RealDaemon(tmp_path_factory.mktemp("tls"), extra=extra).start()  # a socket's path must be short
    try:
        (tmp_path / "one.tar").write_bytes(images.layer_tar("one"))
        daemon.docker("import", f"{tmp_path}/one.tar", "app:tls")
        secured = {"DOCKER_HOST": f"tcp://127.0.0.1:{port}", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}
        run = ["export", "docker-daemon:app:tls", "-o", tmp_path, "--unsigned", "-q", "--name"]
        done = bundler(*run, "t", environment=secured)
        assert done.code == 0, done.err
        other_name = bundler(*run, "u", environment={**secured, "DOCKER_HOST": f"tcp://localhost:{port}"})
        assert other_name.code == 7, "its certificate is for 127.0.0.1"
        assert "certificate" in other_name.err
        stranger = bundler(*run, "u", environment={"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
        assert stranger.code == 6
        assert "set DOCKER_TLS_VERIFY=1" in stranger.err
    finally:
        daemon.stop()


def test_an_export_that_is_killed_leaves_nothing_in_scratch(built, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = (
        "import os, sys\n"
        "from bundler.cli import run\n"
        "from bundler.bundle.writer import BundleWriter\n"
        "BundleWriter.resuming = lambda *_: (print(len(os.listdir(sys.argv[-1]))), sys.stdout.flush(), os.kill(0, 9))\n"
        "run(sys.argv[1:])\n"
    )
    arguments = ["export", "docker-daemon:app:dev", "--name", "t", "-o", tmp_path, "--unsigned", "--scratch", scratch]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **of(built)}, capture_output=True, text=True, timeout=60, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    assert done.stdout == "0\n", "scratch has no names, even while it is used"
    assert list(scratch.iterdir()) == []


def test_an_image_that_the_daemon_has_not_is_named(bundler, built, tmp_path):
    done = bundler(
        "export", "docker-daemon:absent:1", "--name", "t", "-o", tmp_path, "--unsigned", environment=of(built)
    )
    assert done.code == 6
    assert "docker-daemon:docker.io/library/absent:1: the Docker daemon has no such image" in done.err
    assert not list(tmp_path.glob("t*"))


def test_an_old_daemon_that_cannot_read_zstd_is_reported(bundler, empty_daemon, keys, tmp_path):
    tars = [images.layer_tar("zstd")]
    image = images.image([images.zstd(tars[0])], layer_type=f"{images.OCI_LAYER}+zstd", uncompressed=tars)
    image.write_layout(tmp_path / "layout", "example.org/team/zstd:1")
    images.simple("gzip").write_layout(tmp_path / "layout", "example.org/team/gzip:1")
    assert bundler("export", f"oci:{tmp_path}/layout", "--name", "t", "-o", tmp_path, "--key", keys[0]).code == 0
    done = bundler("import", tmp_path / "t", "--trust", keys[1], "--to", "docker-daemon:", environment=of(empty_daemon))
    assert done.code == 3, "the other image is loaded"
    assert "zstd, which Docker before version 23 cannot read" in done.out
    assert names_in(empty_daemon) == {"example.org/team/gzip:1"}


def test_an_encrypted_bundle_goes_into_a_daemon_and_a_registry_at_once(
    bundler, built, empty_daemon, target, keys, tmp_path
):
    (tmp_path / "passphrase").write_text("only for this test\n")
    secret = ["--passphrase-file", tmp_path / "passphrase"]
    made = ["export", *(f"docker-daemon:{tag}" for tag in BUILDS), "--name", "secret", "-o", tmp_path, "--key", keys[0]]
    assert bundler(*made, "--encrypt", *secret, "--chunk-size", "1MiB", environment=of(built)).code == 0
    taken = ["import", tmp_path / "secret", "--trust", keys[1], "--to", "docker-daemon:", "--to", target.host, *secret]
    done = bundler(*taken, environment=of(empty_daemon))
    assert done.code == 0, done.err
    for tag in BUILDS:
        assert image_id(empty_daemon, tag) == image_id(built, tag)
    assert len(target.tags) == 2


def test_the_inventory_of_a_daemon_has_names_and_no_blobs(bundler, built, tmp_path):
    path = tmp_path / "inventory.json"
    ran = bundler("inventory", "docker-daemon:", "-o", path, environment={"DOCKER_HOST": built.address})
    assert ran.code == 0, ran.err
    found = parse_inventory(path.read_bytes(), what="inventory.json")
    assert not found.blobs
    assert not found.manifests
    listed = built.docker("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}").stdout.split("\n")
    named = {line for line in listed if line and "<none>" not in line}
    assert {f"{image.id} {name}" for image in found.images for name in image.names} == {
        f"{line.split()[0]} {Reference.parse(line.split()[1])}" for line in named
    }


def test_signatures_go_to_the_registry_and_not_to_the_daemon(bundler, empty_daemon, target, tmp_path):
    bundle = write_bundle(tmp_path, {NAME: (APP, ATTACHED)})
    ran = bundler(
        "import", bundle, "--trust", TRUSTED, "--to", "docker-daemon:", "--to", target.host, "--json",
        environment=of(empty_daemon),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    images_there = [image for each in ran.json["targets"] for image in each["images"]]
    found = [[image["outcome"], *(each["outcome"] for each in image["attached"])] for image in images_there]
    assert found == [["loaded", *["left out"] * 3], ["pushed"] * 4]
    assert ran.err.count("docker-daemon:: 3 attachments of images are not imported there") == 1
    assert listed(target, APP) == [ENTRY]


def test_a_lost_chunk_is_made_again_from_the_daemon_while_it_has_the_image(bundler, built, keys, tmp_path):
    listed = tmp_path / "list.yaml"
    listed.write_text("name: apps\nimages:\n- {image: 'example.com/app:dev', from: 'docker-daemon:app:dev'}\n")
    out, environment = tmp_path / "out", of(built)
    flags = ("--key", keys[0], "--chunk-size", "1MiB")
    assert bundler("export", listed, "-o", out, *flags, environment=environment).code == 0
    names = sorted(path.name for path in (out / "apps").glob("chunk-*"))
    assert len(names) > 1
    kept, need = tmp_path / "kept", tmp_path / "need.json"
    shutil.copytree(out / "apps", kept, ignore=shutil.ignore_patterns("chunk-*"))
    assert bundler("verify", kept, "--trust", keys[1], "--need", need).code == 9
    fulfil = ("fulfil", need, "-o", tmp_path, "--from", kept, "--trust", keys[1])
    without = bundler(*fulfil, environment={"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"})
    assert without.code in (6, 7)
    assert not (tmp_path / "apps").exists()
    assert bundler(*fulfil, environment=environment).code == 0
    assert all((tmp_path / "apps" / name).read_bytes() == (out / "apps" / name).read_bytes() for name in names)
