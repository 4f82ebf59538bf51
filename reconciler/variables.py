"""The `variables:` block and what people give → one settled, typed value per variable.

A value comes from the first that has one: `--var`, `--var-file`, `RECONCILER_VAR_…` in the process's
environment, the chosen environment of the stack, the default. Sensitive values stand in no message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from reconciler.diagnostics import error
from reconciler.expressions import Scope, nearest, substitute, variables_in
from reconciler.nodes import (
    Failed,
    Mapping,
    Scalar,
    as_boolean,
    as_sensitive,
    is_null,
    leaves,
    moved_to,
)
from reconciler.variable_definitions import Definition, as_type, check_allowed, define
from reconciler.yaml_nodes import parse, read

if TYPE_CHECKING:
    from collections import abc
    from pathlib import Path

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Place
    from reconciler.nodes import Node
    from reconciler.yaml_nodes import Parsed

_PREFIX = "RECONCILER_VAR_"
_BLOCK = re.compile(r"""["']?(\w[\w-]*)["']?\s*:""")
"""How a block of a file begins; what stands in one is further in."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What people give beside the specs: `--var` pairs, `--var-file` paths, the process's environment.

    `environment` is the stack's chosen one; '' without. Of two pairs or files naming one variable the later
    wins.
    """

    flags: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    environ: abc.Mapping[str, str] = field(default_factory=dict)
    environment: str = ""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value before it is typed: a node of a file, or a text that `origin` names.

    Only what stands in the specs is searched for expressions: `${` in what comes from outside is text.
    """

    value: Node | str
    origin: str = ""
    in_specs: bool = False


def settle(
    block: Mapping | None,
    environment_variables: Mapping | None,
    inputs: Inputs,
    problems: list[Diagnostic],
    *,
    is_partial: bool = False,
) -> abc.Mapping[str, Node]:
    """Return the value of every variable in `block`; Failed for one with a problem, added to `problems`.

    A string or phone is a Scalar, an integer, number or boolean a Typed, a list a Sequence, a map a Mapping;
    every leaf of a sensitive one is sensitive. `environment_variables` is the chosen environment's own map.
    Where values may be missing because a file or (`is_partial`) the environment could not be read, nothing is
    said about those that are.
    """
    settled: dict[str, Node] = {entry.key.text: Failed(entry.key.place) for entry in block or ()}
    definitions = [found for entry in block or () if (found := define(entry.key, entry.value, problems))]
    files = [read(path, str(path)) for path in inputs.files]
    is_partial = is_partial or any(file.problems for file in files)
    sources = (
        _from_flags(inputs.flags, settled, problems),
        _from_files(files, settled, problems),
        _from_environ(inputs.environ, settled),
        _from_environment(environment_variables, inputs.environment, settled, problems),
        {d.name: _Given(d.default, in_specs=True) for d in definitions if d.default},
    )
    given: dict[str, tuple[Definition, _Given]] = {}
    for definition in definitions:
        value = next((source[definition.name] for source in sources if definition.name in source), None)
        if value:
            given[definition.name] = definition, value
        elif not is_partial:
            problems.append(_missing(definition, inputs.environment))
    for name in _ordered(given, problems):
        settled[name] = _settled(*given[name], Scope(settled, inputs.environment), problems)
    return settled


def _unknown(name: str, known: abc.Iterable[str]) -> str:
    near = nearest(name, known)
    names = ", ".join(sorted(known)[:10])
    return (
        f"Did you mean {near}?" if near else f"There are: {names}." if names else "No variables are defined."
    )


def _from_flags(
    flags: tuple[tuple[str, str], ...], known: abc.Collection[str], problems: list[Diagnostic]
) -> dict[str, _Given]:
    unknown = dict.fromkeys(name for name, _ in flags if name not in known)
    problems.extend(
        error(f"--var {name}: there is no such variable", _unknown(name, known)) for name in unknown
    )
    return {name: _Given(text, f"--var {name}") for name, text in flags if name in known}


def _from_files(
    files: abc.Iterable[Parsed], known: abc.Collection[str], problems: list[Diagnostic]
) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for parsed in files:
        problems.extend(parsed.problems)
        if isinstance(parsed.root, Mapping):
            given |= _from_map(parsed.root, known, "this file", problems, in_specs=False)
        elif parsed.root and not is_null(parsed.root):
            detail = "A --var-file holds one name: value a line."
            problems.append(error("this file is no map of names and values", detail, place=parsed.root.place))
    return given


def _from_environ(environ: abc.Mapping[str, str], known: abc.Iterable[str]) -> dict[str, _Given]:
    """Take the exact name first, then the one a shell can set. Others may be meant for other stacks."""
    given: dict[str, _Given] = {}
    for name in known:
        for variable in (_PREFIX + name, _shell_name(name)):
            if variable in environ:
                given.setdefault(name, _Given(environ[variable], variable))
    return given


def _shell_name(name: str) -> str:
    return _PREFIX + name.upper().replace("-", "_")


def _from_environment(
    node: Mapping | None, environment: str, known: abc.Collection[str], problems: list[Diagnostic]
) -> dict[str, _Given]:
    return _from_map(node, known, f"environment {environment}", problems, in_specs=True) if node else {}


def _from_map(
    node: Mapping, known: abc.Collection[str], owner: str, problems: list[Diagnostic], *, in_specs: bool
) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for entry in node:
        name = entry.key.text
        if name in known:
            given[name] = _Given(entry.value, in_specs=in_specs)
        else:
            summary = f"{owner} gives a value to {name}, but there is no such variable"
            problems.append(error(summary, _unknown(name, known), place=entry.key.place))
    return given


def _missing(definition: Definition, environment: str) -> Diagnostic:
    name = definition.name
    block = f"environments: {environment}: variables:" if environment else "an environment's variables:"
    detail = (
        f"Give it one of these ways:\n"
        f"  --var {name}=…\n"
        f"  --var-file FILE with a line {name}: …\n"
        f"  {_shell_name(name)}=… in the process's environment\n"
        f"  {name}: … under {block}\n"
        f"or give it a default: here."
    )
    return error(f"variable {name} has no value", detail, place=definition.place)


def _ordered(given: abc.Mapping[str, tuple[Definition, _Given]], problems: list[Diagnostic]) -> list[str]:
    """Return the names so that each comes after those it uses. Cycles are reported and left out."""
    uses = {name: _uses(value) & given.keys() for name, (_, value) in given.items()}
    while True:
        try:
            return list(TopologicalSorter(uses).static_order())
        except CycleError as problem:
            # Each name in the list is used by the next one; people read it the other way round.
            cycle: list[str] = problem.args[1][:0:-1]
            problems.append(_cycle(cycle, {name: given[name][0].place for name in cycle}))
            uses = {name: used - set(cycle) for name, used in uses.items() if name not in cycle}


def _uses(given: _Given) -> set[str]:
    return variables_in(given.value) if given.in_specs and not isinstance(given.value, str) else set()


def _cycle(names: list[str], places: abc.Mapping[str, Place]) -> Diagnostic:
    first = names.index(min(names, key=lambda name: places[name]))
    names = names[first:] + names[:first]
    if len(names) == 1:
        detail = "Give it a value that does without."
        return error(f"variable {names[0]} uses itself", detail, place=places[names[0]])
    chain = " → ".join([*names, names[0]])
    detail = "Each waits for the next. Give one of them a value of its own."
    related = tuple((f"{name} is defined", places[name]) for name in names[1:])
    return error(
        f"variables use each other in a circle: {chain}", detail, place=places[names[0]], related=related
    )


def _settled(definition: Definition, given: _Given, scope: Scope, problems: list[Diagnostic]) -> Node:
    node = _from_text(definition, given.value) if isinstance(given.value, str) else given.value
    if definition.sensitive:
        # Before anything can go wrong: messages about a sensitive text leave its parts out.
        node = as_sensitive(node)
    if given.in_specs:
        node = substitute(node, scope, problems)
    if any(isinstance(leaf, Failed) for leaf in leaves(node)):
        return Failed(definition.place)
    value = as_type(definition, node, given.origin, problems)
    return value if isinstance(value, Failed) else check_allowed(definition, value, given.origin, problems)


def _from_text(definition: Definition, text: str) -> Node:
    """Return what a flag's or process variable's text is; a list or map is written as in YAML."""
    if definition.type in ("list", "map"):
        parsed = parse(text.encode(errors="replace"), definition.name)
        if parsed.root and not parsed.problems:
            return moved_to(definition.place, parsed.root)
    return Scalar(text, plain=False, place=definition.place)


def concealed(sources: abc.Mapping[str, tuple[str, ...]], root: Mapping) -> abc.Mapping[str, tuple[str, ...]]:
    """Return `sources` with the values that `root` gives to sensitive variables cut away, for quoting."""
    lines = {name: list(texts) for name, texts in sources.items()}
    columns: dict[tuple[str, int], int] = {}
    for place in (leaf.place for node in _sensitive_values(root) for leaf in leaves(node)):
        line = place.file, place.line
        columns[line] = min(place.column, columns.get(line, place.column))
    for (name, line_number), column in columns.items():
        if line_number <= len(lines.get(name, ())):
            lines[name][line_number - 1] = lines[name][line_number - 1][: column - 1] + "(sensitive)"
    return {name: tuple(texts) for name, texts in lines.items()}


def concealed_unread(sources: abc.Mapping[str, tuple[str, ...]]) -> abc.Mapping[str, tuple[str, ...]]:
    """Return `sources` of files that could not all be read, without what may give a sensitive value.

    Which values are sensitive nobody can tell then. Where nothing is said to be, all may be quoted.
    """
    if not any("sensitive" in line for lines in sources.values() for line in lines):
        return sources
    return {name: tuple(_without_values(lines)) for name, lines in sources.items()}


def _without_values(lines: tuple[str, ...]) -> abc.Iterator[str]:
    """Yield the lines, those inside of blocks that give values empty; of a file in braces every one."""
    is_hidden = any(line.lstrip().startswith("{") for line in lines)
    for line in lines:
        begins = _BLOCK.match(line)
        is_hidden = is_hidden if begins is None else begins[1] in ("variables", "environments")
        yield "" if is_hidden else line


def _sensitive_values(root: Mapping) -> abc.Iterator[Node]:
    block = root.get("variables")
    environments = root.get("environments")
    names: set[str] = set()
    for name, definition in _maps(block):
        if not _is_open(definition.get("sensitive")):
            names.add(name)
            yield from (node for key in ("default", "allowed") if (node := definition.get(key)))
    for _, environment in _maps(environments):
        values = environment.get("variables")
        if isinstance(values, Mapping):
            yield from (entry.value for entry in values if entry.key.text in names)


def _is_open(node: Node | None) -> bool:
    """Tell whether a definition with this `sensitive` says that its value may be seen; unclear means no."""
    return node is None or (isinstance(node, Scalar) and as_boolean(node.text) is False)


def _maps(node: Node | None) -> abc.Iterator[tuple[str, Mapping]]:
    if isinstance(node, Mapping):
        yield from ((entry.key.text, entry.value) for entry in node if isinstance(entry.value, Mapping))
