"""What events say: turns a row that came, changed or went into an event's name and parameters.

Names and parameters of Conversations are those of its webhooks (documented: Conversations webhooks; observed:
milliseconds in dates). Which change of a row is an update is inferred: those a caller can make.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.conversations.push_bindings import is_notifiable
from reconciler.emulator.rows import (
    ChannelMessage,
    Conversation,
    Handset,
    Message,
    Participant,
    Receipt,
    User,
)
from reconciler.emulator.wire import date_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.emulator.rows import Row
    from reconciler.emulator.store import Store

Found = tuple[str, dict[str, Any]]
_CONVERSATION = {"friendly_name", "unique_name", "attributes", "messaging_service_sid"} | {
    *("inactive_after_s", "closed_after_s", "email_address", "email_name"),
}
_PARTICIPANT = {"attributes", "role_sid", "identity", "projected_address"} | {
    *("last_read_message_index", "last_read_timestamp"),
}
_MESSAGE = {"author", "body", "attributes", "subject"}
_CHANNEL_MESSAGE = {"status", "reason", "message_sid"}  # told once it has a place or a status
_USER = {"friendly_name", "attributes", "role_sid"}


def described(store: Store, row: Row) -> dict[str, Any]:
    """Return the parameters that tell of a conversation, participant, message or user."""
    match row:
        case Conversation():
            return _conversation(row)
        case Participant():
            return _participant(row)
        case Message():
            return _message(store, row)
        case User():
            return _user(store, row)
    raise TypeError(f"no event tells of a {type(row).__name__}")


def added(store: Store, row: Row, binding: Mapping[str, str] | None) -> Found | None:
    """Return the event of a new row, None if it is none."""
    match row:
        case Conversation():
            return "onConversationAdded", {**_conversation(row), **(binding or {})}
        case Participant():
            return "onParticipantAdded", _without_update(_participant(row))
        case Message():
            return "onMessageAdded", _message(store, row)
        case User():
            return "onUserAdded", _user(store, row)
        case Handset():
            return "phone.changed", _handset(row)
    return None


def updated(store: Store, row: Row, before: Mapping[str, Any], reason: str) -> Iterator[Found]:
    """Give the events of a row that has changed; ``before`` is what was different."""
    match row:
        case Conversation():
            if "state" in before:
                yield "onConversationStateUpdated", _state(row, before["state"], reason, store.today())
            if not _CONVERSATION.isdisjoint(before):
                yield "onConversationUpdated", _conversation(row)
        case Participant() if not _PARTICIPANT.isdisjoint(before):
            last_read = row.last_read_message_index
            yield "onParticipantUpdated", {**_participant(row), "LastReadMessageIndex": last_read}
        case Message() if not _MESSAGE.isdisjoint(before):
            yield "onMessageUpdated", {**_message(store, row), "DateUpdated": _date(row.date_updated)}
        case User() if not _USER.isdisjoint(before):
            yield "onUserUpdated", _user(store, row)
        case Receipt():
            yield "onDeliveryUpdated", _receipt(store, row)
        case ChannelMessage() if not _CHANNEL_MESSAGE.isdisjoint(before):
            yield "phone.message", _channel_message(row)
        case Handset():
            yield "phone.changed", _handset(row)


def removed(store: Store, row: Row) -> Found | None:
    """Return the event of a row that is gone, None if it is none."""
    gone = {"DateRemoved": _date(store.today())}
    match row:
        case Conversation():
            return "onConversationRemoved", {**_conversation(row), **gone}
        case Participant():
            return "onParticipantRemoved", {**_participant(row), **gone}
        case Message():
            return "onMessageRemoved", {**_message(store, row), **gone}
    return None


def _without_update(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "DateUpdated"}


def _date(at_s: int) -> str:
    return f"{date_text(at_s)[:-1]}.000Z"


def _conversation(row: Conversation) -> dict[str, Any]:
    return {
        "ConversationSid": row.sid,
        "ChatServiceSid": row.service_sid,
        "MessagingServiceSid": row.messaging_service_sid,
        "FriendlyName": row.friendly_name,
        "UniqueName": row.unique_name,
        "Attributes": row.attributes,
        "State": row.state,
        "DateCreated": _date(row.date_created),
        "DateUpdated": _date(row.date_updated),
    }


def _state(row: Conversation, before: str, reason: str, now: int) -> dict[str, Any]:
    return {
        "ConversationSid": row.sid,
        "ChatServiceSid": row.service_sid,
        "MessagingServiceSid": row.messaging_service_sid,
        "StateFrom": before,
        "StateTo": row.state,
        "StateUpdated": _date(now),
        "Reason": reason,
    }


def _participant(row: Participant) -> dict[str, Any]:
    binding = {
        "MessagingBinding.Type": row.address and channel_of(row.address),
        "MessagingBinding.Address": row.address,
        "MessagingBinding.ProxyAddress": row.proxy_address,
        "MessagingBinding.ProjectedAddress": row.projected_address,
    }
    return {
        "ConversationSid": row.conversation_sid,
        "ParticipantSid": row.sid,
        "ChatServiceSid": row.service_sid,
        "Identity": row.identity,
        "RoleSid": row.role_sid,
        "Attributes": row.attributes,
        "DateCreated": _date(row.date_created),
        "DateUpdated": _date(row.date_updated),
        **{name: value for name, value in binding.items() if value},
    }


def _message(store: Store, row: Message) -> dict[str, Any]:
    conversation = store.conversation(row.conversation_sid)
    media = {"Media": json.dumps(row.media, separators=(",", ":"))} if row.media else {}
    return {
        "ConversationSid": row.conversation_sid,
        "MessageSid": row.sid,
        "ChatServiceSid": conversation and conversation.service_sid,
        "MessagingServiceSid": conversation and conversation.messaging_service_sid,
        "Index": row.index,
        "DateCreated": _date(row.date_created),
        "Body": row.body,
        "Author": row.author,
        "ParticipantSid": row.participant_sid,
        "Attributes": row.attributes,
        **media,
    }


def _receipt(store: Store, row: Receipt) -> dict[str, Any]:
    conversation = store.conversation(row.conversation_sid)
    return {
        "ConversationSid": row.conversation_sid,
        "ChatServiceSid": conversation and conversation.service_sid,
        "MessageSid": row.message_sid,
        "DeliveryReceiptSid": row.sid,
        "ChannelMessageSid": row.channel_message_sid,
        "ParticipantSid": row.participant_sid,
        "Status": row.status,
        "ErrorCode": row.error_code,
        "DateCreated": _date(row.date_created),
        "DateUpdated": _date(row.date_updated or row.date_created),
    }


def _user(store: Store, row: User) -> dict[str, Any]:
    return {
        "UserSid": row.sid,
        "ChatServiceSid": row.service_sid,
        "Identity": row.identity,
        "RoleSid": row.role_sid,
        "FriendlyName": row.friendly_name,
        "Attributes": row.attributes,
        "IsOnline": "false",  # chat clients have no door here
        "IsNotifiable": "true" if is_notifiable(store, row) else "false",
    }


def _channel_message(row: ChannelMessage) -> dict[str, Any]:
    return {
        "address": row.address,
        "peer": row.peer,
        "sid": row.sid,
        "direction": row.direction,
        "status": row.status,
        "error_code": row.error_code,
        "reason": row.reason,
        "conversation_sid": row.conversation_sid,
        "message_sid": row.message_sid,
        "receipt_sid": row.receipt_sid,
    }


def _handset(row: Handset) -> dict[str, Any]:
    return {"address": row.address, "online": row.online, "opted_out": list(row.opted_out)}
