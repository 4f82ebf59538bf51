"""Handsets, one rule at a time: who hears what from whom, and what becomes of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from contents import GREETED, approved

from reconciler.emulator import Account, Clock, Request, Store, Switches, ask
from reconciler.emulator.control.phones import show
from reconciler.emulator.control.routes import control
from reconciler.emulator.playing.keywords import REPLIES
from reconciler.emulator.playing.phones import PhoneError
from reconciler.emulator.playing.rules import keyword_of, legs, totals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROBERT, ALICIA, CARL = "whatsapp:+15550100301", "+15550100302", "+15550100303"
WA, SMS, OTHER_SMS = "whatsapp:+15550100200", "+15550100201", "+15550100202"
HOUR_S = 3600


@pytest.fixture
def store() -> Store:
    """Return a world with Robert on WhatsApp and Alicia on SMS in conversation `order`."""
    return stage()


def stage(switches: Switches | None = None, **options: Any) -> Store:
    store = Store(clock=Clock.frozen(), switches=switches, **options)
    call(store, "POST", "/Conversations", {"UniqueName": "order", "FriendlyName": "Order"})
    for address, proxy in ((ROBERT, WA), (ALICIA, SMS)):
        join(store, "order", address, proxy)
    return store


def call(store: Store, method: str, path: str, form: Any = None) -> Any:
    status, body = ask(store, method, path, form)
    assert status < 400, body
    return body


def join(store: Store, name: str, address: str, proxy: str) -> Any:
    form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
    return call(store, "POST", f"/Conversations/{name}/Participants", form)


def post(store: Store, body: str, **form: str) -> Any:
    return call(store, "POST", "/Conversations/order/Messages", {"Body": body, **form})


def delivery(store: Store, message: Any) -> dict[str, Any]:
    found: dict[str, Any] = call(store, "GET", f"/Conversations/order/Messages/{message['sid']}")["delivery"]
    return found


def seen(store: Store, address: str) -> list[tuple[str, str | None]]:
    return [(row.from_, row.body) for row in store.phones[address].messages]


def events(store: Store, *names: str) -> list[Any]:
    return [event for event in store.events.since(0) if event.type in names]


# --- who hears what ----------------------------------------------------------------------------------------


def test_a_message_crosses_channels_behind_the_mask(store: Store) -> None:
    """WhatsApp to SMS and back: each sees only the number of ours they wrote to."""
    sent = store.phones.send(ROBERT, WA, "Is anybody there?")
    store.phones.send(ALICIA, SMS, "At the door")
    rows = call(store, "GET", "/Conversations/order/Messages")["messages"]

    assert sent.conversation_sid == rows[0]["conversation_sid"]
    assert seen(store, ALICIA) == [(SMS, "Is anybody there?"), (ALICIA, "At the door")]
    assert seen(store, ROBERT) == [(ROBERT, "Is anybody there?"), (WA, "At the door")]
    assert [(row["index"], row["author"]) for row in rows] == [(0, ROBERT), (1, ALICIA)]
    assert rows[0]["participant_sid"] == sent.participant_sid


def test_system_and_strangers_leave_nobody_out(store: Store) -> None:
    """An author who is in the conversation does not hear themselves; anyone else speaks to all."""
    store.phones.send(ROBERT, WA, "hi")
    for author in ("system", "somebody", ROBERT):
        post(store, author, Author=author)

    assert [body for _, body in seen(store, ALICIA)] == ["hi", "system", "somebody", ROBERT]
    assert [body for _, body in seen(store, ROBERT)] == ["hi", "system", "somebody"]


def test_chat_users_have_no_receipts(store: Store) -> None:
    """A chat user is told by the API; `delivery` counts only who is reached by a channel."""
    call(store, "POST", "/Conversations/order/Participants", {"Identity": "desk"})
    message = post(store, "hi", Author="desk", ContentSid=approved(store))

    assert delivery(store, message)["total"] == 2
    assert [row["identity"] for row in call(store, "GET", "/Users")["users"]] == ["desk"]


def test_an_attachment_may_say_what_it_is(store: Store) -> None:
    """Type, size and name are kept as given, in the message, for webhooks and on the other handset."""
    given = {"url": "https://example.com/1", "content_type": "image/png", "size": 7, "filename": "door.png"}
    sent = store.phones.send(ROBERT, WA, media=[given, "https://example.com/2.pdf"])
    message = call(store, "GET", f"/Conversations/order/Messages/{sent.message_sid}")
    told = [{name: value for name, value in one.items() if name != "sid"} for one in message["media"]]

    assert told == [
        {"content_type": "image/png", "size": 7, "filename": "door.png"},
        {"content_type": "application/pdf", "size": 0, "filename": "2.pdf"},
    ]
    assert store.phones[ALICIA].messages[-1].media == message["media"]
    assert json.loads(events(store, "onMessageAdded")[-1].data["Media"])[0]["size"] == 7


@pytest.mark.parametrize(
    ("medium", "where"),
    [
        ({}, "media[0].url: is missing"),
        ({"url": "https://example.com/", "moons": 2}, "media[0].moons: is not known here"),
        ({"url": "https://example.com/", "size": -1}, "media[0].size: is not a number of bytes"),
        ({"url": "https://example.com/", "size": True}, "media[0].size: is not a number of bytes"),
        ({"url": "https://example.com/", "filename": 3}, "media[0].filename: is not text"),
        (3, "media[0]: is neither a URL nor"),
    ],
)
def test_an_attachment_that_is_none(store: Store, medium: Any, where: str) -> None:
    """It is refused with the name of the field, and nothing is sent."""
    with pytest.raises(PhoneError, match=re.escape(where)):
        store.phones.send(ROBERT, WA, media=[medium])

    assert store.phones[ROBERT].all() == []


def test_half_a_character_is_no_text(store: Store) -> None:
    """JSON can say it, and no receiver, file or webhook could hold it: refused, in process and over HTTP."""
    with pytest.raises(PhoneError, match="half a character"):
        store.phones.send(ROBERT, WA, "\ud83d")
    for name in ("body", "subject"):
        sent = {"from": ROBERT, "to": WA, "body": "hi", name: "\ud83d"}
        status, told = admin(store, "POST", "phones/send", json.dumps(sent))
        assert (status, told["message"]) == (400, f"{name}: is not text, it has half a character")

    assert store.phones[ROBERT].all() == []


def test_media_and_subject_travel(store: Store) -> None:
    """A picture from a handset is shown in the message and on the other handset."""
    sent = store.phones.send(ROBERT, WA, media=["https://example.com/door.jpg"], subject="Look")
    message = call(store, "GET", f"/Conversations/order/Messages/{sent.message_sid}")
    received = store.phones[ALICIA].messages[-1]

    assert sent.sid.startswith("WA")
    assert received.sid.startswith("MM")
    assert message["body"] is None
    assert [(one["content_type"], one["filename"]) for one in message["media"]] == [
        ("image/jpeg", "door.jpg")
    ]
    assert (received.media, received.subject) == (message["media"], "Look")
    assert '"image/jpeg"' in events(store, "onMessageAdded")[0].data["Media"]


# --- receipts ----------------------------------------------------------------------------------------------


def test_statuses_follow_the_handsets(store: Store) -> None:
    """Sent while offline, delivered when online, read when read; none before the answer to the call."""
    store.phones.send(ROBERT, WA, "hi")
    store.phones.offline(ROBERT)
    message = post(store, "news")
    assert message["delivery"] == {
        "total": 2,
        **dict.fromkeys(("sent", "delivered", "read", "failed", "undelivered"), "none"),
    }
    assert [delivery(store, message)[name] for name in ("sent", "delivered", "read")] == [
        "all",
        "some",
        "none",
    ]

    store.phones.online(ROBERT)
    assert delivery(store, message)["delivered"] == "all"
    store.phones.read(ROBERT)
    store.phones.read(ALICIA)  # SMS does not tell
    assert [delivery(store, message)[name] for name in ("delivered", "read")] == ["all", "some"]


def test_what_waited_arrives_in_order(store: Store) -> None:
    """Coming back online delivers everything in the order it was sent."""
    store.phones.offline(ALICIA)
    for body in ("one", "two", "three"):
        post(store, body)
    assert seen(store, ALICIA) == []
    assert [row.status for row in store.phones[ALICIA].missed] == ["sent"] * 3
    store.phones.online(ALICIA)

    assert [body for _, body in seen(store, ALICIA)] == ["one", "two", "three"]


def test_deliveries_take_the_time_they_are_given() -> None:
    """With a delay a handset has a message when the clock gets there, and not before."""
    store = stage(Switches(delivery_delay_s=2.0))
    post(store, "soon")
    store.advance(1.9)
    assert [row.status for row in store.phones[ALICIA].missed] == ["sent"]
    store.advance(0.1)

    assert seen(store, ALICIA) == [(SMS, "soon")]


def test_coming_online_does_not_hurry_what_is_on_its_way() -> None:
    """What was sent a moment ago takes its time, whoever switches a handset on meanwhile."""
    store = stage(Switches(delivery_delay_s=2.0))
    post(store, "soon")
    store.phones.online(ALICIA)
    assert seen(store, ALICIA) == []
    store.advance(2)

    assert seen(store, ALICIA) == [(SMS, "soon")]


def test_deleted_messages_still_arrive(store: Store) -> None:
    """What has left is on its way whatever becomes of the message: a handset keeps what it has."""
    store.phones.offline(ALICIA)
    post(store, "gone")
    call(store, "DELETE", "/Conversations/order")
    store.phones.online(ALICIA)

    assert seen(store, ALICIA) == [(SMS, "gone")]


def test_receipts_are_listed(store: Store) -> None:
    """REST shows each receipt with its channel's message."""
    message = post(store, "hi")
    path = f"/Conversations/order/Messages/{message['sid']}/Receipts"
    rows = {row["channel_message_sid"][:2]: row for row in call(store, "GET", path)["delivery_receipts"]}

    assert (rows["SM"]["status"], rows["SM"]["error_code"]) == ("delivered", 0)
    assert (rows["WA"]["status"], rows["WA"]["error_code"]) == ("undelivered", 63016)


