"""The results of commands: a few lines on stdout that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.core.outer_manifest import OuterManifest
from bundler.texts import joined, some, text
from bundler.views import (
    extension_report,
    media_report,
    need_report,
    parity_report,
    policy_report,
    scan_report,
    since_report,
)
from bundler.views.languages import hint_of, said, translated, worded
from bundler.views.trust_report import fingerprint_lines
from bundler.views.words import (
    SHOWN,
    UNVERIFIED,
    count,
    escaped,
    fact,
    fact_below,
    limited,
    more_lines,
    padded,
    shell_word,
    size,
    table,
)

if TYPE_CHECKING:
    from bundler.bundle.findings import Finding
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.commands.inspect_ import InspectResult
    from bundler.commands.inspect_file import FileResult
    from bundler.commands.keygen import KeyPair
    from bundler.commands.sign import SignResult
    from bundler.commands.verify import VerifyResult
    from bundler.core.manifest import BundleManifest, Chunk, Image
    from bundler.exporting.result import ExportResult
    from bundler.stores.archive_check import ImageFacts


_SHOWN_SIGNERS = 6
NOT_SIGNED = text("UNSIGNED: this bundle has no signature")


def keygen_lines(pair: KeyPair) -> list[str]:
    """The lines that ``keygen`` prints."""
    private, public = escaped(pair.private_path), escaped(pair.public_path)
    kept = (
        said("{file}  (keep it secret; encrypted)", file=private)
        if pair.is_encrypted
        else said("{file}  (keep it secret; not encrypted)", file=private)
    )
    key = shell_word(pair.private_path)
    return [
        fact(said("key id"), pair.key_id, width=_KEY_WIDTH),
        *fingerprint_lines(pair.fingerprint, label=padded(said("fingerprint"), _KEY_WIDTH)),
        fact(said("private key"), kept, width=_KEY_WIDTH),
        fact(
            said("public key"),
            said("{file}  (give it to the other side, never on the medium of a bundle,", file=public),
            width=_KEY_WIDTH,
        ),
        fact("", said("and read out the fingerprint when they add it: bundler trust add)"), width=_KEY_WIDTH),
        "",
        said("next: bundler export LIST -o DIR --key {key}", key=key),
    ]


_KEY_WIDTH = 13


def export_lines(result: ExportResult, passphrase: str | None, *, is_verbose: bool) -> list[str]:
    """The lines that ``export`` prints; with the passphrase if it was made here, because nobody knows it yet."""
    manifest = result.manifest
    lines = [fact(said("bundle"), f"{escaped(result.path)}{_made_words(result)}")]
    if result.bundle_id:
        lines.append(fact(said("id"), result.bundle_id))
    lines.append(fact(said("signed by"), result.key_id or said("no key. {unsigned}", unsigned=NOT_SIGNED)))
    if result.is_encrypted:
        lines.append(fact(said("encrypted"), said("AES-256; only the passphrase opens it")))
    lines += [*_content_lines(manifest), *extension_report.series_lines(manifest)]
    parity = {name: size_bytes for group in result.parity for name, size_bytes in group.file_sizes.items()}
    lines += extension_report.attached_lines(manifest)
    lines += media_report.plan_lines(manifest, result.media, others=parity)
    lines += [*since_report.since_lines(result, is_verbose=is_verbose)]
    lines += parity_report.plan_lines(result.parity, manifest.media, is_verbose=is_verbose)
    if result.is_read_back:
        if isinstance(result.path, Path):
            words = said("read back from the device, every byte is right; unmount it, then it is safe to remove")
            lines.append(fact(said("medium"), words))
        else:
            lines.append(fact(said("S3"), said("read back, every byte is right")))
    if result.tool.files:
        files = count(len(result.tool.files), "file")
        words = said("{files}, {size}, in the folder tool", files=files, size=size(result.tool.size_bytes))
        lines.append(fact(said("tool"), words))
    if result.scratch_bytes:
        lines.append(fact(said("scratch"), _scratch_words(result)))
    if result.is_encrypted:
        largest = size(max(chunk.size_bytes for chunk in manifest.chunks))
        words = said("needs scratch for at most one chunk per worker: {size} each", size=largest)
        lines.append(fact(said("import"), words))
    if passphrase:
        lines += ["", fact(said("passphrase"), passphrase)]
        lines.append(fact_below(said("shown only once: write it down, and keep it apart from the medium")))
    lines += policy_report.summary_lines(result.verdicts, is_verbose=is_verbose)
    lines += missing_lines(manifest)
    if result.failed_list:
        words = said("{file}: the missing images, for a later export", file=escaped(result.failed_list))
        lines.append(fact(said("list"), words))
    lines += _moved_lines(result)
    if result.no_images:
        words = said("{count:,} parts of the lists are no images and are not carried", count=len(result.no_images))
        lines.append(fact(said("not taken"), words))
        rows = [f"  {escaped(each.where)}: {escaped(each.what)}" for each in result.no_images]
        lines += limited(rows, is_verbose=is_verbose)
    if not result.bundle_id:
        lines += ["", *limited(_image_lines(manifest), is_verbose=is_verbose)]
        return lines
    public = shell_word(result.public_key) if result.public_key else "NAME.pub"
    trust = f"--trust {public}" if result.key_id else "--insecure-no-signature"
    secret = " --passphrase-file FILE" if result.is_encrypted else ""
    command = f"bundler verify {' '.join(map(shell_word, result.folders))} {trust}{secret}"
    return [*lines, "", said("next: {command}", command=command)]


def _made_words(result: ExportResult) -> str:
    if result.is_old:
        return "  " + said("(already complete: signed by this key, with this content)")
    return "" if result.bundle_id else "  " + said("(not made: --dry-run)")


def _moved_lines(result: ExportResult) -> list[str]:
    """The tags that have moved since the export started. The bundle has the images of that time."""
    if not result.moved:
        return []
    lines = [
        said(
            "  {image}  has {carried}, and points to {now} now",
            image=each.reference,
            carried=each.carried,
            now=each.now,
        )
        for each in result.moved
    ]
    tags = count(len(result.moved), "tag")
    return ["", said("{tags} moved since this export started; --restart takes the new images", tags=tags), *lines]


def _scratch_words(result: ExportResult) -> str:
    room = {"size": size(result.scratch_bytes), "folder": escaped(result.scratch)}
    if result.bundle_id:
        return said("{size} in {folder} were used for compressed or unpacked layers, and are free again", **room)
    return said("{size} in {folder} are needed for compressed or unpacked layers", **room)


def inspect_lines(result: InspectResult) -> list[str]:
    """The lines that ``inspect`` prints."""
    bundle = result.bundle
    manifest = bundle.manifest
    unverified = translated(UNVERIFIED)
    lines = [] if result.is_verified else [unverified, ""]
    made = {"name": manifest.name, "time": escaped(manifest.created), "tool": escaped(manifest.tool)}
    lines += [
        fact(said("bundle"), said("{name}, made {time} by {tool}", **made)),
        fact(said("id"), bundle.id),
        *signature_lines(result),
    ]
    if isinstance(manifest, OuterManifest):
        lines += [
            fact(said("content"), said("ENCRYPTED: give --passphrase-file FILE to see the content")),
            _chunks_line(manifest.chunks, manifest.chunk_size_bytes),
        ]
    else:
        lines += [fact(said("content"), said("encrypted, opened"))] if bundle.is_encrypted else []
        lines += [*_content_lines(manifest), *missing_lines(manifest)]
    lines += extension_report.extension_lines(manifest)
    here = frozenset(state.chunk.file for state in bundle.chunks if not state.is_absent)
    lines += media_report.plan_lines(manifest, here=here) + extension_report.other_file_lines(bundle)
    lines += [] if isinstance(manifest, OuterManifest) else ["", *_image_lines(manifest)]
    lines += ["", said("chunks"), *_chunk_lines(result), *media_report.media_lines(bundle, result.litter)]
    return lines if result.is_verified else [*lines, "", unverified]


def signature_lines(result: InspectResult) -> list[str]:
    """The lines about the signatures of a bundle that was looked at."""
    sealed, unknown = result.bundle.sealed, result.unknown_signers
    return [
        fact(said("signature"), _signature_words(result)),
        *_bad_lines(result.bundle),
        *(fact_below(escaped(worded(error))) for error in sealed.others[:_SHOWN_SIGNERS]),
        *(fact_below(said("unknown signer {key}", key=signer)) for signer in unknown[:_SHOWN_SIGNERS]),
        *map(fact_below, more_lines(len(unknown) - _SHOWN_SIGNERS)),
    ]


def names_of(result: InspectResult) -> list[str]:
    """The lines that ``inspect --quiet`` prints: the references, if they are known."""
    manifest = result.bundle.manifest
    return [] if isinstance(manifest, OuterManifest) else [str(image.reference) for image in manifest.images]


def verify_lines(result: VerifyResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``verify`` prints."""
    verdicts = policy_report.policy_lines(result.verdicts, is_verbose=is_verbose)
    if any(not each.is_accepted for each in result.verdicts):
        verdicts.append(f"  {said('more: bundler explain {code}', code='policy')}")
    parts = [_verify_lines(result, is_verbose=is_verbose), verdicts, scan_report.verify_lines(result.scans)]
    return [line for number, part in enumerate(filter(None, parts)) for line in ([""] if number else []) + part]


