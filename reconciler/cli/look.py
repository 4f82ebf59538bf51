"""`drift`, `list` and `show`: what others changed, what is there, all about one address. None ever writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import delivered, has_errors, say, show, show_problems, tell
from reconciler.cli.options import account_options, place_options, settings_of, spec_options
from reconciler.cli.plan import findings_as, read
from reconciler.cli.privacy import numbers_in, shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.drift import Drift
    from reconciler.workflow import Specs


@click.command()
@spec_options
@account_options
def drift(**options: Any) -> int:
    """Show what others changed since our last apply. Only reads.

    Not shown are edits of the specs that are not applied yet, which plan shows, nor what Twilio changes by
    itself. What others deleted wholly is told from what never was by the stack's record (`record: sync`).
    With --detailed-exitcode also what could not be compared is exit 2.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_drift(settings_of(options), detailed=options["detailed_exitcode"]))


async def _drift(settings: Settings, *, detailed: bool) -> ExitCode:
    from reconciler.cli.target import open_door
    from reconciler.drift import drift_of
    from reconciler.workflow import make_plan

    with findings_as(settings.form):
        specs = read(settings)
    async with open_door(settings, specs) as door:
        planned = await make_plan(specs.stack, door.gateway, only=settings.only)
    found = drift_of(planned, specs.stack.desired)
    _show_drift(found, specs, door, settings.form)
    differs = found.is_there or has_errors(found.plan.diagnostics)
    return delivered(ExitCode.CHANGES if detailed and differs else ExitCode.FINE)


def _show_drift(found: Drift, specs: Specs, door: Door, form: str) -> None:
    from reconciler.render.drift import drift_json, drift_lines, drift_markdown

    show_problems(found.plan.diagnostics, specs.sources, shown_numbers(door.numbers, err=True))
    if form == "json":
        say(drift_json(found, door.numbers))
    elif form == "markdown":
        say(drift_markdown(found, door.numbers))
    else:
        show(drift_lines(found, shown_numbers(door.numbers)))


@click.command("list")
@spec_options
@place_options
@click.option(
    "--party", default="", metavar="NUMBER", help="Only where this number stands, and through what."
)
@click.option("--all", "closed", is_flag=True, help="Closed conversations too.")
def list_all(**options: Any) -> int:
    """Show what is in the service: owned by this stack, by others, by nobody. Only reads.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_list(settings_of(options), _party(options["party"]), closed=options["closed"]))


def _party(text: str) -> str:
    """Return a number as Twilio writes it. Raises click.BadParameter where it is none."""
    from reconciler.kinds.participant import is_address

    number = text if ":" in text else "".join(char for char in text if char not in " -.()/")
    if number and not is_address(number):
        raise click.BadParameter(
            "write the number in full: +, country code and number", param_hint="'--party'"
        )
    return number


async def _list(settings: Settings, party: str, *, closed: bool) -> ExitCode:
    from reconciler.cli.target import open_door
    from reconciler.inventory import find_party, take_inventory
    from reconciler.render.listing import inventory_json, inventory_lines, party_json, party_lines

    with findings_as(settings.form):
        specs = read(settings)
    async with open_door(settings, specs) as door:
        shown = numbers_in(settings.form, door.numbers)
        if party:
            found = await find_party(specs.stack, door.gateway, party, closed=closed)
            lines, data = party_lines(found, shown), party_json(found, door.numbers)
        else:
            whole = await take_inventory(specs.stack, door.gateway, closed=closed)
            lines, data = inventory_lines(whole, shown), inventory_json(whole, door.numbers)
    return tell("list", lines, data, settings.form)


@click.command("show")
@click.argument("address")
@spec_options
@place_options
def show_one(address: str, **options: Any) -> int:
    """Show everything about one address, and why it is touched or not. Only reads.

    ADDRESS is as plans write it, conversation/order-1042/participant/customer, or a sid.

    PATH is a folder of *.yaml files, one of which has a `stack:` block, or one such file.
    """
    return run_stoppable(_show(settings_of(options), address))


async def _show(settings: Settings, address: str) -> ExitCode:
    from reconciler.cli.target import open_door
    from reconciler.render.subject import subject_json, subject_lines
    from reconciler.subject import look_at

    with findings_as(settings.form):
        specs = read(settings)
    async with open_door(settings, specs) as door:
        subject = await look_at(specs.stack, door.gateway, address)
    lines = subject_lines(subject, numbers_in(settings.form, door.numbers))
    return tell("show", lines, subject_json(subject, door.numbers), settings.form)
