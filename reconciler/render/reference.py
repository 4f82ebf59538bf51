"""Spec models → the reference part of specs/README.md: every field, its type and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter

from reconciler.scenarios.reading import ScenarioSpec
from reconciler.scenarios.steps import ALONE, VERBS
from reconciler.stack import EnvironmentSpec, Limits, StackSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from reconciler.kinds.base import Kind


def reference(kinds: tuple[Kind, ...]) -> str:
    """Return the reference as markdown: the frame of a stack, then every kind."""
    lines = [
        *_section("`stack:`", StackSpec),
        *_section("an entry of `environments:`", EnvironmentSpec),
        *_section("`limits:`", Limits),
    ]
    for kind in kinds:
        if kind.spec is not None:
            where = f" of a {kind.parent.name}" if kind.parent else ""
            lines += _section(f"an entry of `{kind.plural}:`{where}", kind.spec)
            lines += _limits(kind)
            for name, inner in _inner_models(kind.spec):
                lines += _section(f"`{name}:` of a {kind.name}", inner)
    return "\n".join(lines).rstrip() + "\n"


def scenario_reference() -> str:
    """Return the reference of scenario files as markdown: their head, then every verb."""
    lines = [*_section("a scenario file, beside `given:` and `steps:`", ScenarioSpec)]
    titles: dict[type[BaseModel], list[str]] = {verb.spec: [] for verb in (*VERBS.values(), *ALONE.values())}
    for name, verb in VERBS.items():
        titles[verb.spec].append(f"`… {name}`")
    for name, verb in ALONE.items():
        titles[verb.spec].append(f"`{name}`")
    for spec, names in titles.items():
        lines += _section(", ".join(names), spec)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    if not model.model_fields:
        yield "Nothing stands behind it."
        yield ""
        return
    yield "| Field | Value | Meaning |"
    yield "| --- | --- | --- |"
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_value(field)} | {field.description or ''} |"
    yield ""


def _value(field: Any) -> str:
    """Say in a word what a field takes, and what it is when it is left out."""
    if _inner(field.annotation) is not None:
        return "a map, below"
    annotation = field.annotation
    for metadata in field.metadata:
        if not isinstance(metadata, str):
            annotation = Annotated[annotation, metadata]
    schema = TypeAdapter(annotation).json_schema()
    allowed = ", ".join(f"`{one}`" for one in schema.get("enum", ()))
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "object": "map",
        "array": "list",
    }
    value = allowed or words.get(str(schema.get("type")), "text")
    default = f" (`{field.default}`)" if isinstance(field.default, str) else ""
    return f"{value}{default}" + (", required" if field.is_required() else "")


def _inner(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field nests, if it nests one."""
    options = (annotation, *getattr(annotation, "__args__", ()))
    return next((option for option in options if hasattr(option, "model_fields")), None)


def _inner_models(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner = _inner(field.annotation)
        if inner is not None:
            yield name, inner


def _limits(kind: Kind) -> Iterator[str]:
    """Say what follows from the kind itself: what replaces, what cannot be cleared, how many there may be."""
    written = kind.spec.model_fields if kind.spec else {}
    fields = ", ".join(f"`{name}`" for name in sorted(kind.create_only) if name in written)
    if fields:
        yield f"A change of {fields} replaces the {kind.name}."
    if kind.capacity is not None and kind.parent is not None:
        yield f"A {kind.parent.name} has at most {kind.capacity} {kind.plural}."
    if fields or kind.capacity is not None:
        yield ""
