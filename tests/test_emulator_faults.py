"""Faults: which calls they befall, what becomes of those, and that the same seed does the same again."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest

from reconciler.emulator import (
    Clock,
    Effect,
    FaultError,
    InProcess,
    Interrupted,
    Match,
    Rule,
    Store,
    Switches,
    When,
    ask,
)
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running
from reconciler.emulator.playing.rules import explanation
from reconciler.emulator.presets import PRESETS
from reconciler.emulator.wire import FORM_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONVERSATIONS = "https://conversations.twilio.com/v1/Conversations"
DOCUMENTS = "https://sync.twilio.com/v1/Services/default/Documents"
PAIR = {"MessagingBinding.Address": "+15550100301", "MessagingBinding.ProxyAddress": "+15550100200"}
DROP = Effect("drop")


class Caller:
    """A client in process; an answer is (status, body), a cut connection the word "cut"."""

    def __init__(self, store: Store, timeout_s: float = 30.0, **door: Any) -> None:
        self.store = store
        self.door = InProcess(store, **door)
        self.timeout_s = timeout_s
        self.headers: Mapping[str, str] = {}

    def __call__(self, method: str, path: str = "", form: Any = None) -> Any:
        url = path if path.startswith("http") else CONVERSATIONS + path
        return asyncio.run(self.send(method, url, form))

    async def send(self, method: str, url: str, form: Any = None) -> Any:
        known = {"Authorization": authorization(self.store.account), "Content-Type": FORM_TYPE}
        body = urlencode(form or {}, doseq=True).encode()
        try:
            status, self.headers, answer = await self.door.send(method, url, known, body, self.timeout_s)
        except Interrupted as cut:
            return "cut" if cut.sent else "never sent"
        return status, json.loads(answer) if answer else None

    def status(self, method: str, path: str = "", form: Any = None) -> Any:
        answer = self(method, path, form)
        return answer if answer == "cut" else answer[0]


def world(*rules: Rule, seed: int = 0, **door: Any) -> Caller:
    store = Store(clock=Clock.frozen())
    store.faults.use(rules, seed)
    return Caller(store, **door)


def names(store: Store) -> list[str]:
    return [row["unique_name"] for row in ask(store, "GET", "/Conversations")[1]["conversations"]]


# Which calls


def test_without_rules_nothing_happens() -> None:
    """Off by default."""
    call = world()

    assert call.status("POST", "", {"UniqueName": "x"}) == 201
    assert call.store.faults.rules() == []


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (Match(), [0, 1, 2, 3, 4]),
        (Match(method="POST"), [0, 2, 4]),
        (Match(method="post"), [0, 2, 4]),
        (Match(host="sync"), [4]),
        (Match(host="sync.twilio.com"), [4]),
        (Match(path="/v1/Conversations"), [0, 2]),
        (Match(path="/v1/Conversations/{Sid}"), [1]),
        (Match(path=r"^/v1/Conversations/\w+/"), [3]),
        (Match(operation="CreateConversation"), [0, 2]),
        (Match(operation="(Create|List).*Conversation(Participant)?"), [0, 2, 3]),
        (Match(operation="CreateDocument", method="GET"), []),
        (Match(form={"UniqueName": "y"}), [2]),
        (Match(form={"UniqueName": ""}), [0, 1, 2, 3, 4]),
        (Match(method="POST", form={"UniqueName": "x", "Attributes": "z"}), []),
    ],
)
def test_a_rule_means_the_calls_that_fit_it(match: Match, hit: list[int]) -> None:
    """Everything given has to fit."""
    call = world(Rule(DROP, match))
    calls: list[tuple[str, str, Any]] = [
        ("POST", "", {"UniqueName": "x1"}),
        ("GET", "/x1", None),
        ("POST", "", {"UniqueName": "y1"}),
        ("GET", "/x1/Participants", None),
        ("POST", DOCUMENTS, {"Data": "{}"}),
    ]

    assert [n for n, one in enumerate(calls) if call(*one) == "cut"] == hit
    assert [armed.matched for armed in call.store.faults.rules()] == [len(hit)]


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        (When(), [1, 2, 3, 4, 5, 6]),
        (When(nth=2), [2]),
        (When(every=3), [3, 6]),
        (When(times=2), [1, 2]),
        (When(every=2, times=1), [2]),
        (When(after_s=30), [4, 5, 6]),
        (When(probability=0), []),
        (When(probability=1), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rule_knows_when(when: When, hit: list[int]) -> None:
    """Counted over the calls that match; ten seconds pass after each."""
    call = world(Rule(DROP, Match(method="GET"), when))
    found = []
    for n in range(1, 7):
        call("POST", "", {"UniqueName": f"n{n}"})
        found += [n] if call("GET") == "cut" else []
        call.store.advance(10)

    assert found == hit
    assert call.store.faults.rules()[0].fired == len(hit)


def test_chance_follows_from_the_seed() -> None:
    """The same seed does the same, another one something else; other rules do not disturb it."""

    def run(seed: int, *before: Rule) -> list[bool]:
        call = world(*before, Rule(DROP, when=When(probability=0.5)), seed=seed)
        return [call("GET") == "cut" for _ in range(30)]

    assert run(1) == run(1)
    assert len({tuple(run(seed)) for seed in range(8)}) == 8
    assert 60 < sum(sum(run(seed)) for seed in range(8)) < 180


def test_rules_come_and_go() -> None:
    """By name, all at once, or replaced."""
    faults = world().store.faults
    first, second = faults.add(Rule(DROP)), faults.add(Rule(Effect("status", status=500)))

    assert [armed.id for armed in faults.rules()] == [first.id, second.id]
    assert [faults.remove(first.id), faults.remove(first.id)] == [True, False]
    assert faults.use("rate-limited", seed=3)[0].rule.effect.status == 429
    faults.clear()
    assert faults.rules() == []


# What becomes of them


@pytest.mark.parametrize(
    ("effect", "status", "body"),
    [
        (
            Effect("status", status=429),
            429,
            {
                "code": 20429,
                "message": "Too many requests",
                "more_info": "https://www.twilio.com/docs/errors/20429",
            },
        ),
        (Effect("status", status=500), 500, {"message": "Internal Server Error"}),
        (Effect("status", status=503), 503, {"message": "Service Unavailable"}),
        (
            Effect("status", code=50391),
            409,
            {
                "code": 50391,
                "message": "Conflicting modification of a conversation; try again",
                "more_info": "https://www.twilio.com/docs/errors/50391",
            },
        ),
        (
            Effect("status", status=400, code=99),
            400,
            {"code": 99, "message": "Error 99", "more_info": "https://www.twilio.com/docs/errors/99"},
        ),
    ],
)
def test_an_error_is_shaped_as_twilios_and_nothing_is_done(effect: Effect, status: int, body: Any) -> None:
    """A 5xx has no code unless it is given one."""
    call = world(Rule(effect))

    assert call("POST", "", {"UniqueName": "x"}) == (status, {**body, "status": status})
    assert names(call.store) == []
    assert "Retry-After" not in call.headers


def test_an_error_may_say_when_to_come_again_or_hide_a_success() -> None:
    """Retry-After where it is given; after the commit the change is there all the same."""
    limited = world(Rule(Effect("status", status=429, retry_after=3)))
    limited("GET")
    assert limited.headers["Retry-After"] == "3"

    hidden = world(Rule(Effect("status", status=500, after_commit=True), when=When(times=1)))
    assert hidden.status("POST", "", {"UniqueName": "x"}) == 500
    assert names(hidden.store) == ["x"]


@pytest.mark.parametrize(("kind", "there"), [("drop", []), ("drop_after_commit", ["x"])])
def test_a_connection_is_cut_before_or_after_the_commit(kind: Any, there: list[str]) -> None:
    """The caller cannot tell which."""
    call = world(Rule(Effect(kind), Match(method="POST")))

    assert call("POST", "", {"UniqueName": "x"}) == "cut"
    assert names(call.store) == there
    assert call.store.faults.interrupted == 1


def test_a_late_commit_lands_after_some_calls() -> None:
    """Cut; then the next two calls are told that it is absent; then it is there."""
    call = world(Rule(Effect("late_commit", calls=2), when=When(nth=1)))

    assert call("POST", "", {"UniqueName": "x"}) == "cut"
    assert [call.status("GET", "/x") for _ in range(4)] == [404, 404, 200, 200]
    assert call.store.faults.late == 0


def test_a_late_commit_lands_after_some_seconds() -> None:
    """On the virtual clock, dated when it landed."""
    call = world(Rule(Effect("late_commit", seconds=5), when=When(nth=1)))
    call("POST", "", {"UniqueName": "x"})
    call.store.advance(4)
    assert (call.status("GET", "/x"), call.store.faults.late) == (404, 1)
    call.store.advance(2)

    assert call("GET", "/x")[1]["date_created"] == "2026-01-01T00:00:05Z"
    assert call.store.faults.late == 0


def test_a_late_commit_obeys_the_rules_of_its_time() -> None:
    """Whoever took the name or the pair meanwhile keeps it; the late one is refused and leaves no trace."""
    call = world(Rule(Effect("late_commit", calls=1), when=When(nth=1)))
    call("POST", "", {"UniqueName": "x", "FriendlyName": "late"})
    assert call.status("POST", "", {"UniqueName": "x", "FriendlyName": "second"}) == 201

    assert call("GET", "/x")[1]["friendly_name"] == "second"
    assert names(call.store) == ["x"]
    assert call.store.committed == 1


def test_a_late_delete_meets_what_is_there_then() -> None:
    """A late update of If-Match is stale by then, and a late delete takes whatever has the name now."""
    late = Effect("late_commit", calls=99)
    call = world(interceptor=lambda n, _method, _path: late if n in (2, 3) else None)
    call("POST", "", {"UniqueName": "x"})
    call("DELETE", "/x")
    call("POST", "/x", {"FriendlyName": "never"})
    call.store.faults.land()

    assert names(call.store) == []
    assert call.store.faults.late == 0


def test_a_late_read_is_only_cut() -> None:
    """There is nothing to land."""
    call = world(Rule(Effect("late_commit", calls=1)))

    assert call("GET") == "cut"
    assert call.store.faults.late == 0


def test_a_reset_forgets_what_is_late() -> None:
    """And every rule: a world that begins again is undisturbed."""
    call = world(Rule(Effect("late_commit", calls=9, seconds=9)))
    call("POST", "", {"UniqueName": "x"})
    call.store.reset()
    call.store.advance(10)
    call.store.faults.land()

    assert names(call.store) == []
    assert call.store.faults.rules() == []


@pytest.mark.parametrize("effect", [Effect("stale_read", calls=2), Effect("stale_read", seconds=15)])
def test_a_stale_read_shows_an_older_world(effect: Effect) -> None:
    """What the last two calls (or fifteen seconds) changed is not seen; then it is; nothing else changes."""
    call = world(Rule(effect, Match(method="GET")))
    sid = call("POST", "", {"UniqueName": "old", "FriendlyName": "1"})[1]["sid"]
    call("POST", "", {"UniqueName": "gone"})
    call("POST", "/gone/Participants", PAIR)
    call.store.advance(60)
    for method, path, form in (
        ("POST", "/old", {"UniqueName": "new", "FriendlyName": "2"}),
        ("DELETE", "/gone", None),
    ):
        call(method, path, form)
        call.store.advance(1)
    before = repr(call.store.index.rows)

    assert call("GET", "/old")[1]["friendly_name"] == "1"
    assert repr(call.store.index.rows) == before
    call.store.advance(20)
    for _ in range(3):
        call("GET")
    assert [call.status("GET", path) for path in ("/old", "/new", "/gone")] == [404, 200, 404]
    assert call("GET", f"/{sid}")[1]["friendly_name"] == "2"


def test_a_stale_list_and_children() -> None:
    """The whole world is old: children of what was deleted are still there, as they were."""
    call = world(Rule(Effect("stale_read", seconds=15), Match(method="GET")))
    call("POST", "", {"UniqueName": "gone"})
    call("POST", "/gone/Participants", PAIR)
    call.store.advance(60)
    call("DELETE", "/gone")
    call("POST", "", {"UniqueName": "fresh"})
    listed = [row["unique_name"] for row in call("GET")[1]["conversations"]]

    assert listed == ["gone"]
    assert len(call("GET", "/gone/Participants")[1]["participants"]) == 1
    assert names(call.store) == ["fresh"]
    assert call.status("POST", "/gone", {"FriendlyName": "x"}) == 404  # writes know better


def test_a_stale_document() -> None:
    """Sync is read late as well; its revision then no longer serves."""
    call = world(Rule(Effect("stale_read", calls=1), Match(method="GET", host="sync")))
    call("POST", DOCUMENTS, {"UniqueName": "lock"})
    call("POST", f"{DOCUMENTS}/lock", {"Data": '{"n": 1}'})

    assert call("GET", f"{DOCUMENTS}/lock")[1]["revision"] == "0"
    assert call("GET", f"{DOCUMENTS}/lock")[1]["revision"] == "1"


@pytest.mark.parametrize("effect", [Effect("release_lag", calls=2), Effect("release_lag", seconds=5)])
def test_what_is_freed_lingers(effect: Effect) -> None:
    """A pair is still 50416, a name 50391; then both are free."""
    call = world(Rule(effect, Match(method="DELETE")))
    for name in "xy":
        call("POST", "", {"UniqueName": name})
    call("POST", "/x/Participants", PAIR)
    call("DELETE", "/x")

    assert call("POST", "/y/Participants", PAIR)[1]["code"] == 50416
    assert call("POST", "", {"UniqueName": "x"})[1]["code"] == 50391
    call.store.advance(5)
    assert call.status("POST", "/y/Participants", PAIR) == 201
    assert call.status("POST", "", {"UniqueName": "x"}) == 201


def test_other_releases_are_at_once() -> None:
    """Only what a matching call freed lingers."""
    call = world(Rule(Effect("release_lag", calls=99), when=When(nth=99)))
    call("POST", "", {"UniqueName": "x"})
    call("DELETE", "/x")

    assert call.status("POST", "", {"UniqueName": "x"}) == 201


def test_a_deletion_takes_its_time() -> None:
    """204 at once; the row is read on, writers meet 50334, 50002, for the name 50391; then it is gone."""
    call = world(Rule(Effect("async_delete", seconds=5), Match(operation="DeleteConversation")))
    call("POST", "", {"UniqueName": "x"})

    assert call.status("DELETE", "/x") == 204
    assert call.status("GET", "/x") == 200
    assert call("POST", "/x", {"FriendlyName": "a"})[1]["code"] == 50334
    assert call("POST", "/x/Participants", PAIR)[1]["code"] == 50334
    assert call("DELETE", "/x")[1]["code"] == 50002
    assert call("POST", "", {"UniqueName": "x"})[1]["code"] == 50391
    call.store.advance(5)
    assert call.status("GET", "/x") == 404
    assert call.status("POST", "", {"UniqueName": "x"}) == 201


@pytest.mark.parametrize("collection", ["Participants", "Webhooks", "Messages"])
def test_children_are_deleted_late_as_well(collection: str) -> None:
    """The row lingers and takes no update; its pair is held until it goes."""
    call = world(Rule(Effect("async_delete", calls=3), Match(method="DELETE")))
    forms = {
        "Participants": PAIR,
        "Webhooks": {"Target": "studio", "Configuration.FlowSid": "FW" + "0" * 32},
        "Messages": {"Body": "hi"},
    }
    call("POST", "", {"UniqueName": "x"})
    sid = call("POST", f"/x/{collection}", forms[collection])[1]["sid"]
    path = f"/x/{collection}/{sid}"

    assert [call.status("DELETE", path), call.status("GET", path)] == [204, 200]
    assert call("POST", path, {"Attributes": "{}"})[1]["code"] == 50334
    assert call("DELETE", path)[1]["code"] == 50002
    assert call.status("GET", path) == 404
    assert call.status("POST", f"/x/{collection}", forms[collection]) == 201


def test_a_deletion_that_would_be_refused_is_refused_at_once() -> None:
    """Unknown rows, closed conversations, and what is not removed this way."""
    call = world(Rule(Effect("async_delete", calls=3), Match(method="DELETE")))
    call("POST", "", {"UniqueName": "x"})
    sid = call("POST", "/x/Participants", {"Identity": "ann"})[1]["sid"]
    call("POST", "/x", {"State": "closed"})
    call("POST", DOCUMENTS, {"UniqueName": "lock"})

    assert call("DELETE", f"/x/Participants/{sid}")[1]["code"] == 50377
    assert call.status("DELETE", "/nothing") == 404
    assert [call.status("DELETE", f"{DOCUMENTS}/lock"), call.status("GET", f"{DOCUMENTS}/lock")] == [204, 404]
    assert call.store.faults.late == 0


# Time


def test_latency_passes_on_the_worlds_clock() -> None:
    """Before the commit it dates what is made, after the commit it does not; several add up."""
    rules = [
        Rule(Effect("latency", seconds=s, after_commit=after))
        for s, after in ((2, False), (3, False), (9, True))
    ]
    call = world(*rules)
    made = call("POST", "", {"UniqueName": "x"})[1]

    assert made["date_created"] == "2026-01-01T00:00:05Z"
    assert call.store.today() == Clock.frozen().now_s() + 14


def test_latency_may_vary() -> None:
    """Between two bounds, by the seed."""
    seen = []
    for seed in (1, 1, 2):
        slept: list[float] = []

        async def sleep(seconds: float, slept: list[float] = slept) -> None:
            slept.append(seconds)

        call = world(Rule(Effect("latency", seconds=1, up_to_s=2)), seed=seed, sleep=sleep)
        for _ in range(5):
            call("GET")
        seen.append(slept)

    assert seen[0] == seen[1] != seen[2]
    assert all(1 <= seconds <= 2 for seconds in seen[0])


@pytest.mark.parametrize(("after", "at_once"), [(True, ["x"]), (False, [])])
def test_who_gives_up_waiting_does_not_know(after: bool, at_once: list[str]) -> None:
    """A time-out is a cut connection: the change was made, or is made when it gets there."""
    call = world(Rule(Effect("latency", seconds=40, after_commit=after), Match(method="POST")))

    assert call("POST", "", {"UniqueName": "x"}) == "cut"
    assert call.store.today() == Clock.frozen().now_s() + 30
    assert names(call.store) == at_once
    call.store.advance(10)
    assert names(call.store) == ["x"]


def test_who_is_cancelled_while_waiting_has_sent_it() -> None:
    """As over a socket: the request has left, and is carried out."""
    call = world(Rule(Effect("latency", seconds=5), Match(method="POST")), sleep=lambda _: asyncio.sleep(60))

    async def run() -> None:
        task = asyncio.create_task(call.send("POST", CONVERSATIONS, {"UniqueName": "x"}))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert names(call.store) == []
    call.store.advance(5)
    assert names(call.store) == ["x"]


# Tests that say which call


@pytest.mark.parametrize(
    ("effect", "there"),
    [(DROP, "13"), (Effect("drop_after_commit"), "123"), (Effect("late_commit", calls=2), "132")],
)
def test_an_interceptor_picks_its_call(effect: Effect, there: str) -> None:
    """It is asked with number, method and path, and what it says befalls that call."""
    seen: list[tuple[int, str, str]] = []

    def intercept(n: int, method: str, path: str) -> Effect | None:
        seen.append((n, method, path))
        return effect if n == 2 else None

    call = world(interceptor=intercept)
    answers = [call.status("POST", "", {"UniqueName": name}) for name in "123"]
    call("GET", "?PageSize=1")

    assert answers == [201, "cut", 201]
    assert "".join(names(call.store)) == there
    assert seen == [(n, "POST", "/v1/Conversations") for n in (1, 2, 3)] + [(4, "GET", "/v1/Conversations")]
    assert call.door.calls == 4


# Whatever happens


def live(seed: int) -> Store:
    """Call a world at random under every kind of fault and a draw of switches."""
    dice = random.Random(seed)
    store = Store(clock=Clock.frozen(), switches=Switches.drawn(seed))
    store.faults.use("chaos-apply", seed)
    for rule in PRESETS["chaos-apply"]:
        store.faults.add(Rule(rule.effect, rule.match, When(probability=0.1)))
    call = Caller(store)
    names = ["a", "b", "c"]
    for _ in range(150):
        at = f"/{dice.choice(names)}"
        method, path, form = dice.choice(
            [
                ("POST", "", {"UniqueName": at[1:]}),
                ("POST", "", {"UniqueName": at[1:]}),
                ("POST", at, {"UniqueName": dice.choice(names)}),
                ("POST", at, {"State": dice.choice(["inactive", "active", "closed"])}),
                ("POST", f"{at}/Participants", PAIR),
                ("POST", f"{at}/Participants", {"Identity": "ann"}),
                ("DELETE", f"{at}/Participants/ann", None),
                ("DELETE", at, None),
                ("GET", at, None),
                ("GET", f"{at}/Participants", None),
                ("POST", DOCUMENTS, {"UniqueName": "lock", "Ttl": "9"}),
                ("POST", f"{DOCUMENTS}/lock", {"Data": "{}"}),
            ]
        )
        call(method, path, form)
        store.advance(dice.random())
    store.faults.clear()
    store.faults.land()
    return store


@pytest.mark.parametrize("seed", range(25))
def test_a_world_stays_sound_under_every_fault(seed: int) -> None:
    """Claims are those of the rows, nothing is left over, and the same seed lives the same life."""
    store = live(seed)
    again = store.holding(list(store.index.rows.values()))

    assert store.index.names._holders == again.index.names._holders
    assert store.index.pairs._holders == again.index.pairs._holders
    assert store.index.document_of.keys() == again.index.document_of.keys()
    assert (store.faults.late, store.removing) == (0, set())
    assert repr(store.index.rows) == repr(live(seed).index.rows)


# Presets, JSON, the socket


@pytest.mark.parametrize("name", PRESETS)
def test_presets_repeat_and_survive_json(name: str) -> None:
    """Each does something, the same for the same seed, and each rule is what its JSON says."""

    def run(seed: int) -> list[Any]:
        call = world()
        call.store.faults.use(name, seed)
        found = [call.status("POST", "", {"UniqueName": f"n{n}"}) for n in range(60)]
        found += [call.status("DELETE", f"/n{n}") for n in range(60)]
        assert any(armed.fired for armed in call.store.faults.rules())
        return [*found, call.store.now_s()]

    assert run(5) == run(5)
    assert run(5) != run(6) or name in ("slow-twilio", "instant", "fixed")
    assert [Rule.parsed(json.loads(json.dumps(rule.shown()))) for rule in PRESETS[name]] == list(
        PRESETS[name]
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (None, "rule: is not an object"),
        ({}, "effect is missing"),
        ({"effect": {}}, "kind is missing"),
        ({"effect": {"kind": "explode"}}, "none of latency"),
        ({"effect": {"kind": ["drop"]}}, "none of latency"),
        ({"effect": {"kind": "drop", "seconds": 1}}, "drop has no seconds"),
        ({"effect": {"kind": "drop", "colour": 1}}, "unknown colour; known are after_commit"),
        ({"effect": {"kind": "latency", "seconds": "1"}}, "is no float"),
        ({"effect": {"kind": "latency", "seconds": -1}}, "of 0 or more"),
        ({"effect": {"kind": "latency", "seconds": float("inf")}}, "is no float"),
        ({"effect": {"kind": "latency", "seconds": 2, "up_to_s": 1}}, "less than seconds"),
        ({"effect": {"kind": "latency", "after_commit": 1}}, "is no bool"),
        ({"effect": {"kind": "late_commit"}}, "needs seconds or calls"),
        ({"effect": {"kind": "late_commit", "calls": 1.5}}, "is no int"),
        ({"effect": {"kind": "status"}}, "needs a status or a code"),
        ({"effect": {"kind": "status", "status": 200}}, "400 to 599"),
        ({"effect": {"kind": "drop"}, "match": {"verb": "GET"}}, "unknown verb"),
        ({"effect": {"kind": "drop"}, "match": {"path": "^("}}, "match.path"),
        ({"effect": {"kind": "drop"}, "match": {"method": 1}}, "only texts"),
        ({"effect": {"kind": "drop"}, "match": {"form": "x"}}, "a map"),
        ({"effect": {"kind": "drop"}, "when": {"nth": 0}}, "count from 1"),
        ({"effect": {"kind": "drop"}, "when": {"probability": 2}}, "at most 1"),
        ({"effect": {"kind": "drop"}, "when": []}, "when: is not an object"),
        ({"effect": {"kind": "receipt"}}, "receipt needs a code"),
        ({"effect": {"kind": "receipt", "code": 63003, "status": "sent"}}, "undelivered or failed"),
        ({"effect": {"kind": "receipt", "code": 63003, "status": 400}}, "undelivered or failed"),
        ({"effect": {"kind": "receipt", "code": 63003, "seconds": 1}}, "receipt has no seconds"),
        ({"effect": {"kind": "status", "status": "failed"}}, "400 to 599"),
        (
            {"effect": {"kind": "receipt", "code": 63003}, "match": {"method": "POST"}},
            "receipt has no method; it has address, channel, sender",
        ),
        ({"effect": {"kind": "drop"}, "match": {"address": "+15550100301"}}, "drop has no address"),
        ({"effect": {"kind": "receipt", "code": 63003}, "match": {"channel": "fax"}}, "none of sms"),
    ],
)
def test_a_rule_that_cannot_be_understood(rule: Any, says: str) -> None:
    """The message names the part."""
    with pytest.raises(FaultError, match=says):
        Rule.parsed(rule)


@pytest.fixture
def served() -> Iterator[tuple[Store, Callable[..., Any]]]:
    """Give a world behind a socket and a way to call its admin paths."""
    store = Store(clock=Clock.frozen())
    with running(store) as url:

        def admin(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
            try:
                text = json.dumps(body) if body is not None else None
                connection.request(method, f"/_emulator/{path}", text, headers)
                answer = connection.getresponse()
                assert not [name for name in answer.headers if name.lower().startswith("access-control")]
                return answer.status, json.loads(answer.read())
            finally:
                connection.close()

        admin.url = url  # type: ignore[attr-defined]
        yield store, admin


def test_faults_are_kept_over_http(served: tuple[Store, Callable[..., Any]]) -> None:
    """Added, listed, replaced by rules or a preset, removed one by one or all."""
    _, admin = served
    rule = {"effect": {"kind": "drop"}, "match": {"method": "POST"}, "when": {"nth": 3}}
    status, added = admin("POST", "faults", rule)

    assert (status, added) == (201, {"id": "f1", **rule, "matched": 0, "fired": 0})
    assert admin("GET", "faults") == (
        200,
        {"seed": 0, "rules": [added], "late": 0, "presets": list(PRESETS)},
    )
    assert admin("PUT", "faults", {"rules": [rule, rule], "seed": 4})[1]["seed"] == 4
    assert len(admin("PUT", "faults", {"preset": "rate-limited", "seed": 7})[1]["rules"]) == 2
    assert admin("GET", "info")[1]["faults"] == 2
    assert [one["id"] for one in admin("DELETE", "faults/f1")[1]["rules"]] == ["f2"]
    assert admin("DELETE", "faults/f1")[0] == 404
    assert admin("DELETE", "faults")[1]["rules"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "faults", {"effect": {"kind": "explode"}}, 400),
        ("PUT", "faults", {"preset": "calm"}, 400),
        ("PUT", "faults", {"preset": "calm", "rules": []}, 400),
        ("PUT", "faults", {"rules": {}}, 400),
        ("PUT", "faults", {"rules": [], "seed": "x"}, 400),
        ("PUT", "faults", [], 400),
        ("PATCH", "faults", {}, 405),
        ("GET", "faults/f1", None, 405),
        ("GET", "faultsy", None, 404),
    ],
)
def test_what_the_admin_path_refuses(
    served: tuple[Store, Callable[..., Any]], method: str, path: str, body: Any, expected: int
) -> None:
    """With a message, and the rules stay as they were."""
    store, admin = served
    store.faults.add(Rule(DROP))
    status, answer = admin(method, path, body)

    assert status == expected
    assert answer["message"]
    assert len(store.faults.rules()) == 1


def test_admin_paths_answer_their_own_origin_only(served: tuple[Store, Callable[..., Any]]) -> None:
    """What a browser sends for another page is refused, even one of another port on this machine."""
    store, admin = served
    own = admin.url  # type: ignore[attr-defined]
    for origin in ("https://evil.example", "http://localhost:1", "null"):
        assert admin("PUT", "faults", {"preset": "chaos-apply"}, Origin=origin)[0] == 403
    assert store.faults.rules() == []

    assert admin("PUT", "faults", {"preset": "chaos-apply"}, Origin=own)[0] == 200


def test_a_cut_connection_is_really_cut(served: tuple[Store, Callable[..., Any]]) -> None:
    """Over a socket the client sees it close; the server counts calls and writes, and goes on."""
    store, admin = served
    store.faults.add(Rule(Effect("drop_after_commit"), Match(method="POST"), When(nth=1)))
    store.faults.add(Rule(DROP, Match(method="POST"), When(nth=2)))

    async def run() -> list[Any]:
        seen: list[Any] = []
        auth = {"Authorization": authorization(store.account)}
        async with aiohttp.ClientSession(headers=auth) as session:
            for name in "abc":
                form = {"UniqueName": name}
                try:
                    async with session.post(admin.url + "/v1/Conversations", data=form) as answer:  # type: ignore[attr-defined]
                        seen.append(answer.status)
                except (aiohttp.ServerDisconnectedError, ConnectionResetError, aiohttp.ClientOSError):
                    seen.append("cut")
        return seen

    assert asyncio.run(run()) == ["cut", "cut", 201]
    assert names(store) == ["a", "c"]
    info = admin("GET", "info")[1]
    assert {name: info[name] for name in ("calls", "writes", "committed", "interrupted")} == {
        "calls": 4,  # with the list above
        "writes": 3,
        "committed": 2,
        "interrupted": 2,
    }


def test_latency_over_a_socket_is_real(served: tuple[Store, Callable[..., Any]]) -> None:
    """The caller waits; others are answered meanwhile; who gives up waiting is carried out all the same."""
    store, admin = served
    store.faults.add(Rule(Effect("latency", seconds=0.2), Match(method="POST")))

    async def run() -> tuple[float, float]:
        auth = {"Authorization": authorization(store.account)}
        async with aiohttp.ClientSession(admin.url, headers=auth) as session:  # type: ignore[attr-defined]
            began = time.monotonic()
            slow = asyncio.create_task(_status(session, "POST", "a", 5))
            await _status(session, "GET", "", 5)
            quick_s = time.monotonic() - began
            await slow
            slow_s = time.monotonic() - began
            with pytest.raises(TimeoutError):
                await _status(session, "POST", "b", 0.05)
            await asyncio.sleep(0.3)
        return quick_s, slow_s

    quick_s, slow_s = asyncio.run(run())
    assert quick_s < 0.2 <= slow_s
    assert sorted(names(store)) == ["a", "b"]


async def _status(session: aiohttp.ClientSession, method: str, name: str, timeout_s: float) -> int:
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    form = {"UniqueName": name} if name else None
    async with session.request(method, "/v1/Conversations", data=form, timeout=timeout) as answer:
        return answer.status


# Messages that do not get to somebody

ROBERT, WA_SENDER = "whatsapp:+15550100301", "whatsapp:+15550100200"
ALICIA, SMS_SENDER = "+15550100302", "+15550100201"


def talking(*rules: Rule) -> Store:
    """Return a world with Robert on WhatsApp, who has just written, and Alicia on SMS."""
    store = world(*rules).store
    ask(store, "POST", "/Conversations", {"UniqueName": "x"})
    for address, proxy in ((ROBERT, WA_SENDER), (ALICIA, SMS_SENDER)):
        pair = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        ask(store, "POST", "/Conversations/x/Participants", pair)
    store.phones.send(ROBERT, WA_SENDER, "hello?")
    return store


def posted(store: Store, times: int = 1) -> list[list[tuple[str, int]]]:
    """Post so often, and return what each receipt became."""
    made = [ask(store, "POST", "/Conversations/x/Messages", {"Body": "hi"})[1]["sid"] for _ in range(times)]
    paths = [f"/Conversations/x/Messages/{sid}/Receipts" for sid in made]
    found = [ask(store, "GET", path)[1]["delivery_receipts"] for path in paths]
    return [[(one["status"], one["error_code"]) for one in receipts] for receipts in found]


ARRIVED = ("delivered", 0)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(), [("undelivered", 63003)] * 2),
        (Match(address=ROBERT), [("undelivered", 63003), ARRIVED]),
        (Match(sender=SMS_SENDER), [ARRIVED, ("undelivered", 63003)]),
        (Match(channel="whatsapp"), [("undelivered", 63003), ARRIVED]),
        (Match(channel="whatsapp", address=ALICIA), [ARRIVED, ARRIVED]),
    ],
)
def test_a_message_does_not_get_to_whom_a_rule_means(match: Match, expected: Any) -> None:
    """By address, sender or channel; the call is answered as ever, and receipts have the code."""
    store = talking()
    store.faults.add(Rule(Effect("receipt", code=63003), match))

    assert posted(store) == [expected]


def test_what_did_not_get_there_is_told_and_explained() -> None:
    """On the handset with words, in the message's totals and as an event; a fault goes before the window."""
    store = talking(Rule(Effect("receipt", code=63013, status="failed"), Match(address=ROBERT)))
    store.advance(25 * 3600)
    posted(store)
    [message] = [one for one in ask(store, "GET", "/Conversations/x/Messages")[1]["messages"] if one["index"]]
    (lost,) = store.phones[ROBERT].missed
    told = [event.data for event in store.events.since(0) if event.type == "onDeliveryUpdated"]

    assert (lost.status, lost.error_code) == ("failed", 63013)
    assert "policy" in str(explanation(lost.error_code, lost.reason))
    assert "41234" in str(explanation(41234, None))
    assert message["delivery"]["failed"] == "some"
    assert ("failed", 63013) in [(one["Status"], one["ErrorCode"]) for one in told]


def test_receipts_are_counted_apart_from_calls() -> None:
    """`when` holds for the ways that match, calls do not count, and the first rule's code is the one."""
    store = talking()
    for code, when in ((30003, When(nth=2)), (30007, When(every=2, times=1)), (30008, When(nth=3))):
        store.faults.add(Rule(Effect("receipt", code=code), Match(channel="sms"), when))
    found = [receipts[1] for receipts in posted(store, 4)]

    assert found == [ARRIVED, ("undelivered", 30003), ("undelivered", 30008), ARRIVED]
    assert [(one.matched, one.fired) for one in store.faults.rules()] == [(4, 1), (4, 1), (4, 1)]


def test_a_receipt_is_kept_over_http(served: tuple[Store, Callable[..., Any]]) -> None:
    """As any rule is, its status a word."""
    _, admin = served
    rule = {
        "effect": {"kind": "receipt", "code": 63003, "status": "failed"},
        "match": {"channel": "whatsapp", "address": ROBERT},
        "when": {"times": 1},
    }

    assert admin("POST", "faults", rule) == (201, {"id": "f1", **rule, "matched": 0, "fired": 0})
    assert admin("POST", "faults", {"effect": {"kind": "receipt", "code": 63003, "status": "sent"}})[0] == 400
