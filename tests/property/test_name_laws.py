"""What is printed is read back as the same value, and reading normalises once and for all."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from bundler.bundle import sums
from bundler.core import mapping, tar
from bundler.core.digest import Digest
from bundler.core.location import ArchiveImage, LayoutImage, RegistryImage, RegistryTarget, parse_image, parse_target
from bundler.core.plan import parse_chunk_size
from bundler.core.platform import Platform
from bundler.core.reference import NAME_CHARACTERS, Reference
from bundler.errors import Misuse, Several
from tests.property.strategies import (
    digests,
    law,
    platforms,
    reference_texts,
    references,
    registries,
    repositories,
    tags,
)

paths = st.from_regex(r"[A-Za-z0-9._/ -]{1,20}", fullmatch=True)


@law
@given(digests)
def test_a_digest_is_read_back_as_it_is_printed(digest: Digest) -> None:
    assert Digest.parse(str(digest)) == digest
    assert digest.path == "blobs/" + str(digest).replace(":", "/")


@law
@given(reference_texts())
@example("docker.io")
@example("a.b/docker.io/c")
def test_a_reference_is_read_back_as_it_is_printed(text: str) -> None:
    reference = Reference.parse(text)
    assert Reference.parse(str(reference)) == reference
    assert str(Reference.parse(str(reference))) == str(reference)


@law
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[a-z0-9./:@_\[\]-]{1,40}", fullmatch=True)))
def test_any_text_that_is_taken_for_a_reference_is_one(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except Misuse:
        return
    assert Reference.parse(str(reference)) == reference
    assert str(reference).isascii()
    assert len(reference.name) <= NAME_CHARACTERS
    assert ".." not in reference.repository
    assert reference.tag or reference.digest


@law
@given(references, digests)
def test_a_pin_changes_nothing_but_the_digest(reference: Reference, digest: Digest) -> None:
    pinned = reference.pinned(digest)
    assert (pinned.name, pinned.tag, pinned.target) == (reference.name, reference.tag, str(digest))
    assert Reference.parse(str(pinned)) == pinned


@law
@given(platforms)
def test_a_platform_is_read_back_as_it_is_printed_and_accepts_itself(platform: Platform) -> None:
    assert Platform.parse(str(platform)) == platform
    assert platform.accepts(platform)


@law
@given(platforms, platforms)
def test_acceptance_of_platforms_goes_both_ways(one: Platform, other: Platform) -> None:
    assert one.accepts(other) == other.accepts(one)


@law
@given(
    st.one_of(
        st.builds(RegistryImage, references),
        st.builds(LayoutImage, paths, st.one_of(st.none(), tags, references.map(str))),
        st.builds(ArchiveImage, paths, st.one_of(st.none(), tags, references.map(str))),
    )
)
def test_a_location_is_read_back_as_it_is_printed(location: RegistryImage | LayoutImage | ArchiveImage) -> None:
    assert parse_image(str(location)) == location


@law
@given(registries, st.one_of(st.just(""), repositories))
def test_a_target_is_read_back_as_it_is_printed(registry: str, prefix: str) -> None:
    target = parse_target(f"{registry}/{prefix}" if prefix else registry)
    assert parse_target(str(target)) == target
    assert parse_target(f"docker://{target}") == target


@law
@given(
    st.lists(references, min_size=1, max_size=4, unique=True),
    registries,
    st.one_of(st.just(""), repositories),
    st.sampled_from(mapping.MAPPINGS),
)
def test_no_two_images_get_one_name(names: list[Reference], registry: str, prefix: str, chosen: str) -> None:
    try:
        mapped = mapping.target_names(names, RegistryTarget(registry, prefix), chosen)
    except (Misuse, Several):
        return
    assert set(mapped) == set(names)
    assert len({(each.name, each.tag, each.digest if not each.tag else None) for each in mapped.values()}) == len(names)
    for origin, name in mapped.items():
        assert (name.registry, name.tag, name.digest) == (registry, origin.tag, origin.digest)
        assert name.repository.endswith(origin.repository)


@law
@given(
    st.dictionaries(
        st.one_of(st.just("README.txt"), st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}", fullmatch=True)),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        min_size=1,
        max_size=8,
    )
)
def test_a_list_of_checksums_is_read_back_as_it_is_written(listed: dict[str, str]) -> None:
    read = sums.parse_sums(sums.format_sums(listed))
    assert list(read.items()) == list(listed.items())


@law
@given(st.integers(1 << 20, 10**15 - 1))
def test_a_chunk_size_is_the_same_in_any_unit(size: int) -> None:
    assert parse_chunk_size(str(size)) == size
    assert parse_chunk_size(f"{size // 1024 + 1024}KiB") == (size // 1024 + 1024) * 1024


names = st.from_regex(r"[a-z0-9][a-z0-9./_-]{0,254}", fullmatch=True)


@law
@given(names, st.integers(0, 1 << 50))
@example("a" * 100, (8 << 30) - 1)
@example("a" * 101, 8 << 30)
def test_a_tar_header_is_read_back_as_it_is_written(name: str, size: int) -> None:
    blocks = tar.header(name, size)
    assert len(blocks) == tar.header_bytes(name, size)
    assert tar.member_bytes(name, size) % tar.BLOCK_BYTES == 0
    header, records = tar.parse_header(blocks[-512:], what="test"), {}
    extended = tar.parse_header(blocks[:512], what="test")
    assert header is not None
    assert extended is not None
    if len(blocks) > 512:
        assert extended.type == tar.PAX
        records = tar.parse_pax(blocks[512 : 512 + extended.size_bytes], what="test")
    assert records.get("path", header.name) == name
    assert tar.pax_size(records, header.size_bytes, what="test") == size
