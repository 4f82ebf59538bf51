"""Entries of the `outputs:` block → named values; with the live graph beside them, what each one is now.

An output may hold references (`${conversations.order-1042.sid}`), which are known once what they name is
there. It makes no difference to a plan: it is what a stack tells other programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from reconciler.diagnostics import error
from reconciler.model import Joined, Json, Ref
from reconciler.nodes import Failed, Link, Mapping, Node, Sequence, is_null, is_sensitive, leaves, to_json

if TYPE_CHECKING:
    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Graph, Place, Target
    from reconciler.nodes import Entry

Tree: TypeAlias = "Json | Ref | Joined | list[Tree] | dict[str, Tree]"
"""What an output can be: JSON with references inside."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output as the specs describe it; a `sensitive` one is shown only to who asks for it by name."""

    name: str
    value: Tree
    place: Place
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What an output is now: its value, or the references it waits for."""

    output: Output
    value: Json = None
    waits_for: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """All outputs of a stack as they are now, and why what they wait for may never come."""

    target: Target
    answers: tuple[Answer, ...]
    problems: tuple[Diagnostic, ...] = ()


def read_output(entry: Entry, problems: list[Diagnostic]) -> Output | None:
    """Return what an entry describes, expressions settled; None, with the problem noted, where it is empty.

    Of what failed before nothing more is said.
    """
    name, node = entry.key.text, entry.value
    if any(isinstance(leaf, Failed) for leaf in leaves(node)):
        return None
    if is_null(node):
        detail = f"Give it one, as in {name}: ${{conversations.order-1042.sid}}."
        problems.append(error(f"output {name} has no value", detail, place=entry.key.place))
        return None
    return Output(name, _tree(node), node.place, is_sensitive(node))


def _tree(node: Node) -> Tree:
    match node:
        case Link():
            return node.value
        case Mapping():
            return {entry.key.text: _tree(entry.value) for entry in node}
        case Sequence():
            return [_tree(item) for item in node]
    return to_json(node)


def refs_of(tree: Tree) -> tuple[Ref, ...]:
    """Return every reference that a value holds, each once."""
    match tree:
        case Ref():
            return (tree,)
        case Joined(parts):
            found = [part for part in parts if isinstance(part, Ref)]
        case list():
            found = [ref for item in tree for ref in refs_of(item)]
        case dict():
            found = [ref for item in tree.values() for ref in refs_of(item)]
        case _:
            found = []
    return tuple(dict.fromkeys(found))


def answer(output: Output, live: Graph) -> Answer:
    """Return what an output is now that `live` is there."""
    refs = refs_of(output.value)
    known = {ref: text for ref in refs if (text := _known(ref, live))}
    if len(known) < len(refs):
        return Answer(output, waits_for=tuple(ref for ref in refs if ref not in known))
    return Answer(output, _filled(output.value, known))


def _known(ref: Ref, live: Graph) -> str:
    found = live.resources.get(ref.address)
    return found.live.computed.get(ref.attribute, "") if found and found.live else ""


def _filled(tree: Tree, known: dict[Ref, str]) -> Json:
    match tree:
        case Ref():
            return known[tree]
        case Joined(parts):
            return "".join(known[part] if isinstance(part, Ref) else part for part in parts)
        case list():
            return [_filled(item, known) for item in tree]
        case dict():
            return {name: _filled(item, known) for name, item in tree.items()}
    return tree
