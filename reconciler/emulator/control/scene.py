"""The admin path of the page: turns a world into one scene: a conversation, its handsets, what will be due.

One answer holds everything a screen shows, taken at one moment, so that a page that was opened late, or
missed events, is right again after asking once.
"""

from __future__ import annotations

import heapq
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.conversations.lifecycle import TIMERS
from reconciler.emulator.playing import inbound, rules
from reconciler.emulator.rows import ChannelMessage, Message
from reconciler.emulator.serverless.builds import service_name
from reconciler.emulator.wire import date_text

from .admin import Ways, described, query_of
from .events import CLOCK, show_clock
from .phones import HANDSET, MESSAGE, show
from .shapes import COUNT, DATE, FLAG, NUMBER, TEXT, choice, either, listed, named, or_null, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.emulator.playing.phones import Phone
    from reconciler.emulator.rows import Conversation, Participant, Receipt, Webhook
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

    from .shapes import Shape

_LISTED = 100
_CLOSED = 20
_DUES = 60
_LATEST = 200
"""How many messages are shown of a conversation, and of each thread; those before are counted."""


def _with(shape: Shape, fields: dict[str, Shape]) -> Shape:
    """Return the shape of what has these fields besides, or instead."""
    return record({**shape["properties"], **fields})


_MAYBE = or_null(TEXT)
_NAMED = {
    "sid": TEXT,
    "unique_name": _MAYBE,
    "friendly_name": _MAYBE,
    "state": choice("initializing", "active", "inactive", "closed"),
}
_NAMED_CONVERSATION = named("NamedConversation", record(_NAMED))
_PARTICIPANT = record(
    {
        "sid": TEXT,
        "identity": _MAYBE,
        "address": _MAYBE,
        "proxy_address": _MAYBE,
        "projected_address": _MAYBE,
        "attributes": TEXT,
    }
)
_WEBHOOK = record({"sid": TEXT, "target": TEXT, "url": _MAYBE, "flow_sid": _MAYBE, "words": listed(TEXT)})
_LEG = record({"address": TEXT, "sender": TEXT})
_RECEIPT = record(
    {
        "sid": TEXT,
        "participant_sid": TEXT,
        "channel_message_sid": TEXT,
        "leg": or_null(_LEG),
        "status": or_null(choice(*rules.STATUSES)),
        "error_code": COUNT,
        "explanation": _MAYBE,
    }
)
_MESSAGE = record(
    {
        "sid": TEXT,
        "index": COUNT,
        "author": TEXT,
        "body": _MAYBE,
        "participant_sid": _MAYBE,
        "date": DATE,
        "wrote": or_null(_LEG),
        "in_app": FLAG,
        "receipts": listed(_RECEIPT),
    }
)
_PLAYED = named(
    "PlayedConversation",
    record(
        {
            **_NAMED,
            "chat_service_sid": TEXT,
            "attributes": TEXT,
            "date_created": DATE,
            "participants": listed(_PARTICIPANT),
            "webhooks": listed(_WEBHOOK),
            "messages": listed(_MESSAGE),
            "earlier": COUNT,
        }
    ),
)
_END = record({"status": or_null(choice(*rules.STATUSES)), "error_code": COUNT})
_FATE = record({"in_app": FLAG, "receipts": listed(_END)})
_ROW = named("PlayedMessage", _with(MESSAGE, {"fate": or_null(_FATE)}))
_THREAD = _with(HANDSET["properties"]["threads"]["items"], {"messages": listed(_ROW), "earlier": COUNT})
_PHONE = named("PlayedHandset", _with(HANDSET, {"threads": listed(named("PlayedThread", _THREAD))}))
_WINDOW_DUE = record(
    {
        "what": choice("window"),
        "at_s": NUMBER,
        "address": TEXT,
        "sender": TEXT,
        "conversation": or_null(_NAMED_CONVERSATION),
    }
)
_TIMER_DUE = record(
    {"what": choice("inactive", "closed"), "at_s": NUMBER, "conversation": _NAMED_CONVERSATION}
)
_APPROVAL_DUE = record(
    {
        "what": choice("approval"),
        "at_s": NUMBER,
        "content_sid": TEXT,
        "name": TEXT,
        "verdict": choice("approved", "rejected"),
    }
)
_BUILD_DUE = record(
    {
        "what": choice("build"),
        "at_s": NUMBER,
        "build": record({"sid": TEXT, "service": TEXT, "verdict": TEXT}),
    }
)
_SCENE = record(
    {
        "account": record({"sid": TEXT, "token": TEXT}),
        "last_event": COUNT,
        "clock": CLOCK,
        "conversations": listed(_NAMED_CONVERSATION),
        "conversation": or_null(_PLAYED),
        "phones": listed(_PHONE),
        "dues": listed(either(_WINDOW_DUE, _TIMER_DUE, _BUILD_DUE, _APPROVAL_DUE)),
    }
)


