"""Placeholders: turns ``{{1}}`` and values into text, and texts into what WhatsApp says of them. Pure.

Sources: the page on variables (values that are not given fall back to the content's own; names without
spaces, 16 characters, 100 of them; WhatsApp: numbers in sequence, none at an end, none beside another).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PLACEHOLDER = re.compile(r"\{\{(\w{1,16})\}\}")
_EDGES = re.compile(r"\A\s*\{\{\w{1,16}\}\}|\{\{\w{1,16}\}\}\s*\Z")
_SIDE_BY_SIDE = re.compile(r"\{\{\w{1,16}\}\}\s*\{\{\w{1,16}\}\}")


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return a JSON value with its placeholders filled, as far as there are values."""
    return _each(value, lambda text: _PLACEHOLDER.sub(lambda at: values.get(at[1], at[0]), text))


def _each(value: Any, deed: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return deed(value)
    if isinstance(value, list):
        return [_each(one, deed) for one in value]
    if isinstance(value, dict):
        return {name: _each(one, deed) for name, one in value.items()}
    return value


def texts(value: Any) -> Iterator[str]:
    """Give every text of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts(one)


def names(value: Any) -> list[str]:
    """Return the names of all placeholders, each once, in the order of the texts."""
    return list(dict.fromkeys(name for text in texts(value) for name in _PLACEHOLDER.findall(text)))


def taken(template: str, body: str) -> dict[str, str] | None:
    """Return what stands in a template's placeholders to make it this text, None if nothing does.

    Each takes as little as it can, so that the whole is one walk over the text.
    """
    first, *rest = _PLACEHOLDER.split(template)
    values: dict[str, str] = {}
    at = len(first)
    for n in range(0, len(rest), 2):
        name, piece = rest[n], rest[n + 1]
        is_last = n + 2 == len(rest)
        end = len(body) - len(piece) if is_last else body.find(piece, at + 1)
        if end <= at or values.setdefault(name, body[at:end]) != body[at:end]:
            return None
        at = end + len(piece)
    fits = filled(template, values) == body
    return values if fits else None


def objection(value: Any, samples: Mapping[str, str], *, edges: bool) -> str | None:
    """Return what WhatsApp has against a type's texts (documented); None: nothing.

    ``edges`` says whether a body may begin or end with a placeholder, or have two side by side.
    """
    found = names(value)
    if unsampled := [name for name in found if not samples.get(name)]:
        return f"variable {unsampled[0]} has no sample"
    numbers = [int(name) for name in found if name.isascii() and name.isdigit()]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        return "variables are not in sequence from 1"
    body = value.get("body", "") if isinstance(value, dict) else ""
    if not edges and _EDGES.search(body):
        return "the body begins or ends with a variable"
    if not edges and _SIDE_BY_SIDE.search(body):
        return "the body has two variables side by side"
    return None
