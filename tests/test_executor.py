"""Carrying a plan out: cut anywhere, refused anywhere, the next apply finishes and nothing is doubled."""

from __future__ import annotations

import asyncio
import copy
import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from worlds import World, edited, foreign_rows, random_spec, stack_of, strangers_arrive, without_mark

from reconciler import emulator
from reconciler.diff import operations
from reconciler.executor import carry_out
from reconciler.gateway import WriteWhilePlanningError
from reconciler.kinds import KINDS
from reconciler.model import Address, Event, EventKind, Half, Operation
from reconciler.sending import RELEASING, TRANSIENT
from reconciler.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from worlds import Spec

    from reconciler.model import Plan
    from reconciler.stack import Stack

VARIANTS = emulator.Switches.variants()
ENDS = (EventKind.DONE, EventKind.FAILED, EventKind.SKIPPED)
EVENT = "onMessageAdded"
Answer = tuple[int, "Mapping[str, str]", bytes]


class KilledError(BaseException):
    """The process dies here."""


@dataclass
class Call:
    """One call on its way: its number among the calls and among the writes of this door."""

    number: int
    write: int
    method: str
    path: str
    form: dict[str, list[str]]


@dataclass
class Door:
    """A way into a world that asks `before` and `after` each call what is to go wrong."""

    world: World
    before: Callable[[Call], Answer | None] = lambda _: None
    after: Callable[[Call], None] = lambda _: None
    latency: int = 0
    calls: list[Call] = field(default_factory=list)
    running: list[Call] = field(default_factory=list)
    together: list[tuple[Call, ...]] = field(default_factory=list)
    """What was under way whenever a call began."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Pass one call on, unless it is to be refused or killed."""
        writes = sum(1 for call in self.calls if call.method != "GET")
        path = urlsplit(url).path.partition("/v1/")[2]
        call = Call(len(self.calls), writes, method, path, parse_qs(body.decode()))
        self.calls.append(call)
        self.running.append(call)
        self.together.append(tuple(self.running))
        try:
            for _ in range(self.latency):
                await asyncio.sleep(0)
            refused = self.before(call)
            if refused is not None:
                return refused
            door = emulator.InProcess(self.world.store)
            answer = await door.send(method, url, headers, body, timeout_s)
            self.after(call)
        finally:
            self.running.remove(call)
        return answer

    @property
    def writes(self) -> list[Call]:
        """The calls that were no reads."""
        return [call for call in self.calls if call.method != "GET"]


def refusal(code: int, message: str = "refused by the test", status: int = 400) -> Answer:
    body = {"code": code, "message": message, "status": status, "more_info": ""}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def nth(n: int, deed: Callable[[], Any], *, writes: bool = False) -> Callable[[Call], Any]:
    """Return a hook that does `deed` at call (or write) number `n`."""

    def hook(call: Call) -> Any:
        counted = call.method != "GET" if writes else True
        return deed() if counted and (call.write if writes else call.number) == n else None

    return hook


def die() -> None:
    raise KilledError


def lose() -> None:
    raise TransportError("the connection broke", sent=True)


def events_through(door: Door, plan: Plan) -> list[Event]:
    return door.world.carry_out(plan, door.world.gateway_over(door))


# --- what an apply leaves behind ---------------------------------------------------------------------------


def census(world: World) -> dict[str, Any]:
    """Return what is in the account, without what differs from run to run: sids, dates, marks."""
    found: dict[str, Any] = {}
    closed = 0
    for whole in world.snapshot().values():
        row = whole["row"]
        if row["state"] == "closed":
            closed += 1
            continue
        people = [
            (p["identity"], p["messaging_binding"] and sorted(p["messaging_binding"].items()), _mine(p))
            for p in whole["Participants"]
        ]
        hooks = [(hook["target"], hook["configuration"]) for hook in whole["Webhooks"]]
        found[row["unique_name"]] = {
            "row": (row["friendly_name"], row["messaging_service_sid"], _mine(row)),
            "people": sorted(people, key=repr),
            "hooks": sorted(hooks, key=repr),
        }
    return {"open": found, "closed": closed}


