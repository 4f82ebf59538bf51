"""Documents into a desired graph: what specs mean, and what is said about those that cannot be meant."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic_core import PydanticCustomError

from reconciler.diagnostics import SpecError
from reconciler.kinds import KINDS
from reconciler.kinds.base import Site
from reconciler.kinds.conversation import ConversationSpec
from reconciler.kinds.fields import Leaf, read_sid
from reconciler.model import Address, Graph, Joined, Lookup, Owner, Ref, Resource, Secret
from reconciler.rules import check_graph
from reconciler.variables import Inputs
from reconciler.workflow import Specs, read_specs

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model import Fields

FRAME = """\
stack: {name: shop}
senders: {wa: "whatsapp:+15550100200", sms: +15550100201}
"""


def read(tmp_path: Path, text: str, **inputs: Any) -> Specs:
    """Read one file of specs."""
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
    return read_specs(tmp_path, Inputs(**inputs))


def resource(specs: Specs, address: str) -> Resource:
    return specs.stack.desired.resources[Address.parse(address)]


def problems(tmp_path: Path, text: str, **inputs: Any) -> list[str]:
    """Return what is said about specs, as line:column summary | detail."""
    with pytest.raises(SpecError) as caught:
        read(tmp_path, text, **inputs)
    return [
        f"{p.place.line}:{p.place.column} {p.summary} | {p.detail}"
        if p.place
        else f"{p.summary} | {p.detail}"
        for p in caught.value.diagnostics
    ]


def test_a_conversation_is_named_after_its_stack_and_key(tmp_path: Path) -> None:
    """The natural key needs no line in the specs."""
    specs = read(tmp_path, FRAME + "conversations: {order-1: {}, order-2: {unique_name: mine}}\n")

    assert resource(specs, "conversation/order-1").fields == {("unique_name",): "shop.order-1"}
    assert resource(specs, "conversation/order-2").fields == {("unique_name",): "mine"}


def test_the_sender_decides_the_channel(tmp_path: Path) -> None:
    """An address takes the prefix of the sender it is reached through."""
    text = FRAME + (
        "conversations:\n  c:\n    participants:\n"
        "      a: {address: +15550100301, via: wa}\n"
        "      b: {address: whatsapp:+15550100302, via: wa}\n"
        "      c: {address: +15550100303, via: sms}\n"
    )
    specs = read(tmp_path, text)

    found = [resource(specs, f"conversation/c/participant/{key}").fields for key in "abc"]
    assert found == [
        {("address",): "whatsapp:+15550100301", ("proxy",): "whatsapp:+15550100200"},
        {("address",): "whatsapp:+15550100302", ("proxy",): "whatsapp:+15550100200"},
        {("address",): "+15550100303", ("proxy",): "+15550100201"},
    ]


def test_scalars_are_typed_by_their_field(tmp_path: Path) -> None:
    """What a field takes as text is the text it looks like; attributes follow YAML 1.2."""
    text = FRAME + (
        "conversations:\n  c:\n    friendly_name: 012\n"
        "    attributes: {a: yes, b: 012, c: 12, d: true, e: 18:30, f: 1_000, g: 2024-01-01, "
        "h: 1.50, i: '1'}\n"
    )
    fields = resource(read(tmp_path, text), "conversation/c").fields

    assert fields[("friendly_name",)] == "012"
    assert {path[1]: value for path, value in fields.items() if path[0] == "attributes"} == {
        "a": "yes",
        "b": "012",
        "c": 12,
        "d": True,
        "e": "18:30",
        "f": "1_000",
        "g": "2024-01-01",
        "h": 1.5,
        "i": "1",
    }


def test_null_in_attributes_takes_a_key_away_and_an_empty_map_owns_none(tmp_path: Path) -> None:
    """Null is a wish (not there), `{}` is no wish at all."""
    fields = resource(
        read(tmp_path, FRAME + "conversations: {c: {attributes: {a: null, b: {}, c: {d: ~, e: 1}}}}\n"),
        "conversation/c",
    ).fields

    assert {path: value for path, value in fields.items() if path[0] == "attributes"} == {
        ("attributes", "a"): None,
        ("attributes", "c", "d"): None,
        ("attributes", "c", "e"): 1,
    }


def test_references_become_edges_and_keep_their_text(tmp_path: Path) -> None:
    """A lone reference is a Ref, one inside a text is joined with it."""
    text = FRAME + (
        "conversations:\n  a: {}\n  b:\n    attributes:\n"
        "      peer: ${conversations.a.sid}\n      link: https://x/${conversations.a.sid}/y\n"
    )
    fields = resource(read(tmp_path, text), "conversation/b").fields
    ref = Ref(Address.parse("conversation/a"), "sid")

    assert fields[("attributes", "peer")] == ref
    assert fields[("attributes", "link")] == Joined(("https://x/", ref, "/y"))


def test_what_a_sensitive_variable_touches_is_sensitive(tmp_path: Path) -> None:
    """The value itself, a text around it, and a whole list that holds it."""
    text = FRAME + (
        "variables: {token: {sensitive: true}}\n"
        "conversations: {c: {attributes: {a: '${var.token}', b: 'x-${var.token}', c: ['${var.token}']}}}\n"
    )
    specs = read(tmp_path, text, flags=(("token", "hush"),))
    fields = resource(specs, "conversation/c").fields

    assert fields[("attributes", "a")] == Secret("hush")
    assert fields[("attributes", "b")] == Secret("x-hush")
    assert fields[("attributes", "c")] == Secret(["hush"])


def test_roles_are_looked_up_by_name_unless_a_sid_is_given(tmp_path: Path) -> None:
    """A role's sid is the account's business; its name is ours."""
    sid = "RL" + "0" * 32
    text = FRAME + (
        "conversations: {c: {participants: {a: {identity: x, role: agent}, "
        f"b: {{identity: y, role: {sid}}}}}}}}}\n"
    )
    specs = read(tmp_path, text)

    assert resource(specs, "conversation/c/participant/a").fields[("role",)] == Lookup("Roles", "agent")
    assert resource(specs, "conversation/c/participant/b").fields[("role",)] == sid


def test_environments_must_be_chosen_and_exist(tmp_path: Path) -> None:
    """With environments and no -e the choice is listed; a mistyped one is corrected."""
    text = FRAME + "environments: {staging: {}, prod: {limits: {writes_per_second: 5}}}\n"

    assert problems(tmp_path, text) == [
        (
            "3:15 this stack has environments, and none was chosen | "
            "Choose with -e: staging, prod. For example: reconciler … -e staging"
        )
    ]
    assert problems(tmp_path, text, environment="pord") == [
        "-e pord: this stack has no such environment | Did you mean prod?"
    ]
    stack = read(tmp_path, text, environment="prod").stack
    assert (str(stack.owner), stack.writes_per_second) == ("shop (prod)", 5)


def test_a_hash_behind_prose_is_pointed_out(tmp_path: Path) -> None:
    """`Order #12` loses its end to a comment; a real comment is left in peace."""
    text = (
        FRAME
        + "conversations:\n  a:\n    friendly_name: Order #12\n  b:\n    friendly_name: Order # twelve\n"
    )

    assert [(w.summary, w.detail) for w in read(tmp_path, text).warnings] == [
        (
            "'#12' is a comment here, not part of the text",
            'If it belongs to the text, quote it: friendly_name: "Order #12"',
        )
    ]


MISTAKES = {
    "unknown key": ("c: {freindly_name: x}", "4:7 unknown key 'freindly_name' | Did you mean friendly_name?"),
    "child block as list": (
        "c: {participants: [a]}",
        "4:21 participants is a map of names, found a list | ",
    ),
    "text for a map": ("c: hello", "4:6 expected a map of fields, found 'hello' | "),
    "uncleared name": (
        "c: {friendly_name: null}",
        "4:22 friendly_name cannot be cleared | Leave the line out to let it be, or give a value.",
    ),
    "list for text": ("c: {friendly_name: [a]}", "4:22 expected text, found a list | "),
    "short timer": (
        "c: {timers: {inactive: PT1S}}",
        "4:26 PT1S is too short | The least is PT1M. To have no such timer write null.",
    ),
    "no timer": (
        "c: {timers: {inactive: 1d12}}",
        "4:26 '1d12' is no duration | Write 30m, 1h, 2d or 1d12h, or in ISO 8601: PT30M, PT1H, P2D.",
    ),
    "short timer in short": (
        "c: {timers: {closed: 9m}}",
        "4:24 9m is too short | The least is PT10M. To have no such timer write null.",
    ),
    "endless timer": ("c: {timers: {closed: 9999999999999d}}", "4:24 '9999999999999d' is no duration | "),
    "sid-like name": (
        "c: {unique_name: CH00000000000000000000000000000001}",
        "4:20 a unique_name must not look like a sid | Choose another name.",
    ),
    "reserved attribute": (
        "c: {attributes: {reconciler: 1}}",
        (
            "4:32 the attribute 'reconciler' is reserved | "
            "It holds the mark that tells ours from others'. Use another name."
        ),
    ),
    "key": (
        "a b: {}",
        "4:3 'a b' cannot be a key | A key has letters, digits, dashes and underscores, at most 64.",
    ),
    "no way to reach": (
        "c: {participants: {p: {}}}",
        (
            "4:22 this participant cannot be reached | "
            "Give address and via (a phone), identity (a chat user), or projected (a group MMS number)."
        ),
    ),
    "our own number": (
        "c: {participants: {p: {address: +15550100200, via: wa}}}",
        (
            "4:35 this is our own sender 'wa' | "
            "A party has a number of its own; senders are what parties see instead."
        ),
    ),
    "bad number": (
        "c: {participants: {p: {address: 5550100301, via: wa}}}",
        ("4:35 'whatsapp:5550100301' is no phone number | Write +, country code and number, digits only."),
    ),
    "no sender": (
        "c: {participants: {p: {address: +15550100301, via: wax}}}",
        "4:54 no sender is called 'wax' | Known senders: sms, wa.",
    ),
    "another channel": (
        "c: {participants: {p: {address: 'whatsapp:+15550100301', via: sms}}}",
        (
            "4:35 this address is on whatsapp, and sender 'sms' on sms | "
            "Write +15550100301 alone, or name a sender on whatsapp: via decides the channel."
        ),
    ),
    "one channel on another": (
        "c: {participants: {p: {address: 'messenger:123', via: wa}}}",
        "4:35 this address is on messenger, and sender 'wa' on whatsapp",
    ),
    "via of a chat user": (
        "c: {participants: {p: {identity: desk, via: wa}}}",
        "4:47 via is the sender behind an address, and there is no address | A chat user is reached without",
    ),
    "unknown via of a chat user": (
        "c: {participants: {p: {identity: desk, via: wax}}}",
        "via is the sender behind an address",
    ),
    "negative": (
        "c: {webhooks: {w: {url: https://x.example, filters: [onMessageAdded], replay_after: -1}}}",
        "expected a whole number, 0 or more, found '-1'",
    ),
    "pair twice": (
        (
            "{c: {participants: {p: {address: +15550100301, via: wa}}},"
            " d: {participants: {q: {address: +15550100301, via: wa}}}}"
        ),
        (
            "3:107 this address and proxy are a pair already; a pair stands in one conversation only | "
            "It belongs to conversation/c/participant/p."
        ),
    ),
    "identity twice": (
        "c: {participants: {p: {identity: x}, q: {identity: x}}}",
        "4:40 this identity is in the conversation already | It belongs to conversation/c/participant/p.",
    ),
    "six webhooks": (
        "c: {webhooks: {" + ", ".join(f"w{n}: {{studio: FW{n:032d}}}" for n in range(6)) + "}}",
        "4:268 6 webhooks; Twilio allows 5 in one conversation | Take some out.",
    ),
    "unknown event": (
        "c: {webhooks: {w: {url: https://x.example, filters: [onMessageAded]}}}",
        "4:55 'onMessageAded' is no event a scoped webhook can listen to | Did you mean onMessageAdded?",
    ),
    "http": (
        "c: {webhooks: {w: {url: http://x.example, filters: [onMessageAdded]}}}",
        "4:27 a webhook's url begins with https:// | What people write travels over it.",
    ),
    "too few in a group": (
        "c: {participants: {p: {projected: sms}, q: {address: +15550100301}}}",
        "4:37 a group MMS has 3 to 10 numbers, this one 2 | ",
    ),
    "ring": (
        '{c: {attributes: {x: "${conversations.d.sid}"}}, d: {attributes: {x: "${conversations.c.sid}"}}}',
        "ring",
    ),
    "unknown reference": (
        'c: {attributes: {x: "${conversations.d.sid}"}}',
        "4:24 there is no conversation 'd' | There are: c.",
    ),
    "too many attributes": (
        "c: {attributes: {" + ", ".join(f"attribute_{n}: {n}" for n in range(60)) + "}}",
        "too many fields",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_explained_where_they_are(tmp_path: Path, name: str) -> None:
    """Each mistake gives one problem: its place, what is wrong, what would be right."""
    text, expected = MISTAKES[name]
    block = text if text.startswith("{") else f"\n  {text}"
    found = problems(
        tmp_path, f"{FRAME}conversations: {block}\n" if block[0] == "{" else f"{FRAME}conversations:{block}\n"
    )

    assert len(found) == 1
    assert expected in found[0]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One run of validate shows everything, in the order of the places."""
    text = (
        "stack: {name: Shop, servce: x}\nconversation: {}\nconversations: {c: {on_closed: reopen}, d: []}\n"
    )

    assert problems(tmp_path, text) == [
        (
            "1:15 a stack's name has lower-case letters, digits and dashes, at most 40 | "
            "For example courier-demo."
        ),
        "1:21 unknown key 'servce' | Did you mean service?",
        "2:1 unknown key 'conversation' | Did you mean conversations?",
        "3:32 'reopen' is not allowed here | Allowed: leave, recreate, fail.",
        (
            "3:44 expected a map of fields, found a list | Write `field: value` lines below it. Its fields: "
            f"{', '.join(ConversationSpec.model_fields)}."
        ),
    ]


