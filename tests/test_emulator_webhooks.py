"""Webhooks of the emulator: what fires, how it is signed, where it goes, and what a receiver can do."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from click.testing import CliRunner
from contents import GREETED, approved
from deploying import Project
from hypothesis import given
from hypothesis import strategies as st
from playing import Play
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from reconciler.cli.emulator import emulator
from reconciler.emulator import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Clock,
    Effect,
    InProcess,
    Match,
    Request,
    Rule,
    Store,
    Switches,
    ask,
)
from reconciler.emulator.callbacks.courier import considered
from reconciler.emulator.callbacks.deliveries import KEPT, Answer, Delivery, Sent, Unanswered, is_loopback
from reconciler.emulator.callbacks.outgoing import Outside
from reconciler.emulator.callbacks.pre_events import pre_event, pre_event_of
from reconciler.emulator.callbacks.signatures import called_url, signature
from reconciler.emulator.conversations.configuration_webhooks import POST_EVENTS
from reconciler.emulator.conversations.webhooks import EVENTS
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

HERE = "http://127.0.0.1:9/hook"
WA, SMS = "whatsapp:+15550100200", "+15550100201"
CUSTOMER, COURIER, BUYER = "whatsapp:+15550100301", "whatsapp:+15550100302", "+15550100303"
TELLING = {"X-Twilio-Webhook-Enabled": "true"}
QUIET: dict[str, str] = {}


def world(**options: Any) -> Store:
    return Store(clock=Clock.frozen(), **options)


def call(store: Store, method: str, path: str, form: Any = None, headers: Any = None) -> Any:
    status, body = ask(store, method, path, form, headers)
    assert status < 400, body
    return body


def conversation(store: Store, *pairs: tuple[str, str], **form: str) -> str:
    sid: str = call(store, "POST", "/Conversations", form)["sid"]
    for address, proxy in pairs:
        binding = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        call(store, "POST", f"/Conversations/{sid}/Participants", binding)
    return sid


def account_hook(store: Store, filters: Sequence[str], url: str = HERE, **form: str) -> None:
    asked = {"PostWebhookUrl": url, "Filters": list(filters), **form}
    call(store, "POST", "/Configuration/Webhooks", asked)


def scoped(store: Store, sid: str, *filters: str, url: str = HERE, **form: Any) -> str:
    given = {"Target": "webhook", "Configuration.Url": url, "Configuration.Filters": list(filters), **form}
    made: str = call(store, "POST", f"/Conversations/{sid}/Webhooks", given)["sid"]
    return made


def calls(store: Store) -> list[tuple[str, str]]:
    return [(one.call.level, one.call.event) for one in store.deliveries]


# --- the signature -----------------------------------------------------------------------------------------

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
FORMS = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=6)
URLS = st.sampled_from(
    [
        "http://127.0.0.1:3000/hook",
        "http://localhost",
        "http://localhost?a=1&b=2",
        "https://localhost/a%20b?x=%2B",
        "http://127.0.0.1/ü?q=é#part",
    ]
)


@given(URLS, FORMS, st.sampled_from(["GET", "POST"]))
def test_twilios_own_validator_agrees(url: str, form: dict[str, str], method: str) -> None:
    """What is signed is the URL as it goes over the wire; with GET the parameters are in it."""
    on_wire = called_url(url, method, form)
    in_form = form if method == "POST" else {}

    assert RequestValidator(AUTH_TOKEN).validate(on_wire, in_form, signature(AUTH_TOKEN, on_wire, in_form))
    assert not RequestValidator("other").validate(on_wire, in_form, signature(AUTH_TOKEN, on_wire, in_form))
    if method == "GET":
        given_back = parse_qsl(urlsplit(on_wire).query, keep_blank_values=True)
        assert set(form.items()) <= set(given_back)


# --- what fires --------------------------------------------------------------------------------------------

Deed = tuple[str, str, dict[str, str]]


def stage(store: Store) -> dict[str, str]:
    """Make what the deeds below work on, telling nobody."""
    sid = conversation(store, (CUSTOMER, WA), UniqueName="order")
    made = call(store, "POST", f"/Conversations/{sid}/Messages", {"Body": "first", "Author": CUSTOMER})
    member = call(store, "GET", f"/Conversations/{sid}/Participants")["participants"][0]
    user = call(store, "POST", "/Users", {"Identity": "desk"})
    return {"CH": sid, "IM": made["sid"], "MB": member["sid"], "US": user["sid"]}


BY_REST: dict[str, Deed] = {
    "onConversationAdded": ("POST", "/Conversations", {"FriendlyName": "x"}),
    "onConversationUpdated": ("POST", "/Conversations/{CH}", {"FriendlyName": "x"}),
    "onConversationStateUpdated": ("POST", "/Conversations/{CH}", {"State": "inactive"}),
    "onConversationRemoved": ("DELETE", "/Conversations/{CH}", {}),
    "onParticipantAdded": (
        "POST",
        "/Conversations/{CH}/Participants",
        {"MessagingBinding.Address": BUYER, "MessagingBinding.ProxyAddress": SMS},
    ),
    "onParticipantUpdated": ("POST", "/Conversations/{CH}/Participants/{MB}", {"Attributes": '{"a":1}'}),
    "onParticipantRemoved": ("DELETE", "/Conversations/{CH}/Participants/{MB}", {}),
    "onMessageAdded": ("POST", "/Conversations/{CH}/Messages", {"Body": "hi", "Author": CUSTOMER}),
    "onMessageUpdated": ("POST", "/Conversations/{CH}/Messages/{IM}", {"Body": "better"}),
    "onMessageRemoved": ("DELETE", "/Conversations/{CH}/Messages/{IM}", {}),
    "onUserAdded": ("POST", "/Users", {"Identity": "boss"}),
    "onUserUpdated": ("POST", "/Users/{US}", {"FriendlyName": "Desk"}),
}
DOCUMENTED: dict[str, set[str]] = {
    "onConversationAdded": {
        "ConversationSid",
        "DateCreated",
        "DateUpdated",
        "FriendlyName",
        "Attributes",
        "State",
    },
    "onConversationUpdated": {"ConversationSid", "DateUpdated", "UniqueName", "MessagingServiceSid"},
    "onConversationStateUpdated": {"ConversationSid", "StateFrom", "StateTo", "StateUpdated", "Reason"},
    "onConversationRemoved": {"ConversationSid", "DateRemoved"},
    "onParticipantAdded": {"ParticipantSid", "RoleSid", "MessagingBinding.Type", "MessagingBinding.Address"},
    "onParticipantUpdated": {"ParticipantSid", "DateUpdated", "Attributes"},
    "onParticipantRemoved": {"ParticipantSid", "DateRemoved", "MessagingBinding.ProxyAddress"},
    "onMessageAdded": {
        "MessageSid",
        "MessagingServiceSid",
        "Index",
        "DateCreated",
        "Body",
        "Author",
        "ParticipantSid",
    },
    "onMessageUpdated": {"MessageSid", "DateUpdated", "Body"},
    "onMessageRemoved": {"MessageSid", "DateRemoved", "Index"},
    "onUserAdded": {"UserSid", "Identity", "RoleSid", "Attributes", "IsOnline", "IsNotifiable"},
    "onUserUpdated": {"UserSid", "FriendlyName"},
}

UNDOCUMENTED = {name: {"DateUpdated"} for name in ("onParticipantAdded", "onUserAdded", "onUserUpdated")}


def test_events_of_ours_are_for_no_webhook() -> None:
    """Whatever caused them, and they have no reason; Twilio's have both."""
    store = world()
    account_hook(store, sorted(POST_EVENTS))
    sid = conversation(store, ("+15550100301", "+15550100200"))
    store.phones.send("+15550100301", "+15550100200", "hi")
    store.phones.offline("+15550100301")
    call(store, "POST", f"/Conversations/{sid}", {"Timers.Closed": "PT10M"})
    store.advance(600)
    told = [event.shown() for event in store.events.since(0)]
    store.reset()
    store.commit()
    (begun,) = [event.shown() for event in store.events.since(0) if event.type == "world.reset"]

    ours = [one for one in (*told, begun) if not one["type"].startswith("on")]
    assert {one["type"] for one in ours} == {"phone.changed", "phone.message", "world.reset"}
    assert {(one["webhooks"], one["reason"]) for one in ours} == {(False, None)}
    closed = next(one for one in told if one["type"] == "onConversationStateUpdated")
    assert (closed["webhooks"], closed["reason"]) == (True, "TIMER")


