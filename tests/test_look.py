"""Drift, list and show: only what others changed, whose everything is, why an address is touched or not."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from worlds import World, edited, random_spec, stack_of, strangers_arrive

from reconciler import emulator
from reconciler.cli import cli, run
from reconciler.cli.look import drift, list_all, show_one
from reconciler.diagnostics import ReconcilerError
from reconciler.drift import Drift, drift_of
from reconciler.inventory import find_party, take_inventory
from reconciler.render.drift import drift_json, drift_lines, drift_markdown
from reconciler.render.listing import inventory_json, inventory_lines, party_json, party_lines
from reconciler.render.markdown import LIMIT
from reconciler.render.numbers import Numbers
from reconciler.render.subject import reason, subject_json, subject_lines
from reconciler.render.values import Words
from reconciler.subject import Subject, look_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.render.text import Line

SPECS = Path(__file__).parent.parent / "specs"
MASKED, SHOWN = Numbers(b"key of the tests"), Numbers(None)
HOSTILE = "\x1b[31mred\x07 <!-- --> ``` | @all \u202eevil +15550100777"
HOOK = {"url": "https://example.com/1", "filters": ["onMessageAdded"]}
PHONE, WA = "+15550100301", "whatsapp:+15550100200"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (drift, list_all, show_one):
        monkeypatch.setitem(cli.commands, str(command.name), command)


def spec(conversations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"stack": {"name": "demo"}, "senders": {"wa": WA}, "conversations": conversations, **more}


def order(**more: Any) -> dict[str, Any]:
    """Return a conversation with one of everything in it."""
    participants = {
        "customer": {"address": PHONE, "via": "wa", "attributes": {"role": "customer"}},
        "desk": {"identity": "desk-1"},
    }
    content = {"friendly_name": "Order 1", "attributes": {"topic": "delivery"}}
    return {**content, "participants": participants, "webhooks": {"audit": dict(HOOK)}, **more}


def applied(wanted: dict[str, Any]) -> World:
    world = World()
    assert [event for event in world.apply(stack_of(wanted)) if event.kind in ("failed", "skipped")] == []
    return world


def rewrite(world: World, path: str, *, keeps: bool = True, **changed: Any) -> None:
    """Have an application set attributes, keeping the rest as good ones do, or not."""
    tree = json.loads(world.call("GET", path)["attributes"]) if keeps else {}
    world.call("POST", path, [("Attributes", json.dumps(tree | changed))])


def inside(world: World, name: str, kind: str, text: str) -> str:
    """Return the path of what stands in a conversation and has `text` in it."""
    path = f"Conversations/{name}/{kind}"
    return next(f"{path}/{row['sid']}" for row in world.rows(path) if text in json.dumps(row))


def drifted(world: World, wanted: dict[str, Any]) -> Drift:
    stack = stack_of(wanted)
    return drift_of(world.plan(stack), stack.desired)


def told(found: Drift) -> list[str]:
    """Return what drifted, a line each, with the paths of the edits of what is there."""
    return [
        f"{change.action} {change.address}"
        + (f" {','.join('.'.join(edit.path) for edit in change.edits)}" if change.live else "")
        for change in found.plan.visible
    ]


def text(lines: Sequence[Line]) -> str:
    return "\n".join(line.text for line in lines)


# --- drift -------------------------------------------------------------------------------------------------


def test_after_an_apply_nothing_has_drifted() -> None:
    """Nobody changed anything, and that is said with how much was compared."""
    world = applied(spec({"a": order()}))
    found = drifted(world, spec({"a": order()}))

    assert (told(found), found.is_there, found.pending, found.untold) == ([], False, 0, 0)
    assert text(drift_lines(found, SHOWN)).endswith(
        "No drift: others changed nothing that this stack set (4 resources compared)."
    )


def test_what_others_changed_is_shown_and_what_we_want_changed_is_not() -> None:
    """Of one change only the edits whose cause is they, or both."""
    world = applied(spec({"a": order(attributes={"x": 1, "y": 1, "z": 1}), "b": order(participants={})}))
    rewrite(world, "Conversations/demo.a", x=2, y=2, theirs=1)
    wanted = spec(
        {"a": order(attributes={"x": 1, "y": 3, "z": 3}), "b": order(friendly_name="New", participants={})}
    )
    found = drifted(world, wanted)

    assert told(found) == ["update conversation/a attributes.x,attributes.y"]
    assert [edit.cause and edit.cause.name for edit in found.plan.visible[0].edits] == ["THEY", "BOTH"]
    assert found.pending == 2
    said = text(drift_lines(found, SHOWN))
    assert "attributes.x: 2 → 1  # they changed it" in said
    assert "Drift: others changed 1 conversation." in said
    assert "Besides, 2 changes that the specs ask for are pending: see reconciler plan." in said


def test_pending_edits_of_the_specs_are_no_drift() -> None:
    """Not updates, not creations of what never was, not removals, not replacements."""
    world = applied(spec({"a": order(), "b": {}}))
    wanted = spec({"a": order(friendly_name="Later"), "c": order(participants={})})
    wanted["conversations"]["a"]["participants"] = {
        "customer": {"address": "+15550100309", "via": "wa"},
        "new": {"identity": "new"},
    }
    wanted["conversations"]["a"]["webhooks"] = {"other": {**HOOK, "url": "https://example.com/2"}}
    found = drifted(world, wanted)

    assert told(found) == []
    assert found.pending == len(world.plan(stack_of(wanted)).plan.visible)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_specs_say_next_nothing_has_drifted(seed: int) -> None:
    """Random stacks and edits, with strangers around: others changed nothing that we set."""
    dice = random.Random(seed)
    before = random_spec(dice)
    world = applied(before)
    strangers_arrive(dice, world)
    found = drifted(world, edited(dice, before))

    assert told(found) == []
    assert told(drifted(world, before)) == []


def test_a_webhook_of_ours_that_others_removed_is_drift() -> None:
    """The mark records it; one that consumes itself, and one that never was, are none."""
    hooks = {"audit": HOOK, "optin": {**HOOK, "url": "https://example.com/o", "once": True}}
    world = applied(spec({"a": order(webhooks=hooks)}))
    for url in ("example.com/1", "example.com/o"):
        world.call("DELETE", inside(world, "demo.a", "Webhooks", url))
    fresh = {"fresh": {**HOOK, "url": "https://example.com/f"}}
    found = drifted(world, spec({"a": order(webhooks=hooks | fresh)}))

    assert told(found) == ["create conversation/a/webhook/audit"]
    assert found.plan.visible[0].why == "others removed it"
    assert found.pending == 1


def test_a_webhook_that_others_changed_is_drift() -> None:
    """Its print stands in its conversation's mark."""
    world = applied(spec({"a": order()}))
    form = [("Configuration.Url", "https://evil.example.com/")]
    world.call("POST", inside(world, "demo.a", "Webhooks", "example.com/1"), form)

    assert told(drifted(world, spec({"a": order()}))) == ["update conversation/a/webhook/audit url"]


