"""A conversation's states over time: turns timers, activity and requests into transitions.

active ⇄ inactive by request, timer or (waking) a message; anything → closed by request or timer, which is
final and frees pairs and groups; initializing → active once participants are attached. Sources: facts on
states and timers (documented), error pages 50375–50386. Timers come in as durations and are shown as
instants.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.emulator.errors import WorldError

from . import bindings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.emulator.rows import Conversation
    from reconciler.emulator.store import Store


TIMERS = {"inactive_after_s": "date_inactive", "closed_after_s": "date_closed"}


def restart_timers(store: Store, conversation: Conversation, which: Iterable[str] = TIMERS) -> None:
    """Count these timers (the names of their durations) from now on; a timer without duration has no date."""
    dates: dict[str, int | None] = {}
    for name in which:
        after_s = getattr(conversation, name)
        dates[TIMERS[name]] = None if after_s is None else int(store.now_s() + after_s)
    store.update(conversation, **dates)
    arm(store, conversation)


def activity(store: Store, conversation: Conversation) -> None:
    """Let a message wake an inactive conversation and start its timers again."""
    if conversation.state == "inactive":
        with store.events.caused_by(replace(store.events.cause, reason="EVENT")):
            store.update(conversation, state="active", date_updated=store.today())
    if conversation.inactive_after_s is not None or conversation.closed_after_s is not None:
        restart_timers(store, conversation)


def enter(store: Store, conversation: Conversation, state: str) -> None:
    """Move a conversation to a state; the caller has checked that it may."""
    before = conversation.state
    if state == "closed":
        close(store, conversation)
        return
    store.update(conversation, state=state, date_updated=store.today())
    # Waking with a date in the past would fall asleep at once.
    if (before == "inactive" and state == "active") or store.switches.state_update_resets_timers:
        restart_timers(store, conversation)
    else:
        arm(store, conversation)


def close(store: Store, conversation: Conversation) -> None:
    """Close for good: pairs and groups are free, participants stay listed, the unique name stays taken."""
    held = list(conversation.pending)
    store.update(conversation, state="closed", date_updated=store.today(), pending=[], attach_at=None)
    for participant in store.participants(conversation):
        bindings.release(store, conversation, participant)
    for draft in held:
        release_draft(store, conversation, draft)


def release_draft(store: Store, conversation: Conversation, draft: dict[str, str | None]) -> None:
    """Give up the pair of a participant who was accepted but never attached."""
    address, proxy = draft["address"], draft["proxy_address"]
    if address is not None and proxy is not None:
        key = bindings.pair_key(store, conversation.service_sid, address, proxy)
        store.index.pairs.free(key, conversation.sid, store.now_s(), store.calls)


def hold_drafts(store: Store, conversation: Conversation) -> None:
    """Keep the pairs of participants who are accepted and not yet attached."""
    for draft in conversation.pending:
        address, proxy = draft["address"], draft["proxy_address"]
        if address is not None and proxy is not None:
            key = bindings.pair_key(store, conversation.service_sid, address, proxy)
            store.index.pairs.take(key, conversation.sid)


def arm(store: Store, conversation: Conversation) -> None:
    """Have the clock look at this conversation when something of it falls due.

    One alarm a conversation is kept, the earliest: messages push dates back far more often than dates are
    reached.
    """
    due = _next_due(conversation)
    if due is None:
        return
    alarm = store.alarms.get(conversation.sid)
    if alarm is None or due < alarm:
        store.alarms[conversation.sid] = due
        store.clock.schedule(due, partial(_ring, store, conversation.sid, due))


def _next_due(conversation: Conversation) -> float | None:
    if conversation.state == "initializing":
        return conversation.attach_at
    dates: list[float] = []
    if conversation.state == "active" and conversation.date_inactive is not None:
        dates.append(conversation.date_inactive)
    if conversation.state in ("active", "inactive") and conversation.date_closed is not None:
        dates.append(conversation.date_closed)
    return min(dates, default=None)


def _ring(store: Store, sid: str, due: float) -> None:
    if store.alarms.get(sid) != due:
        return  # an earlier alarm was set meanwhile and has taken over
    del store.alarms[sid]
    conversation = store.conversation(sid)
    if conversation is None:
        return
    _fall_due(store, conversation)
    arm(store, conversation)


def _fall_due(store: Store, conversation: Conversation) -> None:
    from .together import attach_pending

    now_s = store.now_s()
    if conversation.state == "initializing" and _reached(conversation.attach_at, now_s):
        attach_pending(store, conversation)
    if conversation.state == "active" and _reached(conversation.date_inactive, now_s):
        store.update(conversation, state="inactive", date_updated=store.today())
    if conversation.state in ("active", "inactive") and _reached(conversation.date_closed, now_s):
        close(store, conversation)


def _reached(date: float | None, now_s: float) -> bool:
    return date is not None and date <= now_s


def restore(store: Store) -> None:
    """Rebuild claims and alarms after rows were read from a file. Raises WorldError when rows are missing."""
    for rows in store.index.conversations.values():
        for conversation in rows:
            _restore(store, conversation)
    orphans = [sid for sid in store.index.participants if store.conversation(sid) is None]
    if orphans:
        raise WorldError(
            f"The world is torn: conversation {orphans[0]} has participants and is missing. The file was "
            "left as it is; move it away to begin an empty world."
        )


def _restore(store: Store, conversation: Conversation) -> None:
    if conversation.unique_name is not None:
        store.index.names.take((conversation.service_sid, conversation.unique_name), conversation.sid)
    for participant in store.participants(conversation):
        bindings.claim(store, conversation, participant)
    hold_drafts(store, conversation)
    arm(store, conversation)
