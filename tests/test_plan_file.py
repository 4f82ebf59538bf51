"""Plan files: private, exact, without a sensitive value, and refused where they are not what was written."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import random
import stat
from typing import TYPE_CHECKING, Any

import pytest
from test_executor import Door, census, die, events_through, nth
from worlds import World, edited, random_spec, stack_of

from reconciler.concealment import hidden_in
from reconciler.diagnostics import ReconcilerError
from reconciler.diagnostics import error as problem
from reconciler.model import Address, EventKind, Graph, Mode, Owner, Secret
from reconciler.plan_file import is_plan_file, load, refuse_other_target, revealed, save, saved_of
from reconciler.render.stack_data import stack_data
from reconciler.reviewed import Scope, digest, judge, key_of

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import Spec

    from reconciler.model import Plan
    from reconciler.plan_file import Saved
    from reconciler.stack import Stack

KEY = key_of("a key of these tests")
TOKENS = {"pin": 'hunter2 "☃" & co', "url": "hooks.example.com/s3cr3t", "code": 471100815}


def with_secrets(dice: random.Random, spec: Spec, tokens: dict[str, Any]) -> Spec:
    """Put sensitive variables in attributes, in what is set at creation, in urls, beside references."""
    new = copy.deepcopy(spec)
    new["variables"] = {name: {"default": value, "sensitive": True} for name, value in tokens.items()}
    keys = sorted(new["conversations"])
    for n, key in enumerate(keys):
        one = new["conversations"][key]
        if dice.random() < 0.6:
            one.setdefault("attributes", {})["pin"] = "${var.pin}"
        if dice.random() < 0.4:
            one.setdefault("attributes", {})["deep"] = {"code": "${var.code}", "x": "a ${var.pin} b"}
        if dice.random() < 0.4:
            one["initial"] = {"attributes": {"start": "${var.pin}"}}
        for party in one["participants"].values():
            if dice.random() < 0.3:
                earlier = keys[dice.randrange(n)] if n else None
                at = f"${{conversations.{earlier}.sid}}" if earlier else ""
                party.setdefault("attributes", {})["pin"] = f"${{var.pin}} {at}"
        for hook in one["webhooks"].values():
            if "url" in hook and dice.random() < 0.3:
                hook["url"] = f"https://${{var.url}}/{dice.randint(1, 4)}"
    return new


def scene(seed: int) -> tuple[World, Stack]:
    """Return a world with a stack applied, and what is to be applied next; secrets are in both and change."""
    dice = random.Random(seed)
    spec = random_spec(dice)
    world = World(seed=seed)
    before = {"pin": "0ld-secret", "url": "old.example.com/0ld-url", "code": 333444555}
    world.apply(stack_of(with_secrets(dice, spec, before)))
    return world, stack_of(with_secrets(dice, edited(dice, spec), TOKENS if seed % 2 else before))


def saved(world: World, stack: Stack, scope: Scope | None = None) -> tuple[Plan, Saved]:
    plan = world.plan(stack).plan
    words = [str(value) for *_, value in hidden_in(stack.desired)]
    told = problem(f"an answer repeats {words}", " ".join(words))
    plan = dataclasses.replace(plan, diagnostics=(*plan.diagnostics, told))
    return plan, saved_of(plan, stack, scope or Scope(), "/somewhere/specs", KEY)


# --- laws --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_what_was_saved_is_read_back_equal(seed: int, tmp_path: Path) -> None:
    """All of it: the file is as good as the value."""
    world, stack = scene(seed)
    _, one = saved(world, stack, Scope(Mode.APPLY, ("conversation/*",), "delete"))
    save(one, tmp_path / "plan")

    assert load(tmp_path / "plan") == one
    assert is_plan_file(tmp_path / "plan")


@pytest.mark.parametrize("seed", range(150))
def test_no_secret_is_in_the_file(seed: int, tmp_path: Path) -> None:
    """Neither as it is nor as JSON writes it; neither those of the specs nor those that are live."""
    world, stack = scene(seed)
    _, one = saved(world, stack)
    save(one, tmp_path / "plan")
    text = (tmp_path / "plan").read_text(encoding="ascii")
    secrets = [*TOKENS.values(), "0ld-secret", "old.example.com/0ld-url", 333444555]

    for secret in secrets:
        assert str(secret) not in text
        assert json.dumps(secret).strip('"') not in text


@pytest.mark.parametrize("seed", range(150))
def test_a_file_is_applied_as_its_plan_would_be(seed: int, tmp_path: Path) -> None:
    """Also what a cut has left of it; the specs are only asked for what is sensitive."""
    world, stack = scene(seed)
    control, _ = scene(seed)
    control.apply(stack)
    plan, one = saved(world, stack)
    save(one, tmp_path / "plan")
    door = Door(world, before=nth(random.Random(seed).randrange(12), die, writes=True))
    with contextlib.suppress(BaseExceptionGroup):  # a short plan ends before it is cut
        events_through(door, plan)
    read = load(tmp_path / "plan")
    assert refuse_other_target(read, plan.target, KEY) == ()
    again, problems = revealed(read, KEY, stack.desired)
    assert problems == ()
    assert again.desired.resources == stack.desired.resources
    judgement = judge(read.approved(KEY), world.plan(again))

    assert judgement.moved == ()
    assert judgement.left_alone == ()
    kinds = (EventKind.FAILED, EventKind.SKIPPED)
    assert [event for event in world.carry_out(judgement.remaining) if event.kind in kinds] == []
    assert census(world) == census(control)
    assert world.plan(stack).plan.visible == ()


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_file_is_refused(seed: int, tmp_path: Path) -> None:
    """Cut off, a byte another one, a piece of it gone: an error that says so, never a traceback."""
    world, stack = scene(seed)
    _, one = saved(world, stack)
    path = tmp_path / "plan"
    save(one, path)
    whole = path.read_bytes()
    dice = random.Random(seed)
    at = dice.randrange(len(whole) - 1)
    other = bytes([whole[at] ^ (1 << dice.randrange(7))])
    for damaged in (whole[:at], whole[:at] + other + whole[at + 1 :], whole[:at] + whole[at + 30 :]):
        path.write_bytes(damaged)
        # A byte between two tokens can be another one without harm.
        found = loaded_or_refused(path)

        assert found == one or str(path) in str(found)


@pytest.mark.parametrize("seed", range(30))
def test_a_tampered_shape_is_refused(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where somebody mends the checksum: another shape is an error and no traceback."""
    world, stack = scene(seed)
    _, one = saved(world, stack)
    path = tmp_path / "plan"
    save(one, path)
    monkeypatch.setattr("reconciler.plan_file._checksum", lambda _: json.loads(path.read_bytes())["sha256"])
    dice = random.Random(seed)
    for _ in range(20):
        data = json.loads(path.read_bytes())
        _spoil(dice, data["body"])
        spoiled = tmp_path / "spoiled"
        spoiled.write_text(json.dumps(data), encoding="utf-8")

        assert loaded_or_refused(spoiled)


