"""Messages on their way to handsets: turns a conversation's message into legs, receipts and their statuses.

A leg leaves Twilio at once: sent, or refused (63016, 21610, what a fault says). A handset that is online has
it a moment later (``Switches.delivery_delay_s``), one that is offline once it is back. Sources: facts on
fan-out and receipts (documented: one receipt for each recipient outside chat but the author, only the latest
status kept, a message is created whatever becomes of it); statuses of refused legs by switch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.events import Cause
from reconciler.emulator.rows import ChannelMessage, Handset, Receipt

from . import rules, templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.emulator.rows import Conversation, Message, Participant
    from reconciler.emulator.store import Store

    from .rules import Leg

_OF_WINDOW = (rules.OUTSIDE_WINDOW, rules.UNAPPROVED)
_SOURCES = {"sms": "SMS", "whatsapp": "WhatsApp", "rcs": "RCS", "messenger": "Messenger", "email": "EMAIL"}


def source_of(address: str) -> str:
    """Return how webhooks name the channel that a message came by or goes by (observed: SMS, WhatsApp)."""
    return _SOURCES.get(channel_of(address) or "", "SMS")


def handset(store: Store, address: str) -> Handset:
    """Return the handset of an address, which is known from the first time somebody asks."""
    found = store.index.handsets.get(address)
    if found is None:
        found = Handset(store.mint("ZH", "/Handsets", address), store.next_seq(), address)
        store.insert(found)
    return found


def is_opted_out(store: Store, address: str, sender: str) -> bool:
    """Tell whether a handset refuses this sender of ours."""
    found = store.index.handsets.get(address)
    return found is not None and (sender in found.opted_out or rules.ALL_SENDERS in found.opted_out)


def ways(store: Store, conversation: Conversation, author: Participant | None) -> list[Leg]:
    """Return the legs of a message; members of a group who opted out are skipped silently (observed)."""
    found = rules.legs(list(store.participants(conversation)), author, conversation.email_address)
    return [
        leg
        for leg in found
        if leg.participant.proxy_address is not None or not is_opted_out(store, leg.address, leg.from_)
    ]


def send(store: Store, conversation: Conversation, message: Message, found: Sequence[Leg]) -> None:
    """Put a message on its way, with a receipt for each leg."""
    for leg in found:
        row = _carried(store, message, leg)
        receipt = Receipt(
            sid=store.mint("DY", f"{message.sid}/Receipts", leg.participant.sid),
            seq=store.next_seq(),
            conversation_sid=conversation.sid,
            message_sid=message.sid,
            participant_sid=leg.participant.sid,
            channel_message_sid=row.sid,
            date_created=store.today(),
        )
        row.receipt_sid = receipt.sid
        store.insert(receipt)
        store.insert(row)
        _arm(store, row)


def mirror(
    store: Store, conversation: Conversation, message: Message, author: str, addresses: Sequence[str]
) -> None:
    """Show what a member wrote to a group on the other members' handsets.

    The channel brings it there, not Twilio, so there are no receipts (inferred).
    """
    for participant in store.participants(conversation):
        address = participant.address
        if participant.proxy_address or address is None or address == author or address not in addresses:
            continue  # who has a proxy of their own is sent it by that
        to = tuple(one for one in addresses if one != author)
        leg = rules.Leg(participant, address, author, rules.group_peer(addresses, address), to)
        row = _carried(store, message, leg)
        store.insert(row)
        _arm(store, row)


def reply(store: Store, address: str, sender: str, body: str) -> None:
    """Put a message of Twilio's own on its way, which is in no conversation and has no receipt."""
    row = ChannelMessage(
        sid=store.mint(rules.sid_prefix("sms", has_media=False), "/Replies", f"{address}|{sender}"),
        seq=store.next_seq(),
        address=address,
        peer=sender,
        direction="outbound",
        from_=sender,
        to=[address],
        body=body,
        media=[],
        subject=None,
        content_sid=None,
        status="queued",
        date_created=store.today(),
        due_s=store.now_s(),
        reason="keyword_reply",
    )
    store.insert(row)
    _arm(store, row)


