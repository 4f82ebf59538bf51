"""Laws that hold for every plan, over seeded random stacks and worlds; the seed is the test's id."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from worlds import (
    PHONES,
    World,
    copies_arrive,
    edited,
    foreign_rows,
    random_spec,
    stack_of,
    strangers_arrive,
    there_is,
    wanted_of,
)

from reconciler.emulator import Switches
from reconciler.model import EventKind
from reconciler.workflow import make_destroy_plan, make_plan

if TYPE_CHECKING:
    from worlds import Spec

    from reconciler.model import Event, Plan

SEEDS = range(60)
VARIANTS = Switches.variants()


def failures(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind in (EventKind.FAILED, EventKind.SKIPPED)]


def settle(world: World, spec: Spec, where: object) -> None:
    """Apply, and insist that nothing failed and nothing is left to do."""
    stack = stack_of(spec)
    before = world.plan(stack).plan
    events = world.carry_out(before)
    assert failures(events) == [], where
    after = world.plan(stack).plan
    assert [str(change.address) for change in after.visible] == [], where
    assert after.diagnostics == (), where


@pytest.mark.parametrize("seed", SEEDS)
def test_apply_converges(seed: int) -> None:
    """After an apply nothing is left to do, and so after each later edit of the specs."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    for step in range(4):
        settle(world, spec, step)
        spec = edited(dice, spec)


@pytest.mark.parametrize("variant", VARIANTS)
def test_apply_converges_under_every_answer_to_an_open_question(variant: str) -> None:
    """What nobody could settle about Twilio does not matter to whether an apply converges."""
    for seed in range(6):
        dice = random.Random(seed)
        world, spec = World(VARIANTS[variant], seed=seed), random_spec(dice)
        for step in range(3):
            settle(world, spec, (seed, step))
            spec = edited(dice, spec)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_others_own_is_never_touched(seed: int) -> None:
    """Rows and attribute keys of others stand as they stood, also in conversations of ours."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    settle(world, spec, "first")
    strangers_arrive(dice, world)
    before = foreign_rows(world)
    stack = stack_of(edited(dice, spec))
    world.apply(stack)
    after = foreign_rows(world)

    assert {sid: after.get(sid) for sid in before} == before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_copied_mark_never_causes_a_removal(seed: int) -> None:
    """Rows into which somebody copied our attributes stay, also when the originals are replaced."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    settle(world, spec, "first")
    copies = copies_arrive(dice, world)
    for wanted in (spec, edited(dice, spec, keeps_keys=True)):
        world.apply(stack_of(wanted))
    snapshot = world.snapshot()
    there = {
        sid for whole in snapshot.values() for sid in (whole["row"]["sid"], *_sids(whole["Participants"]))
    }

    assert [sid for sid in copies if sid not in there] == []
    assert [sid for sid in copies if sid in snapshot and snapshot[sid]["row"]["state"] == "closed"] == []


def _sids(rows: list[Any]) -> list[str]:
    return [row["sid"] for row in rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_there_is_what_the_specs_say(seed: int) -> None:
    """An oracle that knows no kind finds in the account what the specs want, and nothing more of ours."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    for _ in range(4):
        settle(world, spec, seed)

        assert there_is(world, spec) == wanted_of(spec)
        spec = edited(dice, spec)


@pytest.mark.parametrize("seed", SEEDS)
def test_planning_only_reads(seed: int) -> None:
    """A plan sends GET and nothing else, and the account is as it was."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    settle(world, spec, seed)
    before = world.snapshot()
    gateway = world.gateway
    asyncio.run(make_plan(stack_of(edited(dice, spec)), gateway))
    asyncio.run(make_destroy_plan(stack_of(spec), world.gateway, delete=True))

    assert set(gateway.calls) == {"GET"}
    assert world.snapshot() == before


def shuffled(dice: random.Random, tree: Any) -> Any:
    """Return JSON with the keys of every object in another order."""
    if isinstance(tree, dict):
        keys = list(tree)
        dice.shuffle(keys)
        return {key: shuffled(dice, tree[key]) for key in keys}
    return tree


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_specs_is_irrelevant(seed: int) -> None:
    """The same specs in another order give the same plan, also over a world that is there."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    for _ in range(2):
        first, second = stack_of(spec), stack_of(shuffled(dice, spec))

        assert bare(world.plan(first).plan) == bare(world.plan(second).plan)
        world.apply(first)
        spec = edited(dice, spec)


def bare(plan: Plan) -> Plan:
    """Return a plan without the places, which do depend on the order."""
    changes = tuple(dataclasses.replace(change, place=None) for change in plan.changes)
    told = tuple(dataclasses.replace(one, place=None) for one in plan.diagnostics)
    return dataclasses.replace(plan, changes=changes, diagnostics=told)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("delete", [False, True])
def test_destroy_leaves_nothing_open_or_nothing_at_all(seed: int, delete: bool) -> None:
    """Pairs, names and hooks are free after destroy; with --delete no row of ours is left."""
    dice = random.Random(seed)
    world, spec = World(seed=seed), random_spec(dice)
    settle(world, spec, seed)
    settle(world, edited(dice, spec), seed)
    strangers_arrive(dice, world)
    stack = stack_of(spec)
    events = world.carry_out(world.destroy_plan(stack, delete=delete).plan)

    assert failures(events) == []
    rows = [
        whole for whole in world.snapshot().values() if "reconciler" in json.loads(whole["row"]["attributes"])
    ]
    assert [whole["row"]["state"] for whole in rows if whole["row"]["state"] != "closed"] == []
    assert not (delete and rows)
    assert not [hook for whole in rows for hook in whole["Webhooks"] if "others" not in str(hook)]
    assert world.destroy_plan(stack, delete=delete).plan.visible == ()
    settle(world, spec, "again")


def test_swapped_pairs_cost_one_gap_only() -> None:
    """Of two participants that exchange their pairs, one is created before its old row goes."""
    spec = random_spec(random.Random(1))
    spec["conversations"] = {
        key: {"participants": {"p": {"address": phone, "via": "wa"}}, "webhooks": {}}
        for key, phone in (("a", PHONES[0]), ("b", PHONES[1]))
    }
    world = World()
    settle(world, spec, "first")
    a, b = (spec["conversations"][key]["participants"]["p"] for key in "ab")
    a["address"], b["address"] = b["address"], a["address"]
    done = [event for event in world.apply(stack_of(spec)) if event.kind is EventKind.DONE]

    order = [(event.operation.address.root.key, str(event.operation.half)) for event in done]
    assert order == [("b", "drop"), ("a", "make"), ("a", "drop"), ("b", "make")]
