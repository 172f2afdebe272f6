"""Judges keyless signatures: ``sigstoreSigned`` with ``fulcio`` and ``rekorPublicKey…``, offline.

The certificate authority Fulcio has issued a certificate for some minutes to an identity, and the transparency log
Rekor has signed when it took the signature. So the certificate counts at that time, and the time is the log's::

    log entry (SET) → time → certificate valid then, issued by the policy's CA, for the policy's identity → signature

The rules are those of containers/image, ``signature/fulcio_cert.go``. The certificate's own log (SCT) is not checked
either: the policy trusts the CA. Bundles without a SET have other proofs of time, which a `BundleVerifier` checks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bundler.core.certificates import CODE_SIGNING, FULCIO_BUILD_SIGNER, FULCIO_ISSUER, FULCIO_ISSUER_V2, Certificate
from bundler.core.frozen import frozen
from bundler.core.limits import CERTIFICATE_CHAIN
from bundler.core.policy import signer_certificate, simple_signing, transparency
from bundler.core.policy.evidence import SignatureLayer
from bundler.core.policy.identity import SignedIdentity
from bundler.core.policy.signature_judge import SignatureJudge
from bundler.core.policy.sigstore_bundle import Claim, SigstoreBundle
from bundler.core.policy.verdict import Unfit, Verified
from bundler.core.policy.verifying_key import VerifyingKey
from bundler.texts import Text, text


@frozen
class FulcioTrust:
    """The certificate authority and the identity that a policy trusts.

    Attributes:
        roots: The certificates of the authority, each of which ends a chain.
        oidc_issuer: The issuer of the identity.
        subject_email: The e-mail address of the identity; empty for any.
        build_signer_uri: The URI of the workflow that signs; empty for any.
    """

    roots: tuple[Certificate, ...]
    oidc_issuer: str
    subject_email: str = ""
    build_signer_uri: str = ""

    @property
    def identity(self) -> str:
        """The identity in words."""
        return " ".join(each for each in (self.subject_email, self.build_signer_uri) if each)


class BundleVerifier(Protocol):
    """Verifies sigstore bundles by a trusted root. `bundler.keys.sigstore_bundles` has the implementation."""

    def statement_of(self, content: bytes, message: bytes | None, trust: FulcioTrust) -> bytes:
        """Verifies a bundle.

        Args:
            content: The bundle.
            message: The bytes of the manifest, if these are signed; None if a statement is signed.
            trust: The identity; the authorities are those of the trusted root.

        Returns:
            The signed statement; empty bytes if the manifest itself is signed.

        Raises:
            Unfit: It proves nothing.
            Misuse: The library is not installed.
        """


@frozen
class KeylessTools:
    """The functions that need cryptography.

    Attributes:
        load: Reads a certificate in DER form; raises `Untrusted`.
        load_pem: Reads certificates in PEM form; raises `Untrusted`.
        key_of: The key of a certificate, for signatures as cosign makes them; raises `Unfit`.
        bundles: Verifies bundles by a trusted root; None without ``--trusted-root``.
    """

    load: Callable[[bytes], Certificate]
    load_pem: Callable[[bytes], Sequence[Certificate]]
    key_of: Callable[[Certificate], VerifyingKey]
    bundles: BundleVerifier | None = None


@frozen
class KeylessSigned(SignatureJudge):
    """A judge: an identity must have signed the image, with a certificate of the moment."""

    fulcio: FulcioTrust
    logs: tuple[VerifyingKey, ...]
    identity: SignedIdentity
    tools: KeylessTools

    def wanted(self) -> Text:
        """The requirement in words."""
        return text(
            "a keyless signature by {identity}, issuer {issuer}",
            identity=self.fulcio.identity,
            issuer=self.fulcio.oidc_issuer,
        )

    def prove_payload(self, layer: SignatureLayer, payload: bytes) -> Verified:
        """Checks the signature of a payload, with the certificate and the entry in the annotations of its layer."""
        signature = simple_signing.signature_of(layer)
        entry = transparency.entry_of_annotation(layer.annotations, self.logs)
        leaf, others = signer_certificate.annotated(layer.annotations, self.tools.load_pem)
        transparency.check_hashed(entry, (leaf.fingerprint,), signature, payload)
        return self._proved(leaf, others, entry.logged_seconds, signature, payload, payload)

    def prove_bundle(self, content: bytes, bundle: SigstoreBundle, claim: Claim, message: bytes) -> Verified:
        """Checks the signature of a bundle: by the trusted root if there is one, else by the log's signature."""
        if self.tools.bundles is not None:
            signed = message if claim.statement is None else None
            statement = self.tools.bundles.statement_of(content, signed, self.fulcio)
            return Verified(statement, self._signer())
        entry = transparency.entry_of_bundle(bundle.material, self.logs)
        leaf, *others = signer_certificate.carried(bundle.material, self.tools.load)
        if claim.statement is None:
            transparency.check_hashed(entry, (leaf.fingerprint,), claim.signature, message)
        else:
            transparency.check_envelope(entry, (leaf.fingerprint,), claim.signature, claim.statement)
        return self._proved(leaf, others, entry.logged_seconds, claim.signature, message, claim.statement or b"")

    def _proved(
        self,
        leaf: Certificate,
        others: Sequence[Certificate],
        seconds: int,
        signature: bytes,
        message: bytes,
        content: bytes,
    ) -> Verified:
        check_chain(leaf, others, self.fulcio.roots, seconds)
        check_identity(leaf, self.fulcio)
        if not self.tools.key_of(leaf).verifies(signature, message):
            raise Unfit(text("a signature that does not match its certificate"))
        return Verified(content, self._signer())

    def _signer(self) -> str:
        return f"{self.fulcio.identity} ({self.fulcio.oidc_issuer})"


