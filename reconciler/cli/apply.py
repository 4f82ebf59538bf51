"""`apply` and `destroy`: show the plan, ask, carry it out, say exactly what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.carrying import Approval, Job, carry, settle
from reconciler.cli.echo import confirm, say
from reconciler.cli.options import (
    account_options,
    consent_options,
    lease_options,
    run_options,
    settings_of,
    spec_options,
)
from reconciler.cli.plan import errand_of, findings_as, objected, plan_code, read, show_plan, would_empty
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode
from reconciler.model import Mode

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.workflow import Planned


@click.command()
@spec_options
@account_options
@consent_options
@click.option(
    "--digest", metavar="DIGEST", help="Carry out the plan with this digest, and nothing else. Does not ask."
)
@run_options
@lease_options
def apply(**options: Any) -> int:
    """Make the account what the specs say.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file; or a plan that
    `plan --out` wrote, which is carried out as it was reviewed.
    """
    return run_stoppable(_run(settings_of(options), Mode.APPLY, options["digest"]))


@click.command()
@spec_options
@account_options
@click.option(
    "--delete", is_flag=True, help="Delete conversations with their transcripts instead of closing them."
)
@run_options
@lease_options
def destroy(**options: Any) -> int:
    """Close everything the stack created, or with --delete leave nothing of it.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    mode = Mode.DELETE if options["delete"] else Mode.DESTROY
    return run_stoppable(_run(settings_of(options), mode, None))


async def _run(settings: Settings, mode: Mode, asked: str | None) -> int:
    from reconciler.cli.approval import of_digest, of_file
    from reconciler.cli.target import open_door
    from reconciler.plan_file import is_plan_file

    if mode is Mode.APPLY and settings.path.is_file() and is_plan_file(settings.path):
        return await of_file(settings, asked)
    with findings_as(settings.form):
        specs = read(settings)
    errand = errand_of(settings, specs, mode)
    async with open_door(settings, specs) as door:
        job = Job(settings, specs, errand, door)
        planned = await errand.plan(door.gateway)
        return await (_asked(job, planned) if asked is None else of_digest(job, planned, asked))


async def _asked(job: Job, planned: Planned) -> int:
    """Show a plan, ask whether it is meant, and carry it out."""
    from reconciler.reviewed import digest

    errand, settings = job.errand, job.settings
    empties = errand.mode is Mode.APPLY and would_empty(settings, job.specs, planned)
    planned = objected(planned, job.specs) if empties else planned
    name = digest(planned.plan, errand.scope, job.door.key)
    show_plan(planned, job.specs, job.door, settings.form, name)
    if not planned.plan.visible:
        await settle(job, planned)
        return plan_code(planned, detailed=False)
    if empties:
        say("Nothing was written.", err=True)
        return ExitCode.REFUSED
    if not settings.yes and not confirm(_question(planned, job.door, errand.mode)):
        say("Nothing was written.", err=True)
        return ExitCode.ERROR
    approved = errand.approved(planned.plan, job.door.key)
    return await carry(job, Approval(planned, approved, name, is_old=not settings.yes))


def _question(planned: Planned, door: Door, mode: Mode) -> str:
    verb = "Carry out" if mode is Mode.APPLY else "Remove"
    count = len(planned.plan.visible)
    return f"\n{verb} {count} {'change' if count == 1 else 'changes'} on {door.where}?"
