"""A world as one JSON document: turns rows, time and the counts behind SIDs into a value, and a value back.

Account, switches and seed are settings of a process and no part of it; faults, limits and what is in flight
are gone after a restart, too. A document is looked through before anything of it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .clock import MAX_RATE, Clock
from .errors import ApiError, WorldError
from .rows import FORMAT, KIND_OF, Row, SyncService
from .soundness import INT64_END, TIME_END_S, StateError, check_together, is_count, row_of, within

if TYPE_CHECKING:
    from .store import Store

_NAMES = ("format", "clock", "rows", "mints")


@dataclass(frozen=True, slots=True)
class State:
    """What a document says, checked: rows in the order of creation, counts behind SIDs, and time."""

    rows: list[Row]
    mints: dict[int, int]
    now_s: float
    rate: float

    def clock(self) -> Clock:
        """Return the clock of this world; its time goes on from where it stood."""
        clock = Clock.frozen(self.now_s)
        clock.run_at(self.rate)
        return clock


def exported(store: Store) -> dict[str, Any]:
    """Return the document of a world."""
    with store.lock:
        rows = sorted(store.index.rows.values(), key=attrgetter("seq"))
        return {
            "format": FORMAT,
            "clock": {"now_s": store.now_s(), "rate": store.clock.rate},
            "rows": [_shown(row) for row in rows],
            "mints": {str(digest): used for digest, used in store.mints().items()},
        }


def imported(store: Store, document: Any) -> None:
    """Let a world become what a document says. Raises StateError, and then nothing has changed."""
    state = parsed(document)
    with store.lock:
        rehearse(store, state)
        store.become(state.rows, state.mints, state.clock())


def rehearse(store: Store, state: State) -> None:
    """Build the world apart from this one. Raises StateError where rows do not fit together."""
    try:
        store.holding(state.rows)
    except (WorldError, ApiError, LookupError, TypeError, ValueError) as error:
        raise StateError(f"rows: they do not fit together ({type(error).__name__}: {error})") from error


def parsed(document: Any) -> State:
    """Return what a document says. Raises StateError."""
    if not isinstance(document, dict) or not is_count(document.get("format"), 1 << 31):
        raise StateError("format: is missing; this is no exported state")
    if (number := document["format"]) > FORMAT:
        raise StateError(
            f"the state was written by a newer reconciler (format {number}, this one reads {FORMAT})"
        )
    if strange := sorted({*document} ^ {*_NAMES}):
        raise StateError(f"{strange[0]}: {'is not known here' if strange[0] in document else 'is missing'}")
    clock = document["clock"]
    if not isinstance(clock, dict) or {*clock} != {"now_s", "rate"}:
        raise StateError("clock: has now_s and rate")
    return State(
        _rows(document["rows"]),
        _mints(document["mints"]),
        within("clock.now_s", clock["now_s"], TIME_END_S),
        within("clock.rate", clock["rate"], MAX_RATE),
    )


# --- rows --------------------------------------------------------------------------------------------------


def _shown(row: Row) -> dict[str, Any]:
    return {"kind": KIND_OF[type(row)], **{name: getattr(row, name) for name in row.__slots__}}


def _rows(values: Any) -> list[Row]:
    if not isinstance(values, list):
        raise StateError("rows: is not a list")
    rows = [_row(f"rows[{at}]", value) for at, value in enumerate(values)]
    check_together(rows)
    if not any(isinstance(row, SyncService) and row.unique_name == "default" for row in rows):
        raise StateError("rows: there is no default service of Sync")
    return sorted(rows, key=attrgetter("seq"))


def _row(where: str, value: Any) -> Row:
    given = value if isinstance(value, dict) else {}
    return row_of(where, given.get("kind"), {name: one for name, one in given.items() if name != "kind"})


# --- numbers -----------------------------------------------------------------------------------------------


def _mints(values: Any) -> dict[int, int]:
    if not isinstance(values, dict):
        raise StateError("mints: is not an object")
    found = {}
    for name, used in values.items():
        if not re.fullmatch(r"-?\d{1,19}", name, re.ASCII) or not is_count(used, INT64_END):
            raise StateError(f"mints.{name}: is not how often a key was used")
        found[int(name)] = used
    if any(abs(digest) > INT64_END - 1 for digest in found):
        raise StateError("mints: a name is no number of 64 bits")
    return found
