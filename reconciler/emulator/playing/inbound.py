"""Messages from handsets: turns what somebody wrote to a sender of ours into a message of a conversation.

Documented (inbound autocreation): the one open conversation with this address and this sender takes the
message before anything else; a group is found by the set of all its addresses; else a conversation may be
created (``autocreation``). Where nothing takes it, it stays unrouted, with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.conversations import bindings, messages
from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.errors import ApiError
from reconciler.emulator.events import Cause
from reconciler.emulator.rows import ChannelMessage

from . import autocreation, delivery, keywords, rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.emulator.rows import Conversation, Participant
    from reconciler.emulator.store import Store

Route = tuple["Conversation", "Participant"]


@dataclass(frozen=True, slots=True)
class Written:
    """What a handset sends: to one sender of ours, or to all others of a group.

    ``refused`` and ``changes`` (of body, author, attributes or friendly_name) are a pre-event webhook's.
    """

    from_: str
    to: tuple[str, ...]
    body: str | None
    media: list[dict[str, Any]] = field(default_factory=list)
    subject: str | None = None
    refused: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        """Everybody's, the writer's own included."""
        return [self.from_, *self.to]

    @property
    def peer(self) -> str:
        """The thread on the writer's handset."""
        return rules.group_peer(self.to, "")


def receive(store: Store, written: Written) -> ChannelMessage:
    """Take in a message; what comes back says which conversation has it, or why none."""
    with store.events.caused_by(Cause(delivery.source_of(written.from_), "EVENT")):
        row = _arrived(store, written)
        reply = keywords.heed(store, written)
        if keywords.is_swallowed(store, written):
            route: Route | str = "keyword"
        else:
            route = "refused" if written.refused else _routed(store, written)
        if isinstance(route, str):
            store.update(row, reason=route)
        else:
            _hand_over(store, row, written, *route)
        if reply:
            delivery.reply(store, written.from_, written.peer, reply)
        return row


def _arrived(store: Store, written: Written) -> ChannelMessage:
    handset = delivery.handset(store, written.from_)
    store.update(handset, inbound_s={**handset.inbound_s, written.peer: store.now_s()})
    prefix = rules.sid_prefix(channel_of(written.from_), has_media=bool(written.media))
    row = ChannelMessage(
        sid=store.mint(prefix, "/Messages", f"{written.from_}|{written.peer}"),
        seq=store.next_seq(),
        address=written.from_,
        peer=written.peer,
        direction="inbound",
        from_=written.from_,
        to=list(written.to),
        body=written.body,
        media=written.media,
        subject=written.subject,
        content_sid=None,
        status="received",
        date_created=store.today(),
    )
    store.insert(row)
    return row


# Finding the conversation


def _routed(store: Store, written: Written) -> Route | str:
    return found(store, written) or autocreation.created(store, written) or _missing(store, written)


def found(store: Store, written: Written) -> Route | str | None:
    """Return who takes a message as things are, why nobody can, or None: one may be made for it."""
    if len(written.to) > 1:
        return _group(store, written)
    sender = written.to[0]
    holder = _by_pair(store, written.from_, sender)
    if holder is None:
        senders = store.account.senders
        return "not_ours" if senders is not None and sender not in senders else None
    pair, members = (written.from_, sender), store.participants(holder)
    member = next((row for row in members if (row.address, row.proxy_address) == pair), None)
    return "initializing" if member is None else (holder, member)


def _by_pair(store: Store, address: str, sender: str) -> Conversation | None:
    """Return who holds a pair; of several services' conversations the oldest service's (inferred)."""
    per_service = store.switches.pair_scope == "service"
    services = [row.sid for row in store.index.services] if per_service else [""]
    keys = (bindings.pair_key(store, sid, address, sender) for sid in services)
    holder = next((sid for key in keys if (sid := store.index.pairs.holder(key))), None)
    return None if holder is None else store.conversation(holder)


def holding(store: Store, address: str, sender: str) -> str | None:
    """Return the SID of the conversation that a message to a sender, or a group's others, would reach."""
    others = sender.split(",")
    if len(others) > 1:
        return store.index.groups.holder(frozenset([address, *others]))
    holder = _by_pair(store, address, sender)
    return None if holder is None else holder.sid


def senders_of(store: Store, address: str, peer: str) -> list[str]:
    """Return our numbers behind a thread: its sender, or the business numbers of a group's conversation."""
    if "," not in peer:
        return [peer]
    conversation = store.conversation(holding(store, address, peer) or "")
    members = store.participants(conversation) if conversation else ()
    return [row.projected_address for row in members if row.projected_address]


def _group(store: Store, written: Written) -> Route | None:
    holder = store.index.groups.holder(frozenset(written.addresses))
    conversation = store.conversation(holder) if holder else None
    if conversation is None:
        return None
    member = rules.writer(store.participants(conversation), written.from_)
    return None if member is None else (conversation, member)


def _missing(store: Store, written: Written) -> str:
    address, sender = written.from_, written.peer
    services = [row.sid for row in store.index.services]
    rows = (row for sid in services for row in store.index.by_address.get((sid, address), ()))
    return "closed" if any(row.proxy_address == sender for row in rows) else "no_conversation"


# Handing over


def _hand_over(
    store: Store, row: ChannelMessage, written: Written, conversation: Conversation, author: Participant
) -> None:
    message = messages.post(
        store,
        conversation,
        {
            "author": written.changes.get("author") or written.from_,
            "body": written.changes.get("body") or written.body,
            "subject": written.subject,
            "media": written.media,
            **_attributes(store, written),
        },
        author=author,
        carried=len(written.to) > 1,
    )
    store.update(row, conversation_sid=conversation.sid, message_sid=message.sid, participant_sid=author.sid)
    if len(written.to) > 1:
        delivery.mirror(store, conversation, message, written.from_, written.addresses)


def _attributes(store: Store, written: Written) -> dict[str, str]:
    try:
        value = fields.attributes(
            written.changes.get("attributes"), fields.SMALL_ATTRIBUTES_BYTES, store.switches.attributes_echo
        )
    except ApiError:  # there is no caller to tell; the delivery shows what was said
        return {}
    return {} if value is None else {"attributes": value}