def test_a_typo_in_the_frame_is_told_with_everything_else(tmp_path: Path) -> None:
    """`stak:` is a typo, not a folder of something else: every other problem of the file is told too."""
    assert problems(tmp_path, "stak: {name: shop}\nconversations: {c: {frendly_name: x}}\n") == [
        "1:1 unknown key 'stak' | Did you mean stack?",
        "2:21 unknown key 'frendly_name' | Did you mean friendly_name?",
    ]
    assert problems(tmp_path, "conversations: {c: {frendly_name: x}}\n") == [
        "1:1 there is no stack: block | Add it to one file:\nstack:\n  name: my-stack",
        "1:21 unknown key 'frendly_name' | Did you mean friendly_name?",
    ]


def test_a_service_has_a_name(tmp_path: Path) -> None:
    """An empty one is none, and the default need not be written."""
    for service in ("''", "null"):
        (found,) = problems(tmp_path, f"stack: {{name: shop, service: {service}}}\n")
        assert found.startswith("1:30 service names no service | Write default")


@pytest.mark.parametrize("text", ["MG123", "mg" + "0" * 32, "CH" + "0" * 32, "", "MG" + "0" * 33])
def test_a_sid_looks_like_one(text: str) -> None:
    """A field that takes a sid takes no name and no other resource's sid."""
    good = "MG" + "0a" * 16

    assert read_sid("MG", Leaf(good, good)) == good
    assert read_sid("MG", Leaf("null", None)) is None
    with pytest.raises(PydanticCustomError, match="is no sid"):
        read_sid("MG", Leaf(text, text))


