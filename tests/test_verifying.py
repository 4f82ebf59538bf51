"""`emulator verify`: it finds every answer that another emulator gives, sends nothing, and leaves nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import http.client
import json
import os
import random
import re
import signal
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit

import pytest

from reconciler.cli import run as run_command_line
from reconciler.cli.emulator_verify import _question, _recorded, emulators
from reconciler.diagnostics import ExitCode, RefusedError
from reconciler.emulator import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Account,
    Clock,
    Effect,
    InProcess,
    Interrupted,
    Match,
    Rule,
    Store,
    Switches,
    When,
    ask,
)
from reconciler.emulator.doors.authority import Authority, authority_folder
from reconciler.emulator.doors.environment import variables
from reconciler.emulator.doors.server import running
from reconciler.emulator.rows import Conversation
from reconciler.emulator.state import exported
from reconciler.render.numbers import Numbers
from reconciler.render.verification import record_json, verification_json, verification_lines
from reconciler.transport import TransportError
from reconciler.verifying import (
    PREFIX,
    PROBES,
    STATUSES,
    UNASKED,
    Caller,
    Difference,
    Finding,
    Reading,
    UnansweredError,
    Verdict,
    Verification,
    check,
    chosen,
    compare,
    find_leftovers,
    read,
    sweep,
)
from reconciler.verifying.asking import CONVERSATIONS, CORE, Raw
from reconciler.verifying.seeing import at, differences, scrubbed
from reconciler.verifying.silence import WouldSendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.emulator.trouble import Interceptor
    from reconciler.verifying import Probe
    from reconciler.verifying.asking import Answer

RUN = "abc123"
USUAL = chosen(thorough=False)
KEYED = Numbers(b"key")
EMULATORS = emulators()
VARIANTS = {name: switches for name, switches in Switches.variants().items() if name != "default"}
ROOT = Path(__file__).parent.parent
SENT = ("ChannelMessage", "Receipt")


class Carrier:
    """A transport over a world; what is cut there is a lost answer here."""

    def __init__(self, store: Store, interceptor: Interceptor | None = None) -> None:
        self.door = InProcess(store, interceptor=interceptor)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            return await self.door.send(method, url, headers, body, timeout_s)
        except Interrupted as cut:
            raise TransportError("cut", sent=cut.sent) from None


def caller_of(
    store: Store,
    interceptor: Interceptor | None = None,
    user: tuple[str, str] = (ACCOUNT_SID, AUTH_TOKEN),
) -> Caller:
    async def sleep(seconds: float) -> None:
        store.advance(seconds)

    return Caller(Carrier(store, interceptor), ACCOUNT_SID, *user, sleep)


def world(switches: Switches | None = None, **account: Any) -> Store:
    return Store(clock=Clock.frozen(), switches=switches, account=Account(**account))


def rows(store: Store) -> Any:
    return exported(store)["rows"]


def verified(store: Store, probes: tuple[Probe, ...] = tuple(USUAL), proxy: str = "") -> Verification:
    async def whole() -> Verification:
        reading = await read(caller_of(store), probes, RUN, proxy)
        return await compare(reading, probes, EMULATORS)

    return asyncio.run(whole())


def with_verdict(found: Verification, verdict: Verdict) -> dict[str, Finding]:
    return {one.probe.name: one for one in found.findings if one.verdict is verdict}


# --- what is asked -----------------------------------------------------------------------------------------


def test_every_switch_is_asked_or_not_asked_with_a_reason() -> None:
    """A new switch has to be given a probe, or a line in `unasked.py` that says why it has none."""
    asked = {name for probe in (*PROBES, STATUSES) for name in probe.settles}
    unasked = {name for one in UNASKED for name in one.switches}

    assert asked & unasked == set()
    assert asked | unasked == set(Switches.questions())
    assert all(one.because for one in UNASKED)


def test_every_open_question_is_asked_or_not_asked_with_a_reason() -> None:
    """The letters of what nobody could settle, a to l."""
    facts = [one.facts for one in (*PROBES, STATUSES)] + [one.facts for one in UNASKED]
    letters = [letter for one in facts for letter in one.split(", ") if letter]

    assert set(letters) == set("abcdefghijkl")


def test_names_of_probes_are_unique_and_say_their_group() -> None:
    """They are what a record is compared by."""
    names = [probe.name for probe in (*PROBES, STATUSES)]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+/[A-Za-z ]+", name) for name in names)


def probes_table() -> str:
    lines = ["| Probe | What is looked at | Switches | Open question |", "|---|---|---|---|"]
    for one in (*PROBES, STATUSES):
        costly = " (`--thorough`)" if one.costly else ""
        settles = ", ".join(f"`{name}`" for name in one.settles)
        lines.append(f"| {one.name} | {one.asks}{costly} | {settles} | {one.facts} |")
    lines += ["", "| Not asked | Because |", "|---|---|"]
    for unasked in UNASKED:
        names = [*(f"`{name}`" for name in unasked.switches), *filter(None, (unasked.also,))]
        lines.append(f"| {', '.join(names)} | {unasked.because} |")
    return "\n".join(lines)


def test_the_readme_lists_every_probe(pytestconfig: pytest.Config) -> None:
    """And what is not asked."""
    page = ROOT / "reconciler" / "emulator" / "README.md"
    text = page.read_text(encoding="utf-8")
    part = re.compile(r"(<!-- probes: [^>]*-->\n).*?(<!-- probes end -->)", re.DOTALL)
    wanted = part.sub(lambda found: f"{found[1]}\n{probes_table()}\n\n{found[2]}", text)
    if pytestconfig.getoption("--update-golden"):
        page.write_text(wanted, encoding="utf-8")

    assert page.read_text(encoding="utf-8") == wanted
    assert probes_table() in wanted


def test_an_emulator_agrees_with_itself() -> None:
    """Whatever is asked, the costly questions too; and nothing could not be asked."""
    found = verified(world(), tuple(chosen(thorough=True)))

    assert [one for one in found.findings if one.verdict is not Verdict.AGREES] == []
    assert len(found.findings) == len(PROBES) + 1


@pytest.mark.parametrize("name", VARIANTS)
def test_every_switch_is_found(name: str) -> None:
    """Exactly the probes that it changes tell it, each with its answer; where no probe asks, none does."""
    switch = name.partition("=")[0]
    found = verified(world(VARIANTS[name]))
    differing = with_verdict(found, Verdict.DIFFERS)

    assert with_verdict(found, Verdict.UNSEEN) == {}
    assert set(differing) == {probe.name for probe in (*PROBES, STATUSES) if switch in probe.settles}
    for one in differing.values():
        assert name in one.answers, one


@pytest.mark.parametrize("seed", range(6))
def test_several_switches_at_once_are_each_found(seed: int) -> None:
    """A probe that one switch changes is explained by it, however the others stand."""
    switches = Switches.drawn(seed)
    changed = {f.name for f in dataclasses.fields(switches) if getattr(switches, f.name) != f.default}
    differing = with_verdict(verified(world(switches)), Verdict.DIFFERS)
    alone = {probe.name: probe.settles[0] for probe in USUAL if len(probe.settles) == 1}

    assert {name for name, switch in alone.items() if switch in changed} <= set(differing)
    for name in alone.keys() & differing.keys():
        answer = f"{alone[name]}={getattr(switches, alone[name])}"
        assert answer in differing[name].answers, name


def test_what_no_switch_answers_is_a_gap() -> None:
    """A field that Twilio has grown is told, and that nothing of ours agrees."""
    store = world()

    class Grown(Carrier):
        async def send(self, *asked: Any) -> tuple[int, Mapping[str, str], bytes]:
            status, headers, body = await super().send(*asked)
            if asked[0] == "POST" and asked[1].endswith("/Conversations") and status == 201:
                body = json.dumps({**json.loads(body), "grown": "+15550100301"}).encode()
            return status, headers, body

    async def whole() -> Verification:
        caller = caller_of(store)
        caller._transport = Grown(store)
        return await compare(await read(caller, USUAL, RUN), USUAL, EMULATORS)

    found = asyncio.run(whole())
    (one,) = with_verdict(found, Verdict.DIFFERS).values()
    text = "\n".join(line.text for line in verification_lines(found, [], [], KEYED))

    assert one.probe.name == "conversations/new"
    assert [(each.where, each.emulator) for each in one.differences] == [
        ("bare.body.grown", "(absent)"),
        ("by its name", True),
        ("named.body.grown", "(absent)"),
    ]
    assert all(each.answers == () for each in one.differences)
    assert "no switch has this answer" in text
    assert "1 answered differently" in text
    assert "15550100301" not in text


# --- what is never done ------------------------------------------------------------------------------------


def test_no_message_goes_to_anybody() -> None:
    """Every message is written where nobody has an address, and no call asks for webhooks."""
    store = world()
    written: list[str] = []

    def look(_: int, method: str, path: str) -> Effect | None:
        if method == "POST" and (place := re.fullmatch(r".*/Conversations/(CH\w+)/Messages", path)):
            conversation = store.conversation(place[1])
            assert conversation is not None
            people = store.participants(conversation)
            assert all(row.address is row.projected_address is None for row in people)
            written.append(place[1])
        return None

    asyncio.run(read(caller_of(store, look), chosen(thorough=True), RUN))

    assert len(written) > 10
    assert [one for one in store.index.rows.values() if type(one).__name__ in SENT] == []
    assert list(store.deliveries) == []


ADDRESS = {"MessagingBinding.Address": "+15550100301", "MessagingBinding.ProxyAddress": "+15550100201"}
TOGETHER = json.dumps({"messaging_binding": {"address": "+15550100302", "proxy_address": "+15550100202"}})
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda name: name,
    lambda name: "".join(f"%{ord(letter):02X}" for letter in name),
    lambda name: name[:-1] + f"%{ord(name[-1]):02x}",
)
BROUGHT: tuple[tuple[str, Mapping[str, Any] | Raw], ...] = (
    ("", ADDRESS),
    ("", {"Identity": "desk"}),
    ("", {"Identity": "desk", "MessagingBinding.ProjectedAddress": "+15550100203"}),
    ("", Raw("application/x-www-form-urlencoded", urlencode(ADDRESS).encode())),
    (f"?{urlencode(ADDRESS)}", {}),
)


class Hostile:
    """A probe that tries to reach somebody, each time in a way that is drawn."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.store = world()
        self.caller = caller_of(self.store, self.look)
        self.names: list[str] = []
        self.messages = 0

    def look(self, _: int, method: str, path: str) -> Effect | None:
        """Hold every message that leaves against who is in its conversation."""
        if method == "POST" and "Messages" in (parts := unquote(path).split("/")):
            conversation = self.store.conversation(parts[parts.index("Conversations") + 1])
            assert conversation is not None
            people = self.store.participants(conversation)
            assert all(row.address is row.projected_address is None for row in people)
            self.messages += 1
        return None

    def conversation(self) -> str:
        spelled = self.dice.choice(SPELLINGS)(self.dice.choice(self.names))
        return f"{CONVERSATIONS}/Conversations/{spelled}"

    async def make(self) -> None:
        name = f"one-{len(self.names)}"
        self.keep(await self.caller.ask("POST", f"{CONVERSATIONS}/Conversations", {"UniqueName": name}), name)

    async def make_together(self) -> None:
        name = f"together-{len(self.names)}"
        form = {"UniqueName": name, "Participant": [TOGETHER]}
        self.keep(await self.caller.ask("POST", f"{CONVERSATIONS}/ConversationWithParticipants", form), name)
        self.store.advance(10)

    async def find(self) -> None:
        """Know a conversation that somebody else has made, with somebody in it."""
        name = f"found-{len(self.names)}"
        status, row = ask(self.store, "POST", "/Conversations", {"UniqueName": name})
        assert status == 201
        number = f"+1555010{len(self.names):04d}"
        people = f"/Conversations/{row['sid']}/Participants"
        assert ask(self.store, "POST", people, {**ADDRESS, "MessagingBinding.Address": number})[0] == 201
        self.names += [row["sid"], name]

    async def rename(self) -> None:
        name = f"renamed-{len(self.names)}"
        self.keep(await self.caller.ask("POST", self.conversation(), {"UniqueName": name}), name)

    async def bring(self) -> None:
        query, form = self.dice.choice(BROUGHT)
        await self.caller.ask("POST", f"{self.conversation()}/Participants{query}", form)

    async def say(self) -> None:
        with suppress(WouldSendError):
            await self.caller.ask("POST", f"{self.conversation()}/Messages", {"Body": "hello"})

    def keep(self, answer: Answer, name: str) -> None:
        if answer.is_done:
            self.names += [answer.row["sid"], name]

    async def run(self) -> None:
        await self.make()
        tries = (self.make, self.make_together, self.find, self.rename, self.bring, self.say)
        for _ in range(60):
            await self.dice.choices(tries, (4, 1, 1, 1, 2, 8))[0]()


