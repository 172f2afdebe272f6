"""Parsers refuse any input from a registry, a medium or a file in words, and never crash.

Every test here lets any exception through that is not a `BundlerError`; that is the failure.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from bundler.bundle import signing, sums
from bundler.core import image_list, manifest as bundle_manifest, oci, strict_json, tar
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.joined_receipts import merged
from bundler.core.plan import parse_chunk_size
from bundler.core.platform import Platform
from bundler.core.policies import CONFLICT_POLICIES
from bundler.core.receipt import parse_receipt
from bundler.core.reference import Reference
from bundler.core.rules_file import parse_rules
from bundler.errors import Damaged, Misuse, Refused, Several
from bundler.stores.addresses import Kind, Origin, checked
from bundler.stores.hosts import proxy_for
from bundler.stores.registry_auth import Challenge
from bundler.transports.parsing import parse_image, parse_target
from tests.property.strategies import json_values, law, references, spoilt, texts
from tests.unit.values import MIB, digest, layer, planned, resolved

pytestmark = pytest.mark.no_cover  # thousands of rounds through what other tests run as well

GOOD_BUNDLE = json.loads(
    bundle_manifest.to_json(
        planned(resolved("a:1", layer("x", 3 * MIB)), resolved("b/c:2", layer("y", 10)), chunk_size_bytes=MIB).manifest
    )
)
VECTORS = Path(__file__).parent.parent / "vectors"
GOOD_EXTENDED, GOOD_WITH_BASES = (
    json.loads((VECTORS / kind / "bundle.json").read_text()) for kind in ("extensions", "base")
)
GOOD_IMAGE = {
    "schemaVersion": 2,
    "mediaType": oci.OCI_MANIFEST,
    "config": {"mediaType": oci.OCI_CONFIG, "digest": str(digest("c")), "size": 5},
    "layers": [{"mediaType": "a+gzip", "digest": str(digest("l")), "size": 5}],
}
GOOD_INDEX = {
    "schemaVersion": 2,
    "manifests": [
        {
            "mediaType": oci.OCI_MANIFEST,
            "digest": str(digest("m")),
            "size": 5,
            "platform": {"os": "linux", "architecture": "arm", "variant": "v7"},
            "annotations": {"vnd.docker.reference.digest": str(digest("n"))},
        }
    ],
}
GOOD_CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"Env": ["A=1"], "Labels": {"a": "b"}, "Cmd": ["x"], "User": "u"},
}
GOOD_RECEIPT = {
    "document": "bundler.receipt/1",
    "tool": "bundler 1.0",
    "bundle": {"id": "ab" * 32, "name": "x"},
    "signers": ["key"],
    "trust": ["one.pub"],
    "weakened": [],
    "operator": "alice",
    "host": "gate",
    "started": "2026-11-23T08:00:00Z",
    "finished": "2026-11-23T09:00:00Z",
    "exitCode": 0,
    "error": None,
    "targets": [
        {
            "target": "h.example",
            "kind": "registry",
            "bytesSent": 5,
            "images": [
                {
                    "reference": "docker.io/library/a:1",
                    "name": "h.example/library/a:1",
                    "digest": str(digest("m")),
                    "readBack": str(digest("m")),
                    "outcome": "pushed",
                    "bytes": 5,
                    "replaced": str(digest("n")),
                    "takenName": None,
                    "reason": None,
                    "code": None,
                }
            ],
        }
    ],
}

json_like = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.text('[]{}",:0123456789eE+-.\\untrfalse \n', max_size=60).map(str.encode),
)


@law
@given(json_like)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"-" + b"9" * 10_000)
@example(b"1e" + b"9" * 1000)
def test_json(content: bytes) -> None:
    try:
        value = strict_json.loads(content, what="test")
    except Damaged:
        return
    assert json.loads(content) == value
    assert strict_json.loads(strict_json.canonical(value), what="test") == value


@law
@given(
    st.one_of(json_like, spoilt(GOOD_IMAGE), spoilt(GOOD_INDEX)),
    st.sampled_from([*sorted(oci.MANIFEST_TYPES), "application/x-unknown"]),
)
@example(b'{"mediaType": [], "layers": []}', "application/x-unknown")
@example(b'{"mediaType": {}}', "application/x-unknown")
def test_image_manifests(content: bytes, media_type: str) -> None:
    try:
        manifest = oci.parse_manifest(content, media_type, what="test")
    except (Damaged, Refused):
        return
    assert manifest.descriptor.digest == Digest.of(content)
    assert not (manifest.children and manifest.blobs)
    for descriptor in (*manifest.children, *manifest.blobs):
        assert Digest.parse(str(descriptor.digest)) == descriptor.digest
        assert descriptor.size_bytes >= 0
        assert descriptor.media_type.isprintable()


@law
@given(st.one_of(json_like, spoilt(GOOD_IMAGE), spoilt(GOOD_INDEX), spoilt(GOOD_CONFIG)))
def test_image_configs_and_media_types(content: bytes) -> None:
    with suppress(Damaged):
        config = oci.parse_image_config(content, what="test")
        assert all(isinstance(each, str) for each in (*config.env, *config.labels.values(), config.user))
    with suppress(Damaged):
        assert isinstance(oci.media_type_of(content, what="test"), str)


@law
@given(st.one_of(json_like, spoilt(GOOD_BUNDLE), spoilt(GOOD_EXTENDED), spoilt(GOOD_WITH_BASES)))
def test_bundle_manifests(content: bytes) -> None:
    try:
        manifest = bundle_manifest.from_json(content, what="test")
    except (Damaged, Refused):
        return
    for stored in manifest.stored():
        for piece in stored.pieces:
            assert piece.offset_bytes >= 0
            assert piece.offset_bytes + piece.length_bytes <= manifest.chunks[piece.chunk - 1].size_bytes
    for image in manifest.images:
        assert all(number < len(manifest.blobs) for each in (image, *image.attachments) for number in each.needs)
    for blob in manifest.left_out:
        assert all(place.base < len(manifest.bases) for place in blob.bases)
    assert bundle_manifest.from_json(bundle_manifest.to_json(manifest), what="test") == manifest


yaml_words = st.sampled_from(
    [
        *("name:", "images:", "platforms:", "- ", "image: ", "digest: ", "from: ", "\n", "\n  ", "\n- ", ": ", " "),
        *("[", "]", "{", "}", ",", "&a ", "*a", "!!str ", "!x ", "! ", "? ", "| ", "> ", "'", '"', "#", "---", "..."),
        *("%YAML 1.1\n", "%TAG ! x:\n", "<<: ", "~", "null", "\t", "\ufeff", "\u2028", "\x00", "\x85", "é", "\\ud800"),
        *("nginx:1.27", "oci:dir", "quay.io/a/b", f"{digest('x')}", "linux/amd64", "1.10", "on", "x"),
    ]
)


@law
@given(
    st.one_of(
        st.lists(yaml_words, max_size=20).map("".join),
        st.lists(st.one_of(references.map(str), texts), max_size=5).map("\n".join),
        json_values.map(json.dumps),
        texts,
    ),
    st.sampled_from(["list.yaml", "list.txt", "-"]),
)
def test_image_lists(text: str, source: str) -> None:
    try:
        read = image_list.parse_image_list(text, source=source, parse_image=parse_image)
    except (Misuse, Several):
        return
    assert read.entries
    for entry in read.entries:
        if isinstance(entry, image_list.Entry):
            assert Reference.parse(str(entry.reference)) == entry.reference
        assert entry.where.startswith(f"{source}:")


rule_words = st.sampled_from(
    [
        *(
            "rules:",
            "\n- ",
            "\n  ",
            "from: ",
            "to: ",
            "tag: ",
            "on-conflict: ",
            "skip",
            "suffix",
            "*",
            '"*"',
            "[",
            "]",
            "{",
        ),
        *(
            "}",
            ", ",
            ": ",
            "quay.io/*",
            "nginx",
            "'*:1'",
            "a/*",
            "{tag}-{date}",
            "'{tag}'",
            "#",
            "&a ",
            "*a",
            "!!str ",
            "\x00",
        ),
    ]
)


@law
@given(st.one_of(st.lists(rule_words, max_size=25).map("".join), json_values.map(json.dumps), texts))
@example("rules: [{from: '*', to: '*'}]")
def test_rules_for_names(text: str) -> None:
    try:
        read = parse_rules(text, source="rules.yaml")
    except (Misuse, Several):
        return
    for rule in read.rules:
        assert rule.to is not None or rule.tag is not None or rule.on_conflict is not None
        assert rule.on_conflict in (None, *CONFLICT_POLICIES)


@law
@given(st.one_of(json_like, spoilt(GOOD_RECEIPT)))
def test_receipts(content: bytes) -> None:
    try:
        read = parse_receipt(content, what="test")
    except (Damaged, Refused):
        return
    assert parse_receipt(read.to_json(), what="test") == read
    for target in read.targets:
        for image in target.images:
            assert Reference.parse(str(Reference.parse(image.name)))
            for each in (image.digest, image.read_back, image.replaced):
                assert each is None or str(Digest.parse(each)) == each
    assert merged([read, read], ["a", "b"]).bundle_id == read.bundle_id


def with_checksum(block: bytes) -> bytes:
    return block[:148] + b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:]) + block[156:]


@law
@given(
    st.one_of(
        st.binary(min_size=512, max_size=512).map(with_checksum),
        st.binary(max_size=600),
        st.tuples(st.integers(0, 511), st.binary(min_size=1, max_size=20)).map(
            lambda change: with_checksum(
                (tar.header("name", 77)[: change[0]] + change[1] + tar.header("name", 77)[change[0] :])[:512]
            )
        ),
    )
)
def test_tar_headers(block: bytes) -> None:
    try:
        header = tar.parse_header(block, what="test")
    except Damaged:
        return
    assert header is None or (header.size_bytes >= 0 and len(header.type) == 1)


@law
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.tuples(st.integers(-1, 40), st.sampled_from(["size", "path", ""]), st.text("=\n0159a", max_size=20)),
            max_size=4,
        ).map(lambda records: "".join(f"{length} {key}={value}\n" for length, key, value in records).encode()),
    )
)
@example(b"0 =\n")
@example(b"9" * 5000 + b" a=b\n")
def test_extended_tar_headers(records: bytes) -> None:
    try:
        read = tar.parse_pax(records, what="test")
        size = tar.pax_size(read, 0, what="test")
    except Damaged:
        return
    assert size >= 0
    assert sum(len(key) + len(value) for key, value in read.items()) <= len(records)


@law
@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(
            st.sampled_from([b"0" * 64, b"  ", b"a", b"README.txt", b"\n", b"\r\n", b"*", b"..", b"/", b"\xff", b"A"]),
            max_size=12,
        ).map(b"".join),
    )
)
def test_lists_of_checksums(content: bytes) -> None:
    try:
        read = sums.parse_sums(content)
    except Damaged:
        return
    assert sums.format_sums(read) == content
    assert all("/" not in name and not name.startswith(".") for name in read)


@law
@given(
    st.one_of(
        st.text(max_size=100),
        st.lists(
            st.sampled_from(["Bearer ", "Basic ", "realm", "=", '"', "\\", ",", " ", "https://a/", "service", "\n"]),
            max_size=20,
        ).map("".join),
    )
)
def test_challenges(header: str) -> None:
    challenge = Challenge.parse(header)
    if challenge is not None:
        assert challenge.scheme in ("basic", "bearer")
        assert all(isinstance(value, str) and name == name.lower() for name, value in challenge.parameters.items())


address_parts = st.sampled_from(
    ["https:", "http:", "//", "[", "]", "::1", ":", "@", "a.b", "99999", "-1", "%", "/", "10.0.0.0/8"]
)
address_like = st.one_of(st.text(max_size=40), st.lists(address_parts, max_size=8).map("".join))


@law
@given(address_like)
def test_addresses(url: str) -> None:
    try:
        origin = Origin.of(url)
    except Refused:
        return
    assert origin.scheme in ("http", "https")
    assert 0 <= origin.port < 65536


@law
@given(st.one_of(address_like, address_like.map("https://r.example/".__add__)), st.sampled_from(Kind))
def test_addresses_that_servers_name(location: str, kind: Kind) -> None:
    try:
        url = checked(location, kind, by="https://r.example/v2/", allowed={"a.b"})
    except Refused:
        return
    origin = Origin.of(url)
    assert origin.scheme == "https"
    assert not set("#\\ ") & set(url)
    assert "@" not in url.split("/")[2]
    if kind in (Kind.RESENT, Kind.PAGE, Kind.TOKEN):
        assert origin == Origin("https", "r.example", 443)
    if kind is Kind.UPLOAD:
        assert origin.host in ("r.example", "a.b")


@law
@given(references, st.lists(address_like, max_size=3).map(",".join))
def test_exceptions_from_the_proxy(reference: Reference, no_proxy: str) -> None:
    environment = {"HTTPS_PROXY": "http://p", "NO_PROXY": no_proxy}
    assert proxy_for("https", reference.registry, environment) in (None, "http://p")


@law
@given(st.one_of(texts, st.from_regex(r"[a-z0-9:/@.\[\]-]{0,30}", fullmatch=True)))
@pytest.mark.parametrize(
    "parse",
    [Reference.parse, Platform.parse, parse_image, parse_target, parse_chunk_size, check_bundle_name],
    ids=["reference", "platform", "location", "target", "chunk size", "bundle name"],
)
def test_what_people_type(parse: Callable[[str], object], text: str) -> None:
    with suppress(Misuse):
        parse(text)


@law
@given(st.one_of(texts, st.none(), st.integers(), st.lists(texts), st.dictionaries(texts, texts)))
def test_digests(value: object) -> None:
    with suppress(Damaged):
        assert str(Digest.parse(value)) == value


PAIR = signing.generate(None)
overwritten = st.tuples(st.sampled_from(PAIR[:2]), st.integers(0, 130), st.binary(max_size=3)).map(
    lambda change: change[0][: change[1]] + change[2] + change[0][change[1] + len(change[2]) :]
)
armoured = st.tuples(
    st.sampled_from(["PUBLIC KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "CERTIFICATE"]), st.binary(max_size=60)
).map(
    lambda made: (
        b"-----BEGIN %b-----\n%b-----END %b-----\n" % (made[0].encode(), base64.encodebytes(made[1]), made[0].encode())
    )
)


@law
@given(st.one_of(st.binary(max_size=100), overwritten, armoured))
def test_keys(pem: bytes) -> None:
    with suppress(Misuse):
        signing.load_public(pem, origin="test")
    with suppress(Misuse):
        signing.load_private(pem, origin="test", passphrase=lambda: b"x")
