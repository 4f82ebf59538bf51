"""Admin paths of the handsets: turns ``phones/…`` into deeds of ``store.phones``, and screens into JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.playing import inbound, rules
from reconciler.emulator.playing.phones import PhoneError
from reconciler.emulator.wire import date_text

from .admin import AdminError, Ways, fields_of, query_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.emulator.playing.inbound import Written
    from reconciler.emulator.playing.phones import Phone
    from reconciler.emulator.rows import ChannelMessage
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request


def listing(store: Store, request: Request) -> dict[str, Any]:
    """GET: every handset known, or the one of ``?address=``."""
    address = query_of(request).get("address")
    with store.lock:
        chosen = list(store.phones) if address is None else [_phone(store, address)]
        return {"phones": [show(phone) for phone in chosen]}


def send(store: Store, request: Request) -> dict[str, Any]:
    """POST ``{from, to, body?, media?, subject?}``; ``to`` is a sender of ours, or a group's others."""
    return taken(store, written(store, request))


def written(store: Store, request: Request) -> Written:
    """Return what a request to send says. Raises AdminError."""
    body = fields_of(request, "from", "to", "body", "media", "subject")
    from_, to = text_of(body, "from", needed=True) or "", _texts(body, "to")
    media, text, subject = _texts(body, "media"), text_of(body, "body"), text_of(body, "subject")
    found: Written = _done(lambda: store.phones.written(from_, to, text, media, subject))
    return found


def taken(store: Store, what: Written) -> dict[str, Any]:
    """Let what was written arrive, and return the message."""
    with store.lock:
        return show_message(store.phones.take(what))


def read(store: Store, request: Request) -> dict[str, Any]:
    """POST ``{address, sender?}``: everything is read, of one thread or of all."""
    body = fields_of(request, "address", "sender")
    address, sender = text_of(body, "address", needed=True) or "", text_of(body, "sender")
    return _deed(store, address, lambda: store.phones.read(address, sender))


def offline(store: Store, request: Request) -> dict[str, Any]:
    """POST ``{address}``: the handset cannot be reached."""
    address = text_of(fields_of(request, "address"), "address", needed=True) or ""
    return _deed(store, address, lambda: store.phones.offline(address))


def online(store: Store, request: Request) -> dict[str, Any]:
    """POST ``{address}``: the handset is back, and what waited arrives."""
    address = text_of(fields_of(request, "address"), "address", needed=True) or ""
    return _deed(store, address, lambda: store.phones.online(address))


def stop(store: Store, request: Request) -> dict[str, Any]:
    """POST ``{address, sender?}``: STOP is sent to one sender, or to all that the handset knows."""
    body = fields_of(request, "address", "sender")
    address, sender = text_of(body, "address", needed=True) or "", text_of(body, "sender")
    return _deed(store, address, lambda: store.phones.stop(address, sender))


PATHS: dict[str, Ways] = {
    "phones": {"GET": listing},
    "phones/send": {"POST": send},
    "phones/read": {"POST": read},
    "phones/offline": {"POST": offline},
    "phones/online": {"POST": online},
    "phones/stop": {"POST": stop},
}


def _texts(body: dict[str, Any], name: str) -> list[str]:
    value = body.get(name)
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise AdminError(f"{name}: is not text or a list of texts")
    return values


def _done(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except PhoneError as error:
        raise AdminError(str(error)) from error


def _deed(store: Store, address: str, deed: Callable[[], Any]) -> dict[str, Any]:
    with store.lock:
        _done(deed)
        return show(_phone(store, address))


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
        "status": row.status,
        "error_code": row.error_code,
        "reason": row.reason,
        "explanation": rules.explanation(row.error_code, row.reason),
        "conversation_sid": row.conversation_sid,
        "message_sid": row.message_sid,
        "date": date_text(row.date_created),
    }
