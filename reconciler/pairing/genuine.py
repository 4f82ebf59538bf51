"""Live rows that bear one mark → those that are ours, and those that somebody copied our attributes into."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.pairing.state import Found


def genuine(bearers: list[Found], known: Found) -> list[Found]:
    """Return those of the bearers of one key, oldest first, that are ours: `known`, and its replacements.

    A replacement names the row it was created to replace, and an interrupted apply may leave both. Any other
    row with the same key is a copy that somebody made of our attributes.
    """
    by_sid = {row.live.sid: row for row in bearers}
    chain = [known]
    while (before := by_sid.get(_predecessor(chain[0]))) is not None and before not in chain:
        chain.insert(0, before)
    while after := [r for r in bearers if _predecessor(r) == chain[-1].live.sid and r not in chain]:
        chain.append(after[0])
    return [*chain, *(row for row in bearers if is_closing(row) and row not in chain)]


def _predecessor(row: Found) -> str:
    return row.live.mark.predecessor if row.live.mark else ""


def is_closing(row: Found) -> bool:
    """Whether a row is on its way to being closed."""
    return row.live.mark is not None and row.live.mark.closing
