"""The admin path of the whole world: turns ``state`` into one document, and a document into the world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.emulator import state
from reconciler.emulator.rows import KINDS
from reconciler.emulator.soundness import StateError

from .admin import AdminError, Ways, described
from .shapes import COUNT, NUMBER, Shape, choice, either, fields_like, listed, record, table

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request


def _world(*, needed: bool) -> Shape:
    rows = (record({"kind": choice(kind), **fields_like(row, needed=needed)}) for kind, row in KINDS.items())
    clock = record({"now_s": NUMBER, "rate": NUMBER})
    fields = {"format": COUNT, "clock": clock, "rows": listed(either(*rows)), "mints": table(COUNT)}
    return record(fields)


@described(gives=_world(needed=True))
def show(store: Store, _: Request) -> dict[str, Any]:
    """GET: everything that the world holds, as one document with the number of its format."""
    return state.exported(store)


@described(takes=_world(needed=False), gives=record({"status": choice("ok"), "rows": COUNT}))
def take(store: Store, request: Request) -> dict[str, Any]:
    """PUT: the world becomes what a document says, or stays as it is."""
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise AdminError("the body is not JSON; nothing was changed") from error
    try:
        state.imported(store, document)
    except StateError as error:
        raise AdminError(f"{error}; nothing was changed") from error
    return {"status": "ok", "rows": len(store.index.rows)}


PATHS: dict[str, Ways] = {"state": {"GET": show, "PUT": take}}
