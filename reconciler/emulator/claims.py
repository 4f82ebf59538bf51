"""Who holds what: turns "is this pair, name or group free?" into an answer, late releases included.

A claim has one holder. A released claim may linger, as held by the last holder, for some seconds of virtual
time or some calls (``Switches.*_release_lag_*``, or longer where a fault sets ``extra``), because how soon
Twilio releases is not known. What
lingers lives in memory only: a world that is opened again has released everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass(frozen=True, slots=True)
class _Echo:
    holder: str
    until_s: float
    until_call: int


class Claims:
    """A table of exclusive keys; ``now_s`` and ``call`` say when a question is asked."""

    def __init__(self) -> None:
        self._holders: dict[Hashable, str] = {}
        self._echoes: dict[Hashable, _Echo] = {}
        self.lag: tuple[float, int] = 0.0, 0
        self.extra: tuple[float, int] = 0.0, 0

    def holder(self, key: Hashable) -> str | None:
        """Return who holds the key now."""
        return self._holders.get(key)

    def echo(self, key: Hashable, now_s: float, call: int) -> str | None:
        """Return who held the key until so recently that it may still be refused."""
        echo = self._echoes.get(key)
        if echo is None:
            return None
        if now_s < echo.until_s or call <= echo.until_call:
            return echo.holder
        del self._echoes[key]
        return None

    def take(self, key: Hashable, holder: str) -> None:
        """Give the key to a holder; the caller has asked whether it is free."""
        self._holders[key] = holder
        self._echoes.pop(key, None)

    def free(self, key: Hashable, holder: str, now_s: float, call: int) -> None:
        """Take the key from this holder; someone else's claim is left alone."""
        if self._holders.get(key) != holder:
            return
        del self._holders[key]
        lag_s, lag_calls = max(self.lag[0], self.extra[0]), max(self.lag[1], self.extra[1])
        if lag_s or lag_calls:
            self._echoes[key] = _Echo(holder, now_s + lag_s, call + lag_calls)
