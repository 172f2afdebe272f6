"""The tools that own a kind of list judge what we read from it: kubectl with Kustomize, and Docker Compose."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.lists.table import read_list
from bundler.transports.parsing import parse_image

TOOLS = Path(sys.executable).parent
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: i, image: one}]
      containers:
      - {name: a, image: "registry.example.com:5000/two:1"}
      - {name: b, image: "three@sha256:%s"}
"""


def output_of(*command: object, cwd: Path) -> str:
    words = [str(TOOLS / str(command[0])), *map(str, command[1:])]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=True).stdout


def names(text: str, source: str = "-") -> set[str]:
    found = read_list(text, source=source, parse_image=parse_image)
    return {str(getattr(each, "reference", "")) for each in found.images.entries}


def test_kubectl_writes_manifests_that_are_read(tmp_path):
    for kind, *more in (("deployment", "--replicas=2"), ("job",), ("cronjob", "--schedule=@daily")):
        for form in ("yaml", "json"):
            made = output_of(
                "kubectl",
                "create",
                kind,
                "web",
                "--image=quay.io/a/web:1",
                *more,
                "--dry-run=client",
                "-o",
                form,
                cwd=tmp_path,
            )
            assert names(made) == {"quay.io/a/web:1"}, (kind, form)


def test_kustomize_finds_the_same_images_in_a_manifest(tmp_path):
    """Kustomize gives each image that it finds another name; we find all of these names, and no old one."""
    images = ("one", "registry.example.com:5000/two", "three")
    (tmp_path / "web.yaml").write_text(DEPLOYMENT % ("a" * 64))
    listed = [{"name": name, "newName": f"judge/{number}", "newTag": "1"} for number, name in enumerate(images)]
    (tmp_path / "kustomization.yaml").write_text(json.dumps({"resources": ["web.yaml"], "images": listed}))
    built = output_of("kubectl", "kustomize", tmp_path, cwd=tmp_path)
    assert names(built) == {f"docker.io/judge/{number}:1" for number in range(len(images))}


COMPOSE = """\
name: p
include: [sub/more.yaml]
x-base: &base
  image: "base:${TAG:-1}"
services:
  a: {image: "registry.example.com:5000/a:${TAG}-${REST:-x}", depends_on: [b]}
  b: {<<: *base}
  c: {image: "c:$TAG", profiles: [debug]}
  d: {extends: {file: sub/base.yaml, service: s}}
  e: {extends: b, command: [x]}
  f: {image: "f:${EMPTY:-a${TAG}b}"}
  g: {image: "g:${TAG:+yes}${NO:+no}"}
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the package of this judge is for Python 3.11 and later")
def test_docker_compose_finds_the_same_images(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / ".env").write_text("# c\nTAG=2 # why\nEMPTY=\n")
    (tmp_path / "sub/.env").write_text("TAG=9\nOTHER='7'\n")
    (tmp_path / "sub/more.yaml").write_text("services: {m: {image: 'm:$TAG'}, n: {image: 'n:${OTHER}'}}\n")
    (tmp_path / "sub/base.yaml").write_text("services: {s: {image: 's:${TAG}'}}\n")
    judged = output_of("docker-compose", "-f", "compose.yaml", "--profile", "*", "config", "--images", cwd=tmp_path)
    listed = output_of("bundler", "images", "compose.yaml", "-q", cwd=tmp_path)
    assert {name.removeprefix("docker.io/library/") for name in listed.split()} == set(judged.split())
