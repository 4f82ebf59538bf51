"""Asking first: turns a call into a pre-event webhook's question, and its answer into a changed call or none.

Nothing is sent from here.

Documented: only the account and a service have pre-event webhooks. 200 with nothing or ``{}`` lets the action
go on, 200 with JSON changes it (friendly name; body, author, attributes), an error refuses it, and without an
answer in time it goes on as it was. An inbound message that creates a conversation asks about the
conversation alone. Inferred: an answer that is neither 2xx nor an error refuses, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from reconciler.emulator.conversations import participants, people
from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.errors import ApiError
from reconciler.emulator.handle import READS, TABLES, routed
from reconciler.emulator.playing import autocreation, delivery, inbound, keywords
from reconciler.emulator.playing.attachments import medium
from reconciler.emulator.rows import Message
from reconciler.emulator.wire import FORM_TYPE, form_of

from . import hooks, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.emulator.call import Call
    from reconciler.emulator.playing.inbound import Written
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

    from .deliveries import Answer
    from .hooks import Outgoing

_MESSAGE = {"body": "Body", "author": "Author", "attributes": "Attributes"}
_CONVERSATION = {"friendly_name": "FriendlyName"}
_CHANGEABLE: dict[str, dict[str, str]] = {
    "onMessageAdd": _MESSAGE,
    "onMessageUpdate": _MESSAGE,
    "onConversationAdd": _CONVERSATION,
    "onConversationUpdate": _CONVERSATION,
}
_USER = ("FriendlyName", "Attributes", "RoleSid")
_SHOWN = ("FriendlyName", "UniqueName", "Attributes", "MessagingServiceSid", "State")
_EVENTS = {
    f"{way}{name}": f"on{kind}{event}"
    for name, kind in (
        ("Conversation", "Conversation"),
        ("ConversationParticipant", "Participant"),
        ("ConversationMessage", "Message"),
    )
    for way, event in (("Create", "Add"), ("Update", "Update"), ("Delete", "Remove"))
} | {"CreateConversationWithParticipants": "onConversationAdd", "UpdateUser": "onUserUpdate"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pre-event webhook said: the code of a refusal, or what to change, by the names of its answer."""

    refused: int = 0
    changes: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def applied(self, written: Written) -> Written:
        """Return what a handset wrote with this said of it."""
        return replace(written, refused=bool(self.refused), changes=self.changes)


def verdict(store: Store, event: str, answer: Answer | None) -> Verdict:
    """Return what an answer says of an event; no answer says nothing."""
    if answer is None:
        return Verdict()
    if not 200 <= answer.status < 300:
        return Verdict(store.switches.pre_event_refusal)
    names = _CHANGEABLE.get(event, {})
    try:
        said = json.loads(answer.body or b"{}")
    except ValueError:
        return Verdict()
    if not isinstance(said, dict):
        return Verdict()
    changes = {name: said[name] for name in names if isinstance(said.get(name), str)}
    return Verdict(0, changes, names)


def changed(request: Request, said: Verdict) -> Request:
    """Return a call as a webhook wants it; what is wrong with that is for ``handle`` to say."""
    if not said.changes:
        return request
    given = {said.names[name]: value for name, value in said.changes.items()}
    kept = [(name, value) for name, value in form_of(request).pairs() if name not in given]
    headers = {**request.headers, "content-type": FORM_TYPE}
    return replace(request, headers=headers, body=urlencode([*kept, *given.items()]).encode())


# What would be asked


def pre_event(store: Store, request: Request) -> Outgoing | None:
    """Return what would be asked before a call by REST, None if it is carried out unasked, or refused.

    Only a call that asked for webhooks is asked about.
    """
    if request.method in READS or request.headers.get("x-twilio-webhook-enabled", "").lower() != "true":
        return None
    if not store.switches.pre_events_by_rest:
        return None
    try:
        call = routed(store, request)
        event = _event_of(call) if call else None
        if call is None or event is None:
            return None
        data = {"ChatServiceSid": call.service.sid, **_data(call, event)}
    except ApiError:
        return None  # it is refused without anybody
    return _question(store, event, "API", data)


