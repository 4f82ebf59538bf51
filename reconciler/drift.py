"""A plan → the part of it that others are the cause of: no weather, no edit of the specs.

The field map in each mark tells who made a difference, and the names in it what was there once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import Severity
from reconciler.kinds import KINDS
from reconciler.kinds.base import Kind, Way
from reconciler.model import Action, Address, Cause, Graph, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Change
    from reconciler.workflow import Planned

REMOVED = "others removed it"
UNMARKED = "it bears no mark of ours: others rewrote its attributes, or added it"
REMOVALS = frozenset({Action.CLOSE, Action.DELETE, Action.RELEASE})
_THEIRS = (Cause.THEY, Cause.BOTH)


@dataclass(frozen=True, slots=True)
class Drift:
    """What others changed, as a plan that would put it back, and how much differs for other reasons.

    The `closed` of `planned` are those that closed by themselves where the specs forbid it. `pending` counts
    changes that the specs ask for, `untold` edits of which the mark does not tell who made the difference.
    """

    planned: Planned
    pending: int = 0
    untold: int = 0

    @property
    def plan(self) -> Plan:
        """What others changed."""
        return self.planned.plan

    @property
    def is_there(self) -> bool:
        """Whether others changed anything."""
        return bool(self.plan.visible or self.planned.closed)


def drift_of(planned: Planned, desired: Graph, kinds: tuple[Kind, ...] = KINDS) -> Drift:
    """Return the part of a plan that others are the cause of: no weather, no edit of the specs.

    What others deleted wholly is in it where the stack's record knows that it was there.
    """
    plan, by_name = planned.plan, {kind.name: kind for kind in kinds}
    pairs = [(change, _drifted(change, plan, desired, by_name)) for change in plan.visible]
    found = {one.address: one for _, one in pairs if one is not None}
    rest = [change for change, one in pairs if one is None]
    problems = tuple(one for one in plan.diagnostics if _tells_of_others(one, desired))
    refused = {one.address for one in problems}
    closed = tuple(
        one for one in planned.closed if one.address in refused and _on_closed(desired, one.address) == "fail"
    )
    part = replace(
        plan,
        changes=tuple(found.values()),
        edges=tuple(e for e in plan.edges if {e.before.address, e.after.address} <= found.keys()),
        unchanged=plan.unchanged + sum(1 for c in rest if c.live and c.address in desired.resources),
        strangers=(),
        diagnostics=problems,
    )
    pending = sum(1 for change in plan.visible if _is_asked_for(change, found))
    known = (change for change in plan.visible if change.live and not _lost_its_mark(change))
    untold = sum(1 for change in known for edit in change.edits if edit.cause is None)
    return Drift(replace(planned, plan=part, closed=closed), pending, untold)


def _is_asked_for(change: Change, found: Mapping[Address, Change]) -> bool:
    """Whether a change, or a part of it, is what the specs ask for and not drift."""
    causes = {edit.cause for edit in change.edits}
    lost = _lost_its_mark(change)
    if change.address in found:
        return Cause.YOU in causes and not lost and change.live is not None
    made = {address for address, one in found.items() if one.action is Action.CREATE}
    if made & {*lineage(change.address)}:
        return False
    return lost or change.live is None or causes != {None}


def _tells_of_others(one: Diagnostic, desired: Graph) -> bool:
    """Whether a diagnostic is about what is there: not about lines of the specs that are done."""
    if one.severity is Severity.ERROR:
        return one.address in desired.resources
    return one.address is not None and one.place is None


def _drifted(change: Change, plan: Plan, desired: Graph, kinds: Mapping[str, Kind]) -> Change | None:
    """Return what of a change others are the cause of, or None."""
    kind = kinds[change.address.kind]
    if change.action is Action.CREATE:
        return _vanished(change, plan) or _succeeding(change, desired, kind)
    if change.live is None or change.action in REMOVALS:
        # A row without an address of ours is called by its sid: it goes because others added it.
        return change if change.live and change.live.sid == change.address.key else None
    lost = _lost_its_mark(change)
    if lost and change.action is Action.ADOPT:
        if _is_taken_over(change.address, plan):
            return None
        change = replace(change, why=UNMARKED)
    edits = tuple(e for e in change.edits if e.cause in _THEIRS or (lost and e.cause is None))
    if not (edits or lost):
        return None
    needs_new = any(edit.path[0] in kind.create_only for edit in edits) or Way.UPDATE not in kind.ways
    action = Action.UPDATE if change.action is Action.REPLACE and not needs_new else change.action
    return replace(change, action=action, edits=edits)


def _lost_its_mark(change: Change) -> bool:
    return change.live is not None and change.live.mark is None and change.mark is not None


def _is_taken_over(address: Address, plan: Plan) -> bool:
    """Whether an adoption is what the specs ask for: of a whole conversation, with what stands in it."""
    adopted = {change.address for change in plan.changes if change.action is Action.ADOPT}
    return address.parent is None or address.parent in adopted


def _vanished(change: Change, plan: Plan) -> Change | None:
    """Return the creation of what was there once: the record says so, or its parent's mark."""
    if change.why == REMOVED:
        return change
    parent = next((one for one in plan.changes if one.address == change.address.parent), None)
    mark = parent.live.mark if parent and parent.live else None
    return replace(change, why=REMOVED) if mark and change.address.key in mark.children else None


def _succeeding(change: Change, desired: Graph, kind: Kind) -> Change | None:
    """Return the creation of a successor, known by another name than the specs give, without its content."""
    wanted = desired.resources.get(change.address)
    if wanted is None or _on_closed(desired, change.address) != "recreate":
        return None
    before, after = kind.natural_key(wanted.fields), kind.natural_key(change.fields)
    if not isinstance(before, str) or not isinstance(after, str) or before == after:
        return None
    edits = tuple(edit for edit in change.edits if edit.after == after)
    return replace(change, edits=edits, at_creation={}, why=f"{before} has closed, and {after} succeeds it")


def _on_closed(desired: Graph, address: Address) -> object:
    wanted = desired.resources.get(address)
    return wanted.policy.get("on_closed") if wanted else None


def lineage(address: Address) -> Iterator[Address]:
    """Yield an address and all that it stands in, from the inside out."""
    above: Address | None = address
    while above is not None:
        yield above
        above = above.parent
