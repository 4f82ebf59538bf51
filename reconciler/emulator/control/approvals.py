"""Admin paths of approval: turns ``approvals`` into what WhatsApp decides, by its policy or by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.content import approvals
from reconciler.emulator.content.approvals import STATUSES, VERDICTS, show_due

from . import policies
from .admin import AdminError, Ways, body_of, described, id_of
from .shapes import DATE, FLAG, TEXT, choice, listed, named, record

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
            **policies.foretold(VERDICTS),
            "date_created": DATE,
            "date_updated": DATE,
        }
    ),
)
_DECISION = record({"status": choice(*STATUSES), "reason?": TEXT})
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
    reason = body.get("reason", _NO_REASON if body["status"] == "rejected" else "")
    with store.lock:
        row = _named(store, request)
        approvals.decide(store, row, body["status"], reason)
        store.commit()
        return show_due(row)


PATHS: dict[str, Ways] = {
    "approvals": {"GET": listing},
    "approvals/policy": policies.ways("ApprovalPolicy", "approval_policy", VERDICTS),
    "approvals/{id}": {"GET": fetch, "PUT": decide},
}


def _named(store: Store, request: Request) -> Approval:
    row = store.index.content.approval_of.get(id_of(request))
    if row is None:
        raise AdminError(f"There is no request for the approval of {id_of(request)}", 404)
    return row
