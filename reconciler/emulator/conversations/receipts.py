"""Delivery receipts: turns calls on ``…/Messages/{…}/Receipts`` into what became of a message.

Sources: OpenAPI of the Delivery Receipt resource (``date_updated`` is null until it changes) and its overview
(one for each recipient outside chat, with its latest status; none yet: null); observed: ``error_code`` is 0
when nothing failed. Messages on their way make and change the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Message, Receipt
from reconciler.emulator.wire import date_text

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply


def listing(call: Call) -> Reply:
    """GET the collection."""
    rows = call.store.receipts(_message(call))
    return page(call, "delivery_receipts", listed(call, rows), show, maximum=50)


def fetch(call: Call) -> Reply:
    """GET by SID."""
    message = _message(call)
    row = call.store.index.rows.get(call.ids["Sid"])
    if not isinstance(row, Receipt) or row.message_sid != message.sid:
        raise call.not_found()
    return 200, show(call, row)


def _message(call: Call) -> Message:
    conversation = call.conversation()
    found = call.store.index.rows.get(call.ids["MessageSid"])
    if not isinstance(found, Message) or found.conversation_sid != conversation.sid:
        raise call.not_found()
    return found


def show(call: Call, row: Receipt) -> dict[str, Any]:
    """Return the resource; under a service's path it also names the service."""
    scope = {"chat_service_sid": call.service.sid} if call.scoped else {}
    return {
        "account_sid": call.store.account.sid,
        **scope,
        "conversation_sid": row.conversation_sid,
        "sid": row.sid,
        "message_sid": row.message_sid,
        "channel_message_sid": row.channel_message_sid,
        "participant_sid": row.participant_sid,
        "status": row.status,
        "error_code": row.error_code,
        "date_created": date_text(row.date_created),
        "date_updated": None if row.date_updated is None else date_text(row.date_updated),
        "url": call.url(
            "Conversations", row.conversation_sid, "Messages", row.message_sid, "Receipts", row.sid
        ),
    }
