"""A stack and an empty emulator → the stack applied there, and who takes part in it as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError, SpecError, error
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.model import EventKind
from reconciler.observed import HOST, is_service_sid
from reconciler.scenarios.cast import Cast
from reconciler.step import Form
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
    await make_service(stack.service, gateway)
    planned = await make_plan(stack, gateway)
    problems = [one for one in planned.plan.diagnostics if one.severity == "error"]
    events = [event async for event in carry_out(planned.plan, KINDS, gateway, clock)]
    failed = [event for event in events if event.kind is EventKind.FAILED]
    problems += [error(event.detail, address=event.operation.address) for event in failed]
    if problems:
        raise SpecError(problems, specs.sources)
    there = (await make_plan(stack, gateway)).there
    return Cast(there, specs.stack.senders, default, planned.plan.target.service_sid)


async def make_service(service: str, gateway: Gateway) -> None:
    """Make the service that a stack stands in, where that is not the one that every account has."""
    if service == "default":
        return
    if is_service_sid(service):
        detail = "An empty emulator has none, and no sid can be chosen. Write the name of the service."
        raise ReconcilerError(f"the stack names its service by sid: {service}", detail)
    with gateway.allow_writes():
        form = Form((("FriendlyName", service),))
        await gateway.write("POST", HOST, ("v1", "Services"), form, service)