def test_no_probe_can_send() -> None:
    """However it names the conversation, whoever made it, and however somebody got into it."""
    messages = 0
    for seed in range(80):
        hostile = Hostile(seed)
        asyncio.run(hostile.run())
        assert not any(type(row).__name__ in SENT for row in hostile.store.index.rows.values()), seed
        messages += hostile.messages

    assert messages > 200


@pytest.mark.parametrize(("query", "form"), [one for one in BROUGHT if one[1] != {"Identity": "desk"}])
def test_who_may_have_an_address_is_taken_for_one_who_has(query: str, form: Any) -> None:
    """Whatever is made of the call: Twilio may take what an emulator does not."""
    caller = caller_of(world())

    async def whole() -> None:
        sid = (await caller.ask("POST", f"{CONVERSATIONS}/Conversations")).row["sid"]
        at = f"{CONVERSATIONS}/Conversations/{sid}"
        assert (await caller.ask("POST", f"{at}/Messages", {"Body": "stored"})).is_done
        await caller.ask("POST", f"{at}/Participants{query}", form)
        with pytest.raises(WouldSendError):
            await caller.ask("POST", f"{at}/Messages", {"Body": "sent"})

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", f"{CORE}/Accounts/{ACCOUNT_SID}/Messages.json"),
        ("POST", "https://messaging.twilio.com/v1/Services"),
        ("POST", f"{CONVERSATIONS}/Conversations/CH{'0' * 32}/Messages"),
        ("POST", f"{CONVERSATIONS}/Conversations/CH{'0' * 32}/messages/"),
        ("PUT", f"{CONVERSATIONS}/Conversations/CH{'0' * 32}/%4Dessages"),
    ],
)
def test_a_message_elsewhere_is_refused_before_it_leaves(method: str, url: str) -> None:
    """Nothing is written to other products; and of a conversation that was not seen made nothing is known."""
    caller = caller_of(world())

    with pytest.raises(WouldSendError):
        asyncio.run(caller.ask(method, url, {"Body": "hello"}))
    assert caller.calls == 0


