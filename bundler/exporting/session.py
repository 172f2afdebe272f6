"""The session of an export: what all of its stages share, and the lock on the folder that the bundle is made in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bundler.bundle.bundle_place import BundlePlace, finished_already
from bundler.bundle.medium import on_one_medium
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import NO_TOOL, Tool, read_tool
from bundler.core.archive_kind import TAR
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.image_list import ImageList, ListEntry, NoImage
from bundler.core.policies import LAYER_COMPRESSIONS
from bundler.core.s3_path import S3Path
from bundler.core.shard import Shard
from bundler.errors import Misuse
from bundler.exporting.lists import name_after, notice_no_images, read_lists
from bundler.exporting.media import place_of
from bundler.exporting.request import ExportRequest
from bundler.keys.private_key import read_private_key, refuse_on_medium
from bundler.run import Run
from bundler.system import places
from bundler.system.bundle_paths import locals_of
from bundler.system.scratch import Scratch
from bundler.texts import text

SHORT_PASSPHRASE_CHARACTERS = 12


@frozen
class Session:
    """A request that can be worked on.

    Attributes:
        request: The request.
        run: The run that this is part of.
        name: The bundle's name.
        listed: The content of the lists.
        key: The key that signs; None for an unsigned bundle.
        passphrase: The passphrase that encrypts; None for a bundle that is not encrypted, and in a dry run.
        folder: The place that the bundle is made in; held, except in a dry run.
        scratch: The place for temporary data.
        tool: The tool that the bundle carries. The run that seals decides about it, so no journal has it.
        no_images: The parts of the lists that are no images.
        signer: The id of the key that signs, or will sign what shards make; None for an unsigned bundle.
    """

    request: ExportRequest
    run: Run
    name: str
    listed: tuple[ListEntry, ...]
    key: PrivateKey | None
    passphrase: str | None
    folder: BundlePlace
    scratch: Scratch
    tool: Tool = NO_TOOL
    no_images: tuple[NoImage, ...] = ()
    signer: str | None = None


@contextmanager
def started(request: ExportRequest, run: Run) -> Iterator[Session]:
    """Starts a session: checks the request, reads key and lists, asks for the passphrase, takes the lock.

    The lock is held until the context ends. A dry run takes no lock, asks for no passphrase and changes nothing.

    Raises:
        Misuse: The request, a list, the key or the tool is wrong; or what is in the output folder is not ours.
        Damaged, Incomplete: The tool is not what its SHA256SUMS says.
        Unavailable: Another process makes this bundle.
        LocalStorage: The output folder cannot be written.
    """
    session = _checked(request, run)
    if request.is_dry_run:
        _check_links(request)
        yield session
        return
    folder = session.folder
    folder.read_journal()  # refuses files of other programs before the user types a passphrase
    session = replace(session, passphrase=_bundle_passphrase(request, run))
    folder.hold()
    try:
        if not folder.is_finished:
            _check_links(request)
        _discard_unusable(session)
        yield session
    finally:
        folder.release()


def _checked(request: ExportRequest, run: Run) -> Session:
    if request.is_restarted and request.is_dry_run:
        raise Misuse("--restart deletes partial state, and --dry-run changes nothing; give one of them")
    if request.seals and request.resolved is None:
        raise Misuse("--seal needs the file of --resolve-only in place of lists")
    if not request.lists and not request.images:
        raise Misuse.of_field("lists", expected=">= 1", actual="0")
    if request.layer_compression not in LAYER_COMPRESSIONS:
        raise Misuse.of_field(
            "layer_compression", expected=", ".join(LAYER_COMPRESSIONS), actual=repr(request.layer_compression)
        )
    if request.is_encrypted and request.archive_kind is TAR:
        raise Misuse("--encrypt needs --format 7z, not tar")
    if isinstance(request.output, S3Path):
        _check_for_s3(request)
    if request.parity is not None:
        _check_parity(request)
    key = None if request.shard is not None else _signing_key(request, run)
    signer = key.id if key else None
    if request.resolved is not None:
        request.resolved.refuse_other_signer(key)
        signer = request.resolved.export.key_id if request.shard is not None else signer
    images = ImageList(request.name, request.images)
    if request.lists:
        images = read_lists(request.lists, name=request.name, platforms=request.platforms, variables=request.variables)
        notice_no_images(images.no_images, run.listener)
    name = images.name or _name_of_source(request, run)
    folder = folder_of(request, f"{name}.{_ending(request.shard)}" if request.shard is not None else name)
    if request.key_path is not None:
        further = (output / name for output in request.further_outputs)
        refuse_on_medium(request.key_path, locals_of((folder.path, folder.final_path, *further)))
    scratch = Scratch(request.scratch, is_measuring=request.is_dry_run)
    tool = NO_TOOL if request.tool is None else read_tool(request.tool, lambda _: run.cancellation.check())
    return Session(request, run, name, images.entries, key, None, folder, scratch, tool, images.no_images, signer)


def _ending(shard: Shard) -> str:
    """The ending of the folder with the chunks of a shard."""
    return f"shard-{shard.number}-of-{shard.count}"


def folder_of(request: ExportRequest, name: str) -> BundlePlace:
    """The place that a bundle of a request is made in.

    Raises:
        Misuse: As `bundler.exporting.media.place_of`.
    """
    return place_of(request, name, _secrets(request.outputs))


def _signing_key(request: ExportRequest, run: Run) -> PrivateKey | None:
    if request.is_unsigned:
        if request.key_path:
            raise Misuse("--key and --unsigned cannot be used together")
        return None
    if request.key_path is None:
        raise Misuse(
            "--key is missing: a bundle must be signed",
            hint="make a key with: bundler keygen NAME, then give --key NAME.key",
        )
    return read_private_key(request.key_path, request.key_passphrases, run.listener)


def _check_for_s3(request: ExportRequest) -> None:
    """Refuses what only folders can have.

    Raises:
        Misuse: It was asked for.
    """
    for_media = {
        text("several -o"): bool(request.further_outputs),
        "--medium-size": request.medium_size_bytes is not None,
        "--parity": request.parity is not None,
    }
    by_7z = {
        "--format 7z": request.archive_kind is not TAR and not request.is_encrypted,
        "--encrypt": request.is_encrypted,
    }
    for option, is_asked in for_media.items():
        if is_asked:
            raise Misuse(
                text("{option} is for media: a store keeps spare copies by itself", option=option),
                subject=str(request.output),
                hint="export without it; for media copy the bundle into a folder, then bundler spread or parity",
            )
    for option, is_asked in by_7z.items():
        if is_asked:
            raise Misuse(
                text("{option} needs a folder: 7-Zip goes back in the files that it writes", option=option),
                subject=str(request.output),
                hint="export into a folder, and copy it with: aws s3 cp --recursive",
            )


def _check_parity(request: ExportRequest) -> None:
    """Checks before the long work that parity can be made.

    Raises:
        Misuse: There is no program ``par2``, or the size of a medium is missing.
    """
    from bundler.system.par2_program import find_par2

    find_par2()
    has_media = request.further_outputs or request.medium_size_bytes is not None
    if request.parity is not None and request.parity.needs_media and not has_media:
        raise Misuse(
            "--parity 1medium needs --medium-size SIZE, or several -o DIR",
            hint="or give the size of the medium that may be lost: --parity 1medium:bd25",
        )


def _check_links(request: ExportRequest) -> None:
    """Checks that ``par2``, which reads one folder, can get the chunks of all media there: by hard links.

    A dry run compares only the file systems, because it writes nothing.

    Raises:
        Misuse: It cannot.
    """
    if request.parity is None or not (request.further_outputs or request.medium_size_bytes is not None):
        return
    if request.is_dry_run:
        is_possible = not request.further_outputs or len({os.stat(output).st_dev for output in request.outputs}) == 1
    else:
        from bundler.bundle.parity_media import share_links

        is_possible = share_links(request.outputs)
    if not is_possible:
        raise Misuse(
            "--parity needs all chunks in one folder, or media on one file system with hard links",
            hint="export into one folder with --parity, then: bundler spread BUNDLE -o DIR",
        )


def _name_of_source(request: ExportRequest, run: Run) -> str:
    """A name for the bundle, after the one place that its images come from.

    Raises:
        Misuse: They come from several places, or the place gives no name.
    """
    name = name_after(request.lists)
    if name is None:
        raise Misuse("the bundle has no name", hint="give one with --name, or name: in the list")
    run.listener(Noticed(text("the name of the bundle is {name}; choose another name with --name", name=name)))
    return name


def _secrets(outputs: Iterable[Path]) -> Path | None:
    """The folder for the secrets of journals; None if it would be on a medium, which others get to read."""
    state = places.state_folder()
    if state is None or any(on_one_medium(state, output) for output in outputs):
        return None
    return state / "exports"


def _bundle_passphrase(request: ExportRequest, run: Run) -> str | None:
    """The passphrase, if one is needed. 7z derives keys without salt, so a weak one is guessed for all bundles at once.

    Raises:
        Misuse: There is none, and no terminal to ask for it; or it is empty, or not Unicode text.
    """
    if not request.is_encrypted:
        return None
    passphrase = request.bundle_passphrase()
    if not passphrase:
        raise Misuse("the passphrase is empty")
    if any("\ud800" <= character <= "\udfff" for character in passphrase):
        raise Misuse("the passphrase is not UTF-8 text")  # a terminal gave bytes, which Python keeps as surrogates
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


def _discard_unusable(session: Session) -> None:
    """Discards the partial state of an earlier run, if it is not wanted or cannot be used."""
    request, folder = session.request, session.folder
    if request.is_restarted:
        folder.discard()
    elif request.is_passphrase_new and folder.is_finished:
        raise finished_already(folder.final_path)  # nobody can open it to compare
    elif request.is_passphrase_new and folder.has_partial:
        session.run.listener(
            Noticed("started again: the passphrase that was generated for the partial state is unknown")
        )
        folder.discard()
