"""Every parser of something that comes from outside, as a function of bytes: for atheris, and for the stored corpus.

A target may raise a `BundlerError` and nothing else. The values that it reads must also hold the promises of the parser.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import urllib3

from bundler.bundle import seven_zip_container, signing, sums
from bundler.bundle.parity import read_set
from bundler.core import (
    attachments,
    image_list,
    manifest as bundle_manifest,
    oci,
    roles,
    seven_zip_format,
    strict_json,
    tar,
)
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.fallback_index import digests_in, entry_of, with_entries, without_entries
from bundler.core.inventory import parse_inventory
from bundler.core.journal import Chain, parse_journal
from bundler.core.layers import Amount, Cover
from bundler.core.need_line import parse_line
from bundler.core.need_list import NeedList, parse_need_list
from bundler.core.notation import cose, jws, trust_policy as notation_policy
from bundler.core.outer_manifest import read_manifest
from bundler.core.parity import blocks_of
from bundler.core.plan import parse_chunk_size
from bundler.core.platform import Platform
from bundler.core.policy import transparency
from bundler.core.policy.document import parse_policy
from bundler.core.policy.identity import MatchRepository
from bundler.core.policy.key_signed import KeySigned
from bundler.core.policy.verdict import Unfit
from bundler.core.receipt import parse_receipt
from bundler.core.reference import Reference
from bundler.core.registry_kind import recognised
from bundler.core.retention.receipt import parse_prune_receipt
from bundler.core.retention.rules_file import parse_retention
from bundler.core.rules_file import parse_rules
from bundler.core.sbom import Wrapping, parse_sbom, unwrapped
from bundler.core.scan import Scanner, Unit, parse_record
from bundler.core.scan.cyclonedx import cyclonedx_of
from bundler.core.scan.kept import code_of as kept_code, kept_line, parse_kept
from bundler.core.scan.sarif import sarif_of
from bundler.core.scan.waivers_file import parse_waivers
from bundler.core.selection import Selection
from bundler.core.tag_template import TagTemplate
from bundler.core.text_file import decoded
from bundler.core.yaml_documents import documents
from bundler.errors import BundlerError, Damaged, Refused, Untrusted
from bundler.exporting.resolved_file import parse_resolved_export
from bundler.importing.named_files import parse_failed_list
from bundler.keys import certificates
from bundler.keys.image_keys import load_image_key
from bundler.lists import table as list_table
from bundler.lists.found import Surroundings
from bundler.lists.listing import Listing
from bundler.serving import heads
from bundler.serving.passwords import parse_htpasswd
from bundler.serving.routes import route_of
from bundler.stores import addresses, archive_check, compression, http, referrers as referrers_of
from bundler.stores.image_file import ImageFile, PieceStream
from bundler.stores.layer_tar import read_layer
from bundler.stores.registry_auth import Challenge
from bundler.stores.tar_reader import TarReader
from bundler.transports.parsing import parse_image, parse_target
from tests.support.archives import docker_config, in_pieces, tar_of
from tests.support.signatures import SIGNATURE, Evidence

Target = Callable[[bytes], object]
LAYER = tar_of({"a": b"b"})
CONFIG = docker_config([LAYER])
INFLATED_BYTES = 64 << 20
"""The bound to which a target reads growing values; the parsers hand on piece by piece, and need no bound."""


def text_of(data: bytes) -> str:
    """As names of files and arguments are: bytes that are no UTF-8 stay as they are."""
    return data.decode("utf-8", "surrogateescape")


def lines_of(data: bytes) -> str:
    """As files of text are read: in the encoding that they are in."""
    return decoded(data, source="list.txt")


def checksums(data: bytes) -> None:
    read = sums.parse_sums(data)
    assert sums.format_sums(read) == data
    for name in read:
        parts = name.split("/")
        assert len(parts) <= 2
        assert all(part and not part.startswith((".", "-")) for part in parts)


def signature_name(data: bytes) -> None:
    signer = roles.signer_of(text_of(data))
    assert signer is None or roles.signature_file(signer) == text_of(data)


def bundle_json(data: bytes) -> None:
    manifest = bundle_manifest.from_json(data, what="test")
    assert bundle_manifest.from_json(bundle_manifest.to_json(manifest), what="test") == manifest
    for stored in manifest.stored():
        for piece in stored.pieces:
            assert piece.offset_bytes + piece.length_bytes <= manifest.chunks[piece.chunk - 1].size_bytes


def journal(data: bytes) -> None:
    """A journal whose lines have the right codes, so that the parser after the check of codes is reached."""
    chain, lines = Chain(b"secret"), []
    for line in data.split(b"\n"):
        _, space, content = line.partition(b" ")
        lines.append(chain.code_of(content) + space + content if space else line)
        chain = chain.after(lines[-1])
    parse_journal(b"\n".join(lines), b"secret")


def json_document(data: bytes) -> None:
    value = strict_json.loads(data, what="test")
    assert strict_json.loads(strict_json.canonical(value), what="test") == value


def resolved_export(data: bytes) -> None:
    found = parse_resolved_export(data, what="test")
    assert parse_resolved_export(found.to_json(), what="test").to_json() == found.to_json()


def need_list(data: bytes) -> None:
    need = parse_need_list(data, what="test")
    if isinstance(need, NeedList):
        assert parse_need_list(need.to_json(), what="test") == need
        assert need.wanted == replace(parse_line(need.wanted.line, what="test"), files=need.wanted.files)
    else:
        assert parse_line(need.line, what="test") == need


def image_manifest(data: bytes) -> None:
    kinds = sorted(oci.MANIFEST_TYPES)
    manifest = oci.parse_manifest(data[1:], kinds[data[0] % len(kinds)] if data else "", what="test")
    assert manifest.descriptor.digest == Digest.of(data[1:])
    assert not (manifest.children and manifest.blobs)


def reference(data: bytes) -> None:
    read = Reference.parse(text_of(data))
    assert Reference.parse(str(read)) == read
    assert str(read).isascii()


def digest(data: bytes) -> None:
    read = Digest.parse(text_of(data))
    assert str(read) == text_of(data)
    assert ".." not in read.path


def inventory(data: bytes) -> None:
    read = parse_inventory(data, what="test")
    assert parse_inventory(b"".join(read.to_json()), what="test") == read
    for repository in read.repositories:
        for number in repository.manifests:
            assert all(blob < len(read.blobs) for blob in read.blobs_of(number))


def prune_receipt(data: bytes) -> None:
    read = parse_prune_receipt(data, what="test")
    assert parse_prune_receipt(b"".join(read.to_json()), what="test") == read


def retention(data: bytes) -> None:
    for rule in parse_retention(lines_of(data), source="rules.yaml").rules:
        rule.covered(("1.0", "latest"))


def rules(data: bytes) -> None:
    parse_rules(lines_of(data), source="rules.yaml")


def tag_template(data: bytes) -> None:
    template = TagTemplate.parse(text_of(data))
    template.expand(tag="1", digest=Digest.of(b""), bundle="b", date="20261123")


def selection(data: bytes) -> None:
    only, _, without = text_of(data).partition("\n")
    known = [Reference.parse("nginx:1.27"), Reference.parse("quay.io/a/b:1")]
    Selection((only,), (without,)).chosen(known)


def tar_archive(data: bytes) -> None:
    reader = TarReader(PieceStream(in_pieces(data)), what="test")
    for member in reader:
        assert not member.name.startswith(("/", ".."))
        assert sum(map(len, reader.pieces())) == member.size_bytes


def layer(data: bytes) -> None:
    """A lower layer, and the same bytes as the layer above it: all its files are replaced then."""
    cover = Cover()
    upper, lower = (read_layer(in_pieces(data), len(data), number, cover, what="test") for number in (1, 1))
    assert upper.contents == lower.contents
    assert upper.contents.hidden == Amount()
    cover.add(1, upper.survey.paths, is_whole=True)
    lower = read_layer(in_pieces(data), len(data), 0, cover, what="test")
    assert lower.contents.hidden.files == upper.contents.files == lower.contents.files
    for file in lower.survey.largest:
        assert file.path.startswith("/")
        assert ".." not in file.path.split("/")


def tar_header(data: bytes) -> None:
    header = tar.parse_header(data.ljust(512, b"\0")[:512], what="test")
    assert header is None or header.size_bytes >= 0


def pax_records(data: bytes) -> None:
    assert tar.pax_size(tar.parse_pax(data, what="test"), 0, what="test") >= 0


@cache
def scratch() -> Path:
    """A file that is written again and again; in memory where that is possible."""
    folder = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    descriptor, path = tempfile.mkstemp(prefix="fuzz", dir=folder)
    os.close(descriptor)
    import atexit

    atexit.register(lambda: Path(path).unlink(missing_ok=True))
    return Path(path)


def image_file(data: bytes) -> None:
    if compression.kind_of(data[:16]) == compression.SEVEN_ZIP:
        return  # decoded by a process of its own, with a limit of its own
    scratch().write_bytes(data)
    file = ImageFile(scratch(), called="test")
    with suppress(BundlerError):
        archive_check.describe(file)
    archive_check.check(file)


def docker_manifest(data: bytes) -> None:
    stem = Digest.of(CONFIG).encoded
    image_file(tar_of({f"{stem}.json": CONFIG, "layer.tar": LAYER, "manifest.json": data}))


def docker_image_config(data: bytes) -> None:
    manifest = b'[{"Config": "%s.json", "RepoTags": ["a:1"], "Layers": ["layer.tar"]}]' % (
        Digest.of(data).encoded.encode()
    )
    image_file(tar_of({f"{Digest.of(data).encoded}.json": data, "layer.tar": LAYER, "manifest.json": manifest}))


def layout_index(data: bytes) -> None:
    image_file(tar_of({"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": data}))


def compressed(data: bytes) -> None:
    kind = compression.kind_of(data[:16])
    if kind in (compression.NONE, compression.SEVEN_ZIP):
        return
    inflated = 0
    for piece in compression.decompressed(in_pieces(data), kind, what="test"):
        assert len(piece) <= 4 << 20
        inflated += len(piece)
        if inflated > INFLATED_BYTES:
            return


def seven_zip_frame(data: bytes) -> None:
    start, header = data[: seven_zip_format.START_BYTES], data[seven_zip_format.START_BYTES :]
    if len(start) < seven_zip_format.START_BYTES:
        return
    place = seven_zip_format.header_place(start)
    if place is not None and seven_zip_format.is_framed(start, header, place[0]):
        seven_zip_format.is_encrypted_header(header)


def seven_zip_decrypted(data: bytes) -> None:
    scratch().write_bytes(data)
    descriptor = os.open(scratch(), os.O_RDONLY)
    try:
        seven_zip_container.unpack(descriptor, passphrase="x", accepts=lambda found: True, write=len, what="test")
    finally:
        os.close(descriptor)


def parity_file(data: bytes) -> None:
    scratch().write_bytes(data)
    found = read_set(scratch())
    assert found.data_blocks == sum(blocks_of(file.size_bytes, found.block_bytes) for file in found.files)
    assert all(roles.role_of(file.name) is roles.CHUNK for file in found.files)


def registry_answer(data: bytes) -> None:
    """A line with the status, header lines, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    status, *lines = head.decode("latin-1").split("\n")
    headers = urllib3.HTTPHeaderDict()
    for line in lines:
        name, _, value = line.partition(":")
        headers.add(name.strip() or "X", value.strip())
    code = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 500
    response = urllib3.HTTPResponse(io.BytesIO(body), headers=headers, status=code, preload_content=False)
    answer = http.Answer(response, "https://registry.example.com/v2/a/b/manifests/1", "GET")
    answer.username = "robot" if code % 2 else ""
    error = http.error_of(answer, subject="test")
    assert str(error).isprintable()
    assert error.retry_after_seconds is None or error.retry_after_seconds >= 0
    http.clock_skew_seconds(answer)
    recognised(dict(headers), {})


