"""Outputs: what they are before and after an apply, what is said about mistakes, who is shown what."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from worlds import World, random_spec, stack_of

from reconciler.cli import run
from reconciler.diagnostics import SpecError
from reconciler.kinds import KINDS
from reconciler.render.json import FORMAT_VERSION
from reconciler.render.numbers import Numbers
from reconciler.render.outputs import bare, output_json, output_lines
from reconciler.workflow import ask_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model import Address, Json
    from reconciler.outputs import Answers
    from reconciler.stack import Stack

MASKED, SHOWN = Numbers(b"key of the tests"), Numbers(None)
PLURALS = {kind.name: kind.plural for kind in KINDS}
SPEC = """\
stack: {name: demo}
variables:
  token: {sensitive: true, default: hush-hush}
  level: {type: integer, default: 7}
senders:
  pool: ["whatsapp:+15550100200", "whatsapp:+15550100201"]
conversations:
  order-1:
    participants: {customer: {address: +15550100301, via: pool}}
outputs:
  order_sid: ${conversations.order-1.sid}
  link: https://example.com/${conversations.order-1.sid}/${conversations.order-1.participants.customer.sid}
  token: x-${var.token}
  level: ${var.level}
  number: +15550100301
  both: {sids: ["${conversations.order-1.sid}"], open: true, "+15550100301": 15550100301}
"""


def asked(world: World, stack: Stack) -> Answers:
    return asyncio.run(ask_outputs(stack, world.gateway))


def values(found: Answers) -> dict[str, Any]:
    return {one.output.name: one.value for one in found.answers if not one.waits_for}


def shown(found: Answers, numbers: Numbers = SHOWN) -> list[str]:
    return [line.text for line in output_lines(found, numbers)]


# --- laws --------------------------------------------------------------------------------------------------


def reference(address: Address) -> str:
    return ".".join(f"{PLURALS[kind]}.{key}" for kind, key in address.steps)


def sids_in(world: World, stack: Stack) -> dict[str, str]:
    """Return the sids of what the marks in a world call by the stack's names, by address."""
    found: dict[str, str] = {}
    for sid, everything in world.snapshot().items():
        mark = json.loads(everything["row"]["attributes"]).get("reconciler", {})
        here = f"conversation/{mark.get('k')}"
        found |= {here: sid, **{f"{here}/webhook/{key}": one for key, one in mark.get("w", {}).items()}}
        for row in everything["Participants"]:
            key = json.loads(row["attributes"])["reconciler"]["k"]
            found[f"{here}/participant/{key}"] = row["sid"]
    return {str(address): found[str(address)] for address in stack.desired.resources}


@pytest.mark.parametrize("seed", range(25))
def test_every_resource_can_be_told_of_once_it_is_there(seed: int) -> None:
    """Of random stacks: nothing is known before the apply, and after it all sids are the live ones."""
    spec = random_spec(random.Random(seed))
    addresses = list(stack_of(spec).desired.resources)
    spec["outputs"] = {f"o{n}": f"${{{reference(address)}.sid}}" for n, address in enumerate(addresses)}
    world, stack = World(), stack_of(spec)

    assert [[str(ref.address) for ref in one.waits_for] for one in asked(world, stack).answers] == [
        [str(address)] for address in addresses
    ]
    world.apply(stack)
    writes = world.store.writes
    live = sids_in(world, stack)
    assert values(asked(world, stack)) == {f"o{n}": live[str(a)] for n, a in enumerate(addresses)}
    assert world.store.writes == writes


@pytest.mark.parametrize("seed", range(10))
def test_outputs_make_no_difference_to_a_plan(seed: int) -> None:
    """Two stacks that differ in their outputs alone have one plan."""
    spec = random_spec(random.Random(seed))
    told = {**spec, "outputs": {"a": "${conversations.c0.sid}", "b": 1}}
    world = World()

    without, with_them = world.plan(stack_of(spec)).plan, world.plan(stack_of(told)).plan
    assert [(c.action, c.address, c.fields) for c in with_them.changes] == [
        (c.action, c.address, c.fields) for c in without.changes
    ]


# --- what they are, and how they are shown -----------------------------------------------------------------


