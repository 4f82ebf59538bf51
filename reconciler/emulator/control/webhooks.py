"""Admin paths of the calls Twilio makes: turns ``webhooks`` into what became of each, and one made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from reconciler.emulator.callbacks.deliveries import KEPT, State

from .admin import AdminError, Ways, count_in, described, id_of, query_of
from .shapes import COUNT, DATE, NUMBER, TEXT, choice, listed, named, or_null, record, table

if TYPE_CHECKING:
    from reconciler.emulator.callbacks.deliveries import Delivery
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_CHOICES = ("event", "state", "conversation_sid", "webhook_sid")


_STATE = choice(*get_args(State))
_REQUEST = record({"method": TEXT, "url": TEXT, "headers": table(TEXT)})
_DELIVERY = named(
    "Delivery",
    record(
        {
            "id": TEXT,
            "replay_of": or_null(TEXT),
            "at": DATE,
            "at_s": NUMBER,
            "level": choice("account", "service", "conversation"),
            "target": choice("webhook", "trigger", "studio", "flex"),
            "event": TEXT,
            "webhook_sid": or_null(TEXT),
            "conversation_sid": or_null(TEXT),
            "parameters": table(TEXT),
            "request": or_null(_REQUEST),
            "signature": or_null(TEXT),
            "state": _STATE,
            "reason": or_null(TEXT),
            "error_code": or_null(COUNT),
            "answer": or_null(record({"status": COUNT, "body": TEXT})),
            "duration_s": or_null(NUMBER),
        }
    ),
)
_QUERY = {**dict.fromkeys(_CHOICES, TEXT), "state": _STATE, "limit": COUNT}


@described(gives=record({"webhooks": listed(_DELIVERY)}), query=_QUERY)
def listing(store: Store, request: Request) -> dict[str, Any]:
    """GET: the latest calls that fit, the oldest first."""
    query = query_of(request)
    wanted = {name: value for name, value in query.items() if name in _CHOICES}
    limit = count_in(query, "limit", KEPT)
    with store.lock:
        found = [one for one in store.deliveries if all(_told(one, *asked) for asked in wanted.items())]
        return {"webhooks": [one.shown() for one in found[max(0, len(found) - limit) :]]}


@described(gives=_DELIVERY)
def fetch(store: Store, request: Request) -> dict[str, Any]:
    """GET: one call, as it was made, and what became of it."""
    with store.lock:
        return _kept(store, request).shown()


@described(gives=_DELIVERY)
def replay(store: Store, request: Request) -> dict[str, Any]:
    """POST: that call is made again, as it was; the answer is the new one, which is under way."""
    with store.lock:
        return store.deliveries.repeat(_kept(store, request)).shown()


PATHS: dict[str, Ways] = {
    "webhooks": {"GET": listing},
    "webhooks/{id}": {"GET": fetch},
    "webhooks/{id}/replay": {"POST": replay},
}


def _told(delivery: Delivery, name: str, value: str) -> bool:
    return str(getattr(delivery if name == "state" else delivery.call, name)) == value


def _kept(store: Store, request: Request) -> Delivery:
    found = store.deliveries.find(id_of(request))
    if found is None:
        raise AdminError(f"There is no call {id_of(request)}, or it is no longer kept", 404)
    return found
