"""Who made the difference: told from what the mark says we last set."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from worlds import World, stack_of

CAUSES = {"you": "you changed it", "they": "they changed it", "both": "both changed it"}


def spec(topic: str, url: str = "https://example.com/1", **more: Any) -> dict[str, Any]:
    hook = {"url": url, "filters": ["onMessageAdded"]}
    conversation = {"friendly_name": "A", "attributes": {"topic": topic, **more}, "webhooks": {"w": hook}}
    return {"stack": {"name": "cause"}, "conversations": {"c": conversation}}


def causes(world: World, wanted: dict[str, Any]) -> dict[str, str | None]:
    changes = world.plan(stack_of(wanted)).plan.visible
    return {".".join(edit.path): edit.cause for change in changes for edit in change.edits}


def rewrite(world: World, **changed: Any) -> None:
    """Have an application set attributes, keeping the rest as good ones do."""
    row = world.call("GET", "Conversations/cause.c")
    attributes = json.loads(row["attributes"]) | changed
    world.call("POST", "Conversations/cause.c", [("Attributes", json.dumps(attributes))])


@pytest.mark.parametrize("seed", range(30))
def test_the_cause_follows_from_three_values(seed: int) -> None:
    """What we set, what is wanted, what is there: two of them equal name the one who moved."""
    dice = random.Random(seed)
    ours, wanted, theirs = (dice.choice("abc") for _ in range(3))
    world = World()
    world.apply(stack_of(spec(ours)))
    rewrite(world, topic=theirs)
    found = causes(world, spec(wanted)).get("attributes.topic")
    if wanted == theirs:
        assert found is None
    elif theirs == ours:
        assert found == CAUSES["you"]
    else:
        assert found == CAUSES["they" if wanted == ours else "both"]


def test_a_webhook_has_causes_too() -> None:
    """Its print stands in its conversation's mark."""
    world = World()
    world.apply(stack_of(spec("a")))
    assert causes(world, spec("a", "https://example.com/2")) == {"url": CAUSES["you"]}
    hook = world.rows("Conversations/cause.c/Webhooks")[0]["sid"]
    form = [("Configuration.Url", "https://evil.example.com/")]
    world.call("POST", f"Conversations/cause.c/Webhooks/{hook}", form)

    assert causes(world, spec("a")) == {"url": CAUSES["they"]}
    assert causes(world, spec("a", "https://example.com/2")) == {"url": CAUSES["both"]}
    world.apply(stack_of(spec("a", "https://example.com/2")))
    assert causes(world, spec("a")) == {"url": CAUSES["you"]}


def test_a_phone_number_leaves_no_hash_and_so_no_cause() -> None:
    """Chat clients read marks; a number has too few guesses to be hashed."""
    world = World()
    world.apply(stack_of(spec("a", phone="+15550100301")))
    mark = json.loads(world.call("GET", "Conversations/cause.c")["attributes"])["reconciler"]

    assert mark["f"]["attributes.phone"] == "?"
    assert causes(world, spec("a", phone="+15550100302")) == {"attributes.phone": None}
    assert causes(world, spec("a")) == {"attributes.phone": CAUSES["you"]}


def test_a_webhooks_method_has_a_cause_as_its_url_has() -> None:
    """The print covers all that the specs say of a webhook."""
    world = World()
    world.apply(stack_of(spec("a")))
    hook = world.rows("Conversations/cause.c/Webhooks")[0]["sid"]
    world.call("POST", f"Conversations/cause.c/Webhooks/{hook}", [("Configuration.Method", "GET")])

    assert causes(world, spec("a")) == {"method": CAUSES["they"]}


def test_a_webhooks_former_secret_stays_hidden() -> None:
    """Also where the mark holds one sign for all of a webhook."""
    secret = {
        **spec("a", "https://example.com/${var.t}"),
        "variables": {"t": {"sensitive": True, "default": "SEKRIT"}},
    }
    world = World()
    world.apply(stack_of(secret))
    plan = world.plan(stack_of(spec("a", "https://example.com/open"))).plan

    assert len(plan.changes) == 2
    assert "SEKRIT" not in repr([change.edits for change in plan.changes])
