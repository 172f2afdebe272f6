"""Recognises the kind of key in a file by its first bytes, so that a message can name a wrong kind.

It looks at PEM labels (RFC 7468), the lines of OpenSSH (sshd(8), AUTHORIZED_KEYS), minisign, signify and age, OpenPGP
packets (RFC 9580, section 4.2) and DER (X.690). It parses nothing beyond that.
"""

from __future__ import annotations

from enum import Enum

from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.texts import text


class KeyForm(Enum):
    """The kinds of keys that are distinguished, with their names for people."""

    PRIVATE = text("a private key")
    PUBLIC = text("a public key")
    SSH_PRIVATE = text("a private key of OpenSSH")
    SSH_PUBLIC = text("a public key of OpenSSH")
    PGP = text("an OpenPGP (GnuPG) file")
    COSIGN = text("a private key of cosign")
    CERTIFICATE = text("a certificate")
    REQUEST = text("a certificate request")
    PKCS12 = text("a PKCS#12 file")
    DER_PRIVATE = text("a private key in DER form")
    DER_PUBLIC = text("a public key in DER form")
    DER = text("a file in DER form")
    MINISIGN = text("a key of minisign or signify")
    AGE = text("a key of age, which cannot sign")
    SIGNATURE = text("a signature, by its length")
    JSON = text("a JSON document")
    OTHER_PEM = text("another PEM file")
    UNKNOWN = text("no key in PEM form")


@frozen
class KeyKind:
    """The kind of a file that was given as a key.

    Attributes:
        form: The kind.
        labels: The PEM labels of the file, in their order.
    """

    form: KeyForm
    labels: tuple[str, ...] = ()


_LABEL = lazy_pattern(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_SSH_PUBLIC = lazy_pattern(rb"(?:ssh-|ecdsa-sha2-|sk-(?:ssh|ecdsa)-)\S{1,60}\s|---- BEGIN SSH2 PUBLIC KEY")
_OPENPGP_TAGS = frozenset({2, 5, 6, 7, 14})
"""Files of keys or signatures begin with these packets: signature, secret key, public key, and their subkeys."""

_BY_LABEL = (
    ("OPENSSH PRIVATE KEY", KeyForm.SSH_PRIVATE),
    ("PGP", KeyForm.PGP),
    ("SIGSTORE", KeyForm.COSIGN),
    ("COSIGN", KeyForm.COSIGN),
    ("CERTIFICATE REQUEST", KeyForm.REQUEST),
    ("CERTIFICATE", KeyForm.CERTIFICATE),
    ("PRIVATE KEY", KeyForm.PRIVATE),
    ("PUBLIC KEY", KeyForm.PUBLIC),
)
"""The first text that a label contains decides."""


def key_kind(content: bytes) -> KeyKind:
    """The kind of key in the content of a file."""
    found = (label.decode("ascii") for label in _LABEL.findall(content))
    labels = tuple(label for label in found if not label.endswith("PARAMETERS"))  # openssl writes them before EC keys
    if labels:
        form = next((form for part, form in _BY_LABEL if part in labels[0]), KeyForm.OTHER_PEM)
        return KeyKind(form, labels)
    return KeyKind(_form_without_label(content))


def _form_without_label(content: bytes) -> KeyForm:
    if len(content) == SIGNATURE_BYTES and not content.isascii():
        return KeyForm.SIGNATURE
    begin = content.lstrip()
    if _SSH_PUBLIC.match(begin):
        return KeyForm.SSH_PUBLIC
    if begin.startswith(b"untrusted comment:"):
        return KeyForm.MINISIGN
    if begin.startswith((b"AGE-SECRET-KEY-", b"age1", b"# created:")):
        return KeyForm.AGE
    if begin.startswith((b"{", b"[")):
        return KeyForm.JSON
    der = _der_form(content)
    if der is not None:
        return der
    is_openpgp = content[:1] >= b"\x80" and _openpgp_tag(content[0]) in _OPENPGP_TAGS
    return KeyForm.PGP if is_openpgp else KeyForm.UNKNOWN


def _openpgp_tag(first: int) -> int:
    """The kind of an OpenPGP packet, in its old or its new format."""
    return first & 0x3F if first & 0x40 else first >> 2 & 0x0F


def _der_form(content: bytes) -> KeyForm | None:
    """The kind of a DER file: one SEQUENCE as long as the file. The first bytes of the SEQUENCE decide."""
    if len(content) < 4 or content[0] != _SEQUENCE:
        return None
    length_bytes = content[1] & 0x7F if content[1] & 0x80 else 0
    length = int.from_bytes(content[2 : 2 + length_bytes], "big") if length_bytes else content[1]
    inner = content[2 + length_bytes :]
    if len(inner) != length:
        return None
    if inner.startswith((b"\x02\x01\x00", b"\x02\x01\x01")):  # PKCS#8, PKCS#1 and SEC 1 begin with their version
        return KeyForm.DER_PRIVATE
    if inner.startswith(b"\x02\x01\x03"):
        return KeyForm.PKCS12
    if inner[:1] == bytes([_SEQUENCE]) and len(inner) > 1:  # an algorithm, then a BIT STRING or an OCTET STRING
        following = inner[2 + inner[1] :][:1]
        return {b"\x03": KeyForm.DER_PUBLIC, b"\x04": KeyForm.DER_PRIVATE}.get(following, KeyForm.DER)
    return KeyForm.DER


_SEQUENCE = 0x30
