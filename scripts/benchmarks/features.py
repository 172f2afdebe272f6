"""The features that are measured by themselves. A new one is a file, and a line here."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from benchmarks.attachments import run_attachments
from benchmarks.delta import run_delta
from benchmarks.feature import Feature, Setting
from benchmarks.parity import run_parity
from benchmarks.s3 import run_s3
from benchmarks.scans import run_scan
from benchmarks.serving import run_serve


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature: the name of its flag, its help, and the function that measures it."""

    name: str
    help: str
    run: Callable[[Setting], Feature]


FEATURES = (
    Flag("delta", "export --since of a month with few news, and the plan of many images", run_delta),
    Flag("attachments", "images with signatures and SBOMs, next to the same without", run_attachments),
    Flag("parity", "making recovery data and repairing a chunk, next to par2 alone", run_parity),
    Flag("serve", "pulls from bundler serve and from docker-registry", run_serve),
    Flag("s3", "bundles in S3, next to boto3 alone", run_s3),
    Flag("scan", "a scan by a clamd that is started here", run_scan),
)


def run_features(names: Iterable[str], setting: Setting) -> Iterator[Feature]:
    """Measures some features, each in a folder of its own."""
    for flag in FEATURES:
        if flag.name in names:
            print(f"{flag.name}: {flag.help}", file=sys.stderr)
            work = setting.work / flag.name
            work.mkdir()
            began = time.monotonic()
            yield flag.run(dataclasses.replace(setting, work=work))
            print(f"{flag.name} took {time.monotonic() - began:.0f} s", file=sys.stderr)
            shutil.rmtree(work)