def test_marks_that_were_lost_are_drift() -> None:
    """Of a conversation and of a participant, with the values that went with them."""
    world = applied(spec({"a": order()}))
    rewrite(world, "Conversations/demo.a", keeps=False, theirs=1)
    rewrite(world, inside(world, "demo.a", "Participants", PHONE), keeps=False)
    found = drifted(world, spec({"a": order()}))

    assert told(found) == [
        "update conversation/a attributes.topic",
        "adopt conversation/a/participant/customer attributes.role",
    ]
    assert "bears no mark of ours" in found.plan.visible[1].why
    assert found.pending == 0


def test_what_the_specs_adopt_is_no_drift() -> None:
    """A line of consent is an edit of the specs, and so is all that comes with it."""
    world = World()
    sid = world.call("POST", "Conversations", [("UniqueName", "legacy")])["sid"]
    world.call("POST", "Conversations/legacy/Participants", [("Identity", "desk-1")])
    wanted = spec({"a": {"participants": {"desk": {"identity": "desk-1"}}}}, adopted={"conversation/a": sid})
    found = drifted(world, wanted)

    assert told(found) == []
    assert found.pending == 2


def test_closed_by_itself_is_drift_only_where_the_specs_forbid_it() -> None:
    """Left: weather. Fail: told. Recreate: the successor alone, without what stands in it."""
    policies = ("leave", "fail", "recreate")
    wanted = spec({policy: order(on_closed=policy, participants={}) for policy in policies})
    world = applied(wanted)
    for policy in policies:
        world.call("POST", f"Conversations/demo.{policy}", [("State", "closed")])
    found = drifted(world, wanted)

    assert told(found) == ["create conversation/recreate"]
    assert found.plan.visible[0].why == "demo.recreate has closed, and demo.recreate~2 succeeds it"
    assert [str(one.address) for one in found.planned.closed] == ["conversation/fail"]
    assert found.is_there
    said = text(drift_lines(found, SHOWN))
    assert "Closed by itself, which `on_closed: fail` forbids:" in said
    assert "Drift: others changed 2 conversations." in said
    assert found.pending == 0


def test_a_successor_that_a_line_asks_for_is_no_drift() -> None:
    """`recreated:` is an edit of the specs."""
    world = applied(spec({"a": {}}))
    sid = world.call("POST", "Conversations/demo.a", [("State", "closed")])["sid"]
    found = drifted(world, spec({"a": {}}, recreated={"conversation/a": sid}))

    assert (told(found), found.is_there, found.pending) == ([], False, 1)


def test_weather_is_no_drift() -> None:
    """Inactivity, the case of a method, the order of filters, what others add beside ours."""
    wanted = spec({"a": order(timers={"inactive": "PT1H"})})
    world = applied(wanted)
    world.call("POST", "Conversations/demo.a", [("State", "inactive")])
    world.call("POST", "Conversations/demo.a/Participants", [("Identity", "guest")])
    found = drifted(world, wanted)

    assert (told(found), found.plan.strangers, found.pending) == ([], (), 0)


