"""Specs that are saved → applied to the world that is served here, and told: on the terminal and on its page.

It is `apply` without a question, because nothing but an emulator can be reached. What is not fine in every
respect is not applied at all: then the world stays what the last good specs made it.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.cli.carrying import Approval, Follower, Job, carry, settle, spoken
from reconciler.cli.echo import has_errors, say, show, show_problems
from reconciler.cli.plan import errand_of, objected, read, would_empty
from reconciler.cli.privacy import keyed_numbers, shown_numbers
from reconciler.cli.spec_places import hushed, places, problems, secrets_of, senders
from reconciler.cli.stopping import STOPPED
from reconciler.cli.watching import MOST, Watch
from reconciler.diagnostics import ExitCode, ReconcilerError, error
from reconciler.emulator.specs import APPLIED, NONE, NOT_APPLIED, PARTLY, WAITING, tell
from reconciler.emulator.specs import Specs as Told
from reconciler.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.diagnostics import Diagnostic
    from reconciler.emulator import Store
    from reconciler.emulator.specs import Problem
    from reconciler.model import Event
    from reconciler.record import Held
    from reconciler.workflow import Planned, Specs

POLL_S = 0.15
"""How often files are looked at; a save counts after two looks."""
AGAIN_AFTER = 8
"""How many looks later an apply is tried again that another one kept out."""
AS_IT_WAS = "Nothing was applied: the emulator goes on with what it has."
WAS_RESET = "The world was replaced since. Save a spec, and they are applied to it again."
SOME_IS_LEFT = "Some of it was applied, and some is left to do. Save once more to go on."
_MOST_NAMED = 3
_OVERTAKEN = (ExitCode.STALE, ExitCode.LEASE_HELD)


@dataclass
class Reapplying:
    """The specs of `settings`, kept applied to one world. `ready` is called before somebody is waited for."""

    settings: Settings
    store: Store
    ready: Callable[[], None] = lambda: None
    _watch: Watch = field(init=False)
    _told: Told = field(default_factory=Told)
    _secrets: tuple[str, ...] = ()
    _heard: int = 0
    """The last event of the world that was looked at."""
    _said_full: bool = False
    _again_in: int | None = None
    """After how many looks an apply is tried again that another one kept out; None: at the next save."""

    def __post_init__(self) -> None:
        self._watch = Watch(self.settings.path, self.settings.inputs.files)

    @property
    def summary(self) -> str:
        """How much is applied; '' where that is not all that the specs say, or there are none."""
        return self._told.summary if self._told.state == APPLIED else ""

    async def begin(self) -> None:
        """Apply the specs as they are, where there are any."""
        self._watch.take()
        self._say_once_full()
        self._heard = self.store.events.last
        await self._attempt("")

    async def keep(self, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Apply them at every save until this is cancelled."""
        while True:
            await wait(POLL_S)
            await self.step()

    async def step(self) -> None:
        """Look once, and apply what was saved; or try again where another apply was at work."""
        self._notice_reset()
        saved = self._watch.step()
        self._say_once_full()
        if self._again_in is not None:
            self._again_in -= 1
        if saved or self._again_in == 0:
            await self._attempt(_named(saved))

    async def _attempt(self, saved: str) -> None:
        """Read and apply; whatever goes wrong is told, and no reason to end."""
        was_held, self._again_in = self._again_in is not None, None
        if not self._told.stack and not self._watch.holds_stack():
            if self._told.problems:
                self._tell(Told())
            return
        try:
            await self._apply(saved)
        except ReconcilerError as fault:
            is_held = fault.exit_code == ExitCode.LEASE_HELD
            self._again_in = AGAIN_AFTER if is_held else None
            self._refuse(saved, fault.diagnostics, fault.sources, is_old=is_held and was_held)
        except Exception as fault:  # noqa: BLE001 - told, with its place; the emulator is of use without this
            self._refuse(saved, [_mistake(fault)], {})

    async def _apply(self, saved: str) -> None:
        from reconciler.cli.target import inside  # brings the SDK, which an empty folder need not wait for

        specs = await asyncio.to_thread(read, self.settings)
        self._secrets = tuple(dict.fromkeys((*secrets_of(specs), *self._secrets)))
        errand, door = errand_of(self.settings, specs), inside(self.settings, self.store)
        await self._found_service(specs.stack.service, door)
        planned = await errand.plan(door.gateway)
        if would_empty(self.settings, specs, planned):
            planned = objected(planned, specs)
        found = (*specs.warnings, *planned.plan.diagnostics)
        if has_errors(found):
            self._refuse(saved, found, specs.sources)
            return
        show_problems(found, specs.sources, shown_numbers(door.numbers, err=True))
        if saved:
            _show_changes(saved, planned, door)
        job = Job(self.settings, specs, errand, door)
        if planned.plan.visible:
            await self._carry(job, planned, found, is_silent=not saved)
        else:
            await settle(job, planned)
            self._tell_fine(specs, found)

    async def _found_service(self, service: str, door: Door) -> None:
        """Make the service that a stack names: nobody else would, in a world that stands for an account."""
        from reconciler.observed import is_service_sid
        from reconciler.scenarios.staging import make_service

        is_there = any(row.friendly_name == service for row in self.store.index.services)
        if not is_there and service != "default" and not is_service_sid(service):
            await make_service(service, door.gateway)

    async def _carry(
        self, job: Job, planned: Planned, found: Sequence[Diagnostic], *, is_silent: bool
    ) -> None:
        from reconciler.brake import Brake
        from reconciler.pace import WallClock
        from reconciler.reviewed import digest

        events: list[Event] = []
        brake = Brake(WallClock())
        job = replace(job, follower=Follower(brake, events.append, self._tell_waiting))
        name = digest(planned.plan, job.errand.scope, job.door.key)
        approved = job.errand.approved(planned.plan, job.door.key)
        code = await carry(job, Approval(planned, approved, name, is_old=False))
        if events and not (is_silent and code == ExitCode.FINE):
            _show_result(events, planned, job.door, is_fine=code == ExitCode.FINE)
        if code == ExitCode.FINE:
            self._tell_fine(job.specs, found)
        else:
            failed = _failures(events, planned) or [_unended(code, spoken(job, brake.reason))]
            self._tell_left(job.specs, [*found, *failed], code)
        task = asyncio.current_task()
        if brake.reason == STOPPED or (task and task.cancelling()):
            raise asyncio.CancelledError  # how far it came was told

    def _notice_reset(self) -> None:
        """Say that the specs are no longer applied where somebody wanted another world, or an empty one."""
        events = self.store.events
        with self.store.lock:
            was_reset = any(one.type == "world.reset" for one in events.since(self._heard))
            self._heard = events.last
        if was_reset and self._told.state != NONE:
            self._tell(replace(self._told, state=NOT_APPLIED, summary=WAS_RESET, problems=()))

    # Telling

    def _say_once_full(self) -> None:
        if self._watch.is_full and not self._said_full:
            say(f"warning: more than {MOST:,} files are included: not every save is noticed.", err=True)
        self._said_full = self._watch.is_full

    def _refuse(
        self,
        saved: str,
        found: Sequence[Diagnostic],
        sources: Mapping[str, tuple[str, ...]],
        *,
        is_old: bool = False,
    ) -> None:
        """Say why nothing was applied; what `is_old` was said before and still holds."""
        if not is_old:
            found, sources = hushed(found, sources, self._secrets)
            say(f"{saved}:\n" if saved else "", err=True, end="")
            show_problems(found, sources, shown_numbers(keyed_numbers(), err=True))
            say(AS_IT_WAS, err=True)
            said = problems(found, sources)
            self._tell(replace(self._told, state=NOT_APPLIED, summary=AS_IT_WAS, problems=said))

    def _tell_waiting(self, held: Held) -> None:
        self.ready()
        summary = f"{held.who} is at work on this stack, and is waited for."
        self._tell(replace(self._told, state=WAITING, summary=summary, problems=()))

    def _tell_fine(self, specs: Specs, found: Sequence[Diagnostic]) -> None:
        self._tell(replace(self._as_read(specs, found), state=APPLIED, summary=counted(specs)))

    def _tell_left(self, specs: Specs, found: Sequence[Diagnostic], code: int) -> None:
        """Say that a run did not come to its end; one that was overtaken is tried again."""
        if code == ExitCode.WORK_LEFT:
            told = replace(self._as_read(specs, found), state=PARTLY, summary=SOME_IS_LEFT)
        else:
            self._again_in = AGAIN_AFTER if code in _OVERTAKEN else None
            told = replace(
                self._told, state=NOT_APPLIED, summary=AS_IT_WAS, problems=self._said(specs, found)
            )
        self._tell(told)

    def _as_read(self, specs: Specs, found: Sequence[Diagnostic]) -> Told:
        owner = specs.stack.owner
        said = self._said(specs, found)
        lines, known = places(specs), senders(specs)
        return Told(
            stack=owner.stack, environment=owner.environment, problems=said, places=lines, senders=known
        )

    def _said(self, specs: Specs, found: Sequence[Diagnostic]) -> tuple[Problem, ...]:
        return problems(*hushed(found, specs.sources, self._secrets))

    def _tell(self, told: Told) -> None:
        self._told = told
        tell(self.store, told)