@pytest.mark.parametrize(
    ("statuses", "counting", "expected"),
    [
        ([], "reached", None),
        ([None, "sent"], "reached", ("some", "none", "none")),
        (["delivered", "read"], "reached", ("all", "all", "some")),
        (["delivered", "read"], "latest", ("none", "some", "some")),
        (["failed", "sent"], "reached", ("some", "none", "none")),
    ],
)
def test_totals(statuses: list[str | None], counting: str, expected: tuple[str, ...] | None) -> None:
    """None, some or all; a status counts those before it, or (switch) itself alone."""
    found = totals(statuses, len(statuses), counting)

    assert (found and tuple(found[name] for name in ("sent", "delivered", "read"))) == expected


# --- WhatsApp's window -------------------------------------------------------------------------------------


def test_the_window_shuts_at_the_24th_hour(store: Store) -> None:
    """A second before it free text arrives, at it it does not; a template passes; the message exists."""
    store.phones.send(ROBERT, WA, "hi")
    store.advance(24 * HOUR_S - 1)
    post(store, "in time")
    assert store.phones[ROBERT].window_open(WA)
    store.advance(1)
    late = post(store, "too late")
    post(store, "", ContentSid=approved(store))
    refused = store.phones[ROBERT].missed

    assert not store.phones[ROBERT].window_open(WA)
    assert [body for _, body in seen(store, ROBERT)] == ["hi", "in time", GREETED]
    assert [(row.body, row.status, row.error_code) for row in refused] == [("too late", "undelivered", 63016)]
    assert delivery(store, late)["undelivered"] == "some"


