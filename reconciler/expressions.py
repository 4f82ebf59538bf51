"""Texts with `${…}` in them → the values they stand for.

`${var.name}`, `${env}`, `${each.column}` and `${conversations.order-1042.sid}` stand in values only. An
expression that is the whole value keeps the type of what it stands for; `$${` is a literal `${`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler.diagnostics import Diagnostic, error
from reconciler.model import Joined, Place, Ref
from reconciler.nodes import (
    Entry,
    Failed,
    Link,
    Mapping,
    Scalar,
    Sequence,
    Typed,
    as_sensitive,
    is_within,
)
from reconciler.yaml_nodes import MAX_DEPTH, MAX_WEIGHT

if TYPE_CHECKING:
    from collections import abc

    from reconciler.model import Json
    from reconciler.nodes import Node

_OPENING = re.compile(r"\$\$\{|\$\{")
_INSIDE = re.compile(r"([^{}\r\n]*)\}")
_KEY = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_STEP = rf"{_KEY}(?:\[[^\[\]{{}}\s]{{1,64}}\])?"
_PATH = re.compile(rf"{_STEP}(?:\.{_STEP})*")
_STEPS = re.compile(_STEP)
_HEADS = {"var": 2, "env": 1, "each": 2}
_FORMS = (
    "Write ${var.name}, ${env}, ${each.column} or, as in ${conversations.order-1042.sid}, a resource's field."
)
_LITERAL = "For the characters themselves write $${."


@dataclass(frozen=True, slots=True)
class Expression:
    """One `${…}`: the names between its dots, and where it stands (the whole text's place if unclear)."""

    names: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        return f"${{{'.'.join(self.names)}}}"


def _no_references(names: tuple[str, ...], place: Place) -> Ref | Diagnostic:
    detail = "Only ${var.name} and ${env} can stand here."
    return error(f"${{{'.'.join(names)}}} is not known yet here", detail, place=place)


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions can name.

    `variables` are settled values; a Failed one fails its uses in silence. `environment` is '' where none is
    chosen, `each` the row inside a `for_each` and None outside. `reference` turns the names of an expression,
    such as ``("conversations", "order-1042", "sid")``, into a Ref, or says what is wrong with them.
    """

    variables: abc.Mapping[str, Node] = field(default_factory=dict)
    environment: str = ""
    each: abc.Mapping[str, Json] | None = None
    reference: abc.Callable[[tuple[str, ...], Place], Ref | Diagnostic] = _no_references


def parse(scalar: Scalar) -> tuple[str | Expression | Diagnostic, ...]:
    """Return the texts and expressions of `scalar` in order, a Diagnostic in place of an unreadable one."""
    parts: list[str | Expression | Diagnostic] = []
    text, end = scalar.text, 0
    while opening := _OPENING.search(text, end):
        parts.append(text[end : opening.start()])
        end = opening.end()
        if opening[0] == "$${":
            parts.append("${")
            continue
        place = _place(scalar, opening.start())
        inside = _INSIDE.match(text, end)
        if not inside:
            detail = f"Close it with }}, as in ${{var.name}}. {_LITERAL}"
            parts.append(error("this ${ is never closed", detail, place=place))
            continue
        parts.append(_expression(inside[1].strip(), place, hide=scalar.sensitive))
        end = inside.end()
    return _joined([*parts, text[end:]])


def _place(scalar: Scalar, index: int) -> Place:
    if scalar.inset is None:
        return scalar.place
    return replace(scalar.place, column=scalar.place.column + scalar.inset + index)


def _joined(parts: list[str | Expression | Diagnostic]) -> tuple[str | Expression | Diagnostic, ...]:
    joined: list[str | Expression | Diagnostic] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def _expression(inside: str, place: Place, *, hide: bool) -> Expression | Diagnostic:
    """Return what stands between the braces. `hide` keeps it out of messages: it may be part of a secret."""
    shown = "${…}" if hide else f"${{{inside}}}"
    if not inside:
        return error("this ${} is empty", f"{_FORMS} {_LITERAL}", place=place)
    if not _PATH.fullmatch(inside):
        return error(f"{shown} cannot be read", f"{_FORMS} {_LITERAL}", place=place)
    names = tuple(_STEPS.findall(inside))
    known = _HEADS.get(names[0])
    if known is None and len(names) >= 3:
        return Expression(names, place)
    if known is None:
        near = "" if hide else nearest(names[0], _HEADS)
        detail = f"Did you mean ${{{'.'.join((near, *names[1:]))}}}?" if near else f"{_FORMS} {_LITERAL}"
        if len(names) == 2 and not near and not hide:
            detail = f"For a field of a resource write, as an example, ${{{inside}.sid}}. {_LITERAL}"
        return error(f"{shown} names nothing", detail, place=place)
    if len(names) != known or any("[" in name for name in names):
        form = {"var": "${var.name}", "env": "${env}", "each": "${each.column}"}[names[0]]
        return error(f"{shown} cannot be read", f"Write {form}.", place=place)
    return Expression(names, place)


def nearest(name: str, known: abc.Iterable[str]) -> str:
    """Return the one of `known` that `name` was most likely meant to be; '' when none is near."""
    return next(iter(get_close_matches(name, list(known), n=1)), "")


def variables_in(node: Node) -> set[str]:
    """Return the names of the variables that expressions inside `node` use."""
    match node:
        case Mapping():
            return set().union(*(variables_in(entry.value) for entry in node))
        case Sequence():
            return set().union(*(variables_in(item) for item in node))
        case Scalar() if "${" in node.text:
            used = (part.names for part in parse(node) if isinstance(part, Expression))
            return {names[1] for names in used if names[0] == "var"}
    return set()


def substitute(node: Node, scope: Scope, problems: list[Diagnostic]) -> Node:
    """Return `node` with every expression inside replaced by what it stands for.

    A value whose expression fails becomes Failed and its Diagnostic is added to `problems`. Whatever a
    sensitive value touches is sensitive. What is put in is not searched for expressions again.
    """
    result = _replaced(node, scope, problems)
    if result is node or is_within(result, MAX_WEIGHT, MAX_DEPTH):
        return result
    detail = "Variables in it are used so often that it grows beyond all bounds. Use fewer."
    problems.append(error("this value grows too large", detail, place=node.place))
    return Failed(node.place)


def _replaced(node: Node, scope: Scope, problems: list[Diagnostic]) -> Node:
    match node:
        case Mapping():
            entries = tuple(_entry(entry, scope, problems) for entry in node)
            return replace(node, entries=entries) if _differ(entries, node.entries) else node
        case Sequence():
            items = tuple(_replaced(item, scope, problems) for item in node)
            return replace(node, items=items) if _differ(items, node.items) else node
        case Scalar() if "${" in node.text:
            return _scalar(node, scope, problems)
    return node


def _differ(new: tuple[object, ...], old: tuple[object, ...]) -> bool:
    return any(a is not b for a, b in zip(new, old, strict=True))


def _entry(entry: Entry, scope: Scope, problems: list[Diagnostic]) -> Entry:
    if "${" in entry.key.text.replace("$${", ""):
        detail = "Expressions stand in values only: write the key out."
        problems.append(error("a key cannot hold ${…}", detail, place=entry.key.place))
    value = _replaced(entry.value, scope, problems)
    return entry if value is entry.value else Entry(entry.key, value)


def _scalar(scalar: Scalar, scope: Scope, problems: list[Diagnostic]) -> Node:
    parts = [
        _value(part, scope) if isinstance(part, Expression) else part  # texts and Diagnostics stay
        for part in parse(scalar)
    ]
    found = [part for part in parts if isinstance(part, Diagnostic)]
    problems.extend(found)
    if found or any(isinstance(part, Failed) for part in parts):
        return Failed(scalar.place)
    if len(parts) == 1 and not isinstance(parts[0], str | Diagnostic):
        whole = _moved(parts[0], scalar)
        return as_sensitive(whole) if scalar.sensitive else whole
    return _text(scalar, [part for part in parts if not isinstance(part, Diagnostic)], problems)


def _moved(whole: Node, scalar: Scalar) -> Node:
    """Return `whole`, the value of an expression, as standing where `scalar` does."""
    if isinstance(whole, Scalar):
        return replace(whole, place=scalar.place, trailing=scalar.trailing, inset=None)
    return replace(whole, place=scalar.place)


def _text(scalar: Scalar, parts: list[str | Node], problems: list[Diagnostic]) -> Node:
    pieces: list[str | Ref] = []
    sensitive = scalar.sensitive
    for part in parts:
        match part:
            case str():
                pieces.append(part)
                continue
            case Scalar():
                pieces.append(part.text)
            case Typed(value=None | bool() | int() | float() | str()):
                pieces.append(part.value if isinstance(part.value, str) else json.dumps(part.value))
            case Link():
                pieces.extend(part.value.parts if isinstance(part.value, Joined) else (part.value,))
            case _:
                detail = "A list or map can only be the whole value, with no text around the ${…}."
                problems.append(error("a list or map cannot stand inside a text", detail, place=scalar.place))
                return Failed(scalar.place)
        sensitive = sensitive or part.sensitive
    if any(isinstance(piece, Ref) for piece in pieces):
        return Link(Joined(_adjoined(pieces)), scalar.place, sensitive)
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    return Scalar(text, plain=False, place=scalar.place, trailing=scalar.trailing, sensitive=sensitive)


def _adjoined(pieces: list[str | Ref]) -> tuple[str | Ref, ...]:
    """Return `pieces` with neighbouring texts made one, so that equal texts make equal values."""
    joined: list[str | Ref] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)


def _value(expression: Expression, scope: Scope) -> Node | Diagnostic:
    head, *rest = expression.names
    if head == "var":
        return _variable(rest[0], expression, scope)
    if head == "each":
        return _column(rest[0], expression, scope)
    if head == "env":
        if scope.environment:
            return Scalar(scope.environment, plain=False, place=expression.place)
        detail = "Add an environments: block and choose one with -e, or write the text out."
        return error("${env} has no value: no environment is chosen", detail, place=expression.place)
    found = scope.reference(expression.names, expression.place)
    return found if isinstance(found, Diagnostic) else Link(found, expression.place)


def _variable(name: str, expression: Expression, scope: Scope) -> Node | Diagnostic:
    if name in scope.variables:
        return scope.variables[name]
    return _unknown(f"there is no variable {name}", name, "var", expression, scope.variables)


def _column(name: str, expression: Expression, scope: Scope) -> Node | Diagnostic:
    if scope.each is None:
        detail = "Only a resource with for_each has rows. " + _LITERAL
        return error(f"{expression} stands outside of for_each", detail, place=expression.place)
    if name not in scope.each:
        return _unknown(f"the rows have no column {name}", name, "each", expression, scope.each)
    value = scope.each[name]
    place = expression.place
    return Scalar(value, plain=False, place=place) if isinstance(value, str) else Typed(value, place)


def _unknown(
    summary: str, name: str, head: str, expression: Expression, known: abc.Iterable[str]
) -> Diagnostic:
    near = nearest(name, known)
    names = ", ".join(sorted(known)[:10])
    if near:
        detail = f"Did you mean ${{{head}.{near}}}?"
    elif names:
        detail = f"There are: {names}."
    else:
        detail = (
            f"Define it:\nvariables:\n  {name}: {{default: …}}" if head == "var" else "The rows are empty."
        )
    return error(summary, detail, place=expression.place)
