"""Diagnostics → plain text: where, what is wrong, the line with a caret below, and what would be right."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from reconciler.diagnostics import Severity
from reconciler.render.visible import written_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Place
    from reconciler.render.numbers import Numbers

_WIDTH = 100
_BEFORE = 70
"""How many cells of a long line are kept before the caret."""
_TAB = 4


def problems(
    diagnostics: Sequence[Diagnostic], sources: Mapping[str, tuple[str, ...]], numbers: Numbers
) -> str:
    """Return all of `diagnostics` in their order and a line that counts them; '' when there are none.

    `sources` holds the lines of the files by the names the places use; a file that is missing is not quoted.
    `numbers` says how phone numbers are shown, in the quoted lines too.
    """
    if not diagnostics:
        return ""
    return "\n".join([*(problem(one, sources, numbers) for one in diagnostics), _count(diagnostics)]) + "\n"


def problem(one: Diagnostic, sources: Mapping[str, tuple[str, ...]], numbers: Numbers) -> str:
    """Return one diagnostic as lines, each ended."""

    def shown(text: str) -> str:
        return _visible(numbers.mask(text))

    where = one.place or one.address
    prefix = f"{shown(str(where))}: " if where else ""
    lines = [f"{prefix}{one.severity}: {shown(one.summary)}"]
    if one.place:
        lines.extend(f"    {line}" for line in quoted(one.place, sources, numbers))
    lines.extend(f"  {shown(line)}".rstrip() for line in one.detail.splitlines())
    lines.extend(f"  {shown(word)} at {shown(str(place))}" for word, place in one.related)
    return "\n".join(lines) + "\n"


def _count(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(one.severity is Severity.ERROR for one in diagnostics)
    warnings = len(diagnostics) - errors
    counts = ((errors, "problem"), (warnings, "warning"))
    return ", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in counts if number)


def quoted(place: Place, sources: Mapping[str, tuple[str, ...]], numbers: Numbers) -> list[str]:
    """Return the line at `place` and the caret's line; nothing when the line is unknown or blank."""
    lines = sources.get(place.file, ())
    if not 0 < place.line <= len(lines) or not lines[place.line - 1].strip():
        return []
    # However long the line is, only what is near the column can be shown.
    line, at = numbers.mask_around(lines[place.line - 1], place.column - 1)
    start = max(at - _WIDTH, 0)
    cells = [_visible(char, tab=" " * _TAB) for char in line[start : at + _WIDTH]]
    before, after = cells[: at - start], cells[at - start :]
    cut_before = start > 0 or _width(before) + min(_width(after), _WIDTH - _BEFORE) > _WIDTH
    head = _last(before, _BEFORE) if cut_before else before
    tail = _first(after, _WIDTH - _width(head))
    left = "…" if len(head) < at else ""
    right = "…" if len(tail) < len(line) - at else ""
    return [f"{left}{''.join(head)}{''.join(tail)}{right}", " " * (len(left) + _width(head)) + "^"]


def _first(cells: list[str], width: int) -> list[str]:
    """Return as many of the first `cells` as fit into `width`."""
    count = 0
    for cell in cells:
        width -= _width([cell])
        if width < 0:
            break
        count += 1
    return cells[:count]


def _last(cells: list[str], width: int) -> list[str]:
    return _first(cells[::-1], width)[::-1]


def _width(cells: list[str]) -> int:
    """Return how many columns of a terminal `cells` take."""
    return sum(_columns(char) for cell in cells for char in cell)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _visible(text: str, tab: str = " ") -> str:
    """Return `text` with what a terminal would obey, hide or choke on written out as an escape."""
    return "".join(_escaped(char, tab) for char in text)


def _escaped(char: str, tab: str) -> str:
    if char == "\t":
        return tab
    if char.isprintable() or char == " " or unicodedata.category(char) == "Zs":
        return char
    return written_out(char)
