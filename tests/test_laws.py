"""Laws that hold for every plan, over seeded random stacks and worlds; the seed is the test's id."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from worlds import World, edited, foreign_rows, random_spec, stack_of, strangers_arrive

from reconciler.emulator import Switches
from reconciler.model import EventKind

if TYPE_CHECKING:
    from reconciler.model import Event

SEEDS = range(60)
VARIANTS = Switches.variants()


def failures(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind in (EventKind.FAILED, EventKind.SKIPPED)]


def settle(world: World, spec: dict, where: object) -> None:
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