def _verify_lines(result: VerifyResult, *, is_verbose: bool) -> list[str]:
    bundle = result.bundle
    if result.shard is not None:
        return _shard_lines(result, is_verbose=is_verbose)
    total = size(bundle.manifest.size_bytes)
    signer = ", ".join(bundle.sealed.signers)
    verdict = said("good, by {signers}", signers=signer) if signer else unchecked(bundle)
    lines = [fact(said("signature"), verdict), *_bad_lines(bundle)]
    lines += [*media_report.presence_lines(result), *media_report.media_lines(bundle, result.litter)]
    lines += extension_report.other_file_lines(bundle)
    manifest = bundle.manifest
    if isinstance(manifest, OuterManifest):
        if not result.findings:
            good = said("good: {chunks}, {size}", chunks=count(len(manifest.chunks), "chunk"), size=total)
            lines.append(fact(said("files"), good))
        closed = said("NOT OPENED: it is encrypted; with --passphrase-file FILE each blob is checked too")
        lines.append(fact(said("content"), closed))
        found = _findings_of(result, said("files"), is_verbose=is_verbose)
        parity = parity_report.state_lines(result.parity, bundle)
        return [*lines, *found, *parity, *need_report.need_lines(result.need, _repairable(result))]
    if not result.findings:
        images, chunks = count(len(manifest.images), "image"), count(len(manifest.chunks), "chunk")
        good = said("good: {images}, {chunks}, {size}", images=images, chunks=chunks, size=total)
        lines.append(fact(said("content"), good))
        return [*lines, *_remarks(result, manifest)]
    findings = _findings_of(result, said("content"), is_verbose=is_verbose)
    return [*lines, *findings, *_remarks(result, manifest)]


