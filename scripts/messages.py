"""Finds every message in the source of bundler: the texts that people read, and that a catalogue translates.

A message is a text that is an argument of an error, an event, a check of doctor or a view, or the help of a command. A
catalogue can translate it only if it is a constant or comes from `bundler.texts`; `Source.problems` has the others.
Arguments and results of functions are followed through the calls of their own package.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ALONE = ("bundle/restore.py",)
"""The files that run without the package, in English only."""
PACKAGE = Path(__file__).parent.parent / "bundler"

MESSAGE, NAME = "message", "name"
"""The two kinds of arguments: messages and names. A name is translated only if it is a message itself."""

ARGUMENTS: dict[str, dict[int | str, str]] = {
    "text": {0: MESSAGE},
    "said": {0: MESSAGE},
    "translated": {0: MESSAGE},
    "counted": {1: MESSAGE, 2: MESSAGE},
    "joined": {0: MESSAGE},
    "first_of": {0: MESSAGE},
    "Noticed": {0: MESSAGE},
    "PhaseBegan": {0: MESSAGE},
    "PhaseEnded": {0: MESSAGE},
    "Check": {0: MESSAGE, 2: MESSAGE},
    "ok": {0: MESSAGE, 1: MESSAGE},
    "warned": {0: MESSAGE, 1: MESSAGE},
    "skipped": {0: MESSAGE, 1: MESSAGE},
    "asked": {0: MESSAGE},
    "Advice": {2: MESSAGE, 3: MESSAGE, 4: MESSAGE},
    "ExitCode": {1: MESSAGE, 2: MESSAGE, 3: MESSAGE, "explanation": MESSAGE},
    "Instead": {0: MESSAGE},
    "Conflict": {0: MESSAGE, "message": MESSAGE, "hint": MESSAGE},
    "error": {1: MESSAGE, 2: MESSAGE},
    "invalid": {0: MESSAGE, "hint": MESSAGE, "expected": NAME},
    "Damage": {0: MESSAGE, "message": MESSAGE},
    "ValueError": {0: MESSAGE},
    "TypeError": {0: MESSAGE},
    "problem": {"expected": NAME, "actual": NAME, "subject": NAME},
    "option": {"help": MESSAGE},
    "mapping_option": {"help": MESSAGE},
    "conflict_option": {"help": MESSAGE},
    "NoImage": {2: MESSAGE},
    "left": {3: MESSAGE},
}
"""The calls that take messages, in addition to errors: by the name of the function, then by position or keyword."""

ERROR = {0: MESSAGE, "message": MESSAGE, "hint": MESSAGE, "expected": NAME, "actual": NAME, "subject": NAME}
MAKERS_OF_ERRORS = frozenset({"cls", "family", "__init__"})
"""The names that make errors in these modules without naming the class."""

HOMES_OF_ERRORS = ("bundle/seven_zip_container.py", "core/advice/__init__.py", "errors.py", "run.py")

FIELDS = {"message": MESSAGE, "hint": MESSAGE, "expected": NAME, "actual": NAME}
"""The fields of errors that are set after the error is made."""

MAKERS = frozenset(
    {"text", "said", "translated", "counted", "joined", "first_of", "some", "as_text", "count", "worded", "hint_of"}
)
"""The functions that return a message or a translation for every argument."""

OURS = frozenset({"text", "said", "translated", "counted", "joined", "first_of"})
"""Functions whose names others have too: they count only if they come from `texts` or `views.languages`."""

ENGLISH = "views/documents/"
"""Views that are English only: programs read documents."""

LIBRARIES = (
    "Usage:",
    "Options",
    "Commands",
    "Show this message and exit.",
    "required",
    "default: {default}",
    "Repeat for confirmation",
    "Error: The two entered values do not match.",
    "Error: {message}",
    "Error: invalid input",
    "Aborted!",
)
"""The texts of click that our users see."""


@dataclass(frozen=True)
class Found:
    """A message, with its module and line."""

    template: str
    module: str
    line: int


@dataclass(frozen=True)
class Problem:
    """An argument that should be a message, but that a catalogue cannot translate."""

    module: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.why}"


@dataclass
class Module:
    """One file of the package."""

    name: str
    tree: ast.Module
    functions: dict[str, list[ast.FunctionDef]] = field(default_factory=lambda: defaultdict(list))
    constants: dict[str, ast.expr] = field(default_factory=dict)
    owner: dict[ast.AST, ast.FunctionDef] = field(default_factory=dict)
    """The innermost function around each node."""
    calls: dict[str, list[ast.Call]] = field(default_factory=lambda: defaultdict(list))
    """The calls, by the name of the function."""
    returns: dict[ast.FunctionDef, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    assigned: dict[tuple[ast.FunctionDef, str], list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    fields: list[ast.Assign | ast.AugAssign] = field(default_factory=list)
    """The assignments to fields of errors."""
    classes: list[ast.ClassDef] = field(default_factory=list)
    methods: set[ast.FunctionDef] = field(default_factory=set)
    ours: set[str] = field(default_factory=set)
    """The functions of `OURS` that the module imports or defines."""

    @classmethod
    def read(cls, path: Path) -> Module:
        module = cls(str(path.relative_to(PACKAGE)), ast.parse(path.read_text()))
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                module.constants[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                module.constants[node.target.id] = node.value
        module._enter(module.tree, None)
        return module

    def is_ours(self, call: ast.Call) -> bool:
        """True if the call is of a function of ours, not of another one with the same name."""
        if isinstance(call.func, ast.Attribute):
            return isinstance(call.func.value, ast.Name) and call.func.value.id == "texts"
        return _name_of(call.func) in self.ours or self.name in ("texts.py", "views/languages.py")

    def _enter(self, node: ast.AST, function: ast.FunctionDef | None) -> None:
        for child in ast.iter_child_nodes(node):
            if function is not None:
                self.owner[child] = function
            inner = function
            if isinstance(child, ast.FunctionDef):
                self.functions[child.name].append(child)
                if isinstance(node, ast.ClassDef):
                    self.methods.add(child)
                inner = child
            elif isinstance(child, ast.ClassDef):
                self.classes.append(child)
            elif isinstance(child, ast.ImportFrom) and child.module in ("bundler.texts", "bundler.views.languages"):
                self.ours |= {each.name for each in child.names}
            elif isinstance(child, ast.Call):
                self.calls[_name_of(child.func)].append(child)
                if function is not None and (name := _appended_to(child)):
                    self.assigned[function, name] += child.args
            elif isinstance(child, ast.Return) and function is not None and child.value is not None:
                self.returns[function].append(child.value)
            elif isinstance(child, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                self._note_assignment(child, function)
            self._enter(child, inner)

    def _note_assignment(
        self, node: ast.Assign | ast.AugAssign | ast.AnnAssign, function: ast.FunctionDef | None
    ) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr in FIELDS and not isinstance(node, ast.AnnAssign):
                self.fields.append(node)
            elif isinstance(target, ast.Name) and function is not None and node.value is not None:
                self.assigned[function, target.id].append(node.value)
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and function is not None:
                for each, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(each, ast.Name):
                        self.assigned[function, each.id].append(value)


class Source:
    """All messages of the package, and all arguments that should be messages and are not."""

    def __init__(self, package: Path = PACKAGE) -> None:
        self.found: set[Found] = set()
        self.problems: list[Problem] = []
        self._modules = [
            Module.read(path) for path in sorted(package.rglob("*.py")) if str(path.relative_to(package)) not in ALONE
        ]
        self._errors = self._error_classes()
        self._given: dict[str, set[tuple[str, int | str, str]]] = defaultdict(set)
        """The parameters that take messages, by their function: module, position or keyword, kind."""
        self._returned: set[tuple[str, str, str]] = set()
        self._seen: set[tuple[ast.AST, str]] = set()
        self._is_complete = False
        for module in self._modules:
            self._read_once(module)
        while not self._is_complete:
            self._is_complete = True
            for module in self._modules:
                self._read(module)
        self.problems.sort(key=lambda problem: (problem.module, problem.line))

    @property
    def templates(self) -> dict[str, str]:
        """Every message once, in the order of the source, with the first module that has it."""
        ordered = sorted(self.found, key=lambda found: (found.module, found.line, found.template))
        texts: dict[str, str] = {}
        for each in ordered:
            texts.setdefault(each.template, each.module)
        return {**texts, **dict.fromkeys(LIBRARIES, "click"), **dict.fromkeys(("; ", ", "), "texts.py")}

    def _error_classes(self) -> set[str]:
        known = {"BundlerError"}
        classes = [each for module in self._modules for each in module.classes]
        while True:
            more = {each.name for each in classes if any(isinstance(b, ast.Name) and b.id in known for b in each.bases)}
            if more <= known:
                return known - {each.name for each in classes if not _takes_message(each)}
            known |= more

    def _read(self, module: Module) -> None:
        """Reads the arguments and results that are known so far."""
        for name, calls in module.calls.items():
            is_error = name in (*self._errors, "but") or (name in MAKERS_OF_ERRORS and module.name in HOMES_OF_ERRORS)
            expected = dict(ERROR) if is_error else dict(ARGUMENTS.get(name, {}))
            for where, place, kind in list(self._given.get(name, ())):
                if where == module.name or not name.startswith("_"):
                    expected.setdefault(place, kind)
            for call in calls if expected else ():
                if name not in OURS or module.is_ours(call):
                    self._read_call(module, call, expected)
        for name, where, kind in list(self._returned):
            if where == module.name:
                for function in module.functions[name]:
                    for value in module.returns[function]:
                        self._take(module, value, kind)

    def _read_once(self, module: Module) -> None:
        """Reads the parts that do not depend on others: fields that are set, and help."""
        for node in module.fields:
            if isinstance(node, ast.AugAssign):
                self._tell(module, node, "a message that is added to")
                continue
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    self._take(module, node.value, FIELDS[target.attr])
        for functions in list(module.functions.values()):
            for function in functions:
                self._read_command(module, function)
        if module.name.startswith("views/") and not module.name.startswith(ENGLISH):
            self._read_view(module, module.tree)

    def _read_view(self, module: Module, node: ast.AST) -> None:
        """Reports the texts of a view that are no messages: prose in a plain string, outside of docstrings."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.Call) and _name_of(child.func) in OURS and module.is_ours(child):
                for keyword in child.keywords:
                    self._read_view(module, keyword)
                continue
            if isinstance(child, ast.JoinedStr):
                words = "{}".join(str(part.value) for part in child.values if isinstance(part, ast.Constant))
                if is_prose(words.strip()) and "bundler " not in words:
                    self._tell(module, child, f"an f-string in a view: {ast.unparse(child)[:100]}")
            elif isinstance(child, ast.Constant) and isinstance(node, (ast.List, ast.Return, ast.BinOp)):
                self._tell_plain(module, child)
            self._read_view(module, child)

    def _tell_plain(self, module: Module, constant: ast.Constant) -> None:
        if is_prose(str(constant.value)):
            self._tell(module, constant, f"a plain string in a view: {constant.value!r}")

    def _read_call(self, module: Module, call: ast.Call, expected: dict[int | str, str]) -> None:
        for number, argument in enumerate(call.args):
            if number in expected:
                self._take(module, argument, expected[number])
        for keyword in call.keywords:
            if keyword.arg in expected:
                self._take(module, keyword.value, expected[keyword.arg])
            elif _name_of(call.func) in OURS and keyword.arg:
                self._take(module, keyword.value, NAME)

    def _read_command(self, module: Module, function: ast.FunctionDef) -> None:
        """The help of a command: each paragraph of its docstring, and the comments after its examples."""
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and _name_of(decorator.func) in ("command", "group"):
                for paragraph in paragraphs(ast.get_docstring(function) or ""):
                    self._note(module, function, paragraph)
                for keyword in decorator.keywords:
                    if keyword.arg == "examples":
                        value = keyword.value
                        if isinstance(value, ast.Name):
                            value = module.constants[value.id]
                        assert isinstance(value, ast.Constant)
                        for comment in comments(str(value.value)):
                            self._note(module, function, comment)

    def _take(self, module: Module, expression: ast.expr, kind: str) -> None:
        """Reads an expression that is used as a message or a name."""
        if (expression, kind) in self._seen:
            return
        self._seen.add((expression, kind))
        self._is_complete = False
        match expression:
            case ast.Constant(value=str(value)):
                if kind == MESSAGE and value:
                    self._note(module, expression, value)
                elif is_prose(value):
                    self._tell(module, expression, f"a message among names, not in text(): {value!r}")
            case ast.JoinedStr(values=parts):
                words = "{}".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
                if kind == MESSAGE or is_prose(words):
                    self._tell(module, expression, f"an f-string: {ast.unparse(expression)[:100]}")
            case ast.IfExp(body=body, orelse=other):
                self._take(module, body, kind)
                self._take(module, other, kind)
            case ast.BoolOp(values=values):
                for value in values:
                    self._take(module, value, kind)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for element in elements:
                    self._take(module, element, kind)
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                self._take(module, element, kind)
            case ast.Starred(value=value):
                self._take(module, value, kind)
            case ast.BinOp():
                if kind == MESSAGE:
                    self._tell(module, expression, f"a concatenation: {ast.unparse(expression)[:100]}")
            case ast.Call():
                self._take_call(module, expression, kind)
            case ast.Subscript(value=ast.Name(id=name)):
                self._take_table(module, name, kind)
            case ast.Name(id=name):
                self._take_name(module, expression, name, kind)
            case ast.NamedExpr(value=value):
                self._take(module, value, kind)

    def _take_call(self, module: Module, call: ast.Call, kind: str) -> None:
        name = _name_of(call.func)
        if name == "get" and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            self._take_table(module, call.func.value.id, kind)
            for argument in call.args[1:]:
                self._take(module, argument, kind)
            return
        if name == "next":
            for argument in call.args:
                self._take(module, argument, kind)
            return
        if name in MAKERS or (isinstance(call.func, ast.Attribute) and not name.startswith("_")):
            if kind == MESSAGE and name in ("join", "format", "format_map", "removeprefix", "removesuffix"):
                self._tell(module, call, f"a message that is put together: {ast.unparse(call)[:100]}")
            return
        if kind == MESSAGE and name in ("str", "repr", "escaped"):
            self._tell(module, call, f"a message that was made plain: {ast.unparse(call)[:100]}")
        for where in self._modules:
            if name in where.functions and (where is module or not name.startswith("_")):
                self._add(self._returned, (name, where.name, kind))

    def _take_table(self, module: Module, name: str, kind: str) -> None:
        """Reads all entries of a table of the module, if one of them is used as a message."""
        for value in [module.constants.get(name), *self._locals(module, name)]:
            if isinstance(value, ast.Dict):
                for each in value.values:
                    self._take(module, each, kind)

    @staticmethod
    def _locals(module: Module, name: str) -> list[ast.expr]:
        return [value for (_, known), values in module.assigned.items() if known == name for value in values]

    def _take_name(self, module: Module, node: ast.expr, name: str, kind: str) -> None:
        function = module.owner.get(node)
        while function is not None:
            arguments = function.args
            places = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
            shift = 1 if places[:1] in (["self"], ["cls"]) else 0
            keywords = [each.arg for each in arguments.kwonlyargs]
            called = _called(function, module)
            is_followed = function not in module.methods or called != function.name or called.startswith("_")
            if name in places and is_followed:  # many classes have public methods of the same name
                self._add(self._given[called], (module.name, places.index(name) - shift, kind))
            if name in places + keywords and is_followed:
                self._add(self._given[called], (module.name, name, kind))
            values = module.assigned[function, name]
            for value in values:
                self._take(module, value, kind)
            if values or name in places + keywords:
                return
            function = module.owner.get(function)
        for where in [module, *self._modules]:
            if name in where.constants:
                self._take(where, where.constants[name], kind)
                return

    def _add(self, known: set, entry: tuple) -> None:  # type: ignore[type-arg]  # either of the two
        if entry not in known:
            known.add(entry)
            self._is_complete = False

    def _note(self, module: Module, node: ast.AST, template: str) -> None:
        self.found.add(Found(template, module.name, getattr(node, "lineno", 0)))

    def _tell(self, module: Module, node: ast.AST, why: str) -> None:
        problem = Problem(module.name, getattr(node, "lineno", 0), why)
        if problem not in self.problems:
            self.problems.append(problem)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a help text, each in one line."""
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", inspect.cleandoc(text)) if each.strip()]


def comments(examples: str) -> list[str]:
    """The comments of examples: two or more blanks separate them."""
    found = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in examples.strip().splitlines())
    return [parts[1] for parts in found if len(parts) > 1]


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _appended_to(call: ast.Call) -> str:
    """The list that a call appends to; empty if it does not append."""
    is_append = isinstance(call.func, ast.Attribute) and call.func.attr == "append"
    return call.func.value.id if is_append and isinstance(call.func.value, ast.Name) else ""


def _takes_message(error: ast.ClassDef) -> bool:
    """True if an error takes a message as argument; the class of some has a fixed one."""
    makers = [node for node in error.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    return not makers or [each.arg for each in makers[0].args.args[1:2]] == ["message"]


def _called(function: ast.FunctionDef, module: Module) -> str:
    """The name in a call of a function: for ``__init__``, that of the class."""
    if function.name != "__init__":
        return function.name
    return next((each.name for each in module.classes if function in each.body), function.name)


def is_prose(text: str) -> bool:
    """True if a text has words to translate, and is no name, flag, path or command."""
    if text.startswith(("-", "/", "~", "$", "bundler ", "openssl ", "chmod ", "sudo ")):
        return False
    return bool(re.search(r"[a-z]{2,}[ ,]+[a-z({]|[}a-z] [a-z]{2,}", text))
