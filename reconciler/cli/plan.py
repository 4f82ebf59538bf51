"""`validate` and `plan`: read specs, compare, show. Neither ever writes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import delivered, has_errors, say, show, show_problems
from reconciler.cli.options import account_options, consent_options, settings_of, spec_options
from reconciler.cli.privacy import keyed_numbers, shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode, ReconcilerError, SpecError, error
from reconciler.model import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.applying import Errand
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.diagnostics import Diagnostic
    from reconciler.reviewed import Judgement
    from reconciler.safety import Limits
    from reconciler.workflow import Planned, Specs


@click.command()
@spec_options
def validate(**options: Any) -> int:
    """Check specs offline and print every problem with its place.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    from reconciler.render.findings import findings
    from reconciler.render.outline import plural

    settings = settings_of(options)
    with findings_as(settings.form):
        specs = read(settings)
    if settings.form != "text":
        say(findings(specs.warnings, settings.form, keyed_numbers()))
        return delivered(ExitCode.FINE)
    show_problems(specs.warnings, specs.sources, shown_numbers(keyed_numbers(), err=True))
    resources, files = len(specs.stack.desired.resources), plural(specs.file_count, "file")
    verb = "is" if resources == 1 else "are"
    say(f"{specs.stack.owner}: {plural(resources, 'resource')} in {files} {verb} valid.")
    return delivered(ExitCode.FINE)


@click.command()
@spec_options
@account_options
@consent_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the plan to a private file that `apply FILE` carries out as it was reviewed.",
)
def plan(**options: Any) -> int:
    """Show what apply would do. Only reads.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_plan(settings_of(options)))


async def _plan(settings: Settings) -> ExitCode:
    from reconciler.cli.approval import write_plan
    from reconciler.cli.target import open_door
    from reconciler.reviewed import digest

    with findings_as(settings.form):
        specs = read(settings)
    errand = errand_of(settings, specs)
    async with open_door(settings, specs) as door:
        planned = await errand.plan(door.gateway)
    if would_empty(settings, specs, planned):
        planned = objected(planned, specs)
    show_plan(planned, specs, door, settings.form, digest(planned.plan, errand.scope, door.key))
    if settings.out is not None:
        write_plan(planned, settings, specs, door, errand.scope)
    return delivered(plan_code(planned, detailed=settings.detailed_exitcode))


def errand_of(settings: Settings, specs: Specs, mode: Mode = Mode.APPLY) -> Errand:
    """Return what the settings ask for."""
    from reconciler.applying import Errand

    limits = limits_of(settings, specs)
    return Errand(specs.stack, mode, settings.only, limits, settings.max_evidence)


def read(settings: Settings) -> Specs:
    """Return the specs that the settings name. Raises SpecError with every problem.

    A plan file is valid YAML, and would be told to be bad specs, in many words.
    """
    from reconciler.plan_file import is_plan_file
    from reconciler.workflow import read_specs

    if settings.path.is_file() and is_plan_file(settings.path):
        raise ReconcilerError(
            f"{settings.path} is a plan that was written by `plan --out`, and here specs are needed",
            f"Name the specs it was made from. To carry it out: reconciler apply {settings.path}",
        )
    return read_specs(settings.path, settings.inputs)


@contextmanager
def findings_as(form: str) -> Iterator[None]:
    """Tell problems of specs as a result, on standard output, where another form than text was asked for."""
    from reconciler.render.findings import findings

    try:
        yield
    except SpecError as fault:
        if form == "text":
            raise
        say(findings(fault.diagnostics, form, keyed_numbers()))
        raise click.exceptions.Exit(fault.exit_code) from fault


def limits_of(settings: Settings, specs: Specs) -> Limits:
    """Return how much a run may remove: what the specs say, or more by a flag."""
    limits = specs.stack.limits
    return replace(limits, remove=max(limits.remove, settings.allow_remove or 0))


def would_empty(settings: Settings, specs: Specs, planned: Planned) -> bool:
    """Whether a plan takes everything away because the specs describe nothing, without consent to that."""
    return bool(planned.plan.visible) and not (settings.allow_empty or specs.stack.desired.resources)


def objected(planned: Planned, specs: Specs) -> Planned:
    """Return the plan with an objection to taking everything away."""
    found = (*planned.plan.diagnostics, takes_all_away(specs))
    return replace(planned, plan=replace(planned.plan, diagnostics=found))


def takes_all_away(specs: Specs) -> Diagnostic:
    """Return the objection to specs that describe nothing: most likely a file is missing."""
    return error(
        f"the specs describe no resource, and this would remove all that {specs.stack.owner} has",
        "Is a file missing, or the path another? If it is meant: reconciler destroy …, or once: reconciler "
        "apply … --allow-empty, each with this path, and --local for the emulator.",
    )


def show_plan(planned: Planned, specs: Specs, door: Door, form: str, digest: str = "") -> None:
    """Print a plan in the form asked for, its digest, and what deserves a look beside it."""
    from reconciler.render.json import plan_json
    from reconciler.render.markdown import plan_markdown
    from reconciler.render.text import plan_lines

    found = (*specs.warnings, *planned.plan.diagnostics)
    show_problems(found, specs.sources, shown_numbers(door.numbers, err=True))
    name = digest if planned.plan.visible else ""
    if form == "json":
        say(plan_json(planned, door.numbers, name))
    elif form == "markdown":
        say(plan_markdown(planned, door.numbers, name))
    else:
        show(plan_lines(planned, shown_numbers(door.numbers), name))


def show_moved(judgement: Judgement, specs: Specs, door: Door) -> ExitCode:
    """Say what is no longer as it was when the plan was reviewed, and that nothing was done."""
    show_problems(judgement.moved, specs.sources, shown_numbers(door.numbers, err=True))
    say("The plan is stale. Nothing was written.", err=True)
    return ExitCode.STALE


def plan_code(planned: Planned, *, detailed: bool) -> ExitCode:
    """Return a plan's exit code: refused, changes present where that was asked for, or fine."""
    if has_errors(planned.plan.diagnostics):
        return ExitCode.REFUSED
    return ExitCode.CHANGES if detailed and planned.plan.visible else ExitCode.FINE
