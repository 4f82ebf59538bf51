"""What people and machines read of a plan: exact texts, and laws over every plan the model can hold."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from worlds import World, stack_of

from reconciler.diagnostics import Diagnostic, Severity, error, warning
from reconciler.model import (
    Action,
    Address,
    Cause,
    Change,
    Edge,
    Edit,
    Event,
    EventKind,
    Half,
    Joined,
    Live,
    Lookup,
    Mark,
    Operation,
    Owner,
    Place,
    Plan,
    Pool,
    Ref,
    Resource,
    Secret,
    Target,
)
from reconciler.render.json import plan_json
from reconciler.render.markdown import LIMIT, plan_markdown
from reconciler.render.numbers import Numbers
from reconciler.render.plan_data import from_data, to_data
from reconciler.render.progress import Commands, event_line, result_lines
from reconciler.render.text import Line, Tone, plan_lines
from reconciler.render.values import Words, secrets_in
from reconciler.workflow import Planned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Fields, Value

MASKED, SHOWN = Numbers(b"key of the tests"), Numbers(None)
WORDS = Words(SHOWN)
COMMANDS = Commands("rec plan x", "rec apply x", "rec destroy x", "rec destroy x --delete")


def texts(lines: Sequence[Line]) -> str:
    return "\n".join(line.text for line in lines) + "\n"


def plan_text(planned: Planned, numbers: Numbers = SHOWN) -> str:
    return texts(plan_lines(planned, numbers))


# --- a plan with one of everything -------------------------------------------------------------------------

ORDER = Address.parse("conversation/order-1042")
CUSTOMER = Address.of("participant", "customer", ORDER)
AUDIT = Address.of("webhook", "audit", ORDER)
WA = "whatsapp:+15550100200"


def live(sid: str, state: str = "") -> Live:
    return Live(sid, state=state)


REPLACED = Change(
    Action.REPLACE,
    CUSTOMER,
    edits=(Edit(("address",), "whatsapp:+15550100301", "whatsapp:+15550100309"),),
    fields={("address",): "whatsapp:+15550100309", ("proxy",): WA},
    live=live("MB2"),
)
CHANGES = (
    Change(Action.NONE, ORDER, live=live("CH1", "active"), records={}),
    REPLACED,
    Change(
        Action.UPDATE,
        AUDIT,
        edits=(
            Edit(("filters",), ["onMessageAdded"], ["onMessageAdded", "onParticipantAdded"]),
            Edit(("url",), "https://a.example/x", Joined(("https://", Ref(ORDER, "sid"), "/x"))),
            Edit(("method",), "get", None),
        ),
        live=live("WH3"),
    ),
    Change(
        Action.CLOSE,
        Address.parse("conversation/order-7"),
        live=live("CH4", "active"),
        live_fields={("friendly_name",): "Order 7 \x1b[31m@all", ("unique_name",): "demo.order-7"},
    ),
    Change(
        Action.CREATE,
        Address.parse("conversation/order-8"),
        edits=(
            Edit(("unique_name",), None, "demo.order-8"),
            Edit(("attributes", "token"), None, Secret("s3cret")),
            Edit(("attributes", "a.b"), None, {"x": [1, None, True]}),
            Edit(("messaging_service_sid",), None, Ref(Address.parse("service/a"), "sid")),
        ),
        at_creation={("attributes", "status"): "pending"},
    ),
    Change(Action.DELETE, Address.parse("conversation/order-9"), live=live("CH5", "inactive")),
    Change(
        Action.ADOPT, Address.parse("conversation/z"), live=live("CH6", "active"), why="stands here already"
    ),
)
STRANGERS = (
    Resource(Address.of("participant", "MB7", ORDER), {("identity",): "bob"}, live=live("MB7")),
    Resource(
        Address.of("webhook", "WH8", ORDER),
        {("target",): "webhook", ("url",): "https://u:p@hooks.example/secret?key=1"},
        live=live("WH8"),
    ),
)
PLAN = Plan(
    Target(Owner("demo", "staging"), "IS1", "default", "AC1"),
    CHANGES,
    edges=(Edge(Operation(CUSTOMER, Half.DROP), Operation(CUSTOMER, Half.MAKE)),),
    unchanged=4,
    strangers=STRANGERS,
    diagnostics=(warning("the sender is new", "Ask.", address=ORDER, place=Place("s.yaml", 3, 5)),),
)
CLOSED = Resource(
    Address.parse("conversation/order-1"), {("friendly_name",): "One"}, live=live("CH9", "closed")
)
PLANNED = Planned(PLAN, (CLOSED,))

TEXT = r"""demo (staging) in service default IS1, account AC1

    conversation/order-1042
    -/+ participant/customer  (replace: delete the old one, then create)
            address: "whatsapp:+15550100301" → "whatsapp:+15550100309"
            proxy:   "whatsapp:+15550100200" (unchanged)
      ~ webhook/audit  (update)
            filters: ["onMessageAdded"] → ["onMessageAdded", "onParticipantAdded"]
            url:     "https://a.example/x" → "https://${conversation/order-1042.sid}/x" (known after apply)
            method:  "get" → (none)
  # conversation/order-7  (close: it cannot be opened again; its transcript stays)
        friendly_name: "Order 7 \x1b[31m@all"
        unique_name:   "demo.order-7"
  + conversation/order-8  (create)
        unique_name:           "demo.order-8"
        attributes.token:      (sensitive)
        attributes."a.b":      {"x": [1, null, true]}
        messaging_service_sid: (known after apply: sid of service/a)
        attributes.status:     "pending" (at creation only)
  - conversation/order-9  (delete: its transcript goes with it)
  > conversation/z  (adopt: stands here already)