def test_a_domain_of_this_world_says_that_its_functions_do_not_run() -> None:
    """Where it stands, and that is not: a host of somebody else's."""
    store = world()
    site = Project(store)
    sid = conversation(store)
    for url in (f"{site.domain}/optin", "https://other-1234.twil.io/optin"):
        scoped(store, sid, "onMessageAdded", url=url)
    call(store, "POST", f"/Conversations/{sid}/Messages", {"Body": "a"}, TELLING)
    ours, theirs = (one.reason or "" for one in store.deliveries)

    assert "deployed and not run" in ours
    assert "not this machine" in theirs


def test_the_table_has_every_event() -> None:
    """But receipts, which REST does not cause."""
    assert set(BY_REST) == POST_EVENTS - {"onDeliveryUpdated"}
    assert set(DOCUMENTED) == set(BY_REST)


def perform(event: str, headers: dict[str, str], prepare: Callable[[Store, str], object]) -> Store:
    store = world()
    sids = stage(store)
    prepare(store, sids["CH"])
    method, path, form = BY_REST[event]
    call(store, method, path.format(**sids), form, headers)
    return store


@pytest.mark.parametrize("event", sorted(BY_REST))
def test_rest_tells_only_who_is_asked_to(event: str) -> None:
    """With the header each webhook is called once if the event is among its filters; without it, none."""
    everything = sorted(POST_EVENTS - {"onDeliveryUpdated"})

    def configure(store: Store, sid: str) -> None:
        account_hook(store, everything)
        scoped(store, sid, *sorted(EVENTS - {"onDeliveryUpdated"}))

    expected = [("account", event)] + ([("conversation", event)] if event in EVENTS else [])
    assert [one for one in calls(perform(event, TELLING, configure)) if one[1] == event] == expected
    assert calls(perform(event, QUIET, configure)) == []
    others = [name for name in everything if name != event]
    silent = perform(event, TELLING, lambda store, _: account_hook(store, others))
    assert event not in [name for _, name in calls(silent)]


@pytest.mark.parametrize("event", sorted(BY_REST))
def test_parameters_are_those_of_the_event(event: str) -> None:
    """Each documented name, dates in milliseconds, and nothing that has no value."""
    (made,) = perform(event, TELLING, lambda store, _: account_hook(store, [event])).deliveries
    sent = made.call.parameters

    assert {"AccountSid", "EventType", "Source", "ChatServiceSid", "RetryCount"} | DOCUMENTED[event] <= set(
        sent
    )
    assert (sent["EventType"], sent["Source"], sent["RetryCount"]) == (event, "API", "0")
    assert all(value.endswith(".000Z") for name, value in sent.items() if name.startswith("Date"))
    assert "None" not in sent.values()
    assert UNDOCUMENTED.get(event, set()).isdisjoint(sent)


