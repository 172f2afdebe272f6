"""The inputs of the laws: names of every form, images of every size, and documents with one fault."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, Phase, settings, strategies as st

from bundler.core import oci, tar
from bundler.core.digest import Digest
from bundler.core.manifest import Variant
from bundler.core.mapping import Naming
from bundler.core.naming_rules import NamingRules, Pattern, Rule
from bundler.core.oci import Descriptor, ImageConfig, Manifest
from bundler.core.plan import ResolvedImage
from bundler.core.platform import Platform
from bundler.core.platform_names import meant
from bundler.core.policies import CONFLICT_POLICIES, MAPPINGS
from bundler.core.reference import Reference
from bundler.core.tag_template import TagTemplate

law = settings(
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
"""tests/conftest.py has the number of examples."""

MIB = 1 << 20

digests = st.builds(
    lambda word, algorithm: Digest.of(b"%d" % word, algorithm=algorithm),
    st.integers(0, 1 << 32),
    st.sampled_from(["sha256", "sha256", "sha512"]),
)

_word = st.sampled_from(["a", "0", "app", "9z", "library", "docker", "localhost", "x1y2"])
_component = st.builds(
    lambda first, more: first + "".join(more),
    _word,
    st.lists(st.tuples(st.sampled_from([".", "_", "__", "-", "---"]), _word).map("".join), max_size=2),
)
_host = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,5}[A-Za-z0-9])?\.[a-z0-9]{1,6}", fullmatch=True)
_port = st.integers(1, 65535).map(lambda port: f":{port}")
registries = st.one_of(
    st.sampled_from(["docker.io", "index.docker.io", "localhost", "quay.io", "[::1]", "[2001:db8::5]"]),
    _host,
    st.tuples(st.one_of(_host, st.just("host"), st.just("[::1]")), _port).map("".join),
)
repositories = st.lists(_component, min_size=1, max_size=4).map("/".join)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


@st.composite
def reference_texts(draw: st.DrawFn) -> str:
    """A reference as people write it, with and without each part."""
    repository = draw(repositories)
    registry = draw(st.one_of(st.just(""), registries.map(lambda text: f"{text}/")))
    if not registry and "/" in repository:
        # In front of a slash a dot makes a host, as Docker reads it.
        repository = repository.replace(".", "-")
    tag = draw(st.one_of(st.just(""), tags.map(lambda text: f":{text}")))
    digest = draw(st.one_of(st.just(""), digests.map(lambda each: f"@{each}")))
    return registry + repository + tag + digest


references = reference_texts().map(Reference.parse)

templates = st.lists(
    st.sampled_from(["{tag}", "{date}", "{bundle}", "{digest12}", "v", "1", "rc"]), min_size=1, max_size=4
).flatmap(lambda parts: st.sampled_from(["", "-", ".", "_"]).map(lambda mark: mark.join(parts)))
"""Templates for tags, as people write them."""


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """A pattern of naming rules: all, a beginning of some name, or a whole name, each with and without a tag."""
    name = draw(references).name
    length = draw(st.integers(len(name.partition("/")[0]) + 1, len(name)))
    text = draw(st.sampled_from(["*", f"{name[:length]}*", name]))
    return text + draw(st.one_of(st.just(""), tags.map(lambda tag: f":{tag}")))


@st.composite
def _rules(draw: st.DrawFn) -> Rule:
    pattern = Pattern.parse(draw(patterns()))
    to = draw(st.one_of(st.none(), repositories))
    if to is not None and pattern.is_prefix:
        to += draw(st.sampled_from(["", "*", "/*"]))
    tag = draw(st.one_of(st.none(), templates.map(TagTemplate.parse)))
    return Rule(pattern, to, tag, draw(st.sampled_from([None, *CONFLICT_POLICIES])))


@st.composite
def namings(draw: st.DrawFn) -> Naming:
    """Names of images at a target, by a few rules."""
    rules = tuple(draw(st.lists(_rules(), max_size=3)))
    return Naming(draw(st.sampled_from(MAPPINGS)), NamingRules(rules), draw(tags), "20261123")


_platform_part = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
platforms = st.one_of(
    st.sampled_from(["linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "windows/amd64"]),
    st.lists(_platform_part, min_size=2, max_size=3).map("/".join).filter(lambda text: meant(text) is None),
).map(Platform.parse)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any text that UTF-8 can hold."""

configs = st.builds(
    ImageConfig,
    platform=platforms,
    created=texts,
    env=st.lists(texts, max_size=3).map(tuple),
    entrypoint=st.lists(texts, max_size=2).map(tuple),
    cmd=st.lists(texts, max_size=2).map(tuple),
    working_dir=texts,
    user=texts,
    labels=st.dictionaries(texts, texts, max_size=3),
)

