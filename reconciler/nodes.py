"""What a YAML file is read into: nodes that keep the written text and its place, typed only when asked.

Nothing is typed while a file is read, because only the field knows: `012` is an order's name here and a
mistake there. `resolve_scalar` and `to_json` type what no field describes (the inside of `attributes`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model import Joined, Json, Place, Ref


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text. `plain` means that it was written without quotes.

    `trailing` is the comment standing behind it on the same line, from its ``#`` on: whoever writes
    ``name: Order #5`` hardly meant a comment. `inset` counts the columns from `place` to the first character
    of `text` where the text stands in the file exactly so on one line; None where it does not.
    """

    text: str
    plain: bool
    place: Place
    trailing: str = ""
    sensitive: bool = False
    inset: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Typed:
    """A value that is no text: what a lone expression of such a variable or column gives."""

    value: Json
    place: Place
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A text that is, or holds, something of another resource."""

    value: Ref | Joined
    place: Place
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Stands for a value that could not be worked out; the reason is reported, so pass over it in silence."""

    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value. The key is its written text: ``012`` and ``yes`` stay what they look like."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in the order they are written; no two keys of a Mapping that was read are equal."""

    entries: tuple[Entry, ...]
    place: Place

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def entry(self, name: str) -> Entry | None:
        """Return the entry whose key reads `name`."""
        return next((entry for entry in self.entries if entry.key.text == name), None)

    def get(self, name: str) -> Node | None:
        """Return the value at `name`; None where there is no such key (an empty value is a Scalar)."""
        entry = self.entry(name)
        return entry.value if entry else None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items in the order they are written."""

    items: tuple[Node, ...]
    place: Place

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


Node: TypeAlias = "Scalar | Typed | Link | Failed | Mapping | Sequence"

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 300
"""Beyond it a text of digits is a text: no reader of JSON agrees on such numbers."""


def resolve_scalar(scalar: Scalar) -> Json:
    """Return what `scalar` is where no field types it: true, false, null, a JSON number, or its text."""
    if not scalar.plain:
        return scalar.text
    if scalar.text in _WORDS:
        return _WORDS[scalar.text]
    number = as_number(scalar.text)
    return scalar.text if number is None else number


def as_number(text: str) -> int | float | None:
    """Return the number `text` writes in JSON's grammar; None where it writes none (``012``, ``1_000``)."""
    matched = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if not matched:
        return None
    if matched[2] is None and matched[3] is None:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def as_boolean(text: str) -> bool | None:
    """Return the boolean that `text` writes; None where it writes none (``yes``, ``on``)."""
    return _WORDS.get(text)


def is_null(node: Node) -> bool:
    """Tell whether `node` says *nothing*: an empty plain value, ``~`` or ``null``."""
    if isinstance(node, Scalar):
        return node.plain and node.text in _WORDS and _WORDS[node.text] is None
    return isinstance(node, Typed) and node.value is None


def to_json(node: Node) -> Json:
    """Return `node` as JSON. Raises ValueError on a Link or Failed inside (see `leaves`): they have none."""
    match node:
        case Scalar():
            return resolve_scalar(node)
        case Typed():
            return node.value
        case Mapping():
            return {entry.key.text: to_json(entry.value) for entry in node}
        case Sequence():
            return [to_json(item) for item in node]
    raise ValueError(f"{type(node).__name__} at {node.place} has no JSON before it is known")


def leaves(node: Node) -> Iterator[Scalar | Typed | Link | Failed]:
    """Yield every value inside `node`, in the order they are written."""
    if isinstance(node, Mapping):
        for entry in node:
            yield from leaves(entry.value)
    elif isinstance(node, Sequence):
        for item in node:
            yield from leaves(item)
    else:
        yield node


def is_within(node: Node, weight: int, depth: int) -> bool:
    """Tell whether `node`, written out, has at most `weight` nodes on `depth` levels; quick where it has not.

    A hundred characters weigh as much as a node.
    """
    waiting = [(node, 0)]
    while waiting:
        inner, level = waiting.pop()
        weight -= 1 + (len(inner.text) // 100 if isinstance(inner, Scalar) else 0)
        if weight < 0 or level > depth:
            return False
        if isinstance(inner, Mapping):
            waiting.extend((entry.value, level + 1) for entry in inner)
        elif isinstance(inner, Sequence):
            waiting.extend((item, level + 1) for item in inner)
    return True


def is_sensitive(node: Node) -> bool:
    """Tell whether anything inside `node` must not be shown."""
    return any(not isinstance(leaf, Failed) and leaf.sensitive for leaf in leaves(node))


def as_sensitive(node: Node) -> Node:
    """Return `node` with every value inside marked sensitive."""
    match node:
        case Mapping():
            return replace(node, entries=tuple(Entry(e.key, as_sensitive(e.value)) for e in node))
        case Sequence():
            return replace(node, items=tuple(as_sensitive(item) for item in node))
        case Failed():
            return node
    return replace(node, sensitive=True)


def moved_to(place: Place, node: Node) -> Node:
    """Return `node` with every place inside replaced by `place`, for values that stand in no file."""
    match node:
        case Mapping():
            entries = (Entry(replace(e.key, place=place, inset=None), moved_to(place, e.value)) for e in node)
            return Mapping(tuple(entries), place)
        case Sequence():
            return Sequence(tuple(moved_to(place, item) for item in node), place)
        case Scalar():
            return replace(node, place=place, inset=None, trailing="")
    return replace(node, place=place)