def test_each_sender_has_its_own_window(store: Store) -> None:
    """Writing to one sender of ours opens nothing for another."""
    other = "whatsapp:+15550100299"
    call(store, "POST", "/Conversations", {"UniqueName": "second"})
    join(store, "second", ROBERT, other)
    store.phones.send(ROBERT, WA, "hi")
    call(store, "POST", "/Conversations/second/Messages", {"Body": "free"})

    assert [(row.peer, row.error_code) for row in store.phones[ROBERT].missed] == [(other, 63016)]


def test_an_unrouted_message_opens_the_window_too(store: Store) -> None:
    """The window is between the user and the sender, whoever takes the message."""
    call(store, "POST", "/Conversations/order", {"State": "closed"})
    sent = store.phones.send(ROBERT, WA, "hello?")

    assert (sent.conversation_sid, sent.reason) == (None, "closed")
    assert store.phones[ROBERT].window_open(WA)


# --- STOP --------------------------------------------------------------------------------------------------


def test_stop_and_start(store: Store) -> None:
    """After STOP a leg fails with 21610, other senders and other people hear on; START ends it."""
    join(store, "order", CARL, OTHER_SMS)
    store.phones.stop(ALICIA, SMS)
    message = post(store, "hello")
    assert [(row.status, row.error_code) for row in store.phones[ALICIA].missed] == [("failed", 21610)]
    assert delivery(store, message)["failed"] == "some"
    assert seen(store, CARL)[-1] == (OTHER_SMS, "hello")
    store.phones.send(ALICIA, SMS, " start ")
    post(store, "again")

    assert seen(store, ALICIA)[-1] == (SMS, "again")


@pytest.mark.parametrize(("scope", "fails"), [("sender", False), ("account", True)])
def test_how_far_stop_reaches(scope: Any, fails: bool) -> None:
    """By switch STOP is for one sender, or for all of the account."""
    store = stage(Switches(opt_out_scope=scope))
    call(store, "POST", "/Conversations", {"UniqueName": "second"})
    join(store, "second", ALICIA, OTHER_SMS)
    store.phones.stop(ALICIA, SMS)
    call(store, "POST", "/Conversations/second/Messages", {"Body": "hi"})

    assert (store.phones[ALICIA].missed != []) == fails


@pytest.mark.parametrize(("is_message", "count"), [(True, 1), (False, 0)])
def test_whether_keywords_are_messages(is_message: bool, count: int) -> None:
    """By switch STOP is seen in the conversation, or only heeded."""
    store = stage(Switches(keyword_is_message=is_message))
    (sent,) = store.phones.stop(ALICIA)

    assert len(call(store, "GET", "/Conversations/order/Messages")["messages"]) == count
    assert sent.reason == (None if is_message else "keyword")
    assert store.phones[ALICIA].opted_out == [SMS]


def test_a_keyword_is_answered_by_twilio(store: Store) -> None:
    """Once for what changes, from the sender it went to, in no conversation, and shown with its reason."""
    before = len(events(store, "onMessageAdded", "onDeliveryUpdated"))
    for body in ("HELP", "Stop", "stop", "info", "START", "start"):
        store.phones.send(ALICIA, SMS, body)
    replies = [row for row in store.phones[ALICIA].messages if row.reason == "keyword_reply"]
    shown = show(store.phones[ALICIA])["threads"][0]["messages"][1]

    assert [(row.from_, row.body) for row in replies] == [
        (SMS, REPLIES[one]) for one in ("help", "stop", "start")
    ]
    assert (shown["direction"], shown["status"], shown["reason"]) == (
        "received",
        "delivered",
        "keyword_reply",
    )
    assert "in no conversation" in shown["explanation"]
    messages = call(store, "GET", "/Conversations/order/Messages")["messages"]
    assert [one["body"] for one in messages] == ["HELP", "Stop", "stop", "info", "START", "start"]
    told = events(store, "onMessageAdded", "onDeliveryUpdated")[before:]
    assert {event.data["MessageSid"] for event in told} == {one["sid"] for one in messages}


@pytest.mark.parametrize("offline_s", [0, 60])
def test_a_reply_waits_for_a_handset(store: Store, offline_s: int) -> None:
    """It goes by the same air as everything else."""
    store = stage(Switches(delivery_delay_s=2.0))
    store.phones.stop(ALICIA, SMS)
    assert [row.status for row in store.phones[ALICIA].missed] == ["sent"]
    if offline_s:
        store.phones.offline(ALICIA)
        store.advance(offline_s)
        assert [row.status for row in store.phones[ALICIA].missed] == ["sent"]
        store.phones.online(ALICIA)
    store.advance(2)

    assert store.phones[ALICIA].messages[-1].body == REPLIES["stop"]


