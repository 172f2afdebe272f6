"""Findings about a bundle from elsewhere, for its report: records of scans, and the layers of its images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.bundle.reader import Bundle
from bundler.commands.inspect_ import InspectResult
from bundler.commands.layers import image_layers
from bundler.commands.verify import VerifyResult
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.layers import ImageLayers
from bundler.errors import Misuse
from bundler.keys.scan_records import read_scan_record, records_near
from bundler.keys.signed_files import Demand
from bundler.reporting.request import ReportRequest
from bundler.run import Run
from bundler.texts import text
from bundler.views.html.report_page import NO_ANNEXES, Annexes
from bundler.views.html.sections.image_details import DETAILED

if TYPE_CHECKING:
    from bundler.views.html.reports import Reportable


def annexes_of(about: Reportable, request: ReportRequest, run: Run) -> Annexes:
    """Reads what the report of a bundle shows besides the bundle.

    Raises:
        Misuse: A record is missing, or layers are asked for of a receipt, an encrypted bundle, or too many images.
        Untrusted, Damaged, Refused, LocalStorage: A record is damaged, or its signature does not match.
        Incomplete: A manifest of an image is not here.
        Interrupted: The user stopped it.
    """
    if not isinstance(about, (InspectResult, VerifyResult)):
        if request.has_layers or request.scan_records or request.scan_trust:
            raise Misuse("layers and scans are of a bundle, not of a receipt", subject=str(request.paths[0]))
        return NO_ANNEXES
    files = request.scan_records or tuple(dict.fromkeys(records_near(about.bundle)))
    trust = request.scan_trust or request.trust
    records = tuple(read_scan_record(file, trust, demand=Demand.OPTIONAL) for file in files)
    return Annexes(records, tuple(_layers(about, run)) if request.has_layers else ())


def _layers(about: InspectResult | VerifyResult, run: Run) -> Iterator[ImageLayers]:
    bundle = about.bundle
    if not isinstance(bundle, Bundle) or bundle.is_encrypted:
        raise Misuse("the bundle is encrypted: a report does not read its layers", subject="--layers")
    if len(bundle.images) > DETAILED:
        raise Misuse(
            "too many images to show the layers of each",
            subject="--layers",
            expected=text("at most {count}", count=DETAILED),
            actual=str(len(bundle.images)),
            hint="look at one of them: bundler inspect BUNDLE --layers IMAGE",
        )
    total = sum(variant.size_bytes for image in bundle.images for variant in image.variants)
    run.listener(PhaseBegan("reading layers", total, in_bytes=True))
    for image in bundle.images:
        for variant in image.variants:
            yield image_layers(bundle, image, variant, run)
    run.listener(PhaseEnded("reading layers"))
