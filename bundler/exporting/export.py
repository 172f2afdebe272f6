"""``bundler export``: list → resolve → plan → copy into the bundle → seal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bundler.bundle.archive_writer import SevenZipWriter
from bundler.bundle.files import check_space
from bundler.bundle.medium import has_sparse_files, is_removable, largest_file_bytes, on_one_medium
from bundler.bundle.partial import PartialFolder, finished_already
from bundler.bundle.read_back import ReadingBack
from bundler.bundle.signing import PrivateKey
from bundler.bundle.writer import BundleWriter
from bundler.commands.open_stores import Stores
from bundler.core.archive_kind import TAR, ArchiveKind
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.image_list import Entry, ImageList
from bundler.core.location import ArchiveImage, DaemonImage, RegistryImage
from bundler.core.manifest import BundleManifest, MissingImage
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedImage, plan_bundle
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.selection import EVERYTHING, Selection
from bundler.core.tally import Tally
from bundler.errors import EXIT_PARTIAL, Absent, AskedToWait, BundlerError, LocalStorage, Misuse, Several
from bundler.exporting.blob_index import BlobIndex, Documents, peer_of
from bundler.exporting.finished_export import Wanted, finished_export
from bundler.exporting.lists import expanded, name_after, read_lists
from bundler.exporting.missing_images import is_missing, missing_image, write_list
from bundler.exporting.resolve import Resolved, resolve_image
from bundler.exporting.resume import ResumeState
from bundler.exporting.staging import index_files, make_ready, notice_originals
from bundler.importing.chosen import selected
from bundler.keys.private_key import Passphrases, no_passphrases, public_half, read_private_key, refuse_on_medium
from bundler.run import Run, paces_of, retrying
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.kept import KeptDocuments
from bundler.system import places
from bundler.system.places import scratch_folder
from bundler.system.scratch import Scratch
from bundler.texts import some, text
from bundler.transfer import SMALL_WORKERS, BlobCopy, ask_all, copy_blobs, copy_wholes, counting, read_small_blob

Writer = BundleWriter | SevenZipWriter

SHORT_PASSPHRASE_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What ``bundler export`` was asked for."""

    lists: tuple[str, ...]
    output: Path
    created: str
    chunk_size_bytes: int
    key_path: Path | None = None
    key_passphrases: Passphrases = no_passphrases
    archive: ArchiveKind = TAR
    is_encrypted: bool = False
    bundle_passphrase: Callable[[], str] = lambda: ""
    """What the bundle is encrypted with; asked for only when it is to be made."""
    is_unsigned: bool = False
    name: str | None = None
    platforms: tuple[Platform, ...] = ()
    selection: Selection = EVERYTHING
    is_dry_run: bool = False
    is_restarted: bool = False
    """What was begun is thrown away."""
    is_passphrase_new: bool = False
    """The passphrase was made for this run, and nobody knows that of an earlier one."""
    is_read_back: bool | None = None
    """Whether the bundle is read from its medium again before it is sealed; None for where media can be taken out."""
    network: NetworkOptions = DEFAULT_NETWORK
    login: Credentials | None = None
    """For the one registry that images come from, instead of what would be found."""
    layer_compression: str = "gzip"
    scratch: Path = field(default_factory=scratch_folder)
    skips_missing: bool = False
    """Whether images that are not at their sources are gone without."""


