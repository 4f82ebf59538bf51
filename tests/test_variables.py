"""Variables are settled from the first source that has a value, typed, and kept secret where they must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.nodes import Failed, Mapping, Node, Scalar, Typed, is_sensitive, to_json
from reconciler.render.numbers import Numbers
from reconciler.render.problems import problems as shown
from reconciler.variables import Inputs, concealed, settle
from reconciler.yaml_nodes import parse

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.diagnostics import Diagnostic

SECRET = "hunter2"
NO_INPUTS = Inputs()


def block(text: str) -> Mapping | None:
    parsed = parse(text.encode(), "specs/stack.yaml")
    assert parsed.problems == ()
    assert parsed.root is None or isinstance(parsed.root, Mapping)
    return parsed.root


def run(
    definitions: str, inputs: Inputs = NO_INPUTS, environment: str = ""
) -> tuple[dict[str, Node], list[str]]:
    """Return the settled nodes and the problems as text, without the closing count."""
    problems: list[Diagnostic] = []
    settled = settle(block(definitions), block(environment), inputs, problems)
    return dict(settled), [told(problem) for problem in problems]


def told(problem: Diagnostic) -> str:
    place = f"{problem.place}: ".removeprefix("specs/stack.yaml:") if problem.place else ""
    lines = [f"{place}{problem.summary}", *problem.detail.splitlines()]
    lines += [f"{word} at {where}".replace("specs/stack.yaml:", "") for word, where in problem.related]
    return "\n".join(lines)


def json_of(definitions: str, inputs: Inputs = NO_INPUTS, environment: str = "") -> dict[str, object]:
    settled, problems = run(definitions, inputs, environment)
    assert problems == []
    return {name: to_json(node) for name, node in settled.items()}


def test_no_block_no_variables() -> None:
    """A stack needs no variables."""
    assert run("") == ({}, [])


TYPES = """
text: {default: 012}
quoted: {type: string, default: "yes"}
phone: {type: phone, default: +15550100201}
whole: {type: integer, default: -42}
half: {type: number, default: 0.5}
one: {type: number, default: 1}
on: {type: boolean, default: true}
list: {type: list, default: [a, 1]}
map: {type: map, default: {k: [null]}}
"""


def test_defaults_are_typed() -> None:
    """The type of the variable decides what a written value is."""
    assert json_of(TYPES) == {
        "text": "012",
        "quoted": "yes",
        "phone": "+15550100201",
        "whole": -42,
        "half": 0.5,
        "one": 1,
        "on": True,
        "list": ["a", 1],
        "map": {"k": [None]},
    }


def test_flags_are_typed() -> None:
    """Text from outside becomes what the variable's type says; lists and maps are written as in YAML."""
    flags = {
        "text": "5",
        "quoted": "",
        "phone": "+447700900123",
        "whole": "7",
        "half": "1e3",
        "one": "2",
        "on": "False",
        "list": "[x, {y: 1}]",
        "map": "{a: b}",
    }

    assert json_of(TYPES, Inputs(flags=tuple(flags.items()))) == {
        "text": "5",
        "quoted": "",
        "phone": "+447700900123",
        "whole": 7,
        "half": 1000.0,
        "one": 2,
        "on": False,
        "list": ["x", {"y": 1}],
        "map": {"a": "b"},
    }


def test_precedence(tmp_path: Path) -> None:
    """Flags, later files, earlier files, the process, the environment, the default, in this order."""
    definitions = "".join(f"v{i}: {{default: default}}\n" for i in range(7))
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("".join(f"v{i}: first\n" for i in range(4)))
    second.write_text("".join(f"v{i}: second\n" for i in range(3)))
    inputs = Inputs(
        flags=(("v0", "early"), ("v1", "flag"), ("v0", "late")),
        files=(first, second),
        environ={f"RECONCILER_VAR_V{i}": "process" for i in range(5)},
        environment="staging",
    )

    assert json_of(definitions, inputs, "".join(f"v{i}: environment\n" for i in range(6))) == {
        "v0": "late",
        "v1": "flag",
        "v2": "second",
        "v3": "first",
        "v4": "process",
        "v5": "environment",
        "v6": "default",
    }


def test_process_variables_by_either_name() -> None:
    """The exact name comes first; the upper-case name is what a shell can set. Others are not ours."""
    environ = {
        "RECONCILER_VAR_a-b": "exact",
        "RECONCILER_VAR_A_B": "upper",
        "RECONCILER_VAR_C_D": "upper",
        "RECONCILER_VAR_OTHER": "x",
    }

    assert json_of("a-b: {}\nc-d: {}\n", Inputs(environ=environ)) == {"a-b": "exact", "c-d": "upper"}


