"""Export: a live service as specs; the plan of them shows adoptions and nothing else, whatever is there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from worlds import World, copies_arrive, random_spec, stack_of, strangers_arrive, without_mark

from reconciler import emulator
from reconciler.cli import run
from reconciler.diagnostics import ReconcilerError
from reconciler.export import Export, export
from reconciler.export.naming import free, is_key, slug
from reconciler.model import Action
from reconciler.nodes import Mapping, to_json
from reconciler.yaml_nodes import parse
from reconciler.yaml_text import yaml_text

if TYPE_CHECKING:
    from collections.abc import Callable

SPECS = Path(__file__).parent.parent / "specs"
PHONE, WA = "+15550100301", "whatsapp:+15550100200"
HOSTILE = [
    *(
        "yes",
        "no",
        "on",
        "null",
        "Null",
        "~",
        "true",
        "False",
        "",
        " ",
        "0x10",
        "010",
        "1e3",
        "-1",
        "1_000",
        "+1",
    ),
    *(
        "1.0",
        ".5",
        "1.",
        "0",
        "-0",
        "18:30",
        "2024-01-15",
        "NaN",
        ".inf",
        "<<",
        "=",
        "---",
        "...",
        "- a",
        "? b",
    ),
    *(
        " leading",
        "trailing ",
        "a: b",
        "a:b",
        "a:",
        ":a",
        "a #b",
        "#a",
        "a,b",
        "[a]",
        "{a}",
        "{{a}}",
        "*a",
        "&a",
    ),
    *(
        "!a",
        "|",
        ">",
        "'",
        '"',
        "%a",
        "@a",
        "`a",
        "\\",
        "\\n",
        "a\nb",
        "\n",
        "a\r\nb",
        "\ta",
        "a\tb",
        "\0",
        "\x1b[31m",
    ),
    *(
        "${var.x}",
        "$${var.x}",
        "$$${",
        "${",
        "$",
        "${a",
        "}",
        "Müller",
        "日本語",
        "😀",
        "\u202eevil",
        "\u2028",
        "\x85",
    ),
    *(
        "\ufeff",
        "\xa0",
        "\ufffe",
        "\U0010ffff",
        "e\u0301",
        "x" * 5000,
        "a " * 200,
        "+15550100301",
        "whatsapp:+1555",
    ),
]


def taken(world: World, *wanted: str, **options: Any) -> Export:
    return asyncio.run(export(world.gateway, wanted=wanted, **options))


def said(found: Export) -> str:
    return "\n".join(f"{one.summary}\n{one.detail}" for one in found.diagnostics)


def seen(world: World) -> dict[str, Any]:
    """Return everything in the account as everybody but us sees it: without marks and dates of change."""

    def bare(row: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in row.items() if name != "date_updated"}
        return kept | ({"attributes": without_mark(row["attributes"])} if "attributes" in row else {})

    return {
        sid: {
            "row": bare(whole["row"]),
            **{k: [bare(r) for r in whole[k]] for k in ("Participants", "Webhooks")},
        }
        for sid, whole in world.snapshot().items()
    }


def law(world: World, found: Export, named: bool = True) -> None:
    """Insist that the export validates, adopts and changes nothing; then that nothing is left to do."""
    stack = stack_of(found.text)
    before = seen(world)
    plan = world.plan(stack).plan
    edits = [(str(c.address), e.path, e.before) for c in plan.visible for e in c.edits]
    assert {change.action for change in plan.visible} <= {Action.ADOPT}
    assert [one for one in edits if one[1:] != (("unique_name",), None)] == []
    assert (edits != []) == ("has no unique_name" in said(found)) or not named
    assert [one.summary for one in plan.diagnostics if one.severity == "error"] == []
    assert [event for event in world.carry_out(plan) if event.kind in ("failed", "skipped")] == []
    after = world.plan(stack).plan
    assert after.visible == ()
    assert {one.summary for one in after.diagnostics} <= {"adopted: done, remove this line"} | {
        one.summary for one in plan.diagnostics
    }
    now = seen(world)
    renamed = {
        sid: str(row["row"]["unique_name"])
        for sid, row in now.items()
        if not before[sid]["row"]["unique_name"]
    }
    for sid in renamed:
        now[sid]["row"]["unique_name"] = None
    assert now == before
    assert all(sid in said(found) for sid, name in renamed.items() if name != "None")


# --- the law -----------------------------------------------------------------------------------------------


def text(dice: random.Random) -> str:
    return dice.choice(["Order 1042", "order 1042", "Bestellung", "desk", "x", dice.choice(HOSTILE)])


def tree(dice: random.Random, depth: int = 0) -> Any:
    """Return any JSON."""
    sort = dice.randrange(9 if depth < 3 else 6)
    if sort == 6:
        return [tree(dice, depth + 1) for _ in range(dice.randrange(3))]
    if sort > 6:
        return {text(dice)[:40]: tree(dice, depth + 1) for _ in range(dice.randrange(4))}
    return [text(dice), dice.randint(-9, 9), dice.random(), True, None, 10**30][sort]


def attributes(dice: random.Random) -> list[tuple[str, str]]:
    """Return attributes as applications write them: mostly small, now and then odd."""
    odd = dice.random()
    if odd < 0.04:
        return [("Attributes", dice.choice(["[]", '"text"', "3", '{"reconciler": 1}']))]
    whole = {f"k{n}": tree(dice) for n in range(dice.choice([0, 1, 2, 60 if odd > 0.95 else 2]))}
    return [("Attributes", json.dumps(whole))] if odd > 0.3 else []


def roles_of(world: World, service: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = world.call("GET", f"Services/{service}/Roles?PageSize=50")["roles"]
    return sorted(rows, key=lambda row: str(row["sid"]))


def raw_world(dice: random.Random, world: World) -> None:
    """Have others fill an account by Twilio's own names, odd ones included."""
    service = world.call("GET", "Configuration")["default_chat_service_sid"]
    roles = [row["sid"] for row in roles_of(world, service) if row["type"] == "conversation"]
    for n in range(dice.randint(1, 7)):
        form = [("FriendlyName", text(dice)[:250]), *attributes(dice)]
        form += [("UniqueName", f"{text(dice)[:200]}{n}")] if dice.random() < 0.7 else []
        form += [("State", "active"), ("Timers.Closed", "P2D")] if dice.random() < 0.2 else []
        form += [("MessagingServiceSid", f"MG{n:032x}")] if dice.random() < 0.2 else []
        path = f"Conversations/{world.call('POST', 'Conversations', form)['sid']}"
        for m in range(dice.randrange(4)):
            pair = [
                ("MessagingBinding.Address", f"+1555010{n}{m:03}"),
                ("MessagingBinding.ProxyAddress", "+15550100201"),
            ]
            if dice.random() < 0.5:
                pair = [(name, f"whatsapp:{number}") for name, number in pair]
            role = [("RoleSid", dice.choice(roles))] if dice.random() < 0.3 else []
            binding = pair if dice.random() < 0.7 else [("Identity", f"{text(dice)[:200]}{m}")]
            world.call("POST", f"{path}/Participants", [*binding, *role, *attributes(dice)])
        for _ in range(dice.randrange(4)):
            world.call("POST", f"{path}/Webhooks", hook(dice))
        if dice.random() < 0.15:
            world.call("POST", path, [("State", dice.choice(["closed", "inactive"]))])


