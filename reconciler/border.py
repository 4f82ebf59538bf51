"""Nodes × spec models → validated specs: the one place that speaks to pydantic; nobody reads its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.diagnostics import error
from reconciler.expressions import nearest
from reconciler.kinds.fields import Leaf, Spec, shape
from reconciler.nodes import Failed, Link, Mapping, Node, Scalar, Sequence, Typed, is_null, resolve_scalar
from reconciler.yaml_syntax import missing_space

if TYPE_CHECKING:
    from collections import abc

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Place

M = TypeVar("M", bound=BaseModel)


def unknown_key(key: Scalar, known: abc.Sequence[str]) -> Diagnostic:
    """Say that a key is none of `known`, and which it was most likely meant to be."""
    near = nearest(key.text, known)
    detail = f"Did you mean {near}?" if near else f"Allowed here: {', '.join(known)}."
    return error(f"unknown key {key.text!r}", detail, place=key.place)


def as_input(node: Node) -> Any:
    """Return a node as the spec models read it."""
    match node:
        case Mapping():
            return {e.key.text: as_input(e.value) for e in node if not isinstance(e.value, Failed)}
        case Sequence():
            return [as_input(item) for item in node if not isinstance(item, Failed)]
        case Scalar():
            return Leaf(node.text, resolve_scalar(node), node.plain, node.sensitive)
        case Typed() | Link():
            return Leaf(None, node.value, sensitive=node.sensitive)
    return None


def validated(
    problems: list[Diagnostic], model: type[M], node: Node, place: Place, also: abc.Sequence[str] = ()
) -> M | None:
    """Return `node` as a `model`, or None with every problem noted. `also` are keys read elsewhere."""
    if isinstance(node, Failed):
        return None
    if is_null(node):
        node = Mapping((), place)
    if not isinstance(node, Mapping):
        found = shape(as_input(node))
        remedy = missing_space(node.text) if isinstance(node, Scalar) else ""
        summary = f"expected a map of fields, found {found}"
        problems.append(error(summary, remedy or _fields_of(model), place=node.place))
        return None
    try:
        return model.model_validate(as_input(node))
    except ValidationError as failure:
        found_any = [_problem(model, node, place, told, also) for told in failure.errors(include_url=False)]
        problems += [problem for problem in found_any if problem is not None]
        return None


def _problem(
    model: type[BaseModel], node: Mapping, place: Place, told: Any, also: abc.Sequence[str]
) -> Diagnostic | None:
    """Put one of pydantic's findings in our words, at its place."""
    location = [str(part) for part in told["loc"]]
    if told["type"] == "extra_forbidden":
        inner, at = _model_at(model, location[:-1]), _node_at(node, location[:-1])
        entry = at.entry(location[-1]) if isinstance(at, Mapping) else None
        known = [*inner.model_fields, *(also if len(location) == 1 else ())]
        return unknown_key(entry.key, known) if entry else None
    if told["type"] == "missing":
        at = _node_at(node, location[:-1])
        if isinstance(at, Mapping) and isinstance(at.get(location[-1]), Failed):
            return None
        return error(f"{location[-1]} is missing", f"Write {location[-1]}: …", place=place)
    at = _node_at(node, location) or node
    if told["type"] == "spec":
        return error(told["ctx"]["summary"], told["ctx"]["detail"], place=at.place)
    found = shape(as_input(at))
    detail = _fields_of(_model_at(model, location))
    return error(f"expected a map of fields, found {found}", detail, place=at.place)


def _fields_of(model: type[BaseModel]) -> str:
    return f"Write `field: value` lines below it. Its fields: {', '.join(model.model_fields)}."


def not_names(name: str, node: Node, place: Place) -> Diagnostic:
    """Say that a block is no map of names, and how one is written."""
    detail = f"Write each one below it under a name you choose:\n{name}:\n  my-name: …"
    return error(f"{name} is a map of names, found {shape(as_input(node))}", detail, place=place)


def _node_at(node: Node, location: list[str]) -> Node | None:
    for name in location:
        if isinstance(node, Mapping):
            below = node.get(name)
            if below is None:
                return node
            node = below
    return node


def _model_at(model: type[BaseModel], location: list[str]) -> type[BaseModel]:
    for name in location:
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        options = [annotation, *getattr(annotation, "__args__", ())]
        model = next((o for o in options if isinstance(o, type) and issubclass(o, Spec)), model)
    return model
