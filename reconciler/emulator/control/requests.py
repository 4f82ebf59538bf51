"""The admin path of calls: turns ``requests`` into what clients asked of Twilio lately, and how it ended."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator.handle import found_in, locate
from reconciler.emulator.request_log import KEPT
from reconciler.emulator.wire import date_text, form_of

from .admin import Ways, count_in, described, query_of
from .shapes import COUNT, DATE, SECONDS, TEXT, listed, named, or_null, record, table

if TYPE_CHECKING:
    from reconciler.emulator.request_log import Entry
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request, Response

_LIMIT = 100
_SECRETS = frozenset({"Certificate", "PrivateKey", "ApiKey", "Secret", "Value"})
_PASSWORD = re.compile(r"(?<=://)[^/?#@\s]*@")
_HIDDEN = "(hidden)"
_SID = re.compile(r"\b[A-Z]{2}[0-9a-f]{32}\b")
_NAMED = ("sid", "conversation_sid")


_CALL = named(
    "Call",
    record(
        {
            "number": COUNT,
            "at": DATE,
            "method": TEXT,
            "host": TEXT,
            "path": TEXT,
            "query": TEXT,
            "form": table(listed(TEXT)),
            "operation": or_null(TEXT),
            "sids": listed(TEXT),
            "status": or_null(COUNT),
            "error_code": or_null(COUNT),
            "request_id": or_null(TEXT),
            "duration_ms": SECONDS,
        }
    ),
)


@described(gives=record({"requests": listed(_CALL)}), query={"since": COUNT, "limit": COUNT})
def listing(store: Store, request: Request) -> dict[str, Any]:
    """GET: the latest calls of Twilio, oldest first, without credentials."""
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
        "sids": _sids(place.path, response),
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
    found = found_in(locate(request), request.method)
    return found.operation.name if found and found.operation else None


def _sids(path: str, response: Response | None) -> list[str]:
    """Return what a call was about: the SIDs in its path, and those that the answer to a write gave."""
    told = _told(response) if response is not None and response.status < 400 else {}
    named = [told[name] for name in _NAMED if isinstance(told.get(name), str)]
    return list(dict.fromkeys([*_SID.findall(path), *named]))


def _error_code(response: Response | None) -> int | None:
    if response is None or response.status < 400:
        return None
    code = _told(response).get("code")
    return code if isinstance(code, int) else None


def _told(response: Response) -> dict[str, Any]:
    """Return the object of an answer; a file that was served, or nothing, is none."""
    try:
        found = json.loads(response.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