Also there, left alone: 1 participant, 1 webhook that others added
  conversation/order-1042
    participant/MB7: identity "bob"
    webhook/WH8: target "webhook", url "https://hooks.example/…"

Closed already and left so: 1 conversation
    conversation/order-1 CH9 "One"

Plan: 1 to create, 1 to adopt, 1 to update, 1 to replace, 1 to close, 1 to delete; 4 unchanged.
"""

MARKDOWN = r"""<!-- reconciler:plan {"v":1,"stack":"demo","environment":"staging","truncated":false} -->
### `demo (staging)`: 1 to create, 1 to adopt, 1 to update, 1 to replace, 1 to close, 1 to delete

> [!CAUTION]
> - 1 conversation will be deleted, transcript included.
> - 1 conversation will be closed. What is closed cannot be opened again; its transcript stays.
> - 1 participant will be replaced by a new one.

| Object | What | Why |
| --- | --- | --- |
| `conversation/order-1042/participant/customer` | `-/+` replace: `address` |  |
| `conversation/order-1042/webhook/audit` | `~` update: `filters`, `url`, `method` |  |
| `conversation/order-7` | `#` close |  |
| `conversation/order-8` | `+` create |  |
| `conversation/order-9` | `-` delete |  |
| `conversation/z` | `>` adopt | `stands here already` |

<details><summary><code>-/&#43; conversation/order-1042/participant/customer</code></summary>

```diff
- address: "whatsapp:+1…·dgdix"
+ address: "whatsapp:+1…·NEW"
  proxy: "whatsapp:+1…·WA"
```

</details>

<details><summary><code>&#126; conversation/order-1042/webhook/audit</code></summary>

```diff
- filters: ["onMessageAdded"]
+ filters: ["onMessageAdded", "onParticipantAdded"]
- url: "https://a.example/x"
+ url: "https://${conversation/order-1042.sid}/x" (known after apply)
- method: "get"
```

</details>

<details><summary><code>&#35; conversation/order-7</code></summary>

```diff
- friendly_name: "Order 7 \x1b[31m@all"
- unique_name: "demo.order-7"
```

</details>

<details><summary><code>&#43; conversation/order-8</code></summary>

```diff
+ unique_name: "demo.order-8"
+ attributes.token: (sensitive)
+ attributes."a.b": {"x": [1, null, true]}
+ messaging_service_sid: (known after apply: sid of service/a)
+ attributes.status: "pending" (at creation only)
```

</details>

```text
Also there, left alone: 1 participant, 1 webhook that others added
  conversation/order-1042
    participant/MB7: identity "bob"
    webhook/WH8: target "webhook", url "https://hooks.example/…"
Closed already and left so: 1 conversation
    conversation/order-1 CH9 "One"
```

