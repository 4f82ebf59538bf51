"""`test`: scenario files, each played on a fresh emulator of its own. Nothing reaches an account."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import delivered, show, show_problems, tell
from reconciler.cli.options import input_options, settings_of
from reconciler.cli.plan import findings_as
from reconciler.cli.privacy import keyed_numbers, shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.cli.writing import SHARED, write_whole
from reconciler.diagnostics import ExitCode, ReconcilerError, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reconciler.cli.options import Settings
    from reconciler.gateway import Gateway
    from reconciler.scenarios import Outcome, Scenario, Stage
    from reconciler.workflow import Specs


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@input_options
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the result as JUnit XML, safe to share.",
)
def test(junit: Path | None, **options: Any) -> int:
    """Play scenarios: who says what, and what everybody else sees. Needs no account.

    Each scenario gets an emulator of its own with the stack applied, and a clock that stands until the
    scenario advances it. The first step that is not as expected ends it, and the others go on.

    PATH is the folder of a stack, whose scenarios are the *.yaml in its folder `scenarios`; or one file.
    """
    return run_stoppable(_test(settings_of(options), junit))


async def _test(settings: Settings, junit: Path | None) -> ExitCode:
    from reconciler.render.scenarios import outcome_lines, outcomes_json, outcomes_junit, summary_line

    with findings_as(settings.form), _mistakes_in(junit, settings.path):
        wanted = _read(settings)
    numbers, outcomes = keyed_numbers(), []
    for scenario, specs in wanted:
        outcomes.append(await _played(scenario, specs))
        if settings.form == "text":
            show(outcome_lines(outcomes[-1], shown_numbers(numbers)))
    if settings.form == "text":
        show([summary_line(outcomes)])
    else:
        lines = [line for one in outcomes for line in outcome_lines(one, numbers)]
        tell("test", [*lines, summary_line(outcomes)], outcomes_json(outcomes, numbers), settings.form)
    if junit is not None:
        _report(junit, outcomes_junit(outcomes, numbers))
    return delivered(ExitCode.FINE if all(one.passed for one in outcomes) else ExitCode.ERROR)


@contextmanager
def _mistakes_in(junit: Path | None, path: Path) -> Iterator[None]:
    """Also tell in the JUnit file why nothing can be played: a pipeline shows what it finds there."""
    from reconciler.render.scenarios import mistakes_junit

    try:
        yield
    except ReconcilerError as fault:
        if junit is not None:
            _report(junit, mistakes_junit(fault, str(path), keyed_numbers()))
        raise


def _report(junit: Path, text: str) -> None:
    write_whole(junit, text, SHARED, "Name another file: --junit FILE.")


def _read(settings: Settings) -> list[tuple[Scenario, Specs]]:
    """Return the scenarios and what each is played on. Raises SpecError with every problem of all files."""
    from reconciler.scenarios import find_scenarios, read_plays

    found = read_plays(*find_scenarios(settings.path), settings.inputs)
    warnings = dict.fromkeys(warning for _, specs in found for warning in specs.warnings)
    sources = {name: lines for _, specs in found for name, lines in specs.sources.items()}
    show_problems(tuple(warnings), sources, shown_numbers(keyed_numbers(), err=True))
    return found


async def _played(scenario: Scenario, specs: Specs) -> Outcome:
    """Play one scenario on an emulator that lives as long as that takes."""
    from reconciler.pace import WallClock
    from reconciler.scenarios import Outcome, play, set_up
    from reconciler.transport import TransportError

    start_s = time.monotonic()
    async with _emulator() as (gateway, stage):
        try:
            cast = await set_up(specs, gateway, WallClock(), scenario.conversation)
            outcome = await play(scenario, cast, stage)
        except ReconcilerError as fault:
            outcome = Outcome(scenario, fault.diagnostics)
        except TransportError as fault:
            outcome = Outcome(scenario, (error(f"the emulator does not answer: {fault}", "Try once more."),))
    return replace(outcome, seconds=time.monotonic() - start_s)


@asynccontextmanager
async def _emulator() -> AsyncIterator[tuple[Gateway, Stage]]:
    """Give two ways into an empty world whose clock stands, over a socket of this machine."""
    from reconciler import emulator
    from reconciler.gateway import Credentials, Gateway
    from reconciler.scenarios import Stage
    from reconciler.transport import Network

    store = emulator.Store(clock=emulator.Clock.frozen())
    server = await emulator.serve(store, 0)
    known = (emulator.ACCOUNT_SID, emulator.AUTH_TOKEN)
    try:
        async with Network(proxied=False) as network:
            credentials = Credentials(known[0], *known)
            yield Gateway(network, credentials, endpoint=server.url), Stage(network, server.url, *known)
    finally:
        await server.close()