def test_nothing_of_the_account_is_changed() -> None:
    """What is written outside of services of the run's own is an address configuration, and a template."""
    store = world()
    places: set[str] = set()

    def look(_: int, method: str, path: str) -> Effect | None:
        if method != "GET":
            places.add(re.sub(r"[A-Z]{2}[0-9a-f]{32}", "SID", path))
        return None

    asyncio.run(read(caller_of(store, look), chosen(thorough=True), RUN))
    outside = {path for path in places if not path.startswith("/v1/Services")}

    assert outside == {
        "/v1/Configuration/Addresses",
        "/v1/Configuration/Addresses/SID",
        "/v1/Content",
        "/v1/Content/SID",
    }


# --- what is left ------------------------------------------------------------------------------------------


def test_nothing_is_left() -> None:
    """After a run the account is as it was, and everything that was made bore the run's name."""
    store = world()
    before = rows(store)

    async def whole() -> tuple[int, Any]:
        caller = caller_of(store)
        await read(caller, chosen(thorough=True), RUN)
        return len(await find_leftovers(caller)), await sweep(caller)

    made, left = asyncio.run(whole())

    assert made > 5
    assert left == ()
    assert rows(store) == before


class DeadError(Exception):
    """The process ends here."""


def cut_at(number: int, kind: str) -> Interceptor:
    """Return what kills the run before or after this call, or loses its answer."""

    def meet(n: int, _: str, __: str) -> Effect | None:
        if n != number:
            return None
        if kind == "killed":
            raise DeadError
        return Effect("drop_after_commit")

    return meet


def calls_of(probe: Probe) -> int:
    caller = caller_of(world())
    asyncio.run(read(caller, [probe], RUN))
    return caller.calls


@pytest.mark.parametrize("kind", ["killed", "lost"])
@pytest.mark.parametrize("probe", USUAL, ids=lambda probe: probe.name)
def test_cut_at_any_call_the_next_run_cleans(probe: Probe, kind: str) -> None:
    """Whatever a question had made until then is found by its name; a lost answer is no crash."""
    calls = calls_of(probe)
    for number in range(1, calls + 1):
        store = world()
        before = rows(store)
        try:
            asyncio.run(read(caller_of(store, cut_at(number, kind)), [probe], RUN))
        except DeadError:
            assert kind == "killed"
        else:
            assert kind == "lost"

        assert asyncio.run(sweep(caller_of(store))) == (), number
        assert rows(store) == before, number
    assert calls > 0


def test_conversations_are_deleted_before_their_service() -> None:
    """Nobody knows whether Twilio frees pairs with a service."""
    store = world()
    asyncio.run(read(caller_of(store), USUAL, RUN))
    standing = {
        row.sid: row.service_sid for row in store.index.rows.values() if isinstance(row, Conversation)
    }
    deleted: list[str] = []

    def look(_: int, method: str, path: str) -> Effect | None:
        if method == "DELETE":
            deleted.append(path.rpartition("/")[2])
        return None

    assert asyncio.run(sweep(caller_of(store, look))) == ()
    assert len(standing) > 10
    assert all(deleted.index(sid) < deleted.index(service) for sid, service in standing.items())


