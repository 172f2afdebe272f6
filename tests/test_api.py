"""The public Python API: `import bundler`, as docs/api.md shows it, and as the command line uses it."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bundler
from tests.support import images
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.test_architecture import MODULES, ROOT, module, part_of

PAGE = Path(__file__).parent.parent / "docs" / "api.md"

PROCESS = {"cli", "views", "texts", "errors", "secrecy", "system"}
"""The command line may use these parts of the package besides the public names: they make a process and a screen of it."""

OF_THE_TERMINAL = {
    "bundler.workers.in_front": "a question waits in the thread that hears Ctrl-C",
    "bundler.workers.interruptible": "work runs in a thread that Ctrl-C can leave",
    "bundler.core.frozen.frozen": "its own values are made as all others are",
    "bundler.stores.credential_helper": "programs that Ctrl-C must end with us",
}


def test_each_public_name_is_there_and_is_what_a_type_checker_sees():
    tree = ast.parse(Path(bundler.__file__).read_text())
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: node.module for node in typed.body for alias in node.names}  # type: ignore[attr-defined]
    assert seen == bundler._MODULES
    for name in bundler.__all__:
        assert getattr(bundler, name) is not None
    assert set(bundler.__all__) <= set(dir(bundler))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError):
        bundler.no_such_verb  # noqa: B018


def test_importing_the_package_imports_nothing_else_of_it():
    script = "import sys, bundler; print([name for name in sys.modules if name.startswith('bundler.')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_command_line_uses_the_public_api_and_nothing_else():
    strangers = [
        (str(path), name)
        for path in MODULES
        if part_of(path) == "cli"
        for name in module(path).imports
        if name.startswith("bundler.")
        and name.removeprefix("bundler.") not in bundler.__all__
        and name.split(".")[1] not in PROCESS
        and name not in OF_THE_TERMINAL
        and not _is_for_types(path, name)
    ]
    assert strangers == []


def _is_for_types(path: Path, name: str) -> bool:
    """True if the module imports the name for a type checker only."""
    tree = ast.parse((ROOT / path).read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return any(
        isinstance(node, ast.ImportFrom) and name in {f"{node.module}.{alias.name}" for alias in node.names}
        for block in guarded
        for node in block.body
    )


def test_the_page_names_each_public_name_and_no_other():
    table = PAGE.read_text().partition("## All names")[2]
    assert set(re.findall(r"`(\w+)`", table)) == set(bundler.__all__) - {"__version__"}


def test_the_examples_of_the_page_run_as_they_are_printed(tmp_path, monkeypatch):
    images.simple("app").write_layout(tmp_path / "layout", "docker.io/library/app:1.4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    examples = doctest.DocTestParser().get_doctest(PAGE.read_text(), {}, "api.md", str(PAGE), 0)
    assert len(examples.examples) > 20
    found: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(examples, out=found.append)
    assert not runner.failures, "".join(found)


REQUESTS = {
    name: getattr(bundler, name) for name in bundler.__all__ if name.endswith("Request") or name == "NetworkOptions"
} | {"ReceiptKey": bundler.ReceiptKey, "Unlocking": bundler.Unlocking}
NEEDED = {
    "lists": "list.txt", "output": "media", "paths": "media", "targets": "oci:there", "need": "need.json", "path": "file",
    "place": "oci:there", "outputs": "media", "old": "list.txt", "new": "list.txt", "name": "key", "key_path": "me.key", "image": "*", "scanners": "clamav",
    "kinds": "k3s", "subjects": "receipt.json", "folder": "lists", "text": "nginx",
}  # fmt: skip
OBJECTS = {"file": "ReceiptFile", "inspect": "InspectRequest"}
"""The fields that have values of our own classes; a text cannot be one of them."""


def made_of_texts(request: type, **changes: object) -> object:
    """A request whose required fields are texts."""
    required = [each.name for each in dataclasses.fields(request) if _is_required(each)]
    return request(**({name: NEEDED.get(name) for name in required} | changes))


def _is_required(field: dataclasses.Field[object]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


@each_case("name", sorted(REQUESTS))
def test_a_text_is_accepted_in_place_of_each_path_and_target(name):
    request = REQUESTS[name]
    for field in dataclasses.fields(request):
        if "Path" not in str(field.type) and field.type not in ("tuple[Target, ...]", "Target | None"):
            continue
        given = "oci:some" if "Target" in str(field.type) else "some"
        wanted = bundler.parse_target(given) if "Target" in str(field.type) else Path(given)
        is_several = str(field.type).startswith("tuple")
        for several in ([given], (given,), iter([wanted]), given) if is_several else (given, wanted):
            made = getattr(made_of_texts(request, **{field.name: several}), field.name)
            assert made == ((wanted,) if is_several else wanted), field.name


@each_case("name", sorted(REQUESTS))
def test_a_value_of_another_type_is_misuse_of_its_field(name):
    request = REQUESTS[name]
    for field in dataclasses.fields(request):
        kind = str(field.type)
        strange = b"some" if "Path" in kind or "str" in kind or "Target" in kind else "some"
        if kind in ("bytes | None",) or kind.startswith("tuple[Platform") or kind == "Platform | None":
            continue
        with raises(bundler.Misuse, subject=field.name, actual=repr(strange)):
            made_of_texts(request, **{field.name: strange})


@each_case("value", ["", "a\0b", None, 7, b"media", ("media", None)])
def test_what_is_no_path_is_misuse_of_its_field(value):
    for call in (bundler.open_bundle, bundler.bundles_on, bundler.VerifyRequest, bundler.merge_receipts):
        with raises(bundler.Misuse, subject="paths"):
            call(value, output="out.json") if call is bundler.merge_receipts else call(value)


def test_functions_accept_texts_and_paths_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("failed").write_text("nginx:1\n")
    Path("word").write_text("open\n")
    Path("policy").write_text('{"default": [{"type": "reject"}]}')
    pair = bundler.keygen(bundler.KeygenRequest("me", folder="keys"))
    images.simple("app").write_layout(tmp_path / "layout", "docker.io/library/app:1.4")
    exported = bundler.export(bundler.ExportRequest("oci:layout", "media", key_path="keys/me.key"))
    request = bundler.ImportRequest(str(exported.path), "oci:there", "keys/me.pub", receipt=bundler.ReceiptRequest("r"))
    assert bundler.import_bundle(request).exit_code == 0
    assert bundler.read_receipt("r", "keys", demand=bundler.Demand.OPTIONAL).path == Path("r")
    assert bundler.open_bundle(str(exported.path), str(pair.public_path)).images
    assert bundler.read_passphrase(Path("word")) == bundler.read_passphrase("word") == "open"
    assert bundler.read_policy(Path("policy")) == bundler.read_policy("policy")
    assert bundler.read_failed_list(Path("failed")) == bundler.read_failed_list("failed")
    with raises(bundler.Misuse):
        bundler.inspect_file(str(exported.path / "bundle.json"))


def test_platforms_and_destinations_are_read_as_on_the_command_line():
    request = bundler.ImportRequest("media", ("registry:5000", "docker-daemon:"), platforms=("linux/aarch64",))
    assert list(map(str, request.targets)) == ["registry:5000", "docker-daemon:"]
    assert request.platforms == (bundler.Platform.parse("linux/arm64"),)
    assert bundler.DoctorRequest(target="registry:5000").target == request.targets[0]
    for wrong in ("not a host", "ftp://x"):
        with raises(bundler.Misuse):
            bundler.ImportRequest("media", wrong)