def test_who_gets_no_reply() -> None:
    """By switch; on WhatsApp; from a group, or a number that is not the account's."""
    silent = stage(Switches(keyword_replies="none"))
    silent.phones.stop(ALICIA, SMS)
    owned = stage(account=Account(senders=frozenset({WA, SMS})))
    for address, to in ((ROBERT, WA), (ALICIA, OTHER_SMS), (ALICIA, [SMS, CARL])):
        owned.phones.send(address, to, "HELP")

    for store in (silent, owned):
        assert [row for phone in store.phones for row in phone.all() if row.reason == "keyword_reply"] == []
    assert silent.phones[ALICIA].opted_out == [SMS]


def test_keywords_are_whole_texts() -> None:
    """STOP inside a sentence is no keyword."""
    assert [keyword_of(text) for text in ("STOP", " Quit\n", "yes", "Help", "please stop", None)] == [
        *("stop", "stop", "start", "help"),
        *(None, None),
    ]


# --- routing -----------------------------------------------------------------------------------------------


def test_inactive_wakes_closed_does_not(store: Store) -> None:
    """A message wakes an inactive conversation; a closed one takes nothing, and says so."""
    call(store, "POST", "/Conversations/order", {"State": "inactive"})
    store.phones.send(ALICIA, SMS, "wake up")
    assert call(store, "GET", "/Conversations/order")["state"] == "active"
    woken = events(store, "onConversationStateUpdated")[-1]
    assert (woken.data["StateTo"], woken.data["Reason"], woken.cause.source) == ("active", "EVENT", "SMS")
    call(store, "POST", "/Conversations/order", {"State": "closed"})
    lost = store.phones.send(ALICIA, SMS, "hello?")

    assert (lost.conversation_sid, lost.reason) == (None, "closed")
    assert seen(store, ROBERT) == []


def test_a_message_by_rest_wakes_as_an_event(store: Store) -> None:
    """The reason is the message, and not that somebody set the state."""
    call(store, "POST", "/Conversations/order", {"State": "inactive"})
    post(store, "wake up")
    reasons = [e.data["Reason"] for e in events(store, "onConversationStateUpdated")]

    assert reasons == ["API", "EVENT"]


def test_who_left_is_unrouted_and_who_returns_is_not(store: Store) -> None:
    """Removing the participant sends their messages elsewhere."""
    sid = call(store, "GET", "/Conversations/order/Participants")["participants"][1]["sid"]
    call(store, "DELETE", f"/Conversations/order/Participants/{sid}")

    assert store.phones.send(ALICIA, SMS, "hello?").reason == "no_conversation"
    join(store, "order", ALICIA, SMS)
    assert store.phones.send(ALICIA, SMS, "hello!").reason is None


def test_a_conversation_that_is_being_made_takes_nothing_yet() -> None:
    """While initializing, its pairs are held and nobody is attached."""
    store = Store(clock=Clock.frozen(), switches=Switches(attach_delay_s=5.0))
    person = f'{{"messaging_binding": {{"address": "{ALICIA}", "proxy_address": "{SMS}"}}}}'
    call(store, "POST", "/ConversationWithParticipants", {"Participant": person})

    assert store.phones.send(ALICIA, SMS, "early").reason == "initializing"
    store.advance(5)
    assert store.phones.send(ALICIA, SMS, "now").reason is None
    moves = [(e.data["StateFrom"], e.data["StateTo"]) for e in events(store, "onConversationStateUpdated")]
    assert moves == [("initializing", "active")]


def test_a_number_that_is_not_ours_is_said_to_be_so() -> None:
    """Where the account's senders are known, others are refused by name."""
    store = Store(clock=Clock.frozen(), account=Account(senders=frozenset({SMS})))

    assert store.phones.send(ALICIA, SMS, "hi").reason == "no_conversation"
    assert store.phones.send(ALICIA, OTHER_SMS, "hi").reason == "not_ours"


def configure(store: Store, address: str, **form: str | list[str]) -> Any:
    named = {"AutoCreation." + name: value for name, value in form.items()}
    kind = "whatsapp" if address.startswith("whatsapp") else "sms"
    known = {"Type": kind, "Address": address, "AutoCreation.Enabled": "true"}
    return call(store, "POST", "/Configuration/Addresses", {**known, **named})


def test_an_address_configuration_makes_a_conversation() -> None:
    """A stranger's first message makes the conversation, with its webhook; the next one finds it."""
    store = Store(clock=Clock.frozen())
    service = call(store, "POST", "/Services", {"FriendlyName": "Support"})["sid"]
    configure(
        store,
        WA,
        Type="webhook",
        ConversationServiceSid=service,
        WebhookUrl="https://example.com/hook",
        WebhookFilters=["onMessageAdded", "onParticipantAdded"],
    )
    first = store.phones.send(ROBERT, WA, "hello?")
    second = store.phones.send(ROBERT, WA, "anybody?")
    at = f"/Services/{service}/Conversations/{first.conversation_sid}"
    hooks = call(store, "GET", f"{at}/Webhooks")["webhooks"]
    people = call(store, "GET", f"{at}/Participants")["participants"]
    order = [e.type for e in store.events.since(0) if e.type.startswith("on")]

    assert first.conversation_sid == second.conversation_sid
    assert [hook["configuration"]["url"] for hook in hooks] == ["https://example.com/hook"]
    assert hooks[0]["configuration"]["filters"] == ["onMessageAdded", "onParticipantAdded"]
    assert [one["messaging_binding"]["address"] for one in people] == [ROBERT]
    assert order[:3] == ["onConversationAdded", "onParticipantAdded", "onMessageAdded"]
    born = events(store, "onConversationAdded")[0]
    assert (born.cause.source, born.data["MessagingBinding.Address"]) == ("WhatsApp", ROBERT)


