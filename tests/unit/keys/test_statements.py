"""A statement is read only after its signature was checked, whatever kind it is."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from bundler.bundle.signing import PrivateKey, load_private
from bundler.commands.receipts import read_receipt
from bundler.core.receipt import Receipt
from bundler.core.statement import Statement
from bundler.errors import Damaged, LocalStorage, Misuse, Untrusted
from bundler.keys.signed_files import INVENTORY_FILE, Demand, read_signed, refuse_taken, signature_path, write_signed
from bundler.keys.statements import is_statement, read_inventory, read_statement
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.core.test_inventory import inventory
from tests.unit.core.test_receipt import FULL

VECTORS = Path(__file__).parents[2] / "vectors"
PUBLIC = VECTORS / "keys/golden.pub"


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return load_private((VECTORS / "keys/golden.key").read_bytes(), origin="golden.key", passphrase=bytes)


@pytest.fixture
def trust(tmp_path: Path) -> tuple[Path, ...]:
    """The golden key, in a folder that is not on the medium of what it verifies."""
    return (Path(shutil.copy(PUBLIC, tmp_path / "golden.pub")),)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VECTORS / "tar", tmp_path / "bundle"))


def written(folder: Path, content: bytes, key: PrivateKey | None) -> Path:
    path = folder / "statement.json"
    write_signed(path, content, key)
    return path


DOCUMENTS = {"receipt": FULL.to_json(), "inventory": b"".join(inventory().to_json())}


@each_case("kind", DOCUMENTS)
def test_a_signed_document_is_read_with_its_id_and_signer(tmp_path_factory, key, trust, kind):
    path = written(tmp_path_factory.mktemp("statement"), DOCUMENTS[kind], key)
    found = read_statement(path, trust, demand=Demand.REQUIRED)
    assert (found.kind, found.signers) == (kind, (key.id,))
    assert found.id == hashlib.sha256(DOCUMENTS[kind]).hexdigest()
    assert found.document == (FULL if kind == "receipt" else inventory())
    assert is_statement(path)


def test_the_name_of_a_statement_tells_the_place():
    assert Statement("ab" * 32, FULL).base.name == "platform at registry.example.com"
    assert Statement("ab" * 32, inventory()).base.name == "registry.example.com/team"


@each_case("kind", DOCUMENTS)
@each_case(
    "demand, is_signed, has_trust, is_read",
    [
        (Demand.REQUIRED, False, True, False),
        (Demand.REQUIRED, True, False, False),
        (Demand.REQUIRED_IF_KEYS_TRUSTED, False, True, False),
        (Demand.REQUIRED_IF_KEYS_TRUSTED, False, False, True),
        (Demand.OPTIONAL, False, True, True),
        (Demand.IGNORED, False, True, True),
    ],
)
def test_an_unsigned_document_is_read_only_if_the_reader_allows_it(
    tmp_path_factory, key, kind, demand, is_signed, has_trust, is_read
):
    folder = tmp_path_factory.mktemp("statement")
    path = written(folder, DOCUMENTS[kind], key if is_signed else None)
    trust = (Path(shutil.copy(PUBLIC, folder / "golden.pub")),) if has_trust else ()
    if is_read:
        assert read_statement(path, trust, demand=demand).signers == ()
        return
    with raises(Untrusted):
        read_statement(path, trust, demand=demand)


def test_a_document_must_be_signed_unless_less_is_demanded(tmp_path):
    for kind, read in (("receipt", read_receipt), ("inventory", read_inventory)):
        path = tmp_path / f"{kind}.json"
        write_signed(path, DOCUMENTS[kind], None)
        with pytest.raises(Untrusted):
            read(path)


@each_case("demand", [Demand.REQUIRED, Demand.REQUIRED_IF_KEYS_TRUSTED, Demand.OPTIONAL])
def test_a_changed_document_is_refused_before_it_is_parsed(tmp_path_factory, key, demand):
    folder = tmp_path_factory.mktemp("statement")
    path = written(folder, DOCUMENTS["inventory"], key)
    path.write_bytes(b"{")  # parsing it would be another error
    trust = (Path(shutil.copy(PUBLIC, folder / "golden.pub")),)
    with raises(Untrusted, subject=str(signature_path(path, key.id)), code="bad-signature"):
        read_inventory(path, trust, demand=demand)


def test_the_inventory_of_a_stranger_is_refused_with_the_name_of_the_signer(tmp_path, key, trust):
    path = written(tmp_path, DOCUMENTS["inventory"], None)
    (tmp_path / f"{path.name}.{'ab' * 8}.sig").write_bytes(key.sign(DOCUMENTS["inventory"]))
    with raises(Untrusted, code="inventory-unsigned", expected=key.id, actual="ab" * 8) as refused:
        read_inventory(path, trust, demand=Demand.REQUIRED)
    assert refused.value.hint == INVENTORY_FILE.no_key


@each_case("kept", [None, {"SHA256SUMS", "bundle.json"}], ids=["whole", "its small files"])
@each_case("named", ["", "bundle.json", "SHA256SUMS"])
def test_a_bundle_is_an_assumption_whole_or_not(tmp_path_factory, kept, named):
    folder = tmp_path_factory.mktemp("statement")
    trust = (Path(shutil.copy(PUBLIC, folder / "golden.pub")),)
    bundle = Path(shutil.copytree(VECTORS / "tar", folder / "bundle"))
    for file in bundle.iterdir() if kept else ():
        if file.name not in kept and file.suffix != ".sig":
            file.unlink()
    found = read_statement(bundle / named, trust, demand=Demand.REQUIRED)
    assert (found.kind, len(found.signers)) == ("bundle", 1)
    assert found.base.id == hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()


def test_a_bundle_without_a_signature_is_read_only_if_the_reader_allows_it(bundle, trust):
    for signature in bundle.glob("*.sig"):
        signature.unlink()
    for demand in (Demand.REQUIRED, Demand.REQUIRED_IF_KEYS_TRUSTED):
        with raises(Untrusted):
            read_statement(bundle, trust, demand=demand)
    assert read_statement(bundle, trust, demand=Demand.OPTIONAL).signers == ()
    assert read_statement(bundle, (), demand=Demand.REQUIRED_IF_KEYS_TRUSTED).signers == ()


def test_a_bundle_with_a_changed_list_is_refused_even_if_no_signature_is_demanded(bundle, trust):
    (bundle / "SHA256SUMS").write_bytes((bundle / "SHA256SUMS").read_bytes().replace(b"a", b"b", 1))
    with raises(Untrusted, code="bad-signature"):
        read_statement(bundle, trust, demand=Demand.OPTIONAL)


def test_other_files_are_no_statements(tmp_path, trust):
    path = tmp_path / "list.yaml"
    path.write_text("name: x\n")
    os.mkfifo(tmp_path / "pipe")
    assert not is_statement(path)
    assert not is_statement(tmp_path / "none")
    assert not is_statement(tmp_path / "pipe")
    with raises(Misuse, subject=str(tmp_path / "none")):
        read_statement(tmp_path / "none", trust, demand=Demand.OPTIONAL)
    with raises(Damaged, subject=str(path)):
        read_statement(path, (), demand=Demand.OPTIONAL)


def test_a_document_is_never_overwritten(tmp_path, key):
    path = written(tmp_path, b"first", key)
    with raises(LocalStorage, subject=str(path)):
        write_signed(path, b"second", key)
    with raises(Misuse, subject=str(path)):
        refuse_taken(path)
    assert path.read_bytes() == b"first"
    assert read_signed(path, INVENTORY_FILE, demand=Demand.OPTIONAL).content == b"first"


def test_a_receipt_is_a_receipt(tmp_path):
    path = written(tmp_path, DOCUMENTS["receipt"], None)
    assert isinstance(read_statement(path, demand=Demand.OPTIONAL).document, Receipt)
    with raises(Damaged):
        read_inventory(path, demand=Demand.OPTIONAL)