def hook(dice: random.Random) -> list[tuple[str, str]]:
    if dice.random() < 0.2:
        return [("Target", "studio"), ("Configuration.FlowSid", f"FW{dice.randrange(3):032x}")]
    scheme = dice.choice(["https", "https", "https", "http"])
    url = ("Configuration.Url", f"{scheme}://example.com/{dice.randrange(2)}?token=${{x}}")
    if dice.random() < 0.4:
        return [("Target", "trigger"), url, ("Configuration.Triggers", text(dice)[:200] or "help")]
    more = [("Configuration.Method", dice.choice(["GET", "post"]))] if dice.random() < 0.5 else []
    more += [("Configuration.ReplayAfter", "0")] if dice.random() < 0.2 else []
    events = dice.sample(["onMessageAdded", "onMessageRemoved", "onParticipantAdded"], dice.randint(1, 3))
    return [("Target", "webhook"), url, *more, *(("Configuration.Filters", one) for one in events)]


def world_of(seed: int) -> tuple[random.Random, World]:
    dice = random.Random(seed)
    return dice, World(emulator.Switches.drawn(seed) if seed % 2 else None, seed=seed)


@pytest.mark.parametrize("seed", range(80))
def test_what_others_made_is_adopted_as_it_is(seed: int) -> None:
    """Whatever stands in a service: its export changes nothing but announced names, and our marks."""
    dice, world = world_of(seed)
    raw_world(dice, world)

    law(world, taken(world))