def loaded_or_refused(path: Path) -> Saved | str:
    """Return what is read, or the words it is refused with; anything else is raised."""
    try:
        return load(path)
    except ReconcilerError as refusal:
        return str(refusal)


def _spoil(dice: random.Random, node: Any) -> None:
    """Put something else in the place of one node, somewhere below."""
    while True:
        keys = sorted(node) if isinstance(node, dict) else list(range(len(node)))
        key = dice.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and dice.random() < 0.8:
            node = node[key]
            continue
        node[key] = dice.choice([None, 0, "x", [], {}, [[]], {"a": 1}, True])
        return


# --- what stands in a file ---------------------------------------------------------------------------------

ROOM: Spec = {
    "stack": {"name": "demo"},
    "environments": {"prod": {"recipients": ["+1555*"], "limits": {"remove": 3}}},
    "variables": {"pin": {"default": "hunter2", "sensitive": True}},
    "senders": {"pool": ["+15550100201", "+15550100202"]},
    "conversations": {
        "a": {
            "attributes": {"pin": "${var.pin}"},
            "participants": {"p": {"address": "+15550100301", "via": "pool"}},
        }
    },
    "moved": {"conversation/old": "conversation/a", "stack/former": "stack/demo"},
    "removed": {"conversation/gone": {"delete": "CH" + "1" * 32}, "conversation/shut": "close"},
    "adopted": {"conversation/a": {"from": "other"}},
    "recreated": {"conversation/a": "CH" + "2" * 32},
}
A = Address.parse("conversation/a")