@described(gives=_SCENE, query={"conversation": TEXT})
def scene(store: Store, request: Request) -> dict[str, Any]:
    """GET: that conversation as it is played, or the first open one."""
    with store.lock:
        chosen = _chosen(store, query_of(request).get("conversation", ""))
        return {
            "account": {"sid": store.account.sid, "token": store.account.auth_token},
            "last_event": store.events.last,
            "clock": show_clock(store, request),
            "conversations": _listed(store, chosen),
            "conversation": chosen and _played(store, chosen),
            "phones": _phones(store, chosen) if chosen else [],
            "dues": [_told(store, one) for one in heapq.nsmallest(_DUES, _dues(store), key=_at_s)],
        }


PATHS: dict[str, Ways] = {"page": {"GET": scene}}


def _all(store: Store) -> Iterator[Conversation]:
    return chain.from_iterable(store.index.conversations.values())


def _chosen(store: Store, sid: str) -> Conversation | None:
    asked = store.conversation(sid)
    return asked or next(iter(_open(store)), None) or next(_all(store), None)


def _open(store: Store) -> list[Conversation]:
    """Return the first that are not closed, however many are."""
    states = (rows for (_, state), rows in store.index.in_state.items() if state != "closed")
    return heapq.nsmallest(_LISTED, chain.from_iterable(islice(one, _LISTED) for one in states), key=_seq)


def _closed(store: Store) -> list[Conversation]:
    """Return the last that were made of those that are closed, the latest first."""
    states = (rows for (_, state), rows in store.index.in_state.items() if state == "closed")
    return heapq.nlargest(_CLOSED, chain.from_iterable(one.rows[-_CLOSED:] for one in states), key=_seq)


def _seq(row: Conversation | Participant) -> int:
    return row.seq


def _listed(store: Store, chosen: Conversation | None) -> list[dict[str, Any]]:
    rows = {row.sid: row for row in (*_open(store), *_closed(store))}
    if chosen is not None:
        rows.setdefault(chosen.sid, chosen)
    return [_named(row) for row in rows.values()]


def _named(row: Conversation) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "friendly_name": row.friendly_name,
        "state": row.state,
    }


def _played(store: Store, row: Conversation) -> dict[str, Any]:
    everything = store.messages(row)
    messages = everything.rows[-_LATEST:]
    wrote = _written(store, messages)
    return {
        **_named(row),
        "chat_service_sid": row.service_sid,
        "attributes": row.attributes,
        "date_created": date_text(row.date_created),
        "participants": [_participant(one) for one in store.participants(row)],
        "webhooks": [_webhook(one) for one in store.webhooks(row)],
        "messages": [_message(store, one, wrote) for one in messages],
        "earlier": len(everything) - len(messages),
    }


def _participant(row: Participant) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "identity": row.identity,
        "address": row.address,
        "proxy_address": row.proxy_address,
        "projected_address": row.projected_address,
        "attributes": row.attributes,
    }


def _webhook(row: Webhook) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "target": row.target,
        "url": row.hook_url,
        "flow_sid": row.flow_sid,
        "words": row.words,
    }


def _written(store: Store, messages: Iterable[Message]) -> dict[str | None, ChannelMessage]:
    """Return what handsets wrote, by the message that came of it."""
    authors = dict.fromkeys(one.author for one in messages)
    rows = chain.from_iterable(store.index.channel_messages.get(author, ()) for author in authors)
    return {row.message_sid: row for row in rows if row.direction == "inbound"}


def _message(store: Store, row: Message, wrote: Mapping[str | None, ChannelMessage]) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "index": row.index,
        "author": row.author,
        "body": row.body,
        "participant_sid": row.participant_sid,
        "date": date_text(row.date_created),
        "wrote": _leg(wrote.get(row.sid)),
        "in_app": _in_app(store, row),
        "receipts": [_receipt(store, one) for one in store.receipts(row)],
    }