def pre_event_of(store: Store, written: Written) -> Outgoing | None:
    """Return what would be asked before a handset's message is taken in, None if nobody is."""
    if keywords.is_swallowed(store, written):
        return None
    source = delivery.source_of(written.from_)
    media = {"Media": json.dumps(written.media, separators=(",", ":"))} if written.media else {}
    found = inbound.found(store, written)
    if isinstance(found, tuple):
        conversation, author = found
        data = {
            "ConversationSid": conversation.sid,
            "ChatServiceSid": conversation.service_sid,
            "MessagingServiceSid": conversation.messaging_service_sid,
            "Body": written.body,
            "Author": written.from_,
            "ParticipantSid": author.sid,
            "Attributes": "{}",
            **media,
        }
        return _question(store, "onMessageAdd", source, data)
    planned = autocreation.planned(store, written)
    if found == "initializing" or found == "not_ours" or planned is None:
        return None
    about = {
        "ChatServiceSid": planned.service.sid,
        "MessagingServiceSid": planned.messaging_service_sid,
        "Attributes": "{}",
        "State": "active",
        "MessageBody": written.body,
        **planned.binding(written),
        **media,
    }
    return _question(store, "onConversationAdd", source, about)


def _question(store: Store, event: str, source: str, data: Mapping[str, Any]) -> Outgoing | None:
    sent = hooks.form(store, event, source, data)
    return next(hooks.configured(store, sent.get("ChatServiceSid"), sent, before=True), None)


def _event_of(call: Call) -> str | None:
    found = TABLES["conversations"].match(call.request.method, call.path)
    name = found.operation.name if found and found.operation else ""
    return _EVENTS.get(name.replace("Service", "", 1))


def _data(call: Call, event: str) -> dict[str, Any]:
    """Return the parameters of a question: what is there, and over it what the call gives."""
    if event == "onConversationAdd":
        messaging = call.store.configuration.default_messaging_service_sid
        there: dict[str, Any] = {"MessagingServiceSid": messaging, "Attributes": "{}", "State": "active"}
        return there | _given(call, _SHOWN)
    if event == "onUserUpdate":
        user = people.named_user(call, call.ids["Sid"])
        return parameters.described(call.store, user) | _given(call, _USER)
    row = call.conversation() if event == "onConversationRemove" else call.writable_conversation()
    if event.startswith("onConversation"):
        return parameters.described(call.store, row) | _given(call, _SHOWN)
    about = {"ConversationSid": row.sid, "MessagingServiceSid": row.messaging_service_sid}
    if event == "onMessageAdd":
        about |= {"Author": "system", "Attributes": "{}"}
        return about | _given(call, _MESSAGE.values()) | _media(call)
    if event.startswith("onMessage"):
        message = parameters.described(call.store, call.child(Message, row))
        return about | message | _given(call, _MESSAGE.values())
    return about | _participant(call, event)


def _media(call: Call) -> dict[str, str]:
    sid = call.form.get("MediaSid")
    return {} if sid is None else {"Media": json.dumps([medium(sid)], separators=(",", ":"))}


def _participant(call: Call, event: str) -> dict[str, Any]:
    given = _given(call, ("Identity", "RoleSid", "Attributes"))
    if event != "onParticipantAdd":
        row = participants.addressed(call, call.conversation())
        return parameters.described(call.store, row) | given
    draft = participants.drafted(call.store, call.form)
    address = draft.address
    binding = {
        "MessagingBinding.Type": channel_of(address) if address else None,
        "MessagingBinding.Address": address,
        "MessagingBinding.ProxyAddress": draft.proxy_address,
        "MessagingBinding.ProjectedAddress": draft.projected_address,
    }
    return {"RoleSid": call.service.conversation_role_sid, "Attributes": "{}", **binding, **given}


def _given(call: Call, names: Any) -> dict[str, str]:
    return {name: value for name in names if (value := call.form.get(name)) is not None}
