"""Makes reports of bundles of made-up images, and pictures of them: see scripts/screenshots."""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import bundler  # noqa: E402
from bundler.core.scan import Finding, Scan, Scanner, ScanRecord, Severity, Waiver  # noqa: E402
from bundler.core.scan.verdict import CLEAN, Unit, found  # noqa: E402
from bundler.keys.signed_files import write_signed  # noqa: E402
from tests.support import images  # noqa: E402
from tests.support.browser import Browser, started  # noqa: E402
from tests.support.parts import RealRegistry  # noqa: E402

SHOWN = {"bundle": 1150, "import": 1000, "status": 1150}
"""The reports of the pictures in docs, with the heights of these: what comes first in a report."""


def layer(word: str, kibibytes: int) -> bytes:
    return gzip.compress(images.layer_tar(word, kibibytes << 10), 1, mtime=0)


def made_images() -> dict[str, images.Image]:
    """Images as teams have them: some share a base, one is large, one has an old tag."""
    debian, alpine = [layer("debian", 9000)], [layer("alpine", 2800)]
    java, python = [*debian, layer("jre", 11000), layer("certificates", 900)], [*debian, layer("python", 7000)]
    own = {
        "docker.io/library/nginx:1.27": [*debian, layer("nginx", 6100), layer("nginx.conf", 300)],
        "docker.io/library/postgres:17.2": [*debian, layer("postgres", 11200), layer("locales", 4100)],
        "docker.io/library/redis:latest": [*alpine, layer("redis", 4300)],
        "quay.io/prometheus/prometheus:v3.0.1": [layer("prometheus", 19400), layer("console", 2300)],
        "quay.io/prometheus/alertmanager:v0.28.0": [layer("alertmanager", 5200)],
        "registry.example.com/shop/api:1.4.2": [*java, layer("api", 3900)],
        "registry.example.com/shop/batch:1.4.2": [*java, layer("batch", 2100)],
        "registry.example.com/data/report:2.0": [*python, layer("report", 1100)],
        "registry.example.com/data/etl:2.0": [*python, layer("etl", 2600)],
        "registry.example.com/tools/shell:0.9": [*alpine, layer("shell", 700)],
    }
    return {name: images.image(layers, created="2026-11-20T08:00:00Z") for name, layers in own.items()}


