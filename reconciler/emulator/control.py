"""The admin paths: turns ``/_emulator/…`` into questions about the emulator itself. They are not Twilio's.

They need no credentials, so they answer only when the Host header names this machine: a web page that
resolves its own name to 127.0.0.1 (DNS rebinding) is refused.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from .disk import FORMAT
from .routes import OPERATIONS
from .wire import Response, date_text

if TYPE_CHECKING:
    from .store import Store
    from .wire import Request

PREFIX = "/_emulator/"
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)


def is_control(request: Request) -> bool:
    """Tell whether a request is for the emulator and not for Twilio."""
    return request.target.startswith(PREFIX)


def control(store: Store, request: Request) -> Response:
    """Answer an admin request with JSON."""
    if not _LOCAL_HOST.fullmatch(request.host):
        return _json(403, {"message": "Admin paths answer on 127.0.0.1 and localhost only"})
    name = request.target.removeprefix(PREFIX).partition("?")[0]
    match request.method, name:
        case "GET", "health":
            return _json(200, {"status": "ok", "pid": os.getpid()})
        case "GET", "info":
            return _json(200, _info(store))
        case "POST", "reset":
            store.reset()
            return _json(200, {"status": "ok"})
        case _, "health" | "info" | "reset":
            return _json(405, {"message": f"{request.target} does not take {request.method}"})
    return _json(404, {"message": f"{request.target} is not an admin path"})


def _info(store: Store) -> dict[str, Any]:
    with store.lock:
        return {
            "account_sid": store.account.sid,
            "format": FORMAT,
            "seed": store.seed,
            "now": date_text(store.today()),
            "calls": store.calls,
            "rows": len(store.index.rows),
            "operations": {
                "supported": sum(operation.handler is not None for operation in OPERATIONS),
                "all": len(OPERATIONS),
            },
        }


def _json(status: int, payload: dict[str, Any]) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(payload).encode())
