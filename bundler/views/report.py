"""What commands print when they are done: a few lines on stdout that a person can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.core.outer_manifest import OuterManifest
from bundler.texts import some
from bundler.views import media_report
from bundler.views.trust_report import fingerprint_lines
from bundler.views.words import SHOWN, count, escaped, limited, shell_word, size, table

if TYPE_CHECKING:
    from bundler.bundle.findings import Finding
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.commands.export import ExportResult
    from bundler.commands.image_file import FileResult
    from bundler.commands.inspect_ import InspectResult
    from bundler.commands.keygen import KeyPair
    from bundler.commands.sign import SignResult
    from bundler.commands.verify import VerifyResult
    from bundler.core.manifest import BundleManifest, Chunk, Image
    from bundler.stores.archive_check import ImageFacts


_UNVERIFIED = "UNVERIFIED: nothing here is vouched for by a key that is trusted here"
_SHOWN_SIGNERS = 6
NOT_SIGNED = "UNSIGNED: nobody vouches for this bundle"


def keygen_lines(pair: KeyPair) -> list[str]:
    """What ``keygen`` prints."""
    protection = "encrypted" if pair.is_encrypted else "not encrypted"
    return [
        f"key id       {pair.key_id}",
        *fingerprint_lines(pair.fingerprint, label="fingerprint  "),
        f"private key  {escaped(pair.private_path)}  (keep it secret; {protection})",
        f"public key   {escaped(pair.public_path)}  (give it to the importer, never on the same medium,",
        f"{'':{len('public key   ')}}and read out the fingerprint when they add it: bundler trust add)",
        "",
        f"next: bundler export LIST -o DIR --key {shell_word(pair.private_path)}",
    ]


def export_lines(result: ExportResult, passphrase: str | None, *, is_verbose: bool) -> list[str]:
    """What ``export`` prints; with the passphrase if it was made here, because nobody knows it yet."""
    manifest = result.manifest
    lines = [f"bundle     {escaped(result.path)}{_made_words(result)}"]
    if result.bundle_id:
        lines.append(f"id         {result.bundle_id}")
    lines.append(f"signed by  {result.key_id}" if result.key_id else f"signed by  nobody. {NOT_SIGNED}")
    if result.is_encrypted:
        lines.append("encrypted  AES-256; the passphrase opens it, and nothing else does")
    lines += _content_lines(manifest)
    if result.is_read_back:
        lines.append("medium     read back from the device, every byte is right; safe to remove once unmounted")
    if result.scratch_bytes:
        lines.append(f"scratch    {size(result.scratch_bytes)} in {escaped(result.scratch)}" + _scratch_words(result))
    if result.is_encrypted:
        largest = size(max(chunk.size_bytes for chunk in manifest.chunks))
        lines.append(f"import     needs scratch for at most one chunk per worker: {largest} each")
    if passphrase:
        lines += ["", f"passphrase {passphrase}", "           said only once: write it down, and carry it apart"]
    lines += missing_lines(manifest)
    if result.failed_list:
        lines.append(f"list       {escaped(result.failed_list)}: what it lacks, for a later export")
    lines += _moved_lines(result)
    if not result.bundle_id:
        lines += ["", *limited(_image_lines(manifest), is_verbose=is_verbose)]
        return lines
    public = shell_word(result.public_key) if result.public_key else "NAME.pub"
    trust = f"--trust {public}" if result.key_id else "--insecure-no-signature"
    secret = " --passphrase-file FILE" if result.is_encrypted else ""
    return [*lines, "", f"next: bundler verify {shell_word(result.path)} {trust}{secret}"]


def _made_words(result: ExportResult) -> str:
    if result.is_old:
        return "  (complete already: signed by this key, with this content)"
    return "" if result.bundle_id else "  (not made: --dry-run)"


def _moved_lines(result: ExportResult) -> list[str]:
    """The tags that have moved since the export was begun: the bundle has what they were then."""
    if not result.moved:
        return []
    lines = [f"  {moved.reference}  has {moved.carried}, and stands for {moved.now} now" for moved in result.moved]
    return ["", f"{count(len(result.moved), 'tag')} moved since this export was begun; --restart takes the new", *lines]


def _scratch_words(result: ExportResult) -> str:
    why = "for layers that were compressed or unpacked"
    return f" {why}, freed again" if result.bundle_id else f" will be needed {why}"


def inspect_lines(result: InspectResult) -> list[str]:
    """What ``inspect`` prints."""
    bundle = result.bundle
    manifest = bundle.manifest
    is_verified = not result.trust_problem and bundle.sealed.signers
    lines = [] if is_verified else [_UNVERIFIED, ""]
    lines += [
        f"bundle     {manifest.name}, made {escaped(manifest.created)} by {escaped(manifest.tool)}",
        f"id         {bundle.id}",
        f"signature  {_signature_words(result)}",
        *_bad_lines(bundle),
        *(f"           {escaped(error)}" for error in bundle.sealed.others[:_SHOWN_SIGNERS]),
        *(f"           unknown key {signer}" for signer in result.unknown_signers[:_SHOWN_SIGNERS]),
    ]
    if len(result.unknown_signers) > _SHOWN_SIGNERS:
        lines.append(f"           and {len(result.unknown_signers) - _SHOWN_SIGNERS:,} more")
    if isinstance(manifest, OuterManifest):
        lines += [
            "content    ENCRYPTED: give --passphrase-file FILE to see what is in it",
            _chunks_line(manifest.chunks, manifest.chunk_size_bytes),
        ]
    else:
        lines += ["content    encrypted, opened"] if bundle.is_encrypted else []
        lines += [*_content_lines(manifest), *missing_lines(manifest), "", *_image_lines(manifest)]
    lines += ["", "chunks", *_chunk_lines(result), *media_report.media_lines(bundle, result.litter)]
    return lines if is_verified else [*lines, "", _UNVERIFIED]


def names_of(result: InspectResult) -> list[str]:
    """What ``inspect --quiet`` prints: the references, if they are known."""
    manifest = result.bundle.manifest
    return [] if isinstance(manifest, OuterManifest) else [str(image.reference) for image in manifest.images]


def verify_lines(result: VerifyResult, *, is_verbose: bool) -> list[str]:
    """What ``verify`` prints."""
    bundle = result.bundle
    total = size(bundle.manifest.size_bytes)
    signer = ", ".join(bundle.sealed.signers)
    lines = [f"signature  good, by {signer}" if signer else f"signature  {unchecked(bundle)}", *_bad_lines(bundle)]
    lines += [*media_report.presence_lines(result), *media_report.media_lines(bundle, result.litter)]
    manifest = bundle.manifest
    if isinstance(manifest, OuterManifest):
        if not result.findings:
            lines.append(f"files      good: {count(len(manifest.chunks), 'chunk')}, {total}")
        lines.append("content    NOT OPENED: it is encrypted; with --passphrase-file FILE each blob is checked too")
        return [*lines, *_findings_of(result, "files", is_verbose=is_verbose)]
    if not result.findings:
        images, chunks = len(manifest.images), len(manifest.chunks)
        lines.append(f"content    good: {count(images, 'image')}, {count(chunks, 'chunk')}, {total}")
        return [*lines, *missing_lines(manifest)]
    return [*lines, *_findings_of(result, "content", is_verbose=is_verbose), *missing_lines(manifest)]


def sign_lines(result: SignResult, *, is_verbose: bool) -> list[str]:
    """What ``sign`` prints: what was signed, or what keeps it from being signed."""
    bundle = result.verified.bundle
    lines = [
        f"bundle     {bundle.manifest.name}",
        f"id         {bundle.id}",
        *verify_lines(result.verified, is_verbose=is_verbose),
    ]
    if result.verified.findings:
        return [*lines, "", f"NOT SIGNED by {result.key_id}: something is wrong with the bundle"]
    if not isinstance(bundle.manifest, OuterManifest):
        lines += ["", *limited(_image_lines(bundle.manifest), is_verbose=is_verbose)]
    verdict = "signed by" if result.written else "signed already by"
    return [*lines, "", f"{verdict} {result.key_id}", *(f"  {escaped(file)}" for file in result.files)]


def bad_signer_words(bundle: Bundle | LockedBundle) -> list[str]:
    """What is said of trusted keys whose signature is no good, though others signed enough."""
    return [f"WARNING: the signature by {signer} does not fit" for signer in bundle.sealed.bad_signers]


def _bad_lines(bundle: Bundle | LockedBundle) -> list[str]:
    return [f"           {words}" for words in bad_signer_words(bundle)]


def _findings_of(result: VerifyResult, what: str, *, is_verbose: bool) -> list[str]:
    elsewhere = {state.chunk.file for state in result.bundle.chunks if state.is_elsewhere}
    findings = [finding for finding in result.findings if finding.file not in elsewhere]
    lines = [f"{what:10} {count(len(findings), 'finding')}"] if findings else []
    lines += finding_lines(findings, is_verbose=is_verbose)
    return [*lines, *_wanted_lines(result)]


def _wanted_lines(result: VerifyResult) -> list[str]:
    """What to bring again, as a courier takes it along: names, sizes, and what sha256sum must say."""
    if not result.wanted:
        return []
    listed, sizes = result.bundle.sealed.sums, {chunk.file: chunk.size_bytes for chunk in result.bundle.manifest.chunks}
    rows = [
        (name, size(sizes[name]) if name in sizes else "", f"sha256 {listed[name]}" if name in listed else "")
        for name in result.wanted
    ]
    return ["", f"bring again: {count(len(rows), 'file')}", *table(rows, right=[1])]


def file_lines(result: FileResult) -> list[str]:
    """What ``inspect FILE`` and ``verify FILE`` print."""
    facts = result.facts
    packed = "" if facts.file.is_plain else f", {facts.file.compression}"
    kind = "OCI image layout" if facts.is_layout else "docker save"
    lines = [f"file       {escaped(facts.file.path)}  ({size(facts.file.size_bytes)}{packed})"]
    if facts.sha256:
        told = "" if not result.expected_sha256 else ", as you said" if facts.sha256 == result.expected_sha256 else ""
        lines.append(f"sha256     {facts.sha256}{told}")
    if facts.images:
        lines.append(f"content    {kind}: {count(len(facts.images), 'image')}, {count(facts.members, 'file')}")
    for image in facts.images:
        lines += ["", *_archived_lines(image)]
    lines += ["", *(f"note: {escaped(warning)}" for warning in facts.warnings)] if facts.warnings else []
    if result.findings:
        lines += ["", f"NOT GOOD: {count(len(result.findings), 'finding')}"]
        for error in result.findings:
            lines += ["", f"  {escaped(error)}", *([f"    -> {escaped(error.hint)}"] if error.hint else [])]
        return lines
    if not result.is_checked:
        return [*lines, "", f"nothing was checked; next: bundler verify {shell_word(facts.file.path)}"]
    if not result.expected_sha256:
        return [*lines, "", "whole: every digest in it is right. Who made it, it cannot tell: compare its sha256"]
    return [*lines, "", "good: every digest in it is right, and it is the file that you named"]


def _archived_lines(image: ImageFacts) -> list[str]:
    config = image.config
    names = ", ".join(map(escaped, image.names)) or "(no name)"
    total = sum(layer.size_bytes or 0 for layer in image.layers)
    described = [
        ("image id", str(image.id)),
        ("digest", str(image.digest) if image.digest else "none: docker save keeps no manifest"),
        ("created", config.created),
        ("command", " ".join((*config.entrypoint, *config.cmd))),
        ("user", config.user),
        ("env", " ".join(config.env)),
        ("labels", " ".join(f"{name}={value}" for name, value in config.labels.items())),
    ]
    rows = [f"    {name:<9}{escaped(value[:400])}" for name, value in described if value]
    layers = [(layer.name[:19], size(layer.size_bytes or 0), escaped(layer.media_type)) for layer in image.layers]
    return [
        f"  {names}  {escaped(config.platform)}  {count(len(layers), 'layer')}, {size(total)}",
        *rows,
        *("  " + line for line in table(layers, right=[1])),
    ]


def unchecked(bundle: Bundle | LockedBundle) -> str:
    """How a bundle is called that was taken with --insecure-no-signature."""
    return "NOT CHECKED, as was asked for" if bundle.manifest.signed else f"NOT CHECKED. {NOT_SIGNED}"


def finding_lines(findings: Sequence[Finding], *, is_verbose: bool) -> list[str]:
    """What is wrong with a bundle, each with the images that it hurts."""
    lines = []
    shown = findings if is_verbose else findings[:SHOWN]
    for finding in shown:
        lines += ["", f"  {escaped(finding.error)}"]
        if finding.images:
            lines.append(f"    hurts {some(finding.images)}")
        if finding.error.hint:
            lines.append(f"    -> {escaped(finding.error.hint)}")
    if len(findings) > len(shown):
        lines += ["", f"  and {len(findings) - len(shown):,} more (--verbose lists all)"]
    return lines


def _content_lines(manifest: BundleManifest) -> list[str]:
    blobs = sum(blob.descriptor.size_bytes for blob in manifest.blobs)
    shared = _shared_bytes(manifest)
    saved = f", {size(shared)} saved by sharing" if shared else ""
    images = f"{count(len(manifest.images), 'image')}, {count(len(manifest.blobs), 'blob')}"
    return [
        f"images     {images}, {size(blobs)}{saved}",
        _chunks_line(manifest.chunks, manifest.chunk_size_bytes),
    ]


def missing_lines(manifest: BundleManifest) -> list[str]:
    """What a bundle lacks although it was asked for."""
    if not manifest.missing:
        return []
    number = count(len(manifest.missing), "image")
    rows = [(f"  {escaped(image.reference)}", escaped(image.reason)) for image in manifest.missing]
    return [f"LACKS      {number} that could not be had from their sources when it was made", *table(rows)]


def _chunks_line(chunks: tuple[Chunk, ...], limit_bytes: int) -> str:
    total = sum(chunk.size_bytes for chunk in chunks)
    return f"chunks     {count(len(chunks), 'file')}, {size(total)}, each at most {size(limit_bytes)}"


def _shared_bytes(manifest: BundleManifest) -> int:
    """What the images would take more if each were stored alone."""
    sizes = [blob.descriptor.size_bytes for blob in manifest.blobs]
    return sum(sizes[number] for image in manifest.images for number in image.needs) - sum(sizes)


def _image_lines(manifest: BundleManifest) -> list[str]:
    rows = []
    for image in manifest.images:
        total = manifest.size_of(image)
        rows.append((str(image.reference), f"{image.root.digest.short}", size(total), _platform_words(image)))
    lines = table(rows, right=[2])
    for image in manifest.images:
        if image.made_from:
            how = "an index of its own" if image.root.is_index else "one platform"
            lines.append(f"  note: {image.reference} has {how}; the source's index is {image.made_from}")
        if image.repacked:
            how = "left as they are" if image.repacked == "none" else f"compressed with {escaped(image.repacked)}"
            lines.append(
                f"  note: {image.reference}: digest is ours, the daemon does not keep the registry's (layers {how})"
            )
        if image.reference.tag == "latest":
            lines.append(f"  note: {image.reference}: latest says nothing about the version")
    return lines


def _platform_words(image: Image) -> str:
    if not image.variants:
        return f"artifact ({escaped(image.root.media_type)})"
    return ", ".join(sorted(escaped(variant.config.platform) for variant in image.variants))


def _chunk_lines(result: InspectResult) -> list[str]:
    bundle = result.bundle
    names = {entry.size_bytes: escaped(entry.name) for entry in result.misnamed}
    rows = []
    for state in bundle.chunks:
        here = escaped(state.problem.message) if state.problem else "here"
        perhaps = names.get(state.chunk.size_bytes)
        if state.is_absent and perhaps:
            here = f"{here}; {perhaps} has its size, and verify will tell"
        rows.append((state.chunk.file, size(state.chunk.size_bytes), here))
    return table(rows, right=[1])


def _signature_words(result: InspectResult) -> str:
    if result.bundle.sealed.signers:
        return f"good, by {', '.join(result.bundle.sealed.signers)}"
    if not result.claimed_signers:
        return f"none. {NOT_SIGNED}"
    if result.trust_problem:
        return f"NOT TRUSTED: {escaped(result.trust_problem.message)}"
    return "not checked (check it with --trust NAME.pub)"
