"""Lists in order: turns "the page that begins here" into its rows without copying the list.

Keys are integers and unique; appending is the common case and costs nothing, any other change is one
bisection and one move of memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

R = TypeVar("R")
K = TypeVar("K")
V = TypeVar("V")


class Ordered(Generic[R]):
    """Rows sorted by an integer key."""

    __slots__ = ("keys", "rows")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.rows: list[R] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def after(self, key: int) -> int:
        """Return how many rows come after a key."""
        return len(self.keys) - bisect_right(self.keys, key)

    def add(self, key: int, row: R) -> None:
        """Put a row in its place; a key is used once."""
        at = bisect_left(self.keys, key) if self.keys and key <= self.keys[-1] else len(self.keys)
        self.keys.insert(at, key)
        self.rows.insert(at, row)

    def discard(self, key: int) -> None:
        """Take out the row of this key, if there is one."""
        at = bisect_left(self.keys, key)
        if at < len(self.keys) and self.keys[at] == key:
            del self.keys[at]
            del self.rows[at]


def into(table: dict[K, Ordered[R]], name: K, key: int, row: R) -> None:
    """Put a row in its place in the list of a name, which is made when it is needed."""
    found = table.get(name)
    if found is None:
        found = table[name] = Ordered()
    found.add(key, row)


def claim(table: dict[K, V], name: K, row: V) -> None:
    """Let a row have a name. Raises WorldError where two have one, which only a torn world says."""
    if name in table:
        raise WorldError(f"The world is torn: more than one {type(row).__name__} has {name}.")
    table[name] = row


def out_of(table: dict[K, Ordered[R]], name: K, key: int) -> None:
    """Take a row out of the list of a name, and the list away once it is empty."""
    found = table[name]
    found.discard(key)
    if not found.rows:
        del table[name]


@dataclass(frozen=True, slots=True)
class Selection(Generic[R]):
    """What a listing walks over: an index, a span of its keys (both ends included), a test, a direction."""

    index: Ordered[R]
    low: int | None = None
    high: int | None = None
    keep: Callable[[R], bool] | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Window(Generic[R]):
    """One page: its rows, and where its neighbours begin (a key or a count of rows; None: no such page)."""

    rows: list[R]
    next: int | None
    previous: int | None


def window(what: Selection[R], start: int | None, size: int, *, by_count: bool) -> Window[R]:
    """Return the page of ``size`` rows that begins at ``start``.

    ``start`` is the key to begin with (or after, should its row be gone), so that a list in motion loses
    nothing; with ``by_count`` it is a number of rows to skip, so that rows shift. Cost: the page, plus what
    ``keep`` rejects.
    """
    keys = what.index.keys
    low = 0 if what.low is None else bisect_left(keys, what.low)
    high = len(keys) if what.high is None else bisect_right(keys, what.high)
    step = -1 if what.descending else 1
    head, tail = (high - 1, low - 1) if what.descending else (low, high)
    first = head if start is None else _place(keys, start, head, by_count=by_count, step=step)
    first = min(first, high - 1) if what.descending else max(first, low)
    rows, rest = _walk(what, range(first, tail, step), size)
    before = _back(what, range(first - step, head - step, -step), size)

    def mark(place: int | None) -> int | None:
        if place is None:
            return None
        return abs(place - head) if by_count else keys[place]

    return Window(rows, mark(rest), mark(before))


def _place(keys: list[int], start: int, head: int, *, by_count: bool, step: int) -> int:
    if by_count:
        return head + step * start
    return bisect_left(keys, start) if step > 0 else bisect_right(keys, start) - 1


def _walk(what: Selection[R], places: range, size: int) -> tuple[list[R], int | None]:
    found: list[R] = []
    for place in places:
        row = what.index.rows[place]
        if what.keep is not None and not what.keep(row):
            continue
        if len(found) == size:
            return found, place
        found.append(row)
    return found, None


def _back(what: Selection[R], places: range, size: int) -> int | None:
    last, count = None, 0
    for place in places:
        if not 0 <= place < len(what.index.rows):
            continue
        if what.keep is None or what.keep(what.index.rows[place]):
            last, count = place, count + 1
            if count == size:
                break
    return last
