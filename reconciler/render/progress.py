"""Events → a line for each while a plan is carried out, and lines at the end: what was done, what is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diff import operations
from reconciler.model import Action, EventKind, Half, Resource
from reconciler.render import outline
from reconciler.render.text import TONES, Line, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model import Change, Event, Operation
    from reconciler.render.values import Words
    from reconciler.workflow import Planned

_MOST = 20
"""How many of what did not come to be are listed; the rest is a number."""

_MADE = {
    Action.CREATE: "created",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.REPLACE: "created the new",
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


@dataclass(frozen=True, slots=True)
class Commands:
    """Command lines as this person would type them, for what to try next; '' where one does not apply."""

    plan: str = ""
    apply: str = ""
    destroy: str = ""
    purge: str = ""
    """A destroy that also deletes what was closed."""
    phones: str = ""
    """The emulator that was written to, with a phone for each party."""


def event_line(event: Event, n: int, total: int, words: Words) -> Line | None:
    """Return the line for the `n`-th of `total` operations to end; None for an event that ends none."""
    if event.kind is EventKind.STARTED:
        return None
    count = f"[{n:>{len(str(total))}}/{total}]"
    name = words.address(event.operation.address)
    if event.kind is not EventKind.DONE:
        tone = Tone.ERROR if event.kind is EventKind.FAILED else Tone.WARN
        return Line(f"{count} x {event.kind.value} {name}: {words.text(event.detail)}", tone)
    sid = f" ({words.text(event.sid)})" if event.sid else ""
    sign, verb = _told(event.operation, event.action)
    otherwise = f", but {words.text(event.detail)}" if event.detail else ""
    tone = Tone.WARN if otherwise else TONES[event.action]
    return Line(f"{count} {sign} {verb} {name}{sid}{otherwise}", tone)


def _told(operation: Operation, action: Action) -> tuple[str, str]:
    """Return the sign and the verb for one operation that succeeded."""
    if operation.half is Half.SEAL:
        return "~", "recorded the children of"
    makes = operation.half is Half.MAKE
    sign = outline.SYMBOLS[action]
    if action is Action.REPLACE:
        sign = "+" if makes else "-"
    return sign, (_MADE if makes else _DROPPED).get(action, "done with")


# --- the end -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the operations of a plan ended; `open_ends` began, and nobody knows how they ended."""

    planned: Planned
    ends: dict[Operation, Event]
    open_ends: frozenset[Operation]
    words: Words

    def ended(self, kind: EventKind) -> list[Event]:
        return [event for event in self.ends.values() if event.kind is kind]

    @property
    def done(self) -> list[Change]:
        return done_by(self.ends.values(), self.planned)

    @property
    def endless(self) -> list[tuple[Operation, Action]]:
        every = ((op, change.action) for change in self.planned.plan.changes for op in operations(change))
        return [(operation, action) for operation, action in every if operation not in self.ends]

    @property
    def is_complete(self) -> bool:
        return not self.endless and all(end.kind is EventKind.DONE for end in self.ends.values())

    @property
    def closed(self) -> list[Resource]:
        """What is closed now: by this run, and before it unless this run deleted it."""
        now = [c for c in self.done if c.action is Action.CLOSE]
        gone = {c.live.sid for c in self.done if c.action is Action.DELETE and c.live}
        before = [one for one in self.planned.closed if one.live is None or one.live.sid not in gone]
        return [*(Resource(c.address, c.live_fields, live=c.live) for c in now), *before]


def under_way(events: Sequence[Event]) -> frozenset[Operation]:
    """Return what began and has no end: it may have happened or not."""
    ended = {event.operation for event in events if event.kind is not EventKind.STARTED}
    return frozenset(event.operation for event in events) - ended


def done_by(events: Iterable[Event], planned: Planned) -> list[Change]:
    """Return the changes that were carried out to their end."""
    done = {event.operation for event in events if event.kind is EventKind.DONE}
    return [
        change
        for change in planned.plan.visible
        if all(operation in done for operation in operations(change) if operation.half is not Half.SEAL)
    ]


def result_lines(
    events: Sequence[Event], planned: Planned, words: Words, commands: Commands | None = None
) -> list[Line]:
    """Return what a person reads after an apply or a destroy. Events may stop early: it was interrupted."""
    ends = {event.operation: event for event in events if event.kind is not EventKind.STARTED}
    outcome = _Outcome(planned, ends, under_way(events), words)
    told = (*_failures(outcome), *_differing(outcome), *_endless(outcome), *_closed(outcome))
    lines = [*told, _counted(outcome)]
    return [*lines, *_next(outcome, commands or Commands())]


