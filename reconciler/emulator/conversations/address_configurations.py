"""Address configurations: turns calls on ``/Configuration/Addresses`` into what a message there may start.

Sources: OpenAPI of the AddressConfiguration resource and its examples (any letter case of the type, echoed
as typed; a change of ``AutoCreation.Type`` forgets what the former one had); observed: every key of
``auto_creation`` is there, ``binding_name`` too, null where it does not apply, and a method is shown in
capitals. The codes are those of a scoped webhook, which is what such a configuration makes (inferred).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Selection
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import AddressConfiguration
from reconciler.emulator.wire import date_text

from .addresses import channel_of
from .webhooks import EVENTS

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

TYPES = ("sms", "whatsapp", "messenger", "gbm", "email", "rcs", "apple", "chat")
CREATION_TYPES = ("webhook", "studio", "default")
_SHORT_CODE = re.compile(r"\d{3,8}", re.ASCII)
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_UNMATCHED = "whatsapp "  # before what no message is addressed to
_UPDATABLE = (
    "FriendlyName",
    "AutoCreation.Enabled",
    "AutoCreation.Type",
    "AutoCreation.ConversationServiceSid",
    "AutoCreation.WebhookUrl",
    "AutoCreation.WebhookMethod",
    "AutoCreation.WebhookFilters",
    "AutoCreation.StudioFlowSid",
    "AutoCreation.StudioRetryCount",
)
_OF_TYPE = {
    "webhook": ("webhook_url", "webhook_method", "webhook_filters"),
    "studio": ("studio_flow_sid", "studio_retry_count"),
    "default": (),
}
_CREATION = {
    "enabled": False,
    "creation_type": None,
    "conversation_service_sid": None,
    "webhook_url": None,
    "webhook_method": None,
    "webhook_filters": None,
    "studio_flow_sid": None,
    "studio_retry_count": None,
}


def configured(store: Store, address: str) -> AddressConfiguration | None:
    """Return the configuration of one of the account's addresses, written as a message to it has it."""
    return store.index.address_configuration_of.get(address)


def create(call: Call) -> Reply:
    """POST the collection: 201 and the new configuration; an address has one (the code is a switch)."""
    store, form = call.store, call.form
    kind = _enumerated(form, "Type", TYPES)
    if kind is None:
        raise ApiError(20001, "Type is not provided")
    address, reached_at = _address(store, form.get("Address") or "", kind)
    given = {"friendly_name": None, **_CREATION, **_given(store, form)}
    _settle(given)
    if configured(store, reached_at) is not None:
        raise ApiError(store.switches.address_taken_code)
    now = store.today()
    row = AddressConfiguration(
        sid=store.mint("IG", "/Configuration/Addresses", reached_at),
        seq=store.next_seq(),
        address=address,
        channel_address=reached_at,
        type=form.get("Type") or kind,
        address_country=_country(form),
        date_created=now,
        date_updated=now,
        **given,
    )
    store.insert(row)
    return 201, show(call, row)


def fetch(call: Call) -> Reply:
    """GET by SID or address."""
    return 200, show(call, _addressed(call))


def update(call: Call) -> Reply:
    """POST the instance; type, address and country are fixed."""
    row = _addressed(call)
    call.require_change(_UPDATABLE)
    given = {name: getattr(row, name) for name in _CREATION} | _given(call.store, call.form)
    _settle(given)
    call.store.update(row, date_updated=call.store.today(), **given)
    return 200, show(call, row)


