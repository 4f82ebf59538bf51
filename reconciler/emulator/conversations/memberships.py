"""Where someone takes part: turns an identity or an address into the conversations that have it.

Sources: OpenAPI ``/v1/ParticipantConversations`` and its examples (six keys in the binding), error page
50451; observed: closed conversations are listed too. One service at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from . import conversations
from .addresses import channel_of

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Participant


def listing(call: Call) -> Reply:
    """GET with ``Identity`` or ``Address``, one of them."""
    identity, address = call.query.get("Identity"), call.query.get("Address")
    if identity and address:
        raise ApiError(50451)
    if not identity and not address:
        raise ApiError(20001, "Ask by Identity or by Address")
    index = call.store.index
    table, value = (index.by_identity, identity) if identity else (index.by_address, address)
    rows = table.get((call.service.sid, value or ""))
    return page(call, "conversations", listed(call, rows), _show, maximum=50)


def _show(call: Call, row: Participant) -> dict[str, Any]:
    store = call.store
    conversation = store.conversation(row.conversation_sid)
    if conversation is None:
        raise call.not_found()
    user = store.index.user_of.get((row.service_sid, row.identity)) if row.identity else None
    url = call.url("Conversations", conversation.sid)
    return {
        "account_sid": store.account.sid,
        "chat_service_sid": row.service_sid,
        "conversation_sid": conversation.sid,
        "participant_sid": row.sid,
        "conversation_friendly_name": conversation.friendly_name,
        "conversation_state": conversation.state,
        "conversation_timers": conversations.timers(conversation),
        "conversation_attributes": conversation.attributes,
        "conversation_date_created": date_text(conversation.date_created),
        "conversation_date_updated": date_text(conversation.date_updated),
        "conversation_created_by": "system",
        "conversation_unique_name": conversation.unique_name,
        "participant_user_sid": user.sid if user else None,
        "participant_identity": row.identity,
        "participant_messaging_binding": _binding(row),
        "links": {"participant": f"{url}/Participants/{row.sid}", "conversation": url},
    }


def _binding(row: Participant) -> dict[str, str | None] | None:
    if row.address is None and row.projected_address is None:
        return None
    return {
        "address": row.address,
        "proxy_address": row.proxy_address,
        "type": (channel_of(row.address) if row.address else None) or "sms",
        "level": None,
        "name": None,
        "projected_address": row.projected_address,
    }
