"""A registry is the same one under every spelling of its host: mirrors, backups and mounts find what receipts say of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import bundler
from bundler.backups.contents import named_by_receipts
from bundler.core.digest import Digest
from bundler.core.joined_receipts import places_of_blobs
from bundler.errors import Misuse
from bundler.keys.statements import Demand
from bundler.run import Run
from bundler.transports.registry import RegistryTarget
from tests.support.errors import raises
from tests.unit.core.test_receipt import D, image, receipt
from tests.unit.values import digest

LAYER = str(digest("layer"))
SPELLINGS = ("registry.corp", "Registry.Corp", "registry.corp:443", "REGISTRY.corp:443")
OTHERS = ("registry.corp:5000", "registry.corp.example", "other.corp")


def written(folder: Path, *hosts: str) -> Path:
    """The receipt of imports into a registry, as each was spelled."""
    targets = tuple(
        receipt(replace(image(f"app:{number}"), name=f"{host}/library/app:{number}"), target=host).targets[0]
        for number, host in enumerate(hosts)
    )
    path = folder / "receipt.json"
    path.write_bytes(replace(receipt(), targets=targets).to_json())
    return path


def mirrored(receipt_path: Path, registry: str | None) -> bundler.MirrorsResult:
    return bundler.mirrors(
        bundler.MirrorsRequest(
            path=receipt_path,
            output=receipt_path.parent / "mirrors",
            kinds=("containerd",),
            target=registry,
            is_without_signature=True,
        )
    )


@pytest.mark.parametrize("imported", SPELLINGS)
@pytest.mark.parametrize("asked", SPELLINGS)
def test_mirrors_find_the_images_of_a_registry(tmp_path: Path, imported: str, asked: str) -> None:
    assert mirrored(written(tmp_path, imported), asked).images == 1


@pytest.mark.parametrize("other", OTHERS)
def test_mirrors_take_no_other_registry_for_it(tmp_path: Path, other: str) -> None:
    with raises(Misuse, actual=other):
        mirrored(written(tmp_path, "registry.corp"), other)


def test_mirrors_take_several_spellings_in_one_receipt_for_one_registry(tmp_path: Path) -> None:
    found = mirrored(written(tmp_path, *SPELLINGS), None)
    assert (found.registry, found.images) == (SPELLINGS[0], len(SPELLINGS))
    with pytest.raises(Misuse):
        mirrored(written(tmp_path, "registry.corp", "other.corp"), None)


@pytest.mark.parametrize("imported", SPELLINGS)
@pytest.mark.parametrize("asked", [*SPELLINGS, *OTHERS])
def test_a_backup_finds_the_digests_that_receipts_name_there(tmp_path: Path, imported: str, asked: str) -> None:
    place = RegistryTarget(asked)
    found = named_by_receipts([written(tmp_path, imported)], place, (), Demand.IGNORED, Run())
    assert found == ({"library/app": {Digest.parse(D)}} if asked in SPELLINGS else {})


@pytest.mark.parametrize("imported", SPELLINGS)
@pytest.mark.parametrize("asked", [*SPELLINGS, *OTHERS])
def test_blobs_are_mounted_from_where_an_earlier_import_left_them(imported: str, asked: str) -> None:
    earlier = receipt(replace(image(blobs=(0,)), name=f"{imported}/library/app:1"), target=imported, blobs=(LAYER,))
    assert set(places_of_blobs([earlier], asked)) == ({LAYER} if asked in SPELLINGS else set())