@dataclass(frozen=True, slots=True)
class MovedTag:
    """A tag that stands for another digest than when the export was begun: the bundle has what it was then."""

    reference: Reference
    carried: Digest
    now: Digest


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export made, or would make.

    Attributes:
        bundle_id: None after a dry run.
        scratch_bytes: The most that it needed, or would need, in scratch at a time.
        is_encrypted: Whether its content needs a passphrase.
        is_read_back: Whether it came back from its medium as it was written.
        public_key: The file of the signing key's public half, where it lies beside it.
        is_old: Whether it was complete before this run, which has made nothing.
        moved: The tags that have moved since the export was begun.
        failed_list: The image list of what the bundle lacks, if it lacks anything.
    """

    path: Path
    manifest: BundleManifest
    key_id: str | None
    key_path: Path | None
    bundle_id: str | None
    scratch: Path
    scratch_bytes: int
    is_encrypted: bool = False
    is_read_back: bool = False
    public_key: Path | None = None
    is_old: bool = False
    moved: tuple[MovedTag, ...] = ()
    failed_list: Path | None = None

    @property
    def exit_code(self) -> int:
        """3 if the bundle lacks images that were asked for."""
        return EXIT_PARTIAL if self.manifest.missing else 0


def export(request: ExportRequest, run: Run) -> ExportResult:
    """Makes a bundle, or goes on with one that was begun.

    Raises:
        Misuse: A flag, a list or the key is wrong, or differs from what was begun.
        Unavailable: Another process makes this bundle.
        BundlerError: An image cannot be resolved or fetched (all of them in one `Several`), or the bundle cannot be
            written. Nothing is sealed then.
    """
    key = _signing_key(request, run)
    images = read_lists(request.lists, name=request.name, platforms=request.platforms)
    if images.name is None:
        images = _named(images, request.lists, run)
    assert images.name is not None
    partial = PartialFolder(request.output, images.name, secrets=_secrets(request.output))
    if request.key_path is not None:
        refuse_on_medium(request.key_path, (partial.path, partial.final_path))
    if request.is_dry_run:
        return _export(request, images, partial, key, None, run)
    partial.begun()
    passphrase = _bundle_passphrase(request, run)
    partial.hold()
    try:
        if request.is_restarted:
            partial.discard()
        elif request.is_passphrase_new and partial.is_finished:
            raise finished_already(partial.final_path)  # nobody can open it to compare
        elif request.is_passphrase_new and partial.has_leftovers:
            run.listener(Noticed("begun anew: nobody knows the passphrase that was made for what is there"))
            partial.discard()
        return _export(request, images, partial, key, passphrase, run)
    finally:
        partial.close()


def _named(images: ImageList, lists: tuple[str, ...], run: Run) -> ImageList:
    """The images, with a name for their bundle after the one place that they come from.

    Raises:
        Misuse: There is none.
    """
    name = name_after(lists)
    if name is None:
        raise Misuse("the bundle has no name", hint="give one with --name, or name: in the list")
    run.listener(Noticed(text("the bundle is called {name}; --name gives it another name", name=name)))
    return replace(images, name=name)


def _secrets(output: Path) -> Path | None:
    """Where this user keeps the secrets of journals: never on a medium, which others get into their hands."""
    state = places.state_folder()
    return None if state is None or on_one_medium(state, output) else state / "exports"


def _export(
    request: ExportRequest,
    images: ImageList,
    partial: PartialFolder,
    key: PrivateKey | None,
    passphrase: str | None,
    run: Run,
) -> ExportResult:
    assert images.name is not None
    kept = _kept_documents(request)
    stores = Stores(_network(request, images), paces_of(run), kept, run.listener)
    scratch = Scratch(request.scratch, is_measuring=request.is_dry_run)
    index_files(images.entries, stores, run)
    entries = _selected(expanded(images.entries, stores), request.selection, run)
    options = _options(request, key)
    begun = ResumeState(partial, entries, options, request.created, run, skips_missing=request.skips_missing)
    absent = make_ready(entries, stores, scratch, run, layer_compression=request.layer_compression)
    notice_originals(entries, stores, run)
    documents = Documents()
    resolving = _Resolving(entries, stores, begun, absent, documents, run, request)
    try:
        found = resolving.all()
    finally:
        if kept is not None:
            kept.prune()
    plan = plan_bundle(
        tuple(found.images.values()),
        name=images.name,
        created=begun.created,
        tool=begun.tool,
        signed=key is not None,
        chunk_size_bytes=request.chunk_size_bytes,
        archive=request.archive,
        missing=tuple(found.missing.values()),
    )
    result = ExportResult(
        path=partial.final_path,
        manifest=plan.manifest,
        key_id=key.id if key else None,
        key_path=request.key_path,
        bundle_id=None,
        scratch=request.scratch,
        scratch_bytes=scratch.peak_bytes,
        is_encrypted=request.is_encrypted,
        public_key=public_half(request.key_path, key) if request.key_path and key else None,
        moved=found.moved,
    )
    if partial.is_finished:
        if request.is_encrypted and passphrase is None:
            raise finished_already(partial.final_path)  # a dry run asks for no passphrase
        finished = finished_export(partial.final_path, Wanted(plan.manifest, key, passphrase), scratch, run)
        partial.take_finished()
        result = replace(result, manifest=finished.manifest, bundle_id=finished.bundle_id, is_old=True)
        return _with_list(result, request, found.missing)
    manifest, bundle_id, is_read_back = plan.manifest, None, False
    _check_file_size(request.output, manifest)
    begun.settle(manifest, {entry: image.source_digest for entry, image in found.images.items()}, found.missing)
    documents.keep_made(plan.contents)
    blob_index = BlobIndex(documents, tuple(found.images.values()), tuple(found.images), stores)
    missing = found.missing
    del plan, found, resolving  # what is still needed of them is in the manifest, the documents and the blob_index
    writer = _writer(request, partial, manifest, passphrase)
    if request.is_dry_run:
        check_space(_existing(request.output), manifest.size_bytes)
    else:
        is_read_back = is_removable(request.output) if request.is_read_back is None else request.is_read_back
        try:
            begun.begin(writer, manifest.size_bytes)
            _copy(manifest, blob_index, writer, run, output=request.output)
            del documents, blob_index, stores  # as large as all that sealing needs
            manifest, bundle_id = _sealed(writer, key, run, is_read_back=is_read_back)
        finally:
            writer.close()
    result = replace(
        result,
        manifest=manifest,
        bundle_id=bundle_id,
        scratch_bytes=scratch.peak_bytes,
        is_read_back=is_read_back,
    )
    return _with_list(result, request, missing)


def _with_list(result: ExportResult, request: ExportRequest, missing: Mapping[Entry, MissingImage]) -> ExportResult:
    """The result, with the list of what the bundle lacks."""
    if not missing or request.is_dry_run:
        return result
    return replace(result, failed_list=write_list(request.output, result.manifest.name, missing.items()))


def _network(request: ExportRequest, images: ImageList) -> NetworkOptions:
    """How to reach registries, with the login that was given.

    Raises:
        Misuse: There is more than one registry that it may be for, or none.
    """
    if request.login is None:
        return request.network
    sources = [entry.source for entry in images.entries]
    registries = sorted({each.reference.registry for each in sources if isinstance(each, RegistryImage)})
    if len(registries) != 1:
        raise Misuse(
            "--username is for one registry, and the images come from others too",
            expected="one",
            actual=", ".join(registries) or "none",
            hint="log in to each: docker, podman or skopeo login HOST; or set REGISTRY_AUTH_FILE",
        )
    return replace(request.network, credentials={registries[0]: request.login})


def _check_file_size(output: Path, manifest: BundleManifest) -> None:
    """Makes sure, before anything is written, that the file system takes files as large as the chunks.

    Raises:
        Misuse: It does not.
    """
    limit_bytes = largest_file_bytes(output)
    largest = max(manifest.chunks, key=lambda chunk: chunk.size_bytes)
    if limit_bytes is not None and largest.size_bytes > limit_bytes:
        raise Misuse(
            "the file system takes no file of this size",
            subject=f"{output}/{manifest.name}/{largest.file}",
            expected=text("at most {limit_bytes:,} bytes", limit_bytes=limit_bytes),
            actual=text("{size:,} bytes", size=largest.size_bytes),
            hint="use --chunk-size fat32",
        )


def _options(request: ExportRequest, key: PrivateKey | None) -> dict[str, str]:
    """What makes a difference to the bundle beside its images, in words."""
    return {
        "--chunk-size": str(request.chunk_size_bytes),
        "--format": request.archive.name,
        "--encrypt": "yes" if request.is_encrypted else "no",
        "--key": key.id if key else "none",
        "--layer-compression": request.layer_compression,
    }


def _selected(entries: tuple[Entry, ...], selection: Selection, run: Run) -> tuple[Entry, ...]:
    chosen = selected([entry.reference for entry in entries], selection, run)
    return tuple(entry for entry in entries if entry.reference in chosen)


def _writer(request: ExportRequest, partial: PartialFolder, manifest: BundleManifest, passphrase: str | None) -> Writer:
    if request.archive is TAR:
        return BundleWriter(partial, manifest)
    return SevenZipWriter(partial, manifest, passphrase)


def _bundle_passphrase(request: ExportRequest, run: Run) -> str | None:
    """The passphrase, if one is needed. 7z derives keys without salt, so a weak one is guessed for all bundles at once.

    Raises:
        Misuse: There is none, and nobody to ask for it.
    """
    if not request.is_encrypted:
        return None
    passphrase = request.bundle_passphrase()
    if len(passphrase) < SHORT_PASSPHRASE_CHARACTERS:
        run.listener(
            Noticed(
                text(
                    "the passphrase has fewer than {short_passphrase_characters} characters and can be "
                    "guessed; --generate-passphrase makes a strong one",
                    short_passphrase_characters=SHORT_PASSPHRASE_CHARACTERS,
                )
            )
        )
    return passphrase


def _sealed(writer: Writer, key: PrivateKey | None, run: Run, *, is_read_back: bool) -> tuple[BundleManifest, str]:
    """Seals the bundle; returns the manifest as it was written, and the bundle's id."""
    read_back = (
        ReadingBack(jobs=run.jobs, listener=run.listener, cancellation=run.cancellation) if is_read_back else None
    )
    title = "sealing, reading back" if is_read_back else "sealing"
    run.listener(PhaseBegan(title, writer.size_bytes if is_read_back else 0, in_bytes=True))
    sealed = writer.seal(key, read_back=read_back)
    run.listener(PhaseEnded(title))
    return sealed