@pytest.mark.parametrize("seed", range(60))
def test_what_another_stack_made_is_taken_over_as_it_is(seed: int) -> None:
    """Named, it is exported under its keys, with lines that say whose it was."""
    dice, world = world_of(seed)
    world.apply(stack_of(random_spec(dice, stack="other")))
    strangers_arrive(dice, world)
    nothing, found = taken(world, stack="mine"), taken(world, "*", stack="mine")

    assert "unique_name: other." not in nothing.text
    assert "of stack other" in said(nothing)
    assert "  conversation/c0: {from: other}\n" in found.text
    law(world, found)


@pytest.mark.parametrize("seed", range(60))
def test_what_the_stack_itself_made_needs_no_line(seed: int) -> None:
    """Lost specs come back: the same keys, timers too, what others added left out, and nothing to do."""
    dice, world = world_of(seed)
    spec = random_spec(dice, stack="mine")
    world.apply(stack_of(spec))
    strangers_arrive(dice, world)
    copies_arrive(dice, world)
    found = taken(world, "mine.*", stack="mine")
    stack = stack_of(found.text)

    assert set(stack.desired.resources) == set(stack_of(spec).desired.resources)
    assert "adopted:" not in found.text
    assert {change.action for change in world.plan(stack).plan.visible} == set()
    law(world, found, named=False)


def tangle(dice: random.Random, world: World) -> None:
    """Have applications lose, copy and falsify marks, rename and protect what bears them."""
    changes: dict[str, dict[str, Any]] = {"environment": {"e": "prod"}, "protect": {"x": 1}}
    changes |= {"other": {"o": "third"}, "key": {"k": "dup"}, "newer": {"v": 7}}
    for sid, whole in world.snapshot(open_only=True).items():
        path, deed = (
            f"Conversations/{sid}",
            dice.choice(["lose", "rename", "environment", "protect", *[""] * 3]),
        )
        if deed == "rename":
            world.call("POST", path, [("UniqueName", f"renamed-{sid[-4:]}")])
        falsify(world, path, whole["row"], changes.get(deed), deed)
        for row in whole["Participants"]:
            deed = dice.choice(["lose", "other", "key", "newer", *[""] * 8])
            falsify(world, f"{path}/Participants/{row['sid']}", row, changes.get(deed), deed)


def falsify(world: World, path: str, row: dict[str, Any], change: dict[str, Any] | None, deed: str) -> None:
    attributes = json.loads(row["attributes"])
    mark = attributes.get("reconciler") if isinstance(attributes, dict) else None
    if isinstance(mark, dict) and (change or deed == "lose"):
        attributes["reconciler"] = mark | (change or {})
        if deed == "lose":
            del attributes["reconciler"]
        world.call("POST", path, [("Attributes", json.dumps(attributes))])


@pytest.mark.parametrize("seed", range(60))
def test_whoever_tangled_the_marks_nothing_is_changed(seed: int) -> None:
    """Marks of two stacks, copied, lost and falsified, among rows of nobody."""
    dice, world = world_of(seed)
    world.apply(stack_of(random_spec(dice, stack=dice.choice(["mine", "other"]))))
    strangers_arrive(dice, world)
    copies_arrive(dice, world)
    raw_world(dice, world)
    tangle(dice, world)
    unnamed = [
        sid for sid, whole in world.snapshot(open_only=True).items() if not whole["row"]["unique_name"]
    ]

    law(world, taken(world, "*", *unnamed, stack="mine"), named=False)


