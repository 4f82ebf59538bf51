"""The house stands as it was drawn: who may import whom, who may do what, and how large a thing may grow."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
US = "reconciler"
MODULE_LINES, FUNCTION_LINES, MEDIAN_LINES = 400, 60, 10
HEAVY = ("twilio", "deepdiff", "aiohttp", "cryptography")


# --- reading modules ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported module, by its full name, and whether it is there for types only or loaded late."""

    name: str
    line: int
    for_types: bool
    is_late: bool


@dataclass(frozen=True)
class Module:
    """One module: its name, its text, and what it imports."""

    name: str
    text: str
    is_package: bool = False
    imports: tuple[Import, ...] = field(default=())

    @property
    def tree(self) -> ast.Module:
        """The module's syntax."""
        return ast.parse(self.text)


def module_of(name: str, text: str, known: Collection[str] = (), *, is_package: bool = False) -> Module:
    """Return a module with its imports; a name imported from a package is a module where `known` says so."""
    home = name.split(".") if is_package else name.split(".")[:-1]
    reader = _Imports(home, known)
    reader.visit(ast.parse(text))
    return Module(name, text, is_package, tuple(reader.found))


class _Imports(ast.NodeVisitor):
    def __init__(self, home: list[str], known: Collection[str]) -> None:
        self.found: list[Import] = []
        self._home = home
        self._known = known
        self._for_types = False
        self._depth = 0

    def visit_If(self, node: ast.If) -> None:
        guard = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        before = self._for_types
        self._for_types = before or guard
        for one in node.body:
            self.visit(one)
        self._for_types = before
        for one in node.orelse:
            self.visit(one)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_inside(node)

    def _visit_inside(self, function: ast.AST) -> None:
        self._depth += 1
        self.generic_visit(function)
        self._depth -= 1

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self._home[: len(self._home) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        modules = [f"{source}.{alias.name}" for alias in node.names]
        inside = [name for name in modules if name in self._known]
        if len(inside) < len(modules):
            self._add(source, node.lineno)
        for name in inside:
            self._add(name, node.lineno)

    def _add(self, name: str, line: int) -> None:
        self.found.append(Import(name, line, self._for_types, self._depth > 0))


@cache
def house() -> Mapping[str, Module]:
    """Return every module of ours by name."""
    names: dict[str, Path] = {}
    for path in sorted((ROOT / US).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {
        name: module_of(name, path.read_text(encoding="utf-8"), names, is_package=path.stem == "__init__")
        for name, path in names.items()
    }


def is_in(name: str, rooms: Iterable[str]) -> bool:
    """Whether a module is one of the `rooms` or stands inside one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def ours(*rooms: str) -> tuple[str, ...]:
    return tuple(f"{US}.{room}" for room in rooms)


# --- who may import whom -----------------------------------------------------------------------------------

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "model": (),
    "diagnostics": (),
    "pace": (),
    "transport": (),
    "step": ("model",),
    "nodes": ("model",),
    "kinds": ("kinds", "model", "step", "diagnostics"),
    "pools": ("model", "kinds", "diagnostics"),
    "transitions": ("model",),
    "pairing.genuine": (),
    "pairing": ("pairing", "model", "kinds", "diagnostics", "transitions"),
    "diff": ("diff", "model", "kinds", "diagnostics", "transitions"),
    "brake": ("diagnostics",),
    "bodies": ("step",),
    "answers": ("diagnostics",),
    "gateway": ("model", "step", "diagnostics", "pace", "transport", "brake", "bodies", "answers"),
    "sending": ("diagnostics", "brake"),
    "executor": ("model", "step", "diagnostics", "kinds", "diff", "brake", "sending"),
    "record": ("record", "model", "step", "diagnostics", "brake", "gateway"),
    "journal": ("diagnostics", "brake"),
    "applying": ("model", "diagnostics", "record", "reviewed", "safety", "workflow"),
    "observed": ("model", "diagnostics", "kinds", "pairing", "pools", "transitions"),
    "safety": ("model", "diagnostics"),
    "drift": ("model", "diagnostics", "kinds"),
    "outputs": ("model", "diagnostics", "nodes"),
    "doctor": (),
    "starter": (),
    "inventory": ("model", "kinds", "observed", "pairing"),
    "subject": ("model", "diagnostics", "kinds", "observed", "pairing", "drift", "inventory", "workflow"),
    "export.naming": ("model", "kinds"),
    "export.spelling": ("export", "model", "kinds", "stack", "yaml_text"),
    "export.reading": ("export", "model", "diagnostics", "kinds", "observed"),
    "export": (
        *("export", "model", "diagnostics", "kinds", "observed", "stack", "yaml_text"),
        *("yaml_nodes", "nodes", "documents", "desired", "variables", "diff"),
    ),
    "scenarios.scenario": (),
    "scenarios.stage": ("render.visible",),
    "scenarios.screen": ("render.visible",),
    "scenarios": (
        *("scenarios", "model", "diagnostics", "nodes", "border", "expressions", "kinds", "yaml_nodes"),
        *("documents", "desired", "variables", "workflow", "executor", "render.visible"),
        *("observed", "step"),
    ),
    "reviewed": ("reviewed", "model", "diagnostics", "diff"),
    "concealment": ("model", "kinds", "render.values"),
    "plan_file": ("model", "diagnostics", "concealment", "render", "reviewed", "safety"),
    "yaml_text": ("model", "nodes", "render.visible"),
    "verifying": ("verifying", "diagnostics", "transport"),
    "evidence": ("model", "diagnostics", "kinds", "diff", "observed", "safety"),
    "emulator": ("emulator",),
    "pytest_plugin": ("emulator",),
}
"""Room → all of ours that it may import at run time. What is missing here is free in this respect."""

ONLY: dict[str, tuple[str, ...]] = {
    "twilio": ("gateway", "pytest_plugin"),
    "pytest": ("pytest_plugin",),
    "deepdiff": ("diff",),
    "aiohttp": ("transport", "emulator"),
    "cryptography": ("emulator.doors.authority",),
    "yaml": ("yaml_nodes",),
    "click": ("cli",),
    "rich": ("cli",),
    f"{US}.emulator": ("cli", "emulator", "pytest_plugin"),
    f"{US}.emulator.control": ("emulator.control", "emulator.doors"),
    f"{US}.render": ("render", "cli", "concealment", "plan_file", "scenarios", "yaml_text"),
    f"{US}.cli": ("cli", "__main__"),
    f"{US}.transport": ("gateway", "cli", "verifying"),
}
"""What is imported → the only rooms that may import it, types excepted."""

FOR_TYPES: dict[str, tuple[str, ...]] = {"model": ("diagnostics",)}
"""Room → all of ours that it may name in types, where that is less than everything."""


def wrong_imports(module: Module) -> Iterator[str]:
    """Yield every import that the table forbids, in words."""
    for one in module.imports:
        where = f"{module.name}:{one.line} imports {one.name}"
        if one.for_types:
            for room, allowed in FOR_TYPES.items():
                if is_in(module.name, ours(room)) and is_in(one.name, [US]):
                    yield from () if is_in(one.name, ours(*allowed)) else (f"{where} for types",)
            continue
        for room, allowed in MAY_IMPORT.items():
            if (
                is_in(module.name, ours(room))
                and is_in(one.name, [US])
                and not is_in(one.name, ours(*allowed))
            ):
                yield f"{where}; {room} may not"
        for name, rooms in ONLY.items():
            if is_in(one.name, [name]) and not is_in(module.name, ours(*rooms)):
                yield f"{where}; only {', '.join(rooms)} may"


def test_the_import_table_holds() -> None:
    """Every room imports only what it may, and every library has its one door."""
    assert [text for module in house().values() for text in wrong_imports(module)] == []


def test_the_table_speaks_of_rooms_that_are_there() -> None:
    """A room that was renamed does not slip out of the table."""
    rooms = {*MAY_IMPORT, *FOR_TYPES, *(room for rooms in ONLY.values() for room in rooms)}
    rooms |= {name.removeprefix(f"{US}.") for name in ONLY if name.startswith(US)}

    assert sorted(rooms - {name.removeprefix(f"{US}.") for name in house()}) == []


def first_ring(modules: Iterable[Module]) -> list[str]:
    """Return the modules of a ring of imports at module level; an empty list where there is none."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for module in modules:
        loaded = {one.name for one in module.imports if not one.for_types and not one.is_late}
        sorter.add(module.name, *(name for name in loaded if is_in(name, [US])))
    try:
        sorter.prepare()
    except CycleError as ring:
        return [str(name) for name in ring.args[1]]
    return []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """No ring of imports at module level."""
    assert first_ring(house().values()) == []


# --- who may do what ---------------------------------------------------------------------------------------

PURE = ours(
    "model",
    "diagnostics",
    "step",
    "nodes",
    "kinds",
    "border",
    "expressions",
    "references",
    "variable_definitions",
    "stack",
    "rules",
    "desired",
    "outputs",
    "doctor",
    "starter",
    "yaml_text",
    "pools",
    "pairing",
    "diff",
    "reviewed",
    "concealment",
    "render",
)
"""Rooms that turn values into values: no clock, file, environment or socket."""

OUTSIDE = (
    *("asyncio", "socket", "ssl", "select", "http", "urllib.request", "aiohttp", "requests"),
    *("os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "signal", "threading"),
    *("time", "random", "secrets", "uuid", "getpass", "logging", "platform"),
)
"""Modules through which the world comes in."""

DEEDS = {
    "open": "reads a file",
    "input": "asks a person",
    "datetime.now": "reads the clock",
    "datetime.today": "reads the clock",
    "datetime.utcnow": "reads the clock",
    "date.today": "reads the clock",
    "eval": "runs text",
    "exec": "runs text",
    "__import__": "imports by name",
}
FILE_METHODS = (".read_text", ".write_text", ".read_bytes", ".write_bytes", ".mkdir", ".unlink")
ENDINGS = {
    "print": "prints",
    "sys.exit": "exits",
    "exit": "exits",
    "quit": "exits",
    "os._exit": "exits",
    "SystemExit": "exits",
    "sys.stdout.write": "prints",
    "sys.stderr.write": "prints",
}


def calls_in(module: Module) -> Iterator[tuple[str, int]]:
    """Yield every call by the name it is made under, ``datetime.datetime.now`` as ``datetime.now``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).removeprefix("datetime.datetime").removeprefix("datetime.date")
            yield (f"datetime{name}" if name.startswith(".") else name), node.lineno


def impure(module: Module) -> Iterator[str]:
    """Yield where a module of values reads the world."""
    for one in module.imports:
        if not one.for_types and is_in(one.name, OUTSIDE):
            yield f"{module.name}:{one.line} imports {one.name}"
    for name, line in calls_in(module):
        if name in DEEDS or name.endswith(FILE_METHODS):
            yield f"{module.name}:{line} {DEEDS.get(name, 'touches a file')}"


def loud(module: Module) -> Iterator[str]:
    """Yield where a module prints or ends the program."""
    for name, line in calls_in(module):
        if name in ENDINGS:
            yield f"{module.name}:{line} {ENDINGS[name]}"


def test_the_middle_is_pure() -> None:
    """What turns values into values reads no clock, file, environment or socket."""
    modules = [module for name, module in house().items() if is_in(name, PURE)]

    assert [text for module in modules for text in impure(module)] == []
    assert len(modules) > 20


def test_only_the_command_line_prints_or_exits() -> None:
    """Everything below it answers with values and errors."""
    modules = [module for name, module in house().items() if not is_in(name, ours("cli"))]

    assert [text for module in modules for text in loud(module)] == []


# --- how large ---------------------------------------------------------------------------------------------


def functions_of(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of lines of every function, inner ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def too_large(module: Module) -> Iterator[str]:
    """Yield what has grown beyond what one reads at a sitting."""
    lines = len(module.text.splitlines())
    if lines > MODULE_LINES:
        yield f"{module.name} has {lines} lines"
    for name, length in functions_of(module):
        if length > FUNCTION_LINES:
            yield f"{module.name}.{name} has {length} lines"


def test_nothing_is_too_large() -> None:
    """No module over 400 lines, no function over 60."""
    assert [text for module in house().values() for text in too_large(module)] == []


def test_functions_are_small() -> None:
    """Half of all functions have ten lines or fewer."""
    assert median(length for module in house().values() for _, length in functions_of(module)) <= MEDIAN_LINES


def test_every_module_says_what_it_is() -> None:
    """Each opens with a docstring."""
    assert [name for name, module in house().items() if not ast.get_docstring(module.tree)] == []


# --- what is loaded ----------------------------------------------------------------------------------------

LOADED = f"""
import json, sys
{{deed}}
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=sys.stderr)
"""
VALIDATE = """
import reconciler.cli
sys.argv = ["reconciler", "validate", "specs"]
try:
    reconciler.cli.main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize("deed", ["import reconciler.cli", VALIDATE], ids=["import", "validate"])
def test_slow_libraries_are_loaded_late(deed: str) -> None:
    """`--help` and `validate` load neither the SDK nor deepdiff nor aiohttp: each takes a quarter second."""
    program = [sys.executable, "-c", LOADED.format(deed=deed)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr.splitlines()[-1]) == []


def test_every_module_can_be_imported_first() -> None:
    """No module works only because another one was loaded before it."""
    forget = f"[sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == {US!r}]"
    names = [name for name in house() if name != f"{US}.__main__"]
    deed = f"import importlib\nfor name in {names!r}:\n    {forget}\n    importlib.import_module(name)"
    program = [sys.executable, "-c", f"import sys\n{deed}"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


# --- the checks can fail -----------------------------------------------------------------------------------

BAD: list[tuple[str, str, str]] = [
    ("model", "from reconciler import step", "reconciler.model:1 imports reconciler.step; model may not"),
    ("model", "import reconciler.diff", "reconciler.model:1 imports reconciler.diff; model may not"),
    (
        "model",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from reconciler.kinds import Kind",
        "reconciler.model:3 imports reconciler.kinds for types",
    ),
    (
        "kinds.x",
        "from reconciler.gateway import A",
        "reconciler.kinds.x:1 imports reconciler.gateway; kinds may not",
    ),
    ("kinds.x", "from ..gateway import A", "reconciler.kinds.x:1 imports reconciler.gateway; kinds may not"),
    (
        "kinds.x",
        "def f():\n    from .. import diff",
        "reconciler.kinds.x:2 imports reconciler.diff; kinds may not",
    ),
    (
        "observed",
        "import twilio.rest",
        "reconciler.observed:1 imports twilio.rest; only gateway, pytest_plugin may",
    ),
    ("rules", "from deepdiff import DeepDiff", "reconciler.rules:1 imports deepdiff; only diff may"),
    ("gateway", "import aiohttp", "reconciler.gateway:1 imports aiohttp; only transport, emulator may"),
    ("workflow", "import click", "reconciler.workflow:1 imports click; only cli may"),
    (
        "workflow",
        "from reconciler import emulator",
        "reconciler.workflow:1 imports reconciler.emulator; only cli, emulator, pytest_plugin may",
    ),
    (
        "emulator.x",
        "from ..kinds import KINDS",
        "reconciler.emulator.x:1 imports reconciler.kinds; emulator may not",
    ),
]
KNOWN = ours("step", "diff", "kinds", "gateway", "emulator")


@pytest.mark.parametrize(
    ("name", "text", "expected"), BAD, ids=[f"{name} {n}" for n, (name, *_) in enumerate(BAD)]
)
def test_a_wrong_import_is_found(name: str, text: str, expected: str) -> None:
    """However it is written: absolute or relative, at the top, in a function, or for types."""
    assert list(wrong_imports(module_of(f"{US}.{name}", text, KNOWN))) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import time", ["reconciler.x:1 imports time"]),
        ("from os import environ", ["reconciler.x:1 imports os"]),
        ("def f():\n    import socket", ["reconciler.x:2 imports socket"]),
        ("from datetime import datetime\ndatetime.now()", ["reconciler.x:2 reads the clock"]),
        ("import datetime\ndatetime.datetime.now()", ["reconciler.x:2 reads the clock"]),
        ("import datetime\ndatetime.date.today()", ["reconciler.x:2 reads the clock"]),
        ("with open('x') as f: pass", ["reconciler.x:1 reads a file"]),
        ("x = p.read_text()", ["reconciler.x:1 touches a file"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path", []),
        ("import json, re, hashlib", []),
    ],
)
def test_an_impure_module_is_found(text: str, expected: list[str]) -> None:
    """By what it imports and by what it calls; names for types do no harm."""
    assert list(impure(module_of(f"{US}.x", text))) == expected


@pytest.mark.parametrize("text", ["print(1)", "import sys\nsys.exit(1)", "raise SystemExit(2)", "exit()"])
def test_a_loud_module_is_found(text: str) -> None:
    """Printing and exiting, in each of their ways."""
    assert len(list(loud(module_of(f"{US}.x", text)))) == 1


def test_a_ring_is_found() -> None:
    """At module level only: what is imported late or for types makes none."""
    late = "def f():\n    import reconciler.a"
    a, b = (
        module_of(f"{US}.a", "import reconciler.b"),
        module_of(f"{US}.b", "from reconciler import a", ours("a")),
    )

    assert set(first_ring([a, b])) == {f"{US}.a", f"{US}.b"}
    assert first_ring([a, module_of(f"{US}.b", late)]) == []


def test_what_is_too_large_is_found() -> None:
    """By a line."""
    fits = "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)

    assert list(too_large(module_of("m", fits))) == []
    assert list(too_large(module_of("m", fits + "    x = 1\n"))) == ["m.f has 61 lines"]
    assert list(too_large(module_of("m", "x = 1\n" * 401))) == ["m has 401 lines"]
