"""A Plan ↔ plain JSON data, with nothing lost: secrets and phone numbers are in it, so keep it private.

A value that is no plain JSON is an object with one key that says what it is, and so is every plain object:
what an attribute holds can never be taken for one of ours. Paths and addresses are lists, because both may
hold any character; what is keyed by them is a list of pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import Diagnostic, Severity
from reconciler.model import (
    Action,
    Address,
    Cause,
    Change,
    Edge,
    Edit,
    Fields,
    Half,
    Joined,
    Live,
    Lookup,
    Mark,
    Operation,
    Owner,
    Path,
    Place,
    Plan,
    Pool,
    Ref,
    Resource,
    Secret,
    Target,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


def to_data(plan: Plan) -> dict[str, Any]:
    """Return `plan` as data that ``json`` can write and `from_data` reads back equal."""
    return {
        "format": FORMAT,
        "target": _target_data(plan.target),
        "changes": [_change_data(change) for change in plan.changes],
        "edges": [[_operation_data(e.before), _operation_data(e.after), e.needs] for e in plan.edges],
        "sids": [[address_data(address), sid] for address, sid in plan.sids.items()],
        "unchanged": plan.unchanged,
        "strangers": [resource_data(one) for one in plan.strangers],
        "diagnostics": [_diagnostic_data(one) for one in plan.diagnostics],
        "left_out": [address_data(address) for address in sorted(plan.left_out)],
    }


def from_data(data: Any) -> Plan:
    """Return the plan that `to_data` wrote. Raises ValueError where `data` is nothing of the kind."""
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"the plan has format {data['format']!r}; this version reads {FORMAT}")
        return _plan(data)
    except (KeyError, TypeError, IndexError, AttributeError) as fault:
        raise ValueError(f"this is no plan: {fault!r}") from fault


def _plan(data: Any) -> Plan:
    return Plan(
        _target(data["target"]),
        changes=tuple(_change(one) for one in data["changes"]),
        edges=tuple(Edge(_operation(b), _operation(a), needs) for b, a, needs in data["edges"]),
        sids={address_of(address): sid for address, sid in data["sids"]},
        unchanged=data["unchanged"],
        strangers=tuple(resource_of(one) for one in data["strangers"]),
        diagnostics=tuple(_diagnostic(one) for one in data["diagnostics"]),
        left_out=frozenset(address_of(one) for one in data["left_out"]),
    )


# --- values ------------------------------------------------------------------------------------------------


def _value_data(value: Value) -> Any:
    match value:
        case Secret(hidden):
            return {"secret": _value_data(hidden)}
        case Ref():
            return {"ref": _ref_data(value)}
        case Joined(parts):
            return {"joined": [part if isinstance(part, str) else _ref_data(part) for part in parts]}
        case Lookup(collection, name):
            return {"lookup": [collection, name]}
        case Pool(candidates):
            return {"pool": list(candidates)}
        case dict():
            return {"object": value}
        case _:
            return value


def _value(data: Any) -> Value:
    if not isinstance(data, dict):
        plain: Value = data
        return plain
    ((kind, held),) = data.items()
    match kind:
        case "secret":
            return Secret(_value(held))
        case "ref":
            return _ref(held)
        case "joined":
            return Joined(tuple(part if isinstance(part, str) else _ref(part) for part in held))
        case "lookup":
            return Lookup(*held)
        case "pool":
            return Pool(tuple(held))
        case "object":
            return dict(held)
        case _:
            raise ValueError(f"this is no plan: {kind!r} is no sort of value")


def _ref_data(ref: Ref) -> list[Any]:
    return [address_data(ref.address), ref.attribute]


def _ref(data: Any) -> Ref:
    address, attribute = data
    return Ref(address_of(address), attribute)


def _fields_data(fields: Fields) -> list[Any]:
    return [[list(path), _value_data(value)] for path, value in fields.items()]


def _fields(data: Any) -> dict[Path, Value]:
    return {tuple(path): _value(value) for path, value in data}


# --- names and places --------------------------------------------------------------------------------------


def address_data(address: Address) -> list[list[str]]:
    """Return an address as lists: its keys may hold any character."""
    return [list(step) for step in address.steps]


def address_of(data: Any) -> Address:
    """Read what `address_data` wrote."""
    return Address(tuple((kind, key) for kind, key in data))


def _operation_data(operation: Operation) -> list[Any]:
    return [address_data(operation.address), operation.half.value]


def _operation(data: Any) -> Operation:
    address, half = data
    return Operation(address_of(address), Half(half))


def place_data(place: Place | None) -> list[Any] | None:
    """Return a place as a list, or nothing."""
    return [place.file, place.line, place.column] if place else None


def place_of(data: Any) -> Place | None:
    """Read what `place_data` wrote."""
    return Place(*data) if data else None


def _target_data(target: Target) -> list[str]:
    return [*owner_data(target.owner), target.service_sid, target.service, target.account_sid]


def _target(data: Any) -> Target:
    stack, environment, *rest = data
    return Target(Owner(stack, environment), *rest)


def owner_data(owner: Owner) -> list[str]:
    """Return an owner as a list."""
    return [owner.stack, owner.environment]


# --- resources ---------------------------------------------------------------------------------------------


def _mark_data(mark: Mark | None) -> dict[str, Any] | None:
    if mark is None:
        return None
    return {
        "owner": owner_data(mark.owner),
        "key": mark.key,
        "fields": dict(mark.fields),
        "children": dict(mark.children),
        "prints": dict(mark.prints),
        "closing": mark.closing,
        "newer": mark.newer,
        "predecessor": mark.predecessor,
        "protected": mark.protected,
    }


def _mark(data: Any) -> Mark | None:
    return Mark(**{**data, "owner": Owner(*data["owner"])}) if data else None


def _live_data(live: Live | None) -> list[Any] | None:
    if live is None:
        return None
    return [live.sid, dict(live.computed), _mark_data(live.mark), live.state, live.created]


def _live(data: Any) -> Live | None:
    if data is None:
        return None
    sid, computed, mark, state, created = data
    return Live(sid, computed, _mark(mark), state, created)


def resource_data(resource: Resource) -> dict[str, Any]:
    """Return a resource as data."""
    return {
        "address": address_data(resource.address),
        "fields": _fields_data(resource.fields),
        "place": place_data(resource.place),
        "places": [[list(path), place_data(place)] for path, place in resource.places.items()],
        "policy": dict(resource.policy),
        "at_creation": _fields_data(resource.at_creation),
        "live": _live_data(resource.live),
    }


def resource_of(data: Any) -> Resource:
    """Read what `resource_data` wrote."""
    return Resource(
        address_of(data["address"]),
        _fields(data["fields"]),
        place=place_of(data["place"]),
        places={tuple(path): Place(*place) for path, place in data["places"]},
        policy=data["policy"],
        at_creation=_fields(data["at_creation"]),
        live=_live(data["live"]),
    )


def _change_data(change: Change) -> dict[str, Any]:
    edits = [[list(e.path), _value_data(e.before), _value_data(e.after), e.cause] for e in change.edits]
    return {
        "action": change.action.value,
        "address": address_data(change.address),
        "edits": edits,
        "fields": _fields_data(change.fields),
        "at_creation": _fields_data(change.at_creation),
        "mark": _mark_data(change.mark),
        "live": _live_data(change.live),
        "live_fields": _fields_data(change.live_fields),
        "records": _records_data(change.records),
        "prints": dict(change.prints),
        "why": change.why,
        "place": place_data(change.place),
    }


def _edit(path: list[str], before: Any, after: Any, cause: str | None) -> Edit:
    return Edit(tuple(path), _value(before), _value(after), Cause(cause) if cause else None)


def _change(data: Any) -> Change:
    return Change(
        Action(data["action"]),
        address_of(data["address"]),
        edits=tuple(_edit(*edit) for edit in data["edits"]),
        fields=_fields(data["fields"]),
        at_creation=_fields(data["at_creation"]),
        mark=_mark(data["mark"]),
        live=_live(data["live"]),
        live_fields=_fields(data["live_fields"]),
        records=_records(data["records"]),
        prints=data["prints"],
        why=data["why"],
        place=place_of(data["place"]),
    )


def _records_data(records: Mapping[str, Ref] | None) -> dict[str, Any] | None:
    return None if records is None else {name: _ref_data(ref) for name, ref in records.items()}


def _records(data: Any) -> dict[str, Ref] | None:
    return None if data is None else {name: _ref(ref) for name, ref in data.items()}


def _diagnostic_data(one: Diagnostic) -> dict[str, Any]:
    return {
        "severity": one.severity.value,
        "summary": one.summary,
        "detail": one.detail,
        "address": address_data(one.address) if one.address else None,
        "place": place_data(one.place),
        "related": [[word, place_data(place)] for word, place in one.related],
    }


def _diagnostic(data: Any) -> Diagnostic:
    return Diagnostic(
        Severity(data["severity"]),
        data["summary"],
        data["detail"],
        address=address_of(data["address"]) if data["address"] is not None else None,
        place=place_of(data["place"]),
        related=tuple((word, Place(*place)) for word, place in data["related"]),
    )
