"""Exclusive addresses: turns participants into claims on pairs and groups, and conflicts into refusals.

The pair rule (documented on inbound autocreation, observed on 50416): at most one conversation that is not
closed holds an (address, proxy address) pair; an inactive one holds it too. The group rule (50438): at most
one open conversation has a given set of group addresses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.emulator.rows import Conversation, Participant
    from reconciler.emulator.store import Store

    from .addresses import Binding

_NORTH_AMERICAN = re.compile(r"\+1\d{10}", re.ASCII)
GROUP_MAX = 10
GROUP_MIN = 3

PairKey = tuple[str, str, str]


def pair_key(store: Store, service_sid: str, address: str, proxy: str) -> PairKey:
    """Return the key of a pair: account-wide, unless a switch makes it the service's."""
    return (service_sid if store.switches.pair_scope == "service" else "", address, proxy)


def pair_holder(store: Store, key: PairKey) -> str | None:
    """Return the conversation that holds a pair, or held it so recently that it still counts."""
    held = store.index.pairs.holder(key)
    return held or store.index.pairs.echo(key, store.now_s(), store.calls)


def check_pair_free(store: Store, conversation: Conversation, binding: Binding) -> None:
    """Refuse with 409/50416, naming the holder, if the binding's pair is taken (message form observed)."""
    if binding.address is None or binding.proxy is None:
        return
    holder = pair_holder(store, pair_key(store, conversation.service_sid, binding.address, binding.proxy))
    if holder is None:
        return
    text = f"A binding for this participant and proxy address already exists in Conversation {holder}"
    if holder == conversation.sid and store.switches.own_pair_code == 50437:
        raise ApiError(50437)
    raise ApiError(50416, text)


def group_addresses(participants: Iterable[Participant]) -> list[str]:
    """Return the addresses that make up a group: members' addresses and projected addresses."""
    return [
        address
        for row in participants
        if row.proxy_address is None and (address := row.projected_address or row.address)
    ]


def is_complete(participants: Iterable[Participant]) -> bool:
    """Tell whether a group has the three addresses without which it does not work (documented: 50435)."""
    return len(set(group_addresses(participants))) >= GROUP_MIN


def is_group(participants: Iterable[Participant]) -> bool:
    """Tell whether a conversation is group MMS: someone in it has a projected address."""
    return any(row.projected_address is not None for row in participants)


def check_group(store: Store, conversation: Conversation, binding: Binding) -> None:
    """Refuse a new member that a group cannot take (50434, 50436, 50437, 50438)."""
    members = store.participants(conversation)
    if binding.is_empty:
        if is_group(members):
            raise ApiError(50434)
        return
    if not binding.is_group:
        return
    present = group_addresses(members)
    address = binding.projected or binding.address or ""
    check_group_number(store, address)
    if address in present:
        raise ApiError(50437)
    if len(present) >= GROUP_MAX:
        raise ApiError(50436)
    if binding.projected is not None or is_group(members):
        check_group_free(store, conversation.sid, [*present, address])


def is_group_number(address: str) -> bool:
    """Tell whether group MMS reaches a number: +1 and ten digits (documented)."""
    return _NORTH_AMERICAN.fullmatch(address) is not None


def check_group_number(store: Store, address: str) -> None:
    """Refuse a number that group MMS does not reach (documented: it works with +1 alone; code by switch)."""
    if "@" not in address and not is_group_number(address):
        raise ApiError(store.switches.foreign_group_code, "Group MMS is for numbers of +1 alone")


def check_group_free(store: Store, own_sid: str, addresses: list[str]) -> None:
    """Refuse with 50438, naming the holder, if another open group has exactly these addresses (observed)."""
    holder = store.index.groups.holder(frozenset(addresses))
    if holder is not None and holder != own_sid and len(addresses) >= GROUP_MIN:
        text = f"Group MMS with given participant list already exists as Conversation {holder}"
        raise ApiError(50438, text)


def claim(store: Store, conversation: Conversation, participant: Participant) -> None:
    """Record what a new participant holds; a closed conversation's holds nothing."""
    if conversation.state == "closed":
        return
    if participant.address is not None and participant.proxy_address is not None:
        key = pair_key(store, conversation.service_sid, participant.address, participant.proxy_address)
        store.index.pairs.take(key, conversation.sid)
    elif participant.address or participant.projected_address:
        regroup(store, conversation)


def release(store: Store, conversation: Conversation, participant: Participant) -> None:
    """Give up what a participant held, after it left or its conversation closed."""
    if participant.address is not None and participant.proxy_address is not None:
        key = pair_key(store, conversation.service_sid, participant.address, participant.proxy_address)
        store.index.pairs.free(key, conversation.sid, store.now_s(), store.calls)
    elif participant.address or participant.projected_address:
        regroup(store, conversation)


def regroup(store: Store, conversation: Conversation) -> None:
    """Bring the group table in line with who is in a conversation now."""
    index = store.index
    old = index.group_of.pop(conversation.sid, None)
    if old is not None:
        index.groups.free(old, conversation.sid, store.now_s(), store.calls)
    members = store.participants(conversation)
    addresses = group_addresses(members)
    alive = conversation.state != "closed" and store.conversation(conversation.sid) is not None
    if alive and len(addresses) >= GROUP_MIN and is_group(members):
        key = frozenset(addresses)
        index.groups.take(key, conversation.sid)
        index.group_of[conversation.sid] = key