@pytest.mark.parametrize(
    ("author", "sender", "source"), [(CUSTOMER, WA, "WhatsApp"), (BUYER, SMS, "SMS")], ids=["whatsapp", "sms"]
)
def test_channels_always_tell(author: str, sender: str, source: str) -> None:
    """What a handset writes is told with its channel as source, and so are receipts of it."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA), (BUYER, SMS))
    scoped(store, sid, "onMessageAdded", "onDeliveryUpdated")
    store.phones.send(author, sender, "hi")
    told = [one.call.parameters for one in store.deliveries]

    assert told[0]["EventType"] == "onMessageAdded"
    assert (told[0]["Source"], told[0]["Author"], told[0]["Body"]) == (source, author, "hi")
    assert {one["EventType"] for one in told[1:]} == {"onDeliveryUpdated"}
    assert [one["Status"] for one in told[1:]] == ["sent", "delivered"] or author == BUYER


def test_receipts_of_quiet_messages_are_told() -> None:
    """Observed: onDeliveryUpdated comes for messages by REST without the header."""
    store = world()
    sid = conversation(store, (BUYER, SMS))
    account_hook(store, sorted(POST_EVENTS))
    call(store, "POST", f"/Conversations/{sid}/Messages", {"Body": "hi"})

    assert calls(store) == [("account", "onDeliveryUpdated")] * 2


def test_timers_tell() -> None:
    """A state that time changes is told, with TIMER as its reason."""
    store = world()
    sid = conversation(store, **{"State": "active", "Timers.Closed": "PT10M"})
    scoped(store, sid, "onConversationStateUpdated")
    store.advance(601)
    (made,) = store.deliveries

    assert (made.call.parameters["StateTo"], made.call.parameters["Reason"]) == ("closed", "TIMER")
    assert "Source" not in made.call.parameters


@pytest.mark.parametrize(("headers", "expected"), [(QUIET, 0), (TELLING, 1)], ids=["quiet", "telling"])
def test_participants_attached_later_are_told_as_was_asked(headers: dict[str, str], expected: int) -> None:
    """The header of the call that accepted them counts."""
    store = world(switches=Switches(attach_delay_s=5.0))
    account_hook(store, ["onParticipantAdded"])
    one = json.dumps({"identity": "desk"})
    call(store, "POST", "/ConversationWithParticipants", {"Participant": one}, headers)
    store.advance(6)

    assert len(calls(store)) == expected


def test_a_services_webhooks_silence_the_accounts() -> None:
    """For that service, once one has a URL, whatever their filters."""
    store = world()
    service = call(store, "POST", "/Services", {"FriendlyName": "other"})["sid"]
    account_hook(store, ["onConversationAdded"])
    call(store, "POST", f"/Services/{service}/Conversations", {}, TELLING)
    form = {"PostWebhookUrl": HERE, "Filters": ["onMessageAdded"]}
    call(store, "POST", f"/Services/{service}/Configuration/Webhooks", form)
    call(store, "POST", f"/Services/{service}/Conversations", {}, TELLING)
    call(store, "POST", "/Conversations", {}, TELLING)
    form = {"Filters": ["onConversationAdded"]}
    call(store, "POST", f"/Services/{service}/Configuration/Webhooks", form)
    call(store, "POST", f"/Services/{service}/Conversations", {}, TELLING)

    assert [level for level, _ in calls(store)] == ["account", "account", "service"]


def test_autocreation_tells_in_order() -> None:
    """Conversation, participant, message; its own webhook hears from the participant on."""
    store = world()
    form = {
        "Type": "sms",
        "Address": SMS,
        "AutoCreation.Enabled": "true",
        "AutoCreation.Type": "webhook",
        "AutoCreation.WebhookUrl": HERE,
        "AutoCreation.WebhookFilters": ["onParticipantAdded", "onMessageAdded"],
    }
    call(store, "POST", "/Configuration/Addresses", form)
    account_hook(store, ["onConversationAdded", "onParticipantAdded", "onMessageAdded"])
    store.phones.send(BUYER, SMS, "hello?")
    first = next(iter(store.deliveries)).call.parameters

    assert calls(store) == [
        ("account", "onConversationAdded"),
        ("account", "onParticipantAdded"),
        ("conversation", "onParticipantAdded"),
        ("account", "onMessageAdded"),
        ("conversation", "onMessageAdded"),
    ]
    assert (first["Source"], first["MessagingBinding.AuthorAddress"]) == ("SMS", BUYER)


def test_without_filters_nothing_is_told() -> None:
    """Documented: events that are not configured do not fire."""
    store = world()
    call(store, "POST", "/Configuration/Webhooks", {"PostWebhookUrl": HERE, "PreWebhookUrl": HERE})
    call(store, "POST", "/Conversations", {}, TELLING)

    assert calls(store) == []


# --- triggers, flows, the past -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "body", "fires"),
    [
        ("ignored", "please STOP it", True),
        ("exact", "please STOP it", False),
        ("exact", "please stop it", True),
        ("ignored", "go on", False),
        ("ignored", "two words, in one", True),
    ],
)
def test_a_trigger_wants_its_keyword(case: Any, body: str, fires: bool) -> None:
    """It is called as for onMessageAdded, for messages that contain one of its keywords."""
    store = world(switches=Switches(trigger_case=case))
    sid = conversation(store, (CUSTOMER, WA))
    form = {
        "Target": "trigger",
        "Configuration.Url": HERE,
        "Configuration.Triggers": ["stop", "two words"],
    }
    call(store, "POST", f"/Conversations/{sid}/Webhooks", form)
    store.phones.send(CUSTOMER, WA, body)

    assert [(one.call.target, one.call.event) for one in store.deliveries] == (
        [("trigger", "onMessageAdded")] if fires else []
    )


def test_flows_and_flex_are_recorded_and_not_sent() -> None:
    """The reason says what is not here."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    flow = {"Target": "studio", "Configuration.FlowSid": "FW" + "0" * 32}
    call(store, "POST", f"/Conversations/{sid}/Webhooks", flow)
    account_hook(store, ["onMessageAdded"], Target="flex")
    store.phones.send(CUSTOMER, WA, "hi")

    assert [(one.call.target, one.state) for one in store.deliveries] == [
        ("flex", "not_sent"),
        ("studio", "not_sent"),
    ]
    assert all(one.shown()["request"] is None and one.reason for one in store.deliveries)