def challenge(data: bytes) -> None:
    read = Challenge.parse(data.decode("latin-1"))
    assert read is None or read.scheme in ("basic", "bearer")


def referrers(data: bytes) -> None:
    """A list of referrers, and the same as a fallback index."""
    subject, what = Digest.parse("sha256:" + "1" * 64), "test"
    read = attachments.parse_referrers(data, subject=subject, what=what)
    assert subject not in {each.descriptor.digest for each in read}
    assert {each.kind for each in read} <= set(attachments.KINDS)
    index = oci.Descriptor(oci.OCI_INDEX, Digest.of(data), len(data))
    found = attachments.parse_fallback_index(data, index, subject=subject, what=what)
    assert found is None or found.referrers == read
    if (
        found is not None
    ):  # a file that can be read can be written: nothing of it gets lost, and our entry can be removed
        before, ours = digests_in(data, what=what), entry_of(index, b"{}", what=what)
        added = with_entries(data, [ours], what=what)
        assert digests_in(added, what=what) == (*before, *([] if index.digest in before else [index.digest]))
        assert index.digest not in digests_in(without_entries(added, [index.digest], what=what), what=what)


def next_page(data: bytes) -> None:
    headers = {"Link": data.decode("latin-1")}
    response = urllib3.HTTPResponse(io.BytesIO(), headers=headers, status=200, preload_content=False)
    url = "https://registry.example.com/v2/a/b/referrers/x"
    path = referrers_of.next_page(http.Answer(response, url, "GET"))
    assert path is None or ".." not in path.partition("?")[0].split("/")