def room(tmp_path: Path, **changes: Any) -> tuple[Saved, Stack, Path]:
    spec = copy.deepcopy(ROOM) | changes
    del spec["adopted"]
    stack = stack_of(spec, "prod")
    path = tmp_path / "plan"
    _, one = saved(World(), stack)
    save(one, path)
    return one, stack, path


def test_everything_that_planning_needs_is_in_the_file(tmp_path: Path) -> None:
    """All settings and every sort of consent."""
    stack = dataclasses.replace(stack_of(ROOM, "prod"), account="AC" + "1" * 32, stack_id="x", record="none")
    one = saved_of(World().plan(stack_of(ROOM, "prod")).plan, stack, Scope(), "specs", KEY)
    save(one, tmp_path / "plan")
    read = load(tmp_path / "plan")
    again, _ = revealed(read, KEY, stack.desired)

    assert read == one
    assert dataclasses.replace(again, limits=stack.limits, desired=stack.desired) == dataclasses.replace(
        stack, outputs=()
    )
    assert again.limits.remove > 10**6
    assert (read.specs, read.stack.owner) == ("specs", Owner("demo", "prod"))


def test_no_setting_of_a_stack_is_forgotten() -> None:
    """Whatever a stack will come to have is in the file, but for its outputs."""
    names = {field.name for field in dataclasses.fields(stack_of(ROOM, "prod"))}

    assert set(stack_data(stack_of(ROOM, "prod"))) == names - {"outputs"}


def test_a_file_names_the_digest_of_its_plan(tmp_path: Path) -> None:
    """So that a record can say which plan is being carried out."""
    world, stack = scene(3)
    plan, one = saved(world, stack)
    save(one, tmp_path / "plan")

    assert load(tmp_path / "plan").digest == digest(plan, Scope(), KEY)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """From the first moment, whatever stood there before; nothing else is left beside it."""
    one, _, path = room(tmp_path)
    path.chmod(0o644)
    save(one, path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in tmp_path.iterdir()] == ["plan"]


def test_nothing_but_a_plan_file_is_overwritten(tmp_path: Path) -> None:
    """A slip must not cost a file of specs."""
    one, _, _ = room(tmp_path)
    specs = tmp_path / "specs.yaml"
    specs.write_text("stack: {name: demo}\n", encoding="utf-8")
    for path in (specs, tmp_path):
        with pytest.raises(ReconcilerError, match="is no plan file"):
            save(one, path)

    assert specs.read_text(encoding="utf-8") == "stack: {name: demo}\n"


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    """In our words."""
    one, _, _ = room(tmp_path)

    with pytest.raises(ReconcilerError, match="cannot be written"):
        save(one, tmp_path / "nowhere" / "plan")


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no plan file, or not a whole one"),
        ("[1, 2", "no plan file, or not a whole one"),
        ("[" * 100_000, "no plan file, or not a whole one"),
        ("[]", "is no plan file"),
        ("{}", "is no plan file"),
        ('{"reconciler_plan": "1"}', "is no plan file"),
        ('{"reconciler_plan": true}', "is no plan file"),
        ('{"reconciler_plan": 0}', "is no plan file"),
        ('{"reconciler_plan": 2}', "newer version"),
        ('{"reconciler_plan": 1}', "that this version can read"),
        ('{"reconciler_plan": 1, "sha256": "", "body": {}}', "was changed"),
    ],
)
def test_what_is_no_plan_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    """With what to do next."""
    path = tmp_path / "plan"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReconcilerError, match=words) as caught:
        load(path)

    assert caught.value.diagnostics[0].detail


