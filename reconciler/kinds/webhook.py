"""Conversation-scoped webhooks: the spec of one ↔ Twilio's ConversationScopedWebhook resource.

Source: OpenAPI conversations v1, …/Conversations/{ConversationSid}/Webhooks. A webhook has no name and no
attributes, so its name and sid stand in the mark of its conversation.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from reconciler.kinds import conversation
from reconciler.kinds.base import Claim, Declared, Finding, Kind, MarkHome, Site, named_form
from reconciler.kinds.fields import NONE, Flag, Integer, Name, Names, Spec, Text, one_of
from reconciler.model import Joined, reveal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from reconciler.model import Address, Fields, Path, Resource, Value
    from reconciler.step import Row

NAMES: dict[Path, str] = {
    ("target",): "Target",
    ("url",): "Configuration.Url",
    ("method",): "Configuration.Method",
    ("filters",): "Configuration.Filters",
    ("triggers",): "Configuration.Triggers",
    ("flow",): "Configuration.FlowSid",
    ("replay_after",): "Configuration.ReplayAfter",
}

FILTERS = (
    "onMessageAdded",
    "onMessageUpdated",
    "onMessageRemoved",
    "onConversationUpdated",
    "onConversationStateUpdated",
    "onConversationRemoved",
    "onParticipantAdded",
    "onParticipantUpdated",
    "onParticipantRemoved",
    "onDeliveryUpdated",
)
"""What a scoped webhook can listen to: post-event names only."""


class WebhookSpec(Spec):
    """One webhook as written: `studio` starts a flow, `triggers` fire on keywords, `filters` on events."""

    url: Text = NONE
    """Where to call, `https://…` (`http` for this machine only)."""
    studio: Name = NONE
    """The sid of a Studio flow to start, instead of a url."""
    method: Annotated[str, one_of("post", "get")] = "post"
    """How to call."""
    filters: Names = NONE
    """The events to call for."""
    triggers: Names = NONE
    """Up to five words: call when a message holds one of them."""
    replay_after: Integer = NONE
    """Also call for the messages after this index. A change replaces the webhook."""
    once: Flag = False
    """It is consumed by its own handler: once recorded, its absence is not drift."""


def target_of(spec: WebhookSpec) -> str:
    """Return which of Twilio's three targets a spec means."""
    if spec.studio is not None:
        return "studio"
    return "trigger" if spec.triggers is not None else "webhook"


def declare(spec: WebhookSpec, site: Site) -> Declared:  # noqa: ARG001 - the shape of a hook
    """Return what a webhook's spec asks for."""
    given: dict[Path, Value] = {
        ("url",): spec.url,
        ("flow",): spec.studio,
        ("filters",): sorted(set(spec.filters)) if spec.filters else None,
        ("triggers",): list(spec.triggers) if spec.triggers else None,
        ("replay_after",): spec.replay_after,
    }
    fields: dict[Path, Value] = {("target",): target_of(spec)}
    fields |= {path: value for path, value in given.items() if value is not None}
    if spec.studio is None:
        fields[("method",)] = spec.method
    return Declared(fields, policy={"once": spec.once})


def natural_key(fields: Fields) -> Hashable | None:
    """Return what tells one webhook from another where no mark does."""
    where = reveal(fields.get(("flow",)) or fields.get(("url",)))
    return (fields.get(("target",)), str(where), _names(fields, "filters"), _names(fields, "triggers"))


def _names(fields: Fields, name: str) -> frozenset[str]:
    value = fields.get((name,))
    return frozenset(str(one) for one in value) if isinstance(value, list) else frozenset()


def from_live(row: Row) -> Fields:
    """Return a live webhook in our words. Keywords may be echoed under either name, by what Twilio shows."""
    held = row.get("configuration")
    settings = held if isinstance(held, dict) else {}
    fields: dict[Path, Value] = {("target",): row.get("target")}
    for ours, theirs in (
        ("url", "url"),
        ("method", "method"),
        ("flow", "flow_sid"),
        ("replay_after", "replay_after"),
    ):
        if settings.get(theirs) is not None:
            fields[(ours,)] = settings[theirs]
    filters, triggers = (_listed(settings.get(name)) for name in ("filters", "triggers"))
    if row.get("target") == "trigger" and not triggers:
        filters, triggers = [], filters
    return fields | {
        (name,): value for name, value in (("filters", filters), ("triggers", triggers)) if value
    }


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def comparable(path: Path, value: Value) -> Value:
    """Return a value in the form it is compared in: method and target without case, filters without order."""
    if path in (("method",), ("target",)) and isinstance(value, str):
        return value.lower()
    if path in (("filters",), ("triggers",)) and isinstance(value, list):
        return [*sorted(str(one) for one in value)]
    return value


