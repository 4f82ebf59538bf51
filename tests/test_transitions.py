"""Consents: what moves, goes, is adopted or made anew because a reviewed line says so, once and no more."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from worlds import World, stack_of

from reconciler.diagnostics import SpecError
from reconciler.render.json import plan_json
from reconciler.render.markdown import plan_markdown
from reconciler.render.numbers import Numbers

PHONE = "+15550100301"


def spec(stack: str = "one", keys: str = "ab", **more: Any) -> dict[str, Any]:
    """Return a stack with a conversation for each key, with a participant and a webhook in it."""
    hook = {"url": "https://example.com/", "filters": ["onMessageAdded"]}
    conversations = {
        key: {
            "participants": {"p": {"address": f"+155501003{ord(key)}", "via": "wa"}},
            "webhooks": {"w": hook},
        }
        for key in keys
    }
    senders = {"wa": "whatsapp:+15550100200"}
    return {"stack": {"name": stack}, "senders": senders, "conversations": conversations, **more}


def sids(world: World) -> dict[str, str]:
    """Return unique name → sid of what is open."""
    found = world.snapshot(open_only=True)
    return {str(whole["row"]["unique_name"]): sid for sid, whole in found.items()}


def marks(world: World) -> dict[str, Any]:
    found = world.snapshot(open_only=True)
    return {sid: json.loads(whole["row"]["attributes"]).get("reconciler") for sid, whole in found.items()}


def told(world: World, wanted: dict[str, Any]) -> list[str]:
    """Return what a plan does and says, a line each."""
    plan = world.plan(stack_of(wanted)).plan
    lines = [f"{change.action} {change.address}" for change in plan.visible]
    return lines + [f"{one.severity}: {one.summary}" for one in plan.diagnostics]


def apply(world: World, wanted: dict[str, Any]) -> None:
    events = world.apply(stack_of(wanted))
    assert [event for event in events if event.kind in ("failed", "skipped")] == []


def test_a_conversation_moves_to_another_key_and_stays_the_same_one() -> None:
    """It is renamed in place: same sid, same transcript; then the line is done."""
    world = World()
    apply(world, spec())
    before = sids(world)["one.a"]
    moved = spec(keys="cb", moved={"conversation/a": "conversation/c"})
    moved["conversations"]["c"]["participants"]["p"]["address"] = "+15550100397"

    assert told(world, moved) == ["update conversation/c"]
    apply(world, moved)
    assert sids(world)["one.c"] == before
    assert told(world, moved) == ["warning: moved: done, remove this line"]
    assert told(world, {**moved, "moved": {}}) == []


def test_a_new_key_with_the_same_parties_is_pointed_at_moved() -> None:
    """In every form, with no number in it; the line that it names leaves nothing to close or create."""
    world, key = World(), Numbers(b"key")
    apply(world, spec())
    renamed = spec()
    renamed["conversations"]["c"] = renamed["conversations"].pop("a")
    planned = world.plan(stack_of(renamed))
    shared = [plan_markdown(planned, key), plan_json(planned, key)]

    assert told(world, renamed)[-1] == (
        "warning: conversation/c is new, with the parties of conversation/a, which goes"
    )
    line = "If this is a rename: `moved: {conversation/a: conversation/c}`"
    assert [line in text for text in shared] == [True, True]
    assert "5550100" not in "".join(shared)
    moved = {**renamed, "moved": {"conversation/a": "conversation/c"}}
    assert {line.partition(" ")[0] for line in told(world, moved)} == {"update"}


def test_many_renames_are_pointed_at_where_they_are_refused() -> None:
    """So many removals at once are refused, and this is why there are so many."""
    world, old, new = World(), "abcdefghijkl", "mnopqrstuvwx"
    apply(world, spec(keys=old))
    renamed = spec(keys=old)
    renamed["conversations"] = dict(zip(new, renamed["conversations"].values(), strict=True))
    lines = told(world, renamed)

    assert any("of 12 conversations would be removed" in line for line in lines)
    assert sum("is new, with the parties of" in line for line in lines) == 12


def test_participants_and_webhooks_move_within_their_conversation() -> None:
    """A new key is no reason to create anything."""
    world = World()
    apply(world, spec(keys="a"))
    wanted = spec(keys="a")
    inside = wanted["conversations"]["a"]
    inside["participants"]["q"] = {"address": "+15550100398", "via": "wa"}
    del inside["participants"]["p"]
    inside["webhooks"]["v"] = {"url": "https://example.com/2", "filters": ["onMessageAdded"]}
    del inside["webhooks"]["w"]
    lines = {
        "conversation/a/participant/p": "conversation/a/participant/q",
        "conversation/a/webhook/w": "conversation/a/webhook/v",
    }
    wanted["moved"] = lines

    assert told(world, wanted) == ["replace conversation/a/participant/q", "update conversation/a/webhook/v"]
    apply(world, wanted)
    assert told(world, {**wanted, "moved": {}}) == []


def test_a_whole_stack_gets_another_name() -> None:
    """Everything is renamed in place and marked anew."""
    world = World()
    apply(world, spec("one"))
    before = set(sids(world).values())
    apply(world, spec("two", moved={"stack/one": "stack/two"}))

    assert set(sids(world).values()) == before
    assert sorted(sids(world)) == ["two.a", "two.b"]
    assert told(world, spec("two")) == []
    assert told(world, spec("two", moved={"stack/one": "stack/two"})) == [
        "warning: moved: done, remove this line"
    ]


@pytest.mark.parametrize("how", ["close", "release", "delete"])
def test_a_line_says_how_one_goes(how: str) -> None:
    """Whatever the stack's `on_remove` says, and done once it is done."""
    world = World()
    apply(world, spec())
    sid = sids(world)["one.b"]
    wanted = spec(keys="a", removed={"conversation/b": {"delete": sid} if how == "delete" else how})

    assert f"{how} conversation/b" in told(world, wanted)
    apply(world, wanted)
    states = {row["sid"]: row["state"] for row in world.rows("Conversations")}
    assert states.get(sid) == {"close": "closed", "release": "active", "delete": None}[how]
    assert told(world, wanted) == ["warning: removed: done, remove this line"]
    if how == "release":
        assert marks(world)[sid] is None


