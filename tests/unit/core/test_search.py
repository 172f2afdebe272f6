"""A text finds the images that people mean by it, and what is sorted out before it is parsed could not fit."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from bundler.core.receipt import parse_receipt, parse_receipt_part
from bundler.core.receipt_attachments import ReceiptAttachment
from bundler.core.search import SearchText, chooser_of, found_in_receipt
from bundler.errors import Damaged, Misuse
from tests.unit.core.test_receipt import REGISTRY, image, receipt
from tests.unit.values import digest

LAYER, SIGNATURE = str(digest("layer")), str(digest("signature"))
WEB = replace(
    image("nginx:1.27", blobs=(1,)),
    digest=str(digest("web")),
    taken_name=f"{REGISTRY}/library/nginx:1.27-old",
    attached=(ReceiptAttachment(str(digest("m")), SIGNATURE, "signature", "pushed", "application/x.Cosign"),),
)
OTHER = image("app:2.0", blobs=(0,))
RECEIPT = receipt(WEB, OTHER, blobs=(str(digest("config")), LAYER), blob_sizes=(1, 2))


def found(text: str) -> list[tuple[str, str]]:
    """The images of the receipt that a text finds, by reading it whole and in part; both must agree."""
    wanted = SearchText.parse(text)
    content = RECEIPT.to_json()
    part = parse_receipt_part(content, chooser_of(wanted), what="x", with_blobs=bool(wanted.digits))
    assert bool(part.blobs) == bool(wanted.digits)
    by_part = list(found_in_receipt(part, wanted))
    assert by_part == list(found_in_receipt(parse_receipt(content, what="x"), wanted))
    assert wanted.may_be_in(content) or not by_part
    return [(each.name.removeprefix(f"{REGISTRY}/"), each.by) for each in by_part]


@pytest.mark.parametrize(
    ("text", "name", "by"),
    [
        ("nginx", WEB.name, ""),
        ("NGINX:1.2", WEB.name, ""),
        ("docker.io/library/nginx:1.27", WEB.name, ""),
        ("1.27-old", WEB.name, ""),
        ("nginx*", WEB.name, ""),
        ("*:1.27", WEB.name, ""),
        ("library/ng?nx", WEB.name, ""),
        ("n[!abcdefhk]i[lmnopqrs]x", WEB.name, ""),
        ("n[]g]inx*", WEB.name, ""),
        ("docker.io/*", WEB.name, ""),
        ("library/app", OTHER.name, ""),
        (WEB.digest, WEB.name, ""),
        (f"ghcr.io/any/name@{LAYER}", WEB.name, LAYER),
        (LAYER[:13], WEB.name, LAYER),
        (LAYER.removeprefix("sha256:")[:6].upper(), WEB.name, LAYER),
        (SIGNATURE[:20], WEB.name, SIGNATURE),
        ("x.cosign", WEB.name, "application/x.Cosign"),
    ],
)
def test_an_image_is_found_by_what_people_know_of_it(text: str, name: str, by: str) -> None:
    assert (name.removeprefix(f"{REGISTRY}/"), by) in found(text)


@pytest.mark.parametrize("text", ["nginx:2", "ngin", LAYER[7:12], f"{'0' * 12}", "quay.io/*", "nginx[x]"])
def test_nothing_else_is_found(text: str) -> None:
    assert [name for name, _ in found(text)] == (["library/nginx:1.27"] if text == "ngin" else [])


@pytest.mark.parametrize("text", ["[::1]:5000/team", "[::1]:5000/*", "[::1]:5000/team/a[op]p", "[::1]"])
def test_the_brackets_of_an_address_are_no_set_of_characters(text: str) -> None:
    wanted = SearchText.parse(text)
    assert wanted.fits_name("[::1]:5000/team/app:1")
    assert not wanted.fits_name("1:5000/team/app:1")
    assert wanted.may_be_in(b'"[::1]:5000/team/app:1"')


def test_characters_that_json_escapes_are_found_too() -> None:
    content = RECEIPT.to_json().replace(b"nginx", b"\\u006eginx")
    wanted = SearchText.parse("nginx")
    assert wanted.may_be_in(content)
    for before in range((1 << 20) - 8, (1 << 20) + 2):
        assert wanted.may_be_in(bytes(before) + b"NGINX")
    assert not wanted.may_be_in(RECEIPT.to_json().replace(b"nginx", b"httpd"))
    assert len(list(found_in_receipt(parse_receipt_part(content, chooser_of(wanted), what="x"), wanted))) == 1


@pytest.mark.parametrize("text", ["", "  ", "x" * 501])
def test_a_text_that_finds_everything_or_is_endless_is_refused(text: str) -> None:
    with pytest.raises(Misuse):
        SearchText.parse(text)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("images", 1), ("images", [1]), ("images", [{"attached": 3}]), ("target", [])],
)
def test_a_document_that_is_no_receipt_is_damaged(field: str, wrong: object) -> None:
    document = json.loads(RECEIPT.to_json())
    document["targets"][0][field] = wrong
    for text in ("nginx", LAYER):
        with pytest.raises(Damaged):
            parse_receipt_part(json.dumps(document).encode(), chooser_of(SearchText.parse(text)), what="x")


def test_a_name_that_no_image_can_have_takes_no_hours() -> None:
    for text in ("*a*b", "a*b", "?*?b"):
        wanted, began = SearchText.parse(text), time.process_time()
        for name in ("/" * (1 << 20), "/a" * (1 << 19)):
            assert not wanted.may_fit(f"{name}\n")
            assert not wanted.fits_name(name)
        assert time.process_time() - began < 1
        assert wanted.fits_name("/" * 1000 + "aab")
