"""The world around the commands of our pages: images, hosts, folders and programs, and what each page takes for done."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.attachments import SPDX as SPDX_TYPE, dashed, fallback_index, referrer
from tests.support.harbor_rules import RuledHarbor
from tests.support.images import Image, image, index, layer_tar, packed, platform, simple
from tests.support.parts import RealRegistry
from tests.support.preheats import DragonflyManager, HarborPreheats
from tests.support.reading import ROOT, Reader
from tests.support.registries import Fake
from tests.support.scanners import FIXED, debian, packed as tar_of
from tests.unit.core.sbom.test_sbom import SPDX

FOLDERS = ("/media/", "/srv/", "/mnt/", "/opt/", "/etc/", "/usr/local/", "/var/lib/")
"""The folders of a machine that pages name; here they are in the folder of the test."""

FILES = {
    "deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {template: {spec: {containers: [{name: web, image: "DOCKER/library/nginx:1.27"}]}}}
""",
    "compose.yaml": "services: {app: {image: 'DOCKER/team/app:${TAG}'}}\n",
    "more.txt": "DOCKER/team/app:1.4\n",
    "rke2-images.txt": "DOCKER/team/app:1.4\n",
    "rancher-images.txt": "DOCKER/library/nginx:1.27\nDOCKER/prometheus/prometheus:v3.0.1\n",
    "mirror.txt": "DOCKER/library/nginx:1.27\n",
    "rules.yaml": "rules: [{from: docker.io/library/*, to: library/web/*}]\n",
    "retention.yaml": "rules: [{repositories: ['ci/*'], tags: ['pr-*'], keep-last: 5, by: created}]\n",
    "harbor.yaml": "rules: [{repositories: ['ci/*'], tags: ['pr-*'], keep-last: 5, by: pushed}]\n",
    "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
    "notation/trustpolicy.json": '{"version": "1.0", "trustPolicies": [{"name": "all", "registryScopes": ["registry.example.com/team/debian"], '
    '"signatureVerification": {"level": "skip"}}]}\n',
    "admin.txt": "admin:Harbor12345\n",
    "token.txt": "token-1\n",
    "w.yaml": "waivers: []\n",
}
"""The files of a user; DOCKER is the registry that has all images."""

TOOL = {
    "bundler-0.2.0-py3-none-any.whl": "PK",
    "install.sh": "echo installed\n",
    "bundler-0.2.0-x86_64.pyz": "",
    "dockerfile": "FROM base\n",
}
"""The files of a tool that nobody needs to run: test_distribution.py makes and installs the real ones."""

OCTOBER = ("docker.io/library/nginx:1.26", "quay.io/prometheus/prometheus:v3.0.1", "registry.example.com/team/app:1.4")
NOVEMBER = ("docker.io/library/nginx:1.27", *OCTOBER[1:])

LAYERED = (
    "registry.example.com/team/app:1.4",
    "registry.example.com/team/job:1.4",
    "registry.example.com/team/web:2.0",
)
"""The images that docs/layers.md shows."""

KEYS = {
    rf"{name}\.(?:key|pub)": (f"bundler keygen {name}",)
    for name in ("builder", "importer", "backup", "officer", "approver", "second")
}
_BUNDLE = r"((?:/|[a-z]+/)(?:\S+/)?)"
NEEDS: dict[str, tuple[str, ...]] = {
    **KEYS,
    "/srv/builder.pub": ("cp builder.pub /srv/",),
    "~/builder.pub": ("cp builder.pub ~/",),
    "keys": ("mkdir keys", "cp builder.pub second.pub keys"),
    "/media/disc[12](?!/platform-)": (
        "bundler export images.yaml -o made --name platform --key builder.key --chunk-size 3MiB",
        "mkdir -p /media/disc1 /media/disc2",
        "cp -r made/platform /media/disc1",
        "cp -r made/platform /media/disc2",
        "rm /media/disc1/platform/chunk-0002.tar /media/disc2/platform/chunk-0001.tar",
    ),
    rf"{_BUNDLE}(platform-2026\.10)": (r"bundler export october.yaml -o \1. --name \2 --key builder.key",),
    rf"{_BUNDLE}(platform(?:-2026\.11)?)": (r"bundler export images.yaml -o \1. --name \2 --key builder.key",),
    rf"{_BUNDLE}(platform(?:-2026\.11)?)\.medium-\d\d": (
        r"bundler export images.yaml -o \1. --name \2 --key builder.key --chunk-size 1MiB --medium-size 2200000",
    ),
    r"receipt\.json": (
        "bundler import /media/stick/platform --to registry.internal:5000 --trust builder.pub --receipt receipt.json --receipt-key importer.key",
    ),
    r"(?:/srv/)?receipts": (
        "mkdir -p receipts /srv/receipts",
        "cp receipt.json receipts",
        "cp receipts/* /srv/receipts",
    ),
    r"need\.json": (
        "cp -r kept/platform lost",
        "rm lost/chunk-0001.tar",
        "bundler verify lost --trust builder.pub --need need.json",
    ),
    r"inventory\.json": (
        "cp receipt.json shown.json",
        "bundler inventory registry.internal:5000 -o inventory.json --key importer.key",
    ),
    "oci:images": ("bundler import /media/stick/platform --to oci:images --trust builder.pub",),
}
"""The files that any page may take for there, and the commands that make them."""

