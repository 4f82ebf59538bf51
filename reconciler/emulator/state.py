"""A world as one JSON document: turns rows, time and the counts behind SIDs into a value, and a value back.

Account, switches and seed are settings of a process and no part of it; faults, limits and what is in flight
are gone after a restart, too. A document is looked through before anything of it is used.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from .clock import MAX_RATE, Clock
from .content.approvals import STATUSES
from .content.rows import Content
from .content.shapes import types as content_types
from .disk import FORMAT
from .errors import ApiError, WorldError
from .rows import KIND_OF, KINDS, Configuration, Row, SyncService

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .store import Store

_NAMES = ("format", "clock", "rows", "mints")
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_CHOICES: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("conversation", "state"): ("initializing", "active", "inactive", "closed"),
    ("approval", "status"): STATUSES,
    ("approval", "verdict"): (None, "approved", "rejected"),
}
_SEQ_END = 1 << 40  # what the keys of lists have room for
_INT64_END = 1 << 63
_TIME_END_S = 253_402_300_800  # the year 10000, which no date can be written in
_HOMES = {
    ("configuration", "default_chat_service_sid"): "service",
    ("service", "creator_role_sid"): "role",
    ("service", "conversation_role_sid"): "role",
    ("service", "service_role_sid"): "role",
    ("role", "service_sid"): "service",
    ("user", "service_sid"): "service",
    ("user", "role_sid"): "role",
    ("conversation", "service_sid"): "service",
    ("participant", "service_sid"): "service",
    ("participant", "conversation_sid"): "conversation",
    ("webhook", "conversation_sid"): "conversation",
    ("message", "conversation_sid"): "conversation",
    ("receipt", "message_sid"): "message",
    ("receipt", "conversation_sid"): "conversation",
    ("push_binding", "service_sid"): "service",
    ("document", "service_sid"): "sync_service",
    ("environment", "service_sid"): "serverless_service",
    ("variable", "environment_sid"): "environment",
    ("deployable", "service_sid"): "serverless_service",
    ("version", "service_sid"): "serverless_service",
    ("build", "service_sid"): "serverless_service",
    ("deployment", "environment_sid"): "environment",
}
"""(kind, field) → the kind of row that has to be there; other SIDs may name what is gone."""


class StateError(ValueError):
    """A document that no world can be made of; the message says where and why."""


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
    if not isinstance(document, dict) or not _is_count(document.get("format"), 1 << 31):
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
        _within("clock.now_s", clock["now_s"], _TIME_END_S),
        _within("clock.rate", clock["rate"], MAX_RATE),
    )


# --- rows --------------------------------------------------------------------------------------------------


def _shown(row: Row) -> dict[str, Any]:
    return {"kind": KIND_OF[type(row)], **{name: getattr(row, name) for name in row.__slots__}}


def _rows(values: Any) -> list[Row]:
    if not isinstance(values, list):
        raise StateError("rows: is not a list")
    rows = [_row(f"rows[{at}]", value) for at, value in enumerate(values)]
    if sum(isinstance(row, Configuration) for row in rows) != 1:
        raise StateError("rows: there is not exactly one configuration")
    if not any(isinstance(row, SyncService) and row.unique_name == "default" for row in rows):
        raise StateError("rows: there is no default service of Sync")
    for name in ("sid", "seq"):
        if len({getattr(row, name) for row in rows}) < len(rows):
            raise StateError(f"rows: two have the same {name}")
    _check_homes(rows)
    return sorted(rows, key=attrgetter("seq"))


def _row(where: str, value: Any) -> Row:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise StateError(f"{where}.kind: is none of {', '.join(KINDS)}")
    given, hints = {name: one for name, one in value.items() if name != "kind"}, _hints(kind)
    for name, one in given.items():
        if name not in hints:
            raise StateError(f"{where}.{name}: is not known here")
        if not _fits(one, hints[name]) or not _is_sound(name, one):
            raise StateError(f"{where}.{name}: a {kind} cannot have this value")
    if missing := sorted(_needed(kind) - {*given}):
        raise StateError(f"{where}.{missing[0]}: is missing")
    _check_words(where, kind, given)
    return KINDS[kind](**given)


def _check_words(where: str, kind: str, given: Mapping[str, Any]) -> None:
    for (owner, name), words in _CHOICES.items():
        if owner == kind and given.get(name) not in words:
            raise StateError(f"{where}.{name}: is none of {', '.join(str(word) for word in words)}")
    if kind == KIND_OF[Content]:
        try:
            content_types(f"{where}.types", given["types"])
        except ApiError as error:
            raise StateError(error.message) from error


@cache
def _hints(kind: str) -> Mapping[str, Any]:
    return get_type_hints(KINDS[kind])


@cache
def _needed(kind: str) -> frozenset[str]:
    missing = dataclasses.MISSING
    return frozenset(
        f.name
        for f in dataclasses.fields(KINDS[kind])
        if f.default is missing and f.default_factory is missing
    )


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value out of JSON is of a row's type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(_fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if hint is float:
        return _is_number(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT64_END
    return hint is Any or (value is None if hint is types.NoneType else isinstance(value, hint))


def _is_sound(name: str, value: Any) -> bool:
    """Tell whether a value is one that a row can be kept, found and shown with."""
    if name == "sid":
        return _SID.fullmatch(value) is not None
    if name == "seq":
        return 0 < int(value) < _SEQ_END
    if isinstance(value, int | float) and name.startswith(("date_", "due_", "attach_")):
        return 0 <= value < _TIME_END_S
    return True


def _check_homes(rows: Iterable[Row]) -> None:
    kinds = {row.sid: KIND_OF[type(row)] for row in rows}
    for row in rows:
        for (kind, name), wanted in _HOMES.items():
            if kind == kinds[row.sid] and kinds.get(getattr(row, name)) != wanted:
                raise StateError(
                    f"rows: {row.sid} has the {name} {getattr(row, name)!r}, which is no {wanted}"
                )


# --- numbers -----------------------------------------------------------------------------------------------


def _mints(values: Any) -> dict[int, int]:
    if not isinstance(values, dict):
        raise StateError("mints: is not an object")
    found = {}
    for name, used in values.items():
        if not re.fullmatch(r"-?\d{1,19}", name, re.ASCII) or not _is_count(used, _INT64_END):
            raise StateError(f"mints.{name}: is not how often a key was used")
        found[int(name)] = used
    if any(abs(digest) > _INT64_END - 1 for digest in found):
        raise StateError("mints: a name is no number of 64 bits")
    return found


def _within(where: str, value: Any, end: float) -> float:
    if not _is_number(value) or not 0 <= value <= end:
        raise StateError(f"{where}: is not a number from 0 to {end:g}")
    return float(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _INT64_END if isinstance(value, int) else math.isfinite(value)


def _is_count(value: Any, end: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end
