"""What becomes of what waits for a word: turns a policy into a verdict, and time into its coming true.

WhatsApp's approval of a template and a build of functions are such: the policy of the moment when they begin
foretells their end, and whoever speaks before that decides instead, for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .content.rows import Approval
from .serverless.rows import Build
from .wire import date_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from .store import Store

Waiting = TypeVar("Waiting", Approval, Build)


@dataclass(frozen=True, slots=True)
class Policy:
    """How what begins from now on ends, after how many of the world's seconds; None: when somebody says."""

    verdict: str | None
    after_s: float
    reason: str = ""

    def due_s(self, now_s: float) -> float | None:
        """Return when what begins now falls due, None if it is left to people."""
        return None if self.verdict is None else now_s + self.after_s


def wait(store: Store, row: Waiting, decide: Callable[[Store, Waiting, str], None]) -> None:
    """Have a row decided as foretold when it falls due, unless somebody has decided by then."""
    if row.due_s is not None:
        store.clock.schedule(row.due_s, partial(_fall_due, store, row, row.due_s, decide))


def _fall_due(
    store: Store, row: Waiting, due_s: float, decide: Callable[[Store, Waiting, str], None]
) -> None:
    if store.index.rows.get(row.sid) is row and row.due_s == due_s and row.verdict is not None:
        decide(store, row, row.verdict)


def end(store: Store, row: Waiting, status: str, **more: Any) -> None:
    """Give a row its status; nothing is foretold any more."""
    store.update(row, status=status, verdict=None, due_s=None, date_updated=store.today(), **more)


def foretold(row: Approval | Build) -> dict[str, Any]:
    """Return how a row ends by itself and when, for a reader outside; None where nothing is foretold."""
    due = None if row.due_s is None else date_text(int(row.due_s))
    return {"verdict": row.verdict, "due": due, "due_s": row.due_s}