```text
s.yaml:3:5: conversation/order-1042: warning: the sender is new
  Ask.
```
"""


def test_the_text_of_a_plan() -> None:
    """A person sees every change below what it stands in, what others added, and a sum."""
    assert plan_text(PLANNED) == TEXT


def test_the_markdown_of_a_plan() -> None:
    """A reviewer sees what cannot be undone first, a table, and a diff for each change."""
    tags = {
        "NEW": MASKED.mask("+15550100309").rpartition("·")[2],
        "WA": MASKED.mask("+15550100200").rpartition("·")[2],
    }
    expected = MARKDOWN.replace("·NEW", f"·{tags['NEW']}").replace("·WA", f"·{tags['WA']}")

    assert plan_markdown(PLANNED, MASKED) == expected


def test_the_json_of_a_plan() -> None:
    """A machine finds targets, counts, values that cannot be confused, and no number."""
    data = json.loads(plan_json(PLANNED, MASKED))

    changes = {change["address"]: change for change in data["changes"]}
    assert (data["format_version"], data["digest"]) == ("1.1", None)
    assert data["summary"] == {
        "create": 1, "adopt": 1, "update": 1, "replace": 1, "move": 0, "close": 1, "delete": 1,
        "release": 0, "send": 0, "unchanged": 4, "problems": 0,
    }  # fmt: skip
    assert changes[str(CUSTOMER)]["order"] == "delete_first"
    assert changes[str(CUSTOMER)]["edits"][0]["before"] == "whatsapp:+1…·dgdix"
    assert [edit["after"] for edit in changes["conversation/order-8"]["edits"]] == [
        "demo.order-8",
        {"sensitive": True},
        {"value": {"x": [1, None, True]}},
        {"ref": "service/a", "attribute": "sid"},
    ]
    assert changes[str(AUDIT)]["edits"][1]["after"] == {
        "joined": ["https://", {"ref": "conversation/order-1042", "attribute": "sid"}, "/x"]
    }
    assert data["closed"][0]["sid"] == "CH9"
    assert data["diagnostics"][0]["place"] == {"file": "s.yaml", "line": 3, "column": 5}


def test_tones_follow_the_actions() -> None:
    """Whoever prints can colour a line without reading it."""
    tones = {line.text.strip().split("  ")[0]: line.tone for line in plan_lines(PLANNED, SHOWN)}

    assert tones["+ conversation/order-8"] is Tone.CREATE
    assert tones["~ webhook/audit"] is Tone.UPDATE
    assert tones["-/+ participant/customer"] is Tone.REPLACE
    assert tones["# conversation/order-7"] is Tone.REMOVE
    assert tones["Closed already and left so: 1 conversation"] is Tone.NOTE


def test_a_replacement_that_creates_first_says_so() -> None:
    """Which half comes first is read from the edges."""
    edge = Edge(Operation(CUSTOMER, Half.MAKE), Operation(CUSTOMER, Half.DROP))
    plan = Plan(PLAN.target, (REPLACED,), edges=(edge,))

    assert "    +/- participant/customer  (replace: create, then delete the old one)" in plan_text(
        Planned(plan)
    )


def test_what_was_sensitive_stays_so_when_it_is_removed() -> None:
    """A removed resource is no longer in the specs, but its mark remembers what was sensitive."""
    mark = Mark(Owner("demo"), "x", {"friendly_name": "!"})
    gone = Change(
        Action.CLOSE,
        Address.parse("conversation/x"),
        live=Live("CH1", mark=mark, state="active"),
        live_fields={("friendly_name",): "hush", ("unique_name",): "demo.x"},
    )
    over = Resource(gone.address, gone.live_fields, live=gone.live)
    planned = Planned(Plan(PLAN.target, (gone,)), (over,))
    ended = [Event(EventKind.DONE, Operation(gone.address, Half.DROP), Action.CLOSE)]

    assert "hush" not in texts([*plan_lines(planned, SHOWN), *result_lines(ended, planned, WORDS)])
    assert "hush" not in plan_markdown(planned, MASKED) + plan_json(planned, MASKED)
    assert "friendly_name: (sensitive)" in plan_text(planned)


@pytest.mark.parametrize(
    ("plan", "summary"),
    [
        (Plan(PLAN.target, unchanged=10), "Nothing to do: 10 resources are as the specs say."),
        (Plan(PLAN.target, unchanged=1), "Nothing to do: 1 resource is as the specs say."),
        (Plan(PLAN.target), "Nothing to do: there is nothing of this stack."),
        (
            Plan(PLAN.target, diagnostics=(error("no"),)),
            "Nothing can be done: 1 problem stands in the way.",
        ),
        (
            Plan(PLAN.target, (REPLACED,), diagnostics=(error("no"), error("nor"))),
            "Plan: 1 to replace; 2 problems stand in the way.",
        ),
    ],
)
def test_the_last_line_sums_up(plan: Plan, summary: str) -> None:
    """One line says how much is to do, and whether something was refused."""
    assert plan_lines(Planned(plan), SHOWN)[-1].text == summary


# --- a stack on the emulator -------------------------------------------------------------------------------

SPEC = """
stack: {name: demo}
senders: {wa: "whatsapp:+15550100200"}
conversations:
  order:
    friendly_name: NAME
    participants:
      customer: {address: "+15550100301", via: wa}