NEEDS |= {
    "users": ("htpasswd -bBc -C 4 users reader secret",),
    **dict.fromkeys(
        (r"server\.crt", r"registry-ca\.pem"),
        (
            "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=registry -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.crt",
            "cp server.crt registry-ca.pem",
        ),
    ),
    r"(?:docker-archive:)?(vendor[a-z-]*)\.tar\.(gz|xz)": (
        r"skopeo copy -q --src-tls-verify=false docker://quay.io/prometheus/prometheus:v3.0.1 docker-archive:\1.tar:vendor/app:1",
        r"[ \2 = gz ] && gzip \1.tar || xz -0 \1.tar",
    ),
    "docker-daemon:app:dev": (
        "skopeo copy -q --src-tls-verify=false --dest-daemon-host $DOCKER_HOST docker://quay.io/prometheus/prometheus:v3.0.1 docker-daemon:app:dev",
    ),
    "trivy-cache": ("cp -r $TRIVY_CACHE_DIR trivy-cache",),
    "/opt/acme/scan": (
        "mkdir -p /opt/acme",
        "printf '#!/bin/sh\ncat > /dev/null\n' > /opt/acme/scan",
        "chmod 755 /opt/acme/scan",
    ),
}

CODES = {"bundler verify lost ": 9}


@dataclass(frozen=True)
class Page:
    """The files that a page needs before, and the special features of its commands."""

    images: tuple[str, ...] = NOVEMBER
    """The images of images.yaml."""
    fronts: Mapping[str, Callable[[], Fake]] = field(default_factory=dict)
    """The products in front of registries, by their hosts."""
    is_ci: bool = False
    """True if a pipeline has filled repositories of the registry."""
    epoch: str = ""
    """SOURCE_DATE_EPOCH, for a page that names a day."""
    before: tuple[str, ...] = ()
    """Commands that are typed first."""
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Files that it takes for there; they come before those of `NEEDS`."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Words of the page, and what they are here."""
    first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Commands that change the world before a command of the page, by the beginning of that."""
    answers: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """The questions of commands that need a terminal, and what is typed."""
    codes: Mapping[str, int] = field(default_factory=dict)
    """The exit codes of commands that do not end with 0, by the beginning of the command."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """The folders in which blocks are typed, by the beginning of the first command."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """The beginnings of lines that cannot run here, and the reason with what is checked instead."""


POLICY = {"name": "all-nodes", "enabled": True}


def preheats() -> Fake:
    """Harbor, as far as imports and preheats ask it."""
    return HarborPreheats({project: [POLICY] for project in ("library", "prometheus", "team", "platform")})


def ruled() -> Fake:
    """Harbor with its rules."""
    return RuledHarbor({"ci"}, {}, ("admin", "Harbor12345"), project="ci")


def dragonfly() -> Fake:
    """The manager of Dragonfly."""
    return DragonflyManager("token-1")


MORNING = "1796029200"
"""2026-11-30T09:00:00Z"""
YES = [("type yes", "yes")]
SAME = [("exactly the same", "y")]
BACK = ("bundler import old/old --to registry.internal:5000 --trust builder.pub --on-conflict replace",)
MOVED = ("bundler import /media/stick/platform --to registry.internal:5000 --trust builder.pub --on-conflict replace",)
"""Imports that move a tag there and back."""
FILLED = ("bundler import /media/stick/platform --to registry.internal:5000 --trust builder.pub",)
"""An import has filled the registry, and its receipt is in the folder of the user."""
MONTHS = (
    "bundler export docker://docker.io/library/nginx:1.26 -o out --name month-1 --key builder.key",
    *(
        f"bundler export docker://docker.io/library/nginx:1.27 -o out --name month-{n} --key builder.key"
        for n in (2, 3, 4)
    ),
    *(f"bundler import out/month-{n} --to registry.internal:5000 --trust builder.pub" for n in (1, 2, 3, 4)),
)
LOGIN = (
    "mkdir -p ~/.docker",
    """echo '{"auths": {"harbor.internal": {"auth": "YWRtaW46SGFyYm9yMTIzNDU="}}}' > ~/.docker/config.json""",
)
TRUSTED = ('bundler trust add builder.pub --fingerprint "$FINGERPRINT"',)
CDROM = {"/media/cdrom": ("bundler export images.yaml -o /media/cdrom --name platform --key builder.key",)}


def insert(number: int) -> str:
    """Puts another medium into the drive."""
    return f"ln -sfn PLACE/set/platform-2026.11.medium-0{number} /media/cdrom"


MEDIA_SET = (
    "bundler export images.yaml -o set --name platform-2026.11 --key builder.key --chunk-size 1MiB --medium-size 4300000",
    insert(1),
)
FULL = {"/srv/backup/full": ("bundler backup registry.internal:5000 -o /srv/backup --key backup.key --name full",)}
SCANNED = (
    "bundler scan /media/stick/platform --with clamav -o /media/stick/platform.scan.json --trust builder.pub --key builder.key",
)
DASK = {"bundler import /srv/platform --trust /srv/builder.pub --to registry.internal --dask":
        "needs a cluster; a test of its own in tests/real/test_pages.py starts one"}  # fmt: skip
NO_SCANNER = ("registry.example.com/team/debian:12",)


def in_bundle(folder: str, *beginnings: str) -> dict[str, str]:
    """The folders of blocks that are typed in the folder of a bundle."""
    return dict.fromkeys(beginnings, folder)


README = Page(
    first={"openssl pkeyutl": ("cp builder.pub ~/builder.pub",)},
    folders={"scripts/demo": "ROOT", "openssl pkeyutl": "/media/stick/prometheus-v3.0.1"},
    left_out={
        "scripts/test": "runs this test",
        "python3 -m venv": "asks an index; tests/real/test_installation.py installs it",
        "~/.local/lib": "asks an index; tests/real/test_installation.py installs it",
        "mkdir -p ~/.local": "belongs to the installation; tests/real/test_installation.py runs it",
    },
)
PAGES: dict[str, Page] = {
    "CONTRIBUTING.md": Page(
        instead={"git clone REPOSITORY": "git clone -q ROOT bundler"},
        left_out={
            "scripts/demo": "README.md types it",
            "scripts/test": "runs this test",
            ".venv/bin/bundler": "a test may run in another environment; tests/test_docs.py reads all help",
        },
    ),
    "README.md": README,
    "README.zh-CN.md": replace(README, left_out={**README.left_out, "scripts/demo": "README.md types it"}),
    "bundler/bundle/FORMAT.md": Page(
        before=(
            "bundler keygen key",
            "mv key.key KEY.key",
            "mv key.pub KEY.pub",
            "bundler export images.yaml -o made --name platform --key KEY.key",
            "bundler export images.yaml -o made7 --name platform --key KEY.key --format 7z",
        ),
        instead={
            "<key id>": "*",
            "KEY.key": "PLACE/KEY.key",
            "KEY.pub": "PLACE/KEY.pub",
            "REGISTRY": "registry.internal:5000",
            "skopeo copy": "skopeo copy --dest-tls-verify=false",
            "cp HEX": "cp NGINX",
            "cp CHILD CHILD.manifest.json": "cp AMD64 AMD64.manifest.json; cp ARM64 ARM64.manifest.json",
        },
        folders={
            **in_bundle("made/platform", "openssl", "find", "mkdir ../restored", "python3", "tail"),
            **in_bundle("made7/platform", "for chunk in"),
            **in_bundle("made/restored", "tar -c . | docker"),
        },
        first={"for chunk in": ("mkdir made7/restored",)},
    ),
    "docs/backup.md": Page(
        epoch=MORNING,
        before=(*FILLED, "cp -r ROOT/scripts scripts"),
        needs=FULL,
        first={
            "bundler restore s3": (
                "bundler backup registry.internal:5000 -o s3://backups/registry --key backup.key --name full",
            )
        },
        instead={"sudo ": "", " -o bundler ": " "},
    ),
    "docs/channels.md": Page(
        first={
            "bundler export images.yaml -o /media/stick --key builder.key --channel platform   ": (
                "mv /media/stick/platform-2026.11 /media/stick/platform-first",
            )
        },
    ),
    "docs/commands/backup.md": Page(
        epoch=MORNING,
        before=FILLED,
        needs=FULL,
        first={
            "bundler backup registry.internal:5000 -o /srv/backup --key backup.key --since": (
                "rm -r /srv/backup/registry.internal-5000-2026-11-30",
            ),
            "bundler backup registry.internal:5000 -o /srv/backup --key backup.key --dry": (
                "rm -r /srv/backup/registry.internal-5000-2026-11-30",
            ),
        },
    ),
    "docs/commands/check.md": Page(
        before=(
            "bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000/mirror --map scoped",
        )
    ),
    "docs/commands/copy.md": Page(
        before=("mkdir -p /media/stick /media/one /media/two",),
        first={"bundler copy out/platform-2026.11.medium": ("rm -r /media/stick/platform-2026.11",)},
    ),
    "docs/commands/diff.md": Page(
        codes={
            "bundler diff receipt.json": 0,
            "bundler diff inventory.json": 0,
            "bundler diff -q": 0,
            "bundler diff /media/platform-2026.11 registry": 0,
        }
    ),
    "docs/commands/export.md": Page(
        before=("mkdir -p /media/one /media/two",),
        first=dict.fromkeys(
            (
                "bundler export images.yaml -o /media/stick --key builder.key --with-tool",
                "bundler export images.yaml -o out",
                "bundler export docker",
                "bundler export rancher",
            ),
            ("rm -rf out /media/stick",),
        )
        | {
            "bundler export resolved.json -o /mnt/work --key": tuple(
                f"bundler export resolved.json -o /mnt/work --shard {number}/8" for number in range(1, 9)
            )
        },
    ),
    "docs/commands/fulfil.md": Page(
        needs={"bundles/platform": ("mkdir bundles", "cp -r kept/platform bundles")},
        first={
            "bundler fulfil need.json -o out --from kept/platform --from": ("rm -r out",),
            "bundler fulfil need.json -o out --from kept/platform --trust builder.pub --key": ("rm -rf out",),
        },
    ),
    "docs/commands/images.md": Page(instead={"bundler images -  ": "bundler images - < deployment.yaml "}),
    "docs/commands/import.md": Page(
        fronts={"harbor.internal": preheats},
        before=("mkdir -p /var/lib/rancher/k3s/agent/images",),
        needs={
            **CDROM,
            r"/media/disc2/platform-2026\.11": (
                "bundler export images.yaml -o /media/disc2 --key builder.key --since /media/disc1/platform-2026.10 --trust builder.pub",
            ),
        },
        instead={"--scan-age 7d": ""},
        first={
            "bundler import /media/stick/platform --trust builder.pub --to registry.internal --require-scan": SCANNED
        },
        left_out=DASK,
    ),
    "docs/commands/init.md": Page(
        before=("rm images.yaml",),
        answers={
            "bundler init   #": [
                ("name of the bundles", ""),
                ("image, for", "docker.io/library/nginx:1.27"),
                ("next image", ""),
                ("private key", ""),
                ("folder or medium", ""),
            ]
        },
    ),
    "docs/commands/keygen.md": Page(
        answers={"bundler keygen builder -d": [("assphrase", "a long passphrase"), ("epeat", "a long passphrase")]}
    ),
    "docs/commands/label.md": Page(
        before=TRUSTED,
        needs={
            r"out/platform-2026\.11": (
                "ls out/platform-2026.11.medium-01",
                "mkdir out/platform-2026.11",
                "for each in out/platform-2026.11.medium-0*; do cp $each/* out/platform-2026.11; done",
            )
        },
    ),
    "docs/commands/man.md": Page(
        left_out={"bundler man ": "the build makes the page; tests/real/test_man_page.py reads and installs it"}
    ),
    "docs/commands/parity.md": Page(
        first={
            "bundler parity bundles/platform --key builder.key --trust builder.pub --amount": ("rm -r bundles",),
            "bundler parity bundles/platform --key builder.key --trust builder.pub --dry": ("rm -r bundles",),
        }
    ),
    "docs/commands/mirrors.md": Page(
        first={"bundler mirrors receipt.json --for containerd --cacert": ("rm -r mirrors",)}
    ),
    "docs/commands/doctor.md": Page(before=("mkdir /media/stick",), fronts={"harbor.internal": preheats}),
    "docs/commands/prune.md": Page(
        before=MONTHS,
        is_ci=True,
        fronts={"harbor.internal": ruled},
        answers={
            "bundler prune registry.internal:5000 --keep-bundles 3 --receipt-key": YES,
            "bundler prune registry.internal:5000 --rules": YES,
        },
    ),
    "docs/commands/receipt.md": Page(
        needs={
            r"disc[12]\.json": tuple(
                f"bundler import /media/stick/platform --to registry.internal:5000 --trust builder.pub --shard {n}/2 "
                f"--receipt disc{n}.json"
                for n in (1, 2)
            )
        },
        first={"bundler receipt merge": ("rm -f whole.json",)},
    ),
    "docs/commands/repair.md": Page(
        needs={
            "/srv/bundles/platform": (
                "bundler export images.yaml -o /srv/bundles --name platform --key builder.key --chunk-size 1MiB --parity 2chunks",
                "rm /srv/bundles/platform/chunk-0002.tar",
            )
        }
    ),
    "docs/commands/restore.md": Page(
        before=FILLED,
        needs={
            **FULL,
            "/srv/backup/monday": (
                "bundler backup registry.internal:5000 -o /srv/backup --key backup.key --name monday --since /srv/backup/full --trust backup.pub",
            ),
        },
        first={
            "bundler restore s3": (
                "bundler backup registry.internal:5000 -o s3://backups/registry --key backup.key --name full",
            )
        },
    ),
    "docs/commands/scan.md": Page(
        images=NO_SCANNER, before=TRUSTED, first={"bundler scan": ("rm -f scan.json platform.scan.json",)}
    ),
    "docs/commands/search.md": Page(
        before=(*FILLED, "bundler export images.yaml -o s3://backups/2026 --key builder.key")
    ),
    "docs/commands/sign.md": Page(
        needs={"keys": ("mkdir keys", "cp builder.pub approver.pub keys")},
        before=(*TRUSTED, "bundler export images.yaml -o s3://backups/2026 --key builder.key --name platform"),
    ),
    "docs/commands/slip.md": Page(before=TRUSTED),
    "docs/commands/spread.md": Page(
        before=("mkdir -p /media/one /media/two",), first={"bundler spread": ("rm -rf /media/one/* /media/two/*",)}
    ),
    "docs/commands/trust.md": Page(
        answers={"bundler trust add builder.pub\n": SAME, "bundler trust add builder.pub  ": SAME},
        first={
            "bundler trust add builder.pub --name": ("bundler trust remove builder",),
            "bundler trust remove builder": ("bundler trust remove headquarters || true", *TRUSTED),
            "bundler trust remove 06e3": TRUSTED,
        },
        instead={
            '"06e3 fd8f da29 bb60 ..."': '"$FINGERPRINT"',
            "06e3fd8fda29bb60": "$(echo $FINGERPRINT | cut -c1-16)",
        },
    ),
    "docs/commands/serve.md": Page(),
    "docs/commands/undo.md": Page(
        before=(
            r"sed -i 's|\(image: .docker.io/library/nginx:\)1...|\1stable|' october.yaml images.yaml",
            "bundler export october.yaml -o old --key builder.key --name old",
            *BACK,
            *MOVED,
            "cp ~/.local/state/bundler/receipts/*-platform.json ~/.local/state/bundler/receipts/20261123T031500Z-platform.json",
        ),
        needs={r"receipt\.json": (*BACK, f"{MOVED[0]} --receipt receipt.json --receipt-key importer.key")},
        first={"bundler undo --last   #": MOVED, "bundler undo --last --to": MOVED},
        answers={"bundler undo --last   #": YES},
    ),
    "docs/commands/verify.md": Page(
        needs=CDROM,
        instead={
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": "$(sha256sum vendor-image.tar.xz | cut -c1-64)"
        },
        first={
            "bundler verify /media/stick/platform --trust builder.pub --require-scan": (
                SCANNED[0].replace("-o", "--with trivy -o"),
            ),
            "bundler verify /media/stick/platform --trust keys/": (
                "cp builder.key kept.key",
                "bundler sign /media/stick/platform --key second.key --trust builder.pub",
            ),
        },
        images=NO_SCANNER,
    ),
    "docs/configuration.md": Page(before=("rm images.yaml",)),
    "docs/diff.md": Page(
        first={
            "bundler diff /media/platform-2026.11 registry": (
                "bundler import /media/platform-2026.11 --to registry.internal:5000/prefix --trust builder.pub",
            )
        },
        before=("cp october.yaml images-october.yaml", "cp images.yaml images-november.yaml"),
        codes={
            "bundler diff receipt.json": 0,
            "bundler diff inventory.json": 0,
            "bundler diff /media/platform-2026.11 registry": 0,
        },
    ),
    "docs/layers.md": Page(
        images=(*NOVEMBER[:1], *LAYERED),
        instead={"docker://registry.example.com/team/": "docker://registry.example.com/layered/"},
    ),
    "docs/media.md": Page(
        before=(
            "mkdir -p /media/one /media/two /media/stick",
            "sed -i s/platform-2026.11/platform/ images.yaml",
        ),
        needs={
            "/media/cdrom": MEDIA_SET,
            "out/platform": ("bundler export images.yaml -o out --key builder.key --chunk-size 1MiB",),
        },
        instead={
            "builder.key --medium-size bd25": "builder.key --medium-size 2200000 --chunk-size 1MiB",
            "--medium-size bd25": "--medium-size 2200000",
            "NAME": "platform",
            "loop disc.iso /mnt": "loop disc.iso /mnt/",
        },
        first={
            "bundler copy out/platform -o": ("rm -r out /media/one/platform /media/two/platform",),
            "bundler spread out/platform -o /media": ("rm -r /media/one/platform /media/two/platform",),
            "bundler copy out/platform.medium-02": ("rm -rf /media/stick/platform",),
            "bundler verify /media/cdrom": (insert(1),),
        },
        answers=dict.fromkeys(
            ("bundler import /media/cdrom", "bundler verify /media/cdrom"),
            tuple((f"insert medium {number} of", f"$ {insert(number)}") for number in (2,)),
        ),
    ),
    "docs/parity.md": Page(
        instead={
            "--medium-size bd25": "--medium-size 2200000 --chunk-size 1MiB",
            "-o media --medium-size bd25": "-o media --medium-size 2200000",
            "1medium:bd25": "1medium:2200000 --chunk-size 1MiB",
        },
        before=("sed -i s/platform-2026.11/platform/ images.yaml",),
        needs={
            "/media/stick/platform": (
                "bundler export images.yaml -o /media/stick --name platform --key builder.key --chunk-size 1MiB --parity 1chunk",
            )
        },
        first={
            "bundler export images.yaml -o out --key builder.key --": ("rm -rf out",),
            "bundler verify": ("truncate -s -5000 /media/stick/platform/chunk-0002.tar",),
            "par2 repair": ("truncate -s -5000 /media/stick/platform/chunk-0001.tar",),
        },
        codes={"bundler verify": 4},
        folders=in_bundle("/media/stick/platform", "par2"),
    ),
    "docs/performance.md": Page(
        left_out={
            "scripts/bench": "takes minutes; tests/test_bench.py parses it, and runs its parts",
            "scripts/scale": "takes half an hour; no test runs it",
        }
    ),
    "docs/mirrors.md": Page(fronts={"harbor.internal": preheats, "dragonfly.internal": dragonfly}),
    "docs/prune.md": Page(
        before=(*MONTHS, *LOGIN),
        is_ci=True,
        fronts={"harbor.internal": ruled},
        first={
            "bundler undo": (
                "ls -t ~/.local/state/bundler/prunes/*.json > prunes.txt",
                "mv $(head -1 prunes.txt) ~/.local/state/bundler/prunes/20261130T090000Z-registry.internal-5000.json",
            )
        },
        answers={
            "bundler prune registry.internal:5000 --keep-bundles 3 --receipt-key": YES,
            "bundler prune registry.internal:5000 --rules": YES,
            "bundler prune harbor.internal/ci --rules": YES,
        },
    ),
    "docs/restore.md": Page(
        before=(
            "bundler export images.yaml -o out --key builder.key",
            "bundler export october.yaml -o out --key builder.key",
            "cp builder.pub ~/builder.pub",
            "cp -r out/platform-2026.11 /media/disc2",
        ),
        folders=in_bundle("out/platform-2026.11", "sha256sum"),
    ),
    "docs/s3.md": Page(codes={"bundler diff": 0}),
    "docs/scale.md": Page(
        left_out={
            **DASK,
            **dict.fromkeys(
                ("dask scheduler", "dask worker"),
                "go on until they are ended; a test of its own in tests/real/test_pages.py types them",
            ),
        },
        first={
            "bundler import /mnt/platform --trust builder.pub --to registry.internal --shard 1/3 --all": (
                "rm shard-1.json shard-2.json shard-3.json",
            )
        },
    ),
    "docs/scan.md": Page(before=TRUSTED, images=NO_SCANNER, instead={"--scan-age 7d": ""}),
    "docs/series.md": Page(
        first={
            "bundler export images.yaml -o out --key builder.key --since receipt": ("rm -r out/platform-2026.11",),
            "bundler verify": (
                "rm -r /media/stick/platform",
                "bundler export images.yaml -o kept --name platform --key builder.key --chunk-size 1MiB",
                "cp -r kept/platform /media/stick",
                "rm /media/stick/platform/chunk-0003.tar",
            ),
            "bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000 --need": (
                "rm need.json",
            ),
            "bundler import /media/stick/platform /media/second/platform --": (
                "mkdir /media/second",
                "cp -r out/platform /media/second",
            ),
            "bundler import /media/stick/platform /media/second/platform-need": (
                "rm -r /media/stick/platform /media/second",
                "bundler export october.yaml -o base --name base --key builder.key",
                "bundler export images.yaml -o /media/stick --name platform --key builder.key --since base/base --trust builder.pub",
                "bundler import /media/stick/platform --to oci:fresh --trust builder.pub --need lacking.json",
                "mkdir /media/second",
                "bundler fulfil lacking.json -o /media/second --from /media/stick/platform --trust builder.pub --key builder.key",
            ),
        },
        instead={"platform-need-1a2b3c4d": "platform-need-*"},
        codes={
            "bundler verify": 9,
            "bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000 --need": 9,
            "bundler import /media/stick/platform --to oci:fresh": 9,
        },
    ),
    "docs/serve.md": Page(instead={"skopeo copy": "skopeo copy --dest-tls-verify=false"}),
    "docs/tool.md": Page(
        instead={"<key id>": "*"},
        folders=in_bundle("/media/stick/platform-2026.11", "openssl", "python3", "mkdir image"),
        first={"openssl": ("cp builder.pub /media/stick/platform-2026.11",)},
        left_out={
            "scripts/dist": "asks an index; tests/real/test_distribution.py builds all",
            "dpkg -i": "changes this machine; tests/real/test_distribution.py installs it in a root of its own",
            "docker": "the image is real only there: tests/real/test_distribution.py loads, runs and builds it",
        },
    ),
    "scripts/ci/README.md": Page(
        before=("cp -r ROOT/scripts/ci ci", "cp builder.pub ci", "echo '{\"auths\": {}}' > ci/config.json"),
        folders=in_bundle("ci", "install -d"),
    ),
    "scripts/cluster/README.md": Page(
        before=(
            "mkdir scripts",
            "cp -r ROOT/scripts/cluster ROOT/scripts/ci scripts",
            "mkdir /srv/keys",
            "cp builder.pub /srv/keys",
            "cp builder.pub importer.key importer.pub scripts/cluster/kubernetes",
            "touch scripts/cluster/kubernetes/ca.crt scripts/cluster/kubernetes/config.json scripts/cluster/kubernetes/passphrase",
            "ls /srv/bundles/platform-2026.11",
        ),
        folders=in_bundle("scripts/cluster", "kubectl"),
        needs={"/srv/receipts/platform-2026.11": ()},
        instead={"SHARDS=16": "SHARDS=2", "HOSTS=jump1,jump2": "HOSTS=:"},
    ),
}


LARGE = [packed(layer_tar(f"large-{number}", 1_600_000)) for number in range(3)]
"""Layers that need several chunks, and that a scanner with low limits takes."""


def nginx(tag: str) -> Image:
    """An image for two platforms."""
    base = packed(layer_tar("base", 20_000))
    parts = [(image([base, packed(layer_tar(f"{tag}-{arch}"))], architecture=arch), platform(arch))
             for arch in ("amd64", "arm64")]  # fmt: skip
    return index(parts)


def layered() -> dict[str, Image]:
    """Images with a layer that they share, files that later layers replace and delete, and the commands that made them."""
    below = tar_of({"usr/a": b"1" * 4000, "usr/b": b"2" * 4000})
    own = [
        below,
        tar_of({"usr/a": b"3" * 4000, "var/cache/apt/list": b"4" * 9000}),
        tar_of({"var/cache/.wh.apt": b"", "usr/c": b"5"}),
    ]
    made_by = ["COPY rootfs /", "-ENV PATH=/app/bin:/usr/bin", "RUN apt-get update && apt-get install -y ca-certificates",
               "RUN rm -r /var/cache/apt && make install"]  # fmt: skip
    history = [{"created_by": each.lstrip("-"), "empty_layer": each.startswith("-")} for each in made_by]
    return {
        "app": image([packed(each) for each in own], history=history),
        **{name: image([packed(below), packed(layer_tar(name))]) for name in ("job", "web")},
    }


def fill(source: RealRegistry) -> None:
    """Puts the images of two months into a registry."""
    base = packed(layer_tar("base", 20_000))
    for tag in ("1.26", "1.27"):
        nginx(tag).push(source, "library/nginx", tag)
    sbom = referrer(nginx("1.27").children[0], SPDX_TYPE, json.dumps(SPDX).encode())
    fallback_index(sbom).push(source, "library/nginx", dashed(nginx("1.27").children[0]))
    (system,) = [
        blob
        for digest, blob in debian(FIXED).blobs.items()
        if digest in str(json.loads(debian(FIXED).content)["layers"])
    ]
    image([system, *LARGE]).push(source, "team/debian", "12")
    image([base, packed(layer_tar("prometheus"))]).push(source, "prometheus/prometheus", "v3.0.1")
    image(LARGE).push(source, "team/app", "1.4")
    for name, made in layered().items():
        made.push(source, f"layered/{name}", "2.0" if name == "web" else "1.4")


def fill_by_ci(target: RealRegistry) -> None:
    """Pushes the images of some builds."""
    for number in range(1, 13):
        simple(f"pr-{number}", 100, created=f"2026-11-{number:02}T00:00:00Z").push(target, "ci/app", f"pr-{number}")


def write_files(reader: Reader, source: RealRegistry, images: tuple[str, ...]) -> None:
    """Writes the image lists of two months, and the other files of a user."""
    for name, listed in (("october", OCTOBER), ("images", images)):
        entries = "".join(f"- {{image: '{each}', from: 'docker://{each}'}}\n" for each in listed)
        text = f"name: platform-2026.{'10' if name == 'october' else '11'}\nimages:\n{entries}"
        (reader.place / f"{name}.yaml").write_text(reader.at_this_place(text))
    for file, text in {**FILES, "shop.yaml": FILES["deployment.yaml"]}.items():
        (reader.place / file).parent.mkdir(exist_ok=True)
        (reader.place / file).write_text(text.replace("DOCKER", source.host))
        (reader.place / file).chmod(0o600)
    for kind in ("wheels", "image"):
        folder = reader.place / "dist" / kind
        folder.mkdir(parents=True)
        for file, text in TOOL.items():
            (folder / file).write_text(text)
        sums = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {file}\n" for file, text in TOOL.items())
        (folder / "SHA256SUMS").write_text(sums)


def at_this_place(place: Path, source: RealRegistry, target: RealRegistry, port: int, home: str) -> dict[str, str]:
    """The words of pages, and what they are in a test."""
    index, *children = (nginx("1.27"), *nginx("1.27").children)
    amd64, arm64 = (child.digest.removeprefix("sha256:") for child in children)
    origins = ("docker.io", "quay.io", "registry.example.com")
    return {
        **{folder: f"{place}{folder}" for folder in FOLDERS},
        **{f"docker://{origin}/": f"docker://{source.host}/" for origin in origins},
        "registry.internal:5000": target.host,
        "registry.internal-5000": target.host.replace(":", "-"),
        "registry.internal": target.host,
        "copy.internal:5000": f"localhost:{target.port}",
        "0.0.0.0:5000": f"127.0.0.1:{port}",
        "127.0.0.1:5000": f"127.0.0.1:{port}",
        "~/": f"{home}/",
        "ROOT": str(ROOT),
        "PLACE": str(place),
        "NGINX": index.digest.removeprefix("sha256:"),
        "AMD64": amd64,
        "ARM64": arm64,
        "sha256:43642798b7a3": index.digest[:19],
    }


PODMAN = '[storage]\ndriver = "vfs"\ngraphroot = "PLACE/podman/graph"\nrunroot = "PLACE/podman/run"\n'
"""Its settings: else the images that it pulls would stay on this machine."""

PROGRAMS = {
    "bundler": f'exec {sys.executable} -m bundler "$@"',
    "helm": '[ "$*" = "template shop ./shop" ] && cat deployment.yaml',
    "oras": 'mkdir pulled && tar -czf pulled/db.tar.gz -C "$TRIVY_CACHE_DIR/db" trivy.db metadata.json',
    "useradd": '[ "$*" = "--system --home-dir $PLACE/var/lib/bundler-backup --create-home bundler" ]',
    "systemctl": """case "$*" in daemon-reload) exit 0 ;; "enable --now "* | "start "*) ;; *) exit 2 ;; esac