def test_what_others_added_where_only_ours_may_stand_is_drift() -> None:
    """`exclusive` makes it a difference."""
    wanted = spec({"a": order(exclusive=["participants"])})
    world = applied(wanted)
    world.call("POST", "Conversations/demo.a/Participants", [("Identity", "guest")])

    assert [line.split("/participant/")[0] for line in told(drifted(world, wanted))] == [
        "delete conversation/a"
    ]


def test_drift_of_what_we_want_replaced_is_an_update() -> None:
    """The new number is ours, the role is theirs."""
    world = applied(spec({"a": order()}))
    path = inside(world, "demo.a", "Participants", PHONE)
    rewrite(world, path, role="thief")
    wanted = spec({"a": order()})
    wanted["conversations"]["a"]["participants"]["customer"]["address"] = "+15550100309"
    found = drifted(world, wanted)

    assert told(found) == ["update conversation/a/participant/customer attributes.role"]
    assert found.pending == 1


def test_what_nobody_can_tell_is_counted() -> None:
    """A number leaves no hash, so its change has no cause."""
    world = applied(spec({"a": {"attributes": {"phone": PHONE}}}))
    rewrite(world, "Conversations/demo.a", phone="+15550100999")
    found = drifted(world, spec({"a": {"attributes": {"phone": PHONE}}}))

    assert (told(found), found.pending, found.untold) == ([], 0, 1)
    assert "Nobody can tell who made 1 difference more" in text(drift_lines(found, SHOWN))


def test_what_cannot_be_compared_is_not_called_free_of_drift() -> None:
    """Attributes that are no object hide our mark and all we set."""
    world = applied(spec({"a": order()}))
    world.call("POST", "Conversations/demo.a", [("Attributes", "[1]")])
    found = drifted(world, spec({"a": order()}))

    assert text(drift_lines(found, SHOWN)).endswith("No drift found; 1 address could not be compared.")


def test_what_others_deleted_whole_looks_as_if_it_never_was() -> None:
    """No mark is left to tell, so it is counted with what the specs ask for."""
    world = applied(spec({"a": {}}))
    world.call("DELETE", "Conversations/demo.a")
    found = drifted(world, spec({"a": {}}))

    assert (told(found), found.pending) == ([], 1)


def test_lines_of_the_specs_that_are_done_are_left_to_the_plan() -> None:
    """What a plan says of the specs themselves is no news of others."""
    world = applied(spec({"a": {}}))
    wanted = spec({"a": {}}, removed={"conversation/gone": "close"})

    assert world.plan(stack_of(wanted)).plan.diagnostics
    assert drifted(world, wanted).plan.diagnostics == ()


def test_shared_drift_shows_no_number_and_no_markup_of_others() -> None:
    """JSON and markdown of what strangers wrote."""
    world = applied(spec({"a": order()}))
    rewrite(world, "Conversations/demo.a", topic=HOSTILE)
    found = drifted(world, spec({"a": order()}))
    shared = [drift_json(found, MASKED), drift_markdown(found, MASKED)]

    assert [one for one in shared if "15550100" in one or "\x1b" in one or "\u202e" in one] == []
    assert json.loads(shared[0])["drift"] is True
    assert (json.loads(shared[0])["pending"], json.loads(shared[0])["untold"]) == (0, 0)
    assert shared[1].startswith("<!-- reconciler:drift {")
    assert (
        "### `demo`: others changed something\n\nDrift: others changed 1 conversation.\n\n| Ob" in shared[1]
    )
    with pytest.raises(ValueError, match="shared"):
        drift_markdown(found, SHOWN)


def test_no_drift_in_markdown_is_one_sentence() -> None:
    """A comment of its own, not that of a plan, without the plan's words."""
    world = applied(spec({"a": {}}))

    assert drift_markdown(drifted(world, spec({"a": {}})), MASKED) == (
        '<!-- reconciler:drift {"v":1,"stack":"demo","environment":"","truncated":false} -->\n'
        "### `demo`: no drift\n\n"
        "No drift: others changed nothing that this stack set (1 resource compared).\n"
    )


def test_a_long_drift_fits_into_a_comment() -> None:
    """Shortened as plans are."""
    keys = [f"c{n}" for n in range(60)]
    world = applied(spec({key: {"attributes": {"x": "y"}} for key in keys}))
    for key in keys:
        rewrite(world, f"Conversations/demo.{key}", x="z" * 3000)
    found = drifted(world, spec({key: {"attributes": {"x": "y"}} for key in keys}))

    assert len(drift_markdown(found, MASKED)) <= LIMIT


# --- list --------------------------------------------------------------------------------------------------


