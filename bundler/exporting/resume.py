"""Resumes an earlier export: compares its request with that of this run, and takes over its facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bundler import __version__
from bundler.core import manifest as bundle_manifest
from bundler.core.at_receiver import AtReceiver
from bundler.core.digest import Digest
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, ListEntry, ManyImages
from bundler.core.journal import ExportStart, Journal, PinnedAttachments
from bundler.core.manifest import BundleManifest, MissingImage, Series, is_refusal
from bundler.core.parity import ParityChoice
from bundler.core.policy import ImagePolicy
from bundler.errors import Misuse
from bundler.exporting.channel import series_of
from bundler.exporting.image_words import entry_in, words_of
from bundler.exporting.listed import Listed
from bundler.exporting.media import started_options
from bundler.exporting.request import ExportRequest
from bundler.exporting.session import folder_of
from bundler.system.bundle_paths import BundlePath
from bundler.texts import first_of, text

_SHOWN = 5
_CHANNEL = "--channel"


@frozen
class Resume:
    """The facts that this run takes over from an earlier one of the same export.

    Attributes:
        journal: The journal of the earlier run; None if there is none, or it is not ours.
        started: The start of the export, by that journal or by a resolved file; None if it starts now.
        has_partial: True if an earlier run left a partial bundle, whatever its journal says.
        folder: The path of the partial bundle.
        options: The options that decide which bundle is made, in words; its images decide the rest.
        created: When the export started: ISO 8601, UTC.
        tool: The tool that started it.
        series: The place of the bundle in its channel.
    """

    journal: Journal | None
    has_partial: bool
    folder: BundlePath
    options: Mapping[str, str]
    created: str
    tool: str
    series: Series | None = None
    started: ExportStart | None = None

    @property
    def is_first(self) -> bool:
        """True if no earlier run left anything."""
        return self.journal is None and not self.has_partial

    def digest_of(self, entry: Entry) -> Digest | None:
        """The digest that an image had when the export started; None if it starts now."""
        return self.started.images.get(words_of(entry)) if self.started else None

    def missing(self, entry: Entry) -> MissingImage | None:
        """An image that the export goes without since it started; None for the others."""
        why = self.started.missing.get(words_of(entry)) if self.started else None
        return MissingImage(entry.reference, str(entry.source), *why) if why else None

    def attachments_of(self, entry: Entry) -> PinnedAttachments | None:
        """The attachments that an image had when the export started; None if it starts now."""
        return self.started.attachments.get(words_of(entry), PinnedAttachments()) if self.started else None

    def start(
        self,
        manifest: BundleManifest,
        digests: Mapping[Entry, Digest],
        missing: Mapping[Entry, MissingImage],
        attachments: Mapping[Entry, PinnedAttachments],
        media: Mapping[str, str],
    ) -> ExportStart:
        """The start of the export, as its journal records it.

        Args:
            manifest: The plan of this run.
            digests: The digests of the images at their sources, in the order of the list.
            missing: The images that the bundle goes without.
            attachments: The attachments of the images that have some.
            media: The options about media, with their plan.

        Raises:
            Misuse: The earlier run had another plan.
        """
        plan = bundle_manifest.plan_digest(manifest)
        self._check_plan(plan)
        return ExportStart(
            options={**self.options, **media},
            images={words_of(entry): digest for entry, digest in digests.items()},
            created=self.created,
            tool=self.tool,
            plan=plan,
            missing={words_of(entry): (image.code, image.reason) for entry, image in missing.items()},
            attachments={words_of(entry): pinned for entry, pinned in attachments.items()},
        )

    def check_plan(self, manifest: BundleManifest) -> None:
        """Returns if the earlier run, if any, had the same plan.

        Raises:
            Misuse: It had another one.
        """
        if self.started is not None:
            self._check_plan(bundle_manifest.plan_digest(manifest))

    def check(self, entries: Iterable[Entry], *, skips_missing: bool, skips_refused: bool) -> None:
        """Returns if the earlier run, if any, had the same request.

        Args:
            entries: The images that are wanted now.
            skips_missing: True if the bundle may go without images that are not at their sources now.
            skips_refused: True if it may go without images that a policy refuses.

        Raises:
            Misuse: It had another list or other options; the error says what differs.
        """
        if self.started is None:
            return
        start = self.started
        differences = start.differences(self.options, {words_of(entry): entry for entry in entries})
        refused = sum(is_refusal(code) for code, _ in start.missing.values())
        missing = len(start.missing) - refused
        if missing and not skips_missing:
            differences.append(text("--skip-missing: {count} images were left out then, not now", count=missing))
        if refused and not skips_refused:
            differences.append(text("--skip-refused: {count} images were left out then, not now", count=refused))
        if differences:
            shown = first_of(differences, _SHOWN)
            raise self._differs(text("the unfinished export here differs; {differences}", differences=shown))

    def _check_plan(self, plan: str) -> None:
        plans = {each.plan for each in (self.started, self.journal.start if self.journal else None) if each}
        if plans - {plan}:
            raise self._differs("the plan differs from the one at the start of this export")

    def _differs(self, message: str) -> Misuse:
        return Misuse(
            message,
            subject=str(self.folder),
            hint="run the command that started it, start again with --restart, or choose another -o DIR or --name",
        )


def started_entries(request: ExportRequest, name: str) -> tuple[Entry, ...] | None:
    """The images of the unfinished export of a request, for a caller that finds them by itself when one starts.

    Args:
        request: The request; its images do not count.
        name: The name of the bundle.

    Returns:
        None if there is no such export, or it is to be started again, or it was for another kind of request.

    Raises:
        Misuse: The files there are not ours.
    """
    if request.is_restarted:
        return None
    journal = folder_of(request, name).read_journal()
    if journal is None:
        return None
    try:
        return tuple(entry_in(words) for words in (*journal.start.images, *journal.start.missing))
    except Misuse:
        return None


def find_resume(listed: Listed) -> Resume:
    """Reads the journal of an earlier run, if there is one.

    Raises:
        Misuse: That run was started with another list or other options; the error says what differs.
    """
    session = listed.session
    folder, request = session.folder, session.request
    journal = folder.read_journal()
    resolved = request.resolved.export.start if request.resolved is not None else None
    started = resolved or (journal.start if journal else None)
    series = _started_series(started, session.request) or series_of(session, listed.there.earlier)
    resume = Resume(
        journal,
        folder.has_partial,
        folder.path,
        {**_options(listed), **_channel(series), **started_options(request, journal)},
        created=started.created if started else request.created,
        tool=started.tool if started else f"bundler {__version__}",
        series=series,
        started=started,
    )
    resume.check(listed.entries, skips_missing=request.skips_missing, skips_refused=request.skips_refused)
    if journal is None and resume.has_partial and not (request.seals or request.shard):
        session.run.listener(
            Noticed(
                text(
                    "{path}: its journal is missing, damaged, or not of this user on this machine; bundler resolves "
                    "the tags again, hashes the partial state, and keeps what matches",
                    path=folder.path,
                )
            )
        )
    return resume


def _options(listed: Listed) -> dict[str, str]:
    session, request = listed.session, listed.session.request
    return {
        "--chunk-size": str(request.chunk_size_bytes),
        "--format": request.archive_kind.name,
        "--encrypt": "yes" if request.is_encrypted else "no",
        "--key": session.signer or "none",
        "--layer-compression": request.layer_compression,
        **_since(listed.there),
        "--attachments": str(request.attachments),
        **_policies(request.policies),
        **_parity(request.parity),
        **_patterns(session.listed),
    }


def _channel(series: Series | None) -> dict[str, str]:
    """The option that is in the journal only if it was given: the channel, its number, and the id of the one before."""
    return {_CHANNEL: f"{series.channel} {series.sequence} {series.previous or '-'}"} if series else {}


def _started_series(started: ExportStart | None, request: ExportRequest) -> Series | None:
    """The place that the bundle had when its export started, if the channel is the same; the number never changes."""
    words = started.options.get(_CHANNEL, "").split() if started else []
    if len(words) != 3 or words[0] != request.channel or request.sequence not in (None, int(words[1])):
        return None
    return Series(words[0], int(words[1]), None if words[2] == "-" else words[2])


def _since(there: AtReceiver) -> dict[str, str]:
    """The option that is in the journal only if it was given: journals without it stay valid."""
    ids = (there.bases[number].id for number in there.given)
    return {"--since": " ".join(sorted(ids))} if there.given else {}


def _patterns(listed: Sequence[ListEntry]) -> dict[str, str]:
    """The patterns of the lists, if there are some: a resumed export takes over what they meant when it started."""
    found = [str(entry) for entry in listed if isinstance(entry, ManyImages)]
    return {"repository:": "; ".join(found)} if found else {}


def _policies(policies: Sequence[ImagePolicy]) -> dict[str, str]:
    """The policies, if there are some: likewise."""
    return {"--policy": " ".join(sorted(policy.digest for policy in policies))} if policies else {}


def _parity(choice: ParityChoice | None) -> dict[str, str]:
    """The amount of parity, if there is any: likewise."""
    return {"--parity": str(choice)} if choice else {}