def test_values_may_use_variables() -> None:
    """Defaults and the environment's values use other variables and the environment's name."""
    definitions = """
greeting: {default: "Hello from ${env}, ${var.name}"}
name: {}
count: {type: integer, default: 3}
same: {type: integer, default: "${var.count}"}
all: {type: list, default: ["${var.name}", "${var.count}"]}
copy: {type: list, default: "${var.all}"}
"""

    assert json_of(definitions, Inputs(environment="staging"), "name: '${var.count} riders'\n") == {
        "greeting": "Hello from staging, 3 riders",
        "name": "3 riders",
        "count": 3,
        "same": 3,
        "all": ["3 riders", 3],
        "copy": ["3 riders", 3],
    }


def test_values_from_outside_are_literal(tmp_path: Path) -> None:
    """`${` in a flag, a file or the process is text."""
    file = tmp_path / "vars.yaml"
    file.write_text("b: ${var.a}\n")
    inputs = Inputs(flags=(("a", "${var.b}"),), files=(file,), environ={"RECONCILER_VAR_C": "$${"})

    assert json_of("a: {}\nb: {}\nc: {}\n", inputs) == {"a": "${var.b}", "b": "${var.a}", "c": "$${"}


def test_a_given_value_breaks_a_circle() -> None:
    """Only the sources in use count."""
    definitions = 'a: {default: "${var.b}"}\nb: {default: "${var.a}"}\n'

    assert json_of(definitions, Inputs(flags=(("a", "x"),))) == {"a": "x", "b": "x"}


def test_circles_are_named_whole() -> None:
    """Each circle is one problem with all its places; what uses it fails in silence."""
    definitions = """\
a: {default: "${var.b}"}
b: {default: "x ${var.c}"}
c: {default: "${var.a}"}
user: {default: "${var.b}"}
self: {default: "${var.self}"}
fine: {default: x}
"""
    settled, problems = run(definitions)

    assert sorted(problems) == [
        (
            "1:1: variables use each other in a circle: a → b → c → a\n"
            "Each waits for the next. Give one of them a value of its own.\n"
            "b is defined at 2:1\n"
            "c is defined at 3:1"
        ),
        "5:1: variable self uses itself\nGive it a value that does without.",
    ]
    assert [name for name, node in settled.items() if isinstance(node, Failed)] == [
        "a",
        "b",
        "c",
        "user",
        "self",
    ]


def test_long_chains_are_no_recursion() -> None:
    """A thousand variables, each using the next, are settled."""
    definitions = (
        "".join(f'v{i}: {{default: "${{var.v{i + 1}}}"}}\n' for i in range(3000)) + "v3000: {default: x}\n"
    )

    assert set(json_of(definitions).values()) == {"x"}


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            "v: {type: integer, default: 4.5}",
            "1:29: variable v takes a whole number, not 4.5\nWrite digits only, such as 42.",
        ),
        (
            "v: {type: integer, default: 012}",
            "1:29: variable v takes a whole number, not 012\nWrite digits only, such as 42.",
        ),
        (
            "v: {type: number, default: .5}",
            "1:28: variable v takes a number, not .5\nWrite a number, such as 0.5.",
        ),
        (
            "v: {type: boolean, default: yes}",
            "1:29: variable v takes true or false, not yes\nWrite true or false.",
        ),
        (
            "v: {type: phone, default: 0155 501}",
            (
                '1:27: variable v takes a phone number, not "0155 501"\n'
                "Write +, country code and number, digits only."
            ),
        ),
        (
            "v: {type: list, default: a}",
            "1:26: variable v takes a list, not a\nWrite a list: [first, second].",
        ),
        (
            "v: {type: map, default: [a]}",
            "1:25: variable v takes a map, not a list\nWrite a map: {key: value}.",
        ),
        (
            "v: {default: {a: b}}",
            (
                "1:14: variable v takes a text, not a map\n"
                'Write a text, in quotes if it begins with [ or {; an empty one is "".'
            ),
        ),
        (
            "v: {default: }",
            (
                "1:14: variable v takes a text, not nothing\n"
                'Write a text, in quotes if it begins with [ or {; an empty one is "".'
            ),
        ),
        (
            "v: {default: c, allowed: [a, b b]}",
            '1:14: variable v cannot be c\nAllowed are: a, "b b".',
        ),
        (
            "v: {type: integer, default: 1, allowed: [1, x]}",
            "1:45: variable v takes a whole number, not x\nWrite digits only, such as 42.",
        ),
        ("v: {default: a, allowed: a}", "1:26: allowed is a list of values\nWrite allowed: [first, second]."),
        ("v: {type: intger}", "1:11: this is no type of a variable\nDid you mean integer?"),
        (
            "v: {type: [x]}",
            (
                "1:11: this is no type of a variable\n"
                "Write one of: string, integer, number, boolean, phone, list, map."
            ),
        ),
        ("v: {sensitive: yes}", "1:16: sensitive is true or false\nWrite sensitive: true."),
        ("v: {defualt: x}", "1:5: a variable has no defualt\nDid you mean default?"),
        (
            "v: {x: y}",
            "1:5: a variable has no x\nThere are: type, default, description, sensitive, allowed.",
        ),
        (
            "v: x",
            "1:1: variable v needs a map here\nWrite v: {default: …}, or v: {} for one without a default.",
        ),
        (
            "v:",
            "1:1: variable v needs a map here\nWrite v: {default: …}, or v: {} for one without a default.",
        ),
        (
            "9a: {default: x}",
            (
                "1:1: 9a cannot name a variable\n"
                "Begin with a letter; letters, digits, - and _ may follow, 64 in all."
            ),
        ),
        ('v: {default: "${var.w}"}', "1:15: there is no variable w\nThere are: v."),
        (
            'v: {default: "${conversations.a.sid}"}',
            "1:15: ${conversations.a.sid} is not known yet here\nOnly ${var.name} and ${env} can stand here.",
        ),
    ],
)
def test_wrong_definitions_are_told_once(definition: str, message: str) -> None:
    """Each mistake has its place, and its variable fails without more words."""
    settled, problems = run(definition)

    assert problems == [message]
    assert all(isinstance(node, Failed) for node in settled.values()) or "allowed" in definition


