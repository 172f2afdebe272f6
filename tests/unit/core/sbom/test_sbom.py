"""SBOMs are found in every form that tools attach them in, and their packages are read."""

from __future__ import annotations

import base64
import json

from hypothesis import given, strategies

from bundler.core.limits import SBOM_DEPTH
from bundler.core.oci import OCI_MANIFEST
from bundler.core.sbom import Package, Wrapping, parse_sbom, places_in, unwrapped
from bundler.errors import Damaged
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.vectors.make import Content, artifact

SPDX = {
    "spdxVersion": "SPDX-2.3",
    "name": "app",
    "packages": [
        {"name": "zlib", "versionInfo": "1.3", "licenseConcluded": "NOASSERTION", "licenseDeclared": "Zlib"},
        {"name": "bash", "versionInfo": "5.2", "licenseConcluded": "GPL-3.0-or-later", "licenseDeclared": "NONE"},
        {"name": "bash", "versionInfo": "5.2", "licenseConcluded": "GPL-3.0-or-later"},
        {"name": "odd"},
    ],
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "metadata": {"component": {"group": "team", "name": "app"}},
    "components": [
        {"name": "a", "version": "1", "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Own"}}]},
        {"group": "org", "name": "b", "licenses": [{"expression": "MIT OR Apache-2.0"}], "components": [{"name": "c"}]},
    ],
}
EMPTY = Content("application/vnd.oci.empty.v1+json", b"{}")
PREDICATE = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}


def statement(predicate, kind="https://spdx.dev/Document"):
    return {"_type": "https://in-toto.io/Statement/v1", "predicateType": kind, "subject": [], "predicate": predicate}


def enveloped(document):
    payload = base64.b64encode(json.dumps(document).encode()).decode()
    return {"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": ""}]}


def places(*layers, kind="other", annotations=None, **more):
    made = artifact(EMPTY, *(Content(media_type, b"x") for media_type in layers), **more)
    document = json.loads(made.manifest.data)
    for layer in document["layers"]:
        layer |= {"annotations": annotations} if annotations else {}
    found = places_in(json.dumps(document).encode(), OCI_MANIFEST, kind=kind, what="test")
    return [(place.descriptor.media_type, place.wrapping, place.is_certain) for place in found]


def test_spdx_lists_each_package_once_with_the_licence_that_is_known():
    found = parse_sbom(SPDX, what="test")
    assert (found.format, found.name) == ("SPDX 2.3", "app")
    assert found.packages == (
        Package("bash", "5.2", "GPL-3.0-or-later"),
        Package("odd", "", ""),
        Package("zlib", "1.3", "Zlib"),
    )


def test_cyclonedx_lists_components_within_components():
    found = parse_sbom(CYCLONEDX, what="test")
    assert (found.format, found.name) == ("CycloneDX 1.5", "team/app")
    assert found.packages == (
        Package("a", "1", "MIT, Own"),
        Package("c", "", ""),
        Package("org/b", "", "MIT OR Apache-2.0"),
    )


@each_case("document", [None, [], {}, {"spdxVersion": "SPDX-3.0"}, {"spdxVersion": 2}, {"bomFormat": "other"}, "SPDX"])
def test_another_format_is_named_as_such(document):
    with raises(Damaged, subject="test", code="sbom-unreadable"):
        parse_sbom(document, what="test")


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=5), inner),
    max_leaves=10,
)


@given(
    strategies.fixed_dictionaries({"spdxVersion": strategies.just("SPDX-2.2"), "packages": JSON, "name": JSON})
    | strategies.fixed_dictionaries(
        {"bomFormat": strategies.just("CycloneDX"), "components": JSON, "metadata": JSON, "specVersion": JSON}
    )
)
def test_fields_of_any_type_are_read_or_left_out(document):
    for package in parse_sbom(document, what="test").packages:
        assert all(isinstance(each, str) for each in (package.name, package.version, package.licence))


