"""How fast calls may go: a concurrency that yields to 429, and a rate for each thing that is written to.

Time comes from a `Clock`, so tests run on a virtual one.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

    from reconciler.brake import Brake


_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""A laptop that wakes in the middle of a run must see that its lease has run out meanwhile."""


class Clock(Protocol):
    """Monotonic seconds, and a way to wait."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`."""
        ...


class WallClock:
    """The machine's own clock, which also counts the time that the machine sleeps, where it can."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class Concurrency:
    """At most `most` calls at once; halved by `slow_down`, one more again after every quiet second."""

    def __init__(self, most: int, clock: Clock) -> None:
        self.most = most
        self.limit = most
        self._clock = clock
        self._running = 0
        self._changed_s = clock.monotonic()
        self._free = asyncio.Condition()

    async def __aenter__(self) -> None:
        await self.enter()

    async def __aexit__(self, *exc: object) -> None:
        await self.leave()

    async def enter(self, brake: Brake | None = None) -> None:
        """Wait for a free place and take it. Raises StoppedError where `brake` is tripped meanwhile."""
        if self._has_room() and not self._free.locked():
            self._running += 1
        elif brake is None:
            await self._wait()
        else:
            await brake.unless_tripped(self._wait())

    async def _wait(self) -> None:
        async with self._free:
            await self._free.wait_for(self._has_room)
            self._running += 1

    async def leave(self) -> None:
        """Give the place back."""
        async with self._free:
            self._running -= 1
            # As many as there is room for: waking all of them would cost each call one look at each other.
            self._free.notify(max(1, self.most - self._running))

    def slow_down(self) -> None:
        """Halve the limit: Twilio said 429."""
        self.limit = max(1, self.limit // 2)
        self._changed_s = self._clock.monotonic()

    def _has_room(self) -> bool:
        quiet_s = int(self._clock.monotonic() - self._changed_s)
        if quiet_s and self.limit < self.most:
            self.limit = min(self.most, self.limit + quiet_s)
            self._changed_s += quiet_s
        return self._running < self.limit


class Rate:
    """`per_second` writes to each key on average, as many (one at least) at once; 0 means no limit."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._gates: dict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._spent: dict[Hashable, float] = {}
        """Key → the moment at which its allowance is whole again."""

    @asynccontextmanager
    async def turn(self, key: Hashable, brake: Brake | None = None) -> AsyncIterator[None]:
        """Enter when one more write to `key` is within the rate; it counts from when the block is left.

        Raises StoppedError where `brake` is tripped meanwhile.

        Callers of one key enter one after another, so a block that waits for something else delays the next
        write instead of letting those that are due pile up.
        """
        if not self.per_second:
            yield
            return
        between_s = 1 / self.per_second
        async with self._gates[key]:
            ahead_s = self._whole_s(key) + between_s - self._clock.monotonic() - max(1.0, between_s)
            if brake is not None:
                brake.check()
            if ahead_s > 0:
                await (brake or self._clock).sleep(ahead_s)
            yield
            self._spent[key] = self._whole_s(key) + between_s

    def _whole_s(self, key: Hashable) -> float:
        return max(self._clock.monotonic(), self._spent.get(key, 0.0))