def test_what_was_renamed_is_told_with_whose_mark_it_bears() -> None:
    """Nobody owns it as it is; who would adopt it unknowingly takes it from another stack."""
    world = World()
    world.apply(stack_of({"stack": {"name": "other"}, "conversations": {"a": {}}}))
    (row,) = world.rows("Conversations")
    world.call("POST", f"Conversations/{row['sid']}", [("UniqueName", "renamed")])
    found = taken(world, stack="mine")

    assert "it bears the mark of stack other and another name: renamed, or a copy" in said(found)
    assert row["sid"] in said(found)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_account_gives_the_same_text(seed: int) -> None:
    """Also in whatever order Twilio lists what is there."""
    texts = set()
    for order in ("created", "created_desc", "sid"):
        dice, world = random.Random(seed), World(emulator.Switches(list_order=order), seed=seed)
        raw_world(dice, world)
        texts.add(taken(world).text)

    assert len(texts) == 1


# --- text safety -------------------------------------------------------------------------------------------


def read(written: str) -> Any:
    parsed = parse(written.encode(), "x")
    assert parsed.problems == ()
    assert isinstance(parsed.root, Mapping)
    return to_json(parsed.root)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_every_text_is_read_back_as_it_was(value: str) -> None:
    """In a block and in one line, as a value, in a list and as a key."""
    key = value[:200]
    wide = {"a": value, "b": {key: value, "c": "x" * 99}}
    data: dict[str, Any] = {"block": value, "small": {key: key, "list": [key, [key]]}, "wide": wide}
    data |= {f"{key}{key}": {"y": {"z": value}}}

    assert read(yaml_text(data)) == data
    assert read(yaml_text(data).encode("ascii", "backslashreplace").decode()) == data


def test_what_looks_like_something_else_is_quoted() -> None:
    """For other readers, people among them; what our own specs write without quotes stays without."""
    texts = [
        "yes",
        "Off",
        "0042",
        "1_000",
        "18:30",
        "2024-01-15",
        "0x10",
        "+15550100301",
        "whatsapp:+1",
        "a, b",
    ]

    assert yaml_text({"x": {text: text for text in texts}}).splitlines()[1:] == [
        *(f'  "{text}": "{text}"' for text in texts[:-3]),
        "  +15550100301: +15550100301",
        '  "whatsapp:+1": whatsapp:+1',
        '  "a, b": a, b',
    ]


@pytest.mark.parametrize("seed", range(100))
def test_every_tree_is_read_back_as_it_was(seed: int) -> None:
    """Lists, maps, numbers and texts, however deep and wide."""
    dice = random.Random(seed)
    data = {f"k{n}": tree(dice, -2) for n in range(5)}

    assert json.dumps(read(yaml_text(data))) == json.dumps(data)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_and_attributes_survive(value: str) -> None:
    """As a friendly name, an identity, an attribute and the key of one, keywords and urls."""
    world = World()
    form = [("FriendlyName", value[:250]), ("UniqueName", f"n{value[:200]}")]
    form += [("Attributes", json.dumps({value[:99]: {"a": value[:999], "b": [value[:99]]}}))]
    path = f"Conversations/{world.call('POST', 'Conversations', form)['sid']}"
    world.call("POST", f"{path}/Participants", [("Identity", f"i{value[:200]}"), *form[-1:]])
    trigger = [("Target", "trigger"), ("Configuration.Url", "https://example.com/?q=${x}#'\"")]
    world.call("POST", f"{path}/Webhooks", [*trigger, ("Configuration.Triggers", value[:200] or "x")])
    found = taken(world)

    assert dict(found.counts) == {"conversation": 1, "participant": 1, "webhook": 1}
    law(world, found)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_every_name_gives_a_valid_key_or_none(name: str) -> None:
    """And no digits that could be a phone number."""
    key = slug(name)

    assert key == "" or is_key(free(key, {key}))
    assert slug("Chat with +1 (555) 010-0301") == "chat-with-0301"
    assert slug("onMessageAdded") == "on-message-added"


