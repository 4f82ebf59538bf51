"""Every call of an apply is a place to die: killed or cut at each of them, the next apply finishes, once.

One stack that is edited in every way there is, beside what others own. The calls are counted where they
arrive: reads, writes and those of the record alike, so a call that is added is a place that is tested.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import random
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from processes import PATIENCE_S
from test_executor import census
from test_sending import Faulty
from worlds import World, foreign_rows, stack_of, strangers_arrive

from reconciler import emulator
from reconciler.emulator.doors.server import running
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.model import EventKind
from reconciler.record.services import FRIENDLY_NAME
from reconciler.workflow import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from processes import Running, Zygote
    from worlds import Spec

SENDERS = {"wa": "whatsapp:+15550100200", "sms": "+15550100201"}
HOOK = {"url": "https://example.com/audit", "filters": ["onMessageAdded"]}
ONCE = {"url": "https://example.com/optin", "filters": ["onMessageAdded"], "once": True}

BEFORE: Spec = {
    "stack": {"name": "mortal"},
    "senders": SENDERS,
    "conversations": {
        "order": {
            "friendly_name": "Order 1042",
            "attributes": {"topic": "delivery", "level": 1},
            "participants": {
                "customer": {"address": "+15550100301", "via": "wa"},
                "courier": {"address": "+15550100302", "via": "wa", "attributes": {"role": "courier"}},
                "desk": {"identity": "desk-1"},
            },
            "webhooks": {"optin": ONCE, "audit": HOOK, "flow": {"studio": "FW" + "1" * 32}},
        },
        "desk": {"participants": {"p": {"address": "+15550100303", "via": "sms"}}},
        "lobby": {"participants": {"q": {"address": "+15550100304", "via": "sms"}}},
        "old": {
            "participants": {"r": {"address": "+15550100305", "via": "sms"}},
            "webhooks": {"audit": HOOK},
        },
    },
}


def _after() -> Spec:
    """Return the specs after every sort of edit: see the comments."""
    spec = copy.deepcopy(BEFORE)
    rooms = spec["conversations"]
    order = rooms["order"]
    order |= {"friendly_name": "Order 1042, late", "attributes": {"topic": "billing"}}  # updates
    order["participants"]["courier"]["address"] = "+15550100306"  # a replacement
    order["participants"]["desk"]["attributes"] = {"role": "agent"}
    order["webhooks"]["audit"] = HOOK | {"url": "https://example.com/audit2"}
    order["webhooks"]["flow"] = {"url": "https://example.com/help", "triggers": ["help"]}  # another target
    rooms["dispatch"] = rooms.pop("desk")  # a new name, and with `lobby` it exchanges its pair
    spec["moved"] = {"conversation/desk": "conversation/dispatch"}
    p, q = rooms["dispatch"]["participants"]["p"], rooms["lobby"]["participants"]["q"]
    p["address"], q["address"] = q["address"], p["address"]
    gone = rooms.pop("old")  # closed; its pair and its webhook go to a new one, with a webhook for once
    rooms["new"] = {"participants": gone["participants"], "webhooks": {"audit": HOOK, "once": ONCE}}
    return spec


AFTER = _after()


def scene() -> World:
    """Return the world before the apply that dies: applied, a webhook used up, others' things in it."""
    world = World(seed=7)
    world.apply(stack_of(BEFORE))
    order = f"Conversations/{world.call('GET', 'Conversations/mortal.order')['sid']}"
    (used,) = [hook for hook in world.rows(f"{order}/Webhooks") if "optin" in str(hook["configuration"])]
    world.call("DELETE", f"{order}/Webhooks/{used['sid']}")
    strangers_arrive(random.Random(3), world)
    return world


@cache
def undisturbed() -> tuple[dict[str, Any], int]:
    """Return what an apply without trouble leaves behind, and how many calls it takes."""
    world = scene()
    door = Faulty(world)

    assert apply_through(world, door)
    assert_foreign_untouched(world)
    return census(world), door.door.calls