def test_components_are_followed_to_a_bound():
    document = {"name": "innermost"}
    for level in range(SBOM_DEPTH + 20):
        document = {"name": str(level), "components": [document]}
    found = parse_sbom({"bomFormat": "CycloneDX", "components": [document]}, what="test")
    assert len(found.packages) == SBOM_DEPTH + 1


@each_case(
    "media_type, wrapping",
    [
        ("application/spdx+json", Wrapping.PLAIN),
        ("text/spdx+json", Wrapping.PLAIN),
        ("application/vnd.cyclonedx+json", Wrapping.PLAIN),
        ("application/vnd.syft+json", Wrapping.PLAIN),
        ("text/spdx", Wrapping.PLAIN),
    ],
)
def test_a_layer_of_a_type_of_sboms_is_one(media_type, wrapping):
    assert places(media_type) == [(media_type, wrapping, True)]


def test_the_kind_or_the_type_of_an_attachment_makes_its_layers_sboms():
    assert places("application/octet-stream") == []
    assert places("application/octet-stream", kind="sbom") == [("application/octet-stream", Wrapping.PLAIN, True)]
    assert places("a/b", artifactType="application/spdx+json") == [("a/b", Wrapping.PLAIN, True)]


@each_case(
    "media_type, wrapping",
    [
        ("application/vnd.in-toto+json", Wrapping.STATEMENT),
        ("application/vnd.dsse.envelope.v1+json", Wrapping.ENVELOPE),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", Wrapping.BUNDLE),
    ],
)
def test_the_predicate_type_tells_sboms_from_other_attestations(media_type, wrapping):
    assert places(media_type, annotations=PREDICATE) == [(media_type, wrapping, True)]
    assert places(media_type) == [(media_type, wrapping, False)]
    assert places(media_type, annotations={"predicateType": "https://cyclonedx.org/bom"})
    assert places(media_type, annotations={"predicateType": "https://slsa.dev/provenance/v1"}) == []
    other = {"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"}
    assert places(media_type, annotations=other) == []


@each_case(
    "document, wrapping",
    [
        (SPDX, Wrapping.PLAIN),
        (statement(SPDX), Wrapping.STATEMENT),
        (statement({"Data": json.dumps(SPDX), "Timestamp": "now"}), Wrapping.STATEMENT),
        (statement({"Data": SPDX}), Wrapping.STATEMENT),
        (enveloped(statement(SPDX)), Wrapping.ENVELOPE),
        ({"mediaType": "", "dsseEnvelope": enveloped(statement(SPDX))}, Wrapping.BUNDLE),
    ],
)
def test_the_document_is_found_in_its_wrapping(document, wrapping):
    assert unwrapped(json.dumps(document).encode(), wrapping, what="test") == SPDX


@each_case(
    "document, wrapping",
    [
        (statement({}, "https://slsa.dev/provenance/v1"), Wrapping.STATEMENT),
        (statement({}, None), Wrapping.STATEMENT),
        (enveloped(statement({}, "https://sigstore.dev/cosign/sign/v1")), Wrapping.ENVELOPE),
        ({"messageSignature": {}}, Wrapping.BUNDLE),
    ],
)
def test_a_statement_about_something_else_is_none(document, wrapping):
    assert unwrapped(json.dumps(document).encode(), wrapping, what="test") is None


@each_case(
    "content, wrapping",
    [
        (b"", Wrapping.PLAIN),
        (b'{"a":1,"a":2}', Wrapping.PLAIN),
        (b"[]", Wrapping.STATEMENT),
        (b"{}", Wrapping.ENVELOPE),
        (b'{"payload":"%"}', Wrapping.ENVELOPE),
        (b'{"payload":"e30"}', Wrapping.ENVELOPE),
        (b'{"payload":7}', Wrapping.ENVELOPE),
        (json.dumps(statement({"Data": "{"})).encode(), Wrapping.STATEMENT),
    ],
)
def test_a_broken_wrapping_is_damage(content, wrapping):
    with raises(Damaged):
        unwrapped(content, wrapping, what="test")
