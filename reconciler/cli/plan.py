"""`validate` and `plan`: read specs, compare, show. Neither ever writes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import account_options, settings_of, spec_options
from reconciler.diagnostics import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.render.numbers import Numbers
    from reconciler.workflow import Planned, Specs


@click.command()
@spec_options
def validate(**options: Any) -> int:
    """Check specs offline and print every problem with its place.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    from reconciler.cli.echo import show_problems
    from reconciler.diagnostics import SpecError
    from reconciler.render.findings import findings
    from reconciler.workflow import read_specs

    settings = settings_of(options)
    try:
        specs = read_specs(settings.path, settings.inputs)
    except SpecError as fault:
        if settings.form == "text":
            raise
        click.echo(findings(fault.diagnostics, settings.form, offline_numbers()))
        return ExitCode.ERROR
    if settings.form != "text":
        click.echo(findings(specs.warnings, settings.form, offline_numbers()))
        return ExitCode.FINE
    show_problems(specs.warnings, specs.sources)
    resources, files = len(specs.stack.desired.resources), specs.file_count
    click.echo(f"{specs.stack.owner}: {resources} resources in {files} files are valid.")
    return ExitCode.FINE


@click.command()
@spec_options
@account_options
def plan(**options: Any) -> int:
    """Show what apply would do. Only reads.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return asyncio.run(_plan(settings_of(options), detailed=options["detailed_exitcode"]))


async def _plan(settings: Settings, *, detailed: bool) -> int:
    from reconciler.cli.target import open_door
    from reconciler.workflow import make_plan, read_specs

    specs = read_specs(settings.path, settings.inputs)
    async with open_door(settings, specs) as door:
        planned = await make_plan(specs.stack, door.gateway, only=settings.only)
    show_plan(planned, specs, door, settings.form)
    return plan_code(planned, detailed=detailed)


def show_plan(planned: Planned, specs: Specs, door: Door, form: str) -> None:
    """Print a plan in the form asked for, and what deserves a look beside it."""
    from reconciler.cli.echo import show, show_problems
    from reconciler.render.json import plan_json
    from reconciler.render.markdown import plan_markdown
    from reconciler.render.text import plan_lines

    show_problems((*specs.warnings, *planned.plan.diagnostics), specs.sources)
    if form == "json":
        click.echo(plan_json(planned, door.numbers))
    elif form == "markdown":
        click.echo(plan_markdown(planned, door.numbers))
    else:
        show(plan_lines(planned, shown_numbers(door)))


def offline_numbers() -> Numbers:
    """Return the masking of numbers where no credential gives a key."""
    from reconciler.render.numbers import Numbers

    return Numbers(os.environ.get("RECONCILER_KEY", "reconciler").encode())


def shown_numbers(door: Door) -> Numbers:
    """Return how text shows phone numbers: as they are on a terminal, tagged everywhere else."""
    from reconciler.cli.echo import is_private
    from reconciler.render.numbers import Numbers

    return Numbers(None) if is_private() else door.numbers


def plan_code(planned: Planned, *, detailed: bool) -> int:
    """Return a plan's exit code: refused, changes present where that was asked for, or fine."""
    from reconciler.cli.echo import has_errors

    if has_errors(planned.plan.diagnostics):
        return ExitCode.REFUSED
    return ExitCode.CHANGES if detailed and planned.plan.visible else ExitCode.FINE