def _signing_key(request: ExportRequest, run: Run) -> PrivateKey | None:
    if request.is_unsigned:
        if request.key_path:
            raise Misuse("--key and --unsigned contradict each other")
        return None
    if request.key_path is None:
        raise Misuse(
            "a bundle is signed: --key is missing",
            hint="make a key with: bundler keygen NAME, then give --key NAME.key",
        )
    return read_private_key(request.key_path, request.key_passphrases, run.listener)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the images of an export are, and which of them are not there; in the order of the list."""

    images: dict[Entry, ResolvedImage]
    moved: tuple[MovedTag, ...]
    missing: dict[Entry, MissingImage]


class _Resolving:
    """Resolves all images of an export. What is read or made for that goes to the documents."""

    def __init__(
        self,
        entries: Sequence[Entry],
        stores: Stores,
        begun: ResumeState,
        absent: Mapping[ArchiveImage | DaemonImage, Absent],
        documents: Documents,
        run: Run,
        request: ExportRequest,
    ) -> None:
        self._entries = entries
        self._stores = stores
        self._begun = begun
        self._absent = absent
        self._documents = documents
        self._run = run
        self._request = request
        self._images: dict[Entry, ResolvedImage] = {}
        self._moved: dict[Entry, MovedTag] = {}

    def all(self) -> _Found:
        """What was found.

        Raises:
            BundlerError: Images cannot be resolved; all of them are named. Those that are not there are no error where
                they may be gone without, unless no other is left.
        """
        missing = {entry: image for entry in self._entries if (image := self._begun.missing(entry))}
        asked = [entry for entry in self._entries if entry not in missing]
        self._run.listener(PhaseBegan("resolving", len(asked), in_bytes=False))
        failed = dict(ask_all(asked, self._resolve, self._run))
        self._run.listener(PhaseEnded("resolving"))
        skipped = [entry for entry, error in failed.items() if self._request.skips_missing and is_missing(error)]
        if self._images and len(skipped) == len(failed):
            missing |= {entry: missing_image(entry, failed[entry]) for entry in skipped}
        else:
            ordered = [(entry, failed[entry]) for entry in asked if entry in failed]
            raise _not_resolved(ordered, len(self._images), is_kept=self._stores.keeps_documents)
        self._notice_made()
        return _Found(
            {entry: self._images[entry] for entry in asked if entry in self._images},
            tuple(self._moved[entry] for entry in asked if entry in self._moved),
            {entry: missing[entry] for entry in self._entries if entry in missing},
        )

    def _resolve(self, entry: Entry) -> None:
        source_place = entry.source
        if isinstance(source_place, (ArchiveImage, DaemonImage)) and source_place in self._absent:
            raise self._absent[source_place]

        def once() -> Resolved:
            source, name = self._stores.source(entry.source)

            def read_blob(descriptor: Descriptor) -> bytes:
                read = partial(read_small_blob, descriptor, source, self._run, peer=peer_of(entry))
                return self._stores.read_config(entry.source, descriptor, read)

            begun = self._begun.digest_of(entry)
            return resolve_image(entry, name, source, read_blob, self._run.listener, begun=begun)

        found = retrying(once, self._run, subject=str(entry.reference), peer=peer_of(entry))
        if self._stores.is_repacked(entry.source):
            found.image = replace(found.image, repacked=self._request.layer_compression)
        self._documents.keep_read(found.documents)
        self._documents.keep_made(found.made)
        self._images[entry] = found.image
        if found.moved_to is not None:
            self._moved[entry] = MovedTag(entry.reference, found.image.source_digest, found.moved_to)
        self._run.listener(Moved(1))

    def _notice_made(self) -> None:
        for entry in self._entries:
            image = self._images.get(entry)
            if image is not None and image.made_from and image.root.is_index:
                self._run.listener(
                    Noticed(
                        text(
                            "{reference}: its index was made anew for the chosen platforms; its digest is not the"
                            " source's, those of the platforms are",
                            reference=entry.reference,
                        )
                    )
                )


def _not_resolved(failed: Sequence[tuple[Entry, BundlerError]], resolved: int, *, is_kept: bool) -> BundlerError:
    """One error for all images."""
    pauses = _pauses(error for _, error in failed)
    errors = [_of_image(error, entry) for entry, error in failed if not isinstance(error, AskedToWait)]
    count, total = len(failed), len(failed) + resolved
    if not pauses:
        message = text("{count} of {total} images cannot be resolved; nothing was exported", count=count, total=total)
    elif is_kept:
        message = text(
            "{resolved} of {total} images are resolved and kept for the next run; nothing was exported",
            resolved=resolved,
            total=total,
        )
    else:
        message = text(
            "{resolved} of {total} images are resolved, but no cache folder keeps them; nothing was exported",
            resolved=resolved,
            total=total,
        )
    hint = pauses[0].hint if pauses else None
    if not pauses and resolved and all(is_missing(error) for error in errors):
        hint = "mend the list; or go without them: --skip-missing"
    return Several(message, [*errors, *pauses], hint=hint)


def _pauses(errors: Iterable[BundlerError]) -> list[BundlerError]:
    """The long pauses that registries ask for: each is told once, however many images wait for it."""
    return list({error.subject: error for error in errors if isinstance(error, AskedToWait)}.values())


def _kept_documents(request: ExportRequest) -> KeptDocuments | None:
    """What earlier exports have read. Never on a medium: it would travel along, and tell what else was asked for."""
    folder = places.cache_folder()
    if folder is None or folder.is_relative_to(request.output.absolute()) or is_removable(folder):
        return None
    return KeptDocuments(folder)


def _copy(manifest: BundleManifest, blob_index: BlobIndex, writer: Writer, run: Run, *, output: Path) -> None:
    blobs = manifest.blobs
    tally = Tally((blobs[number].descriptor.digest for number in image.needs) for image in manifest.images)
    counted = replace(run, listener=counting(run.listener, tally))
    if isinstance(writer, BundleWriter):
        # Media that are carried are written one file after the other: many of them are slow when they have to jump.
        holes = has_sparse_files(output)
        everything = writer.in_lanes(run.jobs if holes and not is_removable(output) else 1, has_sparse_files=holes)
        total = sum(stored.size_bytes for stored in everything)
        run.listener(PhaseBegan("copying", total, in_bytes=True, images=tally.images))
        copies = (blob_index.copy(stored, writer) for stored in everything)
        failed = copy_blobs(copies, counted, ordered_workers=max(run.jobs, SMALL_WORKERS)).failed
    else:
        groups = [[blob_index.copy(stored, group) for stored in group.stored] for group in writer.groups]
        total = sum(copy.descriptor.size_bytes for group in groups for copy in group)
        run.listener(PhaseBegan("copying", total, in_bytes=True, images=tally.images))
        failed = copy_wholes(groups, counted).failed
    run.listener(PhaseEnded("copying"))
    if failed:
        raise _not_copied(failed, manifest)


def _of_image(error: BundlerError, entry: Entry) -> BundlerError:
    if error.subject is None or str(entry.reference) not in error.subject:
        error.subject = f"{entry.reference}" + (f" ({error.subject})" if error.subject else "")
    return error


def _not_copied(failed: Sequence[tuple[BlobCopy, BundlerError]], manifest: BundleManifest) -> BundlerError:
    """One error for all copies that failed. What this machine could not store is one failure, not one for each blob."""
    for _, error in failed:
        if isinstance(error, LocalStorage):
            return error
    users = manifest.users()
    errors = _pauses(error for _, error in failed)
    for copy, error in failed:
        if isinstance(error, AskedToWait):
            continue
        images = users.get(copy.descriptor.digest, [])
        needed = some(images, most=5)
        error.message = text("{reason}; needed by {images}", reason=error.message, images=needed)
        errors.append(error)
    count = len(failed)
    return Several(text("{count} blobs could not be fetched; nothing was sealed", count=count), errors)


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.absolute().parent)
