"""The blocks `moved`, `removed`, `adopted` and `recreated` of a document → Transitions, or what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.diagnostics import error
from reconciler.model import Address
from reconciler.nodes import Failed, Mapping, Node, Scalar, is_null
from reconciler.transitions import Adopted, Moved, Removed, Transitions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Graph

BLOCKS = ("moved", "removed", "adopted", "recreated")
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


@dataclass
class _Reading:
    root: Mapping
    stack: str
    desired: Graph
    kinds: Collection[str]
    problems: list[Diagnostic] = field(default_factory=list)

    def wrong(self, node: Node, summary: str, detail: str) -> None:
        self.problems.append(error(summary, detail, place=node.place))


def read_transitions(
    root: Mapping, stack: str, desired: Graph, kinds: Collection[str]
) -> tuple[Transitions, list[Diagnostic]]:
    """Return the consents in a document, and every problem with them, each with its place."""
    reading = _Reading(root, stack, desired, kinds)
    moved = tuple(_moved(reading))
    removed = dict(_removed(reading))
    adopted = tuple(_adopted(reading))
    recreated = dict(_recreated(reading))
    return Transitions(moved, removed, adopted, recreated), reading.problems


def _lines(reading: _Reading, name: str) -> Iterator[tuple[Scalar, Node]]:
    block = reading.root.get(name)
    if isinstance(block, Mapping):
        yield from ((entry.key, entry.value) for entry in block if not isinstance(entry.value, Failed))
    elif block is not None and not is_null(block) and not isinstance(block, Failed):
        reading.wrong(block, f"{name} is a map of addresses", f"{name}: {{conversation/order-1042: …}}")


def _address(reading: _Reading, scalar: Scalar) -> Address | None:
    try:
        address = Address.parse(scalar.text)
    except ValueError as fault:
        reading.wrong(scalar, f"{scalar.text!r} is no address", str(fault).partition("; ")[2])
        return None
    unknown = [kind for kind, _ in address.steps if kind not in reading.kinds]
    if unknown:
        reading.wrong(
            scalar, f"{unknown[0]!r} is no kind of resource", f"There are: {', '.join(reading.kinds)}."
        )
        return None
    return address


def _moved(reading: _Reading) -> Iterator[Moved]:
    for key, value in _lines(reading, "moved"):
        if not isinstance(value, Scalar):
            reading.wrong(value, "expected the new address", "moved: {conversation/old: conversation/new}")
            continue
        if key.text.startswith("stack/") and value.text == f"stack/{reading.stack}":
            yield Moved(Address.parse(key.text), Address.parse(value.text), key.place)
            continue
        old, new = _address(reading, key), _address(reading, value)
        if old is None or new is None:
            continue
        if old.kind != new.kind or old.parent != new.parent:
            detail = "Only its key can change: what it is and where it stands cannot."
            reading.wrong(value, f"{old} cannot become {new}", detail)
        elif new not in reading.desired.resources:
            reading.wrong(value, f"there is no {new} in the specs", "Write it, or take this line out.")
        elif old in reading.desired.resources:
            reading.wrong(key, f"{old} is still in the specs", "It has moved, so take it out, or this line.")
        else:
            yield Moved(old, new, key.place)


def _removed(reading: _Reading) -> Iterator[tuple[Address, Removed]]:
    for key, value in _lines(reading, "removed"):
        address = _address(reading, key)
        if address is None:
            continue
        if address in reading.desired.resources:
            reading.wrong(key, f"{address} is still in the specs", "Take it out of the specs, or this line.")
        elif isinstance(value, Scalar) and value.text in ("close", "release"):
            yield address, Removed(value.text, place=key.place)
        elif isinstance(value, Mapping) and (sid := _sid_at(value, "delete")):
            yield address, Removed("delete", sid, key.place)
        else:
            detail = "Write close, release, or {delete: CH…} with the sid: a deletion is final."
            reading.wrong(value, "this does not say how it goes", detail)


def _adopted(reading: _Reading) -> Iterator[Adopted]:
    for key, value in _lines(reading, "adopted"):
        covered = [a for a in reading.desired.resources if Adopted(key.text).covers(a)]
        if not covered:
            reading.wrong(key, f"{key.text} is nothing in the specs", "Adopt what the specs describe.")
        elif isinstance(value, Scalar) and _SID.fullmatch(value.text) and len(covered) == 1:
            yield Adopted(key.text, sid=value.text, place=key.place)
        elif isinstance(value, Mapping) and (stack := _text_at(value, "from")):
            yield Adopted(key.text, stack=stack, place=key.place)
        elif isinstance(value, Mapping) and (named := _text_at(value, "named")):
            yield Adopted(key.text, named=named, place=key.place)
        else:
            detail = "Write the sid of one row (CH…), {from: other-stack}, or {named: 'legacy-*'}."
            reading.wrong(value, "this does not say which row", detail)


def _recreated(reading: _Reading) -> Iterator[tuple[Address, str]]:
    for key, value in _lines(reading, "recreated"):
        address = _address(reading, key)
        if address is None:
            continue
        if address not in reading.desired.resources:
            reading.wrong(key, f"there is no {address} in the specs", "Write it, or take this line out.")
        elif isinstance(value, Scalar) and _SID.fullmatch(value.text):
            yield address, value.text
        else:
            reading.wrong(value, "this names no closed resource", "Write the sid of the closed one: CH…")


def _text_at(node: Mapping, name: str) -> str:
    value = node.get(name)
    return value.text if isinstance(value, Scalar) and len(node.entries) == 1 else ""


def _sid_at(node: Mapping, name: str) -> str:
    text = _text_at(node, name)
    return text if _SID.fullmatch(text) else ""
