"""Certificates come with signatures, whose makers choose every byte of them."""

from __future__ import annotations

from cryptography.x509.oid import NameOID

from bundler.keys import certificates
from tests.support.notation import chain_of, leaf


def test_a_long_subject_is_shown_in_part_and_compared_as_a_whole():
    units = [(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{number:064}") for number in range(300)]
    [der] = chain_of(leaf(attributes=units))
    found = certificates.load(der, what="x5c")
    assert (len(found.subject), len(found.attributes)) == (301, 300)
    [short] = chain_of(leaf())
    assert certificates.load(short, what="x5c").subject == "CN=signer,O=acme,ST=WA,C=US"