@pytest.mark.parametrize("content", [None, b"", b"stack: {name: x}\n", b'{"reconciler_pla', b"\xff\xfe\x00"])
def test_what_does_not_begin_like_a_plan_file_is_none(content: bytes | None, tmp_path: Path) -> None:
    """A cheap look: folders, specs, what is not there, what is no text."""
    path = tmp_path / "plan"
    if content is not None:
        path.write_bytes(content)

    assert not is_plan_file(path)
    assert not is_plan_file(tmp_path)
    with pytest.raises(ReconcilerError):
        load(path)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    """One number in it is another one."""
    _, _, path = room(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"+15550100301", b"+15550100302"))

    with pytest.raises(ReconcilerError, match="changed since it was written"):
        load(path)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("account", {"account_sid": "AC9"}),
        ("service", {"service_sid": "IS9"}),
        ("stack", {"owner": Owner("other", "prod")}),
        ("environment", {"owner": Owner("demo", "")}),
    ],
)
def test_a_plan_for_something_else_is_refused(what: str, change: dict[str, Any], tmp_path: Path) -> None:
    """Both are named."""
    one, _, _ = room(tmp_path)
    other = dataclasses.replace(one.plan.target, **change)
    (found,) = refuse_other_target(one, other, KEY)

    assert found.summary.startswith(f"the plan is for {what} ")
    assert found.detail


def test_another_key_is_told_as_such(tmp_path: Path) -> None:
    """Under another key nothing would look approved, and nobody would know why."""
    one, _, _ = room(tmp_path)
    (found,) = refuse_other_target(one, one.plan.target, key_of("another"))

    assert "another key" in found.summary
    assert "RECONCILER_KEY" in found.detail


# --- sensitive values --------------------------------------------------------------------------------------


def test_a_secret_that_changed_since_is_told_without_it(tmp_path: Path) -> None:
    """Its address and its path, not what it was or is."""
    one, stack, _ = room(tmp_path)
    resource = stack.desired.resources[A]
    other = {**resource.fields, ("attributes", "pin"): Secret("hunter3")}
    specs = Graph({A: dataclasses.replace(resource, fields=other)})
    _, (found,) = revealed(one, KEY, specs)

    assert found.address == A
    assert found.summary == "the sensitive value of attributes.pin is another one than was reviewed"
    assert "hunter" not in repr(found)


@pytest.mark.parametrize("how", ["no specs", "no resource", "no value", "no secret"])
def test_a_secret_that_is_not_there_any_more_is_told(how: str, tmp_path: Path) -> None:
    """Where the specs were not read, lost the resource, the key, or no longer call it sensitive."""
    one, stack, _ = room(tmp_path)
    resource = stack.desired.resources[A]
    plain = {**resource.fields, ("attributes", "pin"): "hunter2"}
    graphs = {
        "no specs": None,
        "no resource": Graph(),
        "no value": Graph({A: dataclasses.replace(resource, fields={})}),
        "no secret": Graph({A: dataclasses.replace(resource, fields=plain)}),
    }
    _, (found,) = revealed(one, KEY, graphs[how])

    assert found.address == A
    assert found.summary == "the sensitive value of attributes.pin is not in the specs any more"


def test_without_secrets_the_specs_are_not_needed(tmp_path: Path) -> None:
    """Everything else is in the file."""
    one, stack, _ = room(tmp_path, variables={"pin": {"default": "plain"}})
    again, problems = revealed(one, KEY)

    assert problems == ()
    assert one.hidden == ()
    assert again.desired.resources.keys() == stack.desired.resources.keys()
