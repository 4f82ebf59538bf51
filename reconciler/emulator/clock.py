"""Virtual time: turns "what time is it" and "do this then" into one ordered line that tests can move.

Everything in the emulator that has a date asks one ``Clock``. It runs beside the wall clock (at an offset)
or stands still (frozen). ``advance`` runs what falls due in the order of the due times, and while one of
them runs, ``now`` is its due time and not the end of the jump: a timer that closes a conversation stamps the
moment it was set for.
"""

from __future__ import annotations

import heapq
import itertools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DAWN_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z, where a frozen clock starts unless told otherwise


class Clock:
    """Seconds since 1970, real (``Clock()``) or frozen (``Clock.frozen()``); both can be advanced."""

    def __init__(self, *, frozen_at_s: float | None = None, offset_s: float = 0.0) -> None:
        self._frozen_at_s = frozen_at_s
        self._offset_s = offset_s
        self._instant_s: float | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = itertools.count()

    @classmethod
    def frozen(cls, at_s: float = DAWN_S) -> Clock:
        """Return a clock that moves only by ``advance``."""
        return cls(frozen_at_s=at_s)

    @classmethod
    def restored(cls, saved: dict[str, float]) -> Clock:
        """Return the clock that ``saved()`` described."""
        return cls(frozen_at_s=saved.get("frozen_at_s"), offset_s=saved.get("offset_s", 0.0))

    def saved(self) -> dict[str, float]:
        """Return what a later process needs to go on from here."""
        if self._frozen_at_s is not None:
            return {"frozen_at_s": self._frozen_at_s}
        return {"offset_s": self._offset_s}

    def now_s(self) -> float:
        """Return the present, or, while something that fell due is running, the time it was due."""
        return self._base_s() if self._instant_s is None else self._instant_s

    def schedule(self, at_s: float, run: Callable[[], None]) -> None:
        """Have ``run`` called once when time reaches ``at_s``; equal times run in the order of asking."""
        heapq.heappush(self._due, (at_s, next(self._ticket), run))

    def settle(self) -> None:
        """Run everything that has fallen due by now."""
        if self._due and self._due[0][0] <= self._base_s():
            self._run_until(self._base_s())

    def advance(self, seconds: float) -> None:
        """Move forward, running what falls due on the way, each at its own time."""
        if seconds < 0:
            raise ValueError("time moves forward only")
        target_s = self._base_s() + seconds
        self._run_until(target_s)
        if self._frozen_at_s is None:
            self._offset_s += seconds
        else:
            self._frozen_at_s = target_s

    def forget(self) -> None:
        """Drop everything that was scheduled, for a world that starts again."""
        self._due.clear()

    def _base_s(self) -> float:
        return time.time() + self._offset_s if self._frozen_at_s is None else self._frozen_at_s

    def _run_until(self, target_s: float) -> None:
        try:
            while self._due and self._due[0][0] <= target_s:
                at_s, _, run = heapq.heappop(self._due)
                self._instant_s = at_s
                run()
        finally:
            self._instant_s = None
