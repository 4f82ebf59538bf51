"""The admin path of calls: turns ``requests`` into what clients asked of Twilio lately, and how it ended."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator.handle import TABLES, locate
from reconciler.emulator.request_log import KEPT
from reconciler.emulator.wire import date_text, form_of

from .admin import Ways, count_in, query_of

if TYPE_CHECKING:
    from reconciler.emulator.request_log import Entry
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request, Response

_LIMIT = 100
_SECRETS = frozenset({"Certificate", "PrivateKey", "ApiKey", "Secret"})
_PASSWORD = re.compile(r"(?<=://)[^/?#@\s]*@")
_HIDDEN = "(hidden)"


def listing(store: Store, request: Request) -> dict[str, Any]:
    """GET ``?since=N&limit=N``: the latest calls of Twilio, oldest first, without credentials."""
    query = query_of(request)
    since, limit = count_in(query, "since", 0), min(count_in(query, "limit", _LIMIT), KEPT)
    with store.lock:
        found = store.requests.since(since)
    return {"requests": [shown(entry) for entry in found[len(found) - min(limit, len(found)) :]]}


PATHS: dict[str, Ways] = {"requests": {"GET": listing}}


def shown(entry: Entry) -> dict[str, Any]:
    """Return a call for a reader outside; a ``status`` of null is a connection that was cut."""
    request, response = entry.request, entry.response
    place = locate(request)
    return {
        "number": entry.number,
        "at": date_text(int(entry.at_s)),
        "method": request.method,
        "host": place.domain,
        "path": place.path,
        "query": place.query,
        "form": _form(request),
        "operation": _operation(request),
        "status": response.status if response else None,
        "error_code": _error_code(response),
        "request_id": response.headers.get("Twilio-Request-Id") if response else None,
        "duration_ms": round(entry.duration_s * 1000, 3),
    }


def _form(request: Request) -> dict[str, list[str]]:
    """Return the parameters of a body; secrets and the passwords in urls are hidden."""
    found: dict[str, list[str]] = {}
    for name, value in form_of(request).pairs():
        found.setdefault(name, []).append(_HIDDEN if name in _SECRETS else _PASSWORD.sub("", value))
    return found


def _operation(request: Request) -> str | None:
    place = locate(request)
    table = TABLES.get(place.product)
    found = table.match(request.method, "/" + place.path[1:].partition("/")[2]) if table else None
    return found.operation.name if found and found.operation else None


def _error_code(response: Response | None) -> int | None:
    if response is None or response.status < 400:
        return None
    code = json.loads(response.body).get("code")
    return code if isinstance(code, int) else None
