"""Where a command works: the emulator of this folder, one elsewhere, or Twilio → a Gateway.

An emulator is only ever given the emulator's own credentials.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from reconciler.cli.credentials import read_credentials
from reconciler.cli.emulator_home import LOCK_TIMEOUT_S, living, unusable
from reconciler.cli.privacy import digest_key, keyed_numbers
from reconciler.diagnostics import ReconcilerError, RefusedError
from reconciler.gateway import Credentials, Gateway
from reconciler.pace import WallClock
from reconciler.transport import Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from reconciler.cli.options import Settings
    from reconciler.emulator import Store
    from reconciler.render.numbers import Numbers
    from reconciler.transport import Transport
    from reconciler.workflow import Specs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Door:
    """A way into an account, and the keys that its outputs are made with.

    `keeper` is a gateway of its own for the lease, so that renewing it never waits behind the plan's calls.
    `numbers` tags phone numbers in shared output, `key` makes digests of plans.
    """

    gateway: Gateway
    keeper: Gateway
    numbers: Numbers
    key: bytes
    where: str


def _as_it_is(one: T) -> T:
    return one


@asynccontextmanager
async def open_door(
    settings: Settings, specs: Specs, through: Callable[[Transport], Transport] = _as_it_is
) -> AsyncIterator[Door]:
    """Open the account that the settings mean. Raises ReconcilerError where that cannot be.

    An environment that names its account is kept from every other one; an emulator stands in for any.
    `through` may put something around the transport that carries the calls.
    """
    async with AsyncExitStack() as stack:
        if settings.local:
            yield await _local(settings, specs.folder, stack, through)
        elif settings.endpoint:
            yield await _elsewhere(settings, settings.endpoint, stack, through)
        else:
            credentials = read_credentials(os.environ, Path.home(), settings.profile)
            _check_account(specs, credentials)
            network = await stack.enter_async_context(Network())
            yield _door(
                settings,
                through(network),
                credentials,
                f"account {credentials.account_sid}",
                writes_per_second=specs.stack.writes_per_second,
                secret=credentials.password,
            )


def _door(
    settings: Settings,
    transport: Transport,
    credentials: Credentials,
    where: str,
    *,
    endpoint: str = "",
    writes_per_second: float = 0,
    secret: str = "",
) -> Door:
    gateway = Gateway(
        transport,
        credentials,
        endpoint=endpoint,
        parallelism=settings.parallelism,
        writes_per_second=writes_per_second,
        timeout_s=settings.call_timeout_s,
        clock=WallClock(),
    )
    keeper = Gateway(
        transport,
        credentials,
        endpoint=endpoint,
        parallelism=2,
        timeout_s=settings.call_timeout_s,
        clock=WallClock(),
    )
    return Door(gateway, keeper, keyed_numbers(secret), digest_key(credentials.password), where)


def _check_account(specs: Specs, credentials: Credentials) -> None:
    wanted = specs.stack.account
    if wanted and wanted != credentials.account_sid:
        raise RefusedError(
            f"environment {specs.stack.owner.environment!r} is for account {wanted}",
            f"The credentials open {credentials.account_sid}. Use the right ones, or change `account:`.",
        )


async def _local(
    settings: Settings, folder: Path, stack: AsyncExitStack, through: Callable[[Transport], Transport]
) -> Door:
    from reconciler import emulator

    try:
        home = stack.enter_context(emulator.open_home(folder, LOCK_TIMEOUT_S))
    except emulator.WorldError as fault:
        raise unusable(fault) from fault
    if isinstance(home, emulator.Running):
        return await _elsewhere(settings, home.url, stack, through)
    transport = through(emulator.InProcess(home.store))
    return _door(settings, transport, _emulators_own(), "the emulator of this folder")


def inside(settings: Settings, store: Store) -> Door:
    """Return the way into a world of this very process, and into no other: no network stands behind it."""
    from reconciler import emulator

    # Latency takes real time here, as for whoever calls this world over a socket.
    transport = emulator.InProcess(store, sleep=asyncio.sleep)
    return _door(settings, transport, _emulators_own(), "the emulator that is served here")


async def _elsewhere(
    settings: Settings, url: str, stack: AsyncExitStack, through: Callable[[Transport], Transport]
) -> Door:
    if _is_twilios(url):
        raise ReconcilerError("--endpoint is for an emulator", "For the real Twilio leave --endpoint out.")
    url = await asyncio.to_thread(living, url)
    network = await stack.enter_async_context(Network())
    credentials = _emulators_own()
    return _door(settings, through(network), credentials, f"the emulator at {url}", endpoint=url)


def _is_twilios(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith((".twilio.com", ".twil.io"))


def _emulators_own() -> Credentials:
    from reconciler import emulator

    return Credentials(emulator.ACCOUNT_SID, emulator.ACCOUNT_SID, emulator.AUTH_TOKEN)