def others(world: World) -> None:
    """Have another stack, another environment and nobody own a conversation each, one of them hostile."""
    for stack, environment in (("billing", ""), ("demo", "prod")):
        mark = {"v": 1, "o": stack, "e": environment, "k": "a2"}
        form = [("UniqueName", f"{stack}.a2"), ("Attributes", json.dumps({"reconciler": mark}))]
        world.call("POST", "Conversations", form)
    world.call("POST", "Conversations", [("FriendlyName", HOSTILE)])


def test_the_list_says_whose_everything_is() -> None:
    """Ours with addresses, others' with owners, nobody's."""
    wanted = spec({"a": order()})
    world = applied(wanted)
    others(world)
    found = asyncio.run(take_inventory(stack_of(wanted), world.gateway))
    said = text(inventory_lines(found, MASKED))

    assert list(found.counts.values()) == [1, 2, 1]
    assert "Owned by this stack: 1 conversation\n  active  CH" in said
    assert re.search(r'"demo\.a"\s+"Order 1"\s+conversation/a\n', said)
    assert "Owned by others: 2 conversations: 1 of stack billing, 1 of stack demo (prod)" in said
    assert re.search(r'"billing\.a2"\s+of stack billing\n', said)
    assert "In all: 1 owned, 2 foreign, 1 unowned." in said
    assert '"\\x1b[31mred' in said
    assert [char for char in ("\x1b", "\u202e", "15550100") if char in said] == []


def test_the_list_as_json() -> None:
    """The same for machines, with no number in it."""
    wanted = spec({"a": order(friendly_name=f"call {PHONE}")})
    world = applied(wanted)
    others(world)
    said = inventory_json(asyncio.run(take_inventory(stack_of(wanted), world.gateway)), MASKED)
    data = json.loads(said)

    assert data["summary"] == {"owned": 1, "foreign": 2, "unowned": 1}
    assert data["target"]["stack"] == "demo"
    assert [(one["standing"], one["address"], one["owner"]) for one in data["resources"]] == [
        ("owned", "conversation/a", {"stack": "demo", "environment": ""}),
        ("foreign", None, {"stack": "billing", "environment": ""}),
        ("foreign", None, {"stack": "demo", "environment": "prod"}),
        ("unowned", None, None),
    ]
    assert "15550100" not in said
    with pytest.raises(ValueError, match="shared"):
        inventory_json(asyncio.run(take_inventory(stack_of(wanted), world.gateway)), SHOWN)


def test_what_only_looks_like_ours_is_nobodys() -> None:
    """A copied mark, and our name without a mark; a newer version's mark is foreign."""
    wanted = spec({"a": {}, "b": {}})
    world = applied(spec({"a": {}}))
    copied = world.call("GET", "Conversations/demo.a")["attributes"]
    world.call("POST", "Conversations", [("UniqueName", "copy"), ("Attributes", copied)])
    world.call("POST", "Conversations", [("UniqueName", "demo.b")])
    newer = [("UniqueName", "newer"), ("Attributes", '{"reconciler": {"v": 99}}')]
    world.call("POST", "Conversations", newer)
    said = text(inventory_lines(asyncio.run(take_inventory(stack_of(wanted), world.gateway)), SHOWN))

    assert "bears a mark that does not fit its name, of conversation/a" in said
    assert "bears the name of conversation/b" in said
    assert "1 of a newer version of reconciler" in said
    assert "In all: 1 owned, 1 foreign, 2 unowned." in said


def test_closed_ones_are_listed_if_asked_for() -> None:
    """They are many and done."""
    wanted = spec({"a": {}, "b": {}})
    world = applied(wanted)
    world.call("POST", "Conversations/demo.b", [("State", "closed")])
    stack = stack_of(wanted)
    some = asyncio.run(take_inventory(stack, world.gateway))
    every = asyncio.run(take_inventory(stack, world.gateway, closed=True))

    assert [entry.state for entry in some.entries] == ["active"]
    assert [(str(entry.address), entry.state) for entry in every.entries] == [
        ("conversation/a", "active"),
        ("conversation/b", "closed"),
    ]


def test_a_sensitive_name_is_not_listed() -> None:
    """By what the specs say, and by what the mark says once they do not say it any more."""
    variables = {"who": {"sensitive": True, "default": "SEKRIT"}}
    wanted = spec({"a": {"friendly_name": "${var.who}"}}, variables=variables)
    world = applied(wanted)
    for now in (wanted, spec({"a": {"friendly_name": "public"}}), spec({})):
        found = asyncio.run(take_inventory(stack_of(now), world.gateway))
        said = text(inventory_lines(found, SHOWN)) + inventory_json(found, MASKED)

        assert "SEKRIT" not in said
        assert "(sensitive)" in said


