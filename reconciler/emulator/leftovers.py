"""What a world leaves behind when it begins anew: turns tables to be freed into a little work with each call.

To free tens of thousands of rows takes longer than all else that a reset does, and nobody waits for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

_FREED_WITH_A_CALL = 500


@dataclass(slots=True)
class Leftovers:
    """Tables that nobody reads any more. A second world of them is not kept: what was there goes at once."""

    _tables: list[dict[Any, Any] | deque[Any]] = field(default_factory=list)

    def take(self, *tables: object) -> None:
        """Take over what is large among these; the caller lets go of them."""
        self._tables = [one for one in tables if isinstance(one, dict | deque) and one]

    def free_some(self) -> None:
        """Free as much as a call does not feel; it costs nothing when there is nothing."""
        left = _FREED_WITH_A_CALL if self._tables else 0
        while left and self._tables:
            table = self._tables[-1]
            for _ in range(min(left, len(table))):
                table.popitem() if isinstance(table, dict) else table.pop()
                left -= 1
            if not table:
                self._tables.pop()