def test_before_the_apply_what_is_written_out_is_known_already() -> None:
    """Each of the others says what it waits for."""
    assert shown(asked(World(), stack_of(SPEC))) == [
        "order_sid = (known after apply: sid of conversation/order-1)",
        "link = (known after apply: sid of conversation/order-1, and 1 more)",
        "token = (sensitive)",
        "level = 7",
        'number = "+15550100301"',
        "both = (known after apply: sid of conversation/order-1)",
    ]


def test_after_the_apply_all_are_known_with_their_types() -> None:
    """Texts around references, numbers, lists and maps; a party from a pool is found as any other."""
    world, stack = World(), stack_of(SPEC)
    world.apply(stack)
    live = sids_in(world, stack)
    order, party = live["conversation/order-1"], live["conversation/order-1/participant/customer"]
    found = asked(world, stack)

    assert values(found) == {
        "order_sid": order,
        "link": f"https://example.com/{order}/{party}",
        "token": "x-hush-hush",
        "level": 7,
        "number": "+15550100301",
        "both": {"sids": [order], "open": True, "+15550100301": 15550100301},
    }
    masked = "\n".join([*shown(found, MASKED), output_json(found, MASKED)])
    assert [secret for secret in ("0301", "hush") if secret in masked] == []
    assert shown(found, MASKED)[2:5] == ["token = (sensitive)", "level = 7", 'number = "+1…·dgdix"']
    data = json.loads(output_json(found, MASKED))
    assert data["format_version"] == FORMAT_VERSION
    assert data["target"]["stack"] == "demo"
    assert data["outputs"]["order_sid"] == {
        "known": True,
        "sensitive": False,
        "value": order,
        "waits_for": [],
    }
    assert data["outputs"]["token"] == {"known": True, "sensitive": True, "value": None, "waits_for": []}


def test_json_is_made_to_be_shared() -> None:
    """It cannot be made with numbers in it."""
    with pytest.raises(ValueError, match="shared output"):
        output_json(asked(World(), stack_of(SPEC)), SHOWN)


def test_one_value_is_bare() -> None:
    """A text without quotes for $(…), everything else as JSON."""
    some: list[Json] = ["a b", 7, True, ["é", None]]

    assert [bare(value) for value in some] == ["a b", "7", "true", '["é", null]']
    assert bare("a b", "json") == '"a b"'


def test_a_closed_conversation_still_has_its_sid() -> None:
    """Finished is not gone: who links to the transcript goes on linking."""
    world, stack = World(), stack_of(SPEC)
    world.apply(stack)
    before = values(asked(world, stack))["order_sid"]
    world.call("POST", "Conversations/demo.order-1", [("State", "closed")])

    assert values(asked(world, stack))["order_sid"] == before


def test_the_sid_of_somebody_elses_conversation_is_not_told() -> None:
    """A row with our name and without our mark is not ours: it is said why the output waits."""
    world = World()
    world.call("POST", "Conversations", [("UniqueName", "demo.order-1")])
    found = asked(world, stack_of(SPEC))

    assert found.answers[0].waits_for
    assert ["carries no mark of this stack" in one.summary for one in found.problems] == [True]


def test_a_stack_without_outputs_says_so() -> None:
    """Nothing printed at all would look like a failure."""
    found = asked(World(), stack_of({"stack": {"name": "demo"}}))

    assert shown(found) == ["The stack has no outputs: write some below outputs:"]
    assert json.loads(output_json(found, MASKED))["outputs"] == {}


# --- mistakes ----------------------------------------------------------------------------------------------

