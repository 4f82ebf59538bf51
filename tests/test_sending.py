"""A step on its way: lost answers, late commits, a brake, the journal, what Twilio answers otherwise."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from test_executor import Call, Door, Scene, assert_finished, assert_well_formed, census, ended
from worlds import World, random_spec, stack_of

from reconciler import emulator
from reconciler.brake import Brake
from reconciler.diff import operations
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.model import EventKind
from reconciler.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model import Event, Plan
    from reconciler.transport import Transport

VARIANTS = emulator.Switches.variants()
HOOK = {"url": "https://example.com/optin", "filters": ["onMessageAdded"]}
FULL = {
    "stack": {"name": "demo"},
    "senders": {"sms": "+15550100201"},
    "conversations": {
        "a": {
            "attributes": {"topic": "delivery"},
            "participants": {"p": {"address": "+15550100301", "via": "sms"}, "desk": {"identity": "desk"}},
            "webhooks": {"optin": HOOK},
        }
    },
}


class Faulty:
    """The emulator in process, with its faults told as the network would tell them."""

    def __init__(self, world: World, interceptor: Any = None) -> None:
        self.door = emulator.InProcess(world.store, interceptor=interceptor, sleep=world.clock.sleep)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Pass one call on."""
        try:
            return await self.door.send(method, url, headers, body, timeout_s)
        except emulator.Interrupted as cut:
            raise TransportError(str(cut), sent=cut.sent) from None


def befall(n: int, effect: emulator.Effect) -> Callable[[int, str, str], emulator.Effect | None]:
    """Return an interceptor that lets `effect` befall the `n`-th write."""
    writes = iter(range(10**6))

    def ask(_: int, method: str, path: str) -> emulator.Effect | None:  # noqa: ARG001 - the shape of a hook
        return effect if method != "GET" and next(writes) == n else None

    return ask


LOST = {
    "dropped": emulator.Effect("drop"),
    "committed": emulator.Effect("drop_after_commit"),
    "late": emulator.Effect("late_commit", seconds=0.2),
    "very late": emulator.Effect("late_commit", seconds=3.0),
    "500": emulator.Effect("status", status=500),
    "500 after all": emulator.Effect("status", status=500, after_commit=True),
}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("seed", range(300, 306))
def test_every_lost_write_is_found_or_sent_again(seed: int, how: str) -> None:
    """Whatever became of a call whose answer was lost: nothing is doubled, and one more apply is enough."""
    scene = Scene(seed)
    expected, calls = scene.undisturbed()
    for n in range(sum(1 for call in calls if call.method != "GET")):
        world = scene.world()
        plan = world.plan(scene.stack).plan
        events = world.carry_out(plan, world.gateway_over(Faulty(world, befall(n, LOST[how]))))
        world.store.advance(10.0)
        world.store.faults.land()

        assert_well_formed(plan, events)
        failed = {event.operation.address.kind for event in events if event.kind is EventKind.FAILED}
        assert failed <= {"webhook"}, (seed, how, n)
        assert_finished(scene, world, expected, (seed, how, n))


def test_a_lost_webhook_is_not_made_again_by_the_same_apply() -> None:
    """Twilio lets two equal webhooks stand side by side, so only the next apply may try again."""
    world = World()
    effect = emulator.Effect("late_commit", seconds=60.0)
    hook = befall(3, effect)
    door = Faulty(world, hook)
    plan = world.plan(stack_of(FULL)).plan
    events = world.carry_out(plan, world.gateway_over(door))
    world.store.advance(60.0)

    assert [e.operation.address.key for e in events if e.kind is EventKind.FAILED] == ["optin"]
    assert "unknown" in next(e.detail for e in events if e.kind is EventKind.FAILED)
    world.apply(stack_of(FULL))
    (row,) = world.rows("Conversations")
    assert len(world.rows(f"Conversations/{row['sid']}/Webhooks")) == 1
    assert world.plan(stack_of(FULL)).plan.visible == ()


def webhooks_of(world: World) -> list[dict[str, Any]]:
    (row,) = world.rows("Conversations")
    return world.rows(f"Conversations/{row['sid']}/Webhooks")


