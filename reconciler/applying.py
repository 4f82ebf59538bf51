"""An approved plan → under the lease: planned again where that is needed, carried out, written down.

What was approved is what is done. Between the approval and the first write others may have been at work, so
the specs are compared with the account once more, and only what was approved remains.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError
from reconciler.model import Mode
from reconciler.record import Apply, Unfinished, address_print, lease
from reconciler.reviewed import Reviewed as Approved
from reconciler.reviewed import Scope, as_chosen, judge, reviewed, same_digest, seal
from reconciler.safety import NO_LIMITS
from reconciler.workflow import make_destroy_plan, make_plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from reconciler.brake import Brake
    from reconciler.gateway import Gateway
    from reconciler.model import Plan, Target
    from reconciler.pace import Clock
    from reconciler.record import Held, Holder, Lease, Record
    from reconciler.reviewed import Judgement
    from reconciler.safety import Limits
    from reconciler.stack import Stack
    from reconciler.workflow import Planned

DONE, LEFT = "done", "work left"


@dataclass(frozen=True, slots=True)
class Errand:
    """What a run is to bring about: a stack, in which mode, and how much of it."""

    stack: Stack
    mode: Mode = Mode.APPLY
    only: tuple[str, ...] = ()
    limits: Limits | None = None
    max_evidence: int = 100

    @property
    def scope(self) -> Scope:
        """Return what a digest covers of it beside the plan."""
        return Scope(self.mode, self.only, self.stack.on_remove)

    async def plan(self, gateway: Gateway) -> Planned:
        """Return the plan as things are. Only reads."""
        if self.mode is not Mode.APPLY:
            delete = self.mode is Mode.DELETE
            return await make_destroy_plan(self.stack, gateway, delete=delete, only=self.only)
        return await make_plan(
            self.stack, gateway, only=self.only, limits=self.limits, most_evidence=self.max_evidence
        )

    async def plan_again(self, gateway: Gateway, approved: Approved) -> tuple[Planned, Judgement]:
        """Return the plan as things are now, and what is left of the one that was approved. Only reads."""
        stack = replace(self.stack, desired=as_chosen(self.stack.desired, approved))
        fresh = await replace(self, stack=stack, limits=NO_LIMITS, only=()).plan(gateway)
        judgement = judge(approved, fresh, self.only)
        return replace(fresh, plan=judgement.remaining), judgement

    def approved(self, plan: Plan, key: bytes) -> Approved:
        """Return what one who approves `plan` approves."""
        return reviewed(plan, key, self.stack.desired)


def approved_by_digest(asked: str, record: Record | None, key: bytes) -> Approved | None:
    """Return what a digest approved that the record holds open: a remainder of it is still it."""
    unfinished = record.open if record else None
    if unfinished is None or not same_digest(asked, unfinished.digest):
        return None
    if unfinished.prints is None:
        raise ReconcilerError(
            f"digest {unfinished.digest} was too large for the record to say what is left of it",
            "Make a new plan: what is done stays done.",
        )
    if not same_digest(unfinished.seal, _seal(unfinished.digest, unfinished.prints, key)):
        raise ReconcilerError(
            f"what the record holds of digest {unfinished.digest} was not written under this key",
            "Use the RECONCILER_KEY, or without one the credential, that its apply was begun with; or make a "
            "new plan: what is done stays done.",
        )
    return Approved(unfinished.prints, key)


def _seal(name: str, prints: frozenset[str], key: bytes) -> str:
    return seal([name, sorted(prints)], key)


# --- the record --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    """What a run needs for its lease: the way to it, who asks, how long to wait, how long it is good for."""

    keeper: Gateway
    holder: Holder
    wait_s: float
    duration_s: float
    call_s: float
    waiting: Callable[[Held], None] = lambda _: None
    """Called once, with who holds the lease, before that run is waited for."""

    def told(self, at: str, name: str, result: str, counts: Mapping[str, int]) -> Apply:
        """Return what the record says of a run of this holder that ended `at` this time."""
        return Apply(self.holder.who, at, self.holder.commit, name, result, dict(counts))


@asynccontextmanager
async def leased(
    desk: Desk, stack: Stack, target: Target, brake: Brake, clock: Clock
) -> AsyncIterator[Lease | None]:
    """Hold the lease for the length of a block; None where the stack keeps no record."""
    if stack.record == "none":
        yield None
        return
    async with lease(
        desk.keeper,
        target,
        desk.holder,
        brake,
        clock,
        stack_id=stack.stack_id,
        wait_s=desk.wait_s,
        waiting=desk.waiting,
        duration_s=desk.duration_s,
        call_s=desk.call_s,
    ) as held:
        yield held


async def note_begin(held: Lease | None, name: str, approved: Approved, stack_id: str) -> None:
    """Write down, before the first call, that this digest is being carried out."""
    if held is not None:
        unfinished = Unfinished(name, approved.prints, _seal(name, approved.prints, approved.key))
        await held.write(lambda record: replace(record, stack_id=stack_id, open=unfinished))


async def note_end(held: Lease | None, told: Apply, made: frozenset[str] | None) -> None:
    """Write down how a run ended; one that left work stays open.

    `made` are prints of all that exists now, None where this run cannot tell.
    """

    def ended(record: Record) -> Record:
        finished = told.result == DONE
        return replace(
            record,
            open=None if finished else record.open,
            applies=(*record.applies, told),
            made=made if made is not None else record.made,
        )

    if held is not None:
        await held.write(ended)


def made_by(errand: Errand, planned: Planned) -> frozenset[str] | None:
    """Return prints of all that exists after a run that did everything; None where it had to leave things."""
    if errand.only or planned.plan.left_out:
        return None
    return frozenset(map(address_print, errand.stack.desired.resources if errand.mode is Mode.APPLY else ()))
