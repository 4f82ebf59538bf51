"""The operations of Content v1 and v2: every one in Twilio's OpenAPI, and what performs it."""

from __future__ import annotations

from reconciler.emulator.operations import Operation, Table

from . import approvals, contents, searches

_CONTENT = "/Content/{Sid}"
_REQUEST = "/Content/{ContentSid}/ApprovalRequests/whatsapp"

TABLE = Table(
    "Content v1",
    (
        Operation("CreateContent", "POST", "/Content", contents.create),
        Operation("ListContent", "GET", "/Content", contents.listing),
        Operation("FetchContent", "GET", _CONTENT, contents.fetch),
        Operation("UpdateContent", "PUT", _CONTENT, contents.update),
        Operation("DeleteContent", "DELETE", _CONTENT, contents.delete),
        Operation("CreateApprovalCreate", "POST", _REQUEST, approvals.create),
        Operation("FetchApprovalFetch", "GET", f"{_CONTENT}/ApprovalRequests", approvals.fetch),
        Operation("ListContentAndApprovals", "GET", "/ContentAndApprovals", contents.with_approvals),
        Operation("ListLegacyContent", "GET", "/LegacyContent", contents.legacy),
    ),
)
V2 = Table(
    "Content v2",
    (
        Operation("ListContent", "GET", "/Content", searches.listing),
        Operation("ListContentAndApprovals", "GET", "/ContentAndApprovals", searches.with_approvals),
    ),
    version="v2",
)
