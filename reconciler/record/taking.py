"""A stack that wants to be written → the lease on it, for the length of a block.

A lease that another run holds is taken over only when one revision of it was seen for a whole duration, on
this machine's own monotonic clock: then its holder has not renewed it, and lets no call start any more.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import ApiError, ExitCode, ReconcilerError
from reconciler.record.contents import Held, Record, RecordError, fitted
from reconciler.record.documents import NAME_TAKEN, create_document, owner_name, update_document
from reconciler.record.holding import DURATION_S, RELEASE_S, Desk, Holder, Lease, is_passing
from reconciler.record.services import LOOKS, is_alone, settled_service
from reconciler.record.strangers import require_own

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from reconciler.brake import Brake
    from reconciler.gateway import Gateway
    from reconciler.model import Target
    from reconciler.pace import Clock
    from reconciler.record.documents import Seen

LOOK_AGAIN_S = 2.0
"""How often a lease that somebody else holds is looked at."""
_ATTEMPTS = 10


class LeaseHeldError(ReconcilerError):
    """Another run holds the lease."""

    exit_code = ExitCode.LEASE_HELD


@asynccontextmanager
async def lease(
    keeper: Gateway,
    target: Target,
    holder: Holder,
    brake: Brake,
    clock: Clock,
    *,
    stack_id: str = "",
    wait_s: float = 0.0,
    waiting: Callable[[Held], None] = lambda _: None,
    duration_s: float = DURATION_S,
    call_s: float | None = None,
    seed: int | None = None,
) -> AsyncIterator[Lease]:
    """Hold the lease on a target for the length of a block, and free it however the block ends.

    `keeper` is a gateway for this alone, so that no heartbeat waits behind the plan's calls; `call_s` is how
    long a call of the plan may take, by default as long as the gateway's. `waiting` is called once, with who
    holds it, before somebody else is waited for. While the lease is good `brake`
    lets calls start; once it is lost, the brake is tripped. Raises LeaseHeldError where another run holds it
    for longer than `wait_s`, RefusedError where the record is another repository's, and RecordError where it
    cannot be used.
    """
    from reconciler.gateway import TIMEOUT_S

    dice = random.Random(seed)  # noqa: S311 - spreads waiting takers, guards nothing
    desk = Desk(keeper, target, brake, clock, duration_s, TIMEOUT_S if call_s is None else call_s, dice)
    for _ in range(LOOKS):
        service_sid = await settled_service(keeper, clock, dice)
        held = await _Taking(desk, service_sid, holder, stack_id, wait_s, waiting).take()
        beating = asyncio.create_task(_kept(held, brake))
        try:
            if await is_alone(keeper, service_sid):
                yield held
                return
        finally:
            await asyncio.shield(asyncio.ensure_future(_ended(held, beating)))
    raise RecordError("the Sync services of this account change all the time", "Try again.")


async def _kept(held: Lease, brake: Brake) -> None:
    """Keep the lease; what ends that in any other way than its loss stops the run as well."""
    try:
        await held.keep()
    except ReconcilerError as fault:
        brake.trip(f"the lease cannot be renewed: {fault.diagnostics[0].summary}")
    except Exception:
        brake.trip("the lease cannot be renewed")
        raise


async def _ended(held: Lease, beating: asyncio.Task[None]) -> None:
    beating.cancel()
    await asyncio.wait({beating})
    await held.give_back()
    if not beating.cancelled() and (fault := beating.exception()):
        raise fault


@dataclass
class _Watch:
    """One revision of somebody's lease, and since when it has been seen."""

    sid: str
    revision: str
    since_s: float


