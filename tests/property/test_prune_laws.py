"""The laws of a prune over random histories of pushes, signatures and imports: whatever keeps a tag keeps it whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from bundler.core.digest import Digest
from bundler.core.inventory import HeldBlob
from bundler.core.inventory_table import FoundManifest, FoundRepository, table
from bundler.core.oci import Descriptor
from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.retention.choice import Fate
from bundler.core.retention.imported import ImportedBundle, imported_bundle, joined
from bundler.core.retention.plan import Known, Plan, plan
from bundler.core.retention.rules import ANY_TAG, Retention, RetentionRule
from bundler.core.tag_choice import BY_CREATED, BY_VERSION, TagChoice
from tests.support.sweeps import IS_FULL

HOST = "registry.internal:5000"
REPOSITORIES = ("team/app", "team/tool")
TAGS = ("1.0", "1.1", "1.2-rc1", "2.0", "2", "latest", "ci-1", "ci-2")
KINDS = ("platform", "apps")


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def blob(number: int) -> HeldBlob:
    return HeldBlob(digest(f"blob {number}"), 100 + number)


def bundles_of(receipts: Iterable[Receipt]) -> tuple[ImportedBundle, ...]:
    return joined(
        each for receipt in receipts if (each := imported_bundle(receipt, HOST, {}, "2026-11-30T00:00:00Z")) is not None
    )


@dataclass
class Registry:
    """A registry as distribution 2.8 keeps it: a DELETE by digest takes all tags of the digest along."""

    known: dict[Digest, FoundManifest] = field(default_factory=dict)
    held: dict[str, set[Digest]] = field(default_factory=lambda: {name: set() for name in REPOSITORIES})
    tags: dict[str, dict[str, Digest]] = field(default_factory=lambda: {name: {} for name in REPOSITORIES})
    receipts: list[Receipt] = field(default_factory=list)

    def add(self, repository: str, name: str, **more: object) -> Digest:
        found = digest(name)
        self.known.setdefault(found, FoundManifest(Descriptor("application/json", found, 1000), **more))  # type: ignore[arg-type]
        self.held[repository].add(found)
        return found

    def image(self, repository: str, number: int) -> Digest:
        """Image 0 to 3 is for one platform; image 4 to 7 is an index of two of these."""
        if number < 4:
            return self.add(repository, f"image {number}", blobs=(blob(number), blob(9)))
        children = (self.image(repository, number - 4), self.image(repository, (number - 3) % 4))
        return self.add(repository, f"index {number}", children=children)

    def attach(self, repository: str, subject: Digest, how: str) -> None:
        if how == "cosign":
            tag = f"sha256-{subject.encoded}.sig"
            self.tags[repository][tag] = self.add(repository, f"signature of {subject}", blobs=(blob(7),))
            return
        referrer = self.add(repository, f"referrer of {subject}", blobs=(blob(8),), subject=subject)
        if how == "fallback":
            index = self.add(repository, f"fallback of {subject}", children=(referrer,))
            self.tags[repository][f"sha256-{subject.encoded}"] = index

    def pulled(self, repository: str, tag: str) -> frozenset[Digest]:
        """All that a client gets for a tag."""
        return self.needed(repository, self.tags[repository][tag])

    def needed(self, repository: str, root: Digest) -> frozenset[Digest]:
        """The manifests below one, and what is attached to each of them."""
        found: set[Digest] = set()
        left = [root]
        while left:
            each = left.pop()
            if each in found:
                continue
            assert each in self.held[repository], f"{repository} lacks a manifest"
            found.add(each)
            left += self.known[each].children
            left += [other for other in self.held[repository] if self.known[other].subject == each]
            left += [to for name, to in self.tags[repository].items() if name.split(".")[0] == f"sha256-{each.encoded}"]
        return frozenset(found)

    def blobs(self) -> set[HeldBlob]:
        """The blobs that a garbage collection leaves."""
        return {found for held in self.held.values() for each in held for found in self.known[each].blobs}

    def apply(self, planned: Plan) -> None:
        for each in planned.repositories:
            for tag in each.tags:
                del self.tags[each.name][tag.tag]
            for going in each.manifests:
                found = going.descriptor.digest
                taken = {tag for tag, to in self.tags[each.name].items() if to == found}
                assert taken == set(going.tags), "a tag was taken along that the plan does not name"
                self.held[each.name].remove(found)
                for tag in taken:
                    del self.tags[each.name][tag]

    def contents(self) -> Known:
        found = [FoundRepository(name, self.tags[name], frozenset(self.held[name])) for name in REPOSITORIES]
        manifests = {each: self.known[each] for held in self.held.values() for each in held}
        dates = {digest(f"image {number}"): number * 1000 for number in (0, 1, 3)}
        return Known(table(found, manifests), bundles_of(self.receipts), dates)


def random_registry(chance: Random) -> Registry:
    """A registry after some pushes, signatures and imports."""
    registry = Registry()
    for number in range(chance.randint(4, 16)):
        match chance.choice(("push", "push", "sign", "sign", "import")):
            case "push":
                repository = chance.choice(REPOSITORIES)
                registry.tags[repository][chance.choice(TAGS)] = registry.image(repository, chance.randrange(8))
            case "sign":
                repository = chance.choice(REPOSITORIES)
                # Of a tag or of any manifest, so that signatures are signed too, and manifests without a tag.
                subjects = sorted([*registry.tags[repository].values(), *registry.held[repository]])
                if subjects:
                    registry.attach(repository, chance.choice(subjects), chance.choice(("cosign", "api", "fallback")))
            case "import":
                registry.receipts.append(imported(registry, chance, number))
    return registry


def imported(registry: Registry, chance: Random, number: int) -> Receipt:
    outcome = chance.choice(("pushed", "pushed", "failed"))
    pushed = []
    for _ in range(chance.randint(1, 4)):
        repository, tag = chance.choice(REPOSITORIES), chance.choice(TAGS)
        found = registry.tags[repository][tag] = registry.image(repository, chance.randrange(8))
        name = f"{HOST}/{repository}:{tag}"
        pushed.append(ReceiptImage(name, name, str(found), outcome, 1))
    name, started = f"{chance.choice(KINDS)}-2026.{number}", f"2026-11-{number + 1:02}T00:00:00Z"
    target = ReceiptTarget(HOST, "registry", 1, tuple(pushed))
    return Receipt(
        "bundler", digest(name).encoded, name, (), (), (), "me", "here", started, started, 0, None, (target,)
    )


def random_retention(chance: Random) -> Retention:
    rules = tuple(
        RetentionRule(
            repositories=chance.choice(((), ("team/app",), ("team/*",))),
            tags=chance.choice((ANY_TAG, TagChoice(match=("ci-*",)), TagChoice(without=("latest",)))),
            keep_last=chance.choice((None, 0, 0, 1, 2)),
            by=chance.choice((BY_VERSION, BY_CREATED)),
        )
        for _ in range(chance.randint(0, 3))
    )
    return Retention(chance.choice((None, 1, 1, 2)), rules, chance.choice(((), (), ("team/t*",))))


def registries(first: int) -> Iterator[tuple[Registry, Retention, Random]]:
    """Random registries, with random rules; other ones for each law."""
    for seed in range(first, first + (4000 if IS_FULL else 400)):
        chance = Random(seed)
        yield random_registry(chance), random_retention(chance), chance


def test_what_stays_is_pulled_whole_and_what_goes_is_gone():
    for registry, retention, _ in registries(0):
        planned = plan(registry.contents(), retention)
        fates = {(each.name, verdict.tag): verdict.fate for each in planned.repositories for verdict in each.verdicts}
        before = {place: registry.pulled(*place) for place in fates}
        registry.apply(planned)
        for (repository, tag), fate in fates.items():
            if fate is Fate.REMOVED:
                assert tag not in registry.tags[repository]
            else:
                assert registry.pulled(repository, tag) == before[repository, tag]


def test_it_frees_what_it_says():
    for registry, retention, _ in registries(10_000):
        planned = plan(registry.contents(), retention)
        blobs, manifests = registry.blobs(), set[Digest]().union(*registry.held.values())
        registry.apply(planned)
        gone = blobs - registry.blobs()
        lost = manifests - set[Digest]().union(*registry.held.values())
        assert planned.freed.blobs == len(gone)
        assert planned.freed.size_bytes == sum(each.size_bytes for each in gone) + 1000 * len(lost)


def test_nothing_goes_but_what_removed_tags_and_old_bundles_needed():
    for registry, retention, _ in registries(20_000):
        planned = plan(registry.contents(), retention)
        for each in planned.repositories:
            roots = [registry.tags[each.name][v.tag] for v in each.verdicts if v.fate is Fate.REMOVED]
            old = [found for bundle in planned.bundles.old for found in bundle.digests_in(each.name)]
            needed = set[Digest]().union(*(registry.needed(each.name, root) for root in (*roots, *old)))
            assert {going.descriptor.digest for going in each.manifests} <= needed


def test_nothing_stays_that_only_removed_tags_needed():
    for registry, retention, _ in registries(30_000):
        planned = plan(registry.contents(), retention)
        lost = {
            each.name: [registry.tags[each.name][v.tag] for v in each.verdicts if v.fate is Fate.REMOVED]
            for each in planned.repositories
        }
        needed = {
            name: set[Digest]().union(*(registry.needed(name, root) for root in roots)) for name, roots in lost.items()
        }
        protected = {
            name: set[Digest]().union(
                *(registry.needed(name, found) for bundle in planned.bundles.kept for found in bundle.digests_in(name))
            )
            for name in lost
        }
        registry.apply(planned)
        for name, candidates in needed.items():
            kept = set[Digest]().union(
                protected[name], *(registry.needed(name, root) for root in registry.tags[name].values())
            )
            assert candidates & registry.held[name] <= kept


def test_the_newest_bundles_of_each_kind_stay_whole():
    for registry, _, chance in registries(40_000):
        number = chance.randint(1, 3)
        known = registry.contents()
        planned = plan(
            known, Retention(number, (RetentionRule(keep_last=0, by=BY_CREATED), RetentionRule(keep_last=0)))
        )
        newest = {
            kind: [each for each in registry.receipts if each.bundle_name.startswith(kind)][-number:] for kind in KINDS
        }
        images = [image for found in newest.values() for each in found for image in each.targets[0].images]
        places = [
            (image.name.removeprefix(f"{HOST}/").rpartition(":")[0], Digest.parse(image.digest)) for image in images
        ]
        before = [registry.needed(*place) for place in places]
        registry.apply(planned)
        assert [registry.needed(*place) for place in places] == before


def test_nothing_goes_where_something_could_not_be_read():
    for registry, retention, chance in registries(50_000):
        known, unread = registry.contents(), chance.choice(REPOSITORIES)
        planned = plan(Known(known.table, known.bundles, known.dates, {unread: "denied"}), retention)
        assert unread not in {each.name for each in planned.changed}


def test_no_manifest_goes_before_one_that_lists_it():
    for registry, retention, _ in registries(60_000):
        for each in plan(registry.contents(), retention).repositories:
            order = [going.descriptor.digest for going in each.manifests]
            for place, found in enumerate(order):
                assert not set(registry.known[found].children) & set(order[:place])
