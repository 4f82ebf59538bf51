"""Calls on their way: turns deliveries that are due into answers, and asks who is to be asked before a call.

What one receiver (host and port) hears of one conversation comes one by one, in order; receivers do not wait
for each other, and nobody who calls Twilio waits for any, but for pre-event webhooks, 5 seconds at most
(documented). Nothing is sent twice (inferred: there are no retries). It knows no socket: ``send`` does.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .deliveries import Answer, Delivery, Unanswered
from .pre_events import Verdict, changed, pre_event, pre_event_of, verdict

if TYPE_CHECKING:
    from reconciler.emulator.playing.inbound import Written
    from reconciler.emulator.store import Store
    from reconciler.emulator.trouble import Course
    from reconciler.emulator.wire import Response

    from .hooks import Outgoing

CALL_FAILED, TIMED_OUT = 50057, 50076
_ERROR_FROM = 400
Line = tuple[str, str]


class Courier:
    """Carries the deliveries of one world, from when it begins until it is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Line, deque[Delivery]] = {}
        self._lines: dict[Line, asyncio.Task[None]] = {}
        self._closed = False
        with store.lock:
            store.deliveries.listeners.append(self._hear)
            self._take([one for one in store.deliveries if one.state == "waiting"])

    async def close(self) -> None:
        """Stop; what is under way has failed, what waits goes on waiting."""
        self._closed = True
        self._store.deliveries.listeners.remove(self._hear)
        tasks = tuple(self._lines.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, due: list[Delivery]) -> None:
        self._loop.call_soon_threadsafe(self._take, due)

    def _take(self, due: list[Delivery]) -> None:
        for delivery in () if self._closed else due:
            call = delivery.call
            line = call.conversation_sid or "", urlsplit(call.url or "").netloc
            self._waiting.setdefault(line, deque()).append(delivery)
            if line not in self._lines:
                self._lines[line] = self._loop.create_task(self._walk(line))

    async def _walk(self, line: Line) -> None:
        waiting = self._waiting[line]
        while waiting:
            delivery = waiting.popleft()
            if delivery.state == "waiting":
                await carry(self._store, delivery)
        del self._waiting[line], self._lines[line]


async def carry(store: Store, delivery: Delivery) -> Answer | None:
    """Make one call and note what became of it; None: no answer came."""
    send, started_s = store.deliveries.send, time.monotonic()
    if send is None:
        delivery.end("not_sent", "nobody makes calls in this process: serve the world")
        return None
    delivery.state = "under_way"
    try:
        async with asyncio.timeout(store.deliveries.timeout_s):
            answer = await send(delivery.sent())
    except TimeoutError:
        delivery.end("failed", f"no answer within {store.deliveries.timeout_s:g} s", TIMED_OUT)
        return None
    except Unanswered as error:
        delivery.end("failed", str(error), CALL_FAILED)
        return None
    except asyncio.CancelledError:
        delivery.end("failed", "the emulator stopped, or nobody waited for it any longer")
        raise
    else:
        delivery.answer = answer
        delivery.end("answered", code=CALL_FAILED if answer.status >= _ERROR_FROM else None)
        return answer
    finally:
        delivery.duration_s = round(time.monotonic() - started_s, 3)


# Asking before something happens


async def attend(course: Course) -> Response | None:
    """Carry out a call of Twilio, once a pre-event webhook has agreed; it may change or refuse the call."""
    store = course.store
    with store.lock:
        call = pre_event(store, course.request) if course.is_carried_out else None
    if call is None:
        return course.carry_out()
    try:
        said = await _asked(store, call)
    except asyncio.CancelledError:
        course.carry_out()  # the caller gave up; the call had been sent, and nobody has refused it
        raise
    if said.refused:
        return course.refuse(said.refused)
    course.request = changed(course.request, said)
    return course.carry_out()


async def considered(store: Store, written: Written) -> Written:
    """Return what a handset wrote as a pre-event webhook leaves it, or marked as refused."""
    with store.lock:
        call = pre_event_of(store, written)
    return written if call is None else (await _asked(store, call)).applied(written)


async def _asked(store: Store, call: Outgoing) -> Verdict:
    with store.lock:
        delivery = store.deliveries.note(call)
    answer = await carry(store, delivery) if delivery.state == "waiting" else None
    return verdict(store, call.event, answer)