"""


def test_a_stack_from_first_plan_to_last() -> None:
    """First plan, progress and result; an edit; a plan with nothing to do; removal."""
    world = World()
    planned = world.plan(stack_of(SPEC))
    assert plan_text(planned).partition("\n\n")[2] == (
        "  + conversation/order  (create)\n"
        '        friendly_name: "NAME"\n'
        '        unique_name:   "demo.order"\n'
        "      + participant/customer  (create)\n"
        '            address: "whatsapp:+15550100301"\n'
        '            proxy:   "whatsapp:+15550100200"\n'
        "\n"
        "Plan: 2 to create.\n"
    )
    events = world.carry_out(planned.plan)
    done = [event for event in events if event.kind is not EventKind.STARTED]
    shown = [event_line(event, n, 2, WORDS) for n, event in enumerate(done, 1)]
    assert [line and re.sub("[0-9a-f]{32}", "…", line.text) for line in shown] == [
        "[1/2] + created conversation/order (CH…)",
        "[2/2] + created conversation/order/participant/customer (MB…)",
    ]
    assert texts(result_lines(events, planned, WORDS, COMMANDS)) == (
        "Done: 2 created.\n"
        "Next:\n"
        "  rec plan x     # says that nothing is left to do\n"
        "  rec destroy x  # closes all that this stack made\n"
    )
    assert plan_text(world.plan(stack_of(SPEC))).endswith(
        "Nothing to do: 2 resources are as the specs say.\n"
    )
    edited = world.plan(stack_of(SPEC.replace("NAME", "Other")))
    told = '  ~ conversation/order  (update)\n        friendly_name: "NAME" → "Other"  # you changed it\n'
    assert told in plan_text(edited)


def test_a_removal_says_what_stays_closed() -> None:
    """After a destroy a person knows the sids of what cannot be opened again, and how to delete it."""
    world = World()
    world.apply(stack_of(SPEC))
    planned = world.destroy_plan(stack_of(SPEC), delete=False)
    result = texts(result_lines(world.carry_out(planned.plan), planned, WORDS, COMMANDS))

    assert re.sub("[0-9a-f]{32}", "…", result) == (
        "Closed for good, transcript kept:\n"
        '  conversation/order CH… "NAME"\n'
        "Done: 1 closed.\n"
        "Next:\n"
        "  rec destroy x --delete  # deletes what stays closed, transcripts included\n"
        "  rec apply x             # makes everything anew\n"
    )


# --- how an apply ends -------------------------------------------------------------------------------------


def event(kind: EventKind, address: Address, half: Half = Half.MAKE, detail: str = "") -> Event:
    action = next(change.action for change in CHANGES if change.address == address)
    return Event(kind, Operation(address, half), action, detail=detail)


def test_the_end_of_an_apply_that_failed_and_stopped() -> None:
    """What failed, what was skipped for it, and what nobody knows about, each by name."""
    plan = Plan(PLAN.target, (CHANGES[0], REPLACED, CHANGES[2], CHANGES[3]), unchanged=1)
    events = [
        event(EventKind.STARTED, CUSTOMER, Half.DROP),
        event(EventKind.FAILED, CUSTOMER, Half.DROP, "+15550100301 is\nbusy"),
        event(EventKind.SKIPPED, CUSTOMER, Half.MAKE, f"needs the removal of {CUSTOMER}"),
        event(EventKind.DONE, AUDIT),
        event(EventKind.STARTED, CHANGES[3].address, Half.DROP),
    ]

    assert texts(result_lines(events, Planned(plan), WORDS, COMMANDS)) == (
        "Failed:\n"
        "  delete the old conversation/order-1042/participant/customer: +15550100301 is\\nbusy\n"
        "Skipped, nothing was tried:\n"
        "  create the new conversation/order-1042/participant/customer: needs the removal of "
        "conversation/order-1042/participant/customer\n"
        "Under way when it stopped; nobody knows yet whether it happened:\n"
        "  close conversation/order-7\n"
        "Not begun:\n"
        "  record the children of conversation/order-1042\n"
        "Not finished: 1 updated so far; 1 failed, 1 skipped, 1 unknown, 1 not begun.\n"
        "Next:\n"
        "  rec apply x  # goes on where this stopped; what is done stays done\n"
        "  rec plan x   # shows what is left\n"
    )


def test_half_a_replacement_is_no_replacement() -> None:
    """Only when the old one is gone and the new one there it counts as replaced."""
    planned = Planned(Plan(PLAN.target, (REPLACED,), unchanged=1))
    made, dropped = (event(EventKind.DONE, CUSTOMER, half) for half in (Half.MAKE, Half.DROP))

    assert result_lines([made, dropped], planned, WORDS)[-1].text == "Done: 1 replaced."
    half = result_lines([made], planned, WORDS)[-1].text
    assert half == "Not finished: nothing so far; 1 not begun."


def test_long_lists_are_cut_and_the_sum_comes_last() -> None:
    """Who stops a large apply reads what matters, not thirteen hundred lines."""
    addresses = [Address.parse(f"conversation/c{n}") for n in range(1300)]
    planned = Planned(Plan(PLAN.target, tuple(Change(Action.CREATE, address) for address in addresses)))
    events = [Event(EventKind.DONE, Operation(addresses[0], Half.MAKE), Action.CREATE)]
    lines = [line.text for line in result_lines(events, planned, WORDS)]

    assert len(lines) == 23
    assert lines[0] == "Not begun:"
    assert lines[-2:] == ["  … and 1,279 more", "Not finished: 1 created so far; 1,299 not begun."]


def test_a_refusal_that_repeats_a_secret_is_not_repeated() -> None:
    """Twilio's words echo what was sent, as it is or as JSON and urls write it."""
    hidden = Secret('hush "&" hush')
    change = Change(
        Action.CREATE, CUSTOMER, fields={("attributes", "token"): hidden, ("role",): Secret("abc")}
    )
    words = Words(SHOWN, secrets_in(Plan(PLAN.target, (change,))))
    said = 'no hush "&" hush, no "hush \\"&\\" hush", no hush%20%22%26%22%20hush, but abc'
    failed = Event(EventKind.FAILED, Operation(CUSTOMER, Half.MAKE), Action.CREATE, detail=said)
    lines = [event_line(failed, 1, 1, words), *result_lines([failed], Planned(Plan(PLAN.target)), words)]

    told = "\n".join(line.text for line in lines if line)
    assert "hush" not in told
    assert told.count('no (sensitive), no "(sensitive)", no (sensitive), but abc') == 2


