"""`emulator env` and `emulator run`: what leads clients of Twilio, unmodified, to an emulator."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.echo import delivered, is_private, say
from reconciler.cli.emulator_home import (
    LOCK_TIMEOUT_S,
    START,
    folder_of,
    living,
    path_argument,
    runs_already,
    unusable,
    world_of,
    world_options,
)
from reconciler.cli.stopping import ending_signals
from reconciler.diagnostics import ExitCode, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.cli.emulator_home import Pairs
    from reconciler.emulator import Home
    from reconciler.emulator.doors.environment import Variables

_SORTS = ("shell", "python", "node", "cli", "terraform")

# --- env ---------------------------------------------------------------------------------------------------


@click.command()
@path_argument
@click.option("--for", "client", type=click.Choice(_SORTS), default="shell", show_default=True)
@click.option("--url", default="", metavar="URL", help="An emulator that runs, instead of that of PATH.")
@click.pass_context
def env(context: click.Context, path: Path, client: str, url: str) -> int:
    """Print the variables that lead unmodified clients of Twilio to an emulator that runs.

    As commands for a shell: eval "$(reconciler emulator env)". They take real credentials out of its
    environment, too. PATH is the stack's folder, this one if left out.
    """
    if url and context.get_parameter_source("path") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("Give PATH or --url, not both.")
    for line in _variables(client, living(url) if url else _running(folder_of(path))).lines():
        say(line)
    if is_private():
        say('# To use them: eval "$(reconciler emulator env …)"')
    return delivered(ExitCode.FINE)


def _running(folder: Path) -> str:
    from reconciler.emulator import find_running

    found = find_running(folder)
    if found is None:
        raise ReconcilerError(f"no emulator of {folder} runs", _ways(folder))
    return found.url


def _ways(folder: Path) -> str:
    path = shlex.quote(str(folder))
    for_one = f"reconciler emulator run {path} -- COMMAND"
    return f"{START.replace('PATH', path)}. Or have one for a command: {for_one}"


def _variables(client: str, url: str) -> Variables:
    """Return what leads a client to `url`; the certificates that it needs are there then."""
    from reconciler.emulator.doors.authority import Authority, authority_folder
    from reconciler.emulator.doors.environment import variables
    from reconciler.emulator.errors import AuthorityError

    authority = Authority(authority_folder(os.environ, Path.home()))
    try:
        authority.ensure()
    except AuthorityError as fault:
        raise ReconcilerError("there can be no certificates for Twilio's hosts", str(fault)) from fault
    return variables(client, url, authority.certificate, authority.bundle, os.environ)


# --- run ---------------------------------------------------------------------------------------------------


class _Run(click.Command):
    """A command that ends at ``--``; what follows is another one, kept as it was typed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set apart what follows."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[__name__] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Say how it is typed."""
        return [*super().collect_usage_pieces(ctx), "--", "COMMAND …"]


@click.command(cls=_Run)
@path_argument
@world_options
@click.pass_context
def run(context: click.Context, path: Path, switches: Pairs, senders: Sequence[str]) -> int:
    """Run a command whose calls of Twilio go to the emulator.

    The emulator is that of PATH, a stack's folder, this one if left out; where none runs, it is started for
    as long as the command does. The command gets the emulator's credentials and none of yours. Any host but
    Twilio's is refused where it asks the proxy for it. The exit code is that of the command.
    """
    from reconciler.emulator import Home, WorldError, open_home

    words = context.meta[__name__]
    if not words:
        raise click.UsageError(
            "Say what to run behind two dashes: reconciler emulator run [PATH] -- COMMAND …"
        )
    account, answers = world_of(switches, senders)
    try:
        with open_home(folder_of(path), LOCK_TIMEOUT_S, account=account, switches=answers) as home:
            if isinstance(home, Home):
                return asyncio.run(_served_and_carried(home, words))
            if switches or senders:
                raise runs_already(home)
            return asyncio.run(_carried(home.url, words))
    except WorldError as fault:
        raise unusable(fault) from fault


async def _served_and_carried(home: Home, words: Sequence[str]) -> int:
    from reconciler.emulator import serve

    server = await serve(home.store, 0)
    home.announce(server.url)
    try:
        return await _carried(server.url, words)
    finally:
        await server.close()


async def _carried(url: str, words: Sequence[str]) -> int:
    """Run a command under the variables of an emulator and return its exit code, as a shell gives it."""
    environ = _variables("shell", url).over(os.environ)
    early: list[signal.Signals] = []
    _at_signals(early.append)
    try:
        process = await asyncio.create_subprocess_exec(*words, env=environ)
    except OSError as fault:
        told = (fault.strerror or type(fault).__name__).lower()
        raise ReconcilerError(f"{words[0]} cannot be started: {told}", "Name a program.") from fault
    _at_signals(lambda number: _hand_on(process, number))
    for number in early:
        process.send_signal(number)
    code = await process.wait()
    return code if code >= 0 else 128 - code


def _at_signals(deed: Callable[[signal.Signals], None]) -> None:
    """Do something at whatever would end this process, until the loop is closed."""
    loop = asyncio.get_running_loop()
    for number in ending_signals() if sys.platform != "win32" else ():
        loop.add_signal_handler(number, deed, number)


def _hand_on(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Leave it to a command whether it ends. Ctrl-C reaches it without us."""
    if number != signal.SIGINT:
        with suppress(ProcessLookupError):  # it ended just now
            process.send_signal(number)