def _mine(row: dict[str, Any]) -> Any:
    return without_mark(row["attributes"])


@dataclass
class Scene:
    """A world in which a stack was applied, others came by, and the specs were edited since."""

    seed: int
    with_others: bool = False
    switches: emulator.Switches | None = None

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        first = random_spec(dice)
        self._first = stack_of(first)
        self._second = stack_of(edited(dice, first))
        self._others = dice.randrange(10**6)

    @property
    def stack(self) -> Stack:
        """What is to be applied."""
        return self._second

    def world(self) -> World:
        """Return a new copy of the world as it is before that."""
        world = World(self.switches, seed=self.seed)
        world.apply(self._first)
        if self.with_others:
            strangers_arrive(random.Random(self._others), world)
        return world

    def undisturbed(self) -> tuple[dict[str, Any], list[Call]]:
        """Return what an apply without trouble leaves behind, and the calls it takes."""
        world = self.world()
        door = Door(world)
        events_through(door, world.plan(self.stack).plan)
        return census(world), door.calls


def assert_finished(scene: Scene, world: World, expected: dict[str, Any], where: object) -> None:
    """Apply once more: the same is there as if nothing had happened, and nothing is left to do."""
    events = world.apply(scene.stack)
    again = world.plan(scene.stack).plan

    assert [event for event in events if event.kind is EventKind.FAILED] == [], where
    assert census(world) == expected, where
    assert [str(change.address) for change in again.visible] == [], where
    assert again.diagnostics == (), where


# --- one refused call --------------------------------------------------------------------------------------


def dependents(plan: Plan, failed: Operation) -> set[Operation]:
    """Return what cannot be done once `failed` is not, by walking the edges."""
    found: set[Operation] = set()
    waiting = [failed]
    while waiting:
        before = waiting.pop()
        fresh = {edge.after for edge in plan.edges if edge.before == before and edge.needs} - found
        found |= fresh
        waiting += fresh
    return found


def ended(events: Iterable[Event], kind: EventKind) -> set[Operation]:
    return {event.operation for event in events if event.kind is kind}


def assert_well_formed(plan: Plan, events: list[Event]) -> None:
    """Every operation ends exactly once, and was started before it was done or failed."""
    everything = {operation for change in plan.changes for operation in operations(change)}
    ends = Counter(event.operation for event in events if event.kind in ENDS)
    started: set[Operation] = set()
    for event in events:
        if event.kind is EventKind.STARTED:
            assert event.operation not in started
            started.add(event.operation)
        else:
            assert (event.operation in started) == (event.kind is not EventKind.SKIPPED)

    assert ends == Counter(everything)


def refuse_write(scene: Scene, n: int) -> tuple[World, Plan, list[Event]]:
    world = scene.world()
    plan = world.plan(scene.stack).plan
    door = Door(world, before=nth(n, lambda: refusal(20001), writes=True))
    return world, plan, events_through(door, plan)


@pytest.mark.parametrize("seed", range(8))
def test_one_failed_call_skips_only_its_dependents(seed: int) -> None:
    """Whichever write is refused: what needs it is skipped, all else is done, and the next apply finishes."""
    scene = Scene(seed)
    expected, calls = scene.undisturbed()
    writes = [n for n, _ in enumerate(call for call in calls if call.method != "GET")]
    for n in random.Random(seed).sample(writes, min(len(writes), 5)):
        world, plan, events = refuse_write(scene, n)
        (failed,) = ended(events, EventKind.FAILED)
        everything = {operation for change in plan.changes for operation in operations(change)}

        assert_well_formed(plan, events)
        assert ended(events, EventKind.SKIPPED) == dependents(plan, failed), (seed, n)
        assert ended(events, EventKind.DONE) == everything - dependents(plan, failed) - {failed}, (seed, n)
        assert_finished(scene, world, expected, (seed, n))


