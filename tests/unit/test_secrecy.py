"""A text that looks like a secret is recognised, and no password of an address is left in an error."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bundler.core.reference import Reference
from bundler.errors import BundlerError, Misuse, Refused
from bundler.secrecy import Resemblance, masked, resemblance
from bundler.transports.parsing import parse_image, parse_target
from tests.support.errors import raises
from tests.support.tables import each_case

CANARY = "c4nary"
HEX = "0123456789abcdef" * 4
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"


@each_case(
    ("text", "expected"),
    [
        pytest.param(PEM, Resemblance.PEM, id="a key"),
        pytest.param(PEM.replace("\n", " "), Resemblance.PEM, id="a key in one line"),
        pytest.param("-----BEGIN OPENSSH PRIVATE KEY-----", Resemblance.PEM, id="its first line"),
        pytest.param("one\ntwo", Resemblance.LINES, id="two lines"),
        pytest.param("one\r", Resemblance.LINES, id="a carriage return"),
        pytest.param('{"auths": {}}', Resemblance.JSON, id="Docker's config.json"),
        pytest.param(base64.b64encode(bytes(range(48))).decode(), Resemblance.ENCODED, id="base64 of a key"),
        pytest.param(HEX, Resemblance.ENCODED, id="hex of a key"),
        pytest.param("https://user:secret@host/", Resemblance.LOGIN, id="an address with a password"),
        pytest.param("user:secret@host", Resemblance.LOGIN, id="the same without a scheme"),
        pytest.param("builder.key", None, id="a file"),
        pytest.param("/home/me/" + "x" * 60, None, id="a long path"),
        pytest.param("a" * 60, None, id="a long name"),
        pytest.param(f"nginx:1.27@sha256:{HEX}", None, id="a reference with a digest"),
        pytest.param("oci:layout:app@2", None, id="a layout"),
        pytest.param("-", None, id="standard input"),
    ],
)
def test_a4_a_secret_that_is_given_as_text_is_recognised(text: str, expected: Resemblance | None) -> None:
    assert resemblance(text) is expected


ADDRESSES = [
    f"https://user:{CANARY}@host/x",
    f"https://{CANARY}@host/x",
    f"tcp://user:{CANARY}@host:2376",
    f"http://user:pa/{CANARY}@proxy:3128",
    f"http://:{CANARY}@proxy:3128/",
    f"docker://user:{CANARY}@host/app:1@sha256:{HEX}",
    str(Path(f"https://user:{CANARY}@host/bundle")),
    f"tcp:/user:{CANARY}@host:2376",
    f"user:{CANARY}@host:5000/x",
    f"User:{CANARY}!#%@host",
]


@each_case("around", ["{}", "{} is asked", "'{}'", "HTTPS_PROXY={}", "(see {})", "a, {}"])
@each_case("address", ADDRESSES)
def test_a4_the_password_of_an_address_is_in_no_field_of_an_error(address: str, around: str) -> None:
    text = around.format(address)
    error = Refused(text, subject=text, expected=text, actual=text, hint=text, said=text)
    fields = [error, error.message, error.subject, error.expected, error.actual, error.hint, error.said, error.args]
    assert CANARY not in repr([*map(str, fields)])
    assert "***@" in error.message


@pytest.mark.parametrize(
    "text",
    [
        f"docker.io/library/nginx:1.27@sha256:{HEX}",
        f"host:5000/app:1@sha256:{HEX}, host:5000/app:2",
        "docker://host:5000/a@b",
        "run: bundler import /media/me@home --to host:5000",
        "bundler-import@internal",
        "docker-archive:a.tar:@0",
    ],
)
def test_a4_what_is_no_password_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_a4_the_content_of_a_key_is_in_no_error() -> None:
    assert masked(f"cannot be read: {PEM}") == "cannot be read: -----BEGIN ***"


@each_case("parse", [Reference.parse, parse_image, parse_target])
@each_case("scheme", ["", "docker://", "https://", "ftp://", "docker-daemon:", "//"])
@each_case(
    "text",
    [
        f"user:{CANARY}@host/x:1",
        f"user:{CANARY}@host:5000/x",
        f"user:{CANARY}@host",
        f"{CANARY}@host/x",
        f"user:{CANARY}/{CANARY}@host/x",
        f"user:p@{CANARY}@host/x",
        f"user:{CANARY}@x@sha256:{HEX}",
        f"User:{CANARY} x@host/x",
    ],
)
def test_a4_a_login_in_the_name_of_an_image_or_a_target_is_refused_and_not_repeated(parse, scheme, text) -> None:
    with pytest.raises(BundlerError) as caught:
        parse(scheme + text)
    error = caught.value
    assert CANARY not in repr([str(error), error.message, error.subject, error.hint, error.actual, error.expected])


def test_a4_a_target_that_is_a_user_and_a_password_is_not_repeated() -> None:
    with raises(Misuse, subject="'user:***'") as caught:
        parse_target(f"user:{CANARY}")
    assert CANARY not in str(caught.value)
    assert "--password-stdin" in (caught.value.hint or "")