def test_a_party_is_found_under_both_forms_of_its_number() -> None:
    """With the proxy that holds each pair and whose conversation it is; closed ones only if asked for."""
    senders = {"wa": WA, "sms": "+15550100201"}
    wanted = spec({"a": order(), "b": order(participants={"p": {"address": PHONE, "via": "sms"}})})
    wanted["senders"] = senders
    world = applied(wanted)
    others(world)
    pair = [("MessagingBinding.Address", PHONE), ("MessagingBinding.ProxyAddress", "+15550100205")]
    world.call("POST", "Conversations/billing.a2/Participants", pair)
    world.call("POST", "Conversations/demo.b", [("State", "closed")])
    stack = stack_of(wanted)
    found = asyncio.run(find_party(stack, world.gateway, PHONE))
    every = asyncio.run(find_party(stack, world.gateway, f"whatsapp:{PHONE}", closed=True))
    said = text(party_lines(found, SHOWN))

    assert [(one.number, one.proxy, str(one.address)) for one in found.presences] == [
        (f"whatsapp:{PHONE}", WA, "conversation/a/participant/customer"),
        (PHONE, "+15550100205", "None"),
    ]
    assert f"holds the pair with {WA}" in said
    assert "of stack billing" in said
    assert said.endswith(f"{PHONE} stands in 2 conversations; 1 closed (see --all).")
    assert [one.entry.state for one in every.presences] == ["active", "closed", "active"]
    assert "wrote to +15550100201" in text(party_lines(every, SHOWN))
    data = party_json(every, MASKED)
    assert [one["holds_pair"] for one in json.loads(data)["conversations"]] == [True, False, True]
    assert "15550100" not in data


def test_a_party_that_stands_nowhere() -> None:
    """Is told so."""
    world = applied(spec({}))
    found = asyncio.run(find_party(stack_of(spec({})), world.gateway, PHONE))

    assert text(party_lines(found, SHOWN)).endswith(f"{PHONE} stands in no open conversation.")


# --- show --------------------------------------------------------------------------------------------------


def seen(world: World, wanted: dict[str, Any], name: str) -> Subject:
    return asyncio.run(look_at(stack_of(wanted), world.gateway, name))


def why(world: World, wanted: dict[str, Any], name: str) -> str:
    return reason(seen(world, wanted, name), Words(SHOWN))


def test_what_is_as_the_specs_say_is_not_touched() -> None:
    """A conversation, and each thing in it; by address or by sid."""
    wanted = spec({"a": order()})
    world = applied(wanted)
    names = ["conversation/a", "conversation/a/participant/customer", "conversation/a/webhook/audit"]
    names += [str(world.call("GET", "Conversations/demo.a")["sid"]), "conversation/demo.a"]
    names.append(inside(world, "demo.a", "Participants", PHONE).rpartition("/")[2])

    assert {why(world, wanted, name) for name in names} == {"It is not touched: it is as the specs say."}
    assert str(seen(world, wanted, names[-1]).address) == "conversation/a/participant/customer"


def test_who_is_the_cause_of_an_update_is_said() -> None:
    """You, others, both, nobody knows."""
    before = {"a": {"attributes": {"x": 1, "y": 1, "z": 1, "phone": PHONE}}}
    world = applied(spec(before))
    rewrite(world, "Conversations/demo.a", y=2, z=2, phone="+15550100888")
    wanted = spec({"a": {"attributes": {"x": 3, "y": 1, "z": 3, "phone": PHONE}}})

    assert why(world, wanted, "conversation/a") == (
        "It will be updated: you changed attributes.x; others changed attributes.y; "
        "you and others changed attributes.z; nobody can tell who changed attributes.phone."
    )
    said = text(subject_lines(seen(world, wanted, "conversation/a"), SHOWN))
    assert "attributes.y:      2 → 1  # they changed it" in said
    assert "last set:  attributes.phone, attributes.x, attributes.y, attributes.z" in said


def test_creations_say_why() -> None:
    """Never there; removed by others; a successor."""
    wanted = spec({"a": order(), "r": {"on_closed": "recreate"}})
    world = applied(wanted)
    world.call("DELETE", inside(world, "demo.a", "Webhooks", "example.com"))
    world.call("POST", "Conversations/demo.r", [("State", "closed")])
    wanted["conversations"]["new"] = {}

    assert why(world, wanted, "conversation/new") == (
        "It will be created: the specs want it, and it is not there."
    )
    assert why(world, wanted, "conversation/a/webhook/audit") == "It will be created: others removed it."
    assert why(world, wanted, "conversation/r") == (
        "It will be created: demo.r has closed, and demo.r~2 succeeds it."
    )
    said = text(subject_lines(seen(world, wanted, "conversation/a/webhook/audit"), SHOWN))
    assert "Not there.\nMark: that of conversation/a records it as WH" in said


def test_replacements_and_removals_say_why() -> None:
    """And what stands in what goes, goes with it."""
    world = applied(spec({"a": order(), "b": order(participants={"p": {"identity": "p"}})}))
    wanted = spec({"a": order()})
    wanted["conversations"]["a"]["participants"]["customer"]["address"] = "+15550100309"

    assert why(world, wanted, "conversation/a/participant/customer") == (
        "It will be replaced: you changed address; "
        "that cannot be changed in place, so a new one takes its place."
    )
    assert why(world, wanted, "conversation/b") == (
        "It will be closed: it bears our mark, and the specs do not mention it any more."
    )
    assert why(world, wanted, "conversation/b/participant/p") == (
        "It is not in the specs, and conversation/b, where it stands, will be closed."
    )


