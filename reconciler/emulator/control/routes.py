"""The admin paths: turns ``/_emulator/…`` into questions about the emulator itself. They are not Twilio's.

They need no credentials, so they answer only when the Host header names this machine: a web page that
resolves its own name to 127.0.0.1 (DNS rebinding) is refused. So is what a browser sends for a page of
another origin, and no answer carries a CORS header.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator.handle import TABLES
from reconciler.emulator.rows import FORMAT
from reconciler.emulator.wire import date_text

from . import approvals as control_approvals
from . import builds as control_builds
from . import events as control_events
from . import faults as control_faults
from . import limits as control_limits
from . import openapi as control_openapi
from . import phones as control_phones
from . import requests as control_requests
from . import scenario as control_scenario
from . import scene as control_page
from . import specs as control_specs
from . import state as control_state
from . import switches as control_switches
from . import webhooks as control_webhooks
from .admin import Ways, described, respond
from .admin import answer as _json
from .shapes import ANY, COUNT, DATE, TEXT, WHOLE, choice, record, table

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request, Response

PREFIX = "/_emulator/"
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)


def is_control(request: Request) -> bool:
    """Tell whether a request is for the emulator and not for Twilio."""
    return request.target.startswith(PREFIX)


def name_of(request: Request) -> str:
    """Return the part of an admin path after ``/_emulator/``."""
    return request.target.removeprefix(PREFIX).partition("?")[0]


def stranger(request: Request) -> Response | None:
    """Return a refusal for who does not ask from this machine, or asks for a page of another origin."""
    if not _LOCAL_HOST.fullmatch(request.host):
        return _json(403, {"message": "Admin paths answer on 127.0.0.1 and localhost only"})
    if request.headers.get("origin", _origin(request)).lower() != _origin(request).lower():
        return _json(403, {"message": "Admin paths do not answer pages of another origin"})
    return None


def control(store: Store, request: Request) -> Response:
    """Answer an admin request with JSON."""
    wrong = stranger(request)
    if wrong is not None:
        return wrong
    store.advance(0)  # what is due by now has happened
    name = name_of(request)
    ways = _ways(name)
    if ways is None:
        return _json(404, {"message": f"{request.target} is not an admin path"})
    return respond(store, request, ways)


def _ways(name: str) -> Ways | None:
    """Return what answers a path; ``{id}`` stands for any one part of it but the first."""
    parts = name.split("/")
    templates = ("/".join([*parts[:at], "{id}", *parts[at + 1 :]]) for at in range(len(parts) - 1, 0, -1))
    return _PATHS.get(name) or next((_PATHS[one] for one in templates if one in _PATHS), None)


_COUNTED = record({"supported": COUNT, "stored": COUNT, "all": COUNT})
_INFO = record(
    {
        "account_sid": TEXT,
        "format": COUNT,
        "seed": WHOLE,
        "now": DATE,
        "calls": COUNT,
        "writes": COUNT,
        "committed": COUNT,
        "turned_away": COUNT,
        "interrupted": COUNT,
        "faults": COUNT,
        "rows": COUNT,
        "operations": table(_COUNTED),
    }
)


@described(gives=record({"status": choice("ok"), "pid": COUNT}))
def _health(_: Store, __: Request) -> dict[str, Any]:
    """GET: it lives."""
    return {"status": "ok", "pid": os.getpid()}


@described(gives=record({"status": choice("ok")}))
def _reset(store: Store, _: Request) -> dict[str, Any]:
    """POST: the world begins again, as empty as a new account."""
    store.reset()
    return {"status": "ok"}


@described(gives=table(ANY))
def _openapi(_: Store, __: Request) -> dict[str, Any]:
    """GET: this description."""
    return control_openapi.document(_PATHS, PREFIX)


@described(gives=_INFO)
def _info(store: Store, _: Request) -> dict[str, Any]:
    """GET: whose world it is, its time, and how much is in it."""
    with store.lock:
        return {
            "account_sid": store.account.sid,
            "format": FORMAT,
            "seed": store.seed,
            "now": date_text(store.today()),
            "calls": store.calls,
            "writes": store.writes,
            "committed": store.committed,
            "turned_away": store.faults.turned_away,
            "interrupted": store.faults.interrupted,
            "faults": len(store.faults.rules()),
            "rows": len(store.index.rows),
            "operations": {
                product: {
                    "supported": table.count("supported"),
                    "stored": table.count("stored"),
                    "all": len(table.operations),
                }
                for product, table in TABLES.items()
            },
        }


def _origin(request: Request) -> str:
    return f"{request.scheme}://{request.host}"


_PATHS: dict[str, Ways] = {
    "health": {"GET": _health},
    "info": {"GET": _info},
    "reset": {"POST": _reset},
    "openapi.json": {"GET": _openapi},
    **control_approvals.PATHS,
    **control_builds.PATHS,
    **control_events.PATHS,
    **control_faults.PATHS,
    **control_limits.PATHS,
    **control_page.PATHS,
    **control_phones.PATHS,
    **control_requests.PATHS,
    **control_scenario.PATHS,
    **control_specs.PATHS,
    **control_state.PATHS,
    **control_switches.PATHS,
    **control_webhooks.PATHS,
}