def test_a_new_webhook_hears_of_the_past() -> None:
    """From the message ReplayAfter names on (documented), each once; without it of nothing."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    for number in range(4):
        store.phones.send(CUSTOMER, WA, f"message {number}")
    call(store, "POST", f"/Conversations/{sid}/Messages", {"Body": "by rest"})
    scoped(store, sid, "onMessageAdded")
    assert calls(store) == []
    scoped(store, sid, "onMessageAdded", **{"Configuration.ReplayAfter": "2"})
    told = [one.call.parameters for one in store.deliveries]

    assert [(one["Index"], one["Source"]) for one in told] == [
        ("2", "WhatsApp"),
        ("3", "WhatsApp"),
        ("4", "API"),
    ]
    scoped(store, sid, "onMessageUpdated", **{"Configuration.ReplayAfter": "0"})
    assert len(calls(store)) == 3


# --- random plays ------------------------------------------------------------------------------------------


@dataclass
class Recorded:
    """A play whose conversations get webhooks as they appear, and what each of those should hear."""

    seed: int
    store: Store = field(init=False)
    hooks: list[tuple[str, str, set[str], int]] = field(default_factory=list)
    account: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        play, dice = Play(self.seed, Switches()), random.Random(self.seed)
        self.store = play.store
        self.account = set(dice.sample(sorted(POST_EVENTS), 8))
        account_hook(self.store, sorted(self.account))
        seen = 0
        for _ in range(120):
            play.run(1)
            news, seen = self.store.events.since(seen), self.store.events.last
            for event in news:
                if event.type == "onConversationAdded" and dice.random() < 0.7:
                    self._hook(event.data["ConversationSid"], set(dice.sample(sorted(EVENTS), 4)))

    def _hook(self, sid: str, filters: set[str]) -> None:
        if self.store.conversation(sid) is not None:
            made = scoped(self.store, sid, *sorted(filters))
            self.hooks.append((sid, made, filters, self.store.events.last))

    def expected(self) -> list[tuple[str | None, str, str]]:
        found: list[tuple[str | None, str, str]] = []
        for event in self.store.events.since(0):
            if not event.cause.webhooks or not event.type.startswith("on"):
                continue
            named = json.dumps(event.data, sort_keys=True)
            if event.type in self.account:
                found.append((None, event.type, named))
            for sid, made, filters, since in self.hooks:
                is_its_own = event.data.get("ConversationSid") == sid and event.id > since
                if is_its_own and event.type in filters:
                    found.append((made, event.type, named))
        return found


@pytest.mark.parametrize("seed", range(8))
def test_every_webhook_hears_of_each_event_once_and_in_order(seed: int) -> None:
    """What is called is what the journal of events and the filters say, no more, no less; twice the same."""
    played = Recorded(seed)
    expected = played.expected()
    told = [(one.call.webhook_sid, one.call.event) for one in played.store.deliveries]
    again = [one.shown() for one in Recorded(seed).store.deliveries]

    assert told == [one[:2] for one in expected][-KEPT:]
    assert again == [one.shown() for one in played.store.deliveries]
    assert len(told) > 5


def test_what_is_kept_is_bounded() -> None:
    """A call that nobody fetched makes room, and says so to who still holds it."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    scoped(store, sid, "onMessageAdded")
    store.phones.send(CUSTOMER, WA, "first")
    (first,) = store.deliveries
    for number in range(KEPT):
        store.deliveries.note(first.call, str(number))

    assert len(list(store.deliveries)) == KEPT
    assert (first.state, first.reason) == ("not_sent", f"more than {KEPT} calls wait")


def test_a_reset_forgets() -> None:
    """Nothing of the old world is called any more."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    scoped(store, sid, "onMessageAdded")
    store.phones.send(CUSTOMER, WA, "hi")
    (made,) = store.deliveries
    store.reset()

    assert (list(store.deliveries), made.state) == ([], "not_sent")


# --- where it may go ---------------------------------------------------------------------------------------

HOSTS = {
    "127.0.0.1": True,
    "127.8.8.8": True,
    "localhost": True,
    "LOCALHOST": True,
    "[::1]": True,
    "0.0.0.0": False,
    "10.0.0.1": False,
    "169.254.169.254": False,
    "[::]": False,
    "[::ffff:8.8.8.8]": False,
    "2130706433": False,
    "127.1": False,
    "localhost.example.com": False,
    "example.com": False,
    "localhost.": False,
}


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_only_this_machine_is_called(host: str) -> None:
    """Every other host is recorded as not sent, with the way to allow it, and is not looked up."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    scoped(store, sid, "onMessageAdded", url=f"http://{host}:9/hook")
    store.phones.send(CUSTOMER, WA, "hi")
    (made,) = store.deliveries
    store.deliveries.allow_external = True
    store.phones.send(CUSTOMER, WA, "hi")

    assert made.state == ("waiting" if HOSTS[host] else "not_sent")
    assert HOSTS[host] or "--allow-external-webhooks" in (made.reason or "")
    assert list(store.deliveries)[-1].state == "waiting"


