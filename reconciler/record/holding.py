"""A lease that is held: renewed while a run lasts, written through, given back at its end.

The holder counts from moments *before* a request is sent, the taker from moments *after* an answer came, each
on its own clock; wall clocks are never compared. A write that landed was sent at some moment s. A taker has
to see its revision unchanged for a whole duration before it writes, under If-Match, so it cannot hold the
lease before s + duration; and the holder's brake lets no call start after s + duration - the time a call may
take. So two runs never write at once, but for a call that nobody waits for any more and that still lands.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.brake import StoppedError
from reconciler.diagnostics import ApiError, ExitCode, ReconcilerError
from reconciler.record.contents import Held, Record, fitted
from reconciler.record.documents import (
    NAME_TAKEN,
    REVISION_MISMATCH,
    Seen,
    is_gone,
    read_document,
    update_document,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from reconciler.brake import Brake
    from reconciler.gateway import Gateway
    from reconciler.model import Target
    from reconciler.pace import Clock

DURATION_S = 60.0
"""How long a revision of the record is good for; a dead holder's lease can be taken over after it."""
BEATS = 3
"""How many heartbeats there are in a duration."""
RELEASE_S = 20.0
"""How long giving the lease back may take; what cannot be given back runs out by itself."""
PAUSE_S = 1.0
OVERDUE = "the lease could not be renewed in time, so another run may take it"


class LeaseLostError(StoppedError):
    """The lease is no longer ours; the brake was tripped before this was raised."""

    exit_code = ExitCode.LEASE_HELD


