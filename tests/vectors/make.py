"""Makes the golden bundles of this folder: one of each kind, a few KiB each.

They are those of version 0.2.0, which froze the format, and every later version reads them (`test_vectors.py`). They are never made
again: a later version adds its own, in a folder of its own. ``python -m tests.vectors.make FOLDER`` makes them in FOLDER.

| bundle | what it shows |
|---|---|
| tar | images of OCI and Docker types that share a layer, an index, a long name (SHA-512) |
| 7z | one of them in a 7z archive |
| encrypted | the same in encrypted 7z archives; the passphrase is in ``keys/passphrase`` |
| parts | blobs that are cut, in chunks of 6 KiB |
| artifacts | a Helm chart, an SBOM, and an artifact of an unknown type |
| extensions | attachments, verdicts, a series, media; restore.py, parity, the tool, a record, a file of a later version |
| base | a bundle that leaves blobs out |

"tar" has the restore.py of its version. The others have one of a line, so that they stay small.

The key is that of RFC 8032, section 7.1, TEST 1: everybody knows it. All but the encrypted bundle come out with the same
bytes each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bundler import cli
from bundler.bundle import partial as partial_bundle, signing
from bundler.bundle.partial import PartialFolder
from bundler.bundle.restore_script import restore_script
from bundler.bundle.writer import BundleWriter
from bundler.core import oci, plan
from bundler.core.digest import Digest
from bundler.core.journal import ExportStart
from bundler.core.manifest import Base, InBase, Medium, Series, Verdict, plan_digest
from bundler.core.oci import Descriptor, Manifest
from bundler.core.plan import ResolvedAttachment, ResolvedImage
from bundler.core.reference import Reference
from bundler.exporting import resume
from tests.unit.values import plan_with

HERE = Path(__file__).parent
KINDS = ("tar", "7z", "encrypted", "parts", "artifacts", "extensions", "base")
REPRODUCIBLE = tuple(kind for kind in KINDS if kind != "encrypted")
PASSPHRASE = "a passphrase that everybody knows"
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
CREATED, EPOCH = "2026-11-23T12:00:00Z", "1795435200"
TOOL_VERSION = "0.2.0"
RESTORE = b"raise SystemExit('a golden bundle restores nothing')\n"

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True)
class Content:
    """Some bytes with their media type."""

    media_type: str
    data: bytes
    algorithm: str = "sha256"

    @property
    def digest(self) -> Digest:
        return Digest.of(self.data, algorithm=self.algorithm)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.data))

    def json(self, **more: Any) -> dict[str, Any]:
        return {**self.descriptor.to_json(), **more}


@dataclass(frozen=True)
class Made:
    """A manifest or index with all that is below it."""

    manifest: Content
    config: Content | None = None
    layers: tuple[Content, ...] = ()
    children: tuple[Made, ...] = ()

    def contents(self) -> Iterator[Content]:
        for child in self.children:
            yield from child.contents()
        yield from (self.config,) if self.config else ()
        yield from self.layers
        yield self.manifest

    @property
    def resolved(self) -> Manifest:
        config = self.config.descriptor if self.config else None
        layers = tuple(layer.descriptor for layer in self.layers)
        return Manifest(self.manifest.descriptor, config=config, layers=layers)


def noise(word: str, size_bytes: int) -> bytes:
    """Bytes that are the same for the same word on every machine."""
    found = b""
    while len(found) < size_bytes:
        found += hashlib.sha256(f"{word} {len(found)}".encode()).digest()
    return found[:size_bytes]


def layer(word: str, size_bytes: int = 200, *, media_type: str = OCI_LAYER, algorithm: str = "sha256") -> Content:
    """A layer with one file, not compressed: compressors differ from version to version."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT, bufsize=512) as archive:
        info = tarfile.TarInfo(f"data/{word}")
        info.size = size_bytes
        archive.addfile(info, io.BytesIO(noise(word, size_bytes)))
    return Content(media_type, buffer.getvalue()[: 512 + -(-size_bytes // 512) * 512 + 1024], algorithm)


def document(media_type: str, content: dict[str, Any]) -> Content:
    return Content(media_type, json.dumps(content, indent=2).encode())


def image(*layers: Content, architecture: str = "amd64", is_docker: bool = False) -> Made:
    config = document(
        DOCKER_CONFIG if is_docker else oci.OCI_CONFIG,
        {
            "created": "2026-11-01T00:00:00Z",
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Entrypoint": ["/run"], "Labels": {"title": "金 example"}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(e.data).hexdigest()}" for e in layers]},
        },
    )
    media_type = DOCKER_MANIFEST if is_docker else oci.OCI_MANIFEST
    return artifact(config, *layers, media_type=media_type)


def artifact(config: Content, *layers: Content, media_type: str = oci.OCI_MANIFEST, **more: Any) -> Made:
    content = {
        "schemaVersion": 2,
        "mediaType": media_type,
        **more,
        "config": config.json(),
        "layers": [each.json() for each in layers],
    }
    return Made(document(media_type, content), config, layers)


def index(*children: Made) -> Made:
    platforms = [
        {"os": "linux", "architecture": json.loads(c.config.data)["architecture"]} for c in children if c.config
    ]
    entries = [c.manifest.json(platform=platform) for c, platform in zip(children, platforms, strict=True)]
    content = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": entries}
    return Made(document(oci.OCI_INDEX, content), children=children)


def images() -> dict[str, Made]:
    base = layer("base", 500)
    return {
        "registry.example.com/team/app:1.0": image(base, layer("app")),
        "registry.example.com/team/docker:2.0": image(layer("base", 500, media_type=DOCKER_LAYER), is_docker=True),
        "registry.example.com/team/multi:3.0": index(image(base), image(base, architecture="arm64")),
        "registry.example.com/team/long:4.0": image(layer("long name", algorithm="sha512")),
    }


def artifacts() -> dict[str, Made]:
    chart = Content("application/vnd.cncf.helm.config.v1+json", b'{"name":"chart","version":"1.0.0"}')
    spdx = document("application/spdx+json", {"spdxVersion": "SPDX-2.3", "name": "app", "packages": []})
    return {
        "registry.example.com/charts/chart:1.0.0": artifact(
            chart, Content("application/vnd.cncf.helm.chart.content.v1.tar+gzip", noise("chart", 100))
        ),
        "registry.example.com/team/sbom:1.0": artifact(
            Content(EMPTY, b"{}"), spdx, artifactType="application/spdx+json"
        ),
        "registry.example.com/team/unknown:1.0": artifact(
            Content("application/vnd.example.config.v7", b"\0config\xff"),
            Content("application/vnd.example.data.v7", noise("unknown", 100)),
            Content("application/vnd.example.nothing.v7", b""),
            artifactType="application/vnd.example.thing.v7",
        ),
    }


def write_layout(folder: Path, made: dict[str, Made]) -> None:
    entries = []
    for reference, each in made.items():
        entries.append(each.manifest.json(annotations={"org.opencontainers.image.ref.name": reference}))
        for content in each.contents():
            path = folder / content.digest.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.data)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