class _Taking:
    """One attempt to get the lease."""

    def __init__(
        self,
        desk: Desk,
        service_sid: str,
        holder: Holder,
        stack_id: str,
        wait_s: float,
        waiting: Callable[[Held], None],
    ) -> None:
        self._desk = desk
        self._waiting = waiting
        self._service_sid = service_sid
        self._stack_id = stack_id
        self._wait_s = wait_s
        self._lease = Held(holder.who, holder.run, secrets.token_hex(8), desk.duration_s)
        self._watch: _Watch | None = None
        self._began_s: float | None = None
        """Since when somebody else is waited for."""
        self._sent_s: float | None = None
        """When the first of our writes was sent."""

    async def take(self) -> Lease:
        """Return the lease. What may have been written is withdrawn where that ends otherwise."""
        try:
            return await self._taken()
        except BaseException:
            if self._sent_s is not None:
                await asyncio.shield(asyncio.ensure_future(self._withdraw()))
            raise

    async def _taken(self) -> Lease:
        was: Seen | None = None
        for attempt in range(_ATTEMPTS):
            seen = await self._free_or_ours()
            if seen and self._sent_s is not None and self._is_ours(seen):
                return Lease(self._desk, was, seen, self._sent_s)
            was, sent_s = seen, self._desk.clock.monotonic()
            self._sent_s = sent_s if self._sent_s is None else self._sent_s
            try:
                return Lease(self._desk, was, await self._write(was), sent_s)
            except ApiError as refusal:
                if not is_passing(refusal) or attempt + 1 == _ATTEMPTS:
                    raise _unwritable(refusal) from refusal
            await self._desk.pause()
        raise AssertionError("unreachable")

    async def _free_or_ours(self) -> Seen | None:
        """Return the document once it can be written: it is not there, free, ours, or its holder is dead."""
        clock = self._desk.clock
        while True:
            seen = await self._desk.read(self._service_sid)
            now_s = clock.monotonic()  # after the answer: what it says was so before
            if seen is None:
                return None
            require_own(seen.record, self._stack_id)
            held = seen.record.lease
            if held is None or self._is_ours(seen) or self._is_dead(seen, held, now_s):
                return seen
            began_s, self._began_s = self._began_s, now_s if self._began_s is None else self._began_s
            waited_s = now_s - self._began_s
            if waited_s >= self._wait_s:
                raise self._held_by(held, waited_s)
            if began_s is None:
                self._waiting(held)
            await clock.sleep(min(LOOK_AGAIN_S, held.duration_s / 4, self._wait_s - waited_s))

    def _is_dead(self, seen: Seen, held: Held, now_s: float) -> bool:
        watch = self._watch
        if watch is None or (watch.sid, watch.revision) != (seen.sid, seen.revision):
            watch = self._watch = _Watch(seen.sid, seen.revision, now_s)
        return now_s - watch.since_s >= held.duration_s

    def _held_by(self, held: Held, waited_s: float) -> LeaseHeldError:
        renewed = self._watch is not None and self._watch.since_s != self._began_s
        meanwhile = (
            f"; it was {'' if renewed else 'not '}renewed in the {waited_s:.0f} s that this run waited"
        )
        return LeaseHeldError(
            f"{held.who} (run {held.run}) holds the lease on {owner_name(self._desk.target.owner)}"
            f"{meanwhile if waited_s else ''}",
            "It is free when that run ends. Where that run is dead, its lease can be taken over once it was "
            f"seen unchanged for {held.duration_s:g} s: wait with --lease-timeout {held.duration_s:g}. Or "
            "free it now, when you are sure: reconciler lock release PATH.",
        )

    def _is_ours(self, seen: Seen) -> bool:
        return seen.record.lease is not None and seen.record.lease.nonce == self._lease.nonce

    async def _write(self, was: Seen | None) -> Seen:
        desk = self._desk
        before = was.record if was else Record(owner_name(desk.target.owner))
        record = fitted(replace(before, lease=self._lease, stack_id=self._stack_id))
        if was is None:
            return await create_document(desk.gateway, self._service_sid, desk.target, record)
        return await update_document(desk.gateway, was, desk.target, record)

    async def _withdraw(self) -> None:
        """Free what we may have taken without learning of it; what fails here runs out by itself."""
        with suppress(ReconcilerError, TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                seen = await self._desk.read(self._service_sid)
                if seen and self._is_ours(seen):
                    free = replace(seen.record, lease=None)
                    await update_document(self._desk.gateway, seen, self._desk.target, free)


def _unwritable(refusal: ApiError) -> ReconcilerError:
    if refusal.code != NAME_TAKEN:
        return refusal
    return RecordError(
        "the record can neither be read nor created: Sync still holds its name",
        "A deleted or expired document keeps its name for a while. Try again in a minute.",
    )