def served_request(data: bytes) -> None:
    """The head of a request to `bundler serve`: what a client gets follows from nothing else."""
    try:
        head = heads.parse_head(data)
    except heads.BadRequest as error:
        raise Refused(str(error)) from error
    assert head.path == "*" or head.path.startswith("/")
    assert head.path.isprintable()
    route = route_of(head.path)
    name = getattr(route, "name", "")
    assert name == "" or "/".join(filter(None, name.split("/"))) == name
    heads.matches(head.headers.get("if-none-match"), '"a"')
    with suppress(heads.Unsatisfiable):
        begin, end = heads.wanted_range(head.headers.get("range"), 1000) or (0, 1000)
        assert 0 <= begin < end <= 1000


def address(data: bytes) -> None:
    text = text_of(data)
    with suppress(BundlerError):
        addresses.Origin.of(text)
        assert addresses.shown(text).isprintable()
    for kind in addresses.Kind:
        with suppress(BundlerError):
            url = addresses.checked(text, kind, by="https://registry.example.com/v2/", allowed={"a.b"})
            assert addresses.shown(url).isprintable()
            assert addresses.Origin.of(url).scheme == "https"


def private_key(data: bytes) -> None:
    if b"scrypt" in data or len(data) > 4096:
        return
    signing.load_private(data, origin="test", passphrase=lambda: b"x")