def write_reports(folder: Path) -> None:
    """The reports of a bundle, a damaged one, a delta, plans, an import and its receipt, each in both languages."""
    layout = folder / "layout"
    for name, image in made_images().items():
        image.write_layout(layout, name)
    pair = bundler.keygen(bundler.KeygenRequest("builder", folder))
    trust = (pair.public_path,)
    names = [f"oci:{layout}:{name}" for name in made_images()]

    def request(*lists: str, **more: object) -> bundler.ExportRequest:
        return bundler.ExportRequest(
            lists=lists,
            output=folder,
            key_path=pair.private_path,
            chunk_size_bytes=16 << 20,
            **more,  # type: ignore[arg-type]
        )

    def write(about: bundler.Reportable, name: str) -> None:
        for language in ("en", "zh"):
            bundler.write_report(about, folder / f"{name}.{language}.html", language)

    old = bundler.export(request(*names[:5], name="platform-2026.10"))
    full = request(
        *names,
        name="platform-2026.11",
        medium_size_bytes=60_000_000,
        parity=bundler.parse_parity("1chunk"),
        channel="production",
        sequence=11,
    )
    write(bundler.export(bundler.ExportRequest(**{**fields_of(full), "is_dry_run": True})), "plan")
    made = bundler.export(full)
    write_scan(folder / "platform-2026.11.scan.json", made, bundler.ReceiptKey(pair.private_path))
    for language in ("en", "zh"):
        output = folder / f"bundle.{language}.html"
        bundler.report(bundler.ReportRequest(made.folders, output, language, trust, has_layers=True))
    write(bundler.verify(bundler.VerifyRequest(made.folders, trust)), "verification")
    since = request(*names, name="platform-2026.11-delta", since=(old.path,), trust=trust)
    write(bundler.export(since), "delta")
    registry = RealRegistry(folder / "registry").start()
    try:
        images.simple("old").push(registry, "library/nginx", "1.27")
        images.simple("other").push(registry, "shop/api", "1.4.2")
        target = bundler.parse_target(registry.host)
        receipt = folder / "receipt.json"
        for name, more in (
            ("import-plan", {"is_dry_run": True}),
            ("import", {"on_conflict": "replace", "receipt": bundler.ReceiptRequest(receipt)}),
        ):
            wanted = bundler.ImportRequest(made.folders, (target,), trust, **more)  # type: ignore[arg-type]
            write(bundler.import_bundle(wanted), name)
        write(bundler.read_receipt(receipt, demand=bundler.Demand.IGNORED), "receipt")
        images.simple("debug").push(registry, "shop/api", "debug")
        images.simple("moved").push(registry, "data/etl", "2.0")
        write(bundler.status(bundler.StatusRequest((registry.host, str(receipt)))), "status")
    finally:
        registry.stop()
    chunk = next(made.folders[0].glob("chunk-0002.tar"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    write(bundler.verify(bundler.VerifyRequest(made.folders[:1], trust)), "damaged")


def write_scan(file: Path, made: bundler.ExportResult, key: bundler.ReceiptKey) -> None:
    """The record of a scan by two scanners, of which one has found something."""
    manifest = made.manifest
    blobs = {blob.descriptor.digest: CLEAN for blob in manifest.blobs}
    images = {variant.digest: CLEAN for image in manifest.images for variant in image.variants}
    api = next(image for image in manifest.images if image.reference.repository == "shop/api")
    images[api.root.digest] = found(
        [
            Finding("CVE-2026-31415", Severity.HIGH, "libxml2", "2.9.14", "2.9.15"),
            Finding("CVE-2026-27182", Severity.MEDIUM, "openssl", "3.0.11", "3.0.15"),
            Finding("CVE-2025-11235", Severity.LOW, "tar", "1.34", ""),
        ]
    )
    clamav = Scanner("clamav", Unit.BLOB, "1.4.3", "27834", "2026-11-29T08:00:00Z")
    trivy = Scanner("trivy", Unit.IMAGE, "0.68.1", "2", "2026-11-30T00:30:00Z")
    waiver = Waiver("CVE-2025-6965", "the code is not reachable", "2026-12-31", "m.weber")
    scans = (Scan(clamav, blobs), Scan(trivy, images))
    where = ("2026-11-30T05:00:00Z", "officer", "transfer-station")
    record = ScanRecord("bundler 0.2.0", str(made.bundle_id), manifest.name, *where, scans, (waiver,))
    write_signed(file, b"".join(record.to_json()), key.load(lambda _: None))


def fields_of(request: bundler.ExportRequest) -> dict[str, object]:
    return {name: getattr(request, name) for name in request.__dataclass_fields__}


def picture(
    browser: Browser, page: Path, to: Path, *, width: int, dark: bool = False, height: int | None = None
) -> None:
    shown = browser.open(page.as_uri(), width=width, height=height or 900, dark=dark)
    to.write_bytes(shown.screenshot(whole=height is None))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-o", "--output", type=Path, help="keep the reports in this folder, with pictures of all of them"
    )
    output: Path | None = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="bundler-screenshots-") as temporary, started() as browser:
        folder = output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")  # channels and receipts of these bundles
        write_reports(folder)
        shown = ROOT / "docs/images"
        shown.mkdir(exist_ok=True)
        for name, height in SHOWN.items():
            to = shown / f"report-{name}.png"
            picture(browser, folder / f"{name}.en.html", to, width=1200, height=height)
        if output is None:
            return 0
        for page in sorted(folder.glob("*.html")):
            picture(browser, page, page.with_suffix(".1280.png"), width=1280)
            picture(browser, page, page.with_suffix(".390.png"), width=390)
            picture(browser, page, page.with_suffix(".dark.png"), width=1280, dark=True)
            page.with_suffix(".pdf").write_bytes(browser.open(page.as_uri()).pdf())
    return 0


if __name__ == "__main__":
    sys.exit(main())
