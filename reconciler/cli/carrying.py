"""An approved plan → calls, progress, and at the end exactly what was done, failed and left."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import shlex
import socket
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.echo import progress, say, show
from reconciler.cli.plan import plan_code, show_moved, show_plan
from reconciler.cli.privacy import shown_numbers
from reconciler.cli.stopping import STOPPED, braking
from reconciler.diagnostics import ExitCode, ReconcilerError
from reconciler.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.applying import Desk, Errand
    from reconciler.brake import Brake
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.journal import FileJournal
    from reconciler.model import Event
    from reconciler.record import Held, Lease
    from reconciler.render.progress import Commands
    from reconciler.reviewed import Judgement, Reviewed
    from reconciler.workflow import Planned, Specs

COMMIT_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "GIT_COMMIT")
FOLDER = ".reconciler"


@dataclass(frozen=True, slots=True)
class Follower:
    """What follows a run that nobody typed, and itself says how it went.

    `heard` is told each event, `waiting` who holds the lease before they are waited for. `brake` says
    afterwards whether a signal stopped the run.
    """

    brake: Brake
    heard: Callable[[Event], None]
    waiting: Callable[[Held], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of `apply` or `destroy`: what was typed, the specs, what they come to, and the way in.

    Where a plan file is carried out, `path` says where its specs are. Of a run with a `follower` only what is
    in its way is printed.
    """

    settings: Settings
    specs: Specs
    errand: Errand
    door: Door
    path: Path | None = None
    follower: Follower | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """What is to be carried out, what was approved of it, and under which digest.

    Where it `is_old`, time has passed since it was read, so it is read again under the lease.
    """

    planned: Planned
    approved: Reviewed
    digest: str
    is_old: bool


@dataclass(slots=True)
class _Carried:
    """How far a run came."""

    total: int
    """How many operations there are to do."""
    events: list[Event] = field(default_factory=list)

    @property
    def left_work(self) -> bool:
        """Whether anything that was to be done is not known to be."""
        return sum(event.kind is EventKind.DONE for event in self.events) < self.total

    @property
    def wrote(self) -> bool:
        """Whether anything was written, or may have been."""
        from reconciler.render.progress import under_way

        return bool(under_way(self.events)) or any(e.kind is EventKind.DONE for e in self.events)


async def carry(job: Job, approval: Approval) -> int:
    """Carry out what was approved, as far as it still is so, alone on this machine and under the lease.

    A signal that comes when the calls are over and told cannot make them undone, so it is no cancellation.
    """
    told: list[_Carried] = []
    try:
        return await _carry(job, approval, told)
    except asyncio.CancelledError:
        if not any(carried.wrote for carried in told):
            raise
        say("Stopped at the end: what is told above was done, and may not be in the record.", err=True)
        return ExitCode.WORK_LEFT


async def _carry(job: Job, approval: Approval, told: list[_Carried]) -> int:
    from reconciler.applying import leased, note_begin
    from reconciler.brake import Brake
    from reconciler.pace import WallClock
    from reconciler.record import lock_folder, only_here

    clock = WallClock()
    brake = job.follower.brake if job.follower else Brake(clock)
    desk, target = _desk(job), approval.planned.plan.target
    world = str(job.specs.folder.resolve()) if job.settings.local else job.settings.endpoint
    with only_here(lock_folder(os.environ, Path.home()), target, world):
        async with leased(desk, job.errand.stack, target, brake, clock) as held:
            if approval.is_old or _others_applied(held, approval.planned):
                again, judgement = await job.errand.plan_again(job.door.gateway, approval.approved)
                if judgement.moved:
                    return show_moved(judgement, job.specs, job.door)
                tell_progress(judgement)
                approval = replace(approval, planned=again)
            if not approval.planned.plan.changes:
                say("Nothing is left to do.", err=True)
                return plan_code(approval.planned, detailed=False)
            with _journal(job, approval, desk) as journal:
                await note_begin(held, approval.digest, approval.approved, job.errand.stack.stack_id)
                carried = await _perform(job, approval.planned, brake, journal)
            told.append(carried)
            was_lost = held is not None and held.is_lost
            code = _code(carried, approval.planned, job.settings, was_lost=was_lost)
            await _note_end(held, job, approval, desk, carried)
        if held is not None and held.left_behind:
            why = spoken(job, held.left_behind)
            say(f"warning: the lease was not given back and runs out by itself: {why}", err=True)
    if journal.lost:
        say(f"warning: the journal {journal.path} is not whole: {journal.lost}", err=True)
    elif code == ExitCode.WORK_LEFT:
        say(f"Every call of this run is written down in {journal.path}", err=True)
    return await _verified(job, code) if job.settings.verify else code


