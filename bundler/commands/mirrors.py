"""``bundler mirrors``: writes the files with which clusters pull images from a mirror under their original names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.given_repositories import is_below
from bundler.core.limits import CERTIFICATES_BYTES
from bundler.core.location import REGISTRY, RegistryPlace, Target
from bundler.core.manifest import BundleManifest
from bundler.core.mapping import Naming, target_names
from bundler.core.mirrors.files import Mirror, MirrorFile, MirrorFiles
from bundler.core.mirrors.kustomize import KIND as KUSTOMIZE
from bundler.core.mirrors.placed import NotMirrored, PlacedImage
from bundler.core.mirrors.table import MIRROR_KINDS, mirror_files
from bundler.core.naming_rules import NO_RULES, NamingRules
from bundler.core.policies import KEEP
from bundler.core.receipt import Receipt, ReceiptTarget
from bundler.core.reference import Reference, is_loopback, is_one_of, one_spelling
from bundler.core.s3_path import S3Path
from bundler.core.statement import Statement
from bundler.errors import EXIT_PARTIAL, BundlerError, Damaged, LocalStorage, Misuse
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.signed_files import Demand
from bundler.keys.statements import read_statement
from bundler.run import Run
from bundler.system.bundle_paths import BundlePath
from bundler.system.durable_files import write_at_once
from bundler.system.files import holds
from bundler.system.given_files import read_given
from bundler.system.request_fields import Request, complete, optional
from bundler.texts import some, text
from bundler.transports.parsing import target_of

_PLACED = frozenset({"pushed", "present"})
"""The outcomes of images that a registry has. A skipped tag names another image."""


@frozen
class MirrorsRequest(Request):
    """The request of ``bundler mirrors``.

    Attributes:
        path: A receipt, or the folder of a bundle, or its place in S3.
        output: The folder for the files.
        kinds: The kinds of files, some of `MIRROR_KINDS`.
        target: The registry that clusters pull from. It may be None for a receipt of one registry.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept a receipt or bundle without a trusted signature.
        unlocking: Opens an encrypted bundle.
        mapping: For a bundle: the names at the registry, as for an import.
        rules: For a bundle: the rules for names, as for an import.
        plain_http: The registries that speak HTTP without TLS, besides those of this machine.
        ca_certificate: The certificate authorities of the registry, PEM; they are written with the files.
    """

    path: BundlePath
    output: Path
    kinds: tuple[str, ...]
    target: Target | None = None
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    unlocking: Unlocking = LOCKED
    mapping: str = KEEP
    rules: NamingRules = NO_RULES
    plain_http: frozenset[str] = frozenset()
    ca_certificate: Path | None = None

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, target=optional(target_of))


@frozen
class WrittenMirrorFile:
    """A file that is there now; ``is_old`` is True if it was there before, with the same content."""

    path: Path
    is_old: bool


@frozen
class WrittenMirrors:
    """The files of one kind.

    Attributes:
        kind: The kind.
        files: The files; none if the kind can serve no image.
        not_mirrored: The images that it cannot serve under their original names, with the reasons.
    """

    kind: str
    files: tuple[WrittenMirrorFile, ...]
    not_mirrored: tuple[NotMirrored, ...]


@frozen
class MirrorsResult:
    """The result of ``bundler mirrors``.

    Attributes:
        statement: The receipt or bundle, without its content.
        kind: ``receipt`` or ``bundle``.
        signers: The key ids of the trusted keys that have signed it; empty if no signature was checked.
        registry: The registry that clusters pull from.
        images: The number of images there.
        written: The files, by kind.
        unreached: The images that no file serves and that Kustomize cannot rename.
    """

    statement: str
    kind: str
    signers: tuple[str, ...]
    registry: str
    images: int
    written: tuple[WrittenMirrors, ...]
    unreached: tuple[NotMirrored, ...]

    @property
    def exit_code(self) -> int:
        """Partial if an image can be pulled from the mirror in no way that was asked for; else 0."""
        return EXIT_PARTIAL if self.unreached else 0


def mirrors(request: MirrorsRequest, run: Run | None = None) -> MirrorsResult:
    """Writes the files with which clusters pull images from a mirror under their original names.

    A receipt has the names that images really got; for a bundle they are made as an import makes them. Nothing is
    written if one of the files exists with other content.

    Args:
        request: The receipt or bundle, the registry, the kinds of files, and the folder for them.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There is no such receipt or bundle, it has no image at the registry, a kind is unknown, or a file
            exists with other content.
        Untrusted: No trusted key has signed it.
        Damaged, Incomplete, Refused, Unavailable: It cannot be read.
        LocalStorage: A file cannot be written.
    """
    if not request.kinds or not set(request.kinds) <= set(MIRROR_KINDS):
        raise Misuse.of_field("kinds", expected=", ".join(MIRROR_KINDS), actual=", ".join(request.kinds) or "none")
    statement = _statement(request, run)
    registry, images = _placed(statement, request)
    made = mirror_files(images, _mirror(registry, request), request.kinds)
    _refuse_other_content(request.output, made)
    return MirrorsResult(
        statement=statement.id,
        kind=statement.kind,
        signers=statement.signers,
        registry=registry,
        images=len(images),
        written=tuple(_written(request.output, each) for each in made),
        unreached=_unreached(made),
    )


def _statement(request: MirrorsRequest, run: Run | None) -> Statement:
    """A bundle needs a trusted signature as for an import; a receipt needs one if any key is trusted here."""
    demand = Demand.of(is_without_signature=request.is_without_signature)
    is_bundle = isinstance(request.path, S3Path) or request.path.is_dir()
    if is_bundle and demand is not Demand.IGNORED:
        demand = Demand.REQUIRED
    return read_statement(request.path, request.trust, demand=demand, unlocking=request.unlocking, run=run)


def _placed(statement: Statement, request: MirrorsRequest) -> tuple[str, tuple[PlacedImage, ...]]:
    match statement.document:
        case Receipt() as receipt:
            registry, images = _of_receipt(receipt, request)
        case BundleManifest() as manifest:
            registry, images = _of_bundle(manifest, request)
        case _:
            raise Misuse(
                "an inventory does not know the original names of images",
                subject=str(request.path),
                hint="give the receipt of the import, or the bundle",
            )
    if not images:
        raise Misuse("no image is there", subject=f"{request.path}: {registry}")
    return registry, tuple(images)


def _of_receipt(receipt: Receipt, request: MirrorsRequest) -> tuple[str, list[PlacedImage]]:
    """The images that an import left at a registry, under the names that they got."""
    targets = [each for each in receipt.targets if each.kind == REGISTRY]
    wanted = _place_of(request.target) if request.target is not None else None
    chosen = [each for each in targets if wanted is None or _is_at(each, wanted)]
    hosts = [each.target.partition("/")[0] for each in chosen]
    registries = {one_spelling(host): host for host in reversed(hosts)}  # a merged receipt may have several spellings
    if len(registries) != 1:
        raise Misuse(
            "the receipt has images at several registries" if registries else "the receipt has no images there",
            subject=f"--to {request.target}" if wanted is not None else str(request.path),
            expected=some(each.target for each in targets) if targets else text("a registry"),
            actual=str(request.target) if wanted is not None else None,
            hint="name one of them with --to" if targets else "give the receipt of an import into a registry",
        )
    try:
        images = [
            PlacedImage(
                Reference.parse(each.reference),
                Reference.parse(each.name),
                Digest.parse(each.read_back or each.digest),  # a daemon on the way makes manifests of its own
            )
            for target in chosen
            for each in target.images
            if each.outcome in _PLACED
        ]
    except BundlerError as error:
        raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=str(request.path)) from error
    return hosts[0], images


def _is_at(target: ReceiptTarget, wanted: RegistryPlace) -> bool:
    """True if a target is the wanted registry, and below the wanted prefix."""
    registry, _, prefix = target.target.partition("/")
    return one_spelling(registry) == one_spelling(wanted.registry) and is_below(prefix, wanted.prefix)


def _of_bundle(manifest: BundleManifest, request: MirrorsRequest) -> tuple[str, list[PlacedImage]]:
    """The images of a bundle, under the names that an import gives them."""
    if request.target is None:
        raise Misuse("a bundle does not know its registry", subject=str(request.path), hint="give --to HOST[/PREFIX]")
    place = _place_of(request.target)
    naming = Naming(request.mapping, request.rules, manifest.name, manifest.created[:10].replace("-", ""))
    roots = {image.reference: image.root.digest for image in manifest.images}
    names = target_names(roots, request.target, naming)
    return place.registry, [PlacedImage(each, names[each], digest) for each, digest in roots.items()]


def _place_of(target: Target) -> RegistryPlace:
    if target.pushed_to is None:
        raise Misuse("clusters pull from a registry only", subject=f"--to {target}", hint="write --to HOST[/PREFIX]")
    return target.pushed_to


def _mirror(registry: str, request: MirrorsRequest) -> Mirror:
    authorities = b""
    if request.ca_certificate is not None:
        authorities = read_given(request.ca_certificate, CERTIFICATES_BYTES)
        if b"-----BEGIN CERTIFICATE-----" not in authorities or not authorities.isascii():
            raise Misuse("not a certificate in PEM format", subject=f"--cacert {request.ca_certificate}")
    is_plain = is_one_of(registry, request.plain_http) or (is_loopback(registry) and not authorities)
    return Mirror(registry, is_plain, authorities)


def _refuse_other_content(output: Path, made: Iterable[MirrorFiles]) -> None:
    """Makes sure that no file of another content is there, before the first file is written.

    Raises:
        Misuse: One is there.
    """
    for file in (file for each in made for file in each.files):
        path = output / file.path
        if os.path.lexists(path) and not holds(path, file.content):
            raise Misuse(
                "the file exists, with other content",
                subject=str(path),
                hint="compare the two; then remove the old one, or choose another folder with -o",
            )


def _written(output: Path, made: MirrorFiles) -> WrittenMirrors:
    return WrittenMirrors(made.kind, tuple(_each_written(output, made.files)), made.not_mirrored)


def _each_written(output: Path, files: Iterable[MirrorFile]) -> Iterator[WrittenMirrorFile]:
    for file in files:
        path = output / file.path
        is_old = os.path.lexists(path)
        if not is_old:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LocalStorage.unwritable(error, str(path.parent)) from error
            write_at_once(path, file.content)
        yield WrittenMirrorFile(path, is_old)


def _unreached(made: Iterable[MirrorFiles]) -> tuple[NotMirrored, ...]:
    """The images that Kustomize cannot rename: it was the last way."""
    return tuple(each for files in made if files.kind == KUSTOMIZE for each in files.not_mirrored)
