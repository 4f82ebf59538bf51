"""Push credentials: turns calls on ``/Credentials`` into rows that hold no secret.

Source: OpenAPI of the Credential resource and its examples: only the type is required, in any letter case;
``sandbox`` is the text True or False. Certificates and keys are taken and forgotten: nothing is pushed here,
so nothing needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Credential
from reconciler.emulator.wire import date_text

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply

TYPES = ("apn", "gcm", "fcm")
_NAME_CHARS = 64
_UPDATABLE = ("Type", "FriendlyName", "Certificate", "PrivateKey", "Sandbox", "ApiKey", "Secret")


def create(call: Call) -> Reply:
    """POST the collection: 201 and the new credential."""
    store, given = call.store, _given(call)
    if "type" not in given:
        raise ApiError(20001, "Type is not provided")
    now = store.today()
    row = Credential(
        sid=store.mint("CR", "/Credentials", given.get("friendly_name") or ""),
        seq=store.next_seq(),
        date_created=now,
        date_updated=now,
        **{"friendly_name": None, "sandbox": False, **given},
    )
    store.insert(row)
    return 201, show(call, row)


def fetch(call: Call) -> Reply:
    """GET by SID."""
    return 200, show(call, _addressed(call))


def update(call: Call) -> Reply:
    """POST the instance."""
    row = _addressed(call)
    call.require_change(_UPDATABLE)
    call.store.update(row, date_updated=call.store.today(), **_given(call))
    return 200, show(call, row)


def delete(call: Call) -> Reply:
    """DELETE: 204."""
    call.store.remove(_addressed(call))
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection."""
    return page(call, "credentials", listed(call, call.store.index.credentials), show)


def _addressed(call: Call) -> Credential:
    row = call.store.index.rows.get(call.ids["Sid"])
    if not isinstance(row, Credential):
        raise call.not_found()
    return row


def _given(call: Call) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if (kind := call.form.get("Type")) is not None:
        if kind.lower() not in TYPES:
            raise ApiError(20001, f"Type must be one of {', '.join(TYPES)}")
        given["type"] = kind.lower()
    if (name := fields.text(call.form, "FriendlyName", 20002, _NAME_CHARS)) is not None:
        given["friendly_name"] = name or None
    if (sandbox := fields.flag(call.form, "Sandbox")) is not None:
        given["sandbox"] = sandbox
    return given


def show(call: Call, row: Credential) -> dict[str, Any]:
    """Return the Credential resource, which shows no secret."""
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "friendly_name": row.friendly_name,
        "type": row.type,
        "sandbox": str(row.sandbox),
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": f"{call.root}/Credentials/{row.sid}",
    }
