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

from .admin import AdminError, Ways, count_in, fields_of, number_of, query_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.emulator.events import Event
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_WAIT_MAX_S = 300.0
_WAIT_S = 10.0
_RATES = {"real": 1.0, "frozen": 0.0}


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


def events(store: Store, request: Request) -> list[dict[str, Any]]:
    """GET ``?since=N``: the events after that number, as far back as they are kept."""
    with store.lock:
        return [one.shown() for one in store.events.since(count_in(query_of(request), "since", 0))]


def wait(store: Store, request: Request) -> dict[str, Any]:
    """GET ``?event=…&timeout_s=…``: the first event that fits, if it is there already."""
    with store.lock:
        asked = wanted(store, request)
        found = asked.among(store.events.since(asked.since))
        if found is None:
            raise AdminError(f"no {asked.type or 'event'} within {asked.timeout_s:g} s", 408)
        return found.shown()


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


def set_clock(store: Store, request: Request) -> dict[str, Any]:
    """PUT ``{mode: real | frozen | scaled, rate?}``: how time passes from now on."""
    body = fields_of(request, "mode", "rate")
    mode, rate = text_of(body, "mode", needed=True), number_of(body, "rate")
    if mode == "scaled":
        if not rate or rate > MAX_RATE:
            raise AdminError(f"rate: scaled time needs a rate above 0, {MAX_RATE:g} at most")
    elif mode in _RATES:
        if rate not in (None, _RATES[mode]):
            raise AdminError(f"rate: {mode} time has none")
        rate = _RATES[mode]
    else:
        raise AdminError("mode: must be real, frozen or scaled")
    with store.lock:
        store.clock.run_at(rate or 0.0)
        return _clock_changed(store, request)


def advance(store: Store, request: Request) -> dict[str, Any]:
    """POST ``{seconds}`` or ``{until}``: time moves on, and what falls due happens in order."""
    body = fields_of(request, "seconds", "until")
    seconds, until = number_of(body, "seconds"), text_of(body, "until")
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
