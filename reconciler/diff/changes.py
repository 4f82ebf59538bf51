"""Desired graph × observed graph → the changes of a plan, in the order they are shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from graphlib import CycleError
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.diff import compare, once
from reconciler.diff.order import edges_of
from reconciler.diff.records import sids_of, with_records
from reconciler.diff.removals import done_removals, plain, protected_rows
from reconciler.diff.renames import likely_renames
from reconciler.diff.sides import Removal, Sides, ancestors
from reconciler.kinds.base import Kind, MarkHome, Way
from reconciler.model import (
    Action,
    Address,
    Change,
    Graph,
    Mark,
    Plan,
    Ref,
    Resource,
    Target,
    settled,
)
from reconciler.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.pairing import Observed


def diff(
    desired: Graph,
    observed: Observed,
    kinds: tuple[Kind, ...],
    target: Target,
    removal: Removal = Removal.CLOSE,
    transitions: Transitions | None = None,
) -> Plan:
    """Return the plan that turns the observed graph into the desired one.

    Refused addresses and what stands in them are left out. The same graphs give the same plan, whatever the
    order of their resources.
    """
    consents = transitions or Transitions()
    by_name = {kind.name: kind for kind in kinds}
    order = {kind.name: n for n, kind in enumerate(kinds)}
    sides = Sides(
        desired, observed.graph, by_name, order, target.owner, removal, consents, _superseded(observed.graph)
    )
    left_out = _left_out(sides, observed.refused)
    changes = {
        **_wanted_changes(sides, left_out),
        **_removals(sides, left_out),
        **_expulsions(sides, left_out),
    }
    crowded = _over_capacity(sides, changes)
    kept, protected = protected_rows(sides, changes)
    problems = [
        *observed.diagnostics,
        *_finished(sides),
        *once.untold(sides, sorted(desired.resources.keys() - left_out, key=sides.rank)),
        *_doubles(sides, changes),
        *crowded.values(),
        *protected,
        *done_removals(sides),
        *likely_renames(sides),
    ]
    allowed = {
        a: c
        for a, c in changes.items()
        if a not in kept and (c.action is not Action.CREATE or (a.parent, a.kind) not in crowded)
    }
    held_back = left_out | (changes.keys() - allowed.keys())
    changes = with_records(sides, allowed, left_out)
    ordered = tuple(changes[address] for address in sorted(changes, key=sides.rank))
    plan = Plan(
        target,
        changes=ordered,
        sids=sids_of(sides, ordered),
        unchanged=len(desired.resources.keys() - changes.keys() - left_out)
        + sum(1 for change in ordered if change.action is Action.NONE),
        strangers=tuple(
            row
            for row in sorted(sides.observed.strangers, key=lambda row: sides.rank(row.address))
            if row.address not in changes
        ),
        diagnostics=tuple(problems),
        left_out=held_back,
    )
    return _with_edges(plan, sides) if plan.visible else replace(plan, changes=())


def _superseded(observed: Graph) -> dict[Address, str]:
    """Return address → the sid of the row that has to make way for it."""
    leaving = ((plain(address), row) for address, row in observed.resources.items() if "~" in address.key)
    return {address: row.live.sid for address, row in leaving if row.live}


def _with_edges(plan: Plan, sides: Sides) -> Plan:
    try:
        return replace(plan, edges=edges_of(plan.changes, sides.observed, sides.kinds))
    except CycleError as ring:
        names = sorted({str(operation.address) for operation in ring.args[1]})
        problem = diagnostics.error(
            f"these exchange names in a ring: {', '.join(names)}",
            "Give one of them another name in between, apply, and then the name it is to have.",
        )
        involved = {operation.address for operation in ring.args[1]}
        rest = replace(
            plan,
            changes=tuple(change for change in plan.changes if change.address not in involved),
            diagnostics=(*plan.diagnostics, problem),
            left_out=plan.left_out | involved,
        )
        return _with_edges(rest, sides)


def _is_finished(sides: Sides, address: Address) -> bool:
    """Whether the live resource has ended its life (closed) and so cannot be changed; it can be deleted."""
    if sides.removal is Removal.DELETE and address not in sides.desired.resources:
        return False
    live = sides.observed.resources.get(address)
    states = sides.kinds[address.kind].open_states
    return bool(live and live.live and states and live.live.state and live.live.state not in states)


def _left_out(sides: Sides, refused: frozenset[Address]) -> frozenset[Address]:
    everything = sides.desired.resources.keys() | sides.observed.resources.keys()
    return frozenset(
        address
        for address in everything
        if any(above in refused or _is_finished(sides, above) for above in ancestors(address))
    )


def _finished(sides: Sides) -> Iterator[Diagnostic]:
    for address, wanted in sides.desired.resources.items():
        if not _is_finished(sides, address) or wanted.policy.get("on_closed") == "leave":
            continue
        live = sides.observed.resources[address].live
        yield diagnostics.error(
            f"it is closed ({live.sid if live else ''}), and `on_closed: fail` forbids that",
            "A closed conversation cannot be opened again. Use `on_closed: recreate` for a successor.",
            address=address,
            place=wanted.place,
        )


# --- what is wanted ----------------------------------------------------------------------------------------


def _wanted_changes(sides: Sides, left_out: frozenset[Address]) -> dict[Address, Change]:
    reborn: set[Address] = set()
    changes: dict[Address, Change] = {}
    wanted = [address for address in sides.desired.resources if address not in left_out]
    for address in sorted(wanted, key=sides.rank):
        live = sides.observed.resources.get(address)
        if (
            live is None
            or any(above in reborn for above in ancestors(address))
            or _replaced(sides, address, live)
        ):
            reborn.add(address)
    for address in sorted(wanted, key=sides.rank):
        known = _known(sides, sides.desired.resources[address], reborn)
        change = _wanted_change(sides, known, reborn)
        if change is not None:
            changes[address] = change
    return changes


def _replaced(sides: Sides, address: Address, live: Resource) -> bool:
    kind = sides.kinds[address.kind]
    return compare.must_replace(kind, compare.edits_between(kind, sides.desired.resources[address], live))


def _wanted_change(sides: Sides, wanted: Resource, reborn: set[Address]) -> Change | None:
    address, kind = wanted.address, sides.kinds[wanted.address.kind]
    live = sides.observed.resources.get(address)
    parent_reborn = address.parent in reborn
    if live is None or live.live is None or parent_reborn:
        return (
            None
            if once.is_consumed(sides, wanted, parent_reborn=parent_reborn)
            else _creation(sides, kind, wanted)
        )
    edits = compare.edits_between(kind, wanted, live)
    if compare.must_replace(kind, edits):
        mark = compare.new_mark(kind, sides.owner, wanted, (), None, fresh=True)
        mark = replace(mark, predecessor=live.live.sid) if mark else None
        return replace(
            _change(Action.REPLACE, wanted, mark), edits=edits, live=live.live, live_fields=live.fields
        )
    before = live.live.mark
    mark = compare.new_mark(kind, sides.owner, wanted, edits, before, fresh=before is None)
    mark = replace(mark, predecessor=_predecessor(sides, wanted, before)) if mark else None
    action, why = _kept_action(sides, kind, wanted, before)
    if action is Action.NONE and not edits:
        return None
    action = Action.UPDATE if action is Action.NONE else action
    change = replace(_change(action, wanted, mark), edits=edits, live=live.live, live_fields=live.fields)
    return replace(change, why=why)


def _predecessor(sides: Sides, wanted: Resource, before: Mark | None) -> str:
    """Return the sid of the row that had this key until now and is on its way out: it stays known as ours."""
    return sides.superseded.get(wanted.address) or (before.predecessor if before else "")


def _kept_action(sides: Sides, kind: Kind, wanted: Resource, mark: Mark | None) -> tuple[Action, str]:
    """Say what a row that stays needs beyond its edits."""
    if kind.mark is not MarkHome.ATTRIBUTES:
        return Action.NONE, ""
    if mark is None:
        if kind.takes_over or sides.transitions.adoption(wanted.address):
            return Action.ADOPT, "stands here already and is managed from now on"
        return Action.UPDATE, "its mark was lost and is written again"
    if mark.key != wanted.address.key:
        return Action.UPDATE, f"was {kind.name}/{mark.key}"
    if mark.owner != sides.owner:
        return Action.UPDATE, f"was of stack {mark.owner}"
    if mark.protected != bool(wanted.policy.get("protect")):
        return Action.UPDATE, "is no longer protected" if mark.protected else "is protected from now on"
    return Action.NONE, ""


def _creation(sides: Sides, kind: Kind, wanted: Resource) -> Change | None:
    if kind.singleton:  # it comes into being with what it stands in
        return replace(_change(Action.UPDATE, wanted, None), edits=compare.create_edits(wanted))
    if Way.CREATE not in kind.ways:
        return None
    mark = compare.new_mark(kind, sides.owner, wanted, (), None, fresh=True)
    change = _change(Action.CREATE, wanted, mark)
    return replace(change, edits=compare.create_edits(wanted), at_creation=wanted.at_creation)


def _change(action: Action, wanted: Resource, mark: Mark | None) -> Change:
    return Change(action, wanted.address, fields=wanted.fields, mark=mark, place=wanted.place)


def _known(sides: Sides, wanted: Resource, reborn: set[Address]) -> Resource:
    """Put in the place of every Ref to a resource that stays what that resource's attribute is."""
    known = partial(_attribute, sides, reborn)
    return replace(
        wanted,
        fields={path: settled(value, known) for path, value in wanted.fields.items()},
        at_creation={path: settled(value, known) for path, value in wanted.at_creation.items()},
    )