@pytest.mark.parametrize("host", [host for host, is_here in HOSTS.items() if not is_here])
def test_no_connection_leaves_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were such a call sent all the same, the connection itself is refused: no lookup, no socket."""
    monkeypatch.setattr(socket, "getaddrinfo", None)

    async def sent() -> None:
        outside = Outside(world().deliveries)
        try:
            await outside.send(Sent("POST", f"http://{host}:9/", {}, b""))
        finally:
            await outside.close()

    with pytest.raises(Unanswered, match=r"not this machine|not a canonical"):
        asyncio.run(sent())


@pytest.mark.parametrize("words", [[], ["--memory"]], ids=["folder", "memory"])
@pytest.mark.parametrize("allowed", [False, True])
def test_calls_leave_only_when_told_to(
    words: list[str], allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's option is what allows it, for a folder's world and for one in memory."""
    found: list[bool] = []

    async def serve(home: Any, *_: Any) -> int:
        found.append(home.store.deliveries.allow_external)
        return 0

    monkeypatch.setattr(sys.modules["reconciler.cli.emulator"], "_serve", serve)
    option = ["--allow-external-webhooks"] if allowed else []
    CliRunner().invoke(emulator, [str(tmp_path), *words, *option], standalone_mode=False)

    assert found == [allowed]


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go straight to the receiver."""
    trap, receiver, store = Receiver(), Receiver(), world()
    sid = conversation(store, (CUSTOMER, WA))
    with listening(trap) as proxy, listening(receiver) as url, running(store):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        scoped(store, sid, "onMessageAdded", url=url)
        store.phones.send(CUSTOMER, WA, "hi")
        receiver.wait_for(1)

    assert trap.heard == []


def test_loopback_is_what_the_standard_says() -> None:
    """And nothing that merely looks like it."""
    assert {host: is_loopback(host.strip("[]")) for host in HOSTS} == HOSTS


# --- asking first ------------------------------------------------------------------------------------------


class Teller:
    """Answers every call at once, without a socket."""

    def __init__(self, store: Store, answer: Answer | Exception | None) -> None:
        self.sent: list[Sent] = []
        self._answer = answer
        store.deliveries.send = self.send
        store.deliveries.timeout_s = 0.02

    async def send(self, sent: Sent) -> Answer:
        self.sent.append(sent)
        if self._answer is None:
            await asyncio.sleep(60)
        if isinstance(self._answer, Exception):
            raise self._answer
        assert self._answer is not None
        return self._answer

    def events(self) -> list[str]:
        return [dict(parse_qsl(one.body.decode()))["EventType"] for one in self.sent]


def said(status: int, payload: Any = None) -> Answer:
    return Answer(status, {}, b"" if payload is None else json.dumps(payload).encode())


def asked(store: Store, method: str, path: str, form: Any, headers: Any = TELLING) -> tuple[int, Any]:
    known = {"Authorization": authorization(store.account), **headers}
    known["Content-Type"] = "application/x-www-form-urlencoded"
    url, body = f"https://conversations.twilio.com/v1{path}", urlencode(form).encode()
    status, _, answer = asyncio.run(InProcess(store).send(method, url, known, body, 30))
    return status, json.loads(answer or b"null")


PRE = ["onMessageAdd", "onMessageUpdate", "onMessageRemove", "onUserUpdate"] + [
    f"on{kind}{way}" for kind in ("Conversation", "Participant") for way in ("Add", "Update", "Remove")
]


def pre_hook(store: Store, filters: Sequence[str] = PRE) -> None:
    call(store, "POST", "/Configuration/Webhooks", {"PreWebhookUrl": HERE, "Filters": list(filters)})


VERDICTS: list[tuple[str, Answer | Exception | None, int, str | None]] = [
    ("empty", said(200), 201, "hi"),
    ("nothing", said(200, {}), 201, "hi"),
    ("changed", said(200, {"body": "bye"}), 201, "bye"),
    ("unknown", said(200, {"index": "7", "body": 5}), 201, "hi"),
    ("list", said(200, ["body"]), 201, "hi"),
    ("no json", Answer(200, {}, b"<html>"), 201, "hi"),
    ("refused", said(403), 403, None),
    ("broken", said(500, {"body": "bye"}), 403, None),
    ("elsewhere", said(302), 403, None),
    ("invalid", said(200, {"attributes": "{"}), 400, None),
    ("silent", None, 201, "hi"),
    ("dead", Unanswered("connection refused"), 201, "hi"),
]


@pytest.mark.parametrize(
    ("answer", "status", "body"), [row[1:] for row in VERDICTS], ids=[v[0] for v in VERDICTS]
)
def test_a_pre_event_webhook_decides(answer: Any, status: int, body: str | None) -> None:
    """An answer changes or refuses a message; silence lets it go on as it was."""
    store = world()
    sid = conversation(store, (BUYER, SMS))
    pre_hook(store)
    teller = Teller(store, answer)
    path = f"/Conversations/{sid}/Messages"
    found, _ = asked(store, "POST", path, {"Body": "hi", "Author": "desk"})
    bodies = [row["body"] for row in call(store, "GET", path)["messages"]]

    assert found == status
    assert bodies == ([] if body is None else [body])
    assert teller.events() == ["onMessageAdd"]
    assert asked(store, "POST", path, {"Body": "quiet"}, QUIET)[0] == 201
    assert len(teller.sent) == 1


@pytest.mark.parametrize("code", [50056, 50388])
def test_a_refusal_has_a_code(code: Any) -> None:
    """Which, is a switch; nothing is changed, and nobody else is told."""
    store = world(switches=Switches(pre_event_refusal=code))
    pre_hook(store, ["onConversationAdd"])
    Teller(store, said(403))
    status, body = asked(store, "POST", "/Conversations", {"UniqueName": "x"})

    assert (status, body["code"]) == (403 if code == 50056 else 400, code)
    assert ask(store, "GET", "/Conversations/x")[0] == 404
    assert [one.call.event for one in store.deliveries] == ["onConversationAdd"]


def test_rest_may_be_unable_to_ask() -> None:
    """A switch, for nobody knows whether the header has pre-events asked, too."""
    store = world(switches=Switches(pre_events_by_rest=False))
    pre_hook(store)
    teller = Teller(store, said(403))

    assert asked(store, "POST", "/Conversations", {})[0] == 201
    assert teller.sent == []


ASKING: dict[str, Deed] = {
    "onConversationAdd": ("POST", "/Conversations", {"FriendlyName": "x"}),
    "onConversationUpdate": ("POST", "/Conversations/{CH}", {"FriendlyName": "x"}),
    "onConversationRemove": ("DELETE", "/Conversations/order", {}),
    "onParticipantAdd": ("POST", "/Conversations/{CH}/Participants", {"Identity": "boss"}),
    "onParticipantUpdate": ("POST", "/Conversations/{CH}/Participants/{MB}", {"Attributes": "{}"}),
    "onParticipantRemove": ("DELETE", "/Conversations/{CH}/Participants/{MB}", {}),
    "onMessageAdd": ("POST", "/Conversations/{CH}/Messages", {"Body": "hi", "MediaSid": "ME" + "0" * 32}),
    "onMessageUpdate": ("POST", "/Conversations/{CH}/Messages/{IM}", {"Body": "better"}),
    "onMessageRemove": ("DELETE", "/Conversations/{CH}/Messages/{IM}", {}),
    "onUserUpdate": ("POST", "/Users/{US}", {"FriendlyName": "Desk"}),
}
UNKNOWN_YET = {
    "onConversationAdd": {"ConversationSid", "DateCreated"},
    "onParticipantAdd": {"ParticipantSid", "DateCreated"},
    "onMessageAdd": {"MessageSid", "Index", "DateCreated"},
}


@pytest.mark.parametrize("event", sorted(ASKING))
@pytest.mark.parametrize("scope", ["", "/Services/{IS}"])
def test_every_pre_event_is_asked_about(event: str, scope: str) -> None:
    """Under both kinds of paths; what does not exist yet has no SID; what is given shows; a refusal holds."""
    store = world()
    sids = {**stage(store), "IS": store.configuration.default_chat_service_sid}
    pre_hook(store)
    method, path, form = ASKING[event]
    before = {sid: repr(row) for sid, row in store.index.rows.items()}
    teller = Teller(store, said(403))
    assert asked(store, method, (scope + path).format(**sids), form)[0] == 403
    sent = dict(parse_qsl(teller.sent[0].body.decode()))

    assert teller.events() == [event]
    assert {sid: repr(row) for sid, row in store.index.rows.items()} == before
    assert not UNKNOWN_YET.get(event, set()) & set(sent)
    assert {name: sent[name] for name in form if name != "MediaSid"} == {
        name: value for name, value in form.items() if name != "MediaSid"
    }
    store.deliveries.send = None
    assert asked(store, method, (scope + path).format(**sids), form)[0] < 300


def test_nobody_is_asked_about_what_is_refused_anyway() -> None:
    """An unknown or closed conversation, wrong credentials, what has no pre-event, and reads."""
    store = world()
    sids = stage(store)
    pre_hook(store)
    call(store, "POST", f"/Conversations/{sids['CH']}", {"State": "closed"})
    auth = {"authorization": authorization(store.account), "x-twilio-webhook-enabled": "true"}
    tries = [
        ("POST", f"/v1/Conversations/{sids['CH']}/Messages", auth),
        ("POST", "/v1/Conversations/CH" + "0" * 32, auth),
        ("POST", "/v1/Conversations", {**auth, "authorization": "Basic x"}),
        ("POST", "/v1/Services", auth),
        ("GET", "/v1/Conversations", auth),
    ]

    assert [pre_event(store, Request(method, path, headers)) for method, path, headers in tries] == [None] * 5
    assert pre_event(store, Request("POST", "/v1/Conversations", auth)) is not None


def test_a_call_that_a_fault_ends_is_not_asked_about() -> None:
    """It never reaches Twilio's own work."""
    store = world()
    pre_hook(store)
    teller = Teller(store, said(200))
    store.faults.add(Rule(Effect("status", status=503), Match(method="POST")))

    assert asked(store, "POST", "/Conversations", {})[0] == 503
    assert teller.sent == []


