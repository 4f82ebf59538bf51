"""Rows of a kind whose names stand in its parent's mark → which is which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.pairing.state import Found, Pairing, key_now, superseded, the_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.kinds.base import Kind
    from reconciler.model import Address, Mark, Resource


def pair_recorded(
    pairing: Pairing,
    kind: Kind,
    above: Address | None,
    wanted: Mapping[str, Resource],
    rows: tuple[Found, ...],
    parent_mark: Mark | None,
) -> dict[str, Found]:
    """Return key → row: by the sid in the parent's mark, else the one unrecorded row that is equal."""
    by_sid = {row.live.sid: row for row in rows}
    names = parent_mark.children.items() if parent_mark else ()
    recorded = {key_now(pairing, kind, above, name): sid for name, sid in names}
    taken = {key: by_sid[sid] for key, sid in recorded.items() if sid in by_sid}
    for key in sorted(wanted):
        resource, mine = wanted[key], taken.get(key)
        if mine is not None and not _must_replace(kind, resource, mine):
            continue
        equal = _equal_row(pairing, kind, resource, wanted, taken, rows)
        if equal is None:
            continue
        old_key = next((name for name, row in taken.items() if row is equal), None)
        if old_key is not None:
            del taken[old_key]
        if mine is not None:
            taken[superseded(key, mine)] = mine
        taken[key] = equal
    return taken


def _equal_row(
    pairing: Pairing,
    kind: Kind,
    resource: Resource,
    wanted: Mapping[str, Resource],
    taken: Mapping[str, Found],
    rows: tuple[Found, ...],
) -> Found | None:
    """Return the row equal to `resource`: ours under a key nobody wants (a rename), or nobody's.

    Of several rows that are nobody's one is as good as another while there are names for all of them, as
    after an apply that was cut before it wrote the names down; a row more, and which is ours is a guess.
    """
    natural_key = kind.natural_key(resource.fields)
    renamed = [row for key, row in taken.items() if key not in wanted]
    held = {row.live.sid for row in taken.values()}
    free = [row for row in rows if row.live.sid not in held]
    same = [row for row in renamed if kind.natural_key(row.fields) == natural_key]
    if same:
        return same[0]
    same = [row for row in free if kind.natural_key(row.fields) == natural_key]
    nameless = [
        key
        for key, other in wanted.items()
        if key not in taken and kind.natural_key(other.fields) == natural_key
    ]
    if 0 < len(same) <= len(nameless):
        return min(same, key=lambda row: (not _is_equal(kind, resource, row), row.live.sid))
    return the_one(pairing, resource, same)


def _is_equal(kind: Kind, resource: Resource, row: Found) -> bool:
    return all(
        kind.comparable(path, row.fields.get(path)) == kind.comparable(path, value)
        for path, value in resource.fields.items()
    )


def _must_replace(kind: Kind, resource: Resource, row: Found) -> bool:
    return any(
        kind.comparable(path, row.fields.get(path)) != kind.comparable(path, value)
        for path, value in resource.fields.items()
        if path[0] in kind.create_only
    )
