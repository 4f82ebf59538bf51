"""A Document → the Stack it describes: variables settled, specs validated, every rule checked.

All problems are gathered and raised together, each with its place, so that one run of `validate` shows them
all. Nothing here reads the network, and nothing from a spec is executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.border import as_input, not_names, unknown_key, validated
from reconciler.consents import BLOCKS, read_transitions
from reconciler.diagnostics import SpecError, error, warning
from reconciler.expressions import Scope, nearest, substitute
from reconciler.kinds.base import CannotDeclareError, Declared, Kind, Site
from reconciler.kinds.fields import shape
from reconciler.model import Address, Graph, Owner, Path, Place, Resource
from reconciler.nodes import (
    Failed,
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_null,
    leaves,
)
from reconciler.outputs import Output, read_output
from reconciler.references import References
from reconciler.rules import check_graph
from reconciler.safety import Limits as RemovalLimits
from reconciler.stack import EnvironmentSpec, Limits, Stack, StackSpec, sender_problem
from reconciler.variables import Inputs, concealed, settle

if TYPE_CHECKING:
    from collections import abc

    from pydantic import BaseModel

    from reconciler.diagnostics import Diagnostic
    from reconciler.documents import Document
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass
class _Reading:
    """What is known so far of one document."""

    root: Mapping
    kinds: tuple[Kind, ...]
    problems: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    resources: dict[Address, Resource] = field(default_factory=dict)


def read_desired(
    document: Document, kinds: tuple[Kind, ...], inputs: Inputs
) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """Return the stack and the warnings. Raises SpecError with every problem of every file."""
    reading = _Reading(document.root, kinds, warnings=list(document.warnings))
    _check_blocks(reading, document)
    stack, environment = _frame(reading, inputs.environment)
    variables = settle(
        _map_at(reading, "variables"),
        _environment_variables(reading, inputs.environment),
        inputs,
        reading.problems,
        is_partial=not _is_settled(reading, inputs.environment),
    )
    scope = Scope(variables, inputs.environment, reference=References(reading.root, reading.kinds))
    senders = _senders(reading, scope)
    name = stack.name if stack else ""
    for kind in kinds:
        if kind.parent is None and (block := _map_at(reading, kind.plural)):
            settled = substitute(block, scope, reading.problems)
            if isinstance(settled, Mapping):
                _read_level(reading, kind, settled, None, Site("", name, senders))
    outputs = _outputs(reading, scope)
    graph = Graph(reading.resources)
    owner = Owner(name, inputs.environment)
    if not any(_failed(node) for node in (document.root,)):
        reading.problems += check_graph(graph, kinds, Site("", name, senders), owner)
    transitions, wrong = read_transitions(document.root, name, graph, [kind.name for kind in kinds])
    reading.problems += wrong
    if reading.problems:
        raise SpecError(_in_order(reading.problems), concealed(document.sources, document.root))
    assert stack is not None  # noqa: S101 - without one there is a problem
    whole = _stack(stack, environment, owner, graph, senders)
    whole = replace(whole, transitions=transitions, outputs=outputs)
    return whole, tuple(_in_order(reading.warnings))


def _in_order(problems: list[Diagnostic]) -> list[Diagnostic]:
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.place is not None, p.place or Place("", 0, 0), p.summary))


def _stack(
    spec: StackSpec,
    environment: EnvironmentSpec | None,
    owner: Owner,
    graph: Graph,
    senders: abc.Mapping[str, tuple[str, ...]],
) -> Stack:
    written = [limits for limits in (environment and environment.limits, spec.limits) if limits]
    return Stack(
        owner,
        spec.service,
        spec.on_remove,
        graph,
        account=(environment.account or "") if environment else "",
        writes_per_second=_first(written, "writes_per_second", 10),
        senders=senders,
        recipients=tuple(environment.recipients)
        if environment and environment.recipients is not None
        else None,
        limits=RemovalLimits(_first(written, "remove", 10), _first(written, "remove_percent", 30)),
        stack_id=spec.id or "",
        record=spec.record,
    )


def _first(written: list[Limits], name: str, default: int) -> int:
    """Return a limit as the environment has it, else the stack, else the default."""
    given = [getattr(limits, name) for limits in written if getattr(limits, name) is not None]
    return int(given[0]) if given else default


# --- the frame ---------------------------------------------------------------------------------------------


def _check_blocks(reading: _Reading, document: Document) -> None:
    """Say which top-level keys are none of ours, and that `stack:` is missing if none was meant to be it."""
    known = [
        *BLOCKS,
        "stack",
        "environments",
        "variables",
        "senders",
        "outputs",
        *(k.plural for k in reading.kinds if k.parent is None),
    ]
    unknown = [entry.key for entry in reading.root if entry.key.text not in known]
    reading.problems += [unknown_key(key, known) for key in unknown]
    if document.stackless and not any(nearest(key.text, known) == "stack" for key in unknown):
        reading.problems.append(document.stackless)


def _map_at(reading: _Reading, name: str) -> Mapping | None:
    """Return the block `name` where it is a map; anything else but nothing is a problem."""
    node = reading.root.get(name)
    if node is None or isinstance(node, Mapping) or is_null(node):
        return node if isinstance(node, Mapping) else None
    if not isinstance(node, Failed):
        reading.problems.append(not_names(name, node, node.place))
    return None


def _frame(reading: _Reading, environment: str) -> tuple[StackSpec | None, EnvironmentSpec | None]:
    entry = reading.root.entry("stack")
    stack = validated(reading.problems, StackSpec, entry.value, entry.key.place) if entry else None
    if entry and stack and stack.id and stack.record == "none":
        reading.problems.append(_unguarded(entry.value))
    environments = _map_at(reading, "environments")
    names = [entry.key.text for entry in environments or ()]
    if names and not environment:
        summary = "this stack has environments, and none was chosen"
        reading.problems.append(
            error(
                summary,
                f"Choose with -e: {', '.join(names)}. For example: reconciler … -e {names[0]}",
                place=environments.place if environments else None,
            )
        )
    elif environment and environment not in names:
        near = nearest(environment, names)
        detail = (
            f"Did you mean {near}?"
            if near
            else f"There are: {', '.join(names)}."
            if names
            else "It has none."
        )
        reading.problems.append(error(f"-e {environment}: this stack has no such environment", detail))
    chosen: EnvironmentSpec | None = None
    for one in environments or ():
        scoped = _without(one.value, "variables")
        spec = validated(reading.problems, EnvironmentSpec, scoped, one.key.place)
        chosen = spec if one.key.text == environment else chosen
    return stack, chosen


def _unguarded(stack: Node) -> Diagnostic:
    written = stack.entry("id") if isinstance(stack, Mapping) else None
    return error(
        "`id` guards nothing with `record: none`: it is compared with the one in the record",
        "Take one of the two lines out.",
        place=written.key.place if written else stack.place,
    )


def _is_settled(reading: _Reading, environment: str) -> bool:
    """Whether the environment is one that the stack has, or none is chosen of a stack without any."""
    block = reading.root.get("environments")
    names = [entry.key.text for entry in block] if isinstance(block, Mapping) else []
    return environment in names if names else not environment


def _without(node: Node, name: str) -> Node:
    if not isinstance(node, Mapping):
        return node
    return Mapping(tuple(entry for entry in node if entry.key.text != name), node.place)


def _environment_variables(reading: _Reading, environment: str) -> Mapping | None:
    environments = reading.root.get("environments")
    chosen = environments.get(environment) if isinstance(environments, Mapping) else None
    variables = chosen.get("variables") if isinstance(chosen, Mapping) else None
    return variables if isinstance(variables, Mapping) else None


def _senders(reading: _Reading, scope: Scope) -> dict[str, tuple[str, ...]]:
    block = _map_at(reading, "senders")
    settled = substitute(block, scope, reading.problems) if block else None
    senders: dict[str, tuple[str, ...]] = {}
    for entry in settled if isinstance(settled, Mapping) else ():
        senders[entry.key.text] = _sender(reading, entry.value)
    return senders


def _sender(reading: _Reading, node: Node) -> tuple[str, ...]:
    """Return the numbers of one sender; none, with the problem noted, where they cannot be read."""
    if _failed(node):
        return ()
    items = node.items if isinstance(node, Sequence) else (node,)
    numbers = tuple(item.text for item in items if isinstance(item, Scalar))
    problem = sender_problem(numbers)
    if len(numbers) < len(items) or not items:
        problem = f"expected a number or a list of numbers, found {shape(as_input(node))}"
    if not problem:
        return numbers
    detail = "A sender is a number of ours, + and digits; on WhatsApp with the prefix whatsapp:"
    reading.problems.append(error(problem, detail, place=node.place))
    return ()


def _outputs(reading: _Reading, scope: Scope) -> tuple[Output, ...]:
    block = _map_at(reading, "outputs")
    settled = substitute(block, scope, reading.problems) if block else None
    entries = settled if isinstance(settled, Mapping) else ()
    found = [read_output(entry, reading.problems) for entry in entries if _is_key(reading, entry.key)]
    return tuple(output for output in found if output is not None)


# --- resources ---------------------------------------------------------------------------------------------


def _is_key(reading: _Reading, key: Scalar) -> bool:
    """Whether a name can be one of ours; where it cannot, the problem is noted."""
    if _KEY.fullmatch(key.text):
        return True
    detail = "A key has letters, digits, dashes and underscores, at most 64."
    reading.problems.append(error(f"{key.text!r} cannot be a key", detail, place=key.place))
    return False


def _read_level(reading: _Reading, kind: Kind, block: Mapping, parent: Address | None, site: Site) -> None:
    for entry in block:
        if not _is_key(reading, entry.key):
            continue
        address = Address.of(kind.name, entry.key.text, parent)
        _read_resource(reading, kind, entry.key, entry.value, address, site)


def _read_resource(
    reading: _Reading, kind: Kind, key: Scalar, node: Node, address: Address, site: Site
) -> None:
    inside = [child for child in reading.kinds if child.parent is kind]
    own = node
    for child in inside:
        own = _without(own, child.plural)
    here = Site(key.text, site.stack, site.senders)
    declared = _declared(reading, kind, own, key.place, here, [child.plural for child in inside])
    if declared is not None:
        reading.resources[address] = Resource(
            address,
            declared.fields,
            place=key.place,
            places=dict(_places(node, ())),
            policy=declared.policy,
            at_creation=declared.at_creation,
        )
    for child in inside:
        block = node.get(child.plural) if isinstance(node, Mapping) else None
        if isinstance(block, Mapping):
            _read_level(reading, child, block, address, site)
        elif block is not None and not is_null(block) and not isinstance(block, Failed):
            reading.problems.append(not_names(child.plural, block, block.place))


def _declared(
    reading: _Reading, kind: Kind, node: Node, place: Place, site: Site, also: list[str]
) -> Declared | None:
    """Return what one spec declares; None, with the problems noted, where it cannot be understood."""
    if kind.spec is None:
        return None
    spec = validated(reading.problems, kind.spec, node, place, also)
    if spec is None:
        return None
    _check_nulls(reading, kind, spec, node)
    _warn_of_comments(reading, spec, node)
    if _failed(node):
        return None
    try:
        return kind.declare(spec, site)
    except CannotDeclareError as fault:
        where = node.get(fault.field) if isinstance(node, Mapping) else None
        reading.problems.append(error(str(fault), fault.detail, place=where.place if where else place))
        return None


def _failed(node: Node) -> bool:
    return any(isinstance(leaf, Failed) for leaf in leaves(node))


def _check_nulls(reading: _Reading, kind: Kind, spec: BaseModel, node: Node) -> None:
    """Null means *clear it*, which is a mistake where Twilio cannot."""
    for name in sorted(spec.model_fields_set):
        value = node.get(name) if isinstance(node, Mapping) else None
        if getattr(spec, name) is None and value is not None and name not in kind.clear:
            detail = "Leave the line out to let it be, or give a value."
            reading.problems.append(error(f"{name} cannot be cleared", detail, place=value.place))


def _warn_of_comments(reading: _Reading, spec: BaseModel, node: Node) -> None:
    """Prose with an unquoted ` #word` behind it has most likely lost its end to a comment."""
    for name, info in type(spec).model_fields.items():
        value = node.get(name) if isinstance(node, Mapping) else None
        if "free text" in info.metadata and isinstance(value, Scalar) and re.match(r"#\w", value.trailing):
            detail = f'If it belongs to the text, quote it: {name}: "{value.text} {value.trailing}"'
            summary = f"{value.trailing.split()[0]!r} is a comment here, not part of the text"
            reading.warnings.append(warning(summary, detail, place=value.place))


def _places(node: Node, above: Path) -> abc.Iterator[tuple[Path, Place]]:
    yield above, node.place
    if isinstance(node, Mapping):
        for entry in node:
            yield from _places(entry.value, (*above, entry.key.text))
