"""The lists of an inventory are the same in whatever order things were found, and each thing is in them once."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bundler.core.inventory import HeldBlob, Inventory, parse_inventory
from bundler.core.inventory_table import NO_TABLE, FoundManifest, FoundRepository, Table, table
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from tests.property.strategies import law
from tests.unit.values import digest, layer

SHARED, OWN, OTHER = layer("shared", 900), layer("own", 100), layer("other", 70)
ONE = Manifest(Descriptor(OCI_MANIFEST, digest("one"), 300), layers=(SHARED, OWN, SHARED))
TWO = Manifest(Descriptor(OCI_MANIFEST, digest("two"), 300), layers=(SHARED, OTHER))
INDEX = Manifest(
    Descriptor(OCI_INDEX, digest("index"), 500), children=(ONE.descriptor, TWO.descriptor, layer("absent", 3))
)
FOUND = {each.descriptor.digest: FoundManifest.of(each) for each in (ONE, TWO, INDEX)}
REPOSITORIES = [
    FoundRepository("b", {"2": digest("two"), "1": digest("one")}, frozenset({digest("one"), digest("two")})),
    FoundRepository("a", {"x": digest("index")}, frozenset(FOUND)),
    FoundRepository("empty"),
]


def written(made: Table) -> Inventory:
    """The table in an inventory that was written and read."""
    value = Inventory(
        "t", "registry.example.com", "registry", "c", "o", "h", made.repositories, made.manifests, made.blobs
    )
    assert parse_inventory(b"".join(value.to_json()), what="inventory") == value
    return value


def test_each_blob_and_manifest_is_there_once_and_a_repository_has_those_of_all_its_manifests():
    made = written(table(REPOSITORIES, FOUND))
    assert [each.name for each in made.repositories] == ["a", "b"]
    assert {blob.digest: blob.size_bytes for blob in made.blobs} == {
        each.digest: each.size_bytes for each in (SHARED, OWN, OTHER)
    }
    index = dict(made.repositories[0].tags)["x"]
    assert {made.manifests[child].descriptor for child in made.manifests[index].children} == {
        ONE.descriptor,
        TWO.descriptor,
    }
    assert {made.blobs[number].digest for number in made.blobs_of(index)} == {
        each.digest for each in (SHARED, OWN, OTHER)
    }
    assert [tag for tag, _ in made.repositories[1].tags] == ["1", "2"]


def test_a_blob_with_two_sizes_is_there_once_with_the_smaller_one():
    other = FoundManifest(TWO.descriptor, (), (HeldBlob(SHARED.digest, 7), HeldBlob(SHARED.digest, 8)))
    held = frozenset({digest("one"), digest("two")})
    made = table([FoundRepository("a", {}, held)], {**FOUND, digest("two"): other})
    assert {blob.digest: blob.size_bytes for blob in written(made).blobs}[SHARED.digest] == 7


def test_nothing_is_nothing():
    assert table([], {}) == NO_TABLE


@law
@given(st.permutations(REPOSITORIES), st.permutations(list(FOUND.items())))
def test_the_order_in_which_things_were_found_changes_nothing(repositories, manifests):
    assert table(repositories, dict(manifests)) == table(REPOSITORIES, FOUND)


def test_an_attachment_has_the_number_of_its_subject_if_the_place_has_that():
    attached = FoundManifest(Descriptor(OCI_MANIFEST, digest("signature"), 100), subject=digest("index"))
    stray = FoundManifest(Descriptor(OCI_MANIFEST, digest("stray"), 100), subject=digest("absent"))
    found = {**FOUND, digest("signature"): attached, digest("stray"): stray}
    made = written(table([FoundRepository("a", {}, frozenset(found))], found))
    subjects = {each.descriptor.digest: each.subject for each in made.manifests}
    assert made.manifests[subjects.pop(digest("signature"))].descriptor == INDEX.descriptor
    assert set(subjects.values()) == {None}
