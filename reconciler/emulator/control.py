"""The admin paths: turns ``/_emulator/…`` into questions about the emulator itself. They are not Twilio's.

They need no credentials, so they answer only when the Host header names this machine: a web page that
resolves its own name to 127.0.0.1 (DNS rebinding) is refused. So is what a browser sends for a page of
another origin, and no answer carries a CORS header.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from . import control_events, control_page, control_phones, limits
from .admin import answer as _json
from .admin import refused as _refused
from .admin import respond
from .disk import FORMAT
from .faults import FaultError, Rule
from .handle import TABLES
from .presets import PRESETS
from .wire import date_text

if TYPE_CHECKING:
    from .store import Store
    from .wire import Request, Response

PREFIX = "/_emulator/"
_PATHS = {**control_phones.PATHS, **control_page.PATHS, **control_events.PATHS, **limits.PATHS}
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
    if name in _PATHS:
        return respond(store, request, _PATHS[name])
    match request.method, "faults" if name.startswith("faults/") else name:
        case "GET", "health":
            return _json(200, {"status": "ok", "pid": os.getpid()})
        case "GET", "info":
            return _json(200, _info(store))
        case "POST", "reset":
            store.reset()
            return _json(200, {"status": "ok"})
        case _, "faults":
            return _faults(store, request, name.removeprefix("faults").removeprefix("/"))
        case _, "health" | "info" | "reset":
            return _refused(request)
    return _json(404, {"message": f"{request.target} is not an admin path"})


def _info(store: Store) -> dict[str, Any]:
    with store.lock:
        return {
            "account_sid": store.account.sid,
            "format": FORMAT,
            "seed": store.seed,
            "now": date_text(store.today()),
            "calls": store.calls,
            "writes": store.writes,
            "committed": store.committed,
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


def _faults(store: Store, request: Request, name: str) -> Response:
    """List, add (POST), replace (PUT) or remove rules; ``name`` is the rule's in the path, if any."""
    faults = store.faults
    try:
        match request.method, bool(name):
            case "GET", False:
                pass
            case "POST", False:
                return _json(201, faults.add(Rule.parsed(_body(request))).shown())
            case "PUT", False:
                faults.use(*_replacement(_body(request)))
            case "DELETE", False:
                faults.clear()
            case "DELETE", True:
                if not faults.remove(name):
                    return _json(404, {"message": f"There is no fault {name}"})
            case _:
                return _refused(request)
    except FaultError as error:
        return _json(400, {"message": str(error)})
    return _json(200, _in_force(store))


def _in_force(store: Store) -> dict[str, Any]:
    with store.lock:
        return {
            "seed": store.faults.seed,
            "rules": [armed.shown() for armed in store.faults.rules()],
            "late": store.faults.late,
            "presets": list(PRESETS),
        }


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise FaultError("the body is not JSON") from error


def _replacement(body: Any) -> tuple[str | list[Rule], int]:
    """Return what ``{"rules": […]}`` or ``{"preset": name}`` says, each with an optional seed."""
    if not isinstance(body, dict) or set(body) - {"seed"} not in ({"rules"}, {"preset"}):
        raise FaultError("the body has rules or a preset, and may have a seed")
    seed = body.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultError("seed: is not a whole number")
    if "preset" in body:
        return str(body["preset"]), seed
    if not isinstance(body["rules"], list):
        raise FaultError("rules: is not a list")
    return [Rule.parsed(rule) for rule in body["rules"]], seed