def test_a_deletion_names_the_sid_it_means() -> None:
    """Another sid than the one that is there deletes nothing."""
    world = World()
    apply(world, spec())
    wanted = spec(keys="a", removed={"conversation/b": {"delete": "CH" + "0" * 32}})
    before = sids(world)
    apply(world, wanted)

    assert sids(world) == before
    assert "names CH000" in told(world, wanted)[0]


def test_protection_survives_its_own_removal_from_the_specs() -> None:
    """A protected conversation stays until a line consents, also for destroy."""
    world = World()
    wanted = spec()
    wanted["conversations"]["b"]["protect"] = True
    apply(world, wanted)
    without = spec(keys="a")

    assert told(world, without) == ["error: it is protected and was about to be removed"]
    apply(world, without)
    assert "one.b" in sids(world)
    destroyed = world.destroy_plan(stack_of(without), delete=True).plan
    assert [str(change.address) for change in destroyed.visible] == ["conversation/a"]
    apply(world, spec(keys="a", removed={"conversation/b": "close"}))
    assert "one.b" not in sids(world)


def test_protection_can_be_taken_off() -> None:
    """Toggling it is an update of the mark and nothing else."""
    world, wanted = World(), spec()
    apply(world, wanted)
    wanted["conversations"]["b"]["protect"] = True
    assert told(world, wanted) == ["update conversation/b"]
    apply(world, wanted)
    assert told(world, wanted) == []
    wanted["conversations"]["b"]["protect"] = False
    apply(world, wanted)

    assert "close conversation/b" in told(world, spec(keys="a"))


def test_a_conversation_of_nobody_is_adopted_by_sid() -> None:
    """It gets our name and mark; what others put into its attributes stays."""
    world = World()
    form = [("UniqueName", "legacy"), ("Attributes", '{"theirs": 1}')]
    sid = world.call("POST", "Conversations", form)["sid"]
    wanted = spec(keys="a", adopted={"conversation/a": sid})

    assert told(world, wanted)[0] == "adopt conversation/a"
    apply(world, wanted)
    assert sids(world) == {"one.a": sid}
    assert json.loads(world.call("GET", f"Conversations/{sid}")["attributes"])["theirs"] == 1
    assert told(world, wanted) == ["warning: adopted: done, remove this line"]
    assert told(world, spec(keys="a")) == []


