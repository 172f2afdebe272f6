"""A platform means what people mean by it: aliases and implied variants count, others do not."""

from __future__ import annotations

import pytest

from bundler.core.platform import Platform, any_accepts
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.tables import each_case


@each_case(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
        ("linux/aarch64", Platform("linux", "arm64")),
        ("linux/x86_64", Platform("linux", "amd64")),
        ("linux/i386", Platform("linux", "386")),
        ("windows/amd64", Platform("windows", "amd64")),
        ("windows/amd64:10.0.20348", Platform("windows", "amd64", "", "10.0.20348")),
        ("windows(10.0.20348)/amd64", Platform("windows", "amd64", "", "10.0.20348")),
        ("windows/amd64:10.0.1+win32k", Platform("windows", "amd64", "", "10.0.1", ("win32k",))),
        ("windows/amd64:+win32k", Platform("windows", "amd64", "", "", ("win32k",))),
    ],
)
def test_a_platform_is_read_and_aliases_are_resolved(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform


@each_case(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("linux", id="no architecture"),
        pytest.param("linux/", id="an empty architecture"),
        pytest.param("linux/arm/v7/x", id="four parts"),
        pytest.param("Linux/amd64", id="upper case"),
        pytest.param("linux/amd64\n", id="a newline"),
        pytest.param(" linux/amd64", id="a blank"),
        pytest.param("linux/../amd64", id="a path upwards"),
        pytest.param(f"linux/{'a' * 33}", id="too long"),
    ],
)
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(Misuse) as caught:
        Platform.parse(text)
    assert "linux/amd64" in (caught.value.hint or "")


@each_case(
    ("wanted", "offered", "expected"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v1", True),
        ("linux/amd64", "linux/amd64/v3", False),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v6", False),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/armhf", "linux/arm/v7", True),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "linux/arm64", False),
        ("linux/s390x", "linux/s390x", True),
        ("windows/amd64", "windows/amd64:10.0.20348.2762", True),
        ("windows/amd64:10.0.20348", "windows/amd64:10.0.20348.2762", True),
        ("windows/amd64:10.0.20348.2762", "windows/amd64:10.0.20348.2762", True),
        ("windows/amd64:10.0.203", "windows/amd64:10.0.20348.2762", False),
        ("windows/amd64:10.0.17763", "windows/amd64:10.0.20348.2762", False),
        ("windows/amd64:10.0.20348", "windows/amd64", False),
        ("windows/amd64:+win32k", "windows/amd64:10.0.1+win32k+x", True),
        ("windows/amd64:+win32k", "windows/amd64:10.0.1", False),
        ("windows/amd64", "windows/amd64:+win32k", True),
    ],
)
def test_the_usual_variant_is_meant_where_none_is_given(wanted: str, offered: str, expected: bool) -> None:
    assert Platform.parse(wanted).accepts(Platform.parse(offered)) is expected


@pytest.mark.parametrize(
    "text", ["linux/arm/v7", "windows/amd64:10.0.1", "windows/amd64:10.0.1+a+b", "windows/amd64:+a"]
)
def test_a_platform_is_printed_as_it_can_be_asked_for(text: str) -> None:
    assert str(Platform.parse(text)) == text


def test_an_image_may_have_the_architecture_of_uname() -> None:
    assert Platform.parse("linux/arm64").accepts(Platform("linux", "aarch64"))


def test_one_of_several_platforms_is_enough() -> None:
    wanted = [Platform("linux", "amd64"), Platform("linux", "arm64")]
    assert any_accepts(wanted, Platform("linux", "arm64", "v8"))
    assert not any_accepts(wanted, Platform("linux", "s390x"))
    assert not any_accepts([], Platform("linux", "amd64"))


@pytest.mark.parametrize("given", ["linux/amd64,linux/arm64", "linux/amd64, linux/arm64"])
def test_platforms_with_commas_as_docker_takes_them_are_reported_as_several(given: str) -> None:
    with raises(Misuse, subject=f"'{given}'") as caught:
        Platform.parse(given)
    assert "arm64" not in (caught.value.hint or "")
