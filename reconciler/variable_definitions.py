"""The `variables:` block → definitions, and any value → a value of its variable's type.

Values of sensitive variables stand in no message.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import error
from reconciler.expressions import nearest
from reconciler.nodes import (
    Failed,
    Mapping,
    Scalar,
    Sequence,
    Typed,
    as_boolean,
    as_number,
    is_null,
    is_sensitive,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Json, Place
    from reconciler.nodes import Node

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_WORD = re.compile(r"[\w+.:-]+")
_KEYS = ("type", "default", "description", "sensitive", "allowed")


@dataclass(frozen=True, slots=True)
class _Type:
    """What a type is called, how its values are written, and what a text or value is as one (or None)."""

    phrase: str
    remedy: str
    convert: Callable[[Json], Json]


def _integer(value: Json) -> Json:
    number = as_number(value) if isinstance(value, str) else value
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _number(value: Json) -> Json:
    number = as_number(value) if isinstance(value, str) else value
    return number if isinstance(number, int | float) and not isinstance(number, bool) else None


def _boolean(value: Json) -> Json:
    return as_boolean(value) if isinstance(value, str) else value if isinstance(value, bool) else None


def _string(value: Json) -> Json:
    return value if isinstance(value, str) else None


def _phone(value: Json) -> Json:
    return value if isinstance(value, str) and _PHONE.fullmatch(value) else None


def _nothing(_value: Json) -> Json:
    return None


_TYPES = {
    "string": _Type(
        "a text", 'Write a text, in quotes if it begins with [ or {; an empty one is "".', _string
    ),
    "integer": _Type("a whole number", "Write digits only, such as 42.", _integer),
    "number": _Type("a number", "Write a number, such as 0.5.", _number),
    "boolean": _Type("true or false", "Write true or false.", _boolean),
    "phone": _Type("a phone number", "Write +, country code and number, digits only.", _phone),
    "list": _Type("a list", "Write a list: [first, second].", _nothing),
    "map": _Type("a map", "Write a map: {key: value}.", _nothing),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """One variable as the specs define it. `default` is as written; `allowed` values are of its type."""

    name: str
    place: Place
    type: str = "string"
    default: Node | None = None
    sensitive: bool = False
    allowed: tuple[Node, ...] | None = None


def define(key: Scalar, node: Node, problems: list[Diagnostic]) -> Definition | None:
    """Read one entry of the block; None, and problems, where it defines nothing usable."""
    name, count = key.text, len(problems)
    if not _NAME.fullmatch(name):
        detail = "Begin with a letter; letters, digits, - and _ may follow, 64 in all."
        problems.append(error(f"{name} cannot name a variable", detail, place=key.place))
        return None
    if not isinstance(node, Mapping):
        if not isinstance(node, Failed):
            detail = f"Write {name}: {{default: …}}, or {name}: {{}} for one without a default."
            problems.append(error(f"variable {name} needs a map here", detail, place=key.place))
        return None
    _refuse_unknown_keys(node, problems)
    kind = _kind(node.get("type"), problems)
    sensitive = _sensitive(node.get("sensitive"), problems)
    if kind is None or sensitive is None or len(problems) > count:
        return None
    definition = Definition(name, key.place, kind, node.get("default"), sensitive)
    return replace(definition, allowed=_allowed(definition, node.get("allowed"), problems))


def _refuse_unknown_keys(node: Mapping, problems: list[Diagnostic]) -> None:
    for key in (entry.key for entry in node if entry.key.text not in _KEYS):
        near = nearest(key.text, _KEYS)
        detail = f"Did you mean {near}?" if near else f"There are: {', '.join(_KEYS)}."
        problems.append(error(f"a variable has no {key.text}", detail, place=key.place))


def _kind(node: Node | None, problems: list[Diagnostic]) -> str | None:
    if node is None:
        return "string"
    if isinstance(node, Scalar) and node.text in _TYPES:
        return node.text
    if not isinstance(node, Failed):
        near = nearest(node.text, _TYPES) if isinstance(node, Scalar) else ""
        detail = f"Did you mean {near}?" if near else f"Write one of: {', '.join(_TYPES)}."
        problems.append(error("this is no type of a variable", detail, place=node.place))
    return None


def _sensitive(node: Node | None, problems: list[Diagnostic]) -> bool | None:
    value = as_boolean(node.text) if isinstance(node, Scalar) else None
    if node is not None and value is None and not isinstance(node, Failed):
        problems.append(error("sensitive is true or false", "Write sensitive: true.", place=node.place))
    return False if node is None else value


def _allowed(
    definition: Definition, node: Node | None, problems: list[Diagnostic]
) -> tuple[Node, ...] | None:
    if node is None or isinstance(node, Failed):
        return None
    if not isinstance(node, Sequence) or not node.items:
        problems.append(
            error("allowed is a list of values", "Write allowed: [first, second].", place=node.place)
        )
        return None
    found = [as_type(definition, item, "", problems) for item in node]
    return None if any(isinstance(item, Failed) for item in found) else tuple(found)


def as_type(definition: Definition, node: Node, origin: str, problems: list[Diagnostic]) -> Node:
    """Return `node` as a value of the variable's type; Failed, and a problem, where it is none.

    `origin` names where the value comes from if that is no file ('' if it is).
    """
    wanted = Sequence if definition.type == "list" else Mapping
    if definition.type in ("list", "map") and isinstance(node, wanted):
        return node
    if isinstance(node, Scalar | Typed) and not is_null(node):
        value = _TYPES[definition.type].convert(node.text if isinstance(node, Scalar) else node.value)
        if value is not None and isinstance(node, Scalar) and isinstance(value, str):
            return replace(node, plain=False)
        if value is not None:
            return Typed(value, node.place, node.sensitive)
    if not isinstance(node, Failed):
        problems.append(_mismatch(definition, node, origin))
    return Failed(definition.place)


def _mismatch(definition: Definition, node: Node, origin: str) -> Diagnostic:
    kind = _TYPES[definition.type]
    hidden = definition.sensitive or is_sensitive(node)
    shown = "and its value is something else" if hidden else f"not {_shown(node)}"
    return _about(definition, node, origin, f"takes {kind.phrase}, {shown}", kind.remedy)


def check_allowed(definition: Definition, node: Node, origin: str, problems: list[Diagnostic]) -> Node:
    """Return `node`, a value of the type, if the definition allows it; else Failed, and a problem."""
    allowed = definition.allowed
    if allowed is None or to_json(node) in [to_json(one) for one in allowed]:
        return node
    problems.append(_not_allowed(definition, node, origin))
    return Failed(definition.place)


def _not_allowed(definition: Definition, node: Node, origin: str) -> Diagnostic:
    if definition.sensitive or is_sensitive(node):
        detail = "Give one of those that allowed: lists."
        return _about(definition, node, origin, "has a value that is not allowed", detail)
    allowed = ", ".join(_shown(item) for item in definition.allowed or ())
    return _about(definition, node, origin, f"cannot be {_shown(node)}", f"Allowed are: {allowed}.")


def _about(definition: Definition, node: Node, origin: str, claim: str, detail: str) -> Diagnostic:
    """Return a problem with a value: at its place in a file, else under the name of where it came from."""
    if not origin:
        return error(f"variable {definition.name} {claim}", detail, place=node.place)
    related = (("defined", definition.place),)
    return error(f"{origin}: variable {definition.name} {claim}", detail, related=related)


def _shown(node: Node) -> str:
    if is_null(node):
        return "nothing"
    if isinstance(node, Scalar | Typed):
        text = node.text if isinstance(node, Scalar) else json.dumps(node.value)
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        return shown if _WORD.fullmatch(shown) else f'"{shown}"'
    return "a list" if isinstance(node, Sequence) else "a map"