MISTAKES = {
    "unknown resource": (
        'outputs: {a: "${conversations.d.sid}"}',
        "3:15 there is no conversation 'd' | There are: c.",
    ),
    "unknown attribute": (
        'outputs: {a: "x ${conversations.c.state}"}',
        "3:17 a conversation has no 'state' to refer to | There are: sid, url.",
    ),
    "unknown kind": (
        'outputs: {a: "${conversation.c.sid}"}',
        "3:15 'conversation' is no sort of resource here | Did you mean conversations?",
    ),
    "deep inside": (
        'outputs: {a: [1, {b: "${conversations.d.sid}"}]}',
        "3:23 there is no conversation 'd' | There are: c.",
    ),
    "unknown variable": (
        'outputs: {a: "${var.x}"}',
        "3:15 there is no variable x | Define it:\nvariables:\n  x: {default: …}",
    ),
    "bad name": (
        "outputs: {a b: 1}",
        "3:11 'a b' cannot be a key | A key has letters, digits, dashes and underscores, at most 64.",
    ),
    "no value": (
        "outputs: {a: }",
        "3:11 output a has no value | Give it one, as in a: ${conversations.order-1042.sid}.",
    ),
    "no names": (
        "outputs: [a]",
        (
            "3:10 outputs is a map of names, found a list | "
            "Write each one below it under a name you choose:\noutputs:\n  my-name: …"
        ),
    ),
    "mistyped": ("output: {a: 1}", "3:1 unknown key 'output' | Did you mean outputs?"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_explained_where_they_are(name: str) -> None:
    """Offline, each with its place, what is wrong, and what would be right."""
    block, expected = MISTAKES[name]
    with pytest.raises(SpecError) as caught:
        stack_of(f"stack: {{name: demo}}\nconversations: {{c: {{}}}}\n{block}\n")

    assert [
        f"{p.place.line}:{p.place.column} {p.summary} | {p.detail}"
        for p in caught.value.diagnostics
        if p.place
    ] == [expected]


# --- as typed ----------------------------------------------------------------------------------------------


def call(*words: object, expect: int = 0, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Run one command in this process and return what it wrote to standard output and error."""
    code = run([str(word) for word in words])
    told = capsys.readouterr()

    assert (code, told.out + told.err) == (expect, told.out + told.err)
    return told.out, told.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the stack in it."""
    (tmp_path / "stack.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_one_name_prints_the_value_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fit for $(…); what was asked for by name is shown, sensitive and in a pipe or not."""
    call("apply", folder, "--local", "--yes", capsys=capsys)
    sid, told = call("output", folder, "order_sid", "--local", capsys=capsys)
    assert (sid[:2], len(sid), sid[-1], told) == ("CH", 35, "\n", "")
    assert call("output", folder, "token", "--local", capsys=capsys) == ("x-hush-hush\n", "")
    assert call("output", folder, "number", "--local", capsys=capsys) == ("+15550100301\n", "")
    assert call("output", folder, "number", "--local", "--format", "json", capsys=capsys) == (
        '"+15550100301"\n',
        "",
    )
    both, _ = call("output", folder, "both", "--local", capsys=capsys)
    assert json.loads(both)["sids"] == [sid.strip()]


def test_the_list_shows_no_number_and_no_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a pipe nor in JSON or markdown."""
    call("apply", folder, "--local", "--yes", capsys=capsys)
    for form in ("text", "json", "markdown"):
        out, _ = call("output", folder, "--local", "--format", form, capsys=capsys)
        assert [secret for secret in ("0301", "hush") if secret in out] == []
        assert "order_sid" in out


def test_one_that_is_not_known_yet_is_an_error_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output stays empty, so that $(…) gets nothing rather than a sentence."""
    out, told = call("output", folder, "link", "--local", expect=1, capsys=capsys)

    assert out == ""
    assert f"{folder}/stack.yaml:12:9: error: output link is not known yet" in told
    assert (
        "Not there: conversation/order-1, conversation/order-1/participant/customer. Apply the stack" in told
    )
    out, _ = call("output", folder, "--local", capsys=capsys)
    assert "link = (known after apply" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("order-sid",), "demo has no output 'order-sid'\n  Did you mean order_sid?"),
        (("zzz",), "There are: order_sid, link, token, level, number, both."),
        (("level", "--format", "markdown"), "--format markdown shows all outputs: leave NAME out."),
    ],
)
def test_slips_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str
) -> None:
    """A name that is none, a form that has no place for one value."""
    out, told = call("output", folder, *words, "--local", expect=1, capsys=capsys)

    assert (out, expected in told) == ("", True), told


def test_broken_outputs_are_told_by_validate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file, line and column, the line quoted."""
    path = folder / "stack.yaml"
    path.write_text(
        SPEC.replace("${conversations.order-1.sid}\n", "${conversations.order-2.sid}\n", 1), "utf-8"
    )
    _, told = call("validate", folder, expect=1, capsys=capsys)

    assert f"{path}:11:14: error: there is no conversation 'order-2'" in told
    assert "Did you mean order-1?" in told
