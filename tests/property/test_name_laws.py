"""A printed value is read back as the same value, and reading normalises once and for all."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, strategies as st

from bundler.bundle import sums
from bundler.core import tar
from bundler.core.digest import Digest
from bundler.core.mapping import Naming, target_names
from bundler.core.naming_rules import NamingRules, Pattern
from bundler.core.plan import parse_chunk_size
from bundler.core.platform import Platform
from bundler.core.policies import FLATTEN, MAPPINGS
from bundler.core.reference import NAME_CHARACTERS, Reference, is_tag
from bundler.core.registry_kind import REGISTRY_KINDS, RegistryKind
from bundler.core.tag_template import TagTemplate, digest_tag, suffixed
from bundler.errors import Misuse, Several
from bundler.transports.oci_archive import ArchiveTarget, OciArchiveImage
from bundler.transports.oci_layout import LayoutImage, LayoutTarget
from bundler.transports.parsing import parse_image, parse_target
from bundler.transports.registry import RegistryImage, RegistryTarget
from tests.property.strategies import (
    digests,
    law,
    namings,
    patterns,
    platforms,
    reference_texts,
    references,
    registries,
    repositories,
    tags,
    templates,
)

pytestmark = pytest.mark.no_cover  # thousands of rounds through what other tests run as well

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
        # oci:// is Helm's, so a layout's path never begins with two slashes.
        st.builds(
            LayoutImage,
            paths.filter(lambda path: not path.startswith("//")),
            st.one_of(st.none(), tags, references.map(str)),
        ),
        st.builds(OciArchiveImage, paths, st.one_of(st.none(), tags, references.map(str))),
    )
)
def test_a_location_is_read_back_as_it_is_printed(location: RegistryImage | LayoutImage | OciArchiveImage) -> None:
    assert parse_image(str(location)) == location


@law
@given(registries, st.one_of(st.just(""), repositories))
def test_a_target_is_read_back_as_it_is_printed(registry: str, prefix: str) -> None:
    target = parse_target(f"{registry}/{prefix}" if prefix else registry)
    assert parse_target(str(target)) == target
    assert parse_target(f"docker://{target}") == target


images_at_a_target = st.lists(st.tuples(references, digests), min_size=1, max_size=4, unique_by=lambda pair: pair[0])
targets = st.builds(
    lambda registry, prefix: parse_target(f"{registry}/{prefix}" if prefix else registry),
    registries,
    st.one_of(st.just(""), repositories),
)


@law
@given(images_at_a_target, targets, namings(), st.sampled_from(list(REGISTRY_KINDS.values())))
def test_no_two_images_get_one_name_and_every_name_is_read_back(
    images: list[tuple[Reference, Digest]], target: RegistryTarget, naming: Naming, kind: RegistryKind
) -> None:
    try:
        named = target_names(dict(images), target, naming, kind)
    except (Misuse, Several):
        return
    assert set(named) == {reference for reference, _ in images}
    assert len({(each.name, each.tag, each.digest if not each.tag else None) for each in named.values()}) == len(images)
    for origin, name in named.items():
        assert (name.registry, name.digest) == (target.registry, origin.digest)
        assert name.repository.startswith(f"{target.prefix}/" if target.prefix else "")
        assert kind.fault(name.repository, target.prefix) is None
        if name.registry != "docker.io" or "/" in name.repository:  # there one part is completed with library/
            assert Reference.parse(str(name)) == name


@law
@given(images_at_a_target, targets, st.sampled_from(MAPPINGS))
def test_without_rules_tags_stay_and_names_keep_what_distinguished_them(
    images: list[tuple[Reference, Digest]], target: RegistryTarget, mapping: str
) -> None:
    try:
        named = target_names(dict(images), target, Naming(mapping))
    except (Misuse, Several):
        return
    for origin, name in named.items():
        assert name.tag == (origin.tag or digest_tag(dict(images)[origin]))
        kept = origin.repository.replace("/", "-") if mapping == FLATTEN else origin.repository
        assert name.repository.endswith(kept)


@law
@given(images_at_a_target, targets, namings(), st.randoms(use_true_random=False))
def test_names_depend_on_nothing_but_the_images_and_the_rules(
    images: list[tuple[Reference, Digest]], target: RegistryTarget, naming: Naming, random: Random
) -> None:
    shuffled, rules = list(images), list(naming.rules.rules)
    random.shuffle(shuffled)
    random.shuffle(rules)
    patterns = [rule.pattern for rule in rules]
    if len(set(patterns)) < len(patterns):
        return  # a file with such rules is refused
    other = replace(naming, rules=NamingRules(tuple(rules)))
    try:
        named = target_names(dict(images), target, naming)
    except (Misuse, Several):
        with pytest.raises((Misuse, Several)):
            target_names(dict(shuffled), target, other)
        return
    assert target_names(dict(shuffled), target, other) == named


@law
@given(images_at_a_target, namings())
def test_layouts_and_archives_keep_every_name(images: list[tuple[Reference, Digest]], naming: Naming) -> None:
    for target in (LayoutTarget("out"), ArchiveTarget("out.tar")):
        try:
            named = target_names(dict(images), target, naming)
        except (Misuse, Several):
            bare = {(each.name, each.tag) for each, _ in images if each.tag}
            assert len(bare) < len([each for each, _ in images if each.tag])
            return
        assert all(origin == name for origin, name in named.items())


@law
@given(templates, st.one_of(st.none(), tags), digests, tags, st.from_regex(r"[0-9]{8}", fullmatch=True))
def test_a_template_gives_the_same_tag_every_time(
    template: str, tag: str | None, digest: Digest, bundle: str, date: str
) -> None:
    made = TagTemplate.parse(template).expand(tag=tag, digest=digest, bundle=bundle, date=date)
    assert made == TagTemplate.parse(template).expand(tag=tag, digest=digest, bundle=bundle, date=date)
    assert (made is None) == (tag is None and "{tag}" in template)
    if made is not None:
        assert "{" not in made
        assert is_tag(made) or len(made) > 128


@law
@given(st.one_of(templates, st.text(max_size=20), st.from_regex(r"[a-z{}.-]{1,20}", fullmatch=True)), digests)
def test_any_text_that_is_taken_for_a_template_makes_tags(text: str, digest: Digest) -> None:
    try:
        template = TagTemplate.parse(text)
    except Misuse:
        return
    made = template.expand(tag="1", digest=digest, bundle="b", date="20261123")
    assert made is not None
    assert is_tag(made) or len(made) > 128


@law
@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True), digests, digests)
def test_a_tag_next_to_another_is_a_tag_and_of_one_image_only(tag: str, digest: Digest, other: Digest) -> None:
    made = suffixed(tag, digest)
    assert is_tag(made)
    assert made == suffixed(tag, digest)
    assert (made == suffixed(tag, other)) == (digest.short == other.short)


@law
@given(references, patterns())
def test_a_pattern_that_begins_like_a_name_fits_it_and_is_read_back(reference: Reference, text: str) -> None:
    pattern = Pattern.parse(text)
    assert pattern.matches(reference) in (True, False)
    own = Pattern.parse(reference.name)
    assert own.matches(reference)
    for length in range(len(reference.name.partition("/")[0]) + 1, len(reference.name), 3):
        begins = Pattern.parse(f"{reference.name[:length]}*")
        assert begins.matches(reference)
        assert begins.precedence < own.precedence


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
