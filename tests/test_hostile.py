"""Live data as others make it: copied, forged, renamed, broken. Nothing of theirs goes, nothing crashes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from worlds import World, stack_of

FRAME = {"stack": {"name": "demo"}, "senders": {"wa": "whatsapp:+15550100200"}}


def spec(conversations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**FRAME, **more, "conversations": conversations}


def applied(world: World, wanted: dict[str, Any]) -> list[Any]:
    return [event for event in world.apply(stack_of(wanted)) if event.kind in ("failed", "skipped")]


def told(world: World, wanted: dict[str, Any]) -> list[str]:
    plan = world.plan(stack_of(wanted)).plan
    lines = [f"{change.action} {change.address}" for change in plan.visible]
    return lines + [f"{one.severity}: {one.summary}" for one in plan.diagnostics]


def attributes(world: World, name: str) -> Any:
    return json.loads(world.call("GET", f"Conversations/{name}")["attributes"])


def rewrite(world: World, name: str, text: str) -> None:
    world.call("POST", f"Conversations/{name}", [("Attributes", text)])


def test_a_copied_mark_does_not_fit_another_name_with_a_number_in_it() -> None:
    """Names are hashed whatever they hold, so that no two of them look alike to us."""
    world, wanted = World(), spec({"a": {"unique_name": "support 15550100301"}})
    applied(world, wanted)
    copied = world.call("GET", "Conversations/support%2015550100301")["attributes"]
    world.call("POST", "Conversations", [("UniqueName", "chat 15559999999"), ("Attributes", copied)])

    assert [line for line in told(world, wanted) if "close" in line] == []
    destroyed = world.destroy_plan(stack_of(wanted), delete=True).plan
    assert [str(change.address) for change in destroyed.visible] == ["conversation/a"]


@pytest.mark.parametrize("policy", ["leave", "fail", "recreate"])
def test_a_successor_lives_on_whatever_the_policy_becomes(policy: str) -> None:
    """What was made anew once is the conversation; only another closing asks the policy again."""
    world = World()
    applied(world, spec({"a": {"on_closed": "recreate"}}))
    world.call("POST", "Conversations/demo.a", [("State", "closed")])
    applied(world, spec({"a": {"on_closed": "recreate"}}))

    assert told(world, spec({"a": {"on_closed": policy}})) == []
    assert world.call("GET", "Conversations/demo.a~2")["state"] == "active"


def test_a_stranger_with_our_attributes_stays_a_stranger() -> None:
    """A participant into which an application copied one of ours is neither removed nor adopted."""
    world, wanted = World(), spec({"a": {"participants": {"p": {"identity": "p"}}}})
    applied(world, wanted)
    path = "Conversations/demo.a/Participants"
    form = [("Identity", "stranger"), ("Attributes", world.rows(path)[0]["attributes"])]
    world.store.advance(2.0)
    world.call("POST", path, form)

    assert [line for line in told(world, wanted) if not line.startswith("warning")] == []
    assert applied(world, wanted) == []
    assert {row["identity"] for row in world.rows(path)} == {"p", "stranger"}


@pytest.mark.parametrize(
    "mark", ['{"v":-1,"k":"p","o":"demo"}', '{"v":true,"k":"p","o":"demo"}', "[]", '"x"', "{}"]
)
def test_garbage_is_no_mark(mark: str) -> None:
    """What no version of ours wrote does not make a row ours."""
    world, wanted = World(), spec({"a": {"participants": {"p": {"identity": "p"}}}})
    applied(world, wanted)
    form = [("Identity", "q"), ("Attributes", f'{{"reconciler": {mark}}}')]
    world.call("POST", "Conversations/demo.a/Participants", form)

    assert told(world, wanted) == []


def test_a_marked_child_is_no_witness_for_a_foreign_name() -> None:
    """Only under the name that we would give is a marked participant proof that the conversation is ours."""
    world = World()
    applied(world, spec({"a": {"participants": {"p": {"identity": "p"}}}}))
    copied = world.rows("Conversations/demo.a/Participants")[0]["attributes"]
    world.call("POST", "Conversations", [("UniqueName", "X")])
    world.call("POST", "Conversations/X/Participants", [("Identity", "theirs"), ("Attributes", copied)])
    lines = told(world, spec({"a": {"participants": {"p": {"identity": "p"}}}, "x": {"unique_name": "X"}}))

    assert [line for line in lines if "conversation/x" in line] == []
    assert "carries no mark of this stack" in lines[0]


def test_a_conversation_that_others_renamed_is_not_made_twice() -> None:
    """It still bears our mark, so its address is refused, with the way to take it back."""
    world, wanted = World(), spec({"a": {}})
    applied(world, wanted)
    world.call("POST", "Conversations/demo.a", [("UniqueName", "renamed")])
    lines = told(world, wanted)

    assert len(lines) == 1
    assert "bears this one's mark and is called 'renamed'" in lines[0]
    sid = world.call("GET", "Conversations/renamed")["sid"]
    back = {**wanted, "adopted": {"conversation/a": sid}}
    assert applied(world, back) == []
    assert world.call("GET", "Conversations/demo.a")["sid"] == sid


def test_a_webhook_is_renamed_in_a_conversation_that_refers_to_another() -> None:
    """The bookkeeping of a rename sets nothing, so it waits for no reference."""
    hook = {"url": "https://example.com/x", "filters": ["onMessageAdded"]}
    world = World()
    for key in ("h", "k"):
        a = {"attributes": {"peer": "${conversations.b.sid}"}, "webhooks": {key: hook}}
        wanted = spec({"a": a, "b": {}})

        assert applied(world, wanted) == []
        assert told(world, wanted) == []


def test_half_a_character_in_live_attributes_is_kept() -> None:
    """JSON can hold what UTF-8 cannot; others' text goes back as it came."""
    world = World()
    applied(world, spec({"a": {}, "b": {}}))
    mark = json.dumps(attributes(world, "demo.a")["reconciler"])
    rewrite(world, "demo.a", f'{{"x":"\\ud83d","reconciler":{mark}}}')
    wanted = spec({"a": {"friendly_name": "n"}, "b": {"friendly_name": "n"}})

    assert applied(world, wanted) == []
    assert attributes(world, "demo.a")["x"] == "\ud83d"