def test_what_a_webhook_leads_to_stays_hidden_when_it_was_sensitive() -> None:
    """A child bears no mark of its own: its one print in the parent's tells that there was a secret."""
    live = Live("WH1", mark=Mark(Owner("demo"), "audit", {"": "!"}))
    fields: Fields = {("target",): "webhook", ("url",): "https://hush.example/x"}
    plan = Plan(PLAN.target, (Change(Action.DELETE, AUDIT, live=live, live_fields=fields),))
    known = Live("WH1", mark=Mark(Owner("demo"), "audit", {"": "abcdef"}))

    assert "hush" not in plan_text(Planned(plan)) + plan_json(Planned(plan), MASKED)
    plan = Plan(PLAN.target, (Change(Action.DELETE, AUDIT, live=known, live_fields=fields),))
    assert 'url:    "https://hush.example/…"' in plan_text(Planned(plan))


def test_a_url_that_we_set_reads_alike_where_it_goes_and_where_it_comes() -> None:
    """Port and path too, in every form; what others made of it shows only where it leads to."""
    hook = '{url: "http://localhost:9191/bad", filters: [onMessageAdded]}'
    text = f"stack: {{name: demo}}\nconversations: {{a: {{webhooks: {{KEY: {hook}}}}}}}\n"
    world = World()
    world.apply(stack_of(text.replace("KEY", "one")))
    named = text.replace("KEY", "two").replace("[onMessageAdded]", "[onMessageRemoved]")

    def urls() -> list[list[str]]:
        planned = world.plan(stack_of(named))
        forms = (plan_text(planned), plan_markdown(planned, MASKED), plan_json(planned, MASKED))
        return [re.findall(r"http://localhost[^\s\"]*", form) for form in forms]

    assert urls() == [["http://localhost:9191/bad"] * 2] * 3
    (row,) = world.rows("Conversations/demo.a/Webhooks")
    form = [("Configuration.Url", "http://localhost:9191/token/hush")]
    world.call("POST", f"Conversations/demo.a/Webhooks/{row['sid']}", form)
    assert "hush" not in "".join("".join(found) for found in urls())


def test_integers_and_names_that_may_be_numbers_are_masked() -> None:
    """In attributes a number may have lost its plus, as a key, a text or an integer."""
    fields: Fields = {
        ("attributes", "15550100301"): 15550100302,
        ("attributes", "tags"): ["15550100303", 15550100304],
    }
    edits = tuple(Edit(path, None, value) for path, value in fields.items())
    planned = Planned(Plan(PLAN.target, (Change(Action.UPDATE, ORDER, edits=edits),)))
    outputs = [plan_json(planned, MASKED), plan_markdown(planned, MASKED), texts(plan_lines(planned, MASKED))]

    assert [output for output in outputs if "5550100" in output] == []
    assert "15550100302" in plan_text(planned)