class Instead(Carrier):
    """A transport that answers what is asked at some addresses itself."""

    def __init__(self, store: Store, where: str, status: int, body: bytes) -> None:
        super().__init__(store)
        self.where = where
        self.answer: tuple[int, Mapping[str, str], bytes] = status, {}, body

    async def send(self, *asked: Any) -> tuple[int, Mapping[str, str], bytes]:
        if asked[0] == "GET" and re.search(self.where, asked[1]):
            return self.answer
        return await super().send(*asked)


def instead(store: Store, where: str, status: int, body: Any) -> Caller:
    caller = caller_of(store)
    caller._transport = Instead(store, where, status, json.dumps(body).encode())
    return caller


SERVICE = {"sid": "IS" + "0" * 32, "friendly_name": "x"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            {"services": [SERVICE], "meta": {"next_page_url": "https://conversations.ie1.twilio.com/v1/S"}},
            "somewhere else",
        ),
        (
            {"services": [SERVICE], "meta": {"next_page_url": f"{CONVERSATIONS}/Services?Page=1"}},
            "do not end",
        ),
        ({"services": [SERVICE]}, "no list"),
        ({"services": ["IS1"], "meta": {}}, "no list"),
        ({"meta": {}}, "no list"),
        ([], "no list"),
    ],
)
def test_a_list_that_cannot_be_read_to_its_end_is_told(body: Any, why: str) -> None:
    """It is never taken for a shorter one, and what may be in it is not taken for swept."""
    caller = instead(world(), r"/v1/Services\?", 200, body)

    with pytest.raises(UnansweredError, match=why):
        asyncio.run(caller.pages(f"{CONVERSATIONS}/Services", "services"))
    (left,) = asyncio.run(sweep(caller))
    assert why in left.why


def test_what_cannot_be_taken_away_is_named() -> None:
    """By its kind and sid, with the reason; the rest goes."""
    store = world()

    async def whole() -> Any:
        caller = caller_of(store)
        await read(caller, USUAL, RUN)
        store.faults.add(
            Rule(
                Effect("status", status=403, code=20403),
                Match(method="DELETE", path="/v1/Services/{Sid}"),
                When(nth=2),
            )
        )
        return await sweep(caller)

    (left,) = asyncio.run(whole())

    assert left.kind == "Conversations service"
    assert left.sid.startswith("IS")
    assert left.why == "refused with 403/20403"


# --- whose account -----------------------------------------------------------------------------------------


def refusal(store: Store, *, vouched: bool = False, user: tuple[str, str] = (ACCOUNT_SID, AUTH_TOKEN)) -> str:
    writes = store.writes
    with pytest.raises(RefusedError) as caught:
        asyncio.run(check(caller_of(store, user=user), vouched=vouched))
    assert store.writes == writes
    (problem,) = caught.value.diagnostics
    assert problem.detail
    return problem.summary


def test_a_new_subaccount_may_be_tried_on() -> None:
    """So may one in which an earlier run has left something. Looking writes nothing."""
    store = world()
    asyncio.run(read(caller_of(store), USUAL, RUN))
    writes = store.writes

    assert asyncio.run(check(caller_of(store))).is_subaccount
    assert asyncio.run(check(caller_of(world()))).is_subaccount
    assert store.writes == writes


def test_a_main_account_is_refused() -> None:
    """Whoever vouches for it; and so is one that is not active."""
    assert "no subaccount" in refusal(world(owner_sid=ACCOUNT_SID))
    assert "no subaccount" in refusal(world(owner_sid=ACCOUNT_SID), vouched=True)
    assert "is suspended" in refusal(world(status="suspended"))


def test_an_api_key_has_to_be_vouched_for() -> None:
    """It may not read whose account it is."""
    key = "SK" + "1" * 32
    store = world(api_keys={key: "secret"})

    assert "nobody can tell" in refusal(store, user=(key, "secret"))
    account = asyncio.run(check(caller_of(store, user=(key, "secret")), vouched=True))
    assert not account.is_subaccount


def test_credentials_that_open_nothing_are_told() -> None:
    """A wrong token is not taken for a key that may not read accounts."""
    with pytest.raises(UnansweredError) as caught:
        asyncio.run(check(caller_of(world(), user=(ACCOUNT_SID, "wrong")), vouched=True))

    assert "are refused: 401/20003" in str(caught.value)


PAIR = {"Type": "sms", "Address": "+15550100201"}
HELD: dict[str, tuple[str, dict[str, str]]] = {
    "conversations": ("/Conversations", {}),
    "users": ("/Users", {"Identity": "desk"}),
    "Conversations services": ("/Services", {"FriendlyName": "Support"}),
    "address configurations": ("/Configuration/Addresses", PAIR),
    "webhooks of the account": ("/Configuration/Webhooks", {"PostWebhookUrl": "https://example.com/"}),
    "webhooks of the account, before": ("/Configuration/Webhooks", {"PreWebhookUrl": "https://example.com/"}),
    "Sync services": ("https://sync.twilio.com/v1/Services", {"FriendlyName": "Leases"}),
    "Functions services": (
        "https://serverless.twilio.com/v1/Services",
        {"UniqueName": "courier", "FriendlyName": "Courier"},
    ),
}


@pytest.mark.parametrize("what", HELD)
def test_an_account_that_is_in_use_is_refused(what: str) -> None:
    """Whatever it holds is named, and whoever vouches changes nothing."""
    store = world()
    status, _ = ask(store, "POST", *HELD[what])

    told = f"it has {what.partition(',')[0]}"
    assert status in (200, 201)
    assert refusal(store).endswith(told)
    assert refusal(store, vouched=True).endswith(told)


