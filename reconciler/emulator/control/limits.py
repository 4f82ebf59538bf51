"""The admin path of limits: turns ``limits`` into how much at once a world takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.limits import NAMES

from .admin import Ways, body_of, described
from .shapes import Shape, named, or_null, record

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_LIMIT: Shape = or_null({"type": "integer", "minimum": 1})
_LIMITS = named("Limits", record(dict.fromkeys(NAMES, _LIMIT)))


@described(gives=_LIMITS)
def show(store: Store, _: Request) -> dict[str, Any]:
    """GET: the limits in force, null where there is none."""
    return store.limits.shown()


@described(takes=record({f"{name}?": _LIMIT for name in NAMES}), gives=_LIMITS)
def change(store: Store, request: Request) -> dict[str, Any]:
    """PUT: these limits are in force, null for none; what is left out stays."""
    body = body_of(request, change)
    with store.lock:
        for name, value in body.items():
            setattr(store.limits, name, value)
        return store.limits.shown()


PATHS: dict[str, Ways] = {"limits": {"GET": show, "PUT": change}}
