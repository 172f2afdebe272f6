"""Every command of the recipes runs as it is printed. Products that do not run here are fakes before a real registry.

The recipes of discs, tapes and one-way lines are in test_media_recipes.py.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.advice.table import ADVICE
from tests.support.cluster_tools import place_tools
from tests.support.images import image, index, layer_tar, packed, platform, simple
from tests.support.parts import RealRegistry, require
from tests.support.proxies import RealNginx
from tests.support.reading import DOCS, Reader, blocks
from tests.support.registries import Fake, GitLab, Harbor, Nexus, Quay
from tests.support.servers import Front, certificates

CI = DOCS.parent / "scripts/ci"
RECIPES = sorted(path.stem for path in DOCS.glob("recipes/*.md") if path.stem != "README")
MEDIA = {"discs", "tapes", "diode"}
PIPELINES = {"jenkins": "Jenkinsfile", "gitlab-ci": "gitlab-ci.yml", "github-actions": "github-import.yml"}
IMAGE_SET = """\
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror:
  additionalImages: [{name: "docker.io/library/nginx:1.27"}]
"""

Fakes = Callable[[], dict[str, Fake]]
FAKES: dict[str, Fakes] = {
    "harbor": lambda: {"harbor.internal": Harbor(set(), {}, ("admin", "Harbor12345"))},
    "nexus": lambda: {
        "nexus.internal": Nexus(base_path=""),
        "nexus.internal:5000": Nexus(base_path=""),
        "old-nexus.internal": Nexus(base_path="/repository/platform"),
    },
    "gitlab": lambda: {"registry.gitlab.internal": GitLab({"mirror/platform"}, maintainer="glpat-1")},
    "quay": lambda: {"quay.internal": Quay({"platform"}, owner="token-1")},
}
BUNDLES = {
    f"/media/stick/{month}": (f"bundler export {month}.yaml -o /media/stick --key builder.key",)
    for month in ("november", "december")
}


@pytest.fixture
def reader(here, tmp_path, monkeypatch, new_registry: Callable[..., RealRegistry], fronts) -> Callable[[str], Reader]:
    """Makes the reader of a recipe: two months of images, media, keys of others, and the product."""
    require("skopeo", "curl", "openssl")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    place_tools(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"{tmp_path}/run")  # skopeo login writes there
    monkeypatch.setenv("PAUSE_SECONDS", "0")
    (tmp_path / "run").mkdir(0o700)
    (tmp_path / "media/stick").mkdir(parents=True)
    shutil.copytree(CI, tmp_path / "scripts/ci")

    def start(page: str) -> Reader:
        source = new_registry()
        reader = Reader(tmp_path, here, {
            "docker.io/library/nginx": f"{source.host}/library/nginx",
            "/media/": f"{tmp_path}/media/",
            "/etc/rancher": f"{tmp_path}/etc/rancher",
            "/var/lib/rancher": f"{tmp_path}/var/lib/rancher",
            "skopeo login": "skopeo login --tls-verify=false",
            "-u admin": "-u admin:Harbor12345",
        })  # fmt: skip
        for host, fake in FAKES.get(page, dict)().items():
            front = fronts(new_registry(), fake)
            reader.instead |= {host: front.host, f"https://{host.removeprefix('registry.')}": f"http://{front.host}"}
        if page not in FAKES:
            host = new_registry().host
            reader.instead |= {"registry.internal:5000": host, "registry.internal-5000": host.replace(":", "-")}
        prepare(reader, source)
        return reader

    return start


def prepare(reader: Reader, source: RealRegistry) -> None:
    """Makes what recipes take for there: lists, secrets, and what an earlier step or another person gave."""
    base = packed(layer_tar("base"))
    for month, tag in (("november", "1.27"), ("december", "1.28")):
        parts = [(image([base, packed(layer_tar(f"{month}-{arch}"))], architecture=arch), platform(arch))
                 for arch in ("amd64", "arm64")]  # fmt: skip
        index(parts).push(source, "library/nginx", tag)
        entry = f"{{image: docker.io/library/nginx:stable, from: 'docker://docker.io/library/nginx:{tag}'}}"
        (reader.place / f"{month}.yaml").write_text(reader.at_this_place(f"images: [{entry}]\n"))
    for name, text in {
        "admin.txt": "admin:Harbor12345\n",
        "nexus.secret": "nexus\n",
        "puller.secret": "puller\n",
        "gitlab.header": "PRIVATE-TOKEN: glpat-1\n",
        "quay.header": "Authorization: Bearer token-1\n",
        "imageset.yaml": reader.at_this_place(IMAGE_SET),
        "november.failed.txt": reader.at_this_place("docker.io/library/nginx:stable\n"),
    }.items():
        (reader.place / name).write_text(text)
        (reader.place / name).chmod(0o600)
    reader.needs = dict(BUNDLES)


@pytest.mark.parametrize("page", [page for page in RECIPES if page not in MEDIA | set(PIPELINES)])
def test_every_command_of_a_recipe_runs(page: str, reader: Callable[[str], Reader], tmp_path: Path) -> None:
    typed = reader(page)
    if page == "openshift":
        (tmp_path / "made").mkdir()
        shutil.copy(certificates(tmp_path / "made")["ca.crt"], tmp_path / "ca.crt")
    typed.follow(f"recipes/{page}.md")
    assert typed.commands > 3


def test_every_command_of_the_pipelines_runs(reader: Callable[[str], Reader]) -> None:
    typed = reader("pipelines")
    typed.needs |= {"november.json": (  # their import left a receipt
        "bundler import /media/stick/november --to registry.internal:5000 --trust builder.pub",
        "bundler export december.yaml -o /media/stick --key builder.key",
        "bundler import /media/stick/december --to registry.internal:5000 --trust builder.pub --on-conflict replace --receipt november.json",
    )}  # fmt: skip
    for page in PIPELINES:  # lines that several of them have are typed once
        typed.follow(f"recipes/{page}.md", again=False)
    assert typed.commands > 6


def test_a_recipe_has_its_parts_in_the_order_in_which_people_need_them() -> None:
    for page in RECIPES:
        text = (DOCS / f"recipes/{page}.md").read_text()
        headings = [re.sub(":.*", "", each) for each in re.findall(r"^## (.+)$", text, re.MULTILINE)]
        known = [each for each in dict.fromkeys(headings) if each != "A proxy in front"]
        assert known == ["Prepare", "Carry", "Stumbles", "If it fails", "Take it back"], page
        assert len(text.splitlines()) <= 120, page
        assert max(len(line) for block in blocks(f"recipes/{page}.md") for line in block.splitlines()) <= 78, page
        assert set(re.findall(r"bundler explain ([a-z-]+)", text)) <= set(ADVICE), page


def test_the_index_names_every_recipe() -> None:
    text = (DOCS / "recipes/README.md").read_text()
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", text)) == set(RECIPES)


def test_a_recipe_of_a_pipeline_quotes_its_file() -> None:
    for page, file in PIPELINES.items():
        quoted = [*blocks(f"recipes/{page}.md", "yaml"), *blocks(f"recipes/{page}.md", "groovy")]
        assert quoted
        assert all(each in (CI / file).read_text() for each in quoted), page


def test_the_proxy_of_the_recipe_lets_large_layers_pass(here, fronts, target, tmp_path) -> None:
    (block,) = blocks("recipes/nexus.md", "nginx")
    large = simple("large", 3_000_000)  # nginx lets 1 MB pass if nothing is said
    large.write_layout(tmp_path / "layout", "example.com/a/large:1")
    done = here("export", f"oci:{tmp_path}/layout", "--name", "large", "-o", tmp_path, "--unsigned", "-q")
    assert done.code == 0, done.err
    front: Front = fronts(target, Nexus(base_path=""))
    nginx = RealNginx(tmp_path / "nginx", block.replace("127.0.0.1:8081", front.host)).start()
    try:
        done = here("import", tmp_path / "large", "--to", nginx.host, "--insecure-no-signature")
    finally:
        nginx.stop()
    assert done.code == 0, done.out + done.err
    assert "in pieces" not in done.err
    assert target.get("a/large/manifests/1") == large.content
