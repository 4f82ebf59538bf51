"""Admin paths of approval: turns ``approvals`` into what WhatsApp decides, by its policy or by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.content import approvals
from reconciler.emulator.content.approvals import DECISIONS, STATUSES, Policy, show_due

from .admin import AdminError, Ways, body_of, described
from .shapes import DATE, FLAG, NUMBER, SECONDS, TEXT, choice, listed, named, or_null, record

if TYPE_CHECKING:
    from reconciler.emulator.content.rows import Approval
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_APPROVAL = named(
    "Approval",
    record(
        {
            **dict.fromkeys(("content_sid", "name", "category", "content_type", "rejection_reason"), TEXT),
            "status": choice(*STATUSES),
            "allow_category_change": FLAG,
            "due": or_null(DATE),
            "due_s": or_null(NUMBER),
            "verdict": or_null(choice("approved", "rejected")),
            "date_created": DATE,
            "date_updated": DATE,
        }
    ),
)
_POLICY = named(
    "ApprovalPolicy", record({"decision": choice(*DECISIONS), "after_s": SECONDS, "reason": TEXT})
)
_CHANGE = record({"decision?": choice(*DECISIONS), "after_s?": SECONDS, "reason?": TEXT})
_DECISION = record({"status": choice(*STATUSES), "rejection_reason?": TEXT})
_NO_REASON = "INVALID_FORMAT. Rejected by hand."


@described(gives=record({"approvals": listed(_APPROVAL)}))
def listing(store: Store, _: Request) -> dict[str, Any]:
    """GET: every request for approval, the oldest first, with what will become of it by itself."""
    with store.lock:
        return {"approvals": [show_due(row) for row in store.index.content.approval_of.values()]}


@described(gives=_APPROVAL)
def fetch(store: Store, request: Request) -> dict[str, Any]:
    """GET: the request of one content, by its SID."""
    with store.lock:
        return show_due(_named(store, request))


@described(takes=_DECISION, gives=_APPROVAL)
def decide(store: Store, request: Request) -> dict[str, Any]:
    """PUT: that request is decided by hand, whatever the policy had in mind for it."""
    body = body_of(request, decide)
    reason = body.get("rejection_reason", _NO_REASON if body["status"] == "rejected" else "")
    with store.lock:
        row = _named(store, request)
        approvals.decide(store, row, body["status"], reason)
        store.commit()
        return show_due(row)


@described(gives=_POLICY)
def policy(store: Store, _: Request) -> dict[str, Any]:
    """GET: what becomes of what is submitted from now on."""
    found = store.approval_policy
    return {"decision": found.decision, "after_s": found.after_s, "reason": found.reason}


@described(takes=_CHANGE, gives=_POLICY)
def change_policy(store: Store, request: Request) -> dict[str, Any]:
    """PUT: another policy for what is submitted from now on; what is left out is as at the start."""
    store.approval_policy = Policy(**body_of(request, change_policy))
    return policy(store, request)


PATHS: dict[str, Ways] = {
    "approvals": {"GET": listing},
    "approvals/policy": {"GET": policy, "PUT": change_policy},
    "approvals/{id}": {"GET": fetch, "PUT": decide},
}


def _named(store: Store, request: Request) -> Approval:
    sid = request.target.partition("?")[0].rpartition("/")[2]
    row = store.index.content.approval_of.get(sid)
    if row is None:
        raise AdminError(f"There is no request for the approval of {sid}", 404)
    return row
