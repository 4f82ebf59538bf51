"""Arguments → workflow → echo → exit code. One small module per group of commands.

Commands import what they need when they run, so that ``--help`` and ``validate`` stay quick.
"""

from __future__ import annotations

import sys

import click

from reconciler.cli import echo
from reconciler.cli.apply import apply, destroy
from reconciler.cli.emulator import emulator
from reconciler.cli.export import export
from reconciler.cli.lock import history, lock
from reconciler.cli.look import drift, list_all, show_one
from reconciler.cli.output import output
from reconciler.cli.plan import plan, validate
from reconciler.cli.privacy import keyed_numbers, shown_numbers
from reconciler.cli.scenarios import test
from reconciler.cli.setup import doctor, init
from reconciler.diagnostics import ExitCode, ReconcilerError

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=HELP, invoke_without_command=True)
@click.version_option(package_name="reconciler", message="reconciler %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Keep Twilio Conversations the way YAML says they should be.

    \b
    Start here, no account needed:
      reconciler apply specs --local     create what the specs say on a local emulator
      reconciler plan specs --local      see that nothing is left to do

    \b
    Exit codes:
      0 fine · 1 error or usage · 2 changes present (only with --detailed-exitcode)
      3 stale plan · 4 refused by safety · 5 lease held · 6 something was written, work is left
    """  # noqa: D301 - click wants the control character itself
    if context.invoked_subcommand is None:
        echo.say(context.get_help())
        context.exit(ExitCode.ERROR)


for command in (
    validate,
    plan,
    apply,
    drift,
    list_all,
    show_one,
    output,
    export,
    destroy,
    emulator,
    test,
    init,
    doctor,
    lock,
    history,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. Usage mistakes are exit code 1: 2 means *changes present*."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code. Wrong use ends in a sentence, not in a traceback."""
    echo.begin()
    code = _run(arguments)
    if lost := echo.lost_output():
        grade = "warning" if code == ExitCode.FINE else "error"
        echo.say(f"{grade}: standard output could not be written: {lost}.", err=True)
    return code


def _run(arguments: list[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="reconciler", standalone_mode=False)
    except click.UsageError as mistake:
        _show_usage(mistake)
        return ExitCode.ERROR
    except click.ClickException as mistake:
        echo.say(f"error: {mistake.format_message()}", err=True)
        return ExitCode.ERROR
    except click.exceptions.Abort:
        # Once a plan is being carried out, apply and destroy tell themselves how far they came.
        echo.say("Stopped. Nothing was written.", err=True)
        return ExitCode.ERROR
    except OSError as fault:  # --help, which click prints itself
        if fault.errno not in echo.UNWRITABLE:
            raise
        return echo.could_not_write(fault)
    except ReconcilerError as fault:
        numbers = shown_numbers(keyed_numbers(), err=True)
        echo.show_problems(fault.diagnostics, fault.sources, numbers)
        return fault.exit_code
    return code if isinstance(code, int) else ExitCode.FINE


def _show_usage(mistake: click.UsageError) -> None:
    echo.say(f"error: {mistake.format_message()}", err=True)
    if mistake.ctx is not None:
        echo.say(f"\n{mistake.ctx.get_usage()}\nTry '{mistake.ctx.command_path} --help'.", err=True)
