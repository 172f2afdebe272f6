"""An import of a small bundle, in one process: a failure at one place changes nothing at the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bundler import cli
from bundler.commands.keygen import KeygenRequest, keygen
from bundler.core.location import Target
from bundler.core.receipt import parse_receipt
from bundler.errors import Interrupted, Misuse
from bundler.importing import import_
from bundler.importing.import_ import import_bundle
from bundler.importing.receipt_file import ReceiptFile
from bundler.importing.request import ImportRequest, ReceiptRequest
from bundler.importing.results import Outcome
from bundler.importing.targets.layout import IntoLayout
from bundler.run import RetryPolicy, Run
from bundler.stores.hosts import NetworkOptions
from bundler.system.cold_reads import ColdReads
from bundler.transports.parsing import parse_target
from tests.support import images


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    layout = tmp_path / "layout"
    images.simple("one").write_layout(layout, "example.org/a/one:1")
    export = ["export", f"oci:{layout}:example.org/a/one:1", "-o", str(tmp_path), "--name", "small", "--unsigned", "-q"]
    assert cli.run(export) == 0
    return tmp_path / "small"


class _NoRegistry(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def web_server() -> Iterator[str]:
    """The address of a server that is no registry."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NoRegistry)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def request(bundle: Path, *targets: Target, **more: object) -> ImportRequest:
    return ImportRequest((bundle,), targets, is_without_signature=True, **more)  # type: ignore[arg-type]  # options


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_of_several_targets_one_that_is_no_registry_stops_no_other(
    bundle: Path, web_server: str, tmp_path: Path, is_dry_run: bool
) -> None:
    targets = parse_target(web_server), parse_target(f"oci:{tmp_path / 'imported'}")
    network = NetworkOptions(plain_http=frozenset({web_server}))
    wanted = request(bundle, *targets, network=network, is_dry_run=is_dry_run)
    refused, taken = import_bundle(wanted, Run(retry=RetryPolicy(attempts=1))).targets
    assert [each.outcome for each in refused.images] == [Outcome.FAILED]
    assert [each.outcome for each in taken.images] == [Outcome.WOULD_PUSH if is_dry_run else Outcome.PUSHED]


def recorded(bundle: Path, folder: Path, ended_by: type[Exception] = Interrupted) -> list[list[str]]:
    """The outcomes of the receipt of an import into two places that Ctrl-C or a bug ends."""
    targets = parse_target(f"oci-archive:{folder / 'first'}"), parse_target(f"oci:{folder / 'second'}")
    path = folder / "receipt.json"
    with pytest.raises(ended_by):
        import_bundle(request(bundle, *targets, receipt=ReceiptRequest(path)))
    receipt = parse_receipt(path.read_bytes(), what="receipt")
    return [[image.outcome for image in target.images] for target in receipt.targets]


def test_ctrl_c_while_one_target_is_completed_keeps_the_record_of_the_others(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = IntoLayout.complete_store

    def interrupted(target: IntoLayout, *, is_worth_keeping: bool) -> None:
        if target.name.endswith("second"):
            raise KeyboardInterrupt
        complete(target, is_worth_keeping=is_worth_keeping)

    monkeypatch.setattr(IntoLayout, "complete_store", interrupted)
    assert recorded(bundle, tmp_path) == [["pushed"], ["failed"]]


def test_ctrl_c_during_the_last_check_of_the_bundle_keeps_the_record_of_all_targets(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> tuple[()]:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_, "check_files", interrupted)
    assert recorded(bundle, tmp_path) == [["pushed"], ["pushed"]]


@pytest.mark.parametrize("at", ["publish", "complete_store"])
def test_a_bug_at_one_target_completes_the_others_and_the_receipt_lists_their_tags(
    at: str, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = getattr(IntoLayout, at)

    def broken(target: IntoLayout, *arguments: Any, **more: Any) -> Any:
        if target.name.endswith("second"):
            raise ZeroDivisionError
        return work(target, *arguments, **more)

    monkeypatch.setattr(IntoLayout, at, broken)
    outcomes = recorded(bundle, tmp_path, ZeroDivisionError)
    assert outcomes == [["pushed"], ["unfinished" if at == "publish" else "failed"]]
    assert (tmp_path / "first").is_file(), "the archive was completed"
    assert cli.run(["undo", str(tmp_path / "receipt.json"), "--insecure-no-signature", "--dry-run", "-q"]) == 0


@pytest.mark.parametrize(
    "wrong", [{"mapping": "flat"}, {"on_conflict": "overwrite"}, {"targets": ()}], ids=lambda wrong: next(iter(wrong))
)
def test_a_request_with_a_value_that_is_none_of_the_possible_ones_imports_nothing(
    bundle: Path, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Misuse) as refused:
        import_bundle(replace(request(bundle, parse_target(f"oci:{tmp_path / 'imported'}")), **wrong))
    assert refused.value.subject == next(iter(wrong))
    assert not (tmp_path / "imported").exists()


def test_no_request_may_trust_a_bundle_without_any_signature(bundle: Path, tmp_path: Path) -> None:
    key = keygen(KeygenRequest("someone", tmp_path)).public_path
    trusting = replace(request(bundle, parse_target(f"oci:{tmp_path / 'imported'}")), trust=(key,))
    for required in (0, -1):
        with pytest.raises(Misuse):
            import_bundle(replace(trusting, is_without_signature=False, required_signatures=required))
    assert not (tmp_path / "imported").exists()


def test_an_import_that_finds_everything_there_writes_its_receipt_once(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No tag can move, so there is no digest to remember."""
    write, written = ReceiptFile.write_unfinished, []

    def counted(file: ReceiptFile, receipt: Any) -> None:
        written.append(receipt)
        write(file, receipt)

    monkeypatch.setattr(ReceiptFile, "write_unfinished", counted)
    found = []
    for name in ("first.json", "again.json"):
        path = tmp_path / name
        wanted = request(bundle, parse_target(f"oci:{tmp_path / 'imported'}"), receipt=ReceiptRequest(path=path))
        assert import_bundle(wanted, Run()).receipt == path
        receipt = parse_receipt(path.read_bytes(), what=name)
        found.append((len(written), [each.outcome for target in receipt.targets for each in target.images]))
    assert found == [(1, ["pushed"]), (1, ["present"])]


def test_an_import_reads_what_is_not_in_memory_without_the_page_cache(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tries for each piece of a blob; `tests/unit/system/test_cold_reads.py` has the rest."""
    asked: list[int] = []

    def refused(_self: ColdReads, _file: object, view: memoryview, _offset_bytes: int) -> bool:
        asked.append(len(view))
        return False

    monkeypatch.setattr(ColdReads, "read", refused)
    result = import_bundle(request(bundle, parse_target(f"oci:{tmp_path / 'imported'}")), Run())
    assert (result.exit_code, bool(asked)) == (0, True)
