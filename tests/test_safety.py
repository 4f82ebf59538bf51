"""What a plan refuses by itself, how it says so, and how one consents."""

from __future__ import annotations

import random
from typing import Any

import pytest
from worlds import World, stack_of

from reconciler.safety import Limits


def spec(size: int, on_remove: str = "close", **limits: int) -> dict[str, Any]:
    """Return a stack of `size` conversations."""
    stack: dict[str, Any] = {"name": "safe", "on_remove": on_remove}
    if limits:
        stack["limits"] = limits
    return {"stack": stack, "conversations": {f"c{n:03}": {} for n in range(size)}}


def removed(world: World, wanted: dict[str, Any], **options: Any) -> int:
    """Return how many conversations a plan removes."""
    plan = world.plan(stack_of(wanted), **options).plan
    return sum(1 for change in plan.visible if change.action in ("close", "delete"))


@pytest.mark.parametrize("seed", range(25))
def test_a_mass_removal_needs_both_limits_passed(seed: int) -> None:
    """Absolute and relative; the share counts from ten conversations up."""
    dice = random.Random(seed)
    before, after = dice.randint(1, 40), dice.randint(0, 40)
    limits = {"remove": dice.randint(0, 12), "remove_percent": dice.choice([0, 10, 30, 60])}
    world = World()
    world.apply(stack_of(spec(before)))
    gone = max(0, before - after)
    passes = gone > limits["remove"] and (before < 10 or 100 * gone > limits["remove_percent"] * before)

    assert removed(world, spec(after, "close", **limits)) == (0 if passes else gone)


def test_the_refusal_says_how_to_consent() -> None:
    """The line of YAML first, then the flag; both work."""
    world = World()
    world.apply(stack_of(spec(20)))
    problem = world.plan(stack_of(spec(5))).plan.diagnostics[0]

    assert problem.summary == "15 of 20 conversations would be removed; the limits are 10 and 30%"
    assert "limits: {remove: 15}" in problem.detail
    assert problem.detail.endswith("or once: reconciler apply … --allow-remove 15.")
    assert removed(world, spec(5, remove=15)) == 15
    assert removed(world, spec(5), limits=Limits(remove=15)) == 15


def test_the_rest_of_a_refused_plan_goes_on() -> None:
    """What is to be created is created; what was to go stays."""
    world = World()
    world.apply(stack_of(spec(20)))
    wanted = {**spec(2), "conversations": {**spec(2)["conversations"], "new": {}}}
    plan = world.plan(stack_of(wanted)).plan

    assert [str(change.address) for change in plan.visible] == ["conversation/new"]
    assert len(plan.diagnostics) == 1


def test_letting_go_is_no_removal() -> None:
    """`on_remove: release` leaves everything where it is, however much it is."""
    world = World()
    world.apply(stack_of(spec(20)))
    plan = world.plan(stack_of(spec(0, "release"))).plan

    assert {str(change.action) for change in plan.visible} == {"release"}
    assert len(plan.visible) == 20


def test_a_transcript_is_not_deleted_by_a_line_that_vanished() -> None:
    """Its length and its last moment are told; a line that names the sid consents."""
    world = World()
    world.apply(stack_of(spec(2)))
    for text in ("one", "two", "three"):
        world.call("POST", "Conversations/safe.c001/Messages", [("Body", text)])
    sid = world.call("GET", "Conversations/safe.c001")["sid"]
    plan = world.plan(stack_of(spec(1, "delete"))).plan

    assert plan.visible == ()
    assert "its deletion would lose 3 messages, the last of 20" in plan.diagnostics[0].summary
    assert f"removed: {{conversation/c001: {{delete: {sid}}}}}" in plan.diagnostics[0].detail
    consented = {**spec(1, "delete"), "removed": {"conversation/c001": {"delete": sid}}}
    assert removed(world, consented) == 1


def test_an_empty_transcript_goes_without_ado() -> None:
    """Nothing is lost with it."""
    world = World()
    world.apply(stack_of(spec(2)))

    assert removed(world, spec(1, "delete")) == 1


def test_destroy_is_consent_enough() -> None:
    """Who types destroy means all of it; --delete means the transcripts too."""
    world = World()
    world.apply(stack_of(spec(20)))
    world.call("POST", "Conversations/safe.c001/Messages", [("Body", "x")])

    assert len(world.destroy_plan(stack_of(spec(20)), delete=True).plan.visible) == 20


def test_only_allowed_numbers_become_participants() -> None:
    """Staging writes to test phones only; the refusal names the list that consents."""
    text = """\
stack: {name: safe}
senders: {wa: "whatsapp:+15550100200"}
environments: {staging: {recipients: ["+155501003*"]}}
conversations:
  a:
    participants:
      p: {address: +15550100301, via: wa}
      q: {address: +15559999999, via: wa}
      d: {identity: desk}
"""
    world = World()
    plan = world.plan(stack_of(text, environment="staging")).plan

    assert [change.address.key for change in plan.visible] == ["a", "d", "p"]
    assert plan.diagnostics[0].summary == "+15559999999 is not among the recipients of staging"
    assert "environments: staging: recipients" in plan.diagnostics[0].detail