# --- cut anywhere ------------------------------------------------------------------------------------------


def cut_by_call(scene: Scene, **hooks: Any) -> World:
    """Return the world after an apply that died at a call."""
    world = scene.world()
    plan = world.plan(scene.stack).plan
    door = Door(world, **hooks)
    with pytest.raises(BaseExceptionGroup) as caught:
        events_through(door, plan)

    assert caught.group_contains(KilledError)
    return world


def cut_by_event(scene: Scene, n: int) -> World:
    """Return the world after an apply that was cancelled after its n-th event."""
    world = scene.world()
    plan = world.plan(scene.stack).plan

    async def play() -> None:
        gateway = world.gateway_over(Door(world, latency=n % 3))
        stream = carry_out(plan, KINDS, gateway, world.clock)
        for _ in range(n + 1):
            await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        with pytest.raises(WriteWhilePlanningError):
            await gateway.write("POST", "conversations", ("v1", "Conversations"), None, "f")

    asyncio.run(play())
    return world


CUTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "before commit": lambda n: {"before": nth(n, die)},
    "after commit": lambda n: {"after": nth(n, die)},
}


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("seed", range(40, 47))
def test_a_cut_at_any_call_is_made_good(seed: int, how: str) -> None:
    """Killed before a call is committed or after, with the answer lost: the next apply finishes, once."""
    scene = Scene(seed)
    expected, calls = scene.undisturbed()
    for n in random.Random(seed).sample(range(len(calls)), min(len(calls), 4)):
        world = cut_by_call(scene, **CUTS[how](n))
        assert_finished(scene, world, expected, (seed, n))


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("seed", [10, 12])
def test_a_cut_at_every_call_of_a_first_apply_is_made_good(seed: int, how: str) -> None:
    """Every single call of an apply into an empty account, one after another."""
    dice = random.Random(seed)
    stack = stack_of(random_spec(dice))
    control = World(seed=seed)
    door = Door(control)
    events_through(door, control.plan(stack).plan)
    for n in range(len(door.calls)):
        world = World(seed=seed)
        with pytest.raises(BaseExceptionGroup):
            events_through(Door(world, **CUTS[how](n)), world.plan(stack).plan)
        world.apply(stack)

        assert census(world) == census(control), (seed, n)
        assert world.plan(stack).plan.visible == (), (seed, n)


@pytest.mark.parametrize("seed", range(60, 68))
def test_a_cancelled_apply_is_made_good(seed: int) -> None:
    """Whoever stops listening after any event stops the apply; the next one finishes it, once."""
    scene = Scene(seed)
    expected, calls = scene.undisturbed()
    if calls:
        plan = scene.world().plan(scene.stack).plan
        count = 2 * sum(1 for change in plan.changes for _ in operations(change))
        for n in random.Random(seed).sample(range(count), min(count, 4)):
            assert_finished(scene, cut_by_event(scene, n), expected, (seed, n))


def test_whoever_stops_listening_stops_the_apply() -> None:
    """No call starts once the events are no longer wanted."""
    rooms = {f"c{n}": {"participants": {"a": {"identity": "a"}}} for n in range(30)}
    world = World()
    door = Door(world, latency=3)
    plan = world.plan(stack_of({"stack": {"name": "wide"}, "conversations": rooms})).plan

    async def play() -> int:
        stream = carry_out(plan, KINDS, world.gateway_over(door), world.clock)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return len(door.calls)

    assert asyncio.run(play()) <= 10
    assert len(world.rows("Conversations")) <= 10


