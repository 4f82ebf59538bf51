"""A Plan → lines of plain text for a terminal, each with a tone that the one who prints may colour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model import Action
from reconciler.render import outline
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Change, Plan
    from reconciler.render.numbers import Numbers
    from reconciler.workflow import Planned


class Tone(StrEnum):
    """What a line is about."""

    PLAIN = "plain"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"
    NOTE = "note"
    WARN = "warn"
    ERROR = "error"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text without a line end."""

    text: str
    tone: Tone = Tone.PLAIN


TONES: dict[Action, Tone] = {
    Action.CREATE: Tone.CREATE,
    Action.SEND: Tone.CREATE,
    Action.ADOPT: Tone.UPDATE,
    Action.UPDATE: Tone.UPDATE,
    Action.MOVE: Tone.UPDATE,
    Action.REPLACE: Tone.REPLACE,
    Action.CLOSE: Tone.REMOVE,
    Action.DELETE: Tone.REMOVE,
    Action.RELEASE: Tone.NOTE,
    Action.NONE: Tone.PLAIN,
}

_STEP = 4
_WIDEST = 36
"""How far the names of fields are aligned; longer ones stick out."""


def plan_lines(planned: Planned, numbers: Numbers, digest: str = "") -> list[Line]:
    """Return what a person reads before agreeing to a plan. Diagnostics are not in it."""
    plan, words = planned.plan, Words(numbers)
    blocks = change_lines(plan, words)
    lines = [Line(_header(plan, words), Tone.TITLE), Line(""), *blocks]
    lines += [Line("")] if blocks else []
    for notes in (outline.strangers(plan, words), outline.closed(planned, words)):
        lines += [*_notes(notes), Line("")] if notes else []
    lines.append(Line(outline.summary(plan), Tone.TITLE))
    return [*lines, Line(f"Digest: {digest}", Tone.NOTE)] if digest else lines


def change_lines(plan: Plan, words: Words) -> list[Line]:
    """Return what a plan changes, and nothing around it."""
    return [line for item in outline.items(plan, words) for line in _block(item, words)]


def _header(plan: Plan, words: Words) -> str:
    target = plan.target
    names = dict.fromkeys((target.service, target.service_sid))
    where = [f"service {words.text(' '.join(filter(None, names)))}"]
    where += [f"account {words.text(target.account_sid)}"] if target.account_sid else []
    return f"{outline.owner(target.owner, words)} in {', '.join(where)}"


def _notes(texts: Iterable[str]) -> Iterator[Line]:
    return (Line(text, Tone.NOTE) for text in texts)


def _block(item: outline.Item, words: Words) -> Iterator[Line]:
    indent = " " * (_STEP * item.depth)
    name = words.last(item.address) if item.depth else words.address(item.address)
    said = f"  ({item.sentence})" if item.change else ""
    tone = TONES[item.change.action] if item.change else Tone.PLAIN
    yield Line(f"{indent}{item.sign:>3} {name}{said}", tone)
    if item.change:
        yield from _aligned(f"{indent}{' ' * 8}", list(rows(item.change, words)))


def _aligned(indent: str, pairs: list[tuple[str, str]]) -> Iterator[Line]:
    width = max((len(name) for name, _ in pairs if len(name) <= _WIDEST), default=0)
    for name, value in pairs:
        yield Line(f"{indent}{f'{name}:':<{width + 1}} {value}")


def rows(change: Change, words: Words) -> Iterator[tuple[str, str]]:
    """Yield (name, what is shown beside it) for all that a change sets, or for what it removes."""
    if change.action in outline.REMOVALS:
        yield from words.naming(outline.removed_by(change))
    for edit in change.edits:
        before, after = words.edit(edit)
        is_new = change.action is Action.CREATE
        cause = f"  # {edit.cause}" if edit.cause else ""
        yield words.path(edit.path), after if is_new else f"{before} → {after}{cause}"
    for path, value in outline.other_half(change):
        yield words.path(path), f"{words.value(value)} (unchanged)"
    for path, value in change.at_creation.items():
        yield words.path(path), f"{words.value(value)} (at creation only)"
