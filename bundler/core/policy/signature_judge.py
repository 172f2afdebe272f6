"""The steps that all judges of sigstore's signatures share; subclasses prove single signatures.

::

    attachments → layers → document → signature proved (by the subclass) → payload read → digest and name compared
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from bundler.core.limits import MANIFEST_BYTES, SIGNATURE_DOCUMENT_BYTES, SIGNATURES_TRIED
from bundler.core.oci import Descriptor
from bundler.core.policy import sigstore_bundle, simple_signing
from bundler.core.policy.evidence import Attached, SignatureLayer, SignedImage, judge_manifests
from bundler.core.policy.identity import DEFAULT_IDENTITY, MatchRepository, SignedIdentity, SignedName
from bundler.core.policy.sigstore_bundle import Claim, SigstoreBundle
from bundler.core.policy.verdict import Judgement, Unfit, Verified
from bundler.errors import BundlerError, Interrupted
from bundler.texts import Text, first_of, text

FOUND_SHOWN = 3
"""Reasons that a verdict lists; an image may have a thousand signatures."""


class SignatureJudge:
    """A judge: the image must be signed under the right name. Subclasses prove single signatures."""

    __slots__ = ()
    kind: ClassVar[str] = "sigstoreSigned"
    identity: SignedIdentity

    def wanted(self) -> Text:
        """The requirement in words."""
        raise NotImplementedError

    def prove_payload(self, layer: SignatureLayer, payload: bytes) -> Verified:
        """Checks the signature of a payload of simple signing.

        Args:
            layer: Its layer, with the signature in the annotations.
            payload: The bytes of the layer.

        Raises:
            Unfit: Nobody whom the policy names made it.
        """
        raise NotImplementedError

    def prove_bundle(self, content: bytes, bundle: SigstoreBundle, claim: Claim, message: bytes) -> Verified:
        """Checks the signature of a sigstore bundle.

        Args:
            content: The bytes of the bundle.
            bundle: The bundle.
            claim: The claim that the signature has to prove.
            message: The signed bytes.

        Returns:
            The statement of the claim; empty bytes if the manifest itself is signed.

        Raises:
            Unfit: Nobody whom the policy names made it.
        """
        raise NotImplementedError

    def judge(self, image: SignedImage) -> Judgement:
        """Judges an image by its signatures of both formats. One good signature is enough."""
        return judge_manifests(image, lambda manifest: self._judge(image, manifest))

    def _judge(self, image: SignedImage, manifest: Descriptor) -> Judgement:
        found: list[str] = []
        unreadable: BundlerError | None = None
        for layer in signatures_of(image, manifest):
            try:
                if not isinstance(layer, SignatureLayer):
                    raise layer
                good = self._check(image, manifest, layer)
            except Unfit as unfit:
                found.append(unfit.found)
            except Interrupted:
                raise
            except BundlerError as error:
                unreadable = unreadable or error
                found.append(text("a signature that cannot be read: {error}", error=str(error)))
            else:
                return Judgement(True, good.signer, self.wanted())
        said = first_of(list(dict.fromkeys(found)), FOUND_SHOWN) if found else text("no signature")
        return Judgement(False, wanted=self.wanted(), found=said, error=unreadable)

    def _check(self, image: SignedImage, manifest: Descriptor, layer: SignatureLayer) -> Verified:
        """Checks one signature.

        Raises:
            Unfit: It does not satisfy the requirement.
            Damaged, Incomplete, LocalStorage: It cannot be read.
        """
        content = image.read(layer.descriptor, limit_bytes=SIGNATURE_DOCUMENT_BYTES)
        if layer.descriptor.media_type == simple_signing.MEDIA_TYPE:
            good = self.prove_payload(layer, content)
            payload = simple_signing.read_payload(good)
            simple_signing.check_digest(payload, manifest.digest)
            self._check_name(image, payload.reference)
            return good
        bundle = sigstore_bundle.parse_bundle(content)
        claim = sigstore_bundle.claim_of(bundle, manifest.digest)
        message = image.read(manifest, limit_bytes=MANIFEST_BYTES) if claim.message is None else claim.message
        good = self.prove_bundle(content, bundle, claim, message)
        if claim.statement is not None:
            sigstore_bundle.check_statement(good, manifest.digest)
        self._check_namelessness(image)
        return good

    def _check_name(self, image: SignedImage, stated: str) -> None:
        name = SignedName.parse(stated)
        if name is not None and self.identity.matches(image.reference, name):
            return
        values = {"stated": stated, "kind": self.identity.kind, "wanted": self.identity.wanted(image.reference)}
        if name is not None and name.is_name_only and MatchRepository().matches(image.reference, name):
            raise Unfit(
                text(
                    "a signature for the repository {stated:.200} without a tag, as cosign makes it; {kind} needs "
                    "{wanted}, matchRepository accepts it",
                    **values,
                )
            )
        raise Unfit(text("a signature for the name {stated:.200}; {kind} needs {wanted}", **values))

    def _check_namelessness(self, image: SignedImage) -> None:
        """Accepts a signature that states no name only if the policy asks for none.

        cosign 3 signs a digest and no name. With one key for many repositories, such a signature does not prove that
        the image has its right name, so it cannot satisfy a ``signedIdentity`` that the policy states.
        """
        if self.identity != DEFAULT_IDENTITY:
            raise Unfit(
                text(
                    "a signature that states no name, as cosign 3 makes it; {kind} needs {wanted}",
                    kind=self.identity.kind,
                    wanted=self.identity.wanted(image.reference),
                )
            )


def signatures_of(image: SignedImage, manifest: Descriptor) -> Iterator[SignatureLayer | Unfit | BundlerError]:
    """The layers of a manifest's attachments that are signatures of cosign's two formats, or why one cannot be read.

    They are bounded: an attacker may attach as many manifests as a registry takes.
    """
    found = (each for attached in image.attached_to(manifest.digest) for each in _layers_of(image, attached))
    yield from islice(found, SIGNATURES_TRIED)
    if next(found, None) is not None:
        yield Unfit(
            text("more than {count:,} signatures, of which the others were not checked", count=SIGNATURES_TRIED)
        )


def _layers_of(image: SignedImage, attached: Attached) -> Iterator[SignatureLayer | Unfit | BundlerError]:
    try:
        manifest = image.manifest_of(attached)
    except Interrupted:
        raise
    except (Unfit, BundlerError) as error:
        yield error
        return
    for layer in manifest.layers:
        kind = layer.descriptor.media_type
        if kind == simple_signing.MEDIA_TYPE or kind.startswith(sigstore_bundle.MEDIA_TYPE_STEM):
            yield layer
