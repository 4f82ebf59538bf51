"""Rows of a kind that carries marks, or none → which is which address: by natural key, then by mark."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.kinds.attributes import ATTRIBUTES
from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import Address
from reconciler.pairing.genuine import genuine, is_closing
from reconciler.pairing.state import Found, Pairing, copied, is_ours, is_owner, key_now, superseded, the_one

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from reconciler.model import Resource
    from reconciler.transitions import Adopted


def pair_marked(
    pairing: Pairing,
    kind: Kind,
    above: Address | None,
    wanted: Mapping[str, Resource],
    rows: tuple[Found, ...],
) -> dict[str, Found]:
    """Return key → row: by natural key what is wanted, then by mark what is left of ours."""
    by_key: dict[Hashable, list[Found]] = defaultdict(list)
    for row in rows:
        by_key[kind.natural_key(row.fields)].append(row)
    taken = _pair_adopted(pairing, kind, wanted, rows)
    for key, resource in wanted.items():
        if key in taken:
            continue
        same = by_key.get(kind.natural_key(resource.fields), []) if not kind.singleton else list(rows)
        found = the_one(pairing, resource, same)
        if found is not None and _may_take(pairing, kind, resource, found):
            taken[key] = found
    _pair_leftovers(pairing, kind, above, rows, taken)
    _tell_misfits(pairing, kind, above, wanted, rows, taken)
    return taken


def _pair_leftovers(
    pairing: Pairing,
    kind: Kind,
    above: Address | None,
    rows: tuple[Found, ...],
    taken: dict[str, Found],
) -> None:
    """Give every row of ours that no natural key took its mark's key, or that key and its sid's tail."""
    if kind.mark is not MarkHome.ATTRIBUTES:
        return
    ours: dict[str, list[Found]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.live.created, row.live.sid)):
        if row.live.mark is not None and is_ours(pairing, kind, row):
            ours[key_now(pairing, kind, above, row.live.mark.key)].append(row)
    claimed = {row.live.sid for row in taken.values()}
    for key, bearers in ours.items():
        address = Address.of(kind.name, key, above)
        ours_here = genuine(bearers, next((row for row in bearers if row.live.sid in claimed), bearers[0]))
        left = [row for row in bearers if row.live.sid not in claimed]
        for row in reversed(left):
            if row not in ours_here:
                pairing.problems.append(copied(address, row))
            elif key in taken or is_closing(row):
                taken[superseded(key, row)] = row
            elif address not in pairing.refused:
                taken[key] = row


def _tell_misfits(
    pairing: Pairing,
    kind: Kind,
    above: Address | None,
    wanted: Mapping[str, Resource],
    rows: tuple[Found, ...],
    taken: Mapping[str, Found],
) -> None:
    """Speak of rows that bear our mark under a name that does not fit: copied, or renamed by others.

    Where nothing else is there under that key, creating it could double it, so its address is refused.
    """
    for row in rows:
        mark = row.live.mark
        ours = mark is not None and is_owner(mark.owner, pairing.owner, pairing.transitions)
        if mark is None or not ours or kind.fits(mark, row.fields, row.live.sid) or row in taken.values():
            continue
        address = Address.of(kind.name, key_now(pairing, kind, above, mark.key), above)
        name = str(kind.natural_key(row.fields))
        resource = wanted.get(address.key)
        if resource is not None and address.key not in taken and address not in pairing.refused:
            detail = f"Rename it back, or write adopted: {{{address}: {row.live.sid}}}."
            pairing.refuse(
                address, f"{row.live.sid} bears this one's mark and is called {name!r}", detail, resource
            )
        else:
            pairing.problems.append(copied(address, row))


def _pair_adopted(
    pairing: Pairing, kind: Kind, wanted: Mapping[str, Resource], rows: tuple[Found, ...]
) -> dict[str, Found]:
    """Return key → row for what a line of consent takes over; nothing where it is ours already."""
    taken: dict[str, Found] = {}
    for key, resource in wanted.items():
        line = pairing.transitions.adoption(resource.address)
        if line is None:
            continue
        ours = any(is_ours(pairing, kind, row) and row.live.mark and row.live.mark.key == key for row in rows)
        row = next((row for row in rows if not ours and is_meant(kind, line, resource, row)), None)
        if row is not None:
            taken[key] = row
            pairing.adopting.add(line)
        elif not ours and not kind.takes_over and not line.named:
            pairing.adopting.add(line)
            pairing.refuse(
                resource.address,
                f"there is nothing to adopt: {line.sid or f'nothing of stack {line.stack}'}",
                "Look for its sid or stack, or take the line out to create a new one.",
                resource,
            )
    return taken


def is_meant(kind: Kind, line: Adopted, wanted: Resource, row: Found) -> bool:
    """Whether a live row is the one that a line adopts: by sid, by another stack's mark, or by its name.

    A name that is asked for by a pattern has to be the one that the specs give, and the row nobody's.
    """
    mark, key = row.live.mark, wanted.address.key
    if mark is not None and mark.newer:
        return False
    if line.sid:
        return row.live.sid == line.sid
    if line.named:
        name = kind.natural_key(row.fields)
        same = mark is None and name == kind.natural_key(wanted.fields)
        return same and isinstance(name, str) and fnmatchcase(name, line.named)
    if mark is not None:
        return (
            mark.owner.stack == line.stack and mark.key == key and kind.fits(mark, row.fields, row.live.sid)
        )
    return kind.natural_key(row.fields) == kind.named(line.stack, key)


def _may_take(pairing: Pairing, kind: Kind, resource: Resource, row: Found) -> bool:
    """Whether a live row under our natural key is ours to manage; if not, its address is refused."""
    mark, sid = row.live.mark, row.live.sid
    if mark is None or is_ours(pairing, kind, row):
        default = kind.named(pairing.owner.stack, resource.address.key)
        witness = kind.natural_key(row.fields) == default and _has_marked_child(pairing, row)
        if mark is not None or kind.takes_over or witness:
            return _can_merge(pairing, kind, resource, row)
        summary = f"{sid} has this name already and carries no mark of this stack"
        detail = (
            f"To take it over write adopted: {{{resource.address}: {sid}}}; "
            "else delete or rename it, or give this one another unique_name."
        )
    elif mark.newer:
        summary, detail = f"{sid} was marked by a newer version of reconciler", "Upgrade to manage it."
    elif mark.owner == pairing.owner:
        summary = f"{sid} carries a copy of the mark of {kind.name}/{mark.key}"
        detail = "Take the key `reconciler` out of its attributes, or give this one another name."
    else:
        summary = f"{sid} belongs to stack {mark.owner}"
        detail = "One resource has one owner: remove it there, or give this one another name."
    pairing.refuse(resource.address, summary, detail, resource)
    return False


def _can_merge(pairing: Pairing, kind: Kind, resource: Resource, row: Found) -> bool:
    """Whether a row's attributes are an object, into which keys can be merged; if not, refuse its address."""
    if kind.mark is not MarkHome.ATTRIBUTES or (ATTRIBUTES,) not in row.fields:
        return True
    summary = f"the attributes of {row.live.sid} are not a JSON object, so no key can be merged into them"
    detail = "An application has set them so. Have it store an object, or set them to {} by hand."
    pairing.refuse(resource.address, summary, detail, resource)
    return False


def _has_marked_child(pairing: Pairing, row: Found) -> bool:
    """Look for the second witness: something inside that only we can have marked."""
    inside: Iterable[Found] = (child for children in row.children.values() for child in children)
    marks_inside = (child.live.mark for child in inside if child.live.mark is not None)
    return any(is_owner(mark.owner, pairing.owner, pairing.transitions) for mark in marks_inside)
