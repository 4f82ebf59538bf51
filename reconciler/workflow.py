"""The compositions: specs to a plan, a plan to events. No printing, no exit codes.

Who calls gives the gateway and the clock, so that a command, a test and a server can all use this.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.desired import read_desired
from reconciler.diagnostics import SpecError
from reconciler.diff import Removal, diff, is_within, operations, part
from reconciler.documents import read_stack
from reconciler.drift import REMOVED, lineage
from reconciler.evidence import MOST_READS, held_elsewhere, transcripts, unasked
from reconciler.kinds import KINDS
from reconciler.model import Action, Graph, Operation, Plan, Resource, Target
from reconciler.nodes import Mapping as Block
from reconciler.observed import observe, resolve_service
from reconciler.outputs import Answers, answer
from reconciler.record import address_print, read_record, require_own
from reconciler.safety import Limits, refuse_lost_transcripts, refuse_mass_removal, refuse_recipients
from reconciler.transitions import Transitions
from reconciler.variables import concealed, concealed_unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from reconciler.diagnostics import Diagnostic
    from reconciler.gateway import Gateway
    from reconciler.kinds.base import Kind
    from reconciler.model import Address, Place
    from reconciler.pairing import Observed
    from reconciler.record import Seen
    from reconciler.stack import Stack
    from reconciler.variables import Inputs


@dataclass(frozen=True, slots=True)
class Specs:
    """A stack that was read: what it says, what deserves a look, and the lines to quote."""

    stack: Stack
    warnings: tuple[Diagnostic, ...]
    sources: Mapping[str, tuple[str, ...]]
    folder: Path
    file_count: int
    senders: Mapping[str, Place] = field(default_factory=dict)
    """Where each sender is written, by its name."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the live resources of ours that have ended their life and stay as they are.

    `there` is what stands live at each address of ours, planned or not. `record` is what the stack wrote down
    about itself; None where it keeps no record, or has none yet.
    """

    plan: Plan
    closed: tuple[Resource, ...] = ()
    there: Mapping[Address, Resource] = field(default_factory=dict)
    record: Seen | None = None


def read_specs(path: Path, inputs: Inputs, kinds: tuple[Kind, ...] = KINDS) -> Specs:
    """Read the stack at `path`, offline. Raises SpecError with every problem."""
    try:
        document = read_stack(path)
    except SpecError as fault:
        raise SpecError(fault.diagnostics, concealed_unread(fault.sources)) from fault
    stack, warnings = read_desired(document, kinds, inputs)
    sources = concealed(document.sources, document.root)
    block = document.root.get("senders")
    senders = {entry.key.text: entry.key.place for entry in block} if isinstance(block, Block) else {}
    return Specs(stack, warnings, sources, document.folder, len(document.files), senders)


async def make_plan(
    stack: Stack,
    gateway: Gateway,
    *,
    only: Sequence[str] = (),
    limits: Limits | None = None,
    most_evidence: int = MOST_READS,
    kinds: tuple[Kind, ...] = KINDS,
) -> Planned:
    """Compare a stack with the account behind `gateway` and return the plan. Only reads.

    `limits` stand for the stack's own where they are given; at most `most_evidence` parties are asked about.
    What safety refuses is left out and told.
    """
    target = await target_of(stack, gateway)
    seen = await _own_record(stack, gateway, target)
    desired, observed = await observe(gateway, stack.desired, kinds, target, stack.transitions)
    while True:
        plan = diff(desired, observed, kinds, target, Removal(stack.on_remove), stack.transitions)
        # What is refused no longer frees anything, so what waited for that is asked about again.
        refused = await _refused(plan, observed, gateway, kinds, stack, limits or stack.limits, most_evidence)
        if not refused:
            plan = _with_unasked(plan, unasked(plan, observed.graph, kinds, most_evidence))
            plan = _with_vanished(plan, seen)
            known = (*desired.resources, *observed.graph.resources)
            closed = _closed(observed.graph, kinds)
            return Planned(restricted(plan, only, known), closed, observed.graph.resources, seen)
        observed = replace(
            observed,
            refused=observed.refused | refused.keys(),
            diagnostics=(*observed.diagnostics, *dict.fromkeys(refused.values())),
        )


async def _own_record(stack: Stack, gateway: Gateway, target: Target) -> Seen | None:
    """Return what the stack wrote down about itself. Raises RefusedError where that is another's."""
    seen = await read_record(gateway, target) if stack.record == "sync" else None
    if seen is not None:
        require_own(seen.record, stack.stack_id)
    return seen


def _with_vanished(plan: Plan, seen: Seen | None) -> Plan:
    """Say of what is to be created that it was there after the last apply."""
    made = (seen.record.made if seen else None) or frozenset()
    return replace(
        plan,
        changes=tuple(
            replace(change, why=change.why or REMOVED)
            if change.action is Action.CREATE and address_print(change.address) in made
            else change
            for change in plan.changes
        ),
    )


def _with_unasked(plan: Plan, count: int) -> Plan:
    """Say so where the evidence is not whole."""
    if not count:
        return plan
    problem = diagnostics.warning(
        f"{count:,} of the new parties were not asked about: somebody may hold their pair",
        "Twilio would refuse those in the middle of an apply. Ask about more of them: --max-evidence N.",
    )
    return replace(plan, diagnostics=(*plan.diagnostics, problem))


