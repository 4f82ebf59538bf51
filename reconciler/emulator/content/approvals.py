"""Approval by WhatsApp: turns a request into a verdict that the clock brings, or a person at the admin paths.

received → approved or rejected, when the policy of the moment says so; the rest (pending, paused, disabled)
comes by hand. Sources: OpenAPI and pages of approval requests (documented: names and categories, statuses,
a rejected name is spent, list pickers cannot be submitted; 300 seconds are our assumption: WhatsApp takes
minutes to two days).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fates
from reconciler.emulator.errors import ApiError
from reconciler.emulator.wire import date_text

from . import placeholders, variants
from .bodies import body_of, named, text_in
from .rows import Approval

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.store import Store

    from .rows import Content

CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
STATUSES = ("received", "pending", "approved", "rejected", "paused", "disabled")
VERDICTS = ("approved", "rejected")
POLICY = fates.Policy("approved", 300.0, "INVALID_FORMAT. The policy of the emulator rejects it.")
"""What WhatsApp does at first. Approved is only what keeps its rules for placeholders."""
_NAME = re.compile(r"[a-z0-9_]{1,512}")


def create(call: Asked) -> Reply:
    """POST ``…/ApprovalRequests/whatsapp``: 201; once for a content (inferred)."""
    store, content, body = call.store, named(call, "ContentSid"), body_of(call)
    name, category = text_in(body, "name", needed=True) or "", text_in(body, "category", needed=True) or ""
    may_change = body.get("allow_category_change")
    if not isinstance(may_change, bool | None):
        raise ApiError(20001, "allow_category_change must be true or false")
    content_type = _check(store, content, name, category)
    verdict, reason = _verdict(store, content, content_type, name)
    now = store.today()
    row = Approval(
        sid=store.mint("HA", f"{content.sid}/ApprovalRequests", "whatsapp"),
        seq=store.next_seq(),
        content_sid=content.sid,
        name=name,
        category=category,
        content_type=content_type,
        allow_category_change=may_change is not False,
        status="received",
        date_created=now,
        date_updated=now,
        due_s=store.approval_policy.due_s(store.now_s()),
        verdict=verdict,
        verdict_reason=reason,
    )
    store.insert(row)
    _tell(store, row)
    fates.wait(store, row, _as_foretold)
    return 201, show(row)


def fetch(call: Asked) -> Reply:
    """GET ``…/ApprovalRequests``: 200 also for what was never submitted."""
    content = named(call)
    whatsapp = {"type": "whatsapp", **shown(call.store, content)}
    url = f"{call.root}/Content/{content.sid}/ApprovalRequests"
    return 200, {
        "sid": content.sid,
        "account_sid": call.store.account.sid,
        "whatsapp": whatsapp,
        "url": url,
    }


def _check(store: Store, content: Content, name: str, category: str) -> str:
    """Return the type that WhatsApp would look at, or refuse the request."""
    if not _NAME.fullmatch(name):
        raise ApiError(20001, "name takes lower-case letters, digits and underscores")
    if category not in CATEGORIES:
        raise ApiError(20001, f"category must be one of {', '.join(CATEGORIES)}")
    if content.sid in store.index.content.approval_of:
        raise ApiError(20001, "The content was submitted for approval already")
    content_type = variants.richest(content)
    if content_type in variants.NEVER_APPROVED:
        raise ApiError(20001, f"Content of type {content_type} cannot be submitted for approval")
    if is_spent(store, name) and store.switches.rejected_name == "refused":
        raise ApiError(20001, "A template of this name was rejected; choose another name")
    return content_type


def is_spent(store: Store, name: str) -> bool:
    """Tell whether a template of this name was rejected."""
    return any(row.status == "rejected" for row in store.index.content.approvals_named.get(name, ()))


def _verdict(store: Store, content: Content, content_type: str, name: str) -> tuple[str | None, str]:
    """Return what is to become of a request, and why; nothing where it is left to people."""
    policy = store.approval_policy
    if policy.verdict != "approved":
        return policy.verdict, policy.reason if policy.verdict else ""
    objection = _objection(store, content, content_type, name)
    return "rejected" if objection else "approved", objection


def _objection(store: Store, content: Content, content_type: str, name: str) -> str:
    if is_spent(store, name):
        return "INVALID_FORMAT. A template of this name was rejected."
    edges = store.switches.edge_placeholder == "approved"
    found = placeholders.objection(content.types[content_type], content.variables, edges=edges)
    return "" if found is None else f"INVALID_FORMAT. In {content_type}, {found}."


# --- what becomes of them ----------------------------------------------------------------------------------


def _as_foretold(store: Store, row: Approval, verdict: str) -> None:
    decide(store, row, verdict, row.verdict_reason)


def decide(store: Store, row: Approval, status: str, reason: str = "") -> None:
    """Give a request a status, for good: whoever decides by hand has decided."""
    fates.end(store, row, status, rejection_reason=reason)
    _tell(store, row)


def _tell(store: Store, row: Approval) -> None:
    told = {"ContentSid": row.content_sid, "Name": row.name, "Status": row.status}
    store.events.note("approval.changed", {**told, "RejectionReason": row.rejection_reason})


def forget(store: Store, content: Content) -> None:
    """Take away the request of a content that goes; a rejected one stays, for its name is spent."""
    row = store.index.content.approval_of.get(content.sid)
    if row is not None and row.status != "rejected":
        store.remove(row)


def restore(store: Store) -> None:
    """Wait again for what will be decided, after rows were read from a file."""
    for row in list(store.index.content.approval_of.values()):
        fates.wait(store, row, _as_foretold)


# --- what is shown -----------------------------------------------------------------------------------------


def shown(store: Store, content: Content) -> dict[str, Any]:
    """Return what became of a content's request; of one that was never submitted, empty texts."""
    row = store.index.content.approval_of.get(content.sid)
    if row is not None:
        return show(row)
    empty = dict.fromkeys(("name", "category", "content_type", "rejection_reason"), "")
    return {**empty, "status": "unsubmitted", "allow_category_change": True}


def show(row: Approval) -> dict[str, Any]:
    """Return the request as Twilio shows it."""
    return {
        "name": row.name,
        "category": row.category,
        "content_type": row.content_type,
        "status": row.status,
        "rejection_reason": row.rejection_reason,
        "allow_category_change": row.allow_category_change,
    }


def show_due(row: Approval) -> dict[str, Any]:
    """Return the request with what the emulator knows of its future."""
    return {
        "content_sid": row.content_sid,
        **show(row),
        **fates.foretold(row),
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
    }
