"""A Plan → calls through the gateway, as a stream of Events.

Writes of one family (a conversation and what stands in it) are made one after another, families run side by
side, and an operation waits for what the plan's edges say. A failure skips only what needs it. This module
runs Steps and knows no kind.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import ApiError
from reconciler.diff import sorted_operations
from reconciler.kinds.attributes import CannotMergeError
from reconciler.kinds.base import steps_of
from reconciler.model import (
    Address,
    Change,
    Edge,
    Event,
    EventKind,
    Half,
    Joined,
    Mark,
    Operation,
    Plan,
    Ref,
    Secret,
    Value,
)
from reconciler.step import Form, JsonBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from reconciler.gateway import Gateway
    from reconciler.kinds.base import Kind
    from reconciler.pace import Clock
    from reconciler.step import Body, Row, Segment, Step, Until


TRANSIENT = frozenset({50391, 50349, 50449, 50419, 50213, 50514, 50002, 50334})
"""Twilio refused because something else was under way on the same thing; the call did nothing."""
RELEASING = frozenset({50416, 50425, 50437, 50438, 50353})
"""Twilio refused because something is held; worth waiting for only where we have just freed it."""
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class StepFailedError(Exception):
    """A step did not bring about what it was for; the text says why."""


Known = dict[tuple[Address, str], str]
"""(address, attribute) → value: what is known of live resources so far."""


@dataclass
class _Run:
    """One carrying out of one plan."""

    plan: Plan
    kinds: Mapping[str, Kind]
    gateway: Gateway
    clock: Clock
    known: Known
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    mistakes: list[Exception] = field(default_factory=list)
    """What went wrong that nobody foresaw; one operation's must not end the others."""
    gone: set[str] = field(default_factory=set)
    """Sids of the rows that this run removed."""
    freed: set[str] = field(default_factory=set)
    """Sids of conversations in which this run freed a pair, a name or an identity."""
    families: dict[Address, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    finished: dict[Operation, asyncio.Future[bool]] = field(default_factory=dict)


async def carry_out(
    plan: Plan, kinds: tuple[Kind, ...], gateway: Gateway, clock: Clock
) -> AsyncIterator[Event]:
    """Perform `plan` and yield what happens. A refused call is a FAILED event, never an exception.

    Raises, after everything else has ended, what a mistake of ours raised in one operation.
    """
    known: Known = {(address, "sid"): sid for address, sid in plan.sids.items()}
    run = _Run(plan, {kind.name: kind for kind in kinds}, gateway, clock, known)
    with gateway.allow_writes():
        work = asyncio.create_task(_perform(run))
        try:
            while (event := await run.events.get()) is not None:
                yield event
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        if not work.cancelled() and (fault := work.exception()):
            raise fault


async def _perform(run: _Run) -> None:
    """Start every operation in an order that respects the edges; each waits for its own."""
    try:
        changes = {change.address: change for change in run.plan.changes}
        waits: dict[Operation, list[Edge]] = defaultdict(list)
        for edge in run.plan.edges:
            waits[edge.after].append(edge)
        ordered = sorted_operations(run.plan.changes, run.plan.edges)
        loop = asyncio.get_running_loop()
        run.finished.update({operation: loop.create_future() for operation in ordered})
        async with asyncio.TaskGroup() as group:
            for operation in ordered:
                group.create_task(_operate(run, operation, changes[operation.address], waits[operation]))
        if run.mistakes:
            raise run.mistakes[0]
    finally:
        run.events.put_nowait(None)


async def _operate(run: _Run, operation: Operation, change: Change, waits: list[Edge]) -> None:
    missing = [edge.before for edge in waits if not await _succeeded(run, edge.before) and edge.needs]
    if missing:
        _tell(run, EventKind.SKIPPED, operation, change, detail=f"needs {_named(missing[0])}")
        run.finished[operation].set_result(False)
        return
    async with run.families[operation.address.root]:
        run.finished[operation].set_result(await _succeeds(run, operation, change))


async def _succeeds(run: _Run, operation: Operation, change: Change) -> bool:
    """Carry out one operation, tell how it went, and return whether it went well."""
    _tell(run, EventKind.STARTED, operation, change)
    try:
        sid = await _run_steps(run, operation, change)
    except (ApiError, StepFailedError, CannotMergeError) as fault:
        _tell(run, EventKind.FAILED, operation, change, detail=_reason(fault))
        return False
    except Exception as mistake:  # noqa: BLE001 - kept, and raised when everything else has ended
        run.mistakes.append(mistake)
        _tell(run, EventKind.FAILED, operation, change, detail=f"a mistake in reconciler: {mistake!r}")
        return False
    _tell(run, EventKind.DONE, operation, change, sid=sid)
    return True


async def _succeeded(run: _Run, operation: Operation) -> bool:
    return await run.finished[operation] if operation in run.finished else True


def _named(operation: Operation) -> str:
    verb = {Half.MAKE: "", Half.DROP: "the removal of ", Half.SEAL: "the record of "}[operation.half]
    return f"{verb}{operation.address}"


def _reason(fault: Exception) -> str:
    if isinstance(fault, ApiError):
        return " ".join(part for told in fault.diagnostics for part in (told.summary, told.detail) if part)
    return str(fault)


def _tell(
    run: _Run, kind: EventKind, operation: Operation, change: Change, *, sid: str = "", detail: str = ""
) -> None:
    run.events.put_nowait(Event(kind, operation, change.action, sid, detail))


async def _run_steps(run: _Run, operation: Operation, change: Change) -> str:
    """Carry out one operation and return the sid it concerns."""
    kind = run.kinds[operation.address.kind]
    ready = _ready(run, operation, change)
    for step in steps_of(kind, operation.half, ready, run.plan.target):
        await _run_step(run, operation.address, step)
    run.freed.update(_freed(run, operation, change))
    if operation.half is Half.DROP:
        gone = change.live.sid if change.live else ""
        run.gone.add(gone)
        return gone
    return run.known.get((operation.address, "sid"), "")


def _freed(run: _Run, operation: Operation, change: Change) -> set[str]:
    """Return the sid of the family in which an operation let something go: by removal, or by a new name."""
    renamed = any(edit.path == ("unique_name",) for edit in change.edits)
    if operation.half is not Half.DROP and not renamed:
        return set()
    sid = run.known.get((operation.address.root, "sid"), change.live.sid if change.live else "")
    return {sid} - {""}


def _ready(run: _Run, operation: Operation, change: Change) -> Change:
    """Return the change with every Ref replaced by what is known now, and secrets in the open."""
    if operation.half is Half.SEAL:
        known = {
            name: run.known.get((ref.address, ref.attribute)) for name, ref in (change.records or {}).items()
        }
        children = {name: sid for name, sid in known.items() if sid and sid not in run.gone}
        return (
            replace(change, mark=_sealed(change, change.mark, children), live=None) if change.mark else change
        )
    if operation.half is Half.DROP:
        return change
    return replace(
        change,
        fields={path: resolve(value, run.known) for path, value in change.fields.items()},
        at_creation={path: resolve(value, run.known) for path, value in change.at_creation.items()},
    )


def _sealed(change: Change, mark: Mark, children: dict[str, str]) -> Mark:
    prints = {name: text for name, text in change.prints.items() if name in children}
    return replace(mark, children=children, prints=prints)


def resolve(value: Value, known: Mapping[tuple[Address, str], str]) -> Value:
    """Return a value with its Refs resolved and its secret revealed. Raises StepFailedError."""
    if isinstance(value, Secret):
        return resolve(value.value, known)
    if isinstance(value, Ref):
        return _of_ref(value, known)
    if isinstance(value, Joined):
        return "".join(_of_ref(part, known) if isinstance(part, Ref) else part for part in value.parts)
    return value


def _of_ref(ref: Ref, known: Mapping[tuple[Address, str], str]) -> str:
    found = known.get((ref.address, ref.attribute))
    if found is None:
        raise StepFailedError(f"{ref.address} has no {ref.attribute} yet")
    return found


async def _run_step(run: _Run, address: Address, step: Step) -> None:
    row = await _sent(run, address, step)
    for name, key in step.capture.items():
        if row.get(key) is not None:
            run.known[address, name] = str(row[key])
    if step.until is not None:
        await _poll(run, step, step.until)


async def _sent(run: _Run, address: Address, step: Step) -> Row:
    """Send a step's call, again after a while where the refusal will pass, and return the answer."""
    path = _path(step.path, run.known)
    family = run.plan.target.service_sid if address.parent is None else str(address.root)
    pauses = iter(_PAUSES_S)
    while True:
        body = _body(step.body, run.known)
        if step.merge is not None:
            body = step.merge(await run.gateway.get(step.host, path))
        try:
            return await run.gateway.write(step.method, step.host, path, body, family)
        except ApiError as refusal:
            pause_s = next(pauses, None)
            if pause_s is None or not _will_pass(run, refusal):
                raise
        await run.clock.sleep(pause_s)


def _will_pass(run: _Run, refusal: ApiError) -> bool:
    """Whether a refused call may succeed by itself soon."""
    if refusal.code in TRANSIENT:
        return True
    _, _, message = str(refusal).partition(": ")  # behind the method and the path of the call
    holders = re.findall(r"CH[0-9a-f]{32}", message)
    return refusal.code in RELEASING and (holders[-1] in run.freed if holders else bool(run.freed))


def _path(path: tuple[Segment, ...], known: Known) -> tuple[str, ...]:
    return tuple(_of_ref(part, known) if isinstance(part, Ref) else part for part in path)


def _body(body: Body | None, known: Known) -> Body | None:
    if isinstance(body, Form):
        return Form(tuple((name, str(resolve(value, known))) for name, value in body.pairs))
    if isinstance(body, JsonBody):
        return JsonBody(_resolved_tree(body.value, known))
    return body


def _resolved_tree(tree: Any, known: Known) -> Any:
    if isinstance(tree, dict):
        return {name: _resolved_tree(below, known) for name, below in tree.items()}
    if isinstance(tree, list):
        return [_resolved_tree(below, known) for below in tree]
    return resolve(tree, known)


async def _poll(run: _Run, step: Step, until: Until) -> Row:
    """Ask until the field says done. Raises StepFailedError when it says failed, or the time is over."""
    path = _path(until.path, run.known)
    deadline_s = run.clock.monotonic() + until.timeout_s
    while True:
        row = await run.gateway.get(step.host, path)
        state = str(row.get(until.field))
        if state in until.done:
            return row
        if state in until.failed:
            raise StepFailedError(f"{step.name} ended as {state}")
        if run.clock.monotonic() >= deadline_s:
            raise StepFailedError(f"{step.name} is still {state} after {until.timeout_s:g} s")
        await run.clock.sleep(until.interval_s)
