"""Every mistake in YAML that people make is explained where it can be mended, in words of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.yaml_nodes import parse

if TYPE_CHECKING:
    from reconciler.diagnostics import Diagnostic


def case(name: str, text: str, message: str) -> object:
    return pytest.param(text, message, id=name)


CASES = [
    case(
        "two documents",
        ("stack: {name: demo}\n---\nx: 1\n"),
        (
            "2:1: a second document begins here\n"
            "A file holds one document: move what follows into a file of its own, or delete the line."
        ),
    ),
    case(
        "document after its end",
        ("stack: {name: demo}\n...\nx: 1\n"),
        (
            "3:1: a second document begins here\n"
            "A file holds one document: move what follows into a file of its own, or delete the line."
        ),
    ),
    case(
        "tab indentation",
        ("stack: {name: demo}\nsenders:\n\twa: whatsapp:+15550100200\n"),
        ("3:1: a tab stands in the indentation\nIndent with spaces."),
    ),
    case(
        "tab in a list",
        ("stack: {name: demo}\nlist:\n  - a\n\t- b\n"),
        ("4:1: a tab stands in the indentation\nIndent with spaces."),
    ),
    case(
        "duplicate key",
        ("stack: {name: demo}\nsenders:\n  wa: a\n  sms: b\n  wa: c\n"),
        ("5:3: wa is defined twice\nKeep one of the two, or give one another key.\nfirst defined at 3:3"),
    ),
    case(
        "duplicate in other quotes",
        ('stack: {name: demo}\nsenders: {012: a, "012": b}\n'),
        ("2:19: 012 is defined twice\nKeep one of the two, or give one another key.\nfirst defined at 2:11"),
    ),
    case(
        "merge key",
        ("stack: {name: demo}\nx-base: &base {a: 1}\nsenders:\n  <<: *base\n"),
        ("4:3: merging with << is not used here\nWrite the keys out, or use an alias for a whole value."),
    ),
    case(
        "explicit tag",
        ("stack: {name: demo}\nsenders: {wa: !!str 5}\n"),
        (
            "2:15: tags (words beginning with !) are not used here\n"
            'Fields give values their types. If it is meant as text, put it in quotes: "!text".'
        ),
    ),
    case(
        "own tag",
        ("stack: {name: demo}\nsenders: {wa: !secret x}\n"),
        (
            "2:15: tags (words beginning with !) are not used here\n"
            'Fields give values their types. If it is meant as text, put it in quotes: "!text".'
        ),
    ),
    case(
        "undefined alias",
        ("stack: {name: demo}\nsenders: {wa: *bold}\n"),
        (
            "2:15: *bold stands for nothing: no &bold comes before it\n"
            'If it is meant as text, put it in quotes: "*bold".'
        ),
    ),
    case(
        "bold text",
        ("stack: {name: demo}\ntitle: *bold* move\n"),
        ('2:8: * begins an alias to YAML\nIf it is meant as text, put the value in quotes: "*…".'),
    ),
    case(
        "recursive alias",
        ("stack: {name: demo}\nsenders: &s {wa: *s}\n"),
        (
            "2:18: *s stands inside its own value\n"
            "Write out what *s stands for, or take it out of the value marked &s."
        ),
    ),
    case(
        "unquoted expression in braces",
        ("stack: {name: demo}\nsenders: {wa: ${var.wa}}\n"),
        (
            "2:15: ${…} must be quoted between brackets or braces\n"
            'Put the whole value in double quotes: {key: "${var.name}"}.'
        ),
    ),
    case(
        "unquoted expression in brackets",
        ("stack: {name: demo}\nlist: [${var.wa}, b]\n"),
        (
            "2:8: ${…} must be quoted between brackets or braces\n"
            'Put the whole value in double quotes: {key: "${var.name}"}.'
        ),
    ),
    case(
        "unquoted placeholder",
        ("stack: {name: demo}\nbody: {{1}} is near\n"),
        (
            "2:7: {{…}} must be quoted here\n"
            'A value that begins with { is a map to YAML. Put the whole value in double quotes: "{{1}} …".'
        ),
    ),
    case(
        "unquoted placeholder alone",
        ("stack: {name: demo}\nbody: {{1}}\n"),
        (
            "2:7: {{…}} must be quoted here\n"
            'A value that begins with { is a map to YAML. Put the whole value in double quotes: "{{1}} …".'
        ),
    ),
    case(
        "complex key",
        ("stack: {name: demo}\n? [a, b]\n: c\n"),
        ("2:3: a key is a single text, not a list or map\nWrite it as key: value."),
    ),
    case(
        "map as a key",
        ("stack: {name: demo}\n{a: 1}: c\n"),
        ("2:1: a key is a single text, not a list or map\nWrite it as key: value."),
    ),
    case(
        "missing key",
        ("stack: {name: demo}\n: c\n"),
        ("2:1: a key is missing before this ':'\nWrite it as key: value."),
    ),
    case(
        "missing space",
        ("stack:\n  name: demo\n  service:default\n  record: none\n"),
        ("3:3: a space is missing after the colon\nWrite service: default"),
    ),
    case(
        "missing space between braces",
        "stack: {name:demo}\n",
        ("1:9: a space is missing after the colon\nWrite name: demo"),
    ),
    case(
        "missing space before a list",
        "stack: {name: demo, list:[a]}\n",
        (
            "1:25: a space is missing after the colon\n"
            "Write key: value with a space, or put a text with a colon in quotes."
        ),
    ),
    case(
        "line without a colon",
        ("stack:\n  name: demo\n  service\n  record: none\n"),
        ("3:3: this line has no colon\nWrite it as key: value, or indent it to continue the line above."),
    ),
    case(
        "second colon",
        ("stack: {name: demo}\ntitle: Order: urgent\n"),
        (
            "2:13: a second ': ' stands in one line\n"
            "Put the value in quotes if the colon is part of it, or start a new line for the next key."
        ),
    ),
    case(
        "unclosed double quote",
        ('stack: {name: demo}\ntitle: "Order\nother: 1\n'),
        (
            '2:8: the quote " opened here is never closed\n'
            'Close it with ", or write \\" for a quote that is part of the text.'
        ),
    ),
    case(
        "unclosed single quote",
        ("stack: {name: demo}\ntitle: 'Order\nother: 1\n"),
        (
            "2:8: the quote ' opened here is never closed\n"
            "Close it with ', or double a quote that is part of the text: ''."
        ),
    ),
    case(
        "quote closed by the next",
        ('stack: {name: demo}\ntitle: "Order\nother: "urgent"\n'),
        (
            "2:8: this quoted text runs over several lines\n"
            "Is its closing quote missing? It is closed by the next one, further down.\n"
            "noticed at 3:9"
        ),
    ),
    case(
        "text after a quote",
        ('stack: {name: demo}\ntitle: "Order" urgent\n'),
        (
            "2:16: text follows the closing quote\n"
            "Put the whole value in quotes; within double quotes write \\\" and within single ones ''."
        ),
    ),
    case(
        "apostrophe",
        ("stack: {name: demo}\ntitle: 'it's late'\n"),
        (
            "2:12: text follows the closing quote\n"
            "Put the whole value in quotes; within double quotes write \\\" and within single ones ''."
        ),
    ),
    case(
        "unknown escape",
        ('stack: {name: demo}\ntitle: "C:\\docs"\n'),
        (
            "2:11: \\d means nothing between double quotes\n"
            "Write \\\\ for a backslash, or put the text in single quotes, where a backslash is itself."
        ),
    ),
    case(
        "unclosed bracket",
        ("stack: {name: demo}\nlist: [a, b\n"),
        ("2:7: the [ opened here is never closed\nClose it with ]."),
    ),
    case(
        "unclosed bracket, more lines",
        ("stack: {name: demo}\nlist: [a, b\nother: 1\n"),
        (
            "2:7: the [ opened here is not closed, or a comma is missing\n"
            "Close it with ], or put a comma between its entries.\n"
            "noticed at 3:6"
        ),
    ),
    case(
        "unclosed brace",
        ("stack: {name: demo}\nsenders: {a: b, c: d\n"),
        ("2:10: the { opened here is never closed\nClose it with }."),
    ),
    case(
        "wrong bracket",
        ("stack: {name: demo}\nlist: [a, b}\n"),
        ("2:12: } does not match the [ before it\nClose it with ].\nopened at 2:7"),
    ),
    case(
        "bracket too many",
        ("stack: {name: demo}\nsenders: {a: b}}\n"),
        ("2:16: } closes nothing\nDelete it, or open it before."),
    ),
    case(
        "two commas",
        ("stack: {name: demo}\nlist: [a,,b]\n"),
        ("2:10: a value is missing before this comma\nDelete one of the commas.\nopened at 2:7"),
    ),
    case(
        "text after a bracket",
        ("stack: {name: demo}\ntitle: [urgent] order\n"),
        (
            "2:17: text follows where the value has ended\n"
            "Put the whole value in quotes, or put this on a line of its own."
        ),
    ),
    case(
        "indented too little",
        ("stack: {name: demo}\nsenders:\n    wa: a\n  sms: b\n"),
        (
            "4:3: this line's indentation fits no line above\n"
            "Indent it exactly like the key it belongs beside."
        ),
    ),
    case(
        "indented too far",
        ("stack: {name: demo}\nsenders:\n  wa: a\n    sms: b\n"),
        (
            "4:5: this line is indented as if it continued the one above\n"
            "Indent it like the key it belongs beside.\n"
            "the value above is at 3:7"
        ),
    ),
    case(
        "first line indented",
        ("  stack: {name: demo}\nsenders: {}\n"),
        (
            "2:1: this line is indented less than the first one\n"
            "Begin every top-level key in the first column."
        ),
    ),
    case(
        "list item out of line",
        ("stack: {name: demo}\nlist:\n  - a\n - b\n"),
        (
            "4:2: this line fits neither the list above nor its surroundings\n"
            "Indent it like the '- ' lines above if it is one of them, else like the key it belongs beside."
        ),
    ),
    case(
        "key beside list items",
        ("stack: {name: demo}\nlist:\n  - a\n  b: c\n"),
        (
            "4:3: this line fits neither the list above nor its surroundings\n"
            "Indent it like the '- ' lines above if it is one of them, else like the key it belongs beside."
        ),
    ),
    case(
        "list on the key's line",
        ("stack: {name: demo}\nlist: - a\n"),
        (
            "2:7: a list cannot begin here\n"
            "Begin a list on the line below its key, one '- ' a line; put a text in quotes: \"- …\"."
        ),
    ),
    case(
        "at sign",
        ("stack: {name: demo}\ntitle: @desk\n"),
        ('2:8: a value cannot begin with @ unless it is quoted\nPut the value in quotes: "@…".'),
    ),
    case(
        "backtick",
        ("stack: {name: demo}\ntitle: `desk`\n"),
        ('2:8: a value cannot begin with ` unless it is quoted\nPut the value in quotes: "`…".'),
    ),
    case(
        "percent at line start",
        ("%demo\nstack: {name: demo}\n"),
        (
            "1:1: a line beginning with % is an instruction to YAML; none is used here\n"
            "Delete the line, or put the text in quotes if it is one."
        ),
    ),
    case(
        "text behind a bar",
        ("stack: {name: demo}\nbody: | hello\n"),
        (
            "2:7: a text after | or > begins on the next line\n"
            "After | or > nothing but - or + follows; the text begins on the next line, indented."
        ),
    ),
    case(
        "ampersand",
        ("stack: {name: demo}\ntitle: & more\n"),
        ('2:8: & begins an anchor to YAML\nIf it is meant as text, put the value in quotes: "&…".'),
    ),
    case(
        "question mark",
        ("stack: {name: demo}\ntitle: ? more\n"),
        ('2:8: a value cannot begin with ? unless it is quoted\nPut the value in quotes: "? …".'),
    ),
    case(
        "NUL",
        ("stack: {name: demo}\ntitle: a\x00b\n"),
        (
            "2:9: control character U+0000\n"
            'Delete it. Where a text needs it, write \\x00 between double quotes: "\\x00".'
        ),
    ),
    case(
        "control character",
        ("stack: {name: demo}\ntitle: a\x1b[31m\n"),
        (
            "2:9: control character U+001B\n"
            'Delete it. Where a text needs it, write \\x1b between double quotes: "\\x1b".'
        ),
    ),
    case(
        "line separator",
        ("stack: {name: demo}\ntitle: a\u2028b\n"),
        (
            "2:9: invisible character U+2028\n"
            'Delete it. Where a text needs it, write \\u2028 between double quotes: "\\u2028".'
        ),
    ),
    case(
        "byte-order mark in the middle",
        ("stack: {name: demo}\ntitle: a\ufeffb\n"),
        (
            "2:9: invisible character U+FEFF\n"
            'Delete it. Where a text needs it, write \\ufeff between double quotes: "\\ufeff".'
        ),
    ),
    case(
        "carriage returns",
        ("stack: {name: demo}\r\nsenders:\r\n  wa: a\r\n  wa: b\r\n"),
        ("4:3: wa is defined twice\nKeep one of the two, or give one another key.\nfirst defined at 3:3"),
    ),
    case(
        "half a character",
        'title: "\\ud83d\\ude00"\n',
        (
            "1:9: \\ud83d is half a character\n"
            "YAML has no escapes for halves of a character: write the character itself."
        ),
    ),
]


def told(problem: Diagnostic) -> str:
    """Return a problem as a person reads it, without the name of the file."""
    lines = [f"{str(problem.place).removeprefix('f.yaml:')}: {problem.summary}", problem.detail]
    lines += [f"{word} at {str(place).removeprefix('f.yaml:')}" for word, place in problem.related]
    return "\n".join(lines)


@pytest.mark.parametrize(("text", "message"), CASES)
def test_a_mistake_is_explained_once(text: str, message: str) -> None:
    """One mistake gives one message, which says where it is and what would be right."""
    problems = parse(text.encode(), "f.yaml").problems

    assert [message] == [told(problem) for problem in problems]