def tell_progress(judgement: Judgement) -> None:
    """Say how much of what was approved is done."""
    count = len(judgement.done)
    if count:
        verb = "change is" if count == 1 else "changes are"
        say(f"{count:,} approved {verb} done already.", err=True)


async def settle(job: Job, planned: Planned, digest: str = "") -> None:
    """Write down that an apply which was cut short has nothing left to do. Most often there is none.

    Where a `digest` was carried out, only its own apply is known to be at its end.
    """
    unfinished = planned.record.record.open if planned.record else None
    if unfinished is None or plan_code(planned, detailed=False):
        return
    if unfinished.digest != digest if digest else job.settings.only:
        return
    try:
        await _close(job, planned)
    except ReconcilerError as fault:
        why = spoken(job, fault.diagnostics[0].summary)
        say(f"note: the record still says that an apply is unfinished: {why}", err=True)


async def _close(job: Job, planned: Planned) -> None:
    from reconciler.applying import DONE, leased, note_end
    from reconciler.brake import Brake
    from reconciler.pace import WallClock

    clock, desk = WallClock(), replace(_desk(job), wait_s=0.0)
    async with leased(desk, job.errand.stack, planned.plan.target, Brake(clock), clock) as held:
        if held is not None and held.record.open is not None and not _others_applied(held, planned):
            await note_end(held, desk.told(now(), held.record.open.digest, DONE, {}), None)


def _others_applied(held: Lease | None, planned: Planned) -> bool:
    """Whether the record has been written since the plan was made."""
    if held is None:
        return False
    then = (planned.record.sid, planned.record.revision) if planned.record else None
    return then != ((held.was.sid, held.was.revision) if held.was else None)


# --- who, when, where --------------------------------------------------------------------------------------


def now() -> str:
    """Return the wall clock's time: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _desk(job: Job) -> Desk:
    from reconciler.applying import Desk
    from reconciler.record import Holder

    settings = job.settings
    who = f"{_user()}@{socket.gethostname()}, process {os.getpid()}"
    commit = next((os.environ[name] for name in COMMIT_VARIABLES if os.environ.get(name)), "")
    holder = Holder(who, secrets.token_hex(4), commit)
    times = (settings.lease_timeout_s, settings.lease_duration_s, settings.call_timeout_s)
    return Desk(job.door.keeper, holder, *times, partial(_say_waiting, job))


def _user() -> str:
    """Return who is at work; a container may run as somebody who has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "nobody"


def spoken(job: Job, text: str) -> str:
    """Return a text that others may have written (a record is open to many) so that it can be said."""
    from reconciler.render.values import Words

    return Words(shown_numbers(job.door.numbers, err=True)).text(text)


def _say_waiting(job: Job, held: Held) -> None:
    timeout_s, who = job.settings.lease_timeout_s, spoken(job, held.who)
    if job.follower:
        job.follower.waiting(held)
    say(
        f"Waiting for the lease: {who} holds it. It is taken over when it was not renewed for "
        f"{held.duration_s:g} s; this run waits {timeout_s:g} s at most.",
        err=True,
    )


@contextmanager
def _journal(job: Job, approval: Approval, desk: Desk) -> Iterator[FileJournal]:
    from reconciler.journal import open_journal

    target = approval.planned.plan.target
    about = {
        "run": desk.holder.run,
        "who": desk.holder.who,
        "commit": desk.holder.commit,
        "stack": target.owner.stack,
        "environment": target.owner.environment,
        "account": target.account_sid,
        "service": target.service_sid,
        "digest": approval.digest,
    }
    folder = job.settings.journal or _hidden(job.specs.folder) / "journal"
    with open_journal(folder, f"{now().replace(':', '')}-{desk.holder.run}", about, now) as journal:
        yield journal


def _hidden(folder: Path) -> Path:
    """Return the folder beside a stack that version control leaves alone."""
    place = folder / FOLDER
    with suppress(OSError):  # who writes into it says so
        place.mkdir(mode=0o700, exist_ok=True)
        with (place / ".gitignore").open("x", encoding="utf-8") as file:  # never through somebody's link
            file.write("*\n")
    return place


# --- the run -----------------------------------------------------------------------------------------------


