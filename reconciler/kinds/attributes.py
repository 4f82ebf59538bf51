"""The JSON text of `attributes` ↔ leaves, with our mark under one key and the keys of others left alone."""

from __future__ import annotations

import json
import operator
import re
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from reconciler.kinds import mark as marks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model import Fields, Mark, Path, Value
    from reconciler.step import Row

ATTRIBUTES = "attributes"


class CannotMergeError(ValueError):
    """Live attributes are no JSON object, so keys cannot be merged into them without losing something."""


def flatten(tree: Mapping[str, Any], above: Path) -> dict[Path, Any]:
    """Return the leaves of a JSON object; lists and scalars are one value, an empty object holds none."""
    leaves: dict[Path, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            leaves |= flatten(value, (*above, name))
        else:
            leaves[(*above, name)] = value
    return leaves


def set_leaf(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Put `value` at `path`, making objects on the way."""
    for name in path[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[path[-1]] = value


def remove_leaf(tree: dict[str, Any], path: Path) -> None:
    """Take the value at `path` away, and the objects that this leaves empty."""
    name, rest = path[0], path[1:]
    if not rest:
        tree.pop(name, None)
        return
    below = tree.get(name)
    if isinstance(below, dict):
        remove_leaf(below, rest)
        if not below:
            del tree[name]


def attributes_of(row: Row) -> Any:
    """Return the parsed attributes of a live row; text that is no JSON, or nests too deep, stays text."""
    text = row.get(ATTRIBUTES) or "{}"
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def live_attributes(row: Row) -> dict[Path, Any]:
    """Return the leaves of a live row's attributes without our mark, for `from_live`."""
    tree = attributes_of(row)
    if not isinstance(tree, dict):
        return {(ATTRIBUTES,): tree}
    return flatten({name: value for name, value in tree.items() if name != marks.KEY}, (ATTRIBUTES,))


def live_mark(row: Row) -> Mark | None:
    """Return the mark in a live row's attributes."""
    tree = attributes_of(row)
    return marks.decode(tree.get(marks.KEY)) if isinstance(tree, dict) else None


def attributes_text(leaves: Fields, mark: Mark | None) -> str:
    """Return the JSON text of new attributes: the leaves that have a value, and the mark."""
    tree: dict[str, Any] = {}
    for path, value in leaves.items():
        if value is not None:
            set_leaf(tree, path[1:], value)
    if mark is not None:
        tree[marks.KEY] = marks.encode(mark)
    return json.dumps(tree, ensure_ascii=True)


def merged_attributes(row: Row, leaves: Fields, mark: Mark | None) -> str:
    """Return the text of a fresh row's attributes with our leaves set or removed and our mark renewed.

    Keys that are not ours stay as they are; without a `mark` ours is taken off. Raises CannotMergeError.
    """
    tree, restore = _exact_attributes(row, leaves)
    if not isinstance(tree, dict):
        raise CannotMergeError("its attributes are not a JSON object, so keys cannot be merged into them")
    for path, value in leaves.items():
        if value is None:
            remove_leaf(tree, path[1:])
        else:
            set_leaf(tree, path[1:], value)
    tree.pop(marks.KEY, None)
    if mark is not None:
        tree[marks.KEY] = marks.encode(mark)
    return restore(json.dumps(tree, ensure_ascii=True))


def _exact_attributes(row: Row, leaves: Fields) -> tuple[Any, Callable[[str], str]]:
    """Return a row's attributes and how to write them so that numbers of others stay to the last digit.

    Each number is read as a text that stands nowhere else, and turned back in the text that is sent.
    """
    text = row.get(ATTRIBUTES) or "{}"
    if not isinstance(text, str):
        return None, str
    taken = text + marks.canonical([value for value in leaves.values() if value is not None])
    token = next(sign for n in count() if (sign := f"number {n} ") not in taken)
    keep = partial(operator.add, token)
    try:
        tree = json.loads(text, parse_float=keep, parse_int=keep, parse_constant=keep)
    except (ValueError, RecursionError):
        return None, str
    return tree, partial(re.sub, f'"{token}([^"]*)"', r"\1")


def split_attributes(fields: Fields) -> tuple[dict[Path, Value], dict[Path, Value]]:
    """Return (everything else, the leaves of attributes)."""
    leaves = {path: value for path, value in fields.items() if path[0] == ATTRIBUTES}
    return {path: value for path, value in fields.items() if path not in leaves}, leaves