def test_progress_lines() -> None:
    """A line for every end of an operation, none for its start, numbers masked where asked."""
    failed = event(EventKind.FAILED, CUSTOMER, detail="whatsapp:+15550100301 is busy")
    sealed = Event(EventKind.DONE, Operation(ORDER, Half.SEAL), Action.NONE, "CH1")

    assert event_line(event(EventKind.STARTED, CUSTOMER), 0, 12, Words(MASKED)) is None
    assert event_line(failed, 3, 12, Words(MASKED)) == Line(
        f"[ 3/12] x failed {CUSTOMER}: whatsapp:+1…·dgdix is busy", Tone.ERROR
    )
    assert event_line(event(EventKind.DONE, CUSTOMER, Half.DROP), 4, 12, WORDS) == Line(
        f"[ 4/12] - deleted the old {CUSTOMER}", Tone.REPLACE
    )
    assert event_line(sealed, 5, 12, WORDS) == Line(
        f"[ 5/12] ~ recorded the children of {ORDER} (CH1)", Tone.PLAIN
    )


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(none)"),
        ("a", '"a"'),
        ('say "hi" \\', r'"say \"hi\" \\"'),
        ("\x1b[31mred\r\n\t\x00", r'"\x1b[31mred\r\n\t\x00"'),
        ("abc\u202ecba", r'"abc\u202ecba"'),
        ("\ud800\U000e0041", r'"\ud800\U000e0041"'),
        ("(none)", '"(none)"'),
        (True, "true"),
        (1.5, "1.5"),
        ([], "[]"),
        (["a", {"b": None}], '["a", {"b": null}]'),
        (list(range(30)), f"[{', '.join(map(str, range(20)))}, … 30 in all]"),
        ([[[[[[[[1]]]]]]]], "[[[[[[[… 1 in all]]]]]]]"),
        ("x" * 2000, f'"{"x" * 106}" … 2,000 characters … "{"x" * 53}"'),
        (Secret("x"), "(sensitive)"),
        (Lookup("Roles", "agent"), '"agent" (from Roles)'),
        (Pool(("a", "b")), 'one of ["a", "b"]'),
    ],
)
def test_values(value: Value, shown: str) -> None:
    """A value shows what it is, on one line, and cannot pretend to be another."""
    assert WORDS.value(value) == shown


def test_a_change_deep_inside_a_long_text_is_seen() -> None:
    """Two texts that only differ in the middle do not look the same."""
    before, after = WORDS.edit(Edit(("a",), "x" * 900 + "1" + "y" * 900, "x" * 900 + "2" + "y" * 900))

    assert before == f'… "{"x" * 24}1{"y" * 135}" (1,801 characters)'
    assert after == f'… "{"x" * 24}2{"y" * 135}" (1,801 characters)'


def test_bottomless_attributes_are_no_trouble() -> None:
    """A list in a list, hundreds of times over, is cut where nobody reads on."""
    bottomless: Any = "+15550100301"
    for _ in range(900):
        bottomless = [bottomless]
    change = Change(Action.UPDATE, ORDER, edits=(Edit(("attributes", "a"), bottomless, 1),))
    planned = Planned(Plan(PLAN.target, (change,)))

    assert "(nested too deeply)" in plan_json(planned, MASKED)
    assert "attributes.a: [[[[[[[… 1 in all]]]]]]] → 1" in plan_text(planned)
    assert from_data(to_data(planned.plan)) == planned.plan


# --- laws --------------------------------------------------------------------------------------------------

