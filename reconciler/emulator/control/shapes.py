"""What bodies and answers look like: turns words into JSON Schemas, and a wrong body into what is wrong.

A shape is a JSON Schema, made by what stands here and by nothing else, so that ``problem`` knows all it may
say. A record knows all its fields; a name with ``?`` may be left out. A shape that is ``named`` is written
once in a document and referred to everywhere else.
"""

from __future__ import annotations

import dataclasses
import re
import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape = dict[str, Any]

ANY: Shape = {}
TEXT: Shape = {"type": "string"}
NAME: Shape = {"type": "string", "minLength": 1}
DATE: Shape = {"type": "string", "format": "date-time"}
FLAG: Shape = {"type": "boolean"}
NUMBER: Shape = {"type": "number"}
WHOLE: Shape = {"type": "integer"}
COUNT: Shape = {"type": "integer", "minimum": 0}
SECONDS: Shape = {"type": "number", "minimum": 0, "maximum": 10**10}
NULL: Shape = {"type": "null"}

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (types.NoneType,),
}
_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_HALF = re.compile("[\ud800-\udfff]")  # JSON can say it, and nothing else can hold it
_HINTS: dict[Any, Shape] = {str: TEXT, int: WHOLE, float: NUMBER, bool: FLAG, types.NoneType: NULL, Any: ANY}


def record(fields: Mapping[str, Shape]) -> Shape:
    """Return the shape of an object of these fields and no others."""
    return {
        "type": "object",
        "properties": {name.rstrip("?"): shape for name, shape in fields.items()},
        "required": [name for name in fields if not name.endswith("?")],
        "additionalProperties": False,
    }


def table(of: Shape) -> Shape:
    """Return the shape of an object of any names, whose values are alike."""
    return {"type": "object", "additionalProperties": of}


def listed(of: Shape) -> Shape:
    """Return the shape of a list."""
    return {"type": "array", "items": of}


def choice(*values: str) -> Shape:
    """Return the shape of a text that is one of these."""
    return {"type": "string", "enum": list(values)}


def either(*shapes: Shape) -> Shape:
    """Return the shape of what has one of these, which have a type each, or are such a choice themselves."""
    return {"anyOf": [one for shape in shapes for one in shape.get("anyOf", [shape])]}


def or_null(shape: Shape) -> Shape:
    """Return the shape of what may be null instead."""
    return either(shape, NULL)


def named(name: str, shape: Shape) -> Shape:
    """Give a shape a name."""
    return {"title": name, **shape}


def fields_like(kind: type, *, needed: bool) -> dict[str, Shape]:
    """Return the fields of a dataclass by its types; ``needed``: also those that it has a default for."""
    hints, missing = get_type_hints(kind), dataclasses.MISSING
    return {
        f.name + ("" if needed or (f.default is missing and f.default_factory is missing) else "?"): _of(
            hints[f.name]
        )
        for f in dataclasses.fields(kind)
    }


def _of(hint: Any) -> Shape:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return either(*(_of(one) for one in inner))
    if origin is Literal:
        return choice(*inner)
    if origin is list:
        return listed(_of(inner[0]))
    return table(_of(inner[1])) if origin is dict else _HINTS[hint]


def problem(shape: Shape, value: Any, where: str = "") -> str | None:
    """Return what is wrong with a value, its place first; None if it has the shape."""
    at = where or "the body"
    if "anyOf" in shape:
        found = [problem(one, value, where) for one in shape["anyOf"]]
        return None if None in found else _nearest(shape["anyOf"], value, found, at)
    kind = shape.get("type")
    if kind is not None and not _is(kind, value):
        return f"{at}: is not {_WORDS[kind]}"
    if isinstance(value, str) and _HALF.search(value):
        return f"{at}: is not text, it has half a character"
    if "enum" in shape and value not in shape["enum"]:
        return f"{at}: is none of {', '.join(map(str, shape['enum']))}"
    if value == "" and "minLength" in shape:
        return f"{at}: is empty"
    if "minimum" in shape and not shape["minimum"] <= value <= shape.get("maximum", float("inf")):
        return f"{at}: is not {_WORDS[shape['type']]} of {shape['minimum']} or more"
    if kind == "array":
        return next(
            (p for n, one in enumerate(value) if (p := problem(shape["items"], one, f"{at}[{n}]"))), None
        )
    return _object_problem(shape, value, where) if kind == "object" else None


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _nearest(shapes: list[Shape], value: Any, found: list[str | None], at: str) -> str:
    """Return the complaint of the shape that was meant, whose type fits, else what all of them are."""
    meant = [p for shape, p in zip(shapes, found, strict=True) if p and _is(shape.get("type", "null"), value)]
    if meant:
        return meant[-1]
    return f"{at}: is not {' or '.join(_WORDS[shape['type']] for shape in shapes)}"


def _object_problem(shape: Shape, value: dict[str, Any], where: str) -> str | None:
    start, fields = f"{where}." if where else "", shape.get("properties", {})
    if "properties" in shape:
        for name in sorted({*value} - {*fields}):
            return f"{start}{name}: is not known here; there are {', '.join(fields)}"
        for name in shape["required"]:
            if name not in value:
                return f"{start}{name}: is missing"
    rest = shape.get("additionalProperties") or ANY
    return next(
        (p for name, one in value.items() if (p := problem(fields.get(name, rest), one, f"{start}{name}"))),
        None,
    )
