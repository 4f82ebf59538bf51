"""`emulator`: Twilio on this machine, for people and other clients: served, and the group of its commands."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import say
from reconciler.cli.emulator_clients import env, run
from reconciler.cli.emulator_home import (
    LOCK_TIMEOUT_S,
    folder_of,
    path_argument,
    runs_already,
    unusable,
    world_of,
    world_options,
)
from reconciler.cli.emulator_verify import verify
from reconciler.cli.options import settings_of, value_options
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.emulator_home import Pairs
    from reconciler.cli.options import Settings
    from reconciler.emulator import Account, Home, Switches
    from reconciler.emulator.doors.server import Server

DEFAULT = "serve"


class Emulator(click.Group):
    """A group whose first word may be left out: what is no command of it is what is to be served."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the command that is meant where none is named."""
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else [DEFAULT, *args])


@click.group(cls=Emulator, options_metavar="", subcommand_metavar="[PATH] [OPTIONS] | COMMAND …")
def emulator() -> None:
    """Have Twilio on this machine, and lead clients to it.

    \b
    reconciler emulator PATH              the same as: reconciler emulator serve PATH
    reconciler emulator run -- COMMAND    whatever speaks with Twilio, unmodified
    reconciler emulator verify --account AC…   hold it against the real Twilio
    """  # noqa: D301 - click wants the control character itself


emulator.add_command(env)
emulator.add_command(run)
emulator.add_command(verify)


@emulator.command(DEFAULT)
@path_argument
@value_options
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8010, show_default=True, help="0 takes any free port."
)
@world_options
@click.option("--memory", is_flag=True, help="Start from scratch and keep nothing.")
@click.option("--no-apply", is_flag=True, help="Only serve: leave the specs of PATH alone.")
@click.option(
    "--allow-external-webhooks", is_flag=True, help="Call webhooks that are not on this machine, too."
)
def serve_one(
    port: int,
    memory: bool,
    no_apply: bool,
    allow_external_webhooks: bool,
    switches: Pairs,
    senders: Sequence[str],
    **options: Any,
) -> int:
    """Serve an emulated Twilio Conversations on 127.0.0.1, and apply the specs of PATH at every save.

    PATH is the stack's folder, or a file in it: the same world that --local uses. Where it holds a stack, its
    specs are applied to this world and to no account, now and whenever a file of theirs is saved. Stop it
    with Ctrl-C.
    """
    from reconciler.emulator import WorldError

    settings, world = settings_of(options), world_of(switches, senders)
    try:
        with ExitStack() as stack:
            home = _opened(folder_of(settings.path), stack, world, memory=memory)
            home.store.deliveries.allow_external = allow_external_webhooks
            if memory:
                settings = replace(settings, journal=Path(stack.enter_context(TemporaryDirectory())))
            applied = None if no_apply else replace(settings, local=True)
            return run_stoppable(_serve(home, port, applied))
    except WorldError as fault:
        raise unusable(fault) from fault
    except KeyboardInterrupt:
        say("\nStopped.", err=True)
        return ExitCode.FINE


def _opened(folder: Path, stack: ExitStack, world: tuple[Account, Switches], *, memory: bool) -> Home:
    """Return the world to serve. Raises ReconcilerError where somebody serves one of this folder already."""
    from reconciler.emulator import Home, Store, open_home, open_in_memory

    account, switches = world
    if memory:
        opening = open_in_memory(folder, Store(account=account, switches=switches))
    else:
        opening = open_home(folder, LOCK_TIMEOUT_S, account=account, switches=switches)
    home = stack.enter_context(opening)
    if not isinstance(home, Home):
        raise runs_already(home)
    return home


async def _serve(home: Home, port: int, specs: Settings | None) -> int:
    """Serve a world until this is cancelled; `specs` say what to keep applied to it, None for nothing."""
    from reconciler.emulator import serve

    try:
        server = await serve(home.store, port)
    except OSError as fault:
        raise ReconcilerError(
            f"port {port} cannot be used: {fault.strerror}", "Choose another: --port 0."
        ) from fault
    try:
        _announce(home, server)
        await _kept_applied(home, server, specs)
    finally:
        await server.close()
    return ExitCode.FINE


def _announce(home: Home, server: Server) -> None:
    from reconciler.emulator import WorldError

    try:
        home.announce(server.url)
    except WorldError as fault:  # a world in memory needs nothing of its folder but this
        say(f"note: commands do not find this emulator by its folder. {fault}", err=True)


async def _kept_applied(home: Home, server: Server, specs: Settings | None) -> None:
    """Apply the specs, say how to get in, and apply them again at every save."""

    @cache  # it is said once: when the specs are applied, or sooner where that has to wait
    def ready() -> None:
        _say_ways(server.url, home.folder)

    if specs is None:
        ready()
        await asyncio.Event().wait()
        return
    from reconciler.cli.reapplying import Reapplying

    reapplying = Reapplying(specs, home.store, ready)
    await reapplying.begin()
    ready()
    if reapplying.summary:
        say(f"specs applied: {reapplying.summary}; and again whenever one is saved")
    await reapplying.keep()


def _say_ways(url: str, folder: Path) -> None:
    from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN

    say(f"open {url} in a browser: the phones")
    say(f"  Twilio Conversations, emulated: account {ACCOUNT_SID}, auth token {AUTH_TOKEN}")
    say(f"  reconciler plan {shlex.quote(str(folder))} --local")
    say(f'  eval "$(reconciler emulator env --url {url})"   # for clients of Twilio, unmodified')