@pytest.mark.parametrize(
    ("form", "target"),
    [({"Type": "studio", "StudioFlowSid": "FW" + "0" * 32}, "studio"), ({"Type": "default"}, None)],
)
def test_flows_and_plain_autocreation(form: dict[str, str], target: str | None) -> None:
    """A studio configuration attaches its flow, a default one nothing."""
    store = Store(clock=Clock.frozen())
    configure(store, SMS, **form)
    sid = store.phones.send(ALICIA, SMS, "hi").conversation_sid
    hooks = call(store, "GET", f"/Conversations/{sid}/Webhooks")["webhooks"]

    assert [hook["target"] for hook in hooks] == ([target] if target else [])


def test_a_configuration_that_is_off_does_nothing() -> None:
    """Enabled=false leaves the message unrouted."""
    store = Store(clock=Clock.frozen())
    configure(store, SMS, Type="default", Enabled="false")

    assert store.phones.send(ALICIA, SMS, "hi").reason == "no_conversation"


# --- groups ------------------------------------------------------------------------------------------------


@pytest.fixture
def group(store: Store) -> str:
    """Return a group of Alicia, Carl and our own number."""
    sid: str = call(store, "POST", "/Conversations")["sid"]
    for form in ({"Address": ALICIA}, {"Address": CARL}, {"ProjectedAddress": OTHER_SMS}):
        named = {f"MessagingBinding.{name}": value for name, value in form.items()}
        call(store, "POST", f"/Conversations/{sid}/Participants", named)
    return sid


def test_a_group_is_found_by_all_its_addresses(store: Store, group: str) -> None:
    """A member's text reaches everybody under the member's own number, whatever the order of addresses."""
    sent = store.phones.send(ALICIA, [OTHER_SMS, CARL], "all here?")
    (heard,) = store.phones[CARL].messages

    assert sent.conversation_sid == group
    assert (heard.from_, heard.peer) == (ALICIA, f"{OTHER_SMS},{ALICIA}")
    threads = {one["sender"]: one for one in show(store.phones[CARL])["threads"]}
    assert threads[heard.peer]["conversation_sid"] == group
    assert store.phones.send(ALICIA, [OTHER_SMS], "just us").reason == "no_conversation"
    path = f"/Conversations/{group}/Messages/{sent.message_sid}"
    assert call(store, "GET", path)["delivery"] is None


def test_ours_writes_to_a_group_and_skips_who_stopped(store: Store, group: str) -> None:
    """From the business number to each member; who opted out has no leg and no receipt."""
    store.phones.stop(CARL, OTHER_SMS)
    form = {"Body": "hello all", "Author": OTHER_SMS}
    message = call(store, "POST", f"/Conversations/{group}/Messages", form)
    heard = store.phones[ALICIA].messages[-1]

    assert message["delivery"]["total"] == 1
    assert (heard.from_, heard.to) == (OTHER_SMS, [ALICIA, CARL])
    assert [row.body for row in store.phones[CARL].all()] == ["STOP", REPLIES["stop"]]


def test_members_hear_each_other_whoever_they_have_stopped() -> None:
    """STOP is to us: what another member writes comes by their carrier, under every switch."""
    store = stage(Switches(opt_out_scope="account"))
    configure(store, OTHER_SMS, Type="default")
    store.phones.send(ALICIA, [CARL, OTHER_SMS], "hi all")
    store.phones.stop(CARL, OTHER_SMS)
    store.phones.send(ALICIA, [CARL, OTHER_SMS], "still there?")

    heard = [row.body for row in store.phones[CARL].messages]
    assert heard == ["hi all", "STOP", REPLIES["stop"], "still there?"]


def test_who_is_beside_a_group_hears_it_by_their_proxy(store: Store, group: str) -> None:
    """What a member writes reaches the members by their carrier, once, and everybody else by Twilio."""
    for address, proxy in ((ROBERT, WA + "9"), (CARL, "+15550100209")):
        join(store, group, address, proxy)
    store.phones.send(ROBERT, WA + "9", "hi")
    sent = store.phones.send(ALICIA, [CARL, OTHER_SMS], "hi all")
    heard = [
        (row.from_, row.receipt_sid is None) for row in store.phones[CARL].messages if row.body == "hi all"
    ]

    assert seen(store, ROBERT)[-1] == (WA + "9", "hi all")
    assert heard == [("+15550100209", False), (ALICIA, True)]
    message = call(store, "GET", f"/Conversations/{group}/Messages/{sent.message_sid}")
    assert message["delivery"]["total"] == 2


def test_a_messaging_service_may_create_conversations() -> None:
    """Where the account says so: with the writer, in the default service; a configuration goes first."""
    service = "MG" + "1" * 32
    store = Store(clock=Clock.frozen(), account=Account(creating={service: frozenset({SMS, OTHER_SMS})}))
    made = store.phones.send(ALICIA, SMS, "hi")
    conversation = call(store, "GET", f"/Conversations/{made.conversation_sid}")
    again = store.phones.send(ALICIA, SMS, "there?")
    (pair,) = call(store, "GET", f"/Conversations/{made.conversation_sid}/Participants")["participants"]

    assert conversation["messaging_service_sid"] == service
    assert again.conversation_sid == made.conversation_sid
    assert pair["messaging_binding"]["proxy_address"] == SMS
    assert [event.data["MessagingServiceSid"] for event in events(store, "onConversationAdded")] == [service]
    assert store.phones.send(ALICIA, "+15550100299", "hi").reason == "no_conversation"
    configure(store, OTHER_SMS, Type="default")
    other = store.phones.send(CARL, OTHER_SMS, "hi").conversation_sid
    assert call(store, "GET", f"/Conversations/{other}")["messaging_service_sid"] != service


