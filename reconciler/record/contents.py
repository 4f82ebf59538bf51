"""What a record says, as a value ↔ the JSON of its Sync document, within the 16 KiB that Sync allows.

Every list has a budget. What does not fit is left out whole and becomes None, *nobody knows*: never a part
that reads like the whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.diagnostics import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = 1
DATA_BYTES = 16 * 1024
HISTORY = 10
"""How many applies are remembered."""
LONGEST_LEASE_S = 3600.0

_APPLIES_BYTES, _OPEN_BYTES, _MADE_BYTES = 3_400, 7_400, 4_800
_TEXT_BYTES = 100
_COUNTS_BYTES = 160

T = TypeVar("T")


class RecordError(ReconcilerError):
    """The record cannot be used: unreadable, newer than this program, another's, or out of reach."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lease as it stands in the document: who holds it, and how long one revision is good for."""

    who: str
    run: str
    nonce: str
    duration_s: float
    beat: int = 0
    """Counts the updates under this lease, so that each of them is told from all others."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An apply that began and has not ended: the digest it carries out."""

    digest: str
    prints: frozenset[str] | None = frozenset()
    """Of all that was approved; None where they are too many, and then what is left cannot be resumed."""
    seal: str = ""
    """The caller's, over both: who can write a record cannot put other prints under a digest."""


@dataclass(frozen=True, slots=True)
class Apply:
    """One apply that ended: who, when (UTC, ISO 8601), of which commit, what, and how it went."""

    who: str
    at: str
    commit: str
    digest: str
    result: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """Action → how many; empty where they do not fit."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one stack and environment has written down about itself.

    `made` are prints of the addresses that exist after the last complete apply; None before there was one and
    where they are too many, and then what others deleted wholly looks like what never was.
    """

    owner: str
    stack_id: str = ""
    lease: Held | None = None
    open: Unfinished | None = None
    applies: tuple[Apply, ...] = ()
    """The last ones, oldest first."""
    made: frozenset[str] | None = None


# --- to JSON -----------------------------------------------------------------------------------------------


def fitted(record: Record) -> Record:
    """Return `record` as it can be kept: older applies, long texts and lists beyond their budget left out."""
    applies = [_fitted_apply(one) for one in record.applies[-HISTORY:]]
    while _size([_apply_data(one) for one in applies]) > _APPLIES_BYTES:
        del applies[0]
    unfinished = record.open
    if unfinished:
        prints = _within(_OPEN_BYTES, unfinished.prints, _prints_data)
        unfinished = Unfinished(_short(unfinished.digest), prints, _short(unfinished.seal))
    return replace(
        record,
        stack_id=_short(record.stack_id),
        lease=record.lease and replace(record.lease, who=_short(record.lease.who)),
        open=unfinished,
        applies=tuple(applies),
        made=_within(_MADE_BYTES, record.made, _prints_data),
    )


def encoded(record: Record) -> str:
    """Return the JSON text of a fitted record. Raises RecordError where it exceeds what Sync takes."""
    data = {
        "v": VERSION,
        "owner": record.owner,
        "id": record.stack_id,
        "lease": record.lease and _held_data(record.lease),
        "open": record.open and _unfinished_data(record.open),
        "applies": [_apply_data(one) for one in record.applies],
        "made": _prints_data(record.made),
    }
    if _size(data) > DATA_BYTES:
        raise RecordError(f"the record of {record.owner} would be larger than Sync's 16 KiB")
    return _text(data).encode("utf-8", "replace").decode()


def _held_data(held: Held) -> dict[str, Any]:
    return {
        "who": held.who,
        "run": held.run,
        "nonce": held.nonce,
        "duration_s": held.duration_s,
        "beat": held.beat,
    }


def _unfinished_data(one: Unfinished) -> dict[str, Any]:
    return {"digest": one.digest, "prints": _prints_data(one.prints), "seal": one.seal}