def _attribute(sides: Sides, reborn: set[Address], ref: Ref) -> str | None:
    live = sides.observed.resources.get(ref.address)
    if live is None or live.live is None or ref.address in reborn:
        return None
    return live.live.attribute(ref.attribute)


# --- what vanished -----------------------------------------------------------------------------------------


def _removals(sides: Sides, left_out: frozenset[Address]) -> dict[Address, Change]:
    """Remove what is ours and no longer wanted: every row here carries our mark, or our record of it."""
    gone = [a for a in sides.observed.resources if a not in sides.desired.resources and a not in left_out]
    removals: dict[Address, Change] = {}
    for address in sorted(gone, key=sides.rank):
        above = next((removals[one] for one in ancestors(address) if one in removals), None)
        action = _removal(sides, address, above)
        live = sides.observed.resources[address]
        if action is not None and live.live is not None:
            removals[address] = Change(action, address, live=live.live, live_fields=live.fields)
    return removals


def _expulsions(sides: Sides, left_out: frozenset[Address]) -> dict[Address, Change]:
    """Remove what others added where the specs say that only what they mention may stand there."""
    gone: dict[Address, Change] = {}
    for row in sides.observed.strangers:
        parent = sides.desired.resources.get(row.address.parent) if row.address.parent else None
        exclusive = parent.policy.get("exclusive") if parent and parent.address not in left_out else None
        kind = sides.kinds[row.address.kind]
        unmarked = row.live is not None and row.live.mark is None
        if isinstance(exclusive, list) and kind.plural in exclusive and unmarked and Way.DELETE in kind.ways:
            why = f"only what the specs mention stands here: exclusive: [{kind.plural}]"
            gone[row.address] = Change(
                Action.DELETE, row.address, live=row.live, live_fields=row.fields, why=why
            )
    return gone