def apply_through(world: World, door: Faulty) -> bool:
    """Plan and carry out in this process; tell whether all went well."""

    async def play() -> bool:
        gateway = world.gateway_over(door)
        planned = await make_plan(stack_of(AFTER), gateway)
        events = [event async for event in carry_out(planned.plan, KINDS, gateway, world.clock)]
        return all(event.kind is not EventKind.FAILED for event in events)

    return asyncio.run(play())


def assert_foreign_untouched(world: World) -> None:
    before, after = foreign_rows(scene()), foreign_rows(world)

    assert {sid: after.get(sid) for sid in before} == before


def assert_whole(world: World, where: object) -> None:
    """Insist that all is as an apply without trouble leaves it, and what others own as it was."""
    assert census(world) == undisturbed()[0], where
    assert_foreign_untouched(world)
    assert world.plan(stack_of(AFTER)).plan.visible == (), where


# --- killed ------------------------------------------------------------------------------------------------


@dataclass
class Trap:
    """Kills a process while its n-th call is at the server: before the call is carried out, or after.

    The victim does nothing but wait for the answer then, so when exactly it is killed makes no difference to
    it; whether the call was carried out does.
    """

    n: int
    effect: emulator.Effect
    victim: Future[Running] = field(default_factory=Future)
    calls: list[str] = field(default_factory=list)

    def __call__(self, number: int, method: str, path: str) -> emulator.Effect | None:
        """Answer the emulator, which asks at each call what is to befall it."""
        self.calls.append(f"{method} {path}")
        if number != self.n:
            return None
        self.victim.result(PATIENCE_S).kill()
        return self.effect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the edited stack in it."""
    (tmp_path / "stack.yaml").write_text(json.dumps(AFTER, indent=1), encoding="utf-8")
    return tmp_path


def scene_with_record() -> World:
    """Return the same world, in which earlier applies have left the place for records."""
    world = scene()
    service = {"FriendlyName": FRIENDLY_NAME, "AclEnabled": "true"}
    emulator.ask(world.store, "POST", "https://sync.twilio.com/v1/Services", service)
    return world


@dataclass
class Place:
    """Where runs die: the helper that starts them, the folder of the stack, and the world as it is before."""

    helper: Zygote
    folder: Path
    world: Callable[[], World]

    def start(self, url: str, *more: object) -> Running:
        """Start an apply whose lease is short: whoever comes after a dead holder waits that long."""
        words = ("apply", "stack.yaml", "--yes", "--lease-duration", LEASE_S, "--endpoint", url)
        return self.helper.start(self.folder, *words, *more)

    def finish(self, url: str) -> None:
        """Have a new process finish, and another one find nothing left to do."""
        words = ("stack.yaml", "--endpoint", url)
        self.helper.run(self.folder, "apply", *words, "--yes")
        self.helper.run(self.folder, "plan", *words, "--detailed-exitcode")

    def killed_at(self, n: int, effect: emulator.Effect) -> list[str]:
        """Kill an apply at its n-th call and have another finish; return the calls the first one made."""
        world, trap = self.world(), Trap(n, effect)
        with running(world.store, interceptor=trap) as url:
            first = self.start(url)
            trap.victim.set_result(first)
            code, calls = first.wait(), trap.calls.copy()

            assert code == (-signal.SIGKILL if n <= len(calls) else 0), (calls, first.told())
            self.finish(url)
        assert_whole(world, (n, calls))
        return calls


LEASE_S = 4
AT_ONCE = 16
KILLS = {"before": emulator.Effect("drop"), "after": emulator.Effect("drop_after_commit")}


def kill_everywhere(place: Place, effect: emulator.Effect) -> list[str]:
    """Kill at the first call, the second … until an apply ends before it is due; return that one's calls.

    Most of the time they wait for the leases of the dead, so several die at once, each in a world of its own.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in itertools.count(1, AT_ONCE):
            lives = [*pool.map(lambda n: place.killed_at(n, effect), range(first, first + AT_ONCE))]
            whole = [calls for n, calls in enumerate(lives, first) if len(calls) < n]
            if whole:
                return whole[0]
    raise AssertionError("unreachable")