chunk_sizes = st.one_of(
    st.integers(MIB, MIB + 2000),
    st.integers(MIB, 64 * MIB),
    st.integers(8 << 30, 100_000_000_000),  # pax headers begin there
)


def _blob_sizes(chunk_size_bytes: int) -> st.SearchStrategy[int]:
    """Sizes that try the edges: nothing, a block, a chunk, several chunks, and a byte more or less of each."""
    capacity = chunk_size_bytes - len(tar.END)
    edges = [0, 1, 511, 512, 513, capacity // 2, capacity - 512, capacity - 1536, capacity, 2 * capacity, 3 * capacity]
    near = st.tuples(st.sampled_from(edges), st.integers(-513, 513)).map(lambda pair: max(0, sum(pair)))
    return st.one_of(st.sampled_from(edges), near, st.integers(0, 4 * chunk_size_bytes), st.integers(0, 5000))


_names = st.sampled_from(
    ["nginx:1.27", "quay.io/a/b:2", "host:5000/app", f"a/b@{Digest.of(b'x')}", f"[::1]:5000/c/d:1@{Digest.of(b'y')}"]
).map(Reference.parse)


_no_metadata = st.just(ImageConfig(Platform("linux", "amd64")))


@st.composite
def image_sets(
    draw: st.DrawFn, metadata: st.SearchStrategy[ImageConfig] = _no_metadata
) -> tuple[list[ResolvedImage], int]:
    """Some images, which may share layers, and a chunk size."""
    chunk_size = draw(chunk_sizes)
    media_types = st.sampled_from([f"application/vnd.oci.image.layer.v1.tar{end}" for end in ("", "+gzip", "+zstd")])
    layers = draw(
        st.lists(
            st.builds(Descriptor, media_types, digests, _blob_sizes(chunk_size)),
            min_size=1,
            max_size=6,
            unique_by=lambda each: each.digest,
        )
    )
    names = draw(st.lists(_names, min_size=1, max_size=3, unique=True))
    return [_image(draw, name, layers, metadata) for name in names], chunk_size


def _image(
    draw: st.DrawFn, name: Reference, layers: list[Descriptor], metadata: st.SearchStrategy[ImageConfig]
) -> ResolvedImage:
    manifests, variants = [], []
    for number in range(draw(st.integers(1, 2))):
        word = f"{name} {number}".encode()
        manifest = Manifest(
            Descriptor(oci.OCI_MANIFEST, Digest.of(b"manifest of " + word), draw(st.integers(2, 3000))),
            config=Descriptor(oci.OCI_CONFIG, Digest.of(b"config of " + word), draw(st.integers(2, 3000))),
            layers=tuple(draw(st.lists(st.sampled_from(layers), max_size=4))),
        )
        manifests.append(manifest)
        variants.append(Variant(manifest.descriptor.digest, draw(metadata), draw(st.integers(0, 1 << 40))))
    if len(manifests) > 1:
        root = Descriptor(oci.OCI_INDEX, Digest.of(f"index of {name}".encode()), 1000)
        manifests.append(Manifest(root, children=tuple(each.descriptor for each in manifests)))
    made_from = draw(st.one_of(st.none(), digests))
    if name.digest:  # a name never asks for other bytes than its root
        name = name.pinned(manifests[-1].descriptor.digest)
    return ResolvedImage(name, f"docker://{name}", tuple(manifests), tuple(variants), made_from)


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.sampled_from([2**53, 2**53 + 1, 2**63, -1, 0.5, "", "sha256:x", "a/b:1", "linux", "\ud800", "\x00"]),
        texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(texts, st.sampled_from(["digest", "size", "mediaType"])), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def spoilt(draw: st.DrawFn, good: Any) -> bytes:
    """A good document in which one to three values are others, missing, or doubled."""
    document = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        place = document
        for _ in range(draw(st.integers(0, 6))):
            inner = list(place.values()) if isinstance(place, dict) else list(place)
            inner = [each for each in inner if isinstance(each, (dict, list)) and each]
            if not inner:
                break
            place = draw(st.sampled_from(inner))
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        match draw(st.sampled_from(["replace", "remove", "double"])):
            case "remove" if len(place) > 1:
                del place[key]
            case "double" if isinstance(place, list):
                place.append(copy.deepcopy(place[key]))
            case _:
                place[key] = draw(json_values)
    return json.dumps(document).encode()