READ = {
    r"/v1/Configuration$": "a service of its own",
    r"/v1/Conversations\?": "conversations",
    r"/v1/Users\?": "users",
    r"/v1/Configuration/Webhooks": "webhooks of the account",
    r"/v1/Configuration/Addresses": "address configurations",
    r"conversations.twilio.com/v1/Services": "Conversations services",
}
SHUT = {"sync": "Sync services", "content": "templates", "serverless": "Functions services"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 200])
@pytest.mark.parametrize("where", READ)
def test_what_cannot_be_read_may_be_there(where: str, status: int) -> None:
    """An account of which nobody can tell what it holds is refused, whoever vouches."""
    store = world()
    assert ask(store, "POST", "/Conversations", {})[0] == 201
    body = {"code": 20003, "status": status, "message": "no"}
    for vouched in (False, True):
        with pytest.raises(RefusedError) as caught:
            asyncio.run(check(instead(store, where, status, body), vouched=vouched))
        summary = caught.value.diagnostics[0].summary

        assert f"nobody can tell whether account {ACCOUNT_SID} has" in summary
        assert READ[where] in summary
        assert status == 200 or f"refused with {status}/20003" in summary


@pytest.mark.parametrize(
    "name", ["Default Service", "default", f"{PREFIX}results (prod)", f"{PREFIX}results-prod"]
)
def test_what_is_only_named_like_ours_is_somebodys(name: str) -> None:
    """It keeps an account from being tried on, and no run ever takes it away."""
    store = world()
    ask(store, "POST", "/Services", {"FriendlyName": name})

    assert "Conversations services" in refusal(store)
    assert asyncio.run(find_leftovers(caller_of(store))) == ()


def test_documents_in_the_service_that_every_account_has_are_somebodys() -> None:
    store = world()
    ask(store, "POST", "https://sync.twilio.com/v1/Services/default/Documents", {"UniqueName": "theirs"})

    assert "Sync documents" in refusal(store)


def test_a_run_takes_away_its_own_alone() -> None:
    """Another one may be under way."""
    store = world()
    asyncio.run(read(caller_of(store), USUAL, "aaaaaa"))
    theirs = asyncio.run(find_leftovers(caller_of(store)))
    asyncio.run(read(caller_of(store), USUAL, "bbbbbb"))

    assert asyncio.run(sweep(caller_of(store), "bbbbbb")) == ()
    assert asyncio.run(find_leftovers(caller_of(store))) == theirs
    assert len(theirs) > 3


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("host", SHUT)
def test_nothing_is_written_to_a_product_that_may_not_be_read(host: str, status: int) -> None:
    """Even where it could be: it is named in the question, and what needs it is not asked."""
    store = world()
    before = rows(store)
    caller = instead(store, rf"^https://{host}\.", status, {"code": 20003})

    async def whole() -> tuple[str, Reading]:
        account = await check(caller)
        question = await _question(account, USUAL)
        return question, await read(caller, USUAL, RUN)

    question, reading = asyncio.run(whole())

    assert f"{SHUT[host]} ({status}/20003): nothing is written there" in question
    assert {name.partition("/")[0] for name in reading.unseen} == {
        {"sync": "documents", "content": "templates", "serverless": "functions"}[host]
    }
    assert all(f"{status}/20003" in why for why in reading.unseen.values())
    assert asyncio.run(sweep(caller)) == ()
    assert rows(store) == before


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("host", SHUT)
def test_another_refusal_of_a_product_is_not_passed_over(host: str, status: int) -> None:
    """Only who may not use a product is known to have nothing there."""
    with pytest.raises(RefusedError, match=f"has {SHUT[host]}: .* refused with {status}/20001"):
        asyncio.run(check(instead(world(), rf"^https://{host}\.", status, {"code": 20001})))


# --- accounts that may less --------------------------------------------------------------------------------


def test_a_proxy_that_is_not_the_accounts_is_told() -> None:
    """What needs a pair cannot be asked then, and how to go on is said; with a number of its own it can."""
    own = "+15550100201"
    store = world(senders=frozenset({own}))
    unseen = with_verdict(verified(store), Verdict.UNSEEN)

    assert {name for name in unseen if name.startswith("releases/pair")} == {
        "releases/pair left",
        "releases/pair closed",
        "releases/pair deleted",
    }
    assert "settings/address configuration" in unseen
    assert all("--proxy" in one.why for one in unseen.values())
    again = verified(world(senders=frozenset({own})), proxy=own)
    assert [one for one in again.findings if one.verdict is not Verdict.AGREES] == []


def test_without_sync_the_rest_is_asked() -> None:
    """A product that the credentials may not use is told; nothing of it needs to be taken away."""
    store = world(sync=False)
    before = rows(store)
    caller = caller_of(store)

    async def whole() -> Verification:
        await check(caller)
        return await compare(await read(caller, USUAL, RUN), USUAL, EMULATORS)

    found = asyncio.run(whole())
    unseen = with_verdict(found, Verdict.UNSEEN)
    assert {one.probe.group for one in unseen.values()} == {"documents"}
    assert all("403/70051" in one.why for one in unseen.values())
    assert with_verdict(found, Verdict.DIFFERS) == {}
    assert asyncio.run(sweep(caller)) == ()
    assert rows(store) == before


def test_a_busy_twilio_is_asked_again() -> None:
    """A 429 is waited for as it asks, and told; nothing differs for it."""
    store = world()
    store.faults.add(Rule(Effect("status", status=429, retry_after=3), Match(), When(every=50)))

    async def whole() -> tuple[Caller, Reading]:
        caller = caller_of(store)
        return caller, await read(caller, USUAL, RUN)

    caller, reading = asyncio.run(whole())
    found = asyncio.run(compare(reading, USUAL, EMULATORS))

    assert reading.unseen == {}
    assert set(caller.throttled) == {"3"}
    told = "\n".join(line.text for line in verification_lines(found, [], caller.throttled, KEYED))
    assert f"429 was met {len(caller.throttled)} times: 3" in told


