"""Push bindings: turns calls on ``/Services/{…}/Bindings`` into the devices that were registered.

Source: OpenAPI of the Binding resource, which can be listed, read and deleted. Chat clients make them, by
another way than REST: here ``register`` does. A user who has one can be notified (people).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Selection
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import PushBinding
from reconciler.emulator.wire import date_text

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Credential, Service, User
    from reconciler.emulator.store import Store

TYPES = ("apn", "gcm", "fcm", "twilsock")
MESSAGE_TYPES = ("new_message", "added_to_conversation", "removed_from_conversation")


def register(
    store: Store, service: Service, identity: str, endpoint: str, credential: Credential
) -> PushBinding:
    """Add a device of an identity, as its chat client would; the caller commits."""
    now = store.today()
    row = PushBinding(
        sid=store.mint("BS", f"/Services/{service.sid}/Bindings", f"{identity}|{endpoint}"),
        seq=store.next_seq(),
        service_sid=service.sid,
        identity=identity,
        endpoint=endpoint,
        binding_type=credential.type,
        credential_sid=credential.sid,
        message_types=list(MESSAGE_TYPES),
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    return row


def is_notifiable(store: Store, user: User) -> bool:
    """Tell whether a push would find a user: reachability is on and a device is registered (documented)."""
    service = store.service(user.service_sid)
    devices = store.index.push_bindings_of.get((user.service_sid, user.identity))
    return bool(service and service.reachability_enabled and devices)


def fetch(call: Call) -> Reply:
    """GET by SID."""
    return 200, show(call, _addressed(call))


def delete(call: Call) -> Reply:
    """DELETE: 204; the device is not registered any more."""
    call.store.remove(_addressed(call))
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection; ``BindingType`` and ``Identity`` may be repeated, either of them will do."""
    index, service_sid = call.store.index, call.service.sid
    types = {value.lower() for value in call.query.all("BindingType") if value}
    if not types.issubset(TYPES):
        raise ApiError(20001, f"BindingType must be one of {', '.join(TYPES)}")
    identities = {value for value in call.query.all("Identity") if value}
    if len(identities) == 1:
        rows = index.push_bindings_of.get((service_sid, min(identities)))
    else:
        rows = index.push_bindings.get(service_sid)
    every = listed(call, rows)

    def keep(row: PushBinding) -> bool:
        return (not types or row.binding_type in types) and (not identities or row.identity in identities)

    return page(call, "bindings", Selection(every.index, keep=keep, descending=every.descending), show)


def _addressed(call: Call) -> PushBinding:
    row = call.store.index.rows.get(call.ids["Sid"])
    if not isinstance(row, PushBinding) or row.service_sid != call.service.sid:
        raise call.not_found()
    return row


def show(call: Call, row: PushBinding) -> dict[str, Any]:
    """Return the Binding resource."""
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "chat_service_sid": row.service_sid,
        "credential_sid": row.credential_sid,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "endpoint": row.endpoint,
        "identity": row.identity,
        "binding_type": row.binding_type,
        "message_types": list(row.message_types),
        "url": f"{call.root}/Services/{row.service_sid}/Bindings/{row.sid}",
    }