def _receipt(store: Store, row: Receipt) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "participant_sid": row.participant_sid,
        "channel_message_sid": row.channel_message_sid,
        "leg": _leg(store.index.rows.get(row.channel_message_sid)),
        "status": row.status,
        "error_code": row.error_code,
        "explanation": rules.explanation(row.error_code, None),
    }


def _leg(row: object) -> dict[str, Any] | None:
    """Return the pair that carried a message, which its participant need not have any more."""
    return {"address": row.address, "sender": row.peer} if isinstance(row, ChannelMessage) else None


def _in_app(store: Store, row: Message) -> bool:
    """Tell whether somebody besides its author reads a message without a phone."""
    conversation = store.conversation(row.conversation_sid)
    people = store.participants(conversation) if conversation else ()
    return any(one.address is None and one.sid != row.participant_sid for one in people)


def _phones(store: Store, row: Conversation) -> list[dict[str, Any]]:
    """Return the handsets of a conversation in the order of their coming, as far back as that is known."""
    people = sorted(store.participants(row), key=_seq)
    addresses = dict.fromkeys(one.address for one in people if one.address)
    held = [address for address in addresses if channel_of(address) not in (None, "email")]
    came = _came(store, row)
    return [_handset(store.phones[address]) for address in sorted(held, key=lambda one: came.get(one, 0))]


def _came(store: Store, row: Conversation) -> dict[str, int]:
    """Return which event brought an address first; its participant may be one that took another's place."""
    first: dict[str, int] = {}
    for event in store.events.since(0):
        if event.type == "onParticipantAdded" and event.data.get("ConversationSid") == row.sid:
            first.setdefault(event.data.get("MessagingBinding.Address", ""), event.id)
    return first


def _handset(phone: Phone) -> dict[str, Any]:
    found = show(phone)
    for thread in found["threads"]:
        everything = thread["messages"]
        latest = everything[-_LATEST:]
        thread["messages"] = [{**row, "fate": _fate(phone.store, row)} for row in latest]
        thread["earlier"] = len(everything) - len(latest)
    return found


def _fate(store: Store, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return how far a message got that a handset wrote; None for others, and for one that was removed."""
    message = store.index.rows.get(row["message_sid"] or "")
    if row["direction"] != "sent" or not isinstance(message, Message):
        return None
    ends = [{"status": one.status, "error_code": one.error_code} for one in store.receipts(message)]
    return {"in_app": _in_app(store, message), "receipts": ends}


def _at_s(due: dict[str, Any]) -> float:
    at_s: float = due["at_s"]
    return at_s


def _told(store: Store, due: dict[str, Any]) -> dict[str, Any]:
    """Return what is due with the conversation that it is of, where that takes a look."""
    if due["what"] != "window":
        return due
    conversation = store.conversation(inbound.holding(store, due["address"], due["sender"]) or "")
    return {**due, "conversation": conversation and _named(conversation)}


def _dues(store: Store) -> Iterator[dict[str, Any]]:
    """Give what time will bring: windows that shut, timers that run out, approvals and builds that end."""
    now_s = store.now_s()
    for handset in store.index.handsets.values():
        if not handset.address.startswith("whatsapp:"):
            continue
        for sender, at_s in handset.inbound_s.items():
            if rules.is_open(at_s, now_s):
                end_s = rules.window_end_s(at_s)
                yield {"what": "window", "at_s": end_s, "address": handset.address, "sender": sender}
    for row in _all(store):
        for name in TIMERS.values():
            at_s = getattr(row, name)
            is_ahead = row.state != "closed" and (name == "date_closed" or row.state == "active")
            if at_s is not None and is_ahead:
                what = name.removeprefix("date_")
                yield {"what": what, "at_s": at_s, "conversation": _named(row)}
    for one in store.index.content.approval_of.values():
        if one.due_s is not None:
            told = {"content_sid": one.content_sid, "name": one.name, "verdict": one.verdict}
            yield {"what": "approval", "at_s": one.due_s, **told}
    for build in store.index.serverless.all_builds():
        if build.verdict is not None and build.due_s is not None:
            ends = {"sid": build.sid, "service": service_name(store, build), "verdict": build.verdict}
            yield {"what": "build", "at_s": build.due_s, "build": ends}
