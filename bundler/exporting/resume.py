"""The export that an earlier run began: whether this run goes on with it, and what it has to keep for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bundler import __version__
from bundler.bundle.partial import PartialFolder
from bundler.commands.checks import size_words
from bundler.core import manifest as bundle_manifest
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.image_list import Entry
from bundler.core.journal import ExportStart, Journal
from bundler.core.manifest import BundleManifest, MissingImage
from bundler.core.protocols import Passed
from bundler.errors import Misuse
from bundler.run import Run
from bundler.texts import first_of, text

_SHOWN = 5


class Writer(Protocol):
    """What can go on with a bundle that was begun."""

    def begin(self, begun: ExportStart, journal: Journal | None, passed: Passed) -> int:
        """Goes on, or begins; how many bytes are there already."""


class ResumeState:
    """What was begun, or is about to be. To be called in the order of its methods."""

    def __init__(
        self,
        partial: PartialFolder,
        entries: Sequence[Entry],
        options: Mapping[str, str],
        created: str,
        run: Run,
        *,
        skips_missing: bool = False,
    ) -> None:
        """Reads the journal, if there is one.

        Args:
            partial: Where the bundle is made.
            entries: The images that are wanted now.
            options: What else is wanted now, in words.
            created: When this run began.
            run: The run that this is part of.
            skips_missing: Whether images that are not there may be gone without.

        Raises:
            Misuse: The export was begun with another list or other options; the error says what differs.
        """
        self._partial = partial
        self._run = run
        self._options = options
        self._skips_missing = skips_missing
        self._images = {_words(entry): entry for entry in entries}
        self._journal = partial.begun()
        self.created = self._journal.begun.created if self._journal else created
        self.tool = self._journal.begun.tool if self._journal else f"bundler {__version__}"
        self._begun: ExportStart | None = None
        if self._journal is not None:
            self._refuse_other(self._journal.begun)
        elif partial.has_leftovers:
            self._run.listener(
                Noticed(
                    text(
                        "{path}: its journal is missing, damaged, or not of this user on this machine; tags "
                        "are resolved again, and of what is there everything is hashed and what fits is kept",
                        path=partial.path,
                    )
                )
            )

    def digest_of(self, entry: Entry) -> Digest | None:
        """What an image was when the export was begun; None if that is now."""
        return self._journal.begun.images[_words(entry)] if self._journal else None

    def missing(self, entry: Entry) -> MissingImage | None:
        """An image that is gone without since the export was begun; None for the others."""
        why = self._journal.begun.missing.get(_words(entry)) if self._journal else None
        return MissingImage(entry.reference, str(entry.source), *why) if why else None

    def settle(
        self, manifest: BundleManifest, digests: Mapping[Entry, Digest], missing: Mapping[Entry, MissingImage]
    ) -> None:
        """Takes the plan of this run.

        Args:
            manifest: The plan.
            digests: What the images are at their sources.
            missing: Those that are gone without.

        Raises:
            Misuse: It is not the plan that was begun.
        """
        plan = bundle_manifest.plan_digest(manifest)
        self._begun = ExportStart(
            options=self._options,
            images={words: digests[entry] for words, entry in self._images.items() if entry in digests},
            created=self.created,
            tool=self.tool,
            plan=plan,
            missing={_words(entry): (image.code, image.reason) for entry, image in missing.items()},
        )
        if self._journal is not None and self._journal.begun.plan != plan:
            raise self._differs("the plan has come out otherwise than when this export was begun")

    def begin(self, writer: Writer, size_bytes: int) -> None:
        """Lets the writer go on, or begin, and says so.

        Args:
            writer: Of the bundle.
            size_bytes: Of its chunks.

        Raises:
            Misuse, LocalStorage: As the writer has it.
        """
        assert self._begun is not None
        is_first = self._journal is None and not self._partial.has_leftovers
        title = "beginning" if is_first else "looking at what was begun"

        def passed(amount_bytes: int) -> None:
            self._run.cancellation.check()
            self._run.listener(Moved(amount_bytes))

        self._run.listener(PhaseBegan(title, 0 if is_first else size_bytes, in_bytes=True))
        there_bytes = writer.begin(self._begun, self._journal, passed)
        self._run.listener(PhaseEnded(title))
        reason = self._partial.journal.unkept
        if reason is not None:
            self._run.listener(
                Noticed(
                    text(
                        "if this export is interrupted, the next run resolves all tags again, because {reason}",
                        reason=reason,
                    )
                )
            )
        if not is_first:
            there = text(
                "{there_bytes} of {size_bytes} are there",
                there_bytes=size_words(there_bytes),
                size_bytes=size_words(size_bytes),
            )
            self._run.listener(
                Noticed(
                    text(
                        "going on with the export that was begun at {created}: {there}",
                        created=self.created,
                        there=there,
                    )
                )
            )

    def _refuse_other(self, begun: ExportStart) -> None:
        differences = begun.differences(self._options, self._images)
        if begun.missing and not self._skips_missing:
            differences.append(
                text("--skip-missing: {count} images were gone without then, not now", count=len(begun.missing))
            )
        if differences:
            told = first_of(differences, _SHOWN)
            raise self._differs(text("an export was begun here with something else; {differences}", differences=told))

    def _differs(self, message: str) -> Misuse:
        return Misuse(
            message,
            subject=str(self._partial.path),
            hint="run the command that began it, begin anew with --restart, or choose another -o DIR or --name",
        )


def _words(entry: Entry) -> str:
    pin = f", pinned to {entry.pin}" if entry.pin else ""
    platforms = f", for {' '.join(map(str, entry.platforms))}" if entry.platforms else ""
    return f"{entry.reference} from {entry.source}{pin}{platforms}"