async def _refused(
    plan: Plan,
    observed: Observed,
    gateway: Gateway,
    kinds: tuple[Kind, ...],
    stack: Stack,
    limits: Limits,
    most_evidence: int,
) -> dict[Address, Diagnostic]:
    """Return the addresses that a plan must not touch, and why: limits first, they cost no read."""
    by_name = {kind.name: kind for kind in kinds}
    if too_many := refuse_mass_removal(plan, observed.graph, by_name, limits):
        return too_many
    if strangers := refuse_recipients(plan, by_name, stack.recipients, stack.owner.environment):
        return strangers
    lost = await transcripts(gateway, plan, kinds)
    return {
        **refuse_lost_transcripts(plan, by_name, lost, stack.transitions),
        **await held_elsewhere(gateway, plan, observed.graph, kinds, most_evidence),
    }


async def make_destroy_plan(
    stack: Stack,
    gateway: Gateway,
    *,
    delete: bool,
    only: Sequence[str] = (),
    kinds: tuple[Kind, ...] = KINDS,
) -> Planned:
    """Return the plan that leaves nothing of the stack open, or with `delete` nothing at all. Only reads."""
    target = await target_of(stack, gateway)
    seen = await _own_record(stack, gateway, target)
    consents = Transitions(moved=stack.transitions.moved, removed=stack.transitions.removed)
    _, observed = await observe(gateway, Graph(), kinds, target, consents, include_closed=True)
    plan = diff(Graph(), observed, kinds, target, Removal.DELETE if delete else Removal.CLOSE, consents)
    plan = restricted(plan, only, observed.graph.resources)
    closed = () if delete else _closed(observed.graph, kinds)
    return Planned(plan, closed, observed.graph.resources, seen)


async def ask_outputs(stack: Stack, gateway: Gateway, kinds: tuple[Kind, ...] = KINDS) -> Answers:
    """Return what every output of a stack is now. Only reads."""
    target = await target_of(stack, gateway)
    _, observed = await observe(gateway, stack.desired, kinds, target, stack.transitions)
    answers = tuple(answer(output, observed.graph) for output in stack.outputs)
    # What is refused never comes by itself; nor does what stands in it.
    waiting = {step for one in answers for ref in one.waits_for for step in lineage(ref.address)}
    problems = tuple(p for p in observed.diagnostics if p.address in waiting)
    return Answers(target, answers, problems)


async def target_of(stack: Stack, gateway: Gateway) -> Target:
    """Return what plans of a stack are for: its service is looked up by name. Only reads."""
    sid = await resolve_service(gateway, stack.service)
    return Target(stack.owner, sid, stack.service, gateway.account_sid)


def _closed(observed: Graph, kinds: tuple[Kind, ...]) -> tuple[Resource, ...]:
    states = {kind.name: kind.open_states for kind in kinds}
    return tuple(
        resource
        for resource in observed.resources.values()
        if resource.live
        and states[resource.address.kind]
        and resource.live.state not in states[resource.address.kind]
    )


def restricted(plan: Plan, only: Sequence[str], known: Iterable[Address]) -> Plan:
    """Return the part of `plan` whose addresses match one of the globs, with all that it needs.

    `conversation/order-*` takes what stands in those conversations with it. `known` is all there is to match,
    planned or live. Raises ReconcilerError where a glob matches nothing of it.
    """
    if not only:
        return plan
    _check_globs(only, {*known, *(change.address for change in plan.changes)})
    chosen = {
        operation
        for change in plan.changes
        if is_within(change.address, only)
        for operation in operations(change)
    }
    wanted = _with_needs(plan, chosen)
    addresses = {operation.address for operation in wanted}
    kept = part(plan, addresses)
    left = len(plan.visible) - len(kept.visible)
    problems = tuple(p for p in plan.diagnostics if p.address is None or is_within(p.address, only))
    if left:
        more = "1 more change is" if left == 1 else f"{left:,} more changes are"
        problems += (diagnostics.warning(f"{more} outside of --only"),)
    return replace(kept, diagnostics=problems)


def _check_globs(only: Sequence[str], known: set[Address]) -> None:
    """Most likely a glob that matches nothing is a slip: doing nothing for it would look like success."""
    for glob in only:
        if any(is_within(address, [glob]) for address in known):
            continue
        names = sorted(str(address) for address in known)
        near = get_close_matches(glob, names, n=3) or sorted(names, key=len)[:3]
        detail = f"Nearest: {', '.join(near)}." if near else "There is nothing of this stack at all."
        raise diagnostics.ReconcilerError(f"--only {glob} matches no address", detail)


def _with_needs(plan: Plan, chosen: set[Operation]) -> set[Operation]:
    """Add whatever the chosen operations wait for, so that none of them finds its ground missing."""
    needs: dict[Operation, list[Operation]] = {}
    for edge in plan.edges:
        needs.setdefault(edge.after, []).append(edge.before)
    seals = {op for change in plan.changes for op in operations(change) if change.records is not None}
    wanted, waiting = set(chosen), list(chosen)
    while waiting:
        operation = waiting.pop()
        parent = operation.address.parent
        sealing = {seal for seal in seals if seal.address == parent and seal.half == "seal"}
        fresh = (
            {before for before in needs.get(operation, ()) if operation.half != "seal"} | sealing
        ) - wanted
        wanted |= fresh
        waiting += fresh
    return wanted
