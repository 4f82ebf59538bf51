"""Arguments → workflow → echo → exit code. One small module per group of commands.

Commands import what they need when they run, so that ``--help`` and ``validate`` stay quick.
"""

from __future__ import annotations

import sys

import click

from reconciler.cli.apply import apply, destroy
from reconciler.cli.emulator import emulator
from reconciler.cli.plan import plan, validate
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
        click.echo(context.get_help())
        context.exit(ExitCode.ERROR)


for command in (validate, plan, apply, destroy, emulator):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. Usage mistakes are exit code 1: 2 means *changes present*."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing escapes as a traceback for bad input."""
    from reconciler.cli.echo import report

    try:
        code = cli.main(arguments, prog_name="reconciler", standalone_mode=False)
    except click.UsageError as mistake:
        _show_usage(mistake)
        return ExitCode.ERROR
    except click.ClickException as mistake:
        mistake.show()
        return ExitCode.ERROR
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        return ExitCode.ERROR
    except BrokenPipeError:
        return ExitCode.ERROR
    except ReconcilerError as fault:
        return report(fault)
    return code if isinstance(code, int) else ExitCode.FINE


def _show_usage(mistake: click.UsageError) -> None:
    click.echo(f"error: {mistake.format_message()}", err=True)
    if mistake.ctx is not None:
        click.echo(f"\n{mistake.ctx.get_usage()}\nTry '{mistake.ctx.command_path} --help'.", err=True)