def _carried(store: Store, message: Message, leg: Leg) -> ChannelMessage:
    handset(store, leg.address)
    channel = channel_of(leg.address)
    shown = templates.carried(store, message, channel or "sms")
    prefix = rules.sid_prefix(channel, has_media=bool(shown["media"]))
    return ChannelMessage(
        sid=store.mint(prefix, "/Messages", f"{message.sid}|{leg.participant.sid}"),
        seq=store.next_seq(),
        address=leg.address,
        peer=leg.peer,
        direction="outbound",
        from_=leg.from_,
        to=list(leg.to),
        subject=message.subject,
        status="queued",
        date_created=store.today(),
        due_s=store.now_s(),
        conversation_sid=message.conversation_sid,
        message_sid=message.sid,
        participant_sid=leg.participant.sid,
        **shown,
    )


# Statuses


def _arm(store: Store, row: ChannelMessage) -> None:
    if row.due_s is not None:
        store.clock.schedule(row.due_s, partial(_go_on, store, row.sid, row.due_s))


def _go_on(store: Store, sid: str, due_s: float) -> None:
    row = store.index.rows.get(sid)
    if not isinstance(row, ChannelMessage) or row.due_s != due_s:
        return  # the world began again, or somebody was quicker
    if row.status == "queued":
        _leave(store, row)
    elif row.status == "sent":
        online = handset(store, row.address).online
        become(store, row, "delivered") if online else store.update(row, due_s=None)


def _leave(store: Store, row: ChannelMessage) -> None:
    if row.receipt_sid is not None and _is_lost(store, row):
        return
    due_s = store.now_s() + store.switches.delivery_delay_s
    become(store, row, "sent", due_s=due_s)
    _arm(store, row)


def _is_lost(store: Store, row: ChannelMessage) -> bool:
    """Let a fault or the channel's rules keep a leg from getting there."""
    fault = store.faults.lost(row.address, row.from_, channel_of(row.address))
    if fault is not None:
        become(store, row, str(fault.status or "undelivered"), fault.code or 0)
        return True
    refused = _refusal(store, row)
    if refused:
        status = store.switches.window_status if refused in _OF_WINDOW else "failed"
        was_template = refused == rules.OUTSIDE_WINDOW and templates.equal(store, row) is not None
        become(store, row, status, refused, reason="was_template" if was_template else None)
    return refused != 0


def _refusal(store: Store, row: ChannelMessage) -> int:
    channel = channel_of(row.address)
    is_open = rules.is_open(handset(store, row.address).inbound_s.get(row.peer), store.now_s())
    opted_out = is_opted_out(store, row.address, row.from_)
    found = rules.refusal(channel, window_open=is_open, opted_out=opted_out)
    if found == rules.OUTSIDE_WINDOW and row.content_sid is None and store.switches.template_by_body:
        templates.recognise(store, row)
    if row.content_sid is not None and found != rules.OPTED_OUT:
        found = templates.refusal(store, row, window_open=is_open)
    return found or rules.length_refusal(channel, row.body or "", store.switches.whatsapp_body_chars)


def become(
    store: Store,
    row: ChannelMessage,
    status: str,
    error_code: int = 0,
    due_s: float | None = None,
    reason: str | None = None,
) -> None:
    """Give a leg a status, and its receipt the same, if the message still exists."""
    with store.events.caused_by(Cause(source_of(row.address), "EVENT")):
        store.update(row, status=status, error_code=error_code, due_s=due_s, reason=reason or row.reason)
        receipt = store.index.rows.get(row.receipt_sid or "")
        if isinstance(receipt, Receipt):
            store.update(receipt, status=status, error_code=error_code, date_updated=store.today())


def come_online(store: Store, address: str) -> None:
    """Deliver what waited for a handset, in the order it was sent."""
    for row in store.index.channel_messages.get(address, ()):
        if row.direction == "outbound" and row.status == "sent" and row.due_s is None:
            become(store, row, "delivered")


def read(store: Store, address: str, peer: str | None) -> None:
    """Let all on a handset (of one thread, if given) have been read, where the channel tells (documented)."""
    if not rules.can_show_read(channel_of(address)):
        return
    for row in store.index.channel_messages.get(address, ()):
        if row.direction == "outbound" and row.status == "delivered" and peer in (None, row.peer):
            become(store, row, "read")


def restore(store: Store) -> None:
    """Let what was under way when the world was closed go on."""
    under_way = [
        row for rows in store.index.channel_messages.values() for row in rows if row.due_s is not None
    ]
    for row in sorted(under_way, key=lambda row: row.seq):
        _arm(store, row)