def test_lost_marks_say_why() -> None:
    """What happened, and what else differs."""
    wanted = spec({"a": order()})
    world = applied(wanted)
    rewrite(world, "Conversations/demo.a", keeps=False)
    rewrite(world, inside(world, "demo.a", "Participants", "desk-1"), keeps=False)

    assert why(world, wanted, "conversation/a") == (
        "It will be updated: its mark was lost and is written again; "
        "nobody can tell who changed attributes.topic."
    )
    assert "bears no mark of ours" in why(world, wanted, "conversation/a/participant/desk")


def test_refusals_are_told_with_what_to_do() -> None:
    """Also of what stands in what is refused; what has the name is shown with its mark."""
    world = World()
    mark = {"v": 1, "o": "billing", "k": "a"}
    form = [("UniqueName", "demo.a"), ("Attributes", json.dumps({"reconciler": mark}))]
    world.call("POST", "Conversations", form)
    wanted = spec({"a": order(), "b": {"unique_name": "taken"}})
    world.call("POST", "Conversations", [("UniqueName", "taken")])

    assert re.fullmatch(
        r"It is left as it is, because this is refused: CH\w+ has this name already and carries no mark .*",
        why(world, wanted, "conversation/b"),
    )
    said = text(subject_lines(seen(world, wanted, "conversation/b"), SHOWN))
    assert "There: CH" in said
    below = why(world, wanted, "conversation/a/participant/desk")
    assert "this is refused: conversation/a: CH" in below
    foreign = seen(world, spec({}), "conversation/demo.a")
    assert "its mark is of stack billing, key a" in reason(foreign, Words(SHOWN))


def test_what_must_not_go_says_why() -> None:
    """Protected, or one of too many: the refusal names none of them and holds for each."""
    keys = [f"c{n}" for n in range(15)]
    world = applied(spec({key: {"protect": key == "c1"} for key in keys}))
    kept: dict[str, Any] = {key: {} for key in keys if key != "c1"}

    assert "it is protected and was about to be removed" in why(world, spec(kept), "conversation/c1")
    assert "of 15 conversations would be removed" in why(world, spec({"c0": {}}), "conversation/c3")


def test_a_pair_that_others_hold_is_why_nothing_is_created() -> None:
    """The plan knows by asking, so this knows too."""
    world = World()
    world.call("POST", "Conversations", [("UniqueName", "theirs")])
    pair = [("MessagingBinding.Address", f"whatsapp:{PHONE}"), ("MessagingBinding.ProxyAddress", WA)]
    world.call("POST", "Conversations/theirs/Participants", pair)

    assert "is held in conversation 'theirs'" in why(
        world, spec({"a": order()}), "conversation/a/participant/customer"
    )


def test_closed_ones_and_what_stands_in_them_are_left() -> None:
    """By policy, and because Twilio takes no change; also once they are not in the specs any more."""
    wanted = spec({"a": order(), "b": {}})
    world = applied(wanted)
    sids = {key: str(world.call("GET", f"Conversations/demo.{key}")["sid"]) for key in "ab"}
    world.call("POST", "Conversations/demo.a", [("State", "closed")])
    world.apply(stack_of(spec({"a": order()})))

    assert why(world, wanted, "conversation/a").startswith("It is closed and left so: `on_closed: leave`.")
    assert why(world, wanted, "conversation/a/participant/desk") == (
        "It is not touched: it stands in conversation/a, which is closed, and what is closed takes no change."
    )
    assert why(world, spec({"a": order()}), sids["b"]) == (
        "It is not in the specs any more, and it is closed: nothing is left to do."
    )


def test_a_consumed_hook_is_not_created_again() -> None:
    """Its absence is what `once` means."""
    wanted = spec({"a": order(webhooks={"optin": {**HOOK, "once": True}})})
    world = applied(wanted)
    world.call("DELETE", inside(world, "demo.a", "Webhooks", "example.com"))

    assert why(world, wanted, "conversation/a/webhook/optin").startswith(
        "It is not created again: it was there"
    )


def test_what_is_nobodys_or_somebody_elses_is_not_touched() -> None:
    """A conversation beside ours, a guest in ours, a copy of ours."""
    wanted = spec({"a": order()})
    world = applied(wanted)
    others(world)
    copied = world.call("GET", "Conversations/demo.a")["attributes"]
    world.call("POST", "Conversations", [("UniqueName", "copy"), ("Attributes", copied)])
    guest = world.call("POST", "Conversations/demo.a/Participants", [("Identity", "guest")])["sid"]
    nobodys = "It is not touched: it is not in the specs and bears no mark, so it belongs to others."

    assert why(world, wanted, str(guest)) == nobodys
    assert why(world, wanted, "conversation/billing.a2").endswith("its mark is of stack billing, key a2.")
    assert why(world, wanted, "conversation/copy").endswith("does not fit it: a copy, or it was renamed.")


