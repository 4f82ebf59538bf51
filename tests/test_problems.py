"""Problems are shown where they are, with the line, a caret below the spot, and what would be right."""

from __future__ import annotations

import pytest

from reconciler.diagnostics import error, warning
from reconciler.model import Address, Place
from reconciler.render.numbers import Numbers
from reconciler.render.problems import problems

WHERE = Place("specs/stack.yaml", 2, 5)
SHOWN, MASKED = Numbers(None), Numbers(b"key of the tests")


def quoted(line: str, column: int) -> tuple[str, str]:
    """Return the quoted line and the caret's line."""
    place = Place("f.yaml", 1, column)
    _, shown, caret, *_ = problems([error("x", place=place)], {"f.yaml": (line,)}, SHOWN).split("\n")
    assert shown[:4] == caret[:4] == "    "
    return shown[4:], caret[4:]


def test_nothing_is_nothing() -> None:
    """Without diagnostics there is no text, not even a count."""
    assert problems([], {}, SHOWN) == ""


def test_the_whole_of_a_problem() -> None:
    """Place, summary, line, caret, detail and related places stand in this order."""
    first = error(
        "wa is defined twice",
        "Keep one of the two.\nOr rename one.",
        place=WHERE,
        related=(("first defined", Place("specs/a.yaml", 1, 2)),),
    )
    second = warning("an old key", place=Place("specs/stack.yaml", 1, 1))
    third = error("no credentials", "Set TWILIO_ACCOUNT_SID.")
    fourth = error("it is closed", address=Address.parse("conversation/order-1"))

    assert problems(
        [first, second, third, fourth], {"specs/stack.yaml": ("senders:", "    wa: x")}, SHOWN
    ) == (
        "specs/stack.yaml:2:5: error: wa is defined twice\n"
        "        wa: x\n"
        "        ^\n"
        "  Keep one of the two.\n"
        "  Or rename one.\n"
        "  first defined at specs/a.yaml:1:2\n"
        "\n"
        "specs/stack.yaml:1:1: warning: an old key\n"
        "    senders:\n"
        "    ^\n"
        "\n"
        "error: no credentials\n"
        "  Set TWILIO_ACCOUNT_SID.\n"
        "\n"
        "conversation/order-1: error: it is closed\n"
        "\n"
        "3 problems, 1 warning\n"
    )


@pytest.mark.parametrize(
    ("errors", "warnings", "count"),
    [(1, 0, "1 problem"), (2, 0, "2 problems"), (0, 1, "1 warning"), (1, 2, "1 problem, 2 warnings")],
)
def test_the_closing_count(errors: int, warnings: int, count: str) -> None:
    """The last line counts problems and warnings apart."""
    text = problems([error("x")] * errors + [warning("y")] * warnings, {}, SHOWN)

    assert text.splitlines()[-1] == count


@pytest.mark.parametrize(
    ("line", "column", "shown", "caret"),
    [
        ("a: b", 4, "a: b", "   ^"),
        ("a: b", 5, "a: b", "    ^"),
        ("\ta: b", 2, "    a: b", "    ^"),
        ("a:\tb", 4, "a:    b", "      ^"),
        ("名前: x", 5, "名前: x", "      ^"),
        ("é: x", 4, "é: x", "   ^"),
        ("e\u0301: x", 5, "e\u0301: x", "   ^"),
        ("\x1b[31m: x", 8, "\\x1b[31m: x", "          ^"),
        ("a\u202eb", 3, "a\\u202eb", "       ^"),
        ("a\u2028b", 2, "a\\u2028b", " ^"),
        ("\ud800x", 2, "\\ud800x", "      ^"),
        ("a\u00a0b", 3, "a\u00a0b", "  ^"),
    ],
)
def test_the_caret_stands_below_the_spot(line: str, column: int, shown: str, caret: str) -> None:
    """Tabs, wide, combining and invisible characters move the caret as they move the text."""
    assert quoted(line, column) == (shown, caret)


@pytest.mark.parametrize("column", [1, 50, 99, 100, 101, 150, 500, 900, 901, 999, 1000, 1001])
def test_long_lines_are_cut_around_the_spot(column: int) -> None:
    """About a hundred columns are shown, the caret below the right one, … where something is left out."""
    line = "".join(chr(0x21 + i % 90) for i in range(1000))
    shown, caret = quoted(line, column)

    assert len(shown) <= 102
    assert len(caret) <= 102
    at = len(caret) - 1
    assert shown[at : at + 1] == line[column - 1 : column]
    assert shown.startswith("…") == (column > 71)
    assert shown.strip("…") in line


def test_a_line_as_long_as_shown_is_not_cut() -> None:
    """A hundred columns fit whole, wherever the spot."""
    line = "x" * 100

    assert {quoted(line, column)[0] for column in (1, 50, 70, 71, 100)} == {line}


@pytest.mark.parametrize("place", [Place("f.yaml", 3, 1), Place("g.yaml", 1, 1), Place("f.yaml", 2, 1)])
def test_what_is_not_there_is_not_quoted(place: Place) -> None:
    """An unknown file, a line beyond the end and a blank line leave the message alone."""
    assert (
        problems([error("x", place=place)], {"f.yaml": ("a", " ")}, SHOWN)
        == f"{place}: error: x\n\n1 problem\n"
    )


def test_texts_cannot_steer_the_terminal() -> None:
    """Control characters of a key that stands in a message are written out."""
    shown = problems(
        [error("\x1b[2J is unknown", "Did you mean \x07?", place=Place("a\x1b.yaml", 1, 1))], {}, SHOWN
    )

    assert shown == "a\\x1b.yaml:1:1: error: \\x1b[2J is unknown\n  Did you mean \\x07?\n\n1 problem\n"


def test_where_others_read_numbers_are_masked_and_the_caret_still_fits() -> None:
    """In the sentence, in what would be right, and in the quoted line, before, at and behind the spot."""
    line = "{a: +15550100301, b: +15550100302, c: +15550100303}"
    place = Place("f.yaml", 1, line.index("+15550100302") + 1)
    found = error("'+15550100302' is used twice", "First by +15550100301.", place=place)
    shown = problems([found], {"f.yaml": (line,)}, MASKED)
    _, quote, caret, *_ = shown.split("\n")

    assert "5550100" not in shown
    assert quote[len(caret) - 1 :].startswith("+1…·")
    assert quote[: len(caret) - 1].endswith("b: ")
