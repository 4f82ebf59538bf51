"""Conversations: the spec of one ↔ Twilio's Conversation resource.

Source: OpenAPI conversations v1, /v1/Services/{ChatServiceSid}/Conversations.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from reconciler.kinds import mark as marks
from reconciler.kinds.attributes import ATTRIBUTES, flatten, live_attributes, merged_attributes
from reconciler.kinds.base import (
    Claim,
    Declared,
    Finding,
    Kind,
    MarkHome,
    Site,
    crud_steps,
    instance_path,
    named_form,
)
from reconciler.kinds.fields import NONE, Flag, FreeText, Name, Names, Object, Spec, duration, one_of, sid
from reconciler.model import Action, Half
from reconciler.step import Form, Recall, Step

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from reconciler.model import Address, Change, Fields, Json, Mark, Path, Resource, Target, Value
    from reconciler.step import Body, Row

NAMES: dict[Path, str] = {
    ("friendly_name",): "FriendlyName",
    ("unique_name",): "UniqueName",
    (ATTRIBUTES,): "Attributes",
    ("messaging_service_sid",): "MessagingServiceSid",
    ("state",): "State",
    ("timers", "inactive"): "Timers.Inactive",
    ("timers", "closed"): "Timers.Closed",
}


class Timers(Spec):
    """When an idle conversation becomes inactive and when it closes; null removes a timer (50375, 50376)."""

    inactive: Annotated[str | None, duration("PT1M")] = None
    """How long nobody writes until it is inactive (`30m`, `1d12h`, `PT30M`); at least a minute."""
    closed: Annotated[str | None, duration("PT10M")] = None
    """How long nobody writes until it is closed; at least ten minutes."""


class Initial(Spec):
    """What is set when the conversation is created and never compared afterwards."""

    attributes: Object = NONE
    """Attributes to begin with; from then on they belong to whoever changes them."""
    state: Annotated[str, one_of("active", "inactive")] = "active"
    """The state to begin with."""


class ConversationSpec(Spec):
    """One conversation as written."""

    friendly_name: FreeText = NONE
    """A name for people, at most 256 characters. Twilio cannot clear it."""
    unique_name: Name = NONE
    """The name Twilio knows it by, unique in its service. Left out, it is `<stack>.<key>`."""
    attributes: Object = NONE
    """JSON data, kept leaf by leaf: `null` removes a key, `{}` owns none, other keys are left alone."""
    messaging_service_sid: Annotated[Any, sid("MG")] = NONE
    """The messaging service its messages go through; left out, the account's default."""
    timers: Timers | None = None
    """When it becomes inactive and when it closes, if nobody writes."""
    initial: Initial | None = None
    """What is set at its creation only and never compared."""
    on_closed: Annotated[str, one_of("leave", "recreate", "fail")] = "leave"
    """What to do about one that has closed: nothing, a successor `<name>~2`, or refuse."""
    exclusive: Names = NONE
    """Of `participants` and `webhooks`: those that others added are removed."""
    protect: Flag = False
    """Its removal needs a line in `removed:`, also after it vanished from the specs."""


def declare(spec: ConversationSpec, site: Site) -> Declared:
    """Return what a conversation's spec asks for; its name is ``<stack>.<key>`` unless it says another."""
    fields: dict[Path, Value] = {("unique_name",): spec.unique_name or default_name(site.stack, site.key)}
    for name in ("friendly_name", "messaging_service_sid"):
        if spec.given(name):
            fields[(name,)] = getattr(spec, name)
    if spec.timers:
        fields |= {("timers", name): getattr(spec.timers, name) for name in spec.timers.model_fields_set}
    fields |= flatten(spec.attributes or {}, (ATTRIBUTES,))
    initial: dict[Path, Value] = {}
    if spec.initial:
        initial = flatten(spec.initial.attributes or {}, (ATTRIBUTES,))
        initial[("state",)] = spec.initial.state
    return Declared(
        fields,
        initial,
        {"on_closed": spec.on_closed, "exclusive": spec.exclusive or [], "protect": spec.protect},
    )


def default_name(stack: str, key: str) -> str:
    """Return the unique name of a conversation whose spec gives none."""
    return f"{stack}.{key}"


def natural_key(fields: Fields) -> Hashable | None:
    """Return the unique name."""
    name = fields.get(("unique_name",))
    return name if isinstance(name, str) and name else None


def from_live(row: Row) -> Fields:
    """Return a live conversation in our words. Timers are missing: Twilio answers instants, not durations."""
    fields: dict[Path, Value] = {
        (name,): row[name]
        for name in ("friendly_name", "unique_name", "messaging_service_sid")
        if row.get(name)
    }
    return fields | live_attributes(row)


def to_form(fields: Fields) -> Form:
    """Return the form of a create or an update. Timers at creation want State beside them (error 50382)."""
    return named_form(NAMES, fields)


