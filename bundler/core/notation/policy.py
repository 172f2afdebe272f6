"""A Notation trust policy as a policy of images: `NotationPolicy` judges as `bundler.core.policy` has it.

One good signature of an image is enough, as in Notation. An image without any signature is refused at each level but
``skip``: even ``audit`` wants a signature, as Notation itself does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_DOCUMENT_BYTES, SIGNATURES_TRIED
from bundler.core.notation.judge import ENVELOPES, Circumstances, Verified, judge
from bundler.core.notation.trust_policy import Statement, TrustPolicy
from bundler.core.oci import Descriptor
from bundler.core.policy.evidence import Attached, SignatureLayer, SignedImage, judge_manifests
from bundler.core.policy.image_policy import judged
from bundler.core.policy.verdict import Judgement, PolicyVerdict, Unfit
from bundler.errors import BundlerError, Interrupted, Misuse, Untrusted
from bundler.texts import Text, first_of, text

ARTIFACT_TYPE = "application/vnd.cncf.notary.signature"
_FOUND_SHOWN = 3


@frozen
class NotationPolicy:
    """A trust policy with its trust store.

    Attributes:
        source: The file of the policy.
        digest: The SHA-256 of that file, in hex.
        files: The file, and the folders of its trust stores.
        policy: Its statements.
        given: The certificates, the time, and the cryptography.
    """

    source: str
    digest: str
    files: tuple[str, ...]
    policy: TrustPolicy
    given: Circumstances

    def judge(self, image: SignedImage) -> PolicyVerdict:
        """The verdict on an image, by the one statement for its repository."""
        statement = self.policy.applies_to(image.reference.name)
        judgement = judged(partial(self._judgement, statement), image)
        return PolicyVerdict(
            reference=image.reference,
            digest=image.root.digest,
            policy=self.digest,
            source=self.source,
            rule=f"notation {statement.name}: {statement.level}" if statement else "notation",
            is_accepted=judgement.is_accepted,
            signers=(judgement.signer,) if judgement.signer and judgement.is_accepted else (),
            wanted=judgement.wanted,
            found=judgement.found,
            error=judgement.error,
        )

    def _judgement(self, statement: Statement | None, image: SignedImage) -> Judgement:
        if statement is None:
            wanted = text("a statement of the policy for {repository}", repository=image.reference.name)
            return Judgement(False, wanted=wanted, found=text("no statement for this repository"))
        if statement.is_skipped:
            return Judgement(True, found=text("no signature is needed"))
        return judge_manifests(image, partial(self._of_manifest, image, statement))

    def _of_manifest(self, image: SignedImage, statement: Statement, manifest: Descriptor) -> Judgement:
        found: list[str] = []
        unreadable: BundlerError | None = None
        for layer in _signatures_of(image, manifest):
            try:
                if not isinstance(layer, SignatureLayer):
                    raise layer
                content = image.read(layer.descriptor, limit_bytes=SIGNATURE_DOCUMENT_BYTES)
                good = judge(content, layer.descriptor.media_type, manifest, statement, self.given)
            except Unfit as unfit:
                found.append(unfit.found)
            except Untrusted as error:
                found.append(_said(error))
            except (Interrupted, Misuse):
                raise
            except BundlerError as error:
                unreadable = unreadable or error
                found.append(text("a signature that cannot be read: {error}", error=str(error)))
            else:
                return Judgement(True, _signer(good), _wanted(statement), _noted(good))
        said = first_of(list(dict.fromkeys(found)), _FOUND_SHOWN) if found else text("no signature of Notation")
        return Judgement(False, wanted=_wanted(statement), found=said, error=unreadable)


def _signer(good: Verified) -> str:
    return f"{good.signer} ({good.fingerprint[:16]})"


def _noted(good: Verified) -> str:
    if not good.noted:
        return ""
    noted = first_of([_said(error) for error in good.noted], _FOUND_SHOWN)
    return text("accepted, although the policy notes: {noted}", noted=noted)


def _said(error: Untrusted) -> Text:
    if error.values:
        return text("{message} ({values})", message=error.message, values=error.values)
    return text("{message}", message=error.message)


def _wanted(statement: Statement) -> Text:
    stores = ", ".join(map(str, statement.stores[:_FOUND_SHOWN]))
    return text("a signature of Notation by a certificate of {stores}", stores=stores)


def _signatures_of(image: SignedImage, manifest: Descriptor) -> Iterator[SignatureLayer | Unfit | BundlerError]:
    """The envelopes that are attached to a manifest, within a bound, or the reason why one cannot be read."""
    found = (each for attached in image.attached_to(manifest.digest) for each in _envelopes_of(image, attached))
    yield from islice(found, SIGNATURES_TRIED)
    if next(found, None) is not None:
        yield Unfit(
            text("more than {count:,} signatures, of which the others were not checked", count=SIGNATURES_TRIED)
        )


def _envelopes_of(image: SignedImage, attached: Attached) -> Iterator[SignatureLayer | Unfit | BundlerError]:
    try:
        signature = image.manifest_of(attached)
    except Interrupted:
        raise
    except (Unfit, BundlerError) as error:
        yield error
        return
    envelopes = [layer for layer in signature.layers if layer.descriptor.media_type in ENVELOPES]
    if signature.artifact_type != ARTIFACT_TYPE:
        return
    if len(signature.layers) != 1 or not envelopes:
        yield Unfit(text("a signature of Notation with {count} layers, not 1 envelope", count=len(signature.layers)))
        return
    yield from envelopes
