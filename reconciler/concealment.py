"""A plan and what it was made from → the same with no sensitive value in it, so that both can be kept."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.kinds import mark as marks
from reconciler.model import Graph, Secret
from reconciler.render.values import SENSITIVE, hidden_texts, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Address, Change, Edit, Fields, Path, Plan, Value

EMPTY = Secret(None)
"""What stands in the place of a sensitive value."""


def hidden_in(desired: Graph) -> tuple[tuple[Address, str, Path, Value], ...]:
    """Return every sensitive value of a graph, and where it stands: address, part of the resource, path."""
    return tuple(
        (address, part, path, value.value)
        for address, resource in sorted(desired.resources.items())
        for part, fields in (("fields", resource.fields), ("at_creation", resource.at_creation))
        for path, value in fields.items()
        if isinstance(value, Secret)
    )


def concealed_graph(desired: Graph) -> Graph:
    """Return a graph without its sensitive values."""
    return Graph(
        {
            address: replace(one, fields=_emptied(one.fields), at_creation=_emptied(one.at_creation))
            for address, one in desired.resources.items()
        }
    )


def secrets_of(plan: Plan, values: Iterable[Value]) -> tuple[str, ...]:
    """Return every text that must not be kept: what a plan hides, on both sides, and what `values` are."""
    live = [c.live_fields[path] for c in plan.changes for path in _hidden_paths(c) if path in c.live_fields]
    texts = {*secrets_in(plan), *hidden_texts(Secret(value) for value in (*values, *live))}
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def concealed_plan(plan: Plan, texts: tuple[str, ...]) -> Plan:
    """Return what a plan does without its sensitive values, and without `texts` in what it says.

    Of live rows only sids, marks and edited leaves are kept: what else they hold, nobody can call harmless.
    """
    return replace(
        plan,
        changes=tuple(_concealed_change(change, texts) for change in plan.changes),
        strangers=(),
        diagnostics=tuple(_concealed_diagnostic(one, texts) for one in plan.diagnostics),
    )


def _concealed_change(change: Change, texts: tuple[str, ...]) -> Change:
    is_live = change.fields == change.live_fields  # so it is in bookkeeping, which sets nothing
    return replace(
        change,
        edits=tuple(_concealed_edit(edit, texts) for edit in change.edits),
        fields={} if is_live else _emptied(change.fields),
        at_creation=_emptied(change.at_creation),
        live_fields={},
        why=_without(change.why, texts),
    )


def _hidden_paths(change: Change) -> set[Path]:
    """Return the paths that are sensitive in the specs, or were so when we last set them."""
    hidden = {path for path, value in change.fields.items() if isinstance(value, Secret)}
    hidden |= {edit.path for edit in change.edits if isinstance(edit.before, Secret)}
    set_so = change.live.mark.fields if change.live and change.live.mark else {}
    if set_so.get(marks.WHOLE) == marks.SET_SECRET:
        return hidden | set(change.live_fields)
    return hidden | {p for p in change.live_fields if set_so.get(marks.dotted(p)) == marks.SET_SECRET}


def _concealed_edit(edit: Edit, texts: tuple[str, ...]) -> Edit:
    after = EMPTY if isinstance(edit.after, Secret) else edit.after
    return replace(edit, before=_spoken_value(edit.before, texts), after=after)


def _concealed_diagnostic(one: Diagnostic, texts: tuple[str, ...]) -> Diagnostic:
    return replace(one, summary=_without(one.summary, texts), detail=_without(one.detail, texts))


def _emptied(fields: Fields) -> Mapping[Path, Value]:
    return {path: EMPTY if isinstance(value, Secret) else value for path, value in fields.items()}


def _spoken_value(value: Value, texts: tuple[str, ...]) -> Value:
    """Return a live value, or nothing of it where it is a secret or one is found in it."""
    plain = [] if isinstance(value, Secret) else _leaves(value)
    tells = any(text in leaf for leaf in plain for text in texts)
    return EMPTY if isinstance(value, Secret) or tells else value


def _leaves(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        return chain(value, chain.from_iterable(map(_leaves, value.values())))
    if isinstance(value, list):
        return chain.from_iterable(map(_leaves, value))
    return (str(value),)


def _without(text: str, texts: tuple[str, ...]) -> str:
    for secret in texts:
        text = text.replace(secret, SENSITIVE)
    return text
