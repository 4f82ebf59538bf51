"""Scenarios: what was saved plays again, a play that differs is found, mistakes have their places."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from playing import Play
from worlds import World, stack_of

from reconciler.cli import run
from reconciler.diagnostics import ReconcilerError, SpecError
from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Clock, InProcess, PhoneError, Store, Switches, ask
from reconciler.emulator.control.routes import control
from reconciler.emulator.control.scenario_text import quoted
from reconciler.emulator.doors.in_process import request_to
from reconciler.emulator.playing.rules import explanation
from reconciler.gateway import Credentials, Gateway
from reconciler.pace import WallClock
from reconciler.render.numbers import Numbers
from reconciler.render.scenarios import outcome_lines, outcomes_json, outcomes_junit, summary_line
from reconciler.scenarios import (
    Cast,
    Outcome,
    Scenario,
    Stage,
    check_names,
    find_scenarios,
    play,
    read_scenarios,
    set_up,
    specs_of,
)
from reconciler.scenarios.cast import Player
from reconciler.scenarios.scenario import Advances, Beat, Content, Misses, Posts, Says, Sees, Thumbs
from reconciler.variables import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WA, SMS, OTHER_SMS = "whatsapp:+15550100200", "+15550100201", "+15550100202"
ROBERT, ALICIA, DRIVER = "+15550100301", "+15550100302", "+15550100303"
URL = "http://127.0.0.1:1"
MASKS = ["whatsapp:+15550100204", "+15550100203", "whatsapp:+15550100205"]
HOSTILE = [
    "a: b, c #d",
    "{x: [y]} - 'z' \"q\" \\n",
    "line\nbreak\r\ttab",
    "\x00\x07\x1b[31m\x7f\x85\u2028\ufeff\u202e",
    "\U0001f600 é 漢",
    "null",
    "~",
    "${var.wa} $${",
    " leading and trailing ",
    "- item",
    "*alias &anchor !tag",
    "123",
    "yes",
    "x" * 1500,
]
STACK = f"""
stack: {{name: demo}}
senders: {{wa: "{WA}", sms: "{SMS}", other: "{OTHER_SMS}"}}
conversations:
  order:
    friendly_name: Order 1
    timers: {{inactive: PT1H, closed: P3D}}
    participants:
      customer: {{address: "{ROBERT}", via: wa}}
      courier: {{address: "{ALICIA}", via: sms}}
      driver: {{address: "{DRIVER}", via: wa}}
      desk: {{identity: desk-1}}
    webhooks:
      audit: {{url: "https://example.com/audit", filters: [onMessageAdded]}}
"""


class Direct:
    """Calls of Twilio and of admin paths, into one world of this process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.door = InProcess(store)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        if "/_emulator/" not in url:
            return await self.door.send(method, url, headers, body, timeout_s)
        answer = control(self.store, request_to(method, url, headers, body))
        return answer.status, answer.headers, answer.body


def acted(scenario: Scenario, store: Store | None = None) -> Outcome:
    """Play a scenario in a world of its own, as the command does but for the socket."""

    async def whole() -> Outcome:
        way = Direct(store or Store(clock=Clock.frozen()))
        gateway = Gateway(way, Credentials(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN), endpoint=URL)
        specs = specs_of(scenario, Inputs())
        desired = Cast(specs.stack.desired.resources, specs.stack.senders, scenario.conversation)
        assert check_names(scenario, desired) == []
        cast = await set_up(specs, gateway, WallClock(), scenario.conversation)
        return await play(scenario, cast, Stage(way, URL, ACCOUNT_SID, AUTH_TOKEN))

    return asyncio.run(whole())


def admin(store: Store, path: str) -> tuple[int, Any]:
    answer = control(store, request_to("GET", f"{URL}/_emulator/{path}", {}, b""))
    return answer.status, json.loads(answer.body)


def saved(store: Store, sid: str) -> dict[str, Any]:
    status, found = admin(store, f"scenario?conversation={sid}")
    assert status == 200
    return dict(found)


def scenario_of(text: str, folder: Path, stack: str | None = None) -> Scenario:
    """Read a scenario that is given as text, beside a stack where one is given."""
    (folder / "scenarios").mkdir(exist_ok=True)
    if stack is not None:
        (folder / "stack.yaml").write_text(stack, encoding="utf-8")
    path = folder / "scenarios" / "one.yaml"
    path.write_text(text, encoding="utf-8")
    return read_scenarios([path], folder)[0]


def on_stack(steps: str, folder: Path) -> Scenario:
    return scenario_of(f"scenario: x\nsteps:\n{steps}", folder, STACK)


def told(outcome: Outcome) -> str:
    numbers = Numbers(None)
    return "\n".join(line.text for line in outcome_lines(outcome, numbers))


# --- saved = replayed --------------------------------------------------------------------------------------


