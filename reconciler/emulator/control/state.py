"""The admin path of the whole world: turns ``state`` into one document, and a document into the world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.emulator import state

from .admin import AdminError, Ways

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request


def show(store: Store, _: Request) -> dict[str, Any]:
    """GET: everything that the world holds, as one document with the number of its format."""
    return state.exported(store)


def take(store: Store, request: Request) -> dict[str, Any]:
    """PUT ``{format, clock, rows, mints}``: the world becomes what a document says, or stays as it is."""
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise AdminError("the body is not JSON; nothing was changed") from error
    try:
        state.imported(store, document)
    except state.StateError as error:
        raise AdminError(f"{error}; nothing was changed") from error
    return {"status": "ok", "rows": len(store.index.rows)}


PATHS: dict[str, Ways] = {"state": {"GET": show, "PUT": take}}
