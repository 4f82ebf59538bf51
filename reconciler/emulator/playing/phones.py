"""The handsets of a world, as people hold them: turns deeds of thumbs into messages, receipts and refusals.

In process it is ``store.phones``::

    store.phones.send("+15550100301", "+15550100201", "Hello?")
    store.phones["whatsapp:+15550100302"].messages[-1].body

A handset is an address: a number by SMS (``+15550100301``) or one of WhatsApp (``whatsapp:+15550100301``).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations.addresses import channel_of

from . import attachments, delivery, inbound, rules
from .inbound import Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.emulator.rows import ChannelMessage, Handset
    from reconciler.emulator.store import Store

MAX_BODY_BYTES = 32 * 1024


class PhoneError(ValueError):
    """A deed that no handset can do; the message says why."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One handset, by its address; what it shows is asked for anew each time."""

    store: Store
    address: str

    @property
    def _row(self) -> Handset | None:
        return self.store.index.handsets.get(self.address)

    @property
    def channel(self) -> str:
        """Return sms, whatsapp, rcs, messenger or email."""
        return channel_of(self.address) or "sms"

    @property
    def number(self) -> str:
        """The address without its channel."""
        return self.address.rpartition(":")[2]

    @property
    def online(self) -> bool:
        """Whether it can be reached."""
        row = self._row
        return row is None or row.online

    @property
    def opted_out(self) -> list[str]:
        """The senders it has stopped; ``*`` is all of the account's."""
        row = self._row
        return list(row.opted_out) if row else []

    def all(self) -> list[ChannelMessage]:
        """Return everything from and to this handset in order, what never arrived included."""
        return list(self.store.index.channel_messages.get(self.address, ()))

    @property
    def messages(self) -> list[ChannelMessage]:
        """What stands on its screen: what it wrote, and what has arrived."""
        return [row for row in self.all() if row.status in ("received", "delivered", "read")]

    @property
    def missed(self) -> list[ChannelMessage]:
        """What was meant for it and has not arrived."""
        return [row for row in self.all() if row.status in ("queued", "sent", "failed", "undelivered")]

    @property
    def peers(self) -> list[str]:
        """Whom it has a thread with: whom it wrote to or heard from, and who would write to it now."""
        index = self.store.index
        found = dict.fromkeys(row.peer for row in self.all())
        for service in index.services:
            for member in index.by_address.get((service.sid, self.address), ()):
                conversation = self.store.conversation(member.conversation_sid)
                if conversation is not None and conversation.state != "closed":
                    group = index.group_of.get(conversation.sid, frozenset())
                    found.setdefault(member.proxy_address or rules.group_peer(group, self.address))
        return [peer for peer in found if peer]

    def window_end_s(self, peer: str) -> float | None:
        """Return when WhatsApp's window with a sender shuts (or shut); None: it never opened."""
        row = self._row
        return rules.window_end_s(row.inbound_s.get(peer)) if row else None

    def window_open(self, peer: str) -> bool:
        """Tell whether a sender may write freely to this handset now."""
        row = self._row
        return row is not None and rules.is_open(row.inbound_s.get(peer), self.store.now_s())


class Phones:
    """All handsets of one world."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getitem__(self, address: str) -> Phone:
        """Return the handset of an address. Raises PhoneError for what is no address."""
        return Phone(self._store, _checked(address))

    def __iter__(self) -> Iterator[Phone]:
        """Give every handset known: who takes part in a conversation by an address, or has ever written."""
        index = self._store.index
        taking_part = {address for _, address in index.by_address}
        return (Phone(self._store, address) for address in sorted(taking_part | set(index.handsets)))

    def send(
        self,
        from_: str,
        to: str | Sequence[str],
        body: str | None = None,
        media: Sequence[str | Mapping[str, Any]] = (),
        subject: str | None = None,
    ) -> ChannelMessage:
        """Write from a handset to a sender of ours, or by SMS to all others of a group.

        Returns the message as the channel took it: ``conversation_sid`` says where it is, or ``reason`` why
        it is nowhere. ``media`` are URLs, or say what they are: ``{url, content_type?, size?, filename?}``.
        No pre-event webhook is asked. Raises PhoneError.
        """
        return self.take(self.written(from_, to, body, media, subject))

    def written(
        self,
        from_: str,
        to: str | Sequence[str],
        body: str | None = None,
        media: Sequence[str | Mapping[str, Any]] = (),
        subject: str | None = None,
    ) -> Written:
        """Check what ``send`` would send. Raises PhoneError."""
        receivers = (to,) if isinstance(to, str) else tuple(dict.fromkeys(to))
        _check_route(from_, receivers)
        if not body and not media:
            raise PhoneError("a message has a body or media")
        if wrong := attachments.problem(media):
            raise PhoneError(wrong)
        _check_body(body or "")
        if not self[from_].online:
            raise PhoneError(f"{from_} is offline")
        with self._store.lock:
            return Written(from_, receivers, body or None, attachments.from_urls(self._store, media), subject)

    def take(self, written: Written) -> ChannelMessage:
        """Let what was written arrive."""
        with self._at_work():
            return inbound.receive(self._store, written)

    def stop(self, from_: str, to: str | None = None) -> list[ChannelMessage]:
        """Send STOP to a sender, or to every one the handset has a thread with (SMS). Raises PhoneError.

        To a group it goes to the group's business number alone (inferred): the others are people.
        """
        peers = [to] if to else self[from_].peers
        with self._store.lock:
            found = [one for peer in peers for one in inbound.senders_of(self._store, from_, peer)]
        receivers = list(dict.fromkeys(found))
        if not receivers:
            raise PhoneError(f"{from_} knows nobody to send STOP to")
        return [self.send(from_, receiver, "STOP") for receiver in receivers]

    def read(self, address: str, peer: str | None = None) -> None:
        """Let everything on a handset have been read, or everything of one thread."""
        with self._at_work():
            delivery.read(self._store, _checked(address), peer)

    def offline(self, address: str) -> None:
        """Take a handset off the air: what is sent to it waits."""
        self._switch(_checked(address), online=False)

    def online(self, address: str) -> None:
        """Bring a handset back: what waited for it arrives, in the order it was sent."""
        self._switch(_checked(address), online=True)

    def _switch(self, address: str, *, online: bool) -> None:
        with self._at_work():
            self._store.update(delivery.handset(self._store, address), online=online)
            if online:
                delivery.come_online(self._store, address)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._store.lock:
            self._store.clock.settle()
            yield
            self._store.clock.settle()
            self._store.commit()


def _checked(address: str) -> str:
    if channel_of(address) is None:
        raise PhoneError(f"{address!r} is no address: give +15550100301 or whatsapp:+15550100301")
    return address


def _check_body(body: str) -> None:
    try:
        size = len(body.encode())
    except UnicodeEncodeError as error:
        raise PhoneError("the body is not text, it has half a character") from error
    if size > MAX_BODY_BYTES:
        raise PhoneError("the body is longer than 32 KB")


def _check_route(from_: str, receivers: tuple[str, ...]) -> None:
    if not receivers:
        raise PhoneError("to: is empty")
    channels = {channel_of(_checked(address)) for address in (from_, *receivers)}
    if len(channels) > 1:
        raise PhoneError(f"{from_} and {', '.join(receivers)} are not on the same channel")
    if len(receivers) > 1 and channels != {"sms"}:
        raise PhoneError("only SMS has groups")
    if from_ in receivers:
        raise PhoneError(f"{from_} cannot write to itself")