def public_key(data: bytes) -> None:
    key = signing.load_public(data, origin="test")
    assert not key.verifies(bytes(64), b"")


class AnyKey:
    """A key that takes every signature, so that the parser after the check of signatures sees all bytes."""

    fingerprint = "ab" * 32
    origin = "any"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        return bool(signature and message)


def signature_document(data: bytes) -> None:
    """A payload of simple signing, or a sigstore bundle."""
    judge = KeySigned((AnyKey(),), MatchRepository())
    payload = Evidence().simple((data, {SIGNATURE: "AAAA"}))
    for evidence in (payload, Evidence().bundle(data)):
        judgement = judge.judge(evidence.image)
        assert not judgement.is_accepted or evidence.digest.encoded.encode() in data
        assert judgement.is_accepted or judgement.found


def attached_manifest(data: bytes) -> None:
    evidence = Evidence()
    evidence.attach(data)
    assert not KeySigned((AnyKey(),), MatchRepository()).judge(evidence.image).is_accepted


def envelope(data: bytes) -> None:
    """An envelope of Notation, JWS or COSE, as if its signature were good."""
    errors = []
    for read in (jws.read, cose.read):
        try:
            sealed = read(data)
            assert sealed.signature is not None
            assert sealed.read().scheme.startswith("notary.x509")
        except Untrusted as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]


def trust_policy(data: bytes) -> None:
    for statement in notation_policy.parse(data, origin="test").statements:
        assert set(statement.actions.values()) <= {"enforce", "log", "skip"}
        assert statement.is_skipped or statement.stores


def list_reader(name: str) -> Target:
    """A target for one kind of lists: each document goes to its reader, even if detection would choose another one."""

    def read(data: bytes) -> None:
        kind = next(kind for kind in list_table.KINDS if kind.name == name)
        around = Surroundings({"a.yaml": lines_of(data)}.get, {"TAG": "1"})
        listing, text = Listing("list.yaml", parse_image, ()), lines_of(data)
        for document in documents(text, source="list.yaml"):
            listing.add(kind.name, kind.read(document, around), where=document.where(document.root))
        found = listing.result()
        for entry in found.images.entries:
            places = found.places_of(entry)
            assert places.count >= len(places.first) > 0

    return read


def any_list(data: bytes) -> None:
    found = list_table.read_list(lines_of(data), source="-", parse_image=parse_image)
    assert found.images.entries
    assert all(each.where for each in found.images.no_images)


def certificate(data: bytes) -> None:
    for found in certificates.load_file(data, what="test"):
        assert found.is_valid_at(found.begins_seconds) or found.begins_seconds > found.ends_seconds
        found.is_issued_by(found)


def log_entry(data: bytes) -> None:
    """The entry of a transparency log in a bundle, as if the log had signed it."""
    try:
        text = data.decode("utf-8", errors="replace")  # as all texts of JSON are
        found = transparency.entry_of_annotation({transparency.ANNOTATION: text}, [AnyKey()])
    except Unfit as unfit:
        raise Untrusted(unfit.found) from unfit
    for check in (transparency.check_hashed, transparency.check_envelope):
        with suppress(Unfit):
            check(found, {AnyKey.fingerprint}, b"", b"")


