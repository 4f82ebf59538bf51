"""Admin paths of the handsets: turns ``phones/…`` into deeds of ``store.phones``, and screens into JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.playing import inbound, rules
from reconciler.emulator.playing.phones import PhoneError
from reconciler.emulator.wire import date_text

from .admin import AdminError, Ways, body_of, described, query_of
from .shapes import COUNT, DATE, FLAG, NAME, NUMBER, TEXT, choice, either, listed, named, or_null, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.emulator.playing.inbound import Written
    from reconciler.emulator.playing.phones import Phone
    from reconciler.emulator.rows import ChannelMessage
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request


_MAYBE = or_null(TEXT)
_MEDIUM = named("Medium", record({"sid": TEXT, "size": COUNT, "content_type": TEXT, "filename": _MAYBE}))
_CONTENT = named("MessageContent", record({"type": _MAYBE, "actions": listed(TEXT), "error_code": COUNT}))
MESSAGE = named(
    "HandsetMessage",
    record(
        {
            "sid": TEXT,
            "direction": choice("sent", "received"),
            "from": TEXT,
            "to": listed(TEXT),
            "sender": TEXT,
            "body": _MAYBE,
            "media": listed(_MEDIUM),
            "subject": _MAYBE,
            "content_sid": _MAYBE,
            "content": or_null(_CONTENT),
            "status": choice("queued", "received", *rules.STATUSES),
            "error_code": COUNT,
            "reason": or_null(choice(*rules.REASONS)),
            "explanation": _MAYBE,
            "conversation_sid": _MAYBE,
            "message_sid": _MAYBE,
            "date": DATE,
        }
    ),
)
_WINDOW = named(
    "Window",
    record({"open": FLAG, "ends": or_null(DATE), "ends_s": or_null(NUMBER), "remaining_s": NUMBER}),
)
_THREAD = named(
    "Thread",
    record(
        {
            "sender": TEXT,
            "opted_out": FLAG,
            "conversation_sid": _MAYBE,
            "window": or_null(_WINDOW),
            "messages": listed(MESSAGE),
        }
    ),
)
HANDSET = named(
    "Handset",
    record(
        {
            "address": TEXT,
            "channel": choice("sms", "whatsapp", "rcs", "messenger", "email"),
            "number": TEXT,
            "online": FLAG,
            "threads": listed(_THREAD),
        }
    ),
)
_GIVEN_MEDIUM = record({"url": NAME, "content_type?": NAME, "size?": COUNT, "filename?": NAME})
_WRITTEN = record(
    {
        "from": NAME,
        "to": either(listed(NAME), NAME),
        "body?": _MAYBE,
        "media?": or_null(either(listed(either(_GIVEN_MEDIUM, NAME)), NAME)),
        "subject?": _MAYBE,
    }
)
_ONE, _THREAD_OF_ONE = record({"address": NAME}), record({"address": NAME, "sender?": _MAYBE})


@described(gives=record({"phones": listed(HANDSET)}), query={"address": NAME})
def listing(store: Store, request: Request) -> dict[str, Any]:
    """GET: every handset known, or the one of an address."""
    address = query_of(request).get("address")
    with store.lock:
        chosen = list(store.phones) if address is None else [_phone(store, address)]
        return {"phones": [show(phone) for phone in chosen]}


@described(takes=_WRITTEN, gives=MESSAGE)
def send(store: Store, request: Request) -> dict[str, Any]:
    """POST: a handset writes to a sender of ours, or to all others of a group."""
    return taken(store, written(store, request))


def written(store: Store, request: Request) -> Written:
    """Return what a request to send says. Raises AdminError."""
    body = body_of(request, send)
    text, media = body.get("body"), _list_of(body.get("media"))
    subject = body.get("subject")
    found: Written = _done(lambda: store.phones.written(body["from"], body["to"], text, media, subject))
    return found


def taken(store: Store, what: Written) -> dict[str, Any]:
    """Let what was written arrive, and return the message."""
    with store.lock:
        return show_message(store.phones.take(what))


@described(takes=_THREAD_OF_ONE, gives=HANDSET)
def read(store: Store, request: Request) -> dict[str, Any]:
    """POST: everything is read, of one thread or of all."""
    body = body_of(request, read)
    return _deed(store, body, lambda: store.phones.read(body["address"], body.get("sender")))


@described(takes=_ONE, gives=HANDSET)
def offline(store: Store, request: Request) -> dict[str, Any]:
    """POST: the handset cannot be reached."""
    body = body_of(request, offline)
    return _deed(store, body, lambda: store.phones.offline(body["address"]))


@described(takes=_ONE, gives=HANDSET)
def online(store: Store, request: Request) -> dict[str, Any]:
    """POST: the handset is back, and what waited arrives."""
    body = body_of(request, online)
    return _deed(store, body, lambda: store.phones.online(body["address"]))


@described(takes=_THREAD_OF_ONE, gives=HANDSET)
def stop(store: Store, request: Request) -> dict[str, Any]:
    """POST: STOP is sent to one sender, or to all that the handset knows."""
    body = body_of(request, stop)
    return _deed(store, body, lambda: store.phones.stop(body["address"], body.get("sender")))


PATHS: dict[str, Ways] = {
    "phones": {"GET": listing},
    "phones/send": {"POST": send},
    "phones/read": {"POST": read},
    "phones/offline": {"POST": offline},
    "phones/online": {"POST": online},
    "phones/stop": {"POST": stop},
}


def _list_of(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _done(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except PhoneError as error:
        raise AdminError(str(error)) from error


def _deed(store: Store, body: dict[str, Any], deed: Callable[[], Any]) -> dict[str, Any]:
    with store.lock:
        _done(deed)
        return show(_phone(store, body["address"]))


def _phone(store: Store, address: str) -> Phone:
    found: Phone = _done(lambda: store.phones[address])
    return found


def show(phone: Phone) -> dict[str, Any]:
    """Return what a handset shows, thread by thread."""
    messages: dict[str, list[ChannelMessage]] = {peer: [] for peer in phone.peers}
    for row in phone.all():
        messages[row.peer].append(row)
    return {
        "address": phone.address,
        "channel": phone.channel,
        "number": phone.number,
        "online": phone.online,
        "threads": [_thread(phone, peer, rows) for peer, rows in messages.items()],
    }


def _thread(phone: Phone, peer: str, rows: list[ChannelMessage]) -> dict[str, Any]:
    store = phone.store
    return {
        "sender": peer,
        "opted_out": not {peer, rules.ALL_SENDERS}.isdisjoint(phone.opted_out),
        "conversation_sid": inbound.holding(store, phone.address, peer),
        "window": _window(phone, peer) if phone.channel == "whatsapp" else None,
        "messages": [show_message(row) for row in rows],
    }


def _window(phone: Phone, peer: str) -> dict[str, Any]:
    end_s = phone.window_end_s(peer)
    left_s = 0.0 if end_s is None else max(0.0, end_s - phone.store.now_s())
    return {
        "open": phone.window_open(peer),
        "ends": None if end_s is None else date_text(int(end_s)),
        "ends_s": end_s,
        "remaining_s": left_s,
    }


def show_message(row: ChannelMessage) -> dict[str, Any]:
    """Return a message as the handset has it: ``sent`` by it, or ``received`` (or meant to be)."""
    return {
        "sid": row.sid,
        "direction": "sent" if row.direction == "inbound" else "received",
        "from": row.from_,
        "to": list(row.to),
        "sender": row.peer,
        "body": row.body,
        "media": row.media,
        "subject": row.subject,
        "content_sid": row.content_sid,
        "content": row.content,
        "status": row.status,
        "error_code": row.error_code,
        "reason": row.reason,
        "explanation": rules.explanation(row.error_code, row.reason),
        "conversation_sid": row.conversation_sid,
        "message_sid": row.message_sid,
        "date": date_text(row.date_created),
    }
