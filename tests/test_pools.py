"""Pools: every party's conversations get different numbers, chosen the same way each time, moving little."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest
from worlds import World, stack_of

from reconciler.diagnostics import SpecError

POOL = [f"whatsapp:+155501002{n:02}" for n in range(3)]


def spec_of(parties: list[str], pool: list[str], fixed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a stack with one conversation a party, reached through a pool, or through `fixed` senders."""
    senders: dict[str, Any] = {"pool": pool, **{f"s{n}": number for n, number in enumerate(fixed)}}
    conversations = {
        f"c{n}": {"participants": {"p": {"address": party, "via": "pool"}}} for n, party in enumerate(parties)
    }
    for n, _ in enumerate(fixed):
        conversations[f"f{n}"] = {"participants": {"p": {"address": parties[0], "via": f"s{n}"}}}
    return {"stack": {"name": "pools"}, "senders": senders, "conversations": conversations}


def proxies(world: World) -> dict[str, str]:
    return {
        whole["row"]["unique_name"]: participant["messaging_binding"]["proxy_address"]
        for whole in world.snapshot().values()
        for participant in whole["Participants"]
    }


def is_possible(parties: list[str], pool: list[str], fixed: tuple[str, ...]) -> bool:
    """Try every choice."""
    held = [(parties[0], number) for number in fixed]
    return any(
        len({*held, *zip(parties, choice, strict=True)}) == len(held) + len(parties)
        for choice in product(pool, repeat=len(parties))
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_choice_is_found_exactly_where_there_is_one(seed: int) -> None:
    """What cannot be is refused offline; what can be is applied, and then rests."""
    dice = random.Random(seed)
    parties = [f"+155501003{dice.randint(0, 1):02}" for _ in range(dice.randint(1, 5))]
    pool = POOL[: dice.randint(1, 3)]
    fixed = tuple(dice.sample(POOL, dice.randint(0, 1)))
    spec = spec_of(parties, pool, fixed)
    if not is_possible(parties, pool, fixed):
        with pytest.raises(SpecError, match="problem"):
            stack_of(spec)
        return
    world, stack = World(), stack_of(spec)
    world.apply(stack)

    assert len(proxies(world)) == len(parties) + len(fixed)
    assert world.plan(stack).plan.visible == ()


def test_who_has_a_number_keeps_it() -> None:
    """A new conversation that sorts first, a longer pool and a conversation that goes move nobody."""
    world, party = World(), "+15550100300"
    world.apply(stack_of(spec_of([party, party], POOL[:2])))
    before = proxies(world)
    more = spec_of([party, party], [POOL[2], *POOL[:2]])
    more["conversations"]["a0"] = {"participants": {"p": {"address": party, "via": "pool"}}}
    world.apply(stack_of(more))

    assert {name: proxies(world)[name] for name in before} == before
    del more["conversations"]["c0"]
    world.apply(stack_of(more))
    assert proxies(world)["pools.c1"] == before["pools.c1"]


def test_a_number_that_left_the_pool_is_given_up() -> None:
    """The participant is replaced with one of the numbers that are left."""
    world, party = World(), "+15550100300"
    world.apply(stack_of(spec_of([party], POOL[:1])))
    stack = stack_of(spec_of([party], POOL[1:2]))
    actions = [str(change.action) for change in world.plan(stack).plan.visible]
    world.apply(stack)

    assert actions == ["replace"]
    assert proxies(world) == {"pools.c0": POOL[1]}
