"""The house of docs/house.md: imports go one way, each library has one door, and only views print."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bundler
from tests.support.tables import each_case

ROOT = Path(bundler.__file__).parent
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))

ALLOWED = {
    "texts": set(),
    "transport_table": set(),
    "secrecy": {"transport_table"},
    "errors": {"secrecy"},
    "core": {"errors", "secrecy", "transport_table"},
    "workers": {"errors"},
    "system": {"core", "errors"},
    "bundle": {"core", "errors", "system", "workers"},
    "lists": {"core", "errors"},
    "pace": {"core", "errors"},
    "stores": {"core", "errors", "pace", "system"},
    "hooks": {"core", "errors", "pace", "run", "stores", "system", "workers"},
    "transports": {"core", "errors", "secrecy", "stores", "system", "transport_table"},
    "graph": {"core", "errors"},
    "run": {"core", "errors", "pace", "workers"},
    "verified_blob": {"core", "errors", "run"},
    "transfer": {"core", "errors", "run", "system", "verified_blob", "workers"},
    "keys": {"bundle", "core", "errors", "run", "system"},
    "exporting": {
        "bundle",
        "commands",
        "core",
        "errors",
        "graph",
        "importing",
        "keys",
        "lists",
        "pace",
        "run",
        "stores",
        "system",
        "transfer",
        "transport_table",
        "transports",
        "verified_blob",
        "workers",
    },
    "copying": {"bundle", "core", "errors", "keys", "run", "system", "workers"},
    "fulfilling": {
        "bundle",
        "core",
        "errors",
        "exporting",
        "graph",
        "importing",
        "keys",
        "run",
        "stores",
        "system",
        "transfer",
        "transports",
        "verified_blob",
    },
    "importing": {
        "bundle",
        "core",
        "errors",
        "graph",
        "hooks",
        "keys",
        "pace",
        "run",
        "stores",
        "system",
        "transfer",
        "transports",
        "verified_blob",
        "workers",
    },
    "commands": {
        "bundle",
        "core",
        "errors",
        "graph",
        "importing",
        "keys",
        "pace",
        "run",
        "stores",
        "system",
        "transfer",
        "transports",
        "verified_blob",
        "workers",
    },
    "scanning": {"bundle", "core", "errors", "hooks", "keys", "run", "serving", "system", "workers"},
    "inventories": {
        "bundle",
        "core",
        "errors",
        "exporting",
        "keys",
        "run",
        "stores",
        "system",
        "transfer",
        "transport_table",
        "transports",
        "verified_blob",
    },
    "backups": {
        "core",
        "errors",
        "exporting",
        "importing",
        "inventories",
        "keys",
        "run",
        "stores",
        "system",
        "transfer",
        "transports",
    },
    "standing": {
        "bundle",
        "core",
        "errors",
        "importing",
        "inventories",
        "keys",
        "run",
        "stores",
        "system",
        "transfer",
        "transports",
        "verified_blob",
    },
    "pruning": {
        "bundle",
        "core",
        "errors",
        "exporting",
        "importing",
        "inventories",
        "keys",
        "run",
        "stores",
        "system",
        "transfer",
        "transports",
    },
    "serving": {"core", "errors", "keys", "run", "system", "workers"},
    "views": {
        "backups",
        "bundle",
        "commands",
        "copying",
        "core",
        "errors",
        "exporting",
        "fulfilling",
        "importing",
        "inventories",
        "keys",
        "lists",
        "pruning",
        "scanning",
        "serving",
        "standing",
        "stores",
        "system",
    },
    "reporting": {
        "bundle",
        "commands",
        "core",
        "errors",
        "exporting",
        "importing",
        "keys",
        "run",
        "system",
        "views",
    },
    "cli": {
        "backups",
        "commands",
        "copying",
        "core",
        "errors",
        "exporting",
        "fulfilling",
        "hooks",
        "importing",
        "inventories",
        "keys",
        "pruning",
        "reporting",
        "run",
        "secrecy",
        "scanning",
        "serving",
        "standing",
        "stores",
        "system",
        "transports",
        "views",
        "workers",
    },
    "__main__": {"cli", "errors", "system"},
    "__init__": {
        "backups",
        "bundle",
        "commands",
        "copying",
        "core",
        "errors",
        "exporting",
        "fulfilling",
        "hooks",
        "importing",
        "inventories",
        "keys",
        "lists",
        "pruning",
        "reporting",
        "run",
        "scanning",
        "serving",
        "standing",
        "stores",
        "transports",
        "views",
        "workers",
    },
}
"""The parts of bundler that each part may import, besides itself."""

DOORS = {
    "backports": "stores/compression.py",
    "botocore": "bundle/s3/",  # the extra image-bundler[s3]
    "click": "cli/",
    "cryptography": (
        "bundle/signing",
        "keys/image_keys",
        "keys/certificates",
        "keys/server_certificate",
    ),  # and signing_key_file.py; keys of bundles, keys of images
    "distributed": "hooks/dask_cluster.py",  # the extra image-bundler[dask]
    "docker": "stores/docker_sdk.py",
    "py7zr": "bundle/seven_zip_container.py",
    "rfc3161_client": "keys/timestamps.py",  # the extra image-bundler[notation]
    "segno": "views/paper/qr_code.py",
    "requests": "stores/docker_sdk.py",  # the docker SDK lets its errors through
    "sigstore": "keys/sigstore_bundles.py",  # the extra image-bundler[sigstore]
    "tqdm": "views/progress.py",
    "urllib3": "stores/http.py",
    "yaml": ("core/strict_yaml.py", "core/yaml_documents.py"),  # of people, of programs
    "zlib_ng": "stores/compression.py",
}
"""The module that imports each library; for click the folder of the command line."""

BACK_DOORS = {
    ("urllib3.exceptions.HTTPError", "stores/docker_sdk.py"),  # the docker SDK lets it through
    ("urllib3.util.ssl_match_hostname.CertificateError", "stores/docker_sdk.py"),  # so it does with this
    ("urllib3.HTTPResponse", "bundle/s3/answers.py"),  # botocore lets it through
    ("py7zr", "stores/seven_zip_files.py"),  # decodes the archives of strangers, in a process of its own
    ("py7zr.Py7zIO", "system/seven_zip_output.py"),  # both of them write to functions
    ("py7zr.WriterFactory", "system/seven_zip_output.py"),
    ("cryptography.hazmat.primitives.ciphers.Cipher", "bundle/seven_zip_container.py"),  # encrypts archives
    ("cryptography.hazmat.primitives.ciphers.algorithms", "bundle/seven_zip_container.py"),
    ("cryptography.hazmat.primitives.ciphers.modes", "bundle/seven_zip_container.py"),
}
"""Imports that pass the door of their library by, and the reason."""

STANDARD_LIBRARY_OF_CORE = {
    "__future__", "abc", "array", "base64", "collections", "contextlib", "dataclasses", "difflib", "enum", "fnmatch", "functools", "hashlib", "heapq", "io", "ipaddress",
    "itertools", "json", "hmac", "math", "operator",
    "re", "struct", "types", "typing", "unicodedata", "zlib",
}  # fmt: skip
"""The modules that the pure part may use: no files, network, clock, environment or threads."""


def part_of(path: Path) -> str:
    return path.parts[0] if len(path.parts) > 1 else path.stem


@dataclass(frozen=True)
class Module:
    """The facts about a module that the tests ask for. Each is parsed once."""

    docstring: str
    imports: tuple[str, ...]
    """The full names of all that it imports, at the top or inside a function."""
    stores: tuple[str, ...]
    """The modules of `bundler.stores` among those that it imports at the top."""
    calls: frozenset[str]
    """The names that it calls."""


@cache
def module(path: Path) -> Module:
    tree = ast.parse((ROOT / path).read_text())
    imports: list[str] = []
    calls = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bundler":
            imports.append(f"bundler.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            imports += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.add(node.func.id)
    at_top = [str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)]
    stores = tuple(name for name in at_top if name.startswith("bundler.stores"))
    return Module(ast.get_docstring(tree) or "", tuple(imports), stores, frozenset(calls))


def test_every_part_is_in_the_picture():
    assert {part_of(path) for path in MODULES} == set(ALLOWED)


@each_case("path", MODULES, ids=str)
def test_imports_go_one_way(path):
    own = part_of(path)
    for name in module(path).imports:
        if name.startswith("bundler.") and name != "bundler.__version__":
            other = bundler._MODULES.get(name.removeprefix("bundler."), name).split(".")[1]
            assert other in (own, "texts") or other in ALLOWED[own], f"{path} may not import {name}"


@each_case("path", [path for path in MODULES if part_of(path) != "transports"], ids=str)
def test_nobody_knows_one_transport_of_the_others(path):
    known = {name.split(".")[2] for name in module(path).imports if name.startswith("bundler.transports.")}
    assert known <= {"parsing", "transport"}, f"{path} asks what is a question to the location"


@each_case("path", [path for path in MODULES if part_of(path) == "transports"], ids=str)
def test_a_transport_loads_its_stores_when_they_are_opened(path):
    assert not module(path).stores, path


BOTH_WAYS = {
    # A leg of an import names its target, and the protocol of targets takes legs. Types only.
    ("bundler.importing.leg", "bundler.importing.targets.target"),
}
"""Imports for types that would close a circle, and why."""


def modules_that_import():
    """Of each module those that it imports: at its top, inside a function, or for types only. They all count."""
    names = {".".join(("bundler", *path.with_suffix("").parts)).removesuffix(".__init__"): path for path in MODULES}
    for name, path in names.items():
        imported = {each if each in names else each.rpartition(".")[0] for each in module(path).imports}
        yield name, {each for each in imported if each in names and (name, each) not in BOTH_WAYS} - {name, "bundler"}


def test_no_module_imports_one_that_imports_it_in_the_end():
    left = dict(modules_that_import())
    while ends := [
        name
        for name, imported in left.items()
        if not imported & left.keys() or all(name not in others for others in left.values())
    ]:
        for name in ends:
            del left[name]
    assert not left, f"a circle is among {sorted(left)}"


@each_case("path", MODULES, ids=str)
def test_each_library_has_one_door(path):
    for name in module(path).imports:
        library = name.split(".")[0]
        if library in DOORS and (name, str(path)) not in BACK_DOORS:
            assert str(path).startswith(DOORS[library]), f"{path} imports {library}; its door is {DOORS[library]}"


@each_case("path", [path for path in MODULES if part_of(path) == "core"], ids=str)
def test_core_is_pure(path):
    for name in module(path).imports:
        library = name.split(".")[0]
        assert library in STANDARD_LIBRARY_OF_CORE | {"bundler", "typing_extensions", "yaml"}, f"{path} imports {name}"


@each_case("path", MODULES, ids=str)
def test_only_views_print(path):
    assert "print" not in module(path).calls or part_of(path) == "views"


def test_threads_are_made_in_one_place():
    makers = [str(path) for path in MODULES if "threading.Thread(" in (ROOT / path).read_text()]
    assert makers == ["workers.py"]


def test_every_module_says_what_it_is_for():
    for path in MODULES:
        assert module(path).docstring, path


def loaded_by(code):
    """The modules that are loaded after some code has run."""
    import subprocess
    import sys

    code = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_no_library_but_click_and_no_command():
    loaded = loaded_by("from bundler.cli import run; run(['--help'])")
    assert "click" in loaded
    assert not loaded & {"yaml", "urllib3", "docker", "cryptography", "tqdm", "py7zr", "requests"}
    ours = {name for name in loaded if name.startswith("bundler.")}
    assert {name for name in ours if not name.startswith("bundler.cli")} == {
        "bundler.errors",
        "bundler.secrecy",
        "bundler.system",
        "bundler.system.signals",
        "bundler.texts",
        "bundler.transport_table",
        "bundler.views",
        "bundler.views.languages",
        "bundler.views.words",
    }
    assert not ours & {
        f"bundler.cli.{path.stem}" for path in (ROOT / "cli").glob("*.py") if "@program." in path.read_text()
    }


def test_the_summaries_of_help_are_those_of_the_commands():
    import click

    from bundler.cli.help import paragraphs_of
    from bundler.cli.program import _ORDER, program

    commands = program.all_commands(click.Context(program))
    assert {name: paragraphs_of(command.help or "")[0] for name, command in commands.items()} == _ORDER


def test_a_command_loads_no_other_command_and_help_has_each():
    from bundler.cli.program import program

    modules = {path.stem for path in (ROOT / "cli").glob("*.py") if "@program." in path.read_text()}
    assert {name.rstrip("_") for name in modules} == set(program.order)
    loaded = loaded_by("from bundler.cli import run; run(['inspect', '--help'])")
    assert loaded & {f"bundler.cli.{name}" for name in modules} == {"bundler.cli.inspect_"}


def test_checking_signatures_loads_nothing_that_reads_private_keys():
    loaded = loaded_by("import bundler.commands.verify, bundler.commands.inspect_, bundler.importing.import_")
    assert "cryptography.exceptions" in loaded
    assert not {"cryptography.x509", "bundler.bundle.signing_key_file"} & loaded


def test_an_import_to_a_registry_loads_nothing_for_other_targets_and_commands():
    code = "bundler.cli.import_, bundler.importing.import_, bundler.importing.targets.registry"
    code += "; from bundler.views import documents; documents.import_document"
    loaded = loaded_by(f"import {code}; import bundler.views.import_report, bundler.transports.registry")
    assert "bundler.views.documents.import_" in loaded
    assert "urllib3" in loaded
    assert not loaded & {
        "botocore",
        "cryptography.hazmat.primitives.serialization",
        "difflib",
        "docker",
        "py7zr",
        "segno",
        "tarfile",
        "urllib.request",
        "yaml",
        "zlib_ng",
    }
    others = ("core.inventory", "core.mirrors", "core.plan", "core.retention", "exporting", "fulfilling", "inventories")
    others += ("pruning", "reporting", "scanning", "serving", "standing", "stores.docker_sdk", "views.prune_document")
    others += tuple(f"views.documents.{name}" for name in ("check", "export", "machine", "registry"))
    assert not [name for name in loaded if name.startswith(tuple(f"bundler.{part}" for part in others))]


def test_an_import_loads_nothing_for_checks_that_nobody_asked_for():
    code = "bundler.cli.import_, bundler.importing.import_, bundler.importing.targets.registry"
    loaded = loaded_by(f"import {code}, bundler.transports.registry")
    unasked = ("bundle.needed", "bundle.parity", "core.need_list", "core.policy.", "core.scan.", "keys.judging")
    unasked += ("importing.need", "keys.scan_records", "bundle.scope", "bundle.unreadable", "core.shards", "graph")
    unasked += ("core.advice.table",)
    assert not [name for name in loaded if name.startswith(tuple(f"bundler.{part}" for part in unasked))]


def test_what_is_done_about_an_error_depends_on_its_class_not_on_its_code():
    """`bundler.errors`: a code is for people and documents. The codes of programs and of table entries are no such."""
    found = {
        f"{path}: {ast.unparse(compared)}"
        for path in MODULES
        for compared in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(compared, ast.Compare)
        and any(
            isinstance(each, ast.Attribute) and each.attr == "code" and not ast.unparse(each).endswith("ended.code")
            for each in (compared.left, *compared.comparators)
        )
    }
    may = {"core/registry_answers.py", "commands/explain.py", "bundle/restore.py"}
    assert {each for each in found if each.split(":")[0] not in may} == set()


LARGEST_FILE_LINES = 650
"""A newcomer sees a file of this size at once."""
ONE_FILE = {"bundle/restore.py"}
"""This script lies in every bundle and runs there alone."""


@each_case("path", MODULES, ids=str)
def test_no_file_outgrows_what_one_sees(path):
    lines = (ROOT / path).read_text("utf-8").count("\n")
    assert lines <= LARGEST_FILE_LINES or str(path) in ONE_FILE, f"{path} has {lines} lines: which idea wants a module?"


CHANGES = {"add", "append", "clear", "discard", "extend", "insert", "pop", "remove", "setdefault", "update"}
MAY_CHANGE = {
    "bundle/restore.py: bring(origins)",  # a script of its own
    "bundle/write_order.py: _await(events)",  # both of its own tables
    "bundle/write_order.py: _wake(events)",
    "core/retention/imported.py: imported_bundle(known)",  # a cache
}


def changed_parameters(path):
    """The lists, dicts and sets that a function gets and changes."""
    functions = (
        node for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
    )
    for function in functions:
        given = {
            each.arg
            for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            if each.annotation and re.match(r"(list|dict|set|Counter|List|Dict)\b", ast.unparse(each.annotation))
        }
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=verb)) if verb in CHANGES:
                    pass
                case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                    pass
                case ast.AugAssign(target=ast.Name(id=name)):
                    pass
                case _:
                    continue
            if name in given:
                yield f"{path}: {function.name}({name})"


def test_a_function_returns_what_it_found_and_fills_in_nothing():
    """A list or dict that is passed in to be filled has no value of its own; STYLE: no out-parameter."""
    assert {each for path in MODULES for each in changed_parameters(path)} == MAY_CHANGE


def test_values_are_made_the_quick_way():
    slow = re.compile(r"^ *@dataclass\b", re.MULTILINE)
    found = {str(path) for path in MODULES if slow.search((ROOT / path).read_text("utf-8"))}
    assert not found, "take frozen, ordered or slotted of bundler.core.frozen"


def test_patterns_are_compiled_when_they_are_used():
    may = {"bundle/restore.py", "cli/program.py", "cli/scan_options.py", "secrecy.py"}
    at_start = re.compile(r"^_?[A-Z].* = re\.compile\(", re.MULTILINE)
    found = {str(path) for path in MODULES if at_start.search((ROOT / path).read_text("utf-8"))}
    assert found <= may, "take bundler.core.patterns.lazy_pattern"


CLI = [path for path in MODULES if part_of(path) == "cli"]
MOST_PARAMETERS = 15
MOST_LINES = 60


def functions_of_the_command_line():
    for path in CLI:
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def test_functions_of_the_command_line_are_narrow_and_short():
    for path, node in functions_of_the_command_line():
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        assert len(parameters) <= MOST_PARAMETERS, f"{path}: {node.name} takes {len(parameters)}; make groups of flags"
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert lines <= MOST_LINES, f"{path}: {node.name} has {lines} lines"


def lists_of_flags():
    """The flags that a command has together, or that are put together for several."""
    for path in CLI:
        tree = ast.parse((ROOT / path).read_text())

        def flag(each, path=path):
            words = ast.unparse(each)
            return f"{path} {words}" if "(" in words else words.split(".")[-1]

        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield str(path), [flag(each) for each in node.decorator_list]
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "together":
                yield str(path), [flag(each) for each in node.args]


def test_no_list_of_flags_is_written_twice():
    known = {}
    for path, flags in lists_of_flags():
        for at in range(len(flags) - 2):
            run = tuple(flags[at : at + 3])
            assert run not in known, f"{path} repeats {', '.join(run)} of {known[run]}; put them together"
            known[run] = path