# --- what is left out is told ------------------------------------------------------------------------------


def conversation(world: World, *form: tuple[str, str]) -> str:
    return str(world.call("POST", "Conversations", form)["sid"])


TOLD: dict[str, tuple[Callable[[World, str], Any], str]] = {
    "attributes that are no object": (
        lambda world, sid: world.call("POST", f"Conversations/{sid}", [("Attributes", "[1]")]),
        "left out: the attributes are not a JSON object",
    ),
    "the reserved key": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Attributes", '{"reconciler": {"v": 0}}')]
        ),
        "left out: the attribute 'reconciler' holds something",
    ),
    "a newer mark": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Attributes", '{"reconciler": {"v": 9}}')]
        ),
        "left out: a newer version of reconciler has marked it",
    ),
    "closed": (
        lambda world, sid: world.call("POST", f"Conversations/{sid}", [("State", "closed")]),
        "left out: 1 conversation that is closed",
    ),
    "timers": (
        lambda world, sid: world.call("POST", f"Conversations/{sid}", [("Timers.Inactive", "PT1H")]),
        "written without timers",
    ),
    "email": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Bindings.Email.Address", "a@b.example")]
        ),
        "written without its email binding",
    ),
    "null": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Attributes", '{"a": null, "b": 1}')]
        ),
        "written without a field: null there would mean",
    ),
    "half a surrogate pair": (
        lambda world, sid: world.call("POST", f"Conversations/{sid}", [("Attributes", '{"a": ["\\ud800"]}')]),
        "written without a field: it is no text in Unicode",
    ),
    "infinity": (
        lambda world, sid: world.call("POST", f"Conversations/{sid}", [("Attributes", '{"a": 1e999}')]),
        "written without a field: it is no number that JSON has",
    ),
    "depth": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Attributes", '{"a":' + "[" * 60 + "]" * 60 + "}")]
        ),
        "written without a field: it is nested too deeply",
    ),
    "an expression in a key": (
        lambda world, sid: world.call("POST", f"Conversations/{sid}", [("Attributes", '{"${x}": 1}')]),
        "its name holds ${, and names hold no expressions",
    ),
    "many attributes": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Attributes", json.dumps({f"k{n}": n for n in range(99)}))]
        ),
        "written without attributes: too many fields are managed here",
    ),
    "no room": (
        lambda world, sid: world.call(
            "POST", f"Conversations/{sid}", [("Attributes", json.dumps({"a": "x" * 16_350}))]
        ),
        "left out: its attributes leave no room for a mark",
    ),
    "http": (
        lambda world, sid: world.call(
            "POST",
            f"Conversations/{sid}/Webhooks",
            [
                ("Target", "trigger"),
                ("Configuration.Url", "http://example.com/"),
                ("Configuration.Triggers", "a"),
            ],
        ),
        "left out: a webhook's url begins with https://",
    ),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_specs_cannot_say_is_told_with_its_sid(what: str) -> None:
    """Never dropped in silence, and never in the way of the rest."""
    world = World()
    sid = conversation(world, ("UniqueName", "a"))
    conversation(world, ("UniqueName", "b"))
    deed, expected = TOLD[what]
    row = deed(world, sid)
    assert row.get("code") is None, row
    found = taken(world)

    assert expected in said(found)
    assert what == "closed" or row["sid"] in said(found)
    assert found.counts["conversation"] == (2 if "conversation/" in said(found) and what != "no room" else 1)
    law(world, found)


def test_a_conversation_without_a_name_gets_one_and_that_is_said() -> None:
    """Ours are found again by name, so the adoption sets it; never one that somebody else has."""
    world = World()
    closed = conversation(world, ("UniqueName", "exported.order-1"))
    world.call("POST", f"Conversations/{closed}", [("State", "closed")])
    sid = conversation(world, ("FriendlyName", "Order 1"))
    found = taken(world)

    assert "has no unique_name: its adoption gives it one" in said(found)
    assert f"{sid} conversation/order-1-2" in said(found)
    law(world, found)
    assert world.call("GET", f"Conversations/{sid}")["unique_name"] == "exported.order-1-2"


