"""The lease: never two writers, whatever Sync does; taken over from the dead, never from the living."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from scripted import run
from syncing import NAME, TARGET, Machine, SyncWorld

from reconciler import emulator, gateway
from reconciler.diagnostics import ApiError, ExitCode, ReconcilerError, RefusedError
from reconciler.emulator import Effect, Match, Rule, Switches, When
from reconciler.record import (
    DURATION_S,
    LeaseHeldError,
    LeaseLostError,
    RecordError,
    Unfinished,
    read_record,
    release_lease,
)
from reconciler.record.holding import BEATS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CALL_S = gateway.TIMEOUT_S
SYNC = "sync"
DOCUMENTS = r"^/v1/Services/[^/]+/Documents"


# --- never two writers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One call of a plan: who, from when until when."""

    who: str
    start_s: float
    end_s: float


def overlaps(calls: list[Call]) -> list[tuple[Call, Call]]:
    """Return the calls of different runs that were under way at once."""
    pairs = combinations(calls, 2)
    return [(a, b) for a, b in pairs if a.who != b.who and a.start_s < b.end_s and b.start_s < a.end_s]


def trouble(dice: random.Random) -> list[Rule]:
    """Return what goes wrong at Sync in one world: latency before and after, cuts, late commits, 5xx."""

    def sometimes(most: float) -> When:
        return When(probability=dice.uniform(0, most))

    post = Match(method="POST", host=SYNC)
    read = Match(method="GET", host=SYNC, path=DOCUMENTS)
    slow = Effect("latency", seconds=0.01, up_to_s=dice.choice([0.5, 5, 20]))
    return [
        Rule(slow, Match(host=SYNC), sometimes(1)),
        Rule(Effect("latency", up_to_s=dice.choice([1, 18]), after_commit=True), post, sometimes(0.6)),
        Rule(Effect("drop"), Match(host=SYNC), sometimes(0.3)),
        Rule(Effect("drop_after_commit"), post, sometimes(0.4)),
        Rule(Effect("late_commit", seconds=dice.choice([3, 40, 90])), post, sometimes(0.3)),
        Rule(Effect("status", status=503, after_commit=True), post, sometimes(0.2)),
        Rule(Effect("status", status=429, retry_after=1), Match(host=SYNC), sometimes(0.2)),
        Rule(Effect("stale_read", seconds=dice.choice([1, 10, 70])), read, sometimes(0.3)),
    ]


async def work(machine: Machine, dice: random.Random, calls: list[Call], most: int = 40) -> None:
    """Make calls one after another while the brake lets them start, some of them as slow as may be."""
    for _ in range(dice.randint(1, most)):
        if machine.brake.reason:
            return
        start_s = machine.clock.monotonic()
        call = Call(machine.name, start_s, start_s + dice.choice([0.1, dice.uniform(0, CALL_S), CALL_S]))
        calls.append(call)
        await asyncio.sleep(call.end_s - start_s)
        await asyncio.sleep(dice.choice([0, dice.uniform(0, 30)]))


async def live(machine: Machine, dice: random.Random, calls: list[Call], **options: Any) -> None:
    """Take the lease and work, a few times; the line is cut for a while, or for good, at any moment."""
    cutting = asyncio.create_task(cut(machine, dice))
    for turn in range(3):
        await asyncio.sleep(dice.uniform(0, 60))
        machine.brake = type(machine.brake)(machine.clock)
        try:
            async with machine.lease(wait_s=dice.choice([0, 20, 400]), seed=turn, **options):
                await work(machine, dice, calls)
        except (LeaseHeldError, ApiError, RecordError, LeaseLostError):
            continue
    cutting.cancel()


async def cut(machine: Machine, dice: random.Random) -> None:
    while True:
        await asyncio.sleep(dice.uniform(1, 300))
        machine.cut = dice.random() < 0.5
        await asyncio.sleep(dice.choice([5, 30, 100, 1000]))
        machine.cut = False