def test_a_webhook_that_is_late_is_found_by_the_same_apply() -> None:
    """It is looked for as long as anything is waited for, also past looks that fail."""
    world = World()
    creation = befall(3, emulator.Effect("late_commit", seconds=12.0))
    looks = iter([emulator.Effect("status", code=20404), emulator.Effect("status", status=400), None])

    def ask(number: int, method: str, path: str) -> emulator.Effect | None:
        is_look = method == "GET" and path.endswith("/Webhooks")
        return next(looks, None) if is_look else creation(number, method, path)

    plan = world.plan(stack_of(FULL)).plan
    events = world.carry_out(plan, world.gateway_over(Faulty(world, ask)))

    assert ended(events, EventKind.FAILED) == set()
    assert len(webhooks_of(world)) == 1
    assert world.plan(stack_of(FULL)).plan.visible == ()


def test_what_came_between_plan_and_apply_is_not_made_twice() -> None:
    """A webhook in a conversation that was there is looked for before it is made."""
    world = World()
    plan = world.plan(stack_of(FULL)).plan
    world.carry_out(
        plan, world.gateway_over(Faulty(world, befall(3, emulator.Effect("late_commit", calls=99))))
    )
    again = world.plan(stack_of(FULL)).plan
    world.store.faults.land()
    events = world.carry_out(again)

    assert ended(events, EventKind.FAILED) == set()
    assert len(webhooks_of(world)) == 1
    assert world.plan(stack_of(FULL)).plan.visible == ()


def test_a_webhook_that_comes_later_than_anybody_waits_is_told() -> None:
    """After another apply has made it again nobody can say whose the second is; a line removes it."""
    world, spec = World(), copy.deepcopy(FULL)
    plan = world.plan(stack_of(spec)).plan
    world.carry_out(
        plan, world.gateway_over(Faulty(world, befall(3, emulator.Effect("late_commit", calls=99))))
    )
    world.apply(stack_of(spec))
    world.store.faults.land()
    again = world.plan(stack_of(spec)).plan
    (told,) = again.diagnostics

    assert len(webhooks_of(world)) == 2
    assert again.visible == ()
    assert (str(told.address), told.severity) == ("conversation/a/webhook/optin", "warning")
    assert "exclusive: [webhooks]" in told.detail
    spec["conversations"]["a"]["exclusive"] = ["webhooks"]  # type: ignore[index]
    world.apply(stack_of(spec))
    after = world.plan(stack_of(spec)).plan
    assert (len(webhooks_of(world)), after.visible, after.diagnostics) == (1, (), ())


# --- a brake -----------------------------------------------------------------------------------------------


def braked(world: World, plan: Plan, transport: Transport, brake: Brake) -> list[Event]:
    async def collect() -> list[Event]:
        gateway = world.gateway_over(transport)
        stream = carry_out(plan, KINDS, gateway, world.clock, brake=brake)
        return [event async for event in stream]

    return asyncio.run(collect())


def stop_at(n: int, door: Door, brake: Brake, started: list[int], call: Call) -> None:
    """Put the brake on at the `n`-th write, and note how many calls have started by then."""
    if call.method != "GET" and call.write == n:
        brake.trip("it was stopped")
        started.append(len(door.calls))


@pytest.mark.parametrize("seed", range(310, 322))
def test_no_call_starts_once_the_brake_is_on(seed: int) -> None:
    """What is under way is waited for, of the rest nothing is heard, and one more apply finishes."""
    scene = Scene(seed)
    expected, calls = scene.undisturbed()
    writes = sum(1 for call in calls if call.method != "GET")
    for n in random.Random(seed).sample(range(writes), min(writes, 5)):
        world = scene.world()
        plan = world.plan(scene.stack).plan
        brake = Brake(world.clock)
        started: list[int] = []
        door = Door(world, latency=2)
        door.before = partial(stop_at, n, door, brake, started)
        events = braked(world, plan, door, brake)

        assert started == [len(door.calls)]
        heard = Counter(event.operation for event in events)
        assert {*heard.values()} == {2}  # started, and how it ended
        failed = [event.detail for event in events if event.kind is EventKind.FAILED]
        assert all("it was stopped" in detail for detail in failed)
        assert len(failed) <= 1
        assert_finished(scene, world, expected, (seed, n))


