"""Admin paths of the calls Twilio makes: turns ``webhooks`` into what became of each, and one made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .admin import AdminError, Ways, query_of

if TYPE_CHECKING:
    from reconciler.emulator.callbacks.deliveries import Delivery
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_CHOICES = ("event", "state", "conversation_sid", "webhook_sid")


def listing(store: Store, request: Request) -> dict[str, Any]:
    """GET ``?event=…&state=…&conversation_sid=…&webhook_sid=…``: the calls that fit, the oldest first."""
    wanted = {name: value for name, value in query_of(request).items() if name in _CHOICES}
    with store.lock:
        found = [one.shown() for one in store.deliveries]
    return {"webhooks": [one for one in found if all(one[name] == value for name, value in wanted.items())]}


def fetch(store: Store, request: Request) -> dict[str, Any]:
    """GET: one call, as it was made, and what became of it."""
    with store.lock:
        return _kept(store, request).shown()


def replay(store: Store, request: Request) -> dict[str, Any]:
    """POST: that call is made again, as it was; the answer is the new one, which is under way."""
    with store.lock:
        return store.deliveries.repeat(_kept(store, request)).shown()


PATHS: dict[str, Ways] = {
    "webhooks": {"GET": listing},
    "webhooks/{id}": {"GET": fetch},
    "webhooks/{id}/replay": {"POST": replay},
}


def _kept(store: Store, request: Request) -> Delivery:
    name = request.target.partition("?")[0].split("/webhooks/")[1].split("/")[0]
    found = store.deliveries.find(name)
    if found is None:
        raise AdminError(f"There is no call {name}, or it is no longer kept", 404)
    return found