def test_an_answer_of_another_form_is_no_crash() -> None:
    """What is no JSON, or has other fields, makes a question unseen."""
    store = world()

    class Garbled(Carrier):
        async def send(self, *asked: Any) -> tuple[int, Mapping[str, str], bytes]:
            status, headers, body = await super().send(*asked)
            return status, headers, b"<html>" if asked[0] == "GET" else body

    async def whole() -> Reading:
        caller = caller_of(store)
        caller._transport = Garbled(store)
        return await read(caller, USUAL, RUN)

    reading = asyncio.run(whole())

    assert len(reading.unseen) > 10
    assert set(reading.seen) | set(reading.unseen) == {probe.name for probe in USUAL}


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("lists/drift", {"conversations": []}, r"IndexError at lists\.py:\d+"),
        ("webhooks/method", {"configuration": None}, r"(Attribute|Type)Error at webhooks\.py:\d+"),
    ],
)
def test_an_unknown_form_loses_its_question_alone(name: str, change: dict[str, Any], told: str) -> None:
    """It is said at which line of the probe, and the others are asked."""
    store = world()

    class Other(Carrier):
        async def send(self, *asked: Any) -> tuple[int, Mapping[str, str], bytes]:
            status, headers, body = await super().send(*asked)
            data = json.loads(body) if body else {}
            is_meant = data.keys() & change.keys() and (asked[0] == "POST" or "PageToken" in asked[1])
            return status, headers, json.dumps({**data, **change}).encode() if is_meant else body

    caller = caller_of(store)
    caller._transport = Other(store)
    reading = asyncio.run(read(caller, USUAL, RUN))

    assert re.search(told, reading.unseen[name])
    assert set(reading.seen) | set(reading.unseen) == {probe.name for probe in USUAL}
    assert len(reading.seen) > len(USUAL) // 2


def test_credentials_go_to_no_other_host() -> None:
    """Whatever an answer says where the next page is."""
    caller = caller_of(world())

    for url in (
        "https://conversations.example.com/v1/Services",
        "http://conversations.twilio.com/v1/Services",
    ):
        with pytest.raises(UnansweredError, match="none of the hosts"):
            asyncio.run(caller.ask("GET", url))
    assert caller.calls == 0


def test_who_never_answers_is_given_up() -> None:
    """After some waiting; a write that may have landed is not repeated."""
    store = world()
    store.faults.add(Rule(Effect("drop"), Match()))

    for method, calls in (("GET", 5), ("POST", 1)):
        caller = caller_of(store)
        with pytest.raises(UnansweredError):
            asyncio.run(caller.ask(method, f"{CONVERSATIONS}/Conversations"))
        assert caller.calls == calls


def test_an_account_that_falls_silent_is_left_alone() -> None:
    """Two questions wait for an answer; the others are not asked, and that is said."""
    store = world()
    store.faults.add(Rule(Effect("drop"), Match(), When(after_s=1.0)))

    async def whole() -> tuple[Reading, float]:
        return await read(caller_of(store), USUAL, RUN), store.now_s()

    begun_s = store.now_s()
    reading, ended_s = asyncio.run(whole())
    given_up = [name for name, why in reading.unseen.items() if "nobody answers" in why]

    assert len(reading.seen) > 5
    assert len(given_up) > 10
    assert given_up == [probe.name for probe in USUAL][-len(given_up) :]
    assert ended_s - begun_s < 120


# --- what is printed ---------------------------------------------------------------------------------------


def test_nothing_of_the_account_is_in_what_is_shared() -> None:
    """No sid, number, name or token, in the text, the JSON or the record; all differences at once."""
    found = verified(world(Switches.drawn(3)))
    left_out = [probe for probe in PROBES if probe.costly]
    shared = [
        "\n".join(line.text for line in verification_lines(found, left_out, [""], KEYED)),
        verification_json(found, left_out, [""], KEYED),
        record_json(found, KEYED),
    ]

    for text in shared:
        assert re.findall(r"[A-Z]{2}[0-9a-f]{32}|\+\d{7}|20\d\d-\d\d-\d\dT", text) == []
        assert AUTH_TOKEN not in text
        assert f"{PREFIX}{RUN}" not in text
    data = json.loads(shared[1])
    assert data["summary"] == {verdict.value: found.count(verdict) for verdict in Verdict}
    assert {one["name"] for one in data["probes"]} == {one.probe.name for one in found.findings}
    assert set(json.loads(shared[2])["seen"]) == {probe.name for probe in USUAL}


def test_numbers_that_came_through_are_masked() -> None:
    """What scrubbing does not know as a number, because it is written in another way."""
    seen = {"digits": 15550100301, "plain": "15550100301"}
    reading = Reading({USUAL[0].name: seen}, {USUAL[1].name: "15550100301 is refused"})
    difference = Difference("digits", 15550100301, "15550100301")
    found = Verification((Finding(USUAL[0], Verdict.DIFFERS, (difference,)),), reading)

    for text in (record_json(found, KEYED), verification_json(found, [], [], KEYED)):
        assert "15550100301" not in text


def test_all_that_is_not_asked_is_printed() -> None:
    """Each with its reason."""
    left_out = [probe for probe in PROBES if probe.costly]
    text = "\n".join(line.text for line in verification_lines(verified(world()), left_out, [], KEYED))

    assert all(name in text for one in UNASKED for name in one.names)
    assert all(f"{probe.name}, because it {probe.costly}" in text for probe in left_out)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, [("a.b", [1], [2])]),
        ({"a.b": {"c": 1}}, {"a.b": {"c": 2}}, [("a.b.c", 1, 2)]),
        ({}, {"a": None}, [("a", "(absent)", None)]),
    ],
)
def test_differences_are_named_and_found_again(left: Any, right: Any, expected: Any) -> None:
    """Each by the smallest part that differs, also below names with dots."""
    found = list(differences(left, right))

    assert found == expected
    assert all((at(left, where), at(right, where)) == (one, other) for where, one, other in found)


def test_what_is_volatile_is_replaced() -> None:
    """Sids, dates, names of a run, numbers and tokens."""
    text = f"CH{'a' * 32} 2026-01-01T00:00:00Z {PREFIX}{RUN}-x +15550100301 ?PageToken=PTabc&Page=1"

    assert scrubbed({text: [text]}) == {
        "<CH> <date> <run>-x <number> ?PageToken=<token>&Page=1": [
            "<CH> <date> <run>-x <number> ?PageToken=<token>&Page=1"
        ]
    }