async def _perform(job: Job, planned: Planned, brake: Brake, journal: FileJournal) -> _Carried:
    """Carry the plan out, show progress, and tell what was done, failed and left.

    A signal lets no call start any more; what then does not end in time may have happened or not.
    """
    from reconciler.diff import operations
    from reconciler.executor import carry_out
    from reconciler.kinds import KINDS
    from reconciler.pace import WallClock
    from reconciler.render.progress import event_line, result_lines
    from reconciler.render.values import Words, secrets_in

    total = sum(1 for change in planned.plan.changes for _ in operations(change))
    carried, ended, quiet = _Carried(total), 0, job.settings.form != "text"
    words = Words(shown_numbers(job.door.numbers, err=quiet), secrets_in(planned.plan))
    stream = carry_out(planned.plan, KINDS, job.door.gateway, WallClock(), brake=brake, journal=journal)
    try:
        with progress(total, err=quiet) as tell, braking(brake, lambda text: say(text, err=True)):
            async for event in stream:
                carried.events.append(event)
                ended += event.kind is not EventKind.STARTED
                if job.follower:
                    job.follower.heard(event)
                elif (line := event_line(event, ended, total, words)) is not None:
                    tell(line)
    except asyncio.CancelledError:
        pass  # what was under way then has no end, and is told as unknown
    finally:
        if brake.reason and brake.reason != STOPPED:
            say(f"Stopped: {spoken(job, brake.reason)}.", err=True)
        if job.follower is None:
            show(result_lines(carried.events, planned, words, _commands(job)), err=quiet)
    return carried


def _commands(job: Job) -> Commands:
    """Return the commands a person may want to type now."""
    from reconciler.render.progress import Commands

    settings, environment = job.settings, job.errand.stack.owner.environment
    place = ["--local"] if settings.local else []
    place += ["--endpoint", settings.endpoint] if settings.endpoint else []
    place += ["--profile", settings.profile] if settings.profile else []
    chosen = ["-e", environment] if environment else []
    chosen += [word for glob in settings.only for word in ("--only", glob)]
    specs = str(job.path or settings.path)
    words = shlex.join([specs, *place, *chosen])
    emulator = shlex.join(["reconciler", "emulator", specs, *(["-e", environment] if environment else [])])
    apply = shlex.join([str(settings.path), *place]) if job.path else words
    return Commands(
        plan=f"reconciler plan {words}",
        apply=f"reconciler apply {apply}" if job.errand.stack.desired.resources else "",
        destroy=f"reconciler destroy {words}",
        purge=f"reconciler destroy {words} --delete",
        phones=emulator if settings.local else "",
    )


def _code(carried: _Carried, planned: Planned, settings: Settings, *, was_lost: bool) -> ExitCode:
    """Return what a run comes to: what may have been written counts as written."""
    if carried.left_work and not carried.wrote:
        return ExitCode.LEASE_HELD if was_lost else ExitCode.ERROR
    unlike = any(event.kind is EventKind.DONE and event.detail for event in carried.events)
    if carried.left_work or unlike or plan_code(planned, detailed=False):
        return ExitCode.WORK_LEFT
    return ExitCode.CHANGES if settings.detailed_exitcode else ExitCode.FINE


async def _note_end(held: Lease | None, job: Job, approval: Approval, desk: Desk, carried: _Carried) -> None:
    """Write down how the run ended; where that fails it is told, because what was done stays done."""
    from reconciler.applying import DONE, LEFT, made_by, note_end
    from reconciler.render.progress import done_by

    counts = Counter(change.action.value for change in done_by(carried.events, approval.planned))
    result = LEFT if carried.left_work else DONE
    try:
        made = made_by(job.errand, approval.planned) if result == DONE else None
        await note_end(held, desk.told(now(), approval.digest, result, counts), made)
    except ReconcilerError as fault:
        why = spoken(job, fault.diagnostics[0].summary)
        say(f"warning: the record could not be written: {why}", err=True)


async def _verified(job: Job, code: ExitCode) -> ExitCode:
    """Plan once more; what is left to do after a run that went well is shown, and is an error."""
    if code not in (ExitCode.FINE, ExitCode.CHANGES):
        return code
    again = await job.errand.plan(job.door.gateway)
    if not again.plan.visible:
        say("Verified: a new plan is empty.", err=True)
        return code
    say("Verifying: a new plan is not empty.", err=True)
    show_plan(again, job.specs, job.door, job.settings.form)
    return ExitCode.WORK_LEFT