@contextlib.contextmanager
def working_in(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def export(to: Path, name: str, made: dict[str, Made], *options: str, keys: Path) -> None:
    """Makes a bundle by the command. The sources are named by relative paths: bundle.json has them."""
    with tempfile.TemporaryDirectory() as scratch, working_in(scratch):
        write_layout(Path("layout"), made)
        sources = [f"oci:layout:{reference}" for reference in made]
        command = ["export", *sources, "-o", str(to), "--name", name, "--key", str(keys / "golden.key"), "-q"]
        environment = {"SOURCE_DATE_EPOCH": EPOCH, "XDG_STATE_HOME": scratch, "XDG_CACHE_HOME": scratch}
        with (
            mock.patch.dict(os.environ, environment),
            mock.patch.object(resume, "__version__", TOOL_VERSION),
            mock.patch.object(plan, "MINIMUM_CHUNK_BYTES", 1024),
        ):
            code = cli.run([*command, *options])
        if code:
            raise RuntimeError(f"the export of {name} exited with {code}")


def write(to: Path, name: str, made: plan.Plan, contents: Sequence[Content], keys: Path) -> None:
    """Makes a bundle with what the command cannot export yet."""
    data = {content.digest: content.data for content in contents} | made.contents
    place = PartialFolder(to, name)
    key = signing.load_private((keys / "golden.key").read_bytes(), origin="golden.key", passphrase=bytes)
    start = ExportStart({}, {}, CREATED, made.manifest.tool, plan_digest(made.manifest))
    partial = place.start(made.manifest.chunks, start, None)
    writer = BundleWriter.resuming(partial, made.manifest, lambda _: None)
    try:
        for stored in made.manifest.stored():
            writer.put_blob(
                Descriptor("x/y", stored.digest, stored.size_bytes), iter([memoryview(data[stored.digest])])
            )
        writer.seal(key)
    finally:
        writer.close()
        partial.close()
    for rest in (to / f"{name}.partial.journal", to / f"{name}.partial.lock"):
        rest.unlink(missing_ok=True)


def add_files(bundle: Path, files: dict[str, bytes], keys: Path) -> None:
    """Adds files of optional roles to a bundle, and signs it again."""
    sums = bundle / "SHA256SUMS"
    lines = sums.read_text()
    for name, content in files.items():
        (bundle / name).parent.mkdir(exist_ok=True)
        (bundle / name).write_bytes(content)
        lines += f"{hashlib.sha256(content).hexdigest()}  {name}\n"
    sums.write_text(lines)
    key = signing.load_private((keys / "golden.key").read_bytes(), origin="golden.key", passphrase=bytes)
    (bundle / f"SHA256SUMS.{key.id}.sig").write_bytes(key.sign(sums.read_bytes()))


def resolved(reference: str, made: Made, *attachments: ResolvedAttachment) -> ResolvedImage:
    return ResolvedImage(
        Reference.parse(reference), f"docker://{reference}", (made.resolved,), (), attachments=attachments
    )


def make_extensions(to: Path, keys: Path) -> None:
    """A bundle with all that is optional, but for bases."""
    app = image(layer("base", 500), layer("app", 1500))
    subject = app.manifest.json()
    empty = Content(EMPTY, b"{}")
    spdx = document("application/spdx+json", {"spdxVersion": "SPDX-2.3", "name": "app", "packages": []})
    sbom = artifact(empty, spdx, artifactType="application/spdx+json", subject=subject)
    simple = Content("application/vnd.dev.cosign.simplesigning.v1+json", b'{"critical":{}}')
    signature = artifact(Content(oci.OCI_CONFIG, b'{"architecture":"","os":""}'), simple)
    bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json"
    of_sbom = artifact(
        empty, Content(bundle_type, b'{"mediaType":""}'), artifactType=bundle_type, subject=sbom.manifest.json()
    )
    attachments = (
        ResolvedAttachment(
            app.manifest.digest, "sbom", "referrers", (sbom.resolved,), artifact_type="application/spdx+json"
        ),
        ResolvedAttachment(
            app.manifest.digest,
            "signature",
            "tag",
            (signature.resolved,),
            tag=f"sha256-{app.manifest.digest.encoded}.sig",
        ),
        ResolvedAttachment(
            sbom.manifest.digest, "signature", "fallback-tag", (of_sbom.resolved,), artifact_type=bundle_type
        ),
    )
    judged = replace(
        resolved("registry.example.com/team/app:1.0", app, *attachments),
        verdicts=(
            Verdict("0" * 64, "registry.example.com: sigstoreSigned", "accepted", "builder"),
            Verdict("1" * 64, "default: reject", "refused", reason="no signature by a known key"),
        ),
    )
    with mock.patch.object(plan, "MINIMUM_CHUNK_BYTES", 1024):
        made = plan_with(
            [judged],
            name="extensions",
            created=CREATED,
            tool=f"bundler {TOOL_VERSION}",
            signed=True,
            chunk_size_bytes=8 << 10,
            series=Series("stable", 12, "2" * 64),
        )
    numbers = [number for number, _ in enumerate(made.manifest.chunks, start=1)]
    files = {
        "record-scan.json": b'{"record": "scan", "result": "clean"}\n',
        "parity-01.par2": noise("parity", 100),
        "parity-01.vol000+01.par2": noise("volume", 200),
        "tool/bundler-0.2.0-py3-none-any.whl": noise("wheel", 300),
        "later.bin": noise("a file of a later version", 50),
    }
    media = (
        Medium(tuple(numbers[:1]), ("parity-01.vol000+01.par2",), 64 << 10),
        Medium(tuple(numbers[1:]), ("parity-01.par2", "tool/bundler-0.2.0-py3-none-any.whl", "later.bin")),
    )
    made = replace(made, manifest=replace(made.manifest, media=media))
    write(to, "extensions", made, [c for each in (app, sbom, signature, of_sbom) for c in each.contents()], keys)
    add_files(to / "extensions", files, keys)


def make_base(to: Path, keys: Path) -> None:
    """A bundle that leaves out two layers: a bundle has one, a bundle and an inventory have the other."""
    app = image(layer("base", 500), layer("large", 2000), layer("app"))
    other = image(layer("base", 500), layer("other"))
    bases = (
        Base("3" * 64, "bundle", "platform-2026.10", "2026-10-23T12:00:00Z"),
        Base("4" * 64, "inventory", "registry.example.com/team"),
    )
    made = plan_with(
        [resolved("registry.example.com/team/app:1.1", app), resolved("registry.example.com/team/other:1.0", other)],
        name="base",
        created=CREATED,
        tool=f"bundler {TOOL_VERSION}",
        signed=True,
        chunk_size_bytes=1 << 20,
        series=Series("stable", 13, "3" * 64),
        bases=bases,
        left_out={
            layer("base", 500).digest: (InBase(0, (1,)), InBase(1, (), ("team/app", "team/other"))),
            layer("large", 2000).digest: (InBase(0, (1, 2)),),
        },
    )
    write(to, "base", made, [c for each in (app, other) for c in each.contents()], keys)


def make_keys(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "golden.key").write_bytes(private)
    (folder / "golden.key").chmod(0o600)
    (folder / "golden.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (folder / "passphrase").write_text(PASSPHRASE)


def make(to: Path, kinds: Sequence[str] = KINDS) -> None:
    """Makes bundles in a folder, and the keys next to them."""
    keys = to / "keys"
    make_keys(keys)
    few = dict(list(images().items())[:1])
    big = {"registry.example.com/team/big:1.0": image(layer("base", 500), layer("big", 6000), layer("small", 300))}
    secret = ("--encrypt", "--passphrase-file", str(keys / "passphrase"))
    makers = {
        "tar": lambda: export(to, "tar", images(), keys=keys),
        "7z": lambda: export(to, "7z", few, "--format", "7z", keys=keys),
        "encrypted": lambda: export(to, "encrypted", few, *secret, keys=keys),
        "parts": lambda: export(to, "parts", big, "--chunk-size", "6144", keys=keys),
        "artifacts": lambda: export(to, "artifacts", artifacts(), keys=keys),
        "extensions": lambda: make_extensions(to, keys),
        "base": lambda: make_base(to, keys),
    }
    for kind in kinds:
        script = restore_script() if kind == "tar" else RESTORE
        with mock.patch.object(partial_bundle, "restore_script", lambda script=script: script):
            makers[kind]()


def expected(to: Path, kind: str) -> dict[str, Any]:
    """The documents of ``inspect`` and ``verify`` of a bundle with ``--json``."""
    said = {}
    for command in ("inspect", "verify"):
        out = io.StringIO()
        secret = ["--passphrase-file", str(to / "keys/passphrase")] if kind == "encrypted" else []
        with contextlib.redirect_stdout(out):
            cli.run([command, str(to / kind), "--trust", str(to / "keys/golden.pub"), "--json", "-q", *secret])
        said[command] = json.loads(out.getvalue())
    # The rest of it is what inspect says, too.
    said["verify"] = {field: said["verify"][field] for field in ("exitCode", "bundleId", "signers", "findings")}
    return said


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    assert target != HERE, "golden bundles are never made again"
    for each in KINDS:
        shutil.rmtree(target / each, ignore_errors=True)  # an export finds a bundle that is there complete already
    make(target)
    for each in KINDS:
        text = json.dumps(expected(target, each), ensure_ascii=False) + "\n"
        (target / f"{each}.json").write_text(text)