# --- as typed ----------------------------------------------------------------------------------------------


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Hear Ctrl-C also where the tests themselves run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Store]:
    """Let the network lead into a world of this process, with credentials for it in the environment."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)

    def lead(store: Store, interceptor: Interceptor | None = None) -> Store:
        class Led(Carrier):
            def __init__(self) -> None:
                super().__init__(store, interceptor)

            async def __aenter__(self) -> Led:
                return self

            async def __aexit__(self, *exc: object) -> None:
                pass

        async def sleep(_: object, seconds: float) -> None:
            store.advance(seconds)

        monkeypatch.setattr("reconciler.transport.Network", Led)
        monkeypatch.setattr("reconciler.pace.WallClock.sleep", sleep)
        return store

    return lead


def typed(*words: str, account: str = ACCOUNT_SID) -> int:
    return run_command_line(["emulator", "verify", "--account", account, *words])


def test_verify_as_typed(
    account: Callable[..., Store], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It prints what differs, records it, and leaves the account as it was."""
    store = account(world(Switches(method_echo="upper")))
    before = rows(store)
    record = tmp_path / "record.json"

    assert typed("--yes", "--record", str(record)) == ExitCode.FINE
    out = capsys.readouterr().out
    assert "webhooks/method: the letter case of a method when read (open question c)" in out
    assert "agrees under method_echo=upper" in out
    assert out.splitlines()[-1].endswith("1 answered differently.")
    assert json.loads(record.read_text())["seen"]["webhooks/method"]["sent get"] == "GET"
    assert rows(store) == before
    assert typed("--yes", "--detailed-exitcode", "--format", "json") == ExitCode.CHANGES
    assert json.loads(capsys.readouterr().out)["summary"]["differs"] == 1


