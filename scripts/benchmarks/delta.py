"""A month with few news: ``export --since`` an earlier bundle, next to a plain export of the same list.

The earlier bundle has all images but the newest tag of each repository that has several; without such a repository, all
but the last image. So the news share layers with what was carried, as those of a real month do. The plan of many images
comes from layouts of tiny ones, so its time is that of planning.
"""

from __future__ import annotations

import shutil
from collections import Counter

from scale import layout_of_news

from benchmarks.corpus import Corpus, read_corpus
from benchmarks.feature import Feature, Setting, images_of
from benchmarks.measuring import MIB
from benchmarks.rounds import Samples
from benchmarks.targets import Target

MANY_IMAGES = 4000
MANY_CHANGED = 40
PLAN_SECONDS_PER_IMAGE = 10 / 20_000
"""The target is 10 s for 20,000 images; `scripts/scale --news` plans as many."""
METHOD = """\
--since leaves out what the bundle of the month before has; plain is the same command without --since.
plan: export --dry-run of the month; plan of many: of {images} images in a layout, {changed} of them changed"""


def run_delta(setting: Setting) -> Feature:
    """Exports a month, then the next one in both ways; and plans many images in both ways."""
    corpus, bundler, work = setting.corpus, setting.bundler, setting.work
    old = before_news(corpus)
    bundler.export(work / "old", bundler.list_of(old, corpus.host))
    many = _many_images(setting)
    samples, notes = Samples(), {}

    def take(phase: str, name: str, images: object, *flags: object) -> None:
        export = ("export", images, "-o", work / "new", *bundler.signing, "--name", "bench", *flags)
        samples.add(phase, name, bundler.run(*export))
        if "--dry-run" not in flags:
            carried = sum(chunk.stat().st_size for chunk in (work / "new/bench").glob("chunk-*"))
            notes[phase, name] = f"{carried / MIB:.2f} MiB carried"
            shutil.rmtree(work / "new")

    since, since_many = (("--since", work / name / "bench", *bundler.trust) for name in ("old", "many"))
    setting.in_turns(
        [
            lambda: take("plan", "--since", bundler.image_list, *since, "--dry-run"),
            lambda: take("plan", "plain", bundler.image_list, "--dry-run"),
            lambda: take("export", "--since", bundler.image_list, *since),
            lambda: take("export", "plain", bundler.image_list),
            lambda: take("plan of many", "--since", many, *since_many, "--dry-run"),
            lambda: take("plan of many", "plain", many, "--dry-run"),
        ]
    )
    phases = ("plan", "export", "plan of many")
    return Feature(
        "delta",
        f"{images_of(corpus)}; {len(corpus.images) - len(old.images)} images are new",
        samples,
        METHOD.format(images=MANY_IMAGES, changed=MANY_CHANGED),
        notes=notes,
        ratios=tuple(((phase, "--since"), (phase, "plain")) for phase in phases),
        targets=_targets(samples),
    )


def before_news(corpus: Corpus) -> Corpus:
    """The images of the month before."""
    versions = Counter(image.repository for image in corpus.images)
    newest = {image.repository: image for image in corpus.images}
    news = [newest[repository] for repository, count in versions.items() if count > 1] or [corpus.images[-1]]
    return read_corpus(corpus.host, [image.name for image in corpus.images if image not in news])


def _many_images(setting: Setting) -> str:
    """Makes the bundle of many images, and the layout of the next month; returns the name of the layout."""
    for version in (1, 2):
        folder = setting.work / "layout"
        shutil.rmtree(folder, ignore_errors=True)
        layout_of_news(folder, MANY_IMAGES, MANY_CHANGED, version)
        if version == 1:
            output = ("-o", setting.work / "many", "--name", "bench")
            setting.bundler.run("export", f"oci:{folder}", *output, *setting.bundler.signing)
    return f"oci:{folder}"


def _targets(samples: Samples) -> tuple[Target, ...]:
    subject = ("plan of many", "--since")
    planned, is_judged = samples.median(*subject), bool(samples.quiet(*subject))
    limit = MANY_IMAGES * PLAN_SECONDS_PER_IMAGE
    return (
        Target(f"delta, plan of {MANY_IMAGES} images", planned.wall_seconds, limit, "s", is_judged),
        Target("delta, peak RSS of that plan", planned.peak_rss_bytes / MIB, 200, "MiB"),
    )
