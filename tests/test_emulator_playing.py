"""Playing the conversation: what must hold for every play, under every switch."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from playing import GROUP_SENDER, NUMBERS, Play

from reconciler.emulator import Clock, Store, Switches, ask
from reconciler.emulator.control.phones import show
from reconciler.emulator.conversations.addresses import channel_of
from reconciler.emulator.playing.keywords import REPLIES
from reconciler.emulator.playing.rules import keyword_of
from reconciler.emulator.rows import ChannelMessage, Message, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VARIANTS = Switches.variants() | {f"drawn={n}": Switches.drawn(n) for n in range(8)}
DAY_S = 24 * 3600


@pytest.fixture(scope="module", params=[f"{name}-{seed}" for name in VARIANTS for seed in range(2)])
def play(request: pytest.FixtureRequest) -> Play:
    """Return a play of 250 steps under one switch."""
    name, _, seed = str(request.param).rpartition("-")
    return Play(int(seed), VARIANTS[name]).run(250)


def carried(play: Play, direction: str) -> Iterator[ChannelMessage]:
    for row in play.store.index.rows.values():
        if isinstance(row, ChannelMessage) and row.direction == direction and not is_reply(row):
            yield row


def is_reply(row: ChannelMessage) -> bool:
    return row.reason == "keyword_reply"


def messages(play: Play) -> Iterator[Message]:
    return (row for row in play.store.index.rows.values() if isinstance(row, Message))


def test_what_is_written_is_in_one_conversation_or_nowhere_with_a_reason(play: Play) -> None:
    """Every inbound message has exactly one place."""
    rows = list(carried(play, "inbound"))
    placed = [row.message_sid for row in rows if row.message_sid]

    assert len(rows) > 20
    assert all((row.message_sid is None) != (row.reason is None) for row in rows)
    assert len(set(placed)) == len(placed)
    for row in rows:
        message = play.store.index.rows.get(row.message_sid or "")
        if isinstance(message, Message):
            expected = (row.from_, row.participant_sid, row.conversation_sid, row.body)
            assert (
                message.author,
                message.participant_sid,
                message.conversation_sid,
                message.body,
            ) == expected


def test_everybody_hears_from_their_own_proxy_only(play: Play) -> None:
    """The sender shown on a handset is that of the participant it belongs to, or the group's."""
    for row in carried(play, "outbound"):
        who = play.pairs[row.participant_sid or ""]
        assert row.address == who["MessagingBinding.Address"]
        if proxy := who.get("MessagingBinding.ProxyAddress"):
            assert (row.from_, row.peer, row.to) == (proxy, proxy, [row.address])
        else:
            assert GROUP_SENDER in (row.from_, *row.to)


def test_replies_to_keywords_are_nobodys_messages(play: Play) -> None:
    """Each comes from the sender a keyword went to, in no conversation, with no receipt; off by switch."""
    rows = play.store.index.rows.values()
    replies = [row for row in rows if isinstance(row, ChannelMessage) and is_reply(row)]
    receipts = {row.channel_message_sid for row in rows if isinstance(row, Receipt)}
    asked = Counter((row.from_, row.peer) for row in carried(play, "inbound") if keyword_of(row.body))

    assert not replies or play.store.switches.keyword_replies == "sent"
    assert receipts.isdisjoint(row.sid for row in replies)
    for row in replies:
        assert (row.direction, row.from_, row.to) == ("outbound", row.peer, [row.address])
        assert (row.conversation_sid, row.message_sid, row.participant_sid) == (None, None, None)
        assert row.body in REPLIES.values()
    assert Counter((row.address, row.peer) for row in replies) <= asked


def test_no_address_of_another_party_reaches_a_handset(play: Play) -> None:
    """The mask: outside groups nothing on a screen holds anyone else's number."""
    for phone in play.store.phones:
        view = show(phone)
        view["threads"] = [one for one in view["threads"] if "," not in one["sender"]]
        text = json.dumps(view)
        assert [number for number in NUMBERS if number != phone.number and number in text] == []


def test_indexes_rise(play: Play) -> None:
    """The index of messages rises strictly in every conversation, and with time."""
    for rows in play.store.index.messages.values():
        indexes = [row.index for row in rows]
        assert indexes == sorted(set(indexes))
        assert [row.seq for row in rows] == sorted(row.seq for row in rows)


def test_nobody_gets_their_own_words(play: Play) -> None:
    """A message goes once to each recipient, and not to its author."""
    for row in carried(play, "outbound"):
        message = play.store.index.rows.get(row.message_sid or "")
        assert not isinstance(message, Message) or message.participant_sid != row.participant_sid
    ways = [(row.message_sid, row.participant_sid) for row in carried(play, "outbound")]
    assert len(set(ways)) == len(ways)


PASSED = {"delivered": ["sent"], "read": ["sent", "delivered"]}


