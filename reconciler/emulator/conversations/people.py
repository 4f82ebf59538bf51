"""Roles and users of a service: turns calls on ``/Roles`` and ``/Users`` into rows.

Sources: OpenAPI of both resources, error pages 50100–50105, 50201–50207, 20002; documented: every service
begins with default roles, and adding an identity to a conversation makes its user. The default roles'
permissions are inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Role, Service, User
from reconciler.emulator.wire import date_text

from . import bindings, push_bindings

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.store import Store

_ROLE_NAME_CHARS = 64
_OWN = ("sendMessage", "sendMediaMessage", "leaveConversation", "editOwnMessage", "editOwnMessageAttributes")
_MEMBER = (*_OWN, "deleteOwnMessage", "editNotificationLevel")
_ANYONES = (
    "addParticipant",
    "removeParticipant",
    "deleteConversation",
    "editConversationName",
    "editConversationAttributes",
    "editAnyMessage",
    "editAnyMessageAttributes",
    "deleteAnyMessage",
)
_SERVICE_USER = ("createConversation", "joinConversation", "editOwnUserInfo")
_SERVICE_ADMIN = (*_ANYONES, *_SERVICE_USER, "editAnyUserInfo", "editOwnMessage", "editOwnMessageAttributes")
PERMISSIONS = frozenset(
    {*_MEMBER, *_ANYONES, *_SERVICE_ADMIN, "addNonChatParticipant", "editAnyParticipantAttributes"}
    | {"editOwnParticipantAttributes", "editUniqueName", "editChannelName"}
)
DEFAULT_ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "service admin": ("service", _SERVICE_ADMIN),
    "service user": ("service", _SERVICE_USER),
    "channel admin": ("conversation", (*_MEMBER, *_ANYONES)),
    "channel user": ("conversation", _MEMBER),
}


def add_role(store: Store, service_sid: str, name: str, kind: str, permissions: list[str]) -> Role:
    """Add a role to a service."""
    now = store.today()
    sid = store.mint("RL", f"/Services/{service_sid}/Roles", name)
    row = Role(sid, store.next_seq(), service_sid, name, kind, permissions, now, now)
    store.insert(row)
    return row


def ensure_user(store: Store, service: Service, identity: str) -> User:
    """Return the user of an identity, making one that has the service's default role if there is none."""
    return store.index.user_of.get((service.sid, identity)) or _add_user(store, service, identity, {})


def _add_user(store: Store, service: Service, identity: str, given: dict[str, Any]) -> User:
    now = store.today()
    filled = {"friendly_name": None, "attributes": "{}", "role_sid": service.service_role_sid, **given}
    row = User(
        sid=store.mint("US", f"/Services/{service.sid}/Users", identity),
        seq=store.next_seq(),
        service_sid=service.sid,
        identity=identity,
        date_created=now,
        date_updated=now,
        **filled,
    )
    store.insert(row)
    return row


def create_role(call: Call) -> Reply:
    """POST ``/Roles``: 201."""
    name = call.form.get("FriendlyName")
    if not name:
        raise ApiError(50000)
    if len(name) > _ROLE_NAME_CHARS:
        raise ApiError(20002)
    kind = (call.form.get("Type") or "").lower()
    if kind not in ("conversation", "service"):
        raise ApiError(50105)
    return 201, show_role(call, add_role(call.store, call.service.sid, name, kind, _permissions(call)))


def _permissions(call: Call) -> list[str]:
    found = call.form.all("Permission")
    if not found:
        raise ApiError(20001, "Permission is not provided")
    if not PERMISSIONS.issuperset(found):
        raise ApiError(50104)
    return found


def _role(call: Call) -> Role:
    row = call.store.index.rows.get(call.ids["Sid"])
    if not isinstance(row, Role) or row.service_sid != call.service.sid:
        raise call.not_found()
    return row


def fetch_role(call: Call) -> Reply:
    """GET by SID."""
    return 200, show_role(call, _role(call))


def update_role(call: Call) -> Reply:
    """POST the instance: the permissions are replaced whole."""
    row = _role(call)
    call.store.update(row, permissions=_permissions(call), date_updated=call.store.today())
    return 200, show_role(call, row)


