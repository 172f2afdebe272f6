"""Judged: the stage of an export between resolved and planned. The policies accept every image that is left.

Judging reads manifests and signatures from the sources, and no layer. Nothing is on the medium yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bundler.core.digest import Digest
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.limits import VERDICTS
from bundler.core.manifest import MissingImage
from bundler.core.oci import Descriptor
from bundler.core.policy import Attached, PolicyVerdict, SignedImage, refused
from bundler.errors import BundlerError, Damaged, Misuse, RefusedByPolicy, Several
from bundler.exporting.blob_index import FoundImage
from bundler.exporting.missing_images import missing_image
from bundler.exporting.resolved import Resolved, read_small
from bundler.run import retrying
from bundler.texts import text
from bundler.transfer import ask_each
from bundler.transports.transport import source_of


@frozen
class Judged:
    """The images of an export, judged.

    Attributes:
        resolved: The images that the bundle carries, with their verdicts, and those that it goes without.
        verdicts: The verdicts on all images of this run, also on those that are refused.
    """

    resolved: Resolved
    verdicts: tuple[PolicyVerdict, ...] = ()


def judge(resolved: Resolved) -> Judged:
    """Judges every image by its name in the bundle, as an import does.

    Raises:
        Misuse: There are more policies than a bundle can have verdicts of.
        Several: Images are refused, and the run does not go without them, or no other image is left. Or a signature
            cannot be read. The error names all of these images.
        Interrupted: The user stopped it.
    """
    session = resolved.session
    if not session.request.policies:
        return Judged(resolved)
    if len(session.request.policies) > VERDICTS:
        raise Misuse(
            "too many policies",
            subject="--policy",
            expected=text("at most {count}", count=VERDICTS),
            actual=str(len(session.request.policies)),
        )
    run, by_entry = session.run, {found.entry: found for found in resolved.images}

    def ask(entry: Entry) -> tuple[PolicyVerdict, ...]:
        evidence = _evidence_of(by_entry[entry], resolved)
        verdicts = tuple(policy.judge(evidence) for policy in session.request.policies)
        run.listener(Moved(1))
        return verdicts

    run.listener(PhaseBegan("judging signatures", len(by_entry), in_bytes=False))
    answers = ask_each(list(by_entry), ask, run)
    run.listener(PhaseEnded("judging signatures"))
    failed = dict(answers.failed)
    for entry, verdicts in answers.given.items():
        for error in refused(verdicts).values():
            failed[entry] = error
    missing = _skipped(failed, len(by_entry), skips=session.request.skips_refused)
    kept = tuple(
        replace(found, image=replace(found.image, verdicts=tuple(each.recorded() for each in answers.given[entry])))
        for entry, found in by_entry.items()
        if entry not in missing
    )
    everything = {**resolved.missing, **missing}
    judged = replace(
        resolved,
        images=kept,
        missing={entry: everything[entry] for entry in resolved.entries if entry in everything},
    )
    return Judged(judged, tuple(verdict for verdicts in answers.given.values() for verdict in verdicts))


def _skipped(failed: Mapping[Entry, BundlerError], total: int, *, skips: bool) -> dict[Entry, MissingImage]:
    """The images that the bundle goes without because a policy refuses them.

    Raises:
        Several: A failure is no refusal, or the run does not go without refused images, or no other image is left.
    """
    is_verdict = all(isinstance(error, RefusedByPolicy) for error in failed.values())
    if skips and is_verdict and len(failed) < total:
        return {
            entry: replace(missing_image(entry, error), reason=f"{error.message}: {error.actual}")
            for entry, error in failed.items()
        }
    if not failed:
        return {}
    hint = "have them signed, or leave them out with --skip-refused" if is_verdict and len(failed) < total else None
    raise Several(
        text(
            "{count} of {total} images are not accepted by the policy; nothing was exported",
            count=len(failed),
            total=total,
        ),
        list(failed.values()),
        hint=hint,
    )


def _evidence_of(found: FoundImage, resolved: Resolved) -> SignedImage:
    image = found.image
    attached = tuple(Attached(each.subject, each.root, each.tag) for each in image.attachments)
    manifests = {manifest.descriptor.digest: manifest.descriptor for manifest in image.carried}
    documents = _AtSource(found.entry, resolved, manifests)
    return SignedImage(image.reference, image.root, attached, documents, image.made_from)


@frozen
class _AtSource:
    """The manifests of an image and of its attachments, and the blobs of these, at the source of the image."""

    entry: Entry
    resolved: Resolved
    manifests: Mapping[Digest, Descriptor]

    def read(self, descriptor: Descriptor) -> bytes:
        """Reads a document that was read before, or asks the source with retries."""
        session, place = self.resolved.session, source_of(self.entry.source)
        documents, listed = self.resolved.documents, self.manifests.get(descriptor.digest)
        if descriptor.digest in documents:
            content = b"".join(bytes(piece) for piece in documents.open_blob(descriptor, offset_bytes=0))
        elif listed is not None:
            store = place.open(self.resolved.stores)
            content = retrying(
                lambda: store.read_manifest(listed), session.run, subject=str(self.entry.reference), peer=place.peer
            )
        else:
            content = retrying(
                lambda: read_small(self.entry, session, self.resolved.stores, descriptor),
                session.run,
                subject=str(self.entry.reference),
                peer=place.peer,
            )
        found = Digest.of(content, algorithm=descriptor.digest.algorithm)
        if len(content) != descriptor.size_bytes or found != descriptor.digest:
            raise Damaged("the bytes do not match the digest", subject=str(descriptor.digest))
        return content
