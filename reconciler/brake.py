"""What may stop a run → the reason why no further call starts.

A signal trips it, and so does a lease that was lost; a lease that is merely not renewed stops a run by time.
Whoever waits on a brake is woken when it is tripped.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.diagnostics import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from reconciler.pace import Clock

T = TypeVar("T")


class StoppedError(ReconcilerError):
    """A call that did not start, because the run was stopped before it; the text says why."""


class Brake:
    """Lets calls start until it is tripped, or until a moment that is put off again and again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reason = ""
        self._until_s: float | None = None
        self._overdue = ""
        self._tripped = asyncio.Event()

    @property
    def reason(self) -> str:
        """Why no call may start now; '' while they may."""
        if self._reason:
            return self._reason
        late = self._until_s is not None and self._clock.monotonic() >= self._until_s
        return self._overdue if late else ""

    def trip(self, reason: str) -> None:
        """Let no call start from now on. The first reason stays."""
        self._reason = self._reason or reason
        self._tripped.set()

    def release_until(self, moment_s: float, overdue: str) -> None:
        """Let calls start until `moment_s` of the clock's monotonic seconds, unless it is put off again."""
        self._until_s, self._overdue = moment_s, overdue

    def check(self) -> None:
        """Raise StoppedError where no call may start."""
        if reason := self.reason:
            raise StoppedError(reason)

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`, or less where the brake is tripped meanwhile. Raises StoppedError then."""
        await self.unless_tripped(self._clock.sleep(seconds))
        self.check()

    async def unless_tripped(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for something that is given up when the brake is tripped. Raises StoppedError then."""
        task = asyncio.ensure_future(waiting)
        tripped = asyncio.ensure_future(self._tripped.wait())
        try:
            await asyncio.wait({task, tripped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise StoppedError(self._reason)
            return task.result()
        finally:
            tripped.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
