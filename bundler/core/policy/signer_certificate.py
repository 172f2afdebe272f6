"""The certificate of a signer, as signatures of cosign carry it, and the chain from it to a root of the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bundler.core.certificates import ANY_PURPOSE, CODE_SIGNING, Certificate
from bundler.core.limits import CERTIFICATE_CHAIN
from bundler.core.policy.base64_text import exact_base64
from bundler.core.policy.verdict import Unfit
from bundler.errors import Untrusted
from bundler.texts import text

CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
CHAIN_ANNOTATION = "dev.sigstore.cosign/chain"


def annotated(
    annotations: Mapping[str, str], load_pem: Callable[[bytes], Sequence[Certificate]]
) -> tuple[Certificate, Sequence[Certificate]]:
    """The certificate of the signer in the annotations of a layer, and those of its chain; empty without a chain.

    Raises:
        Unfit: There is not exactly one certificate, or one is not valid.
    """
    if CERTIFICATE_ANNOTATION not in annotations:
        raise Unfit(text("a signature without a certificate"))
    try:
        found = load_pem(annotations[CERTIFICATE_ANNOTATION].encode())
        chain = annotations.get(CHAIN_ANNOTATION)
        others = load_pem(chain.encode()) if chain else ()
    except Untrusted as error:
        raise Unfit(error.message) from error
    if len(found) != 1:
        raise Unfit(text("a signature with several certificates"))
    return found[0], others


def carried(material: Mapping[str, Any], load: Callable[[bytes], Certificate]) -> Sequence[Certificate]:
    """The certificates of a sigstore bundle, the signer's first.

    Raises:
        Unfit: There is none, there are too many, or one is not valid.
    """
    chain, single = material.get("x509CertificateChain"), material.get("certificate")
    listed = chain.get("certificates") if isinstance(chain, dict) else [single]
    if not isinstance(listed, list) or not 1 <= len(listed) <= CERTIFICATE_CHAIN:
        raise Unfit(text("a signature without a certificate"))
    raw = [each.get("rawBytes") if isinstance(each, dict) else None for each in listed]
    if raw[0] is None:
        raise Unfit(text("a signature without a certificate"))
    try:
        return [load(exact_base64(each, what="rawBytes")) for each in raw]
    except Untrusted as error:
        raise Unfit(error.message) from error


def leads(leaf: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], seconds: int) -> bool:
    """True if a chain from a certificate leads to a root, and each authority in it is valid at a time.

    The certificates are reached level by level, each once: an attacker cannot make it try all orders of copies.

    Args:
        leaf: The certificate of the signer, which is not looked at itself.
        others: Certificates that may be between it and a root, in any order.
        roots: The certificates that end a chain.
        seconds: The time, since 1970.
    """
    level, left = [leaf], list(others)
    for depth in range(len(others) + 1):
        fit = [each for each in (*roots, *left) if _is_authority(each, depth) and each.is_valid_at(seconds)]
        issuers = [above for above in fit if any(below.is_issued_by(above) for below in level)]
        if any(above in roots for above in issuers):
            return True
        level, left = issuers, [each for each in left if each not in issuers]
        if not level:
            return False
    return False


def _is_authority(certificate: Certificate, depth: int) -> bool:
    """True if a certificate may issue others for signing code, with so many authorities below it."""
    return (
        certificate.is_ca
        and not certificate.has_unhandled_critical
        and (certificate.path_length is None or certificate.path_length >= depth)
        and (certificate.key_usage is None or "key_cert_sign" in certificate.key_usage)
        and (certificate.purposes is None or bool({CODE_SIGNING, ANY_PURPOSE} & certificate.purposes))
    )