@pytest.mark.parametrize("first", ["address: +15550100300, via: wa", "projected: wa"])
def test_a_sender_that_cannot_be_read_is_told_once(tmp_path: Path, first: str) -> None:
    """One wrong variable is one problem, not one for everybody whom the sender reaches."""
    via = ", via: wa" if "via" in first else ""
    parties = f"      p: {{{first}}}\n" + "".join(
        f"      p{n}: {{address: +1555010030{n}{via}}}\n" for n in range(1, 3)
    )
    text = "stack: {name: shop}\nvariables: {wa: {type: phone}}\nsenders: {wa: 'whatsapp:${var.wa}'}\n"
    text += f"conversations:\n  c:\n    participants:\n{parties}"
    (found,) = problems(tmp_path, text, flags=(("wa", "+1"),))

    assert found.startswith("--var wa: variable wa takes a phone number, not +1")


def test_values_that_could_come_from_what_cannot_be_read_are_not_missed(tmp_path: Path) -> None:
    """A mistyped environment or file is one problem, not one for each variable."""
    text = "stack: {name: shop}\nvariables: {a: {}, b: {}}\n"
    environments = "environments: {prod: {variables: {a: x, b: y}}}\n"

    (found,) = problems(tmp_path, text, files=(tmp_path / "nowhere.yaml",))
    assert "this file does not exist" in found
    (found,) = problems(tmp_path, text + environments, environment="prd")
    assert found == "-e prd: this stack has no such environment | Did you mean prod?"
    (found,) = problems(tmp_path, text, files=(tmp_path,))
    assert "this is a folder, not a file | Name a file." in found


