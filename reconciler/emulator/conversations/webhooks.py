"""Scoped webhooks: turns calls on ``/Conversations/{…}/Webhooks`` into rows. Who is called is in ``hooks``.

Sources: OpenAPI of the ScopedWebhook resource, error pages 50055, 50078 and 50361–50372; the events are
those of an address configuration's ``AutoCreation.WebhookFilters`` (a scoped webhook takes post-events
only).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Webhook
from reconciler.emulator.wire import date_text

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Conversation
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

PER_CONVERSATION = 5
TARGETS = ("webhook", "trigger", "studio")
EVENTS = frozenset(
    {
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
    }
)
_URL, _METHOD, _FLOW = "Configuration.Url", "Configuration.Method", "Configuration.FlowSid"
_FILTERS, _TRIGGERS = "Configuration.Filters", "Configuration.Triggers"
_UPDATABLE = (_URL, _METHOD, _FILTERS, _TRIGGERS, _FLOW)
_MAX_URL_CHARS = 512
_MAX_TRIGGER_CHARS = 248


def create(call: Call) -> Reply:
    """POST the collection: 201 and the new webhook, which may be told of the past."""
    from reconciler.emulator.callbacks.hooks import replayed

    store, conversation = call.store, call.writable_conversation()
    target = _target(call.form)
    given = _settings(call.form, target)
    _check_complete(target, given)
    replay_after = call.form.get("Configuration.ReplayAfter")
    given["replay_after"] = None if replay_after is None else fields.whole_number(replay_after, 20001)
    if len(store.webhooks(conversation)) >= PER_CONVERSATION:
        raise ApiError(50361)
    row = built(store, conversation, target, given)
    store.insert(row)
    store.deliveries.plan(replayed(store, row))
    return 201, show(call, row)


def fetch(call: Call) -> Reply:
    """GET by SID."""
    return 200, show(call, call.child(Webhook, call.conversation()))


def update(call: Call) -> Reply:
    """POST the instance; target and replay_after are fixed, filters and triggers are replaced whole."""
    row = call.child(Webhook, call.writable_conversation())
    call.require_change(_UPDATABLE)
    given = _settings(call.form, row.target)
    call.store.update(row, date_updated=call.store.today(), **given)
    return 200, show(call, row)


def delete(call: Call) -> Reply:
    """DELETE: 204."""
    call.store.remove(call.child(Webhook, call.clearable_conversation()))
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection: five a page, which is all there can be."""
    rows = call.store.webhooks(call.conversation())
    return page(call, "webhooks", listed(call, rows), show, default=5, maximum=5)


def _target(form: Form) -> str:
    target = form.get("Target")
    if not target:
        raise ApiError(50368)
    if target.lower() not in TARGETS:
        raise ApiError(50364)
    return target.lower()


def _settings(form: Form, target: str) -> dict[str, Any]:
    """Return what the form sets for this target, each value checked; what other targets have is ignored."""
    given: dict[str, Any] = {}
    if target == "studio":
        if _FLOW in form:
            given["flow_sid"] = fields.sid(form, _FLOW, "FW", 50367)
        return given
    if (url := form.get(_URL)) is not None:
        given["hook_url"] = _url(url)
    if (method := form.get(_METHOD)) is not None:
        fields.http_method(method)
        given["method"] = method
    if target == "webhook" and _FILTERS in form:
        given["words"] = _filters(form.all(_FILTERS))
    if target == "trigger" and _TRIGGERS in form:
        given["words"] = _triggers(form.all(_TRIGGERS))
    return given


def _url(value: str) -> str:
    if not value:
        raise ApiError(50369)
    if len(value) > _MAX_URL_CHARS:
        raise ApiError(50372)
    return fields.web_url(value, 50078)


def _filters(values: list[str]) -> list[str]:
    if not any(values):
        raise ApiError(50370)
    if not EVENTS.issuperset(values):
        raise ApiError(50365)
    return values


def _triggers(values: list[str]) -> list[str]:
    if values == [""]:
        raise ApiError(50371)
    if len(values) > PER_CONVERSATION:
        raise ApiError(50362)
    if not all(0 < len(value) <= _MAX_TRIGGER_CHARS for value in values):
        raise ApiError(50366)
    return values


def _check_complete(target: str, given: dict[str, Any]) -> None:
    if target == "studio":
        if "flow_sid" not in given:
            raise ApiError(50367)
        return
    if "hook_url" not in given:
        raise ApiError(50369)
    if "words" not in given:
        raise ApiError(50370 if target == "webhook" else 50371)


def built(store: Store, conversation: Conversation, target: str, given: dict[str, Any]) -> Webhook:
    """Return the row of a new webhook of a conversation."""
    now = store.today()
    filled: dict[str, Any] = {"hook_url": None, "method": None, "words": [], "flow_sid": None}
    filled |= {"replay_after": None, **given}
    natural_key = "|".join((target, filled["hook_url"] or filled["flow_sid"] or "", *sorted(filled["words"])))
    return Webhook(
        sid=store.mint("WH", f"{conversation.sid}/Webhooks", natural_key),
        seq=store.next_seq(),
        conversation_sid=conversation.sid,
        target=target,
        date_created=now,
        date_updated=now,
        **filled,
    )


def _configuration(store: Store, row: Webhook) -> dict[str, Any]:
    view: dict[str, Any] = {}
    if row.target == "studio":
        view["flow_sid"] = row.flow_sid
    else:
        echo = store.switches.method_echo
        method = row.method or "POST"
        view["url"] = row.hook_url
        view["method"] = (
            method if echo == "as_sent" else method.upper() if echo == "upper" else method.lower()
        )
        view["filters" if row.target == "webhook" else store.switches.trigger_echo] = list(row.words)
    if row.replay_after is not None:
        view["replay_after"] = row.replay_after
    return view


def show(call: Call, row: Webhook) -> dict[str, Any]:
    """Return the resource; under a service's path it also names the service."""
    scope = {"chat_service_sid": call.service.sid} if call.scoped else {}
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        **scope,
        "conversation_sid": row.conversation_sid,
        "target": row.target,
        "configuration": _configuration(call.store, row),
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": call.url("Conversations", row.conversation_sid, "Webhooks", row.sid),
    }