def test_a_group_is_made_by_an_address_configuration() -> None:
    """A group text to a configured number makes the conversation with everybody in it."""
    store = Store(clock=Clock.frozen())
    configure(store, OTHER_SMS, Type="default")
    sent = store.phones.send(ALICIA, [CARL, OTHER_SMS], "hi all")
    rows = call(store, "GET", f"/Conversations/{sent.conversation_sid}/Participants")["participants"]
    reply = store.phones.send(CARL, [OTHER_SMS, ALICIA], "hi back")

    assert [row["messaging_binding"].get("projected_address") for row in rows] == [None, None, OTHER_SMS]
    assert reply.conversation_sid == sent.conversation_sid


def test_a_group_text_from_abroad_makes_no_group() -> None:
    """Group MMS is for +1 alone."""
    store = Store(clock=Clock.frozen())
    configure(store, OTHER_SMS, Type="default")
    lost = store.phones.send("+447700900301", [CARL, OTHER_SMS], "hi all")

    assert (lost.conversation_sid, lost.reason) == (None, "no_conversation")


def test_a_member_stops_the_business_number(store: Store, group: str) -> None:
    """STOP from a group's thread goes to our number in it and to nobody else; then a message skips them."""
    store.phones.send(ALICIA, [OTHER_SMS, CARL], "all here?")
    (stopped,) = store.phones.stop(CARL)
    post = {"Body": "hello all", "Author": OTHER_SMS}
    message = call(store, "POST", f"/Conversations/{group}/Messages", post)

    assert (stopped.to, stopped.reason) == ([OTHER_SMS], "no_conversation")
    assert store.phones[CARL].opted_out == [OTHER_SMS]
    assert message["delivery"]["total"] == 1
    assert [row.to for row in store.phones.stop(CARL, f"{OTHER_SMS},{ALICIA}")] == [[OTHER_SMS]]
    with pytest.raises(PhoneError, match="knows nobody"):
        store.phones.stop("+15550100399")


@pytest.mark.parametrize(("chars", "whatsapp", "sms"), [(1600, 0, 0), (1601, 63021, 21617)])
def test_a_long_text_fails_on_its_way(store: Store, chars: int, whatsapp: int, sms: int) -> None:
    """A handset may write 32 KB; what we send on has 1,600 characters at most, and the message is created."""
    store.phones.send(ROBERT, WA, "x" * chars)
    store.phones.send(ALICIA, SMS, "y" * chars)

    for address, code in ((ROBERT, whatsapp), (ALICIA, sms)):
        row = next(row for row in store.phones[address].all() if row.direction == "outbound")
        assert (row.error_code, row.status) == (code, "failed" if code else "delivered")
    assert len(call(store, "GET", "/Conversations/order/Messages")["messages"]) == 2


@pytest.mark.parametrize(("most", "code"), [(1600, 0), (1024, 63021)])
def test_whatsapp_may_take_less(most: Any, code: int) -> None:
    """By switch; SMS does not mind."""
    store = stage(Switches(whatsapp_body_chars=most))
    store.phones.send(ROBERT, WA, "hi")
    post(store, "x" * 1025)

    assert store.phones[ROBERT].all()[-1].error_code == code
    assert store.phones[ALICIA].all()[-1].error_code == 0


def test_text_that_was_a_template_is_told_so(store: Store) -> None:
    """Outside the window the text of an approved template is refused, with words on what ended."""
    approved(store, {"twilio/text": {"body": "Your order is here."}})
    for body in ("Your order is here.", "Your order."):
        post(store, body)
    told = [one["explanation"] for one in show(store.phones[ROBERT])["threads"][0]["messages"]]

    assert [row.error_code for row in store.phones[ROBERT].missed] == [63016, 63016]
    assert ["April 2025" in words and "ContentSid" in words for words in told] == [True, False]


def test_an_address_alone_is_not_reached() -> None:
    """Without a business number nobody can write to a member; no leg, no receipt."""
    store = Store(clock=Clock.frozen())
    call(store, "POST", "/Conversations", {"UniqueName": "order"})
    form = {"MessagingBinding.Address": ALICIA}
    call(store, "POST", "/Conversations/order/Participants", form)

    assert post(store, "hi")["delivery"] is None
    assert legs(list(store.index.participants.popitem()[1]), None) == []


# --- timers ------------------------------------------------------------------------------------------------


def test_timers_fire_in_order_and_are_told() -> None:
    """Asleep after an hour, closed after a day; a message between starts both again; closed is final."""
    store = Store(clock=Clock.frozen())
    timers = {"UniqueName": "order", "State": "active", "Timers.Inactive": "PT1H", "Timers.Closed": "P1D"}
    start_s = store.now_s()
    call(store, "POST", "/Conversations", timers)
    join(store, "order", ALICIA, SMS)
    store.advance(2 * HOUR_S)
    store.phones.send(ALICIA, SMS, "still here")
    store.advance(30 * HOUR_S)
    told = [
        (e.at_s - start_s, e.data["StateTo"], e.data["Reason"])
        for e in events(store, "onConversationStateUpdated")
    ]

    assert told == [
        (1 * HOUR_S, "inactive", "TIMER"),
        (2 * HOUR_S, "active", "EVENT"),
        (3 * HOUR_S, "inactive", "TIMER"),
        (26 * HOUR_S, "closed", "TIMER"),
    ]
    assert store.phones.send(ALICIA, SMS, "late").reason == "closed"


