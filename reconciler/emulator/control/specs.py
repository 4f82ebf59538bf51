"""The admin path of specs: turns what an embedder told of them into an answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .admin import described
from .shapes import NULL, TEXT, WHOLE, listed, named, or_null, record, table

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

    from .admin import Ways


_LINE = {"file": TEXT, "line": WHOLE, "text": TEXT}
_SENDER = record({**_LINE, "sender": NULL})
_PROBLEM = record(
    {
        "severity": TEXT,
        "summary": TEXT,
        "detail": TEXT,
        "address": or_null(TEXT),
        "file": or_null(TEXT),
        "line": or_null(WHOLE),
        "column": or_null(WHOLE),
        "quote": TEXT,
    }
)
_SPECS = record(
    {
        "state": TEXT,
        "summary": TEXT,
        "stack": TEXT,
        "environment": TEXT,
        "problems": listed(_PROBLEM),
        "senders": table(
            named("Sender", record({**_LINE, "channel": TEXT, "addresses": listed(TEXT)})),
        ),
        "places": table(named("Line", record({**_LINE, "sender": or_null(_SENDER)}))),
    }
)


@described(gives=_SPECS)
def show(store: Store, _: Request) -> dict[str, Any]:
    """GET: how the specs stand that the world is made of, their problems, and where each thing is written."""
    return asdict(store.specs)


PATHS: dict[str, Ways] = {"specs": {"GET": show}}