async def compete(seed: int, machines: int, **options: Any) -> list[Call]:
    """Have several machines want one stack for a while, and return the calls that they made."""
    world, dice = SyncWorld(), random.Random(seed)
    found(world)
    world.store.faults.use(trouble(dice), seed)
    calls: list[Call] = []
    names = [f"m{n}" for n in range(machines)]
    await asyncio.gather(
        *(live(Machine(world, name), random.Random(f"{seed}{name}"), calls, **options) for name in names)
    )
    world.store.faults.clear()
    world.store.faults.land()
    async with Machine(world, "last").lease(wait_s=10 * DURATION_S) as last:
        assert last.record.lease is not None
    return calls


def found(world: SyncWorld) -> None:
    """Have the service there already: its creation has tests of its own."""
    world.ask("POST", "", {"FriendlyName": "reconciler", "AclEnabled": "true"})


@pytest.mark.parametrize("machines", [2, 5])
@pytest.mark.parametrize("seed", range(40))
def test_never_two_writers(seed: int, machines: int) -> None:
    """Whatever Sync does, calls of two runs are never under way at once; and the last taker comes in."""
    assert overlaps(run(compete(seed, machines))) == []


def test_the_law_can_fail() -> None:
    """A lease that lets calls start too long is found out, and so there were take-overs to find it by."""
    assert any(overlaps(run(compete(seed, 5, call_s=-DURATION_S))) for seed in range(10))


# --- the service that everybody finds ----------------------------------------------------------------------


async def begin_together(seed: int, machines: int, *, faults: bool) -> tuple[SyncWorld, list[Call]]:
    """Have several machines take the first lease that this account has ever seen."""
    world, dice = SyncWorld(), random.Random(seed)
    rules = [Rule(Effect("latency", up_to_s=dice.choice([0.2, 2, 9])), Match(host=SYNC))]
    rules += trouble(dice)[:4] if faults else []
    world.store.faults.use(rules, seed)
    calls: list[Call] = []

    async def begin(machine: Machine) -> None:
        mine = random.Random(f"{seed}{machine.name}")
        await asyncio.sleep(mine.choice([0, mine.uniform(0, 5)]))
        try:
            async with machine.lease(wait_s=1_200, seed=mine.randint(0, 99)):
                await work(machine, mine, calls, most=6)
        except (LeaseHeldError, ApiError, RecordError, LeaseLostError):
            return

    await asyncio.gather(*(begin(Machine(world, f"m{n}")) for n in range(machines)))
    world.store.faults.clear()
    world.store.faults.land()
    return world, calls


@pytest.mark.parametrize("seed", range(40))
def test_of_several_creators_one_service_stays(seed: int) -> None:
    """However slow each of them is, all end in one service, one after another, and nothing is left over."""
    world, calls = run(begin_together(seed, 2 + seed % 4, faults=False))

    assert len(world.services()) == 1
    assert world.services()[0]["acl_enabled"] is True
    assert overlaps(calls) == []
    assert len({call.who for call in calls}) == 2 + seed % 4


@pytest.mark.parametrize("seed", range(40))
def test_no_two_writers_in_two_services(seed: int) -> None:
    """Also where answers are lost, and a service may be left over, nobody writes beside anybody."""
    assert overlaps(run(begin_together(seed, 4, faults=True))[1]) == []