# --- wrong deeds -------------------------------------------------------------------------------------------


def test_wrong_deeds_are_refused_and_leave_no_trace(store: Store) -> None:
    """Each says what is wrong."""
    store.phones.offline(CARL)
    before = {sid: repr(row) for sid, row in store.index.rows.items()}
    deeds: list[tuple[Any, Any, Any]] = [
        ("Alicia", SMS, "hi"),
        (ALICIA, "us", "hi"),
        (ALICIA, WA, "hi"),
        (ALICIA, SMS, ""),
        (ALICIA, SMS, "x" * 40_000),
        (ALICIA, ALICIA, "hi"),
        (ALICIA, [], "hi"),
        (ROBERT, [WA, "whatsapp:+15550100305"], "hi"),
        (CARL, SMS, "hi"),
    ]
    for from_, to, body in deeds:
        with pytest.raises(PhoneError, match=r"\S"):
            store.phones.send(from_, to, body)

    assert {sid: repr(row) for sid, row in store.index.rows.items()} == before


# --- causes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "asked"), [(None, False), ("true", True), ("TRUE", True), ("false", False)]
)
def test_calls_by_rest_say_whether_they_want_webhooks(store: Store, header: str | None, asked: bool) -> None:
    """REST is quiet unless asked; what the channel tells of it is not."""
    headers = {"X-Twilio-Webhook-Enabled": header} if header else {}
    ask(store, "POST", "/Conversations/order/Messages", {"Body": "hi"}, headers)

    assert [e.cause.webhooks for e in events(store, "onMessageAdded")] == [asked]
    assert {e.cause.webhooks for e in events(store, "onDeliveryUpdated")} == {True}


def test_one_event_tells_of_a_deleted_conversation(store: Store) -> None:
    """Not of all that was in it; a refused call tells nothing."""
    post(store, "hi")
    last = store.events.last
    assert ask(store, "POST", "/Conversations/order", {"State": "nonsense"})[0] == 400
    call(store, "DELETE", "/Conversations/order")

    assert [e.type for e in store.events.since(last)] == ["onConversationRemoved"]


# --- the world is kept -------------------------------------------------------------------------------------


def test_screens_survive_a_restart(tmp_path: Path) -> None:
    """Messages, windows, opt-outs and what is under way are in the file."""
    path = tmp_path / "world.db"
    store = stage(Switches(delivery_delay_s=2.0), path=path)
    store.phones.send(ROBERT, WA, "hi")
    store.phones.stop(ALICIA, SMS)
    last = store.events.last
    screens = [repr(phone.all()) for phone in store.phones]
    store.close()
    again = Store(path=path, switches=Switches(delivery_delay_s=2.0))
    assert [repr(phone.all()) for phone in again.phones] == screens
    assert again.events.last == last
    again.advance(2)

    assert {body for _, body in seen(again, ALICIA)} == {"hi", "STOP", REPLIES["stop"]}
    assert again.phones[ROBERT].window_open(WA)
    assert again.phones[ALICIA].opted_out == [SMS]
    again.close()


def test_what_a_stale_world_shows_changes_nothing(store: Store) -> None:
    """A world made to be read from does not send what is under way here."""
    store.phones.offline(ALICIA)
    slow = stage(Switches(delivery_delay_s=2.0))
    post(slow, "soon")
    other = slow.holding(list(slow.index.rows.values()))
    other.advance(10)

    assert [row.status for row in slow.phones[ALICIA].missed] == ["sent"]


# --- over the admin paths, in process ----------------------------------------------------------------------


def admin(store: Store, method: str, path: str, body: str = "") -> tuple[int, Any]:
    response = control(store, Request(method, f"/_emulator/{path}", {}, body.encode(), host="127.0.0.1"))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "phones/send", "{", 400),
        ("POST", "phones/send", "[]", 400),
        ("POST", "phones/send", '{"from": "+15550100302"}', 400),
        ("POST", "phones/send", '{"from": 5, "to": "+15550100201", "body": "hi"}', 400),
        ("POST", "phones/send", '{"from": "+15550100302", "to": [7], "body": "hi"}', 400),
        ("POST", "phones/send", '{"frm": "+15550100302"}', 400),
        ("POST", "phones/read", '{"address": "nobody"}', 400),
        ("POST", "phones/stop", '{"address": "+15550100399"}', 400),
        ("GET", "phones?address=nobody", "", 400),
        ("DELETE", "phones", "", 405),
        ("GET", "phones/send", "", 405),
        ("GET", "events?since=x", "", 400),
        ("GET", "wait?timeout_s=x", "", 400),
        ("GET", "wait?timeout_s=1e9", "", 400),
        ("GET", "wait?event=never", "", 408),
        ("PUT", "clock", '{"mode": "fast"}', 400),
        ("PUT", "clock", '{"mode": "scaled"}', 400),
        ("PUT", "clock", '{"mode": "frozen", "rate": 2}', 400),
        ("POST", "clock/advance", "{}", 400),
        ("POST", "clock/advance", '{"seconds": -1}', 400),
        ("POST", "clock/advance", '{"seconds": true}', 400),
        ("POST", "clock/advance", '{"until": "tomorrow"}', 400),
        ("POST", "clock/advance", '{"until": "2001-01-01"}', 400),
        ("PUT", "limits", '{"in_flight": 0}', 400),
        ("PUT", "limits", '{"speed": 1}', 400),
    ],
)
def test_wrong_admin_requests_are_explained(
    store: Store, method: str, path: str, body: str, status: int
) -> None:
    """Never a traceback, always a sentence."""
    found, answer = admin(store, method, path, body)

    assert (found, bool(answer["message"])) == (status, True)