def test_another_account_is_refused_before_anything_is_sent(
    account: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    """The credentials have to open the account that is named."""
    store = account(world())

    assert typed("--yes", account="AC" + "9" * 32) == ExitCode.REFUSED
    assert store.calls == 0
    assert "the credentials open" in capsys.readouterr().err


def test_nobody_there_to_consent(account: Callable[..., Store], capsys: pytest.CaptureFixture[str]) -> None:
    """It asks before the first write; guards refuse whoever consents."""
    store = account(world())
    assert typed() == ExitCode.ERROR
    ask(store, "POST", "/Services", {"FriendlyName": f"{PREFIX}dead-main"})
    writes = store.writes

    assert typed("--clean-up") == ExitCode.ERROR
    assert "consent with --yes" in capsys.readouterr().err
    assert typed("--yes") == ExitCode.REFUSED
    assert "another run" in capsys.readouterr().err
    assert store.writes == writes
    account(world(owner_sid=ACCOUNT_SID))
    assert typed("--yes") == ExitCode.REFUSED
    assert typed("--clean-up", "--yes") == ExitCode.REFUSED


def test_cleaning_up_as_typed(account: Callable[..., Store], capsys: pytest.CaptureFixture[str]) -> None:
    """It takes away what a dead run has left, and nothing else; then there is nothing."""
    store = account(world())
    ask(store, "POST", "/Conversations", {"UniqueName": "somebodys"})
    before = rows(store)
    asyncio.run(read(caller_of(store), USUAL, RUN))

    assert typed("--clean-up", "--yes") == ExitCode.FINE
    assert "Conversations service IS" in capsys.readouterr().out
    assert rows(store) == before
    assert typed("--clean-up") == ExitCode.FINE
    assert "Nothing is left" in capsys.readouterr().out


@pytest.mark.usefixtures("_interruptible")
def test_a_stop_cleans_up(account: Callable[..., Store], capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in the middle of it, and the account is as it was."""
    store = world()

    def stop(number: int, _: str, __: str) -> Effect | None:
        if number == 200:
            os.kill(os.getpid(), signal.SIGINT)
        return None

    account(store, stop)
    before = rows(store)

    assert typed("--yes") == ExitCode.ERROR
    assert "what was made is taken away" in capsys.readouterr().err
    assert store.writes > 100
    assert rows(store) == before


@pytest.mark.usefixtures("_interruptible")
def test_a_second_stop_says_what_to_do(
    account: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while things are taken away: what is left is for --clean-up."""
    store = world()

    def stop(_: int, method: str, path: str) -> Effect | None:
        if method == "DELETE" and re.fullmatch(r"/v1/Services/IS\w+", path) and store.writes > 300:
            os.kill(os.getpid(), signal.SIGINT)
        return None

    account(store, stop)
    before = rows(store)

    assert typed("--yes") == ExitCode.WORK_LEFT
    err = capsys.readouterr().err
    assert f"Go on with: reconciler emulator verify --account {ACCOUNT_SID} --clean-up" in err
    account(store)
    assert typed("--clean-up", "--yes") == ExitCode.FINE
    assert rows(store) == before


def test_without_a_network_it_says_so(
    account: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written."""
    store = account(world())
    store.faults.add(Rule(Effect("drop"), Match()))

    assert typed("--yes") == ExitCode.ERROR
    assert "GET /2010-04-01/Accounts" in capsys.readouterr().err
    assert store.committed == 0


def test_work_left_is_an_exit_code(account: Callable[..., Store], capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be taken away is named, with how to try again."""
    store = account(world())
    store.faults.add(
        Rule(
            Effect("status", status=403, code=20403),
            Match(method="DELETE", path="/v1/Services/{Sid}"),
            When(after_s=5.0),
        )
    )

    assert typed("--yes") == ExitCode.WORK_LEFT
    err = capsys.readouterr().err
    assert "Sync service IS" in err
    assert f"reconciler emulator verify --account {ACCOUNT_SID} --clean-up" in err


@pytest.mark.parametrize("place", ["missing/record.json", "taken", "file/record.json"])
def test_a_place_where_no_record_can_be_is_told_first(
    place: str, account: Callable[..., Store], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Before anything is asked."""
    store = account(world())
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "taken")

    assert typed("--yes", "--record", str(tmp_path / place)) == ExitCode.ERROR
    assert str(tmp_path / place) in capsys.readouterr().err
    assert store.calls == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "taken"]


@pytest.mark.parametrize(("is_left", "code"), [(False, ExitCode.ERROR), (True, ExitCode.WORK_LEFT)])
def test_a_record_that_is_lost_at_the_end_hides_nothing(
    *,
    is_left: bool,
    code: ExitCode,
    account: Callable[..., Store],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The result is printed, what is left is the worse news, and an earlier record stays whole."""
    folder = tmp_path / "records"
    folder.mkdir()
    record = folder / "record.json"
    record.write_text("earlier")

    def look(_: int, method: str, path: str) -> Effect | None:
        if "/Participants" in path and folder.is_dir():
            folder.rename(tmp_path / "away")
        is_kept = is_left and method == "DELETE" and path.startswith("/v1/Services/ZS")
        return Effect("status", status=403, code=20403) if is_kept else None

    account(world(), look)

    assert typed("--yes", "--record", str(record)) == code
    streams = capsys.readouterr()
    assert "probes: " in streams.out
    assert "cannot be written" in streams.err
    assert ("could not be taken away" in streams.err) is is_left
    assert [(one.name, one.read_text()) for one in (tmp_path / "away").iterdir()] == [
        ("record.json", "earlier")
    ]


def test_a_record_is_whole_or_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is written beside its place first, and nothing stays there."""
    record = tmp_path / "record.json"
    found = Verification((), Reading())
    assert _recorded(record, found, KEYED)
    earlier = record.read_text()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    assert not _recorded(record, Verification((), Reading(unseen={"a": "b"})), KEYED)
    assert "no space left on device" in capsys.readouterr().err
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("record.json", earlier)]


def test_cleaning_up_names_what_it_may_not_look_at(
    account: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of ours was written there with these credentials."""
    account(world(sync=False))

    assert typed("--clean-up") == ExitCode.FINE
    assert "Not looked at" in (err := capsys.readouterr().err)
    assert "Sync services (403/70051)" in err


@pytest.mark.parametrize("words", [["--proxy", "5550100201"], ["--format", "yaml"], ["--local"]])
def test_wrong_use_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence; this command goes to no emulator of its own accord."""
    assert typed(*words) == ExitCode.ERROR
    assert "error:" in capsys.readouterr().err


# --- through the door that unmodified clients take ---------------------------------------------------------


class Tunnelled:
    """A transport through an emulator's CONNECT door, as the standard library goes through a proxy."""

    def __init__(self, url: str, authority: Authority) -> None:
        self._proxy = urlsplit(url)
        self._context = ssl.create_default_context(cafile=str(authority.certificate))
        self._open: dict[str, http.client.HTTPSConnection] = {}

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        parts = urlsplit(url)
        connection = self._open.get(parts.netloc) or self._connected(parts.netloc, timeout_s)
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body or None, dict(headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()

    def _connected(self, host: str, timeout_s: float) -> http.client.HTTPSConnection:
        made = http.client.HTTPSConnection(
            str(self._proxy.hostname), self._proxy.port, timeout=timeout_s, context=self._context
        )
        made.set_tunnel(host, 443)
        self._open[host] = made
        return made

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()


@pytest.fixture
def authority() -> Authority:
    """Return the authority of this person, made."""
    made = Authority(authority_folder(os.environ, Path.home()))
    made.ensure()
    return made


def asked_of(name: str) -> list[Probe]:
    """Return what settles the switch of a variant, and what meets refusals for that of statuses."""
    switch = name.partition("=")[0]
    return [
        probe
        for probe in USUAL
        if switch in probe.settles or (switch in STATUSES.settles and probe.name.endswith("/refusals"))
    ]


@pytest.mark.parametrize("name", [name for name in VARIANTS if asked_of(name)])
def test_every_switch_is_found_through_the_door(name: str, authority: Authority) -> None:
    """Behind CONNECT and TLS, under Twilio's own names."""
    store = world(VARIANTS[name])
    probes = asked_of(name)

    async def whole(tunnelled: Tunnelled) -> Verification:
        caller = caller_of(store)
        caller._transport = tunnelled
        found = await compare(await read(caller, probes, RUN), probes, EMULATORS)
        assert await sweep(caller) == ()
        return found

    before = rows(store)
    with running(store) as url:
        tunnelled = Tunnelled(url, authority)
        found = asyncio.run(whole(tunnelled))
        tunnelled.close()
    differing = with_verdict(found, Verdict.DIFFERS)

    assert differing
    assert all(name in one.answers for one in differing.values())
    assert rows(store) == before


def verify_process(environ: Mapping[str, str], *before: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "reconciler"]
    words = ["emulator", "verify", "--account", ACCOUNT_SID, "--yes", "--detailed-exitcode"]
    line = [*program, *before, *(program if before else []), *words]
    return subprocess.run(
        line, env=environ, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
        "PYTHONPATH": str(ROOT),
    }


def test_emulators_in_processes(environ: dict[str, str], authority: Authority, tmp_path: Path) -> None:
    """Unmodified, through CONNECT, in real time: two at once, because mostly they wait.

    One agrees with `reconciler emulator run -- reconciler emulator verify`. The switches of the other are
    found by a process that knows of no emulator but as an account of Twilio's.
    """
    switches = Switches(list_order="created_desc", pair_release_lag_s=2.0, document_linger_s=0.0)
    store = Store(switches=switches)
    before = rows(store)
    with running(store) as url, ThreadPoolExecutor() as pool:
        led = variables("shell", url, authority.certificate, authority.bundle, environ).over(environ)
        ours = pool.submit(verify_process, environ, "emulator", "run", "--", cwd=tmp_path)
        other = verify_process(led, cwd=tmp_path)
        same = ours.result()

    assert (same.returncode, same.stderr) == (ExitCode.FINE, "")
    assert same.stdout.splitlines()[-1].endswith("all agree.")
    assert (other.returncode, other.stderr) == (ExitCode.CHANGES, "")
    for answer in ("list_order=created_desc", "pair_release_lag_s=2.0", "document_linger_s=0.0"):
        assert f"agrees under {answer}" in other.stdout
    assert "5 answered differently" in other.stdout
    assert rows(store) == before