def claims(address: Address, fields: Fields) -> frozenset[Claim]:  # noqa: ARG001 - the shape of a hook
    """Return the one name that no other conversation of the service may have."""
    return frozenset({("name", natural_key(fields))})


def steps(kind: Kind, half: Half, change: Change, target: Target) -> tuple[Step, ...]:
    """Return a conversation's calls; closing takes two, because a closed one accepts no update."""
    if half is Half.DROP and change.action is Action.CLOSE:
        return _closing(kind, change, target)
    if half is Half.MAKE and change.action in (Action.CREATE, Action.REPLACE):
        initial = {("state",): "active"} | dict(change.at_creation)
        change = replace(change, at_creation=initial)
    return crud_steps(kind, half, change, target)


def _closing(kind: Kind, change: Change, target: Target) -> tuple[Step, ...]:
    path = instance_path(kind, change, target)
    closed = Recall(path, _is_closed)
    form = Form((("State", "closed"),))
    close = Step("close", "POST", kind.host, path, form, capture={}, recall=closed, repeatable=True)
    if change.live is None or change.live.mark is None or change.live.mark.closing:
        return (close,)
    merge = partial(_parting, change)
    return Step("rename", "POST", kind.host, path, merge=merge, capture={}, repeatable=True), close


def _is_closed(row: Row) -> bool:
    return row.get("state") == "closed"


def closed_name(name: str, sid: str) -> str:
    """Return the name a conversation takes before it is closed, so that its own name is free again."""
    tail = f"~{sid[-6:]}"
    return name if name.endswith(tail) else f"{name[: 256 - len(tail)]}{tail}"


def _parting(change: Change, row: Row) -> Body:
    """Free the unique name and note that closing has begun, in one call."""
    assert change.live is not None  # noqa: S101 - a conversation that is closed is live
    assert change.live.mark is not None  # noqa: S101 - and ours
    mark = replace(change.live.mark, closing=True, children={})
    name = closed_name(str(row.get("unique_name") or change.address.key), change.live.sid)
    return to_form({("unique_name",): name, (ATTRIBUTES,): merged_attributes(row, {}, mark)})


def fits(mark: Mark, fields: Fields, sid: str) -> bool:
    """Whether a mark belongs on this row: its key gives the row's name, or we set that very name.

    A mark that an application copied into another conversation does not fit there.
    """
    name = natural_key(fields)
    if not isinstance(name, str):
        return False
    if mark.closing:
        return name.endswith(f"~{sid[-6:]}")
    recorded = mark.fields.get("unique_name")
    set_by_us = recorded == marks.name_print(name)
    default = default_name(mark.owner.stack, mark.key)
    return set_by_us or name == default or re.fullmatch(re.escape(default) + r"~\d+", name) is not None


def check(resources: Sequence[Resource], site: Site) -> Iterator[Finding]:  # noqa: ARG001 - a hook
    """Yield what Twilio would refuse about conversations (limits of names; error 50390)."""
    for resource in resources:
        for name in ("friendly_name", "unique_name"):
            value = resource.fields.get((name,))
            if isinstance(value, str) and len(value) > 256:
                yield Finding(
                    resource.address, (name,), f"{name} has {len(value)} characters", "256 are allowed."
                )
            if value == "":
                yield Finding(
                    resource.address, (name,), f"{name} is empty", "Give a name, or leave the line out."
                )
        if re.fullmatch("CH[0-9a-fA-F]{32}", str(natural_key(resource.fields))):
            summary = "a unique_name must not look like a sid"
            yield Finding(resource.address, ("unique_name",), summary, "Choose another name.")
        unknown = [name for name in _names(resource.policy.get("exclusive")) if name not in _EXCLUSIVE]
        for name in unknown:
            detail = f"Allowed: {', '.join(_EXCLUSIVE)}."
            yield Finding(resource.address, ("exclusive",), f"{name!r} cannot be exclusive", detail)


_EXCLUSIVE = ("participants", "webhooks")


def _names(value: Json) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


KIND = Kind(
    name="conversation",
    plural="conversations",
    host="conversations",
    collection=("v1", "Services", "{service}", "Conversations"),
    list_key="conversations",
    page_size=100,
    spec=ConversationSpec,
    declare=declare,
    natural_key=natural_key,
    to_form=to_form,
    from_live=from_live,
    write_only=frozenset({"timers"}),
    public=frozenset({("unique_name",)}),
    clear={"timers": "PT0S", "attributes": "{}"},
    mark=MarkHome.ATTRIBUTES,
    unique=True,
    takes_over=False,
    fits=fits,
    named=default_name,
    transcript="Messages",
    open_states=("active", "inactive"),
    claims=claims,
    check=check,
    attributes_limit_bytes=16 * 1024,
    steps=steps,
)
