"""Changes → the edges between their operations: what has to wait for what.

Parents come before what stands in them, what is referred to before what refers to it, and whatever holds a
pair, an identity or a name lets go before another takes it. A replacement creates first and deletes after,
except where the new one wants what the old one holds, directly or in a ring.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import Action, Address, Change, Edge, Graph, Half, Operation, refs_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.kinds.base import Claim
    from reconciler.model import Plan

MAKES = frozenset({Action.CREATE, Action.ADOPT, Action.UPDATE, Action.REPLACE, Action.MOVE, Action.SEND})
DROPS = frozenset({Action.REPLACE, Action.CLOSE, Action.DELETE, Action.RELEASE})
_BIRTHS = frozenset({Action.CREATE, Action.REPLACE})


def operations(change: Change) -> Iterator[Operation]:
    """Yield the operations that carry a change out, in the order they usually happen."""
    if change.action in MAKES:
        yield Operation(change.address, Half.MAKE)
    if change.action in DROPS:
        yield Operation(change.address, Half.DROP)
    if change.records is not None:
        yield Operation(change.address, Half.SEAL)


def edges_of(changes: tuple[Change, ...], observed: Graph, kinds: Mapping[str, Kind]) -> tuple[Edge, ...]:
    """Return every edge between the operations of `changes`. Raises CycleError where names go in a ring."""
    exist = {operation for change in changes for operation in operations(change)}
    edges = {
        edge
        for edge in (
            *_family_edges(changes, kinds),
            *_ref_edges(changes),
            *_claim_edges(changes, observed, kinds),
            *_capacity_edges(changes, observed, kinds),
        )
        if edge.before in exist and edge.after in exist and edge.before != edge.after
    }
    following: dict[Operation, set[Operation]] = defaultdict(set)
    for edge in edges:
        following[edge.before].add(edge.after)
    for change in changes:
        if change.action is Action.REPLACE:
            edge = _replace_edge(change.address, following)
            following[edge.before].add(edge.after)
            edges.add(edge)
    _check_acyclic(edges)
    return tuple(sorted(edges))


def sorted_operations(changes: tuple[Change, ...], edges: tuple[Edge, ...]) -> tuple[Operation, ...]:
    """Return all operations so that none stands before what it waits for; plan order breaks ties."""
    rank = {operation: n for n, operation in enumerate(op for change in changes for op in operations(change))}
    sorter: TopologicalSorter[Operation] = TopologicalSorter(dict.fromkeys(rank, ()))
    for edge in edges:
        if edge.before in rank and edge.after in rank:
            sorter.add(edge.after, edge.before)
    sorter.prepare()
    result: list[Operation] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=rank.__getitem__)
        result += ready
        sorter.done(*ready)
    return tuple(result)


def _make(address: Address) -> Operation:
    return Operation(address, Half.MAKE)


def _drop(address: Address) -> Operation:
    return Operation(address, Half.DROP)


def _family_edges(changes: tuple[Change, ...], kinds: Mapping[str, Kind]) -> Iterator[Edge]:
    """Have a parent there before its children, rid of them before it goes, and note them when all is done."""
    for change in changes:
        above = change.address.parent
        if above is not None:
            yield Edge(_make(above), _make(change.address))
            yield Edge(_drop(change.address), _drop(above))
            if kinds[change.address.kind].mark is MarkHome.PARENT:
                seal = Operation(above, Half.SEAL)
                yield Edge(_make(change.address), seal, needs=False)
                yield Edge(_drop(change.address), seal, needs=False)
        yield Edge(_make(change.address), Operation(change.address, Half.SEAL))


def _ref_edges(changes: tuple[Change, ...]) -> Iterator[Edge]:
    for change in changes:
        for value in (*change.fields.values(), *change.at_creation.values()):
            for ref in refs_in(value):
                yield Edge(_make(ref.address), _make(change.address))


def _claim_edges(changes: tuple[Change, ...], observed: Graph, kinds: Mapping[str, Kind]) -> Iterator[Edge]:
    """Whoever lets a claim go does so before another takes it."""
    holders = _released(changes, observed, kinds)
    for change in changes:
        for claim in gained_claims(change, observed, kinds) & holders.keys():
            yield Edge(holders[claim], _make(change.address))


def gained_claims(change: Change, observed: Graph, kinds: Mapping[str, Kind]) -> frozenset[Claim]:
    """Return what a change newly wants to hold."""
    if change.action not in MAKES:
        return frozenset()
    wanted = kinds[change.address.kind].claims(change.address, change.fields)
    return wanted if change.action in _BIRTHS else wanted - _held(change.address, observed, kinds)


def _held(address: Address, observed: Graph, kinds: Mapping[str, Kind]) -> frozenset[Claim]:
    live = observed.resources.get(address)
    return kinds[address.kind].claims(address, live.fields) if live else frozenset()


def _released(
    changes: tuple[Change, ...], observed: Graph, kinds: Mapping[str, Kind]
) -> dict[Claim, Operation]:
    """Return claim → the operation that frees it; removing a resource frees what stands in it too."""
    by_parent: dict[Address, list[Address]] = defaultdict(list)
    for address in observed.resources:
        if address.parent is not None:
            by_parent[address.parent].append(address)
    released: dict[Claim, Operation] = {}
    for change in changes:
        held = _held(change.address, observed, kinds)
        if change.action in DROPS - {Action.RELEASE}:
            inside = _inside(change.address, by_parent)
            below = [claim for child in inside for claim in _held(child, observed, kinds)]
            released |= dict.fromkeys((*held, *below), _drop(change.address))
        elif change.action in MAKES - _BIRTHS:
            kept = kinds[change.address.kind].claims(change.address, change.fields)
            released |= dict.fromkeys(held - kept, _make(change.address))
    return released


def freed_sids(plan: Plan) -> frozenset[str]:
    """Return the sids of all live rows that a plan removes, and so of all that lets go of something."""
    going = DROPS - {Action.RELEASE}
    return frozenset(change.live.sid for change in plan.changes if change.action in going and change.live)


def _inside(address: Address, by_parent: Mapping[Address, list[Address]]) -> Iterator[Address]:
    for child in by_parent.get(address, ()):
        yield child
        yield from _inside(child, by_parent)


def _capacity_edges(
    changes: tuple[Change, ...], observed: Graph, kinds: Mapping[str, Kind]
) -> Iterator[Edge]:
    """Where all slots are taken (five webhooks), what goes leaves before what comes arrives."""
    families: dict[tuple[Address | None, str], list[Change]] = defaultdict(list)
    for change in changes:
        if kinds[change.address.kind].capacity is not None:
            families[change.address.parent, change.address.kind].append(change)
    rows = [*observed.resources.values(), *observed.strangers]
    for (above, name), siblings in families.items():
        arriving = [change.address for change in siblings if change.action in _BIRTHS]
        leaving = [change.address for change in siblings if change.action in DROPS]
        present = sum(1 for row in rows if (row.address.parent, row.address.kind) == (above, name))
        if leaving and present + len(arriving) > (kinds[name].capacity or 0):
            yield from (Edge(_drop(gone), _make(new)) for gone in leaving for new in arriving)


def _replace_edge(address: Address, following: Mapping[Operation, set[Operation]]) -> Edge:
    """Create first, unless something already says that the old one must be gone before."""
    make, drop = _make(address), _drop(address)
    return Edge(drop, make) if _reaches(drop, make, following) else Edge(make, drop)


def _reaches(start: Operation, goal: Operation, following: Mapping[Operation, set[Operation]]) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        operation = waiting.pop()
        if operation == goal:
            return True
        fresh = [after for after in following.get(operation, ()) if after not in seen]
        seen.update(fresh)
        waiting += fresh
    return False


def _check_acyclic(edges: set[Edge]) -> None:
    sorter: TopologicalSorter[Operation] = TopologicalSorter()
    for edge in edges:
        sorter.add(edge.after, edge.before)
    sorter.prepare()