def delete_role(call: Call) -> Reply:
    """DELETE: 204; a role that the service gives by default stays (inferred)."""
    row, service = _role(call), call.service
    if row.sid in (service.creator_role_sid, service.conversation_role_sid, service.service_role_sid):
        raise ApiError(20001, "The role is a default of its service")
    call.store.remove(row)
    return 204, None


def list_roles(call: Call) -> Reply:
    """GET the collection."""
    rows = call.store.index.roles.get(call.service.sid)
    return page(call, "roles", listed(call, rows), show_role, maximum=50)


def check_role(store: Store, service_sid: str, role_sid: str, kind: str, unknown: int = 50100) -> None:
    """Refuse a role that is not of this service (50103, ``unknown``) and type (50101)."""
    if not role_sid:
        raise ApiError(50103)
    role = store.index.rows.get(role_sid)
    if not isinstance(role, Role) or role.service_sid != service_sid:
        raise ApiError(unknown)
    if role.type != kind:
        raise ApiError(50101)


def create_user(call: Call) -> Reply:
    """POST ``/Users``: 201."""
    identity = fields.identity(call.form.get("Identity") or "")
    if (call.service.sid, identity) in call.store.index.user_of:
        raise ApiError(50201)
    return 201, show_user(call, _add_user(call.store, call.service, identity, _user_fields(call)))


def _user_fields(call: Call) -> dict[str, Any]:
    form, store = call.form, call.store
    given: dict[str, Any] = {}
    if (name := fields.text(form, "FriendlyName", 50003)) is not None:
        given["friendly_name"] = name
    attributes = fields.attributes(
        form.get("Attributes"), fields.CONVERSATION_ATTRIBUTES_BYTES, store.switches.attributes_echo
    )
    if attributes is not None:
        given["attributes"] = attributes
    if (role_sid := form.get("RoleSid")) is not None:
        check_role(store, call.service.sid, role_sid, "service")
        given["role_sid"] = role_sid
    return given


def named_user(call: Call, name: str) -> User:
    """Return the user of a service by SID or identity, or refuse with 20404."""
    row = call.store.index.rows.get(name)
    if not isinstance(row, User) or row.service_sid != call.service.sid:
        row = call.store.index.user_of.get((call.service.sid, name))
    if row is None:
        raise call.not_found()
    return row


def fetch_user(call: Call) -> Reply:
    """GET by SID or identity; only here is told whether the user can be reached (documented)."""
    row = named_user(call, call.ids["Sid"])
    reach = {"is_notifiable": True} if push_bindings.is_notifiable(call.store, row) else {}
    return 200, {**show_user(call, row), **reach}


def update_user(call: Call) -> Reply:
    """POST the instance."""
    row = named_user(call, call.ids["Sid"])
    call.require_change(("FriendlyName", "Attributes", "RoleSid"))
    call.store.update(row, **{"date_updated": call.store.today(), **_user_fields(call)})
    return 200, show_user(call, row)


def delete_user(call: Call) -> Reply:
    """DELETE: 204; the user leaves the service's conversations (documented for Chat)."""
    store, row = call.store, named_user(call, call.ids["Sid"])
    for participant in list(store.index.by_identity.get((row.service_sid, row.identity), ())):
        store.remove(participant)
        conversation = store.conversation(participant.conversation_sid)
        if conversation is not None:
            bindings.release(store, conversation, participant)
    for device in list(store.index.push_bindings_of.get((row.service_sid, row.identity), ())):
        store.remove(device)
    store.remove(row)
    return 204, None


def list_users(call: Call) -> Reply:
    """GET the collection."""
    rows = call.store.index.users.get(call.service.sid)
    return page(call, "users", listed(call, rows), show_user, maximum=50)


def show_role(call: Call, row: Role) -> dict[str, Any]:
    """Return the Role resource."""
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "chat_service_sid": row.service_sid,
        "friendly_name": row.friendly_name,
        "type": row.type,
        "permissions": list(row.permissions),
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": call.url("Roles", row.sid),
    }


def show_user(call: Call, row: User) -> dict[str, Any]:
    """Return the User resource; without reachability nobody is known to be online."""
    url = call.url("Users", row.sid)
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "chat_service_sid": row.service_sid,
        "role_sid": row.role_sid,
        "identity": row.identity,
        "friendly_name": row.friendly_name,
        "attributes": row.attributes,
        "is_online": None,
        "is_notifiable": None,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "links": {"user_conversations": f"{url}/Conversations"},
    }
