"""`mirrors` for real: containerd, its CRI, podman and Kustomize find images under their original names, far from them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from tests.conftest import Ran
from tests.support import images
from tests.support.parts import RealContainerd, RealRegistry, require, shell
from tests.support.servers import certificates

HUB, OTHER = "docker.io/bundler-test/app:1", "quay.invalid:8443/team/tool:2"
"""Names that no resolver knows, or that are nowhere: only the mirror can have them."""
PUSHED = {HUB: images.simple("app"), OTHER: images.simple("tool")}
ALL = [word for kind in ("containerd", "podman", "k3s", "rke2", "openshift") for word in ("--for", kind)]


@pytest.fixture
def sealed(here: Callable[..., Ran], keys: tuple[Path, Path], tmp_path: Path) -> Path:
    """A bundle of images with names of registries that are not there."""
    for name, image in PUSHED.items():
        image.write_layout(tmp_path / "layout", name)
    done = here("export", f"oci:{tmp_path}/layout", "--name", "b", "-o", tmp_path, "--key", keys[0], "-q")
    assert done.code == 0, done.err
    return tmp_path / "b"


@pytest.fixture
def imported(here, keys, sealed, tmp_path) -> Callable[..., Path]:
    """Imports the bundle, and gives the receipt."""

    def import_(*options: object) -> Path:
        receipt = tmp_path / "receipt.json"
        done = here(
            "import", sealed, "--trust", keys[1], "--receipt", receipt, "--receipt-key", keys[0], "-q", *options
        )
        assert done.code == 0, done.err
        return receipt

    return import_


@pytest.fixture(scope="module")
def containerd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("containerd")
    part = RealContainerd(folder, config_path=folder / "certs.d").start()
    yield part
    part.stop()


def pull(containerd: RealContainerd, hosts: Path, name: str) -> str:
    """The digest that containerd gets for a name."""
    containerd.ctr("images", "pull", "--hosts-dir", str(hosts), "--snapshotter", "native", name)
    listed = containerd.ctr("images", "ls", f"name=={name}").stdout
    containerd.ctr("images", "rm", "--sync", name)
    return listed.splitlines()[1].split()[2]


def test_containerd_and_podman_pull_the_original_names_from_the_mirror(
    here, keys, imported, target, containerd, tmp_path
):
    receipt = imported("--to", f"{target.host}/mirror/all")
    done = here("mirrors", receipt, *ALL, "-o", tmp_path / "mirrors", "--trust", keys[1])
    assert (done.code, done.err) == (0, "")
    for name, image in PUSHED.items():
        assert pull(containerd, tmp_path / "mirrors/containerd/certs.d", name) == image.digest
    assert containerd.cri_pull(OTHER)  # it has no hosts.toml yet
    shutil.copytree(tmp_path / "mirrors/containerd/certs.d", containerd.config_path)  # without a restart
    assert [containerd.cri_pull(name) for name in PUSHED] == ["", ""]
    listed = containerd.ctr("-n", "k8s.io", "images", "ls").stdout
    assert all(f"{name} " in listed and image.digest in listed for name, image in PUSHED.items())
    again = here("mirrors", receipt, *ALL, "-o", tmp_path / "mirrors", "--trust", keys[1], "--json")
    assert again.code == 0
    assert {file["new"] for kind in again.json["kinds"] for file in kind["files"]} == {False}
    pulled = podman(tmp_path / "mirrors/podman/registries.conf.d/50-bundler.conf")
    assert pulled == {name: image.digest for name, image in PUSHED.items()}


def podman(conf: Path) -> dict[str, str]:
    """The digests that podman gets for the names."""
    require("podman")
    environment = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(conf)}
    found = {}
    with TemporaryDirectory(prefix="podman-") as folder:  # podman takes short names only
        own = ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        for name in PUSHED:
            for arguments in (["pull", "-q", name], ["image", "inspect", "--format", "{{.Digest}}", name]):
                done = subprocess.run([*own, *arguments], env=environment, capture_output=True, text=True, timeout=100)
                assert done.returncode == 0, done.stderr
            found[name] = done.stdout.strip()
    return found


def test_flattened_names_are_pulled_by_podman_and_renamed_by_kustomize(here, keys, imported, target, tmp_path):
    receipt = imported("--to", f"{target.host}/flat", "--map", "flatten")
    kinds = ("--for", "containerd", "--for", "podman")
    done = here("mirrors", receipt, *kinds, "-o", tmp_path / "m", "--trust", keys[1])
    assert done.code == 0
    assert "NOT for 2 images: its repository has another path there" in done.out
    assert all(name in done.out for name in PUSHED)
    assert podman(tmp_path / "m/podman/registries.conf.d/50-bundler.conf") == {
        name: image.digest for name, image in PUSHED.items()
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    pod["spec"] = {
        "containers": [{"name": f"c{n}", "image": name} for n, name in enumerate((*PUSHED, "bundler-test/app:1"))]
    }
    (tmp_path / "m/pod.yaml").write_text(yaml.safe_dump(pod))
    (tmp_path / "m/kustomization.yaml").write_text("resources: [pod.yaml]\ncomponents: [kustomize]\n")
    built = yaml.safe_load(shell(f"{Path(sys.executable).parent}/kubectl kustomize .", cwd=tmp_path / "m").stdout)
    app, tool = f"{target.host}/flat/bundler-test-app:1", f"{target.host}/flat/team-tool:2"
    assert [each["image"] for each in built["spec"]["containers"]] == [app, tool, app]


def test_a_bundle_gives_the_names_that_an_import_will_give(here, keys, sealed, imported, target, tmp_path):
    (tmp_path / "rules.yaml").write_text("rules:\n- from: docker.io/*\n  to: hub/*\n")
    names = ("--to", f"{target.host}/mirror", "--map", "scoped", "--rules", tmp_path / "rules.yaml")
    kinds = ("--for", "k3s", "--for", "containerd", "--trust", keys[1])
    assert here("mirrors", sealed, *names, *kinds, "-o", tmp_path / "before").code == 0
    receipt = imported(*names)
    assert here("mirrors", receipt, *kinds, "-o", tmp_path / "after").code == 0
    for path in ("k3s/registries.yaml", "containerd/certs.d/docker.io/hosts.toml"):
        assert (tmp_path / "before" / path).read_text() == (tmp_path / "after" / path).read_text()
    assert target.tags == {"mirror/hub/bundler-test/app": ["1"], "mirror/quay.invalid-8443/team/tool": ["2"]}


def test_containerd_verifies_the_mirror_by_the_authority_in_the_files(
    here, keys, imported, new_registry, containerd, tmp_path
):
    made = certificates(tmp_path)
    tls = f"  tls: {{certificate: {made['server.crt']}, key: {made['server.key']}}}\n"
    registry: RealRegistry = new_registry(http_extra=tls, scheme="https")
    receipt = imported("--to", registry.host, "--cacert", made["ca.crt"])
    options = ("--for", "containerd", "--trust", keys[1])
    assert here("mirrors", receipt, *options, "--cacert", made["ca.crt"], "-o", tmp_path / "m").code == 0
    assert pull(containerd, tmp_path / "m/containerd/certs.d", HUB) == PUSHED[HUB].digest
    (tmp_path / "m/containerd/certs.d/docker.io/ca.crt").unlink()
    refused = containerd.ctr("images", "pull", "--hosts-dir", f"{tmp_path}/m/containerd/certs.d", HUB, check=False)
    assert refused.returncode != 0


def test_nothing_is_written_over_a_file_of_other_content(here, keys, imported, target, tmp_path):
    receipt = imported("--to", target.host)
    theirs = tmp_path / "m/k3s/registries.yaml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mirrors: {}\n")
    done = here("mirrors", receipt, *ALL, "-o", tmp_path / "m", "--trust", keys[1])
    assert (done.code, theirs.read_text()) == (2, "mirrors: {}\n")
    assert "k3s/registries.yaml" in done.err
    assert [path for path in (tmp_path / "m").rglob("*") if path.is_file()] == [theirs]


def test_a_receipt_or_bundle_without_a_trusted_signature_is_refused(here, keys, sealed, imported, target, tmp_path):
    receipt = imported("--to", target.host)
    here("keygen", "stranger", "-d", tmp_path / "stranger")
    stranger = tmp_path / "stranger/stranger.pub"
    for given, more in ((receipt, ()), (sealed, ("--to", target.host))):
        done = here("mirrors", given, *more, "--for", "k3s", "-o", tmp_path / "m", "--trust", stranger)
        assert done.code == 5, done.err
    assert here("mirrors", sealed, "--to", target.host, "--for", "k3s", "-o", tmp_path / "m").code == 5
    assert not (tmp_path / "m").exists()
    changed = json.loads(receipt.read_text())
    (pinned,) = (image for image in changed["targets"][0]["images"] if image["reference"] == OTHER)
    pinned["reference"] = f"{OTHER}@{PUSHED[OTHER].digest}"
    pinned["readBack"] = PUSHED[HUB].digest  # as a daemon on the way leaves it
    receipt.write_text(json.dumps(changed))
    done = here("mirrors", receipt, "--for", "podman", "-o", tmp_path / "by-daemon", "--insecure-no-signature")
    assert "NOT for 1 image: its digest is another one there" in done.out
    changed["targets"][0]["images"][0]["reference"] = 'evil"]\nserver = "https://evil'
    receipt.write_text(json.dumps(changed))
    done = here("mirrors", receipt, "--for", "containerd", "-o", tmp_path / "m", "--insecure-no-signature")
    assert (done.code, (tmp_path / "m").exists()) == (4, False)


def test_a_receipt_without_images_at_the_registry_is_refused(here, keys, imported, target, tmp_path):
    receipt = imported("--to", target.host, "--to", f"oci:{tmp_path}/copy")
    kinds = ("--for", "k3s", "-o", tmp_path / "m", "--trust", keys[1])
    assert here("mirrors", receipt, *kinds).code == 0  # the layout is no registry
    done = here("mirrors", receipt, *kinds, "--to", "registry.internal")
    assert (done.code, target.host in done.err) == (2, True)
    assert here("mirrors", receipt, *kinds, "--to", f"oci:{tmp_path}/copy").code == 2
    done = here("mirrors", receipt, *kinds, "--to", f"{target.host}/elsewhere")
    assert done.code == 2