NUMBERS = '{"big":12345678901234567890123.5,"n":0.30000000000000000001,"i":123456789012345678901234567890}'


def test_numbers_of_others_stay_to_the_last_digit() -> None:
    """A merge changes what is ours and copies the rest as it is written."""
    world = World()
    applied(world, spec({"a": {"attributes": {"mine": 1}}}))
    mark = json.dumps(attributes(world, "demo.a")["reconciler"])
    rewrite(world, "demo.a", f'{NUMBERS[:-1]},"number 0 ":"number 0 7","mine":1,"reconciler":{mark}}}')
    applied(world, spec({"a": {"attributes": {"mine": 2.5}}}))
    text = world.call("GET", "Conversations/demo.a")["attributes"]

    assert [part for part in NUMBERS[1:-1].split(",") if part.replace(":", ": ", 1) not in text] == []
    assert '"number 0 ": "number 0 7"' in text
    assert '"mine": 2.5' in text


@pytest.mark.parametrize("text", ["[1]", '"text"', "7", "true"])
def test_attributes_that_are_no_object_are_refused_while_planning(text: str) -> None:
    """The plan says what is wrong and what to do; the apply does the rest."""
    world = World()
    applied(world, spec({"a": {"participants": {"p": {"identity": "p"}}}, "b": {}}))
    rewrite(world, "demo.a", text)
    wanted = spec(
        {"a": {"friendly_name": "n", "participants": {"p": {"identity": "p"}}}, "b": {"friendly_name": "n"}}
    )
    lines = told(world, wanted)

    assert lines[0] == "update conversation/b"
    assert "are not a JSON object" in lines[1]
    assert applied(world, wanted) == []


def test_a_secret_is_hidden_after_it_is_none_any_more() -> None:
    """The value that goes was sensitive when we set it."""
    variables = {"t": {"sensitive": True, "default": "SEKRIT"}}
    world = World()
    applied(world, spec({"a": {"attributes": {"x": "${var.t}"}}}, variables=variables))
    for wanted in (spec({"a": {"attributes": {"x": "public"}}}), spec({"a": {}})):
        plan = world.plan(stack_of(wanted)).plan

        assert "SEKRIT" not in repr(plan.changes[0].edits)
        assert len(plan.changes[0].edits) == 1