def _removal(sides: Sides, address: Address, above: Change | None) -> Action | None:
    kind = sides.kinds[address.kind]
    line = sides.transitions.removed.get(plain(address))
    how = line.how if line else sides.removal.value
    own = Action(how) if kind.open_states else Action.DELETE
    if own is Action.DELETE and Way.DELETE not in kind.ways:
        return None
    if above is None:
        return own
    if above.action is Action.CLOSE:
        return None if kind.stays_when_closed else Action.DELETE
    if above.action is Action.RELEASE and kind.mark is MarkHome.ATTRIBUTES:
        return Action.RELEASE
    return None


def _doubles(sides: Sides, changes: Mapping[Address, Change]) -> Iterator[Diagnostic]:
    """Say which rows of nobody's are just like one of ours: no mark can tell whose they are."""
    recorded = {name for name, kind in sides.kinds.items() if kind.mark is MarkHome.PARENT}
    ours = {
        (a.parent, a.kind, sides.kinds[a.kind].natural_key(row.fields)): a
        for a, row in sides.observed.resources.items()
        if a.kind in recorded
    }
    for row in sides.observed.strangers:
        kind, parent = sides.kinds[row.address.kind], row.address.parent
        twin = ours.get((parent, kind.name, kind.natural_key(row.fields))) if kind.name in recorded else None
        if twin is not None and row.address not in changes:
            yield diagnostics.warning(
                f"{row.address.key} is equal to this one, and both are at work",
                "It may be ours: where the answer to a creation is lost, it can arrive later than anybody "
                f"waits. Delete it unless others want it, or write exclusive: [{kind.plural}] there.",
                address=twin,
            )


def _over_capacity(
    sides: Sides, changes: Mapping[Address, Change]
) -> dict[tuple[Address | None, str], Diagnostic]:
    """Return, by parent and kind, where Twilio's limit leaves no room beside what others added."""
    crowded: dict[tuple[Address | None, str], Diagnostic] = {}
    wanted = Counter((a.parent, a.kind) for a in sides.desired.resources)
    staying = (r.address for r in sides.observed.strangers if r.address not in changes)
    others = Counter((a.parent, a.kind) for a in staying)
    for address, change in changes.items():
        kind, family = sides.kinds[address.kind], (address.parent, address.kind)
        if kind.capacity is None or change.action is not Action.CREATE or family in crowded:
            continue
        if wanted[family] + others[family] > kind.capacity:
            crowded[family] = diagnostics.error(
                f"{wanted[family]} {kind.plural} are wanted beside {others[family]} that others added; "
                f"Twilio allows {kind.capacity}",
                f"Remove {wanted[family] + others[family] - kind.capacity} of them. "
                "None is created until there is room.",
                address=address.parent,
                place=change.place,
            )
    return crowded