@pytest.mark.parametrize(
    "url", ["https://[::1", "https://x:99999/", "http://example.com/hush", "https:///hush"]
)
def test_a_sensitive_url_is_checked_and_not_shown(tmp_path: Path, url: str) -> None:
    """What can be known of it is checked; a reference in it is no obstacle."""
    text = FRAME + "variables: {u: {sensitive: true}}\nconversations: {c: {webhooks: {w: {url: "
    flags = (("u", url),)
    (found,) = problems(tmp_path, text + "'${var.u}', filters: [onMessageAdded]}}}}\n", flags=flags)
    assert "url" in found
    assert "hush" not in found
    joined = "'http://example.com/${conversations.c.sid}', filters: [onMessageAdded]}}}}\n"
    (found,) = problems(tmp_path, text + joined, flags=flags)
    assert "begins with https://" in found


def test_twenty_thousand_conversations_are_checked_in_a_moment() -> None:
    """Who stands in whom is found once, not once for each."""
    names: dict[Address, Fields] = {
        Address.of("conversation", f"c{n}"): {("unique_name",): f"c{n}"} for n in range(20_000)
    }
    graph = Graph({address: Resource(address, fields) for address, fields in names.items()})
    before = time.process_time()

    assert check_graph(graph, KINDS, Site("", "shop"), Owner("shop")) == []
    assert time.process_time() - before < 10