REFERRING: Spec = {
    "stack": {"name": "demo"},
    "conversations": {
        "a": {
            "webhooks": {"tell": {"url": "https://example.com/${conversations.b.sid}", "filters": [EVENT]}}
        },
        "b": {
            "webhooks": {"tell": {"url": "https://example.com/${conversations.a.sid}", "filters": [EVENT]}}
        },
    },
}


@pytest.mark.parametrize("how", CUTS)
def test_a_webhook_that_refers_to_others_is_found_again(how: str) -> None:
    """Cut before its name is written down: it is known by its url, and that is known once those are there."""
    stack = stack_of(REFERRING)
    whole = World()
    door = Door(whole)
    events_through(door, whole.plan(stack).plan)
    for n in range(len(door.calls)):
        world = World()
        with pytest.raises(BaseExceptionGroup) as caught:
            events_through(Door(world, **CUTS[how](n)), world.plan(stack).plan)
        assert caught.group_contains(KilledError)
        world.apply(stack)

        assert census(world)["open"].keys() == {"demo.a", "demo.b"}, n
        hooks = [len(inside["Webhooks"]) for inside in world.snapshot().values()]
        assert hooks == [1, 1], n
        assert world.plan(stack).plan.visible == (), n


@pytest.mark.parametrize("seed", range(80, 88))
def test_lost_answers_are_made_good(seed: int) -> None:
    """Where the connection breaks after a write was committed, the same apply finds what it did."""
    scene = Scene(seed)
    expected, calls = scene.undisturbed()
    writes = sum(1 for call in calls if call.method != "GET")
    for n in random.Random(seed).sample(range(writes), min(writes, 4)):
        world = scene.world()
        plan = world.plan(scene.stack).plan
        events = events_through(Door(world, after=nth(n, lose, writes=True)), plan)

        assert ended(events, EventKind.DONE) == {event.operation for event in events}
        assert_well_formed(plan, events)
        assert census(world) == expected, (seed, n)
        assert_finished(scene, world, expected, (seed, n))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_cut_is_made_good_under_every_answer_to_an_open_question(variant: str) -> None:
    """Once what Twilio lets go of late is free, nothing is left of the cut, whatever else is so."""
    scene = Scene(200, switches=VARIANTS[variant])
    expected, calls = scene.undisturbed()
    n = random.Random(variant).randrange(len(calls))
    world = cut_by_call(scene, **CUTS["after commit"](n))
    world.store.advance(5.0)
    assert_finished(scene, world, expected, n)


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("seed", range(100, 103))
def test_what_others_own_survives_a_cut(seed: int, how: str) -> None:
    """Neither the apply that was cut nor the one that finishes it touches what others have."""
    scene = Scene(seed, with_others=True)
    expected, calls = scene.undisturbed()
    for n in random.Random(seed).sample(range(len(calls)), min(len(calls), 4)):
        before = foreign_rows(scene.world())
        world = cut_by_call(scene, **CUTS[how](n))
        assert_finished(scene, world, expected, (seed, n))
        after = foreign_rows(world)

        assert {sid: after.get(sid) for sid in before} == before


# --- one after another, and side by side -------------------------------------------------------------------


def family_of(call: Call) -> str:
    """Return the conversation that a call is about: by sid, else by the name it gives to a new one."""
    found = re.search(r"CH[0-9a-f]{32}", call.path)
    return found[0] if found else call.form["UniqueName"][0]


@pytest.mark.parametrize("seed", range(12))
def test_one_conversation_is_written_to_by_one_call_at_a_time(seed: int) -> None:
    """Twilio answers 50419 otherwise; between the reading and the writing of attributes nobody comes."""
    scene = Scene(seed)
    world = scene.world()
    door = Door(world, latency=3)
    events_through(door, world.plan(scene.stack).plan)
    for calls in door.together:
        families = Counter(family_of(call) for call in calls)

        assert max(families.values()) == 1, [call.path for call in calls]