def test_expelled_where_only_ours_may_stand() -> None:
    """The plan's own reason is given."""
    wanted = spec({"a": order(exclusive=["participants"])})
    world = applied(wanted)
    guest = world.call("POST", "Conversations/demo.a/Participants", [("Identity", "guest")])["sid"]

    assert "It will be deleted: only what the specs mention stands here" in why(world, wanted, str(guest))


def test_an_unknown_address_names_the_nearest() -> None:
    """A key alone, a typo, nothing alike, nothing at all."""
    wanted = spec({"order-1042": order()})
    world = applied(wanted)
    cases = {
        "order-1042": "Nearest: conversation/order-1042.",
        "conversation/order-1024": "Nearest: conversation/order-1042.",
        "qqq": "There are: conversation/order-1042,",
        "": "There are: ",
        "CH" + "0" * 32: "There are: ",
    }
    for name, expected in cases.items():
        with pytest.raises(ReconcilerError) as fault:
            seen(world, wanted, name)
        assert expected in fault.value.diagnostics[0].detail
    with pytest.raises(ReconcilerError) as fault:
        seen(World(), spec({}), "conversation/a")
    assert "The stack is empty" in fault.value.diagnostics[0].detail


def test_values_of_others_are_named_and_not_shown() -> None:
    """An application may keep anything in attributes; paths are enough."""
    wanted = spec({"a": order()})
    world = applied(wanted)
    rewrite(world, "Conversations/demo.a", session="THEIRS", deep={HOSTILE: 1})
    subject = seen(world, wanted, "conversation/a")
    said = text(subject_lines(subject, MASKED))
    data = subject_json(subject, MASKED)

    assert [one for one in (said, data) if "THEIRS" in one or "15550100" in one or "\x1b" in one] == []
    assert "not managed:" in said
    assert "attributes.session" in said
    assert ["attributes", "session"] in json.loads(data)["live"]["unmanaged"]


def test_everything_about_one_address_as_json() -> None:
    """Specs, live row, mark, change and reason, with no number."""
    wanted = spec({"a": order()})
    world = applied(wanted)
    rewrite(world, inside(world, "demo.a", "Participants", PHONE), role="thief")
    said = subject_json(seen(world, wanted, "conversation/a/participant/customer"), MASKED)
    data = json.loads(said)

    assert "15550100" not in said
    assert data["touched"] is True
    assert data["why"] == "It will be updated: others changed attributes.role."
    assert data["mark"]["owner"] == {"stack": "demo", "environment": ""}
    assert (data["mark"]["key"], data["mark"]["set"]) == ("customer", ["attributes.role"])
    assert [edit["cause"] for edit in data["change"]["edits"]] == ["they"]
    assert {"path": ["attributes", "role"], "value": "customer"} in data["specs"]["fields"]
    assert {"path": ["attributes", "role"], "value": "thief"} in data["live"]["fields"]
    nothing = json.loads(subject_json(seen(world, spec({"a": order(), "n": {}}), "conversation/n"), MASKED))
    assert (nothing["live"], nothing["mark"], nothing["change"]["action"]) == (None, None, "create")


def test_a_secret_is_shown_nowhere() -> None:
    """Not as wanted, live, edited or dropped, in a webhook or in attributes, also once it is none."""
    variables = {"t": {"sensitive": True, "default": "SEKRIT"}}
    hook = {"url": "https://example.com/${var.t}", "filters": ["onMessageAdded"]}
    secret = spec({"a": {"attributes": {"x": "${var.t}"}, "webhooks": {"w": hook}}}, variables=variables)
    world = applied(secret)
    stays = {"a": {"attributes": {"x": "public"}, "webhooks": {"w": dict(HOOK)}}}
    gone: dict[str, Any] = {"a": {"webhooks": {}}}
    for wanted in (secret, spec(stays), spec(gone)):
        for name in ("conversation/a", "conversation/a/webhook/w"):
            subject = seen(world, wanted, name)
            assert "SEKRIT" not in text(subject_lines(subject, SHOWN)) + subject_json(subject, MASKED)


def test_looking_reads_little_more_than_a_plan_and_never_writes() -> None:
    """What the plan has read is not read again."""
    wanted = spec({key: order(participants={}) for key in "abc"})
    world = applied(wanted)
    planning, looking = world.gateway, world.gateway
    world.store.advance(1.0)
    from reconciler.workflow import make_plan

    asyncio.run(make_plan(stack_of(wanted), planning))
    asyncio.run(look_at(stack_of(wanted), looking, "conversation/a"))

    assert looking.calls == planning.calls
    assert set(looking.calls) == {"GET"}


# --- as typed ----------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a copy of the shipped specs, applied to the emulator beside them."""
    path = Path(shutil.copytree(SPECS, tmp_path / "specs", ignore=shutil.ignore_patterns(".reconciler")))
    call("apply", path, "--local", "--yes", capsys=capsys)
    return path