class Session:
    """Somebody at the page: random thumbs, posts and time in one conversation; a seed decides."""

    def __init__(self, seed: int, texts: list[str], made_by: str) -> None:
        self.dice = random.Random(seed)
        self.texts = texts
        self.said: list[str] = []
        self.posted: list[str] = []
        self.world = World()
        self.store = self.world.store
        self.people = [(f"whatsapp:{ROBERT}", WA), (ALICIA, SMS), (f"whatsapp:{DRIVER}", WA)]
        self.sid = {"stack": self.by_stack, "hand": self.by_hand, "message": self.by_message}[made_by]()

    def by_stack(self) -> str:
        self.world.apply(stack_of(STACK))
        return str(self.world.rows("Conversations")[0]["sid"])

    def by_hand(self) -> str:
        timers = {"State": "active", "Timers.Inactive": "PT1H"} if self.dice.random() < 0.5 else {}
        sid = str(ask(self.store, "POST", "/Conversations", {"FriendlyName": "By hand", **timers})[1]["sid"])
        pairs = [
            ("customer", f"whatsapp:{ROBERT}", WA),
            ("system", ALICIA, SMS),
            ("", f"whatsapp:{DRIVER}", WA),
        ]
        for role, address, proxy in pairs:
            form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
            form["Attributes"] = json.dumps({"role": role} if role else {"x": 1})
            assert ask(self.store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201
        return sid

    def by_message(self) -> str:
        """Have one person write to a sender that makes a conversation of it."""
        self.people = [self.dice.choice(self.people)]
        address, sender = self.people[0]
        kind = "whatsapp" if address.startswith("whatsapp") else "sms"
        form = {"Type": kind, "Address": sender, "AutoCreation.Type": "default"}
        made = ask(self.store, "POST", "/Configuration/Addresses", {**form, "AutoCreation.Enabled": "true"})
        assert made[0] == 201
        return str(self.store.phones.send(address, sender, "Is anybody there?").conversation_sid)

    def run(self, steps: int) -> Session:
        deeds: list[tuple[Callable[[], object], int]] = [
            (self.text, 10),
            (self.post, 4),
            (self.switch, 2),
            (self.read, 1),
            (self.wait, 4),
            (self.move, 1 if self.dice.random() < 0.4 else 0),
        ]
        for _ in range(steps):
            self.dice.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])[0]()
        return self

    def text(self) -> None:
        address, sender = self.dice.choice(self.people)
        media = ["https://example.com/files/a.png"] if self.dice.random() < 0.1 else []
        body = self.dice.choice([*self.texts, "hello", "STOP", "start"])
        with contextlib.suppress(PhoneError):
            self.store.phones.send(address, sender, body, media)
            self.said.append(body)

    def post(self) -> None:
        author = self.dice.choice([ALICIA, f"whatsapp:{ROBERT}", "system", "desk-1", "somebody else"])
        asking = {"X-Twilio-Webhook-Enabled": "true"} if self.dice.random() < 0.3 else {}
        form = {"Body": self.dice.choice(self.texts), "Author": author}
        if ask(self.store, "POST", f"/Conversations/{self.sid}/Messages", form, asking)[0] == 201:
            self.posted.append(form["Body"])

    def switch(self) -> None:
        deed = self.dice.choice([self.store.phones.offline, self.store.phones.online])
        deed(self.dice.choice(self.people)[0])

    def read(self) -> None:
        self.store.phones.read(self.dice.choice(self.people)[0])

    def wait(self) -> None:
        self.store.advance(self.dice.choice([1, 59, 60, 3600, 5400, 40_000, 90_000]))

    def replace(self, at: int | None = None, *, sender: str = "", anew: bool = True) -> None:
        """Take somebody out and, where `anew` says so, in again, maybe behind another sender."""
        address, former = self.people[self.dice.randrange(3) if at is None else at]
        ask(self.store, "POST", f"/Conversations/{self.sid}", {"State": "active"})
        _, listed = ask(self.store, "GET", f"/Conversations/{self.sid}/Participants")
        rows = [
            one
            for one in listed["participants"]
            if (one["messaging_binding"] or {}).get("address") == address
        ]
        for row in rows:
            ask(self.store, "DELETE", f"/Conversations/{self.sid}/Participants/{row['sid']}")
        proxy = sender or self.dice.choice([former, MASKS[not address.startswith("whatsapp")]])
        form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        if anew and rows:
            form["Attributes"] = rows[0]["attributes"]
            ask(self.store, "POST", f"/Conversations/{self.sid}/Participants", form)
            self.people = [(one, proxy if one == address else to) for one, to in self.people]

    def move(self) -> None:
        state = self.dice.choice(["active", "inactive", "inactive", "closed"])
        ask(self.store, "POST", f"/Conversations/{self.sid}", {"State": state})


def played(
    seed: int, folder: Path, texts: list[str] | None = None, made_by: str = ""
) -> tuple[Scenario, dict[str, Any]]:
    """Return a random session as it was saved."""
    made_by = made_by or ("stack", "hand")[seed % 2]
    session = Session(seed, texts or ["one", "two", "three"], made_by).run(40)
    found = saved(session.store, session.sid)
    return scenario_of(found["text"], folder, STACK if made_by == "stack" else None), found


@pytest.mark.parametrize("seed", range(40))
def test_what_was_saved_plays_again(seed: int, tmp_path: Path) -> None:
    """On a fresh emulator everybody sees and misses the same, in the same order; nothing is left out."""
    scenario, found = played(seed, tmp_path)

    assert found["notes"] == []
    assert found["steps"] == len(scenario.steps) > 20
    assert told(acted(scenario)).startswith("ok ")


@pytest.mark.parametrize("seed", range(20))
def test_what_a_message_made_plays_again(seed: int, tmp_path: Path) -> None:
    """The message that a conversation was created for is older than who wrote it, and is in the file."""
    scenario, found = played(seed, tmp_path, made_by="message")
    first = next(beat.deed for beat in scenario.steps if isinstance(beat.deed, Says | Sees))

    assert found["notes"] == []
    assert isinstance(first, Says)
    assert first.message.text == "Is anybody there?"
    assert told(acted(scenario)).startswith("ok ")