def _shard_lines(result: VerifyResult, *, is_verbose: bool) -> list[str]:
    """The lines about one shard, which says nothing of the chunks of the others."""
    bundle = result.bundle
    signer = ", ".join(bundle.sealed.signers)
    verdict = said("good, by {signers}", signers=signer) if signer else unchecked(bundle)
    own = [bundle.manifest.chunks[number - 1] for number in result.read]
    lines = [fact(said("signature"), verdict), *_bad_lines(bundle), *media_report.media_lines(bundle, result.litter)]
    words = said(
        "{shard}: {chunks}, {size}; the other shards check the rest",
        shard=result.shard,
        chunks=count(len(own), "chunk"),
        size=size(sum(chunk.size_bytes for chunk in own)),
    )
    lines.append(fact(said("shard"), words))
    lines += [fact_below(media_report.in_runs([chunk.file for chunk in own]))] if own else []
    if not result.findings:
        return [*lines, fact(said("files"), said("good"))]
    return [*lines, *_findings_of(result, said("files"), is_verbose=is_verbose), *need_report.need_lines(result.need)]


def _remarks(result: VerifyResult, manifest: BundleManifest) -> list[str]:
    """The lines after those about the bytes."""
    bases = extension_report.base_lines(manifest)
    parity = parity_report.state_lines(result.parity, result.bundle)
    return [*missing_lines(manifest), *bases, *parity, *need_report.need_lines(result.need, _repairable(result))]