def _failures(outcome: _Outcome) -> Iterator[Line]:
    for kind, title, tone in (
        (EventKind.FAILED, "Failed:", Tone.ERROR),
        (EventKind.SKIPPED, "Skipped, nothing was tried:", Tone.WARN),
    ):
        found = [
            f"{_wanted(event.operation, event.action, outcome.words)}: {outcome.words.text(event.detail)}"
            for event in outcome.ended(kind)
        ]
        yield from _listed(title, found, tone)


def _differing(outcome: _Outcome) -> Iterator[Line]:
    found = [
        f"{outcome.words.address(event.operation.address)}: {outcome.words.text(event.detail)}"
        for event in outcome.ended(EventKind.DONE)
        if event.detail
    ]
    yield from _listed("Written, but not as it was asked for:", found, Tone.WARN)


def _listed(title: str, found: Sequence[str], tone: Tone) -> Iterator[Line]:
    """Yield a list below its title, as long as one still reads it."""
    if found:
        yield Line(title, tone)
    yield from (Line(f"  {text}", tone) for text in found[:_MOST])
    if len(found) > _MOST:
        yield Line(f"  … and {len(found) - _MOST:,} more", tone)


def _wanted(operation: Operation, action: Action, words: Words) -> str:
    """Return what one operation was to do."""
    verb = action.value
    if operation.half is Half.SEAL:
        verb = "record the children of"
    elif action is Action.REPLACE:
        verb = "create the new" if operation.half is Half.MAKE else "delete the old"
    return f"{verb} {words.address(operation.address)}"


def _endless(outcome: _Outcome) -> Iterator[Line]:
    for title, begun in (
        ("Under way when it stopped; nobody knows yet whether it happened:", True),
        ("Not begun:", False),
    ):
        found = [
            _wanted(operation, action, outcome.words)
            for operation, action in outcome.endless
            if (operation in outcome.open_ends) is begun
        ]
        yield from _listed(title, found, Tone.WARN)


def _counted(outcome: _Outcome) -> Line:
    found = Counter(change.action for change in outcome.done)
    done = ", ".join(f"{found[action]:,} {_DONE[action]}" for action in Action if found[action]) or "nothing"
    if outcome.is_complete:
        return Line(f"Done: {done}.", Tone.TITLE)
    ends = Counter(end.kind for end in outcome.ends.values())
    left = (
        (ends[EventKind.FAILED], "failed"),
        (ends[EventKind.SKIPPED], "skipped"),
        (len(outcome.open_ends), "unknown"),
        (len(outcome.endless) - len(outcome.open_ends), "not begun"),
    )
    undone = [f"{number:,} {word}" for number, word in left if number]
    return Line(f"Not finished: {done} so far; {', '.join(undone)}.", Tone.ERROR)


def _closed(outcome: _Outcome) -> Iterator[Line]:
    found = [outline.closed_line(resource, outcome.words) for resource in outcome.closed]
    yield from _listed("Closed for good, transcript kept:", found, Tone.NOTE)


def _next(outcome: _Outcome, commands: Commands) -> Iterator[Line]:
    found = [(command, says) for command, says in _advice(outcome, commands) if command]
    if found:
        yield Line("Next:", Tone.TITLE)
    width = max((len(command) for command, _ in found), default=0)
    yield from (Line(f"  {command:<{width}}  # {says}") for command, says in found)


def _advice(outcome: _Outcome, commands: Commands) -> Iterator[tuple[str, str]]:
    """Yield (command, what it does) for what fits the state of things."""
    plan = outcome.planned.plan
    takes_all_away = not plan.unchanged and all(c.action in outline.REMOVALS for c in plan.visible)
    if not outcome.is_complete:
        again = commands.destroy if takes_all_away else commands.apply
        yield again, "goes on where this stopped; what is done stays done"
        yield commands.plan, "shows what is left"
    elif takes_all_away:
        if outcome.closed:
            yield commands.purge, "deletes what stays closed, transcripts included"
        yield commands.apply, "makes everything anew"
    else:
        says = "shows whether anything is left" if plan.diagnostics else "says that nothing is left to do"
        yield commands.plan, says
        yield commands.phones, "shows it on phones, in a browser"
        yield commands.destroy, "closes all that this stack made"
