"""Texts with expressions become what they stand for; what cannot be read is told at its own column."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.diagnostics import Diagnostic, error
from reconciler.expressions import Expression, Scope, parse, substitute, variables_in
from reconciler.model import Address, Joined, Place, Ref
from reconciler.nodes import (
    Entry,
    Failed,
    Link,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Typed,
    is_sensitive,
    leaves,
)
from reconciler.yaml_nodes import parse as parse_yaml

HERE = Place("f.yaml", 1, 4)
THERE = Place("v.yaml", 9, 9)
ORDER_SID = Ref(Address.of("conversation", "order-1042"), "sid")


def reference(names: tuple[str, ...], place: Place) -> Ref | Diagnostic:
    """Know every conversation but `nope`."""
    if names[1] == "nope":
        return error("no conversation nope", "Did you mean order-1042?", place=place)
    return Ref(Address.of("conversation", names[1]), names[-1])


def text(value: str, *, sensitive: bool = False) -> Scalar:
    return Scalar(value, plain=False, place=THERE, sensitive=sensitive)


SCOPE = Scope(
    variables={
        "x": text("X"),
        "pin": text("1234", sensitive=True),
        "pins": Sequence((text("1", sensitive=True),), THERE),
        "n": Typed(5, THERE),
        "on": Typed(value=True, place=THERE),
        "rate": Typed(0.5, THERE, sensitive=True),
        "list": Sequence((text("${var.x}"), Typed(1, THERE)), THERE),
        "map": Mapping((Entry(text("k"), text("v")),), THERE),
        "failed": Failed(THERE),
    },
    environment="staging",
    each={"order_id": "007", "count": 3},
    reference=reference,
)


def value(written: str) -> Scalar:
    """Return the value of `a:`, which stands at HERE."""
    parsed = parse_yaml(f"a: {written}\n".encode(), "f.yaml")
    assert isinstance(parsed.root, Mapping)
    node = parsed.root.entries[0].value
    assert isinstance(node, Scalar)
    return node


def put(written: str, scope: Scope = SCOPE) -> Node:
    """Return what `written` stands for, which has no problem."""
    problems: list[Diagnostic] = []
    node = substitute(value(written), scope, problems)
    assert problems == []
    return node


def told(written: str, scope: Scope = SCOPE) -> str:
    """Return the one problem of `written`."""
    problems: list[Diagnostic] = []
    assert isinstance(substitute(value(written), scope, problems), Failed)
    assert len(problems) == 1
    return f"{problems[0].place}: {problems[0].summary}\n{problems[0].detail}"


def here(value: str, *, sensitive: bool = False) -> Scalar:
    return Scalar(value, plain=False, place=HERE, sensitive=sensitive)


@pytest.mark.parametrize(
    ("written", "node"),
    [
        ("${var.x}", here("X")),
        ("${ var.x }", here("X")),
        ('"${var.x}"', here("X")),
        ("${env}", here("staging")),
        ("${each.order_id}", here("007")),
        ("${each.count}", Typed(3, HERE)),
        ("${var.n}", Typed(5, HERE)),
        ("${var.on}", Typed(value=True, place=HERE)),
        ("n is ${var.n}, on is ${var.on}", here("n is 5, on is true")),
        ("${var.x}${var.x}", here("XX")),
        ("$${var.x}", here("${var.x}")),
        ("$${${var.x}}", here("${X}")),
        ("costs $5 {x}", Scalar("costs $5 {x}", plain=True, place=HERE)),
        ("|\n  ${var.x}\n  ${env}\n", here("X\nstaging\n")),
        ("${conversations.order-1042.sid}", Link(ORDER_SID, HERE)),
        ("https://x/${conversations.order-1042.sid}", Link(Joined(("https://x/", ORDER_SID)), HERE)),
        (
            "${var.x}-${env}/${conversations.order-1042.sid}${conversations.order-1042.sid}",
            Link(Joined(("X-staging/", ORDER_SID, ORDER_SID)), HERE),
        ),
        (
            "${conversations.order[100001].participants.customer.sid}",
            Link(Ref(Address.of("conversation", "order[100001]"), "sid"), HERE),
        ),
    ],
)
def test_expressions_become_their_values(written: str, node: Node) -> None:
    """A lone expression keeps its type; one inside a text becomes part of the text."""
    assert put(written) == node


def test_lists_and_maps_are_put_in_whole() -> None:
    """What is put in is not searched for expressions again."""
    assert put("${var.list}") == Sequence((text("${var.x}"), Typed(1, THERE)), HERE)
    assert put("${var.map}") == Mapping((Entry(text("k"), text("v")),), HERE)


@pytest.mark.parametrize(
    ("written", "sensitive"),
    [
        ("${var.pin}", True),
        ("pin ${var.pin} of ${var.x}", True),
        ("${var.rate}", True),
        ("at ${var.rate}", True),
        ("${var.pins}", True),
        ("${conversations.order-1042.sid}?pin=${var.pin}", True),
        ("${var.x}", False),
        ("https://x/${conversations.order-1042.sid}", False),
    ],
)
def test_sensitive_taints(written: str, sensitive: bool) -> None:
    """Whatever a sensitive value touches is sensitive."""
    assert is_sensitive(put(written)) is sensitive


def test_a_sensitive_text_taints_what_it_uses() -> None:
    """A list that becomes the value of a sensitive text is sensitive to its leaves."""
    node = substitute(Scalar("${var.list}", plain=False, place=HERE, sensitive=True), SCOPE, [])

    assert all(not isinstance(leaf, Failed) and leaf.sensitive for leaf in leaves(node))


FORMS = (
    "Write ${var.name}, ${env}, ${each.column} or, as in ${conversations.order-1042.sid}, "
    "a resource's field. For the characters themselves write $${."
)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "call ${var.x",
            (
                "f.yaml:1:9: this ${ is never closed\n"
                "Close it with }, as in ${var.name}. For the characters themselves write $${."
            ),
        ),
        (
            '"a ${var.x and ${env}"',
            (
                "f.yaml:1:7: this ${ is never closed\n"
                "Close it with }, as in ${var.name}. For the characters themselves write $${."
            ),
        ),
        ("${}", f"f.yaml:1:4: this ${{}} is empty\n{FORMS}"),
        ("'x ${ }'", f"f.yaml:1:7: this ${{}} is empty\n{FORMS}"),
        ("${a b}", f"f.yaml:1:4: ${{a b}} cannot be read\n{FORMS}"),
        ("${price}", f"f.yaml:1:4: ${{price}} names nothing\n{FORMS}"),
        ("${vra.x}", "f.yaml:1:4: ${vra.x} names nothing\nDid you mean ${var.x}?"),
        (
            "${conversations.order-1042}",
            (
                "f.yaml:1:4: ${conversations.order-1042} names nothing\n"
                "For a field of a resource write, as an example, ${conversations.order-1042.sid}. "
                "For the characters themselves write $${."
            ),
        ),
        ("${var.x.y}", "f.yaml:1:4: ${var.x.y} cannot be read\nWrite ${var.name}."),
        ("${var.x[1]}", "f.yaml:1:4: ${var.x[1]} cannot be read\nWrite ${var.name}."),
        ("${env.x}", "f.yaml:1:4: ${env.x} cannot be read\nWrite ${env}."),
        ("to ${var.lst}", "f.yaml:1:7: there is no variable lst\nDid you mean ${var.list}?"),
        (
            "'it''s ${var.lst}'",
            "f.yaml:1:4: there is no variable lst\nDid you mean ${var.list}?",
        ),
        ("${each.cuont}", "f.yaml:1:4: the rows have no column cuont\nDid you mean ${each.count}?"),
        ("${each.z}", "f.yaml:1:4: the rows have no column z\nThere are: count, order_id."),
        (
            "a ${var.list}",
            (
                "f.yaml:1:4: a list or map cannot stand inside a text\n"
                "A list or map can only be the whole value, with no text around the ${…}."
            ),
        ),
        ("${conversations.nope.sid}", "f.yaml:1:4: no conversation nope\nDid you mean order-1042?"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_column(written: str, message: str) -> None:
    """The place is that of the expression where the text is written out, else that of the text."""
    assert told(written) == message


def test_an_unclosed_expression_hides_no_other() -> None:
    """Every mistake of a text is told at once."""
    problems: list[Diagnostic] = []
    substitute(value('"${} ${var.x and ${a b}"'), SCOPE, problems)

    assert [f"{one.place}: {one.summary}" for one in problems] == [
        "f.yaml:1:5: this ${} is empty",
        "f.yaml:1:9: this ${ is never closed",
        "f.yaml:1:21: ${a b} cannot be read",
    ]


def test_what_an_empty_scope_says() -> None:
    """Without variables, environment, rows and resources each expression says what is missing."""
    empty = Scope()

    assert told("${var.wa}", empty) == (
        "f.yaml:1:4: there is no variable wa\nDefine it:\nvariables:\n  wa: {default: …}"
    )
    assert told("${env}", empty) == (
        "f.yaml:1:4: ${env} has no value: no environment is chosen\n"
        "Add an environments: block and choose one with -e, or write the text out."
    )
    assert told("${each.x}", empty) == (
        "f.yaml:1:4: ${each.x} stands outside of for_each\n"
        "Only a resource with for_each has rows. For the characters themselves write $${."
    )
    assert told("${conversations.a.sid}", empty) == (
        "f.yaml:1:4: ${conversations.a.sid} is not known yet here\n"
        "Only ${var.name} and ${env} can stand here."
    )


def test_every_problem_of_a_text_is_told() -> None:
    """Two mistakes in one text are two problems."""
    problems: list[Diagnostic] = []
    substitute(value("${var.a} ${b} ${env}"), Scope(), problems)

    places = [str(problem.place) for problem in problems]
    assert places == ["f.yaml:1:4", "f.yaml:1:13", "f.yaml:1:18"]


def test_a_failed_variable_fails_its_uses_in_silence() -> None:
    """What is reported once is not reported again."""
    assert put("${var.failed}") == Failed(HERE)
    assert put("a ${var.failed} b") == Failed(HERE)


def test_a_key_holds_no_expression() -> None:
    """Keys are written out; a literal `$${` is allowed."""
    problems: list[Diagnostic] = []
    node = parse_yaml(b'a: {"x-${var.x}": 1, "$${y}": 2}\n', "f.yaml").root
    assert node is not None
    substitute(node, SCOPE, problems)

    assert [f"{one.place}: {one.summary}\n{one.detail}" for one in problems] == [
        "f.yaml:1:5: a key cannot hold ${…}\nExpressions stand in values only: write the key out."
    ]


def test_nodes_without_expressions_stay_the_same() -> None:
    """Nothing is copied where nothing changes."""
    node = parse_yaml(b"a: [b, {c: d}]\n", "f.yaml").root
    assert node is not None

    assert substitute(node, SCOPE, []) is node


def test_values_cannot_grow_without_bounds() -> None:
    """A text or list that doubles with every variable is stopped."""
    problems: list[Diagnostic] = []
    long = Scope({"x": text("x" * 100_000), "list": Sequence((text("x"),) * 100_000, THERE)})
    substitute(Scalar("${var.x}" * 300, plain=False, place=HERE), long, problems)
    lists = tuple(Scalar("${var.list}", plain=False, place=HERE) for _ in range(10))
    substitute(Sequence(lists, HERE), long, problems)

    assert [(problem.place, problem.summary) for problem in problems] == [
        (HERE, "this value grows too large")
    ] * 2


def test_the_variables_of_a_node() -> None:
    """Only real uses count."""
    node = parse_yaml(
        b'a: ["${var.x} ${var.y}", "$${var.z}", {b: "${env} ${var.", c: "${var.w}"}]\n', "f.yaml"
    ).root
    assert node is not None

    assert variables_in(node) == {"x", "y", "w"}


@settings(derandomize=True, max_examples=1000, deadline=None)
@given(st.text(alphabet="${}[]. \nvarenvx0-_", max_size=40))
def test_any_text_is_parsed(written: str) -> None:
    """Whatever the text: texts, expressions and problems with places, and nothing is lost on the way."""
    scalar = Scalar(written, plain=True, place=HERE, inset=0)
    parts = parse(scalar)

    for part in parts:
        if not isinstance(part, str):
            assert part.place is not None
            column = part.place.column - HERE.column
            assert written[column : column + 2] == "${"
    if all(isinstance(part, str | Expression) for part in parts):
        back = "".join(part.replace("${", "$${") if isinstance(part, str) else str(part) for part in parts)
        assert back.replace(" ", "") == written.replace(" ", "")
