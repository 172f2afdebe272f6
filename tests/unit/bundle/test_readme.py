"""README.txt of a bundle is plain English, with numbers that fit their nouns."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.bundle.readme import readme
from bundler.core.manifest import BundleManifest, MissingImage, from_json
from bundler.core.reference import Reference

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import words  # noqa: E402

KINDS = {"tar": "4 images in 1 chunk file,", "parts": "1 image in 5 chunk files,", "base": "2 images in 1 chunk file,"}


def manifest_of(kind: str) -> BundleManifest:
    return from_json((ROOT / f"tests/vectors/{kind}/bundle.json").read_bytes(), what="bundle.json")


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_fit_their_nouns(kind):
    assert KINDS[kind] in readme(manifest_of(kind), key_id=None).decode()


@pytest.mark.parametrize(("count", "said"), [(1, "MISSING: 1 image ("), (2, "MISSING: 2 images (")])
def test_the_number_of_missing_images_fits_its_noun(count, said):
    lost = MissingImage(Reference.parse("a/b:1"), "docker://a/b:1", "not-found", "")
    assert said in readme(replace(manifest_of("tar"), missing=(lost,) * count), key_id=None).decode()


@pytest.mark.parametrize("kind", [*KINDS, "7z", "artifacts", "extensions"])
def test_its_words_and_sentences_are_those_of_our_pages(kind):
    text = readme(manifest_of(kind), key_id="0123456789abcdef", parity=["parity-01.par2"]).decode()
    assert not words.findings_in("README.md", text)