def sbom(data: bytes) -> None:
    errors = []
    for wrapping in Wrapping:
        try:
            document = unwrapped(data, wrapping, what="test")
            assert all(package.name is not None for package in parse_sbom(document, what="test").packages)
        except BundlerError as error:
            errors.append(error)
    if len(errors) == len(Wrapping):
        raise errors[0]


def scan_record(data: bytes) -> None:
    record = parse_record(data, what="test")
    assert parse_record(b"".join(record.to_json()), what="test") == record
    for form in (sarif_of, cyclonedx_of):
        strict_json.canonical(form(record, lambda _: ("quay.io/team/app:1",)))


def kept_verdicts(data: bytes) -> None:
    """Lines whose codes are right, so that the parser after the check of codes is reached."""
    scanner, secret = Scanner("clamav", Unit.BLOB, "1", "2"), b"secret"
    lines = [b"%s %s\n" % (kept_code(secret, scanner, line + b"\n"), line) for line in data.split(b"\n")]
    found = parse_kept(b"".join(lines), secret, scanner)
    again = b"".join(kept_line(secret, scanner, digest, verdict) for digest, verdict in found.items())
    assert parse_kept(again, secret, scanner) == found
    if not found:
        raise Damaged("nothing that is kept")


def waivers(data: bytes) -> None:
    for waiver in parse_waivers(lines_of(data), source="waivers.yaml"):
        waiver.check()
        assert all((waiver.id, waiver.reason, waiver.who))


TARGETS: dict[str, Target] = {
    "address": address,
    "attached-manifest": attached_manifest,
    "bundle-manifest": bundle_json,
    "bundle-name": lambda data: check_bundle_name(text_of(data)),
    "certificate": certificate,
    "challenge": challenge,
    "checksums": checksums,
    "chunk-size": lambda data: parse_chunk_size(text_of(data)),
    "compressed": compressed,
    "digest": digest,
    "docker-config": docker_image_config,
    "docker-manifest": docker_manifest,
    "failed-list": lambda data: parse_failed_list(lines_of(data), source="test"),
    "image-config": lambda data: oci.parse_image_config(data, what="test"),
    "image-file": image_file,
    "image-key": lambda data: load_image_key(data, origin="test"),
    "image-list-text": lambda data: image_list.parse_image_list(
        lines_of(data), source="list.txt", parse_image=parse_image
    ),
    "image-list-yaml": lambda data: image_list.parse_image_list(
        lines_of(data), source="list.yaml", parse_image=parse_image
    ),
    "image-manifest": image_manifest,
    "inventory": inventory,
    "json": json_document,
    "layer": layer,
    "layout-index": layout_index,
    "list-any": any_list,
    **{f"list-{kind.name.lower().replace(' ', '-')}": list_reader(kind.name) for kind in list_table.KINDS},
    "location": lambda data: parse_image(text_of(data)),
    "media-type": lambda data: oci.media_type_of(data, what="test"),
    "naming-rules": rules,
    "prune-receipt": prune_receipt,
    "retention-rules": retention,
    "next-page": next_page,
    "outer-manifest": lambda data: read_manifest(data, what="test"),
    "need-list": need_list,
    "notation-envelope": envelope,
    "notation-policy": trust_policy,
    "parity-file": parity_file,
    "pax-records": pax_records,
    "platform": lambda data: Platform.parse(text_of(data)),
    "policy": lambda data: parse_policy(data, source="test"),
    "private-key": private_key,
    "public-key": public_key,
    "journal": journal,
    "log-entry": log_entry,
    "receipt": lambda data: parse_receipt(data, what="test"),
    "reference": reference,
    "referrers": referrers,
    "registry-answer": registry_answer,
    "resolved-export": resolved_export,
    "sbom": sbom,
    "selection": selection,
    "scan-kept": kept_verdicts,
    "scan-record": scan_record,
    "scan-waivers": waivers,
    "seven-zip-decrypted": seven_zip_decrypted,
    "seven-zip-frame": seven_zip_frame,
    "served-request": served_request,
    "served-users": lambda data: parse_htpasswd(text_of(data), what="test"),
    "signature": signature_document,
    "signature-name": signature_name,
    "tag-template": tag_template,
    "tar-archive": tar_archive,
    "tar-header": tar_header,
    "target": lambda data: parse_target(text_of(data)),
}


def attempt(name: str, data: bytes) -> None:
    """Gives some bytes to a target. Any other exception than a `BundlerError` is a fault of ours."""
    with suppress(BundlerError):
        TARGETS[name](data)
