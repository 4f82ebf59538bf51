"""A user's conversations: turns calls on ``/Users/{…}/Conversations`` into a view of where it takes part.

Sources: OpenAPI of the User Conversation resource; documented: closed conversations are in it (its states),
at most 1000 unread messages are counted; said by Twilio: nothing is counted before something was marked as
read. Own messages count, and leaving is a participant's removal (both inferred).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_seconds, date_text

from . import conversations, participants, people

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Conversation, Participant

_UPDATABLE = ("NotificationLevel", "LastReadTimestamp", "LastReadMessageIndex")
_LEVELS = ("default", "muted")
_MAX_UNREAD = 1000


def listing(call: Call) -> Reply:
    """GET the collection."""
    user = people.named_user(call, call.ids["UserSid"])
    rows = call.store.index.by_identity.get((user.service_sid, user.identity))
    return page(call, "conversations", listed(call, rows), _show_listed, maximum=50)


def fetch(call: Call) -> Reply:
    """GET by the conversation's SID or unique name."""
    conversation = call.conversation()
    return 200, _show(call, conversation, _membership(call, conversation))


def update(call: Call) -> Reply:
    """POST the instance: how far the user has read, and whether it is notified."""
    conversation = call.writable_conversation()
    row = _membership(call, conversation)
    call.require_change(_UPDATABLE)
    changes = _notification_level(call) | participants.read_marks(call.form)
    _check_timestamp(call.form.get("LastReadTimestamp"))
    call.store.update(row, date_updated=call.store.today(), **changes)
    return 200, _show(call, conversation, row)


def delete(call: Call) -> Reply:
    """DELETE: 204; the user has left the conversation."""
    conversation = call.clearable_conversation()
    participants.detach(call.store, conversation, _membership(call, conversation))
    return 204, None


def _membership(call: Call, conversation: Conversation) -> Participant:
    user = people.named_user(call, call.ids["UserSid"])
    row = call.store.index.participant_of.get((conversation.sid, user.identity))
    if row is None:
        raise call.not_found()
    return call.unremoved(row)


def _notification_level(call: Call) -> dict[str, Any]:
    level = call.form.get("NotificationLevel")
    if level is None:
        return {}
    if level.lower() not in _LEVELS:
        raise ApiError(20001, "NotificationLevel must be default or muted")
    return {"notification_level": level.lower()}


def _check_timestamp(value: str | None) -> None:
    try:
        date_seconds(value or "1970-01-01")
    except (ValueError, OverflowError) as error:
        raise ApiError(20001, "LastReadTimestamp is not an ISO 8601 date") from error


def _unread(call: Call, row: Participant) -> int | None:
    if row.last_read_message_index is None:
        return call.store.switches.unread_before_reading
    messages = call.store.index.messages.get(row.conversation_sid)
    return min(messages.after(row.last_read_message_index), _MAX_UNREAD) if messages else 0


def _show_listed(call: Call, row: Participant) -> dict[str, Any]:
    conversation = call.store.conversation(row.conversation_sid)
    if conversation is None:
        raise call.not_found()
    return _show(call, conversation, row)


def _show(call: Call, conversation: Conversation, row: Participant) -> dict[str, Any]:
    user = call.store.index.user_of[row.service_sid, row.identity or ""]
    at = call.url("Conversations", conversation.sid)
    return {
        "account_sid": call.store.account.sid,
        "chat_service_sid": conversation.service_sid,
        "conversation_sid": conversation.sid,
        "unread_messages_count": _unread(call, row),
        "last_read_message_index": row.last_read_message_index,
        "participant_sid": row.sid,
        "user_sid": user.sid,
        "friendly_name": conversation.friendly_name,
        "conversation_state": conversation.state,
        "timers": conversations.timers(conversation),
        "attributes": conversation.attributes,
        "date_created": date_text(conversation.date_created),
        "date_updated": date_text(conversation.date_updated),
        "created_by": "system",
        "notification_level": row.notification_level,
        "unique_name": conversation.unique_name,
        "url": call.url("Users", user.sid, "Conversations", conversation.sid),
        "links": {"participant": f"{at}/Participants/{row.sid}", "conversation": at},
    }
