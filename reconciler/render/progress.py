"""Events → a line while a plan is carried out, and lines at its end: what was done, what was not, what next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diff import operations
from reconciler.model import Action, EventKind, Half
from reconciler.render import outline
from reconciler.render.text import TONES, Line, Tone
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model import Change, Event, Operation
    from reconciler.render.numbers import Numbers
    from reconciler.workflow import Planned

_MADE = {
    Action.CREATE: "created",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.REPLACE: "created anew",
    Action.MOVE: "moved",
    Action.SEND: "sent",
}
_DROPPED = {
    Action.REPLACE: "deleted the old",
    Action.CLOSE: "closed",
    Action.DELETE: "deleted",
    Action.RELEASE: "released",
}
_DONE = {**_MADE, **_DROPPED, Action.REPLACE: "replaced"}
_UNDONE = (EventKind.FAILED, EventKind.SKIPPED)


@dataclass(frozen=True, slots=True)
class Commands:
    """Command lines as this person would type them, for `next` lines; '' where one does not apply."""

    plan: str = ""
    apply: str = ""
    destroy: str = ""
    purge: str = ""
    """Removes what was closed, too."""


def event_line(event: Event, n: int, total: int, numbers: Numbers) -> Line | None:
    """Return the line for the `n`-th of `total` operations to end; None for events that end none."""
    if event.kind is EventKind.STARTED:
        return None
    words = Words(numbers)
    count = f"[{n:>{len(str(total))}}/{total}]"
    name = words.address(event.operation.address)
    if event.kind in _UNDONE:
        tone = Tone.ERROR if event.kind is EventKind.FAILED else Tone.WARN
        return Line(f"{count} x {event.kind.value} {name}: {words.text(event.detail)}", tone)
    sid = f" ({words.text(event.sid)})" if event.sid else ""
    sign, verb = _told(event.operation, event.action)
    return Line(f"{count} {sign} {verb} {name}{sid}", TONES[event.action])


def _told(operation: Operation, action: Action) -> tuple[str, str]:
    """Return the sign and the verb for one operation that succeeded."""
    if operation.half is Half.SEAL:
        return "~", "wrote down the children of"
    verbs = _MADE if operation.half is Half.MAKE else _DROPPED
    sign = (
        outline.SYMBOLS[action]
        if action is not Action.REPLACE
        else "+"
        if operation.half is Half.MAKE
        else "-"
    )
    return sign, verbs.get(action, "done")


# --- the end -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the operations of a plan ended."""

    planned: Planned
    ends: dict[Operation, Event]
    words: Words

    def events(self, kind: EventKind) -> list[Event]:
        return [event for event in self.ends.values() if event.kind is kind]

    def is_done(self, change: Change) -> bool:
        return all(self._succeeded(op) for op in operations(change) if op.half is not Half.SEAL)

    def _succeeded(self, operation: Operation) -> bool:
        end = self.ends.get(operation)
        return end is not None and end.kind is EventKind.DONE

    @property
    def done(self) -> list[Change]:
        return [change for change in self.planned.plan.visible if self.is_done(change)]

    @property
    def unreached(self) -> list[Operation]:
        all_of = (op for change in self.planned.plan.changes for op in operations(change))
        return [op for op in all_of if op not in self.ends]

    @property
    def is_complete(self) -> bool:
        return not self.unreached and all(end.kind is EventKind.DONE for end in self.ends.values())


def result_lines(
    events: Sequence[Event], planned: Planned, numbers: Numbers, commands: Commands | None = None
) -> list[Line]:
    """Return what a person reads after an apply or a destroy. Events may stop early: it was interrupted."""
    ends = {event.operation: event for event in events if event.kind is not EventKind.STARTED}
    outcome = _Outcome(planned, ends, Words(numbers))
    lines = [*_failures(outcome), *_unreached(outcome), *_counted(outcome), *_closed(outcome)]
    return [*lines, *_next(outcome, commands or Commands())]


def _failures(outcome: _Outcome) -> Iterator[Line]:
    for kind, title, tone in (
        (EventKind.FAILED, "Failed:", Tone.ERROR),
        (EventKind.SKIPPED, "Skipped, nothing was tried:", Tone.WARN),
    ):
        found = outcome.events(kind)
        if found:
            yield Line(title, tone)
        for event in found:
            what = (
                f"{_wanted(event.operation, event.action)} {outcome.words.address(event.operation.address)}"
            )
            yield Line(f"  {what}: {outcome.words.text(event.detail)}", tone)


def _wanted(operation: Operation, action: Action) -> str:
    """Return the verb for one operation that was to be carried out."""
    if operation.half is Half.SEAL:
        return "write down the children of"
    if action is Action.REPLACE:
        return "create the new" if operation.half is Half.MAKE else "delete the old"
    return action.value


def _unreached(outcome: _Outcome) -> Iterator[Line]:
    actions = {change.address: change.action for change in outcome.planned.plan.changes}
    if outcome.unreached:
        yield Line("Stopped before the end of:", Tone.WARN)
    for operation in outcome.unreached:
        what = _wanted(operation, actions[operation.address])
        yield Line(f"  {what} {outcome.words.address(operation.address)}", Tone.WARN)


def _counted(outcome: _Outcome) -> Iterator[Line]:
    found = Counter(change.action for change in outcome.done)
    parts = [f"{found[action]:,} {_DONE[action]}" for action in Action if found[action]]
    failed, skipped = len(outcome.events(EventKind.FAILED)), len(outcome.events(EventKind.SKIPPED))
    left = ((failed, "failed"), (skipped, "skipped"), (len(outcome.unreached), "not reached"))
    undone = [f"{number:,} {word}" for number, word in left if number]
    said = ", ".join(parts) or "nothing"
    if outcome.is_complete:
        yield Line(f"Done: {said}.", Tone.TITLE)
    else:
        yield Line(f"Not finished: {said} so far; {', '.join(undone)}.", Tone.ERROR)


def _closed(outcome: _Outcome) -> Iterator[Line]:
    now = [change for change in outcome.done if change.action is Action.CLOSE]
    names = [outline.closed_name(change, outcome.words) for change in now]
    names += [outline.closed_line(one, outcome.words) for one in outcome.planned.closed]
    if names:
        yield Line(f"{'Stays' if len(names) == 1 else 'Stay'} closed, transcript kept:", Tone.NOTE)
    yield from (Line(f"  {name}", Tone.NOTE) for name in names)


def _next(outcome: _Outcome, commands: Commands) -> Iterator[Line]:
    found = [(command, says) for command, says in _advice(outcome, commands) if command]
    if found:
        yield Line("Next:", Tone.TITLE)
    width = max((len(command) for command, _ in found), default=0)
    yield from (Line(f"  {command:<{width}}  {says}") for command, says in found)


def _advice(outcome: _Outcome, commands: Commands) -> Iterator[tuple[str, str]]:
    """Yield (command, what it does) for what fits the state of things."""
    removed = all(change.action in outline.REMOVALS for change in outcome.planned.plan.visible)
    if not outcome.is_complete:
        again = (
            commands.destroy
            if removed and not outcome.planned.plan.unchanged and commands.destroy
            else commands.apply
        )
        yield again, "goes on where this stopped; what is done stays done"
        yield commands.plan, "shows what is left"
    elif removed and not outcome.planned.plan.unchanged:
        if outcome.planned.closed or any(c.action is Action.CLOSE for c in outcome.done):
            yield commands.purge, "deletes what stays closed, with its transcript"
        yield commands.apply, "makes everything anew"
    else:
        yield commands.plan, "says that nothing is left to do"
        yield commands.destroy, "takes everything of this stack away again"