def test_totals_are_those_of_the_receipts(play: Play) -> None:
    """`delivery` is null without receipts, else it counts them; a receipt says what its channel does."""
    exact = play.store.switches.delivery_totals == "latest"
    for message in messages(play):
        receipts = list(play.store.receipts(message))
        path = f"/Conversations/{message.conversation_sid}/Messages/{message.sid}"
        service = play.store.conversation(message.conversation_sid).service_sid  # type: ignore[union-attr]
        shown = ask(play.store, "GET", f"/Services/{service}{path}")[1]["delivery"]
        assert message.recipients == len(receipts)
        if not receipts:
            assert shown is None
            continue
        passed = [
            [row.status, *([] if exact else PASSED.get(row.status or "", []))]
            for row in receipts
            if row.status
        ]
        for name in ("sent", "delivered", "read", "failed", "undelivered"):
            count = sum(name in one for one in passed)
            assert shown[name] == ("none" if not count else "all" if count == len(receipts) else "some")
        assert shown["total"] == len(receipts)
        for row in receipts:
            leg = play.store.index.rows[row.channel_message_sid]
            assert isinstance(leg, ChannelMessage)
            assert (leg.status, leg.error_code, leg.receipt_sid) == (
                row.status or "queued",
                row.error_code,
                row.sid,
            )


def test_the_window_is_a_day_from_the_last_word(play: Play) -> None:
    """On WhatsApp only approved templates arrive later than 24 hours after the user wrote to that sender."""
    last: dict[tuple[str, str], int] = {}
    met = 0
    rows = [row for row in play.store.index.rows.values() if isinstance(row, ChannelMessage)]
    for row in sorted(rows, key=lambda row: row.seq):
        if row.direction == "inbound":
            last[row.address, row.peer] = row.date_created
        elif channel_of(row.address) == "whatsapp" and row.receipt_sid:
            inside = row.date_created - last.get((row.address, row.peer), -DAY_S) < DAY_S
            refused = row.error_code in (63016, 63027)
            assert refused == (not inside and row.content_sid != play.approved)
            assert not refused or row.status == play.store.switches.window_status
            met += 1
    assert met > 5


def test_who_is_offline_gets_nothing(play: Play) -> None:
    """What waits is sent and not delivered, and it waits only for who is offline, or on its way."""
    delay_s = play.store.switches.delivery_delay_s
    for row in carried(play, "outbound"):
        if row.status == "sent" and (row.due_s is None or not delay_s):
            assert not play.store.phones[row.address].online
        assert row.status != "queued"


def test_every_receipt_tells_its_way_in_events(play: Play) -> None:
    """A receipt's event comes for each status once, sent first; nothing follows a failure."""
    ways: dict[str, list[str]] = {}
    for event in play.store.events.since(0):
        if event.type == "onDeliveryUpdated":
            ways.setdefault(event.data["DeliveryReceiptSid"], []).append(event.data["Status"])
    allowed = {"sent": 0, "delivered": 1, "read": 2}
    for way in ways.values():
        places = [allowed.get(one, 0) for one in way]
        assert places == list(range(len(way)))


def test_events_are_numbered_in_order(play: Play) -> None:
    """Numbers rise by one, time never falls, and a reader who joins later misses nothing."""
    events = play.store.events.since(0)

    assert [one.id for one in events] == list(range(1, len(events) + 1))
    assert all(a.at_s <= b.at_s for a, b in itertools.pairwise(events))
    assert play.store.events.since(len(events) - 3) == events[-3:]


LAGS = [f"{what}_release_lag_{unit}" for what in ("pair", "name") for unit in ("s", "calls")]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_play_can_be_repeated(name: str) -> None:
    """Same seed, same play, same rows, to the letter; and another seed plays otherwise."""
    first, second = (Play(3, VARIANTS[name]).run(120) for _ in range(2))

    assert first.rows() == second.rows()
    assert first.store.events.since(0) == second.store.events.since(0)
    assert Play(4, VARIANTS[name]).run(120).rows() != first.rows()


LASTING = [name for name in VARIANTS if not any(getattr(VARIANTS[name], lag) for lag in LAGS)]


@pytest.mark.parametrize("name", LASTING)
def test_reopening_the_world_changes_nothing(name: str, tmp_path: Path) -> None:
    """Closed and opened again every few steps, a play ends as it does in one go."""
    whole = Play(5, VARIANTS[name]).run(90)
    parts = Play(5, VARIANTS[name], tmp_path / "world.db")
    for _ in range(6):
        before = parts.run(15).rows()
        parts.reopen()
        assert parts.rows() == before

    assert parts.rows() == whole.rows()
    assert parts.store.events.last == whole.store.events.last
    parts.store.close()


def counted(deed: Callable[[], Any]) -> int:
    """Return how many functions a deed calls, built-in ones too."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        deed()
    finally:
        sys.setprofile(None)
    return calls


def crowded(conversations: int) -> Store:
    store = Store(clock=Clock.frozen())
    for n in range(conversations):
        ask(store, "POST", "/Conversations", {"UniqueName": f"c{n}"})
        for address in (f"+15551{n:06}", f"+15552{n:06}"):
            form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": "+15550100200"}
            ask(store, "POST", f"/Conversations/c{n}/Participants", form)
    return store


def test_routing_costs_the_same_in_any_crowd() -> None:
    """Operations for one inbound message do not grow with the number of conversations."""
    costs = []
    for size in (5, 1000):
        store = crowded(size)
        store.phones.send("+15551000001", "+15550100200", "first")
        costs.append(counted(lambda store=store: store.phones.send("+15551000001", "+15550100200", "hi")))  # type: ignore[misc]

    assert abs(costs[0] - costs[1]) <= 3, costs
