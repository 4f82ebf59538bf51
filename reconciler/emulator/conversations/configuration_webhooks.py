"""Webhooks of the account and of a service: turns calls on ``…/Configuration/Webhooks`` into settings.

Sources: OpenAPI of Configuration Webhook and Service Webhook Configuration (of a new service everything is
null); error pages 50054, 50055, 50077, 50078; observed: a new account has POST, no URL and no filter, and a
service's own webhooks silence the account's for it. An empty URL or filter removes it (inferred).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError

from .webhooks import EVENTS

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Configuration, Service
    from reconciler.emulator.store import Store

TARGETS = ("webhook", "flex")
PRE_EVENTS = frozenset(
    {
        "onMessageAdd",
        "onMessageUpdate",
        "onMessageRemove",
        "onConversationAdd",
        "onConversationUpdate",
        "onConversationRemove",
        "onParticipantAdd",
        "onParticipantUpdate",
        "onParticipantRemove",
        "onUserUpdate",
    }
)
POST_EVENTS = EVENTS | {"onConversationAdded", "onUserAdded", "onUserUpdated"}
_UPDATABLE = ("PreWebhookUrl", "PostWebhookUrl", "Filters", "Method")


def in_force(store: Store, service: Service) -> Service | Configuration:
    """Return whose webhooks hear of a service's events: its own if it has a URL, else the account's."""
    return service if service.pre_webhook_url or service.post_webhook_url else store.configuration


def fetch(call: Call) -> Reply:
    """GET the account's."""
    return 200, _show(call)


def update(call: Call) -> Reply:
    """POST the account's; ``Target`` says who answers, an address on the web or Flex."""
    call.require_change((*_UPDATABLE, "Target"))
    changes = _given(call)
    if (target := call.form.get("Target")) is not None:
        if target.lower() not in TARGETS:
            raise ApiError(20001, "Target must be webhook or flex")
        changes["webhook_target"] = target.lower()
    call.store.update(call.store.configuration, **changes)
    return 200, _show(call)


def fetch_service(call: Call) -> Reply:
    """GET a service's."""
    return 200, _show_service(call)


def update_service(call: Call) -> Reply:
    """POST a service's: what is given changes."""
    call.require_change(_UPDATABLE)
    call.store.update(call.service, **_given(call))
    return 200, _show_service(call)


def _given(call: Call) -> dict[str, Any]:
    form = call.form
    given: dict[str, Any] = {}
    for name, field, code in (
        ("PreWebhookUrl", "pre_webhook_url", 50077),
        ("PostWebhookUrl", "post_webhook_url", 50078),
    ):
        if (url := form.get(name)) is not None:
            given[field] = fields.web_url(url, code) if url else None
    if (method := form.get("Method")) is not None:
        given["webhook_method"] = fields.http_method(method)
    if "Filters" in form:
        filters = [value for value in form.all("Filters") if value]
        known = (PRE_EVENTS | POST_EVENTS).issuperset(filters)
        if not known and call.store.switches.unknown_webhook_filter == "refused":
            raise ApiError(50054, "Filters must be events of Conversations")
        given["webhook_filters"] = filters
    return given


def _settings(row: Service | Configuration) -> dict[str, Any]:
    filters = row.webhook_filters
    return {
        "pre_webhook_url": row.pre_webhook_url,
        "post_webhook_url": row.post_webhook_url,
        "filters": None if filters is None else list(filters),
        "method": row.webhook_method,
    }


def _show(call: Call) -> dict[str, Any]:
    return {
        "account_sid": call.store.account.sid,
        **_settings(call.store.configuration),
        "target": call.store.configuration.webhook_target,
        "url": f"{call.root}/Configuration/Webhooks",
    }


def _show_service(call: Call) -> dict[str, Any]:
    return {
        "account_sid": call.store.account.sid,
        "chat_service_sid": call.service.sid,
        **_settings(call.service),
        "url": f"{call.root}/Services/{call.service.sid}/Configuration/Webhooks",
    }
