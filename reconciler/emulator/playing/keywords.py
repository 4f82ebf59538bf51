"""Keywords of opting out and in by SMS: turns STOP, START and HELP into what a handset refuses, and a reply.

Documented: Twilio heeds them for its numbers by default, and replies in its own words. The words here
are ours. Inferred: only what changes something is confirmed, and who has opted out is not helped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.emulator.conversations.addresses import channel_of

from . import delivery, rules

if TYPE_CHECKING:
    from reconciler.emulator.store import Store

    from .inbound import Written

REPLIES = {
    "stop": "You have opted out and get no more messages from this number. Reply START to get them again.",
    "start": "You have opted in again. Reply HELP for help, or STOP to get no more messages.",
    "help": "Reply STOP to get no more messages from this number. Rates of your carrier may apply.",
}


def heed(store: Store, written: Written) -> str | None:
    """Opt out or in as a message says, and return what Twilio replies, None where it does not."""
    keyword = _keyword(written)
    if keyword is None:
        return None
    scope = rules.ALL_SENDERS if store.switches.opt_out_scope == "account" else written.peer
    handset = delivery.handset(store, written.from_)
    was_out = scope in handset.opted_out
    if keyword == "stop" and not was_out:
        store.update(handset, opted_out=[*handset.opted_out, scope])
    if keyword == "start" and was_out:
        store.update(handset, opted_out=[one for one in handset.opted_out if one != scope])
    is_told = was_out if keyword == "start" else not was_out
    return REPLIES[keyword] if is_told and _is_answered(store, written.peer) else None


def is_swallowed(store: Store, written: Written) -> bool:
    """Tell whether a message is a keyword that goes no further."""
    return not store.switches.keyword_is_message and _keyword(written) is not None


def _keyword(written: Written) -> str | None:
    is_plain = channel_of(written.from_) == "sms" and len(written.to) == 1
    return rules.keyword_of(written.body) if is_plain else None


def _is_answered(store: Store, sender: str) -> bool:
    senders = store.account.senders
    is_ours = senders is None or sender in senders
    return store.switches.keyword_replies == "sent" and is_ours
