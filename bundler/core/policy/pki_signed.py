"""Judges signatures with certificates of one's own authority: ``sigstoreSigned`` with ``pki``, offline.

``cosign sign --key … --certificate … --certificate-chain …`` puts the certificate of the signer and its chain next to
the signature. No log and no timestamp says when it signed, so every certificate must be valid now::

    certificate valid now, for signing code, by a chain to the policy's roots → e-mail and host → signature

The rules are those of containers/image, ``signature/pki_cert.go``, and of Go's ``crypto/x509``, which it uses.
Stricter than these: the certificate of a signer is no root of its own, and an authority of version 1 or with name
constraints counts for nothing. Revocations are not asked for, as there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from bundler.core.certificates import ANY_PURPOSE, CODE_SIGNING, Address, Certificate
from bundler.core.frozen import frozen
from bundler.core.limits import CERTIFICATE_CHAIN
from bundler.core.patterns import lazy_pattern
from bundler.core.policy import signer_certificate, simple_signing
from bundler.core.policy.evidence import SignatureLayer
from bundler.core.policy.identity import SignedIdentity
from bundler.core.policy.keyless import KeylessTools
from bundler.core.policy.signature_judge import SignatureJudge
from bundler.core.policy.sigstore_bundle import Claim, SigstoreBundle
from bundler.core.policy.verdict import Unfit, Verified
from bundler.texts import Text, text

_LABEL = lazy_pattern(r"[a-z0-9_][a-z0-9_-]*", re.ASCII)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@frozen
class PkiTrust:
    """The authorities and the subject that a policy trusts.

    Attributes:
        roots: The certificates that end a chain.
        intermediates: Certificates that may be between a signer's and a root, besides those that a signature carries.
        subject_email: The e-mail address that the signer's certificate must have; empty for any.
        subject_hostname: The host name or IP address that it must be for; empty for any.
    """

    roots: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...] = ()
    subject_email: str = ""
    subject_hostname: str = ""

    @property
    def subject(self) -> str:
        """The subject in words."""
        return " ".join(each for each in (self.subject_email, self.subject_hostname) if each)


@frozen
class PkiSigned(SignatureJudge):
    """A judge: a subject must have signed the image, with a certificate of the policy's authorities.

    Attributes:
        trust: The authorities and the subject.
        identity: The name that the signature must state.
        now_seconds: The time at which every certificate must be valid, since 1970.
        tools: The functions that need cryptography.
    """

    trust: PkiTrust
    identity: SignedIdentity
    now_seconds: int
    tools: KeylessTools

    def wanted(self) -> Text:
        """The requirement in words."""
        return text("a signature with a certificate for {subject}", subject=self.trust.subject)

    def prove_payload(self, layer: SignatureLayer, payload: bytes) -> Verified:
        """Checks the signature of a payload, with the certificates in the annotations of its layer.

        The last certificate of the chain is the root by cosign's habit. containers/image leaves it out; so does this.
        """
        signature = simple_signing.signature_of(layer)
        leaf, chain = signer_certificate.annotated(layer.annotations, self.tools.load_pem)
        return self._proved(leaf, chain[:-1], signature, payload, payload)

    def prove_bundle(self, content: bytes, bundle: SigstoreBundle, claim: Claim, message: bytes) -> Verified:  # noqa: ARG002
        """Checks the signature of a sigstore bundle, with the certificates in it."""
        leaf, *chain = signer_certificate.carried(bundle.material, self.tools.load)
        return self._proved(leaf, chain, claim.signature, message, claim.statement or b"")

    def _proved(
        self, leaf: Certificate, chain: Sequence[Certificate], signature: bytes, message: bytes, content: bytes
    ) -> Verified:
        check_subject(leaf, self.trust)
        check_chain(leaf, chain, self.trust, self.now_seconds)
        if not self.tools.key_of(leaf).verifies(signature, message):
            raise Unfit(text("a signature that does not match its certificate"))
        return Verified(content, f"{self.trust.subject} ({leaf.fingerprint[:16]})")


def check_chain(leaf: Certificate, chain: Sequence[Certificate], trust: PkiTrust, seconds: int) -> None:
    """Checks that a certificate may sign code and is valid at a time, and that a chain leads to a root of a policy.

    A certificate without extended key usages may be used for everything, as in Go.

    Args:
        leaf: The certificate of the signer.
        chain: The certificates that the signature carries besides.
        trust: The authorities.
        seconds: The time, since 1970.

    Raises:
        Unfit: It is not so.
    """
    may_sign = leaf.purposes is None or bool({CODE_SIGNING, ANY_PURPOSE} & leaf.purposes)
    if not may_sign or leaf.has_unhandled_critical:
        raise Unfit(text("a certificate {subject} that is not for signing code", subject=leaf.subject))
    if not leaf.is_valid_at(seconds):
        raise Unfit(text("a certificate {subject} that is not valid now", subject=leaf.subject))
    between = [each for each in (*trust.intermediates, *chain[:CERTIFICATE_CHAIN]) if not each.constrains_names]
    if not signer_certificate.leads(leaf, between, trust.roots, seconds):
        raise Unfit(text("a certificate that the policy's authority has not issued"))


def check_subject(leaf: Certificate, trust: PkiTrust) -> None:
    """Checks the e-mail address and the host in the alternative names of a certificate. Its common name counts nothing.

    Raises:
        Unfit: They are others.
    """
    is_email = not trust.subject_email or trust.subject_email in leaf.emails
    is_host = not trust.subject_hostname or _is_for(leaf, trust.subject_hostname)
    if not (is_email and is_host):
        found = ", ".join((*leaf.emails, *leaf.hosts, *map(str, leaf.addresses))) or leaf.subject
        raise Unfit(text("a signature by the identity {found:.200}", found=found))


def _is_for(leaf: Certificate, host: str) -> bool:
    """True if a certificate is for a host, by the rules of ``VerifyHostname`` of Go's ``crypto/x509``."""
    inner = host[1:-1] if len(host) > 2 and host.startswith("[") and host.endswith("]") else host
    try:
        address = _plain(ipaddress.ip_address(inner))
    except ValueError:
        return any(_matches(pattern.translate(_LOWER), host.translate(_LOWER)) for pattern in leaf.hosts)
    return address in map(_plain, leaf.addresses)


def _plain(address: Address) -> Address:
    """An address; the IPv4 address of an IPv6 address that means one."""
    return (address.version == 6 and address.ipv4_mapped) or address


def _matches(pattern: str, host: str) -> bool:
    """True if a name of a certificate is that of a host. ``*`` means any first label, as a whole."""
    labels, patterns = host.removesuffix(".").split("."), pattern.split(".")
    begin = 1 if patterns[0] == "*" and len(patterns) > 1 else 0
    if not all(map(_LABEL.fullmatch, (*labels, *patterns[begin:]))):
        return pattern == host and pattern not in {"", "."}
    return labels[begin:] == patterns[begin:]
