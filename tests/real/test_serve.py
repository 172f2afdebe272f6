"""`bundler serve`, and the clients of registries that pull from it: the digests that they see are those of the bundle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import bundler
from bundler.views.serve_page import ServePage
from tests.support import browser, images
from tests.support.attached_bundles import TRUSTED, To, write_bundle
from tests.support.attachments import referrer
from tests.support.images import every_kind
from tests.support.parts import RealContainerd, require, skopeo_raw
from tests.support.serving import serving

KINDS = {f"docker.io/{name}": image for name, image in every_kind().items()}
APP = images.simple("app")
ORIGIN = "registry.example.com:5000"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with images of every kind, an attachment, and an origin with a port."""
    contents = {name: (image, ()) for name, image in KINDS.items()}
    contents[f"{ORIGIN}/team/app:1"] = (APP, [To(APP, referrer(APP))])
    return write_bundle(tmp_path_factory.mktemp("served"), contents, name="platform")


def test_skopeo_copies_all_images_with_their_digests(bundle, target):
    with serving(bundle) as served:
        for image in served.images:
            name, digest = f"{served.host}/{image.name}", str(image.image.root.digest)
            assert images.sha256(skopeo_raw(name)) == digest
        for name in ("team/multi:1", "team/list:1", "library/docker:1"):
            source, there = f"docker://{served.host}/docker.io/{name}", f"docker://{target.host}/{name}"
            command = [
                "skopeo",
                "copy",
                "--all",
                "--preserve-digests",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
            ]
            subprocess.run([*command, source, there], check=True, capture_output=True, timeout=120)
            assert images.sha256(skopeo_raw(f"{target.host}/{name}")) == KINDS[f"docker.io/{name}"].digest


def test_docker_pulls_by_name_and_digest(bundle, daemon):
    with serving(bundle) as served:
        for name in (
            "docker.io/library/oci:1",
            "library/docker:1",
            "team/multi:1",
            f"team/list@{KINDS['docker.io/team/list:1'].digest}",
        ):
            pulled = daemon.docker("pull", f"{served.host}/{name}")
            digest = KINDS[
                "docker.io/"
                + name.removeprefix("docker.io/").replace(f"@{KINDS['docker.io/team/list:1'].digest}", ":1")
            ].digest
            assert f"Digest: {digest}" in pulled.stdout
            daemon.docker("rmi", f"{served.host}/{name}")


def test_docker_pulls_under_the_names_of_docker_hub_from_a_mirror(bundle, daemon):
    image = KINDS["docker.io/library/oci:1"]
    with serving(bundle) as served, daemon.mirrored(f"http://{served.host}"):
        for name in ("oci:1", f"docker.io/library/oci@{image.digest}"):
            assert f"Digest: {image.digest}" in daemon.docker("pull", name).stdout
            daemon.docker("rmi", name)


def test_containerd_pulls_under_the_original_names(bundle, tmp_path):
    containerd = RealContainerd(tmp_path / "containerd").start()
    try:
        with serving(bundle) as served:
            for origin in ("docker.io", ORIGIN):
                folder = tmp_path / "certs.d" / origin
                folder.mkdir(parents=True)
                host = f"http://{served.host}"
                (folder / "hosts.toml").write_text(
                    f'server = "{host}"\n[host."{host}"]\n  capabilities = ["pull", "resolve"]\n'
                )
            for name, image in (
                ("docker.io/library/oci:1", KINDS["docker.io/library/oci:1"]),
                (f"{ORIGIN}/team/app:1", APP),
            ):
                containerd.ctr("images", "pull", "--hosts-dir", str(tmp_path / "certs.d"), name)
                assert image.digest in containerd.ctr("images", "ls", f"name=={name}").stdout
    finally:
        containerd.stop()


def test_podman_pulls(bundle, disk_path):
    require("podman")
    with serving(bundle) as served:
        store = ["--root", str(disk_path / "root"), "--runroot", str(disk_path / "run"), "--storage-driver", "vfs"]
        name = f"{served.host}/docker.io/team/multi:1"
        subprocess.run(
            ["podman", *store, "pull", "-q", "--tls-verify=false", name], check=True, capture_output=True, timeout=120
        )
        shown = subprocess.run(
            ["podman", *store, "image", "inspect", name, "--format", "{{.RepoDigests}}"],
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert KINDS["docker.io/team/multi:1"].digest in shown.stdout


def test_typing_in_a_browser_filters_the_page(bundle):
    require("chromium")
    request = bundler.ServeRequest(bundle, trust=TRUSTED, address="127.0.0.1:0")
    with bundler.serve(request, page=ServePage) as served, browser.started() as chromium:
        page = chromium.open(f"http://{served.host}/")
        assert (page.requests, page.dialogs, page.refused) == ([], [], [])
        names = sorted(str(each.image.reference) for each in served.images)
        assert shown_names(page) == names
        page.value("document.querySelector('input[type=search]').focus()")
        for typed in (" team ", "MULTI:1"):  # several words, in any case
            page.call("Input.insertText", text=typed)
        assert shown_names(page) == ["docker.io/team/multi:1"]
        assert page.value("document.querySelector('.filter').innerText").endswith(f"1 / {len(names)}")
        for _ in " team MULTI:1":
            page.press("Backspace", 8)
        assert shown_names(page) == names


def shown_names(page: browser.Page) -> list[str]:
    """The names of the images whose rows are not hidden."""
    rows = "[...document.querySelectorAll('table.rows tbody tr')].filter(row => row.checkVisibility())"
    found: list[str] = page.value(f"{rows}.map(row => row.querySelector('bdi').textContent)")
    return sorted(found)


def test_the_command_serves_until_it_is_asked_to_end(bundle, tmp_path):
    command = [sys.executable, "-m", "bundler", "serve", str(bundle), "--trust", str(TRUSTED), "--addr", "127.0.0.1:0"]
    for flags, number in ((["--json", "-v"], signal.SIGINT), ([], signal.SIGTERM)):
        # A test run in the background ignores SIGINT, and so would its children.
        heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
        started = subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
        )
        with started as running:
            assert running.stdout is not None
            assert running.stderr is not None
            if flags:
                document = json.JSONDecoder().decode("".join(iter(running.stdout.readline, "}\n")) + "}")
                assert document["document"] == "bundler.serve/1"
                names = {each["reference"]: each["name"] for each in document["images"]}
                assert names[f"{ORIGIN}/team/app:1"] == f"{document['host']}/registry.example.com-5000/team/app:1"
                assert images.sha256(skopeo_raw(names[f"{ORIGIN}/team/app:1"])) == APP.digest
            else:
                line = running.stdout.readline()
                assert "http://127.0.0.1:" in line
            running.send_signal(number)
            _, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        assert "Traceback" not in err
        if flags:
            assert "GET /v2/registry.example.com-5000/team/app/manifests/1 200" in err
