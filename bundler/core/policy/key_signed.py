"""Judges signatures by keys: the requirement ``sigstoreSigned`` with ``keyPath`` and its relatives."""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.core.policy import simple_signing, transparency
from bundler.core.policy.evidence import SignatureLayer
from bundler.core.policy.identity import SignedIdentity
from bundler.core.policy.signature_judge import FOUND_SHOWN, SignatureJudge
from bundler.core.policy.sigstore_bundle import Claim, SigstoreBundle
from bundler.core.policy.verdict import Unfit, Verified
from bundler.core.policy.verifying_key import VerifyingKey
from bundler.texts import Text, text


@frozen
class KeySigned(SignatureJudge):
    """A judge: one of the keys must have signed the image, under the right name.

    Attributes:
        keys: The keys.
        identity: The name that the signature must state.
        logs: The keys of transparency logs, one of which must have an entry of the signature; empty if none is needed.
    """

    keys: tuple[VerifyingKey, ...]
    identity: SignedIdentity
    logs: tuple[VerifyingKey, ...] = ()

    def wanted(self) -> Text:
        """The requirement in words."""
        names = ", ".join(f"{key.fingerprint[:16]} ({key.origin})" for key in self.keys[:FOUND_SHOWN])
        return text("a signature by {keys}", keys=names)

    def prove_payload(self, layer: SignatureLayer, payload: bytes) -> Verified:
        """Checks the signature of a payload of simple signing."""
        signature = simple_signing.signature_of(layer)
        if self.logs:
            entry = transparency.entry_of_annotation(layer.annotations, self.logs)
            transparency.check_hashed(entry, self._fingerprints, signature, payload)
        return self._verified(payload, signature, payload)

    def prove_bundle(self, content: bytes, bundle: SigstoreBundle, claim: Claim, message: bytes) -> Verified:  # noqa: ARG002
        """Checks the signature of a sigstore bundle."""
        self._check_hint(bundle)
        if self.logs:
            entry = transparency.entry_of_bundle(bundle.material, self.logs)
            if claim.statement is None:
                transparency.check_hashed(entry, self._fingerprints, claim.signature, message)
            else:
                transparency.check_envelope(entry, self._fingerprints, claim.signature, claim.statement)
        return self._verified(claim.statement or b"", claim.signature, message)

    @property
    def _fingerprints(self) -> set[str]:
        return {key.fingerprint for key in self.keys}

    def _verified(self, content: bytes, signature: bytes, message: bytes) -> Verified:
        for key in self.keys:
            if key.verifies(signature, message):
                return Verified(content, f"{key.fingerprint[:16]} ({key.origin})")
        raise Unfit(text("a signature by another key"))

    def _check_hint(self, bundle: SigstoreBundle) -> None:
        """Refuses a bundle that names another key in cosign's way, so that people learn which one."""
        hint = bundle.key_hint
        if hint is not None and hint.hex() not in self._fingerprints:
            raise Unfit(text("a signature by the key {fingerprint}", fingerprint=hint.hex()[:16]))
