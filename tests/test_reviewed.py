"""Reviewed = applied: what was approved is carried out, however far a run has come and whoever interferes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_executor import CUTS, Door, census, die, events_through, nth
from worlds import World, edited, foreign_rows, random_spec, stack_of, strangers_arrive

from reconciler.emulator import Switches
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.model import (
    Action,
    Address,
    Change,
    EventKind,
    Graph,
    Joined,
    Mode,
    Owner,
    Place,
    Plan,
    Pool,
    Secret,
    Target,
)
from reconciler.reviewed import (
    Scope,
    as_chosen,
    digest,
    judge,
    key_of,
    packed,
    reviewed,
    same_digest,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from worlds import Spec

    from reconciler.model import Value
    from reconciler.reviewed import Judgement, Reviewed
    from reconciler.stack import Stack
    from reconciler.workflow import Planned

KEY = key_of("a key of these tests")
SEEDS = range(150)


@dataclasses.dataclass
class Scene:
    """A world in which a stack was applied and its specs edited since; every third under drawn answers."""

    seed: int

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        spec = random_spec(dice)
        self._first = stack_of(spec)
        self.stack = stack_of(_with_references(dice, edited(dice, spec)))
        self.switches = Switches.drawn(self.seed) if self.seed % 3 == 0 else None

    def world(self) -> World:
        """Return a new copy of the world as it is before the edits are applied."""
        world = World(self.switches, seed=self.seed)
        world.apply(self._first)
        world.store.advance(60.0)
        return world


def _with_references(dice: random.Random, spec: Spec) -> Spec:
    """Have some attributes name other conversations of the stack."""
    keys = sorted(spec["conversations"])
    for conversation in spec["conversations"].values():
        if dice.random() < 0.3:
            other = dice.choice(keys)
            conversation.setdefault("attributes", {})["see"] = f"x-${{conversations.{other}.sid}}-y"
            for party in conversation["participants"].values():
                if dice.random() < 0.5:
                    party.setdefault("attributes", {})["desk"] = f"${{conversations.{other}.url}}"
    return _without_rings(spec)


def _without_rings(spec: Spec) -> Spec:
    """Let references lead to earlier keys only: rings of them are an error of their own."""
    keys = sorted(spec["conversations"])
    for n, key in enumerate(keys):
        text = json.dumps(spec["conversations"][key])
        for later in keys[n:]:
            text = text.replace(f"${{conversations.{later}.sid}}", "none")
            text = text.replace(f"${{conversations.{later}.url}}", "none")
        spec["conversations"][key] = json.loads(text)
    return spec


def forms_of(plan: Plan, stack: Stack) -> dict[str, Reviewed]:
    """Return what was approved as it is at hand to an apply of a plan, and to one of a digest."""
    whole = reviewed(plan, KEY, stack.desired)
    resumed = dataclasses.replace(whole, plan=None, prints=unpacked(packed(whole.prints)))
    return {"plan": whole, "prints": resumed}


def addresses(plan: Plan) -> list[str]:
    return [str(change.address) for change in plan.visible]


def failures(world: World, plan: Plan) -> list[str]:
    kinds = (EventKind.FAILED, EventKind.SKIPPED)
    return [repr(event) for event in world.carry_out(plan) if event.kind in kinds]


# --- nothing happened --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_that_is_made_again_is_the_same_plan(seed: int) -> None:
    """Where nothing happened in between all of it remains, nothing moved, and the digest is the same."""
    scene = Scene(seed)
    world = scene.world()
    then, now = world.plan(scene.stack).plan, world.plan(scene.stack)
    for how, approved in forms_of(then, scene.stack).items():
        judgement = judge(approved, now)

        assert judgement.moved == (), how
        assert (judgement.done, judgement.left_alone) == ((), ())
        assert judgement.remaining.changes == now.plan.changes
        assert judgement.remaining.edges == now.plan.edges
    assert digest(then, Scope(), KEY) == digest(now.plan, Scope(), KEY)
    assert failures(world, judgement.remaining) == []
    assert world.plan(scene.stack).plan.visible == ()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("delete", [False, True])
def test_a_destruction_that_was_cut_is_resumed(seed: int, delete: bool) -> None:
    """Closing and deleting have remainders too: renamed and not yet closed, children gone and it not."""
    scene = Scene(seed)
    control = scene.world()
    plan = control.destroy_plan(scene.stack, delete=delete).plan
    door = Door(control)
    events_through(door, plan)
    for n in random.Random(seed).sample(range(len(door.calls)), min(len(door.calls), 3)):
        for how in CUTS:
            world = scene.world()
            with pytest.raises(BaseExceptionGroup):
                events_through(Door(world, **CUTS[how](n)), plan)
            world.store.advance(60.0)
            for approved in forms_of(plan, scene.stack).values():
                judgement = judge(approved, world.destroy_plan(scene.stack, delete=delete))

                assert judgement.moved == (), (n, how)
            assert failures(world, judgement.remaining) == []
            assert world.destroy_plan(scene.stack, delete=delete).plan.visible == ()


# --- cut anywhere ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_was_cut_leaves_a_remainder(seed: int) -> None:
    """Killed at any call: nothing has moved, and what remains is carried out to the end."""
    scene = Scene(seed)
    control = scene.world()
    plan = control.plan(scene.stack).plan
    door = Door(control)
    events_through(door, plan)
    cuts = range(len(door.calls))
    for n in random.Random(seed).sample(cuts, min(len(cuts), 3)):
        for how in CUTS:
            world = scene.world()
            with pytest.raises(BaseExceptionGroup):
                events_through(Door(world, **CUTS[how](n)), plan)
            world.store.advance(60.0)
            assert_resumed(scene, world, plan, (seed, n, how))

            assert census(world) == census(control), (seed, n, how)


def assert_resumed(scene: Scene, world: World, plan: Plan, where: object) -> None:
    for how, approved in forms_of(plan, scene.stack).items():
        stack = dataclasses.replace(scene.stack, desired=as_chosen(scene.stack.desired, approved))
        fresh = world.plan(stack)
        judgement = judge(approved, fresh)

        assert judgement.moved == (), (where, how)
        assert judgement.left_alone == (), (where, how)
        assert judgement.remaining.changes == fresh.plan.changes, (where, how)
        assert not set(judgement.done) & {change.address for change in fresh.plan.visible}
        if how == "plan":
            assert_accounted_for(plan, judgement, fresh)
    assert failures(world, judgement.remaining) == [], where
    assert world.plan(scene.stack).plan.visible == (), where


def assert_accounted_for(plan: Plan, judgement: Judgement, fresh: Planned) -> None:
    """Every approved change is either done or has something left, and of what is done nothing is left."""
    left = {change.live.sid for change in fresh.plan.visible if change.live} | set(addresses(fresh.plan))
    for change in plan.visible:
        sid = change.live.sid if change.live else ""
        if change.address not in judgement.done:
            assert sid in left or str(change.address) in left


@pytest.mark.parametrize("seed", range(200, 260))
def test_a_run_that_was_cancelled_leaves_a_remainder(seed: int) -> None:
    """Stopped after any event."""
    scene = Scene(seed)
    world = scene.world()
    plan = world.plan(scene.stack).plan

    async def play() -> None:
        stream = carry_out(plan, KINDS, world.gateway_over(Door(world, latency=seed % 3)), world.clock)
        for _ in range(random.Random(seed).randrange(1 + 2 * len(plan.changes))):
            await anext(stream, None)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(play())
    world.store.advance(60.0)
    assert_resumed(scene, world, plan, seed)


# --- others interfere --------------------------------------------------------------------------------------


def path_of(change: Change, plan: Plan) -> str:
    """Return where Twilio has the row that a change starts from."""
    assert change.live
    if change.address.parent is None:
        return f"Conversations/{change.live.sid}"
    return f"Conversations/{plan.sids[change.address.parent]}/Participants/{change.live.sid}"


def set_leaf(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *above, last = path
    for name in above:
        tree = tree.setdefault(name, {})
    tree[last] = value


def change_a_leaf(dice: random.Random, world: World, plan: Plan) -> set[str]:
    """Have others change what some approved edit starts from; return the address that has to be named."""
    edits = [
        (change, edit)
        for change in plan.visible
        if change.action is Action.UPDATE and change.address.kind != "webhook"
        for edit in change.edits
        if edit.path[0] in ("friendly_name", "attributes")
    ]
    if not edits:
        return set()
    change, edit = dice.choice(edits)
    path = path_of(change, plan)
    if edit.path[0] == "friendly_name":
        world.call("POST", path, [("FriendlyName", "theirs")])
    else:
        attributes = json.loads(world.call("GET", path)["attributes"])
        set_leaf(attributes, edit.path[1:], "theirs")
        world.call("POST", path, [("Attributes", json.dumps(attributes))])
    return {str(change.address)}


def delete_a_row(dice: random.Random, world: World, plan: Plan) -> set[str]:
    """Have others delete a row that an approved update starts from."""
    updates = [c for c in plan.visible if c.action is Action.UPDATE and c.address.kind != "webhook"]
    if not updates:
        return set()
    change = dice.choice(updates)
    world.call("DELETE", path_of(change, plan))
    return {str(change.address)}


def close_a_conversation(dice: random.Random, world: World, plan: Plan) -> set[str]:
    """Have others close a conversation in which something was to be created."""
    inside = [c for c in plan.visible if c.action is Action.CREATE and plan.sids.get(c.address.root)]
    if not inside:
        return set()
    root = dice.choice(inside).address.root
    world.call("POST", f"Conversations/{plan.sids[root]}", [("State", "closed")])
    return {str(c.address) for c in inside if c.address.root == root}


def take_a_row(dice: random.Random, world: World, plan: Plan) -> set[str]:
    """Have another stack write its mark on a conversation that was to be updated."""
    updates = [c for c in plan.visible if c.action is Action.UPDATE and c.address.parent is None and c.edits]
    if not updates:
        return set()
    change = dice.choice(updates)
    path = path_of(change, plan)
    row = world.call("GET", path)
    mark = {"v": 1, "o": "another", "k": row["unique_name"].partition(".")[2]}
    world.call("POST", path, [("Attributes", json.dumps({"reconciler": mark}))])
    world.call("POST", path, [("UniqueName", f"another.{mark['k']}")])
    world.call("POST", path, [("UniqueName", row["unique_name"])])
    return {str(change.address)}


DEEDS = (change_a_leaf, delete_a_row, close_a_conversation, take_a_row)


@pytest.mark.parametrize("seed", range(300, 500))
def test_what_moved_is_named(seed: int) -> None:
    """A value, a row or a life that an approved change relied on: its address is named, digest and all."""
    scene = Scene(seed)
    world = scene.world()
    plan = world.plan(scene.stack).plan
    expected = DEEDS[seed % len(DEEDS)](random.Random(seed), world, plan)
    fresh = world.plan(scene.stack)
    approved = forms_of(plan, scene.stack)
    moved = [str(one.address) for one in judge(approved["plan"], fresh).moved]

    assert expected <= set(moved)
    assert len(moved) == len(set(moved))
    assert bool(expected) == bool(moved)
    if expected:
        assert digest(plan, Scope(), KEY) != digest(fresh.plan, Scope(), KEY)


@pytest.mark.parametrize("seed", range(500, 600))
def test_what_nothing_relies_on_moves_nothing(seed: int) -> None:
    """Rows, keys and states of others, and weather: the plan is what it was, and theirs is left alone."""
    scene = Scene(seed)
    world = scene.world()
    plan = world.plan(scene.stack).plan
    strangers_arrive(random.Random(seed), world)
    for row in world.rows("Conversations"):
        if row["state"] == "active" and random.Random(row["sid"]).random() < 0.5:
            world.call("POST", f"Conversations/{row['sid']}", [("State", "inactive")])
    before = foreign_rows(world)
    fresh = world.plan(scene.stack)
    if any("Twilio allows" in problem.summary for problem in fresh.plan.diagnostics):
        return  # others have taken the last slot of a conversation: that has moved
    for approved in forms_of(plan, scene.stack).values():
        judgement = judge(approved, fresh)

        assert judgement.moved == ()
    assert digest(plan, Scope(), KEY) == digest(fresh.plan, Scope(), KEY)
    assert failures(world, judgement.remaining) == []
    after = foreign_rows(world)

    assert {sid: after.get(sid) for sid in before} == before
    assert world.plan(scene.stack).plan.visible == ()


@pytest.mark.parametrize("seed", range(600, 640))
def test_what_was_not_reviewed_is_left_alone(seed: int) -> None:
    """Where others change something that the plan does not touch, that is told and kept."""
    scene = Scene(seed)
    world = scene.world()
    plan = world.plan(scene.stack).plan
    touched = {change.address.root for change in plan.changes}
    quiet = [
        (address, resource)
        for address, resource in scene.stack.desired.resources.items()
        if address.parent is None and address not in touched and ("friendly_name",) in resource.fields
    ]
    for _, resource in quiet:
        world.call("POST", f"Conversations/{resource.fields['unique_name',]}", [("FriendlyName", "theirs")])
    fresh = world.plan(scene.stack)
    approved = forms_of(plan, scene.stack)
    judgement = judge(approved["plan"], fresh)

    assert judgement.moved == ()
    assert {change.address for change in judgement.left_alone} == {address for address, _ in quiet}
    assert len(judgement.remaining.diagnostics) == len(fresh.plan.diagnostics) + len(quiet)
    assert failures(world, judgement.remaining) == []
    assert addresses(world.plan(scene.stack).plan) == sorted(str(address) for address, _ in quiet)
    unseen = judge(approved["prints"], fresh).moved
    assert {one.address for one in unseen} == {address for address, _ in quiet}


@pytest.mark.parametrize("seed", range(700, 760))
def test_names_survive_an_apply_of_a_part(seed: int) -> None:
    """What is carried out of a plan leaves the rest as it was: a second plan has just that left."""
    scene = Scene(seed)
    world = scene.world()
    dice = random.Random(seed)
    fresh = world.plan(scene.stack)
    plan = fresh.plan
    roots = sorted({change.address.root for change in plan.visible})
    whole = {root for root in roots if dice.random() < 0.5}
    wanted = {c.address for c in plan.changes if c.address.root in whole or dice.random() < 0.3}
    kept = dataclasses.replace(
        plan, changes=tuple(c for c in plan.changes if c.address in grounded(plan, wanted))
    )
    judgement = judge(reviewed(kept, KEY, scene.stack.desired), fresh)
    if judgement.moved:
        assert all("wait for" in one.summary for one in judgement.moved)
        return
    assert failures(world, judgement.remaining) == []
    left = world.plan(scene.stack).plan
    unseen = {str(change.address) for change in judgement.left_alone}

    assert {a for a in addresses(left) if a in addresses(plan)} == unseen
    assert failures(world, left) == []
    assert census(world) == census(applied(scene))


def grounded(plan: Plan, wanted: set[Address]) -> set[Address]:
    """Return what of `wanted` is left without all that waits for a creation that is not wanted."""
    unborn = {c.address for c in plan.changes if c.action is Action.CREATE} - wanted
    hanging = {edge.after.address for edge in plan.edges if edge.before.address in unborn} & wanted
    return grounded(plan, wanted - hanging) if hanging else wanted


def applied(scene: Scene) -> World:
    world = scene.world()
    world.apply(scene.stack)
    return world


# --- single cases ------------------------------------------------------------------------------------------

ROOM: Spec = {
    "stack": {"name": "demo"},
    "senders": {"sms": "+15550100201", "pool": ["+15550100202", "+15550100203", "+15550100204"]},
    "conversations": {
        "a": {
            "friendly_name": "A",
            "attributes": {"level": 1},
            "participants": {"p": {"address": "+15550100301", "via": "sms"}},
        },
        "b": {"participants": {"q": {"address": "+15550100302", "via": "sms"}}},
    },
}


def at_odds(deed: Callable[[World], object], **edits: Any) -> tuple[Judgement, dict[str, Any]]:
    """Apply ROOM, plan with conversation a edited, let others do a deed, and judge; details by address."""
    world = World()
    world.apply(stack_of(ROOM))
    spec = copy.deepcopy(ROOM)
    spec["conversations"]["a"] |= edits
    plan = world.plan(stack_of(spec)).plan
    deed(world)
    judgement = judge(reviewed(plan, KEY), world.plan(stack_of(spec)))
    return judgement, {str(one.address): one.detail for one in judgement.moved}


def test_a_value_that_moved_is_told() -> None:
    """What it was at the review, and what it is."""
    _, told = at_odds(
        lambda world: world.call("POST", "Conversations/demo.a", [("FriendlyName", "Theirs")]),
        friendly_name="New",
    )

    assert told == {
        "conversation/a": 'friendly_name was "A", and is "Theirs" now. Make a new plan and have it reviewed.'
    }


def test_another_difference_at_a_reviewed_address_has_moved() -> None:
    """Nobody approved of what the specs would undo there."""
    _, told = at_odds(
        lambda world: world.call("POST", "Conversations/demo.a", [("FriendlyName", "Theirs")]),
        attributes={"level": 2},
    )

    assert told["conversation/a"].startswith('friendly_name differs now too: it is "Theirs".')


def test_a_part_that_others_have_done_has_moved() -> None:
    """An update is one call: if half of its result is there, it was not ours."""
    _, told = at_odds(
        lambda world: world.call("POST", "Conversations/demo.a", [("FriendlyName", "New")]),
        friendly_name="New",
        attributes={"level": 2},
    )

    assert told["conversation/a"].startswith("friendly_name is what it was to become.")


def test_a_result_that_others_have_brought_about_is_done() -> None:
    """However it came to be: what was approved is there."""
    judgement, told = at_odds(
        lambda world: world.call("POST", "Conversations/demo.a", [("FriendlyName", "New")]),
        friendly_name="New",
    )

    assert told == {}
    assert judgement.remaining.visible == ()
    assert [str(address) for address in judgement.done] == ["conversation/a"]


def test_a_conversation_that_was_closed_has_moved() -> None:
    """It cannot be changed any more, and a fresh plan has nothing to say about it."""
    _, told = at_odds(
        lambda world: world.call("POST", "Conversations/demo.a", [("State", "closed")]), friendly_name="New"
    )

    assert told["conversation/a"].startswith("It is closed now.")


def test_a_pair_that_others_took_has_moved() -> None:
    """A refusal of safety is not a result."""

    def take(world: World) -> None:
        other = world.call("POST", "Conversations", [("FriendlyName", "theirs")])["sid"]
        pair = [
            ("MessagingBinding.Address", "+15550100309"),
            ("MessagingBinding.ProxyAddress", "+15550100201"),
        ]
        world.call("POST", f"Conversations/{other}/Participants", pair)

    new = {"r": {"address": "+15550100309", "via": "sms"}, **ROOM["conversations"]["a"]["participants"]}
    judgement, told = at_odds(take, participants=new)

    assert list(told) == ["conversation/a/participant/r"]
    assert "What participant/r wants is held in conversation 'theirs'" in told["conversation/a/participant/r"]
    assert judgement.done == ()


def test_a_row_that_somebody_needs_to_give_way_first_has_moved() -> None:
    """A pair that one of ours holds by now is freed by a change that nobody approved."""

    def swap(world: World) -> None:
        path = "Conversations/demo.b/Participants"
        (row,) = world.rows(path)
        world.call("DELETE", f"{path}/{row['sid']}")
        pair = [
            ("MessagingBinding.Address", "+15550100309"),
            ("MessagingBinding.ProxyAddress", "+15550100201"),
        ]
        mark = [("Attributes", row["attributes"])]
        world.call("POST", path, [*pair, *mark])

    new = {"r": {"address": "+15550100309", "via": "sms"}, **ROOM["conversations"]["a"]["participants"]}
    _, told = at_odds(swap, participants=new)

    assert list(told) == ["conversation/a/participant/r"]


def test_what_was_to_go_and_may_not_any_more_has_moved() -> None:
    """A line of safety that came up since the review holds it back; it is not taken for gone."""
    world = World()
    world.apply(stack_of(ROOM))
    spec = copy.deepcopy(ROOM)
    del spec["conversations"]["b"]
    plan = world.plan(stack_of(spec)).plan
    row = world.call("GET", "Conversations/demo.b")
    attributes = json.loads(row["attributes"])
    attributes["reconciler"]["x"] = 1
    world.call("POST", "Conversations/demo.b", [("Attributes", json.dumps(attributes))])
    judgement = judge(reviewed(plan, KEY), world.plan(stack_of(spec)))

    assert [str(one.address) for one in judgement.moved] == ["conversation/b"]
    assert f"{row['sid']} is there" in judgement.moved[0].detail


def test_a_webhook_that_is_left_alone_keeps_its_one_name() -> None:
    """A replacement that is not carried out leaves no second name by which its row could be removed."""
    spec = copy.deepcopy(ROOM)
    hooks = {"old": {"url": "https://example.com/old", "filters": ["onMessageAdded"]}}
    spec["conversations"]["a"]["webhooks"] = hooks
    world = World()
    world.apply(stack_of(spec))
    before = copy.deepcopy(spec)
    before["conversations"]["a"]["webhooks"]["new"] = {"studio": "FW" + "1" * 32}
    hooks["old"] = {"studio": "FW" + "2" * 32}
    hooks["new"] = {"studio": "FW" + "1" * 32}
    plan = world.plan(stack_of(spec), only=["conversation/a/webhook/new"]).plan

    assert failures(world, plan) == []
    assert world.plan(stack_of(before)).plan.visible == ()
    assert addresses(world.plan(stack_of(spec)).plan) == ["conversation/a/webhook/old"]


@pytest.mark.parametrize("only", [("conversation/a",), ("conversation/a/participant/*",)])
def test_a_part_that_was_reviewed_is_resumed(only: tuple[str, ...]) -> None:
    """With globs too: the plan is made again without them, and what is outside stays as it is."""
    world = World()
    world.apply(stack_of(ROOM))
    spec = copy.deepcopy(ROOM)
    spec["conversations"]["a"]["participants"]["p"]["address"] = "+15550100311"
    spec["conversations"]["b"]["participants"]["q"]["address"] = "+15550100312"
    stack = stack_of(spec)
    plan = world.plan(stack, only=only).plan
    with pytest.raises(BaseExceptionGroup):
        events_through(Door(world, before=nth(1, die, writes=True)), plan)
    for approved in forms_of(plan, stack).values():
        judgement = judge(approved, world.plan(stack), only)

        assert judgement.moved == ()
        assert [change.action for change in judgement.remaining.visible] == [Action.DELETE]
        assert [str(change.address) for change in judgement.left_alone] == ["conversation/b/participant/q"]
    rest = world.plan(stack, only=only).plan
    assert addresses(rest) == addresses(judgement.remaining)


@pytest.mark.parametrize("cut", range(12))
def test_what_was_chosen_from_a_pool_is_chosen_again(cut: int) -> None:
    """Where there are several ways to choose, the one that was reviewed is kept, run for run."""
    spec = copy.deepcopy(ROOM)
    spec["senders"] |= {"one": "+15550100202"}
    vias = {"c0": "pool", "c1": "pool", "c2": "one"}
    spec["conversations"] = {
        key: {"participants": {"p": {"address": "+15550100301", "via": via}}} for key, via in vias.items()
    }
    stack = stack_of(spec)
    for how in ("plan", "prints"):
        world = World()
        plan = world.plan(stack).plan
        with pytest.raises(BaseExceptionGroup) if cut < 6 else contextlib.nullcontext():
            events_through(Door(world, before=nth(cut, die, writes=True)), plan)
        approved = forms_of(plan, stack)[how]
        # The specs may list the pool in another order by now: what counts is what was approved.
        turned = {
            address: dataclasses.replace(
                one,
                fields={
                    path: Pool(value.candidates[::-1]) if isinstance(value, Pool) else value
                    for path, value in one.fields.items()
                },
            )
            for address, one in stack.desired.resources.items()
        }
        again = dataclasses.replace(stack, desired=as_chosen(Graph(turned), approved))

        assert judge(approved, world.plan(again)).moved == ()


# --- the digest --------------------------------------------------------------------------------------------


def told(plan: Plan) -> str:
    return digest(plan, Scope(), KEY)


def mutations(change: Change) -> dict[str, Change]:
    """Return the change with one thing in it that was approved, or relied on, another one."""
    found: dict[str, Change] = {
        "address": dataclasses.replace(change, address=Address.of(change.address.kind, "other")),
        "action": dataclasses.replace(
            change, action=Action.DELETE if change.action is Action.CLOSE else Action.CLOSE
        ),
    }
    if change.live:
        found["sid"] = dataclasses.replace(change, live=dataclasses.replace(change.live, sid="CH" + "0" * 32))
    if change.edits and change.action is not Action.CREATE:
        first, *rest = change.edits
        before = dataclasses.replace(first, before="another")
        after = dataclasses.replace(first, after="another")
        found["before"] = dataclasses.replace(change, edits=(before, *rest))
        found["after"] = dataclasses.replace(change, edits=(after, *rest))
        found["fewer"] = dataclasses.replace(change, edits=tuple(rest))
    if change.action in (Action.CREATE, Action.REPLACE):
        path = next(iter(change.fields))
        found["field"] = dataclasses.replace(change, fields={**change.fields, path: "another"})
        found["initial"] = dataclasses.replace(change, at_creation={("state",): "inactive"})
    return found


def quiet_mutations(change: Change) -> dict[str, Change]:
    """Return the change with things another way that a reviewer need not approve again."""
    live = change.live and dataclasses.replace(change.live, state="inactive", created="later", computed={})
    return {
        "why": dataclasses.replace(change, why="because"),
        "place": dataclasses.replace(change, place=Place("other.yaml", 1, 1)),
        "cause": dataclasses.replace(
            change, edits=tuple(dataclasses.replace(edit, cause=None) for edit in change.edits[::-1])
        ),
        "weather": dataclasses.replace(change, live=live, live_fields={("friendly_name",): "x"}),
        "order": dataclasses.replace(change, fields=dict([*change.fields.items()][::-1])),
        "mark": dataclasses.replace(
            change, mark=change.mark and dataclasses.replace(change.mark, fields={}, children={"w": "WH"})
        ),
    }


@pytest.mark.parametrize("seed", range(900, 980))
def test_a_digest_is_of_what_was_approved(seed: int) -> None:
    """Whatever changes in an entry changes the digest, and nothing else does."""
    scene = Scene(seed)
    plan = scene.world().plan(scene.stack).plan
    for n, change in enumerate(plan.changes):
        if change.action is Action.NONE or (not change.edits and change.action is Action.UPDATE):
            continue
        for name, other in mutations(change).items():
            assert told(_with(plan, n, other)) != told(plan), name
        for name, other in quiet_mutations(change).items():
            assert told(_with(plan, n, other)) == told(plan), name
    turned = dataclasses.replace(
        plan, changes=plan.changes[::-1], edges=(), diagnostics=(), unchanged=99, strangers=()
    )
    assert told(turned) == told(plan)
    if plan.visible:
        assert told(dataclasses.replace(plan, changes=plan.visible[1:])) != told(plan)


def _with(plan: Plan, n: int, change: Change) -> Plan:
    return dataclasses.replace(plan, changes=(*plan.changes[:n], change, *plan.changes[n + 1 :]))


EMPTY = Plan(Target(Owner("demo", "prod"), "IS1", "default", "AC1"))


def test_a_digest_is_of_target_scope_and_key() -> None:
    """The same changes elsewhere, of another sort of run, or told with another key are something else."""
    target = EMPTY.target
    plans = [
        EMPTY,
        dataclasses.replace(EMPTY, target=dataclasses.replace(target, owner=Owner("demo", ""))),
        dataclasses.replace(EMPTY, target=dataclasses.replace(target, service_sid="IS2")),
        dataclasses.replace(EMPTY, target=dataclasses.replace(target, account_sid="AC2")),
    ]
    scopes = [Scope(), Scope(Mode.DESTROY), Scope(Mode.DELETE), Scope(only=("a",)), Scope(on_remove="delete")]
    keys = [KEY, key_of("another")]
    found = {digest(plan, scope, key) for plan in plans for scope in scopes for key in keys}

    assert len(found) == len(plans) * len(scopes) * len(keys)
    assert all(re.fullmatch("[a-z2-7]{16}", one) for one in found)
    assert digest(EMPTY, Scope(only=("a", "b")), KEY) == digest(EMPTY, Scope(only=("b", "a", "b")), KEY)
    renamed = dataclasses.replace(EMPTY, target=dataclasses.replace(target, service="by another name"))
    assert told(renamed) == told(EMPTY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        ("1", 1),
        (None, "null"),
        ([1], [1.0]),
        ({"secret": "a"}, Secret("a")),
        ({"parts": ["a"]}, Joined(("a",))),
        (10**20, float(10**20)),
    ],
)
def test_a_digest_tells_values_apart_that_only_look_alike(one: Value, other: Value) -> None:
    """Exactly: what compares equal in Python or reads alike in JSON need not mean the same."""

    def of(value: Value) -> str:
        address = Address.parse("conversation/a")
        return told(
            dataclasses.replace(EMPTY, changes=(Change(Action.CREATE, address, fields={("x",): value}),))
        )

    assert of(one) != of(other)
    assert of(one) == of(copy.deepcopy(one))
    assert of({"a": 1, "b": 2}) == of({"b": 2, "a": 1})


def test_a_digest_is_the_same_in_another_process() -> None:
    """Nothing of this run is in it: neither the order of sets nor where anything lies."""
    program = (
        "import random; from worlds import *; from reconciler.reviewed import *\n"
        "stack = stack_of(random_spec(random.Random(5)))\n"
        "print(digest(World().plan(stack).plan, Scope(), key_of('k')))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert len(found) == 1
    assert same_digest(f" {found.pop().upper()}\n", digest(world_five(), Scope(), key_of("k")))


def world_five() -> Plan:
    return World().plan(stack_of(random_spec(random.Random(5)))).plan


def test_two_digests_are_compared_as_they_are_typed() -> None:
    """Case and space do not matter, everything else does, and no text is too odd to be compared."""
    assert same_digest("ABCD ", "abcd")
    assert not same_digest("abcd", "abce")
    assert not same_digest("", "abcd")
    assert not same_digest("ä☃", "abcd")


def test_no_value_can_be_tried_from_prints() -> None:
    """Without the key, neither prints nor a digest can be made of a guess."""
    world = World()
    plan = world.plan(stack_of(ROOM)).plan

    assert not reviewed(plan, KEY).prints & reviewed(plan, key_of("guess")).prints
    assert repr(KEY) not in repr(reviewed(plan, KEY))
