"""`output`: what a stack tells other programs, read from the live account. It never writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import delivered, say, show_problems, tell
from reconciler.cli.options import place_options, settings_of, spec_options
from reconciler.cli.plan import findings_as, read
from reconciler.cli.privacy import numbers_in, shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode, ReconcilerError, error

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.outputs import Answer, Answers
    from reconciler.workflow import Specs


@click.command()
@spec_options
@click.argument("name", default="")
@place_options
def output(name: str, **options: Any) -> int:
    """Show what the specs tell other programs below `outputs:`. Only reads.

    All of them, or with NAME the value of one and nothing else, as $(…) in a shell wants it: as it is, also
    where it is sensitive or holds a phone number. One that is not known yet is exit 1.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    if name and options["form"] == "markdown":
        raise click.UsageError("--format markdown shows all outputs: leave NAME out.")
    return run_stoppable(_output(settings_of(options), name))


async def _output(settings: Settings, name: str) -> ExitCode:
    from reconciler.cli.target import open_door
    from reconciler.workflow import ask_outputs

    with findings_as(settings.form):
        specs = read(settings)
    if name:
        _check_name(name, specs)
    async with open_door(settings, specs) as door:
        found = await ask_outputs(specs.stack, door.gateway)
    if not name:
        return _show_all(found, specs, door, settings.form)
    return _show_one(
        next(one for one in found.answers if one.output.name == name), found, specs, door, settings
    )


def _check_name(name: str, specs: Specs) -> None:
    from reconciler.expressions import nearest

    names = [one.name for one in specs.stack.outputs]
    if name not in names:
        near = nearest(name, names)
        detail = (
            f"Did you mean {near}?"
            if near
            else f"There are: {', '.join(names)}."
            if names
            else "It has none."
        )
        raise ReconcilerError(f"{specs.stack.owner} has no output {name!r}", detail)


def _show_all(found: Answers, specs: Specs, door: Door, form: str) -> ExitCode:
    from reconciler.render.outputs import output_json, output_lines

    show_problems(found.problems, specs.sources, shown_numbers(door.numbers, err=True))
    lines = output_lines(found, numbers_in(form, door.numbers))
    return tell("output", lines, output_json(found, door.numbers), form)


def _show_one(one: Answer, found: Answers, specs: Specs, door: Door, settings: Settings) -> ExitCode:
    from reconciler.render.outputs import bare

    if not one.waits_for:
        say(bare(one.value, settings.form))
        return delivered(ExitCode.FINE)
    missing = dict.fromkeys(str(ref.address) for ref in one.waits_for)
    detail = f"Not there: {', '.join(missing)}. Apply the stack, then ask again."
    problem = error(f"output {one.output.name} is not known yet", detail, place=one.output.place)
    show_problems((problem, *found.problems), specs.sources, shown_numbers(door.numbers, err=True))
    return ExitCode.ERROR
