"""The account's services and settings: turns calls on ``/Services`` and ``/Configuration`` into rows.

Sources: OpenAPI of Service, Configuration and Service Configuration; facts on singletons (timers come back
as the durations they were set to). A new account has one service, with its default roles, and a default
messaging service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Configuration, Service
from reconciler.emulator.wire import date_text

from . import conversations, people

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Row
    from reconciler.emulator.store import Store

_DEFAULT_SERVICE_NAME = "Default Conversations Service"
_ROLE_FIELDS = {
    "DefaultConversationCreatorRoleSid": ("creator_role_sid", "conversation"),
    "DefaultConversationRoleSid": ("conversation_role_sid", "conversation"),
    "DefaultChatServiceRoleSid": ("service_role_sid", "service"),
}
_CONFIGURATION = (
    "DefaultChatServiceSid",
    "DefaultMessagingServiceSid",
    "DefaultInactiveTimer",
    "DefaultClosedTimer",
)


def found(store: Store) -> None:
    """Give a new world what a new account has."""
    service = _add_service(store, _DEFAULT_SERVICE_NAME)
    messaging_service_sid = store.mint("MG", "/MessagingServices", "default")
    store.configuration = Configuration(
        store.account.sid, store.next_seq(), service.sid, messaging_service_sid
    )
    store.insert(store.configuration)


def _add_service(store: Store, friendly_name: str) -> Service:
    now = store.today()
    sid = store.mint("IS", "/Services", friendly_name)
    roles = {
        name: people.add_role(store, sid, name, kind, list(permissions)).sid
        for name, (kind, permissions) in people.DEFAULT_ROLES.items()
    }
    row = Service(
        sid=sid,
        seq=store.next_seq(),
        friendly_name=friendly_name,
        date_created=now,
        date_updated=now,
        creator_role_sid=roles["channel admin"],
        conversation_role_sid=roles["channel user"],
        service_role_sid=roles["service user"],
    )
    store.insert(row)
    return row


def create_service(call: Call) -> Reply:
    """POST ``/Services``: 201."""
    name = fields.text(call.form, "FriendlyName", 50003)
    if not name:
        raise ApiError(50000)
    return 201, show_service(call, _add_service(call.store, name))


def fetch_service(call: Call) -> Reply:
    """GET by SID."""
    return 200, show_service(call, _service(call))


def list_services(call: Call) -> Reply:
    """GET the collection."""
    return page(call, "services", listed(call, call.store.index.services), show_service)


def delete_service(call: Call) -> Reply:
    """DELETE with everything in it: 204; the default service stays (inferred)."""
    store, row = call.store, _service(call)
    if row.sid == store.configuration.default_chat_service_sid:
        raise ApiError(20001, "The default service cannot be deleted")
    for conversation in list(store.index.conversations.get(row.sid, ())):
        conversations.discard(store, conversation)
    index, sid = store.index, row.sid
    owned: list[Row] = [
        *index.users.get(sid, ()),
        *index.roles.get(sid, ()),
        *index.push_bindings.get(sid, ()),
    ]
    for each in owned:
        store.remove(each)
    store.remove(row)
    return 204, None


def _service(call: Call) -> Service:
    found_row = call.store.service(call.ids["Sid"])
    if found_row is None:
        raise call.not_found()
    return found_row


def fetch_configuration(call: Call) -> Reply:
    """GET ``/Configuration``."""
    return 200, _show_configuration(call)


def update_configuration(call: Call) -> Reply:
    """POST ``/Configuration``: what is given changes, an empty or zero timer is none."""
    call.require_change(_CONFIGURATION)
    form, store = call.form, call.store
    changes: dict[str, Any] = {}
    service_sid = fields.sid(form, "DefaultChatServiceSid", "IS", 20001)
    if service_sid is not None:
        if store.service(service_sid) is None:
            raise ApiError(50050)
        changes["default_chat_service_sid"] = service_sid
    if (messaging := fields.sid(form, "DefaultMessagingServiceSid", "MG", 50341)) is not None:
        changes["default_messaging_service_sid"] = messaging
    if (inactive := form.get("DefaultInactiveTimer")) is not None:
        changes["default_inactive_timer"] = inactive if fields.inactive_timer_s(inactive or "PT0S") else None
    if (closed := form.get("DefaultClosedTimer")) is not None:
        changes["default_closed_timer"] = closed if fields.closed_timer_s(closed or "PT0S") else None
    store.update(store.configuration, **changes)
    return 200, _show_configuration(call)


def fetch_service_configuration(call: Call) -> Reply:
    """GET ``/Services/{ChatServiceSid}/Configuration``."""
    return 200, _show_service_configuration(call)


def update_service_configuration(call: Call) -> Reply:
    """POST ``/Services/{ChatServiceSid}/Configuration``."""
    call.require_change((*_ROLE_FIELDS, "ReachabilityEnabled"))
    store, service = call.store, call.service
    changes: dict[str, Any] = {}
    for name, (field, kind) in _ROLE_FIELDS.items():
        if (role_sid := call.form.get(name)) is not None:
            people.check_role(store, service.sid, role_sid, kind)
            changes[field] = role_sid
    if (reachable := fields.flag(call.form, "ReachabilityEnabled")) is not None:
        changes["reachability_enabled"] = reachable
    store.update(service, **changes)
    return 200, _show_service_configuration(call)


def show_service(call: Call, row: Service) -> dict[str, Any]:
    """Return the Service resource."""
    url = f"{call.root}/Services/{row.sid}"
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "friendly_name": row.friendly_name,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "links": {
            "conversations": f"{url}/Conversations",
            "users": f"{url}/Users",
            "roles": f"{url}/Roles",
            "bindings": f"{url}/Bindings",
            "configuration": f"{url}/Configuration",
            "participant_conversations": f"{url}/ParticipantConversations",
            "conversation_with_participants": f"{url}/ConversationWithParticipants",
        },
    }


def _show_configuration(call: Call) -> dict[str, Any]:
    config = call.store.configuration
    return {
        "account_sid": call.store.account.sid,
        "default_chat_service_sid": config.default_chat_service_sid,
        "default_messaging_service_sid": config.default_messaging_service_sid,
        "default_inactive_timer": config.default_inactive_timer,
        "default_closed_timer": config.default_closed_timer,
        "url": f"{call.root}/Configuration",
        "links": {
            "service": f"{call.root}/Services/{config.default_chat_service_sid}/Configuration",
            "webhooks": f"{call.root}/Configuration/Webhooks",
        },
    }


def _show_service_configuration(call: Call) -> dict[str, Any]:
    service = call.service
    url = f"{call.root}/Services/{service.sid}/Configuration"
    return {
        "chat_service_sid": service.sid,
        "default_conversation_creator_role_sid": service.creator_role_sid,
        "default_conversation_role_sid": service.conversation_role_sid,
        "default_chat_service_role_sid": service.service_role_sid,
        "reachability_enabled": service.reachability_enabled,
        "url": url,
        "links": {"notifications": f"{url}/Notifications", "webhooks": f"{url}/Webhooks"},
    }