def test_a_missing_value() -> None:
    """Who gave no value is told every way to give one."""
    ways = (
        "Give it one of these ways:\n"
        "  --var rider-phone=…\n"
        "  --var-file FILE with a line rider-phone: …\n"
        "  RECONCILER_VAR_RIDER_PHONE=… in the process's environment\n"
    )
    _, alone = run("rider-phone: {type: phone}\n")
    _, staged = run("rider-phone: {type: phone}\n", Inputs(environment="staging"))

    assert alone == [
        (
            f"1:1: variable rider-phone has no value\n{ways}"
            "  rider-phone: … under an environment's variables:\nor give it a default: here."
        )
    ]
    assert staged == [
        (
            f"1:1: variable rider-phone has no value\n{ways}"
            "  rider-phone: … under environments: staging: variables:\nor give it a default: here."
        )
    ]


def test_names_nobody_defined(tmp_path: Path) -> None:
    """Unknown names are errors wherever we are named; the value is not shown."""
    file = tmp_path / "vars.yaml"
    file.write_text(f"custmer: {SECRET}\n")
    inputs = Inputs(flags=(("custommer", SECRET), ("zzz", SECRET)), files=(file,), environment="staging")
    _, problems = run("customer: {default: x}\n", inputs, f"costumer: {SECRET}\n")

    assert problems == [
        "--var custommer: there is no such variable\nDid you mean customer?",
        "--var zzz: there is no such variable\nThere are: customer.",
        (
            f"{file}:1:1: this file gives a value to custmer, but there is no such variable\n"
            "Did you mean customer?"
        ),
        (
            "1:1: environment staging gives a value to costumer, but there is no such variable\n"
            "Did you mean customer?"
        ),
    ]


def test_wrong_values_from_outside() -> None:
    """A value that stands in no file is named by the way it came, and the definition's place is told."""
    inputs = Inputs(flags=(("n", "four"), ("l", "[a")), environ={"RECONCILER_VAR_WA": "0155"})
    _, problems = run("n: {type: integer}\nl: {type: list}\nwa: {type: phone}\n", inputs)

    assert sorted(problems) == [
        '--var l: variable l takes a list, not "[a"\nWrite a list: [first, second].\ndefined at 2:1',
        "--var n: variable n takes a whole number, not four\nWrite digits only, such as 42.\ndefined at 1:1",
        (
            "RECONCILER_VAR_WA: variable wa takes a phone number, not 0155\n"
            "Write +, country code and number, digits only.\ndefined at 3:1"
        ),
    ]