for name; do :; done
[ -s "$PLACE/etc/systemd/system/$(echo "$name" | sed 's/@[^.]*/@/')" ]""",
    "mount": '[ "$1 $2" = "-o ro,loop" ] && xorriso -osirrox on -indev "$3" -extract / "$4"',
    "journalctl": '[ "$1" = -u ]',
    "sbatch": """for each; do case "$each" in scripts/*) bash -n "$each" ;; esac; done
[ -f "$each/SHA256SUMS" ] && [ -f "$TRUSTED_KEYS" ]""",
    "kubectl": """case "$1 $2" in
"apply -f") [ -s "$3" ] ;;
"apply -k") REAL kustomize "$3" > applied.yaml ;;
"wait --for=condition=Complete") grep -qx "  name: ${4#job/}" applied.yaml ;;
"patch job") grep -qx "  name: $3" applied.yaml && echo "$6" | grep -q . ;;
*) exit 2 ;;
esac""",
}
"""The command of this checkout, and substitutes of programs that change a machine or ask a cluster. They end with 0 only for what the real ones would do."""


def place_environment(folder: Path) -> None:
    """Makes a folder that `scripts/setup.sh` takes for its finished environment, so that no script asks an index."""
    (folder / "bin").mkdir(parents=True)
    stamp = hashlib.sha256(f"{sys.version}\n".encode() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    (folder / ".bundler-stamp").write_text(stamp[:16])


def place_programs(folder: Path) -> None:
    """Puts the programs into a folder for the PATH."""
    folder.mkdir()
    for name, text in PROGRAMS.items():
        script = text.replace("$PLACE", str(folder.parent)).replace("REAL", shutil.which("kubectl") or "false")
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
