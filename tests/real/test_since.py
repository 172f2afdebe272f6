"""``export --since``: a bundle leaves out what trusted statements say that the receiver has, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bundler.bundle.signing import load_private
from bundler.keys.signed_files import write_signed
from tests.support import months
from tests.support.months import MONTHS
from tests.support.tables import each_case
from tests.unit.core.test_inventory import DAEMON_PLACE


@pytest.fixture
def export(here, keys, tmp_path):
    """Exports the images of a month; ``since`` names bundles by their names, or gives paths."""

    def run(month: str, *options: object, since: tuple[object, ...] = (), name: str | None = None, trust=None):
        layout = tmp_path / "layouts" / month
        if not layout.exists():
            months.write_layout(MONTHS[month], layout)
        paths = [tmp_path / each if isinstance(each, str) else each for each in since]
        given = [part for path in paths for part in ("--since", path)]
        trusted = ["--trust", trust or keys[1]] if since else []
        return here(
            "export", f"oci:{layout}", "-o", tmp_path, "--name", name or month, "--key", keys[0], *given, *trusted,
            *options,
        )  # fmt: skip

    return run


def manifest(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "bundle.json").read_text())


def left_out(bundle: Path) -> dict[str, list[dict[str, Any]]]:
    return {blob["digest"]: blob["in"] for blob in manifest(bundle)["blobs"] if "in" in blob}


def wanted_out(month: str, *earlier: str) -> set[str]:
    """The configs and layers of a month that earlier months have."""

    def blobs(of: str) -> set[str]:
        return {digest for layers in MONTHS[of].values() for digest in months.image(layers).blobs}

    return blobs(month) & set().union(*map(blobs, earlier))


def test_a_bundle_leaves_out_what_an_earlier_one_has_and_says_where_it_is(export, bundler, keys, tmp_path):
    assert export("month-1").code == 0
    made = export("month-2", "--json", since=("month-1",))
    assert made.code == 0
    assert set(left_out(tmp_path / "month-2")) == wanted_out("month-2", "month-1")
    found = manifest(tmp_path / "month-2")
    assert found["format"] == "bundler/1+base"
    assert [(base["kind"], base["name"]) for base in found["bases"]] == [("bundle", "month-1")]
    since = made.json["since"]
    assert [(each["name"], each["proof"], each["given"]) for each in since["statements"]] == [("month-1", False, True)]
    sizes = {blob["digest"]: blob["size"] for blob in found["blobs"]}
    assert (
        since["leftOutBytes"] == since["statements"][0]["bytes"] == sum(map(sizes.get, left_out(tmp_path / "month-2")))
    )
    assert since["carriedBytes"] == sum(sizes.values()) - since["leftOutBytes"]
    verified = bundler("verify", tmp_path / "month-2", "--trust", keys[1], "--json")
    assert (verified.code, verified.json["whole"]) == (0, False)


def test_the_small_files_of_a_bundle_are_enough_and_any_of_them_names_it(export, tmp_path):
    assert export("month-1").code == 0
    for chunk in (tmp_path / "month-1").glob("chunk-*"):
        chunk.unlink()
    (tmp_path / "month-1/README.txt").unlink()
    for number, path in enumerate((tmp_path / "month-1", tmp_path / "month-1/bundle.json")):
        assert export("month-2", since=(path,), name=f"made-{number}").code == 0
        assert set(left_out(tmp_path / f"made-{number}")) == wanted_out("month-2", "month-1")


def test_what_the_bases_of_a_base_have_is_left_out_too_without_them(export, tmp_path):
    assert export("month-1").code == 0
    assert export("month-2", since=("month-1",)).code == 0
    shutil.rmtree(tmp_path / "month-1")
    made = export("month-3", since=("month-2",))
    assert made.code == 0
    assert set(left_out(tmp_path / "month-3")) == wanted_out("month-3", "month-1", "month-2")
    assert {base["name"] for base in manifest(tmp_path / "month-3")["bases"]} == {"month-1", "month-2"}


def test_a_receipt_proves_what_it_saw_and_names_the_repositories(export, here, keys, target, tmp_path):
    assert export("month-1").code == 0
    receipt = tmp_path / "receipt.json"
    run = ["import", tmp_path / "month-1", "--to", target.host, "--trust", keys[1], "--receipt", receipt]
    assert here(*run, "--receipt-key", keys[0]).code == 0
    made = export("month-2", "--json", since=(receipt,))
    assert made.code == 0
    found = left_out(tmp_path / "month-2")
    assert set(found) == wanted_out("month-2", "month-1")
    assert manifest(tmp_path / "month-2")["bases"][0]["kind"] == "receipt"
    shared = months.images.sha256(months.layer("base"))
    assert found[shared] == [{"base": 0, "repositories": ["team/a", "team/b"]}]
    assert made.json["since"]["statements"][0]["proof"] is True


def test_what_was_not_imported_is_not_proved_and_is_carried(export, here, keys, target, tmp_path):
    assert export("month-1").code == 0
    receipt = tmp_path / "receipt.json"
    run = ["import", tmp_path / "month-1", "--to", target.host, "--trust", keys[1], "--receipt", receipt]
    assert here(*run, "--receipt-key", keys[0], "--only", "*/b:*").code == 0
    assert export("month-2", since=(receipt,)).code == 0
    only_b = set(months.image(MONTHS["month-1"]["b"]).blobs)
    assert set(left_out(tmp_path / "month-2")) == wanted_out("month-2", "month-1") & only_b


def test_statements_make_the_same_bytes_in_any_order_and_again(export, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    assert export("month-1").code == 0
    assert export("month-2", since=("month-1",)).code == 0
    for name, since in (("x", ("month-1", "month-2")), ("y", ("month-2", "month-1", "month-1"))):
        assert export("month-3", since=since, name=f"out-{name}").code == 0
    one, other = (
        {
            path.name: path.read_bytes().replace(b"out-x", b"out-y")
            for path in (tmp_path / f"out-{name}").iterdir()
            if not path.name.startswith("SHA256SUMS")
        }
        for name in "xy"
    )
    assert one == other


def test_a_bundle_whose_every_blob_is_new_is_whole(export, tmp_path):
    assert export("month-1").code == 0
    months.image(["other"]).write_layout(tmp_path / "layouts/month-2", months.reference("z"))
    made = export("month-2", "--json", since=("month-1",))
    assert made.code == 0
    assert manifest(tmp_path / "month-2")["format"] == "bundler/1"
    assert [(each["name"], each["blobs"]) for each in made.json["since"]["statements"]] == [("month-1", 0)]


def unsigned(bundle: Path) -> None:
    next(bundle.glob("*.sig")).unlink()


def forged(bundle: Path) -> None:
    next(bundle.glob("*.sig")).write_bytes(bytes(64))


def changed(bundle: Path) -> None:
    sums = bundle / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"chunk-0001", b"chunk-0009"))


def lying(bundle: Path) -> None:
    (bundle / "bundle.json").write_bytes((bundle / "bundle.json").read_bytes().replace(b"layer", b"Layer"))


def left_as_it_is(bundle: Path) -> None:
    """Changes nothing."""


@each_case(
    "change, options, code",
    [
        (unsigned, (), 5),
        (forged, (), 5),
        (changed, (), 5),
        (lying, (), 4),
        (left_as_it_is, ("--insecure-no-signature",), 0),
        (unsigned, ("--insecure-no-signature",), 0),
    ],
)
def test_a_bundle_that_no_trusted_key_signed_leaves_nothing_out(export, tmp_path, change, options, code):
    shutil.rmtree(tmp_path / "base", ignore_errors=True)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert export("month-1", name="base").code == 0
    change(tmp_path / "base")
    made = export("month-2", *options, since=("base",), name="out")
    assert made.code == code
    assert (tmp_path / "out").exists() is (code == 0)
    assert not (tmp_path / "out.partial").exists()
    assert not code or str(tmp_path / "base") in made.err


def test_a_statement_of_an_unknown_key_is_refused_and_named(export, here, keys, tmp_path):
    assert here("keygen", "other", "-d", tmp_path).code == 0
    assert export("month-1").code == 0
    made = export("month-2", since=("month-1",), trust=tmp_path / "other.pub")
    assert made.code == 5
    assert str(tmp_path / "month-1") in made.err


def test_a_receipt_that_nobody_trusted_signed_leaves_nothing_out(export, here, keys, target, tmp_path):
    assert export("month-1").code == 0
    receipt = tmp_path / "receipt.json"
    run = ["import", tmp_path / "month-1", "--to", target.host, "--trust", keys[1], "--receipt", receipt]
    assert here(*run).code == 0
    made = export("month-2", since=(receipt,))
    assert made.code == 5
    assert str(receipt) in made.err
    assert export("month-2", "--insecure-no-signature", since=(receipt,)).code == 0


@each_case("content", [b"", b"{}", b'{"document": "bundler.other/1"}', b"[" * 1000])
def test_a_file_that_is_no_statement_is_refused(export, tmp_path, content):
    (tmp_path / "file.json").write_bytes(content)
    made = export("month-1", "--insecure-no-signature", since=("file.json",))
    assert made.code == 4
    assert str(tmp_path / "file.json") in made.err


def test_a_dry_run_says_what_would_be_carried_and_writes_nothing(export, tmp_path):
    assert export("month-1").code == 0
    before = sorted(tmp_path.rglob("*"))
    months.write_layout(MONTHS["month-2"], tmp_path / "layouts/month-2")
    after = sorted(tmp_path.rglob("*"))
    planned = export("month-2", "--dry-run", "--json", since=("month-1",))
    assert planned.code == 0
    assert planned.json["since"]["leftOutBytes"] > 0
    assert sorted(tmp_path.rglob("*")) == after != before


def test_options_for_statements_need_one(here, keys, tmp_path):
    run = ["export", "oci:x", "-o", tmp_path, "--key", keys[0]]
    for option in (["--trust", keys[1]], ["--insecure-no-signature"], ["--since-passphrase-file", keys[0]]):
        assert here(*run, *option).code == 2


def test_a_bundle_that_is_there_already_has_the_same_statements(export):
    assert export("month-1").code == 0
    assert export("month-2", since=("month-1",)).code == 0
    again = export("month-2", "--json", since=("month-1",))
    assert (again.code, again.json["completeAlready"]) == (0, True)
    other = export("month-2")
    assert other.code == 2
    assert "--since" in other.err


@pytest.mark.parametrize("form", [(), ("--format", "7z")])
def test_every_form_of_bundle_can_be_and_have_a_base(export, bundler, keys, tmp_path, form):
    assert export("month-1", *form).code == 0
    assert export("month-2", *form, since=("month-1",)).code == 0
    assert set(left_out(tmp_path / "month-2")) == wanted_out("month-2", "month-1")
    assert bundler("verify", tmp_path / "month-2", "--trust", keys[1]).code == 0


def test_an_encrypted_base_needs_its_passphrase(export, here, keys, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple")
    encrypted = ("--encrypt", "--passphrase-file", secret)
    assert export("month-1", *encrypted).code == 0
    assert export("month-2", *encrypted, since=("month-1",)).code == 2
    made = export("month-2", *encrypted, "--since-passphrase-file", secret, "--json", since=("month-1",))
    assert (made.code, made.json["since"]["leftOutBytes"] > 0) == (0, True)
    assert manifest(tmp_path / "month-2")["format"] == "bundler/1+base"
    assert "bases" not in manifest(tmp_path / "month-2")
    readme = (tmp_path / "month-2/README.txt").read_text()
    assert "NOT WHOLE" in readme
    assert "month-1" not in readme
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase")
    assert export("month-3", *encrypted, "--since-passphrase-file", wrong, since=("month-2",)).code == 2


def test_the_inventory_of_a_daemon_is_refused_because_it_names_no_blobs(export, keys, tmp_path):
    path = tmp_path / "daemon.json"
    key = load_private(keys[0].read_bytes(), origin="key", passphrase=bytes)
    write_signed(path, b"".join(DAEMON_PLACE.to_json()), key)
    made = export("month-1", "--json", since=(path,))
    assert (made.code, made.json["error"]["subject"]) == (2, str(path))
