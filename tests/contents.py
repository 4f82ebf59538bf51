"""Contents for tests: a world and types → what the Content API answers, a template, an approved one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.emulator.content import approvals
from reconciler.emulator.doors.in_process import authorization, request_to
from reconciler.emulator.handle import handle

if TYPE_CHECKING:
    from reconciler.emulator import Store

ROOT = "https://content.twilio.com"
GREETING = {"twilio/text": {"body": "Hi {{1}}, welcome."}}
GREETED = "Hi you, welcome."


def call(store: Store, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and parsed answer of a call below ``https://content.twilio.com``."""
    headers = {"Authorization": authorization(store.account), "Content-Type": "application/json"}
    sent = b"" if body is None else json.dumps(body).encode()
    response = handle(store, request_to(method, ROOT + path, headers, sent))
    return response.status, json.loads(response.body) if response.body else None


def created(store: Store, types: Any = None, **more: Any) -> str:
    """Return the SID of a new content, a greeting unless types are given."""
    body = {"language": "en", "variables": {"1": "you"}, "types": types or GREETING, **more}
    status, answer = call(store, "POST", "/v1/Content", body)
    assert status == 201, answer
    sid: str = answer["sid"]
    return sid


def requested(store: Store, sid: str, name: str = "greeting", category: str = "UTILITY") -> Any:
    """Return the answer to a request for approval."""
    path = f"/v1/Content/{sid}/ApprovalRequests/whatsapp"
    return call(store, "POST", path, {"name": name, "category": category})[1]


def approved(store: Store, types: Any = None, **more: Any) -> str:
    """Return the SID of a new content that WhatsApp has approved, without time passing."""
    sid = created(store, types, **more)
    requested(store, sid, f"t_{sid.lower()}")
    approvals.decide(store, store.index.content.approval_of[sid], "approved")
    return sid


def status_of(store: Store, sid: str) -> str:
    """Return what became of a content's approval."""
    found: str = call(store, "GET", f"/v1/Content/{sid}/ApprovalRequests")[1]["whatsapp"]["status"]
    return found
