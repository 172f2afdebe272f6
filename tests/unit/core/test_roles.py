"""Each file of a bundle has one role, whatever names a medium makes of it."""

from __future__ import annotations

import pytest

from bundler.core import roles
from bundler.core.roles import Role
from tests.support.tables import each_case


@each_case(
    ("name", "role"),
    [
        ("README.txt", roles.README),
        ("SHA256SUMS", roles.SUMS),
        ("SHA256SUMS.0123456789abcdef.sig", roles.SIGNATURE),
        ("bundle.json", roles.MANIFEST),
        ("content.7z", roles.CONTENT),
        ("restore.py", roles.RESTORE),
        ("chunk-0001.tar", roles.CHUNK),
        ("chunk-10000.7z", roles.CHUNK),
        ("parity-01.par2", roles.PARITY),
        ("parity-01.vol000+52.par2", roles.PARITY),
        ("tool/bundler-0.2.0-py3-none-any.whl", roles.TOOL),
        ("record-scan.json", roles.RECORD),
        ("chunk-1.tar", roles.UNKNOWN),
        ("chunk-0001.zip", roles.UNKNOWN),
        ("parity-01.tar", roles.UNKNOWN),
        ("record-.json", roles.UNKNOWN),
        ("tools/x", roles.UNKNOWN),
        ("install.sh", roles.UNKNOWN),
        ("README.txt\n", roles.UNKNOWN),
        ("xbundle.json", roles.UNKNOWN),
        ("", roles.UNKNOWN),
    ],
)
def test_a_name_has_the_role_that_format_md_gives_it(name: str, role: Role) -> None:
    assert roles.role_of(name) is role


@each_case("role", [pytest.param(role, id=role.name) for role in roles.ROLES])
def test_a_role_with_one_name_is_known_by_it(role: Role) -> None:
    assert not role.file or roles.role_of(role.file) is role


@each_case(
    ("name", "wanted"),
    [
        ("bundle.json", "bundle.json"),
        ("BUNDLE.JSON", "bundle.json"),
        ("BUNDLE~1.JSO", "bundle.json"),
        ("BUNDLE.JSO", "bundle.json"),
        ("SHA256~1", "SHA256SUMS"),
        ("SHA256SU", "SHA256SUMS"),
        ("readme.TXT", "README.txt"),
        ("TOOL/X", "tool/x"),
    ],
)
def test_a_name_that_a_medium_has_changed_is_recognised(name: str, wanted: str) -> None:
    assert roles.is_called(name, wanted)


@each_case(("name", "wanted"), [("BUNDLE~1.JSO", "README.txt"), ("SHA256SUMS", "bundle.json"), ("", "SHA256SUMS")])
def test_another_name_is_another_file(name: str, wanted: str) -> None:
    assert not roles.is_called(name, wanted)


def test_a_chunk_is_known_by_its_number() -> None:
    assert [roles.chunk_number(name) for name in ("chunk-0012.tar", "chunk-12345.7z", "bundle.json")] == [
        12,
        12345,
        None,
    ]
    assert roles.chunk_number(roles.chunk_file(7, "7z")) == 7


def test_a_signature_file_carries_the_key_id_in_its_name() -> None:
    name = roles.signature_file("0123456789abcdef")
    assert name == "SHA256SUMS.0123456789abcdef.sig"
    assert roles.signer_of(name) == "0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    [
        "SHA256SUMS",
        "SHA256SUMS.sig",
        "SHA256SUMS.0123456789ABCDEF.sig",
        "SHA256SUMS.0123456789abcde.sig",
        "SHA256SUMS.0123456789abcdef.sig\n",
        "xSHA256SUMS.0123456789abcdef.sig",
        "sha256sums.0123456789abcdef.sig",
    ],
    ids=["the list", "no key id", "upper case", "15 digits", "a newline", "something in front", "lower case"],
)
def test_other_files_are_no_signatures(name: str) -> None:
    assert roles.signer_of(name) is None