TOKEN = "PLANTED-TOKEN"
HOSTILE = st.sampled_from(
    [
        "@everyone #12 GH-3 deadbeefdeadbeef :tada: https://evil.example www.evil.example a@b.example",
        "</details><script>alert(1)</script><!-- x --> -->",
        "```\n# big\n````diff",
        "a|b\\|c`d``e",
        "**bold** [link](https://evil.example) ![i](x) <img src=x> &#64;x &lt;",
        "\x1b[2J\x9b1m\u202e\u2028\u200b\r\n\ud800",
        "call +15550100301 or whatsapp:+4915112345678",
        "+1 (555) 010-0301 %2B15550100301",
        "> [!CAUTION]\n- - -",
        "--!> ]]> \\",
        "",
        " ",
    ]
)
WORD = HOSTILE | st.text(max_size=12)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | WORD
    | st.sampled_from([{"secret": "x"}, {"ref": [[["a", "b"]], "sid"]}, {"object": {}}, {"sensitive": True}]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(WORD, below, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["conversation", "participant", "webhook"])
ADDRESSES = st.lists(st.tuples(KINDS, WORD), min_size=1, max_size=3).map(lambda steps: Address(tuple(steps)))
REFS = st.builds(Ref, ADDRESSES, WORD)
SECRETS = st.sampled_from([Secret(TOKEN), Secret([TOKEN]), Secret(Joined((TOKEN,))), Secret({TOKEN: TOKEN})])
VALUES: st.SearchStrategy[Any] = st.one_of(
    PLAIN,
    REFS,
    SECRETS,
    st.builds(Joined, st.lists(WORD | REFS, max_size=3).map(tuple)),
    st.builds(Lookup, WORD, WORD),
    st.builds(Pool, st.lists(WORD, max_size=2).map(tuple)),
)
NAMES = st.sampled_from(["friendly_name", "address", "proxy", "url", "identity", "timers", "attributes"])
PATHS = st.tuples(NAMES) | st.lists(NAMES | WORD, min_size=1, max_size=3).map(tuple)
FIELDS = st.dictionaries(PATHS, VALUES, max_size=3)
PLACES = st.builds(Place, WORD, st.integers(1, 99), st.integers(1, 99))
OWNERS = st.builds(Owner, WORD, WORD)
BOOL = st.booleans()
TEXTS = st.dictionaries(WORD, WORD, max_size=2)
MARKS = st.builds(Mark, OWNERS, WORD, TEXTS, TEXTS, TEXTS, BOOL, BOOL, WORD, BOOL)
LIVES = st.builds(Live, WORD, TEXTS, st.none() | MARKS, st.sampled_from(["", "active", "closed"]), WORD)
RESOURCES = st.builds(
    Resource,
    ADDRESSES,
    FIELDS,
    place=st.none() | PLACES,
    places=st.dictionaries(PATHS, PLACES, max_size=2),
    policy=st.dictionaries(WORD, PLAIN, max_size=2),
    at_creation=FIELDS,
    live=st.none() | LIVES,
)
EDITS = st.builds(Edit, PATHS, VALUES, VALUES, st.none() | st.sampled_from(Cause))
CHANGED = st.builds(
    Change,
    st.sampled_from(Action),
    ADDRESSES,
    edits=st.lists(EDITS, max_size=3).map(tuple),
    fields=FIELDS,
    at_creation=FIELDS,
    mark=st.none() | MARKS,
    live=st.none() | LIVES,
    live_fields=FIELDS,
    records=st.none() | st.dictionaries(WORD, REFS, max_size=2),
    prints=TEXTS,
    why=WORD,
    place=st.none() | PLACES,
)
OPERATIONS = st.builds(Operation, ADDRESSES, st.sampled_from(Half))
PLANS = st.builds(
    Plan,
    st.builds(Target, OWNERS, WORD, WORD, WORD),
    changes=st.lists(CHANGED, max_size=4, unique_by=lambda change: change.address).map(tuple),
    edges=st.lists(st.builds(Edge, OPERATIONS, OPERATIONS, st.booleans()), max_size=2).map(tuple),
    sids=st.dictionaries(ADDRESSES, WORD, max_size=2),
    unchanged=st.integers(0, 9),
    strangers=st.lists(RESOURCES, max_size=2).map(tuple),
    diagnostics=st.lists(
        st.builds(
            Diagnostic,
            st.sampled_from(Severity),
            WORD,
            WORD,
            address=st.none() | ADDRESSES,
            place=st.none() | PLACES,
            related=st.lists(st.tuples(WORD, PLACES), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
PLANNEDS = st.builds(Planned, PLANS, st.lists(RESOURCES, max_size=2).map(tuple))
laws = settings(derandomize=True, max_examples=80, deadline=None)


def events_of(planned: Planned) -> list[Event]:
    """Return events that tell of every change, with its reason as their detail."""
    kinds = (EventKind.DONE, EventKind.FAILED, EventKind.SKIPPED)
    return [
        Event(kinds[n % 3], Operation(change.address, half), change.action, "CH1", change.why)
        for n, change in enumerate(planned.plan.changes)
        for half in Half
    ]


def spoken(planned: Planned, numbers: Numbers) -> list[Line]:
    """Return every line a terminal would show."""
    events, words = events_of(planned), Words(numbers, secrets_in(planned.plan))
    progress = [event_line(one, 1, 9, words) for one in events]
    ended = result_lines(events, planned, words, COMMANDS)
    return [*plan_lines(planned, numbers), *(line for line in progress if line), *ended]


@laws
@given(PLANNEDS)
def test_lines_are_single_and_harmless(planned: Planned) -> None:
    """Whatever live names hold, a line is one line, and a terminal obeys nothing in it."""
    assert [line.text for line in spoken(planned, SHOWN) if not line.text.isprintable()] == []


@laws
@given(PLANNEDS)
def test_secrets_are_in_no_output(planned: Planned) -> None:
    """What a Secret hides is nowhere, not even in part of a value."""
    outputs = [texts(spoken(planned, SHOWN)), plan_markdown(planned, MASKED), plan_json(planned, MASKED)]

    assert [output for output in outputs if TOKEN in output] == []


@laws
@given(PLANNEDS)
def test_numbers_are_in_no_shared_output(planned: Planned) -> None:
    """Markdown, JSON and lines in a log hold no phone number."""
    outputs = [texts(spoken(planned, MASKED)), plan_markdown(planned, MASKED), plan_json(planned, MASKED)]

    for output in outputs:
        assert not re.search(r"(?:\+|%2[bB])\d{7}", output)
        assert "5550100301" not in output
        assert "010-0301" not in output


@laws
@given(PLANS)
def test_nothing_is_lost_in_plan_data(plan: Plan) -> None:
    """A plan that was written down and read again is the same plan."""
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


@laws
@given(PLAIN)
def test_what_is_no_plan_is_refused(data: Any) -> None:
    """Garbage is a ValueError, nothing else."""
    with pytest.raises(ValueError, match="plan"):
        from_data(data)


@pytest.mark.parametrize("render", [plan_markdown, plan_json])
def test_shared_outputs_insist_on_masking(render: Any) -> None:
    """A comment or an artefact with numbers as they are cannot be made by mistake."""
    with pytest.raises(ValueError, match="shared output"):
        render(PLANNED, SHOWN)


@laws
@given(PLANNEDS)
def test_json_is_valid_and_stable(planned: Planned) -> None:
    """The same plan gives the same text, and any reader of JSON can read it."""
    text = plan_json(planned, MASKED)

    assert text == plan_json(planned, MASKED)
    assert len(json.loads(text)["changes"]) == len(planned.plan.visible)
    assert text.isascii()


# --- markdown ----------------------------------------------------------------------------------------------

OURS = re.compile(r"[A-Za-z0-9 ,.;:!\[\]]*")
"""What we write ourselves outside of code: no mention, no reference, no tag, no address of a page."""


def outside_of_code(markdown: str) -> list[str]:
    """Return every text that GitHub would look for mentions and references in; checks the html on the way."""
    found: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "html_block" and not token.content.startswith("<!-- reconciler:plan "):
            assert re.fullmatch(
                r"<details><summary><code>[^<>`|]*</code></summary>\n|</details>\n?", token.content
            )
        inside = False
        for child in token.children or []:
            if child.type == "html_inline":
                assert child.content in ("<code>", "</code>")
                inside = child.content == "<code>"
            elif child.type != "code_inline" and not inside:
                assert child.type in ("text", "softbreak", "strong_open", "strong_close")
                found.append(child.content)
    return found


@laws
@given(PLANNEDS)
def test_markdown_holds_no_foreign_markup(planned: Planned) -> None:
    """Strings of others stand in code only; tables have three columns; everything unfolds and closes."""
    markdown = plan_markdown(planned, MASKED)

    assert [text for text in outside_of_code(markdown) if not OURS.fullmatch(text)] == []
    assert markdown.replace("\n", "").isprintable()
    rows = [
        token for token in MarkdownIt("commonmark").enable("table").parse(markdown) if token.type == "td_open"
    ]
    assert len(rows) == 3 * len(planned.plan.visible)


@laws
@given(OWNERS)
def test_the_marker_is_one_comment_with_json_in_it(owner: Owner) -> None:
    """A later run finds its comment by the first line, whatever the environment is called."""
    first = plan_markdown(Planned(Plan(Target(owner, "IS1"))), MASKED).split("\n")[0]
    data = first.removeprefix("<!-- reconciler:plan ").removesuffix(" -->")

    assert "--" not in data
    assert ">" not in data
    assert json.loads(data)["truncated"] is False


def many(count: int, value: str = "v") -> Planned:
    """Return a plan with `count` updates and as many closings."""
    updates = [
        Change(
            Action.UPDATE, Address.of("conversation", f"u{n}"), edits=(Edit(("friendly_name",), "a", value),)
        )
        for n in range(count)
    ]
    closings = [
        Change(
            Action.CLOSE,
            Address.of("conversation", f"c{n}"),
            live=live("CH", "active"),
            live_fields={("friendly_name",): "\x1b" * 99},
        )
        for n in range(count)
    ]
    return Planned(Plan(PLAN.target, (*updates, *closings)))


@pytest.mark.parametrize(
    ("count", "missing"),
    [
        (5, ""),
        (130, "what does not change"),
        (300, "the details of each change"),
        (3000, "the list of changes"),
    ],
)
def test_markdown_is_shortened_in_steps(count: int, missing: str) -> None:
    """A comment is never too long, says what it lacks, and always says what cannot be undone."""
    markdown = plan_markdown(many(count), MASKED)

    assert len(markdown) <= LIMIT
    assert f'"truncated":{json.dumps(bool(missing))}' in markdown.split("\n")[0]
    assert (f"**Shortened to fit: {missing} is missing.**" in markdown) is bool(missing)
    assert f"> - {count:,} conversations will be closed." in markdown
    assert "conversation/c0" in markdown
    assert markdown.count("<details>") == markdown.count("</details>")


def test_hostile_length_is_shortened_too() -> None:
    """Names that are as long as can be do not break the limit."""
    nasty = "\x1b`|" * 9000
    where = Address.of("conversation", nasty)
    changes = tuple(
        Change(Action.CLOSE, Address.of(str(n), nasty, where), why=nasty, live=live("CH", "active"))
        for n in range(200)
    )
    problems = tuple(
        error(nasty, f"{nasty}\n" * 99, address=where, place=Place(nasty, 1, 1)) for _ in range(99)
    )
    plan = Plan(Target(Owner(nasty, nasty), "IS1"), changes, diagnostics=problems)

    assert len(plan_markdown(Planned(plan), MASKED)) <= LIMIT