def test_files_that_are_no_maps(tmp_path: Path) -> None:
    """A missing, broken or odd file is told; an empty one gives nothing."""
    broken, odd, empty = (tmp_path / name for name in ("broken.yaml", "odd.yaml", "empty.yaml"))
    broken.write_text("a: [\n")
    odd.write_text("- a\n")
    empty.write_text("# none\n")
    _, problems = run("v: {default: x}\n", Inputs(files=(tmp_path / "no.yaml", broken, odd, empty)))

    assert problems == [
        f"{tmp_path}/no.yaml:1:1: this file does not exist\nCheck the path.",
        f"{broken}:1:4: the [ opened here is never closed\nClose it with ].",
        f"{odd}:1:1: this file is no map of names and values\nA --var-file holds one name: value a line.",
    ]


def test_sensitive_values_taint() -> None:
    """A sensitive variable is sensitive to its leaves, and so is what it touches."""
    settled, problems = run("""
pin: {sensitive: true, default: "1234"}
pins: {sensitive: true, type: list, default: [1, {a: 2}]}
rate: {sensitive: true, type: number, default: 0.5}
text: {default: "pin ${var.pin}"}
copy: {type: list, default: "${var.pins}"}
open: {default: x}
""")

    assert problems == []
    assert [name for name, node in settled.items() if is_sensitive(node)] == [
        "pin",
        "pins",
        "rate",
        "text",
        "copy",
    ]
    assert isinstance(settled["rate"], Typed)
    assert isinstance(settled["text"], Scalar)


LEAKS = f"""
a: {{sensitive: true, type: integer, default: {SECRET}}}
b: {{sensitive: true, default: {SECRET}, allowed: [x, {SECRET}x]}}
c: {{sensitive: true, default: "p${{{SECRET}"}}
d: {{sensitive: true, default: "p${{{SECRET}}}"}}
e: {{sensitive: true, default: "p${{vr.{SECRET} x}}"}}
f: {{sensitive: true, type: map, default: [{SECRET}]}}
g: {{sensitive: true, type: integer}}
h: {{sensitive: true, type: list}}
i: {{sensitive: true, type: phone}}
j: {{sensitive: true, default: ok}}
k: {{type: integer, default: "${{var.j}}"}}
l: {{type: integer}}
m: {{sensitive: true, type: integer}}
"""


def test_sensitive_values_stand_in_no_message(tmp_path: Path) -> None:
    """Neither the messages nor the quoted lines show a sensitive value, however it came."""
    definitions = parse(f"variables:{LEAKS.replace(chr(10), chr(10) + '  ')}\n".encode(), "specs/stack.yaml")
    assert isinstance(definitions.root, Mapping)
    variables = definitions.root.get("variables")
    assert isinstance(variables, Mapping)
    file = tmp_path / "vars.yaml"
    file.write_text(f"i: {SECRET}\n")
    problems: list[Diagnostic] = []
    inputs = Inputs(
        flags=(("g", SECRET),),
        files=(file,),
        environ={"RECONCILER_VAR_H": f"[{SECRET}"},
        environment="staging",
    )
    settled = settle(variables, block(f'l: "${{var.j}} {SECRET[0]}"\nm: {SECRET}\n'), inputs, problems)

    sources = {"specs/stack.yaml": definitions.lines}
    text = shown(problems, concealed(sources, definitions.root), Numbers(None))
    assert [name for name, node in settled.items() if not isinstance(node, Failed)] == ["j"]
    assert SECRET not in text
    assert "ok h" not in text
    assert "variable k takes a whole number, and its value is something else" in text


def test_quoted_lines_are_cut_before_sensitive_values() -> None:
    """Every value the specs give to a sensitive variable is hidden; unclear is sensitive."""
    text = """\
variables:
  pin: {sensitive: true, default: 1234, allowed: [1234, 5678]}
  key: {sensitive: maybe, default: abc}
  open: {sensitive: false, default: seen}
environments:
  prod: {variables: {open: seen, pin: 5678}}
  odd: x
"""
    parsed = parse(text.encode(), "specs/stack.yaml")
    assert isinstance(parsed.root, Mapping)

    assert concealed({"specs/stack.yaml": parsed.lines}, parsed.root) == {
        "specs/stack.yaml": (
            "variables:",
            "  pin: {sensitive: true, default: (sensitive)",
            "  key: {sensitive: maybe, default: (sensitive)",
            "  open: {sensitive: false, default: seen}",
            "environments:",
            "  prod: {variables: {open: seen, pin: (sensitive)",
            "  odd: x",
        )
    }