def call(*words: object, expect: int = 0, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one command in this process and return its output, both streams."""
    code = run([str(word) for word in words])
    out, err = capsys.readouterr()

    assert (code, out + err) == (expect, out + err)
    return str(out + err)


def vandalise(folder: Path, **changed: Any) -> None:
    """Have others change the attributes of a shipped conversation."""
    with emulator.open_home(folder, 1.0) as home:
        assert isinstance(home, emulator.Home)
        world = World()
        world.store = home.store
        rewrite(world, "Conversations/courier-demo.order-1042", **changed)


def test_drift_as_typed(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, and 2 with --detailed-exitcode once others changed something, in each form."""
    detailed = ("drift", shipped, "--local", "--detailed-exitcode")
    assert "No drift" in call(*detailed, capsys=capsys)
    page = shipped / "two-whatsapp.yaml"
    page.write_text(
        page.read_text(encoding="utf-8").replace("Order 1042", "Order 1042, late"), encoding="utf-8"
    )
    assert "Besides, 1 change that the specs ask for is pending" in call(*detailed, capsys=capsys)
    vandalise(shipped, topic="theirs")
    assert "# they changed it" in call("drift", shipped, "--local", capsys=capsys)
    assert "Drift: others changed 1 conversation." in call(*detailed, expect=2, capsys=capsys)
    data = json.loads(call(*detailed, "--format", "json", expect=2, capsys=capsys))
    assert [edit["path"] for edit in data["changes"][0]["edits"]] == [["attributes", "topic"]]
    assert "reconciler:drift" in call(*detailed, "--format", "markdown", expect=2, capsys=capsys)
    only = ("--only", "conversation/sms-to-whatsapp")
    assert "No drift" in call(*detailed, *only, capsys=capsys)


def test_drift_of_what_cannot_be_compared_is_worth_a_look(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In detail that is exit 2, and it is told why."""
    with emulator.open_home(shipped, 1.0) as home:
        assert isinstance(home, emulator.Home)
        world = World()
        world.store = home.store
        world.call("POST", "Conversations/courier-demo.order-1042", [("Attributes", "[1]")])

    said = call("drift", shipped, "--local", "--detailed-exitcode", expect=2, capsys=capsys)
    assert "are not a JSON object" in said
    assert "No drift found; 1 address could not be compared." in call(
        "drift", shipped, "--local", capsys=capsys
    )


def test_list_as_typed(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All, one party, and no number anywhere in a pipe."""
    everything = call("list", shipped, "--local", capsys=capsys)
    assert "In all: 2 owned, 0 foreign, 0 unowned." in everything
    one = call("list", shipped, "--local", "--party", "+1 555 010-0303", capsys=capsys)
    assert "conversation/order-1042/participant/customer" in one
    data = call("list", shipped, "--local", "--party", "+15550100303", "--format", "json", capsys=capsys)
    assert json.loads(data)["conversations"][0]["standing"] == "owned"
    page = call("list", shipped, "--local", "--all", "--format", "markdown", capsys=capsys)
    assert page.startswith("### reconciler list\n\n```text\n")
    assert json.loads(call("list", shipped, "--local", "--format", "json", capsys=capsys))["summary"]
    assert [said for said in (everything, one, data, page) if "15550100" in said] == []
    wrong = call("list", shipped, "--local", "--party", "customer", expect=1, capsys=capsys)
    assert "write the number in full" in wrong


def test_show_as_typed(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One address in each form; a wrong one is exit 1 and names the nearest."""
    address = "conversation/order-1042/participant/customer"
    said = call("show", address, shipped, "--local", capsys=capsys)
    assert "It is not touched: it is as the specs say." in said
    data = call("show", address, shipped, "--local", "--format", "json", capsys=capsys)
    assert json.loads(data)["touched"] is False
    page = call("show", address, shipped, "--local", "--format", "markdown", capsys=capsys)
    assert page.startswith("### reconciler show\n")
    assert [one for one in (said, data, page) if "15550100" in one] == []
    wrong = call("show", "conversation/order-1024", shipped, "--local", expect=1, capsys=capsys)
    assert "Nearest: conversation/order-1042" in wrong


def test_problems_of_specs_are_told_in_the_form_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As plan tells them."""
    (tmp_path / "stack.yaml").write_text("stack: {name: A}\n", encoding="utf-8")
    for words in (("drift", tmp_path), ("list", tmp_path), ("show", "conversation/a", tmp_path)):
        assert "a stack's name" in call(*words, "--local", expect=1, capsys=capsys)
        data = json.loads(call(*words, "--local", "--format", "json", expect=1, capsys=capsys))
        assert data["diagnostics"][0]["line"] == 1


def test_lists_and_single_addresses_take_no_options_of_plans(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have no changes that could be chosen from or counted."""
    for option in ("--detailed-exitcode", "--only=x"):
        assert "No such option" in call("list", shipped, option, expect=1, capsys=capsys)
        assert "No such option" in call("show", "x", shipped, option, expect=1, capsys=capsys)
