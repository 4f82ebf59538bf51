"""Conversations: turns calls on ``/Conversations`` into rows, and rows into what Twilio shows.

Sources: OpenAPI ``/v1/Conversations`` and its twin under ``/v1/Services/{ChatServiceSid}``; the error pages
of the codes raised here; observed: unique names are held by closed conversations too, ``FriendlyName=``
clears nothing, ``UniqueName=`` clears.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.call import CONVERSATION_SID
from reconciler.emulator.errors import ApiError
from reconciler.emulator.indexes import date_key
from reconciler.emulator.ordered import Ordered, Selection
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Conversation
from reconciler.emulator.wire import date_seconds, date_text

from . import bindings, lifecycle

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

STATES = ("active", "inactive", "closed")
FIELDS = (
    "FriendlyName",
    "UniqueName",
    "DateCreated",
    "DateUpdated",
    "MessagingServiceSid",
    "Attributes",
    "State",
    "Timers.Inactive",
    "Timers.Closed",
    "Bindings.Email.Address",
    "Bindings.Email.Name",
)
_TIMERS = ("Timers.Inactive", "Timers.Closed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The checked parameters of a create or update; ``given`` are the row's fields that change."""

    given: dict[str, Any]
    state: str | None
    has_timers: bool


def create(call: Call) -> Reply:
    """POST the collection: 201 and the new conversation."""
    conversation = build(call, wanted(call))
    add(call.store, conversation)
    return 201, show(call, conversation)


def fetch(call: Call) -> Reply:
    """GET by SID or unique name."""
    return 200, show(call, call.conversation())


def update(call: Call) -> Reply:
    """POST the instance: everything is checked, then everything given is applied."""
    store, conversation = call.store, call.writable_conversation()
    call.require_change(FIELDS)
    order = store.switches.closing_update
    closes = (call.form.get("State") or "").lower() == "closed"
    alone = not call.form.has_any(name for name in FIELDS if name != "State")
    if closes and not alone and order == "refused":
        raise ApiError(50377)
    asked = wanted(call, conversation)
    if not (closes and order == "name_dropped"):
        _apply(store, conversation, asked)
    if asked.state is not None:
        lifecycle.enter(store, conversation, asked.state)
    return 200, show(call, conversation)


def delete(call: Call) -> Reply:
    """DELETE with everything in it, in any state: 204."""
    conversation = call.conversation()
    discard(call.store, conversation)
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection; with a date filter the newest come first (documented), else the order is open."""
    store, service_sid = call.store, call.service.sid
    state = _state_filter(call.query.get("State"))
    start, end = _day(call, "StartDate", "T00:00:00"), _day(call, "EndDate", "T23:59:59")
    if start is None and end is None:
        index = store.index
        rows = index.in_state.get((service_sid, state)) if state else index.conversations.get(service_sid)
        return page(call, "conversations", listed(call, rows), show)
    if start is not None and end is not None and end < start:
        raise ApiError(50396)
    chosen = Selection(
        store.index.by_date.get(service_sid) or Ordered(),
        low=None if start is None else date_key(start),
        high=None if end is None else date_key(end + 1) - 1,
        keep=None if state is None else lambda row: row.state == state,
        descending=True,
    )
    return page(call, "conversations", chosen, show)


def wanted(call: Call, existing: Conversation | None = None) -> Wanted:
    """Check a create (``existing`` None) or an update, refusing the first thing that is wrong."""
    form, store = call.form, call.store
    given: dict[str, Any] = {}
    friendly_name = fields.text(form, "FriendlyName", 50003)
    if friendly_name:  # observed: an empty one changes nothing
        given["friendly_name"] = friendly_name
    given |= _unique_name(call, existing)
    attributes = fields.attributes(
        form.get("Attributes"), fields.CONVERSATION_ATTRIBUTES_BYTES, store.switches.attributes_echo
    )
    if attributes is not None:
        given["attributes"] = attributes
    if (messaging := form.get("MessagingServiceSid")) is not None:
        given["messaging_service_sid"] = _messaging_service(messaging)
    state = _state(form.get("State"), creating=existing is None)
    given |= _timers(form) | _email(form) | fields.dates(form)
    has_timers = form.has_any(_TIMERS)
    if existing is None and has_timers and state is None and store.switches.timers_need_state:
        raise ApiError(50382)
    return Wanted(given, state, has_timers)


def _unique_name(call: Call, existing: Conversation | None) -> dict[str, str | None]:
    name = fields.text(call.form, "UniqueName", 50004)
    if name is None or (not name and existing is None):
        return {}
    if not name:
        answer = call.store.switches.empty_unique_name
        if answer == "refused":
            raise ApiError(20001, "UniqueName is empty")
        return {"unique_name": None} if answer == "clears" else {}
    if CONVERSATION_SID.fullmatch(name):
        raise ApiError(50390)
    store, key = call.store, (call.service.sid, name)
    holder = store.index.names.holder(key)
    if holder is not None and (existing is None or holder != existing.sid):
        raise ApiError(50391 if holder in store.removing else 50353)
    if holder is None and store.index.names.echo(key, store.now_s(), store.calls) is not None:
        raise ApiError(50391)
    return {"unique_name": name}


def _messaging_service(value: str) -> str:
    if not value:
        raise ApiError(50340)
    if not fields.is_sid(value, "MG"):
        raise ApiError(50341)
    return value


def _state(value: str | None, *, creating: bool) -> str | None:
    if value is None:
        return None
    if not value:
        raise ApiError(50374)
    state = value.lower()
    if state not in STATES:
        raise ApiError(50378)
    if creating and state == "closed":
        raise ApiError(50384)
    return state


def _timers(form: Form) -> dict[str, float | None]:
    given: dict[str, float | None] = {}
    if (inactive := form.get("Timers.Inactive")) is not None:
        given["inactive_after_s"] = fields.inactive_timer_s(inactive)
    if (closed := form.get("Timers.Closed")) is not None:
        given["closed_after_s"] = fields.closed_timer_s(closed)
    return given


def _email(form: Form) -> dict[str, str | None]:
    names = {"Bindings.Email.Address": "email_address", "Bindings.Email.Name": "email_name"}
    return {field: form.get(name) or None for name, field in names.items() if name in form}


def build(call: Call, asked: Wanted) -> Conversation:
    """Return the row of a new conversation, with the account's defaults where nothing was said."""
    return built(call.store, call.service.sid, asked)


