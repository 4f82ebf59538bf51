"""Tables of operations: turns a method and a path into an operation, and a table into its part of the README.

A product's table lists every operation in Twilio's OpenAPI, with the function that performs it or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .call import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

_METHODS = {"List": "GET", "Create": "POST", "Fetch": "GET", "Update": "POST", "Delete": "DELETE"}
Handler = Callable[[Any], Reply]
Ways = dict[str, Handler | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: Twilio's name for it, where it is, and what performs it (None: not emulated).

    ``stored`` says that what it keeps has no effect here beyond being read again.
    """

    name: str
    method: str
    path: str
    handler: Handler | None
    stored: bool = False

    @property
    def state(self) -> str:
        """How far it is emulated, as the parity table says it."""
        return "501" if self.handler is None else "stored" if self.stored else "supported"


def spread(
    path: str, name: str, ways: Ways, instance: str = "/{Sid}", *, stored: bool = False
) -> Iterator[Operation]:
    """Give the operations of a collection and its instances."""
    for way, handler in ways.items():
        full = path if way in ("Create", "List") else path + instance
        yield Operation(way + name, _METHODS[way], full, handler, stored)


@dataclass(slots=True)
class _Node:
    words: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    name: str = ""
    by_method: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)


def _tree(operations: tuple[Operation, ...]) -> _Node:
    top = _Node()
    for operation in operations:
        node, names = top, []
        for segment in operation.path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node = node.any or _Node()
            else:
                node = node.words.setdefault(segment, _Node())
        node.by_method[operation.method] = operation, tuple(names)
    return top


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to: an operation (None: the path does not take the method), its parameters."""

    operation: Operation | None
    ids: dict[str, str]


class Table:
    """Every operation of one version of one product."""

    def __init__(self, product: str, operations: tuple[Operation, ...], version: str = "v1") -> None:
        self.product = product
        self.version = version
        self.operations = operations
        self._tree = _tree(operations)

    def count(self, state: str) -> int:
        """Return how many operations are supported, stored or 501."""
        return sum(operation.state == state for operation in self.operations)

    def summary(self) -> str:
        """Return the totals as a sentence."""
        stored = self.count("stored")
        rest = f", {stored} are stored" if stored else ""
        count, product = len(self.operations), self.product
        return f"{self.count('supported')} of {count} operations of {product} are supported{rest}."

    def match(self, method: str, path: str) -> Match | None:
        """Return where a path (below its version, percent-encoded) leads, None if it is not in the table.

        Decoding comes after splitting, so that a unique name may hold a slash.
        """
        node, values = self._tree, []
        for segment in path.split("/")[1:]:
            step = node.words.get(segment)
            if step is None:
                if node.any is None or not segment:
                    return None
                values.append(unquote(segment))
                step = node.any
            node = step
        if not node.by_method:
            return None
        if method not in node.by_method:
            return Match(None, {})
        operation, names = node.by_method[method]
        return Match(operation, dict(zip(names, values, strict=True)))

    def parity(self) -> str:
        """Return the operations as a Markdown table: supported, stored, or a loud 501."""
        lines = ["| Operation | Method | Path | |", "|---|---|---|---|"]
        for operation in sorted(self.operations, key=lambda found: (found.path, found.name)):
            where = f"`/{self.version}{operation.path}` | {operation.state}"
            lines.append(f"| {operation.name} | {operation.method} | {where} |")
        return "\n".join(lines) + "\n"
