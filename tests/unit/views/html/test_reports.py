"""Reports of made-up bundles: many images, bytes that are shared or left out, numbers that add up."""

from __future__ import annotations

import re
from pathlib import Path

from bundler.core.manifest import Base, InBase
from bundler.exporting.result import ExportResult
from bundler.views.html.map import short_name
from bundler.views.html.page import page_pieces
from bundler.views.html.report_page import Maker
from bundler.views.html.reports import page_of
from tests.unit.values import MIB, digest, layer, plan_with, planned, resolved

MAKER = Maker("2026-11-30T00:00:00Z", "operator", "host", "bundler test")


def pieces_of(manifest, language="en"):
    result = ExportResult(Path("/media/x"), manifest, "0" * 16, None, None, Path("/var/tmp"), 0)
    return page_pieces(lambda: page_of(result, MAKER), language)


def page(manifest, language="en"):
    return b"".join(pieces_of(manifest, language)).decode()


def test_five_thousand_images_come_in_pieces_of_a_page_that_is_small_and_has_groups():
    base = layer("base", 50 * MIB)
    names = [f"registry.example.com/team-{n % 40}/service-{n}:1.{n}" for n in range(5000)]
    manifest = planned(*(resolved(name, base, layer(name, 3 * MIB)) for name in names)).manifest
    pieces = list(pieces_of(manifest))
    lengths = list(map(len, pieces))
    assert sum(lengths) < 10_000_000
    assert max(lengths) < 100_000
    made = b"".join(pieces).decode()
    assert len(re.findall(r'<tr id="image-\d+">', made)) == 5000
    assert len(re.findall(r'<tr id="group-\d+" class="group">', made)) == 40
    assert len(re.findall(r'<a href="#group-\d+">registry.example.com/team-\d+</a>', made)) == 40
    assert "Details of images" not in made
    assert "shared by 5,000" in made
    assert made.count("team-7: 375 MiB only here") >= 1


def test_a_delta_shows_what_it_leaves_out_and_by_which_statement():
    old, new = layer("old", 30 * MIB), layer("new", 10 * MIB)
    base = Base("ab" * 32, "bundle", "platform-2026.10", "2026-10-01T00:00:00Z")
    manifest = plan_with(
        [resolved("h.example/a:1", old, new)],
        name="delta",
        created="2026-11-23T00:00:00Z",
        tool="bundler test",
        signed=True,
        chunk_size_bytes=1 << 30,
        bases=[base],
        left_out={digest("old"): (InBase(0, (1,)),)},
    ).manifest
    made = page(manifest)
    for words in (
        "The bundle is not complete alone: 30.0 MiB left out",
        "30.0 MiB not carried: the receiver has it",
        "platform-2026.10",
        "ab" * 32,
        "assumed: a bundle does not prove that it arrived",
    ):
        assert words in made, words
    assert 'class="left"' in made


def test_bars_are_parts_of_the_largest_image():
    manifest = planned(resolved("h.example/a:1", layer("a", 40 * MIB)), resolved("h.example/b:1", layer("b", 10 * MIB)))
    bars = re.findall(r'<svg class="bar" role="img"><title>.*?</title>(.*?)</svg>', page(manifest.manifest))
    widths = [float(re.findall(r'width="([\d.]+)%"', each)[0]) for each in bars[:2]]
    assert widths[0] == 100
    assert 24.9 < widths[1] < 25.1


def test_a_plan_without_a_key_or_with_latest_warns_first():
    manifest = planned(resolved("h.example/a:latest", layer("a", MIB))).manifest
    result = ExportResult(Path("/media/x"), manifest, None, None, None, Path("/var/tmp"), 0)
    made = b"".join(page_pieces(lambda: page_of(result, MAKER), "en")).decode()
    assert made.index("UNSIGNED") < made.index("latest, which names no version") < made.index('class="figures"')


def test_chinese_pages_have_no_english_sentence():
    made = page(planned(resolved("h.example/a:latest", layer("a", MIB))).manifest, "zh")
    text = re.sub(r"(?s)<style>.*?</style>|<[^>]+>", " ", made)
    assert not re.search(r"\b(the|is|are|of|by|with|and) [a-z]", text)


def test_names_are_short_where_room_is_short():
    assert short_name("quay.io/prometheus/prometheus:v3.0.1@sha256:" + "0" * 64) == "prometheus:v3.0.1"
    assert short_name("localhost:5000/a:1") == "a:1"
