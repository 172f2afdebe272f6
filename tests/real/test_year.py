"""A year of monthly lists, with losses on the way and at the target: either the target has the newest list, or the run says
what is missing, and nothing has moved."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import bundler
from bundler import errors
from tests.support import months
from tests.support.images import sha256
from tests.support.parts import RealRegistry

NAMES = [f"n{number}" for number in range(6)]
LAYERS = [f"y{number}" for number in range(24)]


def lists(chance: random.Random) -> Iterator[dict[str, list[str]]]:
    """The images of twelve months: tags move, names come and go, layers are shared and come back."""
    month = {name: [LAYERS[0], chance.choice(LAYERS)] for name in NAMES[:4]}
    for _ in range(12):
        yield {name: list(layers) for name, layers in month.items()}
        for name in chance.sample(NAMES, 2):
            month[name] = [LAYERS[0], *chance.sample(LAYERS, chance.randint(1, 2))]
        if len(month) > 3 and chance.random() < 0.5:
            del month[chance.choice(sorted(month))]


@dataclass
class Year:
    """The builder's bundles, those that have arrived, and the registry on the other side."""

    folder: Path
    registry: RealRegistry
    chance: random.Random
    made: list[Path] = field(default_factory=list)
    arrived: list[Path] = field(default_factory=list)
    proofs: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        pair = bundler.keygen(bundler.KeygenRequest("maker", self.folder))
        self.private, self.public = pair.private_path, pair.public_path

    def export(self, number: int, month: dict[str, list[str]]) -> Path:
        """The bundle of a month, on the word of some of what the builder knows."""
        layout = months.write_layout(month, self.folder / f"layout-{number}")
        known = [*self.made[-3:], *self.proofs[-2:]]
        since = self.chance.sample(known, self.chance.randint(0, min(2, len(known)))) if number else []
        if number and self.chance.random() < 0.5:
            since = [*since, self.made[-1]]
        result = bundler.export(
            bundler.ExportRequest(
                (f"oci:{layout}",), self.folder, name=f"month-{number:02d}", key_path=self.private,
                created=f"2026-{number + 1:02d}-01T00:00:00Z", since=tuple(since), trust=(self.public,),
            )
        )  # fmt: skip
        self.made.append(result.path)
        return result.path

    def bring(self, *paths: Path) -> int:
        """Imports bundles; returns the exit code, and keeps the receipt as proof for the builder."""
        receipt = self.folder / f"receipt-{len(list(self.folder.glob('receipt-*.json')))}.json"
        try:
            result = bundler.import_bundle(
                bundler.ImportRequest(
                    paths, (bundler.parse_target(self.registry.host),), trust=(self.public,), on_conflict="replace",
                    receipt=bundler.ReceiptRequest(receipt, bundler.ReceiptKey(self.private)),
                )
            )  # fmt: skip
        except errors.BundlerError as error:
            self.error = error
            return error.exit_code
        self.proofs.append(receipt)
        return result.exit_code

    def take_inventory(self) -> None:
        """Tells the builder what the registry has now."""
        place = self.folder / f"inventory-{len(self.proofs)}.json"
        bundler.inventory(bundler.InventoryRequest(self.registry.host, place, key_path=self.private))
        self.proofs.append(place)

    @property
    def tags(self) -> dict[str, str]:
        return {
            name: sha256(self.registry.get(f"team/{name}/manifests/1") or b"")
            for name in NAMES
            if "1" in self.registry.tags.get(f"team/{name}", [])
        }

    def lose_at_target(self) -> None:
        """A user removes a repository, and the registry collects garbage."""
        names = [name for name in NAMES if f"team/{name}" in self.registry.tags]
        if len(names) > 2:
            shutil.rmtree(self.registry.storage / f"docker/registry/v2/repositories/team/{self.chance.choice(names)}")
            self.registry.collect_garbage()


def check(year: Year, month: dict[str, list[str]]) -> None:
    """The registry has the images of a month, and every byte of them."""
    assert year.tags.items() >= {name: months.image(layers).digest for name, layers in month.items()}.items()
    for name, layers in month.items():
        for digest, blob in months.image(layers).blobs.items():
            assert year.registry.get(f"team/{name}/blobs/{digest}") == blob


def missing(error: errors.BundlerError) -> tuple[set[str], set[str]]:
    """The bundles and the digests that an import asked for."""
    assert isinstance(error, errors.Several)
    assert {each.code for each in error.errors} == {"base-missing"}
    subjects = [str(each.subject) for each in error.errors]
    return (
        {subject.partition("/")[0] for subject in subjects if "/" in subject},
        {subject for subject in subjects if "/" not in subject},
    )


def left_out(bundle: Path) -> set[str]:
    return {blob["digest"] for blob in json.loads((bundle / "bundle.json").read_text())["blobs"] if "in" in blob}


def held(bundle: Path) -> set[str]:
    return {blob["digest"] for blob in json.loads((bundle / "bundle.json").read_text())["blobs"] if "pieces" in blob}


@pytest.mark.parametrize("seed", [5, 11])
def test_the_target_has_the_newest_list_or_the_run_says_exactly_what_is_missing(new_registry, tmp_path, seed):
    year = Year(tmp_path, new_registry(), random.Random(seed))
    refused = 0
    for number, month in enumerate(lists(year.chance)):
        bundle = year.export(number, month)
        if number and year.chance.random() < 0.25:
            continue  # it is lost on its way
        if number and year.chance.random() < 0.3:
            year.lose_at_target()
        year.arrived.append(bundle)
        others = year.chance.sample(year.arrived[:-1], year.chance.randint(0, min(2, len(year.arrived) - 1)))
        given = [bundle, *others] if left_out(bundle) else [bundle]
        year.chance.shuffle(given)
        before = (year.tags, year.registry.blobs)
        code = year.bring(*given)
        if code == 2:  # the others are not of its series: it was made on the word of a receipt
            given = [bundle]
            code = year.bring(bundle)
        if code == 9:
            refused += 1
            assert (year.tags, year.registry.blobs) == before
            bundles, digests = missing(year.error)
            assert not bundles & {path.name for path in given}
            lacking = left_out(bundle) - set().union(*map(held, given))
            for name in bundles:
                assert held(tmp_path / name) & lacking
            assert digests <= lacking
            code = year.bring(bundle, *(tmp_path / name for name in sorted(bundles)))
            if digests and code == 9:  # a statement of the target knew these alone; the builder makes a complete bundle
                assert missing(year.error) == (set(), digests)
                bundle = bundler.export(
                    bundler.ExportRequest(
                        (f"oci:{tmp_path}/layout-{number}",),
                        tmp_path,
                        name=f"whole-{number:02d}",
                        key_path=year.private,
                    )
                ).path
                code = year.bring(bundle)
        assert code == 0, year.error
        check(year, month)
        if year.chance.random() < 0.3:
            year.take_inventory()
    assert refused, "nothing was missing in this year: the test proves nothing"
