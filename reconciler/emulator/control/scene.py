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
from reconciler.emulator.playing import rules
from reconciler.emulator.serverless.builds import service_name
from reconciler.emulator.wire import date_text

from .admin import Ways, described, query_of
from .events import CLOCK, show_clock
from .phones import HANDSET, show
from .shapes import COUNT, DATE, NUMBER, TEXT, choice, either, listed, named, or_null, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.emulator.rows import Conversation, Message, Participant, Webhook
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_LISTED = 100
_DUES = 60
_MESSAGES = 500


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
_RECEIPT = record(
    {
        "sid": TEXT,
        "participant_sid": TEXT,
        "channel_message_sid": TEXT,
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
        }
    ),
)
_WINDOW_DUE = record({"what": choice("window"), "at_s": NUMBER, "address": TEXT, "sender": TEXT})
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
        "phones": listed(HANDSET),
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
            "dues": heapq.nsmallest(_DUES, _dues(store), key=lambda due: due["at_s"]),
        }


PATHS: dict[str, Ways] = {"page": {"GET": scene}}


def _all(store: Store) -> Iterator[Conversation]:
    return chain.from_iterable(store.index.conversations.values())


def _chosen(store: Store, sid: str) -> Conversation | None:
    asked = store.conversation(sid)
    if asked is not None:
        return asked
    is_open = (row for row in _all(store) if row.state != "closed")
    return next(is_open, None) or next(_all(store), None)


def _listed(store: Store, chosen: Conversation | None) -> list[dict[str, Any]]:
    rows = {row.sid: row for row in islice(_all(store), _LISTED)}
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
    messages = list(store.messages(row))[-_MESSAGES:]
    return {
        **_named(row),
        "chat_service_sid": row.service_sid,
        "attributes": row.attributes,
        "date_created": date_text(row.date_created),
        "participants": [_participant(one) for one in store.participants(row)],
        "webhooks": [_webhook(one) for one in store.webhooks(row)],
        "messages": [_message(store, one) for one in messages],
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


def _message(store: Store, row: Message) -> dict[str, Any]:
    receipts = [
        {
            "sid": one.sid,
            "participant_sid": one.participant_sid,
            "channel_message_sid": one.channel_message_sid,
            "status": one.status,
            "error_code": one.error_code,
            "explanation": rules.explanation(one.error_code, None),
        }
        for one in store.receipts(row)
    ]
    return {
        "sid": row.sid,
        "index": row.index,
        "author": row.author,
        "body": row.body,
        "participant_sid": row.participant_sid,
        "date": date_text(row.date_created),
        "receipts": receipts,
    }


def _phones(store: Store, row: Conversation) -> list[dict[str, Any]]:
    addresses = dict.fromkeys(one.address for one in store.participants(row) if one.address)
    held = (address for address in addresses if channel_of(address) not in (None, "email"))
    return [show(store.phones[address]) for address in held]


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
