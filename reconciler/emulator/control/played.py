"""One conversation of a world → what was played in it: who is there, steps in order, what cannot be told.

Messages are told from rows, which are kept; their order, who was offline when, and what an application did
beside posting from the events of this process. Whatever is missing for an exact play is a note.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.playing import rules
from reconciler.emulator.rows import Message

from .players import Players

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.emulator.events import Event
    from reconciler.emulator.rows import ChannelMessage, Conversation, Participant
    from reconciler.emulator.store import Store

    from .players import Player

_ARRIVED = ("delivered", "read")
_REFUSED = ("failed", "undelivered")
_MEDIA = "https://example.com/"
_MINUTE_S = 60
"""Where time runs by itself only whole minutes make a step; what is left of them is collected."""
_UNITS_S = {"h": 3_600, "m": 60, "s": 1}

_STOP: tuple[Any, ...] = ("STOP", {"text": "STOP", "reaches": "nobody"})
"""What the button on a handset sends, wherever it ends."""

Order = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Beat:
    """One step of the file: its words, and what stands behind them; None for nothing."""

    words: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario file says."""

    title: str
    conversation: str
    environment: str
    given: dict[str, Any] | None
    steps: tuple[Beat, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """A step, and when: events by their number come after all that no event is known of."""

    order: Order
    at_s: float
    beat: Beat


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
    joining: dict[str, Event] = field(default_factory=dict)
    """By the SID of a participant."""
    notes: dict[str, None] = field(default_factory=dict)
    begin: Order = (0, 0)
    """Where the play begins: the first row that is told, and the last event that is not."""
    begin_s: int = 0


def of(store: Store, conversation: Conversation) -> Played:
    """Return what was played in a conversation since it was created."""
    players = Players.of(store, conversation)
    film = _Film(store, conversation, players, store.events.since(0))
    _index(film)
    _begin(film)
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
        elif event.type == "onParticipantAdded":
            film.joining[data["ParticipantSid"]] = event
        elif event.type == "phone.message" and data["status"] != "sent":
            film.arrival.setdefault(data["sid"], event)


def _begin(film: _Film) -> None:
    """Let the play begin with the present masks: nobody can say again what was said behind former ones."""
    film.begin_s = film.conversation.date_created
    changed: dict[str, bool] = {}
    for player in film.players:
        former = [row for row in _of_conversation(film, player) if _is_former(film, player, row)]
        if not former:
            continue
        changed[player.key] = any(row.peer != player.thread for row in former)
        row, joined = player.row, film.joining.get(player.row.sid)
        begin_s = max(row.date_created, former[-1].date_created)
        ends = [film.posting.get(one.message_sid or "") for one in former]
        last = max((event.id for event in (joined, *ends) if event), default=0)
        seq = max(row.seq, former[-1].seq + 1)
        film.begin = (max(film.begin[0], seq), max(film.begin[1], last))
        film.begin_s = max(film.begin_s, begin_s)
    if changed:
        names = ", ".join(changed)
        what = f"the mask of {names} changed" if any(changed.values()) else f"{names} joined once more"
        film.notes[f"what was said before {what}"] = None


def _is_former(film: _Film, player: Player, row: ChannelMessage) -> bool:
    """Tell whether a message is of a mask, or of a participant, that this person had before."""
    if row.participant_sid == player.row.sid:
        return row.peer != player.thread
    return row.participant_sid is not None and not film.players.has(row.participant_sid)


def _of_conversation(film: _Film, player: Player) -> Iterator[ChannelMessage]:
    for row in film.store.index.channel_messages.get(player.row.address or "", ()):
        if row.conversation_sid == film.conversation.sid:
            yield row


# --- messages ----------------------------------------------------------------------------------------------


def _messages(film: _Film) -> Iterator[_Item]:
    told = list(_threads(film))
    said = {row.message_sid for _, row in told if row.direction == "inbound"}
    lost = _by_handsets(film) - said
    for player, row in told:
        if row.direction == "inbound":
            yield _said(film, player, row)
        elif row.conversation_sid == film.conversation.sid and row.message_sid not in lost:
            yield from _received(film, player.key, row)
    for message in film.store.messages(film.conversation):
        if message.seq < film.begin[0] or message.sid in said:
            continue
        if message.sid in lost:
            film.notes["messages of somebody who has left"] = None
        else:
            yield _posted(film, message)


def _threads(film: _Film) -> Iterator[tuple[Player, ChannelMessage]]:
    """Give what there is in everybody's thread of this conversation since the play began."""
    for player in film.players:
        for row in film.store.index.channel_messages.get(player.row.address or "", ()):
            is_late = row.seq >= film.begin[0] and not _is_earlier(film, row, player.row)
            if row.peer == player.thread and is_late:
                yield player, row


def _by_handsets(film: _Film) -> set[str | None]:
    """Return the messages of the conversation that people wrote on handsets, whoever they are."""
    rows = chain.from_iterable(film.store.index.channel_messages.values())
    sid = film.conversation.sid
    return {row.message_sid for row in rows if row.direction == "inbound" and row.conversation_sid == sid}


def _said(film: _Film, player: Player, row: ChannelMessage) -> _Item:
    value: dict[str, Any] = {"text": row.body, "subject": row.subject, "media": _media(row.media)}
    elsewhere = row.conversation_sid != film.conversation.sid
    message = film.store.index.rows.get(row.message_sid or "")
    if isinstance(message, Message) and message.body != row.body:
        film.notes["what a webhook, or an application, made of a message"] = None
    event = film.posting.get(row.message_sid or "") or film.arrival.get(row.sid)
    value["reaches"] = "nobody" if elsewhere else None
    is_button = _short(value) in _STOP and player.row.proxy_address and channel_of(row.address) == "sms"
    beat = Beat(f"{player.key} stops") if is_button else Beat(f"{player.key} says", _short(value))
    return _item(row.seq, row.date_created, event, beat)


def _received(film: _Film, who: str, row: ChannelMessage) -> Iterator[_Item]:
    """Give what somebody saw, or did not get; nothing of what is still under way."""
    event = film.arrival.get(row.sid)
    text = None if row.content_sid else row.body
    media = None if row.content_sid else _media(row.media)
    value: dict[str, Any] = {"text": text, "content_sid": row.content_sid, "media": media}
    if row.status in _ARRIVED:
        yield _item(row.seq, row.date_created, event, Beat(f"{who} sees", _short(value)))
    elif row.status in _REFUSED:
        value["code"] = row.error_code
        yield _item(row.seq, row.date_created, event, Beat(f"{who} misses", _short(value)))


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
    beat = Beat(f"{who or 'system'} posts", _short(value))
    return _item(message.seq, message.date_created, event, beat)


def _item(seq: int, date: int, event: Event | None, beat: Beat) -> _Item:
    return _Item((0, seq), date, beat) if event is None else _Item((1, event.id), event.at_s, beat)


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
        has_begun = there and event.id > film.begin[1]
        if event.type == "phone.changed" and data["address"] in online:
            if data["online"] != online[data["address"]]:
                yield from _switched(film, event, has_begun=has_begun)
            online[data["address"]] = data["online"]
        elif event.id <= film.begin[1]:
            continue
        elif event.type == "phone.message" and data["status"] == "read" and data["conversation_sid"] == sid:
            yield from _read(film, event)
        elif event.type == "onConversationStateUpdated" and data["ConversationSid"] == sid:
            verb = "becomes" if event.cause.reason == "API" else "is"
            yield _Item((1, event.id), event.at_s, Beat(f"conversation {verb}", data["StateTo"]))
    if not there:
        film.notes["what was done beside writing before the emulator was started"] = None


def _switched(film: _Film, event: Event, *, has_begun: bool) -> Iterator[_Item]:
    who = film.players.by_address(event.data["address"])
    if not has_begun:  # it began so: at the start of the play, and undone there where it was
        yield _Item((-1, event.id), film.begin_s, Beat(f"{who} goes_{_way(event)}"))
    else:
        yield _Item((1, event.id), event.at_s, Beat(f"{who} goes_{_way(event)}"))


def _way(event: Event) -> str:
    return "online" if event.data["online"] else "offline"


def _read(film: _Film, event: Event) -> Iterator[_Item]:
    thread = (event.data["address"], event.data["peer"])
    who = next((one.key for one in film.players if (one.row.address, one.thread) == thread), None)
    if who is not None:
        yield _Item((1, event.id), event.at_s, Beat(f"{who} reads"))


# --- time, the end, and what is missing --------------------------------------------------------------------


def _timed(film: _Film, items: list[_Item]) -> Iterator[Beat]:
    """Give the steps with the time between them; who reads twice in a row reads once."""
    is_frozen = film.store.clock.mode == "frozen"
    reached_s, last = film.begin_s if is_frozen else _first_s(film, items), Beat("")
    for item in items:
        gap_s = max(int(item.at_s) - reached_s, 0)
        if not is_frozen and not _is_by_time(item.beat):
            gap_s -= gap_s % _MINUTE_S
        if gap_s:
            reached_s += gap_s
            yield Beat("advance", _duration(gap_s))
        elif item.beat == last and last.words.endswith(" reads"):
            continue
        last = item.beat
        yield item.beat


def _first_s(film: _Film, items: list[_Item]) -> int:
    """Return when the first thing was done: nobody waits for it once more, but for what time itself does."""
    first = next((one for one in items if one.order >= (0, 0)), None)
    return film.begin_s if first is None or _is_by_time(first.beat) else int(first.at_s)


def _is_by_time(beat: Beat) -> bool:
    return beat.words == "conversation is"


def _duration(seconds: int) -> str:
    """Return a duration as people write it: 25h, 59s, 25h1m."""
    found = ""
    for unit, size in _UNITS_S.items():
        count, seconds = divmod(seconds, size)
        found += f"{count}{unit}" if count else ""
    return found


def _endings(film: _Film) -> Iterator[Beat]:
    """Give what closes a play: nobody saw more than that; where nobody can see, how the conversation ends."""
    found = [Beat(f"{one.key} sees_nothing") for one in film.players]
    return iter(found or [Beat("conversation is", film.conversation.state)])


def _note_what_is_missing(film: _Film) -> None:
    store, conversation, notes = film.store, film.conversation, film.notes
    told = [row.seq for row in _rows(film) if row.seq >= film.begin[0] and not _has_made(film, row)]
    late = [one for one in store.participants(conversation) if told and one.seq > min(told)]
    if late:
        notes["that somebody joined later than the first message"] = None
    for event in film.events:
        if event.data.get("ConversationSid") != conversation.sid or event.id <= film.begin[1]:
            continue
        if event.type == "onParticipantRemoved":
            notes["that somebody has left"] = None
        elif event.type in ("onMessageRemoved", "onMessageUpdated"):
            notes["that a message was changed or deleted later"] = None
    for player in film.players:
        if _has_past(film, player):
            notes["what somebody had written to their sender before they were there"] = None


def _rows(film: _Film) -> Iterator[ChannelMessage | Message]:
    yield from film.store.messages(film.conversation)
    for player in film.players:
        yield from _of_conversation(film, player)


def _has_past(film: _Film, player: Player) -> bool:
    """Tell whether a window was open, or an opt-out in force, when somebody joined."""
    row = player.row
    known = film.store.index.channel_messages.get(row.address or "", ())
    written = [one for one in known if one.direction == "inbound" and one.peer == player.thread]
    before = [one for one in written if _is_earlier(film, one, row)]
    if not before:
        return False
    keywords = [word for one in before if (word := rules.keyword_of(one.body)) in ("stop", "start")]
    is_open = rules.is_open(float(before[-1].date_created), float(row.date_created))
    return is_open or keywords[-1:] == ["stop"]


def _is_earlier(film: _Film, row: ChannelMessage, participant: Participant) -> bool:
    """Tell whether a message is of the time before somebody joined, and not what they joined by."""
    return row.seq < participant.seq and not _has_made(film, row)


def _has_made(film: _Film, row: ChannelMessage | Message) -> bool:
    """Tell whether this is the message that the conversation was created for."""
    return row.conversation_sid == film.conversation.sid and row.seq < film.conversation.seq
