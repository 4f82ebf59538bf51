"""Following a world as it goes: turns its journal into news for coroutines, real time into what falls due.

It knows no socket: the server writes out what comes from here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from .admin import AdminError, answer
from .events import wanted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from reconciler.emulator.events import Event
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request, Response

    from .events import Wanted

_IDLE_S = 0.25
_SHORTEST_S = 0.01
_QUIET_S = 60.0


async def news(store: Store, since: int, idle_s: float) -> AsyncGenerator[list[Event], None]:
    """Give the events after a number, and those to come once committed; nothing, when it stays quiet."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake(_: list[Event]) -> None:
        loop.call_soon_threadsafe(changed.set)

    store.events.listeners.append(wake)
    try:
        while True:
            changed.clear()
            with store.lock:
                found = store.events.since(since)
            if found:
                since = found[-1].id
                yield found
                continue
            try:
                async with asyncio.timeout(idle_s):  # and not wait_for, which may lose a cancellation
                    await changed.wait()
            except TimeoutError:
                yield []
    finally:
        store.events.listeners.remove(wake)


async def wait(store: Store, request: Request) -> Response:
    """Answer a request to wait, once something fits or its time is over (408)."""
    try:
        with store.lock:
            asked = wanted(store, request)
        return answer(200, (await _awaited(store, asked)).shown())
    except AdminError as error:
        return answer(error.status, {"message": str(error)})


async def _awaited(store: Store, asked: Wanted) -> Event:
    try:
        comes = news(store, asked.since, _QUIET_S)
        async with asyncio.timeout(asked.timeout_s), contextlib.aclosing(comes):
            async for events in comes:
                if found := asked.among(events):
                    return found
    except TimeoutError:
        pass
    raise AdminError(f"no {asked.type or 'event'} within {asked.timeout_s:g} s", 408)


async def keep_time(store: Store) -> None:
    """Let what falls due happen when it does, also while nobody calls."""
    while True:
        await asyncio.sleep(_pause_s(store))
        store.advance(0)


def _pause_s(store: Store) -> float:
    with store.lock:
        next_s, rate = store.clock.next_due_s(), store.clock.rate
        if next_s is None or not rate:
            return _IDLE_S
        return min(_IDLE_S, max(_SHORTEST_S, (next_s - store.now_s()) / rate))
