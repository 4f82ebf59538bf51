"""The latest calls of a world: turns a request and what became of it into one entry of a ring in memory.

What an entry says is worked out when somebody reads it, so that a call costs next to nothing more.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire import Request, Response

KEPT = 1_000
_BODY_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One call: its number, the world's time when it had been answered, and the answer.

    ``response`` is None where the connection was cut; of a success only a write's body is kept, which names
    what was made. ``duration_s`` is real time, and the latency that faults added.
    """

    number: int
    at_s: float
    request: Request
    response: Response | None
    duration_s: float


@dataclass(slots=True)
class RequestLog:
    """The calls of Twilio that arrived in one world, as far back as they are kept."""

    _kept: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))

    def note(
        self, number: int, at_s: float, request: Request, response: Response | None, duration_s: float
    ) -> None:
        """Add a call. Long bodies are cut short."""
        if len(request.body) > _BODY_BYTES:
            request = replace(request, body=request.body[:_BODY_BYTES])
        if response is not None and response.status < 400 and not _is_telling(request, response):
            response = replace(response, body=b"")
        self._kept.append(Entry(number, at_s, request, response, duration_s))

    def since(self, number: int) -> list[Entry]:
        """Return the calls after this one, in the order they were answered."""
        return [entry for entry in self._kept if entry.number > number]

    def forget(self) -> deque[Entry]:
        """Drop what is kept, for a world that starts again; the caller has it freed."""
        gone, self._kept = self._kept, deque(maxlen=KEPT)
        return gone


def _is_telling(request: Request, response: Response) -> bool:
    return request.method == "POST" and len(response.body) <= _BODY_BYTES


def stopwatch_s() -> float:
    """Return real time to measure from; only differences mean anything."""
    return time.perf_counter()
