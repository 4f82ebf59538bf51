"""A stack and an empty emulator → the stack applied there, and who takes part in it as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import SpecError, error
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.model import EventKind
from reconciler.scenarios.cast import Cast
from reconciler.workflow import make_plan

if TYPE_CHECKING:
    from reconciler.gateway import Gateway
    from reconciler.pace import Clock
    from reconciler.workflow import Specs


async def set_up(specs: Specs, gateway: Gateway, clock: Clock, default: str) -> Cast:
    """Apply a stack to an empty emulator and return its cast. Raises SpecError where that cannot be.

    Without lease and record: nobody else is there. `default` is the conversation that bare names mean.
    """
    stack = replace(specs.stack, record="none")
    planned = await make_plan(stack, gateway)
    problems = [one for one in planned.plan.diagnostics if one.severity == "error"]
    events = [event async for event in carry_out(planned.plan, KINDS, gateway, clock)]
    failed = [event for event in events if event.kind is EventKind.FAILED]
    problems += [error(event.detail, address=event.operation.address) for event in failed]
    if problems:
        raise SpecError(problems, specs.sources)
    there = (await make_plan(stack, gateway)).there
    return Cast(there, specs.stack.senders, default)
