"""An application at work in our conversations: it rewrites attributes whole whenever it likes.

It uses the same API and knows nothing of marks. A webhook that is wanted once is never made twice, nothing is
closed or doubled, and the mark comes back.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from test_executor import Call, Door, census, ended, events_through
from worlds import World, stack_of, without_mark

from reconciler import emulator
from reconciler.model import EventKind

ONCE = {"url": "https://example.com/optin", "filters": ["onMessageAdded"], "once": True}
HOOK = {"url": "https://example.com/audit", "filters": ["onMessageAdded"]}


def spec(step: int) -> dict[str, Any]:
    """Return a stack; each step edits it in another place."""
    rooms: dict[str, Any] = {
        f"c{n}": {
            "attributes": {"topic": "delivery", "step": step if n == step % 3 else 0},
            "participants": {
                "p": {"identity": f"p-{n}", "attributes": {"level": step}},
                "desk": {"identity": "desk"},
            },
            "webhooks": {"optin": ONCE, "audit": HOOK},
        }
        for n in range(3)
    }
    return {"stack": {"name": "app"}, "conversations": rooms}


@dataclass
class Application:
    """Somebody else's program: it keeps its own state in attributes, and uses webhooks up."""

    world: World
    dice: random.Random
    armed: Counter[str] = field(default_factory=Counter)
    """Conversation → how often its one-shot webhook was made."""
    wrote: dict[str, int] = field(default_factory=dict)
    """Row → what it last wrote there."""

    def look(self, call: Call) -> None:
        """Come by after a call of ours: count, use up, and now and then overwrite everything."""
        if call.method == "POST" and call.form.get("Configuration.Url") == [ONCE["url"]]:
            self.armed[call.path.split("/")[-2]] += 1
        if self.dice.random() < 0.15:
            self.act()

    def act(self) -> None:
        """Do one thing to one conversation: mostly rewrite its attributes, or use its webhook up."""
        rows = self.rows("/Conversations")
        if not rows:
            return
        path = f"/Conversations/{self.dice.choice(rows)['sid']}"
        if self.dice.random() < 0.3:
            self.use_up(path)
            return
        # The desk's mark stays: where every mark in a conversation is gone, a person says whose it is.
        people = [row for row in self.rows(f"{path}/Participants") if row["identity"] != "desk"]
        if people and self.dice.random() < 0.3:
            path = f"{path}/Participants/{self.dice.choice(people)['sid']}"
        self.wrote[path] = self.dice.randint(1, 99)
        self.rewrite(path, {"theirs": self.wrote[path]})

    def use_up(self, path: str) -> None:
        """Do as the handler of a one-shot webhook does: remove it."""
        for hook in self.rows(f"{path}/Webhooks"):
            if hook["configuration"]["url"] == ONCE["url"]:
                emulator.ask(self.world.store, "DELETE", f"{path}/Webhooks/{hook['sid']}")

    def rewrite(self, path: str, attributes: dict[str, Any]) -> None:
        """Overwrite all attributes of a row."""
        emulator.ask(self.world.store, "POST", path, {"Attributes": json.dumps(attributes)})

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a collection; there are few."""
        return list(emulator.ask(self.world.store, "GET", path)[1][path.rpartition("/")[2].lower()])


@pytest.mark.parametrize("seed", range(150))
def test_what_is_wanted_once_is_made_once(seed: int) -> None:
    """Whenever the application comes, and however often: during applies and between them."""
    world = World(seed=seed)
    app = Application(world, random.Random(seed))
    for step in range(5):
        plan = world.plan(stack_of(spec(step))).plan
        events = events_through(Door(world, after=app.look), plan)

        assert ended(events, EventKind.FAILED) == set(), (step, plan.diagnostics)
        for _ in range(app.dice.randint(0, 3)):
            app.act()
    assert max(app.armed.values()) == 1

    world.apply(stack_of(spec(4)))
    found, again = census(world), world.plan(stack_of(spec(4))).plan
    assert (again.visible, again.diagnostics) == ((), ())
    assert (sorted(found["open"]), found["closed"]) == (["app.c0", "app.c1", "app.c2"], 0)
    for whole in found["open"].values():
        hooks = Counter(settings["url"] for _, settings in whole["hooks"])

        assert [person[0] for person in whole["people"]] in (["desk", f"p-{n}"] for n in range(3))
        assert hooks - Counter([ONCE["url"]]) == Counter([HOOK["url"]])


@pytest.mark.parametrize("seed", range(150, 200))
def test_what_the_application_keeps_there_stays(seed: int) -> None:
    """Between applies it may overwrite everything: its own keys are there after each of ours."""
    world = World(seed=seed)
    app = Application(world, random.Random(seed))
    for step in range(4):
        world.apply(stack_of(spec(step)))
        for path, value in app.wrote.items():
            assert without_mark(world.call("GET", path[1:])["attributes"])["theirs"] == value
        for _ in range(3):
            app.act()


def test_a_lost_mark_is_told_where_it_leaves_a_question() -> None:
    """One warning, with what to do; another key arms the webhook anew, and only once."""
    world = World()
    world.apply(stack_of(spec(0)))
    app = Application(world, random.Random(0))
    app.use_up("/Conversations/app.c0")
    app.rewrite("/Conversations/app.c0", {})
    plan = world.plan(stack_of(spec(0))).plan
    (told,) = plan.diagnostics

    assert (str(told.address), told.severity) == ("conversation/c0/webhook/optin", "warning")
    assert "whether it has fired is not known" in told.summary
    assert "another key" in told.detail
    world.carry_out(plan)
    assert world.plan(stack_of(spec(0))).plan.visible == ()
    changed = spec(0)
    hooks = changed["conversations"]["c0"]["webhooks"]
    hooks["optin2"] = hooks.pop("optin")
    world.apply(stack_of(changed))
    assert len(world.rows("Conversations/app.c0/Webhooks")) == 2
    app.use_up("/Conversations/app.c0")
    assert world.plan(stack_of(changed)).plan.visible == ()
