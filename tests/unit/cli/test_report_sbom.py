"""``report --format cyclonedx``: the SBOM of a bundle as a file."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bundler import cli
from tests.support.schemas import sbom_error

VECTORS = Path(__file__).parents[2] / "vectors"
TRUST = ("--trust", str(VECTORS / "keys/golden.pub"))


def report(*arguments: object) -> int:
    return cli.run(["report", *map(str, arguments), "--format", "cyclonedx", "--json"])


@pytest.mark.parametrize("kind", ["tar", "base", "extensions", "encrypted"])
def test_it_is_valid_and_the_same_at_the_same_time(kind: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796017005")
    secret = ["--passphrase-file", VECTORS / "keys/passphrase"] if kind == "encrypted" else []
    files = [tmp_path / "one.cdx.json", tmp_path / "two.cdx.json", tmp_path / "one.cdx.json"]
    for file in files:  # the first one is replaced
        assert report(VECTORS / kind, *TRUST, "-o", file, *secret) == 0
        reported = json.loads(capsys.readouterr().out)
        assert (reported["format"], reported["kind"], reported["size"]) == ("cyclonedx", "bundle", file.stat().st_size)
    text = files[0].read_text()
    assert text == files[1].read_text()
    assert sbom_error(text) is None
    document = json.loads(text)
    assert document["metadata"]["timestamp"] == "2026-11-30T05:36:45Z"
    bundle_id = hashlib.sha256((VECTORS / kind / "SHA256SUMS").read_bytes()).hexdigest()
    cli.run(["inspect", str(VECTORS / kind), *TRUST, *map(str, secret), "--json"])
    inspected = json.loads(capsys.readouterr().out)
    assert [each["hashes"][0]["content"] for each in document["components"]] == [
        each["digest"].removeprefix("sha256:") for each in inspected["images"]
    ]
    assert document["metadata"]["component"]["version"] == bundle_id
    assert {"name": "bundler:signature-verified", "value": "true"} in document["metadata"]["component"]["properties"]


def test_a_bundle_that_is_not_trusted_is_marked_and_ends_as_inspect_does(tmp_path: Path, capsys: Any) -> None:
    other = tmp_path / "keys"
    other.mkdir()
    assert cli.run(["keygen", "other", "-d", str(other)]) == 0
    assert report(VECTORS / "tar", "--trust", other / "other.pub", "-o", tmp_path / "x.json") == 5
    properties = json.loads((tmp_path / "x.json").read_text())["metadata"]["component"]["properties"]
    assert {"name": "bundler:signature-verified", "value": "false"} in properties


def test_it_is_made_of_bundles_alone_and_replaces_nothing_else(tmp_path: Path, capsys: Any) -> None:
    receipt = tmp_path / "receipt.json"
    to = ("--to", f"oci:{tmp_path}/layout", "--receipt", str(receipt), "-q")
    assert cli.run(["import", str(VECTORS / "tar"), *TRUST, *to]) == 0
    theirs = tmp_path / "theirs.json"
    theirs.write_text('{"bomFormat": "CycloneDX", "metadata": {"tools": [{"name": "syft"}]}}')
    new = tmp_path / "new.json"
    bundle = shutil.copytree(VECTORS / "tar", tmp_path / "tar")
    for arguments, words in (
        ((receipt, "-o", new), "an SBOM is made of a bundle"),
        ((VECTORS / "encrypted", *TRUST, "-o", new), "the bundle is encrypted"),
        ((VECTORS / "tar", *TRUST, "-o", theirs), "the file exists and is no report"),
        ((bundle, *TRUST, "-o", bundle / "sbom.json"), "a file that nobody signed"),
        ((VECTORS / "tar", *TRUST, "-o", new, "--lang", "zh"), "--lang is the language of a page"),
    ):
        capsys.readouterr()
        assert report(*arguments) == 2
        assert words in json.loads(capsys.readouterr().out)["error"]["message"]
    assert "syft" in theirs.read_text()
    assert not new.exists()
