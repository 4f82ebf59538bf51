"""One conversation of a world → what was played in it: who is there, steps in order, what cannot be told.

Messages are told from rows, which are kept; their order, who was offline when, and what an application did
beside posting from the events of this process. Whatever is missing for an exact play is a note.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.emulator.playing import rules
from reconciler.emulator.rows import Message

from .players import Players

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.emulator.events import Event
    from reconciler.emulator.rows import ChannelMessage, Conversation, Participant
    from reconciler.emulator.store import Store

_ARRIVED = ("delivered", "read")
_REFUSED = ("failed", "undelivered")
_MEDIA = "https://example.com/"
_LEAST_GAP_S = 60
"""Where time runs by itself, shorter gaps are collected until they make a step."""
_UNITS_S = {"h": 3_600, "m": 60, "s": 1}

Order = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its words, and what stands behind them; None for nothing."""

    words: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario file says."""

    title: str
    conversation: str
    environment: str
    given: dict[str, Any] | None
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """A step, and when: events by their number come after all that no event is known of."""

    order: Order
    at_s: float
    step: Step


@dataclass(slots=True)
class _Film:
    """What is known of one conversation while its steps are put together."""

    store: Store
    conversation: Conversation
    players: Players
    events: list[Event]
    arrival: dict[str, Event] = field(default_factory=dict)
    """By the SID of a message on its channel: the event with which it got its place, or its end."""
    posting: dict[str, Event] = field(default_factory=dict)
    """By the SID of a message of the conversation: its event."""
    notes: dict[str, None] = field(default_factory=dict)


def of(store: Store, conversation: Conversation) -> Played:
    """Return what was played in a conversation since it was created."""
    players = Players.of(store, conversation)
    film = _Film(store, conversation, players, store.events.since(0))
    _index(film)
    items = sorted([*_messages(film), *_happenings(film)], key=lambda one: one.order)
    _note_what_is_missing(film)
    steps = [*_timed(film, items), *_endings(film)]
    title = conversation.friendly_name or conversation.unique_name or conversation.sid
    return Played(
        title,
        players.conversation,
        players.environment,
        players.given(conversation),
        tuple(steps),
        (*players.notes, *film.notes),
    )


def _index(film: _Film) -> None:
    for event in film.events:
        data = event.data
        if event.type == "onMessageAdded":
            film.posting[data["MessageSid"]] = event
        elif event.type == "phone.message" and data["status"] != "sent":
            film.arrival.setdefault(data["sid"], event)


# --- messages ----------------------------------------------------------------------------------------------


def _messages(film: _Film) -> Iterator[_Item]:
    written = set()
    for player in film.players:
        for row in film.store.index.channel_messages.get(player.row.address or "", ()):
            if row.peer != player.thread or row.seq < player.row.seq:  # of the time before they joined
                continue
            if row.direction == "inbound":
                written.add(row.message_sid)
                yield _said(film, player.key, row)
            elif row.conversation_sid == film.conversation.sid:
                yield from _received(film, player.key, row)
    for message in film.store.messages(film.conversation):
        if message.sid not in written:
            yield _posted(film, message)


def _said(film: _Film, who: str, row: ChannelMessage) -> _Item:
    value: dict[str, Any] = {"text": row.body, "subject": row.subject, "media": _media(row.media)}
    elsewhere = row.conversation_sid != film.conversation.sid
    message = film.store.index.rows.get(row.message_sid or "")
    if isinstance(message, Message) and message.body != row.body:
        film.notes["what a webhook, or an application, made of a message"] = None
    event = film.posting.get(row.message_sid or "") or film.arrival.get(row.sid)
    value["reaches"] = "nobody" if elsewhere else None
    return _item(row.seq, row.date_created, event, Step(f"{who} says", _short(value)))


def _received(film: _Film, who: str, row: ChannelMessage) -> Iterator[_Item]:
    """Give what somebody saw, or did not get; nothing of what is still under way."""
    event = film.arrival.get(row.sid)
    text = None if row.content_sid else row.body
    media = None if row.content_sid else _media(row.media)
    value: dict[str, Any] = {"text": text, "content_sid": row.content_sid, "media": media}
    if row.status in _ARRIVED:
        yield _item(row.seq, row.date_created, event, Step(f"{who} sees", _short(value)))
    elif row.status in _REFUSED:
        value["code"] = row.error_code
        yield _item(row.seq, row.date_created, event, Step(f"{who} misses", _short(value)))


def _posted(film: _Film, message: Message) -> _Item:
    who = film.players.author(message.author)
    event = film.posting.get(message.sid)
    asked = event is not None and event.cause.source == "API" and event.cause.webhooks
    value = {
        "text": None if message.content_sid else message.body,
        "subject": message.subject,
        "content_sid": message.content_sid,
        "content_variables": _json(message.content_variables),
        "media_sid": message.media_sid,
        "author": None if who or message.author == "system" else message.author,
        "webhooks": True if asked else None,
    }
    if message.content_sid:
        film.notes["the templates that messages were made of"] = None
    if message.participant_sid and not film.players.has(message.participant_sid):
        film.notes["messages of somebody who has left"] = None
    step = Step(f"{who or 'system'} posts", _short(value))
    return _item(message.seq, message.date_created, event, step)


def _item(seq: int, date: int, event: Event | None, step: Step) -> _Item:
    return _Item((0, seq), date, step) if event is None else _Item((1, event.id), event.at_s, step)


def _short(value: dict[str, Any]) -> Any:
    """Return what is there of a map; only a text stands for itself."""
    found = {name: one for name, one in value.items() if one is not None}
    return found["text"] if found.keys() == {"text"} and found["text"] else found


def _media(media: list[dict[str, Any]]) -> list[str] | None:
    return [f"{_MEDIA}{one['filename'] or ''}" for one in media] or None


def _json(text: str | None) -> Any:
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


# --- what else happened ------------------------------------------------------------------------------------


def _happenings(film: _Film) -> Iterator[_Item]:
    """Give what events tell of handsets and of the conversation since it was there."""
    sid, online = film.conversation.sid, dict.fromkeys((one.row.address for one in film.players), True)
    there = False
    for event in film.events:
        data = event.data
        there = there or (event.type == "onConversationAdded" and data["ConversationSid"] == sid)
        if event.type == "phone.changed" and data["address"] in online:
            if data["online"] != online[data["address"]]:
                yield from _switched(film, event, there=there)
            online[data["address"]] = data["online"]
        elif event.type == "phone.message" and data["status"] == "read" and data["conversation_sid"] == sid:
            yield from _read(film, event)
        elif event.type == "onConversationStateUpdated" and data["ConversationSid"] == sid:
            verb = "becomes" if event.cause.reason == "API" else "is"
            yield _Item((1, event.id), event.at_s, Step(f"conversation {verb}", data["StateTo"]))
    if not there:
        film.notes["what was done beside writing before the emulator was started"] = None


def _switched(film: _Film, event: Event, *, there: bool) -> Iterator[_Item]:
    who = film.players.by_address(event.data["address"])
    if not there:  # it began so: at the start of the play, and undone there where it was
        start_s = film.conversation.date_created
        yield _Item((-1, event.id), start_s, Step(f"{who} goes_{_way(event)}"))
    else:
        yield _Item((1, event.id), event.at_s, Step(f"{who} goes_{_way(event)}"))


def _way(event: Event) -> str:
    return "online" if event.data["online"] else "offline"


def _read(film: _Film, event: Event) -> Iterator[_Item]:
    thread = (event.data["address"], event.data["peer"])
    who = next((one.key for one in film.players if (one.row.address, one.thread) == thread), None)
    if who is not None:
        yield _Item((1, event.id), event.at_s, Step(f"{who} reads"))


# --- time, the end, and what is missing --------------------------------------------------------------------


def _timed(film: _Film, items: list[_Item]) -> Iterator[Step]:
    """Give the steps with the time between them; who reads twice in a row reads once."""
    least_s = 1 if film.store.clock.mode == "frozen" else _LEAST_GAP_S
    reached_s, last = film.conversation.date_created, Step("")
    for item in items:
        gap_s = int(item.at_s) - reached_s
        if gap_s >= least_s:
            reached_s += gap_s
            yield Step("advance", _duration(gap_s))
        elif item.step == last and last.words.endswith(" reads"):
            continue
        last = item.step
        yield item.step


def _duration(seconds: int) -> str:
    unit = next(unit for unit, size in _UNITS_S.items() if seconds % size == 0)
    return f"{seconds // _UNITS_S[unit]}{unit}"


def _endings(film: _Film) -> Iterator[Step]:
    """Give what closes a play: nobody saw more than that; where nobody can see, how the conversation ends."""
    found = [Step(f"{one.key} sees_nothing") for one in film.players]
    return iter(found or [Step("conversation is", film.conversation.state)])


def _note_what_is_missing(film: _Film) -> None:
    store, conversation, notes = film.store, film.conversation, film.notes
    first = min((row.seq for row in _rows(film)), default=None)
    late = [one for one in store.participants(conversation) if first is not None and one.seq > first]
    if late:
        notes["that somebody joined later than the first message"] = None
    for event in film.events:
        if event.data.get("ConversationSid") != conversation.sid:
            continue
        if event.type == "onParticipantRemoved":
            notes["that somebody has left"] = None
        elif event.type in ("onMessageRemoved", "onMessageUpdated"):
            notes["that a message was changed or deleted later"] = None
    for player in film.players:
        if _has_past(film, player.row, player.thread):
            notes["what somebody had written to their sender before they were there"] = None


def _rows(film: _Film) -> Iterator[ChannelMessage | Message]:
    yield from film.store.messages(film.conversation)
    for player in film.players:
        for row in film.store.index.channel_messages.get(player.row.address or "", ()):
            if row.conversation_sid == film.conversation.sid:
                yield row


def _has_past(film: _Film, row: Participant, thread: str) -> bool:
    """Tell whether a window was open, or an opt-out in force, when somebody joined."""
    known = film.store.index.channel_messages.get(row.address or "", ())
    before = [one for one in known if one.direction == "inbound" and one.peer == thread and one.seq < row.seq]
    if not before:
        return False
    keywords = [word for one in before if (word := rules.keyword_of(one.body)) in ("stop", "start")]
    is_open = rules.is_open(float(before[-1].date_created), float(row.date_created))
    return is_open or keywords[-1:] == ["stop"]