def test_the_screen_shows_the_window_and_its_end(store: Store) -> None:
    """The page's countdown: open, when it ends, how much is left; closed windows say so."""
    window = admin(store, "GET", f"phones?address={ROBERT}".replace("+", "%2B"))[1]["phones"][0]["threads"][
        0
    ]["window"]
    assert window == {"open": False, "ends": None, "ends_s": None, "remaining_s": 0.0}
    store.phones.send(ROBERT, WA, "hi")
    store.advance(HOUR_S)
    (thread,) = admin(store, "GET", "phones")[1]["phones"][1]["threads"]

    assert (thread["sender"], thread["window"]["open"], thread["window"]["remaining_s"]) == (
        WA,
        True,
        23 * HOUR_S,
    )
    assert thread["window"]["ends"] == "2026-01-02T00:00:00Z"


def test_time_can_be_moved_to_a_date(store: Store) -> None:
    """`until` is a date ahead; the clock says how it runs."""
    clock = admin(store, "POST", "clock/advance", '{"until": "2026-01-03T00:00:00Z"}')[1]

    assert (clock["mode"], clock["rate"], clock["now"]) == ("frozen", 0.0, "2026-01-03T00:00:00Z")


def test_what_falls_due_may_settle_itself() -> None:
    """Within something that falls due the time stays its due time, and the rest follows in order."""
    clock, times = Clock.frozen(5.0), list[tuple[str, float]]()

    def first() -> None:
        clock.settle()
        times.append(("first", clock.now_s()))

    clock.schedule(1.0, first)
    clock.schedule(2.0, lambda: times.append(("second", clock.now_s())))
    clock.settle()

    assert times == [("first", 1.0), ("second", 2.0)]


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Return the wall clock, as a list of one number to be changed."""
    hands = [1_800_000_000.0]
    monkeypatch.setattr("reconciler.emulator.clock.time.time", lambda: hands[0])
    return hands  # type: ignore[return-value]


def test_time_runs_as_it_is_told(wall: list[float], tmp_path: Path) -> None:
    """Real, frozen and scaled, without a jump where they meet, and on through a restart."""
    store = Store(path=tmp_path / "world.db")
    wall[0] += 10
    assert store.now_s() == 1_800_000_010
    admin(store, "PUT", "clock", '{"mode": "frozen"}')
    wall[0] += 10
    assert store.now_s() == 1_800_000_010
    admin(store, "PUT", "clock", '{"mode": "scaled", "rate": 60}')
    wall[0] += 10
    assert store.now_s() == 1_800_000_610
    store.close()
    again = Store(path=tmp_path / "world.db")
    wall[0] += 1
    assert (again.now_s(), again.clock.mode) == (1_800_000_670, "scaled")
    admin(again, "PUT", "clock", '{"mode": "real"}')
    wall[0] += 10

    assert again.now_s() == 1_800_000_680
    again.close()


# --- limits ------------------------------------------------------------------------------------------------


def test_no_limit_unless_set(store: Store) -> None:
    """Off by default."""
    assert set(admin(store, "GET", "limits")[1].values()) == {None}
    assert {ask(store, "POST", "/Conversations", {})[0] for _ in range(100)} == {201}


def test_actions_per_second_are_counted_for_each_scope(store: Store) -> None:
    """Thirty writes a second for one conversation; reads are exempt, and the next second is new."""
    admin(store, "PUT", "limits", '{"actions_per_s": 30}')
    codes = [ask(store, "POST", "/Conversations/order/Messages", {"Body": "hi"})[0] for _ in range(32)]
    assert codes == [201] * 30 + [429] * 2
    status, body = ask(store, "POST", "/Conversations/order", {"FriendlyName": "x"})
    assert (status, body["code"]) == (429, 50063)
    assert ask(store, "GET", "/Conversations/order/Messages")[0] == 200
    assert ask(store, "POST", "/Conversations", {})[0] == 201
    store.advance(1)

    assert ask(store, "POST", "/Conversations/order", {"FriendlyName": "x"})[0] == 200


def test_an_account_has_a_limit_over_all(store: Store) -> None:
    """Whatever they are about, so many writes a second; the nearer limit is told first."""
    admin(store, "PUT", "limits", '{"account_actions_per_s": 3}')
    paths = ["/Conversations/order/Messages", "/Conversations/order", "/Conversations", "/Users"]
    answers = [
        ask(store, "POST", path, {"FriendlyName": "x", "Identity": "a", "Body": "b"}) for path in paths
    ]
    assert [status for status, _ in answers] == [201, 200, 201, 429]
    assert answers[-1][1]["code"] == 50074
    store.advance(1)

    assert ask(store, "POST", "/Users", {"Identity": "a"})[0] == 201


def test_creations_and_deletions_count_for_the_service(store: Store) -> None:
    """One more than allowed is refused, whatever conversation it is about."""
    admin(store, "PUT", "limits", '{"actions_per_s": 3}')
    codes = [ask(store, "POST", "/Conversations", {})[0] for _ in range(2)]
    codes += [
        ask(store, "POST", "/Users", {"Identity": "ann"})[0],
        ask(store, "DELETE", "/Conversations/order")[0],
    ]

    assert codes == [201, 201, 201, 429]
