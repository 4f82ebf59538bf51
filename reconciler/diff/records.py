"""Changes → the names each parent is to write down of children that can carry no mark themselves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.diff import once
from reconciler.diff.compare import whole_print
from reconciler.diff.order import DROPS
from reconciler.diff.sides import Sides, ancestors
from reconciler.kinds.base import MarkHome
from reconciler.kinds.mark import SET_UNSEEN
from reconciler.model import Action, Address, Change, Mark, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def with_records(
    sides: Sides, changes: dict[Address, Change], left_out: frozenset[Address]
) -> dict[Address, Change]:
    """Add, to each parent that keeps its children's names in its mark, what it is to write down."""
    families: dict[Address, list[Address]] = defaultdict(list)
    everything = sides.desired.resources.keys() | sides.observed.resources.keys()
    for address in everything - left_out:
        if address.parent is not None and sides.kinds[address.kind].mark is MarkHome.PARENT:
            families[address.parent].append(address)
    result = dict(changes)
    for parent, children in families.items():
        change = changes.get(parent)
        if change is None or change.action not in DROPS or change.action is Action.REPLACE:
            recorded = _recorded(sides, parent, sorted(children), changes)
            if recorded is not None:
                result[parent] = recorded
    return result


def _recorded(
    sides: Sides, parent: Address, children: list[Address], changes: Mapping[Address, Change]
) -> Change | None:
    """Return the parent's change with the names to record, or None where the mark says them already."""
    live = sides.observed.resources.get(parent)
    mark = live.live.mark if live and live.live else None
    change = changes.get(parent)
    records = {child.key: Ref(child, "sid") for child in children if not _is_absent(sides, child, changes)}
    for child in children:
        old = changes.get(child)
        if old is not None and old.action is Action.REPLACE and old.live is not None:
            records[_old_key(old)] = Ref(old_address(old), "sid")
    if any(child in changes for child in children):
        change = change or _untouched(sides, parent)
        return replace(change, records=records, prints=_prints(sides, children, changes, mark))
    names = {key: _live_sid(sides, ref.address, mark) for key, ref in records.items()}
    if names == dict(mark.children if mark else {}) or not names:
        return None
    change = change or replace(_untouched(sides, parent), action=Action.UPDATE)
    new = change.mark or mark
    why = change.why or f"writes down {', '.join(sorted(names))}"
    prints = {ref.address.key: _print(sides, ref.address, mark) for ref in records.values()}
    return replace(change, mark=replace(new, children=names, prints=prints) if new else None, why=why)


def _print(sides: Sides, child: Address, mark: Mark | None) -> str:
    """Return what was last set in a child that stays, or what it is if nobody knows."""
    wanted = sides.desired.resources.get(child)
    old = mark.prints.get(child.key) if mark else None
    return old or (whole_print(sides.kinds[child.kind], wanted) if wanted else SET_UNSEEN)


def _prints(
    sides: Sides, children: list[Address], changes: Mapping[Address, Change], mark: Mark | None
) -> dict[str, str]:
    """Return what each child is afterwards: as the specs say where it is made, as it was where it stays."""
    old = mark.prints if mark else {}
    prints: dict[str, str] = {}
    for child in children:
        wanted = sides.desired.resources.get(child)
        if child in changes and wanted is not None:
            prints[child.key] = whole_print(sides.kinds[child.kind], wanted)
        elif child.key in old:
            prints[child.key] = old[child.key]
    return prints


def _untouched(sides: Sides, parent: Address) -> Change:
    """Return the bookkeeping change of a parent that is otherwise as it should be."""
    wanted, live = sides.desired.resources.get(parent), sides.observed.resources[parent]
    mark = live.live.mark if live.live else None
    place = wanted.place if wanted else None
    # The live fields and not the desired ones: nothing is set here, and those may hold references.
    return Change(
        Action.NONE,
        parent,
        fields=live.fields,
        mark=mark,
        live=live.live,
        live_fields=live.fields,
        place=place,
    )


def _is_absent(sides: Sides, child: Address, changes: Mapping[Address, Change]) -> bool:
    """Whether a child neither is there, nor comes, nor was consumed."""
    if child in changes or child in sides.observed.resources:
        return False
    wanted = sides.desired.resources.get(child)
    return wanted is None or not wanted.policy.get("once")


def _live_sid(sides: Sides, child: Address, mark: Mark | None) -> str:
    live = sides.observed.resources.get(child)
    if live is not None and live.live is not None:
        return live.live.sid
    if mark is not None:
        return mark.children.get(child.key, "")
    wanted = sides.desired.resources.get(child)
    return once.UNKNOWN if wanted is not None and once.is_consumed(sides, wanted) else ""


def _old_key(change: Change) -> str:
    return f"{change.address.key}~{change.live.sid[-6:] if change.live else ''}"


def old_address(change: Change) -> Address:
    """Return what the row that a replacement removes is called until it is gone."""
    return Address.of(change.address.kind, _old_key(change), change.address.parent)


def sids_of(sides: Sides, changes: Iterable[Change]) -> dict[Address, str]:
    """Return the sids that carrying out the changes needs: parents, children to record, old halves."""
    sids: dict[Address, str] = {}
    for change in changes:
        for above in ancestors(change.address):
            live = sides.observed.resources.get(above)
            if live is not None and live.live is not None:
                sids[above] = live.live.sid
        for ref in (change.records or {}).values():
            sid = _live_sid(sides, ref.address, change.live.mark if change.live else None)
            if sid:
                sids[ref.address] = sid
        if change.action is Action.REPLACE and change.live is not None:
            sids[old_address(change)] = change.live.sid
    return sids