def delete(call: Call) -> Reply:
    """DELETE: 204; messages to the address start nothing of their own any more."""
    call.store.remove(_addressed(call))
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection, of one ``Type`` if it is given."""
    kind = _enumerated(call.query, "Type", TYPES)
    rows = listed(call, call.store.index.address_configurations)
    if kind is not None:
        rows = Selection(rows.index, keep=lambda row: row.type.lower() == kind, descending=rows.descending)
    return page(call, "address_configurations", rows, show, maximum=50)


def _addressed(call: Call) -> AddressConfiguration:
    index, name = call.store.index, call.ids["Sid"]
    row = index.rows.get(name)
    if not isinstance(row, AddressConfiguration):
        found = (configured(call.store, f"{prefix}{name}") for prefix in ("", "whatsapp:", _UNMATCHED))
        row = next((one for one in found if one is not None), None)
    if row is None:
        raise call.not_found()
    return row


def _enumerated(form: Form, name: str, known: tuple[str, ...]) -> str | None:
    value = form.get(name)
    if not value:
        return None
    if value.lower() not in known:
        raise ApiError(20001, f"{name} must be one of {', '.join(known)}")
    return value.lower()


def _address(store: Store, address: str, kind: str) -> tuple[str, str]:
    """Return an address as given and as messages to it carry it; what is known of its form is checked."""
    if not address:
        raise ApiError(20001, "Address is not provided")
    if len(address) > fields.NAME_CHARS:
        raise ApiError(20001, f"Address is longer than {fields.NAME_CHARS} characters")
    if kind == "sms" and channel_of(address) != "sms" and not _SHORT_CODE.fullmatch(address):
        raise ApiError(20001, "Address is not a phone number in E.164 form, nor a short code")
    reached_at = _reached_at(store, address, kind)
    senders = store.account.senders
    if senders is not None and kind in ("sms", "whatsapp") and not senders & {address, reached_at}:
        raise ApiError(50413)
    return address, reached_at


def _reached_at(store: Store, address: str, kind: str) -> str:
    """Return an address as messages to it carry it: with its prefix for WhatsApp (without it: by switch)."""
    if kind != "whatsapp" or channel_of(address) != "sms":
        return address
    match store.switches.bare_whatsapp_address:
        case "refused":
            raise ApiError(20001, f"Address of type whatsapp is written whatsapp:{address}")
        case "prefixed":
            return f"whatsapp:{address}"
        case "unmatched":
            return f"{_UNMATCHED}{address}"


def _country(form: Form) -> str | None:
    value = form.get("AddressCountry")
    if value and not _COUNTRY.fullmatch(value):
        raise ApiError(20001, "AddressCountry is not an ISO 3166-1 alpha-2 code")
    return value or None


def _given(store: Store, form: Form) -> dict[str, Any]:
    """Return what the form sets, each value checked in itself; an empty text is none (inferred)."""
    given: dict[str, Any] = {}
    if (name := fields.text(form, "FriendlyName", 50003)) is not None:
        given["friendly_name"] = name or None
    if (enabled := fields.flag(form, "AutoCreation.Enabled")) is not None:
        given["enabled"] = enabled
    if (kind := _enumerated(form, "AutoCreation.Type", CREATION_TYPES)) is not None:
        given["creation_type"] = kind
    if (service := form.get("AutoCreation.ConversationServiceSid")) is not None:
        given["conversation_service_sid"] = _service(store, service)
    return given | _webhook(form) | _studio(form)


def _service(store: Store, sid: str) -> str | None:
    if sid and not fields.is_sid(sid, "IS"):
        raise ApiError(20001, "AutoCreation.ConversationServiceSid is not a service SID")
    if sid and store.service(sid) is None:
        raise ApiError(50050)
    return sid or None


def _webhook(form: Form) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if (url := form.get("AutoCreation.WebhookUrl")) is not None:
        given["webhook_url"] = fields.web_url(url, 50078) if url else None
    if (method := form.get("AutoCreation.WebhookMethod")) is not None:
        given["webhook_method"] = fields.http_method(method)
    if "AutoCreation.WebhookFilters" in form:
        filters = [value for value in form.all("AutoCreation.WebhookFilters") if value]
        if not EVENTS.issuperset(filters):
            raise ApiError(50365)
        given["webhook_filters"] = filters
    return given


def _studio(form: Form) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if (flow := fields.sid(form, "AutoCreation.StudioFlowSid", "FW", 50367)) is not None:
        given["studio_flow_sid"] = flow
    if (count := form.get("AutoCreation.StudioRetryCount")) is not None:
        given["studio_retry_count"] = fields.whole_number(count, 20001)
    return given


def _settle(given: dict[str, Any]) -> None:
    """Refuse a type without what it needs (inferred), and forget what other types would have."""
    kind = given["creation_type"]
    if kind is None and given["enabled"]:
        kind = given["creation_type"] = "default"
    if kind == "webhook" and not given["webhook_url"]:
        raise ApiError(50369)
    if kind == "webhook" and not given["webhook_filters"]:
        raise ApiError(50370)
    if kind == "studio" and not given["studio_flow_sid"]:
        raise ApiError(50367)
    if kind == "webhook" and given["webhook_method"] is None:
        given["webhook_method"] = "POST"
    for other, names in _OF_TYPE.items():
        if other != kind:
            given |= dict.fromkeys(names)


def show(call: Call, row: AddressConfiguration) -> dict[str, Any]:
    """Return the AddressConfiguration resource."""
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "type": row.type,
        "address": row.address,
        "friendly_name": row.friendly_name,
        "address_country": row.address_country,
        "auto_creation": {
            "enabled": row.enabled,
            "type": row.creation_type,
            "conversation_service_sid": row.conversation_service_sid,
            "webhook_url": row.webhook_url,
            "webhook_method": row.webhook_method,
            "webhook_filters": row.webhook_filters,
            "studio_flow_sid": row.studio_flow_sid,
            "studio_retry_count": row.studio_retry_count,
            "binding_name": None,
        },
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": f"{call.root}/Configuration/Addresses/{row.sid}",
    }
