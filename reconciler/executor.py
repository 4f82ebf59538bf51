"""A Plan → calls through the gateway, as a stream of Events.

Writes of one family (a conversation and what stands in it) are made one after another, families run side by
side, and an operation waits for what the plan's edges say. A failure skips only what needs it. This module
runs Steps and knows no kind.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.brake import Brake, StoppedError
from reconciler.diagnostics import ApiError
from reconciler.diff import sorted_operations, unlike
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
from reconciler.sending import Letter, Post
from reconciler.step import Form, JsonBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from reconciler.gateway import Gateway
    from reconciler.kinds.base import Kind
    from reconciler.pace import Clock
    from reconciler.sending import Journal
    from reconciler.step import Body, Row, Segment, Step, Until


class StepFailedError(Exception):
    """A step did not bring about what it was for; the text says why."""


Known = dict[tuple[Address, str], str]
"""(address, attribute) → value: what is known of live resources so far."""


@dataclass
class _Run:
    """One carrying out of one plan."""

    plan: Plan
    kinds: Mapping[str, Kind]
    post: Post
    clock: Clock
    known: Known
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    begun: set[Operation] = field(default_factory=set)
    """Operations that were told to have started: a write of theirs left, or they failed before it could."""
    mistakes: list[Exception] = field(default_factory=list)
    """What went wrong that nobody foresaw; one operation's must not end the others."""
    gone: set[str] = field(default_factory=set)
    """Sids of the rows that this run removed."""
    freed: set[str] = field(default_factory=set)
    """Sids of conversations in which this run freed a pair, a name or an identity."""
    families: dict[Address, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    finished: dict[Operation, asyncio.Future[bool]] = field(default_factory=dict)


async def carry_out(
    plan: Plan,
    kinds: tuple[Kind, ...],
    gateway: Gateway,
    clock: Clock,
    *,
    brake: Brake | None = None,
    journal: Journal | None = None,
) -> AsyncIterator[Event]:
    """Perform `plan` and yield what happens. A refused call is a FAILED event, never an exception.

    No call starts once `brake` is on: of what has not begun there is no event, what is under way is waited
    for. Each call is in the `journal` before it is sent. Raises, after everything else has ended, what a
    mistake of ours raised in one operation.
    """
    brake = brake or Brake(clock)
    known: Known = {(address, "sid"): sid for address, sid in plan.sids.items()}
    run = _Run(plan, {kind.name: kind for kind in kinds}, Post(gateway, brake, journal), clock, known)
    with gateway.allow_writes(brake):
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
    if run.post.brake.reason:
        run.finished[operation].set_result(False)
        return
    if missing:
        _tell(run, EventKind.SKIPPED, operation, change, detail=f"needs {_named(missing[0])}")
        run.finished[operation].set_result(False)
        return
    async with run.families[operation.address.root]:
        run.finished[operation].set_result(await _succeeds(run, operation, change))


async def _succeeds(run: _Run, operation: Operation, change: Change) -> bool:
    """Carry out one operation, tell how it went, and return whether it went well."""
    try:
        sid, detail = await _run_steps(run, operation, change)
    except StoppedError as stop:
        halfway = f"stopped before it was finished: {stop}"
        return _failed(run, operation, change, halfway) if operation in run.begun else False
    except (ApiError, StepFailedError, CannotMergeError) as fault:
        return _failed(run, operation, change, _reason(fault))
    except Exception as mistake:  # noqa: BLE001 - kept, and raised when everything else has ended
        run.mistakes.append(mistake)
        return _failed(run, operation, change, f"a mistake in reconciler: {mistake!r}")
    _begin(run, operation, change)
    _tell(run, EventKind.DONE, operation, change, sid=sid, detail=detail)
    return True


def _failed(run: _Run, operation: Operation, change: Change, why: str) -> bool:
    _begin(run, operation, change)
    _tell(run, EventKind.FAILED, operation, change, detail=why)
    return False


def _begin(run: _Run, operation: Operation, change: Change) -> None:
    """Tell, once, that an operation has started."""
    if operation not in run.begun:
        run.begun.add(operation)
        _tell(run, EventKind.STARTED, operation, change)


async def _succeeded(run: _Run, operation: Operation) -> bool:
    return await run.finished[operation] if operation in run.finished else True


def _named(operation: Operation) -> str:
    verb = {Half.MAKE: "", Half.DROP: "the removal of ", Half.SEAL: "the record of "}[operation.half]
    return f"{verb}{operation.address}"


def _reason(fault: Exception) -> str:
    if isinstance(fault, ApiError):
        return ". ".join(part for told in fault.diagnostics for part in (told.summary, told.detail) if part)
    return str(fault)


def _tell(
    run: _Run, kind: EventKind, operation: Operation, change: Change, *, sid: str = "", detail: str = ""
) -> None:
    run.events.put_nowait(Event(kind, operation, change.action, sid, detail))


async def _run_steps(run: _Run, operation: Operation, change: Change) -> tuple[str, str]:
    """Carry out one operation and return its sid, and what Twilio answered otherwise than was asked."""
    kind = run.kinds[operation.address.kind]
    ready = _ready(run, operation, change)
    differing: tuple[str, ...] = ()
    for step in steps_of(kind, operation.half, ready, run.plan.target):
        row = await _run_step(run, operation, change, step)
        differing = unlike(kind, step.asked, ready.mark, row) if step.asked is not None else ()
    run.freed.update(_freed(run, operation, change))
    detail = f"Twilio answered another {', '.join(differing)} than was asked for" if differing else ""
    if operation.half is Half.DROP:
        gone = change.live.sid if change.live else ""
        run.gone.add(gone)
        return gone, detail
    return run.known.get((operation.address, "sid"), ""), detail


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


async def _run_step(run: _Run, operation: Operation, change: Change, step: Step) -> Row:
    row = await run.post.deliver(_letter(run, operation, change, step))
    for name, key in step.capture.items():
        if row.get(key) is not None:
            run.known[operation.address, name] = str(row[key])
    if step.until is not None:
        await _poll(run, step, step.until)
    return row


def _letter(run: _Run, operation: Operation, change: Change, step: Step) -> Letter:
    """Return a step as it is sent: every reference in it is what is known now."""
    address = operation.address
    return Letter(
        step,
        _path(step.path, run.known),
        _body(step.body, run.known),
        family=run.plan.target.service_sid if address.parent is None else str(address.root),
        name=f"{operation.half.value} {address}",
        recall=step.recall and replace(step.recall, path=_path(step.recall.path, run.known)),
        freed=run.freed,
        known=partial(_known_sids, run),
        begin=partial(_begin, run, operation, change),
        look_first=_may_be_there(run, operation, step),
    )


def _may_be_there(run: _Run, operation: Operation, step: Step) -> bool:
    """Whether a creation could double what is there: Twilio would let both stand, in a row that was there."""
    twice = operation.half is Half.MAKE and step.recall is not None and not step.repeatable
    return twice and (operation.address.parent is None or operation.address.parent in run.plan.sids)


def _known_sids(run: _Run) -> set[str]:
    """Return the sids of rows that are something else than what a creation is just making."""
    strangers = (row.live.sid for row in run.plan.strangers if row.live)
    return {*run.known.values(), *run.gone, *strangers}


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
        row = await run.post.gateway.get(step.host, path)
        state = str(row.get(until.field))
        if state in until.done:
            return row
        if state in until.failed:
            raise StepFailedError(f"{step.name} ended as {state}")
        if run.clock.monotonic() >= deadline_s:
            raise StepFailedError(f"{step.name} is still {state} after {until.timeout_s:g} s")
        await run.post.brake.sleep(until.interval_s)
