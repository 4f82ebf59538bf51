"""Twilio's guide "Using WhatsApp with Conversations", played over a socket by people who know only HTTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Clock, Effect, InProcess, Match, Rule, Store
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

WA, SMS = "whatsapp:+15550100200", "+15550100201"
CUSTOMER, COURIER, BUYER = "whatsapp:+15550100301", "whatsapp:+15550100302", "+15550100303"


@dataclass(frozen=True)
class Stage:
    """A served world: Twilio's API at one side, thumbs at the other."""

    store: Store
    url: str

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)

    def _call(self, method: str, path: str, body: str, headers: dict[str, str]) -> tuple[int, Any]:
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")

    def twilio(self, method: str, path: str, form: Any = None) -> Any:
        token = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        headers = {
            "Authorization": f"Basic {token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        status, body = self._call(method, f"/v1{path}", urlencode(form or {}), headers)
        assert status < 400, body
        return body

    def content(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": authorization(self.store.account), "Content-Type": "application/json"}
        status, found = self._call(method, f"/content.twilio.com/v1{path}", json.dumps(body), headers)
        assert status < 400, found
        return found

    def admin(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        text = "" if body is None else json.dumps(body)
        return self._call(method, f"/_emulator/{path}", text, {"Content-Type": "application/json"})

    def say(self, from_: str, to: str, body: str) -> Any:
        status, sent = self.admin("POST", "phones/send", {"from": from_, "to": to, "body": body})
        assert status == 200, sent
        return sent

    def screen(self, address: str) -> list[tuple[str, str, str | None, str]]:
        """Return what a handset shows: whose words, under which number, the text, the status."""
        _, found = self.admin("GET", f"phones?address={quote(address)}")
        threads = found["phones"][0]["threads"]
        rows = [row for thread in threads for row in thread["messages"]]
        return [(row["direction"], row["from"], row["body"], row["status"]) for row in rows]

    def conversation(self, *pairs: tuple[str, str]) -> str:
        sid: str = self.twilio("POST", "/Conversations", {"FriendlyName": "Example"})["sid"]
        for address, proxy in pairs:
            form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
            self.twilio("POST", f"/Conversations/{sid}/Participants", form)
        return sid


@pytest.fixture
def stage() -> Iterator[Stage]:
    store = Store(clock=Clock.frozen())
    with running(store) as url:
        yield Stage(store, url)


def test_cross_channel_masking(stage: Stage) -> None:
    """WhatsApp to SMS: the WhatsApp user writes first, and messages flow back and forth."""
    sid = stage.conversation((CUSTOMER, WA), (BUYER, SMS))
    sent = stage.say(CUSTOMER, WA, "Is it still for sale?")
    stage.say(BUYER, SMS, "It is.")

    assert (sent["conversation_sid"], sent["reason"]) == (sid, None)
    assert stage.screen(BUYER) == [
        ("received", SMS, "Is it still for sale?", "delivered"),
        ("sent", BUYER, "It is.", "received"),
    ]
    assert stage.screen(CUSTOMER) == [
        ("sent", CUSTOMER, "Is it still for sale?", "received"),
        ("received", WA, "It is.", "delivered"),
    ]


def test_two_people_on_whatsapp_must_both_opt_in(stage: Stage) -> None:
    """Until both have written, the other's words are swallowed with 63016, and shown with the reason."""
    stage.conversation((CUSTOMER, WA), (COURIER, WA))
    stage.say(COURIER, WA, "I cannot find the door")
    _, found = stage.admin("GET", f"phones?address={quote(CUSTOMER)}")
    (lost,) = found["phones"][0]["threads"][0]["messages"]
    stage.say(CUSTOMER, WA, "Hello?")
    stage.say(COURIER, WA, "Which floor?")

    assert (lost["status"], lost["error_code"]) == ("undelivered", 63016)
    assert "24 hours" in lost["explanation"]
    assert [row[1:3] for row in stage.screen(COURIER) if row[0] == "received"] == [(WA, "Hello?")]
    assert stage.screen(CUSTOMER)[-1] == ("received", WA, "Which floor?", "delivered")


def test_templates_open_the_door(stage: Stage) -> None:
    """The template is made and approved, goes out in the courier's name, and the answer opens the window.

    A day later it is shut.
    """
    body = {"language": "en", "types": {"twilio/text": {"body": "Your courier has a question for you."}}}
    invite = stage.content("POST", "/Content", body)["sid"]
    request = {"name": "courier_question", "category": "UTILITY"}
    stage.content("POST", f"/Content/{invite}/ApprovalRequests/whatsapp", request)
    stage.admin("POST", "clock/advance", {"seconds": 300})
    sid = stage.conversation((CUSTOMER, WA), (COURIER, WA))
    messages = f"/Conversations/{sid}/Messages"
    stage.twilio("POST", messages, {"Author": COURIER, "ContentSid": invite})
    assert (len(stage.screen(CUSTOMER)), stage.screen(COURIER)) == (1, [])
    stage.say(CUSTOMER, WA, "Yes")
    moment = stage.twilio("POST", messages, {"Body": "Great! Just a moment"})
    stage.twilio("POST", messages, {"ContentSid": invite})
    assert [row[3] for row in stage.screen(COURIER)] == ["undelivered", "undelivered", "delivered"]
    assert [row[3] for row in stage.screen(CUSTOMER)[-2:]] == ["delivered", "delivered"]
    receipts = stage.twilio("GET", f"{messages}/{moment['sid']}/Receipts")["delivery_receipts"]
    assert sorted((row["status"], row["error_code"]) for row in receipts) == [
        ("delivered", 0),
        ("undelivered", 63016),
    ]

    stage.admin("POST", "clock/advance", {"seconds": 24 * 3600})
    stage.twilio("POST", messages, {"Body": "Still there?"})
    assert stage.screen(CUSTOMER)[-1][2:] == ("Still there?", "undelivered")


def test_thumbs_over_the_socket(stage: Stage) -> None:
    """Offline, online, read and STOP, each answered with the handset as it is then."""
    stage.conversation((CUSTOMER, WA), (BUYER, SMS))
    stage.say(CUSTOMER, WA, "hi")
    assert stage.admin("POST", "phones/offline", {"address": CUSTOMER})[1]["online"] is False
    stage.say(BUYER, SMS, "wait")
    assert stage.screen(CUSTOMER)[-1][3] == "sent"
    stage.admin("POST", "phones/online", {"address": CUSTOMER})
    stage.admin("POST", "phones/read", {"address": CUSTOMER, "sender": WA})
    assert stage.screen(CUSTOMER)[-1][3] == "read"
    (thread,) = stage.admin("POST", "phones/stop", {"address": BUYER})[1]["threads"]
    stage.say(CUSTOMER, WA, "bye")

    assert thread["opted_out"]
    assert stage.screen(BUYER)[-1] == ("received", SMS, "bye", "failed")


# --- following it ------------------------------------------------------------------------------------------


class Stream:
    """A reader of server-sent events."""

    def __init__(self, stage: Stage, last: int | None = None) -> None:
        self._connection = stage.connection()
        headers = {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": str(last)})
        self._connection.request("GET", "/_emulator/events", headers=headers)
        self._response = self._connection.getresponse()
        self.headers = self._response.headers
        assert self._response.readline() == b"retry: 500\n"

    def next(self) -> Any:
        """Return the next event."""
        number = ""
        while True:
            line = self._response.readline().decode()
            assert line, "the stream has ended"
            if line.startswith("id: "):
                number = line[4:].strip()
            if line.startswith("data: "):
                event = json.loads(line[6:])
                assert number == str(event["id"])
                return event

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def test_events_are_streamed_as_they_happen(stage: Stage) -> None:
    """A page sees each event once, in order, and goes on where it was after a break."""
    with contextlib.closing(Stream(stage)) as stream:
        stage.conversation((CUSTOMER, WA), (BUYER, SMS))
        names = [stream.next()["type"] for _ in range(3)]
    stage.say(CUSTOMER, WA, "hi")
    with contextlib.closing(Stream(stage, last=10**9)) as stream:  # what a world that is gone had told
        assert stream.next()["id"] == 1
    with contextlib.closing(Stream(stage, last=3)) as stream:
        missed: list[Any] = []
        while not missed or missed[-1]["type"] != "onDeliveryUpdated":
            missed.append(stream.next())
        kept = stage.admin("GET", "events?since=3")[1]

    assert names == ["onConversationAdded", "onParticipantAdded", "onParticipantAdded"]
    assert missed == kept[: len(missed)]
    assert stream.headers["Content-Type"] == "text/event-stream"
    assert stream.headers["Access-Control-Allow-Origin"] is None


def test_strangers_get_no_stream(stage: Stage) -> None:
    """Host and Origin are checked for streams and waits, too."""
    for path in ("events", "wait?timeout_s=0", "phones", "clock", "limits"):
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            with contextlib.closing(stage.connection()) as connection:
                connection.request(
                    "GET", f"/_emulator/{path}", headers={"Accept": "text/event-stream", **headers}
                )
                assert connection.getresponse().status == 403


def test_waiting_ends_when_it_happens(stage: Stage) -> None:
    """Who waits is answered by the event that fits, and by 408 when none comes."""
    sid = stage.conversation((CUSTOMER, WA), (BUYER, SMS))
    last = stage.admin("GET", "events?since=0")[1][-1]["id"]
    answers: list[Any] = []
    path = f"wait?event=onMessageAdded&ConversationSid={sid}&timeout_s=10&since={last}"
    waiter = threading.Thread(target=lambda: answers.append(stage.admin("GET", path)))
    waiter.start()
    sent = stage.say(CUSTOMER, WA, "hi")
    waiter.join(10)

    assert answers[0][0] == 200
    assert answers[0][1]["data"]["MessageSid"] == sent["message_sid"]
    assert stage.admin("GET", f"{path}&Body=hi")[0] == 200
    assert stage.admin("GET", "wait?event=onMessageAdded&timeout_s=0")[0] == 408


def test_a_reset_is_told_and_numbers_go_on(stage: Stage) -> None:
    """A page that follows learns that the world began again."""
    stage.conversation((CUSTOMER, WA))
    before = stage.admin("GET", "events?since=0")[1][-1]["id"]
    with contextlib.closing(Stream(stage)) as stream:
        stage.admin("POST", "reset")
        event = stream.next()

    assert (event["type"], event["id"]) == ("world.reset", before + 1)
    assert stage.admin("GET", "phones")[1] == {"phones": []}


def test_time_goes_on_by_itself(stage: Stage) -> None:
    """With time running fast, a timer closes a conversation though nobody calls; who follows is told."""
    form = {"State": "active", "Timers.Closed": "PT10M"}
    stage.twilio("POST", "/Conversations", form)
    with contextlib.closing(Stream(stage)) as stream:
        stage.admin("PUT", "clock", {"mode": "scaled", "rate": 86_400})
        found = [stream.next() for _ in range(2)]

    assert [event["type"] for event in found] == ["clock.changed", "onConversationStateUpdated"]
    assert (found[1]["data"]["StateTo"], found[1]["reason"]) == ("closed", "TIMER")


def test_a_server_stops_while_pages_follow() -> None:
    """Open streams and waits do not hold it up."""
    store = Store(clock=Clock.frozen())
    with running(store) as url:
        stage = Stage(store, url)
        stream = Stream(stage)
        stage.conversation((CUSTOMER, WA))
        stream.next()

    assert store.events.listeners == []
    stream.close()


def test_requests_in_flight_are_limited() -> None:
    """With one allowed, a second call that comes meanwhile is 429/20429 and was not carried out."""
    store = Store(clock=Clock.frozen())
    store.limits.in_flight = 1
    store.faults.add(Rule(Effect("latency", seconds=1.0), Match(method="POST")))

    async def call(name: str) -> int:
        headers = {"authorization": authorization(store.account)}
        url = "https://conversations.twilio.com/v1/Conversations"
        door = InProcess(store)
        status, _, _ = await door.send("POST", url, headers, f"UniqueName={name}".encode(), 5)
        return status

    async def both() -> list[int]:
        return list(await asyncio.gather(call("a"), call("b")))

    assert asyncio.run(both()) == [201, 429]
    assert asyncio.run(call("c")) == 201
    assert len(store.index.conversations[store.configuration.default_chat_service_sid]) == 2