@pytest.mark.parametrize("when", KILLS)
def test_killed_at_any_call(when: str, zygote: Zygote, folder: Path, tell: Callable[[str], None]) -> None:
    """SIGKILL before a call is carried out, or after: another process finishes, and nothing is doubled."""
    calls = kill_everywhere(Place(zygote, folder, scene_with_record), KILLS[when])
    record = sum("sync" in call for call in calls)

    assert len(calls) >= undisturbed()[1]
    tell(f"killed {when} a call was carried out: at each of {len(calls)}, {record} of them the record's")


def calls_of(place: Place) -> list[str]:
    """Return the calls of an apply that nobody disturbs."""
    trap = Trap(0, KILLS["before"])
    with running(place.world().store, interceptor=trap) as url:
        assert place.start(url).wait() == 0
    return trap.calls


def of_the_record(calls: list[str]) -> list[int]:
    """Return which of the calls are those of Sync, counted from 1."""
    return [n for n, call in enumerate(calls, 1) if "sync" in call]


@pytest.mark.parametrize("when", KILLS)
def test_killed_while_the_first_record_is_made(when: str, zygote: Zygote, folder: Path) -> None:
    """Nothing is left behind that would keep the next apply out, nor a second place for records."""
    place = Place(zygote, folder, scene)
    numbers = of_the_record(calls_of(place))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lives = [*pool.map(lambda n: place.killed_at(n, KILLS[when]), numbers)]

    assert [len(calls) for calls in lives] == numbers


# --- cut ---------------------------------------------------------------------------------------------------

CUTS = {
    "before it was carried out": emulator.Effect("drop"),
    "after it was carried out": emulator.Effect("drop_after_commit"),
    "and carried out later": emulator.Effect("late_commit", calls=3),
    "by a 503 after all": emulator.Effect("status", status=503, after_commit=True),
}


def at_call(n: int, effect: emulator.Effect) -> Callable[[int, str, str], emulator.Effect | None]:
    """Return an interceptor that lets `effect` befall the n-th call."""
    return lambda number, *_: effect if number == n else None


@pytest.mark.parametrize("how", CUTS)
def test_cut_at_any_call(how: str, tell: Callable[[str], None]) -> None:
    """The connection breaks at the first call, the second … to the last."""
    count = undisturbed()[1]
    healed = 0
    for n in range(1, count + 1):
        world = scene()
        healed += apply_through(world, Faulty(world, at_call(n, CUTS[how])))
        world.store.advance(10.0)
        world.store.faults.land()

        assert apply_through(world, Faulty(world)), n
        assert_whole(world, n)
    tell(f"connections cut: at {count} calls of an apply, {how}; {healed} made good by the same apply")


def cut_at(place: Place, n: int, effect: emulator.Effect) -> int:
    """Cut the n-th call of a real process and have another finish; return how the first one ended."""
    world = place.world()
    with running(world.store, interceptor=at_call(n, effect)) as url:
        code = place.start(url).wait()
        world.store.advance(10.0)
        place.finish(url)
    assert_whole(world, n)
    return code


@pytest.mark.parametrize("how", CUTS)
def test_cut_over_a_socket(how: str, zygote: Zygote, folder: Path) -> None:
    """The same for real processes: at every call of the record, and at some others."""
    place = Place(zygote, folder, scene_with_record)
    calls = calls_of(place)
    numbers = {*of_the_record(calls), *random.Random(how).sample(range(1, len(calls) + 1), 3)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = [*pool.map(lambda n: cut_at(place, n, CUTS[how]), sorted(numbers))]

    assert set(codes) <= {0, 1, 6}
    assert codes.count(0) > len(codes) / 2
