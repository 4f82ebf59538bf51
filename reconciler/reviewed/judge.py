"""What was approved × a fresh plan → what remains of it, what is done, what is not ours to do, what moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.diff import is_within, part
from reconciler.model import Half
from reconciler.reviewed.entries import REMOVALS, Ground, birth_of, births, entry_of
from reconciler.reviewed.moved import (
    held_back,
    never_reviewed,
    no_longer_ours,
    no_longer_so,
    still_there,
    waits_for,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Address, Change, Fields, Plan, Resource
    from reconciler.reviewed.prints import Reviewed
    from reconciler.workflow import Planned


@dataclass(frozen=True, slots=True)
class Judgement:
    """A fresh plan beside an approved one. Where something `moved`, nothing may be carried out.

    `remaining` is the part of the fresh plan to carry out. `done` are approved addresses whose result is
    there; without the approved plan at hand nobody can name them. `left_alone` are changes at addresses that
    the approved plan does not contain: not ours to make in this run.
    """

    remaining: Plan
    done: tuple[Address, ...] = ()
    left_alone: tuple[Change, ...] = ()
    moved: tuple[Diagnostic, ...] = ()


def judge(approved: Reviewed, fresh: Planned, only: Sequence[str] = ()) -> Judgement:
    """Compare what was approved with the plan as it is now, change by change.

    Make the fresh plan from the same specs, without globs, so that nothing is taken for done that is only
    out of sight, and without limits: they were kept when the plan was approved, and nothing else is carried
    out. Where only the prints of the approved plan are at hand, whatever they do not cover has moved, if it
    is within `only` (all, where there are none).
    """
    ground = _ground(approved, fresh)
    plan = fresh.plan
    going = {c.address for c in plan.visible if approved.covers(entry_of(c, ground))}
    remaining = part(plan, going)
    others = [change for change in plan.visible if change.address not in going]
    left_alone: tuple[Change, ...] = ()
    done: tuple[Address, ...] = ()
    if approved.plan is None:
        outside = [change for change in others if only and not is_within(change.address, only)]
        moved = {change.address: never_reviewed(change) for change in others if change not in outside}
        left_alone = tuple(outside)
    else:
        known = {change.address: change for change in approved.plan.visible}
        moved = {c.address: no_longer_so(known[c.address], c) for c in others if c.address in known}
        moved |= _held_back(approved.plan, fresh)
        left_alone = tuple(change for change in others if change.address not in known)
        done = _done(approved.plan, remaining, moved)
    moved = _blocked(plan, going) | moved
    remaining = replace(remaining, diagnostics=(*plan.diagnostics, *map(_alone, left_alone)))
    return Judgement(remaining, done, left_alone, tuple(moved[address] for address in sorted(moved)))


def _ground(approved: Reviewed, fresh: Planned) -> Ground:
    """Return what the fresh plan's entries stand on; what was approved to be created counts as not yet so."""
    unborn = births(fresh.plan)
    newborn = {
        address: row.live
        for address, row in fresh.there.items()
        if row.live and address not in unborn and approved.covers(birth_of(address))
    }
    return Ground(unborn, fresh.plan.sids, newborn)


def _held_back(plan: Plan, fresh: Planned) -> dict[Address, Diagnostic]:
    """Return the approved addresses for which nothing is planned although their result is missing."""
    changing = {change.address for change in fresh.plan.visible}
    going = {change.live.sid for change in fresh.plan.visible if change.live}
    over = {row.live.sid for row in fresh.closed if row.live}
    staying = {row.live.sid for row in fresh.there.values() if row.live} - going - over
    staying |= {row.live.sid for row in fresh.plan.strangers if row.live}
    problems: dict[Address, Diagnostic] = {}
    for change in plan.visible:
        if change.address in changing:
            continue
        if change.action in REMOVALS:
            if change.live and change.live.sid in staying:
                problems[change.address] = still_there(change)
        elif change.address in fresh.plan.left_out:
            problems[change.address] = held_back(change, fresh)
        elif kept := _not_cleared(change, fresh.there.get(change.address)):
            problems[change.address] = no_longer_ours(change, kept)
    return problems


def _not_cleared(change: Change, row: Resource | None) -> Fields:
    """Return what was to be cleared and is there: others have changed it since, so it is no longer ours."""
    paths = {edit.path for edit in change.edits if edit.after is None}
    return {path: value for path, value in row.fields.items() if path in paths} if row else {}


def _done(plan: Plan, going: Plan, moved: Collection[Address]) -> tuple[Address, ...]:
    """Return the approved addresses of which nothing is left to do, there or with the row that was there."""
    addresses = {change.address for change in going.visible} | {*moved}
    sids = {change.live.sid for change in going.visible if change.live}
    return tuple(
        change.address
        for change in plan.visible
        if change.address not in addresses and not (change.live and change.live.sid in sids)
    )


def _blocked(plan: Plan, going: set[Address]) -> dict[Address, Diagnostic]:
    """Return what now has to wait for a change that nobody approved; what it stands in is no obstacle."""
    visible = {change.address for change in plan.visible}
    return {
        edge.after.address: waits_for(edge.after.address, edge.before.address)
        for edge in plan.edges
        if edge.after.address in going
        and edge.before.address in visible - going
        and edge.after.half is not Half.SEAL
        and edge.before.half is not Half.SEAL
        and edge.after.address.parent != edge.before.address
    }


def _alone(change: Change) -> Diagnostic:
    return diagnostics.warning(
        f"{change.action.value}: not in the plan that was reviewed, so left as it is",
        "Make a new plan to see it.",
        address=change.address,
        place=change.place,
    )
