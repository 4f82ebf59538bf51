"""Yesterday's world: turns remembered changes into the state some calls or seconds ago, for stale reads.

While anything may ask for it, each change to a row leaves the row as it was. Going back is undoing the latest
changes on a copy of the table of rows; a world of its own then answers from that.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rows import Row

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class _Change:
    """A row before it changed (None: it was not there)."""

    call: int
    at_s: float
    sid: str
    before: Row | None


class Past:
    """The latest changes of a world."""

    def __init__(self) -> None:
        self._changes: deque[_Change] = deque(maxlen=_REMEMBERED)

    def note(self, call: int, at_s: float, sid: str, before: Row | None) -> None:
        """Remember a row that is about to change."""
        self._changes.append(_Change(call, at_s, sid, copy.copy(before)))

    def rows(self, now: dict[str, Row], since_call: int | None, since_s: float | None) -> list[Row]:
        """Return the rows as they were before that call began or that moment came, in order of creation."""
        then = dict(now)
        for change in reversed(self._changes):
            recent = (since_call is not None and change.call >= since_call) or (
                since_s is not None and change.at_s > since_s
            )
            if not recent:
                break
            if change.before is None:
                then.pop(change.sid, None)
            else:
                then[change.sid] = change.before
        return sorted(then.values(), key=lambda row: row.seq)