@pytest.mark.parametrize(
    ("words", "noted"),
    [(["hello"], False), (["STOP"], True), (["STOP", "start"], False), (["start", "STOP", "hello"], True)],
)
def test_an_opt_out_from_before_is_noted(words: list[str], noted: bool) -> None:
    """Who had written STOP to a sender gets nothing from it in a conversation later; a file cannot say so."""
    store = Store(clock=Clock.frozen())
    for word in words:
        store.phones.send(ALICIA, SMS, word)
    store.advance(90_000)
    sid = ask(store, "POST", "/Conversations", {"FriendlyName": "Later"})[1]["sid"]
    form = {"MessagingBinding.Address": ALICIA, "MessagingBinding.ProxyAddress": SMS}
    assert ask(store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201
    note = "what somebody had written to their sender before they were there"

    assert saved(store, sid)["notes"] == ([note] if noted else [])


@pytest.mark.parametrize("seed", range(12))
def test_hostile_texts_come_back(seed: int, tmp_path: Path) -> None:
    """Whatever people write is text in the file, and the same text when it is played."""
    scenario, _ = played(seed, tmp_path, HOSTILE)
    said = {step.deed.message.text for step in scenario.steps if isinstance(step.deed, Says)}

    assert len(said & set(HOSTILE)) > 3
    assert told(acted(scenario)).startswith("ok ")


def test_half_a_character_is_a_sign_for_what_is_lost() -> None:
    """No file can hold half a surrogate pair, which a world that was imported may."""
    assert quoted("a\ud800b") == '"a\ufffdb"'


def replaced(scenario: Scenario, at: int, deed: Any) -> Scenario:
    """Return a scenario with another deed at one place, or none."""
    step = scenario.steps[at]
    here = [] if deed is None else [Beat(deed, step.words, step.place)]
    return dataclasses.replace(scenario, steps=(*scenario.steps[:at], *here, *scenario.steps[at + 1 :]))


def mutants(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    """Give plays that differ from what happened in one thing, each by a name."""
    for at, step in enumerate(scenario.steps):
        match step.deed:
            case Sees(who=who, message=message):
                yield f"{at} another text", replaced(scenario, at, Sees(who, Content("another")))
                yield f"{at} another sender", replaced(scenario, at, Sees(who, message, via="+15550100299"))
                yield f"{at} unseen", replaced(scenario, at, None)
                yield f"{at} missed", replaced(scenario, at, Misses(who, message))
            case Misses(who=who, message=message, code=code):
                yield f"{at} seen", replaced(scenario, at, Sees(who, message))
                yield f"{at} another code", replaced(scenario, at, Misses(who, message, code=(code or 0) + 1))


@pytest.mark.parametrize("seed", range(6))
def test_a_play_that_differs_is_found(seed: int, tmp_path: Path) -> None:
    """Another text, sender or code, a message too many or too few: the scenario fails there or later."""
    scenario, _ = played(seed, tmp_path)
    found = list(mutants(scenario))
    random.Random(seed).shuffle(found)

    assert len(found) > 20
    for name, mutant in found[:25]:
        outcome = acted(mutant)
        assert not outcome.passed, name
        assert outcome.played >= int(name.split()[0]), name


def test_what_is_said_otherwise_is_found(tmp_path: Path) -> None:
    """Whoever writes something else is found by whoever should see it."""
    for seed in range(10):
        scenario, _ = played(seed, tmp_path)
        seen = [at for at, step in enumerate(scenario.steps) if isinstance(step.deed, Sees)]
        at = next((n for n in seen if isinstance(scenario.steps[n - 1].deed, Says)), None)
        if at is None:
            continue
        deed = scenario.steps[at - 1].deed
        assert isinstance(deed, Says)
        mutant = replaced(scenario, at - 1, dataclasses.replace(deed, message=Content("other words")))
        outcome = acted(mutant)
        assert "saw something else" in told(outcome)


def test_plays_without_a_note_play_again(tmp_path: Path) -> None:
    """Of worlds full of other things, too: a saved scenario plays again, or says what is not in it."""
    whole = noted = 0
    for seed in (*range(30), 109, 126, 164):
        play_ = Play(seed, Switches()).run(60)
        for rows in list(play_.store.index.conversations.values()):
            for row in rows:
                found = saved(play_.store, row.sid)
                if found["notes"]:
                    noted += 1
                elif play_.store.participants(row):
                    outcome = acted(scenario_of(found["text"], tmp_path))
                    assert outcome.passed, f"seed {seed}\n{found['text']}\n{told(outcome)}"
                    whole += 1

    assert whole > 20
    assert noted > 10


def test_a_world_that_was_opened_again_says_what_it_has_forgotten(tmp_path: Path) -> None:
    """Messages are kept, what else happened is not: a note says so."""
    path = tmp_path / "world.db"
    store = Store(path=path, clock=Clock.frozen())
    sid = ask(store, "POST", "/Conversations", {"FriendlyName": "Kept"})[1]["sid"]
    for address, proxy in ((ALICIA, SMS), (DRIVER, OTHER_SMS)):
        form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        ask(store, "POST", f"/Conversations/{sid}/Participants", form)
    store.phones.send(ALICIA, SMS, "before")
    store.close()
    store = Store(path=path)
    store.phones.send(DRIVER, OTHER_SMS, "after")
    found = saved(store, sid)
    scenario = scenario_of(found["text"], tmp_path)
    store.close()

    assert found["notes"] == ["what was done beside writing before the emulator was started"]
    assert [step.words for step in scenario.steps][:4] == [
        "sms-1 says",
        "sms-2 sees",
        "sms-2 says",
        "sms-1 sees",
    ]
    assert acted(scenario).passed


def test_where_time_runs_by_itself_whole_minutes_make_a_step() -> None:
    """What is left of them is collected, nobody waits for the first deed; a frozen clock is told exactly."""
    for clock, expected in ((Clock(), ["2m", "25h"]), (Clock.frozen(), ["2m28s", "59s", "1m1s", "25h3s"])):
        session = Session(1, ["x"], "hand")
        session.store = store = Store(clock=clock)
        sid = session.by_hand()
        for seconds in (148, 59, 61, 90_003):
            store.advance(seconds)
            store.phones.send(ALICIA, SMS, "x")
        text = saved(store, sid)["text"].replace("  - conversation is: inactive\n", "")

        assert re.findall(r"advance: (\S+)", text) == expected


@pytest.mark.parametrize("made_by", ["stack", "hand"])
@pytest.mark.parametrize("seed", range(20))
def test_a_post_is_what_came_by_rest(seed: int, made_by: str, tmp_path: Path) -> None:
    """Also where people were replaced, or left: what a handset wrote is never told as an application's."""
    session = Session(seed, [], made_by)
    for count in range(4):
        session.texts = [f"{count} {n}" for n in range(50)]
        session.run(12)
        session.replace(anew=session.dice.random() < 0.7)
    session.texts = ["at last"]
    session.run(6)
    found = saved(session.store, session.sid)
    scenario = scenario_of(found["text"], tmp_path, STACK if made_by == "stack" else None)
    posted = Counter(one.deed.message.text for one in scenario.steps if isinstance(one.deed, Posts))
    said = Counter(one.deed.message.text for one in scenario.steps if isinstance(one.deed, Says))

    assert not posted - Counter(session.posted)
    assert not said - Counter(session.said)


@pytest.mark.parametrize("seed", range(20))
def test_after_a_mask_was_changed_the_play_begins_there(seed: int, tmp_path: Path) -> None:
    """What was said behind the former one is left out, in one note; what was said since plays again."""
    session = Session(seed, ["before"], "hand").run(20)
    session.store.phones.online(ALICIA)
    session.store.phones.send(ALICIA, SMS, "before")
    for one in range(len(session.people)):
        session.replace(one, sender=MASKS[one])
    session.texts = ["since"]
    session.store.phones.send(ALICIA, MASKS[1], "since")
    session.run(20)
    found = saved(session.store, session.sid)
    said = [note for note in found["notes"] if note.startswith("what was said before the mask of ")]

    assert found["notes"] == said
    assert len(said) == 1
    assert "before" not in found["text"].split("steps:")[1]
    assert 'says: "since"' in found["text"]
    assert told(acted(scenario_of(found["text"], tmp_path))).startswith("ok ")


def test_the_button_is_told_as_it_was_pressed(tmp_path: Path) -> None:
    """STOP by SMS is what `stops` sends."""
    session = Session(1, ["x"], "hand")
    session.store.phones.stop(ALICIA, SMS)
    scenario = scenario_of(saved(session.store, session.sid)["text"], tmp_path)

    assert [one.deed for one in scenario.steps][:1] == [Thumbs("system-1", "stop")]
    assert acted(scenario).passed


def test_a_group_is_saved(tmp_path: Path) -> None:
    """Group MMS: who writes reaches the others, and the business number posts."""
    store = Store(clock=Clock.frozen())
    sid = ask(store, "POST", "/Conversations", {"FriendlyName": "Group"})[1]["sid"]
    for number in (ROBERT, ALICIA):
        ask(store, "POST", f"/Conversations/{sid}/Participants", {"MessagingBinding.Address": number})
    form = {"MessagingBinding.ProjectedAddress": SMS}
    ask(store, "POST", f"/Conversations/{sid}/Participants", form)
    store.phones.send(ROBERT, [SMS, ALICIA], "hi all")
    assert ask(store, "POST", f"/Conversations/{sid}/Messages", {"Author": SMS, "Body": "hi"})[0] == 201
    scenario = scenario_of(saved(store, sid)["text"], tmp_path)

    assert [step.words.split()[1] for step in scenario.steps] == [
        *("says", "sees", "posts", "sees", "sees"),
        *("sees_nothing", "sees_nothing"),
    ]
    assert told(acted(scenario)).startswith("ok ")


def test_of_a_stack_the_file_holds_no_number() -> None:
    """Names are those of the specs, so it can be shared like them; who made it by hand is told of numbers."""
    by_stack, by_hand = (Session(2, ["x"], one).run(30) for one in ("stack", "hand"))
    text = saved(by_stack.store, by_stack.sid)["text"]

    assert "conversation: order\n" in text
    assert "given:" not in text
    assert [number for number in (ROBERT, ALICIA, DRIVER, WA, SMS) if number in text] == []
    assert "# Phone numbers stand in here as they are." in saved(by_hand.store, by_hand.sid)["text"]


def test_what_is_no_conversation_is_said_to_be_none() -> None:
    """Without a SID it is the first one, if there is one."""
    store = Store(clock=Clock.frozen())

    assert admin(store, "scenario")[0] == 404
    assert admin(store, "scenario?conversation=CH0")[0] == 404
    ask(store, "POST", "/Conversations", {"FriendlyName": "Only one"})
    assert admin(store, "scenario")[1]["file"] == "only-one.yaml"


# --- steps -------------------------------------------------------------------------------------------------

PASSING = {
    "a stranger": (
        "  - +15550100999 says: {text: Hello, via: sms, reaches: nobody}\n  - order/courier sees_nothing"
    ),
    "a number through a sender": (
        f"  - {ALICIA} says: {{text: Hello, via: sms}}\n  - desk posts: Hi\n  - {ALICIA} sees: Hi"
    ),
    "anything": "  - courier says: Hello\n  - customer misses\n  - courier sees_nothing",
    "stops": (
        "  - courier stops\n  - system posts: Hello\n  - courier misses: {code: 21610}\n"
        "  - courier says: start\n  - desk posts: There?\n  - courier sees: {text: There?, via: sms}"
    ),
    "a word more": "  - courier   says: Hello\n  - webhook_called: {webhook: order/audit, times: 1}",
    "states": (
        "  - order is: active\n  - conversation becomes: inactive\n  - courier says: Hello\n"
        "  - order is: active\n  - advance: P1D\n  - order is: inactive\n"
        "  - advance: 2d\n  - order is: closed"
    ),
    "webhooks": (
        "  - system posts: Quiet\n  - webhook_called: {webhook: audit, times: 0}\n"
        "  - system posts: {text: Loud, webhooks: true}\n"
        "  - webhook_called: {webhook: audit, event: onMessageAdded, parameters: {Body: Loud, Index: 1}}"
    ),
}


@pytest.mark.parametrize("name", PASSING)
def test_steps(name: str, tmp_path: Path) -> None:
    """What can be said, in ways that no saved scenario does."""
    assert told(acted(on_stack(PASSING[name], tmp_path))).startswith("ok ")


FAILING = {
    "  - courier sees_nothing\n  - desk posts: Hi\n  - courier sees_nothing": "courier saw something",
    "  - desk posts: Hi\n  - courier sees: {text: Hi, via: other}": "courier saw nothing",
    "  - customer sees": "customer saw nothing",
    "  - desk posts: Hi\n  - courier sees: Hi\n  - courier sees: Hi": "courier saw nothing more",
    "  - desk posts: Hi\n  - customer sees: Hi": "customer saw nothing",
    "  - desk posts: Hi\n  - customer misses: {text: Hi, code: 21610}": "customer missed something else",
    "  - order is: closed": "order is active",
    "  - courier says: {text: Hi, reaches: nobody}": "what courier wrote is in a conversation",
    "  - courier says: {text: Hi, via: other}": "what courier wrote is in no conversation",
    "  - courier goes_offline\n  - courier says: Hi": "was refused: +15550100302 is offline",
    "  - order becomes: closed\n  - desk posts: Hi": "`desk posts` was refused",
    "  - webhook_called: audit": "webhook audit was called never",
    "  - courier says: Hi\n  - webhook_called: {webhook: audit, times: 2}": "webhook audit was called once",
    "  - courier says: Hi\n  - webhook_called: {webhook: audit, parameters: {Body: Ho}}": "called never",
    "  - desk posts: {text: a, webhooks: true}\n  - courier says: b\n"
    "  - webhook_called: {webhook: audit, times: 1}": "called twice",
    "  - courier says: {text: a, media: [https://x.y/b.png]}\n  - customer says: c\n"
    "  - courier says: {text: a, media: [https://x.y/b.png]}\n"
    "  - customer sees: {media: [https://x.y/c.png]}": "customer saw something else",
}


@pytest.mark.parametrize("steps", FAILING)
def test_what_is_not_as_expected_is_said(steps: str, tmp_path: Path) -> None:
    """The last step is the one that fails, at its own line, and what is said names it."""
    scenario = on_stack(steps, tmp_path)
    outcome = acted(scenario)

    assert not outcome.passed
    assert outcome.problems[0].place == scenario.steps[-1].place
    assert FAILING[steps] in outcome.problems[0].summary
    assert outcome.played == len(scenario.steps) - 1


def test_a_failure_shows_the_handset(tmp_path: Path) -> None:
    """Which step, what was expected, what was seen, and the screen; no number where it is shared."""
    steps = "  - customer says: Hello?\n  - advance: 25h\n  - desk posts: Hi\n  - customer sees: Hi"
    scenario = dataclasses.replace(on_stack(steps, tmp_path))
    outcome = acted(scenario)

    assert told(outcome).replace(str(tmp_path), "") == (
        "FAILED  /scenarios/one.yaml: x (3 of 4 steps passed)\n"
        "  /scenarios/one.yaml:6:5: error: customer saw nothing\n"
        "        - customer sees: Hi\n"
        "          ^\n"
        '    expected: "Hi", from wa (whatsapp:+15550100200)\n'
        "    It was refused. Where that is meant: `customer misses: …`.\n"
        "    the handset of customer (whatsapp:+15550100301):\n"
        "      with wa (whatsapp:+15550100200):\n"
        '        2026-01-01T00:00:00Z  wrote   "Hello?"  sent\n'
        f'        2026-01-02T01:00:00Z  missed  "Hi"  refused 63016: {explanation(63016, None)}\n'
    )
    numbers = Numbers(b"key")
    shared = [
        "\n".join(line.text for line in (*outcome_lines(outcome, numbers), summary_line([outcome]))),
        outcomes_json([outcome], numbers),
        outcomes_junit([outcome], numbers),
    ]
    assert [text for text in shared if "5550100" in text] == []
    assert [text for text in shared if "customer saw nothing" not in text] == []
    with pytest.raises(ValueError, match="shared output"):
        outcomes_junit([outcome], Numbers(None))


HINTS = {
    "  - desk posts: Hi\n  - customer sees: Hi": "It was refused. Where that is meant: `customer misses",
    "  - desk posts: Hi\n  - courier misses: Hi": "It arrived. Where that is meant: `courier sees",
    "  - courier goes_offline\n  - desk posts: Hi\n  - courier sees: Hi": "write `courier goes_online`",
    "  - desk posts: Hi\n  - customer sees: Ho": "",
    "  - desk posts: Hi\n  - customer misses: Hi\n  - customer sees: Hi": "",
}


@pytest.mark.parametrize("steps", HINTS)
def test_what_became_of_a_message_is_said(steps: str, tmp_path: Path) -> None:
    """Where the one that is expected is there otherwise; the handset shows it in the same words."""
    (problem,) = acted(on_stack(steps, tmp_path)).problems

    assert HINTS[steps] in problem.detail
    assert ("  It " in problem.detail or "\nIt " in problem.detail) == bool(HINTS[steps])
    shown = problem.detail.partition("the handset of")[2]
    state = next((one for one in ("refused", "arrived", "waiting") if one in shown), "")
    verb = {"refused": "missed  ", "arrived": "got     ", "waiting": "awaits  "}[state]
    assert f'{verb}"Hi"' in shown


@pytest.mark.filterwarnings("ignore:Sending a large body")
def test_a_message_that_is_too_long_fails_its_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the emulator answers in other words than JSON is a refusal, too."""
    on_stack(f"  - courier says: {'x' * 1_100_000}", tmp_path)

    assert run(["test", str(tmp_path)]) == 1
    assert "`courier says` was refused: 413" in capsys.readouterr().out


def test_junit_holds_whatever_was_said(tmp_path: Path) -> None:
    """Control characters and markup in titles and texts make no broken XML."""
    text = json.dumps(
        {"scenario": "<a> & \x00\x1b]", "steps": [{"desk posts": "]]>&\x01"}, {"courier sees": "<b>\x02"}]}
    )
    outcome = acted(scenario_of(text, tmp_path, STACK))
    suite = ET.fromstring(outcomes_junit([outcome], Numbers(b"key")))[0]
    failure = suite[0][0]

    assert suite.attrib["failures"] == "1"
    assert suite[0].attrib["name"] == "<a> & \\x00\\x1b]"
    assert "saw something else" in failure.attrib["message"]
    assert failure.text is not None
    assert "]]>&" in failure.text


# --- reading -----------------------------------------------------------------------------------------------

WRONG = {
    "scenario: x": "1:1 there are no steps:",
    "scenario: x\nsteps: []": "2:8 steps is a list of steps",
    "scenario: x\nsteps: hello": "2:8 steps is a list of steps",
    "scenari: x\nsteps:\n  - advance: 1h": "1:1 unknown key 'scenari'",
    "scenario: [x]\nsteps:\n  - advance: 1h": "1:11 expected text, found a list",
    "scenario: x\nsteps:\n  - customer say: x": "3:5 unknown step 'customer say'",
    "scenario: x\nsteps:\n  - customer says x": "3:5 unknown step 'customer says x'",
    "scenario: x\nsteps:\n  - customer says: Order #5": "3:20 '#5' is a comment here, not part of the text",
    "scenario: x\nsteps:\n  - says: x": "3:5 unknown step 'says'",
    "scenario: x\nsteps:\n  - advanse: 1h": "3:5 unknown step 'advanse'",
    "scenario: x\nsteps:\n  - customer says:": "3:5 customer says nothing",
    "scenario: x\nsteps:\n  - desk posts: {author: x}": "3:5 desk posts nothing",
    "scenario: x\nsteps:\n  - [a]": "3:5 a list is no step",
    "scenario: x\nsteps:\n  - {a: 1, b: 2}": "3:5 a map of 2 keys is no step",
    "scenario: x\nsteps:\n  -": "3:4 nothing is no step",
    "scenario: x\nsteps:\n  - advance: soon": "3:14 'soon' is no duration",
    "scenario: x\nsteps:\n  - advance:": "3:5 time is missing",
    "scenario: x\nsteps:\n  - a sees: {txt: x}": "3:14 unknown key 'txt'",
    "scenario: x\nsteps:\n  - a is: shut": "3:11 'shut' is not allowed here",
    "scenario: x\nsteps:\n  - webhook_called: {webhook: a, event: onMesageAdded}": (
        "3:41 'onMesageAdded' is no event of a webhook"
    ),
    "scenario: x\nsteps:\n  - a goes_offline: {via: wa}": "3:22 unknown key 'via'",
    "scenario: x\nsteps:\n  - a goes_online: {via: wa}": "3:21 unknown key 'via'",
    "scenario: x\nsteps:\n  - a sees: [x]": "3:13 expected text, found a list",
    "scenario: x\nstack: ..\ngiven: {}\nsteps: [advance: 1h]": "2:1 `given` and `stack` exclude each other",
    "scenario: x\ngiven: [x]\nsteps:\n  - advance: 1h": "2:1 given is a map of names, found a list",
    "- scenario": "1:1 this is no scenario",
    "": "1:1 this is no scenario",
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_have_their_places(text: str, tmp_path: Path) -> None:
    """Each is told once, where it stands, with what would be right."""
    with pytest.raises(SpecError) as found:
        scenario_of(text, tmp_path)
    (problem,) = [one for one in found.value.diagnostics if "scenario is missing" not in one.summary]

    assert problem.place is not None
    assert f"{problem.place.line}:{problem.place.column} {problem.summary}" == WRONG[text]
    assert problem.detail or problem.summary.startswith("expected text")


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """In the order of their places."""
    files = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    for file in files:
        file.write_text("scenario: x\nsteps:\n  - a say: x\n  - b sees: {tex: y}\n", encoding="utf-8")
    with pytest.raises(SpecError) as found:
        read_scenarios(files, None)
    places = [(one.place.file, one.place.line) for one in found.value.diagnostics if one.place]

    assert places == [(str(file), line) for file in files for line in (3, 4)]


def test_mistakes_of_every_sort_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in one file hides neither the names in others, nor in its own, nor a stack that is wrong."""
    on_stack("  - desk posts: Hi", tmp_path)
    text = "scenario: x\nsteps:\n  - curier says: Hi\n  - courier say: Hi"
    (tmp_path / "scenarios" / "one.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "scenarios" / "two.yaml").write_text(
        "scenario: x\nsteps:\n  - dsk posts: Hi", encoding="utf-8"
    )
    (tmp_path / "other").mkdir()
    text = "scenario: x\nstack: ../other\nsteps:\n  - desk posts: Hi"
    (tmp_path / "scenarios" / "three.yaml").write_text(text, encoding="utf-8")

    assert run(["test", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    wanted = ["'curier'", "'courier say'", "'dsk'", "holds no *.yaml file"]
    assert [one for one in wanted if one not in said] == []


def test_a_conversation_that_is_none_is_told_where_it_is_written(tmp_path: Path) -> None:
    """Once, and not at the steps that mean it."""
    text = "scenario: x\nconversation: order-9\nsteps:\n  - courier says: Hi\n  - desk posts: Hi"
    scenario = scenario_of(text, tmp_path, STACK)
    stack = specs_of(scenario, Inputs()).stack
    (problem,) = check_names(scenario, Cast(stack.desired.resources, stack.senders, scenario.conversation))

    assert problem.summary == "no conversation is called 'order-9'"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (2, 15)


@pytest.mark.parametrize("how", ["../../outside", "../../outside/secret.yaml", "absolute", "../link"])
def test_a_scenario_leads_nowhere_out_of_its_stack(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines of another's file would be quoted where the result is shared."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.yaml").write_text("token: hunter2\n", encoding="utf-8")
    (inside / "link").symlink_to(outside)
    name = str(outside) if how == "absolute" else how
    for own in ("other: {}\n", STACK):
        (inside / "stack.yaml").write_text(own, encoding="utf-8")
        (inside / "scenarios").mkdir(exist_ok=True)
        text = f"scenario: x\nstack: {name}\nsteps:\n  - desk posts: Hi\n"
        (inside / "scenarios" / "one.yaml").write_text(text, encoding="utf-8")
        assert run(["test", str(inside / "scenarios")]) == 1
        said = "".join(capsys.readouterr())
        assert f"one.yaml:2:8: error: {name} leads out of the stack's folder" in said
        assert "hunter2" not in said


def test_a_link_among_scenarios_leads_nowhere_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines would be quoted, too."""
    inside = tmp_path / "inside"
    inside.mkdir()
    on_stack("  - desk posts: Hi", inside)
    (tmp_path / "secret.yaml").write_text("token: hunter2\n", encoding="utf-8")
    (inside / "scenarios" / "two.yaml").symlink_to(tmp_path / "secret.yaml")

    assert run(["test", str(inside)]) == 1
    said = "".join(capsys.readouterr())
    assert "two.yaml leads out of the stack's folder" in said
    assert "hunter2" not in said


def test_a_stack_beside_the_scenarios_is_read(tmp_path: Path) -> None:
    """In the folder that holds `scenarios`, whether that is one of a stack or only of several."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "stack.yaml").write_text(STACK, encoding="utf-8")
    for own in (None, STACK):
        text = "scenario: x\nstack: ../one\nsteps:\n  - desk posts: Hi"
        scenario_of(text, tmp_path, own)
        (scenario,) = read_scenarios(*find_scenarios(tmp_path / "scenarios"))
        assert acted(scenario).passed


@pytest.mark.parametrize(
    "stack",
    [
        STACK,
        STACK
        + f'  late:\n    participants: {{rob: {{address: "{DRIVER}", via: sms}}, bot: {{identity: b}}}}\n',
        STACK.replace("  order:", "  late: {participants: {bot: {identity: b}}}\n  order:"),
    ],
)
def test_the_first_scenario_that_is_proposed_passes(stack: str, tmp_path: Path) -> None:
    """It names people of the stack, and says what one of them sees."""
    (tmp_path / "stack.yaml").write_text(stack, encoding="utf-8")
    with pytest.raises(ReconcilerError) as found:
        find_scenarios(tmp_path)
    scenario = scenario_of(found.value.diagnostics[0].detail.partition("\n")[2], tmp_path)

    assert [one.words for one in scenario.steps] == ["customer says", "courier says", "customer sees"]
    assert acted(scenario).passed


NAMES = {
    "  - custmer says: x": "no participant is called 'custmer'",
    "  - order/custmer says: x": "no participant of order is called 'custmer'",
    "  - ordr/customer says: x": "no conversation is called 'ordr'",
    "  - desk says: x": "desk is no phone",
    "  - customer sees: {text: x, via: smss}": "no sender is called 'smss'",
    "  - +15550100999 says: x": "to whom does +15550100999 write?",
    "  - +15550100999 posts: x": "+15550100999 takes part in no conversation",
    "  - ordr is: closed": "no conversation is called 'ordr'",
    "  - webhook_called: audi": "no webhook is called 'audi'",
    "  - customer says: {text: x, reaches: nobdy}": "no conversation is called 'nobdy'",
}


@pytest.mark.parametrize("steps", NAMES)
def test_names_are_checked_before_anything_is_played(steps: str, tmp_path: Path) -> None:
    """Against the stack as it is written, at the place of the step."""
    scenario = on_stack(steps, tmp_path)
    stack = specs_of(scenario, Inputs()).stack
    (problem,) = check_names(scenario, Cast(stack.desired.resources, stack.senders))

    assert (problem.summary, problem.place) == (NAMES[steps], scenario.steps[0].place)
    assert problem.detail


def test_a_name_in_two_conversations_says_how_to_choose(tmp_path: Path) -> None:
    """With the conversation before it, or once above the steps."""
    twice = STACK + f'  late:\n    participants: {{customer: {{address: "{ROBERT}", via: other}}}}\n'
    steps = "steps:\n  - customer sees_nothing"
    scenario = scenario_of(f"scenario: x\n{steps}", tmp_path, twice)
    stack = specs_of(scenario, Inputs()).stack
    (problem,) = check_names(scenario, Cast(stack.desired.resources, stack.senders))

    assert problem.summary == "customer stands in 2 conversations"
    assert "order/customer or late/customer" in problem.detail
    for chosen in (f"conversation: late\n{steps}", "steps:\n  - late/customer sees_nothing"):
        assert acted(scenario_of(f"scenario: x\n{chosen}", tmp_path, twice)).passed


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("25h", 90_000), ("90m", 5_400), ("1d12h", 129_600), ("1s", 1), ("PT25H", 90_000), ("P1DT1M", 86_460)],
)
def test_durations(text: str, seconds: float, tmp_path: Path) -> None:
    """As people say them, and in ISO 8601."""
    (step,) = on_stack(f"  - advance: {text}", tmp_path).steps

    assert step.deed == Advances(seconds)


def test_a_pool_is_resolved_to_the_number_that_was_chosen(tmp_path: Path) -> None:
    """Who is reached from a pool is seen from whichever number it became."""
    pool = STACK.replace(f'sms: "{SMS}"', f'sms: ["{SMS}", "+15550100203"]')
    steps = "steps:\n  - courier says: Hello\n  - desk posts: Hi\n  - courier sees: {text: Hi, via: sms}"

    assert told(acted(scenario_of(f"scenario: x\n{steps}", tmp_path, pool))).startswith("ok ")


def test_a_number_of_a_pool_stays_the_one_that_was_chosen() -> None:
    """Only who is not reached from it is asked for at its first number."""
    cast = Cast({}, {"sms": (SMS, OTHER_SMS)})

    assert [cast.via(Player("x", sender=one), "sms").sender for one in (SMS, OTHER_SMS, WA)] == [
        SMS,
        OTHER_SMS,
        SMS,
    ]


def test_a_service_that_the_stack_names_is_made(tmp_path: Path) -> None:
    """Whatever an application does goes there, too; one that is named by its sid nobody can make."""
    steps = (
        "steps:\n  - desk posts: Hi\n  - courier sees: Hi\n  - order becomes: closed\n  - order is: closed"
    )
    stack = STACK.replace("{name: demo}", "{name: demo, service: support}")
    store = Store(clock=Clock.frozen())

    assert told(acted(scenario_of(f"scenario: x\n{steps}", tmp_path, stack), store)).startswith("ok ")
    support = next(row for row in store.index.services if row.friendly_name == "support")
    assert [row.service_sid for rows in store.index.conversations.values() for row in rows] == [support.sid]
    by_sid = stack.replace("service: support", f"service: IS{'0' * 32}")
    with pytest.raises(ReconcilerError) as found:
        acted(scenario_of(f"scenario: x\n{steps}", tmp_path, by_sid))
    (problem,) = found.value.diagnostics
    assert "names its service by sid" in problem.summary
    assert "Write the name" in problem.detail


def test_a_stack_that_cannot_be_applied_fails_its_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Twilio would refuse is said, and nothing is played."""
    on_stack("  - desk posts: Hi", tmp_path)
    stack = STACK.replace("identity: desk-1", "identity: desk-1, role: nobody knows")
    (tmp_path / "stack.yaml").write_text(stack, encoding="utf-8")

    assert run(["test", str(tmp_path)]) == 1
    assert "(0 of 1 step passed)" in (said := capsys.readouterr().out)
    assert "nobody knows" in said


def test_what_is_typed_is_not_for_a_stack_of_the_scenarios_own(tmp_path: Path) -> None:
    """`--var` and `-e` mean the stack beside it, so both sorts can lie in one folder."""
    one = f'{{address: "{ALICIA}", via: sms}}'
    given = f'{{senders: {{sms: "{SMS}"}}, conversations: {{a: {{participants: {{one: {one}}}}}}}}}'
    text = f"scenario: x\ngiven: {given}\nsteps:\n  - one says: Hello"
    inputs = Inputs(flags=(("other", "x"),), environment="prod")

    assert specs_of(scenario_of(text, tmp_path), inputs).stack.owner.environment == ""
    assert told(acted(scenario_of(text, tmp_path))).startswith("ok ")


def test_which_files_are_meant(tmp_path: Path) -> None:
    """A stack's folder or file means its folder of scenarios, that folder itself, and a file only itself."""
    one = on_stack("  - advance: 1h", tmp_path)
    first = tmp_path / "scenarios" / "one.yaml"
    (tmp_path / "scenarios" / ".one.yaml").write_text("x", encoding="utf-8")
    (tmp_path / "scenarios" / "deep").mkdir()
    second = tmp_path / "scenarios" / "deep" / "two.yaml"
    second.write_text("scenario: y\nsteps: [advance: 1h]", encoding="utf-8")
    both = (second, first)

    assert one.file == str(first)
    assert find_scenarios(tmp_path) == (both, tmp_path)
    assert find_scenarios(tmp_path / "stack.yaml") == (both, tmp_path / "stack.yaml")
    assert find_scenarios(tmp_path / "scenarios") == (both, tmp_path)
    assert find_scenarios(first) == ((first,), tmp_path)
    assert find_scenarios(second) == ((second,), tmp_path)
    assert find_scenarios(tmp_path / "scenarios" / "deep") == ((second,), tmp_path)


def test_a_folder_of_scenarios_means_itself_also_from_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a folder that is only called so, with no stack above it, is like any other."""
    on_stack("  - advance: 1h", tmp_path)
    monkeypatch.chdir(tmp_path / "scenarios")
    assert find_scenarios(Path()) == ((Path("one.yaml"),), tmp_path)
    (tmp_path / "stack.yaml").rename(tmp_path / "scenarios" / "stack.yaml")
    assert find_scenarios(tmp_path / "scenarios") == ((tmp_path / "scenarios" / "one.yaml",), None)


BROKEN = {
    "scenario: [x": "1:11 the [ opened here is never closed",
    "- scenario": "1:1 this is no scenario",
    "": "1:1 this is no scenario",
    "conversations: {}": "1:1 unknown key 'conversations'",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_scenario_is_not_said_to_be_none(text: str, tmp_path: Path) -> None:
    """What lies among scenarios means itself, so its own mistakes are told, with their place."""
    on_stack("  - advance: 1h", tmp_path)
    path = tmp_path / "scenarios" / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    assert find_scenarios(path) == ((path,), tmp_path)
    for typed in (path, tmp_path):
        with pytest.raises(SpecError) as found:
            read_scenarios(*find_scenarios(typed))
        places = [
            f"{one.place.line}:{one.place.column} {one.summary}"
            for one in found.value.diagnostics
            if one.place
        ]
        assert BROKEN[text] in places


def test_a_scenario_beside_its_stack_is_said_to_belong_below_it(tmp_path: Path) -> None:
    """There it would be a part of the stack; one that describes its own is played anywhere."""
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    path = tmp_path / "one.yaml"
    path.write_text("scenario: x\nsteps:\n  - desk posts: Hi", encoding="utf-8")
    for typed in (path, tmp_path):
        with pytest.raises(SpecError) as found:
            read_scenarios(*find_scenarios(typed))
        (problem,) = found.value.diagnostics
        assert problem.summary == "nothing says on which stack this is played"
        assert str(tmp_path / "scenarios" / "one.yaml") in problem.detail
    path.write_text("scenario: x\ngiven: {}\nsteps:\n  - advance: 1h", encoding="utf-8")
    assert acted(read_scenarios(*find_scenarios(path))[0]).passed


def test_a_scenario_sets_variables_and_chooses_an_environment(tmp_path: Path) -> None:
    """Flags go before what it says."""
    stack = f"""
stack: {{name: demo}}
environments: {{test: {{}}, prod: {{}}}}
variables: {{who: {{type: phone}}}}
senders: {{sms: "{SMS}"}}
conversations: {{order: {{participants: {{one: {{address: "${{var.who}}", via: sms}}}}}}}}
"""
    head = f'scenario: x\nenvironment: test\nvariables: {{who: "{ALICIA}"}}\n'
    scenario = scenario_of(f"{head}steps:\n  - one says: Hello", tmp_path, stack)
    address = next(one for one in specs_of(scenario, Inputs()).stack.desired.resources if one.key == "one")
    by_flag = specs_of(scenario, Inputs(flags=(("who", DRIVER),))).stack

    assert acted(scenario).passed
    assert by_flag.desired.resources[address].fields[("address",)] == DRIVER
    assert by_flag.owner.environment == "test"


# --- the command -------------------------------------------------------------------------------------------


def test_the_scenarios_of_the_specs_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """The guide's conversations, on real sockets."""
    assert run(["test", "specs"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line for line in lines[:-1] if not line.startswith("ok      specs/scenarios/")] == []
    assert lines[-1].startswith("3 scenarios: 3 passed, in ")


def test_a_failed_scenario_fails_the_command_and_not_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, all are played, and what is written to be shared holds no number."""
    on_stack("  - desk posts: Hi\n  - courier sees: Ho", tmp_path)
    good = tmp_path / "scenarios" / "two.yaml"
    good.write_text("scenario: Good\nsteps:\n  - desk posts: Hi\n  - courier sees: Hi", encoding="utf-8")
    report = tmp_path / "report.xml"

    assert run(["test", str(tmp_path), "--junit", str(report)]) == 1
    text = capsys.readouterr().out
    assert run(["test", str(tmp_path), "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert run(["test", str(tmp_path), "--format", "markdown"]) == 1
    markdown = capsys.readouterr().out

    assert markdown.startswith("### reconciler test\n")
    assert "courier saw something else" in markdown
    assert "5550100" not in markdown
    assert "2 scenarios: 1 passed, 1 failed" in text
    assert "courier saw something else" in text
    assert "5550100" not in text + report.read_text(encoding="utf-8") + json.dumps(data)
    assert [(one["passed"], one["played"], one["steps"]) for one in data["scenarios"]] == [
        (False, 1, 2),
        (True, 2, 2),
    ]
    assert data["scenarios"][0]["problems"][0]["line"] == 4


MISTAKES = {
    "  - courier say: Hi": ["unknown step 'courier say'"],
    "  - curier says: Hi\n  - dsk posts: Hi": [
        "no participant is called 'curier'",
        "no participant is called 'dsk'",
    ],
}


@pytest.mark.parametrize("steps", MISTAKES)
def test_mistakes_are_errors_in_the_junit_file(steps: str, tmp_path: Path) -> None:
    """A pipeline shows what it finds there, also where nothing could be played; no number is in it."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    (folder / "one.yaml").write_text(f"scenario: x\nsteps:\n{steps} # {ALICIA}", encoding="utf-8")
    report = tmp_path / "report.xml"

    assert run(["test", str(tmp_path), "--junit", str(report)]) == 1
    suite = ET.fromstring(report.read_text(encoding="utf-8"))[0]
    errors = [case[0] for case in suite]
    assert (suite.attrib["errors"], suite.attrib["failures"]) == (str(len(errors)), "0")
    assert [(one.tag, one.attrib["message"]) for one in errors] == [("error", one) for one in MISTAKES[steps]]
    assert {case.attrib["file"] for case in suite} == {str(folder / "one.yaml")}
    assert "5550100" not in report.read_text(encoding="utf-8")


def test_why_there_is_nothing_to_play_is_in_the_junit_file(tmp_path: Path) -> None:
    """No scenarios, or a stack that cannot be read; a file that was there is replaced as a whole."""
    stack, report = tmp_path / "stack.yaml", tmp_path / "report.xml"
    stack.write_text(STACK, encoding="utf-8")
    assert run(["test", str(tmp_path), "--junit", str(report)]) == 1
    assert "has no scenarios" in report.read_text(encoding="utf-8")
    on_stack("  - desk posts: Hi", tmp_path)
    stack.write_text(STACK.replace("demo", "Demo!"), encoding="utf-8")
    assert run(["test", str(tmp_path), "--junit", str(report)]) == 1
    (case,) = ET.fromstring(report.read_text(encoding="utf-8"))[0]
    assert case.attrib["file"] == str(stack)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["report.xml", "scenarios", "stack.yaml"]


def test_what_is_no_file_takes_the_report_as_it_comes(tmp_path: Path) -> None:
    """A pipe, a terminal or nothing at all stays what it is."""
    on_stack("  - desk posts: Hi", tmp_path)

    assert run(["test", str(tmp_path), "--junit", os.devnull]) == 0
    assert not Path(os.devnull).is_file()


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No scenario, no path, a wrong name, a stack that cannot be applied: exit code 1 and a sentence."""
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    assert run(["test", str(tmp_path)]) == 1
    assert "has no scenarios" in capsys.readouterr().err
    assert run(["test", str(tmp_path / "none")]) == 1
    assert "does not exist" in capsys.readouterr().err
    on_stack("  - nobody says: Hi", tmp_path)
    assert run(["test", str(tmp_path)]) == 1
    assert "no participant is called 'nobody'" in capsys.readouterr().err
    on_stack("  - desk posts: Hi", tmp_path)
    assert run(["test", str(tmp_path), "--junit", str(tmp_path / "no" / "report.xml")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    (tmp_path / "stack.yaml").write_text(STACK.replace("demo", "Demo!"), encoding="utf-8")
    assert run(["test", str(tmp_path)]) == 1
    assert "stack's name" in capsys.readouterr().err
