"""A misspelt platform is refused where it is written, with the one that was likely meant."""

from __future__ import annotations

import pytest

from bundler.core.image_list import parse_image_list
from bundler.core.platform import Platform
from bundler.errors import Misuse
from bundler.transports.parsing import parse_image
from tests.support.tables import each_case


@each_case(
    ("written", "likely"),
    [
        ("linux/amd46", "linux/amd64"),
        ("lunix/arm64", "linux/arm64"),
        ("amd64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux\\amd64", "linux/amd64"),
        ("linux/x64", "linux/amd64"),
        ("win/amd64", "windows/amd64"),
        ("linux/arm64v8", "linux/arm64"),
        ("linux/armv8", "linux/arm64"),
        ("linux/armv7", "linux/arm/v7"),
        ("linux/arm32v6", "linux/arm/v6"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/ppc64el", "linux/ppc64le"),
    ],
)
def test_a_misspelt_platform_is_reported_with_the_one_that_was_meant(written: str, likely: str) -> None:
    with pytest.raises(Misuse) as caught:
        Platform.parse(written)
    assert likely in (caught.value.hint or "")
    assert str(Platform.parse(likely)) == likely


@each_case(
    "written",
    [
        "linux/amd64",
        "linux/arm/v7",
        "linux/arm64/v8",
        "linux/386",
        "linux/s390x",
        "linux/riscv64",
        "linux/loong64",
        "linux/amd64/v3",
        "windows/amd64",
        "freebsd/arm64",
        "wasip1/wasm",
        "unknown/unknown",
        "linux/sw_64",
        "redox/e2k",
    ],
)
def test_a_platform_that_is_no_misspelling_is_taken(written: str) -> None:
    assert str(Platform.parse(written)) == written


def test_a_misspelt_platform_of_a_list_is_reported_with_its_line() -> None:
    with pytest.raises(Misuse) as caught:
        parse_image_list(
            "images:\n- image: a\n  platforms: [linux/amd46]\n", source="list.yaml", parse_image=parse_image
        )
    assert (caught.value.subject or "").startswith("list.yaml:3")
    assert "linux/amd64" in (caught.value.hint or "")
