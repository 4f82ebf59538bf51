"""What others changed → text, markdown or JSON: the renderings of a plan, in words that fit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.render import outline
from reconciler.render.fragments import code
from reconciler.render.json import plan_json
from reconciler.render.markdown import LIMIT, plan_markdown
from reconciler.render.text import Line, Tone, plan_lines
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.drift import Drift
    from reconciler.render.numbers import Numbers

_OWN_WORDS = 1000
"""How much of a comment is kept free for what stands above the plan."""


def drift_lines(drift: Drift, numbers: Numbers) -> list[Line]:
    """Return what a person reads: each change with its sign, then what it adds up to."""
    words = Words(numbers)
    *lines, _ = plan_lines(replace(drift.planned, closed=()), numbers)
    if drift.planned.closed:
        lines.append(Line("Closed by itself, which `on_closed: fail` forbids:", Tone.WARN))
        lines += [Line(f"    {outline.closed_line(one, words)}", Tone.WARN) for one in drift.planned.closed]
        lines.append(Line(""))
    first, *rest = _sentences(drift)
    return [*lines, Line(first, Tone.TITLE), *(Line(one, Tone.NOTE) for one in rest)]


def drift_json(drift: Drift, numbers: Numbers) -> str:
    """Return the JSON of a plan that would put it back, with three keys more.

    ``drift`` says whether there is any, ``pending`` how many changes the specs ask for besides, ``untold`` of
    how many values nobody can tell who changed them. ``closed`` are those that must not be.
    """
    told = {"drift": drift.is_there, "pending": drift.pending, "untold": drift.untold}
    return json.dumps(json.loads(plan_json(drift.planned, numbers)) | told, indent=2, sort_keys=True)


def drift_markdown(drift: Drift, numbers: Numbers) -> str:
    """Return a comment of its own: its first line is another marker than that of a plan."""
    text = plan_markdown(drift.planned, numbers, limit=LIMIT - _OWN_WORDS)
    marker, _, rest = text.split("\n", 2)
    if not drift.plan.visible:
        rest = rest.replace(f"\n{outline.summary(drift.plan)}\n", "", 1)
    who = code(outline.owner(drift.plan.target.owner, Words(numbers)))
    marker = marker.replace("reconciler:plan", "reconciler:drift", 1)
    heading = f"### {who}: {'others changed something' if drift.is_there else 'no drift'}"
    return "\n".join([marker, heading, "", " ".join(_sentences(drift)), rest])


def _sentences(drift: Drift) -> Iterator[str]:
    """Yield what it adds up to, and then what differs besides."""
    plan, errors = drift.plan, outline.errors_in(drift.plan) - len(drift.planned.closed)
    count = f"{errors:,} address{'' if errors == 1 else 'es'}"
    refused = f"; {count} could not be compared" if errors else ""
    changed = outline.by_kind(
        [*(change.address for change in plan.visible), *(one.address for one in drift.planned.closed)]
    )
    if changed:
        yield f"Drift: others changed {changed}{refused}."
    elif errors:
        yield f"No drift found{refused}."
    else:
        looked_at = outline.plural(plan.unchanged, "resource")
        yield f"No drift: others changed nothing that this stack set ({looked_at} compared)."
    if drift.pending:
        are = (
            "change that the specs ask for is" if drift.pending == 1 else "changes that the specs ask for are"
        )
        yield f"Besides, {drift.pending:,} {are} pending: see reconciler plan."
    if drift.untold:
        differ = outline.plural(drift.untold, "difference")
        yield f"Nobody can tell who made {differ} more: see reconciler plan."