def test_a_lease_is_good_only_in_a_service_that_stands_alone() -> None:
    """Another one that comes up while the lease is written: it is given back before a call was made."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        send = machine.send

        async def meanwhile(method: str, url: str, headers: Any, body: bytes, timeout_s: float) -> Any:
            if method == "POST" and "/Documents" in url and len(world.services()) == 1:
                found(world)
            return await send(method, url, headers, body, timeout_s)

        machine.send = meanwhile  # type: ignore[method-assign]
        with pytest.raises(RecordError, match="2 Sync services are called"):
            async with machine.lease():
                pytest.fail("taken in one of two services")
        seen = await read_record(machine.gateway, TARGET)
        assert seen is not None
        assert seen.record.lease is None

    run(story())


def test_nobody_deletes_what_others_created() -> None:
    """Two services that stay are named, the empty one as such, and both are left alone; plans read on."""

    async def story() -> None:
        world = SyncWorld()
        async with Machine(world, "a").lease():
            pass
        found(world)
        other = Machine(world, "b")
        with pytest.raises(RecordError) as refusal:
            async with other.lease():
                pytest.fail("taken in one of two services")
        told = refusal.value.diagnostics[0]
        empty = next(row["sid"] for row in world.services() if row["sid"] != world_sid(world))
        assert "2 Sync services are called 'reconciler'" in told.summary
        assert f"{empty} (empty)" in told.summary
        assert "delete the empty one" in told.detail
        assert [method for method, _ in other.sent if method != "GET"] == []
        assert await read_record(other.gateway, TARGET) is not None

    def world_sid(world: SyncWorld) -> str:
        return next(
            str(row["sid"])
            for row in world.services()
            if world.ask("GET", f"/{row['sid']}/Documents")[1]["documents"]
        )

    run(story())


# --- the dead and the living -------------------------------------------------------------------------------


def test_who_comes_second_is_told_how_to_go_on() -> None:
    """At once, with exit code 5: who holds it, and what to do where that one is dead."""

    async def story() -> LeaseHeldError:
        world = SyncWorld()
        async with Machine(world, "a").lease():
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(LeaseHeldError) as refusal:
                async with Machine(world, "b").lease():
                    pytest.fail("two hold it")
            assert asyncio.get_running_loop().time() == began_s
        return refusal.value

    refusal = run(story())
    told = refusal.diagnostics[0]

    assert refusal.exit_code is ExitCode.LEASE_HELD
    assert told.summary == "a@desk (run run-a) holds the lease on demo.prod"
    assert "--lease-timeout 60" in told.detail
    assert "reconciler lock release PATH" in told.detail


def test_the_living_are_waited_for_and_never_robbed() -> None:
    """However long somebody waits; and the one who waits comes in once the lease is free."""

    async def story() -> None:
        world = SyncWorld()
        holder, waiter = Machine(world, "a"), Machine(world, "b")

        async def wait() -> float:
            async with waiter.lease(wait_s=100 * DURATION_S) as held:
                assert held.was is not None
                assert held.was.record.lease is None
                return waiter.clock.monotonic()

        async with holder.lease():
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(20 * DURATION_S)
            assert holder.brake.reason == ""
            assert not waiting.done()
            left_s = holder.clock.monotonic()
        assert 0 <= await waiting - left_s <= 5

    run(story())


def test_waiting_ends() -> None:
    """After the time that was given, and says how long it watched."""

    async def story() -> str:
        world = SyncWorld()
        async with Machine(world, "a").lease():
            with pytest.raises(LeaseHeldError) as refusal:
                async with Machine(world, "b").lease(wait_s=45):
                    pytest.fail("two hold it")
        return str(refusal.value)

    assert run(story()).endswith("; it was renewed in the 45 s that this run waited")


@pytest.mark.parametrize("phase_s", [0.0, 3.0, 19.5, 31.0])
def test_the_dead_are_followed_after_a_whole_duration(phase_s: float) -> None:
    """Not before one revision was seen for so long; by then the dead one's brake had held its calls."""

    async def story() -> None:
        world = SyncWorld()
        dead, taker = Machine(world, "a"), Machine(world, "b")
        async with dead.lease():
            await asyncio.sleep(phase_s)
            dead.cut = True
            began_s = taker.clock.monotonic()
            async with taker.lease(wait_s=DURATION_S) as held:
                assert taker.clock.monotonic() - began_s >= DURATION_S
                assert "could not be renewed in time" in dead.brake.reason
                assert held.was is not None
                assert held.was.record.lease is not None
                dead.cut = False
                await asyncio.sleep(DURATION_S)
                assert dead.brake.reason == "the lease was taken over by b@desk"
                assert taker.brake.reason == ""
        assert world.document()["data"]["lease"] is None

    run(story())


