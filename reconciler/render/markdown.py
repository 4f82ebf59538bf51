"""A Plan → markdown fit for a comment on a pull request, at most as long as GitHub takes.

The first line is a marker by which a later run finds its comment; ``truncated`` in it says that something is
missing, so that the comment is no ground for approval. Too long a plan loses first what is only context, then
the details, then the table; the heading and the warnings always stay.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING

from reconciler.model import Action, Cause
from reconciler.render import outline
from reconciler.render.fragments import code, details, fenced, html_code, row
from reconciler.render.numbers import require_masked
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Change, Plan
    from reconciler.render.numbers import Numbers
    from reconciler.workflow import Planned

LIMIT = 60_000
"""How many characters a comment may have; GitHub takes 65,536."""

_MOST = 20
_MOST_FIELDS = 6


class _Stage(IntEnum):
    """How much is left out."""

    FULL = 0
    NO_CONTEXT = 1
    TABLE_ONLY = 2
    COUNTS_ONLY = 3


_LEFT_OUT = {
    _Stage.NO_CONTEXT: "what does not change",
    _Stage.TABLE_ONLY: "the details of each change",
    _Stage.COUNTS_ONLY: "the list of changes",
}


def plan_markdown(planned: Planned, numbers: Numbers, digest: str = "", *, limit: int = LIMIT) -> str:
    """Return a plan for a pull request. Raises ValueError where `numbers` would be shown as they are."""
    require_masked(numbers, "a pull-request comment")
    words = Words(numbers)
    end = f"\n\nDigest: `{digest}`\n" if digest else "\n"
    texts = ("\n\n".join(_parts(planned, words, stage)) + end for stage in _Stage)
    found = ""
    for found in texts:
        if len(found) <= limit:
            break
    return found


def _parts(planned: Planned, words: Words, stage: _Stage) -> Iterator[str]:
    plan = planned.plan
    yield f"{_marker(plan, words, stage)}\n{_heading(plan, words)}"
    yield from _caution(plan)
    if stage in _LEFT_OUT:
        yield f"**Shortened to fit: {_LEFT_OUT[stage]} is missing.** Read the whole plan before you agree."
    if not plan.visible:
        yield outline.summary(plan)
    elif stage < _Stage.COUNTS_ONLY:
        yield "\n".join(_table(plan, words))
    else:
        yield _removals(plan, words)
    if stage < _Stage.TABLE_ONLY:
        yield from _details(plan, words, stage)
    if stage is _Stage.FULL:
        notes = [*outline.strangers(plan, words), *outline.closed(planned, words)]
        yield from [fenced("text", notes)] if notes else []
    yield from _problems(plan, words, stage)


def _marker(plan: Plan, words: Words, stage: _Stage) -> str:
    who = plan.target.owner
    told = {
        "v": 1,
        "stack": words.text(who.stack, 120),
        "environment": words.text(who.environment, 120),
        "truncated": stage is not _Stage.FULL,
    }
    # A comment ends at the first -->, wherever it stands: neither its dashes nor its bracket may appear.
    safe = json.dumps(told, separators=(",", ":")).replace("--", "-\\u002d").replace(">", "\\u003e")
    return f"<!-- reconciler:plan {safe} -->"


def _heading(plan: Plan, words: Words) -> str:
    errors = outline.errors_in(plan)
    refused = f"; {outline.plural(errors, 'problem')}" if errors else ""
    who = code(outline.owner(plan.target.owner, words))
    return f"### {who}: {outline.to_do(plan) or 'nothing to do'}{refused}"


def _caution(plan: Plan) -> Iterator[str]:
    said = outline.cautions(plan)
    if said:
        yield "\n".join(["> [!CAUTION]", *(f"> - {sentence}" for sentence in said)])


def _table(plan: Plan, words: Words) -> Iterator[str]:
    yield row(["Object", "What", "Why"])
    yield row(["---"] * 3)
    for item in outline.items(plan, words):
        if item.change:
            why = words.text(item.change.why, 200)
            yield row([code(words.address(item.address)), _what(item, words), code(why) if why else ""])


def _what(item: outline.Item, words: Words) -> str:
    """Return the action in bold and the names of the fields it sets."""
    change = item.change
    if change is None:
        return ""
    names = [code(words.path(edit.path)) for edit in change.edits[:_MOST_FIELDS]]
    more = [f"{len(change.edits) - len(names)} more"] if len(change.edits) > len(names) else []
    edited = ": " + ", ".join([*names, *more]) if names and change.action is not Action.CREATE else ""
    return f"{code(item.sign)} {change.action.value}{edited}"


def _removals(plan: Plan, words: Words) -> str:
    """Return what takes the place of too long a table: by name what is lost, else the summary."""
    removed = [change for change in plan.visible if change.action in outline.REMOVALS]
    lines = [f"{change.action.value} {words.text(str(change.address), 200)}" for change in removed[:_MOST]]
    more = [f"… and {len(removed) - _MOST:,} more"] if len(removed) > _MOST else []
    return fenced("text", [*lines, *more]) if lines else outline.summary(plan)


# --- details -----------------------------------------------------------------------------------------------


def _details(plan: Plan, words: Words, stage: _Stage) -> Iterator[str]:
    for item in outline.items(plan, words):
        lines = list(_diff(item.change, words, stage)) if item.change else []
        if lines:
            yield details(html_code(f"{item.sign} {words.address(item.address)}"), fenced("diff", lines))


def _diff(change: Change, words: Words, stage: _Stage) -> Iterator[str]:
    """Yield lines with + or - in the first column, as a reader of diffs expects."""
    if change.action in outline.REMOVALS and stage is _Stage.FULL:
        sign = " " if change.action is Action.RELEASE else "-"
        yield from (f"{sign} {name}: {value}" for name, value in words.naming(outline.removed_by(change)))
    for edit in change.edits:
        before, after = words.edit(edit)
        name = words.path(edit.path)
        if edit.cause in (Cause.THEY, Cause.BOTH):
            yield f"! {name}: {edit.cause}"
        if edit.before is not None:
            yield f"- {name}: {before}"
        if edit.after is not None:
            yield f"+ {name}: {after}"
    for path, value in change.at_creation.items():
        yield f"+ {words.path(path)}: {words.value(value)} (at creation only)"
    for path, value in outline.other_half(change) if stage is _Stage.FULL else ():
        yield f"  {words.path(path)}: {words.value(value)}"


def _problems(plan: Plan, words: Words, stage: _Stage) -> Iterator[str]:
    lines = [line for one in plan.diagnostics[:_MOST] for line in _problem(one, words, stage)]
    if len(plan.diagnostics) > _MOST:
        lines.append(f"… and {len(plan.diagnostics) - _MOST:,} more")
    if lines:
        yield fenced("text", lines)


def _problem(one: Diagnostic, words: Words, stage: _Stage) -> Iterator[str]:
    where = "".join(f"{words.text(str(part), 200)}: " for part in (one.place, one.address) if part)
    yield f"{where}{one.severity.value}: {words.text(one.summary)}"
    if stage < _Stage.TABLE_ONLY:
        yield from (f"  {words.text(line)}" for line in one.detail.splitlines()[:5])
