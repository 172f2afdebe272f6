"""Images with a signature and an SBOM each, next to the same images without them.

The signature has a tag of cosign, the SBOM a subject and a fallback tag, because docker-registry 2.8 has no referrers
API. The images are tiny, so the figures are those of the requests.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.corpus import Corpus, check_tag, read_corpus
from benchmarks.feature import Feature, Setting, requests_in
from benchmarks.registry import OwnRegistry
from benchmarks.rounds import Samples
from benchmarks.small_corpus import CONFIG, INDEX, MANIFEST, WORKERS, Json, Pusher

IMAGES = 50
SBOM_PACKAGES = 1000
METHOD = f"""\
with: each of the images has a signature of cosign and an SBOM of {SBOM_PACKAGES} packages; without: --attachments none.
requests: those to the registry, by --metrics; its own processor time is not in the figures"""
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
SBOM = "application/spdx+json"


def run_attachments(setting: Setting) -> Feature:
    """Exports the images with and without attachments, and imports both bundles, each into an empty registry."""
    bundler, work, samples = setting.bundler, setting.work, Samples()
    notes = {}
    with OwnRegistry(work / "signed") as source, setting.runner.counting(source.process):
        corpus = push_signed(source.host, IMAGES)
        images = bundler.list_of(corpus, source.host, "signed")

        def take(name: str, *flags: str) -> None:
            folder, metrics = work / "out", ("--metrics", work / "run.prom")
            export = ("export", images, "-o", folder, *bundler.signing, "--name", "bench", *flags, *metrics)
            samples.add("export", name, bundler.run(*export))
            notes["export", name] = f"{requests_in(work / 'run.prom'):,} requests"
            with OwnRegistry(work / "target") as target, setting.runner.counting(target.process):
                run = ("import", folder / "bench", *bundler.trust, "--to", target.host, *metrics)
                samples.add("import", name, bundler.run(*run))
                for image in corpus.images:
                    check_tag(image, target.host)
            notes["import", name] = f"{requests_in(work / 'run.prom'):,} requests"
            shutil.rmtree(folder)

        setting.in_turns([lambda: take("with"), lambda: take("without", "--attachments", "none")])
    ratios = tuple(((phase, "with"), (phase, "without")) for phase in ("export", "import"))
    return Feature("attachments", f"{IMAGES} tiny images", samples, METHOD, notes=notes, ratios=ratios)


def push_signed(host: str, count: int) -> Corpus:
    """Pushes images with their attachments to a registry."""
    pusher = Pusher(host)
    with ThreadPoolExecutor(WORKERS) as pool:
        names = list(pool.map(lambda number: _push(pusher, number), range(count)))
    return read_corpus(host, names)


def _push(pusher: Pusher, number: int) -> str:
    """Pushes an image, its signature and its SBOM; returns the name of the image."""
    repository = f"signed/image-{number}"

    def push(reference: str, config: Json, *layers: Json, **more: Any) -> Json:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
        return pusher.push_manifest(repository, reference, manifest)

    def blob(content: bytes, media_type: str) -> Json:
        return pusher.push_bytes(repository, content, media_type)

    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers"}, "number": number})
    layers = [blob(f"{number:032d}{each:032d}".encode() * 64, LAYER) for each in range(2)]
    image = push("1", blob(config.encode(), CONFIG), *layers)
    dashed = image["digest"].replace(":", "-")
    payload = json.dumps({"critical": {"image": {"docker-manifest-digest": image["digest"]}}})
    push(f"{dashed}.sig", blob(b"{}", CONFIG), blob(payload.encode(), SIGNATURE))
    packages = [{"name": f"package-{each}", "versionInfo": f"{number}.{each}"} for each in range(SBOM_PACKAGES)]
    document = blob(json.dumps({"spdxVersion": "SPDX-2.3", "packages": packages}).encode(), SBOM)
    sbom = push("", blob(b"{}", EMPTY), document, artifactType=SBOM, subject=image)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**sbom, "artifactType": SBOM}]}
    pusher.push_manifest(repository, dashed, index)
    return f"{repository}:1"
