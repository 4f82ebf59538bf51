"""`lock` and `history`: who holds the lease on a stack, freeing it by hand, the last applies."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import confirm, say, tell
from reconciler.cli.options import place_options, settings_of, spec_options
from reconciler.cli.plan import findings_as, read
from reconciler.cli.privacy import numbers_in, shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.model import Target
    from reconciler.record import Seen

NO_RECORD = "this stack keeps no record (`record: none`): it has no lease and no history"


@click.group()
def lock() -> None:
    """Show who holds the lease on a stack, or free it."""


@lock.command()
@spec_options
@place_options
def status(**options: Any) -> int:
    """Show who holds the lease, and which apply is unfinished. Only reads.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_status(settings_of(options)))


@lock.command()
@spec_options
@place_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def release(**options: Any) -> int:
    """Free the lease of a run that is dead. It asks first.

    A run that is still alive stops at its next heartbeat; until then it may write beside the next one. So
    end it first where you can.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_release(settings_of(options), yes=options["yes"]))


@click.command()
@spec_options
@place_options
def history(**options: Any) -> int:
    """Show the last applies: when, how they ended, by whom, of which commit. Only reads.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_history(settings_of(options)))


async def _status(settings: Settings) -> ExitCode:
    from reconciler.record import read_record
    from reconciler.render.record import lock_json, lock_lines

    async with _record_door(settings) as (door, target):
        seen = await read_record(door.gateway, target)
    lines = lock_lines(seen, target, numbers_in(settings.form, door.numbers))
    return tell("lock status", lines, lock_json(seen, target, door.numbers), settings.form)


async def _history(settings: Settings) -> ExitCode:
    from reconciler.record import read_record
    from reconciler.render.record import history_json, history_lines

    async with _record_door(settings) as (door, target):
        seen = await read_record(door.gateway, target)
    lines = history_lines(seen, target, numbers_in(settings.form, door.numbers))
    return tell("history", lines, history_json(seen, target, door.numbers), settings.form)


async def _release(settings: Settings, *, yes: bool) -> ExitCode:
    from reconciler.record import read_record, release_lease

    async with _record_door(settings) as (door, target):
        seen = await read_record(door.gateway, target)
        if seen is not None and seen.record.lease is not None:
            if not yes and not confirm(_question(seen, settings, door)):
                say("Nothing was written.", err=True)
                return ExitCode.ERROR
            await release_lease(door.keeper, target, seen)
    return _tell_release(seen, target, settings, door)


def _question(seen: Seen, settings: Settings, door: Door) -> str:
    from reconciler.render.record import holder_text
    from reconciler.render.values import Words

    assert seen.record.lease is not None  # noqa: S101 - the caller looked
    holder = holder_text(seen.record.lease, Words(shown_numbers(door.numbers, err=settings.form != "text")))
    return f"Free the lease of {holder}? If that run is alive, it may still write until its next heartbeat."


def _tell_release(seen: Seen | None, target: Target, settings: Settings, door: Door) -> ExitCode:
    from reconciler.render.record import release_json, release_lines

    lines = release_lines(seen, numbers_in(settings.form, door.numbers))
    return tell("lock release", lines, release_json(seen, target, door.numbers), settings.form)


@asynccontextmanager
async def _record_door(settings: Settings) -> AsyncIterator[tuple[Door, Target]]:
    """Open the account and say whose record is meant. Raises ReconcilerError where a stack keeps none."""
    from reconciler.cli.target import open_door
    from reconciler.workflow import target_of

    with findings_as(settings.form):
        specs = read(settings)
    if specs.stack.record == "none":
        raise ReconcilerError(NO_RECORD, "Take that line out of `stack:` to have both.")
    async with open_door(settings, specs) as door:
        yield door, await target_of(specs.stack, door.gateway)
