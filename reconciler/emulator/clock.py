"""Virtual time: turns "what time is it" and "do this then" into one ordered line that tests can move.

Everything in the emulator that has a date asks one ``Clock``. It runs as the wall clock does (from another
start), at a rate, or stands still (frozen). ``advance`` runs what falls due in the order of the due times,
and while one of them runs, ``now`` is its due time and not the end of the jump: a timer that closes a
conversation stamps the moment it was set for.
"""

from __future__ import annotations

import heapq
import itertools
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

DAWN_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z, where a frozen clock starts unless told otherwise
MAX_RATE = 86_400.0
Mode = Literal["real", "frozen", "scaled"]


class Clock:
    """Seconds since 1970: ``Clock()`` runs in real time, ``Clock.frozen()`` stands; both can be advanced.

    Its time is a line: at the wall clock's ``since_s`` it was ``at_s``, and it has gone on at ``rate`` since.
    """

    def __init__(self, *, frozen_at_s: float | None = None, offset_s: float = 0.0) -> None:
        self._at_s = offset_s if frozen_at_s is None else frozen_at_s
        self._since_s = 0.0
        self._rate = 1.0 if frozen_at_s is None else 0.0
        self.dawn_s = DAWN_S if frozen_at_s is None else frozen_at_s
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
        clock = cls(frozen_at_s=saved.get("frozen_at_s"), offset_s=saved.get("offset_s", 0.0))
        if "rate" in saved:
            clock._at_s, clock._since_s, clock._rate = saved["at_s"], saved["since_s"], saved["rate"]
        clock.dawn_s = saved.get("dawn_s", DAWN_S)
        return clock

    def saved(self) -> dict[str, float]:
        """Return what a later process needs to go on from here."""
        dawn = {} if self.dawn_s == DAWN_S else {"dawn_s": self.dawn_s}
        if self._rate == 0:
            return {"frozen_at_s": self._at_s, **dawn}
        if self._rate == 1:
            return {"offset_s": self._at_s - self._since_s, **dawn}
        return {"at_s": self._at_s, "since_s": self._since_s, "rate": self._rate, **dawn}

    @property
    def mode(self) -> Mode:
        """How time passes by itself."""
        return "frozen" if self._rate == 0 else "real" if self._rate == 1 else "scaled"

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one of the wall clock's."""
        return self._rate

    def run_at(self, rate: float) -> None:
        """Let time pass at this rate from its present on: 0 freezes it, 1 is real time."""
        if not 0 <= rate <= MAX_RATE:
            raise ValueError(f"a rate is 0 to {MAX_RATE:g}")
        self._at_s, self._since_s, self._rate = self._base_s(), time.time(), rate

    def now_s(self) -> float:
        """Return the present, or, while something that fell due is running, the time it was due."""
        return self._base_s() if self._instant_s is None else self._instant_s

    def next_due_s(self) -> float | None:
        """Return when something falls due next, None if nothing does."""
        return self._due[0][0] if self._due else None

    def schedule(self, at_s: float, run: Callable[[], None]) -> None:
        """Have ``run`` called once when time reaches ``at_s``; equal times run in the order of asking."""
        heapq.heappush(self._due, (at_s, next(self._ticket), run))

    def settle(self) -> None:
        """Run everything that has fallen due by now; within such a run there is nothing to do."""
        if self._instant_s is None and self._due and self._due[0][0] <= self._base_s():
            self._run_until(self._base_s())

    def advance(self, seconds: float) -> None:
        """Move forward, running what falls due on the way, each at its own time."""
        if seconds < 0:
            raise ValueError("time moves forward only")
        target_s = self._base_s() + seconds
        self._run_until(target_s)
        self._at_s += seconds

    def forget(self) -> None:
        """Drop everything that was scheduled, for a world that starts again."""
        self._due.clear()

    def begin_again(self) -> None:
        """Go back to where time began: a frozen clock to its dawn, one that runs to the wall clock's present.

        How time passes stays as it is.
        """
        self.forget()
        self._since_s = time.time() if self._rate else 0.0
        self._at_s = self._since_s if self._rate else self.dawn_s

    def _base_s(self) -> float:
        return self._at_s + (time.time() - self._since_s) * self._rate if self._rate else self._at_s

    def _run_until(self, target_s: float) -> None:
        try:
            while self._due and self._due[0][0] <= target_s:
                at_s, _, run = heapq.heappop(self._due)
                self._instant_s = at_s
                run()
        finally:
            self._instant_s = None
