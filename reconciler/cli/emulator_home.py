"""What is typed behind `emulator`, or as the url of one → the folder, world or emulator that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import click

from reconciler.cli.options import Pair
from reconciler.diagnostics import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.emulator import Account, Running, Switches

F = TypeVar("F", bound="Callable[..., Any]")
Pairs: TypeAlias = "Sequence[tuple[str, str]]"

LOCK_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S = 10.0
START = "Start one in another terminal: reconciler emulator PATH"

path_argument = click.argument("path", type=click.Path(path_type=Path), default=".")


def world_options(function: F) -> F:
    """Add what an emulator that is started is to be, `switches` and `senders`; `world_of` reads them."""
    switch = click.option(
        "--switch",
        "switches",
        type=Pair(),
        multiple=True,
        metavar="NAME=ANSWER",
        help="What to answer where nobody knows what Twilio does (repeatable).",
    )
    sender = click.option(
        "--sender",
        "senders",
        multiple=True,
        metavar="NUMBER",
        help="Only such are the account's own, +… or whatsapp:+… (repeatable); any number otherwise.",
    )
    return switch(sender(function))


def world_of(switches: Pairs, senders: Sequence[str]) -> tuple[Account, Switches]:
    """Return the account and the answers that the options say. Raises click.UsageError."""
    from reconciler.emulator import Account
    from reconciler.emulator.settings import SettingError, senders_of, switches_of

    try:
        return Account(senders=senders_of(senders)), switches_of(dict(switches))
    except SettingError as fault:
        raise click.UsageError(str(fault)) from fault


def folder_of(path: Path) -> Path:
    """Return the folder of a stack that is named by it, or by a file in it. Raises ReconcilerError."""
    if not path.exists():
        raise ReconcilerError(
            f"{path} does not exist", "Give the folder of a stack, or leave it out for this one."
        )
    return path if path.is_dir() else path.parent


def living(url: str) -> str:
    """Return the origin of the emulator that answers at `url`. Raises ReconcilerError where none does."""
    from reconciler.emulator.home import process_at

    try:
        parts = urlsplit(url)
        host = "" if parts.username or parts.port == 0 else parts.hostname
        port = parts.port or 80
    except ValueError:
        host = None
    if not host or parts.scheme != "http":
        raise ReconcilerError(f"{url!r} is no emulator's url", "They look like this: http://127.0.0.1:8010")
    try:
        pid = process_at(host, port, HEALTH_TIMEOUT_S)
    except OSError as fault:
        told = (fault.strerror or type(fault).__name__).lower()
        raise ReconcilerError(f"{url} does not answer: {told}", START) from fault
    if pid is None:
        raise ReconcilerError(f"what answers at {url} is no emulator", START)
    return f"http://{parts.netloc}"


def runs_already(one: Running) -> ReconcilerError:
    """Return what to say where an emulator is to be started and the folder has one."""
    detail = f"Process {one.pid}. Its switches can be changed: PUT {one.url}/_emulator/switches."
    return ReconcilerError(f"this folder's emulator runs already at {one.url}", detail)


def unusable(fault: Exception) -> ReconcilerError:
    """Return what to say of a world that cannot be opened."""
    return ReconcilerError("the emulator of this folder cannot be used", str(fault))