def test_handsets_are_asked_about() -> None:
    """A message for a conversation can be changed or refused; a refused one is nowhere, and says why."""
    store = world()
    conversation(store, (CUSTOMER, WA), (BUYER, SMS))
    pre_hook(store)
    written = store.phones.written(CUSTOMER, WA, "damn")
    question = pre_event_of(store, written)
    Teller(store, said(200, {"body": "d***", "attributes": '{"seen":1}'}))
    kept = store.phones.take(asyncio.run(considered(store, written)))
    Teller(store, said(403))
    lost = store.phones.take(asyncio.run(considered(store, written)))
    Teller(store, said(200, {"attributes": "{"}))
    as_it_was = store.phones.take(asyncio.run(considered(store, written)))
    rows = call(store, "GET", f"/Conversations/{kept.conversation_sid}/Messages")["messages"]

    assert question is not None
    assert (question.event, question.parameters["Source"]) == ("onMessageAdd", "WhatsApp")
    assert [row["body"] for row in rows] == ["d***", "damn"]
    assert [row["attributes"] for row in rows] == ['{"seen":1}', "{}"]
    assert (lost.conversation_sid, lost.reason) == (None, "refused")
    assert as_it_was.conversation_sid == kept.conversation_sid
    assert store.phones[BUYER].messages[0].body == "d***"


def test_autocreation_asks_about_the_conversation_alone() -> None:
    """Refusing it drops the message; a friendly name is taken; strangers to all are not asked about."""
    store = world()
    form = {"Type": "sms", "Address": SMS, "AutoCreation.Enabled": "true", "AutoCreation.Type": "default"}
    call(store, "POST", "/Configuration/Addresses", form)
    pre_hook(store)
    written = store.phones.written(BUYER, SMS, "hello")
    teller = Teller(store, said(403))
    lost = store.phones.take(asyncio.run(considered(store, written)))
    conversations = call(store, "GET", "/Conversations")["conversations"]
    teller = Teller(store, said(200, {"friendly_name": "From afar"}))
    found = store.phones.take(asyncio.run(considered(store, written)))
    sent = dict(parse_qsl(teller.sent[0].body.decode()))

    assert (lost.reason, conversations) == ("refused", [])
    assert teller.events() == ["onConversationAdd"]
    assert (sent["MessageBody"], sent["MessagingBinding.Address"]) == ("hello", BUYER)
    assert call(store, "GET", f"/Conversations/{found.conversation_sid}")["friendly_name"] == "From afar"
    assert pre_event_of(store, store.phones.written(BUYER, "+15550100999", "hello")) is None