def test_a_group_and_roles_are_written_as_people_would() -> None:
    """Our number projected; a role by its name, and not at all where it is the usual one."""
    world = World()
    service = world.call("GET", "Configuration")["default_chat_service_sid"]
    roles = {row["friendly_name"]: row["sid"] for row in roles_of(world, service)}
    sid = conversation(world, ("UniqueName", "group"))
    for form in (
        [("MessagingBinding.Address", "+15550100301")],
        [("MessagingBinding.Address", "+15550100302")],
        [("MessagingBinding.ProjectedAddress", "+15550100201")],
    ):
        world.call("POST", f"Conversations/{sid}/Participants", form)
    desk = conversation(world, ("UniqueName", "desk"))
    for who, role in (("ann", "channel admin"), ("bob", "channel user")):
        form = [("Identity", who), ("RoleSid", roles[role])]
        world.call("POST", f"Conversations/{desk}/Participants", form)
    found = taken(world)

    assert "      group: {projected: sms}\n" in found.text
    assert "      ann: {identity: ann, role: channel admin}\n      bob: {identity: bob}\n" in found.text
    law(world, found)


def test_a_sensitive_value_becomes_a_variable() -> None:
    """What its stack called sensitive stands in no export; the value is asked for."""
    world = World()
    spec = {
        "stack": {"name": "mine"},
        "variables": {"token": {"sensitive": True, "default": "hush-hush"}},
        "conversations": {
            "a": {
                "attributes": {"token": "${var.token}", "level": 1},
                "webhooks": {"w": {"url": "https://example.com/${var.token}", "filters": ["onMessageAdded"]}},
            }
        },
    }
    world.apply(stack_of(spec))
    for stack in ("mine", "theirs"):
        found = taken(world, "mine.a", stack=stack)
        assert "hush" not in found.text
        assert "called it sensitive: written as a variable" in said(found)
        given = found.text.replace(
            "a-token: {sensitive: true}", "a-token: {sensitive: true, default: hush-hush}"
        )
        given = given.replace(
            "a-w-url: {sensitive: true}",
            'a-w-url: {sensitive: true, default: "https://example.com/hush-hush"}',
        )
        plan = world.plan(stack_of(given)).plan
        assert {change.action for change in plan.visible} <= {Action.ADOPT}
        assert [edit for change in plan.visible for edit in change.edits] == []


# --- what is asked for -------------------------------------------------------------------------------------


def test_only_what_is_chosen_is_exported() -> None:
    """By sid, by unique name, by glob; a slip is an error that names what is near."""
    world = World()
    sids = {name: conversation(world, ("UniqueName", name)) for name in ("order-1", "order-2", "desk")}

    def keys(*wanted: str) -> set[str]:
        return {address.key for address in stack_of(taken(world, *wanted).text).desired.resources}

    assert keys("order-*") == {"order-1", "order-2"}
    assert keys("desk", sids["order-1"]) == {"desk", "order-1"}
    assert keys() == {"order-1", "order-2", "desk"}
    with pytest.raises(ReconcilerError) as slip:
        taken(world, "ordr-1")
    assert "Nearest: order-1" in slip.value.diagnostics[0].detail


def test_a_part_of_ones_own_stack_comes_with_a_warning() -> None:
    """By itself such a file would have the rest removed."""
    world = World()
    wanted = {"stack": {"name": "mine"}, "conversations": {"a": {}, "b": {}}}
    world.apply(stack_of(wanted))
    conversation(world, ("UniqueName", "b"))
    found = taken(world, "b", stack="mine")

    assert "stack mine owns conversations that are not in this export" in said(found)
    assert "conversation/b-2: CH" in found.text


def test_another_service_is_named_in_the_specs() -> None:
    """By the name it was asked for; an unknown one is an error."""
    world = World()
    sid = world.call("POST", "Services", [("FriendlyName", "support")])["sid"]
    world.call("POST", f"Services/{sid}/Conversations", [("UniqueName", "a")])
    found = taken(world, service="support")

    assert "stack:\n  name: exported\n  service: support\n" in found.text
    assert "conversation/a: CH" in found.text
    with pytest.raises(ReconcilerError):
        taken(world, service="nix")


