"""What a plan must know beyond the two graphs: who holds the pairs that it wants."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from worlds import World, edited, random_spec, stack_of

from reconciler.workflow import make_plan

SENDER = "whatsapp:+15550100200"
FRAME = {"stack": {"name": "one"}, "senders": {"wa": SENDER, "wb": "whatsapp:+15550100210"}}


def spec(phones: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return a stack with a conversation for each key, and a phone in it."""
    conversations = {
        key: {"participants": {"p": {"address": phone, "via": "wa"}}} for key, phone in phones.items()
    }
    return {**FRAME, "conversations": conversations, **more}


def hold(world: World, phone: str, **fields: str) -> str:
    """Have somebody else hold a pair, in a conversation of theirs."""
    sid: str = world.call("POST", "Conversations", [*fields.items()])["sid"]
    form = [("MessagingBinding.Address", f"whatsapp:{phone}"), ("MessagingBinding.ProxyAddress", SENDER)]
    world.call("POST", f"Conversations/{sid}/Participants", form)
    return sid


def told(world: World, wanted: dict[str, Any]) -> list[str]:
    plan = world.plan(stack_of(wanted)).plan
    lines = [f"{change.action} {change.address}" for change in plan.visible]
    return lines + [f"{one.address}: {one.summary}" for one in plan.diagnostics]


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_the_holder_of_a_pair_is_named_while_planning(state: str) -> None:
    """Sid, name, state and owner; the address is refused, and the rest of the plan goes on."""
    world = World()
    sid = hold(world, "+15550100301", UniqueName="theirs", State=state)
    lines = told(world, spec({"a": "+15550100301", "b": "+15550100302"}))

    assert lines[:-1] == [
        "create conversation/a",
        "create conversation/b",
        "create conversation/b/participant/p",
    ]
    where = f"held in conversation 'theirs', {state}, not marked by any stack (MB"
    assert lines[-1].startswith(f"conversation/a/participant/p: what participant/p wants is {where}")
    assert lines[-1].endswith(f" in {sid})")
    events = world.apply(stack_of(spec({"a": "+15550100301", "b": "+15550100302"})))
    assert [event for event in events if event.kind == "failed"] == []


def test_another_stack_is_named_as_the_owner() -> None:
    """Who reads the plan knows whom to ask."""
    world = World()
    world.apply(stack_of(spec({"x": "+15550100301"}, stack={"name": "two"})))

    assert "of stack two" in told(world, spec({"a": "+15550100301"}))[-1]


@pytest.mark.parametrize(
    ("name", "key", "is_twin"), [("two", "a", True), ("two", "x", False), ("one", "a", False)]
)
def test_a_stack_that_was_renamed_is_told_how_to_say_so(name: str, key: str, is_twin: bool) -> None:
    """Where another stack has the same party under the same key; each line that is named works."""
    world, phones = World(), {"a": "+15550100301"}
    world.apply(stack_of(spec({key: "+15550100301"}, stack={"name": "old"})))
    plan = world.plan(stack_of(spec(phones, stack={"name": name}))).plan if name != "one" else None
    if plan is None:
        hold(world, "+15550100302")
        plan = world.plan(stack_of(spec({"a": "+15550100302"}))).plan
    detail = plan.diagnostics[0].detail

    assert detail.startswith("If the stack was renamed: moved: {stack/old: stack/two}\n") is is_twin
    assert ("adopted: {conversation/a: {from: old}}\nOr close or change" in detail) is is_twin
    for line in ({"moved": {"stack/old": "stack/two"}}, {"adopted": {"conversation/a": {"from": "old"}}}):
        again = told(world, spec(phones, stack={"name": "two"}, **line)) if is_twin else []
        assert [one for one in again if "wants" in one or "create" in one] == []


def test_a_closed_conversation_holds_nothing() -> None:
    """Its participants are still listed, and free."""
    world = World()
    sid = hold(world, "+15550100301")
    world.call("POST", f"Conversations/{sid}", [("State", "closed")])

    assert told(world, spec({"a": "+15550100301"})) == [
        "create conversation/a",
        "create conversation/a/participant/p",
    ]


def test_what_the_plan_itself_frees_is_free() -> None:
    """Swapping, moving and closing are no conflicts."""
    world = World()
    world.apply(stack_of(spec({"a": "+15550100301", "b": "+15550100302"})))

    for wanted in (
        spec({"a": "+15550100302", "b": "+15550100301"}),
        spec({"c": "+15550100301"}),
    ):
        plan = world.plan(stack_of(wanted)).plan
        assert [one for one in plan.diagnostics if one.severity == "error"] == []


def test_what_is_refused_frees_nothing() -> None:
    """A ring that cannot be closed is refused whole, instead of failing halfway."""
    world = World()
    world.apply(stack_of(spec({"a": "+15550100301", "b": "+15550100302"})))
    hold(world, "+15550100303")
    wanted = spec({"a": "+15550100303", "b": "+15550100301"})
    lines = told(world, wanted)

    assert [line.partition(":")[0] for line in lines] == [
        "conversation/a/participant/p",
        "conversation/b/participant/p",
    ]
    assert world.apply(stack_of(wanted)) == []


def test_reads_are_one_for_each_party_and_limited() -> None:
    """Ten conversations with one party ask once; nothing new asks nothing."""
    world = World()
    wanted = spec({f"c{n}": f"+155501003{n:02}" for n in range(5)})
    gateway = world.gateway
    asyncio.run(make_plan(stack_of(wanted), gateway))
    before = gateway.calls["GET"]
    world.apply(stack_of(wanted))
    resting = world.gateway
    asyncio.run(make_plan(stack_of(wanted), resting))

    # configuration, services of Sync, two lists, and one question for each missing name and each party
    assert before == 1 + 1 + 2 + 5 + 5
    # configuration, services of Sync, two lists, and the participants of each conversation
    assert resting.calls["GET"] == 1 + 1 + 2 + 5


def test_what_was_not_asked_about_is_said() -> None:
    """Beyond `--max-evidence` Twilio's own refusal has to do, and whoever reads the plan knows it."""
    world = World()
    wanted = stack_of(spec({f"c{n}": f"+155501003{n:02}" for n in range(5)}))
    hold(world, "+15550100304")
    few, enough = world.plan(wanted, most_evidence=3).plan, world.plan(wanted, most_evidence=5).plan

    assert [one.summary for one in few.diagnostics] == [
        "2 of the new parties were not asked about: somebody may hold their pair"
    ]
    assert [one.severity.value for one in few.diagnostics] == ["warning"]
    assert [str(one.address) for one in enough.diagnostics] == ["conversation/c4/participant/p"]


@pytest.mark.parametrize("seed", range(20))
def test_an_apply_never_runs_into_a_pair_that_others_hold(seed: int) -> None:
    """Random stacks in a world where others hold some of the pairs: refused while planning, never failed."""
    dice = random.Random(seed)
    world, wanted = World(seed=seed), random_spec(dice)
    for phone in dice.sample([f"+155501003{n:02}" for n in range(12)], 4):
        hold(world, phone)
    for _ in range(3):
        events = world.apply(stack_of(wanted))

        assert [event.detail for event in events if event.kind in ("failed", "skipped")] == []
        assert world.plan(stack_of(wanted)).plan.visible == ()
        wanted = edited(dice, wanted)