def counted(specs: Specs) -> str:
    """Return how much a stack describes: ``2 conversations, 5 participants``."""
    from reconciler.render.outline import by_kind

    return by_kind(specs.stack.desired.resources) or "nothing"


def _named(paths: Sequence[Path]) -> str:
    from reconciler.render.values import Words

    words = Words(shown_numbers(keyed_numbers(), err=True))
    names = [words.text(str(path)) for path in paths[:_MOST_NAMED]] + ["…"] * (len(paths) > _MOST_NAMED)
    return f"{', '.join(names)} changed" if names else ""


def _show_changes(saved: str, planned: Planned, door: Door) -> None:
    from reconciler.render.text import change_lines
    from reconciler.render.values import Words

    if not planned.plan.visible:
        say(f"{saved}: nothing is to be done.")
        return
    say(f"{saved}:")
    show(change_lines(planned.plan, Words(shown_numbers(door.numbers))))


def _show_result(events: Sequence[Event], planned: Planned, door: Door, *, is_fine: bool) -> None:
    from reconciler.render.progress import result_lines
    from reconciler.render.values import Words, secrets_in

    words = Words(shown_numbers(door.numbers, err=not is_fine), secrets_in(planned.plan))
    show(result_lines(events, planned, words), err=not is_fine)


def _failures(events: Sequence[Event], planned: Planned) -> list[Diagnostic]:
    """Return what did not come to be as it was asked for, each with the place that asked."""
    at = {change.address: change.place for change in planned.plan.changes}
    odd = [one for one in events if one.detail and one.kind is not EventKind.STARTED]
    return [
        error(
            f"{one.action}: {one.kind}: {one.detail}",
            address=one.operation.address,
            place=at[one.operation.address],
        )
        for one in odd
    ]


def _unended(code: int, reason: str) -> Diagnostic:
    """Return why a run came to no end where no call says so; `reason` is that of its brake."""
    if code == ExitCode.STALE:
        reason = "another apply changed this stack after the specs were compared with it"
    again = "It is tried again in a moment." if code in _OVERTAKEN else "Save once more to go on."
    stopped = "The next start of this emulator goes on."
    return error(reason or "the run did not come to its end", stopped if reason == STOPPED else again)


def _mistake(fault: Exception) -> Diagnostic:
    """Return what to say of a fault nobody foresaw; its own words may hold what must not be told."""
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return error(
        f"reconciler made a mistake of its own: {type(fault).__name__} in {where}",
        "Please report it. The next save is tried as any other.",
    )
