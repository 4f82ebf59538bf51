"""Sync services: turns calls on Sync's ``/Services`` into rows.

Sources: OpenAPI of ``sync.v1.service`` (defaults, the debouncing window's bounds, a unique name that cannot
be set), error page 54050. A new account has one service, which ``default`` names in a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import SyncService
from reconciler.emulator.wire import date_text

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

DEFAULT = "default"
_DEFAULT_NAME = "Default Service"
_WINDOW_MS = range(1000, 30_001)
_FLAGS = {
    "WebhooksFromRestEnabled": "webhooks_from_rest_enabled",
    "ReachabilityWebhooksEnabled": "reachability_webhooks_enabled",
    "AclEnabled": "acl_enabled",
    "ReachabilityDebouncingEnabled": "reachability_debouncing_enabled",
}
_FIELDS = (*_FLAGS, "FriendlyName", "WebhookUrl", "ReachabilityDebouncingWindow")


def found(store: Store) -> None:
    """Give a new world the service that every account has."""
    _add(store, {"friendly_name": _DEFAULT_NAME}, DEFAULT)


def _add(store: Store, given: dict[str, Any], unique_name: str | None = None) -> SyncService:
    now = store.today()
    row = SyncService(
        sid=store.mint("IS", "/Sync/Services", unique_name or given.get("friendly_name") or ""),
        seq=store.next_seq(),
        unique_name=unique_name,
        date_created=now,
        date_updated=now,
        **given,
    )
    store.insert(row)
    return row


def create(call: Asked) -> Reply:
    """POST ``/Services``: 201."""
    return 201, show(call, _add(call.store, _given(call.form)))


def fetch(call: Asked) -> Reply:
    """GET by SID, or ``default``."""
    return 200, show(call, named(call, "Sid"))


def listing(call: Asked) -> Reply:
    """GET the collection."""
    return page(call, "services", listed(call, call.store.index.sync_services), show)


def update(call: Asked) -> Reply:
    """POST the instance: what is given changes."""
    row = named(call, "Sid")
    if not call.form.has_any(_FIELDS):
        raise ApiError(54010)
    call.store.update(row, date_updated=call.store.today(), **_given(call.form))
    return 200, show(call, row)


def delete(call: Asked) -> Reply:
    """DELETE with its documents: 204; the default service stays (inferred)."""
    row = named(call, "Sid")
    if row.unique_name == DEFAULT:
        raise ApiError(20001, "The default service cannot be deleted")
    for document in list(call.store.index.documents.get(row.sid, ())):
        call.store.remove(document)
    call.store.remove(row)
    return 204, None


def named(call: Asked, parameter: str) -> SyncService:
    """Return the service that a path parameter names, or refuse with 54050."""
    index, name = call.store.index, call.ids[parameter]
    row = index.rows.get(name) or index.sync_service_of.get(name)
    if not isinstance(row, SyncService):
        raise ApiError(54050)
    return row


def _given(form: Form) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, field in (("FriendlyName", "friendly_name"), ("WebhookUrl", "webhook_url")):
        if (value := form.get(name)) is not None:
            given[field] = value or None
    for name, field in _FLAGS.items():
        if (flag := fields.flag(form, name)) is not None:
            given[field] = flag
    if (window := form.get("ReachabilityDebouncingWindow")) is not None:
        milliseconds = fields.whole_number(window, 20001)
        if milliseconds not in _WINDOW_MS:
            raise ApiError(20001, "ReachabilityDebouncingWindow must be 1000 to 30000")
        given["reachability_debouncing_window"] = milliseconds
    return given


def show(call: Asked, row: SyncService) -> dict[str, Any]:
    """Return the Service resource."""
    url = f"{call.root}/Services/{row.sid}"
    return {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "account_sid": call.store.account.sid,
        "friendly_name": row.friendly_name,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "webhook_url": row.webhook_url,
        "webhooks_from_rest_enabled": row.webhooks_from_rest_enabled,
        "reachability_webhooks_enabled": row.reachability_webhooks_enabled,
        "acl_enabled": row.acl_enabled,
        "reachability_debouncing_enabled": row.reachability_debouncing_enabled,
        "reachability_debouncing_window": row.reachability_debouncing_window,
        "links": {
            "documents": f"{url}/Documents",
            "lists": f"{url}/Lists",
            "maps": f"{url}/Maps",
            "streams": f"{url}/Streams",
        },
    }
