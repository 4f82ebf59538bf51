"""What a call asked for × the row that Twilio answered → where the two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.diff.compare import live_at, same_value
from reconciler.kinds import mark as marks
from reconciler.kinds.attributes import ATTRIBUTES, live_mark
from reconciler.kinds.base import Kind, MarkHome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model import Fields, Mark
    from reconciler.step import Row


def unlike(kind: Kind, asked: Fields, mark: Mark | None, row: Row) -> tuple[str, ...]:
    """Return the dotted paths at which `row` is not what was asked for, the mark among them as `mark`.

    Nothing can be said of what Twilio never answers, nor of an answer that is no row of the kind.
    """
    if not row.get("sid"):
        return ()
    live = kind.from_live(row)
    differing = [
        marks.dotted(path)
        for path, value in asked.items()
        if _is_told(kind, asked, live, path) and not same_value(kind, path, value, live_at(live, path))
    ]
    return (*sorted(differing), *_mark_unlike(kind, mark, row))


def _is_told(kind: Kind, asked: Fields, live: Fields, path: tuple[str, ...]) -> bool:
    """Whether an answer shows the value at a path: not timers, nor the state that a creation begins with."""
    if path[0] in kind.write_only or path == ("state",):
        return False
    return path[0] == ATTRIBUTES or asked[path] is not None or path in live


def _mark_unlike(kind: Kind, mark: Mark | None, row: Row) -> Iterator[str]:
    if kind.mark is MarkHome.ATTRIBUTES and mark is not None:
        found = live_mark(row)
        if found is None or marks.encode(found) != marks.encode(mark):
            yield "mark"
