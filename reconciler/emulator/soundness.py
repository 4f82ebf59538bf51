"""What came out of a file or a document → rows that a world can be made of, or where they are not sound.

Every field is of its type and within what is kept and shown; what a row belongs to is there, too.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from functools import cache
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from .content.approvals import STATUSES
from .content.rows import Content
from .content.shapes import types as content_types
from .errors import ApiError
from .playing import rules
from .rows import KIND_OF, KINDS, Configuration, Document, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_CHOICES: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("conversation", "state"): ("initializing", "active", "inactive", "closed"),
    ("receipt", "status"): (None, *rules.STATUSES),
    ("approval", "status"): STATUSES,
    ("approval", "verdict"): (None, "approved", "rejected"),
}
_SEQ_END = 1 << 40  # what the keys of lists have room for
INT64_END = 1 << 63
TIME_END_S = 253_402_300_800  # the year 10000, which no date can be written in
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


def row_of(where: str, kind: Any, given: Mapping[str, Any]) -> Row:
    """Return a row of a kind with these values. Raises StateError."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise StateError(f"{where}.kind: is none of {', '.join(KINDS)}")
    hints = _hints(kind)
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
    if kind == KIND_OF[Document] and not _is_object(given["data"]):
        raise StateError(f"{where}.data: is not the text of a JSON object")
    if kind == KIND_OF[Content]:
        try:
            content_types(f"{where}.types", given["types"])
        except ApiError as error:
            raise StateError(error.message) from error


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


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
        return is_number(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < INT64_END
    return hint is Any or (value is None if hint is types.NoneType else isinstance(value, hint))


def _is_sound(name: str, value: Any) -> bool:
    """Tell whether a value is one that a row can be kept, found and shown with."""
    if name == "sid":
        return _SID.fullmatch(value) is not None
    if name == "seq":
        return 0 < int(value) < _SEQ_END
    if isinstance(value, int | float) and name.startswith(("date_", "due_", "attach_")):
        return 0 <= value < TIME_END_S
    return True


def check_together(rows: Iterable[Row]) -> None:
    """Raise StateError where rows miss each other, or stand twice."""
    rows = list(rows)
    if sum(isinstance(row, Configuration) for row in rows) != 1:
        raise StateError("rows: there is not exactly one configuration")
    for name in ("sid", "seq"):
        if len({getattr(row, name) for row in rows}) < len(rows):
            raise StateError(f"rows: two have the same {name}")
    kinds = {row.sid: KIND_OF[type(row)] for row in rows}
    for row in rows:
        for (kind, name), wanted in _HOMES.items():
            if kind == kinds[row.sid] and kinds.get(getattr(row, name)) != wanted:
                raise StateError(
                    f"rows: {row.sid} has the {name} {getattr(row, name)!r}, which is no {wanted}"
                )


# --- numbers -----------------------------------------------------------------------------------------------


def within(where: str, value: Any, end: float) -> float:
    """Return a number from 0 to `end`. Raises StateError."""
    if not is_number(value) or not 0 <= value <= end:
        raise StateError(f"{where}: is not a number from 0 to {end:g}")
    return float(value)


def is_number(value: Any) -> bool:
    """Tell whether this is a finite number, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < INT64_END if isinstance(value, int) else math.isfinite(value)


def is_count(value: Any, end: int) -> bool:
    """Tell whether this is a whole number from 0 to below `end`."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end