def test_one_lost_heartbeat_stops_nobody() -> None:
    """A call that takes its whole time-out to fail leaves time for the next."""

    async def story() -> None:
        machine = Machine(SyncWorld(), "a")
        async with machine.lease():
            await asyncio.sleep(DURATION_S / BEATS - 1)
            machine.cut = True
            await asyncio.sleep(2)
            machine.cut = False
            for _ in range(int(2 * DURATION_S)):
                await asyncio.sleep(1)
                assert machine.brake.reason == ""

    run(story())


def test_a_heartbeat_counts_from_when_it_was_sent() -> None:
    """Also where only a look tells that it landed: what a slow answer took is not added."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        async with machine.lease():
            world.store.faults.add(
                Rule(Effect("latency", seconds=14, after_commit=True), Match(method="POST", host=SYNC))
            )
            await asyncio.sleep(DURATION_S / BEATS + 1)
            machine.cut = True
            await asyncio.sleep(DURATION_S - CALL_S - 2)
            assert machine.brake.reason == ""
            await asyncio.sleep(2)
            assert "could not be renewed in time" in machine.brake.reason

    run(story())


# --- what others do to the document ------------------------------------------------------------------------


def deleted(world: SyncWorld) -> None:
    row = world.document()
    assert world.ask("DELETE", f"/{row['service_sid']}/Documents/{row['sid']}")[0] == 204


def recreated(world: SyncWorld) -> None:
    row = world.document()
    deleted(world)
    form = {"UniqueName": NAME, "Data": json.dumps(row["data"])}
    assert world.ask("POST", f"/{row['service_sid']}/Documents", form)[0] == 201


def service_deleted(world: SyncWorld) -> None:
    assert world.ask("DELETE", f"/{world.document()['service_sid']}")[0] == 204


def freed(world: SyncWorld) -> None:
    world.overwrite(world.document()["data"] | {"lease": None})


def garbled(world: SyncWorld) -> None:
    world.overwrite({"hello": "world"})


def taken(world: SyncWorld) -> None:
    data = world.document()["data"]
    world.overwrite(data | {"lease": data["lease"] | {"who": "eve@den", "nonce": "another"}})


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (deleted, "the record was deleted while it held this run's lease"),
        (recreated, "the record was deleted while it held this run's lease"),
        (service_deleted, "the record was deleted while it held this run's lease"),
        (freed, "the lease was freed by somebody else"),
        (taken, "the lease was taken over by eve@den"),
        (garbled, "the lease cannot be renewed: the record is damaged: this is not what reconciler writes"),
    ],
)
def test_a_lost_lease_trips_the_brake(deed: Callable[[SyncWorld], None], reason: str) -> None:
    """At the next heartbeat; nothing is made anew under a running apply, and nothing of others' is freed."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        async with machine.lease() as held:
            deed(world)
            left = world.store.committed
            await asyncio.sleep(DURATION_S / BEATS + 5)
            assert machine.brake.reason == reason
            with pytest.raises((LeaseLostError, RecordError)):
                await held.write(lambda record: record)
            await asyncio.sleep(10 * DURATION_S)
        assert world.store.committed == left

    run(story())


def test_freeing_by_hand_frees_that_lease_alone() -> None:
    """A holder that renewed meanwhile is freed; one that took it meanwhile is not."""

    async def story() -> None:
        world = SyncWorld()
        holder, hand = Machine(world, "a"), Machine(world, "hand")
        async with holder.lease():
            seen = await read_record(hand.gateway, TARGET)
            assert seen is not None
            await asyncio.sleep(DURATION_S)
            assert world.document()["revision"] != seen.revision
            await release_lease(hand.gateway, TARGET, seen)
            async with Machine(world, "b").lease():
                with pytest.raises(ReconcilerError, match="b@desk has taken it meanwhile"):
                    await release_lease(hand.gateway, TARGET, seen)
                assert world.document()["data"]["lease"]["who"] == "b@desk"
            await release_lease(hand.gateway, TARGET, seen)
            await asyncio.sleep(DURATION_S)
            assert holder.brake.reason == "the lease was freed by somebody else"

    run(story())