def test_exporting_only_reads() -> None:
    """The account is as it was, change dates included."""
    world = World()
    raw_world(random.Random(1), world)
    before = world.snapshot()
    taken(world)

    assert world.snapshot() == before


# --- as typed ----------------------------------------------------------------------------------------------


@pytest.fixture
def stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a copy of the shipped specs that were applied on the emulator beside them."""
    ignored = shutil.ignore_patterns(".reconciler")
    folder = Path(shutil.copytree(SPECS, tmp_path / "specs", ignore=ignored))
    assert run(["apply", str(folder), "--local", "--yes"]) == 0
    capsys.readouterr()
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: object, expect: int = 0) -> tuple[str, str]:
    code = run([str(word) for word in words])
    told = capsys.readouterr()
    assert code == expect, told
    return told.out, told.err


def test_specs_that_were_lost_come_back(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The result goes to standard output, and stands in for the specs it was made from."""
    place = ("--local", "--folder", stack)
    out, err = call(capsys, "export", *place, "--stack", "courier-demo")

    assert "      customer: {address: +15550100303, via: wa}\n" in out
    assert "    timers: {inactive: PT1H, closed: P2D}\n" in out
    assert "Exported 2 conversations, 5 participants, 3 webhooks.\n" in err
    for path in stack.glob("*.yaml"):
        path.unlink()
    (stack / "stack.yaml").write_text(out, encoding="utf-8")
    assert "Nothing to do: 10 resources" in call(capsys, "plan", stack, "--local")[0]


def test_a_file_is_private_and_never_overwritten_unasked(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--out makes it for its owner only; --force replaces it whole."""
    out = stack.parent / "exported.yaml"
    words = ("export", "courier-demo.*", "--local", "--folder", stack, "--out", out)
    told, err = call(capsys, *words)

    assert told == ""
    assert f"to {out}, which only you can read.\nNext: reconciler emulator {stack} --port 8010, and " in err
    assert f"reconciler plan {out} --endpoint http://127.0.0.1:8010\n" in err
    assert not re_numbers(err)
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    assert "{from: courier-demo}" in out.read_text(encoding="utf-8")
    out.write_text("mine", encoding="utf-8")
    assert "exists already" in call(capsys, *words, expect=1)[1]
    assert out.read_text(encoding="utf-8") == "mine"
    call(capsys, *words, "--force")
    assert "valid" in call(capsys, "validate", out)[0]
    _, err = call(capsys, "export", "--local", "--folder", stack, "--out", stack / "it's.yaml")
    assert f"Next: reconciler plan '{stack}/it'\"'\"'s.yaml' --local\n" in err
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    assert sorted(path.name for path in stack.parent.iterdir()) == ["exported.yaml", "specs"]


def re_numbers(told: str) -> list[str]:
    return [word for word in told.split() if word.lstrip("(").startswith("+1555")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--local", "--folder", "{empty}"), "has no emulator's world to export"),
        (("--stack", "Not A Name"), "a stack's name has lower-case letters"),
        (("--local", "--endpoint", "http://127.0.0.1:1"), "exclude each other"),
        (("--local", "--folder", "{stack}", "order"), "'order' matches no conversation of this service"),
        (("--local", "--folder", "{stack}", "--service", "nix"), "no Conversations service is called 'nix'"),
        (("--local", "--folder", "{stack}", "--out", "{empty}/no/x.yaml"), "cannot be written: no such file"),
    ],
)
def test_mistakes_are_told(
    words: tuple[str, ...], expected: str, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends in a sentence and exit code 1, and makes nothing."""
    (tmp_path / "empty").mkdir()
    filled = [word.format(stack=stack, empty=tmp_path / "empty") for word in words]

    assert expected in call(capsys, "export", *filled, expect=1)[1]
    assert list((tmp_path / "empty").iterdir()) == []
