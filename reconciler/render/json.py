"""A Plan → JSON for machines, with numbers masked and nothing in it that is secret.

``format_version`` is ``major.minor``: readers accept keys they do not know and refuse another major. ::

    {
      "format_version": "1.1",
      "digest": what `apply --digest` takes to carry out this plan and no other; null where nothing is to do,
      "target": {"stack", "environment", "service", "service_sid", "account_sid"},
      "summary": {<action>: how many …, "unchanged": n, "problems": n},
      "changes": [{
        "action": create | adopt | update | replace | move | close | delete | release | send,
        "order": "create_first" | "delete_first" where the action is replace, else null,
        "address": "conversation/order-1042/participant/customer", "kind", "key", "parent": address or null,
        "sid": of the live resource or null,
        "edits": [{"path": ["attributes", "topic"], "before": VALUE, "after": VALUE, "cause": "they"}],
        "at_creation": [{"path", "value": VALUE}],
        "removes": [{"path", "value": VALUE}]  what a removed resource is recognised by,
        "why", "place": {"file", "line", "column"} or null
      }],
      "strangers": [{"address", "kind", "parent", "sid", "fields": [{"path", "value"}]}],
      "closed": the same, of our resources that have ended their life,
      "diagnostics": [{"severity", "summary", "detail", "address", "place"}]
    }

A VALUE is null (not there), a scalar or a list as it is, and otherwise an object with exactly these keys::

    {"value": {…}}                            a JSON object
    {"sensitive": true}                       a secret
    {"ref": address, "attribute": "sid"}      known after apply
    {"joined": ["https://x/", {"ref": …}]}    a text with refs in it
    {"lookup": name, "collection": "Roles"}   the sid of what has this name
    {"one_of": ["+1…·k3f9a", …]}              to be chosen

Below 64 levels stands the text ``(nested too deeply)``. An infinite number is a text, and so is an integer
that may be a phone number: it is masked.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from reconciler.model import Action, Joined, Lookup, Pool, Ref, Secret
from reconciler.render import outline
from reconciler.render.numbers import require_masked
from reconciler.render.values import naming_fields

if TYPE_CHECKING:
    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Address, Change, Fields, Place, Plan, Resource, Value
    from reconciler.render.numbers import Numbers
    from reconciler.workflow import Planned

FORMAT_VERSION = "1.1"
TOO_DEEP = "(nested too deeply)"
_DEEPEST = 64
"""How many levels are written. Attributes can have thousands, and few readers survive them."""


def plan_json(planned: Planned, numbers: Numbers, digest: str = "") -> str:
    """Return a plan as described above. Raises ValueError where `numbers` would be shown as they are."""
    require_masked(numbers, "the JSON of a plan")
    data = masked(_plan(planned), numbers) | {"digest": digest or None}
    return json.dumps(data, indent=2, sort_keys=True, allow_nan=False)


def masked(data: Any, numbers: Numbers, depth: int = _DEEPEST) -> Any:
    """Return `data` with every number masked in texts and keys; what JSON lacks or is too deep is text."""
    if isinstance(data, str):
        return numbers.mask(data)
    if isinstance(data, list | dict) and depth == 0:
        return TOO_DEEP
    if isinstance(data, list):
        return [masked(one, numbers, depth - 1) for one in data]
    if isinstance(data, dict):
        return {numbers.mask(key): masked(one, numbers, depth - 1) for key, one in data.items()}
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, int) and (shown := numbers.mask(str(data))) != str(data):
        return shown
    return data


def _plan(planned: Planned) -> dict[str, Any]:
    plan = planned.plan
    first = outline.deletes_first(plan)
    return {
        "format_version": FORMAT_VERSION,
        "target": {
            "stack": plan.target.owner.stack,
            "environment": plan.target.owner.environment,
            "service": plan.target.service,
            "service_sid": plan.target.service_sid,
            "account_sid": plan.target.account_sid,
        },
        "summary": _summary(plan),
        "changes": [_change(change, deletes_first=change.address in first) for change in plan.visible],
        "strangers": [_resource(one) for one in plan.strangers],
        "closed": [_resource(one) for one in planned.closed],
        "diagnostics": [_diagnostic(one) for one in plan.diagnostics],
    }


def _summary(plan: Plan) -> dict[str, int]:
    found = outline.counts(plan)
    actions = {action.value: found.get(action, 0) for action in Action if action is not Action.NONE}
    return {**actions, "unchanged": plan.unchanged, "problems": outline.errors_in(plan)}


def _change(change: Change, *, deletes_first: bool) -> dict[str, Any]:
    order = "delete_first" if deletes_first else "create_first"
    return {
        **_named(change.address),
        "action": change.action.value,
        "order": order if change.action is Action.REPLACE else None,
        "sid": change.live.sid if change.live else None,
        "edits": [
            {
                "path": list(edit.path),
                "before": _value(edit.before),
                "after": _value(edit.after),
                "cause": edit.cause.name.lower() if edit.cause else None,
            }
            for edit in change.edits
        ],
        "at_creation": _fields(change.at_creation),
        "removes": _recognised(outline.removed_by(change)) if change.action in outline.REMOVALS else [],
        "why": change.why,
        "place": _place(change.place),
    }


def _named(address: Address) -> dict[str, Any]:
    above = address.parent
    return {
        "address": str(address),
        "kind": address.kind,
        "key": address.key,
        "parent": str(above) if above else None,
    }


def _resource(resource: Resource) -> dict[str, Any]:
    sid = resource.live.sid if resource.live else None
    return {**_named(resource.address), "sid": sid, "fields": _recognised(outline.known_by(resource))}


def _recognised(fields: Fields) -> list[dict[str, Any]]:
    return _fields({(name,): value for name, value in naming_fields(fields)})


def _fields(fields: Fields) -> list[dict[str, Any]]:
    return [{"path": list(path), "value": _value(value)} for path, value in fields.items()]


def _value(value: Value) -> Any:
    match value:
        case Secret():
            return {"sensitive": True}
        case Ref(address, attribute):
            return {"ref": str(address), "attribute": attribute}
        case Joined(parts):
            return {"joined": [_value(part) for part in parts]}
        case Lookup(collection, name):
            return {"lookup": name, "collection": collection}
        case Pool(candidates):
            return {"one_of": list(candidates)}
        case dict():
            return {"value": value}
        case _:
            return value


def _diagnostic(one: Diagnostic) -> dict[str, Any]:
    return {
        "severity": one.severity.value,
        "summary": one.summary,
        "detail": one.detail,
        "address": str(one.address) if one.address else None,
        "place": _place(one.place),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return {"file": place.file, "line": place.line, "column": place.column} if place else None
