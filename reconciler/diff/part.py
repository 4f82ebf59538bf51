"""A plan → a part of it that can be carried out by itself, with the names to write down then."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.diff.order import operations
from reconciler.diff.records import old_address
from reconciler.diff.removals import plain
from reconciler.model import Action, Half

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from reconciler.model import Address, Change, Plan


def part(plan: Plan, addresses: Collection[Address]) -> Plan:
    """Return the changes of `addresses`, and what their parents have to write down about them.

    Whoever chooses the addresses sees to it that what they wait for is among them.
    """
    by_address = {change.address: change for change in plan.changes}
    recorded: dict[Address, list[Change]] = defaultdict(list)
    for edge in plan.edges:
        if edge.after.half is Half.SEAL and edge.before.address != edge.after.address:
            recorded[edge.after.address].append(by_address[edge.before.address])
    kept = tuple(_kept(plan, addresses, recorded))
    exist = {operation for change in kept for operation in operations(change)}
    edges = tuple(edge for edge in plan.edges if edge.before in exist and edge.after in exist)
    return replace(plan, changes=kept, edges=edges)


def is_within(address: Address, globs: Iterable[str]) -> bool:
    """Whether a glob matches an address, or what it stands in; a row on its way out has its own name too."""
    names = {str(address), str(plain(address))}
    return any(fnmatchcase(name, one) for name in names for glob in globs for one in (glob, f"{glob}/*"))


def _kept(
    plan: Plan, addresses: Collection[Address], recorded: Mapping[Address, list[Change]]
) -> Iterator[Change]:
    for change in plan.changes:
        children = recorded.get(change.address, [])
        chosen = change.address in addresses and change.action is not Action.NONE
        if any(child.address in addresses for child in children):
            yield _writing(change if chosen else _bookkeeping(change), children, addresses)
        elif chosen:
            yield replace(change, records=None, prints={}) if children else change


def _bookkeeping(change: Change) -> Change:
    """Return a change that sets nothing and only writes names down."""
    mark = change.live.mark if change.live else None
    return replace(
        change, action=Action.NONE, edits=(), fields=change.live_fields, mark=mark, at_creation={}, why=""
    )


def _writing(change: Change, children: list[Change], addresses: Collection[Address]) -> Change:
    """Return the change with what it writes down where some of the children stay as they are."""
    staying = [child for child in children if child.address not in addresses]
    not_made = {old_address(child).key for child in staying if child.action is Action.REPLACE}
    before = change.live.mark.prints if change.live and change.live.mark else {}
    prints = dict(change.prints)
    for child in staying:
        if child.address.key in before:
            prints[child.address.key] = before[child.address.key]
    records = {name: ref for name, ref in (change.records or {}).items() if name not in not_made}
    return replace(change, records=records, prints=prints)