def claims(address: Address, fields: Fields) -> frozenset[Claim]:  # noqa: ARG001 - the shape of a hook
    """Return nothing: two equal webhooks may stand side by side; how many is the kind's `capacity`."""
    return frozenset()


def check(resources: Sequence[Resource], site: Site) -> Iterator[Finding]:  # noqa: ARG001 - a hook
    """Yield what Twilio would refuse about the webhooks of one conversation (errors 50362 to 50372)."""
    for resource in resources:
        where, fields = resource.address, resource.fields
        yield from _check_where(where, fields)
        yield from _check_url(where, fields.get(("url",)))
        for name in sorted(_names(fields, "filters") - set(FILTERS)):
            close = get_close_matches(name, FILTERS, 1)
            detail = f"Did you mean {close[0]}?" if close else f"Allowed: {', '.join(FILTERS)}."
            yield Finding(where, ("filters",), f"{name!r} is no event a scoped webhook can listen to", detail)
        triggers = _names(fields, "triggers")
        if len(triggers) > _MOST_TRIGGERS:
            summary = f"{len(triggers)} triggers; Twilio allows {_MOST_TRIGGERS}"
            yield Finding(where, ("triggers",), summary)
        for trigger in sorted(triggers):
            if not 1 <= len(trigger) <= _LONGEST_TRIGGER:
                yield Finding(where, ("triggers",), f"a trigger has 1 to {_LONGEST_TRIGGER} characters")


_MOST_TRIGGERS, _LONGEST_TRIGGER, _LONGEST_URL = 5, 248, 512
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _check_where(where: Address, fields: Fields) -> Iterator[Finding]:
    """Each of the three targets has what it needs and nothing that another one needs."""
    flow = fields.get(("flow",))
    if flow is not None and (("url",) in fields or ("triggers",) in fields):
        yield Finding(where, ("studio",), "studio stands alone", "Take url and triggers out, or studio.")
    elif flow is not None and not re.fullmatch("FW[0-9a-f]{32}", str(flow)):
        yield Finding(where, ("studio",), f"{flow!r} is no flow", "A Studio flow is named by its sid: FW…")
    elif flow is None and ("url",) not in fields:
        detail = "Give url (a webhook or, with triggers, a trigger) or studio (a flow)."
        yield Finding(where, (), "this webhook leads nowhere", detail)
    elif fields[("target",)] == "webhook" and not fields.get(("filters",)):
        detail = "Name the events: filters: [onMessageAdded]."
        yield Finding(where, (), "this webhook listens to nothing", detail)


def _check_url(where: Address, value: Value) -> Iterator[Finding]:
    """Check what is known of a url; none of it is repeated, because it may be sensitive."""
    url, path = _known_part(reveal(value)), ("url",)
    if url is None:
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield Finding(where, path, "this is no url", "Write it as https://example.com/path.")
        return
    local = parts.scheme == "http" and host in _LOOPBACK
    if parts.scheme != "https" and not local:
        yield Finding(
            where, path, "a webhook's url begins with https://", "What people write travels over it."
        )
    if not host:
        yield Finding(where, path, "this url names no host", "Write it as https://example.com/path.")
    if len(url) > _LONGEST_URL:
        yield Finding(where, path, f"a url has at most {_LONGEST_URL} characters, this one {len(url)}")


def _known_part(url: Value) -> str | None:
    """Return a url with a stand-in for what is known after apply; None where that begins it."""
    if isinstance(url, Joined) and isinstance(url.parts[0], str):
        return "".join(part if isinstance(part, str) else "x" for part in url.parts)
    return url if isinstance(url, str) else None


KIND = Kind(
    name="webhook",
    plural="webhooks",
    parent=conversation.KIND,
    host="conversations",
    collection=("Webhooks",),
    list_key="webhooks",
    page_size=5,
    spec=WebhookSpec,
    declare=declare,
    natural_key=natural_key,
    to_form=partial(named_form, NAMES),
    from_live=from_live,
    create_only=frozenset({"target", "replay_after"}),
    mark=MarkHome.PARENT,
    printed=frozenset({"method"}),
    capacity=5,
    comparable=comparable,
    claims=claims,
    check=check,
)