# --- over a socket -----------------------------------------------------------------------------------------


@dataclass
class Receiver:
    """A program on this machine that is called: what it heard, and how it answers."""

    answer: Callable[[dict[str, str]], tuple[int, str]] = lambda _: (200, "")
    heard: list[dict[str, str]] = field(default_factory=list)
    valid: list[bool] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def hear(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        url = self.url.rstrip("/") + path
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        query = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
        proof = headers["X-Twilio-Signature"]
        with self.more:
            self.heard.append(form if method == "POST" else query)
            self.valid.append(RequestValidator(AUTH_TOKEN).validate(url, form, proof))
            self.headers.append(headers)
            self.more.notify_all()
        return self.answer(self.heard[-1])

    def wait_for(self, count: int) -> list[dict[str, str]]:
        with self.more:
            assert self.more.wait_for(lambda: len(self.heard) >= count, 10), self.heard
            return list(self.heard)


@contextlib.contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = receiver.hear(self.command, self.path, dict(self.headers.items()), body)
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", text)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield receiver.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def admin(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request(method, f"/_emulator/{path}", "" if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def settled(store: Store, count: int) -> list[Delivery]:
    """Return the deliveries once so many have come to an end."""
    done = threading.Event()
    for _ in range(1000):
        ended = [one for one in store.deliveries if one.state not in ("waiting", "under_way")]
        if len(ended) >= count and all(
            one.duration_s is not None or one.state == "not_sent" for one in ended
        ):
            return ended
        done.wait(0.01)
    raise AssertionError([one.shown() for one in store.deliveries])


@pytest.mark.parametrize("path", ["/hook?a=1&b=%20", "", "?a=1", "/a//b/../c/%2F;x"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_call_arrives_signed(method: str, path: str) -> None:
    """Twilio's validator takes it, by POST and by GET; the headers are Twilio's."""
    store, receiver = world(), Receiver()
    sid = conversation(store, (CUSTOMER, WA))
    with listening(receiver) as url, running(store):
        form = {"Configuration.Method": method}
        scoped(store, sid, "onMessageAdded", url=url.rstrip("/") + path, **form)
        store.phones.send(CUSTOMER, WA, "Grüße & 100%+")
        (heard,) = receiver.wait_for(1)
        (made,) = settled(store, 1)

    assert receiver.valid == [True]
    assert (heard["Body"], heard["Source"], heard["AccountSid"]) == ("Grüße & 100%+", "WhatsApp", ACCOUNT_SID)
    assert receiver.headers[0]["User-Agent"] == "TwilioProxy/1.1"
    assert (made.state, made.answer and made.answer.status, made.code) == ("answered", 200, None)
    assert made.shown()["signature"] == receiver.headers[0]["X-Twilio-Signature"]


def test_what_one_receiver_hears_of_a_conversation_comes_in_order() -> None:
    """One by one, although it dawdles over the first."""
    first = threading.Event()
    receiver = Receiver(lambda _: (200, "x" * first.wait(0.2)))
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    with listening(receiver) as url, running(store):
        scoped(store, sid, "onMessageAdded", url=url)
        for number in range(5):
            store.phones.send(CUSTOMER, WA, f"{number}")
        receiver.wait_for(1)
        first.set()
        heard = receiver.wait_for(5)

    assert [one["Index"] for one in heard] == ["0", "1", "2", "3", "4"]


def test_a_slow_receiver_holds_nobody_up() -> None:
    """Calls of Twilio are answered, and other receivers are told, while it dawdles."""
    let_go = threading.Event()
    slow, quick = Receiver(lambda _: (200, "x" * let_go.wait(10))), Receiver()
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    with listening(slow) as slow_url, listening(quick) as quick_url, running(store) as url:
        scoped(store, sid, "onMessageAdded", url=slow_url)
        scoped(store, sid, "onMessageAdded", url=quick_url)
        for _ in range(2):
            status, _ = admin(url, "POST", "phones/send", {"from": CUSTOMER, "to": WA, "body": "hi"})
            assert status == 200
        quick.wait_for(2)
        slow_ones = [one.state for one in store.deliveries if one.call.url == slow_url]
        let_go.set()
        settled(store, 4)

    assert slow_ones == ["under_way", "waiting"]


def test_a_receiver_has_its_time() -> None:
    """Then the call has failed, with the code of Twilio's debugger, and the next one is made."""
    let_go = threading.Event()
    receiver = Receiver(lambda _: (200, "x" * let_go.wait(10)))
    store = world()
    assert store.deliveries.timeout_s == 5
    store.deliveries.timeout_s = 0.2
    sid = conversation(store, (CUSTOMER, WA))
    with listening(receiver) as url, running(store):
        scoped(store, sid, "onMessageAdded", url=url)
        for _ in range(2):
            store.phones.send(CUSTOMER, WA, "hi")
        ended = settled(store, 2)
        let_go.set()

    assert [(one.code, one.reason) for one in ended] == [(50076, "no answer within 0.2 s")] * 2
    assert all((one.duration_s or 0) >= 0.2 for one in ended)


def test_no_answer_is_good_enough_to_be_asked_twice() -> None:
    """Errors, redirects and dead ports are noted and not repeated; a redirect is not followed."""
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    trap = Receiver()
    with listening(trap) as trap_url:
        receiver = Receiver(lambda form: (500, "broken") if form["Body"] == "a" else (302, f"{trap_url}x"))
        with listening(receiver) as url, running(store):
            scoped(store, sid, "onMessageAdded", url=url)
            store.phones.send(CUSTOMER, WA, "a")
            store.phones.send(CUSTOMER, WA, "b")
            settled(store, 2)
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
                scoped(store, sid, "onMessageAdded", url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
                store.phones.send(CUSTOMER, WA, "c")
                ended = settled(store, 4)

    assert [one.answer and one.answer.status for one in ended] == [500, 302, 302, None]
    assert [one.code for one in ended] == [50057, None, None, 50057]
    assert len(receiver.heard) == 3
    assert trap.heard == []


def test_calls_are_listed_and_made_again() -> None:
    """The admin path shows request, signature, answer and time; a replay is the same call once more."""
    store, receiver = world(), Receiver(lambda _: (200, "thanks"))
    sid = conversation(store, (CUSTOMER, WA))
    with listening(receiver) as hook, running(store) as url:
        made = scoped(store, sid, "onMessageAdded", url=hook)
        scoped(store, sid, "onMessageAdded", url="https://user:secret@hooks.example.com/x")
        store.phones.send(CUSTOMER, WA, "hi")
        settled(store, 2)
        status, found = admin(url, "GET", f"webhooks?webhook_sid={made}&state=answered")
        (one,) = found["webhooks"]
        again = admin(url, "POST", f"webhooks/{one['id']}/replay")
        receiver.wait_for(2)
        settled(store, 3)
        fetched = admin(url, "GET", f"webhooks/{again[1]['id']}")
        missing = [admin(url, "POST", "webhooks/d99/replay")[0], admin(url, "GET", "webhooks/d99")[0]]
        outside = admin(url, "GET", "webhooks?state=not_sent")[1]["webhooks"]

    assert (status, one["answer"], one["level"]) == (200, {"status": 200, "body": "thanks"}, "conversation")
    assert one["request"]["headers"]["X-Twilio-Signature"] == one["signature"]
    assert 0 <= one["duration_s"] < 5
    assert (again[1]["replay_of"], fetched[1]["state"]) == (one["id"], "answered")
    assert receiver.heard[0] == receiver.heard[1]
    assert receiver.valid == [True, True]
    assert missing == [404, 404]
    assert "hooks.example.com" in outside[0]["reason"]
    assert "secret" not in json.dumps(outside)


def test_handsets_over_http_are_asked_about() -> None:
    """The admin path of phones waits for the pre-event webhook."""
    store, receiver = world(), Receiver(lambda _: (200, json.dumps({"body": "changed"})))
    conversation(store, (CUSTOMER, WA))
    with listening(receiver) as hook, running(store) as url:
        form = {"PreWebhookUrl": hook, "Filters": ["onMessageAdd"]}
        call(store, "POST", "/Configuration/Webhooks", form)
        _, sent = admin(url, "POST", "phones/send", {"from": CUSTOMER, "to": WA, "body": "hi"})
        refused = admin(url, "POST", "phones/send", {"from": CUSTOMER, "to": "nobody", "body": "hi"})
    rows = call(store, "GET", f"/Conversations/{sent['conversation_sid']}/Messages")["messages"]

    assert [row["body"] for row in rows] == ["changed"]
    assert (refused[0], len(receiver.heard), receiver.valid) == (400, 1, [True])


def test_what_was_under_way_when_the_emulator_stopped_has_failed() -> None:
    """What waited goes on waiting, and is sent by the next server."""
    let_go = threading.Event()
    receiver = Receiver(lambda _: (200, "x" * let_go.wait(10)))
    store = world()
    sid = conversation(store, (CUSTOMER, WA))
    with listening(receiver) as hook:
        with running(store):
            scoped(store, sid, "onMessageAdded", url=hook)
            store.phones.send(CUSTOMER, WA, "one")
            store.phones.send(CUSTOMER, WA, "two")
            receiver.wait_for(1)
        states = [(one.state, one.reason is None) for one in store.deliveries]
        let_go.set()
        with running(store):
            heard = receiver.wait_for(2)

    assert states == [("failed", False), ("waiting", True)]
    assert [one["Body"] for one in heard] == ["one", "two"]
    assert store.deliveries.listeners == []


def sdk(url: str) -> Any:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.conversations.base_url = url
    return client.conversations.v1


def test_a_webhook_for_once() -> None:
    """The guide's pattern: on the customer's first answer two messages go out and the webhook removes itself.

    The receiver speaks to the emulator with the stock SDK while its own call waits; its messages, by REST,
    do not call it again, and neither does the next answer.
    """
    store = world()
    content = approved(store)
    served: list[str] = []

    def function(form: dict[str, str]) -> tuple[int, str]:
        this = sdk(served[0]).conversations(form["ConversationSid"])
        this.messages.create(body="Great! Just a moment…")
        this.messages.create(author=form["Author"], content_sid=content)
        for hook in this.webhooks.list():
            hook.delete()
        return 200, "{}"

    receiver = Receiver(function)
    with listening(receiver) as hook, running(store) as url:
        served.append(url)
        sid = sdk(url).conversations.create(friendly_name="Courier to customer").sid
        for address in (CUSTOMER, COURIER):
            sdk(url).conversations(sid).participants.create(
                messaging_binding_address=address, messaging_binding_proxy_address=WA
            )
        sdk(url).conversations(sid).messages.create(author=COURIER, content_sid=content)
        sdk(url).conversations(sid).webhooks.create(
            target="webhook",
            configuration_url=f"{hook}customer-optin",
            configuration_method="POST",
            configuration_filters=["onMessageAdded"],
        )
        admin(url, "POST", "phones/send", {"from": CUSTOMER, "to": WA, "body": "Yes"})
        settled(store, 1)
        admin(url, "POST", "phones/send", {"from": CUSTOMER, "to": WA, "body": "Hello?"})
        bodies = [row.body for row in sdk(url).conversations(sid).messages.list()]
        hooks = sdk(url).conversations(sid).webhooks.list()

    assert bodies == [GREETED, "Yes", "Great! Just a moment…", GREETED, "Hello?"]
    assert hooks == []
    assert [(one["Author"], one["Body"]) for one in receiver.heard] == [(CUSTOMER, "Yes")]
    assert receiver.valid == [True]
    assert [one.state for one in store.deliveries] == ["answered"]