@dataclass(frozen=True, slots=True)
class Holder:
    """Who wants the lease: a person or machine (``ann@desk, process 4711``), a run, and of which commit."""

    who: str
    run: str
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a lease is worked with: the way to Sync, whose record, the clock, and the times."""

    gateway: Gateway
    target: Target
    brake: Brake
    clock: Clock
    duration_s: float
    call_s: float
    dice: random.Random

    async def read(self, service_sid: str) -> Seen | None:
        """Return what stands in the document."""
        return await read_document(self.gateway, service_sid, self.target)

    async def pause(self) -> None:
        """Wait a moment before the next attempt."""
        await self.clock.sleep(self.pause_s * (0.5 + self.dice.random()))

    @property
    def pause_s(self) -> float:
        """How long a moment is: little beside the duration."""
        return min(PAUSE_S, self.duration_s / 20)


class Lease:
    """A lease that is held. `was` is the record as it was found; None where there was none."""

    def __init__(self, desk: Desk, was: Seen | None, seen: Seen, sent_s: float) -> None:
        self.was = was
        self.left_behind = ""
        """After the end: why the lease could not be given back; '' where it was, or was lost before."""
        self._desk = desk
        self._seen = seen
        self._nonce = seen.record.lease.nonce if seen.record.lease else ""
        self._beat = 0
        """The number of the latest update that was tried: none is used twice."""
        self._writing = asyncio.Lock()
        self._lost = ""
        self._landed(sent_s)

    @property
    def record(self) -> Record:
        """The record as this lease last wrote it."""
        return self._seen.record

    @property
    def is_lost(self) -> bool:
        """Whether somebody else has it now, or nobody."""
        return bool(self._lost)

    async def write(self, change: Callable[[Record], Record]) -> None:
        """Change the record; `change` may be asked more than once, each time with what stands there.

        Raises LeaseLostError where the lease is no longer ours, ApiError where Sync cannot be reached for a
        whole duration.
        """
        async with self._writing:
            await self._store(change)

    async def keep(self) -> None:
        """Renew the lease until it is lost. A renewal that fails is tried again; the brake knows how long."""
        desk = self._desk
        while not self._lost:
            ahead_s = self._sent_s + desk.duration_s / BEATS - desk.clock.monotonic()
            await desk.clock.sleep(max(ahead_s, desk.pause_s))
            with suppress(ApiError, LeaseLostError):  # the brake tells, by time or by its reason
                await self.write(lambda record: record)

    async def give_back(self) -> None:
        """Free the lease, unless it is lost; why that failed is kept in `left_behind`."""
        if self._lost:
            return
        try:
            async with asyncio.timeout(RELEASE_S), self._writing:
                await self._free()
        except TimeoutError:
            self.left_behind = f"Sync did not answer within {RELEASE_S:g} s"
        except ReconcilerError as fault:
            self.left_behind = fault.diagnostics[0].summary

    async def _store(self, change: Callable[[Record], Record]) -> None:
        """Write under If-Match until it is known to have landed, or the lease would have run out."""
        began_s = self._desk.clock.monotonic()
        self._beat += 1
        beat = self._beat
        while True:
            sent_s = self._desk.clock.monotonic()
            try:
                return await self._update(change, beat, sent_s)
            except ApiError as refusal:
                if not is_passing(refusal):
                    raise
                fault = refusal
            if await self._look(beat):
                return self._landed(began_s)
            if self._desk.clock.monotonic() - began_s >= self._desk.duration_s:
                raise fault
            await self._desk.pause()

    async def _update(self, change: Callable[[Record], Record], beat: int, sent_s: float) -> None:
        if self._lost:
            raise LeaseLostError(self._lost)
        wanted = fitted(replace(change(self.record), lease=replace(_held(self._seen), beat=beat)))
        self._seen = await update_document(self._desk.gateway, self._seen, self._desk.target, wanted)
        self._landed(sent_s)

    def _landed(self, sent_s: float) -> None:
        """Let calls start as long as a write of ours that landed, and was sent at that moment, allows."""
        self._sent_s = sent_s
        self._desk.brake.release_until(sent_s + self._desk.duration_s - self._desk.call_s, OVERDUE)

    async def _look(self, beat: int) -> bool:
        """Read what stands there; whether it is this beat. Raises LeaseLostError where it is not ours."""
        try:
            found = await self._desk.read(self._seen.service_sid)
        except ApiError:
            return False  # nobody knows; the write is tried again, under the same revision
        if reason := self._why_lost(found):
            self._lost = reason
            self._desk.brake.trip(reason)
            raise LeaseLostError(reason)
        self._adopt(found)
        return _held(self._seen).beat == beat

    def _why_lost(self, found: Seen | None) -> str:
        if found is None or found.sid != self._seen.sid:
            return "the record was deleted while it held this run's lease"
        if found.record.lease is None:
            return "the lease was freed by somebody else"
        if found.record.lease.nonce != self._nonce:
            return f"the lease was taken over by {found.record.lease.who}"
        return ""

    def _adopt(self, found: Seen | None) -> None:
        """Go on from what stands there: a write of ours landed late. An older beat is an old answer."""
        if found is not None and _held(found).beat > _held(self._seen).beat:
            self._seen = found

    async def _free(self) -> None:
        """Set the lease to none under If-Match, and look where nobody can tell whether that happened."""
        while True:
            free = replace(self.record, lease=None)
            try:
                await update_document(self._desk.gateway, self._seen, self._desk.target, free)
            except ApiError as refusal:
                if not is_passing(refusal):
                    raise
            else:
                return
            with suppress(ApiError):
                found = await self._desk.read(self._seen.service_sid)
                if self._why_lost(found):
                    return
                self._adopt(found)
            await self._desk.pause()


def _held(seen: Seen) -> Held:
    assert seen.record.lease is not None  # noqa: S101 - what is held has a holder
    return seen.record.lease


def is_passing(refusal: ApiError) -> bool:
    """Whether a look and another attempt may help: nobody knows, overtaken, gone, or never sent."""
    overtaken = refusal.code in (REVISION_MISMATCH, NAME_TAKEN) or is_gone(refusal)
    return refusal.ambiguous or overtaken or refusal.status in (0, 429)