def test_conversations_are_written_to_side_by_side() -> None:
    """As many at once as the gateway lets through."""
    rooms = {f"c{n}": {"participants": {"a": {"identity": "a"}, "b": {"identity": "b"}}} for n in range(12)}
    stack = stack_of({"stack": {"name": "wide"}, "conversations": rooms})
    world = World()
    door = Door(world, latency=3)
    events_through(door, world.plan(stack).plan)

    assert max(len(calls) for calls in door.together) == 10
    assert len(door.calls) == 36


# --- refusals that pass by themselves ----------------------------------------------------------------------

ROOM: Spec = {
    "stack": {"name": "demo"},
    "senders": {"sms": "+15550100201"},
    "conversations": {
        "a": {"participants": {"p": {"address": "+15550100301", "via": "sms"}}},
        "b": {"participants": {"q": {"address": "+15550100302", "via": "sms"}}},
    },
}


def after_moving_the_pair() -> Spec:
    """Return the specs after p left conversation a, and q in b took its pair."""
    spec = copy.deepcopy(ROOM)
    del spec["conversations"]["a"]["participants"]["p"]
    spec["conversations"]["b"]["participants"]["q"]["address"] = "+15550100301"
    return spec


def refuse_some(code: int, message: Callable[[World], str], times: int, fits: Callable[[Call], bool]) -> Any:
    """Return a scene: the pair moves, and the fitting call is refused `times` times."""
    world = World()
    world.apply(stack_of(ROOM))
    stack = stack_of(after_moving_the_pair())
    left = iter(range(times))
    text = message(world)
    door = Door(
        world,
        before=lambda call: refusal(code, text) if fits(call) and next(left, None) is not None else None,
    )
    events = events_through(door, world.plan(stack).plan)
    tried = [call for call in door.writes if fits(call)]
    return world, events, tried