def test_conversations_of_nobody_are_adopted_by_a_pattern_of_their_names() -> None:
    """Those of the very names that the specs give, and nobody's; others stay refused, new ones are made."""
    world = World()
    apply(world, spec("other", "c"))
    for name in ("legacy-a", "legacy-b", "private-c"):
        world.call("POST", "Conversations", [("UniqueName", name)])
    theirs = world.rows("Conversations")[0]["sid"]
    before = {row["unique_name"]: row["sid"] for row in world.rows("Conversations")}
    wanted = spec(keys="abcdef", adopted={"conversation/*": {"named": "legacy-*"}})
    for key, name in {
        "a": "legacy-a",
        "b": "legacy-b",
        "c": "private-c",
        "d": "legacy-d",
        "e": "other.c",
    }.items():
        wanted["conversations"][key]["unique_name"] = name

    lines = [line for line in told(world, wanted) if "/participant/" not in line and "/webhook/" not in line]
    assert lines == [
        "adopt conversation/a",
        "adopt conversation/b",
        "create conversation/d",
        "create conversation/f",
        f"error: {before['private-c']} has this name already and carries no mark of this stack",
        f"error: {theirs} belongs to stack other",
    ]
    apply(world, wanted)
    assert {name: sids(world)[name] for name in ("legacy-a", "legacy-b")} == {
        name: before[name] for name in ("legacy-a", "legacy-b")
    }
    assert "warning: adopted: done, remove this line" in told(world, wanted)


def test_there_must_be_something_to_adopt() -> None:
    """A wrong sid refuses the address instead of creating a second conversation."""
    world = World()
    wanted = spec(keys="a", adopted={"conversation/a": "CH" + "0" * 32})

    assert told(world, wanted) == ["error: there is nothing to adopt: CH" + "0" * 32]


OLD_AND_NEW = list(permutations(["old drops b", "new adopts b"]))


@pytest.mark.parametrize("order", OLD_AND_NEW, ids=lambda order: order[0])
def test_a_stack_splits_in_two_in_either_order(order: tuple[str, str]) -> None:
    """One pull request releases, another adopts; whichever is merged first, nothing closes."""
    world = World()
    apply(world, spec("old", "ab"))
    before = set(sids(world).values())
    steps = {
        "old drops b": spec("old", "a", removed={"conversation/b": "release"}),
        "new adopts b": spec("new", "b", adopted={"conversation/*": {"from": "old"}}),
    }
    for step in order:
        apply(world, steps[step])

    assert set(sids(world).values()) == before
    assert sorted(sids(world)) == ["new.b", "old.a"]
    assert told(world, spec("old", "a")) == []
    assert told(world, spec("new", "b")) == []


def test_a_closed_conversation_is_made_anew_by_consent() -> None:
    """The successor has its own name; the closed one and its transcript stay; the line can go."""
    world = World()
    apply(world, spec(keys="a"))
    sid = sids(world)["one.a"]
    world.call("POST", f"Conversations/{sid}", [("State", "closed")])
    assert told(world, spec(keys="a")) == []
    wanted = spec(keys="a", recreated={"conversation/a": sid})
    apply(world, wanted)

    assert list(sids(world)) == ["one.a~2"]
    assert told(world, wanted) == []
    assert told(world, spec(keys="a")) == []


MISTAKES = {
    "moved: [a]": "moved is a map of addresses",
    "moved: {conversation/a: conversation/zz}": "there is no conversation/zz in the specs",
    "moved: {conversation/a: conversation/b}": "conversation/a is still in the specs",
    "moved: {nonsense: conversation/b}": "'nonsense' is no address",
    "moved: {thing/a: conversation/b}": "'thing' is no kind of resource",
    "moved: {conversation/x/participant/p: conversation/a/participant/p}": "cannot become",
    "removed: {conversation/a: close}": "conversation/a is still in the specs",
    "removed: {conversation/x: delete}": "this does not say how it goes",
    "removed: {conversation/x: {delete: CHx}}": "this does not say how it goes",
    "adopted: {conversation/x: {from: old}}": "conversation/x is nothing in the specs",
    "adopted: {'conversation/*': CH00000000000000000000000000000001}": "this does not say which row",
    "recreated: {conversation/a: yes}": "this names no closed resource",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_in_consents_are_explained(line: str) -> None:
    """With the place and what would be right."""
    text = f"stack: {{name: one}}\nconversations: {{a: {{}}, b: {{}}}}\n{line}\n"
    with pytest.raises(SpecError) as caught:
        stack_of(text)
    problem = caught.value.diagnostics[0]

    assert MISTAKES[line] in problem.summary
    assert problem.place is not None
    assert problem.place.line == 3
    assert problem.detail
