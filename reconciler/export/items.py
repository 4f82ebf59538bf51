"""What an export is made of: live rows with an address in the new specs, and notes on what is left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.diagnostics import warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.kinds.base import Kind
    from reconciler.model import Address, Fields, Json, Mark, Owner, Path, Resource
    from reconciler.step import Row


@dataclass(frozen=True, slots=True)
class Item:
    """One live row. `here` is the row in our words, `raw` as Twilio has it, `inside` what stands in it.

    `mark` is a mark that counts on this row, whosever it is.
    """

    kind: Kind
    here: Resource
    raw: Row
    mark: Mark | None = None
    inside: tuple[Item, ...] = ()

    @property
    def sid(self) -> str:
        """Its sid."""
        return self.here.live.sid if self.here.live else ""

    @property
    def fields(self) -> Fields:
        """Its content."""
        return self.here.fields

    @property
    def age(self) -> tuple[str, str]:
        """What sorts the older one first."""
        return (self.here.live.created if self.here.live else "", self.sid)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the account and the service fill in by themselves, so that it is not written; and roles by sid."""

    role: str = ""
    messaging_service: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """An item with its address in the new specs. `adopt` is what its line in `adopted:` says; '' without one.

    `is_ours` says that the stack of the new specs owns it already, `hidden` what whoever set it called
    sensitive. A `bare` one is written without attributes.
    """

    item: Item
    address: Address
    is_ours: bool = False
    adopt: Json = ""
    hidden: frozenset[Path] = frozenset()
    bare: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """Why something is not as one may expect: said once for all rows that share the reason."""

    summary: str
    detail: str
    row: str
    """The sid, and the address where it has one."""


def noted(summary: str, detail: str, sid: str, address: Address | None = None) -> Note:
    """Return a note on one row."""
    return Note(summary, detail, f"{sid} {address}" if address else sid)


def told(notes: Iterable[Note]) -> tuple[Diagnostic, ...]:
    """Return a warning for each reason, with the rows it is about."""
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for note in notes:
        rows[note.summary, note.detail].append(note.row)
    return tuple(
        warning(summary, "\n".join([detail, *(f"- {row}" for row in dict.fromkeys(about) if row)]))
        for (summary, detail), about in rows.items()
    )


def owner_of(item: Item) -> Owner | None:
    """Return whose a row is; None where nobody's mark counts on it."""
    return item.mark.owner if item.mark else None
