"""The trust store is read as Notation reads it: only named stores, no links, only certificates that can be roots."""

from __future__ import annotations

import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bundler.errors import Misuse
from bundler.keys.notation_store import read_notation_policy
from tests.support.errors import raises
from tests.support.notation import NOW, ca, chain_of, leaf, policy_of, statement_of, write_store
from tests.support.tables import each_case

ROOT, OTHER = chain_of(ca())[0], chain_of(ca("other"))[0]


@pytest.fixture
def folder(tmp_path):
    write_store(tmp_path, {"ca:acme": [ROOT]})
    (tmp_path / "trustpolicy.json").write_bytes(policy_of(statement_of()))
    return tmp_path


def read(folder):
    return read_notation_policy(str(folder / "trustpolicy.json"), now_seconds=NOW)


def stored(folder):
    return {str(name): [each.der for each in found] for name, found in read(folder).given.store.items()}


def test_only_stores_that_the_policy_names_are_read(folder):
    write_store(folder, {"ca:unnamed": [OTHER], "tsa:acme": [OTHER]})
    (folder / "truststore/x509/ca/unnamed/broken.pem").write_text("broken")
    assert stored(folder) == {"ca:acme": [ROOT]}


def test_every_form_of_file_is_read_and_others_are_ignored(folder):
    store = folder / "truststore/x509/ca/acme"
    (store / "der.cer").write_bytes(OTHER)
    pem = x509.load_der_x509_certificate(OTHER).public_bytes(Encoding.PEM)
    (store / "two.CRT").write_bytes(b"a comment\n" + pem + b"\n" + pem)
    (store / "notes.txt").write_text("no certificate")
    (store / "more.pem").mkdir()
    assert sorted(stored(folder)["ca:acme"]) == sorted([ROOT, OTHER, OTHER, OTHER])


def break_file(folder):
    (folder / "0.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def empty(folder):
    (folder / "0.pem").unlink()


def link_file(folder):
    (folder / "1.pem").symlink_to(folder / "0.pem")


def put_leaf(folder):
    (folder / "1.cer").write_bytes(chain_of(leaf(), ca())[0])


def put_key(folder):
    (folder / "1.pem").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def put_many(folder):
    for number in range(1001):
        (folder / f"{number}.txt").touch()


@each_case("break_it", [break_file, empty, link_file, put_leaf, put_key, put_many])
def test_a_store_that_cannot_be_used_is_an_error(break_it, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, {"ca:acme": [ROOT]})
    (folder / "trustpolicy.json").write_bytes(policy_of(statement_of()))
    break_it(folder / "truststore/x509/ca/acme")
    with raises(Misuse, code="notation-policy", values={"name": "ca:acme"}):
        read(folder)


def test_a_store_that_is_missing_or_a_link_is_an_error(folder):
    store = folder / "truststore/x509/ca/acme"
    store.rename(folder / "elsewhere")
    with raises(Misuse, code="notation-policy", subject=str(store)):
        read(folder)
    store.symlink_to(folder / "elsewhere")
    with raises(Misuse, code="notation-policy", subject=str(store)):
        read(folder)
    store.unlink()
    store.write_text("a file")
    with raises(Misuse, code="notation-policy", subject=str(store)):
        read(folder)


def test_a_store_of_timestamp_authorities_needs_its_library(folder, monkeypatch):
    write_store(folder, {"tsa:clock": [OTHER]})
    (folder / "trustpolicy.json").write_bytes(policy_of(statement_of(trustStores=["ca:acme", "tsa:clock"])))
    assert list(stored(folder)) == ["ca:acme", "tsa:clock"]
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with raises(Misuse, code="package-missing"):
        read(folder)


def test_a_policy_that_is_missing_or_too_large_is_an_error(tmp_path):
    with raises(Misuse):
        read(tmp_path)
    (tmp_path / "trustpolicy.json").write_bytes(b" " * (5 << 20))
    with raises(Misuse):
        read(tmp_path)