def test_a_brake_wakes_who_waits_for_a_turn_or_for_the_next_attempt() -> None:
    """A thousand conversations that wait for their turn do not keep a stopped run from ending."""
    rooms: dict[str, Any] = {f"c{n}": {} for n in range(1000)}
    stack = stack_of({"stack": {"name": "wide"}, "conversations": rooms})
    world = World()
    plan = world.plan(stack).plan
    brake = Brake(world.clock)

    def refuse(_: Call) -> Any:
        if len(door.writes) >= 30:
            brake.trip("it was stopped")
        body = json.dumps({"code": 20429, "message": "slow down", "status": 429})
        return 429, {"Retry-After": "60"}, body.encode()

    door = Door(world, before=refuse, latency=1)
    events = braked(world, plan, door, brake)

    assert ended(events, EventKind.DONE) == set()
    assert 30 <= len(door.writes) <= 40
    assert len(ended(events, EventKind.FAILED)) <= 40


# --- the journal -------------------------------------------------------------------------------------------


@dataclass
class Notes:
    """A journal in memory."""

    entries: list[tuple[str, ...]] = field(default_factory=list)
    outcomes: dict[int, str] = field(default_factory=dict)

    def before(self, operation: str, step: str, method: str, path: str) -> int:
        """Note what is about to be sent."""
        self.entries.append((operation, step, method, path))
        return len(self.entries) - 1

    def after(self, number: int, outcome: str) -> None:
        """Note how it ended."""
        self.outcomes[number] = outcome


def test_each_call_is_written_down_before_it_is_sent() -> None:
    """The journal knows a write before the server does, and how each ended."""
    world = World()
    notes = Notes()
    behind: list[int] = []

    def compare(call: Call) -> None:
        if call.method != "GET":
            behind.append(len(notes.entries) - (call.write + 1))

    async def play() -> list[Event]:
        gateway = world.gateway_over(Door(world, before=compare))
        return [e async for e in carry_out(plan, KINDS, gateway, world.clock, journal=notes)]

    plan = world.plan(stack_of(FULL)).plan
    count = sum(1 for change in plan.changes for _ in operations(change))
    asyncio.run(play())

    assert behind == [0] * count
    assert Counter(notes.outcomes.values()) == {"done": count}
    assert notes.entries[0][:3] == ("make conversation/a", "create", "POST")


# --- what Twilio answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_answered_otherwise_by_a_twilio_that_does_as_asked(variant: str) -> None:
    """Under every answer to an open question: no operation complains of what came back."""
    for seed in range(330, 334):
        world = World(VARIANTS[variant], seed=seed)
        events = world.apply(stack_of(random_spec(random.Random(seed))))

        assert [e.detail for e in events if e.kind is EventKind.DONE and e.detail] == []


@dataclass
class Changing:
    """A way into a world that changes what is answered."""

    world: World
    change: Callable[[dict[str, Any]], dict[str, Any]]

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Pass one call on and change the answer to a write."""
        door = emulator.InProcess(self.world.store)
        status, answered, content = await door.send(method, url, headers, body, timeout_s)
        if method != "GET" and content:
            content = json.dumps(self.change(json.loads(content))).encode()
        return status, answered, content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attributes": '{"topic": "billing"}'}, "attributes.topic, mark"),
        ({"unique_name": "another"}, "unique_name"),
        ({"messaging_binding": {"type": "sms", "address": "+15550100309"}}, "address, proxy"),
        ({"configuration": {"url": "https://elsewhere.example.com"}}, "filters, method, url"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_told(change: dict[str, Any], said: str) -> None:
    """It was written, so it is done; but what came back is said."""
    world = World()

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **{name: value for name, value in change.items() if name in row}}

    plan = world.plan(stack_of(FULL)).plan
    events = world.carry_out(plan, world.gateway_over(Changing(world, changed)))

    assert ended(events, EventKind.FAILED) == set()
    assert said in " ".join(e.detail for e in events)
    assert census(world)["open"].keys() == {"demo.a"}
