"""Where a command works: the emulator of this folder, one elsewhere, or Twilio → a Gateway.

An emulator is only ever given the emulator's own credentials.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.cli.credentials import read_credentials
from reconciler.cli.privacy import keyed_numbers
from reconciler.diagnostics import ReconcilerError, RefusedError
from reconciler.gateway import Credentials, Gateway
from reconciler.pace import WallClock
from reconciler.transport import Network, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.cli.options import Settings
    from reconciler.render.numbers import Numbers
    from reconciler.workflow import Specs

LOCK_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Door:
    """A way into an account, and the key under which its phone numbers are tagged in shared output."""

    gateway: Gateway
    numbers: Numbers
    where: str


@asynccontextmanager
async def open_door(settings: Settings, specs: Specs) -> AsyncIterator[Door]:
    """Open the account that the settings mean. Raises ReconcilerError where that cannot be.

    An environment that names its account is kept from every other one; an emulator stands in for any.
    """
    async with AsyncExitStack() as stack:
        if settings.local:
            yield await _local(settings, specs.folder, stack)
        elif settings.endpoint:
            yield await _elsewhere(settings, settings.endpoint, stack)
        else:
            credentials = read_credentials(os.environ, Path.home(), settings.profile)
            _check_account(specs, credentials)
            network = await stack.enter_async_context(Network())
            gateway = Gateway(
                network,
                credentials,
                parallelism=settings.parallelism,
                writes_per_second=specs.stack.writes_per_second,
                clock=WallClock(),
            )
            yield Door(gateway, keyed_numbers(credentials.password), f"account {credentials.account_sid}")


def _check_account(specs: Specs, credentials: Credentials) -> None:
    wanted = specs.stack.account
    if wanted and wanted != credentials.account_sid:
        raise RefusedError(
            f"environment {specs.stack.owner.environment!r} is for account {wanted}",
            f"The credentials open {credentials.account_sid}. Use the right ones, or change `account:`.",
        )


async def _local(settings: Settings, folder: Path, stack: AsyncExitStack) -> Door:
    from reconciler import emulator

    try:
        home = stack.enter_context(emulator.open_home(folder, LOCK_TIMEOUT_S))
    except emulator.WorldError as fault:
        raise ReconcilerError("the emulator of this folder cannot be used", str(fault)) from fault
    if isinstance(home, emulator.Running):
        return await _elsewhere(settings, home.url, stack)
    credentials = _emulators_own()
    gateway = Gateway(emulator.InProcess(home.store), credentials, parallelism=settings.parallelism)
    return Door(gateway, keyed_numbers(), "the emulator of this folder")


async def _elsewhere(settings: Settings, url: str, stack: AsyncExitStack) -> Door:
    if _host(url).endswith((".twilio.com", ".twil.io")):
        raise ReconcilerError("--endpoint is for an emulator", "For the real Twilio leave --endpoint out.")
    network = await stack.enter_async_context(Network())
    await _check_alive(network, url)
    credentials = _emulators_own()
    gateway = Gateway(network, credentials, endpoint=url, parallelism=settings.parallelism)
    return Door(gateway, keyed_numbers(), f"the emulator at {url}")


def _host(url: str) -> str:
    """Return the host of an endpoint. Raises ReconcilerError where the url is none."""
    with suppress(ValueError):
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and not parts.username and parts.port != 0
        if sound and parts.hostname:
            return parts.hostname
    raise ReconcilerError(
        f"{url!r} is no endpoint", "Give the url of an emulator: --endpoint http://127.0.0.1:8010"
    )


async def _check_alive(network: Network, url: str) -> None:
    """Raise ReconcilerError where nobody answers at `url`: most likely the emulator was not started."""
    try:
        await network.send("GET", f"{url.rstrip('/')}/_emulator/health", {}, b"", HEALTH_TIMEOUT_S)
    except TransportError as fault:
        detail = "Start an emulator in another terminal: reconciler emulator PATH --port 8010"
        raise ReconcilerError(f"{url} does not answer: {fault}", detail) from fault


def _emulators_own() -> Credentials:
    from reconciler import emulator

    return Credentials(emulator.ACCOUNT_SID, emulator.ACCOUNT_SID, emulator.AUTH_TOKEN)