def _repairable(result: VerifyResult) -> frozenset[str]:
    return result.parity.repairable if result.parity else frozenset()


def sign_lines(result: SignResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``sign`` prints: the signed bundle, or the problems that prevent the signature."""
    bundle = result.verified.bundle
    lines = [
        fact(said("bundle"), bundle.manifest.name),
        fact(said("id"), bundle.id),
        *verify_lines(result.verified, is_verbose=is_verbose),
    ]
    if result.verified.findings:
        return [*lines, "", said("NOT SIGNED by {key}: the bundle has problems", key=result.key_id)]
    if not isinstance(bundle.manifest, OuterManifest):
        lines += ["", *limited(_image_lines(bundle.manifest), is_verbose=is_verbose)]
    verdict = (
        said("signed by {signers}", signers=result.key_id)
        if result.written
        else said("already signed by {signers}", signers=result.key_id)
    )
    return [*lines, "", verdict, *(f"  {escaped(file)}" for file in result.files)]


def bad_signer_words(bundle: Bundle | LockedBundle) -> list[str]:
    """Warnings about bad signatures of trusted keys in a bundle that has enough good ones."""
    return [said("WARNING: the signature by {key} does not match", key=signer) for signer in bundle.sealed.bad_signers]


def _bad_lines(bundle: Bundle | LockedBundle) -> list[str]:
    return [fact_below(words) for words in bad_signer_words(bundle)]


def _findings_of(result: VerifyResult, what: str, *, is_verbose: bool) -> list[str]:
    elsewhere = {state.chunk.file for state in result.bundle.chunks if state.is_elsewhere}
    findings = [finding for finding in result.findings if finding.file not in elsewhere]
    lines = [fact(what, translated(count(len(findings), "finding")))] if findings else []
    lines += finding_lines(findings, is_verbose=is_verbose)
    again = [name for name in result.wanted if name not in elsewhere]
    if again:
        lines += ["", said("copy again: {files}", files=count(len(again), "file")), *_file_rows(result, again)]
    away = [name for name in result.wanted if name in elsewhere]
    if away:
        lines += ["", said("elsewhere: {files}", files=count(len(away), "file")), *_file_rows(result, away)]
    return lines


def _file_rows(result: VerifyResult, names: Iterable[str]) -> list[str]:
    """A row for each file that a courier must find: its name, size and SHA-256."""
    listed, sizes = result.bundle.sealed.sums, {chunk.file: chunk.size_bytes for chunk in result.bundle.manifest.chunks}
    rows = [
        (name, size(sizes[name]) if name in sizes else "", f"sha256 {listed[name]}" if name in listed else "")
        for name in names
    ]
    return table(rows, right=[1])


def file_lines(result: FileResult) -> list[str]:
    """The lines that ``inspect FILE`` and ``verify FILE`` print."""
    facts = result.facts
    packed = "" if facts.file.is_plain else f", {facts.file.compression}"
    lines = [fact(said("file"), f"{escaped(facts.file.path)}  ({size(facts.file.size_bytes)}{packed})")]
    if facts.sha256:
        is_same = result.expected_sha256 and facts.sha256 == result.expected_sha256
        lines.append(fact("sha256", said("{sha256}, as you gave it", sha256=facts.sha256) if is_same else facts.sha256))
    if facts.images:
        content = {"images": count(len(facts.images), "image"), "files": count(facts.members, "file")}
        words = (
            said("OCI image layout: {images}, {files}", **content)
            if facts.is_layout
            else said("docker save: {images}, {files}", **content)
        )
        lines.append(fact(said("content"), words))
    for image in facts.images:
        lines += ["", *_archived_lines(image)]
    notes = [said("note: {notice}", notice=escaped(translated(warning))) for warning in facts.warnings]
    lines += ["", *notes] if notes else []
    if result.findings:
        lines += ["", said("NOT GOOD: {findings}", findings=count(len(result.findings), "finding"))]
        for error in result.findings:
            hint = hint_of(error)
            lines += ["", f"  {escaped(worded(error))}", *([f"    -> {escaped(hint)}"] if hint else [])]
        return lines
    if not result.is_checked:
        file = shell_word(facts.file.path)
        return [*lines, "", said("nothing was checked; next: bundler verify {file}", file=file)]
    if not result.expected_sha256:
        whole = said("intact: every digest in it is right. Its origin is not proved: compare its sha256")
        return [*lines, "", whole]
    return [*lines, "", said("good: every digest in it is right, and it has the SHA-256 that you gave")]


def _archived_lines(image: ImageFacts) -> list[str]:
    config = image.config
    names = ", ".join(map(escaped, image.names)) or said("(no name)")
    total = sum(layer.size_bytes or 0 for layer in image.layers)
    described = [
        (said("image id"), str(image.id)),
        (said("digest"), str(image.digest) if image.digest else said("none: docker save keeps no manifest")),
        (said("created"), config.created),
        (said("command"), " ".join((*config.entrypoint, *config.cmd))),
        (said("user"), config.user),
        (said("env"), " ".join(config.env)),
        (said("labels"), " ".join(f"{name}={value}" for name, value in config.labels.items())),
    ]
    rows = [f"    {fact(name, escaped(value[:400]), width=9)}" for name, value in described if value]
    layers = [(layer.name[:19], size(layer.size_bytes or 0), escaped(layer.media_type)) for layer in image.layers]
    number = said("{layers}, {size}", layers=count(len(layers), "layer"), size=size(total))
    return [
        f"  {names}  {escaped(config.platform)}  {number}",
        *rows,
        *("  " + line for line in table(layers, right=[1])),
    ]


def unchecked(bundle: Bundle | LockedBundle) -> str:
    """The words about the signature of a bundle that was accepted with --insecure-no-signature."""
    if bundle.manifest.signed:
        return said("NOT CHECKED, as requested")
    return said("NOT CHECKED. {unsigned}", unsigned=NOT_SIGNED)


def finding_lines(findings: Sequence[Finding], *, is_verbose: bool) -> list[str]:
    """The problems of a bundle, each with the images that it affects."""
    lines = []
    shown = findings if is_verbose else findings[:SHOWN]
    for finding in shown:
        lines += ["", f"  {escaped(worded(finding.error))}"]
        if finding.images:
            lines.append(f"    {said('affects {images}', images=some(finding.images))}")
        if finding.error.hint:
            lines.append(f"    -> {escaped(hint_of(finding.error))}")
    more = more_lines(len(findings) - len(shown), indent="  ", flag="--verbose")
    return [*lines, "", *more] if more else lines


def _content_lines(manifest: BundleManifest) -> list[str]:
    blobs = sum(blob.descriptor.size_bytes for blob in manifest.blobs)
    shared = _shared_bytes(manifest)
    parts: list[str] = [
        count(len(manifest.images), "image"),
        count(len(manifest.blobs), "blob"),
        text("{size}", size=size(blobs)),
    ]
    parts += [text("{size} saved by sharing", size=size(shared))] if shared else []
    return [
        fact(said("images"), translated(joined(parts, ", "))),
        _chunks_line(manifest.chunks, manifest.chunk_size_bytes),
    ]


def missing_lines(manifest: BundleManifest) -> list[str]:
    """The images that were asked for and that the bundle lacks."""
    if not manifest.missing:
        return []
    images = count(len(manifest.missing), "image")
    rows = [(f"  {escaped(image.reference)}", escaped(image.reason)) for image in manifest.missing]
    lacks = (
        said("{images}, for these reasons", images=images)
        if any(image.is_refused for image in manifest.missing)
        else said("{images} that their sources did not have during the export", images=images)
    )
    return [fact(said("LACKS"), lacks), *table(rows)]


def _chunks_line(chunks: tuple[Chunk, ...], limit_bytes: int) -> str:
    total, files = sum(chunk.size_bytes for chunk in chunks), count(len(chunks), "file")
    words = said("{files}, {size}, each at most {limit}", files=files, size=size(total), limit=size(limit_bytes))
    return fact(said("chunks"), words)


def _shared_bytes(manifest: BundleManifest) -> int:
    """The bytes that are saved because images share blobs."""
    sizes = [blob.descriptor.size_bytes for blob in manifest.blobs]
    return sum(sizes[number] for image in manifest.images for number in image.needs_with_attachments) - sum(sizes)


def _image_lines(manifest: BundleManifest) -> list[str]:
    rows = []
    for image in manifest.images:
        total = manifest.size_of(image)
        rows.append(
            (
                str(image.reference),
                f"{image.root.digest.short}",
                size(total),
                _platform_words(image) + _attachment_words(image),
            )
        )
    lines = table(rows, right=[2])
    for image in manifest.images:
        about = {"image": image.reference}
        if image.made_from:
            made = (
                text("{image} has a new index; the source's index is {source}", **about, source=image.made_from)
                if image.root.is_index
                else text("{image} has one platform; the source's index is {source}", **about, source=image.made_from)
            )
            lines.append(_note(made))
        if image.repacked == "none":
            lines.append(
                _note(text("{image}: new digest, the daemon does not keep the registry's (layers unchanged)", **about))
            )
        elif image.repacked:
            packed = text(
                "{image}: new digest, the daemon does not keep the registry's (layers compressed with {kind})",
                **about,
                kind=escaped(image.repacked),
            )
            lines.append(_note(packed))
        if image.reference.tag == "latest":
            lines.append(_note(text("{image}: latest does not name a version", **about)))
    return lines


def _note(words: str) -> str:
    return f"  {said('note: {notice}', notice=words)}"


def _platform_words(image: Image) -> str:
    if not image.variants:
        return said("artifact ({kind})", kind=escaped(image.root.media_type))
    return ", ".join(sorted(escaped(variant.config.platform) for variant in image.variants))


def _attachment_words(image: Image) -> str:
    return f"; {extension_report.attachment_words(image.attachments)}" if image.attachments else ""


def _chunk_lines(result: InspectResult) -> list[str]:
    bundle = result.bundle
    names = {entry.size_bytes: escaped(entry.name) for entry in result.misnamed}
    rows = []
    for state in bundle.chunks:
        here = escaped(translated(state.problem.message)) if state.problem else said("here")
        perhaps = names.get(state.chunk.size_bytes)
        if state.is_absent and perhaps:
            here = said("{state}; {file} has its size: run bundler verify", state=here, file=perhaps)
        rows.append((state.chunk.file, size(state.chunk.size_bytes), here))
    return table(rows, right=[1])


def _signature_words(result: InspectResult) -> str:
    if result.bundle.sealed.signers:
        return said("good, by {signers}", signers=", ".join(result.bundle.sealed.signers))
    if not result.claimed_signers:
        return said("none. {unsigned}", unsigned=NOT_SIGNED)
    if result.trust_problem:
        return said("NOT TRUSTED: {reason}", reason=escaped(translated(result.trust_problem.message)))
    return said("not checked (check it with --trust NAME.pub)")
