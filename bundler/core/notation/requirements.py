"""The certificates of a signer by the Notary Project's signature specification 1.1, "Certificate Requirements".

Only basic constraints, key usage and extended key usage count; the specification forbids to evaluate other extensions.
"""

from __future__ import annotations

from collections.abc import Sequence

from bundler.core.certificates import Certificate, check_ordered
from bundler.errors import Untrusted
from bundler.texts import text

_NO_LEAF_USES = frozenset(
    {
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    }
)
_NO_LEAF_PURPOSES = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
}
"""Purposes that the certificate of a signer must not have; notation-core-go adds OCSP to those of the specification."""


def check_signer(chain: Sequence[Certificate], *, what: str) -> None:
    """Checks the certificates of a signer, from the leaf to the root. A root alone is a leaf that has signed itself.

    Raises:
        Untrusted: They are not a chain, or one does not meet the requirements.
    """
    check_ordered(chain, what=what)
    _check_leaf(chain[0])
    for depth, certificate in enumerate(chain[1:]):
        _check_ca(certificate, depth)


def _check_leaf(leaf: Certificate) -> None:
    if leaf.is_ca:
        raise _unfit(leaf, text("a CA signs certificates, not images"))
    usage = _key_usage(leaf)
    if "digital_signature" not in usage:
        raise _unfit(leaf, text("its key usage has no digitalSignature"))
    if usage & _NO_LEAF_USES:
        raise _unfit(leaf, text("its key is for other uses too"), actual=", ".join(sorted(usage)))
    for purpose, name in _NO_LEAF_PURPOSES.items():
        if purpose in (leaf.purposes or ()):
            raise _unfit(leaf, text("its key is for other uses too"), actual=name)
    if leaf.algorithm is None:
        raise _unfit(leaf, text("its key is not RSA of 2048, 3072 or 4096 bits, and not on P-256, P-384 or P-521"))


def _check_ca(certificate: Certificate, depth: int) -> None:
    """Checks a CA with so many CAs between it and the leaf."""
    if not certificate.has_critical_ca:
        raise _unfit(certificate, text("it is not marked as a CA, or not as critical"))
    if certificate.path_length is not None and certificate.path_length < depth:
        raise _unfit(
            certificate,
            text("the chain is longer than the CA permits"),
            expected=text("at most {count}", count=certificate.path_length),
            actual=str(depth),
        )
    if "key_cert_sign" not in _key_usage(certificate):
        raise _unfit(certificate, text("its key usage has no keyCertSign"))


def _key_usage(certificate: Certificate) -> frozenset[str]:
    if certificate.key_usage is None or not certificate.has_critical_key_usage:
        raise _unfit(certificate, text("its key usage is missing, or not critical"))
    return certificate.key_usage


def _unfit(certificate: Certificate, why: str, *, expected: str | None = None, actual: str | None = None) -> Untrusted:
    return Untrusted(
        text("a certificate {subject} that is not fit for signatures: {why}", subject=certificate.subject, why=why),
        expected=expected,
        actual=actual,
        code="notation-signature",
    )