def built(store: Store, service_sid: str, asked: Wanted) -> Conversation:
    """Return the row of a new conversation of a service."""
    config = store.configuration
    now = store.today()
    name = asked.given.get("unique_name") or asked.given.get("friendly_name") or ""
    timers = {} if asked.has_timers else _default_timers(store)
    return Conversation(
        sid=store.mint("CH", f"/Services/{service_sid}/Conversations", name),
        seq=store.next_seq(),
        service_sid=service_sid,
        state=asked.state or "active",
        **{
            "messaging_service_sid": config.default_messaging_service_sid,
            "friendly_name": None,
            "unique_name": None,
            "attributes": "{}",
            "date_created": now,
            "date_updated": now,
            **timers,
            **asked.given,
        },
    )


def _default_timers(store: Store) -> dict[str, float | None]:
    config = store.configuration
    given: dict[str, float | None] = {}
    if config.default_inactive_timer is not None:
        given["inactive_after_s"] = fields.inactive_timer_s(config.default_inactive_timer)
    if config.default_closed_timer is not None:
        given["closed_after_s"] = fields.closed_timer_s(config.default_closed_timer)
    return given


def add(store: Store, conversation: Conversation) -> None:
    """Put a new conversation into the world: it holds its name, and its timers run."""
    store.insert(conversation)
    if conversation.unique_name is not None:
        store.index.names.take((conversation.service_sid, conversation.unique_name), conversation.sid)
    lifecycle.restart_timers(store, conversation)


def _apply(store: Store, conversation: Conversation, asked: Wanted) -> None:
    old_name = conversation.unique_name
    store.update(conversation, **{"date_updated": store.today(), **asked.given})
    if conversation.unique_name != old_name:
        _rename(store, conversation, old_name)
    if asked.has_timers:
        lifecycle.restart_timers(
            store, conversation, [name for name in lifecycle.TIMERS if name in asked.given]
        )


def _rename(store: Store, conversation: Conversation, old_name: str | None) -> None:
    names, service_sid = store.index.names, conversation.service_sid
    if old_name is not None:
        names.free((service_sid, old_name), conversation.sid, store.now_s(), store.calls)
    if conversation.unique_name is not None:
        names.take((service_sid, conversation.unique_name), conversation.sid)


def discard(store: Store, conversation: Conversation) -> None:
    """Take a conversation and all that is in it out of the world, freeing what it held."""
    if conversation.unique_name is not None:
        key = (conversation.service_sid, conversation.unique_name)
        store.index.names.free(key, conversation.sid, store.now_s(), store.calls)
    with store.events.silent():  # one event tells of the whole
        if conversation.state != "closed":
            lifecycle.close(store, conversation)
    children = store.children(conversation)
    store.remove(conversation)  # first, so that its own webhooks still hear of it
    with store.events.silent():
        for row in children:
            store.remove(row)
    bindings.regroup(store, conversation)
    store.alarms.pop(conversation.sid, None)


def _state_filter(value: str | None) -> str | None:
    if not value:
        return None
    state = value.lower()
    if state not in (*STATES, "initializing"):
        raise ApiError(50378)
    return state


def _day(call: Call, name: str, time_of_day: str) -> int | None:
    value = call.query.get(name)
    if not value:
        return None
    try:
        return date_seconds(value if "T" in value else value + time_of_day)
    except (ValueError, OverflowError) as error:
        raise ApiError(20001, f"{name} is not an ISO 8601 date") from error


def timers(conversation: Conversation) -> dict[str, str]:
    """Return the timers as Twilio shows them: instants, only those that are set."""
    dates = {"date_inactive": conversation.date_inactive, "date_closed": conversation.date_closed}
    return {name: date_text(at) for name, at in dates.items() if at is not None}


def show(call: Call, conversation: Conversation) -> dict[str, Any]:
    """Return the resource as the caller's namespace names it."""
    url = call.url("Conversations", conversation.sid)
    return {
        "sid": conversation.sid,
        "account_sid": call.store.account.sid,
        "chat_service_sid": conversation.service_sid,
        "messaging_service_sid": conversation.messaging_service_sid,
        "friendly_name": conversation.friendly_name,
        "unique_name": conversation.unique_name,
        "attributes": conversation.attributes,
        "date_created": date_text(conversation.date_created),
        "date_updated": date_text(conversation.date_updated),
        "state": conversation.state,
        "timers": timers(conversation),
        "bindings": _shown_bindings(conversation),
        "url": url,
        "links": {
            "participants": f"{url}/Participants",
            "messages": f"{url}/Messages",
            "webhooks": f"{url}/Webhooks",
            "export": f"{url}/Export",
        },
    }


def _shown_bindings(conversation: Conversation) -> dict[str, Any]:
    if conversation.email_address is None:
        return {}
    return {"email": {"projected_address": conversation.email_address, "name": conversation.email_name}}
