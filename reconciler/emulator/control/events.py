"""Admin paths of events and time: turns ``events``, ``wait`` and ``clock`` into what journal and clock say.

As a stream (``Accept: text/event-stream``) and while they wait these paths are answered by the server; here
is what they ask for, and the answer that needs no waiting.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator.clock import MAX_RATE
from reconciler.emulator.wire import date_seconds, date_text

from .admin import AdminError, Ways, body_of, count_in, described, query_of
from .shapes import (
    ANY,
    COUNT,
    DATE,
    FLAG,
    NUMBER,
    SECONDS,
    TEXT,
    choice,
    listed,
    named,
    or_null,
    record,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.emulator.events import Event
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_WAIT_MAX_S = 300.0
_WAIT_S = 10.0
_RATES = {"real": 1.0, "frozen": 0.0}
_MODE = choice(*_RATES, "scaled")
CLOCK = named(
    "Clock",
    record({"mode": _MODE, "rate": NUMBER, "now": DATE, "now_s": NUMBER, "next_due_s": or_null(NUMBER)}),
)
_EVENT = named(
    "Event",
    record(
        {
            "id": COUNT,
            "type": TEXT,
            "at": DATE,
            "at_s": NUMBER,
            "source": or_null(TEXT),
            "reason": or_null(TEXT),
            "webhooks": FLAG,
            "data": table(ANY),
        }
    ),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody waits for: an event later than ``since``, of a type, with data that says so."""

    since: int
    type: str | None
    data: Mapping[str, str]
    timeout_s: float

    def among(self, events: Iterable[Event]) -> Event | None:
        """Return the first event that fits."""
        return next((one for one in events if one.id > self.since and one.fits(self.type, self.data)), None)


def wants_stream(request: Request) -> bool:
    """Tell whether an admin request is for a stream of events."""
    accepted = "text/event-stream" in request.headers.get("accept", "")
    return (
        accepted and request.target.partition("?")[0].endswith("/events") and "since" not in query_of(request)
    )


def stream_start(store: Store, request: Request) -> int:
    """Return the number after which a stream begins: the reader's last one, else now.

    A number that this world has not reached yet is another world's: then everything is told.
    """
    last = request.headers.get("last-event-id", "")
    if not (last.isascii() and last.isdigit() and len(last) < 19):
        return store.events.last
    return int(last) if int(last) <= store.events.last else 0


def stream_text(events: Iterable[Event]) -> bytes:
    """Return events as a stream of server-sent events has them."""
    lines = (f"id: {one.id}\ndata: {json.dumps(one.shown(), separators=(',', ':'))}\n\n" for one in events)
    return "".join(lines).encode()


def wanted(store: Store, request: Request) -> Wanted:
    """Return what a request waits for; without ``since`` only what comes from now on. Raises AdminError."""
    query = query_of(request)
    since = count_in(query, "since", store.events.last)
    name = query.pop("event", None)
    try:
        timeout_s = float(query.pop("timeout_s", _WAIT_S))
    except ValueError:
        timeout_s = -1.0
    if not 0 <= timeout_s <= _WAIT_MAX_S:
        raise AdminError(f"timeout_s: is not a number of seconds up to {_WAIT_MAX_S:g}")
    query.pop("since", None)
    return Wanted(since, name, query, timeout_s)


@described(gives=listed(_EVENT), query={"since": COUNT})
def events(store: Store, request: Request) -> list[dict[str, Any]]:
    """GET: the events after that number, as far back as they are kept."""
    with store.lock:
        return [one.shown() for one in store.events.since(count_in(query_of(request), "since", 0))]


@described(gives=_EVENT, query={"event": TEXT, "since": COUNT, "timeout_s": SECONDS})
def wait(store: Store, request: Request) -> dict[str, Any]:
    """GET: the first event that fits; any other name in the query is compared with its data.

    Here only if it is there already: see ``following``.
    """
    with store.lock:
        asked = wanted(store, request)
        found = asked.among(store.events.since(asked.since))
        if found is None:
            raise AdminError(f"no {asked.type or 'event'} within {asked.timeout_s:g} s", 408)
        return found.shown()


@described(gives=CLOCK)
def show_clock(store: Store, _: Request) -> dict[str, Any]:
    """GET: the time, how it passes, and when something falls due next."""
    with store.lock:
        clock = store.clock
        next_s = clock.next_due_s()
        return {
            "mode": clock.mode,
            "rate": clock.rate,
            "now": date_text(int(clock.now_s())),
            "now_s": clock.now_s(),
            "next_due_s": next_s,
        }


@described(takes=record({"mode": _MODE, "rate?": or_null(SECONDS)}), gives=CLOCK)
def set_clock(store: Store, request: Request) -> dict[str, Any]:
    """PUT: how time passes from now on; scaled time has a rate, in its seconds for one of real time."""
    body = body_of(request, set_clock)
    mode, rate = body["mode"], body.get("rate")
    if mode == "scaled":
        if not rate or rate > MAX_RATE:
            raise AdminError(f"rate: scaled time needs a rate above 0, {MAX_RATE:g} at most")
    else:
        if rate not in (None, _RATES[mode]):
            raise AdminError(f"rate: {mode} time has none")
        rate = _RATES[mode]
    with store.lock:
        store.clock.run_at(float(rate))
        return _clock_changed(store, request)


_FORWARD = record({"seconds?": or_null(SECONDS), "until?": or_null(DATE)})


@described(takes=_FORWARD, gives=CLOCK)
def advance(store: Store, request: Request) -> dict[str, Any]:
    """POST: time moves on by seconds, or until a date, and what falls due happens in order."""
    body = body_of(request, advance)
    seconds, until = body.get("seconds"), body.get("until")
    if (seconds is None) == (until is None):
        raise AdminError("give seconds or until, one of them")
    with store.lock:
        if until is not None:
            seconds = _date(until) - store.now_s()
            if seconds < 0:
                raise AdminError(f"until: {until} has passed; time moves forward only")
        store.advance(seconds or 0.0)
        return _clock_changed(store, request)


def _clock_changed(store: Store, request: Request) -> dict[str, Any]:
    found = show_clock(store, request)
    store.events.note("clock.changed", found)
    store.commit()
    return found


def _date(text: str) -> int:
    try:
        return date_seconds(text)
    except (ValueError, OverflowError) as error:
        raise AdminError("until: is no date such as 2026-01-02T00:00:00Z") from error


PATHS: dict[str, Ways] = {
    "events": {"GET": events},
    "wait": {"GET": wait},
    "clock": {"GET": show_clock, "PUT": set_clock},
    "clock/advance": {"POST": advance},
}
