"""Documents of `--json` keep the promises of docs/json.md: real documents fit its schema, and have no field that it lacks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.documents import ROOT, documents, faults

from reference.schemas import key_of, schema_of, type_of  # isort: skip

JUDGE = Draft202012Validator(json.loads((ROOT / "docs/schemas/documents.json").read_text()))


def test_real_documents_are_as_the_page_promises(here, keys, origin, target, exported, tmp_path, monkeypatch):
    key, pub = keys
    monkeypatch.chdir(tmp_path)
    bundle = exported("library/oci:1", "team/multi:1")
    receipt, trusted = tmp_path / "receipt.json", ("--trust", pub)
    listed = tmp_path / "list.txt"
    listed.write_text(f"{origin.host}/library/docker:1\n{origin.host}/library/oci:1\n")
    for name in ("need", "medium", "spread"):
        (tmp_path / name).mkdir()
    for file in bundle.iterdir():
        if not file.name.startswith("chunk-"):
            (tmp_path / "need" / file.name).write_bytes(file.read_bytes())
    journey = [
        ("keygen", "other"), ("trust", "add", pub, "--name", "one", "--fingerprint", fingerprint(pub)), ("trust", "list"), ("trust", "remove", "one"),
        ("images", listed), ("export", listed, "-o", tmp_path / "out", "--key", key, "--since", bundle, *trusted),
        ("export", listed, "-o", tmp_path / "plan", "--key", key, "--dry-run"),
        ("inspect", bundle), ("inspect", bundle, *trusted), ("inspect", bundle, "--layers", f"{origin.host}/library/oci:1", *trusted),
        ("verify", bundle, *trusted), ("verify", tmp_path / "need", *trusted, "--need", tmp_path / "n.json"),
        ("fulfil", tmp_path / "n.json", "-o", tmp_path / "made", "--from", bundle, *trusted),
        ("sign", bundle, "--key", key, *trusted), ("copy", bundle, "-o", tmp_path / "medium", *trusted),
        ("spread", bundle, "-o", tmp_path / "spread", *trusted),
        ("label", bundle, "-o", "label.txt", *trusted), ("slip", bundle, "-o", "slip.txt", *trusted), ("report", bundle, "-o", "report.html", *trusted),
        ("import", bundle, *trusted, "--to", target.host, "--dry-run"),
        ("import", bundle, *trusted, "--to", target.host, "--receipt", receipt, "--receipt-key", key),
        ("receipt", "list", tmp_path), ("receipt", "show", receipt), ("receipt", "verify", receipt, *trusted), ("receipt", "merge", receipt, receipt, "-o", "merged.json", "--receipt-key", key, *trusted),
        ("search", "oci", receipt), ("mirrors", receipt, "--to", target.host, "--for", "containerd", "-o", "mirrors", "--insecure-no-signature"),
        ("status", target.host, receipt), ("check", receipt, "--to", target.host, "--insecure-no-signature"),
        ("inventory", target.host, "-o", "inventory.json"), ("diff", listed, bundle), ("prune", target.host, "--keep-last", 1, "--dry-run"),
        ("backup", target.host, "-o", tmp_path / "backup", "--key", key, "--name", "all"),
        ("restore", tmp_path / "backup/all", *trusted, "--to", target.host, "--dry-run"),
        ("export", listed, "-o", tmp_path / "plan.json", "--key", key, "--resolve-only"), ("export", tmp_path / "plan.json", "-o", tmp_path / "shards", "--key", key, "--shard", "1/2"),
        ("export", listed, "-o", tmp_path / "first", "--key", key, "--channel", "monthly", "--sequence", 1),
        ("import", tmp_path / "first/list", *trusted, "--to", target.host),
        ("inspect", bundle, "--shards", 2, *trusted), ("undo", receipt, "--dry-run", *trusted),
        ("prune", target.host, "--keep-last", 0, "--by", "created", "--yes", "--receipt", "prune.json", "--receipt-key", key, *trusted),
        ("undo", "prune.json", "--dry-run", *trusted),
        ("init", tmp_path / "begin", "--image", "nginx:1.27"), ("completion", "bash"),
        ("doctor", "--to", target.host), ("config",), ("explain",), ("explain", "3"), ("export", "nowhere.txt", "-o", "x", "--key", key),
        ("verify", "nowhere", *trusted), ("import", bundle, *trusted, "--to", "127.0.0.1:1"),
    ]  # fmt: skip
    seen, failed = set(), []
    for words in journey:
        document = here(*words, "--json").json
        failed += [words[0]] if document.get("error") else []
        seen.add(key_of(document["document"]))
        assert faults(document) == []
        assert JUDGE.is_valid(document)
    assert failed == ["export", "verify", "import"]  # the last ones
    for file in (*tmp_path.rglob("*.json"), *Path.home().rglob("*.json")):
        written = json.loads(file.read_bytes())
        if written.keys() & {"document", "record"} or file.name == "bundle.json":
            seen.add(key_of(written.get("document", file.name)))
            assert faults(written) == [], file
    promised = {name for name in documents() if name.startswith("bundler.")}
    assert {name for name in promised - seen if name not in OTHERWISE} == set()


OTHERWISE = {
    "bundler.trust-1": "a failure", "bundler.bundler-1": "a failure", "bundler.version-1": "test_installation",
    "bundler.parity-1": "test_parity", "bundler.repair-1": "test_parity", "bundler.scan-1": "test_scan_gate", "bundler.scan-record-1": "test_scan_gate", "bundler.serve-1": "test_serve",
    "bundler.slip-need-1": "test_labels", "bundler.inspect-list-1": "test_copies", "bundler.verify-list-1": "test_copies",
    "bundler.inspect-file-1": "test_image_files", "bundler.verify-file-1": "test_image_files", "bundler.man-1": "test_man_page", "bundler.inspect-sboms-1": "test_sboms",
    "bundler.harbor-rules-1": "test_harbor_rules", "bundler.harbor-rules-receipt-1": "test_harbor_rules",
}  # fmt: skip
"""The documents that take more than the journey below, and the tests of the same folder that read them by `Ran.json`."""


def fingerprint(pub: Path) -> str:
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    loaded = load_pem_public_key(pub.read_bytes())
    return hashlib.sha256(loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def test_the_judge_finds_what_is_promised_and_not_there():
    good = {"document": "bundler.keygen/1", "exitCode": 0, "keyId": "7f8e5debb41cd3a7", "fingerprint": "x", "privateKey": "a", "publicKey": "b", "encrypted": False}  # fmt: skip
    assert faults(good) == []
    assert faults({**good, "more": 1}) == ["[]: Additional properties are not allowed ('more' was unexpected)"]
    assert faults({**good, "keyId": None})
    assert faults({name: value for name, value in good.items() if name != "encrypted"})


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        ("integer, bytes, or null", {"type": ["integer", "null"]}),
        ("list of integers, bytes", {"type": "array", "items": {"type": "integer"}}),
        ("error or null", {"anyOf": [{"$ref": "#/$defs/error"}, {"type": "null"}]}),
        ("text, *only if* it was made", {"type": "string"}),
    ],
)
def test_a_type_of_the_page_is_one_of_the_schema(words, schema):
    assert type_of(words) == schema


def test_a_type_that_is_not_of_the_grammar_is_refused():
    with pytest.raises(ValueError, match="no type of a field: wordz"):
        type_of("wordz")
    page = re.sub(r"\| `keyId` \| key id \|", "| `keyId` | a key |", (ROOT / "docs/json.md").read_text())
    with pytest.raises(ValueError, match="a key"):
        schema_of(page)