def test_a_name_that_lingers_is_told() -> None:
    """An expired document is not there, and keeps its name: nothing can be written, and that is said."""

    async def story() -> None:
        switches = Switches(document_linger_s=10_000, expired_document="hidden")
        world = SyncWorld(emulator.Store(clock=emulator.Clock.frozen(), switches=switches))
        async with Machine(world, "a").lease():
            pass
        row = world.document()
        path = f"/{row['service_sid']}/Documents/{row['sid']}"
        assert row["date_expires"] is None
        world.ask("POST", path, {"Ttl": "1"})
        await asyncio.sleep(5)
        world.keep_up()
        with pytest.raises(RecordError, match="Sync still holds its name"):
            async with Machine(world, "b").lease():
                pytest.fail("taken without a document")

    run(story())


# --- leaving -----------------------------------------------------------------------------------------------


async def ends_well(_: Machine) -> None:
    return


async def raises(_: Machine) -> None:
    raise ZeroDivisionError


async def is_cancelled(_: Machine) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(5, task.cancel)
    await asyncio.sleep(3600)


async def is_cancelled_in_a_heartbeat(machine: Machine) -> None:
    slow = Rule(Effect("latency", seconds=5), Match(method="POST", host=SYNC), When(times=1))
    machine.world.store.faults.add(slow)
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(DURATION_S / BEATS + 2, task.cancel)
    await asyncio.sleep(3600)


async def loses_the_answer(machine: Machine) -> None:
    for effect in (Effect("drop_after_commit"), Effect("drop")):
        machine.world.store.faults.add(Rule(effect, Match(method="POST", host=SYNC), When(times=1)))


async def writes_late(machine: Machine) -> None:
    late = Rule(Effect("late_commit", seconds=1), Match(method="POST", host=SYNC), When(times=1))
    machine.world.store.faults.add(late)


@pytest.mark.parametrize(
    ("deed", "ending_of"),
    [
        (ends_well, type(None)),
        (raises, ZeroDivisionError),
        (is_cancelled, asyncio.CancelledError),
        (is_cancelled_in_a_heartbeat, asyncio.CancelledError),
        (loses_the_answer, type(None)),
        (writes_late, type(None)),
    ],
    ids=lambda one: one.__name__,
)
def test_leaving_frees_the_lease(deed: Callable[[Machine], Awaitable[None]], ending_of: type) -> None:
    """However the block ends, and although an answer is lost; what ended it goes on."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")

        async def whole() -> None:
            async with machine.lease():
                await deed(machine)

        (ending,) = await asyncio.gather(asyncio.create_task(whole()), return_exceptions=True)
        assert type(ending) is ending_of
        assert world.document()["data"]["lease"] is None
        assert machine.brake.reason == ""

    run(story())


def test_what_cannot_be_given_back_is_told_and_runs_out() -> None:
    """In bounded time: the lease stands there until somebody has seen it long enough."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        async with machine.lease() as held:
            machine.cut = True
            left_s = machine.clock.monotonic()
        assert held.left_behind == "Sync did not answer within 20 s"
        assert machine.clock.monotonic() - left_s == 20
        async with Machine(world, "b").lease(wait_s=DURATION_S):
            assert world.document()["data"]["lease"]["who"] == "b@desk"

    run(story())


def test_who_is_stopped_while_taking_leaves_nothing_behind() -> None:
    """The create had landed, its answer had not come: the lease is withdrawn."""

    async def story() -> None:
        world = SyncWorld()
        found(world)
        slow = Effect("latency", seconds=10, after_commit=True)
        world.store.faults.add(Rule(slow, Match(method="POST", host=SYNC, path=DOCUMENTS), When(times=1)))
        taking = asyncio.create_task(Machine(world, "a").lease().__aenter__())
        await asyncio.sleep(5)
        assert world.document()["data"]["lease"]["who"] == "a@desk"
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert world.document()["data"]["lease"] is None

    run(story())