def is_creation(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/Participants")


def sid_of(world: World, name: str) -> str:
    return str(world.call("GET", f"Conversations/{name}")["sid"])


@pytest.mark.parametrize("code", sorted(TRANSIENT))
def test_a_passing_conflict_is_waited_out(code: int) -> None:
    """Where Twilio says that something else was under way, the same call is sent again, after a while."""
    world, events, tried = refuse_some(code, lambda _: "busy", 3, is_creation)

    assert ended(events, EventKind.FAILED) == set()
    assert len(tried) == 4
    assert world.clock.monotonic() == 0.5 + 1.0 + 2.0


def test_a_conflict_that_does_not_pass_is_told() -> None:
    """After some patience it is an error like any other."""
    world, events, tried = refuse_some(50419, lambda _: "busy", 99, is_creation)
    (failed,) = [event for event in events if event.kind is EventKind.FAILED]

    assert len(tried) == 6
    assert "50419" in failed.detail
    assert world.clock.monotonic() == 15.5


@pytest.mark.parametrize("code", sorted(RELEASING))
@pytest.mark.parametrize("holder", ["demo.a", ""])
def test_what_we_freed_is_waited_for(code: int, holder: str) -> None:
    """A pair that this apply has just freed may count as held for a moment; also where no holder is named."""

    def told(world: World) -> str:
        return f"held by {sid_of(world, holder)}" if holder else "held by another conversation"

    _, events, tried = refuse_some(code, told, 2, is_creation)

    assert ended(events, EventKind.FAILED) == set()
    assert len(tried) == 3


def test_what_others_hold_is_not_waited_for() -> None:
    """A pair in a conversation in which we freed nothing stays there: the refusal is told at once."""
    other = "CH" + "f" * 32
    world, events, tried = refuse_some(50416, lambda _: f"held by {other}", 2, is_creation)

    assert len(ended(events, EventKind.FAILED)) == 1
    assert len(tried) == 1
    assert world.clock.monotonic() == 0.0


def test_other_refusals_are_not_repeated() -> None:
    """A mistake stays one."""
    world, events, tried = refuse_some(50304, lambda _: "bad attributes", 1, is_creation)

    assert len(ended(events, EventKind.FAILED)) == 1
    assert len(tried) == 1
    assert world.clock.monotonic() == 0.0


def test_a_name_that_we_freed_is_waited_for() -> None:
    """A conversation that takes the name another one has just given up is refused for a moment, and waits."""
    spec: Spec = {"stack": {"name": "demo"}, "conversations": {"a": {"unique_name": "x"}, "b": {}}}
    world = World()
    world.apply(stack_of(spec))
    spec["conversations"] = {"a": {"unique_name": "y"}, "b": {"unique_name": "x"}}
    left = iter(range(2))

    def before(call: Call) -> Answer | None:
        takes = call.form.get("UniqueName") == ["x"] and next(left, None) is not None
        return refusal(50353, "Conversation with provided unique name already exists", 409) if takes else None

    events = events_through(Door(world, before=before), world.plan(stack_of(spec)).plan)

    assert ended(events, EventKind.FAILED) == set()


# --- what events say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refused", "lost"])
def test_events_tell_no_secret_and_no_number(how: str) -> None:
    """Beyond what Twilio's own message holds, an event names addresses of the specs, sids and sentences."""
    secret = {"type": "string", "default": "hunter2", "sensitive": True}
    spec = copy.deepcopy(ROOM) | {"variables": {"pin": secret}}
    spec["conversations"]["a"]["attributes"] = {"pin": "${var.pin}"}
    for n in range(4):
        world = World()
        hook = nth(n, (lambda: refusal(20001)) if how == "refused" else lose, writes=True)
        door = Door(world, before=hook) if how == "refused" else Door(world, after=hook)
        events = events_through(door, world.plan(stack_of(spec)).plan)
        texts = repr(events)

        assert len(ended(events, EventKind.FAILED)) == (1 if how == "refused" else 0)
        assert "hunter2" not in texts
        assert "+1555" not in texts


def test_a_done_event_names_the_sid() -> None:
    """Of what was made or removed, for the journal and the reader."""
    world = World()
    events = world.apply(stack_of(ROOM))
    found = {str(event.operation.address): event.sid for event in events if event.kind is EventKind.DONE}
    (participant,) = world.rows("Conversations/demo.a/Participants")

    assert found["conversation/a"] == sid_of(world, "demo.a")
    assert found["conversation/a/participant/p"] == participant["sid"]


def test_a_skipped_event_names_what_is_missing() -> None:
    """In the words of the specs."""
    world = World()
    hook = nth(0, lambda: refusal(20001), writes=True)
    events = events_through(Door(world, before=hook), world.plan(stack_of(ROOM)).plan)
    details = {event.operation: event.detail for event in events if event.kind is EventKind.SKIPPED}
    child = Address.of("participant", "p", Address.of("conversation", "a"))

    assert details == {Operation(child, Half.MAKE): "needs conversation/a"}


def test_a_mistake_of_ours_ends_its_operation_and_not_the_others() -> None:
    """What nobody foresaw is told as a failure, everything else is done, and then it is raised."""
    world = World()
    stack = stack_of({"stack": {"name": "x"}, "conversations": {"a": {}, "b": {}, "c": {}}})

    def stumble(call: Call) -> None:
        if call.form.get("UniqueName") == ["x.b"]:
            raise ValueError("nobody foresaw this")

    plan, events = world.plan(stack).plan, list[Event]()

    async def collect() -> None:
        gateway = world.gateway_over(Door(world, before=stumble))
        async for event in carry_out(plan, KINDS, gateway, world.clock):
            events.append(event)

    with pytest.raises(ValueError, match="nobody foresaw"):
        asyncio.run(collect())
    ends = {event.operation.address.key: event for event in events if event.kind is not EventKind.STARTED}

    assert {key: event.kind for key, event in ends.items()} == {"a": "done", "b": "failed", "c": "done"}
    assert "a mistake in reconciler" in ends["b"].detail
