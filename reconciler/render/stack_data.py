"""A Stack ↔ plain JSON data, but for its outputs, which make no difference to a plan. Keep it private."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reconciler.model import Graph, Owner
from reconciler.render.plan_data import (
    address_data,
    address_of,
    owner_data,
    place_data,
    place_of,
    resource_data,
    resource_of,
)
from reconciler.safety import Limits
from reconciler.stack import Stack
from reconciler.transitions import Adopted, Moved, Removed, Transitions

if TYPE_CHECKING:
    from reconciler.model import Address


def stack_data(stack: Stack) -> dict[str, Any]:
    """Return all of a stack that planning needs, as data that ``json`` can write."""
    return {
        "owner": owner_data(stack.owner),
        "stack_id": stack.stack_id,
        "record": stack.record,
        "service": stack.service,
        "on_remove": stack.on_remove,
        "account": stack.account,
        "writes_per_second": stack.writes_per_second,
        "senders": {name: list(numbers) for name, numbers in stack.senders.items()},
        "limits": asdict(stack.limits),
        "recipients": None if stack.recipients is None else list(stack.recipients),
        "transitions": _transitions_data(stack.transitions),
        "desired": [resource_data(one) for one in stack.desired.resources.values()],
    }


def stack_from(data: Any) -> Stack:
    """Return the stack that `stack_data` wrote. Whatever else `data` is, it raises."""
    resources = [resource_of(one) for one in data["desired"]]
    recipients = data["recipients"]
    return Stack(
        Owner(*data["owner"]),
        data["service"],
        data["on_remove"],
        Graph({one.address: one for one in resources}),
        account=data["account"],
        writes_per_second=data["writes_per_second"],
        senders={name: tuple(numbers) for name, numbers in data["senders"].items()},
        transitions=_transitions(data["transitions"]),
        limits=Limits(**data["limits"]),
        recipients=None if recipients is None else tuple(recipients),
        stack_id=data["stack_id"],
        record=data["record"],
    )


def _transitions_data(consents: Transitions) -> dict[str, Any]:
    return {
        "moved": [[address_data(m.old), address_data(m.new), place_data(m.place)] for m in consents.moved],
        "removed": [_removed_data(address, line) for address, line in consents.removed.items()],
        "adopted": [_adopted_data(line) for line in consents.adopted],
        "recreated": [[address_data(address), sid] for address, sid in consents.recreated.items()],
    }


def _adopted_data(line: Adopted) -> list[Any]:
    return [line.glob, line.sid, line.stack, line.named, place_data(line.place)]


def _removed_data(address: Address, line: Removed) -> list[Any]:
    return [address_data(address), line.how, line.sid, place_data(line.place)]


def _transitions(data: Any) -> Transitions:
    return Transitions(
        tuple(Moved(address_of(old), address_of(new), place_of(at)) for old, new, at in data["moved"]),
        {address_of(a): Removed(how, sid, place_of(at)) for a, how, sid, at in data["removed"]},
        tuple(Adopted(g, sid, stack, named, place_of(at)) for g, sid, stack, named, at in data["adopted"]),
        {address_of(address): sid for address, sid in data["recreated"]},
    )
