"""`emulator`: serve the world of a folder on this machine, for people and other clients."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.echo import say
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode, ReconcilerError

if TYPE_CHECKING:
    from reconciler.emulator import Home

LOCK_TIMEOUT_S = 10.0


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8010, show_default=True, help="0 takes any free port."
)
@click.option("--memory", is_flag=True, help="Start empty and keep nothing.")
def emulator(path: Path, port: int, memory: bool) -> int:
    """Serve an emulated Twilio Conversations on 127.0.0.1.

    PATH is the stack's folder, or a file in it: the same world that --local uses. Stop it with Ctrl-C.
    """
    from reconciler.emulator import Home, Store, WorldError, open_home

    folder = path if path.is_dir() else path.parent
    if not path.exists():
        raise ReconcilerError(
            f"{path} does not exist", "Give the folder of a stack, or leave it out for this one."
        )
    try:
        if memory:
            return run_stoppable(_serve(Home(folder, Store()), port, announce=False))
        with open_home(folder, LOCK_TIMEOUT_S) as home:
            if not isinstance(home, Home):
                raise ReconcilerError(
                    f"this folder's emulator runs already at {home.url}", f"Process {home.pid}."
                )
            return run_stoppable(_serve(home, port, announce=True))
    except WorldError as fault:
        raise ReconcilerError("the emulator of this folder cannot be used", str(fault)) from fault
    except KeyboardInterrupt:
        say("\nStopped.", err=True)
        return ExitCode.FINE


async def _serve(home: Home, port: int, *, announce: bool) -> int:
    from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, serve

    try:
        server = await serve(home.store, port)
    except OSError as fault:
        raise ReconcilerError(
            f"port {port} cannot be used: {fault.strerror}", "Choose another: --port 0."
        ) from fault
    if announce:
        home.announce(server.url)
    say(f"Twilio Conversations, emulated: {server.url}")
    say(f"  account {ACCOUNT_SID}, auth token {AUTH_TOKEN}")
    say(f"  reconciler plan PATH --endpoint {server.url}")
    try:
        await asyncio.Event().wait()
    finally:
        await server.close()
    return ExitCode.FINE
