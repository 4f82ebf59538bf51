"""Everything that can go wrong, at once: mixes of faults while a stack is applied, edited and applied again.

Each seed is one world, one answer to the open questions about Twilio, and two mixes. Once the trouble is over
and what was late has landed, one or two applies are enough: all is as the specs say, nothing is there twice,
and what others own is as it was. The seed is the test's id.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from test_sending import Faulty
from worlds import (
    World,
    edited,
    foreign_rows,
    random_spec,
    stack_of,
    strangers_arrive,
    there_is,
    wanted_of,
)

from reconciler.diagnostics import ApiError
from reconciler.emulator import Effect, Match, Rule, Switches, When
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.workflow import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worlds import Spec

    from reconciler.stack import Stack

SEEDS = 500
VARIANTS = [*Switches.variants().values()]
BETWEEN_S = 30.0
"""How much later the next apply comes: later than anything that is late in here."""

_READ, _WRITE, _REMOVAL = Match(method="GET"), Match(method="POST"), Match(method="DELETE")
INGREDIENTS: tuple[tuple[Match, Effect], ...] = (
    (Match(), Effect("status", status=429)),
    (Match(), Effect("status", status=429, retry_after=2)),
    (Match(), Effect("status", status=500)),
    (Match(), Effect("status", status=503)),
    (_WRITE, Effect("status", status=500, after_commit=True)),
    (_REMOVAL, Effect("status", status=503, after_commit=True)),
    (Match(), Effect("drop")),
    (_WRITE, Effect("drop_after_commit")),
    (_REMOVAL, Effect("drop_after_commit")),
    (_WRITE, Effect("late_commit", calls=2)),
    (_WRITE, Effect("late_commit", seconds=4.0)),
    (_REMOVAL, Effect("late_commit", seconds=4.0)),
    (Match(), Effect("latency", seconds=0.05, up_to_s=0.6)),
    (Match(), Effect("latency", seconds=10.0, up_to_s=20.0)),
    (_WRITE, Effect("latency", seconds=10.0, up_to_s=20.0, after_commit=True)),
    (_READ, Effect("stale_read", calls=2)),
    (_READ, Effect("stale_read", seconds=1.0)),
    (Match(), Effect("release_lag", seconds=3.0)),
    (_REMOVAL, Effect("async_delete", calls=3)),
    (_REMOVAL, Effect("async_delete", seconds=5.0)),
)


def soup(dice: random.Random) -> list[Rule]:
    """Return a mix: some of the ingredients, each of them rarely or often."""
    chosen = dice.sample(INGREDIENTS, dice.randint(2, 8))
    return [Rule(effect, match, When(probability=dice.choice([0.03, 0.1, 0.25]))) for match, effect in chosen]


def switches(seed: int) -> Switches:
    """Return an answer to the open questions: each alone over the seeds, and as often a combination."""
    return VARIANTS[seed // 2 % len(VARIANTS)] if seed % 2 else Switches.drawn(seed)


def small_spec(dice: random.Random) -> Spec:
    """Return a random stack of few conversations."""
    spec = random_spec(dice, stack="soup")
    spec["conversations"] = dict([*spec["conversations"].items()][:3])
    return spec


def attempt(world: World, stack: Stack) -> bool:
    """Apply through whatever goes wrong; tell whether nothing was found to do, and nothing to complain of."""

    async def play() -> bool:
        gateway = world.gateway_over(Faulty(world))
        plan = (await make_plan(stack, gateway)).plan
        events = [event async for event in carry_out(plan, KINDS, gateway, world.clock)]
        return not events and not plan.diagnostics

    try:
        return asyncio.run(play())
    except ApiError:  # it could not even be read
        return False


def applies_until_quiet(world: World, stack: Stack, pauses_s: Sequence[float]) -> int:
    """Apply until one finds nothing to do, with pauses between; return how many others there were before."""
    for count, pause_s in enumerate(pauses_s):
        if attempt(world, stack):
            return count
        world.store.advance(pause_s)
    return len(pauses_s)


def stew(world: World, dice: random.Random, spec: Spec, seed: int) -> Counter[str]:
    """Apply again and again while everything goes wrong, let what is late land, and count what went wrong."""
    faults = world.store.faults
    faults.use(soup(dice), seed)
    pauses_s = [dice.choice([2.0, 5.0, BETWEEN_S]) for _ in range(4)]
    applies = applies_until_quiet(world, stack_of(spec), pauses_s)
    struck = Counter({armed.rule.effect.kind: armed.fired for armed in faults.rules()})
    faults.clear()
    world.store.advance(BETWEEN_S)
    faults.land()
    return struck + Counter({"applies": applies + 1})


def sids(world: World) -> dict[str, str]:
    """Return name → sid of the conversations that are open."""
    return {str(w["row"]["unique_name"]): sid for sid, w in world.snapshot(open_only=True).items()}


def ours(there: dict[str, Any]) -> dict[str, Any]:
    """Return what `there_is` without what strangers added to our conversations."""
    return {
        name: {
            part: [one for one in found if "'guest-" not in one and "//others." not in one]
            if isinstance(found, list)
            else found
            for part, found in whole.items()
        }
        for name, whole in there.items()
    }


@pytest.fixture(scope="module")
def pot(tell: Callable[[str], None]) -> Iterator[Counter[str]]:
    """Keep count over all seeds, and tell at the end."""
    counts: Counter[str] = Counter()
    yield counts
    applies = counts.pop("applies", 0)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    tell(f"fault soup: {applies} applies of {SEEDS} seeds through {kinds}")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_lost_or_doubled(seed: int, pot: Counter[str]) -> None:
    """Apply in trouble, others come, edit, apply in trouble: an apply in peace or two are enough."""
    dice = random.Random(seed)
    world, first = World(switches(seed), seed=seed), small_spec(dice)
    pot += stew(world, dice, first, seed)
    strangers_arrive(dice, world)
    world.store.advance(BETWEEN_S)
    others, before = foreign_rows(world), sids(world)
    second = edited(dice, first)
    pot += stew(world, dice, second, seed + 1)

    assert applies_until_quiet(world, stack_of(second), [BETWEEN_S] * 3) <= 2
    assert ours(there_is(world, second)) == wanted_of(second)
    found = foreign_rows(world)
    assert {sid: found.get(sid) for sid in others} == others
    stay = wanted_of(first).keys() & wanted_of(second).keys() & before.keys()
    assert {name: sids(world)[name] for name in stay} == {name: before[name] for name in stay}


def test_everything_is_drawn() -> None:
    """Over the seeds every answer to an open question has its turn, and every fault is in some mix."""
    drawn = [switches(seed) for seed in range(SEEDS)]
    mixed = [rule.effect for seed in range(SEEDS) for rule in soup(random.Random(seed))]

    assert [variant for variant in VARIANTS if variant not in drawn] == []
    assert [effect for _, effect in INGREDIENTS if effect not in mixed] == []
