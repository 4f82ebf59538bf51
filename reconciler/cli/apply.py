"""`apply` and `destroy`: show the plan, ask, carry it out, say exactly what was done."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import account_options, consent_options, settings_of, spec_options
from reconciler.cli.plan import findings_as, limits_of, objected, plan_code, read, show_plan, would_empty
from reconciler.cli.privacy import shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.model import Event
    from reconciler.render.progress import Commands
    from reconciler.workflow import Planned, Specs


@dataclass(frozen=True, slots=True)
class _Wish:
    """What sort of run is asked for."""

    yes: bool
    detailed: bool
    destroys: bool = False
    deletes: bool = False


YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@spec_options
@account_options
@consent_options
@YES
def apply(**options: Any) -> int:
    """Make the account what the specs say.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    wish = _Wish(yes=options["yes"], detailed=options["detailed_exitcode"])
    return run_stoppable(_run(settings_of(options), wish))


@click.command()
@spec_options
@account_options
@YES
@click.option(
    "--delete", is_flag=True, help="Delete conversations with their transcripts instead of closing them."
)
def destroy(**options: Any) -> int:
    """Close everything the stack created, or with --delete leave nothing of it.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    wish = _Wish(
        yes=options["yes"], detailed=options["detailed_exitcode"], destroys=True, deletes=options["delete"]
    )
    return run_stoppable(_run(settings_of(options), wish))


async def _run(settings: Settings, wish: _Wish) -> int:
    from reconciler.cli.echo import confirm, say
    from reconciler.cli.target import open_door

    with findings_as(settings.form):
        specs = read(settings)
    async with open_door(settings, specs) as door:
        planned = await _planned(settings, wish, specs, door)
        empties = not wish.destroys and would_empty(settings, specs, planned)
        planned = objected(planned, specs) if empties else planned
        show_plan(planned, specs, door, settings.form)
        if not planned.plan.visible:
            return plan_code(planned, detailed=False)
        if empties:
            say("Nothing was written.", err=True)
            return ExitCode.REFUSED
        if not wish.yes and not confirm(_question(planned, door, wish)):
            say("Nothing was written.", err=True)
            return ExitCode.ERROR
        return await _perform(settings, wish, specs, door, planned)


async def _planned(settings: Settings, wish: _Wish, specs: Specs, door: Door) -> Planned:
    from reconciler.workflow import make_destroy_plan, make_plan

    if wish.destroys:
        return await make_destroy_plan(specs.stack, door.gateway, delete=wish.deletes, only=settings.only)
    return await make_plan(specs.stack, door.gateway, only=settings.only, limits=limits_of(settings, specs))


def _question(planned: Planned, door: Door, wish: _Wish) -> str:
    verb = "Remove" if wish.destroys else "Carry out"
    count = len(planned.plan.visible)
    return f"\n{verb} {count} {'change' if count == 1 else 'changes'} on {door.where}?"


async def _perform(settings: Settings, wish: _Wish, specs: Specs, door: Door, planned: Planned) -> int:
    """Carry the plan out, show progress, and end with what was done, failed and left.

    A signal cancels this task: what was under way may have happened or not, and what was done is told.
    """
    from reconciler.cli.echo import progress, show
    from reconciler.diff import operations
    from reconciler.executor import carry_out
    from reconciler.kinds import KINDS
    from reconciler.model import EventKind
    from reconciler.pace import WallClock
    from reconciler.render.progress import event_line, result_lines
    from reconciler.render.values import Words, secrets_in

    events: list[Event] = []
    quiet = settings.form != "text"
    words = Words(shown_numbers(door.numbers, err=quiet), secrets_in(planned.plan))
    total = sum(1 for change in planned.plan.changes for _ in operations(change))
    ended = 0
    stopped = False
    try:
        with progress(total, err=quiet) as tell:
            async for event in carry_out(planned.plan, KINDS, door.gateway, WallClock()):
                events.append(event)
                ended += event.kind is not EventKind.STARTED
                line = event_line(event, ended, total, words)
                if line is not None:
                    tell(line)
    except asyncio.CancelledError:
        stopped = True
    finally:
        show(result_lines(events, planned, words, _commands(settings, specs)), err=quiet)
    return _stopped_code(events) if stopped else _code(events, planned, wish)


def _stopped_code(events: list[Event]) -> ExitCode:
    """Return the exit code of a run that was stopped: what was under way may have been written too."""
    from reconciler.model import EventKind
    from reconciler.render.progress import under_way

    written = under_way(events) or any(event.kind is EventKind.DONE for event in events)
    return ExitCode.WORK_LEFT if written else ExitCode.ERROR


def _commands(settings: Settings, specs: Specs) -> Commands:
    """Return the commands a person may want to type now."""
    from reconciler.render.progress import Commands

    words = [str(settings.path)]
    words += ["--local"] if settings.local else []
    words += ["--endpoint", settings.endpoint] if settings.endpoint else []
    words += ["-e", specs.stack.owner.environment] if specs.stack.owner.environment else []
    tail = shlex.join(words)
    return Commands(
        plan=f"reconciler plan {tail}",
        apply=f"reconciler apply {tail}",
        destroy=f"reconciler destroy {tail}",
        purge=f"reconciler destroy {tail} --delete",
    )


def _code(events: list[Event], planned: Planned, wish: _Wish) -> int:
    from reconciler.model import EventKind

    kinds = {event.kind for event in events}
    if kinds & {EventKind.FAILED, EventKind.SKIPPED}:
        return ExitCode.WORK_LEFT if EventKind.DONE in kinds else ExitCode.ERROR
    refused = plan_code(planned, detailed=False)
    if refused:
        return ExitCode.WORK_LEFT
    return ExitCode.CHANGES if wish.detailed else ExitCode.FINE
