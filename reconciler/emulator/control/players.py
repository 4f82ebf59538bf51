"""Who takes part in a conversation → the names a scenario calls them by, and how it describes them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.conversations.bindings import group_addresses
from reconciler.emulator.playing import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.emulator.rows import Conversation, Participant
    from reconciler.emulator.store import Store

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MARK = "reconciler"
_CHANNELS = {"whatsapp": "wa"}
_RESERVED = ("system", "nobody", "conversation")
_CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class Player:
    """One participant with a handset: the key of theirs, and the thread of this conversation on it."""

    key: str
    row: Participant
    thread: str


@dataclass(frozen=True, slots=True)
class Players:
    """Everybody in a conversation, by key; `is_marked` says that the keys are those of specs."""

    keys: dict[str, Participant]
    conversation: str
    environment: str
    is_marked: bool
    group: frozenset[str]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: Store, conversation: Conversation) -> Players:
        """Return who takes part in a conversation now."""
        rows = list(store.participants(conversation))
        group = frozenset(group_addresses(rows))
        mark = _mark(conversation.attributes)
        keys = [_key_of(row) for row in rows]
        if mark.get("k") and all(keys) and len(set(keys)) == len(keys):
            named = dict(zip((key or "" for key in keys), rows, strict=True))
            environment = mark.get("e") or ""
            return cls(named, str(mark["k"]), str(environment), is_marked=True, group=group)
        return cls(_named(rows), _CONVERSATION, "", is_marked=False, group=group, notes=_unsaid(rows))

    def __iter__(self) -> Iterator[Player]:
        """Give everybody who has a handset."""
        for key, row in self.keys.items():
            if row.address is not None and "@" not in row.address:
                thread = row.proxy_address or rules.group_peer(self.group, row.address)
                yield Player(key, row, thread)

    def has(self, sid: str) -> bool:
        """Tell whether a participant is still there."""
        return any(row.sid == sid for row in self.keys.values())

    def author(self, name: str) -> str:
        """Return the key of whom an author's name means, '' for nobody here."""
        return next((key for key, row in self.keys.items() if name and name in rules.names(row)), "")

    def by_address(self, address: str) -> str:
        """Return the key of the first participant with a handset."""
        return next(key for key, row in self.keys.items() if row.address == address)

    def given(self, conversation: Conversation) -> dict[str, Any] | None:
        """Return the conversation in the words of specs, None where specs describe it already."""
        if self.is_marked:
            return None
        senders = _senders(list(self.keys.values()))
        names = {number: name for name, number in senders.items()}
        described: dict[str, Any] = {}
        timers = {"inactive": conversation.inactive_after_s, "closed": conversation.closed_after_s}
        if any(timers.values()):
            described["timers"] = {name: f"PT{value:.0f}S" for name, value in timers.items() if value}
        described["participants"] = {key: _spec(row, names) for key, row in self.keys.items()}
        return {"senders": senders, "conversations": {self.conversation: described}}


def _attributes(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _mark(attributes: str) -> dict[str, Any]:
    found = _attributes(attributes).get(_MARK)
    return found if isinstance(found, dict) else {}


def _key_of(row: Participant) -> str | None:
    """Return the key that specs have for a participant, as whoever made it left it."""
    key = _mark(row.attributes).get("k")
    name = key.rpartition("/")[2] if isinstance(key, str) else ""
    return name if _KEY.fullmatch(name) else None


def _named(rows: Sequence[Participant]) -> dict[str, Participant]:
    """Give everybody a key: the role or identity where it can be one, else by the channel."""
    found: dict[str, Participant] = {}
    for row in rows:
        role = _attributes(row.attributes).get("role")
        wanted = next(
            (one for one in (role, row.identity) if isinstance(one, str) and _KEY.fullmatch(one)), ""
        )
        base = wanted or _sort(row)
        key, number = base, 1
        while key in found or key in _RESERVED or (not wanted and number == 1):
            key, number = f"{base}-{number}", number + 1
        found[key] = row
    return found


def _sort(row: Participant) -> str:
    if row.address is not None:
        return channel_of(row.address) or "phone"
    return "group" if row.projected_address else "desk"


def _unsaid(rows: Sequence[Participant]) -> tuple[str, ...]:
    """Say of whom the words of specs can tell nothing."""
    by_email = any("@" in (row.address or "") for row in rows)
    alone = any(row.address and not row.proxy_address for row in rows)
    has_group = any(row.projected_address for row in rows)
    return (
        *(["people by email"] if by_email else []),
        *(["people without a sender of ours"] if alone and not has_group else []),
    )


def _senders(rows: Sequence[Participant]) -> dict[str, str]:
    """Return the account's numbers by names: wa, sms, and with a count from the second on."""
    found: dict[str, str] = {}
    ours = (number for row in rows for number in (row.proxy_address, row.projected_address) if number)
    for number in dict.fromkeys(ours):
        channel = channel_of(number) or "sms"
        base = _CHANNELS.get(channel, channel)
        name, count = base, 2
        while name in found:
            name, count = f"{base}-{count}", count + 1
        found[name] = number
    return found


def _spec(row: Participant, senders: dict[str, str]) -> dict[str, str]:
    if row.identity is not None:
        return {"identity": row.identity}
    if row.projected_address is not None:
        return {"projected": senders[row.projected_address]}
    number = (row.address or "").rpartition(":")[2]
    return {"address": number, **({"via": senders[row.proxy_address]} if row.proxy_address else {})}
