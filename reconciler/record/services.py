"""The Sync service that records live in: found by its friendly name, and created without leaving two behind.

Nothing makes that name unique, so whoever creates a service looks again, and gives way to an older one by
deleting its own. Of all that ever stood there at once the oldest is deleted by nobody: so whoever still sees
one service alone after it has written there is in the service that everybody finds.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.diagnostics import ApiError
from reconciler.record.contents import RecordError
from reconciler.step import Form

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from reconciler.gateway import Gateway
    from reconciler.pace import Clock
    from reconciler.step import Row

HOST = "sync"
FRIENDLY_NAME = "reconciler"
LOOKS = 6
"""How often is looked again where several services stand there."""
_PAUSE_S = 1.0
"""Sync dates a service to the second: what comes after this pause is younger, and not of one age."""
_COLLECTION = ("v1", "Services")
_NO_PERMISSION, _AUTHENTICATE, _FORBIDDEN = 70051, 20003, 403


@contextmanager
def of_sync() -> Iterator[None]:
    """Say what is missing, and what does without, where these credentials may not use Sync."""
    try:
        yield
    except ApiError as refusal:
        denied = refusal.code in (_NO_PERMISSION, _AUTHENTICATE) or refusal.status == _FORBIDDEN
        if not denied:
            raise
        raise RecordError(
            f"these credentials may not use Sync, where the record is kept: {refusal.diagnostics[0].summary}",
            "Use the auth token, a standard API key, or a restricted one with read and write permission for "
            "Sync. Or write `record: none` under `stack:`: then there is no lease (two applies from two "
            "machines may interleave), no history, and no going on with an interrupted apply by its digest.",
        ) from refusal


async def found_services(gateway: Gateway) -> list[str]:
    """Return the sids of the Sync services that bear our name: one, once an apply has run. Only reads."""
    return [str(row["sid"]) for row in await _ours(gateway)]


async def settled_service(gateway: Gateway, clock: Clock, dice: random.Random) -> str:
    """Return the sid of our only Sync service, which is created where there is none.

    Raises RecordError where several stay although none of them is younger than ours.
    """
    made: Row | None = None
    rows: Sequence[Row] = ()
    for look in range(LOOKS):
        if look:
            await clock.sleep(_PAUSE_S * look * (0.5 + dice.random()))
        rows = await _ours(gateway)
        if not rows:
            made = await _create(gateway)
            await clock.sleep(_PAUSE_S)
            rows = await _ours(gateway)
        if made and any(_age(row) < _age(made) for row in rows):
            await _give_way(gateway, made)
            made = None
        elif len(rows) == 1:
            return str(rows[0]["sid"])
    raise await _several(gateway, rows)


async def is_alone(gateway: Gateway, service_sid: str) -> bool:
    """Whether a service is the only one of ours, as it has to be before one relies on it."""
    return [row["sid"] for row in await _ours(gateway)] == [service_sid]


async def _ours(gateway: Gateway) -> list[Row]:
    with of_sync():
        rows = await gateway.list(HOST, _COLLECTION, "services", 100)
    ours = [row for row in rows if row.get("friendly_name") == FRIENDLY_NAME]
    if not all(row.get("sid") for row in ours):
        raise RecordError("Sync answered a service without a sid", "Is this Twilio, or a proxy in between?")
    return ours


async def _create(gateway: Gateway) -> Row | None:
    """Create a service; None where nobody can tell whether it came to be, which the next look will."""
    form = Form((("FriendlyName", FRIENDLY_NAME), ("AclEnabled", "true")))
    try:
        with gateway.allow_writes(), of_sync():
            made = await gateway.write("POST", HOST, _COLLECTION, form, FRIENDLY_NAME)
            return made if made.get("sid") else None
    except ApiError as refusal:
        if not refusal.ambiguous:
            raise
        return None


async def _give_way(gateway: Gateway, made: Row) -> None:
    """Delete a service that this very run has created, while nothing is in it."""
    sid = str(made["sid"])
    with gateway.allow_writes(), of_sync():
        if await _is_empty(gateway, sid):
            await gateway.write("DELETE", HOST, (*_COLLECTION, sid), None, FRIENDLY_NAME)


def _age(row: Row) -> tuple[str, str]:
    """Order services: the older is less; of two in one second, the one whose sid is."""
    return str(row.get("date_created")), str(row["sid"])


async def _is_empty(gateway: Gateway, sid: str) -> bool:
    try:
        return not await gateway.list(HOST, (*_COLLECTION, sid, "Documents"), "documents", 50)
    except ApiError as refusal:
        if refusal.status == 404 and refusal.code:
            return True
        raise


async def _several(gateway: Gateway, rows: Sequence[Row]) -> RecordError:
    if not rows:
        summary = f"no Sync service called {FRIENDLY_NAME!r} came to stay"
        return RecordError(summary, "Others create and delete services of this name. Try again.")
    told = [f"{row['sid']}{' (empty)' if await _is_empty(gateway, str(row['sid'])) else ''}" for row in rows]
    return RecordError(
        f"{len(rows)} Sync services are called {FRIENDLY_NAME!r}: {', '.join(told)}",
        "Only one may be, or two applies could each hold a lease. When no apply is running, delete the empty "
        "one, or give one of them another name.",
    )