def check_chain(leaf: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], seconds: int) -> None:
    """Checks that a certificate was for signing code and valid at a time, and that a chain leads to a root.

    Args:
        leaf: The certificate of the signer.
        others: Certificates that may be between it and a root, in any order.
        roots: The certificates that end a chain.
        seconds: The time, since 1970.

    Raises:
        Unfit: It is not so.
    """
    if CODE_SIGNING not in (leaf.purposes or ()) or leaf.has_unhandled_critical:
        raise Unfit(text("a certificate {subject} that is not for signing code", subject=leaf.subject))
    if not leaf.is_valid_at(seconds):
        raise Unfit(text("a certificate that was not valid when the log took the signature"))
    if not signer_certificate.leads(leaf, others[:CERTIFICATE_CHAIN], roots, seconds):
        raise Unfit(text("a certificate that the policy's authority has not issued"))


def check_identity(leaf: Certificate, trust: FulcioTrust) -> None:
    """Checks the identity in a certificate of Fulcio.

    Raises:
        Unfit: It is another one.
    """
    issuer = _issuer_of(leaf)
    if issuer != trust.oidc_issuer:
        raise Unfit(text("an identity of the issuer {issuer:.200}", issuer=str(issuer)))
    if trust.subject_email and trust.subject_email not in leaf.emails:
        found = ", ".join((*leaf.emails, *leaf.uris)) or leaf.subject
        raise Unfit(text("a signature by the identity {found:.200}", found=found))
    if trust.build_signer_uri:
        uri = _utf8(leaf.extensions.get(FULCIO_BUILD_SIGNER))
        if uri != trust.build_signer_uri:
            raise Unfit(text("a signature by the identity {found:.200}", found=str(uri)))


def _issuer_of(leaf: Certificate) -> str | None:
    """The issuer of the identity. Both forms of the extension must agree, if both are there."""
    old, new = leaf.extensions.get(FULCIO_ISSUER), _utf8(leaf.extensions.get(FULCIO_ISSUER_V2))
    first = old.decode("utf-8", errors="replace") if old is not None else None
    if first is not None and new is not None and first != new:
        return None
    return new if new is not None else first


def _utf8(der: bytes | None) -> str | None:
    """The text of a DER UTF8String; None if it is none."""
    if der is None or len(der) < 2 or der[0] != 0x0C:
        return None
    length, begin = der[1], 2
    if length >= 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[2:begin], "big")
    content = der[begin:]
    return content.decode("utf-8", errors="replace") if len(content) == length else None