# --- writing under it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_what_is_written_stands_there_once(seed: int) -> None:
    """Changes that add to what is there: none is lost or done twice, although answers are, or come late."""

    async def story() -> None:
        world, dice = SyncWorld(), random.Random(seed)
        machine = Machine(world, "a")
        done: list[str] = []
        async with machine.lease() as held:
            await held.write(lambda record: replace(record, open=Unfinished("digest", frozenset())))
            post = Match(method="POST", host=SYNC)
            world.store.faults.use(
                [
                    Rule(Effect("drop_after_commit"), post, When(probability=0.3)),
                    Rule(Effect("late_commit", seconds=2), post, When(probability=0.2)),
                    Rule(Effect("status", status=500, after_commit=True), post, When(probability=0.1)),
                    Rule(Effect("drop"), Match(host=SYNC), When(probability=0.2)),
                ],
                seed,
            )
            for n in range(15):
                await held.write(adding(f"e{n}"))
                done.append(f"e{n}")
                await asyncio.sleep(dice.choice([0, 0, dice.uniform(0, 30)]))
            world.store.faults.clear()
            prints = world.document()["data"]["open"]["prints"].split()
            assert held.record.open is not None
            assert sorted(held.record.open.prints or ()) == prints == sorted(done)
            assert held.record.lease is not None

    def adding(entry: str) -> Any:
        def add(record: Any) -> Any:
            return replace(record, open=replace(record.open, prints=record.open.prints | {entry}))

        return add

    run(story())


def test_a_write_that_nobody_answers_is_told_and_never_confused_with_the_next() -> None:
    """It lands after it was given up; the next write goes on from there."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        async with machine.lease() as held:
            world.store.faults.add(
                Rule(Effect("late_commit", seconds=300), Match(method="POST", host=SYNC), When(times=1))
            )
            writing = asyncio.create_task(
                held.write(lambda record: replace(record, open=Unfinished("first", frozenset())))
            )
            await asyncio.sleep(0.4)
            machine.cut = True
            with pytest.raises(ApiError):
                await writing
            machine.cut = False
            world.store.faults.land()
            assert world.document()["data"]["open"]["digest"] == "first"
            await held.write(lambda record: replace(record, made=frozenset({"second"})))
            data = world.document()["data"]
            assert (data["open"]["digest"], data["made"]) == ("first", "second")

    run(story())


# --- whose stack it is -------------------------------------------------------------------------------------


def test_another_repository_is_kept_out() -> None:
    """The id is written by the first apply that has one; others never take the lease."""

    async def story() -> None:
        world = SyncWorld()
        async with Machine(world, "a").lease():
            pass
        async with Machine(world, "a").lease(stack_id="shop") as held:
            assert held.record.stack_id == "shop"
        for stack_id in ("", "other"):
            left = world.store.committed
            with pytest.raises(RefusedError, match="another repository applies a stack called demo"):
                async with Machine(world, "b").lease(stack_id=stack_id):
                    pytest.fail("taken by a stranger")
            assert world.store.committed == left

    run(story())


@pytest.mark.parametrize("duration_s", [1.0, 5.0, 600.0])
def test_a_lease_may_be_short_or_long(duration_s: float) -> None:
    """The living keep it and the dead lose it, in proportion."""

    async def story() -> None:
        world = SyncWorld()
        holder, taker = Machine(world, "a"), Machine(world, "b")
        times = {"duration_s": duration_s, "call_s": duration_s / 4}
        async with holder.lease(**times):
            with pytest.raises(LeaseHeldError):
                async with taker.lease(wait_s=5 * duration_s, **times):
                    pytest.fail("two hold it")
            assert holder.brake.reason == ""
            holder.cut = True
            async with taker.lease(wait_s=duration_s, **times):
                assert holder.brake.reason

    run(story())


def test_the_times_fit_each_other() -> None:
    """A call that began at the last moment ends within the duration, and one heartbeat may fail slowly."""
    assert DURATION_S / BEATS + CALL_S < DURATION_S - CALL_S