def _apply_data(one: Apply) -> dict[str, Any]:
    return {
        "who": one.who,
        "at": one.at,
        "commit": one.commit,
        "digest": one.digest,
        "result": one.result,
        "counts": dict(one.counts),
    }


def _prints_data(prints: frozenset[str] | None) -> str | None:
    """Return prints as one text, a space between two: a list of JSON would need three characters more."""
    return None if prints is None else " ".join(sorted(prints))


def _fitted_apply(one: Apply) -> Apply:
    texts = {name: _short(getattr(one, name)) for name in ("who", "at", "commit", "digest", "result")}
    counts = one.counts if _size(dict(one.counts)) <= _COUNTS_BYTES else {}
    return Apply(**texts, counts=counts)


def _short(text: str) -> str:
    """Return as much of a text as fits; its end is cut."""
    while _size(text) > _TEXT_BYTES:
        text = text[:-1] if len(text) <= _TEXT_BYTES else text[:_TEXT_BYTES]
    return text


def _within(budget_bytes: int, whole: T | None, shape: Callable[[Any], Any]) -> T | None:
    return whole if whole is None or _size(shape(whole)) <= budget_bytes else None


def _size(data: Any) -> int:
    return len(_text(data).encode("utf-8", "replace"))


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


# --- from JSON ---------------------------------------------------------------------------------------------


class _Garbage(ValueError):  # noqa: N818 - what it is
    """A part of a record is not what we write; the text names the part."""


def decoded(data: Any) -> Record:
    """Return the record that a document's data is. Raises RecordError where it is none that we understand."""
    version = data.get("v") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise RecordError(
            f"a newer version of reconciler wrote the record (format {version}, this one reads {VERSION})",
            "Use that version, or a newer one.",
        )
    try:
        return _record(data)
    except _Garbage as fault:
        raise RecordError(f"the record is damaged: {fault}") from None


def _record(data: Any) -> Record:
    known = {"v", "owner", "id", "lease", "open", "applies", "made"}
    if not isinstance(data, dict) or data.get("v") != VERSION or set(data) != known:
        raise _Garbage("this is not what reconciler writes")
    lease, unfinished = data["lease"], data["open"]
    return Record(
        owner=_told(data, "owner"),
        stack_id=_told(data, "id"),
        lease=None if lease is None else _held(lease),
        open=None if unfinished is None else _unfinished(unfinished),
        applies=tuple(_apply(one) for one in _items(data, "applies")),
        made=_prints(data, "made"),
    )


def _held(data: Any) -> Held:
    duration_s = _part(data, "duration_s", (int, float))
    if not 0 < duration_s <= LONGEST_LEASE_S:
        raise _Garbage(f"a lease of {duration_s} seconds")
    texts = {name: _told(data, name) for name in ("who", "run", "nonce")}
    return Held(**texts, duration_s=float(duration_s), beat=int(_part(data, "beat", (int,))))


def _unfinished(data: Any) -> Unfinished:
    digest = _told(data, "digest")
    if "prints" not in data:
        raise _Garbage("prints are missing")
    return Unfinished(digest, _prints(data, "prints"), _told(data, "seal"))


def _apply(data: Any) -> Apply:
    texts = {name: _told(data, name) for name in ("who", "at", "commit", "digest", "result")}
    counts = _part(data, "counts", (dict,))
    if not all(isinstance(count, int) for count in counts.values()):
        raise _Garbage("counts are no numbers")
    return Apply(**texts, counts=counts)


def _prints(data: Any, name: str) -> frozenset[str] | None:
    return None if data[name] is None else frozenset(_told(data, name).split())


def _told(data: Any, name: str) -> str:
    return str(_part(data, name, (str,)))


def _items(data: Any, name: str) -> list[Any]:
    return list(_part(data, name, (list,)))


def _part(data: Any, name: str, types: tuple[type, ...]) -> Any:
    """Return one part of an object. Raises _Garbage where it is missing or something else."""
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, types) or isinstance(value, bool):
        raise _Garbage(f"{name} is missing or something else")
    return value
